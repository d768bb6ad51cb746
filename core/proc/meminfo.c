/* SPDX-License-Identifier: MIT */
/*
 * /proc/meminfo and each node's meminfo, line by line as Linux 6.1 prints
 * them; the numbers are counters of nodes and zones, read without a lock.
 *
 * Zero here because the house has nothing of the kind yet: buffers of block
 * devices, huge pages, secondary page tables, NFS.  The direct map is what
 * Linux would build of the memory's ranges: 1 GiB entries where a range holds
 * whole ones, 2 MiB around them, 4 KiB at ragged ends.
 */
#include "page/hugetlb.h"
#include "page/cma.h"
#include "proc/internal.h"
#include "vmalloc/vmalloc.h"

static unsigned long node_kb(struct pglist_data *pgdat, enum node_stat_item item)
{
	return pages_to_kb(node_page_state(pgdat, item));
}

static unsigned long global_kb(const struct quire *q, enum node_stat_item item)
{
	return pages_to_kb(global_node_page_state(q, item));
}

struct direct_map {
	u64 bytes_4k, bytes_2m, bytes_1g;
};

/* Splits [start, end) into whole units of size and what is left on both sides,
 * which goes to the next smaller one. */
static void map_range(struct direct_map *map, u64 start, u64 end, u64 size)
{
	u64 first = ALIGN(start, size), last = ALIGN_DOWN(end, size);
	u64 *bytes = size == PMD_SIZE ? &map->bytes_2m : &map->bytes_1g;

	if (size == PAGE_SIZE) {
		map->bytes_4k += end - start;
		return;
	}
	size = size == PMD_SIZE ? PAGE_SIZE : PMD_SIZE;
	if (first >= last) {
		map_range(map, start, end, size);
		return;
	}
	*bytes += last - first;
	map_range(map, start, first, size);
	map_range(map, last, end, size);
}

static struct direct_map direct_map_of(const struct quire *q)
{
	const struct memblock_type *memory = &q->node->memblock->memory;
	struct direct_map map = {0};

	for (unsigned int i = 0; i < memory->cnt; i++) {
		u64 base = memory->regions[i].base, end = base + memory->regions[i].size;

		/* Nodes that touch are one range to the mapping. */
		while (i + 1 < memory->cnt && memory->regions[i + 1].base == end)
			end += memory->regions[++i].size;
		map_range(&map, base, end, 1UL << 30);
	}
	return map;
}

static void put_huge_pages(struct quire *q, struct text *t, const struct direct_map *map)
{
	const struct hstate *h = default_hstate(q);

	text_printf(t,
		    "HugePages_Total:   %5lu\n"
		    "HugePages_Free:    %5lu\n"
		    "HugePages_Rsvd:    %5lu\n"
		    "HugePages_Surp:    %5lu\n",
		    h->nr_huge_pages, h->free_huge_pages, h->resv_huge_pages,
		    h->surplus_huge_pages);
	put_kb_line(t, "Hugepagesize:   ", huge_page_size(h) >> 10);
	put_kb_line(t, "Hugetlb:        ", pages_to_kb(hugetlb_total_pages(q)));
	put_kb_line(t, "DirectMap4k:    ", map->bytes_4k >> 10);
	put_kb_line(t, "DirectMap2M:    ", map->bytes_2m >> 10);
	put_kb_line(t, "DirectMap1G:    ", map->bytes_1g >> 10);
}

static void put_lru(struct text *t, const unsigned long pages[NR_LRU_LISTS])
{
	put_kb_line(t, "Active:         ",
		    pages_to_kb(pages[LRU_ACTIVE_ANON] + pages[LRU_ACTIVE_FILE]));
	put_kb_line(t, "Inactive:       ",
		    pages_to_kb(pages[LRU_INACTIVE_ANON] + pages[LRU_INACTIVE_FILE]));
	put_kb_line(t, "Active(anon):   ", pages_to_kb(pages[LRU_ACTIVE_ANON]));
	put_kb_line(t, "Inactive(anon): ", pages_to_kb(pages[LRU_INACTIVE_ANON]));
	put_kb_line(t, "Active(file):   ", pages_to_kb(pages[LRU_ACTIVE_FILE]));
	put_kb_line(t, "Inactive(file): ", pages_to_kb(pages[LRU_INACTIVE_FILE]));
	put_kb_line(t, "Unevictable:    ", pages_to_kb(pages[LRU_UNEVICTABLE]));
}

static void put_kernel_part(struct quire *q, struct text *t)
{
	unsigned long reclaimable = global_node_page_state(q, NR_SLAB_RECLAIMABLE);
	unsigned long unreclaimable = global_node_page_state(q, NR_SLAB_UNRECLAIMABLE);

	put_kb_line(
		t, "KReclaimable:   ",
		pages_to_kb(reclaimable + global_node_page_state(q, NR_KERNEL_MISC_RECLAIMABLE)));
	put_kb_line(t, "Slab:           ", pages_to_kb(reclaimable + unreclaimable));
	put_kb_line(t, "SReclaimable:   ", pages_to_kb(reclaimable));
	put_kb_line(t, "SUnreclaim:     ", pages_to_kb(unreclaimable));
	put_kb_line(t, "KernelStack:    ", global_node_page_state(q, NR_KERNEL_STACK_KB));
	put_kb_line(t, "PageTables:     ", global_kb(q, NR_PAGETABLE));
	put_kb_line(t, "SecPageTables:  ", global_kb(q, NR_SECONDARY_PAGETABLE));
	put_lit(t, "NFS_Unstable:          0 kB\n");
	put_kb_line(t, "Bounce:         ", pages_to_kb(global_zone_page_state(q, NR_BOUNCE)));
	put_kb_line(t, "WritebackTmp:   ", global_kb(q, NR_WRITEBACK_TEMP));
	put_kb_line(t, "CommitLimit:    ", pages_to_kb(vm_commit_limit(q)));
	put_kb_line(t, "Committed_AS:   ",
		    pages_to_kb((unsigned long)max(HOT_LOAD(&q->space->vm_committed_as), 0L)));
	put_kb_line(t, "VmallocTotal:   ", (VMALLOC_END - VMALLOC_START) >> 10);
	put_kb_line(t, "VmallocUsed:    ", pages_to_kb(vmalloc_nr_pages(q)));
	put_lit(t, "VmallocChunk:          0 kB\n");
	put_kb_line(t, "Percpu:         ", pages_to_kb(slab_percpu_pages(q)));
	put_lit(t, "HardwareCorrupted:     0 kB\n");
}

int show_meminfo(struct quire *q, __unused const struct proc_entry *e,
		 __unused const struct proc_def *def, struct text *t)
{
	unsigned long pages[NR_LRU_LISTS], cached, swapcache;
	const struct zswap_stats *zswap = zswap_stats(q);
	struct direct_map map = direct_map_of(q);

	for_each_lru (lru)
		pages[lru] = global_node_page_state(q, NR_INACTIVE_ANON + (unsigned)lru);
	cached = global_node_page_state(q, NR_FILE_PAGES);
	swapcache = global_node_page_state(q, NR_SWAPCACHE);
	put_kb_line(t, "MemTotal:       ", pages_to_kb(q->node->totalram_pages));
	put_kb_line(t, "MemFree:        ", pages_to_kb(si_mem_free(q)));
	put_kb_line(t, "MemAvailable:   ", pages_to_kb((unsigned long)si_mem_available(q)));
	put_lit(t, "Buffers:               0 kB\n");
	put_kb_line(t,
		    "Cached:         ", pages_to_kb(cached > swapcache ? cached - swapcache : 0));
	put_kb_line(t, "SwapCached:     ", pages_to_kb(swapcache));
	put_lru(t, pages);
	put_kb_line(t, "Mlocked:        ", pages_to_kb(global_zone_page_state(q, NR_MLOCK)));
	put_kb_line(t, "SwapTotal:      ", pages_to_kb(q->swap->total_swap_pages));
	put_kb_line(t,
		    "SwapFree:       ", pages_to_kb((unsigned long)max(get_nr_swap_pages(q), 0L)));
	put_kb_line(t, "Zswap:          ", zswap->pool_total_size >> 10);
	put_kb_line(t, "Zswapped:       ", pages_to_kb(zswap->stored_pages));
	put_kb_line(t, "Dirty:          ", global_kb(q, NR_FILE_DIRTY));
	put_kb_line(t, "Writeback:      ", global_kb(q, NR_WRITEBACK));
	put_kb_line(t, "AnonPages:      ", global_kb(q, NR_ANON_MAPPED));
	put_kb_line(t, "Mapped:         ", global_kb(q, NR_FILE_MAPPED));
	put_kb_line(t, "Shmem:          ", global_kb(q, NR_SHMEM));
	put_kernel_part(q, t);
	put_kb_line(t, "AnonHugePages:  ", global_kb(q, NR_ANON_THPS));
	put_kb_line(t, "ShmemHugePages: ", global_kb(q, NR_SHMEM_THPS));
	put_kb_line(t, "ShmemPmdMapped: ", global_kb(q, NR_SHMEM_PMDMAPPED));
	put_kb_line(t, "FileHugePages:  ", global_kb(q, NR_FILE_THPS));
	put_kb_line(t, "FilePmdMapped:  ", global_kb(q, NR_FILE_PMDMAPPED));
	/* Debian's kernels are built without contiguous areas. */
	if (q->page->cma) {
		put_kb_line(t, "CmaTotal:       ", pages_to_kb(totalcma_pages(q)));
		put_kb_line(t, "CmaFree:        ",
			    pages_to_kb(global_zone_page_state(q, NR_FREE_CMA_PAGES)));
	}
	put_huge_pages(q, t, &map);
	return 0;
}

/* ---- a node ----------------------------------------------------------------- */

/* Each line begins "Node 3 ". */
struct node_lines {
	struct text *t;
	unsigned int nid;
};

static void node_line(const struct node_lines *l, const char *label, unsigned long kb)
{
	put_lit(l->t, "Node ");
	put_dec(l->t, l->nid, 0);
	text_putc(l->t, ' ');
	put_kb(l->t, label, str_len(label), kb);
}

static void put_node_lru(const struct node_lines *l, struct pglist_data *pgdat)
{
	unsigned long kb[NR_LRU_LISTS];

	for_each_lru (lru)
		kb[lru] = node_kb(pgdat, NR_INACTIVE_ANON + (unsigned)lru);
	node_line(l, "Active:         ", kb[LRU_ACTIVE_ANON] + kb[LRU_ACTIVE_FILE]);
	node_line(l, "Inactive:       ", kb[LRU_INACTIVE_ANON] + kb[LRU_INACTIVE_FILE]);
	node_line(l, "Active(anon):   ", kb[LRU_ACTIVE_ANON]);
	node_line(l, "Inactive(anon): ", kb[LRU_INACTIVE_ANON]);
	node_line(l, "Active(file):   ", kb[LRU_ACTIVE_FILE]);
	node_line(l, "Inactive(file): ", kb[LRU_INACTIVE_FILE]);
	node_line(l, "Unevictable:    ", kb[LRU_UNEVICTABLE]);
}

static unsigned long zones_kb(struct pglist_data *pgdat, enum zone_stat_item item)
{
	unsigned long sum = 0;

	for_each_zone_of_node(pgdat, zone) sum += zone_page_state(zone, item);
	return pages_to_kb(sum);
}

static void put_node_kernel(const struct node_lines *l, struct pglist_data *pgdat)
{
	unsigned long reclaimable = node_kb(pgdat, NR_SLAB_RECLAIMABLE);
	unsigned long unreclaimable = node_kb(pgdat, NR_SLAB_UNRECLAIMABLE);

	node_line(l, "KernelStack:    ", node_page_state(pgdat, NR_KERNEL_STACK_KB));
	node_line(l, "PageTables:     ", node_kb(pgdat, NR_PAGETABLE));
	node_line(l, "SecPageTables:  ", node_kb(pgdat, NR_SECONDARY_PAGETABLE));
	node_line(l, "NFS_Unstable:   ", 0);
	node_line(l, "Bounce:         ", zones_kb(pgdat, NR_BOUNCE));
	node_line(l, "WritebackTmp:   ", node_kb(pgdat, NR_WRITEBACK_TEMP));
	node_line(l, "KReclaimable:   ", reclaimable + node_kb(pgdat, NR_KERNEL_MISC_RECLAIMABLE));
	node_line(l, "Slab:           ", reclaimable + unreclaimable);
	node_line(l, "SReclaimable:   ", reclaimable);
	node_line(l, "SUnreclaim:     ", unreclaimable);
}

int show_node_meminfo(struct quire *q, const struct proc_entry *e,
		      __unused const struct proc_def *def, struct text *t)
{
	struct pglist_data *pgdat = NODE_DATA(q, e->arg);
	const struct hstate *h = default_hstate(q);
	struct node_lines l = {t, e->arg};
	unsigned long total = 0, free = zones_kb(pgdat, NR_FREE_PAGES);

	for_each_zone_of_node(pgdat, zone) total += pages_to_kb(zone->managed_pages);
	node_line(&l, "MemTotal:       ", total);
	node_line(&l, "MemFree:        ", free);
	node_line(&l, "MemUsed:        ", total - free);
	node_line(&l, "SwapCached:     ", node_kb(pgdat, NR_SWAPCACHE));
	put_node_lru(&l, pgdat);
	node_line(&l, "Mlocked:        ", zones_kb(pgdat, NR_MLOCK));
	node_line(&l, "Dirty:          ", node_kb(pgdat, NR_FILE_DIRTY));
	node_line(&l, "Writeback:      ", node_kb(pgdat, NR_WRITEBACK));
	node_line(&l, "FilePages:      ", node_kb(pgdat, NR_FILE_PAGES));
	node_line(&l, "Mapped:         ", node_kb(pgdat, NR_FILE_MAPPED));
	node_line(&l, "AnonPages:      ", node_kb(pgdat, NR_ANON_MAPPED));
	node_line(&l, "Shmem:          ", node_kb(pgdat, NR_SHMEM));
	put_node_kernel(&l, pgdat);
	node_line(&l, "AnonHugePages:  ", node_kb(pgdat, NR_ANON_THPS));
	node_line(&l, "ShmemHugePages: ", node_kb(pgdat, NR_SHMEM_THPS));
	node_line(&l, "ShmemPmdMapped: ", node_kb(pgdat, NR_SHMEM_PMDMAPPED));
	node_line(&l, "FileHugePages:  ", node_kb(pgdat, NR_FILE_THPS));
	node_line(&l, "FilePmdMapped:  ", node_kb(pgdat, NR_FILE_PMDMAPPED));
	text_printf(t,
		    "Node %u HugePages_Total: %5u\n"
		    "Node %u HugePages_Free:  %5u\n"
		    "Node %u HugePages_Surp:  %5u\n",
		    e->arg, h->nr_huge_pages_node[e->arg], e->arg, h->free_huge_pages_node[e->arg],
		    e->arg, h->surplus_huge_pages_node[e->arg]);
	return 0;
}
