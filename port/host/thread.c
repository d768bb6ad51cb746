/* SPDX-License-Identifier: MIT */
/*
 * Threads: which context a thread has in an instance, and kernel threads.
 *
 * A thread's contexts are a chain of attachments in thread-local storage, one
 * for each instance that it has used; the instance keeps the same attachments
 * in a list of its own.  Whoever ends first, thread or instance, takes the
 * attachment off both: a thread's end goes through the key's destructor, an
 * instance's through host_detach_all().  Both hold attach_lock, which is taken
 * only when a thread meets an instance for the first time or leaves for good.
 *
 * An instance that ends can't reach into other threads' chains; it marks the
 * attachment dead (host = NULL) and the thread frees it when it next meets an
 * instance, or ends.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>

#include "node/mmzone.h"
#include "port/host/internal.h"

struct host_attachment {
	struct quire_context context;
	uint64_t id;
	uint32_t slot;	   /* percpu.c */
	struct host *host; /* NULL: the instance is gone */
	struct host_attachment *next_of_thread;
	struct host_attachment *next, **pprev; /* of the instance */
};

struct host_thread {
	pthread_t thread;
	struct host *host;
	void (*fn)(void *arg);
	void *arg;
	int node;
	struct host_thread *next;
};

__thread struct quire_host_last quire_host_last;
__thread bool host_is_kernel_thread;
static __thread struct host_attachment *thread_attachments;

static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

/* A thread has ended. */
static void leave(void *chain)
{
	struct host_attachment *a = chain;

	pthread_mutex_lock(&attach_lock);
	while (a) {
		struct host_attachment *next = a->next_of_thread;

		if (a->host) {
			*a->pprev = a->next;
			if (a->next)
				a->next->pprev = a->pprev;
			host_percpu_give_slot(a->host, a->slot);
		}
		free(a);
		a = next;
	}
	pthread_mutex_unlock(&attach_lock);
	thread_attachments = NULL;
	quire_host_last = (struct quire_host_last){0};
}

static void make_key(void)
{
	if (pthread_key_create(&key, leave))
		abort();
}

/* Frees what the calling thread had in instances that are gone. */
static void forget_dead(void)
{
	struct host_attachment **at = &thread_attachments;

	while (*at) {
		struct host_attachment *a = *at;

		if (a->host) {
			at = &a->next_of_thread;
			continue;
		}
		*at = a->next_of_thread;
		free(a);
	}
}

static struct host_attachment *attach(struct host *h)
{
	struct host_attachment *a = calloc(1, sizeof(*a));

	if (!a)
		abort(); /* there is no way to say so: the caller may be in an atomic section */
	pthread_once(&key_once, make_key);
	pthread_mutex_lock(&attach_lock);
	forget_dead();
	a->id = h->hot.id;
	a->host = h;
	a->slot = host_percpu_take_slot(h);
	a->context.cpu = h->next_cpu;
	h->next_cpu = (h->next_cpu + 1) % max(h->q->nr_cpus, 1u);
	a->next = h->attachments;
	a->pprev = &h->attachments;
	if (a->next)
		a->next->pprev = &a->next;
	h->attachments = a;
	pthread_mutex_unlock(&attach_lock);
	a->next_of_thread = thread_attachments;
	thread_attachments = a;
	pthread_setspecific(key, a);
	return a;
}

struct quire_context *quire_host_attach(struct quire_hot *hot)
{
	struct host *h = container_of(hot, struct host, hot);
	struct host_attachment *a = thread_attachments;

	while (a && a->id != hot->id)
		a = a->next_of_thread;
	if (!a)
		a = attach(h);
	quire_host_last = (struct quire_host_last){hot->id, &a->context, a->slot};
	return &a->context;
}

void host_detach_all(struct host *h)
{
	pthread_mutex_lock(&attach_lock);
	for (struct host_attachment *a = h->attachments; a; a = a->next)
		a->host = NULL;
	h->attachments = NULL;
	pthread_mutex_unlock(&attach_lock);
}

void quire_host_relax(void)
{
	sched_yield();
}

int quire_host_set_cpu(struct quire *q, unsigned int cpu)
{
	if (cpu >= q->nr_cpus)
		return -EINVAL;
	current_context(q)->cpu = cpu;
	return 0;
}

unsigned int quire_host_cpu(struct quire *q)
{
	return smp_processor_id(q);
}

/* ---- kernel threads --------------------------------------------------------- */

static void *thread_main(void *arg)
{
	struct host_thread *t = arg;
	struct quire *q = t->host->q;

	if (t->node >= 0 && NODE_DATA(q, t->node)->nr_cpus)
		quire_host_set_cpu(q, NODE_DATA(q, t->node)->first_cpu);
	host_is_kernel_thread = true;
	t->fn(t->arg);
	pthread_mutex_lock(&t->host->lock);
	t->host->nr_threads--;
	pthread_mutex_unlock(&t->host->lock);
	return NULL;
}

int host_thread_start(void *ctx, const char *name, void (*fn)(void *arg), void *arg, int node)
{
	struct host_thread *t = malloc(sizeof(*t));
	struct host *h = ctx;
	char short_name[16];
	unsigned int i;

	if (!t)
		return -ENOMEM;
	*t = (struct host_thread){.host = h, .fn = fn, .arg = arg, .node = node};
	for (i = 0; i < sizeof(short_name) - 1 && name[i]; i++)
		short_name[i] = name[i];
	short_name[i] = '\0';
	pthread_mutex_lock(&h->lock);
	if (pthread_create(&t->thread, NULL, thread_main, t)) {
		pthread_mutex_unlock(&h->lock);
		free(t);
		return -EAGAIN;
	}
	pthread_setname_np(t->thread, short_name);
	t->next = h->threads;
	h->threads = t;
	h->nr_threads++;
	pthread_mutex_unlock(&h->lock);
	return 0;
}

void quire_host_quiesce(struct quire *q)
{
	struct host *h = container_of(q->hot, struct host, hot);
	bool quiet;

	do {
		pthread_mutex_lock(&h->lock);
		quiet = h->nr_asleep == h->nr_threads;
		pthread_mutex_unlock(&h->lock);
		if (!quiet)
			sleep_ns(q, NSEC_PER_MSEC);
	} while (!quiet);
}

void host_join_threads(struct host *h)
{
	while (h->threads) {
		struct host_thread *t = h->threads;

		h->threads = t->next;
		pthread_join(t->thread, NULL);
		free(t);
	}
}
