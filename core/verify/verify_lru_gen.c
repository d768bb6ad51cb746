/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the multi-generational LRU: sequence numbers are within bounds of each
 * other; a page on a generation's list is of that kind, zone, node and group, and its flags name
 * that generation or a younger one; the sizes of generations are those of their
 * pages, by flags; and the two youngest are what the lruvec counts as active.
 *
 * An address space that a process uses is on the list of its group.
 */
#include "reclaim/lru_gen.h"
#include "space/mm.h"
#include "verify/verify.h"

static const char *const type_names[ANON_AND_FILE] = {"anon", "file"};

struct gen_check {
	struct verify *v;
	const struct lruvec *lruvec;
	long nr[MAX_NR_GENS][ANON_AND_FILE][MAX_NR_ZONES]; /* by flags */
};

/* How many generations older than the youngest. */
static unsigned int gen_age(const struct lru_gen_struct *lrugen, unsigned int gen)
{
	return (unsigned int)((lrugen->max_seq - gen) % MAX_NR_GENS);
}

static void check_page(struct gen_check *c, const struct page *page, unsigned int gen, int type,
		       int zone)
{
	const struct pglist_data *pgdat = c->lruvec->pgdat;
	unsigned long pfn = (unsigned long)page_to_pfn(c->v->q, page);
	int of_page = page_lru_gen(page);

	if (!PageLRU(page) || PageUnevictable(page) || PageActive(page) ||
	    page_is_file_lru(page) != type || (int)page_zonenum(page) != zone ||
	    page_to_nid(page) != pgdat->node_id)
		broken(c->v,
		       "lru_gen: frame 0x%lx among %s pages of generation %u, node %u zone %d has "
		       "flags 0x%lx",
		       pfn, type_names[type], gen, pgdat->node_id, zone, page->flags);
	if (page->memcg != c->lruvec->memcg)
		broken(c->v,
		       "lru_gen: frame 0x%lx of generation %u, node %u belongs to another group",
		       pfn, gen, pgdat->node_id);
	if (page->_refcount <= 0)
		broken(c->v, "lru_gen: frame 0x%lx of generation %u, node %u is free", pfn, gen,
		       pgdat->node_id);
	/* Anonymous pages that can't be swapped stay where they are as generations pass. */
	if (of_page < 0 || of_page >= (int)MAX_NR_GENS ||
	    (type == LRU_GEN_FILE &&
	     gen_age(c->lruvec->lrugen, (unsigned int)of_page) > gen_age(c->lruvec->lrugen, gen))) {
		broken(c->v,
		       "lru_gen: frame 0x%lx on the list of generation %u, node %u says it is of "
		       "%d",
		       pfn, gen, pgdat->node_id, of_page);
		return;
	}
	c->nr[of_page][type][zone] += (long)compound_nr(page);
}

/* False: the list can't be followed. */
static bool check_list(struct gen_check *c, unsigned int gen, int type, int zone)
{
	const struct list_head *head = &c->lruvec->lrugen->lists[gen][type][zone], *p;

	for (p = head->next; p != head; p = p->next) {
		if (!is_page_link(c->v->q, p) || p->next->prev != p) {
			broken(c->v,
			       "lru_gen: generation %u of node %u zone %d is not a list of %s "
			       "pages",
			       gen, c->lruvec->pgdat->node_id, zone, type_names[type]);
			return false;
		}
		check_page(c, list_entry(p, const struct page, lru), gen, type, zone);
	}
	return true;
}

static void check_seqs(struct verify *v, const struct lruvec *lruvec)
{
	const struct lru_gen_struct *lrugen = lruvec->lrugen;

	for (int type = 0; type < ANON_AND_FILE; type++)
		if (get_nr_gens(lrugen, type) < MIN_NR_GENS ||
		    get_nr_gens(lrugen, type) > MAX_NR_GENS)
			broken(v, "lru_gen: %s generations of node %u are %lu to %lu",
			       type_names[type], lruvec->pgdat->node_id, lrugen->min_seq[type],
			       lrugen->max_seq);
}

void verify_lru_gen(struct verify *v, struct lruvec *lruvec, unsigned long nr[][MAX_NR_ZONES])
{
	const struct lru_gen_struct *lrugen = lruvec->lrugen;
	struct gen_check c = {.v = v, .lruvec = lruvec};

	check_seqs(v, lruvec);
	for (unsigned int gen = 0; gen < MAX_NR_GENS; gen++)
		for (int type = 0; type < ANON_AND_FILE; type++)
			for (int zone = 0; zone < MAX_NR_ZONES; zone++)
				if (!check_list(&c, gen, type, zone))
					return;
	for (unsigned int gen = 0; gen < MAX_NR_GENS; gen++) {
		int active = lru_gen_is_active(lrugen, gen) ? LRU_ACTIVE : 0;

		for (int type = 0; type < ANON_AND_FILE; type++) {
			for (int zone = 0; zone < MAX_NR_ZONES; zone++) {
				long has = c.nr[gen][type][zone];

				if (has != lrugen->nr_pages[gen][type][zone])
					broken(v,
					       "lru_gen: generation %u of node %u zone %d counts "
					       "%ld %s pages, has %ld",
					       gen, lruvec->pgdat->node_id, zone,
					       lrugen->nr_pages[gen][type][zone], type_names[type],
					       has);
				nr[type * LRU_FILE + active][zone] += (unsigned long)has;
			}
		}
	}
	if (v->q->reclaim->lru_gen && v->q->reclaim->lru_gen->lock.held)
		return;
	if (lrugen->enabled != lru_gen_enabled(v->q))
		broken(v, "lru_gen: node %u is %s, the policy is not", lruvec->pgdat->node_id,
		       lrugen->enabled ? "on" : "off");
	for_each_evictable_lru(lru)
	{
		unsigned long sum = 0;

		for (int zone = 0; zone < MAX_NR_ZONES; zone++)
			sum += nr[lru][zone];
		if (lrugen->enabled ? !list_empty(&lruvec->lists[lru]) : sum != 0)
			broken(v, "lru_gen: node %u has pages on lists of the other policy",
			       lruvec->pgdat->node_id);
	}
}

void verify_lru_gen_mms(struct verify *v)
{
	struct quire *q = v->q;
	const struct task *task;

	list_for_each_entry (task, &q->space->tasks, tasks) {
		const struct mm_struct *mm = task->mm;
		const struct lru_gen_mm *of_mm = mm ? &mm->lru_gen : NULL;
		const struct lru_gen_mm_list *mm_list;
		const struct list_head *p;
		bool found = false;

		if (!mm || !HOT_LOAD(&mm->mm_users))
			continue;
		mm_list = lru_gen_mm_list(q, mm->memcg);
		if (!mm_list) /* no memory for the group's generations */
			continue;
		for (p = mm_list->fifo.next; p != &mm_list->fifo && !found; p = p->next)
			found = p == &of_mm->list;
		if (!found || of_mm->memcg != mm->memcg)
			broken(v,
			       "lru_gen: process %d is not on its group's list of address spaces",
			       task->pid);
	}
}
