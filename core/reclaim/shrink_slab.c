/* SPDX-License-Identifier: MIT */
/*
 * Caches of objects give memory back (Linux's shrink_slab()).
 *
 * The idea: a shrinker is asked how many objects it could free, and is then
 * asked to look at a share of them as large as the share of the page lists
 * that is being scanned: count >> priority, times 4 / seeks (what it costs to
 * make an object again).  Shares below its batch are deferred and added to
 * the next call's, so small caches feel pressure too.
 *
 * A shrinker is asked about one node at a time, and its deferred work is that
 * node's.  One that knows groups is asked about one group at a time as well; the
 * others are the machine's, and a group's reclaim leaves them alone.
 *
 * Locks: none; shrinkers are registered while the machine is set up, and their
 * functions may sleep.
 */
#include "reclaim/internal.h"

#define SHRINK_BATCH 128

static long *deferred_of(struct quire *q, struct shrinker *s, struct shrink_control *sc)
{
	return sc->memcg ? s->memcg_deferred(q, s, sc) : &s->nr_deferred[sc->nid];
}

static unsigned long do_shrink_slab(struct quire *q, struct shrinker *s, struct shrink_control *sc,
				    int priority)
{
	unsigned long batch = s->batch > 0 ? (unsigned long)s->batch : SHRINK_BATCH;
	unsigned long freeable, delta, total_scan, scanned = 0, freed = 0;
	long deferred, next, *put_off;

	freeable = s->count_objects(q, s, sc);
	if (!freeable || freeable == SHRINK_EMPTY)
		return 0;
	put_off = deferred_of(q, s, sc);
	if (!put_off)
		return 0;
	deferred = HOT_LOAD(put_off);
	HOT_STORE(put_off, 0);
	if (s->seeks)
		delta = (freeable >> priority) * 4 / (unsigned long)s->seeks;
	else
		/* They cost nothing to make again: half of them each time. */
		delta = freeable / 2;
	total_scan = min(((unsigned long)deferred >> priority) + delta, 2 * freeable);

	/* Less than a batch waits for more, unless it is all there is. */
	while (total_scan >= batch || total_scan >= freeable) {
		unsigned long ret;

		sc->nr_to_scan = min(batch, total_scan);
		sc->nr_scanned = sc->nr_to_scan;
		ret = s->scan_objects(q, s, sc);
		if (ret == SHRINK_STOP)
			break;
		freed += ret;
		count_vm_events(q, SLABS_SCANNED, sc->nr_scanned);
		charge_ns(q, sc->nr_scanned * q->cost.shrink_object);
		if (!sc->nr_scanned)
			break;
		total_scan -= min(total_scan, sc->nr_scanned);
		scanned += sc->nr_scanned;
		cond_resched(q);
	}
	next = (long)delta + deferred - (long)scanned;
	next = min(max(next, 0L), (long)(2 * freeable));
	/* The group may be gone, and its lists its parent's. */
	put_off = deferred_of(q, s, sc);
	if (put_off)
		(void)HOT_ADD(put_off, next);
	return freed;
}

/* Objects freed.  memcg NULL or the root: those that no group pays for. */
unsigned long shrink_slab(struct quire *q, gfp_t gfp, unsigned int nid, struct mem_cgroup *memcg,
			  int priority)
{
	unsigned long freed = 0;
	struct shrinker *s;

	memcg = memcg_or_root(q, memcg);
	list_for_each_entry (s, shrinker_list(q), list) {
		struct shrink_control sc = {.gfp = gfp, .nid = nid, .memcg = memcg};

		if (memcg && !s->memcg_deferred)
			continue;
		freed += do_shrink_slab(q, s, &sc, priority);
		cond_resched(q);
	}
	return freed;
}

/* drop_caches, bit 1: as long as it frees a good part more each time. */
void drop_slab(struct quire *q)
{
	struct task *task = current_task(q);
	unsigned long freed;
	int shift = 0;

	do {
		freed = 0;
		for_each_node (q, nid) {
			struct mem_cgroup *memcg = mem_cgroup_iter(q, NULL, NULL);

			if (task && fatal_signal_pending(task))
				return;
			for (; memcg; memcg = mem_cgroup_iter(q, NULL, memcg))
				freed += shrink_slab(q, GFP_KERNEL, nid, memcg, 0);
		}
	} while (freed >> shift++ > 1);
}
