/* SPDX-License-Identifier: MIT */
/*
 * The model port: a server of any size on a virtual clock.
 *
 * One host thread.  Every flow of control (a process's thread, kswapd, a
 * flusher) is a fiber with its own stack; a heap of events ordered by
 * (time, number) decides who runs next, so a run is a function of its inputs.
 * A fiber runs until it sleeps or has been charged a quantum of CPU time; then
 * the CPU it ran on is busy until now + charged, and the next event comes.
 * Interleaving happens only where code waits or yields.
 *
 * Memory is reserved address space: physmap (frames with real bytes: slab
 * objects, page tables), vmemmap, and the contents of user frames as
 * descriptors of 8 bytes.
 */
#ifndef QUIRE_MODEL_H
#define QUIRE_MODEL_H

#include "space/sched.h"

struct model;
struct fiber;

struct model_disk_config {
	const char *name; /* "nvme0n1" */
	u64 size_bytes;
	u64 read_latency_ns, write_latency_ns;
	u64 bandwidth; /* bytes a second, 0: no limit */
	unsigned int queue_depth;
	/* How latencies differ: evenly by so many per cent either way, and slow_permille of
	 * the requests take slow_times as long (garbage collection, retries). */
	unsigned int jitter_percent, slow_permille, slow_times;
	/* A head that moves: the time from one end to the other (a place near by takes the square root of
	 * that part), and of one revolution, half of which passes on average. What follows the last
	 * request takes neither. */
	u64 seek_ns, revolution_ns;
	unsigned int iops; /* requests a second that a volume is sold with; 0: no limit */
	bool rotational;
	/* Persistent memory: the processor copies, read_latency_ns and
	 * write_latency_ns a page, and the transfer is over at once. */
	bool synchronous;
};

/*
 * Reserves memory, boots the instance (model_quire()), sets the clock to 0.
 * cfg's memory, port, port_ctx and hot are filled here.  NULL with a message
 * in err (cap bytes) if the configuration is impossible.
 */
struct model *model_create(struct quire_config *cfg, char *err, size_t cap);
void model_destroy(struct model *m);
struct quire *model_quire(struct model *m);

/*
 * Another processor than a server's of today: its work takes slowness_percent of
 * the usual time, and its time is shared as Linux's fair scheduler does, with ticks
 * every tick_ns (HZ=250: 4 ms), not in turns of 1 ms.
 */
void model_set_processor(struct model *m, unsigned int slowness_percent, u64 tick_ns);

/*
 * Explores interleavings, in debug builds: from now on a virtual CPU may stand still at
 * any lock that the core takes or releases, and at its explore_point()s, with whatever
 * it holds, for up to a µs, while others go on; one point in one_in on average, by the
 * seed.  0: no more.  What is looked at from outside (quire_verify()) is in order only
 * after that, once time has passed.
 */
void model_explore(struct model *m, u64 seed, unsigned int one_in);
/* How often a CPU has stood still. */
u64 model_nr_stalls(const struct model *m);

/* A block device; its number is the bdi's dev. */
unsigned int model_add_disk(struct model *m, const struct model_disk_config *cfg);
/* From now on its transfers take so long; it is synchronous no more. */
void model_disk_set_latency(struct model *m, unsigned int dev, u64 read_ns, u64 write_ns);
/* The same, but a timer counts the time, in ticks, and a page takes the submitter's
 * processor work_ns: as with dm-delay. */
void model_disk_set_timer(struct model *m, unsigned int dev, u64 read_ns, u64 write_ns, u64 tick_ns,
			  u64 work_ns);

/* The same numbers for a kind of disk: "nvme", "sata-ssd", "hdd", "cloud-ssd", "cloud-hdd"; name
 * and size_bytes are left.  False: no such kind. */
bool model_disk_preset(struct model_disk_config *cfg, const char *kind);
/* Faults, from now on; all 0: none. */
struct model_disk_faults {
	unsigned int slow_times; /* latencies are so many times as long; 0: as ever */
	u64 stalled_until;	 /* nothing that is submitted begins before this time */
	unsigned int read_errors, write_errors; /* so many of 10,000 end in -EIO */
	bool full; /* writes end in -ENOSPC: a thinly provisioned volume has no more room */
};
void model_disk_set_faults(struct model *m, unsigned int dev, const struct model_disk_faults *f);

/*
 * A fiber for a task (NULL: a kernel thread's, one is made).  fn runs in it;
 * when fn returns the fiber ends.  node < 0: the task's or any.  NULL: no
 * memory for a stack.
 */
struct fiber *model_spawn(struct model *m, const char *name, void (*fn)(void *arg), void *arg,
			  struct task *task, int node);

/* Runs events until virtual time t_ns is reached or nothing is left to run;
 * the clock then stands at t_ns.  Not from inside a fiber. */
void model_run_until(struct model *m, u64 t_ns);
/* Runs one event; false when there is none. */
bool model_step(struct model *m);
/*
 * Runs fn(arg) in a fiber of its own, as task (may be NULL: init), until it
 * returns; time passes only as far as it must for that.  Not from inside a
 * fiber.  For tests, and for writes that come from outside.
 */
void model_call(struct model *m, struct task *task, void (*fn)(void *arg), void *arg);
u64 model_now(struct model *m);

/* Per CPU: ns of work done so far, for /proc/stat. */
u64 model_cpu_busy_ns(struct model *m, unsigned int cpu);
/* Tasks that run or wait for a CPU now; load averages (1, 5, 15 min, x 2048). */
unsigned int model_nr_running(struct model *m);

/* Linux's load averages over 1, 5 and 15 minutes, in fixed point: x 2048. */
void model_loadavg(struct model *m, u64 avg[3]);

/*
 * What a process's fiber does beside touching memory.  model_sleep() and
 * model_wait() (port->wait's meaning) are a user's sleep, state S, while a
 * wait inside the kernel is D; a signal ends both.  model_compute() works in
 * user mode for ns of CPU time.
 */
void model_sleep(struct model *m, u64 ns);
void model_wait(struct model *m, struct quire_wait_queue *wq, u32 seq, u64 timeout_ns);
void model_compute(struct model *m, u64 ns);

/* Fault points: true makes the transfer, or the compression, fail. */
void model_fail_io(struct model *m, bool (*fn)(void *ctx, const struct quire_bio *bio), void *ctx);
void model_fail_compress(struct model *m, bool (*fn)(void *ctx, u64 pfn), void *ctx);
/* What a read of a device's page would give now. */
u64 model_disk_content(struct model *m, unsigned int dev, u64 page);

/*
 * A panic (the kernel finds nobody to kill, an invariant is broken) stops the
 * machine, not the program: fn is told, and nothing runs any more: model_step()
 * says false, and model_call() returns when its fiber can't go on.  Without it
 * the program aborts, as it does for a panic outside of every fiber.
 */
void model_on_panic(struct model *m, void (*fn)(void *ctx, const char *message), void *ctx);

/* ---- the MMU (port/model/mmu.c) -------------------------------------------- */

/* What a write leaves in a page. */
struct touch {
	u64 addr;		/* first byte */
	unsigned long nr_pages; /* how many pages, each touched once */
	unsigned long stride;	/* pages from one to the next: 1 is each */
	bool write;
	unsigned int kind; /* content kind of written pages (content.h) */
	u64 seed;
	u32 work_ns; /* the program's own work a page, beside the access */
	u64 *seen;   /* the descriptor of the last page touched, as it was; or NULL */
};

/*
 * The running task touches pages of its address space as a processor would:
 * walks the tables, sets accessed and dirty bits, takes the faults, charges 70
 * or 130 ns a line by where the frame is.  Returns pages touched; less than
 * asked when the task was killed (SIGKILL, SIGSEGV, SIGBUS).
 */
unsigned long mmu_touch(struct model *m, struct task *task, const struct touch *t);
/* One page, at a random one of [addr, addr + nr_pages): the same, n times. */
unsigned long mmu_touch_random(struct model *m, struct task *task, const struct touch *t,
			       unsigned long n, struct prng *rng);
/* What was flushed from the TLBs of user spaces (Linux's nr_tlb_* of vmstat, which
 * Debian's kernels do not count), since boot. */
struct model_tlb_stats {
	u64 flushes;	    /* calls */
	u64 full_flushes;   /* of them of a whole space */
	u64 pages;	    /* single pages in the others */
	u64 remote_flushes; /* calls that interrupted other CPUs */
	u64 shootdowns;	    /* CPUs that were */
	u64 switches;	    /* a CPU turned to another space */
	u64 asid_flushes;   /* and gave it an ASID that another had */
};
const struct model_tlb_stats *model_tlb_stats(const struct model *m);
/* The content descriptor that a read of addr would give; false if unmapped. */
bool mmu_peek(struct model *m, struct task *task, u64 addr, u64 *content);

/* ---- how long it took (port/model/watch.c) ---------------------------------- */

/*
 * Latencies on the virtual clock, in ns: eight buckets to each power of two, so
 * a percentile is right to an eighth.  Looking at them changes nothing.
 */
#define LATENCY_BUCKETS 496
struct latency {
	u64 count, sum, max;
	u64 bucket[LATENCY_BUCKETS];
};

enum model_latency {
	LATENCY_MINOR,	/* a fault that needed no disk */
	LATENCY_MAJOR,	/* one that did */
	LATENCY_ALLOC,	/* an allocation that had to reclaim, compact or kill first */
	LATENCY_CHARGE, /* a group's reclaim on behalf of who charged to it */
	NR_LATENCIES,
};
void latency_add(struct latency *l, u64 ns);
/* The latency that `part` of 10,000 do not exceed, where `fast` more took no
 * time at all; 0: nothing was measured, or that part was fast. */
u64 latency_percentile(const struct latency *l, u64 fast, unsigned int part);
const struct latency *model_latency(struct model *m, enum model_latency which);

/*
 * fn is told, in the fiber that asks, before memory is reclaimed: when kswapd is
 * to wake, and when a task or a group must reclaim for itself.  Up to the first
 * of these nothing has read what only reclaim reads.  NULL: nobody.
 */
void model_on_reclaim(struct model *m, void (*fn)(void *ctx), void *ctx);

/* The same before the OOM killer is asked; oc lacks what it will find out:
 * constrained_alloc() and select_bad_process() say what that will be. */
struct oom_control;
void model_on_oom(struct model *m, void (*fn)(void *ctx, const struct oom_control *oc), void *ctx);

/*
 * The host's process was copied by fork(2): the copy is a machine of its own,
 * and only needs the host's threads again.  To be called in the child before
 * anything else; may be called inside a fiber.
 */
void model_forked(struct model *m);
/* The same where the model's memory was mapped from a file (save.h). */
void model_restored(struct model *m);

/* ---- contents (port/model/content.h has the kinds) ------------------------- */

/* Called for each log line. */
void model_on_log(struct model *m,
		  void (*fn)(void *ctx, int level, u64 time_ns, const char *text, size_t len),
		  void *ctx);

#endif
