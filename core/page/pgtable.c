/* SPDX-License-Identifier: MIT */
/*
 * Page tables: tables are frames of the buddy allocator, entries real x86-64
 * entries in their bytes.  See pgtable.h for the layout.
 *
 * Invariant: a table's descriptor has PG_table and counts the entries that are
 * not zero in `private`; a table whose count is 0 may go.
 *
 * Locks: the caller's, over the address space.  pt_walk_alloc() may sleep
 * between looking and writing, and looks again: another may have put the table
 * there meanwhile.
 */
#include "page/pgtable.h"

/* An entry that points to a table: rights are decided at the leaf. */
#define PT_TABLE_PROT (_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)

/* Bits of a table's descriptor's index. */
#define PT_COUNTED     0x1UL /* in NR_PAGETABLE */
#define PT_KERNEL_ROOT 0x2UL

/* account: a process's, charged to its group. */
static struct page *alloc_table(struct quire *q, gfp_t gfp, bool counted, bool account)
{
	struct page *table = alloc_pages(q, gfp & ~__GFP_ZERO, 0);

	if (!table)
		return NULL;
	if (account && q->page->ops.charge_table &&
	    unlikely(q->page->ops.charge_table(q, table, gfp, counted))) {
		__free_pages(q, table, 0);
		return NULL;
	}
	memset(page_address(q, table), 0, PAGE_SIZE);
	table->private = 0;
	table->pmd_huge_pte = NULL;
	__SetPageType(table, PG_table);
	table->index = counted ? PT_COUNTED : 0;
	if (counted)
		mod_node_page_state(page_pgdat(q, table), NR_PAGETABLE, 1);
	return table;
}

struct page *pt_alloc(struct quire *q, gfp_t gfp)
{
	return alloc_table(q, gfp, true, true);
}

struct page *pt_alloc_root(struct quire *q, gfp_t gfp, bool kernel)
{
	struct page *root = alloc_table(q, gfp, false, !kernel);

	if (root && kernel)
		root->index |= PT_KERNEL_ROOT;
	return root;
}

/* Linux counts tables that have a constructor: those of level 2, and a
 * process's of level 1. */
static bool is_counted(const struct quire *q, u64 root_pfn, int level)
{
	return level == 2 || (level == 1 && !(pfn_to_page(q, root_pfn)->index & PT_KERNEL_ROOT));
}

void pt_free(struct quire *q, struct page *table)
{
	VM_BUG_ON(q, !PageTable(table) || table->private || table->pmd_huge_pte);
	__ClearPageType(table, PG_table);
	if (unlikely(table->memcg))
		q->page->ops.uncharge_table(q, table, table->index & PT_COUNTED);
	if (table->index & PT_COUNTED)
		mod_node_page_state(page_pgdat(q, table), NR_PAGETABLE, -1);
	table->index = 0;
	__free_pages(q, table, 0);
}

pte_t *pt_walk(const struct quire *q, u64 root_pfn, u64 addr, int level)
{
	u64 table = root_pfn;

	if (likely(level <= 2)) {
		pte_t *pmdp = pmd_offset(q, root_pfn, addr), pmd;

		if (level == 2 || unlikely(!pmdp))
			return pmdp;
		pmd = HOT_LOAD(pmdp);
		return likely(pmd_table(pmd)) ? pte_offset(q, pmd, addr) : NULL;
	}
	for (int l = q->page->pt_levels; l > level; l--) {
		pte_t pte = HOT_LOAD(&pt_entries(q, table)[pt_index(addr, l)]);

		if (!pmd_table(pte))
			return NULL;
		table = pte_pfn(pte);
	}
	return &pt_entries(q, table)[pt_index(addr, level)];
}

pte_t *pt_walk_alloc(struct quire *q, u64 root_pfn, u64 addr, int level, gfp_t gfp,
		     unsigned int *made)
{
	u64 table = root_pfn;

	for (int l = q->page->pt_levels; l > level; l--) {
		pte_t *entry = &pt_entries(q, table)[pt_index(addr, l)];

		if (pte_none(HOT_LOAD(entry))) {
			struct page *page =
				alloc_table(q, gfp, is_counted(q, root_pfn, l - 1),
					    !(pfn_to_page(q, root_pfn)->index & PT_KERNEL_ROOT));

			if (!page)
				return NULL;
			if (pte_none(HOT_LOAD(entry))) {
				set_pte(q, entry, mk_pte(page_to_pfn(q, page), PT_TABLE_PROT));
				(*made)++;
			} else {
				pt_free(q, page);
			}
		}
		/* A huge page's entry where a table was wanted. */
		if (!pmd_table(*entry))
			return NULL;
		table = pte_pfn(*entry);
	}
	return &pt_entries(q, table)[pt_index(addr, level)];
}

pte_t *next_pmd(const struct quire *q, u64 root_pfn, u64 *addr, u64 end)
{
	while (*addr < end) {
		u64 table = root_pfn;
		int level = q->page->pt_levels;

		for (;; level--) {
			pte_t *entry = &pt_entries(q, table)[pt_index(*addr, level)];

			if (pte_none(*entry) || (level == 3 && pmd_huge(*entry)))
				break;
			if (level == 2)
				return entry;
			table = pte_pfn(*entry);
		}
		*addr = (*addr & ~(BIT(PT_SHIFT(level)) - 1)) + BIT(PT_SHIFT(level));
	}
	return NULL;
}

void pmd_populate(struct quire *q, pte_t *pmdp, struct page *table)
{
	set_pte(q, pmdp, mk_pte(page_to_pfn(q, table), PT_TABLE_PROT));
}

void pgtable_trans_huge_deposit(struct quire *q, pte_t *pmdp, struct page *table)
{
	struct page *pmd_table_page = virt_to_page(q, pmdp);

	INIT_LIST_HEAD(&table->lru);
	if (pmd_table_page->pmd_huge_pte)
		list_add(&table->lru, &pmd_table_page->pmd_huge_pte->lru);
	pmd_table_page->pmd_huge_pte = table;
}

struct page *pgtable_trans_huge_withdraw(struct quire *q, pte_t *pmdp)
{
	struct page *pmd_table_page = virt_to_page(q, pmdp);
	struct page *table = pmd_table_page->pmd_huge_pte;

	BUG_ON(q, !table);
	pmd_table_page->pmd_huge_pte = list_first_entry_or_null(&table->lru, struct page, lru);
	list_del(&table->lru);
	table->pmd_huge_pte = NULL;
	return table;
}

/* Frees what is empty below one table of a level; calls itself for the tables
 * below, as deep as there are levels. */
static unsigned int free_empty_below(struct quire *q, u64 table, int level, u64 start, u64 end)
{
	u64 span = 1UL << PT_SHIFT(level);
	unsigned int freed = 0;

	if (level == 1)
		return 0;
	for (u64 addr = start; addr < end; addr = ALIGN_DOWN(addr, span) + span) {
		pte_t *entry = &pt_entries(q, table)[pt_index(addr, level)];
		struct page *below;

		if (!pmd_table(*entry))
			continue;
		below = pfn_to_page(q, pte_pfn(*entry));
		freed += free_empty_below(q, pte_pfn(*entry), level - 1, addr,
					  min(end, ALIGN_DOWN(addr, span) + span));
		if (below->private)
			continue;
		set_pte(q, entry, 0);
		pt_free(q, below);
		freed++;
	}
	return freed;
}

unsigned int pt_free_empty(struct quire *q, u64 root_pfn, u64 start, u64 end)
{
	return free_empty_below(q, root_pfn, q->page->pt_levels, start, end);
}
