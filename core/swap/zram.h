/* SPDX-License-Identifier: MIT */
/*
 * zram: a block device whose pages lie compressed in memory (Linux's
 * drivers/block/zram), meant as a swap device.  Its files are /sys/block/zramN.
 */
#ifndef QUIRE_SWAP_ZRAM_H
#define QUIRE_SWAP_ZRAM_H

#include "swap/internal.h"

enum zram_flag {
	ZRAM_SAME = 1,	   /* one word fills the page: handle is that word */
	ZRAM_WB = 2,	   /* on the backing device: handle is the block there */
	ZRAM_UNDER_WB = 4, /* on its way there */
	ZRAM_HUGE = 8,	   /* did not compress: kept as it is */
	ZRAM_IDLE = 16,	   /* not touched since it was marked */
};

/* One page of the device.  handle 0 and no flag: nothing was written, it reads as zeros. */
struct zram_table_entry {
	unsigned long handle;
	u32 size; /* bytes that it compressed to */
	u32 flags;
	u64 ac_time; /* ns: when it was touched last; 0: nothing is here */
};
_Static_assert(sizeof(struct zram_table_entry) == 24, "as large as Linux's with access times");

#define ZRAM_ENTRIES_PER_PAGE (PAGE_SIZE / sizeof(struct zram_table_entry))
/* A lock for every 64th page, where Linux has a bit in each. */
#define ZRAM_LOCKS 64

struct zram_stats {
	u64 compr_data_size, failed_reads, failed_writes, invalid_io, notify_free, same_pages,
		huge_pages, huge_pages_since, pages_stored, writestall, miss_free;
	u64 bd_count, bd_reads, bd_writes; /* pages on the backing device, read, written */
	unsigned long max_used_pages;
};

struct zram {
	struct list_head list;
	unsigned int id;
	char name[16]; /* "zram0" */
	struct backing_dev *bdi;
	struct mutex init_lock;
	bool initialized;
	u64 disksize; /* bytes */
	unsigned long nr_pages;
	struct zram_table_entry **table; /* [nr_pages / ZRAM_ENTRIES_PER_PAGE] */
	u64 table_vaddr;
	struct spinlock locks[ZRAM_LOCKS]; /* LOCK_ZRAM */
	struct zs_pool *pool;
	struct zcomp comp;
	unsigned long limit_pages; /* of the pool; 0: none */
	struct zram_stats stats;
	struct backing_dev *backing; /* NULL: none */
	unsigned long *bitmap;	     /* its blocks that are taken; the first is never used */
	unsigned long nr_blocks;
	struct spinlock bitmap_lock; /* LOCK_ZRAM; no slot's is held */
	bool wb_limit_enable;
	u64 bd_wb_limit; /* 4 KiB units that may still be written */
};

/* The next device, with nothing in it: or ERR_PTR(-ENOMEM).  Linux: hot_add, or
 * modprobe zram num_devices=N. */
struct zram *zram_add(struct quire *q);
/* zramN, or NULL. */
struct zram *zram_find(struct quire *q, unsigned int id);

/* What the files do; each 0 or a negative error.  The device comes to life with its size,
 * after which algorithm and backing device are fixed until it is reset. */
int zram_set_disksize(struct quire *q, struct zram *z, u64 bytes); /* -EBUSY: has one */
int zram_reset(struct quire *q, struct zram *z);		   /* -EBUSY: is open */
int zram_set_algorithm(struct quire *q, struct zram *z, const char *name);
/* "nvme1n1" or "/dev/nvme1n1", or "none"; all of the device from its first page on. */
int zram_set_backing(struct quire *q, struct zram *z, const char *name);
/* Pages not touched for so long, or all (0), are idle from now on. */
int zram_mark_idle(struct quire *q, struct zram *z, u64 age_s);
/* Pages go to the backing device: idle ones, huge ones, those that are both, or one. */
enum zram_writeback { ZRAM_WRITE_HUGE = 1, ZRAM_WRITE_IDLE = 2, ZRAM_WRITE_PAGE = 4 };
int zram_writeback(struct quire *q, struct zram *z, unsigned int mode, unsigned long index);
/* [index, index + nr) holds nothing any more (a discard). */
void zram_discard(struct quire *q, struct zram *z, unsigned long index, unsigned long nr);

static inline struct zram_table_entry *zram_entry(const struct zram *z, unsigned long index)
{
	return &z->table[index / ZRAM_ENTRIES_PER_PAGE][index % ZRAM_ENTRIES_PER_PAGE];
}

#endif
