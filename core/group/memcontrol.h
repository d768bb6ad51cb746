/* SPDX-License-Identifier: MIT */
/*
 * Control groups' memory: a tree of groups, each with counters that charge
 * their ancestors, limits, protection, events and LRU lists a node.
 *
 * A page is charged to the group of the task that first touches it and keeps
 * a reference to that group in page->memcg until it is freed.  The root has no
 * limit and its pages carry NULL; its lruvecs are the nodes' own.
 *
 * A group's usage counts in each of its ancestors, the root too.
 *
 * Lock: LOCK_GROUP_TREE for the tree and the ids; counters are atomic.
 */
#ifndef QUIRE_GROUP_MEMCONTROL_H
#define QUIRE_GROUP_MEMCONTROL_H

#include "slab/slab.h"

#define PAGE_COUNTER_MAX (LONG_MAX / (long)PAGE_SIZE)

struct page_counter {
	long usage; /* pages */
	long min, low, high, max;
	long emin, elow; /* in effect, by what the ancestors have: see calculate_protection */
	long watermark;	 /* the most it ever was */
	unsigned long failcnt;
	struct page_counter *parent;
};

enum memcg_event {
	MEMCG_LOW,
	MEMCG_HIGH,
	MEMCG_MAX,
	MEMCG_OOM,
	MEMCG_OOM_KILL,
	MEMCG_OOM_GROUP_KILL,
	MEMCG_SWAP_HIGH,
	MEMCG_SWAP_MAX,
	MEMCG_SWAP_FAIL,
	MEMCG_NR_EVENTS,
};

/* Stall accounting (PSI) of memory, I/O and CPU: totals in ns, averages in
 * 1/2048 as Linux's FIXED_1 of load averages. */
enum psi_res { PSI_IO, PSI_MEM, PSI_CPU, NR_PSI_RESOURCES };
enum psi_state { PSI_SOME, PSI_FULL, NR_PSI_STATES };

struct psi_group {
	struct spinlock lock;			   /* LOCK_PSI */
	unsigned int nr_stalled[NR_PSI_RESOURCES]; /* tasks stalled now */
	unsigned int nr_running;		   /* tasks that run, or wait for a CPU */
	unsigned int nr_memstall_running;	   /* of these: reclaiming, not making progress */
	u64 last_change;			   /* ns */
	u64 total[NR_PSI_RESOURCES][NR_PSI_STATES];
	u64 avg_last[NR_PSI_RESOURCES][NR_PSI_STATES];
	u64 avg_next_update;
	unsigned long avg[NR_PSI_RESOURCES][NR_PSI_STATES][3]; /* 10, 60, 300 s */
};

/* A task's part in its group's counts. */
struct psi_task {
	unsigned int in_stall[NR_PSI_RESOURCES]; /* stalls begun and not ended */
	unsigned int running;			 /* its flows of control that run (psi_running()) */
};

/* What a group counts beyond the nodes' items. */
enum memcg_stat_item {
	MEMCG_KMEM = NR_VM_NODE_STAT_ITEMS, /* pages of the kernel's own: objects, stacks, tables */
	MEMCG_ZSWAP_B,			    /* bytes that its pages take in zswap */
	MEMCG_ZSWAPPED,			    /* and how many pages these are */
	MEMCG_NR_STAT,
};

struct obj_cgroup;
struct hugetlb_cgroup;
struct memcg_writeback;

struct mem_cgroup {
	unsigned int id;
	const char *name; /* last component; "" for the root */
	struct mem_cgroup *parent;
	struct list_head children, sibling;
	struct page_counter memory; /* pages of memory */
	struct page_counter swap;   /* pages of swap slots */
	long zswap_max;		    /* pages that it may have in zswap, compressed */
	bool oom_group;
	unsigned int css_refs; /* itself while online, charges, tasks and children */
	bool offline;	       /* removed, lives on for its charges */
	bool dead;	       /* without references, its structure waits for reuse */
	bool has_cpuset;       /* cpuset.mems was set: space/cpuset.c */
	unsigned int nr_tasks;
	unsigned long events[MEMCG_NR_EVENTS];	     /* with those of its descendants */
	unsigned long events_local[MEMCG_NR_EVENTS]; /* its own */
	/* What is not kept a node, in lruvec[].stat: MEMCG_KMEM and those behind it. */
	long vmstats[MEMCG_NR_STAT];
	unsigned long vmevents[NR_VM_EVENT_ITEMS];
	struct psi_group psi;
	u64 utime, stime;		/* ns, of its own tasks, those that ended too */
	struct memcg_writeback *cgwb;	/* its dirty pages: cache/cgwb.c; NULL: it never had any */
	struct obj_cgroup *objcg;	/* pays for its objects; NULL: the root, or removed */
	struct list_head objcgs;	/* that one, and those of groups below that are removed */
	struct hugetlb_cgroup *hugetlb; /* NULL: it has not that controller */
	bool hugetlb_subtree;		/* and hands it down: hugetlb_cgroup.h */
	unsigned long seen;		/* the verifier's scratch */
	unsigned long seen_dirty, seen_writeback;
	struct lruvec *lruvec[]; /* [nr_nodes] */
};

struct group_pressure_ops {
	/* Reclaim up to nr_pages from a group; pages reclaimed. May sleep. */
	unsigned long (*try_to_free_mem_cgroup_pages)(struct quire *q, struct mem_cgroup *memcg,
						      unsigned long nr_pages, gfp_t gfp);
	bool (*mem_cgroup_out_of_memory)(struct quire *q, struct mem_cgroup *memcg, gfp_t gfp,
					 unsigned int order);
	/* The group that the running task charges to; NULL: the root. */
	struct mem_cgroup *(*current_memcg)(struct quire *q);
	/* A group is removed: unused objects that it paid for are its parent's. */
	void (*reparent_list_lrus)(struct quire *q, struct mem_cgroup *memcg);
	/* ... and the files that it wrote back. */
	void (*reparent_writeback)(struct quire *q, struct mem_cgroup *memcg);
	/* Its max or high changed, and with them how much of it may be dirty. */
	void (*limit_changed)(struct quire *q, struct mem_cgroup *memcg);
	/* The running task's part in the counts of stalls; NULL: none. */
	struct psi_task *(*current_psi)(struct quire *q);
};

#define MEMCG_ID_MAX	  65535u
#define MEMCG_IDS_A_PIECE 256u
#define MEMCG_ID_PIECES	  ((MEMCG_ID_MAX + 1) / MEMCG_IDS_A_PIECE)
#define MEMCG_ROOT_ID	  1u

#define MEMCG_CHARGE_BATCH 64

/* Pages that are charged to a group and not used yet, at hand for one CPU; it
 * holds a reference.  The same of objects: bytes, with what memory.stat was not told. */
struct memcg_stock {
	struct spinlock lock; /* LOCK_MEMCG_STOCK */
	struct mem_cgroup *cached;
	long nr_pages;
	struct obj_cgroup *objcg;
	unsigned int nr_bytes;
	struct pglist_data *pgdat; /* whose slabs these are */
	long nr_slab_reclaimable_b, nr_slab_unreclaimable_b;
};

struct group_floor {
	struct memcg_stock *stock; /* [nr_cpus] */
	unsigned int charge_batch; /* MEMCG_CHARGE_BATCH; tests count pages one by one */
	bool recursive_prot;	   /* cgroup2's memory_recursiveprot, as systemd mounts it */
	struct mem_cgroup *root;
	struct spinlock lock;	      /* LOCK_GROUP_TREE */
	struct spinlock objcg_lock;   /* LOCK_OBJCG: objcgs of all groups */
	unsigned int nr_groups;	      /* the root, online and offline ones */
	unsigned int nr_unreferenced; /* offline ones whose last reference went: to be reaped */
	struct list_head spare;	      /* structures of groups that are gone, by sibling */
	struct mem_cgroup **ids[MEMCG_ID_PIECES]; /* by id / MEMCG_IDS_A_PIECE */
	struct list_head hugetlb_cgroups;	  /* the hugetlb controller's part of groups */
	struct group_pressure_ops ops;
	struct psi_group psi; /* the machine's */
};

int group_init(struct quire *q);
/* charge.c's part of it: 0 or -ENOMEM. */
int charge_init(struct quire *q, struct group_floor *g);

/* A child of parent; ERR_PTR(-EEXIST, -ENOMEM, -EINVAL). */
struct mem_cgroup *mem_cgroup_create(struct quire *q, struct mem_cgroup *parent, const char *name);
/* -EBUSY while it has tasks or children that were not removed. Charges that
 * stay keep the structure; such a group is still walked and reclaimed. */
int mem_cgroup_remove(struct quire *q, struct mem_cgroup *memcg);
/* By path ("/kubepods/web"); NULL if there is none. */
struct mem_cgroup *mem_cgroup_find(struct quire *q, const char *path);
/* Writes the path. */
struct text;
void mem_cgroup_path(struct quire *q, const struct mem_cgroup *memcg, struct text *t);
/* Pre-order walk: the group after prev below root (NULL starts), or NULL.  A
 * group's memory is only ever reused for a group, so a prev that has gone
 * meanwhile ends the walk early and does no harm. */
struct mem_cgroup *mem_cgroup_iter(struct quire *q, struct mem_cgroup *root,
				   struct mem_cgroup *prev);

/*
 * Charges a page that is about to be used (anonymous, page cache, kernel) to
 * memcg (NULL or root: nothing to do).  Reclaims in the group when over its
 * limit, and kills there when that fails.  0 or -ENOMEM.  May sleep if gfp may.
 */
int mem_cgroup_charge(struct quire *q, struct page *page, struct mem_cgroup *memcg, gfp_t gfp);
/*
 * A task that charged a group above its memory.high reclaims before it goes back to
 * its program, and sleeps the longer the further the group is above.  To be called
 * there, without locks; may sleep.  Linux: mem_cgroup_handle_over_high().
 */
void __mem_cgroup_handle_over_high(struct quire *q);
static inline void mem_cgroup_handle_over_high(struct quire *q)
{
	if (unlikely(current_context(q)->memcg_nr_pages_over_high))
		__mem_cgroup_handle_over_high(q);
}
/* Gives back what CPUs have at hand for a group and those below it. */
void drain_all_stock(struct quire *q, struct mem_cgroup *root);
/* Takes a page's charge back; the page's memcg becomes NULL. */
void mem_cgroup_uncharge(struct quire *q, struct page *page);
/* A block of the kernel's own: a table, a stack, a large kmalloc. */
int mem_cgroup_charge_kmem(struct quire *q, struct page *page, struct mem_cgroup *memcg, gfp_t gfp);
void mem_cgroup_uncharge_kmem(struct quire *q, struct page *page);
/* Who pays for an object of the slab; NULL: nobody. */
struct mem_cgroup *mem_cgroup_from_slab_obj(struct quire *q, const void *object);
/* What the running context allocates until the next call is charged to memcg; NULL: to
 * its task's group.  Returns who it was before. */
static inline struct mem_cgroup *set_active_memcg(struct quire *q, struct mem_cgroup *memcg)
{
	struct mem_cgroup *old = current_context(q)->active_memcg;

	current_context(q)->active_memcg = memcg;
	return old;
}
/* Swap slots: the charge moves from memory to swap when the page goes. The id
 * is kept by the swap floor a slot. */
int mem_cgroup_try_charge_swap(struct quire *q, struct mem_cgroup *memcg, unsigned long nr_pages);
void mem_cgroup_uncharge_swap(struct quire *q, unsigned int id, unsigned long nr_pages);
struct mem_cgroup *mem_cgroup_from_id(struct quire *q, unsigned int id);

/* References that keep a group's structure and id; tasks come with one. */
void mem_cgroup_get(struct mem_cgroup *memcg);
void mem_cgroup_put(struct quire *q, struct mem_cgroup *memcg);
void mem_cgroup_attach_task(struct quire *q, struct mem_cgroup *memcg); /* NULL: nothing */
void mem_cgroup_detach_task(struct quire *q, struct mem_cgroup *memcg);

/* An event of memory.events, in the group and its ancestors. */
void memcg_memory_event(struct mem_cgroup *memcg, enum memcg_event event);

/*
 * What a write to memory.max, .high, .low, .min and memory.swap.max does; in
 * pages, PAGE_COUNTER_MAX: no limit.  A new max or high below the usage
 * reclaims at once; for max, kills if that is not enough.  May sleep.
 */
void mem_cgroup_set_max(struct quire *q, struct mem_cgroup *memcg, long nr_pages);
void mem_cgroup_set_high(struct quire *q, struct mem_cgroup *memcg, long nr_pages);
void mem_cgroup_set_low(struct mem_cgroup *memcg, long nr_pages);
void mem_cgroup_set_min(struct mem_cgroup *memcg, long nr_pages);
void mem_cgroup_set_swap_max(struct mem_cgroup *memcg, long nr_pages);

/* Sets memory.emin and .elow of a group for a reclaim that began at root
 * (NULL: the machine); its parent's must be set: call it in pre-order. */
void mem_cgroup_calculate_protection(struct quire *q, struct mem_cgroup *root,
				     struct mem_cgroup *memcg);
static inline bool mem_cgroup_below_min(const struct mem_cgroup *memcg)
{
	return memcg && memcg->parent && memcg->memory.emin >= memcg->memory.usage;
}
static inline bool mem_cgroup_below_low(const struct mem_cgroup *memcg)
{
	return memcg && memcg->parent && memcg->memory.elow >= memcg->memory.usage;
}
/* A counter of a group with its descendants: what memory.stat shows. */
long memcg_page_state(struct quire *q, struct mem_cgroup *memcg, unsigned int item);
/* The same of one node: what memory.numa_stat shows. */
long memcg_node_state(struct quire *q, struct mem_cgroup *memcg, unsigned int nid,
		      enum node_stat_item item);
unsigned long memcg_vm_event(struct quire *q, struct mem_cgroup *memcg, enum vm_event_item item);
/* The lines of memory.stat (group/memory_stat.c). */
void memory_stat_format(struct quire *q, struct mem_cgroup *memcg, struct text *t);
/* Those of memory.numa_stat. */
void memory_numa_stat_format(struct quire *q, struct mem_cgroup *memcg, struct text *t);
/* Pages that may still be charged before a limit, its own or an ancestor's, is met. */
long mem_cgroup_margin(const struct mem_cgroup *memcg);

/* The lists a page belongs on. */
static inline struct lruvec *mem_cgroup_lruvec(struct quire *q, struct mem_cgroup *memcg,
					       struct pglist_data *pgdat)
{
	(void)q;
	return memcg ? memcg->lruvec[pgdat->node_id] : &pgdat->__lruvec;
}
static inline struct lruvec *page_lruvec(struct quire *q, struct page *page)
{
	return mem_cgroup_lruvec(q, page->memcg, page_pgdat(q, page));
}

/* A group's counter on a node; memcg is not NULL. */
static inline void mod_memcg_lruvec_state(struct mem_cgroup *memcg, const struct pglist_data *pgdat,
					  enum node_stat_item item, long delta)
{
	(void)HOT_ADD(&memcg->lruvec[pgdat->node_id]->stat[item], delta);
}
/* A node's counter and, for a charged page, its group's too. */
static inline void mod_lruvec_page_state(struct quire *q, struct page *page,
					 enum node_stat_item item, long delta)
{
	struct pglist_data *pgdat = page_pgdat(q, page);

	mod_node_page_state(pgdat, item, delta);
	if (page->memcg)
		mod_memcg_lruvec_state(page->memcg, pgdat, item, delta);
}
static inline void count_memcg_events(struct quire *q, struct mem_cgroup *memcg,
				      enum vm_event_item item, unsigned long n)
{
	(void)q;
	if (memcg)
		(void)HOT_ADD(&memcg->vmevents[item], n);
}

/* PSI (group/psi.c): the running task begins or ends a stall on a resource. */
void psi_stall_enter(struct quire *q, enum psi_res res);
void psi_stall_leave(struct quire *q, enum psi_res res);
/* A task of a group (NULL: the root) begins (+1) or ceases (-1) to run or to wait
 * for a CPU: "full" is when tasks stall and none makes progress.  The port tells;
 * one that does not has full whenever it has some. */
void psi_running(struct quire *q, struct mem_cgroup *memcg, struct psi_task *task, int delta);
/* One that runs begins (+1) or ceases (-1) to wait for a CPU. */
void psi_queued(struct quire *q, struct mem_cgroup *memcg, struct psi_task *task, int delta);
/* A task moves, perhaps while it stalls. */
void psi_move_task(struct quire *q, struct mem_cgroup *from, struct mem_cgroup *to,
		   const struct psi_task *task);
void psi_init(struct quire *q, struct psi_group *psi);
/* Brings totals and averages up to now, before they are shown. */
void psi_update(struct quire *q, struct psi_group *psi);

#endif
