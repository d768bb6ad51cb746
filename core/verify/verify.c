/* SPDX-License-Identifier: MIT */
/*
 * quire_verify(): runs every floor's invariants, from the ground up, and hands
 * each broken one to the caller.  A floor that has not been set up (boot failed
 * half-way) is passed over.
 */
#include <stdarg.h>

#include "verify/verify.h"

void broken(struct verify *v, const char *fmt, ...)
{
	char line[256];
	struct text t;
	va_list args;

	v->nr_broken++;
	if (!v->report)
		return;
	text_init(&t, line, sizeof(line));
	va_start(args, fmt);
	text_vprintf(&t, fmt, args);
	va_end(args);
	v->report(v->ctx, line);
}

u64 quire_verify(struct quire *q, void (*report)(void *ctx, const char *line), void *ctx)
{
	struct verify v = {.q = q, .report = report, .ctx = ctx};

	verify_node(&v);
	verify_buddy(&v);
	if (q->slab)
		verify_slab(&v);
	if (q->vmalloc)
		verify_vmalloc(&v);
	if (q->group)
		verify_group(&v);
	if (q->cache) {
		verify_lru(&v);
		verify_cache(&v);
	}
	if (q->swap)
		verify_swap(&v);
	if (q->space) {
		verify_space(&v);
		verify_tasks(&v);
	}
	return v.nr_broken;
}
