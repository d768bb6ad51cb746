/* SPDX-License-Identifier: MIT */
/*
 * The machine at boot against the recorded kernels: spans, managed pages, marks,
 * reserves, per-CPU lists and thresholds of every zone, to the page, on every
 * machine that was recorded; and what must hold on machines that were not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/profile.h"
#include "oracle/profile_layout.h"
#include "oracle/result.h"
#include "oracle/shape.h"
#include "proc/proc.h"

#define DIR_ORACLE "oracle"
#define MAX_ZONES  (QUIRE_MAX_NODES * ORACLE_NR_ZONES)

/* ---- recorded machines ----------------------------------------------------------- */

struct booted {
	struct profile p;
	struct model *m;
	struct quire *q;
	int err;
};

static void in_init(void *arg)
{
	struct booted *b = arg;

	b->err = profile_boot(&b->p, b->m);
}

static void boot(struct booted *b, const struct oracle_vm *vm)
{
	char why[256] = "";

	assert_int_equal(profile_build(vm, "6.1", &b->p, stderr), 0);
	b->m = model_create(&b->p.cfg, why, sizeof(why));
	if (!b->m)
		fail_msg("%s", why);
	b->q = model_quire(b->m);
	model_call(b->m, NULL, in_init, b);
	assert_int_equal(b->err, 0);
}

static void print_broken(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static void end(struct booted *b)
{
	assert_int_equal(quire_verify(b->q, print_broken, NULL), 0);
	model_destroy(b->m);
	profile_free(&b->p);
}

static unsigned int same(const char *name, const struct oracle_zone *z, const char *what, u64 model,
			 u64 kernel)
{
	if (model == kernel)
		return 0;
	fprintf(stderr, "%s: node %u %s: %s: model %lu, kernel %lu\n", name, z->node, z->name, what,
		(unsigned long)model, (unsigned long)kernel);
	return 1;
}

/* How many of a zone's numbers differ. */
static unsigned int check_zone(const char *name, const struct quire *q, const struct oracle_zone *z,
			       bool settled)
{
	const struct zone *m = &NODE_DATA(q, z->node)->node_zones[z->type];
	unsigned int n = 0;

	n += same(name, z, "spanned", m->spanned_pages, z->spanned);
	n += same(name, z, "present", m->present_pages, z->present);
	n += same(name, z, "managed", m->managed_pages, z->managed);
	n += same(name, z, "min", m->_watermark[WMARK_MIN], z->min);
	n += same(name, z, "low", m->_watermark[WMARK_LOW], z->low);
	n += same(name, z, "high", m->_watermark[WMARK_HIGH], z->high);
	if (!z->present)
		return n;
	n += same(name, z, "start_pfn", m->zone_start_pfn, z->start_pfn);
	for (unsigned int i = 0; i < ORACLE_NR_ZONES && !settled; i++)
		n += same(name, z, "protection", (u64)m->lowmem_reserve[i], z->protection[i]);
	n += same(name, z, "high of CPUs", (u64)m->pageset_high, z->pcp_high);
	n += same(name, z, "batch", (u64)m->pageset_batch, z->pcp_batch);
	return n;
}

/* The marks are those of boot until a knob is written. */
static bool is_boot(const struct oracle_result *r, const struct oracle_snap *s, bool *settled)
{
	*settled = false;
	for (size_t i = 0; i < s->nr_steps && i < r->nr_steps; i++) {
		const char *t = r->steps[i].text;

		if (!strncmp(t, "settle", 6))
			*settled = true;
		if (!strncmp(t, "sysctl", 6) || !strncmp(t, "write", 5) ||
		    !strncmp(t, "repeat", 6) || !strncmp(t, "hugepages", 9))
			return false;
	}
	return true;
}

/* False: there is nothing to compare. */
static bool check_recorded(const char *name, unsigned int *wrong)
{
	static struct oracle_zone zones[MAX_ZONES];
	struct oracle_result r;
	char path[512], why[256] = "";
	char *text = oracle_scenario_text(DIR_ORACLE, name, "6.1", why, sizeof(why));
	bool settled = false, ok = false;
	struct oracle_script *s;
	struct booted b = {0};
	size_t nr;

	snprintf(path, sizeof(path), DIR_ORACLE "/results/%s/6.1/out.txt.gz", name);
	if (!text || !oracle_result_read(&r, path, why, sizeof(why))) {
		free(text);
		return false;
	}
	s = oracle_script_parse(name, text, strlen(text), stderr);
	assert_non_null(s);
	nr = r.nr_snaps ? oracle_zones(&r.snaps[0], zones, MAX_ZONES) : 0;
	if (nr && is_boot(&r, &r.snaps[0], &settled)) {
		u64 kbytes = 0;

		boot(&b, &s->vm);
		for (size_t i = 0; i < nr; i++)
			*wrong += check_zone(name, b.q, &zones[i], settled);
		if (oracle_num(&r.snaps[0], "/proc/sys/vm/min_free_kbytes", &kbytes) &&
		    kbytes != b.q->page->min_free_kbytes)
			*wrong += same(name, &zones[0], "min_free_kbytes",
				       b.q->page->min_free_kbytes, kbytes);
		end(&b);
		ok = true;
	}
	oracle_script_free(s);
	oracle_result_free(&r);
	free(text);
	return ok;
}

/* One of each kind of machine: the others take as long and say the same. */
static bool told(const char *name)
{
	return !strncmp(name, "a-idle", 6) || !strncmp(name, "numa", 4) || strchr(name, '@') ||
	       !strncmp(name, "hotplug", 7) || !strcmp(name, "b-oom") || !strcmp(name, "c-swap") ||
	       !strcmp(name, "h-numa");
}

static void test_recorded(void **state)
{
	unsigned int checked = 0, skipped = 0, wrong = 0;
	DIR *d = opendir(DIR_ORACLE "/results");
	struct dirent *e;

	(void)state;
	if (!d)
		skip();
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || !told(e->d_name))
			continue;
		if (check_recorded(e->d_name, &wrong))
			checked++;
		else
			skipped++;
	}
	closedir(d);
	print_message("%u machines, %u without a snapshot of boot\n", checked, skipped);
	assert_int_equal(wrong, 0);
	assert_true(checked >= 8);
}

/* ---- other machines --------------------------------------------------------------- */

static struct early_machine machine(u32 nodes, u64 mib, u32 cpus)
{
	struct early_machine m = {.nr_nodes = nodes, .nr_cpus = cpus, .cmdline_len = 240};

	for (u32 i = 0; i < nodes; i++)
		m.bytes[i] = mib << 20;
	for (u32 i = 0; i < cpus; i++)
		m.cpu_node[i] = i % nodes;
	return m;
}

/* Ranges in order and apart, reserved within memory, zones cover memory. */
static void check_layout(const struct profile_layout *l)
{
	const struct quire_layout *q = &l->layout;
	u64 end = 0, reserved = 0, inside = 0;

	for (u32 i = 0; i < q->nr_memory; i++) {
		assert_true(q->memory[i].start_pfn >= end);
		end = q->memory[i].start_pfn + q->memory[i].nr_pages;
	}
	end = 0;
	for (u32 i = 0; i < q->nr_reserved; i++) {
		const struct quire_range *r = &q->reserved[i];

		assert_true(r->start_pfn >= end);
		end = r->start_pfn + r->nr_pages;
		reserved += r->nr_pages;
		for (u32 j = 0; j < q->nr_memory; j++)
			if (q->memory[j].node == r->node &&
			    r->start_pfn >= q->memory[j].start_pfn &&
			    end <= q->memory[j].start_pfn + q->memory[j].nr_pages)
				inside += r->nr_pages;
	}
	assert_int_equal(reserved, inside);
}

static void test_shapes(void **state)
{
	static const u32 nodes[] = {1, 2, 3, 5, 8}, cpus[] = {1, 2, 3, 7, 16, 64};
	static const u64 mib[] = {192, 300, 513, 1000, 3071, 3583, 3584, 5000, 70000};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(nodes); n++) {
		for (size_t c = 0; c < ARRAY_SIZE(cpus); c++) {
			for (size_t i = 0; i < ARRAY_SIZE(mib); i++) {
				struct early_machine m = machine(nodes[n], mib[i], cpus[c]);
				struct profile_layout *l =
					profile_layout_make(&m, &early_kernel_6_1);

				/* 64 per-CPU areas of 256 KiB want their place. */
				if (!l && mib[i] < 400)
					continue;
				assert_non_null(l);
				check_layout(l);
				free(l);
			}
		}
	}
}

/* What no kernel boots on is refused, and nothing goes wrong meanwhile. */
static void test_too_small(void **state)
{
	(void)state;
	for (u64 mib = 0; mib < 160; mib++) {
		struct early_machine m = machine(1 + (u32)mib % 3, mib, 1);
		struct profile_layout *l = profile_layout_make(&m, &early_kernel_6_1);

		if (l)
			check_layout(l);
		free(l);
	}
}

/* Hash tables of recorded logs: Total pages, bytes an entry, scale, limit. */
static void test_hash_entries(void **state)
{
	(void)state;
	assert_int_equal(early_hash_entries(128736, 8, 13, 0), 65536);
	assert_int_equal(early_hash_entries(128736, 8, 14, 0), 32768);
	assert_int_equal(early_hash_entries(128736, 8, 19, 0), 1024);
	assert_int_equal(early_hash_entries(1031904, 8, 13, 0), 524288);
	assert_int_equal(early_hash_entries(16514784, 8, 13, 0), 8388608);
	assert_int_equal(early_hash_entries(66059999, 8, 13, 0), 16777216);
	assert_int_equal(early_hash_entries(66059999, 8, 17, 524288), 524288);
	assert_int_equal(early_hash_entries(66059999, 32, 17, 65536), 65536);
	assert_int_equal(early_hash_entries(128736, 16, 21, 65536), 256);
	assert_int_equal(early_hash_entries(128736, 24, 20, 65536), 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_hash_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
