/* SPDX-License-Identifier: MIT */
/*
 * Each call takes a number of the dispatcher's list and its arguments from the bytes:
 * mostly pages of a small window, descriptors and flags that there are, so that calls
 * meet; now and then anything at all.  What pointers lead to are bytes, too.  What is
 * mapped is touched between; children end at once.  RLIMIT_AS keeps it small.
 *
 * Left out: exit, and what would wait for somebody else (userfaultfd's blocking reads,
 * faults and events).
 */
#include "tests/lib/space_fuzz.h"
#include "base/string.h"
#include "port/model/content.h"
#include "space/userfaultfd.h"
#include "syscall/syscall.h"

#define WINDOW_START 0x10000000000UL
#define WINDOW	     256 /* pages */
#define AS_LIMIT     (96UL << 20)
#define FILE_LIMIT   (4UL << 20)
#define MAX_FILES    24
#define MAX_CALLS    2000
#define MAX_BYTES    32768 /* that one call may read through pointers */
#define POINTER	     0x5000UL
#define NR_ioctl     16
#define NR_shmctl    31

struct input {
	const u8 *data;
	size_t size, at;
	size_t budget; /* of this call */
	struct quire *q;
	/* A structure that a request reads first, whole. */
	u64 request[6];
	bool structured;
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

/* ---- the caller's memory -------------------------------------------------------------- */

static int copy_in(void *ctx, void *to, uint64_t from, size_t bytes)
{
	struct input *in = ctx;

	if (from < POINTER || bytes > in->budget)
		return -1;
	in->budget -= bytes;
	if (in->structured && from == POINTER && bytes <= sizeof(in->request)) {
		memcpy(to, in->request, bytes);
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		((u8 *)to)[i] = (u8)take(in, 1);
	return 0;
}

static int copy_out(void *ctx, uint64_t to, const void *from, size_t bytes)
{
	(void)ctx;
	(void)from;
	return to < POINTER || bytes > MAX_BYTES ? -1 : 0;
}

static void end_child(void *ctx, int tid, int vfork)
{
	struct quire *q = ((struct input *)ctx)->q;
	struct task *child = find_task_by_pid(q, tid);
	bool leader = child == child->group_leader;

	(void)vfork;
	do_exit(q, child, 0);
	if (leader)
		release_task(q, child);
}

/* ---- calls ----------------------------------------------------------------------------- */

/* a address, l length, p pointer, f flags of the list, i small number, v anything; those
 * that are not here get anything. */
static const struct {
	unsigned int nr;
	const char *args;
} kinds[] = {
	{0, "ipl"},    {3, "i"},	{7, "pi"},	 {9, "alffil"}, {10, "alf"},
	{11, "al"},    {12, "a"},	{16, "i"},	 {25, "allfa"}, {26, "alf"},
	{27, "alp"},   {28, "ali"},	{29, "ilf"},	 {30, "iaf"},	{31, "iip"},
	{56, "f"},     {67, "a"},	{77, "il"},	 {97, "ip"},	{149, "al"},
	{150, "al"},   {151, "f"},	{157, "ii"},	 {160, "ip"},	{167, "pf"},
	{168, "p"},    {216, "alziz"},	{237, "alipif"}, {238, "ipi"},	{239, "ppiaf"},
	{256, "zipp"}, {279, "zipppf"}, {285, "ifll"},	 {302, "ziip"}, {319, "pf"},
	{323, "f"},    {325, "alf"},	{329, "alfi"},	 {434, "zf"},	{440, "ipiiz"},
	{448, "iz"},   {450, "aliz"},
};

static const char *kinds_of(unsigned int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].nr == nr)
			return kinds[i].args;
	return "";
}

static u64 take_flags(struct input *in, const struct quire_syscall_info *info)
{
	u64 v = take(in, 4);

	return v & 0x80 ? (v >> 8) & info->flags : v;
}

static u64 take_arg(struct input *in, const struct quire_syscall_info *info, char kind)
{
	switch (kind) {
	case 'a':
		return take_addr(in);
	case 'l':
		return take_len(in);
	case 'p':
		return take(in, 1) < 16 ? 0 : POINTER;
	case 'f':
		return take_flags(in, info);
	case 'i':
		return take(in, 1) % 32;
	case 'z':
		return take(in, 1) < 240 ? 0 : take(in, 2);
	default:
		return take(in, 8);
	}
}

/* What makes a mapping mostly one that can be. */
static void bend_mmap(struct input *in, u64 args[6])
{
	u8 how = (u8)take(in, 1);

	args[2] &= 7;
	if (how & 0x80)
		args[3] = (args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE |
				      MAP_POPULATE | MAP_LOCKED)) |
			  (how & 0x40 ? 0 : MAP_ANONYMOUS) |
			  (how & 0x20 ? MAP_SHARED : MAP_PRIVATE);
	if (how & 0x10)
		args[5] &= PAGE_MASK & 0xffff;
}

/* Requests of userfaultfd: structures in which ranges are, that do not wait. */
static void bend_ioctl(struct input *in, u64 args[6])
{
	static const u32 cmds[] = {0xc018aa3f, 0xc020aa00, 0x8010aa01, 0x8010aa02,
				   0xc028aa03, 0xc020aa04, 0xc018aa06, 0xc020aa07};
	u8 which = (u8)take(in, 1);

	args[1] = which < 240 ? cmds[which % ARRAY_SIZE(cmds)] : take(in, 4);
	args[2] = POINTER;
	in->structured = true;
	in->request[0] = take_addr(in);
	in->request[1] = args[1] == 0xc028aa03 ? take_addr(in) : take_len(in);
	in->request[2] = args[1] == 0xc028aa03 ? take_len(in) : take(in, 1) & 7;
	in->request[3] = take(in, 1) & 3;
	if (in->request[2] > AS_LIMIT)
		in->request[2] = PAGE_SIZE;
	if (args[1] == 0xc018aa3f) {
		in->request[0] = UFFD_API;
		in->request[1] = UFFD_FEATURE_SIGBUS;
	}
}

static void one_call(struct task *task, struct input *in, struct quire_syscall_ops *ops,
		     unsigned int nr_calls)
{
	const struct quire_syscall_info *info = quire_syscall_info(take(in, 1) % nr_calls);
	const char *kind = kinds_of(info->nr);
	u64 args[6];

	for (unsigned int i = 0; i < 6; i++)
		args[i] = take_arg(in, info, *kind ? *kind++ : 'z');
	in->budget = MAX_BYTES;
	in->structured = false;
	switch (info->nr) {
	case 9:
		bend_mmap(in, args);
		break;
	case NR_ioctl:
		bend_ioctl(in, args);
		break;
	case 60:
	case 231:
		return;
	case 77: /* and not more than there is memory for */
	case 285:
		args[1] = info->nr == 77 ? args[1] % FILE_LIMIT : args[1];
		args[2] %= FILE_LIMIT;
		args[3] %= FILE_LIMIT;
		break;
	case 323:
		args[0] |= O_NONBLOCK;
		break;
	default:
		break;
	}
	(void)quire_syscall(in->q, 0, info->nr, (const uint64_t *)args, ops);
	task->signal->rlim[RLIMIT_AS].rlim_cur = AS_LIMIT;
	task->signal->rlim[RLIMIT_NOFILE].rlim_cur = MAX_FILES;
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
}

unsigned int space_fuzz(struct model *m, struct task *task, const u8 *data, size_t size)
{
	struct input in = {.data = data, .size = size, .q = model_quire(m)};
	struct quire_syscall_ops ops = {.ctx = &in,
					.copy_from_user = copy_in,
					.copy_to_user = copy_out,
					.start = end_child};
	unsigned int n, nr_calls = 0;

	while (quire_syscall_info(nr_calls))
		nr_calls++;
	task->signal->rlim[RLIMIT_AS].rlim_cur = AS_LIMIT;
	task->signal->rlim[RLIMIT_NOFILE].rlim_cur = MAX_FILES;
	for (n = 0; in.at < in.size && n < MAX_CALLS; n++) {
		if (take(&in, 1) < 64)
			do_touch(m, task, &in);
		else
			one_call(task, &in, &ops, nr_calls);
		/* What is not allowed sends a signal; the program of the fuzzer handles it. */
		task->sigkill_pending = false;
		task->signal->group_exit = false;
	}
	for (int id = 0; id < in.q->space->shm.next_id; id++)
		(void)quire_syscall(in.q, 0, NR_shmctl, (const uint64_t[6]){(u64)id, 0}, &ops);
	return n;
}
