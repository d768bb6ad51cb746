/* SPDX-License-Identifier: MIT */
/*
 * Switching a swap area off (swapoff() of Linux's swapfile.c).
 *
 * The area gives out no more slots.  Then all that is in it comes back: shmem
 * files are searched for its entries, then address space by address space; what
 * the swap cache still holds is thrown out of it.  An entry may move as we look
 * (fork, a fault that began before), so it goes round until no slot is in use.
 * The slots that CPUs have at hand go back first, and none are kept meanwhile.
 *
 * It ends early with -EINTR for a killed caller and -ENOMEM; then the area is in
 * use again.  Should memory run out the caller is the killer's first choice.
 *
 * The area's structure stays for the next swapon(), its maps go.
 */
#include "base/printk.h"
#include "base/string.h"
#include "swap/internal.h"
#include "vmalloc/vmalloc.h"

static bool interrupted(struct quire *q)
{
	return q->stopping || (q->page->ops.task_is_dying && q->page->ops.task_is_dying(q));
}

/* The next slot from prev on that somebody needs; 0: none.  What only the slot
 * itself still has is on its way back. */
static unsigned long find_next_to_unuse(struct quire *q, struct swap_info_struct *si,
					unsigned long prev)
{
	unsigned long i = prev + 1;

	spin_lock(q, &si->lock);
	while (i < si->max) {
		const struct swap_cluster_info *ci = &si->cluster_info[i / SWAPFILE_CLUSTER];
		u8 byte;

		if (!ci->used) {
			i = ALIGN_DOWN(i, SWAPFILE_CLUSTER) + SWAPFILE_CLUSTER;
			continue;
		}
		byte = *swap_map_byte(si, i);
		if (byte && (byte & SWAP_MAP_BAD) != SWAP_MAP_BAD)
			break;
		i++;
	}
	spin_unlock(q, &si->lock);
	return i < si->max ? i : 0;
}

/* Pages that no entry needs any more leave the cache. */
static void empty_cache(struct quire *q, struct swap_info_struct *si)
{
	unsigned long i = 0;

	while (HOT_LOAD(&si->inuse_pages) && !interrupted(q) &&
	       (i = find_next_to_unuse(q, si, i)) != 0) {
		struct page *page = swap_cache_get(q, swp_entry(si->type, i)), *head;

		if (!page)
			continue;
		head = compound_head(page);
		lock_page(q, head);
		wait_on_page_writeback(q, head);
		if (PageSwapCache(head))
			(void)try_to_free_swap(q, head);
		unlock_page(q, head);
		put_page(q, page);
	}
}

static int try_to_unuse(struct quire *q, struct swap_info_struct *si)
{
	int err;

	while (HOT_LOAD(&si->inuse_pages)) {
		err = shmem_unuse(q, si->type);
		if (!err && q->swap->ops.unuse_mms)
			err = q->swap->ops.unuse_mms(q, si->type);
		if (err)
			return err;
		empty_cache(q, si);
		if (HOT_LOAD(&si->inuse_pages) && interrupted(q))
			return -EINTR;
		cond_resched(q);
	}
	return 0;
}

static struct swap_info_struct *find_area(struct quire *q, const char *name)
{
	for (unsigned int i = 0; i < q->swap->nr_swapfiles; i++) {
		struct swap_info_struct *si = q->swap->info[i];

		if (si->used && si->writeok && str_eq(si->name, name))
			return si;
	}
	return NULL;
}

/* Priorities that were given by order close up, or (by = 1) make room. */
static void shift_priorities(struct swap_floor *swap, const struct swap_info_struct *gone, int by)
{
	if (gone->prio >= 0)
		return;
	for (unsigned int i = 0; i < swap->nr_swapfiles; i++) {
		struct swap_info_struct *si = swap->info[i];

		if (si != gone && si->used && si->prio < gone->prio)
			si->prio += by;
	}
	swap->least_priority += by;
}

static void retire(struct quire *q, struct swap_info_struct *si)
{
	struct swap_floor *swap = q->swap;

	spin_lock(q, &swap->avail_lock);
	list_del_init(&si->avail_list);
	shift_priorities(swap, si, 1);
	si->writeok = false;
	swap->total_swap_pages -= si->pages;
	spin_unlock(q, &swap->avail_lock);
	(void)HOT_SUB(&swap->nr_swap_pages, (long)si->pages);
	/* Whoever is just taking slots has the lock. */
	spin_lock(q, &si->lock);
	spin_unlock(q, &si->lock);
}

static void reinsert(struct quire *q, struct swap_info_struct *si)
{
	spin_lock(q, &q->swap->avail_lock);
	if (si->prio < 0) /* behind those that came up meanwhile */
		si->prio = q->swap->least_priority - 1;
	if (si->prio < q->swap->least_priority)
		q->swap->least_priority = si->prio;
	spin_unlock(q, &q->swap->avail_lock);
	enable_swap_area(q, si);
}

int swapoff(struct quire *q, const char *name)
{
	struct swap_info_struct *si = find_area(q, name);
	bool slots = q->swap->slot_cache_enabled;
	int err;

	if (!si)
		return -EINVAL;
	if (q->swap->ops.enough_memory && !q->swap->ops.enough_memory(q, si->pages))
		return -ENOMEM;
	retire(q, si);
	q->swap->slot_cache_enabled = false;
	drain_swap_slots_cache(q);
	if (q->swap->ops.set_oom_origin)
		q->swap->ops.set_oom_origin(q, true);
	err = try_to_unuse(q, si);
	if (q->swap->ops.set_oom_origin)
		q->swap->ops.set_oom_origin(q, false);
	q->swap->slot_cache_enabled = slots;
	if (err) {
		reinsert(q, si);
		return err;
	}
	spin_lock(q, &si->lock);
	si->used = false;
	si->max = si->pages = 0;
	spin_unlock(q, &si->lock);
	q->swap->nr_rotational -= si->bdi->rotational;
	si->bdi->openers--;
	zswap_swapoff(q, si);
	free_swap_maps(q, si);
	return 0;
}

bool swap_is_on(struct quire *q, const char *name)
{
	return find_area(q, name) != NULL;
}
