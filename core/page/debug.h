/* SPDX-License-Identifier: MIT */
/*
 * The debugging of pages, switched on and off while the machine runs: who owns
 * a page (Linux's page_owner.c), what is written to pages that are free
 * (page_poison.c), and what the log says of a page that is not as it should be
 * (debug.c and bad_page() of page_alloc.c).
 */
#ifndef QUIRE_PAGE_DEBUG_H
#define QUIRE_PAGE_DEBUG_H

#include "page/alloc.h"

#define PAGE_POISON	0xaa
#define PAGE_OWNER_COMM 16
#define PAGE_EXT_CHUNK	64 /* pages of which something is known, or nothing of all */

/* What is known of a page beyond its descriptor (Linux's page_ext). */
struct page_ext {
	u64 ts_ns, free_ts_ns;
	gfp_t gfp;
	unsigned int order : 4;
	unsigned int reason : 4; /* why it was migrated last, plus 1; 0: never */
	unsigned int allocated : 1;
	unsigned int known : 1;	   /* somebody allocated it since this was switched on */
	unsigned int freed : 1;	   /* and freed it */
	unsigned int poisoned : 1; /* it is free and holds the pattern */
	int pid, tgid;
	int free_pid, free_tgid;
	u32 handle, free_handle; /* the call chains; 0: not known */
	char comm[PAGE_OWNER_COMM];
};
_Static_assert(sizeof(struct page_ext) <= 64, "64 of them a page");

/* Starts and ends to keep owners, to poison.  What is switched off is forgotten:
 * pages in use have no owner, free ones no pattern.  0 or -ENOMEM. */
int page_owner_enable(struct quire *q, bool on);
int page_poison_enable(struct quire *q, bool on);
/* Which leftovers of a split are fenced off: those of orders below; 0: none.
 * -EINVAL: above MAX_ORDER / 2, as Linux's debug_guardpage_minorder=. */
int set_debug_guardpage_minorder(struct quire *q, unsigned int order);
unsigned int debug_guardpage_minorder(const struct quire *q);

/* What is known of a frame; NULL: nothing. */
const struct page_ext *page_ext_find(const struct quire *q, u64 pfn);
/* The page was moved to another frame, with its owner. */
void page_owner_migrated(struct quire *q, struct page *new, const struct page *old, int reason);
enum migrate_reason {
	MR_COMPACTION,
	MR_MEMORY_FAILURE,
	MR_MEMORY_HOTPLUG,
	MR_SYSCALL,
	MR_MEMPOLICY_MBIND,
	MR_NUMA_MISPLACED,
	MR_CONTIG_RANGE,
	MR_LONGTERM_PIN,
	MR_DEMOTION,
	MR_TYPES,
};
extern const char *const migrate_reason_names[MR_TYPES];

struct text;
/* A block's lines of /sys/kernel/debug/page_owner, without the empty one. */
void page_owner_to_text(struct quire *q, struct text *t, u64 pfn, const struct page_ext *ext);
/* "0x17ffffc0000010(lru|node=0|zone=2|lastcpupid=0x1fffff)": Linux's %pGp. */
void page_flags_to_text(struct text *t, const struct page *page);
extern const char *const migratetype_names[MIGRATE_TYPES];

/* A number for a frame's descriptor where Linux prints a pointer that is hashed. */
u64 page_hash(const struct quire *q, u64 pfn);

/* The page in the log, and why: Linux's dump_page(). */
void dump_page(struct quire *q, const struct page *page, const char *reason);
/* "BUG: Bad page state": the page, and its owners if they are known.  At most
 * 60 a minute.  Returns unless the machine stops for it (panic_on_bad_page). */
void bad_page(struct quire *q, const struct page *page, const char *reason);

/* Who runs, for reports: the name, and the numbers into *pid, *tgid. */
const char *page_current(struct quire *q, int *pid, int *tgid);

#endif
