/* SPDX-License-Identifier: MIT */
/*
 * Shrinkers: caches that can give memory back when asked.  Registered here,
 * called by reclaim (reclaim/shrink_slab.c).
 */
#ifndef QUIRE_SLAB_SHRINKER_H
#define QUIRE_SLAB_SHRINKER_H

#include "base/quire.h"

#define DEFAULT_SEEKS 2
#define SHRINK_STOP   (~0UL)
#define SHRINK_EMPTY  (~0UL - 1)

struct shrink_control {
	gfp_t gfp;
	unsigned int nid;
	unsigned long nr_to_scan;
	unsigned long nr_scanned;
	struct mem_cgroup *memcg; /* whose objects; NULL: those that are nobody's */
};

struct shrinker {
	unsigned long (*count_objects)(struct quire *q, struct shrinker *s,
				       struct shrink_control *sc);
	/* Objects freed, or SHRINK_STOP. */
	unsigned long (*scan_objects)(struct quire *q, struct shrinker *s,
				      struct shrink_control *sc);
	/* What a group's part of it put off on a node, NULL: it has none.  One that has
	 * this is asked about a group's objects, too (SHRINKER_MEMCG_AWARE). */
	long *(*memcg_deferred)(struct quire *q, struct shrinker *s, struct shrink_control *sc);
	long batch; /* 0: 128 */
	int seeks;  /* cost of making an object again; 0: free */
	const char *name;
	void *ctx;
	struct list_head list;
	long nr_deferred[QUIRE_MAX_NODES];
};

void register_shrinker(struct quire *q, struct shrinker *s);
void unregister_shrinker(struct quire *q, struct shrinker *s);
/* The list (of shrinker.list), for reclaim; its lock guards changes only:
 * shrinkers come and go with file systems, not while reclaim walks. */
struct list_head *shrinker_list(struct quire *q);

#endif
