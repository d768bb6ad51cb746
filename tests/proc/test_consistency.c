/* SPDX-License-Identifier: MIT */
/*
 * Numbers of /proc that speak of the same thing agree, whichever file says
 * them: meminfo, vmstat, zoneinfo, the nodes' files, buddyinfo, swaps,
 * slabinfo, processes' status and smaps, a group's files.  Looked at again and
 * again while processes fill two nodes, swap, fork, lock and end.
 */
#include "tests/proc/proc_test.h"

static const struct testbox_config two_nodes = {
	.nr_nodes = 2, .node_mb = {128, 128}, .cpus = 2, .disk = true, .swap_mb = 128};

/* ---- reading --------------------------------------------------------------------- */

/* The sum over all lines that begin, behind blanks, with label and a blank or a
 * colon. */
static unsigned long sum_lines(const char *text, const char *label)
{
	size_t n = strlen(label);
	unsigned long sum = 0;

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *q = p + strspn(p, " ");

		if (!strncmp(q, label, n) && strchr(" :\t", q[n]) && q[n])
			sum += strtoul(q + n + strspn(q + n, ": \t"), NULL, 10);
	}
	return sum;
}

struct snapshot {
	char *meminfo, *vmstat, *zoneinfo, *buddyinfo, *slabinfo, *node[2], *node_vmstat[2];
	char *numastat[2];
};

static void take_snapshot(struct quire *q, struct snapshot *s)
{
	s->meminfo = slurp(q, "/proc/meminfo");
	s->vmstat = slurp(q, "/proc/vmstat");
	s->zoneinfo = slurp(q, "/proc/zoneinfo");
	s->buddyinfo = slurp(q, "/proc/buddyinfo");
	s->slabinfo = slurp(q, "/proc/slabinfo");
	s->node[0] = slurp(q, "/sys/devices/system/node/node0/meminfo");
	s->node[1] = slurp(q, "/sys/devices/system/node/node1/meminfo");
	s->node_vmstat[0] = slurp(q, "/sys/devices/system/node/node0/vmstat");
	s->node_vmstat[1] = slurp(q, "/sys/devices/system/node/node1/vmstat");
	s->numastat[0] = slurp(q, "/sys/devices/system/node/node0/numastat");
	s->numastat[1] = slurp(q, "/sys/devices/system/node/node1/numastat");
}

static void drop_snapshot(struct snapshot *s)
{
	free(s->meminfo);
	free(s->vmstat);
	free(s->zoneinfo);
	free(s->buddyinfo);
	free(s->slabinfo);
	for (int i = 0; i < 2; i++) {
		free(s->node[i]);
		free(s->node_vmstat[i]);
		free(s->numastat[i]);
	}
}

static unsigned long of_nodes(const struct snapshot *s, const char *label)
{
	char line[64];
	unsigned long sum = 0;

	for (int i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "Node %d %s", i, label);
		sum += field(s->node[i], line);
	}
	return sum;
}

/* ---- the machine ------------------------------------------------------------------- */

#define same(what, a, b)                                                              \
	do {                                                                          \
		unsigned long __a = (a), __b = (b);                                   \
		if (__a != __b)                                                       \
			fail_msg("%s: %s is %lu, %s is %lu", what, #a, __a, #b, __b); \
	} while (0)

/*
 * What a process shows lags behind its pages: each thread counts its faults for
 * itself and tells the address space after more than 64 of them.
 */
#define RSS_LAG_KB (4 * 65)
#define lags(what, shown, real, threads)                                                     \
	do {                                                                                 \
		unsigned long __s = (shown), __r = (real), __lag = RSS_LAG_KB * (threads);   \
		if (__s + __lag < __r || __s > __r + __lag)                                  \
			fail_msg("%s: %s is %lu, %s is %lu", what, #shown, __s, #real, __r); \
	} while (0)

/* Counters that meminfo, the nodes, vmstat and zoneinfo all show. */
static void check_counters(const struct snapshot *s)
{
	static const struct {
		const char *meminfo, *vmstat, *zones;
	} lines[] = {
		{"MemFree", "nr_free_pages", "nr_free_pages"},
		{"Active(anon)", "nr_active_anon", "nr_zone_active_anon"},
		{"Inactive(anon)", "nr_inactive_anon", "nr_zone_inactive_anon"},
		{"Active(file)", "nr_active_file", "nr_zone_active_file"},
		{"Inactive(file)", "nr_inactive_file", "nr_zone_inactive_file"},
		{"Unevictable", "nr_unevictable", "nr_zone_unevictable"},
		{"Mlocked", "nr_mlock", "nr_mlock"},
		{"Dirty", "nr_dirty", NULL},
		{"Writeback", "nr_writeback", NULL},
		{"AnonPages", "nr_anon_pages", NULL},
		{"Mapped", "nr_mapped", NULL},
		{"Shmem", "nr_shmem", NULL},
		{"SwapCached", "nr_swapcached", NULL},
		{"SReclaimable", "nr_slab_reclaimable", NULL},
		{"SUnreclaim", "nr_slab_unreclaimable", NULL},
		{"PageTables", "nr_page_table_pages", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		unsigned long kb = field(s->meminfo, lines[i].meminfo);

		same(lines[i].meminfo, kb, 4 * field(s->vmstat, lines[i].vmstat));
		same(lines[i].meminfo, kb, of_nodes(s, lines[i].meminfo));
		same(lines[i].meminfo, kb, 4 * sum_lines(s->zoneinfo, lines[i].vmstat));
		if (lines[i].zones)
			same(lines[i].meminfo, kb, 4 * sum_lines(s->zoneinfo, lines[i].zones));
		same(lines[i].meminfo, kb,
		     4 * (field(s->node_vmstat[0], lines[i].vmstat) +
			  field(s->node_vmstat[1], lines[i].vmstat)));
	}
	same("file", 4 * field(s->vmstat, "nr_file_pages"), of_nodes(s, "FilePages"));
	same("file", 4 * field(s->vmstat, "nr_file_pages"),
	     field(s->meminfo, "Cached") + field(s->meminfo, "SwapCached") +
		     field(s->meminfo, "Buffers"));
	same("stacks", field(s->meminfo, "KernelStack"), field(s->vmstat, "nr_kernel_stack"));
	same("stacks", field(s->meminfo, "KernelStack"), of_nodes(s, "KernelStack"));
	same("total", field(s->meminfo, "MemTotal"), 4 * sum_lines(s->zoneinfo, "managed"));
	same("total", field(s->meminfo, "MemTotal"), of_nodes(s, "MemTotal"));
	same("used", of_nodes(s, "MemUsed"), of_nodes(s, "MemTotal") - of_nodes(s, "MemFree"));
	same("dirty", sum_lines(s->zoneinfo, "nr_zone_write_pending"),
	     field(s->vmstat, "nr_dirty") + field(s->vmstat, "nr_writeback") -
		     field(s->vmstat, "nr_writeback_temp"));
}

static void check_numa(const struct snapshot *s)
{
	unsigned long hit = field(s->vmstat, "numa_hit"), miss = field(s->vmstat, "numa_miss");

	same("numa_hit", hit, sum_lines(s->zoneinfo, "numa_hit"));
	same("numa_hit", hit,
	     field(s->numastat[0], "numa_hit") + field(s->numastat[1], "numa_hit"));
	same("numa_miss", miss, field(s->vmstat, "numa_foreign"));
	same("numa_miss", miss,
	     field(s->numastat[0], "numa_miss") + field(s->numastat[1], "numa_miss"));
	same("numa_local", hit + miss,
	     field(s->vmstat, "numa_local") + field(s->vmstat, "numa_other"));
}

/* Blocks of each order make up the free pages; those on CPUs' lists are not
 * free to anyone else, and not counted. */
static void check_buddyinfo(const struct snapshot *s)
{
	unsigned long pages = 0;

	for (const char *p = s->buddyinfo; *p; p = strchr(p, '\n') + 1) {
		const char *at = strstr(p, "zone");
		char *next;

		at += strcspn(at, " ");
		at += strspn(at, " ");
		at += strcspn(at, " ");
		for (unsigned int order = 0; order < MAX_ORDER; order++, at = next)
			pages += strtoul(at, &next, 10) << order;
	}
	same("buddyinfo", pages, field(s->vmstat, "nr_free_pages"));
}

/* What caches hold is what Slab says, but for what kmalloc took as whole pages. */
static void check_slabs(const struct snapshot *s)
{
	unsigned long pages = 0, slab = field(s->meminfo, "Slab");
	const char *p = strchr(strchr(s->slabinfo, '\n') + 1, '\n') + 1;

	for (; *p; p = strchr(p, '\n') + 1) {
		unsigned long a, n, size, per, pages_per, active, slabs;

		assert_int_equal(
			sscanf(p,
			       "%*s %lu %lu %lu %lu %lu : tunables %*u %*u %*u : slabdata %lu %lu",
			       &a, &n, &size, &per, &pages_per, &active, &slabs),
			7);
		assert_true(a <= n);
		assert_int_equal(n, slabs * per);
		pages += slabs * pages_per;
	}
	same("slab", slab, field(s->meminfo, "SReclaimable") + field(s->meminfo, "SUnreclaim"));
	assert_in_range(slab, 4 * pages, 4 * pages + (16 << 10));
}

static void check_swap(struct quire *q, const struct snapshot *s)
{
	char *swaps = slurp(q, "/proc/swaps"), *line = strchr(swaps, '\n') + 1;
	unsigned long size, used;

	assert_int_equal(sscanf(line, "%*s %*s %lu %lu", &size, &used), 2);
	same("swap", size, field(s->meminfo, "SwapTotal"));
	same("swap", used, field(s->meminfo, "SwapTotal") - field(s->meminfo, "SwapFree"));
	assert_true(field(s->meminfo, "Zswapped") <= used);
	assert_true(field(s->meminfo, "SwapCached") <= used);
	free(swaps);
}

/* ---- processes ------------------------------------------------------------------------ */

struct sums {
	unsigned long anon, file, shmem, swap, pss_anon, pss_shared, faults, threads, areas;
};

static void check_process(struct quire *q, int pid, struct sums *sums)
{
	char path[64];
	char *status, *smaps, *rollup, *statm, *stat;
	unsigned long rss, mapped, threads, size, resident, shared, min_flt, maj_flt;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = slurp(q, path);
	threads = field(status, "Threads");
	sums->threads += threads;
	if (!strstr(status, "VmRSS")) { /* a kernel thread */
		free(status);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = slurp(q, path);
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	rollup = slurp(q, path);
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	statm = slurp(q, path);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = slurp(q, path);
	rss = field(status, "VmRSS");
	same("rss", rss,
	     field(status, "RssAnon") + field(status, "RssFile") + field(status, "RssShmem"));
	mapped = sum_lines(smaps, "Rss");
	lags("rss", rss, mapped, threads);
	same("rss", mapped, sum_lines(rollup, "Rss"));
	same("size", field(status, "VmSize"), sum_lines(smaps, "Size"));
	lags("anon", field(status, "RssAnon"), sum_lines(smaps, "Anonymous"), threads);
	same("locked", field(status, "VmLck") != 0, sum_lines(smaps, "Locked") != 0);
	same("clean", mapped,
	     sum_lines(smaps, "Shared_Clean") + sum_lines(smaps, "Shared_Dirty") +
		     sum_lines(smaps, "Private_Clean") + sum_lines(smaps, "Private_Dirty"));
	assert_true(field(status, "VmSwap") <= sum_lines(smaps, "Swap") + RSS_LAG_KB * threads);
	assert_true(field(status, "VmHWM") >= rss);
	assert_true(field(status, "VmPeak") >= field(status, "VmSize"));
	assert_int_equal(sscanf(statm, "%lu %lu %lu", &size, &resident, &shared), 3);
	same("statm", 4 * size, field(status, "VmSize"));
	same("statm", 4 * resident, rss);
	same("statm", 4 * shared, field(status, "RssFile") + field(status, "RssShmem"));
	assert_int_equal(sscanf(strrchr(stat, ')'), ") %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu",
				&min_flt, &maj_flt),
			 2);
	sums->faults += min_flt + maj_flt;
	sums->anon += sum_lines(smaps, "Anonymous");
	sums->file += field(status, "RssFile") + RSS_LAG_KB * threads;
	sums->shmem += field(status, "RssShmem");
	sums->swap += field(status, "VmSwap");
	sums->pss_anon += field(rollup, "Pss_Anon");
	sums->pss_shared += field(rollup, "Pss_File") + field(rollup, "Pss_Shmem");
	for (const char *p = strstr(smaps, "VmFlags"); p; p = strstr(p + 1, "VmFlags"))
		sums->areas++;
	free(status);
	free(smaps);
	free(rollup);
	free(statm);
	free(stat);
}

static void check_processes(struct quire *q, const struct snapshot *s)
{
	struct sums sums = {0};
	struct task *p;

	for_each_process(q, p) if (p->state < EXIT_ZOMBIE) check_process(q, p->pid, &sums);
	/* A page that several map is each one's part; parts are rounded down. */
	if (strstr(s->meminfo, "AnonPages")) {
		unsigned long anon = field(s->meminfo, "AnonPages");
		unsigned long mapped = field(s->meminfo, "Mapped");

		assert_true(sums.anon >= anon);
		assert_in_range(sums.pss_anon, anon - min(anon, sums.areas), anon);
		assert_in_range(sums.pss_shared, mapped - min(mapped, 2 * sums.areas), mapped);
		assert_true(sums.file + sums.shmem >= mapped);
	}
	same("stacks", field(s->meminfo, "KernelStack"), 16 * sums.threads);
	assert_true(sums.faults <= field(s->vmstat, "pgfault"));
	assert_true(field(s->vmstat, "pgmajfault") <= field(s->vmstat, "pgfault"));
}

static void check_all(struct testbox *t)
{
	struct snapshot s;

	take_snapshot(t->q, &s);
	check_counters(&s);
	check_numa(&s);
	check_buddyinfo(&s);
	check_slabs(&s);
	check_swap(t->q, &s);
	check_processes(t->q, &s);
	drop_snapshot(&s);
}

/* ---- what happens meanwhile ------------------------------------------------------------- */

static u64 map(struct testbox *t, struct task *task, unsigned long mb, int flags, struct file *file)
{
	u64 addr = do_mmap(t->q, task->mm, 0, mb * MB, PROT_READ | PROT_WRITE, flags, file, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static void touch(struct testbox *t, struct task *task, u64 addr, unsigned long mb, bool write)
{
	struct touch what = {.addr = addr,
			     .nr_pages = mb * MB_PAGES,
			     .stride = 1,
			     .write = write,
			     .kind = CONTENT_KIND_HEAP,
			     .seed = addr};

	assert_int_equal(mmu_touch(t->m, task, &what), mb * MB_PAGES);
}

static void work(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct inode *inode = new_inode(q, t->sb, 40 * MB, false);
	struct file *file = alloc_file(q, inode, true);
	u64 private, shared, mapped;
	struct task *child;

	(void)arg;
	iput(q, inode);
	check_all(t);
	private = map(t, t->task, 60, MAP_PRIVATE | MAP_ANONYMOUS, NULL);
	shared = map(t, t->task, 20, MAP_SHARED | MAP_ANONYMOUS, NULL);
	mapped = map(t, t->task, 40, MAP_SHARED, file);
	touch(t, t->task, private, 60, true);
	check_all(t);
	touch(t, t->task, shared, 20, true);
	touch(t, t->task, mapped, 40, false);
	touch(t, t->task, mapped, 5, true);
	check_all(t);
	assert_int_equal(do_mlock(q, t->task->mm, private, 8 * MB, true), 0);
	check_all(t);
	child = copy_process(q, t->task, 0);
	assert_false(IS_ERR_OR_NULL(child));
	check_all(t);
	touch(t, t->task, private, 20, true);
	touch(t, t->task, shared, 20, true);
	check_all(t);
	assert_int_equal(generic_file_write(q, file, 0, 30 * MB), 30 * MB);
	check_all(t);
	/* More than there is: kswapd, zswap, swap. */
	for (int i = 0; i < 5; i++) {
		u64 more = map(t, t->task, 30, MAP_PRIVATE | MAP_ANONYMOUS, NULL);

		touch(t, t->task, more, 30, true);
		check_all(t);
	}
	assert_true(global_vm_event(q, PGSTEAL_KSWAPD) > 0);
	assert_true(q->swap->nr_swap_pages < (long)q->swap->total_swap_pages);
	touch(t, t->task, private, 60, false);
	touch(t, t->task, shared, 20, false);
	check_all(t);
	assert_int_equal(do_mlock(q, t->task->mm, private, 8 * MB, false), 0);
	check_all(t);
	do_exit(q, child, 0);
	release_task(q, child);
	check_all(t);
	assert_int_equal(put(q, "/proc/sys/vm/drop_caches", "3"), 1);
	assert_int_equal(file_field(q, "/proc/vmstat", "drop_pagecache"), 1);
	assert_int_equal(file_field(q, "/proc/vmstat", "drop_slab"), 1);
	check_all(t);
	fput(q, file);
}

static void test_numbers_agree(void **unused)
{
	struct testbox *t = testbox_new(&two_nodes);

	(void)unused;
	check_all(t);
	testbox_run(t, work, NULL);
	check_all(t);
	testbox_pass(t, 40 * NSEC_PER_SEC);
	check_all(t);
	assert_int_equal(file_field(t->q, "/proc/meminfo", "Mlocked"), 0);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers_agree)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
