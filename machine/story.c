/* SPDX-License-Identifier: MIT */
/*
 * The night as a story: a picture of where the memory was, what happened when,
 * who was killed and why, and how to see it in the ordinary tools.  Made from
 * the event log alone, so a run tells the same story each time.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/events.h"

#define BAR_WIDTH 48
#define BAR_ROWS  24

struct paint {
	FILE *f;
	bool colour;
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
	long adj_points = (long)k->adj * (long)(k->totalpages / 1000);

	fprintf(p->f,
		"  %s asked for memory when %lu MB were free%s and %s, and reclaim had found nothing more to take.\n",
		*k->invoker ? k->invoker : "the kernel", mb(k->free_pages),
		k->memcg ? " (but its control group was at its limit)" : "",
		k->swap_free < 1024 ? "swap was full" : "swap could take no more");
	fprintf(p->f,
		"  The killer takes the largest score: resident pages + swapped pages + page tables + oom_score_adj x total/1000.\n");
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

static void kill_table(const struct paint *p, struct machine *m, const struct kill_note *k)
{
	char clock[16];

	machine_clock_text(m, k->ns, clock);
	fprintf(p->f, "%s%s  %s (pid %d) is killed%s\n\n", BOLD, clock, k->comm, k->pid, PLAIN);
	why(p, k);
	fprintf(p->f, "\n    %-16s %7s %10s %12s %6s\n", "who was there", "pid", "score", "resident MB",
		"adj");
	fprintf(p->f, "  %s> %-16s %7d %10ld %12lu %6d  killed%s\n", RED, k->comm, k->pid, k->points,
		mb(k->anon + k->file + k->shmem), k->adj, PLAIN);
	for (size_t i = 0; i < k->nr_runners_up && i < 5; i++) {
		const struct runner_up *r = &k->runners_up[i];

		fprintf(p->f, "    %-16s %7d %10ld %12lu %6d\n", r->comm, r->pid, r->points,
			mb(r->rss), r->adj);
	}
	if (k->nr_runners_up && k->totalpages >= 1000) {
		long margin = k->points - k->runners_up[0].points;
		long adj = margin / (long)(k->totalpages / 1000) + 1;

		fprintf(p->f, "\n  The margin over %s is %ld pages (%ld MB): with an oom_score_adj lower by %ld it would have been %s.\n",
			k->runners_up[0].comm, margin, margin / 256, adj, k->runners_up[0].comm);
	}
	fputc('\n', p->f);
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
	const struct paint paint = {f, colour}, *p = &paint;

	summary(p, m);
	picture(p, m);
	timeline(p, m);
	if (m->log->nr_kills)
		fprintf(f, "%sWho was killed, and why%s\n\n", BOLD, PLAIN);
	for (size_t i = 0; i < m->log->nr_kills && i < 3; i++)
		kill_table(p, m, &m->log->kills[i]);
	if (m->log->nr_kills > 3)
		fprintf(f, "  ... and %zu more; see the list above.\n\n", m->log->nr_kills - 3);
	tools(p, m);
}
