/* SPDX-License-Identifier: MIT */
/*
 * The caches that a Debian 12 kernel has made by the time it runs its first
 * program, oldest first, with the sizes that it shows in /proc/slabinfo.
 *
 * They are made at boot, empty, so that /proc/slabinfo has Linux's lines in
 * Linux's order.  A floor that calls kmem_cache_create() with one of these
 * names becomes its owner, and its size is then the owner's; the others (TCP,
 * sock_inode_cache, names_cache...) are for the machine, by find_kmem_cache().
 * Debian's kernel does not merge caches (CONFIG_SLAB_MERGE_DEFAULT is off); with
 * merging on (quire_config.slab_merge) such a name may be an alias.
 */
#include "slab/impl.h"

static const struct {
	const char *name;
	unsigned int size; /* bytes */
	unsigned int flags;
} boot_caches[] = {
	/* clang-format off */
	{ "vmap_area", 64, 0 },
	{ "mm_struct", 1152, 0 },
	{ "task_group", 640, 0 },
	{ "radix_tree_node", 584, SLAB_RECLAIM_ACCOUNT },
	{ "maple_node", 256, 0 },
	{ "ftrace_event_field", 56, 0 },
	{ "trace_event_file", 96, 0 },
	{ "perf_event", 1232, 0 },
	{ "numa_policy", 272, 0 },
	{ "shared_policy_node", 48, 0 },
	{ "Acpi-State", 80, 0 },
	{ "Acpi-Operand", 72, 0 },
	{ "pid", 128, 0 },
	{ "anon_vma", 104, 0 },
	{ "anon_vma_chain", 64, 0 },
	{ "cred_jar", 192, 0 },
	{ "task_struct", 8448, 0 },
	{ "sighand_cache", 2112, 0 },
	{ "signal_cache", 1152, 0 },
	{ "files_cache", 704, 0 },
	{ "vm_area_struct", 152, 0 },
	{ "nsproxy", 72, 0 },
	{ "uts_namespace", 432, 0 },
	{ "lsm_file_cache", 24, 0 },
	{ "lsm_inode_cache", 32, 0 },
	{ "iint_cache", 128, 0 },
	{ "net_namespace", 4480, 0 },
	{ "names_cache", 4096, 0 },
	{ "dentry", 192, SLAB_RECLAIM_ACCOUNT },
	{ "inode_cache", 640, SLAB_RECLAIM_ACCOUNT },
	{ "filp", 256, 0 },
	{ "mnt_cache", 320, 0 },
	{ "kernfs_node_cache", 128, 0 },
	{ "kernfs_iattrs_cache", 88, 0 },
	{ "shmem_inode_cache", 784, SLAB_RECLAIM_ACCOUNT },
	{ "bdev_cache", 1600, SLAB_RECLAIM_ACCOUNT },
	{ "sigqueue", 80, 0 },
	{ "seq_file", 120, 0 },
	{ "proc_inode_cache", 712, SLAB_RECLAIM_ACCOUNT },
	{ "pde_opener", 40, 0 },
	{ "proc_dir_entry", 192, 0 },
	{ "taskstats", 416, 0 },
	{ "buffer_head", 104, SLAB_RECLAIM_ACCOUNT },
	{ "file_lock_cache", 216, 0 },
	{ "skbuff_head_cache", 256, 0 },
	{ "skbuff_fclone_cache", 512, 0 },
	{ "skbuff_ext_cache", 192, 0 },
	{ "sock_inode_cache", 832, SLAB_RECLAIM_ACCOUNT },
	{ "dmaengine-unmap-128", 1088, 0 },
	{ "dmaengine-unmap-256", 2112, 0 },
	{ "user_namespace", 624, 0 },
	{ "khugepaged_mm_slot", 112, 0 },
	{ "biovec-64", 1024, 0 },
	{ "biovec-128", 2048, 0 },
	{ "biovec-max", 4096, 0 },
	{ "bio-192", 256, 0 },
	{ "request_queue", 968, 0 },
	{ "request_queue_srcu", 1360, 0 },
	{ "dax_cache", 832, SLAB_RECLAIM_ACCOUNT },
	{ "ep_head", 16, 0 },
	{ "bio-256", 320, 0 },
	{ "dquot", 256, SLAB_RECLAIM_ACCOUNT },
	{ "hugetlbfs_inode_cache", 664, 0 },
	{ "TCP", 2304, 0 },
	{ "request_sock_TCP", 312, 0 },
	{ "tw_sock_TCP", 272, 0 },
	{ "RAW", 1024, 0 },
	{ "PING", 1024, 0 },
	{ "ip_fib_alias", 56, 0 },
	{ "ip_fib_trie", 48, 0 },
	{ "xfrm_state", 768, 0 },
	{ "xfrm_dst_cache", 320, 0 },
	{ "request_sock_subflow_v4", 384, 0 },
	{ "MPTCP", 1984, 0 },
	{ "ip4-frags", 200, 0 },
	{ "pid_namespace", 136, 0 },
	{ "dnotify_struct", 32, 0 },
	{ "userfaultfd_ctx_cache", 192, 0 },
	{ "kioctx", 576, 0 },
	{ "mqueue_inode_cache", 960, 0 },
	{ "TCPv6", 2496, 0 },
	{ "request_sock_TCPv6", 312, 0 },
	{ "tw_sock_TCPv6", 272, 0 },
	{ "UDPv6", 1344, 0 },
	{ "RAWv6", 1216, 0 },
	{ "PINGv6", 1216, 0 },
	{ "ip6-frags", 184, 0 },
	{ "request_sock_subflow_v6", 384, 0 },
	{ "MPTCPv6", 2176, 0 },
	{ "fscrypt_info", 128, 0 },
	{ "fsverity_info", 256, 0 },
	{ "dm_uevent", 2888, 0 },
	{ "kcopyd_job", 3240, 0 },
	{ "jbd2_revoke_record_s", 32, 0 },
	{ "jbd2_revoke_table_s", 16, 0 },
	{ "jbd2_journal_head", 120, 0 },
	{ "jbd2_journal_handle", 56, 0 },
	{ "ext4_extent_status", 40, SLAB_RECLAIM_ACCOUNT },
	{ "ext4_io_end", 64, SLAB_RECLAIM_ACCOUNT },
	{ "ext4_system_zone", 40, 0 },
	{ "ext4_allocation_context", 136, SLAB_RECLAIM_ACCOUNT },
	{ "ext4_inode_cache", 1192, SLAB_RECLAIM_ACCOUNT },
	{ "ext4_fc_dentry_update", 96, SLAB_RECLAIM_ACCOUNT },
	/* clang-format on */
};

int create_boot_caches(struct quire *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(boot_caches); i++) {
		struct kmem_cache *s = merge_boot_cache(q, boot_caches[i].name, boot_caches[i].size,
							boot_caches[i].flags);

		if (s)
			continue;
		s = create_cache(q, boot_caches[i].name, boot_caches[i].size, 0,
				 boot_caches[i].flags, NULL);
		if (!s)
			return -ENOMEM;
		s->unclaimed = true;
	}
	return 0;
}
