/* SPDX-License-Identifier: MIT */
/*
 * The night as a story: a picture of where the memory was, what happened when,
 * who was killed and why, and how to see it in the ordinary tools.  Made from
 * the event log alone, so a run tells the same story each time.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/events.h"
#include "oom/rules.h"

#define BAR_WIDTH 48
#define BAR_ROWS  24

struct paint {
	FILE *f;
	bool colour;
	const struct oom_rules *rules;
};

static const char *code(const struct paint *p, const char *c)
{
	return p->colour ? c : "";
}

#define BOLD  code(p, "\033[1m")
#define RED   code(p, "\033[31m")
#define DIM   code(p, "\033[2m")
#define PLAIN code(p, "\033[0m")

static unsigned long mb(unsigned long pages)
{
	return pages >> 8;
}

static double gb(unsigned long pages)
{
	return (double)pages / 262144.0;
}

/* ---- the picture ------------------------------------------------------------ */

static void bar_part(const struct paint *p, const char *colour, char c, unsigned int n)
{
	if (!n)
		return;
	fputs(code(p, colour), p->f);
	while (n--)
		fputc(c, p->f);
	fputs(PLAIN, p->f);
}

static void bar(const struct paint *p, const struct sample *s, unsigned long total)
{
	const struct {
		unsigned long pages;
		const char *colour;
		char c;
	} parts[] = {
		{s->shmem, "\033[35m", 'S'},
		{s->anon, "\033[31m", 'A'},
		{s->slab + s->page_tables + s->zswap_pool, "\033[33m", 'k'},
		{s->file, "\033[34m", 'c'},
	};
	unsigned long sum = 0;
	unsigned int drawn = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		unsigned int to;

		sum += parts[i].pages;
		to = (unsigned int)min_t(unsigned long, BAR_WIDTH, sum * BAR_WIDTH / total);
		bar_part(p, parts[i].colour, parts[i].c, to - drawn);
		drawn = to;
	}
	bar_part(p, "\033[2m", '.', BAR_WIDTH - drawn);
}

static void picture(const struct paint *p, struct machine *m)
{
	const struct event_log *log = m->log;
	size_t step = log->nr_samples / BAR_ROWS + 1;
	unsigned long total = m->q->node->totalram_pages, kills = 0;

	fprintf(p->f, "%sMemory through the night%s (%.0f GB; S shared, A anonymous, k kernel and zswap, c page cache, . free)\n\n",
		BOLD, PLAIN, gb(total));
	fprintf(p->f, "  %-8s  %-*s %8s %8s %8s\n", "", BAR_WIDTH, "", "free", "swap", "stalls");
	for (size_t i = 0; i < log->nr_samples; i += step) {
		const struct sample *s = &log->samples[i];
		const struct sample *before = &log->samples[i < step ? 0 : i - step];
		char clock[16];

		machine_clock_text(m, s->ns, clock);
		fprintf(p->f, "  %.5s    ", clock);
		bar(p, s, total);
		fprintf(p->f, " %6.1f G %6.1f G %8lu", gb(s->free), gb(s->swap_used),
			s->allocstall - before->allocstall);
		if (s->kills > kills)
			fprintf(p->f, "  %s%lu killed%s", RED, s->kills - kills, PLAIN);
		kills = s->kills;
		fputc('\n', p->f);
	}
	fputc('\n', p->f);
}

/* ---- what happened ---------------------------------------------------------- */

static void timeline(const struct paint *p, struct machine *m)
{
	const struct event_log *log = m->log;

	fprintf(p->f, "%sWhat happened%s\n\n", BOLD, PLAIN);
	for (size_t i = 0; i < log->nr; i++) {
		const struct event *e = &log->events[i];
		char clock[16];

		machine_clock_text(m, e->ns, clock);
		fprintf(p->f, "  %s  %s%s%s\n", clock,
			e->kind == EV_OOM_KILL || e->kind == EV_PANIC ? RED : "", e->text, PLAIN);
	}
	fputc('\n', p->f);
}

/* ---- the kills -------------------------------------------------------------- */

static void why(const struct paint *p, const struct kill_note *k)
{
	unsigned long rss = k->anon + k->file + k->shmem;
	long step = oom_rules_step(p->rules, k->totalpages);
	/* Where points are thousandths, a step is a thousandth of memory as well. */
	long adj_points = (long)k->adj * (p->rules->thousandths ? (long)(k->totalpages / 1000) : step);

	fprintf(p->f,
		"  %s asked for memory when %lu MB were free%s and %s, and reclaim had found nothing more to take.\n",
		*k->invoker ? k->invoker : "the kernel", mb(k->free_pages),
		k->memcg ? " (but its control group was at its limit)" : "",
		k->swap_free < 1024 ? "swap was full" : "swap could take no more");
	if (p->rules->heuristic)
		fprintf(p->f, "  The killer takes the largest score: pages of address space, less for what has run long and for root's, more for niced ones, doubled or halved by oom_adj.\n");
	else
		fprintf(p->f, "  The killer takes the largest score: resident pages + swapped pages%s%s.\n",
			p->rules->pgtables ? " + page tables" : "",
			p->rules->thousandths ? " in thousandths of all memory + oom_score_adj"
					      : " + oom_score_adj x total/1000");
	fprintf(p->f, "  %s had %lu MB resident (%lu anonymous, %lu shared, %lu file) and %lu MB swapped",
		k->comm, mb(rss), mb(k->anon), mb(k->shmem), mb(k->file), mb(k->swap));
	if (adj_points)
		fprintf(p->f, "; its oom_score_adj of %d counts as %s%ld MB", k->adj,
			adj_points > 0 ? "+" : "", adj_points / 256);
	fprintf(p->f, ".\n");
	if (k->shmem > k->anon)
		fprintf(p->f, "  Most of that is shared: it counts in full for each process that maps it, and killing one gives back %lu MB.\n",
			mb(k->anon + k->swap));
}

static void table_row(const struct paint *p, const struct runner_up *r, bool killed)
{
	fprintf(p->f, "  %s%c %-16s %7d %10ld %12lu %10lu %6d%s%s\n", killed ? RED : "",
		killed ? '>' : ' ', r->comm, r->pid, r->points, mb(r->rss), mb(r->swap), r->adj,
		killed ? "  killed" : "", killed ? PLAIN : "");
}

static void kill_table(const struct paint *p, const struct kill_note *k)
{
	struct runner_up victim = {.pid = k->pid, .adj = k->adj, .points = k->points,
				   .rss = k->anon + k->file + k->shmem, .swap = k->swap};
	bool shown = !strcmp(k->rival.comm, "");

	memcpy(victim.comm, k->comm, sizeof(victim.comm));
	fprintf(p->f, "\n    %-16s %7s %10s %12s %10s %6s\n", "who was there", "pid", "score",
		"resident MB", "swapped MB", "adj");
	table_row(p, &victim, true);
	for (size_t i = 0; i < k->nr_runners_up; i++) {
		table_row(p, &k->runners_up[i], false);
		shown |= k->runners_up[i].pid == k->rival.pid;
	}
	if (!shown) {
		fprintf(p->f, "    ...\n");
		table_row(p, &k->rival, false);
	}
}

/* The sentence that an operator needs: was it the right one, and what would
 * have made it another. */
static void verdict(const struct paint *p, const struct kill_note *k)
{
	long step = oom_rules_step(p->rules, k->totalpages);

	if (*k->rival.comm && step) {
		long margin = k->points - k->rival.points;

		if (p->rules->thousandths)
			margin *= (long)(k->totalpages / 1000);
		fprintf(p->f, "\n  The margin over %s is %ld MB: with an oom_score_adj of %ld or less, %s would have lived and %s died.\n",
			k->rival.comm, margin / 256, oom_rules_outlived_adj(k->adj, k->points - k->rival.points, step), k->comm, k->rival.comm);
	}
	if (k->largest.pid == k->pid)
		fprintf(p->f, "  It was also the one that held most: the killer took the right one.\n");
	else if (k->largest.rss + k->largest.swap > 2 * (k->anon + k->file + k->shmem + k->swap))
		fprintf(p->f, "  What held the memory was %s%s (pid %d)%s: %lu MB resident, %lu MB swapped. It lives on, and so does the shortage.\n",
			BOLD, k->largest.comm, k->largest.pid, PLAIN, mb(k->largest.rss),
			mb(k->largest.swap));
	fputc('\n', p->f);
}

static void kills(const struct paint *p, struct machine *m)
{
	const struct event_log *log = m->log;
	const char *last = "";
	char clock[16];

	if (log->nr_kills)
		fprintf(p->f, "%sWho was killed, and why%s\n\n", BOLD, PLAIN);
	for (size_t i = 0; i < log->nr_kills; i++) {
		const struct kill_note *k = &log->kills[i];

		machine_clock_text(m, k->ns, clock);
		if (!strcmp(k->comm, last)) {
			fprintf(p->f, "  %s  %s (pid %d) too, for the same reason; %lu MB came free%s\n",
				clock, k->comm, k->pid, mb(k->anon + k->swap),
				i + 1 == log->nr_kills ? "\n" : "");
			continue;
		}
		fprintf(p->f, "%s%s%s  %s (pid %d) is killed%s\n\n", *last ? "\n" : "", BOLD, clock,
			k->comm, k->pid, PLAIN);
		why(p, k);
		kill_table(p, k);
		verdict(p, k);
		last = k->comm;
	}
}

/* ---- the tools -------------------------------------------------------------- */

static void proc_excerpt(const struct paint *p, struct machine *m, const char *name, unsigned int lines)
{
	struct proc_entry e = proc_lookup(m->q, proc_root(), name);
	char buf[16384];
	struct text t;
	const char *line = buf;

	text_init(&t, buf, sizeof(buf));
	if (e.kind != PROC_FILE || proc_read(m->q, e, &t))
		return;
	fprintf(p->f, "  $ head -%u /proc/%s\n", lines, name);
	while (lines-- && *line) {
		int n = (int)strcspn(line, "\n");

		fprintf(p->f, "  %s%.*s%s\n", DIM, n, line, PLAIN);
		line += n + (line[n] == '\n');
	}
}

static void kernel_log(const struct paint *p, struct machine *m)
{
	struct printk_record rec;
	char line[1024];
	unsigned int shown = 0;

	fprintf(p->f, "  $ dmesg | grep \"Out of memory\"\n");
	for (u64 seq = 0; printk_read(m->q, seq, &rec, line, sizeof(line)) && shown < 5; seq = rec.seq + 1) {
		if (!strstr(line, "Out of memory"))
			continue;
		shown++;
		fprintf(p->f, "  %s[%5llu.%06llu] %s%s\n", DIM, (unsigned long long)(rec.time_ns / NS_SEC),
			(unsigned long long)(rec.time_ns % NS_SEC / 1000), line, PLAIN);
	}
}

static void tools(const struct paint *p, struct machine *m)
{
	const struct scenario *s = m->scenario;
	const struct event_log *log = m->log;
	u64 at = log->nr_kills ? log->kills[0].ns : m->scenario->length.v / 2;
	char clock[16];

	fprintf(p->f, "%sWhat it looked like in the tools%s (at the end of the night)\n\n", BOLD, PLAIN);
	kernel_log(p, m);
	proc_excerpt(p, m, "meminfo", 5);
	proc_excerpt(p, m, "buddyinfo", 6);
	machine_clock_text(m, at > 60 * NS_SEC ? at - 60 * NS_SEC : 0, clock);
	fprintf(p->f, "\n  See for yourself; the ordinary programs run inside the machine, a minute before%s:\n",
		log->nr_kills ? " the first kill" : "");
	fprintf(p->f, "    build/quire boot %s --at %.5s -- free -h\n", s->path, clock);
	fprintf(p->f, "    build/quire boot %s --at %.5s -- slabtop -o\n", s->path, clock);
	fprintf(p->f, "    build/quire boot %s --end -- dmesg\n", s->path);
	fprintf(p->f, "    build/quire boot %s --live=60          # a shell; the night goes on, 60 times as fast\n",
		s->path);
}

static void summary(const struct paint *p, struct machine *m)
{
	const struct event_log *log = m->log;
	const struct sample *end = &log->was;
	char from[16], to[16];

	machine_clock_text(m, 0, from);
	machine_clock_text(m, machine_now(m), to);
	fprintf(p->f, "\n%s%s%s", BOLD, m->scenario->name, PLAIN);
	if (m->scenario->description)
		fprintf(p->f, ": %s", m->scenario->description);
	fprintf(p->f, "\n%.5s to %.5s on %u nodes, %u CPUs, %.0f GB of memory, %.0f GB of swap.\n", from, to,
		m->q->nr_nodes, m->q->nr_cpus, gb(m->q->node->totalram_pages),
		gb(m->q->swap->total_swap_pages));
	if (log->nr_kills)
		fprintf(p->f, "%sThe OOM killer took %zu process%s%s, after tasks had waited %.1f s in all for memory.\n\n",
			RED, log->nr_kills, log->nr_kills == 1 ? "" : "es", PLAIN,
			(double)end->stall_ns / 1e9);
	else
		fprintf(p->f, "Nobody was killed; tasks waited %.1f s in all for memory.\n\n",
			(double)end->stall_ns / 1e9);
}

void machine_story(struct machine *m, FILE *f, bool colour)
{
	const struct paint paint = {f, colour, m->q->oom->rules}, *p = &paint;

	summary(p, m);
	picture(p, m);
	timeline(p, m);
	kills(p, m);
	tools(p, m);
}
