/* SPDX-License-Identifier: MIT */
/*
 * A scenario is a file; a shape of it is the same file on another machine. The
 * rig writes the machine into run.json, as {"vm": {"mem": "512M", "node": [..]}};
 * here that becomes a "#vm" line again, in the place of the file's first one.
 */
#include "oracle/shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1UL << 20)

static char *read_text(const char *path, char *why, size_t size)
{
	FILE *f = fopen(path, "r");
	char *text = f ? malloc(FILE_MAX + 1) : NULL;
	size_t n;

	if (!text) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	n = fread(text, 1, FILE_MAX, f);
	text[n] = 0;
	fclose(f);
	return text;
}

/* The strings of "KEY": "x" or "KEY": ["x", "y"] as " KEY=x KEY=y". */
static void add_key(FILE *out, const char *json, const char *key)
{
	char quoted[32];
	const char *p;
	bool list;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	p = strstr(json, quoted);
	if (!p)
		return;
	p += strlen(quoted);
	p += strspn(p, " \n\t");
	list = *p == '[';
	p += list;
	for (;; p += *p == ',') {
		size_t n;

		p += strspn(p, " \n\t,");
		if (*p != '"')
			return;
		n = strcspn(++p, "\"");
		if (n && !(n == 1 && *p == '0')) /* data: 0 is none */
			fprintf(out, " %s=%.*s", key, (int)(n & 0xffff), p);
		p += n;
		p += *p == '"';
		if (!list)
			return;
	}
}

/* The machine of run.json as one line. */
static char *vm_line(const char *json)
{
	static const char *const keys[] = {"mem", "smp", "node", "dist", "swap", "data", "append"};
	const char *vm = strstr(json, "\"vm\":");
	char *line = NULL;
	size_t n;
	FILE *out = open_memstream(&line, &n);

	if (!out)
		return NULL;
	fprintf(out, "#vm");
	for (size_t i = 0; vm && i < ARRAY_SIZE(keys); i++)
		add_key(out, vm, keys[i]);
	fclose(out);
	return line;
}

/* The text with its machine replaced. */
static char *reshape(const char *text, const char *line)
{
	char *result = NULL;
	size_t n;
	FILE *out = open_memstream(&result, &n);
	bool done = false;

	if (!out)
		return NULL;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");

		if (strncmp(p, "#vm ", 4)) {
			fprintf(out, "%.*s\n", (int)(len & 0xffffff), p);
		} else {
			fprintf(out, "%s\n", done ? "#" : line);
			done = true;
		}
		p += len + (p[len] == '\n');
	}
	fclose(out);
	return result;
}

char *oracle_scenario_text(const char *dir, const char *name, const char *kernel, char *why,
			   size_t size)
{
	size_t base = strcspn(name, "@");
	char path[512], *text, *json, *line, *shaped;

	snprintf(path, sizeof(path), "%.200s/scenarios/%.*s.txt", dir, (int)(base & 127), name);
	text = read_text(path, why, size);
	if (!text || !name[base])
		return text;
	snprintf(path, sizeof(path), "%.200s/results/%.96s/%.32s/run.json", dir, name, kernel);
	json = read_text(path, why, size);
	if (!json) {
		free(text);
		return NULL;
	}
	line = vm_line(json);
	shaped = line ? reshape(text, line) : NULL;
	if (!shaped)
		snprintf(why, size, "not enough memory");
	free(line);
	free(json);
	free(text);
	return shaped;
}
