/* SPDX-License-Identifier: MIT */
/*
 * Virtual time and virtual CPUs.
 *
 * Events come in the order of (time, number): events.c.  A fiber that becomes ready
 * takes an idle CPU, the one it ran on last if it can, else of its home node,
 * else of any; or it queues at its home node, first come first served.  It
 * then runs, in no time, until it waits or yields; what it was charged
 * meanwhile keeps its CPU busy until now + charged, and it can't be ready
 * again before that.  A CPU that comes free takes the first of its node's
 * queue, or else of another's.
 *
 * Invariants: a fiber is in exactly one place (one event, a run queue, a wait
 * bucket, running, or behind its CPU's event); time never goes back; nothing
 * depends on an address (wait buckets are hashed by address, but only their
 * members with one key are ever looked at, in order of arrival).
 *
 * Locks: none, there is one host thread.  Differs from Linux: no preemption,
 * no priorities; a quantum is 1 ms (but see model_set_processor()).
 */
#include "port/model/internal.h"
#include "base/string.h"
#include "port/model/keep.h"

#include <stdlib.h>

/* ---- clock and load --------------------------------------------------------------- */

static u64 work_clock(const struct model *m)
{
	return m->now + work_to_time(m, m->hot.charged_ns);
}

u64 sched_peek(const struct model *m)
{
	return work_clock(m);
}

u64 sched_clock(struct model *m)
{
	/* Fibers on two CPUs work through the same stretch of time one after
	 * the other; neither may see the clock go back. */
	m->clock_last = max(m->clock_last, work_clock(m));
	return m->clock_last;
}

/* Linux's calc_load(): fixed point of 11 bits, every 5 s. */
static void sample_load(struct model *m)
{
	static const u64 exp[3] = {1884, 2014, 2037};
	u64 active = (u64)(m->nr_active + m->nr_busy_tails + m->nr_uninterruptible) * 2048;

	for (unsigned int i = 0; i < 3; i++) {
		u64 load = m->avenrun[i] * exp[i] + active * (2048 - exp[i]);

		if (active >= m->avenrun[i])
			load += 2047;
		m->avenrun[i] = load / 2048;
	}
}

static void advance(struct model *m, u64 time)
{
	while (m->next_load <= time) {
		sample_load(m);
		m->next_load += 5 * NSEC_PER_SEC;
	}
	if (time > m->now)
		m->now = time;
}

void model_loadavg(struct model *m, u64 avg[3])
{
	memcpy(avg, m->avenrun, sizeof(m->avenrun));
}

/* ---- CPUs -------------------------------------------------------------------------- */

static void set_idle(struct model *m, unsigned int cpu, bool idle)
{
	if (idle)
		m->idle[cpu / 64] |= 1UL << (cpu % 64);
	else
		m->idle[cpu / 64] &= ~(1UL << (cpu % 64));
}

static bool is_idle(const struct model *m, unsigned int cpu)
{
	return (m->idle[cpu / 64] >> (cpu % 64)) & 1;
}

/* The lowest idle CPU of [first, first + nr), or -1. */
static int find_idle(const struct model *m, unsigned int first, unsigned int nr)
{
	unsigned int cpu = first, end = first + nr;

	while (cpu < end) {
		u64 word = m->idle[cpu / 64] >> (cpu % 64);

		if (word) {
			cpu += (unsigned int)__builtin_ctzl(word);
			return cpu < end ? (int)cpu : -1;
		}
		cpu = (cpu / 64 + 1) * 64;
	}
	return -1;
}

static int choose_cpu(const struct model *m, const struct fiber *f)
{
	const struct run_queue *rq = &m->rq[f->home];
	int cpu;

	if (is_idle(m, f->ctx.cpu) && m->cpu[f->ctx.cpu].node == f->home)
		return (int)f->ctx.cpu;
	cpu = find_idle(m, rq->first_cpu, rq->nr_cpus);
	for (unsigned int i = 1; i < m->nr_nodes && cpu < 0 && f->pinned < 0; i++) {
		rq = &m->rq[(f->home + i) % m->nr_nodes];
		cpu = find_idle(m, rq->first_cpu, rq->nr_cpus);
	}
	return cpu;
}

/* ---- fairness ----------------------------------------------------------------------
 *
 * CFS of Linux 6.1 with all of one weight: who has had the least of the CPU is
 * next.  A sleeper comes back with at most half a latency less than the others, and
 * takes the CPU at once if it has had a ms less than who runs.  At a tick, who has
 * had its slice gives way.  One CPU's constants; several have the same here.
 */
#define SCHED_LATENCY	      (6 * NSEC_PER_MSEC)
#define SCHED_MIN_GRANULARITY (750 * NSEC_PER_USEC)
#define SCHED_WAKEUP_GRAN     NSEC_PER_MSEC
#define SCHED_NR_LATENCY      8

static u64 sched_slice(unsigned int nr_running)
{
	return nr_running > SCHED_NR_LATENCY ? SCHED_MIN_GRANULARITY : SCHED_LATENCY / nr_running;
}

static struct fiber *leftmost(struct run_queue *rq)
{
	return list_first_entry_or_null(&rq->list, struct fiber, link);
}

/* The least of a fiber on a CPU and those who wait. */
static void update_min_vruntime(struct run_queue *rq, const struct fiber *f)
{
	const struct fiber *first = leftmost(rq);
	u64 least = first ? min(f->vruntime, first->vruntime) : f->vruntime;

	rq->min_vruntime = max(rq->min_vruntime, least);
}

static void place_sleeper(struct model *m, struct fiber *f)
{
	u64 least = m->rq[f->home].min_vruntime;

	f->vruntime = max(f->vruntime, least > SCHED_LATENCY / 2 ? least - SCHED_LATENCY / 2 : 0);
}

/* Must f, who still has work, leave its CPU for those who wait? */
static bool must_give_way(const struct model *m, const struct fiber *f, u64 tick_at)
{
	struct run_queue *rq = &m->rq[f->home];
	const struct fiber *first = leftmost(rq);
	u64 slice = sched_slice(rq->nr + 1);

	if (!first)
		return false;
	if (f->resched)
		return true;
	if (m->now < tick_at)
		return false;
	return f->ran > slice ||
	       (f->ran >= SCHED_MIN_GRANULARITY && f->vruntime > first->vruntime &&
		f->vruntime - first->vruntime > slice);
}

/* Before the first who has had more; sleepers stand near the front. */
static void insert_by_vruntime(struct run_queue *rq, struct fiber *f)
{
	struct fiber *other;

	list_for_each_entry (other, &rq->list, link) {
		if (other->vruntime > f->vruntime) {
			list_add_tail(&f->link, &other->link);
			return;
		}
	}
	list_add_tail(&f->link, &rq->list);
}

static void enqueue(struct model *m, struct fiber *f)
{
	struct run_queue *rq = &m->rq[f->home];

	f->state = FIBER_QUEUED;
	if (f->psi)
		psi_queued(m->q, f->ctx.task->memcg, &f->ctx.task->psi, 1);
	if (m->fair)
		insert_by_vruntime(rq, f);
	else
		list_add_tail(&f->link, &rq->list);
	rq->nr++;
	rq->nr_unpinned += f->pinned < 0;
}

static struct fiber *dequeue_from(struct model *m, struct run_queue *rq, bool any)
{
	struct fiber *f;

	if (!(any ? rq->nr : rq->nr_unpinned))
		return NULL;
	list_for_each_entry (f, &rq->list, link) {
		if (!any && f->pinned >= 0)
			continue;
		list_del(&f->link);
		rq->nr--;
		rq->nr_unpinned -= f->pinned < 0;
		if (f->psi)
			psi_queued(m->q, f->ctx.task->memcg, &f->ctx.task->psi, -1);
		return f;
	}
	return NULL;
}

static struct fiber *pick_next(struct model *m, unsigned int cpu)
{
	unsigned int node = m->cpu[cpu].node;
	struct fiber *f = dequeue_from(m, &m->rq[node], true);

	for (unsigned int i = 1; i < m->nr_nodes && !f; i++)
		f = dequeue_from(m, &m->rq[(node + i) % m->nr_nodes], false);
	if (f)
		f->home = node;
	return f;
}

/* The running fibers of tasks, for pressure: who does not wait runs, or would. */
static void tell_psi(struct model *m, struct fiber *f, bool running)
{
	struct task *task = f->ctx.task;

	if (!task || f->psi == running)
		return;
	f->psi = running;
	psi_running(m->q, task->memcg, &task->psi, running ? 1 : -1);
}

/* ---- running a fiber ------------------------------------------------------------------ */

static void account(struct model *m, struct fiber *f)
{
	struct task *task = f->ctx.task;
	u64 charged = work_to_time(m, m->hot.charged_ns);
	u64 user = min(work_to_time(m, m->user_ns), charged);

	m->cpu[f->ctx.cpu].busy_ns += charged;
	m->cpu[f->ctx.cpu].user_ns += user;
	if (task) {
		struct mem_cgroup *memcg = task->memcg ? task->memcg : m->q->group->root;

		task->utime += user;
		task->stime += charged - user;
		memcg->utime += user;
		memcg->stime += charged - user;
	}
	f->ready_at = m->now + charged;
	f->vruntime += charged;
	f->ran += charged;
	m->user_ns = 0;
}

static void free_fiber(struct model *m, struct fiber *f)
{
	list_del(&f->all);
	coro_free(&m->stacks, &f->coro);
	keep_free(f);
}

/* Runs f on an idle CPU until it stops; then the CPU is busy, or idle again. */
static void run_fiber(struct model *m, unsigned int cpu, struct fiber *f)
{
	struct vcpu *c = &m->cpu[cpu];
	u64 end;

	f->state = FIBER_RUNNING;
	f->ctx.cpu = cpu;
	if (f->ctx.task) {
		f->ctx.task->cpu = cpu;
		if (f->ctx.task->state < EXIT_ZOMBIE)
			f->ctx.task->state = TASK_RUNNING;
	}
	m->running = f;
	m->nr_runs++;
	m->hot.current = &f->ctx;
	m->hot.charged_ns = 0;
	m->user_ns = 0;
	m->free_yields = 0;
	c->tick_at = (m->now / m->quantum_ns + 1) * m->quantum_ns;
	m->slice_ns = time_to_work(m, m->fair ? c->tick_at - m->now : m->quantum_ns) + m->fair;
	if (m->fair)
		update_min_vruntime(&m->rq[f->home], f);
	coro_switch(&m->main, &f->coro, false);
	m->running = NULL;
	m->hot.current = &m->irq_ctx;
	m->irq_ctx.cpu = cpu;
	m->hot.charged_ns = 0;

	end = f->ready_at;
	if (f->state == FIBER_YIELDED)
		c->yielded = f;
	else if (f->state == FIBER_DEAD)
		free_fiber(m, f);
	c->busy = true;
	set_idle(m, cpu, false);
	if (!c->yielded)
		m->nr_busy_tails++;
	sched_push(m, end, MEV_CPU, cpu, NULL);
}

static bool may_run(const struct model *m, const struct fiber *f)
{
	return !m->finishing || f->kthread || f->call;
}

static void park(struct model *m, struct fiber *f)
{
	f->state = FIBER_PARKED;
	m->nr_active--;
	tell_psi(m, f, false);
}

void sched_stop(struct model *m)
{
	struct fiber *f = m->running;

	f->state = FIBER_PARKED;
	for (;;)
		coro_switch(&f->coro, &m->main, false);
}

static void fiber_ready(struct model *m, struct fiber *f);

static void cpu_free(struct model *m, unsigned int cpu)
{
	struct vcpu *c = &m->cpu[cpu];
	struct fiber *f = c->yielded;

	c->busy = false;
	c->yielded = NULL;
	set_idle(m, cpu, true);
	if (f && f->stalled) {
		f->stalled = false;
		run_fiber(m, cpu, f);
		return;
	}
	if (!f)
		m->nr_busy_tails--;
	else if (!may_run(m, f))
		park(m, f);
	else if (unlikely(f->home != c->node)) { /* it was sent to another node */
		fiber_ready(m, f);
		if (c->busy) /* where all are busy, too */
			return;
	} else if (m->fair && !must_give_way(m, f, c->tick_at)) {
		run_fiber(m, cpu, f);
		return;
	} else
		enqueue(m, f);
	while ((f = pick_next(m, cpu))) {
		if (may_run(m, f)) {
			f->ran = 0;
			f->resched = false;
			run_fiber(m, cpu, f);
			break;
		}
		park(m, f);
	}
}

/* Those on the CPUs of its queue who have had enough more than f are to give way. */
static void preempt_check(struct model *m, const struct fiber *f)
{
	const struct run_queue *rq = &m->rq[f->home];

	for (unsigned int i = 0; m->fair && i < rq->nr_cpus; i++) {
		struct fiber *other = m->cpu[rq->first_cpu + i].yielded;

		if (other && other->vruntime > f->vruntime + SCHED_WAKEUP_GRAN)
			other->resched = true;
	}
}

static void fiber_ready(struct model *m, struct fiber *f)
{
	int cpu;

	if (!may_run(m, f)) {
		park(m, f);
		return;
	}
	cpu = choose_cpu(m, f);
	place_sleeper(m, f);
	if (cpu < 0) {
		preempt_check(m, f);
		enqueue(m, f);
		return;
	}
	f->ran = 0;
	f->resched = false;
	f->home = m->cpu[cpu].node;
	run_fiber(m, (unsigned int)cpu, f);
}

/* The running fiber gives its CPU up; returns when it runs again. */
static void switch_out(struct model *m, struct fiber *f)
{
	account(m, f);
	coro_switch(&f->coro, &m->main, f->state == FIBER_DEAD);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static struct list_head *wait_bucket(struct model *m, const struct quire_wait_queue *wq)
{
	u64 key = (u64)wq >> 2;

	return &m->wait[(key * 0x9e3779b97f4a7c15UL >> 32) % WAIT_BUCKETS];
}

static void end_wait(struct model *m, struct fiber *f)
{
	list_del(&f->link);
	f->wq->waiters--;
	f->wq = NULL;
	if (f->timer != NO_TIMER)
		sched_pull(m, f->timer);
	f->timer = NO_TIMER;
	if (f->uninterruptible)
		m->nr_uninterruptible--;
	f->uninterruptible = false;
	m->nr_active++;
	tell_psi(m, f, true);
	f->state = FIBER_PENDING;
	if (m->running)
		m->slice_ns = min(m->slice_ns, m->hot.charged_ns + time_to_work(m, MODEL_WAKE_NS));
	sched_push(m, max(work_clock(m), f->ready_at), MEV_READY, 0, f);
}

/* The host's caller waits (boot, a test): events run until it is woken. */
static void wait_outside(struct model *m, struct quire_wait_queue *wq, u32 seq, u64 timeout_ns)
{
	u64 deadline = m->now + timeout_ns < m->now ? UINT64_MAX : m->now + timeout_ns;

	while (wq->seq == seq) {
		if (m->heap_len && m->heap[0].time <= deadline) {
			model_step(m);
			continue;
		}
		if (deadline == UINT64_MAX)
			model_panic(m, "deadlock: the caller waits, and nothing is left to run");
		advance(m, deadline);
		return;
	}
}

void sched_wait(struct model *m, struct quire_wait_queue *wq, u32 seq, u64 timeout_ns)
{
	struct fiber *f = m->running;
	struct task *task;
	u64 now;

	if (wq->seq != seq)
		return;
	if (!f) {
		wait_outside(m, wq, seq, timeout_ns);
		return;
	}
	now = work_clock(m);
	f->wq = wq;
	wq->waiters++;
	list_add_tail(&f->link, wait_bucket(m, wq));
	f->state = FIBER_WAITING;
	m->nr_active--;
	tell_psi(m, f, false);
	if (now + timeout_ns >= now && timeout_ns != UINT64_MAX)
		sched_push(m, now + timeout_ns, MEV_TIMEOUT, 0, f);
	task = f->ctx.task;
	if (task && task->state < EXIT_ZOMBIE) {
		/* A process that waits inside the kernel waits for memory or a
		 * disk; a kernel thread has nothing to do. */
		f->uninterruptible = !f->kthread && !f->interruptible;
		task->state = f->uninterruptible ? TASK_UNINTERRUPTIBLE : TASK_INTERRUPTIBLE;
		task->nvcsw++;
		if (f->uninterruptible)
			m->nr_uninterruptible++;
	}
	switch_out(m, f);
}

void sched_wake(struct model *m, struct quire_wait_queue *wq)
{
	struct fiber *f, *next;

	if (!wq) { /* everybody, in the order in which they were made */
		list_for_each_entry (f, &m->fibers, all)
			sched_interrupt(f);
		return;
	}
	list_for_each_entry_safe (f, next, wait_bucket(m, wq), link)
		if (f->wq == wq)
			end_wait(m, f);
}

void sched_interrupt(struct fiber *f)
{
	if (f->state == FIBER_WAITING)
		end_wait(f->m, f);
}

void sched_yield_cpu(struct model *m)
{
	struct fiber *f = m->running;

	if (!f)
		return;
	if (m->hot.charged_ns < m->slice_ns) {
		/* Who only looks and yields must not stop the clock. */
		if (++m->free_yields < MODEL_FREE_YIELDS)
			return;
		hot_charge(&m->hot, NSEC_PER_USEC);
	}
	f->state = FIBER_YIELDED;
	if (f->ctx.task)
		f->ctx.task->nivcsw++;
	switch_out(m, f);
}

#define EXPLORE_STALL_NS 1000

/* The running fiber's CPU stands still for a moment, in the midst of what it does. */
static void explore(void *model, bool must)
{
	struct model *m = model;
	struct fiber *f = m->running;

	if (!f) {
		if (must)
			model_panic(m, "a lock is held by a CPU that stands still");
		return;
	}
	if (!must && prng_below(&m->explore_rng, m->explore_one_in))
		return;
	hot_charge(&m->hot, 1 + prng_below(&m->explore_rng, EXPLORE_STALL_NS));
	f->stalled = true;
	m->nr_stalls++;
	f->state = FIBER_YIELDED;
	switch_out(m, f);
}

void model_explore(struct model *m, u64 seed, unsigned int one_in)
{
	prng_seed(&m->explore_rng, seed);
	m->explore_one_in = max(one_in, 1u);
	m->q->explore = one_in ? explore : NULL;
}

u64 model_nr_stalls(const struct model *m)
{
	return m->nr_stalls;
}

void model_set_processor(struct model *m, unsigned int slowness_percent, u64 tick_ns)
{
	m->fair = true;
	m->slowness = max((u64)slowness_percent * 256 / 100, 1UL);
	m->quantum_ns = tick_ns;
}

void model_sleep(struct model *m, u64 ns)
{
	struct quire_wait_queue never = {0};

	if (m->running)
		m->running->interruptible = true;
	sched_wait(m, &never, 0, ns);
	if (m->running)
		m->running->interruptible = false;
}

void model_wait(struct model *m, struct quire_wait_queue *wq, u32 seq, u64 timeout_ns)
{
	if (m->running)
		m->running->interruptible = true;
	sched_wait(m, wq, seq, timeout_ns);
	if (m->running)
		m->running->interruptible = false;
}

void model_compute(struct model *m, u64 ns)
{
	ns = time_to_work(m, ns);
	while (ns) {
		u64 used = m->hot.charged_ns;
		u64 slice = used < m->slice_ns ? min(ns, m->slice_ns - used) : 0;

		hot_charge(&m->hot, slice);
		m->user_ns += slice;
		ns -= slice;
		if (!m->running)
			return;
		sched_yield_cpu(m);
	}
}

/* ---- fibers --------------------------------------------------------------------------------- */

static void fiber_main(void *arg)
{
	struct fiber *f = arg;
	struct model *m = f->m;
	struct task *task;

	coro_entered(&m->main);
	/* A kernel thread that was started before there were tasks. */
	if (f->kthread && !f->ctx.task && m->q->space && m->q->space->kthreadd) {
		task = create_kthread_task(m->q, f->name);
		if (!IS_ERR_OR_NULL(task)) {
			f->ctx.task = task;
			task->port_private = f;
			get_task(task);
			tell_psi(m, f, true);
		}
	}
	f->fn(f->arg);
	task = f->ctx.task;
	if (task && f->kthread)
		do_exit(m->q, task, 0);
	f->state = FIBER_DEAD;
	m->nr_active--;
	tell_psi(m, f, false);
	if (f->done)
		*f->done = true;
	account(m, f);
	if (task) {
		if (task->port_private == f)
			task->port_private = NULL;
		f->ctx.task = NULL;
		put_task(m->q, task);
	}
	coro_switch(&f->coro, &m->main, true);
	__builtin_unreachable();
}

struct fiber *sched_spawn(struct model *m, const char *name, void (*fn)(void *), void *arg,
			  struct task *task, int node, bool kthread)
{
	struct fiber *f = keep_calloc(1, sizeof(*f));
	unsigned int home;

	if (!f)
		return NULL;
	if (!coro_init(&m->stacks, &f->coro, fiber_main, f)) {
		keep_free(f);
		return NULL;
	}
	f->m = m;
	f->fn = fn;
	f->arg = arg;
	f->timer = NO_TIMER;
	f->kthread = kthread;
	str_lcpy(f->name, name, sizeof(f->name));
	if (node < 0 && task)
		node = task->node;
	if (node < 0)
		home = m->next_home++ % m->nr_nodes;
	else
		home = (unsigned int)node % m->nr_nodes;
	/* A node without CPUs: the next that has some, and no pin. */
	f->pinned = node >= 0 && m->rq[home].nr_cpus ? node : -1;
	while (!m->rq[home].nr_cpus)
		home = (home + 1) % m->nr_nodes;
	f->home = home;
	f->ctx.cpu = m->rq[home].first_cpu;
	f->ctx.task = task;
	f->ctx.flags = kthread ? PF_KTHREAD : 0;
	if (task) {
		get_task(task);
		if (!task->port_private)
			task->port_private = f;
	}
	list_add_tail(&f->all, &m->fibers);
	m->nr_active++;
	tell_psi(m, f, true);
	sched_push(m, work_clock(m), MEV_READY, 0, f);
	return f;
}

int sched_set_home(struct model *m, struct fiber *f, unsigned int node)
{
	const struct run_queue *from = &m->rq[f->home], *to;

	if (f != m->running || f->pinned >= 0 || node >= m->nr_nodes || !m->rq[node].nr_cpus)
		return -EINVAL;
	to = &m->rq[node];
	if (find_idle(m, to->first_cpu, to->nr_cpus) < 0 &&
	    to->nr * from->nr_cpus >= from->nr * to->nr_cpus)
		return -EBUSY;
	f->home = node;
	return 0;
}

/* ---- events ------------------------------------------------------------------------------------ */

bool model_step(struct model *m)
{
	struct model_event e;

	if (m->running)
		model_panic(m, "model_step() from inside a fiber");
	if (!m->heap_len || m->panicked)
		return false;
	e = m->heap[0];
	sched_pull(m, 0);
	advance(m, e.time);
	m->hot.charged_ns = 0;
	m->hot.current = &m->irq_ctx;
	switch ((enum model_event_kind)e.kind) {
	case MEV_READY:
		fiber_ready(m, e.ptr);
		break;
	case MEV_TIMEOUT:
		((struct fiber *)e.ptr)->timer = NO_TIMER;
		end_wait(m, e.ptr);
		break;
	case MEV_CPU:
		cpu_free(m, e.cpu);
		break;
	case MEV_BIO:
		m->irq_ctx.cpu = e.cpu;
		model_bio_done(m, e.ptr);
		break;
	}
	m->hot.charged_ns = 0;
	return true;
}

void model_run_until(struct model *m, u64 t_ns)
{
	while (m->heap_len && m->heap[0].time <= t_ns && !m->panicked)
		model_step(m);
	advance(m, t_ns);
}

unsigned int model_nr_running(struct model *m)
{
	return m->nr_active + m->nr_busy_tails;
}

u64 model_cpu_busy_ns(struct model *m, unsigned int cpu)
{
	return cpu < m->nr_cpus ? m->cpu[cpu].busy_ns : 0;
}

bool sched_init(struct model *m, const struct quire_config *cfg)
{
	unsigned int cpu = 0;

	m->slowness = 256;
	m->quantum_ns = MODEL_QUANTUM_NS;
	INIT_LIST_HEAD(&m->fibers);
	for (unsigned int i = 0; i < WAIT_BUCKETS; i++)
		INIT_LIST_HEAD(&m->wait[i]);
	m->nr_nodes = cfg->nr_nodes;
	for (unsigned int n = 0; n < m->nr_nodes; n++)
		m->nr_cpus += cfg->node[n].nr_cpus;
	m->cpu = keep_calloc(m->nr_cpus, sizeof(*m->cpu));
	m->rq = keep_calloc(m->nr_nodes, sizeof(*m->rq));
	if (!m->cpu || !m->rq)
		return false;
	for (unsigned int n = 0; n < m->nr_nodes; n++) {
		m->rq[n].first_cpu = cpu;
		m->rq[n].nr_cpus = cfg->node[n].nr_cpus;
		INIT_LIST_HEAD(&m->rq[n].list);
		for (unsigned int i = 0; i < cfg->node[n].nr_cpus; i++, cpu++) {
			m->cpu[cpu].node = n;
			set_idle(m, cpu, true);
		}
	}
	m->next_load = 5 * NSEC_PER_SEC;
	m->hot.current = &m->irq_ctx;
	return true;
}

/* Fibers that still sleep are dropped as they are: their stacks go. */
void sched_destroy(struct model *m)
{
	struct fiber *f, *next;

	if (m->fibers.next)
		list_for_each_entry_safe (f, next, &m->fibers, all)
			free_fiber(m, f);
	stack_cache_drain(&m->stacks);
	keep_free(m->heap);
	keep_free(m->cpu);
	keep_free(m->rq);
}
