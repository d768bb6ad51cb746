/* SPDX-License-Identifier: MIT */
/*
 * What the files of the swap floor share and nobody above needs (the verifier
 * reads it too).
 */
#ifndef QUIRE_SWAP_INTERNAL_H
#define QUIRE_SWAP_INTERNAL_H

#include "swap/swap.h"
#include "swap/zbud.h"
#include "swap/zcomp.h"
#include "swap/zsmalloc.h"

/* ---- swapfile.c ------------------------------------------------------------ */

/* A slot's byte and its group, through the pages of the vmalloc'ed maps. */
static inline u8 *swap_map_byte(const struct swap_info_struct *si, unsigned long offset)
{
	return &si->map_pages[offset >> PAGE_SHIFT][offset & (PAGE_SIZE - 1)];
}

static inline u16 *swap_memcg_id(const struct swap_info_struct *si, unsigned long offset)
{
	const unsigned long per_page = PAGE_SIZE / sizeof(u16);

	return &si->memcg_pages[offset / per_page][offset % per_page];
}

/* References to a slot in all, given its byte; si->lock held. */
unsigned int __swap_count(const struct swap_info_struct *si, unsigned long offset);

/* The area of an entry; NULL, with a line in the log, if there is no such slot. */
struct swap_info_struct *swap_info_get(struct quire *q, swp_entry_t entry);
/* Nodes of trees beside the map: made under a spinlock, they come straight
 * from the slab and do not sleep. */
extern const struct xa_node_ops swap_node_ops;
/* A free slot, now SWAP_HAS_CACHE and charged to the page's group; val 0 if
 * there is none or the group's limit forbids it. */
swp_entry_t get_swap_page(struct quire *q, struct page *page);
/* Up to nr slots (at most SWAP_BATCH), SWAP_HAS_CACHE; how many. */
unsigned int get_swap_pages(struct quire *q, unsigned int nr, swp_entry_t *entries);
/* Slots that nobody names, with the byte SWAP_HAS_CACHE and without a page, are
 * free from now on. */
void swapcache_free_entries(struct quire *q, const swp_entry_t *entries, unsigned int nr);
/* Gives the cache a hold on a slot that entries name: 0, -ENOENT (free, or not
 * named any more), -EEXIST (held already). */
int swapcache_prepare(struct quire *q, swp_entry_t entry);
/* The group that a slot is charged to; NULL: none, or the root. */
struct mem_cgroup *swap_memcg(struct quire *q, swp_entry_t entry);

/* A vmalloc'ed map of zeros, and the array of its pages; NULL: no memory.  caller names
 * it in vmallocinfo. */
void **alloc_map(struct quire *q, unsigned long size_bytes, u64 *vaddr, const char *caller);

/* ---- swap_slots.c ---------------------------------------------------------- */

int enable_swap_slots_cache(struct quire *q);
/* A slot from this CPU's, or an area; val 0: none is free. */
swp_entry_t folio_alloc_swap(struct quire *q);
/* A slot that nobody needs any more, with the byte SWAP_HAS_CACHE. */
void free_swap_slot(struct quire *q, swp_entry_t entry);
/* All CPUs' slots go back to their areas. */
void drain_swap_slots_cache(struct quire *q);

void enable_swap_area(struct quire *q, struct swap_info_struct *si);
void free_swap_maps(struct quire *q, struct swap_info_struct *si);

/* ---- swap_state.c ---------------------------------------------------------- */

/* The cached page of an entry with a reference, or NULL. */
struct page *swap_cache_get(struct quire *q, swp_entry_t entry);
void swap_cache_init(struct quire *q, struct swap_info_struct *si);
/* The locked page enters the cache under entry, whose slot it holds already;
 * the cache takes a reference.  *shadow: what reclaim had left there.  0 or
 * -ENOMEM. */
int add_to_swap_cache(struct quire *q, struct page *page, swp_entry_t entry, void **shadow);
/* The cached page, or a new one: then *new is set, it is locked, in the cache,
 * on the LRU, charged, and its content must be read.  With a reference.
 * NULL: no memory, or nothing names the slot. */
struct page *__read_swap_cache_async(struct quire *q, swp_entry_t entry, gfp_t gfp, bool *new);
/* Drops what reclaim left for a slot that is free now. */
void clear_shadow_from_swap_cache(struct quire *q, struct swap_info_struct *si,
				  unsigned long offset);
/*
 * A slot that only the cache needs: takes its page out if nobody is busy with it.
 * How many slots are free now (those of a huge page all at once); as many, but
 * negative: the page keeps them; 0: it has no page.
 */
long try_to_reclaim_swap(struct quire *q, swp_entry_t entry);

/* Does anybody name a slot of a page in the cache, or of its 512? */
bool page_swapped(struct quire *q, const struct page *page);

/* ---- page_io.c ------------------------------------------------------------- */

/* Reads of neighbouring slots on their way into one bio. */
struct swap_plug {
	struct quire_bio *bio;
};

/* Brings the content of a locked page of the cache in; unlocks it then, up to
 * date or with PG_error.  -ENOMEM: nothing was begun, the page is locked. */
int swap_readpage(struct quire *q, struct page *page, struct swap_plug *plug);
void swap_unplug(struct quire *q, struct swap_plug *plug);
/* To the device, not to zswap.  0: unlocked, under writeback (or through with
 * it); -ENOMEM, -EIO: nothing was begun, the page is locked. */
int __swap_writepage(struct quire *q, struct page *page);

/* ---- zswap.c --------------------------------------------------------------- */

/* One page that zswap holds; 64 bytes as Linux's. */
struct zswap_entry {
	struct list_head lru; /* coldest last; same-filled pages are on no list, nor zbud's */
	swp_entry_t swpentry;
	union {
		unsigned long handle;
		unsigned long value; /* length 0: the word that fills the page */
	};
	int refcount;		  /* the tree's, and who loads or writes back; tree lock */
	u16 length;		  /* bytes compressed */
	struct obj_cgroup *objcg; /* pays for them, and a reference to it; NULL: nobody */
};

#define SLAB_SIZE_zswap_entry 64
_Static_assert(sizeof(struct zswap_entry) <= SLAB_SIZE_zswap_entry, "as large as Linux's");

struct zswap_tree {
	struct xarray entries; /* by slot */
	struct spinlock lock;  /* LOCK_ZSWAP_TREE */
	unsigned long next;    /* the slot behind the one loaded last */
};

struct zswap_floor {
	struct zswap_params params;
	struct zswap_stats stats;
	/* One of the two, by params.zpool; both NULL: no area yet. */
	struct zs_pool *pool;
	struct zbud_pool *zbud;
	struct zcomp comp;
	struct list_head lru;
	unsigned long nr_lru, nr_protected; /* entries there; those that were of use lately */
	struct spinlock lru_lock;	    /* LOCK_ZSWAP_LRU */
	bool pool_reached_full;
	bool shrink_wanted, has_shrinker;
	struct quire_wait_queue shrink_wait;
	struct shrinker shrinker; /* reclaim's, for shrinker_enabled */
};

int zswap_init(struct quire *q);
/* An area comes: its tree, and the shrinker's thread.  0 or -ENOMEM. */
int zswap_swapon(struct quire *q, struct swap_info_struct *si);
/* It goes, and is empty. */
void zswap_swapoff(struct quire *q, struct swap_info_struct *si);
/* Takes a copy of a locked page of the swap cache: true if it did. */
bool zswap_store(struct quire *q, struct page *page);
/* 0; -ENOENT: not here; -EIO: it would not decompress. */
int zswap_load(struct quire *q, struct page *page);
void zswap_invalidate(struct quire *q, struct swap_info_struct *si, unsigned long offset);
/* Writes the coldest entry to its slot: 0, -ENOENT (there is none), -EAGAIN
 * (busy; another may do), -ENOMEM, -EIO. */
int zswap_shrink_one(struct quire *q);
/* The shrinker's work: until the pool may take pages again; in zbud, once. */
void zswap_shrink(struct quire *q);

/* ---- shmem_swap.c ---------------------------------------------------------- */

extern const struct address_space_operations shmem_aops;
/* All that shmem files have in an area comes back: 0, -ENOMEM, -EIO. */
int shmem_unuse(struct quire *q, unsigned int type);

#endif
