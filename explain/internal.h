/* SPDX-License-Identifier: MIT */
#ifndef QUIRE_EXPLAIN_INTERNAL_H
#define QUIRE_EXPLAIN_INTERNAL_H

#include "explain/log.h"
#include "explain/report.h"

/* What a line may be next: sections are only remembered where a line does not
 * say by itself what it is. */
enum section { SECTION_NONE, SECTION_MEM_INFO, SECTION_TASKS, SECTION_GROUP_STATS, SECTION_SLABS };

#define MAX_COLUMNS 16
enum column {
	COL_PID,
	COL_UID,
	COL_TGID,
	COL_TOTAL_VM,
	COL_RSS,
	COL_PGTABLES_PAGES, /* nr_ptes, nr_pmds, nr_puds: each adds */
	COL_PGTABLES_BYTES,
	COL_SWAPENTS,
	COL_ADJ,
	COL_OLD_ADJ, /* oom_adj, -17 .. 15 */
	COL_OTHER,
};

struct report_reader {
	struct log log;
	struct log_message msg;
	bool have_msg; /* msg begins the next report */
	bool failed;   /* out of memory */
	struct report report;
	char kernel[96]; /* of the log: "Linux version" */
	enum section section;
	enum column columns[MAX_COLUMNS];
	size_t nr_columns;
	unsigned long quiet; /* messages of other kinds since the last of ours */
};

/* Each takes a message if it is of its kind.  (tables.c) */
bool take_task_heading(struct report_reader *rd, const char *text);
bool take_task(struct report_reader *rd, const char *text);
bool take_slab(struct report_reader *rd, const char *text);
/* (memory.c) */
bool take_zone(struct report *r, const char *text);
bool take_reserve(struct report *r, const char *text);
bool take_blocks(struct report *r, const char *text);
bool take_sums(struct report *r, const char *text);
bool take_totals(struct report *r, const char *text);
bool take_group(struct report_reader *rd, const char *text);
/* (kill.c) */
bool take_constraint(struct report *r, const char *text);
bool take_kill(struct report *r, const char *text);
/* The same, of a kill without a report of its own. */
bool is_kill(const char *text);
bool is_chosen(const char *text);

/* Larger ones are no amounts: sums and products of those that are cannot overflow. */
#define NUMBER_MAX (1L << 48)
long bounded(long n);

/* Is node in a list as "0-1,3"? */
bool report_in_list(const char *list, int node);

/* The number behind key, which stands at the start or behind a blank; false:
 * there is none.  A blank may stand before the number. */
bool number_after(const char *text, const char *key, long *value);
/* At most cap - 1 bytes of [from, to), text that may be shown. */
void copy_text(char *to, size_t cap, const char *from, const char *end);

#endif
