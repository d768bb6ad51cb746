/* SPDX-License-Identifier: MIT */
/*
 * Which pages reclaim takes: those of a stream that is read once before those that are
 * used again, data before program text that is as much in use, and anonymous or file
 * pages by what each has cost lately.
 */
#include "tests/proc/proc_test.h"
#include "tests/space/space_test.h"
#include "reclaim/internal.h"

#define MB_OF(pages) ((pages) >> (20 - PAGE_SHIFT))

static const struct testbox_config box = {.node_mb = {256}, .disk = true, .swap_mb = 256};

static void read_all(struct testbox *t, struct file *file, unsigned long mb)
{
	assert_int_equal(generic_file_read(t->q, file, 0, mb * MB), mb * MB);
}

/* Pages of a file that are in the cache; and of these the active ones. */
static unsigned long cached(const struct file *file, unsigned long *active)
{
	struct address_space *m = &file->f_inode->i_data;
	unsigned long index = 0, nr = 0;
	const struct page *page;

	*active = 0;
	while ((page = xa_find(&m->i_pages, &index, ULONG_MAX, XA_PRESENT)) != NULL) {
		if (!xa_is_value(page)) {
			nr++;
			*active += PageActive(page);
		}
		index++;
	}
	return nr;
}

/* ---- use-once --------------------------------------------------------------------- */

static void streaming(struct testbox *t, __unused void *arg)
{
	struct file *used = testbox_file(t, t->sb, 40 * MB),
		    *stream = testbox_file(t, t->sb, 1200 * MB);
	unsigned long left, active;

	read_all(t, used, 40);
	read_all(t, used, 40);
	read_all(t, stream, 1200);
	left = cached(used, &active);
	print_message("# beside 1200 MB read once: %lu of 40 MB that were read twice stay\n",
		      MB_OF(left));
	assert_true(left >= 39 * MB_PAGES);
	assert_int_equal(global_vm_event(t->q, PGACTIVATE) < 45 * MB_PAGES, 1);
	fput(t->q, used);
	fput(t->q, stream);
}

static void test_use_once(__unused void **state)
{
	testbox_once(&box, streaming);
}

/* ---- text ------------------------------------------------------------------------- */

static u64 map_file(struct testbox *t, struct file *file, unsigned long mb, int prot)
{
	u64 addr = do_mmap(t->q, t->task->mm, 0, mb * MB, prot, MAP_PRIVATE, file, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

/* Both are used all the time and equally; what is read beside them is read twice, so that the
 * active list is aged. */
static void text_and_data(struct testbox *t, __unused void *arg)
{
	struct file *text = testbox_file(t, t->sb, 30 * MB),
		    *data = testbox_file(t, t->sb, 30 * MB);
	struct file *other = testbox_file(t, t->sb, 240 * MB);
	u64 at_text = map_file(t, text, 30, PROT_READ | PROT_EXEC);
	u64 at_data = map_file(t, data, 30, PROT_READ);
	unsigned long text_active = 0, data_active = 0, active;

	for (int i = 0; i < 8; i++) {
		touch(t, t->task, at_text, 30 * MB_PAGES, 0);
		touch(t, t->task, at_data, 30 * MB_PAGES, 0);
		for (u64 mb = 0; mb < 240; mb += 40)
			for (int twice = 0; twice < 2; twice++)
				assert_int_equal(generic_file_read(t->q, other, mb * MB, 40 * MB),
						 40 * MB);
		(void)cached(text, &active);
		text_active += active;
		(void)cached(data, &active);
		data_active += active;
	}
	print_message("# active in the mean: %lu MB of 30 of text, %lu of data\n",
		      MB_OF(text_active / 8), MB_OF(data_active / 8));
	assert_true(global_vm_event(t->q, PGDEACTIVATE) > 30 * MB_PAGES);
	assert_true(text_active > data_active + data_active / 4);
	fput(t->q, text);
	fput(t->q, data);
	fput(t->q, other);
}

static void test_text(__unused void **state)
{
	testbox_once(&box, text_and_data);
}

/* ---- cost -------------------------------------------------------------------------- */

struct share {
	bool file_costs;
	unsigned long anon, file; /* reclaimed */
};

static void after_cost(struct testbox *t, void *arg)
{
	struct share *r = arg;
	struct lruvec *lruvec = &NODE_DATA(t->q, 0)->__lruvec;
	struct file *file = testbox_file(t, t->sb, 80 * MB);
	unsigned long anon;

	touch(t, t->task, map_anon(t, t->task, 80 * MB_PAGES), 80 * MB_PAGES, 9);
	/* Twice: where inactive pages of files abound these go first, whatever they cost. */
	read_all(t, file, 80);
	read_all(t, file, 80);
	lru_add_drain_all(t->q);
	/* All of it was paid for one of the two. */
	lruvec->anon_cost = r->file_costs ? 0 : 10000;
	lruvec->file_cost = r->file_costs ? 10000 : 0;
	anon = global_vm_event(t->q, PGSTEAL_ANON);
	r->file = global_vm_event(t->q, PGSTEAL_FILE);
	assert_int_equal(put(t->q, "/proc/sys/vm/swappiness", "100"), 3);
	for (int i = 0; i < 8; i++)
		(void)put(t->q, "/sys/fs/cgroup/memory.reclaim", "4M");
	r->anon = global_vm_event(t->q, PGSTEAL_ANON) - anon;
	r->file = global_vm_event(t->q, PGSTEAL_FILE) - r->file;
	fput(t->q, file);
}

static void test_cost(__unused void **state)
{
	struct share dear_file = {.file_costs = true}, dear_anon = {.file_costs = false};
	struct testbox_config cfg = box;

	for (int i = 0; i < 2; i++) {
		struct testbox *t = testbox_new(&cfg);

		testbox_run(t, after_cost, i ? &dear_file : &dear_anon);
		testbox_verify(t);
		testbox_free(t);
	}
	print_message("# of 32 MB: file is dear: %lu anon, %lu file; anon is dear: %lu, %lu\n",
		      dear_file.anon, dear_file.file, dear_anon.anon, dear_anon.file);
	assert_true(dear_file.anon > dear_anon.anon && dear_file.file < dear_anon.file);
}

/* Old costs fade: both are halved once they are a quarter of the lists. */
static void fading(struct testbox *t, __unused void *arg)
{
	struct lruvec *lruvec = &NODE_DATA(t->q, 0)->__lruvec;
	unsigned long size;

	touch(t, t->task, map_anon(t, t->task, 4096), 4096, 3);
	lru_add_drain_all(t->q);
	size = global_node_page_state(t->q, NR_INACTIVE_ANON) +
	       global_node_page_state(t->q, NR_ACTIVE_ANON) +
	       global_node_page_state(t->q, NR_INACTIVE_FILE) +
	       global_node_page_state(t->q, NR_ACTIVE_FILE);
	lruvec->anon_cost = 0;
	lruvec->file_cost = size / 4 - 10;
	lru_note_cost(t->q, lruvec, false, 10);
	assert_int_equal(lruvec->anon_cost, 10);
	lru_note_cost(t->q, lruvec, false, 10);
	assert_int_equal(lruvec->anon_cost, 10);
	assert_int_equal(lruvec->file_cost, (size / 4 - 10) / 2);
}

static void test_fading(__unused void **state)
{
	testbox_once(&box, fading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_use_once),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_fading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
