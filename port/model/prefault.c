/* SPDX-License-Identifier: MIT */
/*
 * A thread of the host that touches the model's arrays before the model does.
 *
 * The descriptors and contents of a 128 GB machine are 2.3 GB that the host
 * clears when they are first touched, up to 2.6 s a gigabyte where a guest must
 * get its memory back from a hypervisor.  Free memory that nobody has used yet
 * is handed out in order (zone->virgin_pfn), so what will be touched next is
 * known: this thread stays half a gigabyte of the machine ahead of each node,
 * on the host's other processor.  It gains 5 of 30 s of the night.
 *
 * It changes no content (MADV_POPULATE_WRITE), so runs stay the same to the
 * byte; it reads virgin_pfn without a lock, and a stale value only makes it
 * late.  It touches nothing until a node's memory is really being used.
 */
#include "port/model/internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define CHUNK_PAGES 32768UL /* descriptors of 2 MB: one huge page of the host */
#define AHEAD_PAGES (4 * CHUNK_PAGES)
#define POLL_MIN_NS 1000000L
#define POLL_MAX_NS 32000000L	/* a machine that stands still costs no more */
#define MIN_PAGES   (1UL << 20) /* smaller machines fill in no time */

struct prefault {
	pthread_t thread;
	struct model *m;
	bool stop;
	u64 first[QUIRE_MAX_NODES]; /* virgin_pfn at boot */
	u64 done[QUIRE_MAX_NODES];  /* populated up to here */
};

static bool populate(struct model *m, u64 pfn)
{
	char *descriptors = (char *)m->vmemmap + pfn * sizeof(struct page);
	u64 *contents = m->hot.content + pfn;

	return !madvise(descriptors, CHUNK_PAGES * sizeof(struct page), MADV_POPULATE_WRITE) &&
	       !madvise(contents, CHUNK_PAGES * sizeof(u64), MADV_POPULATE_WRITE);
}

static bool keep_ahead(struct prefault *p, unsigned int nid, bool *worked)
{
	struct zone *zone = &NODE_DATA(p->m->q, nid)->node_zones[ZONE_NORMAL];
	u64 at = __atomic_load_n(&zone->virgin_pfn, __ATOMIC_RELAXED);
	u64 end = ALIGN_DOWN(zone->zone_start_pfn + zone->spanned_pages, CHUNK_PAGES);
	u64 target = min(ALIGN(at + AHEAD_PAGES, CHUNK_PAGES), end);

	if (!zone->present_pages || at < p->first[nid] + CHUNK_PAGES)
		return true;
	p->done[nid] = max(p->done[nid], ALIGN(at, CHUNK_PAGES));
	for (; p->done[nid] < target && !__atomic_load_n(&p->stop, __ATOMIC_RELAXED);
	     p->done[nid] += CHUNK_PAGES) {
		if (!populate(p->m, p->done[nid]))
			return false;
		*worked = true;
	}
	return true;
}

static void *prefault_main(void *arg)
{
	struct timespec poll = {0, POLL_MIN_NS};
	struct prefault *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		bool worked = false;

		/* A host that can't populate (before Linux 5.14), or has no memory. */
		for (unsigned int nid = 0; nid < p->m->q->nr_nodes; nid++)
			if (!keep_ahead(p, nid, &worked))
				return NULL;
		poll.tv_nsec = worked ? POLL_MIN_NS : min(poll.tv_nsec * 2, POLL_MAX_NS);
		nanosleep(&poll, NULL);
	}
	return NULL;
}

/* Signals are the embedder's: one that this thread took, be it only to ignore
 * it as SIGCHLD is by default, would never reach a signalfd or a handler's thread. */
static int create_without_signals(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

void prefault_start(struct model *m)
{
	struct prefault *p;

	if (m->q->max_pfn < MIN_PAGES)
		return;
	p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->m = m;
	for_each_node (m->q, nid)
		p->first[nid] = NODE_DATA(m->q, nid)->node_zones[ZONE_NORMAL].virgin_pfn;
	/* Without it the model is only slower. */
	if (create_without_signals(&p->thread, prefault_main, p)) {
		free(p);
		return;
	}
	m->prefault = p;
}

void prefault_forked(struct model *m)
{
	if (!m->prefault)
		return;
	free(m->prefault);
	m->prefault = NULL;
	prefault_start(m);
}

void prefault_stop(struct model *m)
{
	struct prefault *p = m->prefault;

	if (!p)
		return;
	__atomic_store_n(&p->stop, true, __ATOMIC_RELAXED);
	pthread_join(p->thread, NULL);
	free(p);
	m->prefault = NULL;
}
