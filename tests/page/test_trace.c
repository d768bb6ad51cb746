/* SPDX-License-Identifier: MIT */
/*
 * The real kernel's own allocations and frees, replayed against the buddy and
 * the per-CPU lists.
 *
 * Scenario j-trace records every block that left and entered the kernel's free
 * lists, every page that was handed out and came back, and the physical layout
 * before and after.  The buddy starts with the first layout, is given every
 * removal and return in turn, and must have the kernel's /proc/buddyinfo at each
 * point and its layout at the end.  The sizes of refills and of what the
 * per-CPU lists gave back are held against the formulas.
 *
 * Skipped where the recording is not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <zlib.h>

#include "page/internal.h"
#include "tests/lib/lower.h"

#define RECORDING "oracle/results/j-trace/6.1/out.txt.gz"
#define KPF_BUDDY (1UL << 10)

static char *read_recording(void)
{
	size_t room = 16UL << 20, size = 0;
	gzFile f = gzopen(RECORDING, "rb");
	char *text;
	int n;

	if (!f)
		return NULL;
	text = malloc(room);
	while (size < room - 1 && (n = gzread(f, text + size, (unsigned int)(room - 1 - size))) > 0)
		size += (size_t)n;
	gzclose(f);
	text[size] = 0;
	return text;
}

struct replay {
	struct lower *l;
	struct quire *q;
	u64 max_pfn;
	unsigned long taken, returned;
	unsigned int buddyinfos;
	u64 t0; /* ns: when the first layout was read, not before */
};

static struct zone *zone_at(struct replay *r, u64 pfn)
{
	for_each_populated_zone_of_node(NODE_DATA(r->q, 0),
					zone) if (zone_spans_pfn(zone, pfn)) return zone;
	fail_msg("frame %#lx is in no zone", (unsigned long)pfn);
	return NULL;
}

static bool is_free(struct replay *r, u64 pfn)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		const struct page *head = pfn_to_page(r->q, ALIGN_DOWN(pfn, 1UL << order));

		if (PageBuddy(head))
			return buddy_order(head) >= order;
	}
	return false;
}

static void give(struct replay *r, u64 pfn, unsigned int order, int mt)
{
	struct zone *zone = zone_at(r, pfn);
	bool any = false;

	for (u64 p = pfn; p < pfn + (1UL << order); p++)
		any |= is_free(r, p);
	if (any && order) {
		for (u64 p = pfn; p < pfn + (1UL << order); p++)
			give(r, p, 0, mt);
		return;
	}
	if (any)
		return;
	for (u64 p = pfn; p < pfn + (1UL << order); p++)
		set_page_count(pfn_to_page(r->q, p), 0);
	spin_lock(r->q, &zone->lock);
	__free_one_page(r->q, pfn_to_page(r->q, pfn), pfn, zone, order, mt, FPI_NONE);
	spin_unlock(r->q, &zone->lock);
	r->returned += 1UL << order;
}

static void take(struct replay *r, u64 pfn, unsigned int order)
{
	if (take_free_range(r->q, pfn, 1UL << order)) {
		r->taken += 1UL << order;
		return;
	}
	/* Between the command and the moment in which the layout was read. */
	for (u64 p = pfn; p < pfn + (1UL << order); p++)
		r->taken += is_free(r, p) && take_free_range(r->q, p, 1);
}

/* A machine whose frames are all in use. */
static void start(struct replay *r)
{
	struct page *page;

	memset(r, 0, sizeof(*r));
	r->l = lower_boot(1, 640, 1);
	r->q = r->l->q;
	for (unsigned int order = MAX_ORDER; order-- > 0;)
		while ((page = alloc_pages_node(r->q, 0, GFP_NOWAIT | __GFP_MEMALLOC | __GFP_NOWARN,
						order)))
			split_page(r->q, page, order);
	assert_int_equal(global_zone_page_state(r->q, NR_FREE_PAGES), 0);
	r->max_pfn = 512UL << (20 - PAGE_SHIFT);
}

/* Line by line: string functions under asan look for the end of the text. */
static bool next_line(const char **text, char *line, size_t cap)
{
	const char *end = memchr(*text, '\n', 65536);
	size_t len;

	if (!end)
		return false;
	len = min((size_t)(end - *text), cap - 1);
	memcpy(line, *text, len);
	line[len] = 0;
	*text = end + 1;
	return true;
}

/* "PFN COUNT FLAGS", a run a line: frees, or compares; how many differ. */
static unsigned long layout(struct replay *r, const char *text, bool compare)
{
	unsigned long differ = 0;
	char line[128], *at;

	while (next_line(&text, line, sizeof(line)) && line[0] != '@') {
		unsigned long pfn = strtoul(line, &at, 16), nr = strtoul(at, &at, 10);
		unsigned long flags = strtoul(at, NULL, 16);

		for (u64 p = pfn; p < pfn + nr && p < r->max_pfn; p++) {
			bool buddy = (flags & KPF_BUDDY) != 0;

			if (compare)
				differ += is_free(r, p) != buddy;
			else if (buddy)
				give(r, p, 0, MIGRATE_MOVABLE);
		}
	}
	return differ;
}

static void compare_buddyinfo(struct replay *r, const char *text)
{
	unsigned int seen = 0;
	char line[256];

	while (next_line(&text, line, sizeof(line)) && line[0] == 'N') {
		for_each_populated_zone_of_node(NODE_DATA(r->q, 0), zone)
		{
			char *p = strstr(line, "zone"), name[16];

			if (sscanf(p, "zone %15s", name) != 1 || strcmp(zone->name, name))
				continue;
			p = strstr(p, name) + strlen(name);
			seen++;
			for (unsigned int o = 0; o < MAX_ORDER; o++)
				assert_int_equal(strtoul(p, &p, 10), zone->free_area[o].nr_free);
		}
	}
	assert_int_equal(seen, 2);
	r->buddyinfos++;
}

struct event {
	u64 ns, pfn;
	char kind; /* 'l'ocked removal, 'd'rain, 'a'lloc, 'f'ree */
	unsigned int order;
	int mt;
	bool refill;
};

static bool next_event(const char **text, struct event *e)
{
	char line[512], *p, *stamp, *field;

	while (next_line(text, line, sizeof(line)) && line[0] != '@') {
		p = strstr(line, ": mm_page_");
		field = p ? strstr(p, "pfn=") : NULL;
		if (!field)
			continue;
		for (stamp = p; stamp[-1] != ' ';)
			stamp--;
		e->ns = strtoul(stamp, &stamp, 10) * 1000000000UL;
		e->ns += strtoul(stamp + 1, NULL, 10) * 1000;
		p += strlen(": mm_page_");
		e->kind = !strncmp(p, "alloc_zone_locked", 17) ? 'l' : *p == 'p' ? 'd' : *p;
		e->pfn = strtoul(field + 4, NULL, 16);
		e->order = (unsigned int)strtoul(strstr(field, "order=") + 6, NULL, 10);
		field = strstr(p, "migratetype=");
		e->mt = field ? atoi(field + 12) : -1;
		e->refill = strstr(p, "percpu_refill=1") != NULL;
		return true;
	}
	return false;
}

static void apply(struct replay *r, const struct event *e)
{
	if (e->kind == 'l')
		take(r, e->pfn, e->order);
	else if (e->kind == 'd')
		give(r, e->pfn, e->order, e->mt);
	else if (e->kind == 'f' && !pcp_allowed_order(e->order))
		give(r, e->pfn, e->order, MIGRATE_UNMOVABLE);
}

static void test_layout(void **state)
{
	char *text = read_recording(), line[512];
	const char *trace, *at;
	struct event e = {0};
	bool more, begun = false;
	struct replay r;

	(void)state;
	if (!text)
		skip();
	start(&r);
	trace = strstr(text, "@@file /sys/kernel/tracing/trace");
	assert_non_null(trace);
	next_line(&trace, line, sizeof(line));
	more = next_event(&trace, &e);
	/* Each command stands with its time; what happened before is applied. */
	for (at = text; next_line(&at, line, sizeof(line));) {
		unsigned long ns;
		char what[32], arg[64];
		const char *body = at;

		if (line[0] != '@' ||
		    sscanf(line, "@@cmd %*u ns=%lu %31s %63s", &ns, what, arg) < 2)
			continue;
		next_line(&body, line, sizeof(line)); /* "@@file" */
		if (!begun && !strcmp(what, "pageflags")) {
			layout(&r, body, false);
			while (more && e.ns < ns)
				more = next_event(&trace, &e);
			begun = true;
			assert_int_equal(lower_verify(r.l), 0);
			continue;
		}
		for (; begun && more && e.ns <= ns; more = next_event(&trace, &e))
			apply(&r, &e);
		if (begun && !strcmp(what, "cat") && !strcmp(arg, "/proc/buddyinfo"))
			compare_buddyinfo(&r, body);
		else if (begun && !strcmp(what, "pageflags"))
			assert_int_equal(layout(&r, body, true), 0);
		else if (!strcmp(what, "tracedump"))
			break;
	}
	print_message("# %lu pages taken, %lu returned, buddyinfo exact %u times\n", r.taken,
		      r.returned, r.buddyinfos);
	assert_int_equal(r.buddyinfos, 3);
	assert_true(r.taken > 9000 && r.returned > 9000);
	assert_int_equal(lower_verify(r.l), 0);
	lower_end(r.l);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
