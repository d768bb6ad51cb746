/* SPDX-License-Identifier: MIT */
/*
 * The schema of a scenario file, for libcyaml.  One table a structure of
 * scenario.h; scenario_lint.c walks the same tables to report every fault.
 * Values with units are strings here: units.c makes numbers of them.
 */
#include "machine/scenario_schema.h"

#define OPT	     (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define PATH_MAX_LEN 4096

#define STRING(key, flags, type, member) \
	CYAML_FIELD_STRING_PTR(key, flags, type, member, 0, PATH_MAX_LEN)
#define VALUE(key, type, member) CYAML_FIELD_STRING_PTR(key, OPT, type, member.text, 0, 64)
#define NEEDED_VALUE(key, type, member) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member.text, 0, 64)

static const cyaml_schema_field_t node_fields[] = {
	NEEDED_VALUE("memory", struct scn_node, memory),
	VALUE("reserved", struct scn_node, reserved),
	VALUE("start", struct scn_node, start),
	VALUE("cma", struct scn_node, cma),
	CYAML_FIELD_UINT("cpus", CYAML_FLAG_DEFAULT, struct scn_node, cpus),
	CYAML_FIELD_UINT("hugepages_1g", CYAML_FLAG_OPTIONAL, struct scn_node, hugepages_1g),
	CYAML_FIELD_UINT("hugepages_2m", CYAML_FLAG_OPTIONAL, struct scn_node, hugepages_2m),
	CYAML_FIELD_BOOL("hotpluggable", CYAML_FLAG_OPTIONAL, struct scn_node, hotpluggable),
	STRING("distances", OPT, struct scn_node, distances),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t node_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_node, node_fields),
};

static const cyaml_schema_field_t fault_fields[] = {
	VALUE("from", struct scn_fault, from),
	VALUE("to", struct scn_fault, to),
	CYAML_FIELD_UINT("slow", CYAML_FLAG_OPTIONAL, struct scn_fault, slow),
	VALUE("errors", struct scn_fault, errors),
	CYAML_FIELD_BOOL("stalled", CYAML_FLAG_OPTIONAL, struct scn_fault, stalled),
	CYAML_FIELD_BOOL("full", CYAML_FLAG_OPTIONAL, struct scn_fault, full),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t fault_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_fault, fault_fields),
};

static const cyaml_schema_field_t disk_fields[] = {
	STRING("name", CYAML_FLAG_POINTER, struct scn_disk, name),
	STRING("kind", OPT, struct scn_disk, kind),
	CYAML_FIELD_SEQUENCE("faults", OPT, struct scn_disk, faults, &fault_schema, 0, 16),
	NEEDED_VALUE("size", struct scn_disk, size),
	VALUE("read_latency", struct scn_disk, read_latency),
	VALUE("write_latency", struct scn_disk, write_latency),
	VALUE("bandwidth", struct scn_disk, bandwidth),
	CYAML_FIELD_UINT("queue_depth", CYAML_FLAG_OPTIONAL, struct scn_disk, queue_depth),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t disk_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_disk, disk_fields),
};

static const cyaml_schema_field_t swap_fields[] = {
	STRING("type", OPT, struct scn_swap, type),
	STRING("device", OPT, struct scn_swap, device),
	NEEDED_VALUE("size", struct scn_swap, size),
	STRING("algorithm", OPT, struct scn_swap, algorithm),
	VALUE("mem_limit", struct scn_swap, mem_limit),
	CYAML_FIELD_INT("priority", CYAML_FLAG_OPTIONAL, struct scn_swap, priority),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t swap_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_swap, swap_fields),
};

static const cyaml_schema_field_t zswap_fields[] = {
	CYAML_FIELD_BOOL("enabled", CYAML_FLAG_DEFAULT, struct scn_zswap, enabled),
	CYAML_FIELD_UINT("max_pool_percent", CYAML_FLAG_OPTIONAL, struct scn_zswap,
			 max_pool_percent),
	CYAML_FIELD_UINT("accept_threshold_percent", CYAML_FLAG_OPTIONAL, struct scn_zswap,
			 accept_threshold_percent),
	STRING("compressor", OPT, struct scn_zswap, compressor),
	STRING("zpool", OPT, struct scn_zswap, zpool),
	CYAML_FIELD_BOOL("shrinker_enabled", CYAML_FLAG_OPTIONAL, struct scn_zswap,
			 shrinker_enabled),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t sysctl_fields[] = {
	STRING("name", CYAML_FLAG_POINTER, struct scn_sysctl, name),
	STRING("value", CYAML_FLAG_POINTER, struct scn_sysctl, value),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t sysctl_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_sysctl, sysctl_fields),
};

static const cyaml_schema_field_t group_fields[] = {
	STRING("path", CYAML_FLAG_POINTER, struct scn_group, path),
	VALUE("memory_max", struct scn_group, memory_max),
	VALUE("memory_high", struct scn_group, memory_high),
	VALUE("memory_low", struct scn_group, memory_low),
	VALUE("memory_min", struct scn_group, memory_min),
	VALUE("swap_max", struct scn_group, swap_max),
	VALUE("zswap_max", struct scn_group, zswap_max),
	VALUE("hugetlb_2m_max", struct scn_group, hugetlb_2m_max),
	VALUE("hugetlb_1g_max", struct scn_group, hugetlb_1g_max),
	VALUE("hugetlb_2m_rsvd_max", struct scn_group, hugetlb_2m_rsvd_max),
	VALUE("hugetlb_1g_rsvd_max", struct scn_group, hugetlb_1g_rsvd_max),
	CYAML_FIELD_BOOL("oom_group", CYAML_FLAG_OPTIONAL, struct scn_group, oom_group),
	STRING("cpuset_mems", OPT, struct scn_group, cpuset_mems),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t group_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_group, group_fields),
};

static const cyaml_schema_field_t hugetlbfs_fields[] = {
	STRING("path", CYAML_FLAG_POINTER, struct scn_hugetlbfs, path),
	STRING("options", OPT, struct scn_hugetlbfs, options),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t hugetlbfs_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_hugetlbfs, hugetlbfs_fields),
};

static const cyaml_schema_field_t files_fields[] = {
	STRING("name", CYAML_FLAG_POINTER, struct scn_files, name),
	STRING("disk", CYAML_FLAG_POINTER, struct scn_files, disk),
	CYAML_FIELD_UINT("count", CYAML_FLAG_DEFAULT, struct scn_files, count),
	CYAML_FIELD_UINT("directories", CYAML_FLAG_OPTIONAL, struct scn_files, directories),
	NEEDED_VALUE("size", struct scn_files, size),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t files_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_files, files_fields),
};

static const cyaml_strval_t memory_kinds[] = {
	{"anon", SCN_ANON},   {"shared", SCN_SHARED},	{"file", SCN_FILE},
	{"stack", SCN_STACK}, {"hugetlb", SCN_HUGETLB},
};
static const cyaml_schema_field_t memory_fields[] = {
	STRING("name", CYAML_FLAG_POINTER, struct scn_memory, name),
	CYAML_FIELD_ENUM("kind", CYAML_FLAG_OPTIONAL, struct scn_memory, kind, memory_kinds,
			 CYAML_ARRAY_LEN(memory_kinds)),
	NEEDED_VALUE("size", struct scn_memory, size),
	VALUE("touched", struct scn_memory, touched),
	STRING("share", OPT, struct scn_memory, share),
	STRING("mount", OPT, struct scn_memory, mount),
	VALUE("pagesize", struct scn_memory, pagesize),
	CYAML_FIELD_BOOL("noreserve", CYAML_FLAG_OPTIONAL, struct scn_memory, noreserve),
	STRING("files", OPT, struct scn_memory, files),
	STRING("content", OPT, struct scn_memory, content),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t memory_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_memory, memory_fields),
};

static const cyaml_strval_t actions[] = {
	{"touch", SCN_TOUCH}, {"grow", SCN_GROW},	{"read", SCN_READ}, {"write", SCN_WRITE},
	{"walk", SCN_WALK},   {"sockets", SCN_SOCKETS}, {"fork", SCN_FORK}, {"free", SCN_FREE},
};
static const cyaml_schema_field_t work_fields[] = {
	CYAML_FIELD_ENUM("do", CYAML_FLAG_DEFAULT, struct scn_work, action, actions,
			 CYAML_ARRAY_LEN(actions)),
	STRING("region", OPT, struct scn_work, region),
	STRING("files", OPT, struct scn_work, files),
	VALUE("every", struct scn_work, every),
	VALUE("amount", struct scn_work, amount),
	VALUE("hot", struct scn_work, hot),
	VALUE("hot_share", struct scn_work, hot_share),
	VALUE("writes", struct scn_work, writes),
	VALUE("lives", struct scn_work, lives),
	VALUE("from", struct scn_work, from),
	VALUE("to", struct scn_work, to),
	CYAML_FIELD_UINT("count", CYAML_FLAG_OPTIONAL, struct scn_work, count),
	STRING("name", OPT, struct scn_work, name),
	CYAML_FIELD_BOOL("random", CYAML_FLAG_OPTIONAL, struct scn_work, random),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t work_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_work, work_fields),
};

static const cyaml_schema_field_t process_fields[] = {
	STRING("name", CYAML_FLAG_POINTER, struct scn_process, name),
	STRING("cmdline", OPT, struct scn_process, cmdline),
	CYAML_FIELD_UINT("count", CYAML_FLAG_OPTIONAL, struct scn_process, count),
	STRING("parent", OPT, struct scn_process, parent),
	CYAML_FIELD_UINT("threads", CYAML_FLAG_OPTIONAL, struct scn_process, threads),
	VALUE("thread_stack", struct scn_process, thread_stack),
	CYAML_FIELD_UINT("uid", CYAML_FLAG_OPTIONAL, struct scn_process, uid),
	CYAML_FIELD_INT("oom_score_adj", CYAML_FLAG_OPTIONAL, struct scn_process, oom_score_adj),
	STRING("node", OPT, struct scn_process, node_text),
	STRING("numa", OPT, struct scn_process, numa),
	STRING("cgroup", OPT, struct scn_process, cgroup),
	VALUE("rss", struct scn_process, rss),
	VALUE("text", struct scn_process, text),
	VALUE("starts", struct scn_process, starts),
	CYAML_FIELD_SEQUENCE("memory", OPT, struct scn_process, memory, &memory_schema, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("work", OPT, struct scn_process, work, &work_schema, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t process_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct scn_process, process_fields),
};

static const cyaml_schema_field_t scenario_fields[] = {
	STRING("name", CYAML_FLAG_POINTER, struct scenario, name),
	STRING("description", OPT, struct scenario, description),
	CYAML_FIELD_UINT("seed", CYAML_FLAG_OPTIONAL, struct scenario, seed),
	VALUE("start", struct scenario, start),
	NEEDED_VALUE("length", struct scenario, length),
	STRING("date", OPT, struct scenario, date),
	STRING("hostname", OPT, struct scenario, hostname),
	STRING("kernel", OPT, struct scenario, kernel),
	CYAML_FIELD_SEQUENCE("nodes", CYAML_FLAG_POINTER, struct scenario, nodes, &node_schema, 1,
			     64),
	VALUE("local_latency", struct scenario, local_latency),
	VALUE("remote_latency", struct scenario, remote_latency),
	CYAML_FIELD_UINT("local_distance", CYAML_FLAG_OPTIONAL, struct scenario, local_distance),
	CYAML_FIELD_UINT("remote_distance", CYAML_FLAG_OPTIONAL, struct scenario, remote_distance),
	VALUE("pci_hole", struct scenario, pci_hole),
	VALUE("kernelcore", struct scenario, kernelcore),
	VALUE("movablecore", struct scenario, movablecore),
	CYAML_FIELD_BOOL("movable_node", CYAML_FLAG_OPTIONAL, struct scenario, movable_node),
	VALUE("cma", struct scenario, cma),
	CYAML_FIELD_BOOL("weighted_interleave", CYAML_FLAG_OPTIONAL, struct scenario,
			 weighted_interleave),
	CYAML_FIELD_UINT("page_table_levels", CYAML_FLAG_OPTIONAL, struct scenario,
			 page_table_levels),
	CYAML_FIELD_BOOL("page_owner", CYAML_FLAG_OPTIONAL, struct scenario, page_owner),
	CYAML_FIELD_BOOL("page_poison", CYAML_FLAG_OPTIONAL, struct scenario, page_poison),
	CYAML_FIELD_UINT("debug_guardpage_minorder", CYAML_FLAG_OPTIONAL, struct scenario,
			 debug_guardpage_minorder),
	STRING("slab", OPT, struct scenario, slab),
	STRING("slub_debug", OPT, struct scenario, slub_debug),
	VALUE("kfence", struct scenario, kfence),
	STRING("lru_gen", OPT, struct scenario, lru_gen),
	STRING("transparent_hugepage", OPT, struct scenario, transparent_hugepage),
	CYAML_FIELD_BOOL("real_bytes", CYAML_FLAG_OPTIONAL, struct scenario, real_bytes),
	CYAML_FIELD_SEQUENCE("disks", OPT, struct scenario, disks, &disk_schema, 0, 16),
	CYAML_FIELD_SEQUENCE("swap", OPT, struct scenario, swap, &swap_schema, 0, 29),
	CYAML_FIELD_MAPPING_PTR("zswap", OPT, struct scenario, zswap, zswap_fields),
	CYAML_FIELD_SEQUENCE("sysctl", OPT, struct scenario, sysctl, &sysctl_schema, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("sysfs", OPT, struct scenario, sysfs, &sysctl_schema, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("cgroups", OPT, struct scenario, cgroups, &group_schema, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("hugetlbfs", OPT, struct scenario, hugetlbfs, &hugetlbfs_schema, 0,
			     16),
	CYAML_FIELD_SEQUENCE("files", OPT, struct scenario, files, &files_schema, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("processes", OPT, struct scenario, processes, &process_schema, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_END,
};
const cyaml_schema_value_t scenario_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct scenario, scenario_fields),
};
