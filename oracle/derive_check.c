/* SPDX-License-Identifier: MIT */
/*
 * Holds the formulas of oracle/derive.c against a snapshot, the kernel's or the
 * model's.  Each check takes all its inputs from the snapshot itself, or from
 * the commands and the log before it.
 *
 * Until somebody writes a setting, the marks, the reserves and the sizes of the
 * per-CPU lists are those of boot, computed before the kernel gave back its
 * initrd and its own init memory; the log says how much that was.  So these
 * formulas are tried with the zones as they are and as they were then.
 */
#include "oracle/derive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const oracle_check_names[] = {
	"watermarks",	    "lowmem_reserve",  "pcp batch",	 "pcp high",	"vmstat threshold",
	"dirty thresholds", "MemAvailable",    "MemTotal",	 "CommitLimit", "oom_score",
	"slab layout",	    "min_free_kbytes", "zonelist order", "victim",	NULL,
};

struct derive {
	const struct oracle_result *r;
	const struct oracle_snap *s;
	oracle_check_fn fn;
	void *ctx;
	struct oracle_zone zones[ORACLE_ZONES_MAX], boot[ORACLE_ZONES_MAX];
	size_t nr_zones;
	unsigned int version; /* 601 for 6.1 */
};

static void tell(struct derive *d, const char *what, const char *where, const char *shown,
		 const char *formula, bool exact)
{
	struct oracle_check c = {.what = what, .exact = exact};

	snprintf(c.where, sizeof(c.where), "%s", where);
	snprintf(c.shown, sizeof(c.shown), "%s", shown);
	snprintf(c.formula, sizeof(c.formula), "%s", formula);
	d->fn(d->ctx, &c);
}

static void tell_number(struct derive *d, const char *what, const char *where, u64 shown,
			u64 formula)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "%llu", (unsigned long long)shown);
	snprintf(b, sizeof(b), "%llu", (unsigned long long)formula);
	tell(d, what, where, a, b, shown == formula);
}

/* "Linux version 6.1.0-..." of the log or of any snapshot. */
static unsigned int version_of(const struct oracle_result *r)
{
	const char *p = strstr(r->log, "Linux version ");
	unsigned int major, minor;
	char text[16];

	for (size_t i = 0; !p && i < r->nr_snaps; i++) {
		const char *file = oracle_file_text(&r->snaps[i], "/proc/version");

		p = file ? strstr(file, "Linux version ") : NULL;
	}
	if (!p)
		return 601;
	snprintf(text, sizeof(text), "%.8s", p + 14);
	return sscanf(text, "%2u.%3u", &major, &minor) == 2 ? major * 100 + minor : 601;
}

/* CPUs of a node, by "0-3,8" of any snapshot that has it; 0 also if none does. */
static unsigned int node_cpus(const struct oracle_result *r, unsigned int node, bool *known)
{
	const char *p = NULL;
	char path[64];
	unsigned int n = 0;
	u64 from, to;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
	for (size_t i = 0; !p && i < r->nr_snaps; i++)
		p = oracle_file_text(&r->snaps[i], path);
	*known = p != NULL;
	while (p && oracle_number(&p, &from)) {
		to = from;
		if (*p == '-' && (p++, !oracle_number(&p, &to)))
			break;
		if (to < from || to >= 8192)
			break;
		n += (unsigned int)(to - from) + 1;
		if (*p++ != ',')
			break;
	}
	return n;
}

/* ---- the zones as they were when boot computed the marks -------------------- */

/* Sum of "PREFIX...: 123K" in the log, in pages. */
static u64 freed(const char *log, const char *prefix)
{
	u64 sum = 0, kb;

	for (const char *p = log; (p = strstr(p, prefix)); p++) {
		const char *q = p + strcspn(p, "\n:");

		if (q[0] == ':' && q[1] == ' ' && (q += 2, oracle_number(&q, &kb)) && *q == 'K')
			sum += kb / 4;
	}
	return sum;
}

static void take(struct oracle_zone *z, u64 pages)
{
	z->managed -= z->managed < pages ? z->managed : pages;
}

static void zones_of_boot(struct derive *d)
{
	const char *log = d->r->log, *p = strstr(log, "RAMDISK: [mem 0x");
	u64 late = freed(log, "Freeing unused kernel image (") +
		   freed(log, "Freeing unused decrypted memory");
	u64 initrd = freed(log, "Freeing initrd memory");
	u64 pfn = p ? strtoull(p + 14, NULL, 16) >> PAGE_SHIFT : 0;

	for (size_t i = 0; i < d->nr_zones; i++) {
		struct oracle_zone *z = &d->boot[i];

		*z = d->zones[i];
		if (z->node == 0 && z->type == 1) /* the kernel's image lies in DMA32 */
			take(z, late);
		if (pfn >= z->start_pfn && pfn < z->start_pfn + z->spanned)
			take(z, initrd);
	}
}

/* ---- zones ------------------------------------------------------------------- */

/* The ratio that the commands before the snapshot set last, or the default. */
static void reserve_ratio(struct derive *d, u64 ratio[ORACLE_NR_ZONES])
{
	static const char set[] = "sysctl vm.lowmem_reserve_ratio ";
	static const u64 usual[ORACLE_NR_ZONES] = {256, 256, 32, 0, 0};

	memcpy(ratio, usual, sizeof(usual));
	for (size_t i = d->s->nr_steps; i-- > 0;) {
		const char *p = d->r->steps[i].text;

		if (strncmp(p, set, sizeof(set) - 1))
			continue;
		p += sizeof(set) - 1;
		for (int k = 0; k < ORACLE_NR_ZONES; k++, p += strspn(p, " \t"))
			if (!oracle_number(&p, &ratio[k]))
				return;
		return;
	}
}

/* The value that the commands before the snapshot wrote last. */
static bool setting_before(struct derive *d, const char *name, u64 *v)
{
	char head[64];
	size_t n = (size_t)snprintf(head, sizeof(head), "sysctl vm.%s ", name);

	for (size_t i = d->s->nr_steps; i-- > 0;) {
		const char *p = d->r->steps[i].text + n;

		if (!strncmp(d->r->steps[i].text, head, n))
			return oracle_number(&p, v);
	}
	return false;
}

static void check_marks(struct derive *d, size_t i, const char *where)
{
	const struct oracle_zone *z = &d->zones[i];
	struct oracle_marks m, b;
	char shown[80], formula[80];
	u64 kbytes, scale;
	bool now, boot;

	if (!oracle_num(d->s, "/proc/sys/vm/min_free_kbytes", &kbytes) ||
	    !oracle_num(d->s, "/proc/sys/vm/watermark_scale_factor", &scale))
		return;
	m = derive_wmarks(d->zones, d->nr_zones, i, kbytes, scale);
	b = derive_wmarks(d->boot, d->nr_zones, i, kbytes, scale);
	now = z->min == m.min && z->low == m.low && z->high == m.high;
	boot = z->min == b.min && z->low == b.low && z->high == b.high;
	snprintf(shown, sizeof(shown), "%llu %llu %llu", (unsigned long long)z->min,
		 (unsigned long long)z->low, (unsigned long long)z->high);
	snprintf(formula, sizeof(formula), "%llu %llu %llu", (unsigned long long)(boot ? b : m).min,
		 (unsigned long long)(boot ? b : m).low, (unsigned long long)(boot ? b : m).high);
	tell(d, "watermarks", where, shown, formula, now || boot);
}

static void check_reserve(struct derive *d, size_t i, const u64 *ratio, const char *where)
{
	const struct oracle_zone *z = &d->zones[i];
	char shown[96] = "", formula[96] = "";
	bool now = true, boot = true;
	size_t a = 0, b = 0;

	for (unsigned int k = 0; k < ORACLE_NR_ZONES; k++) {
		u64 want = derive_lowmem_reserve(d->zones, d->nr_zones, i, ratio, k);

		now &= z->protection[k] == want;
		boot &= z->protection[k] ==
			derive_lowmem_reserve(d->boot, d->nr_zones, i, ratio, k);
		a += (size_t)snprintf(shown + a, sizeof(shown) - a, " %llu",
				      (unsigned long long)z->protection[k]);
		b += (size_t)snprintf(formula + b, sizeof(formula) - b, " %llu",
				      (unsigned long long)want);
		if (a >= sizeof(shown) || b >= sizeof(formula))
			break;
	}
	tell(d, "lowmem_reserve", where, shown, formula, now || boot);
}

static void check_pcp(struct derive *d, size_t i, const char *where)
{
	const struct oracle_zone *z = &d->zones[i], *b = &d->boot[i];
	bool known;
	unsigned int cpus = node_cpus(d->r, z->node, &known);
	u64 fraction = 0, batch = derive_pcp_batch(z), high;

	if (!z->nr_cpus)
		return;
	if (z->pcp_batch != batch && z->pcp_batch == derive_pcp_batch(b))
		batch = z->pcp_batch;
	tell_number(d, "pcp batch", where, z->pcp_batch, batch);
	oracle_num(d->s, "/proc/sys/vm/percpu_pagelist_high_fraction", &fraction);
	if (d->version != 601) /* later kernels tune it as they run */
		return;
	if (!known)
		cpus = d->r->nr_snaps && z->nr_cpus == 1 ? 1 : 0;
	high = derive_pcp_high(z, cpus, fraction);
	if (z->pcp_high != high && z->pcp_high == derive_pcp_high(b, cpus, fraction))
		high = z->pcp_high;
	tell_number(d, "pcp high", where, z->pcp_high, high);
}

/* The threshold of boot, which is older than the giant pages' being counted. */
static bool boot_threshold(struct derive *d, size_t i)
{
	static const char giant[] = "registered 1.00 GiB page size, pre-allocated ";
	const char *p = strstr(d->r->log, giant);
	struct oracle_zone z = d->boot[i];
	u64 pages = 0;

	if (p) {
		p += sizeof(giant) - 1;
		oracle_number(&p, &pages);
	}
	for (pages = pages < 1024 ? pages : 1024;; pages--) {
		if (z.threshold == derive_threshold(&z))
			return true;
		if (!pages)
			return false;
		take(&z, 1UL << (30 - PAGE_SHIFT));
	}
}

static void check_zones(struct derive *d)
{
	u64 ratio[ORACLE_NR_ZONES];
	char where[32];

	reserve_ratio(d, ratio);
	for (size_t i = 0; i < d->nr_zones; i++) {
		const struct oracle_zone *z = &d->zones[i];

		if (!z->managed)
			continue;
		snprintf(where, sizeof(where), "node %u %s", z->node, z->name);
		check_marks(d, i, where);
		check_reserve(d, i, ratio, where);
		check_pcp(d, i, where);
		if (z->has_threshold) {
			/* lower while kswapd is awake */
			u64 t = z->threshold, p = derive_threshold_pressure(z);

			tell_number(d, "vmstat threshold", where, t,
				    t == p || boot_threshold(d, i) ? t : derive_threshold(z));
		}
	}
}

/* ---- sums over the machine --------------------------------------------------- */

/* A number of /proc/sys/vm, from the file itself or from the folder's list. */
static bool vm_setting(const struct oracle_snap *s, const char *name, u64 *v)
{
	const char *all = oracle_file_text(s, "/proc/sys/vm/");
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	return oracle_num(s, path, v) || (all && oracle_field(all, name, v));
}

/* domain_dirty_limits() */
static void check_dirty(struct derive *d)
{
	u64 free, inactive, active, limit, background, bytes = 0, bg_bytes = 0, ratio, bg_ratio;
	u64 reserve = derive_totalreserve(d->zones, d->nr_zones), dirtyable, th, bg;
	char shown[64], formula[64];

	if (!oracle_vmstat(d->s, "nr_free_pages", &free) ||
	    !oracle_vmstat(d->s, "nr_inactive_file", &inactive) ||
	    !oracle_vmstat(d->s, "nr_active_file", &active) ||
	    !oracle_vmstat(d->s, "nr_dirty_threshold", &limit) ||
	    !oracle_vmstat(d->s, "nr_dirty_background_threshold", &background) ||
	    !vm_setting(d->s, "dirty_ratio", &ratio) ||
	    !vm_setting(d->s, "dirty_background_ratio", &bg_ratio))
		return;
	/* without the folder, a ratio of 0 is one that bytes replaced */
	vm_setting(d->s, "dirty_bytes", &bytes);
	vm_setting(d->s, "dirty_background_bytes", &bg_bytes);
	dirtyable = free - (free < reserve ? free : reserve) + inactive + active + 1;
	ratio = ratio > 100 ? 100 : ratio;
	bg_ratio = bg_ratio > 100 ? 100 : bg_ratio;
	th = ratio * PAGE_SIZE / 100 * dirtyable / PAGE_SIZE;
	bg = bg_ratio * PAGE_SIZE / 100 * dirtyable / PAGE_SIZE;
	if (!bytes && setting_before(d, "dirty_bytes", &bytes) && ratio)
		bytes = 0;
	if (!bg_bytes && setting_before(d, "dirty_background_bytes", &bg_bytes) && bg_ratio)
		bg_bytes = 0;
	if (!ratio)
		th = bytes ? DIV_ROUND_UP(bytes, PAGE_SIZE) : limit;
	if (!bg_ratio)
		bg = bg_bytes ? DIV_ROUND_UP(bg_bytes, PAGE_SIZE) : background;
	if (bg >= th)
		bg = th / 2;
	snprintf(shown, sizeof(shown), "%llu %llu", (unsigned long long)limit,
		 (unsigned long long)background);
	snprintf(formula, sizeof(formula), "%llu %llu", (unsigned long long)th,
		 (unsigned long long)bg);
	tell(d, "dirty thresholds", "", shown, formula, limit == th && background == bg);
}

/* si_mem_available(): it sees the low marks with their boost. */
static void check_available(struct derive *d)
{
	u64 shown, free, active, inactive, reclaimable, low = 0, cache;
	u64 reserve = derive_totalreserve(d->zones, d->nr_zones);
	s64 available;

	if (!oracle_meminfo(d->s, "MemAvailable", &shown) ||
	    !oracle_meminfo(d->s, "MemFree", &free) ||
	    !oracle_meminfo(d->s, "Active(file)", &active) ||
	    !oracle_meminfo(d->s, "Inactive(file)", &inactive) ||
	    !oracle_meminfo(d->s, "KReclaimable", &reclaimable))
		return;
	for (size_t i = 0; i < d->nr_zones; i++)
		low += d->zones[i].low + d->zones[i].boost;
	cache = (active + inactive) / 4;
	reclaimable /= 4;
	available = (s64)(free / 4) - (s64)reserve;
	available += (s64)(cache - (cache / 2 < low ? cache / 2 : low));
	available += (s64)(reclaimable - (reclaimable / 2 < low ? reclaimable / 2 : low));
	tell_number(d, "MemAvailable", "", shown / 4, available > 0 ? (u64)available : 0);
}

/* vm.overcommit_ratio or overcommit_kbytes: either write takes the other away. */
static void commit_settings(struct derive *d, u64 *ratio, u64 *kbytes)
{
	static const char head[] = "sysctl vm.overcommit_";

	/* Both are read, whatever the first says. */
	bool shown = vm_setting(d->s, "overcommit_kbytes", kbytes);

	if (vm_setting(d->s, "overcommit_ratio", ratio) || shown)
		return;
	for (size_t i = d->s->nr_steps; i-- > 0;) {
		const char *p = d->r->steps[i].text;

		if (strncmp(p, head, sizeof(head) - 1))
			continue;
		p += sizeof(head) - 1;
		if (!strncmp(p, "kbytes ", 7) && (p += 7, oracle_number(&p, kbytes)))
			return;
		if (!strncmp(p, "ratio ", 6) && (p += 6, oracle_number(&p, ratio)))
			return;
	}
}

static void check_sums(struct derive *d)
{
	u64 total, swap, limit, huge_kb = 0, ratio = 50, kbytes = 0, pages = 0;

	if (!oracle_meminfo(d->s, "MemTotal", &total))
		return;
	for (size_t i = 0; i < d->nr_zones; i++)
		pages += d->zones[i].managed;
	tell_number(d, "MemTotal", "", total / 4, pages);
	if (!oracle_meminfo(d->s, "CommitLimit", &limit) ||
	    !oracle_meminfo(d->s, "SwapTotal", &swap))
		return;
	oracle_meminfo(d->s, "Hugetlb", &huge_kb);
	commit_settings(d, &ratio, &kbytes);
	total = huge_kb < total ? (total - huge_kb) / 4 : 0;
	pages = kbytes ? kbytes / 4 : (u64)((unsigned __int128)total * ratio / 100);
	tell_number(d, "CommitLimit", "", limit, (pages + swap / 4) * 4);
}

/* oom_score of each process, from the sizes that its status shows. */
static void check_scores(struct derive *d)
{
	u64 total, swap;

	if (!oracle_meminfo(d->s, "MemTotal", &total) || !oracle_meminfo(d->s, "SwapTotal", &swap))
		return;
	for (size_t i = 0; i < d->s->nr_procs; i++) {
		const struct oracle_proc *p = &d->s->procs[i];
		s64 score, adj = 0, rss = 0, swapped = 0, tables = 0;

		if (!oracle_proc_value(p, "oom_score", &score) ||
		    !oracle_proc_value(p, "VmRSS", &rss))
			continue;
		oracle_proc_value(p, "oom_score_adj", &adj);
		oracle_proc_value(p, "VmSwap", &swapped);
		oracle_proc_value(p, "VmPTE", &tables);
		if (rss < 0 || swapped < 0 || tables < 0)
			continue;
		tell_number(d, "oom_score", p->name, (u64)score,
			    derive_oom_score((u64)(rss + swapped + tables) / 4, adj,
					     total / 4 + swap / 4));
	}
}

static void check_slabs(struct derive *d)
{
	const char *p = oracle_file_text(d->s, "/proc/slabinfo");
	unsigned int cpus = 0;
	struct oracle_slab slab;

	for (size_t i = 0; i < d->nr_zones; i++)
		if (d->zones[i].nr_cpus > cpus)
			cpus = d->zones[i].nr_cpus;
	while (p && oracle_slab_next(&p, &slab)) {
		unsigned int order = derive_slab_order(slab.size, cpus ? cpus : 1);
		char shown[64], formula[64];
		u64 per_slab = slab.size ? (PAGE_SIZE << order) / slab.size : 0;

		snprintf(shown, sizeof(shown), "%llu in %llu", (unsigned long long)slab.per_slab,
			 (unsigned long long)slab.pages);
		snprintf(formula, sizeof(formula), "%llu in %llu", (unsigned long long)per_slab,
			 1ULL << order);
		tell(d, "slab layout", slab.name, shown, formula,
		     slab.per_slab == per_slab && slab.pages == 1ULL << order);
	}
}

/* After a write to THP's `enabled` and nothing else since the last snapshot:
 * the kernel then computes min_free_kbytes from the marks in force before. */
static void check_min_free(struct derive *d, const struct oracle_snap *before)
{
	static const char set[] = "write /sys/kernel/mm/transparent_hugepage/enabled ";
	struct oracle_zone zones[ORACLE_ZONES_MAX];
	const char *value = NULL;
	u64 shown, old, want;
	size_t nr;

	for (size_t i = 0; i < d->s->nr_steps; i++) {
		const char *p = d->r->steps[i].text;

		/* a number that somebody set stays */
		if (!strncmp(p, "sysctl vm.min_free_kbytes", 25))
			return;
		if (i < before->nr_steps)
			continue;
		if (!strncmp(p, set, sizeof(set) - 1) && !value)
			value = p + sizeof(set) - 1;
		else if (strncmp(p, "snap ", 5) && strncmp(p, "cat ", 4))
			return;
	}
	nr = oracle_zones(before, zones, ARRAY_SIZE(zones));
	if (!value || !nr || !oracle_num(d->s, "/proc/sys/vm/min_free_kbytes", &shown) ||
	    !oracle_num(before, "/proc/sys/vm/min_free_kbytes", &old))
		return;
	want = derive_min_free_kbytes(zones, nr);
	if (strcmp(value, "never")) {
		want = derive_recommended_min_free(zones, nr);
		want = want > old ? want : old;
	}
	tell_number(d, "min_free_kbytes", value, shown, want);
}

void oracle_derive_snap(const struct oracle_result *r, size_t snap, oracle_check_fn fn, void *ctx)
{
	struct derive *d = calloc(1, sizeof(*d));

	if (!d)
		return;
	*d = (struct derive){.r = r, .s = &r->snaps[snap], .fn = fn, .ctx = ctx};
	d->nr_zones = oracle_zones(d->s, d->zones, ARRAY_SIZE(d->zones));
	d->version = version_of(r);
	if (d->nr_zones) {
		zones_of_boot(d);
		check_zones(d);
		check_dirty(d);
		check_available(d);
		check_sums(d);
		check_scores(d);
		check_slabs(d);
		if (snap)
			check_min_free(d, &r->snaps[snap - 1]);
	}
	free(d);
}

/* ---- the whole run ----------------------------------------------------------- */

#define NODES_MAX 64

/* find_next_best_node() over all nodes: the order in which the log shows it. */
static void check_zonelists(struct derive *d)
{
	u64 distance[NODES_MAX][NODES_MAX] = {0}, load[NODES_MAX] = {0};
	bool headless[NODES_MAX], known;
	unsigned int nr = 0;
	char head[48], shown[96], formula[96], path[64];

	for (; nr < NODES_MAX; nr++) {
		const char *p;

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/distance", nr);
		p = d->r->nr_snaps ? oracle_file_text(&d->r->snaps[0], path) : NULL;
		for (unsigned int k = 0; p && k < NODES_MAX; k++, p += strspn(p, " "))
			if (!oracle_number(&p, &distance[nr][k]))
				break;
		if (!p)
			break;
		headless[nr] = !node_cpus(d->r, nr, &known) && known;
	}
	for (unsigned int n = 0; nr > 1 && n < nr; n++) {
		bool used[NODES_MAX] = {false};
		unsigned int before = n;
		size_t at = 0;
		const char *p;

		for (unsigned int i = 0; i < nr && at < sizeof(formula); i++) {
			unsigned int best = n;
			u64 least = ~0ULL, v;

			for (unsigned int k = 0; i && k < nr; k++) {
				if (used[k])
					continue;
				v = distance[n][k] + (k < n) + !headless[k];
				v = v * 1024 + load[k];
				if (v < least)
					least = v, best = k;
			}
			if (distance[n][best] != distance[n][before])
				load[best]++;
			used[best] = true;
			before = best;
			at += (size_t)snprintf(formula + at, sizeof(formula) - at, "%u ", best);
		}
		snprintf(head, sizeof(head), "Fallback order for Node %u: ", n);
		p = strstr(d->r->log, head);
		if (!p)
			continue;
		p += strlen(head);
		snprintf(shown, sizeof(shown), "%.*s", (int)(strcspn(p, "\n") & 0xff), p);
		snprintf(head, sizeof(head), "node %u", n);
		tell(d, "zonelist order", head, shown, formula, !strcmp(shown, formula));
	}
}

/* Of a kill within a policy's nodes the log lists who may be killed, but not what the
 * nodes have, which only counts with an oom_score_adj. */
static bool can_be_checked(const struct oracle_kill *k)
{
	bool policy = !strcmp(k->constraint, "CONSTRAINT_MEMORY_POLICY");

	for (size_t i = 0; policy && i < k->nr_tasks; i++)
		if (k->tasks[i].adj && k->tasks[i].adj > -1000)
			return false;
	return (policy || !strcmp(k->constraint, "CONSTRAINT_NONE")) && k->nr_tasks &&
	       !k->allocating;
}

/* select_bad_process(): the last of those with the most points, but init. */
static void check_kills(struct derive *d)
{
	struct oracle_kill *k = malloc(sizeof(*k));
	const char *p = d->r->log;
	u64 mem = 0;

	if (d->r->nr_snaps)
		oracle_meminfo(&d->r->snaps[0], "MemTotal", &mem);
	while (k && mem && oracle_kill_next(&p, k)) {
		u64 total = mem / 4 + k->total_swap_kb / 4;
		const char *victim = "";
		s64 most = LLONG_MIN;

		if (!can_be_checked(k))
			continue;
		for (size_t i = 0; i < k->nr_tasks; i++) {
			const struct oracle_task *t = &k->tasks[i];
			s64 points = (s64)(t->rss + t->swap + t->page_table_bytes / PAGE_SIZE);

			if (t->adj <= -1000 || t->adj > 1000 || t->pid == 1)
				continue;
			points += t->adj * (s64)(total / 1000);
			if (points >= most) {
				most = points;
				victim = t->name;
			}
		}
		tell(d, "victim", "", k->victim, victim, !strcmp(k->victim, victim));
	}
	free(k);
}

void oracle_derive_run(const struct oracle_result *r, oracle_check_fn fn, void *ctx)
{
	struct derive *d = calloc(1, sizeof(*d));

	if (!d)
		return;
	*d = (struct derive){.r = r, .fn = fn, .ctx = ctx};
	check_zonelists(d);
	check_kills(d);
	free(d);
}
