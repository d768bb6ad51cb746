/* SPDX-License-Identifier: MIT */
/*
 * A GFP mask as text, as Linux's %pGg prints it: the combinations that have a
 * name first, then single flags, joined by bars; bits without a name in
 * hexadecimal.  The order is that of Linux's table, so reports read the same.
 */
#include "base/text.h"
#include "page/gfp.h"

#define NAME(flag)          \
	{                   \
		flag, #flag \
	}

static const struct {
	gfp_t mask;
	const char *name;
} gfp_names[] = {
	NAME(GFP_TRANSHUGE),
	NAME(GFP_TRANSHUGE_LIGHT),
	NAME(GFP_HIGHUSER_MOVABLE),
	NAME(GFP_HIGHUSER),
	NAME(GFP_USER),
	NAME(GFP_KERNEL_ACCOUNT),
	NAME(GFP_KERNEL),
	NAME(GFP_NOFS),
	NAME(GFP_ATOMIC),
	NAME(GFP_NOIO),
	NAME(GFP_NOWAIT),
	{__GFP_DMA, "GFP_DMA"},
	NAME(__GFP_HIGHMEM),
	{__GFP_DMA32, "GFP_DMA32"},
	NAME(__GFP_HIGH),
	NAME(__GFP_ATOMIC),
	NAME(__GFP_IO),
	NAME(__GFP_FS),
	NAME(__GFP_NOWARN),
	NAME(__GFP_RETRY_MAYFAIL),
	NAME(__GFP_NOFAIL),
	NAME(__GFP_NORETRY),
	NAME(__GFP_COMP),
	NAME(__GFP_ZERO),
	NAME(__GFP_NOMEMALLOC),
	NAME(__GFP_MEMALLOC),
	NAME(__GFP_HARDWALL),
	NAME(__GFP_THISNODE),
	NAME(__GFP_RECLAIMABLE),
	NAME(__GFP_MOVABLE),
	NAME(__GFP_ACCOUNT),
	NAME(__GFP_WRITE),
	NAME(__GFP_RECLAIM),
	NAME(__GFP_DIRECT_RECLAIM),
	NAME(__GFP_KSWAPD_RECLAIM),
};

void gfp_to_text(struct text *t, gfp_t gfp)
{
	for (size_t i = 0; i < ARRAY_SIZE(gfp_names) && gfp; i++) {
		if ((gfp & gfp_names[i].mask) != gfp_names[i].mask)
			continue;
		text_puts(t, gfp_names[i].name);
		gfp &= ~gfp_names[i].mask;
		if (gfp)
			text_putc(t, '|');
	}
	if (gfp)
		text_printf(t, "%#x", gfp);
}
