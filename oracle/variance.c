/* SPDX-License-Identifier: MIT */
/*
 * A line a counter that differs between the kernel's own runs:
 *
 *	SCENARIO KERNEL LABEL COUNTER RECORDED SEEDS-MIN SEEDS-MAX MT-MIN MT-MAX
 *
 * '-' where there is no such run.  What the judge takes from it is the span of
 * all values: a model that lies among the kernel's own runs can't be told from
 * the kernel.
 */
#include "oracle/variance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define VARIANCE_MAX (16UL << 20)

static char *read_text(const char *path)
{
	gzFile f = gzopen(path, "rb");
	char *buffer = NULL;
	size_t size = 0, room = 1 << 16;
	int n = 0;

	if (!f)
		return NULL;
	for (; room <= VARIANCE_MAX; room *= 2) {
		char *bigger = realloc(buffer, room);

		if (!bigger)
			break;
		buffer = bigger;
		while ((n = gzread(f, buffer + size, (unsigned int)(room - size - 1))) > 0)
			size += (size_t)n;
		if (size + 1 < room)
			break;
	}
	gzclose(f);
	if (buffer)
		buffer[size] = 0;
	return buffer;
}

static void read_line(struct oracle_variance *v, char *line, const char *scenario,
		      const char *kernel)
{
	char *save = NULL, *word = strtok_r(line, " \t", &save), *label, *counter;
	struct oracle_range *r = &v->ranges[v->nr];
	bool any = false;

	if (!word || strcmp(word, scenario) || !(word = strtok_r(NULL, " \t", &save)) ||
	    strcmp(word, kernel))
		return;
	label = strtok_r(NULL, " \t", &save);
	counter = strtok_r(NULL, " \t", &save);
	if (!label || !counter)
		return;
	*r = (struct oracle_range){.label = label, .counter = counter};
	while ((word = strtok_r(NULL, " \t", &save))) {
		char *end;
		s64 n = strtoll(word, &end, 10);

		if (end == word || *end)
			continue;
		n = n > (1LL << 48) ? 1LL << 48 : n < -(1LL << 48) ? -(1LL << 48) : n;
		r->low = any && r->low < n ? r->low : n;
		r->high = any && r->high > n ? r->high : n;
		any = true;
	}
	v->nr += any;
}

void oracle_variance_read(struct oracle_variance *v, const char *path, const char *scenario,
			  const char *kernel)
{
	char *save = NULL;
	size_t lines = 1;

	*v = (struct oracle_variance){.buffer = read_text(path)};
	if (!v->buffer)
		return;
	for (const char *p = v->buffer; *p; p++)
		lines += *p == '\n';
	v->ranges = calloc(lines, sizeof(*v->ranges));
	if (!v->ranges)
		return;
	for (char *p = strtok_r(v->buffer, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		if (*p != '#')
			read_line(v, p, scenario, kernel);
}

void oracle_variance_free(struct oracle_variance *v)
{
	free(v->ranges);
	free(v->buffer);
	*v = (struct oracle_variance){0};
}

bool oracle_variance_find(const struct oracle_variance *v, const char *label, const char *counter,
			  s64 *low, s64 *high)
{
	for (size_t i = 0; v && i < v->nr; i++) {
		const struct oracle_range *r = &v->ranges[i];

		if (strcmp(r->label, label) || strcmp(r->counter, counter))
			continue;
		*low = r->low;
		*high = r->high;
		return true;
	}
	return false;
}
