/* SPDX-License-Identifier: MIT */
/*
 * The part of a report that says where memory was: Mem-Info, zones, free
 * blocks, swap, and the control group's own numbers.
 *
 * Every line is a row of "key:number", so keys are looked for by name; what a
 * kernel does not print stays -1, and what a later one adds does no harm.
 */
#include "explain/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void copy_text(char *to, size_t cap, const char *from, const char *end)
{
	size_t len = end ? (size_t)(end - from) : strlen(from);

	if (len > cap - 1)
		len = cap - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

long bounded(long n)
{
	return n > NUMBER_MAX ? NUMBER_MAX : n < -NUMBER_MAX ? -NUMBER_MAX : n;
}

bool number_after(const char *text, const char *key, long *value)
{
	size_t len = strlen(key);
	char *end;

	for (const char *p = text; (p = strstr(p, key)); p += len) {
		const char *digits = p + len + strspn(p + len, " ");

		if ((p > text && p[-1] != ' ' && p[-1] != ',' && p[-1] != '(') ||
		    (!isdigit((unsigned char)*digits) && *digits != '-'))
			continue;
		*value = bounded(strtol(digits, &end, 10));
		return end > digits;
	}
	return false;
}

/* "Node 3 " at its start: the node, and *rest behind it; -1: none. */
static int node_of(const char *text, const char **rest)
{
	char *end;
	long node;

	*rest = text;
	if (strncmp(text, "Node ", 5))
		return -1;
	node = strtol(text + 5, &end, 10);
	if (end == text + 5 || *end != ' ' || node < 0 || node > 1023)
		return -1;
	*rest = end + 1;
	return (int)node;
}

/* The zone's record, a new one if there is none yet; NULL: too many. */
static struct report_zone *zone_of(struct report *r, int node, const char *name, size_t len)
{
	struct report_zone *z;

	for (size_t i = 0; i < r->nr_zones; i++) {
		z = &r->zones[i];
		if ((z->node == node || z->node < 0 || node < 0) && strlen(z->name) == len &&
		    !strncmp(z->name, name, len))
			return z;
	}
	if (r->nr_zones == REPORT_MAX_ZONES || len >= sizeof(z->name))
		return NULL;
	z = &r->zones[r->nr_zones++];
	*z = (struct report_zone){.node = node,
				  .free = -1,
				  .boost = -1,
				  .min = -1,
				  .low = -1,
				  .high = -1,
				  .managed = -1,
				  .present = -1,
				  .active_anon = -1,
				  .inactive_anon = -1,
				  .active_file = -1,
				  .inactive_file = -1,
				  .unevictable = -1,
				  .free_cma = -1,
				  .slab_reclaimable = -1,
				  .slab_unreclaimable = -1,
				  .all_unreclaimable = -1};
	copy_text(z->name, sizeof(z->name), name, name + len);
	return z;
}

static size_t zone_name(const char *text)
{
	static const char *const names[] = {"DMA32",   "DMA",	  "Normal",
					    "HighMem", "Movable", "Device"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(text, names[i], len) && (text[len] == ' ' || text[len] == ':'))
			return len;
	}
	return 0;
}

bool take_zone(struct report *r, const char *text)
{
	const char *rest, *answer;
	int node = node_of(text, &rest);
	size_t len = zone_name(rest);
	struct report_zone *z;
	long free;

	if (!len || rest[len] != ' ' || !number_after(rest + len, "free:", &free))
		return false;
	z = zone_of(r, node, rest, len);
	if (!z)
		return true;
	z->free = free;
	number_after(rest, "boost:", &z->boost);
	number_after(rest, "min:", &z->min);
	number_after(rest, "low:", &z->low);
	number_after(rest, "high:", &z->high);
	number_after(rest, "managed:", &z->managed);
	number_after(rest, "present:", &z->present);
	number_after(rest, "active_anon:", &z->active_anon);
	number_after(rest, "inactive_anon:", &z->inactive_anon);
	number_after(rest, "active_file:", &z->active_file);
	number_after(rest, "inactive_file:", &z->inactive_file);
	number_after(rest, "unevictable:", &z->unevictable);
	number_after(rest, "free_cma:", &z->free_cma);
	number_after(rest, "slab_reclaimable:", &z->slab_reclaimable);
	number_after(rest, "slab_unreclaimable:", &z->slab_unreclaimable);
	answer = strstr(rest, "all_unreclaimable? ");
	if (answer)
		z->all_unreclaimable = answer[19] == 'y';
	return true;
}

/* lowmem_reserve[]: 0 805 2997 2997, of the zone before it. */
bool take_reserve(struct report *r, const char *text)
{
	struct report_zone *z = r->nr_zones ? &r->zones[r->nr_zones - 1] : NULL;
	const char *p = strstr(text, "lowmem_reserve[]:");
	char *end;

	if (!p)
		return false;
	if (!z)
		return true;
	z->nr_reserve = 0;
	for (p += 17; z->nr_reserve < 8; p = end) {
		long n = strtol(p, &end, 10);

		if (end == p)
			break;
		z->reserve[z->nr_reserve++] = bounded(n);
	}
	return true;
}

/* Node 0 DMA32: 204*4kB (UME) 187*8kB ... = 123192kB */
bool take_blocks(struct report *r, const char *text)
{
	const char *rest, *p;
	int node = node_of(text, &rest);
	size_t len = zone_name(rest);
	struct report_zone *z;
	char *end;

	if (!len || rest[len] != ':' || !strstr(rest, "kB"))
		return false;
	z = zone_of(r, node, rest, len);
	if (!z)
		return true;
	z->nr_orders = 0;
	z->cma_only = 0;
	for (p = rest + len + 1; z->nr_orders < REPORT_MAX_ORDERS; p = end) {
		long n, kb;

		p += strcspn(p, "0123456789=");
		n = strtol(p, &end, 10);
		if (end == p || *end != '*')
			break;
		kb = strtol(end + 1, &end, 10);
		if (n < 0 || kb <= 0)
			break;
		if (!z->nr_orders && kb <= 256)
			r->page_kb = kb;
		if (!strncmp(end, "kB (C)", 6))
			z->cma_only |= 1u << z->nr_orders;
		z->blocks[z->nr_orders++] = bounded(n);
	}
	return true;
}

static const char *const sum_names[NR_SUMS] = {
	[SUM_ACTIVE_ANON] = "active_anon:",
	[SUM_INACTIVE_ANON] = "inactive_anon:",
	[SUM_ACTIVE_FILE] = "active_file:",
	[SUM_INACTIVE_FILE] = "inactive_file:",
	[SUM_UNEVICTABLE] = "unevictable:",
	[SUM_DIRTY] = "dirty:",
	[SUM_WRITEBACK] = "writeback:",
	[SUM_SLAB_RECLAIMABLE] = "slab_reclaimable:",
	[SUM_SLAB_UNRECLAIMABLE] = "slab_unreclaimable:",
	[SUM_MAPPED] = "mapped:",
	[SUM_SHMEM] = "shmem:",
	[SUM_PAGETABLES] = "pagetables:",
	[SUM_FREE] = "free:",
	[SUM_FREE_CMA] = "free_cma:",
};

/* A row of sums, in pages: no unit anywhere. */
bool take_sums(struct report *r, const char *text)
{
	bool any = false;

	if (strstr(text, "kB") || strchr(text, '['))
		return false;
	for (int i = 0; i < NR_SUMS; i++)
		any |= number_after(text, sum_names[i], &r->sum[i]);
	return any;
}

static bool ends_with(const char *text, const char *tail)
{
	size_t len = strlen(text), n = strlen(tail);

	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return len >= n && !strncmp(text + len - n, tail, n);
}

/* "2096640 pages RAM", "Total swap = 2198524kB" and their like. */
bool take_totals(struct report *r, const char *text)
{
	long n, size;
	char *end;

	if (!strncmp(text, "Free swap", 9))
		return number_after(text, "=", &r->swap_free_kb);
	if (!strncmp(text, "Total swap", 10))
		return number_after(text, "=", &r->swap_total_kb);
	if (number_after(text, "hugepages_total=", &n) &&
	    number_after(text, "hugepages_size=", &size)) {
		if (n >= 0 && size > 0 && n < (1L << 40) / size)
			r->hugetlb_kb += n * size;
		return true;
	}
	n = bounded(strtol(text, &end, 10));
	if (end == text || n < 0)
		return false;
	if (ends_with(end, " total pagecache pages"))
		r->pagecache = n;
	else if (ends_with(end, " pages in swap cache"))
		r->swapcache = n;
	else if (ends_with(end, " pages RAM"))
		r->ram = n;
	else if (ends_with(end, " pages reserved"))
		r->reserved = n;
	else if (strstr(end, " pages HighMem"))
		r->highmem = n;
	else if (ends_with(end, " pages hwpoisoned"))
		r->hwpoisoned = n;
	else
		return false;
	return true;
}

/* ---- the control group ------------------------------------------------------- */

static bool take_limits(struct report *r, const char *text)
{
	bool swap = !strncmp(text, "swap: usage ", 12);
	bool memsw = !strncmp(text, "memory+swap: usage ", 19);

	if (!strncmp(text, "memory: usage ", 14)) {
		number_after(text, "usage", &r->usage_kb);
		number_after(text, "limit", &r->limit_kb);
		number_after(text, "failcnt", &r->failcnt);
		return true;
	}
	if (swap || memsw) {
		number_after(text, "usage", &r->swap_usage_kb);
		number_after(text, "limit", &r->swap_limit_kb);
		r->memsw = memsw;
		return true;
	}
	if (strncmp(text, "kmem: usage ", 12))
		return false;
	number_after(text, "usage", &r->kmem_usage_kb);
	number_after(text, "limit", &r->kmem_limit_kb);
	return true;
}

/* One of "anon 12345" in bytes, from 4.19 on. */
static bool take_stat(struct report *r, const char *text)
{
	const char *key = text + strspn(text, " ");
	size_t len = strcspn(key, " ");
	char *end;
	long n;

	if (key[len] != ' ')
		return false;
	n = strtol(key + len, &end, 10);
	if (end == key + len || *(end + strspn(end, " ")) || n < 0)
		return false;
	if (len == 4 && !strncmp(key, "anon", 4))
		r->stat_anon_kb = n >> 10;
	else if (len == 4 && !strncmp(key, "file", 4))
		r->stat_file_kb = n >> 10;
	else if (len == 5 && !strncmp(key, "shmem", 5))
		r->stat_shmem_kb = n >> 10;
	else if (len == 4 && !strncmp(key, "slab", 4))
		r->stat_slab_kb = n >> 10;
	else if (len == 6 && !strncmp(key, "kernel", 6))
		r->stat_kernel_kb = n >> 10;
	return true;
}

bool take_group(struct report_reader *rd, const char *text)
{
	static const char killed[] = " killed as a result of limit of ";
	struct report *r = &rd->report;
	const char *p = strstr(text, killed), *task = strstr(text, "Task in ");

	if (p && task && task < p) {
		r->kind = REPORT_MEMCG_OOM;
		copy_text(r->task_group, sizeof(r->task_group), task + 8, p);
		p += sizeof(killed) - 1;
		copy_text(r->oom_group, sizeof(r->oom_group), p, p + strcspn(p, " "));
		return true;
	}
	if (!strncmp(text, "Memory cgroup stats for ", 24) ||
	    !strncmp(text, "Memory cgroup stats", 19)) {
		r->kind = REPORT_MEMCG_OOM;
		rd->section = SECTION_GROUP_STATS;
		/* Old kernels: all of it behind the name. */
		number_after(text, "rss:", &r->stat_anon_kb);
		number_after(text, "cache:", &r->stat_file_kb);
		number_after(text, "shmem:", &r->stat_shmem_kb);
		/* Where the message was joined: its statistics follow the name. */
		if (number_after(text, "anon", &r->stat_anon_kb))
			r->stat_anon_kb >>= 10;
		if (number_after(text, "file", &r->stat_file_kb))
			r->stat_file_kb >>= 10;
		if (number_after(text, "slab", &r->stat_slab_kb))
			r->stat_slab_kb >>= 10;
		if (number_after(text, "shmem", &r->stat_shmem_kb))
			r->stat_shmem_kb >>= 10;
		if (number_after(text, "kernel", &r->stat_kernel_kb))
			r->stat_kernel_kb >>= 10;
		return true;
	}
	return take_limits(r, text) || (rd->section == SECTION_GROUP_STATS && take_stat(r, text));
}
