/* SPDX-License-Identifier: MIT */
/*
 * What the slab's debugging wants of the host: call chains and their names,
 * and frames that trap when they are touched (KFENCE's guard pages).
 *
 * Names are those that the dynamic linker knows (link the program with
 * -rdynamic for its own), else the object and the place in it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

#define MAX_FRAMES 32
#define OWN_FRAMES 2 /* this file and who asks */

unsigned int host_stack_save(void *ctx, uintptr_t *entries, unsigned int nr)
{
	void *frames[MAX_FRAMES];
	int n = backtrace(frames, MAX_FRAMES);
	unsigned int got = 0;

	(void)ctx;
	for (int i = OWN_FRAMES; i < n && got < nr; i++)
		entries[got++] = (uintptr_t)frames[i];
	return got;
}

void host_symbol(void *ctx, uintptr_t entry, char *buf, size_t cap)
{
	const char *object;
	Dl_info info;

	(void)ctx;
	if (!dladdr((void *)entry, &info) || !info.dli_fname) {
		snprintf(buf, cap, "unknown");
		return;
	}
	object = strrchr(info.dli_fname, '/');
	object = object ? object + 1 : info.dli_fname;
	if (info.dli_sname)
		snprintf(buf, cap, "%s+0x%lx [%s]", info.dli_sname,
			 (unsigned long)(entry - (uintptr_t)info.dli_saddr), object);
	else
		snprintf(buf, cap, "%s+0x%lx", object,
			 (unsigned long)(entry - (uintptr_t)info.dli_fbase));
}

bool host_guard_frames(void *ctx, uint64_t pfn, uint64_t nr, bool guard)
{
	struct host *h = ctx;

	return !mprotect(h->hot.physmap + (pfn << 12), nr << 12,
			 guard ? PROT_NONE : PROT_READ | PROT_WRITE);
}
