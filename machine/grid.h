/* SPDX-License-Identifier: MIT */
/*
 * Many variants from few words: the combinations of a grid's axes, the lines of
 * a list, the settings in a line; and such words as a shell reads them.
 */
#ifndef QUIRE_MACHINE_GRID_H
#define QUIRE_MACHINE_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GRID_AXES     16
#define GRID_VARIANTS 100000

/* Is given each variant's settings, apart by blanks; false ends the walk. */
typedef bool (*variant_fn)(void *ctx, const char *settings);

/*
 * Every combination of the axes, each "NAME=VALUE,VALUE,..."; the last axis turns
 * fastest.  False if add was, or after a line on err: a value is empty, one axis
 * holds two settings, or there are more than GRID_VARIANTS.
 */
bool grid_each(const char *const *axis, size_t nr, variant_fn add, void *ctx, FILE *err);

/*
 * Every line of a list that holds more than blanks and a comment (from # on).  name
 * is the list's, for messages.  False as above: it can't be read, or holds no variant.
 */
bool list_each(FILE *list, const char *name, variant_fn add, void *ctx, FILE *err);

/* The settings of a text, apart by blanks or `;`: into word[cap], by cutting the
 * text.  How many there are; cap + 1: more than that. */
size_t settings_split(char *text, const char **word, size_t cap);

/* A word as sh reads it again. */
void shell_quote(const char *word, FILE *out);

#endif
