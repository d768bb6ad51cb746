/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the pools of huge pages: counts equal lists, node by node; a free
 * page has no user, a page in use has; what is promised equals what areas and
 * shared files may still claim.
 */
#include "space/hugetlb.h"
#include "verify/verify.h"

struct pool_walk {
	unsigned long nr, free, restore;
	unsigned int nr_node[QUIRE_MAX_NODES], free_node[QUIRE_MAX_NODES];
};

static void check_page(struct verify *v, const struct hstate *h, const struct page *page,
		       bool is_free)
{
	u64 pfn = page_to_pfn(v->q, page);

	if (!page_has_dtor(page, HUGETLB_PAGE_DTOR) || compound_order(page) != h->order)
		broken(v, "hugetlb: frame 0x%lx is in the pool of %lu kB and is no such page", pfn,
		       huge_page_size(h) >> 10);
	else if (is_free && (page_ref_count(page) || compound_mapcount(page)))
		broken(v, "hugetlb: page 0x%lx is free and has users", pfn);
	else if (!is_free && page_ref_count(page) < compound_mapcount(page))
		broken(v, "hugetlb: page 0x%lx has fewer references than mappings", pfn);
}

static void walk_lists(struct verify *v, const struct hstate *h, struct pool_walk *w)
{
	struct page *page;

	if (list_validate(&h->hugepage_activelist)) {
		list_for_each_entry (page, &h->hugepage_activelist, lru) {
			check_page(v, h, page, false);
			w->nr++;
			w->nr_node[page_to_nid(page)]++;
			w->restore += page->private & BIT(HPG_restore_reserve);
		}
	} else {
		broken(v, "hugetlb: the used pages of %lu kB are not a list",
		       huge_page_size(h) >> 10);
	}
	for_each_node (v->q, nid) {
		if (!list_validate(&h->hugepage_freelists[nid])) {
			broken(v, "hugetlb: the free pages of %lu kB of node %u are not a list",
			       huge_page_size(h) >> 10, nid);
			continue;
		}
		list_for_each_entry (page, &h->hugepage_freelists[nid], lru) {
			check_page(v, h, page, true);
			if (page_to_nid(page) != nid)
				broken(v, "hugetlb: page 0x%lx is on node %u's list",
				       page_to_pfn(v->q, page), nid);
			w->nr++;
			w->free++;
			w->nr_node[page_to_nid(page)]++;
			w->free_node[nid]++;
		}
	}
}

/* What the area may claim, and for the first area of a shared file the file. */
static unsigned long promised(const struct hstate *h, const struct vm_area_struct *vma)
{
	const struct hugetlb_vma *hv = vma->hugetlb;
	unsigned long n = 0, from, to;

	if (!hv || hv->file->h != h)
		return 0;
	if (hv->file->shared) {
		if (hv->file->vmas.next != &vma->shared_node)
			return 0;
		for (unsigned long i = 0; i < hv->file->nr; i++)
			n += (hv->file->reserved[i / BITS_PER_LONG] >> i % BITS_PER_LONG & 1) &&
			     !hv->file->pages[i];
		return n;
	}
	if (!hv->resv)
		return 0;
	from = hugetlb_index(vma, vma->vm_start);
	to = hugetlb_index(vma, vma->vm_end);
	for (unsigned long i = from; i < to; i++)
		n += !(hv->resv->used[i / BITS_PER_LONG] >> i % BITS_PER_LONG & 1);
	return n;
}

static void check_promises(struct verify *v, const struct hstate *h, unsigned long restore)
{
	unsigned long n = 0;
	struct mm_struct *mm;

	list_for_each_entry (mm, &v->q->space->mms, mm_list)
		for (struct vm_area_struct *vma = vma_tree_find(&mm->mm_mt, 0); vma;
		     vma = vma->vm_next)
			if (is_vm_hugetlb_page(vma))
				n += promised(h, vma);
	/* A fault has taken a page and not used its promise up yet. */
	if (n != h->resv_huge_pages + restore)
		broken(v, "hugetlb: %lu pages of %lu kB are promised, areas may claim %lu",
		       h->resv_huge_pages + restore, huge_page_size(h) >> 10, n);
}

void verify_hugetlb(struct verify *v)
{
	for_each_hstate(v->q, h)
	{
		struct pool_walk w = {0};
		unsigned long surplus = 0, kb = huge_page_size(h) >> 10;

		walk_lists(v, h, &w);
		w.nr += h->nr_isolated;
		if (w.nr != h->nr_huge_pages || w.free != h->free_huge_pages)
			broken(v, "hugetlb: %lu pages of %lu kB, %lu free; its lists have %lu, %lu",
			       h->nr_huge_pages, kb, h->free_huge_pages, w.nr, w.free);
		for_each_node (v->q, nid) {
			surplus += h->surplus_huge_pages_node[nid];
			/* Whose pages are on the way nobody counts. */
			if ((w.nr_node[nid] != h->nr_huge_pages_node[nid] && !h->nr_isolated) ||
			    w.free_node[nid] != h->free_huge_pages_node[nid])
				broken(v,
				       "hugetlb: node %u counts %u pages of %lu kB, %u free; its "
				       "lists have %u, %u",
				       nid, h->nr_huge_pages_node[nid], kb,
				       h->free_huge_pages_node[nid], w.nr_node[nid],
				       w.free_node[nid]);
		}
		if (surplus != h->surplus_huge_pages || surplus > h->nr_huge_pages)
			broken(v, "hugetlb: %lu surplus pages of %lu kB, nodes count %lu",
			       h->surplus_huge_pages, kb, surplus);
		if (h->resv_huge_pages > h->free_huge_pages)
			broken(v, "hugetlb: %lu pages of %lu kB are promised, %lu are free",
			       h->resv_huge_pages, kb, h->free_huge_pages);
		check_promises(v, h, w.restore);
	}
}
