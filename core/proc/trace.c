/* SPDX-License-Identifier: MIT */
/*
 * /sys/kernel/tracing: the switches of events and what was recorded, as text.
 *
 * The lines are those of Linux 6.1's `trace' file: the task, the CPU, five flags
 * (interrupts off, ..., locks held), the time and the event as its TP_printk()
 * formats it.  Where Linux prints a hashed pointer, a number stands that is the
 * same for the same page in every run of the seed.
 *
 * Differs from Linux: one buffer, the nop tracer, the clocks local and mono (which
 * are one); no filters, triggers or histograms.
 */
#include "page/debug.h"
#include "page/trace.h"
#include "proc/internal.h"
#include "reclaim/compaction.h"

static const struct {
	const char *group, *name;
} events[NR_TRACE_EVENTS] = {
#define TRACE_NAME(id, group, name) [TRACE_##id] = {#group, #name},
	TRACE_EVENTS(TRACE_NAME)
#undef TRACE_NAME
};

/* ---- an event --------------------------------------------------------------- */

static u32 low(u64 pair)
{
	return (u32)pair;
}

static u32 high(u64 pair)
{
	return (u32)(pair >> 32);
}

static void put_frame(struct quire *q, struct text *t, u64 pfn)
{
	if (pfn == ~0UL)
		put_lit(t, "page=0000000000000000 pfn=0x0");
	else
		text_printf(t, "page=%016lx pfn=%#lx", page_hash(q, pfn), pfn);
}

static void put_gfp(struct text *t, gfp_t gfp)
{
	if (gfp)
		gfp_to_text(t, gfp);
	else
		put_lit(t, "none");
}

static void put_kmem(struct quire *q, struct text *t, const struct trace_record *r)
{
	const u64 *a = r->arg;

	put_frame(q, t, a[0]);
	switch ((enum trace_event)r->event) {
	case TRACE_MM_PAGE_ALLOC:
		text_printf(t, " order=%u migratetype=%d gfp_flags=", low(a[1]), (int)a[3]);
		put_gfp(t, (gfp_t)a[2]);
		break;
	case TRACE_MM_PAGE_ALLOC_ZONE_LOCKED:
		text_printf(t, " order=%u migratetype=%d percpu_refill=%u", low(a[1]), (int)a[2],
			    low(a[3]));
		break;
	case TRACE_MM_PAGE_PCPU_DRAIN:
		text_printf(t, " order=%u migratetype=%d", low(a[1]), (int)a[2]);
		break;
	case TRACE_MM_PAGE_ALLOC_EXTFRAG:
		text_printf(t,
			    " alloc_order=%u fallback_order=%u pageblock_order=%d "
			    "alloc_migratetype=%u fallback_migratetype=%u fragmenting=%d "
			    "change_ownership=%u",
			    low(a[1]), high(a[1]), pageblock_order, low(a[2]), high(a[2]),
			    high(a[1]) < pageblock_order, low(a[3]));
		break;
	default:
		text_printf(t, " order=%u", low(a[1]));
	}
}

static const char *status_name(u64 status)
{
	static const char *const names[] = {
		[COMPACT_NOT_SUITABLE_ZONE] = "not_suitable_zone",
		[COMPACT_SKIPPED] = "skipped",
		[COMPACT_DEFERRED] = "deferred",
		[COMPACT_NO_SUITABLE_PAGE] = "no_suitable_page",
		[COMPACT_CONTINUE] = "continue",
		[COMPACT_COMPLETE] = "complete",
		[COMPACT_PARTIAL_SKIPPED] = "partial_skipped",
		[COMPACT_CONTENDED] = "contended",
		[COMPACT_SUCCESS] = "success",
	};

	return names[status & 15];
}

static const char *zone_name(struct quire *q, u32 idx)
{
	return NODE_DATA(q, 0)->node_zones[idx].name;
}

static void put_range(struct text *t, const struct trace_record *r, bool end)
{
	const u64 *a = r->arg;

	text_printf(t, "zone_start=%#lx migrate_pfn=%#lx free_pfn=%#lx zone_end=%#lx, mode=%s",
		    a[0], a[1], a[2], a[3] & ~(0xffUL << 56), a[3] >> 63 ? "sync" : "async");
	if (end)
		text_printf(t, " status=%s", status_name(a[3] >> 56));
}

static void put_compaction(struct quire *q, struct text *t, const struct trace_record *r)
{
	const u64 *a = r->arg;

	switch ((enum trace_event)r->event) {
	case TRACE_MM_COMPACTION_ISOLATE_MIGRATEPAGES:
	case TRACE_MM_COMPACTION_ISOLATE_FREEPAGES:
		text_printf(t, "range=(%#lx ~ %#lx) nr_scanned=%lu nr_taken=%lu", a[0], a[1], a[2],
			    a[3]);
		break;
	case TRACE_MM_COMPACTION_MIGRATEPAGES:
		text_printf(t, "nr_migrated=%lu nr_failed=%lu", a[0], a[1]);
		break;
	case TRACE_MM_COMPACTION_BEGIN:
	case TRACE_MM_COMPACTION_END:
		put_range(t, r, r->event == TRACE_MM_COMPACTION_END);
		break;
	case TRACE_MM_COMPACTION_TRY_TO_COMPACT_PAGES:
		text_printf(t, "order=%d gfp_mask=", (int)a[0]);
		put_gfp(t, (gfp_t)a[1]);
		text_printf(t, " priority=%d", (int)a[2]);
		break;
	case TRACE_MM_COMPACTION_FINISHED:
	case TRACE_MM_COMPACTION_SUITABLE:
		text_printf(t, "node=%u zone=%-8s order=%d ret=%s", low(a[0]),
			    zone_name(q, high(a[0])), (int)low(a[1]), status_name(a[2]));
		break;
	case TRACE_MM_COMPACTION_DEFERRED:
	case TRACE_MM_COMPACTION_DEFER_COMPACTION:
	case TRACE_MM_COMPACTION_DEFER_RESET:
		text_printf(t, "node=%u zone=%-8s order=%d order_failed=%d consider=%u limit=%lu",
			    low(a[0]), zone_name(q, high(a[0])), (int)low(a[1]), (int)high(a[1]),
			    low(a[2]), 1UL << high(a[2]));
		break;
	case TRACE_MM_COMPACTION_KCOMPACTD_SLEEP:
		text_printf(t, "nid=%d", (int)a[0]);
		break;
	default:
		text_printf(t, "nid=%d order=%d classzone_idx=%-8s", (int)a[0], (int)a[1],
			    zone_name(q, low(a[2])));
	}
}

static void put_record(struct quire *q, struct text *t, const struct trace_record *r)
{
	u64 usec = (r->time_ns + 500) / NSEC_PER_USEC;

	text_printf(t, "%16s-%-7u [%03u] ", r->comm, r->pid, r->cpu);
	if (r->preempt)
		text_printf(t, "d..%x.", r->preempt & 15);
	else
		put_lit(t, ".....");
	text_printf(t, " %5lu.%06lu: %s: ", (unsigned long)(usec / 1000000),
		    (unsigned long)(usec % 1000000), events[r->event].name);
	if (r->event >= TRACE_MM_PAGE_FREE)
		put_kmem(q, t, r);
	else
		put_compaction(q, t, r);
	text_putc(t, '\n');
}

static int show_trace(struct quire *q, __unused const struct proc_entry *e,
		      __unused const struct proc_def *def, struct text *t)
{
	unsigned long entries, written;
	struct trace_record r;
	bool on = trace_is_on(q);

	trace_count(q, &entries, &written);
	text_printf(t,
		    "# tracer: nop\n#\n# entries-in-buffer/entries-written: %lu/%lu   #P:%u\n#\n",
		    entries, written, q->nr_cpus);
	put_lit(t, "#                                _-----=> irqs-off/BH-disabled\n"
		   "#                               / _----=> need-resched\n"
		   "#                              | / _---=> hardirq/softirq\n"
		   "#                              || / _--=> preempt-depth\n"
		   "#                              ||| / _-=> migrate-disable\n"
		   "#                              |||| /     delay\n"
		   "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
		   "#              | |         |   |||||     |         |\n");
	/* Making room for the text allocates: that is not to be read here. */
	if (on && trace_set_on(q, false))
		return -ENOMEM;
	trace_rewind(q);
	while (trace_read(q, &r))
		put_record(q, t, &r);
	return on ? trace_set_on(q, true) : 0;
}

/* Opened to be written and cut: what was recorded goes. */
static s64 store_trace(struct quire *q, __unused const struct proc_entry *e,
		       __unused const struct proc_def *def, const struct proc_input *in)
{
	trace_reset(q);
	return (s64)in->len;
}

/* ---- switches --------------------------------------------------------------- */

static int show_on(struct quire *q, __unused const struct proc_entry *e,
		   __unused const struct proc_def *def, struct text *t)
{
	text_puts(t, trace_is_on(q) ? "1\n" : "0\n");
	return 0;
}

static s64 store_on(struct quire *q, __unused const struct proc_entry *e,
		    __unused const struct proc_def *def, const struct proc_input *in)
{
	long v;
	int err = proc_one_long(in, &v);

	err = err ? err : trace_set_on(q, v != 0);
	return err ? err : (s64)in->len;
}

static int show_size(struct quire *q, __unused const struct proc_entry *e,
		     const struct proc_def *def, struct text *t)
{
	unsigned long kb = trace_size_kb(q), cpus = def->val ? q->nr_cpus : 1;

	if (kb)
		text_printf(t, "%lu\n", kb * cpus);
	else
		text_printf(t, "%lu (expanded: %lu)\n", 7 * cpus, TRACE_DEFAULT_KB * cpus);
	return 0;
}

static s64 store_size(struct quire *q, __unused const struct proc_entry *e,
		      __unused const struct proc_def *def, const struct proc_input *in)
{
	long kb;
	int err = proc_one_long(in, &kb);

	if (!err && kb <= 0)
		err = -EINVAL;
	err = err ? err : trace_resize(q, (unsigned long)kb);
	return err ? err : (s64)in->len;
}

static s64 store_clock(__unused struct quire *q, __unused const struct proc_entry *e,
		       __unused const struct proc_def *def, const struct proc_input *in)
{
	char word[16];

	if (proc_word(in, word, sizeof(word)) || !(str_eq(word, "local") || str_eq(word, "mono")))
		return -EINVAL;
	return (s64)in->len;
}

enum { ALL_EVENTS, KMEM_EVENTS, COMPACTION_EVENTS, ONE_EVENT };

static bool event_of(const struct proc_entry *e, const struct proc_def *def, unsigned int i)
{
	bool kmem = i >= TRACE_MM_PAGE_FREE;

	return def->val == ALL_EVENTS ||
	       (def->val == ONE_EVENT ? e->arg == i : kmem == (def->val == KMEM_EVENTS));
}

static int show_enable(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		       struct text *t)
{
	bool some = false, all = true;

	for (unsigned int i = 0; i < NR_TRACE_EVENTS; i++) {
		if (!event_of(e, def, i))
			continue;
		some |= trace_event_on(q, i);
		all &= trace_event_on(q, i);
	}
	text_puts(t, all ? "1\n" : some ? "X\n" : "0\n");
	return 0;
}

static s64 store_enable(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			const struct proc_input *in)
{
	long v;
	int err = proc_one_long(in, &v);

	if (!err && (v < 0 || v > 1))
		err = -EINVAL;
	for (unsigned int i = 0; i < NR_TRACE_EVENTS && !err; i++)
		if (event_of(e, def, i))
			err = trace_set_event(q, i, v != 0);
	return err ? err : (s64)in->len;
}

/* The names of all events, or of those that are on. */
static int show_events(struct quire *q, __unused const struct proc_entry *e,
		       const struct proc_def *def, struct text *t)
{
	for (unsigned int i = 0; i < NR_TRACE_EVENTS; i++)
		if (!def->val || trace_event_on(q, i))
			text_printf(t, "%s:%s\n", events[i].group, events[i].name);
	return 0;
}

/* "kmem:mm_page_free", "!kmem:mm_page_free", "kmem:*". */
static s64 store_events(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, const struct proc_input *in)
{
	char word[64], *name = word, *colon;
	bool on = true, any = false;
	int err = proc_word(in, word, sizeof(word));

	if (err)
		return err;
	if (*name == '!') {
		on = false;
		name++;
	}
	colon = (char *)(uintptr_t)str_chr(name, ':');
	if (colon)
		*colon = '\0';
	for (unsigned int i = 0; i < NR_TRACE_EVENTS && !err; i++) {
		if (colon && !str_eq(name, events[i].group))
			continue;
		if (!str_eq(colon ? colon + 1 : name, events[i].name) &&
		    !(colon && (str_eq(colon + 1, "*") || !colon[1])))
			continue;
		any = true;
		err = trace_set_event(q, i, on);
	}
	return err ? err : any ? (s64)in->len : -EINVAL;
}

static int show_id(__unused struct quire *q, const struct proc_entry *e,
		   __unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "%u\n", e->arg + 1);
	return 0;
}

/* ---- the tree --------------------------------------------------------------- */

static const struct proc_def event_defs[] = {
	DEF_VAL("enable", 0640, show_enable, store_enable, ONE_EVENT),
	DEF_FILE("id", 0440, show_id),
};
PROC_DIR_TABLE(sysfs_trace_event_dir, event_defs);

static bool in_group(enum proc_dir_id dir, unsigned int i)
{
	return (i >= TRACE_MM_PAGE_FREE) == (dir == DIR_TRACE_KMEM);
}

static struct proc_entry group_lookup(__unused struct quire *q, const struct proc_entry *dir,
				      const char *name)
{
	for (unsigned int i = 0; i < NR_TRACE_EVENTS; i++)
		if (in_group((enum proc_dir_id)dir->id, i) && str_eq(name, events[i].name))
			return proc_entry_of(DIR_TRACE_EVENT, 0, i);
	return (struct proc_entry){0};
}

static void group_readdir(__unused struct quire *q, const struct proc_entry *dir,
			  struct proc_filler *f)
{
	for (unsigned int i = 0; i < NR_TRACE_EVENTS; i++)
		if (in_group((enum proc_dir_id)dir->id, i) &&
		    !proc_fill(f, events[i].name, proc_entry_of(DIR_TRACE_EVENT, 0, i)))
			return;
}

static const struct proc_def kmem_defs[] = {
	DEF_VAL("enable", 0640, show_enable, store_enable, KMEM_EVENTS),
};
const struct proc_dir sysfs_trace_kmem_dir = {
	.defs = kmem_defs,
	.nr_defs = ARRAY_SIZE(kmem_defs),
	.lookup = group_lookup,
	.readdir = group_readdir,
};

static const struct proc_def compaction_defs[] = {
	DEF_VAL("enable", 0640, show_enable, store_enable, COMPACTION_EVENTS),
};
const struct proc_dir sysfs_trace_compaction_dir = {
	.defs = compaction_defs,
	.nr_defs = ARRAY_SIZE(compaction_defs),
	.lookup = group_lookup,
	.readdir = group_readdir,
};

static const struct proc_def events_defs[] = {
	DEF_DIR("compaction", DIR_TRACE_COMPACTION),
	DEF_VAL("enable", 0640, show_enable, store_enable, ALL_EVENTS),
	DEF_DIR("kmem", DIR_TRACE_KMEM),
};
PROC_DIR_TABLE(sysfs_trace_events_dir, events_defs);

static const struct proc_def tracing_defs[] = {
	DEF_VAL("available_events", 0440, show_events, NULL, 0),
	DEF_TEXT("available_tracers", 0440, "nop\n"),
	DEF_VAL("buffer_size_kb", 0640, show_size, store_size, 0),
	DEF_VAL("buffer_total_size_kb", 0440, show_size, NULL, 1),
	DEF_FIXED("current_tracer", "nop\n"),
	DEF_DIR("events", DIR_TRACE_EVENTS),
	DEF_VAL("set_event", 0640, show_events, store_events, 1),
	DEF_RW("trace", 0640, show_trace, store_trace),
	{.name = "trace_clock",
	 .kind = PROC_FILE,
	 .mode = 0640,
	 .show = show_text,
	 .store = store_clock,
	 .data = "[local] mono\n"},
	DEF_RW("tracing_on", 0640, show_on, store_on),
};
PROC_DIR_TABLE(sysfs_tracing_dir, tracing_defs);
