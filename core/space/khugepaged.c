/* SPDX-License-Identifier: MIT */
/*
 * khugepaged: makes huge pages of small ones, in the background (Linux's
 * khugepaged.c), and MADV_COLLAPSE, which asks for it.
 *
 * Address spaces that could have huge pages are on a list; the thread goes from
 * one to the next and looks at each stretch of 2 MiB that is mapped page by
 * page: so many pages (pages_to_scan) a round, then it sleeps.  A stretch is
 * worth collapsing if few of its pages are missing, in swap or shared (max_ptes_*),
 * some were used, and at least one may be written.  Then a huge page is
 * allocated, what is in swap is read back, and under mmap_lock for writing and
 * page_table_lock the 512 entries are looked at once more, their pages copied,
 * and the table is put by for the huge entry that takes its place.
 *
 * Invariant: MMF_VM_HUGEPAGE is set if and only if the space has a slot, on the
 * list or at hand; a slot holds a reference (mm_count) to its space.
 *
 * Locks: khugepaged.lock the list; mmap_lock, only tried, the space.
 *
 * Differs from Linux: only anonymous memory is collapsed.
 */
#include "space/internal.h"

_Static_assert(sizeof(struct khugepaged_mm_slot) <= SLAB_SIZE_mm_slot, "fits Linux's size");

#define DEFAULT_SCAN_MS	 10000
#define DEFAULT_ALLOC_MS 60000

enum scan_result {
	SCAN_FAIL,
	SCAN_SUCCEED,
	SCAN_PMD_NULL,
	SCAN_PMD_MAPPED,
	SCAN_EXCEED_NONE_PTE,
	SCAN_EXCEED_SWAP_PTE,
	SCAN_EXCEED_SHARED_PTE,
	SCAN_PAGE_RO,
	SCAN_LACK_REFERENCED_PAGE,
	SCAN_PAGE_BUSY,
	SCAN_VMA_CHECK,
	SCAN_ALLOC_HUGE_PAGE_FAIL,
	SCAN_CGROUP_CHARGE_FAIL,
};

/* One attempt at one stretch. */
struct collapse {
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	u64 haddr;
	bool khugepaged; /* limits and ages count; not for madvise() */
	unsigned int none, swap, shared, referenced;
	bool writable;
	unsigned int node_load[QUIRE_MAX_NODES];
};

/* ---- which spaces ---------------------------------------------------------------- */

void __khugepaged_enter(struct quire *q, struct mm_struct *mm)
{
	struct khugepaged *k = &q->space->huge->khugepaged;
	struct khugepaged_mm_slot *slot =
		kmem_cache_alloc(q, q->space->huge->mm_slot_cachep, GFP_KERNEL);
	bool wake;

	if (!slot)
		return;
	if (HOT_OR(&mm->flags, BIT(MMF_VM_HUGEPAGE)) & BIT(MMF_VM_HUGEPAGE)) {
		kmem_cache_free(q, q->space->huge->mm_slot_cachep, slot);
		return;
	}
	slot->mm = mm;
	mmgrab(mm);
	spin_lock(q, &k->lock);
	mm->khugepaged_slot = slot;
	wake = list_empty(&k->mm_head);
	list_add_tail(&slot->mm_node, &k->mm_head);
	spin_unlock(q, &k->lock);
	if (wake)
		wake_up(q, &k->wait);
}

void khugepaged_enter_vma(struct quire *q, struct vm_area_struct *vma, unsigned long vm_flags)
{
	if (likely(!hugepage_flags_enabled(q->space->huge)) ||
	    (vma->vm_mm->flags & BIT(MMF_VM_HUGEPAGE)))
		return;
	if (hugepage_vma_check(q, vma, vm_flags, false, false, true))
		__khugepaged_enter(q, vma->vm_mm);
}

static void free_slot(struct quire *q, struct khugepaged_mm_slot *slot)
{
	struct mm_struct *mm = slot->mm;

	(void)HOT_AND(&mm->flags, ~BIT(MMF_VM_HUGEPAGE));
	kmem_cache_free(q, q->space->huge->mm_slot_cachep, slot);
	mmdrop(q, mm);
}

/* The last user of a space is gone.  If it is the one at hand, the scan lets go
 * of it when it next looks. */
void khugepaged_exit(struct quire *q, struct mm_struct *mm)
{
	struct khugepaged *k = &q->space->huge->khugepaged;
	struct khugepaged_mm_slot *slot;

	if (likely(!(mm->flags & BIT(MMF_VM_HUGEPAGE))))
		return;
	spin_lock(q, &k->lock);
	slot = mm->khugepaged_slot;
	if (slot == k->mm_slot)
		slot = NULL;
	if (slot) {
		list_del(&slot->mm_node);
		mm->khugepaged_slot = NULL;
	}
	spin_unlock(q, &k->lock);
	if (slot)
		free_slot(q, slot);
}

static bool test_exit(const struct mm_struct *mm)
{
	return !HOT_LOAD(&mm->mm_users);
}

/* ---- one stretch ----------------------------------------------------------------- */

/* The references to a page are those of its entries and of the swap cache. */
static bool refcount_suitable(const struct page *head)
{
	int expected = total_mapcount(head);

	if (PageSwapCache(head))
		expected += (int)compound_nr(head);
	return page_ref_count(head) == expected;
}

static enum scan_result look_at_pte(struct quire *q, struct collapse *c, pte_t pte)
{
	const struct khugepaged *k = &q->space->huge->khugepaged;
	struct page *page, *head;

	if (unlikely(pte_uffd_wp(pte))) /* who protected it would not hear of writes */
		return SCAN_PAGE_RO;
	if (pte_is_swap(pte)) {
		if (++c->swap <= k->max_ptes_swap || !c->khugepaged)
			return SCAN_SUCCEED;
		count_vm_event(q, THP_SCAN_EXCEED_SWAP_PTE);
		return SCAN_EXCEED_SWAP_PTE;
	}
	if (pte_none(pte) || pte_special(pte)) {
		/* Empty pages of userfaultfd's are its holder's to fill. */
		if (!c->vma->uffd && (++c->none <= k->max_ptes_none || !c->khugepaged))
			return SCAN_SUCCEED;
		count_vm_event(q, THP_SCAN_EXCEED_NONE_PTE);
		return SCAN_EXCEED_NONE_PTE;
	}
	c->writable |= pte_write(pte);
	page = pfn_to_page(q, pte_pfn(pte));
	head = compound_head(page);
	if (page_mapcount(page) > 1 && ++c->shared > k->max_ptes_shared && c->khugepaged) {
		count_vm_event(q, THP_SCAN_EXCEED_SHARED_PTE);
		return SCAN_EXCEED_SHARED_PTE;
	}
	if (!PageAnon(head) || !PageLRU(head) || PageLocked(head) || !refcount_suitable(head))
		return SCAN_PAGE_BUSY;
	c->node_load[page_to_nid(head)]++;
	c->referenced += pte_young(pte) || PageReferenced(head);
	return SCAN_SUCCEED;
}

/* Looks at the 512 entries; page_table_lock is held. */
static enum scan_result look_at_table(struct quire *q, struct collapse *c, const pte_t *pte)
{
	enum scan_result result = SCAN_SUCCEED;

	c->none = c->swap = c->shared = c->referenced = 0;
	c->writable = false;
	memset(c->node_load, 0, q->nr_nodes * sizeof(c->node_load[0]));
	for (long i = 0; i < HPAGE_PMD_NR && result == SCAN_SUCCEED; i++)
		result = look_at_pte(q, c, pte[i]);
	if (result != SCAN_SUCCEED)
		return result;
	if (!c->writable)
		return SCAN_PAGE_RO;
	if (c->khugepaged && (!c->referenced || (c->swap && c->referenced < HPAGE_PMD_NR / 2)))
		return SCAN_LACK_REFERENCED_PAGE;
	return SCAN_SUCCEED;
}

/* The entry of level 2 if it leads to a table. */
static enum scan_result find_pmd(struct quire *q, const struct collapse *c, pte_t **pmdp)
{
	*pmdp = pt_walk(q, c->mm->pgd_pfn, c->haddr, 2);
	if (!*pmdp || pte_none(**pmdp) || pte_is_migration(**pmdp))
		return SCAN_PMD_NULL;
	return pmd_leaf(**pmdp) ? SCAN_PMD_MAPPED : SCAN_SUCCEED;
}

/* After mmap_lock was dropped: is the area as it was?  It is held again. */
static bool revalidate(struct quire *q, struct collapse *c)
{
	if (test_exit(c->mm) || (c->mm->flags & BIT(MMF_UNSTABLE)))
		return false;
	c->vma = find_vma(c->mm, c->haddr);
	return c->vma && !c->vma->vm_file && transhuge_vma_suitable(c->vma, c->haddr) &&
	       hugepage_vma_check(q, c->vma, c->vma->vm_flags, false, false, c->khugepaged) &&
	       c->vma->anon_vma;
}

/* The node that most of the pages are on. */
static unsigned int target_node(const struct quire *q, const struct collapse *c)
{
	unsigned int best = 0;

	for_each_node (q, nid)
		if (c->node_load[nid] > c->node_load[best])
			best = nid;
	return best;
}

static enum scan_result alloc_charge_hpage(struct quire *q, struct collapse *c, struct page **pagep)
{
	bool defrag = q->space->huge->flags & BIT(TRANSPARENT_HUGEPAGE_DEFRAG_KHUGEPAGED_FLAG);
	gfp_t gfp = !c->khugepaged || defrag ? GFP_TRANSHUGE : GFP_TRANSHUGE_LIGHT;
	struct page *page = alloc_pages_node(q, target_node(q, c), gfp, HPAGE_PMD_ORDER);

	if (!page) {
		count_vm_event(q, THP_COLLAPSE_ALLOC_FAILED);
		return SCAN_ALLOC_HUGE_PAGE_FAIL;
	}
	prep_transhuge_page(page);
	count_vm_event(q, THP_COLLAPSE_ALLOC);
	if (c->mm->memcg && mem_cgroup_charge(q, page, c->mm->memcg, gfp)) {
		put_page(q, page);
		return SCAN_CGROUP_CHARGE_FAIL;
	}
	count_memcg_events(q, c->mm->memcg, THP_COLLAPSE_ALLOC, 1);
	*pagep = page;
	return SCAN_SUCCEED;
}

/* Reads back what is in swap, as a fault by nobody; mmap_lock is held. */
static bool swap_in_range(struct quire *q, struct collapse *c, pte_t *pmdp)
{
	for (long i = 0; i < HPAGE_PMD_NR; i++) {
		u64 addr = c->haddr + ((u64)i << PAGE_SHIFT);

		if (!pmd_table(*pmdp))
			return false;
		if (pte_is_swap(HOT_LOAD(pte_offset(q, *pmdp, addr))) &&
		    !swapin_for_collapse(q, c->vma, addr))
			return false;
	}
	lru_add_drain(q); /* a batch holds a reference to what came */
	return true;
}

/*
 * Under mmap_lock for writing and page_table_lock: the pages of the table move
 * into the huge page, and are collected in old.  They were looked at just now.
 */
static unsigned int move_pages(struct quire *q, struct collapse *c, pte_t *pte, struct page *hpage,
			       struct page **old)
{
	u64 pfn = page_to_pfn(q, hpage);
	unsigned int nr = 0;

	for (long i = 0; i < HPAGE_PMD_NR; i++) {
		struct page *page;

		if (pte_none(pte[i]) || pte_special(pte[i])) {
			hot_clear_page(q->hot, pfn + (u64)i);
			continue;
		}
		page = pfn_to_page(q, pte_pfn(pte[i]));
		hot_copy_page(q->hot, pfn + (u64)i, pte_pfn(pte[i]));
		page_remove_rmap(q, page);
		old[nr++] = compound_head(page);
	}
	memset(pte, 0, PAGE_SIZE);
	virt_to_page(q, pte)->private = 0;
	add_mm_counter(c->mm, MM_ANONPAGES, -(long)nr);
	return nr;
}

/* The page at hand takes the place of the table; mmap_lock is held for writing. */
static enum scan_result replace_table(struct quire *q, struct collapse *c, struct page *hpage)
{
	struct page **old = kmalloc(q, (u64)HPAGE_PMD_NR * sizeof(*old), GFP_KERNEL);
	enum scan_result result;
	pte_t *pmdp, *pte;
	unsigned int nr;

	if (!old)
		return SCAN_ALLOC_HUGE_PAGE_FAIL;
	spin_lock(q, &c->mm->page_table_lock);
	result = find_pmd(q, c, &pmdp);
	if (result == SCAN_SUCCEED) {
		pte = pte_offset(q, *pmdp, c->haddr);
		result = look_at_table(q, c, pte);
		if (result == SCAN_SUCCEED && c->swap)
			result = SCAN_PAGE_BUSY;
	}
	if (result != SCAN_SUCCEED) {
		spin_unlock(q, &c->mm->page_table_lock);
		kfree(q, old);
		return result;
	}
	nr = move_pages(q, c, pte, hpage, old);
	hpage->flags |= BIT(PG_uptodate);
	set_pte(q, pmdp, 0);
	(void)HOT_SUB(&c->mm->pgtables_bytes, (long)PAGE_SIZE); /* comes back, put by */
	map_new_huge_anon(q, c->vma, c->haddr, pmdp, hpage, virt_to_page(q, pte));
	flush_tlb(q, c->mm, c->haddr, c->haddr + PMD_SIZE);
	spin_unlock(q, &c->mm->page_table_lock);
	charge_ns(q, (u64)HPAGE_PMD_NR * q->cost.huge_copy);
	for (unsigned int i = 0; i < nr; i++)
		free_swap_cache(q, old[i]);
	release_pages(q, old, nr);
	kfree(q, old);
	return SCAN_SUCCEED;
}

/* mmap_lock is held for reading, and dropped. */
static enum scan_result collapse_huge_page(struct quire *q, struct collapse *c)
{
	struct page *hpage = NULL;
	enum scan_result result;
	pte_t *pmdp;

	up_read(q, &c->mm->mmap_lock);
	result = alloc_charge_hpage(q, c, &hpage);
	if (result != SCAN_SUCCEED)
		return result;
	if (c->swap) {
		bool ok;

		down_read(q, &c->mm->mmap_lock);
		ok = revalidate(q, c) && find_pmd(q, c, &pmdp) == SCAN_SUCCEED &&
		     swap_in_range(q, c, pmdp);
		up_read(q, &c->mm->mmap_lock);
		if (!ok) {
			put_page(q, hpage);
			return SCAN_FAIL;
		}
	}
	down_write(q, &c->mm->mmap_lock);
	result = revalidate(q, c) ? replace_table(q, c, hpage) : SCAN_VMA_CHECK;
	up_write(q, &c->mm->mmap_lock);
	if (result != SCAN_SUCCEED)
		put_page(q, hpage);
	return result;
}

/* mmap_lock is held for reading; *locked says whether it still is. */
static enum scan_result collapse_scan_pmd(struct quire *q, struct collapse *c, bool *locked)
{
	enum scan_result result;
	pte_t *pmdp;

	spin_lock(q, &c->mm->page_table_lock);
	result = find_pmd(q, c, &pmdp);
	if (result == SCAN_SUCCEED)
		result = look_at_table(q, c, pte_offset(q, *pmdp, c->haddr));
	spin_unlock(q, &c->mm->page_table_lock);
	charge_ns(q, (u64)HPAGE_PMD_NR * q->cost.scan_pte);
	if (result != SCAN_SUCCEED)
		return result;
	*locked = false;
	return collapse_huge_page(q, c);
}

/* ---- the thread ------------------------------------------------------------------ */

/* Areas from k->address on, until enough was looked at or mmap_lock was
 * dropped.  True: the space is through. */
static bool scan_areas(struct quire *q, struct mm_struct *mm, unsigned int pages,
		       unsigned int *progress, enum scan_result *result, bool *locked)
{
	struct khugepaged *k = &q->space->huge->khugepaged;
	struct vm_area_struct *vma;

	for (vma = find_vma(mm, k->address); vma; vma = vma->vm_next) {
		u64 hstart = ALIGN(vma->vm_start, PMD_SIZE), hend = vma->vm_end & PMD_MASK;

		if (test_exit(mm)) {
			(*progress)++;
			return true;
		}
		if (!hugepage_vma_check(q, vma, vma->vm_flags, false, false, true) ||
		    vma->vm_file || k->address > hend) {
			(*progress)++;
			continue;
		}
		if (k->address < hstart)
			k->address = hstart;
		while (k->address < hend) {
			struct collapse c = {
				.mm = mm, .vma = vma, .haddr = k->address, .khugepaged = true};

			*result = collapse_scan_pmd(q, &c, locked);
			if (*result == SCAN_SUCCEED)
				k->pages_collapsed++;
			k->address += PMD_SIZE;
			*progress += (unsigned int)HPAGE_PMD_NR;
			if (!*locked || *progress >= pages)
				return false;
		}
	}
	return true;
}

/* The space at hand, or the next, as far as pages go; under k->lock, which is
 * dropped meanwhile. */
static unsigned int scan_mm_slot(struct quire *q, unsigned int pages, enum scan_result *result)
{
	struct khugepaged *k = &q->space->huge->khugepaged;
	struct khugepaged_mm_slot *slot = k->mm_slot;
	bool locked = false, done = true;
	unsigned int progress = 0;
	struct mm_struct *mm;

	if (!slot) {
		slot = list_first_entry(&k->mm_head, struct khugepaged_mm_slot, mm_node);
		k->address = 0;
		k->mm_slot = slot;
	}
	spin_unlock(q, &k->lock);
	mm = slot->mm;
	*result = SCAN_FAIL;
	/* Who writes may do so for long: the next one, then. */
	if (down_read_trylock(q, &mm->mmap_lock)) {
		locked = true;
		progress++;
		done = test_exit(mm) || scan_areas(q, mm, pages, &progress, result, &locked);
		if (locked)
			up_read(q, &mm->mmap_lock);
	}
	spin_lock(q, &k->lock);
	if (!test_exit(mm) && !done)
		return progress;
	/* Through with it: on to the next. */
	if (slot->mm_node.next != &k->mm_head) {
		k->mm_slot = list_next_entry(slot, mm_node);
		k->address = 0;
	} else {
		k->mm_slot = NULL;
		k->full_scans++;
	}
	if (test_exit(mm)) {
		list_del(&slot->mm_node);
		mm->khugepaged_slot = NULL;
		spin_unlock(q, &k->lock);
		free_slot(q, slot);
		spin_lock(q, &k->lock);
	}
	return progress;
}

static bool khugepaged_should_stop(const struct quire *q)
{
	return q->stopping || HOT_LOAD(&q->space->huge->khugepaged.stop);
}

static bool has_work(const struct quire *q)
{
	return !list_empty(&q->space->huge->khugepaged.mm_head) &&
	       hugepage_flags_enabled(q->space->huge);
}

static void khugepaged_do_scan(struct quire *q)
{
	struct khugepaged *k = &q->space->huge->khugepaged;
	unsigned int progress = 0, pass_through_head = 0, pages = k->pages_to_scan;
	enum scan_result result = SCAN_SUCCEED;
	bool may_wait = true;

	lru_add_drain_all(q);
	while (progress < pages && !khugepaged_should_stop(q)) {
		cond_resched(q);
		spin_lock(q, &k->lock);
		if (!k->mm_slot)
			pass_through_head++;
		if (has_work(q) && pass_through_head < 2)
			progress += scan_mm_slot(q, pages - progress, &result);
		else
			progress = pages;
		spin_unlock(q, &k->lock);
		if (result == SCAN_ALLOC_HUGE_PAGE_FAIL && progress < pages) {
			u32 seq = HOT_LOAD(&k->wait.seq);

			/* Once more after a while; then it is left for next time. */
			if (!may_wait)
				break;
			may_wait = false;
			wait_on(q, &k->wait, seq, k->alloc_sleep_millisecs * NSEC_PER_MSEC);
		}
	}
}

static void khugepaged_wait_work(struct quire *q)
{
	struct khugepaged *k = &q->space->huge->khugepaged;
	u32 seq = HOT_LOAD(&k->wait.seq);

	if (khugepaged_should_stop(q))
		return;
	if (!has_work(q)) {
		wait_on(q, &k->wait, seq, MAX_SCHEDULE_TIMEOUT);
	} else if (k->scan_sleep_millisecs) {
		u64 now = quire_clock(q);
		u64 until = now + k->scan_sleep_millisecs * NSEC_PER_MSEC;

		/* Spaces that come wake it, and do not shorten its sleep; a
		 * change of the settings does. */
		k->sleep_until = until;
		while (now < until && !khugepaged_should_stop(q) &&
		       HOT_LOAD(&k->sleep_until) == until) {
			wait_on(q, &k->wait, seq, until - now);
			seq = HOT_LOAD(&k->wait.seq);
			now = quire_clock(q);
		}
	}
}

static void khugepaged_main(struct quire *q, void *arg)
{
	struct khugepaged *k = &q->space->huge->khugepaged;

	(void)arg;
	/* Enabled and disabled while it was on its way out: it stays. */
	while (!khugepaged_should_stop(q)) {
		khugepaged_do_scan(q);
		khugepaged_wait_work(q);
	}
	k->running = false;
}

int start_stop_khugepaged(struct quire *q)
{
	struct khugepaged *k = &q->space->huge->khugepaged;

	if (hugepage_flags_enabled(q->space->huge)) {
		HOT_STORE(&k->stop, false);
		if (!k->running && q->port->thread_start) {
			k->running = true;
			if (kthread_run(q, "khugepaged", khugepaged_main, NULL, -1)) {
				k->running = false;
				q->space->huge->flags &= ~(BIT(TRANSPARENT_HUGEPAGE_FLAG) |
							   BIT(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG));
				return -ENOMEM;
			}
		}
		set_recommended_min_free_kbytes(q);
	} else {
		HOT_STORE(&k->stop, true);
		calculate_min_free_kbytes(q);
		setup_per_zone_wmarks(q);
	}
	HOT_STORE(&k->sleep_until, 0UL);
	wake_up(q, &k->wait);
	return 0;
}

int khugepaged_init(struct quire *q)
{
	struct khugepaged *k = &q->space->huge->khugepaged;

	q->space->huge->mm_slot_cachep =
		kmem_cache_create(q, "khugepaged_mm_slot", SLAB_SIZE_mm_slot, 0, 0, NULL);
	if (!q->space->huge->mm_slot_cachep)
		return -ENOMEM;
	spin_lock_init(&k->lock, LOCK_KHUGEPAGED);
	INIT_LIST_HEAD(&k->mm_head);
	k->pages_to_scan = (unsigned int)HPAGE_PMD_NR * 8;
	k->scan_sleep_millisecs = DEFAULT_SCAN_MS;
	k->alloc_sleep_millisecs = DEFAULT_ALLOC_MS;
	k->max_ptes_none = (unsigned int)HPAGE_PMD_NR - 1;
	k->max_ptes_swap = (unsigned int)HPAGE_PMD_NR / 8;
	k->max_ptes_shared = (unsigned int)HPAGE_PMD_NR / 2;
	return 0;
}

/* ---- MADV_COLLAPSE --------------------------------------------------------------- */

static int collapse_errno(enum scan_result result)
{
	switch (result) {
	case SCAN_ALLOC_HUGE_PAGE_FAIL:
		return -ENOMEM;
	case SCAN_CGROUP_CHARGE_FAIL:
		return -EBUSY;
	case SCAN_PAGE_BUSY:
		return -EAGAIN;
	default:
		return -EINVAL;
	}
}

int madvise_collapse(struct quire *q, struct mm_struct *mm, u64 start, u64 end)
{
	u64 hstart = ALIGN(start, PMD_SIZE), hend = end & PMD_MASK;
	enum scan_result last = SCAN_FAIL;
	unsigned long done = 0;
	bool locked = false;

	if (hstart >= hend)
		return -EINVAL;
	lru_add_drain_all(q);
	for (u64 addr = hstart; addr < hend; addr += PMD_SIZE) {
		struct collapse c = {.mm = mm, .haddr = addr};
		enum scan_result result;

		cond_resched(q);
		if (!locked)
			down_read(q, &mm->mmap_lock);
		locked = true;
		result = revalidate(q, &c) ? collapse_scan_pmd(q, &c, &locked) : SCAN_VMA_CHECK;
		if (result == SCAN_SUCCEED || result == SCAN_PMD_MAPPED)
			done++;
		else
			last = result;
		if (result == SCAN_VMA_CHECK || result == SCAN_ALLOC_HUGE_PAGE_FAIL ||
		    result == SCAN_CGROUP_CHARGE_FAIL)
			break;
	}
	if (locked)
		up_read(q, &mm->mmap_lock);
	return done == (hend - hstart) >> PMD_SHIFT ? 0 : collapse_errno(last);
}
