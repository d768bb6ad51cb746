/* SPDX-License-Identifier: MIT */
/*
 * The server and the command on one processor.
 *
 * A request is two wake-ups, of the server and of its caller, and only one of
 * the two ever runs.  On two processors each wake-up goes to one that has
 * halted meanwhile, 50 us and more on a virtual host; on one it is a switch of
 * tasks.  ps aux of a thousand processes: 150 instead of 450 ms.
 *
 * Measured and left: a server that follows its caller to where it ran last (the
 * scheduler then wakes the caller on whichever other processor is idle), one
 * that asks on before it sleeps (it takes the processor that the caller needs),
 * and keeping the processors from halting with SCHED_IDLE (290 ms).
 */
#define _GNU_SOURCE
#include <sched.h>

#include "procfs/cpu.h"

void share_cpu(int pid)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!sched_setaffinity(pid, sizeof(set), &set))
		(void)sched_setaffinity(0, sizeof(set), &set);
}
