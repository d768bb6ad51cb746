/* SPDX-License-Identifier: MIT */
/*
 * The list of tasks, process numbers, and the floor's boot: caches, the zero
 * page, pid 0 (who has no number on any list), pid 1 and pid 2.
 *
 * Numbers are given out in a circle up to pid_max, as Linux does: the next one
 * that is free after the last, and after the first round none below 300.
 */
#include "base/string.h"
#include "slab/slub.h"
#include "space/internal.h"
#include "space/mempolicy.h"

/* ---- process numbers ------------------------------------------------------------- */

struct task *find_task_by_pid(struct quire *q, int pid)
{
	struct rb_node *node = q->space->pids.rb_node;

	while (node) {
		struct task *task = rb_entry(node, struct task, pid_node);

		if (task->pid == pid)
			return task;
		node = pid < task->pid ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/* The next free number, or -EAGAIN. */
int alloc_pid(struct quire *q)
{
	struct space_floor *sp = q->space;
	int pid = sp->last_pid;

	for (int tries = 0; tries < sp->pid_max; tries++) {
		if (++pid >= sp->pid_max)
			pid = RESERVED_PIDS;
		if (!find_task_by_pid(q, pid)) {
			sp->last_pid = pid;
			return pid;
		}
	}
	return -EAGAIN;
}

void attach_pid(struct quire *q, struct task *task)
{
	struct rb_node **link = &q->space->pids.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = task->pid < rb_entry(parent, struct task, pid_node)->pid ? &parent->rb_left
										: &parent->rb_right;
	}
	rb_link_node(&task->pid_node, parent, link);
	rb_insert_color(&task->pid_node, &q->space->pids);
}

void detach_pid(struct quire *q, struct task *task)
{
	rb_erase(&task->pid_node, &q->space->pids);
}

int task_set_pid(struct quire *q, struct task *task, int pid)
{
	struct space_floor *sp = q->space;
	int err = 0;

	spin_lock(q, &sp->tasklist_lock);
	if (pid <= 0 || pid >= sp->pid_max)
		err = -EINVAL;
	else if (task->pid != pid && find_task_by_pid(q, pid))
		err = -EEXIST;
	if (!err) {
		if (task->group_leader == task)
			task->tgid = pid;
		detach_pid(q, task);
		task->pid = pid;
		attach_pid(q, task);
	}
	spin_unlock(q, &sp->tasklist_lock);
	return err;
}

void task_set_parent(struct quire *q, struct task *task, struct task *parent)
{
	spin_lock(q, &q->space->tasklist_lock);
	list_move_tail(&task->sibling, &parent->children);
	task->parent = parent;
	spin_unlock(q, &q->space->tasklist_lock);
}

/* ---- control groups -------------------------------------------------------------- */

/*
 * A process with all its threads moves; later charges go to the new group, what
 * was charged stays where it is.  -ESRCH for a task that is exiting.
 */
int task_set_memcg(struct quire *q, struct task *task, struct mem_cgroup *memcg)
{
	struct task *leader = task->group_leader;
	struct mm_struct *mm = leader->mm;

	if (memcg && !memcg->parent)
		memcg = NULL; /* the root */
	if (leader->flags & PF_EXITING)
		return -ESRCH;
	for_each_thread(leader, t)
	{
		struct mem_cgroup *old = t->memcg;

		if (old == memcg)
			continue;
		psi_move_task(q, old, memcg, &t->psi);
		mem_cgroup_attach_task(q, memcg);
		t->memcg = memcg;
		mem_cgroup_detach_task(q, old);
	}
	if (mm && mm->memcg != memcg) {
		struct mem_cgroup *old = mm->memcg;

		mem_cgroup_get(memcg);
		mm->memcg = memcg;
		lru_gen_migrate_mm(q, &mm->lru_gen, memcg);
		mem_cgroup_put(q, old);
	}
	return 0;
}

/* ---- what lower floors ask for --------------------------------------------------- */

static bool task_is_dying(struct quire *q)
{
	struct task *task = current_task(q);

	return task &&
	       (task->tif_memdie || fatal_signal_pending(task) || (task->flags & PF_EXITING));
}

static bool task_is_oom_victim(struct quire *q)
{
	struct task *task = current_task(q);

	return task && task->signal->oom_mm;
}

static const char *task_comm(struct quire *q, int *pid, int *tgid)
{
	const struct task *task = current_task(q);

	if (!task)
		return "swapper/0";
	*pid = task->pid;
	*tgid = task->tgid;
	return task->comm;
}

static struct mem_cgroup *current_memcg(struct quire *q)
{
	return task_memcg(current_task(q));
}

static struct psi_task *current_psi(struct quire *q)
{
	struct task *task = current_task(q);

	return task ? &task->psi : NULL;
}

static void register_ops(struct quire *q)
{
	q->page->ops.task_is_dying = task_is_dying;
	q->page->ops.task_is_oom_victim = task_is_oom_victim;
	q->page->ops.mempolicy_node = mempolicy_node;
	q->page->ops.task_comm = task_comm;
	q->page->ops.mems_allowed = cpuset_current_mems;
	q->page->ops.zone_allowed = cpuset_zone_allowed;
	q->swap->ops.unuse_mms = unuse_mms;
	q->swap->ops.set_oom_origin = set_oom_origin;
	q->swap->ops.enough_memory = vm_could_promise;
	q->group->ops.current_memcg = current_memcg;
	q->group->ops.current_psi = current_psi;
	q->cache->ops.page_mkclean = page_mkclean;
	q->cache->ops.unmap_mapping_range = unmap_mapping_range;
	q->cache->ops.shmem_reacct_size = shmem_reacct_size;
}

/* ---- boot ------------------------------------------------------------------------ */

static int create_caches(struct quire *q)
{
	struct space_floor *sp = q->space;
	const struct {
		struct kmem_cache **cachep;
		const char *name;
		unsigned int size, flags;
	} caches[] = {
		{&sp->task_cachep, "task_struct", SLAB_SIZE_task_struct, SLAB_ACCOUNT},
		{&sp->mm_cachep, "mm_struct", SLAB_SIZE_mm_struct, SLAB_ACCOUNT},
		{&sp->vma_cachep, "vm_area_struct", SLAB_SIZE_vm_area_struct, SLAB_ACCOUNT},
		/* the size that slabinfo shows has the free pointer behind the object */
		{&sp->anon_vma_cachep, "anon_vma", SLAB_SIZE_anon_vma - sizeof(void *),
		 SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU},
		{&sp->anon_vma_chain_cachep, "anon_vma_chain", SLAB_SIZE_anon_vma_chain,
		 SLAB_ACCOUNT},
		{&sp->maple_node_cachep, "maple_node", sizeof(struct vma_node), SLAB_ACCOUNT},
		{&sp->signal_cachep, "signal_cache", SLAB_SIZE_signal_cache, SLAB_ACCOUNT},
		{&sp->sighand_cachep, "sighand_cache", SLAB_SIZE_sighand_cache, SLAB_ACCOUNT},
		{&sp->files_cachep, "files_cache", SLAB_SIZE_files_cache, SLAB_ACCOUNT},
		{&sp->fs_cachep, "fs_cache", SLAB_SIZE_fs_cache, SLAB_ACCOUNT},
		{&sp->cred_cachep, "cred_jar", SLAB_SIZE_cred_jar, SLAB_ACCOUNT},
		{&sp->pid_cachep, "pid", SLAB_SIZE_pid, SLAB_ACCOUNT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
		*caches[i].cachep = kmem_cache_create(q, caches[i].name, caches[i].size, 0,
						      caches[i].flags, NULL);
		if (!*caches[i].cachep)
			return -ENOMEM;
	}
	return 0;
}

/* Linux's pid_idr_init(), set_max_threads() and the defaults of vm sysctls. */
static void set_limits(struct quire *q)
{
	struct space_floor *sp = q->space;
	unsigned long ram = q->node->totalram_pages;
	unsigned long free_kb = (ram - q->node->deferred_pages) << (PAGE_SHIFT - 10);
	unsigned long threads = (ram << PAGE_SHIFT) / (THREAD_SIZE * 8);

	sp->pid_max = min(max(PID_MAX_DEFAULT, PIDS_PER_CPU * (int)q->nr_cpus), PID_MAX_LIMIT);
	sp->max_threads = (unsigned int)clamp(threads, 20UL, 0x3fffffffUL);
	sp->max_map_count = DEFAULT_MAX_MAP_COUNT;
	sp->mmap_min_addr = MMAP_MIN_ADDR;
	sp->overcommit_ratio = 50;
	sp->user_reserve_kbytes = min(free_kb / 32, 1UL << 17);
	sp->admin_reserve_kbytes = min(free_kb / 32, 1UL << 13);
}

/* What Debian's init gives to all: Linux's INIT_RLIMITS, and more files. */
static void default_limits(const struct space_floor *sp, struct rlimit *rlim)
{
	u64 procs = sp->max_threads / 2;

	for (int i = 0; i < RLIM_NLIMITS; i++)
		rlim[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	rlim[RLIMIT_STACK].rlim_cur = DEFAULT_STACK_LIMIT;
	rlim[RLIMIT_CORE].rlim_cur = 0;
	rlim[RLIMIT_NPROC] = rlim[RLIMIT_SIGPENDING] = (struct rlimit){procs, procs};
	rlim[RLIMIT_NOFILE] = (struct rlimit){1024, 524288};
	rlim[RLIMIT_MEMLOCK] = (struct rlimit){8 << 20, 8 << 20};
	rlim[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
	rlim[RLIMIT_NICE] = rlim[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

int do_prlimit(struct quire *q, struct task *task, unsigned int limit, const struct rlimit *new,
	       struct rlimit *old)
{
	struct rlimit *rlim = &task->signal->rlim[limit];
	int err = 0;

	if (limit >= RLIM_NLIMITS || (new &&new->rlim_cur > new->rlim_max))
		return -EINVAL;
	spin_lock(q, &q->space->tasklist_lock);
	if (old)
		*old = *rlim;
	if (new &&new->rlim_max > rlim->rlim_max && task->uid)
		err = -EPERM; /* CAP_SYS_RESOURCE is user 0's */
	else if (new)
		*rlim = *new;
	spin_unlock(q, &q->space->tasklist_lock);
	return err;
}

/* Pid 0: a task that is in no list and has no number, and only begets. */
static int make_swapper(struct quire *q)
{
	struct space_floor *sp = q->space;
	struct task *task = kmem_cache_alloc(q, sp->task_cachep, GFP_KERNEL);

	if (!task)
		return -ENOMEM;
	memset(task, 0, sizeof(*task));
	task->usage = 1;
	task->node = -1;
	task->flags = PF_KTHREAD;
	task->group_leader = task->parent = task;
	INIT_LIST_HEAD(&task->tasks);
	INIT_LIST_HEAD(&task->thread_group);
	INIT_LIST_HEAD(&task->children);
	INIT_LIST_HEAD(&task->sibling);
	set_task_comm(task, "swapper/0");
	task->signal = kmem_cache_zalloc(q, sp->signal_cachep, GFP_KERNEL);
	if (!task->signal)
		return -ENOMEM;
	task->signal->refs = task->signal->nr_threads = 1;
	default_limits(sp, task->signal->rlim);
	sp->swapper = task;
	return 0;
}

static int make_first_tasks(struct quire *q)
{
	static const char args[] = "/sbin/init";
	struct space_floor *sp = q->space;
	struct task *task;
	int err = make_swapper(q);

	if (err)
		return err;
	task = create_task(q, sp->swapper, 0, true);
	if (IS_ERR(task))
		return (int)PTR_ERR(task);
	task->state = TASK_INTERRUPTIBLE; /* it waits for its children */
	sp->init_task = task;
	err = exec_mmap(q, task, "systemd", args, sizeof(args));
	if (err)
		return err;
	task = create_task(q, sp->swapper, 0, true);
	if (IS_ERR(task))
		return (int)PTR_ERR(task);
	set_task_comm(task, "kthreadd");
	task->state = TASK_INTERRUPTIBLE;
	sp->kthreadd = task;
	return 0;
}

/* ---- counts of pages ------------------------------------------------------------- */

void sync_mm_rss(struct task *task)
{
	for (int i = 0; i < NR_MM_COUNTERS; i++) {
		if (task->rss_stat.count[i] && task->mm)
			add_mm_counter(task->mm, i, task->rss_stat.count[i]);
		task->rss_stat.count[i] = 0;
	}
	task->rss_stat.events = 0;
}

unsigned long mm_counter_exact(struct quire *q, const struct mm_struct *mm, int member)
{
	long sum = HOT_LOAD(&mm->rss_stat[member]);
	struct task *p;

	for_each_process(q, p)
	{
		for_each_thread(p, t) if (t->mm == mm) sum += t->rss_stat.count[member];
	}
	return sum < 0 ? 0 : (unsigned long)sum;
}

/* ---- boot ------------------------------------------------------------------------ */

/* Who runs, for the reports of the slab's debugging. */
static void who_runs(struct quire *q, int *pid, const char **comm)
{
	struct task *task = current_task(q);

	if (!task)
		return;
	*pid = task->pid;
	*comm = task->comm;
}

int space_init(struct quire *q)
{
	struct space_floor *sp = kzalloc(q, sizeof(*sp), GFP_KERNEL);
	int err;

	if (!sp)
		return -ENOMEM;
	INIT_LIST_HEAD(&sp->tasks);
	INIT_LIST_HEAD(&sp->mms);
	INIT_LIST_HEAD(&sp->shm.segments);
	spin_lock_init(&sp->tasklist_lock, LOCK_TASKLIST);
	sp->next_context_id = 1;
	q->space = sp;
	numa_balancing_init(q);
	q->slab->task_ops.current_task = who_runs;
	set_limits(q);
	err = create_caches(q);
	if (err)
		return err;
	sp->zero_page = alloc_pages_node(q, 0, GFP_KERNEL, 0);
	if (!sp->zero_page)
		return -ENOMEM;
	hot_clear_page(q->hot, page_to_pfn(q, sp->zero_page));
	SetPageReserved(sp->zero_page);
	register_ops(q);
	err = hugepage_init(q);
	if (err)
		return err;
	err = make_first_tasks(q);
	if (!err && hugepage_flags_enabled(sp->huge))
		err = start_stop_khugepaged(q);
	return err;
}
