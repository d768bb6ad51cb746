/* SPDX-License-Identifier: MIT */
/*
 * The rings of events: see trace.h.
 *
 * A CPU's ring is a circle of pages with 64 records each, linked by lru; private
 * is how many records a page holds.  Writing goes on behind the last record; a
 * page that is begun anew is emptied first, so the oldest go a page at a time, as
 * in Linux's ring buffer when it overwrites.
 *
 * Invariants: pages from the one after the tail to the tail hold records in the
 * order in which they were written, empty ones none.
 *
 * Lock: the ring's, the innermost but the log's.
 *
 * Differs from Linux: records are all of one size, with the name of the task in
 * them; there are no instances, filters or triggers.
 */
#include "page/trace.h"
#include "page/debug.h"
#include "page/internal.h"

#define RECORDS_A_PAGE (PAGE_SIZE / sizeof(struct trace_record))
#define TRACE_MAX_KB   (1UL << 22)

struct trace_cpu {
	struct spinlock lock;
	struct list_head pages;
	struct page *tail; /* where the last record is */
	unsigned long written;
	/* trace_read()'s: the next record, NULL at the end. */
	struct page *read_page;
	unsigned long read_pos;
};

struct trace_floor {
	unsigned long kb;
	unsigned long events; /* that are on, recorded or not */
	bool off;	      /* tracing_on is 0 */
	struct trace_cpu cpu[];
};

/* ---- memory ----------------------------------------------------------------- */

static struct trace_floor *trace_floor(struct quire *q)
{
	size_t bytes = sizeof(struct trace_floor) + q->nr_cpus * sizeof(struct trace_cpu);
	unsigned int order = 0;
	struct trace_floor *tr;
	struct page *page;

	if (q->page->trace)
		return q->page->trace;
	while (PAGE_SIZE << order < bytes)
		order++;
	page = alloc_pages_node(q, numa_node_id(q), GFP_KERNEL | __GFP_NOWARN, order);
	if (!page)
		return NULL;
	tr = page_address(q, page);
	memset(tr, 0, bytes);
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		spin_lock_init(&tr->cpu[cpu].lock, LOCK_TRACE);
		INIT_LIST_HEAD(&tr->cpu[cpu].pages);
	}
	if (!HOT_CMPXCHG(&q->page->trace, (struct trace_floor *)NULL, tr))
		__free_pages(q, page, order);
	return q->page->trace;
}

static void free_ring(struct quire *q, struct list_head *pages)
{
	while (!list_empty(pages)) {
		struct page *page = list_first_entry(pages, struct page, lru);

		list_del(&page->lru);
		page->private = 0;
		__free_pages(q, page, 0);
	}
}

static bool fill_ring(struct quire *q, unsigned int cpu, unsigned long nr, struct list_head *pages)
{
	while (nr--) {
		struct page *page = alloc_pages_node(q, cpu_to_node(q, cpu),
						     GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0);

		if (!page)
			return false;
		page->private = 0;
		list_add_tail(&page->lru, pages);
		cond_resched(q);
	}
	return true;
}

/* The ring is these pages now; what it was comes back in them. */
static void exchange_ring(struct quire *q, struct trace_cpu *c, struct list_head *pages)
{
	LIST_HEAD(old);

	spin_lock(q, &c->lock);
	list_splice(&c->pages, &old);
	INIT_LIST_HEAD(&c->pages);
	list_splice(pages, &c->pages);
	c->tail = list_empty(&c->pages) ? NULL : list_last_entry(&c->pages, struct page, lru);
	if (c->tail)
		c->tail->private = RECORDS_A_PAGE;
	c->read_page = NULL;
	c->written = 0;
	spin_unlock(q, &c->lock);
	INIT_LIST_HEAD(pages);
	list_splice(&old, pages);
}

int trace_resize(struct quire *q, unsigned long kb)
{
	struct trace_floor *tr = trace_floor(q);
	unsigned long nr = max(DIV_ROUND_UP(kb, PAGE_SIZE >> 10), 2UL);
	int err = 0;

	if (!kb || kb > TRACE_MAX_KB)
		return -EINVAL;
	if (!tr)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < q->nr_cpus && !err; cpu++) {
		LIST_HEAD(pages);

		if (fill_ring(q, cpu, nr, &pages))
			exchange_ring(q, &tr->cpu[cpu], &pages);
		else
			err = -ENOMEM;
		free_ring(q, &pages);
	}
	if (!err)
		tr->kb = kb;
	trace_reset(q);
	return err;
}

unsigned long trace_size_kb(const struct quire *q)
{
	return q->page->trace ? q->page->trace->kb : 0;
}

/* ---- switches --------------------------------------------------------------- */

static void set_keys(struct quire *q, const struct trace_floor *tr)
{
	HOT_STORE(&q->keys, (q->keys & ~KEYS_TRACE) | (tr->off ? 0 : tr->events));
}

int trace_set_event(struct quire *q, enum trace_event event, bool on)
{
	struct trace_floor *tr;
	int err;

	if (!on && !q->page->trace)
		return 0;
	tr = trace_floor(q);
	if (!tr)
		return -ENOMEM;
	if (on && !tr->kb) {
		err = trace_resize(q, TRACE_DEFAULT_KB);
		if (err)
			return err;
	}
	if (on)
		tr->events |= TRACE_KEY(event);
	else
		tr->events &= ~TRACE_KEY(event);
	set_keys(q, tr);
	return 0;
}

bool trace_event_on(const struct quire *q, enum trace_event event)
{
	return q->page->trace && (q->page->trace->events & TRACE_KEY(event));
}

int trace_set_on(struct quire *q, bool on)
{
	struct trace_floor *tr;

	if (on == trace_is_on(q))
		return 0;
	tr = trace_floor(q);
	if (!tr)
		return -ENOMEM;
	tr->off = !on;
	set_keys(q, tr);
	return 0;
}

bool trace_is_on(const struct quire *q)
{
	return !q->page->trace || !q->page->trace->off;
}

void trace_reset(struct quire *q)
{
	struct trace_floor *tr = q->page->trace;

	for (unsigned int cpu = 0; tr && cpu < q->nr_cpus; cpu++) {
		struct trace_cpu *c = &tr->cpu[cpu];
		struct page *page;

		spin_lock(q, &c->lock);
		list_for_each_entry (page, &c->pages, lru)
			page->private = 0;
		c->written = 0;
		c->read_page = NULL;
		spin_unlock(q, &c->lock);
	}
}

/* ---- reading ---------------------------------------------------------------- */

/* The page behind in the circle. */
static struct page *next_in_ring(const struct trace_cpu *c, struct page *page)
{
	return list_is_last(&page->lru, &c->pages) ? list_first_entry(&c->pages, struct page, lru)
						   : list_next_entry(page, lru);
}

void trace_count(struct quire *q, unsigned long *entries, unsigned long *written)
{
	struct trace_floor *tr = q->page->trace;

	*entries = *written = 0;
	for (unsigned int cpu = 0; tr && cpu < q->nr_cpus; cpu++) {
		struct page *page;

		*written += tr->cpu[cpu].written;
		list_for_each_entry (page, &tr->cpu[cpu].pages, lru)
			*entries += page->private;
	}
}

/* The first page from `page` on, up to the tail, that has a record from pos on. */
static void seek_record(struct trace_cpu *c, struct page *page, unsigned long pos)
{
	while (page && pos >= page->private) {
		page = page == c->tail ? NULL : next_in_ring(c, page);
		pos = 0;
	}
	c->read_page = page;
	c->read_pos = pos;
}

void trace_rewind(struct quire *q)
{
	struct trace_floor *tr = q->page->trace;

	for (unsigned int cpu = 0; tr && cpu < q->nr_cpus; cpu++) {
		struct trace_cpu *c = &tr->cpu[cpu];

		if (c->tail)
			seek_record(c, next_in_ring(c, c->tail), 0);
	}
}

bool trace_read(struct quire *q, struct trace_record *rec)
{
	struct trace_floor *tr = q->page->trace;
	const struct trace_record *best = NULL;
	struct trace_cpu *from = NULL;

	for (unsigned int cpu = 0; tr && cpu < q->nr_cpus; cpu++) {
		struct trace_cpu *c = &tr->cpu[cpu];
		const struct trace_record *r;

		if (!c->read_page)
			continue;
		r = (const struct trace_record *)page_address(q, c->read_page) + c->read_pos;
		if (!best || r->time_ns < best->time_ns) {
			best = r;
			from = c;
		}
	}
	if (!best)
		return false;
	*rec = *best;
	seek_record(from, from->read_page, from->read_pos + 1);
	return true;
}

/* ---- writing ---------------------------------------------------------------- */

void trace_record(struct quire *q, enum trace_event event, unsigned int preempt, u64 a, u64 b,
		  u64 c, u64 d)
{
	unsigned int cpu = smp_processor_id(q);
	struct trace_cpu *ring = &q->page->trace->cpu[cpu];
	struct trace_record *r;
	int pid = 0, tgid = 0;
	const char *comm = page_current(q, &pid, &tgid);

	spin_lock(q, &ring->lock);
	if (ring->tail) {
		if (ring->tail->private >= RECORDS_A_PAGE || !ring->written) {
			ring->tail = next_in_ring(ring, ring->tail);
			ring->tail->private = 0;
		}
		r = (struct trace_record *)page_address(q, ring->tail) + ring->tail->private ++;
		*r = (struct trace_record){.time_ns = quire_clock(q),
					   .pid = (u32)pid,
					   .event = (u8)event,
					   .preempt = (u8)preempt,
					   .cpu = (u16)cpu,
					   .arg = {a, b, c, d}};
		for (unsigned int i = 0; i < TRACE_COMM_LEN - 1 && comm[i]; i++)
			r->comm[i] = comm[i];
		ring->written++;
	}
	spin_unlock(q, &ring->lock);
}

/* ---- kmem ------------------------------------------------------------------- */

/* A frame's number; none: as Linux's -1UL. */
static u64 trace_pfn(struct quire *q, const struct page *page)
{
	return page ? page_to_pfn(q, page) : ~0UL;
}

void trace_mm_page_alloc(struct quire *q, const struct page *page, unsigned int order, gfp_t gfp,
			 int migratetype)
{
	trace_record(q, TRACE_MM_PAGE_ALLOC, 0, trace_pfn(q, page), order, gfp, (u64)migratetype);
}

void trace_mm_page_free(struct quire *q, const struct page *page, unsigned int order)
{
	trace_record(q, TRACE_MM_PAGE_FREE, 0, trace_pfn(q, page), order, 0, 0);
}

void trace_mm_page_free_batched(struct quire *q, const struct page *page)
{
	trace_record(q, TRACE_MM_PAGE_FREE_BATCHED, 0, trace_pfn(q, page), 0, 0, 0);
}

void trace_mm_page_alloc_zone_locked(struct quire *q, const struct page *page, unsigned int order,
				     int migratetype)
{
	bool refill = pcp_allowed_order(order) && migratetype < MIGRATE_PCPTYPES;

	trace_record(q, TRACE_MM_PAGE_ALLOC_ZONE_LOCKED, refill ? 3 : 1, trace_pfn(q, page), order,
		     (u64)migratetype, refill);
}

void trace_mm_page_pcpu_drain(struct quire *q, const struct page *page, unsigned int order,
			      int migratetype)
{
	trace_record(q, TRACE_MM_PAGE_PCPU_DRAIN, 3, trace_pfn(q, page), order, (u64)migratetype,
		     0);
}

void trace_mm_page_alloc_extfrag(struct quire *q, const struct page *page, unsigned int order,
				 unsigned int fallback_order, int migratetype, int fallback_mt)
{
	bool owner = get_pageblock_migratetype(q, page) == migratetype;

	trace_record(q, TRACE_MM_PAGE_ALLOC_EXTFRAG, pcp_allowed_order(order) ? 3 : 1,
		     trace_pfn(q, page), trace_pair(order, fallback_order),
		     trace_pair((u64)migratetype, (u64)fallback_mt), owner);
}
