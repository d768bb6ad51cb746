/* SPDX-License-Identifier: MIT */
/*
 * Demotion: cold pages of a fast node move to a slower one in place of being
 * reclaimed (Linux's demote_folio_list() and memory-tiers.c).
 *
 * The idea: memory on a node without processors (what a kernel gets from a memory
 * expander) is a tier below the others: slower, but faster than a disk.  With
 * /sys/kernel/mm/numa/demotion_enabled on, a page that reclaim of a node with processors would
 * take goes to the nearest such node, as it is: mapped, dirty or not.  What finds no
 * room there is reclaimed as ever; pages of the slower node always are.  A huge page
 * moves as one.
 *
 * Invariant: the caller counts what it isolated in NR_ISOLATED_* until the end; the
 * pages that moved are counted there again, for migration takes them off.
 *
 * Locks: none here.
 *
 * Differs from Linux: two tiers, told apart by processors and not by what a driver measured.
 */
#include "reclaim/internal.h"
#include "reclaim/migrate.h"

/* The nearest node of the tier below, or -1. */
int next_demotion_node(const struct quire *q, unsigned int nid)
{
	int best = -1;

	if (!NODE_DATA(q, nid)->nr_cpus)
		return -1;
	for_each_node (q, other) {
		const struct pglist_data *pgdat = NODE_DATA(q, other);

		if (!pgdat || pgdat->nr_cpus || !pgdat->node_present_pages)
			continue;
		if (best < 0 ||
		    node_distance(q, nid, other) < node_distance(q, nid, (unsigned int)best))
			best = (int)other;
	}
	return best;
}

bool can_demote(const struct quire *q, unsigned int nid, const struct scan_control *sc)
{
	if (likely(!q->reclaim || !HOT_LOAD(&q->reclaim->demotion_enabled)))
		return false;
	return !(sc && sc->no_demotion) && next_demotion_node(q, nid) >= 0;
}

/* No reclaim for it: the slower node's own kswapd makes room.  A huge page that finds none
 * is split, and its pages are tried one by one. */
static struct page *alloc_demote_page(struct quire *q, struct page *page, void *ctx)
{
	gfp_t gfp = (GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_NOWARN | __GFP_NOMEMALLOC |
		    __GFP_KSWAPD_RECLAIM | __GFP_THISNODE;
	unsigned int order = 0;

	if (PageTransHuge(page)) {
		gfp = (gfp & ~__GFP_RECLAIM) | GFP_TRANSHUGE_LIGHT;
		order = HPAGE_PMD_ORDER;
	}
	page = alloc_pages_node(q, *(const unsigned int *)ctx, gfp, order);
	if (page && order)
		prep_transhuge_page(page);
	return page;
}

static void count_isolated(struct pglist_data *pgdat, const struct list_head *pages, long sign)
{
	const struct page *page;

	list_for_each_entry (page, pages, lru)
		mod_node_page_state(pgdat,
				    page_is_file_lru(page) ? NR_ISOLATED_FILE : NR_ISOLATED_ANON,
				    sign * (long)compound_nr(page));
}

unsigned long demote_page_list(struct quire *q, struct list_head *pages, unsigned int nid)
{
	struct pglist_data *pgdat = NODE_DATA(q, nid);
	unsigned int target = (unsigned int)next_demotion_node(q, nid), moved = 0;

	if (list_empty(pages))
		return 0;
	/* All of them, less those that stay: what moved. */
	count_isolated(pgdat, pages, 1);
	(void)migrate_pages(q, pages, alloc_demote_page, NULL, &target, MIGRATE_ASYNC, &moved);
	count_isolated(pgdat, pages, -1);
	count_vm_events(q, current_is_kswapd(q) ? PGDEMOTE_KSWAPD : PGDEMOTE_DIRECT, moved);
	return moved;
}
