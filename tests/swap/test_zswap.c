/* SPDX-License-Identifier: MIT */
/*
 * zswap, driven by shmem pages, whose entries the verifier sees: store, load
 * and invalidate with the true lengths, same-filled pages, what is refused,
 * the limit and its hysteresis, writeback of the coldest, a random night;
 * failing allocations, compression and writes; invariants, broken.
 */
#include "tests/swap/swaptest.h"

struct zbox {
	struct testbox *t;
	struct quire *q;
	struct file *file;
	struct inode *inode;
};

#define FILE_PAGES 4096

static void open_file(struct testbox *t, void *arg)
{
	struct zbox *z = arg;

	z->file = shmem_file_setup(t->q, "test", (u64)FILE_PAGES << PAGE_SHIFT);
	assert_false(IS_ERR(z->file));
	z->inode = z->file->f_inode;
}

static void close_file(struct testbox *t, void *arg)
{
	struct zbox *z = arg;

	fput(t->q, z->file);
}

static struct zbox zbox_new(void)
{
	struct zbox z = {.t = testbox_new(&(struct testbox_config){.swap_mb = 16})};

	z.q = z.t->q;
	zswap_params(z.q)->enabled = true;
	assert_int_equal(zswap_set_zpool(z.q, "zsmalloc"), 0);
	testbox_call(z.t, open_file, &z);
	return z;
}

static void zbox_end(struct zbox *z)
{
	testbox_verify(z->t);
	testbox_call(z->t, close_file, z);
	assert_int_equal(swap_used(z->q), 0);
	assert_int_equal(zswap_stats(z->q)->stored_pages, 0);
	assert_int_equal(zswap_stats(z->q)->pool_total_size, 0);
	testbox_verify(z->t);
	testbox_free(z->t);
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct zbox z = zbox_new();

	testbox_call(z.t, fn, &z);
	zbox_end(&z);
}

static u64 text(unsigned long i)
{
	return CONTENT(CONTENT_KIND_TEXT, i + 1);
}

static void store_and_load(struct testbox *t, void *arg)
{
	struct zbox *z = arg;
	struct quire *q = t->q;
	struct zswap_stats *s = zswap_stats(q);

	for (unsigned long i = 0; i < 300; i++) {
		shmem_fill(q, z->inode, i, i % 3 ? text(i) : i % 2 ? CONTENT(CONTENT_SAME, i) : 0);
		assert_true(shmem_evict(q, z->inode, i));
	}
	(void)zswap_stats(q);
	assert_int_equal(s->stored_pages, 300);
	assert_int_equal(s->same_filled_pages, 100);
	assert_int_equal(global_vm_event(q, ZSWPOUT), 300);
	assert_int_equal(global_vm_event(q, PSWPOUT), 0);
	/* Text shrinks to less than half, and the pool is close to that. */
	assert_in_range(s->compressed_bytes, 200 * 200, 200 * 3000);
	assert_in_range(s->pool_total_size, s->compressed_bytes,
			s->compressed_bytes + s->compressed_bytes / 3 + 4 * PAGE_SIZE);
	for (unsigned long i = 0; i < 300; i++)
		assert_int_equal(shmem_read(q, z->inode, i), i % 3   ? text(i)
							     : i % 2 ? CONTENT(CONTENT_SAME, i)
								     : 0);
	assert_int_equal(global_vm_event(q, ZSWPIN), 300);
	assert_int_equal(global_vm_event(q, PSWPIN), 0);
	/* The slots went with the pages' return. */
	assert_int_equal(s->stored_pages, 0);
	assert_int_equal(s->compressed_bytes, 0);
}

static void test_store_and_load(void **state)
{
	(void)state;
	run(store_and_load);
}

/* Each compressor has lengths of its own, and what one made is read when another is in use. */
static void compressors(struct testbox *t, void *arg)
{
	static const char *const names[] = {"lz4", "lzo", "zstd"};
	struct zbox *z = arg;
	struct quire *q = t->q;
	struct zswap_stats *s = zswap_stats(q);
	u64 bytes[ARRAY_SIZE(names)], before = 0;

	for (unsigned long i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(zswap_set_compressor(q, names[i]), 0);
		for (unsigned long page = 0; page < 64; page++) {
			shmem_fill(q, z->inode, 64 * i + page, text(page));
			assert_true(shmem_evict(q, z->inode, 64 * i + page));
		}
		bytes[i] = s->compressed_bytes - before;
		before = s->compressed_bytes;
	}
	print_message("# 64 pages of text: lz4 %lu, lzo %lu, zstd %lu bytes\n",
		      (unsigned long)bytes[0], (unsigned long)bytes[1], (unsigned long)bytes[2]);
	assert_true(bytes[2] * 5 < bytes[0] * 4 && bytes[2] * 5 < bytes[1] * 4);
	assert_true(bytes[0] != bytes[1]);
	assert_int_equal(zswap_set_compressor(q, "rot13"), -ENOENT);
	assert_string_equal(zswap_params(q)->compressor, "zstd");
	for (unsigned long i = 0; i < 64 * ARRAY_SIZE(names); i++)
		assert_int_equal(shmem_read(q, z->inode, i), text(i % 64));
}

static void test_compressors(void **state)
{
	(void)state;
	run(compressors);
}

static void refused(struct testbox *t, void *arg)
{
	struct zbox *z = arg;
	struct quire *q = t->q;
	struct zswap_stats *s = zswap_stats(q);

	/* What does not compress goes to the device. */
	shmem_fill(q, z->inode, 0, CONTENT(CONTENT_KIND_RANDOM, 1));
	assert_true(shmem_evict(q, z->inode, 0));
	assert_int_equal(s->reject_compress_poor, 1);
	assert_int_equal(global_vm_event(q, PSWPOUT), 1);
	zswap_params(q)->same_filled_pages_enabled = false;
	zswap_params(q)->non_same_filled_pages_enabled = false;
	shmem_fill(q, z->inode, 1, text(1));
	assert_true(shmem_evict(q, z->inode, 1));
	assert_int_equal(s->stored_pages, 0);
	zswap_params(q)->non_same_filled_pages_enabled = true;
	shmem_fill(q, z->inode, 2, 0);
	assert_true(shmem_evict(q, z->inode, 2));
	assert_int_equal(s->stored_pages, 1);
	assert_int_equal(s->same_filled_pages, 0);
	zswap_params(q)->same_filled_pages_enabled = true;
	zswap_params(q)->enabled = false;
	shmem_fill(q, z->inode, 3, text(3));
	assert_true(shmem_evict(q, z->inode, 3));
	assert_int_equal(s->stored_pages, 1);
	/* Disabled or not, what is there is found. */
	assert_int_equal(shmem_read(q, z->inode, 2), 0);
	assert_int_equal(shmem_read(q, z->inode, 3), text(3));
	assert_int_equal(shmem_read(q, z->inode, 0), CONTENT(CONTENT_KIND_RANDOM, 1));
}

static void test_refused(void **state)
{
	(void)state;
	run(refused);
}

/* ---- limit, writeback ------------------------------------------------------ */

static void fill_pool(struct testbox *t, void *arg)
{
	struct zswap_stats *s = zswap_stats(t->q);
	struct zbox *z = arg;
	bool was_full = false;

	/* 1 % of 256 MB is some 650 frames. */
	zswap_params(t->q)->max_pool_percent = 1;
	for (unsigned long i = 0; i < FILE_PAGES - 100; i++) {
		shmem_fill(t->q, z->inode, i, text(i));
		assert_true(shmem_evict(t->q, z->inode, i));
		if (!s->pool_limit_hit || was_full)
			continue;
		/* The first time: the shrinker goes on until pages are taken again. */
		was_full = true;
		assert_true(t->q->swap->zswap->pool_reached_full);
		sleep_ns(t->q, NSEC_PER_SEC);
		assert_true(s->written_back_pages > 0);
		assert_true(zswap_stats(t->q)->pool_total_size >> PAGE_SHIFT <
			    t->q->node->totalram_pages * 90 / 100 / 100);
	}
	assert_true(was_full);
}

static void read_all(struct testbox *t, void *arg)
{
	struct zbox *z = arg;

	for (unsigned long i = 0; i < FILE_PAGES - 100; i++)
		assert_int_equal(shmem_read(t->q, z->inode, i), text(i));
}

static void test_limit(void **state)
{
	struct zbox z = zbox_new();
	struct zswap_stats *s;
	u64 limit;

	(void)state;
	testbox_call(z.t, fill_pool, &z);
	testbox_pass(z.t, NSEC_PER_SEC);
	s = zswap_stats(z.q);
	limit = z.q->node->totalram_pages / 100 << PAGE_SHIFT;
	assert_true(s->pool_limit_hit > 0);
	assert_true(s->written_back_pages > 0);
	assert_true(global_vm_event(z.q, PSWPOUT) >= s->written_back_pages);
	assert_true(s->pool_total_size <= limit + 4 * PAGE_SIZE);
	testbox_verify(z.t);
	testbox_call(z.t, read_all, &z);
	zbox_end(&z);
}

/* The coldest go first; what was loaded since is not cold. */
static void coldest(struct testbox *t, void *arg)
{
	struct zbox *z = arg;
	struct quire *q = t->q;
	struct zswap_stats *s = zswap_stats(q);
	swp_entry_t entry[8];
	struct page *page;
	bool new;

	for (unsigned long i = 0; i < 8; i++) {
		shmem_fill(q, z->inode, i, text(i));
		assert_true(shmem_evict(q, z->inode, i));
		entry[i].val = xa_to_value(xa_load(&z->inode->i_data.i_pages, i));
	}
	/* Readahead, say, brings the first back into the cache and drops it. */
	page = __read_swap_cache_async(q, entry[0], GFP_KERNEL, &new);
	assert_true(new);
	assert_int_equal(swap_readpage(q, page, &(struct swap_plug){NULL}), 0);
	assert_int_equal(page_content(q, page), text(0));
	lock_page(q, page);
	delete_from_swap_cache(q, page);
	drop_page(q, page);
	assert_int_equal(s->stored_pages, 8);
	assert_int_equal(zswap_shrink_one(q), 0);
	assert_int_equal(s->stored_pages, 7);
	page = lookup_swap_cache(q, entry[1], NULL);
	assert_non_null(page);
	wait_on_page_writeback(q, page);
	assert_true(PageUptodate(page) && !PageDirty(page));
	/* In the cache, it is in use: not written again. */
	put_page(q, page);
	for (int i = 0; i < 7; i++)
		assert_int_equal(zswap_shrink_one(q), 0);
	assert_int_equal(zswap_shrink_one(q), -ENOENT);
	assert_int_equal(s->written_back_pages, 8);
	assert_int_equal(global_vm_event(q, PSWPOUT), 8);
	for (unsigned long i = 0; i < 8; i++)
		assert_int_equal(shmem_read(q, z->inode, i), text(i));
}

static void test_coldest(void **state)
{
	(void)state;
	run(coldest);
}

/* ---- failures -------------------------------------------------------------- */

static bool fail_compress(void *ctx, u64 pfn)
{
	(void)pfn;
	(*(int *)ctx)++;
	return true;
}

static bool fail_write(void *ctx, const struct quire_bio *bio)
{
	(void)ctx;
	return bio->op == QUIRE_BIO_WRITE;
}

static void failures(struct testbox *t, void *arg)
{
	struct zbox *z = arg;
	struct quire *q = t->q;
	struct zswap_stats *s = zswap_stats(q);
	unsigned long i = 0;
	int tried = 0;

	model_fail_compress(t->m, fail_compress, &tried);
	shmem_fill(q, z->inode, 0, text(0));
	assert_true(shmem_evict(q, z->inode, 0));
	assert_int_equal(tried, 1);
	assert_int_equal(s->stored_pages, 0);
	model_fail_compress(t->m, NULL, NULL);
	/* Until the slab's objects in hand are used up. */
	while (!s->reject_alloc_fail && !s->reject_kmemcache_fail && ++i < 500) {
		shmem_fill(q, z->inode, i, CONTENT(CONTENT_KIND_HEAP, i));
		testbox_fail_all_allocs(t);
		(void)shmem_evict(q, z->inode, i);
		testbox_fail_alloc(t, 0);
	}
	assert_true(s->reject_alloc_fail || s->reject_kmemcache_fail);
	for (unsigned long j = 1; j <= i; j++)
		assert_int_equal(shmem_read(q, z->inode, j), CONTENT(CONTENT_KIND_HEAP, j));

	/* A write that fails on the way out of zswap loses nothing. */
	for (i = 10; i < 20; i++) {
		shmem_fill(q, z->inode, i, text(i));
		assert_true(shmem_evict(q, z->inode, i));
	}
	model_fail_io(t->m, fail_write, NULL);
	for (i = 10; i < 20; i++)
		(void)zswap_shrink_one(q);
	sleep_ns(q, NSEC_PER_SEC);
	model_fail_io(t->m, NULL, NULL);
	for (i = 10; i < 20; i++)
		assert_int_equal(shmem_read(q, z->inode, i), text(i));
	assert_int_equal(shmem_read(q, z->inode, 0), text(0));
}

static void test_failures(void **state)
{
	(void)state;
	run(failures);
}

/* ---- a random night -------------------------------------------------------- */

static void night(struct testbox *t, void *arg)
{
	static u64 want[FILE_PAGES];
	struct zbox *z = arg;
	struct quire *q = t->q;

	memset(want, 0, sizeof(want));
	zswap_params(q)->max_pool_percent = 1;
	for (int i = 0; i < 12000; i++) {
		unsigned long page = prng_below(&t->rng, FILE_PAGES);

		switch (prng_below(&t->rng, 8)) {
		case 0:
		case 1:
			assert_int_equal(shmem_read(q, z->inode, page), want[page]);
			break;
		case 2:
		case 3:
			want[page] =
				CONTENT(prng_below(&t->rng, NR_CONTENT_KINDS), prng_u64(&t->rng));
			if (CONTENT_KIND(want[page]) == CONTENT_KIND_ZERO)
				want[page] = 0;
			shmem_fill(q, z->inode, page, want[page]);
			break;
		case 4:
			(void)zswap_shrink_one(q);
			break;
		default:
			(void)shmem_evict(q, z->inode, page);
		}
	}
	for (unsigned long page = 0; page < FILE_PAGES; page++)
		assert_int_equal(shmem_read(q, z->inode, page), want[page]);
}

static void test_night(void **state)
{
	(void)state;
	run(night);
}

/* ---- the verifier ---------------------------------------------------------- */

static void one_stored(struct testbox *t, void *arg)
{
	struct zbox *z = arg;

	for (unsigned long i = 0; i < 3; i++) {
		shmem_fill(t->q, z->inode, i, text(i));
		assert_true(shmem_evict(t->q, z->inode, i));
	}
}

static void test_verify(void **state)
{
	struct zbox z = zbox_new();
	struct zswap_floor *zs = z.q->swap->zswap;
	struct zswap_entry *e;
	u64 val;
	u8 byte;

	(void)state;
	testbox_call(z.t, one_stored, &z);
	testbox_verify(z.t);
	zs->stats.stored_pages++;
	testbox_verify_reports(z.t, "3 entries, 0 same-filled, counted 4 and 0");
	zs->stats.stored_pages--;
	zs->stats.compressed_bytes++;
	testbox_verify_reports(z.t, "zswap: entries of");
	zs->stats.compressed_bytes--;
	zs->nr_lru++;
	testbox_verify_reports(z.t, "zswap: 3 entries on the LRU list, counted 4");
	zs->nr_lru--;
	e = list_first_entry(&zs->lru, struct zswap_entry, lru);
	list_del_init(&e->lru);
	testbox_verify_reports(z.t, "3 compressed entries, 2 on the LRU list, 3 objects");
	list_add(&e->lru, &zs->lru);
	val = e->swpentry.val;
	e->swpentry.val = 1;
	testbox_verify_reports(z.t, "is out of order");
	e->swpentry.val = val;
	byte = *swap_map_byte(z.q->swap->info[0], swp_offset(e->swpentry));
	*swap_map_byte(z.q->swap->info[0], swp_offset(e->swpentry)) = 0;
	testbox_verify_reports(z.t, "which is free");
	*swap_map_byte(z.q->swap->info[0], swp_offset(e->swpentry)) = byte;
	e->refcount = 0;
	testbox_verify_reports(z.t, "has 0 references");
	e->refcount = 1;
	/* An entry of a shmem tree that the map does not count. */
	*swap_map_byte(z.q->swap->info[0], swp_offset(e->swpentry)) = 2;
	testbox_verify_reports(z.t, "swap_map counts 2 entries, 1 were found");
	*swap_map_byte(z.q->swap->info[0], swp_offset(e->swpentry)) = 1;
	zbox_end(&z);
}

/* ---- zbud -------------------------------------------------------------------- */

static unsigned long zbud_pages(struct quire *q)
{
	return q->swap->zswap->zbud->pages_nr;
}

/* Two objects a frame, the best fit first; too large; frames come free. */
static void zbud_objects(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct zbud_pool *pool = zbud_create_pool(q);
	const gfp_t gfp = GFP_KERNEL;
	unsigned long a, b, c, d;

	(void)arg;
	assert_non_null(pool);
	assert_true(zs_is_err(zbud_alloc(q, pool, PAGE_SIZE - 127, gfp)));
	a = zbud_alloc(q, pool, 1000, gfp); /* 16 chunks */
	b = zbud_alloc(q, pool, 3500, gfp); /* 55: a frame of its own */
	assert_int_equal(pool->pages_nr, 2);
	c = zbud_alloc(q, pool, 500, gfp); /* 8: fits both, beside b it is tightest */
	assert_int_equal(c >> 1, b >> 1);
	d = zbud_alloc(q, pool, 2900, gfp);
	assert_int_equal(d >> 1, a >> 1);
	assert_int_equal(pool->pages_nr, 2);
	memset(zbud_map(q, c), 0x5a, 500);
	memset(zbud_map(q, b), 0xa5, 3500);
	assert_int_equal(((u8 *)zbud_map(q, c))[0], 0x5a);
	assert_int_equal(((u8 *)zbud_map(q, c))[499], 0x5a);
	zbud_free(q, pool, b);
	assert_int_equal(pool->pages_nr, 2);
	b = zbud_alloc(q, pool, 3500, gfp);
	assert_int_equal(b >> 1, c >> 1);
	zbud_free(q, pool, c);
	zbud_free(q, pool, b);
	zbud_free(q, pool, a);
	zbud_free(q, pool, d);
	assert_int_equal(pool->pages_nr, 0);
	zbud_destroy_pool(q, pool);
}

/* Linux 6.1: a full pool refuses; one frame is written back each time that the
 * limit is hit, and what is refused below it asks for nothing. */
static void zbud_limit(struct testbox *t, void *arg)
{
	struct zbox *z = arg;
	struct quire *q = t->q;
	struct zswap_stats *st = zswap_stats(q);
	unsigned long limit, i;

	zswap_params(q)->max_pool_percent = 1;
	limit = q->node->totalram_pages / 100;
	for (i = 0; i < FILE_PAGES && !st->pool_limit_hit; i++) {
		shmem_fill(q, z->inode, i, CONTENT(CONTENT_KIND_HEAP, i));
		assert_true(shmem_evict(q, z->inode, i));
	}
	assert_true(i < FILE_PAGES);
	assert_true(st->stored_pages > zbud_pages(q) * 3 / 2);
	testbox_verify(t);
	sleep_ns(q, NSEC_PER_SEC);
	/* The frame that was used longest ago: the first two pages. */
	assert_int_equal(zbud_pages(q), limit);
	assert_int_equal(st->written_back_pages, 2);
	assert_int_equal(st->reject_reclaim_fail, 0);
	/* At the limit: refused, but not for the shrinker. */
	shmem_fill(q, z->inode, i, CONTENT(CONTENT_KIND_HEAP, i));
	assert_true(shmem_evict(q, z->inode, i));
	sleep_ns(q, NSEC_PER_SEC);
	assert_int_equal(st->pool_limit_hit, 1);
	assert_int_equal(zbud_pages(q), limit);
	assert_int_equal(zswap_set_zpool(q, "zsmalloc"), -EBUSY);
	for (unsigned long j = 0; j <= i; j++)
		assert_int_equal(shmem_read(q, z->inode, j), CONTENT(CONTENT_KIND_HEAP, j));
	testbox_verify(t);
	q->swap->zswap->zbud->pages_nr++;
	testbox_verify_reports(t, "frames, ");
	q->swap->zswap->zbud->pages_nr--;
}

static void test_zbud(void **state)
{
	struct zbox z = zbox_new();

	(void)state;
	assert_int_equal(zswap_set_zpool(z.q, "z4fold"), -ENOENT);
	assert_int_equal(zswap_set_zpool(z.q, "zbud"), 0);
	testbox_call(z.t, zbud_objects, &z);
	testbox_call(z.t, zbud_limit, &z);
	zbox_end(&z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_and_load), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_compressors),    cmocka_unit_test(test_limit),
		cmocka_unit_test(test_coldest),	       cmocka_unit_test(test_failures),
		cmocka_unit_test(test_night),	       cmocka_unit_test(test_verify),
		cmocka_unit_test(test_zbud),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
