/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID and /proc/PID/task/TID: the directories, and the small files.
 *
 * A task that is read is held by a reference.  A kernel thread and a zombie
 * have no address space: their maps are empty, cmdline too, and exe leads
 * nowhere, as in Linux.
 *
 * Writable: comm, oom_score_adj and oom_adj, by the owner and root.  Lowering
 * oom_score_adj below what root last allowed is root's alone (-EACCES), and
 * what root writes is the new floor.
 */
#include "oom/rules.h"
#include "proc/internal.h"

/* ---- tasks ------------------------------------------------------------------ */

struct task *proc_get_task(struct quire *q, const struct proc_entry *e)
{
	struct task *task;

	spin_lock(q, &q->space->tasklist_lock);
	task = find_task_by_pid(q, e->tid ? e->tid : e->pid);
	if (task && e->tid && task->tgid != e->pid)
		task = NULL;
	if (task)
		get_task(task);
	spin_unlock(q, &q->space->tasklist_lock);
	return task;
}

/* The first task in the tree whose number is not below pid. */
static struct task *task_from(struct quire *q, int pid)
{
	struct rb_node *node = q->space->pids.rb_node;
	struct task *found = NULL;

	while (node) {
		struct task *task = rb_entry(node, struct task, pid_node);

		if (task->pid >= pid) {
			found = task;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

unsigned int proc_next_pids(struct quire *q, int from, int tgid, int *pids, unsigned int n)
{
	unsigned int found = 0;
	struct task *task;

	spin_lock(q, &q->space->tasklist_lock);
	task = task_from(q, from);
	while (task && found < n) {
		struct rb_node *next = rb_next(&task->pid_node);

		if (tgid ? task->tgid == tgid : task->pid == task->tgid)
			pids[found++] = task->pid;
		task = rb_entry_safe(next, struct task, pid_node);
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return found;
}

void put_exe_path(struct text *t, const struct task *task)
{
	const struct task *leader = task->group_leader;

	/* The program is not named anywhere else: the first argument is a path,
	 * or the name under which it was found in /usr/bin. */
	if (leader->cmdline && leader->cmdline_len && leader->cmdline[0] == '/') {
		size_t n = 0;

		while (n < leader->cmdline_len && leader->cmdline[n] && leader->cmdline[n] != ' ')
			n++;
		text_put(t, leader->cmdline, n);
		return;
	}
	put_lit(t, "/usr/bin/");
	text_puts(t, leader->comm);
}

void put_memcg_path(struct quire *q, const struct mem_cgroup *memcg, struct text *t)
{
	if (!memcg || !memcg->parent)
		text_putc(t, '/');
	else
		mem_cgroup_path(q, memcg, t);
}

/* ---- small files ------------------------------------------------------------ */

static void put_comm(struct text *t, const struct task *task)
{
	text_puts(t, task->comm);
	text_putc(t, '\n');
}

static void put_cmdline(struct text *t, const struct task *task)
{
	const struct task *leader = task->group_leader;

	if (!leader->cmdline || !task->mm || !leader->cmdline_len)
		return;
	text_put(t, leader->cmdline, leader->cmdline_len);
	if (leader->cmdline[leader->cmdline_len - 1])
		text_put(t, "", 1);
}

static int oom_adj_of(const struct task *task)
{
	int adj = task->signal->oom_score_adj;

	/* Linux: 15 and -17 stand for the ends of both scales. */
	return adj == OOM_SCORE_ADJ_MAX ? 15 : min(adj * 17 / 1000, 15);
}

static void put_limit(struct text *t, u64 v)
{
	if (v == RLIM_INFINITY)
		text_printf(t, "%-20s ", "unlimited");
	else
		text_printf(t, "%-20lu ", v);
}

static void put_limits(struct text *t, const struct task *task)
{
	static const struct {
		const char *name, *unit;
	} limits[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", ""},
		[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};

	put_lit(t,
		"Limit                     Soft Limit           Hard Limit           Units     \n");
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		text_printf(t, "%-25s ", limits[i].name);
		put_limit(t, task->signal->rlim[i].rlim_cur);
		put_limit(t, task->signal->rlim[i].rlim_max);
		if (limits[i].unit[0])
			text_printf(t, "%-10s", limits[i].unit);
		text_putc(t, '\n');
	}
}

enum pid_file {
	PID_COMM,
	PID_CMDLINE,
	PID_OOM_SCORE,
	PID_OOM_SCORE_ADJ,
	PID_OOM_ADJ,
	PID_LIMITS,
	PID_CGROUP,
	PID_WCHAN,
	PID_SCHEDSTAT,
	PID_EXE,
};

static int put_pid_file(struct quire *q, struct text *t, struct task *task, enum pid_file what)
{
	switch (what) {
	case PID_COMM:
		put_comm(t, task);
		break;
	case PID_CMDLINE:
		put_cmdline(t, task);
		break;
	case PID_OOM_SCORE:
		text_printf(t, "%ld\n", oom_score(q, task));
		break;
	case PID_OOM_SCORE_ADJ:
		text_printf(t, "%d\n", task->signal->oom_score_adj);
		break;
	case PID_OOM_ADJ:
		text_printf(t, "%d\n", oom_adj_of(task));
		break;
	case PID_LIMITS:
		put_limits(t, task);
		break;
	case PID_CGROUP:
		put_lit(t, "0::");
		put_memcg_path(q, task->memcg, t);
		text_putc(t, '\n');
		break;
	case PID_WCHAN:
		text_puts(t, task->wchan ? task->wchan : "0");
		break;
	case PID_SCHEDSTAT:
		text_printf(t, "%lu 0 %lu\n", task->utime + task->stime,
			    task->nvcsw + task->nivcsw);
		break;
	case PID_EXE:
		if (!task->mm)
			return -ENOENT;
		put_exe_path(t, task);
		break;
	}
	return 0;
}

static int show_pid_file(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			 struct text *t)
{
	struct task *task = proc_get_task(q, e);
	int err;

	if (!task)
		return -ENOENT;
	err = task->signal ? put_pid_file(q, t, task, def->val) : -ENOENT;
	put_task(q, task);
	return err;
}

/* ---- writing ---------------------------------------------------------------- */

#define PROC_NUMBUF 13

/* Raising is the owner's; lowering is for whoever has CAP_SYS_RESOURCE (root), and
 * for others down to what such a one last set: the floor.  oom_adj knows no floor. */
static bool may_set_adj(const struct quire *q, const struct task *task, int adj, bool old_scale,
			unsigned int uid)
{
	bool floor = q->oom->rules->adj_floor && !old_scale;

	return !uid ||
	       adj >= (floor ? task->signal->oom_score_adj_min : task->signal->oom_score_adj);
}

static void give_adj(struct task *task, int adj, bool sets_floor)
{
	task->signal->oom_score_adj = (short)adj;
	if (sets_floor)
		task->signal->oom_score_adj_min = (short)adj;
}

/* Gives the process, and each other one that shares its memory, an adj: they
 * die together.  Not those of vfork(), which are about to execute another program
 * and are given theirs before. */
static int set_oom_score_adj(struct quire *q, struct task *task, int adj, bool old_scale,
			     unsigned int uid)
{
	bool sets_floor = !uid && !old_scale;
	struct mm_struct *mm;
	struct task *p;

	if (!may_set_adj(q, task, adj, old_scale, uid))
		return -EACCES;
	give_adj(task, adj, sets_floor);
	if (!q->oom->rules->adj_shared || task->in_vfork)
		return 0;
	spin_lock(q, &q->space->tasklist_lock);
	p = find_task_mm(task->group_leader);
	mm = p ? p->mm : NULL;
	if (!mm || HOT_LOAD(&mm->mm_users) < 2) {
		spin_unlock(q, &q->space->tasklist_lock);
		return 0;
	}
	for_each_process(q, p)
	{
		if (!p->in_vfork && p->signal != task->signal && p->tgid != 1 &&
		    process_shares_mm(p, mm))
			give_adj(p, adj, sets_floor);
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return 0;
}

static int parse_adj(const struct proc_input *in, bool old_scale, long *adj)
{
	struct proc_input cut = *in;
	int err;

	cut.len = min(cut.len, (size_t)PROC_NUMBUF - 1);
	err = proc_one_long(&cut, adj);
	if (err)
		return err;
	if (!old_scale)
		return *adj < OOM_SCORE_ADJ_MIN || *adj > OOM_SCORE_ADJ_MAX ? -EINVAL : 0;
	if (*adj < -17 || *adj > 15)
		return -EINVAL;
	*adj = *adj == 15 ? OOM_SCORE_ADJ_MAX : *adj * OOM_SCORE_ADJ_MAX / 17;
	return 0;
}

/* def->val is 1 for oom_adj, the scale of before. */
static s64 store_oom_adj(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			 const struct proc_input *in)
{
	struct task *task;
	long adj;
	int err = parse_adj(in, def->val == PID_OOM_ADJ, &adj);

	if (err)
		return err;
	task = proc_get_task(q, e);
	if (!task)
		return -ESRCH;
	err = set_oom_score_adj(q, task, (int)adj, def->val == PID_OOM_ADJ, in->uid);
	put_task(q, task);
	return err ? err : (s64)in->len;
}

static s64 store_comm(struct quire *q, const struct proc_entry *e,
		      __unused const struct proc_def *def, const struct proc_input *in)
{
	struct task *task = proc_get_task(q, e);
	char comm[TASK_COMM_LEN];
	size_t n = 0;

	if (!task)
		return -ESRCH;
	/* As Linux: as much as fits, up to a newline. */
	while (n < sizeof(comm) - 1 && n < in->len && in->buf[n] && in->buf[n] != '\n') {
		comm[n] = in->buf[n];
		n++;
	}
	comm[n] = '\0';
	set_task_comm(task, comm);
	put_task(q, task);
	return (s64)in->len;
}

/* ---- directories ------------------------------------------------------------ */

static int show_root_link(__unused struct quire *q, __unused const struct proc_entry *e,
			  __unused const struct proc_def *def, struct text *t)
{
	text_putc(t, '/');
	return 0;
}

static struct proc_entry task_lookup(struct quire *q, const struct proc_entry *dir,
				     const char *name)
{
	struct proc_entry e = proc_entry_of(DIR_TID, dir->pid, 0);
	long tid = proc_number_behind(name, "");
	struct task *task;

	e.tid = (int)tid;
	e.uid = dir->uid;
	e.gid = dir->gid;
	if (tid <= 0)
		return (struct proc_entry){0};
	task = proc_get_task(q, &e);
	if (!task)
		return (struct proc_entry){0};
	put_task(q, task);
	return e;
}

#define TID_BATCH 64

static void task_readdir(struct quire *q, const struct proc_entry *dir, struct proc_filler *f)
{
	struct proc_entry e = proc_entry_of(DIR_TID, dir->pid, 0);
	unsigned int seen = 0, n;
	int tids[TID_BATCH];

	e.uid = dir->uid;
	e.gid = dir->gid;
	/* No one may be called with the lock held, so a batch at a time. */
	do {
		struct proc_entry process = {.pid = dir->pid};
		struct task *task = proc_get_task(q, &process);
		unsigned int i = 0;

		if (!task)
			return;
		n = 0;
		spin_lock(q, &q->space->tasklist_lock);
		for_each_thread(task->group_leader, t) if (i++ >= seen && n < TID_BATCH) tids[n++] =
			t->pid;
		spin_unlock(q, &q->space->tasklist_lock);
		put_task(q, task);
		for (i = 0; i < n; i++) {
			char name[16];

			e.tid = tids[i];
			(void)text_format(name, sizeof(name), "%d", tids[i]);
			if (!proc_fill(f, name, e))
				return;
		}
		seen += n;
	} while (n == TID_BATCH);
}

const struct proc_dir proc_task_dir = {.lookup = task_lookup, .readdir = task_readdir};

#define IO_TEXT                                                                   \
	"rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n" \
	"cancelled_write_bytes: 0\n"

#define PID_FILE(name, mode, what) DEF_VAL(name, mode, show_pid_file, NULL, what)

/* What a process and a thread have in common. */
#define COMMON_FILES                                                                             \
	PID_FILE("cgroup", 0444, PID_CGROUP), PID_FILE("cmdline", 0444, PID_CMDLINE),            \
		DEF_VAL("clear_refs", 0200, NULL, store_pid_clear_refs, 0),                      \
		DEF_VAL("comm", 0644, show_pid_file, store_comm, PID_COMM),                      \
		DEF_LINK("cwd", show_root_link), DEF_TEXT("environ", 0400, ""),                  \
		{.name = "exe",                                                                  \
		 .kind = PROC_LINK,                                                              \
		 .mode = 0777,                                                                   \
		 .show = show_pid_file,                                                          \
		 .val = PID_EXE},                                                                \
		DEF_DIR("fd", DIR_EMPTY), DEF_DIR("fdinfo", DIR_EMPTY),                          \
		DEF_TEXT("io", 0400, IO_TEXT), PID_FILE("limits", 0444, PID_LIMITS),             \
		DEF_TEXT("loginuid", 0644, "4294967295"), DEF_FILE("maps", 0444, show_pid_maps), \
		DEF_FILE("mountinfo", 0444, show_pid_mountinfo),                                 \
		DEF_FILE("mounts", 0444, show_pid_mounts),                                       \
		DEF_FILE("numa_maps", 0444, show_pid_numa_maps),                                 \
		DEF_VAL("oom_adj", 0644, show_pid_file, store_oom_adj, PID_OOM_ADJ),             \
		PID_FILE("oom_score", 0444, PID_OOM_SCORE),                                      \
		DEF_VAL("oom_score_adj", 0644, show_pid_file, store_oom_adj, PID_OOM_SCORE_ADJ), \
		{.name = "pagemap", .kind = PROC_FILE, .mode = 0400, .read = read_pid_pagemap},  \
		DEF_LINK("root", show_root_link), PID_FILE("schedstat", 0444, PID_SCHEDSTAT),    \
		DEF_TEXT("sessionid", 0444, "4294967295"),                                       \
		DEF_FILE("smaps", 0444, show_pid_smaps),                                         \
		DEF_FILE("smaps_rollup", 0444, show_pid_smaps_rollup),                           \
		DEF_FILE("statm", 0444, show_pid_statm), PID_FILE("wchan", 0444, PID_WCHAN)

static const struct proc_def pid_defs[] = {
	/* First what ps and top ask for. */
	DEF_VAL("stat", 0444, show_pid_stat, NULL, 1),
	DEF_VAL("status", 0444, show_pid_status, NULL, 1),
	COMMON_FILES,
	DEF_DIR("net", DIR_NET),
	DEF_DIR("task", DIR_TASK),
};
PROC_DIR_TABLE(proc_pid_dir, pid_defs);

static const struct proc_def tid_defs[] = {
	DEF_VAL("stat", 0444, show_pid_stat, NULL, 0),
	DEF_VAL("status", 0444, show_pid_status, NULL, 0),
	COMMON_FILES,
};
PROC_DIR_TABLE(proc_tid_dir, tid_defs);
