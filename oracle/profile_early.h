/* SPDX-License-Identifier: MIT */
/*
 * What a kernel takes of a PC before its buddy allocator stands.
 *
 * The boot of Linux 6.1 on QEMU's "pc" is followed allocation by allocation:
 * the firmware's memory map, page tables of the direct map, the initrd, node
 * data, the memory map, per-CPU areas, hash tables; each in the order and with
 * the size in which the kernel asks memblock for it.  What is left over is what
 * the zones manage, to the page, for machines of any shape.  `memblock=debug`
 * on the kernel's command line prints the same list.
 */
#ifndef ORACLE_PROFILE_EARLY_H
#define ORACLE_PROFILE_EARLY_H

#include <quire/quire.h>

#include "base/types.h"

#define EARLY_RANGES 1024

struct early_range {
	u64 base, end; /* bytes */
	u32 nid;
};

/* The machine, as QEMU's command line has it. */
struct early_machine {
	u32 nr_nodes, nr_cpus;
	u64 bytes[QUIRE_MAX_NODES];
	u32 cpu_node[QUIRE_MAX_CPUS];
	bool distances; /* the firmware has a table of them */
	bool nvdimm;	/* there are disks in persistent memory */
	/* kernelcore=, movablecore=: bytes, 0: not said. */
	u64 kernelcore, movablecore;
	u32 cmdline_len; /* of the kernel's command line, without its end */
};

/* Numbers of a kernel and of the initramfs that the rig boots with it. */
struct early_kernel {
	const char *name;
	u64 image_start, image_end; /* text to bss, and what of brk was used */
	u64 initrd_bytes;
	u64 pg_data_bytes;
	u64 pcpu_static, pcpu_reserved, pcpu_dynamic;
	/* Given back during boot, before the first marks. */
	struct early_range alternatives;
	/* Given back after the marks were computed, in this order. */
	struct early_range after_marks[4];
};

struct early {
	struct early_range memory[EARLY_RANGES], reserved[EARLY_RANGES];
	u32 nr_memory, nr_reserved;
	struct early_range initrd; /* it goes first of what goes after the marks */
	u64 low_end, high_end;	   /* of memory below 4 GiB; of all */
	/* For the hash tables: pages of the buddy's zones as boot counts them,
	 * "Total pages" of the log. */
	unsigned long nr_kernel_pages;
	bool hash_early; /* dentry and inode tables are in it; else they come later */
	bool failed;	 /* it can't boot: no room */
};

extern const struct early_kernel early_kernel_6_1;

/* Follows the boot.  False: the machine is too small, or has too many ranges. */
bool early_boot(const struct early_machine *m, const struct early_kernel *k, struct early *e);

/* Entries of a hash table: alloc_large_system_hash() with a scale and bytes an
 * entry; limit 0: a sixteenth of memory. */
u64 early_hash_entries(unsigned long nr_kernel_pages, u32 bytes, u32 scale, u64 limit);

#endif
