/* SPDX-License-Identifier: MIT */
/*
 * Transparent huge pages: entries of level 2 that map 2 MiB at once (the first
 * part of Linux's huge_memory.c).
 *
 *	entry		access	what happens
 *	none		write	a huge page, if the area and the settings allow one
 *				and there is one; else a small page
 *	none		read	the huge zero page
 *	huge zero	write	cut into small entries, one of which is copied
 *	huge		write	ours alone: writable; else cut, one page copied
 *
 * A huge entry has a page table put by (pgtable_trans_huge_deposit()), so that
 * it can be cut into 512 entries (split) without memory: when part of it is
 * unmapped, protected otherwise or copied on write.  The page stays one page;
 * that is split in huge_split.c.
 *
 * rss counts 512 for an entry; the huge zero page, as the small one, is not
 * counted, and marked special.
 *
 * Locks: page_table_lock for entries and tables put by.  What may sleep comes
 * before it.
 */
#include "space/internal.h"

/* Clearing 2 MiB twice, as Debian's kernels do (INIT_ON_ALLOC_DEFAULT_ON and
 * clear_huge_page()), past all caches: the recorded kernels take 5.6 ms for it on
 * their 13 times slower processor. */

/* ---- policy ---------------------------------------------------------------------- */

bool hugepage_vma_check(struct quire *q, const struct vm_area_struct *vma, unsigned long vm_flags,
			bool smaps, bool in_pf, bool enforce_sysfs)
{
	const struct huge_floor *h = q->space->huge;

	if ((vm_flags & VM_NOHUGEPAGE) || (vma->vm_mm->flags & BIT(MMF_DISABLE_THP)))
		return false;
	if (vm_flags & (VM_HUGETLB | VM_UFFD_MISSING | VM_PFNMAP))
		return false;
	/* A fault asks again for its own address. */
	if (!in_pf &&
	    (vma->vm_end < PMD_SIZE || !transhuge_vma_suitable(vma, vma->vm_end - PMD_SIZE)))
		return false;
	if (unlikely(vma->vm_file) && vma_mapping(vma)->swap_backed && !in_pf)
		return shmem_huge_enabled(q, vma, !enforce_sysfs);
	if (enforce_sysfs && (!hugepage_flags_enabled(h) ||
			      (!(vm_flags & VM_HUGEPAGE) && !hugepage_flags_always(h))))
		return false;
	if (vma->vm_file)
		return false;
	if (!vma->anon_vma)
		return smaps || in_pf;
	return true;
}

/* How hard to try for a huge page, in an area of which madvise() was told so: `defrag`. */
gfp_t thp_gfp_mask(const struct quire *q, bool madvised)
{
	unsigned long flags = q->space->huge->flags;

	if (flags & BIT(TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG))
		return GFP_TRANSHUGE | (madvised ? 0 : __GFP_NORETRY);
	if (flags & BIT(TRANSPARENT_HUGEPAGE_DEFRAG_KSWAPD_FLAG))
		return GFP_TRANSHUGE_LIGHT | __GFP_KSWAPD_RECLAIM;
	if (flags & BIT(TRANSPARENT_HUGEPAGE_DEFRAG_KSWAPD_OR_MADV_FLAG))
		return GFP_TRANSHUGE_LIGHT |
		       (madvised ? __GFP_DIRECT_RECLAIM : __GFP_KSWAPD_RECLAIM);
	if (flags & BIT(TRANSPARENT_HUGEPAGE_DEFRAG_REQ_MADV_FLAG))
		return GFP_TRANSHUGE_LIGHT | (madvised ? __GFP_DIRECT_RECLAIM : 0);
	return GFP_TRANSHUGE_LIGHT;
}

/* ---- the huge zero page ---------------------------------------------------------- */

/*
 * The page with a reference for the address space, which keeps it to its end;
 * NULL: no memory.  The last reference is the shrinker's.
 */
static struct page *mm_get_huge_zero_page(struct quire *q, struct mm_struct *mm)
{
	struct huge_floor *h = q->space->huge;
	struct page *page;

	if (mm->flags & BIT(MMF_HUGE_ZERO_PAGE))
		return h->huge_zero_page;
	if (!HOT_LOAD(&h->huge_zero_page)) {
		page = alloc_pages(q, (GFP_TRANSHUGE | __GFP_ZERO) & ~__GFP_MOVABLE,
				   HPAGE_PMD_ORDER);
		if (!page) {
			count_vm_event(q, THP_ZERO_PAGE_ALLOC_FAILED);
			return NULL;
		}
		if (HOT_CMPXCHG(&h->huge_zero_page, NULL, page)) {
			count_vm_event(q, THP_ZERO_PAGE_ALLOC);
			(void)HOT_ADD(&h->huge_zero_refcount, 1);
		} else {
			put_page(q, page); /* another was quicker, as we slept */
		}
	}
	/* Two threads of one space may fault at once. */
	if (!(HOT_OR(&mm->flags, BIT(MMF_HUGE_ZERO_PAGE)) & BIT(MMF_HUGE_ZERO_PAGE)))
		(void)HOT_ADD(&h->huge_zero_refcount, 1);
	return h->huge_zero_page;
}

void mm_put_huge_zero_page(struct quire *q, struct mm_struct *mm)
{
	if (mm->flags & BIT(MMF_HUGE_ZERO_PAGE))
		(void)HOT_SUB(&q->space->huge->huge_zero_refcount, 1);
}

static unsigned long count_huge_zero_page(struct quire *q, __unused struct shrinker *s,
					  struct shrink_control *sc)
{
	const struct huge_floor *h = q->space->huge;

	/* Shrinkers are asked a node at a time; the page is one node's. */
	if (HOT_LOAD(&h->huge_zero_refcount) != 1 || page_to_nid(h->huge_zero_page) != sc->nid)
		return 0;
	return HPAGE_PMD_NR;
}

static unsigned long scan_huge_zero_page(struct quire *q, __unused struct shrinker *s,
					 struct shrink_control *sc)
{
	struct huge_floor *h = q->space->huge;
	struct page *page = h->huge_zero_page;

	if (!page || page_to_nid(page) != sc->nid || !HOT_CMPXCHG(&h->huge_zero_refcount, 1, 0))
		return 0;
	h->huge_zero_page = NULL;
	put_page(q, page);
	return HPAGE_PMD_NR;
}

/* ---- faults ---------------------------------------------------------------------- */

/* Under the lock: the entry is made, with the table that is put by for it. */
static void set_huge_pmd(struct quire *q, struct mm_struct *mm, pte_t *pmdp, struct page *table,
			 u64 pfn, u64 prot)
{
	pgtable_trans_huge_deposit(q, pmdp, table);
	set_pte(q, pmdp, mk_pte(pfn, prot | _PAGE_PSE));
	(void)HOT_ADD(&mm->pgtables_bytes, (long)PAGE_SIZE);
}

static unsigned int fault_huge_zero(struct quire *q, struct vm_fault *vmf)
{
	struct page *table = pt_alloc(q, GFP_KERNEL), *zero;
	unsigned int ret = 0;

	if (!table)
		return VM_FAULT_OOM;
	zero = mm_get_huge_zero_page(q, vmf->mm);
	if (!zero) {
		pt_free(q, table);
		count_vm_event(q, THP_FAULT_FALLBACK);
		return VM_FAULT_FALLBACK;
	}
	if (!pte_lock_same(q, vmf)) {
		pt_free(q, table);
		return 0;
	}
	if (vmf->mm->flags & BIT(MMF_UNSTABLE)) {
		ret = VM_FAULT_SIGBUS;
	} else {
		set_huge_pmd(q, vmf->mm, vmf->ptep, table, page_to_pfn(q, zero),
			     vm_page_prot(vmf->vma) | _PAGE_SPECIAL);
		table = NULL;
	}
	pte_unlock(q, vmf);
	if (table)
		pt_free(q, table);
	return ret;
}

/* A huge page that is charged and cleared; NULL: a small one will have to do. */
static struct page *new_huge_page(struct quire *q, struct vm_fault *vmf)
{
	gfp_t gfp = thp_gfp_mask(q, vmf->vma->vm_flags & VM_HUGEPAGE);
	struct page *page = alloc_huge_user_page(q, vmf->task, vmf->vma, vmf->addr & PMD_MASK, gfp);

	if (!page) {
		count_vm_event(q, THP_FAULT_FALLBACK);
		return NULL;
	}
	prep_transhuge_page(page);
	if (vmf->mm->memcg && mem_cgroup_charge(q, page, vmf->mm->memcg, gfp)) {
		put_page(q, page);
		count_vm_event(q, THP_FAULT_FALLBACK);
		count_vm_event(q, THP_FAULT_FALLBACK_CHARGE);
		return NULL;
	}
	for (u64 pfn = page_to_pfn(q, page), end = pfn + HPAGE_PMD_NR; pfn < end; pfn++)
		hot_clear_page(q->hot, pfn);
	page->flags |= BIT(PG_uptodate);
	charge_ns(q, (u64)HPAGE_PMD_NR * q->cost.huge_page);
	return page;
}

/* Under the lock: a new huge page takes its place. */
void map_new_huge_anon(struct quire *q, struct vm_area_struct *vma, u64 haddr, pte_t *pmdp,
		       struct page *page, struct page *table)
{
	page_add_new_anon_rmap(q, page, vma, haddr);
	lru_cache_add(q, page);
	set_huge_pmd(q, vma->vm_mm, pmdp, table, page_to_pfn(q, page),
		     vm_page_prot(vma) | _PAGE_MKDIRTY | (vma->vm_flags & VM_WRITE ? _PAGE_RW : 0));
	add_mm_counter(vma->vm_mm, MM_ANONPAGES, HPAGE_PMD_NR);
}

static unsigned int do_huge_pmd_anonymous_page(struct quire *q, struct vm_fault *vmf)
{
	struct page *page, *table;
	unsigned int ret = 0;

	if (!transhuge_vma_suitable(vmf->vma, vmf->addr))
		return VM_FAULT_FALLBACK;
	if (unlikely(anon_vma_prepare(q, vmf->vma)))
		return VM_FAULT_OOM;
	khugepaged_enter_vma(q, vmf->vma, vmf->vma->vm_flags);
	if (!vmf->write && (q->space->huge->flags & BIT(TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG)))
		return fault_huge_zero(q, vmf);
	page = new_huge_page(q, vmf);
	if (!page)
		return VM_FAULT_FALLBACK;
	table = pt_alloc(q, GFP_KERNEL);
	if (!table) {
		put_page(q, page);
		return VM_FAULT_OOM;
	}
	if (pte_lock_same(q, vmf)) {
		if (likely(!(vmf->mm->flags & BIT(MMF_UNSTABLE)))) {
			map_new_huge_anon(q, vmf->vma, vmf->addr & PMD_MASK, vmf->ptep, page,
					  table);
			pte_unlock(q, vmf);
			count_vm_event(q, THP_FAULT_ALLOC);
			count_memcg_events(q, vmf->mm->memcg, THP_FAULT_ALLOC, 1);
			if (unlikely(vmf->vma->vm_flags & VM_LOCKED))
				mlock_page(q, page);
			return 0;
		}
		pte_unlock(q, vmf);
		ret = VM_FAULT_SIGBUS;
	}
	pt_free(q, table);
	put_page(q, page);
	return ret;
}

/* A write to a huge entry that does not allow it. */
static unsigned int do_huge_pmd_wp_page(struct quire *q, struct vm_fault *vmf)
{
	struct page *page;

	if (unlikely(pte_uffd_wp(vmf->orig)) && (vmf->vma->vm_flags & VM_UFFD_WP)) {
		unsigned int ret = handle_userfault(q, vmf, VM_UFFD_WP);

		if (ret != VM_FAULT_FALLBACK)
			return ret;
	}
	/* Of a file: copied, or its writer told of, page by page. */
	if (!pte_special(vmf->orig) && !vmf->vma->vm_file) {
		if (!pte_lock_same(q, vmf))
			return 0;
		page = pfn_to_page(q, pte_pfn(vmf->orig));
		if (reuse_anon_page(q, vmf, page)) {
			set_pte(q, vmf->ptep,
				(vmf->orig & ~_PAGE_UFFD_WP) | _PAGE_MKDIRTY | _PAGE_ACCESSED |
					(vmf->vma->vm_flags & VM_WRITE ? _PAGE_RW : 0));
			pte_unlock(q, vmf);
			return 0;
		}
		pte_unlock(q, vmf);
	}
	split_huge_pmd(q, vmf->vma, vmf->ptep, vmf->addr);
	return VM_FAULT_FALLBACK;
}

unsigned int do_huge_pmd_fault(struct quire *q, struct vm_fault *vmf)
{
	if (pte_none(vmf->orig)) {
		if (vmf->vma->vm_file)
			return do_huge_file_fault(q, vmf);
		if (!hugepage_flags_enabled(q->space->huge) ||
		    !hugepage_vma_check(q, vmf->vma, vmf->vma->vm_flags, false, true, true))
			return VM_FAULT_FALLBACK;
		return do_huge_pmd_anonymous_page(q, vmf);
	}
	if (unlikely(pte_is_migration(vmf->orig))) {
		migration_entry_wait(q, vmf->mm, vmf->ptep);
		return 0;
	}
	if (unlikely(!(vmf->orig & _PAGE_PRESENT)))
		return do_numa_page(q, vmf);
	if (vmf->write && !pte_write(vmf->orig))
		return do_huge_pmd_wp_page(q, vmf);
	return 0; /* another thread was quicker; the processor marks it accessed */
}

/* ---- fork ------------------------------------------------------------------------ */

int copy_huge_pmd(struct quire *q, struct vm_area_struct *dst, struct vm_area_struct *src,
		  pte_t *dst_pmd, pte_t *src_pmd)
{
	struct mm_struct *dmm = dst->vm_mm, *smm = src->vm_mm;
	struct page *table = pt_alloc(q, GFP_KERNEL), *page;
	bool drop_wp;
	pte_t pmd;

	if (!table)
		return -ENOMEM;
	spin_lock(q, &dmm->page_table_lock);
	spin_lock_nested(q, &smm->page_table_lock);
	pmd = *src_pmd;
	drop_wp = !(dst->vm_flags & VM_UFFD_WP);
	if (!pmd_huge(pmd)) {
		spin_unlock(q, &smm->page_table_lock);
		spin_unlock(q, &dmm->page_table_lock);
		pt_free(q, table);
		return -EAGAIN;
	}
	if (unlikely(pte_is_migration(pmd))) {
		pmd = make_readable_migration_pte(pmd);
		set_pte(q, src_pmd, pmd);
		add_mm_counter(dmm, MM_ANONPAGES, HPAGE_PMD_NR);
		pgtable_trans_huge_deposit(q, dst_pmd, table);
		set_pte(q, dst_pmd, drop_wp ? pte_clear_uffd_wp(pmd) : pmd);
		(void)HOT_ADD(&dmm->pgtables_bytes, (long)PAGE_SIZE);
		goto out;
	}
	if (pte_special(pmd)) {
		/* There is one: this only takes a reference. */
		(void)mm_get_huge_zero_page(q, dmm);
	} else {
		page = pfn_to_page(q, pte_pfn(pmd));
		get_page(page);
		(void)HOT_ADD(&page[1].compound_mapcount, 1);
		add_mm_counter(dmm, MM_ANONPAGES, HPAGE_PMD_NR);
	}
	pmd &= ~_PAGE_RW;
	set_pte(q, src_pmd, pmd);
	if (drop_wp)
		pmd = pte_clear_uffd_wp(pmd);
	set_huge_pmd(q, dmm, dst_pmd, table, pte_pfn(pmd),
		     pmd & ~(PTE_PFN_MASK | _PAGE_PSE | _PAGE_ACCESSED));
out:
	spin_unlock(q, &smm->page_table_lock);
	spin_unlock(q, &dmm->page_table_lock);
	return 0;
}

/* ---- cutting an entry ------------------------------------------------------------ */

/* 512 entries of a page that the entry pmd mapped whole. */
static void fill_split_table(struct quire *q, pte_t *pte, pte_t pmd)
{
	struct page *page = pfn_to_page(q, pte_pfn(pmd));
	u64 prot = pmd & ~(PTE_PFN_MASK | _PAGE_PSE);

	(void)HOT_ADD(&page->_refcount, (int)HPAGE_PMD_NR - 1);
	if (pte_dirty(pmd))
		SetPageDirty(page);
	for (long i = 0; i < HPAGE_PMD_NR; i++) {
		pte[i] = mk_pte(pte_pfn(pmd) + (u64)i, prot);
		(void)HOT_ADD(&page[i]._mapcount, 1);
	}
	/* Others map it whole: from now on each page counts that too. */
	if (compound_mapcount(page) > 1 && !TestSetPageFlag(&page[1], PG_double_map))
		for (long i = 0; i < HPAGE_PMD_NR; i++)
			(void)HOT_ADD(&page[i]._mapcount, 1);
	if (HOT_SUB(&page[1].compound_mapcount, 1) >= 0)
		return;
	mod_lruvec_page_state(q, page, NR_ANON_THPS, -HPAGE_PMD_NR);
	if (TestClearPageFlag(&page[1], PG_double_map))
		for (long i = 0; i < HPAGE_PMD_NR; i++)
			(void)HOT_SUB(&page[i]._mapcount, 1);
}

/* Of a file there is no table for it: the entry goes. */
static void split_file_pmd(struct quire *q, struct vm_area_struct *vma, pte_t *pmdp, u64 haddr)
{
	bool young = pte_young(*pmdp);
	struct page *page = zap_file_pmd(q, vma, pmdp);

	flush_tlb(q, vma->vm_mm, haddr, haddr + PMD_SIZE);
	if (!page)
		return;
	if (young)
		SetPageReferenced(page);
	put_page(q, page);
}

void __split_huge_pmd_locked(struct quire *q, struct vm_area_struct *vma, pte_t *pmdp, u64 haddr)
{
	struct page *table, *page = NULL;
	pte_t pmd = *pmdp, *pte;

	count_vm_event(q, THP_SPLIT_PMD);
	if (vma->vm_file) {
		split_file_pmd(q, vma, pmdp, haddr);
		return;
	}
	table = pgtable_trans_huge_withdraw(q, pmdp);
	pte = page_address(q, table);
	if (unlikely(pte_is_migration(pmd))) {
		for (long i = 0; i < HPAGE_PMD_NR; i++)
			pte[i] = migration_pte_of_part(pmd, (unsigned int)i);
	} else if (pte_special(pmd)) {
		pte_t zero = mk_pte(page_to_pfn(q, q->space->zero_page),
				    vm_page_prot(vma) | _PAGE_SPECIAL);

		zero = pte_keep_soft_bits(zero, pmd);
		for (long i = 0; i < HPAGE_PMD_NR; i++)
			pte[i] = zero;
	} else {
		page = pfn_to_page(q, pte_pfn(pmd));
		fill_split_table(q, pte, pmd);
	}
	table->private = PTRS_PER_TABLE;
	pmd_populate(q, pmdp, table);
	flush_tlb(q, vma->vm_mm, haddr, haddr + PMD_SIZE);
	/* A page that is mapped in part is not kept locked as a whole. */
	if (page && (vma->vm_flags & VM_LOCKED) && PageMlocked(page))
		munlock_page(q, page);
}

void split_huge_pmd(struct quire *q, struct vm_area_struct *vma, pte_t *pmdp, u64 addr)
{
	spin_lock(q, &vma->vm_mm->page_table_lock);
	if (pmd_huge(*pmdp))
		__split_huge_pmd_locked(q, vma, pmdp, addr & PMD_MASK);
	spin_unlock(q, &vma->vm_mm->page_table_lock);
}

void split_huge_pmd_if_needed(struct quire *q, struct vm_area_struct *vma, u64 addr)
{
	pte_t *pmdp;

	if (IS_ALIGNED(addr, PMD_SIZE) || (!vma->anon_vma && !vma->vm_file) ||
	    (vma->vm_flags & VM_HUGETLB) || !transhuge_vma_suitable(vma, addr))
		return;
	pmdp = pt_walk(q, vma->vm_mm->pgd_pfn, addr, 2);
	if (pmdp && pmd_huge(*pmdp))
		split_huge_pmd(q, vma, pmdp, addr);
}

/* ---- set-up ---------------------------------------------------------------------- */

/* Linux leaves huge pages off on machines of less than 512 MiB. */
#define THP_MIN_RAM_PAGES (512UL << (20 - PAGE_SHIFT))

int hugepage_init(struct quire *q)
{
	struct huge_floor *h = kzalloc(q, sizeof(*h), GFP_KERNEL);
	int err;

	if (!h)
		return -ENOMEM;
	q->space->huge = h;
	h->flags = BIT(TRANSPARENT_HUGEPAGE_DEFRAG_REQ_MADV_FLAG) |
		   BIT(TRANSPARENT_HUGEPAGE_DEFRAG_KHUGEPAGED_FLAG) |
		   BIT(TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG);
	if (q->cfg.transparent_hugepage == QUIRE_THP_ALWAYS)
		h->flags |= BIT(TRANSPARENT_HUGEPAGE_FLAG);
	else if (q->cfg.transparent_hugepage == QUIRE_THP_MADVISE)
		h->flags |= BIT(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG);
	h->zero_shrinker = (struct shrinker){.count_objects = count_huge_zero_page,
					     .scan_objects = scan_huge_zero_page,
					     .seeks = DEFAULT_SEEKS,
					     .name = "thp-zero"};
	register_shrinker(q, &h->zero_shrinker);
	shmem_huge_init(q);
	err = deferred_split_init(q);
	if (!err)
		err = khugepaged_init(q);
	if (err)
		return err;
	if (q->node->totalram_pages < THP_MIN_RAM_PAGES) {
		h->flags = 0;
		return 0;
	}
	return 0;
}
