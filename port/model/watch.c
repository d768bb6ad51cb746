/* SPDX-License-Identifier: MIT */
/*
 * Stands between the core and what the core calls when memory is short.
 *
 * The upper floors register small tables of functions (page_pressure_ops,
 * group_pressure_ops); this file puts its own in their place, which time the
 * real ones on the virtual clock and tell who asked to be told.  Nothing is
 * charged and nothing is changed, so a watched run is the same run.
 *
 * Latencies are kept in buckets, eight to a power of two.
 */
#include "port/model/internal.h"
#include "oom/oom.h"
#include "port/model/keep.h"

#include <stdlib.h>

struct watch {
	struct page_pressure_ops page;
	struct group_pressure_ops group;
};

/* ---- latencies ---------------------------------------------------------------- */

static unsigned int bucket_of(u64 ns)
{
	unsigned int top;

	if (ns < 8)
		return (unsigned int)ns;
	top = 63 - (unsigned int)__builtin_clzl(ns);
	return min((top - 2) * 8 + (unsigned int)(ns >> (top - 3) & 7), LATENCY_BUCKETS - 1U);
}

/* The longest time that falls into the bucket. */
static u64 bucket_end(unsigned int bucket)
{
	unsigned int top = bucket / 8 + 2;

	if (bucket < 8)
		return bucket;
	return (1UL << top) + ((u64)(bucket % 8 + 1) << (top - 3)) - 1;
}

void latency_add(struct latency *l, u64 ns)
{
	l->count++;
	l->sum += ns;
	l->max = max(l->max, ns);
	l->bucket[bucket_of(ns)]++;
}

u64 latency_percentile(const struct latency *l, u64 fast, unsigned int part)
{
	u64 total = l->count + fast, want = total / 10000 * part + total % 10000 * part / 10000;
	u64 seen = fast;

	if (!l->count || want < fast)
		return 0;
	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->bucket[i];
		if (seen > want)
			return min(bucket_end(i), l->max);
	}
	return l->max;
}

const struct latency *model_latency(struct model *m, enum model_latency which)
{
	return &m->latency[which];
}

/* ---- the tables ----------------------------------------------------------------- */

static struct model *begin(struct quire *q, u64 *began)
{
	struct model *m = q->port_ctx;

	if (m->on_reclaim)
		m->on_reclaim(m->on_reclaim_ctx);
	*began = sched_peek(m);
	return m;
}

static void end(struct model *m, enum model_latency which, u64 began)
{
	latency_add(&m->latency[which], sched_peek(m) - began);
}

static void watch_wakeup_kswapd(struct quire *q, struct zone *zone, gfp_t gfp, unsigned int order,
				int highest_zoneidx)
{
	u64 began;
	struct model *m = begin(q, &began);

	m->watch->page.wakeup_kswapd(q, zone, gfp, order, highest_zoneidx);
}

static unsigned long watch_try_to_free_pages(struct quire *q, struct alloc_context *ac)
{
	u64 began;
	struct model *m = begin(q, &began);
	unsigned long freed = m->watch->page.try_to_free_pages(q, ac);

	end(m, LATENCY_ALLOC, began);
	return freed;
}

static bool watch_out_of_memory(struct quire *q, struct alloc_context *ac)
{
	struct oom_control oc = {
		.zonelist = ac->zonelist,
		.nodemask = ac->nodemask,
		.gfp_mask = ac->gfp,
		.order = (int)ac->order,
	};
	u64 began;
	struct model *m = begin(q, &began);
	bool again;

	if (m->on_oom)
		m->on_oom(m->on_oom_ctx, &oc);
	again = m->watch->page.out_of_memory(q, ac);

	end(m, LATENCY_ALLOC, began);
	return again;
}

static enum compact_result watch_try_to_compact_pages(struct quire *q, struct alloc_context *ac,
						      enum compact_priority prio,
						      struct page **capture)
{
	u64 began;
	struct model *m = begin(q, &began);
	enum compact_result result = m->watch->page.try_to_compact_pages(q, ac, prio, capture);

	end(m, LATENCY_ALLOC, began);
	return result;
}

static unsigned long watch_try_to_free_mem_cgroup_pages(struct quire *q, struct mem_cgroup *memcg,
							unsigned long nr_pages, gfp_t gfp)
{
	u64 began;
	struct model *m = begin(q, &began);
	unsigned long freed = m->watch->group.try_to_free_mem_cgroup_pages(q, memcg, nr_pages, gfp);

	end(m, LATENCY_CHARGE, began);
	return freed;
}

static bool watch_mem_cgroup_out_of_memory(struct quire *q, struct mem_cgroup *memcg, gfp_t gfp,
					   unsigned int order)
{
	struct oom_control oc = {.memcg = memcg, .gfp_mask = gfp, .order = (int)order};
	struct model *m = q->port_ctx;

	if (m->on_oom)
		m->on_oom(m->on_oom_ctx, &oc);
	return m->watch->group.mem_cgroup_out_of_memory(q, memcg, gfp, order);
}

bool watch_attach(struct model *m)
{
	struct page_pressure_ops *page = &m->q->page->ops;
	struct group_pressure_ops *group = &m->q->group->ops;

	m->watch = keep_calloc(1, sizeof(*m->watch));
	if (!m->watch)
		return false;
	m->watch->page = *page;
	m->watch->group = *group;
	if (page->wakeup_kswapd)
		page->wakeup_kswapd = watch_wakeup_kswapd;
	if (page->try_to_free_pages)
		page->try_to_free_pages = watch_try_to_free_pages;
	if (page->out_of_memory)
		page->out_of_memory = watch_out_of_memory;
	if (page->try_to_compact_pages)
		page->try_to_compact_pages = watch_try_to_compact_pages;
	if (group->try_to_free_mem_cgroup_pages)
		group->try_to_free_mem_cgroup_pages = watch_try_to_free_mem_cgroup_pages;
	if (group->mem_cgroup_out_of_memory)
		group->mem_cgroup_out_of_memory = watch_mem_cgroup_out_of_memory;
	return true;
}

/* The instance is gone, or goes with its memory. */
void watch_detach(struct model *m)
{
	keep_free(m->watch);
	m->watch = NULL;
}

void model_on_reclaim(struct model *m, void (*fn)(void *ctx), void *ctx)
{
	m->on_reclaim = fn;
	m->on_reclaim_ctx = ctx;
}

void model_on_oom(struct model *m, void (*fn)(void *ctx, const struct oom_control *oc), void *ctx)
{
	m->on_oom = fn;
	m->on_oom_ctx = ctx;
}

void model_forked(struct model *m)
{
	prefault_forked(m);
}

void model_restored(struct model *m)
{
	/* What it points to was the other process's. */
	m->prefault = NULL;
	prefault_start(m);
}
