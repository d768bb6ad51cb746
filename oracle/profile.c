/* SPDX-License-Identifier: MIT */
/*
 * A machine and what its kernel made of it when the guest program starts.
 *
 * The layout is the early boot's (profile_early.c): to the page.  The instance
 * boots from it as the kernel does, with the initrd and init's code still
 * taken, so that watermarks, reserves and min_free_kbytes are those of boot;
 * then they are given back.
 */
#include "oracle/profile.h"
#include "oracle/profile_boot.h"

#include <quire/proc.h>
#include <stdlib.h>
#include <string.h>

static char *command_line(const struct oracle_vm *vm)
{
	static const char common[] =
		"console=ttyS0 nokaslr norandmaps mitigations=off swiotlb=noforce panic=-1 "
		"oops=panic tsc=reliable clocksource=tsc cryptomgr.notests random.trust_cpu=on "
		"random.trust_bootloader=on printk.time=1 loglevel=5";
	size_t len = sizeof(common);
	char *text;

	for (u32 i = 0; i < vm->nr_append; i++)
		len += strlen(vm->append[i]) + 1;
	text = malloc(len);
	if (!text)
		return NULL;
	strcpy(text, common);
	for (u32 i = 0; i < vm->nr_append; i++) {
		strcat(text, " ");
		strcat(text, vm->append[i]);
	}
	return text;
}

struct private
{
	char *cmdline;
	struct profile_layout *layout;
};

/* Distances count as given when one is said that is not the usual. */
static bool has_distances(const struct oracle_vm *vm)
{
	for (u32 a = 0; a < vm->nr_nodes; a++)
		for (u32 b = 0; b < vm->nr_nodes; b++)
			if (a != b && vm->distance[a][b])
				return true;
	return false;
}

/* The value of a word of the command line; 0: it is not there. */
static u64 core_bytes(const struct oracle_vm *vm, const char *word)
{
	size_t len = strlen(word);
	u64 bytes = 0;

	for (u32 i = 0; i < vm->nr_append; i++)
		if (!strncmp(vm->append[i], word, len) && !oracle_size(vm->append[i] + len, &bytes))
			bytes = 0;
	return bytes;
}

static struct profile_layout *make_layout(const struct oracle_vm *vm, const char *cmdline)
{
	static const struct early_machine none;
	struct early_machine m = none;

	m.nr_nodes = vm->nr_nodes;
	m.nr_cpus = vm->smp;
	m.distances = has_distances(vm);
	m.nvdimm = (vm->nr_swaps || vm->data) && !vm->virtio;
	m.cmdline_len = (u32)strlen(cmdline);
	m.kernelcore = core_bytes(vm, "kernelcore=");
	m.movablecore = core_bytes(vm, "movablecore=");
	for (u32 i = 0; i < vm->nr_nodes; i++) {
		m.bytes[i] = vm->node[i].bytes;
		for (u32 c = 0; c < vm->node[i].nr_cpus; c++)
			m.cpu_node[vm->node[i].cpu[c]] = i;
	}
	return profile_layout_make(&m, &early_kernel_6_1);
}

int profile_build(const struct oracle_vm *vm, const char *kernel, struct profile *out, FILE *err)
{
	struct quire_config *cfg = &out->cfg;
	struct private *p = calloc(1, sizeof(*p));

	memset(out, 0, sizeof(*out));
	out->private = p;
	if (!p || !(p->cmdline = command_line(vm)))
		return -ENOMEM;
	out->cmdline = p->cmdline;
	if (strcmp(kernel, "6.1")) {
		fprintf(err, "quire: there is no profile of kernel %s: there is 6.1\n", kernel);
		return -EINVAL;
	}
	p->layout = make_layout(vm, p->cmdline);
	if (!p->layout) {
		fprintf(err, "quire: Linux does not boot on such a machine: node 0 needs 160M "
			     "for the kernel, each node its own memory map\n");
		return -EINVAL;
	}
	cfg->nr_nodes = vm->nr_nodes;
	for (u32 i = 0; i < vm->nr_nodes; i++) {
		cfg->node[i].size_bytes = vm->node[i].bytes;
		cfg->node[i].nr_cpus = vm->node[i].nr_cpus;
	}
	cfg->layout = &p->layout->layout;
	memcpy(cfg->distance, vm->distance, sizeof(cfg->distance));
	/* QEMU takes a distance that is given one way for both */
	for (u32 a = 0; a < vm->nr_nodes; a++)
		for (u32 b = 0; b < vm->nr_nodes; b++)
			if (vm->distance[a][b] && !vm->distance[b][a])
				cfg->distance[b][a] = vm->distance[a][b];
	cfg->transparent_hugepage = strstr(p->cmdline, "transparent_hugepage=never")
					    ? QUIRE_THP_NEVER
				    : strstr(p->cmdline, "transparent_hugepage=madvise")
					    ? QUIRE_THP_MADVISE
					    : QUIRE_THP_ALWAYS; /* Debian's */
	cfg->seed = 1;
	cfg->boot_time = 1704067200; /* 2024-01-01, as the rig's clock */
	out->start_ns = 1100000000;
	return 0;
}

/* zswap.NAME=VALUE is a module's parameter, sysctl.NAME=VALUE a setting; a value
 * that is wrong leaves what was. */
static void boot_parameters(struct quire *q, const char *cmdline)
{
	static const struct {
		const char *prefix, *dir;
	} kinds[] = {{"zswap.", "/sys/module/zswap/parameters/"}, {"sysctl.", "/proc/sys/"}};

	for (const char *w = cmdline; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
		size_t len = strcspn(w, " "), key = strcspn(w, "= ");

		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && key < len; i++) {
			size_t prefix = strlen(kinds[i].prefix);
			char path[128];

			if (strncmp(w, kinds[i].prefix, prefix) || key < prefix)
				continue;
			snprintf(path, sizeof(path), "%s%.*s", kinds[i].dir, (int)(key - prefix),
				 w + prefix);
			for (char *c = path + strlen(kinds[i].dir); i && *c; c++)
				if (*c == '.')
					*c = '/';
			(void)quire_proc_write(q, path, w + key + 1, len - key - 1);
		}
	}
}

/* hugepagesz=2M|1G hugepages=N, in turn: pools that are filled at boot. */
static void boot_pools(struct quire *q, const char *cmdline)
{
	const char *size = "2048kB";

	for (const char *w = cmdline; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
		size_t len = strcspn(w, " ");
		char path[96];

		if (!strncmp(w, "hugepagesz=", 11))
			size = w[11] == '1' ? "1048576kB" : "2048kB";
		if (strncmp(w, "hugepages=", 10))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages",
			 size);
		(void)quire_proc_write(q, path, w + 10, len - 10);
	}
}

int profile_boot(struct profile *p, struct model *m)
{
	struct quire *q = model_quire(m);
	int err = boot_kernel(q, ((struct private *)p->private)->layout);

	if (!err)
		boot_parameters(q, p->cmdline);
	if (!err)
		boot_pools(q, p->cmdline);
	return err;
}

void profile_free(struct profile *p)
{
	struct private *priv = p->private;

	if (priv) {
		free(priv->cmdline);
		free(priv->layout);
	}
	free(priv);
	p->private = NULL;
}
