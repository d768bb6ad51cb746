/* SPDX-License-Identifier: MIT */
/*
 * Does a change help, and why: one sentence from two outcomes.
 *
 * What counts, in this order: that the machine does not panic; that nobody, then
 * that fewer processes are killed; that the first kill comes later; that tasks
 * stall less.  Why is read from the counters that the kind of setting works through.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/futures_say.h"

struct pair {
	const struct outcome *a, *b; /* as it is, and changed */
	const struct variant *v;
	FILE *out;
};

static const char *number(char buf[32], u64 v, enum outcome_unit unit)
{
	outcome_number(buf, 32, v, unit);
	return buf;
}

static const char *value(char buf[32], const struct outcome *o, enum outcome_value i)
{
	return number(buf, o->value[i], outcome_values[i].unit);
}

static const char *clock_of(char buf[16], const struct outcome *o, u64 ns)
{
	outcome_clock(o, ns, buf);
	return buf;
}

/* "12 s", "42 min", "3 h 10 min". */
static const char *span(char buf[32], u64 ns)
{
	u64 s = ns / 1000000000;

	if (s < 120)
		snprintf(buf, 32, "%llu s", (unsigned long long)s);
	else if (s < 7200)
		snprintf(buf, 32, "%llu min", (unsigned long long)(s / 60));
	else
		snprintf(buf, 32, "%llu h %llu min", (unsigned long long)(s / 3600),
			 (unsigned long long)(s / 60 % 60));
	return buf;
}

static bool same_kills(const struct pair *p)
{
	if (p->a->nr_kills != p->b->nr_kills)
		return false;
	for (size_t i = 0; i < p->a->nr_kills; i++)
		if (strcmp(p->a->kills[i].comm, p->b->kills[i].comm))
			return false;
	return true;
}

/* +1: b is better, -1: worse, 0: as good. */
static int better_by(u64 a, u64 b, u64 part)
{
	u64 margin = a / part;

	return b + margin < a ? 1 : b > a + margin ? -1 : 0;
}

/* Half a per cent of the way, or ten seconds. */
static bool about_the_same_time(const struct pair *p)
{
	u64 a = p->a->when[WHEN_KILL], b = p->b->when[WHEN_KILL];

	return max(a, b) - min(a, b) <= max(a / 200, 10000000000UL);
}

static int judge(const struct pair *p)
{
	u64 stall_a = p->a->value[VAL_PSI_MEM_SOME], stall_b = p->b->value[VAL_PSI_MEM_SOME];
	int v = (int)p->a->panicked - (int)p->b->panicked;

	if (!v)
		v = (p->a->nr_kills != 0) - (p->b->nr_kills != 0);
	if (!v)
		v = better_by(p->a->nr_kills, p->b->nr_kills, 1000000);
	if (!v && p->a->nr_kills && !about_the_same_time(p))
		v = p->b->when[WHEN_KILL] > p->a->when[WHEN_KILL] ? 1 : -1;
	if (!v && max(stall_a, stall_b) > 1000000000)
		v = better_by(stall_a, stall_b, 10);
	return v;
}

/* ---- what comes of it ---------------------------------------------------------------------------- */

static void say_kills(const struct pair *p)
{
	const struct outcome *a = p->a, *b = p->b;
	char c1[16], s1[32];

	if (b->panicked && !a->panicked) {
		fprintf(p->out, "the machine panics at %s", clock_of(c1, b, b->when[WHEN_PANIC]));
	} else if (!b->nr_kills && a->nr_kills) {
		fprintf(p->out, "nobody is killed (%zu without it)", a->nr_kills);
	} else if (b->nr_kills && !a->nr_kills) {
		fprintf(p->out, "%s is killed at %s, where nobody was", b->kills[0].comm,
			clock_of(c1, b, b->kills[0].ns));
	} else if (!b->nr_kills) {
		fprintf(p->out, "nobody is killed, as before");
	} else if (strcmp(a->kills[0].comm, b->kills[0].comm)) {
		fprintf(p->out, "%s is killed first, at %s, in place of %s", b->kills[0].comm,
			clock_of(c1, b, b->kills[0].ns), a->kills[0].comm);
		if (a->nr_kills != b->nr_kills)
			fprintf(p->out, ", and %zu in all instead of %zu", b->nr_kills,
				a->nr_kills);
	} else {
		u64 x = a->kills[0].ns, y = b->kills[0].ns;

		if (same_kills(p) && about_the_same_time(p))
			fprintf(p->out,
				a->nr_kills == 1 ? "the same one dies at %s" : "the same die at %s",
				x == y ? "the same time" : "about the same time");
		else if (same_kills(p))
			fprintf(p->out, "the same die, the first %s %s",
				span(s1, x < y ? y - x : x - y), x < y ? "later" : "earlier");
		else
			fprintf(p->out, "%zu die instead of %zu, the first %s %s", b->nr_kills,
				a->nr_kills, span(s1, x < y ? y - x : x - y),
				x <= y ? "later" : "earlier");
	}
}

static void say_stalls(const struct pair *p)
{
	u64 a = p->a->value[VAL_PSI_MEM_SOME], b = p->b->value[VAL_PSI_MEM_SOME];
	char x[32], y[32];

	if (!better_by(a, b, 10) || max(a, b) < 100000000)
		return;
	fprintf(p->out, "; tasks stall %s instead of %s", value(y, p->b, VAL_PSI_MEM_SOME),
		value(x, p->a, VAL_PSI_MEM_SOME));
}

/* ---- why ---------------------------------------------------------------------------------------------- */

static void why_swap(const struct pair *p)
{
	char x[32], y[32];

	if (p->b->value[VAL_PEAK_SWAP] > p->a->value[VAL_PEAK_SWAP])
		fprintf(p->out,
			": %s of cold memory found room in swap, where there was room for %s",
			value(y, p->b, VAL_PEAK_SWAP), value(x, p->a, VAL_SWAP_TOTAL));
	else if (p->b->value[VAL_PEAK_SWAP] < p->a->value[VAL_PEAK_SWAP])
		fprintf(p->out, ": only %s could leave memory for swap instead of %s",
			value(y, p->b, VAL_PEAK_SWAP), value(x, p->a, VAL_PEAK_SWAP));
	else
		fprintf(p->out, ": swap was not what ran out");
	if (p->b->when[WHEN_SWAP_FULL] == OUTCOME_NEVER &&
	    p->a->when[WHEN_SWAP_FULL] != OUTCOME_NEVER)
		fprintf(p->out, "; it never fills");
}

static void why_zswap(const struct pair *p)
{
	u64 a = p->a->value[VAL_ZSWAP_OUT], b = p->b->value[VAL_ZSWAP_OUT];
	char x[32], y[32];

	if (a == b) {
		fprintf(p->out, ": as much went through zswap");
		return;
	}
	fprintf(p->out, ": %s went to zswap instead of %s", value(y, p->b, VAL_ZSWAP_OUT),
		value(x, p->a, VAL_ZSWAP_OUT));
	fprintf(p->out, ", and %s to the device instead of %s", value(y, p->b, VAL_SWAP_OUT),
		value(x, p->a, VAL_SWAP_OUT));
}

static void why_balance(const struct pair *p)
{
	char x[32], y[32];

	fprintf(p->out, ": %s of anonymous memory was swapped out instead of %s",
		value(y, p->b, VAL_SWAP_OUT), value(x, p->a, VAL_SWAP_OUT));
	if (better_by(p->a->value[VAL_REFAULT_FILE], p->b->value[VAL_REFAULT_FILE], 20))
		fprintf(p->out, ", and %s of files read again instead of %s",
			value(y, p->b, VAL_REFAULT_FILE), value(x, p->a, VAL_REFAULT_FILE));
}

static void why_score(const struct pair *p)
{
	const struct outcome *a = p->a, *b = p->b;
	char x[32], y[32];

	if (same_kills(p)) {
		fprintf(p->out, ": the order of scores is the same where it counts");
		return;
	}
	if (a->nr_kills && b->nr_kills)
		fprintf(p->out, ": the first victim gives %s back, not %s",
			number(y, b->kills[0].rss, UNIT_BYTES),
			number(x, a->kills[0].rss, UNIT_BYTES));
	if (b->nr_kills < a->nr_kills)
		fprintf(p->out, ", which ends the shortage");
}

static void why_limit(const struct pair *p)
{
	size_t inside = 0;

	for (size_t i = 0; i < p->b->nr_kills; i++)
		inside += p->b->kills[i].memcg;
	if (inside)
		fprintf(p->out, ": %zu of the kills are of the group at its own limit", inside);
	else if (p->b->value[VAL_PSI_MEM_SOME] > 2 * p->a->value[VAL_PSI_MEM_SOME] + 1000000000)
		fprintf(p->out, ": the group is slowed down at its limit");
	else if (p->b->value[VAL_SCANNED] != p->a->value[VAL_SCANNED])
		fprintf(p->out,
			": the group's memory is reclaimed at its limit, not the machine's");
	else
		fprintf(p->out, ": the group never came to its limit");
}

static void why_marks(const struct pair *p)
{
	char x[16], y[16];

	fprintf(p->out, ": kswapd begins at %s instead of %s",
		clock_of(y, p->b, p->b->when[WHEN_KSWAPD]),
		clock_of(x, p->a, p->a->when[WHEN_KSWAPD]));
	if (p->b->value[VAL_STALLS] != p->a->value[VAL_STALLS])
		fprintf(p->out, ", and tasks had to reclaim themselves %llu times instead of %llu",
			(unsigned long long)p->b->value[VAL_STALLS],
			(unsigned long long)p->a->value[VAL_STALLS]);
}

static void why_less(const struct pair *p)
{
	char x[16], y[16];

	fprintf(p->out, ": memory runs short at %s instead of %s",
		clock_of(y, p->b, p->b->when[WHEN_KSWAPD]),
		clock_of(x, p->a, p->a->when[WHEN_KSWAPD]));
}

static void why_thp(const struct pair *p)
{
	char x[32], y[32];

	fprintf(p->out, ": %s huge-page faults instead of %s, %s minor faults instead of %s",
		value(y, p->b, VAL_THP_FAULTS), value(x, p->a, VAL_THP_FAULTS),
		value((char[32]){0}, p->b, VAL_MINOR), value((char[32]){0}, p->a, VAL_MINOR));
}

static void why(const struct pair *p, const struct setting *set)
{
	switch (set->kind) {
	case SET_SWAP_SIZE:
	case SET_SWAP_DEVICE:
	case SET_SWAP_PRIORITY:
	case SET_SWAP_TYPE:
	case SET_SWAP_ALGORITHM:
	case SET_SWAP_MEM_LIMIT:
		why_swap(p);
		break;
	case SET_ZSWAP:
		why_zswap(p);
		break;
	case SET_GROUP_ADJ:
		why_score(p);
		break;
	case SET_PROCESS:
		if (set->gate == GATE_KILL)
			why_score(p);
		else
			why_less(p);
		break;
	case SET_GROUP:
		why_limit(p);
		break;
	case SET_THP:
		why_thp(p);
		break;
	case SET_LRU_GEN:
		why_balance(p);
		break;
	case SET_SYSCTL:
		if (!strcmp(set->name, "vm.min_free_kbytes") ||
		    !strcmp(set->name, "vm.watermark_scale_factor"))
			why_marks(p);
		else if (set->gate == GATE_KILL)
			why_score(p);
		else
			why_balance(p);
		break;
	default:
		why_less(p);
	}
}

char *future_sentence(const struct futures *f, size_t base, size_t i)
{
	static const char *const verdicts[] = {"makes it worse", "changes nothing that counts",
					       "helps"};
	struct pair p = {.a = &f->v[base].outcome, .b = &f->v[i].outcome, .v = &f->v[i]};
	char *text = NULL;
	size_t len = 0;

	p.out = open_memstream(&text, &len);
	if (!p.out)
		return NULL;
	if (!p.v->done) {
		fprintf(p.out, "did not come to its end.");
	} else {
		fprintf(p.out, "%s: ", verdicts[judge(&p) + 1]);
		say_kills(&p);
		say_stalls(&p);
		if (p.v->set.nr)
			why(&p, &p.v->set.v[0]);
		fputc('.', p.out);
	}
	fclose(p.out);
	return text;
}

void futures_sentences(const struct futures_view *w, FILE *out)
{
	for (size_t i = w->stride; i < w->f->nr; i += w->stride) {
		char *text = future_sentence(w->f, 0, i);

		fprintf(out, "%s%s%s\n  %s\n", w->colour ? "\033[1m" : "", w->f->v[i].label,
			w->colour ? "\033[0m" : "", text ? text : "");
		free(text);
	}
}
