/* SPDX-License-Identifier: MIT */
/*
 * Tracepoints: what happens is written into a ring, a CPU's own, and read as
 * text at /sys/kernel/tracing/trace (proc/trace.c).
 *
 * Recording asks for no memory and takes no lock but the ring's: it may be done
 * with any lock held.  When the ring is full the oldest page of records goes.
 */
#ifndef QUIRE_PAGE_TRACE_H
#define QUIRE_PAGE_TRACE_H

#include "page/alloc.h"

#define TRACE_COMM_LEN 16
#define TRACE_ARGS     4
/* What a CPU's ring grows to when the first event is switched on, in KiB. */
#define TRACE_DEFAULT_KB 1408

struct trace_record {
	u64 time_ns;
	u32 pid;
	u8 event;   /* enum trace_event */
	u8 preempt; /* locks held: Linux's preempt-depth; interrupts are off with any */
	u16 cpu;
	char comm[TRACE_COMM_LEN];
	u64 arg[TRACE_ARGS];
};
_Static_assert(sizeof(struct trace_record) == 64, "64 records a page");

/*
 * Makes each CPU's ring as large as asked (KiB; empty afterwards).  0, -ENOMEM
 * (then it is as it was) or -EINVAL.  The rings' pages are the kernel's own.  May
 * sleep.  Linux: ring_buffer_resize().
 */
int trace_resize(struct quire *q, unsigned long kb);
/* KiB of each ring; 0: there are none yet. */
unsigned long trace_size_kb(const struct quire *q);
/* Switches one event on or off; the first makes rings of TRACE_DEFAULT_KB. */
int trace_set_event(struct quire *q, enum trace_event event, bool on);
bool trace_event_on(const struct quire *q, enum trace_event event);
/* tracing_on: what happens is recorded.  0 or -ENOMEM. */
int trace_set_on(struct quire *q, bool on);
bool trace_is_on(const struct quire *q);
/* Forgets all records. */
void trace_reset(struct quire *q);

/* Records in the rings, and ever written since the last reset. */
void trace_count(struct quire *q, unsigned long *entries, unsigned long *written);
/* All records in order of time, from the oldest on after trace_rewind(); false at
 * the end.  One reader, and nothing recorded, at a time. */
void trace_rewind(struct quire *q);
bool trace_read(struct quire *q, struct trace_record *rec);

/* One event, whose key the caller has tested. */
void trace_record(struct quire *q, enum trace_event event, unsigned int preempt, u64 a, u64 b,
		  u64 c, u64 d);

static inline u64 trace_pair(u64 low, u64 high)
{
	return (low & 0xffffffff) | high << 32;
}

/* kmem: page may be NULL where an allocation failed. */
void trace_mm_page_alloc(struct quire *q, const struct page *page, unsigned int order, gfp_t gfp,
			 int migratetype);
void trace_mm_page_free(struct quire *q, const struct page *page, unsigned int order);
void trace_mm_page_free_batched(struct quire *q, const struct page *page);
void trace_mm_page_alloc_zone_locked(struct quire *q, const struct page *page, unsigned int order,
				     int migratetype);
void trace_mm_page_pcpu_drain(struct quire *q, const struct page *page, unsigned int order,
			      int migratetype);
void trace_mm_page_alloc_extfrag(struct quire *q, const struct page *page, unsigned int order,
				 unsigned int fallback_order, int migratetype, int fallback_mt);

/* compaction: node, zone, order and a status. */
static inline void trace_mm_compaction_status(struct quire *q, enum trace_event event,
					      const struct zone *zone, int order,
					      enum compact_result status)
{
	trace_record(q, event, 0, trace_pair(zone_to_nid(zone), zone->zone_idx), (u32)order,
		     (u64)status, 0);
}

#endif
