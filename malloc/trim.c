/* SPDX-License-Identifier: MIT */
/*
 * Memory goes back to the system when it lies idle.
 *
 * The rule: frames that were used and are free again ("dirty": the system has
 * not got them back) may be as many as 1/32 of those in use, and 1 MiB
 * more (M_TRIM_THRESHOLD).  Beyond that all of them that lie in the page
 * allocator's free areas go back at once, by madvise(MADV_DONTNEED), in runs.  So
 * a pass comes only after the dirty part has grown by that much: its cost is in
 * proportion to what was freed.  No thread, no timer, no clock: what a program
 * keeps is a function of its calls.
 *
 * A pass holds the zone's lock while it gives a block back, so nobody can get
 * it meanwhile.  Linux's free page reporting does the same for a hypervisor.
 *
 * Large pages: once 16 MiB are in use the system is asked for large pages for
 * what is taken from then on, 2 MiB at a time: one fault for 512, and programs
 * that stay small stay so to the page.
 *
 * Locks: the bits are changed atomically; a frame's owner changes its bit.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "malloc/internal.h"

#define HUGE_FROM_PAGES (16UL << 20 >> PAGE_SHIFT)
#define FRAMES_2M	512u

/* Sets or clears the bits of [pfn, pfn + nr); how many changed. */
static u64 mark(u64 *bits, u64 pfn, u64 nr, bool set)
{
	u64 changed = 0;

	while (nr) {
		u64 bit = pfn % 64, n = min(nr, 64 - bit);
		u64 mask = (n == 64 ? ~0UL : (1UL << n) - 1) << bit, was;

		/* Nothing to change is common, and needs no atomic. */
		was = HOT_LOAD(&bits[pfn / 64]);
		if ((set ? ~was : was) & mask)
			was = set ? HOT_OR(&bits[pfn / 64], mask) : HOT_AND(&bits[pfn / 64], ~mask);
		changed += (u64)__builtin_popcountl((set ? ~was : was) & mask);
		pfn += n;
		nr -= n;
	}
	return changed;
}

static void want_large_pages(u64 pfn)
{
	u64 at = pfn / FRAMES_2M;

	if (__atomic_exchange_n(&heap.huge[at], 1, __ATOMIC_RELAXED))
		return;
	madvise(heap.host.hot.physmap + (at * FRAMES_2M << PAGE_SHIFT), FRAMES_2M << PAGE_SHIFT,
		MADV_HUGEPAGE);
}

/* The first touch of what went back shall not bring 2 MiB again. */
static void want_small_pages(u64 pfn, u64 nr)
{
	for (u64 at = pfn; at < pfn + nr; at += FRAMES_2M)
		__atomic_store_n(&heap.huge[at / FRAMES_2M], 0, __ATOMIC_RELAXED);
	madvise(heap.host.hot.physmap + (pfn << PAGE_SHIFT), nr << PAGE_SHIFT, MADV_NOHUGEPAGE);
}

void trim_frames(struct quire_hot *hot, u64 pfn, u64 nr, bool used)
{
	(void)hot;
	if (used) {
		u64 pages = HOT_ADD(&heap.used_pages, nr);

		u64 was_gone = mark(heap.gone, pfn, nr, false);

		if (pages > HOT_LOAD(&heap.peak_pages))
			HOT_STORE(&heap.peak_pages, pages);
		(void)HOT_SUB(&heap.dirty_pages, mark(heap.dirty, pfn, nr, false));
		if (was_gone && HOT_LOAD(&heap.regretted) < HOT_LOAD(&heap.peak_pages))
			(void)HOT_ADD(&heap.regretted, was_gone);
		/* Not where a heap that has shrunk fills its holes. */
		if (pages + pages / 8 < HOT_LOAD(&heap.peak_pages))
			return;
		for (u64 at = pfn; pages > HUGE_FROM_PAGES && at < pfn + nr; at += FRAMES_2M)
			if (!heap.huge[at / FRAMES_2M])
				want_large_pages(at);
	} else {
		(void)HOT_SUB(&heap.used_pages, nr);
		(void)HOT_ADD(&heap.dirty_pages, mark(heap.dirty, pfn, nr, true));
	}
}

/* The free block that a frame lies in: its first frame and order; false: in none.
 * Under zone->lock. */
static bool free_block(struct quire *q, u64 pfn, u64 *first, unsigned int *order)
{
	for (unsigned int o = 0; o < MAX_ORDER; o++) {
		u64 head = pfn & ~((1UL << o) - 1);
		struct page *page = pfn_to_page(q, head);

		if (PageBuddy(page) && page->private >= o) {
			*first = head;
			*order = (unsigned int)page->private;
			return true;
		}
	}
	return false;
}

/* Gives one free block back, if frame pfn lies in one; the frame behind it. */
static u64 give_block_back(struct quire *q, struct zone *zone, u64 pfn)
{
	u64 first, next = pfn + 1;
	unsigned int order;

	spin_lock(q, &zone->lock);
	if (free_block(q, pfn, &first, &order)) {
		u64 nr = 1UL << order;

		if (!madvise(q->physmap + (first << PAGE_SHIFT), nr << PAGE_SHIFT, MADV_DONTNEED)) {
			u64 had = mark(heap.dirty, first, nr, false);

			(void)mark(heap.gone, first, nr, true);
			(void)HOT_SUB(&heap.dirty_pages, had);
			(void)HOT_ADD(&heap.given_back, had);
			if (nr >= FRAMES_2M && heap.huge[first / FRAMES_2M])
				want_small_pages(first, nr);
		}
		next = first + nr;
	}
	spin_unlock(q, &zone->lock);
	return next;
}

bool trim_now(u64 keep)
{
	struct quire *q = &heap.q;
	struct zone *zone = &NODE_DATA(q, 0)->node_zones[ZONE_NORMAL];
	u64 end = zone_end_pfn(zone), before = HOT_LOAD(&heap.given_back), pfn;
	static u32 busy;
	int saved = errno;

	/* One pass at a time; who comes second leaves it to the first. */
	if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
		return false;
	heap_enter();
	drain_all_pages(q, NULL);
	pfn = zone->zone_start_pfn;
	while (pfn < end && HOT_LOAD(&heap.dirty_pages) > keep) {
		u64 word = HOT_LOAD(&heap.dirty[pfn / 64]) >> pfn % 64;

		if (!word)
			pfn = (pfn / 64 + 1) * 64;
		else
			pfn = give_block_back(q, zone, pfn + (u64)__builtin_ctzl(word));
	}
	heap_leave();
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	errno = saved;
	return HOT_LOAD(&heap.given_back) != before;
}

void trim_if_due(void)
{
	static u64 left_over; /* dirty after the last pass: not to be had yet */
	u64 dirty = HOT_LOAD(&heap.dirty_pages);

	if (likely(dirty <= HOT_LOAD(&heap.used_pages) / 32 + heap.trim_slack +
				    HOT_LOAD(&heap.regretted) + HOT_LOAD(&left_over)))
		return;
	trim_now(0);
	HOT_STORE(&left_over, HOT_LOAD(&heap.dirty_pages));
}
