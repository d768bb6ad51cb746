/* SPDX-License-Identifier: MIT */
/*
 * The model's disks: what was written is read, and it takes the time that
 * latency, queue and wire say; kinds of disks, and ill ones.
 */
#include "tests/lib/testlib.h"

#include <string.h>

#define BATCH 128

struct io {
	struct quire *q;
	struct quire_wait_queue done_wq;
	unsigned int done, errors;
	u64 first_done, last_done;
	struct quire_bio bio[BATCH];
};

static void io_end(struct quire *q, struct quire_bio *bio)
{
	struct io *io = bio->private;

	if (!io->done)
		io->first_done = quire_clock(q);
	io->last_done = quire_clock(q);
	io->done++;
	io->errors += bio->error != 0;
	wake_up(q, &io->done_wq);
}

static void io_submit(struct io *io, unsigned int i, unsigned int dev, unsigned int op, u64 page,
		      unsigned int nr, u64 pfn)
{
	struct quire_bio *bio = &io->bio[i];

	*bio = (struct quire_bio){
		.dev = dev,
		.op = (u16)op,
		.nr_pages = (u16)nr,
		.page_offset = page,
		.end_io = io_end,
		.private = io,
	};
	for (unsigned int p = 0; p < nr; p++)
		bio->pfn[p] = pfn + p;
	io->q->port->submit(io->q->port_ctx, bio);
}

static void io_wait(struct io *io, unsigned int n)
{
	wait_event(io->q, &io->done_wq, io->done == n);
}

static unsigned int add_disk(struct testbox *t, u64 bandwidth, unsigned int depth)
{
	return model_add_disk(t->m, &(struct model_disk_config){.name = "sda",
								.size_bytes = 1UL << 40,
								.read_latency_ns = 100000,
								.write_latency_ns = 20000,
								.bandwidth = bandwidth,
								.queue_depth = depth});
}

/* Frames for the transfers: real ones, so that nothing else has them. */
static u64 frames(struct testbox *t, unsigned int order)
{
	struct page *page = alloc_pages(t->q, GFP_KERNEL, order);

	assert_non_null(page);
	return page_to_pfn(t->q, page);
}

static void write_and_read(struct testbox *t, void *arg)
{
	struct io io = {.q = t->q};
	u64 pfn = frames(t, 6), *content = t->q->hot->content;
	unsigned int dev = *(unsigned int *)arg;

	for (unsigned int i = 0; i < 32; i++)
		content[pfn + i] = CONTENT(CONTENT_KIND_TEXT, 1000 + i);
	content[pfn + 5] = 0;
	io_submit(&io, 0, dev, QUIRE_BIO_WRITE, 123456789, 32, pfn);
	io_wait(&io, 1);
	io_submit(&io, 1, dev, QUIRE_BIO_READ, 123456789 - 16, 64, pfn);
	io_wait(&io, 2);
	assert_int_equal(io.errors, 0);
	for (unsigned int i = 0; i < 64; i++) {
		u64 expected = model_disk_content(t->m, dev, 123456789 - 16 + i);

		if (i >= 16 && i < 48)
			expected = i == 21 ? 0 : CONTENT(CONTENT_KIND_TEXT, 1000 + i - 16);
		assert_int_equal(content[pfn + i], expected);
	}
	__free_pages(t->q, pfn_to_page(t->q, pfn), 6);
}

static void test_reads_what_was_written(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	unsigned int dev = add_disk(t, 0, 8);

	(void)state;
	testbox_call(t, write_and_read, &dev);
	testbox_free(t);
}

static void test_never_written_pages_differ(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	unsigned int a = add_disk(t, 0, 8), b = add_disk(t, 0, 8), same = 0;

	(void)state;
	for (u64 page = 0; page < 1000; page++) {
		u64 here = model_disk_content(t->m, a, page);

		assert_int_equal(here, model_disk_content(t->m, a, page));
		assert_true(CONTENT_KIND(here) < NR_CONTENT_KINDS);
		same += here == model_disk_content(t->m, a, page + 1);
		same += here == model_disk_content(t->m, b, page);
	}
	assert_int_equal(same, 0);
	testbox_free(t);
}

struct timing {
	unsigned int dev, requests, pages;
	u64 first, last; /* ns after submission */
};

static void time_reads(struct testbox *t, void *arg)
{
	struct timing *timing = arg;
	struct io io = {.q = t->q};
	u64 pfn = frames(t, 6), start = quire_clock(t->q);

	for (unsigned int i = 0; i < timing->requests; i++)
		io_submit(&io, i, timing->dev, QUIRE_BIO_READ, i * 64, timing->pages, pfn);
	io_wait(&io, timing->requests);
	timing->first = io.first_done - start;
	timing->last = io.last_done - start;
	__free_pages(t->q, pfn_to_page(t->q, pfn), 6);
}

static void test_latency_queue_and_bandwidth(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	/* Without a limit of bandwidth: rounds of queue_depth. */
	struct timing queue = {.dev = add_disk(t, 0, 8), .requests = 32, .pages = 1};
	/* 1 GiB/s: 128 requests of 256 KiB are 32 MiB. */
	struct timing wire = {.dev = add_disk(t, 1UL << 30, 64), .requests = 128, .pages = 64};

	(void)state;
	testbox_call(t, time_reads, &queue);
	assert_int_equal(queue.first, 100000);
	assert_int_equal(queue.last, 400000);
	testbox_call(t, time_reads, &wire);
	assert_int_equal(wire.first, 100000 + 244140);
	assert_in_range(wire.last, 31250000, 31250000 + 400000);
	testbox_free(t);
}

static bool fail_writes(void *ctx, const struct quire_bio *bio)
{
	return bio->op == QUIRE_BIO_WRITE && bio->page_offset == *(u64 *)ctx;
}

static void bad_transfers(struct testbox *t, void *arg)
{
	unsigned int dev = *(unsigned int *)arg;
	struct io io = {.q = t->q};
	u64 bad_page = 77, pfn = frames(t, 0), last = (1UL << 40 >> PAGE_SHIFT) - 1;
	u64 before = model_disk_content(t->m, dev, 77);

	io_submit(&io, 0, dev, QUIRE_BIO_READ, last, 1, pfn);
	io_wait(&io, 1);
	assert_int_equal(io.errors, 0);
	io_submit(&io, 1, dev, QUIRE_BIO_READ, last + 1, 1, pfn);
	io_wait(&io, 2);
	assert_int_equal(io.bio[1].error, -EIO);
	io_submit(&io, 2, dev, QUIRE_BIO_READ, last, 2, pfn);
	io_wait(&io, 3);
	assert_int_equal(io.bio[2].error, -EIO);
	io_submit(&io, 3, dev + 1, QUIRE_BIO_READ, 0, 1, pfn);
	io_wait(&io, 4);
	assert_int_equal(io.bio[3].error, -EIO);

	model_fail_io(t->m, fail_writes, &bad_page);
	io_submit(&io, 4, dev, QUIRE_BIO_WRITE, 77, 1, pfn);
	io_wait(&io, 5);
	assert_int_equal(io.bio[4].error, -EIO);
	assert_int_equal(model_disk_content(t->m, dev, 77), before);
	model_fail_io(t->m, NULL, NULL);
	io_submit(&io, 5, dev, QUIRE_BIO_WRITE, 77, 1, pfn);
	io_wait(&io, 6);
	assert_int_equal(io.bio[5].error, 0);
	__free_pages(t->q, pfn_to_page(t->q, pfn), 0);
}

static void test_errors(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	unsigned int dev = add_disk(t, 0, 8);

	(void)state;
	testbox_call(t, bad_transfers, &dev);
	testbox_free(t);
}

/* A timer in ticks, as dm-delay's: never early, so a wait of 1 ms ends with the
 * second tick; what was sent a tick later goes with it; 500 ms are rounded to 8 ticks. */
static void timer_reads(struct testbox *t, void *arg)
{
	const u64 tick = 4 * NSEC_PER_MSEC;
	unsigned int dev = *(unsigned int *)arg;
	struct io io = {.q = t->q};
	u64 pfn = frames(t, 0), start;

	sleep_ns(t->q, tick - quire_clock(t->q) % tick + 1000);
	start = quire_clock(t->q) / tick;
	io_submit(&io, 0, dev, QUIRE_BIO_READ, 0, 1, pfn);
	sleep_ns(t->q, tick);
	io_submit(&io, 1, dev, QUIRE_BIO_READ, 64, 1, pfn);
	io_wait(&io, 2);
	assert_int_equal(io.first_done, (start + 2) * tick);
	assert_int_equal(io.last_done, (start + 2) * tick);
	model_disk_set_timer(t->m, dev, 500 * NSEC_PER_MSEC, 0, tick, 0);
	start = quire_clock(t->q) / tick;
	io_submit(&io, 2, dev, QUIRE_BIO_READ, 0, 1, pfn);
	io_wait(&io, 3);
	assert_int_equal(io.last_done, (((start + 125) / 8) + 1) * 8 * tick);
	__free_pages(t->q, pfn_to_page(t->q, pfn), 0);
}

static void test_timer(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	unsigned int dev = add_disk(t, 0, 8);

	(void)state;
	model_disk_set_timer(t->m, dev, NSEC_PER_MSEC, 0, 4 * NSEC_PER_MSEC, 0);
	testbox_call(t, timer_reads, &dev);
	testbox_free(t);
}

/* ---- kinds of disks, and what ails them ------------------------------------------- */

/* The mean time of single reads, each at a place of its own (or the next one), in ns; the
 * longest, too. */
struct reads {
	unsigned int dev, errors;
	u64 stride, mean, longest;
	bool write;
};

static void single_reads(struct testbox *t, void *arg)
{
	struct reads *r = arg;
	u64 pfn = frames(t, 0), sum = 0;

	r->errors = 0;
	r->longest = 0;
	for (unsigned int i = 0; i < 400; i++) {
		struct io io = {.q = t->q};
		u64 start = quire_clock(t->q), ns;
		u64 page = r->stride == 1 ? i : (i * r->stride) % (1UL << 28);

		io_submit(&io, 0, r->dev, r->write ? QUIRE_BIO_WRITE : QUIRE_BIO_READ, page, 1,
			  pfn);
		io_wait(&io, 1);
		ns = quire_clock(t->q) - start;
		r->errors += io.errors;
		r->longest = max(r->longest, ns);
		sum += ns;
	}
	r->mean = sum / 400;
	__free_pages(t->q, pfn_to_page(t->q, pfn), 0);
}

static unsigned int add_kind(struct testbox *t, const char *kind)
{
	struct model_disk_config cfg = {.name = "sda", .size_bytes = 1UL << 40};

	assert_true(model_disk_preset(&cfg, kind));
	assert_string_equal(cfg.name, "sda");
	return model_add_disk(t->m, &cfg);
}

static void test_kinds(void **state)
{
	static const struct {
		const char *kind;
		u64 least, most; /* us a random read */
	} kinds[] = {
		{"nvme", 70, 110},	  {"sata-ssd", 110, 200},    {"hdd", 5000, 20000},
		{"cloud-ssd", 600, 1200}, {"cloud-hdd", 3000, 8000},
	};
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	struct model_disk_config none = {.name = "x"};

	(void)state;
	assert_false(model_disk_preset(&none, "floppy"));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct reads r = {.dev = add_kind(t, kinds[i].kind), .stride = 77777777};

		testbox_call(t, single_reads, &r);
		print_message("# %s: %lu us, at most %lu\n", kinds[i].kind,
			      (unsigned long)r.mean / 1000, (unsigned long)r.longest / 1000);
		assert_in_range(r.mean / 1000, kinds[i].least, kinds[i].most);
		assert_int_equal(r.errors, 0);
		/* A head that need not move is as fast as a wire. */
		r.stride = 1;
		testbox_call(t, single_reads, &r);
		if (!strcmp(kinds[i].kind, "hdd"))
			assert_in_range(r.mean / 1000, 100, 300);
	}
	testbox_free(t);
}

/* A volume of 3,000 requests a second gives no more, however many are asked at once. */
static void test_rate(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	struct timing many = {.dev = add_kind(t, "cloud-ssd"), .requests = 120, .pages = 1};

	(void)state;
	testbox_call(t, time_reads, &many);
	assert_in_range(many.last, 39 * NSEC_PER_MSEC, 60 * NSEC_PER_MSEC);
	testbox_free(t);
}

static void test_faults(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	struct reads r = {.dev = add_disk(t, 0, 8), .stride = 1};
	u64 until = model_now(t->m) + NSEC_PER_SEC;

	(void)state;
	testbox_call(t, single_reads, &r);
	assert_int_equal(r.longest, 100000);
	model_disk_set_faults(t->m, r.dev, &(struct model_disk_faults){.slow_times = 50});
	testbox_call(t, single_reads, &r);
	assert_int_equal(r.mean, 5000000);
	until = model_now(t->m) + 2 * NSEC_PER_SEC;
	model_disk_set_faults(t->m, r.dev, &(struct model_disk_faults){.stalled_until = until});
	testbox_call(t, single_reads, &r);
	assert_in_range(r.longest, 1900000000, 2100000000);
	assert_int_equal(r.errors, 0);
	model_disk_set_faults(t->m, r.dev, &(struct model_disk_faults){.read_errors = 2500});
	testbox_call(t, single_reads, &r);
	assert_in_range(r.errors, 70, 130);
	r.write = true;
	testbox_call(t, single_reads, &r);
	assert_int_equal(r.errors, 0);
	model_disk_set_faults(t->m, r.dev, &(struct model_disk_faults){.full = true});
	testbox_call(t, single_reads, &r);
	assert_int_equal(r.errors, 400);
	r.write = false;
	testbox_call(t, single_reads, &r);
	assert_int_equal(r.errors, 0);
	model_disk_set_faults(t->m, r.dev, &(struct model_disk_faults){0});
	testbox_call(t, single_reads, &r);
	assert_int_equal(r.longest, 100000);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_was_written),
		cmocka_unit_test(test_never_written_pages_differ),
		cmocka_unit_test(test_latency_queue_and_bandwidth),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
