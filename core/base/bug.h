/* SPDX-License-Identifier: MIT */
/*
 * A broken invariant stops the machine and says which: quire_panic() through
 * the port.  Everything else is an error to return.
 */
#ifndef QUIRE_BASE_BUG_H
#define QUIRE_BASE_BUG_H

#include "base/types.h"

struct quire;

/* Formats the message, writes it to the log and calls port->panic. */
void quire_panic(struct quire *q, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3), cold));

#define QUIRE_STR_(x) #x
#define QUIRE_STR(x)  QUIRE_STR_(x)

#define BUG_ON(q, cond)                                                                  \
	do {                                                                             \
		if (unlikely(cond))                                                      \
			quire_panic(q, "%s", __FILE__ ":" QUIRE_STR(__LINE__) ": " #cond); \
	} while (0)

/* Checks too dear for release builds. */
#ifdef QUIRE_DEBUG
#define VM_BUG_ON(q, cond) BUG_ON(q, cond)
#else
#define VM_BUG_ON(q, cond) ((void)sizeof((q) && (cond)))
#endif

#endif
