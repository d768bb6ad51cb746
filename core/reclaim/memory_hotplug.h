/* SPDX-License-Identifier: MIT */
/*
 * Memory that goes and comes back: blocks of 128 MiB (Linux's memory_hotplug.c
 * and drivers/base/memory.c as far as states go).
 */
#ifndef QUIRE_RECLAIM_MEMORY_HOTPLUG_H
#define QUIRE_RECLAIM_MEMORY_HOTPLUG_H

#include "node/mmzone.h"

enum memory_block_state { MEM_ABSENT, MEM_ONLINE, MEM_OFFLINE };
enum mmop { MMOP_ONLINE, MMOP_ONLINE_KERNEL, MMOP_ONLINE_MOVABLE };

/* Blocks are numbered by address; absent: nothing lies there, or only a part. */
unsigned int nr_memory_blocks(const struct quire *q);
enum memory_block_state memory_block_state(const struct quire *q, unsigned int block);
/*
 * Moves what is in the block elsewhere and takes it out of its zone.  -EINVAL: it
 * has holes or lies in two zones, or is offline; -EBUSY: something in it cannot be
 * moved, or there is no room for it.  May sleep long.  Linux: offline_pages().
 */
int memory_block_offline(struct quire *q, unsigned int block);
/* Gives it back, free, to the zone that Linux would.  -EINVAL: it is not offline;
 * -ENOMEM. */
int memory_block_online(struct quire *q, unsigned int block, enum mmop how);

#endif
