/* SPDX-License-Identifier: MIT */
/*
 * The check of lock order in debug builds.  Held locks are a stack in the
 * context; a new lock must rank above all of them, an equal rank needs
 * spin_lock_nested().  And the points at which a port may let another CPU go on, to
 * explore interleavings.  Release builds compile this file to nothing.
 */
#include "base/quire.h"

#ifdef QUIRE_DEBUG

void lock_check_acquire(struct quire *q, const struct spinlock *lock, bool nested)
{
	struct quire_context *ctx = current_context(q);

	if (!lock->rank)
		quire_panic(q, "lock without a rank taken: was spin_lock_init() called?");
	for (unsigned int i = 0; i < ctx->nr_held && !nested; i++)
		if (ctx->held[i]->rank >= lock->rank)
			quire_panic(q, "lock order: rank %u taken under rank %u", lock->rank,
				    ctx->held[i]->rank);
	if (ctx->nr_held == QUIRE_MAX_HELD_LOCKS)
		quire_panic(q, "lock order: more than %u spinlocks held", QUIRE_MAX_HELD_LOCKS);
	ctx->held[ctx->nr_held++] = lock;
}

void lock_check_release(struct quire *q, const struct spinlock *lock)
{
	struct quire_context *ctx = current_context(q);
	unsigned int i = ctx->nr_held;

	while (i > 0 && ctx->held[i - 1] != lock)
		i--;
	if (!i)
		quire_panic(q, "lock of rank %u released by one who does not hold it", lock->rank);
	for (; i < ctx->nr_held; i++)
		ctx->held[i - 1] = ctx->held[i];
	ctx->nr_held--;
}

void lock_explore(struct quire *q, struct spinlock *lock)
{
	/* Ports' schedulers take locks of these ranks themselves. */
	if (likely(!q->explore) || (lock && lock->rank >= LOCK_PSI))
		return;
	q->explore(q->port_ctx, false);
	while (lock && hot_is_locked(&lock->raw))
		q->explore(q->port_ctx, true);
}

#else
typedef int lock_checks_are_for_debug_builds;
#endif
