/* SPDX-License-Identifier: MIT */
/*
 * What a snapshot reads, in its order: the guest's program and the model's
 * write the same files, so that two texts can be held side by side.
 */
#ifndef QUIRE_ORACLE_SNAPSHOT_FILES_H
#define QUIRE_ORACLE_SNAPSHOT_FILES_H

/* Of a process: lines of status and of smaps_rollup, files of one number. */
#define SNAP_STATUS                                                                      \
	"VmSize", "VmRSS", "RssAnon", "RssFile", "RssShmem", "VmSwap", "VmPTE", "VmLck", \
		"HugetlbPages"
#define SNAP_ROLLUP  "Rss", "Pss", "Anonymous", "AnonHugePages", "Swap", "FilePmdMapped"
#define SNAP_NUMBERS "oom_score", "oom_score_adj"
/* Of a node; the last two only in a full snapshot. */
#define SNAP_NODE_FILES "meminfo", "numastat", "distance", "cpulist"
#define SNAP_HUGE_SIZES "2048kB", "1048576kB"
/* Of a control group. */
#define SNAP_GROUP_FILES                                                                          \
	"memory.current", "memory.stat", "memory.events", "memory.swap.current",                  \
		"memory.zswap.current", "memory.peak", "memory.max", "memory.high", "memory.min", \
		"memory.low"
/* Not in a lite snapshot. */
#define SNAP_FULL_FILES                                                                       \
	"/proc/pagetypeinfo", "/proc/slabinfo", "/proc/pressure/memory", "/proc/pressure/io", \
		"/sys/kernel/debug/extfrag/extfrag_index",                                    \
		"/sys/kernel/debug/extfrag/unusable_index", "/sys/kernel/mm/lru_gen/enabled", \
		"/proc/diskstats"
#define SNAP_FULL_DIRS                                                                           \
	"/sys/kernel/mm/transparent_hugepage", "/sys/kernel/mm/transparent_hugepage/khugepaged", \
		"/sys/kernel/mm/hugepages/hugepages-2048kB",                                     \
		"/sys/kernel/mm/hugepages/hugepages-1048576kB", "/sys/kernel/mm/ksm",            \
		"/sys/kernel/mm/swap", "/sys/kernel/debug/zswap", "/sys/module/zswap/parameters"
/* In each. */
#define SNAP_ALWAYS                                                                          \
	"/proc/vmstat", "/proc/buddyinfo", "/proc/zoneinfo", "/proc/meminfo", "/proc/swaps", \
		"/proc/sys/vm/min_free_kbytes", "/proc/sys/vm/watermark_scale_factor",       \
		"/proc/sys/vm/percpu_pagelist_high_fraction", "/proc/sys/vm/dirty_ratio",    \
		"/proc/sys/vm/dirty_background_ratio",                                       \
		"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/devices/system/cpu/online"

#endif
