/* SPDX-License-Identifier: MIT */
/*
 * A scenario: the machine, what runs on it and for how long, as a YAML file
 * says it.  man/quire-scenario.5 documents each key.
 *
 * scenario_load() reads through a schema (libcyaml); sizes ("32G"), times
 * ("70ns", "8h"), clock times ("02:58") and percentages ("30%") are strings
 * there and become numbers in scenario_check(), which also proves that names
 * refer to something.  Every fault is reported with its file, its line, what
 * is wrong and what would be right; with one fault or more nothing is run.
 */
#ifndef QUIRE_MACHINE_SCENARIO_H
#define QUIRE_MACHINE_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A value that is text in the file and a number once checked. */
struct scn_value {
	char *text; /* NULL: not given */
	uint64_t v; /* bytes, ns, or 1/10,000 */
};

struct scn_node {
	struct scn_value memory, reserved;
	struct scn_value
		start;	      /* physical address at which it begins; not given: behind the last */
	struct scn_value cma; /* its own contiguous area */
	uint32_t cpus;
	uint32_t hugepages_1g, hugepages_2m; /* that its pools have from the start */
	bool hotpluggable;		     /* with movable_node: all movable */
	char *distances; /* "10 21 31": to each node; NULL: the scenario's two */
};

/* What ails a disk between two clock times (always, if they are not given). */
struct scn_fault {
	struct scn_value from, to;
	uint32_t slow;		 /* requests take so many times as long */
	struct scn_value errors; /* part of the requests that fail */
	bool stalled, full;	 /* nothing ends; writes find no room */
};

struct scn_disk {
	char *name;
	char *kind; /* a preset: "nvme", "hdd"...; NULL: as the other fields say */
	struct scn_fault *faults;
	uint32_t faults_count;
	struct scn_value size, read_latency, write_latency,
		bandwidth; /* bandwidth: bytes a second */
	uint32_t queue_depth;
};

struct scn_swap {
	char *type;   /* "disk", "zram"; NULL: a disk */
	char *device; /* a disk's name */
	struct scn_value size;
	int32_t priority; /* < 0: the order of the list */
	/* Of a zram: its compressor, and what its pool may take. */
	char *algorithm;
	struct scn_value mem_limit;
};

static inline bool scn_is_zram(const struct scn_swap *sw)
{
	return sw->type && sw->type[0] == 'z';
}

/* A setting, or a file below /sys. */
struct scn_sysctl {
	char *name, *value;
};

struct scn_group {
	char *path;
	struct scn_value memory_max, memory_high, memory_low, memory_min, swap_max, zswap_max;
	/* Of pages of pools: what it may use, and be promised. */
	struct scn_value hugetlb_2m_max, hugetlb_1g_max, hugetlb_2m_rsvd_max, hugetlb_1g_rsvd_max;
	bool oom_group;
	char *cpuset_mems; /* "0,2-3"; NULL: its parent's */
};

/* A tree of files on a disk: what processes read, write and walk. */
struct scn_files {
	char *name, *disk;
	uint32_t count;	       /* files */
	uint32_t directories;  /* over which they are spread; 0: one */
	struct scn_value size; /* of each */
};

/* A mount of hugetlbfs. */
struct scn_hugetlbfs {
	char *path;    /* "/dev/hugepages" */
	char *options; /* as mount(8) takes them, "pagesize=1G,size=4G"; NULL: none */
};

enum scn_memory_kind { SCN_ANON, SCN_SHARED, SCN_FILE, SCN_STACK, SCN_HUGETLB };

struct scn_memory {
	char *name;
	enum scn_memory_kind kind;
	struct scn_value size;	   /* what the process believes it owns */
	struct scn_value touched;  /* what is touched before the night begins; default 0 */
	char *share;		   /* SCN_SHARED: name of the segment, made by its first user; may
				   * be given for SCN_HUGETLB */
	char *mount;		   /* SCN_HUGETLB: the mount on which share is a file */
	struct scn_value pagesize; /* SCN_HUGETLB without a mount: default 2M */
	bool noreserve;		   /* SCN_HUGETLB: without promises */
	char *files;		   /* SCN_FILE: the tree it maps (file number: the process's) */
	char *content;		   /* "text", "heap", "code", "random", "zero" */
};

enum scn_action {
	SCN_TOUCH,   /* uses pages of a region: hot and cold parts */
	SCN_GROW,    /* touches new pages of a region, in order: a leak, a cache that fills */
	SCN_READ,    /* reads files */
	SCN_WRITE,   /* writes files */
	SCN_WALK,    /* walks directories: dentries and inodes */
	SCN_SOCKETS, /* opens and closes sockets: keeps `count` of them open */
	SCN_FORK,    /* a child: copies the process, touches, lives, exits (cron) */
	SCN_FREE,    /* gives a part of a region back (MADV_DONTNEED) */
};

struct scn_work {
	enum scn_action action;
	char *region;		    /* touch, grow, free: name of one of its memories */
	char *files;		    /* read, write, walk */
	struct scn_value every;	    /* period; default 1 s */
	struct scn_value amount;    /* bytes a period (touch, grow, read, write, free), or
				   * what a forked child touches */
	struct scn_value hot;	    /* touch: part of the region that is hot, default 20% */
	struct scn_value hot_share; /* touch: part of the touches that go there, default 90% */
	struct scn_value writes;    /* touch: part that writes, default 50% */
	struct scn_value lives;	    /* fork: how long the child lives */
	struct scn_value from, to;  /* clock times between which it is done; default always */
	uint32_t count;		    /* walk: names a period; sockets: kept open */
	char *name;		    /* fork: the child's name */
	bool random;		    /* read, write: random offsets in place of one after another */
};

struct scn_process {
	char *name, *cmdline;
	uint32_t count;		       /* how many of them; default 1 */
	char *parent;		       /* a process named before, whose child it is; default init */
	uint32_t threads;	       /* beside the first; each has a stack */
	struct scn_value thread_stack; /* touched of each thread's 8 MB; default 16K */
	uint32_t uid;
	int32_t oom_score_adj;
	char *node_text; /* "node" in the file: a number; not given: any */
	int32_t node;	 /* bound to its CPUs; -1: any */
	char *numa;	 /* "default", "local", "interleave", "bind:0,1", "preferred:1",
			  * "preferred-many:0,1", "weighted:0,1" */
	char *cgroup;
	struct scn_value rss;  /* touched heap of each at start, beside its memories; default 1M */
	struct scn_value text; /* program file mapped and touched; default 1M */
	struct scn_value starts; /* clock time; default before the night */
	struct scn_memory *memory;
	uint32_t memory_count;
	struct scn_work *work;
	uint32_t work_count;
};

struct scn_zswap {
	bool enabled;
	uint32_t max_pool_percent, accept_threshold_percent;
	char *compressor, *zpool;
	bool shrinker_enabled;
};

struct scenario {
	char *name, *description;
	uint64_t seed;
	struct scn_value start, length; /* clock time of the first instant; how long */
	char *date;			/* "2026-03-14": for time stamps */
	char *hostname;
	char *kernel;  /* "3.10": whose killer; NULL: 6.1 */
	char *release; /* not in the file: what uname says of it; NULL: the model's own */
	struct scn_node *nodes;
	uint32_t nodes_count;
	struct scn_value local_latency, remote_latency;
	uint32_t local_distance, remote_distance;
	char *slab;		    /* slub, slab, slob; NULL: slub */
	char *slub_debug;	    /* "FZPU,kmalloc-*": as the kernel's parameter; NULL: nothing */
	struct scn_value kfence;    /* sample interval of the guard; not given: off */
	bool real_bytes;	    /* pages have bytes, not descriptors alone */
	char *lru_gen;		    /* on, off, a mask; NULL: off */
	char *transparent_hugepage; /* always, madvise, never; NULL: never */
	struct scn_value pci_hole;  /* where memory below 4G ends; not given: no hole */
	/* What may hold the kernel's memory, what only movable: "4G", "30%". */
	struct scn_value kernelcore, movablecore;
	bool movable_node;
	struct scn_value cma;	    /* the machine's contiguous area */
	bool weighted_interleave;   /* the policy of 6.9 */
	uint32_t page_table_levels; /* 4, 5 (la57); 0: 4 */
	/* The debugging of pages, from boot on. */
	bool page_owner, page_poison;
	uint32_t debug_guardpage_minorder;
	struct scn_disk *disks;
	uint32_t disks_count;
	struct scn_swap *swap;
	uint32_t swap_count;
	struct scn_zswap *zswap; /* NULL: off */
	struct scn_sysctl *sysctl;
	uint32_t sysctl_count;
	struct scn_sysctl *sysfs; /* files below /sys that are written once */
	uint32_t sysfs_count;
	struct scn_group *cgroups;
	uint32_t cgroups_count;
	struct scn_hugetlbfs *hugetlbfs;
	uint32_t hugetlbfs_count;
	struct scn_files *files;
	uint32_t files_count;
	struct scn_process *processes;
	uint32_t processes_count;
	char *path; /* of the file */
};

/*
 * Reads and checks.  NULL after writing one line a fault to err:
 *	night.yaml:12: nodes[0].memory: "32X" is not a size; write a number with K, M, G or T, as 32G
 */
struct scenario *scenario_load(const char *path, FILE *err);
void scenario_free(struct scenario *s);

/* "02:58", "02:58:30" or "3h" into ns after the scenario's start; false if it
 * is neither or outside the night. */
bool scenario_instant(const struct scenario *s, const char *text, uint64_t *ns);

#endif
