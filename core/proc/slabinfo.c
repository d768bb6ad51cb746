/* SPDX-License-Identifier: MIT */
/*
 * /proc/slabinfo and /proc/vmallocinfo: what the kernel keeps of its own.
 * /sys/kernel/slab is slab_sysfs.c.
 */
#include "proc/internal.h"
#include "slab/slab_array.h"
#include "vmalloc/vmalloc.h"

static void put_cache(struct quire *q, struct kmem_cache *s, void *ctx)
{
	struct text *t = ctx;
	struct slabinfo info;
	size_t len;

	get_slabinfo(q, s, &info);
	len = str_len(info.name);
	text_put(t, info.name, len);
	if (len < 17)
		text_fill(t, ' ', 17 - len);
	text_putc(t, ' ');
	put_dec(t, info.active_objs, 6);
	text_putc(t, ' ');
	put_dec(t, info.num_objs, 6);
	text_putc(t, ' ');
	put_dec(t, info.objsize, 6);
	text_putc(t, ' ');
	put_dec(t, info.objects_per_slab, 4);
	text_putc(t, ' ');
	put_dec(t, info.pages_per_slab, 4);
	put_lit(t, " : tunables ");
	put_dec(t, info.limit, 4);
	text_putc(t, ' ');
	put_dec(t, info.batchcount, 4);
	text_putc(t, ' ');
	put_dec(t, info.shared, 4);
	put_lit(t, " : slabdata ");
	put_dec(t, info.active_slabs, 6);
	text_putc(t, ' ');
	put_dec(t, info.num_slabs, 6);
	text_putc(t, ' ');
	put_dec(t, info.shared_avail, 6);
	text_putc(t, '\n');
}

int show_slabinfo(struct quire *q, __unused const struct proc_entry *e,
		  __unused const struct proc_def *def, struct text *t)
{
	put_lit(t,
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> "
		": tunables <limit> <batchcount> <sharedfactor> "
		": slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	slab_for_each_cache(q, put_cache, t);
	return 0;
}

#define MAX_SLABINFO_WRITE 128

/* "NAME LIMIT BATCHCOUNT SHARED": the SLAB's tunables.  As there, numbers that make no
 * sense change nothing and are no error.  SLUB has none to write. */
s64 store_slabinfo(struct quire *q, __unused const struct proc_entry *e,
		   __unused const struct proc_def *def, const struct proc_input *in)
{
	char name[MAX_SLABINFO_WRITE + 1];
	struct proc_cursor c = {in->buf, in->len};
	struct kmem_cache *s;
	long v[3];
	size_t n = 0;
	int err = 0;

	if (q->slab->impl != &slab_impl)
		return -EIO;
	if (in->len > MAX_SLABINFO_WRITE)
		return -EINVAL;
	for (; n < in->len && in->buf[n] != ' '; n++)
		name[n] = in->buf[n];
	name[n] = '\0';
	c.p += n;
	c.left -= n;
	for (unsigned int i = 0; i < ARRAY_SIZE(v); i++)
		if (!proc_next_long(&c, &v[i], &err) || err)
			return -EINVAL;
	s = find_kmem_cache(q, name);
	if (!s)
		return -EINVAL;
	if (v[0] < 1 || v[1] < 1 || v[1] > v[0] || v[2] < 0 || v[0] > INT32_MAX || v[2] > INT32_MAX)
		return (s64)in->len;
	err = slab_tune(q, s, (unsigned int)v[0], (unsigned int)v[1], (unsigned int)v[2]);
	return err ? err : (s64)in->len;
}

struct vm_writer {
	struct quire *q;
	struct text *t;
};

/* " N0=3 N1=1": the nodes that its pages are on. */
static void put_numa_info(const struct vm_writer *w, const struct vm_struct *vm)
{
	unsigned int nr[QUIRE_MAX_NODES] = {0};

	for (unsigned int i = 0; i < vm->nr_pages; i++)
		nr[page_to_nid(vm->pages[i])]++;
	for_each_node (w->q, nid)
		if (nr[nid])
			text_printf(w->t, " N%u=%u", nid, nr[nid]);
}

static void put_vm(const struct vm_struct *vm, void *ctx)
{
	const struct vm_writer *w = ctx;
	struct text *t = w->t;

	text_printf(t, "0x%016lx-0x%016lx %7lu", vm->addr, vm->addr + vm->size, vm->size);
	if (vm->flags & (VM_MAP_RAM | VM_UNPURGED)) {
		text_puts(t, vm->flags & VM_MAP_RAM ? " vm_map_ram\n" : " unpurged vm_area\n");
		return;
	}
	if (vm->caller)
		text_printf(t, " %s", vm->caller);
	if (vm->nr_pages)
		text_printf(t, " pages=%u", vm->nr_pages);
	if (vm->flags & VM_ALLOC)
		put_lit(t, " vmalloc");
	if (vm->flags & VM_MAP)
		put_lit(t, " vmap");
	put_numa_info(w, vm);
	text_putc(t, '\n');
}

int show_vmallocinfo(struct quire *q, __unused const struct proc_entry *e,
		     __unused const struct proc_def *def, struct text *t)
{
	struct vm_writer w = {q, t};

	vmalloc_for_each(q, put_vm, &w);
	return 0;
}
