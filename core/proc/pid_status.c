/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/stat, statm and status: what ps and top read of every process.
 *
 * These are the hot files: a thousand processes are rendered at a glance, so
 * nothing here formats through text_printf() and what is the same for all
 * (the CPUs and nodes allowed) was rendered at boot.
 *
 * A process's counts are those of its threads and of threads that have gone.
 * Sessions, terminals, signal masks and capabilities are not modelled: each
 * user process leads its own session, and root has all capabilities.
 */
#include "proc/internal.h"
#include "space/mempolicy.h"

struct task_totals {
	unsigned long min_flt, maj_flt;
	u64 utime, stime;
};

static struct task_totals totals_of(struct quire *q, const struct task *task, bool whole)
{
	struct task_totals sum = {task->min_flt, task->maj_flt, task->utime, task->stime};
	const struct signal_struct *sig = task->signal;

	if (!whole)
		return sum;
	sum = (struct task_totals){sig->min_flt, sig->maj_flt, sig->utime, sig->stime};
	spin_lock(q, &q->space->tasklist_lock);
	for_each_thread(task->group_leader, t)
	{
		sum.min_flt += t->min_flt;
		sum.maj_flt += t->maj_flt;
		sum.utime += t->utime;
		sum.stime += t->stime;
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return sum;
}

struct state_name {
	const char *name;
	char letter;
};

static const struct state_name *state_of(const struct task *task)
{
	static const struct state_name names[] = {
		[TASK_RUNNING] = {"running", 'R'},
		[TASK_INTERRUPTIBLE] = {"sleeping", 'S'},
		[TASK_UNINTERRUPTIBLE] = {"disk sleep", 'D'},
		[EXIT_ZOMBIE] = {"zombie", 'Z'},
		[EXIT_DEAD] = {"dead", 'X'},
	};

	return &names[task->state];
}

static int ppid_of(const struct task *task)
{
	const struct task *parent = task->group_leader->parent;

	return parent && parent != task ? parent->tgid : 0;
}

/* Leader of the process group and of the session. */
static int session_of(const struct task *task)
{
	return task->flags & PF_KTHREAD ? 0 : task->tgid;
}

/* ---- stat ------------------------------------------------------------------- */

static void put_field(struct text *t, unsigned long v)
{
	text_putc(t, ' ');
	put_dec(t, v, 0);
}

static void put_signed_field(struct text *t, long v)
{
	text_putc(t, ' ');
	if (v < 0)
		text_putc(t, '-');
	put_dec(t, v < 0 ? -(unsigned long)v : (unsigned long)v, 0);
}

static long priority_of(const struct task *task)
{
	return task->rt_priority ? -1L - task->rt_priority : 20L + task->nice;
}

/* Fields 3 to 22: who it is and how it ran. */
static void put_stat_run(struct text *t, const struct task *task, const struct task_totals *sum)
{
	const struct signal_struct *sig = task->signal;
	int session = session_of(task);

	text_putc(t, ' ');
	text_putc(t, state_of(task)->letter);
	put_field(t, (unsigned long)ppid_of(task));
	put_field(t, (unsigned long)session);
	put_field(t, (unsigned long)session);
	put_lit(t, " 0 -1"); /* no terminal */
	put_field(t, task->flags);
	put_field(t, sum->min_flt);
	put_field(t, sig->cmin_flt);
	put_field(t, sum->maj_flt);
	put_field(t, sig->cmaj_flt);
	put_field(t, sum->utime / NSEC_PER_TICK);
	put_field(t, sum->stime / NSEC_PER_TICK);
	put_field(t, sig->cutime / NSEC_PER_TICK);
	put_field(t, sig->cstime / NSEC_PER_TICK);
	put_signed_field(t, priority_of(task));
	put_signed_field(t, task->nice);
	put_field(t, sig->nr_threads);
	put_lit(t, " 0");
	put_field(t, task->start_time / NSEC_PER_TICK);
}

/* Fields 23 to 52: its memory, and what is 0. */
static void put_stat_memory(struct text *t, const struct task *task)
{
	const struct mm_struct *mm = task->mm;

	put_field(t, mm ? mm->total_vm << PAGE_SHIFT : 0);
	put_field(t, mm ? get_mm_rss(mm) : 0);
	put_lit(t, " 18446744073709551615");
	put_field(t, mm ? mm->start_code : 0);
	put_field(t, mm ? mm->end_code : 0);
	put_field(t, mm ? mm->start_stack : 0);
	put_lit(t, " 0 0 0 0 0 0"); /* stack and instruction pointer, signals */
	put_field(t, task->wchan != NULL);
	put_lit(t, " 0 0 17"); /* SIGCHLD at its end */
	put_field(t, task->cpu);
	put_field(t, (unsigned long)task->rt_priority);
	put_field(t, task->rt_priority != 0);
	put_lit(t, " 0 0 0");
	put_field(t, mm ? mm->start_data : 0);
	put_field(t, mm ? mm->end_data : 0);
	put_field(t, mm ? mm->start_brk : 0);
	put_field(t, mm ? mm->arg_start : 0);
	put_field(t, mm ? mm->arg_start + task->group_leader->cmdline_len : 0);
	put_lit(t, " 0 0");
	put_field(t, (unsigned long)(unsigned int)task->exit_code);
	text_putc(t, '\n');
}

int show_pid_stat(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		  struct text *t)
{
	struct task *task = proc_get_task(q, e);
	struct task_totals sum;

	if (!task)
		return -ENOENT;
	sum = totals_of(q, task, def->val);
	put_dec(t, (unsigned long)task->pid, 0);
	put_lit(t, " (");
	text_puts(t, task->comm);
	text_putc(t, ')');
	put_stat_run(t, task, &sum);
	put_stat_memory(t, task);
	put_task(q, task);
	return 0;
}

/* ---- statm ------------------------------------------------------------------ */

static unsigned long text_pages(const struct mm_struct *mm)
{
	return (PAGE_ALIGN(mm->end_code) - (mm->start_code & PAGE_MASK)) >> PAGE_SHIFT;
}

int show_pid_statm(struct quire *q, const struct proc_entry *e, __unused const struct proc_def *def,
		   struct text *t)
{
	struct task *task = proc_get_task(q, e);
	const struct mm_struct *mm;

	if (!task)
		return -ENOENT;
	mm = task->mm;
	if (!mm) {
		put_lit(t, "0 0 0 0 0 0 0\n");
	} else {
		put_dec(t, mm->total_vm, 0);
		put_field(t, get_mm_rss(mm));
		put_field(t, get_mm_counter(mm, MM_FILEPAGES) + get_mm_counter(mm, MM_SHMEMPAGES));
		put_field(t, text_pages(mm));
		put_lit(t, " 0");
		put_field(t, mm->data_vm + mm->stack_vm);
		put_lit(t, " 0\n");
	}
	put_task(q, task);
	return 0;
}

/* ---- status ----------------------------------------------------------------- */

static void put_id_line(struct text *t, const char *label, size_t len, unsigned long v)
{
	text_put(t, label, len);
	put_dec(t, v, 0);
	text_putc(t, '\n');
}
#define put_id(t, label, v) put_id_line(t, label, sizeof(label) - 1, (unsigned long)(v))

/* Four equal ids: real, effective, saved, of the file system. */
static void put_four(struct text *t, const char *label, unsigned int id)
{
	text_puts(t, label);
	for (unsigned int i = 0; i < 4; i++) {
		text_putc(t, '\t');
		put_dec(t, id, 0);
	}
	text_putc(t, '\n');
}

static void put_status_who(struct text *t, const struct task *task)
{
	const struct state_name *state = state_of(task);

	put_lit(t, "Name:\t");
	text_puts(t, task->comm);
	put_lit(t, "\nUmask:\t0022\nState:\t");
	text_putc(t, state->letter);
	put_lit(t, " (");
	text_puts(t, state->name);
	put_lit(t, ")\n");
	put_id(t, "Tgid:\t", task->tgid);
	put_lit(t, "Ngid:\t0\n");
	put_id(t, "Pid:\t", task->pid);
	put_id(t, "PPid:\t", ppid_of(task));
	put_lit(t, "TracerPid:\t0\n");
	put_four(t, "Uid:", task->uid);
	put_four(t, "Gid:", task->gid);
	put_id(t, "FDSize:\t", task->flags & PF_KTHREAD ? 64 : 256);
	put_lit(t, "Groups:\t \n");
	put_id(t, "NStgid:\t", task->tgid);
	put_id(t, "NSpid:\t", task->pid);
	put_id(t, "NSpgid:\t", session_of(task));
	put_id(t, "NSsid:\t", session_of(task));
}

static void put_status_memory(struct text *t, const struct mm_struct *mm)
{
	unsigned long anon = get_mm_counter(mm, MM_ANONPAGES);
	unsigned long file = get_mm_counter(mm, MM_FILEPAGES);
	unsigned long shmem = get_mm_counter(mm, MM_SHMEMPAGES), rss = anon + file + shmem;
	unsigned long text = min(text_pages(mm), mm->exec_vm);

	put_kb_line(t, "VmPeak:\t", pages_to_kb(max(mm->hiwater_vm, mm->total_vm)));
	put_kb_line(t, "VmSize:\t", pages_to_kb(mm->total_vm));
	put_kb_line(t, "VmLck:\t", pages_to_kb(mm->locked_vm));
	put_lit(t, "VmPin:\t       0 kB\n");
	put_kb_line(t, "VmHWM:\t", pages_to_kb(max(mm->hiwater_rss, rss)));
	put_kb_line(t, "VmRSS:\t", pages_to_kb(rss));
	put_kb_line(t, "RssAnon:\t", pages_to_kb(anon));
	put_kb_line(t, "RssFile:\t", pages_to_kb(file));
	put_kb_line(t, "RssShmem:\t", pages_to_kb(shmem));
	put_kb_line(t, "VmData:\t", pages_to_kb(mm->data_vm));
	put_kb_line(t, "VmStk:\t", pages_to_kb(mm->stack_vm));
	put_kb_line(t, "VmExe:\t", pages_to_kb(text));
	put_kb_line(t, "VmLib:\t", pages_to_kb(mm->exec_vm - text));
	put_kb_line(t, "VmPTE:\t", (unsigned long)max(mm->pgtables_bytes, 0L) >> 10);
	put_kb_line(t, "VmSwap:\t", pages_to_kb(get_mm_counter(mm, MM_SWAPENTS)));
	put_kb_line(t, "HugetlbPages:\t", pages_to_kb((unsigned long)max(mm->hugetlb_usage, 0L)));
	put_lit(t, "CoreDumping:\t0\n"
		   "THP_enabled:\t1\n");
}

static void put_status_signals(struct quire *q, struct text *t, const struct task *task)
{
	put_id(t, "Threads:\t", task->signal->nr_threads);
	put_lit(t, "SigQ:\t0/");
	put_dec(t, q->space->max_threads / 2, 0);
	put_lit(t, "\nSigPnd:\t0000000000000000\nShdPnd:\t");
	/* Bit 8: SIGKILL, that it has not got round to yet. */
	if (task->sigkill_pending)
		put_lit(t, "0000000000000100");
	else
		put_lit(t, "0000000000000000");
	put_lit(t, "\nSigBlk:\t0000000000000000\nSigIgn:\t");
	if (task->flags & PF_KTHREAD)
		put_lit(t, "ffffffffffffffff");
	else
		put_lit(t, "0000000000000000");
	put_lit(t, "\nSigCgt:\t0000000000000000\nCapInh:\t0000000000000000\n");
	if (task->uid)
		put_lit(t, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n");
	else
		put_lit(t, "CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n");
	put_lit(t, "CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n"
		   "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n"
		   "Speculation_Store_Bypass:\tvulnerable\n"
		   "SpeculationIndirectBranch:\talways enabled\n");
}

/* Where some group may not use all nodes. */
static void put_mems_allowed(struct quire *q, struct text *t, const struct task *task)
{
	unsigned long mems[1024 / BITS_PER_LONG] = {0};
	nodemask_t allowed;

	cpuset_mems_allowed(q, task, &allowed);
	memcpy(mems, allowed.bits, sizeof(allowed.bits));
	put_lit(t, "Mems_allowed:\t");
	put_bit_mask(t, mems, 1024);
	put_lit(t, "\nMems_allowed_list:\t");
	put_bit_list(t, mems, 1024);
	text_putc(t, '\n');
}

static void put_status_cpus(struct quire *q, struct text *t, const struct task *task)
{
	if (task->node < 0 || (unsigned int)task->node >= q->nr_nodes) {
		text_put(t, q->proc->cpus_text, q->proc->cpus_len);
	} else {
		put_lit(t, "Cpus_allowed:\t");
		put_cpu_mask(q, t, task->node);
		put_lit(t, "\nCpus_allowed_list:\t");
		put_cpu_list(q, t, task->node);
		text_putc(t, '\n');
	}
	if (likely(!(q->keys & KEY_CPUSETS)))
		text_put(t, q->proc->mems_text, q->proc->mems_len);
	else
		put_mems_allowed(q, t, task);
}

int show_pid_status(struct quire *q, const struct proc_entry *e,
		    __unused const struct proc_def *def, struct text *t)
{
	struct task *task = proc_get_task(q, e);

	if (!task)
		return -ENOENT;
	put_status_who(t, task);
	if (task->mm)
		put_status_memory(t, task->mm);
	put_status_signals(q, t, task);
	put_status_cpus(q, t, task);
	put_id(t, "voluntary_ctxt_switches:\t", task->nvcsw);
	put_id(t, "nonvoluntary_ctxt_switches:\t", task->nivcsw);
	put_task(q, task);
	return 0;
}
