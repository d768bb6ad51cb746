/* SPDX-License-Identifier: MIT */
/*
 * Pressure stall information: how long tasks waited for a resource (Linux's
 * psi.c, after Weiner).
 *
 * "some" is time in which at least one task stalled, "full" time in which at
 * least one stalled and none made progress.  Each is a total in ns and three
 * averages over 10, 60 and 300 s that decay exponentially, updated every 2 s and a tick:
 *
 *	avg = avg * e^(-2/window) + share of the last 2 s * (1 - e^(-2/window))
 *
 * in fixed point of 11 bits.  Nothing runs every 2 s: a group's state is
 * constant from one change to the next, so the periods that ended in between
 * are made up for when it next changes or is shown, and the result is the same.
 *
 * Lock: psi->lock, a leaf.  Differs from Linux: a machine's state is one, not
 * one a CPU weighed by its tasks; who runs is told by the port.
 */
#include "group/memcontrol.h"

/* PSI_FREQ, 2 * HZ + 1 ticks: a tick more than 2 s, so as not to beat with what is periodic. */
#define PSI_PERIOD (2 * NSEC_PER_SEC + NSEC_PER_SEC / 250)
#define FSHIFT	   11
#define FIXED_1	   (1UL << FSHIFT)

/* FIXED_1 * e^(-2/10), e^(-2/60), e^(-2/300) */
static const unsigned long psi_exp[3] = {1677, 1981, 2034};

void psi_init(struct quire *q, struct psi_group *psi)
{
	*psi = (struct psi_group){0};
	spin_lock_init(&psi->lock, LOCK_PSI);
	psi->last_change = quire_clock(q);
	psi->avg_next_update = psi->last_change + PSI_PERIOD;
}

static bool psi_state(const struct psi_group *psi, bool machine, unsigned int res,
		      unsigned int state)
{
	if (!psi->nr_stalled[res])
		return false;
	if (state == PSI_SOME)
		return true;
	/* A group is stalled when others have the CPUs; of the machine somebody has them. */
	if (res == PSI_CPU)
		return !machine && psi->nr_stalled[PSI_CPU] >= psi->nr_running;
	/* Those who run in order to get memory make no progress either. */
	return res == PSI_MEM ? psi->nr_running == psi->nr_memstall_running : !psi->nr_running;
}

static bool anything_stalls(const struct psi_group *psi)
{
	for (unsigned int r = 0; r < NR_PSI_RESOURCES; r++)
		if (psi->nr_stalled[r])
			return true;
	return false;
}

/* Totals up to now; the state has not changed since last_change. */
static void add_totals(struct psi_group *psi, bool machine, u64 now)
{
	u64 delta = now - psi->last_change;

	psi->last_change = now;
	if (!anything_stalls(psi))
		return;
	for (unsigned int r = 0; r < NR_PSI_RESOURCES; r++)
		for (unsigned int s = 0; s < NR_PSI_STATES; s++)
			if (psi_state(psi, machine, r, s))
				psi->total[r][s] += delta;
}

static unsigned long decay(unsigned long avg, unsigned long exp, unsigned long active)
{
	unsigned long sum = avg * exp + active * (FIXED_1 - exp);

	/* Round up while rising, so that a steady load is reached. */
	if (active >= avg)
		sum += FIXED_1 - 1;
	return sum / FIXED_1;
}

/* The averages at the end of a period, whose totals are in.  False: all are 0
 * and stay so while nothing stalls. */
static bool end_period(struct psi_group *psi)
{
	bool any = false;

	for (unsigned int r = 0; r < NR_PSI_RESOURCES; r++) {
		for (unsigned int s = 0; s < NR_PSI_STATES; s++) {
			u64 stalled = min(psi->total[r][s] - psi->avg_last[r][s], (u64)PSI_PERIOD);
			unsigned long pct = (unsigned long)(stalled * 100 / PSI_PERIOD) * FIXED_1;

			psi->avg_last[r][s] += stalled;
			for (unsigned int w = 0; w < 3; w++) {
				psi->avg[r][s][w] = decay(psi->avg[r][s][w], psi_exp[w], pct);
				any |= psi->avg[r][s][w] != 0;
			}
		}
	}
	return any;
}

/* Under the lock: everything up to now. */
static void psi_advance(const struct quire *q, struct psi_group *psi, u64 now)
{
	bool machine = q->group && psi == &q->group->psi;

	while (now >= psi->avg_next_update) {
		u64 periods = (now - psi->avg_next_update) / PSI_PERIOD;

		add_totals(psi, machine, psi->avg_next_update);
		psi->avg_next_update += PSI_PERIOD;
		if (!end_period(psi) && !anything_stalls(psi))
			psi->avg_next_update += periods * PSI_PERIOD;
	}
	if (now > psi->last_change)
		add_totals(psi, machine, now);
}

void psi_update(struct quire *q, struct psi_group *psi)
{
	u64 now = quire_clock(q);

	spin_lock(q, &psi->lock);
	psi_advance(q, psi, now);
	spin_unlock(q, &psi->lock);
}

/* What a group's counts change by. */
struct psi_delta {
	int stalled[NR_PSI_RESOURCES];
	int running, memstall_running;
};

static void psi_change(struct quire *q, struct psi_group *psi, u64 now, const struct psi_delta *d)
{
	spin_lock(q, &psi->lock);
	psi_advance(q, psi, now);
	for (unsigned int r = 0; r < NR_PSI_RESOURCES; r++)
		psi->nr_stalled[r] += (unsigned int)d->stalled[r];
	psi->nr_running += (unsigned int)d->running;
	psi->nr_memstall_running += (unsigned int)d->memstall_running;
	spin_unlock(q, &psi->lock);
}

/* In a group, its ancestors and the machine. */
static void psi_change_all(struct quire *q, struct mem_cgroup *memcg, const struct psi_delta *d)
{
	u64 now = quire_clock(q);

	for (; memcg && memcg->parent; memcg = memcg->parent)
		psi_change(q, &memcg->psi, now, d);
	psi_change(q, &q->group->psi, now, d);
}

/* The running task, or a context without one, begins or ends a stall.  Stalls
 * of one task nest, and count once. */
static void psi_stall(struct quire *q, enum psi_res res, int delta)
{
	const struct group_pressure_ops *ops;
	struct psi_delta d = {.running = 0};
	struct psi_task *task;

	if (!q->group)
		return;
	d.stalled[res] = delta;
	ops = &q->group->ops;
	task = ops->current_psi ? ops->current_psi(q) : NULL;
	if (task) {
		task->in_stall[res] += (unsigned int)delta;
		if (task->in_stall[res] != (delta > 0))
			return;
		if (res == PSI_MEM)
			d.memstall_running = delta * (int)task->running;
	}
	psi_change_all(q, ops->current_memcg ? ops->current_memcg(q) : NULL, &d);
}

void psi_stall_enter(struct quire *q, enum psi_res res)
{
	psi_stall(q, res, 1);
}

void psi_stall_leave(struct quire *q, enum psi_res res)
{
	psi_stall(q, res, -1);
}

void psi_running(struct quire *q, struct mem_cgroup *memcg, struct psi_task *task, int delta)
{
	struct psi_delta d = {.running = delta};

	task->running += (unsigned int)delta;
	if (task->in_stall[PSI_MEM])
		d.memstall_running = delta;
	if (q->group)
		psi_change_all(q, memcg, &d);
}

void psi_queued(struct quire *q, struct mem_cgroup *memcg, struct psi_task *task, int delta)
{
	struct psi_delta d = {.running = 0};

	d.stalled[PSI_CPU] = delta;
	task->in_stall[PSI_CPU] += (unsigned int)delta;
	if (q->group)
		psi_change_all(q, memcg, &d);
}

void psi_move_task(struct quire *q, struct mem_cgroup *from, struct mem_cgroup *to,
		   const struct psi_task *task)
{
	struct psi_delta d = {.running = (int)task->running}, minus = {.running = -d.running};

	if (task->in_stall[PSI_MEM]) {
		d.memstall_running = d.running;
		minus.memstall_running = -d.running;
	}
	for (unsigned int r = 0; r < NR_PSI_RESOURCES; r++) {
		d.stalled[r] = r == PSI_CPU ? (int)task->in_stall[r] : task->in_stall[r] != 0;
		minus.stalled[r] = -d.stalled[r];
	}
	psi_change_all(q, from, &minus);
	psi_change_all(q, to, &d);
}
