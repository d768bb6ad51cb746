/* SPDX-License-Identifier: MIT */
/* The results of variants: a file each, written whole or not at all. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/futures.h"

char *future_path(const char *dir, size_t i, const char *suffix)
{
	char *path = NULL;

	return asprintf(&path, "%s/%04zu.%s", dir, i, suffix) < 0 ? NULL : path;
}

static json_t *settings_json(const struct variant *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->set.nr; i++)
		json_array_append_new(list, json_string(v->set.v[i].text));
	return list;
}

/* What makes it a result of this very run: the same input, settings, instant. */
static json_t *identity(const struct futures *f, size_t i)
{
	return json_pack("{s:s, s:o, s:I, s:I, s:I}", "spec", f->path, "settings",
			 settings_json(&f->v[i]), "at_ns", (json_int_t)(f->has_at ? f->at : 0),
			 "until_ns", (json_int_t)f->until, "seed",
			 (json_int_t)(f->has_seed ? f->seed : 0));
}

static bool write_with(const char *dir, size_t i, const char *suffix, struct machine *m,
		       void (*write)(struct machine *m, FILE *f))
{
	char *path = future_path(dir, i, suffix);
	FILE *f = path ? fopen(path, "w") : NULL;
	bool ok = f != NULL;

	if (f) {
		write(m, f);
		ok = !ferror(f);
		ok &= !fclose(f);
	}
	free(path);
	return ok;
}

bool future_write(const struct futures *f, size_t i, struct machine *m, const struct outcome *o)
{
	char *path = future_path(f->work, i, "json"), *part = future_path(f->work, i, "part");
	json_t *all = identity(f, i);
	bool ok = path && part && all;

	if (ok && f->nights)
		ok = write_with(f->work, i, "night.json", m, machine_write_json) &&
		     write_with(f->work, i, "events", m, machine_write_events);
	ok = ok && !json_object_set_new(all, "outcome", outcome_to_json(o)) &&
	     !json_dump_file(all, part, JSON_INDENT(1)) && !rename(part, path);
	json_decref(all);
	free(path);
	free(part);
	return ok;
}

bool future_read(struct futures *f, size_t i)
{
	char *path = future_path(f->work, i, "json");
	json_t *all = path ? json_load_file(path, 0, NULL) : NULL, *want = identity(f, i);
	json_t *outcome = json_incref(json_object_get(all, "outcome"));
	struct variant *v = &f->v[i];

	json_object_del(all, "outcome");
	if (all && want && json_equal(all, want) && outcome &&
	    outcome_from_json(outcome, &v->outcome)) {
		v->done = true;
		v->now = v->outcome.ended;
	}
	json_decref(outcome);
	json_decref(want);
	json_decref(all);
	free(path);
	return v->done;
}
