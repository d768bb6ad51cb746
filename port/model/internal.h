/* SPDX-License-Identifier: MIT */
/*
 * What the files of the model port share: the model itself, its fibers, its
 * virtual CPUs and its events.  Nothing outside port/model/ includes this.
 *
 * Layers, from below: fiber.c switches stacks; sched.c has time, CPUs and who
 * runs; disk.c, content.c and mmu.c are the devices; port.c is the table that
 * the core calls; model.c creates and destroys.
 */
#ifndef QUIRE_MODEL_INTERNAL_H
#define QUIRE_MODEL_INTERNAL_H

#include "port/model/model.h"
#include "port/model/content.h"

#ifndef __x86_64__
#include <ucontext.h>
#endif

/* A fiber yields when it has worked for so long (and Linux's tick is near). */
#define MODEL_QUANTUM_NS NSEC_PER_MSEC
/* ... or so long after it woke another: on a machine that one would run at
 * once, on its own CPU, and kswapd must be there before memory is used up. */
#define MODEL_WAKE_NS (10 * NSEC_PER_USEC)
/* Yields that cost nothing, in a row, before time passes all the same. */
#define MODEL_FREE_YIELDS 1024

/* ---- fiber.c: stacks and the switch between them ------------------------------ */

struct coro {
#ifdef __x86_64__
	void *sp;
#else
	ucontext_t uc;
#endif
	void *stack; /* lowest usable byte */
	size_t stack_bytes;
	void *fake_stack; /* the address sanitizer's */
};

struct stack_cache {
	void *free; /* linked through the first word */
	unsigned int nr_free;
};

/* A stack from the cache or the host; false if the host has none. */
bool coro_init(struct stack_cache *cache, struct coro *c, void (*entry)(void *), void *arg);
/* The stack goes back to the cache, or to the host. */
void coro_free(struct stack_cache *cache, struct coro *c);
void stack_cache_drain(struct stack_cache *cache);
/* from stops here and to goes on; ends: from is never resumed. */
void coro_switch(struct coro *from, struct coro *to, bool ends);
/* The first thing that a fiber does: came_from is who switched to it. */
void coro_entered(struct coro *came_from);

/* ---- sched.c ------------------------------------------------------------------- */

enum fiber_state {
	FIBER_PENDING, /* a MEV_READY event will make it runnable */
	FIBER_QUEUED,  /* waits for a CPU */
	FIBER_RUNNING,
	FIBER_YIELDED, /* its CPU is busy with what it has done; then it queues again */
	FIBER_WAITING, /* on fiber->wq */
	FIBER_PARKED,  /* the model is being destroyed: it never runs again */
	FIBER_DEAD,
};

#define NO_TIMER SIZE_MAX

struct fiber {
	struct quire_context ctx;
	struct coro coro;
	struct model *m;
	struct list_head all;  /* model->fibers, in the order of creation */
	struct list_head link; /* run queue or wait bucket */
	enum fiber_state state;
	int pinned;	   /* node, or -1 */
	unsigned int home; /* node whose queue it joins */
	bool kthread, call, interruptible, uninterruptible;
	bool stalled; /* yielded, but its CPU is kept for it: model_explore() */
	bool psi;     /* counted as running in its task's group */
	struct quire_wait_queue *wq;
	u64 ready_at; /* when the work that it was charged for is done */
	/* Of a fair scheduler: its share so far, since it got the CPU, and that
	 * somebody who has had less waits. */
	u64 vruntime, ran;
	bool resched;
	size_t timer; /* its timeout's place in the heap */
	bool *done;   /* set when it ends */
	char name[TASK_COMM_LEN];
	void (*fn)(void *arg);
	void *arg;
};

enum model_event_kind { MEV_READY, MEV_TIMEOUT, MEV_CPU, MEV_BIO };

struct model_event {
	u64 time, seq; /* the order: by time, then by number */
	u32 kind, cpu;
	void *ptr; /* fiber or bio */
};

struct vcpu {
	unsigned int node;
	bool busy;
	struct fiber *yielded; /* queues again when the CPU is free */
	u64 tick_at;	       /* fair: the next tick */
	u64 busy_ns;
	u64 user_ns; /* of busy_ns: in user mode */
};

struct run_queue {
	struct list_head list;
	unsigned int nr, nr_unpinned;
	unsigned int first_cpu, nr_cpus;
	u64 min_vruntime; /* fair: of those who run or wait; never goes back */
};

#define WAIT_BUCKETS 4096

/* ---- disk.c, mmu.c --------------------------------------------------------------- */

#define MODEL_MAX_DISKS 64

struct disk {
	struct model_disk_config cfg;
	char name[32];
	u64 nr_pages;
	u8 *bytes;	   /* of all its pages, with real bytes; or NULL */
	u64 *content;	   /* by page; reserved address space. Bit 63: was written */
	u64 *slots;	   /* heap of the times at which the queue's slots are free */
	u64 transfer_free; /* when the wire is free */
	struct prng rng;   /* of latencies and errors */
	u64 head;	   /* the page behind the last request's */
	u64 next_slot;	   /* of a volume with a rate: when the next request may begin */
	struct model_disk_faults faults;
	unsigned int in_flight;
	struct quire_wait_queue room; /* for who waits until in_flight falls */
	/* A timer lets requests go (0: none), and in which ticks it fires. */
	u64 tick_ns, work_ns;
#define MODEL_DISK_FIRINGS 4
	u64 firing[MODEL_DISK_FIRINGS];
	unsigned int newest;
};

void model_submit(struct model *m, struct quire_bio *bio);
void model_bio_done(struct model *m, struct quire_bio *bio);
void model_free_disks(struct model *m);

struct mmu;
struct mmu *mmu_create(struct model *m);
void mmu_destroy(struct mmu *mmu);
void mmu_flush(struct model *m, struct mm_struct *mm, u64 start, u64 end);

/* ---- the model ------------------------------------------------------------------- */

struct model {
	struct quire_hot hot;
	struct quire *q;
	u64 now;	/* time of the event that is being handled */
	u64 clock_last; /* what the clock said last: it never goes back */
	u64 user_ns;	/* of hot.charged_ns: work in user mode */

	struct model_event *heap;
	size_t heap_len, heap_cap;
	u64 next_seq;

	struct coro main;
	struct fiber *running; /* NULL: the scheduler, or the host's caller */
	u64 nr_runs;	       /* how often some fiber was given a CPU */
	struct quire_context irq_ctx;
	struct stack_cache stacks;
	struct list_head fibers;
	struct list_head wait[WAIT_BUCKETS];

	struct vcpu *cpu;
	unsigned int nr_cpus, nr_nodes;
	u64 idle[QUIRE_MAX_CPUS / 64]; /* bitmap */
	struct run_queue *rq;	       /* [nr_nodes] */
	unsigned int next_home;
	unsigned int nr_active, nr_busy_tails, nr_uninterruptible;
	unsigned int free_yields;
	u64 slice_ns;	/* the running fiber yields when it has been charged so much */
	u64 quantum_ns; /* real time of a slice */
	u64 slowness;	/* real time of charged work, x 256 */
	bool fair;	/* queues by vruntime, as CFS, with ticks of quantum_ns */
	u64 avenrun[3], next_load;
	bool finishing, booted, panicked;
	struct prng explore_rng;
	unsigned int explore_one_in;
	u64 nr_stalls;

	struct disk *disk[MODEL_MAX_DISKS];
	unsigned int nr_disks;
	struct content_lengths lengths;
	struct quire_port_ops ops;
	struct mmu *mmu;

	void *physmap, *vmemmap;
	size_t physmap_bytes, vmemmap_bytes, content_bytes;

	void (*on_log)(void *ctx, int level, u64 time_ns, const char *text, size_t len);
	void *on_log_ctx;
	void (*on_panic)(void *ctx, const char *message);
	void *on_panic_ctx;
	bool (*fail_io)(void *ctx, const struct quire_bio *bio);
	void *fail_io_ctx;
	bool (*fail_compress)(void *ctx, u64 pfn);
	void *fail_compress_ctx;
	struct latency latency[NR_LATENCIES];
	struct watch *watch; /* watch.c */
	void (*on_reclaim)(void *ctx);
	void *on_reclaim_ctx;
	void (*on_oom)(void *ctx, const struct oom_control *oc);
	void *on_oom_ctx;
	struct prefault *prefault; /* prefault.c; NULL: none */
	unsigned long nr_zspages;  /* frames of zswap's pool when frames_dense was said last */
};

/* Real time of work, and the work that takes such a time. */
static inline u64 work_to_time(const struct model *m, u64 charged_ns)
{
	return charged_ns * m->slowness >> 8;
}
static inline u64 time_to_work(const struct model *m, u64 ns)
{
	return (ns << 8) / m->slowness;
}

bool sched_init(struct model *m, const struct quire_config *cfg);
void sched_destroy(struct model *m);
void sched_push(struct model *m, u64 time, enum model_event_kind kind, u32 cpu, void *ptr);
/* Takes the event at place i out of the heap. */
void sched_pull(struct model *m, size_t i);
/* Time as the running fiber sees it: with the work it was charged for. */
u64 sched_clock(struct model *m);
/* The same for who only looks: it leaves no trace. */
u64 sched_peek(const struct model *m);
void sched_wait(struct model *m, struct quire_wait_queue *wq, u32 seq, u64 timeout_ns);
void sched_wake(struct model *m, struct quire_wait_queue *wq);
/* Ends a fiber's wait, if it waits, as if it had been woken. */
void sched_interrupt(struct fiber *f);
void sched_yield_cpu(struct model *m);
/* The running fiber stops for good. */
__attribute__((noreturn)) void sched_stop(struct model *m);
/* The running fiber goes to a node's CPUs when it next gives its own up: 0, -EINVAL (pinned, or
 * no CPUs there), -EBUSY (more wait there than here). */
int sched_set_home(struct model *m, struct fiber *f, unsigned int node);
struct fiber *sched_spawn(struct model *m, const char *name, void (*fn)(void *), void *arg,
			  struct task *task, int node, bool kthread);
/* Zeroed address space that costs nothing until touched; NULL. */
void *model_reserve(size_t bytes);
void model_release(void *p, size_t bytes);
__attribute__((noreturn)) void model_panic(struct model *m, const char *message);

extern const struct quire_port_ops model_port_ops;

/* ---- watch.c: stands between the core and what it calls when memory is short --- */

bool watch_attach(struct model *m);
void watch_detach(struct model *m);

/* ---- prefault.c --------------------------------------------------------------- */

void prefault_start(struct model *m);
void prefault_stop(struct model *m);
/* In a copy of the process: the thread is not in it. */
void prefault_forked(struct model *m);

#endif
