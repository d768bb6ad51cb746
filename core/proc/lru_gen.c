/* SPDX-License-Identifier: MIT */
/*
 * The multi-generational LRU as files: /sys/kernel/mm/lru_gen and
 * /sys/kernel/debug/lru_gen, lru_gen_full, in Linux 6.1's format.
 *
 *	memcg     1 /
 *	 node     0
 *	          0       4711          0           1234	generation, its age in ms,
 *	...							anonymous and file pages
 *
 * The full file shows four generations (x: those a kind has no more) and for each tier of the
 * youngest (R, T) the averages of refaults and of all that was evicted or
 * protected, of the oldest (r, e, p) the counts since it became the oldest; for the youngest also
 * what walks of page tables saw (L, O, Y entries of pages in all, old, young; N, F, A of
 * tables in all, found in the filter, added to it).
 *
 * What is written to lru_gen are orders, one a line: "+ memcg node seq [can_swap [force_scan]]" makes
 * a generation, "- memcg node seq [swappiness [nr_to_reclaim]]" evicts.
 *
 * While nobody ever switched the policy on, generations 0 to 3 are as old as the machine and empty.
 */
#include "proc/internal.h"
#include "reclaim/lru_gen.h"

/* ---- settings --------------------------------------------------------------- */

static int show_enabled(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "0x%04x\n", lru_gen_caps(q));
	return 0;
}

static s64 store_enabled(struct quire *q, __unused const struct proc_entry *e,
			 __unused const struct proc_def *def, const struct proc_input *in)
{
	char first = in->len ? (char)(in->buf[0] | 0x20) : 0;
	s64 caps = first == 'n'	  ? 0
		   : first == 'y' ? (s64)LRU_GEN_ALL_CAPS
				  : proc_number(in, 0, UINT32_MAX);
	int err = caps < 0 ? -EINVAL : lru_gen_set_caps(q, (unsigned int)caps);

	return err ? err : (s64)in->len;
}

static int show_min_ttl(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "%u\n", lru_gen_min_ttl_ms(q));
	return 0;
}

static s64 store_min_ttl(struct quire *q, __unused const struct proc_entry *e,
			 __unused const struct proc_def *def, const struct proc_input *in)
{
	s64 ms = proc_number(in, 0, UINT32_MAX);
	int err = ms < 0 ? -EINVAL : lru_gen_set_min_ttl_ms(q, (unsigned int)ms);

	return err ? err : (s64)in->len;
}

static const struct proc_def lru_gen_defs[] = {
	DEF_RW("enabled", 0644, show_enabled, store_enabled),
	DEF_RW("min_ttl_ms", 0644, show_min_ttl, store_min_ttl),
};
PROC_DIR_TABLE(sysfs_lru_gen_dir, lru_gen_defs);

/* ---- generations ------------------------------------------------------------ */

static void put_tiers(struct text *t, const struct lru_gen_struct *lrugen, unsigned long seq)
{
	unsigned int hist = lru_hist_from_seq(seq);

	for (unsigned int tier = 0; tier < MAX_NR_TIERS; tier++) {
		text_printf(t, "            %10u", tier);
		for (int type = 0; type < ANON_AND_FILE; type++) {
			unsigned long n[3] = {0};
			const char *marks = "   ";

			if (seq == lrugen->max_seq) {
				marks = "RT ";
				n[0] = lrugen->avg_refaulted[type][tier];
				n[1] = lrugen->avg_total[type][tier];
			} else if (seq == lrugen->min_seq[type]) {
				marks = "rep";
				n[0] = lrugen->refaulted[hist][type][tier];
				n[1] = lrugen->evicted[hist][type][tier];
				if (tier)
					n[2] = lrugen->protected[hist][type][tier - 1];
			}
			for (int i = 0; i < 3; i++)
				text_printf(t, " %10lu%c", n[i], marks[i]);
		}
		text_putc(t, '\n');
	}
	text_puts(t, "                      ");
	for (int i = 0; i < NR_MM_STATS; i++) {
		bool shown = seq == lrugen->max_seq;

		text_printf(t, " %10lu%c", shown ? lrugen->mm_state.stats[hist][i] : 0UL,
			    shown ? "LOYNFA"[i] : ' ');
	}
	text_putc(t, '\n');
}

static void put_generations(struct quire *q, struct text *t, const struct lru_gen_struct *lrugen,
			    bool full)
{
	unsigned long max_seq = lrugen->max_seq, seq = lrugen->min_seq[LRU_GEN_ANON];

	if (full)
		seq = max_seq >= MAX_NR_GENS ? max_seq - MAX_NR_GENS + 1 : 0;
	for (; seq <= max_seq; seq++) {
		unsigned int gen = lru_gen_from_seq(seq);
		u64 age = quire_clock(q) - lrugen->timestamps[gen];

		text_printf(t, " %10lu %10u", seq, (unsigned int)(age / (NSEC_PER_SEC / 1000)));
		for (int type = 0; type < ANON_AND_FILE; type++) {
			long size = 0;

			for (int zone = 0; zone < MAX_NR_ZONES; zone++)
				size += max(lrugen->nr_pages[gen][type][zone], 0L);
			text_printf(t, " %10lu%c", (unsigned long)size,
				    full && seq < lrugen->min_seq[type] ? 'x' : ' ');
		}
		text_putc(t, '\n');
		if (full)
			put_tiers(t, lrugen, seq);
	}
}

PROC_SHOW(show_lru_gen)
{
	static const struct lru_gen_struct never = {.max_seq = MIN_NR_GENS + 1};
	struct mem_cgroup *root = q->group->root, *memcg;

	(void)e;
	for (memcg = mem_cgroup_iter(q, root, NULL); memcg;
	     memcg = mem_cgroup_iter(q, root, memcg)) {
		bool named = false;

		for_each_node (q, nid) {
			const struct lruvec *lruvec = lru_gen_lruvec(q, memcg, nid);

			if (!NODE_DATA(q, nid)->node_present_pages)
				continue;
			if (!named) {
				text_printf(t, "memcg %5u ", memcg->id);
				put_memcg_path(q, memcg, t);
				text_putc(t, '\n');
			}
			named = true;
			text_printf(t, " node %5u\n", nid);
			put_generations(q, t, lruvec ? lruvec->lrugen : &never, def->val);
		}
	}
	return 0;
}

/* ---- orders ----------------------------------------------------------------- */

/* One order; 0 or a negative error. */
static int run_order(struct quire *q, const char *p, size_t len)
{
	/* memcg, node, generation, swappiness, how much or how thoroughly. */
	long v[5] = {0, 0, 0, -1, -1};
	struct proc_cursor c = {p + 1, len - 1};
	unsigned int n = 0;
	int err = 0;

	while (n < ARRAY_SIZE(v) && proc_next_long(&c, &v[n], &err))
		n++;
	while (c.left && (*c.p == ' ' || *c.p == '\t')) {
		c.p++;
		c.left--;
	}
	if (err || n < 3 || c.left || v[0] < 0 || v[1] < 0 || v[2] < 0)
		return -EINVAL;
	if (n > 3 && (v[3] < 0 || v[3] > 200))
		return -EINVAL;
	return lru_gen_command(q, *p, (unsigned int)v[0], (unsigned int)v[1], (unsigned long)v[2],
			       (int)v[3], (unsigned long)v[4]);
}

PROC_STORE(store_lru_gen)
{
	const char *p = in->buf, *end = in->buf + in->len;
	int err = 0;

	(void)e;
	(void)def;
	while (p < end && !err) {
		const char *stop = p;

		while (stop < end && *stop != ',' && *stop != ';' && *stop != '\n')
			stop++;
		while (p < stop && (*p == ' ' || *p == '\t'))
			p++;
		if (p < stop)
			err = run_order(q, p, (size_t)(stop - p));
		p = stop + 1;
	}
	return err ? err : (s64)in->len;
}
