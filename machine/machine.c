/* SPDX-License-Identifier: MIT */
/*
 * The server: boots a scenario's machine on the model port, starts its
 * processes, lets the night go on and keeps the log of what happened.
 *
 * Everything that changes the machine runs in a fiber of the model; this file
 * only builds, steps the clock second by second and samples between the steps,
 * so looking does not disturb.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine/internal.h"
#include "swap/zram.h"
#include "space/hugetlbfs.h"
#include "machine/setting.h"
#include "machine/units.h"
#include "port/model/keep.h"

/* What a node has beside its size. */
static void configure_node(struct quire_config *cfg, const struct scenario *s, u32 i)
{
	const struct scn_node *n = &s->nodes[i];
	char *text = n->distances;

	for (u32 j = 0; j < s->nodes_count; j++)
		cfg->distance[i][j] = (uint8_t)(text	 ? (u32)strtoul(text, &text, 10)
						: i == j ? s->local_distance
							 : s->remote_distance);
	cfg->node[i].start_bytes = n->start.v;
	cfg->node[i].cma_bytes = n->cma.v;
	cfg->node[i].hugepages_1g = n->hugepages_1g;
	cfg->node[i].hugepages_2m = n->hugepages_2m;
	cfg->node[i].hotpluggable = n->hotpluggable;
}

static void core_size(const struct scn_value *v, uint64_t *bytes, uint32_t *percent)
{
	if (v->text && strchr(v->text, '%'))
		*percent = (uint32_t)(v->v / 100);
	else
		*bytes = v->v;
}

static void configure_placement(struct quire_config *cfg, const struct scenario *s)
{
	core_size(&s->kernelcore, &cfg->kernelcore_bytes, &cfg->kernelcore_percent);
	core_size(&s->movablecore, &cfg->movablecore_bytes, &cfg->movablecore_percent);
	cfg->movable_node = s->movable_node;
	cfg->cma_bytes = s->cma.v;
	cfg->weighted_interleave = s->weighted_interleave;
	cfg->page_table_levels = s->page_table_levels;
}

static void configure(struct machine *m)
{
	const struct scenario *s = m->scenario;
	struct quire_config *cfg = &m->cfg;
	uint64_t clock = s->start.v / NS_SEC;
	int64_t day = 0;

	parse_date(s->date, &day);
	cfg->nr_nodes = s->nodes_count;
	for (u32 i = 0; i < s->nodes_count; i++) {
		cfg->node[i].size_bytes = s->nodes[i].memory.v;
		cfg->node[i].nr_cpus = s->nodes[i].cpus;
		cfg->node[i].reserved_bytes = s->nodes[i].reserved.v;
		configure_node(cfg, s, i);
	}
	configure_placement(cfg, s);
	cfg->local_ns = (uint32_t)s->local_latency.v;
	cfg->remote_ns = (uint32_t)s->remote_latency.v;
	cfg->pci_hole_start = s->pci_hole.v;
	if (s->slab)
		cfg->slab = !strcmp(s->slab, "slab")   ? QUIRE_SLAB
			    : !strcmp(s->slab, "slob") ? QUIRE_SLOB
						       : QUIRE_SLUB;
	cfg->slub_debug = s->slub_debug;
	cfg->kfence_sample_ms = (uint32_t)(s->kfence.v / 1000000);
	if (s->transparent_hugepage)
		cfg->transparent_hugepage = s->transparent_hugepage[0] == 'a'	? QUIRE_THP_ALWAYS
					    : s->transparent_hugepage[0] == 'm' ? QUIRE_THP_MADVISE
										: QUIRE_THP_NEVER;
	cfg->real_bytes = s->real_bytes;
	cfg->seed = s->seed;
	cfg->boot_time = day + (int64_t)clock;
	cfg->hostname = s->hostname;
	cfg->version = s->release;
}

/* Writes a file of the tree; name's parts are apart by any of the separators. */
static int tree_write(struct machine *m, struct proc_entry e, const char *name,
		      const char *separators, const char *value)
{
	char part[64];

	while (e.kind == PROC_DIR && *name) {
		size_t n = strcspn(name, separators);

		if (n >= sizeof(part))
			return -ENOENT;
		memcpy(part, name, n);
		part[n] = 0;
		e = proc_lookup(m->q, e, part);
		name += n + (name[n] != 0);
	}
	if (e.kind != PROC_FILE)
		return -ENOENT;
	return (int)proc_write(m->q, e, value, strlen(value));
}

int machine_sysctl_write(struct machine *m, const char *name, const char *value)
{
	return tree_write(m, proc_lookup(m->q, proc_root(), "sys"), name, "./", value);
}

int machine_sysfs_write(struct machine *m, const char *path, const char *value)
{
	return tree_write(m, sysfs_root(), path, "/", value);
}

/* One file of /sys/module/zswap/parameters. */
static int zswap_write(struct machine *m, const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "module/zswap/parameters/%s", name);
	return machine_sysfs_write(m, path, value);
}

/* A zram of its own for the i-th area. */
static int setup_zram(struct machine *m, const struct scn_swap *sw)
{
	struct zram *z = zram_add(m->q);
	char name[32];
	int err;

	if (IS_ERR(z))
		return (int)PTR_ERR(z);
	err = sw->algorithm ? zram_set_algorithm(m->q, z, sw->algorithm) : 0;
	if (!err)
		err = zram_set_disksize(m->q, z, sw->size.v);
	if (err)
		return err;
	z->limit_pages = (unsigned long)(sw->mem_limit.v >> PAGE_SHIFT);
	snprintf(name, sizeof(name), "/dev/%s", z->name);
	return swapon(m->q, z->bdi, 0, z->nr_pages, sw->priority ? sw->priority : -1, name, false);
}

/* Swap areas lie at the end of their disk, the first one last. */
static int setup_partition(struct machine *m, u32 i)
{
	const struct scenario *s = m->scenario;
	const struct scn_swap *sw = &s->swap[i];
	unsigned long pages = sw->size.v >> PAGE_SHIFT;
	unsigned int part = 2;
	char name[64];
	u32 disk = 0;

	while (strcmp(s->disks[disk].name, sw->device))
		disk++;
	for (u32 j = 0; j < i; j++)
		part += s->swap[j].device && !strcmp(s->swap[j].device, sw->device);
	snprintf(name, sizeof(name), "/dev/%sp%u", sw->device, part);
	if (pages >= m->disk_end[disk])
		return -ENOSPC;
	m->disk_end[disk] -= pages;
	return swapon(m->q, m->bdi[disk], m->disk_end[disk], pages,
		      sw->priority ? sw->priority : -1, name, false);
}

static void setup_swap(struct machine *m)
{
	const struct scenario *s = m->scenario;

	for (u32 i = 0; i < s->swap_count; i++) {
		int err = scn_is_zram(&s->swap[i]) ? setup_zram(m, &s->swap[i])
						   : setup_partition(m, i);

		if (err) {
			fprintf(m->err, "%s: swap[%u]: can't be switched on: %s\n", s->path, i,
				err == -ENOSPC ? "it does not fit on its disk" : "no memory");
			m->failed = true;
		}
	}
	if (s->zswap && s->zswap->enabled) {
		char percent[16];

		snprintf(percent, sizeof(percent), "%u", s->zswap->max_pool_percent);
		zswap_write(m, "max_pool_percent", percent);
		snprintf(percent, sizeof(percent), "%u", s->zswap->accept_threshold_percent);
		zswap_write(m, "accept_threshold_percent", percent);
		if (s->zswap->compressor)
			zswap_write(m, "compressor", s->zswap->compressor);
		if (s->zswap->zpool)
			zswap_write(m, "zpool", s->zswap->zpool);
		if (s->zswap->shrinker_enabled)
			zswap_write(m, "shrinker_enabled", "Y");
		if (zswap_write(m, "enabled", "Y") < 0)
			m->failed = true;
	}
}

/* Files below /sys: the scenario's own, and those that stand for a parameter of boot. */
static void setup_sysfs(struct machine *m)
{
	const struct scenario *s = m->scenario;
	char order[16];

	snprintf(order, sizeof(order), "%u", s->debug_guardpage_minorder);
	if ((s->page_owner && machine_sysfs_write(m, "kernel/debug/page_owner", "1") < 0) ||
	    (s->page_poison && machine_sysfs_write(m, "kernel/debug/page_poison", "1") < 0) ||
	    (s->debug_guardpage_minorder &&
	     machine_sysfs_write(m, "kernel/debug/debug_guardpage_minorder", order) < 0)) {
		fprintf(m->err, "%s: no memory for the debugging of pages\n", s->path);
		m->failed = true;
	}
	if (s->lru_gen &&
	    machine_sysfs_write(m, "kernel/mm/lru_gen/enabled", setting_lru_gen(s->lru_gen)) < 0) {
		fprintf(m->err, "%s: lru_gen: no memory for it\n", s->path);
		m->failed = true;
	}
	for (u32 i = 0; i < s->sysfs_count; i++) {
		int err = machine_sysfs_write(m, s->sysfs[i].name, s->sysfs[i].value);

		if (err >= 0)
			continue;
		fprintf(m->err, "%s: sysfs[%u]: %s = %s: %s\n", s->path, i, s->sysfs[i].name,
			s->sysfs[i].value,
			err == -ENOENT ? "there is no such file below /sys"
				       : "the value is not allowed");
		m->failed = true;
	}
}

static void set_cpuset_mems(struct machine *m, u32 i)
{
	const struct scn_group *g = &m->scenario->cgroups[i];
	char path[512];

	if (!g->cpuset_mems)
		return;
	snprintf(path, sizeof(path), "fs/cgroup%s/cpuset.mems", g->path);
	if (machine_sysfs_write(m, path, g->cpuset_mems) >= 0)
		return;
	fprintf(m->err, "%s: cgroups[%u]: cpuset_mems \"%s\" is no list of nodes with memory\n",
		m->scenario->path, i, g->cpuset_mems);
	m->failed = true;
}

/* A limit of the hugetlb controller, which the group's ancestors hand down. */
static void set_hugetlb_max(struct machine *m, u32 i, const char *file,
			    const struct scn_value *limit)
{
	const struct scn_group *g = &m->scenario->cgroups[i];
	const char *p = g->path;
	char path[512], value[32];
	int err;

	if (!limit->text)
		return;
	do {
		snprintf(path, sizeof(path), "fs/cgroup%.*s/cgroup.subtree_control",
			 (int)(p - g->path), g->path);
		err = machine_sysfs_write(m, path, "+hugetlb");
		p = strchr(p + 1, '/');
	} while (p && err >= 0);
	snprintf(path, sizeof(path), "fs/cgroup%s/%s", g->path, file);
	snprintf(value, sizeof(value), "%lu", (unsigned long)limit->v);
	if (err >= 0)
		err = machine_sysfs_write(m, path, value);
	if (err >= 0)
		return;
	fprintf(m->err, "%s: cgroups[%u]: %s can't be set: no memory\n", m->scenario->path, i,
		file);
	m->failed = true;
}

static void set_hugetlb_limits(struct machine *m, u32 i)
{
	const struct scn_group *g = &m->scenario->cgroups[i];

	set_hugetlb_max(m, i, "hugetlb.2MB.max", &g->hugetlb_2m_max);
	set_hugetlb_max(m, i, "hugetlb.1GB.max", &g->hugetlb_1g_max);
	set_hugetlb_max(m, i, "hugetlb.2MB.rsvd.max", &g->hugetlb_2m_rsvd_max);
	set_hugetlb_max(m, i, "hugetlb.1GB.rsvd.max", &g->hugetlb_1g_rsvd_max);
}

/* Once the pools have what sysctl and sysfs say. */
static void setup_hugetlbfs(struct machine *m)
{
	const struct scenario *s = m->scenario;

	for (u32 i = 0; i < s->hugetlbfs_count; i++) {
		const char *options = s->hugetlbfs[i].options;
		void *sbi = hugetlbfs_mount(m->q, s->hugetlbfs[i].path, options);

		if (!IS_ERR(sbi))
			continue;
		fprintf(m->err, "%s: hugetlbfs[%u]: %s can't be mounted with \"%s\": %s\n", s->path,
			i, s->hugetlbfs[i].path, options ? options : "",
			PTR_ERR(sbi) == -EINVAL ? "an option is wrong"
						: "the pool has too few pages for min_size");
		m->failed = true;
	}
}

static void setup_groups(struct machine *m)
{
	const struct scenario *s = m->scenario;

	for (u32 i = 0; i < s->cgroups_count; i++) {
		const struct scn_group *g = &s->cgroups[i];
		struct mem_cgroup *memcg = m->q->group->root, *child;
		const char *p = g->path + 1;

		while (*p && memcg) {
			size_t n = strcspn(p, "/");
			char *prefix = strndup(g->path, (size_t)(p - g->path) + n);
			char *name = strndup(p, n);

			child = mem_cgroup_find(m->q, prefix);
			if (!child)
				child = mem_cgroup_create(m->q, memcg, name);
			memcg = IS_ERR(child) ? NULL : child;
			keep_free(prefix);
			keep_free(name);
			p += n + (p[n] != 0);
		}
		if (!memcg) {
			m->failed = true;
			return;
		}
		if (g->memory_max.text)
			memcg->memory.max = (long)(g->memory_max.v >> PAGE_SHIFT);
		if (g->memory_high.text)
			memcg->memory.high = (long)(g->memory_high.v >> PAGE_SHIFT);
		if (g->swap_max.text)
			memcg->swap.max = (long)(g->swap_max.v >> PAGE_SHIFT);
		if (g->zswap_max.text)
			memcg->zswap_max = (long)(g->zswap_max.v >> PAGE_SHIFT);
		memcg->memory.low = (long)(g->memory_low.v >> PAGE_SHIFT);
		memcg->memory.min = (long)(g->memory_min.v >> PAGE_SHIFT);
		memcg->oom_group = g->oom_group;
		set_cpuset_mems(m, i);
		set_hugetlb_limits(m, i);
	}
}

static void setup(void *machine)
{
	struct machine *m = machine;
	const struct scenario *s = m->scenario;

	disks_setup(m);
	if (!m->failed)
		setup_swap(m);
	if (!m->failed && files_setup(m))
		m->failed = true;
	setup_groups(m);
	setup_sysfs(m);
	for (u32 i = 0; i < s->sysctl_count; i++) {
		int err = machine_sysctl_write(m, s->sysctl[i].name, s->sysctl[i].value);

		if (err < 0) {
			fprintf(m->err, "%s: sysctl[%u]: %s = %s: %s\n", s->path, i,
				s->sysctl[i].name, s->sysctl[i].value,
				err == -ENOENT ? "there is no such setting"
					       : "the value is not allowed");
			m->failed = true;
		}
	}
	setup_hugetlbfs(m);
}

/* Runs until all processes of the start are up. */
static void run_until_started(struct machine *m)
{
	u64 limit = model_now(m->model) + 600 * NS_SEC;

	while (m->nr_starting && !m->panicked && model_now(m->model) < limit &&
	       model_step(m->model))
		;
	m->failed |= m->nr_starting != 0;
	if (m->nr_starting)
		fprintf(m->err,
			"%s: %u processes did not come up: the machine is too small for them\n",
			m->scenario->path, m->nr_starting);
}

static bool allocate(struct machine *m)
{
	const struct scenario *s = m->scenario;

	m->bdi = keep_calloc(s->disks_count + 1, sizeof(*m->bdi));
	m->sb = keep_calloc(s->disks_count + 1, sizeof(struct super_block *));
	m->disk_used = keep_calloc(s->disks_count + 1, sizeof(u64));
	m->disk_end = keep_calloc(s->disks_count + 1, sizeof(u64));
	m->filesets = keep_calloc(s->files_count + 1, sizeof(*m->filesets));
	return m->bdi && m->sb && m->disk_used && m->disk_end && m->filesets;
}

struct machine *machine_alloc(FILE *err)
{
	struct machine *m = keep_calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->err = err;
	INIT_LIST_HEAD(&m->processes);
	m->log = event_log_create(m);
	if (m->log)
		return m;
	keep_free(m);
	return NULL;
}

struct machine *machine_boot(const struct scenario *s, FILE *err)
{
	struct machine *m = machine_alloc(err);
	char message[256] = "";

	if (!m)
		return NULL;
	m->scenario = s;
	configure(m);
	m->model = allocate(m) ? model_create(&m->cfg, message, sizeof(message)) : NULL;
	if (!m->model) {
		fprintf(err, "%s: the machine can't boot: %s\n", s->path, message);
		machine_destroy(m);
		return NULL;
	}
	m->q = model_quire(m->model);
	events_attach(m);
	model_call(m->model, NULL, setup, m);
	if (!m->failed)
		model_call(m->model, NULL, processes_start, m);
	if (!m->failed)
		run_until_started(m);
	if (m->failed) {
		machine_destroy(m);
		return NULL;
	}
	m->start_ns = model_now(m->model);
	events_begin(m);
	return m;
}

void machine_destroy(struct machine *m)
{
	struct process *p, *next;

	if (!m)
		return;
	if (m->model)
		model_destroy(m->model);
	list_for_each_entry_safe (p, next, &m->processes, list)
		if (p->leader)
			process_free(p);
	list_for_each_entry_safe (p, next, &m->processes, list)
		process_free(p);
	event_log_free(m->log);
	record_free(m->record);
	if (m->capture_free)
		m->capture_free(m->capture);
	keep_free(m->bdi);
	keep_free(m->sb);
	keep_free(m->disk_used);
	keep_free(m->disk_end);
	keep_free(m->filesets);
	keep_free(m->segments);
	keep_free(m);
}

struct quire *machine_quire(struct machine *m)
{
	return m->q;
}

struct model *machine_model(struct machine *m)
{
	return m->model;
}

const struct scenario *machine_scenario(struct machine *m)
{
	return m->scenario;
}

u64 machine_now(struct machine *m)
{
	u64 now = model_now(m->model);

	return now > m->start_ns ? now - m->start_ns : 0;
}

u64 machine_length(struct machine *m)
{
	return m->scenario ? m->scenario->length.v : NS_DAY;
}

void machine_clock_text(struct machine *m, u64 ns, char buf[16])
{
	u64 start =
		m->scenario ? m->scenario->start.v : (u64)m->cfg.boot_time * NS_SEC + m->start_ns;
	u64 t = (start + ns) / NS_SEC % 86400;

	snprintf(buf, 16, "%02u:%02u:%02u", (unsigned int)(t / 3600 % 24),
		 (unsigned int)(t / 60 % 60), (unsigned int)(t % 60));
}

static u64 host_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

bool machine_run_until(struct machine *m, u64 ns,
		       void (*progress)(struct machine *m, u64 ns, void *ctx), void *ctx)
{
	u64 shown = host_ms();

	while (machine_now(m) < ns && !m->panicked) {
		u64 step = min(ns, (machine_now(m) / NS_SEC + 1) * NS_SEC);

		model_run_until(m->model, m->start_ns + step);
		events_sample(m);
		if (progress && host_ms() - shown >= 100) {
			shown = host_ms();
			progress(m, machine_now(m), ctx);
		}
	}
	return !m->panicked;
}
