/* SPDX-License-Identifier: MIT */
/* A page of nights: the frame around a script, its style and the runs' JSON. */
#ifndef QUIRE_MACHINE_PAGE_H
#define QUIRE_MACHINE_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * A run that machine_write_json() wrote.  One that was kept with a future is
 * labelled with the settings that lie beside it (NNNN.json of NNNN.night.json).
 * NULL after a line on err: it can't be read, or is no night.
 */
json_t *page_load_run(const char *path, FILE *err);

/*
 * The page of an array of runs, titled as the first.  Nothing in a run can end the
 * element that holds it.  False: no memory, or out took no more.
 */
bool page_write(const json_t *runs, const char *script, const char *style, FILE *out);

#endif
