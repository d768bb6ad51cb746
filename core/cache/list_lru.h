/* SPDX-License-Identifier: MIT */
/*
 * Lists of unused objects a node and a control group (Linux's list_lru): a group's
 * reclaim takes what the group pays for, and nobody else's.
 *
 * An object is on the list of the node of its memory and of the group that is charged
 * for it now (group/objcg.c), the machine's if that is nobody.
 */
#ifndef QUIRE_CACHE_LIST_LRU_H
#define QUIRE_CACHE_LIST_LRU_H

#include "base/xarray.h"
#include "group/memcontrol.h"

/* Unused objects in frames of one node, oldest first. */
struct list_lru_one {
	struct list_head list;
	unsigned long nr_items;
	long nr_deferred; /* of a group: what its shrinker was asked to and put off */
};

struct list_lru {
	struct list_lru_one node[QUIRE_MAX_NODES]; /* the machine's */
	struct xarray memcgs; /* by mem_cgroup.id: struct list_lru_one[nr_nodes] */
};

void list_lru_init(struct quire *q, struct list_lru *lru);
/* Nothing is on it, and nothing will be. */
void list_lru_destroy(struct quire *q, struct list_lru *lru);
/* Before an object goes onto it: whoever pays for the object has lists, and so have the
 * groups above.  lock guards the lru.  0 or -ENOMEM; may sleep. */
int list_lru_prepare(struct quire *q, struct list_lru *lru, struct spinlock *lock,
		     const void *object);
/* Under the lock, as are the others: a group's list of a node (NULL: the machine's), or
 * NULL: nothing of its was ever there. */
struct list_lru_one *list_lru_of(const struct list_lru *lru, const struct mem_cgroup *memcg,
				 unsigned int nid);
void list_lru_add(struct quire *q, struct list_lru *lru, struct list_head *item);
void list_lru_del(struct quire *q, struct list_lru *lru, struct list_head *item);
/* A group is removed, its objects are its parent's: so are its lists.  They are to be
 * given to kfree(), without the lock. */
struct list_lru_one *list_lru_reparent(struct quire *q, struct list_lru *lru,
				       struct mem_cgroup *memcg) __must_check;

#endif
