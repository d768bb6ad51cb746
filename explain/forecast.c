/* SPDX-License-Identifier: MIT */
/*
 * How fast memory goes, and where that ends.
 *
 * The idea: what is left until the killer comes is one number at each picture
 * (pages above min watermarks and reserves, page cache and slab that reclaim
 * can take, swap), and it shrinks by what everybody together takes, whoever it
 * is: tmpfs and kernel memory are in it.  A line through the pictures gives the
 * rate and, where there are three or more, its interval.  The same line for
 * each process gives who will hold how much at that time, and the killer's own
 * arithmetic then says who goes.
 *
 * Two pictures have no scatter: the interval is then what the counters
 * themselves may lag behind (per-CPU lists and statistics, 64 faults a thread).
 */
#include "explain/forecast.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LAG_PROCESS_KB 256.0 /* SPLIT_RSS_COUNTING: 64 faults */
#define LAG_MACHINE_KB 1024.0
#define PAGE_KB	       4
/* Of one picture: the part of what a process holds that came, and comes, steadily,
 * and the least age that counts, so that what just started is no avalanche. */
#define STEADY	     0.5
#define STEADY_LEAST 0.1
#define YOUNG_S	     30.0

/* ---- a line through points ----------------------------------------------------- */

struct line {
	double n, t, y, tt, ty, yy;
};

static void line_add(struct line *l, double t, double y)
{
	l->n++;
	l->t += t;
	l->y += y;
	l->tt += t * t;
	l->ty += t * y;
	l->yy += y * y;
}

/* Student's t for 95 %, by degrees of freedom. */
static double student(double df)
{
	static const double t[] = {12.7, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23};

	return df < 1 ? t[0] : df <= 10 ? t[(int)df - 1] : df <= 30 ? 2.1 : 1.96;
}

static struct rate line_rate(const struct line *l, double lag_kb)
{
	double stt = l->n > 0 ? l->tt - l->t * l->t / l->n : 0, sty, syy, left, half, slope;

	if (l->n < 2 || stt <= 0)
		return (struct rate){0};
	sty = l->ty - l->t * l->y / l->n;
	syy = l->yy - l->y * l->y / l->n;
	slope = sty / stt;
	left = syy - slope * sty;
	half = l->n > 2 && left > 0 ? student(l->n - 2) * sqrt(left / (l->n - 2) / stt) : 0;
	/* Ends that are off by the lag, each. */
	half = fmax(half, lag_kb / sqrt(stt));
	return (struct rate){slope, slope - half, slope + half};
}

/* ---- what is left -------------------------------------------------------------- */

static double at_least_0(long n)
{
	return n > 0 ? (double)n : 0;
}

static double left_of(const struct who_memory *m)
{
	double swap = at_least_0(m->swap_free), anon = at_least_0(m->anon);

	return (double)(m->free - (m->min > 0 ? m->min : 0)) + at_least_0(m->file) +
	       at_least_0(m->slab) / 2 + (swap < anon ? swap : anon);
}

/* When a stock of kB that shrinks by a rate is used up. */
static struct instant used_up(double kb, const struct rate *r)
{
	struct instant at = {FORECAST_NEVER, FORECAST_NEVER, FORECAST_NEVER};

	if (kb <= 0)
		return (struct instant){0};
	if (r->kb_s > 0)
		at.seconds = kb / r->kb_s;
	if (r->high > 0)
		at.low = kb / r->high;
	if (r->low > 0)
		at.high = kb / r->low;
	return at;
}

static struct instant later(struct instant a, struct instant b)
{
	return (struct instant){fmax(a.seconds, b.seconds), fmax(a.low, b.low),
				fmax(a.high, b.high)};
}

/* ---- processes ----------------------------------------------------------------- */

/* What counts against it and does not go by itself when memory gets short. */
static double held_kb(const struct who_process *p)
{
	return (double)(p->rss - p->rss_file + p->swap + p->pgtables) * PAGE_KB;
}

static int by_pid(const void *a, const void *b)
{
	const struct who_process *x = *(const struct who_process *const *)a;
	const struct who_process *y = *(const struct who_process *const *)b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The processes of a picture by pid; NULL: out of memory. */
static const struct who_process **sorted(const struct who *w)
{
	const struct who_process **list = malloc((w->nr + 1) * sizeof(*list));

	if (!list)
		return NULL;
	for (size_t i = 0; i < w->nr; i++)
		list[i] = &w->processes[i];
	if (w->nr)
		qsort(list, w->nr, sizeof(*list), by_pid);
	return list;
}

static const struct who_process *same_process(const struct who_process **list, size_t n,
					      const struct who_process *p)
{
	const struct who_process *const *found = bsearch(&p, list, n, sizeof(*list), by_pid);

	if (!found || strcmp((*found)->name, p->name) ||
	    ((*found)->started >= 0 && p->started >= 0 && (*found)->started != p->started))
		return NULL;
	return *found;
}

/* Since it started; it cannot have been there before the first picture. */
static struct rate since_start(const struct who_process *p, double now, double span)
{
	double age = p->started >= 0 ? now - p->started : span;
	double rate = age > 0 ? held_kb(p) / age : 0;

	return (struct rate){rate, 0, rate};
}

/*
 * One picture: what it holds came since it started, but programs take a part of
 * that at once, and how much can't be seen.  All that one picture has are totals
 * since a start (faults, processor time, /proc/vmstat), no growth of now; averages of
 * pressure say something only when it is too late.  So the part that comes steadily
 * may be anything: half of it, and from a tenth to all of it as the interval.
 */
static struct rate assumed_rate(double kb, double age)
{
	double all = kb / fmax(age, YOUNG_S);

	return (struct rate){all * STEADY, all * STEADY_LEAST, all};
}

static bool process_rates(struct forecast *f, const struct who *pictures, size_t n)
{
	struct line *lines = calloc(f->last->nr + 1, sizeof(*lines));
	double t0 = pictures[0].memory.seconds;
	bool ok = lines != NULL;

	for (size_t k = 0; ok && k < n; k++) {
		const struct who_process **list = sorted(&pictures[k]);

		ok = list != NULL;
		for (size_t i = 0; ok && i < f->last->nr; i++) {
			const struct who_process *p =
				same_process(list, pictures[k].nr, &f->last->processes[i]);

			if (p)
				line_add(&lines[i], pictures[k].memory.seconds - t0, held_kb(p));
		}
		free(list);
	}
	for (size_t i = 0; ok && i < f->last->nr; i++) {
		struct forecast_process *fp = &f->processes[i];

		fp->p = &f->last->processes[i];
		if (lines[i].n >= 2)
			fp->rate = line_rate(&lines[i], LAG_PROCESS_KB);
		else if (n == 1)
			fp->rate = assumed_rate(held_kb(fp->p), t0 - fmax(fp->p->started, 0));
		else
			fp->rate = since_start(fp->p, f->last->memory.seconds, f->span);
	}
	free(lines);
	f->nr = ok ? f->last->nr : 0;
	return ok;
}

/* Points of a process some seconds later, of total pages. */
static long points_then(const struct who *w, const struct forecast_process *fp, double seconds,
			unsigned long total)
{
	struct oom_points_of what = {.adj = fp->p->adj, .root = !fp->p->uid};
	double kb = held_kb(fp->p);

	if (seconds > 0 && seconds < FORECAST_NEVER)
		kb += fp->rate.kb_s * seconds;
	what.rss = (long)(fmin(fmax(kb, 0), 1e15) / PAGE_KB);
	return fp->p->pid == 1 ? LONG_MIN : oom_rules_points(w->rules, &what, total);
}

/* The one with most points then, of a group (NULL: of all) and the next; of
 * equals the last, as the list of tasks has them. */
static void find_victim(const struct forecast *f, const char *group, double seconds,
			unsigned long total, const struct who_process **who,
			const struct who_process **next, long points[2])
{
	*who = *next = NULL;
	points[0] = points[1] = LONG_MIN;
	for (size_t i = 0; i < f->nr; i++) {
		const struct forecast_process *fp = &f->processes[i];
		long n;

		if (group && !who_is_below(fp->p->group, group))
			continue;
		n = points_then(f->last, fp, seconds, total);
		if (n == LONG_MIN)
			continue;
		if (!*who || n > points[0] || (n == points[0] && fp->p->pid > (*who)->pid)) {
			*next = *who;
			points[1] = points[0];
			*who = fp->p;
			points[0] = n;
		} else if (!*next || n > points[1]) {
			*next = fp->p;
			points[1] = n;
		}
	}
}

/* ---- groups -------------------------------------------------------------------- */

static double group_left(const struct who *w, const struct who_group *g)
{
	double swap = at_least_0(w->memory.swap_free);

	if (g->swap_max >= 0 && (double)(g->swap_max - g->swap_current) < swap)
		swap = at_least_0(g->swap_max - g->swap_current);
	return (double)(g->max - g->current + g->file) + swap;
}

static int by_end(const void *a, const void *b)
{
	const struct forecast_group *x = a, *y = b;

	if (x->end.seconds != y->end.seconds)
		return x->end.seconds < y->end.seconds ? -1 : 1;
	return strcmp(x->g->path, y->g->path);
}

static bool group_rates(struct forecast *f, struct who *pictures, size_t n)
{
	f->groups = calloc(f->last->nr_groups + 1, sizeof(*f->groups));
	if (!f->groups)
		return false;
	for (size_t i = 0; i < f->last->nr_groups; i++) {
		const struct who_group *g = &f->last->groups[i];
		struct forecast_group *fg = &f->groups[f->nr_groups];
		const struct who_process *next;
		struct line line = {0};
		long points[2];

		if (g->max < 0 || g->current < 0)
			continue;
		for (size_t k = 0; k < n; k++) {
			const struct who_group *then = who_group_of(&pictures[k], g->path);

			if (then && then->current >= 0)
				line_add(&line, pictures[k].memory.seconds,
					 -group_left(&pictures[k],
						     &(struct who_group){.max = g->max,
									 .swap_max = g->swap_max,
									 .current = then->current,
									 .swap_current =
										 then->swap_current,
									 .file = then->file}));
		}
		*fg = (struct forecast_group){.g = g, .rate = line_rate(&line, LAG_PROCESS_KB)};
		fg->left_kb = (long)group_left(f->last, g);
		fg->end = used_up((double)fg->left_kb, &fg->rate);
		if (fg->end.seconds < FORECAST_NEVER)
			find_victim(f, g->path, fg->end.seconds,
				    (unsigned long)(g->max / PAGE_KB) + 1, &fg->victim, &next,
				    points);
		f->nr_groups++;
	}
	if (f->nr_groups)
		qsort(f->groups, f->nr_groups, sizeof(*f->groups), by_end);
	return true;
}

/* ---- the whole ----------------------------------------------------------------- */

static int by_rate(const void *a, const void *b)
{
	const struct forecast_process *x = a, *y = b;

	if (x->rate.kb_s != y->rate.kb_s)
		return x->rate.kb_s > y->rate.kb_s ? -1 : 1;
	return x->p->pid < y->p->pid ? -1 : x->p->pid > y->p->pid;
}

static void add_rate(struct rate *sum, const struct rate *r)
{
	sum->kb_s += r->kb_s;
	sum->low += r->low;
	sum->high += r->high;
}

/* All processes, and what is in tmpfs or belongs to nobody, since the boot. */
static void assume(struct forecast *f)
{
	double others = at_least_0(f->last->memory.anon);
	struct rate r;

	for (size_t i = 0; i < f->nr; i++) {
		const struct who_process *p = f->processes[i].p;

		add_rate(&f->taken, &f->processes[i].rate);
		others -= (double)(p->rss - p->rss_file) * PAGE_KB;
	}
	r = assumed_rate(fmax(others, 0), f->last->memory.seconds);
	add_rate(&f->taken, &r);
}

static void machine_rates(struct forecast *f, const struct who *pictures, size_t n)
{
	struct line left = {0}, free_pages = {0};
	double t0 = pictures[0].memory.seconds;

	for (size_t k = 0; k < n; k++) {
		double t = pictures[k].memory.seconds - t0;

		line_add(&left, t, -left_of(&pictures[k].memory));
		line_add(&free_pages, t, -(double)pictures[k].memory.free);
	}
	f->taken = line_rate(&left, LAG_MACHINE_KB);
	f->free_taken = line_rate(&free_pages, LAG_MACHINE_KB);
	if (n >= 2)
		return;
	f->assumed = true;
	assume(f);
	f->free_taken = f->taken;
}

static void machine_instants(struct forecast *f)
{
	const struct who_memory *m = &f->last->memory;

	f->left_kb = (long)left_of(m);
	f->end = used_up((double)f->left_kb, &f->taken);
	f->high = used_up((double)(m->free - m->high), &f->free_taken);
	f->low = later(f->high, used_up((double)(m->free - m->low), &f->free_taken));
	/* Below low kswapd holds it there as long as there is what it can take. */
	f->min = f->end;
	if (f->low.seconds > f->end.seconds)
		f->low = f->end;
	if (f->high.seconds > f->low.seconds)
		f->high = f->low;
}

bool forecast(struct forecast *f, struct who *pictures, size_t n)
{
	long points[2];

	*f = (struct forecast){.nr_pictures = n};
	if (!n || n > FORECAST_MAX)
		return false;
	f->last = &pictures[n - 1];
	f->span = f->last->memory.seconds - pictures[0].memory.seconds;
	for (size_t k = 0; k < n; k++)
		if (!who_read_groups(&pictures[k]))
			return false;
	who_rank(f->last, NULL, -1);
	f->processes = calloc(f->last->nr + 1, sizeof(*f->processes));
	if (!f->processes || !process_rates(f, pictures, n)) {
		forecast_free(f);
		return false;
	}
	machine_rates(f, pictures, n);
	machine_instants(f);
	find_victim(f, NULL, f->end.seconds, (unsigned long)f->last->total_pages, &f->victim,
		    &f->next, points);
	f->victim_points = points[0];
	f->next_points = points[1];
	if (!group_rates(f, pictures, n)) {
		forecast_free(f);
		return false;
	}
	for (size_t i = 0; i < f->nr; i++)
		f->processes[i].points_at_end =
			points_then(f->last, &f->processes[i], f->end.seconds,
				    (unsigned long)f->last->total_pages);
	if (f->nr)
		qsort(f->processes, f->nr, sizeof(*f->processes), by_rate);
	return true;
}

void forecast_free(struct forecast *f)
{
	free(f->processes);
	free(f->groups);
	*f = (struct forecast){0};
}
