/* SPDX-License-Identifier: MIT */
/*
 * /sys/block: a directory for each device with its size and number, and in a zram's what
 * Linux's drivers/block/zram shows and takes; /sys/kernel/debug/zsmalloc/POOL/classes.
 *
 * There is no /sys/class/zram-control: reading its hot_add makes a device, and here a
 * read changes nothing.  A scenario says which devices there are.
 */
#include "proc/internal.h"
#include "swap/zram.h"

#define SECTORS_PER_PAGE 8UL

static struct zram *zram_of(struct quire *q, const struct proc_entry *e)
{
	return e->arg < BDI_DEV_ZRAM ? NULL : zram_find(q, e->arg - BDI_DEV_ZRAM);
}

/* ---- any device ---------------------------------------------------------------- */

static int show_dev(struct quire *q, const struct proc_entry *e,
		    __unused const struct proc_def *def, struct text *t)
{
	const struct backing_dev *bdi = proc_bdi_of(q, e);

	if (!bdi)
		return -ENOENT;
	put_devt(t, bdi);
	text_putc(t, '\n');
	return 0;
}

static int show_size(struct quire *q, const struct proc_entry *e,
		     __unused const struct proc_def *def, struct text *t)
{
	const struct backing_dev *bdi = proc_bdi_of(q, e);

	if (!bdi)
		return -ENOENT;
	text_printf(t, "%lu\n", (unsigned long)device_pages(q, bdi) * SECTORS_PER_PAGE);
	return 0;
}

/* ---- a zram's numbers ----------------------------------------------------------- */

static int show_mm_stat(struct quire *q, const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	const struct zram *z = zram_of(q, e);
	unsigned long used = 0, compacted = 0;
	const struct zram_stats *s;

	if (!z)
		return -ENOENT;
	s = &z->stats;
	if (z->initialized) {
		used = zs_get_total_pages(z->pool);
		compacted = HOT_LOAD(&z->pool->pages_compacted);
	}
	text_printf(t, "%8lu %8lu %8lu %8lu %8lu %8lu %8lu %8lu %8lu\n",
		    s->pages_stored << PAGE_SHIFT, s->compr_data_size, used << PAGE_SHIFT,
		    z->limit_pages << PAGE_SHIFT, s->max_used_pages << PAGE_SHIFT, s->same_pages,
		    compacted, s->huge_pages, s->huge_pages_since);
	return 0;
}

enum zram_numbers { ZS_IO, ZS_BD, ZS_DEBUG };

static int show_stat(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		     struct text *t)
{
	const struct zram *z = zram_of(q, e);
	const struct zram_stats *s;

	if (!z)
		return -ENOENT;
	s = &z->stats;
	if (def->val == ZS_IO)
		text_printf(t, "%8lu %8lu %8lu %8lu\n", s->failed_reads, s->failed_writes,
			    s->invalid_io, s->notify_free);
	else if (def->val == ZS_BD)
		text_printf(t, "%8lu %8lu %8lu\n", s->bd_count, s->bd_reads, s->bd_writes);
	else
		text_printf(t, "version: 1\n%8lu %8lu\n", s->writestall, s->miss_free);
	return 0;
}

/* ---- a zram's settings ----------------------------------------------------------- */

enum zram_file {
	ZF_DISKSIZE,
	ZF_INITSTATE,
	ZF_STREAMS,
	ZF_ALGORITHM,
	ZF_BACKING,
	ZF_WB_LIMIT,
	ZF_WB_LIMIT_ENABLE,
	ZF_MEM_LIMIT,
	ZF_USED_MAX,
	ZF_RESET,
	ZF_COMPACT,
	ZF_IDLE,
	ZF_WRITEBACK,
};

static int show_zram(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		     struct text *t)
{
	const struct zram *z = zram_of(q, e);

	if (!z)
		return -ENOENT;
	switch ((enum zram_file)def->val) {
	case ZF_DISKSIZE:
		text_printf(t, "%lu\n", z->disksize);
		break;
	case ZF_INITSTATE:
		text_printf(t, "%u\n", z->initialized);
		break;
	case ZF_STREAMS: /* a buffer for each CPU, whatever is written */
		text_printf(t, "%u\n", q->nr_cpus);
		break;
	case ZF_ALGORITHM:
		for (const char *const *name = zcomp_names; *name; name++)
			text_printf(t, str_eq(*name, z->comp.name) ? "[%s] " : "%s ", *name);
		text_putc(t, '\n');
		break;
	case ZF_BACKING:
		text_printf(t, z->backing ? "/dev/%s\n" : "%s\n",
			    z->backing ? z->backing->name : "none");
		break;
	case ZF_WB_LIMIT:
		text_printf(t, "%lu\n", z->bd_wb_limit);
		break;
	case ZF_WB_LIMIT_ENABLE:
		text_printf(t, "%d\n", z->wb_limit_enable);
		break;
	default:
		return -EINVAL;
	}
	return 0;
}

/* Bytes with one of K M G T P E, as memparse(). */
static int parse_bytes(const char *word, u64 *bytes)
{
	static const char suffixes[] = "kmgtpe";
	size_t len = str_len(word);
	const char *suffix = len ? str_chr(suffixes, word[len - 1] | 0x20) : NULL;
	unsigned long v, shift = 0;

	if (suffix && *suffix) {
		shift = 10 * (unsigned long)(suffix - suffixes + 1);
		len--;
	}
	if (parse_ulong(word, len, 0, &v) || v > ULONG_MAX >> shift)
		return -EINVAL;
	*bytes = (u64)v << shift;
	return 0;
}

static int store_writeback(struct quire *q, struct zram *z, const char *word)
{
	static const char page[] = "page_index=";
	unsigned long index;

	if (str_eq(word, "idle"))
		return zram_writeback(q, z, ZRAM_WRITE_IDLE, 0);
	if (str_eq(word, "huge"))
		return zram_writeback(q, z, ZRAM_WRITE_HUGE, 0);
	if (str_eq(word, "huge_idle"))
		return zram_writeback(q, z, ZRAM_WRITE_HUGE | ZRAM_WRITE_IDLE, 0);
	if (!str_starts(word, page) ||
	    parse_ulong(word + sizeof(page) - 1, str_len(word) - (sizeof(page) - 1), 10, &index))
		return -EINVAL;
	return zram_writeback(q, z, ZRAM_WRITE_PAGE, index);
}

static int store_number(struct quire *q, struct zram *z, enum zram_file file, u64 v)
{
	switch (file) {
	case ZF_DISKSIZE:
		return zram_set_disksize(q, z, v);
	case ZF_MEM_LIMIT:
		z->limit_pages = (unsigned long)(ALIGN(v, PAGE_SIZE) >> PAGE_SHIFT);
		return 0;
	case ZF_USED_MAX:
		if (v)
			return -EINVAL;
		if (z->initialized)
			z->stats.max_used_pages = zs_get_total_pages(z->pool);
		return 0;
	case ZF_RESET:
		return v ? zram_reset(q, z) : -EINVAL;
	case ZF_WB_LIMIT:
		z->bd_wb_limit = v;
		return 0;
	case ZF_WB_LIMIT_ENABLE:
		z->wb_limit_enable = v != 0;
		return 0;
	case ZF_IDLE:
		return zram_mark_idle(q, z, v);
	default: /* ZF_STREAMS */
		return 0;
	}
}

static s64 store_zram(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		      const struct proc_input *in)
{
	struct zram *z = zram_of(q, e);
	char word[64];
	u64 v = 0;
	int err = proc_word(in, word, sizeof(word));

	if (!z)
		return -ENOENT;
	if (err)
		return err;
	switch ((enum zram_file)def->val) {
	case ZF_ALGORITHM:
		err = zram_set_algorithm(q, z, word);
		break;
	case ZF_BACKING:
		err = zram_set_backing(q, z, word);
		break;
	case ZF_WRITEBACK:
		err = store_writeback(q, z, word);
		break;
	case ZF_COMPACT:
		if (!z->initialized)
			return -EINVAL;
		(void)zs_compact(q, z->pool);
		break;
	default:
		if (def->val != ZF_IDLE || !str_eq(word, "all"))
			err = parse_bytes(word, &v);
		if (!err)
			err = store_number(q, z, (enum zram_file)def->val, v);
	}
	return err ? err : (s64)in->len;
}

#define ZRAM_RO(name, show, what) DEF_VAL(name, 0444, show, NULL, what)
#define ZRAM_RW(name, what)	  DEF_VAL(name, 0644, show_zram, store_zram, what)
#define ZRAM_WO(name, what)	  DEF_VAL(name, 0200, NULL, store_zram, what)

static const struct proc_def block_defs[] = {
	DEF_FILE("dev", 0444, show_dev),
	DEF_FILE("size", 0444, show_size),
	/* Behind this one: zram's. */
	ZRAM_RW("backing_dev", ZF_BACKING),
	ZRAM_RO("bd_stat", show_stat, ZS_BD),
	ZRAM_RW("comp_algorithm", ZF_ALGORITHM),
	ZRAM_WO("compact", ZF_COMPACT),
	ZRAM_RO("debug_stat", show_stat, ZS_DEBUG),
	ZRAM_RW("disksize", ZF_DISKSIZE),
	ZRAM_WO("idle", ZF_IDLE),
	ZRAM_RO("initstate", show_zram, ZF_INITSTATE),
	ZRAM_RO("io_stat", show_stat, ZS_IO),
	ZRAM_RW("max_comp_streams", ZF_STREAMS),
	ZRAM_WO("mem_limit", ZF_MEM_LIMIT),
	ZRAM_WO("mem_used_max", ZF_USED_MAX),
	ZRAM_RO("mm_stat", show_mm_stat, 0),
	ZRAM_WO("reset", ZF_RESET),
	ZRAM_WO("writeback", ZF_WRITEBACK),
	ZRAM_RW("writeback_limit", ZF_WB_LIMIT),
	ZRAM_RW("writeback_limit_enable", ZF_WB_LIMIT_ENABLE),
};

static bool block_visible(struct quire *q, const struct proc_entry *dir, const struct proc_def *def)
{
	return def < &block_defs[2] || zram_of(q, dir);
}

const struct proc_dir sysfs_block_dev_dir = {
	.defs = block_defs, .nr_defs = ARRAY_SIZE(block_defs), .visible = block_visible};

/* ---- the devices ------------------------------------------------------------------ */

static struct proc_entry blocks_lookup(struct quire *q, __unused const struct proc_entry *dir,
				       const char *name)
{
	const struct backing_dev *bdi;

	list_for_each_entry (bdi, &q->cache->bdis, list)
		if (bdi->name && str_eq(bdi->name, name))
			return proc_entry_of(DIR_BLOCK_DEV, 0, bdi->dev);
	return (struct proc_entry){0};
}

static void blocks_readdir(struct quire *q, __unused const struct proc_entry *dir,
			   struct proc_filler *f)
{
	const struct backing_dev *bdi;

	list_for_each_entry (bdi, &q->cache->bdis, list)
		if (bdi->name &&
		    !proc_fill(f, bdi->name, proc_entry_of(DIR_BLOCK_DEV, 0, bdi->dev)))
			return;
}

const struct proc_dir sysfs_blocks_dir = {.lookup = blocks_lookup, .readdir = blocks_readdir};

/* ---- debug/zsmalloc --------------------------------------------------------------- */

static struct zs_pool *pool_of(struct quire *q, u32 n)
{
	struct zs_pool *pool;

	list_for_each_entry (pool, &q->swap->zs.pools, list)
		if (!n--)
			return pool;
	return NULL;
}

struct class_sums {
	unsigned long almost_full, almost_empty, allocated, used, pages, freeable;
};

static void put_class(struct text *t, const struct size_class *class, struct class_sums *sum)
{
	unsigned long allocated = class->objs_allocated, freeable = zs_can_compact(class);
	unsigned long pages = allocated / class->objs_per_zspage * class->pages_per_zspage;

	text_printf(t, " %5u %5u %11lu %12lu %13lu %10lu %10lu %16u %8lu\n", class->index,
		    class->size, class->nr_zspages[ZS_ALMOST_FULL],
		    class->nr_zspages[ZS_ALMOST_EMPTY], allocated, class->objs_inuse, pages,
		    class->pages_per_zspage, freeable);
	sum->almost_full += class->nr_zspages[ZS_ALMOST_FULL];
	sum->almost_empty += class->nr_zspages[ZS_ALMOST_EMPTY];
	sum->allocated += allocated;
	sum->used += class->objs_inuse;
	sum->pages += pages;
	sum->freeable += freeable;
}

static int show_classes(struct quire *q, const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	const struct zs_pool *pool = pool_of(q, e->arg);
	struct class_sums sum = {0};

	if (!pool)
		return -ENOENT;
	put_lit(t, " class  size almost_full almost_empty obj_allocated   obj_used pages_used "
		   "pages_per_zspage freeable\n");
	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++)
		if (pool->size_class[i]->index == i)
			put_class(t, pool->size_class[i], &sum);
	text_printf(t, "\n %5s %5s %11lu %12lu %13lu %10lu %10lu %16s %8lu\n", "Total", "",
		    sum.almost_full, sum.almost_empty, sum.allocated, sum.used, sum.pages, "",
		    sum.freeable);
	return 0;
}

static const struct proc_def zs_pool_defs[] = {DEF_FILE("classes", 0444, show_classes)};
PROC_DIR_TABLE(sysfs_zs_pool_dir, zs_pool_defs);

static struct proc_entry zs_pools_lookup(struct quire *q, __unused const struct proc_entry *dir,
					 const char *name)
{
	const struct zs_pool *pool;

	for (u32 n = 0; (pool = pool_of(q, n)) != NULL; n++)
		if (str_eq(pool->name, name))
			return proc_entry_of(DIR_ZS_POOL, 0, n);
	return (struct proc_entry){0};
}

static void zs_pools_readdir(struct quire *q, __unused const struct proc_entry *dir,
			     struct proc_filler *f)
{
	const struct zs_pool *pool;

	for (u32 n = 0; (pool = pool_of(q, n)) != NULL; n++)
		if (!proc_fill(f, pool->name, proc_entry_of(DIR_ZS_POOL, 0, n)))
			return;
}

const struct proc_dir sysfs_zs_pools_dir = {.lookup = zs_pools_lookup, .readdir = zs_pools_readdir};
