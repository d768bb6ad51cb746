/* SPDX-License-Identifier: MIT */
/*
 * Badness, choice and kill, as each kernel has them.
 *
 * The idea: each rule is one line that says in which kernels it holds; the
 * table has a row for each kernel in which a line changes, computed by the
 * compiler.  docs/oom-rules.md has the changes' names and dates.
 */
#include "oom/rules.h"

#define BETWEEN(v, from, before) ((v) >= (from) && (v) < (before))

#define KERNEL(v)                                                                                  \
	{                                                                                          \
		.since = (v), .heuristic = (v) < 236, .thousandths = BETWEEN(v, 236, 305),         \
		.pgtables = (v) < 239	? OOM_PGTABLES_NONE                                        \
			    : (v) < 400 ? OOM_PGTABLES_PTE                                         \
			    : (v) < 415 ? OOM_PGTABLES_PTE_PMD                                     \
					: OOM_PGTABLES_BYTES,                                      \
		.at_least_one = BETWEEN(v, 237, 509),                                              \
		.root = (v) < 236   ? OOM_ROOT_QUARTER                                             \
			: (v) < 314 ? OOM_ROOT_30                                                  \
			: (v) < 417 ? OOM_ROOT_PERCENT                                             \
				    : OOM_ROOT_NONE,                                               \
		.scale = (v) < 305   ? OOM_SCALE_POINTS                                            \
			 : (v) < 509 ? OOM_SCALE_1000                                              \
				     : OOM_SCALE_2000,                                             \
		.last_of_equals = (v) >= 503,                                                      \
		.child = (v) < 236   ? OOM_CHILD_FIRST                                             \
			 : (v) < 501 ? OOM_CHILD_WORST                                             \
				     : OOM_CHILD_NONE,                                             \
		.policy_kills_current = (v) < 236, .reaper = (v) >= 406,                           \
		.reaper_waits = (v) >= 518, .oom_group = (v) >= 419, .sysrq_may_panic = (v) < 403, \
		.dump_tasks = (v) >= 236, .names_deadlock = (v) >= 419, .adj_floor = (v) >= 238,   \
		.adj_shared = (v) >= 408, .skips_vfork = (v) >= 408,                               \
	}

static const struct oom_rules table[] = {
	KERNEL(OOM_RULES_FIRST),
	KERNEL(236),
	KERNEL(237),
	KERNEL(238),
	KERNEL(239),
	KERNEL(305),
	KERNEL(314),
	KERNEL(400),
	KERNEL(403),
	KERNEL(406),
	KERNEL(408),
	KERNEL(415),
	KERNEL(417),
	KERNEL(419),
	KERNEL(501),
	KERNEL(503),
	KERNEL(509),
	KERNEL(518),
};

const struct oom_rules *oom_rules_of(unsigned int version, bool backported)
{
	const struct oom_rules *rules = &table[ARRAY_SIZE(table) - 1];

	if (!version)
		version = OOM_RULES_6_1;
	if (backported && version < 239)
		version = 239;
	while (rules > table && rules->since > version)
		rules--;
	return rules;
}

/* Until 2.6.35: address space, less for what has run long. */
static long heuristic_points(const struct oom_points_of *task)
{
	long points = min(task->total_vm + task->children_vm, 1L << 46), s;
	long adj = task->adj == 1000 ? 15 : min(task->adj * 17 / 1000, 15L);

	/* Tens of seconds (eights), thousands of seconds (1024s). */
	s = (long)int_sqrt((unsigned long)task->cpu_s / 8);
	if (s)
		points /= s;
	s = (long)int_sqrt(int_sqrt((unsigned long)task->run_s / 1024));
	if (s)
		points /= s;
	if (task->niced)
		points *= 2;
	if (task->root)
		points = points / 4 / 4;
	if (adj > 0)
		return (points ? points : 1) << adj;
	return points >> -adj;
}

long oom_rules_points(const struct oom_rules *rules, const struct oom_points_of *task,
		      unsigned long totalpages)
{
	long points = task->rss + task->swapents, adj = task->adj;

	if (adj == -1000)
		return LONG_MIN;
	if (rules->heuristic)
		return heuristic_points(task);
	if (rules->pgtables != OOM_PGTABLES_NONE)
		points += task->pgtables;
	if (rules->thousandths) {
		points = totalpages ? points * 1000 / (long)totalpages : 0;
		if (task->root)
			points -= 30;
		points += adj;
		points = clamp(points, rules->at_least_one ? 1L : 0L, 1000L);
		return points;
	}
	if (task->root && rules->root == OOM_ROOT_30)
		adj -= 30;
	if (task->root && rules->root == OOM_ROOT_PERCENT)
		points -= points * 3 / 100;
	points += adj * oom_rules_step(rules, totalpages);
	return rules->at_least_one && points < 1 ? 1 : points;
}

long oom_rules_score(const struct oom_rules *rules, long points, unsigned long totalpages)
{
	if (points == LONG_MIN)
		return 0;
	if (rules->scale == OOM_SCALE_POINTS)
		return points;
	if (!totalpages)
		return 0;
	if (rules->scale == OOM_SCALE_1000)
		return points * 1000 / (long)totalpages;
	/* 0 .. 2000 of old, so that what reads it keeps its scale. */
	return max(0L, (1000 + points * 1000 / (long)totalpages) * 2 / 3);
}

long oom_rules_step(const struct oom_rules *rules, unsigned long totalpages)
{
	if (rules->heuristic)
		return 0;
	return rules->thousandths ? 1 : (long)(totalpages / 1000);
}

long oom_rules_outlived_adj(long adj, long margin, long step)
{
	return adj - margin / step - 1;
}

const struct oom_rules *oom_rules_of_release(const char *release)
{
	unsigned int version = oom_rules_version(release);
	bool el6 = false;

	for (const char *p = release; version == 232 && *p; p++)
		el6 |= p[0] == '.' && p[1] == 'e' && p[2] == 'l' && p[3] == '6';
	return oom_rules_of(version, el6);
}

static unsigned int take_part(const char **p)
{
	unsigned int n = 0;

	for (; **p >= '0' && **p <= '9' && n < 1000; ++*p)
		n = n * 10 + (unsigned int)(**p - '0');
	return n;
}

unsigned int oom_rules_version(const char *text)
{
	unsigned int major = take_part(&text), minor;

	if (*text++ != '.' || major < 2 || major > 99 || *text < '0' || *text > '9')
		return 0;
	minor = take_part(&text);
	if (major > 2)
		return major * 100 + min(minor, 99u);
	/* 2.6.32 counts as 2.32: what came before 3.0 is told apart by its end. */
	if (minor != 6 || *text++ != '.' || *text < '0' || *text > '9')
		return 0;
	return 200 + min(take_part(&text), 99u);
}
