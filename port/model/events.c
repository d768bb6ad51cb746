/* SPDX-License-Identifier: MIT */
/*
 * What is to happen, and when: a heap of four children a node, ordered by (time,
 * number), so that events of one time come in the order in which they were made.
 *
 * Invariants: the first is the next; a fiber that waits with a limit knows the place of
 * its event (fiber->timer), so that it can be taken out before its time.
 * Locks: none, there is one host thread.
 */
#include "port/model/internal.h"
#include "port/model/keep.h"

static bool event_before(const struct model_event *a, const struct model_event *b)
{
	return a->time != b->time ? a->time < b->time : a->seq < b->seq;
}

static void heap_place(struct model *m, size_t i, const struct model_event *e)
{
	m->heap[i] = *e;
	if (e->kind == MEV_TIMEOUT)
		((struct fiber *)e->ptr)->timer = i;
}

static void heap_up(struct model *m, size_t i, struct model_event e)
{
	while (i) {
		size_t parent = (i - 1) / 4;

		if (!event_before(&e, &m->heap[parent]))
			break;
		heap_place(m, i, &m->heap[parent]);
		i = parent;
	}
	heap_place(m, i, &e);
}

static void heap_down(struct model *m, size_t i, struct model_event e)
{
	for (;;) {
		size_t child = 4 * i + 1, best = child;

		if (child >= m->heap_len)
			break;
		for (size_t c = child + 1; c < m->heap_len && c < child + 4; c++)
			if (event_before(&m->heap[c], &m->heap[best]))
				best = c;
		if (!event_before(&m->heap[best], &e))
			break;
		heap_place(m, i, &m->heap[best]);
		i = best;
	}
	heap_place(m, i, &e);
}

void sched_push(struct model *m, u64 time, enum model_event_kind kind, u32 cpu, void *ptr)
{
	if (m->heap_len == m->heap_cap) {
		size_t cap = m->heap_cap ? 2 * m->heap_cap : 1024;
		struct model_event *heap = keep_realloc(m->heap, cap * sizeof(*heap));

		if (!heap)
			model_panic(m, "the host has no memory for the model's events");
		m->heap = heap;
		m->heap_cap = cap;
	}
	heap_up(m, m->heap_len++,
		(struct model_event){max(time, m->now), m->next_seq++, kind, cpu, ptr});
}

void sched_pull(struct model *m, size_t i)
{
	struct model_event last = m->heap[--m->heap_len];

	if (i == m->heap_len)
		return;
	if (i && event_before(&last, &m->heap[(i - 1) / 4]))
		heap_up(m, i, last);
	else
		heap_down(m, i, last);
}
