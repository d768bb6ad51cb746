/* SPDX-License-Identifier: MIT */
/*
 * Captures: this machine's, small made-up ones, faulty ones, and trees that
 * came from other machines.
 *
 * A made-up machine is written as text, booted and compared with itself, so
 * every number in it is one that the model must show again.
 */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/capture.h"
#include "machine/capture_plan.h"
#include "tests/lib/testlib.h"

/* ---- a machine as text ------------------------------------------------------ */

struct maker {
	FILE *f;
	unsigned int records;
	char path[64];
};

static void make_begin(struct maker *k)
{
	int fd;

	*k = (struct maker){.path = "/tmp/quire-test-XXXXXX"};
	fd = mkstemp(k->path);
	assert_true(fd >= 0);
	k->f = fdopen(fd, "w");
	fputs(CAPTURE_MAGIC "\n", k->f);
}

static void add_bytes(struct maker *k, const char *path, const char *text, size_t n)
{
	fprintf(k->f, "@@file %s %zu\n", path, n);
	fwrite(text, 1, n, k->f);
	fputc('\n', k->f);
	k->records++;
}

static void add(struct maker *k, const char *path, const char *text)
{
	add_bytes(k, path, text, strlen(text));
}

static void make_end(struct maker *k)
{
	fprintf(k->f, "@@end %u\n", k->records);
	fclose(k->f);
}

struct made_zone {
	unsigned int nid;
	const char *name;
	unsigned long start, spanned, present, managed;
	unsigned long blocks[MAX_ORDER];
};

struct made_process {
	int pid, ppid;
	const char *name;
	char state;
	unsigned int threads;
	unsigned long anon, file, shmem, swap, data, pte, size; /* KiB */
	int adj;
};

static unsigned long free_of(const struct made_zone *z)
{
	unsigned long n = 0;

	for (int o = 0; o < MAX_ORDER; o++)
		n += z->blocks[o] << o;
	return n;
}

static void add_zones(struct maker *k, const struct made_zone *z, unsigned int nr,
		      unsigned long file_pages, unsigned long shmem, unsigned long mapped)
{
	char *info, *buddy, path[80];
	size_t n;
	FILE *i = open_memstream(&info, &n), *b = open_memstream(&buddy, &n);
	unsigned int last = ~0u;

	for (; nr--; z++) {
		unsigned long mark = z->managed / 1000 + 8;

		fprintf(i, "Node %u, zone %8s\n", z->nid, z->name);
		if (z->nid != last)
			fprintf(i,
				"  per-node stats\n      nr_inactive_file %lu\n"
				"      nr_active_file %lu\n      nr_file_pages %lu\n"
				"      nr_shmem %lu\n      nr_mapped %lu\n      nr_dirty 100\n",
				file_pages / 2, file_pages / 4, file_pages, shmem, mapped);
		last = z->nid;
		fprintf(i,
			"  pages free     %lu\n        boost    0\n        min      %lu\n"
			"        low      %lu\n        high     %lu\n        spanned  %lu\n"
			"        present  %lu\n        managed  %lu\n        cma      0\n"
			"        protection: (0, 0, 0, 0, 0)\n      nr_free_pages %lu\n"
			"  pagesets\n    cpu: 0\n              count: 3\n              high:  9\n"
			"  node_unreclaimable:  0\n  start_pfn:           %lu\n",
			free_of(z), mark, mark * 5 / 4, mark * 3 / 2, z->spanned, z->present,
			z->managed, free_of(z), z->start);
		fprintf(b, "Node %u, zone %8s ", z->nid, z->name);
		for (int o = 0; o < MAX_ORDER; o++)
			fprintf(b, "%6lu ", z->blocks[o]);
		fputc('\n', b);
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", z->nid);
		if (nr == 0 || z[1].nid != z->nid) {
			char list[16];

			snprintf(list, sizeof(list), "%u-%u\n", z->nid * 2, z->nid * 2 + 1);
			add(k, path, list);
		}
	}
	fclose(i);
	fclose(b);
	add(k, "/proc/zoneinfo", info);
	add(k, "/proc/buddyinfo", buddy);
	free(info);
	free(buddy);
}

static void add_process(struct maker *k, const struct made_process *p)
{
	char path[64], text[1024];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
			     "Name:\t%s\nState:\t%c (x)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n"
			     "Uid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\n",
			     p->name, p->state, p->pid, p->pid, p->ppid);
	if (p->size)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n,
			"VmPeak:\t%lu kB\nVmSize:\t%lu kB\nVmLck:\t0 kB\nVmHWM:\t%lu kB\n"
			"VmRSS:\t%lu kB\nRssAnon:\t%lu kB\nRssFile:\t%lu kB\nRssShmem:\t%lu kB\n"
			"VmData:\t%lu kB\nVmStk:\t132 kB\nVmExe:\t64 kB\nVmLib:\t128 kB\n"
			"VmPTE:\t%lu kB\nVmSwap:\t%lu kB\n",
			p->size, p->size, p->anon + p->file + p->shmem,
			p->anon + p->file + p->shmem, p->anon, p->file, p->shmem, p->data, p->pte,
			p->swap);
	snprintf(text + n, sizeof(text) - n, "Threads:\t%u\n", p->threads);
	snprintf(path, sizeof(path), "/proc/%d/status", p->pid);
	add(k, path, text);
	snprintf(text, sizeof(text), "%d\n", p->adj);
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", p->pid);
	add(k, path, text);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", p->pid);
	if (p->size)
		add_bytes(k, path, p->name, strlen(p->name) + 1);
}

static const struct made_zone four_nodes[] = {
	{0, "DMA", 1, 4095, 3998, 3840, {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3}},
	/* Memory of 512 MiB, then the hole below 4 GiB. */
	{0, "DMA32", 4096, 1044480, 126976, 122000, {7, 5, 3, 9, 2, 1, 4, 1, 2, 1, 60}},
	{0, "Normal", 1048576, 65536, 65536, 63000, {100, 50, 25, 12, 6, 3, 2, 1, 1, 1, 20}},
	{1, "Normal", 1114112, 131072, 131072, 128000, {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 80}},
	/* A hole inside the node's span. */
	{2, "Normal", 1310720, 131072, 98304, 96000, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 70}},
	{3, "Normal", 1441792, 65536, 65536, 63488, {3000, 2000, 1000, 500, 200, 9, 9, 9, 9, 9, 9}},
};

static const struct made_process some[] = {
	{1, 0, "init", 'S', 1, 2000, 3000, 0, 0, 4000, 60, 20000, 0},
	{2, 0, "kthreadd", 'S', 1, 0, 0, 0, 0, 0, 0, 0, 0},
	{37, 2, "kswapd0", 'S', 1, 0, 0, 0, 0, 0, 0, 0, 0},
	{100, 1, "db", 'S', 4, 40000, 6000, 8000, 12000, 90000, 300, 200000, -500},
	{101, 100, "db: worker", 'D', 1, 9000, 6000, 8000, 4000, 60000, 900, 150000, 0},
	{102, 100, "gone", 'Z', 1, 0, 0, 0, 0, 0, 0, 0, 0},
	{4000, 1, "asan", 'S', 1, 3000, 500, 0, 0, 30000000000, 120, 130000000000, 0},
	{5000, 1, "web", 'R', 2, 100, 400, 0, 0, 500, 40, 5000, 1000},
};

#define SWAPS                                                                       \
	"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"                        \
	"/dev/vda2                               partition\t65532\t\t20000\t\t-2\n" \
	"/swap/a                                 file\t\t32764\t\t0\t\t-3\n"
#define SLABINFO                                                                                  \
	"slabinfo - version: 2.1\n# name ...\n"                                                   \
	"strange_cache       100    120    272   30    2 : tunables    0    0    0 : slabdata   " \
	"   4      4      0\n"                                                                    \
	"dentry             2000   2100    192   21    1 : tunables    0    0    0 : slabdata   " \
	" 100    100      0\n"                                                                    \
	"kmalloc-64          640    640     64   64    1 : tunables    0    0    0 : slabdata   " \
	"  10     10      0\n"

static void make_machine(struct maker *k)
{
	make_begin(k);
	add_zones(k, four_nodes, ARRAY_SIZE(four_nodes), 9000, 700, 1500);
	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		add_process(k, &some[i]);
	add(k, "/proc/swaps", SWAPS);
	add(k, "/proc/slabinfo", SLABINFO);
	add(k, "/proc/uptime", "123456.78 1000.00\n");
	add(k, "/proc/vmstat", "pgfault 987654\npswpout 4242\npgpgin 77\n");
	add(k, "/proc/version", "Linux version 5.4.0-made (x@y) #1 SMP\n");
	add(k, "/proc/sys/vm/swappiness", "13\n");
	make_end(k);
}

/* ---- helpers ---------------------------------------------------------------- */

static void print_broken(void *ctx, const char *line)
{
	(void)ctx;
	print_error("broken: %s\n", line);
}

static void verify(struct machine *m)
{
	assert_int_equal(quire_verify(machine_quire(m), print_broken, NULL), 0);
}

static struct machine *boot(const char *path, struct capture **c, struct cap_machine **cm)
{
	struct machine *m;

	*c = capture_load(path, stderr);
	assert_non_null(*c);
	*cm = capture_parse(*c, stderr);
	assert_non_null(*cm);
	m = machine_boot_capture(path, stderr);
	assert_non_null(m);
	assert_null(machine_scenario(m));
	return m;
}

static void shut(struct machine *m, struct capture *c, struct cap_machine *cm)
{
	machine_destroy(m);
	cap_machine_free(cm);
	capture_free(c);
}

/* What a load of the file complains about; freed by the caller.  NULL: nothing. */
static char *complaint(const char *path)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct capture *c = capture_load(path, f);
	struct cap_machine *cm = c ? capture_parse(c, f) : NULL;
	bool fine = cm != NULL;

	cap_machine_free(cm);
	capture_free(c);
	fclose(f);
	if (!fine)
		return text;
	free(text);
	return NULL;
}

static void must_complain(const char *path, const char *expected)
{
	char *text = complaint(path);

	if (!text || !strstr(text, expected) || strncmp(text, path, strlen(path)))
		fail_msg("expected \"%s\", got \"%s\"", expected, text ? text : "nothing");
	free(text);
}

/* ---- tests ------------------------------------------------------------------ */

static void test_made_machine(void **state)
{
	struct capture *c;
	struct cap_machine *cm;
	struct cap_tally t;
	struct machine *m;
	struct maker k;
	struct quire *q;

	(void)state;
	make_machine(&k);
	m = boot(k.path, &c, &cm);
	q = machine_quire(m);
	verify(m);
	t = capture_compare(m, cm, stderr, false);
	print_message("%lu same, %lu near, %lu different\n", t.same, t.near, t.different);
	assert_int_equal(t.different, 0);
	assert_true(t.same > 200);
	/* What compare takes from inside is what /proc says. */
	assert_int_equal(q->nr_nodes, 4);
	assert_int_equal(q->nr_cpus, 8);
	assert_int_equal(quire_clock(q) / NSEC_PER_SEC, 123456);
	assert_int_equal(find_task_by_pid(q, 102)->state, EXIT_ZOMBIE);
	assert_int_equal(find_task_by_pid(q, 101)->state, TASK_UNINTERRUPTIBLE);
	assert_int_equal(get_mm_counter(find_task_by_pid(q, 100)->mm, MM_SWAPENTS), 3000);
	assert_int_equal(q->reclaim->swappiness, 13);
	assert_string_equal(find_task_by_pid(q, 37)->comm, "kswapd0");
	shut(m, c, cm);
	unlink(k.path);
}

static void kill_db(void *arg)
{
	struct quire *q = machine_quire(arg);

	send_signal(q, find_task_by_pid(q, 100), SIGKILL);
}

/* The machine lives on: processes can be killed, and their memory comes back. */
static void test_made_machine_lives(void **state)
{
	unsigned long free;
	struct capture *c;
	struct cap_machine *cm;
	struct machine *m;
	struct maker k;
	struct quire *q;

	(void)state;
	make_machine(&k);
	m = boot(k.path, &c, &cm);
	q = machine_quire(m);
	free = global_zone_page_state(q, NR_FREE_PAGES);
	model_call(machine_model(m), NULL, kill_db, m);
	assert_true(global_node_page_state(q, NR_FILE_DIRTY) >= 300);
	assert_true(machine_run_until(m, 60 * NSEC_PER_SEC, NULL, NULL));
	assert_null(find_task_by_pid(q, 100));
	assert_int_equal(global_node_page_state(q, NR_FILE_DIRTY), 0);
	assert_true(global_zone_page_state(q, NR_FREE_PAGES) > free + 9500);
	verify(m);
	shut(m, c, cm);
	unlink(k.path);
}

static void test_same_twice(void **state)
{
	struct text t[2] = {{0}};
	struct maker k;
	char buf[2][65536];

	(void)state;
	make_machine(&k);
	for (int i = 0; i < 2; i++) {
		struct machine *m = machine_boot_capture(k.path, stderr);
		struct quire *q;

		assert_non_null(m);
		q = machine_quire(m);
		text_init(&t[i], buf[i], sizeof(buf[i]));
		assert_int_equal(proc_read(q, proc_lookup(q, proc_root(), "zoneinfo"), &t[i]), 0);
		assert_int_equal(proc_read(q, proc_lookup(q, proc_root(), "meminfo"), &t[i]), 0);
		assert_int_equal(proc_read(q, proc_lookup(q, proc_root(), "slabinfo"), &t[i]), 0);
		machine_destroy(m);
	}
	assert_int_equal(t[0].len, t[1].len);
	assert_memory_equal(buf[0], buf[1], t[0].len);
	unlink(k.path);
}

/* The kilobytes of a line of the model's meminfo. */
static unsigned long model_meminfo(struct quire *q, const char *name)
{
	char buf[8192], *line;
	struct text t;

	text_init(&t, buf, sizeof(buf) - 1);
	assert_int_equal(proc_read(q, proc_lookup(q, proc_root(), "meminfo"), &t), 0);
	buf[t.len] = 0;
	line = strstr(buf, name);
	assert_non_null(line);
	return strtoul(line + strlen(name) + 1, NULL, 10);
}

static void must_be_near(unsigned long a, unsigned long b, unsigned long slack)
{
	if (a > b + slack || b > a + slack)
		fail_msg("%lu and %lu are more than %lu apart", a, b, slack);
}

/* What follows from how much memory there is, deferred or not.  Free pages are
 * buddyinfo's, and the other files are of another instant. */
static void total_is_known(struct quire *q, const struct cap_machine *cm)
{
	unsigned long total, free, available, limit, slack, held = 0, zones = 0;

	assert_true(cap_meminfo(cm, "MemTotal", &total) && cap_meminfo(cm, "MemFree", &free) &&
		    cap_meminfo(cm, "MemAvailable", &available) &&
		    cap_meminfo(cm, "CommitLimit", &limit));
	for (unsigned int i = 0; i < cm->nr_zones; i++) {
		zones += cm->zones[i].free;
		for (unsigned int o = 0; o < MAX_ORDER; o++)
			held += cm->zones[i].blocks[o] << o;
	}
	slack = free / 20 + 4 * (unsigned long)labs((long)zones - (long)held);
	print_message("captured %lu/%lu/%lu/%lu kB, model %lu/%lu/%lu/%lu kB\n", total, free,
		      available, limit, model_meminfo(q, "MemTotal:"), model_meminfo(q, "MemFree:"),
		      model_meminfo(q, "MemAvailable:"), model_meminfo(q, "CommitLimit:"));
	assert_int_equal(model_meminfo(q, "MemTotal:"), total);
	must_be_near(model_meminfo(q, "CommitLimit:"), limit, 4);
	must_be_near(model_meminfo(q, "MemFree:"), free, slack);
	must_be_near(model_meminfo(q, "MemAvailable:"), available, slack);
}

static void test_this_machine(void **state)
{
	struct capture_options o = {.out = "/tmp/quire-test-this.capture"};
	struct capture_counts n;
	struct capture *c;
	struct cap_machine *cm;
	struct cap_tally t;
	struct machine *m;
	double began;

	(void)state;
	assert_int_equal(capture_write(&o, &n, stderr), 0);
	print_message("%lu files, %lu processes, %lu bytes\n", n.files, n.processes, n.bytes);
	c = capture_load(o.out, stderr);
	assert_non_null(c);
	if (!capture_find(c, "/proc/zoneinfo") || !capture_find(c, "/proc/slabinfo")) {
		print_message("skipped: zoneinfo and slabinfo are root's alone here\n");
		capture_free(c);
		unlink(o.out);
		skip();
	}
	capture_free(c);
	began = testbox_host_ms();
	m = boot(o.out, &c, &cm);
	print_message("built in %.0f ms\n", testbox_host_ms() - began);
	verify(m);
	t = capture_compare(m, cm, stderr, false);
	print_message("%lu fields same, %lu near, %lu different, %lu unknowable\n", t.same, t.near,
		      t.different, t.unknowable);
	/* The machine ran on while it was read: a process that grew meanwhile
	 * may differ here and there. */
	assert_true(t.different * 100 <= t.same);
	assert_true(t.same > 500);
	total_is_known(machine_quire(m), cm);
	shut(m, c, cm);
	unlink(o.out);
}

/* ---- memory that comes late --------------------------------------------------- */

#define LATE 80000UL

static const struct made_zone late_zones[] = {
	{0, "DMA", 1, 4095, 3998, 3840, {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3}},
	{0, "DMA32", 4096, 126976, 126976, 122000, {7, 5, 3, 9, 2, 1, 4, 1, 2, 1, 100}},
	{0, "Normal", 1048576, 262144, 262144, 131072, {9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 60}},
};

static void take_late(void *arg)
{
	struct quire *q = machine_quire(arg);
	struct zone *z = &NODE_DATA(q, 0)->node_zones[ZONE_NORMAL];
	unsigned long managed = z->managed_pages;
	struct page *page;
	LIST_HEAD(pages);

	while (z->managed_pages == managed && z->deferred_pages) {
		page = alloc_pages_node(q, 0, GFP_KERNEL, 0);
		assert_non_null(page);
		list_add(&page->lru, &pages);
	}
	assert_int_equal(z->managed_pages, managed + PAGES_PER_SECTION);
	while (!list_empty(&pages)) {
		page = list_first_entry(&pages, struct page, lru);
		list_del(&page->lru);
		__free_pages(q, page, 0);
	}
}

static void test_deferred(void **state)
{
	unsigned long managed = 0, free = 0;
	struct capture *c;
	struct cap_machine *cm;
	struct cap_tally t;
	struct machine *m;
	struct maker k;
	struct quire *q;
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(late_zones); i++) {
		managed += late_zones[i].managed;
		free += free_of(&late_zones[i]);
	}
	snprintf(text, sizeof(text), "MemTotal: %lu kB\nMemFree: %lu kB\nCommitLimit: %lu kB\n",
		 (managed + LATE) * 4, (free + LATE) * 4, (managed + LATE) / 2 * 4);
	make_begin(&k);
	add_zones(&k, late_zones, ARRAY_SIZE(late_zones), 9000, 700, 1500);
	add_process(&k, &some[0]);
	add(&k, "/proc/meminfo", text);
	make_end(&k);
	m = boot(k.path, &c, &cm);
	q = machine_quire(m);
	verify(m);
	t = capture_compare(m, cm, stderr, false);
	assert_int_equal(t.different, 0);
	assert_int_equal(q->node->deferred_pages, LATE);
	assert_int_equal(model_meminfo(q, "MemTotal:"), (managed + LATE) * 4);
	assert_int_equal(model_meminfo(q, "CommitLimit:"), (managed + LATE) / 2 * 4);
	must_be_near(model_meminfo(q, "MemFree:"), (free + LATE) * 4, free * 4 / 1000);
	model_call(machine_model(m), NULL, take_late, m);
	assert_int_equal(model_meminfo(q, "MemTotal:"), (managed + LATE) * 4);
	assert_int_equal(q->node->deferred_pages, LATE - PAGES_PER_SECTION);
	verify(m);
	shut(m, c, cm);
	unlink(k.path);
}

/* What does not fit into the zones is not made up. */
static void test_too_much_deferred(void **state)
{
	struct capture *c;
	struct cap_machine *cm;
	struct machine *m;
	struct maker k;

	(void)state;
	make_begin(&k);
	add_zones(&k, late_zones, ARRAY_SIZE(late_zones), 9000, 700, 1500);
	add_process(&k, &some[0]);
	add(&k, "/proc/meminfo", "MemTotal: 9999999 kB\n");
	make_end(&k);
	m = boot(k.path, &c, &cm);
	assert_int_equal(machine_quire(m)->node->deferred_pages, 0);
	verify(m);
	shut(m, c, cm);
	unlink(k.path);
}

static void test_masked(void **state)
{
	struct capture_options o = {.out = "/tmp/quire-test-masked.capture", .mask_names = true};
	struct capture_counts n;
	const struct capture_record *r;
	struct capture *c;
	char path[64], name[64] = "";
	FILE *f = fopen("/proc/self/comm", "r");

	(void)state;
	assert_non_null(f);
	assert_non_null(fgets(name, sizeof(name), f));
	fclose(f);
	assert_int_equal(capture_write(&o, &n, stderr), 0);
	c = capture_load(o.out, stderr);
	assert_non_null(c);
	snprintf(path, sizeof(path), "/proc/%d/comm", getpid());
	r = capture_find(c, path);
	assert_non_null(r);
	assert_int_equal(strncmp(r->text, "proc-", 5), 0);
	name[strcspn(name, "\n")] = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", getpid());
	assert_null(memmem(c->bytes, c->len, "test_capture", 12));
	assert_int_equal(strncmp(capture_find(c, path)->text, "Name:\tproc-", 11), 0);
	snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
	assert_non_null(strstr(capture_find(c, path)->text, " (proc-"));
	capture_free(c);
	unlink(o.out);
}

static void test_faulty_files(void **state)
{
	static const struct {
		const char *text, *expected;
	} bad[] = {
		{"", "this is no capture"},
		{"hello\n", "this is no capture"},
		{"quire-capture 9\n", ":1: (byte 0) a capture of another version"},
		{"quire-capture 1\n", ":2: (byte 16) the file ends before its last line"},
		{"quire-capture 1\n@@end 0\n", "it is empty"},
		{"quire-capture 1\n@@file /a 5\nabc\n", "not as long as its line says"},
		{"quire-capture 1\n@@file /a 99999999999999999999\nabc\n", "length is no number"},
		{"quire-capture 1\n@@file /a -1\nabc\n", "length is no number"},
		{"quire-capture 1\n@@file a 1\nb\n", "without a path"},
		{"quire-capture 1\n@@file /a\n", "without a path"},
		{"quire-capture 1\n@@file /a 1\nb\n@@end 2\n", "counts other records"},
		{"quire-capture 1\n@@file /a 1\nb\n@@end 1\nmore", "something follows"},
		{"quire-capture 1\n@@file /a 1\nb\n@@file /a 1\nb\n@@end 2\n", "there twice"},
		{"quire-capture 1\n@@file /a 1\nb\n@@end 1\n", "no /proc/zoneinfo"},
		{"quire-capture 1\nnonsense\n", ":2: (byte 16) neither @@file"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char path[] = "/tmp/quire-test-XXXXXX";
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, bad[i].text, strlen(bad[i].text)), strlen(bad[i].text));
		close(fd);
		must_complain(path, bad[i].expected);
		assert_null(machine_boot_capture(path, fopen("/dev/null", "w")));
		unlink(path);
	}
	must_complain("/nonexistent/capture", "can't be read");
}

#define ZONE(body) "Node 0, zone   Normal\n" body

static void test_faulty_content(void **state)
{
	static const struct {
		const char *zoneinfo, *buddyinfo, *expected;
	} bad[] = {
		{"Node 99, zone Normal\n", NULL, "node 99 is too high"},
		{"Node 0, zone HighMem\n", NULL, "none of x86-64's"},
		{ZONE("        spanned  10\n        present  20\n        managed  5\n"), NULL,
		 "each is at most the next"},
		{ZONE("  pages free 9\n  spanned  20\n  present  20\n  managed  5\n"), NULL,
		 "has 9 free pages and manages 5"},
		{ZONE("  spanned  99999999999999\n"), NULL, "beyond 64 TiB"},
		{ZONE("  spanned  20\n  present  20\n  managed  5\n"), NULL, "begins at frame 0"},
		{ZONE("  min 9\n  low 2\n"), NULL, "watermarks are out of order"},
		{ZONE("  spanned 1\n") ZONE("  spanned 1\n"), NULL, "is there twice"},
		{"nothing\n", NULL, "names no zone"},
		{ZONE("  spanned 2048\n  present 2048\n  managed 2048\n  start_pfn: 1024\n"),
		 "Node 0, zone Normal 1 2 3\n", "one an order"},
		{ZONE("  spanned 2048\n  present 2048\n  managed 2048\n  start_pfn: 1024\n"),
		 "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 3\n", "free blocks of 3072 pages"},
		{ZONE("  spanned 2048\n  present 2048\n  managed 2048\n  start_pfn: 1024\n"),
		 "Node 1, zone Normal 0 0 0 0 0 0 0 0 0 0 3\n", "zoneinfo does not have"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct maker k;

		make_begin(&k);
		add(&k, "/proc/zoneinfo", bad[i].zoneinfo);
		if (bad[i].buddyinfo)
			add(&k, "/proc/buddyinfo", bad[i].buddyinfo);
		make_end(&k);
		must_complain(k.path, bad[i].expected);
		unlink(k.path);
	}
}

/* Parents in a ring, a parent that is not there, oneself. */
static void test_rings(void **state)
{
	static const struct made_process ring[] = {
		{1, 0, "init", 'S', 1, 100, 0, 0, 0, 500, 40, 5000, 0},
		{10, 11, "a", 'S', 1, 100, 0, 0, 0, 500, 40, 5000, 0},
		{11, 10, "b", 'S', 1, 100, 0, 0, 0, 500, 40, 5000, 0},
		{12, 12, "c", 'S', 1, 100, 0, 0, 0, 500, 40, 5000, 0},
		{13, 999, "d", 'S', 1, 100, 0, 0, 0, 500, 40, 5000, 0},
	};
	struct capture *c;
	struct cap_machine *cm;
	struct machine *m;
	struct maker k;

	(void)state;
	make_begin(&k);
	add_zones(&k, four_nodes, ARRAY_SIZE(four_nodes), 9000, 700, 1500);
	for (size_t i = 0; i < ARRAY_SIZE(ring); i++)
		add_process(&k, &ring[i]);
	make_end(&k);
	m = boot(k.path, &c, &cm);
	assert_int_equal(find_task_by_pid(machine_quire(m), 10)->parent->pid, 1);
	verify(m);
	shut(m, c, cm);
	unlink(k.path);
}

/* Bytes changed at random: an error or a machine, never a crash. */
static void test_mutations(void **state)
{
	u64 seed = testbox_seed(7);
	unsigned int fine = 0;
	struct maker k;
	struct prng rng;
	char *bytes;
	long len;
	FILE *f;

	(void)state;
	prng_seed(&rng, seed);
	make_machine(&k);
	f = fopen(k.path, "r");
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	bytes = malloc((size_t)len);
	assert_int_equal(fread(bytes, 1, (size_t)len, f), len);
	fclose(f);
	for (int n = 0; n < 400; n++) {
		char *copy = malloc((size_t)len), *text;
		u64 changes = 1 + prng_below(&rng, 4);

		memcpy(copy, bytes, (size_t)len);
		while (changes--)
			copy[prng_below(&rng, (u64)len)] =
				"0123456789 \n-:@9\xff"[prng_below(&rng, 17)];
		f = fopen(k.path, "w");
		fwrite(copy, 1, (size_t)len, f);
		fclose(f);
		free(copy);
		text = complaint(k.path);
		fine += !text;
		free(text);
		if (!text && n % 20 == 0) {
			FILE *null = fopen("/dev/null", "w");
			struct machine *m = machine_boot_capture(k.path, null);

			if (m)
				verify(m);
			machine_destroy(m);
			fclose(null);
		}
	}
	print_message("%u of 400 were understood\n", fine);
	assert_true(fine > 0 && fine < 400);
	free(bytes);
	unlink(k.path);
}

/* Counts that a zone with as many pages in use must have room for: all blocks
 * are placed, none overlap, and no two are buddies. */
static void test_plan(void **state)
{
	struct prng rng;

	(void)state;
	prng_seed(&rng, testbox_seed(3));
	for (int n = 0; n < 60; n++) {
		const u64 start = 1024 * (1 + prng_below(&rng, 4)), pages = 1024 * 64;
		unsigned long counts[MIGRATE_TYPES][MAX_ORDER] = {{0}}, used = 0;
		u8 *order_at = calloc(pages, 1);
		struct plan p;

		for (int o = MAX_ORDER - 1; o >= 0; o--) {
			for (int mt = 0; mt < MIGRATE_PCPTYPES; mt++) {
				unsigned long most = (pages / 2 - used) >> (o + 2);

				counts[mt][o] = most ? prng_below(&rng, min(most, 40UL)) : 0;
				used += counts[mt][o] << o;
			}
		}
		assert_true(plan_init(&p, start, start + pages));
		plan_add_range(&p, start, start + pages);
		plan_place_all(&p, counts);
		assert_int_equal(p.unplaced_pages, 0);
		for (u32 i = 0; i < p.nr_blocks; i++) {
			const struct plan_block *b = &p.blocks[i];

			assert_int_equal(b->pfn & ((1UL << b->order) - 1), 0);
			assert_true(b->pfn >= start);
			assert_true(b->pfn + (1UL << b->order) <= start + pages);
			for (u64 j = 0; j < 1UL << b->order; j++) {
				assert_int_equal(order_at[b->pfn - start + j], 0);
				order_at[b->pfn - start + j] = (u8)(b->order + 1);
			}
			assert_int_equal(p.pageblock[(b->pfn >> 9) - (start >> 9)], b->mt);
		}
		for (u32 i = 0; i < p.nr_blocks; i++) {
			const struct plan_block *b = &p.blocks[i];
			u64 buddy = b->pfn ^ (1UL << b->order), same = 0;

			for (u64 j = 0; j < 1UL << b->order && b->order < 10; j++)
				same += order_at[buddy - start + j] != 0;
			assert_true(same < 1UL << b->order);
		}
		plan_free(&p);
		free(order_at);
	}
}

/* Trees that came from machines elsewhere. */
static void test_foreign_trees(void **state)
{
	static const char *const trees[] = {
		"hotsos__kubernetes",	 "hotsos__rabbitmq",	  "pcp__meminfo-root-001",
		"pcp__meminfo-root-003", "pcp__meminfo-root-005", "pcp__meminfo-root-007",
	};
	const char *dir = getenv("QUIRE_TREES");
	unsigned int skipped = 0, built = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		char root[512];
		struct capture_options o = {.root = root, .out = "/tmp/quire-test-tree.capture"};
		struct capture_counts n;
		struct machine *m;
		struct capture *c;
		struct cap_machine *cm;
		struct cap_tally t;
		char *text;

		snprintf(root, sizeof(root), "%s/%s", dir ? dir : "/nonexistent", trees[i]);
		if (access(root, R_OK)) {
			skipped++;
			continue;
		}
		assert_int_equal(capture_write(&o, &n, stderr), 0);
		text = complaint(o.out);
		if (text) {
			print_message("%s: not built: %s", trees[i], text);
			free(text);
			unlink(o.out);
			continue;
		}
		m = boot(o.out, &c, &cm);
		t = capture_compare(m, cm, NULL, false);
		print_message("%s: %lu same, %lu near, %lu different, %lu unknowable\n", trees[i],
			      t.same, t.near, t.different, t.unknowable);
		verify(m);
		shut(m, c, cm);
		unlink(o.out);
		built++;
	}
	print_message("%u trees built, %u skipped (QUIRE_TREES names the folder they are in)\n",
		      built, skipped);
	if (skipped == ARRAY_SIZE(trees))
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_faulty_files),
		cmocka_unit_test(test_faulty_content),
		cmocka_unit_test(test_made_machine),
		cmocka_unit_test(test_made_machine_lives),
		cmocka_unit_test(test_same_twice),
		cmocka_unit_test(test_deferred),
		cmocka_unit_test(test_too_much_deferred),
		cmocka_unit_test(test_rings),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_foreign_trees),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
