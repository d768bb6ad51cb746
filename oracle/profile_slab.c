/* SPDX-License-Identifier: MIT */
/*
 * The kernel's objects after boot: see profile_boot.c.
 *
 * They are held for as long as the machine runs.  That is what those of
 * /sys, debugfs and tracefs are, by far the most: their directories keep their
 * inodes and dentries (in the recorded runs reclaim never got at them).
 */
#include "oracle/profile_boot.h"

#include "base/string.h"
#include "slab/slub.h"

/* Active objects in /proc/slabinfo: on one CPU, and what each further CPU adds
 * (2 nodes with 4 CPUs; caches that grow by less than a slab stay). */
static const struct {
	const char *name;
	unsigned int base, cpu;
} caches[] = {
	{"RAWv6", 13, 4},
	{"mqueue_inode_cache", 8, 3},
	{"RAW", 8, 3},
	{"hugetlbfs_inode_cache", 12, 4},
	{"bio-256", 36, 5},
	{"dax_cache", 19, 0},
	{"bio-192", 16, 0},
	{"biovec-max", 48, 0},
	{"biovec-128", 8, 3},
	{"biovec-64", 8, 3},
	{"dmaengine-unmap-256", 15, 0},
	{"dmaengine-unmap-128", 15, 5},
	{"sock_inode_cache", 19, 19},
	{"skbuff_ext_cache", 21, 7},
	{"skbuff_fclone_cache", 8, 3},
	{"skbuff_head_cache", 16, 11},
	{"proc_dir_entry", 273, 0},
	{"pde_opener", 102, 34},
	{"proc_inode_cache", 33, 20},
	{"seq_file", 34, 23},
	{"sigqueue", 51, 51},
	{"bdev_cache", 10, 3},
	{"shmem_inode_cache", 140, 20},
	{"kernfs_iattrs_cache", 46, 0},
	{"kernfs_node_cache", 11744, 544},
	{"mnt_cache", 36, 21},
	{"filp", 48, 11},
	{"inode_cache", 10872, 51},
	{"dentry", 11025, 42},
	{"names_cache", 8, 8},
	{"lsm_inode_cache", 11129, 0},
	{"lsm_file_cache", 170, 170},
	{"nsproxy", 56, 0},
	{"vm_area_struct", 26, 26},
	{"files_cache", 11, 19},
	{"signal_cache", 84, 28},
	{"sighand_cache", 60, 20},
	{"task_struct", 53, 16},
	{"cred_jar", 84, 21},
	{"anon_vma_chain", 64, 64},
	{"anon_vma", 39, 39},
	{"pid", 96, 21},
	{"Acpi-Operand", 448, 0},
	{"Acpi-State", 51, 17},
	{"shared_policy_node", 510, 57},
	{"numa_policy", 15, 5},
	{"perf_event", 13, 4},
	{"trace_event_file", 1470, 0},
	{"ftrace_event_field", 3796, 0},
	{"maple_node", 112, 16},
	{"radix_tree_node", 294, 51},
	{"mm_struct", 14, 33},
	{"vmap_area", 192, 115},
	{"kmalloc-rcl-64", 64, 21},
	{"kmalloc-cg-4k", 16, 5},
	{"kmalloc-cg-2k", 16, 16},
	{"kmalloc-cg-1k", 8, 13},
	{"kmalloc-cg-512", 24, 13},
	{"kmalloc-cg-256", 16, 11},
	{"kmalloc-cg-192", 42, 14},
	{"kmalloc-cg-128", 64, 21},
	{"kmalloc-cg-96", 42, 28},
	{"kmalloc-cg-64", 64, 0},
	{"kmalloc-cg-32", 128, 85},
	{"kmalloc-cg-16", 256, 256},
	{"kmalloc-cg-8", 512, 512},
	{"kmalloc-8k", 20, 4},
	{"kmalloc-4k", 40, 5},
	{"kmalloc-2k", 136, 13},
	{"kmalloc-1k", 272, 35},
	{"kmalloc-512", 240, 27},
	{"kmalloc-256", 432, 37},
	{"kmalloc-192", 336, 0},
	{"kmalloc-128", 352, 43},
	{"kmalloc-96", 462, 29},
	{"kmalloc-64", 1728, 84},
	{"kmalloc-32", 1017, 185},
	{"kmalloc-16", 1536, 171},
	{"kmalloc-8", 1534, 342},
	{"kmem_cache_node", 192, 95},
	{"kmem_cache", 160, 11},
};

/* Directories of /sys/devices/system/memory: nodes of kernfs each. */
#define KERNFS_A_BLOCK 23

static unsigned int wanted(const struct quire *q, size_t i, unsigned long blocks)
{
	unsigned int n = caches[i].base + caches[i].cpu * (q->nr_cpus - 1);

	if (str_eq(caches[i].name, "kernfs_node_cache"))
		n += (unsigned int)(KERNFS_A_BLOCK * (blocks > 4 ? blocks - 4 : 0));
	return n;
}

/* What the table says on one CPU is on the first, what the others add on their
 * nodes. */
int boot_slabs(struct quire *q)
{
	/* A directory for each block: 128 MiB, from 64 GiB on 2 GiB. */
	u64 bytes = q->max_pfn << PAGE_SHIFT;
	unsigned long blocks = bytes >= 64UL << 30 ? bytes >> 31 : bytes >> 27;

	for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
		struct kmem_cache *s = find_kmem_cache(q, caches[i].name);
		unsigned int want = wanted(q, i, blocks);
		unsigned int base = want - caches[i].cpu * (q->nr_cpus - 1);
		struct slabinfo info;
		unsigned long n;

		if (!s)
			continue;
		get_slabinfo(q, s, &info);
		for (n = info.active_objs; n < want; n++) {
			unsigned int cpu = n < base ? 0 : (n - base) % q->nr_cpus;

			/* They stay for as long as the machine runs. */
			if (!kmem_cache_alloc_node(q, s, GFP_KERNEL, (int)cpu_to_node(q, cpu)))
				return -ENOMEM;
		}
	}
	return 0;
}
