/* SPDX-License-Identifier: MIT */
/*
 * Below /sys/kernel/debug: who owns which page (page_owner), the switches of the
 * debugging of pages, and contiguous memory areas (cma/); and /sys/kernel/mm/cma.
 *
 * page_owner reads as Linux's does.  What Linux decides at boot (page_owner=on,
 * page_poison=1, debug_guardpage_minorder=N) is switched here while the machine
 * runs: 1 or 0 written to page_owner and page_poison, an order to
 * debug_guardpage_minorder.
 */
#include "page/debug.h"
#include "proc/internal.h"
#include "reclaim/compaction.h"
#include "slab/slub.h"

/* ---- owners ----------------------------------------------------------------- */

static void put_owner(struct quire *q, struct text *t, u64 pfn, const struct page_ext *ext)
{
	const struct page *page = compound_head(pfn_to_page(q, pfn));

	page_owner_to_text(q, t, pfn, ext);
	if (page->memcg)
		text_printf(t, "Charged to %smemcg %s\n", page->memcg->offline ? "offline " : "",
			    page->memcg->name);
	text_putc(t, '\n');
}

static int show_page_owner(struct quire *q, __unused const struct proc_entry *e,
			   __unused const struct proc_def *def, struct text *t)
{
	const struct memblock_type *memory = &q->node->memblock->memory;

	for (unsigned int i = 0; i < memory->cnt; i++) {
		const struct memblock_region *r = &memory->regions[i];
		u64 end = (r->base + r->size) >> PAGE_SHIFT, next;

		for (u64 pfn = r->base >> PAGE_SHIFT; pfn < end; pfn = next) {
			const struct page_ext *ext = page_ext_find(q, pfn);

			next = pfn + 1;
			/* Each page of a block knows it; its first one tells. */
			if (ext && ext->allocated && IS_ALIGNED(pfn, 1UL << ext->order) &&
			    !PageBuddy(pfn_to_page(q, pfn)))
				put_owner(q, t, pfn, ext);
			else if (!ext)
				next = ALIGN(pfn + 1, PAGE_EXT_CHUNK);
		}
	}
	return 0;
}

enum { SWITCH_OWNER, SWITCH_POISON, SWITCH_GUARD, SWITCH_PANIC };

static int show_switch(struct quire *q, __unused const struct proc_entry *e,
		       const struct proc_def *def, struct text *t)
{
	switch (def->val) {
	case SWITCH_POISON:
		text_printf(t, "%d\n", (q->keys & KEY_PAGE_POISON) != 0);
		break;
	case SWITCH_GUARD:
		text_printf(t, "%u\n", debug_guardpage_minorder(q));
		break;
	default:
		text_printf(t, "%d\n", q->page->panic_on_bad_page);
	}
	return 0;
}

static s64 store_switch(struct quire *q, __unused const struct proc_entry *e,
			const struct proc_def *def, const struct proc_input *in)
{
	long v;
	int err = proc_one_long(in, &v);

	if (!err && (v < 0 || v > (def->val == SWITCH_GUARD ? MAX_ORDER : 1)))
		err = -EINVAL;
	if (err)
		return err;
	if (def->val == SWITCH_OWNER)
		err = page_owner_enable(q, v);
	else if (def->val == SWITCH_POISON)
		err = page_poison_enable(q, v);
	else if (def->val == SWITCH_GUARD)
		err = set_debug_guardpage_minorder(q, (unsigned int)v);
	else
		q->page->panic_on_bad_page = v;
	return err ? err : (s64)in->len;
}

/* ---- contiguous areas ------------------------------------------------------- */

static struct cma *cma_of(struct quire *q, const struct proc_entry *e)
{
	return &q->page->cma->areas[e->arg];
}

enum cma_file {
	CMA_BASE,
	CMA_COUNT,
	CMA_ORDER,
	CMA_USED,
	CMA_MAXCHUNK,
	CMA_ALLOC,
	CMA_FREE,
	CMA_SUCCESS,
	CMA_FAIL
};

static int show_cma(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		    struct text *t)
{
	struct cma *cma = cma_of(q, e);
	unsigned long v = 0;

	switch ((enum cma_file)def->val) {
	case CMA_BASE:
		v = cma->base_pfn;
		break;
	case CMA_COUNT:
		v = cma->count;
		break;
	case CMA_ORDER:
		v = cma->order_per_bit;
		break;
	case CMA_USED:
		v = cma_used_pages(q, cma);
		break;
	case CMA_MAXCHUNK:
		v = cma_maxchunk(q, cma);
		break;
	case CMA_SUCCESS:
		v = HOT_LOAD(&cma->nr_succeeded);
		break;
	case CMA_FAIL:
		v = HOT_LOAD(&cma->nr_failed);
		break;
	default:
		return -EINVAL;
	}
	text_printf(t, "%lu\n", v);
	return 0;
}

/* What was taken through `alloc': the first page's private says how many more. */
struct cma_taken {
	struct list_head list;
	struct cma *cma;
	u64 pfn;
	unsigned long count;
};

static s64 alloc_from_area(struct quire *q, struct cma *cma, unsigned long count)
{
	struct cma_taken *taken = kzalloc(q, sizeof(*taken), GFP_KERNEL);
	struct page *page;

	if (!taken)
		return -ENOMEM;
	page = cma_alloc(q, cma, count, 0, false);
	if (!page) {
		kfree(q, taken);
		return -ENOMEM;
	}
	*taken = (struct cma_taken){.cma = cma, .pfn = page_to_pfn(q, page), .count = count};
	list_add(&taken->list, &q->proc->cma_taken);
	return 0;
}

/* The last that was taken goes first, as long as it is not more than asked. */
static void free_to_area(struct quire *q, struct cma *cma, unsigned long count)
{
	struct cma_taken *taken, *next;

	list_for_each_entry_safe (taken, next, &q->proc->cma_taken, list) {
		if (taken->cma != cma || taken->count > count)
			continue;
		(void)cma_release(q, cma, pfn_to_page(q, taken->pfn), taken->count);
		count -= taken->count;
		list_del(&taken->list);
		kfree(q, taken);
	}
}

static s64 store_cma(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		     const struct proc_input *in)
{
	long v;
	s64 err = proc_one_long(in, &v);

	if (!err && v <= 0)
		err = -EINVAL;
	if (err)
		return err;
	if (def->val == CMA_ALLOC)
		err = alloc_from_area(q, cma_of(q, e), (unsigned long)v);
	else
		free_to_area(q, cma_of(q, e), (unsigned long)v);
	return err ? err : (s64)in->len;
}

#define CMA_RO(name, what) DEF_VAL(name, 0444, show_cma, NULL, what)

static const struct proc_def cma_area_defs[] = {
	DEF_VAL("alloc", 0200, NULL, store_cma, CMA_ALLOC),
	CMA_RO("base_pfn", CMA_BASE),
	CMA_RO("count", CMA_COUNT),
	DEF_VAL("free", 0200, NULL, store_cma, CMA_FREE),
	CMA_RO("maxchunk", CMA_MAXCHUNK),
	CMA_RO("order_per_bit", CMA_ORDER),
	CMA_RO("used", CMA_USED),
};
PROC_DIR_TABLE(sysfs_cma_area_dir, cma_area_defs);

static const struct proc_def mm_cma_area_defs[] = {
	CMA_RO("alloc_pages_fail", CMA_FAIL),
	CMA_RO("alloc_pages_success", CMA_SUCCESS),
};
PROC_DIR_TABLE(sysfs_mm_cma_area_dir, mm_cma_area_defs);

/* In debugfs an area is called cma-NAME, in sysfs NAME. */
static void cma_dir_name(const struct cma *cma, bool debug, char name[CMA_NAME + 8])
{
	(void)text_format(name, CMA_NAME + 8, "%s%s", debug ? "cma-" : "", cma->name);
}

static struct proc_entry cma_lookup(struct quire *q, const struct proc_entry *dir, const char *name)
{
	const struct cma_floor *floor = q->page->cma;
	bool debug = dir->id == DIR_DEBUG_CMA;
	char have[CMA_NAME + 8];

	for (u32 i = 0; floor && i < floor->nr; i++) {
		cma_dir_name(&floor->areas[i], debug, have);
		if (str_eq(name, have))
			return proc_entry_of(debug ? DIR_CMA_AREA : DIR_MM_CMA_AREA, 0, i);
	}
	return (struct proc_entry){0};
}

static void cma_readdir(struct quire *q, const struct proc_entry *dir, struct proc_filler *f)
{
	const struct cma_floor *floor = q->page->cma;
	bool debug = dir->id == DIR_DEBUG_CMA;
	char name[CMA_NAME + 8];

	for (u32 i = 0; floor && i < floor->nr; i++) {
		cma_dir_name(&floor->areas[i], debug, name);
		if (!proc_fill(f, name,
			       proc_entry_of(debug ? DIR_CMA_AREA : DIR_MM_CMA_AREA, 0, i)))
			return;
	}
}

const struct proc_dir sysfs_debug_cma_dir = {.lookup = cma_lookup, .readdir = cma_readdir};
const struct proc_dir sysfs_mm_cma_dir = {.lookup = cma_lookup, .readdir = cma_readdir};

/* ---- the directory ---------------------------------------------------------- */

static const struct proc_def extfrag_defs[] = {
	DEF_VAL("extfrag_index", 0444, show_extfrag, NULL, 0),
	DEF_VAL("unusable_index", 0444, show_extfrag, NULL, 1),
};
PROC_DIR_TABLE(sysfs_extfrag_dir, extfrag_defs);

static const struct proc_def debug_defs[] = {
	DEF_DIR("bdi", DIR_DEBUG_BDIS),
	DEF_DIR("cma", DIR_DEBUG_CMA),
	DEF_VAL("debug_guardpage_minorder", 0644, show_switch, store_switch, SWITCH_GUARD),
	DEF_DIR("extfrag", DIR_EXTFRAG),
	DEF_DIR("kfence", DIR_DEBUG_KFENCE),
	DEF_RW("lru_gen", 0644, show_lru_gen, store_lru_gen),
	DEF_VAL("lru_gen_full", 0444, show_lru_gen, NULL, 1),
	DEF_VAL("page_owner", 0600, show_page_owner, store_switch, SWITCH_OWNER),
	DEF_VAL("page_poison", 0644, show_switch, store_switch, SWITCH_POISON),
	DEF_VAL("panic_on_bad_page", 0644, show_switch, store_switch, SWITCH_PANIC),
	DEF_DIR("slab", DIR_DEBUG_SLABS),
	DEF_DIR("zsmalloc", DIR_ZS_POOLS),
	DEF_DIR("zswap", DIR_DEBUG_ZSWAP),
};

/* Areas are shown where there are any, the sampling guard where it is on. */
static bool debug_visible(struct quire *q, __unused const struct proc_entry *dir,
			  const struct proc_def *def)
{
	if (def->dir == DIR_DEBUG_KFENCE)
		return q->slab->kfence;
	return def->dir != DIR_DEBUG_CMA || q->page->cma;
}

const struct proc_dir sysfs_debug_dir = {
	.defs = debug_defs, .nr_defs = ARRAY_SIZE(debug_defs), .visible = debug_visible};
