/* SPDX-License-Identifier: MIT */
/*
 * Swap: areas and slots, the swap cache, zswap (Linux's swapfile.c,
 * swap_state.c, page_io.c, zswap.c, zsmalloc.c).
 *
 * A slot's byte in swap_map counts page-table entries that name it;
 * SWAP_HAS_CACHE says that a page of the swap cache does too.  A slot is free
 * when its byte is 0.  The swap cache is an xarray an area, indexed by slot.
 */
#ifndef QUIRE_SWAP_SWAP_H
#define QUIRE_SWAP_SWAP_H

#include "cache/pagemap.h"
#include "swap/zsmalloc.h"

#define SWAP_HAS_CACHE	 0x40u
#define SWAP_MAP_MAX	 0x3eu
#define SWAP_MAP_BAD	 0x3fu
#define COUNT_CONTINUED	 0x80u /* more than SWAP_MAP_MAX: the rest is in si->continuation */
#define SWAPFILE_CLUSTER 512
#define SWAP_BATCH	 64 /* slots from one area before the next of its priority has its turn */

/* 512 consecutive slots.  On free_clusters while none is used, on
 * nonfull_clusters while some are, on no list when all are. */
struct swap_cluster_info {
	u16 used;
	u16 cached; /* of these: slots that only the swap cache holds */
	struct list_head list;
};

/* Where a CPU's last slot was: the next one is looked for behind it. */
struct percpu_cluster {
	unsigned int index; /* cluster; UINT_MAX: none yet */
	unsigned int next;  /* slot within it */
};

struct swap_info_struct {
	unsigned int type; /* index among the areas */
	int prio;
	bool used, writeok;
	char name[64]; /* "/dev/nvme0n1p2" */
	bool is_file;
	struct backing_dev *bdi;
	u64 dev_start;			  /* first page on the device */
	unsigned long max;		  /* slots, with the header's */
	unsigned long pages, inuse_pages; /* slots that pages may have; and have */
	u64 map_vaddr;			  /* vmalloc'ed: a byte a slot */
	u8 **map_pages;			  /* the same, page by page */
	u64 memcg_vaddr;		  /* a u16 a slot: group's id */
	u16 **memcg_pages;
	unsigned long nr_clusters;
	struct swap_cluster_info *cluster_info;
	struct percpu_cluster *percpu_cluster; /* [nr_cpus] */
	struct list_head free_clusters, nonfull_clusters;
	struct xarray continuation; /* values: references beyond SWAP_MAP_MAX, by slot */
	unsigned int
		reclaim_cluster; /* where the search for slots that only the cache needs goes on */
	struct list_head avail_list; /* in swap_floor.avail */
	struct spinlock lock;	     /* LOCK_SWAP_INFO: map, clusters, counts */
	struct address_space cache;  /* swap cache of this area */
	struct zswap_tree *zswap;
};

#define SWAP_SLOTS_CACHE_SIZE SWAP_BATCH

/* Slots of one CPU: [cur, cur + nr) to hand out, n_ret to give back. */
struct swap_slots_cache {
	struct spinlock lock; /* LOCK_SWAP_SLOTS */
	unsigned int nr, cur, n_ret;
	swp_entry_t slots[SWAP_SLOTS_CACHE_SIZE], slots_ret[SWAP_SLOTS_CACHE_SIZE];
};

/* What swapoff() asks of the floors above; each may be NULL. */
struct swap_ops {
	/* Brings all in that address spaces have in an area: 0, -ENOMEM, -EIO. */
	int (*unuse_mms)(struct quire *q, unsigned int type);
	/* May so many pages be promised? */
	bool (*enough_memory)(struct quire *q, unsigned long pages);
	/* The running task is the one to be killed if memory runs out. */
	void (*set_oom_origin)(struct quire *q, bool origin);
};

struct swap_floor {
	struct swap_ops ops;
	struct swap_info_struct *info[MAX_SWAPFILES];
	unsigned int nr_swapfiles; /* areas there have ever been at once */
	int least_priority;
	long nr_swap_pages;		/* free slots */
	struct swap_slots_cache *slots; /* [nr_cpus]; NULL: no area yet */
	bool slot_cache_enabled, slot_cache_active;
	unsigned long total_swap_pages;
	unsigned int page_cluster;  /* readahead of 2^n slots */
	struct list_head avail;	    /* areas by priority, best first */
	struct spinlock avail_lock; /* LOCK_SWAP_INFO; no area's lock is taken under it */
	unsigned int nr_rotational; /* areas on disks that seek */
	bool vma_ra_disabled;	    /* readahead by slot, whatever the disks */
	/* Readahead by slot: pages it read that were wanted since, where the last fault
	 * was, how large its window. */
	unsigned int ra_hits, ra_last;
	unsigned long ra_prev_offset;
	struct zswap_floor *zswap;
	struct kmem_cache *zswap_entry_cachep;
	struct zs_floor zs;
	struct list_head zrams; /* devices, by number */
};

/* Swap is more than half full: slots that only the cache needs should go. */
static inline bool vm_swap_full(const struct quire *q)
{
	return q->swap->nr_swap_pages * 2 < (long)q->swap->total_swap_pages;
}

static inline long get_nr_swap_pages(const struct quire *q)
{
	return q->swap->nr_swap_pages;
}

int swap_init(struct quire *q);

/* Adds an area of nr_pages (with its header page) on a device from page
 * dev_start on.  prio < 0: after those there are.  -ENOMEM, -EINVAL, -ENOSPC. */
int swapon(struct quire *q, struct backing_dev *bdi, u64 dev_start, unsigned long nr_pages,
	   int prio, const char *name, bool is_file);

/*
 * Brings all that is in an area back and switches it off.  -EINVAL: no such area;
 * -ENOMEM, -EINTR, -EIO: it is on still.  May sleep long.
 */
int swapoff(struct quire *q, const char *name);
bool swap_is_on(struct quire *q, const char *name);

/* A slot for a locked page, in the swap cache, dirty: false if swap is full or
 * memory for the tree is.  Charges the page's group. */
bool add_to_swap(struct quire *q, struct page *page);
/* Under i_pages_lock of the area's cache. */
void __delete_from_swap_cache(struct quire *q, struct page *page, swp_entry_t entry, void *shadow);
/* Takes a clean, unmapped page out of the cache if no entry needs the slot. */
bool try_to_free_swap(struct quire *q, struct page *page);
/* The whole of it: the cache's reference and its hold on the slot go too.  The
 * page is locked and the caller has a reference of its own. */
void delete_from_swap_cache(struct quire *q, struct page *page);
struct address_space *swap_address_space(struct quire *q, swp_entry_t entry);

/* One more, or one less, page-table entry (or shmem tree entry) names a slot.
 * 0, -EINVAL (no such slot, or free), -ENOMEM (beyond SWAP_MAP_MAX). */
int swap_duplicate(struct quire *q, swp_entry_t entry);
void swap_free(struct quire *q, swp_entry_t entry);
/* swap_free and, when only the cache is left, the cached page too. */
void free_swap_and_cache(struct quire *q, swp_entry_t entry);
/* The cache's hold on a slot goes. */
void put_swap_page(struct quire *q, swp_entry_t entry);
/* MADV_WILLNEED: the page of an entry is begun to be read. */
void swap_willneed(struct quire *q, swp_entry_t entry);
/* Its hold on nr slots from entry on. */
void put_swap_pages(struct quire *q, swp_entry_t entry, unsigned long nr);
/* Entries that name the slot, without the cache. */
unsigned int swap_count(struct quire *q, swp_entry_t entry);

/*
 * Where a fault on an entry is, for readahead by address: the area's memory of
 * its last fault (struct vm_area_struct's swap_readahead_info), and the part of
 * the page table around it that belongs to the area.
 */
struct swap_fault {
	u32 *readahead_info;
	u64 addr;	   /* of the page */
	u64 start, end;	   /* the area */
	const pte_t *ptep; /* the entry's place in its table */
};

/* The page of an entry with a reference, locked or not, up to date when it is
 * unlocked; from the cache, zswap or the device (then *major).  fault NULL (shmem):
 * readahead by slot.  NULL: -ENOMEM. */
struct page *swapin_readahead(struct quire *q, swp_entry_t entry, gfp_t gfp,
			      const struct swap_fault *fault, bool *major);
/* Past the swap cache: for an entry of a synchronous device that nobody else
 * names, a page of its own, on the LRU and read; *ok is false if this is not
 * such an entry.  NULL with *ok: -ENOMEM.  Linux: SWP_SYNCHRONOUS_IO. */
struct page *swapin_synchronous(struct quire *q, swp_entry_t entry, gfp_t gfp, bool *ok);
/* The page of an entry in the swap cache, with a reference; who asks leaves no trace. */
struct page *swap_cache_find(struct quire *q, swp_entry_t entry);
struct page *lookup_swap_cache(struct quire *q, swp_entry_t entry, const struct swap_fault *fault);
/* Writes a locked page of the cache: zswap first, then the device.  0: the page
 * was unlocked; AOP_WRITEPAGE_ACTIVATE: no memory or no device, the page is
 * locked and dirty still. */
int swap_writepage(struct quire *q, struct page *page);

/* zswap: what /sys shows. */
struct zswap_stats {
	u64 pool_total_size; /* bytes of frames */
	u64 stored_pages, same_filled_pages, written_back_pages, pool_limit_hit,
		reject_reclaim_fail, reject_alloc_fail, reject_kmemcache_fail, reject_compress_poor,
		duplicate_entry;
	u64 compressed_bytes; /* sum of lengths */
};
struct zswap_params {
	bool enabled;
	unsigned int max_pool_percent, accept_threshold_percent;
	bool same_filled_pages_enabled, non_same_filled_pages_enabled;
	const char *compressor, *zpool;
	/* Reclaim writes cold entries back before the pool is full; Linux 6.8 and later. */
	bool shrinker_enabled;
};
struct zswap_stats *zswap_stats(struct quire *q);
struct zswap_params *zswap_params(struct quire *q);
/* "zbud" or "zsmalloc": 0, -ENOENT (no such pool), -EBUSY (pages are stored), -ENOMEM. */
int zswap_set_zpool(struct quire *q, const char *name);
/* "lzo", "lzo-rle", "lz4" or "zstd", if the port has it: 0 or -ENOENT. */
int zswap_set_compressor(struct quire *q, const char *name);

#endif
