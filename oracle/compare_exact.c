/* SPDX-License-Identifier: MIT */
/*
 * What must be exact, and who dies.
 *
 * Numbers that depend on settings and on the machine only (marks, reserves,
 * per-CPU lists, limits) must be the kernel's own.  Numbers that are derived
 * from amounts (dirty thresholds, MemAvailable, oom_score) must be what the
 * formula makes of the model's own amounts: these may be 2 % off, the formula
 * may not.  One row a quantity and snapshot: the first place that differs is
 * shown, so that a machine with many zones does not outweigh the others.
 *
 * The round of a death must be within 2 % of the kernel's, or 1.
 */
#include "oracle/compare.h"
#include "oracle/derive.h"

#include <stdlib.h>
#include <string.h>

#define ROUND_PERCENT 2

/* ---- zones ------------------------------------------------------------------- */

/* What of a zone is compared: 0 if equal, and both as texts. */
typedef int (*zone_fn)(const struct oracle_zone *k, const struct oracle_zone *m, char *a, char *b,
		       size_t size);

static int zone_marks(const struct oracle_zone *k, const struct oracle_zone *m, char *a, char *b,
		      size_t size)
{
	const struct oracle_zone *z[] = {k, m};
	char *text[] = {a, b};

	for (int i = 0; i < 2; i++)
		snprintf(text[i], size, "%llu %llu %llu", (unsigned long long)z[i]->min,
			 (unsigned long long)z[i]->low, (unsigned long long)z[i]->high);
	return strcmp(a, b);
}

static int zone_reserve(const struct oracle_zone *k, const struct oracle_zone *m, char *a, char *b,
			size_t size)
{
	const struct oracle_zone *z[] = {k, m};
	char *text[] = {a, b};

	for (int i = 0; i < 2; i++)
		snprintf(text[i], size, "%llu %llu %llu %llu",
			 (unsigned long long)z[i]->protection[1],
			 (unsigned long long)z[i]->protection[2],
			 (unsigned long long)z[i]->protection[3],
			 (unsigned long long)z[i]->protection[4]);
	return memcmp(k->protection, m->protection, sizeof(k->protection));
}

static int zone_pcp(const struct oracle_zone *k, const struct oracle_zone *m, char *a, char *b,
		    size_t size)
{
	snprintf(a, size, "high %llu batch %llu", (unsigned long long)k->pcp_high,
		 (unsigned long long)k->pcp_batch);
	snprintf(b, size, "high %llu batch %llu%s", (unsigned long long)m->pcp_high,
		 (unsigned long long)m->pcp_batch, m->pcp_same ? "" : ", not on all");
	return strcmp(a, b);
}

static int zone_threshold(const struct oracle_zone *k, const struct oracle_zone *m, char *a,
			  char *b, size_t size)
{
	snprintf(a, size, "%llu", (unsigned long long)k->threshold);
	snprintf(b, size, "%llu", (unsigned long long)m->threshold);
	/* each may be the one or the other, by whether kswapd is awake just then */
	return m->threshold != k->threshold && m->threshold != derive_threshold(k) &&
	       m->threshold != derive_threshold_pressure(k);
}

static const struct oracle_zone *same_zone(const struct oracle_zone *zones, size_t nr,
					   const struct oracle_zone *z)
{
	for (size_t i = 0; i < nr; i++)
		if (zones[i].node == z->node && zones[i].type == z->type)
			return &zones[i];
	return NULL;
}

static void compare_zones(struct compare *c, const char *quantity, zone_fn fn,
			  const struct oracle_zone *k, size_t nk, const struct oracle_zone *m,
			  size_t nm)
{
	char a[40] = "", b[40] = "", kernel[56] = "", model[56] = "";
	enum oracle_verdict verdict = ORACLE_AGREES;
	unsigned int wrong = 0, nr = 0;
	char count[32] = "";

	for (size_t i = 0; i < nk; i++) {
		const struct oracle_zone *z = same_zone(m, nm, &k[i]);

		if (!k[i].managed)
			continue;
		nr++;
		if (z && !fn(&k[i], z, a, b, sizeof(a)))
			continue;
		if (wrong++)
			continue;
		if (!z)
			fn(&k[i], &k[i], a, b, sizeof(a));
		snprintf(kernel, sizeof(kernel), "n%u %s: %s", k[i].node, k[i].name, a);
		snprintf(model, sizeof(model), "%s", z ? b : "no such zone");
		verdict = ORACLE_DIFFERS;
	}
	if (!nr)
		return;
	if (!nm)
		verdict = ORACLE_MISSING, model[0] = 0;
	if (wrong)
		snprintf(count, sizeof(count), "%u of %u zones", wrong, nr);
	else
		snprintf(kernel, sizeof(kernel), "%u zones", nr);
	compare_row(c, ORACLE_EXACT, quantity, kernel, model, count, "", verdict);
}

static void compare_all_zones(struct compare *c)
{
	static struct {
		const char *quantity;
		zone_fn fn;
	} const what[] = {
		{"watermarks", zone_marks},
		{"lowmem_reserve", zone_reserve},
		{"pcp high and batch", zone_pcp},
		{"vmstat threshold", zone_threshold},
	};
	struct oracle_zone *k = calloc(2 * ORACLE_ZONES_MAX, sizeof(*k));
	struct oracle_zone *m = k + ORACLE_ZONES_MAX;
	size_t nk, nm;

	if (!k) {
		c->no_memory = true;
		return;
	}
	nk = oracle_zones(c->ks, k, ORACLE_ZONES_MAX);
	nm = c->ms ? oracle_zones(c->ms, m, ORACLE_ZONES_MAX) : 0;
	for (size_t i = 0; nk && i < ARRAY_SIZE(what); i++)
		compare_zones(c, what[i].quantity, what[i].fn, k, nk, m, nm);
	free(k);
}

/* ---- the model's own formulas ------------------------------------------------ */

struct formulas {
	struct compare *c;
	const char *what;
	unsigned int nr, wrong;
	struct oracle_check first; /* that is not exact */
};

static void formula_one(void *ctx, const struct oracle_check *check)
{
	struct formulas *f = ctx;

	if (strcmp(check->what, f->what))
		return;
	f->nr++;
	if (!check->exact && !f->wrong++)
		f->first = *check;
}

/* All checks of one name: on snapshot ms, or on the model's whole run. */
static void compare_formula(struct compare *c, const char *what, const char *quantity, bool of_run)
{
	struct formulas k = {.c = c, .what = what}, m = k;
	char kernel[56], model[56] = "", count[24] = "";

	if (of_run) {
		oracle_derive_run(c->kernel, formula_one, &k);
		oracle_derive_run(c->model, formula_one, &m);
	} else {
		oracle_derive_snap(c->kernel, (size_t)(c->ks - c->kernel->snaps), formula_one, &k);
		if (c->ms)
			oracle_derive_snap(c->model, (size_t)(c->ms - c->model->snaps), formula_one,
					   &m);
	}
	if (!k.nr)
		return;
	snprintf(kernel, sizeof(kernel), "by formula");
	if (m.wrong) {
		snprintf(kernel, sizeof(kernel), "formula %.46s", m.first.formula);
		snprintf(model, sizeof(model), "%.20s%s%.30s", m.first.where,
			 *m.first.where ? ": " : "", m.first.shown);
		snprintf(count, sizeof(count), "%u of %u", m.wrong, m.nr);
	}
	compare_row(c, ORACLE_EXACT, quantity, kernel, model, count, "",
		    !m.nr     ? ORACLE_MISSING
		    : m.wrong ? ORACLE_DIFFERS
			      : ORACLE_AGREES);
}

/* ---- caches ------------------------------------------------------------------- */

static bool find_slab(const char *text, const char *name, struct oracle_slab *slab)
{
	while (text && oracle_slab_next(&text, slab))
		if (!strcmp(slab->name, name))
			return true;
	return false;
}

/* Objects and pages a slab: the caches that both have, by name, and of every
 * cache of the model by the formula on its size. */
static void compare_slabs(struct compare *c)
{
	const char *p = oracle_file_text(c->ks, "/proc/slabinfo");
	const char *mp = c->ms ? oracle_file_text(c->ms, "/proc/slabinfo") : NULL;
	char kernel[56] = "", model[56] = "", count[24] = "";
	struct oracle_slab k, m;
	unsigned int both = 0, wrong = 0;

	if (!p)
		return;
	while (oracle_slab_next(&p, &k)) {
		if (!find_slab(mp, k.name, &m))
			continue;
		both++;
		if (k.size == m.size && k.per_slab == m.per_slab && k.pages == m.pages)
			continue;
		if (wrong++)
			continue;
		snprintf(kernel, sizeof(kernel), "%.24s: %llu B, %llu in %llu", k.name,
			 (unsigned long long)k.size, (unsigned long long)k.per_slab,
			 (unsigned long long)k.pages);
		snprintf(model, sizeof(model), "%llu B, %llu in %llu", (unsigned long long)m.size,
			 (unsigned long long)m.per_slab, (unsigned long long)m.pages);
	}
	if (wrong)
		snprintf(count, sizeof(count), "%u of %u caches", wrong, both);
	else
		snprintf(kernel, sizeof(kernel), "%u caches in both", both);
	compare_row(c, ORACLE_EXACT, "slabs by name", kernel, model, count, "",
		    !mp || !both ? ORACLE_MISSING
		    : wrong	 ? ORACLE_DIFFERS
				 : ORACLE_AGREES);
	compare_formula(c, "slab layout", "slabs by size", false);
}

/* ---- scores ------------------------------------------------------------------ */

#define SIZE_PERCENT 2

/* Pages that the killer counts: as VmRSS shows them, late by what the task has not
 * told yet; or those that stay as long as the process, smaps.Anonymous. */
static s64 points_of(const struct oracle_proc *p, const char *resident)
{
	s64 rss = 0, swap = 0, tables = 0;

	oracle_proc_value(p, resident, &rss);
	oracle_proc_value(p, "VmSwap", &swap);
	oracle_proc_value(p, "VmPTE", &tables);
	return (rss + swap + tables) / 4;
}

/* The formula on what the model's own process shows, if its own memory is of the
 * kernel's size within the bar of amounts; with the model's progress, where the
 * rounds of a loop differ.  How many pages of files and of shared memory reclaim has
 * left it is an amount, and not asked here. */
static bool score_by_formula(struct compare *c, const struct oracle_proc *k,
			     const struct oracle_proc *m, s64 shown)
{
	s64 want = points_of(k, "smaps.Anonymous"), have = points_of(m, "smaps.Anonymous");
	s64 shows = points_of(m, "VmRSS"), adj = 0, k_adj = 0, off, bar;
	s64 more = (s64)m->touched - (s64)k->touched;
	u64 total = 0, total_swap = 0;

	oracle_proc_value(m, "oom_score_adj", &adj);
	oracle_proc_value(k, "oom_score_adj", &k_adj);
	oracle_meminfo(c->ms, "MemTotal", &total);
	oracle_meminfo(c->ms, "SwapTotal", &total_swap);
	want += more + more / 512;
	bar = points_of(k, "smaps.Rss") * SIZE_PERCENT / 100;
	off = have - want;
	return adj == k_adj && off >= -bar && off <= bar &&
	       (u64)shown == derive_oom_score((u64)shows, adj, total / 4 + total_swap / 4);
}

static void compare_scores(struct compare *c)
{
	char kernel[56] = "", model[56] = "", count[24] = "";
	unsigned int wrong = 0, missing = 0, nr = 0;

	for (size_t i = 0; i < c->ks->nr_procs; i++) {
		const struct oracle_proc *k = &c->ks->procs[i], *m;
		s64 a, b = -1;

		if (!oracle_proc_value(k, "oom_score", &a))
			continue;
		nr++;
		m = c->ms ? oracle_proc_find(c->ms, k->name) : NULL;
		if (!m || !oracle_proc_value(m, "oom_score", &b)) {
			missing++;
			continue;
		}
		if (a == b || score_by_formula(c, k, m, b))
			continue;
		if (!wrong++) {
			snprintf(kernel, sizeof(kernel), "%.20s: %lld", k->name, (long long)a);
			snprintf(model, sizeof(model), "%lld", (long long)b);
		}
	}
	if (!nr)
		return;
	if (wrong || missing)
		snprintf(count, sizeof(count), "%u of %u", wrong + missing, nr);
	if (!wrong)
		snprintf(kernel, sizeof(kernel), "%u processes", nr);
	compare_row(c, ORACLE_EXACT, "oom_score", kernel, model, count, "",
		    wrong     ? ORACLE_DIFFERS
		    : missing ? ORACLE_MISSING
			      : ORACLE_AGREES);
}

/* The kernel's number; where the model's pools of huge pages have another size (an
 * amount, with rows of its own), what the formula makes of that, of equal memory
 * and swap. */
static void compare_commit(struct compare *c)
{
	static const char *const same[] = {"MemTotal", "SwapTotal"};
	u64 k, m = 0, a = 0, b = 0;
	bool has = c->ms && oracle_meminfo(c->ms, "CommitLimit", &m), pools;

	if (!oracle_meminfo(c->ks, "CommitLimit", &k))
		return;
	pools = has && k != m && oracle_meminfo(c->ks, "Hugetlb", &a) &&
		oracle_meminfo(c->ms, "Hugetlb", &b) && a != b;
	for (size_t i = 0; pools && i < ARRAY_SIZE(same); i++)
		pools = oracle_meminfo(c->ks, same[i], &a) && oracle_meminfo(c->ms, same[i], &b) &&
			a == b;
	if (pools)
		compare_formula(c, "CommitLimit", "CommitLimit", false);
	else
		compare_equal(c, ORACLE_EXACT, "CommitLimit", k, has, m);
}

void compare_exact_snap(struct compare *c)
{
	u64 k, m = 0;
	bool has;

	compare_all_zones(c);
	if (oracle_num(c->ks, "/proc/sys/vm/min_free_kbytes", &k)) {
		has = c->ms && oracle_num(c->ms, "/proc/sys/vm/min_free_kbytes", &m);
		compare_equal(c, ORACLE_EXACT, "min_free_kbytes", k, has, m);
	}
	compare_commit(c);
	compare_formula(c, "dirty thresholds", "dirty thresholds", false);
	compare_formula(c, "MemAvailable", "MemAvailable", false);
	compare_scores(c);
	compare_slabs(c);
}

void compare_exact_run(struct compare *c)
{
	static const char head[] = "Fallback order for Node ";
	unsigned int nr = 0, wrong = 0, missing = 0;
	char kernel[56] = "", model[56] = "";

	for (const char *p = c->kernel->log; (p = strstr(p, head)); p += sizeof(head)) {
		size_t n = strcspn(p, "\n");
		char line[64];
		const char *m;

		snprintf(line, sizeof(line), "%.*s", (int)(n < 60 ? n : 60), p);
		line[strcspn(line, ":")] = 0;
		m = strstr(c->model->log, line);
		nr++;
		if (m && strcspn(m, "\n") == n && !strncmp(m, p, n))
			continue;
		missing += !m;
		if (wrong++)
			continue;
		snprintf(kernel, sizeof(kernel), "%.*s", (int)(n - 19 < 55 ? n - 19 : 55), p + 19);
		if (m)
			snprintf(model, sizeof(model), "%.*s", (int)strcspn(m + 19, "\n") & 63,
				 m + 19);
	}
	if (!wrong)
		snprintf(kernel, sizeof(kernel), "%u nodes", nr);
	if (nr)
		compare_row(c, ORACLE_EXACT, "zonelist order", kernel, model, "", "",
			    missing ? ORACLE_MISSING
			    : wrong ? ORACLE_DIFFERS
				    : ORACLE_AGREES);
	compare_formula(c, "victim", "victim has the highest badness", true);
}

/* ---- deaths ------------------------------------------------------------------ */

static const struct oracle_death *death_of(const struct oracle_result *r, int pid, const char *name)
{
	const struct oracle_death *found = NULL;

	for (size_t i = 0; i < r->nr_deaths; i++)
		if (!strcmp(r->deaths[i].name, name)) {
			found = &r->deaths[i];
			if (found->pid == pid)
				break;
		}
	return found;
}

static void compare_round(struct compare *c, const struct oracle_death *k,
			  const struct oracle_death *m)
{
	char quantity[48], a[24], b[24] = "", d[24] = "";
	unsigned long bar = k->round * ROUND_PERCENT / 100, off;
	enum oracle_verdict verdict = ORACLE_MISSING;

	/* a death outside of loops has no round */
	if (!k->in_loop && !(m && m->in_loop))
		return;
	bar = bar ? bar : 1;
	snprintf(quantity, sizeof(quantity), "round of %.20s's death", k->name);
	snprintf(a, sizeof(a), "%lu", k->round);
	if (m) {
		off = m->round > k->round ? m->round - k->round : k->round - m->round;
		snprintf(b, sizeof(b), "%lu", m->round);
		if (off)
			snprintf(d, sizeof(d), "%+ld", (long)(m->round - k->round));
		verdict = off <= bar ? ORACLE_AGREES : ORACLE_DIFFERS;
		/* the kernel's own runs, by the loop that this death ended */
		for (size_t i = 0; verdict == ORACLE_DIFFERS && i < c->kernel->nr_loops; i++) {
			const struct oracle_loop *l = &c->kernel->loops[i];
			char counter[32];
			s64 low, high;

			snprintf(counter, sizeof(counter), "round:%u", l->line);
			if (l->rounds == k->round && l->deaths &&
			    oracle_variance_find(c->v, "-", counter, &low, &high) &&
			    (s64)m->round >= low && (s64)m->round <= high)
				verdict = ORACLE_AGREES_RANGE;
		}
	}
	compare_row(c, ORACLE_DEATHS, quantity, a, b, d, "2 %", verdict);
}

void compare_deaths(struct compare *c)
{
	struct oracle_kill *k = calloc(2, sizeof(*k)), *m = k + 1;
	const char *kp = c->kernel->log, *mp = c->model->log;
	char quantity[48];

	if (!k) {
		c->no_memory = true;
		return;
	}
	for (unsigned int i = 1;; i++) {
		bool kk = oracle_kill_next(&kp, k), mm = oracle_kill_next(&mp, m);
		const struct oracle_death *kd, *md;

		if (!kk && !mm)
			break;
		snprintf(quantity, sizeof(quantity), "victim %u", i);
		compare_row(c, ORACLE_DEATHS, quantity, kk ? k->victim : "(none)",
			    mm ? m->victim : "(none)", "", "",
			    kk && mm && !strcmp(k->victim, m->victim) ? ORACLE_AGREES
								      : ORACLE_DIFFERS);
		kd = kk ? death_of(c->kernel, k->pid, k->victim) : NULL;
		md = kd ? death_of(c->model, 0, k->victim) : NULL;
		if (kd)
			compare_round(c, kd, md);
	}
	free(k);
}
