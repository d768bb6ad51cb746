/* SPDX-License-Identifier: MIT */
/*
 * Quire: an instance of Linux's memory manager.
 *
 * A program has one from the host port, which provides memory, threads and
 * clock (<quire/host.h>); whoever writes a port of his own calls quire_init()
 * on his own storage:
 *
 *	cfg.port = &my_port_ops;		<quire/port.h>
 *	cfg.hot = &my_hot;			<quire_hot.h>, the port's
 *	quire_memory_needed(&cfg, &max_pfn);	reserve that much
 *	q = calloc(1, quire_sizeof());
 *	err = quire_init(q, &cfg);
 *
 * All state hangs off the one pointer; two instances never meet.
 *
 * Errors are Linux's numbers, negative.  What may sleep says so; the rest does
 * not, and may be called wherever the port's locks may be taken.
 */
#ifndef QUIRE_H
#define QUIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <quire/port.h>

struct quire;

#define QUIRE_MAX_NODES 64
#define QUIRE_MAX_CPUS	512

struct quire_node_config {
	uint64_t size_bytes;  /* memory of the node; 0: a node of CPUs only */
	uint64_t start_bytes; /* where it starts; 0 for all but the first: behind the one before */
	uint32_t nr_cpus;
	/* Memory that never reaches the allocator (firmware, the kernel's
	 * image and boot data).  Linux calls the rest "managed". */
	uint64_t reserved_bytes;
	/* Boot's own area of contiguous memory of the node (Linux: cma_pernuma=). */
	uint64_t cma_bytes;
	/* Huge pages of 1 GiB and 2 MiB that the pools have from the start
	 * (hugepages=NODE:COUNT).  Those of 1 GiB are boot memory. */
	uint32_t hugepages_1g, hugepages_2m;
	bool hotpluggable; /* with movable_node: all its memory is movable */
};

/*
 * Optional: memory range by range, as a machine that exists has it, in place of
 * sizes.  Ranges of one kind are sorted and apart; `reserved` never reaches the
 * allocator and holds all that boot needs (the longest range of each node), so
 * what a zone manages is known beforehand.  Zones are given by their spans; a
 * zone that is not named is empty.
 *
 * The last deferred_pages of a zone's free memory are given to it late, section
 * by section, when an allocation finds the zone low: Linux's
 * CONFIG_DEFERRED_STRUCT_PAGE_INIT, with a kernel that goes on like that after
 * boot.  They begin at a multiple of 4 MiB.
 */
struct quire_range {
	uint64_t start_pfn, nr_pages;
	uint32_t node;
};
struct quire_zone_span {
	uint32_t node, zone; /* zone: 0 DMA, 1 DMA32, 2 Normal, 3 Movable, 4 Device */
	uint64_t start_pfn, nr_pages;
	uint64_t deferred_pages; /* 0: all is there from the start */
};
struct quire_layout {
	const struct quire_range *memory, *reserved;
	const struct quire_zone_span *zones;
	uint32_t nr_memory, nr_reserved, nr_zones;
};

/* Optional: how a slab cache cuts its pages, where it is not by the rules.  The
 * embedder sees to it that an object of the cache fits into size_bytes. */
struct quire_slab_layout {
	const char *name;
	uint32_t size_bytes;	 /* from one object to the next */
	uint32_t objects, pages; /* of a slab */
};

/*
 * The memory an instance stands on.  physmap is the address at which
 * physical address 0 is seen; vmemmap the array of page descriptors, one of
 * 64 bytes for each frame below max_pfn.  Both must read as zero until first
 * written, so both may be reserved address space.
 */
struct quire_memory {
	void *physmap;
	void *vmemmap;
	uint64_t max_pfn;
	/* Optional, quire_frames_needed() bytes of the same kind: embedders' pages
	 * are kept there then, without descriptors.  Ports with lists of the
	 * CPU's own only (HOT_PERCPU in <quire_hot.h>). */
	void *frames;
};

struct quire_config {
	uint32_t nr_nodes; /* 1 .. QUIRE_MAX_NODES */
	struct quire_node_config node[QUIRE_MAX_NODES];
	/* Firmware distances (SLIT); 0 means 10 at home and 20 elsewhere. */
	uint8_t distance[QUIRE_MAX_NODES][QUIRE_MAX_NODES];
	uint32_t local_ns, remote_ns; /* memory latency, for ports that charge it */
	/* Physical addresses [pci_hole_start, 4 GiB) are not memory; what
	 * would lie there lies above 4 GiB.  0: no hole. */
	uint64_t pci_hole_start;
	const struct quire_layout *layout; /* NULL: by the sizes */
	const struct quire_slab_layout
		*slabs; /* NULL: by the rules; read at any kmem_cache_create() */
	uint32_t nr_slabs;
	/*
	 * The slab (docs/slab.md): which of Linux's three implementations, and what
	 * its command line would say of it.  slub_debug is "FZPU", "FZ,dentry;P" and
	 * the like: "" for all checks, NULL for none.
	 */
	enum { QUIRE_SLUB, QUIRE_SLAB, QUIRE_SLOB } slab;
	const char *slub_debug;
	bool slab_merge;	     /* like caches become one */
	bool slab_freelist_random;   /* the free objects of a new slab are shuffled */
	bool slab_freelist_hardened; /* their links are scrambled */
	/* The sampling guard (KFENCE): one allocation each so many ms is guarded by
	 * pages of its own; 0: off.  How many objects it has; 0: 255. */
	uint32_t kfence_sample_ms, kfence_objects;
	/*
	 * How much memory may hold what can't be moved, of all nodes together, and
	 * so how large their ZONE_MOVABLE are: Linux's kernelcore= and
	 * movablecore=, in bytes or per cent.  All 0: there is none.  movable_node:
	 * instead, nodes that are hotpluggable are movable as a whole.  Not with a
	 * layout, which says where zones are.
	 */
	uint64_t kernelcore_bytes, movablecore_bytes;
	uint32_t kernelcore_percent, movablecore_percent;
	bool movable_node;
	/* The area of contiguous memory "reserved" (Linux: cma=); multiples of 2 MiB. */
	uint64_t cma_bytes;
	bool weighted_interleave; /* the memory policy of Linux 6.9 */
	/* Levels of page tables: 4 (or 0), or 5 (Linux's la57), with which a mapping whose
	 * hint asks for it lies above the lower 47 bits. */
	uint32_t page_table_levels;
	/* Transparent huge pages at boot: sysfs changes it later.  Machines of
	 * less than 512 MiB start without, as Linux's do. */
	enum { QUIRE_THP_NEVER, QUIRE_THP_MADVISE, QUIRE_THP_ALWAYS } transparent_hugepage;
	/* The model: users' pages have real bytes, not descriptors alone; each load is
	 * checked against what was stored last.  Slow, and as large as what it models. */
	bool real_bytes;
	uint64_t seed;	      /* all randomness of the instance */
	int64_t boot_time;    /* wall clock at boot, seconds since 1970 (UTC) */
	const char *version;  /* "6.1.0-quire"; NULL: that */
	const char *hostname; /* NULL: "quire" */
	struct quire_memory memory;
	const struct quire_port_ops *port;
	void *port_ctx;
	void *hot; /* the port's hot state: struct quire_hot, see <quire_hot.h> */
};

/*
 * How much a configuration needs: *max_pfn frames of 4 KiB of physical address
 * space from 0 on, and as many descriptors of 64 bytes.  Of cfg only the nodes
 * and the hole are looked at.  Returns 0, or -EINVAL for an impossible one (no
 * or too many nodes or CPUs, memory that overlaps).  Does not sleep.
 */
int quire_memory_needed(const struct quire_config *cfg, uint64_t *max_pfn);

/* Bytes of quire_memory.frames for so many frames; 0: this port has no use for it. */
size_t quire_frames_needed(uint64_t max_pfn);

/* sizeof(struct quire) in bytes, the only memory that the instance needs beside
 * its own frames and their descriptors. */
size_t quire_sizeof(void);

/*
 * Boots an instance in storage of quire_sizeof() zeroed bytes: memblock, nodes
 * and zones, buddy, slab, and each floor above.  cfg is copied; what its
 * pointers lead to must stay.  Returns 0, -EINVAL (bad configuration) or -ENOMEM
 * (its memory can't hold its own structures); after an error quire_finish()
 * stops what was started.  Starts kernel threads through the port.  May sleep.
 * Linux: start_kernel() as far as it is about memory.
 */
int quire_init(struct quire *q, const struct quire_config *cfg);

/*
 * Ends it: kernel threads are asked to stop and waited for.  Nobody may be
 * inside, or come again.  The storage and the memory are the caller's to free.
 * Sleeps.
 */
void quire_finish(struct quire *q);

/*
 * Walks everything and proves it consistent; read-only.  Each broken
 * invariant is handed to report() as one line; returns how many there were.
 * The caller sees to it that nothing else runs meanwhile (quire_host_quiesce()).
 * report may be NULL.  Does not sleep.  Linux has no such thing; its nearest are
 * CONFIG_DEBUG_VM's checks.
 */
uint64_t quire_verify(struct quire *q, void (*report)(void *ctx, const char *line), void *ctx)
	__attribute__((warn_unused_result));

#endif
