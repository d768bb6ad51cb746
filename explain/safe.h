/* SPDX-License-Identifier: MIT */
/* Names come from logs and from /proc: nothing of them may reach a terminal but
 * what can be seen. */
#ifndef QUIRE_EXPLAIN_SAFE_H
#define QUIRE_EXPLAIN_SAFE_H

#include <stdio.h>

static inline void put_safe(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s, f);
}

#endif
