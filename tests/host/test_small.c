/* SPDX-License-Identifier: MIT */
/*
 * Instances on too little memory: whatever the boot had got to, it ends with
 * -ENOMEM and leaves neither threads nor memory behind; and what embedders read
 * of /proc.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <quire/host.h>
#include <quire/page.h>
#include <quire/proc.h>

static struct quire *create(uint64_t bytes, int *error)
{
	struct quire_config cfg = {.nr_nodes = 1};

	cfg.node[0].size_bytes = bytes;
	cfg.node[0].nr_cpus = 2;
	*error = 0;
	return quire_host_create(&cfg, 0, error);
}

static void test_too_small(void **state)
{
	unsigned int booted = 0, refused = 0;

	(void)state;
	for (uint64_t kb = 512; kb <= 16 << 10; kb += 128) {
		int error;
		struct quire *q = create(kb << 10, &error);

		if (!q) {
			assert_int_equal(error, -ENOMEM);
			assert_int_equal(booted, 0); /* more memory is never worse */
			refused++;
			continue;
		}
		booted++;
		quire_host_quiesce(q);
		assert_int_equal(quire_verify(q, NULL, NULL), 0);
		quire_host_destroy(q);
	}
	assert_true(booted > 0 && refused > 0);
}

static void test_proc(void **state)
{
	static const char ten[] = "20\n";
	static char text[1 << 17];
	int error;
	struct quire *q = create(64UL << 20, &error);
	int64_t length;

	(void)state;
	assert_non_null(q);
	assert_true(quire_proc_read(q, "/proc/buddyinfo", text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "Node 0, zone   Normal"));
	length = quire_proc_read(q, "/proc/meminfo", text, sizeof(text));
	assert_int_equal(length, strlen(text));
	assert_int_equal(quire_proc_read(q, "/proc/meminfo", text, 100), -ENOMEM);
	assert_int_equal(strlen(text), 99);
	assert_int_equal(quire_proc_read(q, "/proc", text, sizeof(text)), -EISDIR);
	assert_int_equal(quire_proc_read(q, "/sys/devices/", text, sizeof(text)), -EISDIR);
	assert_int_equal(quire_proc_read(q, "/proc/nothing", text, sizeof(text)), -ENOENT);
	assert_int_equal(quire_proc_read(q, "/proc/meminfo/x", text, sizeof(text)), -ENOENT);
	assert_int_equal(quire_proc_read(q, "meminfo", text, sizeof(text)), -ENOENT);
	assert_int_equal(quire_proc_read(q, "/etc/passwd", text, sizeof(text)), -ENOENT);
	memset(text, 'x', 1000);
	memcpy(text, "/proc/", 6);
	text[1000] = '\0';
	assert_int_equal(quire_proc_read(q, text, text + 2000, 100), -ENOENT);
	assert_int_equal(quire_proc_write(q, "/proc/sys/vm/watermark_scale_factor", ten, 3), 3);
	assert_int_equal(quire_proc_read(q, "/proc/sys/vm/watermark_scale_factor", text, 100), 3);
	assert_string_equal(text, ten);
	assert_int_equal(quire_proc_write(q, "/proc/meminfo", ten, 3), -EINVAL);
	assert_int_equal(quire_proc_write(q, "/proc/sys/vm/watermark_scale_factor", "x", 1),
			 -EINVAL);
	quire_host_destroy(q);
}

/* Whose pages they are, with the call chains of who took them and gave one back. */
static void test_owners(void **state)
{
	static char text[1 << 20];
	char *entry;
	struct page *page;
	int error;
	struct quire *q = create(64UL << 20, &error);
	int64_t length;

	(void)state;
	assert_non_null(q);
	assert_int_equal(quire_page_debug(q, QUIRE_DEBUG_OWNER), 0);
	page = quire_alloc_pages(q, 2, 0, QUIRE_ALLOC_MOVABLE);
	assert_non_null(page);
	length = quire_proc_read(q, "/sys/kernel/debug/page_owner", text, sizeof(text) - 1);
	assert_true(length > 0);
	text[length] = 0;
	entry = strstr(text, "Page allocated via order 2, ");
	assert_non_null(entry);
	entry = strchr(strstr(entry, "\nPFN ") + 1, '\n');
	/* " function+0x12 [program]", innermost first, up to an empty line. */
	assert_int_equal(entry[1], ' ');
	assert_non_null(strstr(entry, "+0x"));
	assert_true(strstr(entry, "+0x") < strstr(entry, "\n\n"));
	quire_free_pages(q, page, 2);
	assert_int_equal(quire_page_debug(q, 0), 0);
	quire_host_quiesce(q);
	assert_int_equal(quire_verify(q, NULL, NULL), 0);
	quire_host_destroy(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_proc),
		cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
