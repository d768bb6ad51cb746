/* SPDX-License-Identifier: MIT */
/* Grids and lists of variants: see grid.h.  Pure text: what a name or a value is
 * worth, setting_add() says. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine/grid.h"

#define BLANKS " \t\r\n;"

/* ---- grids ---------------------------------------------------------------------------------- */

/* How many values an axis has; without `=` it is one word, which is nobody's to judge here. */
static size_t axis_values(const char *axis)
{
	const char *v = strchr(axis, '=');
	size_t nr = 1;

	while (v && (v = strchr(v + 1, ',')))
		nr++;
	return nr;
}

static bool check_axis(const char *axis, FILE *err)
{
	const char *equals = strchr(axis, '=');

	if (axis[strcspn(axis, BLANKS)]) {
		fprintf(err,
			"quire: sweep: \"%s\" is more than one setting; give each axis its own "
			"--set, or whole variants with --list\n",
			axis);
		return false;
	}
	for (const char *v = equals; v; v = strchr(v + 1, ',')) {
		if (v[1] && v[1] != ',')
			continue;
		fprintf(err, "quire: sweep: \"%s\" has an empty value; write it as %.*sA,B,C\n",
			axis, (int)(equals + 1 - axis), axis);
		return false;
	}
	return true;
}

static void put_value(const char *axis, size_t n, FILE *out)
{
	const char *equals = strchr(axis, '='), *v;

	if (!equals) {
		fputs(axis, out);
		return;
	}
	v = equals + 1;
	while (n--)
		v = strchr(v, ',') + 1;
	fprintf(out, "%.*s%.*s", (int)(equals + 1 - axis), axis, (int)strcspn(v, ","), v);
}

/* Variant n: its digits in the mixed base of the axes' lengths. */
static bool add_variant(const char *const *axis, const size_t *values, size_t nr, size_t n,
			variant_fn add, void *ctx)
{
	size_t digit[GRID_AXES], len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);
	bool ok;

	if (!f)
		return false;
	for (size_t i = nr; i-- > 0; n /= values[i])
		digit[i] = n % values[i];
	for (size_t i = 0; i < nr; i++) {
		if (i)
			fputc(' ', f);
		put_value(axis[i], digit[i], f);
	}
	ok = !fclose(f) && add(ctx, text);
	free(text);
	return ok;
}

bool grid_each(const char *const *axis, size_t nr, variant_fn add, void *ctx, FILE *err)
{
	size_t values[GRID_AXES], total = 1;

	if (nr > GRID_AXES) {
		fprintf(err, "quire: sweep: more than %d axes\n", GRID_AXES);
		return false;
	}
	for (size_t i = 0; i < nr; i++) {
		if (!check_axis(axis[i], err))
			return false;
		values[i] = axis_values(axis[i]);
		if (values[i] > GRID_VARIANTS / total) {
			fprintf(err, "quire: sweep: more than %d variants\n", GRID_VARIANTS);
			return false;
		}
		total *= values[i];
	}
	for (size_t n = 0; n < total; n++)
		if (!add_variant(axis, values, nr, n, add, ctx))
			return false;
	return true;
}

/* ---- lists ---------------------------------------------------------------------------------- */

bool list_each(FILE *list, const char *name, variant_fn add, void *ctx, FILE *err)
{
	char *line = NULL;
	size_t cap = 0, nr = 0;
	bool ok = true;

	while (ok && getline(&line, &cap, list) >= 0) {
		line[strcspn(line, "#\r\n")] = 0;
		if (!line[strspn(line, BLANKS)])
			continue;
		if (nr++ == GRID_VARIANTS) {
			fprintf(err, "quire: %s: more than %d variants\n", name, GRID_VARIANTS);
			ok = false;
		}
		ok = ok && add(ctx, line);
	}
	free(line);
	if (ferror(list)) {
		fprintf(err, "quire: %s: can't be read: %s\n", name, strerror(errno));
		return false;
	}
	if (ok && !nr)
		fprintf(err, "quire: %s: holds no variant; write one a line, as vm.swappiness=10\n",
			name);
	return ok && nr;
}

size_t settings_split(char *text, const char **word, size_t cap)
{
	char *save = NULL;
	size_t nr = 0;

	for (char *w = strtok_r(text, BLANKS, &save); w; w = strtok_r(NULL, BLANKS, &save)) {
		if (nr == cap)
			return cap + 1;
		word[nr++] = w;
	}
	return nr;
}

/* ---- for others' shells ---------------------------------------------------------------------- */

void shell_quote(const char *word, FILE *out)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+%@";

	if (*word && !word[strspn(word, plain)]) {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (; *word; word++)
		*word == '\'' ? (void)fputs("'\\''", out) : (void)fputc(*word, out);
	fputc('\'', out);
}
