/* SPDX-License-Identifier: MIT */
/*
 * quire attach: the heap of a process that runs on libquire-malloc.so, as the
 * ordinary tools show a kernel's.
 *
 * The process's memory is read by process_vm_readv(), by the page that says where
 * everything is (malloc/state.h): nothing runs there, and nothing is written.  It
 * goes on meanwhile, and it may lie: each address is only read through that call,
 * each list is followed for so many steps, each name is printable.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "malloc/state.h"
#include "procfs/attach.h"

#define MOST_CACHES 1024u
#define MOST_SLABS  100000u

static const char attach_help[] =
	"usage: quire attach PID [-- COMMAND...]\n\n"
	"Runs COMMAND (slabtop -o, if none) where /proc/slabinfo, /proc/buddyinfo and\n"
	"/proc/meminfo show the heap of process PID, which runs on libquire-malloc.so, at\n"
	"the instant they are read.  All else of /proc is the system's.  The process must\n"
	"be yours; where the system forbids to trace others (ptrace_scope), be root.\n\n"
	"The exit status is COMMAND's; 1 if PID can't be read or runs on another malloc,\n"
	"2 if the call is wrong.\n\n"
	"Examples:\n"
	"  LD_PRELOAD=libquire-malloc.so redis-server &\n"
	"  quire attach $! -- slabtop\n"
	"  quire attach $! -- cat /proc/buddyinfo\n";

struct peer {
	pid_t pid;
	struct quire_malloc_state s;
};

static bool read_peer(const struct peer *p, uint64_t from, void *to, size_t bytes)
{
	struct iovec local = {to, bytes}, remote = {(void *)(uintptr_t)from, bytes};

	return process_vm_readv(p->pid, &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

static uint64_t word(const struct peer *p, uint64_t from)
{
	uint64_t v = 0;

	return read_peer(p, from, &v, sizeof(v)) ? v : 0;
}

static uint32_t half(const struct peer *p, uint64_t from)
{
	uint32_t v = 0;

	return read_peer(p, from, &v, sizeof(v)) ? v : 0;
}

/* ---- the files ------------------------------------------------------------------ */

struct out {
	char *buf;
	size_t len, cap;
};

static void put(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct out *o, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(o->buf + o->len, o->cap - o->len, fmt, args);
	va_end(args);
	if (n > 0)
		o->len += (size_t)n < o->cap - o->len ? (size_t)n : o->cap - o->len - 1;
}

/* Free objects of a node's partial slabs. */
static uint64_t count_partial(const struct peer *p, uint64_t node)
{
	uint64_t head = node + p->s.node_partial, at = word(p, head), nr = 0;

	for (unsigned int i = 0; at && at != head && i < MOST_SLABS; i++) {
		uint64_t page = at - p->s.page_lru;
		uint16_t objects = 0, inuse = 0;

		if (!read_peer(p, page + p->s.page_objects, &objects, sizeof(objects)) ||
		    !read_peer(p, page + p->s.page_inuse, &inuse, sizeof(inuse)))
			break;
		nr += inuse < objects ? (uint64_t)objects - inuse : 0;
		at = word(p, at);
	}
	return nr;
}

static void put_cache(const struct peer *p, struct out *o, uint64_t cache)
{
	uint64_t node = word(p, cache + p->s.cache_node0), total, slabs, idle;
	uint8_t order = 0, id = 0;
	char name[64] = "";

	(void)read_peer(p, cache + p->s.cache_order, &order, 1);
	(void)read_peer(p, cache + p->s.cache_sheaf_id, &id, 1);
	for (size_t i = 0; i < sizeof(name) - 1; i++) {
		char c = 0;

		if (!read_peer(p, word(p, cache + p->s.cache_name) + i, &c, 1) || !c)
			break;
		name[i] = isgraph((unsigned char)c) ? c : '?';
	}
	if (!name[0] || !node || order > 20)
		return;
	slabs = word(p, node + p->s.node_nr_slabs);
	total = word(p, node + p->s.node_total_objects);
	idle = id == p->s.no_sheaves ? count_partial(p, node) : word(p, cache + p->s.cache_nr_free);
	put(o, "%-17s %6lu %6lu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6lu %6lu %6u\n",
	    name, (unsigned long)(idle < total ? total - idle : 0), (unsigned long)total,
	    half(p, cache + p->s.cache_size), half(p, cache + p->s.cache_objects), 1u << order, 0,
	    0, 0, (unsigned long)slabs, (unsigned long)slabs, 0);
}

static bool still_there(const struct peer *p)
{
	return word(p, p->s.caches) != 0;
}

static long show_slabinfo(void *ctx, char *buf, size_t cap)
{
	const struct peer *p = ctx;
	struct out o = {buf, 0, cap};
	uint64_t at = word(p, p->s.caches);

	if (!still_there(p))
		return -ESRCH;
	put(&o, "slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> "
		": tunables <limit> <batchcount> <sharedfactor> "
		": slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned int i = 0; at && at != p->s.caches && i < MOST_CACHES; i++) {
		put_cache(p, &o, at - p->s.cache_list);
		at = word(p, at);
	}
	return (long)o.len;
}

static long show_buddyinfo(void *ctx, char *buf, size_t cap)
{
	const struct peer *p = ctx;
	struct out o = {buf, 0, cap};

	if (!still_there(p))
		return -ESRCH;
	put(&o, "Node 0, zone   Normal ");
	for (uint32_t i = 0; i < p->s.max_order && i < 32; i++)
		put(&o, "%6lu ",
		    (unsigned long)word(p, p->s.areas + i * p->s.area_bytes + p->s.area_nr_free));
	put(&o, "\n");
	return (long)o.len;
}

/* The heap as a machine: its memory is what it has taken from the system. */
static long show_meminfo(void *ctx, char *buf, size_t cap)
{
	const struct peer *p = ctx;
	struct out o = {buf, 0, cap};
	unsigned long used = word(p, p->s.used_pages) * 4, idle = word(p, p->s.dirty_pages) * 4;
	unsigned long mapped = word(p, p->s.mapped_bytes) >> 10;
	unsigned long blocks = word(p, p->s.block_bytes) >> 10;

	if (!still_there(p))
		return -ESRCH;
	put(&o,
	    "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n"
	    "Buffers:        %8lu kB\nCached:         %8lu kB\nSwapTotal:      %8lu kB\n"
	    "SwapFree:       %8lu kB\nMapped:         %8lu kB\nSlab:           %8lu kB\n"
	    "SReclaimable:   %8lu kB\nSUnreclaim:     %8lu kB\nVmallocTotal:   %8lu kB\n",
	    used + idle + mapped, idle, idle, 0UL, 0UL, 0UL, 0UL, mapped,
	    used > blocks ? used - blocks : 0, 0UL, used > blocks ? used - blocks : 0,
	    (unsigned long)(p->s.heap_bytes >> 10));
	return (long)o.len;
}

/* ---- the process ---------------------------------------------------------------- */

/* Finds the page by its mapping: 0, or 1 after a message. */
static int find_state(struct peer *p)
{
	char path[64], line[512];
	unsigned long start = 0;
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->pid);
	maps = fopen(path, "re");
	if (!maps) {
		fprintf(stderr, "quire: process %d: %s\n", (int)p->pid,
			errno == ENOENT ? "there is none" : strerror(errno));
		return 1;
	}
	while (!found && fgets(line, sizeof(line), maps))
		found = strstr(line, "/memfd:" QUIRE_STATE_NAME) &&
			sscanf(line, "%lx-", &start) == 1;
	fclose(maps);
	if (!found) {
		fprintf(stderr,
			"quire: process %d does not run on libquire-malloc.so; start it with\n"
			"LD_PRELOAD=libquire-malloc.so\n",
			(int)p->pid);
		return 1;
	}
	if (!read_peer(p, start, &p->s, sizeof(p->s))) {
		fprintf(stderr, "quire: process %d can't be read: %s%s\n", (int)p->pid,
			strerror(errno),
			errno == EPERM ? "; is it yours? See /proc/sys/kernel/yama/ptrace_scope"
				       : "");
		return 1;
	}
	if (p->s.magic != QUIRE_STATE_MAGIC || p->s.version != QUIRE_STATE_VERSION ||
	    p->s.size != sizeof(p->s)) {
		fprintf(stderr, "quire: process %d runs on another version of the library\n",
			(int)p->pid);
		return 1;
	}
	return 0;
}

int cmd_attach(int argc, char **argv)
{
	static char *const slabtop[] = {(char *)"slabtop", (char *)"-o", NULL};
	static const struct attach_file files[] = {{"slabinfo", show_slabinfo},
						   {"buddyinfo", show_buddyinfo},
						   {"meminfo", show_meminfo}};
	struct peer p = {0};
	char *end = NULL;
	long pid;

	if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(attach_help, stdout);
		return 0;
	}
	pid = argc >= 2 ? strtol(argv[1], &end, 10) : 0;
	if (pid <= 0 || pid > INT32_MAX || *end ||
	    (argc > 2 && (strcmp(argv[2], "--") || argc == 3))) {
		fputs(attach_help, stderr);
		return 2;
	}
	p.pid = (pid_t)pid;
	if (find_state(&p))
		return 1;
	return attach_run(files, sizeof(files) / sizeof(files[0]), &p,
			  argc > 3 ? argv + 3 : slabtop, stderr);
}
