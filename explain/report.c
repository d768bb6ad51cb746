/* SPDX-License-Identifier: MIT */
/*
 * Reports out of a log.
 *
 * A report begins at "invoked oom-killer" or "page allocation failure", or, in
 * a log that was cut off before that, at the first line that only a report
 * has.  From there each message is offered to whoever may know it; what nobody
 * takes is somebody else's, printed in between.  It ends where the next begins,
 * or when a long time nothing of it came.
 *
 * A kill whose report the kernel suppressed (it prints ten in five seconds) is
 * a report with nothing but its kill.
 */
#include "explain/internal.h"
#include "oom/rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_AFTER_KILL 40   /* messages of others: then it has ended */
#define QUIET_AT_ALL	 4000 /* ... or without a kill */

static void report_clear(struct report *r)
{
	struct report_task *tasks = r->tasks;
	struct report_zone *zones = r->zones;
	size_t cap = r->cap_tasks;

	*r = (struct report){.tasks = tasks,
			     .cap_tasks = cap,
			     .zones = zones,
			     .order = 0,
			     .usage_kb = -1,
			     .limit_kb = -1,
			     .failcnt = -1,
			     .swap_usage_kb = -1,
			     .swap_limit_kb = -1,
			     .kmem_limit_kb = -1,
			     .stat_anon_kb = -1,
			     .stat_file_kb = -1,
			     .stat_shmem_kb = -1,
			     .stat_slab_kb = -1,
			     .stat_kernel_kb = -1,
			     .pagecache = -1,
			     .swapcache = -1,
			     .swap_free_kb = -1,
			     .swap_total_kb = -1,
			     .ram = -1,
			     .reserved = -1,
			     .highmem = -1,
			     .hwpoisoned = -1,
			     .page_kb = 4};
	for (int i = 0; i < NR_SUMS; i++)
		r->sum[i] = -1;
}

struct report_reader *report_reader_new(FILE *file)
{
	struct report_reader *rd = calloc(1, sizeof(*rd));

	if (!rd)
		return NULL;
	rd->report.zones = calloc(REPORT_MAX_ZONES, sizeof(*rd->report.zones));
	if (!rd->report.zones) {
		free(rd);
		return NULL;
	}
	log_init(&rd->log, file);
	return rd;
}

void report_reader_free(struct report_reader *rd)
{
	if (!rd)
		return;
	free(rd->report.zones);
	free(rd->report.tasks);
	free(rd);
}

void report_keep(struct report_reader *rd, struct report *to)
{
	struct report spare = *to;

	*to = rd->report;
	rd->report.tasks = spare.tasks;
	rd->report.cap_tasks = spare.cap_tasks;
	rd->report.zones = spare.zones;
	if (!rd->report.zones)
		rd->report.zones = calloc(REPORT_MAX_ZONES, sizeof(*rd->report.zones));
	rd->failed = !rd->report.zones;
}

void report_release(struct report *r)
{
	free(r->tasks);
	free(r->zones);
	*r = (struct report){0};
}

void report_on_progress(struct report_reader *rd, void (*fn)(void *ctx, unsigned long bytes),
			void *ctx)
{
	rd->log.progress = fn;
	rd->log.progress_ctx = ctx;
}

/* ---- the first lines --------------------------------------------------------- */

static void take_gfp(struct report *r, const char *text, const char *key)
{
	const char *p = strstr(text, key), *open;
	char *end;

	if (!p)
		return;
	r->gfp_mask = strtoul(p + strlen(key), &end, 16);
	open = *end == '(' ? end : NULL;
	if (open)
		copy_text(r->gfp_names, sizeof(r->gfp_names), open + 1,
			  open + 1 + strcspn(open + 1, ")"));
}

static bool begin_oom(struct report *r, const char *text)
{
	const char *p = strstr(text, " invoked oom-killer");
	long order;

	if (!p)
		return false;
	copy_text(r->invoker, sizeof(r->invoker), text, p);
	take_gfp(r, p, "gfp_mask=");
	if (number_after(p, "order=", &order))
		r->order = order < -1 || order > 63 ? 0 : (int)order;
	number_after(p, "oom_score_adj=", &r->invoker_adj);
	r->kind = REPORT_OOM;
	return true;
}

static bool begin_failure(struct report *r, const char *text)
{
	const char *p = strstr(text, ": page allocation failure");
	long order;

	if (!p)
		return false;
	copy_text(r->invoker, sizeof(r->invoker), text, p);
	take_gfp(r, p, "mode:");
	if (number_after(p, "order:", &order))
		r->order = order < 0 || order > 63 ? 0 : (int)order;
	r->kind = REPORT_ALLOC_FAILURE;
	return true;
}

/* A log that begins in the middle of a report. */
static bool begin_cut(struct report_reader *rd, const char *text)
{
	struct report *r = &rd->report;

	return !strncmp(text, "Mem-Info:", 9) || take_task_heading(rd, text) ||
	       take_constraint(r, text) || take_group(rd, text) || take_kill(r, text);
}

static bool begins_report(const char *text)
{
	return strstr(text, " invoked oom-killer") || strstr(text, ": page allocation failure");
}

/* "... Not tainted 5.4.0-rc4 #1", "Tainted: G   W  6.6.32-rt32": the version. */
static void take_version(struct report_reader *rd, const char *text)
{
	const char *p = strstr(text, "ainted");

	if (!strncmp(text, "Linux version ", 14)) {
		copy_text(rd->kernel, sizeof(rd->kernel), text + 14,
			  text + 14 + strcspn(text + 14, " "));
		return;
	}
	if (!p || (!strstr(text, "omm:") && !strstr(text, "omm ")))
		return;
	for (p += 6; *p; p++) {
		if (!isdigit((unsigned char)*p) || p[-1] != ' ' || p[1 + (p[1] != '.')] != '.')
			continue;
		copy_text(rd->report.kernel, sizeof(rd->report.kernel), p, p + strcspn(p, " "));
		return;
	}
}

int report_kernel_version(const struct report *r)
{
	return (int)oom_rules_version(r->kernel);
}

/* ---- the rest ---------------------------------------------------------------- */

static bool take_end(struct report *r, const char *text)
{
	if (strstr(text, "Kernel panic - not syncing: Out of memory") ||
	    strstr(text, "Kernel panic - not syncing: System is deadlocked on memory")) {
		r->panic = r->ended = true;
		return true;
	}
	if (strstr(text, "Out of memory and no killable processes")) {
		r->nobody = r->ended = true;
		return true;
	}
	if (strstr(text, "are going to be killed due to memory.oom.group set")) {
		for (size_t i = 0; i < r->nr_kills; i++)
			r->kills[i].group = true;
		return true;
	}
	return strstr(text, "oom_reaper: reaped process ");
}

static bool take(struct report_reader *rd, const char *text)
{
	struct report *r = &rd->report;

	take_version(rd, text);
	if (!strncmp(text, "Mem-Info:", 9)) {
		rd->section = SECTION_MEM_INFO;
		return true;
	}
	if (take_zone(r, text) || take_reserve(r, text) || take_blocks(r, text))
		return true;
	if (rd->section == SECTION_MEM_INFO && !r->nr_zones && take_sums(r, text))
		return true;
	return take_totals(r, text) || take_task_heading(rd, text) || take_task(rd, text) ||
	       take_group(rd, text) || take_slab(rd, text) || take_constraint(r, text) ||
	       take_kill(r, text) || take_end(r, text);
}

/* Does the message belong to another report than the present one? */
static bool is_next(const struct report *r, const char *text)
{
	if (begins_report(text))
		return true;
	if (!r->nr_kills || !is_kill(text))
		return false;
	/* One that was chosen after somebody died; or one that died without
	 * having been chosen, in a kernel that says so, or of another kind. */
	if (is_chosen(text))
		return r->ended;
	return !r->kills[0].chosen && !r->kills[0].group && strstr(text, "ut of memory: Killed");
}

static bool find_begin(struct report_reader *rd)
{
	struct report *r = &rd->report;

	while (rd->have_msg || log_read(&rd->log, &rd->msg)) {
		const char *text = rd->msg.text;

		rd->have_msg = false;
		take_version(rd, text);
		rd->section = SECTION_NONE;
		rd->nr_columns = 0;
		if (!strncmp(text, "Mem-Info:", 9))
			rd->section = SECTION_MEM_INFO;
		if (begin_oom(r, text) || begin_failure(r, text) || begin_cut(rd, text)) {
			r->line = rd->msg.line;
			r->seconds = rd->msg.seconds;
			return true;
		}
	}
	return false;
}

const struct report *report_next(struct report_reader *rd)
{
	struct report *r = &rd->report;

	report_clear(r);
	if (rd->failed || !find_begin(rd))
		return NULL;
	rd->quiet = 0;
	while (log_read(&rd->log, &rd->msg)) {
		if (is_next(r, rd->msg.text)) {
			rd->have_msg = true;
			break;
		}
		if (take(rd, rd->msg.text))
			rd->quiet = 0;
		else if (++rd->quiet > (r->ended ? QUIET_AFTER_KILL : QUIET_AT_ALL))
			break;
	}
	/* A failed allocation ends with its totals. */
	if (r->kind == REPORT_ALLOC_FAILURE && r->ram >= 0)
		r->ended = true;
	if (!*r->kernel)
		copy_text(r->kernel, sizeof(r->kernel), rd->kernel, NULL);
	return r;
}
