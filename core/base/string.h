/* SPDX-License-Identifier: MIT */
/*
 * Strings, freestanding: the few functions the core needs, under names that
 * libc does not use, so that an embedder's libc and ours never mix.
 *
 * Bytes compare as unsigned.  No function allocates or keeps a pointer.
 */
#ifndef QUIRE_BASE_STRING_H
#define QUIRE_BASE_STRING_H

#include "base/types.h"

/* Bytes before the NUL. */
size_t str_len(const char *s);
/* The same, but never looks at more than cap bytes. */
size_t str_nlen(const char *s, size_t cap);

/* Negative, zero or positive as a sorts before, with or after b; the second
 * looks at no more than n bytes of each. */
int str_cmp(const char *a, const char *b);
int str_ncmp(const char *a, const char *b, size_t n);
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);

/* Copies as much of src as fits into dst, NUL-terminated if cap > 0.  Returns
 * str_len(src): the copy is cut short if that is >= cap. */
size_t str_lcpy(char *dst, const char *src, size_t cap);

/* The first c, or NULL; str_chr() finds the terminating NUL too. */
char *str_chr(const char *s, int c);
void *mem_chr(const void *s, int c, size_t n);

#endif
