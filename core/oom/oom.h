/* SPDX-License-Identifier: MIT */
/*
 * The OOM killer: badness, victim, reaper, report (Linux's oom_kill.c).
 */
#ifndef QUIRE_OOM_OOM_H
#define QUIRE_OOM_OOM_H

#include "base/text.h"
#include "reclaim/vmscan.h"

#define OOM_ABORT ((struct task *)-1L)

enum oom_constraint {
	CONSTRAINT_NONE,
	CONSTRAINT_CPUSET,
	CONSTRAINT_MEMORY_POLICY,
	CONSTRAINT_MEMCG
};

struct oom_control {
	struct zonelist *zonelist;
	const nodemask_t *nodemask;
	struct mem_cgroup *memcg;
	gfp_t gfp_mask;
	int order; /* -1: sysrq */
	unsigned long totalpages;
	struct task *chosen; /* with a reference; OOM_ABORT: one is dying already */
	long chosen_points;
	enum oom_constraint constraint;
};

struct oom_rules;

struct oom_floor {
	const struct oom_rules *rules; /* by q->cfg.version */
	int sysctl_panic_on_oom, sysctl_oom_kill_allocating_task, sysctl_oom_dump_tasks;
	struct quire_wait_queue reaper_wait;
	struct list_head reaper_list;
	struct mutex oom_lock;
	unsigned long nr_kills;
	/* Reports are limited to 10 in 5 seconds. */
	u64 report_window; /* ns: when the window began */
	unsigned int nr_reports, nr_suppressed;
	/* Told of each kill, for the machine's story; NULL: nobody. */
	void (*on_kill)(struct quire *q, struct task *victim, const struct oom_control *oc,
			void *ctx);
	void *on_kill_ctx;
};

int oom_init(struct quire *q);

/* LONG_MIN: never.  By the rules of the kernel (oom/rules.h); 6.1: rss + swap + page
 * tables, plus adj. */
long oom_badness(struct quire *q, struct task *p, unsigned long totalpages);
/* /proc/PID/oom_score: 0 .. 2000 in 6.1. */
long oom_score(struct quire *q, struct task *p);
bool out_of_memory(struct quire *q, struct oom_control *oc);
/* Its two steps before the kill, for who wants to know what it would do; they
 * change nothing.  constrained_alloc() sets totalpages and returns the
 * constraint; select_bad_process() then sets chosen (with a reference;
 * OOM_ABORT; NULL) and chosen_points. */
enum oom_constraint constrained_alloc(struct quire *q, struct oom_control *oc);
void select_bad_process(struct quire *q, struct oom_control *oc);
/* Under tasklist_lock: does a thread of p's process have mm? */
bool process_shares_mm(const struct task *p, const struct mm_struct *mm);
/* A thread of the process that still has the memory; NULL: none has.  The same lock. */
struct task *find_task_mm(struct task *p);
/* Killed by the OOM killer and not yet gone. */
bool tsk_is_oom_victim(const struct task *task);
/* Will it free its memory soon without being killed? */
bool task_will_free_mem(struct quire *q, struct task *task);
/* Is memcg ancestor or below it?  NULL is the root. */
bool mem_cgroup_is_descendant(const struct quire *q, const struct mem_cgroup *memcg,
			      const struct mem_cgroup *ancestor);
/* Mem-Info and what follows, as it stands in a report. */
void show_mem(struct quire *q, const nodemask_t *nodemask);
/* The same, only zones up to highest_zoneidx. */
void __show_mem(struct quire *q, const nodemask_t *nodemask, int highest_zoneidx);

#endif
