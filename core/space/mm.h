/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: VMAs, page tables, faults (Linux's mmap.c, memory.c,
 * rmap.c).
 *
 * Locks: mm->mmap_lock (sleeping) the VMAs; mm->page_table_lock the entries;
 * anon_vma->lock and mapping->i_mmap_lock the reverse maps, taken before
 * page_table_lock.
 */
#ifndef QUIRE_SPACE_MM_H
#define QUIRE_SPACE_MM_H

#include "space/vma_tree.h"
#include "group/lru_gen.h"
#include "swap/swap.h"

struct task;
struct khugepaged_mm_slot;
struct hugetlb_vma;
struct mempolicy;
struct userfaultfd_ctx;
struct uffd_event;

#define TASK_SIZE	      0x00007ffffffff000UL
#define TASK_SIZE_5_LEVELS    0x00fffffffffff000UL
#define STACK_TOP	      TASK_SIZE
#define DEFAULT_STACK_LIMIT   (8UL << 20)
#define DEFAULT_MAX_MAP_COUNT 65530

#define VM_READ		0x00000001UL
#define VM_WRITE	0x00000002UL
#define VM_EXEC		0x00000004UL
#define VM_SHARED	0x00000008UL
#define VM_MAYREAD	0x00000010UL
#define VM_MAYWRITE	0x00000020UL
#define VM_MAYEXEC	0x00000040UL
#define VM_MAYSHARE	0x00000080UL
#define VM_GROWSDOWN	0x00000100UL
#define VM_UFFD_MISSING 0x00000200UL
#define VM_PFNMAP	0x00000400UL /* pages of nobody's: [vvar] */
#define VM_UFFD_WP	0x00001000UL
#define VM_LOCKED	0x00002000UL
#define VM_SEQ_READ	0x00008000UL
#define VM_RAND_READ	0x00010000UL
#define VM_DONTCOPY	0x00020000UL
#define VM_DONTEXPAND	0x00040000UL
#define VM_LOCKONFAULT	0x00080000UL
#define VM_ACCOUNT	0x00100000UL
#define VM_NORESERVE	0x00200000UL
#define VM_STACK	VM_GROWSDOWN

#define VM_HUGETLB    0x00400000UL
#define VM_WIPEONFORK 0x02000000UL
#define VM_DONTDUMP   0x04000000UL
#define VM_SOFTDIRTY  0x08000000UL /* all of it counts as written: it is new */
#define VM_UFFD_MINOR 0x10000000UL /* Linux's is bit 37 */
#define VM_HUGEPAGE   0x20000000UL /* MADV_HUGEPAGE */
#define VM_NOHUGEPAGE 0x40000000UL
#define VM_UFFD_FLAGS (VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR)

#define PROT_READ	    0x1
#define PROT_WRITE	    0x2
#define PROT_EXEC	    0x4
#define PROT_SEM	    0x8
#define PROT_GROWSDOWN	    0x01000000
#define PROT_GROWSUP	    0x02000000
#define MAP_SHARED	    0x01
#define MAP_PRIVATE	    0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_TYPE	    0x0f
#define MAP_FIXED	    0x10
#define MAP_ANONYMOUS	    0x20
#define MAP_32BIT	    0x40
#define MAP_GROWSDOWN	    0x0100
#define MAP_LOCKED	    0x2000
#define MAP_NORESERVE	    0x4000
#define MAP_POPULATE	    0x8000
#define MAP_NONBLOCK	    0x10000
#define MAP_STACK	    0x20000 /* says nothing */
#define MAP_HUGETLB	    0x40000 /* | log2 of the size << 26; 0: the default */

#define MAP_FIXED_NOREPLACE 0x100000
/* What MAP_SHARED_VALIDATE lets pass: these, MAP_DENYWRITE, MAP_EXECUTABLE. */
#define MAP_KNOWN_FLAGS                                                                       \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | 0x0800 | 0x1000 | \
	 MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | \
	 MAP_FIXED_NOREPLACE | 0x3f << 26)

#define MREMAP_MAYMOVE	 1
#define MREMAP_FIXED	 2
#define MREMAP_DONTUNMAP 4

#define MLOCK_ONFAULT 1

#define MADV_NORMAL	     0
#define MADV_RANDOM	     1
#define MADV_SEQUENTIAL	     2
#define MADV_WILLNEED	     3
#define MADV_DONTNEED	     4
#define MADV_FREE	     8
#define MADV_DONTFORK	     10
#define MADV_DOFORK	     11
#define MADV_REMOVE	     9
#define MADV_HUGEPAGE	     14
#define MADV_NOHUGEPAGE	     15
#define MADV_DONTDUMP	     16
#define MADV_DODUMP	     17
#define MADV_WIPEONFORK	     18
#define MADV_KEEPONFORK	     19
#define MADV_COLD	     20
#define MADV_PAGEOUT	     21
#define MADV_POPULATE_READ   22
#define MADV_POPULATE_WRITE  23
#define MADV_DONTNEED_LOCKED 24
#define MADV_COLLAPSE	     25

enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES, NR_MM_COUNTERS };

#define MMF_VM_HUGEPAGE	    17 /* khugepaged knows it */
#define MMF_OOM_SKIP	    21 /* nothing of interest is left: not a victim */
#define MMF_UNSTABLE	    22 /* the reaper took frames: faults end in SIGBUS */
#define MMF_HUGE_ZERO_PAGE  23 /* has a reference to the huge zero page */
#define MMF_DISABLE_THP	    24 /* prctl(PR_SET_THP_DISABLE) */
#define MMF_OOM_REAP_QUEUED 26

struct anon_vma {
	struct anon_vma *root, *parent;
	struct spinlock lock; /* the root's is used */
	unsigned int refcount;
	unsigned int num_children, num_active_vmas;
	struct list_head chains; /* anon_vma_chain.same_anon_vma */
};

struct anon_vma_chain {
	struct vm_area_struct *vma;
	struct anon_vma *anon_vma;
	struct list_head same_vma, same_anon_vma;
};

struct vm_area_struct {
	u64 vm_start, vm_end; /* bytes, [start, end) */
	struct mm_struct *vm_mm;
	struct vm_area_struct *vm_prev, *vm_next; /* by address */
	u32 vm_flags;
	u32 swap_readahead_info; /* swap's: struct swap_fault */
	unsigned long vm_pgoff;	 /* pages: offset in the file, or linear page number */
	struct file *vm_file;	 /* NULL: anonymous */
	struct anon_vma *anon_vma;
	struct list_head anon_vma_chain;
	struct list_head shared_node; /* in mapping->i_mmap */
	union {
		const char *name;	     /* "[heap]", "[stack]"; static text */
		struct hugetlb_vma *hugetlb; /* VM_HUGETLB: space/hugetlb.h */
	};
	struct mempolicy *vm_policy;  /* NULL: the task's */
	struct userfaultfd_ctx *uffd; /* who serves its faults; NULL: we do */
};

struct mm_struct {
	struct vma_tree mm_mt;
	struct vm_area_struct *mmap_cache; /* the last one found */
	struct list_head mm_list;	   /* space->mms */
	u64 pgd_pfn;
	u64 mmap_base, task_size;
	bool legacy_va; /* mmap goes up from a third of the space: vm.legacy_va_layout at exec */
	int map_count;
	unsigned int mm_users, mm_count;
	struct rw_semaphore mmap_lock;
	struct spinlock page_table_lock;
	long rss_stat[NR_MM_COUNTERS];
	long pgtables_bytes;
	long hugetlb_usage; /* frames of huge pages of pools; not in rss */
	unsigned long hiwater_rss, hiwater_vm;
	unsigned long total_vm, locked_vm, data_vm, exec_vm, stack_vm; /* pages */
	u64 start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start;
	unsigned long flags;	 /* MMF_* */
	unsigned long def_flags; /* VM_LOCKED, VM_LOCKONFAULT: of areas to come (mlockall()) */
	struct mem_cgroup *memcg;
	struct lru_gen_mm lru_gen; /* node/lru_gen.h */
	u64 context_id;		   /* for TLBs; never reused */
	struct task *owner;
	struct khugepaged_mm_slot *khugepaged_slot; /* while khugepaged knows it */
	struct uffd_event *uffd_unmaps;		    /* to be told once mmap_lock is dropped */
	u64 numa_next_scan, numa_scan_offset;	    /* ns, an address: numa_balancing.c */
	int numa_scan_seq;			    /* passes over all of it */
};

/* mm life. mm_users are tasks, mm_count also those who only look. */
struct mm_struct *mm_alloc(struct quire *q);
struct mm_struct *dup_mm(struct quire *q, struct mm_struct *old); /* NULL: no memory */
void mmget(struct mm_struct *mm);
void mmput(struct quire *q, struct mm_struct *mm); /* the last one unmaps all; may sleep */
void mmgrab(struct mm_struct *mm);
void mmdrop(struct quire *q, struct mm_struct *mm);

/* The VMA that holds addr or the first above it; NULL. Caller holds mmap_lock. */
struct vm_area_struct *find_vma(struct mm_struct *mm, u64 addr);
struct vm_area_struct *vma_next(struct vm_area_struct *vma);
#define for_each_vma(mm, vma) \
	for (struct vm_area_struct *vma = find_vma(mm, 0); vma; vma = vma_next(vma))

/*
 * mmap: len bytes, anonymous (file NULL) or from page pgoff of a file; address
 * found top-down unless MAP_FIXED.  The address, or a negative error
 * (-ENOMEM, -EINVAL) as a large u64: test with IS_ERR_VALUE().  Takes
 * mmap_lock.  Shared anonymous memory is a shmem file made here.
 */
u64 do_mmap(struct quire *q, struct mm_struct *mm, u64 addr, u64 len, int prot, int flags,
	    struct file *file, unsigned long pgoff);
int do_munmap(struct quire *q, struct mm_struct *mm, u64 start, u64 len);
u64 do_brk(struct quire *q, struct mm_struct *mm, u64 brk);
int do_mprotect(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int prot);
/*
 * Cuts, grows or moves what lies at [addr, addr + old_len): its new address, or an
 * error as do_mmap()'s: -EINVAL, -EFAULT (no such area), -ENOMEM, -EAGAIN (more than
 * may be locked).  Pages go along; nothing is copied.  After an error all is as it
 * was.  old_len 0 of a shared area maps it once more.  Linux: mremap(2).
 */
u64 do_mremap(struct quire *q, struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, int flags,
	      u64 new_addr);
/* For each page of the range a byte: 1 if a touch would find it in memory.  -EINVAL,
 * -ENOMEM (a hole: what lies below it was told). */
int do_mincore(struct quire *q, struct mm_struct *mm, u64 start, u64 len, u8 *vec);
/* -EPERM, -ENOMEM (a hole, or more than may be locked), -EINVAL; locked, but not all
 * pages could be brought in: -EAGAIN (no memory), -ENOMEM (no right, or past a file's end). */
int do_mlock2(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int flags);
int do_mlock(struct quire *q, struct mm_struct *mm, u64 start, u64 len, bool lock);
/* All there is, all to come, or (0) munlockall().  -EINVAL, -ENOMEM. */
#define MCL_CURRENT 1
#define MCL_FUTURE  2
#define MCL_ONFAULT 4
int do_mlockall(struct quire *q, struct mm_struct *mm, int flags);
/* /proc/PID/clear_refs: what is forgotten of a process's use of its memory. */
enum clear_refs_type {
	CLEAR_REFS_ALL = 1,
	CLEAR_REFS_ANON,
	CLEAR_REFS_MAPPED,
	CLEAR_REFS_SOFT_DIRTY,
	CLEAR_REFS_MM_HIWATER_RSS,
};
/* -EINVAL: no such type.  Takes mmap_lock for writing; may sleep. */
int clear_refs(struct quire *q, struct mm_struct *mm, enum clear_refs_type type);
/* msync(): 0, -EINVAL, -ENOMEM (a hole; what lies around it was written), -EBUSY
 * (MS_INVALIDATE of locked memory), -EIO. */
#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC	      4
int do_msync(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int flags);
/* remap_file_pages(): another part of the same file takes the place of a shared
 * range, as a mapping of its own.  0, -EINVAL or an error of do_mmap(). */
int do_remap_file_pages(struct quire *q, struct mm_struct *mm, u64 start, u64 size,
			unsigned long prot, unsigned long pgoff, unsigned long flags);
/*
 * madvise(): 0, -EINVAL (bad range or advice, or not for such an area), -ENOMEM (a
 * hole: the rest was done), -EAGAIN (no memory for it), -EBUSY (COLLAPSE).  May sleep.
 */
int do_madvise(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int behavior);
/* MADV_DONTNEED: frames of [start, start+len) go, the range stays mapped. */
static inline int madvise_dontneed(struct quire *q, struct mm_struct *mm, u64 start, u64 len)
{
	return do_madvise(q, mm, start, len, MADV_DONTNEED);
}
#define IS_ERR_VALUE(x) ((u64)(x) >= (u64)-MAX_ERRNO)

#define FAULT_FLAG_WRITE 0x01u
#define FAULT_FLAG_USER	 0x40u
#define VM_FAULT_OOM	 0x0001u
#define VM_FAULT_SIGBUS	 0x0002u
#define VM_FAULT_MAJOR	 0x0004u
#define VM_FAULT_SIGSEGV 0x0040u
#define VM_FAULT_RETRY	 0x0400u /* somebody else is to serve it */

#define VM_FAULT_FALLBACK 0x0800u /* no huge page: a small one, then */

/*
 * The page fault of the running task (or of task, whose turn it is) at addr:
 * finds the VMA, grows the stack, makes tables, brings the page in, counts.
 * VM_FAULT_ flags; on SIGSEGV/SIGBUS the signal was sent, on OOM the task is
 * being killed or is to retry.  May sleep.
 */
unsigned int handle_user_fault(struct quire *q, struct task *task, u64 addr, unsigned int flags);

/* rmap */
void page_add_new_anon_rmap(struct quire *q, struct page *page, struct vm_area_struct *vma,
			    u64 addr);
void page_add_anon_rmap(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr);
void page_add_file_rmap(struct quire *q, struct page *page);
/* Unmaps a locked page of a file everywhere, from locked areas too. */
void unmap_file_page(struct quire *q, struct page *page);
void page_remove_rmap(struct quire *q, struct page *page);
/* The same for an entry that mapped a transparent huge page whole. */
void page_remove_huge_rmap(struct quire *q, struct page *head);
/* A page that was moved is mapped again, alone or as a part; or as a whole. */
void page_add_moved_rmap(struct quire *q, struct page *page);
void page_add_moved_huge_rmap(struct quire *q, struct page *head);
/* Accessed bits taken from all mappings of a page (and cleared): how many
 * were set; *vm_flags collects the VMAs' flags.  memcg: only its tasks count
 * (NULL: all). */
int page_referenced(struct quire *q, struct page *page, struct mem_cgroup *memcg,
		    unsigned long *vm_flags);
/* Unmaps a locked page everywhere: anonymous entries become swap entries,
 * dirty bits go to the page.  True if no mapping is left. */
bool try_to_unmap(struct quire *q, struct page *page);
/* space/migration.c: entries that stand for a page while it moves. */
bool try_to_migrate(struct quire *q, struct page *page);
void remove_migration_ptes(struct quire *q, struct page *old, struct page *new);
void migration_entry_wait(struct quire *q, struct mm_struct *mm, pte_t *ptep);
/* The page that such an entry names, where it lay. */
struct page *migration_entry_page(const struct quire *q, pte_t pte);
/* The same entry, after which a write must fault. */
pte_t make_readable_migration_pte(pte_t pte);
pte_t migration_pte(pte_t pte);
pte_t migration_pte_of_part(pte_t pmd, unsigned int i);
pte_t migrated_pte(pte_t migration, const struct vm_area_struct *vma, u64 pfn, bool dirty);
/* mm of a killed task: its private anonymous frames go now (OOM reaper). */
bool oom_reap_mm(struct quire *q, struct mm_struct *mm);

/*
 * SPLIT_RSS_COUNTING, as 6.1 has it: what a task's own faults change is counted in
 * the task and told to the address space by sync_mm_rss() only, each 65 faults and
 * when it unmaps or exits.  get_mm_counter() is thus late, as in Linux, for all who
 * read it: /proc, the killer, its report.  mm_counter_exact() asks the tasks too.
 */
static inline unsigned long get_mm_counter(const struct mm_struct *mm, int member)
{
	long v = HOT_LOAD(&mm->rss_stat[member]);

	return v < 0 ? 0 : (unsigned long)v;
}
static inline void add_mm_counter(struct mm_struct *mm, int member, long n)
{
	(void)HOT_ADD(&mm->rss_stat[member], n);
}
static inline unsigned long get_mm_rss(const struct mm_struct *mm)
{
	return get_mm_counter(mm, MM_FILEPAGES) + get_mm_counter(mm, MM_ANONPAGES) +
	       get_mm_counter(mm, MM_SHMEMPAGES);
}
/* Which counter a mapped page belongs to. */
static inline int mm_counter(const struct page *page)
{
	page = compound_head(page);
	if (PageAnon(page))
		return MM_ANONPAGES;
	return PageSwapBacked(page) ? MM_SHMEMPAGES : MM_FILEPAGES;
}

/* Page number of addr in what the VMA maps: page->index of the page there. */
static inline unsigned long linear_page_index(const struct vm_area_struct *vma, u64 addr)
{
	return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

/* CommitLimit in pages by Linux's vm_commit_limit(). */
unsigned long vm_commit_limit(const struct quire *q);

#endif
