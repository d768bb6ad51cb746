/* SPDX-License-Identifier: MIT */
/*
 * What came of a night, in numbers that two nights can be compared by: who was
 * killed and when, when each mark was passed, how long tasks stalled, what was
 * faulted, swapped and read again, and how long allocations and faults took.
 */
#ifndef QUIRE_MACHINE_OUTCOME_H
#define QUIRE_MACHINE_OUTCOME_H

#include <jansson.h>

#include "machine/machine.h"

#define OUTCOME_NEVER UINT64_MAX

/* The first time that something was seen; ns since the start. */
enum outcome_when {
	WHEN_LOW,    /* a node's zone Normal below low */
	WHEN_KSWAPD, /* kswapd reclaims: every node was below low */
	WHEN_MIN,    /* a node below min */
	WHEN_ZSWAP,
	WHEN_SWAP,
	WHEN_SWAP_FULL,
	WHEN_DIRECT, /* a task must reclaim for itself */
	WHEN_KILL,
	WHEN_PANIC,
	NR_WHENS,
};

enum outcome_value {
	VAL_KILLS,
	VAL_KILLED_RSS, /* bytes that the victims held */
	VAL_PSI_MEM_SOME,
	VAL_PSI_MEM_FULL,
	VAL_PSI_IO_SOME,
	VAL_PSI_IO_FULL,
	VAL_STALLS, /* direct reclaims */
	VAL_STALL_NS,
	VAL_MINOR,
	VAL_MAJOR,
	VAL_SWAP_IN, /* pages, from the device */
	VAL_SWAP_OUT,
	VAL_ZSWAP_IN,
	VAL_ZSWAP_OUT,
	VAL_REFAULT_ANON,
	VAL_REFAULT_FILE,
	VAL_SCANNED,
	VAL_STOLEN,
	VAL_COMPACT_STALLS,
	VAL_THP_FAULTS,
	VAL_ALLOC_P50,
	VAL_ALLOC_P99,
	VAL_ALLOC_MAX,
	VAL_FAULT_P50,
	VAL_FAULT_P99,
	VAL_FAULT_MAX,
	VAL_PEAK_SWAP,	/* bytes */
	VAL_LEAST_FREE, /* bytes */
	VAL_SWAP_TOTAL, /* bytes */
	NR_VALUES,
};

enum outcome_unit { UNIT_COUNT, UNIT_NS, UNIT_BYTES, UNIT_PAGES };

struct outcome_kill {
	u64 ns;
	char comm[TASK_COMM_LEN];
	int pid;
	bool memcg;
	u64 rss, swap; /* bytes */
};

struct outcome {
	u64 length; /* how long the night was to be */
	u64 ended;  /* ns; less than length: it panicked, or was stopped */
	bool panicked;
	u64 start; /* clock time of the first instant */
	u64 when[NR_WHENS];
	u64 value[NR_VALUES];
	struct outcome_kill *kills;
	size_t nr_kills;
};

/* What each is called, in tables and in JSON. */
struct outcome_name {
	const char *key, *label;
	enum outcome_unit unit;
};
extern const struct outcome_name outcome_whens[NR_WHENS];
extern const struct outcome_name outcome_values[NR_VALUES];

/* False: no memory. */
bool outcome_collect(struct machine *m, struct outcome *o);
void outcome_free(struct outcome *o);
/* A new object, or NULL; and back: false if it is none of ours. */
json_t *outcome_to_json(const struct outcome *o);
bool outcome_from_json(const json_t *json, struct outcome *o);

/* "3.4 s", "1.2 GB", "17,204": at most 15 letters. */
void outcome_number(char *buf, size_t cap, u64 v, enum outcome_unit unit);
/* "03:05:18" of an instant; "-" for never. */
void outcome_clock(const struct outcome *o, u64 ns, char buf[16]);

#endif
