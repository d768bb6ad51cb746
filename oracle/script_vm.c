/* SPDX-License-Identifier: MIT */
/*
 * The machine of a scenario: its lines "#vm KEY=VALUE ...".
 *
 * Invariants of a machine that was completed: nodes are numbered from 0 on,
 * each has whole MiB, and each processor below smp is in one of them.
 */
#include "oracle/script_parse.h"

#include <stdlib.h>
#include <string.h>

static bool parse_cpus(struct parser *p, struct oracle_node *node, char *list)
{
	char *save = NULL;
	u64 v;

	if (!strcmp(list, "-"))
		return true;
	for (char *w = strtok_r(list, "+", &save); w; w = strtok_r(NULL, "+", &save)) {
		if (node->nr_cpus == QUIRE_MAX_CPUS ||
		    !script_number(p, "the processor", w, QUIRE_MAX_CPUS - 1, &v))
			return false;
		node->cpu[node->nr_cpus++] = (u16)v;
	}
	return true;
}

/* ID:SIZE:CPU+CPU or ID:SIZE:- */
static bool parse_node(struct parser *p, char *v)
{
	struct oracle_vm *vm = &p->s->vm;
	char *size = strchr(v, ':'), *cpus = size ? strchr(size + 1, ':') : NULL;
	struct oracle_node *node = &vm->node[vm->nr_nodes];
	u64 id;

	if (!cpus) {
		script_wrong(p, "node=%s is not right: ID:SIZE:CPU+CPU would be, or ID:SIZE:-", v);
		return false;
	}
	*size++ = *cpus++ = 0;
	if (vm->nr_nodes == QUIRE_MAX_NODES) {
		script_wrong(p, "too many nodes: at most %d", QUIRE_MAX_NODES);
		return false;
	}
	memset(node, 0, sizeof(*node));
	if (!script_number(p, "the node", v, QUIRE_MAX_NODES - 1, &id) ||
	    !script_size(p, "the node's memory", size, &node->bytes) || !parse_cpus(p, node, cpus))
		return false;
	node->id = (u32)id;
	for (u32 i = 0; i < vm->nr_nodes; i++) {
		if (vm->node[i].id == id) {
			script_wrong(p, "node %u is there twice: each has a number of its own",
				     node->id);
			return false;
		}
	}
	vm->nr_nodes++;
	return true;
}

/* dist=A,B,D */
static bool parse_dist(struct parser *p, char *v)
{
	char *save = NULL, *w[3];
	u64 n[3];

	for (int i = 0; i < 3; i++)
		w[i] = strtok_r(i ? NULL : v, ",", &save);
	if (!w[2] || strtok_r(NULL, ",", &save)) {
		script_wrong(p, "dist= is not right: A,B,D would be, two nodes and a distance");
		return false;
	}
	if (!script_number(p, "the node", w[0], QUIRE_MAX_NODES - 1, &n[0]) ||
	    !script_number(p, "the node", w[1], QUIRE_MAX_NODES - 1, &n[1]) ||
	    !script_number(p, "the distance", w[2], 254, &n[2]))
		return false;
	p->s->vm.distance[n[0]][n[1]] = (u8)n[2];
	return true;
}

static bool parse_vm_key(struct parser *p, const char *key, char *v)
{
	struct oracle_vm *vm = &p->s->vm;
	u64 n;

	if (!strcmp(key, "mem"))
		return script_size(p, "mem", v, &vm->mem);
	if (!strcmp(key, "smp")) {
		if (!script_number(p, "smp", v, QUIRE_MAX_CPUS, &n))
			return false;
		vm->smp = (u32)n;
		return script_positive(p, "smp", n);
	}
	if (!strcmp(key, "node"))
		return parse_node(p, v);
	if (!strcmp(key, "dist"))
		return parse_dist(p, v);
	if (!strcmp(key, "swap")) {
		if (vm->nr_swaps == ORACLE_MAX_SWAPS) {
			script_wrong(p, "too many swap devices: at most %d", ORACLE_MAX_SWAPS);
			return false;
		}
		return script_size(p, "swap", v, &vm->swap[vm->nr_swaps++]);
	}
	if (!strcmp(key, "data")) {
		vm->data = strcmp(v, "0") != 0;
		return true;
	}
	if (!strcmp(key, "append")) {
		if (vm->nr_append == ORACLE_MAX_WORDS) {
			script_wrong(p, "too many words: at most %d append=", ORACLE_MAX_WORDS);
			return false;
		}
		vm->append[vm->nr_append++] = v;
		return true;
	}
	if (!strcmp(key, "disk")) {
		vm->virtio = !strcmp(v, "virtio");
		if (vm->virtio || !strcmp(v, "pmem"))
			return true;
		script_wrong(p, "there is no disk=%s: there are pmem and virtio", v);
		return false;
	}
	if (!strcmp(key, "machine"))
		return true;
	script_wrong(
		p, "there is no key %s=: there are mem, smp, node, dist, swap, data, append, disk",
		key);
	return false;
}

bool parse_vm(struct parser *p, char **word, u32 n)
{
	bool fine = true;

	for (u32 i = 1; i < n; i++) {
		char *eq = strchr(word[i], '=');

		if (!eq) {
			script_wrong(
				p,
				"\"%s\" says nothing of the machine: KEY=VALUE would, as mem=512M",
				word[i]);
			return false;
		}
		*eq = 0;
		fine &= parse_vm_key(p, word[i], eq + 1);
	}
	return fine;
}

static int by_id(const void *a, const void *b)
{
	const struct oracle_node *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* As QEMU fills in what was not said: one node, CPUs of none in the first. */
bool complete_vm(struct parser *p)
{
	struct oracle_vm *vm = &p->s->vm;
	bool seen[QUIRE_MAX_CPUS] = {false};

	if (!vm->nr_nodes)
		vm->node[vm->nr_nodes++].bytes = vm->mem;
	qsort(vm->node, vm->nr_nodes, sizeof(vm->node[0]), by_id);
	for (u32 i = 0; i < vm->nr_nodes; i++) {
		const struct oracle_node *node = &vm->node[i];

		if (node->id != i) {
			script_wrong(
				p,
				"there is a node %u and no node %u: nodes are numbered from 0 on",
				node->id, i);
			return false;
		}
		if (node->bytes % (1u << 20) || node->bytes < 32u << 20 ||
		    node->bytes > 1ULL << 43) {
			script_wrong(p,
				     "node %u has %llu bytes: whole MiB from 32M to 8192G would be "
				     "right",
				     i, (unsigned long long)node->bytes);
			return false;
		}
		for (u32 j = 0; j < node->nr_cpus; j++) {
			if (node->cpu[j] < vm->smp && !seen[node->cpu[j]]) {
				seen[node->cpu[j]] = true;
				continue;
			}
			script_wrong(p,
				     "processor %u of node %u: each of 0 to smp-1 is in one node",
				     node->cpu[j], i);
			return false;
		}
	}
	for (u32 cpu = 0; cpu < vm->smp; cpu++)
		if (!seen[cpu])
			vm->node[0].cpu[vm->node[0].nr_cpus++] = (u16)cpu;
	return true;
}

unsigned int oracle_nr_devices(const struct oracle_vm *vm)
{
	return vm->nr_swaps + vm->data;
}
