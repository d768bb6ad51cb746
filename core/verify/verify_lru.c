/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the LRU lists: a page is on the list its flags name, of the
 * lruvec of its node and group, and every counter equals the lists it counts.
 *
 * One pass over the lists, one cache line a page: a night's verification walks
 * tens of millions of pages.
 */
#include "cache/internal.h"
#include "verify/verify.h"

#define LRU_FLAGS \
	(BIT(PG_lru) | LRU_GEN_MASK | BIT(PG_unevictable) | (PAGE_NODE_MASK << PAGE_NODE_SHIFT))

struct lru_sums {
	unsigned long zone[NR_LRU_LISTS][MAX_NR_ZONES];
};

static const char *const lru_names[NR_LRU_LISTS] = {
	"inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable",
};

/* What the flags of a page on a list must be, and which of them matter. */
static unsigned long expected_flags(const struct pglist_data *pgdat, int lru, unsigned long *mask)
{
	unsigned long flags = BIT(PG_lru) | ((unsigned long)pgdat->node_id << PAGE_NODE_SHIFT);

	*mask = LRU_FLAGS;
	if (lru == LRU_UNEVICTABLE)
		return flags | BIT(PG_unevictable);
	*mask |= BIT(PG_active) | BIT(PG_swapbacked);
	if (is_active_lru(lru))
		flags |= BIT(PG_active);
	if (!is_file_lru(lru))
		flags |= BIT(PG_swapbacked);
	return flags;
}

bool is_page_link(const struct quire *q, const struct list_head *p)
{
	u64 offset = (u64)((const char *)p - (const char *)q->mem_map) - offsetof(struct page, lru);

	return offset < q->max_pfn * sizeof(struct page) && offset % sizeof(struct page) == 0;
}

/* nr[]: what the generations have that counts for the list. */
static void verify_list(struct verify *v, struct lruvec *lruvec, int lru, unsigned long *nr,
			struct lru_sums *sums)
{
	const struct quire *q = v->q;
	const struct list_head *head = &lruvec->lists[lru], *p;
	unsigned long total = 0, mask;
	unsigned long expected = expected_flags(lruvec->pgdat, lru, &mask);

	for (p = head->next; p != head; p = p->next) {
		const struct page *page = list_entry(p, const struct page, lru);

		if (unlikely(!is_page_link(q, p) || p->next->prev != p)) {
			broken(v, "lru: %s of node %u is not a list of pages", lru_names[lru],
			       lruvec->pgdat->node_id);
			return;
		}
		if (unlikely((page->flags & mask) != expected))
			broken(v, "lru: frame 0x%lx on %s of node %u has flags 0x%lx",
			       (unsigned long)page_to_pfn(q, page), lru_names[lru],
			       lruvec->pgdat->node_id, page->flags);
		if (unlikely(page->memcg != lruvec->memcg))
			broken(v, "lru: frame 0x%lx on %s of node %u belongs to another group",
			       (unsigned long)page_to_pfn(q, page), lru_names[lru],
			       lruvec->pgdat->node_id);
		if (unlikely(page->_refcount <= 0))
			broken(v, "lru: frame 0x%lx on %s of node %u is free",
			       (unsigned long)page_to_pfn(q, page), lru_names[lru],
			       lruvec->pgdat->node_id);
		nr[page_zonenum(page)] += 1UL << compound_order(page);
	}
	for (int z = 0; z < MAX_NR_ZONES; z++) {
		if (nr[z] != lruvec->nr_zone[lru][z])
			broken(v, "lru: %s of node %u zone %d counts %lu, has %lu", lru_names[lru],
			       lruvec->pgdat->node_id, z, lruvec->nr_zone[lru][z], nr[z]);
		sums->zone[lru][z] += nr[z];
		total += nr[z];
	}
	if (total != lruvec->nr[lru])
		broken(v, "lru: %s of node %u counts %lu, has %lu", lru_names[lru],
		       lruvec->pgdat->node_id, lruvec->nr[lru], total);
}

static void verify_lruvec(struct verify *v, struct lruvec *lruvec, struct lru_sums *sums)
{
	unsigned long nr[NR_LRU_LISTS][MAX_NR_ZONES] = {{0}};

	if (lruvec->lrugen)
		verify_lru_gen(v, lruvec, nr);
	for_each_lru (lru)
		verify_list(v, lruvec, lru, nr[lru], sums);
}

static void verify_node_sums(struct verify *v, struct pglist_data *pgdat,
			     const struct lru_sums *sums)
{
	for_each_lru (lru) {
		unsigned long total = 0;

		for (int z = 0; z < MAX_NR_ZONES; z++) {
			struct zone *zone = &pgdat->node_zones[z];
			long n = zone->vm_stat[NR_ZONE_INACTIVE_ANON + lru];

			if (n != (long)sums->zone[lru][z])
				broken(v,
				       "lru: nr_zone_%s of node %u zone %d is %ld, lists have %lu",
				       lru_names[lru], pgdat->node_id, z, n, sums->zone[lru][z]);
			total += sums->zone[lru][z];
		}
		if (pgdat->vm_stat[NR_INACTIVE_ANON + lru] != (long)total)
			broken(v, "lru: nr_%s of node %u is %ld, lists have %lu", lru_names[lru],
			       pgdat->node_id, pgdat->vm_stat[NR_INACTIVE_ANON + lru], total);
	}
}

static void verify_memcg_sums(struct verify *v, const struct mem_cgroup *memcg)
{
	for_each_lru (lru) {
		for_each_node (v->q, nid) {
			const struct lruvec *lruvec = memcg->lruvec[nid];
			long n = lruvec->stat[NR_INACTIVE_ANON + lru];

			if (n != (long)lruvec->nr[lru])
				broken(v, "lru: %s of group %u is %ld, lists have %lu",
				       lru_names[lru], memcg->id, n, lruvec->nr[lru]);
		}
	}
}

static void verify_batches(struct verify *v)
{
	for (unsigned int cpu = 0; cpu < v->q->nr_cpus; cpu++) {
		const struct lru_batch *b = &v->q->cache->lru_batch[cpu];

		for (int kind = 0; kind < NR_LRU_BATCHES; kind++) {
			if (b->nr[kind] >= PAGEVEC_SIZE) {
				broken(v, "lru: batch %d of cpu %u has %u pages", kind, cpu,
				       b->nr[kind]);
				continue;
			}
			for (unsigned int i = 0; i < b->nr[kind]; i++)
				if (b->pages[kind][i]->_refcount <= 0)
					broken(v, "lru: batch %d of cpu %u holds a free page", kind,
					       cpu);
		}
	}
}

void verify_lru(struct verify *v)
{
	struct quire *q = v->q;

	for_each_node (q, nid) {
		struct pglist_data *pgdat = NODE_DATA(q, nid);
		struct mem_cgroup *memcg = NULL;
		struct lru_sums sums = {{{0}}};

		verify_lruvec(v, &pgdat->__lruvec, &sums);
		while ((memcg = mem_cgroup_iter(q, NULL, memcg)))
			if (memcg != q->group->root)
				verify_lruvec(v, memcg->lruvec[nid], &sums);
		verify_node_sums(v, pgdat, &sums);
	}
	for (struct mem_cgroup *memcg = NULL; (memcg = mem_cgroup_iter(q, NULL, memcg));)
		if (memcg != q->group->root)
			verify_memcg_sums(v, memcg);
	verify_batches(v);
	if (q->keys & KEY_LRU_GEN_MMS)
		verify_lru_gen_mms(v);
}
