/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/maps, smaps, smaps_rollup and numa_maps: an address space, area by
 * area, and what its page tables really hold.
 *
 * smaps and numa_maps walk the tables entry by entry; a table that is missing
 * is skipped whole.  A page that n entries map counts as 1/n of a page in Pss,
 * in fixed point of 12 bits as in Linux.
 *
 * Locks: mmap_lock is tried, not waited for: rendering never sleeps.  When a
 * writer sleeps with it, the areas are linked all the same (the model switches
 * only where code waits), so they are shown as they stand.
 *
 * Differs from Linux: inodes have no names.  The program's areas are named by
 * its first argument, other files by device and inode.
 */
#include "proc/internal.h"
#include "space/mempolicy.h"
#include "space/huge_mm.h"
#include "space/hugetlb.h"

#define PSS_SHIFT 12

struct mm_struct *proc_get_mm(__unused struct quire *q, struct task *task)
{
	struct mm_struct *mm = task->mm;

	if (!mm || !HOT_LOAD(&mm->mm_users))
		return NULL;
	mmgrab(mm);
	return mm;
}

void proc_put_mm(struct quire *q, struct mm_struct *mm)
{
	mmdrop(q, mm);
}

/* Calls fn for each area of the entry's process; -ENOENT when that is gone. */
static int for_each_area(struct quire *q, const struct proc_entry *e,
			 void (*fn)(struct quire *q, struct task *task, struct vm_area_struct *vma,
				    void *ctx),
			 void *ctx)
{
	struct task *task = proc_get_task(q, e);
	struct mm_struct *mm;
	bool locked;

	if (!task)
		return -ENOENT;
	mm = proc_get_mm(q, task);
	if (mm) {
		locked = down_read_trylock(q, &mm->mmap_lock);
		for_each_vma (mm, vma)
			fn(q, task, vma, ctx);
		if (locked)
			up_read(q, &mm->mmap_lock);
		proc_put_mm(q, mm);
	}
	put_task(q, task);
	return 0;
}

/* ---- maps ------------------------------------------------------------------- */

static bool is_shmem(const struct vm_area_struct *vma)
{
	return vma->vm_file && vma->vm_file->f_inode->i_data.swap_backed;
}

static void put_area_name(struct text *t, const struct task *task, const struct vm_area_struct *vma)
{
	const struct mm_struct *mm = vma->vm_mm;

	if (is_vm_hugetlb_page(vma)) {
		const struct hugetlbfs_inode *inode = hugetlb_inode(vma);

		text_puts(t, inode->name);
		if (!inode->vfs_inode.i_nlink)
			put_lit(t, " (deleted)");
	} else if (is_shmem(vma)) {
		put_lit(t, "/dev/zero (deleted)");
	} else if (vma->vm_file) {
		const struct inode *inode = vma->vm_file->f_inode;

		if (vma->vm_start >= mm->start_code && vma->vm_start < mm->end_data)
			put_exe_path(t, task);
		else
			text_printf(t, "/mnt/%s/inode-%lu",
				    inode->i_sb && inode->i_sb->bdi && inode->i_sb->bdi->name
					    ? inode->i_sb->bdi->name
					    : "none",
				    inode->i_ino);
	} else if (vma->name) {
		text_puts(t, vma->name);
	} else if (mm->start_brk && vma->vm_start <= mm->brk && vma->vm_end > mm->start_brk &&
		   vma->vm_end <= PAGE_ALIGN(mm->brk)) {
		put_lit(t, "[heap]");
	} else if (vma->vm_flags & VM_GROWSDOWN) {
		put_lit(t, "[stack]");
	}
}

static void put_device(struct text *t, const struct vm_area_struct *vma)
{
	const struct inode *inode = vma->vm_file ? vma->vm_file->f_inode : NULL;

	if (is_vm_hugetlb_page(vma))
		text_printf(t, " 00:%02x %lu ", hugetlb_inode(vma)->sbi->minor, inode->i_ino);
	else if (!inode)
		put_lit(t, " 00:00 0 ");
	else if (is_shmem(vma) || !inode->i_sb || !inode->i_sb->bdi)
		text_printf(t, " 00:01 %lu ", inode->i_ino);
	else
		text_printf(t, " 103:%02x %lu ", inode->i_sb->bdi->dev, inode->i_ino);
}

static void put_area(struct text *t, const struct task *task, const struct vm_area_struct *vma)
{
	unsigned long flags = vma->vm_flags;
	size_t start = t->len, end;

	text_printf(t, "%08lx-%08lx %c%c%c%c %08lx", vma->vm_start, vma->vm_end,
		    flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-',
		    flags & VM_EXEC ? 'x' : '-', flags & VM_MAYSHARE ? 's' : 'p',
		    vma->vm_file ? vma->vm_pgoff << PAGE_SHIFT : 0UL);
	put_device(t, vma);
	end = t->len;
	/* The name begins in column 73, if there is one. */
	if (end - start < 73)
		text_fill(t, ' ', 73 - (end - start));
	start = t->len;
	put_area_name(t, task, vma);
	if (t->len == start && !t->overflow) {
		t->len = end;
		t->buf[end] = '\0';
	}
	text_putc(t, '\n');
}

static void maps_area(__unused struct quire *q, struct task *task, struct vm_area_struct *vma,
		      void *ctx)
{
	put_area(ctx, task, vma);
}

int show_pid_maps(struct quire *q, const struct proc_entry *e, __unused const struct proc_def *def,
		  struct text *t)
{
	return for_each_area(q, e, maps_area, t);
}

/* ---- the walk --------------------------------------------------------------- */

/* Calls fn for each entry of [vma->vm_start, vm_end) that is not empty; one of a
 * huge page stands for nr pages. */
static void walk_area(struct quire *q, const struct vm_area_struct *vma,
		      void (*fn)(struct quire *q, pte_t pte, unsigned long nr, void *ctx),
		      void *ctx)
{
	u64 addr = vma->vm_start;

	while (addr < vma->vm_end) {
		u64 end = min((addr + PMD_SIZE) & ~(PMD_SIZE - 1), vma->vm_end);
		const pte_t *pmd = pt_walk(q, vma->vm_mm->pgd_pfn, addr, 2);
		const pte_t *pte = NULL;

		if (pmd && pmd_huge(*pmd)) {
			fn(q, HOT_LOAD(pmd), HPAGE_PMD_NR, ctx);
			addr = end;
			continue;
		}
		if (pmd && pmd_table(*pmd))
			pte = pte_offset(q, *pmd, addr);
		if (!pte) {
			/* Skip what a missing table above would have covered. */
			for (int level = 3; level <= q->page->pt_levels; level++) {
				u64 span = 1UL << PT_SHIFT(level);
				const pte_t *up = pt_walk(q, vma->vm_mm->pgd_pfn, addr, level);

				if (up && !pte_none(*up))
					break;
				end = min((addr + span) & ~(span - 1), vma->vm_end);
			}
			addr = end;
			continue;
		}
		for (; addr < end; addr += PAGE_SIZE, pte++)
			if (!pte_none(*pte))
				fn(q, HOT_LOAD(pte), 1, ctx);
	}
}

/* The page that an entry maps and that is counted; the zero page is not. */
static struct page *normal_page(struct quire *q, pte_t pte)
{
	return pte_present(pte) && !pte_special(pte) ? pfn_to_page(q, pte_pfn(pte)) : NULL;
}

struct mem_size_stats {
	u64 resident, shared_clean, shared_dirty, private_clean, private_dirty, referenced,
		anonymous, lazyfree, swap, anonymous_thp, shmem_thp, file_thp, shared_hugetlb,
		private_hugetlb;
	u64 pss, pss_anon, pss_file, pss_shmem, pss_dirty, pss_locked, swap_pss; /* << PSS_SHIFT */
	bool locked; /* of the area that is walked */
};

static void smaps_swap(struct quire *q, pte_t pte, struct mem_size_stats *mss)
{
	unsigned int count = swap_count(q, pte_to_swp_entry(pte));

	mss->swap += PAGE_SIZE;
	mss->swap_pss += (PAGE_SIZE << PSS_SHIFT) / max(count, 1u);
}

/* One page, alone or of a huge one, that an entry maps. */
static void smaps_page(struct mem_size_stats *mss, const struct page *page, pte_t pte)
{
	int mapcount = max(page_mapcount(page), 1);
	bool dirty, private = mapcount < 2;
	u64 pss;

	page = compound_head(page);
	dirty = pte_dirty(pte) || PageDirty(page);
	pss = (PAGE_SIZE << PSS_SHIFT) / (unsigned int)mapcount;
	mss->resident += PAGE_SIZE;
	if (PageAnon(page)) {
		mss->anonymous += PAGE_SIZE;
		if (!PageSwapBacked(page) && !dirty)
			mss->lazyfree += PAGE_SIZE;
		mss->pss_anon += pss;
	} else if (PageSwapBacked(page)) {
		mss->pss_shmem += pss;
	} else {
		mss->pss_file += pss;
	}
	if (pte_young(pte) || PageReferenced(page))
		mss->referenced += PAGE_SIZE;
	mss->pss += pss;
	if (mss->locked)
		mss->pss_locked += pss;
	if (dirty) {
		mss->pss_dirty += pss;
		*(private ? &mss->private_dirty : &mss->shared_dirty) += PAGE_SIZE;
	} else {
		*(private ? &mss->private_clean : &mss->shared_clean) += PAGE_SIZE;
	}
}

static void smaps_pte(struct quire *q, pte_t pte, unsigned long nr, void *ctx)
{
	struct mem_size_stats *mss = ctx;
	struct page *page = normal_page(q, pte);

	if (unlikely(pte_is_migration(pte)))
		page = migration_entry_page(q, pte);
	else if (pte_in_swap(pte))
		smaps_swap(q, pte, mss);
	if (page && nr > 1)
		*(PageAnon(page)	 ? &mss->anonymous_thp
		  : PageSwapBacked(page) ? &mss->shmem_thp
					 : &mss->file_thp) += PMD_SIZE;
	for (unsigned long i = 0; page && i < nr; i++)
		smaps_page(mss, page + i, pte);
}

/* Pages of a shmem file in the area's range that lie in swap. */
static u64 shmem_swapped(struct quire *q, const struct vm_area_struct *vma)
{
	struct address_space *m = &vma->vm_file->f_inode->i_data;
	unsigned long last = vma->vm_pgoff + ((vma->vm_end - vma->vm_start) >> PAGE_SHIFT) - 1;
	unsigned long index;
	u64 bytes = 0;
	void *entry;

	/* A private area that is written counts its own entries. */
	if (!HOT_LOAD(&m->nrexceptional) || (vma->vm_flags & (VM_SHARED | VM_WRITE)) == VM_WRITE)
		return 0;
	spin_lock(q, &m->i_pages_lock);
	xa_for_each_range(&m->i_pages, index, entry, vma->vm_pgoff, last) if (xa_is_value(entry))
		bytes += PAGE_SIZE;
	spin_unlock(q, &m->i_pages_lock);
	return bytes;
}

/* Pages of a pool are not resident as others are: they have lines of their own. */
static void smaps_hugetlb(struct quire *q, const struct vm_area_struct *vma,
			  struct mem_size_stats *mss)
{
	u64 size = huge_page_size(hstate_vma(vma));

	for (u64 addr = vma->vm_start; addr < vma->vm_end; addr += size) {
		const pte_t *ptep = hugetlb_pte(q, vma, addr);
		const struct page *page;

		if (!ptep || pte_none(*ptep))
			continue;
		page = pte_is_migration(*ptep) ? migration_entry_page(q, *ptep)
					       : pfn_to_page(q, pte_pfn(*ptep));
		if (page_mapcount(page) >= 2)
			mss->shared_hugetlb += size;
		else
			mss->private_hugetlb += size;
	}
}

static void gather_smaps(struct quire *q, const struct vm_area_struct *vma,
			 struct mem_size_stats *mss)
{
	if (is_vm_hugetlb_page(vma)) {
		smaps_hugetlb(q, vma, mss);
		return;
	}
	mss->locked = (vma->vm_flags & VM_LOCKED) != 0;
	if (is_shmem(vma))
		mss->swap += shmem_swapped(q, vma);
	walk_area(q, vma, smaps_pte, mss);
}

#define put_size(t, label, bytes) put_kb_line(t, label, (bytes) >> 10)

static void put_mem_sizes(struct text *t, const struct mem_size_stats *mss, bool rollup)
{
	put_size(t, "Rss:            ", mss->resident);
	put_size(t, "Pss:            ", mss->pss >> PSS_SHIFT);
	put_size(t, "Pss_Dirty:      ", mss->pss_dirty >> PSS_SHIFT);
	if (rollup) {
		put_size(t, "Pss_Anon:       ", mss->pss_anon >> PSS_SHIFT);
		put_size(t, "Pss_File:       ", mss->pss_file >> PSS_SHIFT);
		put_size(t, "Pss_Shmem:      ", mss->pss_shmem >> PSS_SHIFT);
	}
	put_size(t, "Shared_Clean:   ", mss->shared_clean);
	put_size(t, "Shared_Dirty:   ", mss->shared_dirty);
	put_size(t, "Private_Clean:  ", mss->private_clean);
	put_size(t, "Private_Dirty:  ", mss->private_dirty);
	put_size(t, "Referenced:     ", mss->referenced);
	put_size(t, "Anonymous:      ", mss->anonymous);
	put_size(t, "LazyFree:       ", mss->lazyfree);
	put_size(t, "AnonHugePages:  ", mss->anonymous_thp);
	put_size(t, "ShmemPmdMapped: ", mss->shmem_thp);
	put_size(t, "FilePmdMapped:  ", mss->file_thp);
	put_size(t, "Shared_Hugetlb: ", mss->shared_hugetlb);
	put_size(t, "Private_Hugetlb:", mss->private_hugetlb);
	put_size(t, "Swap:           ", mss->swap);
	put_size(t, "SwapPss:        ", mss->swap_pss >> PSS_SHIFT);
	put_size(t, "Locked:         ", mss->pss_locked >> PSS_SHIFT);
}

static void put_vm_flags(struct text *t, unsigned long flags)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} names[] = {
		{VM_READ, "rd "},	  {VM_WRITE, "wr "},	  {VM_EXEC, "ex "},
		{VM_SHARED, "sh "},	  {VM_MAYREAD, "mr "},	  {VM_MAYWRITE, "mw "},
		{VM_MAYEXEC, "me "},	  {VM_MAYSHARE, "ms "},	  {VM_GROWSDOWN, "gd "},
		{VM_UFFD_MISSING, "um "}, {VM_PFNMAP, "pf "},	  {VM_UFFD_WP, "uw "},
		{VM_LOCKED, "lo "},	  {VM_SEQ_READ, "sr "},	  {VM_RAND_READ, "rr "},
		{VM_DONTCOPY, "dc "},	  {VM_DONTEXPAND, "de "}, {VM_LOCKONFAULT, "lf "},
		{VM_ACCOUNT, "ac "},	  {VM_NORESERVE, "nr "},  {VM_HUGETLB, "ht "},
		{VM_WIPEONFORK, "wf "},	  {VM_DONTDUMP, "dd "},	  {VM_SOFTDIRTY, "sd "},
		{VM_HUGEPAGE, "hg "},	  {VM_NOHUGEPAGE, "nh "}, {VM_UFFD_MINOR, "ui "},
	};

	put_lit(t, "VmFlags: ");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			text_puts(t, names[i].name);
	text_putc(t, '\n');
}

static u64 page_size_of(const struct vm_area_struct *vma)
{
	return is_vm_hugetlb_page(vma) ? huge_page_size(hstate_vma(vma)) : PAGE_SIZE;
}

static void smaps_area(struct quire *q, struct task *task, struct vm_area_struct *vma, void *ctx)
{
	struct mem_size_stats mss = {0};
	struct text *t = ctx;

	gather_smaps(q, vma, &mss);
	put_area(t, task, vma);
	put_size(t, "Size:           ", vma->vm_end - vma->vm_start);
	put_size(t, "KernelPageSize: ", page_size_of(vma));
	put_size(t, "MMUPageSize:    ", page_size_of(vma));
	put_mem_sizes(t, &mss, false);
	text_printf(t, "THPeligible:    %d\n",
		    hugepage_vma_check(q, vma, vma->vm_flags, true, false, true));
	put_vm_flags(t, vma->vm_flags);
}

int show_pid_smaps(struct quire *q, const struct proc_entry *e, __unused const struct proc_def *def,
		   struct text *t)
{
	return for_each_area(q, e, smaps_area, t);
}

struct rollup {
	struct mem_size_stats mss;
	u64 start, end;
	bool any;
};

static void rollup_area(struct quire *q, __unused struct task *task, struct vm_area_struct *vma,
			void *ctx)
{
	struct rollup *r = ctx;

	if (!r->any)
		r->start = vma->vm_start;
	r->any = true;
	r->end = vma->vm_end;
	gather_smaps(q, vma, &r->mss);
}

int show_pid_smaps_rollup(struct quire *q, const struct proc_entry *e,
			  __unused const struct proc_def *def, struct text *t)
{
	struct rollup r = {0};
	size_t start = t->len;
	int err = for_each_area(q, e, rollup_area, &r);

	/* Linux: a task without memory has none to roll up, and says -ESRCH. */
	if (err || !r.any)
		return err;
	text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0 ", r.start, r.end);
	if (t->len - start < 73)
		text_fill(t, ' ', 73 - (t->len - start));
	put_lit(t, "[rollup]\n");
	put_mem_sizes(t, &r.mss, true);
	return 0;
}

/* ---- numa_maps -------------------------------------------------------------- */

struct numa_maps {
	unsigned long pages, anon, active, writeback, dirty, swapcache;
	int mapcount_max;
	unsigned long node[QUIRE_MAX_NODES];
};

static void numa_pte(struct quire *q, pte_t pte, unsigned long nr, void *ctx)
{
	struct numa_maps *md = ctx;
	struct page *page = normal_page(q, pte);

	if (!page)
		return;
	md->mapcount_max = max(md->mapcount_max, page_mapcount(page));
	page = compound_head(page);
	md->pages += nr;
	md->dirty += pte_dirty(pte) || PageDirty(page) ? nr : 0;
	md->swapcache += PageSwapCache(page) ? nr : 0;
	md->active += PageActive(page) || PageUnevictable(page) ? nr : 0;
	md->writeback += PageWriteback(page) ? nr : 0;
	md->anon += PageAnon(page) ? nr : 0;
	md->node[page_to_nid(page)] += nr;
}

/* Linux's mpol_to_str(). */
static void put_policy(struct quire *q, struct text *t, const struct mempolicy *policy)
{
	static const char *const names[] = {
		[MPOL_DEFAULT] = "default",
		[MPOL_PREFERRED] = "prefer",
		[MPOL_BIND] = "bind",
		[MPOL_INTERLEAVE] = "interleave",
		[MPOL_LOCAL] = "local",
		[MPOL_PREFERRED_MANY] = "prefer (many)",
		[MPOL_WEIGHTED_INTERLEAVE] = "weighted interleave",
	};

	text_printf(t, " %s", names[policy->mode]);
	if (policy->flags)
		text_printf(t, "=%s", policy->flags & MPOL_F_STATIC_NODES ? "static" : "relative");
	if (policy->mode == MPOL_PREFERRED) {
		text_printf(t, ":%u", policy->preferred);
	} else if (policy->mode != MPOL_DEFAULT && policy->mode != MPOL_LOCAL) {
		text_putc(t, ':');
		put_bit_list(t, policy->nodes.bits, q->nr_nodes);
	}
}

static void put_numa_name(struct text *t, const struct task *task, const struct vm_area_struct *vma)
{
	const struct mm_struct *mm = vma->vm_mm;

	if (is_vm_hugetlb_page(vma)) {
		const struct hugetlbfs_inode *inode = hugetlb_inode(vma);

		text_printf(t, " file=%s%s", inode->name,
			    inode->vfs_inode.i_nlink ? "" : "\\040(deleted)");
	} else if (vma->vm_file) {
		put_lit(t, " file=");
		put_area_name(t, task, vma);
	} else if (mm->start_brk && vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk) {
		put_lit(t, " heap");
	} else if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack) {
		put_lit(t, " stack");
	}
}

static void put_count(struct text *t, const char *label, unsigned long v)
{
	text_puts(t, label);
	put_dec(t, v, 0);
}

static void numa_hugetlb(struct quire *q, const struct vm_area_struct *vma, struct numa_maps *md)
{
	u64 size = page_size_of(vma);

	for (u64 addr = vma->vm_start; addr < vma->vm_end; addr += size) {
		const pte_t *ptep = hugetlb_pte(q, vma, addr);

		if (ptep && !pte_none(*ptep))
			numa_pte(q, *ptep, 1, md);
	}
}

static void numa_area(struct quire *q, struct task *task, struct vm_area_struct *vma, void *ctx)
{
	struct numa_maps md = {0};
	struct text *t = ctx;

	if (is_vm_hugetlb_page(vma))
		numa_hugetlb(q, vma, &md);
	else
		walk_area(q, vma, numa_pte, &md);
	text_printf(t, "%08lx", vma->vm_start);
	put_policy(q, t, get_vma_policy(task, vma));
	put_numa_name(t, task, vma);
	if (is_vm_hugetlb_page(vma))
		put_lit(t, " huge");
	if (md.pages) {
		if (md.anon)
			put_count(t, " anon=", md.anon);
		if (md.dirty)
			put_count(t, " dirty=", md.dirty);
		if (md.pages != md.anon && md.pages != md.dirty)
			put_count(t, " mapped=", md.pages);
		if (md.mapcount_max > 1)
			put_count(t, " mapmax=", (unsigned long)md.mapcount_max);
		if (md.swapcache)
			put_count(t, " swapcache=", md.swapcache);
		if (md.active < md.pages)
			put_count(t, " active=", md.active);
		if (md.writeback)
			put_count(t, " writeback=", md.writeback);
		for_each_node (q, nid)
			if (md.node[nid])
				text_printf(t, " N%u=%lu", nid, md.node[nid]);
		put_count(t, " kernelpagesize_kB=", page_size_of(vma) >> 10);
	}
	text_putc(t, '\n');
}

int show_pid_numa_maps(struct quire *q, const struct proc_entry *e,
		       __unused const struct proc_def *def, struct text *t)
{
	return for_each_area(q, e, numa_area, t);
}
