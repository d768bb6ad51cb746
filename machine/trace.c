/* SPDX-License-Identifier: MIT */
/*
 * The night for other programs: as a trace that Perfetto and chrome://tracing
 * open (JSON: counters, and an instant for each event), and as OpenMetrics, the
 * state of the machine as it stands.
 */
#include <string.h>

#include "machine/json.h"
#include "machine/events.h"

/* ---- a trace ------------------------------------------------------------------------------ */

struct trace {
	FILE *f;
	bool any;
};

static void begin(struct trace *t, const char *phase, u64 ns, const char *name)
{
	fprintf(t->f,
		"%s\n {\"ph\": \"%s\", \"pid\": 1, \"tid\": 1, \"ts\": %llu.%03llu, \"name\": ",
		t->any ? "," : "", phase, (unsigned long long)(ns / 1000),
		(unsigned long long)(ns % 1000));
	json_put_string(t->f, name);
	t->any = true;
}

struct counter {
	const char *key;
	double value;
};

static void put_counters(struct trace *t, u64 ns, const char *name, const struct counter *c,
			 unsigned int nr)
{
	begin(t, "C", ns, name);
	fprintf(t->f, ", \"args\": {");
	for (unsigned int i = 0; i < nr; i++)
		fprintf(t->f, "%s\"%s\": %.15g", i ? ", " : "", c[i].key, c[i].value);
	fprintf(t->f, "}}");
}

static double mb(unsigned long pages)
{
	return (double)pages / 256;
}

/* What was added since the sample before, a second. */
static double rate(unsigned long now, unsigned long was, u64 ns)
{
	return ns ? (double)(now - was) * 1e9 / (double)ns : 0;
}

static void put_sample(struct trace *t, const struct sample *s, const struct sample *was)
{
	u64 dt = s->ns - was->ns;
	const struct counter memory[] = {
		{"shared", mb(s->shmem)},     {"anonymous", mb(s->anon)},
		{"slab", mb(s->slab)},	      {"tables", mb(s->page_tables)},
		{"zswap", mb(s->zswap_pool)}, {"cache", mb(s->file)},
		{"free", mb(s->free)}};
	const struct counter swap[] = {{"swap", mb(s->swap_used)}, {"zswap", mb(s->zswap_stored)}};
	const struct counter faults[] = {{"all", rate(s->pgfault, was->pgfault, dt)},
					 {"major", rate(s->pgmajfault, was->pgmajfault, dt)}};
	const struct counter traffic[] = {{"out", rate(s->pswpout, was->pswpout, dt)},
					  {"in", rate(s->pswpin, was->pswpin, dt)}};
	const struct counter psi[] = {
		{"some", dt ? (double)(s->psi[0][0] - was->psi[0][0]) * 100 / (double)dt : 0},
		{"full", dt ? (double)(s->psi[0][1] - was->psi[0][1]) * 100 / (double)dt : 0}};

	put_counters(t, s->ns, "memory, MB", memory, ARRAY_SIZE(memory));
	put_counters(t, s->ns, "swap, MB", swap, ARRAY_SIZE(swap));
	put_counters(t, s->ns, "faults a second", faults, ARRAY_SIZE(faults));
	put_counters(t, s->ns, "swap pages a second", traffic, ARRAY_SIZE(traffic));
	put_counters(t, s->ns, "memory pressure, %", psi, ARRAY_SIZE(psi));
}

void machine_write_trace(struct machine *m, FILE *f)
{
	const struct event_log *log = m->log;
	struct trace t = {.f = f};

	fprintf(f, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [");
	begin(&t, "M", 0, "process_name");
	fprintf(f, ", \"args\": {\"name\": ");
	json_put_string(f, m->scenario ? m->scenario->name : "capture");
	fprintf(f, "}}");
	for (size_t i = 0; i < log->nr_samples; i++)
		put_sample(&t, &log->samples[i], &log->samples[i ? i - 1 : 0]);
	for (size_t i = 0; i < log->nr; i++) {
		begin(&t, "i", log->events[i].ns, log->events[i].text);
		fprintf(f, ", \"s\": \"g\"}");
	}
	fprintf(f, "\n]}\n");
}

/* ---- OpenMetrics --------------------------------------------------------------------------------- */

static void put_metric(FILE *f, const char *name, const char *type, const char *unit,
		       const char *help, double value)
{
	bool counter = !strcmp(type, "counter");

	fprintf(f, "# TYPE quire_%s %s\n", name, type);
	if (*unit)
		fprintf(f, "# UNIT quire_%s %s\n", name, unit);
	fprintf(f, "# HELP quire_%s %s\nquire_%s%s %.15g\n", name, help, name,
		counter ? "_total" : "", value);
}

static void put_latency(struct machine *m, FILE *f)
{
	static const struct {
		enum model_latency which;
		const char *label;
	} kinds[] = {{LATENCY_MINOR, "minor"}, {LATENCY_MAJOR, "major"}};

	fprintf(f,
		"# TYPE quire_fault_seconds summary\n# UNIT quire_fault_seconds seconds\n"
		"# HELP quire_fault_seconds From an access to its page, on the machine's clock.\n");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct latency *l = model_latency(m->model, kinds[i].which);

		fprintf(f,
			"quire_fault_seconds{kind=\"%s\",quantile=\"0.5\"} %.9f\n"
			"quire_fault_seconds{kind=\"%s\",quantile=\"0.99\"} %.9f\n"
			"quire_fault_seconds_sum{kind=\"%s\"} %.9f\n"
			"quire_fault_seconds_count{kind=\"%s\"} %llu\n",
			kinds[i].label, (double)latency_percentile(l, 0, 5000) / 1e9,
			kinds[i].label, (double)latency_percentile(l, 0, 9900) / 1e9,
			kinds[i].label, (double)l->sum / 1e9, kinds[i].label,
			(unsigned long long)l->count);
	}
}

void machine_write_metrics(struct machine *m, FILE *f)
{
	const struct sample *s = &m->log->was;
	const struct {
		const char *name, *help;
		unsigned long pages;
	} sizes[] = {
		{"memory_free_bytes", "Free memory.", s->free},
		{"memory_anonymous_bytes", "Anonymous memory that is mapped.", s->anon},
		{"memory_shared_bytes", "Shared memory.", s->shmem},
		{"memory_cache_bytes", "The page cache without shared memory.", s->file},
		{"memory_slab_bytes", "Slab.", s->slab},
		{"memory_page_tables_bytes", "Page tables.", s->page_tables},
		{"zswap_pool_bytes", "The pool of zswap.", s->zswap_pool},
		{"swap_used_bytes", "Swap in use.", s->swap_used},
		{"watermark_low_bytes", "The low watermarks of all zones.", s->mark_low},
	};
	const struct {
		const char *name, *help;
		double value;
	} counts[] = {
		{"oom_kills", "Processes that the OOM killer took.", (double)s->kills},
		{"faults", "Page faults.", (double)s->pgfault},
		{"major_faults", "Page faults that read a disk.", (double)s->pgmajfault},
		{"swap_in_pages", "Pages read from swap.", (double)s->pswpin},
		{"swap_out_pages", "Pages written to swap.", (double)s->pswpout},
		{"direct_reclaims", "Direct reclaims.", (double)s->allocstall},
		{"refaults_anonymous", "Anonymous pages that came back.", (double)s->refault_anon},
		{"refaults_file", "Pages of files that came back.", (double)s->refault_file},
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		put_metric(f, sizes[i].name, "gauge", "bytes", sizes[i].help,
			   (double)sizes[i].pages * (double)PAGE_SIZE);
	put_metric(f, "processes", "gauge", "", "Processes.", s->processes);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		put_metric(f, counts[i].name, "counter", "", counts[i].help, counts[i].value);
	put_metric(f, "memory_stall_some_seconds", "counter", "seconds",
		   "Time in which some task waited for memory.", (double)s->psi[0][0] / 1e9);
	put_metric(f, "memory_stall_full_seconds", "counter", "seconds",
		   "Time in which all tasks waited for memory.", (double)s->psi[0][1] / 1e9);
	put_latency(m, f);
	fprintf(f, "# EOF\n");
}
