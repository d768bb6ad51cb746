/* SPDX-License-Identifier: MIT */
/*
 * Devices and what lies on them: /proc/swaps, diskstats, partitions, mounts,
 * iomem.
 *
 * Block devices are those of the page cache's list, numbered as Linux numbers
 * NVMe partitions: major 259, minor the port's number.  How large one is, is
 * what is known to lie on it: its file system's blocks and its swap areas.
 */
#include "proc/internal.h"
#include "space/hugetlbfs.h"

#define SECTORS_PER_PAGE 8UL

static int major_of(const struct backing_dev *bdi)
{
	return bdi->dev >= BDI_DEV_ZRAM ? ZRAM_MAJOR : BLKEXT_MAJOR;
}

static unsigned int minor_of(const struct backing_dev *bdi)
{
	return bdi->dev >= BDI_DEV_ZRAM ? bdi->dev - BDI_DEV_ZRAM : bdi->dev;
}

void put_devt(struct text *t, const struct backing_dev *bdi)
{
	text_printf(t, "%d:%u", major_of(bdi), minor_of(bdi));
}

int show_swaps(struct quire *q, __unused const struct proc_entry *e,
	       __unused const struct proc_def *def, struct text *t)
{
	put_lit(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	for (unsigned int i = 0; i < MAX_SWAPFILES; i++) {
		const struct swap_info_struct *si = q->swap->info[i];
		unsigned long size, used;
		size_t len;

		if (!si || !si->used)
			continue;
		size = pages_to_kb(si->pages);
		used = pages_to_kb(HOT_LOAD(&si->inuse_pages));
		len = str_len(si->name);
		text_puts(t, si->name);
		text_fill(t, ' ', len < 40 ? 40 - len : 1);
		text_printf(t, "%s\t%lu\t%s%lu\t%s%d\n", si->is_file ? "file\t" : "partition", size,
			    size < 10000000 ? "\t" : "", used, used < 10000000 ? "\t" : "",
			    si->prio);
	}
	return 0;
}

int show_diskstats(struct quire *q, __unused const struct proc_entry *e,
		   __unused const struct proc_def *def, struct text *t)
{
	struct backing_dev *bdi;

	list_for_each_entry (bdi, &q->cache->bdis, list)
		text_printf(t, "%4d %7u %s %lu 0 %lu 0 %lu 0 %lu 0 0 0 0 0 0 0 0 0 0\n",
			    major_of(bdi), minor_of(bdi), bdi->name, bdi->ios_read,
			    bdi->pages_read * SECTORS_PER_PAGE, bdi->ios_write,
			    bdi->pages_write * SECTORS_PER_PAGE);
	return 0;
}

u64 device_pages(const struct quire *q, const struct backing_dev *bdi)
{
	const struct super_block *sb;
	u64 pages = bdi->capacity;

	list_for_each_entry (sb, &q->cache->super_blocks, list)
		if (sb->bdi == bdi)
			pages = max(pages, sb->nr_blocks ? sb->nr_blocks : sb->next_block);
	for (unsigned int i = 0; i < MAX_SWAPFILES; i++) {
		const struct swap_info_struct *si = q->swap->info[i];

		if (si && si->used && si->bdi == bdi)
			pages = max(pages, si->dev_start + si->max);
	}
	return pages;
}

int show_partitions(struct quire *q, __unused const struct proc_entry *e,
		    __unused const struct proc_def *def, struct text *t)
{
	struct backing_dev *bdi;

	put_lit(t, "major minor  #blocks  name\n\n");
	list_for_each_entry (bdi, &q->cache->bdis, list)
		text_printf(t, "%4d  %7u %10lu %s\n", major_of(bdi), minor_of(bdi),
			    pages_to_kb(device_pages(q, bdi)), bdi->name);
	return 0;
}

/* ---- mounts ----------------------------------------------------------------- */

struct mount {
	const char *dev, *dir, *type, *options;
	const char *super; /* more options, the file system's own; NULL: none */
};

static const struct mount virtual_mounts[] = {
	{"proc", "/proc", "proc", "rw,relatime", NULL},
	{"sysfs", "/sys", "sysfs", "rw,relatime", NULL},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", "rw,relatime", NULL},
	{"debugfs", "/sys/kernel/debug", "debugfs", "rw,relatime", NULL},
	{"devtmpfs", "/dev", "devtmpfs", "rw,relatime", NULL},
	{"tmpfs", "/dev/shm", "tmpfs", "rw,relatime", NULL},
};

/* File systems on devices, in the order in which they were mounted: the first
 * is the root, the others are named after their devices. */
static void for_each_mount(struct quire *q, struct text *t,
			   void (*fn)(struct text *t, unsigned int n, unsigned int minor,
				      const struct mount *mount))
{
	struct hugetlbfs_sb_info *sbi;
	struct super_block *sb;
	unsigned int n = 0;

	list_for_each_entry (sb, &q->cache->super_blocks, list) {
		char dev[64], dir[64];

		if (!sb->bdi || !sb->bdi->name)
			continue;
		(void)text_format(dev, sizeof(dev), "/dev/%s", sb->bdi->name);
		(void)text_format(dir, sizeof(dir), n ? "/mnt/%s" : "/", sb->bdi->name);
		fn(t, n++, sb->bdi->dev, &(struct mount){dev, dir, "ext4", "rw,relatime", NULL});
	}
	for (size_t i = 0; i < ARRAY_SIZE(virtual_mounts); i++)
		fn(t, n++, 0, &virtual_mounts[i]);
	if (!q->space->hugetlbfs)
		return;
	list_for_each_entry (sbi, &q->space->hugetlbfs->mounts, list) {
		char options[256];
		struct text o;

		if (!sbi->dir)
			continue;
		text_init(&o, options, sizeof(options));
		hugetlbfs_show_options(sbi, &o);
		fn(t, n++, sbi->minor,
		   &(struct mount){"hugetlbfs", sbi->dir, "hugetlbfs", "rw,relatime", options});
	}
}

static void put_mount(struct text *t, __unused unsigned int n, __unused unsigned int minor,
		      const struct mount *m)
{
	text_printf(t, "%s %s %s %s%s 0 0\n", m->dev, m->dir, m->type, m->options,
		    m->super ? m->super : "");
}

static void put_mountinfo(struct text *t, unsigned int n, unsigned int minor, const struct mount *m)
{
	bool device = m->dev[0] == '/';

	text_printf(t, "%u %u %u:%u / %s %s - %s %s rw%s\n", 21 + n, n ? 21 : 1,
		    device ? BLKEXT_MAJOR : 0, minor || device ? minor : 20 + n, m->dir, m->options,
		    m->type, m->dev, m->super ? m->super : "");
}

int show_pid_mounts(struct quire *q, __unused const struct proc_entry *e,
		    __unused const struct proc_def *def, struct text *t)
{
	for_each_mount(q, t, put_mount);
	return 0;
}

int show_pid_mountinfo(struct quire *q, __unused const struct proc_entry *e,
		       __unused const struct proc_def *def, struct text *t)
{
	for_each_mount(q, t, put_mountinfo);
	return 0;
}

/* ---- iomem ------------------------------------------------------------------ */

int show_iomem(struct quire *q, __unused const struct proc_entry *e,
	       __unused const struct proc_def *def, struct text *t)
{
	const struct memblock_type *memory = &q->node->memblock->memory;

	for (unsigned int i = 0; i < memory->cnt; i++) {
		u64 base = memory->regions[i].base, end = base + memory->regions[i].size;

		while (i + 1 < memory->cnt && memory->regions[i + 1].base == end)
			end += memory->regions[++i].size;
		text_printf(t, "%08lx-%08lx : System RAM\n", base, end - 1);
	}
	return 0;
}
