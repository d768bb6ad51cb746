/* SPDX-License-Identifier: MIT */
/*
 * x86-64 page tables: the bits and the walk, for address spaces (space/) and
 * for the kernel's own mappings (vmalloc/).
 *
 *	 63 62..52 51          12 11..9  8  7  6 5  4   3   2   1  0
 *	+--+------+--------------+-----+--+--+--+-+---+---+---+---+-+
 *	|NX| soft | frame number | soft| G|PS| D|A|PCD|PWT|U/S|R/W|P|
 *	+--+------+--------------+-----+--+--+--+-+---+---+---+---+-+
 *
 * A table is one frame of 512 entries of 8 bytes; 4 levels cover 48 bits, 5 cover 57.
 * The table page's descriptor has page_type PG_table and counts its entries
 * that are not zero in `private`.
 *
 * An entry of level 2 or 3 with _PAGE_PSE maps a huge page of 2 MiB or 1 GiB
 * itself (pmd_leaf()).  A transparent huge page's entry has a table put by for
 * it, so that it can be split without memory: the tables put by for a table of
 * level 2 hang at its pmd_huge_pte.
 *
 * An entry that is not zero and not present is a swap entry: Linux puts type
 * and inverted offset there; _PAGE_PROTNONE (bit 8) is clear in it.
 *
 * Two bits of software follow a page wherever it goes: soft-dirty (written since
 * somebody cleared /proc/PID/clear_refs) and uffd-wp (a write is userfaultfd's to
 * allow).  Swap and migration entries have them in bits 1 and 2.  Who makes an entry
 * dirty makes it soft-dirty: _PAGE_MKDIRTY.
 */
#ifndef QUIRE_PAGE_PGTABLE_H
#define QUIRE_PAGE_PGTABLE_H

#include "page/alloc.h"

typedef u64 pte_t; /* an entry of any level */

#define _PAGE_PRESENT	     0x001UL
#define _PAGE_RW	     0x002UL
#define _PAGE_USER	     0x004UL
#define _PAGE_ACCESSED	     0x020UL
#define _PAGE_DIRTY	     0x040UL
#define _PAGE_PSE	     0x080UL
#define _PAGE_GLOBAL	     0x100UL
#define _PAGE_PROTNONE	     0x100UL
#define _PAGE_SPECIAL	     0x200UL /* software: not counted (the zero page) */
#define _PAGE_UFFD_WP	     0x400UL
#define _PAGE_SOFT_DIRTY     0x800UL
#define _PAGE_MKDIRTY	     (_PAGE_DIRTY | _PAGE_SOFT_DIRTY)
#define _PAGE_SWP_SOFT_DIRTY 0x002UL
#define _PAGE_SWP_UFFD_WP    0x004UL
#define _PAGE_NX	     (1UL << 63)
#define PTE_PFN_MASK	     0x000ffffffffff000UL

#define PTRS_PER_TABLE	  512
#define PT_LEVELS_DEFAULT 4				 /* or 5: q->page->pt_levels */
#define PT_SHIFT(level)	  (PAGE_SHIFT + 9 * ((level)-1)) /* level 1: pte .. the root: pgd */
#define PMD_SHIFT	  21
#define PMD_SIZE	  (1UL << PMD_SHIFT)
#define PMD_MASK	  (~(PMD_SIZE - 1))
#define HPAGE_PMD_ORDER	  9
#define HPAGE_PMD_NR	  (1L << HPAGE_PMD_ORDER)

static inline bool pte_none(pte_t pte)
{
	return pte == 0;
}
static inline bool pte_present(pte_t pte)
{
	return (pte & (_PAGE_PRESENT | _PAGE_PROTNONE)) != 0;
}
static inline bool pte_write(pte_t pte)
{
	return (pte & _PAGE_RW) != 0;
}
static inline bool pte_dirty(pte_t pte)
{
	return (pte & _PAGE_DIRTY) != 0;
}
static inline bool pte_young(pte_t pte)
{
	return (pte & _PAGE_ACCESSED) != 0;
}
static inline bool pte_special(pte_t pte)
{
	return (pte & _PAGE_SPECIAL) != 0;
}
static inline bool pte_is_swap(pte_t pte)
{
	return !pte_none(pte) && !pte_present(pte);
}
/* An entry above level 1: does it map a huge page, or lead to a table? */
static inline bool pmd_leaf(pte_t pmd)
{
	return (pmd & _PAGE_PSE) != 0;
}
static inline bool pmd_table(pte_t pmd)
{
	return (pmd & (_PAGE_PRESENT | _PAGE_PSE)) == _PAGE_PRESENT;
}
static inline u64 pte_pfn(pte_t pte)
{
	return (pte & PTE_PFN_MASK) >> PAGE_SHIFT;
}
static inline pte_t mk_pte(u64 pfn, u64 prot)
{
	return (pfn << PAGE_SHIFT) | prot;
}

/* A swap entry: area number and slot. 0 is no entry: slot 0 is the header. */
typedef struct {
	unsigned long val;
} swp_entry_t;

#define SWP_TYPE_SHIFT 58
/* Types above are no areas: poisoned frames, devices' memory, pages that move. */
#define MAX_SWAPFILES	    23
#define SWP_MIGRATION_READ  24
#define SWP_MIGRATION_WRITE 26
/* No page, but something to remember of it (uffd-wp); the offset says what. */
#define SWP_PTE_MARKER	   31
#define PTE_MARKER_UFFD_WP 1
/* Of a page that moves the offset is its frame, with what the entry knew. */
#define SWP_MIG_PFN_BITS 40
#define SWP_MIG_PFN_MASK (BIT(SWP_MIG_PFN_BITS) - 1)
#define SWP_MIG_YOUNG	 BIT(SWP_MIG_PFN_BITS)
#define SWP_MIG_DIRTY	 BIT(SWP_MIG_PFN_BITS + 1)

static inline swp_entry_t swp_entry(unsigned int type, unsigned long offset)
{
	return (swp_entry_t){((unsigned long)type << SWP_TYPE_SHIFT) | offset};
}
static inline unsigned int swp_type(swp_entry_t e)
{
	return (unsigned int)(e.val >> SWP_TYPE_SHIFT);
}
static inline unsigned long swp_offset(swp_entry_t e)
{
	return e.val & ((1UL << SWP_TYPE_SHIFT) - 1);
}
/* Bits 59..63 type, 9..58 the inverted offset as on x86-64 (L1TF). */
static inline pte_t swp_entry_to_pte(swp_entry_t e)
{
	return ((u64)swp_type(e) << 59) | ((~(u64)swp_offset(e) << 14 >> 5) & ~(0x1fUL << 59));
}
static inline swp_entry_t pte_to_swp_entry(pte_t pte)
{
	return swp_entry((unsigned int)(pte >> 59), (~pte << 5 >> 14));
}

/* An entry whose page is on its way to another frame. */
static inline bool pte_is_migration(pte_t pte)
{
	unsigned int type = (unsigned int)(pte >> 59);

	return pte_is_swap(pte) && type >= SWP_MIGRATION_READ && type <= SWP_MIGRATION_WRITE;
}

static inline bool pte_is_marker(pte_t pte)
{
	return pte_is_swap(pte) && (unsigned int)(pte >> 59) == SWP_PTE_MARKER;
}
static inline pte_t make_pte_marker(unsigned int what)
{
	return swp_entry_to_pte(swp_entry(SWP_PTE_MARKER, what));
}
/* An entry whose page lies in a swap area. */
static inline bool pte_in_swap(pte_t pte)
{
	return pte_is_swap(pte) && (unsigned int)(pte >> 59) < MAX_SWAPFILES;
}

/* Soft-dirty and uffd-wp of an entry of any kind. */
static inline bool pte_soft_dirty(pte_t pte)
{
	return (pte & (pte_present(pte) ? _PAGE_SOFT_DIRTY : _PAGE_SWP_SOFT_DIRTY)) != 0;
}
static inline bool pte_uffd_wp(pte_t pte)
{
	if (pte_present(pte))
		return (pte & _PAGE_UFFD_WP) != 0;
	return (pte & _PAGE_SWP_UFFD_WP) || pte_is_marker(pte);
}
static inline pte_t pte_mksoft_dirty(pte_t pte)
{
	return pte | (pte_present(pte) ? _PAGE_SOFT_DIRTY : _PAGE_SWP_SOFT_DIRTY);
}
static inline pte_t pte_clear_soft_dirty(pte_t pte)
{
	return pte & ~(pte_present(pte) ? _PAGE_SOFT_DIRTY : _PAGE_SWP_SOFT_DIRTY);
}
/* A page that is protected so can't be written. */
static inline pte_t pte_mkuffd_wp(pte_t pte)
{
	return pte_present(pte) ? (pte | _PAGE_UFFD_WP) & ~_PAGE_RW : pte | _PAGE_SWP_UFFD_WP;
}
static inline pte_t pte_clear_uffd_wp(pte_t pte)
{
	return pte & ~(pte_present(pte) ? _PAGE_UFFD_WP : _PAGE_SWP_UFFD_WP);
}
/* An entry that takes another's place: a page's, a swap slot's, one that moves. */
static inline pte_t pte_keep_soft_bits(pte_t new, pte_t old)
{
	if (pte_soft_dirty(old))
		new = pte_mksoft_dirty(new);
	return pte_uffd_wp(old) ? pte_mkuffd_wp(new) : new;
}

/* An entry above level 1 that stands for a huge page: it maps it, or waits until it
 * has moved. */
static inline bool pmd_huge(pte_t pmd)
{
	return pmd_leaf(pmd) || pte_is_migration(pmd);
}

static inline unsigned int pt_index(u64 addr, int level)
{
	return (unsigned int)(addr >> PT_SHIFT(level)) & (PTRS_PER_TABLE - 1);
}

static inline pte_t *pt_entries(const struct quire *q, u64 table_pfn)
{
	return (pte_t *)pfn_to_virt(q, table_pfn);
}

/*
 * A zeroed table page, counted in NR_PAGETABLE; NULL when there is no memory.
 * May sleep if gfp may.  pt_free() takes it back.
 */
struct page *pt_alloc(struct quire *q, gfp_t gfp);
/* The topmost table of a process or of the kernel: NR_PAGETABLE counts the
 * levels 2 and 1 only, and of the kernel's own only level 2, as Linux does. */
struct page *pt_alloc_root(struct quire *q, gfp_t gfp, bool kernel);
void pt_free(struct quire *q, struct page *table);

/*
 * The entry of level 2 for addr if the tables above are there, else NULL: the way down that
 * every fault, every touch and every look at a reverse map takes, level by level without
 * a loop.
 */
static inline pte_t *pmd_offset(const struct quire *q, u64 root_pfn, u64 addr)
{
	pte_t entry = mk_pte(root_pfn, _PAGE_PRESENT);

	if (unlikely(q->page->pt_levels > 4)) {
		entry = HOT_LOAD(&pt_entries(q, pte_pfn(entry))[pt_index(addr, 5)]);
		if (unlikely(!pmd_table(entry)))
			return NULL;
	}
	entry = HOT_LOAD(&pt_entries(q, pte_pfn(entry))[pt_index(addr, 4)]);
	if (unlikely(!pmd_table(entry)))
		return NULL;
	entry = HOT_LOAD(&pt_entries(q, pte_pfn(entry))[pt_index(addr, 3)]);
	if (unlikely(!pmd_table(entry)))
		return NULL;
	return &pt_entries(q, pte_pfn(entry))[pt_index(addr, 2)];
}

/* The entry of level `level` for addr, or NULL if a table above is missing or
 * a huge page is mapped there. */
pte_t *pt_walk(const struct quire *q, u64 root_pfn, u64 addr, int level);

/* The entry of level 1 for addr in the table that an entry of level 2 leads to. */
static inline pte_t *pte_offset(const struct quire *q, pte_t pmd, u64 addr)
{
	return pt_entries(q, pte_pfn(pmd)) + pt_index(addr, 1);
}

/*
 * The entry of level 2 for *addr if it is not zero, or that of the first address
 * above it below end (*addr moves there); NULL if there is none.
 */
pte_t *next_pmd(const struct quire *q, u64 root_pfn, u64 *addr, u64 end);

/* A table of level 1 takes the place of what was in an entry of level 2. */
void pmd_populate(struct quire *q, pte_t *pmdp, struct page *table);

/* Puts a table by for a huge entry pmdp, and takes the one put by last again.
 * Under the lock of the address space. */
void pgtable_trans_huge_deposit(struct quire *q, pte_t *pmdp, struct page *table);
struct page *pgtable_trans_huge_withdraw(struct quire *q, pte_t *pmdp);

/*
 * The same, making the missing tables (each count in its parent's
 * descriptor); NULL when there is no memory.  *made is raised by the number of
 * tables made.
 */
pte_t *pt_walk_alloc(struct quire *q, u64 root_pfn, u64 addr, int level, gfp_t gfp,
		     unsigned int *made);

/*
 * Writes an entry and keeps the table page's count of entries that are not
 * zero; every write that makes or clears an entry goes through it.
 */
static inline void set_pte(struct quire *q, pte_t *ptep, pte_t pte)
{
	struct page *table = virt_to_page(q, ptep);

	table->private += (unsigned long)!pte_none(pte) - (unsigned long)!pte_none(*ptep);
	HOT_STORE(ptep, pte);
}

/* Frees the tables below root that cover [start, end) and are empty; returns
 * how many went. */
unsigned int pt_free_empty(struct quire *q, u64 root_pfn, u64 start, u64 end);

#endif
