/* SPDX-License-Identifier: MIT */
/*
 * Commands to the machine itself.  Each answers 0 or -errno, which becomes the
 * "@@ok" line; what prints its own text answers nothing more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/internal.h"

/* ---- disks ---------------------------------------------------------------------- */

/* What drivers and file systems keep that has no name in meminfo, in pages: the first
 * pmem device with what belongs to all of them, each swap area, a mounted ext4 (free
 * pages at the first snapshot of scenarios with and without them). */
#define PMEM_PAGES  60
#define SWAP_PAGES  20
#define MOUNT_PAGES 35

/* The data disk as the rig makes it: ext4 of 3 GiB with two files. */
#define DATA_BYTES  (3ULL << 30)
#define BIG_BYTES   (1024ULL << 20)
#define SMALL_BYTES (64ULL << 20)
#define BIG_INO	    12
#define SMALL_INO   13

/* virtio-blk over a file in the host's memory: a request.  Persistent memory: a page
 * that the processor copies, with what else a page takes that is read from there
 * (of a file: found a place in the cache), in the model's ns (oracle/cost.c). */
#define VIRTIO_NS     60000
#define PMEM_WRITE_NS 200
#define PMEM_READ_NS  950
#define PMEM_FILE_NS  815
#define DELAY_NS      300 /* a page through dm-delay */

static bool take_pages(struct run *r, unsigned int n)
{
	while (n--)
		if (!alloc_pages(r->q, GFP_KERNEL, 0))
			return false;
	return true;
}

static int add_disk(struct run *r, const char *name, u64 bytes)
{
	const bool virtio = r->script->vm.virtio;
	struct oracle_disk *d = &r->disks[r->nr_disks];
	struct model_disk_config cfg = {
		.size_bytes = bytes,
		.queue_depth = 4096, /* a timer has room for all */
		.read_latency_ns = virtio		   ? VIRTIO_NS
				   : !strcmp(name, "data") ? PMEM_FILE_NS
							   : PMEM_READ_NS,
		.write_latency_ns = virtio ? VIRTIO_NS : PMEM_WRITE_NS,
		.synchronous = !virtio,
	};

	snprintf(d->name, sizeof(d->name), "%s", name);
	if (virtio)
		snprintf(d->path, sizeof(d->path), "/dev/vd%c", 'a' + (int)r->nr_disks);
	else
		snprintf(d->path, sizeof(d->path), "/dev/pmem%u", r->nr_disks);
	cfg.name = d->path + 5;
	d->bytes = bytes;
	d->dev = model_add_disk(r->m, &cfg);
	d->bdi = bdi_register(r->q, d->dev, cfg.name);
	if (!virtio && !r->nr_disks && !take_pages(r, PMEM_PAGES))
		return -ENOMEM;
	r->nr_disks++;
	if (!d->bdi)
		return -ENOMEM;
	d->bdi->synchronous = !virtio;
	return 0;
}

int system_disks(struct run *r)
{
	const struct oracle_vm *vm = &r->script->vm;
	char name[16];
	int err = vm->data ? add_disk(r, "data", DATA_BYTES) : 0;

	for (u32 i = 0; i < vm->nr_swaps && !err; i++) {
		snprintf(name, sizeof(name), "swap%u", i);
		err = add_disk(r, name, vm->swap[i]);
	}
	return err;
}

static struct oracle_disk *find_disk(struct run *r, const char *name)
{
	for (u32 i = 0; i < r->nr_disks; i++)
		if (!strcmp(r->disks[i].name, name) || !strcmp(r->disks[i].path, name))
			return &r->disks[i];
	return NULL;
}

static bool in_use(const struct run *r, const struct oracle_disk *d)
{
	for (u32 i = 0; i < r->nr_mounts; i++)
		if (r->mounts[i].sb->bdi == d->bdi)
			return true;
	return d->on;
}

/* From now on the device answers later; it has another name, as dm-delay has. */
static int do_delay(struct run *r, const struct oracle_cmd *c)
{
	struct oracle_disk *d = find_disk(r, c->word);

	if (!d)
		return -ENOENT;
	/* A device that is swapped to or mounted can't be had for it; and the name
	 * that the guest gave the new one then is not given up. */
	r->delay_stuck |= in_use(r, d);
	if (r->delay_stuck)
		return -EBUSY;
	model_disk_set_timer(r->m, d->dev, (u64)c->read_ms * NSEC_PER_MSEC,
			     (u64)c->write_ms * NSEC_PER_MSEC, 4 * NSEC_PER_MSEC, DELAY_NS);
	d->bdi->synchronous = false;
	snprintf(d->path, sizeof(d->path), "/dev/dm-%u", r->nr_delays++);
	return 0;
}

static int do_swapon(struct run *r, const struct oracle_cmd *c)
{
	struct oracle_disk *d = find_disk(r, c->dev ? c->dev : "swap0");
	u64 bytes;
	int err;

	if (!d)
		return -ENOENT;
	if (d->on)
		return -EBUSY;
	bytes = c->len && c->len < d->bytes ? c->len : d->bytes;
	err = swapon(r->q, d->bdi, 0, bytes >> PAGE_SHIFT,
		     (c->has & BIT(KEY_PRIO)) ? (int)c->prio : -1, d->path, false);
	d->on = !err;
	if (d->on)
		(void)take_pages(r, SWAP_PAGES);
	snprintf(d->area, sizeof(d->area), "%s", d->path);
	return err;
}

static int do_swapoff(struct run *r, const struct oracle_cmd *c)
{
	struct oracle_disk *d = find_disk(r, c->word ? c->word : "swap0");

	int err = d && d->on ? swapoff(r->q, d->area) : -EINVAL;

	if (!err)
		d->on = false;
	return err;
}

/* ---- mounts --------------------------------------------------------------------- */

static int add_disk_file(struct run *r, struct super_block *sb, const char *name, unsigned long ino,
			 u64 first_page, u64 bytes)
{
	struct inode *inode = iget(r->q, sb, ino, first_page, bytes, false);
	struct dentry *d;

	if (IS_ERR_OR_NULL(inode))
		return -ENOMEM;
	d = d_alloc(r->q, sb->s_root, name, inode);
	iput(r->q, inode);
	if (!d)
		return -ENOMEM;
	/* The reference stays: the disk's directory can be read again. */
	return 0;
}

/* The journal's thread, one that its inodes are converted by, one more worker. */
static bool mount_threads(struct run *r, const struct oracle_disk *disk)
{
	char journal[32];
	const char *names[] = {journal, "ext4-rsv-conver", "kworker/0:3"};

	snprintf(journal, sizeof(journal), "jbd2/%s-8", disk->path + 5);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct task *task = create_kthread_task(r->q, names[i]);

		if (IS_ERR_OR_NULL(task))
			return false;
		task->state = TASK_INTERRUPTIBLE;
	}
	return true;
}

static int mount_data(struct run *r, const char *at)
{
	struct oracle_disk *disk = find_disk(r, "data");
	struct super_block *sb;
	int err;

	if (!disk)
		return -ENOENT;
	for (u32 i = 0; i < r->nr_mounts; i++)
		if (r->mounts[i].sb->bdi == disk->bdi)
			return files_mount(r, at, r->mounts[i].sb, false);
	sb = sget(r->q, disk->bdi, r->q->cache->ext4_inode_cachep);
	if (!sb || !mount_threads(r, disk) || !take_pages(r, MOUNT_PAGES))
		return -ENOMEM;
	err = add_disk_file(r, sb, "big", BIG_INO, 1 << 14, BIG_BYTES);
	if (!err)
		err = add_disk_file(r, sb, "small", SMALL_INO,
				    (1 << 14) + (BIG_BYTES >> PAGE_SHIFT), SMALL_BYTES);
	sb->next_ino = SMALL_INO + 1;
	sb->next_block = (1 << 14) + ((BIG_BYTES + SMALL_BYTES) >> PAGE_SHIFT);
	sb->nr_blocks = disk->bytes >> PAGE_SHIFT;
	return err ? err : files_mount(r, at, sb, false);
}

static bool huge_option(const char *word, enum shmem_huge *huge)
{
	static const char *const words[] = {
		[SHMEM_HUGE_NEVER] = "never",
		[SHMEM_HUGE_ALWAYS] = "always",
		[SHMEM_HUGE_WITHIN_SIZE] = "within_size",
		[SHMEM_HUGE_ADVISE] = "advise",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i]))
			continue;
		*huge = (enum shmem_huge)i;
		return true;
	}
	return false;
}

/* size=BYTES or size=N%, half of memory unless said; 0: no limit.  huge=WORD.  Others are
 * taken as they are: they change no sizes. */
static int tmpfs_options(struct run *r, struct super_block *sb, const struct oracle_cmd *c)
{
	unsigned long ram = r->q->node->totalram_pages;
	char text[128], *save = NULL, *end;
	u64 bytes;

	sb->s_max_pages = ram / 2;
	if (!c->nr_rest)
		return 0;
	snprintf(text, sizeof(text), "%s", c->rest[0]);
	for (char *o = strtok_r(text, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		if (!strncmp(o, "huge=", 5) && !huge_option(o + 5, &sb->s_huge))
			return -EINVAL;
		if (strncmp(o, "size=", 5))
			continue;
		if (strchr(o, '%'))
			sb->s_max_pages = ram * strtoul(o + 5, &end, 10) / 100;
		else if (oracle_size(o + 5, &bytes))
			sb->s_max_pages = DIV_ROUND_UP(bytes, PAGE_SIZE);
		else
			return -EINVAL;
	}
	return 0;
}

static int do_mount(struct run *r, const struct oracle_cmd *c)
{
	const char *type = c->word ? c->word : "ext4", *at = c->at ? c->at : "/data";
	struct super_block *sb;
	int err;

	(void)files_mkdir(r, at);
	if (!strcmp(type, "ext4"))
		return mount_data(r, at);
	if (strcmp(type, "tmpfs"))
		return -ENODEV;
	sb = sget(r->q, NULL, r->q->cache->shmem_inode_cachep);
	if (!sb)
		return -ENOMEM;
	err = tmpfs_options(r, sb, c);
	return err ? err : files_mount(r, at, sb, true);
}

/* ---- settings ------------------------------------------------------------------- */

static void join(char *val, size_t cap, const struct oracle_cmd *c)
{
	size_t at = 0;

	val[0] = 0;
	for (u32 i = 0; i < c->nr_rest && at < cap; i++)
		at += (size_t)snprintf(val + at, cap - at, "%s%s", i ? " " : "", c->rest[i]);
}

static int do_sysctl(struct run *r, const struct oracle_cmd *c)
{
	char path[128], val[256];

	snprintf(path, sizeof(path), "/proc/sys/%s", c->word);
	for (char *q = path + 10; *q && !strchr(c->word, '/'); q++)
		if (*q == '.')
			*q = '/';
	join(val, sizeof(val), c);
	return proc_put(r, path, val);
}

static int do_write(struct run *r, const struct oracle_cmd *c)
{
	char val[256];

	join(val, sizeof(val), c);
	return proc_put(r, c->path, val);
}

static int do_hugepages(struct run *r, const struct oracle_cmd *c)
{
	const char *size = c->size ? c->size : "2048kB";
	char path[160];

	if (c->node)
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%s/hugepages/hugepages-%s/nr_hugepages",
			 c->node, size);
	else
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages",
			 size);
	return proc_put(r, path, c->word);
}

static int do_drop_caches(struct run *r, const struct oracle_cmd *c)
{
	sync_filesystems(r->q);
	return proc_put(r, "/proc/sys/vm/drop_caches", c->word ? c->word : "3");
}

/* ---- groups --------------------------------------------------------------------- */

static struct mem_cgroup *group_of(struct run *r, const char *name)
{
	char path[128];

	if (!strcmp(name, "/"))
		return r->q->group->root;
	snprintf(path, sizeof(path), "/%s", name);
	return mem_cgroup_find(r->q, path);
}

static int do_cgcreate(struct run *r, const struct oracle_cmd *c)
{
	const char *last = strrchr(c->cg, '/');
	char above[64] = "/";
	struct mem_cgroup *parent, *memcg;

	if (last)
		snprintf(above, sizeof(above), "%.*s", (int)(last - c->cg), c->cg);
	parent = group_of(r, above);
	if (!parent)
		return -ENOENT;
	if (group_of(r, c->cg))
		return -EEXIST;
	memcg = mem_cgroup_create(r->q, parent, last ? last + 1 : c->cg);
	if (IS_ERR_OR_NULL(memcg))
		return memcg ? (int)PTR_ERR(memcg) : -ENOMEM;
	if (r->nr_groups < ORACLE_MAX_GROUPS)
		snprintf(r->groups[r->nr_groups++], sizeof(r->groups[0]), "%s", c->cg);
	return 0;
}

static int do_cgset(struct run *r, const struct oracle_cmd *c)
{
	char path[256], val[256];

	snprintf(path, sizeof(path), "/cg/%s/%s", c->cg, c->word);
	join(val, sizeof(val), c);
	return proc_put(r, path, val);
}

static int do_cgmove(struct run *r, const struct oracle_cmd *c)
{
	struct worker *w = find_worker(r, c->proc);
	struct mem_cgroup *memcg;

	if (!w || !w->alive)
		return -ESRCH;
	collect(r, w);
	memcg = group_of(r, c->word);
	if (!memcg)
		return -ENOENT;
	if (!w->alive || w->exited)
		return -ESRCH;
	return task_set_memcg(r->q, w->task, memcg);
}

/* ---- the rest ------------------------------------------------------------------- */

static int do_settle(struct run *r)
{
	dump(r, "/proc/sys/vm/lowmem_reserve_ratio");
	return 0;
}

static int do_sleep(struct run *r, const struct oracle_cmd *c)
{
	model_sleep(r->m, (u64)c->number * NSEC_PER_MSEC);
	reap(r);
	return 0;
}

static int do_wait(struct run *r)
{
	for (u32 i = 0; i < r->nr_workers; i++)
		collect(r, r->workers[i]);
	reap(r);
	return 0;
}

/* trace KB GROUP:EVENT... */
static int do_trace(struct run *r, const struct oracle_cmd *c)
{
	int err = proc_put(r, "/sys/kernel/tracing/buffer_size_kb", c->word);

	(void)proc_put(r, "/sys/kernel/tracing/trace_clock", "mono");
	for (u32 i = 0; i < c->nr_rest; i++) {
		char path[192], event[96];
		int e;

		snprintf(event, sizeof(event), "%s", c->rest[i]);
		event[strcspn(event, ":")] = strchr(event, ':') ? '/' : 0;
		snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/enable", event);
		e = proc_put(r, path, "1");
		if (e)
			err = e;
	}
	(void)proc_put(r, "/sys/kernel/tracing/trace", "");
	(void)proc_put(r, "/sys/kernel/tracing/tracing_on", "1");
	return err;
}

static void do_tracedump(struct run *r)
{
	(void)proc_put(r, "/sys/kernel/tracing/tracing_on", "0");
	dump(r, "/sys/kernel/tracing/trace");
}

static int do_traceoff(struct run *r)
{
	(void)proc_put(r, "/sys/kernel/tracing/tracing_on", "0");
	(void)proc_put(r, "/sys/kernel/tracing/events/enable", "0");
	return 0;
}

/* What writes its own answer; false: not such a command. */
static bool result_command(struct run *r, const struct oracle_cmd *c)
{
	const char *label = c->word ? c->word : "-";

	switch (c->op) {
	case OP_DEVICE:
		return true;
	case OP_SNAP:
		snap(r, label, c->flags & FLAG_LITE);
		return true;
	case OP_VMSTAT:
		snap_vmstat(r, label);
		return true;
	case OP_CAPTURE:
		capture(r, label);
		return true;
	case OP_CAT:
		dump(r, c->path);
		return true;
	case OP_DMESG:
		dump_dmesg(r);
		return true;
	case OP_TRACEDUMP:
		do_tracedump(r);
		return true;
	default:
		return false;
	}
}

static int answer(struct run *r, const struct oracle_cmd *c, bool *mine)
{
	switch (c->op) {
	case OP_SETTLE:
		return do_settle(r);
	case OP_MOUNT:
		return do_mount(r, c);
	case OP_SWAPON:
		return do_swapon(r, c);
	case OP_SWAPOFF:
		return do_swapoff(r, c);
	case OP_DROP_CACHES:
		return do_drop_caches(r, c);
	case OP_COMPACT:
		return proc_put(r, "/proc/sys/vm/compact_memory", "1");
	case OP_SYNC:
		sync_filesystems(r->q);
		return 0;
	case OP_DELAY:
		return do_delay(r, c);
	case OP_SYSCTL:
		return do_sysctl(r, c);
	case OP_WRITE:
		return do_write(r, c);
	case OP_HUGEPAGES:
		return do_hugepages(r, c);
	case OP_CGCREATE:
		return do_cgcreate(r, c);
	case OP_CGSET:
		return do_cgset(r, c);
	case OP_CGMOVE:
		return do_cgmove(r, c);
	case OP_SLEEP:
		return do_sleep(r, c);
	case OP_WAIT:
		return do_wait(r);
	case OP_PAGEFLAGS:
		dump_pageflags(r, c->word ? c->word : "-");
		return 0;
	case OP_TRACE:
		return do_trace(r, c);
	case OP_TRACEOFF:
		return do_traceoff(r);
	default:
		*mine = false;
		return 0;
	}
}

bool system_command(struct run *r, const struct oracle_cmd *c)
{
	bool mine = true;
	int err;

	if (result_command(r, c))
		return true;
	err = answer(r, c, &mine);
	if (mine)
		run_ok(r, err);
	return mine;
}
