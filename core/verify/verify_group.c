/* SPDX-License-Identifier: MIT */
/*
 * Control groups' invariants: each group's usage is the pages that carry it or
 * one of its descendants; references cover what holds them; ids lead to their
 * groups; nothing is counted twice in the tree.
 *
 * The memory map is walked only if there is a group beside the root, or was one whose
 * objects live.
 */
#include "group/objcg.h"
#include "slab/memcg.h"
#include "swap/internal.h"
#include "verify/verify.h"

static bool is_group(struct quire *q, const struct mem_cgroup *memcg)
{
	for (unsigned int id = 1; id <= MEMCG_ID_MAX; id++) {
		if (!q->group->ids[id / MEMCG_IDS_A_PIECE])
			return false;
		if (mem_cgroup_from_id(q, id) == memcg)
			return true;
	}
	return false;
}

static bool is_objcg(struct quire *q, const struct obj_cgroup *objcg)
{
	const struct obj_cgroup *o;

	for (struct mem_cgroup *memcg = mem_cgroup_iter(q, NULL, NULL); memcg;
	     memcg = mem_cgroup_iter(q, NULL, memcg))
		list_for_each_entry (o, &memcg->objcgs, list)
			if (o == objcg)
				return true;
	return false;
}

/* Counts in objcg->seen the bytes of a slab's objects that are charged. */
static void count_objects(struct verify *v, struct page *page, struct obj_cgroup **last)
{
	struct obj_cgroup **vec = slab_objcgs(page);

	for (unsigned int i = 0; i < page->objects; i++) {
		if (!vec[i])
			continue;
		if (vec[i] != *last && !is_objcg(v->q, vec[i])) {
			broken(v, "group: object %u of frame 0x%lx is charged to nobody", i,
			       page_to_pfn(v->q, page));
			continue;
		}
		*last = vec[i];
		(*last)->seen += obj_full_size(page->slab_cache);
	}
}

/* The same of zswap's compressed pages. */
static void count_zswap(struct verify *v)
{
	struct mem_cgroup *root = v->q->group->root;
	long bytes = 0, pages = 0;

	for (unsigned int i = 0; v->q->swap && i < MAX_SWAPFILES; i++) {
		struct swap_info_struct *si = v->q->swap->info[i];
		struct zswap_entry *e;
		unsigned long slot;

		if (!si || !si->zswap)
			continue;
		xa_for_each (&si->zswap->entries, slot, e) {
			if (!e->objcg)
				continue;
			bytes += e->length;
			pages++;
			if (is_objcg(v->q, e->objcg))
				e->objcg->seen += e->length;
			else
				broken(v, "group: zswap's slot %lu is charged to nobody", slot);
		}
	}
	if (bytes != memcg_page_state(v->q, root, MEMCG_ZSWAP_B) ||
	    pages != memcg_page_state(v->q, root, MEMCG_ZSWAPPED))
		broken(v, "group: zswap has %ld pages, %ld bytes, of groups; they counted %ld, %ld",
		       pages, bytes, memcg_page_state(v->q, root, MEMCG_ZSWAPPED),
		       memcg_page_state(v->q, root, MEMCG_ZSWAP_B));
}

/* Bytes that CPUs have at hand for a payer. */
static u64 stocked_bytes(const struct quire *q, const struct obj_cgroup *objcg)
{
	u64 sum = 0;

	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		if (q->group->stock[cpu].objcg == objcg)
			sum += q->group->stock[cpu].nr_bytes;
	return sum;
}

/* Those who pay for objects through a group. */
static void check_objcgs(struct verify *v, struct mem_cgroup *memcg)
{
	struct obj_cgroup *objcg;
	bool has_own = false;

	list_for_each_entry (objcg, &memcg->objcgs, list) {
		u64 bytes = objcg->seen + stocked_bytes(v->q, objcg) + objcg->nr_charged_bytes;

		has_own |= objcg == memcg->objcg;
		if (objcg->memcg != memcg)
			broken(v, "group: \"%s\" has a payer that pays through another",
			       memcg->name);
		if ((u64)objcg->nr_pages << PAGE_SHIFT != bytes)
			broken(v, "group: \"%s\" is charged %ld pages for %lu bytes of objects",
			       memcg->name, objcg->nr_pages, bytes);
	}
	if (has_own != (memcg->parent && !memcg->offline))
		broken(v, "group: \"%s\" lacks its payer for objects", memcg->name);
}

/* Counts in memcg->seen the pages that carry each group. */
static void count_charges(struct verify *v)
{
	struct quire *q = v->q;
	struct mem_cgroup *last = NULL;
	struct obj_cgroup *last_objcg = NULL;
	u64 pfn = 0;

	while ((pfn = next_touched_pfn(q, pfn)) < q->max_pfn) {
		struct page *page = pfn_to_page(q, pfn);

		if (PageBuddy(page)) {
			pfn += 1UL << page->private;
			continue;
		}
		pfn++;
		if (!page->memcg || PageTail(page))
			continue;
		if (PageSlab(page)) {
			count_objects(v, page, &last_objcg);
			continue;
		}
		/* Neighbours mostly have the same group. */
		if (page->memcg != last && !is_group(q, page->memcg)) {
			broken(v, "group: frame 0x%lx is charged to a group that does not exist",
			       page_to_pfn(q, page));
			continue;
		}
		last = page->memcg;
		last->seen += 1UL << compound_order(page);
	}
}

/* seen of a group with its descendants, and pages charged for objects. */
static unsigned long subtree_seen(const struct mem_cgroup *memcg)
{
	unsigned long sum = memcg->seen;
	struct mem_cgroup *child;
	struct obj_cgroup *objcg;

	list_for_each_entry (objcg, &memcg->objcgs, list)
		sum += (unsigned long)objcg->nr_pages;

	list_for_each_entry (child, &memcg->children, sibling)
		sum += subtree_seen(child);
	return sum;
}

/* CPUs that have charges of a group at hand. */
static unsigned long stock_refs(const struct quire *q, const struct mem_cgroup *memcg)
{
	unsigned long refs = 0;

	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		refs += q->group->stock[cpu].cached == memcg;
	return refs;
}

/* Charges that CPUs have at hand count as if pages carried them. */
static long stocked(const struct quire *q, const struct mem_cgroup *root)
{
	long sum = 0;

	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		const struct mem_cgroup *memcg = q->group->stock[cpu].cached;

		while (memcg && memcg != root)
			memcg = memcg->parent;
		if (memcg)
			sum += q->group->stock[cpu].nr_pages;
	}
	return sum;
}

static void check_group(struct verify *v, struct mem_cgroup *memcg)
{
	long own_swap = memcg->swap.usage, pages = (long)subtree_seen(memcg) + stocked(v->q, memcg);
	unsigned int children = 0;
	unsigned long refs;
	struct mem_cgroup *child;

	list_for_each_entry (child, &memcg->children, sibling) {
		children++;
		own_swap -= child->swap.usage;
		if (child->parent != memcg)
			broken(v, "group: %s is in the wrong place of the tree", child->name);
	}
	if (mem_cgroup_from_id(v->q, memcg->id) != memcg)
		broken(v, "group: id %u does not lead to %s", memcg->id, memcg->name);
	if (memcg->memory.usage != pages)
		broken(v, "group: \"%s\" counts %ld pages, %ld carry it", memcg->name,
		       memcg->memory.usage, pages);
	if (own_swap < 0)
		broken(v, "group: \"%s\" has %ld swap slots less than its children", memcg->name,
		       -own_swap);
	if (memcg->offline && memcg->nr_tasks)
		broken(v, "group: \"%s\" is removed and has %u tasks", memcg->name,
		       memcg->nr_tasks);
	/* Others may hold more, never less. */
	refs = stock_refs(v->q, memcg) + (memcg->offline ? 0 : 1) + children + memcg->nr_tasks +
	       memcg->seen + (unsigned long)max(own_swap, 0L);
	if (memcg->parent && memcg->css_refs < refs)
		broken(v, "group: \"%s\" has %u references for %lu that hold it", memcg->name,
		       memcg->css_refs, refs);
}

void verify_group(struct verify *v)
{
	struct quire *q = v->q;
	struct mem_cgroup *memcg;
	struct obj_cgroup *objcg;
	unsigned int nr = 0;

	for (memcg = mem_cgroup_iter(q, NULL, NULL); memcg;
	     memcg = mem_cgroup_iter(q, NULL, memcg)) {
		memcg->seen = 0;
		list_for_each_entry (objcg, &memcg->objcgs, list)
			objcg->seen = 0;
		nr++;
	}
	if (nr != q->group->nr_groups)
		broken(v, "group: %u groups are counted, the tree has %u", q->group->nr_groups, nr);
	if (q->group->nr_groups > 1 || !list_empty(&q->group->root->objcgs)) {
		count_charges(v);
		count_zswap(v);
	}
	for (memcg = mem_cgroup_iter(q, NULL, NULL); memcg;
	     memcg = mem_cgroup_iter(q, NULL, memcg)) {
		check_group(v, memcg);
		check_objcgs(v, memcg);
	}
}
