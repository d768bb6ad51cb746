/* SPDX-License-Identifier: MIT */
/*
 * What the files of space/ share among themselves.
 */
#ifndef QUIRE_SPACE_INTERNAL_H
#define QUIRE_SPACE_INTERNAL_H

#include "space/huge_mm.h"
#include "space/sched.h"

#define STACK_GUARD_GAP	   (256UL << PAGE_SHIFT)
#define MMAP_MIN_ADDR	   65536UL
#define TASK_UNMAPPED_BASE PAGE_ALIGN(TASK_SIZE / 3)
#define MAP_32BIT_START	   0x40000000UL
#define MAP_32BIT_END	   0x80000000UL
#define THREAD_SIZE	   (16UL << 10)
#define RESERVED_PIDS	   300
#define PID_MAX_DEFAULT	   32768
#define PIDS_PER_CPU	   1024
#define PID_MAX_LIMIT	   (4 << 20)
#define VM_ACCESS_FLAGS	   (VM_READ | VM_WRITE | VM_EXEC)

/* vma.c: the tree of an address space; the caller holds mmap_lock. */
struct vm_area_struct *vm_area_alloc(struct quire *q, struct mm_struct *mm);
struct vm_area_struct *vm_area_dup(struct quire *q, const struct vm_area_struct *orig);
/* Drops the file and gives the object back; the VMA is linked nowhere. */
void vm_area_free(struct quire *q, struct vm_area_struct *vma);
void vma_link(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma);
void vma_unlink(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma);
void vma_set_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end,
		   unsigned long pgoff);
int vma_grow_down(struct quire *q, struct vm_area_struct *vma, u64 addr);
int split_vma(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma, u64 addr,
	      bool new_below);
/* A shmem file that is mapped got another size. */
void shmem_reacct_size(struct quire *q, struct address_space *mapping, u64 old);
void unsplit_vma(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma);
/* Joins a VMA with its neighbours where they fit: the one that remains. */
struct vm_area_struct *vma_merge_around(struct quire *q, struct mm_struct *mm,
					struct vm_area_struct *vma);
/* Lets a neighbour grow over the free range [start, end), which then needs no
 * VMA of its own; NULL if none fits. */
struct vm_area_struct *vma_merge_new(struct quire *q, struct mm_struct *mm, u64 start, u64 end,
				     unsigned long flags, struct file *file, unsigned long pgoff,
				     const char *name);
u64 unmapped_area_topdown(struct mm_struct *mm, u64 len, u64 low, u64 high);
u64 unmapped_area(struct mm_struct *mm, u64 len, u64 low, u64 high);

static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

/* Where others must keep away from: the stack has a guard below it. */
static inline u64 vm_start_gap(const struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return vma->vm_start;
	return vma->vm_start > STACK_GUARD_GAP ? vma->vm_start - STACK_GUARD_GAP : 0;
}

/* Free bytes between the area below and this one. */
static inline u64 vma_own_gap(const struct vm_area_struct *vma)
{
	u64 below = vma->vm_prev ? vma->vm_prev->vm_end : 0, start = vm_start_gap(vma);

	return start > below ? start - below : 0;
}

static inline struct address_space *vma_mapping(const struct vm_area_struct *vma)
{
	return vma->vm_file ? &vma->vm_file->f_inode->i_data : NULL;
}

/* mmap.c */
/* mmap_lock, held for writing, is dropped; userfaultfd hears what went meanwhile. */
void mmap_write_unlock(struct quire *q, struct mm_struct *mm);
bool may_expand_vm(const struct mm_struct *mm, unsigned long flags, unsigned long pages);
int mlock_future_check(const struct mm_struct *mm, unsigned long flags, u64 len);
int munmap_locked(struct quire *q, struct mm_struct *mm, u64 start, u64 end);
u64 get_unmapped_area(const struct quire *q, struct mm_struct *mm, u64 addr, u64 len, int flags,
		      u64 align);
int split_at_ends(struct quire *q, struct mm_struct *mm, struct vm_area_struct **first, u64 start,
		  u64 end, bool removing);
int set_vma_flags(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma,
		  unsigned long flags);
int change_area(struct quire *q, struct mm_struct *mm, struct vm_area_struct **areap, u64 start,
		u64 end, unsigned long flags);
int change_areas(struct quire *q, struct mm_struct *mm, u64 start, u64 end,
		 int (*one)(struct quire *q, struct mm_struct *mm, struct vm_area_struct **areap,
			    u64 start, u64 end, unsigned long set),
		 unsigned long set);
bool vma_accountable(const struct quire *q, unsigned long flags);
bool is_data_mapping(unsigned long flags);
/* mlock.c */
void mlock_present(struct quire *q, struct vm_area_struct *vma, bool lock);

/* A limit of the process whose space it is; none while it is being made. */
static inline u64 mm_rlimit(const struct mm_struct *mm, unsigned int limit)
{
	return mm->owner ? mm->owner->signal->rlim[limit].rlim_cur : RLIM_INFINITY;
}

/* CAP_IPC_LOCK. */
static inline bool mm_may_lock_all(const struct mm_struct *mm)
{
	return !mm->owner || !mm->owner->uid;
}

static inline bool can_do_mlock(const struct mm_struct *mm)
{
	return mm_may_lock_all(mm) || mm_rlimit(mm, RLIMIT_MEMLOCK);
}

int vm_enough_memory(struct quire *q, const struct mm_struct *mm, unsigned long pages);
/* The same, only asked. */
bool vm_could_promise(struct quire *q, unsigned long pages);
void vm_unacct_memory(struct quire *q, unsigned long pages);
void vm_stat_account(struct mm_struct *mm, unsigned long flags, long pages);
void exit_mmap(struct quire *q, struct mm_struct *mm);
int madvise_flags(struct quire *q, struct mm_struct *mm, u64 start, u64 end, unsigned long clear,
		  unsigned long set);
int expand_stack(struct quire *q, struct task *task, struct vm_area_struct *vma, u64 addr);

/* memory.c */
struct vm_fault {
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	struct task *task;
	u64 addr; /* of the page */
	bool write;
	pte_t *ptep; /* its entry; of level 2 while a huge page is tried */
	pte_t orig;
	struct file *dirtied;	     /* the writer pays for it once mmap_lock is dropped */
	struct userfault *userfault; /* NULL: who faults can't wait for others */
};

struct page *new_user_page(struct quire *q, struct vm_fault *vmf, gfp_t zero);
void map_new_anon(struct quire *q, struct vm_fault *vmf, struct page *page, u64 prot);
void mlock_if_wanted(struct quire *q, struct vm_fault *vmf, struct page *page);
u64 write_prot(const struct vm_fault *vmf);

/* userfaultfd.c */
/* A fault that waits for who serves it: on the stack of the task that faults. */
struct userfault {
	struct list_head link; /* in its context's pending or taken */
	struct userfaultfd_ctx *ctx;
	u64 addr, exact;    /* of the page, and of the access */
	unsigned int flags; /* UFFD_PAGEFAULT_FLAG_* */
	bool done, user;    /* user: the processor faulted, not the kernel for it */
	int tid;
};
/* The page is missing, protected or only in the file (reason: VM_UFFD_*): VM_FAULT_RETRY, and *vmf->userfault waits; SIGBUS; 0: it is
 * there now; or FALLBACK: it is for us to bring. */
unsigned int handle_userfault(struct quire *q, struct vm_fault *vmf, unsigned long reason);
/* Until it has been served; mmap_lock is not held. */
void userfault_wait(struct quire *q, struct task *task, struct userfault *uf);

/* The lock, if the entry is still what it was. */
static inline bool pte_lock_same(struct quire *q, struct vm_fault *vmf)
{
	spin_lock(q, &vmf->mm->page_table_lock);
	if (likely(HOT_LOAD(vmf->ptep) == vmf->orig))
		return true;
	spin_unlock(q, &vmf->mm->page_table_lock);
	return false;
}

static inline void pte_unlock(struct quire *q, struct vm_fault *vmf)
{
	spin_unlock(q, &vmf->mm->page_table_lock);
}

/* The cache's page for a fault, its head locked, with a reference: VM_FAULT_MAJOR, or 0.
 * Without *pagep set: an error, or (0) the access is to be made again. */
unsigned int fault_get_page(struct quire *q, struct vm_fault *vmf, struct page **pagep);
bool reuse_anon_page(struct quire *q, struct vm_fault *vmf, struct page *page);
/* memory.c: a write to an entry that does not allow it; the entry is locked, and is
 * unlocked here. */
unsigned int do_wp_page(struct quire *q, struct vm_fault *vmf);
/* swapin.c */
unsigned int do_swap_page(struct quire *q, struct vm_fault *vmf);
/* A swapped page of an area comes back for khugepaged; mmap_lock is held. */
bool swapin_for_collapse(struct quire *q, struct vm_area_struct *vma, u64 addr);
u64 vm_page_prot(const struct vm_area_struct *vma);
/* Brings [start, end) in as if touched, over holes; the first failure ends it: -ENOMEM,
 * -EFAULT. */
int populate_range(struct quire *q, struct mm_struct *mm, u64 start, u64 end);
/* MADV_POPULATE_READ and _WRITE: every page, or -ENOMEM, -EINVAL (the area does not
 * allow it), -EFAULT (a page can't be had). */
int populate_exactly(struct quire *q, struct mm_struct *mm, u64 start, u64 end, bool write);
/* Both, for who moves an area's pages. */
void vma_rmap_lock(struct quire *q, struct vm_area_struct *vma);
void vma_rmap_unlock(struct quire *q, struct vm_area_struct *vma);

/* zap.c */
/* The range empties, its area stays: what userfaultfd protected is remembered. */
void zap_page_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end);
void unmap_page_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end);
void free_pgtables(struct quire *q, struct mm_struct *mm, u64 start, u64 end);
void unmap_mapping_range(struct quire *q, struct address_space *mapping, unsigned long start,
			 unsigned long nr, bool even_cows);
void free_swap_cache(struct quire *q, struct page *page);

static inline u64 pmd_addr_end(u64 addr, u64 end)
{
	u64 next = (addr + PMD_SIZE) & ~(PMD_SIZE - 1);

	return next < end ? next : end;
}

static inline void update_hiwater_rss(struct mm_struct *mm)
{
	unsigned long rss = get_mm_rss(mm);

	if (mm->hiwater_rss < rss)
		mm->hiwater_rss = rss;
}

static inline void update_hiwater_vm(struct mm_struct *mm)
{
	if (mm->hiwater_vm < mm->total_vm)
		mm->hiwater_vm = mm->total_vm;
}

static inline void flush_tlb(struct quire *q, struct mm_struct *mm, u64 start, u64 end)
{
	if (q->port->tlb_flush)
		q->port->tlb_flush(q->port_ctx, mm, start, end);
}

/* anon_vma.c */
int anon_vma_prepare(struct quire *q, struct vm_area_struct *vma) __must_check;
int anon_vma_clone(struct quire *q, struct vm_area_struct *dst, struct vm_area_struct *src);
int anon_vma_fork(struct quire *q, struct vm_area_struct *vma, struct vm_area_struct *pvma);
void unlink_anon_vmas(struct quire *q, struct vm_area_struct *vma);

static inline struct anon_vma *page_anon_vma(const struct page *page)
{
	return (struct anon_vma *)((unsigned long)page->mapping & ~PAGE_MAPPING_ANON);
}

/* rmap.c */
bool page_mkclean(struct quire *q, struct page *page);
/* Cuts every entry that maps a huge page whole; its anon_vma is locked. */
void page_split_pmds(struct quire *q, struct page *head);

/* huge_memory.c */
gfp_t thp_gfp_mask(const struct quire *q, bool madvised);
void map_new_huge_anon(struct quire *q, struct vm_area_struct *vma, u64 haddr, pte_t *pmdp,
		       struct page *page, struct page *table);
static inline bool is_huge_zero_page(const struct quire *q, const struct page *page)
{
	return page == q->space->huge->huge_zero_page;
}

/* unuse.c: for swapoff() */
int unuse_mms(struct quire *q, unsigned int type);
void set_oom_origin(struct quire *q, bool origin);

/* mempolicy.c */
struct page *alloc_user_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
			     u64 addr, gfp_t gfp);
/* A compound page of 2 MiB for one; with policy, from the node at hand first. */
struct page *alloc_huge_user_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
				  u64 addr, gfp_t gfp);
/* The node of a set whose turn it is for the n-th page. */
unsigned int interleave_nid(const struct quire *q, const struct mempolicy *pol, unsigned long n);
unsigned int mempolicy_node(struct quire *q, const nodemask_t **nodemask);

/* fork.c */
struct task *create_task(struct quire *q, struct task *parent, unsigned int clone_flags,
			 bool kthread);
void free_task_stack(struct quire *q, struct task *task);
/* What several tasks share (files, fs, sighand, cred) begins with a count. */
struct shared_object {
	unsigned int count;
};
void put_shared(struct quire *q, struct kmem_cache *cachep, void **object);

/* task.c; the caller holds tasklist_lock */
int alloc_pid(struct quire *q);
void attach_pid(struct quire *q, struct task *task);
void detach_pid(struct quire *q, struct task *task);

static inline struct mem_cgroup *task_memcg(const struct task *task)
{
	return task ? task->memcg : NULL;
}

#endif
