/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/pagemap bit by bit, and what /proc/PID/clear_refs takes away: soft-dirty bits
 * follow a page through swap, migration, fork and mremap.
 */
#include <stdio.h>
#include <string.h>

#include "tests/space/space_test.h"
#include "proc/proc.h"

#define PM_SOFT_DIRTY BIT(55)
#define PM_EXCLUSIVE  BIT(56)
#define PM_FILE	      BIT(61)
#define PM_SWAP	      BIT(62)
#define PM_PRESENT    BIT(63)
#define PM_PFN	      (BIT(55) - 1)

static struct proc_entry pid_file(struct testbox *t, struct task *task, const char *name)
{
	char pid[16];
	struct proc_entry e;

	(void)snprintf(pid, sizeof(pid), "%d", task->pid);
	e = proc_lookup(t->q, proc_root(), pid);
	assert_int_not_equal(e.kind, PROC_NONE);
	return proc_lookup(t->q, e, name);
}

static u64 pagemap(struct testbox *t, struct task *task, u64 addr)
{
	u64 word = 0;

	assert_int_equal(proc_read_at(t->q, pid_file(t, task, "pagemap"), addr / 512, &word, 8), 8);
	return word;
}

static void clear(struct testbox *t, struct task *task, const char *what)
{
	assert_int_equal(proc_write(t->q, pid_file(t, task, "clear_refs"), what, strlen(what)),
			 strlen(what));
}

static void run_bits(struct testbox *t, void *arg)
{
	struct task *task = t->task, *child;
	u64 addr = map_anon(t, task, 8), pm;

	(void)arg;
	assert_int_equal(pagemap(t, task, 0x1000), 0); /* nothing there */
	assert_int_equal(pagemap(t, task, addr), PM_SOFT_DIRTY);
	touch(t, task, addr, 2, 7);
	touch(t, task, addr + 2 * PAGE_SIZE, 1, 0);
	pm = pagemap(t, task, addr);
	assert_int_equal(pm & ~PM_PFN, PM_PRESENT | PM_EXCLUSIVE | PM_SOFT_DIRTY);
	assert_int_equal(pm & PM_PFN, page_to_pfn(t->q, page_at(t, task, addr)));
	/* The zero page is nobody's. */
	assert_int_equal(pagemap(t, task, addr + 2 * PAGE_SIZE) & ~PM_PFN,
			 PM_PRESENT | PM_SOFT_DIRTY);
	clear(t, task, "4\n");
	for (u64 a = addr; a < addr + 8 * PAGE_SIZE; a += PAGE_SIZE)
		assert_int_equal(pagemap(t, task, a) & PM_SOFT_DIRTY, 0);
	touch(t, task, addr, 1, 0); /* a read is no write */
	touch(t, task, addr + PAGE_SIZE, 1, 9);
	assert_int_equal(pagemap(t, task, addr) & PM_SOFT_DIRTY, 0);
	assert_int_not_equal(pagemap(t, task, addr + PAGE_SIZE) & PM_SOFT_DIRTY, 0);
	child = fork_task(t, task);
	assert_int_equal(pagemap(t, task, addr) & (PM_PRESENT | PM_EXCLUSIVE), PM_PRESENT);
	assert_int_equal(pagemap(t, child, addr) & PM_SOFT_DIRTY, 0);
	assert_int_not_equal(pagemap(t, child, addr + PAGE_SIZE) & PM_SOFT_DIRTY, 0);
	end_child(t, child);
	/* What is mapped anew merges, and all of it counts as written. */
	assert_int_equal(do_mmap(t->q, task->mm, addr + 4 * PAGE_SIZE, PAGE_SIZE, RW,
				 ANON | MAP_FIXED, NULL, 0),
			 addr + 4 * PAGE_SIZE);
	assert_int_not_equal(pagemap(t, task, addr + 4 * PAGE_SIZE) & PM_SOFT_DIRTY, 0);
	testbox_verify(t);
}

static void run_moves(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	u64 addr = map_anon(t, task, 4), to, pm;

	(void)arg;
	touch(t, task, addr, 4, 7);
	clear(t, task, "4");
	touch(t, task, addr, 1, 8);
	touch(t, task, addr + 3 * PAGE_SIZE, 1, 8);
	assert_int_equal(do_madvise(t->q, task->mm, addr, 4 * PAGE_SIZE, MADV_PAGEOUT), 0);
	pm = pagemap(t, task, addr);
	assert_int_equal(pm & ~PM_PFN, PM_SWAP | PM_SOFT_DIRTY);
	assert_int_equal(pm & 31, swp_type(pte_to_swp_entry(*pte_of(t, task, addr))));
	assert_int_equal((pm & PM_PFN) >> 5, swp_offset(pte_to_swp_entry(*pte_of(t, task, addr))));
	assert_int_equal(pagemap(t, task, addr + PAGE_SIZE) & ~PM_PFN, PM_SWAP);
	touch(t, task, addr, 2, 0);
	assert_int_equal(pagemap(t, task, addr) & (PM_PRESENT | PM_SOFT_DIRTY),
			 PM_PRESENT | PM_SOFT_DIRTY);
	assert_int_equal(pagemap(t, task, addr + PAGE_SIZE) & (PM_PRESENT | PM_SOFT_DIRTY),
			 PM_PRESENT);
	/* Cleared while it lies in swap. */
	assert_int_equal(pagemap(t, task, addr + 3 * PAGE_SIZE) & ~PM_PFN, PM_SWAP | PM_SOFT_DIRTY);
	clear(t, task, "4");
	assert_int_equal(pagemap(t, task, addr + 3 * PAGE_SIZE) & ~PM_PFN, PM_SWAP);
	/* To another place everything is new. */
	to = do_mremap(t->q, task->mm, addr, 4 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
	assert_false(IS_ERR_VALUE(to));
	if (to != addr)
		assert_int_not_equal(pagemap(t, task, to) & PM_SOFT_DIRTY, 0);
	testbox_verify(t);
}

static void run_shared(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	u64 addr =
		do_mmap(t->q, task->mm, 0, 4 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);

	(void)arg;
	touch(t, task, addr, 2, 7);
	assert_int_equal(pagemap(t, task, addr) & ~PM_PFN,
			 PM_PRESENT | PM_FILE | PM_EXCLUSIVE | PM_SOFT_DIRTY);
	clear(t, task, "4");
	assert_int_equal(pagemap(t, task, addr) & PM_SOFT_DIRTY, 0);
	touch(t, task, addr, 1, 8);
	touch(t, task, addr + 2 * PAGE_SIZE, 1, 0); /* read only: may not be written unseen */
	assert_int_equal(pagemap(t, task, addr + 2 * PAGE_SIZE) & PM_SOFT_DIRTY, 0);
	touch(t, task, addr + 2 * PAGE_SIZE, 1, 8);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(!(pagemap(t, task, addr + i * PAGE_SIZE) & PM_SOFT_DIRTY), i == 1);
}

static void run_young(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	u64 addr = map_anon(t, task, 200);
	struct proc_entry e = pid_file(t, task, "clear_refs");
	char byte;

	(void)arg;
	touch(t, task, addr, 200, 7);
	clear(t, task, "3"); /* of files only */
	assert_true(pte_young(*pte_of(t, task, addr)));
	clear(t, task, "2");
	assert_false(pte_young(*pte_of(t, task, addr)));
	touch(t, task, addr, 1, 7);
	clear(t, task, "1");
	assert_false(pte_young(*pte_of(t, task, addr)));
	assert_int_equal(do_munmap(t->q, task->mm, addr, 200 * PAGE_SIZE), 0);
	assert_true(task->mm->hiwater_rss > get_mm_rss(task->mm));
	clear(t, task, "5");
	assert_int_equal(task->mm->hiwater_rss, get_mm_rss(task->mm));
	assert_int_equal(proc_write(t->q, e, "0", 1), -EINVAL);
	assert_int_equal(proc_write(t->q, e, "6", 1), -EINVAL);
	assert_int_equal(proc_write(t->q, e, "x", 1), -EINVAL);
	assert_int_equal(proc_read_at(t->q, pid_file(t, task, "pagemap"), 4, &byte, 8), -EINVAL);
}

/* ---- holes ------------------------------------------------------------------------ */

static u32 flags_at(struct task *task, u64 addr)
{
	return find_vma(task->mm, addr)->vm_flags;
}

/* Five areas' worth of pages, the third is not there. */
static u64 with_hole(struct testbox *t)
{
	u64 addr = map_anon(t, t->task, 5);

	assert_int_equal(do_munmap(t->q, t->task->mm, addr + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	return addr;
}

static void run_holes(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	struct mm_struct *mm = task->mm;
	u64 addr = with_hole(t), above = addr + 3 * PAGE_SIZE, len = 5 * PAGE_SIZE;

	(void)arg;
	/* mprotect: below the hole it is done. */
	assert_int_equal(do_mprotect(t->q, mm, addr, len, PROT_READ), -ENOMEM);
	assert_false(flags_at(task, addr) & VM_WRITE);
	assert_true(flags_at(task, above) & VM_WRITE);
	assert_int_equal(do_mprotect(t->q, mm, addr, len, RW), -ENOMEM);
	/* mlock: the same, and nothing is brought in. */
	assert_int_equal(do_mlock(t->q, mm, addr, len, true), -ENOMEM);
	assert_true(flags_at(task, addr) & VM_LOCKED);
	assert_false(flags_at(task, above) & VM_LOCKED);
	assert_int_equal(mm->locked_vm, 2);
	assert_true(!pte_of(t, task, addr) || pte_none(*pte_of(t, task, addr)));
	assert_int_equal(do_mlock(t->q, mm, addr, len, false), -ENOMEM);
	assert_int_equal(mm->locked_vm, 0);
	/* madvise: all there is. */
	assert_int_equal(do_madvise(t->q, mm, addr, len, MADV_DONTFORK), -ENOMEM);
	assert_true(flags_at(task, addr) & VM_DONTCOPY);
	assert_true(flags_at(task, above) & VM_DONTCOPY);
	assert_int_equal(do_madvise(t->q, mm, addr, len, MADV_DOFORK), -ENOMEM);
	assert_false(flags_at(task, above) & VM_DONTCOPY);
	assert_int_equal(do_madvise(t->q, mm, addr, len, MADV_POPULATE_WRITE), -ENOMEM);
	assert_true(pte_write(*pte_of(t, task, addr + 4 * PAGE_SIZE)));
	/* What may not be touched is locked all the same. */
	assert_int_equal(do_mprotect(t->q, mm, above, PAGE_SIZE, 0), 0);
	assert_int_equal(do_mlock(t->q, mm, above, 2 * PAGE_SIZE, true), -ENOMEM);
	assert_int_equal(mm->locked_vm, 2);
	/* The order of what is asked: no length is no error, whatever else is wrong. */
	assert_int_equal(do_mprotect(t->q, mm, addr, 0, 0x100), 0);
	assert_int_equal(do_mprotect(t->q, mm, addr + 1, 0, 0), -EINVAL);
	assert_int_equal(do_mprotect(t->q, mm, addr, PAGE_SIZE, 0x100), -EINVAL);
	assert_int_equal(do_mprotect(t->q, mm, addr, ~0UL << 40, 0x100), -ENOMEM);
	assert_int_equal(do_mprotect(t->q, mm, addr, PAGE_SIZE, PROT_GROWSDOWN | PROT_GROWSUP),
			 -EINVAL);
	assert_int_equal(do_mprotect(t->q, mm, addr, PAGE_SIZE, PROT_GROWSUP), -EINVAL);
	testbox_verify(t);
}

static struct page *page_of(struct inode *inode, unsigned long index)
{
	return xa_load(&inode->i_data.i_pages, index);
}

static void run_msync(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	struct mm_struct *mm = task->mm;
	struct inode *inode = new_inode(t->q, t->sb, 8 * PAGE_SIZE, false);
	struct file *file = alloc_file(t->q, inode, true);
	u64 addr = do_mmap(t->q, mm, 0, 8 * PAGE_SIZE, RW, MAP_SHARED, file, 0);

	(void)arg;
	iput(t->q, inode);
	touch(t, task, addr, 2, 7);
	assert_true(PageDirty(page_of(inode, 0)));
	assert_int_equal(do_msync(t->q, mm, addr, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
	assert_int_equal(do_msync(t->q, mm, addr, PAGE_SIZE, 8), -EINVAL);
	assert_int_equal(do_msync(t->q, mm, addr, 0, MS_SYNC), 0);
	assert_int_equal(do_msync(t->q, mm, addr, 8 * PAGE_SIZE, MS_ASYNC), 0);
	assert_int_equal(do_msync(t->q, mm, addr, 8 * PAGE_SIZE, MS_SYNC), 0);
	assert_false(PageDirty(page_of(inode, 0)));
	assert_int_equal(do_mlock(t->q, mm, addr, PAGE_SIZE, true), 0);
	assert_int_equal(do_msync(t->q, mm, addr, PAGE_SIZE, MS_INVALIDATE), -EBUSY);
	/* Another part of the file at the same place. */
	assert_int_equal(do_remap_file_pages(t->q, mm, addr + 4 * PAGE_SIZE, PAGE_SIZE, 0, 1, 0),
			 0);
	assert_int_equal(find_vma(mm, addr + 4 * PAGE_SIZE)->vm_pgoff, 1);
	assert_int_equal(pte_pfn(*pte_of(t, task, addr + 4 * PAGE_SIZE)),
			 pte_pfn(*pte_of(t, task, addr + PAGE_SIZE)));
	assert_int_equal(do_remap_file_pages(t->q, mm, addr, PAGE_SIZE, 1, 1, 0), -EINVAL);
	assert_int_equal(do_munmap(t->q, mm, addr, 8 * PAGE_SIZE), 0);
	assert_int_equal(do_msync(t->q, mm, addr, PAGE_SIZE, MS_SYNC), -ENOMEM);
	fput(t->q, file);
}

#define CASE(name, ...)                                                          \
	static void test_##name(void **state)                                    \
	{                                                                        \
		(void)state;                                                     \
		testbox_once(&(struct testbox_config){__VA_ARGS__}, run_##name); \
	}

CASE(bits, 0)
CASE(moves, .swap_mb = 64)
CASE(shared, .swap_mb = 64)
CASE(young, 0)
CASE(holes, 0)
CASE(msync, .disk = true)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits),   cmocka_unit_test(test_moves),
		cmocka_unit_test(test_shared), cmocka_unit_test(test_young),
		cmocka_unit_test(test_holes),  cmocka_unit_test(test_msync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
