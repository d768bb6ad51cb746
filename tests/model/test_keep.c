/* SPDX-License-Identifier: MIT */
/*
 * The memory that machines live in: regions at their addresses, aligned, zeroed,
 * told apart; a heap that gives and takes; and what can't be a saved machine.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "port/model/keep.h"
#include "port/model/save.h"
#include "tests/lib/testlib.h"

#define MB (1UL << 20)

static void test_regions(void **unused)
{
	char *a = keep_map(3 * MB, 2 * MB), *b = keep_map(4096, 4096), *c = keep_map(5000, 4096);
	struct keep_heap *h = keep_heap();
	size_t nr;

	(void)unused;
	assert_non_null(h);
	assert_true(a && b && c && a != b && b != c);
	assert_int_equal((uintptr_t)a % (2 * MB), 0);
	assert_in_range((uintptr_t)a, KEEP_BASE + KEEP_HEAP, KEEP_LIMIT);
	assert_true(b >= a + 3 * MB && c >= b + 4096);
	assert_int_equal(a[3 * MB - 1] | b[4095] | c[8191], 0);
	a[3 * MB - 1] = 1;
	keep_mark(b, 0, true);
	assert_true(h->region[h->nr_regions - 2].huge && !h->region[h->nr_regions - 1].huge);
	nr = h->nr_regions;
	keep_unmap(b, 4096);
	assert_int_equal(h->nr_regions, nr - 1);
	/* In use: not given back. */
	assert_false(keep_leave());
	keep_unmap(a, 3 * MB);
	keep_unmap(c, 5000);
}

/* Every size around the classes' borders; contents survive growing and shrinking. */
static void test_heap(void **unused)
{
	static const size_t sizes[] = {0,    1,	   15,	 16,   17,     1023,  1024,
				       1025, 1280, 1281, 4096, 100000, 3 * MB};
	unsigned char *p[ARRAY_SIZE(sizes)];
	char *s;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = keep_malloc(sizes[i]);
		assert_non_null(p[i]);
		memset(p[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = keep_realloc(p[i], 2 * sizes[i] + 1);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[i][k], i);
		p[i] = keep_realloc(p[i], sizes[i] / 2 + 1);
		for (size_t k = 0; k < sizes[i] / 2; k++)
			assert_int_equal(p[i][k], i);
		keep_free(p[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = keep_calloc(1, sizes[i] + 1);
		for (size_t k = 0; k <= sizes[i]; k++)
			assert_int_equal(p[i][k], 0);
		keep_free(p[i]);
	}
#ifndef KEEP_ASAN /* which stops the program there */
	assert_null(keep_calloc(SIZE_MAX / 2, 3));
#endif
	s = keep_strdup("quire");
	assert_string_equal(s, "quire");
	keep_free(s);
	keep_free(NULL);
	/* Of another heap. */
	keep_free(malloc(10));
}

static void test_files(void **unused)
{
	char name[] = "/tmp/quire-keep.XXXXXX", text[512] = "";
	FILE *err = fmemopen(text, sizeof(text), "w");
	int fd = mkstemp(name);

	(void)unused;
	assert_true(fd >= 0 && err);
	assert_false(save_is(name));
	assert_int_equal(write(fd, "quire machine 1\n", 16), 16);
	assert_true(save_is(name));
	assert_null(save_map(name, err));
	assert_null(save_map("/no/such/file", err));
	fclose(err);
	assert_non_null(strstr(text, "not a saved machine"));
	assert_non_null(strstr(text, "No such file"));
	close(fd);
	unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
