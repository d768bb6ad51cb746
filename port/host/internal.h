/* SPDX-License-Identifier: MIT */
/*
 * What the host port's files share: one struct host an instance.
 */
#ifndef QUIRE_HOST_INTERNAL_H
#define QUIRE_HOST_INTERNAL_H

#include <pthread.h>

#include "base/quire.h"
#include <quire/host.h>

struct host_sleeper;
struct host_thread;

struct host {
	struct quire_hot hot;
	struct quire *q;
	unsigned int flags;
	uint64_t boot_ns;
	size_t physmap_bytes, vmemmap_bytes, frames_bytes;
	void *vmemmap, *frames;

	pthread_mutex_t lock; /* all below */
	struct host_attachment *attachments;
	unsigned int next_cpu;
	struct host_thread *threads; /* kernel threads, joined at the end */
	unsigned int nr_threads;     /* of them alive */
	unsigned int nr_asleep;	     /* of them in host_wait() */
	struct host_sleeper *sleepers;
	pthread_mutex_t percpu_lock; /* a slot is stopped; the offsets */
	uint32_t percpu_end;	     /* of each region so much was ever taken */
	struct percpu_hole *percpu_holes;
	bool stopping; /* all have been woken for the last time: sleeps are short */
};

extern const struct quire_port_ops host_port_ops;

/* Set in kernel threads. */
extern __thread bool host_is_kernel_thread;

uint64_t host_clock_ns(void);
/* percpu.c */
/* For tests: instances made from now on have threads' slots. */
extern bool host_without_rseq;
int host_percpu_init(struct host *h);
void host_percpu_destroy(struct host *h);
/* A slot for a thread, if slots are threads'; and back. */
uint32_t host_percpu_take_slot(struct host *h);
void host_percpu_give_slot(struct host *h, uint32_t slot);
/* thread.c */
void host_join_threads(struct host *h);
void host_detach_all(struct host *h);
int host_thread_start(void *ctx, const char *name, void (*fn)(void *arg), void *arg, int node);
/* trap.c */
unsigned int host_stack_save(void *ctx, uintptr_t *entries, unsigned int nr);
void host_symbol(void *ctx, uintptr_t entry, char *buf, size_t cap);
bool host_guard_frames(void *ctx, uint64_t pfn, uint64_t nr, bool guard);
/* wait.c */
void host_wait(void *ctx, struct quire_wait_queue *wq, uint32_t seq, uint64_t timeout_ns);
void host_wake(void *ctx, struct quire_wait_queue *wq);

#endif
