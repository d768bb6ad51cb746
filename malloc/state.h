/* SPDX-License-Identifier: MIT */
/*
 * Where a heap's state lies in its process: what vmcoreinfo is to a kernel.
 *
 * The library keeps this one page in a read-only mapping of a memfd by the name
 * QUIRE_STATE_NAME, which /proc/PID/maps shows.  It is written once, at boot, so a
 * fork's child has the right one.  `quire attach` reads it, and what it points to,
 * with process_vm_readv(): nothing runs in the process, nothing waits there, and
 * who may not trace it reads nothing.  The reader takes no word of it on trust.
 *
 * Addresses are the process's, offsets and sizes in bytes.
 */
#ifndef QUIRE_MALLOC_STATE_H
#define QUIRE_MALLOC_STATE_H

#include <stdint.h>

#define QUIRE_STATE_NAME    "quire-malloc"
#define QUIRE_STATE_MAGIC   0x31304c4d45524951UL /* "QIREML01" */
#define QUIRE_STATE_VERSION 1u

struct quire_malloc_state {
	uint64_t magic;
	uint32_t version, size; /* of this structure */
	/* The list of caches (its head), and a cache's fields. */
	uint64_t caches;
	uint32_t cache_list, cache_name, cache_size, cache_objects, cache_order, cache_node0;
	uint32_t cache_sheaf_id, no_sheaves, cache_nr_free;
	uint32_t node_nr_slabs, node_total_objects, node_partial;
	/* Of a slab's descriptor. */
	uint32_t page_lru, page_inuse, page_objects;
	/* The zone's free areas. */
	uint32_t area_bytes, area_nr_free, max_order;
	uint64_t areas;
	/* Counters of 8 bytes: pages in use, pages idle but not given back, bytes of
	 * blocks and of mappings; and the heap's address space. */
	uint64_t used_pages, dirty_pages, block_bytes, mapped_bytes, given_back;
	uint64_t heap_bytes;
};

#endif
