/* SPDX-License-Identifier: MIT */
/*
 * A capture: what `quire capture` would read, file by file, in the guest's
 * order; and the physical layout, which is /proc/kpageflags in runs.
 */
#include <string.h>

#include "oracle/internal.h"

static void capture_dir(struct run *r, const char *dir)
{
	char names[128][64], path[256];
	u32 n = list_dir(r, dir, false, names);

	for (u32 i = 0; i < n; i++) {
		if (strstr(names[i], "compact") || !strcmp(names[i], "stat_refresh") ||
		    !strcmp(names[i], "drop_caches") || !strcmp(names[i], "lowmem_reserve_ratio"))
			continue;
		snprintf(path, sizeof(path), "%.180s/%.63s", dir, names[i]);
		dump(r, path);
	}
}

static void capture_children(struct run *r, const char *dir, const char *prefix,
			     const char *const *files)
{
	char names[128][64], path[256];
	u32 n = list_dir(r, dir, true, names);

	for (u32 i = 0; i < n; i++) {
		if (strncmp(names[i], prefix, strlen(prefix)))
			continue;
		for (const char *const *f = files; *f; f++) {
			snprintf(path, sizeof(path), "%.100s/%.63s/%.60s", dir, names[i], *f);
			dump(r, path);
		}
	}
}

static void capture_processes(struct run *r)
{
	static const char *const files[] = {"status",	    "stat",   "statm",	   "comm",
					    "cmdline",	    "cgroup", "oom_score", "oom_score_adj",
					    "smaps_rollup", NULL};
	char path[64];

	for (int pid = 1; pid < 4096; pid++) {
		if (!find_task_by_pid(r->q, pid))
			continue;
		for (const char *const *f = files; *f; f++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", pid, *f);
			dump(r, path);
		}
	}
}

static void capture_groups(struct run *r)
{
	static const char *const files[] = {
		"memory.max",	  "memory.high",     "memory.low",	    "memory.min",
		"memory.current", "memory.swap.max", "memory.swap.current", "memory.stat",
		"memory.events",  "memory.oom.group"};
	char path[128];

	for (u32 i = 0; i < r->nr_groups; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(files); j++) {
			snprintf(path, sizeof(path), "/cg/%.31s/%s", r->groups[i], files[j]);
			dump(r, path);
		}
	}
}

void capture(struct run *r, const char *label)
{
	static const char *const files[] = {
		"/proc/zoneinfo", "/proc/buddyinfo", "/proc/pagetypeinfo", "/proc/slabinfo",
		"/proc/meminfo",  "/proc/vmstat",    "/proc/swaps",	   "/proc/uptime",
		"/proc/stat",	  "/proc/loadavg"};
	static const char *const node[] = {"meminfo",  "numastat", "vmstat",
					   "distance", "cpulist",  NULL};
	static const char *const huge[] = {"nr_hugepages", "free_hugepages", "surplus_hugepages",
					   "resv_hugepages", NULL};
	static const char *const slab[] = {"reclaim_account", NULL};

	(void)proc_put(r, "/proc/sys/vm/stat_refresh", "1");
	outf(r, "@@capture %s ns=%llu\n", label, (unsigned long long)model_now(r->m));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		dump(r, files[i]);
	if (r->profile.version)
		outf(r, "@@file /proc/version\n%s\n", r->profile.version);
	else
		dump(r, "/proc/version");
	capture_processes(r);
	capture_children(r, "/sys/devices/system/node", "node", node);
	dump(r, "/sys/devices/system/node/online");
	capture_dir(r, "/proc/sys/vm");
	dump(r, "/proc/sys/kernel/pid_max");
	capture_dir(r, "/sys/kernel/mm/transparent_hugepage");
	capture_dir(r, "/sys/kernel/mm/transparent_hugepage/khugepaged");
	capture_children(r, "/sys/kernel/mm/hugepages", "hugepages-", huge);
	capture_dir(r, "/sys/module/zswap/parameters");
	capture_dir(r, "/sys/kernel/debug/zswap");
	capture_children(r, "/sys/kernel/slab", "", slab);
	capture_groups(r);
	outf(r, "@@endcapture ns=%llu\n", (unsigned long long)model_now(r->m));
}

/* ---- the layout ------------------------------------------------------------------ */

/* Bits of include/uapi/linux/kernel-page-flags.h. */
enum {
	KPF_LOCKED = 0,
	KPF_REFERENCED = 2,
	KPF_UPTODATE = 3,
	KPF_DIRTY = 4,
	KPF_LRU = 5,
	KPF_ACTIVE = 6,
	KPF_SLAB = 7,
	KPF_WRITEBACK = 8,
	KPF_BUDDY = 10,
	KPF_MMAP = 11,
	KPF_ANON = 12,
	KPF_SWAPCACHE = 13,
	KPF_SWAPBACKED = 14,
	KPF_NOPAGE = 20,
	KPF_RESERVED = 32,
};

static u64 flags_of(struct run *r, u64 pfn)
{
	struct page *page;
	u64 f = 0;

	page = pfn_to_page(r->q, pfn);
	/* A descriptor that was never set up: a hole. */
	if (!page->flags && !page->_refcount && !page->_mapcount)
		return BIT(KPF_NOPAGE);
	if (PageSlab(page))
		return BIT(KPF_SLAB);
	if (PageBuddy(page))
		return BIT(KPF_BUDDY);
	if (PageReserved(page))
		f |= BIT(KPF_RESERVED);
	if (PageLRU(page))
		f |= BIT(KPF_LRU);
	if (PageActive(page))
		f |= BIT(KPF_ACTIVE);
	if (PageAnon(page))
		f |= BIT(KPF_ANON);
	if (page_mapcount(page) > 0)
		f |= BIT(KPF_MMAP);
	if (PageSwapBacked(page))
		f |= BIT(KPF_SWAPBACKED);
	if (PageSwapCache(page))
		f |= BIT(KPF_SWAPCACHE);
	if (PageDirty(page))
		f |= BIT(KPF_DIRTY);
	if (PageWriteback(page))
		f |= BIT(KPF_WRITEBACK);
	if (PageUptodate(page))
		f |= BIT(KPF_UPTODATE);
	if (PageReferenced(page))
		f |= BIT(KPF_REFERENCED);
	if (PageLocked(page))
		f |= BIT(KPF_LOCKED);
	return f;
}

/* Runs of equal flags: "PFN COUNT FLAGS", PFN and FLAGS in hex. */
void dump_pageflags(struct run *r, const char *label)
{
	u64 from = 0, flags = ~0ULL, pfn;

	outf(r, "@@file pageflags.%s\n", label);
	for (pfn = 0; pfn < r->q->max_pfn; pfn++) {
		u64 f = flags_of(r, pfn);

		if (f == flags)
			continue;
		if (pfn > from)
			outf(r, "%lx %lu %lx\n", (unsigned long)from, (unsigned long)(pfn - from),
			     (unsigned long)flags);
		flags = f;
		from = pfn;
	}
	if (pfn > from)
		outf(r, "%lx %lu %lx\n", (unsigned long)from, (unsigned long)(pfn - from),
		     (unsigned long)flags);
}
