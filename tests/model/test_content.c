/* SPDX-License-Identifier: MIT */
/*
 * Contents: descriptors stand for bytes, and compress as those bytes do.
 */
#include "tests/lib/testlib.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

static size_t lz4_len(u64 content)
{
	u8 page[PAGE_SIZE], out[LZ4_COMPRESSBOUND(PAGE_SIZE)], back[PAGE_SIZE];
	int len;

	content_fill(content, page);
	len = LZ4_compress_default((const char *)page, (char *)out, PAGE_SIZE, sizeof(out));
	assert_true(len > 0);
	assert_int_equal(LZ4_decompress_safe((const char *)out, (char *)back, len, PAGE_SIZE),
			 PAGE_SIZE);
	assert_memory_equal(page, back, PAGE_SIZE);
	return (size_t)len;
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < NR_CONTENT_KINDS; kind++)
		assert_int_equal(content_kind_of(content_kind_name(kind)), (int)kind);
	assert_int_equal(content_kind_of("marble"), -1);
}

static void test_pages_are_a_function_of_the_descriptor(void **state)
{
	u8 a[PAGE_SIZE], b[PAGE_SIZE];

	(void)state;
	for (unsigned int kind = 1; kind < NR_CONTENT_KINDS; kind++) {
		u64 share = kind == CONTENT_KIND_PARTIAL ? 40UL << CONTENT_PARTIAL_SHIFT : 0;

		content_fill(CONTENT(kind, share + 5), a);
		content_fill(CONTENT(kind, share + 5), b);
		assert_memory_equal(a, b, PAGE_SIZE);
		content_fill(CONTENT(kind, share + 6), b);
		assert_memory_not_equal(a, b, PAGE_SIZE);
		content_fill(CONTENT(kind, share + 5 + CONTENT_VARIANTS), b);
		assert_memory_not_equal(a, b, PAGE_SIZE);
	}
	content_fill(0, a);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(a[i], 0);
}

static void test_lengths_are_those_of_lz4(void **state)
{
	struct content_lengths lengths = {.lz4_state = malloc((size_t)LZ4_sizeofState())};
	size_t sum[NR_CONTENT_KINDS] = {0};

	(void)state;
	/* A pattern is of its whole seed. */
	for (unsigned int kind = CONTENT_KIND_TEXT; kind < CONTENT_KIND_PATTERN; kind++) {
		for (u64 seed = 0; seed < CONTENT_VARIANTS; seed++) {
			size_t real = lz4_len(CONTENT(kind, seed));
			size_t other = lz4_len(CONTENT(kind, seed + 999 * CONTENT_VARIANTS));

			assert_int_equal(
				content_compressed_len(&lengths, COMPRESS_LZ4, CONTENT(kind, seed)),
				real);
			assert_in_range(other, real - 8, real + 8);
			sum[kind] += real;
		}
		print_message("# %s: %zu bytes a page\n", content_kind_name(kind),
			      sum[kind] / CONTENT_VARIANTS);
	}
	assert_int_equal(content_compressed_len(&lengths, COMPRESS_LZ4, CONTENT(CONTENT_SAME, 7)),
			 lz4_len(CONTENT(CONTENT_SAME, 7)));
	for (unsigned int kind = 0; kind < NR_CONTENT_KINDS; kind++)
		sum[kind] /= CONTENT_VARIANTS;
	assert_in_range(sum[CONTENT_KIND_TEXT], 1600, 2800);
	assert_in_range(sum[CONTENT_KIND_HEAP], 1000, 2200);
	assert_in_range(sum[CONTENT_KIND_CODE], 2000, 3300);
	assert_in_range(sum[CONTENT_KIND_RANDOM], 4096, 4200);
	free(lengths.lz4_state);
}

static bool fail_all(void *ctx, u64 pfn)
{
	(void)ctx;
	(void)pfn;
	return true;
}

static void test_compress_and_back(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	const struct quire_port_ops *port = t->q->port;
	struct page *page = alloc_pages(t->q, GFP_KERNEL, 0);
	u64 pfn, *content = t->q->hot->content, text = CONTENT(CONTENT_KIND_TEXT, 4711);
	u8 dst[PAGE_SIZE];
	size_t len;

	(void)state;
	assert_non_null(page);
	pfn = page_to_pfn(t->q, page);
	assert_int_equal(port->find_compressor(t->m, "lzo-rle"), COMPRESS_LZO);
	assert_int_equal(port->find_compressor(t->m, "rot13"), -ENOENT);
	content[pfn] = text;
	len = port->compress(t->m, COMPRESS_LZ4, pfn, dst, sizeof(dst));
	assert_in_range(len, lz4_len(text) - 8, lz4_len(text) + 8);
	assert_int_equal(port->compress(t->m, COMPRESS_LZ4, pfn, dst, len - 1), 0);
	content[pfn] = 0;
	assert_int_equal(port->decompress(t->m, dst, len, pfn), 0);
	assert_int_equal(content[pfn], text);
	assert_true(port->decompress(t->m, dst, len + 1, pfn) < 0);
	content[pfn] = CONTENT(CONTENT_KIND_RANDOM, 3);
	assert_int_equal(port->compress(t->m, COMPRESS_LZ4, pfn, dst, sizeof(dst)), 0);
	content[pfn] = text;
	model_fail_compress(t->m, fail_all, NULL);
	assert_int_equal(port->compress(t->m, COMPRESS_LZ4, pfn, dst, sizeof(dst)), 0);
	__free_pages(t->q, page, 0);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_pages_are_a_function_of_the_descriptor),
		cmocka_unit_test(test_lengths_are_those_of_lz4),
		cmocka_unit_test(test_compress_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
