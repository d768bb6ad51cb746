/* SPDX-License-Identifier: MIT */
/*
 * The registry of shrinkers, oldest first.  Reclaim walks the list
 * (reclaim/shrink_slab.c); see shrinker.h for who may change it when.
 */
#include "slab/slub.h"

void register_shrinker(struct quire *q, struct shrinker *s)
{
	for_each_node (q, nid)
		s->nr_deferred[nid] = 0;
	spin_lock(q, &q->slab->shrinker_lock);
	list_add_tail(&s->list, &q->slab->shrinkers);
	spin_unlock(q, &q->slab->shrinker_lock);
}

void unregister_shrinker(struct quire *q, struct shrinker *s)
{
	spin_lock(q, &q->slab->shrinker_lock);
	list_del(&s->list);
	spin_unlock(q, &q->slab->shrinker_lock);
}

struct list_head *shrinker_list(struct quire *q)
{
	return &q->slab->shrinkers;
}
