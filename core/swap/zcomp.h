/* SPDX-License-Identifier: MIT */
/*
 * Compression for those who keep pages compressed in memory, zswap and zram
 * (Linux's zcomp.c and crypto_acomp): the port's compressors by name, and for each
 * CPU a buffer of two pages, since what does not compress grows.
 *
 * The compressed form is opaque.  A port that says so (compressed_bytes_kept) has
 * only its leading bytes kept; an object is of the true length all the same.
 */
#ifndef QUIRE_SWAP_ZCOMP_H
#define QUIRE_SWAP_ZCOMP_H

#include "slab/slab.h"

struct zcomp_strm {
	struct mutex mutex;
	u8 *buf; /* two pages */
};

struct zcomp {
	const char *name;
	unsigned int compressor;  /* the port's number */
	struct zcomp_strm *strms; /* [nr_cpus]; NULL: not yet */
};

/* Names that Linux has and the port may have; NULL behind the last. */
extern const char *const zcomp_names[];

/* What is compressed from now on is by this one: 0, or -ENOENT. */
int zcomp_set(struct quire *q, struct zcomp *comp, const char *name);
/* The CPUs' buffers, if there are none.  0 or -ENOMEM (free what there is). */
int zcomp_create_strms(struct quire *q, struct zcomp *comp);
void zcomp_free_strms(struct quire *q, struct zcomp *comp);

/* The CPU's buffer, alone until it is put.  May sleep. */
static inline struct zcomp_strm *zcomp_stream_get(struct quire *q, struct zcomp *comp)
{
	struct zcomp_strm *strm = &comp->strms[smp_processor_id(q)];

	mutex_lock(q, &strm->mutex);
	return strm;
}

static inline void zcomp_stream_put(struct quire *q, struct zcomp_strm *strm)
{
	mutex_unlock(q, &strm->mutex);
}

/* Into the buffer: the length; 0: it failed. */
static inline size_t zcomp_compress(struct quire *q, const struct zcomp *comp,
				    struct zcomp_strm *strm, struct page *page)
{
	return q->port->compress(q->port_ctx, comp->compressor, page_to_pfn(q, page), strm->buf,
				 2 * PAGE_SIZE);
}

/* How much of a form of that length is kept. */
static inline size_t zcomp_kept(const struct quire *q, size_t length)
{
	size_t kept = q->port->compressed_bytes_kept;

	return kept ? min(kept, length) : length;
}

#endif
