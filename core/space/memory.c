/* SPDX-License-Identifier: MIT */
/*
 * Page faults.
 *
 *	entry	access	area		what happens
 *	none	read	anonymous	the zero page, special: not counted
 *	none	write	anonymous	a new page, zeroed
 *	none	read	file		the cache's page, and cached ones around it
 *	none	write	file, private	a copy of the cache's page
 *	none	write	file, shared	the cache's page, made dirty
 *	swap	any	anonymous	read back (swapin.c), then as below
 *	present	write	shared		made dirty and writable
 *	present	write	private		ours alone: writable; else a copy
 *
 * Everything that may sleep (frames, tables, charges, the disk) comes first;
 * then page_table_lock is taken once, the entry looked at again, and if another
 * thread was quicker the work is dropped: the processor will try again.
 *
 * Locks: mmap_lock for reading over the fault.  A cache page is locked while
 * it is mapped, so it is not truncated under our hands.
 *
 * Differs from Linux: no PG_anon_exclusive; a page is ours alone when nobody
 * else has a reference (docs/differences.md).
 */
#include "space/hugetlb.h"

#define FAULT_AROUND_PAGES 16

u64 vm_page_prot(const struct vm_area_struct *vma)
{
	u64 prot = _PAGE_USER | _PAGE_ACCESSED;

	if (!(vma->vm_flags & VM_ACCESS_FLAGS))
		return _PAGE_PROTNONE | _PAGE_ACCESSED | _PAGE_NX;
	prot |= _PAGE_PRESENT;
	if (!(vma->vm_flags & VM_EXEC))
		prot |= _PAGE_NX;
	/* Files that are written back want to hear of each first write; so do who
	 * follows soft-dirty bits, and userfaultfd. */
	if ((vma->vm_flags & (VM_SHARED | VM_WRITE | VM_UFFD_WP)) == (VM_SHARED | VM_WRITE) &&
	    (is_vm_hugetlb_page(vma) ||
	     (vma_mapping(vma)->swap_backed && (vma->vm_flags & VM_SOFTDIRTY))))
		prot |= _PAGE_RW;
	return prot;
}

u64 write_prot(const struct vm_fault *vmf)
{
	return vm_page_prot(vmf->vma) | _PAGE_MKDIRTY |
	       (vmf->vma->vm_flags & VM_WRITE ? _PAGE_RW : 0);
}

/* A frame charged to the address space's group, or NULL; zero is __GFP_ZERO or
 * 0.  The mask is as Linux's reports show it. */
struct page *new_user_page(struct quire *q, struct vm_fault *vmf, gfp_t zero)
{
	struct page *page = alloc_user_page(q, vmf->task, vmf->vma, vmf->addr,
					    GFP_HIGHUSER_MOVABLE | __GFP_COMP | zero);

	if (unlikely(!page))
		return NULL;
	if (vmf->mm->memcg && mem_cgroup_charge(q, page, vmf->mm->memcg, GFP_KERNEL)) {
		__free_pages(q, page, 0);
		return NULL;
	}
	page->flags |= BIT(PG_uptodate);
	charge_ns(q, q->cost.fault_clear);
	return page;
}

/* Under the lock: a new anonymous page takes its place. */
void map_new_anon(struct quire *q, struct vm_fault *vmf, struct page *page, u64 prot)
{
	page_add_new_anon_rmap(q, page, vmf->vma, vmf->addr);
	add_mm_counter_fast(vmf->task, vmf->mm, MM_ANONPAGES, 1);
	lru_cache_add(q, page);
	set_pte(q, vmf->ptep, mk_pte(page_to_pfn(q, page), prot));
}

void mlock_if_wanted(struct quire *q, struct vm_fault *vmf, struct page *page)
{
	if (unlikely(vmf->vma->vm_flags & VM_LOCKED) && !PageCompound(page))
		mlock_page(q, page);
}

static unsigned int do_anonymous_page(struct quire *q, struct vm_fault *vmf)
{
	struct page *page;

	if (unlikely(vmf->vma->vm_flags & VM_UFFD_MISSING)) {
		unsigned int ret = handle_userfault(q, vmf, VM_UFFD_MISSING);

		if (ret != VM_FAULT_FALLBACK)
			return ret;
	}
	if (!vmf->write) {
		if (!pte_lock_same(q, vmf))
			return 0;
		set_pte(q, vmf->ptep,
			mk_pte(page_to_pfn(q, q->space->zero_page),
			       vm_page_prot(vmf->vma) | _PAGE_SPECIAL));
		pte_unlock(q, vmf);
		return 0;
	}
	if (unlikely(!vmf->vma->anon_vma && anon_vma_prepare(q, vmf->vma)))
		return VM_FAULT_OOM;
	page = new_user_page(q, vmf, __GFP_ZERO);
	if (unlikely(!page))
		return VM_FAULT_OOM;
	if (unlikely(!pte_lock_same(q, vmf))) {
		put_page(q, page);
		return 0;
	}
	if (unlikely(vmf->mm->flags & BIT(MMF_UNSTABLE))) {
		pte_unlock(q, vmf);
		put_page(q, page);
		return VM_FAULT_SIGBUS;
	}
	map_new_anon(q, vmf, page, write_prot(vmf));
	pte_unlock(q, vmf);
	mlock_if_wanted(q, vmf, page);
	return 0;
}

/* ---- files ----------------------------------------------------------------------- */

static bool may_map_around(const struct page *page, const struct address_space *mapping)
{
	return !PageLocked(page) && PageUptodate(page) && !PageReadahead(page) &&
	       page->mapping == mapping;
}

/*
 * Maps the cached pages of the aligned window of 16 around the fault, as far
 * as they lie in the area, the table and the file.  True if the faulting one
 * was among them.  Linux: do_fault_around(), filemap_map_pages().
 */
static bool do_fault_around(struct quire *q, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct address_space *mapping = vma_mapping(vma);
	struct page *locked[FAULT_AROUND_PAGES]; /* to be mlocked */
	unsigned int nr_locked = 0;
	u64 window = FAULT_AROUND_PAGES << PAGE_SHIFT, prot = vm_page_prot(vma);
	u64 from = max(ALIGN_DOWN(vmf->addr, window), vma->vm_start);
	u64 to = min(ALIGN_DOWN(vmf->addr, window) + window, vma->vm_end);
	unsigned long first = linear_page_index(vma, from), last, indices[FAULT_AROUND_PAGES];
	unsigned long eof = DIV_ROUND_UP(mapping->host->i_size, PAGE_SIZE), mapped = 0;
	void *found[FAULT_AROUND_PAGES];
	unsigned int n;
	bool hit = false;

	last = min(first + ((to - from) >> PAGE_SHIFT), eof);
	if (first >= last)
		return false;
	spin_lock(q, &vmf->mm->page_table_lock);
	spin_lock(q, &mapping->i_pages_lock);
	n = xa_gang(&mapping->i_pages, first, last - 1, found, indices, FAULT_AROUND_PAGES,
		    XA_PRESENT);
	for (unsigned int i = 0; i < n; i++) {
		u64 addr = from + ((indices[i] - first) << PAGE_SHIFT);
		pte_t *ptep = vmf->ptep + (s64)((s64)(addr - vmf->addr) >> PAGE_SHIFT);
		struct page *page = found[i];

		if (xa_is_value(page) || !pte_none(*ptep) || !may_map_around(page, mapping))
			continue;
		get_page(page);
		page = page_of_index(page, indices[i]);
		page_add_file_rmap(q, page);
		set_pte(q, ptep, mk_pte(page_to_pfn(q, page), prot));
		if (unlikely(vma->vm_flags & VM_LOCKED) && !PageCompound(page)) {
			get_page(page);
			locked[nr_locked++] = page;
		}
		mapped++;
		hit |= addr == vmf->addr;
	}
	spin_unlock(q, &mapping->i_pages_lock);
	if (mapped)
		add_mm_counter_fast(vmf->task, vmf->mm,
				    mapping->swap_backed ? MM_SHMEMPAGES : MM_FILEPAGES,
				    (long)mapped);
	spin_unlock(q, &vmf->mm->page_table_lock);
	while (unlikely(nr_locked)) {
		mlock_page(q, locked[--nr_locked]);
		put_page(q, locked[nr_locked]);
	}
	charge_ns(q, (u64)mapped * q->cost.fault_map);
	return hit;
}

static bool is_past_end(const struct address_space *mapping, unsigned long index)
{
	return index >= DIV_ROUND_UP(mapping->host->i_size, PAGE_SIZE);
}

/*
 * A page of a shmem file in an area of userfaultfd's: missing in the file, or there and
 * to be heard of.  VM_FAULT_FALLBACK: neither is so.
 */
static unsigned int shmem_userfault(struct quire *q, struct vm_fault *vmf, unsigned long index)
{
	struct page *page = find_get_page(q, vma_mapping(vmf->vma), index);
	unsigned long reason = page ? VM_UFFD_MINOR : VM_UFFD_MISSING;

	if (page && !xa_is_value(page))
		put_page(q, page);
	return vmf->vma->vm_flags & reason ? handle_userfault(q, vmf, reason) : VM_FAULT_FALLBACK;
}

/* What an entry allows that takes a marker's place: it is protected still. */
static u64 unmarked_prot(const struct vm_fault *vmf, u64 prot)
{
	return unlikely(pte_is_marker(vmf->orig)) ? (prot | _PAGE_UFFD_WP) & ~_PAGE_RW : prot;
}

/* The cache's page, locked and with a reference. */
unsigned int fault_get_page(struct quire *q, struct vm_fault *vmf, struct page **pagep)
{
	struct address_space *mapping = vma_mapping(vmf->vma);
	unsigned long index = linear_page_index(vmf->vma, vmf->addr);
	bool major = false, reading = false;
	struct page *page, *head;

	if (is_past_end(mapping, index))
		return VM_FAULT_SIGBUS;
	if (unlikely(vmf->vma->vm_flags & (VM_UFFD_MISSING | VM_UFFD_MINOR))) {
		unsigned int ret = shmem_userfault(q, vmf, index);

		if (ret != VM_FAULT_FALLBACK)
			return ret;
	}
	if (mapping->swap_backed)
		page = shmem_getpage(q, mapping->host, index, SGP_CACHE, shmem_vma_advice(vmf->vma),
				     GFP_HIGHUSER_MOVABLE, &major);
	else
		page = filemap_get_page(q, mapping, index, GFP_HIGHUSER_MOVABLE, &major, &reading);
	if (IS_ERR(page))
		return PTR_ERR(page) == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	if (major) {
		count_vm_event(q, PGMAJFAULT);
		count_memcg_events(q, vmf->mm->memcg, PGMAJFAULT, 1);
	}
	/* The second try is a fault, too, and makes it a major one of the task's. */
	if (reading) {
		count_vm_event(q, PGFAULT);
		count_memcg_events(q, vmf->mm->memcg, PGFAULT, 1);
		charge_ns(q, q->cost.fault);
	}
	head = compound_head(page);
	lock_page(q, head);
	if (unlikely(head->mapping != mapping || is_past_end(mapping, index))) {
		/* Truncated meanwhile, or read again just after that: once more. */
		unlock_page(q, head);
		put_page(q, page);
		page = NULL;
	}
	*pagep = page;
	return major || reading ? VM_FAULT_MAJOR : 0;
}

/* A shared page was made dirty: the task is to be held back for it, later. */
static void note_dirtied(struct quire *q, struct vm_fault *vmf)
{
	if (vma_mapping(vmf->vma)->swap_backed)
		return;
	vmf->dirtied = vmf->vma->vm_file;
	charge_ns(q, q->cost.fault_dirty);
	(void)HOT_ADD(&vmf->dirtied->f_count, 1);
}

static void map_file_page(struct quire *q, struct vm_fault *vmf, struct page *page, u64 prot)
{
	page_add_file_rmap(q, page);
	add_mm_counter_fast(vmf->task, vmf->mm, mm_counter(page), 1);
	set_pte(q, vmf->ptep, mk_pte(page_to_pfn(q, page), prot));
}

/* Read of either kind, write to a shared file: the page itself is mapped. */
static unsigned int do_map_fault(struct quire *q, struct vm_fault *vmf)
{
	struct page *page = NULL, *head;
	unsigned int ret;

	if (!vmf->write && likely(!(vmf->vma->vm_flags & (VM_UFFD_WP | VM_UFFD_MINOR))) &&
	    do_fault_around(q, vmf))
		return 0;
	ret = fault_get_page(q, vmf, &page);
	if (!page)
		return ret;
	head = compound_head(page);
	if (vmf->write && block_page_mkwrite(q, head))
		note_dirtied(q, vmf);
	if (pte_lock_same(q, vmf)) {
		map_file_page(
			q, vmf, page,
			unmarked_prot(vmf, vmf->write ? write_prot(vmf) : vm_page_prot(vmf->vma)));
		pte_unlock(q, vmf);
		mlock_if_wanted(q, vmf, page);
		unlock_page(q, head); /* the reference is the entry's now */
		return ret;
	}
	unlock_page(q, head);
	put_page(q, page);
	return ret;
}

static unsigned int do_cow_fault(struct quire *q, struct vm_fault *vmf)
{
	struct page *page = NULL, *copy;
	unsigned int ret;

	if (anon_vma_prepare(q, vmf->vma))
		return VM_FAULT_OOM;
	charge_ns(q, q->cost.fault_copy);
	copy = new_user_page(q, vmf, 0);
	if (!copy)
		return VM_FAULT_OOM;
	ret = fault_get_page(q, vmf, &page);
	if (!page) {
		put_page(q, copy);
		return ret;
	}
	hot_copy_page(q->hot, page_to_pfn(q, copy), page_to_pfn(q, page));
	if (pte_lock_same(q, vmf)) {
		map_new_anon(q, vmf, copy, unmarked_prot(vmf, write_prot(vmf)));
		pte_unlock(q, vmf);
		mlock_if_wanted(q, vmf, copy);
	} else {
		put_page(q, copy);
	}
	unlock_page(q, compound_head(page));
	put_page(q, page);
	return ret;
}

/* ---- copy on write --------------------------------------------------------------- */

/* Under the lock: the page is ours alone, or shared by right. */
static unsigned int wp_page_reuse(struct quire *q, struct vm_fault *vmf)
{
	count_vm_event(q, PGREUSE);
	set_pte(q, vmf->ptep,
		(vmf->orig & ~_PAGE_UFFD_WP) | _PAGE_MKDIRTY | _PAGE_ACCESSED |
			(vmf->vma->vm_flags & VM_WRITE ? _PAGE_RW : 0));
	pte_unlock(q, vmf);
	return 0;
}

static unsigned int wp_page_shared(struct quire *q, struct vm_fault *vmf, struct page *page)
{
	page = compound_head(page);
	get_page(page);
	pte_unlock(q, vmf);
	lock_page(q, page);
	if (page->mapping == vma_mapping(vmf->vma)) {
		if (block_page_mkwrite(q, page))
			note_dirtied(q, vmf);
		if (pte_lock_same(q, vmf))
			(void)wp_page_reuse(q, vmf);
	}
	unlock_page(q, page);
	put_page(q, page);
	return 0;
}

/* old: NULL for the zero page; else the caller's reference on it is used up. */
static unsigned int wp_page_copy(struct quire *q, struct vm_fault *vmf, struct page *old)
{
	unsigned int ret = VM_FAULT_OOM;
	struct page *copy;

	if (anon_vma_prepare(q, vmf->vma))
		goto out;
	charge_ns(q, q->cost.fault_copy);
	copy = new_user_page(q, vmf, 0);
	if (!copy)
		goto out;
	ret = 0;
	if (old)
		hot_copy_page(q->hot, page_to_pfn(q, copy), page_to_pfn(q, old));
	else
		hot_clear_page(q->hot, page_to_pfn(q, copy));
	if (!pte_lock_same(q, vmf)) {
		put_page(q, copy);
		goto out;
	}
	if (old) {
		add_mm_counter_fast(vmf->task, vmf->mm, mm_counter(old), -1);
		page_remove_rmap(q, old);
	}
	map_new_anon(q, vmf, copy, write_prot(vmf));
	flush_tlb(q, vmf->mm, vmf->addr, vmf->addr + PAGE_SIZE);
	pte_unlock(q, vmf);
	mlock_if_wanted(q, vmf, copy);
	if (old) {
		if (vmf->vma->vm_flags & VM_LOCKED && PageMlocked(old) && !PageCompound(old))
			munlock_page(q, old);
		free_swap_cache(q, compound_head(old));
		put_page(q, old); /* the entry's */
	}
out:
	if (old)
		put_page(q, old);
	return ret;
}

/* Nobody but our entry and the swap cache refers to an anonymous page: the
 * cache's part goes, the page moves to our anon_vma. */
bool reuse_anon_page(struct quire *q, struct vm_fault *vmf, struct page *page)
{
	int cached;
	bool ours;

	page = compound_head(page);

	cached = PageSwapCache(page) ? (int)compound_nr(page) : 0;
	if (page_ref_count(page) > (cached > 3 ? cached + 1 : 3))
		return false;
	if (!PageLRU(page))
		lru_add_drain(q); /* a batch may hold a reference */
	if (page_ref_count(page) > 1 + cached || !trylock_page(page))
		return false;
	if (PageSwapCache(page))
		(void)try_to_free_swap(q, page);
	ours = page_ref_count(page) == 1;
	if (ours && vmf->vma->anon_vma)
		page->mapping = (struct address_space *)((unsigned long)vmf->vma->anon_vma |
							 PAGE_MAPPING_ANON);
	unlock_page(q, page);
	return ours;
}

/* A write to a present entry that does not allow it; the lock is held. */
unsigned int do_wp_page(struct quire *q, struct vm_fault *vmf)
{
	struct page *page;

	if (unlikely(pte_uffd_wp(vmf->orig)) && (vmf->vma->vm_flags & VM_UFFD_WP)) {
		unsigned int ret;

		pte_unlock(q, vmf);
		ret = handle_userfault(q, vmf, VM_UFFD_WP);
		if (ret != VM_FAULT_FALLBACK || !pte_lock_same(q, vmf))
			return ret & ~VM_FAULT_FALLBACK;
	}
	if (pte_special(vmf->orig)) {
		pte_unlock(q, vmf);
		return wp_page_copy(q, vmf, NULL);
	}
	page = pfn_to_page(q, pte_pfn(vmf->orig));
	if (vmf->vma->vm_flags & VM_SHARED)
		return wp_page_shared(q, vmf, page);
	if (PageAnon(page) && reuse_anon_page(q, vmf, page))
		return wp_page_reuse(q, vmf);
	get_page(page);
	pte_unlock(q, vmf);
	return wp_page_copy(q, vmf, page);
}

/* ---- dispatch -------------------------------------------------------------------- */

static unsigned int do_file_fault(struct quire *q, struct vm_fault *vmf)
{
	if (vmf->write && !(vmf->vma->vm_flags & VM_SHARED))
		return do_cow_fault(q, vmf);
	return do_map_fault(q, vmf);
}

/* The page comes as to an empty entry; it is protected still, or the marker goes. */
static unsigned int do_pte_marker(struct quire *q, struct vm_fault *vmf)
{
	if (vmf->vma->vm_file && (vmf->vma->vm_flags & VM_UFFD_WP))
		return do_file_fault(q, vmf);
	if (pte_lock_same(q, vmf)) {
		set_pte(q, vmf->ptep, 0);
		pte_unlock(q, vmf);
	}
	return 0;
}

static unsigned int handle_pte_fault(struct quire *q, struct vm_fault *vmf)
{
	if (likely(pte_none(vmf->orig))) {
		if (likely(!vmf->vma->vm_file))
			return do_anonymous_page(q, vmf);
		return do_file_fault(q, vmf);
	}
	if (unlikely(pte_is_marker(vmf->orig)))
		return do_pte_marker(q, vmf);
	if (!pte_present(vmf->orig))
		return do_swap_page(q, vmf);
	/* The area allows the access: a hint. */
	if (unlikely(!(vmf->orig & _PAGE_PRESENT)))
		return do_numa_page(q, vmf);
	if (!vmf->write || pte_write(vmf->orig))
		return 0; /* another thread was quicker */
	if (!pte_lock_same(q, vmf))
		return 0;
	return do_wp_page(q, vmf);
}

/*
 * Level 2 has no table for the address: a huge page may be there, or come there;
 * else *ptep becomes the entry of level 1 in a new table, or one of a huge entry
 * that was cut.  VM_FAULT_FALLBACK: go on with that.
 */
static unsigned int handle_pmd_fault(struct quire *q, struct vm_fault *vmf, unsigned int *made)
{
	pte_t *pmdp = vmf->ptep;
	unsigned int ret = do_huge_pmd_fault(q, vmf);

	if (!(ret & VM_FAULT_FALLBACK))
		return ret;
	vmf->ptep = pt_walk_alloc(q, vmf->mm->pgd_pfn, vmf->addr, 1, GFP_KERNEL, made);
	if (unlikely(!vmf->ptep)) /* as we slept another thread put a huge page there */
		return pmd_huge(*pmdp) ? 0 : VM_FAULT_OOM;
	return VM_FAULT_FALLBACK;
}

/* Of a fault that was served; populating counts as well. */
static void account_fault(struct task *task, unsigned int ret)
{
	if (ret & VM_FAULT_MAJOR)
		task->maj_flt++;
	else
		task->min_flt++;
}

static void check_sync_rss_stat(struct task *task)
{
	if (likely(task) && unlikely(task->rss_stat.events++ > TASK_RSS_EVENTS_THRESH))
		sync_mm_rss(task);
}

/* One page of an area that allows the access.  mmap_lock is held. */
static unsigned int __handle_mm_fault(struct quire *q, struct task *task,
				      struct vm_area_struct *vma, u64 addr, bool write,
				      struct file **dirtied, struct userfault *uf)
{
	struct vm_fault vmf = {.mm = vma->vm_mm,
			       .vma = vma,
			       .task = task,
			       .addr = addr & PAGE_MASK,
			       .write = write,
			       .userfault = uf};
	unsigned int made = 0, ret = VM_FAULT_FALLBACK;

	count_vm_event(q, PGFAULT);
	count_memcg_events(q, vmf.mm->memcg, PGFAULT, 1);
	check_sync_rss_stat(task);
	charge_ns(q, q->cost.fault);
	if (unlikely(is_vm_hugetlb_page(vma)))
		return hugetlb_fault(q, task, vma, addr, write);
	vmf.ptep = pmd_offset(q, vmf.mm->pgd_pfn, vmf.addr);
	if (unlikely(!vmf.ptep))
		vmf.ptep = pt_walk_alloc(q, vmf.mm->pgd_pfn, vmf.addr, 2, GFP_KERNEL, &made);
	if (unlikely(!vmf.ptep)) {
		ret = VM_FAULT_OOM;
	} else {
		vmf.orig = HOT_LOAD(vmf.ptep);
		if (likely(pmd_table(vmf.orig)))
			vmf.ptep = pte_offset(q, vmf.orig, vmf.addr);
		else
			ret = handle_pmd_fault(q, &vmf, &made);
	}
	if (unlikely(made))
		(void)HOT_ADD(&vmf.mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
	if (unlikely(ret != VM_FAULT_FALLBACK))
		return ret;
	vmf.orig = HOT_LOAD(vmf.ptep);
	ret = handle_pte_fault(q, &vmf);
	*dirtied = vmf.dirtied;
	return ret;
}

static unsigned int handle_mm_fault(struct quire *q, struct task *task, struct vm_area_struct *vma,
				    u64 addr, bool write, struct file **dirtied,
				    struct userfault *uf)
{
	bool gens = lru_gen_enabled(q);
	unsigned int ret;

	/* What is brought in is used, but for streams and lotteries. */
	if (unlikely(gens))
		current_context(q)->in_lru_fault = !(vma->vm_flags & (VM_SEQ_READ | VM_RAND_READ));
	ret = __handle_mm_fault(q, task, vma, addr, write, dirtied, uf);
	if (unlikely(gens))
		current_context(q)->in_lru_fault = false;
	return ret;
}

/* After mmap_lock: holds the writer of a shared file back. */
static void throttle_dirtier(struct quire *q, struct file *file)
{
	balance_dirty_pages_ratelimited(q, &file->f_inode->i_data);
	fput(q, file);
}

static bool access_error(const struct vm_area_struct *vma, bool write)
{
	return !(vma->vm_flags & (write ? VM_WRITE : VM_ACCESS_FLAGS));
}

unsigned int handle_user_fault(struct quire *q, struct task *task, u64 addr, unsigned int flags)
{
	struct mm_struct *mm = task->mm;
	bool write = flags & FAULT_FLAG_WRITE;
	unsigned int ret = VM_FAULT_SIGSEGV;
	struct vm_area_struct *vma;
	struct file *dirtied = NULL;
	struct userfault uf; /* the rest is set by who waits: VM_FAULT_RETRY */

	uf.exact = addr;
	uf.user = true;
	if (unlikely(!mm || addr >= mm->task_size)) {
		send_signal(q, task, SIGSEGV);
		return ret;
	}
	down_read(q, &mm->mmap_lock);
	vma = find_vma(mm, addr);
	if (unlikely(!vma || (vma->vm_start > addr && expand_stack(q, task, vma, addr)) ||
		     access_error(vma, write)))
		goto out;
	ret = handle_mm_fault(q, task, vma, addr, write, &dirtied, &uf);
out:
	up_read(q, &mm->mmap_lock);
	if (unlikely(dirtied))
		throttle_dirtier(q, dirtied);
	if (unlikely(ret & VM_FAULT_RETRY)) {
		userfault_wait(q, task, &uf);
		return 0; /* the access is made again */
	}
	mem_cgroup_handle_over_high(q);
	if (unlikely(ret & (VM_FAULT_SIGSEGV | VM_FAULT_SIGBUS))) {
		if (!fatal_signal_pending(task))
			send_signal(q, task, ret & VM_FAULT_SIGSEGV ? SIGSEGV : SIGBUS);
		return ret;
	}
	if (unlikely(ret & VM_FAULT_OOM))
		return ret;
	account_fault(task, ret);
	return ret;
}

/* Is a page there for the access, alone or in a huge one? */
static bool is_populated(struct quire *q, struct mm_struct *mm, u64 addr, bool write)
{
	const pte_t *ptep = pt_walk(q, mm->pgd_pfn, addr, 2);

	if (ptep && pmd_table(*ptep))
		ptep = pte_offset(q, *ptep, addr);
	return ptep && pte_present(*ptep) && (!write || pte_write(*ptep));
}

enum populate { POPULATE_MLOCK, POPULATE_READ, POPULATE_WRITE };

static bool populate_writes(const struct vm_area_struct *vma, enum populate how)
{
	if (how == POPULATE_MLOCK) /* writable private areas are made writable at once */
		return (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
	return how == POPULATE_WRITE;
}

/* The page at *start, or the first above it that is mapped; *start goes on behind. */
static unsigned int populate_page(struct quire *q, struct mm_struct *mm, u64 *start, u64 end,
				  enum populate how)
{
	bool write, faulted = false, of_file = false;
	struct task *task = current_task(q);
	unsigned int ret = VM_FAULT_SIGSEGV;
	struct userfault uf = {.ctx = NULL, .exact = *start};
	struct vm_area_struct *vma;
	struct file *dirtied = NULL;
	u64 step = PAGE_SIZE;

	down_read(q, &mm->mmap_lock);
	vma = find_vma(mm, *start);
	if (!vma || vma->vm_start >= end || (vma->vm_flags & VM_PFNMAP)) {
		*start = vma ? min(end, vma->vm_end) : end;
		up_read(q, &mm->mmap_lock);
		return 0;
	}
	if (vma->vm_flags & VM_ACCESS_FLAGS) {
		*start = max(*start, vma->vm_start);
		if (is_vm_hugetlb_page(vma))
			step = huge_page_size(hstate_vma(vma));
		write = populate_writes(vma, how);
		of_file = vma->vm_file != NULL;
		faulted = !is_populated(q, mm, *start, write);
		if (!faulted)
			ret = 0;
		else
			ret = handle_mm_fault(q, task, vma, *start, write, &dirtied,
					      task ? &uf : NULL);
	}
	up_read(q, &mm->mmap_lock);
	if (dirtied)
		throttle_dirtier(q, dirtied);
	if (unlikely(ret & VM_FAULT_RETRY)) {
		userfault_wait(q, task, &uf);
		return fatal_signal_pending(task) ? VM_FAULT_SIGBUS : 0; /* once more */
	}
	/* A file's page is read without mmap_lock and the fault done again,
	 * which finds it there: minor. */
	if (faulted && task && !(ret & (VM_FAULT_SIGSEGV | VM_FAULT_SIGBUS | VM_FAULT_OOM)))
		account_fault(task, of_file ? ret & ~VM_FAULT_MAJOR : ret);
	*start = ALIGN_DOWN(*start, step) + step;
	return ret & (VM_FAULT_SIGSEGV | VM_FAULT_SIGBUS | VM_FAULT_OOM);
}

/* MAP_POPULATE and mlock. */
int populate_range(struct quire *q, struct mm_struct *mm, u64 start, u64 end)
{
	unsigned int ret = 0;

	while (start < end && !ret)
		ret = populate_page(q, mm, &start, end, POPULATE_MLOCK);
	if (!ret)
		return 0;
	return ret & VM_FAULT_OOM ? -ENOMEM : -EFAULT;
}

int populate_exactly(struct quire *q, struct mm_struct *mm, u64 start, u64 end, bool write)
{
	const struct task *task = current_task(q);
	unsigned int ret;

	while (start < end) {
		ret = populate_page(q, mm, &start, end, write ? POPULATE_WRITE : POPULATE_READ);
		if (ret)
			return ret & VM_FAULT_OOM ? -ENOMEM : -EFAULT;
		if (task && fatal_signal_pending(task))
			return -EINTR;
	}
	return 0;
}
