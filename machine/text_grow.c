/* SPDX-License-Identifier: MIT */
/* A struct text in the host's memory: see text_grow.h. */
#include <stdlib.h>

#include "machine/text_grow.h"

bool text_grow(struct text *t, size_t need)
{
	size_t cap = t->cap ? t->cap : 4096;
	char *buf;

	if (need > MAX_TEXT_BYTES)
		return false;
	while (cap < need)
		cap *= 2;
	buf = realloc(t->buf, cap);
	if (!buf)
		return false;
	t->buf = buf;
	t->cap = cap;
	return true;
}
