/* SPDX-License-Identifier: MIT */
/*
 * Saved machines.  All that a machine is lies in memory that has the same
 * addresses in every process (port/model/keep.h); what is the host's, and has
 * to be found anew, is named here: where messages go, the thread that touches
 * memory ahead, who is told of reclaim and of kills.
 */
#include "machine/internal.h"
#include "port/model/save.h"

bool machine_save(struct machine *m, const char *path, FILE *err)
{
	return save_write(path, m, err);
}

bool machine_is_saved(const char *path)
{
	return save_is(path);
}

struct machine *machine_restore(const char *path, FILE *err)
{
	struct machine *m = save_map(path, err);

	if (!m)
		return NULL;
	m->err = err;
	model_on_reclaim(m->model, NULL, NULL);
	model_on_oom(m->model, NULL, NULL);
	model_restored(m->model);
	return m;
}
