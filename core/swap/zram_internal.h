/* SPDX-License-Identifier: MIT */
/* What the two files of zram share: zram.c the pages, zram_wb.c the backing device. */
#ifndef QUIRE_SWAP_ZRAM_INTERNAL_H
#define QUIRE_SWAP_ZRAM_INTERNAL_H

#include "swap/zram.h"

/* ---- zram.c ------------------------------------------------------------------ */

/* The lock of an entry. */
struct spinlock *zram_lock(struct zram *z, unsigned long index);
/* The entry holds nothing any more; its lock is held. */
void zram_free_page(struct quire *q, struct zram *z, unsigned long index);
/* The page's content; or, if it is on the backing device, *block there, and nothing is
 * read.  touch: it is not idle then.  0 or -EIO. */
int zram_read_page(struct quire *q, struct zram *z, struct page *page, unsigned long index,
		   bool touch, unsigned long *block);
/* One of those who hold a bio is through with it: link[0] counts them. */
void zram_bio_done(struct quire *q, struct quire_bio *bio, int err);

/* ---- zram_wb.c --------------------------------------------------------------- */

void zram_free_block(struct quire *q, struct zram *z, unsigned long block);
/* Reads a page of a bio from the backing device: 1: the bio waits for it; -ENOMEM. */
int zram_read_backing(struct quire *q, struct zram *z, struct page *page, unsigned long block,
		      struct quire_bio *parent);
void zram_drop_backing(struct quire *q, struct zram *z);

#endif
