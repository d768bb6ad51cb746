/* SPDX-License-Identifier: MIT */
/* What all that writes JSON shares. */
#ifndef QUIRE_MACHINE_JSON_H
#define QUIRE_MACHINE_JSON_H

#include <stdio.h>

/* A string in its quotation marks. */
void json_put_string(FILE *f, const char *s);

#endif
