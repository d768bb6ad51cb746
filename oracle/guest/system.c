/* SPDX-License-Identifier: MIT */
/*
 * Commands to the machine itself.  Each returns 0 or -errno, which becomes the
 * "@@ok" line; DONE where it printed what there is to say.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

/* The disks by the names that a scenario gives them. */
static struct {
	char name[16], path[48];
} devices[8];
static int nr_devices;

static const char *device_path(const char *name)
{
	for (int i = 0; i < nr_devices; i++)
		if (!strcmp(devices[i].name, name))
			return devices[i].path;
	return name;
}

static int do_device(char **word, int n)
{
	(void)n;
	if (nr_devices == 8)
		return -ENOSPC;
	snprintf(devices[nr_devices].name, sizeof(devices[0].name), "%s", word[1]);
	snprintf(devices[nr_devices++].path, sizeof(devices[0].path), "%s", word[2]);
	return DONE;
}

/*
 * A device-mapper "delay" over a device: its answers come later, by a timer of
 * the guest, so that a disk with latency stays deterministic.
 */
static int do_delay(char **word, int n)
{
	static const unsigned long steps[] = {DM_DEV_CREATE, DM_TABLE_LOAD, DM_DEV_SUSPEND};
	static union {
		struct dm_ioctl d;
		char b[1024];
	} u;
	static int nr;
	const char *dev = device_path(word[1]);
	int fd = open(dev, O_RDONLY | O_CLOEXEC);
	off_t size;

	(void)n;
	if (fd < 0)
		return -errno;
	size = lseek(fd, 0, SEEK_END);
	close(fd);
	fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		memset(&u, 0, sizeof(u));
		u.d.version[0] = 4;
		u.d.data_size = sizeof(u);
		u.d.data_start = sizeof(u.d);
		snprintf(u.d.name, sizeof(u.d.name), "delay%d", nr);
		if (steps[i] == DM_TABLE_LOAD) {
			struct dm_target_spec *t = (void *)(u.b + sizeof(u.d));

			u.d.target_count = 1;
			t->length = size / 512;
			strcpy(t->target_type, "delay");
			snprintf((char *)(t + 1), 200, "%s 0 %d %s 0 %d", dev, atoi(word[2]), dev,
				 atoi(word[3]));
		}
		if (ioctl(fd, steps[i], &u)) {
			int err = -errno;

			close(fd);
			return err;
		}
	}
	close(fd);
	for (int i = 0; i < nr_devices; i++)
		if (!strcmp(devices[i].name, word[1]))
			snprintf(devices[i].path, sizeof(devices[i].path), "/dev/dm-%d", nr);
	nr++;
	return 0;
}

/* swapon with mkswap's header written first. */
static int do_swapon(char **word, int n)
{
	static char first[4096] __attribute__((aligned(4096)));
	const char *dev = option(word, n, "dev"), *prio = option(word, n, "prio");
	uint64_t bytes = size_of(word[1]);
	uint32_t *head = (uint32_t *)(first + 1024);
	int fd, err, flags = 0;
	off_t size;

	dev = device_path(dev ? dev : "swap0");
	fd = open(dev, O_RDWR | O_CLOEXEC | O_SYNC);
	if (fd < 0)
		return -errno;
	size = lseek(fd, 0, SEEK_END);
	if (!bytes || bytes > (uint64_t)size)
		bytes = size;
	memset(first, 0, sizeof(first));
	head[0] = 1;		    /* version */
	head[1] = bytes / PAGE - 1; /* last page */
	memcpy(first + sizeof(first) - 10, "SWAPSPACE2", 10);
	err = pwrite(fd, first, sizeof(first), 0) == (ssize_t)sizeof(first) ? 0 : -errno;
	fsync(fd);
	close(fd);
	if (err)
		return err;
	if (prio && atoi(prio) >= 0)
		flags = SWAP_FLAG_PREFER | (atoi(prio) & SWAP_FLAG_PRIO_MASK);
	return swapon(dev, flags) ? -errno : 0;
}

static int do_swapoff(char **word, int n)
{
	return swapoff(device_path(n > 1 ? word[1] : "swap0")) ? -errno : 0;
}

/* mount TYPE [OPTIONS] [at=DIR]; a disk's file system is that of the data disk. */
static int do_mount(char **word, int n)
{
	const char *type = n > 1 ? word[1] : "ext4", *at = option(word, n, "at");
	const char *opts = n > 2 && strncmp(word[2], "at=", 3) ? word[2] : NULL;

	if (!at)
		at = "/data";
	mkdir(at, 0755);
	return mount(device_path("data"), at, type, 0, opts) ? -errno : 0;
}

static void join(char *val, size_t cap, char **word, int from, int n)
{
	size_t at = 0;

	val[0] = 0;
	for (int i = from; i < n && at < cap; i++)
		at += snprintf(val + at, cap - at, "%s%s", i > from ? " " : "", word[i]);
}

static int do_sysctl(char **word, int n)
{
	char path[128], val[256];

	snprintf(path, sizeof(path), "/proc/sys/%s", word[1]);
	for (char *q = path + 10; *q && !strchr(word[1], '/'); q++)
		if (*q == '.')
			*q = '/';
	join(val, sizeof(val), word, 2, n);
	return put(path, val);
}

static int do_write(char **word, int n)
{
	char val[256];

	join(val, sizeof(val), word, 2, n);
	return put(word[1], val);
}

static int do_hugepages(char **word, int n)
{
	const char *size = option(word, n, "size"), *node = option(word, n, "node");
	char path[128];

	if (!size)
		size = "2048kB";
	if (node)
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%s/hugepages/hugepages-%s/nr_hugepages",
			 node, size);
	else
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages",
			 size);
	return put(path, word[1]);
}

/* A group below a group: the one above must hand the controller down. */
static int do_cgcreate(char **word, int n)
{
	char path[96], ctl[128];

	(void)n;
	snprintf(path, sizeof(path), "/cg/%s", word[1]);
	if (strchr(word[1], '/')) {
		snprintf(ctl, sizeof(ctl), "%.*s/cgroup.subtree_control",
			 (int)(strrchr(path, '/') - path), path);
		put(ctl, "+memory");
	}
	if (mkdir(path, 0755))
		return -errno;
	remember_group(word[1]);
	return 0;
}

static int do_cgset(char **word, int n)
{
	char path[128], val[256];

	snprintf(path, sizeof(path), "/cg/%s/%s", word[1], word[2]);
	join(val, sizeof(val), word, 3, n);
	return put(path, val);
}

/* cgmove PROC GROUP: what it has stays charged where it was. */
static int do_cgmove(char **word, int n)
{
	struct proc *p = find_proc(word[1]);
	char path[96], val[16];

	(void)n;
	if (!p || !p->alive)
		return -ESRCH;
	collect(p);
	snprintf(path, sizeof(path), "/cg/%s/cgroup.procs", strcmp(word[2], "/") ? word[2] : "");
	snprintf(val, sizeof(val), "%d", p->pid);
	return put(path, val);
}

static int do_drop_caches(char **word, int n)
{
	sync();
	return put("/proc/sys/vm/drop_caches", n > 1 ? word[1] : "3");
}

static int do_settle(char **word, int n)
{
	(void)word, (void)n;
	dump("/proc/sys/vm/lowmem_reserve_ratio");
	return 0;
}

static int do_compact(char **word, int n)
{
	(void)word, (void)n;
	return put("/proc/sys/vm/compact_memory", "1");
}

static int do_sync(char **word, int n)
{
	(void)word, (void)n;
	sync();
	return 0;
}

static int do_sleep(char **word, int n)
{
	unsigned long long ms = strtoull(word[1], NULL, 0);
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	(void)n;
	nanosleep(&t, NULL);
	reap();
	return 0;
}

static int do_wait(char **word, int n)
{
	(void)word, (void)n;
	for (int i = 0; i < nr_procs; i++)
		collect(&procs[i]);
	reap();
	return 0;
}

/* ---- what writes its own answer ---------------------------------------------- */

static const char *label(char **word, int n)
{
	return n > 1 ? word[1] : "-";
}

static int do_snap(char **word, int n)
{
	snap(label(word, n), has_word(word, n, "lite"));
	return DONE;
}

static int do_vmstat(char **word, int n)
{
	snap_vmstat(label(word, n));
	return DONE;
}

static int do_capture(char **word, int n)
{
	capture(label(word, n));
	return DONE;
}

static int do_cat(char **word, int n)
{
	(void)n;
	dump(word[1]);
	return DONE;
}

static int do_dmesg(char **word, int n)
{
	(void)word, (void)n;
	dump_dmesg();
	return DONE;
}

static int do_pageflags(char **word, int n)
{
	dump_pageflags(label(word, n));
	return 0;
}

/* trace KB GROUP:EVENT... */
static int do_trace(char **word, int n)
{
	char path[160];
	int err = put("/sys/kernel/tracing/buffer_size_kb", word[1]);

	put("/sys/kernel/tracing/trace_clock", "mono");
	for (int i = 2; i < n; i++) {
		char *colon = strchr(word[i], ':');
		int e;

		if (colon)
			*colon = '/';
		snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/enable", word[i]);
		e = put(path, "1");
		if (e)
			err = e;
	}
	put("/sys/kernel/tracing/trace", "");
	put("/sys/kernel/tracing/tracing_on", "1");
	return err;
}

static int do_tracedump(char **word, int n)
{
	(void)word, (void)n;
	put("/sys/kernel/tracing/tracing_on", "0");
	dump("/sys/kernel/tracing/trace");
	return DONE;
}

static int do_traceoff(char **word, int n)
{
	(void)word, (void)n;
	put("/sys/kernel/tracing/tracing_on", "0");
	put("/sys/kernel/tracing/events/enable", "0");
	return 0;
}

static const struct {
	const char *name;
	int words; /* at least, with the name */
	int (*act)(char **word, int n);
} commands[] = {
	{"device", 3, do_device},
	{"snap", 1, do_snap},
	{"vmstat", 1, do_vmstat},
	{"capture", 1, do_capture},
	{"cat", 2, do_cat},
	{"sleep", 2, do_sleep},
	{"sysctl", 3, do_sysctl},
	{"write", 3, do_write},
	{"swapon", 2, do_swapon},
	{"swapoff", 1, do_swapoff},
	{"delay", 4, do_delay},
	{"mount", 1, do_mount},
	{"hugepages", 2, do_hugepages},
	{"drop_caches", 1, do_drop_caches},
	{"settle", 1, do_settle},
	{"compact", 1, do_compact},
	{"sync", 1, do_sync},
	{"dmesg", 1, do_dmesg},
	{"cgcreate", 2, do_cgcreate},
	{"cgset", 4, do_cgset},
	{"cgmove", 3, do_cgmove},
	{"trace", 3, do_trace},
	{"tracedump", 1, do_tracedump},
	{"traceoff", 1, do_traceoff},
	{"pageflags", 1, do_pageflags},
	{"wait", 1, do_wait},
};

int system_command(char **word, int n)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(word[0], commands[i].name) && n >= commands[i].words)
			return commands[i].act(word, n);
	return NOT_MINE;
}
