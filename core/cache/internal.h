/* SPDX-License-Identifier: MIT */
/*
 * What the files of the cache floor share among themselves.
 */
#ifndef QUIRE_CACHE_INTERNAL_H
#define QUIRE_CACHE_INTERNAL_H

#include "base/printk.h"
#include "cache/pagemap.h"

#define PAGE_WAIT_TABLE_SIZE 256
#define RA_MAX_PAGES	     32	 /* 128 KiB: Linux's default read_ahead_kb */
#define RA_MAX_IO_PAGES	     320 /* BLK_DEF_MAX_SECTORS: 1280 KiB */
#define SECTORS_PER_PAGE     8

/* CPU time of a page's way through read() and write(): the copy, mostly. */

/* What a CPU has collected for the LRU lists, a list a purpose; drained in this
 * order. */
enum lru_batch_kind {
	BATCH_ADD,
	BATCH_ROTATE,
	BATCH_DEACTIVATE,
	BATCH_LAZYFREE,
	BATCH_ACTIVATE,
	NR_LRU_BATCHES
};

struct lru_batch {
	struct spinlock lock; /* LOCK_LRU_BATCH */
	unsigned int nr[NR_LRU_BATCHES];
	struct page *pages[NR_LRU_BATCHES][PAGEVEC_SIZE];
};

static inline struct mem_cgroup *current_memcg(struct quire *q)
{
	return q->group->ops.current_memcg ? q->group->ops.current_memcg(q) : NULL;
}

/* The running task is being killed: long work should end early. */
static inline bool fatal_signal(struct quire *q)
{
	return q->page->ops.task_is_dying && q->page->ops.task_is_dying(q);
}

/* The file a page belongs to: NULL for anonymous pages, the swap cache too. */
static inline struct address_space *page_file_mapping(const struct page *page)
{
	return PageAnon(page) || PageSwapCache(page) ? NULL : page->mapping;
}

static inline unsigned long inode_pages(const struct inode *inode)
{
	return (unsigned long)DIV_ROUND_UP(inode->i_size, PAGE_SIZE);
}

/* extent.c: the place of a file's page on its device, or NO_BLOCK. */
#define NO_BLOCK UINT64_MAX
u64 inode_block(const struct inode *inode, unsigned long index);
int inode_extend(struct quire *q, struct inode *inode, unsigned long nr_pages);
void inode_free_extents(struct quire *q, struct inode *inode, unsigned long from);

/* bio.c */
int bio_init_pool(struct quire *q);

/* filemap.c: as add_to_page_cache_lru(), and the caller's reference becomes
 * the cache's. */
int filemap_add_new(struct quire *q, struct page *page, struct address_space *m,
		    unsigned long index, gfp_t gfp);

/* readahead.c */
void page_cache_sync_ra(struct quire *q, struct address_space *m, struct file_ra_state *ra,
			unsigned long index, unsigned long req, gfp_t gfp);
void page_cache_async_ra(struct quire *q, struct address_space *m, struct file_ra_state *ra,
			 struct page *page, unsigned long index, unsigned long req, gfp_t gfp);
void page_cache_around_ra(struct quire *q, struct address_space *m, unsigned long index, gfp_t gfp);
/* A fault found its page: a hit, and perhaps a mark. */
bool page_cache_fault_hit(struct quire *q, struct address_space *m, struct page *page,
			  unsigned long index, gfp_t gfp);
/* Starts reading a locked page that is not up to date; the end of the I/O
 * unlocks it. -ENOMEM leaves it locked. */
int filemap_read_page(struct quire *q, struct address_space *m, struct page *page, gfp_t gfp);
/* The page at index, made and read on its own. ERR_PTR(-ENOMEM, -EEXIST). */
struct page *filemap_create_page(struct quire *q, struct address_space *m, unsigned long index,
				 gfp_t gfp);

/* read.c: waits for a page to be up to date, reads it again if that failed.
 * 0, -EIO, -ENOMEM, or -EAGAIN: the page left the mapping. */
int filemap_update_page(struct quire *q, struct address_space *m, struct page *page, gfp_t gfp);

/* buffer.c: the buffer_head of a page; -ENOMEM. The page is locked. */
int create_empty_buffers(struct quire *q, struct page *page, u64 block);

/* truncate.c */
void truncate_inode_pages(struct quire *q, struct address_space *m, unsigned long start);
/* The same of pages start to last; huge pages that are in it in part are split. */
void truncate_inode_pages_range(struct quire *q, struct address_space *m, unsigned long start,
				unsigned long last);

/* shmem.c: the file ends at a later byte; while it is mapped more is promised. */
void shmem_grow(struct quire *q, struct inode *inode, u64 size);
/* shmem_huge.c: a huge page in the place of nothing, with a reference, not locked; NULL: a
 * small one will have to do. */
struct page *shmem_add_huge_page(struct quire *q, struct inode *inode, unsigned long index,
				 enum shmem_advice advice, enum sgp_type sgp, gfp_t gfp);
/* Its content becomes zeros. */
void clear_whole_page(struct quire *q, struct page *head);

/* writeback.c */
struct writeback_control {
	long nr_to_write;      /* pages left to write */
	bool sync;	       /* wait for pages that are being written already */
	unsigned long written; /* pages started */
	/* Whose pages they were, by the ids of groups: the inode's own, the winner of its last
	 * round, and a candidate by vote (cgwb.c). */
	struct bdi_writeback *wb; /* NULL: nobody asks */
	unsigned int wb_id, wb_lcand_id, wb_tcand_id;
	unsigned long wb_pages, wb_lcand_pages, wb_tcand_pages;
};
int do_writepages(struct quire *q, struct inode *inode, struct writeback_control *wbc);
int filemap_fdatawait(struct quire *q, struct address_space *m);
int file_writepage(struct quire *q, struct page *page);
extern const struct address_space_operations file_aops;

/* flusher.c */
struct wb_work {
	long nr_pages;			  /* left to write */
	bool for_background, for_kupdate; /* until there are few; what is old */
	u64 dirtied_before;		  /* ns: inodes dirtied later are left; UINT64_MAX: all */
	unsigned long written;
	bool gave_way; /* to another group's, before it was done */
};
/* Writes dirty inodes of a writeback, oldest first; pages started. */
unsigned long wb_writeback(struct quire *q, struct bdi_writeback *wb, struct wb_work *work);
/* One inode, all of it, and waits for nobody: wbc says how much. */
void writeback_single_inode(struct quire *q, struct inode *inode, struct writeback_control *wbc);
void bdi_start_flusher(struct quire *q, struct backing_dev *bdi);

/* dirty.c */
void mark_inode_dirty(struct quire *q, struct inode *inode, unsigned int what);
/* Pages that could be dirty in the machine. */
unsigned long global_dirtyable_memory(struct quire *q);
/* Of avail pages; global_avail: 0, or the machine's if avail is a group's. */
void domain_dirty_limits(struct quire *q, unsigned long avail, unsigned long global_avail,
			 unsigned long *background, unsigned long *dirty);

/* cgwb.c */
void wb_init(struct bdi_writeback *wb, struct backing_dev *bdi);
/* The writeback of a group (NULL: the root) on a device, made if need be; the root's if
 * there is no memory for it or the group is removed.  Takes wb_lock. */
struct bdi_writeback *wb_get_create(struct quire *q, struct backing_dev *bdi,
				    struct mem_cgroup *memcg, gfp_t gfp);
/* The first who dirties an inode has it. */
void inode_attach_wb(struct quire *q, struct inode *inode, struct mem_cgroup *memcg);
void wbc_attach_inode(struct writeback_control *wbc, struct inode *inode);
void wbc_account_cgroup_owner(struct quire *q, struct writeback_control *wbc,
			      const struct page *page);
void wbc_detach_inode(struct quire *q, struct writeback_control *wbc, struct inode *inode);
/* A page of a group is dirty in an inode that another one writes back. */
void mem_cgroup_track_foreign_dirty(struct quire *q, struct page *page,
				    const struct bdi_writeback *wb);
/* A group that is held back wants these written. */
void mem_cgroup_flush_foreign(struct quire *q, struct bdi_writeback *wb);
void cgwb_init(struct quire *q);

/* balance.c */
#define INIT_BANDWIDTH (100UL << (20 - PAGE_SHIFT)) /* 100 MiB/s, in pages */
void wb_init_estimates(struct bdi_writeback *wb);
/* More dirty pages than the background threshold, of the machine's, the group's or its share? */
bool wb_over_bg_thresh(struct quire *q, struct bdi_writeback *wb);
/* nr pages are on their way; wb_writeback_done() when they are there: bandwidth, sleepers. */
void wb_writeback_begin(struct quire *q, struct bdi_writeback *wb, unsigned int nr);
void wb_writeback_done(struct quire *q, struct bdi_writeback *wb, unsigned int nr);

/* inode.c */
void inode_add_lru(struct quire *q, struct inode *inode, bool referenced);
unsigned long prune_icache_sb(struct quire *q, struct super_block *sb,
			      const struct shrink_control *sc, unsigned long nr);

/* dentry.c */
unsigned long prune_dcache_sb(struct quire *q, struct super_block *sb,
			      const struct shrink_control *sc, unsigned long nr);
int dentry_hash_init(struct quire *q, struct super_block *sb);
/* A dentry that is on no list; NULL: no memory. */
struct dentry *d_alloc_root(struct quire *q, struct super_block *sb, struct inode *inode);

#endif
