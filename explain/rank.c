/* SPDX-License-Identifier: MIT */
/*
 * The order in which the kernel would have killed, by the rules of its time,
 * beside whom it did kill.
 *
 * A report does not say all that counts: whether a task may break root's rules
 * (uid 0 stands for it), what was swapped (before 3.9), which memory nodes a
 * task may use.  Where that decides, the answer is "undecidable" and why.
 */
#include "explain/explain.h"
#include "explain/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *agreement_name(enum agreement a)
{
	static const char *const names[] = {
		[AGREE] = "agree",
		[AGREE_TIE] = "agree-tie",
		[AGREE_THREAD] = "agree-thread",
		[AGREE_CHILD] = "agree-child",
		[UNDECIDABLE] = "undecidable",
		[DISAGREE] = "disagree",
	};

	return names[a];
}

bool report_in_list(const char *list, int node)
{
	char *end;

	for (const char *p = list; *p; p = *end == ',' ? end + 1 : end) {
		long first = strtol(p, &end, 10), last = first;

		if (end == p)
			return false;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (node >= first && node <= last)
			return true;
		if (*end != ',')
			return false;
	}
	return false;
}

/* For a policy all that is present counts, else what the allocator manages. */
static long zones_kb(const struct report *r, const char *nodes, bool present)
{
	long kb = 0;

	for (size_t i = 0; i < r->nr_zones; i++) {
		const struct report_zone *z = &r->zones[i];

		if (*nodes && !report_in_list(nodes, z->node < 0 ? 0 : z->node))
			continue;
		if (z->managed >= 0 && (!present || z->present < 0))
			kb += z->managed;
		else if (z->present >= 0)
			kb += z->present;
	}
	return kb;
}

/* What the request could have had, as oom_kill.c counts it. */
static void count_memory(struct explanation *e)
{
	const struct report *r = e->r;
	long swap = r->swap_total_kb > 0 ? r->swap_total_kb / r->page_kb : 0;

	if (r->kind == REPORT_MEMCG_OOM) {
		long max = r->swap_limit_kb;

		e->memory_kb = r->limit_kb > 0 ? r->limit_kb : 0;
		/* memory+swap is the sum's limit, swap its own. */
		if (r->memsw && max > 0 && max < e->memory_kb)
			e->memory_kb = max;
		if (r->memsw && max >= 0)
			max = max > e->memory_kb ? max - e->memory_kb : 0;
		e->total_pages = e->memory_kb / r->page_kb;
		if (e->total_pages && max >= 0) {
			max /= r->page_kb;
			if (r->swap_total_kb >= 0)
				e->total_pages += max < swap ? max : swap;
			else if (max < NUMBER_MAX / 16)
				e->total_pages += max;
		}
		return;
	}
	if (r->ram > 0)
		e->memory_kb = (r->ram - (r->reserved > 0 ? r->reserved : 0)) * r->page_kb;
	else
		e->memory_kb = zones_kb(r, "", false);
	if (e->memory_kb < 0)
		e->memory_kb = 0;
	e->total_pages = e->memory_kb / r->page_kb;
	if (!strcmp(r->constraint, "CONSTRAINT_MEMORY_POLICY") && zones_kb(r, r->nodemask, true))
		e->total_pages = zones_kb(r, r->nodemask, true) / r->page_kb;
	if (!strcmp(r->constraint, "CONSTRAINT_CPUSET") && zones_kb(r, r->mems_allowed, true))
		e->total_pages = zones_kb(r, r->mems_allowed, true) / r->page_kb;
	if (e->total_pages)
		e->total_pages += swap;
}

static int by_points(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->points != y->points)
		return x->points < y->points ? 1 : -1;
	/* Their order in the table. */
	return x->task < y->task ? -1 : 1;
}

static size_t index_of(const struct explanation *e, const struct report_kill *kill)
{
	size_t i = 0;

	while (i < e->nr_rank && (!kill || e->rank[i].task->pid != kill->pid))
		i++;
	return i;
}

static void find_victim(struct explanation *e)
{
	const struct report *r = e->r;
	const struct report_kill *died = NULL, *chosen = NULL;

	for (size_t i = 0; i < r->nr_kills; i++) {
		if (r->kills[i].chosen && !chosen)
			chosen = &r->kills[i];
		if (!r->kills[i].chosen && !died)
			died = &r->kills[i];
	}
	e->kill = died ? died : chosen;
	/* The points are those of whom it chose; which may be a thread, whose
	 * process then died. */
	e->victim = index_of(e, chosen);
	if (e->victim == e->nr_rank)
		e->victim = index_of(e, died);
	else if (died && chosen->pid != died->pid)
		e->agreement = AGREE_CHILD;
}

static void why(struct explanation *e, enum agreement a, const char *text)
{
	e->agreement = a;
	snprintf(e->agreement_why, sizeof(e->agreement_why), "%s", text);
}

static void judge_stranger(struct explanation *e)
{
	const char *name = e->kill->name;

	/* A thread that is not its process's first has no line. */
	if (!strncmp(e->rank[0].task->name, name, strlen(name)) ||
	    !strncmp(name, e->rank[0].task->name, strlen(e->rank[0].task->name))) {
		e->victim = 0;
		why(e, AGREE_THREAD, "the log names a thread of the task with the most points");
		return;
	}
	why(e, UNDECIDABLE, "the task that died is not in the table");
}

static void judge(struct explanation *e)
{
	const struct report *r = e->r;
	bool child = e->agreement == AGREE_CHILD;
	long most, points;

	if (!e->kill) {
		why(e, UNDECIDABLE,
		    r->panic	? "nobody was killed: the machine stopped"
		    : r->nobody ? "there was nobody to be killed"
				: "the line that says who died is missing");
		return;
	}
	if (!e->nr_rank) {
		why(e, UNDECIDABLE, "there is no table of tasks");
		return;
	}
	if (e->victim == e->nr_rank) {
		judge_stranger(e);
		return;
	}
	most = e->rank[0].points;
	points = e->rank[e->victim].points;
	for (size_t i = 0; i < e->nr_rank; i++)
		e->ties += i != e->victim && e->rank[i].points == points;
	if (points == most) {
		why(e,
		    child     ? AGREE_CHILD
		    : e->ties ? AGREE_TIE
			      : AGREE,
		    child ? "a child of the one with the most points died for it, as in kernels "
			    "before 5.1"
		    : e->ties ? "others have as many points; the order of the list decides"
			      : "it has the most points");
	} else if (e->rules->heuristic) {
		why(e, UNDECIDABLE, "before 2.6.36 age and niceness counted, which no report says");
	} else if (e->rank[e->victim].task->swapents < 0 && r->swap_total_kb > 0) {
		why(e, UNDECIDABLE,
		    "this kernel's table does not say what was swapped, which counts");
	} else if (!r->ended || r->lost_tasks) {
		why(e, UNDECIDABLE, "the report is cut off");
	} else if (!e->total_pages) {
		why(e, UNDECIDABLE, "the report does not say how much memory there was");
	} else if (!strncmp(r->gfp_names, "GFP_", 4) && r->order == -1) {
		why(e, UNDECIDABLE, "it was asked for by hand (SysRq f)");
	} else {
		why(e, DISAGREE,
		    "others have more points: one that is dying already, a setting as "
		    "vm.oom_kill_allocating_task, or tasks that changed while the table was "
		    "printed");
	}
}

static struct oom_points_of points_of(const struct report_task *t)
{
	return (struct oom_points_of){.rss = t->rss,
				      .swapents = t->swapents > 0 ? t->swapents : 0,
				      .pgtables = t->pgtables > 0 ? t->pgtables : 0,
				      .total_vm = t->total_vm,
				      .adj = t->adj,
				      .root = t->uid == 0};
}

/* Init may not die of it. */
static bool is_init(const struct report *r, const struct report_task *t)
{
	return t->pid == 1 && r->kind != REPORT_MEMCG_OOM;
}

static void rank(struct explanation *e, const struct oom_rules *rules)
{
	const struct report *r = e->r;

	e->rules = rules;
	e->agreement = AGREE;
	e->ties = 0;
	for (size_t i = 0; i < r->nr_tasks; i++) {
		const struct report_task *t = &r->tasks[i];
		struct oom_points_of what = points_of(t);
		unsigned long total = (unsigned long)e->total_pages;
		long points = is_init(r, t) ? LONG_MIN : oom_rules_points(rules, &what, total);

		e->rank[i] = (struct ranked){.task = t, .points = points, .what_if_points = points};
	}
	if (e->nr_rank)
		qsort(e->rank, e->nr_rank, sizeof(*e->rank), by_points);
	find_victim(e);
	if (r->kind != REPORT_ALLOC_FAILURE)
		judge(e);
}

bool explain_rank(struct explanation *e)
{
	/* Where the report does not say which kernel: the latest, and then those
	 * before it that made such reports, until one agrees. */
	static const unsigned int eras[] = {0, 508, 502, 500, 416, 313};
	const struct report *r = e->r;
	int version = report_kernel_version(r);

	count_memory(e);
	e->rank = r->nr_tasks ? malloc(r->nr_tasks * sizeof(*e->rank)) : NULL;
	if (r->nr_tasks && !e->rank)
		return false;
	e->nr_rank = r->nr_tasks;
	if (version) {
		rank(e, oom_rules_of_release(r->kernel));
		return true;
	}
	for (size_t i = 0; i < sizeof(eras) / sizeof(eras[0]); i++) {
		rank(e, oom_rules_of(eras[i], false));
		if (e->agreement != DISAGREE)
			return true;
	}
	rank(e, oom_rules_of(0, false));
	return true;
}

size_t explain_what_if(struct explanation *e, const char *who, long adj)
{
	long pid = strtol(who, NULL, 10);
	size_t n = 0;

	for (size_t i = 0; i < e->nr_rank; i++) {
		struct ranked *k = &e->rank[i];
		struct oom_points_of what = points_of(k->task);

		if (strcmp(k->task->name, who) && !(pid > 0 && k->task->pid == pid))
			continue;
		what.adj = k->what_if_adj = adj;
		k->what_if = true;
		k->what_if_points =
			is_init(e->r, k->task)
				? LONG_MIN
				: oom_rules_points(e->rules, &what, (unsigned long)e->total_pages);
		n++;
	}
	e->what_if = NULL;
	for (size_t i = 0; i < e->nr_rank; i++) {
		const struct ranked *k = &e->rank[i];

		if (k->what_if_points != LONG_MIN &&
		    (!e->what_if || k->what_if_points > e->what_if->what_if_points))
			e->what_if = k;
	}
	return n;
}

const struct ranked *explain_next(const struct explanation *e)
{
	for (size_t i = 0; i < e->nr_rank; i++)
		if (i != e->victim && e->rank[i].points != LONG_MIN)
			return &e->rank[i];
	return NULL;
}

bool explain_saving_adj(const struct explanation *e, long *adj)
{
	const struct ranked *next = explain_next(e);
	const struct report_task *t;
	long step = oom_rules_step(e->rules, (unsigned long)e->total_pages);

	if (!next || e->victim >= e->nr_rank || step <= 0 || e->rank[e->victim].points == LONG_MIN)
		return false;
	t = e->rank[e->victim].task;
	*adj = oom_rules_outlived_adj(t->adj, e->rank[e->victim].points - next->points, step);
	return *adj > -1000 && *adj < t->adj;
}
