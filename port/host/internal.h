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
	size_t physmap_bytes, vmemmap_bytes;
	void *vmemmap;

	pthread_mutex_t lock; /* all below */
	struct host_attachment *attachments;
	unsigned int next_cpu;
	struct host_thread *threads; /* kernel threads, joined at the end */
	unsigned int nr_threads;     /* of them alive */
	unsigned int nr_asleep;	     /* of them in host_wait() */
	struct host_sleeper *sleepers;
	bool stopping; /* all have been woken for the last time: sleeps are short */
};

extern const struct quire_port_ops host_port_ops;

/* Set in kernel threads. */
extern __thread bool host_is_kernel_thread;

uint64_t host_clock_ns(void);
/* thread.c */
void host_join_threads(struct host *h);
void host_detach_all(struct host *h);
int host_thread_start(void *ctx, const char *name, void (*fn)(void *arg), void *arg, int node);
/* wait.c */
void host_wait(void *ctx, struct quire_wait_queue *wq, uint32_t seq, uint64_t timeout_ns);
void host_wake(void *ctx, struct quire_wait_queue *wq);

#endif
