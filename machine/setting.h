/* SPDX-License-Identifier: MIT */
/*
 * One setting of a machine that somebody wants to see changed: NAME=VALUE.
 *
 *	vm.swappiness=10			any file of /proc/sys
 *	swap=16G  swap.device=nvme1n1  swap.priority=5
 *	swap.type=zram  swap.algorithm=zstd  swap.mem_limit=4G
 *	zswap=off  zswap.compressor=lzo  zswap.max_pool_percent=20 ...
 *	thp=always  lru_gen=on
 *	nodes=3  node.memory=16G  load=+20%  seed=4
 *	hot=5%  hot_share=99%  content=random	of all work and memory
 *	/kubepods/batch/memory.max=4G		files of a control group
 *	/kubepods/batch/oom_score_adj=500	of all its processes
 *	grow=4M/s  ledgerd/grow=4M/s	of a capture: a process grows
 *	ledgerd/oom_score_adj=500  java/numa=interleave  web-pod/count=20 ...
 *
 * A setting is applied to a scenario before it boots, as if the file had said
 * so; or to a machine that runs, if Linux can change it then.  Its gate says
 * when it is first looked at: up to there nights that differ in it alone are
 * one night.
 */
#ifndef QUIRE_MACHINE_SETTING_H
#define QUIRE_MACHINE_SETTING_H

#include "machine/machine.h"

enum setting_kind {
	SET_SYSCTL,
	SET_SWAP_SIZE,
	SET_SWAP_DEVICE,
	SET_SWAP_PRIORITY,
	SET_SWAP_TYPE,
	SET_SWAP_ALGORITHM,
	SET_SWAP_MEM_LIMIT,
	SET_ZSWAP, /* name: the parameter */
	SET_THP,
	SET_LRU_GEN,
	SET_NODES,
	SET_NODE_MEMORY,
	SET_LOAD,
	SET_SEED,
	SET_HOT,
	SET_HOT_SHARE,
	SET_CONTENT,
	SET_GROW,      /* of a capture: target: the process, or "" for the largest */
	SET_GROUP,     /* target: the path; name: the file */
	SET_GROUP_ADJ, /* target: the path */
	SET_PROCESS,   /* target: the process; name: the attribute */
};

/* When a setting is first read. */
enum setting_gate {
	GATE_BOOT,    /* anything from the boot on */
	GATE_RECLAIM, /* by reclaim alone */
	GATE_KILL,    /* by the OOM killer alone */
	NR_GATES,
};

struct setting {
	enum setting_kind kind;
	enum setting_gate gate;
	char *text; /* NAME=VALUE as given */
	char *target, *name, *value;
};

struct setting_list {
	struct setting *v;
	size_t nr;
};

/*
 * Adds NAME=VALUE.  False after one line on err: what is wrong, and the nearest
 * right name.  s is what it will be applied to (NULL: a capture).
 */
bool setting_add(struct setting_list *list, const char *text, const struct scenario *s, FILE *err);
void setting_list_free(struct setting_list *list);

/* Those of a gate (NR_GATES: all), in one line; "" for none.  free() it. */
char *setting_key(const struct setting_list *list, enum setting_gate gate);

/* To a scenario that was checked; false after one line on err. */
bool setting_apply(const struct setting *set, struct scenario *s, FILE *err);

/*
 * To a machine that runs; from a fiber of it.  False after one line on err:
 * Linux can't change it while it runs, or would not.
 */
bool setting_apply_live(const struct setting *set, struct machine *m, FILE *err);
/* Can it be? */
bool setting_is_live(const struct setting *set);

/* What /sys/kernel/mm/lru_gen/enabled takes for on, off, a mask; NULL: it is none of these. */
const char *setting_lru_gen(const char *value);

/* "+20%", "120%", "1.2": as a factor, x 10,000. */
bool setting_factor(const char *text, u64 *factor);

/* setting_names.c: offers all names of settings that the spec has; with value,
 * false if a sysctl would not take it (or there is none of the name). */
struct nearest;
void setting_offer_names(struct nearest *n, const struct scenario *s);
int setting_try_sysctl(const char *name, const char *value);

#endif
