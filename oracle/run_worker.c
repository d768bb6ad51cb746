/* SPDX-License-Identifier: MIT */
/*
 * What a worker does when it is told: maps, touches, frees, reads and writes
 * as the guest's worker does, system call by system call.
 *
 * What it writes is described, not stored: the fill kinds of the scenario are
 * content kinds of the model that compress as the guest's bytes do.
 */
#include <stdlib.h>
#include <string.h>

#include "oracle/image.h"

#define HUGE_ALIGN (2UL << 20)

/*
 * What the recorded kernels' processor takes beside what the model charges: a
 * page written to a file of a disk (17 us there) or of a tmpfs (12 us), a word
 * of random bytes made, a file created (16 us), looked up (9), removed (12).
 */
#define DISK_WRITE_NS  13000
#define TMPFS_WRITE_NS 8000
#define RANDOM_WORD_NS 12
#define CREATE_NS      16000
#define STAT_NS	       8500
#define UNLINK_NS      11900
#define SYSCALL_NS     1850 /* of those of a loop that do little */

#define TICK	  (4 * NSEC_PER_MSEC)
#define RCU_TICKS 3

#define SEED_MASK ((1UL << 46) - 1)

/* The guest's: places of random touches are drawn the same. */
static u64 mix(u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* ---- mappings ------------------------------------------------------------------- */

/* A place of 2 MiB alignment, found as the guest finds it: by a larger mapping. */
static u64 aligned_place(struct run *r, struct mm_struct *mm, u64 len)
{
	u64 w = do_mmap(r->q, mm, 0, len + HUGE_ALIGN, 0,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);

	if (IS_ERR_VALUE(w))
		return w;
	(void)do_munmap(r->q, mm, w, PAGE_ALIGN(len + HUGE_ALIGN));
	return ALIGN(w, HUGE_ALIGN);
}

static struct file *open_sized(struct run *r, const struct oracle_cmd *c)
{
	struct file *file = files_open(r, c->path, true, true);

	if (!IS_ERR(file) && file->f_inode->i_size < c->len)
		truncate_setsize(r->q, file->f_inode, c->len);
	return file;
}

/* KSM is not modelled, and does not run unless told to: its advice is taken. */
static int advise(struct run *r, struct mm_struct *mm, u64 addr, u64 len, int advice)
{
	enum { MERGEABLE = 12, UNMERGEABLE = 13 };

	if (advice == MERGEABLE || advice == UNMERGEABLE)
		return 0;
	return do_madvise(r->q, mm, addr, len, advice);
}

static int work_mmap(struct worker *w, const struct oracle_cmd *c, struct reply *reply)
{
	struct run *r = w->run;
	struct mm_struct *mm = w->task->mm;
	struct file *file = NULL;
	bool shared = !strcmp(c->word, "shared") || c->path;
	int flags = shared && !(c->flags & FLAG_PRIVATE) ? MAP_SHARED : MAP_PRIVATE;
	u64 addr = 0;

	if (c->path) {
		file = open_sized(r, c);
		if (IS_ERR(file))
			return (int)PTR_ERR(file);
	} else {
		flags |= MAP_ANONYMOUS;
	}
	if (c->flags & FLAG_POPULATE)
		flags |= MAP_POPULATE;
	if (c->flags & FLAG_HUGETLB) {
		addr = do_mmap(r->q, mm, 0, c->len, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB,
			       NULL, 0);
	} else {
		flags |= MAP_NORESERVE | MAP_FIXED;
		addr = aligned_place(r, mm, c->len);
		if (!IS_ERR_VALUE(addr))
			addr = do_mmap(r->q, mm, addr, c->len, PROT_READ | PROT_WRITE, flags, file,
				       0);
	}
	if (file)
		fput(r->q, file);
	if (IS_ERR_VALUE(addr))
		return (int)addr;
	if (c->flags & FLAG_THP)
		(void)advise(r, mm, addr, c->len, MADV_HUGEPAGE);
	if (c->flags & FLAG_NOTHP)
		(void)advise(r, mm, addr, c->len, MADV_NOHUGEPAGE);
	image_mapped(w);
	w->map[w->slot].addr = addr;
	w->map[w->slot].len = c->len;
	reply->val = addr;
	return 0;
}

/* What a write of the command leaves in a page. */
static void describe_fill(const struct oracle_cmd *c, struct touch *t)
{
	t->kind = CONTENT_KIND_ZERO;
	t->seed = 0;
	switch (c->fill) {
	case FILL_WORD:
		t->kind = CONTENT_KIND_PARTIAL;
		t->seed =
			CONTENT_PARTIAL_WORD << CONTENT_PARTIAL_SHIFT | (mix(c->seed) & SEED_MASK);
		break;
	case FILL_RAND:
		if (!c->percent)
			break;
		t->kind = CONTENT_KIND_PARTIAL;
		t->seed = (u64)c->percent << CONTENT_PARTIAL_SHIFT | (mix(c->seed) & SEED_MASK);
		break;
	case FILL_SAME:
		t->kind = CONTENT_KIND_SAME;
		t->seed = c->seed;
		break;
	case FILL_ZERO:
		break;
	}
}

static int touch_random(struct worker *w, const struct oracle_cmd *c, struct touch *t, u64 end,
			struct reply *reply)
{
	const struct mapping *map = &w->map[w->slot];
	u64 count = DIV_ROUND_UP(c->len, c->stride), x = c->seed * 2 + 1;

	for (; reply->val < count; reply->val++) {
		u64 off;

		x = mix(x + 0x9e3779b97f4a7c15ULL);
		off = c->off + x % count * c->stride;
		if (off >= end)
			continue;
		t->addr = map->addr + off;
		if (mmu_touch(w->run->m, w->task, t) != 1)
			return -EFAULT;
	}
	return 0;
}

static int work_touch(struct worker *w, const struct oracle_cmd *c, struct reply *reply)
{
	const struct mapping *map = &w->map[w->slot];
	u64 end = min(c->off + c->len, map->len);
	struct touch t = {.nr_pages = 1, .stride = 1, .write = !(c->flags & FLAG_READ)};

	if (!map->addr)
		return -EINVAL;
	describe_fill(c, &t);
	t.work_ns = cost_of_fill(c);
	if (c->flags & FLAG_RANDOM)
		return touch_random(w, c, &t, end, reply);
	if (end <= c->off)
		return 0;
	if (c->stride % PAGE_SIZE == 0) {
		t.addr = map->addr + c->off;
		t.stride = c->stride >> PAGE_SHIFT;
		t.nr_pages = DIV_ROUND_UP(end - c->off, c->stride);
		reply->val = mmu_touch(w->run->m, w->task, &t);
		return reply->val == t.nr_pages ? 0 : -EFAULT;
	}
	for (u64 off = c->off; off < end; off += c->stride, reply->val++) {
		t.addr = map->addr + off;
		if (mmu_touch(w->run->m, w->task, &t) != 1)
			return -EFAULT;
	}
	return 0;
}

/* MADV_DONTNEED on PIECE bytes out of every STRIDE, or munmap. */
static int work_free(struct worker *w, const struct oracle_cmd *c, struct reply *reply)
{
	struct mapping *map = &w->map[w->slot];
	struct run *r = w->run;
	u64 end = min(c->off + c->len, map->len);
	int err;

	if (!map->addr)
		return -EINVAL;
	if (!c->ranged) {
		err = do_munmap(r->q, w->task->mm, map->addr, PAGE_ALIGN(map->len));
		if (!err)
			map->addr = 0;
		return err;
	}
	for (u64 off = c->off; off < end; off += c->stride) {
		err = madvise_dontneed(r->q, w->task->mm, map->addr + off, c->piece);
		if (err)
			return err;
		reply->val += c->piece / PAGE_SIZE;
		model_compute(r->m, SYSCALL_NS);
		if (fatal_signal_pending(w->task))
			break;
	}
	return 0;
}

/* What takes a range of a mapping, the whole without a length. */
static int work_range(struct worker *w, const struct oracle_cmd *c)
{
	const struct mapping *map = &w->map[w->slot];
	struct mm_struct *mm = w->task->mm;
	u64 len = c->len ? c->len : map->len;

	if (!map->addr)
		return -EINVAL;
	if (c->op == OP_MADVISE)
		return advise(w->run, mm, map->addr + c->off, len, (int)c->number);
	return do_mlock(w->run->q, mm, map->addr + c->off, len, c->op == OP_MLOCK);
}

/* ---- files ---------------------------------------------------------------------- */

static int work_io(struct worker *w, const struct oracle_cmd *c, struct reply *reply)
{
	bool write = c->op == OP_FWRITE;
	struct run *r = w->run;
	struct file *file = files_open(r, c->path, write, write);
	u64 page_ns;
	s64 n = 0;

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	page_ns = file->f_inode->i_data.swap_backed ? TMPFS_WRITE_NS : DISK_WRITE_NS;
	if (c->fill == FILL_RAND)
		page_ns += (u64)c->percent * PAGE_SIZE / 8 / 100 * RANDOM_WORD_NS;
	for (u64 o = 0; o < c->len && !fatal_signal_pending(w->task); o += c->chunk) {
		n = write ? generic_file_write(r->q, file, c->off + o, c->chunk)
			  : generic_file_read(r->q, file, c->off + o, c->chunk);
		if (n <= 0)
			break;
		reply->val += (u64)n;
		if (write)
			model_compute(r->m, DIV_ROUND_UP((u64)n, PAGE_SIZE) * page_ns);
		cond_resched(r->q);
	}
	fput(r->q, file);
	return n < 0 ? (int)n : 0;
}

static int work_fsync(struct worker *w, const struct oracle_cmd *c)
{
	struct file *file = files_open(w->run, c->path, true, false);
	int err;

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	err = vfs_fsync(w->run->q, file);
	fput(w->run->q, file);
	return err;
}

/* Many small files: the kernel's caches of names and inodes. */
static int work_files(struct worker *w, const struct oracle_cmd *c, struct reply *reply)
{
	struct run *r = w->run;
	int err;

	if (!(c->flags & (FLAG_STAT | FLAG_UNLINK))) {
		err = files_mkdir(r, c->path);
		if (err && err != -EEXIST)
			return err;
	}
	for (u64 i = c->from; i < c->from + c->len && !fatal_signal_pending(w->task); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/f%llu", c->path, (unsigned long long)i);
		err = 0;
		if (c->flags & FLAG_STAT) {
			err = files_stat(r, path);
			model_compute(r->m, STAT_NS);
		} else if (c->flags & FLAG_UNLINK) {
			err = files_unlink(r, path);
			model_compute(r->m, UNLINK_NS);
		} else {
			struct file *file = files_open(r, path, true, true);

			if (IS_ERR(file))
				return (int)PTR_ERR(file);
			fput(r->q, file);
			model_compute(r->m, CREATE_NS);
		}
		reply->val += !err;
		cond_resched(r->q);
	}
	return 0;
}

/* ---- life ----------------------------------------------------------------------- */

static int cpu_node(const struct oracle_vm *vm, u64 cpu)
{
	for (u32 i = 0; i < vm->nr_nodes; i++)
		for (u32 j = 0; j < vm->node[i].nr_cpus; j++)
			if (vm->node[i].cpu[j] == cpu)
				return (int)vm->node[i].id;
	return -1;
}

static void set_policy(struct run *r, struct task *task, const struct oracle_cmd *c)
{
	struct mempolicy policy = {.mode = MPOL_DEFAULT};

	if (c->has & BIT(KEY_MEMBIND)) {
		policy.mode = MPOL_BIND;
	} else if (c->has & BIT(KEY_PREFER)) {
		policy.mode = MPOL_PREFERRED;
		policy.preferred = (unsigned int)__builtin_ctzll(c->nodes);
	} else if (c->has & BIT(KEY_INTERLEAVE)) {
		policy.mode = MPOL_INTERLEAVE;
	} else {
		return;
	}
	for (unsigned int node = 0; node < QUIRE_MAX_NODES; node++)
		if (c->nodes & 1ULL << node)
			node_set(&policy.nodes, node);
	/* As the guest: what the kernel refuses leaves the default. */
	(void)set_mempolicy(r->q, task, &policy);
}

void worker_score(const struct worker *w, const struct oracle_cmd *c)
{
	char path[64], value[24];

	if (!(c->has & BIT(KEY_OOM_SCORE_ADJ)))
		return;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", w->pid);
	snprintf(value, sizeof(value), "%lld", (long long)c->oom_score_adj);
	(void)proc_put(w->run, path, value);
}

void worker_become(struct worker *w, struct task *task)
{
	const struct oracle_cmd *c = w->spawn;

	if (c->has & BIT(KEY_CPU))
		task->node = cpu_node(&w->run->script->vm, c->cpu);
	set_policy(w->run, task, c);
	worker_score(w, c);
}

/*
 * Moving a task between groups takes cgroup_threadgroup_rwsem for writing, and the
 * first who does waits for RCU: three ticks until all processors have passed.
 */
void worker_join(struct worker *w)
{
	struct run *r = w->run;
	u64 now = model_now(r->m);

	if (now >= r->groups_open + RCU_TICKS * TICK)
		r->groups_open = (now / TICK + RCU_TICKS) * TICK;
	if (now < r->groups_open)
		sleep_ns(r->q, r->groups_open - now);
	(void)task_set_memcg(r->q, w->task, w->memcg);
	worker_become(w, w->task);
}

/* The child is the driver's, not this one's: it hears of its end. */
static int work_fork(struct worker *w, struct reply *reply)
{
	struct task *task = copy_process(w->run->q, w->task, 0);

	if (IS_ERR_OR_NULL(task))
		return -ENOMEM;
	task_set_parent(w->run->q, task, w->run->q->space->init_task);
	task->node = w->task->node;
	w->child->task = task;
	image_fork(w);
	reply->val = (u64)task->pid;
	return 0;
}

static int do_command(struct worker *w, const struct oracle_cmd *c, struct reply *reply)
{
	switch (c->op) {
	case OP_MMAP:
		return work_mmap(w, c, reply);
	case OP_TOUCH:
		return work_touch(w, c, reply);
	case OP_FREE:
		return work_free(w, c, reply);
	case OP_MADVISE:
	case OP_MLOCK:
	case OP_MUNLOCK:
		return work_range(w, c);
	case OP_FREAD:
	case OP_FWRITE:
		return work_io(w, c, reply);
	case OP_FSYNC:
		return work_fsync(w, c);
	case OP_UNLINK:
		return files_unlink(w->run, c->path);
	case OP_FILES:
		return work_files(w, c, reply);
	case OP_FORK:
		return work_fork(w, reply);
	default:
		return -EINVAL;
	}
}

/* Sleeps until it is told something; false: it is to die. */
static bool take_command(struct worker *w)
{
	while (!w->told && !fatal_signal_pending(w->task)) {
		u32 seq = w->wake.seq;

		if (!w->told)
			model_wait(w->run->m, &w->wake, seq, UINT64_MAX);
	}
	if (fatal_signal_pending(w->task))
		return false;
	w->told = false;
	return w->cmd.op != OP_EXIT && w->cmd.op != OP_KILL;
}

void worker_main(void *worker)
{
	struct worker *w = worker;
	struct run *r = w->run;
	struct task *task = w->task;

	image_begin(w);
	w->begun = true;
	wake_up(r->q, &r->driver);
	while (take_command(w)) {
		struct reply reply = {0};
		u64 start = model_now(r->m);

		reply.minflt = -(long)task->min_flt;
		reply.majflt = -(long)task->maj_flt;
		image_command(w, &w->cmd);
		reply.err = do_command(w, &w->cmd, &reply);
		if (fatal_signal_pending(task))
			break;
		reply.ns = model_now(r->m) - start;
		reply.minflt += (long)task->min_flt;
		reply.majflt += (long)task->maj_flt;
		w->reply = reply;
		w->answered = true;
		wake_up(r->q, &r->driver);
	}
	if (fatal_signal_pending(task))
		w->signal = task->signal->exit_code ? task->signal->exit_code : SIGKILL;
	do_exit(r->q, task, w->signal);
	w->exited = true;
	wake_up(r->q, &r->driver);
}
