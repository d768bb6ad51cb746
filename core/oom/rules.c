/* SPDX-License-Identifier: MIT */
/*
 * Badness, as each kernel computes it.
 *
 *	before 2.6.36	total_vm, halved and doubled by age, niceness and privilege
 *	2.6.36		(rss + swap) * 1000 / memory, root 30 less, + oom_score_adj
 *	2.6.39		page tables count, nobody has less than 1
 *	3.5		pages instead of thousandths, oom_score_adj * memory / 1000
 *	3.14		root has 3 % less of its own points
 *	4.17		root has no bonus
 *	5.1		no child dies in the place of its parent; of equals the last
 *	5.9		points may be negative
 *
 * Page tables are counted by levels as those are added (4.0: PMDs, 4.14: PUDs)
 * and in bytes from 4.15 on, which makes no other number.
 */
#include "oom/rules.h"

static const struct oom_rules table[] = {
	{.since = 0, .heuristic = true, .at_least_one = true, .prefer_child = true},
	{.since = 236, .thousandths = true, .prefer_child = true, .root = OOM_ROOT_30},
	{.since = 239,
	 .thousandths = true,
	 .pgtables = true,
	 .at_least_one = true,
	 .prefer_child = true,
	 .root = OOM_ROOT_30},
	{.since = 305,
	 .pgtables = true,
	 .at_least_one = true,
	 .prefer_child = true,
	 .root = OOM_ROOT_30},
	{.since = 314,
	 .pgtables = true,
	 .at_least_one = true,
	 .prefer_child = true,
	 .root = OOM_ROOT_PERCENT},
	{.since = 417, .pgtables = true, .at_least_one = true, .prefer_child = true},
	{.since = 501, .pgtables = true, .at_least_one = true, .last_of_equals = true},
	{.since = 509, .pgtables = true, .last_of_equals = true},
};

const struct oom_rules *oom_rules_of(unsigned int version, bool backported)
{
	const struct oom_rules *rules = &table[ARRAY_SIZE(table) - 1];

	if (!version)
		return rules;
	if (backported && version < 239)
		version = 239;
	while (rules->since > version)
		rules--;
	return rules;
}

long oom_rules_points(const struct oom_rules *rules, const struct oom_points_of *task,
		      unsigned long totalpages)
{
	long points = task->rss + task->swapents, adj = task->adj;

	if (adj == -1000)
		return LONG_MIN;
	if (rules->pgtables)
		points += task->pgtables;
	if (rules->thousandths) {
		points = totalpages ? points * 1000 / (long)totalpages : 0;
		points = min(points, 1000L);
		if (task->root)
			points -= 30;
		points += adj;
	} else {
		if (task->root && rules->root == OOM_ROOT_30)
			adj -= 30;
		if (task->root && rules->root == OOM_ROOT_PERCENT)
			points -= points * 3 / 100;
		points += adj * oom_rules_step(rules, totalpages);
	}
	if (rules->at_least_one && points < 1)
		return 1;
	return rules->thousandths && points < 0 ? 0 : points;
}

long oom_rules_step(const struct oom_rules *rules, unsigned long totalpages)
{
	return rules->thousandths ? 1 : (long)(totalpages / 1000);
}

long oom_rules_outlived_adj(long adj, long margin, long step)
{
	return adj - margin / step - 1;
}
