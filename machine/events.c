/* SPDX-License-Identifier: MIT */
/*
 * What happened: the machine's event log.
 *
 * Kills are told by the killer itself at their instant.  The rest is seen from
 * outside, once a simulated second, by comparing counters of /proc/vmstat with
 * the second before: the first time each thing happens, and again after it has
 * not happened for ten minutes.  Once a minute a sample of the state is kept,
 * from which the story draws its pictures.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/events.h"
#include "port/model/keep.h"

#define QUIET_NS (600 * NS_SEC)

struct event_log *event_log_create(struct machine *m)
{
	struct event_log *log = keep_calloc(1, sizeof(*log));

	(void)m;
	return log;
}

void event_log_free(struct event_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < log->nr; i++)
		keep_free(log->events[i].text);
	for (size_t i = 0; i < log->nr_kills; i++)
		keep_free(log->kills[i].runners_up);
	keep_free(log->events);
	keep_free(log->samples);
	keep_free(log->holders);
	keep_free(log->kills);
	keep_free(log);
}

/* Room for one more; false when the host has no memory. */
static bool room(void **array, size_t *cap, size_t nr, size_t size)
{
	size_t n = *cap ? *cap * 2 : 64;
	void *p;

	if (nr < *cap)
		return true;
	p = keep_realloc(*array, n * size);
	if (!p)
		return false;
	*array = p;
	*cap = n;
	return true;
}

void event_add(struct machine *m, enum event_kind kind, const char *fmt, ...)
{
	struct event_log *log = m->log;
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!room((void **)&log->events, &log->cap, log->nr, sizeof(*log->events)))
		return;
	log->events[log->nr++] = (struct event){machine_now(m), kind, keep_strdup(text)};
}

/* True when something of this kind is news: never, or long ago. */
static bool is_news(struct machine *m, unsigned int topic)
{
	u64 now = machine_now(m) + 1, last = m->log->last[topic];

	m->log->last[topic] = now;
	if (!m->log->first[topic])
		m->log->first[topic] = now;
	return !last || now - last > QUIET_NS;
}

/* ---- kills ------------------------------------------------------------------ */

static int by_points(const void *a, const void *b)
{
	const struct runner_up *x = a, *y = b;

	if (x->points != y->points)
		return x->points < y->points ? 1 : -1;
	return x->pid - y->pid;
}

static struct runner_up describe(struct quire *q, struct task *p, unsigned long totalpages)
{
	struct runner_up r = {
		.pid = p->pid,
		.adj = p->signal->oom_score_adj,
		.points = oom_badness(q, p, totalpages),
		.rss = get_mm_rss(p->mm),
		.swap = get_mm_counter(p->mm, MM_SWAPENTS),
	};

	memcpy(r.comm, p->comm, sizeof(r.comm));
	return r;
}

/* Who else was there, by the killer's own arithmetic, before the kill. */
static void note_runners_up(struct machine *m, struct kill_note *k, const struct oom_control *oc)
{
	struct task *p;
	size_t n = 0, cap = m->q->space->nr_processes + 1;

	k->runners_up = keep_calloc(cap, sizeof(*k->runners_up));
	if (!k->runners_up)
		return;
	for_each_process(m->q, p)
	{
		struct runner_up r;

		if (!p->mm || n >= cap)
			continue;
		r = describe(m->q, p, oc->totalpages);
		if (r.rss + r.swap > k->largest.rss + k->largest.swap)
			k->largest = r;
		if (r.points != LONG_MIN && p->pid != k->pid)
			k->runners_up[n++] = r;
	}
	qsort(k->runners_up, n, sizeof(*k->runners_up), by_points);
	for (size_t i = n; i-- > 0;)
		if (strcmp(k->runners_up[i].comm, k->comm))
			k->rival = k->runners_up[i];
	k->nr_runners_up = min_t(size_t, n, 5);
}

static void on_kill(struct quire *q, struct task *victim, const struct oom_control *oc, void *ctx)
{
	struct machine *m = ctx;
	struct event_log *log = m->log;
	struct kill_note *k;

	if (!room((void **)&log->kills, &log->cap_kills, log->nr_kills, sizeof(*log->kills)))
		return;
	k = &log->kills[log->nr_kills++];
	*k = (struct kill_note){
		.ns = machine_now(m),
		.pid = victim->pid,
		.adj = victim->signal->oom_score_adj,
		.points = oc->chosen_points,
		.totalpages = oc->totalpages,
		.memcg = oc->memcg != NULL,
		.free_pages = si_mem_free(q),
		.swap_free = (unsigned long)max_t(long, q->swap->nr_swap_pages, 0),
	};
	memcpy(k->comm, victim->comm, sizeof(k->comm));
	if (current_task(q))
		memcpy(k->invoker, current_task(q)->comm, sizeof(k->invoker));
	if (victim->mm) {
		k->anon = get_mm_counter(victim->mm, MM_ANONPAGES);
		k->file = get_mm_counter(victim->mm, MM_FILEPAGES);
		k->shmem = get_mm_counter(victim->mm, MM_SHMEMPAGES);
		k->swap = get_mm_counter(victim->mm, MM_SWAPENTS);
	}
	note_runners_up(m, k, oc);
	event_add(m, EV_OOM_KILL,
		  "the OOM killer takes %s (pid %d): %lu MB resident, score %ld, oom_score_adj %d",
		  k->comm, k->pid, (k->anon + k->file + k->shmem) >> 8, k->points, k->adj);
}

static void on_log(void *ctx, int level, u64 time_ns, const char *text, size_t len)
{
	struct machine *m = ctx;

	(void)time_ns;
	if (level <= KERN_EMERG) {
		m->panicked = true;
		event_add(m, EV_PANIC, "%.*s", (int)len, text);
	}
}

/* The machine stops, the program goes on; the log said why. */
static void on_panic(void *ctx, const char *message)
{
	struct machine *m = ctx;

	if (!m->panicked)
		event_add(m, EV_PANIC, "Kernel panic - not syncing: %s", message);
	m->panicked = true;
}

/* ---- samples ---------------------------------------------------------------- */

static void take(struct machine *m, struct sample *s)
{
	struct quire *q = m->q;

	*s = (struct sample){
		.ns = machine_now(m),
		.free = si_mem_free(q),
		.anon = global_node_page_state(q, NR_ANON_MAPPED),
		.shmem = global_node_page_state(q, NR_SHMEM),
		.slab = global_node_page_state(q, NR_SLAB_RECLAIMABLE) +
			global_node_page_state(q, NR_SLAB_UNRECLAIMABLE),
		.dirty = global_node_page_state(q, NR_FILE_DIRTY) +
			 global_node_page_state(q, NR_WRITEBACK),
		.page_tables = global_node_page_state(q, NR_PAGETABLE),
		.swap_used = q->swap->total_swap_pages -
			     (unsigned long)max_t(long, q->swap->nr_swap_pages, 0),
		.zswap_pool = zswap_stats(q)->pool_total_size >> PAGE_SHIFT,
		.zswap_stored = zswap_stats(q)->stored_pages,
		.zswpout = global_vm_event(q, ZSWPOUT),
		.pswpout = global_vm_event(q, PSWPOUT),
		.pgscan_kswapd = global_vm_event(q, PGSCAN_KSWAPD),
		.pgsteal = global_vm_event(q, PGSTEAL_KSWAPD) + global_vm_event(q, PGSTEAL_DIRECT),
		.allocstall = q->reclaim->nr_direct_stalls,
		.stall_ns = q->reclaim->stall_ns,
		.kills = q->oom->nr_kills,
		.pgfault = global_vm_event(q, PGFAULT),
		.pgmajfault = global_vm_event(q, PGMAJFAULT),
		.pswpin = global_vm_event(q, PSWPIN),
		.zswpin = global_vm_event(q, ZSWPIN),
		.refault_anon = global_node_page_state(q, WORKINGSET_REFAULT_ANON),
		.refault_file = global_node_page_state(q, WORKINGSET_REFAULT_FILE),
		.pgscan_direct = global_vm_event(q, PGSCAN_DIRECT),
		.compact_stall = global_vm_event(q, COMPACTSTALL),
		.thp_fault = global_vm_event(q, THP_FAULT_ALLOC),
		.kernel_stack = global_node_page_state(q, NR_KERNEL_STACK_KB) >> 2,
		.processes = q->space->nr_processes,
	};
	for (unsigned int state = 0; state < 2; state++) {
		s->psi[0][state] = q->group->psi.total[PSI_MEM][state];
		s->psi[1][state] = q->group->psi.total[PSI_IO][state];
	}
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			s->mark_min += min_wmark_pages(zone);
			s->mark_low += low_wmark_pages(zone);
			s->mark_high += high_wmark_pages(zone);
		}
	}
	s->file = global_node_page_state(q, NR_FILE_PAGES);
	s->file -= min(s->file, s->shmem);
}

static unsigned long mb(unsigned long pages)
{
	return pages >> 8;
}

static void watch_nodes(struct machine *m)
{
	for_each_node (m->q, nid) {
		struct pglist_data *pgdat = NODE_DATA(m->q, nid);
		struct zone *zone = &pgdat->node_zones[ZONE_NORMAL];
		unsigned long free = zone_page_state(zone, NR_FREE_PAGES);

		if (!zone->managed_pages)
			continue;
		if (free < low_wmark_pages(zone) && is_news(m, TOPIC_LOW + nid))
			event_add(m, EV_WATERMARK,
				  "node %u is full: %lu MB free in zone Normal, below low (%lu MB)",
				  nid, mb(free), mb(low_wmark_pages(zone)));
		if (free < min_wmark_pages(zone) && is_news(m, TOPIC_MIN + nid))
			event_add(
				m, EV_WATERMARK,
				"node %u: %lu MB free, below min (%lu MB): only reserves are left",
				nid, mb(free), mb(min_wmark_pages(zone)));
	}
}

static void watch_counters(struct machine *m, const struct sample *s, const struct sample *was)
{
	struct event_log *log = m->log;

	if (s->pgscan_kswapd > was->pgscan_kswapd && is_news(m, TOPIC_KSWAPD))
		event_add(m, EV_KSWAPD_WAKE,
			  "kswapd begins to reclaim: %lu MB free, page cache %lu MB", mb(s->free),
			  mb(s->file));
	log->peak_file = max(log->peak_file, s->file);
	if (log->peak_file > s->file * 4 && log->peak_file > 65536 && is_news(m, TOPIC_CACHE))
		event_add(m, EV_CACHE_LOW,
			  "the page cache is down to %lu MB from %lu MB: clean pages went first",
			  mb(s->file), mb(log->peak_file));
	if (s->zswpout > was->zswpout && is_news(m, TOPIC_ZSWAP))
		event_add(m, EV_ZSWAP_FIRST, "cold anonymous pages go to zswap, compressed");
	if (s->pswpout > was->pswpout && is_news(m, TOPIC_SWAP))
		event_add(m, EV_SWAP_FIRST,
			  "pages are written to the swap device (%lu MB of swap in use)",
			  mb(s->swap_used));
	if (m->q->swap->total_swap_pages && m->q->swap->nr_swap_pages < 1024 &&
	    is_news(m, TOPIC_SWAP_FULL))
		event_add(m, EV_SWAP_FULL, "swap is full: %lu MB used", mb(s->swap_used));
	if (s->allocstall > was->allocstall && is_news(m, TOPIC_DIRECT))
		event_add(m, EV_DIRECT_RECLAIM,
			  "direct reclaim: tasks must free memory themselves and wait (%lu stalls "
			  "in this second)",
			  s->allocstall - was->allocstall);
}

static int by_size(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;
	unsigned long xs = x->rss + x->swap, ys = y->rss + y->swap;

	return xs != ys ? (xs < ys ? 1 : -1) : strcmp(x->comm, y->comm);
}

/* Adds a process up with its namesakes. */
static void add_holder(struct holder *all, size_t *nr, size_t cap, const struct task *p)
{
	size_t i = 0;

	while (i < *nr && strcmp(all[i].comm, p->comm))
		i++;
	if (i == cap)
		return;
	if (i == *nr) {
		memcpy(all[i].comm, p->comm, sizeof(p->comm));
		(*nr)++;
	}
	all[i].rss += get_mm_rss(p->mm);
	all[i].swap += get_mm_counter(p->mm, MM_SWAPENTS);
}

static void keep(struct machine *m, const struct sample *s)
{
	struct event_log *log = m->log;
	struct holder all[128] = {0};
	size_t nr = 0;
	struct task *p;

	if (!room((void **)&log->samples, &log->cap_samples, log->nr_samples, sizeof(*s)) ||
	    !room((void **)&log->holders, &log->cap_holders, log->nr_samples,
		  sizeof(*log->holders)))
		return;
	for_each_process(m->q, p) if (p->mm) add_holder(all, &nr, ARRAY_SIZE(all), p);
	qsort(all, nr, sizeof(all[0]), by_size);
	memcpy(log->holders[log->nr_samples], all, sizeof(*log->holders));
	log->samples[log->nr_samples++] = *s;
	if (m->record)
		record_sample(m, s->ns);
}

void events_sample(struct machine *m)
{
	struct event_log *log = m->log;
	struct sample s;

	take(m, &s);
	watch_nodes(m);
	watch_counters(m, &s, &log->was);
	log->was = s;
	log->peak_swap = max(log->peak_swap, s.swap_used);
	log->least_free = min(log->least_free, s.free);
	if (s.ns / (60 * NS_SEC) == log->nr_samples - 1 || machine_now(m) == 0)
		return;
	keep(m, &s);
}

void events_attach(struct machine *m)
{
	m->q->oom->on_kill = on_kill;
	m->q->oom->on_kill_ctx = m;
	model_on_log(m->model, on_log, m);
	model_on_panic(m->model, on_panic, m);
}

void events_begin(struct machine *m)
{
	struct event_log *log = m->log;
	struct sample s;

	take(m, &s);
	log->was = s;
	log->least_free = s.free;
	keep(m, &s);
	event_add(m, EV_BOOT, "%u processes run on %lu MB of memory, %lu MB free", s.processes,
		  mb(m->q->node->totalram_pages), mb(s.free));
}

size_t machine_events(struct machine *m, const struct event **events)
{
	*events = m->log->events;
	return m->log->nr;
}

void machine_write_events(struct machine *m, FILE *f)
{
	for (size_t i = 0; i < m->log->nr; i++)
		fprintf(f, "%12llu.%09llu %s\n",
			(unsigned long long)(m->log->events[i].ns / NS_SEC),
			(unsigned long long)(m->log->events[i].ns % NS_SEC),
			m->log->events[i].text);
}
