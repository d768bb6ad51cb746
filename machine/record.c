/* SPDX-License-Identifier: MIT */
/*
 * What a picture of the night needs beside the samples: free memory and marks
 * of each node, the largest slabs, and, every tenth sample, a map of physical
 * memory: who owns each block of 2 MB, by four of its pages, and its migrate
 * type.  Looking reads descriptors and changes nothing.
 *
 * A map is a byte a block (owner | migrate type << 4), packed with zlib and
 * written as base64.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "machine/events.h"
#include "machine/json.h"
#include "slab/slub.h"
#include "port/model/keep.h"

#define MAP_EVERY  10 /* samples */
#define MAX_SLABS  64
#define BLOCK_LOOK 4 /* pages of a block that are looked at */

enum owner {
	OWNER_NONE,
	OWNER_FREE,
	OWNER_ANON,
	OWNER_FILE,
	OWNER_SHMEM,
	OWNER_SLAB,
	OWNER_TABLE,
	OWNER_KERNEL,
	OWNER_RESERVED,
	NR_OWNERS,
};
static const char *const owner_names[NR_OWNERS] = {
	"none", "free",	       "anonymous",	"page cache", "shared",
	"slab", "page tables", "kernel, zswap", "reserved",
};

struct node_sample {
	unsigned long free, min, low, high;
};

struct slab_series {
	char name[32];
	unsigned long peak;
	unsigned long *pages; /* [cap] by sample */
};

struct map {
	u64 ns;
	u8 *packed;
	size_t len;
};

struct record {
	size_t nr, cap; /* samples */
	u64 *ns;
	struct node_sample *nodes; /* [cap][nr_nodes] */
	struct slab_series slab[MAX_SLABS];
	unsigned int nr_slabs;
	struct map *maps;
	size_t nr_maps, nr_blocks;
};

bool machine_record(struct machine *m)
{
	if (m->record)
		return true;
	m->record = keep_calloc(1, sizeof(*m->record));
	if (!m->record)
		return false;
	m->record->nr_blocks = (m->q->max_pfn + pageblock_nr_pages - 1) >> pageblock_order;
	record_sample(m, machine_now(m));
	return true;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	for (unsigned int i = 0; i < r->nr_slabs; i++)
		keep_free(r->slab[i].pages);
	for (size_t i = 0; i < r->nr_maps; i++)
		keep_free(r->maps[i].packed);
	keep_free(r->maps);
	keep_free(r->nodes);
	keep_free(r->ns);
	keep_free(r);
}

/* ---- the map --------------------------------------------------------------------------- */

static enum owner owner_of(const struct quire *q, u64 pfn)
{
	const struct page *page = pfn_to_page(q, pfn);

	if (PageReserved(page))
		return OWNER_RESERVED;
	if (page->compound_head & 1)
		page = (const struct page *)(page->compound_head & ~1UL);
	if (PageSlab(page))
		return OWNER_SLAB;
	if (!page->_refcount)
		return OWNER_FREE;
	if (PageTable(page))
		return OWNER_TABLE;
	if (PageAnon(page))
		return OWNER_ANON;
	if (!page->mapping || !PageLRU(page))
		return OWNER_KERNEL;
	return PageSwapBacked(page) ? OWNER_SHMEM : OWNER_FILE;
}

static u8 look_at_block(const struct quire *q, const struct zone *zone, u64 pfn)
{
	unsigned int votes[NR_OWNERS] = {0}, best = OWNER_FREE;
	u64 end = zone->zone_start_pfn + zone->spanned_pages;

	/* Nobody has had a page from here on: there is nothing to read. */
	if (zone->virgin_pfn && pfn >= zone->virgin_pfn)
		return OWNER_FREE | MIGRATE_MOVABLE << 4;
	for (unsigned int i = 0; i < BLOCK_LOOK; i++) {
		u64 at = pfn + (2 * i + 1) * pageblock_nr_pages / (2 * BLOCK_LOOK);

		if (at >= zone->zone_start_pfn && at < end)
			votes[owner_of(q, at)]++;
	}
	for (unsigned int i = 0; i < NR_OWNERS; i++)
		if (votes[i] > votes[best])
			best = i;
	return (u8)(best | (unsigned int)get_pageblock_migratetype(q, pfn_to_page(q, pfn)) << 4);
}

static void take_map(struct machine *m, struct record *r, u64 ns)
{
	struct map *maps = keep_realloc(r->maps, (r->nr_maps + 1) * sizeof(*maps));
	u8 *cells = keep_calloc(r->nr_blocks, 1);
	uLongf len = compressBound(r->nr_blocks);

	if (maps)
		r->maps = maps;
	if (!maps || !cells)
		goto out;
	for_each_node (m->q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(m->q, nid), zone)
		{
			u64 pfn = ALIGN(zone->zone_start_pfn, pageblock_nr_pages);
			u64 end = zone->zone_start_pfn + zone->spanned_pages;

			for (; pfn < end; pfn += pageblock_nr_pages)
				cells[pfn >> pageblock_order] = look_at_block(m->q, zone, pfn);
		}
	}
	maps += r->nr_maps;
	*maps = (struct map){.ns = ns, .packed = keep_malloc(len)};
	if (maps->packed && compress2(maps->packed, &len, cells, r->nr_blocks, 9) == Z_OK) {
		maps->len = len;
		r->nr_maps++;
	} else {
		keep_free(maps->packed);
	}
out:
	keep_free(cells);
}

/* ---- samples ------------------------------------------------------------------------------ */

static bool more_room(struct record *r, unsigned int nr_nodes)
{
	size_t cap = r->cap ? 2 * r->cap : 512;
	void *p;

	if (r->nr < r->cap)
		return true;
	p = keep_realloc(r->ns, cap * sizeof(*r->ns));
	if (p)
		r->ns = p;
	if (!p || !(p = keep_realloc(r->nodes, cap * nr_nodes * sizeof(*r->nodes))))
		return false;
	r->nodes = p;
	for (unsigned int i = 0; i < r->nr_slabs; i++) {
		p = keep_realloc(r->slab[i].pages, cap * sizeof(*r->slab[i].pages));
		if (!p)
			return false;
		r->slab[i].pages = p;
	}
	r->cap = cap;
	return true;
}

static void take_slab(struct quire *q, struct kmem_cache *s, void *ctx)
{
	struct record *r = ctx;
	struct slabinfo info;
	unsigned int i = 0;

	get_slabinfo(q, s, &info);
	while (i < r->nr_slabs && strcmp(r->slab[i].name, info.name))
		i++;
	if (i == MAX_SLABS)
		return;
	if (i == r->nr_slabs) {
		snprintf(r->slab[i].name, sizeof(r->slab[i].name), "%s", info.name);
		r->slab[i].pages = keep_calloc(r->cap, sizeof(*r->slab[i].pages));
		if (!r->slab[i].pages)
			return;
		r->nr_slabs++;
	}
	r->slab[i].pages[r->nr] = info.num_slabs * info.pages_per_slab;
	r->slab[i].peak = max(r->slab[i].peak, r->slab[i].pages[r->nr]);
}

void record_sample(struct machine *m, u64 ns)
{
	struct record *r = m->record;

	if (!more_room(r, m->q->nr_nodes))
		return;
	r->ns[r->nr] = ns;
	for_each_node (m->q, nid) {
		struct node_sample *n = &r->nodes[r->nr * m->q->nr_nodes + nid];

		*n = (struct node_sample){0};
		for_each_populated_zone_of_node(NODE_DATA(m->q, nid), zone)
		{
			n->free += zone_page_state(zone, NR_FREE_PAGES);
			n->min += min_wmark_pages(zone);
			n->low += low_wmark_pages(zone);
			n->high += high_wmark_pages(zone);
		}
	}
	for (unsigned int i = 0; i < r->nr_slabs; i++)
		r->slab[i].pages[r->nr] = 0;
	slab_for_each_cache(m->q, take_slab, r);
	r->nr++;
	if (r->nr % MAP_EVERY == 1)
		take_map(m, r, ns);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_base64(FILE *f, const u8 *p, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		u32 v = (u32)p[i] << 16 | (i + 1 < len ? (u32)p[i + 1] << 8 : 0) |
			(i + 2 < len ? p[i + 2] : 0);

		fputc(digits[v >> 18], f);
		fputc(digits[v >> 12 & 63], f);
		fputc(i + 1 < len ? digits[v >> 6 & 63] : '=', f);
		fputc(i + 2 < len ? digits[v & 63] : '=', f);
	}
}

static void put_nodes(struct machine *m, FILE *f)
{
	static const char *const names[] = {"free", "min", "low", "high"};
	const struct record *r = m->record;

	fprintf(f, "  \"nodes\": [");
	for_each_node (m->q, nid) {
		u64 start = NODE_DATA(m->q, nid)->node_start_pfn >> pageblock_order;

		fprintf(f, "%s\n   {\"node\": %u, \"first_block\": %llu", nid ? "," : "", nid,
			(unsigned long long)start);
		for (unsigned int k = 0; k < 4; k++) {
			fprintf(f, ", \"%s\": [", names[k]);
			for (size_t i = 0; i < r->nr; i++) {
				const struct node_sample *n = &r->nodes[i * m->q->nr_nodes + nid];
				const unsigned long v[] = {n->free, n->min, n->low, n->high};

				fprintf(f, "%s%llu", i ? "," : "",
					(unsigned long long)v[k] << PAGE_SHIFT);
			}
			fputc(']', f);
		}
		fputc('}', f);
	}
	fprintf(f, "\n  ],\n");
}

static int by_peak(const void *a, const void *b)
{
	const struct slab_series *x = a, *y = b;

	return x->peak != y->peak ? (x->peak < y->peak ? 1 : -1) : strcmp(x->name, y->name);
}

static void put_slabs(struct record *r, FILE *f)
{
	qsort(r->slab, r->nr_slabs, sizeof(r->slab[0]), by_peak);
	fprintf(f, "  \"slabs\": [");
	for (unsigned int i = 0; i < min(r->nr_slabs, 10U); i++) {
		fprintf(f, "%s\n   {\"name\": ", i ? "," : "");
		json_put_string(f, r->slab[i].name);
		fprintf(f, ", \"bytes\": [");
		for (size_t j = 0; j < r->nr; j++)
			fprintf(f, "%s%llu", j ? "," : "",
				(unsigned long long)r->slab[i].pages[j] << PAGE_SHIFT);
		fprintf(f, "]}");
	}
	fprintf(f, "\n  ],\n");
}

void record_write_json(struct machine *m, FILE *f)
{
	struct record *r = m->record;

	fprintf(f, " \"record\": {\n  \"ns\": [");
	for (size_t i = 0; i < r->nr; i++)
		fprintf(f, "%s%llu", i ? "," : "", (unsigned long long)r->ns[i]);
	fprintf(f, "],\n");
	put_nodes(m, f);
	put_slabs(r, f);
	fprintf(f, "  \"map\": {\"blocks\": %zu, \"block_bytes\": %lu, \"owners\": [", r->nr_blocks,
		pageblock_nr_pages << PAGE_SHIFT);
	for (unsigned int i = 0; i < NR_OWNERS; i++)
		fprintf(f, "%s\"%s\"", i ? ", " : "", owner_names[i]);
	fprintf(f, "], \"at\": [");
	for (size_t i = 0; i < r->nr_maps; i++) {
		fprintf(f, "%s\n   {\"ns\": %llu, \"cells\": \"", i ? "," : "",
			(unsigned long long)r->maps[i].ns);
		put_base64(f, r->maps[i].packed, r->maps[i].len);
		fprintf(f, "\"}");
	}
	fprintf(f, "\n  ]}\n },\n");
}
