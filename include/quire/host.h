/* SPDX-License-Identifier: MIT */
/*
 * The host port: an instance of Quire inside a process, on real memory, for
 * any number of threads.
 *
 *	struct quire_config cfg = {.nr_nodes = 1};
 *	cfg.node[0].size_bytes = 1 << 30;
 *	cfg.node[0].nr_cpus = 4;
 *	struct quire *q = quire_host_create(&cfg, 0, NULL);
 *	...
 *	quire_host_destroy(q);
 *
 * Memory is reserved address space: what is not allocated takes none of the
 * machine's.  A thread becomes known to an instance by its first call and then
 * works on one of the instance's CPUs, given out in turn; a CPU is no more
 * than a set of lists, and threads that share one only share its locks.
 */
#ifndef QUIRE_HOST_H
#define QUIRE_HOST_H

#include <quire/quire.h>

#define QUIRE_HOST_LOG 0x1u /* the kernel log goes to stderr */

/*
 * Makes and boots an instance.  Of cfg its nodes, distances, seed and names are
 * used; memory and port are the host's (physical addresses begin at 4 GiB, so
 * that all memory is in one zone a node, unless start_bytes says otherwise).
 * Returns NULL with *error (if not NULL) negative: -EINVAL for an impossible
 * configuration, -ENOMEM when address space or memory are short.  flags is 0 or
 * QUIRE_HOST_LOG.  Sleeps.
 */
struct quire *quire_host_create(const struct quire_config *cfg, unsigned int flags, int *error);

/* Ends it and frees its memory, with all that was allocated from it: no other
 * thread may be inside, or come again.  Sleeps until its threads have ended. */
void quire_host_destroy(struct quire *q);

/* Waits until the instance's kernel threads sleep.  Call it, with no other
 * thread inside, before quire_verify().  Sleeps. */
void quire_host_quiesce(struct quire *q);

/* From now on the calling thread works on this CPU of the instance (and takes
 * memory from its node first).  0, or -EINVAL if there is none of that number. */
int quire_host_set_cpu(struct quire *q, unsigned int cpu);
/* The CPU on which the calling thread works. */
unsigned int quire_host_cpu(struct quire *q);

/*
 * On machines that have nodes themselves: how many there are (numbers below that;
 * 1 where nobody knows), and the memory of an instance's node is taken from one of
 * them from now on: what was touched before stays where it is, so bind right after
 * quire_host_create().  flags: QUIRE_HOST_STRICT for memory of this node or none
 * (Linux's MPOL_BIND), else others help out (MPOL_PREFERRED).  0, -EINVAL (no
 * such node) or -ENOSYS (the machine has no nodes, or may not be asked): then all
 * works, on memory from anywhere.  Never sleep.
 */
#define QUIRE_HOST_STRICT 0x1u
unsigned int quire_host_machine_nodes(void);
int quire_host_bind_node(struct quire *q, unsigned int node, unsigned int machine_node,
			 unsigned int flags);

#endif
