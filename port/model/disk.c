/* SPDX-License-Identifier: MIT */
/*
 * Disks: latency, a queue of limited depth, and a wire of limited bandwidth.
 *
 * A request waits for a free slot of the queue, then for its latency, then for
 * the wire; it ends when its last byte has passed.  So small requests at depth
 * one see the latency, and many large ones see the bandwidth, as on an NVMe.
 *
 * Latencies may differ, a head may have to move, a volume may be sold with so many
 * requests a second: model_disk_preset() has the numbers of common disks.  And
 * a disk may be ill: slow, stalled, with errors, or full.
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
	if (m->hot.bytes)
		d->bytes = model_reserve(d->nr_pages << PAGE_SHIFT);
	if (!d->content || !d->slots || (m->hot.bytes && !d->bytes))
		model_panic(m, "the host has no memory for a disk");
	prng_seed(&d->rng, 0x6469736bUL + m->nr_disks);
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

/*
 * What makers and clouds say of their disks, rounded: latencies of 4 KiB at depth
 * one, bandwidth of large transfers.
 */
bool model_disk_preset(struct model_disk_config *cfg, const char *kind)
{
	static const struct {
		const char *kind;
		struct model_disk_config cfg;
	} presets[] = {
		{"nvme",
		 {.read_latency_ns = 80 * NSEC_PER_USEC,
		  .write_latency_ns = 20 * NSEC_PER_USEC,
		  .bandwidth = 3UL << 30,
		  .queue_depth = 256,
		  .jitter_percent = 20,
		  .slow_permille = 1,
		  .slow_times = 20}},
		{"sata-ssd",
		 {.read_latency_ns = 120 * NSEC_PER_USEC,
		  .write_latency_ns = 60 * NSEC_PER_USEC,
		  .bandwidth = 530UL << 20,
		  .queue_depth = 32,
		  .jitter_percent = 25,
		  .slow_permille = 2,
		  .slow_times = 50}},
		/* 7,200 revolutions a minute; its cache takes what is written near by. */
		{"hdd",
		 {.read_latency_ns = 100 * NSEC_PER_USEC,
		  .write_latency_ns = 100 * NSEC_PER_USEC,
		  .bandwidth = 180UL << 20,
		  .queue_depth = 1,
		  .seek_ns = 16 * NSEC_PER_MSEC,
		  .revolution_ns = 8333 * NSEC_PER_USEC,
		  .rotational = true}},
		/* As AWS gp3 and st1 as they are sold: 3,000 requests and 125 MiB a second; 500 and 40 */
		{"cloud-ssd",
		 {.read_latency_ns = 700 * NSEC_PER_USEC,
		  .write_latency_ns = 900 * NSEC_PER_USEC,
		  .bandwidth = 125UL << 20,
		  .queue_depth = 64,
		  .jitter_percent = 30,
		  .slow_permille = 5,
		  .slow_times = 10,
		  .iops = 3000}},
		{"cloud-hdd",
		 {.read_latency_ns = 5 * NSEC_PER_MSEC,
		  .write_latency_ns = 5 * NSEC_PER_MSEC,
		  .bandwidth = 40UL << 20,
		  .queue_depth = 64,
		  .jitter_percent = 50,
		  .slow_permille = 10,
		  .slow_times = 10,
		  .iops = 500,
		  .rotational = true}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(presets); i++) {
		struct model_disk_config preset = presets[i].cfg;

		if (!str_eq(kind, presets[i].kind))
			continue;
		preset.name = cfg->name;
		preset.size_bytes = cfg->size_bytes;
		*cfg = preset;
		return true;
	}
	return false;
}

void model_free_disks(struct model *m)
{
	for (unsigned int i = 0; i < m->nr_disks; i++) {
		struct disk *d = m->disk[i];

		model_release(d->content, d->nr_pages * sizeof(u64));
		if (d->bytes)
			model_release(d->bytes, d->nr_pages << PAGE_SHIFT);
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

/* What the head has to do: the square root of the distance, and half a turn. */
static u64 seek_time(struct disk *d, const struct quire_bio *bio)
{
	u64 from = d->head, to = bio->page_offset;
	u64 distance = from > to ? from - to : to - from;

	d->head = to + bio->nr_pages;
	if (!distance || !d->cfg.revolution_ns)
		return 0;
	/* In 1/65536 of the way across. */
	distance = (u64)(((unsigned __int128)distance << 32) / d->nr_pages);
	return (d->cfg.seek_ns * int_sqrt(distance) >> 16) +
	       prng_below(&d->rng, d->cfg.revolution_ns);
}

static u64 latency_of(struct disk *d, const struct quire_bio *bio)
{
	u64 ns = bio->op == QUIRE_BIO_READ ? d->cfg.read_latency_ns : d->cfg.write_latency_ns;

	if (d->cfg.jitter_percent)
		ns += ns * prng_below(&d->rng, 2 * d->cfg.jitter_percent + 1) / 100 -
		      ns * d->cfg.jitter_percent / 100;
	if (d->cfg.slow_permille && prng_below(&d->rng, 1000) < d->cfg.slow_permille)
		ns *= d->cfg.slow_times;
	ns += seek_time(d, bio);
	return d->faults.slow_times ? ns * d->faults.slow_times : ns;
}

static u64 schedule(struct disk *d, const struct quire_bio *bio, u64 now)
{
	u64 latency = latency_of(d, bio);
	u64 start = max(now, d->slots[0]);
	u64 done;

	start = max(start, d->faults.stalled_until);
	if (d->tick_ns)
		return schedule_timer(d, latency, now);
	if (d->cfg.iops) {
		start = max(start, d->next_slot);
		d->next_slot = start + NSEC_PER_SEC / d->cfg.iops;
	}
	done = start + latency;
	if (d->cfg.bandwidth) {
		u64 bytes = (u64)bio->nr_pages << PAGE_SHIFT;
		u64 transfer = (u64)((unsigned __int128)bytes * NSEC_PER_SEC / d->cfg.bandwidth);

		done = max(done, d->transfer_free) + transfer;
		d->transfer_free = done;
	}
	take_slot(d, done);
	return done;
}

/* With real bytes: between the frame and the medium, which has what it came with
 * (default_content()) where nothing was written. */
static void move_bytes(struct model *m, struct disk *d, u64 page, u64 pfn, bool write)
{
	u8 *frame = hot_page_bytes(&m->hot, pfn), *medium = d->bytes + (page << PAGE_SHIFT);

	if (write)
		memcpy(medium, frame, PAGE_SIZE);
	else if (d->content[page] & CONTENT_WRITTEN)
		memcpy(frame, medium, PAGE_SIZE);
	else
		content_fill(m->hot.content[pfn], frame);
}

static void move_content(struct model *m, struct disk *d, const struct quire_bio *bio)
{
	for (unsigned int i = 0; i < bio->nr_pages; i++) {
		u64 page = bio->page_offset + i;

		if (bio->op == QUIRE_BIO_WRITE)
			d->content[page] = m->hot.content[bio->pfn[i]] | CONTENT_WRITTEN;
		else
			m->hot.content[bio->pfn[i]] = model_disk_content(m, bio->dev, page);
		if (unlikely(d->bytes != NULL))
			move_bytes(m, d, page, bio->pfn[i], bio->op == QUIRE_BIO_WRITE);
	}
}

/* 0, or how the transfer is to fail. */
static int fault_of(struct model *m, struct disk *d, const struct quire_bio *bio)
{
	bool write = bio->op == QUIRE_BIO_WRITE;
	unsigned int errors = write ? d->faults.write_errors : d->faults.read_errors;

	if (m->fail_io && m->fail_io(m->fail_io_ctx, bio))
		return -EIO;
	if (d->faults.full && write)
		return -ENOSPC;
	return errors && prng_below(&d->rng, 10000) < errors ? -EIO : 0;
}

/* Persistent memory: the submitter's processor copies. */
static void transfer_now(struct model *m, struct disk *d, struct quire_bio *bio, bool bad)
{
	u64 page_ns = bio->op == QUIRE_BIO_READ ? d->cfg.read_latency_ns : d->cfg.write_latency_ns;

	bio->error = bad ? -EIO : fault_of(m, d, bio);
	m->hot.charged_ns += page_ns * bio->nr_pages;
	if (!bio->error)
		move_content(m, d, bio);
	bio->end_io(m->q, bio);
}

static void start_transfer(struct model *m, struct disk *d, struct quire_bio *bio, u64 now)
{
	u32 cpu = m->hot.current->cpu;

	bio->error = fault_of(m, d, bio);
	if (bio->error) {
		sched_push(m, now + NSEC_PER_USEC, MEV_BIO, cpu, bio);
		return;
	}
	/* A write takes its data now: the frame may not change until it ends. */
	if (bio->op == QUIRE_BIO_WRITE)
		move_content(m, d, bio);
	sched_push(m, schedule(d, bio, now), MEV_BIO, cpu, bio);
}

void model_disk_set_faults(struct model *m, unsigned int dev, const struct model_disk_faults *f)
{
	m->disk[dev]->faults = *f;
}

void model_submit(struct model *m, struct quire_bio *bio)
{
	struct disk *d = bio->dev < m->nr_disks ? m->disk[bio->dev] : NULL;
	bool bad = !d || !bio->nr_pages || bio->nr_pages > QUIRE_BIO_MAX_PAGES ||
		   bio->page_offset >= d->nr_pages ||
		   bio->nr_pages > d->nr_pages - bio->page_offset;
	u64 now;

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
	if (bad) {
		bio->error = -EIO;
		sched_push(m, now + NSEC_PER_USEC, MEV_BIO, m->hot.current->cpu, bio);
	} else {
		start_transfer(m, d, bio, now);
	}
}

void model_bio_done(struct model *m, struct quire_bio *bio)
{
	if (bio->dev < m->nr_disks)
		request_done(m, m->disk[bio->dev]);
	if (bio->op == QUIRE_BIO_READ && !bio->error)
		move_content(m, m->disk[bio->dev], bio);
	bio->end_io(m->q, bio);
}
