/* SPDX-License-Identifier: MIT */
/*
 * Who allocated a page and who freed it (Linux's page_owner.c), and the pattern
 * in pages that are free (page_poison.c): see debug.h.
 *
 * The idea: beside each descriptor stands a struct page_ext, in a tree of pages
 * by frame number that grows where pages come and go while one of the two is
 * switched on, so that a machine of any size pays for what it uses only.  Linux
 * sets its table up at boot, for all of memory.
 *
 * A page of the tree that can't be had is not missed: nothing is known then.
 * What the tree allocates for itself has no owner (in_page_owner).
 *
 * Poison: a page that is freed is filled with 0xaa; when it is allocated and
 * holds something else, somebody wrote to it meanwhile, and the log says what.
 * In the model a user's page is a content descriptor: its frame's real bytes are
 * filled, which is where the kernel's own objects are.
 *
 * Locks: none.  A slot of the tree is set once, by compare and exchange; a
 * page's entry is changed by who allocates or frees the page.
 *
 * Call chains are kept in the slab floor's depot, where the port can tell them.
 *
 * Differs from Linux: owners are kept from when it is switched on; on a port that
 * tells no call chains (the model) there are none.
 */
#include <quire/page.h>

#include "page/debug.h"
#include "page/internal.h"
#include "page/trace.h"
#include "base/printk.h"
#include "base/text.h"

#define EXT_BITS     6 /* 64 entries a page */
#define NODE_BITS    9
#define EXT_LEVELS   4
#define SAMPLE_BYTES 16u
#define HASH_MASK    0xffffffffUL
#define LASTCPUPID   0x1fffffUL /* "none": nobody is balanced here */
#define FLAG_CPUPID  30

struct page_debug {
	void *root; /* of EXT_LEVELS levels of 512 pointers, above pages of entries */
	unsigned int guard_minorder;
};

const char *const migrate_reason_names[MR_TYPES] = {
	"compaction",	     "memory_failure",	"memory_hotplug",
	"syscall_or_cpuset", "mempolicy_mbind", "numa_misplaced",
	"contig_range",	     "longterm_pin",	"demotion",
};

const char *const migratetype_names[MIGRATE_TYPES] = {
	[MIGRATE_UNMOVABLE] = "Unmovable",
	[MIGRATE_MOVABLE] = "Movable",
	[MIGRATE_RECLAIMABLE] = "Reclaimable",
	[MIGRATE_HIGHATOMIC] = "HighAtomic",
	[MIGRATE_CMA] = "CMA",
	[MIGRATE_ISOLATE] = "Isolate",
};

const char *page_current(struct quire *q, int *pid, int *tgid)
{
	*pid = *tgid = 0;
	return q->page->ops.task_comm ? q->page->ops.task_comm(q, pid, tgid) : "swapper/0";
}

/* ---- the tree --------------------------------------------------------------- */

/* A zeroed page of the tree, or NULL. */
static void *ext_page(struct quire *q)
{
	struct quire_context *ctx = current_context(q);
	struct page *page;
	void *p;

	ctx->in_page_owner = true;
	page = __alloc_pages(q, __GFP_NOWARN | __GFP_NOMEMALLOC, 0, numa_node_id(q), NULL);
	current_context(q)->in_page_owner = false;
	if (!page)
		return NULL;
	p = page_address(q, page);
	memset(p, 0, PAGE_SIZE);
	return p;
}

/* What the slot leads to, made if it is not there and make says so. */
static void *ext_step(struct quire *q, void **slot, bool make)
{
	void *p = HOT_LOAD(slot), *new;

	if (p || !make)
		return p;
	new = ext_page(q);
	if (new && !HOT_CMPXCHG(slot, (void *)NULL, new)) {
		current_context(q)->in_page_owner = true;
		__free_pages(q, virt_to_page(q, new), 0);
		current_context(q)->in_page_owner = false;
	}
	return HOT_LOAD(slot);
}

static struct page_ext *page_ext_at(struct quire *q, u64 pfn, bool make)
{
	struct page_ext *leaf;
	void **slot;

	if (!q->page->debug)
		return NULL;
	slot = &q->page->debug->root;
	for (unsigned int level = EXT_LEVELS; level > 0; level--) {
		u64 index = pfn >> (EXT_BITS + (level - 1) * NODE_BITS);
		void **node = ext_step(q, slot, make);

		if (!node)
			return NULL;
		slot = &node[index & ((1u << NODE_BITS) - 1)];
	}
	leaf = ext_step(q, slot, make);
	return leaf ? &leaf[pfn & ((1u << EXT_BITS) - 1)] : NULL;
}

const struct page_ext *page_ext_find(const struct quire *q, u64 pfn)
{
	return page_ext_at((struct quire *)(uintptr_t)q, pfn, false);
}

/* A node of the tree and all below it go. */
static void free_ext(struct quire *q, void *node, unsigned int level)
{
	if (!node)
		return;
	for (unsigned int i = 0; level && i < 1u << NODE_BITS; i++)
		free_ext(q, ((void **)node)[i], level - 1);
	__free_pages(q, virt_to_page(q, node), 0);
}

static struct page_debug *page_debug(struct quire *q)
{
	struct page *page;

	if (q->page->debug)
		return q->page->debug;
	page = alloc_pages_node(q, numa_node_id(q), GFP_KERNEL | __GFP_NOWARN, 0);
	if (!page)
		return NULL;
	memset(page_address(q, page), 0, PAGE_SIZE);
	if (!HOT_CMPXCHG(&q->page->debug, (struct page_debug *)NULL, page_address(q, page)))
		__free_pages(q, page, 0);
	return q->page->debug;
}

/* ---- switches --------------------------------------------------------------- */

static int set_key(struct quire *q, unsigned long key, bool on)
{
	struct page_debug *debug = page_debug(q);
	void *root;

	if (!debug)
		return -ENOMEM;
	if (on) {
		(void)HOT_OR(&q->keys, key);
		return 0;
	}
	(void)HOT_AND(&q->keys, ~key);
	if (q->keys & KEYS_PAGE_DEBUG)
		return 0;
	root = debug->root;
	debug->root = NULL;
	free_ext(q, root, EXT_LEVELS);
	return 0;
}

int page_owner_enable(struct quire *q, bool on)
{
	if (on == !!(q->keys & KEY_PAGE_OWNER))
		return 0;
	/* Owners without call chains are better than none. */
	if (on && q->page->ops.stack_init)
		(void)q->page->ops.stack_init(q);
	return set_key(q, KEY_PAGE_OWNER, on);
}

int page_poison_enable(struct quire *q, bool on)
{
	if (on == !!(q->keys & KEY_PAGE_POISON))
		return 0;
	return set_key(q, KEY_PAGE_POISON, on);
}

int quire_page_debug(struct quire *q, unsigned int flags)
{
	int err;

	if (flags & ~(QUIRE_DEBUG_OWNER | QUIRE_DEBUG_POISON))
		return -EINVAL;
	err = page_owner_enable(q, (flags & QUIRE_DEBUG_OWNER) != 0);
	return err ? err : page_poison_enable(q, (flags & QUIRE_DEBUG_POISON) != 0);
}

int set_debug_guardpage_minorder(struct quire *q, unsigned int order)
{
	struct page_debug *debug = page_debug(q);

	if (order > MAX_ORDER / 2)
		return -EINVAL;
	if (!debug)
		return -ENOMEM;
	debug->guard_minorder = order;
	if (order)
		(void)HOT_OR(&q->keys, KEY_GUARD_PAGE);
	else
		(void)HOT_AND(&q->keys, ~KEY_GUARD_PAGE);
	return 0;
}

unsigned int debug_guardpage_minorder(const struct quire *q)
{
	return q->page->debug ? q->page->debug->guard_minorder : 0;
}

/* ---- poison ----------------------------------------------------------------- */

/* The first and last byte of a page that is not as it was left; false: none. */
static bool find_damage(const u8 *bytes, unsigned int *first, unsigned int *last)
{
	*first = 0;
	while (*first < PAGE_SIZE && bytes[*first] == PAGE_POISON)
		(*first)++;
	if (*first == PAGE_SIZE)
		return false;
	*last = PAGE_SIZE - 1;
	while (bytes[*last] == PAGE_POISON)
		(*last)--;
	return true;
}

/* Lines of 16 bytes, as print_hex_dump() with an address before each; ours is
 * the offset in the page. */
static void hex_dump(struct quire *q, const u8 *bytes, unsigned int first, unsigned int last)
{
	for (unsigned int at = first; at <= last; at += SAMPLE_BYTES) {
		char line[80];
		struct text t;

		text_init(&t, line, sizeof(line));
		text_printf(&t, "%08x:", at);
		for (unsigned int i = at; i <= last && i < at + SAMPLE_BYTES; i++)
			text_printf(&t, " %02x", bytes[i]);
		pr_err(q, "%s", line);
	}
}

static void check_poison(struct quire *q, struct page *page)
{
	const u8 *bytes = page_address(q, page);
	unsigned int first, last;
	unsigned int flipped;

	if (!find_damage(bytes, &first, &last))
		return;
	flipped = bytes[first] ^ PAGE_POISON;
	if (first == last && !(flipped & (flipped - 1)))
		pr_err(q, "pagealloc: single bit error");
	else
		pr_err(q, "pagealloc: memory corruption");
	hex_dump(q, bytes, first, last);
	dump_page(q, page, "pagealloc: corrupted page details");
}

/* ---- where pages come and go ------------------------------------------------ */

/* The call chain that led here.  What the depot allocates has no owner. */
static u32 stack_here(struct quire *q)
{
	u32 handle;

	if (!q->page->ops.stack_here)
		return 0;
	current_context(q)->in_page_owner = true;
	handle = q->page->ops.stack_here(q);
	current_context(q)->in_page_owner = false;
	return handle;
}

static void set_owner(struct quire *q, struct page_ext *ext, unsigned int order, gfp_t gfp)
{
	const char *comm = page_current(q, &ext->pid, &ext->tgid);

	ext->handle = stack_here(q);
	ext->order = order & 15;
	ext->gfp = gfp;
	ext->reason = 0;
	ext->allocated = ext->known = 1;
	ext->ts_ns = quire_clock(q);
	for (unsigned int i = 0; i < PAGE_OWNER_COMM; i++) {
		ext->comm[i] = *comm;
		comm += *comm != '\0';
	}
	ext->comm[PAGE_OWNER_COMM - 1] = '\0';
}

void post_alloc_debug(struct quire *q, struct page *page, unsigned int order, gfp_t gfp)
{
	u64 pfn = page_to_pfn(q, page);
	struct page_ext first = {0};

	if (current_context(q)->in_page_owner)
		return;
	for (unsigned long i = 0; i < 1UL << order; i++) {
		struct page_ext *ext = page_ext_at(q, pfn + i, (q->keys & KEY_PAGE_OWNER) != 0);

		if (!ext)
			continue;
		if (ext->poisoned)
			check_poison(q, page + i);
		ext->poisoned = 0;
		if (!(q->keys & KEY_PAGE_OWNER))
			continue;
		if (!first.known)
			set_owner(q, &first, order, gfp);
		first.free_ts_ns = ext->free_ts_ns;
		first.free_pid = ext->free_pid;
		first.free_tgid = ext->free_tgid;
		first.freed = ext->freed;
		first.free_handle = ext->free_handle;
		*ext = first;
	}
}

/* The page is no more its owner's; who it is now is not known. */
static void reset_owner(struct quire *q, struct page_ext *ext, u32 handle)
{
	ext->allocated = 0;
	ext->freed = 1;
	ext->free_handle = handle;
	ext->free_ts_ns = quire_clock(q);
	(void)page_current(q, &ext->free_pid, &ext->free_tgid);
}

void free_prepare_debug(struct quire *q, struct page *page, unsigned int order)
{
	u64 pfn = page_to_pfn(q, page);
	u32 handle = 0;

	if (q->keys & TRACE_KEY(TRACE_MM_PAGE_FREE))
		trace_mm_page_free(q, page, order);
	if (!(q->keys & KEYS_PAGE_DEBUG) || current_context(q)->in_page_owner)
		return;
	for (unsigned long i = 0; i < 1UL << order; i++) {
		bool poison = (q->keys & KEY_PAGE_POISON) != 0;
		struct page_ext *ext = page_ext_at(q, pfn + i, poison);

		if (!ext)
			continue;
		if (ext->allocated && !handle)
			handle = stack_here(q);
		if (ext->allocated)
			reset_owner(q, ext, handle);
		if (poison) {
			memset(page_address(q, page + i), PAGE_POISON, PAGE_SIZE);
			ext->poisoned = 1;
		}
	}
}

void page_owner_migrated(struct quire *q, struct page *new, const struct page *old, int reason)
{
	const struct page_ext *from = page_ext_find(q, page_to_pfn(q, old));
	struct page_ext *to;

	if (!(q->keys & KEY_PAGE_OWNER) || !from || !from->allocated)
		return;
	to = page_ext_at(q, page_to_pfn(q, new), true);
	if (!to)
		return;
	*to = *from;
	to->poisoned = 0;
	to->reason = (unsigned int)(reason + 1) & 15;
}

/* ---- text ------------------------------------------------------------------- */

/* Ours, and the bit and name that Linux 6.1 has for it. */
static const struct {
	u8 ours, bit;
	const char *name;
} flag_names[] = {
	{PG_locked, 0, "locked"},
	{PG_waiters, 7, "waiters"},
	{PG_error, 8, "error"},
	{PG_referenced, 1, "referenced"},
	{PG_uptodate, 2, "uptodate"},
	{PG_dirty, 3, "dirty"},
	{PG_lru, 4, "lru"},
	{PG_active, 5, "active"},
	{PG_workingset, 6, "workingset"},
	{PG_slab, 9, "slab"},
	{PG_swapcache, 10, "owner_priv_1"},
	{PG_reserved, 12, "reserved"},
	{PG_private, 13, "private"},
	{PG_writeback, 15, "writeback"},
	{PG_head, 16, "head"},
	{PG_mappedtodisk, 17, "mappedtodisk"},
	{PG_reclaim, 18, "reclaim"},
	{PG_swapbacked, 19, "swapbacked"},
	{PG_unevictable, 20, "unevictable"},
	{PG_mlocked, 21, "mlocked"},
};

void page_flags_to_text(struct text *t, const struct page *page)
{
	unsigned long node = page_to_nid(page), zone = page_zonenum(page);
	unsigned long flags =
		node << PAGE_NODE_SHIFT | zone << PAGE_ZONE_SHIFT | LASTCPUPID << FLAG_CPUPID;

	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (PageFlag(page, flag_names[i].ours))
			flags |= 1UL << flag_names[i].bit;
	text_printf(t, "%#lx(", flags);
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (PageFlag(page, flag_names[i].ours))
			text_printf(t, "%s|", flag_names[i].name);
	text_printf(t, "node=%lu|zone=%lu|lastcpupid=%#lx)", node, zone, LASTCPUPID);
}

u64 page_hash(const struct quire *q, u64 pfn)
{
	u64 seed = q->cfg.seed ^ pfn * 0x9e3779b97f4a7c15UL;

	return prng_splitmix64(&seed) & HASH_MASK;
}

/* A call chain, a line an entry: Linux's stack_depot_snprint().  With t NULL into the
 * log. */
static void put_stack(struct quire *q, struct text *t, u32 handle)
{
	const uintptr_t *entries;
	unsigned int nr = 0;
	char name[128];

	if (handle && q->page->ops.stack_fetch)
		nr = q->page->ops.stack_fetch(q, handle, &entries);
	for (unsigned int i = 0; i < nr; i++) {
		if (q->port->symbol)
			q->port->symbol(q->port_ctx, entries[i], name, sizeof(name));
		else
			text_format(name, sizeof(name), "unknown");
		if (t)
			text_printf(t, " %s\n", name);
		else
			pr_err(q, " %s", name);
	}
}

void page_owner_to_text(struct quire *q, struct text *t, u64 pfn, const struct page_ext *ext)
{
	const struct page *page = pfn_to_page(q, pfn);

	text_printf(t, "Page allocated via order %u, mask %#x(", ext->order, ext->gfp);
	gfp_to_text(t, ext->gfp);
	text_printf(t, "), pid %d, tgid %d (%s), ts %lu ns, free_ts %lu ns\n", ext->pid, ext->tgid,
		    ext->comm, ext->ts_ns, ext->free_ts_ns);
	text_printf(t, "PFN %lu type %s Block %lu type %s Flags ", pfn,
		    migratetype_names[gfp_migratetype(ext->gfp)], pfn >> pageblock_order,
		    migratetype_names[get_pageblock_migratetype(q, page)]);
	page_flags_to_text(t, page);
	text_putc(t, '\n');
	put_stack(q, t, ext->handle);
	if (ext->reason && ext->reason <= MR_TYPES)
		text_printf(t, "Page has been migrated, last migrate reason: %s\n",
			    migrate_reason_names[ext->reason - 1]);
}

/* ---- reports ---------------------------------------------------------------- */

/* Linux's __dump_page_owner(). */
static void dump_page_owner(struct quire *q, const struct page *page)
{
	const struct page_ext *ext = page_ext_find(q, page_to_pfn(q, page));
	char flags[256];
	struct text t;

	if (!(q->keys & KEY_PAGE_OWNER))
		return;
	if (!ext || !ext->known) {
		pr_err(q, "page_owner info is not present (never set?)");
		return;
	}
	pr_err(q, "page_owner tracks the page as %s", ext->allocated ? "allocated" : "freed");
	text_init(&t, flags, sizeof(flags));
	gfp_to_text(&t, ext->gfp);
	pr_err(q,
	       "page last allocated via order %u, migratetype %s, gfp_mask %#x(%s), pid %d, "
	       "tgid %d (%s), ts %lu, free_ts %lu",
	       ext->order, migratetype_names[gfp_migratetype(ext->gfp)], ext->gfp, flags, ext->pid,
	       ext->tgid, ext->comm, ext->ts_ns, ext->free_ts_ns);
	put_stack(q, NULL, ext->handle);
	/* 6.1 prints the stack only; later kernels say who it was. */
	if (ext->freed)
		pr_err(q, "page last free pid %d tgid %d%s", ext->free_pid, ext->free_tgid,
		       ext->free_handle ? " stack trace:" : "");
	else
		pr_err(q, "page_owner free stack trace missing");
	put_stack(q, NULL, ext->free_handle);
	if (ext->reason && ext->reason <= MR_TYPES)
		pr_err(q, "page has been migrated, last migrate reason: %s",
		       migrate_reason_names[ext->reason - 1]);
}

void dump_page(struct quire *q, const struct page *page, const char *reason)
{
	const struct page *head = compound_head(page);
	u64 pfn = page_to_pfn(q, page);
	const char *kind = "", *area = "";
	char flags[256];
	struct text t;

	/* Of a frame never used the descriptor says nothing. */
	if (zone_spans_pfn(page_zone(q, page), pfn) &&
	    get_pageblock_migratetype(q, page) == MIGRATE_CMA)
		area = " CMA";
	pr_warn(q, "page:%016lx refcount:%d mapcount:%d mapping:%s index:%#lx pfn:%#lx",
		page_hash(q, pfn), page_ref_count(head), page_mapcount(page),
		page->mapping ? "(set)" : "0000000000000000", page->index, pfn);
	if (PageCompound(page))
		pr_warn(q, "head:%016lx order:%u compound_mapcount:%d compound_pincount:%d",
			page_hash(q, page_to_pfn(q, head)), compound_order(head),
			compound_mapcount(head), head[1].compound_pincount);
	if (!PageSlab(head) && PageAnon(head))
		kind = "anon ";
	text_init(&t, flags, sizeof(flags));
	page_flags_to_text(&t, head);
	pr_warn(q, "%sflags: %s%s", kind, flags, area);
	if (reason)
		pr_warn(q, "page dumped because: %s", reason);
	dump_page_owner(q, page);
}

#define BAD_PAGES_A_MINUTE 60

void bad_page(struct quire *q, const struct page *page, const char *reason)
{
	int pid, tgid;
	const char *comm = page_current(q, &pid, &tgid);
	u64 now = quire_clock(q);

	if (now >= q->page->bad_page_resume_ns + 60 * NSEC_PER_SEC) {
		if (q->page->nr_bad_unshown)
			pr_err(q, "BUG: Bad page state: %u messages suppressed",
			       q->page->nr_bad_unshown);
		q->page->nr_bad_unshown = q->page->nr_bad_shown = 0;
		q->page->bad_page_resume_ns = now;
	}
	if (q->page->nr_bad_shown++ >= BAD_PAGES_A_MINUTE) {
		q->page->nr_bad_unshown++;
	} else {
		printk(q, KERN_ALERT, "BUG: Bad page state in process %s  pfn:%05lx", comm,
		       page_to_pfn(q, page));
		dump_page(q, page, reason);
		pr_warn(q, "CPU: %u PID: %d Comm: %s Not tainted %s #1", smp_processor_id(q), pid,
			comm, q->cfg.version);
	}
	if (q->page->panic_on_bad_page)
		quire_panic(q, "BUG: Bad page state in process %s  pfn:%05lx: %s", comm,
			    page_to_pfn(q, page), reason);
}
