/* SPDX-License-Identifier: MIT */
/*
 * The model's disks: what was written is read, and it takes the time that
 * latency, queue and wire say.
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_was_written),
		cmocka_unit_test(test_never_written_pages_differ),
		cmocka_unit_test(test_latency_queue_and_bandwidth),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
