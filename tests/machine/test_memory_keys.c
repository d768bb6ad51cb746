/* SPDX-License-Identifier: MIT */
/*
 * What a scenario says of memory is there when the machine has booted: zones, areas,
 * pools, distances, policies, cpusets, the debugging of pages, files of sysfs; and what
 * only the running machine can refuse is reported with its place.
 */
#define _GNU_SOURCE
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/machine.h"
#include "node/memblock.h"
#include "page/cma.h"
#include "page/hugetlb.h"

#include <quire/proc.h>

static char path[] = "/tmp/quire-memory-XXXXXX";

static struct scenario *load(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return scenario_load(path, stderr);
}

struct booted {
	struct scenario *s;
	struct machine *m;
	struct quire *q;
};

static struct booted boot(const char *text)
{
	struct booted b = {.s = load(text)};

	assert_non_null(b.s);
	b.m = machine_boot(b.s, stderr);
	assert_non_null(b.m);
	b.q = machine_quire(b.m);
	return b;
}

static void end(struct booted *b)
{
	assert_int_equal(quire_verify(b->q, NULL, NULL), 0);
	machine_destroy(b->m);
	scenario_free(b->s);
}

static bool has(struct booted *b, const char *file, const char *text)
{
	static char buf[1 << 20];
	s64 n = quire_proc_read(b->q, file, buf, sizeof(buf) - 1);

	if (n < 0)
		return false;
	buf[n] = 0;
	return strstr(buf, text) != NULL;
}

/* Is it in the file of any process? */
static bool some_task_has(struct booted *b, const char *name, const char *text)
{
	struct task *p;

	for_each_process(b->q, p)
	{
		char file[64];

		snprintf(file, sizeof(file), "/proc/%d/%s", p->pid, name);
		if (has(b, file, text))
			return true;
	}
	return false;
}

static unsigned long movable(struct booted *b, unsigned int nid)
{
	return NODE_DATA(b->q, nid)->node_zones[ZONE_MOVABLE].present_pages >> 8;
}

#define HEAD "name: t\nlength: 1m\n"

static void test_zones(__unused void **state)
{
	struct booted b = boot(HEAD "nodes: [{memory: 1G, cpus: 1}]\nkernelcore: 256M\n");

	assert_in_range(movable(&b, 0), 760, 768);
	end(&b);
	b = boot(HEAD "nodes: [{memory: 1G, cpus: 1}]\nmovablecore: 25%\n");
	assert_in_range(movable(&b, 0), 252, 260);
	end(&b);
	b = boot(HEAD "movable_node: true\nnodes:\n  - {memory: 512M, cpus: 1}\n"
		      "  - {memory: 512M, cpus: 1, hotpluggable: true}\n");
	assert_int_equal(movable(&b, 0), 0);
	assert_int_equal(movable(&b, 1), 512);
	end(&b);
}

static void test_areas(__unused void **state)
{
	struct booted b =
		boot(HEAD "cma: 32M\nnodes:\n  - {memory: 4G, cpus: 1, hugepages_1g: 1}\n"
			  "  - {memory: 512M, cpus: 1, cma: 16M, hugepages_2m: 9, start: 8G}\n");

	assert_true(has(&b, "/proc/meminfo", "CmaTotal:          49152 kB"));
	assert_true(has(&b, "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1\n"));
	assert_true(has(&b,
			"/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages",
			"9\n"));
	assert_true(NODE_DATA(b.q, 1)->node_start_pfn >= 8UL << 18);
	end(&b);
}

static void test_nodes(__unused void **state)
{
	struct booted b = boot(
		HEAD
		"weighted_interleave: true\nnodes:\n"
		"  - {memory: 256M, cpus: 1, distances: \"10 15 30\"}\n"
		"  - {memory: 256M, cpus: 1, distances: \"15 10 40\"}\n"
		"  - {memory: 256M, cpus: 0, distances: \"30 40 10\"}\n"
		"sysctl: [{name: vm.zone_reclaim_mode, value: \"1\"}]\n"
		"sysfs: [{name: kernel/mm/mempolicy/weighted_interleave/node0, value: \"3\"}]\n"
		"cgroups: [{path: /a, cpuset_mems: \"0-1\"}]\n"
		"processes:\n"
		"  - {name: w, numa: \"weighted:0,1\", rss: 16M}\n"
		"  - {name: m, numa: \"preferred-many:2\", rss: 16M}\n"
		"  - {name: l, numa: local, cgroup: /a, rss: 16M}\n");

	assert_true(has(&b, "/sys/devices/system/node/node1/distance", "15 10 40\n"));
	assert_true(has(&b, "/sys/devices/system/node/node2/cpulist", "\n"));
	assert_true(has(&b, "/proc/sys/vm/zone_reclaim_mode", "1\n"));
	assert_true(has(&b, "/sys/kernel/mm/mempolicy/weighted_interleave/node0", "3\n"));
	assert_true(has(&b, "/sys/fs/cgroup/a/cpuset.mems", "0-1\n"));
	assert_true(some_task_has(&b, "numa_maps", "weighted interleave:0-1"));
	assert_true(some_task_has(&b, "numa_maps", "prefer (many):2"));
	assert_true(some_task_has(&b, "numa_maps", " local"));
	end(&b);
}

/* Four levels, or five: each process has a table more, and an address that its hint asks for. */
static void test_levels(__unused void **state)
{
	static const struct {
		const char *key;
		int levels;
	} keys[] = {{"", 4}, {"page_table_levels: 4\n", 4}, {"page_table_levels: 5\n", 5}};

	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		char text[512];
		struct booted b;
		struct task *p;
		u64 high = 0x00f0000000000000UL, at = 0;

		snprintf(text, sizeof(text),
			 HEAD "nodes: [{memory: 256M, cpus: 1}]\n%s"
			      "processes: [{name: p, rss: 1M}]\n",
			 keys[i].key);
		b = boot(text);
		assert_int_equal(b.q->page->pt_levels, keys[i].levels);
		for_each_process(b.q, p)
		{
			if (!p->mm)
				continue;
			assert_int_equal(p->mm->task_size,
					 keys[i].levels == 5 ? TASK_SIZE_5_LEVELS : TASK_SIZE);
			at = do_mmap(b.q, p->mm, high, PAGE_SIZE, PROT_READ,
				     MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
			assert_int_equal(at == high, keys[i].levels == 5);
		}
		assert_true(at != 0);
		end(&b);
	}
}

static void test_hugetlb(__unused void **state)
{
	struct booted b = boot(
		HEAD
		"nodes: [{memory: 512M, cpus: 1, hugepages_2m: 20}]\n"
		"cgroups: [{path: /kube/db, hugetlb_2m_max: 16M, hugetlb_2m_rsvd_max: 20M}]\n"
		"hugetlbfs:\n"
		"  - {path: /dev/hugepages, options: \"size=10M,min_size=2M,mode=1770\"}\n"
		"processes:\n"
		"  - {name: one, cgroup: /kube/db, memory: [{name: heap2, kind: hugetlb,\n"
		"      size: 3M, touched: 3M}, {name: f, kind: hugetlb, size: 4M,\n"
		"      mount: /dev/hugepages, share: f, touched: 2M}]}\n"
		"  - {name: two, memory: [{name: g, kind: hugetlb, size: 4M,\n"
		"      mount: /dev/hugepages, share: f, touched: 4M}, {name: s, kind: hugetlb,\n"
		"      size: 6M, share: segment}, {name: l, kind: hugetlb, size: 900M,\n"
		"      noreserve: true}]}\n");

	assert_true(has(&b, "/proc/mounts",
			"hugetlbfs /dev/hugepages hugetlbfs rw,relatime,mode=1770,pagesize=2M,"
			"size=10485760,min_size=2097152 0 0\n"));
	assert_true(has(&b, "/sys/fs/cgroup/kube/db/hugetlb.2MB.max", "16777216\n"));
	/* Its heap, and the first page of the file. */
	assert_true(has(&b, "/sys/fs/cgroup/kube/db/hugetlb.2MB.current", "6291456\n"));
	assert_true(has(&b, "/sys/fs/cgroup/kube/db/hugetlb.2MB.rsvd.current", "8388608\n"));
	assert_true(
		has(&b, "/sys/fs/cgroup/kube/cgroup.controllers", "cpuset io memory hugetlb\n"));
	/* 20, of which 4 are in use; the segment's 3 are promised. */
	assert_true(has(&b, "/proc/meminfo",
			"HugePages_Total:      20\nHugePages_Free:       16\n"
			"HugePages_Rsvd:        3\n"));
	assert_true(some_task_has(&b, "maps", " /dev/hugepages/f\n"));
	assert_true(some_task_has(&b, "maps", " /SYSV00000000 (deleted)\n"));
	end(&b);
}

static void test_debug(__unused void **state)
{
	struct booted b = boot(HEAD "nodes: [{memory: 256M, cpus: 1}]\npage_owner: true\n"
				    "page_poison: true\ndebug_guardpage_minorder: 1\n"
				    "processes: [{name: p, rss: 1M}]\n");

	assert_true(has(&b, "/sys/kernel/debug/page_poison", "1\n"));
	assert_true(has(&b, "/sys/kernel/debug/debug_guardpage_minorder", "1\n"));
	assert_true(has(&b, "/sys/kernel/debug/page_owner", "(p), ts "));
	end(&b);
}

/* Refused by the machine itself. */
static void refused(const char *text, const char *said)
{
	struct scenario *s = load(text);
	char *out = NULL;
	size_t len;
	FILE *err = open_memstream(&out, &len);

	assert_non_null(s);
	assert_null(machine_boot(s, err));
	fclose(err);
	if (!strstr(out, said))
		fail_msg("expected: %s\nsaid: %s", said, out);
	free(out);
	scenario_free(s);
}

static void test_refused(__unused void **state)
{
	refused(HEAD
		"nodes: [{memory: 256M, cpus: 1}]\nsysfs: [{name: kernel/nothing, value: a}]\n",
		"sysfs[0]: kernel/nothing = a: there is no such file below /sys");
	refused(HEAD "nodes: [{memory: 256M, cpus: 1}]\n"
		     "sysfs: [{name: kernel/debug/page_owner, value: \"7\"}]\n",
		"sysfs[0]: kernel/debug/page_owner = 7: the value is not allowed");
	refused(HEAD
		"nodes: [{memory: 256M, cpus: 1}]\ncgroups: [{path: /a, cpuset_mems: \"4\"}]\n",
		"cgroups[0]: cpuset_mems \"4\" is no list of nodes with memory");
	refused(HEAD "nodes: [{memory: 256M, cpus: 1}]\n"
		     "hugetlbfs: [{path: /h, options: \"pagesize=3M\"}]\n",
		"hugetlbfs[0]: /h can't be mounted with \"pagesize=3M\": an option is wrong");
	refused(HEAD "nodes: [{memory: 256M, cpus: 1}]\n"
		     "hugetlbfs: [{path: /h, options: \"min_size=4M\"}]\n",
		"the pool has too few pages for min_size");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zones),	cmocka_unit_test(test_areas),
		cmocka_unit_test(test_nodes),	cmocka_unit_test(test_levels),
		cmocka_unit_test(test_hugetlb), cmocka_unit_test(test_debug),
		cmocka_unit_test(test_refused),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
