/* SPDX-License-Identifier: MIT */
/* The event log's shapes: events.c writes them, story.c reads them. */
#ifndef QUIRE_MACHINE_EVENTS_H
#define QUIRE_MACHINE_EVENTS_H

#include "base/printk.h"
#include "machine/internal.h"

/* The state at an instant; sizes in pages, the rest counted since boot. */
struct sample {
	u64 ns;
	unsigned long free, file, anon, shmem, slab, dirty, page_tables;
	unsigned long swap_used, zswap_pool, zswap_stored;
	unsigned long zswpout, pswpout, pgscan_kswapd, pgsteal, allocstall, kills;
	unsigned long pgfault, pgmajfault, pswpin, zswpin, refault_anon, refault_file;
	unsigned long pgscan_direct, compact_stall, thp_fault;
	unsigned long kernel_stack, mark_min, mark_low, mark_high; /* marks: of all zones */
	u64 stall_ns;
	u64 psi[2][2]; /* ns stalled so far: memory, I/O; some, full */
	unsigned int processes;
};

/* Who held how much in a sample: by name, largest first. */
#define NR_HOLDERS 8
struct holder {
	char comm[TASK_COMM_LEN];
	unsigned long rss, swap;
};

struct runner_up {
	char comm[TASK_COMM_LEN];
	int pid;
	short adj;
	long points;
	unsigned long rss, swap;
};

struct kill_note {
	u64 ns;
	char comm[TASK_COMM_LEN], invoker[TASK_COMM_LEN];
	int pid;
	short adj;
	bool memcg;
	long points;
	unsigned long totalpages, anon, file, shmem, swap, free_pages, swap_free;
	struct runner_up *runners_up; /* by points, without the victim */
	size_t nr_runners_up;
	struct runner_up rival;	  /* the first of them with another name; comm "": none */
	struct runner_up largest; /* who held most: resident and swapped */
};

enum topic {
	TOPIC_KSWAPD,
	TOPIC_CACHE,
	TOPIC_ZSWAP,
	TOPIC_SWAP,
	TOPIC_SWAP_FULL,
	TOPIC_DIRECT,
	TOPIC_LOW,
	TOPIC_MIN = TOPIC_LOW + QUIRE_MAX_NODES,
	NR_TOPICS = TOPIC_MIN + QUIRE_MAX_NODES,
};

struct event_log {
	struct event *events;
	size_t nr, cap;
	struct sample *samples; /* one a minute; [0] is the start */
	size_t nr_samples, cap_samples;
	struct kill_note *kills;
	size_t nr_kills, cap_kills;
	u64 last[NR_TOPICS], first[NR_TOPICS]; /* when it was seen, + 1; 0: never */
	struct holder (*holders)[NR_HOLDERS];  /* [nr_samples] */
	size_t cap_holders;
	unsigned long peak_swap, least_free;
	struct sample was;   /* a second ago */
	unsigned long peak_file;
};

#endif
