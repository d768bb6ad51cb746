/* SPDX-License-Identifier: MIT */
/*
 * The night as data: one JSON object with the events, the samples of each
 * minute and the kills, for whoever draws or compares nights.  Times are ns
 * since the scenario's start, sizes are bytes, the rest is counted since boot.
 */
#include "machine/json.h"
#include "machine/events.h"

static void put_events(struct machine *m, FILE *f)
{
	static const char *const kinds[] = {
		[EV_BOOT] = "boot",	      [EV_KSWAPD_WAKE] = "kswapd",
		[EV_WATERMARK] = "watermark", [EV_CACHE_LOW] = "cache",
		[EV_ZSWAP_FIRST] = "zswap",   [EV_SWAP_FIRST] = "swap",
		[EV_SWAP_FULL] = "swap-full", [EV_DIRECT_RECLAIM] = "direct-reclaim",
		[EV_OOM_KILL] = "oom-kill",   [EV_EXIT] = "exit",
		[EV_PANIC] = "panic",	      [EV_SAMPLE] = "sample",
	};
	const struct event *events;
	size_t nr = machine_events(m, &events);

	fprintf(f, " \"events\": [");
	for (size_t i = 0; i < nr; i++) {
		fprintf(f, "%s\n  {\"ns\": %llu, \"kind\": \"%s\", \"text\": ", i ? "," : "",
			(unsigned long long)events[i].ns, kinds[events[i].kind]);
		json_put_string(f, events[i].text);
		fputc('}', f);
	}
	fprintf(f, "\n ],\n");
}

static void put_pages(FILE *f, const char *name, unsigned long pages)
{
	fprintf(f, ", \"%s\": %llu", name, (unsigned long long)pages << PAGE_SHIFT);
}

static void put_count(FILE *f, const char *name, u64 n)
{
	fprintf(f, ", \"%s\": %llu", name, (unsigned long long)n);
}

static void put_samples(struct machine *m, FILE *f)
{
	fprintf(f, " \"samples\": [");
	for (size_t i = 0; i < m->log->nr_samples; i++) {
		const struct sample *s = &m->log->samples[i];

		fprintf(f, "%s\n  {\"ns\": %llu", i ? "," : "", (unsigned long long)s->ns);
		put_pages(f, "free", s->free);
		put_pages(f, "file", s->file);
		put_pages(f, "anon", s->anon);
		put_pages(f, "shmem", s->shmem);
		put_pages(f, "slab", s->slab);
		put_pages(f, "dirty", s->dirty);
		put_pages(f, "page_tables", s->page_tables);
		put_pages(f, "swap_used", s->swap_used);
		put_pages(f, "zswap_pool", s->zswap_pool);
		put_pages(f, "zswap_stored", s->zswap_stored);
		put_count(f, "zswpout", s->zswpout);
		put_count(f, "pswpout", s->pswpout);
		put_count(f, "pgscan_kswapd", s->pgscan_kswapd);
		put_count(f, "pgsteal", s->pgsteal);
		put_count(f, "allocstall", s->allocstall);
		put_count(f, "stall_ns", s->stall_ns);
		put_count(f, "kills", s->kills);
		put_count(f, "processes", s->processes);
		fputc('}', f);
	}
	fprintf(f, "\n ],\n");
}

static void put_kills(struct machine *m, FILE *f)
{
	fprintf(f, " \"kills\": [");
	for (size_t i = 0; i < m->log->nr_kills; i++) {
		const struct kill_note *k = &m->log->kills[i];

		fprintf(f, "%s\n  {\"ns\": %llu, \"pid\": %d, \"comm\": ", i ? "," : "",
			(unsigned long long)k->ns, k->pid);
		json_put_string(f, k->comm);
		fprintf(f, ", \"invoker\": ");
		json_put_string(f, k->invoker);
		fprintf(f, ", \"memcg\": %s, \"oom_score_adj\": %d, \"points\": %ld",
			k->memcg ? "true" : "false", k->adj, k->points);
		put_pages(f, "total", k->totalpages);
		put_pages(f, "anon", k->anon);
		put_pages(f, "file", k->file);
		put_pages(f, "shmem", k->shmem);
		put_pages(f, "swap", k->swap);
		put_pages(f, "free", k->free_pages);
		put_pages(f, "swap_free", k->swap_free);
		fprintf(f, ", \"runners_up\": [");
		for (size_t j = 0; j < k->nr_runners_up; j++) {
			const struct runner_up *r = &k->runners_up[j];

			fprintf(f, "%s\n   {\"pid\": %d, \"comm\": ", j ? "," : "", r->pid);
			json_put_string(f, r->comm);
			fprintf(f, ", \"oom_score_adj\": %d, \"points\": %ld", r->adj, r->points);
			put_pages(f, "rss", r->rss);
			fputc('}', f);
		}
		fprintf(f, "]}");
	}
	fprintf(f, "\n ]\n");
}

void machine_write_json(struct machine *m, FILE *f)
{
	const struct scenario *s = machine_scenario(m);

	fprintf(f, "{\n \"name\": ");
	json_put_string(f, s ? s->name : "capture");
	fprintf(f, ",\n \"seed\": %llu,\n \"length_ns\": %llu,\n",
		(unsigned long long)(s ? s->seed : 0), (unsigned long long)machine_length(m));
	put_events(m, f);
	put_samples(m, f);
	put_kills(m, f);
	fprintf(f, "}\n");
}
