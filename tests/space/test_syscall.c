/* SPDX-License-Identifier: MIT */
/*
 * <quire/syscall.h>: docs/syscalls.md and the dispatcher say the same, number by number
 * and flag by flag; errors in Linux's order; what needs descriptors and pointers.
 */
#include <stdio.h>
#include <string.h>

#include "tests/space/space_test.h"
#include "syscall/syscall.h"

#define MAX_NR 512

/* The caller's pointers are ours; 0xbad... are nobody's. */
static int copy_in(void *ctx, void *to, uint64_t from, size_t bytes)
{
	(void)ctx;
	if (from < PAGE_SIZE || from >> 52)
		return -1;
	memcpy(to, (const void *)from, bytes);
	return 0;
}

static int copy_out(void *ctx, uint64_t to, const void *from, size_t bytes)
{
	(void)ctx;
	if (to < PAGE_SIZE || to >> 52)
		return -1;
	memcpy((void *)to, from, bytes);
	return 0;
}

static int swap_device(void *ctx, const char *path, struct quire_swap_device *device)
{
	const struct testbox *t = ctx;

	if (strcmp(path, "/dev/other"))
		return -ENOENT;
	*device = (struct quire_swap_device){.dev = t->dev, .start_page = 1000, .nr_pages = 512};
	return 0;
}

static struct quire_syscall_ops ops = {
	.copy_from_user = copy_in, .copy_to_user = copy_out, .swap_device = swap_device};

#define P(x)	     ((u64)(uintptr_t)(x))
#define SYS(nr, ...) quire_syscall(t->q, 0, nr, (const uint64_t[6]){__VA_ARGS__}, &ops)
#define BAD	     0xbad0000000000000UL

enum {
	NR_read = 0,
	NR_close = 3,
	NR_poll = 7,
	NR_mmap = 9,
	NR_mprotect = 10,
	NR_munmap = 11,
	NR_brk = 12,
	NR_ioctl = 16,
	NR_mremap = 25,
	NR_msync = 26,
	NR_mincore = 27,
	NR_madvise = 28,
	NR_shmget = 29,
	NR_shmat = 30,
	NR_shmctl = 31,
	NR_clone = 56,
	NR_fork = 57,
	NR_shmdt = 67,
	NR_ftruncate = 77,
	NR_getrlimit = 97,
	NR_mlock = 149,
	NR_mlockall = 151,
	NR_prctl = 157,
	NR_swapon = 167,
	NR_swapoff = 168,
	NR_mbind = 237,
	NR_set_mempolicy = 238,
	NR_get_mempolicy = 239,
	NR_migrate_pages = 256,
	NR_move_pages = 279,
	NR_fallocate = 285,
	NR_prlimit64 = 302,
	NR_memfd_create = 319,
	NR_userfaultfd = 323,
	NR_mlock2 = 325,
	NR_pkey_mprotect = 329,
	NR_pkey_alloc = 330,
	NR_pidfd_open = 434,
	NR_process_madvise = 440,
	NR_process_mrelease = 448,
};

/* ---- the list and the dispatcher ----------------------------------------------------- */

static const struct quire_syscall_info *info_of(const char *name)
{
	const struct quire_syscall_info *info;

	for (size_t i = 0; (info = quire_syscall_info(i)) != NULL; i++)
		if (!strcmp(info->name, name))
			return info;
	return NULL;
}

static FILE *open_list(void)
{
	FILE *f = fopen("docs/syscalls.md", "r");

	assert_non_null(f); /* tests run in the top folder */
	return f;
}

static void test_numbers(void **state)
{
	bool there[MAX_NR] = {false};
	const struct quire_syscall_info *info;
	unsigned int nr, listed = 0, last = 0;
	char line[512], name[64];
	bool missing = false;
	FILE *f = open_list();

	(void)state;
	for (size_t i = 0; (info = quire_syscall_info(i)) != NULL; i++) {
		assert_true(!i || info->nr > last);
		last = info->nr;
		there[info->nr] = true;
	}
	while (fgets(line, sizeof(line), f)) {
		missing |= !strncmp(line, "Every other number is `-ENOSYS`", 31);
		if (sscanf(line, "| %u | %63[a-z0-9_] |", &nr, name) != 2)
			continue;
		assert_true(nr < MAX_NR);
		if (there[nr] == missing) {
			printf("# %u %s: the list and the dispatcher differ\n", nr, name);
			fail();
		}
		if (!missing) {
			assert_non_null(info_of(name));
			assert_int_equal(info_of(name)->nr, nr);
			listed++;
		}
	}
	(void)fclose(f);
	for (nr = 0; nr < MAX_NR; nr++)
		listed -= there[nr];
	assert_int_equal(listed, 0);
}

static void test_flags(void **state)
{
	uint64_t flags[MAX_NR] = {0};
	const struct quire_syscall_info *info;
	char line[512], call[32], flag[64];
	unsigned long value;
	FILE *f = open_list();

	(void)state;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "| %31[a-z0-9_] | `%63[^`]` | 0x%lx |", call, flag, &value) != 3)
			continue;
		assert_non_null(info_of(call));
		flags[info_of(call)->nr] |= value;
	}
	(void)fclose(f);
	for (size_t i = 0; (info = quire_syscall_info(i)) != NULL; i++) {
		if (info->flags_arg >= 0 && flags[info->nr] != info->flags)
			printf("# %s: the list has 0x%lx, the dispatcher 0x%lx\n", info->name,
			       (unsigned long)flags[info->nr], (unsigned long)info->flags);
		assert_int_equal(flags[info->nr], info->flags_arg >= 0 ? info->flags : 0);
	}
}

/* Linux passes their unknown flags over. */
static bool is_lenient(const char *name)
{
	return !strcmp(name, "mmap") || !strcmp(name, "shmget") || !strcmp(name, "shmat") ||
	       !strcmp(name, "remap_file_pages");
}

static void run_unknown(struct testbox *t, void *arg)
{
	const struct quire_syscall_info *info;
	bool there[MAX_NR] = {false};
	u64 addr = map_anon(t, t->task, 4);

	(void)arg;
	for (size_t i = 0; (info = quire_syscall_info(i)) != NULL; i++) {
		there[info->nr] = true;
		for (unsigned int bit = 0; info->flags_arg >= 0 && bit < 31; bit++) {
			uint64_t args[6] = {addr, PAGE_SIZE, 0, PAGE_SIZE, 0, 0};
			int64_t ret;

			if ((info->flags >> bit & 1) || is_lenient(info->name))
				continue;
			args[info->flags_arg] = 1UL << bit;
			ret = quire_syscall(t->q, 0, info->nr, args, &ops);
			if (ret >= 0)
				printf("# %s takes flag 0x%lx\n", info->name, 1UL << bit);
			assert_true(ret < 0);
		}
	}
	for (unsigned int nr = 0; nr < MAX_NR; nr++)
		if (!there[nr])
			assert_int_equal(SYS(nr, addr, PAGE_SIZE), -ENOSYS);
	assert_int_equal(SYS(1UL << 40), -ENOSYS);
	assert_int_equal(quire_syscall(t->q, 30000, NR_brk, (uint64_t[6]){0}, &ops), -ESRCH);
	testbox_verify(t);
}

/* ---- single calls ------------------------------------------------------------------------ */

static void run_memory(struct testbox *t, void *arg)
{
	s64 addr = SYS(NR_mmap, 0, 8 * PAGE_SIZE, RW, ANON, (u64)-1, 0);
	u8 vec[8];

	(void)arg;
	assert_true(addr > 0);
	assert_int_equal(SYS(NR_mmap, 0, PAGE_SIZE, RW, ANON, (u64)-1, 1), -EINVAL);
	assert_int_equal(SYS(NR_mmap, 0, PAGE_SIZE, RW, MAP_PRIVATE, 77, 0), -EBADF);
	assert_int_equal(quire_page_fault(t->q, 0, (u64)addr, 1), 0);
	assert_int_equal(SYS(NR_mincore, (u64)addr, 8 * PAGE_SIZE, P(vec)), 0);
	assert_int_equal(vec[0], 1);
	assert_int_equal(vec[1], 0);
	assert_int_equal(SYS(NR_mincore, (u64)addr, 8 * PAGE_SIZE, BAD), -EFAULT);
	assert_int_equal(SYS(NR_mprotect, (u64)addr, PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(SYS(NR_pkey_mprotect, (u64)addr, PAGE_SIZE, RW, (u64)-1), 0);
	assert_int_equal(SYS(NR_pkey_mprotect, (u64)addr, PAGE_SIZE, RW, 1), -EINVAL);
	assert_int_equal(SYS(NR_pkey_alloc, 0, 0), -EINVAL);
	assert_int_equal(SYS(NR_madvise, (u64)addr, 8 * PAGE_SIZE, MADV_POPULATE_WRITE), 0);
	assert_int_equal(SYS(NR_msync, (u64)addr, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
	assert_int_equal(SYS(NR_mlock2, (u64)addr, 8 * PAGE_SIZE, 1), 0);
	assert_int_equal(SYS(NR_mlockall, 0), -EINVAL);
	assert_int_equal(SYS(NR_mremap, (u64)addr, PAGE_SIZE, PAGE_SIZE, 1UL << 40), -EINVAL);
	assert_int_equal(SYS(NR_mprotect, (u64)addr, PAGE_SIZE, RW | 1UL << 40), -EINVAL);
	addr = SYS(NR_mremap, (u64)addr, 8 * PAGE_SIZE, 16 * PAGE_SIZE, MREMAP_MAYMOVE);
	assert_true(addr > 0);
	assert_int_equal(SYS(NR_munmap, (u64)addr, 16 * PAGE_SIZE), 0);
	assert_int_equal(SYS(NR_brk, 0), t->task->mm->brk);
	assert_int_equal(SYS(NR_prctl, 41, 1), 0);
	assert_int_equal(SYS(NR_prctl, 42), 1);
	assert_int_equal(SYS(NR_prctl, 1), -EINVAL);
}

static void run_memfd(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	long before = t->q->space->vm_committed_as;
	s64 fd = SYS(NR_memfd_create, P("name"), 1), addr;
	struct task *child;

	(void)arg;
	assert_int_equal(fd, 0);
	assert_int_equal(SYS(NR_memfd_create, P("name"), 4), -EINVAL);
	assert_int_equal(SYS(NR_memfd_create, BAD, 0), -EFAULT);
	assert_int_equal(SYS(NR_ftruncate, (u64)fd, 8 * PAGE_SIZE), 0);
	assert_int_equal(SYS(NR_ftruncate, (u64)fd, (u64)-1), -EINVAL);
	assert_int_equal(SYS(NR_ftruncate, 9, 0), -EBADF);
	addr = SYS(NR_mmap, 0, 8 * PAGE_SIZE, RW, MAP_SHARED, (u64)fd, 0);
	assert_true(addr > 0);
	assert_int_equal(t->q->space->vm_committed_as, before + 8);
	touch(t, t->task, (u64)addr, 8, 5);
	assert_int_equal(SYS(NR_fallocate, (u64)fd, 0, 0, 16 * PAGE_SIZE), 0);
	assert_int_equal(t->q->space->vm_committed_as, before + 16);
	assert_int_equal(SYS(NR_fallocate, (u64)fd, 3, 0, 8 * PAGE_SIZE), 0); /* a hole */
	assert_int_equal(SYS(NR_fallocate, (u64)fd, 2, 0, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(SYS(NR_fallocate, (u64)fd, 0x40, 0, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(SYS(NR_fallocate, (u64)fd, 0, 0, 0), -EINVAL);
	child = fork_task(t, t->task); /* shares the file, has a number of its own */
	assert_int_equal(SYS(NR_close, (u64)fd), 0);
	assert_int_equal(SYS(NR_close, (u64)fd), -EBADF);
	assert_int_equal(quire_syscall(t->q, child->pid, NR_ftruncate,
				       (uint64_t[6]){(u64)fd, 4 * PAGE_SIZE}, &ops),
			 0);
	testbox_verify(t);
	/* Past the end there is nothing. */
	assert_int_equal(handle_user_fault(t->q, t->task, (u64)addr + 5 * PAGE_SIZE, 0),
			 VM_FAULT_SIGBUS);
	t->task->sigkill_pending = false;
	t->task->signal->group_exit = false;
	assert_int_equal(do_munmap(t->q, mm, (u64)addr, 8 * PAGE_SIZE), 0);
	end_child(t, child);
	assert_int_equal(t->q->space->vm_committed_as, before);
	testbox_verify(t);
}

static void run_shm(struct testbox *t, void *arg)
{
	u64 before;
	s64 id = SYS(NR_shmget, 42, 5000, 01000 | 0600), at, at2;
	u64 ds[14];

	(void)arg;
	assert_true(id >= 0);
	assert_int_equal(SYS(NR_shmget, 42, 5000, 0600), id);
	assert_int_equal(SYS(NR_shmget, 42, 50000, 0600), -EINVAL);
	assert_int_equal(SYS(NR_shmget, 42, 5000, 03000), -EEXIST);
	assert_int_equal(SYS(NR_shmget, 43, 5000, 0600), -ENOENT);
	assert_int_equal(SYS(NR_shmget, 0, 0, 0600), -EINVAL);
	at = SYS(NR_shmat, (u64)id, 0, 0);
	assert_true(at > 0);
	touch(t, t->task, (u64)at, 2, 7);
	at2 = SYS(NR_shmat, (u64)id, 0, 010000);
	touch(t, t->task, (u64)at2, 2, 0);
	assert_int_equal(peek(t, t->task, (u64)at2), peek(t, t->task, (u64)at));
	assert_int_equal(SYS(NR_shmat, (u64)id, (u64)at + 1, 0), -EINVAL);
	assert_int_equal(SYS(NR_shmat, (u64)id, (u64)at, 0), -EINVAL); /* something is there */
	assert_int_equal(SYS(NR_shmctl, (u64)id, 2, P(ds)), 0);
	assert_int_equal(ds[6], 5000);
	assert_int_equal(ds[11], 2);
	assert_int_equal(SYS(NR_shmctl, (u64)id, 2, BAD), -EFAULT);
	assert_int_equal(SYS(NR_shmctl, (u64)id, 0, 0), 0); /* to go with the last */
	assert_int_equal(SYS(NR_shmget, 42, 5000, 0600), -ENOENT);
	assert_int_equal(SYS(NR_shmdt, (u64)at2), 0);
	assert_int_equal(SYS(NR_shmdt, (u64)at2), -EINVAL);
	assert_int_equal(SYS(NR_shmctl, (u64)id, 2, P(ds)), 0);
	before = t->q->space->shm.nr;
	assert_int_equal(SYS(NR_shmdt, (u64)at), 0);
	assert_int_equal(t->q->space->shm.nr, before - 1);
	assert_int_equal(SYS(NR_shmctl, (u64)id, 2, P(ds)), -EINVAL);
}

static void run_numa(struct testbox *t, void *arg)
{
	u64 addr = map_anon(t, t->task, 4), mask = 2, got[2] = {0}, pages[2] = {addr, addr + 16};
	int mode = -1, nodes[2] = {0, 0}, status[2] = {-1, -1};

	(void)arg;
	assert_int_equal(SYS(NR_mbind, addr, 4 * PAGE_SIZE, MPOL_BIND, P(&mask), 64, 0), 0);
	touch(t, t->task, addr, 4, 1);
	assert_int_equal(SYS(NR_get_mempolicy, P(&mode), P(got), 64, addr, 2), 0);
	assert_int_equal(mode, MPOL_BIND);
	assert_int_equal(got[0], 2);
	assert_int_equal(SYS(NR_get_mempolicy, P(&mode), 0, 0, addr, 3), 0);
	assert_int_equal(mode, 1);
	assert_int_equal(SYS(NR_get_mempolicy, P(&mode), 0, 0, addr, 0), -EINVAL);
	assert_int_equal(SYS(NR_get_mempolicy, P(&mode), 0, 0, BAD >> 16, 2), -EFAULT);
	assert_int_equal(SYS(NR_get_mempolicy, 0, P(got), 1, 0, 0), -EINVAL);
	assert_int_equal(SYS(NR_mbind, addr + 1, PAGE_SIZE, MPOL_BIND, P(&mask), 64, 0), -EINVAL);
	assert_int_equal(SYS(NR_mbind, addr, PAGE_SIZE, 9, P(&mask), 64, 0), -EINVAL);
	assert_int_equal(SYS(NR_mbind, addr, PAGE_SIZE, MPOL_BIND, BAD, 64, 0), -EFAULT);
	assert_int_equal(SYS(NR_mbind, addr, PAGE_SIZE, MPOL_BIND, P(&mask), 64, 8), -EINVAL);
	assert_int_equal(SYS(NR_mbind, addr, 100 * PAGE_SIZE, MPOL_BIND, P(&mask), 64, 0), -EFAULT);
	assert_int_equal(SYS(NR_mbind, addr, 4 * PAGE_SIZE, MPOL_DEFAULT, 0, 0, 0), 0);
	assert_int_equal(SYS(NR_move_pages, 0, 2, P(pages), P(nodes), P(status), 2), 0);
	assert_int_equal(status[0], 0);
	assert_int_equal(page_to_nid(page_at(t, t->task, addr)), 0);
	nodes[1] = 7;
	assert_int_equal(SYS(NR_move_pages, 0, 2, P(pages), P(nodes), P(status), 2), -ENODEV);
	mask = 1;
	got[0] = 2;
	assert_int_equal(SYS(NR_migrate_pages, 0, 64, P(&mask), P(got)), 0);
	assert_int_equal(page_to_nid(page_at(t, t->task, addr)), 1);
	assert_int_equal(SYS(NR_set_mempolicy, MPOL_PREFERRED, P(got), 64), 0);
	assert_int_equal(t->task->policy.preferred, 1);
	assert_int_equal(SYS(NR_set_mempolicy, MPOL_PREFERRED, 0, 0), 0);
	assert_int_equal(t->task->policy.mode, MPOL_LOCAL);
	assert_int_equal(SYS(NR_set_mempolicy, MPOL_BIND, 0, 0), -EINVAL);
	t->task->uid = 1000;
	assert_int_equal(SYS(NR_move_pages, 0, 1, P(pages), P(nodes), P(status), 4), -EPERM);
	assert_int_equal(SYS(NR_move_pages, 1, 1, P(pages), P(nodes), P(status), 2), -EPERM);
	assert_int_equal(SYS(NR_migrate_pages, 30000, 64, P(&mask), P(got)), -ESRCH);
	t->task->uid = 0;
}

static void run_process(struct testbox *t, void *arg)
{
	u64 addr = map_anon(t, t->task, 4), iov[4] = {addr, PAGE_SIZE, addr + PAGE_SIZE, PAGE_SIZE};
	u64 lim[2] = {1, 2}, old[2];
	struct task *child;
	s64 pid, fd;

	(void)arg;
	touch(t, t->task, addr, 4, 3);
	assert_int_equal(SYS(NR_clone, 0x10000), -EINVAL);
	assert_int_equal(SYS(NR_clone, 0x800), -EINVAL);
	assert_int_equal(SYS(NR_clone, 0x10000000), -EINVAL);
	pid = SYS(NR_fork, 0);
	assert_true(pid > 1);
	child = find_task_by_pid(t->q, (int)pid);
	assert_ptr_not_equal(child->mm, t->task->mm);
	assert_int_equal(SYS(NR_pidfd_open, (u64)pid, 1), -EINVAL);
	assert_int_equal(SYS(NR_pidfd_open, 30000, 0), -ESRCH);
	fd = SYS(NR_pidfd_open, (u64)pid, 0);
	assert_true(fd >= 0);
	assert_int_equal(SYS(NR_process_madvise, (u64)fd, P(iov), 2, MADV_COLD, 0), 2 * PAGE_SIZE);
	assert_int_equal(SYS(NR_process_madvise, (u64)fd, P(iov), 2, MADV_COLD, 1), -EINVAL);
	assert_int_equal(SYS(NR_process_madvise, (u64)fd, P(iov), 2, MADV_DONTNEED, 0), -EINVAL);
	assert_int_equal(SYS(NR_process_madvise, 33, P(iov), 2, MADV_COLD, 0), -EBADF);
	assert_int_equal(SYS(NR_process_mrelease, (u64)fd, 0), -EINVAL); /* it lives */
	send_signal(t->q, child, SIGKILL);
	assert_int_equal(SYS(NR_process_mrelease, (u64)fd, 0), 0);
	assert_int_equal(mm_counter_exact(t->q, child->mm, MM_ANONPAGES), 0);
	assert_int_equal(SYS(NR_prlimit64, (u64)pid, RLIMIT_AS, 0, P(old)), 0);
	assert_int_equal(SYS(NR_prlimit64, (u64)pid, 16, 0, P(old)), -EINVAL);
	assert_int_equal(SYS(NR_prlimit64, 0, RLIMIT_CORE, P(lim), 0), 0);
	assert_int_equal(SYS(NR_getrlimit, RLIMIT_CORE, P(old)), 0);
	assert_int_equal(old[0], 1);
	end_child(t, child);
	assert_int_equal(SYS(NR_process_madvise, (u64)fd, P(iov), 2, MADV_COLD, 0), -ESRCH);
	assert_int_equal(SYS(NR_close, (u64)fd), 0);
}

static void run_swap(struct testbox *t, void *arg)
{
	(void)arg;
	ops.ctx = t;
	assert_int_equal(SYS(NR_swapon, P("/dev/none"), 0), -ENOENT);
	assert_int_equal(SYS(NR_swapon, BAD, 0), -EFAULT);
	assert_int_equal(SYS(NR_swapon, P("/dev/other"), 0x80000), -EINVAL);
	assert_int_equal(SYS(NR_swapon, P("/dev/other"), 0x8000 | 5), 0);
	assert_int_equal(SYS(NR_swapon, P("/dev/other"), 0), -EBUSY);
	assert_int_equal(SYS(NR_swapoff, P("/dev/other")), 0);
	assert_int_equal(SYS(NR_swapoff, P("/dev/other")), -EINVAL);
	t->task->uid = 5;
	assert_int_equal(SYS(NR_swapoff, P("/dev/other")), -EPERM);
	t->task->uid = 0;
}

static void run_uffd(struct testbox *t, void *arg)
{
	u64 addr = map_anon(t, t->task, 8), src = map_anon(t, t->task, 2);
	u64 api[3] = {0xaa, UFFD_FEATURE_SIGBUS, 0}, reg[4] = {addr, 8 * PAGE_SIZE, 1, 0};
	u64 copy[5] = {addr, src, 2 * PAGE_SIZE, 0, 0}, zero[4] = {addr, 4 * PAGE_SIZE, 0, 0};
	struct {
		int fd;
		short events, revents;
	} p;
	struct uffd_msg msg;
	s64 fd = SYS(NR_userfaultfd, O_NONBLOCK);

	(void)arg;
	assert_true(fd >= 0);
	p.fd = (int)fd;
	p.events = 1;
	touch(t, t->task, src, 2, 9);
	assert_int_equal(SYS(NR_userfaultfd, 2), -EINVAL);
	assert_int_equal(SYS(NR_read, (u64)fd, P(&msg), 32), -EINVAL); /* no handshake yet */
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc020aa00, P(reg)), -EINVAL);
	api[1] = 1UL << 40;
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc018aa3f, P(api)), -EINVAL);
	assert_int_equal(api[0], 0);
	api[0] = 0xaa;
	api[1] = UFFD_FEATURE_SIGBUS;
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc018aa3f, P(api)), 0);
	assert_int_equal(api[1], UFFD_API_FEATURES);
	assert_int_equal(api[2], 1UL << 63 | 3);
	api[0] = 0xaa;
	api[1] = 0;
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc018aa3f, P(api)), -EINVAL); /* once only */
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc020aa00, P(reg)), 0);
	assert_int_equal(reg[3], 0x1c); /* WAKE, COPY, ZEROPAGE */
	assert_int_equal(SYS(NR_read, (u64)fd, P(&msg), 32), -EAGAIN);
	assert_int_equal(SYS(NR_read, (u64)fd, P(&msg), 31), -EINVAL);
	assert_int_equal(SYS(NR_poll, P(&p), 1, 0), 0);
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc028aa03, P(copy)), 0);
	assert_int_equal(copy[4], 2 * PAGE_SIZE);
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc028aa03, P(copy)), -EEXIST);
	assert_int_equal((s64)copy[4], -EEXIST);
	zero[0] = addr + 2 * PAGE_SIZE;
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc020aa04, P(zero)), 0);
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0xc020aa04, BAD), -EFAULT);
	assert_int_equal(SYS(NR_ioctl, (u64)fd, 0x1234, 0), -EINVAL);
	assert_int_equal(peek(t, t->task, addr), peek(t, t->task, src));
	assert_int_equal(SYS(NR_close, (u64)fd), 0);
	assert_int_equal(find_vma(t->task->mm, addr)->vm_flags & VM_UFFD_FLAGS, 0);
	t->task->uid = 9;
	assert_int_equal(SYS(NR_userfaultfd, 0), -EPERM);
	assert_true(SYS(NR_userfaultfd, 1) >= 0); /* let exit close it */
	t->task->uid = 0;
}

#define CASE(name, ...)                                                          \
	static void test_##name(void **state)                                    \
	{                                                                        \
		(void)state;                                                     \
		testbox_once(&(struct testbox_config){__VA_ARGS__}, run_##name); \
	}

CASE(unknown, 0)
CASE(memory, 0)
CASE(memfd, 0)
CASE(shm, 0)
CASE(numa, .nr_nodes = 2)
CASE(process, 0)
CASE(swap, .disk = true, .swap_mb = 16)
CASE(uffd, 0)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_flags),
		cmocka_unit_test(test_unknown), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memfd),	cmocka_unit_test(test_shm),
		cmocka_unit_test(test_numa),	cmocka_unit_test(test_process),
		cmocka_unit_test(test_swap),	cmocka_unit_test(test_uffd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
