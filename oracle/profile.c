/* SPDX-License-Identifier: MIT */
/*
 * The machine by its sizes: what the kernel and the firmware keep is what
 * Linux 6.1 keeps on a machine of this kind, in one piece of each node.
 */
#include "oracle/profile.h"

#include <quire/proc.h>
#include <stdlib.h>
#include <string.h>

/* Of 512 MiB, 468,416 KiB are managed: descriptors of frames are 1/64, the
 * rest is the kernel itself. */
#define KERNEL_BYTES (47ULL << 20)

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

int profile_build(const struct oracle_vm *vm, const char *kernel, struct profile *out, FILE *err)
{
	struct quire_config *cfg = &out->cfg;

	memset(out, 0, sizeof(*out));
	if (strcmp(kernel, "6.1")) {
		fprintf(err, "quire: there is no profile of kernel %s: there is 6.1\n", kernel);
		return -EINVAL;
	}
	cfg->nr_nodes = vm->nr_nodes;
	for (u32 i = 0; i < vm->nr_nodes; i++) {
		cfg->node[i].size_bytes = vm->node[i].bytes;
		cfg->node[i].nr_cpus = vm->node[i].nr_cpus;
		cfg->node[i].reserved_bytes = i ? 0 : KERNEL_BYTES;
	}
	memcpy(cfg->distance, vm->distance, sizeof(cfg->distance));
	cfg->pci_hole_start = 3ULL << 30;
	cfg->seed = 1;
	cfg->boot_time = 1704067200; /* 2024-01-01, as the rig's clock */
	out->start_ns = 1100000000;
	out->private = command_line(vm);
	out->cmdline = out->private;
	return out->cmdline ? 0 : -ENOMEM;
}

int profile_boot(struct profile *p, struct model *m)
{
	static const char enabled[] = "/sys/module/zswap/parameters/enabled";
	struct quire *q = model_quire(m);

	if (strstr(p->cmdline, "zswap.enabled=1"))
		(void)quire_proc_write(q, enabled, "Y", 1);
	return 0;
}

void profile_free(struct profile *p)
{
	free(p->private);
	p->private = NULL;
}
