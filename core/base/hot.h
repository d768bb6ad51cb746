/* SPDX-License-Identifier: MIT */
/*
 * What a port's <quire_hot.h> provides.  The build puts the chosen port's
 * folder on the include path; everything there is inline.
 *
 *	struct quire_hot		the port's hot state
 *	struct quire_context *hot_current(struct quire_hot *)
 *	void hot_charge(struct quire_hot *, u64 ns)
 *
 *	struct hot_lock, HOT_LOCK_INIT
 *	void hot_lock(struct hot_lock *), bool hot_trylock(), void hot_unlock()
 *	bool hot_is_locked()
 *
 *	HOT_LOAD(p) HOT_STORE(p, v)	acquire and release
 *	HOT_ADD(p, v) HOT_SUB(p, v)	return the NEW value, fully ordered
 *	HOT_OR(p, v) HOT_AND(p, v)	return the OLD value
 *	HOT_CMPXCHG(p, old, new)	true if *p was old and is now new
 *
 *	void hot_clear_page(struct quire_hot *, u64 pfn)
 *	void hot_copy_page(struct quire_hot *, u64 dst_pfn, u64 src_pfn)
 *	bool hot_page_same_filled(struct quire_hot *, u64 pfn, unsigned long *value)
 *	void hot_fill_page(struct quire_hot *, u64 pfn, unsigned long value)
 *		content of frames of user and cache pages: bytes on ports with
 *		real memory, a descriptor of 8 bytes in the model
 *
 *	HOT_PERCPU	1: there are lists of the running CPU's own that need no
 *		lock (hot_percpu_pop32() and others: port/host/rseq.h); 0: none
 */
#ifndef QUIRE_BASE_HOT_H
#define QUIRE_BASE_HOT_H

#include "base/types.h"

struct quire_context;

#include <quire_hot.h>

#endif
