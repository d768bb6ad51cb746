/* SPDX-License-Identifier: MIT */
/*
 * The tables of a report: tasks and slab caches.
 *
 * The columns of the task table changed often (nr_ptes, nr_pmds, bytes of page
 * tables, rss by kind), so the heading says what they are.  A name may hold
 * blanks and stands last.
 */
#include "explain/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum column column_of(const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum column column;
	} columns[] = {
		{"pid", COL_PID},
		{"uid", COL_UID},
		{"tgid", COL_TGID},
		{"total_vm", COL_TOTAL_VM},
		{"rss", COL_RSS},
		{"nr_ptes", COL_PGTABLES_PAGES},
		{"nr_pmds", COL_PGTABLES_PAGES},
		{"nr_puds", COL_PGTABLES_PAGES},
		{"pgtables_bytes", COL_PGTABLES_BYTES},
		{"swapents", COL_SWAPENTS},
		{"oom_score_adj", COL_ADJ},
		{"oom_adj", COL_OLD_ADJ},
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (strlen(columns[i].name) == len && !strncmp(columns[i].name, name, len))
			return columns[i].column;
	return COL_OTHER;
}

/* [ pid ]   uid  tgid total_vm      rss ... oom_score_adj name */
bool take_task_heading(struct report_reader *rd, const char *text)
{
	bool has[COL_OTHER + 1] = {false};

	if (!strstr(text, "total_vm") || !strstr(text, "rss") || !strchr(text, '['))
		return false;
	rd->nr_columns = 0;
	for (const char *p = text; rd->nr_columns < MAX_COLUMNS;) {
		size_t len;

		p += strspn(p, " []\t");
		len = strcspn(p, " []\t");
		if (!len || (len == 4 && !strncmp(p, "name", 4)))
			break;
		rd->columns[rd->nr_columns] = column_of(p, len);
		has[rd->columns[rd->nr_columns++]] = true;
		p += len;
	}
	if (!has[COL_PID] || !has[COL_RSS]) {
		rd->nr_columns = 0;
		return false;
	}
	rd->report.task_table = true;
	rd->section = SECTION_TASKS;
	return true;
}

static struct report_task *new_task(struct report *r)
{
	if (r->nr_tasks == r->cap_tasks) {
		size_t cap = r->cap_tasks ? 2 * r->cap_tasks : 256;
		struct report_task *tasks;

		if (cap > REPORT_MAX_TASKS)
			cap = REPORT_MAX_TASKS;
		tasks = cap > r->nr_tasks ? realloc(r->tasks, cap * sizeof(*tasks)) : NULL;
		if (!tasks) {
			r->lost_tasks = true;
			return NULL;
		}
		r->tasks = tasks;
		r->cap_tasks = cap;
	}
	return &r->tasks[r->nr_tasks++];
}

static void set_column(const struct report *r, struct report_task *t, enum column column, long n)
{
	switch (column) {
	case COL_PID:
		t->pid = n;
		break;
	case COL_UID:
		t->uid = n;
		break;
	case COL_TGID:
		t->tgid = n;
		break;
	case COL_TOTAL_VM:
		t->total_vm = n;
		break;
	case COL_RSS:
		t->rss = n;
		break;
	case COL_PGTABLES_PAGES:
		t->pgtables = (t->pgtables < 0 ? 0 : t->pgtables) + n;
		break;
	case COL_PGTABLES_BYTES:
		t->pgtables = n / (r->page_kb << 10);
		break;
	case COL_SWAPENTS:
		t->swapents = n;
		break;
	case COL_ADJ:
		t->adj = n < -1000 ? -1000 : n > 1000 ? 1000 : n;
		break;
	case COL_OLD_ADJ:
		/* Before 2.6.36; later tables that have it have the other as well, behind it. */
		t->adj = n <= -17 ? -1000 : n >= 15 ? 1000 : n * 1000 / 17;
		break;
	case COL_OTHER:
		break;
	}
}

bool take_task(struct report_reader *rd, const char *text)
{
	struct report *r = &rd->report;
	struct report_task t = {.pgtables = -1, .swapents = -1}, *to;
	const char *p = text + strspn(text, " ");
	char *end;

	if (rd->section != SECTION_TASKS || !rd->nr_columns || *p != '[')
		return false;
	for (size_t i = 0; i < rd->nr_columns; i++) {
		long n;

		p += strspn(p, " []\t");
		errno = 0;
		n = strtol(p, &end, 10);
		/* Sums of columns stay far from overflow. */
		if (end == p || errno || n > NUMBER_MAX || n < -NUMBER_MAX)
			return false;
		if (n < 0 && rd->columns[i] < COL_ADJ)
			return false;
		set_column(r, &t, rd->columns[i], n);
		p = end;
	}
	p += strspn(p, " ");
	copy_text(t.name, sizeof(t.name), p, NULL);
	to = new_task(r);
	if (to)
		*to = t;
	return true;
}

/* "Unreclaimable slab info:", a heading, then name, used, total. */
bool take_slab(struct report_reader *rd, const char *text)
{
	struct report *r = &rd->report;
	struct report_slab slab = {0}, *least;
	size_t len = strcspn(text, " ");
	char *end;

	if (!strncmp(text, "Unreclaimable slab info:", 24)) {
		rd->section = SECTION_SLABS;
		return true;
	}
	if (rd->section != SECTION_SLABS || !len)
		return false;
	slab.used_kb = bounded(strtol(text + len, &end, 10));
	if (strncmp(end, "KB", 2))
		return !strncmp(text, "Name ", 5);
	slab.total_kb = bounded(strtol(end + 2, &end, 10));
	if (strncmp(end, "KB", 2) || slab.total_kb < 0)
		return false;
	copy_text(slab.name, sizeof(slab.name), text, text + len);
	/* The largest are kept. */
	if (r->nr_slabs < REPORT_MAX_SLABS) {
		r->slabs[r->nr_slabs++] = slab;
		return true;
	}
	least = &r->slabs[0];
	for (size_t i = 1; i < r->nr_slabs; i++)
		if (r->slabs[i].total_kb < least->total_kb)
			least = &r->slabs[i];
	if (slab.total_kb > least->total_kb)
		*least = slab;
	return true;
}
