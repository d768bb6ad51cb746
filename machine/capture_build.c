/* SPDX-License-Identifier: MIT */
/*
 * From a capture to a machine whose /proc says what the captured one said.
 *
 * Nothing is a number that was written down where Linux would count: zones are
 * booted with the captured spans, processes are tasks with page tables, slabs
 * have objects, swapped pages have slots, the page cache has pages.  Only
 * histories are set: event counters, times, fault counts, and watermarks
 * where the kernel's formulas are not ours.
 *
 * The order, and why: before boot, the layout (capture_zones.c).  Then the
 * clock goes to shortly before the captured instant.  Then what was free is set
 * aside, so what follows comes out of what was in use: disks and swap, tasks,
 * their memory, the page cache, the lists, and the slabs last, since all
 * before take objects.  What then is left is held, the free blocks come back,
 * and histories are set.
 *
 * A capture is no instant: its files were read one after another while the
 * machine ran.  So sums may not add up by a little; docs/capture.md says what
 * gives way to what.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/capture_build.h"
#include "port/model/keep.h"

#define BUILD_TIME (2 * NS_SEC)

/* ---- sums ------------------------------------------------------------------- */

static long captured_node_stat(const struct build *b, unsigned int nid, enum node_stat_item item)
{
	long v = nid < b->cm->nr_nodes ? b->cm->node[nid].stat[item] : 0;

	return max(v, 0L);
}

long build_node_lack(const struct build *b, unsigned int nid, enum node_stat_item item)
{
	return captured_node_stat(b, nid, item) - (long)node_page_state(NODE_DATA(b->q, nid), item);
}

unsigned int build_poorest_node(const struct build *b, enum node_stat_item item)
{
	unsigned int best = 0;
	long most = LONG_MIN;

	for_each_node (b->q, nid) {
		long lack = build_node_lack(b, nid, item);

		if (!NODE_DATA(b->q, nid)->node_present_pages || lack <= most)
			continue;
		most = lack;
		best = nid;
	}
	return best;
}

unsigned long build_captured(const struct build *b, enum node_stat_item item)
{
	unsigned long sum = 0;

	for (unsigned int nid = 0; nid < b->cm->nr_nodes; nid++)
		sum += (unsigned long)captured_node_stat(b, nid, item);
	return sum;
}

/* Old kernels keep the nodes' counters in /proc/vmstat alone: all are then the
 * first node's. */
static void complete_stats(struct cap_machine *cm)
{
#define NODE_NAME(item, name) [item] = name,
	static const char *const names[] = {NODE_STAT_ITEMS(NODE_NAME)};
	unsigned int home = cm->zones[0].nid;
	bool any = false;

	for (unsigned int nid = 0; nid < cm->nr_nodes; nid++)
		any |= cm->node[nid].has_stat && cm->node[nid].stat[NR_FILE_PAGES];
	for (size_t i = 0; i < ARRAY_SIZE(names) && !any; i++) {
		unsigned long v;

		if (cap_vmstat(cm, names[i], &v) && v < (1UL << 40))
			cm->node[home].stat[i] = (long)v;
	}
}

/* ---- configuration ---------------------------------------------------------- */

static bool configure(struct build *b)
{
	struct quire_config *cfg = &b->m->cfg;
	struct cap_machine *cm = b->cm;

	complete_stats(cm);
	cfg->nr_nodes = cm->nr_nodes;
	for (unsigned int i = 0; i < cm->nr_nodes; i++) {
		cfg->node[i].nr_cpus = cm->node[i].nr_cpus;
		memcpy(cfg->distance[i], cm->node[i].distance, sizeof(cfg->distance[i]));
	}
	cfg->local_ns = 70;
	cfg->remote_ns = 130;
	cfg->seed = 1;
	cfg->boot_time = cm->btime;
	if (cm->release[0])
		cfg->version = cm->release;
	if (cm->hostname[0])
		cfg->hostname = cm->hostname;
	if (!build_layout(b) || !build_slab_layout(b))
		return false;
	cfg->layout = &b->layout;
	return true;
}

/* ---- settings --------------------------------------------------------------- */

static void write_setting(struct build *b, struct proc_entry dir, const char *name,
			  const struct capture_record *r)
{
	struct proc_entry e = proc_lookup(b->q, dir, name);
	char buf[4096];
	struct text t;

	if (e.kind != PROC_FILE || !(e.mode & 0200) || !r->len)
		return;
	text_init(&t, buf, sizeof(buf));
	if (!proc_read(b->q, e, &t) && t.len == r->len && !memcmp(buf, r->text, r->len))
		return;
	/* Of two that exclude each other the one that is off reads 0. */
	if (strstr(name, "_bytes") && r->text[0] == '0')
		return;
	(void)proc_write(b->q, e, r->text, r->len);
}

static void write_settings(struct build *b)
{
	static const char sysctl[] = "/proc/sys/vm/", zswap[] = "/sys/module/zswap/parameters/";
	const struct capture_record *r;
	size_t n = capture_prefix(b->file, sysctl, &r);
	struct proc_entry dir = proc_lookup(b->q, proc_lookup(b->q, proc_root(), "sys"), "vm");

	for (; n--; r++) {
		const char *name = r->path + sizeof(sysctl) - 1;

		if (r->text && strncmp(name, "nr_", 3) && strcmp(name, "drop_caches"))
			write_setting(b, dir, name, r);
	}
	n = capture_prefix(b->file, zswap, &r);
	dir = proc_lookup(b->q, proc_lookup(b->q, sysfs_root(), "module"), "zswap");
	dir = proc_lookup(b->q, dir, "parameters");
	for (; n--; r++)
		if (r->text)
			write_setting(b, dir, r->path + sizeof(zswap) - 1, r);
}

/* ---- groups ----------------------------------------------------------------- */

static long limit_of(const struct capture_record *r)
{
	if (!r || !strncmp(r->text, "max", 3))
		return PAGE_COUNTER_MAX;
	return (long)(strtoul(r->text, NULL, 10) >> PAGE_SHIFT);
}

static const struct capture_record *group_file(struct build *b, const char *path, const char *file)
{
	char name[CAPTURE_PATH_MAX + 64];

	snprintf(name, sizeof(name), "/sys/fs/cgroup%s/%s", path, file);
	return capture_find(b->file, name);
}

/* Limits come last, when what they limit is there. */
static void set_limits(struct build *b)
{
	for (struct mem_cgroup *memcg = mem_cgroup_iter(b->q, NULL, NULL); memcg;
	     memcg = mem_cgroup_iter(b->q, NULL, memcg)) {
		const struct capture_record *r;
		char path[CAPTURE_PATH_MAX];
		struct text t;

		if (!memcg->parent)
			continue;
		text_init(&t, path, sizeof(path));
		mem_cgroup_path(b->q, memcg, &t);
		path[min(t.len, sizeof(path) - 1)] = 0;
		memcg->memory.max = limit_of(group_file(b, path, "memory.max"));
		memcg->memory.high = limit_of(group_file(b, path, "memory.high"));
		memcg->swap.max = limit_of(group_file(b, path, "memory.swap.max"));
		r = group_file(b, path, "memory.low");
		memcg->memory.low = r ? limit_of(r) : 0;
		r = group_file(b, path, "memory.min");
		memcg->memory.min = r ? limit_of(r) : 0;
		r = group_file(b, path, "memory.oom.group");
		memcg->oom_group = r && r->text[0] == '1';
	}
}

/* ---- histories -------------------------------------------------------------- */

static bool is_history(enum node_stat_item item)
{
	switch (item) {
	case WORKINGSET_REFAULT_ANON:
	case WORKINGSET_REFAULT_FILE:
	case WORKINGSET_ACTIVATE_ANON:
	case WORKINGSET_ACTIVATE_FILE:
	case WORKINGSET_RESTORE_ANON:
	case WORKINGSET_RESTORE_FILE:
	case WORKINGSET_NODERECLAIM:
	case NR_VMSCAN_WRITE:
	case NR_VMSCAN_IMMEDIATE:
	case NR_DIRTIED:
	case NR_WRITTEN:
	case NR_THROTTLED_WRITTEN:
	case NR_FOLL_PIN_ACQUIRED:
	case NR_FOLL_PIN_RELEASED:
	case PGPROMOTE_SUCCESS:
	case PGPROMOTE_CANDIDATE:
		return true;
	default:
		return false;
	}
}

static void set_histories(struct build *b)
{
	struct quire *q = b->q;

	for (unsigned int i = 0; i < NR_VM_EVENT_ITEMS && b->cm->events; i++) {
		unsigned long v = b->cm->events[i];

		if (v == ~0UL)
			continue;
		/* Kept in sectors. */
		if (i == PGPGIN || i == PGPGOUT)
			v *= 2;
		for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
			q->node->events[cpu][i] = cpu ? 0 : v;
	}
	for (unsigned int i = 0; i < b->cm->nr_zones; i++) {
		const struct cap_zone *cap = &b->cm->zones[i];
		struct zone *zone = &NODE_DATA(q, cap->nid)->node_zones[cap->idx];

		for (unsigned int cpu = 0; zone->pageset && cpu < q->nr_cpus; cpu++)
			for (unsigned int n = 0; n < NR_VM_NUMA_EVENT_ITEMS; n++)
				zone->pageset[cpu].numa_event[n] = cpu ? 0 : cap->numa[n];
	}
	for_each_node (q, nid)
		for (unsigned int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
			if (is_history(i))
				NODE_DATA(q, nid)->vm_stat[i] = captured_node_stat(b, nid, i);
}

/* ---- all -------------------------------------------------------------------- */

static void build_all(void *arg)
{
	struct build *b = arg;
	struct quire *q = b->q;
	struct space_floor *sp = q->space;
	int overcommit, max_map_count;

	write_settings(b);
	overcommit = sp->overcommit_memory;
	max_map_count = sp->max_map_count;
	sp->overcommit_memory = 1;
	sp->max_map_count = INT_MAX;
	build_set_free_blocks_aside(b);
	if (b->failed || !build_disks(b) || !build_tasks(b) || !build_mapped_files(b)) {
		b->failed = true;
		return;
	}
	build_task_memory(b);
	build_swapped_shmem(b);
	build_page_cache(b);
	build_lru(b);
	build_slabs(b);
	sp->overcommit_memory = overcommit;
	sp->max_map_count = max_map_count;
}

static void finish(void *arg)
{
	struct build *b = arg;
	const struct capture_record *r =
		capture_find(b->file, "/proc/sys/vm/watermark_boost_factor");

	build_give_free_blocks_back(b);
	build_dirty(b);
	b->q->page->watermark_boost_factor = r ? (unsigned int)atoi(r->text) : 15000;
	build_marks(b);
	set_limits(b);
}

/* What a task of a capture does: nothing, until it is killed. */
static void sleeper(void *arg)
{
	struct machine *m = arg;
	struct task *task = current_task(m->q);

	while (!fatal_signal_pending(task))
		model_sleep(m->model, NS_DAY);
	do_exit(m->q, task, SIGKILL);
}

static void zombie(void *arg)
{
	struct machine *m = arg;

	do_exit(m->q, current_task(m->q), 0);
}

static bool start_sleepers(struct build *b)
{
	for (unsigned int i = 0; i < b->cm->nr_processes; i++) {
		struct build_task *t = &b->tasks[i];
		bool dead = t->cap->state == 'Z';

		/* A zombie that init would collect at once stays asleep. */
		if ((t->cap->kthread && !dead) || t->task == b->q->space->init_task)
			continue;
		dead = dead && t->task->parent != b->q->space->init_task;
		for_each_thread(t->task, thread)
		{
			if (!model_spawn(b->m->model, t->cap->comm, dead ? zombie : sleeper, b->m,
					 thread, -1))
				return false;
		}
	}
	return true;
}

/* The clock stands shortly before the captured instant.  Without disks there is
 * no flusher yet, so a year passes in no time. */
static void pass_time(struct build *b, u64 before)
{
	if (b->cm->uptime_ns > before)
		model_run_until(b->m->model, b->cm->uptime_ns - before);
}

static bool boot(struct build *b)
{
	struct machine *m = b->m;
	char message[256] = "";

	m->model = model_create(&m->cfg, message, sizeof(message));
	if (!m->model) {
		fprintf(b->err, "%s: the machine can't boot: %s\n", b->file->name, message);
		return false;
	}
	b->q = m->q = model_quire(m->model);
	for (unsigned int i = 0; i < b->cm->nr_zones; i++) {
		const struct cap_zone *cap = &b->cm->zones[i];

		b->zones[i].cap = cap;
		b->zones[i].zone = &NODE_DATA(m->q, cap->nid)->node_zones[cap->idx];
	}
	for (unsigned int i = 0; i < b->cm->nr_processes; i++)
		b->tasks[i] = (struct build_task){.cap = &b->cm->processes[i], .b = b};
	return true;
}

static bool build_machine(struct build *b)
{
	struct machine *m = b->m;
	unsigned long pages = 0;

	for (unsigned int i = 0; i < b->cm->nr_zones; i++)
		pages += b->cm->zones[i].managed -
			 min(b->cm->zones[i].free, b->cm->zones[i].managed);
	pass_time(b, BUILD_TIME + pages * 2000);
	model_call(m->model, NULL, build_all, b);
	if (b->failed) {
		fprintf(b->err,
			"%s: the machine can't be built: its used memory does not hold its own "
			"structures; was it captured whole?\n",
			b->file->name);
		return false;
	}
	if (!start_sleepers(b))
		return false;
	/* All go to sleep, zombies end. */
	model_run_until(m->model, model_now(m->model) + 1000000);
	model_call(m->model, NULL, finish, b);
	pass_time(b, 0);
	build_task_counters(b);
	build_task_states(b);
	set_histories(b);
	if (b->short_pages)
		fprintf(b->err,
			"%s: note: %lu pages found no room: the capture's files are of different "
			"instants, or count memory that nobody maps\n",
			b->file->name, b->short_pages);
	for (unsigned int i = 0; i < b->cm->nr_zones; i++)
		if (b->zones[i].unplaced)
			fprintf(b->err,
				"%s: note: node %u: %lu free pages have no place of their shape\n",
				b->file->name, b->zones[i].cap->nid, b->zones[i].unplaced);
	return true;
}

static void free_build(void *arg)
{
	struct build *b = arg;

	if (!b)
		return;
	for (unsigned int i = 0; b->zones && i < b->cm->nr_zones; i++)
		plan_free(&b->zones[i].plan);
	keep_free(b->zones);
	keep_free(b->tasks);
	keep_free(b->memory);
	keep_free(b->reserved);
	keep_free(b->spans);
	keep_free(b->slabs);
	keep_free(b->cache);
	cap_machine_free(b->cm);
	capture_free(b->file);
	keep_free(b);
}

struct machine *machine_boot_capture(const char *path, FILE *err)
{
	struct build *b = keep_calloc(1, sizeof(*b));
	struct machine *m = machine_alloc(err);
	bool ok = b && m;

	if (ok) {
		b->m = m;
		b->err = err;
		m->capture = b;
		m->capture_free = free_build;
		b->file = capture_load(path, err);
		b->cm = b->file ? capture_parse(b->file, err) : NULL;
		ok = b->cm != NULL;
	}
	if (ok) {
		b->zones = keep_calloc(b->cm->nr_zones + 1, sizeof(*b->zones));
		b->tasks = keep_calloc(b->cm->nr_processes + 1, sizeof(*b->tasks));
		ok = b->zones && b->tasks && configure(b) && boot(b) && build_machine(b);
	}
	if (!ok) {
		if (!m)
			keep_free(b);
		machine_destroy(m);
		return NULL;
	}
	m->start_ns = model_now(m->model);
	events_attach(m);
	events_begin(m);
	return m;
}
