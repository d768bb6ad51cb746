/* SPDX-License-Identifier: MIT */
/*
 * /sys/kernel/mm/transparent_hugepage: when there are huge pages, how hard they
 * are looked for, and khugepaged's settings.  Words and limits are Linux 6.1's.
 */
#include "proc/internal.h"
#include "space/huge_mm.h"

/* A file that is one choice of several: the flags of each word. */
struct thp_choice {
	const char *word;
	unsigned long flags;
};

#define THP_BIT(name) BIT(TRANSPARENT_HUGEPAGE_##name)
#define ENABLED_FLAGS (THP_BIT(FLAG) | THP_BIT(REQ_MADV_FLAG))
#define DEFRAG_FLAGS                                                 \
	(THP_BIT(DEFRAG_DIRECT_FLAG) | THP_BIT(DEFRAG_KSWAPD_FLAG) | \
	 THP_BIT(DEFRAG_KSWAPD_OR_MADV_FLAG) | THP_BIT(DEFRAG_REQ_MADV_FLAG))

static const struct thp_choice enabled_choices[] = {
	{"always", THP_BIT(FLAG)},
	{"madvise", THP_BIT(REQ_MADV_FLAG)},
	{"never", 0},
	{NULL, ENABLED_FLAGS},
};
static const struct thp_choice defrag_choices[] = {
	{"always", THP_BIT(DEFRAG_DIRECT_FLAG)},
	{"defer", THP_BIT(DEFRAG_KSWAPD_FLAG)},
	{"defer+madvise", THP_BIT(DEFRAG_KSWAPD_OR_MADV_FLAG)},
	{"madvise", THP_BIT(DEFRAG_REQ_MADV_FLAG)},
	{"never", 0},
	{NULL, DEFRAG_FLAGS},
};

/* The last entry's flags are all that the file sets. */
static unsigned long choice_mask(const struct thp_choice *c)
{
	while (c->word)
		c++;
	return c->flags;
}

static int show_choice(struct quire *q, __unused const struct proc_entry *e,
		       const struct proc_def *def, struct text *t)
{
	const struct thp_choice *c = def->data;
	unsigned long now = q->space->huge->flags & choice_mask(c);
	bool shown = false;

	for (; c->word; c++) {
		bool is = !shown && ((now & c->flags) || (!now && !c->flags));

		shown |= is;
		text_printf(t, is ? "%s[%s]" : "%s%s", c == def->data ? "" : " ", c->word);
	}
	text_putc(t, '\n');
	return 0;
}

static s64 store_choice(struct quire *q, __unused const struct proc_entry *e,
			const struct proc_def *def, const struct proc_input *in)
{
	const struct thp_choice *c = def->data;
	unsigned long *flags = &q->space->huge->flags, mask = choice_mask(c);
	char word[32];
	int err;

	if (proc_word(in, word, sizeof(word)))
		return -EINVAL;
	while (c->word &&
	       (str_len(c->word) != str_len(word) || str_ncmp(c->word, word, str_len(word))))
		c++;
	if (!c->word)
		return -EINVAL;
	HOT_STORE(flags, (*flags & ~mask) | c->flags);
	if (mask == ENABLED_FLAGS) {
		err = start_stop_khugepaged(q);
		if (err)
			return err;
	}
	return (s64)in->len;
}

#define DEF_CHOICE(name_, choices)                                                     \
	{                                                                              \
		.name = (name_), .kind = PROC_FILE, .mode = 0644, .show = show_choice, \
		.store = store_choice, .data = (choices)                               \
	}

static int show_thp_flag(struct quire *q, __unused const struct proc_entry *e,
			 const struct proc_def *def, struct text *t)
{
	text_puts(t, q->space->huge->flags & BIT(def->val) ? "1\n" : "0\n");
	return 0;
}

static s64 store_thp_flag(struct quire *q, __unused const struct proc_entry *e,
			  const struct proc_def *def, const struct proc_input *in)
{
	s64 v = proc_number(in, 0, 1);

	if (v < 0)
		return v;
	if (v)
		(void)HOT_OR(&q->space->huge->flags, BIT(def->val));
	else
		(void)HOT_AND(&q->space->huge->flags, ~BIT(def->val));
	return (s64)in->len;
}

/* ---- khugepaged ------------------------------------------------------------- */

enum khugepaged_number {
	K_ALLOC_SLEEP,
	K_FULL_SCANS,
	K_NONE,
	K_SHARED,
	K_SWAP,
	K_COLLAPSED,
	K_PAGES,
	K_SCAN_SLEEP,
};

static unsigned int *khugepaged_number(struct quire *q, u32 which)
{
	struct khugepaged *k = &q->space->huge->khugepaged;

	switch (which) {
	case K_ALLOC_SLEEP:
		return &k->alloc_sleep_millisecs;
	case K_FULL_SCANS:
		return &k->full_scans;
	case K_NONE:
		return &k->max_ptes_none;
	case K_SHARED:
		return &k->max_ptes_shared;
	case K_SWAP:
		return &k->max_ptes_swap;
	case K_COLLAPSED:
		return &k->pages_collapsed;
	case K_PAGES:
		return &k->pages_to_scan;
	default:
		return &k->scan_sleep_millisecs;
	}
}

static int show_khugepaged(struct quire *q, __unused const struct proc_entry *e,
			   const struct proc_def *def, struct text *t)
{
	put_dec(t, *khugepaged_number(q, def->val), 0);
	text_putc(t, '\n');
	return 0;
}

static s64 store_khugepaged(struct quire *q, __unused const struct proc_entry *e,
			    const struct proc_def *def, const struct proc_input *in)
{
	struct khugepaged *k = &q->space->huge->khugepaged;
	bool ptes = def->val == K_NONE || def->val == K_SHARED || def->val == K_SWAP;
	s64 v = proc_number(in, def->val == K_PAGES,
			    ptes ? (unsigned long)HPAGE_PMD_NR - 1 : UINT_MAX);

	if (v < 0)
		return v;
	HOT_STORE(khugepaged_number(q, def->val), (unsigned int)v);
	if (def->val == K_ALLOC_SLEEP || def->val == K_SCAN_SLEEP) {
		HOT_STORE(&k->sleep_until, 0UL);
		wake_up(q, &k->wait);
	}
	return (s64)in->len;
}

#define K_RW(name, what) DEF_VAL(name, 0644, show_khugepaged, store_khugepaged, what)
#define K_RO(name, what) DEF_VAL(name, 0444, show_khugepaged, NULL, what)

static const struct proc_def khugepaged_defs[] = {
	K_RW("alloc_sleep_millisecs", K_ALLOC_SLEEP),
	DEF_VAL("defrag", 0644, show_thp_flag, store_thp_flag,
		TRANSPARENT_HUGEPAGE_DEFRAG_KHUGEPAGED_FLAG),
	K_RO("full_scans", K_FULL_SCANS),
	K_RW("max_ptes_none", K_NONE),
	K_RW("max_ptes_shared", K_SHARED),
	K_RW("max_ptes_swap", K_SWAP),
	K_RO("pages_collapsed", K_COLLAPSED),
	K_RW("pages_to_scan", K_PAGES),
	K_RW("scan_sleep_millisecs", K_SCAN_SLEEP),
};
PROC_DIR_TABLE(sysfs_khugepaged_dir, khugepaged_defs);

/* ---- shmem ------------------------------------------------------------------- */

static const struct {
	const char *word;
	enum shmem_huge huge;
} shmem_words[] = {
	{"always", SHMEM_HUGE_ALWAYS}, {"within_size", SHMEM_HUGE_WITHIN_SIZE},
	{"advise", SHMEM_HUGE_ADVISE}, {"never", SHMEM_HUGE_NEVER},
	{"deny", SHMEM_HUGE_DENY},     {"force", SHMEM_HUGE_FORCE},
};

static int show_shmem_enabled(struct quire *q, __unused const struct proc_entry *e,
			      __unused const struct proc_def *def, struct text *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(shmem_words); i++)
		text_printf(t, q->cache->shmem_huge == shmem_words[i].huge ? "%s[%s]" : "%s%s",
			    i ? " " : "", shmem_words[i].word);
	text_putc(t, '\n');
	return 0;
}

static s64 store_shmem_enabled(struct quire *q, __unused const struct proc_entry *e,
			       __unused const struct proc_def *def, const struct proc_input *in)
{
	char word[32];

	if (proc_word(in, word, sizeof(word)))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(shmem_words); i++) {
		if (str_len(word) != str_len(shmem_words[i].word) ||
		    str_ncmp(word, shmem_words[i].word, str_len(word)))
			continue;
		HOT_STORE(&q->cache->shmem_huge, shmem_words[i].huge);
		/* With deny and force the mount keeps its word for later. */
		if (shmem_words[i].huge >= SHMEM_HUGE_NEVER)
			HOT_STORE(&q->cache->shm_sb->s_huge, shmem_words[i].huge);
		return (s64)in->len;
	}
	return -EINVAL;
}

static const struct proc_def thp_defs[] = {
	DEF_CHOICE("defrag", defrag_choices),
	DEF_CHOICE("enabled", enabled_choices),
	DEF_TEXT("hpage_pmd_size", 0444, "2097152\n"),
	DEF_DIR("khugepaged", DIR_KHUGEPAGED),
	DEF_VAL("shmem_enabled", 0644, show_shmem_enabled, store_shmem_enabled, 0),
	DEF_VAL("use_zero_page", 0644, show_thp_flag, store_thp_flag,
		TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG),
};
PROC_DIR_TABLE(sysfs_thp_dir, thp_defs);
