/* SPDX-License-Identifier: MIT */
/*
 * Says where the heap's state lies, for `quire attach` (state.h).
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "malloc/internal.h"
#include "malloc/state.h"

_Static_assert(sizeof(struct quire_malloc_state) <= PAGE_SIZE, "one page");

#define CACHE(field) ((uint32_t)offsetof(struct kmem_cache, field))
#define NODE(field)  ((uint32_t)offsetof(struct kmem_cache_node, field))
#define PAGE_(field) ((uint32_t)offsetof(struct page, field))

void heap_publish(void)
{
	struct zone *zone = &NODE_DATA(&heap.q, 0)->node_zones[ZONE_NORMAL];
	struct quire_malloc_state *s;
	int fd = memfd_create(QUIRE_STATE_NAME, MFD_CLOEXEC);

	if (fd < 0)
		return;
	s = ftruncate(fd, (off_t)PAGE_SIZE)
		    ? MAP_FAILED
		    : mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (s == MAP_FAILED)
		return;
	*s = (struct quire_malloc_state){
		.magic = QUIRE_STATE_MAGIC,
		.version = QUIRE_STATE_VERSION,
		.size = sizeof(*s),
		.caches = (u64)&heap.q.slab->caches,
		.cache_list = CACHE(list),
		.cache_name = CACHE(name),
		.cache_size = CACHE(size),
		.cache_objects = CACHE(objects),
		.cache_order = CACHE(order),
		.cache_node0 = CACHE(node),
		.cache_sheaf_id = CACHE(fast.id),
		.no_sheaves = NO_SHEAVES,
		.cache_nr_free = CACHE(sheaves.nr_free),
		.node_nr_slabs = NODE(nr_slabs),
		.node_total_objects = NODE(total_objects),
		.node_partial = NODE(partial),
		.page_lru = PAGE_(lru),
		.page_inuse = PAGE_(inuse),
		.page_objects = PAGE_(objects),
		.area_bytes = sizeof(struct free_area),
		.area_nr_free = offsetof(struct free_area, nr_free),
		.max_order = MAX_ORDER,
		.areas = (u64)zone->free_area,
		.used_pages = (u64)&heap.used_pages,
		.dirty_pages = (u64)&heap.dirty_pages,
		.block_bytes = (u64)&heap.block_bytes,
		.mapped_bytes = (u64)&heap.mapped_bytes,
		.given_back = (u64)&heap.given_back,
		.heap_bytes = heap.bytes,
	};
	mprotect(s, PAGE_SIZE, PROT_READ);
}
