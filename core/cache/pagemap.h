/* SPDX-License-Identifier: MIT */
/*
 * The page cache: files, their pages and their devices (Linux's filemap.c,
 * readahead.c, page-writeback.c, fs-writeback.c, inode.c, dcache.c).
 *
 * An inode is a slab object that embeds an address_space: an xarray of pages,
 * and of shadow entries (values) where reclaim took a page.  Marks: DIRTY,
 * WRITEBACK, TOWRITE.  A cached page holds one reference for the cache.
 *
 * Locks: mapping->i_pages_lock the tree; mapping->i_mmap_lock the VMAs that
 * map it; page lock (PG_locked) a page's I/O and truncation; bdi->wb_lock the
 * device's dirty inodes; sb->lock inodes and dentries, sb->s_lru_lock the lists
 * of unused ones.
 */
#ifndef QUIRE_CACHE_PAGEMAP_H
#define QUIRE_CACHE_PAGEMAP_H

#include "cache/list_lru.h"
#include "base/rbtree.h"
#include "base/xarray.h"
#include "cache/lru.h"
#include "slab/shrinker.h"

#define PAGECACHE_TAG_DIRTY	XA_MARK_0
#define PAGECACHE_TAG_WRITEBACK XA_MARK_1
#define PAGECACHE_TAG_TOWRITE	XA_MARK_2

struct file;
struct inode;
struct super_block;

struct address_space_operations {
	/* Write one locked page back: clears dirty, sets PG_writeback, submits;
	 * unlocks.  0, or AOP_WRITEPAGE_ACTIVATE (page still locked). */
	int (*writepage)(struct quire *q, struct page *page);
	/* shmem: brings the page of a swap entry found at index back into the
	 * mapping; returns it locked, or ERR_PTR.  *major is set if it was not
	 * in the swap cache. */
	struct page *(*swapin)(struct quire *q, struct address_space *mapping, unsigned long index,
			       swp_entry_t entry, gfp_t gfp, bool *major);
	/* shmem: a swap entry left in the tree is dropped by truncation. */
	void (*free_swap)(struct quire *q, swp_entry_t entry);
	/* Of a file of huge pages: read(), as generic_file_read() says it. */
	s64 (*read)(struct quire *q, struct file *file, u64 pos, u64 length);
};
#define AOP_WRITEPAGE_ACTIVATE 0x80000

/* When a file of a mount has huge pages: `huge=`.  shmem_enabled sets it for the
 * mount behind memfd, SysV and shared anonymous memory, and knows two words more, which
 * hold for all mounts. */
enum shmem_huge {
	SHMEM_HUGE_FORCE = -2,
	SHMEM_HUGE_DENY = -1,
	SHMEM_HUGE_NEVER = 0,
	SHMEM_HUGE_ALWAYS,
	SHMEM_HUGE_WITHIN_SIZE, /* none that the file's end would cut */
	SHMEM_HUGE_ADVISE,	/* where madvise() asked for them */
};

struct address_space {
	struct inode *host;
	struct xarray i_pages;
	struct spinlock i_pages_lock;
	unsigned long nrpages;	     /* pages in the tree, without shadows */
	unsigned long nrexceptional; /* shadow or swap entries */
	const struct address_space_operations *a_ops;
	struct spinlock i_mmap_lock;
	struct list_head i_mmap;    /* VMAs (vma->shared_node) */
	unsigned int i_mmap_shared; /* how many are shared and writable */
	bool swap_backed;	    /* shmem: pages are PG_swapbacked */
	bool unevictable;
	bool hugetlb; /* pages of a pool, by their number among huge ones: space/hugetlbfs.c */
	int wb_err;   /* -EIO after a failed write, until fsync reports it */
};

#define I_DIRTY_PAGES 0x1u
#define I_DIRTY_INODE 0x2u
#define I_FREEING     0x4u
#define I_REFERENCED  0x8u
#define I_SYNC	      0x10u /* being written back: off the device's dirty list */

#define I_DIRTY (I_DIRTY_PAGES | I_DIRTY_INODE)

/* Sequential reading: the window [start, start + size), and async_size pages
 * before its end the page whose use starts the next one. */
struct file_ra_state {
	unsigned long start;
	unsigned int size, async_size;
	unsigned int mmap_miss; /* faults: misses beyond hits */
	u64 prev_pos;		/* byte behind the last one read; UINT64_MAX: none */
};

struct inode {
	struct address_space i_data;
	struct super_block *i_sb;
	unsigned long i_ino;
	u64 i_size;		    /* bytes */
	unsigned long i_promised;   /* shmem: pages promised as it is mapped (space/vma.c) */
	u64 disk_start;		    /* first page of its first extent on the device */
	struct list_head i_extents; /* struct disk_extent, by place in the file */
	/* iget(): a file that lies where the embedder says; 0 pages: not one. */
	u64 i_fixed_block;
	unsigned long i_fixed_pages;
	struct rb_node i_ino_node; /* in sb->s_by_ino */
	u64 i_valid;		   /* bytes: beyond it nothing was ever written (zeros) */
	u64 i_version;		   /* writes so far: part of the content of written pages */
	unsigned long writeback_index;
	unsigned int i_count; /* references: dentries, open files */
	unsigned int i_nlink;
	unsigned int i_state;
	bool is_dir;
	u64 dirtied_when; /* ns: when it first became dirty */
	/* shmem: pages below it are kept though the file ends before (fallocate()); and
	 * the place on sb->s_shrinklist. */
	unsigned long fallocend;
	struct list_head i_shrinklist;
	struct list_head i_sb_list;
	struct list_head i_lru;	    /* unused inodes, oldest first */
	struct list_head i_io_list; /* on its writeback's dirty list */
	/* Who writes it back; NULL: it was never dirty, or has no device.  Under wb_lock
	 * and i_pages_lock; for whose turn it should be see cgwb.c. */
	struct bdi_writeback *i_wb;
	u16 i_wb_frn_winner, i_wb_frn_avg_time, i_wb_frn_history;
	struct file_ra_state i_ra; /* of faults; reads use the file's */
};

struct dentry {
	/* A lookup reads this first cache line of each dentry in the chain. */
	struct list_head d_hash;
	struct dentry *d_parent;
	struct inode *d_inode; /* NULL: negative */
	const char *name;      /* inline below 40 bytes, else kmalloc'ed */
	struct super_block *d_sb;
	u32 d_name_hash;
	unsigned int d_count;
	bool d_referenced;
	char d_iname[40];
	struct list_head d_children, d_sibling;
	struct list_head d_lru;
};

struct file {
	struct inode *f_inode;
	unsigned int f_count;
	bool writable;
	u64 f_pos; /* the caller's */
	struct file_ra_state f_ra;
};

struct buffer_head {
	struct page *b_page;
	u64 b_blocknr;
	unsigned int b_state;
};

/* Pages written lately, of a writeback in a domain: halved every period. */
struct wb_completions {
	u64 events;
	u32 period;
};

/*
 * What a control group dirtied on a device and how fast that goes (Linux's
 * bdi_writeback).  The root's is the device's own; the others are made at a group's
 * first dirty page, and once the group is removed they wait for the next one.
 * Rates are in pages a second, times in ticks of 4 ms where not said otherwise.
 */
struct bdi_writeback {
	struct backing_dev *bdi;
	struct mem_cgroup *memcg;    /* NULL: the root, or a spare one */
	struct list_head bdi_node;   /* in bdi->wbs */
	struct list_head memcg_node; /* in the group's memcg_writeback */
	/* Dirty inodes, oldest first: those that are not to be written yet, those of the
	 * round that is under way, and those that had their turn in it and need another. */
	struct list_head b_dirty, b_io, b_more_io;
	unsigned long nr_reclaimable, nr_writeback;    /* its files' pages: dirty, being written */
	unsigned long nr_inflight;		       /* of those, in bios under way */
	unsigned long nr_written, nr_dirtied;	       /* pages, ever */
	u64 write_bandwidth, avg_write_bandwidth;      /* what it writes; a smoother mean */
	u64 dirty_ratelimit, balanced_dirty_ratelimit; /* what a task may dirty; the last target */
	u64 bw_time, written_stamp, dirtied_stamp;
	struct wb_completions completions,
		memcg_completions; /* in the machine's domain, in its own */
	bool dirty_exceeded;
	bool running;		/* the flusher writes it */
	bool flusher_wanted;	/* all is to be written */
	bool background_wanted; /* somebody saw too many dirty pages */
	u64 last_old_flush;	/* ns: dirty_writeback's last round */
	/* What io.stat shows of the group on the device. */
	unsigned long ios_read, ios_write, pages_read, pages_write;
	unsigned long seen_dirty, seen_writeback; /* the verifier's scratch */
};

/* A block device. */
struct backing_dev {
	unsigned int dev; /* the port's number */
	const char *name;
	struct spinlock wb_lock; /* LOCK_WB_LIST: its writebacks, their lists and estimates */
	struct bdi_writeback wb; /* the root's */
	struct list_head wbs;	 /* all, that one first; none ever leaves */
	struct quire_wait_queue flusher_wait;
	struct quire_wait_queue progress;  /* woken as pages become clean */
	unsigned long nr_inflight;	   /* pages in bios under way */
	unsigned int min_ratio, max_ratio; /* per cent of the limit, at least and at most */
	unsigned int nr_throttled;	   /* tasks asleep in balance_dirty_pages() */
	u64 throttled_ticks;		   /* how long they slept, all together */
	bool strict_limit; /* its share is a limit of its own, as FUSE's is (BDI_CAP_STRICTLIMIT) */
	unsigned int ra_pages;	 /* readahead's largest window: 32 (128 KiB) */
	unsigned int io_pages;	 /* the largest transfer: 320 (max_sectors_kb 1280) */
	unsigned long nr_errors; /* failed bios */
	bool has_flusher;
	bool synchronous; /* a transfer is over when submit returns (pmem, zram): swap skips the cache */
	bool rotational; /* a disk that seeks: swap reads ahead by slot, not by address */
	unsigned long ios_read, ios_write, pages_read, pages_write;
	/* A device that the core is itself (zram): how many pages it has, who has it open, what
	 * a transfer does, and what a freed swap slot is to it.  NULL: the port's. */
	u64 capacity;
	unsigned int openers;
	void (*submit_bio)(struct quire *q, struct backing_dev *bdi, struct quire_bio *bio);
	void (*slot_free_notify)(struct quire *q, struct backing_dev *bdi, u64 page_offset);
	void *private;
	struct list_head list;
};

/* Numbers of devices that are not the port's begin here. */
#define BDI_DEV_ZRAM 0x10000u

/* What devices share the limit of dirty pages in: the machine's (Linux's
 * global_wb_domain), and one a group, where only the first five count. */
struct wb_cpu {
	unsigned int dirtied; /* pages since a task of it looked at the limits */
	unsigned int leaked;  /* by tasks that ended before they looked */
};
struct wb_domain {
	u64 events; /* pages written, halved every period */
	u32 period;
	u64 period_time; /* when the next one begins; 0: nothing to halve */
	unsigned long dirty_limit;
	u64 limit_time;
	unsigned long ratelimit_pages;
	unsigned int min_ratio; /* sum of the devices' */
	struct wb_cpu *cpu;	/* [nr_cpus] */
};

#define MEMCG_CGWB_FRN_CNT 4

/* A group's dirty pages in all: made with its first writeback. */
struct memcg_writeback {
	struct wb_domain domain;
	struct list_head wbs; /* one a device */
	/* Whose writebacks hold pages of this group's, and when one was dirtied last;
	 * at 0: a free place. */
	struct {
		struct backing_dev *bdi;
		unsigned int memcg_id;
		u64 at;
	} foreign[MEMCG_CGWB_FRN_CNT];
};

#define EXTENT_CLASSES 128

/* nr pages of a device from start on, for a file's pages from index on; when
 * nobody uses it, free on its super block's list of its class of sizes. */
struct disk_extent {
	struct list_head list;
	u64 start;
	u32 index, nr;
};

struct super_operations {
	/* An inode that nobody can reach any more: its pages go.  NULL: as the page
	 * cache's do. */
	void (*evict_inode)(struct quire *q, struct inode *inode);
	bool few_names; /* the table of dentries is small */
};

struct super_block {
	struct backing_dev *bdi;	     /* NULL: shmem, sockets */
	const struct super_operations *s_op; /* NULL: none of its own */
	void *s_fs_info;		     /* the file system's */
	struct spinlock lock;		     /* LOCK_SB_INODES */
	struct list_head s_inodes;
	struct rb_root s_by_ino;		   /* inodes that iget() made, by number */
	struct spinlock s_lru_lock;		   /* LOCK_INODE_LRU */
	struct list_lru s_inode_lru, s_dentry_lru; /* under s_lru_lock */
	/* Sums over nodes and groups. */
	unsigned long nr_inode_lru, nr_dentry_lru, nr_inodes, nr_dentries;
	struct dentry *s_root;
	struct kmem_cache *inode_cachep; /* "ext4_inode_cache", "shmem_inode_cache"… */
	unsigned long next_ino;
	/* Allocation of extents: device pages [next_block, nr_blocks) were
	 * never used.  nr_blocks 0: no limit.  Set both after sget(). */
	u64 next_block, nr_blocks;
	/* shmem: how many pages its files may have, in memory and in swap (0: no
	 * limit), and how many more for certain before they are counted again. */
	unsigned long s_max_pages, s_room;
	enum shmem_huge s_huge;
	struct list_head s_shrinklist; /* inodes with a huge page across their end; s_lru_lock */
	unsigned long s_shrinklist_len;
	struct list_head free_extents[EXTENT_CLASSES];
	struct shrinker shrinker;
	struct list_head list;
	struct list_head *dentry_hash;
	unsigned int dentry_hash_size;
};

struct cache_pressure_ops {
	/* workingset: a page comes back whose shadow was found; and the shadow
	 * for one that goes (reclaim/workingset.c). NULL: no shadows. */
	void (*workingset_refault)(struct quire *q, struct page *page, void *shadow);
	void (*workingset_activation)(struct quire *q, struct page *page);
	/* rmap: write-protects a page's mappings and moves their dirty bits to
	 * it; true if any was dirty (space/rmap.c). */
	bool (*page_mkclean)(struct quire *q, struct page *page);
	/* Unmaps nr pages of a mapping from start on everywhere (truncate); with
	 * even_cows, private copies too. */
	void (*unmap_mapping_range)(struct quire *q, struct address_space *mapping,
				    unsigned long start, unsigned long nr, bool even_cows);
	/* shmem: a huge page for index of a file, not charged; NULL: none.  advised: by
	 * madvise(); limit: of the mask for a small one (space/shmem_huge.c). */
	struct page *(*alloc_huge_page)(struct quire *q, const struct inode *inode,
					unsigned long index, bool advised, gfp_t limit);
	/* A shmem file has another size than old bytes: so have its promises. */
	void (*shmem_reacct_size)(struct quire *q, struct address_space *mapping, u64 old);
	/* Splits a locked huge page: 0, -EBUSY, -EAGAIN (space/huge_split.c). */
	int (*split_huge_page)(struct quire *q, struct page *head);
};

/* The floor's state; the fields below are /proc/sys/vm's. */
struct cache_floor {
	unsigned int dirty_background_ratio, dirty_ratio; /* per cent */
	unsigned long dirty_background_bytes, dirty_bytes;
	unsigned int dirty_writeback_interval; /* centiseconds */
	unsigned int dirty_expire_interval;
	unsigned int vfs_cache_pressure;
	unsigned int laptop_mode; /* seconds; not 0: disks are left asleep while they can be */
	struct wb_domain wb;
	struct cache_pressure_ops ops;
	struct list_head bdis, super_blocks;
	struct super_block *shm_sb;
	enum shmem_huge shmem_huge;			   /* shmem_enabled */
	const struct address_space_operations *shmem_aops; /* given by swap/ */
	struct lru_batch *lru_batch;			   /* [nr_cpus] */
	struct kmem_cache *inode_cachep, *ext4_inode_cachep, *shmem_inode_cachep, *dentry_cachep,
		*filp_cachep, *buffer_head_cachep, *radix_tree_node_cachep, *bio_cachep;
	struct quire_wait_queue *page_wait; /* hashed: page unlock and end of writeback */
	/* Reserves for when the slab has nothing: tree nodes that were got
	 * before the tree was locked, and bios so that writeback goes on. */
	struct spinlock pool_lock; /* LOCK_CACHE_POOL */
	struct list_head node_pool, bio_pool;
	struct list_head shadow_nodes[QUIRE_MAX_NODES]; /* xa_node.private_list; pool_lock */
	unsigned int nr_node_pool, nr_bio_pool;
	struct quire_wait_queue bio_wait;
};

/* Nodes of page trees from the radix_tree_node slab, never sleeping; ctx is
 * the instance.  When a store under a lock failed for want of nodes, drop the
 * lock, call radix_tree_preload() (0 or -ENOMEM; may sleep as gfp may), and
 * store again. */
extern const struct xa_node_ops radix_tree_node_ops;
int radix_tree_preload(struct quire *q, gfp_t gfp);
/* Under i_pages_lock, after a store at index: does its node hold only shadows
 * now, or no more?  Keeps the list of such nodes, and WORKINGSET_NODES. */
void workingset_update_node(struct quire *q, struct address_space *m, unsigned long index);
void address_space_init(struct quire *q, struct address_space *m, struct inode *host);

int cache_init(struct quire *q);

/* May reclaim look at the page?  Not if it is mlocked, nor if its mapping says
 * so. */
static inline bool page_evictable(const struct page *page)
{
	if (PageMlocked(page))
		return false;
	if (PageAnon(page) || !page->mapping || PageSwapCache(page))
		return true;
	return !page->mapping->unevictable;
}

/* Devices and file systems. NULL: no memory. May sleep. */
struct backing_dev *bdi_register(struct quire *q, unsigned int dev, const char *name);
struct super_block *sget(struct quire *q, struct backing_dev *bdi, struct kmem_cache *inode_cachep);
struct super_block *sget_ops(struct quire *q, struct backing_dev *bdi,
			     struct kmem_cache *inode_cachep, const struct super_operations *ops);
/* Takes a file system away whose dentries but the root's are gone: 0, or -EBUSY if an
 * inode of it is in use.  May sleep.  Linux: generic_shutdown_super(). */
int kill_sb(struct quire *q, struct super_block *sb);

/*
 * A new file or directory of size_bytes with an extent on the device, which is
 * as if it had always been there: reading it does I/O.  One reference for the
 * caller, who drops it with iput(); dentries and open files take their own.
 * Without references it stays cached; the shrinker takes it once it has no
 * pages.  ERR_PTR(-ENOMEM, -ENOSPC).
 */
struct inode *new_inode(struct quire *q, struct super_block *sb, u64 size_bytes, bool is_dir);
/*
 * The inode of a file that exists on the device already: number ino (above
 * those that new_inode() gave), size_bytes, its pages from device page
 * disk_start on.  The one in memory, or a new one; a reference for the caller.
 * It may leave memory when nobody uses it, and come again. ERR_PTR(-ENOMEM).
 */
struct inode *iget(struct quire *q, struct super_block *sb, unsigned long ino, u64 disk_start,
		   u64 size_bytes, bool is_dir);
void ihold(struct inode *inode);
void iput(struct quire *q, struct inode *inode);
/* The inode after prev on its super block's list (NULL: the first), with a
 * reference; drops that on prev. */
struct inode *sb_next_inode(struct quire *q, struct super_block *sb, struct inode *prev);
/* Drops pages from the byte on, and sets the size. */
void truncate_setsize(struct quire *q, struct inode *inode, u64 size_bytes);

/* Finds the child (a reference for the caller; d_inode is NULL if it is a
 * negative one that was made so), or NULL.  d_alloc makes it, with a reference
 * for the caller; it takes its own on inode (NULL: negative) and parent. NULL:
 * no memory. */
struct dentry *d_lookup(struct quire *q, struct dentry *parent, const char *name);
struct dentry *d_alloc(struct quire *q, struct dentry *parent, const char *name,
		       struct inode *inode);
void dput(struct quire *q, struct dentry *dentry);
/* Removes a name and, with the last link and reference, its file.  The caller
 * keeps its reference and drops it with dput(). */
void d_delete(struct quire *q, struct dentry *dentry);

/* An open file (takes its own reference on the inode); NULL: no memory. */
struct file *alloc_file(struct quire *q, struct inode *inode, bool writable);
void fput(struct quire *q, struct file *file);

/* Read or write length bytes at pos through the cache; major faults are the
 * reader's.  Bytes done (short at the file's end), or a negative error.
 * generic_file_write() grows the file and is held back by
 * balance_dirty_pages().  May sleep. */
s64 generic_file_read(struct quire *q, struct file *file, u64 pos, u64 length);
s64 generic_file_write(struct quire *q, struct file *file, u64 pos, u64 length);
int vfs_fsync(struct quire *q, struct file *file);
void sync_filesystems(struct quire *q);
/* The word that a write leaves in a page of a file: hot_fill_page()'s value. */
static inline unsigned long file_page_content(u64 ino, unsigned long index, u64 version)
{
	u64 seed = (ino << 40) ^ ((u64)index << 16) ^ version;

	return (unsigned long)(prng_splitmix64(&seed) >> 8) | 1;
}
/* Called by whoever has dirtied pages of a file: sleeps while there are too many
 * for it.  May sleep. */
void balance_dirty_pages_ratelimited(struct quire *q, struct address_space *m);
/* The running task ends: what it dirtied since its last look is others' to pay. */
void dirty_throttle_leak(struct quire *q);
/* After a change of the limits: they are in force at once. */
void writeback_set_ratelimit(struct quire *q);
/* drop_caches: bit 0 page cache, bit 1 slab (by the shrinkers, in reclaim). */
void drop_pagecache(struct quire *q);

/* filemap: the tree.  A page that is returned has a reference. */
struct page *find_get_page(struct quire *q, struct address_space *m, unsigned long index);
/* MADV_WILLNEED: starts reading nr pages of a file. */
void force_page_cache_readahead(struct quire *q, struct file *file, unsigned long index,
				unsigned long nr);
/* Page present and up to date, read if needed: for faults.  *major is set if it
 * was not in the cache (who only waits for a page that is being read has a
 * minor fault, as in Linux); *reading, if anything was read ahead: Linux drops
 * mmap_lock for that and takes the fault again.  ERR_PTR(-ENOMEM, -EIO). */
struct page *filemap_get_page(struct quire *q, struct address_space *m, unsigned long index,
			      gfp_t gfp, bool *major, bool *reading);
/* Inserts a new page, locked, charged to the running task's group; on the LRU. */
int add_to_page_cache_lru(struct quire *q, struct page *page, struct address_space *m,
			  unsigned long index, gfp_t gfp);
/* Under i_pages_lock: takes a page out, leaving shadow (NULL: nothing). */
void __delete_from_page_cache(struct quire *q, struct page *page, void *shadow);

void lock_page(struct quire *q, struct page *page);
bool trylock_page(struct page *page);
void unlock_page(struct quire *q, struct page *page);
void wait_on_page_locked(struct quire *q, struct page *page);
void wait_on_page_writeback(struct quire *q, struct page *page);
void end_page_writeback(struct quire *q, struct page *page);
void set_page_writeback(struct quire *q, struct page *page);

/* Dirty accounting: true if the page was clean. */
bool set_page_dirty(struct quire *q, struct page *page);
bool clear_page_dirty_for_io(struct quire *q, struct page *page);
/* A page leaves while dirty (truncate, last put): uncount it.  Under i_pages_lock. */
void cancel_dirty_page(struct quire *q, struct page *page);
/* A locked page of a file is about to be written through a mapping: it gets its buffer and
 * is dirty (Linux's block_page_mkwrite()).  True if it was clean. */
bool block_page_mkwrite(struct quire *q, struct page *page);
/* buffer_heads of a page: true when none are left. */
bool try_to_free_buffers(struct quire *q, struct page *page);
/* Thresholds in pages by Linux's global_dirty_limits(). */
void global_dirty_limits(struct quire *q, unsigned long *background, unsigned long *dirty);
void wakeup_flushers(struct quire *q);
/* Of a threshold of the machine's, a writeback's share (Linux's wb_calc_thresh()). */
unsigned long wb_calc_thresh(struct quire *q, struct bdi_writeback *wb, unsigned long thresh);
static inline bool wb_has_dirty_io(const struct bdi_writeback *wb)
{
	return !list_empty(&wb->b_dirty) || !list_empty(&wb->b_io) || !list_empty(&wb->b_more_io);
}
/* Who writes an inode of a device's back. */
static inline struct bdi_writeback *inode_to_wb(const struct inode *inode)
{
	struct bdi_writeback *wb = HOT_LOAD(&inode->i_wb);

	return wb ? wb : &inode->i_sb->bdi->wb;
}
/* The group's writeback on a device, or NULL if it has none yet (cgwb.c). */
struct bdi_writeback *wb_find(const struct backing_dev *bdi, const struct mem_cgroup *memcg);

/* shmem: a file without a name whose pages go to swap. */
struct file *shmem_file_setup(struct quire *q, const char *name, u64 size_bytes);
/* Page index of a shmem file, made if missing; *major as above. ERR_PTR. */
struct page *shmem_get_page(struct quire *q, struct inode *inode, unsigned long index, gfp_t gfp,
			    bool *major);

/* What for: to read (NULL where there is a hole), to have what is there (-ENOENT), to map,
 * to write, for fallocate() (not cleared; may lie beyond the file's end). */
enum sgp_type { SGP_READ, SGP_NOALLOC, SGP_CACHE, SGP_WRITE, SGP_FALLOC };
/* What the area that asks has been told by madvise() and prctl(). */
enum shmem_advice { SHMEM_ADVICE_NONE, SHMEM_ADVICE_HUGE, SHMEM_ADVICE_NOHUGE };
/* As shmem_get_page(): the page at index itself, of a huge page one of the 512. */
struct page *shmem_getpage(struct quire *q, struct inode *inode, unsigned long index,
			   enum sgp_type sgp, enum shmem_advice advice, gfp_t gfp, bool *major);
/* Would a page that is missing at index be a huge one?  force: MADV_COLLAPSE asks. */
bool shmem_is_huge(const struct quire *q, const struct inode *inode, unsigned long index,
		   enum shmem_advice advice, bool force);
/* nr pages more (less) of a file system with a limit; false: no room. */
bool shmem_acct_block(struct quire *q, struct super_block *sb, unsigned long nr);
void shmem_unacct_block(struct super_block *sb, unsigned long nr);
#define FALLOC_FL_KEEP_SIZE  0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
/* fallocate() of a shmem file, offset and len in bytes: 0, -EOPNOTSUPP (another file, another
 * mode), -EINVAL, -ENOSPC, -ENOMEM, -EINTR.  May sleep. */
int shmem_fallocate(struct quire *q, struct file *file, int mode, u64 offset, u64 len);
/* Where a split drops pages: behind the file's end, and behind what fallocate() promised. */
unsigned long shmem_fallocend(const struct inode *inode);
/* Splits up to nr huge pages that lie across their file's end, so that what is behind it
 * comes free; how many were, or SHRINK_STOP.  Linux: shmem_unused_huge_shrink(). */
unsigned long shmem_unused_huge_shrink(struct quire *q, struct super_block *sb, unsigned long nr);

/* The page for index that an entry of a tree stands for: of a huge page one of its parts. */
static inline struct page *page_of_index(struct page *entry, unsigned long index)
{
	return likely(!PageHead(entry)) ? entry : entry + (index - entry->index);
}

/* Drops [start, end] pages that are clean, unmapped and unused; how many. */
unsigned long invalidate_mapping_pages(struct quire *q, struct address_space *m,
				       unsigned long start, unsigned long end);

/* quire_bio.flags: one page to or from a synchronous device, for swap. */
#define BIO_RW_PAGE 0x1u

/* A bio from the floor's cache, for swap too.  Never NULL if gfp lets it sleep. */
struct quire_bio *bio_alloc(struct quire *q, gfp_t gfp);
void bio_put(struct quire *q, struct quire_bio *bio);
/* Counts and starts a bio; dev, op, pages and end_io are filled.  PGPGIN and
 * PGPGOUT count sectors of 512 bytes: /proc/vmstat shows half, as Linux. */
void submit_bio(struct quire *q, struct backing_dev *bdi, struct quire_bio *bio);

#endif
