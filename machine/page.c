/* SPDX-License-Identifier: MIT */
/* Nights as a page: see page.h.  What a run says is text to the page, never markup. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "machine/page.h"

/* The settings of a future lie beside its night: NNNN.json. */
static void add_label(json_t *run, const char *path)
{
	const char *end = strstr(path, ".night.json");
	json_t *future = NULL, *settings, *one;
	char *beside = NULL, label[512] = "";
	size_t i;

	if (end && asprintf(&beside, "%.*s.json", (int)(end - path), path) >= 0)
		future = json_load_file(beside, 0, NULL);
	settings = json_object_get(future, "settings");
	json_array_foreach(settings, i, one)
	{
		size_t len = strlen(label);

		snprintf(label + len, sizeof(label) - len, "%s%s", i ? " " : "",
			 json_string_value(one) ? json_string_value(one) : "");
	}
	if (future)
		json_object_set_new(run, "label", json_string(*label ? label : "as it is"));
	json_decref(future);
	free(beside);
}

json_t *page_load_run(const char *path, FILE *err)
{
	json_error_t error;
	json_t *run = json_load_file(path, 0, &error);

	if (!run) {
		fprintf(err, "quire: %s:%d: %s; make it with quire run --record --json %s SPEC\n",
			path, error.line, error.text, path);
		return NULL;
	}
	if (!json_is_array(json_object_get(run, "samples")) ||
	    !json_is_array(json_object_get(run, "kills")) ||
	    !json_array_size(json_object_get(run, "samples"))) {
		fprintf(err,
			"quire: %s: is no night; make it with quire run --record --json %s SPEC\n",
			path, path);
		json_decref(run);
		return NULL;
	}
	add_label(run, path);
	return run;
}

/* JSON inside a script element: no tag can end there. */
static void put_script_text(const char *text, FILE *out)
{
	for (; *text; text++)
		*text == '<' ? (void)fputs("\\u003c", out) : (void)fputc(*text, out);
}

static void put_title(const char *name, FILE *out)
{
	for (; name && *name; name++)
		if (!strchr("<>&\"", *name))
			fputc(*name, out);
}

bool page_write(const json_t *runs, const char *script, const char *style, FILE *out)
{
	const char *name = json_string_value(json_object_get(json_array_get(runs, 0), "name"));
	char *data = json_dumps(runs, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (!data)
		return false;
	fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
	      out);
	put_title(name, out);
	fprintf(out,
		" - quire</title>\n<style>%s</style></head><body><main id=\"page\"></main>\n"
		"<script type=\"application/json\" id=\"runs\">",
		style);
	put_script_text(data, out);
	fprintf(out, "</script>\n<script>%s</script></body></html>\n", script);
	free(data);
	return !ferror(out);
}
