/* SPDX-License-Identifier: MIT */
/*
 * The reaper: takes the memory of victims that do not die (Linux's
 * oom_reaper thread).
 *
 * The idea: a killed process may be stuck behind a lock that somebody holds
 * who waits for memory.  Two seconds after the kill its private anonymous
 * pages are unmapped from outside: nobody will read them again.  Whether that
 * worked or not, MMF_OOM_SKIP then says that this victim has had its chance,
 * and the killer may choose another.
 *
 * Kernels before 4.6 have none, and those before 5.18 one that does not wait
 * (oom/rules.h).
 *
 * Invariants: a task on reaper_list carries a reference, and its mm the flag
 * MMF_OOM_REAP_QUEUED, so it is queued once.  The list is in order of time.
 *
 * Lock: the list belongs to tasklist_lock.
 */
#include "base/printk.h"
#include "oom/internal.h"
#include "oom/rules.h"

#define OOM_REAPER_DELAY     (2 * NSEC_PER_SEC)
#define MAX_OOM_REAP_RETRIES 10

void queue_oom_reaper(struct quire *q, struct task *task)
{
	struct mm_struct *mm = task->signal->oom_mm;

	if (!mm || !q->port->thread_start || !q->oom->rules->reaper)
		return;
	if (HOT_OR(&mm->flags, BIT(MMF_OOM_REAP_QUEUED)) & BIT(MMF_OOM_REAP_QUEUED))
		return;
	get_task(task);
	task->oom_reaper_at = quire_clock(q) + (q->oom->rules->reaper_waits ? OOM_REAPER_DELAY : 0);
	spin_lock(q, &q->space->tasklist_lock);
	list_add_tail(&task->oom_reaper_list, &q->oom->reaper_list);
	spin_unlock(q, &q->space->tasklist_lock);
	wake_up(q, &q->oom->reaper_wait);
}

static void oom_reap_task(struct quire *q, struct task *task)
{
	struct mm_struct *mm = task->signal->oom_mm;
	bool done = false;

	for (int i = 0; i < MAX_OOM_REAP_RETRIES && !q->stopping && !done; i++) {
		if (i)
			sleep_ns(q, NSEC_PER_SEC / 10);
		/* It got out by itself. */
		done = (HOT_LOAD(&mm->flags) & BIT(MMF_OOM_SKIP)) != 0;
		if (done || !oom_reap_mm(q, mm))
			continue;
		done = true;
		pr_info(q,
			"oom_reaper: reaped process %d (%s), now anon-rss:%lukB, file-rss:%lukB, "
			"shmem-rss:%lukB",
			task->pid, task->comm, get_mm_counter(mm, MM_ANONPAGES) << 2,
			get_mm_counter(mm, MM_FILEPAGES) << 2,
			get_mm_counter(mm, MM_SHMEMPAGES) << 2);
	}
	if (!done && !q->stopping)
		pr_info(q, "oom_reaper: unable to reap pid:%d (%s)", task->pid, task->comm);
	(void)HOT_OR(&mm->flags, BIT(MMF_OOM_SKIP));
}

/* The first whose time has come, off the list; or *wait_ns says how long to
 * wait for one. */
static struct task *next_to_reap(struct quire *q, u64 *wait_ns)
{
	u64 now = quire_clock(q);
	struct task *task = NULL;

	*wait_ns = MAX_SCHEDULE_TIMEOUT;
	spin_lock(q, &q->space->tasklist_lock);
	if (!list_empty(&q->oom->reaper_list)) {
		task = list_first_entry(&q->oom->reaper_list, struct task, oom_reaper_list);
		if (task->oom_reaper_at > now) {
			*wait_ns = task->oom_reaper_at - now;
			task = NULL;
		} else {
			list_del(&task->oom_reaper_list);
		}
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return task;
}

static void oom_reaper(struct quire *q, void *arg)
{
	struct task *task;
	u64 wait_ns;

	(void)arg;
	while (!q->stopping) {
		u32 seq = HOT_LOAD(&q->oom->reaper_wait.seq);

		task = next_to_reap(q, &wait_ns);
		if (!task) {
			wait_on(q, &q->oom->reaper_wait, seq, wait_ns);
			continue;
		}
		oom_reap_task(q, task);
		put_task(q, task);
	}
}

int oom_reaper_init(struct quire *q)
{
	return kthread_run(q, "oom_reaper", oom_reaper, NULL, -1);
}
