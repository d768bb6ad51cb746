/* SPDX-License-Identifier: MIT */
/*
 * Who dirties pages pays for them: a device's share of the limit, its speed, and
 * the pauses of its writers (the second half of Linux's page-writeback.c).
 *
 * The idea: between freerun (half way from the background threshold to the
 * limit) and the limit, a writer sleeps after some pages for as long as they take at its rate.  The
 * rate is the device's dirty_ratelimit, which follows what the device really
 * writes divided by how many write to it, times a factor: 1 where the dirty pages
 * of the machine are half way between freerun and limit, up to 2 below, 0 at the limit;
 * and the same once more for the pages of the device and its share.
 *
 * The share is the device's part of the pages written lately, where "lately" is
 * halved every three seconds.  So a disk that stalls loses its share to the
 * others: its writers sleep, while theirs see a device with few dirty pages, whose factor
 * is up to eight times as large.
 *
 * A task counts what it dirtied (its context does) and looks here when that is
 * as much as it was told the last time.
 *
 * Time is in ticks of 4 ms (HZ=250), as pauses are in Linux.
 *
 * Invariants: none but 0 < dirty_ratelimit, 0 < avg_write_bandwidth: they are estimates.
 *
 * Locks: bdi->wb_lock for the estimates; the domain is changed under it too, by
 * whoever is there: two CPUs that age it at once lose an event.
 *
* A control group has a domain of its own (cgwb.c): of what it may have, dirty_ratio per
 * cent may be dirty.  A writer in it is held back by whichever of the two, the machine's
 * or the group's, is stricter.
 *
 * Differs from Linux: periods are counted when somebody looks, not by a timer; completions
 * are counted in the writeback's one counter, not a CPU's.
 */
#include "cache/internal.h"

#define TICKS_A_SECOND	   250UL
#define TICK		   (NSEC_PER_SEC / TICKS_A_SECOND)
#define MAX_PAUSE	   (TICKS_A_SECOND / 5)
#define BANDWIDTH_INTERVAL (TICKS_A_SECOND / 5)
/* Of a second, as a power of two: divisions are shifts then. */
#define SECOND_POW2	 256UL
#define PERIOD_LEN	 (3 * TICKS_A_SECOND)
#define RATE_SHIFT	 10 /* factors are in 1/1024 */
#define DIRTY_POLL_PAGES (128UL >> (PAGE_SHIFT - 10))

static u64 ticks(struct quire *q)
{
	return quire_clock(q) / TICK;
}

/* ---- the share of pages written lately ------------------------------------------ */

/* Periods that have passed since somebody looked, one by one: when one looks is of no account. */
static void age_domain(struct quire *q, struct wb_domain *dom)
{
	u64 now = ticks(q);

	while (dom->period_time && now >= dom->period_time) {
		if (dom->events <= 1) {
			/* Nothing is left to be halved: time stands until pages are written. */
			dom->period_time = 0;
			return;
		}
		dom->events >>= 1;
		dom->period++;
		dom->period_time += PERIOD_LEN;
	}
}

static void age_completions(const struct wb_domain *dom, struct wb_completions *c)
{
	u32 periods = dom->period - c->period;

	if (!periods)
		return;
	c->events = periods < 64 ? c->events >> periods : 0;
	c->period = dom->period;
}

static void domain_completions(struct quire *q, struct wb_domain *dom, struct wb_completions *c,
			       unsigned int max_ratio, unsigned int nr)
{
	/* A device that may have only so much gains no more than that. */
	if (max_ratio < 100 && (c->events + nr) * 100 > (dom->events + nr) * max_ratio)
		nr = 0;
	age_domain(q, dom);
	age_completions(dom, c);
	c->events += nr;
	dom->events += nr;
	if (!dom->period_time)
		dom->period_time = ticks(q) + PERIOD_LEN;
}

/* The group's domain; NULL: the root has the machine's alone. */
static struct wb_domain *memcg_domain(const struct mem_cgroup *memcg)
{
	return memcg && memcg->cgwb ? &memcg->cgwb->domain : NULL;
}

static void count_completions(struct quire *q, struct bdi_writeback *wb, unsigned int nr)
{
	struct wb_domain *group = memcg_domain(wb->memcg);

	domain_completions(q, &q->cache->wb, &wb->completions, wb->bdi->max_ratio, nr);
	if (group)
		domain_completions(q, group, &wb->memcg_completions, wb->bdi->max_ratio, nr);
}

/* A device's ratios are dealt out among its writebacks by their speed. */
static void min_max_ratio(const struct bdi_writeback *wb, u64 *min_ratio, u64 *max_ratio)
{
	const struct backing_dev *bdi = wb->bdi;
	const struct bdi_writeback *other;
	u64 all = 0;

	*min_ratio = bdi->min_ratio;
	*max_ratio = bdi->max_ratio;
	if (list_is_singular(&bdi->wbs) || (!bdi->min_ratio && bdi->max_ratio == 100))
		return;
	list_for_each_entry (other, &bdi->wbs, bdi_node)
		if (wb_has_dirty_io(other))
			all += other->avg_write_bandwidth;
	if (wb->avg_write_bandwidth >= all)
		return;
	*min_ratio = *min_ratio * wb->avg_write_bandwidth / all;
	if (bdi->max_ratio < 100)
		*max_ratio = *max_ratio * wb->avg_write_bandwidth / all;
}

static unsigned long domain_wb_thresh(struct quire *q, struct wb_domain *dom,
				      struct bdi_writeback *wb, struct wb_completions *c,
				      unsigned long thresh)
{
	u64 num, den, share, min_ratio, max_ratio;

	age_domain(q, dom);
	age_completions(dom, c);
	num = c->events;
	den = max(dom->events, num);
	share = (u64)thresh * (100 - q->cache->wb.min_ratio) / 100;
	share = den ? share * num / den : 0;
	min_max_ratio(wb, &min_ratio, &max_ratio);
	share += (u64)thresh * min_ratio / 100;
	return (unsigned long)min(share, (u64)thresh * max_ratio / 100);
}

unsigned long wb_calc_thresh(struct quire *q, struct bdi_writeback *wb, unsigned long thresh)
{
	return domain_wb_thresh(q, &q->cache->wb, wb, &wb->completions, thresh);
}

/* Dirty pages of a domain at one look. */
struct dirty_control {
	struct wb_domain *dom;
	unsigned long avail; /* pages that could be dirty */
	unsigned long dirty, thresh, bg_thresh;
	unsigned long wb_dirty, wb_thresh, wb_bg_thresh;
	u64 pos_ratio;
};

/*
 * What a group could have dirty: its files, and as much as it may still grow by, if
 * the machine has that of clean memory beside the group's own (Linux's
 * mem_cgroup_wb_stats(), mdtc_calc_avail()).
 */
static void look_at_group_limits(struct quire *q, struct mem_cgroup *memcg, struct dirty_control *m,
				 const struct dirty_control *g, unsigned long g_dirty,
				 unsigned long *dirty)
{
	unsigned long files, writeback, headroom = PAGE_COUNTER_MAX, clean, others;

	m->dom = memcg_domain(memcg);
	*dirty = (unsigned long)memcg_page_state(q, memcg, NR_FILE_DIRTY);
	writeback = (unsigned long)memcg_page_state(q, memcg, NR_WRITEBACK);
	files = (unsigned long)(memcg_page_state(q, memcg, NR_INACTIVE_FILE) +
				memcg_page_state(q, memcg, NR_ACTIVE_FILE));
	m->dirty = *dirty + writeback;
	for (; memcg->parent; memcg = memcg->parent) {
		long ceiling = min(memcg->memory.max, memcg->memory.high);
		long left = ceiling - min(ceiling, HOT_LOAD(&memcg->memory.usage));

		headroom = min(headroom, (unsigned long)left);
	}
	clean = files - min(files, m->dirty);
	others = g->avail - min(g->avail, g_dirty);
	others -= min(others, clean);
	m->avail = files + min(headroom, others);
	domain_dirty_limits(q, m->avail, g->avail, &m->bg_thresh, &m->thresh);
}

bool wb_over_bg_thresh(struct quire *q, struct bdi_writeback *wb)
{
	struct dirty_control g = {.dom = &q->cache->wb}, m = {.dom = NULL};
	/* It may be removed meanwhile; its domain is there until another group is made of it. */
	struct mem_cgroup *memcg = HOT_LOAD(&wb->memcg);
	unsigned long reclaimable = HOT_LOAD(&wb->nr_reclaimable), dirty;

	g.avail = global_dirtyable_memory(q);
	g.dirty = global_node_page_state(q, NR_FILE_DIRTY);
	domain_dirty_limits(q, g.avail, 0, &g.bg_thresh, &g.thresh);
	if (g.dirty > g.bg_thresh || reclaimable > wb_calc_thresh(q, wb, g.bg_thresh))
		return true;
	if (!memcg_domain(memcg))
		return false;
	look_at_group_limits(q, memcg, &m, &g, g.dirty, &dirty);
	return dirty > m.bg_thresh ||
	       reclaimable > domain_wb_thresh(q, m.dom, wb, &wb->memcg_completions, m.bg_thresh);
}

/* ---- estimates ------------------------------------------------------------------ */

/* The limit in force: it follows the threshold up at once, and down slowly. */
static unsigned long hard_dirty_limit(const struct wb_domain *dom, unsigned long thresh)
{
	return max(thresh, dom->dirty_limit);
}

static void update_dirty_limit(struct quire *q, const struct dirty_control *dc)
{
	unsigned long thresh = dc->thresh, dirty = dc->dirty;
	struct wb_domain *dom = dc->dom;
	u64 now = ticks(q);

	if (now < dom->limit_time + BANDWIDTH_INTERVAL && dom->dirty_limit)
		return;
	dom->limit_time = now;
	if (dom->dirty_limit < thresh) {
		dom->dirty_limit = thresh;
		return;
	}
	/* What is dirty already is not over the limit all of a sudden. */
	thresh = max(thresh, dirty);
	if (dom->dirty_limit > thresh)
		dom->dirty_limit -= (dom->dirty_limit - thresh) >> 5;
}

/*
 * The mean of the last four seconds or so, and a smoother one that follows it
 * only while both go the same way.
 */
static void update_write_bandwidth(struct bdi_writeback *wb, u64 elapsed)
{
	const u64 period = roundup_pow_of_two(PERIOD_LEN);
	u64 bw = (wb->nr_written - min(wb->nr_written, wb->written_stamp)) * TICKS_A_SECOND;
	u64 avg = wb->avg_write_bandwidth, old = wb->write_bandwidth;

	if (elapsed > period) {
		bw /= elapsed;
		avg = bw;
	} else {
		bw = (bw + old * (period - elapsed)) / period;
		if (avg > old && old >= bw)
			avg -= (avg - old) >> 3;
		if (avg < old && old <= bw)
			avg += (old - avg) >> 3;
	}
	wb->write_bandwidth = bw;
	wb->avg_write_bandwidth = max(avg, (u64)1);
}

/* Pages that a device's counters may be wrong by in Linux, a batch a CPU: fewer are none. */
static unsigned long wb_stat_error(const struct quire *q)
{
	return q->nr_cpus * 8UL * (1 + ilog2(q->nr_cpus));
}

static unsigned long freerun_ceiling(const struct dirty_control *dc)
{
	return (dc->thresh + dc->bg_thresh) / 2;
}

/* 2 at freerun, 1 at the setpoint, 0 at the limit: a cubic. */
static u64 pos_ratio_polynom(unsigned long setpoint, unsigned long dirty, unsigned long limit)
{
	s64 x = ((s64)setpoint - (s64)dirty) * (1 << RATE_SHIFT) / (s64)((limit - setpoint) | 1);
	s64 ratio = x * x >> RATE_SHIFT;

	ratio = (ratio * x >> RATE_SHIFT) + (1 << RATE_SHIFT);
	return ratio < 0 ? 0 : (u64)min(ratio, (s64)(2 << RATE_SHIFT));
}

/* The same cubic between the thresholds that are the device's alone. */
static u64 strict_pos_ratio(const struct dirty_control *dc, u64 ratio)
{
	unsigned long setpoint = (dc->wb_thresh + dc->wb_bg_thresh) / 2;

	if (dc->wb_dirty < 8)
		return min(2 * ratio, (u64)2 << RATE_SHIFT);
	if (dc->wb_dirty >= dc->wb_thresh || !setpoint || setpoint == dc->wb_thresh)
		return 0;
	return min(ratio, pos_ratio_polynom(setpoint, dc->wb_dirty, dc->wb_thresh));
}

/* Global first; then a line through the device's own setpoint, flatter the more
 * its speed may vary its number of dirty pages. */
static void wb_position_ratio(const struct bdi_writeback *wb, struct dirty_control *dc)
{
	unsigned long freerun = freerun_ceiling(dc), limit = hard_dirty_limit(dc->dom, dc->thresh);
	unsigned long setpoint, wb_setpoint, span, intercept;
	unsigned long wb_thresh = min(dc->wb_thresh, dc->thresh);
	u64 ratio, x;

	dc->pos_ratio = 0;
	if (unlikely(dc->dirty >= limit))
		return;
	setpoint = (freerun + limit) / 2;
	ratio = pos_ratio_polynom(setpoint, dc->dirty, limit);
	if (wb->bdi->strict_limit) {
		dc->pos_ratio = strict_pos_ratio(dc, ratio);
		return;
	}
	/* A device that was idle must be able to begin. */
	wb_thresh = max(wb_thresh, (limit - dc->dirty) / 8);
	x = ((u64)wb_thresh << 16) / (dc->thresh | 1);
	wb_setpoint = (unsigned long)((u64)setpoint * x >> 16);
	span = (unsigned long)((dc->thresh - wb_thresh + 8 * wb->avg_write_bandwidth) * x >> 16);
	intercept = wb_setpoint + span;
	if (dc->wb_dirty < intercept - span / 4)
		ratio = ratio * (intercept - dc->wb_dirty) / ((intercept - wb_setpoint) | 1);
	else
		ratio /= 4;
	/* Few pages of its own: it should not run dry. */
	intercept = wb_thresh / 2;
	if (dc->wb_dirty < intercept)
		ratio = dc->wb_dirty > intercept / 8 ? ratio * intercept / dc->wb_dirty : ratio * 8;
	dc->pos_ratio = ratio;
}

/* Moves the base rate towards (written : dirtied), in steps that grow smaller as the three
 * estimates of it agree. */
static void update_dirty_ratelimit(struct bdi_writeback *wb, const struct dirty_control *dc,
				   u64 elapsed)
{
	unsigned long limit = hard_dirty_limit(dc->dom, dc->thresh);
	unsigned long setpoint = (freerun_ceiling(dc) + limit) / 2, dirty = dc->dirty;
	u64 rate = wb->dirty_ratelimit, step = 0, shift, balanced, task, lo, hi;
	u64 dirty_rate = (wb->nr_dirtied - wb->dirtied_stamp) * TICKS_A_SECOND / elapsed;

	if (wb->bdi->strict_limit) {
		dirty = dc->wb_dirty;
		setpoint = dirty < 8 ? dirty + 1 : (dc->wb_thresh + dc->wb_bg_thresh) / 2;
	}
	task = (rate * dc->pos_ratio >> RATE_SHIFT) + 1;
	balanced = min(task * wb->avg_write_bandwidth / (dirty_rate | 1), wb->avg_write_bandwidth);
	lo = min(wb->balanced_dirty_ratelimit, balanced);
	lo = min(lo, task);
	hi = max(wb->balanced_dirty_ratelimit, balanced);
	hi = max(hi, task);
	if (dirty < setpoint && rate < lo)
		step = lo - rate;
	else if (dirty >= setpoint && rate > hi)
		step = rate - hi;
	shift = rate / (2 * step + 1);
	step = shift < 64 ? DIV_ROUND_UP(step >> shift, 8) : 0;
	rate = rate < balanced ? rate + step : rate - min(step, rate);
	wb->dirty_ratelimit = max(rate, (u64)1);
	wb->balanced_dirty_ratelimit = balanced;
}

/* A look at the estimates, every 200 ms; g, m: from a writer, who knows the limits of the
 * machine and, if it has one, its group. */
static void update_bandwidth(struct quire *q, struct bdi_writeback *wb,
			     const struct dirty_control *g, const struct dirty_control *m)
{
	u64 now = ticks(q), elapsed;

	if (now <= HOT_LOAD(&wb->bw_time) + BANDWIDTH_INTERVAL)
		return;
	spin_lock(q, &wb->bdi->wb_lock);
	elapsed = max(now - min(now, wb->bw_time), (u64)1);
	if (g) {
		update_dirty_limit(q, g);
		update_dirty_ratelimit(wb, g, elapsed);
	}
	if (m) {
		update_dirty_limit(q, m);
		update_dirty_ratelimit(wb, m, elapsed);
	}
	update_write_bandwidth(wb, elapsed);
	wb->dirtied_stamp = wb->nr_dirtied;
	wb->written_stamp = wb->nr_written;
	wb->bw_time = now;
	spin_unlock(q, &wb->bdi->wb_lock);
}

void wb_writeback_begin(struct quire *q, struct bdi_writeback *wb, unsigned int nr)
{
	u64 now = ticks(q);

	/* A second of idleness says nothing about the device. */
	if (!wb->nr_inflight && now > wb->bw_time + TICKS_A_SECOND) {
		wb->bw_time = now;
		wb->dirtied_stamp = wb->nr_dirtied;
		wb->written_stamp = wb->nr_written;
	}
	(void)HOT_ADD(&wb->nr_inflight, nr);
	(void)HOT_ADD(&wb->bdi->nr_inflight, nr);
}

void wb_writeback_done(struct quire *q, struct bdi_writeback *wb, unsigned int nr)
{
	(void)HOT_ADD(&wb->nr_written, nr);
	(void)HOT_SUB(&wb->nr_inflight, nr);
	(void)HOT_SUB(&wb->bdi->nr_inflight, nr);
	count_completions(q, wb, nr);
	update_bandwidth(q, wb, NULL, NULL);
	wake_up(q, &wb->bdi->progress);
}

void wb_init_estimates(struct bdi_writeback *wb)
{
	wb->write_bandwidth = wb->avg_write_bandwidth = INIT_BANDWIDTH;
	wb->dirty_ratelimit = wb->balanced_dirty_ratelimit = INIT_BANDWIDTH;
}

/* ---- pauses --------------------------------------------------------------------- */

/* How many pages a CPU's tasks may dirty before one of them looks. */
void writeback_set_ratelimit(struct quire *q)
{
	unsigned long bg, thresh;

	global_dirty_limits(q, &bg, &thresh);
	q->cache->wb.dirty_limit = thresh;
	q->cache->wb.ratelimit_pages = max(thresh / (q->nr_cpus * 32UL), 16UL);
}

/* Until the next look: the square root of what is left. */
static unsigned int dirty_poll_interval(unsigned long dirty, unsigned long thresh)
{
	return thresh > dirty ? 1u << (ilog2(thresh - dirty) / 2) : 1;
}

/* No longer than the device needs to run half dry. */
static u64 wb_max_pause(const struct bdi_writeback *wb, unsigned long wb_dirty)
{
	u64 t = wb_dirty /
		(1 + wb->avg_write_bandwidth / roundup_pow_of_two(1 + TICKS_A_SECOND / 8));

	return min(t + 1, MAX_PAUSE);
}

/*
 * What is not worth a sleep: half of a pause of 10 ms, longer where many
 * write.  *pages: how many to dirty before the next one.
 */
static u64 wb_min_pause(const struct bdi_writeback *wb, u64 max_pause, u64 task_ratelimit,
			u64 *pages)
{
	u64 rate = wb->dirty_ratelimit, t = max(1UL, TICKS_A_SECOND / 100), pause;
	unsigned int hi = ilog2(wb->avg_write_bandwidth), lo = ilog2(rate);

	if (hi > lo)
		t += (hi - lo) * (10 * TICKS_A_SECOND) / 1024;
	t = min(t, 1 + max_pause / 2);
	*pages = rate * t / SECOND_POW2;
	if (*pages < DIRTY_POLL_PAGES) {
		t = max_pause;
		*pages = rate * t / SECOND_POW2;
		if (*pages > DIRTY_POLL_PAGES) {
			*pages = DIRTY_POLL_PAGES;
			t = TICKS_A_SECOND * DIRTY_POLL_PAGES / rate;
		}
	}
	pause = TICKS_A_SECOND * *pages / (task_ratelimit + 1);
	if (pause > max_pause) {
		t = max_pause;
		*pages = task_ratelimit * t / SECOND_POW2;
	}
	return *pages >= DIRTY_POLL_PAGES ? 1 + t / 2 : t;
}

static void look_at_limits(struct quire *q, struct dirty_control *g)
{
	g->dom = &q->cache->wb;
	g->avail = global_dirtyable_memory(q);
	g->dirty =
		global_node_page_state(q, NR_FILE_DIRTY) + global_node_page_state(q, NR_WRITEBACK);
	domain_dirty_limits(q, g->avail, 0, &g->bg_thresh, &g->thresh);
}

/* The writeback's part of the domain's. */
static void look_at_share(struct quire *q, struct bdi_writeback *wb, struct wb_completions *c,
			  struct dirty_control *dc)
{
	dc->wb_thresh = domain_wb_thresh(q, dc->dom, wb, c, dc->thresh);
	dc->wb_bg_thresh = dc->thresh ? dc->wb_thresh * dc->bg_thresh / dc->thresh : 0;
	dc->wb_dirty = HOT_LOAD(&wb->nr_reclaimable) + HOT_LOAD(&wb->nr_writeback);
}

/* So few that nobody need wait?  Then after how many pages to look again. */
static bool below_freerun(const struct bdi_writeback *wb, const struct dirty_control *dc,
			  unsigned int *interval)
{
	unsigned long dirty = dc->dirty, thresh = dc->thresh, bg = dc->bg_thresh;

	if (wb->bdi->strict_limit) {
		dirty = dc->wb_dirty;
		thresh = dc->wb_thresh;
		bg = dc->wb_bg_thresh;
	}
	*interval = min(*interval, dirty_poll_interval(dirty, thresh));
	return dirty <= (thresh + bg) / 2;
}

static bool exceeded(const struct bdi_writeback *wb, const struct dirty_control *dc)
{
	return dc->wb_dirty > dc->wb_thresh && (dc->dirty > dc->thresh || wb->bdi->strict_limit);
}

/* m: NULL without a group.  The domain that holds the writer back more. */
static const struct dirty_control *look_at_device(struct quire *q, struct bdi_writeback *wb,
						  struct dirty_control *g, struct dirty_control *m)
{
	wb_position_ratio(wb, g);
	if (m)
		wb_position_ratio(wb, m);
	wb->dirty_exceeded = exceeded(wb, g) || (m && exceeded(wb, m));
	update_bandwidth(q, wb, g, m);
	return m && m->pos_ratio < g->pos_ratio ? m : g;
}

static void set_dirtied(struct quire_context *ctx, u64 when, u64 pages)
{
	ctx->dirty_paused_when = when;
	ctx->nr_dirtied = 0;
	/* 0 stands for a task that never looked. */
	ctx->nr_dirtied_pause = (unsigned int)clamp(pages, (u64)1, (u64)UINT32_MAX);
}

/* Asleep for the device: until now + pause. */
static void pause_dirtier(struct quire *q, struct backing_dev *bdi, u64 pause)
{
	(void)HOT_ADD(&bdi->nr_throttled, 1);
	psi_stall_enter(q, PSI_IO);
	sleep_ns(q, pause * TICK);
	psi_stall_leave(q, PSI_IO);
	(void)HOT_SUB(&bdi->nr_throttled, 1);
	bdi->throttled_ticks += pause;
}

/* Was little enough dirtied for its time?  Then there is no pause; what is owed is
 * remembered. */
static bool too_short(struct quire_context *ctx, s64 pause, u64 min_pause, u64 period, u64 now,
		      unsigned int dirtied)
{
	if (pause >= (s64)min_pause)
		return false;
	if (pause < -(s64)TICKS_A_SECOND) {
		ctx->dirty_paused_when = now;
		ctx->nr_dirtied = 0;
	} else if (period) {
		ctx->dirty_paused_when += period;
		ctx->nr_dirtied = 0;
	} else if (ctx->nr_dirtied_pause <= dirtied) {
		ctx->nr_dirtied_pause += dirtied;
	}
	return true;
}

static void start_background(struct quire *q, struct bdi_writeback *wb)
{
	if (HOT_LOAD(&wb->running))
		return;
	HOT_STORE(&wb->background_wanted, true);
	wake_up(q, &wb->bdi->flusher_wait);
}

/* A device without a thread is written by whoever waits: false if there is nothing to wait for. */
static bool write_some(struct quire *q, struct bdi_writeback *wb)
{
	struct wb_work work = {.nr_pages = 1024, .dirtied_before = UINT64_MAX};

	return wb_writeback(q, wb, &work) || wb->bdi->nr_inflight;
}

/* For how long the task is to sleep for what it dirtied, in ticks; -1: it may go on.  *pages:
 * how many to dirty before the next look. */
static s64 pause_of(const struct bdi_writeback *wb, const struct dirty_control *dc,
		    u64 task_ratelimit, unsigned int dirtied, struct quire_context *ctx, u64 *now,
		    u64 *pages)
{
	u64 period;
	u64 max_pause = wb_max_pause(wb, dc->wb_dirty);
	u64 min_pause = wb_min_pause(wb, max_pause, task_ratelimit, pages);
	s64 pause;

	if (!task_ratelimit)
		return (s64)max_pause;
	period = TICKS_A_SECOND * dirtied / task_ratelimit;
	pause = (s64)period;
	if (ctx->dirty_paused_when)
		pause -= (s64)(*now - min(*now, ctx->dirty_paused_when));
	if (too_short(ctx, pause, min_pause, period, *now, dirtied))
		return -1;
	if (pause > (s64)max_pause) {
		/* What it owes beyond that is due the next time. */
		*now += min((u64)pause - max_pause, max_pause);
		pause = (s64)max_pause;
	}
	return pause;
}

/* One round of the loop below; true: the task may go on. */
static bool balance_once(struct quire *q, struct bdi_writeback *wb, unsigned int dirtied)
{
	struct mem_cgroup *memcg = HOT_LOAD(&wb->memcg);
	struct dirty_control g, group, *m = memcg_domain(memcg) ? &group : NULL;
	const struct dirty_control *dc;
	unsigned int interval = UINT32_MAX;
	u64 now = ticks(q), pages = 0, task_ratelimit;
	unsigned long dirty;
	bool free;
	s64 pause;

	look_at_limits(q, &g);
	look_at_share(q, wb, &wb->completions, &g);
	if (m) {
		look_at_group_limits(q, memcg, m, &g, g.dirty, &dirty);
		look_at_share(q, wb, &wb->memcg_completions, m);
	}
	if (!q->cache->laptop_mode && global_node_page_state(q, NR_FILE_DIRTY) > g.bg_thresh)
		start_background(q, wb);
	free = below_freerun(wb, &g, &interval);
	if (m && !below_freerun(wb, m, &interval))
		free = false;
	if (free) {
		wb->dirty_exceeded = false;
		set_dirtied(current_context(q), now, interval);
		return true;
	}
	start_background(q, wb);
	mem_cgroup_flush_foreign(q, wb);
	if (!wb->bdi->has_flusher && !write_some(q, wb))
		return true;
	dc = look_at_device(q, wb, &g, m);
	task_ratelimit = wb->dirty_ratelimit * dc->pos_ratio >> RATE_SHIFT;
	pause = pause_of(wb, dc, task_ratelimit, dirtied, current_context(q), &now, &pages);
	if (pause < 0)
		return true;
	pause_dirtier(q, wb->bdi, (u64)pause);
	set_dirtied(current_context(q), now + (u64)pause, pages);
	/* Where another device holds all that may be dirty, one with next to nothing goes on. */
	return task_ratelimit || dc->wb_dirty <= wb_stat_error(q);
}

static void balance_dirty_pages(struct quire *q, struct bdi_writeback *wb, unsigned int dirtied)
{
	while (!q->stopping && !balance_once(q, wb, dirtied) && !fatal_signal(q))
		;
}

void balance_dirty_pages_ratelimited(struct quire *q, struct address_space *m)
{
	struct quire_context *ctx = current_context(q);
	struct wb_cpu *cpu = &q->cache->wb.cpu[smp_processor_id(q)];
	struct backing_dev *bdi = m->host->i_sb->bdi;
	struct bdi_writeback *wb;
	unsigned int limit =
		ctx->nr_dirtied_pause ? ctx->nr_dirtied_pause : (unsigned int)DIRTY_POLL_PAGES;

	if (!bdi)
		return;
	/* Its own group's, whoever the file belongs to. */
	wb = wb_get_create(q, bdi, current_memcg(q), GFP_NOWAIT);
	if (wb->dirty_exceeded)
		limit = min(limit, (unsigned int)DIRTY_POLL_PAGES / 4);
	/* Many tasks with little each are much together. */
	if (ctx->nr_dirtied >= limit) {
		cpu->dirtied = 0;
	} else if (cpu->dirtied >= q->cache->wb.ratelimit_pages) {
		cpu->dirtied = 0;
		limit = 0;
	}
	/* What tasks dirtied that have ended since: somebody pays. */
	if (cpu->leaked && ctx->nr_dirtied < limit) {
		unsigned int nr = min(cpu->leaked, limit - ctx->nr_dirtied);

		cpu->leaked -= nr;
		ctx->nr_dirtied += nr;
	}
	if (ctx->nr_dirtied >= limit)
		balance_dirty_pages(q, wb, ctx->nr_dirtied);
}

void dirty_throttle_leak(struct quire *q)
{
	struct quire_context *ctx = current_context(q);

	q->cache->wb.cpu[smp_processor_id(q)].leaked += ctx->nr_dirtied;
	ctx->nr_dirtied = 0;
}
