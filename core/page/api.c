/* SPDX-License-Identifier: MIT */
/*
 * Pages for an embedder: include/quire/page.h over the allocator.
 *
 * Blocks above a single page are compound, so a wrong order at the free is
 * seen.  __GFP_ZERO clears contents as the port defines them; here the bytes
 * are what the caller sees, so they are cleared as bytes.
 */
#include <quire/page.h>
#include "page/debug.h"

struct page *quire_alloc_pages(struct quire *q, unsigned int order, int node, unsigned int flags)
{
	gfp_t gfp = flags & QUIRE_ALLOC_NOWAIT ? GFP_NOWAIT : GFP_KERNEL;
	unsigned int nid = node == QUIRE_NODE_HERE ? numa_node_id(q) : (unsigned int)node;
	struct page *page;

	if (order >= MAX_ORDER || nid >= q->nr_nodes)
		return NULL;
	gfp |= __GFP_NOWARN | (order ? __GFP_COMP : 0);
	if (flags & QUIRE_ALLOC_MOVABLE)
		gfp |= __GFP_MOVABLE;
	else if (flags & QUIRE_ALLOC_RECLAIMABLE)
		gfp |= __GFP_RECLAIMABLE;
	if (flags & QUIRE_ALLOC_THISNODE)
		gfp |= __GFP_THISNODE;
	page = alloc_pages_node(q, nid, gfp, order);
	if (page && (flags & QUIRE_ALLOC_ZERO))
		memset(page_address(q, page), 0, PAGE_SIZE << order);
	return page;
}

void quire_free_pages(struct quire *q, struct page *page, unsigned int order)
{
	if (unlikely(page_ref_count(page) != 1 || compound_order(page) != order)) {
		bad_page(q, page,
			 page_ref_count(page) <= 0 ? "freed, but it is free"
			 : PageTail(page)	   ? "freed, but it is not a block's first page"
			 : compound_order(page) != order
				 ? "freed with another order than it was allocated with"
				 : "freed, but others refer to it");
		return;
	}
	__free_pages(q, page, order);
}

void *quire_page_address(struct quire *q, const struct page *page)
{
	return page_address(q, page);
}

struct page *quire_page_of(struct quire *q, const void *address)
{
	struct page *page = virt_to_page(q, address);

	return compound_head(page);
}

unsigned int quire_page_node(const struct page *page)
{
	return page_to_nid(page);
}

uint64_t quire_nr_free_pages(struct quire *q, int node)
{
	unsigned long sum = 0;

	for_each_node (q, nid)
		if (node < 0 || nid == (unsigned int)node)
			for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) sum +=
				zone_page_state(zone, NR_FREE_PAGES);
	return sum;
}

uint64_t quire_nr_total_pages(struct quire *q, int node)
{
	unsigned long sum = 0;

	for_each_node (q, nid)
		if (node < 0 || nid == (unsigned int)node)
			for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) sum +=
				zone->managed_pages;
	return sum;
}

void quire_drain_pages(struct quire *q)
{
	drain_all_pages(q, NULL);
}
