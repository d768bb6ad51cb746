/* SPDX-License-Identifier: MIT */
/*
 * The formats of the files in a snapshot, as far as the judge reads them:
 * /proc/vmstat, meminfo, zoneinfo, slabinfo, and the killer's reports in the
 * log.  Each reader takes a text that ends with NUL, goes over it line by line
 * and skips what it does not know.
 */
#include "oracle/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool oracle_number(const char **p, u64 *v)
{
	const char *s = *p;
	u64 n = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		n = n < ORACLE_NUM_MAX ? n * 10 + (u64)(*s - '0') : ORACLE_NUM_MAX;
	*v = n < ORACLE_NUM_MAX ? n : ORACLE_NUM_MAX;
	*p = s;
	return true;
}

const char *oracle_next_line(const char *p)
{
	p = strchr(p, '\n');
	return p ? p + 1 : NULL;
}

static const char *skip_blank(const char *p)
{
	return p + strspn(p, " \t");
}

/* The word at p, cut to the room there is; what lies behind it. */
static const char *copy_word(char *dst, size_t size, const char *p, const char *ends)
{
	size_t n = strcspn(p, ends), room = n < size ? n : size - 1;

	memcpy(dst, p, room);
	dst[room] = 0;
	return p + n;
}

/* Where a text stands in the line at p. */
static const char *in_line(const char *p, const char *what)
{
	size_t line = strcspn(p, "\n"), n = strlen(what);

	for (size_t i = 0; i + n <= line; i++)
		if (p[i] == *what && !memcmp(p + i, what, n))
			return p + i;
	return NULL;
}

bool oracle_num(const struct oracle_snap *s, const char *path, u64 *v)
{
	const char *p = oracle_file_text(s, path);

	return p && oracle_number(&p, v);
}

bool oracle_field(const char *text, const char *name, u64 *v)
{
	size_t n = strlen(name);

	for (const char *p = text; p; p = oracle_next_line(p)) {
		if (strncmp(p, name, n) || (p[n] != ' ' && p[n] != ':'))
			continue;
		p = skip_blank(p + n + (p[n] == ':'));
		return oracle_number(&p, v);
	}
	return false;
}

bool oracle_vmstat(const struct oracle_snap *s, const char *name, u64 *v)
{
	const char *text = oracle_file_text(s, "/proc/vmstat");

	return text && oracle_field(text, name, v);
}

bool oracle_meminfo(const struct oracle_snap *s, const char *name, u64 *v)
{
	const char *text = oracle_file_text(s, "/proc/meminfo");

	return text && oracle_field(text, name, v);
}

bool oracle_proc_value(const struct oracle_proc *p, const char *key, s64 *v)
{
	size_t n = strlen(key);

	for (const char *s = p->values; *s; s += strcspn(s, " "), s = skip_blank(s)) {
		bool minus;
		u64 u;

		if (strncmp(s, key, n) || s[n] != '=')
			continue;
		s += n + 1;
		minus = *s == '-';
		s += minus;
		if (!oracle_number(&s, &u))
			return false;
		*v = minus ? -(s64)u : (s64)u;
		return true;
	}
	return false;
}

/* ---- /proc/zoneinfo --------------------------------------------------------- */

static unsigned int zone_type(const char *name)
{
	static const char *const names[ORACLE_NR_ZONES] = {"DMA", "DMA32", "Normal", "Movable",
							   "Device"};
	unsigned int i = 0;

	while (i < ORACLE_NR_ZONES && strcmp(name, names[i]))
		i++;
	return i;
}

/* "Node 0, zone    DMA32" */
static bool zone_head(const char *p, struct oracle_zone *z)
{
	u64 node;

	memset(z, 0, sizeof(*z));
	z->pcp_same = true;
	if (strncmp(p, "Node ", 5))
		return false;
	p += 5;
	if (!oracle_number(&p, &node) || node >= 1024 || strncmp(p, ", zone", 6))
		return false;
	copy_word(z->name, sizeof(z->name), skip_blank(p + 6), " \n");
	z->node = (unsigned int)node;
	z->type = zone_type(z->name);
	return z->type < ORACLE_NR_ZONES;
}

/* "NAME 123" or "NAME: 123" at p. */
static bool named(const char *p, const char *name, u64 *v)
{
	size_t n = strlen(name);

	if (strncmp(p, name, n) || (p[n] != ' ' && p[n] != ':'))
		return false;
	p = skip_blank(p + n + (p[n] == ':'));
	return oracle_number(&p, v);
}

static void zone_protection(const char *p, struct oracle_zone *z)
{
	p = in_line(p, "(");
	for (int i = 0; p && i < ORACLE_NR_ZONES; i++) {
		p = skip_blank(p + 1);
		if (!oracle_number(&p, &z->protection[i]) || *p != ',')
			break;
	}
}

static void zone_line(const char *p, struct oracle_zone *z)
{
	u64 v;

	p = skip_blank(p);
	if (named(p, "pages free", &v))
		z->free = v;
	else if (named(p, "cpu", &v))
		z->nr_cpus++;
	else if (named(p, "count", &v) && z->nr_cpus)
		z->pcp_count += v;
	else if (named(p, "high", &v) && !z->nr_cpus)
		z->high = v;
	else if (named(p, "high", &v)) {
		z->pcp_same &= z->nr_cpus == 1 || z->pcp_high == v;
		z->pcp_high = z->nr_cpus == 1 ? v : z->pcp_high;
	} else if (named(p, "batch", &v)) {
		z->pcp_same &= z->nr_cpus <= 1 || z->pcp_batch == v;
		z->pcp_batch = z->nr_cpus <= 1 ? v : z->pcp_batch;
	} else if (named(p, "boost", &v))
		z->boost = v;
	else if (named(p, "min", &v))
		z->min = v;
	else if (named(p, "low", &v))
		z->low = v;
	else if (named(p, "spanned", &v))
		z->spanned = v;
	else if (named(p, "present", &v))
		z->present = v;
	else if (named(p, "managed", &v))
		z->managed = v;
	else if (named(p, "start_pfn", &v))
		z->start_pfn = v;
	else if (named(p, "vm stats threshold", &v)) {
		z->threshold = v;
		z->has_threshold = true;
	} else if (!strncmp(p, "protection:", 11))
		zone_protection(p, z);
}

/* The file shows the marks with the boost on top. */
static void zone_unboost(struct oracle_zone *z)
{
	u64 *marks[] = {&z->min, &z->low, &z->high};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		*marks[i] -= *marks[i] < z->boost ? *marks[i] : z->boost;
}

size_t oracle_zones(const struct oracle_snap *s, struct oracle_zone *zones, size_t max)
{
	const char *text = oracle_file_text(s, "/proc/zoneinfo");
	struct oracle_zone head;
	size_t n = 0;

	for (const char *p = text; p; p = oracle_next_line(p)) {
		if (zone_head(p, &head)) {
			if (n == max)
				break;
			zones[n++] = head;
		} else if (n && *p == ' ') {
			zone_line(p, &zones[n - 1]);
		}
	}
	for (size_t i = 0; i < n; i++)
		zone_unboost(&zones[i]);
	return n;
}

/* ---- /proc/slabinfo --------------------------------------------------------- */

bool oracle_slab_next(const char **p, struct oracle_slab *slab)
{
	for (; *p; *p = oracle_next_line(*p)) {
		const char *s = *p;
		size_t n = strcspn(s, " \n");
		u64 *v[] = {&slab->active, &slab->objects, &slab->size, &slab->per_slab,
			    &slab->pages};
		size_t i;

		if (!n || n >= sizeof(slab->name) || *s == '#')
			continue;
		memcpy(slab->name, s, n);
		slab->name[n] = 0;
		s += n;
		for (i = 0; i < ARRAY_SIZE(v); i++) {
			s = skip_blank(s);
			if (!oracle_number(&s, v[i]))
				break;
		}
		if (i < ARRAY_SIZE(v))
			continue;
		*p = oracle_next_line(*p);
		return true;
	}
	return false;
}

/* ---- the killer's reports in the log ---------------------------------------- */

/* Behind the time stamp "[   12.345678] ". */
static const char *log_text(const char *p)
{
	const char *q = p;

	if (*q != '[')
		return p;
	q = skip_blank(q + 1);
	q += strspn(q, "0123456789.");
	return *q == ']' ? skip_blank(q + 1) : p;
}

/* "[    117]     0   117   179568    36059   315392        0           300 B" */
static bool task_line(const char *p, struct oracle_task *t)
{
	u64 v[7];
	bool minus = false;

	if (*p != '[')
		return false;
	p = skip_blank(p + 1);
	if (!oracle_number(&p, &v[0]) || *p != ']')
		return false;
	p++;
	for (int i = 1; i < 7; i++) {
		p = skip_blank(p);
		if (!oracle_number(&p, &v[i]))
			return false;
	}
	p = skip_blank(p);
	minus = *p == '-';
	p += minus;
	t->pid = (int)(v[0] & INT_MAX);
	t->rss = v[4];
	t->page_table_bytes = v[5];
	t->swap = v[6];
	if (!oracle_number(&p, &v[0]))
		return false;
	copy_word(t->name, sizeof(t->name), skip_blank(p), " \n");
	t->adj = minus ? -(s64)v[0] : (s64)v[0];
	return true;
}

static void kill_line(const char *p, struct oracle_kill *k)
{
	const char *c;
	u64 v;

	if (k->nr_tasks < ARRAY_SIZE(k->tasks) && task_line(p, &k->tasks[k->nr_tasks]))
		k->nr_tasks++;
	else if (!strncmp(p, "Total swap = ", 13)) {
		p += 13;
		k->total_swap_kb = oracle_number(&p, &v) ? v : 0;
	} else if (!strncmp(p, "oom-kill:", 9) && (c = in_line(p, "constraint=")))
		copy_word(k->constraint, sizeof(k->constraint), c + 11, ",\n");
}

bool oracle_kill_next(const char **p, struct oracle_kill *k)
{
	memset(k, 0, sizeof(*k));
	for (; *p; *p = oracle_next_line(*p)) {
		const char *s = log_text(*p);
		const char *killed = in_line(s, "Killed process ");
		u64 pid;

		if (in_line(s, " invoked oom-killer: "))
			memset(k, 0, sizeof(*k));
		if (!killed) {
			kill_line(s, k);
			continue;
		}
		killed += 15;
		if (!oracle_number(&killed, &pid) || strncmp(killed, " (", 2))
			continue;
		copy_word(k->victim, sizeof(k->victim), killed + 2, ")\n");
		k->pid = (int)(pid & INT_MAX);
		k->allocating = in_line(s, "(oom_kill_allocating_task)") != NULL;
		k->group = !strncmp(s, "Memory cgroup", 13);
		*p = oracle_next_line(*p);
		return true;
	}
	return false;
}
