/* SPDX-License-Identifier: MIT */
/*
 * /sys/class/bdi and /sys/kernel/debug/bdi: a device's share of the dirty pages
 * (Linux's mm/backing-dev.c).
 *
 * A device's name here is its number, as 259:0.  max_ratio and min_ratio are
 * per cent of the limit that it may have at most and has at least;
 * strict_limit, which is a file since Linux 6.2 and FUSE's alone before, makes
 * of its share a limit.  What these do is in cache/balance.c.
 */
#include "proc/internal.h"

struct backing_dev *proc_bdi_of(struct quire *q, const struct proc_entry *e)
{
	struct backing_dev *bdi;

	list_for_each_entry (bdi, &q->cache->bdis, list)
		if (bdi->dev == e->arg)
			return bdi;
	return NULL;
}

/* ---- settings ------------------------------------------------------------------ */

enum bdi_setting { BDI_READ_AHEAD, BDI_MIN_RATIO, BDI_MAX_RATIO, BDI_STRICT_LIMIT };

static int show_bdi(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		    struct text *t)
{
	const struct backing_dev *bdi = proc_bdi_of(q, e);

	if (!bdi)
		return -ENOENT;
	switch (def->val) {
	case BDI_READ_AHEAD:
		text_printf(t, "%lu\n", pages_to_kb(bdi->ra_pages));
		break;
	case BDI_MIN_RATIO:
		text_printf(t, "%u\n", bdi->min_ratio);
		break;
	case BDI_MAX_RATIO:
		text_printf(t, "%u\n", bdi->max_ratio);
		break;
	default:
		text_printf(t, "%d\n", bdi->strict_limit);
	}
	return 0;
}

/* The devices' least shares leave something to be shared. */
static int set_min_ratio(struct quire *q, struct backing_dev *bdi, long v)
{
	struct wb_domain *dom = &q->cache->wb;

	if (v < 0 || v > (long)bdi->max_ratio || dom->min_ratio - bdi->min_ratio + v >= 100)
		return -EINVAL;
	dom->min_ratio += (unsigned int)v - bdi->min_ratio;
	bdi->min_ratio = (unsigned int)v;
	return 0;
}

static s64 store_bdi(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		     const struct proc_input *in)
{
	struct backing_dev *bdi = proc_bdi_of(q, e);
	long v;
	int err = bdi ? proc_one_long(in, &v) : -ENOENT;

	if (err)
		return err;
	switch (def->val) {
	case BDI_READ_AHEAD:
		if (v < 0 || v > INT_MAX)
			return -EINVAL;
		bdi->ra_pages = (unsigned int)(v >> (PAGE_SHIFT - 10));
		break;
	case BDI_MIN_RATIO:
		err = set_min_ratio(q, bdi, v);
		break;
	case BDI_MAX_RATIO:
		if (v < (long)bdi->min_ratio || v > 100)
			return -EINVAL;
		bdi->max_ratio = (unsigned int)v;
		break;
	default:
		if (v < 0 || v > 1)
			return -EINVAL;
		bdi->strict_limit = v;
	}
	return err ? err : (s64)in->len;
}

static const struct proc_def bdi_defs[] = {
	DEF_VAL("max_ratio", 0644, show_bdi, store_bdi, BDI_MAX_RATIO),
	DEF_VAL("min_ratio", 0644, show_bdi, store_bdi, BDI_MIN_RATIO),
	DEF_VAL("read_ahead_kb", 0644, show_bdi, store_bdi, BDI_READ_AHEAD),
	DEF_TEXT("stable_pages_required", 0444, "0\n"),
	DEF_VAL("strict_limit", 0644, show_bdi, store_bdi, BDI_STRICT_LIMIT),
};
PROC_DIR_TABLE(sysfs_bdi_dir, bdi_defs);

/* ---- debug/bdi/NAME/stats --------------------------------------------------------- */

static int show_stats(struct quire *q, const struct proc_entry *e,
		      __unused const struct proc_def *def, struct text *t)
{
	struct backing_dev *bdi = proc_bdi_of(q, e);
	unsigned long bg, thresh;

	if (!bdi)
		return -ENOENT;
	global_dirty_limits(q, &bg, &thresh);
	text_printf(t, "BdiWriteback:       %10lu kB\n", pages_to_kb(bdi->wb.nr_writeback));
	text_printf(t, "BdiReclaimable:     %10lu kB\n", pages_to_kb(bdi->wb.nr_reclaimable));
	text_printf(t, "BdiDirtyThresh:     %10lu kB\n",
		    pages_to_kb(wb_calc_thresh(q, &bdi->wb, thresh)));
	text_printf(t, "DirtyThresh:        %10lu kB\n", pages_to_kb(thresh));
	text_printf(t, "BackgroundThresh:   %10lu kB\n", pages_to_kb(bg));
	text_printf(t, "BdiDirtied:         %10lu kB\n", pages_to_kb(bdi->wb.nr_dirtied));
	text_printf(t, "BdiWritten:         %10lu kB\n", pages_to_kb(bdi->wb.nr_written));
	text_printf(t, "BdiWriteBandwidth:  %10lu kBps\n", pages_to_kb(bdi->wb.write_bandwidth));
	text_printf(t, "b_dirty:            %10lu\n", list_count_nodes(&bdi->wb.b_dirty));
	text_printf(t, "b_io:               %10lu\n", list_count_nodes(&bdi->wb.b_io));
	text_printf(t, "b_more_io:          %10lu\n", list_count_nodes(&bdi->wb.b_more_io));
	text_printf(t, "b_dirty_time:       %10u\n", 0u);
	text_printf(t, "bdi_list:           %10u\n", 1u);
	/* WB_registered, WB_writeback_running, WB_has_dirty_io. */
	text_printf(t, "state:              %10x\n",
		    1u | (bdi->wb.running ? 2u : 0) | (wb_has_dirty_io(&bdi->wb) ? 4u : 0));
	return 0;
}

static const struct proc_def debug_bdi_defs[] = {DEF_FILE("stats", 0444, show_stats)};
PROC_DIR_TABLE(sysfs_debug_bdi_dir, debug_bdi_defs);

/* ---- the directories of devices ----------------------------------------------------- */

static enum proc_dir_id device_dir(const struct proc_entry *dir)
{
	return dir->id == DIR_CLASS_BDI ? DIR_BDI : DIR_DEBUG_BDI;
}

static struct proc_entry bdis_lookup(struct quire *q, const struct proc_entry *dir,
				     const char *name)
{
	struct proc_entry e = proc_entry_of(device_dir(dir), 0, 0);
	long dev = proc_number_behind(name, BLKEXT_MAJOR_TEXT ":");

	if (dev < 0) {
		dev = proc_number_behind(name, ZRAM_MAJOR_TEXT ":");
		dev += dev < 0 ? 0 : (long)BDI_DEV_ZRAM;
	}
	e.arg = (u32)dev;
	return dev >= 0 && proc_bdi_of(q, &e) ? e : (struct proc_entry){0};
}

static void bdis_readdir(struct quire *q, const struct proc_entry *dir, struct proc_filler *f)
{
	const struct backing_dev *bdi;

	list_for_each_entry (bdi, &q->cache->bdis, list) {
		char name[24];
		struct text t;

		text_init(&t, name, sizeof(name));
		put_devt(&t, bdi);
		if (!proc_fill(f, name, proc_entry_of(device_dir(dir), 0, bdi->dev)))
			return;
	}
}

const struct proc_dir sysfs_bdis_dir = {.lookup = bdis_lookup, .readdir = bdis_readdir};

static const struct proc_def class_defs[] = {DEF_DIR("bdi", DIR_CLASS_BDI)};
PROC_DIR_TABLE(sysfs_class_dir, class_defs);
