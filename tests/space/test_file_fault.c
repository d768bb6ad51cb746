/* SPDX-License-Identifier: MIT */
/*
 * Faults on files, each kind with each: the protection of the area, private or shared,
 * reading or writing, a page inside, the one that the file ends in, or one past its end,
 * and what happened to the file before.  Who may not is told so (SIGSEGV), who reads
 * past the end too (SIGBUS); the others find what is the file's, or their own.
 *
 * Then files larger than what the process's group may have.
 */
#include <stdlib.h>

#include "tests/space/space_test.h"

#define PG(n)	   ((u64)(n) << PAGE_SHIFT)
#define SIZE	   (PG(1) + 1000) /* of a file of which page 1 is the last */
#define AREA_PAGES 4
#define WRITTEN	   0x77

enum place { INSIDE, LAST, PAST, NR_PLACES };
enum history {
	COLD,	   /* never read */
	CACHED,	   /* read */
	DIRTY,	   /* written through write() */
	TOUCHED,   /* by this mapping, as far as it may */
	TRUNCATED, /* touched, then cut to SIZE */
	EXTENDED,  /* a page first, then SIZE */
	NR_HISTORIES
};

struct fault_case {
	int prot;
	bool shared, shmem, write;
	enum place place;
	enum history history;
};

static const char *const place_names[] = {"inside", "last page", "past the end"};
static const char *const history_names[] = {"cold",    "cached",    "dirty",
					    "touched", "truncated", "extended"};

/* ---- the state before ------------------------------------------------------------ */

static void calm(struct task *task)
{
	task->sigkill_pending = false;
	task->signal->group_exit = false;
}

static struct file *make_file(struct testbox *t, const struct fault_case *c)
{
	u64 size = c->history == TRUNCATED ? PG(AREA_PAGES) : c->history == EXTENDED ? PG(1) : SIZE;
	struct file *file =
		c->shmem ? shmem_file_setup(t->q, "f", size) : testbox_file(t, t->sb, size);

	assert_false(IS_ERR_OR_NULL(file));
	file->writable = true;
	return file;
}

/* Each page of the file, as far as the area allows it. */
static void touch_area(struct testbox *t, const struct fault_case *c, u64 addr, u64 pages)
{
	struct touch what = {.nr_pages = 1, .kind = CONTENT_SAME, .seed = WRITTEN};

	for (u64 i = 0; i < pages; i++) {
		what.addr = addr + PG(i);
		what.write = (c->prot & PROT_WRITE) != 0;
		if (c->prot)
			assert_int_equal(mmu_touch(t->m, t->task, &what), 1);
	}
}

static void live_through(struct testbox *t, const struct fault_case *c, struct file *file, u64 addr)
{
	struct page *page;
	bool major;

	switch (c->history) {
	case COLD:
		break;
	case CACHED:
		for (unsigned int i = 0; c->shmem && i < 2; i++) {
			page = shmem_get_page(t->q, file->f_inode, i, GFP_HIGHUSER_MOVABLE, &major);
			assert_false(IS_ERR(page));
			put_page(t->q, page);
		}
		if (!c->shmem)
			assert_int_equal(generic_file_read(t->q, file, 0, SIZE), SIZE);
		break;
	case DIRTY:
		assert_int_equal(generic_file_write(t->q, file, 0, SIZE), SIZE);
		break;
	case TOUCHED:
		touch_area(t, c, addr, 2);
		break;
	case TRUNCATED:
		touch_area(t, c, addr, AREA_PAGES);
		truncate_setsize(t->q, file->f_inode, SIZE);
		break;
	default:
		touch_area(t, c, addr, 1);
		truncate_setsize(t->q, file->f_inode, SIZE);
	}
}

/* ---- what must come of it -------------------------------------------------------- */

static unsigned int expected(const struct fault_case *c)
{
	if (c->write ? !(c->prot & PROT_WRITE) : !c->prot)
		return VM_FAULT_SIGSEGV;
	return c->place == PAST ? VM_FAULT_SIGBUS : 0;
}

/* Did the history leave a copy of the area's own? */
static bool copied(const struct fault_case *c)
{
	bool touched = c->history == TOUCHED || c->history == TRUNCATED ||
		       (c->history == EXTENDED && c->place == INSIDE);

	return !c->shared && (c->prot & PROT_WRITE) && touched;
}

static void check_page(struct testbox *t, const struct fault_case *c, struct file *file, u64 addr)
{
	struct page *page = page_at(t, t->task, addr);
	struct page *cached = find_get_page(t->q, &file->f_inode->i_data, (unsigned long)c->place);
	bool own = copied(c) || (c->write && !c->shared);

	assert_int_equal(PageAnon(page), own);
	if (!own)
		assert_ptr_equal(page, cached);
	if (own && cached) /* the file's is as it was */
		assert_true(t->q->hot->content[page_to_pfn(t->q, cached)] !=
			    CONTENT(CONTENT_SAME, WRITTEN + 1));
	if (c->write)
		assert_int_equal(t->q->hot->content[page_to_pfn(t->q, page)],
				 CONTENT(CONTENT_SAME, WRITTEN + 1));
	if (c->write && c->shared)
		assert_true(PageDirty(page) || pte_dirty(*pte_of(t, t->task, addr)));
	if (cached)
		put_page(t->q, cached);
}

static void fault_once(struct testbox *t, const struct fault_case *c)
{
	struct file *file = make_file(t, c);
	struct mm_struct *mm = t->task->mm;
	struct touch what = {
		.nr_pages = 1, .write = c->write, .kind = CONTENT_SAME, .seed = WRITTEN + 1};
	unsigned long faults, anon;
	unsigned int ret, wanted = expected(c);
	u64 area, addr;

	area = do_mmap(t->q, mm, 0, PG(AREA_PAGES), c->prot, c->shared ? MAP_SHARED : MAP_PRIVATE,
		       file, 0);
	assert_false(IS_ERR_VALUE(area));
	live_through(t, c, file, area);
	addr = area + PG(c->place);
	faults = t->task->min_flt + t->task->maj_flt;
	anon = mm_counter_exact(t->q, mm, MM_ANONPAGES);
	if (wanted) {
		ret = handle_user_fault(t->q, t->task, addr, c->write ? FAULT_FLAG_WRITE : 0);
		if (ret != wanted)
			fail_msg("0x%x, not 0x%x", ret, wanted);
		assert_true(fatal_signal_pending(t->task));
		calm(t->task);
		/* Not counted, and nothing came. */
		assert_int_equal(t->task->min_flt + t->task->maj_flt, faults);
		assert_int_equal(mm_counter_exact(t->q, mm, MM_ANONPAGES), anon);
		if (wanted == VM_FAULT_SIGBUS && pte_of(t, t->task, addr))
			assert_true(pte_none(*pte_of(t, t->task, addr)));
	} else {
		what.addr = addr;
		assert_int_equal(mmu_touch(t->m, t->task, &what), 1);
		check_page(t, c, file, addr);
	}
	assert_int_equal(do_munmap(t->q, mm, area, PG(AREA_PAGES)), 0);
	file->f_inode->i_nlink = 0;
	fput(t->q, file);
}

static void run_matrix(struct testbox *t, __unused void *arg)
{
	static const int prots[] = {0, PROT_READ, PROT_WRITE, RW, PROT_EXEC, PROT_READ | PROT_EXEC};
	unsigned int n = 6 * 2 * 2 * 2 * NR_PLACES * NR_HISTORIES;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int x = i;
		struct fault_case c = {.prot = prots[x % 6]};

		c.shared = (x /= 6) % 2;
		c.shmem = (x /= 2) % 2;
		c.write = (x /= 2) % 2;
		c.place = (enum place)((x /= 2) % NR_PLACES);
		c.history = (enum history)(x / NR_PLACES);
		if (c.shmem && c.history == DIRTY) /* there is no write() to it */
			continue;
		if (getenv("QUIRE_CASES"))
			print_message("# prot %d, %s %s, %s %s, %s\n", c.prot,
				      c.shared ? "shared" : "private", c.shmem ? "shmem" : "file",
				      c.write ? "write" : "read", place_names[c.place],
				      history_names[c.history]);
		fault_once(t, &c);
		if (i % 20 == 0)
			testbox_verify(t);
	}
}

static void test_matrix(__unused void **state)
{
	testbox_once(&(struct testbox_config){.disk = true}, run_matrix);
}

/* ---- not open for writing -------------------------------------------------------- */

static void run_read_only(struct testbox *t, __unused void *arg)
{
	struct file *file = testbox_file(t, t->sb, PG(4));
	struct mm_struct *mm = t->task->mm;
	u64 a;

	file->writable = false;
	assert_int_equal(do_mmap(t->q, mm, 0, PG(4), RW, MAP_SHARED, file, 0), (u64)-EACCES);
	a = do_mmap(t->q, mm, 0, PG(4), PROT_READ, MAP_SHARED, file, 0);
	assert_false(IS_ERR_VALUE(a));
	touch(t, t->task, a, 4, 0);
	assert_int_equal(do_mprotect(t->q, mm, a, PG(4), RW), -EACCES);
	assert_int_equal(handle_user_fault(t->q, t->task, a, FAULT_FLAG_WRITE), VM_FAULT_SIGSEGV);
	calm(t->task);
	/* One's own copy may be written. */
	a = do_mmap(t->q, mm, 0, PG(4), RW, MAP_PRIVATE, file, 0);
	assert_false(IS_ERR_VALUE(a));
	touch(t, t->task, a, 4, 5);
	fput(t->q, file);
	testbox_verify(t);
}

static void test_read_only(__unused void **state)
{
	testbox_once(&(struct testbox_config){.disk = true}, run_read_only);
}

/* ---- written back ---------------------------------------------------------------- */

/* Written back, the page is protected; the next write is heard of. */
static void run_fsync(struct testbox *t, __unused void *arg)
{
	struct file *file = testbox_file(t, t->sb, PG(4));
	u64 a = do_mmap(t->q, t->task->mm, 0, PG(4), RW, MAP_SHARED, file, 0);
	struct page *page;

	touch(t, t->task, a, 4, 5);
	page = page_at(t, t->task, a);
	assert_true(PageDirty(page) && pte_write(*pte_of(t, t->task, a)));
	assert_int_equal(vfs_fsync(t->q, file), 0);
	assert_false(PageDirty(page) || pte_write(*pte_of(t, t->task, a)) ||
		     pte_dirty(*pte_of(t, t->task, a)));
	touch(t, t->task, a, 1, 6);
	assert_true(PageDirty(page) && pte_write(*pte_of(t, t->task, a)));
	assert_false(PageDirty(page_at(t, t->task, a + PG(1))));
	fput(t->q, file);
	testbox_verify(t);
}

static void test_fsync(__unused void **state)
{
	testbox_once(&(struct testbox_config){.disk = true}, run_fsync);
}

/* ---- more than the group may have ------------------------------------------------ */

#define LIMIT	   256L
#define FILE_PAGES 1024UL

struct limited {
	int prot, flags;
	bool shmem, write, dies;
};

struct walker {
	struct testbox *t;
	const struct limited *l;
	struct mem_cgroup *g;
	struct task *task;
	bool done;
};

static void walker_main(void *arg)
{
	struct walker *w = arg;
	struct file *file = w->l->shmem ? NULL : testbox_file(w->t, w->t->sb, PG(FILE_PAGES));
	struct touch what = {.nr_pages = FILE_PAGES,
			     .stride = 1,
			     .write = w->l->write,
			     .kind = CONTENT_SAME,
			     .seed = 9};
	unsigned long done;

	what.addr = do_mmap(w->t->q, w->task->mm, 0, PG(FILE_PAGES), w->l->prot,
			    w->l->flags | (file ? 0 : MAP_ANONYMOUS), file, 0);
	assert_false(IS_ERR_VALUE(what.addr));
	done = mmu_touch(w->t->m, w->task, &what);
	assert_true(w->g->memory.usage <= LIMIT);
	assert_int_equal(done == FILE_PAGES, !w->l->dies);
	assert_int_equal(fatal_signal_pending(w->task), w->l->dies);
	if (file) {
		file->f_inode->i_nlink = 0;
		fput(w->t->q, file);
	}
	do_exit(w->t->q, w->task, 0);
	w->done = true;
}

static void start_walker(struct testbox *t, void *arg)
{
	struct walker *w = arg;

	w->task = copy_process(t->q, NULL, 0);
	assert_false(IS_ERR_OR_NULL(w->task));
	assert_int_equal(exec_mmap(t->q, w->task, "walker", "walker", 7), 0);
	assert_int_equal(task_set_memcg(t->q, w->task, w->g), 0);
	assert_non_null(model_spawn(t->m, "walker", walker_main, w, w->task, -1));
}

static void walk_in_group(unsigned int swap_mb, const struct limited *l)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.disk = true, .swap_mb = swap_mb});
	struct walker w = {.t = t, .l = l};

	w.g = mem_cgroup_create(t->q, t->q->group->root, "small");
	assert_false(IS_ERR(w.g));
	mem_cgroup_set_max(t->q, w.g, LIMIT);
	testbox_call(t, start_walker, &w);
	for (unsigned int i = 0; i < 600 && !w.done; i++)
		testbox_pass(t, NSEC_PER_SEC / 10);
	assert_true(w.done);
	testbox_verify(t);
	testbox_free(t);
}

static void test_group(__unused void **state)
{
	static const struct limited walks[] = {
		{PROT_READ, MAP_PRIVATE, false, false, false},
		{PROT_READ, MAP_SHARED, false, false, false},
		{RW, MAP_SHARED, false, true, false},
		{RW, MAP_PRIVATE, false, false, false},
		{RW, MAP_PRIVATE, false, true, true},
		{RW, MAP_SHARED, true, true, true},
		{RW, MAP_SHARED, true, false, true},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(walks); i++) {
		struct limited l = walks[i];

		walk_in_group(0, &l);
		l.dies = false; /* there is room elsewhere */
		walk_in_group(32, &l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_fsync),
		cmocka_unit_test(test_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
