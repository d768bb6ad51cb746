/* SPDX-License-Identifier: MIT */
/*
 * Disks: latency, a queue of limited depth, and a wire of limited bandwidth.
 *
 * A request waits for a free slot of the queue, then for its latency, then for
 * the wire; it ends when its last byte has passed.  So small requests at depth
 * one see the latency, and many large ones see the bandwidth, as on an NVMe.
 *
 * Or a timer holds requests back, as Linux's dm-delay does: they wait for a tick, and
 * one timer lets all go whose time has come.
 *
 * What was written is what is read: a page of a device is a descriptor of 8
 * bytes in an array of reserved address space, which the host backs with
 * memory where it was touched.  A page never written has a content that
 * follows from (device, page).
 */
#include "port/model/internal.h"
#include "base/string.h"
#include "port/model/keep.h"

#include <stdlib.h>

#define CONTENT_WRITTEN (1UL << 63) /* kinds are far below 128 */

unsigned int model_add_disk(struct model *m, const struct model_disk_config *cfg)
{
	struct disk *d;

	if (m->nr_disks == MODEL_MAX_DISKS)
		model_panic(m, "too many disks");
	d = keep_calloc(1, sizeof(*d));
	if (!d)
		model_panic(m, "the host has no memory for a disk");
	d->cfg = *cfg;
	d->cfg.name = d->name;
	str_lcpy(d->name, cfg->name ? cfg->name : "disk", sizeof(d->name));
	if (!d->cfg.queue_depth)
		d->cfg.queue_depth = 1;
	d->nr_pages = cfg->size_bytes >> PAGE_SHIFT;
	d->content = model_reserve(d->nr_pages * sizeof(u64));
	d->slots = keep_calloc(d->cfg.queue_depth, sizeof(u64));
	if (!d->content || !d->slots)
		model_panic(m, "the host has no memory for a disk");
	m->disk[m->nr_disks] = d;
	return m->nr_disks++;
}

void model_disk_set_latency(struct model *m, unsigned int dev, u64 read_ns, u64 write_ns)
{
	struct disk *d = m->disk[dev];

	d->cfg.read_latency_ns = read_ns;
	d->cfg.write_latency_ns = write_ns;
	d->cfg.synchronous = false;
}

void model_disk_set_timer(struct model *m, unsigned int dev, u64 read_ns, u64 write_ns, u64 tick_ns,
			  u64 work_ns)
{
	model_disk_set_latency(m, dev, read_ns, write_ns);
	m->disk[dev]->tick_ns = tick_ns;
	m->disk[dev]->work_ns = work_ns;
}

void model_free_disks(struct model *m)
{
	for (unsigned int i = 0; i < m->nr_disks; i++) {
		struct disk *d = m->disk[i];

		model_release(d->content, d->nr_pages * sizeof(u64));
		keep_free(d->slots);
		keep_free(d);
	}
	m->nr_disks = 0;
}

/*
 * The request queue takes so many (Linux's NVMe tags, nr_requests); who submits
 * more sleeps until one has ended.  Without it kswapd fills new slabs with
 * bios by the hundred megabytes while the swap device is at work.
 */
#define NR_REQUESTS 1023u

static void wait_for_request(struct model *m, struct disk *d)
{
	while (m->running && !d->tick_ns && d->in_flight >= NR_REQUESTS)
		sched_wait(m, &d->room, d->room.seq, UINT64_MAX);
}

static void request_done(struct model *m, struct disk *d)
{
	d->in_flight--;
	if (!d->room.waiters)
		return;
	d->room.seq++;
	sched_wake(m, &d->room);
}

/* Files as they lie on servers: half text, then data, code, and archives. */
static u64 default_content(unsigned int dev, u64 page)
{
	static const u8 kinds[8] = {
		CONTENT_KIND_TEXT, CONTENT_KIND_TEXT, CONTENT_KIND_TEXT,   CONTENT_KIND_TEXT,
		CONTENT_KIND_HEAP, CONTENT_KIND_CODE, CONTENT_KIND_RANDOM, CONTENT_KIND_HEAP,
	};
	u64 file = ((u64)dev << 48) ^ (page >> 8), seed = ((u64)dev << 48) ^ page;

	return CONTENT(kinds[prng_splitmix64(&file) % 8], prng_splitmix64(&seed));
}

u64 model_disk_content(struct model *m, unsigned int dev, u64 page)
{
	u64 stored;

	if (dev >= m->nr_disks || page >= m->disk[dev]->nr_pages)
		return 0;
	stored = m->disk[dev]->content[page];
	return stored & CONTENT_WRITTEN ? stored & ~CONTENT_WRITTEN : default_content(dev, page);
}

/* The earliest free slot is the heap's root; it is taken until `until`. */
static void take_slot(struct disk *d, u64 until)
{
	unsigned int n = d->cfg.queue_depth, i = 0;

	for (;;) {
		unsigned int child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && d->slots[child + 1] < d->slots[child])
			child++;
		if (d->slots[child] >= until)
			break;
		d->slots[i] = d->slots[child];
		i = child;
	}
	d->slots[i] = until;
}

/*
 * When a timer of the kernel's wheel fires that is to expire at a tick: never
 * early, so one tick later, and later timers only at every 8th, 64th ... tick.
 */
static u64 wheel_fires(u64 now, u64 expires)
{
	unsigned int shift = 0;

	while (shift < 24 && expires - now >= 63ULL << shift)
		shift += 3;
	return ((expires >> shift) + 1) << shift;
}

/*
 * A request waits for its tick, and then for the timer: for the one that is
 * running if that fires later than its tick, else for one that is started anew.
 */
static u64 schedule_timer(struct disk *d, u64 latency, u64 now)
{
	u64 tick = now / d->tick_ns, expires = tick + DIV_ROUND_UP(latency, d->tick_ns), fires;

	for (unsigned int i = 0; i < MODEL_DISK_FIRINGS; i++) {
		fires = d->firing[(d->newest + 1 + i) % MODEL_DISK_FIRINGS];
		if (fires > tick && fires >= expires)
			return fires * d->tick_ns;
	}
	fires = wheel_fires(tick, expires);
	d->newest = (d->newest + 1) % MODEL_DISK_FIRINGS;
	d->firing[d->newest] = fires;
	return fires * d->tick_ns;
}

static u64 schedule(struct disk *d, const struct quire_bio *bio, u64 now)
{
	u64 latency = bio->op == QUIRE_BIO_READ ? d->cfg.read_latency_ns : d->cfg.write_latency_ns;
	u64 start = max(now, d->slots[0]);
	u64 done = start + latency;

	if (d->tick_ns)
		return schedule_timer(d, latency, now);

	if (d->cfg.bandwidth) {
		u64 bytes = (u64)bio->nr_pages << PAGE_SHIFT;
		u64 transfer = (u64)((unsigned __int128)bytes * NSEC_PER_SEC / d->cfg.bandwidth);

		done = max(done, d->transfer_free) + transfer;
		d->transfer_free = done;
	}
	take_slot(d, done);
	return done;
}

static void move_content(struct model *m, struct disk *d, const struct quire_bio *bio)
{
	for (unsigned int i = 0; i < bio->nr_pages; i++) {
		u64 page = bio->page_offset + i;

		if (bio->op == QUIRE_BIO_WRITE)
			d->content[page] = m->hot.content[bio->pfn[i]] | CONTENT_WRITTEN;
		else
			m->hot.content[bio->pfn[i]] = model_disk_content(m, bio->dev, page);
	}
}

/* Persistent memory: the submitter's processor copies. */
static void transfer_now(struct model *m, struct disk *d, struct quire_bio *bio, bool bad)
{
	u64 page_ns = bio->op == QUIRE_BIO_READ ? d->cfg.read_latency_ns : d->cfg.write_latency_ns;

	bio->error = bad || (m->fail_io && m->fail_io(m->fail_io_ctx, bio)) ? -EIO : 0;
	m->hot.charged_ns += page_ns * bio->nr_pages;
	if (!bio->error)
		move_content(m, d, bio);
	bio->end_io(m->q, bio);
}

void model_submit(struct model *m, struct quire_bio *bio)
{
	struct disk *d = bio->dev < m->nr_disks ? m->disk[bio->dev] : NULL;
	bool bad = !d || !bio->nr_pages || bio->nr_pages > QUIRE_BIO_MAX_PAGES ||
		   bio->page_offset >= d->nr_pages ||
		   bio->nr_pages > d->nr_pages - bio->page_offset;
	u64 now;
	u32 cpu;

	if (d && d->cfg.synchronous) {
		transfer_now(m, d, bio, bad);
		return;
	}
	if (d) {
		wait_for_request(m, d);
		d->in_flight++;
	}
	if (d)
		m->hot.charged_ns += d->work_ns * bio->nr_pages;
	now = m->now + work_to_time(m, m->hot.charged_ns);
	cpu = m->hot.current->cpu;
	bio->error = 0;
	if (bad || (m->fail_io && m->fail_io(m->fail_io_ctx, bio))) {
		bio->error = -EIO;
		sched_push(m, now + NSEC_PER_USEC, MEV_BIO, cpu, bio);
		return;
	}
	/* A write takes its data now: the frame may not change until it ends. */
	if (bio->op == QUIRE_BIO_WRITE)
		move_content(m, d, bio);
	sched_push(m, schedule(d, bio, now), MEV_BIO, cpu, bio);
}

void model_bio_done(struct model *m, struct quire_bio *bio)
{
	if (bio->dev < m->nr_disks)
		request_done(m, m->disk[bio->dev]);
	if (bio->op == QUIRE_BIO_READ && !bio->error)
		move_content(m, m->disk[bio->dev], bio);
	bio->end_io(m->q, bio);
}
