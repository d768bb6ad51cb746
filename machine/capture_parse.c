/* SPDX-License-Identifier: MIT */
/*
 * What a capture's files say, as numbers.
 *
 * Files of Linux 2.6 to 6.x are understood: lines are found by their names, and
 * names that are not known are passed over.  What a machine is built from is
 * checked here (a zone manages no more than it has, free blocks are no more
 * than the zone, a process's number is one), so that capture_build.c can trust
 * it; a fault is reported with the capture's line and with a mend.
 */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/capture.h"

#define MAX_ZONES     (QUIRE_MAX_NODES * MAX_NR_ZONES)
#define MAX_SLABS     65536
#define MAX_PROCESSES (1u << 20)
#define MAX_PFN	      (1UL << 34) /* 64 TiB */
#define AGAIN	      "capture the machine again"

struct parser {
	const struct capture *c;
	struct cap_machine *cm;
	FILE *err;
	unsigned int faults;
	/* The file being read. */
	const struct capture_record *r;
	const char *p;		/* the next line */
	const char *line, *end; /* the line in hand, without its newline */
	size_t nr;		/* its number in the capture */
};

__attribute__((format(printf, 2, 3))) static void fault(struct parser *ps, const char *fmt, ...)
{
	va_list ap;

	if (ps->faults++ > 20)
		return;
	fprintf(ps->err, "%s:%zu: %s: ", ps->c->name, ps->nr, ps->r ? ps->r->path : "");
	va_start(ap, fmt);
	vfprintf(ps->err, fmt, ap);
	va_end(ap);
	fputc('\n', ps->err);
}

static bool open_file(struct parser *ps, const char *path)
{
	ps->r = capture_find(ps->c, path);
	if (!ps->r)
		return false;
	ps->p = ps->r->text;
	ps->nr = ps->r->line - 1;
	return true;
}

static bool next_line(struct parser *ps)
{
	const char *stop = ps->r->text + ps->r->len;

	if (ps->p >= stop)
		return false;
	ps->line = ps->p;
	ps->end = memchr(ps->p, '\n', (size_t)(stop - ps->p));
	if (!ps->end)
		ps->end = stop;
	ps->p = ps->end + 1;
	ps->nr++;
	return true;
}

static const char *skip_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* A number at *p, which moves behind it; false: none, or it does not fit. */
static bool take_u64(const char **p, const char *end, u64 *v)
{
	const char *q = skip_blank(*p, end);
	u64 sum = 0;

	if (q == end || *q < '0' || *q > '9')
		return false;
	for (; q < end && *q >= '0' && *q <= '9'; q++) {
		if (sum > (UINT64_MAX - 9) / 10)
			return false;
		sum = sum * 10 + (u64)(*q - '0');
	}
	*p = q;
	*v = sum;
	return true;
}

static bool take_long(const char **p, const char *end, long *v)
{
	const char *q = skip_blank(*p, end);
	bool minus = q < end && *q == '-';
	u64 u;

	q += minus;
	if (!take_u64(&q, end, &u) || u > INT64_MAX)
		return false;
	*v = minus ? -(long)u : (long)u;
	*p = q;
	return true;
}

/* "word" and then blanks: the word's end; NULL: the line has no such start. */
static const char *word(const char *p, const char *end, const char *w)
{
	size_t n = strlen(w);

	p = skip_blank(p, end);
	if ((size_t)(end - p) < n || memcmp(p, w, n))
		return NULL;
	return p + n;
}

/* The line is `name` and a number. */
static bool line_value(const struct parser *ps, const char *name, u64 *v)
{
	const char *p = word(ps->line, ps->end, name);

	return p &&
	       (p == ps->end || *p == ' ' || *p == '\t' || *p == ':' || p[-1] == ':' ||
		p[-1] == ' ') &&
	       take_u64(&p, ps->end, v);
}

/* "name value" or "name: value unit" lines of a whole file. */
static struct cap_value *parse_values(struct parser *ps, const char *path, unsigned int *nr)
{
	struct cap_value *values;
	unsigned int cap = 0;

	*nr = 0;
	if (!open_file(ps, path))
		return NULL;
	for (size_t i = 0; i < ps->r->len; i++)
		cap += ps->r->text[i] == '\n';
	values = calloc(cap + 1, sizeof(*values));
	while (values && next_line(ps)) {
		const char *p = ps->line;
		u64 v;

		while (p < ps->end && *p != ' ' && *p != ':' && *p != '\t')
			p++;
		values[*nr].name = ps->line;
		values[*nr].name_len = (size_t)(p - ps->line);
		if (p < ps->end && *p == ':')
			p++;
		if (take_u64(&p, ps->end, &v) && *nr <= cap)
			values[(*nr)++].v = v;
	}
	return values;
}

static bool find_value(const struct cap_value *values, unsigned int nr, const char *name,
		       unsigned long *v)
{
	size_t n = strlen(name);

	for (unsigned int i = 0; i < nr; i++) {
		if (values[i].name_len != n || memcmp(values[i].name, name, n))
			continue;
		*v = values[i].v;
		return true;
	}
	return false;
}

bool cap_meminfo(const struct cap_machine *cm, const char *name, unsigned long *v)
{
	return find_value(cm->meminfo, cm->nr_meminfo, name, v);
}

bool cap_vmstat(const struct cap_machine *cm, const char *name, unsigned long *v)
{
	return find_value(cm->vmstat, cm->nr_vmstat, name, v);
}

/* ---- zones ------------------------------------------------------------------ */

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
	const char *p = word(ps->line, ps->end, "Node"), *q;
	u64 node;

	*idx = -1;
	if (!p || !take_u64(&p, ps->end, &node) || !(p = word(p, ps->end, ", zone")))
		return false;
	p = q = skip_blank(p, ps->end);
	while (q < ps->end && *q != ' ' && *q != ',')
		q++;
	*rest = q;
	*idx = zone_type_of(p, q);
	if (node >= QUIRE_MAX_NODES) {
		fault(ps, "node %" PRIu64 " is too high a number; a machine has up to %d nodes",
		      node, QUIRE_MAX_NODES);
		*idx = -1;
		return true;
	}
	*nid = (unsigned int)node;
	if (*idx < 0)
		fault(ps, "zone \"%.*s\" is none of x86-64's; only such machines can be built",
		      (int)min(q - p, (long)20), p);
	return true;
}

static struct cap_zone *find_zone(struct cap_machine *cm, unsigned int nid, int idx)
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
		if (!take_long(&p, ps->end, &z->protection[i]))
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
	const char *p = skip_blank(ps->line, ps->end), *q = p;
	size_t n;
	long v;

	while (q < ps->end && *q != ' ')
		q++;
	n = (size_t)(q - p);
	if (!n || !take_long(&q, ps->end, &v))
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

	if (line_value(ps, "pages free", &v))
		z->free = v;
	else if (line_value(ps, "boost", &v))
		z->boost = v;
	else if (line_value(ps, "min", &v))
		z->mark[WMARK_MIN] = v;
	else if (line_value(ps, "low", &v))
		z->mark[WMARK_LOW] = v;
	else if (line_value(ps, "high", &v))
		z->mark[WMARK_HIGH] = v;
	else if (line_value(ps, "promo", &v)) {
		z->mark[WMARK_PROMO] = v;
		z->has_promo = true;
	} else if (line_value(ps, "spanned", &v))
		z->spanned = v;
	else if (line_value(ps, "present", &v))
		z->present = v;
	else if (line_value(ps, "managed", &v))
		z->managed = v;
	else if (line_value(ps, "start_pfn:", &v))
		z->start_pfn = v;
	else if (line_value(ps, "count:", &v))
		z->pcp_pages += v;
	else if (word(ps->line, ps->end, "protection:"))
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
		fault(ps, "node %u: a zone ends beyond 64 TiB; " AGAIN, z->nid);
	else if (z->managed > z->present || z->present > z->spanned)
		fault(ps,
		      "node %u: a zone manages %lu pages, has %lu and spans %lu; each is at most "
		      "the "
		      "next: " AGAIN,
		      z->nid, z->managed, z->present, z->spanned);
	else if (z->free > z->managed)
		fault(ps, "node %u: a zone has %lu free pages and manages %lu; " AGAIN, z->nid,
		      z->free, z->managed);
	else if (z->present && !z->start_pfn)
		fault(ps, "node %u: a zone begins at frame 0; on x86-64 none does", z->nid);
	else if (z->mark[WMARK_MIN] > z->mark[WMARK_LOW] ||
		 z->mark[WMARK_LOW] > z->mark[WMARK_HIGH])
		fault(ps, "node %u: a zone's watermarks are out of order; " AGAIN, z->nid);
}

static void parse_zoneinfo(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	struct cap_zone *z = NULL;

	if (!open_file(ps, "/proc/zoneinfo")) {
		fprintf(ps->err,
			"%s: has no /proc/zoneinfo, without which there is no machine; capture it "
			"again as root\n",
			ps->c->name);
		ps->faults++;
		return;
	}
	cm->zones = calloc(MAX_ZONES, sizeof(*cm->zones));
	while (cm->zones && next_line(ps)) {
		unsigned int nid;
		const char *rest;
		int idx;

		if (zone_heading(ps, &nid, &idx, &rest)) {
			if (z)
				check_zone(ps, z);
			z = NULL;
			if (idx < 0)
				continue;
			if (find_zone(cm, nid, idx)) {
				fault(ps, "a zone of node %u is there twice; " AGAIN, nid);
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
		fault(ps, "names no zone; " AGAIN);
}

static void parse_buddyinfo(struct parser *ps)
{
	if (!open_file(ps, "/proc/buddyinfo"))
		return;
	while (next_line(ps)) {
		struct cap_zone *z;
		unsigned int nid, order = 0;
		unsigned long pages = 0;
		const char *p;
		int idx;
		u64 v;

		if (!zone_heading(ps, &nid, &idx, &p) || idx < 0)
			continue;
		z = find_zone(ps->cm, nid, idx);
		if (!z) {
			fault(ps, "a zone of node %u that zoneinfo does not have; " AGAIN, nid);
			continue;
		}
		while (order < MAX_ORDER && take_u64(&p, ps->end, &v) && v <= z->managed) {
			z->blocks[order] = v;
			pages += v << order;
			order++;
		}
		if (order != MAX_ORDER || skip_blank(p, ps->end) != ps->end)
			fault(ps, "a zone has %d numbers, one an order; " AGAIN, MAX_ORDER);
		else if (pages > z->managed)
			fault(ps, "free blocks of %lu pages in a zone that manages %lu; " AGAIN,
			      pages, z->managed);
		z->has_blocks = true;
	}
}

static int migratetype_of(const char *p, const char *end)
{
	static const char *const names[MIGRATE_TYPES] = {
		[MIGRATE_UNMOVABLE] = "Unmovable",
		[MIGRATE_MOVABLE] = "Movable",
		[MIGRATE_RECLAIMABLE] = "Reclaimable",
		[MIGRATE_HIGHATOMIC] = "HighAtomic",
		[MIGRATE_CMA] = "CMA",
		[MIGRATE_ISOLATE] = "Isolate",
	};

	for (int i = 0; i < MIGRATE_TYPES; i++)
		if (strlen(names[i]) == (size_t)(end - p) &&
		    !memcmp(names[i], p, (size_t)(end - p)))
			return i;
	return -1;
}

/* ", type  Movable  1 2 ..." */
static void parse_typed_line(struct parser *ps, struct cap_zone *z, const char *p)
{
	const char *q;
	u64 v;
	int mt;

	p = word(p, ps->end, ", type");
	if (!p)
		return;
	p = q = skip_blank(p, ps->end);
	while (q < ps->end && *q != ' ')
		q++;
	mt = migratetype_of(p, q);
	for (unsigned int order = 0; mt >= 0 && order < MAX_ORDER; order++) {
		q = skip_blank(q, ps->end);
		if (q < ps->end && *q == '>') {
			z->capped = true;
			q++;
		}
		if (!take_u64(&q, ps->end, &v) || v > z->managed) {
			fault(ps, "a line has %d numbers, one an order; " AGAIN, MAX_ORDER);
			return;
		}
		z->typed[mt][order] = v;
	}
	z->has_types = true;
}

static void parse_pagetypeinfo(struct parser *ps)
{
	int columns[MIGRATE_TYPES], nr_columns = 0;

	if (!open_file(ps, "/proc/pagetypeinfo"))
		return;
	while (next_line(ps)) {
		struct cap_zone *z;
		const char *p = word(ps->line, ps->end, "Number of blocks type");
		unsigned int nid;
		int idx;
		u64 v;

		if (p) {
			for (nr_columns = 0; nr_columns < MIGRATE_TYPES; nr_columns++) {
				const char *q = p = skip_blank(p, ps->end);

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
		z = find_zone(ps->cm, nid, idx);
		if (z && p < ps->end && *p == ',')
			parse_typed_line(ps, z, p);
		else if (z)
			for (int i = 0; i < nr_columns && take_u64(&p, ps->end, &v); i++)
				if (columns[i] >= 0 && v <= z->spanned)
					z->pageblocks[columns[i]] = v;
	}
}

/* buddyinfo is the truth; types are fitted to it, what they lack is movable. */
static void settle_blocks(struct cap_zone *z)
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

/* ---- nodes, CPUs ------------------------------------------------------------ */

/* How many numbers "0-3,8" names; they are below 8192. */
static unsigned int list_count(const char *p, const char *end)
{
	unsigned int n = 0;
	u64 a, b;

	while (take_u64(&p, end, &a)) {
		b = a;
		if (p < end && *p == '-') {
			p++;
			if (!take_u64(&p, end, &b))
				break;
		}
		if (b >= 8192 || b < a)
			break;
		n += (unsigned int)(b - a + 1);
		if (p < end && *p == ',')
			p++;
	}
	return n;
}

static void parse_nodes(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	unsigned int cpus = 0, in_stat = 0;
	char path[80];

	for (unsigned int nid = 0; nid < QUIRE_MAX_NODES; nid++) {
		struct cap_node *n = &cm->node[nid];

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", nid);
		if (open_file(ps, path) && next_line(ps)) {
			n->nr_cpus = list_count(ps->line, ps->end);
			n->exists = true;
			cm->nr_nodes = max(cm->nr_nodes, nid + 1);
			cpus += n->nr_cpus;
		}
	}
	for (unsigned int nid = 0; nid < cm->nr_nodes; nid++) {
		unsigned int to = 0;
		const char *p;
		u64 v;

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/distance", nid);
		if (!open_file(ps, path) || !next_line(ps))
			continue;
		/* One number for each node that exists. */
		for (p = ps->line; to < cm->nr_nodes && take_u64(&p, ps->end, &v); to++) {
			while (to < cm->nr_nodes && !cm->node[to].exists)
				to++;
			if (to < cm->nr_nodes && v < 256)
				cm->node[nid].distance[to] = (u8)v;
		}
	}
	if (open_file(ps, "/proc/stat"))
		while (next_line(ps))
			in_stat += ps->end - ps->line > 4 && !memcmp(ps->line, "cpu", 3) &&
				   ps->line[3] >= '0' && ps->line[3] <= '9';
	if (!cpus) {
		/* Without nodes' lists: all CPUs are on the first with memory. */
		unsigned int home = cm->nr_zones ? cm->zones[0].nid : 0;

		cm->node[home].nr_cpus = clamp(in_stat, 1u, (unsigned int)QUIRE_MAX_CPUS);
	} else if (cpus > QUIRE_MAX_CPUS) {
		fprintf(ps->err, "%s: has %u CPUs; a model has up to %d\n", ps->c->name, cpus,
			QUIRE_MAX_CPUS);
		ps->faults++;
	}
}

static void parse_machine(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	const char *p;
	u64 v, hundredths = 0;

	cm->meminfo = parse_values(ps, "/proc/meminfo", &cm->nr_meminfo);
	cm->vmstat = parse_values(ps, "/proc/vmstat", &cm->nr_vmstat);
	if (open_file(ps, "/proc/uptime") && next_line(ps)) {
		p = ps->line;
		if (take_u64(&p, ps->end, &v) && v < (1UL << 31)) {
			if (p + 2 < ps->end && *p == '.')
				hundredths = (u64)(p[1] - '0') % 10 * 10 + (u64)(p[2] - '0') % 10;
			cm->uptime_ns = v * NSEC_PER_SEC + hundredths * 10000000;
		}
	}
	if (open_file(ps, "/proc/stat"))
		while (next_line(ps))
			if (line_value(ps, "btime", &v) && v < (1UL << 40))
				cm->btime = (s64)v;
	if (open_file(ps, "/proc/version") && next_line(ps) &&
	    (p = word(ps->line, ps->end, "Linux version ")))
		snprintf(cm->release, sizeof(cm->release), "%.*s", (int)strcspn(p, " \n"), p);
	if (open_file(ps, "/proc/sys/kernel/hostname") && next_line(ps))
		snprintf(cm->hostname, sizeof(cm->hostname), "%.*s", (int)(ps->end - ps->line),
			 ps->line);
	for (char *c = cm->hostname; *c; c++)
		if (*c <= ' ' || *c >= 127)
			*c = '-';
}

static void parse_events(struct parser *ps)
{
#define EVENT_NAME(item, name) [item] = name,
	static const char *const names[] = {VM_EVENT_ITEMS(EVENT_NAME)};
	struct cap_machine *cm = ps->cm;

	cm->events = calloc(NR_VM_EVENT_ITEMS, sizeof(*cm->events));
	for (size_t i = 0; cm->events && i < ARRAY_SIZE(names); i++)
		if (!cap_vmstat(cm, names[i], &cm->events[i]))
			cm->events[i] = ~0UL;
}

/* ---- slabs, swap ------------------------------------------------------------ */

static bool known_reclaimable(const char *name)
{
	static const char *const names[] = {"dentry",	   "radix_tree_node",
					    "buffer_head", "ext4_extent_status",
					    "xfs_ili",	   "jbd2_"};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return (n > 11 && !strcmp(name + n - 11, "inode_cache")) ||
	       !strncmp(name, "kmalloc-rcl", 11);
}

static void parse_slabs(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	unsigned int cap = 0;

	if (!open_file(ps, "/proc/slabinfo"))
		return;
	while (next_line(ps)) {
		u64 active, num, size, objects, pages, v = 0;
		const char *p = ps->line, *slabdata, *name = p;
		struct cap_slab *s;
		char path[160];
		const struct capture_record *flag;

		if (word(p, ps->end, "slabinfo - version") || *p == '#')
			continue;
		while (p < ps->end && *p != ' ')
			p++;
		slabdata = memmem(p, (size_t)(ps->end - p), ": slabdata", 10);
		if (p == name || p - name > 63 || !take_u64(&p, ps->end, &active) ||
		    !take_u64(&p, ps->end, &num) || !take_u64(&p, ps->end, &size) ||
		    !take_u64(&p, ps->end, &objects) || !take_u64(&p, ps->end, &pages) ||
		    !slabdata || cm->nr_slabs == MAX_SLABS) {
			fault(ps, "no line of slabinfo 2.1; " AGAIN);
			continue;
		}
		slabdata += 10;
		if (!take_u64(&slabdata, ps->end, &v) || !take_u64(&slabdata, ps->end, &v) ||
		    active > num || num > MAX_PFN || v > MAX_PFN || size > (64UL << 20) || !size ||
		    !objects || objects > 65535 || !pages || pages > MAX_ORDER_NR_PAGES ||
		    (pages & (pages - 1))) {
			fault(ps, "cache \"%.*s\" has numbers that can't be; " AGAIN,
			      (int)strcspn(name, " "), name);
			continue;
		}
		if (cm->nr_slabs == cap) {
			struct cap_slab *more =
				realloc(cm->slabs, (cap = cap ? 2 * cap : 256) * sizeof(*more));

			if (!more)
				return;
			cm->slabs = more;
		}
		s = &cm->slabs[cm->nr_slabs++];
		*s = (struct cap_slab){strndup(name, strcspn(name, " ")),
				       active,
				       num,
				       v,
				       (unsigned int)size,
				       (unsigned int)objects,
				       (unsigned int)pages,
				       false};
		if (!s->name)
			return;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/reclaim_account", s->name);
		flag = capture_find(ps->c, path);
		s->reclaimable = flag ? flag->text[0] == '1' : known_reclaimable(s->name);
	}
}

static void parse_swaps(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;

	if (!open_file(ps, "/proc/swaps"))
		return;
	cm->swaps = calloc(MAX_SWAPFILES, sizeof(*cm->swaps));
	while (cm->swaps && next_line(ps)) {
		struct cap_swap *s = &cm->swaps[cm->nr_swaps];
		const char *p = ps->line, *type;
		u64 size, used;
		long prio;

		if (word(p, ps->end, "Filename"))
			continue;
		while (p < ps->end && *p != ' ' && *p != '\t')
			p++;
		if (p == ps->line)
			continue;
		type = skip_blank(p, ps->end);
		s->is_file = word(type, ps->end, "file") != NULL;
		s->name = strndup(ps->line, (size_t)(p - ps->line));
		p = type;
		while (p < ps->end && *p != ' ' && *p != '\t')
			p++;
		if (cm->nr_swaps == MAX_SWAPFILES || !take_u64(&p, ps->end, &size) ||
		    !take_u64(&p, ps->end, &used) || !take_long(&p, ps->end, &prio) ||
		    used > size || size > MAX_PFN * 4 || prio < -32768 || prio > 32767) {
			fault(ps, "a swap area has a size, a part of it that is used, and a "
				  "priority; " AGAIN);
			free(s->name);
			s->name = NULL;
			continue;
		}
		s->size_kb = size;
		s->used_kb = used;
		s->prio = (int)prio;
		cm->nr_swaps++;
	}
}

/* ---- processes -------------------------------------------------------------- */

static void parse_status(struct parser *ps, struct cap_process *p)
{
	const struct {
		const char *name;
		unsigned long *to;
	} fields[] = {
		{"VmPeak:", &p->vm_peak},
		{"VmSize:", &p->vm_size},
		{"VmLck:", &p->vm_lck},
		{"VmHWM:", &p->vm_hwm},
		{"VmRSS:", &p->vm_rss},
		{"RssAnon:", &p->rss_anon},
		{"RssFile:", &p->rss_file},
		{"RssShmem:", &p->rss_shmem},
		{"VmData:", &p->vm_data},
		{"VmStk:", &p->vm_stk},
		{"VmExe:", &p->vm_exe},
		{"VmLib:", &p->vm_lib},
		{"VmPTE:", &p->vm_pte},
		{"VmSwap:", &p->vm_swap},
		{"voluntary_ctxt_switches:", &p->nvcsw},
		{"nonvoluntary_ctxt_switches:", &p->nivcsw},
	};
	const char *q;
	u64 v;

	p->kthread = true;
	while (next_line(ps)) {
		if ((q = word(ps->line, ps->end, "Name:"))) {
			q = skip_blank(q, ps->end);
			snprintf(p->comm, sizeof(p->comm), "%.*s", (int)(ps->end - q), q);
		} else if ((q = word(ps->line, ps->end, "State:"))) {
			q = skip_blank(q, ps->end);
			p->state = q < ps->end ? *q : 'S';
		} else if (line_value(ps, "PPid:", &v) && v < CAPTURE_PID_MAX) {
			p->ppid = (int)v;
		} else if (line_value(ps, "Uid:", &v)) {
			p->uid = (unsigned int)v;
		} else if (line_value(ps, "Gid:", &v)) {
			p->gid = (unsigned int)v;
		} else if (line_value(ps, "Threads:", &v)) {
			p->nr_threads = (unsigned int)clamp(v, 1UL, 1UL << 20);
		}
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
			if (!line_value(ps, fields[i].name, &v))
				continue;
			if (i < 14 && v > MAX_PFN * 4 && strcmp(fields[i].name, "VmSize:") &&
			    strcmp(fields[i].name, "VmPeak:") && strcmp(fields[i].name, "VmData:"))
				fault(ps, "%s %" PRIu64 " kB is more than any machine has; " AGAIN,
				      fields[i].name, v);
			else
				*fields[i].to = v;
		}
		if (word(ps->line, ps->end, "VmSize:"))
			p->kthread = false;
	}
}

/* The fields of stat behind the name in parentheses. */
static void parse_stat_fields(struct parser *ps, struct cap_process *pr)
{
	long field[52] = {0};
	const char *p;

	if (!next_line(ps))
		return;
	p = memrchr(ps->line, ')', (size_t)(ps->end - ps->line));
	if (!p || p + 3 > ps->end)
		return;
	p += 3; /* ") S" */
	for (int i = 4; i <= 41 && take_long(&p, ps->end, &field[i]); i++)
		;
	pr->min_flt = (unsigned long)field[10];
	pr->cmin_flt = (unsigned long)field[11];
	pr->maj_flt = (unsigned long)field[12];
	pr->cmaj_flt = (unsigned long)field[13];
	pr->utime = (unsigned long)field[14];
	pr->stime = (unsigned long)field[15];
	pr->nice = (int)clamp(field[19], -20L, 19L);
	pr->starttime = (unsigned long)field[22];
	pr->processor = (int)clamp(field[39], 0L, 8191L);
	pr->rt_priority = (int)clamp(field[40], 0L, 99L);
}

static bool open_of(struct parser *ps, int pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return open_file(ps, path);
}

static void parse_process(struct parser *ps, struct cap_process *p, int pid)
{
	long v;

	*p = (struct cap_process){
		.pid = pid, .state = 'S', .nr_threads = 1, .oom_score = -1, .pss_anon = ~0UL};
	if (open_of(ps, pid, "status"))
		parse_status(ps, p);
	/* Before 4.5 the parts of VmRSS were not told apart. */
	if (!p->rss_anon && !p->rss_file && !p->rss_shmem)
		p->rss_anon = p->vm_rss;
	if (open_of(ps, pid, "stat"))
		parse_stat_fields(ps, p);
	if (open_of(ps, pid, "cmdline")) {
		p->cmdline = ps->r->text;
		p->cmdline_len = (unsigned int)min(ps->r->len, (size_t)4096);
	}
	if (open_of(ps, pid, "oom_score_adj") && next_line(ps) && take_long(&ps->line, ps->end, &v))
		p->oom_score_adj = (int)clamp(v, -1000L, 1000L);
	if (open_of(ps, pid, "oom_score") && next_line(ps) && take_long(&ps->line, ps->end, &v))
		p->oom_score = v;
	if (open_of(ps, pid, "cgroup")) {
		while (next_line(ps)) {
			const char *q = word(ps->line, ps->end, "0::");

			if (q) {
				p->cgroup = q;
				p->cgroup_len = (size_t)(ps->end - q);
			}
		}
	}
	if (open_of(ps, pid, "smaps_rollup")) {
		u64 pss;

		while (next_line(ps))
			if (line_value(ps, "Pss_Anon:", &pss))
				p->pss_anon = pss;
	}
	if (open_of(ps, pid, "task"))
		p->tids = ps->r;
}

static int by_pid(const void *a, const void *b)
{
	return ((const struct cap_process *)a)->pid - ((const struct cap_process *)b)->pid;
}

static void parse_processes(struct parser *ps)
{
	const struct capture_record *r;
	size_t n = capture_prefix(ps->c, "/proc/", &r), cap = 0;
	struct cap_machine *cm = ps->cm;

	for (; n--; r++) {
		const char *p = r->path + 6, *end = r->path + strlen(r->path);
		u64 pid;

		if (!r->text || !take_u64(&p, end, &pid) || strcmp(p, "/status"))
			continue;
		ps->r = r;
		ps->nr = r->line;
		if (!pid || pid >= CAPTURE_PID_MAX || cm->nr_processes == MAX_PROCESSES) {
			fault(ps, "no number of a process: they go from 1 to %d",
			      CAPTURE_PID_MAX - 1);
			continue;
		}
		if (cm->nr_processes == cap) {
			struct cap_process *more =
				realloc(cm->processes, (cap = cap ? 2 * cap : 256) * sizeof(*more));

			if (!more)
				return;
			cm->processes = more;
		}
		parse_process(ps, &cm->processes[cm->nr_processes++], (int)pid);
	}
	if (cm->nr_processes)
		qsort(cm->processes, cm->nr_processes, sizeof(*cm->processes), by_pid);
}

struct cap_machine *capture_parse(const struct capture *c, FILE *err)
{
	struct cap_machine *cm = calloc(1, sizeof(*cm));
	struct parser ps = {.c = c, .cm = cm, .err = err};

	if (!cm)
		return NULL;
	cm->file = c;
	parse_zoneinfo(&ps);
	if (!ps.faults) {
		parse_buddyinfo(&ps);
		parse_pagetypeinfo(&ps);
		for (unsigned int i = 0; i < cm->nr_zones && !ps.faults; i++)
			settle_blocks(&cm->zones[i]);
		parse_nodes(&ps);
		parse_machine(&ps);
		parse_events(&ps);
		parse_slabs(&ps);
		parse_swaps(&ps);
		parse_processes(&ps);
	}
	if (!ps.faults)
		return cm;
	if (ps.faults > 21)
		fprintf(err, "%s: and %u faults more\n", c->name, ps.faults - 21);
	cap_machine_free(cm);
	return NULL;
}

void cap_machine_free(struct cap_machine *cm)
{
	if (!cm)
		return;
	for (unsigned int i = 0; i < cm->nr_slabs; i++)
		free(cm->slabs[i].name);
	for (unsigned int i = 0; i < cm->nr_swaps; i++)
		free(cm->swaps[i].name);
	free(cm->zones);
	free(cm->slabs);
	free(cm->swaps);
	free(cm->processes);
	free(cm->meminfo);
	free(cm->vmstat);
	free(cm->events);
	free(cm);
}
