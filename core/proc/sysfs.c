/* SPDX-License-Identifier: MIT */
/*
 * The rest of /sys: kernel/mm, kernel/debug and the parameters of zswap.
 *
 * KSM and the multi-generational LRU are not built: their
 * files say what Linux says when they are off, and refuse to turn them on
 * (-EINVAL), so nothing believes that they work.
 */
#include "proc/internal.h"
#include "slab/slub.h"

/* ---- zswap ------------------------------------------------------------------ */

enum zswap_stat {
	Z_DUPLICATE,
	Z_LIMIT_HIT,
	Z_POOL_SIZE,
	Z_ALLOC_FAIL,
	Z_COMPRESS_POOR,
	Z_KMEMCACHE_FAIL,
	Z_RECLAIM_FAIL,
	Z_SAME_FILLED,
	Z_STORED,
	Z_WRITTEN_BACK,
};

static int show_zswap_stat(struct quire *q, __unused const struct proc_entry *e,
			   const struct proc_def *def, struct text *t)
{
	const struct zswap_stats *s = zswap_stats(q);
	const u64 values[] = {
		[Z_DUPLICATE] = s->duplicate_entry,
		[Z_LIMIT_HIT] = s->pool_limit_hit,
		[Z_POOL_SIZE] = s->pool_total_size,
		[Z_ALLOC_FAIL] = s->reject_alloc_fail,
		[Z_COMPRESS_POOR] = s->reject_compress_poor,
		[Z_KMEMCACHE_FAIL] = s->reject_kmemcache_fail,
		[Z_RECLAIM_FAIL] = s->reject_reclaim_fail,
		[Z_SAME_FILLED] = s->same_filled_pages,
		[Z_STORED] = s->stored_pages,
		[Z_WRITTEN_BACK] = s->written_back_pages,
	};

	put_dec(t, values[def->val], 0);
	text_putc(t, '\n');
	return 0;
}

#define ZSTAT(name, what) DEF_VAL(name, 0444, show_zswap_stat, NULL, what)

static const struct proc_def debug_zswap_defs[] = {
	ZSTAT("duplicate_entry", Z_DUPLICATE),
	ZSTAT("pool_limit_hit", Z_LIMIT_HIT),
	ZSTAT("pool_total_size", Z_POOL_SIZE),
	ZSTAT("reject_alloc_fail", Z_ALLOC_FAIL),
	ZSTAT("reject_compress_poor", Z_COMPRESS_POOR),
	ZSTAT("reject_kmemcache_fail", Z_KMEMCACHE_FAIL),
	ZSTAT("reject_reclaim_fail", Z_RECLAIM_FAIL),
	ZSTAT("same_filled_pages", Z_SAME_FILLED),
	ZSTAT("stored_pages", Z_STORED),
	ZSTAT("written_back_pages", Z_WRITTEN_BACK),
};
PROC_DIR_TABLE(sysfs_debug_zswap_dir, debug_zswap_defs);

enum zswap_param {
	ZP_ACCEPT,
	ZP_MAX_POOL,
	ZP_ENABLED,
	ZP_SAME_FILLED,
	ZP_NON_SAME_FILLED,
	ZP_SHRINKER,
	ZP_COMPRESSOR,
	ZP_ZPOOL,
};

static unsigned int *zswap_number(struct zswap_params *p, unsigned int which)
{
	return which == ZP_ACCEPT ? &p->accept_threshold_percent : &p->max_pool_percent;
}

static bool *zswap_switch(struct zswap_params *p, unsigned int which)
{
	return which == ZP_ENABLED	 ? &p->enabled
	       : which == ZP_SHRINKER	 ? &p->shrinker_enabled
	       : which == ZP_SAME_FILLED ? &p->same_filled_pages_enabled
					 : &p->non_same_filled_pages_enabled;
}

static int show_zswap_param(struct quire *q, __unused const struct proc_entry *e,
			    const struct proc_def *def, struct text *t)
{
	struct zswap_params *p = zswap_params(q);

	if (def->val == ZP_COMPRESSOR || def->val == ZP_ZPOOL)
		text_puts(t, def->val == ZP_ZPOOL ? p->zpool : p->compressor);
	else if (def->val <= ZP_MAX_POOL)
		put_dec(t, *zswap_number(p, def->val), 0);
	else
		text_putc(t, *zswap_switch(p, def->val) ? 'Y' : 'N');
	text_putc(t, '\n');
	return 0;
}

/* Linux's kstrtobool(). */
static int parse_bool(const char *s, bool *v)
{
	char c = (char)(s[0] | 0x20), next = s[0] ? (char)(s[1] | 0x20) : '\0';

	if (c == 'y' || c == 't' || s[0] == '1' || (c == 'o' && next == 'n'))
		*v = true;
	else if (c == 'n' || c == 'f' || s[0] == '0' || (c == 'o' && next == 'f'))
		*v = false;
	else
		return -EINVAL;
	return 0;
}

static s64 store_zswap_param(struct quire *q, __unused const struct proc_entry *e,
			     const struct proc_def *def, const struct proc_input *in)
{
	struct zswap_params *p = zswap_params(q);
	unsigned long v;
	char word[32];
	int err = proc_word(in, word, sizeof(word));

	if (err)
		return err;
	switch (def->val) {
	case ZP_COMPRESSOR:
		err = zswap_set_compressor(q, word);
		break;
	case ZP_ZPOOL:
		err = zswap_set_zpool(q, word);
		break;
	case ZP_ACCEPT:
	case ZP_MAX_POOL:
		err = parse_ulong(word, str_len(word), 0, &v);
		if (err || v > UINT_MAX)
			return err ? err : -ERANGE;
		*zswap_number(p, def->val) = (unsigned int)v;
		break;
	default:
		err = parse_bool(word, zswap_switch(p, def->val));
	}
	return err ? err : (s64)in->len;
}

#define ZPARAM(name, what) DEF_VAL(name, 0644, show_zswap_param, store_zswap_param, what)

static const struct proc_def zswap_params_defs[] = {
	ZPARAM("accept_threshold_percent", ZP_ACCEPT),
	ZPARAM("compressor", ZP_COMPRESSOR),
	ZPARAM("enabled", ZP_ENABLED),
	ZPARAM("max_pool_percent", ZP_MAX_POOL),
	ZPARAM("non_same_filled_pages_enabled", ZP_NON_SAME_FILLED),
	ZPARAM("same_filled_pages_enabled", ZP_SAME_FILLED),
	ZPARAM("shrinker_enabled", ZP_SHRINKER), /* Linux 6.8's; 6.1 does as if it were N */
	ZPARAM("zpool", ZP_ZPOOL),
};
PROC_DIR_TABLE(sysfs_zswap_params_dir, zswap_params_defs);

static const struct proc_def module_zswap_defs[] = {DEF_DIR("parameters", DIR_ZSWAP_PARAMS)};
PROC_DIR_TABLE(sysfs_module_zswap_dir, module_zswap_defs);
static const struct proc_def modules_defs[] = {
	DEF_DIR("kfence", DIR_MODULE_KFENCE),
	DEF_DIR("zswap", DIR_MODULE_ZSWAP),
};

/* KFENCE's directories are there if it is. */
static bool module_visible(struct quire *q, __unused const struct proc_entry *dir,
			   const struct proc_def *def)
{
	return q->slab->kfence || def->dir != DIR_MODULE_KFENCE;
}

const struct proc_dir sysfs_modules_dir = {
	.defs = modules_defs, .nr_defs = ARRAY_SIZE(modules_defs), .visible = module_visible};

/* ---- kernel/mm -------------------------------------------------------------- */

/* Accepts only what is in force, def->data without its brackets being the
 * choices: the word between brackets. */
s64 store_fixed_choice(__unused struct quire *q, __unused const struct proc_entry *e,
		       const struct proc_def *def, const struct proc_input *in)
{
	const char *open = str_chr(def->data, '['), *text = open ? open + 1 : def->data;
	char word[32];
	size_t len;

	if (proc_word(in, word, sizeof(word)))
		return -EINVAL;
	len = str_len(word);
	if (!len || str_ncmp(text, word, len) || (text[len] != ']' && text[len] != '\n'))
		return -EINVAL;
	return (s64)in->len;
}

static const struct proc_def huge_defs[] = {
	DEF_DIR("hugepages-1048576kB", DIR_HUGE_1G),
	DEF_DIR("hugepages-2048kB", DIR_HUGE_2M),
};
PROC_DIR_TABLE(sysfs_huge_dir, huge_defs);

static const struct proc_def ksm_defs[] = {
	DEF_TEXT("full_scans", 0444, "0\n"),
	DEF_FIXED("max_page_sharing", "256\n"),
	DEF_FIXED("merge_across_nodes", "1\n"),
	DEF_TEXT("pages_shared", 0444, "0\n"),
	DEF_TEXT("pages_sharing", 0444, "0\n"),
	DEF_FIXED("pages_to_scan", "100\n"),
	DEF_TEXT("pages_unshared", 0444, "0\n"),
	DEF_TEXT("pages_volatile", 0444, "0\n"),
	DEF_FIXED("run", "0\n"),
	DEF_FIXED("sleep_millisecs", "20\n"),
	DEF_TEXT("stable_node_chains", 0444, "0\n"),
	DEF_FIXED("stable_node_chains_prune_millisecs", "2000\n"),
	DEF_TEXT("stable_node_dups", 0444, "0\n"),
	DEF_FIXED("use_zero_pages", "0\n"),
};
PROC_DIR_TABLE(sysfs_ksm_dir, ksm_defs);

static int input_bool(const struct proc_input *in, bool *on)
{
	char word[16];

	return proc_word(in, word, sizeof(word)) ? -EINVAL : parse_bool(word, on);
}

/* Where an anonymous page's neighbours in the address space are read with it, and not
 * those of its slot. */
static int show_vma_ra(struct quire *q, __unused const struct proc_entry *e,
		       __unused const struct proc_def *def, struct text *t)
{
	text_puts(t, q->swap->vma_ra_disabled ? "false\n" : "true\n");
	return 0;
}

static s64 store_vma_ra(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, const struct proc_input *in)
{
	bool on;
	int err = input_bool(in, &on);

	if (!err)
		HOT_STORE(&q->swap->vma_ra_disabled, !on);
	return err ? err : (s64)in->len;
}

static const struct proc_def mm_swap_defs[] = {
	DEF_RW("vma_ra_enabled", 0644, show_vma_ra, store_vma_ra)};
PROC_DIR_TABLE(sysfs_mm_swap_dir, mm_swap_defs);

static int show_demotion(struct quire *q, __unused const struct proc_entry *e,
			 __unused const struct proc_def *def, struct text *t)
{
	text_puts(t, q->reclaim->demotion_enabled ? "true\n" : "false\n");
	return 0;
}

static s64 store_demotion(struct quire *q, __unused const struct proc_entry *e,
			  __unused const struct proc_def *def, const struct proc_input *in)
{
	bool on;
	int err = input_bool(in, &on);

	if (!err)
		HOT_STORE(&q->reclaim->demotion_enabled, on);
	return err ? err : (s64)in->len;
}

static const struct proc_def mm_numa_defs[] = {
	DEF_RW("demotion_enabled", 0644, show_demotion, store_demotion)};
PROC_DIR_TABLE(sysfs_mm_numa_dir, mm_numa_defs);

/* How many pages in a row a node gets of weighted interleave; 0 written: 1. */
static int show_weight(struct quire *q, const struct proc_entry *e,
		       __unused const struct proc_def *def, struct text *t)
{
	unsigned int weight = q->page->il_weight[e->arg];

	text_printf(t, "%u\n", weight ? weight : 1);
	return 0;
}

static s64 store_weight(struct quire *q, const struct proc_entry *e,
			__unused const struct proc_def *def, const struct proc_input *in)
{
	long v;
	int err = proc_one_long(in, &v);

	if (!err && (v < 0 || v > 255))
		err = -EINVAL;
	if (!err)
		q->page->il_weight[e->arg] = (u8)v;
	return err ? err : (s64)in->len;
}

static const struct proc_def weight_defs[] = {DEF_RW("", 0644, show_weight, store_weight)};

static bool hidden(__unused struct quire *q, __unused const struct proc_entry *dir,
		   __unused const struct proc_def *def)
{
	return false;
}

static struct proc_entry weight_entry(u32 nid)
{
	return (struct proc_entry){.kind = PROC_FILE,
				   .mode = 0644,
				   .id = (u16)((unsigned int)DIR_MM_WEIGHTED << 8),
				   .arg = nid};
}

static struct proc_entry weight_lookup(struct quire *q, __unused const struct proc_entry *dir,
				       const char *name)
{
	long nid = proc_number_behind(name, "node");

	return nid < 0 || nid >= (long)q->nr_nodes ? (struct proc_entry){0}
						   : weight_entry((u32)nid);
}

static void weight_readdir(struct quire *q, __unused const struct proc_entry *dir,
			   struct proc_filler *f)
{
	for_each_node (q, nid) {
		char name[16];

		(void)text_format(name, sizeof(name), "node%u", nid);
		if (!proc_fill(f, name, weight_entry(nid)))
			return;
	}
}

const struct proc_dir sysfs_mm_weighted_dir = {.defs = weight_defs,
					       .nr_defs = ARRAY_SIZE(weight_defs),
					       .visible = hidden,
					       .lookup = weight_lookup,
					       .readdir = weight_readdir};

static const struct proc_def mempolicy_defs[] = {DEF_DIR("weighted_interleave", DIR_MM_WEIGHTED)};
PROC_DIR_TABLE(sysfs_mm_mempolicy_dir, mempolicy_defs);

static const struct proc_def mm_defs[] = {
	DEF_DIR("cma", DIR_MM_CMA),
	DEF_DIR("hugepages", DIR_HUGE),
	DEF_DIR("ksm", DIR_KSM),
	DEF_DIR("lru_gen", DIR_LRU_GEN),
	DEF_DIR("mempolicy", DIR_MM_MEMPOLICY),
	DEF_DIR("numa", DIR_MM_NUMA),
	DEF_DIR("swap", DIR_MM_SWAP),
	DEF_DIR("transparent_hugepage", DIR_THP),
};

/* Contiguous areas are shown where there are any, weights where they may be used. */
static bool mm_visible(struct quire *q, __unused const struct proc_entry *dir,
		       const struct proc_def *def)
{
	if (def->dir == DIR_MM_MEMPOLICY)
		return q->cfg.weighted_interleave;
	return def->dir != DIR_MM_CMA || q->page->cma;
}

const struct proc_dir sysfs_mm_dir = {
	.defs = mm_defs, .nr_defs = ARRAY_SIZE(mm_defs), .visible = mm_visible};

/* ---- kernel, devices, the root ----------------------------------------------- */

static const struct proc_def kernel_defs[] = {
	DEF_DIR("debug", DIR_DEBUG),
	DEF_DIR("mm", DIR_MM),
	DEF_DIR("slab", DIR_SLABS),
	DEF_DIR("tracing", DIR_TRACING),
};
PROC_DIR_TABLE(sysfs_kernel_dir, kernel_defs);

static const struct proc_def devices_defs[] = {DEF_DIR("system", DIR_DEV_SYSTEM)};
PROC_DIR_TABLE(sysfs_devices_dir, devices_defs);

static const struct proc_def fs_defs[] = {DEF_DIR("cgroup", DIR_CGROUP)};
PROC_DIR_TABLE(sysfs_fs_dir, fs_defs);

static const struct proc_def sysfs_defs[] = {
	DEF_DIR("block", DIR_BLOCKS),	 DEF_DIR("class", DIR_CLASS),
	DEF_DIR("devices", DIR_DEVICES), DEF_DIR("fs", DIR_FS),
	DEF_DIR("kernel", DIR_KERNEL),	 DEF_DIR("module", DIR_MODULES),
};
PROC_DIR_TABLE(sysfs_root_dir, sysfs_defs);
