/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys beside vm: names, random identifiers, and the sysctls of file
 * systems, which count what the caches really hold.
 */
#include "proc/internal.h"

/* ---- names ------------------------------------------------------------------ */

int show_name(struct quire *q, __unused const struct proc_entry *e, const struct proc_def *def,
	      struct text *t)
{
	text_puts(t, def->val == NAME_HOST     ? q->proc->hostname
		     : def->val == NAME_DOMAIN ? q->proc->domainname
					       : q->cfg.version);
	text_putc(t, '\n');
	return 0;
}

s64 store_name(struct quire *q, __unused const struct proc_entry *e, const struct proc_def *def,
	       const struct proc_input *in)
{
	char *name = def->val == NAME_HOST ? q->proc->hostname : q->proc->domainname;
	size_t n = 0;

	/* Up to a newline; what does not fit is cut, as proc_dostring() does. */
	while (n < HOSTNAME_MAX && n < in->len && in->buf[n] && in->buf[n] != '\n') {
		name[n] = in->buf[n];
		n++;
	}
	name[n] = '\0';
	return (s64)in->len;
}

/* ---- random ----------------------------------------------------------------- */

static void put_uuid(struct text *t, const u8 id[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		u8 byte = id[i];

		/* A version 4 identifier of variant 1. */
		if (i == 6)
			byte = (byte & 0x0f) | 0x40;
		else if (i == 8)
			byte = (byte & 0x3f) | 0x80;
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text_putc(t, '-');
		text_putc(t, "0123456789abcdef"[byte >> 4]);
		text_putc(t, "0123456789abcdef"[byte & 15]);
	}
	text_putc(t, '\n');
}

static int show_boot_id(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	put_uuid(t, q->proc->boot_id);
	return 0;
}

static int show_uuid(struct quire *q, __unused const struct proc_entry *e,
		     __unused const struct proc_def *def, struct text *t)
{
	u64 id[2] = {prng_u64(&q->proc->uuid_rng), prng_u64(&q->proc->uuid_rng)};

	put_uuid(t, (const u8 *)id);
	return 0;
}

static const struct proc_def random_defs[] = {
	DEF_FILE("boot_id", 0444, show_boot_id),
	DEF_TEXT("entropy_avail", 0444, "256\n"),
	DEF_TEXT("poolsize", 0444, "256\n"),
	DEF_FILE("uuid", 0444, show_uuid),
};
PROC_DIR_TABLE(proc_sysctl_random_dir, random_defs);

/* ---- fs --------------------------------------------------------------------- */

static unsigned long file_max(const struct quire *q)
{
	/* Linux gives files a tenth of memory, 1 KiB each. */
	return max(q->node->totalram_pages * (PAGE_SIZE / 1024) / 10, 8192UL);
}

static int show_file_nr(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "%lu\t0\t%lu\n", kmem_cache_objects_in_use(q, q->cache->filp_cachep),
		    file_max(q));
	return 0;
}

static int show_file_max(struct quire *q, __unused const struct proc_entry *e,
			 __unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "%lu\n", file_max(q));
	return 0;
}

struct vfs_counts {
	unsigned long inodes, unused_inodes, dentries, unused_dentries;
};

static struct vfs_counts vfs_counts_of(const struct quire *q)
{
	const struct super_block *sb;
	struct vfs_counts sum = {0};

	list_for_each_entry (sb, &q->cache->super_blocks, list) {
		sum.inodes += sb->nr_inodes;
		sum.unused_inodes += sb->nr_inode_lru;
		sum.dentries += sb->nr_dentries;
		sum.unused_dentries += sb->nr_dentry_lru;
	}
	return sum;
}

enum vfs_file { VFS_DENTRY_STATE, VFS_INODE_NR, VFS_INODE_STATE };

static int show_vfs(struct quire *q, __unused const struct proc_entry *e,
		    const struct proc_def *def, struct text *t)
{
	struct vfs_counts c = vfs_counts_of(q);

	if (def->val == VFS_DENTRY_STATE)
		text_printf(t, "%lu\t%lu\t45\t0\t0\t0\n", c.dentries, c.unused_dentries);
	else
		text_printf(t,
			    def->val == VFS_INODE_NR ? "%lu\t%lu\n" : "%lu\t%lu\t0\t0\t0\t0\t0\n",
			    c.inodes, c.unused_inodes);
	return 0;
}

static const struct proc_def fs_defs[] = {
	DEF_TEXT("aio-max-nr", 0644, "65536\n"),
	DEF_TEXT("aio-nr", 0444, "0\n"),
	DEF_VAL("dentry-state", 0444, show_vfs, NULL, VFS_DENTRY_STATE),
	DEF_FILE("file-max", 0644, show_file_max),
	DEF_FILE("file-nr", 0444, show_file_nr),
	DEF_VAL("inode-nr", 0444, show_vfs, NULL, VFS_INODE_NR),
	DEF_VAL("inode-state", 0444, show_vfs, NULL, VFS_INODE_STATE),
	DEF_TEXT("nr_open", 0644, "1048576\n"),
	DEF_TEXT("pipe-max-size", 0644, "1048576\n"),
};
PROC_DIR_TABLE(proc_sysctl_fs_dir, fs_defs);

static const struct proc_def sysctl_defs[] = {
	DEF_DIR("fs", DIR_SYSCTL_FS),
	DEF_DIR("kernel", DIR_SYSCTL_KERNEL),
	DEF_DIR("vm", DIR_SYSCTL_VM),
};
PROC_DIR_TABLE(proc_sysctl_dir, sysctl_defs);
