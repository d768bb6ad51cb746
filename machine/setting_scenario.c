/* SPDX-License-Identifier: MIT */
/*
 * Settings applied to a scenario that was read and checked: as if its file had
 * said so.  What is given as text there is text here too, and allocated as
 * libcyaml does, which frees it.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/internal.h"
#include "machine/setting.h"
#include "machine/units.h"
#include "port/model/keep.h"
#include "swap/zcomp.h"

static bool bad(const struct setting *set, FILE *err, const char *wanted)
{
	fprintf(err, "quire: %s: \"%s\" is not %s\n", set->text, set->value, wanted);
	return false;
}

static bool put_text(char **text, const char *value)
{
	char *copy = keep_strdup(value);

	if (!copy)
		return false;
	keep_free(*text);
	*text = copy;
	return true;
}

static bool put_size(struct scn_value *v, const struct setting *set, FILE *err)
{
	if (!parse_size(set->value, &v->v))
		return bad(set, err, "a size; write a number with K, M, G or T, as 32G");
	return put_text(&v->text, set->value);
}

static bool is_off(const char *value)
{
	return !strcmp(value, "off") || !strcmp(value, "0") || !strcmp(value, "no") ||
	       !strcmp(value, "false") || !strcmp(value, "N");
}

static bool is_on(const char *value)
{
	return !strcmp(value, "on") || !strcmp(value, "1") || !strcmp(value, "yes") ||
	       !strcmp(value, "true") || !strcmp(value, "Y");
}

static bool parse_count(const struct setting *set, u32 least, u32 most, u32 *v)
{
	char *end;
	unsigned long n = strtoul(set->value, &end, 10);

	*v = (u32)n;
	return *set->value && *set->value != '-' && !*end && n >= least && n <= most;
}

/* ---- the machine --------------------------------------------------------------------- */

static bool have_swap(const struct setting *set, struct scenario *s, FILE *err)
{
	struct scn_swap *swap;

	if (s->swap_count)
		return true;
	if (!s->disks_count && set->kind != SET_SWAP_TYPE) {
		fprintf(err,
			"quire: %s: the machine has no disk to swap to; say swap.type=zram first\n",
			set->text);
		return false;
	}
	swap = keep_realloc(s->swap, sizeof(*swap));
	if (!swap)
		return false;
	*swap = (struct scn_swap){.device = s->disks_count ? keep_strdup(s->disks[0].name) : NULL};
	swap->size = (struct scn_value){keep_strdup("1G"), 1UL << 30};
	s->swap = swap;
	s->swap_count = 1;
	return true;
}

static void drop_swap(struct scenario *s)
{
	for (u32 i = 0; i < s->swap_count; i++) {
		keep_free(s->swap[i].device);
		keep_free(s->swap[i].size.text);
		keep_free(s->swap[i].type);
		keep_free(s->swap[i].algorithm);
		keep_free(s->swap[i].mem_limit.text);
	}
	s->swap_count = 0;
}

static bool put_compressor(char **text, const struct setting *set, FILE *err)
{
	for (const char *const *name = zcomp_names; *name; name++)
		if (!strcmp(set->value, *name))
			return put_text(text, set->value);
	return bad(set, err, "lzo, lzo-rle, lz4 or zstd");
}

/* The first area: a zram, or a part of a disk. */
static bool apply_swap_type(const struct setting *set, struct scenario *s, FILE *err)
{
	struct scn_swap *sw = &s->swap[0];
	bool zram = !strcmp(set->value, "zram");

	if (!zram && strcmp(set->value, "disk") != 0)
		return bad(set, err, "disk or zram");
	if (!zram && !s->disks_count) {
		fprintf(err, "quire: %s: the machine has no disk to swap to\n", set->text);
		return false;
	}
	if (zram) {
		keep_free(sw->device);
		sw->device = NULL;
	} else if (!sw->device) {
		sw->device = keep_strdup(s->disks[0].name);
		keep_free(sw->algorithm);
		sw->algorithm = NULL;
	}
	return put_text(&sw->type, set->value);
}

static bool apply_zram(const struct setting *set, struct scn_swap *sw, FILE *err)
{
	if (!scn_is_zram(sw))
		return bad(set, err, "a zram's; say swap.type=zram first");
	if (set->kind == SET_SWAP_MEM_LIMIT)
		return put_size(&sw->mem_limit, set, err);
	return put_compressor(&sw->algorithm, set, err);
}

static bool apply_swap(const struct setting *set, struct scenario *s, FILE *err)
{
	char *end;

	if (set->kind == SET_SWAP_SIZE && is_off(set->value)) {
		drop_swap(s);
		return true;
	}
	if (!have_swap(set, s, err))
		return false;
	if (set->kind == SET_SWAP_SIZE)
		return put_size(&s->swap[0].size, set, err);
	if (set->kind == SET_SWAP_PRIORITY) {
		s->swap[0].priority = (int32_t)strtol(set->value, &end, 10);
		return (*set->value && !*end) || bad(set, err, "a priority, as 10");
	}
	if (set->kind == SET_SWAP_TYPE)
		return apply_swap_type(set, s, err);
	if (set->kind != SET_SWAP_DEVICE)
		return apply_zram(set, &s->swap[0], err);
	if (scn_is_zram(&s->swap[0]))
		return bad(set, err, "a disk's; say swap.type=disk first");
	for (u32 i = 0; i < s->disks_count; i++)
		if (!strcmp(s->disks[i].name, set->value))
			return put_text(&s->swap[0].device, set->value);
	fprintf(err, "quire: %s: no disk is called \"%s\"; there is %s\n", set->text, set->value,
		s->disks[0].name);
	return false;
}

static bool apply_zswap(const struct setting *set, struct scenario *s, FILE *err)
{
	struct scn_zswap *z = s->zswap;
	u32 percent = 0;

	if (!z) {
		z = s->zswap = keep_calloc(1, sizeof(*z));
		if (!z)
			return false;
		z->max_pool_percent = 20;
		z->accept_threshold_percent = 90;
	}
	if (!strcmp(set->name, "enabled")) {
		z->enabled = is_on(set->value);
		return z->enabled || is_off(set->value) || bad(set, err, "on or off");
	}
	if (!strcmp(set->name, "compressor"))
		return put_compressor(&z->compressor, set, err);
	if (!strcmp(set->name, "zpool"))
		return (!strcmp(set->value, "zbud") || !strcmp(set->value, "zsmalloc"))
			       ? put_text(&z->zpool, set->value)
			       : bad(set, err, "zbud or zsmalloc");
	if (!strcmp(set->name, "shrinker_enabled")) {
		z->shrinker_enabled = is_on(set->value);
		return z->shrinker_enabled || is_off(set->value) || bad(set, err, "on or off");
	}
	if (!parse_count(set, 1, 100, &percent))
		return bad(set, err, "1 to 100");
	*(!strcmp(set->name, "max_pool_percent") ? &z->max_pool_percent
						 : &z->accept_threshold_percent) = percent;
	return true;
}

/* The last nodes go; who was bound to them must be bound elsewhere first. */
static bool apply_nodes(const struct setting *set, struct scenario *s, FILE *err)
{
	u32 nr;

	if (!parse_count(set, 1, s->nodes_count, &nr)) {
		fprintf(err, "quire: %s: the machine has %u nodes; write how many are left\n",
			set->text, s->nodes_count);
		return false;
	}
	for (u32 i = 0; i < s->processes_count; i++) {
		const struct scn_process *p = &s->processes[i];

		if (p->node < (int32_t)nr)
			continue;
		fprintf(err, "quire: %s: %s is bound to node %d; set %s/node too\n", set->text,
			p->name, p->node, p->name);
		return false;
	}
	for (u32 i = nr; i < s->nodes_count; i++) {
		keep_free(s->nodes[i].memory.text);
		keep_free(s->nodes[i].reserved.text);
	}
	s->nodes_count = nr;
	return true;
}

static bool apply_node_memory(const struct setting *set, struct scenario *s, FILE *err)
{
	for (u32 i = 0; i < s->nodes_count; i++) {
		if (!put_size(&s->nodes[i].memory, set, err))
			return false;
		if (s->nodes[i].memory.v % (4UL << 20) ||
		    s->nodes[i].memory.v <= s->nodes[i].reserved.v)
			return bad(set, err, "a multiple of 4M and more than what is reserved");
	}
	return true;
}

static bool apply_sysctl(const struct setting *set, struct scenario *s)
{
	struct scn_sysctl *v;

	for (u32 i = 0; i < s->sysctl_count; i++)
		if (!strcmp(s->sysctl[i].name, set->name))
			return put_text(&s->sysctl[i].value, set->value);
	v = keep_realloc(s->sysctl, (s->sysctl_count + 1) * sizeof(*v));
	if (!v)
		return false;
	s->sysctl = v;
	v[s->sysctl_count] = (struct scn_sysctl){keep_strdup(set->name), keep_strdup(set->value)};
	return v[s->sysctl_count].name && v[s->sysctl_count++].value;
}

static bool apply_thp(const struct setting *set, struct scenario *s, FILE *err)
{
	if (strcmp(set->value, "always") && strcmp(set->value, "madvise") &&
	    strcmp(set->value, "never"))
		return bad(set, err, "always, madvise or never");
	return put_text(&s->transparent_hugepage, set->value);
}

const char *setting_lru_gen(const char *value)
{
	unsigned long mask;
	char *end;

	if (is_on(value) || !strcmp(value, "y"))
		return "y";
	if (is_off(value) || !strcmp(value, "n"))
		return "n";
	mask = strtoul(value, &end, 0);
	return *value >= '0' && *value <= '9' && !*end && mask <= 7 ? value : NULL;
}

static bool apply_lru_gen(const struct setting *set, struct scenario *s, FILE *err)
{
	if (!setting_lru_gen(set->value))
		return bad(set, err, "on, off or a mask up to 0x0007");
	return put_text(&s->lru_gen, set->value);
}

/* ---- the load ---------------------------------------------------------------------------- */

/* More load is the same work done more often. */
static void scale_process(struct scn_process *p, u64 factor)
{
	for (u32 i = 0; i < p->work_count; i++) {
		struct scn_work *w = &p->work[i];

		w->every.v = max(w->every.v * TEN_THOUSAND / factor, 1000000UL);
		if (w->action == SCN_SOCKETS)
			w->count = max((u32)(w->count * factor / TEN_THOUSAND), 1U);
	}
}

static bool only_unknown(const struct setting *set)
{
	return !strncmp(set->name, "unknown.", 8);
}

static bool apply_hotness(const struct setting *set, struct scenario *s, FILE *err)
{
	u64 part;

	if (!parse_part(set->value, &part))
		return bad(set, err, "a part; write per cent, as 30%");
	for (u32 i = 0; i < s->processes_count; i++) {
		for (u32 j = 0; j < s->processes[i].work_count; j++) {
			struct scn_work *w = &s->processes[i].work[j];

			if (only_unknown(set) &&
			    (set->kind == SET_HOT ? w->hot.text : w->hot_share.text))
				continue;
			*(set->kind == SET_HOT ? &w->hot.v : &w->hot_share.v) = part;
		}
	}
	return true;
}

static bool apply_content(const struct setting *set, struct scenario *s, FILE *err)
{
	static const char *const contents[] = {"text", "heap", "code", "random", "zero"};
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(contents); i++)
		known |= !strcmp(contents[i], set->value);
	if (!known)
		return bad(set, err, "one of: text, heap, code, random, zero");
	for (u32 i = 0; i < s->processes_count; i++)
		for (u32 j = 0; j < s->processes[i].memory_count; j++)
			if (!(only_unknown(set) && s->processes[i].memory[j].content) &&
			    !put_text(&s->processes[i].memory[j].content, set->value))
				return false;
	return true;
}

/* ---- processes and groups ------------------------------------------------------------------ */

static bool parse_adj(const struct setting *set, int32_t *adj, FILE *err)
{
	char *end;
	long v = strtol(set->value, &end, 10);

	if (!*set->value || *end || v < -1000 || v > 1000)
		return bad(set, err, "an oom_score_adj; write -1000 to 1000");
	*adj = (int32_t)v;
	return true;
}

static bool apply_numa(const struct setting *set, struct scn_process *p, FILE *err)
{
	const char *v = set->value;

	if (strcmp(v, "default") && strcmp(v, "interleave") && strncmp(v, "bind:", 5) &&
	    strncmp(v, "preferred:", 10))
		return bad(set, err, "one of: default, interleave, bind:NODES, preferred:NODE");
	if (!put_text(&p->numa, v))
		return false;
	/* In a grid the comma separates values: 0+1 is 0,1. */
	for (char *c = p->numa; *c; c++)
		if (*c == '+')
			*c = ',';
	return true;
}

static bool apply_attribute(const struct setting *set, struct scenario *s, struct scn_process *p,
			    FILE *err)
{
	u64 factor;
	u32 n;

	if (!strcmp(set->name, "oom_score_adj"))
		return parse_adj(set, &p->oom_score_adj, err);
	if (!strcmp(set->name, "numa"))
		return apply_numa(set, p, err);
	if (!strcmp(set->name, "rss"))
		return put_size(&p->rss, set, err);
	if (!strcmp(set->name, "count"))
		return parse_count(set, 1, 30000, &p->count) || bad(set, err, "1 to 30000");
	if (!strcmp(set->name, "node")) {
		if (!parse_count(set, 0, s->nodes_count - 1, &n))
			return bad(set, err, "the number of a node");
		p->node = (int32_t)n;
		return true;
	}
	if (!strcmp(set->name, "load")) {
		setting_factor(set->value, &factor);
		scale_process(p, factor);
		return true;
	}
	for (u32 i = 0; i < s->cgroups_count; i++)
		if (!strcmp(s->cgroups[i].path, set->value))
			return put_text(&p->cgroup, set->value);
	return bad(set, err, "one of the scenario's cgroups");
}

static bool apply_process(const struct setting *set, struct scenario *s, FILE *err)
{
	for (u32 i = 0; i < s->processes_count; i++)
		if (!strcmp(s->processes[i].name, set->target) &&
		    !apply_attribute(set, s, &s->processes[i], err))
			return false;
	return true;
}

static bool apply_group_adj(const struct setting *set, struct scenario *s, FILE *err)
{
	size_t n = strlen(set->target);

	for (u32 i = 0; i < s->processes_count; i++) {
		struct scn_process *p = &s->processes[i];

		if (p->cgroup && !strncmp(p->cgroup, set->target, n) &&
		    (!p->cgroup[n] || p->cgroup[n] == '/') &&
		    !parse_adj(set, &p->oom_score_adj, err))
			return false;
	}
	return true;
}

static bool apply_limit(const struct setting *set, struct scn_value *v, FILE *err)
{
	if (strcmp(set->value, "max"))
		return put_size(v, set, err);
	keep_free(v->text);
	*v = (struct scn_value){0};
	return true;
}

static bool apply_group(const struct setting *set, struct scenario *s, FILE *err)
{
	for (u32 i = 0; i < s->cgroups_count; i++) {
		struct scn_group *g = &s->cgroups[i];

		if (strcmp(g->path, set->target))
			continue;
		if (!strcmp(set->name, "memory.oom.group")) {
			g->oom_group = is_on(set->value);
			return g->oom_group || is_off(set->value) || bad(set, err, "0 or 1");
		}
		return apply_limit(set,
				   !strcmp(set->name, "memory.max")	    ? &g->memory_max
				   : !strcmp(set->name, "memory.high")	    ? &g->memory_high
				   : !strcmp(set->name, "memory.low")	    ? &g->memory_low
				   : !strcmp(set->name, "memory.min")	    ? &g->memory_min
				   : !strcmp(set->name, "memory.zswap.max") ? &g->zswap_max
									    : &g->swap_max,
				   err);
	}
	return false;
}

bool setting_apply(const struct setting *set, struct scenario *s, FILE *err)
{
	u64 factor;
	char *end;

	switch (set->kind) {
	case SET_SYSCTL:
		return apply_sysctl(set, s);
	case SET_SWAP_SIZE:
	case SET_SWAP_DEVICE:
	case SET_SWAP_PRIORITY:
	case SET_SWAP_TYPE:
	case SET_SWAP_ALGORITHM:
	case SET_SWAP_MEM_LIMIT:
		return apply_swap(set, s, err);
	case SET_ZSWAP:
		return apply_zswap(set, s, err);
	case SET_THP:
		return apply_thp(set, s, err);
	case SET_LRU_GEN:
		return apply_lru_gen(set, s, err);
	case SET_NODES:
		return apply_nodes(set, s, err);
	case SET_NODE_MEMORY:
		return apply_node_memory(set, s, err);
	case SET_LOAD:
		setting_factor(set->value, &factor);
		for (u32 i = 0; i < s->processes_count; i++)
			scale_process(&s->processes[i], factor);
		return true;
	case SET_SEED:
		s->seed = strtoull(set->value, &end, 0);
		return (*set->value && !*end) || bad(set, err, "a number");
	case SET_HOT:
	case SET_HOT_SHARE:
		return apply_hotness(set, s, err);
	case SET_CONTENT:
		return apply_content(set, s, err);
	case SET_GROW:
		fprintf(err, "quire: %s: is for captures; a scenario says what grows\n", set->text);
		return false;
	case SET_GROUP:
		return apply_group(set, s, err);
	case SET_GROUP_ADJ:
		return apply_group_adj(set, s, err);
	case SET_PROCESS:
		return apply_process(set, s, err);
	}
	return false;
}
