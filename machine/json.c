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

static void put_more(struct machine *m, size_t i, FILE *f)
{
	const struct sample *s = &m->log->samples[i];

	put_pages(f, "kernel_stack", s->kernel_stack);
	put_pages(f, "mark_min", s->mark_min);
	put_pages(f, "mark_low", s->mark_low);
	put_pages(f, "mark_high", s->mark_high);
	put_count(f, "pgfault", s->pgfault);
	put_count(f, "pgmajfault", s->pgmajfault);
	put_count(f, "pswpin", s->pswpin);
	put_count(f, "zswpin", s->zswpin);
	put_count(f, "refault_anon", s->refault_anon);
	put_count(f, "refault_file", s->refault_file);
	put_count(f, "pgscan_direct", s->pgscan_direct);
	put_count(f, "compact_stall", s->compact_stall);
	put_count(f, "thp_fault_alloc", s->thp_fault);
	put_count(f, "psi_memory_some_ns", s->psi[0][0]);
	put_count(f, "psi_memory_full_ns", s->psi[0][1]);
	put_count(f, "psi_io_some_ns", s->psi[1][0]);
	put_count(f, "psi_io_full_ns", s->psi[1][1]);
	fprintf(f, ", \"holders\": [");
	for (size_t j = 0; j < NR_HOLDERS && *m->log->holders[i][j].comm; j++) {
		fprintf(f, "%s{\"comm\": ", j ? ", " : "");
		json_put_string(f, m->log->holders[i][j].comm);
		put_pages(f, "rss", m->log->holders[i][j].rss);
		put_pages(f, "swap", m->log->holders[i][j].swap);
		fputc('}', f);
	}
	fputc(']', f);
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
		put_more(m, i, f);
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
			put_pages(f, "swap", r->swap);
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
	fprintf(f, ",\n \"description\": ");
	json_put_string(f, s && s->description ? s->description : "");
	fprintf(f,
		",\n \"seed\": %llu,\n \"start_ns\": %llu,\n \"length_ns\": %llu,\n"
		" \"memory\": %llu,\n \"swap\": %llu,\n \"nodes\": %u,\n \"cpus\": %u,\n",
		(unsigned long long)(s ? s->seed : 0), (unsigned long long)(s ? s->start.v : 0),
		(unsigned long long)machine_length(m),
		(unsigned long long)m->q->node->totalram_pages << PAGE_SHIFT,
		(unsigned long long)m->q->swap->total_swap_pages << PAGE_SHIFT, m->q->nr_nodes,
		m->q->nr_cpus);
	put_events(m, f);
	put_samples(m, f);
	if (m->record)
		record_write_json(m, f);
	put_kills(m, f);
	fprintf(f, "}\n");
}
