/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: the files of the model's /proc and /sys, the processes, the log,
 * in the order and form in which the guest writes them.
 *
 * A file that is not there gives nothing, as in the guest.  The guest has the
 * control groups at /cg.
 */
#include <stdlib.h>
#include <string.h>

#include "base/printk.h"
#include "machine/text_grow.h"
#include "oracle/internal.h"
#include "oracle/snapshot_files.h"
#include "space/mm.h"

static unsigned long long now(struct run *r)
{
	return model_now(r->m);
}

/* ---- files ---------------------------------------------------------------------- */

struct proc_entry proc_place(struct run *r, const char *path)
{
	struct proc_entry e = {0};
	char part[128], whole[256];

	if (!strncmp(path, "/cg", 3) && (!path[3] || path[3] == '/')) {
		snprintf(whole, sizeof(whole), "/sys/fs/cgroup%s", path + 3);
		path = whole;
	}
	if (!strncmp(path, "/proc", 5) && (!path[5] || path[5] == '/')) {
		e = proc_root();
		path += 5;
	} else if (!strncmp(path, "/sys", 4) && (!path[4] || path[4] == '/')) {
		e = sysfs_root();
		path += 4;
	}
	for (;;) {
		size_t len;

		path += strspn(path, "/");
		if (!*path || e.kind != PROC_DIR)
			break;
		len = strcspn(path, "/");
		if (len >= sizeof(part))
			return (struct proc_entry){0};
		memcpy(part, path, len);
		part[len] = 0;
		e = proc_lookup(r->q, e, part);
		path += len;
	}
	return *path ? (struct proc_entry){0} : e;
}

s64 proc_slurp(struct run *r, const char *path)
{
	struct proc_entry e = proc_place(r, path);
	int err;

	if (e.kind != PROC_FILE)
		return e.kind == PROC_DIR ? -EISDIR : -ENOENT;
	text_init(&r->scratch, r->scratch.buf, r->scratch.cap);
	r->scratch.grow = text_grow;
	err = proc_read(r->q, e, &r->scratch);
	if (err)
		return err;
	if (!r->scratch.len)
		text_puts(&r->scratch, ""); /* a buffer at the least */
	return (s64)r->scratch.len;
}

int proc_put(struct run *r, const char *path, const char *value)
{
	struct proc_entry e = proc_place(r, path);
	s64 n;

	if (e.kind != PROC_FILE)
		return e.kind == PROC_DIR ? -EISDIR : -ENOENT;
	n = proc_write(r->q, e, value, strlen(value));
	return n < 0 ? (int)n : 0;
}

static void put_text(struct run *r)
{
	const struct text *t = &r->scratch;

	fwrite(t->buf, 1, t->len, r->out);
	if (t->len && t->buf[t->len - 1] != '\n')
		fputc('\n', r->out);
}

/*
 * What a snapshot takes the guest: a byte of a file that is put out, one file of a
 * folder, the files of a process, each page that its smaps_rollup walks over.  A
 * first one of 36 KB takes 7.3 ms, a short one of 13 KB 1.6 ms (scenario a-idle), one
 * with a process of 820 MiB 37 ms (f-frag).  Who was waiting for the processor runs
 * meanwhile.
 */
#define READ_BYTE_NS	140
#define READ_FILE_NS	30000
#define READ_PROCESS_NS 250000
#define WALK_PAGE_NS	140

void dump(struct run *r, const char *path)
{
	s64 len = proc_slurp(r, path);

	if (len < 0)
		return;
	outf(r, "@@file %s\n", path);
	put_text(r);
	model_compute(r->m, (u64)len * READ_BYTE_NS);
}

struct names {
	char (*name)[64];
	u32 n;
	bool dirs;
};

static bool add_name(void *ctx, const char *name, struct proc_entry e)
{
	struct names *names = ctx;

	if (e.kind == (names->dirs ? PROC_DIR : PROC_FILE) && strlen(name) < 64 && *name != '.')
		strcpy(names->name[names->n++], name);
	return names->n < 128;
}

u32 list_dir(struct run *r, const char *dir, bool dirs, char list[128][64])
{
	struct proc_entry e = proc_place(r, dir);
	struct names names = {list, 0, dirs};

	if (e.kind == PROC_DIR)
		proc_readdir(r->q, e, add_name, &names);
	qsort(list, names.n, 64, (int (*)(const void *, const void *))strcmp);
	return names.n;
}

/* Every one-line file of a directory as a line "name value". */
void dump_dir(struct run *r, const char *dir)
{
	char names[128][64], path[256];
	u32 n;

	if (proc_place(r, dir).kind != PROC_DIR)
		return;
	n = list_dir(r, dir, false, names);
	outf(r, "@@file %s/\n", dir);
	for (u32 i = 0; i < n; i++) {
		char *b;
		s64 len;

		/* Reading it makes the kernel compute the reserves anew: see "settle". */
		if (!strcmp(names[i], "lowmem_reserve_ratio"))
			continue;
		snprintf(path, sizeof(path), "%.180s/%.63s", dir, names[i]);
		len = proc_slurp(r, path);
		if (len < 0)
			continue;
		b = r->scratch.buf;
		len = min_t(s64, len, 511);
		b[len] = 0;
		while (len > 0 && b[len - 1] == '\n')
			b[--len] = 0;
		for (char *q = b; *q; q++)
			if (*q == '\n')
				*q = '|';
		outf(r, "%s %s\n", names[i], b);
		model_compute(r->m, READ_FILE_NS);
	}
}

void dump_dmesg(struct run *r)
{
	struct printk_record rec;
	char b[1024];
	u64 seq = 0;

	outf(r, "@@file dmesg\n");
	while (printk_read(r->q, seq, &rec, b, sizeof(b))) {
		u64 us = rec.time_ns / 1000;

		outf(r, "[%5llu.%06llu] %.*s\n", (unsigned long long)us / 1000000,
		     (unsigned long long)us % 1000000, (int)rec.len, rec.text);
		seq = rec.seq + 1;
	}
}

/* ---- a process ------------------------------------------------------------------ */

/* " prefixKEY=NUMBER" of each key that the text has on a line of its own. */
static void pick(struct run *r, const char *prefix, const char *const *keys)
{
	for (; *keys; keys++) {
		size_t len = strlen(*keys);

		for (const char *line = r->scratch.buf; line;
		     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
			if (strncmp(line, *keys, len) || line[len] != ':')
				continue;
			outf(r, " %s%s=%lu", prefix, *keys, strtoul(line + len + 1, NULL, 10));
			break;
		}
	}
}

static void snap_proc(struct run *r, const struct worker *w)
{
	static const char *const status[] = {SNAP_STATUS, NULL};
	static const char *const rollup[] = {SNAP_ROLLUP, NULL};
	static const char *const number[] = {SNAP_NUMBERS};
	const struct mm_struct *mm = w->task->mm;
	unsigned long minflt, majflt;
	char path[96];

	outf(r, "@@proc %s pid=%d", w->name, w->pid);
	snprintf(path, sizeof(path), "/proc/%d/status", w->pid);
	if (proc_slurp(r, path) > 0)
		pick(r, "", status);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", w->pid, number[i]);
		if (proc_slurp(r, path) > 0)
			outf(r, " %s=%ld", number[i], strtol(r->scratch.buf, NULL, 10));
	}
	/* Exact, unlike the counters in status. */
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", w->pid);
	if (proc_slurp(r, path) > 0)
		pick(r, "smaps.", rollup);
	snprintf(path, sizeof(path), "/proc/%d/stat", w->pid);
	if (proc_slurp(r, path) > 0) {
		const char *q = strrchr(r->scratch.buf, ')');

		if (q &&
		    sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &minflt, &majflt) == 2)
			outf(r, " minflt=%lu majflt=%lu", minflt, majflt);
	}
	outf(r, "\n");
	if (mm)
		model_compute(r->m,
			      READ_PROCESS_NS + (get_mm_rss(mm) + get_mm_counter(mm, MM_SWAPENTS)) *
							WALK_PAGE_NS);
}

/* ---- nodes and groups ------------------------------------------------------------ */

static void snap_nodes(struct run *r, bool full)
{
	static const char *const files[] = {SNAP_NODE_FILES};
	static const char *const sizes[] = {SNAP_HUGE_SIZES};
	char path[96];

	for (int node = 0; node < 64; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
		if (proc_place(r, path).kind != PROC_DIR)
			continue;
		for (int j = 0; j < (full ? 4 : 2); j++) {
			snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/%s", node,
				 files[j]);
			dump(r, path);
		}
		for (int j = 0; full && j < 2; j++) {
			snprintf(path, sizeof(path),
				 "/sys/devices/system/node/node%d/hugepages/hugepages-%s", node,
				 sizes[j]);
			dump_dir(r, path);
		}
	}
}

static void snap_groups(struct run *r)
{
	static const char *const files[] = {SNAP_GROUP_FILES};
	char path[128];

	for (u32 i = 0; i < r->nr_groups; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(files); j++) {
			snprintf(path, sizeof(path), "/cg/%.31s/%s", r->groups[i], files[j]);
			dump(r, path);
		}
	}
}

/* ---- a snapshot ------------------------------------------------------------------ */

static void dump_all(struct run *r, const char *const *paths)
{
	for (; *paths; paths++)
		dump(r, *paths);
}

static void snap_full(struct run *r)
{
	static const char *const files[] = {SNAP_FULL_FILES, NULL};
	static const char *const dirs[] = {SNAP_FULL_DIRS, NULL};

	dump_all(r, files);
	for (const char *const *d = dirs; *d; d++)
		dump_dir(r, *d);
}

static void stated(struct run *r, const char *path, const char *text)
{
	if (text)
		outf(r, "@@file %s\n%s\n", path, text);
	else
		dump(r, path);
}

static void snap_machine(struct run *r)
{
	stated(r, "/proc/version", r->profile.version);
	stated(r, "/proc/cmdline", r->profile.cmdline);
	dump(r, "/proc/iomem");
	dump(r, "/proc/cpuinfo");
	dump_dir(r, "/proc/sys/vm");
	dump(r, "/proc/filesystems");
	dump(r, "/proc/partitions");
	dump_dir(r, "/sys/kernel/mm/lru_gen");
}

/* The counters of each processor are folded in before they are read. */
static void begin(struct run *r, const char *label)
{
	(void)proc_put(r, "/proc/sys/vm/stat_refresh", "1");
	outf(r, "@@snap %s ns=%llu\n", label, now(r));
}

void snap(struct run *r, const char *label, bool lite)
{
	static const char *const always[] = {SNAP_ALWAYS, NULL};

	begin(r, label);
	dump_all(r, always);
	if (!lite)
		snap_full(r);
	if (!r->later)
		snap_machine(r);
	r->later = true;
	snap_nodes(r, !lite);
	snap_groups(r);
	reap(r);
	for (u32 i = 0; i < r->nr_workers; i++)
		if (r->workers[i]->alive)
			snap_proc(r, r->workers[i]);
	outf(r, "@@endsnap ns=%llu\n", now(r));
}

void snap_vmstat(struct run *r, const char *label)
{
	begin(r, label);
	dump(r, "/proc/vmstat");
	outf(r, "@@endsnap ns=%llu\n", now(r));
}
