/* SPDX-License-Identifier: MIT */
/*
 * Files of huge pages (hugetlbfs) and areas that map them.
 *
 * A file is an inode of hugetlbfs; its pages are in the inode's tree by their number
 * among huge pages.  MAP_HUGETLB, SHM_HUGETLB and MFD_HUGETLB have files that nobody can
 * open by name.  Promises are kept in maps of regions (hugetlb_resv.c): a file's of
 * what is promised to it or there, for all who map it shared; a private mapping's of what
 * it used up, which hangs at the area of who mapped it and at the parts that it was cut
 * into; children have none.
 */
#ifndef QUIRE_SPACE_HUGETLB_H
#define QUIRE_SPACE_HUGETLB_H

#include "group/hugetlb_cgroup.h"
#include "page/hugetlb.h"
#include "space/internal.h"

/* A piece of a map: pages [from, to) of the file. */
struct file_region {
	struct list_head link;
	unsigned long from, to;
	struct hugetlb_cgroup *cg; /* who pays for these promises, NULL: nobody */
};

struct resv_map {
	unsigned int refs;	  /* areas; a file's own: one */
	unsigned int nr_cache;	  /* regions put by, so that changes can't fail */
	struct list_head regions; /* by number, apart; neighbours have other payers */
	struct list_head cache;
	struct hugetlb_cgroup *cg; /* private: who pays for all the area's promises */
};

/* A mount, or (dir NULL) the machine's own for files without names. */
struct hugetlbfs_sb_info {
	struct list_head list; /* hugetlbfs_floor.mounts */
	struct super_block *sb;
	struct hstate *h;
	struct hugepage_subpool *spool; /* NULL: as much as the pool has */
	long max_inodes, free_inodes;	/* -1: as many as one likes; the root counts */
	unsigned int uid, gid, mode, minor;
	char *dir;
};

struct hugetlbfs_floor {
	struct list_head mounts; /* oldest first */
	struct hugetlbfs_sb_info *internal[HUGE_MAX_HSTATE];
	unsigned int next_minor;
	struct kmem_cache *inode_cachep;
};

struct hugetlbfs_inode {
	struct inode vfs_inode;
	struct hugetlbfs_sb_info *sbi;
	struct hstate *h;
	struct resv_map *resv;	  /* what is promised to it, or there */
	struct mutex fault_mutex; /* a fault, a change of size: none fails as another holds
				   * the last page; guards resv */
	unsigned int uid, gid, mode;
	char *name; /* as /proc/PID/maps shows it */
};

struct hugetlb_vma {
	struct resv_map *resv; /* private, and its own: NULL in children */
	bool unmapped;	       /* the owner took pages away: faults end in SIGBUS */
};

static inline bool is_vm_hugetlb_page(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_HUGETLB) != 0;
}
static inline bool is_file_hugepages(const struct file *file)
{
	return file->f_inode->i_data.hugetlb;
}
static inline struct hugetlbfs_inode *HUGETLBFS_I(const struct inode *inode)
{
	return (struct hugetlbfs_inode *)inode; /* its first member */
}
static inline struct hugetlbfs_inode *hugetlb_inode(const struct vm_area_struct *vma)
{
	return HUGETLBFS_I(vma->vm_file->f_inode);
}
static inline struct hstate *hstate_vma(const struct vm_area_struct *vma)
{
	return hugetlb_inode(vma)->h;
}
/* Level of the entries that map its pages. */
static inline int hugetlb_level(const struct hstate *h)
{
	return h->order == HPAGE_PMD_ORDER ? 2 : 3;
}
/* The number of addr's page among the file's. */
static inline unsigned long hugetlb_index(const struct vm_area_struct *vma, u64 addr)
{
	return linear_page_index(vma, addr) >> hstate_vma(vma)->order;
}
/* The entry of a huge page, or NULL; *level the area's. */
static inline pte_t *hugetlb_pte(const struct quire *q, const struct vm_area_struct *vma, u64 addr)
{
	return pt_walk(q, vma->vm_mm->pgd_pfn, addr, hugetlb_level(hstate_vma(vma)));
}

/* ---- hugetlb_resv.c ---- */

/* A map with one reference; NULL: no memory.  The last put takes the charges back. */
struct resv_map *resv_map_alloc(struct quire *q);
void resv_map_put(struct quire *q, struct resv_map *map, const struct hstate *h);
/* Puts n regions by: 0 or -ENOMEM. */
int resv_map_prealloc(struct quire *q, struct resv_map *map, unsigned int n);
/* Pages of [from, to) in the map. */
unsigned long region_count(const struct resv_map *map, unsigned long from, unsigned long to);
/* Adds what lacks, paid for by cg; *gaps tells how many regions that takes at most. */
unsigned int region_gaps(const struct resv_map *map, unsigned long from, unsigned long to);
void region_add(struct quire *q, struct resv_map *map, unsigned long from, unsigned long to,
		struct hugetlb_cgroup *cg);
/* Takes [from, to) out, and its charges back: how many pages it had.  Takes one region
 * that was put by if it cuts one. */
unsigned long region_del(struct quire *q, struct resv_map *map, const struct hstate *h,
			 unsigned long from, unsigned long to);
/*
 * Promises pages [from, to) of a file: to a private area vma, whose map then hangs at it,
 * or (vma NULL or shared) to the file.  0 or -ENOMEM.  May sleep.
 */
int hugetlb_reserve_pages(struct quire *q, struct hugetlbfs_inode *inode, unsigned long from,
			  unsigned long to, struct vm_area_struct *vma, unsigned long vm_flags);
/* With fault_mutex: [from, to) is promised no more, and freed pages of it have gone. */
void hugetlb_unreserve_pages(struct quire *q, struct hugetlbfs_inode *inode, unsigned long from,
			     unsigned long to, unsigned long freed);
/* A private area goes: what it did not use is promised no more. */
void hugetlb_vm_unreserve(struct quire *q, struct vm_area_struct *vma);
/* With fault_mutex.  Was a page promised here, and not had yet? */
bool hugetlb_has_promise(const struct vm_area_struct *vma, unsigned long idx);
/*
 * A page for a fault or fallocate(), within the subpool and the group's limits: one
 * reference, no place yet.  ERR_PTR(-ENOSPC).  vma may be NULL.
 */
struct page *alloc_huge_page(struct quire *q, struct task *task, struct hugetlbfs_inode *inode,
			     struct vm_area_struct *vma, unsigned long idx, bool promised);
/* It got no place after all. */
void hugetlb_free_unused(struct quire *q, struct page *page, bool promised);

/* ---- hugetlbfs.c, hugetlbfs_file.c ---- */

struct hugetlbfs_floor *hugetlbfs_get(struct quire *q);
/* With fault_mutex: a filled page with a reference for the caller becomes the file's at
 * idx, and takes one more.  0 or -ENOMEM. */
int hugetlb_add_to_page_cache(struct quire *q, struct hugetlbfs_inode *inode, struct page *page,
			      unsigned long idx);
struct page *hugetlb_find_page(struct quire *q, struct hugetlbfs_inode *inode, unsigned long idx);

/* ---- hugetlb.c ---- */

/* The pool that the flags of mmap ask for; NULL: there is none. */
struct hstate *hstate_of_mmap(struct quire *q, int flags);
/* A new area of a file gets its promises.  -ENOMEM: they can't be had; -EINVAL. */
int hugetlb_file_mmap(struct quire *q, struct vm_area_struct *vma);
/* A copy of an area: by a cut or a move (then they share the promises) or by fork. */
int hugetlb_vm_open(struct quire *q, struct vm_area_struct *vma, const struct vm_area_struct *orig,
		    bool fork);
void hugetlb_vm_close(struct quire *q, struct vm_area_struct *vma);
/* The area has moved to another, which has its promises now. */
void hugetlb_vm_moved(struct quire *q, struct vm_area_struct *vma);
unsigned int hugetlb_fault(struct quire *q, struct task *task, struct vm_area_struct *vma, u64 addr,
			   bool write);
/* only: none but this page (NULL: all); then the area remembers it. */
void hugetlb_unmap_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end,
			 const struct page *only);
/* Pages [start, end) of a file vanish from all areas that map it. */
void hugetlb_unmap_file(struct quire *q, struct hugetlbfs_inode *inode, unsigned long start,
			unsigned long end);
int copy_hugetlb_page_range(struct quire *q, struct vm_area_struct *dst,
			    struct vm_area_struct *src);
/* Entries of len bytes go over to another area: how many bytes' did, for lack of memory. */
u64 move_hugetlb_page_tables(struct quire *q, struct vm_area_struct *from, u64 old,
			     struct vm_area_struct *to, u64 new, u64 len);
void hugetlb_fill_page(struct quire *q, const struct hstate *h, struct page *page,
		       const struct page *from);
/* By the area's policy or the task's: the node to begin with, and the nodes that it may be
 * (NULL: all).  Linux: huge_node(). */
unsigned int huge_node(struct quire *q, const struct task *task, const struct vm_area_struct *vma,
		       u64 haddr, const nodemask_t **nodes);
/* hugetlb_migration.c: pages on their way.  The file of a page in use, held; NULL: it has
 * none any more. */
struct hugetlbfs_inode *hugetlb_pin_file(struct quire *q, const struct page *page);
void hugetlb_unpin_file(struct quire *q, struct hugetlbfs_inode *file);
/* Of a locked page, with fault_mutex held: entries become migration entries; its content
 * and its place in the file become another's (-EAGAIN: somebody has a reference); the
 * entries come back, of the new page or of the old one. */
void hugetlb_try_to_migrate(struct quire *q, struct hugetlbfs_inode *file, struct page *page);
int hugetlb_move_page(struct quire *q, struct hugetlbfs_inode *file, struct page *new,
		      struct page *old);
void hugetlb_remove_migration_ptes(struct quire *q, struct hugetlbfs_inode *file, struct page *old,
				   struct page *new);
void hugetlb_change_protection(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end);

#endif
