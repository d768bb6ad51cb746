/* SPDX-License-Identifier: MIT */
/*
 * The formulas of Linux 6.1, each from the numbers that /proc shows.  Counts
 * are pages unless the name says otherwise.  Inputs are clamped by the reader
 * (ORACLE_NUM_MAX), so sums of them do not wrap; nothing here divides by what a
 * file said without looking.
 */
#include "oracle/derive.h"

#include <string.h>

#define PAGEBLOCK   512
#define NR_PCPTYPES 3
#define ZONE_NORMAL 2

static u64 isqrt(u64 x)
{
	u64 r = 0;

	for (u64 bit = 1ULL << 31; bit; bit >>= 1)
		if ((r + bit) * (r + bit) <= x)
			r += bit;
	return r;
}

static unsigned int fls64_of(u64 x)
{
	return x ? 64 - (unsigned int)__builtin_clzll(x) : 0;
}

static u64 max_of(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 min_of(u64 a, u64 b)
{
	return a < b ? a : b;
}

struct oracle_marks derive_wmarks(const struct oracle_zone *zones, size_t nr, size_t zone,
				  u64 min_free_kbytes, u64 scale_factor)
{
	const struct oracle_zone *z = &zones[zone];
	u64 low_pages = 0, min, step;

	/* 6.1 counts the movable zone in, later kernels do not */
	for (size_t i = 0; i < nr; i++)
		low_pages += zones[i].managed;
	if (!low_pages)
		return (struct oracle_marks){0, 0, 0};
	min = (u64)((unsigned __int128)(min_free_kbytes >> 2) * z->managed / low_pages);
	step = max_of(min >> 2, (u64)((unsigned __int128)z->managed * scale_factor / 10000));
	return (struct oracle_marks){min, min + step, min + 2 * step};
}

u64 derive_lowmem_reserve(const struct oracle_zone *zones, size_t nr, size_t zone,
			  const u64 ratio[ORACLE_NR_ZONES], unsigned int above)
{
	const struct oracle_zone *z = &zones[zone];
	u64 managed = 0;

	if (above <= z->type || !ratio[z->type] || !z->managed)
		return 0;
	for (size_t i = 0; i < nr; i++)
		if (zones[i].node == z->node && zones[i].type > z->type && zones[i].type <= above)
			managed += zones[i].managed;
	return managed / ratio[z->type];
}

u64 derive_totalreserve(const struct oracle_zone *zones, size_t nr)
{
	u64 sum = 0;

	for (size_t i = 0; i < nr; i++) {
		u64 max = 0;

		for (int k = 0; k < ORACLE_NR_ZONES; k++)
			max = max_of(max, zones[i].protection[k]);
		sum += min_of(max + zones[i].high, zones[i].managed);
	}
	return sum;
}

u64 derive_pcp_batch(const struct oracle_zone *z)
{
	u64 batch = max_of(min_of(z->managed >> 10, 256) / 4, 1);

	/* the power of two below one and a half times that, less one */
	batch = (1ULL << (fls64_of(batch + batch / 2) - 1)) - 1;
	return max_of(batch, 1);
}

u64 derive_pcp_high(const struct oracle_zone *z, unsigned int node_cpus, u64 high_fraction)
{
	u64 total = high_fraction ? z->managed / high_fraction : z->low;
	u64 cpus = max_of(node_cpus ? node_cpus : z->nr_cpus, 1);

	return max_of(total / cpus, derive_pcp_batch(z) << 2);
}

u64 derive_threshold(const struct oracle_zone *z)
{
	u64 mem = z->managed >> (27 - PAGE_SHIFT); /* in 128 MiB */

	return min_of(125, 2ULL * fls64_of(z->nr_cpus) * (1 + fls64_of(mem)));
}

u64 derive_threshold_pressure(const struct oracle_zone *z)
{
	u64 room = z->low > z->min ? z->low - z->min : 0;

	return min_of(125, max_of(1, room / max_of(z->nr_cpus, 1)));
}

/* nr_free_buffer_pages() as a zonelist with all zones up to Normal has it. */
static u64 free_buffer_pages(const struct oracle_zone *zones, size_t nr)
{
	u64 sum = 0;

	for (size_t i = 0; i < nr; i++)
		if (zones[i].type <= ZONE_NORMAL && zones[i].managed > zones[i].high)
			sum += zones[i].managed - zones[i].high;
	return sum;
}

u64 derive_min_free_kbytes(const struct oracle_zone *zones, size_t nr)
{
	return max_of(128, min_of(262144, isqrt(free_buffer_pages(zones, nr) * 4 * 16)));
}

u64 derive_recommended_min_free(const struct oracle_zone *zones, size_t nr)
{
	u64 populated = 0, pages;

	for (size_t i = 0; i < nr; i++)
		populated += zones[i].managed && zones[i].type <= ZONE_NORMAL;
	/* two blocks for each zone, and one for each pair of types */
	pages = PAGEBLOCK * populated * 2 + PAGEBLOCK * populated * NR_PCPTYPES * NR_PCPTYPES;
	return min_of(pages, free_buffer_pages(zones, nr) / 20) << 2;
}

u64 derive_oom_score(u64 points, s64 adj, u64 total_pages)
{
	s64 badness, score;

	/* -1000: never to be killed */
	if (!total_pages || adj <= -1000)
		return 0;
	adj = adj > 1000 ? 1000 : adj;
	badness = (s64)points + adj * (s64)(total_pages / 1000);
	score = (1000 + (s64)((__int128)badness * 1000 / (s64)total_pages)) * 2 / 3;
	return score > 0 ? (u64)score : 0;
}

/* calc_slab_order() */
static unsigned int slab_order(u64 size, u64 min_objects, unsigned int max_order, u64 fraction)
{
	unsigned int order = 0;

	while ((PAGE_SIZE << order) < min_objects * size && order <= max_order)
		order++;
	for (; order <= max_order; order++)
		if ((PAGE_SIZE << order) % size <= (PAGE_SIZE << order) / fraction)
			break;
	return order;
}

unsigned int derive_slab_order(u64 size, unsigned int nr_cpus)
{
	const unsigned int max_order = 3; /* PAGE_ALLOC_COSTLY_ORDER */
	u64 objects = 4 * (fls64_of(nr_cpus) + 1);
	unsigned int order;

	if (!size)
		return 0;
	objects = min_of(objects, (PAGE_SIZE << max_order) / size);
	for (; objects > 1; objects--)
		for (u64 fraction = 16; fraction >= 4; fraction /= 2) {
			order = slab_order(size, objects, max_order, fraction);
			if (order <= max_order)
				return order;
		}
	order = slab_order(size, 1, max_order, 1);
	return order <= max_order ? order : slab_order(size, 1, 10, 1);
}
