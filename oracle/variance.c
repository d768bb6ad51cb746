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

static void widen(struct oracle_span *span, s64 n)
{
	span->low = span->has && span->low < n ? span->low : n;
	span->high = span->has && span->high > n ? span->high : n;
	span->has = true;
}

static void read_line(struct oracle_variance *v, char *line, const char *scenario,
		      const char *kernel)
{
	char *save = NULL, *word = strtok_r(line, " \t", &save), *label, *counter;
	struct oracle_range *r = &v->ranges[v->nr];
	struct oracle_span all = {0};

	if (!word || strcmp(word, scenario) || !(word = strtok_r(NULL, " \t", &save)) ||
	    strcmp(word, kernel))
		return;
	label = strtok_r(NULL, " \t", &save);
	counter = strtok_r(NULL, " \t", &save);
	if (!label || !counter)
		return;
	*r = (struct oracle_range){.label = label, .counter = counter};
	for (int column = 0; (word = strtok_r(NULL, " \t", &save)); column++) {
		char *end;
		s64 n = strtoll(word, &end, 10);

		if (end == word || *end)
			continue;
		n = n > (1LL << 48) ? 1LL << 48 : n < -(1LL << 48) ? -(1LL << 48) : n;
		widen(&all, n);
		/* The recorded run is one of the seeds. */
		widen(&r->span[column < 3 ? ORACLE_SEEDS : ORACLE_THREADED], n);
	}
	r->low = all.low;
	r->high = all.high;
	v->nr += all.has;
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

static const struct oracle_range *find_range(const struct oracle_variance *v, const char *label,
					     const char *counter)
{
	for (size_t i = 0; v && i < v->nr; i++)
		if (!strcmp(v->ranges[i].label, label) && !strcmp(v->ranges[i].counter, counter))
			return &v->ranges[i];
	return NULL;
}

bool oracle_variance_find(const struct oracle_variance *v, const char *label, const char *counter,
			  s64 *low, s64 *high)
{
	const struct oracle_range *r = find_range(v, label, counter);

	if (!r)
		return false;
	*low = r->low;
	*high = r->high;
	return true;
}

bool oracle_variance_span(const struct oracle_variance *v, const char *label, const char *counter,
			  enum oracle_runs runs, struct oracle_span *span)
{
	const struct oracle_range *r = find_range(v, label, counter);

	if (!r || !r->span[runs].has)
		return false;
	*span = r->span[runs];
	return true;
}
