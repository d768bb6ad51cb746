/* SPDX-License-Identifier: MIT */
/*
 * What is in a page of a modelled machine: a kind and a seed, 8 bytes
 * (quire_hot.h), that stand for 4,096 bytes which can be written out.
 */
#ifndef QUIRE_MODEL_CONTENT_H
#define QUIRE_MODEL_CONTENT_H

#include "base/prng.h"
#include "base/hot.h"

enum content_kind {
	CONTENT_KIND_ZERO,
	CONTENT_KIND_SAME,    /* one word, 512 times; the seed is the word */
	CONTENT_KIND_TEXT,    /* words and numbers: logs, JSON, SQL */
	CONTENT_KIND_HEAP,    /* pointers, small integers, short strings */
	CONTENT_KIND_CODE,    /* machine code and tables */
	CONTENT_KIND_RANDOM,  /* compressed or encrypted: no gain */
	CONTENT_KIND_PARTIAL, /* random bytes, then zeros: bits 48 to 54 say how many per cent */
	CONTENT_KIND_PATTERN, /* whose page it is, which one, and written how often */
	NR_CONTENT_KINDS,
};

#define CONTENT_VARIANTS 64

/* Of a partial page's seed: 1 .. 100 per cent, or one word. */
#define CONTENT_PARTIAL_SHIFT 48
#define CONTENT_PARTIAL_WORD  127UL

/* Of a pattern's seed: from bit 46 the process, from 28 the version, below the page. */
#define CONTENT_PATTERN_PAGE_BITS    28
#define CONTENT_PATTERN_PROCESS_BITS 46
#define CONTENT_PATTERN_SEED(process, version)              \
	(((u64)(process) << CONTENT_PATTERN_PROCESS_BITS) | \
	 ((u64)(version) << CONTENT_PATTERN_PAGE_BITS))

enum content_compressor { COMPRESS_LZ4, COMPRESS_LZO, COMPRESS_ZSTD, NR_COMPRESSORS };

/* The compressors' results for each kind and variant; 0: not measured yet. */
struct content_lengths {
	struct {
		u16 len[NR_CONTENT_KINDS][CONTENT_VARIANTS];
		u16 same; /* any word */
		u16 partial[CONTENT_PARTIAL_WORD + 1];
	} of[NR_COMPRESSORS];
	void *lz4_state, *lzo_state; /* working memory */
};

const char *content_kind_name(unsigned int kind);
/* The kind of a name, or -1. */
int content_kind_of(const char *name);

/*
 * The bytes that a descriptor stands for.  Pages of one kind whose seeds are
 * equal modulo CONTENT_VARIANTS differ in 8 bytes only: the seed, in the last word.
 */
void content_fill(u64 content, u8 page[PAGE_SIZE]);
/* Are these the bytes? */
bool content_is(u64 content, const u8 page[PAGE_SIZE]);

size_t content_lz4_state_bytes(void);
size_t content_lzo_state_bytes(void);
/* The compressor of a name as zswap knows them ("lz4", "lzo", "lzo-rle", "zstd"), or -1. */
int content_compressor_of(const char *name);

/* Zstandard at level 3, as in Linux.  Bytes in out; 0 if it fails. */
size_t content_compress(const struct content_lengths *lengths, unsigned int compressor,
			const u8 page[PAGE_SIZE], u8 out[2 * PAGE_SIZE]);
/* 0, or -EINVAL: it is no compressed page. */
int content_decompress(unsigned int compressor, const u8 *src, size_t len, u8 page[PAGE_SIZE]);

/*
 * How many bytes the compressor makes of it: compressed for real, once for each
 * kind and variant.  0 if it fails.  May be over PAGE_SIZE (random bytes grow).
 */
size_t content_compressed_len(struct content_lengths *lengths, unsigned int compressor,
			      u64 content);

#endif
