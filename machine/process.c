/* SPDX-License-Identifier: MIT */
/*
 * Processes: made from the scenario, each with a fiber that does its work in
 * turn until the night ends or a signal ends it.
 *
 * All are made at boot by one fiber, in the order of the file: a child of init
 * is forked and executes its program; a child of another process of the
 * scenario is forked and goes on in its parent's address space, copied on
 * write, as a PostgreSQL backend does.  Those with `starts` appear then.
 *
 * A process's structure is the host's (calloc): what the simulated kernel
 * keeps of it is in its slabs and page tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/internal.h"
#include "space/hugetlbfs.h"
#include "machine/units.h"
#include "port/model/content.h"
#include "port/model/keep.h"

#define STACK_BYTES (8UL << 20)

static void process_main(void *arg);

struct region *process_region(struct process *p, const char *name)
{
	struct process *owner = p->leader ? p->leader : p;

	for (u32 i = owner->nr_regions; i-- > 0;)
		if (!strcmp(owner->regions[i].name, name))
			return &owner->regions[i];
	return NULL;
}

void process_free(struct process *p)
{
	list_del(&p->list);
	if (!p->leader)
		keep_free(p->regions);
	work_forget(p);
	keep_free(p->work);
	keep_free(p);
}

static struct process *process_new(struct machine *m, const struct scn_process *spec)
{
	struct process *p = keep_calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->m = m;
	p->spec = spec;
	p->work = keep_calloc(spec->work_count + 1, sizeof(*p->work));
	prng_seed(&p->rng, prng_u64(&m->q->prng));
	list_add_tail(&p->list, &m->processes);
	return p;
}

/* ---- memory ----------------------------------------------------------------- */

static unsigned int content_kind(const char *name)
{
	return (unsigned int)content_kind_of(name ? name : "heap");
}

static struct region *add_region(struct process *p, const char *name, u64 addr, u64 size)
{
	struct region *r = keep_realloc(p->regions, (p->nr_regions + 1) * sizeof(*r));

	if (!r)
		return NULL;
	p->regions = r;
	r = &p->regions[p->nr_regions++];
	*r = (struct region){.name = name,
			     .addr = addr,
			     .nr_pages = size >> PAGE_SHIFT,
			     .content = content_kind("heap")};
	return r;
}

/* What a memory takes: whole pages of its kind. */
static u64 memory_bytes(const struct process *p, const struct scn_memory *mem)
{
	struct hugetlbfs_sb_info *sbi = mem->mount ? hugetlbfs_find(p->m->q, mem->mount) : NULL;

	if (sbi)
		return ALIGN(mem->size.v, huge_page_size(sbi->h));
	return ALIGN(mem->size.v, mem->kind == SCN_HUGETLB ? mem->pagesize.v : PAGE_SIZE);
}

/* A segment of huge pages, as shmget() makes it with SHM_HUGETLB, or a file on a mount. */
static struct file *huge_segment(struct machine *m, const struct scn_memory *mem)
{
	struct hstate *h = size_to_hstate(m->q, mem->pagesize.v);

	if (mem->mount)
		return hugetlbfs_open(m->q, hugetlbfs_find(m->q, mem->mount), mem->share,
				      HUGETLBFS_O_CREAT, 0644);
	return hugetlb_file_setup(m->q, "SYSV00000000", ALIGN(mem->size.v, mem->pagesize.v),
				  mem->noreserve ? VM_NORESERVE : 0, h);
}

static struct segment *segment_get(struct machine *m, const struct scn_memory *mem)
{
	struct segment *seg;
	struct file *file;

	for (u32 i = 0; i < m->nr_segments; i++)
		if (!strcmp(m->segments[i].name, mem->share) &&
		    !strcmp(m->segments[i].mount, mem->mount ? mem->mount : ""))
			return &m->segments[i];
	file = mem->kind == SCN_HUGETLB ? huge_segment(m, mem)
					: shmem_file_setup(m->q, mem->share, mem->size.v);
	if (IS_ERR_OR_NULL(file))
		return NULL;
	seg = keep_realloc(m->segments, (m->nr_segments + 1) * sizeof(*seg));
	if (!seg)
		return NULL;
	m->segments = seg;
	seg = &m->segments[m->nr_segments++];
	*seg = (struct segment){mem->share, mem->mount ? mem->mount : "", file, mem->size.v};
	return seg;
}

static u64 map_memory(struct process *p, const struct scn_memory *mem)
{
	struct quire *q = p->m->q;
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	struct file *file = NULL;
	struct segment *seg;
	u64 addr;

	switch (mem->kind) {
	case SCN_SHARED:
		seg = segment_get(p->m, mem);
		if (!seg)
			return (u64)-ENOMEM;
		file = seg->file;
		flags = MAP_SHARED | MAP_NORESERVE;
		break;
	case SCN_FILE:
		file = fileset_open(p->m, fileset_find(p->m, mem->files), p->number, true);
		if (!file)
			return (u64)-ENOMEM;
		flags = MAP_SHARED | MAP_NORESERVE;
		break;
	case SCN_STACK:
		flags |= MAP_GROWSDOWN;
		break;
	case SCN_HUGETLB:
		flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			(mem->pagesize.v == 1UL << 30 ? 30 : 21) << 26;
		seg = mem->share ? segment_get(p->m, mem) : NULL;
		if (mem->share && !seg)
			return (u64)-ENOMEM;
		if (seg) {
			file = seg->file;
			flags = MAP_SHARED;
		}
		flags |= mem->noreserve ? MAP_NORESERVE : 0;
		break;
	case SCN_ANON:
		break;
	}
	addr = do_mmap(q, p->task->mm, 0, memory_bytes(p, mem), prot, flags, file, 0);
	if (mem->kind == SCN_FILE)
		fput(q, file);
	return addr;
}

static bool process_memories(struct process *p)
{
	for (u32 i = 0; i < p->spec->memory_count; i++) {
		const struct scn_memory *mem = &p->spec->memory[i];
		struct region *r;
		u64 addr = map_memory(p, mem);

		if (IS_ERR_VALUE(addr))
			return false;
		r = add_region(p, mem->name, addr, memory_bytes(p, mem));
		if (!r)
			return false;
		r->content = content_kind(mem->content);
		r->next = mem->touched.v >> PAGE_SHIFT;
		if (r->next && !process_touch(p, r, 0, r->next, true))
			return false;
	}
	return true;
}

/* The heap (brk) and the program's text, touched as a start-up does. */
static bool process_heap(struct process *p)
{
	struct mm_struct *mm = p->task->mm;
	u64 start = mm->start_brk, size = PAGE_ALIGN(p->spec->rss.v);
	struct region *r;

	if (!size)
		return true;
	if (do_brk(p->m->q, mm, start + size) < start + size)
		return false;
	r = add_region(p, "heap", start, size);
	return r && process_touch(p, r, 0, r->nr_pages, true);
}

/* A start-up runs through the program's text. */
static bool process_program(struct process *p)
{
	struct mm_struct *mm = p->task->mm;
	struct touch t = {
		.addr = mm->start_code,
		.nr_pages = (mm->end_code - mm->start_code) >> PAGE_SHIFT,
		.stride = 1,
	};

	return mmu_touch(p->m->model, p->task, &t) == t.nr_pages;
}

/* ---- NUMA, groups, identity ------------------------------------------------- */

static void parse_nodes(const char *text, nodemask_t *nodes)
{
	for (char *end; *text; text = *end ? end + 1 : end) {
		unsigned long n = strtoul(text, &end, 10);

		if (end == text)
			break;
		if (n < QUIRE_MAX_NODES)
			node_set(nodes, (unsigned int)n);
	}
}

void process_set_policy(struct quire *q, struct task *task, const char *numa)
{
	static const struct {
		const char *prefix;
		u8 mode;
	} kinds[] = {{"bind:", MPOL_BIND},
		     {"preferred:", MPOL_PREFERRED},
		     {"preferred-many:", MPOL_PREFERRED_MANY},
		     {"weighted:", MPOL_WEIGHTED_INTERLEAVE}};
	struct mempolicy *policy = &task->policy;

	if (!numa || !strcmp(numa, "default"))
		return;
	if (!strcmp(numa, "local"))
		policy->mode = MPOL_LOCAL;
	if (!strcmp(numa, "interleave")) {
		policy->mode = MPOL_INTERLEAVE;
		for_each_node (q, nid)
			if (NODE_DATA(q, nid)->node_present_pages)
				node_set(&policy->nodes, nid);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(numa, kinds[i].prefix, n))
			continue;
		policy->mode = kinds[i].mode;
		if (policy->mode == MPOL_PREFERRED)
			policy->preferred = (unsigned int)strtoul(numa + n, NULL, 10);
		else
			parse_nodes(numa + n, &policy->nodes);
	}
}

static void set_identity(struct process *p)
{
	const struct scn_process *spec = p->spec;
	struct task *t = p->task;

	t->uid = t->gid = spec->uid;
	t->node = spec->node;
	t->signal->oom_score_adj = (short)spec->oom_score_adj;
	t->signal->oom_score_adj_min = (short)min(spec->oom_score_adj, 0);
	process_set_policy(p->m->q, t, spec->numa);
	if (spec->cgroup)
		task_set_memcg(p->m->q, t, mem_cgroup_find(p->m->q, spec->cgroup));
}

/* Arguments as the kernel keeps them: words apart by NUL. */
static unsigned int split_arguments(const char *text, char *out, size_t cap)
{
	size_t n = strnlen(text, cap - 1);

	memcpy(out, text, n);
	out[n] = 0;
	if (!strchr(text, ':')) /* "postgres: checkpointer" is one title */
		for (char *c = out; *c; c++)
			if (*c == ' ')
				*c = 0;
	return (unsigned int)n + 1;
}

static int process_exec(struct process *p)
{
	struct machine *m = p->m;
	char args[512];
	unsigned int len = split_arguments(p->spec->cmdline ? p->spec->cmdline : p->spec->name,
					   args, sizeof(args));
	u64 text = PAGE_ALIGN(p->spec->text.v);
	struct file *exe = m->program_sb && text ? program_open(m, p->spec->name, text) : NULL;
	int err = exec_mmap_file(m->q, p->task, p->spec->name, args, len, exe, exe ? text : 0);

	if (exe)
		fput(m->q, exe);
	return err;
}

/* ---- threads ---------------------------------------------------------------- */

static bool thread_start(struct process *leader, u32 number)
{
	struct machine *m = leader->m;
	const struct scn_process *spec = leader->spec;
	struct process *p = process_new(m, spec);
	struct region stack = {.name = "stack", .content = content_kind("heap")};
	struct task *task;

	if (!p)
		return false;
	task = copy_process(m->q, leader->task, CLONE_VM | CLONE_THREAD);
	if (IS_ERR_OR_NULL(task)) {
		process_free(p);
		return false;
	}
	p->task = task;
	p->leader = leader;
	p->number = leader->number;
	p->turn = number + 1;
	p->turns = spec->threads + 1;
	p->started = true;
	task->uid = task->gid = spec->uid;
	stack.addr = do_mmap(m->q, task->mm, 0, STACK_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
	stack.nr_pages = STACK_BYTES >> PAGE_SHIFT;
	if (!IS_ERR_VALUE(stack.addr)) {
		unsigned long n = min(spec->thread_stack.v >> PAGE_SHIFT, stack.nr_pages);

		/* A stack is used from its top. */
		process_touch(leader, &stack, stack.nr_pages - n, n, true);
	}
	return model_spawn(m->model, spec->name, process_main, p, task, spec->node) != NULL;
}

/* ---- life ------------------------------------------------------------------- */

static bool process_setup(struct process *p)
{
	set_identity(p);
	if (!p->spec->parent && (!process_program(p) || !process_heap(p)))
		return false;
	if (p->spec->parent && p->spec->rss.text && !process_heap(p))
		return false;
	if (!process_memories(p))
		return false;
	for (u32 i = 0; i < p->spec->threads; i++)
		if (!thread_start(p, i))
			return false;
	return true;
}

/* Children that have ended are collected, as wait4() does. */
static void reap_children(struct process *p)
{
	struct task *child, *next;

	list_for_each_entry_safe (child, next, &p->task->children, sibling)
		if (child->state == EXIT_ZOMBIE)
			release_task(p->m->q, child);
}

/* Sleeps until the next work item is due and does all that are. */
static void process_turn(struct process *p)
{
	u64 now = model_now(p->m->model), next = now + 3600 * NS_SEC;

	for (u32 i = 0; i < p->spec->work_count && !p->dies; i++)
		next = min(next, p->work[i].due);
	/* A forked child does nothing but live until its time has come. */
	if (p->dies)
		next = p->dies;
	if (next > now)
		model_sleep(p->m->model, next - now);
	now = model_now(p->m->model);
	for (u32 i = 0; i < p->spec->work_count && !p->dies; i++) {
		const struct scn_work *w = &p->spec->work[i];

		if (p->work[i].due > now || fatal_signal_pending(p->task))
			continue;
		if (work_is_on(p->m, w))
			work_run(p, w, &p->work[i]);
		p->work[i].due += w->every.v * p->turns;
		/* Who was held up does not catch up. */
		if (p->work[i].due < now)
			p->work[i].due = now + w->every.v * p->turns;
	}
	if (!list_empty(&p->task->children))
		reap_children(p);
}

static void schedule_work(struct process *p)
{
	u64 now = model_now(p->m->model);

	for (u32 i = 0; i < p->spec->work_count; i++) {
		u64 every = p->spec->work[i].every.v;

		/* Spread over the period, or all would come at once. */
		p->work[i].due = now + every * p->turn + prng_below(&p->rng, every) + 1;
	}
}

static void process_main(void *arg)
{
	struct process *p = arg;
	struct machine *m = p->m;
	struct task *task = p->task;

	if (p->dies && p->touch) {
		struct region *r = process_region(p, "heap");

		if (r)
			process_touch(p, r, 0, p->touch >> PAGE_SHIFT, true);
	} else if (!p->leader && !p->dies) {
		if (p->starts > model_now(m->model))
			model_sleep(m->model, p->starts - model_now(m->model));
		if (!process_setup(p) && !fatal_signal_pending(task))
			event_add(m, EV_EXIT, "%s (%d) could not start: no memory", p->spec->name,
				  task->pid);
	}
	if (!p->started) {
		p->started = true;
		m->nr_starting--;
	}
	schedule_work(p);
	while (!fatal_signal_pending(task) && (!p->dies || model_now(m->model) < p->dies))
		process_turn(p);
	work_close(p);
	do_exit(m->q, task, fatal_signal_pending(task) ? SIGKILL : 0);
	/* The threads of a process use its regions: it goes when the machine does. */
	if (p->leader || p->dies)
		process_free(p);
}

bool process_fork(struct process *p, const struct scn_work *w)
{
	struct machine *m = p->m;
	struct process *child = process_new(m, p->spec);
	struct task *task;

	if (!child)
		return false;
	task = copy_process(m->q, p->task, 0);
	if (IS_ERR_OR_NULL(task)) {
		process_free(child);
		return false;
	}
	child->task = task;
	child->turns = 1;
	child->started = true;
	child->dies = model_now(m->model) + w->lives.v;
	child->touch = w->amount.v;
	child->regions = keep_malloc((p->nr_regions + 1) * sizeof(*p->regions));
	if (child->regions) {
		memcpy(child->regions, p->regions, p->nr_regions * sizeof(*p->regions));
		child->nr_regions = p->nr_regions;
	}
	if (w->name)
		set_task_comm(task, w->name);
	return model_spawn(m->model, w->name ? w->name : p->spec->name, process_main, child, task,
			   p->spec->node) != NULL;
}

static struct process *find_process(struct machine *m, const char *name)
{
	struct process *p;

	list_for_each_entry (p, &m->processes, list)
		if (!p->leader && !strcmp(p->spec->name, name))
			return p;
	return NULL;
}

static void inherit_regions(struct process *p, const struct process *parent)
{
	p->regions = keep_calloc(parent->nr_regions + 1, sizeof(*p->regions));
	if (!p->regions)
		return;
	memcpy(p->regions, parent->regions, parent->nr_regions * sizeof(*p->regions));
	p->nr_regions = parent->nr_regions;
}

static bool process_start(struct machine *m, const struct scn_process *spec, u32 number)
{
	struct process *parent = spec->parent ? find_process(m, spec->parent) : NULL;
	struct process *p = process_new(m, spec);

	if (!p)
		return false;
	p->number = number;
	p->turns = spec->threads + 1;
	if (spec->starts.text)
		p->starts = m->start_ns + (spec->starts.v + NS_DAY - m->scenario->start.v) % NS_DAY;
	p->task = copy_process(m->q, parent ? parent->task : NULL, 0);
	if (IS_ERR_OR_NULL(p->task)) {
		process_free(p);
		return false;
	}
	if (!parent && process_exec(p) != 0)
		return false;
	if (parent) {
		inherit_regions(p, parent);
		set_task_comm(p->task, spec->name);
		if (spec->cmdline)
			set_task_cmdline(m->q, p->task, spec->cmdline,
					 (unsigned int)strlen(spec->cmdline) + 1);
	}
	if (spec->starts.text)
		p->started = true;
	else
		m->nr_starting++;
	return model_spawn(m->model, spec->name, process_main, p, p->task, spec->node) != NULL;
}

/* Children need their parent's memory in place before they are forked. */
static void wait_for_parent(struct machine *m, const struct scn_process *spec)
{
	struct process *parent = spec->parent ? find_process(m, spec->parent) : NULL;

	while (parent && !parent->started)
		model_sleep(m->model, 1000000);
}

void processes_start(void *machine)
{
	struct machine *m = machine;
	const struct scenario *s = m->scenario;

	for (u32 i = 0; i < s->processes_count && !m->failed; i++) {
		wait_for_parent(m, &s->processes[i]);
		for (u32 n = 0; n < s->processes[i].count && !m->failed; n++) {
			if (process_start(m, &s->processes[i], n))
				continue;
			fprintf(m->err, "%s: processes[%u]: %s can't be started: no memory\n",
				s->path, i, s->processes[i].name);
			m->failed = true;
		}
	}
}
