/* SPDX-License-Identifier: MIT */
/*
 * What the heap says of itself to its program, and what may be asked of it:
 * mallinfo(), mallinfo2(), malloc_stats(), malloc_info(), malloc_trim(), mallopt().
 *
 * Fields mean what glibc's mean as far as there is such a thing: arena is what
 * slabs and blocks have taken, hblkhd what mappings have, uordblks what the
 * program holds, fordblks what it could have of that without more memory,
 * keepcost what malloc_trim() could give back.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "malloc/internal.h"

struct mallinfo2 API(mallinfo2)(void);
struct mallinfo API(mallinfo)(void);
void API(malloc_stats)(void);
int API(malloc_info)(int options, FILE *f);
int API(malloc_trim)(size_t pad);
int API(mallopt)(int param, int value);

EXPORT struct mallinfo2 API(mallinfo2)(void)
{
	struct mallinfo2 m = {0};
	u64 objects = 0;

	if (!heap_ready())
		return m;
	heap_enter();
	for (unsigned int i = 0; i < NR_CLASSES; i++)
		objects += kmem_cache_objects_in_use(&heap.q, heap.caches[i]) * heap_class_bytes[i];
	heap_leave();
	m.hblks = HOT_LOAD(&heap.nr_mapped);
	m.hblkhd = HOT_LOAD(&heap.mapped_bytes);
	m.arena = (HOT_LOAD(&heap.used_pages) + HOT_LOAD(&heap.dirty_pages)) << PAGE_SHIFT;
	m.uordblks = objects + HOT_LOAD(&heap.block_bytes);
	m.fordblks = m.arena - min(m.arena, m.uordblks);
	m.keepcost = HOT_LOAD(&heap.dirty_pages) << PAGE_SHIFT;
	return m;
}

EXPORT struct mallinfo API(mallinfo)(void)
{
	struct mallinfo2 m = API(mallinfo2)();

	return (struct mallinfo){
		.arena = (int)m.arena,
		.hblks = (int)m.hblks,
		.hblkhd = (int)m.hblkhd,
		.uordblks = (int)m.uordblks,
		.fordblks = (int)m.fordblks,
		.keepcost = (int)m.keepcost,
	};
}

EXPORT void API(malloc_stats)(void)
{
	struct mallinfo2 m = API(mallinfo2)();

	fprintf(stderr,
		"slabs and blocks = %10zu\nin use bytes     = %10zu\nmapped bytes     = %10zu\n",
		m.arena, m.uordblks, m.hblkhd);
}

/* One line a class that has slabs. */
static void class_info(FILE *f, unsigned int class)
{
	struct slabinfo info;
	unsigned long in_use;

	heap_enter();
	get_slabinfo(&heap.q, heap.caches[class], &info);
	in_use = kmem_cache_objects_in_use(&heap.q, heap.caches[class]);
	heap_leave();
	if (info.num_slabs)
		fprintf(f,
			"<cache name=\"%s\" size=\"%u\" objects=\"%lu\" in_use=\"%lu\" "
			"slabs=\"%lu\" pages=\"%lu\"/>\n",
			info.name, info.objsize, info.num_objs, in_use, info.num_slabs,
			info.num_slabs * info.pages_per_slab);
}

EXPORT int API(malloc_info)(int options, FILE *f)
{
	struct mallinfo2 m;

	if (options) {
		errno = EINVAL;
		return -1;
	}
	m = API(mallinfo2)();
	fprintf(f, "<malloc version=\"quire-1\">\n");
	for (unsigned int i = 0; heap_ready() && i < NR_CLASSES; i++)
		class_info(f, i);
	fprintf(f,
		"<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
		"<system type=\"current\" size=\"%zu\"/>\n"
		"<in_use size=\"%zu\"/>\n"
		"<given_back pages=\"%lu\"/>\n"
		"</malloc>\n",
		m.hblks, m.hblkhd, m.arena + m.hblkhd, m.uordblks + m.hblkhd,
		(unsigned long)HOT_LOAD(&heap.given_back));
	return ferror(f) ? -1 : 0;
}

EXPORT int API(malloc_trim)(size_t pad)
{
	if (!heap_ready())
		return 0;
	heap_enter();
	for (unsigned int i = 0; i < NR_CLASSES; i++)
		(void)kmem_cache_shrink(&heap.q, heap.caches[i]);
	heap_leave();
	HOT_STORE(&heap.regretted, 0);
	return trim_now(pad >> PAGE_SHIFT);
}

EXPORT int API(mallopt)(int param, int value)
{
	switch (param) {
	case M_TRIM_THRESHOLD:
		/* -1: never. */
		HOT_STORE(&heap.trim_slack,
			  value < 0 ? UINT64_MAX / 4 : (u64)(unsigned int)value >> PAGE_SHIFT);
		return heap_ready();
	case M_MXFAST:
	case M_TOP_PAD:
	case M_MMAP_THRESHOLD:
	case M_MMAP_MAX:
	case M_CHECK_ACTION:
	case M_PERTURB:
	case M_ARENA_TEST:
	case M_ARENA_MAX:
		return 1; /* there is no such thing here */
	default:
		return 0;
	}
}
