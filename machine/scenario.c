/* SPDX-License-Identifier: MIT */
/*
 * Loading a scenario: the file is held against the schema (scenario_lint.c),
 * read by libcyaml, and then every value with a unit is made a number and
 * every name is looked up.  All faults are reported before giving up.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/scenario_schema.h"
#include "machine/setting.h"
#include "machine/units.h"
#include "oom/rules.h"
#include "port/model/keep.h"
#include "port/model/model.h"

#define NS_SEC 1000000000ULL
#define NS_DAY (86400 * NS_SEC)

enum unit { SIZE, DURATION, CLOCK, PART };

static const char *const unit_wanted[] = {
	[SIZE] = "a size; write a number with K, M, G or T, as 32G",
	[DURATION] = "a time; write a number with ns, us, ms, s, m or h, as 70ns or 8h",
	[CLOCK] = "a time of day; write hours and minutes, as 02:58",
	[PART] = "a part; write per cent, as 30%",
};

static const uint64_t harmless[] = {
	[SIZE] = 1UL << 30,
	[DURATION] = 3600 * NS_SEC,
	[CLOCK] = 0,
	[PART] = TEN_THOUSAND / 2,
};

static bool parse_unit(enum unit unit, const char *text, uint64_t *v)
{
	switch (unit) {
	case SIZE:
		return parse_size(text, v);
	case DURATION:
		return parse_duration(text, v);
	case CLOCK:
		return parse_clock(text, v);
	case PART:
		return parse_part(text, v);
	}
	return false;
}

/* The value at place; standard when not given (NULL: 0). */
static void value(struct lint *l, struct scn_value *v, enum unit unit, const char *standard,
		  const char *place, ...) __attribute__((format(printf, 5, 6)));
static void value(struct lint *l, struct scn_value *v, enum unit unit, const char *standard,
		  const char *place, ...)
{
	char where[256];
	va_list args;

	if (!v->text) {
		if (standard)
			parse_unit(unit, standard, &v->v);
		return;
	}
	if (parse_unit(unit, v->text, &v->v))
		return;
	va_start(args, place);
	vsnprintf(where, sizeof(where), place, args);
	va_end(args);
	lint_fault(l, where, "\"%s\" is not %s", v->text, unit_wanted[unit]);
	/* One error a fault: what is computed from it must not fail too. */
	v->v = harmless[unit];
}

static void must(struct lint *l, bool ok, const char *place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void must(struct lint *l, bool ok, const char *place, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (ok)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	lint_fault(l, place, "%s", text);
}

static const struct scn_disk *find_disk(const struct scenario *s, const char *name)
{
	for (uint32_t i = 0; i < s->disks_count; i++)
		if (!strcmp(s->disks[i].name, name))
			return &s->disks[i];
	return NULL;
}

static bool has_files(const struct scenario *s, const char *name)
{
	for (uint32_t i = 0; i < s->files_count; i++)
		if (!strcmp(s->files[i].name, name))
			return true;
	return false;
}

static bool has_group(const struct scenario *s, const char *path)
{
	for (uint32_t i = 0; i < s->cgroups_count; i++)
		if (!strcmp(s->cgroups[i].path, path))
			return true;
	return false;
}

/* "10 21 31": a number for each node, the node's own the least. */
static bool distances_fit(const struct scenario *s, uint32_t nid, const char *text)
{
	uint32_t n = 0;
	long own = 0, least = 255;

	while (*text) {
		char *end;
		long v = strtol(text, &end, 10);

		if (end == text || v < 10 || v > 254 || (*end && *end != ' '))
			return false;
		if (n++ == nid)
			own = v;
		else if (v < least)
			least = v;
		text = end + strspn(end, " ");
	}
	return n == s->nodes_count && own < least;
}

/* What a node is made of. */
static void check_node(struct lint *l, struct scenario *s, uint32_t i)
{
	struct scn_node *n = &s->nodes[i];
	char place[64];
	uint64_t huge;

	value(l, &n->start, SIZE, NULL, "nodes[%u].start", i);
	value(l, &n->cma, SIZE, NULL, "nodes[%u].cma", i);
	snprintf(place, sizeof(place), "nodes[%u].start", i);
	must(l, n->start.v % (4UL << 20) == 0, place, "must be a multiple of 4M");
	must(l, !n->start.text || i, place, "the first node begins at 0");
	snprintf(place, sizeof(place), "nodes[%u].cma", i);
	must(l, n->cma.v % (2UL << 20) == 0 && n->cma.v <= n->memory.v, place,
	     "must be a multiple of 2M, at most the node's memory");
	huge = ((uint64_t)n->hugepages_1g << 30) + ((uint64_t)n->hugepages_2m << 21);
	snprintf(place, sizeof(place), "nodes[%u].%s", i,
		 n->hugepages_1g ? "hugepages_1g" : "hugepages_2m");
	must(l, huge <= n->memory.v, place, "the pools are larger than the node's memory");
	snprintf(place, sizeof(place), "nodes[%u].hotpluggable", i);
	must(l, !n->hotpluggable || s->movable_node, place, "means nothing without movable_node");
	snprintf(place, sizeof(place), "nodes[%u].distances", i);
	must(l, !n->distances || distances_fit(s, i, n->distances), place,
	     "\"%s\" is not %u distances of 10 to 254, the node's own the least; write them as "
	     "\"10 21\"",
	     n->distances, s->nodes_count);
}

/* A size or a part of all memory. */
static void check_core(struct lint *l, struct scn_value *v, const char *place)
{
	bool ok;

	if (!v->text)
		return;
	ok = strchr(v->text, '%') ? parse_part(v->text, &v->v) && v->v % 100 == 0
				  : parse_size(v->text, &v->v);
	must(l, ok, place, "\"%s\" is neither a size nor whole per cents; write 4G or 30%%",
	     v->text);
}

/* Where what can't be moved may lie, and other things that boot decides. */
static void check_placement(struct lint *l, struct scenario *s)
{
	check_core(l, &s->kernelcore, "kernelcore");
	check_core(l, &s->movablecore, "movablecore");
	must(l, !s->movable_node || (!s->kernelcore.text && !s->movablecore.text), "movable_node",
	     "kernelcore and movablecore say otherwise");
	value(l, &s->cma, SIZE, NULL, "cma");
	must(l, s->cma.v % (2UL << 20) == 0, "cma", "must be a multiple of 2M");
	must(l, !s->page_table_levels || s->page_table_levels == 4 || s->page_table_levels == 5,
	     "page_table_levels", "must be 4 or 5");
	must(l, s->debug_guardpage_minorder <= 5, "debug_guardpage_minorder", "must be 0 to 5");
}

static void check_nodes(struct lint *l, struct scenario *s)
{
	uint32_t cpus = 0;
	uint64_t total = 0;

	for (uint32_t i = 0; i < s->nodes_count; i++) {
		struct scn_node *n = &s->nodes[i];
		char place[64];

		value(l, &n->memory, SIZE, NULL, "nodes[%u].memory", i);
		value(l, &n->reserved, SIZE, NULL, "nodes[%u].reserved", i);
		snprintf(place, sizeof(place), "nodes[%u].memory", i);
		must(l, n->memory.v % (4UL << 20) == 0, place,
		     "must be a multiple of 4M (the largest free block)");
		must(l, !n->memory.v || n->reserved.v < n->memory.v, place,
		     "less than what is reserved of it");
		must(l, n->memory.v <= 16ULL << 40, place, "more than 16T in one node");
		check_node(l, s, i);
		cpus += n->cpus;
		total += n->memory.v;
	}
	must(l, cpus >= 1 && cpus <= 512, "nodes", "the machine needs 1 to 512 CPUs, has %u", cpus);
	must(l, total >= 64ULL << 20, "nodes", "the machine needs at least 64M of memory");
	value(l, &s->local_latency, DURATION, "70ns", "local_latency");
	value(l, &s->remote_latency, DURATION, "130ns", "remote_latency");
	value(l, &s->pci_hole, SIZE, NULL, "pci_hole");
	must(l, s->pci_hole.v <= 4ULL << 30, "pci_hole", "must lie below 4G");
	check_placement(l, s);
	if (!s->local_distance)
		s->local_distance = 10;
	if (!s->remote_distance)
		s->remote_distance = 21;
	must(l, s->local_distance <= 254, "local_distance", "must be 10 to 254");
	must(l, s->remote_distance >= s->local_distance && s->remote_distance <= 254,
	     "remote_distance", "must be between local_distance and 254");
}

/* NULL is the default. */
static bool one_of(const char *word, const char *a, const char *b)
{
	return !word || !strcmp(word, a) || !strcmp(word, b);
}

static void check_faults(struct lint *l, const struct scn_disk *d, uint32_t i)
{
	char place[64];

	for (uint32_t j = 0; j < d->faults_count; j++) {
		struct scn_fault *f = &d->faults[j];

		snprintf(place, sizeof(place), "disks[%u].faults[%u]", i, j);
		value(l, &f->from, CLOCK, NULL, "%s.from", place);
		value(l, &f->to, CLOCK, NULL, "%s.to", place);
		value(l, &f->errors, PART, "0%", "%s.errors", place);
		must(l, f->slow || f->errors.v || f->stalled || f->full, place,
		     "write what ails it: slow, errors, stalled or full");
		must(l, !f->stalled || f->to.text, place,
		     "stalled needs a time to at which it ends");
		must(l, f->slow <= 100000, place, "slow is 1 to 100000 times");
	}
}

static void check_disk(struct lint *l, struct scenario *s, uint32_t i)
{
	struct scn_disk *d = &s->disks[i];
	struct model_disk_config preset = {.name = d->name};
	char place[64];

	value(l, &d->size, SIZE, NULL, "disks[%u].size", i);
	value(l, &d->read_latency, DURATION, d->kind ? NULL : "80us", "disks[%u].read_latency", i);
	value(l, &d->write_latency, DURATION, d->kind ? NULL : "20us", "disks[%u].write_latency",
	      i);
	value(l, &d->bandwidth, SIZE, d->kind ? NULL : "2G", "disks[%u].bandwidth", i);
	snprintf(place, sizeof(place), "disks[%u].kind", i);
	must(l, !d->kind || model_disk_preset(&preset, d->kind), place,
	     "\"%s\" is no kind of disk; write nvme, sata-ssd, hdd, cloud-ssd or cloud-hdd",
	     d->kind ? d->kind : "");
	if (!d->queue_depth && !d->kind)
		d->queue_depth = 64;
	snprintf(place, sizeof(place), "disks[%u].name", i);
	must(l, find_disk(s, d->name) == d, place, "two disks are called \"%s\"", d->name);
	must(l, strlen(d->name) < 32, place, "a disk's name has at most 31 letters");
	must(l, *d->name && !strchr(d->name, '/'), place, "must be a plain name, as nvme0n1");
	check_faults(l, d, i);
}

static bool is_compressor(const char *name)
{
	return one_of(name, "lzo", "lzo-rle") || !strcmp(name, "lz4") || !strcmp(name, "zstd");
}

static void check_swap(struct lint *l, struct scenario *s, uint32_t i)
{
	struct scn_swap *sw = &s->swap[i];
	char place[64];

	snprintf(place, sizeof(place), "swap[%u].type", i);
	must(l, one_of(sw->type, "disk", "zram"), place,
	     "\"%s\" is no such type; write disk or zram", sw->type ? sw->type : "");
	snprintf(place, sizeof(place), "swap[%u].device", i);
	if (scn_is_zram(sw))
		must(l, !sw->device, place, "a zram lies on no disk");
	else
		must(l, sw->device, place, "must be given; name one of disks");
	if (sw->device && !scn_is_zram(sw))
		must(l, find_disk(s, sw->device), place,
		     "no disk is called \"%s\"; name one of disks", sw->device);
	value(l, &sw->size, SIZE, NULL, "swap[%u].size", i);
	value(l, &sw->mem_limit, SIZE, NULL, "swap[%u].mem_limit", i);
	snprintf(place, sizeof(place), "swap[%u].algorithm", i);
	must(l, is_compressor(sw->algorithm), place,
	     "\"%s\" is not available; write lzo-rle, lzo, lz4 or zstd", sw->algorithm);
	must(l, scn_is_zram(sw) || (!sw->algorithm && !sw->mem_limit.v), place,
	     "a disk does not compress; algorithm and mem_limit are a zram's");
	snprintf(place, sizeof(place), "swap[%u].priority", i);
	must(l, sw->priority >= -29 && sw->priority <= 32767, place, "must be -29 to 32767");
}

static void check_devices(struct lint *l, struct scenario *s)
{
	const char *thp = s->transparent_hugepage;
	char place[64];

	must(l, one_of(thp, "always", "madvise") || !strcmp(thp, "never"), "transparent_hugepage",
	     "\"%s\" is no such mode; write always, madvise or never", thp ? thp : "");
	must(l, one_of(s->slab, "slub", "slab") || !strcmp(s->slab, "slob"), "slab",
	     "\"%s\" is not available; write slub, slab or slob", s->slab ? s->slab : "");
	must(l, !s->lru_gen || setting_lru_gen(s->lru_gen), "lru_gen",
	     "\"%s\" is no such setting; write on, off or a mask up to 0x0007",
	     s->lru_gen ? s->lru_gen : "");
	value(l, &s->kfence, DURATION, "0s", "kfence");
	for (uint32_t i = 0; i < s->disks_count; i++)
		check_disk(l, s, i);
	for (uint32_t i = 0; i < s->swap_count; i++)
		check_swap(l, s, i);
	if (s->zswap) {
		if (!s->zswap->max_pool_percent)
			s->zswap->max_pool_percent = 20;
		if (!s->zswap->accept_threshold_percent)
			s->zswap->accept_threshold_percent = 90;
		must(l, s->zswap->max_pool_percent <= 100, "zswap.max_pool_percent",
		     "must be 1 to 100");
		must(l, s->zswap->accept_threshold_percent <= 100, "zswap.accept_threshold_percent",
		     "must be 1 to 100");
		must(l, is_compressor(s->zswap->compressor), "zswap.compressor",
		     "\"%s\" is not available; write lzo, lzo-rle, lz4 or zstd",
		     s->zswap->compressor);
		must(l, one_of(s->zswap->zpool, "zbud", "zsmalloc"), "zswap.zpool",
		     "\"%s\" is not available; write zbud or zsmalloc", s->zswap->zpool);
	}
	for (uint32_t i = 0; i < s->files_count; i++) {
		value(l, &s->files[i].size, SIZE, NULL, "files[%u].size", i);
		snprintf(place, sizeof(place), "files[%u].disk", i);
		must(l, find_disk(s, s->files[i].disk), place,
		     "no disk is called \"%s\"; name one of disks", s->files[i].disk);
		snprintf(place, sizeof(place), "files[%u].count", i);
		must(l, s->files[i].count && s->files[i].count <= 10000000, place,
		     "must be 1 to 10000000");
		if (!s->files[i].directories)
			s->files[i].directories = 1;
	}
}

static void check_groups(struct lint *l, struct scenario *s)
{
	for (uint32_t i = 0; i < s->cgroups_count; i++) {
		struct scn_group *g = &s->cgroups[i];
		char place[64];

		snprintf(place, sizeof(place), "cgroups[%u].path", i);
		must(l, g->path[0] == '/' && g->path[1] && g->path[strlen(g->path) - 1] != '/',
		     place, "\"%s\" must be a path from the root, as /kubepods/web", g->path);
		value(l, &g->memory_max, SIZE, NULL, "cgroups[%u].memory_max", i);
		value(l, &g->memory_high, SIZE, NULL, "cgroups[%u].memory_high", i);
		value(l, &g->memory_low, SIZE, NULL, "cgroups[%u].memory_low", i);
		value(l, &g->memory_min, SIZE, NULL, "cgroups[%u].memory_min", i);
		value(l, &g->swap_max, SIZE, NULL, "cgroups[%u].swap_max", i);
		value(l, &g->zswap_max, SIZE, NULL, "cgroups[%u].zswap_max", i);
		value(l, &g->hugetlb_2m_max, SIZE, NULL, "cgroups[%u].hugetlb_2m_max", i);
		value(l, &g->hugetlb_1g_max, SIZE, NULL, "cgroups[%u].hugetlb_1g_max", i);
		value(l, &g->hugetlb_2m_rsvd_max, SIZE, NULL, "cgroups[%u].hugetlb_2m_rsvd_max", i);
		value(l, &g->hugetlb_1g_rsvd_max, SIZE, NULL, "cgroups[%u].hugetlb_1g_rsvd_max", i);
	}
}

static void check_mounts(struct lint *l, const struct scenario *s)
{
	for (uint32_t i = 0; i < s->hugetlbfs_count; i++) {
		char place[64];

		snprintf(place, sizeof(place), "hugetlbfs[%u].path", i);
		must(l, s->hugetlbfs[i].path[0] == '/', place,
		     "\"%s\" must be a path from the root, as /dev/hugepages",
		     s->hugetlbfs[i].path);
		for (uint32_t j = 0; j < i; j++)
			must(l, strcmp(s->hugetlbfs[i].path, s->hugetlbfs[j].path), place,
			     "two are mounted at \"%s\"", s->hugetlbfs[i].path);
	}
}

/* Its own memories and those that it inherits from its parent. */
static bool has_region(const struct scenario *s, const struct scn_process *p, const char *name)
{
	if (!strcmp(name, "heap"))
		return true;
	for (uint32_t i = 0; i < p->memory_count; i++)
		if (!strcmp(p->memory[i].name, name))
			return true;
	for (uint32_t i = 0; p->parent && &s->processes[i] < p; i++)
		if (!strcmp(s->processes[i].name, p->parent))
			return has_region(s, &s->processes[i], name);
	return false;
}

static bool has_mount(const struct scenario *s, const char *path)
{
	for (uint32_t i = 0; i < s->hugetlbfs_count; i++)
		if (!strcmp(s->hugetlbfs[i].path, path))
			return true;
	return false;
}

static void check_hugetlb(struct lint *l, const struct scenario *s, struct scn_memory *m,
			  const char *place)
{
	bool huge = m->kind == SCN_HUGETLB;

	value(l, &m->pagesize, SIZE, huge ? "2M" : NULL, "%s.pagesize", place);
	must(l, huge || (!m->mount && !m->pagesize.text && !m->noreserve), place,
	     "mount, pagesize and noreserve are of kind hugetlb");
	must(l, !huge || m->pagesize.v == 2U << 20 || m->pagesize.v == 1U << 30, place,
	     "pagesize must be 2M or 1G");
	must(l, !m->mount || has_mount(s, m->mount), place,
	     "mount \"%s\" is the path of none of the scenario's hugetlbfs",
	     m->mount ? m->mount : "");
	must(l, !m->mount || m->share, place, "mount needs share: the file's name");
}

static void check_memory(struct lint *l, struct scenario *s, struct scn_process *p,
			 const char *where)
{
	static const char *const contents[] = {"text", "heap", "code", "random", "zero"};

	for (uint32_t i = 0; i < p->memory_count; i++) {
		struct scn_memory *m = &p->memory[i];
		char place[128];
		bool known = !m->content;

		snprintf(place, sizeof(place), "%s.memory[%u]", where, i);
		value(l, &m->size, SIZE, NULL, "%s.size", place);
		value(l, &m->touched, SIZE, NULL, "%s.touched", place);
		must(l, m->size.v && m->size.v <= 64ULL << 40, place, "size must be 4K to 64T");
		must(l, m->touched.v <= m->size.v, place, "touched is more than size");
		for (size_t c = 0; m->content && c < sizeof(contents) / sizeof(contents[0]); c++)
			known |= !strcmp(contents[c], m->content);
		must(l, known, place, "content \"%s\" is none of: text, heap, code, random, zero",
		     m->content);
		must(l, m->kind != SCN_FILE || (m->files && has_files(s, m->files)), place,
		     "kind file needs files: the name of one of the scenario's files");
		must(l, m->kind != SCN_SHARED || m->share, place,
		     "kind shared needs share: the name under which others find it");
		check_hugetlb(l, s, m, place);
	}
}

static void check_work_names(struct lint *l, const struct scenario *s, const struct scn_process *p,
			     const struct scn_work *w, const char *place)
{
	bool region = w->action == SCN_TOUCH || w->action == SCN_GROW || w->action == SCN_FREE;
	bool files = w->action == SCN_READ || w->action == SCN_WRITE || w->action == SCN_WALK;

	if (region) {
		must(l, w->region, place, "needs region: the name of one of its memories, or heap");
		must(l, !w->region || has_region(s, p, w->region), place,
		     "region \"%s\" is none of the process's memories", w->region);
	}
	if (files) {
		must(l, w->files, place, "needs files: the name of one of the scenario's files");
		must(l, !w->files || has_files(s, w->files), place,
		     "files \"%s\" is none of the scenario's files", w->files);
	}
	must(l, w->action == SCN_WALK || w->action == SCN_SOCKETS || w->amount.text, place,
	     "needs amount: how much each time, as 4M");
	must(l, (w->action != SCN_WALK && w->action != SCN_SOCKETS) || w->count, place,
	     "needs count: how many");
}

static void check_work(struct lint *l, struct scenario *s, struct scn_process *p, const char *where)
{
	for (uint32_t i = 0; i < p->work_count; i++) {
		struct scn_work *w = &p->work[i];
		char place[128];

		snprintf(place, sizeof(place), "%s.work[%u]", where, i);
		check_work_names(l, s, p, w, place);
		value(l, &w->every, DURATION, "1s", "%s.every", place);
		must(l, w->every.v >= 1000000, place, "every must be at least 1ms");
		value(l, &w->amount, SIZE, NULL, "%s.amount", place);
		value(l, &w->hot, PART, "20%", "%s.hot", place);
		value(l, &w->hot_share, PART, "90%", "%s.hot_share", place);
		value(l, &w->writes, PART, "50%", "%s.writes", place);
		value(l, &w->lives, DURATION, "10s", "%s.lives", place);
		value(l, &w->from, CLOCK, NULL, "%s.from", place);
		value(l, &w->to, CLOCK, NULL, "%s.to", place);
	}
}

static bool numa_known(const char *numa)
{
	static const char *const words[] = {"default", "local", "interleave"};
	static const char *const kinds[] = {"bind:", "preferred:", "preferred-many:", "weighted:"};
	bool known = false;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		known |= !strcmp(numa, words[i]);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		known |= !strncmp(numa, kinds[i], strlen(kinds[i]));
	return known;
}

static void check_process(struct lint *l, struct scenario *s, uint32_t i)
{
	struct scn_process *p = &s->processes[i];
	bool parent = !p->parent;
	char place[96], *end;

	snprintf(place, sizeof(place), "processes[%u]", i);
	if (!p->count)
		p->count = 1;
	must(l, p->count <= 30000, place, "count must be 1 to 30000");
	must(l, *p->name, place, "name is empty");
	must(l, p->threads <= 10000, place, "threads must be 0 to 10000");
	must(l, p->oom_score_adj >= -1000 && p->oom_score_adj <= 1000, place,
	     "oom_score_adj %d is outside -1000 to 1000", p->oom_score_adj);
	for (uint32_t j = 0; p->parent && j < i; j++)
		parent |= !strcmp(s->processes[j].name, p->parent);
	must(l, parent, place, "parent \"%s\" is no process named before it", p->parent);
	p->node = -1;
	if (p->node_text) {
		p->node = (int32_t)strtol(p->node_text, &end, 10);
		must(l,
		     !*end && *p->node_text && p->node >= 0 && (uint32_t)p->node < s->nodes_count,
		     place, "node \"%s\" is not one of 0 to %u", p->node_text, s->nodes_count - 1);
	}
	must(l, !p->cgroup || has_group(s, p->cgroup), place,
	     "cgroup \"%s\" is not listed in cgroups", p->cgroup);
	must(l, !p->numa || numa_known(p->numa), place,
	     "numa \"%s\" is none of: default, local, interleave, bind:NODES, preferred:NODE, "
	     "preferred-many:NODES, weighted:NODES",
	     p->numa);
	must(l, !p->numa || strncmp(p->numa, "weighted:", 9) || s->weighted_interleave, place,
	     "numa \"%s\" needs weighted_interleave: true", p->numa);
	value(l, &p->thread_stack, SIZE, "16K", "%s.thread_stack", place);
	value(l, &p->rss, SIZE, "1M", "%s.rss", place);
	value(l, &p->text, SIZE, "1M", "%s.text", place);
	value(l, &p->starts, CLOCK, NULL, "%s.starts", place);
	check_memory(l, s, p, place);
	check_work(l, s, p, place);
}

/* A kernel whose killer is known: from 2.6.32 to the 6s. */
static void check_kernel(struct lint *l, struct scenario *s)
{
	unsigned int version = s->kernel ? oom_rules_version(s->kernel) : 0;
	char release[32];

	if (!s->kernel)
		return;
	must(l, version >= OOM_RULES_FIRST && version < 700, "kernel",
	     "\"%s\" is not a kernel from 2.6.32 to 6.x; write its number in quotes, as \"3.10\"",
	     s->kernel);
	snprintf(release, sizeof(release), version < 300 ? "%.20s-quire" : "%.20s.0-quire",
		 s->kernel);
	s->release = keep_strdup(release);
}

static void check(struct lint *l, struct scenario *s)
{
	int64_t seconds;

	if (!s->hostname)
		s->hostname = keep_strdup("quire");
	if (!s->date)
		s->date = keep_strdup("2026-01-01");
	must(l, s->hostname && strlen(s->hostname) < 64, "hostname", "has at most 63 letters");
	must(l, s->date && parse_date(s->date, &seconds), "date",
	     "\"%s\" is not a day; write it as 2026-03-14", s->date ? s->date : "");
	check_kernel(l, s);
	value(l, &s->start, CLOCK, "00:00", "start");
	value(l, &s->length, DURATION, NULL, "length");
	must(l, s->length.v && s->length.v <= 31 * NS_DAY, "length",
	     "must be more than 0, at most 31d");
	check_nodes(l, s);
	check_devices(l, s);
	check_groups(l, s);
	check_mounts(l, s);
	for (uint32_t i = 0; i < s->processes_count; i++)
		check_process(l, s, i);
}

/* A scenario lies with its machine. */
static void *scenario_mem(void *ctx, void *p, size_t bytes)
{
	(void)ctx;
	if (bytes)
		return keep_realloc(p, bytes);
	keep_free(p);
	return NULL;
}

static const cyaml_config_t cyaml = {
	.log_level = CYAML_LOG_ERROR,
	.mem_fn = scenario_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

struct scenario *scenario_load(const char *path, FILE *err)
{
	struct scenario *s = NULL;
	struct lint l;
	cyaml_err_t rc;

	if (!lint_open(&l, path, err))
		return NULL;
	lint_schema(&l);
	if (!l.faults) {
		rc = cyaml_load_file(path, &cyaml, &scenario_schema, (cyaml_data_t **)&s, NULL);
		if (rc != CYAML_OK) {
			fprintf(err, "%s:1: cannot be read: %s\n", path, cyaml_strerror(rc));
			l.faults++;
		} else {
			s->path = keep_strdup(path);
			check(&l, s);
		}
	}
	if (l.faults) {
		fprintf(err,
			"%s: %u fault%s; nothing was run. quire-scenario(5) describes the file.\n",
			path, l.faults, l.faults == 1 ? "" : "s");
		scenario_free(s);
		s = NULL;
	}
	lint_close(&l);
	return s;
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	keep_free(s->path);
	s->path = NULL;
	keep_free(s->release);
	s->release = NULL;
	cyaml_free(&cyaml, &scenario_schema, s, 0);
}

bool scenario_instant(const struct scenario *s, const char *text, uint64_t *ns)
{
	uint64_t clock;

	if (parse_clock(text, &clock)) {
		*ns = (clock + NS_DAY - s->start.v) % NS_DAY;
		return *ns <= s->length.v;
	}
	return parse_duration(text, ns) && *ns <= s->length.v;
}
