/* SPDX-License-Identifier: MIT */
/*
 * What Linux derives from other numbers, computed again from a snapshot: each
 * formula is one that the kernel's own snapshots obey exactly, so the model's
 * must.  The names are those of the functions in Linux that compute them.
 */
#ifndef QUIRE_ORACLE_DERIVE_H
#define QUIRE_ORACLE_DERIVE_H

#include "oracle/result.h"

/* One formula held against one place of one snapshot. */
struct oracle_check {
	const char *what;
	char where[64], shown[96], formula[96];
	bool exact;
};

typedef void (*oracle_check_fn)(void *ctx, const struct oracle_check *c);

/* All formulas on one snapshot, on the whole run (kills, zonelists). */
void oracle_derive_snap(const struct oracle_result *r, size_t snap, oracle_check_fn fn, void *ctx);
void oracle_derive_run(const struct oracle_result *r, oracle_check_fn fn, void *ctx);

/* The names of the checks, for tables; NULL ends it. */
extern const char *const oracle_check_names[];

#define ORACLE_ZONES_MAX (64 * ORACLE_NR_ZONES)

struct oracle_marks {
	u64 min, low, high;
};

/* __setup_per_zone_wmarks() */
struct oracle_marks derive_wmarks(const struct oracle_zone *zones, size_t nr, size_t zone,
				  u64 min_free_kbytes, u64 scale_factor);
/* setup_per_zone_lowmem_reserve(): protection against zones of type `above` */
u64 derive_lowmem_reserve(const struct oracle_zone *zones, size_t nr, size_t zone,
			  const u64 ratio[ORACLE_NR_ZONES], unsigned int above);
/* calculate_totalreserve_pages() */
u64 derive_totalreserve(const struct oracle_zone *zones, size_t nr);
/* zone_batchsize(), zone_highsize() */
u64 derive_pcp_batch(const struct oracle_zone *z);
u64 derive_pcp_high(const struct oracle_zone *z, unsigned int node_cpus, u64 high_fraction);
/* calculate_normal_threshold(), calculate_pressure_threshold() */
u64 derive_threshold(const struct oracle_zone *z);
u64 derive_threshold_pressure(const struct oracle_zone *z);
/* calculate_min_free_kbytes(), set_recommended_min_free_kbytes() */
u64 derive_min_free_kbytes(const struct oracle_zone *zones, size_t nr);
u64 derive_recommended_min_free(const struct oracle_zone *zones, size_t nr);
/* proc_oom_score() from pages of residence, swap and page tables */
u64 derive_oom_score(u64 points, s64 adj, u64 total_pages);
/* calculate_order(): log2 of the pages a slab of objects of this size */
unsigned int derive_slab_order(u64 size, unsigned int nr_cpus);

#endif
