/* SPDX-License-Identifier: MIT */
/*
 * What a capture's files say, as numbers.
 *
 * Files of Linux 2.6 to 6.x are understood: lines are found by their names, and
 * names that are not known are passed over.  What a machine is built from is
 * checked here (a zone manages no more than it has, free blocks are no more
 * than the zone, a process's number is one), so that capture_build.c can trust
 * it; a fault is reported with the capture's line and with a mend.
 */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/capture_parse.h"
#include "port/model/keep.h"

/* "name value" or "name: value unit" lines of a whole file. */
static struct cap_value *parse_values(struct parser *ps, const char *path, unsigned int *nr)
{
	struct cap_value *values;
	unsigned int cap = 0;

	*nr = 0;
	if (!cap_open(ps, path))
		return NULL;
	for (size_t i = 0; i < ps->r->len; i++)
		cap += ps->r->text[i] == '\n';
	values = keep_calloc(cap + 1, sizeof(*values));
	while (values && cap_next_line(ps)) {
		const char *p = ps->line;
		u64 v;

		while (p < ps->end && *p != ' ' && *p != ':' && *p != '\t')
			p++;
		values[*nr].name = ps->line;
		values[*nr].name_len = (size_t)(p - ps->line);
		if (p < ps->end && *p == ':')
			p++;
		if (cap_take_u64(&p, ps->end, &v) && *nr <= cap)
			values[(*nr)++].v = v;
	}
	return values;
}

static bool find_value(const struct cap_value *values, unsigned int nr, const char *name,
		       unsigned long *v)
{
	size_t n = strlen(name);

	for (unsigned int i = 0; i < nr; i++) {
		if (values[i].name_len != n || memcmp(values[i].name, name, n))
			continue;
		*v = values[i].v;
		return true;
	}
	return false;
}

bool cap_meminfo(const struct cap_machine *cm, const char *name, unsigned long *v)
{
	return find_value(cm->meminfo, cm->nr_meminfo, name, v);
}

bool cap_vmstat(const struct cap_machine *cm, const char *name, unsigned long *v)
{
	return find_value(cm->vmstat, cm->nr_vmstat, name, v);
}

/* ---- nodes, CPUs ------------------------------------------------------------ */

/* How many numbers "0-3,8" names; they are below 8192. */
static unsigned int list_count(const char *p, const char *end)
{
	unsigned int n = 0;
	u64 a, b;

	while (cap_take_u64(&p, end, &a)) {
		b = a;
		if (p < end && *p == '-') {
			p++;
			if (!cap_take_u64(&p, end, &b))
				break;
		}
		if (b >= 8192 || b < a)
			break;
		n += (unsigned int)(b - a + 1);
		if (p < end && *p == ',')
			p++;
	}
	return n;
}

static void parse_nodes(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	unsigned int cpus = 0, in_stat = 0;
	char path[80];

	for (unsigned int nid = 0; nid < QUIRE_MAX_NODES; nid++) {
		struct cap_node *n = &cm->node[nid];

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", nid);
		if (cap_open(ps, path) && cap_next_line(ps)) {
			n->nr_cpus = list_count(ps->line, ps->end);
			n->exists = true;
			cm->nr_nodes = max(cm->nr_nodes, nid + 1);
			cpus += n->nr_cpus;
		}
	}
	for (unsigned int nid = 0; nid < cm->nr_nodes; nid++) {
		unsigned int to = 0;
		const char *p;
		u64 v;

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/distance", nid);
		if (!cap_open(ps, path) || !cap_next_line(ps))
			continue;
		/* One number for each node that exists. */
		for (p = ps->line; to < cm->nr_nodes && cap_take_u64(&p, ps->end, &v); to++) {
			while (to < cm->nr_nodes && !cm->node[to].exists)
				to++;
			if (to < cm->nr_nodes && v < 256)
				cm->node[nid].distance[to] = (u8)v;
		}
	}
	if (cap_open(ps, "/proc/stat"))
		while (cap_next_line(ps))
			in_stat += ps->end - ps->line > 4 && !memcmp(ps->line, "cpu", 3) &&
				   ps->line[3] >= '0' && ps->line[3] <= '9';
	if (!cpus) {
		/* Without nodes' lists: all CPUs are on the first with memory. */
		unsigned int home = cm->nr_zones ? cm->zones[0].nid : 0;

		cm->node[home].nr_cpus = clamp(in_stat, 1u, (unsigned int)QUIRE_MAX_CPUS);
	} else if (cpus > QUIRE_MAX_CPUS) {
		fprintf(ps->err, "%s: has %u CPUs; a model has up to %d\n", ps->c->name, cpus,
			QUIRE_MAX_CPUS);
		ps->faults++;
	}
}

static void parse_machine(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	const char *p;
	u64 v, hundredths = 0;

	cm->meminfo = parse_values(ps, "/proc/meminfo", &cm->nr_meminfo);
	cm->vmstat = parse_values(ps, "/proc/vmstat", &cm->nr_vmstat);
	if (cap_open(ps, "/proc/uptime") && cap_next_line(ps)) {
		p = ps->line;
		if (cap_take_u64(&p, ps->end, &v) && v < (1UL << 31)) {
			if (p + 2 < ps->end && *p == '.')
				hundredths = (u64)(p[1] - '0') % 10 * 10 + (u64)(p[2] - '0') % 10;
			cm->uptime_ns = v * NSEC_PER_SEC + hundredths * 10000000;
		}
	}
	if (cap_open(ps, "/proc/stat"))
		while (cap_next_line(ps))
			if (cap_line_value(ps, "btime", &v) && v < (1UL << 40))
				cm->btime = (s64)v;
	if (cap_open(ps, "/proc/version") && cap_next_line(ps) &&
	    (p = cap_word(ps->line, ps->end, "Linux version ")))
		snprintf(cm->release, sizeof(cm->release), "%.*s", (int)strcspn(p, " \n"), p);
	if (cap_open(ps, "/proc/sys/kernel/hostname") && cap_next_line(ps))
		snprintf(cm->hostname, sizeof(cm->hostname), "%.*s", (int)(ps->end - ps->line),
			 ps->line);
	for (char *c = cm->hostname; *c; c++)
		if (*c <= ' ' || *c >= 127)
			*c = '-';
}

static void parse_events(struct parser *ps)
{
#define EVENT_NAME(item, name) [item] = name,
	static const char *const names[] = {VM_EVENT_ITEMS(EVENT_NAME)};
	struct cap_machine *cm = ps->cm;

	cm->events = keep_calloc(NR_VM_EVENT_ITEMS, sizeof(*cm->events));
	for (size_t i = 0; cm->events && i < ARRAY_SIZE(names); i++)
		if (!cap_vmstat(cm, names[i], &cm->events[i]))
			cm->events[i] = ~0UL;
}

/* ---- slabs, swap ------------------------------------------------------------ */

static bool known_reclaimable(const char *name)
{
	static const char *const names[] = {"dentry",	   "radix_tree_node",
					    "buffer_head", "ext4_extent_status",
					    "xfs_ili",	   "jbd2_"};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return (n > 11 && !strcmp(name + n - 11, "inode_cache")) ||
	       !strncmp(name, "kmalloc-rcl", 11);
}

static void parse_slabs(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;
	unsigned int cap = 0;

	if (!cap_open(ps, "/proc/slabinfo"))
		return;
	while (cap_next_line(ps)) {
		u64 active, num, size, objects, pages, v = 0;
		const char *p = ps->line, *slabdata, *name = p;
		struct cap_slab *s;
		char path[160];
		const struct capture_record *flag;

		if (cap_word(p, ps->end, "slabinfo - version") || *p == '#')
			continue;
		while (p < ps->end && *p != ' ')
			p++;
		slabdata = memmem(p, (size_t)(ps->end - p), ": slabdata", 10);
		if (p == name || p - name > 63 || !cap_take_u64(&p, ps->end, &active) ||
		    !cap_take_u64(&p, ps->end, &num) || !cap_take_u64(&p, ps->end, &size) ||
		    !cap_take_u64(&p, ps->end, &objects) || !cap_take_u64(&p, ps->end, &pages) ||
		    !slabdata || cm->nr_slabs == MAX_SLABS) {
			cap_fault(ps, "no line of slabinfo 2.1; " AGAIN);
			continue;
		}
		slabdata += 10;
		if (!cap_take_u64(&slabdata, ps->end, &v) ||
		    !cap_take_u64(&slabdata, ps->end, &v) || active > num || num > MAX_PFN ||
		    v > MAX_PFN || size > (64UL << 20) || !size || !objects || objects > 65535 ||
		    !pages || pages > MAX_ORDER_NR_PAGES || (pages & (pages - 1))) {
			cap_fault(ps, "cache \"%.*s\" has numbers that can't be; " AGAIN,
				  (int)strcspn(name, " "), name);
			continue;
		}
		if (cm->nr_slabs == cap) {
			struct cap_slab *more = keep_realloc(
				cm->slabs, (cap = cap ? 2 * cap : 256) * sizeof(*more));

			if (!more)
				return;
			cm->slabs = more;
		}
		s = &cm->slabs[cm->nr_slabs++];
		*s = (struct cap_slab){strndup(name, strcspn(name, " ")),
				       active,
				       num,
				       v,
				       (unsigned int)size,
				       (unsigned int)objects,
				       (unsigned int)pages,
				       false};
		if (!s->name)
			return;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/reclaim_account", s->name);
		flag = capture_find(ps->c, path);
		s->reclaimable = flag ? flag->text[0] == '1' : known_reclaimable(s->name);
	}
}

static void parse_swaps(struct parser *ps)
{
	struct cap_machine *cm = ps->cm;

	if (!cap_open(ps, "/proc/swaps"))
		return;
	cm->swaps = keep_calloc(MAX_SWAPFILES, sizeof(*cm->swaps));
	while (cm->swaps && cap_next_line(ps)) {
		struct cap_swap *s = &cm->swaps[cm->nr_swaps];
		const char *p = ps->line, *type;
		u64 size, used;
		long prio;

		if (cap_word(p, ps->end, "Filename"))
			continue;
		while (p < ps->end && *p != ' ' && *p != '\t')
			p++;
		if (p == ps->line)
			continue;
		type = cap_skip_blank(p, ps->end);
		s->is_file = cap_word(type, ps->end, "file") != NULL;
		s->name = strndup(ps->line, (size_t)(p - ps->line));
		p = type;
		while (p < ps->end && *p != ' ' && *p != '\t')
			p++;
		if (cm->nr_swaps == MAX_SWAPFILES || !cap_take_u64(&p, ps->end, &size) ||
		    !cap_take_u64(&p, ps->end, &used) || !cap_take_long(&p, ps->end, &prio) ||
		    used > size || size > MAX_PFN * 4 || prio < -32768 || prio > 32767) {
			cap_fault(ps, "a swap area has a size, a part of it that is used, and a "
				      "priority; " AGAIN);
			keep_free(s->name);
			s->name = NULL;
			continue;
		}
		s->size_kb = size;
		s->used_kb = used;
		s->prio = (int)prio;
		cm->nr_swaps++;
	}
}

/* ---- processes -------------------------------------------------------------- */

static void parse_status(struct parser *ps, struct cap_process *p)
{
	const struct {
		const char *name;
		unsigned long *to;
	} fields[] = {
		{"VmPeak:", &p->vm_peak},
		{"VmSize:", &p->vm_size},
		{"VmLck:", &p->vm_lck},
		{"VmHWM:", &p->vm_hwm},
		{"VmRSS:", &p->vm_rss},
		{"RssAnon:", &p->rss_anon},
		{"RssFile:", &p->rss_file},
		{"RssShmem:", &p->rss_shmem},
		{"VmData:", &p->vm_data},
		{"VmStk:", &p->vm_stk},
		{"VmExe:", &p->vm_exe},
		{"VmLib:", &p->vm_lib},
		{"VmPTE:", &p->vm_pte},
		{"VmSwap:", &p->vm_swap},
		{"voluntary_ctxt_switches:", &p->nvcsw},
		{"nonvoluntary_ctxt_switches:", &p->nivcsw},
	};
	const char *q;
	u64 v;

	p->kthread = true;
	while (cap_next_line(ps)) {
		if ((q = cap_word(ps->line, ps->end, "Name:"))) {
			q = cap_skip_blank(q, ps->end);
			snprintf(p->comm, sizeof(p->comm), "%.*s", (int)(ps->end - q), q);
		} else if ((q = cap_word(ps->line, ps->end, "State:"))) {
			q = cap_skip_blank(q, ps->end);
			p->state = q < ps->end ? *q : 'S';
		} else if (cap_line_value(ps, "PPid:", &v) && v < CAPTURE_PID_MAX) {
			p->ppid = (int)v;
		} else if (cap_line_value(ps, "Uid:", &v)) {
			p->uid = (unsigned int)v;
		} else if (cap_line_value(ps, "Gid:", &v)) {
			p->gid = (unsigned int)v;
		} else if (cap_line_value(ps, "Threads:", &v)) {
			p->nr_threads = (unsigned int)clamp(v, 1UL, 1UL << 20);
		}
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
			if (!cap_line_value(ps, fields[i].name, &v))
				continue;
			if (i < 14 && v > MAX_PFN * 4 && strcmp(fields[i].name, "VmSize:") &&
			    strcmp(fields[i].name, "VmPeak:") && strcmp(fields[i].name, "VmData:"))
				cap_fault(ps,
					  "%s %" PRIu64 " kB is more than any machine has; " AGAIN,
					  fields[i].name, v);
			else
				*fields[i].to = v;
		}
		if (cap_word(ps->line, ps->end, "VmSize:"))
			p->kthread = false;
	}
}

/* The fields of stat behind the name in parentheses. */
static void parse_stat_fields(struct parser *ps, struct cap_process *pr)
{
	long field[52] = {0};
	const char *p;

	if (!cap_next_line(ps))
		return;
	p = memrchr(ps->line, ')', (size_t)(ps->end - ps->line));
	if (!p || p + 3 > ps->end)
		return;
	p += 3; /* ") S" */
	for (int i = 4; i <= 41 && cap_take_long(&p, ps->end, &field[i]); i++)
		;
	pr->min_flt = (unsigned long)field[10];
	pr->cmin_flt = (unsigned long)field[11];
	pr->maj_flt = (unsigned long)field[12];
	pr->cmaj_flt = (unsigned long)field[13];
	pr->utime = (unsigned long)field[14];
	pr->stime = (unsigned long)field[15];
	pr->nice = (int)clamp(field[19], -20L, 19L);
	pr->starttime = (unsigned long)field[22];
	pr->processor = (int)clamp(field[39], 0L, 8191L);
	pr->rt_priority = (int)clamp(field[40], 0L, 99L);
}

static bool open_of(struct parser *ps, int pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return cap_open(ps, path);
}

static void parse_process(struct parser *ps, struct cap_process *p, int pid)
{
	long v;

	*p = (struct cap_process){
		.pid = pid, .state = 'S', .nr_threads = 1, .oom_score = -1, .pss_anon = ~0UL};
	if (open_of(ps, pid, "status"))
		parse_status(ps, p);
	/* Before 4.5 the parts of VmRSS were not told apart. */
	if (!p->rss_anon && !p->rss_file && !p->rss_shmem)
		p->rss_anon = p->vm_rss;
	if (open_of(ps, pid, "stat"))
		parse_stat_fields(ps, p);
	if (open_of(ps, pid, "cmdline")) {
		p->cmdline = ps->r->text;
		p->cmdline_len = (unsigned int)min(ps->r->len, (size_t)4096);
	}
	if (open_of(ps, pid, "oom_score_adj") && cap_next_line(ps) &&
	    cap_take_long(&ps->line, ps->end, &v))
		p->oom_score_adj = (int)clamp(v, -1000L, 1000L);
	if (open_of(ps, pid, "oom_score") && cap_next_line(ps) &&
	    cap_take_long(&ps->line, ps->end, &v))
		p->oom_score = v;
	if (open_of(ps, pid, "cgroup")) {
		while (cap_next_line(ps)) {
			const char *q = cap_word(ps->line, ps->end, "0::");

			if (q) {
				p->cgroup = q;
				p->cgroup_len = (size_t)(ps->end - q);
			}
		}
	}
	if (open_of(ps, pid, "smaps_rollup")) {
		u64 pss;

		while (cap_next_line(ps))
			if (cap_line_value(ps, "Pss_Anon:", &pss))
				p->pss_anon = pss;
	}
	if (open_of(ps, pid, "task"))
		p->tids = ps->r;
}

static int by_pid(const void *a, const void *b)
{
	return ((const struct cap_process *)a)->pid - ((const struct cap_process *)b)->pid;
}

static void parse_processes(struct parser *ps)
{
	const struct capture_record *r;
	size_t n = capture_prefix(ps->c, "/proc/", &r), cap = 0;
	struct cap_machine *cm = ps->cm;

	for (; n--; r++) {
		const char *p = r->path + 6, *end = r->path + strlen(r->path);
		u64 pid;

		if (!r->text || !cap_take_u64(&p, end, &pid) || strcmp(p, "/status"))
			continue;
		ps->r = r;
		ps->nr = r->line;
		if (!pid || pid >= CAPTURE_PID_MAX || cm->nr_processes == MAX_PROCESSES) {
			cap_fault(ps, "no number of a process: they go from 1 to %d",
				  CAPTURE_PID_MAX - 1);
			continue;
		}
		if (cm->nr_processes == cap) {
			struct cap_process *more = keep_realloc(
				cm->processes, (cap = cap ? 2 * cap : 256) * sizeof(*more));

			if (!more)
				return;
			cm->processes = more;
		}
		parse_process(ps, &cm->processes[cm->nr_processes++], (int)pid);
	}
	if (cm->nr_processes)
		qsort(cm->processes, cm->nr_processes, sizeof(*cm->processes), by_pid);
}

struct cap_machine *capture_parse(const struct capture *c, FILE *err)
{
	struct cap_machine *cm = keep_calloc(1, sizeof(*cm));
	struct parser ps = {.c = c, .cm = cm, .err = err};

	if (!cm)
		return NULL;
	cm->file = c;
	cap_parse_zoneinfo(&ps);
	if (!ps.faults) {
		cap_parse_buddyinfo(&ps);
		cap_parse_pagetypeinfo(&ps);
		for (unsigned int i = 0; i < cm->nr_zones && !ps.faults; i++)
			cap_settle_blocks(&cm->zones[i]);
		parse_nodes(&ps);
		parse_machine(&ps);
		parse_events(&ps);
		parse_slabs(&ps);
		parse_swaps(&ps);
		parse_processes(&ps);
	}
	if (!ps.faults)
		return cm;
	if (ps.faults > 21)
		fprintf(err, "%s: and %u faults more\n", c->name, ps.faults - 21);
	cap_machine_free(cm);
	return NULL;
}

void cap_machine_free(struct cap_machine *cm)
{
	if (!cm)
		return;
	for (unsigned int i = 0; i < cm->nr_slabs; i++)
		keep_free(cm->slabs[i].name);
	for (unsigned int i = 0; i < cm->nr_swaps; i++)
		keep_free(cm->swaps[i].name);
	keep_free(cm->zones);
	keep_free(cm->slabs);
	keep_free(cm->swaps);
	keep_free(cm->processes);
	keep_free(cm->meminfo);
	keep_free(cm->vmstat);
	keep_free(cm->events);
	keep_free(cm);
}
