/* SPDX-License-Identifier: MIT */
/*
 * Each call takes an opcode and its arguments from the bytes: mostly pages of a small
 * window, so that calls meet, now and then any number at all.  What is mapped is
 * touched between, children are forked and end.  RLIMIT_AS keeps it small.
 */
#include "tests/lib/space_fuzz.h"
#include "base/string.h"
#include "port/model/content.h"
#include "reclaim/numa.h"
#include "space/mempolicy.h"
#include "space/userfaultfd.h"

#define WINDOW_START 0x10000000000UL
#define WINDOW	     256 /* pages */
#define AS_LIMIT     (96UL << 20)
#define MAX_VEC	     (AS_LIMIT >> PAGE_SHIFT)
#define MAX_CALLS    2000

struct input {
	const u8 *data;
	size_t size, at;
};

static u64 take(struct input *in, unsigned int bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | (in->at < in->size ? in->data[in->at++] : 0);
	return v;
}

static u64 take_addr(struct input *in)
{
	u8 how = (u8)take(in, 1);

	if (how < 230)
		return WINDOW_START + ((u64)(how % WINDOW) << PAGE_SHIFT);
	if (how < 240)
		return 0;
	if (how < 248) /* somewhere near the ends, or off a boundary */
		return (how & 1 ? TASK_SIZE : WINDOW_START) - take(in, 2);
	return take(in, 8);
}

static u64 take_len(struct input *in)
{
	u8 how = (u8)take(in, 1);

	if (how < 200)
		return (u64)(1 + how % 32) << PAGE_SHIFT;
	if (how < 230)
		return (u64)how << 13;
	if (how < 240)
		return take(in, 2);
	return how < 248 ? 0 : take(in, 8);
}

static void do_touch(struct model *m, struct task *task, struct input *in)
{
	struct touch t = {.addr = take_addr(in),
			  .nr_pages = 1 + take(in, 1) % 8,
			  .stride = 1,
			  .write = take(in, 1) & 1,
			  .kind = CONTENT_SAME,
			  .seed = 5};

	(void)mmu_touch(m, task, &t);
	/* What is not allowed sends a signal; the program of the fuzzer handles it. */
	task->sigkill_pending = false;
	task->signal->group_exit = false;
}

static void do_fork(struct quire *q, struct task *task)
{
	struct task *child = copy_process(q, task, 0);

	if (IS_ERR_OR_NULL(child))
		return;
	do_exit(q, child, 0);
	release_task(q, child);
}

static void do_uffd(struct quire *q, struct task *task, struct input *in)
{
	struct userfaultfd_ctx *ctx = userfaultfd_new(q, task->mm, UFFD_FEATURE_SIGBUS);
	u64 addr = take_addr(in), len = take_len(in);

	if (IS_ERR(ctx))
		return;
	(void)userfaultfd_register(q, ctx, addr, len, (unsigned int)take(in, 1) & 3);
	if (len <= AS_LIMIT) {
		(void)userfaultfd_zeropage(q, ctx, addr, len, 0);
		(void)userfaultfd_copy(q, ctx, take_addr(in), addr, len, 0);
	}
	(void)userfaultfd_unregister(q, ctx, take_addr(in), take_len(in));
	userfaultfd_release(q, ctx);
}

static void do_policy(struct quire *q, struct task *task, struct input *in)
{
	struct mempolicy pol = {.mode = (u8)(take(in, 1) % 8), .flags = (u16)take(in, 2)};
	u64 addr = take_addr(in), len = take_len(in);

	pol.user_nodes.bits[0] = pol.nodes.bits[0] = take(in, 1);
	if (!mpol_check(q, task, &pol))
		(void)mbind_range(q, task, addr, len, &pol);
}

static void one_call(struct model *m, struct task *task, struct input *in, u8 *vec)
{
	struct quire *q = model_quire(m);
	struct mm_struct *mm = task->mm;
	u8 op = (u8)take(in, 1);
	u64 addr = take_addr(in), len = take_len(in);

	switch (op % 16) {
	case 0:
	case 1:
	case 2: {
		int flags = (int)take(in, 4);

		/* Mostly a mapping that can be. */
		if (op & 0x80)
			flags = (flags &
				 (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE | MAP_POPULATE)) |
				MAP_ANONYMOUS | (op & 0x40 ? MAP_SHARED : MAP_PRIVATE);
		(void)do_mmap(q, mm, addr, len, (int)take(in, 1) & 7, flags, NULL, take(in, 1));
		break;
	}
	case 3:
		(void)do_munmap(q, mm, addr, len);
		break;
	case 4:
		(void)do_mprotect(q, mm, addr, len, (int)take(in, op & 0x80 ? 1 : 4));
		break;
	case 5:
	case 6:
		(void)do_mremap(q, mm, addr, len, take_len(in), (int)take(in, 1) & 15,
				take_addr(in));
		break;
	case 7:
		(void)do_madvise(q, mm, addr, len, (int)take(in, 1) % 27);
		break;
	case 8:
		(void)do_mlock2(q, mm, addr, len, (int)take(in, 1) & 3);
		break;
	case 9:
		(void)do_mlock(q, mm, addr, len, false);
		break;
	case 10:
		(void)do_mlockall(q, mm, op & 0x80 ? 0 : (int)take(in, 1) & 7);
		break;
	case 11:
		if (PAGE_ALIGN(len) <= MAX_VEC << PAGE_SHIFT)
			(void)do_mincore(q, mm, addr, len, vec);
		break;
	case 12:
		if (op & 0x80)
			(void)do_brk(q, mm, mm->start_brk + len);
		else
			(void)do_brk(q, mm, addr);
		break;
	case 13:
		do_touch(m, task, in);
		break;
	case 14:
		if (op & 0x80)
			do_fork(q, task);
		else
			do_uffd(q, task, in);
		break;
	default:
		do_policy(q, task, in);
	}
}

unsigned int space_fuzz(struct model *m, struct task *task, const u8 *data, size_t size)
{
	static u8 vec[MAX_VEC];
	struct input in = {data, size, 0};
	unsigned int n;

	task->signal->rlim[RLIMIT_AS].rlim_cur = AS_LIMIT;
	for (n = 0; in.at < in.size && n < MAX_CALLS; n++)
		one_call(m, task, &in, vec);
	return n;
}
