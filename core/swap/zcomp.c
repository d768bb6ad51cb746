/* SPDX-License-Identifier: MIT */
/*
 * Compressors and their buffers: see zcomp.h.
 *
 * Who compresses or decompresses holds the buffer of the CPU it began on, by a mutex:
 * a flow of control may move to another CPU meanwhile.
 */
#include "base/string.h"
#include "swap/zcomp.h"

const char *const zcomp_names[] = {"lzo", "lzo-rle", "lz4", "zstd", NULL};

int zcomp_set(struct quire *q, struct zcomp *comp, const char *name)
{
	for (const char *const *known = zcomp_names; *known; known++) {
		int number = 0;

		if (!str_eq(name, *known))
			continue;
		if (q->port->find_compressor)
			number = q->port->find_compressor(q->port_ctx, name);
		if (number < 0)
			return -ENOENT;
		comp->name = *known;
		comp->compressor = (unsigned int)number;
		return 0;
	}
	return -ENOENT;
}

int zcomp_create_strms(struct quire *q, struct zcomp *comp)
{
	if (!comp->strms)
		comp->strms = kzalloc(q, q->nr_cpus * sizeof(*comp->strms), GFP_KERNEL);
	if (!comp->strms)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct zcomp_strm *strm = &comp->strms[cpu];

		if (strm->buf)
			continue;
		mutex_init(&strm->mutex);
		strm->buf = kmalloc_node(q, 2 * PAGE_SIZE, GFP_KERNEL, (int)cpu_to_node(q, cpu));
		if (!strm->buf)
			return -ENOMEM;
	}
	return 0;
}

void zcomp_free_strms(struct quire *q, struct zcomp *comp)
{
	for (unsigned int cpu = 0; comp->strms && cpu < q->nr_cpus; cpu++)
		kfree(q, comp->strms[cpu].buf);
	kfree(q, comp->strms);
	comp->strms = NULL;
}
