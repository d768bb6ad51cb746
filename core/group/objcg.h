/* SPDX-License-Identifier: MIT */
/*
 * Who pays for objects: Linux's struct obj_cgroup.  An online group has one; its
 * objects hold references to it and not to the group, so that a group can go while
 * its objects live: they are its parent's to pay for then.
 */
#ifndef QUIRE_GROUP_OBJCG_H
#define QUIRE_GROUP_OBJCG_H

#include "group/memcontrol.h"

struct obj_cgroup {
	unsigned int refs;	       /* objects, stocks, and its group while that is online */
	unsigned int nr_charged_bytes; /* of pages that are charged: at hand, no CPU's */
	struct mem_cgroup *memcg;
	long nr_pages;	       /* charged to memcg for its objects */
	struct list_head list; /* of memcg->objcgs */
	u64 seen;	       /* the verifier's scratch */
};

/* A group gets its own, when it is made.  0 or -ENOMEM. */
int objcg_online(struct quire *q, struct mem_cgroup *memcg);
/* It goes: whoever paid for objects through it pays through its parent. */
void objcg_offline(struct quire *q, struct mem_cgroup *memcg);
/* Under the stock's lock: takes the bytes out of a stock; the objcg whose reference
 * is the caller's then, or NULL.  *put: a group likewise. */
struct obj_cgroup *drain_obj_stock(struct quire *q, struct memcg_stock *stock,
				   struct mem_cgroup **put);
void obj_cgroup_put(struct quire *q, struct obj_cgroup *objcg);

/* The payer of a page's group, with a reference; NULL: nobody. */
struct obj_cgroup *get_obj_cgroup_from_page(struct page *page);
/* May a payer's groups have more in zswap, by their memory.zswap.max? */
bool obj_cgroup_may_zswap(struct quire *q, struct obj_cgroup *objcg);
/* A page of so many bytes, compressed, comes into zswap or goes.  Never fails: the page
 * that it stands for goes. */
void obj_cgroup_charge_zswap(struct quire *q, struct obj_cgroup *objcg, size_t bytes);
void obj_cgroup_uncharge_zswap(struct quire *q, struct obj_cgroup *objcg, size_t bytes);

/* group/charge.c */
/* nr pages more, or -ENOMEM; may reclaim and sleep as gfp says. */
int try_charge(struct quire *q, struct mem_cgroup *memcg, long nr, gfp_t gfp);
struct page_counter *page_counter_try_charge(struct page_counter *counter, long nr);
void page_counter_cancel(struct page_counter *from, const struct page_counter *until, long nr);
/* Under the stock's lock: pages that are charged and not used any more.  The group
 * whose reference is the caller's then, or NULL. */
struct mem_cgroup *refill_stock_locked(struct memcg_stock *stock, struct mem_cgroup *memcg,
				       long nr);

#endif
