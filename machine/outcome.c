/* SPDX-License-Identifier: MIT */
/* Outcomes: taken from a machine at its end, written as JSON and read back. */
#include <stdlib.h>
#include <string.h>

#include "machine/events.h"
#include "machine/outcome.h"

const struct outcome_name outcome_whens[NR_WHENS] = {
	[WHEN_LOW] = {"low", "a node below low", UNIT_NS},
	[WHEN_KSWAPD] = {"kswapd", "kswapd reclaims", UNIT_NS},
	[WHEN_MIN] = {"min", "a node below min", UNIT_NS},
	[WHEN_ZSWAP] = {"zswap", "first page to zswap", UNIT_NS},
	[WHEN_SWAP] = {"swap", "first page to swap", UNIT_NS},
	[WHEN_SWAP_FULL] = {"swap_full", "swap full", UNIT_NS},
	[WHEN_DIRECT] = {"direct", "first direct reclaim", UNIT_NS},
	[WHEN_KILL] = {"kill", "first kill", UNIT_NS},
	[WHEN_PANIC] = {"panic", "panic", UNIT_NS},
};

const struct outcome_name outcome_values[NR_VALUES] = {
	[VAL_KILLS] = {"kills", "killed", UNIT_COUNT},
	[VAL_KILLED_RSS] = {"killed_rss", "  they held", UNIT_BYTES},
	[VAL_PSI_MEM_SOME] = {"psi_memory_some", "PSI memory some", UNIT_NS},
	[VAL_PSI_MEM_FULL] = {"psi_memory_full", "PSI memory full", UNIT_NS},
	[VAL_PSI_IO_SOME] = {"psi_io_some", "PSI io some", UNIT_NS},
	[VAL_PSI_IO_FULL] = {"psi_io_full", "PSI io full", UNIT_NS},
	[VAL_STALLS] = {"direct_stalls", "direct reclaims", UNIT_COUNT},
	[VAL_STALL_NS] = {"direct_stall", "  waited in them", UNIT_NS},
	[VAL_MINOR] = {"minor_faults", "minor faults", UNIT_COUNT},
	[VAL_MAJOR] = {"major_faults", "major faults", UNIT_COUNT},
	[VAL_SWAP_IN] = {"swap_in", "swapped in", UNIT_PAGES},
	[VAL_SWAP_OUT] = {"swap_out", "swapped out", UNIT_PAGES},
	[VAL_ZSWAP_IN] = {"zswap_in", "zswap in", UNIT_PAGES},
	[VAL_ZSWAP_OUT] = {"zswap_out", "zswap out", UNIT_PAGES},
	[VAL_REFAULT_ANON] = {"refaults_anon", "refaults anon", UNIT_PAGES},
	[VAL_REFAULT_FILE] = {"refaults_file", "refaults file", UNIT_PAGES},
	[VAL_SCANNED] = {"scanned", "pages scanned", UNIT_COUNT},
	[VAL_STOLEN] = {"reclaimed", "pages reclaimed", UNIT_COUNT},
	[VAL_COMPACT_STALLS] = {"compact_stalls", "compaction stalls", UNIT_COUNT},
	[VAL_THP_FAULTS] = {"thp_faults", "huge-page faults", UNIT_COUNT},
	[VAL_ALLOC_P50] = {"alloc_p50", "allocation p50", UNIT_NS},
	[VAL_ALLOC_P99] = {"alloc_p99", "allocation p99", UNIT_NS},
	[VAL_ALLOC_MAX] = {"alloc_max", "allocation max", UNIT_NS},
	[VAL_FAULT_P50] = {"fault_p50", "fault p50", UNIT_NS},
	[VAL_FAULT_P99] = {"fault_p99", "fault p99", UNIT_NS},
	[VAL_FAULT_MAX] = {"fault_max", "fault max", UNIT_NS},
	[VAL_PEAK_SWAP] = {"peak_swap", "most swap in use", UNIT_BYTES},
	[VAL_LEAST_FREE] = {"least_free", "least memory free", UNIT_BYTES},
	[VAL_SWAP_TOTAL] = {"swap_total", "swap there is", UNIT_BYTES},
};

/* ---- from a machine ------------------------------------------------------------- */

static u64 first_of(const struct event_log *log, unsigned int from, unsigned int nr)
{
	u64 first = OUTCOME_NEVER;

	for (unsigned int i = from; i < from + nr; i++)
		if (log->first[i])
			first = min(first, log->first[i] - 1);
	return first;
}

static void collect_times(struct machine *m, struct outcome *o)
{
	const struct event_log *log = m->log;

	o->when[WHEN_LOW] = first_of(log, TOPIC_LOW, QUIRE_MAX_NODES);
	o->when[WHEN_MIN] = first_of(log, TOPIC_MIN, QUIRE_MAX_NODES);
	o->when[WHEN_KSWAPD] = first_of(log, TOPIC_KSWAPD, 1);
	o->when[WHEN_ZSWAP] = first_of(log, TOPIC_ZSWAP, 1);
	o->when[WHEN_SWAP] = first_of(log, TOPIC_SWAP, 1);
	o->when[WHEN_SWAP_FULL] = first_of(log, TOPIC_SWAP_FULL, 1);
	o->when[WHEN_DIRECT] = first_of(log, TOPIC_DIRECT, 1);
	o->when[WHEN_KILL] = log->nr_kills ? log->kills[0].ns : OUTCOME_NEVER;
	o->when[WHEN_PANIC] = OUTCOME_NEVER;
	for (size_t i = 0; i < log->nr; i++)
		if (log->events[i].kind == EV_PANIC)
			o->when[WHEN_PANIC] = min(o->when[WHEN_PANIC], log->events[i].ns);
}

/* Both kinds of fault in one distribution. */
static struct latency all_faults(struct machine *m)
{
	struct latency sum = *model_latency(m->model, LATENCY_MINOR);
	const struct latency *major = model_latency(m->model, LATENCY_MAJOR);

	sum.count += major->count;
	sum.sum += major->sum;
	sum.max = max(sum.max, major->max);
	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++)
		sum.bucket[i] += major->bucket[i];
	return sum;
}

static void collect_latencies(struct machine *m, struct outcome *o)
{
	const struct latency *alloc = model_latency(m->model, LATENCY_ALLOC);
	struct latency faults = all_faults(m);
	u64 fast = 0;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		fast += global_vm_event(m->q, (enum vm_event_item)(PGALLOC_DMA + zone));
	fast -= min(fast, alloc->count);
	o->value[VAL_ALLOC_P50] = latency_percentile(alloc, fast, 5000);
	o->value[VAL_ALLOC_P99] = latency_percentile(alloc, fast, 9900);
	o->value[VAL_ALLOC_MAX] = alloc->max;
	o->value[VAL_FAULT_P50] = latency_percentile(&faults, 0, 5000);
	o->value[VAL_FAULT_P99] = latency_percentile(&faults, 0, 9900);
	o->value[VAL_FAULT_MAX] = faults.max;
}

static void collect_values(struct machine *m, struct outcome *o)
{
	const struct sample *s = &m->log->was;
	u64 *v = o->value;

	v[VAL_KILLS] = m->log->nr_kills;
	v[VAL_PSI_MEM_SOME] = s->psi[0][0];
	v[VAL_PSI_MEM_FULL] = s->psi[0][1];
	v[VAL_PSI_IO_SOME] = s->psi[1][0];
	v[VAL_PSI_IO_FULL] = s->psi[1][1];
	v[VAL_STALLS] = s->allocstall;
	v[VAL_STALL_NS] = s->stall_ns;
	v[VAL_MINOR] = s->pgfault - s->pgmajfault;
	v[VAL_MAJOR] = s->pgmajfault;
	v[VAL_SWAP_IN] = s->pswpin;
	v[VAL_SWAP_OUT] = s->pswpout;
	v[VAL_ZSWAP_IN] = s->zswpin;
	v[VAL_ZSWAP_OUT] = s->zswpout;
	v[VAL_REFAULT_ANON] = s->refault_anon;
	v[VAL_REFAULT_FILE] = s->refault_file;
	v[VAL_SCANNED] = s->pgscan_kswapd + s->pgscan_direct;
	v[VAL_STOLEN] = s->pgsteal;
	v[VAL_COMPACT_STALLS] = s->compact_stall;
	v[VAL_THP_FAULTS] = s->thp_fault;
	v[VAL_PEAK_SWAP] = (u64)m->log->peak_swap << PAGE_SHIFT;
	v[VAL_LEAST_FREE] = (u64)m->log->least_free << PAGE_SHIFT;
	v[VAL_SWAP_TOTAL] = (u64)m->q->swap->total_swap_pages << PAGE_SHIFT;
}

bool outcome_collect(struct machine *m, struct outcome *o)
{
	const struct event_log *log = m->log;

	*o = (struct outcome){
		.length = machine_length(m),
		.ended = machine_now(m),
		.panicked = m->panicked,
		.start = m->scenario ? m->scenario->start.v
				     : ((u64)m->cfg.boot_time * NS_SEC + m->start_ns) % NS_DAY,
		.nr_kills = log->nr_kills,
	};
	o->kills = calloc(log->nr_kills + 1, sizeof(*o->kills));
	if (!o->kills)
		return false;
	for (size_t i = 0; i < log->nr_kills; i++) {
		const struct kill_note *k = &log->kills[i];

		o->kills[i] = (struct outcome_kill){
			.ns = k->ns,
			.pid = k->pid,
			.memcg = k->memcg,
			.rss = (u64)(k->anon + k->file + k->shmem) << PAGE_SHIFT,
			.swap = (u64)k->swap << PAGE_SHIFT,
		};
		memcpy(o->kills[i].comm, k->comm, sizeof(k->comm));
		o->value[VAL_KILLED_RSS] += o->kills[i].rss;
	}
	collect_times(m, o);
	collect_values(m, o);
	collect_latencies(m, o);
	return true;
}

void outcome_free(struct outcome *o)
{
	free(o->kills);
	o->kills = NULL;
	o->nr_kills = 0;
}

/* ---- JSON --------------------------------------------------------------------------- */

static json_t *kills_to_json(const struct outcome *o)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->nr_kills; i++) {
		const struct outcome_kill *k = &o->kills[i];

		json_array_append_new(
			list, json_pack("{s:I, s:s, s:i, s:b, s:I, s:I}", "ns", (json_int_t)k->ns,
					"comm", k->comm, "pid", k->pid, "memcg", (int)k->memcg,
					"rss", (json_int_t)k->rss, "swap", (json_int_t)k->swap));
	}
	return list;
}

json_t *outcome_to_json(const struct outcome *o)
{
	json_t *when = json_object(), *value = json_object();

	for (unsigned int i = 0; i < NR_WHENS; i++)
		json_object_set_new(when, outcome_whens[i].key,
				    o->when[i] == OUTCOME_NEVER
					    ? json_null()
					    : json_integer((json_int_t)o->when[i]));
	for (unsigned int i = 0; i < NR_VALUES; i++)
		json_object_set_new(value, outcome_values[i].key,
				    json_integer((json_int_t)o->value[i]));
	return json_pack("{s:I, s:I, s:I, s:b, s:o, s:o, s:o}", "start_ns", (json_int_t)o->start,
			 "length_ns", (json_int_t)o->length, "ended_ns", (json_int_t)o->ended,
			 "panicked", (int)o->panicked, "first_ns", when, "values", value, "kills",
			 kills_to_json(o));
}

static bool kills_from_json(const json_t *list, struct outcome *o)
{
	size_t nr = json_array_size(list);

	o->kills = calloc(nr + 1, sizeof(*o->kills));
	if (!o->kills)
		return false;
	for (o->nr_kills = 0; o->nr_kills < nr; o->nr_kills++) {
		struct outcome_kill *k = &o->kills[o->nr_kills];
		json_int_t ns, rss, swap;
		const char *comm;
		int memcg;

		if (json_unpack(json_array_get(list, o->nr_kills), "{s:I, s:s, s:i, s:b, s:I, s:I}",
				"ns", &ns, "comm", &comm, "pid", &k->pid, "memcg", &memcg, "rss",
				&rss, "swap", &swap))
			return false;
		snprintf(k->comm, sizeof(k->comm), "%s", comm);
		k->ns = (u64)ns;
		k->rss = (u64)rss;
		k->swap = (u64)swap;
		k->memcg = memcg != 0;
	}
	return true;
}

bool outcome_from_json(const json_t *json, struct outcome *o)
{
	json_t *when, *value, *kills;
	json_int_t start, length, ended;
	int panicked;

	*o = (struct outcome){0};
	if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:b, s:o, s:o, s:o}", "start_ns", &start,
			"length_ns", &length, "ended_ns", &ended, "panicked", &panicked, "first_ns",
			&when, "values", &value, "kills", &kills))
		return false;
	o->start = (u64)start;
	o->length = (u64)length;
	o->ended = (u64)ended;
	o->panicked = panicked != 0;
	for (unsigned int i = 0; i < NR_WHENS; i++) {
		const json_t *t = json_object_get(when, outcome_whens[i].key);

		o->when[i] = json_is_integer(t) ? (u64)json_integer_value(t) : OUTCOME_NEVER;
	}
	for (unsigned int i = 0; i < NR_VALUES; i++)
		o->value[i] =
			(u64)json_integer_value(json_object_get(value, outcome_values[i].key));
	if (kills_from_json(kills, o))
		return true;
	outcome_free(o);
	return false;
}

/* ---- for people ------------------------------------------------------------------------ */

static void grouped(char *buf, size_t cap, u64 v)
{
	char plain[32];
	int n = snprintf(plain, sizeof(plain), "%llu", (unsigned long long)v);
	size_t out = 0;

	for (int i = 0; i < n && out + 2 < cap; i++) {
		buf[out++] = plain[i];
		if ((n - i) % 3 == 1 && i + 1 < n)
			buf[out++] = ',';
	}
	buf[out] = 0;
}

static void scaled(char *buf, size_t cap, double v, double base, const char *const *units,
		   unsigned int nr)
{
	unsigned int i = 0;

	while (v >= base && i + 1 < nr) {
		v /= base;
		i++;
	}
	snprintf(buf, cap, v >= 100 || i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
}

void outcome_number(char *buf, size_t cap, u64 v, enum outcome_unit unit)
{
	static const char *const bytes[] = {"B", "KB", "MB", "GB", "TB"};
	static const char *const times[] = {"ns", "us", "ms", "s"};

	switch (unit) {
	case UNIT_COUNT:
		grouped(buf, cap, v);
		break;
	case UNIT_NS:
		scaled(buf, cap, (double)v, 1000, times, 4);
		break;
	case UNIT_BYTES:
		scaled(buf, cap, (double)v, 1024, bytes, 5);
		break;
	case UNIT_PAGES:
		scaled(buf, cap, (double)v * (double)PAGE_SIZE, 1024, bytes, 5);
		break;
	}
}

void outcome_clock(const struct outcome *o, u64 ns, char buf[16])
{
	u64 t = (o->start + ns) / NS_SEC % 86400;

	if (ns == OUTCOME_NEVER)
		snprintf(buf, 16, "-");
	else
		snprintf(buf, 16, "%02u:%02u:%02u", (unsigned int)(t / 3600),
			 (unsigned int)(t / 60 % 60), (unsigned int)(t % 60));
}
