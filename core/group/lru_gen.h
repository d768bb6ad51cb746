/* SPDX-License-Identifier: MIT */
/*
 * What groups have for the multi-generational LRU: generations of each node, and the
 * list of their address spaces (group/lru_gen.c).
 */
#ifndef QUIRE_GROUP_LRU_GEN_H
#define QUIRE_GROUP_LRU_GEN_H

#include "group/memcontrol.h"
#include "node/lru_gen.h"

/* Generations for a group's lruvecs (NULL: the root's), new or as new.  0 or -ENOMEM:
 * those that have none stay as they were.  May sleep. */
int lru_gen_init_memcg(struct quire *q, struct mem_cgroup *memcg);

/* The list of a group's address spaces (NULL: the root's); NULL: it has none. */
struct lru_gen_mm_list *lru_gen_mm_list(struct quire *q, struct mem_cgroup *memcg);
/* An address space begins, ends, or changes to another group.  Adding one that is on a list,
 * and deleting one that is not, does nothing. */
void lru_gen_add_mm(struct quire *q, struct lru_gen_mm *mm, struct mem_cgroup *memcg);
void lru_gen_del_mm(struct quire *q, struct lru_gen_mm *mm);
void lru_gen_migrate_mm(struct quire *q, struct lru_gen_mm *mm, struct mem_cgroup *memcg);
/* One of its tasks runs: its tables may be worth a walk. */
static inline void lru_gen_use_mm(struct lru_gen_mm *mm)
{
	HOT_STORE(&mm->bitmap, ~0UL);
}

#endif
