/* SPDX-License-Identifier: MIT */
/*
 * /sys/devices/system/memory: a directory for each block of 128 MiB, whose state
 * takes "offline" and "online" (Linux's drivers/base/memory.c).
 */
#include "proc/internal.h"
#include "reclaim/memory_hotplug.h"

static int show_state(struct quire *q, const struct proc_entry *e,
		      __unused const struct proc_def *def, struct text *t)
{
	bool online = memory_block_state(q, e->arg) == MEM_ONLINE;

	text_printf(t, online ? "online\n" : "offline\n");
	return 0;
}

static int show_online(struct quire *q, const struct proc_entry *e,
		       __unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "%d\n", memory_block_state(q, e->arg) == MEM_ONLINE);
	return 0;
}

static int show_index(__unused struct quire *q, const struct proc_entry *e,
		      __unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "%08x\n", e->arg);
	return 0;
}

static s64 change(struct quire *q, const struct proc_entry *e, bool online, enum mmop how,
		  size_t len)
{
	bool is_online = memory_block_state(q, e->arg) == MEM_ONLINE;
	int err = 0;

	/* Already so: nothing to do, as device_online() has it. */
	if (online != is_online)
		err = online ? memory_block_online(q, e->arg, how)
			     : memory_block_offline(q, e->arg);
	return err ? err : (s64)len;
}

static s64 store_state(struct quire *q, const struct proc_entry *e,
		       __unused const struct proc_def *def, const struct proc_input *in)
{
	static const struct {
		const char *word;
		bool online;
		enum mmop how;
	} words[] = {
		{"offline", false, MMOP_ONLINE},
		{"online", true, MMOP_ONLINE},
		{"online_kernel", true, MMOP_ONLINE_KERNEL},
		{"online_movable", true, MMOP_ONLINE_MOVABLE},
	};
	char word[16];

	if (proc_word(in, word, sizeof(word)))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_eq(word, words[i].word))
			return change(q, e, words[i].online, words[i].how, in->len);
	return -EINVAL;
}

static s64 store_online(struct quire *q, const struct proc_entry *e,
			__unused const struct proc_def *def, const struct proc_input *in)
{
	long v;

	if (proc_one_long(in, &v) || v < 0 || v > 1)
		return -EINVAL;
	return change(q, e, v, MMOP_ONLINE, in->len);
}

static const struct proc_def block_defs[] = {
	DEF_RW("online", 0644, show_online, store_online), DEF_TEXT("phys_device", 0444, "0\n"),
	DEF_FILE("phys_index", 0444, show_index),	   DEF_TEXT("removable", 0444, "1\n"),
	DEF_RW("state", 0644, show_state, store_state),
};
PROC_DIR_TABLE(sysfs_memory_block_dir, block_defs);

static struct proc_entry blocks_lookup(struct quire *q, __unused const struct proc_entry *dir,
				       const char *name)
{
	long block = proc_number_behind(name, "memory");

	if (block < 0 || memory_block_state(q, (unsigned int)block) == MEM_ABSENT)
		return (struct proc_entry){0};
	return proc_entry_of(DIR_MEMORY_BLOCK, 0, (u32)block);
}

static void blocks_readdir(struct quire *q, __unused const struct proc_entry *dir,
			   struct proc_filler *f)
{
	for (u32 block = 0; block < nr_memory_blocks(q); block++) {
		char name[24];

		if (memory_block_state(q, block) == MEM_ABSENT)
			continue;
		(void)text_format(name, sizeof(name), "memory%u", block);
		if (!proc_fill(f, name, proc_entry_of(DIR_MEMORY_BLOCK, 0, block)))
			return;
	}
}

static const struct proc_def blocks_defs[] = {
	DEF_TEXT("auto_online_blocks", 0444, "offline\n"),
	DEF_TEXT("block_size_bytes", 0444, "8000000\n"),
};

const struct proc_dir sysfs_memory_blocks_dir = {
	.defs = blocks_defs,
	.nr_defs = ARRAY_SIZE(blocks_defs),
	.lookup = blocks_lookup,
	.readdir = blocks_readdir,
};
