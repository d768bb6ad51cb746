/* SPDX-License-Identifier: MIT */
/*
 * From a page to the entries that map it.
 *
 * An anonymous page's areas are its anon_vma's chains, a file page's those of
 * its mapping; in each the address follows from page->index.  A walk looks at
 * the area's range first, then down the tables, and ends when as many entries
 * have been seen as the page has: a page of a buffer pool that two of two
 * hundred backends map costs two walks down and some comparisons.
 *
 * Locks: the anon_vma's root or i_mmap_lock over the walk; page_table_lock over
 * each entry.  The caller holds the page lock for try_to_unmap() and
 * page_mkclean().  Linux keeps a file's areas in an interval tree; here they
 * are a list (docs/differences.md).
 */
#include "space/internal.h"

/* ---- counting -------------------------------------------------------------------- */

/* The first mapping of a page nobody else can see yet. */
void page_add_new_anon_rmap(struct quire *q, struct page *page, struct vm_area_struct *vma,
			    u64 addr)
{
	long nr = 1;

	VM_BUG_ON(q, !vma->anon_vma || page_mapped(page));
	if (unlikely(PageHead(page))) {
		nr = HPAGE_PMD_NR;
		page[1].compound_mapcount = 0;
		mod_lruvec_page_state(q, page, NR_ANON_THPS, nr);
	} else {
		page->_mapcount = 0;
	}
	page->mapping = (struct address_space *)((unsigned long)vma->anon_vma | PAGE_MAPPING_ANON);
	page->index = linear_page_index(vma, addr);
	page->flags |= BIT(PG_swapbacked);
	mod_lruvec_page_state(q, page, NR_ANON_MAPPED, nr);
}

/* A page of the swap cache comes back; our own entry has been given up. */
void page_add_anon_rmap(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr)
{
	if (HOT_ADD(&page->_mapcount, 1))
		return;
	page = compound_head(page);
	if (!PageAnon(page)) {
		struct anon_vma *av = vma->anon_vma;

		/* Not known to be ours alone: the root's areas are all that
		 * can ever map it. */
		if (PageSwapCache(page) && swap_count(q, (swp_entry_t){page->private}) > 0)
			av = av->root;
		page->mapping = (struct address_space *)((unsigned long)av | PAGE_MAPPING_ANON);
		page->index = linear_page_index(vma, addr);
	}
	mod_lruvec_page_state(q, page, NR_ANON_MAPPED, 1);
}

void page_add_file_rmap(struct quire *q, struct page *page)
{
	if (unlikely(PageCompound(page))) {
		page_add_moved_rmap(q, page);
		return;
	}
	if (HOT_ADD(&page->_mapcount, 1) == 0)
		mod_lruvec_page_state(q, page, NR_FILE_MAPPED, 1);
}

void page_remove_rmap(struct quire *q, struct page *page)
{
	if (HOT_SUB(&page->_mapcount, 1) >= 0)
		return;
	page = compound_head(page);
	mod_lruvec_page_state(q, page, PageAnon(page) ? NR_ANON_MAPPED : NR_FILE_MAPPED, -1);
	/* Of a file the cache has it: nothing comes free. */
	if (unlikely(PageHead(page)) && PageAnon(page))
		deferred_split_huge_page(q, page);
}

/* How many pages huge entries map, of memory that is nobody's file, of shmem, of files. */
static enum node_stat_item huge_mapped_item(const struct page *head)
{
	if (PageAnon(head))
		return NR_ANON_THPS;
	return PageSwapBacked(head) ? NR_SHMEM_PMDMAPPED : NR_FILE_PMDMAPPED;
}

void page_remove_huge_rmap(struct quire *q, struct page *head)
{
	bool anon = PageAnon(head);
	long nr = HPAGE_PMD_NR;

	if (HOT_SUB(&head[1].compound_mapcount, 1) >= 0)
		return;
	mod_lruvec_page_state(q, head, huge_mapped_item(head), -HPAGE_PMD_NR);
	if (TestClearPageFlag(&head[1], PG_double_map)) {
		/* Entries of level 1 may map some of its pages still. */
		nr = 0;
		for (long i = 0; i < HPAGE_PMD_NR; i++)
			nr += HOT_SUB(&head[i]._mapcount, 1) < 0;
		if (nr && nr < HPAGE_PMD_NR && anon)
			deferred_split_huge_page(q, head);
	}
	mod_lruvec_page_state(q, head, anon ? NR_ANON_MAPPED : NR_FILE_MAPPED, -nr);
}

/* A page that was moved, or one of a file, is mapped by an entry of level 1.  If it is part of a
 * huge page that others map whole, each page counts that from now on. */
void page_add_moved_rmap(struct quire *q, struct page *page)
{
	struct page *head = compound_head(page);

	if (unlikely(PageHead(head)) && compound_mapcount(head) > 0 &&
	    !TestSetPageFlag(&head[1], PG_double_map))
		for (long i = 0; i < HPAGE_PMD_NR; i++)
			(void)HOT_ADD(&head[i]._mapcount, 1);
	if (!HOT_ADD(&page->_mapcount, 1))
		mod_lruvec_page_state(q, head, PageAnon(head) ? NR_ANON_MAPPED : NR_FILE_MAPPED, 1);
}

/* The same, as a whole: some of its pages may be mapped one by one already. */
void page_add_moved_huge_rmap(struct quire *q, struct page *head)
{
	long mapped = 0;

	if (HOT_ADD(&head[1].compound_mapcount, 1))
		return;
	for (long i = 0; i < HPAGE_PMD_NR; i++)
		mapped += HOT_LOAD(&head[i]._mapcount) >= 0;
	if (mapped && !TestSetPageFlag(&head[1], PG_double_map))
		for (long i = 0; i < HPAGE_PMD_NR; i++)
			(void)HOT_ADD(&head[i]._mapcount, 1);
	mod_lruvec_page_state(q, head, huge_mapped_item(head), HPAGE_PMD_NR);
	mod_lruvec_page_state(q, head, PageAnon(head) ? NR_ANON_MAPPED : NR_FILE_MAPPED,
			      HPAGE_PMD_NR - mapped);
}

/* ---- the walk -------------------------------------------------------------------- */

struct rmap_walk {
	/* Sees one entry, under page_table_lock.  False ends the walk. */
	bool (*one)(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr,
		    pte_t *ptep, struct rmap_walk *walk);
	/* Areas to pass over; NULL: none. */
	bool (*skip)(struct vm_area_struct *vma, struct rmap_walk *walk);
	bool split; /* entries that map a huge page whole are cut first */
	bool ignore_mlock;
	int left; /* entries not yet seen */
	struct mem_cgroup *memcg;
	unsigned long vm_flags;
	int referenced;
	bool dirty, failed;
};

/* The entries of one area in which pages of a huge page are mapped, whole or one
 * by one: `one` sees the head, or each page.  False ends the walk. */
static bool rmap_visit_huge(struct quire *q, struct page *head, struct vm_area_struct *vma,
			    struct rmap_walk *walk)
{
	unsigned long first = max(head->index, vma->vm_pgoff);
	unsigned long last = min(head->index + compound_nr(head), vma->vm_pgoff + vma_pages(vma));
	u64 addr = vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT);
	u64 end = vma->vm_start + ((last - vma->vm_pgoff) << PAGE_SHIFT);
	u64 pfn = page_to_pfn(q, head), nr = compound_nr(head);
	struct mm_struct *mm = vma->vm_mm;
	bool go_on = true;
	pte_t *pmdp;

	if (first >= last || (walk->skip && walk->skip(vma, walk)))
		return true;
	spin_lock(q, &mm->page_table_lock);
	while (go_on && walk->left > 0 && (pmdp = next_pmd(q, mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);
		pte_t *ptep;

		if (pmd_leaf(*pmdp) && pte_pfn(*pmdp) == pfn) {
			if (walk->split) {
				__split_huge_pmd_locked(q, vma, pmdp, addr & PMD_MASK);
				/* Of a file nothing is left of it. */
				walk->left += PageAnon(head) ? (int)HPAGE_PMD_NR - 1 : -1;
			} else {
				walk->left--;
				go_on = walk->one(q, head, vma, addr, pmdp, walk);
			}
		}
		if (!pmd_table(*pmdp)) {
			addr = stop;
			continue;
		}
		for (ptep = pte_offset(q, *pmdp, addr); addr < stop && go_on && walk->left > 0;
		     addr += PAGE_SIZE, ptep++) {
			if (!pte_present(*ptep) || pte_special(*ptep) || pte_pfn(*ptep) - pfn >= nr)
				continue;
			walk->left--;
			go_on = walk->one(q, head + (pte_pfn(*ptep) - pfn), vma, addr, ptep, walk);
		}
	}
	spin_unlock(q, &mm->page_table_lock);
	return go_on && walk->left > 0;
}

/* False ends the walk. */
static bool rmap_visit(struct quire *q, struct page *page, struct vm_area_struct *vma,
		       struct rmap_walk *walk)
{
	u64 addr = vma->vm_start + ((page->index - vma->vm_pgoff) << PAGE_SHIFT);
	struct mm_struct *mm = vma->vm_mm;
	bool go_on = true;
	pte_t *ptep;

	if (unlikely(PageHead(page)))
		return rmap_visit_huge(q, page, vma, walk);
	if (page->index < vma->vm_pgoff || addr >= vma->vm_end)
		return true;
	if (walk->skip && walk->skip(vma, walk))
		return true;
	spin_lock(q, &mm->page_table_lock);
	ptep = pt_walk(q, mm->pgd_pfn, addr, 1);
	if (ptep && pte_present(*ptep) && !pte_special(*ptep) &&
	    pte_pfn(*ptep) == page_to_pfn(q, page)) {
		walk->left--;
		go_on = walk->one(q, page, vma, addr, ptep, walk);
	}
	spin_unlock(q, &mm->page_table_lock);
	return go_on && walk->left > 0;
}

/* The walk of an anonymous page whose root is locked. */
static void rmap_walk_anon(struct quire *q, struct page *page, struct rmap_walk *walk)
{
	struct anon_vma_chain *avc;

	walk->left = total_mapcount(page);
	list_for_each_entry (avc, &page_anon_vma(page)->chains, same_anon_vma)
		if (!rmap_visit(q, page, avc->vma, walk))
			break;
}

static void rmap_walk(struct quire *q, struct page *page, struct rmap_walk *walk)
{
	walk->left = total_mapcount(page);
	if (walk->left <= 0)
		return;
	if (PageAnon(page)) {
		struct anon_vma *av = page_anon_vma(page);

		/* Mapped, so an area is chained to it: it can't go. */
		spin_lock(q, &av->root->lock);
		rmap_walk_anon(q, page, walk);
		spin_unlock(q, &av->root->lock);
	} else if (page->mapping) {
		struct address_space *mapping = page->mapping;
		struct vm_area_struct *vma;

		spin_lock(q, &mapping->i_mmap_lock);
		list_for_each_entry (vma, &mapping->i_mmap, shared_node)
			if (!rmap_visit(q, page, vma, walk))
				break;
		spin_unlock(q, &mapping->i_mmap_lock);
	}
}

/* ---- page_referenced ------------------------------------------------------------- */

static bool referenced_one(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr,
			   pte_t *ptep, struct rmap_walk *walk)
{
	if (vma->vm_flags & VM_LOCKED) {
		walk->vm_flags |= VM_LOCKED;
		return false;
	}
	if (!pte_young(*ptep))
		return true;
	if (lru_gen_enabled(q) && !pmd_leaf(*ptep)) {
		/* Takes this bit, too. */
		q->space->lru_gen_look_around(q, page, vma, addr, ptep);
		walk->referenced++;
		walk->vm_flags |= vma->vm_flags & ~VM_LOCKED;
		if (!pte_young(*ptep))
			return true;
	}
	/* No flush: as on x86, a stale translation only costs an accessed bit. */
	(void)HOT_AND(ptep, ~_PAGE_ACCESSED);
	if (!(vma->vm_flags & VM_SEQ_READ)) {
		walk->referenced++;
		walk->vm_flags |= vma->vm_flags & ~VM_LOCKED;
	}
	return true;
}

static bool outside_memcg(struct vm_area_struct *vma, struct rmap_walk *walk)
{
	const struct mem_cgroup *memcg = vma->vm_mm->memcg;

	while (memcg && memcg != walk->memcg)
		memcg = memcg->parent;
	return !memcg;
}

int page_referenced(struct quire *q, struct page *page, struct mem_cgroup *memcg,
		    unsigned long *vm_flags)
{
	struct rmap_walk walk = {.one = referenced_one, .memcg = memcg};

	if (memcg && memcg->parent)
		walk.skip = outside_memcg;
	rmap_walk(q, page, &walk);
	*vm_flags = walk.vm_flags;
	return walk.referenced;
}

/* ---- try_to_unmap ---------------------------------------------------------------- */

static bool unmap_one(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr,
		      pte_t *ptep, struct rmap_walk *walk)
{
	struct mm_struct *mm = vma->vm_mm;
	struct page *head = compound_head(page);
	pte_t pte = *ptep, left = 0;

	if (vma->vm_flags & VM_LOCKED) {
		if (!walk->ignore_mlock) {
			walk->failed = true;
			return false;
		}
		if (PageMlocked(head) && !PageHead(head))
			munlock_page(q, head);
	}
	if (PageAnon(head) && !PageSwapBacked(head)) {
		/* Lazily freed: goes, unless it was written, or is being used. */
		if (pte_dirty(pte))
			SetPageDirty(head);
		if (PageDirty(head) || page_ref_count(head) != 1 + total_mapcount(head)) {
			SetPageSwapBacked(head);
			walk->failed = true;
			return false;
		}
	} else if (PageAnon(head)) {
		swp_entry_t entry = {page->private};

		if (!PageSwapCache(head) || swap_duplicate(q, entry) < 0) {
			walk->failed = true;
			return false;
		}
		left = pte_keep_soft_bits(swp_entry_to_pte(entry), pte);
	} else if (unlikely(pte_uffd_wp(pte)) && (vma->vm_flags & VM_UFFD_WP)) {
		left = make_pte_marker(PTE_MARKER_UFFD_WP);
	}
	update_hiwater_rss(mm);
	set_pte(q, ptep, left);
	flush_tlb(q, mm, addr, addr + PAGE_SIZE);
	walk->dirty |= pte_dirty(pte);
	add_mm_counter(mm, mm_counter(head), -1);
	if (pte_in_swap(left))
		add_mm_counter(mm, MM_SWAPENTS, 1);
	page_remove_rmap(q, page);
	put_page(q, page); /* never the last: the caller has one */
	return true;
}

static bool unmap_page(struct quire *q, struct page *page, bool ignore_mlock)
{
	struct rmap_walk walk = {.one = unmap_one, .split = true, .ignore_mlock = ignore_mlock};

	rmap_walk(q, page, &walk);
	if (walk.dirty) {
		if (PageAnon(page))
			SetPageDirty(page);
		else
			(void)set_page_dirty(q, page);
	}
	return !walk.failed && !page_mapped(page);
}

bool try_to_unmap(struct quire *q, struct page *page)
{
	return unmap_page(q, page, false);
}

void unmap_file_page(struct quire *q, struct page *page)
{
	if (page_mapped(page))
		(void)unmap_page(q, page, true);
}

/* ---- splitting ------------------------------------------------------------------- */

static bool pass_one(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr,
		     pte_t *ptep, struct rmap_walk *walk)
{
	(void)q;
	(void)page;
	(void)vma;
	(void)addr;
	(void)ptep;
	(void)walk;
	return true;
}

void page_split_pmds(struct quire *q, struct page *head)
{
	struct rmap_walk walk = {.one = pass_one, .split = true};

	if (compound_mapcount(head))
		rmap_walk_anon(q, head, &walk);
}

/* ---- page_mkclean ---------------------------------------------------------------- */

static bool mkclean_one(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr,
			pte_t *ptep, struct rmap_walk *walk)
{
	pte_t pte = *ptep;

	(void)page;
	if (!pte_dirty(pte) && !pte_write(pte))
		return true;
	walk->dirty |= pte_dirty(pte);
	set_pte(q, ptep, pte & ~(_PAGE_DIRTY | _PAGE_RW));
	flush_tlb(q, vma->vm_mm, addr, addr + PAGE_SIZE);
	return true;
}

static bool not_shared(struct vm_area_struct *vma, struct rmap_walk *walk)
{
	(void)walk;
	return !(vma->vm_flags & VM_SHARED);
}

/*
 * Writeback begins: the next write to the page must fault again, so that it
 * dirties the page anew.  True if an entry was dirty.  The page is locked.
 */
bool page_mkclean(struct quire *q, struct page *page)
{
	struct rmap_walk walk = {.one = mkclean_one, .skip = not_shared};

	if (PageAnon(page) || !page->mapping || !page_mapped(page))
		return false;
	rmap_walk(q, page, &walk);
	return walk.dirty;
}
