/* SPDX-License-Identifier: MIT */
/*
 * The lower floors alone (nodes, pages, slab, vmalloc, groups) on a port that
 * does nothing: for the tests of those floors, which then need none of what
 * stands on them.  One thread; the test says on which CPU it is and what time
 * it is.
 */
#ifndef QUIRE_TESTS_LOWER_H
#define QUIRE_TESTS_LOWER_H

#include <setjmp.h>

#include "group/memcontrol.h"

struct lower {
	struct quire *q;
	struct quire_hot hot;
	struct quire_context ctx; /* set .cpu to be on another CPU */
	u64 now;		  /* ns */
	/* panics: see lower_panics() */
	jmp_buf panic_to;
	bool panic_expected;
	char panic[256];
	/* what quire_verify() said, a line each */
	char report[8192];
	/* fault injection: page allocations that go through before one fails;
	 * negative: none fails */
	long fail_after;
	unsigned long nr_failed;
	/* what the kernel logged at KERN_ERR and above, if the test keeps it: set
	 * log to a buffer of log_cap bytes; else it is printed */
	char *log;
	size_t log_len, log_cap;
	/* guard pages trap (SIGSEGV) instead of being checked */
	bool guards;
	/* the call chain that reports show: numbers that lower_symbol() names */
	uintptr_t stack[4];
	size_t physmap_bytes, vmemmap_bytes, content_bytes;
};

/* nodes of mib MiB and cpus CPUs each, 1 to 64 of them. */
struct lower *lower_boot(unsigned int nodes, unsigned int mib, unsigned int cpus);
/* A configuration of the test's own, but for memory and port. */
struct lower *lower_boot_config(struct quire_config cfg);
/* With guard pages that trap, if guards. */
struct lower *lower_boot_guarded(struct quire_config cfg, bool guards);
/* Verifies, fails the test if anything is broken, and frees all. */
void lower_end(struct lower *l);
/* Frees all of a machine that was broken on purpose. */
void lower_abandon(struct lower *l);
/* How many invariants are broken; the lines are in l->report. */
u64 lower_verify(struct lower *l);
/* Fails the test unless verify reports a line that contains text. */
void lower_expect_broken(struct lower *l, const char *text);

/* Does some line of the kernel log contain text? */
bool lower_log_has(struct lower *l, const char *text);

/* Whether stmt stops the machine; the message is in l->panic. */
#define lower_panics(l, stmt)                                 \
	({                                                    \
		(l)->panic_expected = true;                   \
		bool __panicked = setjmp((l)->panic_to) != 0; \
		if (!__panicked) {                            \
			stmt;                                 \
		}                                             \
		(l)->panic_expected = false;                  \
		__panicked;                                   \
	})

/*
 * Breaks an invariant on purpose: lvalue becomes value, verify must report a
 * line that contains text, what was is put back, and all is well again.
 */
#define BREAK(l, lvalue, value, text)                             \
	do {                                                      \
		__typeof__(lvalue) __was = (lvalue);              \
		(lvalue) = (value);                               \
		lower_expect_broken(l, text);                     \
		(lvalue) = __was;                                 \
		if (lower_verify(l))                              \
			fail_msg("not mended:\n%s", (l)->report); \
	} while (0)

#endif
