/* SPDX-License-Identifier: MIT */
/*
 * The machine of a report, built on the model, and what its own killer says.
 *
 * The idea: nodes with the memory that the zones had, the swap, the control
 * group with its limit, and each task of the table with its number, name, user,
 * oom_score_adj, as many resident pages, swapped pages and page tables as its
 * line says, all of them real; then the request is made that failed, and
 * whoever the killer takes is held against the log.
 *
 * A table counts a shared page once for each task that maps it, and does not
 * say which are shared.  So that no machine is too small, part of what is
 * resident is anonymous memory and the rest windows of one shared file: to the
 * killer both are pages.  Page cache and the kernel's own memory are not
 * built: nothing of them counts.
 *
 * A machine beyond MODEL_MAX_PAGES is built at half, a quarter ... of its size:
 * all amounts divided, so points are rounded by as much.
 */
#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "explain/internal.h"
#include "oom/oom.h"
#include "port/model/content.h"
#include "port/model/model.h"

#define MODEL_MAX_PAGES (2UL << 20) /* 8 GB */
#define MODEL_MAX_SCALE 4096
#define MODEL_MAX_TASKS 20000
#define ROOM_PAGES	(96UL << 8) /* for the model's own structures */
#define TASK_PAGES	12	    /* stack, tables, objects of a task */
#define ANON_BASE	0x600000000000UL
#define SWAP_CHUNK	2048

struct rebuild {
	struct explanation *e;
	struct quire_config cfg;
	struct model *m;
	struct quire *q;
	struct mem_cgroup *group;
	struct file *shared;
	unsigned long shared_pages; /* of the file */
	unsigned long scale;
	unsigned long swap_left; /* slots; what has none is resident, which counts as much */
	double anon_part;	 /* of what is resident; the rest is shared */
	char release[32];
	const char *failed;
	int victim;
	long points;
};

static unsigned long scaled(const struct rebuild *b, long pages)
{
	return pages > 0 ? ((unsigned long)pages + b->scale / 2) / b->scale : 0;
}

/* ---- how large ------------------------------------------------------------------- */

/* Where the report says what its nodes have, and the sum is that of the whole,
 * the machine has those nodes. */
static unsigned int count_nodes(const struct rebuild *b, unsigned long pages[QUIRE_MAX_NODES])
{
	const struct report *r = b->e->r;
	unsigned long sum = 0, total = (unsigned long)(b->e->memory_kb / r->page_kb);
	unsigned int nr = 0;

	memset(pages, 0, QUIRE_MAX_NODES * sizeof(*pages));
	for (size_t i = 0; i < r->nr_zones; i++) {
		const struct report_zone *z = &r->zones[i];
		long kb = z->managed > 0 ? z->managed : z->present;

		if (z->node < 0 || z->node >= QUIRE_MAX_NODES || kb <= 0)
			continue;
		pages[z->node] += (unsigned long)(kb / r->page_kb);
		sum += (unsigned long)(kb / r->page_kb);
		nr = (unsigned int)z->node + 1 > nr ? (unsigned int)z->node + 1 : nr;
	}
	for (unsigned int i = 0; i < nr; i++)
		if (pages[i] / b->scale < ROOM_PAGES / 2)
			nr = 0;
	if (nr < 2 || sum > total + total / 50 || sum + total / 50 < total)
		return 0;
	return nr;
}

static unsigned long sum_resident(const struct rebuild *b)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < b->e->r->nr_tasks; i++)
		sum += scaled(b, b->e->r->tasks[i].rss);
	return sum;
}

static unsigned long tables_and_tasks(const struct rebuild *b)
{
	const struct report *r = b->e->r;
	unsigned long sum = ROOM_PAGES + r->nr_tasks * TASK_PAGES;

	for (size_t i = 0; i < r->nr_tasks; i++)
		sum += scaled(b, r->tasks[i].pgtables) + scaled(b, r->tasks[i].rss) / 256;
	return sum;
}

static unsigned long sum_swapped(const struct rebuild *b)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < b->e->r->nr_tasks; i++)
		sum += scaled(b, b->e->r->tasks[i].swapents);
	return sum;
}

static bool of_group(const struct rebuild *b)
{
	return b->e->r->kind == REPORT_MEMCG_OOM;
}

/* Pages of RAM that the model is to have; a group's machine has what it takes. */
static unsigned long wanted_ram(const struct rebuild *b)
{
	if (of_group(b))
		return 2 * sum_resident(b) + 2 * tables_and_tasks(b);
	return scaled(b, b->e->memory_kb / b->e->r->page_kb);
}

static unsigned long wanted_swap(const struct rebuild *b)
{
	if (of_group(b))
		return sum_swapped(b);
	return scaled(b, b->e->total_pages - b->e->memory_kb / b->e->r->page_kb);
}

/* What the group may have, as the killer counts it.  Where the report does not
 * say, so much that all fits: without oom_score_adj it makes no difference. */
static unsigned long group_pages(const struct rebuild *b)
{
	unsigned long total = scaled(b, b->e->total_pages), least = sum_swapped(b) + 1;

	if (!total)
		total = sum_resident(b) + least;
	return total > least ? total : least;
}

/* Boots; the second time with so much reserved that the memory is what the
 * report's machine had to give, to the page. */
static bool boot(struct rebuild *b)
{
	unsigned long want = wanted_ram(b), pages[QUIRE_MAX_NODES], reserved = 0;
	unsigned int nr = count_nodes(b, pages);
	char err[256];

	for (int attempt = 0; attempt < 3; attempt++) {
		unsigned long have;

		b->cfg = (struct quire_config){
			.nr_nodes = nr ? nr : 1, .seed = 1, .version = b->release};
		for (unsigned int i = 0; i < b->cfg.nr_nodes; i++) {
			unsigned long size = nr ? scaled(b, (long)pages[i]) : want;

			/* Room for what a boot takes, in whole sections. */
			size += size / 20 + ROOM_PAGES / 4;
			size = (size + 32767) / 32768 * 32768;
			b->cfg.node[i].size_bytes = (u64)size << PAGE_SHIFT;
			b->cfg.node[i].nr_cpus = 1;
		}
		b->cfg.node[0].reserved_bytes = (u64)reserved << PAGE_SHIFT;
		b->m = model_create(&b->cfg, err, sizeof(err));
		if (!b->m)
			return false;
		b->q = model_quire(b->m);
		have = b->q->node->totalram_pages;
		if (have == want || (attempt == 2 && have > want))
			return true;
		if (have < want && attempt)
			return true; /* the reserve took a little more: near enough */
		model_destroy(b->m);
		b->m = NULL;
		if (have < want)
			return false;
		reserved += have - want;
	}
	return false;
}

/* ---- memory of a task -------------------------------------------------------------- */

static unsigned long touch(struct rebuild *b, struct task *task, u64 addr, unsigned long nr)
{
	struct touch t = {.addr = addr,
			  .nr_pages = nr,
			  .stride = 1,
			  .write = true,
			  .kind = (unsigned int)content_kind_of("heap"),
			  .seed = (u64)task->pid};

	return nr ? mmu_touch(b->m, task, &t) : 0;
}

static u64 map(struct rebuild *b, struct task *task, u64 addr, unsigned long pages,
	       struct file *file)
{
	int flags = file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	return do_mmap(b->q, task->mm, addr, (u64)pages << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		       flags | (addr ? MAP_FIXED : 0), file, 0);
}

/* Pages that are touched and then go to swap, chunk by chunk. */
static bool swap_out(struct rebuild *b, struct task *task, u64 addr, unsigned long nr)
{
	for (unsigned long done = 0; done < nr; done += SWAP_CHUNK) {
		unsigned long n = nr - done < SWAP_CHUNK ? nr - done : SWAP_CHUNK;
		u64 at = addr + ((u64)done << PAGE_SHIFT);

		if (touch(b, task, at, n) < n ||
		    do_madvise(b->q, task->mm, at, (u64)n << PAGE_SHIFT, MADV_PAGEOUT))
			return false;
	}
	return true;
}

/* Anonymous pages in so many pieces, 2 MB apart: each piece has a table. */
static bool touch_pieces(struct rebuild *b, struct task *task, unsigned long pages,
			 unsigned long pieces)
{
	u64 addr = map(b, task, ANON_BASE, pieces << (PMD_SHIFT - PAGE_SHIFT), NULL);

	if (IS_ERR_VALUE(addr))
		return false;
	for (unsigned long i = 0; i < pieces; i++) {
		unsigned long n = pages / pieces + (i < pages % pieces);

		if (touch(b, task, addr + ((u64)i << PMD_SHIFT), n) < n)
			return false;
	}
	return true;
}

static bool touch_shared(struct rebuild *b, struct task *task, unsigned long pages)
{
	while (pages) {
		unsigned long n = pages < b->shared_pages ? pages : b->shared_pages;
		u64 addr = map(b, task, 0, n, b->shared);

		if (IS_ERR_VALUE(addr) || touch(b, task, addr, n) < n)
			return false;
		pages -= n;
	}
	return true;
}

static long tables_of(const struct task *task)
{
	return task->mm->pgtables_bytes / (long)PAGE_SIZE;
}

/*
 * All of a task: what is swapped, what is shared, and last what is its own, in
 * as many pieces as tables are lacking.  Tables that are too many (a program's
 * few, where the report's task had fewer) are made up for in resident pages:
 * both are points.
 */
static bool give_memory(struct rebuild *b, struct task *task, const struct report_task *t)
{
	unsigned long rss = scaled(b, t->rss), swap = scaled(b, t->swapents), anon, pieces;
	long tables = (long)scaled(b, t->pgtables), spare, over;
	u64 addr;

	do_munmap(b->q, task->mm, 0, TASK_SIZE);
	if (swap > b->swap_left) {
		rss += swap - b->swap_left;
		swap = b->swap_left;
	}
	b->swap_left -= swap;
	if (swap) {
		addr = map(b, task, 0, swap, NULL);
		if (IS_ERR_VALUE(addr) || !swap_out(b, task, addr, swap))
			return false;
	}
	anon = (unsigned long)((double)rss * b->anon_part);
	if (!touch_shared(b, task, rss - anon))
		return false;
	if (b->e->rules->pgtables == OOM_PGTABLES_NONE || t->pgtables < 0)
		tables = 0;
	/* Two or three lead to the pieces' tables, and one more for each GB. */
	spare = tables - tables_of(task) - 3;
	spare -= spare > 0 ? spare / PTRS_PER_TABLE : 0;
	pieces = anon / PTRS_PER_TABLE + 1;
	if (spare > (long)pieces)
		pieces = (unsigned long)spare < anon ? (unsigned long)spare : anon;
	/* Each table too many is a point: it is taken off. */
	over = tables_of(task) + (long)(pieces + pieces / PTRS_PER_TABLE) + 2 - tables;
	if (b->e->rules->pgtables != OOM_PGTABLES_NONE && t->pgtables >= 0 && over > 0)
		anon -= (unsigned long)over < anon ? (unsigned long)over : anon;
	if (anon && !touch_pieces(b, task, anon, pieces))
		return false;
	sync_mm_rss(task);
	return true;
}

static void set_adj(struct task *task, const struct report_task *t)
{
	task->signal->oom_score_adj = (short)t->adj;
	task->signal->oom_score_adj_min = (short)(t->adj < 0 ? t->adj : 0);
}

static bool make_task(struct rebuild *b, const struct report_task *t)
{
	struct task *task;
	struct quire *q = b->q;
	char comm[TASK_COMM_LEN];
	bool ok;

	/* Init is there, a number that is twice there is a thread's. */
	if (t->pid <= 1 || t->pid >= 1 << 22 || find_task_by_pid(q, (int)t->pid))
		return true;
	task = copy_process(q, q->space->init_task, 0);
	if (IS_ERR_OR_NULL(task) || task_set_pid(q, task, (int)t->pid))
		return false;
	copy_text(comm, sizeof(comm), t->name, NULL);
	if (exec_mmap(q, task, comm, comm, (unsigned int)strlen(comm) + 1))
		return false;
	task->uid = (unsigned int)t->uid;
	/* Nobody is to be killed while it is built. */
	task->signal->oom_score_adj = OOM_SCORE_ADJ_MIN;
	if (b->group && task_set_memcg(q, task, b->group))
		return false;
	current_context(q)->task = task;
	ok = give_memory(b, task, t);
	current_context(q)->task = q->space->init_task;
	return ok;
}

/* ---- all of it --------------------------------------------------------------------- */

static bool make_swap(struct rebuild *b)
{
	unsigned long pages = b->swap_left = wanted_swap(b);
	struct model_disk_config disk = {.name = "nvme0n1",
					 .size_bytes = (u64)(pages + 1) << PAGE_SHIFT,
					 .read_latency_ns = 1000,
					 .write_latency_ns = 1000,
					 .queue_depth = 64,
					 .synchronous = true};
	struct backing_dev *bdi;

	if (!pages)
		return true;
	bdi = bdi_register(b->q, model_add_disk(b->m, &disk), "nvme0n1");
	if (!bdi)
		return false;
	bdi->synchronous = true;
	return !swapon(b->q, bdi, 0, pages + 1, -1, "/dev/nvme0n1", false);
}

static bool make_group(struct rebuild *b)
{
	if (b->e->r->kind != REPORT_MEMCG_OOM)
		return true;
	b->group = mem_cgroup_create(b->q, NULL, "reported");
	return !IS_ERR_OR_NULL(b->group);
}

static void choose_parts(struct rebuild *b)
{
	unsigned long ram = b->q->node->totalram_pages, sum = sum_resident(b);
	unsigned long used = tables_and_tasks(b), room = ram > used ? (ram - used) * 6 / 10 : 0;

	b->anon_part = sum > room ? (double)room / (double)sum : 1;
	b->shared_pages = ram / 8 + 1;
}

static void build(void *arg)
{
	struct rebuild *b = arg;
	const struct report *r = b->e->r;

	b->q->space->overcommit_memory = 1;
	b->q->space->pid_max = 1 << 22;
	b->q->space->max_threads = MODEL_MAX_TASKS * 2;
	choose_parts(b);
	b->shared = shmem_file_setup(b->q, "shared", (u64)b->shared_pages << PAGE_SHIFT);
	if (IS_ERR_OR_NULL(b->shared) || !make_swap(b) || !make_group(b)) {
		b->failed = "its swap or its group could not be made";
		return;
	}
	for (size_t i = 0; i < r->nr_tasks; i++) {
		if (!make_task(b, &r->tasks[i])) {
			b->failed = "its memory does not hold what its table says";
			return;
		}
	}
	for (size_t i = 0; i < r->nr_tasks; i++) {
		struct task *task = find_task_by_pid(b->q, (int)r->tasks[i].pid);

		if (task && task->pid != 1)
			set_adj(task, &r->tasks[i]);
	}
	if (b->group) {
		b->group->swap.max = (long)wanted_swap(b);
		b->group->memory.max = (long)(group_pages(b) - wanted_swap(b));
	}
}

static void on_kill(struct quire *q, struct task *victim, const struct oom_control *oc, void *ctx)
{
	struct rebuild *b = ctx;

	(void)q;
	if (b->victim)
		return;
	b->victim = victim->tgid;
	b->points = oc->chosen_points;
}

static bool read_nodes(const char *list, nodemask_t *mask)
{
	bool any = false;

	for (int nid = 0; nid < QUIRE_MAX_NODES; nid++) {
		if (!report_in_list(list, nid))
			continue;
		node_set(mask, (unsigned int)nid);
		any = true;
	}
	return any;
}

static void make_request(void *arg)
{
	struct rebuild *b = arg;
	const struct report *r = b->e->r;
	nodemask_t nodes = {0};
	struct oom_control oc = {.gfp_mask = GFP_KERNEL, .order = r->order, .memcg = b->group};

	if (!strcmp(r->constraint, "CONSTRAINT_MEMORY_POLICY") && b->cfg.nr_nodes > 1 &&
	    read_nodes(r->nodemask, &nodes)) {
		oc.nodemask = &nodes;
		oc.zonelist = &NODE_DATA(b->q, 0)->node_zonelists[0];
	}
	b->q->oom->on_kill = on_kill;
	b->q->oom->on_kill_ctx = b;
	b->q->oom->sysctl_oom_dump_tasks = 0;
	/* The kernel says which of the rules' settings were on only by its victim. */
	out_of_memory(b->q, &oc);
}

static void note_panic(void *ctx, const char *message)
{
	struct rebuild *b = ctx;

	(void)message;
	if (!b->failed)
		b->failed = "its killer found nobody";
}

/* By how much the points of a machine at 1/scale may be off. */
static long rounding(const struct rebuild *b)
{
	return b->e->rules->thousandths ? 1 : 4 * (long)b->scale;
}

static void judge(struct rebuild *b)
{
	struct explanation *e = b->e;
	const struct ranked *theirs = e->victim < e->nr_rank ? &e->rank[e->victim] : NULL;
	const struct ranked *ours = NULL;

	for (size_t i = 0; i < e->nr_rank && !ours; i++)
		if (e->rank[i].task->pid == b->victim)
			ours = &e->rank[i];
	e->model.pid = b->victim;
	e->model.points = b->points;
	if (ours)
		copy_text(e->model.name, sizeof(e->model.name), ours->task->name, NULL);
	if (!ours || !theirs || (ours != theirs && e->agreement == UNDECIDABLE)) {
		e->model.verdict = MODEL_NO_VICTIM;
		snprintf(e->model.why, sizeof(e->model.why), "%s", e->agreement_why);
	} else if (ours == theirs) {
		e->model.verdict = MODEL_AGREES;
	} else if (ours->points == theirs->points ||
		   (b->scale > 1 && labs(ours->points - theirs->points) <= rounding(b))) {
		e->model.verdict = MODEL_TIE;
		snprintf(e->model.why, sizeof(e->model.why),
			 "both have %ld points%s; the order of the list decides", theirs->points,
			 ours->points != theirs->points ? ", to the rounding of its scale" : "");
	} else {
		e->model.verdict = MODEL_DIFFERS;
		snprintf(e->model.why, sizeof(e->model.why), "%s", e->agreement_why);
	}
}

static const char *run(struct rebuild *b)
{
	const struct explanation *e = b->e;
	unsigned int v = e->rules->since;

	if (v < 300)
		snprintf(b->release, sizeof(b->release), "2.6.%u-report", v % 100);
	else
		snprintf(b->release, sizeof(b->release), "%u.%u.0-report", v / 100, v % 100);
	if (!boot(b))
		return "its memory is too little to boot the model";
	model_on_panic(b->m, note_panic, b);
	model_call(b->m, NULL, build, b);
	if (!b->failed)
		model_call(b->m, NULL, make_request, b);
	if (!b->failed && !b->victim)
		b->failed = "its killer took nobody";
	return b->failed;
}

void explain_model(struct explanation *e)
{
	struct rebuild b = {.e = e, .scale = 1};
	const struct report *r = e->r;
	const char *why = NULL;

	e->model.verdict = MODEL_NONE;
	if (r->kind == REPORT_ALLOC_FAILURE || !e->kill)
		return;
	if (!e->nr_rank || e->rank[0].points == LONG_MIN)
		why = "the report has no table of tasks";
	else if (!of_group(&b) && (e->total_pages <= 0 || e->memory_kb <= 0))
		why = "the report does not say how much memory there was";
	else if (r->nr_tasks > MODEL_MAX_TASKS)
		why = "there are too many tasks";
	while (!why && (wanted_ram(&b) > MODEL_MAX_PAGES || wanted_swap(&b) > MODEL_MAX_PAGES))
		if ((b.scale *= 2) > MODEL_MAX_SCALE)
			why = "it is too large";
	if (!why)
		why = run(&b);
	e->model.scale = b.scale;
	if (why) {
		e->model.verdict = MODEL_FAILED;
		snprintf(e->model.why, sizeof(e->model.why), "%s", why);
	} else {
		judge(&b);
	}
	if (b.m)
		model_destroy(b.m);
}
