/* SPDX-License-Identifier: MIT */
/*
 * Places: what an inode number means, what is below it and what stat(2) says.
 *
 * The idea: a number encodes the whole place, so the server keeps no table of
 * inodes.  The kernel may ask for any number at any time, also for one whose
 * process has gone: place_of() looks it up in the model anew and says so.
 *
 *	class 3 | id 16 | tid or cpu 13 | arg 32		the model
 *	class 3 | id 16 | pid 22 | tid 22			one of its processes
 *	class 3 | level 2 | name 7 | pid 22 | number 22		a guest
 *
 * In /proc the model's processes come first.  A guest whose number the model
 * has too is reached as .NUMBER, and by itself through /proc/self, which leads
 * there.
 *
 * Times of stat(2) are the model's clock; sizes are 0, as in Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "procfs/internal.h"

#define CLASS_SHIFT  61
#define PID_BITS     22
#define PID_MASK     ((1u << PID_BITS) - 1)
#define CPU_BITS     13
#define ID_SHIFT     45
#define NUMBER_LIMIT (1u << PID_BITS)

u64 place_ino(const struct place *p)
{
	const struct proc_entry *e = &p->entry;
	const struct guest_place *g = &p->guest;
	u64 ino = (u64)p->class << CLASS_SHIFT;

	switch (p->class) {
	case PLACE_SPECIAL:
		return p->special;
	case PLACE_MODEL:
		return ino | (u64)e->id << ID_SHIFT | (u64)(u32)e->tid << 32 | e->arg;
	case PLACE_PROCESS:
		return ino | (u64)e->id << (2 * PID_BITS) | (u64)(u32)e->pid << PID_BITS |
		       (u32)e->tid;
	case PLACE_GUEST:
		return ino | (u64)g->level << (2 * PID_BITS + 7) | (u64)g->name << (2 * PID_BITS) |
		       (u64)(u32)g->pid << PID_BITS | g->number;
	case PLACE_NONE:
		break;
	}
	return 0;
}

struct place place_of_entry(struct proc_entry e)
{
	if (e.kind == PROC_NONE)
		return (struct place){.class = PLACE_NONE};
	return (struct place){.class = e.pid ? PLACE_PROCESS : PLACE_MODEL, .entry = e};
}

static struct place special(enum special s)
{
	return (struct place){.class = PLACE_SPECIAL, .special = s};
}

struct place place_of(struct procfs *fs, u64 ino)
{
	enum place_class class = (enum place_class)(ino >> CLASS_SHIFT);
	struct place p = {.class = PLACE_NONE};

	switch (class) {
	case PLACE_SPECIAL:
		if (ino >= SPECIAL_TOP && ino <= SPECIAL_HOST)
			p = special((enum special)ino);
		break;
	case PLACE_MODEL:
		p = place_of_entry(proc_at(fs->q, (u16)(ino >> ID_SHIFT), 0,
					   (int)(ino >> 32 & ((1u << CPU_BITS) - 1)), (u32)ino));
		break;
	case PLACE_PROCESS:
		p = place_of_entry(proc_at(fs->q, (u16)(ino >> (2 * PID_BITS)),
					   (int)(ino >> PID_BITS & PID_MASK), (int)(ino & PID_MASK),
					   0));
		break;
	case PLACE_GUEST:
		p.class = PLACE_GUEST;
		p.guest = (struct guest_place){.pid = (int)(ino >> PID_BITS & PID_MASK),
					       .number = (u32)(ino & PID_MASK),
					       .level = ino >> (2 * PID_BITS + 7) & 3,
					       .name = ino >> (2 * PID_BITS) & 127};
		break;
	case PLACE_NONE:
	default:
		break;
	}
	return p;
}

static bool is_proc_root(const struct place *p)
{
	return p->class == PLACE_MODEL && p->entry.kind == PROC_DIR &&
	       p->entry.id == proc_root().id;
}

/* ---- what is below ---------------------------------------------------------- */

static struct place lookup_top(const char *name)
{
	if (!strcmp(name, "proc"))
		return place_of_entry(proc_root());
	if (!strcmp(name, "sys"))
		return place_of_entry(sysfs_root());
	if (!strcmp(name, "kmsg"))
		return special(SPECIAL_KMSG);
	return (struct place){.class = PLACE_NONE};
}

/* What /proc has beside the model's own. */
static struct place lookup_beside(struct procfs *fs, const char *name)
{
	if (!strcmp(name, "self"))
		return special(SPECIAL_SELF);
	if (!strcmp(name, "thread-self"))
		return special(SPECIAL_THREAD_SELF);
	if (!strcmp(name, ".host"))
		return special(SPECIAL_HOST);
	return guest_lookup_pid(fs, name[0] == '.' ? name + 1 : name);
}

struct place place_lookup(struct procfs *fs, const struct place *dir, const char *name)
{
	struct place p = {.class = PLACE_NONE};

	switch (dir->class) {
	case PLACE_SPECIAL:
		if (dir->special == SPECIAL_TOP)
			p = lookup_top(name);
		break;
	case PLACE_MODEL:
	case PLACE_PROCESS:
		p = place_of_entry(proc_lookup(fs->q, dir->entry, name));
		if (p.class == PLACE_NONE && is_proc_root(dir))
			p = lookup_beside(fs, name);
		break;
	case PLACE_GUEST:
		p = guest_lookup(fs, &dir->guest, name);
		break;
	case PLACE_NONE:
		break;
	}
	return p;
}

struct filler {
	struct procfs *fs;
	bool (*fn)(void *ctx, const char *name, const struct place *p);
	void *ctx;
};

static bool fill_entry(void *ctx, const char *name, struct proc_entry e)
{
	struct filler *f = ctx;
	struct place p = place_of_entry(e);

	return f->fn(f->ctx, name, &p);
}

/* Guests that the model has no process for. */
static bool fill_guest(void *ctx, const char *name, const struct place *p)
{
	struct filler *f = ctx;

	if (proc_lookup(f->fs->q, proc_root(), name).kind != PROC_NONE)
		return true;
	return f->fn(f->ctx, name, p);
}

void place_readdir(struct procfs *fs, const struct place *dir,
		   bool (*fn)(void *ctx, const char *name, const struct place *p), void *ctx)
{
	static const char *const top[] = {"proc", "sys", "kmsg"};
	static const char *const beside[] = {"self", "thread-self"};
	struct filler f = {fs, fn, ctx};
	struct place p;

	switch (dir->class) {
	case PLACE_SPECIAL:
		for (size_t i = 0; dir->special == SPECIAL_TOP && i < ARRAY_SIZE(top); i++) {
			p = lookup_top(top[i]);
			if (!fn(ctx, top[i], &p))
				return;
		}
		break;
	case PLACE_MODEL:
	case PLACE_PROCESS:
		for (size_t i = 0; is_proc_root(dir) && i < ARRAY_SIZE(beside); i++) {
			p = lookup_beside(fs, beside[i]);
			if (!fn(ctx, beside[i], &p))
				return;
		}
		proc_readdir(fs->q, dir->entry, fill_entry, &f);
		if (is_proc_root(dir))
			guest_readdir_pids(fs, fill_guest, &f);
		break;
	case PLACE_GUEST:
		guest_readdir(fs, &dir->guest, fn, ctx);
		break;
	case PLACE_NONE:
		break;
	}
}

/* ---- stat ------------------------------------------------------------------- */

static void stat_times(struct procfs *fs, struct stat *st)
{
	u64 now = quire_clock(fs->q);

	st->st_mtim.tv_sec = (time_t)(fs->q->cfg.boot_time + (s64)(now / 1000000000));
	st->st_mtim.tv_nsec = (long)(now % 1000000000);
	st->st_atim = st->st_ctim = st->st_mtim;
}

static void stat_entry(struct procfs *fs, const struct proc_entry *e, struct stat *st)
{
	static const mode_t types[] = {
		[PROC_DIR] = S_IFDIR, [PROC_FILE] = S_IFREG, [PROC_LINK] = S_IFLNK};

	st->st_mode = types[e->kind] | e->mode;
	st->st_nlink = e->kind == PROC_DIR ? 2 : 1;
	/* One user is all that a user namespace of one user has. */
	st->st_uid = fs->mapped ? 0 : e->uid;
	st->st_gid = fs->mapped ? 0 : e->gid;
}

int place_stat(struct procfs *fs, const struct place *p, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_blksize = 1024;
	switch (p->class) {
	case PLACE_SPECIAL:
		st->st_mode = p->special == SPECIAL_TOP || p->special == SPECIAL_HOST
				      ? S_IFDIR | 0555
			      : p->special == SPECIAL_KMSG ? S_IFREG | 0644
							   : S_IFLNK | 0777;
		st->st_nlink = S_ISDIR(st->st_mode) ? 2 : 1;
		stat_times(fs, st);
		break;
	case PLACE_MODEL:
	case PLACE_PROCESS:
		stat_entry(fs, &p->entry, st);
		stat_times(fs, st);
		break;
	case PLACE_GUEST: {
		int err = guest_stat(fs, &p->guest, st);

		if (err)
			return err;
		break;
	}
	case PLACE_NONE:
		return -ENOENT;
	}
	st->st_ino = place_ino(p);
	return 0;
}

double place_timeout(struct procfs *fs, const struct place *p)
{
	return p->class == PLACE_GUEST || p->class == PLACE_NONE ? 0 : fs->timeout;
}

/* ---- links ------------------------------------------------------------------ */

static int readlink_self(struct procfs *fs, int caller, bool thread, struct text *t)
{
	int tgid = guest_tgid(fs, caller);
	char name[16];

	if (!tgid)
		return -ENOENT;
	snprintf(name, sizeof(name), "%d", tgid);
	if (proc_lookup(fs->q, proc_root(), name).kind != PROC_NONE)
		text_putc(t, '.');
	text_puts(t, name);
	if (thread)
		text_printf(t, "/task/%d", caller);
	return 0;
}

int place_readlink(struct procfs *fs, const struct place *p, int caller, struct text *t)
{
	switch (p->class) {
	case PLACE_SPECIAL:
		if (p->special == SPECIAL_SELF || p->special == SPECIAL_THREAD_SELF)
			return readlink_self(fs, caller, p->special == SPECIAL_THREAD_SELF, t);
		return -EINVAL;
	case PLACE_MODEL:
	case PLACE_PROCESS:
		return p->entry.kind == PROC_LINK ? proc_read(fs->q, p->entry, t) : -EINVAL;
	case PLACE_GUEST:
		return guest_readlink(fs, &p->guest, t);
	case PLACE_NONE:
		break;
	}
	return -ENOENT;
}
