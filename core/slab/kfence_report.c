/* SPDX-License-Identifier: MIT */
/*
 * KFENCE's reports, in the words of Linux 6.1 (mm/kfence/report.c):
 *
 *	BUG: KFENCE: out-of-bounds read in step_1+0x10/0x20
 *	Out-of-bounds read at 0xffff888001234fff (1B left of kfence-#72):
 *	kfence-#72: 0xffff888001235000-0xffff88800123501f, size=32, cache=kmalloc-32
 *	allocated by task 484 on cpu 0 at 32.919330s:
 *
 * No locks; not called with those of KFENCE held.
 */
#include "slab/kfence_report.h"
#include "base/printk.h"
#include "base/text.h"
#include "slab/kfence.h"

static const char rule[] = "==================================================================";

static unsigned int index_of(const struct quire *q, const struct kfence_metadata *m)
{
	return (unsigned int)(m - q->slab->kfence->meta);
}

static void print_track(struct quire *q, const char *what, const struct kfence_track *t)
{
	char name[128];

	pr_err(q, "%s by task %d on cpu %u at %lu.%06lus:", what, t->pid, t->cpu,
	       t->ns / NSEC_PER_SEC, t->ns % NSEC_PER_SEC / 1000);
	if (t->handle) {
		print_stack_handle(q, t->handle);
	} else {
		slab_symbol(q, t->addr, name, sizeof(name));
		pr_err(q, " %s", name);
	}
	pr_err(q, "%s", "");
}

void kfence_print_object(struct quire *q, struct kfence_metadata *m)
{
	pr_err(q, "kfence-#%u: 0x%016lx-0x%016lx, size=%lu, cache=%s", index_of(q, m),
	       slab_kaddr(q, m->object), slab_kaddr(q, m->object + m->size - 1), m->size,
	       m->cache ? m->cache->name : "<destroyed>");
	pr_err(q, "%s", "");
	print_track(q, "allocated", &m->alloc);
	if (HOT_LOAD(&m->state) == KFENCE_FREED)
		print_track(q, "freed", &m->free);
}

/* "[ 0xac . . 0x00 ]": the bytes from the first bad one on, to the page's end. */
static void put_diff(const struct quire *q, struct text *t, const char *p)
{
	unsigned int i = 0;

	(void)q;
	text_puts(t, "[ ");
	for (; i < 16 && ((uintptr_t)(p + i) & ~PAGE_MASK || !i); i++) {
		u8 c = (u8)p[i];

		if (c == (u8)(0xaa ^ ((unsigned long)(p + i) & 7)))
			text_puts(t, ". ");
		else
			text_printf(t, "0x%02x ", c);
	}
	text_puts(t, "]");
}

static void print_headline(struct quire *q, const char *addr, bool is_write,
			   enum kfence_error error, struct kfence_metadata *m, const char *where)
{
	const char *rw = is_write ? "write" : "read";
	unsigned long at = slab_kaddr(q, addr);
	char diff[128];
	struct text t;

	switch (error) {
	case KFENCE_ERROR_OOB: {
		bool left = addr < m->object;

		pr_err(q, "BUG: KFENCE: out-of-bounds %s in %s", rw, where);
		pr_err(q, "%s", "");
		pr_err(q, "Out-of-bounds %s at 0x%016lx (%luB %s of kfence-#%u):", rw, at,
		       (unsigned long)(left ? m->object - addr : addr - (m->object + m->size)),
		       left ? "left" : "right", index_of(q, m));
		break;
	}
	case KFENCE_ERROR_UAF:
		pr_err(q, "BUG: KFENCE: use-after-free %s in %s", rw, where);
		pr_err(q, "%s", "");
		pr_err(q, "Use-after-free %s at 0x%016lx (in kfence-#%u):", rw, at, index_of(q, m));
		break;
	case KFENCE_ERROR_CORRUPTION:
		text_init(&t, diff, sizeof(diff));
		put_diff(q, &t, addr);
		pr_err(q, "BUG: KFENCE: memory corruption in %s", where);
		pr_err(q, "%s", "");
		pr_err(q, "Corrupted memory at 0x%016lx %s (in kfence-#%u):", at, diff,
		       index_of(q, m));
		break;
	case KFENCE_ERROR_INVALID:
		pr_err(q, "BUG: KFENCE: invalid %s in %s", rw, where);
		pr_err(q, "%s", "");
		pr_err(q, "Invalid %s at 0x%016lx:", rw, at);
		break;
	case KFENCE_ERROR_INVALID_FREE:
		pr_err(q, "BUG: KFENCE: invalid free in %s", where);
		pr_err(q, "%s", "");
		pr_err(q, "Invalid free of 0x%016lx (in kfence-#%u):", at, index_of(q, m));
		break;
	}
}

void kfence_report(struct quire *q, const void *addr, bool is_write, enum kfence_error error,
		   struct kfence_metadata *m)
{
	uintptr_t entries[TRACK_ADDRS_COUNT];
	const char *comm = "swapper";
	unsigned int nr = 0;
	char name[128];
	int pid = 0;

	(void)HOT_ADD(&q->slab->kfence->bugs, 1);
	(void)HOT_ADD(&q->slab->nr_reports, 1);
	if (q->port->stack_save)
		nr = q->port->stack_save(q->port_ctx, entries, TRACK_ADDRS_COUNT);
	slab_symbol(q, nr ? entries[0] : 0, name, sizeof(name));
	pr_err(q, "%s", rule);
	print_headline(q, addr, is_write, error, m, name);
	for (unsigned int i = 0; i < nr; i++) {
		slab_symbol(q, entries[i], name, sizeof(name));
		pr_err(q, " %s", name);
	}
	pr_err(q, "%s", "");
	if (m && m->state != KFENCE_UNUSED)
		kfence_print_object(q, m);
	if (q->slab->task_ops.current_task)
		q->slab->task_ops.current_task(q, &pid, &comm);
	pr_err(q, "CPU: %u PID: %d Comm: %s Not tainted %s", smp_processor_id(q), pid, comm,
	       q->cfg.version);
	pr_err(q, "%s", rule);
}

void kfence_show_objects(struct quire *q, struct text *t)
{
	static const char *const states[] = {"unused", "allocated", "freed"};
	struct kfence *kf = q->slab->kfence;

	for (unsigned int i = 0; kf && i < kf->nr; i++) {
		struct kfence_metadata *m = &kf->meta[i];

		if (m->state == KFENCE_UNUSED) {
			text_printf(t, "kfence-#%u unused\n", i);
		} else {
			text_printf(t, "kfence-#%u: 0x%016lx-0x%016lx, size=%lu, cache=%s (%s)\n",
				    i, slab_kaddr(q, m->object),
				    slab_kaddr(q, m->object + m->size - 1), m->size,
				    m->cache ? m->cache->name : "<destroyed>", states[m->state]);
			text_printf(t, "allocated by task %d on cpu %u at %lu.%06lus\n",
				    m->alloc.pid, m->alloc.cpu, m->alloc.ns / NSEC_PER_SEC,
				    m->alloc.ns % NSEC_PER_SEC / 1000);
			if (m->state == KFENCE_FREED)
				text_printf(t, "freed by task %d on cpu %u at %lu.%06lus\n",
					    m->free.pid, m->free.cpu, m->free.ns / NSEC_PER_SEC,
					    m->free.ns % NSEC_PER_SEC / 1000);
		}
		text_puts(t, "---------------------------------\n");
	}
}
