/* SPDX-License-Identifier: MIT */
/*
 * Contents of pages.
 *
 * A scenario's memory is described, not stored: a descriptor names a kind and
 * a seed, and content_fill() writes the page that it stands for.  Where
 * content matters (zswap's compression) the real LZ4, LZO or Zstandard works on those bytes.  A
 * kind has CONTENT_VARIANTS bodies, and the full seed stands in the last
 * word, so the length measured for one variant is right for all its pages to
 * within a token of LZ4's; that makes a page cost a table look-up.
 *
 * The generators are made to compress as memory of such programs does under
 * LZ4: text to about half, heap to two fifths, code to about two thirds.
 */
#include "port/model/content.h"
#include "base/errno.h"
#include "base/string.h"

#include <lz4.h>
#include <lzo/lzo1x.h>
#include <zstd.h>

static const char *const kind_names[NR_CONTENT_KINDS] = {
	"zero", "same", "text", "heap", "code", "random", "partial", "pattern",
};

const char *content_kind_name(unsigned int kind)
{
	return kind < NR_CONTENT_KINDS ? kind_names[kind] : "unknown";
}

int content_kind_of(const char *name)
{
	for (unsigned int kind = 0; kind < NR_CONTENT_KINDS; kind++)
		if (str_eq(name, kind_names[kind]))
			return (int)kind;
	return -1;
}

/* Small numbers more often than large ones, as words and opcodes are used. */
static u64 skewed_below(struct prng *prng, u64 n)
{
	u64 a = prng_below(prng, n), b = prng_below(prng, n);

	return min(a, b);
}

static void fill_text(struct prng *prng, u8 *page)
{
	static const char *const words[] = {
		"the",	       "SELECT",  "GET",	   "INFO",	"status",
		"200",	       "request", "connection",	   "user",	"id",
		"FROM",	       "WHERE",	  "orders",	   "timestamp", "error",
		"HTTP/1.1",    "client",  "server",	   "upstream",	"session",
		"null",	       "true",	  "name",	   "value",	"updated",
		"customer",    "WARN",	  "/api/v1/items", "cache",	"timeout",
		"payment",     "version", "Mozilla/5.0",   "thread",	"commit",
		"transaction",
	};
	size_t at = 0;

	while (at < PAGE_SIZE) {
		u64 what = prng_below(prng, 10);

		if (what < 2 && at > 64) {
			/* Lines are like the lines before them. */
			size_t from = prng_below(prng, at - 48);
			size_t len = prng_range(prng, 12, 48);

			while (len-- && at < PAGE_SIZE)
				page[at++] = page[from++];
			continue;
		}
		if (what < 7) {
			const char *w = words[skewed_below(prng, ARRAY_SIZE(words))];

			while (*w && at < PAGE_SIZE)
				page[at++] = (u8)*w++;
		} else if (what < 9) {
			unsigned int digits = (unsigned int)prng_range(prng, 2, 9);

			while (digits-- && at < PAGE_SIZE)
				page[at++] = (u8)('0' + prng_below(prng, 10));
		} else {
			unsigned int letters = (unsigned int)prng_range(prng, 3, 12);

			while (letters-- && at < PAGE_SIZE)
				page[at++] = (u8)('a' + skewed_below(prng, 26));
		}
		if (at < PAGE_SIZE)
			page[at++] = (u8) " \n\",:= "[prng_below(prng, 7)];
	}
}

/* Objects of 64 bytes: a header that repeats, pointers into one arena, small
 * integers, and now and then a field of noise. */
static void fill_heap(struct prng *prng, u8 *page)
{
	u64 arena = 0x00007f0000000000UL | (prng_u64(prng) & 0xfffff000000UL);
	u64 vtable = arena + 0x1230;

	for (size_t at = 0; at < PAGE_SIZE; at += 8) {
		u64 word = 0, what = prng_below(prng, 100);

		if (at % 64 == 0)
			word = vtable + 0x40 * skewed_below(prng, 4);
		else if (what < 45)
			word = 0;
		else if (what < 70)
			word = skewed_below(prng, 64);
		else if (what < 94)
			word = arena + 16 * prng_below(prng, 1 << 14);
		else
			word = prng_u64(prng) >> (8 * prng_below(prng, 7));
		memcpy(page + at, &word, 8);
	}
}

static void fill_code(struct prng *prng, u8 *page)
{
	static const u8 opcodes[] = {0x48, 0x89, 0x8b, 0xe8, 0x0f, 0x85, 0x74, 0xc3,
				     0x41, 0x5d, 0x83, 0xec, 0xff, 0x31, 0xc0, 0x55};
	size_t at = 0;

	while (at < PAGE_SIZE) {
		unsigned int known = (unsigned int)prng_range(prng, 2, 5);

		/* A sequence that comes again (prologues, calls)... */
		if (at > 256 && prng_below(prng, 3) == 0) {
			size_t from = prng_below(prng, at - 16);
			size_t len = prng_range(prng, 6, 16);

			while (len-- && at < PAGE_SIZE)
				page[at++] = page[from++];
			continue;
		}
		/* ...or opcodes and an immediate operand. */
		while (known-- && at < PAGE_SIZE)
			page[at++] = opcodes[skewed_below(prng, ARRAY_SIZE(opcodes))];
		if (at < PAGE_SIZE)
			page[at++] = (u8)prng_u64(prng);
		if (at + 1 < PAGE_SIZE && prng_below(prng, 2)) {
			page[at++] = 0;
			page[at++] = 0;
		}
	}
}

static void fill_random(struct prng *prng, u8 *page)
{
	for (size_t at = 0; at < PAGE_SIZE; at += 8) {
		u64 word = prng_u64(prng);

		memcpy(page + at, &word, 8);
	}
}

static unsigned int partial_percent(u64 content)
{
	return content >> CONTENT_PARTIAL_SHIFT & 127;
}

/* Random words, and zeros behind them. */
static void fill_partial(u64 content, u8 *page)
{
	u64 percent = partial_percent(content),
	    seed = content & ((1UL << CONTENT_PARTIAL_SHIFT) - 1);
	size_t words =
		percent == CONTENT_PARTIAL_WORD ? 1 : PAGE_SIZE / 8 * min(percent, 100UL) / 100;
	struct prng prng;

	prng_seed(&prng, seed % CONTENT_VARIANTS);
	memset(page, 0, PAGE_SIZE);
	for (size_t i = 0; i < words; i++) {
		u64 word = i ? prng_u64(&prng) : seed | 1;

		memcpy(page + 8 * i, &word, 8);
	}
}

/* Every line of 64 bytes tells which page it is of and which line it is; the rest is
 * small, as in memory of programs. */
static void fill_pattern(u64 seed, u8 *page)
{
	for (u64 line = 0; line < PAGE_SIZE / 64; line++) {
		u64 words[8] = {seed, seed * 0x9e3779b97f4a7c15UL + line, line, 0, seed, 0, 0,
				~line};

		memcpy(page + 64 * line, words, sizeof(words));
	}
}

bool content_is(u64 content, const u8 page[PAGE_SIZE])
{
	u8 bytes[PAGE_SIZE];

	content_fill(content, bytes);
	return !memcmp(bytes, page, PAGE_SIZE);
}

void content_fill(u64 content, u8 page[PAGE_SIZE])
{
	static void (*const fill[NR_CONTENT_KINDS])(struct prng *, u8 *) = {
		[CONTENT_KIND_TEXT] = fill_text,
		[CONTENT_KIND_HEAP] = fill_heap,
		[CONTENT_KIND_CODE] = fill_code,
		[CONTENT_KIND_RANDOM] = fill_random,
	};
	unsigned int kind = CONTENT_KIND(content);
	u64 seed = content & ((1UL << 56) - 1);
	struct prng prng;

	if (kind <= CONTENT_KIND_SAME) {
		if (kind == CONTENT_KIND_ZERO)
			seed = 0;
		for (size_t at = 0; at < PAGE_SIZE; at += 8)
			memcpy(page + at, &seed, 8);
		return;
	}
	if (kind == CONTENT_KIND_PARTIAL) {
		fill_partial(content, page);
		return;
	}
	if (kind == CONTENT_KIND_PATTERN) {
		fill_pattern(seed, page);
		return;
	}
	if (kind >= NR_CONTENT_KINDS)
		kind = CONTENT_KIND_RANDOM;
	prng_seed(&prng, ((u64)kind << 32) | (seed % CONTENT_VARIANTS));
	fill[kind](&prng, page);
	memcpy(page + PAGE_SIZE - 8, &seed, 8);
}

/* ---- compressors ------------------------------------------------------------ */

#define ZSTD_LEVEL 3

size_t content_lz4_state_bytes(void)
{
	return (size_t)LZ4_sizeofState();
}

size_t content_lzo_state_bytes(void)
{
	return LZO1X_1_MEM_COMPRESS;
}

int content_compressor_of(const char *name)
{
	static const char *const names[NR_COMPRESSORS] = {"lz4", "lzo", "zstd"};

	/* Linux's variant for pages with runs of zeros; the library has LZO only. */
	if (str_eq(name, "lzo-rle"))
		return COMPRESS_LZO;
	for (unsigned int i = 0; i < NR_COMPRESSORS; i++)
		if (str_eq(name, names[i]))
			return (int)i;
	return -1;
}

size_t content_compress(const struct content_lengths *lengths, unsigned int compressor,
			const u8 page[PAGE_SIZE], u8 out[2 * PAGE_SIZE])
{
	lzo_uint lzo_len = 2 * PAGE_SIZE;
	size_t zstd_len;
	int len;

	switch (compressor) {
	case COMPRESS_LZO:
		return lzo1x_1_compress(page, PAGE_SIZE, out, &lzo_len, lengths->lzo_state)
			       ? 0
			       : lzo_len;
	case COMPRESS_ZSTD:
		zstd_len = ZSTD_compress(out, 2 * PAGE_SIZE, page, PAGE_SIZE, ZSTD_LEVEL);
		return ZSTD_isError(zstd_len) ? 0 : zstd_len;
	default:
		len = LZ4_compress_fast_extState(lengths->lz4_state, (const char *)page,
						 (char *)out, (int)PAGE_SIZE, 2 * PAGE_SIZE, 1);
		return len > 0 ? (size_t)len : 0;
	}
}

int content_decompress(unsigned int compressor, const u8 *src, size_t len, u8 page[PAGE_SIZE])
{
	lzo_uint n = PAGE_SIZE;

	switch (compressor) {
	case COMPRESS_LZO:
		return lzo1x_decompress_safe(src, len, page, &n, NULL) || n != PAGE_SIZE ? -EINVAL
											 : 0;
	case COMPRESS_ZSTD:
		return ZSTD_decompress(page, PAGE_SIZE, src, len) == PAGE_SIZE ? 0 : -EINVAL;
	default:
		return LZ4_decompress_safe((const char *)src, (char *)page, (int)len,
					   (int)PAGE_SIZE) == (int)PAGE_SIZE
			       ? 0
			       : -EINVAL;
	}
}

size_t content_compressed_len(struct content_lengths *lengths, unsigned int compressor, u64 content)
{
	unsigned int kind = CONTENT_KIND(content);
	u16 *memo;
	size_t len;
	u8 page[PAGE_SIZE], out[2 * PAGE_SIZE];

	if (kind >= NR_CONTENT_KINDS)
		kind = CONTENT_KIND_RANDOM;
	memo = kind <= CONTENT_KIND_SAME
		       ? &lengths->of[compressor].same
		       : &lengths->of[compressor].len[kind][content % CONTENT_VARIANTS];
	if (kind == CONTENT_KIND_PARTIAL)
		memo = &lengths->of[compressor].partial[partial_percent(content)];
	if (*memo)
		return *memo;
	content_fill(content, page);
	len = content_compress(lengths, compressor, page, out);
	if (!len)
		return 0;
	*memo = (u16)len;
	return *memo;
}
