/* SPDX-License-Identifier: MIT */
/*
 * The instance.  struct quire holds one pointer a floor; what it points to is
 * defined by that floor and opaque to those below.  Floor states live in boot
 * memory, in the instance's own frames.
 */
#ifndef QUIRE_BASE_QUIRE_H
#define QUIRE_BASE_QUIRE_H

#include <quire/quire.h>
#include "base/types.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/bug.h"
#include "base/wait.h"
#include "base/prng.h"
#include "base/trace.h"
#include "base/cost.h"

struct page;
struct task;
struct capture_control;

/* Linux's PF_ flags that the memory manager reads of the running context. */
#define PF_EXITING	  0x00000004
#define PF_WQ_WORKER	  0x00000020
#define PF_MEMALLOC	  0x00000800
#define PF_KSWAPD	  0x00020000
#define PF_MEMALLOC_NOFS  0x00040000
#define PF_MEMALLOC_NOIO  0x00080000
#define PF_LOCAL_THROTTLE 0x00100000
#define PF_KTHREAD	  0x00200000

#define QUIRE_MAX_HELD_LOCKS 16

/*
 * A flow of control: a fiber of the model, a thread of the host.  The port
 * keeps one for each and hot_current() finds the running one.
 */
struct quire_context {
	unsigned int flags; /* PF_* */
	unsigned int cpu;   /* where it runs now */
	struct task *task;  /* for whom it works; NULL: nobody (early boot, I/O completion) */
	unsigned int memcg_nr_pages_over_high; /* charged above memory.high, to be paid for */
	struct mem_cgroup *active_memcg;       /* who pays for objects; NULL: the task's group */
	/* Pages of files dirtied since balance_dirty_pages(), after how many to look at it again
	 * (0: it never looked), and until when it has paid for them (cache/balance.c). */
	unsigned int nr_dirtied, nr_dirtied_pause;
	u64 dirty_paused_when;
	unsigned long reclaimed_slab; /* pages that slab gave back during reclaim */
	/* While it compacts for an allocation: what it hopes to free (page/pageblock.h). */
	struct capture_control *capture_control;
	struct lru_gen_mm_walk *mm_walk; /* it ages pages, or is kswapd (node/lru_gen.h) */
	bool in_lru_fault;		 /* pages that it brings in are in use */
	bool in_page_owner; /* it allocates for the debugging of pages (page/page_owner.c) */
	/* Locks held, innermost last; kept by debug builds (base/lock.h). */
	unsigned int nr_held;
	const struct spinlock *held[QUIRE_MAX_HELD_LOCKS];
};

struct quire {
	struct quire_hot *hot; /* first: the hottest pointer */
	struct page *mem_map;  /* descriptor of frame 0 */
	char *physmap;	       /* address at which physical address 0 is seen */
	u64 max_pfn;
	const struct quire_port_ops *port;
	void *port_ctx;
	unsigned int nr_nodes;
	unsigned int nr_cpus;
	_Atomic bool stopping;	 /* quire_finish() has begun: kernel threads return */
	unsigned int nr_threads; /* kernel threads that have not returned */
	struct quire_wait_queue threads_done;

	/* Debug builds: another CPU may go on here, and must if the caller can't
	 * (base/lock.h).  NULL: nobody explores. */
	void (*explore)(void *port_ctx, bool must);
	unsigned long keys;	    /* what is switched on: base/trace.h; mostly 0 */
	struct frame_floor *frames; /* page/frames.h; NULL: the port has no room for them */
	struct node_floor *node;
	struct page_floor *page;
	struct slab_floor *slab;
	struct vmalloc_floor *vmalloc;
	struct group_floor *group;
	struct cache_floor *cache;
	struct swap_floor *swap;
	struct space_floor *space;
	struct reclaim_floor *reclaim;
	struct oom_floor *oom;
	struct proc_floor *proc;

	struct printk_ring *printk;
	struct prng prng;
	struct quire_costs cost;
	struct quire_config cfg;
};

static inline struct quire_context *current_context(struct quire *q)
{
	return hot_current(q->hot);
}

static inline struct task *current_task(struct quire *q)
{
	return hot_current(q->hot)->task;
}

/* The CPU that runs the caller; stable only while it does not sleep. */
static inline unsigned int smp_processor_id(struct quire *q)
{
	return hot_current(q->hot)->cpu;
}

/* Virtual time in ns since boot. */
static inline u64 quire_clock(struct quire *q)
{
	return q->port->clock(q->port_ctx);
}

/* Say that the running context worked for ns of CPU time (nothing on ports
 * with a real processor). */
static inline void charge_ns(struct quire *q, u64 ns)
{
	hot_charge(q->hot, ns);
}

static inline void cond_resched(struct quire *q)
{
	if (q->port->yield)
		q->port->yield(q->port_ctx);
}

/*
 * Start a kernel thread that quire_finish() waits for; fn must return soon
 * after q->stopping is set and its wait queue was woken.  node < 0: anywhere.
 */
int kthread_run(struct quire *q, const char *name, void (*fn)(struct quire *q, void *arg),
		void *arg, int node);

#endif
