/* SPDX-License-Identifier: MIT */
/*
 * Why there was no memory, and what would help.
 *
 * Each cause is a test of the report's own numbers, and says them.  Several may
 * hold at once; they stand in the order in which one would look.
 */
#include "explain/explain.h"
#include "explain/internal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GFP_DMA	    0x1UL
#define GFP_HIGHMEM 0x2UL
#define GFP_DMA32   0x4UL
#define GFP_MOVABLE 0x8UL

__attribute__((format(printf, 4, 5))) static void add(struct finding *list, size_t *nr,
						      const char *code, const char *fmt, ...)
{
	struct finding *f = &list[*nr];
	va_list ap;

	if (*nr == MAX_FINDINGS)
		return;
	(*nr)++;
	snprintf(f->code, sizeof(f->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}
#define CAUSE(e, ...)	add((e)->causes, &(e)->nr_causes, __VA_ARGS__)
#define ADVICE(e, ...)	add((e)->advice, &(e)->nr_advice, __VA_ARGS__)
#define SETTING(e, ...) add((e)->settings, &(e)->nr_settings, __VA_ARGS__)

static long mb(long kb)
{
	return kb >> 10;
}

static long sum_kb(const struct explanation *e, enum report_sum sum)
{
	return e->r->sum[sum] > 0 ? e->r->sum[sum] * e->r->page_kb : 0;
}

/* ---- what held the memory ---------------------------------------------------- */

static void hold(struct explanation *e, const char *what, long kb)
{
	if (kb > 0 && e->nr_holders < MAX_HOLDERS)
		e->holders[e->nr_holders++] = (struct holder){what, kb};
}

static int by_kb(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	return x->kb < y->kb ? 1 : x->kb > y->kb ? -1 : 0;
}

static void hold_machine(struct explanation *e)
{
	const struct report *r = e->r;
	long shmem = sum_kb(e, SUM_SHMEM);
	long anon = sum_kb(e, SUM_ACTIVE_ANON) + sum_kb(e, SUM_INACTIVE_ANON);
	long known = 0;

	/* Shared memory is on the anonymous lists. */
	hold(e, "anonymous memory of processes", anon > shmem ? anon - shmem : anon);
	hold(e, "shared memory and tmpfs", anon > shmem ? shmem : 0);
	hold(e, "page cache", sum_kb(e, SUM_ACTIVE_FILE) + sum_kb(e, SUM_INACTIVE_FILE));
	hold(e, "locked or otherwise unevictable pages", sum_kb(e, SUM_UNEVICTABLE));
	hold(e, "slab, unreclaimable", sum_kb(e, SUM_SLAB_UNRECLAIMABLE));
	hold(e, "slab, reclaimable", sum_kb(e, SUM_SLAB_RECLAIMABLE));
	hold(e, "page tables", sum_kb(e, SUM_PAGETABLES));
	hold(e, "pools of huge pages", r->hugetlb_kb);
	hold(e, "free", sum_kb(e, SUM_FREE));
	for (size_t i = 0; i < e->nr_holders; i++)
		known += e->holders[i].kb;
	if (r->sum[SUM_FREE] >= 0 && r->sum[SUM_ACTIVE_ANON] >= 0)
		hold(e, "the kernel otherwise (drivers, stacks, balloons)", e->memory_kb - known);
}

static void hold_group(struct explanation *e)
{
	const struct report *r = e->r;

	hold(e, "anonymous memory of processes", r->stat_anon_kb);
	hold(e, "page cache", r->stat_file_kb - (r->stat_shmem_kb > 0 ? r->stat_shmem_kb : 0));
	hold(e, "shared memory and tmpfs", r->stat_shmem_kb);
	hold(e, "kernel memory", r->stat_kernel_kb > 0 ? r->stat_kernel_kb : r->stat_slab_kb);
}

static long held(const struct explanation *e, const char *what)
{
	for (size_t i = 0; i < e->nr_holders; i++)
		if (!strncmp(e->holders[i].what, what, strlen(what)))
			return e->holders[i].kb;
	return 0;
}

static long percent(const struct explanation *e, long kb)
{
	return e->memory_kb > 0 ? kb * 100 / e->memory_kb : 0;
}

/* ---- zones ------------------------------------------------------------------- */

static int zone_rank(const char *name)
{
	static const char *const names[] = {"DMA", "DMA32", "Normal", "HighMem", "Movable"};

	for (int i = 0; i < 5; i++)
		if (!strcmp(name, names[i]))
			return i;
	return 5;
}

/* The highest zone that the request could use. */
static int zone_limit(const struct report *r)
{
	if (r->gfp_mask & GFP_DMA)
		return 0;
	if (r->gfp_mask & GFP_DMA32)
		return 1;
	if ((r->gfp_mask & (GFP_HIGHMEM | GFP_MOVABLE)) == (GFP_HIGHMEM | GFP_MOVABLE))
		return 4;
	return r->gfp_mask & GFP_HIGHMEM ? 3 : 2;
}

/* What a zone keeps from a request that could have used a higher one. */
static long reserve_kb(const struct report *r, const struct report_zone *z)
{
	bool highmem = false;
	int at = zone_limit(r);

	for (size_t i = 0; i < r->nr_zones; i++)
		highmem |= !strcmp(r->zones[i].name, "HighMem");
	if (highmem && at >= 2)
		at--; /* no DMA32 there */
	if (!highmem && at >= 3)
		at--; /* no HighMem */
	if (at >= z->nr_reserve)
		at = z->nr_reserve - 1;
	return at >= 0 && z->reserve[at] > 0 ? z->reserve[at] * r->page_kb : 0;
}

/* CMA's blocks are for what can be moved away again. */
static bool may_use_cma(const struct report *r)
{
	return r->gfp_mask & GFP_MOVABLE;
}

static bool has_block(const struct report *r, const struct report_zone *z)
{
	for (int o = r->order; o < z->nr_orders; o++)
		if (z->blocks[o] > 0 && (may_use_cma(r) || !(z->cma_only & 1u << o)))
			return true;
	return false;
}

/* What of a zone the request could have had, above the reserves. */
static long above_min(const struct report *r, const struct report_zone *z)
{
	long cma = z->free_cma > 0 && !may_use_cma(r) ? z->free_cma : 0;
	long block = r->order > 0 ? ((1L << min(r->order, 20)) - 1) * r->page_kb : 0;

	/* The mark must hold without the block. */
	return z->free - cma - block - z->min - reserve_kb(r, z);
}

struct zones {
	size_t usable, short_of, fragmented, above;
	long free_usable, free_kept, free_other;
	const struct report_zone *example;
};

static struct zones look_at_zones(const struct explanation *e)
{
	const struct report *r = e->r;
	struct zones s = {0};
	int limit = zone_limit(r);

	for (size_t i = 0; i < r->nr_zones; i++) {
		const struct report_zone *z = &r->zones[i];

		if (z->free < 0 || z->min < 0 || !z->min)
			continue;
		if (zone_rank(z->name) > limit) {
			s.above++;
			if (z->free > (z->high > 0 ? z->high : z->min))
				s.free_other += z->free;
			continue;
		}
		s.usable++;
		if (above_min(r, z) <= 0) {
			s.short_of++;
			s.free_kept += z->free;
		} else {
			s.free_usable += z->free;
			if (r->order > 0 && z->nr_orders && !has_block(r, z))
				s.fragmented++;
		}
		/* The one that came nearest. */
		if (!s.example || above_min(r, z) > above_min(r, s.example))
			s.example = z;
	}
	return s;
}

static void why_zones(struct explanation *e)
{
	static const char *const limits[] = {"DMA", "DMA32", "Normal", "HighMem", "Movable"};
	const struct report *r = e->r;
	struct zones s = look_at_zones(e);

	if (!s.usable)
		return;
	if (s.short_of == s.usable) {
		CAUSE(e, "below-min",
		      "Each zone that could serve the request was below its min watermark and "
		      "reserve: "
		      "the largest, %s, had %ld MB free, min %ld kB.",
		      s.example->name, mb(s.example->free), s.example->min);
		if (s.free_other > 65536 && s.above)
			CAUSE(e, "zone-exhausted",
			      "Higher zones had %ld MB free that this request could not use: it "
			      "was "
			      "limited to %s and below.",
			      mb(s.free_other), limits[zone_limit(r)]);
		return;
	}
	if (r->order > 0 && s.fragmented == s.usable - s.short_of) {
		CAUSE(e, "fragmented",
		      "%ld MB were free above the watermarks, but no block of %d contiguous pages "
		      "(order %d) among them.",
		      mb(s.free_usable), 1 << r->order, r->order);
		ADVICE(e, "fragmented",
		       "Raise vm.min_free_kbytes or vm.watermark_scale_factor, let compaction work "
		       "ahead (vm.compaction_proactiveness), or have the caller ask for less at "
		       "once.");
		return;
	}
	if (r->gfp_mask == 0 && r->kind == REPORT_OOM)
		CAUSE(e, "fault-oom",
		      "%ld MB were free above the watermarks: the killer was called from a page "
		      "fault "
		      "that had failed for another reason (a group's limit, or an allocation that "
		      "could "
		      "not wait).",
		      mb(s.free_usable));
	else
		CAUSE(e, "free-elsewhere",
		      "%ld MB were free above the watermarks when the report was printed: in other "
		      "blocks than the request could take, or freed in between.",
		      mb(s.free_usable));
}

/* ---- swap, and what can't be reclaimed --------------------------------------- */

static void why_swap(struct explanation *e)
{
	const struct report *r = e->r;
	long anon = held(e, "anonymous");

	if (r->swap_total_kb == 0) {
		CAUSE(e, "no-swap",
		      "There is no swap, so %ld MB of anonymous memory could not leave.", mb(anon));
		if (percent(e, anon) > 30)
			ADVICE(e, "add-swap",
			       "A few GB of swap (or zswap, or zram) let cold memory leave and "
			       "give "
			       "warning before the end; they do not cure a leak.");
	} else if (r->swap_total_kb > 0 && r->swap_free_kb >= 0) {
		if (r->swap_free_kb < r->swap_total_kb / 50)
			CAUSE(e, "swap-full", "Swap was full: %ld of %ld MB used.",
			      mb(r->swap_total_kb - r->swap_free_kb), mb(r->swap_total_kb));
		else if (r->swap_free_kb > r->swap_total_kb / 10 && percent(e, anon) > 20)
			CAUSE(e, "swap-unused",
			      "Swap still had %ld of %ld MB free, so it was not the reason: the "
			      "request "
			      "could not wait for it, or reclaim gave up before.",
			      mb(r->swap_free_kb), mb(r->swap_total_kb));
	}
}

static int slab_by_size(const void *a, const void *b)
{
	const struct report_slab *x = a, *y = b;

	return x->total_kb < y->total_kb ? 1 : x->total_kb > y->total_kb ? -1 : 0;
}

static void why_kernel(struct explanation *e)
{
	const struct report *r = e->r;
	long slab = held(e, "slab, unreclaimable"), tables = held(e, "page tables");
	long rest = held(e, "the kernel otherwise"), locked = held(e, "locked");
	struct report_slab largest[REPORT_MAX_SLABS];

	if (percent(e, slab) >= 20) {
		memcpy(largest, r->slabs, r->nr_slabs * sizeof(*largest));
		qsort(largest, r->nr_slabs, sizeof(*largest), slab_by_size);
		if (r->nr_slabs)
			CAUSE(e, "slab",
			      "Unreclaimable slab held %ld MB, %ld %% of memory; the largest cache "
			      "is %s "
			      "with %ld MB.",
			      mb(slab), percent(e, slab), largest[0].name, mb(largest[0].total_kb));
		else
			CAUSE(e, "slab", "Unreclaimable slab held %ld MB, %ld %% of memory.",
			      mb(slab), percent(e, slab));
		ADVICE(e, "slab",
		       "Look at slabtop as it grows: a kernel cache leaks, or a group of "
		       "processes holds millions of kernel objects.");
	}
	if (percent(e, rest) >= 25) {
		CAUSE(e, "unaccounted",
		      "%ld MB (%ld %%) are in no list: drivers, a balloon of the hypervisor, or "
		      "memory "
		      "of the kernel that nothing counts.",
		      mb(rest), percent(e, rest));
		ADVICE(e, "unaccounted",
		       "Look for drivers that allocate pages (graphics, network) and for a "
		       "balloon.");
	}
	if (percent(e, tables) >= 8) {
		CAUSE(e, "page-tables", "Page tables held %ld MB, %ld %% of memory.", mb(tables),
		      percent(e, tables));
		ADVICE(e, "page-tables",
		       "Many processes map one large area: huge pages for it "
		       "(hugetlbfs, huge_pages=on) make the tables 512 times smaller.");
	}
	if (percent(e, r->hugetlb_kb) >= 20) {
		CAUSE(e, "hugetlb", "Pools of huge pages held %ld MB, which nothing else can use.",
		      mb(r->hugetlb_kb));
		ADVICE(e, "hugetlb", "Make vm.nr_hugepages as small as what is really mapped.");
	}
	if (percent(e, locked) >= 20)
		CAUSE(e, "unevictable", "%ld MB (%ld %%) were locked or otherwise unevictable.",
		      mb(locked), percent(e, locked));
}

static void why_cache(struct explanation *e)
{
	long shmem = held(e, "shared memory"), file = held(e, "page cache");
	long busy = sum_kb(e, SUM_DIRTY) + sum_kb(e, SUM_WRITEBACK);

	if (percent(e, shmem) >= 20) {
		CAUSE(e, "shmem",
		      "Shared memory and tmpfs held %ld MB (%ld %%), which only swap can take.",
		      mb(shmem), percent(e, shmem));
		ADVICE(e, "shmem",
		       "Look at what lies in /dev/shm, /run and other tmpfs (df -t tmpfs), and "
		       "limit it with size=.");
	}
	if (busy > file / 2 && percent(e, busy) >= 10) {
		CAUSE(e, "dirty", "%ld MB of the page cache were dirty or being written.",
		      mb(busy));
		ADVICE(e, "dirty",
		       "Lower vm.dirty_ratio or vm.dirty_bytes: the disk is slower than the "
		       "writers.");
	} else if (percent(e, file) >= 25 && e->r->kind == REPORT_OOM) {
		CAUSE(e, "cache-left",
		      "%ld MB (%ld %%) of page cache were left, so memory was not full of what "
		      "can't go.",
		      mb(file), percent(e, file));
	}
}

/* ---- the whole --------------------------------------------------------------- */

#define NEAR_KB 1024 /* charges come in batches */

static bool is_full(long usage, long limit)
{
	return limit > 0 && usage + NEAR_KB >= limit;
}

/* Version 1 has a limit of memory and swap together, and had one of the kernel's. */
static bool sum_is_full(const struct report *r)
{
	return r->memsw && is_full(r->swap_usage_kb, r->swap_limit_kb) &&
	       !is_full(r->usage_kb, r->limit_kb);
}

static bool kernel_is_full(const struct report *r)
{
	return r->memsw && is_full(r->kmem_usage_kb, r->kmem_limit_kb) &&
	       !is_full(r->usage_kb, r->limit_kb);
}

static const char *limit_file(const struct report *r)
{
	return sum_is_full(r)	   ? "memory.memsw.limit_in_bytes"
	       : kernel_is_full(r) ? "memory.kmem.limit_in_bytes"
	       : r->memsw	   ? "memory.limit_in_bytes"
				   : "memory.max";
}

static long limit_kb(const struct report *r)
{
	return sum_is_full(r)	   ? r->swap_limit_kb
	       : kernel_is_full(r) ? r->kmem_limit_kb
				   : r->limit_kb;
}

static void cause_of_group(struct explanation *e, const char *group)
{
	static const char rest[] = "and reclaim within it found nothing more. The machine's own "
				   "memory was not the question.";
	const struct report *r = e->r;

	if (sum_is_full(r))
		CAUSE(e, "group-memsw-limit",
		      "The limit of memory and swap together of %s was reached: %ld of %ld MB (of "
		      "memory alone %ld of %ld MB), so swapping could not help, %s",
		      group, mb(r->swap_usage_kb), mb(r->swap_limit_kb), mb(r->usage_kb),
		      mb(r->limit_kb), rest);
	else if (kernel_is_full(r))
		CAUSE(e, "group-kmem-limit",
		      "The limit of kernel memory of %s was reached: %ld of %ld MB, %s", group,
		      mb(r->kmem_usage_kb), mb(r->kmem_limit_kb), rest);
	else if (r->limit_kb > 0)
		CAUSE(e, "group-limit", "The limit of %s was reached: %ld of %ld MB, %s", group,
		      mb(r->usage_kb), mb(r->limit_kb), rest);
	else
		CAUSE(e, "group-limit", "The limit of %s was reached.", group);
}

static void why_group(struct explanation *e)
{
	const struct report *r = e->r;

	cause_of_group(e, *r->oom_group ? r->oom_group : "a control group");
	if (r->swap_limit_kb == 0 || (r->memsw && r->swap_limit_kb == r->limit_kb))
		CAUSE(e, "group-no-swap", "The group may not swap.");
	if (held(e, "shared memory") * 4 > e->memory_kb && e->memory_kb)
		CAUSE(e, "group-shmem", "%ld MB of it are shared memory or tmpfs, which count too.",
		      mb(held(e, "shared memory")));
	if (r->memsw)
		ADVICE(e, "group-limit", "Give the group more (%s above %ld MB).", limit_file(r),
		       mb(max(limit_kb(r), 0L)));
	else
		ADVICE(e, "group-limit",
		       "Give the group more (memory.max above %ld MB), or set memory.high below "
		       "it, which slows the group down and shows in memory.pressure before "
		       "anybody dies.",
		       mb(max(limit_kb(r), 0L)));
}

static void why_victim(struct explanation *e)
{
	const struct ranked *next = explain_next(e);
	const struct report_task *most = NULL, *t;
	long adj;

	if (e->victim >= e->nr_rank)
		return;
	t = e->rank[e->victim].task;
	for (size_t i = 0; i < e->nr_rank; i++)
		if (!most || e->rank[i].task->rss > most->rss)
			most = e->rank[i].task;
	if (most && most->adj < t->adj && most->rss > 2 * t->rss && most->rss - t->rss > 25600) {
		CAUSE(e, "not-the-largest",
		      "%s (pid %ld) held %ld MB, more than the %ld MB of the one that died; its "
		      "oom_score_adj of %ld against %ld made the difference.",
		      most->name, most->pid, mb(most->rss * e->r->page_kb),
		      mb(t->rss * e->r->page_kb), most->adj, t->adj);
		ADVICE(e, "not-the-largest",
		       "If %s is what grew, raise its oom_score_adj or give it a "
		       "control group with a limit of its own.",
		       most->name);
	}
	if (next && explain_saving_adj(e, &adj))
		ADVICE(e, "oom_score_adj",
		       "To keep %s and lose %s instead: an oom_score_adj of %ld or less for %s "
		       "(choom -n %ld -p PID; OOMScoreAdjust= of its unit).",
		       t->name, next->task->name, adj, t->name, adj);
}

/* ---- settings that would have changed it -------------------------------------- */

static const struct report_task *invoker_of(const struct explanation *e)
{
	for (size_t i = 0; i < e->nr_rank; i++)
		if (!strcmp(e->rank[i].task->name, e->r->invoker))
			return e->rank[i].task;
	return NULL;
}

static void settings_of_victim(struct explanation *e)
{
	const struct report *r = e->r;
	const struct ranked *next = explain_next(e);
	const struct report_task *invoker = invoker_of(e);
	long adj;

	if (e->victim < e->nr_rank && next && explain_saving_adj(e, &adj))
		SETTING(e, "oom_score_adj",
			"oom_score_adj of %s at %ld or less, not %ld: %s (pid %ld) dies.",
			e->rank[e->victim].task->name, adj, e->rank[e->victim].task->adj,
			next->task->name, next->task->pid);
	if (r->kind == REPORT_MEMCG_OOM) {
		if (*r->task_group && !r->kills[0].group && e->rules->oom_group)
			SETTING(e, "memory.oom.group",
				"memory.oom.group 1 of %s: all of it dies, not one of it.",
				r->task_group);
		return;
	}
	if (invoker && e->kill && invoker->pid != e->kill->pid && invoker->adj != -1000)
		SETTING(e, "vm.oom_kill_allocating_task",
			"vm.oom_kill_allocating_task 1: %s, which asked, dies.", invoker->name);
	SETTING(e, "vm.panic_on_oom", "vm.panic_on_oom 1: the machine stops%s.",
		strcmp(r->constraint, "CONSTRAINT_NONE") && *r->constraint
			? "; not here, where only a part of it was short: that takes 2"
			: " and, with kernel.panic set, boots again");
}

/* What the nodes beside those of the request had free, above their marks. */
static long free_elsewhere(const struct report *r, const char *nodes)
{
	long kb = 0;

	for (size_t i = 0; i < r->nr_zones; i++) {
		const struct report_zone *z = &r->zones[i];

		if (z->node >= 0 && !report_in_list(nodes, z->node) && z->free > z->high)
			kb += z->free - (z->high > 0 ? z->high : 0);
	}
	return kb;
}

static void settings_of_memory(struct explanation *e)
{
	const struct report *r = e->r;
	struct zones s = look_at_zones(e);
	long kb = e->victim < e->nr_rank ? e->rank[e->victim].task->rss * r->page_kb : 0;
	bool policy = !strcmp(r->constraint, "CONSTRAINT_MEMORY_POLICY");

	if (policy || !strcmp(r->constraint, "CONSTRAINT_CPUSET"))
		SETTING(e, policy ? "numactl" : "cpuset.mems",
			"more nodes than %s in %s: the others had %ld MB free.",
			policy ? r->nodemask : r->mems_allowed,
			policy ? "its memory policy" : "cpuset.mems",
			mb(free_elsewhere(r, policy ? r->nodemask : r->mems_allowed)));
	if (r->order > 0 && s.usable && s.fragmented)
		SETTING(e, "vm.min_free_kbytes",
			"vm.min_free_kbytes or vm.watermark_scale_factor: larger ones keep more "
			"free, and with it blocks of order %d.",
			r->order);
	if (s.free_other > 65536 && s.above && s.short_of == s.usable)
		SETTING(e, "vm.lowmem_reserve_ratio",
			"vm.lowmem_reserve_ratio: smaller numbers keep the lower zones for "
			"requests that need them.");
	if (r->swap_total_kb >= 0 && r->swap_free_kb < r->swap_total_kb / 50 + 1 &&
	    held(e, "anonymous") > 0)
		SETTING(e, "swap",
			"%ld MB more swap: the %ld MB that the victim held could have gone there "
			"(of %ld MB anonymous memory).",
			mb(kb) + 1, mb(kb), mb(held(e, "anonymous")));
	else if (r->swap_total_kb > 0 && r->swap_free_kb > r->swap_total_kb / 10)
		SETTING(e, "vm.swappiness",
			"vm.swappiness above 0 and no memory.swap.max of 0 let the %ld MB of free "
			"swap be used.",
			mb(r->swap_free_kb));
	if (percent(e, held(e, "pools of huge")) >= 20)
		SETTING(e, "vm.nr_hugepages",
			"vm.nr_hugepages: the pools' %ld MB are kept from everybody else.",
			mb(r->hugetlb_kb));
	if (r->kind == REPORT_ALLOC_FAILURE && r->order == 0)
		SETTING(e, "vm.min_free_kbytes",
			"vm.min_free_kbytes: more is kept for requests that cannot wait.");
}

static void settings_of_group(struct explanation *e)
{
	const struct report *r = e->r;
	long kb = e->victim < e->nr_rank ? e->rank[e->victim].task->rss * r->page_kb : 0;

	if (limit_kb(r) > 0)
		SETTING(e, limit_file(r),
			"%s above %ld MB: the end comes later by what is added; %ld MB more are "
			"what the victim held.",
			limit_file(r), mb(limit_kb(r)), mb(kb));
	if (r->swap_limit_kb == 0 || (r->memsw && r->swap_limit_kb == r->limit_kb))
		SETTING(e, "memory.swap.max",
			"memory.swap.max above 0, where the machine has swap: cold memory leaves "
			"first.");
}

static void why_settings(struct explanation *e)
{
	if (e->r->kind == REPORT_MEMCG_OOM)
		settings_of_group(e);
	else
		settings_of_memory(e);
	if (e->r->kind != REPORT_ALLOC_FAILURE)
		settings_of_victim(e);
}

void explain_why(struct explanation *e)
{
	const struct report *r = e->r;

	if (r->kind == REPORT_MEMCG_OOM) {
		hold_group(e);
		why_group(e);
	} else {
		hold_machine(e);
		why_zones(e);
		why_swap(e);
		why_kernel(e);
		why_cache(e);
	}
	if (e->nr_holders)
		qsort(e->holders, e->nr_holders, sizeof(*e->holders), by_kb);
	why_victim(e);
	why_settings(e);
	if (r->kind == REPORT_OOM && !e->nr_advice)
		ADVICE(e, "limits",
		       "Give the largest process a control group with memory.high and "
		       "memory.max, so that it meets its own limit before the machine's.");
}

bool explain(struct explanation *e, const struct report *r)
{
	*e = (struct explanation){.r = r};
	if (!explain_rank(e))
		return false;
	explain_why(e);
	return true;
}

void explain_free(struct explanation *e)
{
	free(e->rank);
	e->rank = NULL;
}
