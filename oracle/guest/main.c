/* SPDX-License-Identifier: MIT */
/*
 * The beginning and the end: find the device whose memory the host shares,
 * take the script out of it, run it, say the log, and leave the machine.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

#define IVSHMEM_DEVICE "0x1110"
#define DEBUG_EXIT     0xf4 /* isa-debug-exit: a write ends QEMU at once */

static char *map_bar(const char *device, size_t *size)
{
	char path[512];
	struct stat st;
	char *p;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", device);
	put(path, "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2", device);
	fd = open(path, O_RDWR | O_CLOEXEC | O_SYNC);
	if (fd < 0)
		return NULL;
	fstat(fd, &st);
	*size = st.st_size;
	p = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return NULL;
	/* Workers need no page tables for it. */
	madvise(p, *size, MADV_DONTFORK);
	return p;
}

static char *find_bar(size_t *size)
{
	DIR *d = opendir("/sys/bus/pci/devices");
	char path[512], id[32], *p = NULL;
	struct dirent *e;

	if (!d)
		return NULL;
	while (!p && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", e->d_name);
		if (slurp(path, id, sizeof(id)) > 0 &&
		    !strncmp(id, IVSHMEM_DEVICE, strlen(IVSHMEM_DEVICE)))
			p = map_bar(e->d_name, size);
	}
	closedir(d);
	return p;
}

int main(void)
{
	static char script[SCRIPT_MAX];
	size_t size = 0;
	char *bar = find_bar(&size);

	if (!bar) {
		printf("oracle: there is no device to give results to\n");
		sleep(1);
		reboot(RB_POWER_OFF);
		return 1;
	}
	memcpy(script, bar, SCRIPT_MAX - 1);
	output_init(bar, size);
	signal(SIGPIPE, SIG_IGN);
	mlockall(MCL_CURRENT | MCL_FUTURE);

	outf("@@start ns=%llu\n", now());
	script_run(script);
	for (int i = 0; i < nr_procs; i++)
		collect(&procs[i]);
	dump_dmesg();
	outf("@@finish ns=%llu\n", now());
	output_finish();

	if (!ioperm(DEBUG_EXIT, 4, 1))
		outl(0, DEBUG_EXIT);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
