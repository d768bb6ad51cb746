/* SPDX-License-Identifier: MIT */
/*
 * Faults of every kind: anonymous, file, shared, copy on write, the stack, and
 * those that end in a signal.
 */
#include "tests/space/space_test.h"

static struct testbox *box(bool disk, unsigned int swap_mb)
{
	return testbox_new(&(struct testbox_config){.disk = disk, .swap_mb = swap_mb});
}

static void run_anon(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	u64 addr = map_anon(t, task, 64);
	unsigned long before = rss(task, MM_ANONPAGES), faults = task->min_flt;
	unsigned long reused = global_vm_event(t->q, PGFAULT);

	(void)arg;
	/* Reading maps the zero page, which nobody counts. */
	touch(t, task, addr, 64, 0);
	assert_int_equal(rss(task, MM_ANONPAGES), before);
	assert_ptr_equal(page_at(t, task, addr), t->q->space->zero_page);
	assert_int_equal(task->min_flt - faults, 64);
	testbox_verify(t);
	/* Writing makes pages of them. */
	touch(t, task, addr, 32, 5);
	assert_int_equal(rss(task, MM_ANONPAGES), before + 32);
	assert_ptr_not_equal(page_at(t, task, addr), t->q->space->zero_page);
	assert_int_equal(peek(t, task, addr), CONTENT(CONTENT_SAME, 5));
	assert_int_equal(peek(t, task, addr + 40 * PAGE_SIZE), 0);
	assert_int_equal(task->min_flt - faults, 96);
	assert_int_equal(global_vm_event(t->q, PGFAULT) - reused, 96);
	assert_true(PageSwapBacked(page_at(t, task, addr)));
	assert_true(pte_dirty(*pte_of(t, task, addr)));
	testbox_verify(t);
	/* DONTNEED gives them back; they read as zero again. */
	assert_int_equal(madvise_dontneed(t->q, task->mm, addr, 64 << PAGE_SHIFT), 0);
	assert_int_equal(rss(task, MM_ANONPAGES), before);
	assert_int_equal(task->mm->hiwater_rss, before + 32);
	touch(t, task, addr, 1, 0);
	assert_int_equal(peek(t, task, addr), 0);
	testbox_verify(t);
	/* Entries of the zero page alone: their translations must go too. */
	addr = map_anon(t, task, 8);
	touch(t, task, addr, 8, 0);
	assert_int_equal(do_munmap(t->q, task->mm, addr, 8 << PAGE_SHIFT), 0);
	assert_int_equal(
		do_mmap(t->q, task->mm, addr, 8 << PAGE_SHIFT, RW, ANON | MAP_FIXED, NULL, 0),
		addr);
	touch(t, task, addr, 8, 3);
	touch(t, task, addr, 8, 0);
	testbox_verify(t);
}

static void test_anon(void **state)
{
	struct testbox *t = box(false, 0);

	(void)state;
	testbox_run(t, run_anon, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_file(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	struct file *file = testbox_file(t, t->sb, (u64)128 << PAGE_SHIFT);
	u64 ro = do_mmap(t->q, task->mm, 0, 128 << PAGE_SHIFT, PROT_READ, MAP_PRIVATE, file, 0);
	u64 rw = do_mmap(t->q, task->mm, 0, 128 << PAGE_SHIFT, RW, MAP_PRIVATE, file, 0), content;
	unsigned long anon = rss(task, MM_ANONPAGES), minor, major = task->maj_flt;

	(void)arg;
	assert_false(IS_ERR_VALUE(ro) || IS_ERR_VALUE(rw));
	touch(t, task, ro, 128, 0);
	assert_int_equal(rss(task, MM_FILEPAGES), 128);
	assert_true(task->maj_flt > major);
	assert_int_equal(rss(task, MM_ANONPAGES), anon);
	testbox_verify(t);
	/* All is cached: 16 pages come with each fault. */
	minor = task->min_flt;
	assert_int_equal(do_munmap(t->q, task->mm, ro, 128 << PAGE_SHIFT), 0);
	assert_int_equal(rss(task, MM_FILEPAGES), 0);
	touch(t, task, rw, 128, 0);
	assert_in_range(task->min_flt - minor, 8, 24);
	assert_int_equal(rss(task, MM_FILEPAGES), 128);
	/* A write copies and leaves the file as it was. */
	content = peek(t, task, rw);
	touch(t, task, rw, 4, 77);
	assert_int_equal(rss(task, MM_FILEPAGES), 124);
	assert_int_equal(rss(task, MM_ANONPAGES), anon + 4);
	ro = do_mmap(t->q, task->mm, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, file, 0);
	touch(t, task, ro, 1, 0);
	assert_int_equal(peek(t, task, ro), content);
	assert_int_equal(peek(t, task, rw), CONTENT(CONTENT_SAME, 77));
	/* Writing first, without reading. */
	assert_int_equal(madvise_dontneed(t->q, task->mm, rw, 128 << PAGE_SHIFT), 0);
	touch(t, task, rw + 8 * PAGE_SIZE, 1, 78);
	assert_int_equal(rss(task, MM_ANONPAGES), anon + 1);
	fput(t->q, file);
	testbox_verify(t);
}

static void test_file(void **state)
{
	struct testbox *t = box(true, 0);

	(void)state;
	testbox_run(t, run_file, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_shared_file(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	struct file *file = testbox_file(t, t->sb, (u64)32 << PAGE_SHIFT);
	u64 a = do_mmap(t->q, task->mm, 0, 32 << PAGE_SHIFT, RW, MAP_SHARED, file, 0);
	u64 b = do_mmap(t->q, task->mm, 0, 32 << PAGE_SHIFT, PROT_READ, MAP_SHARED, file, 0);

	(void)arg;
	assert_false(IS_ERR_VALUE(a) || IS_ERR_VALUE(b));
	touch(t, task, a, 32, 0);
	assert_false(pte_write(*pte_of(t, task, a)));
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 0);
	touch(t, task, a, 8, 3);
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 8);
	touch(t, task, b, 8, 0);
	assert_int_equal(peek(t, task, b), CONTENT(CONTENT_SAME, 3));
	assert_int_equal(page_mapcount(page_at(t, task, b)), 2);
	testbox_verify(t);
	/* Written back: the next write is noticed again. */
	assert_int_equal(vfs_fsync(t->q, file), 0);
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 0);
	assert_false(pte_write(*pte_of(t, task, a)));
	touch(t, task, a, 1, 4);
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 1);
	/* Truncated: the entries go, beyond the end is SIGBUS. */
	truncate_setsize(t->q, file->f_inode, 4 << PAGE_SHIFT);
	assert_int_equal(rss(task, MM_FILEPAGES), 8);
	testbox_verify(t);
	assert_int_equal(handle_user_fault(t->q, task, a + (4 << PAGE_SHIFT), 0), VM_FAULT_SIGBUS);
	assert_true(fatal_signal_pending(task));
	fput(t->q, file);
}

static void test_shared_file(void **state)
{
	struct testbox *t = box(true, 0);

	(void)state;
	testbox_run(t, run_shared_file, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_shmem(struct testbox *t, void *arg)
{
	struct task *task = t->task, *child;
	u64 a = do_mmap(t->q, task->mm, 0, 64 << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS, NULL,
			0);

	(void)arg;
	assert_false(IS_ERR_VALUE(a));
	touch(t, task, a, 16, 11);
	assert_int_equal(rss(task, MM_SHMEMPAGES), 16);
	assert_int_equal(global_node_page_state(t->q, NR_SHMEM), 16);
	child = fork_task(t, task);
	assert_int_equal(rss(child, MM_SHMEMPAGES), 0); /* found again by faulting */
	touch(t, child, a, 16, 12);
	assert_int_equal(peek(t, task, a), CONTENT(CONTENT_SAME, 12));
	assert_int_equal(page_mapcount(page_at(t, task, a)), 2);
	testbox_verify(t);
	end_child(t, child);
	assert_int_equal(do_munmap(t->q, task->mm, a, 64 << PAGE_SHIFT), 0);
	assert_int_equal(rss(task, MM_SHMEMPAGES), 0);
	testbox_verify(t);
}

static void test_shmem(void **state)
{
	struct testbox *t = box(false, 0);

	(void)state;
	testbox_run(t, run_shmem, NULL);
	testbox_verify(t);
	assert_int_equal(global_node_page_state(t->q, NR_SHMEM), 0);
	testbox_free(t);
}

static void run_stack(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	struct vm_area_struct *stack = find_vma(task->mm, STACK_TOP - 1);
	u64 limit = STACK_TOP - DEFAULT_STACK_LIMIT, wall;

	(void)arg;
	assert_string_equal(stack->name, "[stack]");
	assert_int_equal(task->mm->stack_vm, 33);
	touch(t, task, STACK_TOP - MB, 1, 1);
	assert_int_equal(stack->vm_start, STACK_TOP - MB);
	assert_int_equal(task->mm->stack_vm, MB >> PAGE_SHIFT);
	testbox_verify(t);
	/* A mapping in the way must stay 256 pages off. */
	wall = STACK_TOP - 4 * MB;
	assert_int_equal(do_mmap(t->q, task->mm, wall, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0),
			 wall);
	touch(t, task, wall + PAGE_SIZE + STACK_GUARD_GAP, 1, 1);
	assert_int_equal(handle_user_fault(t->q, task, wall + STACK_GUARD_GAP, FAULT_FLAG_WRITE),
			 VM_FAULT_SIGSEGV);
	assert_true(fatal_signal_pending(task));
	task->sigkill_pending = false;
	assert_int_equal(do_munmap(t->q, task->mm, wall, PAGE_SIZE), 0);
	touch(t, task, limit, 1, 1);
	assert_int_equal(handle_user_fault(t->q, task, limit - 1, FAULT_FLAG_WRITE),
			 VM_FAULT_SIGSEGV);
	testbox_verify(t);
}

static void test_stack(void **state)
{
	struct testbox *t = box(false, 0);

	(void)state;
	testbox_run(t, run_stack, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void expect_segv(struct testbox *t, u64 addr, unsigned int flags)
{
	assert_int_equal(handle_user_fault(t->q, t->task, addr, flags), VM_FAULT_SIGSEGV);
	assert_true(fatal_signal_pending(t->task));
	t->task->sigkill_pending = false;
	t->task->signal->group_exit = false;
}

static void run_segv(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 4);

	(void)arg;
	touch(t, t->task, a, 4, 1);
	expect_segv(t, 0, 0);
	expect_segv(t, a - PAGE_SIZE, 0);
	expect_segv(t, TASK_SIZE, FAULT_FLAG_WRITE);
	expect_segv(t, 0xffff888000000000UL, 0);
	assert_int_equal(do_mprotect(t->q, t->task->mm, a, PAGE_SIZE, PROT_READ), 0);
	expect_segv(t, a, FAULT_FLAG_WRITE);
	touch(t, t->task, a, 1, 0);
	assert_int_equal(do_mprotect(t->q, t->task->mm, a, PAGE_SIZE, 0), 0);
	expect_segv(t, a, 0);
	testbox_verify(t);
	/* And back: the page was there all the time. */
	assert_int_equal(do_mprotect(t->q, t->task->mm, a, PAGE_SIZE, RW), 0);
	assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 1));
	touch(t, t->task, a, 1, 2);
	assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 2));
	testbox_verify(t);
}

static void test_segv(void **state)
{
	struct testbox *t = box(false, 0);

	(void)state;
	testbox_run(t, run_segv, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_mlock(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 16);

	(void)arg;
	assert_int_equal(do_mlock(t->q, mm, a, 8 << PAGE_SHIFT, true), 0);
	assert_int_equal(mm->locked_vm, 8);
	lru_add_drain_all(t->q);
	for (int i = 0; i < 8; i++)
		assert_true(PageMlocked(page_at(t, t->task, a + ((u64)i << PAGE_SHIFT))));
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 8);
	assert_int_equal(madvise_dontneed(t->q, mm, a, PAGE_SIZE), -EINVAL);
	testbox_verify(t);
	assert_int_equal(do_mlock(t->q, mm, a, 4 << PAGE_SHIFT, false), 0);
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 4);
	testbox_verify(t);
	assert_int_equal(do_munmap(t->q, mm, a, 16 << PAGE_SHIFT), 0);
	assert_int_equal(mm->locked_vm, 0);
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 0);
	testbox_verify(t);
}

static void test_mlock(void **state)
{
	struct testbox *t = box(false, 0);

	(void)state;
	testbox_run(t, run_mlock, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* SPLIT_RSS_COUNTING: the space hears of a task's faults each 66 of them, and
 * when the task unmaps or goes. */
static void run_late(struct testbox *t, void *arg)
{
	struct task *task = t->task, *child;
	struct mm_struct *mm = task->mm;
	u64 addr = map_anon(t, task, 256);
	unsigned long before = rss(task, MM_ANONPAGES);

	(void)arg;
	touch(t, task, addr, 65, 5);
	assert_int_equal(get_mm_counter(mm, MM_ANONPAGES), before);
	assert_int_equal(mm_counter_exact(t->q, mm, MM_ANONPAGES), before + 65);
	testbox_verify(t);
	/* The 66th tells of those before it. */
	touch(t, task, addr + 65 * PAGE_SIZE, 1, 5);
	assert_int_equal(get_mm_counter(mm, MM_ANONPAGES), before + 65);
	touch(t, task, addr + 66 * PAGE_SIZE, 2 * 66 + 9, 5);
	assert_int_equal(get_mm_counter(mm, MM_ANONPAGES), before + 65 + 2 * 66);
	testbox_verify(t);
	/* A child's space is told of what it gets at once, the parent's is not. */
	child = copy_process(t->q, task, 0);
	assert_int_equal(get_mm_counter(child->mm, MM_ANONPAGES), before + 65 + 2 * 66 + 10);
	assert_int_equal(get_mm_counter(mm, MM_ANONPAGES), before + 65 + 2 * 66);
	touch(t, child, addr, 3, 6); /* copies: nothing changes */
	touch(t, child, addr + 220 * PAGE_SIZE, 4, 6);
	assert_int_equal(mm_counter_exact(t->q, child->mm, MM_ANONPAGES),
			 get_mm_counter(child->mm, MM_ANONPAGES) + 4);
	testbox_verify(t);
	do_exit(t->q, child, 0);
	release_task(t->q, child);
	/* Unmapping tells of all. */
	assert_int_equal(madvise_dontneed(t->q, mm, addr, PAGE_SIZE), 0);
	assert_int_equal(get_mm_counter(mm, MM_ANONPAGES), before + 65 + 2 * 66 + 9);
	testbox_verify(t);
}

static void test_late(void **state)
{
	struct testbox *t = box(false, 0);

	(void)state;
	testbox_run(t, run_late, NULL);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anon),	    cmocka_unit_test(test_file),
		cmocka_unit_test(test_shared_file), cmocka_unit_test(test_shmem),
		cmocka_unit_test(test_stack),	    cmocka_unit_test(test_segv),
		cmocka_unit_test(test_mlock),	    cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
