/* SPDX-License-Identifier: MIT */
/*
 * The machine's own nodes: an instance's node can be made to stand on one of them
 * (mbind(2)), so that what is taken from it is near the CPUs that it is meant for.
 *
 * The system call is made directly: libnuma has nothing more to offer here.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node/mmzone.h"
#include "port/host/internal.h"

#define MODE_PREFERRED 1 /* MPOL_PREFERRED */
#define MODE_BIND      2 /* MPOL_BIND */

unsigned int quire_host_machine_nodes(void)
{
	FILE *f = fopen("/sys/devices/system/node/has_memory", "r");
	unsigned int last = 0, n;
	char line[256] = "", *p = line;

	if (!f)
		return 1;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	/* "0-1,3": the last number. */
	while (*p) {
		if (sscanf(p, "%u", &n) == 1)
			last = n;
		p += strcspn(p, "-,\n");
		p += *p != '\0';
	}
	return last + 1;
}

int quire_host_bind_node(struct quire *q, unsigned int node, unsigned int machine_node,
			 unsigned int flags)
{
	unsigned long mask[QUIRE_MAX_NODES / BITS_PER_LONG] = {0};
	const struct pglist_data *pgdat;
	long err;

	if (node >= q->nr_nodes || machine_node >= QUIRE_MAX_NODES || flags & ~QUIRE_HOST_STRICT)
		return -EINVAL;
	pgdat = NODE_DATA(q, node);
	if (!pgdat->node_spanned_pages)
		return 0;
	mask[machine_node / BITS_PER_LONG] = 1UL << machine_node % BITS_PER_LONG;
	err = syscall(SYS_mbind, pfn_to_virt(q, pgdat->node_start_pfn),
		      pgdat->node_spanned_pages << PAGE_SHIFT,
		      flags & QUIRE_HOST_STRICT ? MODE_BIND : MODE_PREFERRED, mask,
		      (unsigned long)QUIRE_MAX_NODES + 1, 0U);
	if (!err)
		return 0;
	/* Kernels without NUMA, sandboxes without the call: nothing to be near to. */
	return machine_node ? -EINVAL : -ENOSYS;
}
