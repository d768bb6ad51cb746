/* SPDX-License-Identifier: MIT */
/*
 * KFENCE's own structures, and its reports.
 */
#ifndef QUIRE_SLAB_KFENCE_REPORT_H
#define QUIRE_SLAB_KFENCE_REPORT_H

#include "slab/debug.h"

enum kfence_state { KFENCE_UNUSED, KFENCE_ALLOCATED, KFENCE_FREED };

struct kfence_track {
	unsigned long addr;
	u32 handle; /* of the stack */
	unsigned int cpu;
	int pid;
	u64 ns;
};

struct kfence_metadata {
	struct list_head list; /* free ones */
	enum kfence_state state;
	char *object;
	size_t size;
	struct kmem_cache *cache; /* NULL: gone */
	unsigned long site;	  /* who allocated it last */
	struct kfence_track alloc, free;
};

struct kfence {
	struct spinlock lock;
	u32 gate;    /* 1: the next allocation is sampled */
	bool guards; /* the port can make pages trap */
	unsigned int nr, nr_allocated;
	char *pool;
	u64 sample_ms;
	unsigned long allocs, frees, bugs, skipped;
	struct quire_wait_queue wait;
	struct list_head freelist;
	u8 covered[512];	  /* objects by call site */
	struct kmem_cache *cache; /* behind meta[]: what pages of the pool say that they are of */
	struct kfence_metadata meta[];
};

enum kfence_error {
	KFENCE_ERROR_OOB,
	KFENCE_ERROR_UAF,
	KFENCE_ERROR_CORRUPTION,
	KFENCE_ERROR_INVALID,
	KFENCE_ERROR_INVALID_FREE,
};

char *kfence_page(const struct kfence *kf, unsigned int i);
bool kfence_gate_is_open(const struct quire *q);
/* addr: where; m: the object it is about, or NULL. */
void kfence_report(struct quire *q, const void *addr, bool is_write, enum kfence_error error,
		   struct kfence_metadata *m);
void kfence_print_object(struct quire *q, struct kfence_metadata *m);

#endif
