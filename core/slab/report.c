/* SPDX-License-Identifier: MIT */
/*
 * Reports of the slab's debugging, in the words of Linux 6.1:
 *
 *	BUG kmalloc-64 (Not tainted): Right Redzone overwritten
 *
 * then the place, who allocated and who freed the object with their stacks, the
 * slab, the object and the bytes around it, and who found it.  Addresses are
 * those of the kernel's direct map without KASLR, so they do not depend on where
 * the host put the frames; code is named by the port.
 *
 * No locks; called with those of the slab held.
 */
#include "base/printk.h"
#include "base/text.h"
#include "slab/debug.h"

#define NS_PER_JIFFY (4 * NSEC_PER_MSEC)

static const char rule[] =
	"=============================================================================";
static const char thin_rule[] =
	"-----------------------------------------------------------------------------";

void slab_bug(struct quire *q, const char *name, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	text_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)HOT_ADD(&q->slab->nr_reports, 1);
	pr_err(q, "%s", rule);
	pr_err(q, "BUG %s (Not tainted): %s", name, text);
	pr_err(q, "%s", thin_rule);
	pr_err(q, "%s", "");
}

void slab_fix(struct quire *q, const struct kmem_cache *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	text_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	pr_err(q, "FIX %s: %s", s->name, text);
}

void slab_symbol(struct quire *q, unsigned long entry, char *buf, size_t cap)
{
	if (q->port->symbol && entry)
		q->port->symbol(q->port_ctx, entry, buf, cap);
	else
		text_format(buf, cap, "unknown");
}

void print_stack_handle(struct quire *q, u32 handle)
{
	const uintptr_t *entries;
	unsigned int nr = stack_depot_fetch(q, handle, &entries);
	char name[128];

	for (unsigned int i = 0; i < nr; i++) {
		slab_symbol(q, entries[i], name, sizeof(name));
		pr_err(q, "\t%s", name);
	}
}

static void print_track(struct quire *q, const char *what, const struct track *t)
{
	char name[128];

	if (!t->addr)
		return;
	slab_symbol(q, t->addr, name, sizeof(name));
	pr_err(q, "%s in %s age=%lu cpu=%u pid=%d", what, name,
	       (quire_clock(q) - t->when) / NS_PER_JIFFY, (unsigned int)t->cpu, t->pid);
	print_stack_handle(q, t->handle);
}

void print_tracking(struct quire *q, struct kmem_cache *s, void *object)
{
	if (!(s->flags & SLAB_STORE_USER))
		return;
	print_track(q, "Allocated", get_track(s, object, TRACK_ALLOC));
	print_track(q, "Freed", get_track(s, object, TRACK_FREE));
}

void print_slab_info(struct quire *q, const struct page *page)
{
	pr_err(q, "Slab 0x%016lx objects=%u used=%u fp=0x%016lx flags=0x%lx(%snode=%u|zone=%u)",
	       VMEMMAP_BASE + page_to_pfn(q, page) * sizeof(struct page), page->objects,
	       page->inuse, slab_kaddr(q, page->freelist),
	       page->flags & (BIT(PG_slab) | BIT(PG_head)),
	       PageSlab(page) ? PageHead(page) ? "slab|head|" : "slab|" : "", page_to_nid(page),
	       page_zonenum(page));
}

/* "Object   ffff888000001000: 6b 6b ...  kkk": 16 bytes a line. */
void print_section(struct quire *q, const char *title, const void *from, size_t len)
{
	const unsigned char *p = from;

	for (size_t at = 0; at < len; at += 16) {
		char line[160];
		struct text t;
		size_t n = min(len - at, (size_t)16);

		text_init(&t, line, sizeof(line));
		text_printf(&t, "%s%016lx:", title, slab_kaddr(q, p + at));
		for (size_t i = 0; i < 16; i++) {
			if (i < n)
				text_printf(&t, " %02x", p[at + i]);
			else
				text_puts(&t, "   ");
		}
		text_puts(&t, "  ");
		for (size_t i = 0; i < n; i++) {
			unsigned char c = p[at + i];

			text_putc(&t, c >= 0x20 && c < 0x7f ? (char)c : '.');
		}
		pr_err(q, "%s", line);
	}
}

void slab_dump_stack(struct quire *q)
{
	uintptr_t entries[TRACK_ADDRS_COUNT];
	const char *comm = "swapper";
	char name[128];
	unsigned int nr;
	int pid = 0;

	if (q->slab->task_ops.current_task)
		q->slab->task_ops.current_task(q, &pid, &comm);
	pr_err(q, "CPU: %u PID: %d Comm: %s Not tainted %s", smp_processor_id(q), pid, comm,
	       q->cfg.version);
	if (!q->port->stack_save)
		return;
	nr = q->port->stack_save(q->port_ctx, entries, TRACK_ADDRS_COUNT);
	pr_err(q, "Call Trace:");
	pr_err(q, " <TASK>");
	for (unsigned int i = 0; i < nr; i++) {
		slab_symbol(q, entries[i], name, sizeof(name));
		pr_err(q, " %s", name);
	}
	pr_err(q, " </TASK>");
}

void print_trailer(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	char *p = object, *start = page_address(q, page);
	unsigned int off = get_info_end(s);

	print_tracking(q, s, object);
	print_slab_info(q, page);
	pr_err(q, "Object 0x%016lx @offset=%lu fp=0x%016lx", slab_kaddr(q, p),
	       (unsigned long)(p - start), slab_kaddr(q, get_freepointer(s, object)));
	pr_err(q, "%s", "");
	if (s->flags & SLAB_RED_ZONE)
		print_section(q, "Redzone  ", p - s->red_left_pad, s->red_left_pad);
	else if (p > start + 16)
		print_section(q, "Bytes b4 ", p - 16, 16);
	print_section(q, "Object   ", p, min((size_t)s->object_size, (size_t)PAGE_SIZE));
	if (s->flags & SLAB_RED_ZONE)
		print_section(q, "Redzone  ", p + s->object_size, s->inuse - s->object_size);
	if (s->flags & SLAB_STORE_USER)
		off += 2 * (unsigned int)sizeof(struct track);
	if (slub_debug_orig_size(s))
		off += (unsigned int)sizeof(unsigned int);
	if (off != size_from_object(s))
		print_section(q, "Padding  ", p + off, size_from_object(s) - off);
	slab_dump_stack(q);
}

void object_err(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
		const char *reason)
{
	slab_bug(q, s->name, "%s", reason);
	print_trailer(q, s, page, object);
}

void slab_err(struct quire *q, struct kmem_cache *s, struct page *page, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	text_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	slab_bug(q, s->name, "%s", text);
	print_slab_info(q, page);
	slab_dump_stack(q);
}
