/* SPDX-License-Identifier: MIT */
/*
 * The files of a machine that was built from a capture against the captured
 * ones, field by field.
 *
 * Numbers are compared by their names, file by file.  Most must be equal.  Some
 * follow from when a file was read, for a capture takes as long as the machine
 * runs on: those may be a little apart (near()).  Some the model has nothing of
 * (huge pages, buffers of block devices), or counts what happens to it, as it
 * was built in another way (CPU time, interrupts); docs/capture.md lists them,
 * and they count as unknowable.
 *
 * A capture may contradict itself: MemTotal that is not what zones manage and
 * can't be what they will get late either (capture_zones.c).  Zones are what is
 * built, and fields that follow from the sum can't be compared then.
 */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/capture.h"
#include "machine/text_grow.h"
#include "page/debug.h"

struct compare {
	struct machine *m;
	struct quire *q;
	const struct cap_machine *cm;
	struct cap_tally tally;
	FILE *out;
	bool verbose;
	struct text t;		  /* the file in hand, as the model says it */
	unsigned long managed_kb; /* all zones, with what they get late */
	bool late;		  /* MemTotal is something else */
};

static const char *const verdict_names[] = {"same", "near", "DIFFERENT", "unknowable"};

__attribute__((format(printf, 3, 4))) static void report(struct compare *c, enum cap_verdict v,
							 const char *fmt, ...)
{
	va_list ap;

	c->tally.same += v == CAP_SAME;
	c->tally.near += v == CAP_NEAR;
	c->tally.different += v == CAP_DIFFERENT;
	c->tally.unknowable += v == CAP_UNKNOWABLE;
	if (!c->out || (v == CAP_SAME && !c->verbose))
		return;
	fprintf(c->out, "%-10s ", verdict_names[v]);
	va_start(ap, fmt);
	vfprintf(c->out, fmt, ap);
	va_end(ap);
	fputc('\n', c->out);
}

/* Two numbers; slack: how far apart they may be. */
static enum cap_verdict number(struct compare *c, const char *file, const char *field,
			       long captured, long model, long slack)
{
	long apart = labs(captured - model);
	enum cap_verdict v = !apart	      ? CAP_SAME
			     : slack < 0      ? CAP_UNKNOWABLE
			     : apart <= slack ? CAP_NEAR
					      : CAP_DIFFERENT;

	report(c, v, "%s %s: captured %ld, model %ld", file, field, captured, model);
	return v;
}

/* ---- the model's files ------------------------------------------------------ */

/* Renders "/proc/..." or "/sys/..." into c->t, ended by a NUL. */
static bool render(struct compare *c, const char *path)
{
	bool sys = !strncmp(path, "/sys/", 5);
	struct proc_entry e = sys ? sysfs_root() : proc_root();

	path += sys ? 5 : 6;
	while (e.kind == PROC_DIR && *path) {
		size_t n = strcspn(path, "/");
		char part[128];

		if (n >= sizeof(part))
			return false;
		memcpy(part, path, n);
		part[n] = 0;
		e = proc_lookup(c->q, e, part);
		path += n + (path[n] != 0);
	}
	c->t.len = 0;
	c->t.overflow = false;
	if (e.kind != PROC_FILE || proc_read(c->q, e, &c->t) || !text_grow(&c->t, c->t.len + 1))
		return false;
	c->t.buf[c->t.len] = 0;
	return true;
}

/* The number behind "name" at a line's start, or behind "name:"; false: none. */
static bool value_of(const char *text, const char *name, long *v)
{
	size_t n = strlen(name);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p += p != NULL) {
		const char *q = p;
		char *end;

		while (*q == ' ' || *q == '\t')
			q++;
		if (strncmp(q, name, n))
			continue;
		q += n;
		if (*q != ':' && *q != ' ' && *q != '\t')
			continue;
		q += strspn(q, ": \t");
		*v = strtol(q, &end, 10);
		if (end != q)
			return true;
	}
	return false;
}

/* ---- memory ----------------------------------------------------------------- */

/* What may differ, by name: a share of the captured value in 1/1000 and so much
 * beside; < 0: the model has nothing of the kind. */
struct slack {
	const char *name;
	int permille;
	long beside;
};

static const struct slack meminfo_slack[] = {
	{"MemFree", 1, 0},
	{"MemAvailable", 5, 1024},
	{"Buffers", -1, 0},
	{"Cached", 10, 1024},
	{"Active", 10, 1024},
	{"Inactive", 20, 4096},
	{"Active(anon)", 10, 1024},
	{"Inactive(anon)", 50, 4096},
	{"Active(file)", 10, 1024},
	{"Inactive(file)", 20, 4096},
	{"Unevictable", 20, 1024},
	{"Mlocked", 20, 1024},
	{"Zswap", -1, 0},
	{"Zswapped", -1, 0},
	{"SwapFree", 1, 64},
	{"SwapCached", -1, 0},
	{"Dirty", 50, 4096},
	{"Writeback", -1, 0},
	{"AnonPages", 20, 4096},
	{"Mapped", 50, 1024},
	{"Shmem", 10, 64},
	{"KReclaimable", 10, 256},
	{"Slab", 10, 1024},
	{"SReclaimable", 10, 256},
	{"SUnreclaim", 10, 1024},
	{"KernelStack", 20, 512},
	{"PageTables", 100, 1024},
	{"SecPageTables", -1, 0},
	{"Committed_AS", -1, 0},
	{"VmallocUsed", 10, 1024},
	{"VmallocTotal", 0, 1},
	{"Percpu", -1, 0},
	{"HardwareCorrupted", -1, 0},
	{"AnonHugePages", -1, 0},
	{"ShmemHugePages", -1, 0},
	{"ShmemPmdMapped", -1, 0},
	{"FileHugePages", -1, 0},
	{"FilePmdMapped", -1, 0},
	{"CmaTotal", -1, 0},
	{"CmaFree", -1, 0},
	{"HugePages_Total", -1, 0},
	{"HugePages_Free", -1, 0},
	{"HugePages_Rsvd", -1, 0},
	{"HugePages_Surp", -1, 0},
	{"Hugetlb", -1, 0},
	{"DirectMap4k", -1, 0},
	{"DirectMap2M", -1, 0},
	{"DirectMap1G", -1, 0},
	{"CommitLimit", 0, 4},
};

static long slack_of(const struct slack *table, size_t nr, const char *name, long captured)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(table[i].name, name))
			return table[i].permille < 0
				       ? -1
				       : captured * table[i].permille / 1000 + table[i].beside;
	return 0;
}

/* Fields that follow from how much memory there is. */
static bool follows_total(const char *name)
{
	return !strcmp(name, "MemTotal") || !strcmp(name, "MemFree") ||
	       !strcmp(name, "MemAvailable") || !strcmp(name, "CommitLimit");
}

static void compare_meminfo(struct compare *c)
{
	char name[64];
	unsigned long buffers = 0;
	long model;

	(void)cap_meminfo(c->cm, "Buffers", &buffers);
	if (!render(c, "/proc/meminfo"))
		return;
	for (unsigned int i = 0; i < c->cm->nr_meminfo; i++) {
		const struct cap_value *v = &c->cm->meminfo[i];
		long captured = (long)v->v, slack;

		if (v->name_len >= sizeof(name))
			continue;
		memcpy(name, v->name, v->name_len);
		name[v->name_len] = 0;
		slack = slack_of(meminfo_slack, ARRAY_SIZE(meminfo_slack), name, captured);
		if (!value_of(c->t.buf, name, &model)) {
			report(c, CAP_UNKNOWABLE, "/proc/meminfo %s: the model has no such line",
			       name);
			continue;
		}
		/* Pages of block devices are pages of files here. */
		if (!strcmp(name, "Cached"))
			captured += (long)buffers;
		if (c->late && follows_total(name))
			slack = -1;
		number(c, "/proc/meminfo", name, captured, model, slack);
	}
}

static void compare_zones(struct compare *c)
{
	static const char *const mark_names[] = {"min", "low", "high", "promo"};
	char field[64];

	for (unsigned int i = 0; i < c->cm->nr_zones; i++) {
		const struct cap_zone *cap = &c->cm->zones[i];
		const struct zone *z = &NODE_DATA(c->q, cap->nid)->node_zones[cap->idx];
		unsigned long held = 0;

#define FIELD(what, captured, model, slack)                                                 \
	do {                                                                                \
		snprintf(field, sizeof(field), "node %u %s %s", cap->nid, z->name, what);   \
		number(c, "/proc/zoneinfo", field, (long)(captured), (long)(model), slack); \
	} while (0)
		FIELD("spanned", cap->spanned, z->spanned_pages, 0);
		FIELD("present", cap->present, z->present_pages, 0);
		FIELD("managed", cap->managed, z->managed_pages, 0);
		if (cap->present)
			FIELD("start_pfn", cap->start_pfn, z->zone_start_pfn, 0);
		for (unsigned int o = 0; o < MAX_ORDER; o++)
			held += cap->blocks[o] << o;
		/* The file was read at another instant than buddyinfo. */
		FIELD("free", cap->free, zone_page_state(z, NR_FREE_PAGES),
		      labs((long)cap->free - (long)held));
		FIELD("boost", cap->boost, z->watermark_boost, 0);
		for (int w = 0; w < NR_WMARK; w++)
			FIELD(mark_names[w], cap->mark[w], z->_watermark[w], 0);
		for (int j = 0; j < MAX_NR_ZONES; j++) {
			char name[32];

			snprintf(name, sizeof(name), "protection[%d]", j);
			FIELD(name, cap->protection[j], z->lowmem_reserve[j], 0);
		}
		for (unsigned int n = 0; n < NR_VM_NUMA_EVENT_ITEMS && cap->present; n++)
			FIELD("numa event", cap->numa[n], zone_numa_event(c->q, z, n), 0);
	}
}

/* Free blocks by order, and by type as far as pagetypeinfo tells. */
static void compare_blocks(struct compare *c)
{
	const struct capture_record *r = capture_find(c->cm->file, "/proc/buddyinfo");
	char field[80];

	if (r && render(c, "/proc/buddyinfo")) {
		bool same = c->t.len == r->len && !memcmp(c->t.buf, r->text, r->len);

		report(c, same ? CAP_SAME : CAP_NEAR, "/proc/buddyinfo: %s byte for byte",
		       same ? "the same" : "not");
	}
	for (unsigned int i = 0; i < c->cm->nr_zones; i++) {
		const struct cap_zone *cap = &c->cm->zones[i];
		const struct zone *z = &NODE_DATA(c->q, cap->nid)->node_zones[cap->idx];
		unsigned long types[MIGRATE_TYPES] = {0};

		if (!cap->present)
			continue;
		for (unsigned int o = 0; o < MAX_ORDER && cap->has_blocks; o++) {
			snprintf(field, sizeof(field), "node %u %s order %u", cap->nid, z->name, o);
			number(c, "/proc/buddyinfo", field, (long)cap->blocks[o],
			       (long)z->free_area[o].nr_free, 0);
		}
		if (!cap->has_types)
			continue;
		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			for (unsigned int o = 0; o < MAX_ORDER; o++) {
				unsigned long n = 0;
				struct list_head *p;

				list_for_each (p, &z->free_area[o].free_list[mt])
					n++;
				if (mt == MIGRATE_MOVABLE && o == MAX_ORDER - 1)
					n += z->nr_virgin;
				snprintf(field, sizeof(field), "node %u %s %s order %u", cap->nid,
					 z->name, migratetype_names[mt], o);
				number(c, "/proc/pagetypeinfo", field, (long)cap->typed[mt][o],
				       (long)n, 0);
			}
		}
		for (u64 pfn = ALIGN_DOWN(z->zone_start_pfn, pageblock_nr_pages);
		     pfn < zone_end_pfn(z); pfn += pageblock_nr_pages)
			types[z->pageblock_type[(pfn - ALIGN_DOWN(z->zone_start_pfn,
								  pageblock_nr_pages)) >>
						pageblock_order]]++;
		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			snprintf(field, sizeof(field), "node %u %s blocks of type %s", cap->nid,
				 z->name, migratetype_names[mt]);
			/* Movable ones include holes and memory that is not there yet. */
			number(c, "/proc/pagetypeinfo", field, (long)cap->pageblocks[mt],
			       (long)types[mt], mt == MIGRATE_MOVABLE ? -1 : 0);
		}
	}
}

static void compare_vmstat(struct compare *c)
{
	char name[64];
	long model;

	if (!render(c, "/proc/vmstat"))
		return;
	for (unsigned int i = 0; i < c->cm->nr_vmstat; i++) {
		const struct cap_value *v = &c->cm->vmstat[i];
		bool level;

		if (v->name_len >= sizeof(name))
			continue;
		memcpy(name, v->name, v->name_len);
		name[v->name_len] = 0;
		/* Levels are compared in meminfo and zoneinfo; here, histories. */
		level = !strncmp(name, "nr_", 3) || !strcmp(name, "workingset_nodes");
		if (level)
			continue;
		if (!value_of(c->t.buf, name, &model))
			report(c, CAP_UNKNOWABLE, "/proc/vmstat %s: not of Linux 6.1", name);
		else
			/* Kept by zone, and zoneinfo was read at another instant. */
			number(c, "/proc/vmstat", name, (long)v->v, model,
			       strncmp(name, "numa_", 5) ? 0 : (long)v->v / 100);
	}
}

/* ---- slabs, swap, settings -------------------------------------------------- */

struct slab_search {
	const char *name;
	struct slabinfo info;
	bool found;
};

static void match_slab(struct quire *q, struct kmem_cache *s, void *ctx)
{
	struct slab_search *search = ctx;
	struct slabinfo info;

	get_slabinfo(q, s, &info);
	if (search->found || strcmp(info.name, search->name))
		return;
	search->info = info;
	search->found = true;
}

static void compare_slabs(struct compare *c)
{
	char field[96];

	for (unsigned int i = 0; i < c->cm->nr_slabs; i++) {
		const struct cap_slab *cap = &c->cm->slabs[i];
		struct slab_search s = {.name = cap->name};
		bool cut;
		long slack;

		slab_for_each_cache(c->q, match_slab, &s);
		if (!s.found) {
			report(c, CAP_DIFFERENT, "/proc/slabinfo %s: the model has no such cache",
			       cap->name);
			continue;
		}
		cut = s.info.objsize == cap->objsize && s.info.objects_per_slab == cap->objects &&
		      s.info.pages_per_slab == cap->pages;
		report(c, cut ? CAP_SAME : CAP_NEAR,
		       "/proc/slabinfo %s: captured %u bytes, %u in %u pages; model %u, %u in %u",
		       cap->name, cap->objsize, cap->objects, cap->pages, s.info.objsize,
		       s.info.objects_per_slab, s.info.pages_per_slab);
		/* An object larger than Linux's: as many slabs hold fewer. */
		slack = cut ? (long)cap->objects * 8 : (long)cap->num_objs;
		snprintf(field, sizeof(field), "%s num_objs", cap->name);
		number(c, "/proc/slabinfo", field, (long)cap->num_objs, (long)s.info.num_objs,
		       slack);
		snprintf(field, sizeof(field), "%s active_objs", cap->name);
		number(c, "/proc/slabinfo", field, (long)cap->active_objs, (long)s.info.active_objs,
		       slack);
	}
}

static void compare_swaps(struct compare *c)
{
	const struct swap_floor *swap = c->q->swap;

	for (unsigned int i = 0; i < c->cm->nr_swaps; i++) {
		const struct cap_swap *cap = &c->cm->swaps[i];
		bool found = false;

		for (unsigned int j = 0; j < swap->nr_swapfiles; j++) {
			const struct swap_info_struct *si = swap->info[j];

			if (!si || strcmp(si->name, cap->name))
				continue;
			found = true;
			number(c, "/proc/swaps size of", cap->name, (long)cap->size_kb,
			       (long)(si->pages << 2), 3);
			number(c, "/proc/swaps used of", cap->name, (long)cap->used_kb,
			       (long)(si->inuse_pages << 2), (long)cap->used_kb / 100 + 64);
			number(c, "/proc/swaps priority of", cap->name, cap->prio, si->prio, 0);
		}
		if (!found)
			report(c, CAP_DIFFERENT, "/proc/swaps %s: the model has no such area",
			       cap->name);
	}
}

static void compare_settings(struct compare *c)
{
	const struct capture_record *r;
	size_t n = capture_prefix(c->cm->file, "/proc/sys/vm/", &r);

	for (; n--; r++) {
		bool same;

		if (!r->text || !render(c, r->path)) {
			if (r->text)
				report(c, CAP_UNKNOWABLE, "%s: the model has no such setting",
				       r->path);
			continue;
		}
		same = c->t.len == r->len && !memcmp(c->t.buf, r->text, r->len);
		report(c,
		       same			      ? CAP_SAME
		       : strstr(r->path, "hugepages") ? CAP_UNKNOWABLE
						      : CAP_DIFFERENT,
		       "%s: captured %.*s, model %.*s", r->path, (int)strcspn(r->text, "\n"),
		       r->text, (int)strcspn(c->t.buf, "\n"), c->t.buf);
	}
}

/* ---- processes -------------------------------------------------------------- */

static void compare_status(struct compare *c, const struct cap_process *p)
{
	const struct {
		const char *name;
		unsigned long captured;
		int permille;
		long beside;
	} fields[] = {
		{"PPid", (unsigned long)p->ppid, 0, 0},
		{"Uid", p->uid, 0, 0},
		{"Gid", p->gid, 0, 0},
		{"Threads", p->nr_threads, 0, 0},
		{"VmPeak", p->vm_peak, 0, 0},
		{"VmSize", p->vm_size, 1, 256},
		{"VmHWM", p->vm_hwm, 1, 256},
		{"VmRSS", p->vm_rss, 1, 16},
		{"RssAnon", p->rss_anon, 0, 8},
		{"RssFile", p->rss_file, 0, 0},
		{"RssShmem", p->rss_shmem, 0, 0},
		{"VmData", p->vm_data, 1, 64},
		{"VmStk", p->vm_stk, 0, 8},
		{"VmExe", p->vm_exe, 0, 4},
		{"VmLib", p->vm_lib, 10, 64},
		{"VmLck", p->vm_lck, 20, 64},
		{"VmPTE", p->vm_pte, 50, 24},
		{"VmSwap", p->vm_swap, 0, 0},
	};
	char path[64], field[64];

	snprintf(path, sizeof(path), "/proc/%d/status", p->pid);
	if (!render(c, path)) {
		report(c, CAP_DIFFERENT, "%s: the model has no such process", path);
		return;
	}
	snprintf(field, sizeof(field), "Name:\t%s\n", p->comm);
	report(c, strncmp(c->t.buf, field, strlen(field)) ? CAP_DIFFERENT : CAP_SAME, "%s Name: %s",
	       path, p->comm);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		long model;

		if (p->kthread && i > 3)
			break;
		if (value_of(c->t.buf, fields[i].name, &model))
			number(c, path, fields[i].name, (long)fields[i].captured, model,
			       (long)fields[i].captured * fields[i].permille / 1000 +
				       fields[i].beside);
	}
}

static void compare_oom(struct compare *c, const struct cap_process *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", p->pid);
	if (render(c, path))
		number(c, path, "", p->oom_score_adj, strtol(c->t.buf, NULL, 10), 0);
	snprintf(path, sizeof(path), "/proc/%d/oom_score", p->pid);
	if (p->oom_score >= 0 && render(c, path))
		number(c, path, "", p->oom_score, strtol(c->t.buf, NULL, 10), c->late ? -1 : 1);
}

static void compare_cmdline(struct compare *c, const struct cap_process *p)
{
	char path[64];
	bool same;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", p->pid);
	if (!p->cmdline_len || !render(c, path))
		return;
	same = c->t.len == p->cmdline_len && !memcmp(c->t.buf, p->cmdline, c->t.len);
	report(c, same ? CAP_SAME : CAP_DIFFERENT, "%s: %s", path,
	       same ? "the same" : "not the same");
}

struct cap_tally capture_compare(struct machine *m, const struct cap_machine *cm, FILE *out,
				 bool verbose)
{
	struct compare c = {
		.m = m, .q = machine_quire(m), .cm = cm, .out = out, .verbose = verbose};
	unsigned long total = 0;

	text_init(&c.t, NULL, 0);
	c.t.grow = text_grow;
	for (unsigned int i = 0; i < cm->nr_zones; i++)
		c.managed_kb += cm->zones[i].managed * 4;
	c.managed_kb += c.q->node->deferred_pages * 4;
	c.late = cap_meminfo(cm, "MemTotal", &total) && total != c.managed_kb;
	if (c.late)
		report(&c, CAP_UNKNOWABLE,
		       "the capture contradicts itself: MemTotal is %lu kB, its zones manage %lu "
		       "kB; "
		       "the model has what the zones have",
		       total, c.managed_kb);
	compare_meminfo(&c);
	compare_zones(&c);
	compare_blocks(&c);
	compare_vmstat(&c);
	compare_slabs(&c);
	compare_swaps(&c);
	compare_settings(&c);
	for (unsigned int i = 0; i < cm->nr_processes; i++) {
		compare_status(&c, &cm->processes[i]);
		compare_oom(&c, &cm->processes[i]);
		compare_cmdline(&c, &cm->processes[i]);
	}
	free(c.t.buf);
	return c.tally;
}
