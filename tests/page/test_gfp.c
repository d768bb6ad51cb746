/* SPDX-License-Identifier: MIT */
/*
 * GFP masks as text against lines of real kernels' logs; zones and migrate
 * types of masks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "page/gfp.h"

static const struct {
	gfp_t gfp;
	const char *text;
} lines[] = {
	{0x140dca, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO"},
	{0x140cca, "GFP_HIGHUSER_MOVABLE|__GFP_COMP"},
	{0x40c40, "GFP_NOFS|__GFP_COMP"},
	{0x90c00, "GFP_NOIO|__GFP_NORETRY|__GFP_NOMEMALLOC"},
	{0x40dc0, "GFP_KERNEL|__GFP_COMP|__GFP_ZERO"},
	{0x40cc0, "GFP_KERNEL|__GFP_COMP"},
	{0xc04, "GFP_NOIO|GFP_DMA32"},
	{0x400dc0, "GFP_KERNEL_ACCOUNT|__GFP_ZERO"},
	{0x1100cca, "GFP_HIGHUSER_MOVABLE|0x1000000"},
	{0xa20, "GFP_ATOMIC"},
	{0x820, "GFP_NOWAIT|__GFP_HIGH"},
	{0x400, "__GFP_DIRECT_RECLAIM"},
	{0, ""},
};

static void test_text(void **state)
{
	char buf[256];
	struct text t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		text_init(&t, buf, sizeof(buf));
		gfp_to_text(&t, lines[i].gfp);
		assert_string_equal(buf, lines[i].text);
	}
}

static void test_zone(void **state)
{
	(void)state;
	assert_int_equal(gfp_zone(GFP_KERNEL), ZONE_NORMAL);
	assert_int_equal(gfp_zone(GFP_KERNEL | __GFP_DMA), ZONE_DMA);
	assert_int_equal(gfp_zone(GFP_KERNEL | __GFP_DMA32), ZONE_DMA32);
	assert_int_equal(gfp_zone(GFP_HIGHUSER), ZONE_NORMAL);
	assert_int_equal(gfp_zone(GFP_HIGHUSER_MOVABLE), ZONE_MOVABLE);
	assert_int_equal(gfp_migratetype(GFP_KERNEL), MIGRATE_UNMOVABLE);
	assert_int_equal(gfp_migratetype(GFP_HIGHUSER_MOVABLE), MIGRATE_MOVABLE);
	assert_int_equal(gfp_migratetype(GFP_KERNEL | __GFP_RECLAIMABLE), MIGRATE_RECLAIMABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
