/* SPDX-License-Identifier: MIT */
/* Settings: read from NAME=VALUE, held against what there is to set. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine/capture_load.h"
#include "machine/nearest.h"
#include "machine/setting.h"
#include "machine/units.h"

static const struct plain {
	const char *name;
	enum setting_kind kind;
	enum setting_gate gate;
	const char *parameter;
} plain[] = {
	{"swap", SET_SWAP_SIZE, GATE_BOOT, NULL},
	{"swap.size", SET_SWAP_SIZE, GATE_BOOT, NULL},
	{"swap.device", SET_SWAP_DEVICE, GATE_BOOT, NULL},
	{"swap.priority", SET_SWAP_PRIORITY, GATE_BOOT, NULL},
	{"swap.type", SET_SWAP_TYPE, GATE_BOOT, NULL},
	{"swap.algorithm", SET_SWAP_ALGORITHM, GATE_BOOT, NULL},
	{"swap.mem_limit", SET_SWAP_MEM_LIMIT, GATE_BOOT, NULL},
	{"zswap", SET_ZSWAP, GATE_BOOT, "enabled"},
	{"zswap.enabled", SET_ZSWAP, GATE_BOOT, "enabled"},
	{"zswap.compressor", SET_ZSWAP, GATE_BOOT, "compressor"},
	{"zswap.zpool", SET_ZSWAP, GATE_BOOT, "zpool"},
	{"zswap.max_pool_percent", SET_ZSWAP, GATE_RECLAIM, "max_pool_percent"},
	{"zswap.accept_threshold_percent", SET_ZSWAP, GATE_RECLAIM, "accept_threshold_percent"},
	{"zswap.shrinker_enabled", SET_ZSWAP, GATE_RECLAIM, "shrinker_enabled"},
	{"thp", SET_THP, GATE_BOOT, NULL},
	{"transparent_hugepage", SET_THP, GATE_BOOT, NULL},
	{"lru_gen", SET_LRU_GEN, GATE_BOOT, NULL},
	{"nodes", SET_NODES, GATE_BOOT, NULL},
	{"node.memory", SET_NODE_MEMORY, GATE_BOOT, NULL},
	{"load", SET_LOAD, GATE_BOOT, NULL},
	{"seed", SET_SEED, GATE_BOOT, NULL},
	{"grow", SET_GROW, GATE_BOOT, NULL},
	{"hot", SET_HOT, GATE_BOOT, NULL},
	{"hot_share", SET_HOT_SHARE, GATE_BOOT, NULL},
	{"content", SET_CONTENT, GATE_BOOT, NULL},
	/* The same where the scenario does not say. */
	{"unknown.hot", SET_HOT, GATE_BOOT, NULL},
	{"unknown.hot_share", SET_HOT_SHARE, GATE_BOOT, NULL},
	{"unknown.content", SET_CONTENT, GATE_BOOT, NULL},
};

static const struct plain group_files[] = {
	{"memory.max", SET_GROUP, GATE_BOOT, NULL},
	{"memory.high", SET_GROUP, GATE_BOOT, NULL},
	{"memory.low", SET_GROUP, GATE_BOOT, NULL},
	{"memory.min", SET_GROUP, GATE_BOOT, NULL},
	{"memory.swap.max", SET_GROUP, GATE_BOOT, NULL},
	{"memory.zswap.max", SET_GROUP, GATE_BOOT, NULL},
	{"memory.oom.group", SET_GROUP, GATE_KILL, NULL},
	{"oom_score_adj", SET_GROUP_ADJ, GATE_KILL, NULL},
};

static const struct plain attributes[] = {
	{"oom_score_adj", SET_PROCESS, GATE_KILL, NULL}, {"numa", SET_PROCESS, GATE_BOOT, NULL},
	{"node", SET_PROCESS, GATE_BOOT, NULL},		 {"cgroup", SET_PROCESS, GATE_BOOT, NULL},
	{"load", SET_PROCESS, GATE_BOOT, NULL},		 {"count", SET_PROCESS, GATE_BOOT, NULL},
	{"rss", SET_PROCESS, GATE_BOOT, NULL},		 {"grow", SET_GROW, GATE_BOOT, NULL},
};

/* Read by reclaim, or by the killer, and by nothing else. */
static const char *const reclaim_sysctls[] = {"vm.swappiness", "vm.vfs_cache_pressure",
					      "vm.page-cluster"};
static const char *const kill_sysctls[] = {"vm.panic_on_oom", "vm.oom_kill_allocating_task",
					   "vm.oom_dump_tasks"};

static bool is_one_of(const char *name, const char *const *names, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* ---- names -------------------------------------------------------------------------- */

/* All names of sysctls below a directory of /proc/sys. */
struct offer {
	struct nearest *n;
	struct quire *q;
	char prefix[96];
};

static bool offer_entry(void *ctx, const char *name, struct proc_entry e)
{
	struct offer *o = ctx, below = *o;
	char full[160];

	if (e.kind == PROC_DIR) {
		if (snprintf(below.prefix, sizeof(below.prefix), "%s%s.", o->prefix, name) <
		    (int)sizeof(below.prefix))
			proc_readdir(o->q, e, offer_entry, &below);
		return true;
	}
	if (e.mode & 0222) {
		snprintf(full, sizeof(full), "%s%s", o->prefix, name);
		nearest_offer(o->n, full);
	}
	return true;
}

/* A machine as small as can be, to ask what it knows. */
static struct model *tiny_machine(struct quire_config *cfg)
{
	char message[128];

	*cfg = (struct quire_config){.nr_nodes = 1};
	cfg->node[0].size_bytes = 64UL << 20;
	cfg->node[0].nr_cpus = 1;
	return model_create(cfg, message, sizeof(message));
}

struct attempt {
	struct quire *q;
	const char *name, *value;
	int result;
};

static void try_write(void *arg)
{
	struct attempt *a = arg;
	struct proc_entry e = proc_lookup(a->q, proc_root(), "sys");
	char part[64];
	const char *name = a->name;

	a->result = -ENOENT;
	while (e.kind == PROC_DIR && *name) {
		size_t n = strcspn(name, "./");

		if (n >= sizeof(part))
			return;
		memcpy(part, name, n);
		part[n] = 0;
		e = proc_lookup(a->q, e, part);
		name += n + (name[n] != 0);
	}
	if (e.kind == PROC_FILE && e.mode & 0222)
		a->result = (int)proc_write(a->q, e, a->value, strlen(a->value));
}

int setting_try_sysctl(const char *name, const char *value)
{
	struct quire_config cfg;
	struct model *tiny = tiny_machine(&cfg);
	struct attempt a = {.name = name, .value = value, .result = -ENOMEM};

	if (!tiny)
		return -ENOMEM;
	a.q = model_quire(tiny);
	model_call(tiny, NULL, try_write, &a);
	model_destroy(tiny);
	return a.result;
}

static void offer_below(struct nearest *n, const char *target, const struct plain *names, size_t nr)
{
	char full[160];

	for (size_t i = 0; i < nr; i++) {
		snprintf(full, sizeof(full), "%s/%s", target, names[i].name);
		nearest_offer(n, full);
	}
}

void setting_offer_names(struct nearest *n, const struct scenario *s)
{
	struct quire_config cfg;
	struct model *tiny = tiny_machine(&cfg);

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		nearest_offer(n, plain[i].name);
	for (u32 i = 0; s && i < s->cgroups_count; i++)
		offer_below(n, s->cgroups[i].path, group_files, ARRAY_SIZE(group_files));
	for (u32 i = 0; s && i < s->processes_count; i++)
		offer_below(n, s->processes[i].name, attributes, ARRAY_SIZE(attributes));
	if (tiny) {
		struct offer o = {.n = n, .q = model_quire(tiny)};

		proc_readdir(o.q, proc_lookup(o.q, proc_root(), "sys"), offer_entry, &o);
		model_destroy(tiny);
	}
}

/* ---- reading -------------------------------------------------------------------------- */

static const struct plain *find_plain(const struct plain *names, size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(names[i].name, name))
			return &names[i];
	return NULL;
}

/* In a capture any process and group may be meant: the live machine knows. */
static bool target_exists(const struct scenario *s, const char *target)
{
	for (u32 i = 0; s && *target == '/' && i < s->cgroups_count; i++)
		if (!strcmp(s->cgroups[i].path, target))
			return true;
	for (u32 i = 0; s && *target != '/' && i < s->processes_count; i++)
		if (!strcmp(s->processes[i].name, target))
			return true;
	return !s;
}

/* What is before the last slash is whom it concerns. */
static const struct plain *find_targeted(struct setting *set, const char *name)
{
	const char *slash = strrchr(name, '/');
	const struct plain *p;

	if (!slash || slash == name)
		return NULL;
	p = *name == '/' ? find_plain(group_files, ARRAY_SIZE(group_files), slash + 1)
			 : find_plain(attributes, ARRAY_SIZE(attributes), slash + 1);
	if (!p)
		return NULL;
	set->target = strndup(name, (size_t)(slash - name));
	set->name = strdup(slash + 1);
	return p;
}

static bool unknown(const char *name, const struct scenario *s, FILE *err)
{
	struct nearest n = nearest_to(name);
	const char *best;

	setting_offer_names(&n, s);
	best = nearest_found(&n);
	if (best)
		fprintf(err, "quire: there is no setting \"%s\"; did you mean \"%s\"?\n", name,
			best);
	else
		fprintf(err, "quire: there is no setting \"%s\"; quire(1) lists what can be set\n",
			name);
	return false;
}

static bool read_sysctl(struct setting *set, const char *name, const struct scenario *s, FILE *err)
{
	int result = setting_try_sysctl(name, set->value);

	if (result == -ENOENT)
		return unknown(name, s, err);
	if (result < 0) {
		fprintf(err, "quire: %s: the kernel does not take the value \"%s\"\n", name,
			set->value);
		return false;
	}
	set->kind = SET_SYSCTL;
	set->name = strdup(name);
	for (char *c = set->name; c && *c; c++)
		if (*c == '/')
			*c = '.';
	set->gate = GATE_BOOT;
	if (is_one_of(set->name, reclaim_sysctls, ARRAY_SIZE(reclaim_sysctls)))
		set->gate = GATE_RECLAIM;
	if (is_one_of(set->name, kill_sysctls, ARRAY_SIZE(kill_sysctls)))
		set->gate = GATE_KILL;
	return true;
}

static bool read_name(struct setting *set, const char *name, const struct scenario *s, FILE *err)
{
	const struct plain *p = find_plain(plain, ARRAY_SIZE(plain), name);

	if (p) {
		set->name = strdup(p->parameter ? p->parameter : p->name);
	} else {
		p = find_targeted(set, name);
		if (p && !target_exists(s, set->target))
			return unknown(name, s, err);
	}
	if (!p)
		return read_sysctl(set, name, s, err);
	set->kind = p->kind;
	set->gate = p->gate;
	return true;
}

static void setting_free(struct setting *set)
{
	free(set->text);
	free(set->target);
	free(set->name);
	free(set->value);
}

bool setting_factor(const char *text, u64 *factor)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text)
		return false;
	if (*end == '%') {
		v = *text == '+' || *text == '-' ? 1 + v / 100 : v / 100;
		end++;
	}
	if (*end || !(v >= 0.01 && v <= 100))
		return false;
	*factor = (u64)(v * TEN_THOUSAND + 0.5);
	return true;
}

static bool check_value(const struct setting *set, FILE *err)
{
	bool load =
		set->kind == SET_LOAD || (set->kind == SET_PROCESS && !strcmp(set->name, "load"));
	char none[TASK_COMM_LEN];
	u64 factor;

	if (set->kind == SET_GROW && !growth_parse(set->value, none, &factor)) {
		fprintf(err, "quire: grow: \"%s\" is not a rate; write it as 4M/s\n", set->value);
		return false;
	}
	if (!load || setting_factor(set->value, &factor))
		return true;
	fprintf(err, "quire: load: \"%s\" is not a load; write +20%%, 120%% or 1.2\n", set->value);
	return false;
}

bool setting_add(struct setting_list *list, const char *text, const struct scenario *s, FILE *err)
{
	const char *equals = strchr(text, '=');
	struct setting set = {0}, *v;
	char *name;
	bool ok;

	if (!equals || equals == text) {
		fprintf(err, "quire: \"%s\" is not NAME=VALUE, as vm.swappiness=10\n", text);
		return false;
	}
	name = strndup(text, (size_t)(equals - text));
	set.text = strdup(text);
	set.value = strdup(equals + 1);
	ok = name && set.text && set.value && read_name(&set, name, s, err) &&
	     check_value(&set, err);
	free(name);
	v = ok ? realloc(list->v, (list->nr + 1) * sizeof(*v)) : NULL;
	if (!v) {
		setting_free(&set);
		return false;
	}
	list->v = v;
	v[list->nr++] = set;
	return true;
}

void setting_list_free(struct setting_list *list)
{
	for (size_t i = 0; i < list->nr; i++)
		setting_free(&list->v[i]);
	free(list->v);
	*list = (struct setting_list){0};
}

char *setting_key(const struct setting_list *list, enum setting_gate gate)
{
	char *key = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&key, &len);

	for (size_t i = 0; f && i < list->nr; i++)
		if (gate == NR_GATES || list->v[i].gate == gate)
			fprintf(f, "%s%s", ftell(f) ? " " : "", list->v[i].text);
	if (f)
		fclose(f);
	return key;
}
