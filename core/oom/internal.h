/* SPDX-License-Identifier: MIT */
/*
 * What the files of the OOM killer share.
 */
#ifndef QUIRE_OOM_INTERNAL_H
#define QUIRE_OOM_INTERNAL_H

#include "oom/oom.h"

static inline bool is_memcg_oom(const struct oom_control *oc)
{
	return oc->memcg != NULL;
}

static inline bool is_sysrq_oom(const struct oom_control *oc)
{
	return oc->order == -1;
}

static inline bool is_global_init(const struct quire *q, const struct task *p)
{
	return p->tgid == 1 || p == q->space->init_task;
}

/* badness.c */
bool oom_unkillable_task(const struct quire *q, const struct task *p);
/* oom_badness() under tasklist_lock. */
long oom_badness_locked(struct quire *q, struct task *p, unsigned long totalpages);
bool oom_cpuset_eligible(struct quire *q, const struct task *p, const struct oom_control *oc);

/* report.c */
void dump_header(struct quire *q, const struct oom_control *oc, struct task *victim);

/* reaper.c */
int oom_reaper_init(struct quire *q);
void queue_oom_reaper(struct quire *q, struct task *task);

#endif
