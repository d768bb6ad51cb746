/* SPDX-License-Identifier: MIT */
/*
 * Switches that are off: tracepoints and the debugging of pages.
 *
 * All of them are bits of one word, q->keys, that lies beside the pointers of
 * the floors, which whoever comes this way has loaded already.  A place that
 * would do more if something were switched on tests its bit, and the branch is
 * predicted: that is what Linux's static branches cost, a no-op, as near as C
 * comes to it.  A fast path that serves several asks for all at once
 * (KEYS_PAGE_ALLOC, KEYS_PAGE_FREE).
 *
 * An event is recorded where it happens (page/trace.h) and formatted when the
 * buffer is read (proc/trace.c).
 */
#ifndef QUIRE_BASE_TRACE_H
#define QUIRE_BASE_TRACE_H

#include "base/types.h"

/* Event, its group's directory below events/, its name.  In Linux's order. */
#define TRACE_EVENTS(X)                                                                       \
	X(MM_COMPACTION_ISOLATE_MIGRATEPAGES, compaction, mm_compaction_isolate_migratepages) \
	X(MM_COMPACTION_ISOLATE_FREEPAGES, compaction, mm_compaction_isolate_freepages)       \
	X(MM_COMPACTION_MIGRATEPAGES, compaction, mm_compaction_migratepages)                 \
	X(MM_COMPACTION_BEGIN, compaction, mm_compaction_begin)                               \
	X(MM_COMPACTION_END, compaction, mm_compaction_end)                                   \
	X(MM_COMPACTION_TRY_TO_COMPACT_PAGES, compaction, mm_compaction_try_to_compact_pages) \
	X(MM_COMPACTION_FINISHED, compaction, mm_compaction_finished)                         \
	X(MM_COMPACTION_SUITABLE, compaction, mm_compaction_suitable)                         \
	X(MM_COMPACTION_DEFERRED, compaction, mm_compaction_deferred)                         \
	X(MM_COMPACTION_DEFER_COMPACTION, compaction, mm_compaction_defer_compaction)         \
	X(MM_COMPACTION_DEFER_RESET, compaction, mm_compaction_defer_reset)                   \
	X(MM_COMPACTION_KCOMPACTD_SLEEP, compaction, mm_compaction_kcompactd_sleep)           \
	X(MM_COMPACTION_WAKEUP_KCOMPACTD, compaction, mm_compaction_wakeup_kcompactd)         \
	X(MM_COMPACTION_KCOMPACTD_WAKE, compaction, mm_compaction_kcompactd_wake)             \
	X(MM_PAGE_FREE, kmem, mm_page_free)                                                   \
	X(MM_PAGE_FREE_BATCHED, kmem, mm_page_free_batched)                                   \
	X(MM_PAGE_ALLOC, kmem, mm_page_alloc)                                                 \
	X(MM_PAGE_ALLOC_ZONE_LOCKED, kmem, mm_page_alloc_zone_locked)                         \
	X(MM_PAGE_PCPU_DRAIN, kmem, mm_page_pcpu_drain)                                       \
	X(MM_PAGE_ALLOC_EXTFRAG, kmem, mm_page_alloc_extfrag)

enum trace_event {
#define TRACE_ENUM(id, group, name) TRACE_##id,
	TRACE_EVENTS(TRACE_ENUM)
#undef TRACE_ENUM
		NR_TRACE_EVENTS
};

#define TRACE_KEY(event) (1UL << (event))
#define KEYS_TRACE	 (TRACE_KEY(NR_TRACE_EVENTS) - 1)
#define KEY_PAGE_OWNER	 (1UL << 40) /* who allocated a page, who freed it */
#define KEY_PAGE_POISON	 (1UL << 41) /* free pages hold a pattern */
#define KEY_GUARD_PAGE	 (1UL << 42) /* small leftovers of a split are fenced off */
#define KEY_CPUSETS	 (1UL << 43) /* some group may not use all nodes */
#define KEY_FAIL_ALLOC	 (1UL << 44) /* page allocations may be made to fail */
#define KEY_LRU_GEN	 (1UL << 45) /* pages in use are sorted by generation */
#define KEY_LRU_GEN_MMS	 (1UL << 46) /* ... or were once: lists of address spaces are kept */
#define KEYS_PAGE_DEBUG	 (KEY_PAGE_OWNER | KEY_PAGE_POISON)
/* What an allocation, a free may have to do more. */
#define KEYS_PAGE_ALLOC (TRACE_KEY(TRACE_MM_PAGE_ALLOC) | KEYS_PAGE_DEBUG | KEY_FAIL_ALLOC)
#define KEYS_PAGE_FREE	(TRACE_KEY(TRACE_MM_PAGE_FREE) | KEYS_PAGE_DEBUG)

#endif
