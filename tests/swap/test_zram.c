/* SPDX-License-Identifier: MIT */
/*
 * zram: pages written and read as a device and as a swap area; what it counts; its limit;
 * memory and compressions that fail; its backing device; its invariants, broken.
 */
#include "tests/swap/swaptest.h"
#include "tests/verify/break.h"
#include "swap/zram.h"

#define DISK_MB	  8UL
#define NR_PAGES  (DISK_MB << (20 - PAGE_SHIFT))
#define TEXT(n)	  CONTENT(CONTENT_KIND_TEXT, n)
#define HEAP(n)	  CONTENT(CONTENT_KIND_HEAP, n)
#define RANDOM(n) CONTENT(CONTENT_KIND_RANDOM, n)

/* ---- transfers ------------------------------------------------------------------ */

struct transfer {
	struct quire_wait_queue wait;
	bool done;
	int err;
};

static void end_transfer(struct quire *q, struct quire_bio *bio)
{
	struct transfer *tr = bio->private;

	tr->err = bio->error;
	tr->done = true;
	bio_put(q, bio);
	wake_up(q, &tr->wait);
}

/* nr pages from index on to or from content[]. */
static int transfer(struct testbox *t, struct zram *z, enum quire_bio_op op, unsigned long index,
		    u64 *content, unsigned int nr)
{
	struct quire_bio *bio = bio_alloc(t->q, GFP_KERNEL);
	struct transfer tr = {.done = false};
	struct page *page[QUIRE_BIO_MAX_PAGES];

	bio->op = (uint16_t)op;
	bio->nr_pages = (uint16_t)nr;
	bio->page_offset = index;
	bio->private = &tr;
	bio->end_io = end_transfer;
	for (unsigned int i = 0; i < nr; i++) {
		page[i] = alloc_pages(t->q, GFP_KERNEL, 0);
		assert_non_null(page[i]);
		bio->pfn[i] = page_to_pfn(t->q, page[i]);
		t->q->hot->content[bio->pfn[i]] = op == QUIRE_BIO_WRITE ? content[i] : RANDOM(99);
	}
	submit_bio(t->q, z->bdi, bio);
	wait_event(t->q, &tr.wait, tr.done);
	for (unsigned int i = 0; i < nr; i++) {
		if (op == QUIRE_BIO_READ)
			content[i] = page_content(t->q, page[i]);
		__free_pages(t->q, page[i], 0);
	}
	return tr.err;
}

static int put(struct testbox *t, struct zram *z, unsigned long index, u64 content)
{
	return transfer(t, z, QUIRE_BIO_WRITE, index, &content, 1);
}

static u64 get(struct testbox *t, struct zram *z, unsigned long index)
{
	u64 content = 1;

	assert_int_equal(transfer(t, z, QUIRE_BIO_READ, index, &content, 1), 0);
	return content;
}

static struct zram *new_zram(struct testbox *t)
{
	struct zram *z = zram_add(t->q);

	assert_false(IS_ERR(z));
	assert_int_equal(zram_set_disksize(t->q, z, DISK_MB << 20), 0);
	return z;
}

/* ---- a device -------------------------------------------------------------------- */

static void run_device(struct testbox *t, void *arg)
{
	struct zram *z = zram_add(t->q);
	const struct zram_stats *s = &z->stats;
	u64 many[8], back[8];

	(void)arg;
	assert_string_equal(z->name, "zram0");
	assert_ptr_equal(zram_find(t->q, 0), z);
	assert_null(zram_find(t->q, 1));
	/* Not yet a device, then one that stays as it is. */
	assert_int_equal(put(t, z, 0, TEXT(1)), -EIO);
	assert_int_equal(s->invalid_io, 1);
	assert_int_equal(zram_set_algorithm(t->q, z, "rot13"), -EINVAL);
	assert_int_equal(zram_set_algorithm(t->q, z, "zstd"), 0);
	assert_int_equal(zram_set_disksize(t->q, z, 0), -EINVAL);
	assert_int_equal(zram_set_disksize(t->q, z, (DISK_MB << 20) - 5), 0);
	assert_int_equal(z->disksize, DISK_MB << 20);
	assert_int_equal(zram_set_disksize(t->q, z, 4096), -EBUSY);
	assert_int_equal(zram_set_algorithm(t->q, z, "lzo"), -EBUSY);
	/* What was never written is zeros. */
	assert_int_equal(get(t, z, 5), 0);
	assert_int_equal(put(t, z, 5, TEXT(1)), 0);
	assert_int_equal(put(t, z, 6, CONTENT(CONTENT_SAME, 7)), 0);
	assert_int_equal(put(t, z, 7, RANDOM(3)), 0);
	assert_int_equal(put(t, z, NR_PAGES, RANDOM(3)), -EIO);
	assert_int_equal(s->pages_stored, 3);
	assert_int_equal(s->same_pages, 1);
	assert_int_equal(s->huge_pages, 1);
	assert_in_range(s->compr_data_size, PAGE_SIZE + 100, PAGE_SIZE + 3000);
	assert_true(s->max_used_pages == zs_get_total_pages(z->pool) && s->max_used_pages >= 2);
	testbox_verify(t);
	assert_int_equal(get(t, z, 5), TEXT(1));
	assert_int_equal(get(t, z, 6), CONTENT(CONTENT_SAME, 7));
	assert_int_equal(get(t, z, 7), RANDOM(3));
	/* Written over, many at once, thrown away. */
	for (unsigned int i = 0; i < 8; i++)
		many[i] = HEAP(i);
	assert_int_equal(transfer(t, z, QUIRE_BIO_WRITE, 5, many, 8), 0);
	assert_int_equal(transfer(t, z, QUIRE_BIO_READ, 5, back, 8), 0);
	assert_memory_equal(many, back, sizeof(many));
	assert_int_equal(s->pages_stored, 8);
	assert_int_equal(s->same_pages + s->huge_pages, 0);
	assert_int_equal(s->huge_pages_since, 1);
	zram_discard(t->q, z, 6, 100000000);
	assert_int_equal(s->pages_stored, 1);
	assert_int_equal(s->notify_free, NR_PAGES - 6);
	assert_int_equal(get(t, z, 6), 0);
	testbox_verify(t);
	assert_int_equal(zram_reset(t->q, z), 0);
	assert_int_equal(z->disksize + s->pages_stored + s->invalid_io, 0);
	assert_string_equal(z->comp.name, "lzo-rle");
	assert_int_equal(global_zone_page_state(t->q, NR_ZSPAGES), 0);
	assert_int_equal(zram_set_disksize(t->q, z, 1 << 20), 0);
	assert_int_equal(get(t, z, 5), 0);
}

static void test_device(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_device);
}

/* ---- failures ---------------------------------------------------------------------- */

static bool fail_compress(void *ctx, u64 pfn)
{
	(void)pfn;
	return *(bool *)ctx;
}

static void run_failures(struct testbox *t, void *arg)
{
	struct zram *z = new_zram(t);
	unsigned long n = 0;
	bool fail = true;

	(void)arg;
	assert_int_equal(put(t, z, 0, TEXT(1)), 0);
	model_fail_compress(t->m, fail_compress, &fail);
	assert_int_equal(put(t, z, 0, TEXT(2)), -EIO);
	assert_int_equal(z->stats.failed_writes, 1);
	fail = false;
	/* What was there is there still. */
	assert_int_equal(get(t, z, 0), TEXT(1));
	testbox_verify(t);
	/* The limit: the pool grows to it and no further. */
	z->limit_pages = 16;
	while (!put(t, z, 1 + n, RANDOM(n)))
		n++;
	assert_in_range(n, 10, 16);
	assert_true(zs_get_total_pages(z->pool) <= 16);
	assert_int_equal(z->stats.failed_writes, 2);
	assert_int_equal(get(t, z, 1 + n), 0);
	/* What takes no room may come, and room made may be used. */
	assert_int_equal(put(t, z, 1 + n, 0), 0);
	zram_discard(t->q, z, 1, 1);
	assert_int_equal(put(t, z, 1, RANDOM(77)), 0);
	testbox_verify(t);
	assert_int_equal(zram_reset(t->q, z), 0);
	testbox_verify(t);
}

static void test_failures(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_failures);
}

/* Each allocation of making a device and of a write fails in turn. */
static void run_no_memory(struct testbox *t, void *arg)
{
	struct zram *z = zram_add(t->q);
	bool sized = false, written = false;
	unsigned int failed = 0;

	(void)arg;
	for (unsigned long n = 1; !written && n < 200; n++) {
		struct page *page = new_page(t->q, TEXT(n));
		struct quire_bio *bio = bio_alloc(t->q, GFP_KERNEL);
		struct transfer tr = {.done = false};

		*bio = (struct quire_bio){.op = QUIRE_BIO_WRITE,
					  .nr_pages = 1,
					  .page_offset = n,
					  .private = &tr,
					  .end_io = end_transfer,
					  .pfn = {page_to_pfn(t->q, page)}};
		testbox_fail_alloc(t, n);
		if (!sized)
			sized = !zram_set_disksize(t->q, z, DISK_MB << 20);
		submit_bio(t->q, z->bdi, bio);
		written = !tr.err && !t->failed;
		testbox_fail_alloc(t, 0);
		failed += t->failed != 0;
		t->failed = 0;
		assert_true(tr.done);
		drop_page(t->q, page);
		testbox_verify(t);
	}
	print_message("# failed %u times\n", failed);
	assert_true(written && failed);
}

static void test_no_memory(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_no_memory);
}

/* ---- swap --------------------------------------------------------------------------- */

#define NR_SWAPPED 300

static void run_swap(struct testbox *t, void *arg)
{
	struct zram *z = new_zram(t);
	swp_entry_t entry[NR_SWAPPED];
	bool major;

	(void)arg;
	assert_int_equal(swapon(t->q, z->bdi, 0, NR_PAGES + 1, 7, "/dev/zram0", false), -EINVAL);
	assert_int_equal(swapon(t->q, z->bdi, 0, NR_PAGES, 7, "/dev/zram0", false), 0);
	assert_int_equal(t->q->swap->info[0]->prio, 7);
	assert_int_equal(zram_reset(t->q, z), -EBUSY);
	for (unsigned int i = 0; i < NR_SWAPPED; i++)
		entry[i] = swap_out(t->q, i % 3 ? TEXT(i) : i % 2 ? 0 : RANDOM(i), NULL);
	assert_int_equal(z->stats.pages_stored, NR_SWAPPED);
	assert_int_equal(z->stats.same_pages, NR_SWAPPED / 6);
	for (unsigned int i = 0; i < NR_SWAPPED; i++)
		assert_int_equal(swap_in(t->q, entry[i], &major), i % 3	  ? TEXT(i)
								  : i % 2 ? 0
									  : RANDOM(i));
	/* Swap tells of each slot that it frees. */
	for (unsigned int i = 0; i < NR_SWAPPED; i++)
		free_swap_and_cache(t->q, entry[i]);
	drain_swap_slots_cache(t->q);
	assert_int_equal(z->stats.pages_stored, 0);
	/* Also those that the CPU had at hand and nobody used. */
	assert_in_range(z->stats.notify_free, NR_SWAPPED, NR_SWAPPED + SWAP_BATCH);
	assert_int_equal(zs_get_total_pages(z->pool), 0);
	assert_int_equal(swapoff(t->q, "/dev/zram0"), 0);
	assert_int_equal(zram_reset(t->q, z), 0);
}

static void test_swap(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_swap);
}

/* A page that the device does not take stays, dirty, in the swap cache. */
static void run_full(struct testbox *t, void *arg)
{
	struct zram *z = new_zram(t);
	struct page *page;
	swp_entry_t entry;

	(void)arg;
	assert_int_equal(swapon(t->q, z->bdi, 0, NR_PAGES, -1, "/dev/zram0", false), 0);
	entry = swap_out(t->q, RANDOM(1), NULL);
	z->limit_pages = 1;
	page = new_page(t->q, RANDOM(2));
	assert_true(add_to_swap(t->q, page));
	assert_int_equal(swap_duplicate(t->q, (swp_entry_t){page->private}), 0);
	assert_int_equal(swap_writepage(t->q, page), 0);
	lock_page(t->q, page);
	assert_true(PageError(page) && PageDirty(page) && !PageWriteback(page));
	assert_true(PageSwapCache(page));
	assert_int_equal(page_content(t->q, page), RANDOM(2));
	assert_int_equal(z->stats.failed_writes, 1);
	/* With room it goes. */
	z->limit_pages = 0;
	assert_int_equal(swap_writepage(t->q, page), 0);
	lock_page(t->q, page);
	assert_false(PageDirty(page));
	swap_free(t->q, (swp_entry_t){page->private});
	delete_from_swap_cache(t->q, page);
	drop_page(t->q, page);
	free_swap_and_cache(t->q, entry);
}

static void test_full(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_full);
}

/* ---- the backing device --------------------------------------------------------------- */

static bool fail_one_write(void *ctx, const struct quire_bio *bio)
{
	int *left = ctx;

	return bio->op == QUIRE_BIO_WRITE && *left && !--*left;
}

static void run_backing(struct testbox *t, void *arg)
{
	struct zram *z = zram_add(t->q);
	const struct zram_stats *s = &z->stats;
	int fail = 0;

	(void)arg;
	assert_int_equal(zram_set_backing(t->q, z, "nowhere"), -ENOENT);
	assert_int_equal(zram_set_backing(t->q, z, "zram0"), -EINVAL);
	assert_int_equal(zram_set_backing(t->q, z, t->bdi->name), -EBUSY); /* it has files */
	assert_int_equal(zram_set_backing(t->q, z, t->swap_bdi->name), -EBUSY);
	assert_int_equal(swapoff(t->q, t->q->swap->info[0]->name), 0);
	t->swap_bdi->capacity = 64;
	assert_int_equal(zram_set_backing(t->q, z, t->swap_bdi->name), 0);
	assert_int_equal(zram_set_disksize(t->q, z, DISK_MB << 20), 0);
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(put(t, z, i, i % 2 ? TEXT(i) : RANDOM(i)), 0);
	assert_int_equal(put(t, z, 40, 0), 0);
	/* The huge ones, then the idle ones. */
	assert_int_equal(zram_writeback(t->q, z, ZRAM_WRITE_HUGE, 0), 0);
	assert_int_equal(s->bd_count, 20);
	assert_int_equal(s->bd_writes, 20);
	assert_int_equal(s->huge_pages, 0);
	assert_int_equal(zram_writeback(t->q, z, ZRAM_WRITE_IDLE, 0), 0);
	assert_int_equal(s->bd_count, 20);
	assert_int_equal(zram_mark_idle(t->q, z, 0), 0);
	assert_int_equal(get(t, z, 1), TEXT(1)); /* not idle any more */
	testbox_verify(t);
	model_fail_io(t->m, fail_one_write, &fail);
	fail = 1;
	assert_int_equal(zram_writeback(t->q, z, ZRAM_WRITE_PAGE, 3), -EIO);
	assert_int_equal(zram_writeback(t->q, z, ZRAM_WRITE_IDLE, 0), 0);
	/* All but the two that were touched: 1, and 3 whose marks went with the error. */
	assert_int_equal(s->bd_count, 38);
	assert_int_equal(s->pages_stored, 41);
	testbox_verify(t);
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(get(t, z, i), i % 2 ? TEXT(i) : RANDOM(i));
	assert_int_equal(s->bd_reads, 38);
	/* Written anew, a page leaves its block. */
	assert_int_equal(put(t, z, 0, TEXT(5)), 0);
	assert_int_equal(s->bd_count, 37);
	BREAK(t, z->bitmap[0], 0, "which is free");
	/* The limit; and a full device. */
	z->wb_limit_enable = true;
	assert_int_equal(zram_writeback(t->q, z, ZRAM_WRITE_PAGE, 0), -EIO);
	z->wb_limit_enable = false;
	for (unsigned int i = 100; i < 200; i++)
		assert_int_equal(put(t, z, i, RANDOM(i)), 0);
	assert_int_equal(zram_writeback(t->q, z, ZRAM_WRITE_HUGE, 0), -ENOSPC);
	assert_int_equal(s->bd_count, 63);
	testbox_verify(t);
	assert_int_equal(zram_reset(t->q, z), 0);
	assert_null(z->backing);
	testbox_verify(t);
}

static void test_backing(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){.disk = true, .swap_mb = 16}, run_backing);
}

/* ---- at random, with compaction ------------------------------------------------------- */

static void run_random(struct testbox *t, void *arg)
{
	static u64 wrote[NR_PAGES];
	struct zram *z = new_zram(t);
	unsigned long freed = 0;

	(void)arg;
	memset(wrote, 0, sizeof(wrote));
	for (unsigned int i = 0; i < 30000; i++) {
		unsigned long index = prng_below(&t->rng, NR_PAGES);
		unsigned int what = prng_below(&t->rng, 10);

		if (what < 4) {
			wrote[index] =
				CONTENT(CONTENT_KIND_PARTIAL,
					prng_range(&t->rng, 1, 90) << CONTENT_PARTIAL_SHIFT | i);
			assert_int_equal(put(t, z, index, wrote[index]), 0);
		} else if (what < 7) {
			zram_discard(t->q, z, index, 1);
			wrote[index] = 0;
		} else {
			assert_int_equal(get(t, z, index), wrote[index]);
		}
		if (i % 1000 == 0) {
			unsigned long could = zs_compactable(z->pool),
				      n = zs_compact(t->q, z->pool);

			assert_true(n <= could);
			freed += n;
			testbox_verify(t);
		}
	}
	for (unsigned long i = 0; i < NR_PAGES; i++)
		assert_int_equal(get(t, z, i), wrote[i]);
	assert_true(freed > 100);
	assert_int_equal(z->pool->pages_compacted, freed);
}

static void test_random(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_random);
}

/* ---- invariants ------------------------------------------------------------------------ */

static void run_verify(struct testbox *t, void *arg)
{
	struct zram *z = new_zram(t);
	struct zram_table_entry *e = zram_entry(z, 0);

	(void)arg;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(put(t, z, i, TEXT(i + 1)), 0);
	BREAK(t, z->stats.pages_stored, 4, "stores 3 pages");
	BREAK(t, z->stats.compr_data_size, 4, "counted 4");
	BREAK(t, e->size, PAGE_SIZE, "huge 0");
	BREAK(t, e->handle, zram_entry(z, 1)->handle, "has 3 objects, its pool 3, or others");
	BREAK(t, *(unsigned long *)e->handle, 0, "leads to no object");
	BREAK(t, *e, ((struct zram_table_entry){0}), "has 2 objects, its pool 3");
}

static void test_verify(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_verify);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device),	  cmocka_unit_test(test_failures),
		cmocka_unit_test(test_no_memory), cmocka_unit_test(test_swap),
		cmocka_unit_test(test_full),	  cmocka_unit_test(test_backing),
		cmocka_unit_test(test_random),	  cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
