/* SPDX-License-Identifier: MIT */
/*
 * The pages of quire top.  Each fits 80 columns and says all without colour:
 * bars are letters, what is low or dying is marked.  Looking changes nothing.
 */
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top.h"
#include "slab/slub.h"

#define KILL 1 /* colour pairs */
#define SOFT 2

static unsigned long mb(unsigned long pages)
{
	return pages >> 8;
}

/* A line of the page, cut at the right edge; false: below the screen. */
static bool line(int y, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool line(int y, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (y >= LINES - 1)
		return false;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	mvaddnstr(y, 0, text, COLS);
	return true;
}

/* ---- the head ------------------------------------------------------------------------------ */

static void bar(int y, const char *label, const unsigned long *part, const char *letters,
		unsigned int nr, unsigned long total)
{
	int width = COLS - 32, x = 0;
	unsigned long sum = 0;

	if (width < 10 || !total)
		return;
	mvprintw(y, 0, "%-4s[", label);
	for (unsigned int i = 0; i < nr; i++) {
		sum += part[i];
		for (int to = (int)((unsigned long)width * sum / total); x < to && x < width; x++)
			addch((chtype)(unsigned char)letters[i]);
	}
	for (; x < width; x++)
		addch('.');
	printw("] %6lu of %6lu MB", mb(sum), mb(total));
}

static void head(const struct top *t)
{
	struct quire *q = machine_quire(t->m);
	const struct scenario *s = machine_scenario(t->m);
	unsigned long shmem = global_node_page_state(q, NR_SHMEM);
	unsigned long file = global_node_page_state(q, NR_FILE_PAGES);
	unsigned long kernel = global_node_page_state(q, NR_SLAB_RECLAIMABLE) +
			       global_node_page_state(q, NR_SLAB_UNRECLAIMABLE) +
			       global_node_page_state(q, NR_PAGETABLE) +
			       (zswap_stats(q)->pool_total_size >> PAGE_SHIFT);
	const unsigned long memory[] = {shmem, global_node_page_state(q, NR_ANON_MAPPED), kernel,
					file - min(file, shmem)};
	const unsigned long swap[] = {q->swap->total_swap_pages -
				      (unsigned long)max_t(long, q->swap->nr_swap_pages, 0)};
	const struct psi_group *psi = &q->group->psi;
	char clock[16];

	machine_clock_text(t->m, machine_now(t->m), clock);
	attron(A_BOLD);
	line(0, "%s  %.30s  %s", clock, s ? s->name : "capture",
	     machine_now(t->m) >= t->end ? "at its end"
	     : t->paused		 ? "paused"
					 : "");
	attroff(A_BOLD);
	mvprintw(0, max(COLS - 34, 0), "speed %gx  saved %u  kills %lu", t->speed, t->saved,
		 q->oom->nr_kills);
	bar(1, "Mem", memory, "SAkc", 4, q->node->totalram_pages);
	bar(2, "Swp", swap, "#", 1, q->swap->total_swap_pages);
	line(3, "S shared  A anonymous  k kernel, zswap  c page cache    zswap %lu MB in %lu MB",
	     mb(zswap_stats(q)->stored_pages),
	     (unsigned long)(zswap_stats(q)->pool_total_size >> 20));
	line(4, "pressure memory some %llu.%03llu s full %llu.%03llu s   io some %llu.%03llu s",
	     (unsigned long long)(psi->total[PSI_MEM][PSI_SOME] / 1000000000),
	     (unsigned long long)(psi->total[PSI_MEM][PSI_SOME] / 1000000 % 1000),
	     (unsigned long long)(psi->total[PSI_MEM][PSI_FULL] / 1000000000),
	     (unsigned long long)(psi->total[PSI_MEM][PSI_FULL] / 1000000 % 1000),
	     (unsigned long long)(psi->total[PSI_IO][PSI_SOME] / 1000000000),
	     (unsigned long long)(psi->total[PSI_IO][PSI_SOME] / 1000000 % 1000));
}

/* ---- processes -------------------------------------------------------------------------------- */

struct row {
	const struct task *task;
	long points;
	unsigned long rss, swap;
};

static int by_points(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->points != y->points)
		return x->points < y->points ? 1 : -1;
	return x->task->pid - y->task->pid;
}

static char state_char(const struct task *task)
{
	if (fatal_signal_pending(task))
		return 'X';
	return task->state == TASK_RUNNING ? 'R' : task->state == TASK_UNINTERRUPTIBLE ? 'D' : 'S';
}

static void processes(const struct top *t, int y)
{
	struct quire *q = machine_quire(t->m);
	unsigned long total = q->node->totalram_pages + q->swap->total_swap_pages;
	struct row *rows = calloc(q->space->nr_processes + 1, sizeof(*rows));
	size_t nr = 0;
	struct task *p;

	if (!rows)
		return;
	for_each_process(q, p) if (p->mm && nr < q->space->nr_processes) rows[nr++] = (struct row){
		p, oom_badness(q, p, total), get_mm_rss(p->mm), get_mm_counter(p->mm, MM_SWAPENTS)};
	qsort(rows, nr, sizeof(*rows), by_points);
	attron(A_REVERSE);
	line(y++, "%5s %7s %-15s S %9s %9s %6s %11s%20s", "KILL", "PID", "NAME", "RSS MB",
	     "SWAP MB", "ADJ", "SCORE", "");
	attroff(A_REVERSE);
	for (size_t i = t->scroll; i < nr; i++, y++) {
		const struct row *r = &rows[i];
		bool never = r->points == LONG_MIN;
		char order[16] = "-", score[16] = "never";

		if (!never) {
			snprintf(order, sizeof(order), "%zu", i + 1);
			snprintf(score, sizeof(score), "%ld", r->points);
		}
		if (!line(y, "%5s %7d %-15s %c %9lu %9lu %6d %11s", order, r->task->pid,
			  r->task->comm, state_char(r->task), mb(r->rss), mb(r->swap),
			  r->task->signal->oom_score_adj, score))
			break;
	}
	free(rows);
}

/* ---- nodes, zones, free blocks -------------------------------------------------------------------- */

static void zones(const struct top *t, int y)
{
	struct quire *q = machine_quire(t->m);

	attron(A_REVERSE);
	line(y++, "%-12s %8s %7s %7s %7s  free blocks by order, 0 to 10%20s", "ZONE", "FREE MB",
	     "MIN", "LOW", "HIGH", "");
	attroff(A_REVERSE);
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			unsigned long free = zone_page_state(zone, NR_FREE_PAGES);
			char blocks[128] = "", mark = ' ';
			size_t len = 0;

			for (unsigned int o = 0; o < MAX_ORDER && len < sizeof(blocks) - 12; o++)
				len += (size_t)snprintf(blocks + len, sizeof(blocks) - len, " %lu",
							zone->free_area[o].nr_free);
			if (free < low_wmark_pages(zone))
				mark = '!';
			if (free < min_wmark_pages(zone))
				mark = '*';
			line(y++, "%u %-9s%c %8lu %7lu %7lu %7lu %s", nid, zone->name, mark,
			     mb(free), mb(min_wmark_pages(zone)), mb(low_wmark_pages(zone)),
			     mb(high_wmark_pages(zone)), blocks);
		}
	}
	line(y, "! below low   * below min");
}

static void lru(const struct top *t, int y)
{
	static const struct {
		const char *name;
		enum node_stat_item item;
	} lists[] = {{"inactive anon", NR_INACTIVE_ANON}, {"active anon", NR_ACTIVE_ANON},
		     {"inactive file", NR_INACTIVE_FILE}, {"active file", NR_ACTIVE_FILE},
		     {"unevictable", NR_UNEVICTABLE},	  {"dirty", NR_FILE_DIRTY},
		     {"writeback", NR_WRITEBACK},	  {"page tables", NR_PAGETABLE}};
	struct quire *q = machine_quire(t->m);
	char head_line[512];
	size_t len = (size_t)snprintf(head_line, sizeof(head_line), "%-14s", "MB");

	for_each_node (q, nid)
		if (len < sizeof(head_line) - 20)
			len += (size_t)snprintf(head_line + len, sizeof(head_line) - len,
						"   node %-3u", nid);
	attron(A_REVERSE);
	line(y++, "%s%60s", head_line, "");
	attroff(A_REVERSE);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		len = (size_t)snprintf(head_line, sizeof(head_line), "%-14s", lists[i].name);
		for_each_node (q, nid)
			if (len < sizeof(head_line) - 20)
				len += (size_t)snprintf(head_line + len, sizeof(head_line) - len,
							"%11lu",
							mb((unsigned long)node_page_state(
								NODE_DATA(q, nid), lists[i].item)));
		line(y++, "%s", head_line);
	}
}

/* ---- slab ------------------------------------------------------------------------------------------- */

struct slab_rows {
	struct {
		char name[32];
		unsigned long pages, objects, size;
	} row[256];
	size_t nr;
};

static void add_slab(struct quire *q, struct kmem_cache *s, void *ctx)
{
	struct slab_rows *rows = ctx;
	struct slabinfo info;

	get_slabinfo(q, s, &info);
	if (rows->nr == ARRAY_SIZE(rows->row))
		return;
	snprintf(rows->row[rows->nr].name, sizeof(rows->row[0].name), "%s", info.name);
	rows->row[rows->nr].pages = info.num_slabs * info.pages_per_slab;
	rows->row[rows->nr].objects = info.active_objs;
	rows->row[rows->nr++].size = info.objsize;
}

static int by_pages(const void *a, const void *b)
{
	const unsigned long x = *(const unsigned long *)((const char *)a + 32),
			    y = *(const unsigned long *)((const char *)b + 32);

	return x != y ? (x < y ? 1 : -1) : strcmp(a, b);
}

static void slab(const struct top *t, int y)
{
	struct slab_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return;
	slab_for_each_cache(machine_quire(t->m), add_slab, rows);
	qsort(rows->row, rows->nr, sizeof(rows->row[0]), by_pages);
	attron(A_REVERSE);
	line(y++, "%-26s %10s %12s %10s%30s", "CACHE", "MB", "OBJECTS", "SIZE", "");
	attroff(A_REVERSE);
	for (size_t i = t->scroll; i < rows->nr; i++)
		if (!line(y++, "%-26s %10.1f %12lu %10lu", rows->row[i].name,
			  (double)rows->row[i].pages / 256, rows->row[i].objects,
			  rows->row[i].size))
			break;
	free(rows);
}

/* ---- what happened -------------------------------------------------------------------------------------- */

static void event_log(const struct top *t, int y)
{
	const struct event *events;
	size_t nr = machine_events(t->m, &events), room = (size_t)max(LINES - 1 - y, 1), from;

	from = nr > room + t->scroll ? nr - room - t->scroll : 0;
	for (size_t i = from; i < nr; i++) {
		bool bad = events[i].kind == EV_OOM_KILL || events[i].kind == EV_PANIC;
		char clock[16];

		machine_clock_text(t->m, events[i].ns, clock);
		if (bad)
			attron(A_BOLD | (has_colors() ? COLOR_PAIR(KILL) : 0));
		if (!line(y++, "%s %c %s", clock, bad ? 'X' : ' ', events[i].text))
			i = nr;
		if (bad)
			attroff(A_BOLD | (has_colors() ? COLOR_PAIR(KILL) : 0));
	}
}

static void help(int y)
{
	static const char *const text[] = {
		"p processes, in the order in which they would be killed",
		"z zones with watermarks and free blocks     l LRU lists     s slab",
		"e what happened     arrows, PgUp, PgDn: scroll     h this",
		"",
		"space  pause, go on          + -   faster, slower",
		".      one second, then stop    >   one minute, then stop",
		",      one second back          <   one minute back",
		"k      to ten seconds before the next kill; K: before the last one",
		"f      save: a copy of the machine waits here (fork)",
		"b      back to the copy that was saved last",
		"w      write the machine to a file, a SPEC for quire",
		"q      quit",
	};

	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		line(y++, "%s", text[i]);
}

void top_draw(const struct top *t)
{
	erase();
	head(t);
	switch (t->page) {
	case TOP_PROCESSES:
		processes(t, 6);
		break;
	case TOP_ZONES:
		zones(t, 6);
		break;
	case TOP_SLAB:
		slab(t, 6);
		break;
	case TOP_LRU:
		lru(t, 6);
		break;
	case TOP_LOG:
		event_log(t, 6);
		break;
	default:
		help(6);
	}
	attron(A_REVERSE);
	mvprintw(LINES - 1, 0, "%-*.*s", COLS - 1, COLS - 1,
		 *t->message ? t->message
			     : "p proc z zones l lru s slab e events | space pause + - . > , < "
			       "k K kill f b w h");
	attroff(A_REVERSE);
	refresh();
}
