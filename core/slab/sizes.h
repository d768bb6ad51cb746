/* SPDX-License-Identifier: MIT */
/*
 * How large the kernel's own objects are: the object sizes that Linux 6.1
 * (Debian, x86-64) shows in /proc/slabinfo.  A cache of ours is made with
 * Linux's size, so its objects fill slabs as the kernel's do; our structure is
 * the first part of the object (each floor asserts that it fits).
 */
#ifndef QUIRE_SLAB_SIZES_H
#define QUIRE_SLAB_SIZES_H

#define SLAB_SIZE_task_struct	    8448
#define SLAB_SIZE_mm_struct	    1152
#define SLAB_SIZE_vm_area_struct    152
#define SLAB_SIZE_anon_vma	    104
#define SLAB_SIZE_anon_vma_chain    64
#define SLAB_SIZE_signal_cache	    1152
#define SLAB_SIZE_sighand_cache	    2112
#define SLAB_SIZE_files_cache	    704
#define SLAB_SIZE_fs_cache	    64
#define SLAB_SIZE_cred_jar	    192
#define SLAB_SIZE_pid		    128
#define SLAB_SIZE_mm_slot	    112
#define SLAB_SIZE_filp		    256
#define SLAB_SIZE_inode_cache	    640
#define SLAB_SIZE_dentry	    192
#define SLAB_SIZE_ext4_inode_cache  1192
#define SLAB_SIZE_shmem_inode_cache 784
#define SLAB_SIZE_sock_inode_cache  832
#define SLAB_SIZE_proc_inode_cache  712
#define SLAB_SIZE_TCP		    2304
#define SLAB_SIZE_buffer_head	    104
#define SLAB_SIZE_radix_tree_node   584
#define SLAB_SIZE_vmap_area	    64
#define SLAB_SIZE_skbuff_head_cache 256
#define SLAB_SIZE_kernfs_node_cache 128
#define SLAB_SIZE_kmem_cache	    256
#define SLAB_SIZE_kmem_cache_node   64

#endif
