/* SPDX-License-Identifier: MIT */
/*
 * Zones as a capture has them: zoneinfo's sizes, marks and counters, and the
 * free blocks of buddyinfo and pagetypeinfo.  Checked here, so that the builder
 * can trust it: a zone manages no more than it has, and free blocks are no more
 * than the zone.
 */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/capture_parse.h"
#include "page/debug.h"
#include "port/model/keep.h"

static int zone_type_of(const char *p, const char *end)
{
	static const char *const names[] = {"DMA", "DMA32", "Normal", "Movable", "Device"};

	for (int i = 0; i < MAX_NR_ZONES; i++)
		if (strlen(names[i]) == (size_t)(end - p) &&
		    !memcmp(names[i], p, (size_t)(end - p)))
			return i;
	return -1;
}

/*
 * "Node 0, zone   Normal": node and type; *rest is behind the name, which ends
 * at a blank or a comma.  False: not such a line.  A node or zone that can't be
 * is a fault, with *idx < 0.
 */
static bool zone_heading(struct parser *ps, unsigned int *nid, int *idx, const char **rest)
{
	const char *p = cap_word(ps->line, ps->end, "Node"), *q;
	u64 node;

	*idx = -1;
	if (!p || !cap_take_u64(&p, ps->end, &node) || !(p = cap_word(p, ps->end, ", zone")))
		return false;
	p = q = cap_skip_blank(p, ps->end);
	while (q < ps->end && *q != ' ' && *q != ',')
		q++;
	*rest = q;
	*idx = zone_type_of(p, q);
	if (node >= QUIRE_MAX_NODES) {
		cap_fault(ps, "node %" PRIu64 " is too high a number; a machine has up to %d nodes",
			  node, QUIRE_MAX_NODES);
		*idx = -1;
		return true;
	}
	*nid = (unsigned int)node;
	if (*idx < 0)
		cap_fault(ps, "zone \"%.*s\" is none of x86-64's; only such machines can be built",
			  (int)min(q - p, (long)20), p);
	return true;
}

static struct cap_zone *cap_find_zone(struct cap_machine *cm, unsigned int nid, int idx)
{
	for (unsigned int i = 0; i < cm->nr_zones; i++)
		if (cm->zones[i].nid == nid && (int)cm->zones[i].idx == idx)
			return &cm->zones[i];
	return NULL;
}

static void parse_protection(struct parser *ps, struct cap_zone *z)
{
	const char *p = memchr(ps->line, '(', (size_t)(ps->end - ps->line));

	for (int i = 0; p && i < MAX_NR_ZONES; i++) {
		p++;
		if (!cap_take_long(&p, ps->end, &z->protection[i]))
			return;
		/* A machine without ZONE_DEVICE has one number less. */
		p = memchr(p, ',', (size_t)(ps->end - p));
		if (!p)
			for (int j = i + 1; j < MAX_NR_ZONES; j++)
				z->protection[j] = z->protection[i];
	}
}

/* A line "name value" into one of the counters named by a list. */
static void parse_stat(struct parser *ps, struct cap_zone *z, struct cap_node *node)
{
#define ZONE_NAME(item, name) [item] = name,
	static const char *const zone_names[] = {ZONE_STAT_ITEMS(ZONE_NAME)};
	static const char *const numa_names[] = {NUMA_STAT_ITEMS(ZONE_NAME)};
	static const char *const node_names[] = {NODE_STAT_ITEMS(ZONE_NAME)};
	const char *p = cap_skip_blank(ps->line, ps->end), *q = p;
	size_t n;
	long v;

	while (q < ps->end && *q != ' ')
		q++;
	n = (size_t)(q - p);
	if (!n || !cap_take_long(&q, ps->end, &v))
		return;
#define MATCH(names, to)                                                \
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)                  \
		if (strlen(names[i]) == n && !memcmp(names[i], p, n)) { \
			to;                                             \
			return;                                         \
		}
	MATCH(zone_names, z->stat[i] = v)
	MATCH(numa_names, z->numa[i] = (unsigned long)v)
	MATCH(node_names, node->stat[i] = v; node->has_stat = true)
}

static void parse_zone_line(struct parser *ps, struct cap_zone *z)
{
	struct cap_node *node = &ps->cm->node[z->nid];
	u64 v;

	if (cap_line_value(ps, "pages free", &v))
		z->free = v;
	else if (cap_line_value(ps, "boost", &v))
		z->boost = v;
	else if (cap_line_value(ps, "min", &v))
		z->mark[WMARK_MIN] = v;
	else if (cap_line_value(ps, "low", &v))
		z->mark[WMARK_LOW] = v;
	else if (cap_line_value(ps, "high", &v))
		z->mark[WMARK_HIGH] = v;
	else if (cap_line_value(ps, "promo", &v)) {
		z->mark[WMARK_PROMO] = v;
		z->has_promo = true;
	} else if (cap_line_value(ps, "spanned", &v))
		z->spanned = v;
	else if (cap_line_value(ps, "present", &v))
		z->present = v;
	else if (cap_line_value(ps, "managed", &v))
		z->managed = v;
	else if (cap_line_value(ps, "start_pfn:", &v))
		z->start_pfn = v;
	else if (cap_line_value(ps, "count:", &v))
		z->pcp_pages += v;
	else if (cap_word(ps->line, ps->end, "protection:"))
		parse_protection(ps, z);
	else
		parse_stat(ps, z, node);
}

static void check_zone(struct parser *ps, struct cap_zone *z)
{
	/* The marks of the file include the boost. */
	for (int i = 0; i < NR_WMARK; i++)
		z->mark[i] -= min(z->mark[i], z->boost);
	if (!z->has_promo)
		z->mark[WMARK_PROMO] = 2 * z->mark[WMARK_HIGH] - z->mark[WMARK_LOW];
	if (z->spanned > MAX_PFN || z->start_pfn > MAX_PFN || z->start_pfn + z->spanned > MAX_PFN)
		cap_fault(ps, "node %u: a zone ends beyond 64 TiB; " AGAIN, z->nid);
	else if (z->managed > z->present || z->present > z->spanned)
		cap_fault(
			ps,
			"node %u: a zone manages %lu pages, has %lu and spans %lu; each is at most "
			"the "
			"next: " AGAIN,
			z->nid, z->managed, z->present, z->spanned);
	else if (z->free > z->managed)
		cap_fault(ps, "node %u: a zone has %lu free pages and manages %lu; " AGAIN, z->nid,
			  z->free, z->managed);
	else if (z->present && !z->start_pfn)
		cap_fault(ps, "node %u: a zone begins at frame 0; on x86-64 none does", z->nid);
	else if (z->mark[WMARK_MIN] > z->mark[WMARK_LOW] ||
		 z->mark[WMARK_LOW] > z->mark[WMARK_HIGH])
		cap_fault(ps, "node %u: a zone's watermarks are out of order; " AGAIN, z->nid);
}

void cap_parse_zoneinfo(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	struct cap_zone *z = NULL;

	if (!cap_open(ps, "/proc/zoneinfo")) {
		fprintf(ps->err,
			"%s: has no /proc/zoneinfo, without which there is no machine; capture it "
			"again as root\n",
			ps->c->name);
		ps->faults++;
		return;
	}
	cm->zones = keep_calloc(MAX_ZONES, sizeof(*cm->zones));
	while (cm->zones && cap_next_line(ps)) {
		unsigned int nid;
		const char *rest;
		int idx;

		if (zone_heading(ps, &nid, &idx, &rest)) {
			if (z)
				check_zone(ps, z);
			z = NULL;
			if (idx < 0)
				continue;
			if (cap_find_zone(cm, nid, idx)) {
				cap_fault(ps, "a zone of node %u is there twice; " AGAIN, nid);
				continue;
			}
			z = &cm->zones[cm->nr_zones++];
			z->nid = nid;
			z->idx = (enum zone_type)idx;
			cm->node[nid].exists = true;
			cm->nr_nodes = max(cm->nr_nodes, nid + 1);
		} else if (z) {
			parse_zone_line(ps, z);
		}
	}
	if (z)
		check_zone(ps, z);
	if (!cm->nr_zones && !ps->faults)
		cap_fault(ps, "names no zone; " AGAIN);
}

void cap_parse_buddyinfo(struct parser *ps)
{
	if (!cap_open(ps, "/proc/buddyinfo"))
		return;
	while (cap_next_line(ps)) {
		struct cap_zone *z;
		unsigned int nid, order = 0;
		unsigned long pages = 0;
		const char *p;
		int idx;
		u64 v;

		if (!zone_heading(ps, &nid, &idx, &p) || idx < 0)
			continue;
		z = cap_find_zone(ps->cm, nid, idx);
		if (!z) {
			cap_fault(ps, "a zone of node %u that zoneinfo does not have; " AGAIN, nid);
			continue;
		}
		while (order < MAX_ORDER && cap_take_u64(&p, ps->end, &v) && v <= z->managed) {
			z->blocks[order] = v;
			pages += v << order;
			order++;
		}
		if (order != MAX_ORDER || cap_skip_blank(p, ps->end) != ps->end)
			cap_fault(ps, "a zone has %d numbers, one an order; " AGAIN, MAX_ORDER);
		else if (pages > z->managed)
			cap_fault(ps, "free blocks of %lu pages in a zone that manages %lu; " AGAIN,
				  pages, z->managed);
		z->has_blocks = true;
	}
}

static int migratetype_of(const char *p, const char *end)
{
	for (int i = 0; i < MIGRATE_TYPES; i++)
		if (strlen(migratetype_names[i]) == (size_t)(end - p) &&
		    !memcmp(migratetype_names[i], p, (size_t)(end - p)))
			return i;
	return -1;
}

/* ", type  Movable  1 2 ..." */
static void parse_typed_line(struct parser *ps, struct cap_zone *z, const char *p)
{
	const char *q;
	u64 v;
	int mt;

	p = cap_word(p, ps->end, ", type");
	if (!p)
		return;
	p = q = cap_skip_blank(p, ps->end);
	while (q < ps->end && *q != ' ')
		q++;
	mt = migratetype_of(p, q);
	for (unsigned int order = 0; mt >= 0 && order < MAX_ORDER; order++) {
		q = cap_skip_blank(q, ps->end);
		if (q < ps->end && *q == '>') {
			z->capped = true;
			q++;
		}
		if (!cap_take_u64(&q, ps->end, &v) || v > z->managed) {
			cap_fault(ps, "a line has %d numbers, one an order; " AGAIN, MAX_ORDER);
			return;
		}
		z->typed[mt][order] = v;
	}
	z->has_types = true;
}

void cap_parse_pagetypeinfo(struct parser *ps)
{
	int columns[MIGRATE_TYPES], nr_columns = 0;

	if (!cap_open(ps, "/proc/pagetypeinfo"))
		return;
	while (cap_next_line(ps)) {
		struct cap_zone *z;
		const char *p = cap_word(ps->line, ps->end, "Number of blocks type");
		unsigned int nid;
		int idx;
		u64 v;

		if (p) {
			for (nr_columns = 0; nr_columns < MIGRATE_TYPES; nr_columns++) {
				const char *q = p = cap_skip_blank(p, ps->end);

				while (q < ps->end && *q != ' ')
					q++;
				if (q == p)
					break;
				columns[nr_columns] = migratetype_of(p, q);
				p = q;
			}
			continue;
		}
		if (!zone_heading(ps, &nid, &idx, &p) || idx < 0)
			continue;
		z = cap_find_zone(ps->cm, nid, idx);
		if (z && p < ps->end && *p == ',')
			parse_typed_line(ps, z, p);
		else if (z)
			for (int i = 0; i < nr_columns && cap_take_u64(&p, ps->end, &v); i++)
				if (columns[i] >= 0 && v <= z->spanned)
					z->pageblocks[columns[i]] = v;
	}
}

/* buddyinfo is the truth; types are fitted to it, what they lack is movable. */
void cap_settle_blocks(struct cap_zone *z)
{
	unsigned long left = z->free;

	if (!z->has_blocks) {
		/* Free pages, and nothing known of their blocks: as at boot. */
		for (int order = MAX_ORDER - 1; order >= 0; order--) {
			z->blocks[order] =
				order == MAX_ORDER - 1 ? left >> order : (left >> order) & 1;
			left -= z->blocks[order] << order;
		}
	}
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		unsigned long sum = 0;

		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			z->typed[mt][order] = min(z->typed[mt][order], z->blocks[order] - sum);
			sum += z->typed[mt][order];
		}
		z->typed[MIGRATE_MOVABLE][order] += z->blocks[order] - sum;
	}
}
