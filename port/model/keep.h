/* SPDX-License-Identifier: MIT */
/*
 * Memory of the host that a machine lives in, at addresses that are the same in
 * every process: a machine is full of pointers, and so it can be written to a
 * file as it stands and mapped again (save.h).
 *
 * Two kinds: regions of address space (frames, their descriptors, stacks), and
 * a heap for the host's own structures of a machine.  A free of something that
 * is not of this heap goes to free(3), so either may be handed on.
 *
 * Under the address sanitizer the heap is malloc(3)'s, which it watches, and a
 * machine can't be saved.
 *
 * One for the process, as malloc(3)'s heap is; one thread at a time.
 */
#ifndef QUIRE_MODEL_KEEP_H
#define QUIRE_MODEL_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SANITIZE_ADDRESS__
#define KEEP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_ASAN 1
#endif
#endif

void *keep_malloc(size_t bytes);
void *keep_calloc(size_t n, size_t bytes);
void *keep_realloc(void *p, size_t bytes);
void keep_free(void *p);
char *keep_strdup(const char *s);

/* Zeroed address space, whole pages, aligned to a power of two; NULL. */
void *keep_map(size_t bytes, size_t align);
void keep_unmap(void *p, size_t bytes);
/* What restoring has to do again: the first `guard` bytes are without access;
 * the host may back it with huge pages. */
void keep_mark(void *p, size_t guard, bool huge);

/* ---- for save.c ---------------------------------------------------------------- */

#define KEEP_BASE 0x200000000000UL
#define KEEP_HEAP (64UL << 30)
/* The head with its table of regions, and the heap behind it. */
#define KEEP_TABLE   (64UL << 20)
#define KEEP_REGIONS (1UL << 20)
#define KEEP_LIMIT   0x600000000000UL

struct keep_region {
	char *at;
	size_t bytes, guard;
	uint64_t huge;
};

/* The heap's own head, at KEEP_BASE. */
struct keep_heap {
	uint64_t magic;
	char *next;	    /* the heap is handed out up to here */
	char *next_region;  /* address space, up to here */
	uint64_t nr_live;   /* blocks of the heap in use */
	uint64_t elsewhere; /* regions that the host refused these addresses */
	void *free[192];    /* by class, linked through the first word */
	size_t nr_regions;
	struct keep_region region[]; /* [KEEP_REGIONS] */
};

/* NULL: nothing was asked for yet. */
struct keep_heap *keep_heap(void);
/* Gives an unused heap back to the host, so that a saved one can take its place;
 * false if it is in use. */
bool keep_leave(void);
/* The heap at KEEP_BASE was mapped by somebody else. */
void keep_adopt(void);

#endif
