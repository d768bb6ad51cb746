/* SPDX-License-Identifier: MIT */
/*
 * Breaking invariants: lvalue becomes value, quire_verify() must report a line
 * that contains expected; what was is put back, and all is well again.
 */
#ifndef QUIRE_TESTS_BREAK_H
#define QUIRE_TESTS_BREAK_H

#include "tests/space/space_test.h"

#define BREAK(t, lvalue, value, expected)              \
	do {                                           \
		__typeof__(lvalue) __was = (lvalue);   \
		(lvalue) = (value);                    \
		testbox_verify_reports((t), expected); \
		(lvalue) = __was;                      \
		testbox_verify(t);                     \
	} while (0)

/* The same, where what breaks it and what mends it are statements. */
#define BREAK_BY(t, what, mend, expected)              \
	do {                                           \
		what;                                  \
		testbox_verify_reports((t), expected); \
		mend;                                  \
		testbox_verify(t);                     \
	} while (0)

/* A list of which one link, seen from behind, is cut. */
#define BREAK_LIST(t, head, expected) BREAK(t, (head)->prev, NULL, expected)

#endif
