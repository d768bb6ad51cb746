/* SPDX-License-Identifier: MIT */
/*
 * struct page: the descriptor of one frame, exactly 64 bytes, 33,554,432 of
 * them for 128 GB.
 *
 * Who owns which field depends on what the frame is used for:
 *
 *	free in the buddy lists	 lru = free list, private = order, page_type = PG_buddy
 *	on a per-CPU list	 lru = list, index = migrate type
 *	slab			 lru = partial list; slab_cache, freelist, counters
 *	page table		 page_type = PG_table, private = entries in use
 *	anonymous		 lru = LRU, mapping = anon_vma | 1, index = linear page
 *				 number, private = swap entry while PG_swapcache
 *	page cache, shmem	 lru = LRU, mapping = address_space, index,
 *				 private = first buffer_head while PG_private
 *	compound, tail		 compound_head = head | 1; first tail: how to free it
 *				 (compound_dtor), order, map count of the whole; second
 *				 tail of a transparent huge page: deferred_list
 *
 * _refcount counts who keeps the frame; _mapcount is the number of page-table
 * entries that map it, minus one.  Node and zone are in the top bits of flags.
 *
 * A huge page is mapped whole by entries of level 2, which its first tail's
 * compound_mapcount counts (minus one), or page by page by entries of level 1,
 * which each page's _mapcount counts.  While it is mapped both ways PG_double_map
 * of the first tail is set and each _mapcount is one higher: so a page is mapped
 * at all if its _mapcount is not negative, or the flag is not set and the whole
 * is mapped.  References to any of its pages are the head's.  (Linux 6.1.)
 *
 * PG_virgin is Quire's own: the head of a free block, of order 6 or more, whose other
 * descriptors have not been written yet, or of an embedder's pageblock of which that is
 * true still (page/frames.h).  They are set up when the block is first taken.  The heads themselves are written one at a time, as
 * the lists run dry (zone->virgin_pfn), so boot touches next to nothing of the
 * map.  Frames that boot took keep a descriptor of zeros.
 */
#ifndef QUIRE_NODE_PAGE_H
#define QUIRE_NODE_PAGE_H

#include "base/quire.h"

struct address_space;
struct kmem_cache;
struct mem_cgroup;

enum pageflags {
	PG_locked,
	PG_referenced,
	PG_uptodate,
	PG_dirty,
	PG_lru,
	PG_active,
	PG_workingset,
	PG_waiters,
	PG_error,
	PG_slab,
	PG_reserved,
	PG_private,
	PG_writeback,
	PG_head,
	PG_mappedtodisk,
	PG_reclaim,
	PG_swapbacked,
	PG_unevictable,
	PG_mlocked,
	PG_swapcache,
	PG_readahead,
	PG_isolated, /* taken off the LRU by reclaim or migration */
	PG_virgin,
	NR_PAGEFLAGS,
	PG_double_map = PG_workingset, /* of a first tail */
};

/* Above who faulted last (space/numa_balancing.h): the multi-generational LRU's. */
#define LRU_REFS_PGOFF 46
#define LRU_REFS_WIDTH 2
#define LRU_GEN_PGOFF  (LRU_REFS_PGOFF + LRU_REFS_WIDTH)
#define LRU_GEN_WIDTH  3
#define LRU_REFS_MASK  ((BIT(LRU_REFS_WIDTH) - 1) << LRU_REFS_PGOFF)
#define LRU_GEN_MASK   ((BIT(LRU_GEN_WIDTH) - 1) << LRU_GEN_PGOFF)
/* The first two uses. */
#define LRU_REFS_FLAGS (BIT(PG_referenced) | BIT(PG_workingset))

#define PAGE_ZONE_SHIFT 51
#define PAGE_ZONE_MASK	7UL
#define PAGE_NODE_SHIFT 54
#define PAGE_NODE_MASK	1023UL

/* page_type shares its word with _mapcount: values no map count reaches. */
#define PAGE_TYPE_BASE 0xf0000000u
#define PAGE_TYPE_NONE 0xffffffffu
#define PG_buddy       0x00000080u
#define PG_offline     0x00000100u
#define PG_table       0x00000200u
#define PG_vmalloc     0x00000400u
#define PG_zsmalloc    0x00000800u
#define PG_guard       0x00001000u

/* How the last reference to a compound page is seen off: compound_dtor. */
enum compound_dtor_id {
	NULL_COMPOUND_DTOR,
	COMPOUND_PAGE_DTOR,
	HUGETLB_PAGE_DTOR,
	TRANSHUGE_PAGE_DTOR,
	NR_COMPOUND_DTORS,
};

_Static_assert(LRU_GEN_PGOFF + LRU_GEN_WIDTH <= PAGE_ZONE_SHIFT, "apart from the zone");

struct page {
	unsigned long flags;
	union {
		struct list_head lru;
		unsigned long compound_head; /* tails: head | 1 */
		struct {		     /* first tail */
			unsigned long compound_head_;
			u8 compound_dtor, compound_order;
			int compound_mapcount;
		};
		struct { /* a table of level 2: tables that wait to replace its huge entries */
			unsigned long pt_pad_;
			struct page *pmd_huge_pte; /* the last one put there; others by lru */
		};
	};
	union {
		struct {
			union {
				struct address_space
					*mapping; /* | PAGE_MAPPING_ANON: an anon_vma */
				struct kmem_cache *slab_cache;
				void *zspage;
				struct { /* first tail */
					int compound_pincount;
					unsigned int compound_nr;
				};
			};
			union {
				unsigned long index;
				void *freelist; /* slab: first free object */
			};
		};
		struct list_head deferred_list; /* second tail */
	};
	union {
		unsigned long private;
		struct {
			u16 inuse; /* slab: objects handed out or in a CPU's list */
			u16 objects;
			u8 frozen; /* slab: belongs to a CPU */
		};
	};
	union {
		int _mapcount;
		unsigned int page_type;
	};
	int _refcount;
	struct mem_cgroup *memcg;
};

_Static_assert(sizeof(struct page) == 64, "struct page is 64 bytes");

#define PAGE_MAPPING_ANON 1UL

static inline u64 page_to_pfn(const struct quire *q, const struct page *page)
{
	return (u64)(page - q->mem_map);
}

static inline struct page *pfn_to_page(const struct quire *q, u64 pfn)
{
	return q->mem_map + pfn;
}

/* The kernel's address of a frame (the direct map). */
static inline void *pfn_to_virt(const struct quire *q, u64 pfn)
{
	return q->physmap + (pfn << PAGE_SHIFT);
}

static inline void *page_address(const struct quire *q, const struct page *page)
{
	return pfn_to_virt(q, page_to_pfn(q, page));
}

static inline u64 virt_to_pfn(const struct quire *q, const void *addr)
{
	return (u64)((const char *)addr - q->physmap) >> PAGE_SHIFT;
}

static inline struct page *virt_to_page(const struct quire *q, const void *addr)
{
	return pfn_to_page(q, virt_to_pfn(q, addr));
}

static inline unsigned int page_to_nid(const struct page *page)
{
	return (page->flags >> PAGE_NODE_SHIFT) & PAGE_NODE_MASK;
}

static inline unsigned int page_zonenum(const struct page *page)
{
	return (page->flags >> PAGE_ZONE_SHIFT) & PAGE_ZONE_MASK;
}

static inline bool PageFlag(const struct page *page, enum pageflags flag)
{
	return (HOT_LOAD(&page->flags) & BIT(flag)) != 0;
}

static inline void SetPageFlag(struct page *page, enum pageflags flag)
{
	(void)HOT_OR(&page->flags, BIT(flag));
}

static inline void ClearPageFlag(struct page *page, enum pageflags flag)
{
	(void)HOT_AND(&page->flags, ~BIT(flag));
}

static inline bool TestSetPageFlag(struct page *page, enum pageflags flag)
{
	return (HOT_OR(&page->flags, BIT(flag)) & BIT(flag)) != 0;
}

static inline bool TestClearPageFlag(struct page *page, enum pageflags flag)
{
	return (HOT_AND(&page->flags, ~BIT(flag)) & BIT(flag)) != 0;
}

#define PAGEFLAG(Name, flag)                                               \
	static inline __unused bool Page##Name(const struct page *page)    \
	{                                                                  \
		return PageFlag(page, flag);                               \
	}                                                                  \
	static inline __unused void SetPage##Name(struct page *page)       \
	{                                                                  \
		SetPageFlag(page, flag);                                   \
	}                                                                  \
	static inline __unused void ClearPage##Name(struct page *page)     \
	{                                                                  \
		ClearPageFlag(page, flag);                                 \
	}                                                                  \
	static inline __unused bool TestSetPage##Name(struct page *page)   \
	{                                                                  \
		return TestSetPageFlag(page, flag);                        \
	}                                                                  \
	static inline __unused bool TestClearPage##Name(struct page *page) \
	{                                                                  \
		return TestClearPageFlag(page, flag);                      \
	}

PAGEFLAG(Locked, PG_locked)
PAGEFLAG(Referenced, PG_referenced)
PAGEFLAG(Uptodate, PG_uptodate)
PAGEFLAG(Dirty, PG_dirty)
PAGEFLAG(LRU, PG_lru)
PAGEFLAG(Active, PG_active)
PAGEFLAG(Workingset, PG_workingset)
PAGEFLAG(Error, PG_error)
PAGEFLAG(Slab, PG_slab)
PAGEFLAG(Reserved, PG_reserved)
PAGEFLAG(Private, PG_private)
PAGEFLAG(Writeback, PG_writeback)
PAGEFLAG(Head, PG_head)
PAGEFLAG(Reclaim, PG_reclaim)
PAGEFLAG(SwapBacked, PG_swapbacked)
PAGEFLAG(Unevictable, PG_unevictable)
PAGEFLAG(Mlocked, PG_mlocked)
PAGEFLAG(SwapCache, PG_swapcache)
PAGEFLAG(Readahead, PG_readahead)
PAGEFLAG(Isolated, PG_isolated)
PAGEFLAG(Virgin, PG_virgin)

static inline bool page_has_type(const struct page *page)
{
	return page->page_type >= PAGE_TYPE_BASE && page->page_type < PAGE_TYPE_NONE;
}

static inline bool PageType(const struct page *page, unsigned int type)
{
	return (HOT_LOAD(&page->page_type) & (PAGE_TYPE_BASE | type)) == PAGE_TYPE_BASE;
}

static inline void __SetPageType(struct page *page, unsigned int type)
{
	HOT_STORE(&page->page_type, page->page_type & ~type);
}

static inline void __ClearPageType(struct page *page, unsigned int type)
{
	HOT_STORE(&page->page_type, page->page_type | type);
}

static inline bool PageBuddy(const struct page *page)
{
	return PageType(page, PG_buddy);
}

static inline bool PageGuard(const struct page *page)
{
	return PageType(page, PG_guard);
}

static inline bool PageTable(const struct page *page)
{
	return PageType(page, PG_table);
}

static inline bool PageTail(const struct page *page)
{
	return (page->compound_head & 1) != 0 && !PageHead(page);
}

static inline bool PageCompound(const struct page *page)
{
	return (page->compound_head & 1) != 0 || PageHead(page);
}

/* The first page of a compound page; of another the page itself. */
#define compound_head(page_)                                                                     \
	({                                                                                       \
		__typeof__(page_) __ch = (page_);                                                \
		unlikely(__ch->compound_head & 1) ? (__typeof__(page_))(__ch->compound_head - 1) \
						  : __ch;                                        \
	})

static inline bool PageAnon(const struct page *page)
{
	page = compound_head(page);
	return ((unsigned long)page->mapping & PAGE_MAPPING_ANON) != 0;
}

static inline unsigned int compound_order(const struct page *page)
{
	return PageHead(page) ? page[1].compound_order : 0;
}

/* How many pages a head (or a single page) stands for. */
static inline unsigned long compound_nr(const struct page *page)
{
	return 1UL << compound_order(page);
}

static inline bool page_has_dtor(const struct page *head, enum compound_dtor_id id)
{
	return PageHead(head) && head[1].compound_dtor == id;
}

/* A head of a transparent huge page. */
static inline bool PageTransHuge(const struct page *page)
{
	return page_has_dtor(page, TRANSHUGE_PAGE_DTOR);
}

/* A page of hugetlb, any of its frames. */
static inline bool PageHuge(const struct page *page)
{
	return PageCompound(page) && page_has_dtor(compound_head(page), HUGETLB_PAGE_DTOR);
}

static inline bool PageDoubleMap(const struct page *head)
{
	return PageFlag(&head[1], PG_double_map);
}
static inline int page_ref_count(const struct page *page)
{
	return HOT_LOAD(&page->_refcount);
}

static inline void set_page_count(struct page *page, int count)
{
	page->_refcount = count;
}

static inline void get_page(struct page *page)
{
	page = compound_head(page);
	(void)HOT_ADD(&page->_refcount, 1);
}

/* A reference, unless the page is on its way to the allocator. */
static inline bool get_page_unless_zero(struct page *page)
{
	int count = page_ref_count(page);

	while (count) {
		if (HOT_CMPXCHG(&page->_refcount, count, count + 1))
			return true;
		count = page_ref_count(page);
	}
	return false;
}

/* True when the last reference went: the caller frees the frame. */
static inline bool put_page_testzero(struct page *page)
{
	return HOT_SUB(&page->_refcount, 1) == 0;
}

/* Entries of level 2 (or above) that map a compound page as a whole. */
static inline int compound_mapcount(const struct page *head)
{
	return HOT_LOAD(&head[1].compound_mapcount) + 1;
}

/* The number of page-table entries that map the frame, alone or with others. */
static inline int page_mapcount(const struct page *page)
{
	int count;

	if (page_has_type(page))
		return 0;
	count = HOT_LOAD(&page->_mapcount) + 1;
	if (unlikely(PageCompound(page))) {
		page = compound_head(page);
		count += compound_mapcount(page) - PageDoubleMap(page);
	}
	return count;
}

/* Entries of all levels that map any page of a head (or a single page). */
static inline int total_mapcount(const struct page *head)
{
	int total;

	if (likely(!PageHead(head)))
		return page_mapcount(head);
	total = compound_mapcount(head);
	if (page_has_dtor(head, TRANSHUGE_PAGE_DTOR))
		for (unsigned long i = 0; i < compound_nr(head); i++)
			total += HOT_LOAD(&head[i]._mapcount) + 1 - PageDoubleMap(head);
	return total;
}

/* Of a head: is any of its pages mapped? */
static inline bool page_mapped(const struct page *page)
{
	return likely(!PageHead(page)) ? page_mapcount(page) > 0
				       : compound_mapcount(page) > 0 || total_mapcount(page) > 0;
}

#endif
