/* SPDX-License-Identifier: MIT */
/*
 * What is recorded: snapshots, captures, the physical layout, the log.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "../snapshot_files.h"

static char groups[16][32];
static int nr_groups;

void remember_group(const char *name)
{
	if (nr_groups < 16)
		snprintf(groups[nr_groups++], sizeof(groups[0]), "%s", name);
}

static void dump_all(const char *const *paths)
{
	for (; *paths; paths++)
		dump(*paths);
}

/* ---- a process -------------------------------------------------------------- */

/* " prefixKEY=NUMBER" of each key that the text has on a line of its own. */
static void pick(const char *text, const char *prefix, const char *const *keys)
{
	char at[32];

	for (; *keys; keys++) {
		const char *q;

		snprintf(at, sizeof(at), "\n%s:", *keys);
		q = strstr(text, at);
		if (q)
			outf(" %s%s=%lu", prefix, *keys, strtoul(q + strlen(at), NULL, 10));
	}
}

static void snap_proc(struct proc *p)
{
	static const char *const status[] = {SNAP_STATUS, NULL};
	static const char *const rollup[] = {SNAP_ROLLUP, NULL};
	static const char *const number[] = {SNAP_NUMBERS};
	char path[96], b[4096], *q;
	unsigned long minflt, majflt;

	outf("@@proc %s pid=%d", p->name, p->pid);
	snprintf(path, sizeof(path), "/proc/%d/status", p->pid);
	if (slurp(path, b, sizeof(b)) > 0)
		pick(b, "", status);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", p->pid, number[i]);
		if (slurp(path, b, sizeof(b)) > 0)
			outf(" %s=%ld", number[i], strtol(b, NULL, 10));
	}
	/* Exact, unlike the counters in status. */
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", p->pid);
	if (slurp(path, b, sizeof(b)) > 0)
		pick(b, "smaps.", rollup);
	snprintf(path, sizeof(path), "/proc/%d/stat", p->pid);
	if (slurp(path, b, sizeof(b)) > 0) {
		q = strrchr(b, ')');
		if (q &&
		    sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &minflt, &majflt) == 2)
			outf(" minflt=%lu majflt=%lu", minflt, majflt);
	}
	out("\n", 1);
}

/* ---- nodes and groups ------------------------------------------------------- */

static void snap_nodes(bool full)
{
	static const char *const files[] = {SNAP_NODE_FILES};
	static const char *const sizes[] = {SNAP_HUGE_SIZES};
	char path[96];

	for (int node = 0; node < 64; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
		if (access(path, F_OK))
			continue;
		for (int j = 0; j < (full ? 4 : 2); j++) {
			snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/%s", node,
				 files[j]);
			dump(path);
		}
		for (int j = 0; full && j < 2; j++) {
			snprintf(path, sizeof(path),
				 "/sys/devices/system/node/node%d/hugepages/hugepages-%s", node,
				 sizes[j]);
			dump_dir(path);
		}
	}
}

static void snap_groups(void)
{
	static const char *const files[] = {SNAP_GROUP_FILES};
	char path[128];

	for (int i = 0; i < nr_groups; i++) {
		for (size_t j = 0; j < sizeof(files) / sizeof(*files); j++) {
			snprintf(path, sizeof(path), "/cg/%.31s/%s", groups[i], files[j]);
			dump(path);
		}
	}
}

/* ---- a snapshot ------------------------------------------------------------- */

static void snap_full(void)
{
	static const char *const files[] = {SNAP_FULL_FILES, NULL};
	static const char *const dirs[] = {SNAP_FULL_DIRS, NULL};

	dump_all(files);
	for (const char *const *d = dirs; *d; d++)
		dump_dir(*d);
}

static void snap_machine(void)
{
	static const char *const files[] = {"/proc/version", "/proc/cmdline", "/proc/iomem",
					    "/proc/cpuinfo", NULL};

	dump_all(files);
	dump_dir("/proc/sys/vm");
	dump("/proc/filesystems");
	dump("/proc/partitions");
	dump_dir("/sys/kernel/mm/lru_gen");
}

/* The counters of each processor are folded in before they are read. */
static void begin(const char *what, const char *label)
{
	put("/proc/sys/vm/stat_refresh", "1");
	outf("@@%s %s ns=%llu\n", what, label, now());
}

void snap(const char *label, bool lite)
{
	static const char *const always[] = {SNAP_ALWAYS, NULL};
	static bool later;

	begin("snap", label);
	dump_all(always);
	if (!lite)
		snap_full();
	if (!later)
		snap_machine();
	later = true;
	snap_nodes(!lite);
	snap_groups();
	reap();
	for (int i = 0; i < nr_procs; i++)
		if (procs[i].alive)
			snap_proc(&procs[i]);
	outf("@@endsnap ns=%llu\n", now());
}

void snap_vmstat(const char *label)
{
	begin("snap", label);
	dump("/proc/vmstat");
	outf("@@endsnap ns=%llu\n", now());
}

/* ---- a capture: what `quire capture` reads, file by file -------------------- */

static void capture_dir(const char *dir)
{
	char names[128][64], path[256];
	int n = list_dir(dir, false, names);

	for (int i = 0; i < n; i++) {
		if (strstr(names[i], "compact") || !strcmp(names[i], "stat_refresh") ||
		    !strcmp(names[i], "drop_caches") || !strcmp(names[i], "lowmem_reserve_ratio"))
			continue;
		snprintf(path, sizeof(path), "%.180s/%.63s", dir, names[i]);
		dump(path);
	}
}

static void capture_children(const char *dir, const char *prefix, const char *const *files)
{
	char names[128][64], path[256];
	int n = list_dir(dir, true, names);

	for (int i = 0; i < n; i++) {
		if (strncmp(names[i], prefix, strlen(prefix)))
			continue;
		for (const char *const *f = files; *f; f++) {
			snprintf(path, sizeof(path), "%.100s/%.63s/%.60s", dir, names[i], *f);
			dump(path);
		}
	}
}

static void capture_processes(void)
{
	static const char *const files[] = {"status",	    "stat",   "statm",	   "comm",
					    "cmdline",	    "cgroup", "oom_score", "oom_score_adj",
					    "smaps_rollup", NULL};
	char path[64];

	/* One after the other by number: a machine that runs a scenario has few. */
	for (int pid = 1; pid < 4096; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
		if (access(path, F_OK))
			continue;
		for (const char *const *f = files; *f; f++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", pid, *f);
			dump(path);
		}
	}
}

static void capture_groups(void)
{
	static const char *const files[] = {
		"memory.max",	  "memory.high",     "memory.low",	    "memory.min",
		"memory.current", "memory.swap.max", "memory.swap.current", "memory.stat",
		"memory.events",  "memory.oom.group"};
	char path[128];

	for (int i = 0; i < nr_groups; i++) {
		for (size_t j = 0; j < sizeof(files) / sizeof(*files); j++) {
			snprintf(path, sizeof(path), "/cg/%.31s/%s", groups[i], files[j]);
			dump(path);
		}
	}
}

void capture(const char *label)
{
	static const char *const files[] = {
		"/proc/zoneinfo", "/proc/buddyinfo", "/proc/pagetypeinfo", "/proc/slabinfo",
		"/proc/meminfo",  "/proc/vmstat",    "/proc/swaps",	   "/proc/uptime",
		"/proc/stat",	  "/proc/loadavg",   "/proc/version",	   NULL};
	static const char *const node[] = {"meminfo",  "numastat", "vmstat",
					   "distance", "cpulist",  NULL};
	static const char *const huge[] = {"nr_hugepages", "free_hugepages", "surplus_hugepages",
					   "resv_hugepages", NULL};
	static const char *const slab[] = {"reclaim_account", NULL};

	begin("capture", label);
	dump_all(files);
	capture_processes();
	capture_children("/sys/devices/system/node", "node", node);
	dump("/sys/devices/system/node/online");
	capture_dir("/proc/sys/vm");
	dump("/proc/sys/kernel/pid_max");
	capture_dir("/sys/kernel/mm/transparent_hugepage");
	capture_dir("/sys/kernel/mm/transparent_hugepage/khugepaged");
	capture_children("/sys/kernel/mm/hugepages", "hugepages-", huge);
	capture_dir("/sys/module/zswap/parameters");
	capture_dir("/sys/kernel/debug/zswap");
	capture_children("/sys/kernel/slab", "", slab);
	capture_groups();
	outf("@@endcapture ns=%llu\n", now());
}

/* ---- the layout, the log ---------------------------------------------------- */

/* Runs of equal flags: "PFN COUNT FLAGS", PFN and FLAGS in hex. */
void dump_pageflags(const char *label)
{
	static uint64_t b[8192];
	uint64_t pfn = 0, from = 0, flags = ~0ULL;
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	outf("@@file pageflags.%s\n", label);
	while ((n = read(fd, b, sizeof(b))) > 0) {
		for (ssize_t i = 0; i < n / 8; i++, pfn++) {
			if (b[i] == flags)
				continue;
			if (pfn > from)
				outf("%lx %lu %lx\n", from, pfn - from, flags);
			flags = b[i];
			from = pfn;
		}
	}
	if (pfn > from)
		outf("%lx %lu %lx\n", from, pfn - from, flags);
	close(fd);
}

void dump_dmesg(void)
{
	static char b[8192];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	outf("@@file dmesg\n");
	for (;;) {
		unsigned long long level, seq, us;
		ssize_t n = read(fd, b, sizeof(b) - 1);
		char *text;

		if (n < 0 && errno == EPIPE)
			continue; /* overwritten meanwhile: the next one */
		if (n <= 0)
			break;
		b[n] = 0;
		text = strchr(b, ';');
		if (!text || sscanf(b, "%llu,%llu,%llu", &level, &seq, &us) != 3)
			continue;
		text[strcspn(text, "\n")] = 0;
		outf("[%5llu.%06llu] %s\n", us / 1000000, us % 1000000, text + 1);
	}
	close(fd);
}
