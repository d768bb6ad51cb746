/* SPDX-License-Identifier: MIT */
/*
 * Transparent huge pages: what the rest of the core sees of them (Linux's
 * huge_mm.h and khugepaged.h).
 */
#ifndef QUIRE_SPACE_HUGE_MM_H
#define QUIRE_SPACE_HUGE_MM_H

#include "space/mm.h"

/* Bits of huge_floor.flags: /sys/kernel/mm/transparent_hugepage/ enabled,
 * defrag, use_zero_page and khugepaged/defrag. */
enum transparent_hugepage_flag {
	TRANSPARENT_HUGEPAGE_FLAG,
	TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG,
	TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG,
	TRANSPARENT_HUGEPAGE_DEFRAG_KSWAPD_FLAG,
	TRANSPARENT_HUGEPAGE_DEFRAG_KSWAPD_OR_MADV_FLAG,
	TRANSPARENT_HUGEPAGE_DEFRAG_REQ_MADV_FLAG,
	TRANSPARENT_HUGEPAGE_DEFRAG_KHUGEPAGED_FLAG,
	TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG,
};

/* Huge pages of a node some of whose pages nobody maps any more. */
struct deferred_split {
	struct spinlock lock; /* LOCK_THP_SPLIT */
	struct list_head queue;
	unsigned long len;
};

struct khugepaged_mm_slot {
	struct list_head mm_node; /* in khugepaged.mm_head */
	struct mm_struct *mm;
};

struct khugepaged {
	struct spinlock lock;	  /* LOCK_KHUGEPAGED: the list and where the scan stands */
	struct list_head mm_head; /* spaces to be scanned, each with a reference */
	struct khugepaged_mm_slot *mm_slot; /* the one at hand */
	u64 address;
	struct quire_wait_queue wait;
	bool running, stop;
	u64 sleep_until;
	/* /sys/kernel/mm/transparent_hugepage/khugepaged/ */
	unsigned int pages_to_scan, scan_sleep_millisecs, alloc_sleep_millisecs;
	unsigned int max_ptes_none, max_ptes_swap, max_ptes_shared;
	unsigned int pages_collapsed, full_scans;
};

struct huge_floor {
	unsigned long flags;
	struct page *huge_zero_page; /* NULL: nobody needs it */
	int huge_zero_refcount;	     /* address spaces, and 1 for the shrinker */
	struct deferred_split split[QUIRE_MAX_NODES];
	struct shrinker split_shrinker, zero_shrinker;
	struct kmem_cache *mm_slot_cachep;
	struct khugepaged khugepaged;
};

int hugepage_init(struct quire *q);

/* ---- policy ---------------------------------------------------------------------- */

static inline bool hugepage_flags_always(const struct huge_floor *h)
{
	return h->flags & BIT(TRANSPARENT_HUGEPAGE_FLAG);
}
static inline bool hugepage_flags_enabled(const struct huge_floor *h)
{
	return h->flags &
	       (BIT(TRANSPARENT_HUGEPAGE_FLAG) | BIT(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG));
}
/* Does a huge page at addr lie wholly in the area? */
static inline bool transhuge_vma_suitable(const struct vm_area_struct *vma, u64 addr)
{
	u64 haddr = addr & PMD_MASK;

	/* The page's place in a file must be a huge page's, too. */
	if (unlikely(vma->vm_file) &&
	    !IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff, (unsigned long)HPAGE_PMD_NR))
		return false;
	return haddr >= vma->vm_start && haddr + PMD_SIZE <= vma->vm_end;
}
/* May an area with these flags have huge pages?  smaps: asked for /proc; in_pf:
 * by a fault; enforce_sysfs: `enabled` decides too. */
bool hugepage_vma_check(struct quire *q, const struct vm_area_struct *vma, unsigned long vm_flags,
			bool smaps, bool in_pf, bool enforce_sysfs);
/* `enabled` was changed: khugepaged begins or ends, and with it min_free_kbytes. */
int start_stop_khugepaged(struct quire *q);

/* ---- one entry of level 2 -------------------------------------------------------- */

struct vm_fault;
/* A fault where level 2 has nothing, or a huge page; VM_FAULT_FALLBACK: go on
 * with small pages. */
unsigned int do_huge_pmd_fault(struct quire *q, struct vm_fault *vmf);
/* A private copy of a huge entry for a fork; 0, -ENOMEM. -EAGAIN: not huge any more. */
int copy_huge_pmd(struct quire *q, struct vm_area_struct *dst, struct vm_area_struct *src,
		  pte_t *dst_pmd, pte_t *src_pmd);
/* Cuts the entry into 512; page_table_lock is held, or taken here. */
void __split_huge_pmd_locked(struct quire *q, struct vm_area_struct *vma, pte_t *pmdp, u64 haddr);
void split_huge_pmd(struct quire *q, struct vm_area_struct *vma, pte_t *pmdp, u64 addr);
/* An area is to end or begin at addr: no huge entry may straddle it. */
void split_huge_pmd_if_needed(struct quire *q, struct vm_area_struct *vma, u64 addr);
void mm_put_huge_zero_page(struct quire *q, struct mm_struct *mm);

/* ---- of files (shmem_huge.c) ------------------------------------------------------ */

/* A fault where level 2 has nothing, in an area of a file: as do_huge_pmd_fault(). */
unsigned int do_huge_file_fault(struct quire *q, struct vm_fault *vmf);
/* Under the lock: such an entry goes, and nothing of a lower level comes in its place.  The
 * page, whose reference is the caller's to drop; NULL: it is being moved. */
struct page *zap_file_pmd(struct quire *q, struct vm_area_struct *vma, pte_t *pmdp);
/* What madvise() and prctl() said of an area. */
enum shmem_advice shmem_vma_advice(const struct vm_area_struct *vma);
/* Would the file of an area have huge pages there?  force: MADV_COLLAPSE asks. */
bool shmem_huge_enabled(const struct quire *q, const struct vm_area_struct *vma, bool force);
/* mmap(): where an area of a shmem file should lie; the hint, if that is no matter. */
u64 shmem_unmapped_area(struct quire *q, struct mm_struct *mm, const struct inode *inode, u64 hint,
			u64 len, unsigned long pgoff, int flags);
void shmem_huge_init(struct quire *q);

/* ---- the page -------------------------------------------------------------------- */

void prep_transhuge_page(struct page *page);
/* Some of its pages are not mapped any more: to be split when memory is short. */
void deferred_split_huge_page(struct quire *q, struct page *head);
/*
 * A locked huge page becomes 512 pages, each with the references and the flags it
 * had as part of the whole; pages that nobody maps are freed.  The tails go
 * onto list (each with a reference) if the head is isolated, else beside it
 * on its LRU list.  0, -EBUSY, or -EAGAIN when someone else has a reference.
 */
int split_huge_page_to_list(struct quire *q, struct page *head, struct list_head *list);
static inline int split_huge_page(struct quire *q, struct page *head)
{
	return split_huge_page_to_list(q, head, NULL);
}
/* Would it succeed? */
bool can_split_huge_page(const struct page *head);
int deferred_split_init(struct quire *q);

/* ---- khugepaged ------------------------------------------------------------------ */

void __khugepaged_enter(struct quire *q, struct mm_struct *mm);
void khugepaged_enter_vma(struct quire *q, struct vm_area_struct *vma, unsigned long vm_flags);
void khugepaged_exit(struct quire *q, struct mm_struct *mm);
int khugepaged_init(struct quire *q);
/* MADV_COLLAPSE: 0, or -EINVAL, -ENOMEM, -EAGAIN, -EBUSY.  Takes mmap_lock. */
int madvise_collapse(struct quire *q, struct mm_struct *mm, u64 start, u64 end);

#endif
