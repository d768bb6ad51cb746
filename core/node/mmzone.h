/* SPDX-License-Identifier: MIT */
/*
 * Nodes, zones and their lists: the shapes of Linux's mmzone.h.
 *
 * A node (pglist_data) owns its zones, its zonelists, its LRU lists and its
 * kswapd's state; a zone owns its free areas, its watermarks and a set of
 * page lists for each CPU.  The structures live here, on the lowest floor that
 * names them; the code that works on them lives where it belongs (free areas
 * in page/, LRU lists in cache/ and reclaim/).
 *
 * Locks: zone->lock guards free areas and counts of free pages;
 * per_cpu_pages.lock the lists of one CPU; pgdat->lru_lock every lruvec of the
 * node, those of control groups too.
 */
#ifndef QUIRE_NODE_MMZONE_H
#define QUIRE_NODE_MMZONE_H

#include "node/page.h"
#include "node/vmstat_items.h"

#define MAX_ORDER		11 /* orders 0 .. 10 */
#define MAX_ORDER_NR_PAGES	(1UL << (MAX_ORDER - 1))
#define pageblock_order		9
#define pageblock_nr_pages	(1UL << pageblock_order)
#define PAGE_ALLOC_COSTLY_ORDER 3
#define PAGES_PER_SECTION	(1UL << 15) /* 128 MiB */

enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_PCPTYPES,
	MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES,
	MIGRATE_CMA,
	MIGRATE_ISOLATE,
	MIGRATE_TYPES,
};

enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, ZONE_DEVICE, MAX_NR_ZONES };

enum zone_watermarks { WMARK_MIN, WMARK_LOW, WMARK_HIGH, WMARK_PROMO, NR_WMARK };

/* Orders 0..3 of three migrate types each, and one for huge blocks of all. */
#define NR_PCP_LISTS (MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1) + 1)

enum lru_list {
	LRU_INACTIVE_ANON,
	LRU_ACTIVE_ANON,
	LRU_INACTIVE_FILE,
	LRU_ACTIVE_FILE,
	LRU_UNEVICTABLE,
	NR_LRU_LISTS,
};
#define LRU_ACTIVE		    1
#define LRU_FILE		    2
#define for_each_lru(lru)	    for (int lru = 0; lru < NR_LRU_LISTS; lru++)
#define for_each_evictable_lru(lru) for (int lru = 0; lru <= LRU_ACTIVE_FILE; lru++)

static inline bool is_file_lru(int lru)
{
	return lru == LRU_INACTIVE_FILE || lru == LRU_ACTIVE_FILE;
}

static inline bool is_active_lru(int lru)
{
	return lru == LRU_ACTIVE_ANON || lru == LRU_ACTIVE_FILE;
}

/* Changed under zone->lock; nr_free and types are also read without it. */
struct free_area {
	struct list_head free_list[MIGRATE_TYPES];
	unsigned int types;    /* bit mt: free_list[mt] is not empty */
	unsigned long nr_free; /* blocks, of all types; of the highest order virgin ones too */
};

struct per_cpu_pages {
	struct spinlock lock;
	int count; /* pages on the lists */
	int high;  /* above it, pages go back to the buddy */
	int batch; /* how many at a time */
	short free_factor;
	struct list_head lists[NR_PCP_LISTS];
	unsigned long numa_event[NR_VM_NUMA_EVENT_ITEMS];
} __cacheline_aligned;

struct zone {
	unsigned long _watermark[NR_WMARK]; /* pages, without boost */
	unsigned long watermark_boost;
	unsigned long nr_reserved_highatomic;
	long lowmem_reserve[MAX_NR_ZONES]; /* pages kept from higher zones' requests */
	unsigned int zone_idx;		   /* enum zone_type */
	struct pglist_data *zone_pgdat;
	const char *name;
	struct per_cpu_pages *pageset; /* [nr_cpus] */
	int pageset_high, pageset_batch;
	unsigned long numa_base[NR_VM_NUMA_EVENT_ITEMS]; /* at vm.numa_stat=1: counted from there */
	unsigned int stat_threshold; /* for zoneinfo: refresh_zone_stat_thresholds() */
	u8 *pageblock_type;	     /* migrate type of each pageblock from pageblock_base on */
	u8 *pageblock_skip;	     /* beside it: compaction found nothing there lately */
	u64 pageblock_base;
	unsigned long nr_pageblocks; /* that the two have room for */
	bool pageblock_slab;	     /* they are kmalloc's: the zone has grown */

	u64 zone_start_pfn;
	unsigned long managed_pages; /* given to the buddy */
	unsigned long spanned_pages; /* with holes */
	unsigned long present_pages; /* without */

	/* Memory from first_deferred_pfn on is not the buddy's yet: so many
	 * pages, which deferred_grow_zone() gives in order.  Their descriptors
	 * are zeros.  The zone's end: nothing is deferred.  (Linux keeps the
	 * first in the node; it is the highest zone's.) */
	u64 first_deferred_pfn;
	unsigned long deferred_pages;

	/* Free blocks of the highest order that nothing has touched since boot:
	 * those of boot's free ranges from virgin_pfn on.  They count in nr_free
	 * but are on no list; page/buddy.c puts them there one by one. */
	u64 virgin_pfn;
	unsigned long nr_virgin;

	struct free_area free_area[MAX_ORDER];
	struct spinlock lock;
	/* Compaction (core/reclaim): where its scanners go on, async's and sync's;
	 * where they were set at the last reset; how often to put it off, from
	 * which order on it failed, and whether the skip bits are due. */
	u64 compact_cached_free_pfn, compact_cached_migrate_pfn[2];
	u64 compact_init_migrate_pfn, compact_init_free_pfn;
	unsigned int compact_considered, compact_defer_shift;
	int compact_order_failed;
	bool compact_blockskip_flush;
	unsigned long nr_isolate_pageblock; /* of MIGRATE_ISOLATE; zone->lock */
	unsigned long cma_pages;	    /* of MIGRATE_CMA pageblocks; set at boot */

	bool boosted;	     /* watermark_boost was raised: wake kswapd once the lock is free */
	bool reclaim_active; /* kswapd works on it (set by reclaim): per-CPU lists stay short */
	long vm_stat[NR_VM_ZONE_STAT_ITEMS];
} __cacheline_aligned;

struct lru_gen_struct;

struct lruvec {
	struct list_head lists[NR_LRU_LISTS];
	unsigned long nr[NR_LRU_LISTS]; /* pages on each list */
	unsigned long nr_zone[NR_LRU_LISTS][MAX_NR_ZONES];
	unsigned long anon_cost, file_cost; /* what reclaim of each kind has cost */
	u64 nonresident_age;		    /* evictions and activations */
	unsigned long refaults[2];	    /* anon, file: at the last reclaim */
	unsigned long flags;		    /* LRUVEC_CONGESTED */
	/* What a group has on this node (Linux's lruvec_stats), NR_SLAB_* in bytes; the
	 * root's is the node's vm_stat. */
	long stat[NR_VM_NODE_STAT_ITEMS];
	struct pglist_data *pgdat;
	struct mem_cgroup *memcg;      /* NULL: the root */
	struct lru_gen_struct *lrugen; /* node/lru_gen.h; NULL: never switched on */
};

/* Bits of lruvec.flags and pglist_data.flags, set and read by reclaim. */
#define LRUVEC_CONGESTED     0x1UL /* all its dirty pages wait for the device */
#define PGDAT_DIRTY	     0x1UL /* the tail of the LRU is full of unqueued dirty pages */
#define PGDAT_RECLAIM_LOCKED 0x4UL /* somebody does node_reclaim() */
#define PGDAT_WRITEBACK	     0x2UL /* ... of pages under writeback */

/* What a reclaimer waits for when it can't go on. */
enum vmscan_throttle_state {
	VMSCAN_THROTTLE_WRITEBACK,
	VMSCAN_THROTTLE_ISOLATED,
	VMSCAN_THROTTLE_NOPROGRESS,
	VMSCAN_THROTTLE_CONGESTED,
	NR_VMSCAN_THROTTLE,
};

struct zoneref {
	struct zone *zone; /* NULL ends the list */
	int zone_idx;
};

struct zonelist {
	struct zoneref *zonerefs;
};

enum { ZONELIST_FALLBACK, ZONELIST_NOFALLBACK, MAX_ZONELISTS };

struct pglist_data {
	struct zone node_zones[MAX_NR_ZONES];
	struct zonelist node_zonelists[MAX_ZONELISTS];
	unsigned int node_id;
	u64 node_start_pfn;
	unsigned long node_present_pages, node_spanned_pages;
	unsigned int first_cpu, nr_cpus; /* its CPUs are consecutive */

	struct quire_wait_queue kswapd_wait;
	struct quire_wait_queue pfmemalloc_wait; /* direct reclaimers throttled */
	bool has_kswapd;
	bool kswapd_asleep;
	bool stat_pressure; /* kswapd was awake: the threshold that zoneinfo shows is lower */
	int kswapd_order;
	int kswapd_highest_zoneidx; /* MAX_NR_ZONES: no request */
	int kswapd_failures;	    /* runs in a row that reclaimed nothing */
	struct task *kswapd;
	unsigned long flags; /* PGDAT_* */

	struct quire_wait_queue kcompactd_wait;
	bool has_kcompactd;
	bool kcompactd_asleep;
	bool proactive_compact_trigger; /* the operator changed proactiveness */
	int kcompactd_max_order;	/* 0: nothing to do */
	int kcompactd_highest_zoneidx;
	struct quire_wait_queue reclaim_wait[NR_VMSCAN_THROTTLE];
	unsigned int nr_writeback_throttled; /* who wait for writeback to end */
	unsigned long nr_reclaim_start;	     /* NR_THROTTLED_WRITTEN when the first began to */

	struct spinlock lru_lock;
	struct lruvec __lruvec; /* of the root group */
	long vm_stat[NR_VM_NODE_STAT_ITEMS];
};

typedef struct {
	unsigned long bits[QUIRE_MAX_NODES / BITS_PER_LONG];
} nodemask_t;

/* The node floor's state. */
struct node_floor {
	struct pglist_data *pgdat[QUIRE_MAX_NODES];
	u8 distance[QUIRE_MAX_NODES][QUIRE_MAX_NODES];
	u16 *cpu_to_node;			    /* [nr_cpus] */
	unsigned long (*events)[NR_VM_EVENT_ITEMS]; /* [nr_cpus] */
	unsigned long totalram_pages;		    /* managed and deferred, all zones */
	unsigned long deferred_pages;		    /* all zones' */
	unsigned long totalreserve_pages;	    /* what user allocations can't count on */
	bool numa_stat_off;			    /* vm.numa_stat is 0 */
	struct memblock *memblock;		    /* boot memory: node/memblock.h */
	/* A bit a block of the highest order: it is ZONE_MOVABLE's.  NULL: hotplug has
	 * not made zones overlap, and a zone has what it spans. */
	unsigned long *movable_map;
	/* What the floor above counts by other means; NULL: nothing. */
	unsigned long (*more_events)(const struct quire *q, enum vm_event_item item);
	unsigned long (*more_numa_events)(const struct quire *q, const struct zone *zone,
					  enum numa_stat_item item);
};

#define for_each_node(q, nid) for (unsigned int nid = 0; nid < (q)->nr_nodes; nid++)
#define NODE_DATA(q, nid)     ((q)->node->pgdat[nid])

#define for_each_zone_of_node(pgdat, z) \
	for (struct zone *z = (pgdat)->node_zones; z < (pgdat)->node_zones + MAX_NR_ZONES; z++)
#define for_each_populated_zone_of_node(pgdat, z) \
	for_each_zone_of_node(pgdat, z) if (z->present_pages)

static inline struct zone *page_zone(const struct quire *q, const struct page *page)
{
	return &NODE_DATA(q, page_to_nid(page))->node_zones[page_zonenum(page)];
}

static inline struct pglist_data *page_pgdat(const struct quire *q, const struct page *page)
{
	return NODE_DATA(q, page_to_nid(page));
}

static inline unsigned int cpu_to_node(const struct quire *q, unsigned int cpu)
{
	return q->node->cpu_to_node[cpu];
}

static inline unsigned int numa_node_id(struct quire *q)
{
	return cpu_to_node(q, smp_processor_id(q));
}

static inline bool node_isset(const nodemask_t *mask, unsigned int nid)
{
	return (mask->bits[nid / BITS_PER_LONG] >> (nid % BITS_PER_LONG)) & 1;
}

static inline void node_set(nodemask_t *mask, unsigned int nid)
{
	mask->bits[nid / BITS_PER_LONG] |= 1UL << (nid % BITS_PER_LONG);
}

/* node/movable.c: the frame where each node's ZONE_MOVABLE begins; 0: nowhere. */
void find_zone_movable_pfns(struct quire *q, u64 start[QUIRE_MAX_NODES]);

/* node/node.c */
struct text;
/* "0-3,5", as Linux's %*pbl prints a mask; the nodes with memory for NULL. */
void nodemask_to_text(const struct quire *q, struct text *t, const nodemask_t *mask);
/* Reads the configuration, makes nodes, zones, the memory map's bounds, the
 * zonelists and the boot allocator.  -EINVAL or -ENOMEM. */
int node_init(struct quire *q);
/* Tells the log about ranges, zones and the order of zonelists. */
void node_show(struct quire *q);
static inline unsigned int node_distance(const struct quire *q, unsigned int a, unsigned int b)
{
	return q->node->distance[a][b];
}
static inline unsigned int zone_to_nid(const struct zone *zone)
{
	return zone->zone_pgdat->node_id;
}
static inline u64 zone_end_pfn(const struct zone *zone)
{
	return zone->zone_start_pfn + zone->spanned_pages;
}
static inline bool zone_spans_pfn(const struct zone *zone, u64 pfn)
{
	return pfn >= zone->zone_start_pfn && pfn < zone_end_pfn(zone);
}
/* Of what several zones span, is this frame the zone's? */
static inline bool zone_has_pfn(const struct quire *q, const struct zone *zone, u64 pfn)
{
	const unsigned long *map = q->node->movable_map;
	u64 block = pfn >> (MAX_ORDER - 1);

	if (!zone_spans_pfn(zone, pfn))
		return false;
	return likely(!map) || ((map[block / BITS_PER_LONG] >> (block % BITS_PER_LONG)) & 1) ==
				       (zone->zone_idx == ZONE_MOVABLE);
}
/* The end of the run of frames from pfn to end at most that are all the zone's,
 * or all not. */
static inline u64 zone_run_end(const struct quire *q, const struct zone *zone, u64 pfn, u64 end)
{
	bool mine = zone_has_pfn(q, zone, pfn);

	if (likely(!q->node->movable_map))
		return end;
	while (pfn < end && zone_has_pfn(q, zone, pfn) == mine)
		pfn = ALIGN(pfn + 1, MAX_ORDER_NR_PAGES);
	return pfn < end ? pfn : end;
}
/* Zones have come or gone: the zonelists anew, and what the log says of them. */
void build_all_zonelists(struct quire *q);
/* The next entry of a zonelist with zone_idx <= highest and a node in
 * *nodes (NULL: any), from z on; ends at one whose zone is NULL. */
struct zoneref *next_zones_zonelist(struct zoneref *z, int highest_zoneidx,
				    const nodemask_t *nodes);

#define for_each_zone_zonelist_nodemask(zone_, z_, zlist_, highidx_, nodemask_)                 \
	for (struct zoneref *z_ = next_zones_zonelist((zlist_)->zonerefs, highidx_, nodemask_); \
	     (zone_ = z_->zone) != NULL; z_ = next_zones_zonelist(z_ + 1, highidx_, nodemask_))

#endif
