/* SPDX-License-Identifier: MIT */
/*
 * A scenario's disks: of a kind (a preset of the model) or as its numbers say,
 * and what ails them at which time of the day.
 *
 * A disk with faults has a thread that sleeps from one change to the next.  Where
 * several faults hold at a time, what any of them says is so.
 */
#include <stdlib.h>

#include "machine/internal.h"
#include "machine/units.h"

/* Numbers that the file has are in force over those of the kind. */
static struct model_disk_config disk_config(const struct scn_disk *d)
{
	struct model_disk_config dc = {.name = d->name, .size_bytes = d->size.v};

	if (d->kind)
		(void)model_disk_preset(&dc, d->kind);
	if (!d->kind || d->read_latency.text)
		dc.read_latency_ns = d->read_latency.v;
	if (!d->kind || d->write_latency.text)
		dc.write_latency_ns = d->write_latency.v;
	if (!d->kind || d->bandwidth.text)
		dc.bandwidth = d->bandwidth.v;
	if (d->queue_depth)
		dc.queue_depth = d->queue_depth;
	return dc;
}

/* ---- faults ---------------------------------------------------------------------- */

struct ill_disk {
	struct machine *m;
	const struct scn_disk *disk;
	unsigned int dev;
};

/* ns until the clock of the scenario says so, from its start on. */
static u64 since_start(const struct machine *m, u64 clock)
{
	return (clock + NS_DAY - m->scenario->start.v % NS_DAY) % NS_DAY;
}

/* The faults that hold so long after the start; and how long until that changes. */
static u64 faults_at(const struct ill_disk *ill, u64 at, struct model_disk_faults *now)
{
	u64 next = NS_DAY - at % NS_DAY;

	*now = (struct model_disk_faults){0};
	for (u32 i = 0; i < ill->disk->faults_count; i++) {
		const struct scn_fault *f = &ill->disk->faults[i];
		u64 from = f->from.text ? since_start(ill->m, f->from.v) : 0;
		u64 to = f->to.text ? since_start(ill->m, f->to.v) : NS_DAY, day = at % NS_DAY;
		bool holds = from <= to ? day >= from && day < to : day >= from || day < to;
		u64 change = holds ? (to + NS_DAY - day - 1) % NS_DAY + 1
				   : (from + NS_DAY - day - 1) % NS_DAY + 1;

		next = min(next, change);
		if (!holds)
			continue;
		now->slow_times = max(now->slow_times, f->slow);
		now->read_errors = max(now->read_errors, (unsigned int)f->errors.v);
		now->write_errors = now->read_errors;
		now->full |= f->full;
		if (f->stalled)
			now->stalled_until = model_now(ill->m->model) + change;
	}
	return next;
}

static void watch_disk(void *arg)
{
	struct ill_disk *ill = arg;
	struct machine *m = ill->m;

	while (!m->start_ns)
		model_sleep(m->model, NS_SEC / 1000);
	while (!m->q->stopping) {
		struct model_disk_faults faults;
		u64 now = model_now(m->model);
		u64 next = faults_at(ill, now - min(now, m->start_ns), &faults);

		model_disk_set_faults(m->model, ill->dev, &faults);
		model_sleep(m->model, next);
	}
}

static bool make_ill(struct machine *m, const struct scn_disk *disk, unsigned int dev)
{
	/* Lives as long as its fiber may look at it: the machine's slab has it. */
	struct ill_disk *ill = kmalloc(m->q, sizeof(*ill), GFP_KERNEL);

	if (!ill)
		return false;
	*ill = (struct ill_disk){m, disk, dev};
	return model_spawn(m->model, "disk-faults", watch_disk, ill, NULL, -1) != NULL;
}

void disks_setup(struct machine *m)
{
	const struct scenario *s = m->scenario;

	for (u32 i = 0; i < s->disks_count; i++) {
		struct model_disk_config dc = disk_config(&s->disks[i]);
		unsigned int dev = model_add_disk(m->model, &dc);

		m->disk_end[i] = dc.size_bytes >> PAGE_SHIFT;
		m->bdi[i] = bdi_register(m->q, dev, s->disks[i].name);
		if (m->bdi[i]) {
			m->bdi[i]->rotational = dc.rotational;
			m->bdi[i]->capacity = dc.size_bytes >> PAGE_SHIFT;
			m->sb[i] = sget(m->q, m->bdi[i], m->q->cache->ext4_inode_cachep);
		}
		if (!m->sb[i] || (s->disks[i].faults_count && !make_ill(m, &s->disks[i], dev)))
			m->failed = true;
	}
	m->program_sb = s->disks_count ? m->sb[0] : NULL;
}
