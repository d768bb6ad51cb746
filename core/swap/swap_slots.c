/* SPDX-License-Identifier: MIT */
/*
 * A few slots at hand for each CPU, in front of the areas (Linux's
 * swap_slots.c).
 *
 * The idea: a CPU takes SWAP_SLOTS_CACHE_SIZE slots from an area at once and
 * hands them out one by one; and it gathers as many that are free again before
 * it gives them back.  An area's lock is then taken once for 64 slots.
 *
 * A slot on either side has the byte SWAP_HAS_CACHE, counts as in use
 * (SwapFree, nr_swap_pages), and no page.  One that waits to be given back
 * keeps all that hangs on it until then: its group's charge, its shadow, what
 * zswap holds for it.
 *
 * When few slots are left the caches would hide just those: below 128 free
 * ones a CPU they are emptied and out of use, above 320 they are used again.
 *
 * Lock: a cache's own, under which no other is taken.
 */
#include "base/string.h"
#include "swap/internal.h"

#define THRESHOLD_ACTIVATE_SWAP_SLOTS_CACHE   (5 * SWAP_SLOTS_CACHE_SIZE)
#define THRESHOLD_DEACTIVATE_SWAP_SLOTS_CACHE (2 * SWAP_SLOTS_CACHE_SIZE)

static bool use_swap_slot_cache(const struct swap_floor *swap)
{
	return swap->slot_cache_active && swap->slot_cache_enabled;
}

int enable_swap_slots_cache(struct quire *q)
{
	struct swap_floor *swap = q->swap;

	if (swap->slots)
		return 0;
	swap->slots = kzalloc(q, q->nr_cpus * sizeof(*swap->slots), GFP_KERNEL);
	if (!swap->slots)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		spin_lock_init(&swap->slots[cpu].lock, LOCK_SWAP_SLOTS);
	swap->slot_cache_enabled = true;
	return 0;
}

/* Gives up to SWAP_SLOTS_CACHE_SIZE slots back that wait for it. */
static void drain_returned(struct quire *q, struct swap_slots_cache *cache)
{
	swp_entry_t entries[SWAP_SLOTS_CACHE_SIZE];
	unsigned int nr;

	spin_lock(q, &cache->lock);
	nr = cache->n_ret;
	memcpy(entries, cache->slots_ret, nr * sizeof(*entries));
	cache->n_ret = 0;
	spin_unlock(q, &cache->lock);
	swapcache_free_entries(q, entries, nr);
}

static void drain_slots(struct quire *q, struct swap_slots_cache *cache)
{
	swp_entry_t entries[SWAP_SLOTS_CACHE_SIZE];
	unsigned int nr;

	spin_lock(q, &cache->lock);
	nr = cache->nr;
	memcpy(entries, cache->slots + cache->cur, nr * sizeof(*entries));
	cache->nr = cache->cur = 0;
	spin_unlock(q, &cache->lock);
	swapcache_free_entries(q, entries, nr);
}

void drain_swap_slots_cache(struct quire *q)
{
	for (unsigned int cpu = 0; q->swap->slots && cpu < q->nr_cpus; cpu++) {
		drain_slots(q, &q->swap->slots[cpu]);
		drain_returned(q, &q->swap->slots[cpu]);
	}
}

static bool check_cache_active(struct quire *q)
{
	struct swap_floor *swap = q->swap;
	long pages = get_nr_swap_pages(q);

	if (!swap->slot_cache_enabled)
		return false;
	if (!swap->slot_cache_active) {
		swap->slot_cache_active =
			pages > (long)q->nr_cpus * THRESHOLD_ACTIVATE_SWAP_SLOTS_CACHE;
	} else if (pages < (long)q->nr_cpus * THRESHOLD_DEACTIVATE_SWAP_SLOTS_CACHE) {
		swap->slot_cache_active = false;
		drain_swap_slots_cache(q);
	}
	return swap->slot_cache_active;
}

/* What was got for an empty cache; more than it takes (another flow of control
 * on this CPU filled it too) goes back. */
static void refill_slots(struct quire *q, struct swap_slots_cache *cache,
			 const swp_entry_t *entries, unsigned int nr)
{
	bool taken;

	spin_lock(q, &cache->lock);
	taken = !cache->nr && use_swap_slot_cache(q->swap);
	if (taken) {
		memcpy(cache->slots, entries, nr * sizeof(*entries));
		cache->cur = 0;
		cache->nr = nr;
	}
	spin_unlock(q, &cache->lock);
	if (!taken)
		swapcache_free_entries(q, entries, nr);
}

swp_entry_t folio_alloc_swap(struct quire *q)
{
	swp_entry_t entries[SWAP_SLOTS_CACHE_SIZE], entry = {0};
	struct swap_slots_cache *cache;
	unsigned int nr;

	if (!check_cache_active(q)) {
		(void)get_swap_pages(q, 1, &entry);
		return entry;
	}
	cache = &q->swap->slots[smp_processor_id(q)];
	spin_lock(q, &cache->lock);
	if (cache->nr) {
		entry = cache->slots[cache->cur++];
		cache->nr--;
	}
	spin_unlock(q, &cache->lock);
	if (entry.val)
		return entry;
	nr = get_swap_pages(q, SWAP_SLOTS_CACHE_SIZE, entries);
	if (!nr)
		return entry;
	if (nr > 1)
		refill_slots(q, cache, entries + 1, nr - 1);
	return entries[0];
}

void free_swap_slot(struct quire *q, swp_entry_t entry)
{
	struct swap_slots_cache *cache;
	bool full = true;

	if (!use_swap_slot_cache(q->swap)) {
		swapcache_free_entries(q, &entry, 1);
		return;
	}
	cache = &q->swap->slots[smp_processor_id(q)];
	while (full) {
		spin_lock(q, &cache->lock);
		full = cache->n_ret == SWAP_SLOTS_CACHE_SIZE;
		if (!full)
			cache->slots_ret[cache->n_ret++] = entry;
		spin_unlock(q, &cache->lock);
		if (full)
			drain_returned(q, cache);
	}
}
