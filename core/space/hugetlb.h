/* SPDX-License-Identifier: MIT */
/*
 * Areas of huge pages (MAP_HUGETLB): what hangs at vma->hugetlb.
 *
 * A mapping has one hugetlb_file, which its areas and their copies in children
 * share (Linux: an inode of hugetlbfs nobody can open).  Whoever mapped it
 * privately has a map of the promises it used up (hugetlb_resv); the parts that
 * the area was cut into share it, children have none.
 */
#ifndef QUIRE_SPACE_HUGETLB_H
#define QUIRE_SPACE_HUGETLB_H

#include "page/hugetlb.h"
#include "space/internal.h"

struct hugetlb_file {
	struct hstate *h;
	unsigned int refs; /* areas, and who moves a page; under the pools' lock */
	bool shared;
	unsigned long nr;      /* huge pages */
	struct list_head vmas; /* vma->shared_node */
	struct spinlock lock;  /* LOCK_I_MMAP: vmas */
	struct mutex
		fault_mutex; /* one fault at a time: none fails as another holds the last page */
	unsigned long *reserved; /* shared: pages that are promised, or there */
	struct page **pages;	 /* shared: with a reference each */
};

struct hugetlb_resv {
	unsigned int refs;
	unsigned long used[]; /* bit n: the promise for page n is used up */
};

struct hugetlb_vma {
	struct hugetlb_file *file;
	struct hugetlb_resv *resv; /* private, and its own: NULL in children */
	bool unmapped;		   /* the owner took pages away: faults end in SIGBUS */
};

static inline bool is_vm_hugetlb_page(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_HUGETLB) != 0;
}
static inline struct hstate *hstate_vma(const struct vm_area_struct *vma)
{
	return vma->hugetlb->file->h;
}
/* Level of the entries that map its pages. */
static inline int hugetlb_level(const struct hstate *h)
{
	return h->order == HPAGE_PMD_ORDER ? 2 : 3;
}
/* The number of addr's page among the mapping's. */
static inline unsigned long hugetlb_index(const struct vm_area_struct *vma, u64 addr)
{
	return linear_page_index(vma, addr) >> hstate_vma(vma)->order;
}
/* The entry of a huge page, or NULL; *level the area's. */
static inline pte_t *hugetlb_pte(const struct quire *q, const struct vm_area_struct *vma, u64 addr)
{
	return pt_walk(q, vma->vm_mm->pgd_pfn, addr, hugetlb_level(hstate_vma(vma)));
}

/* The pool that the flags of mmap ask for; NULL: there is none. */
struct hstate *hstate_of_mmap(struct quire *q, int flags);
/* A new area gets its file and its promises.  -ENOMEM: they can't be had. */
int hugetlb_file_mmap(struct quire *q, struct vm_area_struct *vma, struct hstate *h);
/* A copy of an area: by a cut (then they share the promises) or by fork. */
int hugetlb_vm_open(struct quire *q, struct vm_area_struct *vma, const struct vm_area_struct *orig,
		    bool fork);
void hugetlb_vm_close(struct quire *q, struct vm_area_struct *vma);
unsigned int hugetlb_fault(struct quire *q, struct task *task, struct vm_area_struct *vma, u64 addr,
			   bool write);
/* only: none but this page (NULL: all); then the area remembers it. */
void hugetlb_unmap_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end,
			 const struct page *only);
int copy_hugetlb_page_range(struct quire *q, struct vm_area_struct *dst,
			    struct vm_area_struct *src);
/* By the area's policy or the task's: the node to begin with, and the nodes that it may be
 * (NULL: all).  Linux: huge_node(). */
unsigned int huge_node(struct quire *q, const struct task *task, const struct vm_area_struct *vma,
		       u64 haddr, const nodemask_t **nodes);
/* hugetlb_migration.c: pages on their way.  The file of a page in use, held; NULL: it has
 * none any more. */
struct hugetlb_file *hugetlb_pin_file(struct quire *q, const struct page *page);
void hugetlb_unpin_file(struct quire *q, struct hugetlb_file *file);
/* Of a locked page, with fault_mutex held: entries become migration entries; its content
 * and its place in the file become another's (-EAGAIN: somebody has a reference); the
 * entries come back, of the new page or of the old one. */
void hugetlb_try_to_migrate(struct quire *q, struct hugetlb_file *file, struct page *page);
int hugetlb_move_page(struct quire *q, struct hugetlb_file *file, struct page *new,
		      struct page *old);
void hugetlb_remove_migration_ptes(struct quire *q, struct hugetlb_file *file, struct page *old,
				   struct page *new);
void hugetlb_change_protection(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end);

#endif
