/* SPDX-License-Identifier: MIT */
/*
 * Boot, allocation by allocation: see profile_early.h.
 *
 * The allocator is memblock's: the highest free place of the node that was
 * asked for, then of any.  Everything is counted in bytes, as small structures
 * share pages, and a page counts as taken with its first byte.
 *
 * Each step names the kernel's function.  A size without a formula is
 * sizeof(something) of Debian's 6.1.0 for amd64 and was read from a boot with
 * memblock=debug.
 */
#include "oracle/profile_early.h"

#include <string.h>

#define KIB   1024UL
#define MIB   (1024UL * KIB)
#define GIB   (1024UL * MIB)
#define CACHE 64UL

#define ISA_END	     MIB
#define MAX_DMA	     (16 * MIB)
#define SECTION_SIZE (128 * MIB)
#define SECTION_MAP  (2 * MIB) /* descriptors of a section */

/* SeaBIOS keeps its upper 128 KiB (ACPI tables); QEMU puts the initrd below
 * acpi_data_size (0x28000).  A page more each: the NVDIMM's mailbox, and SMBIOS
 * tables beyond 600 bytes (more than four memory modules of 16 GiB). */
#define FIRMWARE_TOP   (128 * KIB)
#define INITRD_TOP     (160 * KIB)
#define SMBIOS_MODULE  (16 * GIB)
#define SMBIOS_MODULES 4
#define MAX_LOW	       0xe0000000UL /* with so much memory or more ... */
#define SPLIT_LOW      0xc0000000UL /* ... only this lies below 4 GiB */
#define EBDA	       0x9f000UL

/*
 * Debian 6.1.0-56-amd64, loaded at 16 MiB (nokaslr).  image: "memblock_reserve
 * [0x1000000-...]" and brk's end in setup_arch().  alternatives, after_marks:
 * "Freeing ... memory: nK" with the symbols' addresses (__smp_locks, .data..
 * decrypted's end, __init_begin, the gaps between text, rodata and data), seen
 * in /proc/kpageflags.  pcpu: "Embedded 62 pages/cpu s217088 r8192 d28672".
 * initrd: INITRAMFS_KIB of oracle/guest/build.sh.
 */
const struct early_kernel early_kernel_6_1 = {
	.name = "6.1",
	.image_start = 0x1000000,
	.image_end = 0x4411000,
	.initrd_bytes = 7124 * KIB,
	.pg_data_bytes = 0x2b000,
	.pcpu_static = 217088,
	.pcpu_reserved = 8192,
	.pcpu_dynamic = 28672,
	.alternatives = {0x3306000, 0x330f000, 0},
	.after_marks =
		{
			{0x4203000, 0x4400000, 0}, /* decrypted: 2036K */
			{0x3044000, 0x3306000, 0}, /* initmem: 2824K */
			{0x1e02000, 0x2000000, 0}, /* text/rodata gap: 2040K */
			{0x28eb000, 0x2a00000, 0}, /* rodata/data gap: 1108K */
		},
};

/* ---- memblock --------------------------------------------------------------- */

#define TOP (~0UL)

struct boot {
	const struct early_machine *m;
	const struct early_kernel *k;
	struct early *e;
	u64 limit;		/* memblock's current_limit: what is mapped */
	u64 sparse, sparse_end; /* what is left of the memory map's buffer */
	/* init_mem_mapping() */
	u64 min_mapped, max_mapped;
	u32 brk_left;
	bool can_use_brk;
	bool pud[64];	  /* a table for each 512 GiB */
	u8 pmd[64 * 512]; /* a GiB: 0 nothing, 1 one large page, 2 a table */
	u64 pte[64];	  /* which 2 MiB have tables */
	u32 nr_pte;
};

static void insert(struct boot *b, struct early_range *r, u32 *n, struct early_range x)
{
	u32 i = 0;

	while (i < *n && r[i].base < x.base)
		i++;
	if (*n == EARLY_RANGES) {
		b->e->failed = true;
		return;
	}
	memmove(&r[i + 1], &r[i], (*n - i) * sizeof(*r));
	r[i] = x;
	++*n;
}

static void reserve(struct boot *b, u64 base, u64 end)
{
	insert(b, b->e->reserved, &b->e->nr_reserved, (struct early_range){base, end, 0});
}

static void release(struct boot *b, u64 base, u64 end)
{
	struct early *e = b->e;

	for (u32 i = 0; i < e->nr_reserved; i++) {
		struct early_range r = e->reserved[i];

		if (r.base > base || r.end < end)
			continue;
		e->nr_reserved--;
		memmove(&e->reserved[i], &e->reserved[i + 1], (e->nr_reserved - i) * sizeof(r));
		if (r.base < base)
			reserve(b, r.base, base);
		if (end < r.end)
			reserve(b, end, r.end);
		return;
	}
}

/* The highest free place in [lo, hi) of one range of memory; 0: none. */
static u64 find_in(const struct early *e, u64 lo, u64 hi, u64 size, u64 align)
{
	u32 i = e->nr_reserved;

	for (;;) {
		u64 floor = lo, base;

		/* The gap below hi: above the last range that begins below it. */
		while (i && e->reserved[i - 1].base >= hi)
			i--;
		if (i && e->reserved[i - 1].end > floor)
			floor = e->reserved[i - 1].end;
		if (hi > floor && hi - floor >= size) {
			base = (hi - size) & ~(align - 1);
			if (base >= floor)
				return base;
		}
		if (!i || e->reserved[i - 1].base <= lo)
			return 0;
		hi = min(hi, e->reserved[i - 1].base);
	}
}

/* memblock_find_in_range_node(): nid < 0 is any. */
static u64 find(struct boot *b, u64 size, u64 align, u64 from, u64 to, int nid)
{
	const struct early *e = b->e;

	from = max(from, PAGE_SIZE);
	to = min(to, b->limit);
	for (u32 i = e->nr_memory; i-- > 0;) {
		const struct early_range *r = &e->memory[i];
		u64 base;

		if (nid >= 0 && r->nid != (u32)nid)
			continue;
		base = find_in(e, max(r->base, from), min(r->end, to), size, align);
		if (base)
			return base;
	}
	return 0;
}

/* memblock_alloc_range_nid(); 0: no room. */
static u64 alloc_range(struct boot *b, u64 size, u64 align, u64 from, u64 to, int nid, bool exact)
{
	u64 base = find(b, size, align, from, to, nid);

	if (!base && nid >= 0 && !exact)
		base = find(b, size, align, from, to, -1);
	if (base)
		reserve(b, base, base + size);
	return base;
}

/* memblock_alloc_try_nid(): without its lower bound where it must. */
static u64 alloc_try(struct boot *b, u64 size, u64 align, u64 from, int nid)
{
	u64 base = alloc_range(b, size, align, from, TOP, nid, false);

	if (!base && from)
		base = alloc_range(b, size, align, 0, TOP, nid, false);
	if (!base)
		b->e->failed = true;
	return base;
}

static u64 alloc(struct boot *b, u64 size)
{
	return alloc_try(b, size, CACHE, 0, -1);
}

/* ---- firmware and loader ------------------------------------------------------ */

/* QEMU's split at 4 GiB, SeaBIOS's map; nodes lie one behind the other. */
static void firmware_map(struct boot *b)
{
	struct early *e = b->e;
	u64 total = 0, low, node_end = 0, top;

	for (u32 i = 0; i < b->m->nr_nodes; i++)
		total += b->m->bytes[i];
	if (total < b->k->image_end) {
		e->failed = true;
		return;
	}
	low = total >= MAX_LOW ? SPLIT_LOW : total;
	top = FIRMWARE_TOP + (b->m->nvdimm ? PAGE_SIZE : 0) +
	      (total > SMBIOS_MODULES * SMBIOS_MODULE ? PAGE_SIZE : 0);
	e->low_end = low - top;
	e->high_end = total > low ? 4 * GIB + total - low : e->low_end;
	e->initrd.base = (low - INITRD_TOP - 1 - b->k->initrd_bytes) & ~(PAGE_SIZE - 1);
	e->initrd.end = e->initrd.base + ALIGN(b->k->initrd_bytes, PAGE_SIZE);
	/* memory holds the nodes' parts, from low to high. */
	for (u32 i = 0; i < b->m->nr_nodes; i++) {
		u64 start = node_end, end;

		node_end += b->m->bytes[i];
		end = min(node_end, low);
		if (start < low) {
			if (!start) {
				insert(b, e->memory, &e->nr_memory,
				       (struct early_range){PAGE_SIZE, EBDA, i});
				start = ISA_END;
			}
			end = min(end, e->low_end);
			if (start < end)
				insert(b, e->memory, &e->nr_memory,
				       (struct early_range){start, end, i});
			start = low;
		}
		if (node_end > low) {
			start = max(start, low);
			insert(b, e->memory, &e->nr_memory,
			       (struct early_range){start - low + 4 * GIB, node_end - low + 4 * GIB,
						    i});
		}
	}
}

static u32 e820_entries(const struct boot *b)
{
	return 6 + (b->e->high_end > 4 * GIB); /* two below 1 MiB, low, its top, ROM, HT */
}

/* ---- the direct map ------------------------------------------------------------ */

static void table_page(struct boot *b)
{
	u64 base = 0;

	if (b->can_use_brk && b->brk_left) {
		b->brk_left--;
		return;
	}
	if (b->min_mapped < b->max_mapped)
		base = alloc_range(b, PAGE_SIZE, PAGE_SIZE, b->min_mapped, b->max_mapped, -1, true);
	if (!base && !b->can_use_brk)
		b->e->failed = true;
}

/* Is [start, end) one range of memory?  memblock_is_region_memory() */
static bool is_memory(const struct boot *b, u64 start, u64 end)
{
	u64 at = start;

	for (u32 i = 0; i < b->e->nr_memory && at < end; i++)
		if (b->e->memory[i].base <= at && b->e->memory[i].end > at)
			at = b->e->memory[i].end;
	return at >= end;
}

static void map_ptes(struct boot *b, u64 start)
{
	u64 slot = start / (2 * MIB);

	for (u32 i = 0; i < b->nr_pte; i++)
		if (b->pte[i] == slot)
			return;
	if (b->nr_pte < ARRAY_SIZE(b->pte))
		b->pte[b->nr_pte++] = slot;
	table_page(b);
}

/* kernel_physical_mapping_init() for a piece that wants pages of one size; the
 * neighbourhood may allow larger ones (adjust_range_page_size_mask()). */
static void map_piece(struct boot *b, u64 start, u64 end, u64 page)
{
	if (start >= end)
		return;
	if (page < 2 * MIB && is_memory(b, start & ~(2 * MIB - 1), ALIGN(end, 2 * MIB)))
		page = 2 * MIB;
	if (page < GIB && is_memory(b, start & ~(GIB - 1), ALIGN(end, GIB)))
		page = GIB;
	for (u64 g = start / GIB; g <= (end - 1) / GIB && g < ARRAY_SIZE(b->pmd); g++) {
		if (!b->pud[g / 512]) {
			b->pud[g / 512] = true;
			table_page(b);
		}
		if (page == GIB) {
			if (!b->pmd[g])
				b->pmd[g] = 1;
			continue;
		}
		if (b->pmd[g] == 1)
			continue;
		if (!b->pmd[g])
			table_page(b);
		b->pmd[g] = 2;
		if (page < 2 * MIB)
			map_ptes(b, max(start, g * GIB));
	}
	b->max_mapped = max(b->max_mapped, end);
}

/* init_memory_mapping(), split_mem_range() */
static void map_range(struct boot *b, u64 start, u64 end)
{
	u64 at = start, to = min(ALIGN(start, 2 * MIB), end);

	map_piece(b, at, to, PAGE_SIZE);
	at = to;
	to = min(ALIGN(at, GIB), end & ~(2 * MIB - 1));
	if (at < to) {
		map_piece(b, at, to, 2 * MIB);
		at = to;
	}
	to = end & ~(GIB - 1);
	if (IS_ALIGNED(at, GIB) && at < to) {
		map_piece(b, at, to, GIB);
		at = to;
	}
	to = end & ~(2 * MIB - 1);
	if (at < to) {
		map_piece(b, at, to, 2 * MIB);
		at = to;
	}
	map_piece(b, at, end, PAGE_SIZE);
}

/* init_range_memory_mapping(): tables in brk as long as it is not itself what
 * is being mapped. */
static u64 map_memory(struct boot *b, u64 from, u64 to)
{
	u64 mapped = 0, brk = b->k->image_end - (b->brk_left + 5) * PAGE_SIZE;

	for (u32 i = 0; i < b->e->nr_memory; i++) {
		u64 start = b->e->memory[i].base, end;

		/* Neighbours are one range before the nodes are known. */
		while (i + 1 < b->e->nr_memory && b->e->memory[i].end == b->e->memory[i + 1].base)
			i++;
		end = min(b->e->memory[i].end, to);
		start = max(start, from);
		if (start >= end)
			continue;
		b->can_use_brk = start > brk || end <= brk;
		map_range(b, start, end);
		mapped += end - start;
		b->can_use_brk = true;
	}
	return mapped;
}

/* init_mem_mapping(), memory_map_top_down() */
static void map_all(struct boot *b)
{
	u64 end = b->e->high_end, top, last, step = 2 * MIB, mapped = 0;

	b->can_use_brk = true;
	b->brk_left = 12; /* INIT_PGT_PAGE_COUNT */
	b->limit = TOP;
	map_range(b, 0, ISA_END);
	top = find(b, 2 * MIB, 2 * MIB, ISA_END, end, -1) + 2 * MIB;
	b->max_mapped = 0;
	b->min_mapped = last = top;
	while (last > ISA_END) {
		u64 start = last > step ? max((last - 1) & ~(step - 1), ISA_END) : ISA_END;

		mapped += map_memory(b, start, last);
		last = b->min_mapped = start;
		if (mapped >= step)
			step <<= 8;
	}
	if (top < end)
		map_memory(b, top, end);
	b->limit = max(b->max_mapped, end);
}

/* ---- the memory map ------------------------------------------------------------ */

struct sections {
	u16 nid[1 << 15];  /* by section: node + 1, 0: not present */
	bool root[1 << 8]; /* 128 sections a page of mem_section[] */
	bool pmd[1 << 9];  /* a table of the memory map's own mapping each 64 GiB */
	bool pud;
	u32 end;
};

/* memblocks_present(), memory_present() */
static void sections_present(struct boot *b, struct sections *s)
{
	alloc(b, 32768); /* mem_section[] */
	for (u32 i = 0; i < b->e->nr_memory; i++) {
		const struct early_range *r = &b->e->memory[i];

		for (u64 n = r->base / SECTION_SIZE; n <= (r->end - 1) / SECTION_SIZE; n++) {
			if (n >= ARRAY_SIZE(s->nid)) {
				b->e->failed = true;
				return;
			}
			if (!s->root[n / 128]) {
				s->root[n / 128] = true;
				alloc_try(b, PAGE_SIZE, CACHE, 0, (int)r->nid);
			}
			if (!s->nid[n])
				s->nid[n] = (u16)(r->nid + 1);
			s->end = max(s->end, (u32)n + 1);
		}
	}
}

/* vmemmap_alloc_block_buf() */
static void section_map(struct boot *b, int nid)
{
	if (b->sparse && b->sparse + SECTION_MAP <= b->sparse_end) {
		b->sparse += SECTION_MAP;
		return;
	}
	alloc_try(b, SECTION_MAP, SECTION_MAP, MAX_DMA, nid);
}

/* sparse_init_nid(): sections [first, end), nr of them present. */
static void sections_of_node(struct boot *b, struct sections *s, u32 first, u32 end, u32 nr,
			     u64 node_data)
{
	int nid = s->nid[first] - 1;
	u64 goal = node_data & ~(SECTION_SIZE - 1);

	/* sizeof(struct mem_section_usage) is 56; beside the node's data. */
	if (!alloc_range(b, 56UL * nr, CACHE, goal, goal + SECTION_SIZE, nid, false))
		alloc_try(b, 56UL * nr, CACHE, 0, nid);
	b->sparse = alloc_range(b, nr * SECTION_MAP, SECTION_MAP, MAX_DMA, TOP, nid, true);
	b->sparse_end = b->sparse + nr * SECTION_MAP;
	for (u32 n = first; n < end; n++) {
		if (!s->nid[n])
			continue;
		if (!s->pud)
			alloc_try(b, PAGE_SIZE, PAGE_SIZE, MAX_DMA, nid);
		s->pud = true;
		if (!s->pmd[n / 512])
			alloc_try(b, PAGE_SIZE, PAGE_SIZE, MAX_DMA, nid);
		s->pmd[n / 512] = true;
		section_map(b, nid);
	}
	if (b->sparse && b->sparse < b->sparse_end)
		release(b, b->sparse, b->sparse_end);
}

static void sparse_init(struct boot *b, const u64 *node_data)
{
	static const struct sections none;
	struct sections s = none;
	u32 first = 0, nr = 0;

	sections_present(b, &s);
	if (b->e->failed)
		return;
	for (u32 n = 0; n <= s.end; n++) {
		if (n < s.end && !s.nid[n])
			continue;
		if (nr && (n == s.end || s.nid[n] != s.nid[first])) {
			sections_of_node(b, &s, first, n, nr, node_data[s.nid[first] - 1]);
			nr = 0;
		}
		if (!nr++)
			first = n;
	}
}

/* ---- per-CPU areas ------------------------------------------------------------ */

static u32 cpus_of_node(const struct boot *b, u32 nid)
{
	u32 n = 0;

	for (u32 c = 0; c < b->m->nr_cpus; c++)
		n += b->m->cpu_node[c] == nid;
	return n;
}

/* pcpu_build_alloc_info(): how many units share 2 MiB. */
static u32 units_per_alloc(const struct boot *b, u64 unit)
{
	u32 upa = (u32)(ALIGN(unit, 2 * MIB) / unit), best = 1, last = ~0U;

	while (ALIGN(unit, 2 * MIB) % upa || (ALIGN(unit, 2 * MIB) / upa) % PAGE_SIZE)
		upa--;
	for (; upa; upa--) {
		u32 allocs = 0, wasted = 0;

		if (ALIGN(unit, 2 * MIB) % upa || (ALIGN(unit, 2 * MIB) / upa) % PAGE_SIZE)
			continue;
		for (u32 nid = 0; nid < b->m->nr_nodes; nid++) {
			u32 cpus = cpus_of_node(b, nid), n = DIV_ROUND_UP(cpus, upa);

			allocs += n;
			wasted += n * upa - cpus;
		}
		if (wasted > b->m->nr_cpus / 3)
			continue;
		if (allocs > last)
			break;
		last = allocs;
		best = upa;
	}
	return best;
}

/* pcpu_alloc_first_chunk(): a chunk's maps for a region of so many bytes. */
static void pcpu_chunk(struct boot *b, u64 bytes)
{
	u64 bits = bytes / 4;

	alloc(b, 144);
	alloc(b, DIV_ROUND_UP(bits, 64) * 8);
	alloc(b, (DIV_ROUND_UP(bits + 1, 64)) * 8);
	alloc(b, bytes / PAGE_SIZE * 32);
}

/* setup_per_cpu_areas(), pcpu_embed_first_chunk(), pcpu_setup_first_chunk() */
static void setup_per_cpu_areas(struct boot *b)
{
	const struct early_kernel *k = b->k;
	u64 used = ALIGN(k->pcpu_static + k->pcpu_reserved + k->pcpu_dynamic, PAGE_SIZE);
	u32 upa = units_per_alloc(b, used), groups = 0;
	u64 unit = 2 * MIB / upa, info, areas, base[QUIRE_MAX_NODES] = {0};

	for (u32 nid = 0; nid < b->m->nr_nodes; nid++)
		groups += cpus_of_node(b, nid) != 0;
	info = alloc_try(b, PAGE_SIZE, PAGE_SIZE, 0, -1);
	areas = alloc(b, PAGE_SIZE);
	for (u32 nid = 0; nid < b->m->nr_nodes; nid++) {
		u64 bytes = ALIGN((u64)cpus_of_node(b, nid), upa) * unit;

		if (bytes)
			base[nid] = alloc_try(b, bytes, 2 * MIB, MAX_DMA, (int)nid);
	}
	for (u32 nid = 0; nid < b->m->nr_nodes && !b->e->failed; nid++) {
		u32 cpus = cpus_of_node(b, nid);

		for (u32 i = 0; i < ALIGN(cpus, upa); i++) {
			u64 at = base[nid] + i * unit;

			release(b, at + (i < cpus ? used : 0), at + unit);
		}
	}
	alloc(b, groups * 8UL);
	alloc(b, groups * 8UL);
	alloc(b, b->m->nr_cpus * 4UL);
	alloc(b, b->m->nr_cpus * 8UL);
	/* Lists by size of free room: fls(unit) - 3 sizes and four of their own. */
	alloc(b, (64UL - (u64)__builtin_clzl(unit) - 5 + 2 + 4) * 16);
	pcpu_chunk(b, k->pcpu_reserved);
	pcpu_chunk(b, k->pcpu_dynamic);
	release(b, info, info + PAGE_SIZE);
	release(b, areas, areas + PAGE_SIZE);
}

/* ---- the rest ------------------------------------------------------------------ */

/* nr_kernel_pages of free_area_init_core(): what is present less the memory map
 * and what of the lowest 16 MiB is reserved. */
static unsigned long count_kernel_pages(const struct boot *b)
{
	static const u64 bound[4] = {PAGE_SIZE, MAX_DMA, 4 * GIB, TOP};
	const struct early *e = b->e;
	unsigned long sum = 0;

	for (u32 nid = 0; nid < b->m->nr_nodes; nid++) {
		for (int z = 0; z < 3; z++) {
			u64 lo = TOP, hi = 0, present = 0, span, map;

			for (u32 i = 0; i < e->nr_memory; i++) {
				u64 s = max(e->memory[i].base, bound[z]);
				u64 t = min(e->memory[i].end, bound[z + 1]);

				if (e->memory[i].nid != nid || s >= t)
					continue;
				present += (t - s) / PAGE_SIZE;
				lo = min(lo, s);
				hi = max(hi, t);
			}
			if (!present)
				continue;
			span = (hi - lo) / PAGE_SIZE;
			/* The hole at the end of a lower zone counts as spanned. */
			map = span > present + present / 16 ? present : span;
			present -= DIV_ROUND_UP(map * 64, PAGE_SIZE);
			if (!z && lo == PAGE_SIZE)
				present -= EBDA / PAGE_SIZE - 1; /* dma_reserve */
			sum += present;
		}
	}
	return sum;
}

u64 early_hash_entries(unsigned long nr_kernel_pages, u32 bytes, u32 scale, u64 limit)
{
	u64 n = ALIGN(nr_kernel_pages, MIB / PAGE_SIZE), most, adapt;

	/* From 64 GiB on, half as much for each fourfold memory. */
	for (adapt = 64 * GIB / PAGE_SIZE; !limit && adapt < n; adapt <<= 2)
		scale++;
	n = scale > PAGE_SHIFT ? n >> (scale - PAGE_SHIFT) : n << (PAGE_SHIFT - scale);
	if (n * bytes < PAGE_SIZE)
		n = PAGE_SIZE / bytes;
	n = 1UL << (n > 1 ? 64 - __builtin_clzl(n - 1) : 0);
	most = limit ? limit : (nr_kernel_pages * PAGE_SIZE >> 4) / bytes;
	if (n > most)
		n = most;
	return 1UL << (63 - __builtin_clzl(n));
}

static u32 nosave_regions(const struct boot *b)
{
	return b->e->high_end > 4 * GIB ? 3 : 2;
}

/* Small structures between the memory map and the per-CPU areas. */
static void small_structures(struct boot *b)
{
	u32 entries = e820_entries(b);

	alloc(b, 73);			/* acpi_parse_hpet() */
	alloc(b, 75);			/* io_apic_init_mappings() */
	alloc(b, 64UL * (entries + 1)); /* e820__reserve_resources(): page 0 is one more */
	for (u32 i = 0; i < entries; i++)
		alloc(b, 104); /* firmware_map_add_early() */
	for (u32 i = 0; i < nosave_regions(b); i++)
		alloc(b, 32);		 /* register_nosave_region() */
	alloc(b, b->m->cmdline_len + 1); /* setup_command_line() */
	alloc(b, b->m->cmdline_len + 1);
}

static void node_data(struct boot *b, u64 *where)
{
	if (b->m->distances) /* numa_alloc_distance() */
		alloc_range(b, (u64)b->m->nr_nodes * b->m->nr_nodes, PAGE_SIZE, 0, b->max_mapped,
			    -1, true);
	for (u32 nid = 0; nid < b->m->nr_nodes; nid++)
		if (b->m->bytes[nid])
			where[nid] = alloc_try(b, b->k->pg_data_bytes, CACHE, 0, (int)nid);
}

static void hash_tables(struct boot *b)
{
	struct early *e = b->e;
	u32 with_memory = 0;

	for (u32 nid = 0; nid < b->m->nr_nodes; nid++)
		with_memory += b->m->bytes[nid] != 0;
	/* fixup_hashdist(): with several nodes they are vmalloc()ed, later. */
	e->hash_early = with_memory == 1;
	if (!e->hash_early)
		return;
	alloc(b, 8 * early_hash_entries(e->nr_kernel_pages, 8, 13, 0)); /* dentries */
	alloc(b, 8 * early_hash_entries(e->nr_kernel_pages, 8, 14, 0)); /* inodes */
}

bool early_boot(const struct early_machine *m, const struct early_kernel *k, struct early *e)
{
	static const struct boot start;
	struct boot b = start;
	u64 where[QUIRE_MAX_NODES] = {0};

	memset(e, 0, sizeof(*e));
	b.m = m;
	b.k = k;
	b.e = e;
	firmware_map(&b);
	if (e->failed || e->low_end < k->image_end + 64 * MIB || e->initrd.base < k->image_end)
		return false;
	/* setup_arch(): all below 1 MiB, the image, the initrd. */
	reserve(&b, 0, ISA_END);
	reserve(&b, k->image_start, k->image_end);
	reserve(&b, e->initrd.base, e->initrd.end);
	map_all(&b);
	node_data(&b, where);
	sparse_init(&b, where);
	e->nr_kernel_pages = count_kernel_pages(&b);
	small_structures(&b);
	if (!e->failed)
		setup_per_cpu_areas(&b);
	for (u32 i = 0; i < 4 + m->nr_nodes; i++)
		alloc(&b, ALIGN((u64)DIV_ROUND_UP(m->nr_cpus, 8), 8)); /* CPU masks */
	hash_tables(&b);
	for (int i = 0; i < 3; i++)
		alloc_try(&b, PAGE_SIZE, PAGE_SIZE, 0, -1); /* mem_init(): spp_getpage() */
	return !e->failed;
}
