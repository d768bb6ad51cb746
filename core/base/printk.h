/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: a ring of records in boot memory, read by /dev/kmsg and
 * dmesg.  The oldest records go when the ring is full; their sequence numbers
 * stay, so a reader sees the gap.
 */
#ifndef QUIRE_BASE_PRINTK_H
#define QUIRE_BASE_PRINTK_H

#include "base/quire.h"

enum { KERN_EMERG, KERN_ALERT, KERN_CRIT, KERN_ERR, KERN_WARNING, KERN_NOTICE, KERN_INFO, KERN_DEBUG };

struct printk_record {
	u64 seq;
	u64 time_ns;
	unsigned int level;
	unsigned int len; /* of text, without newline */
	const char *text;
};

/* How many bytes a ring of text_bytes needs, and its set-up in that storage. */
size_t printk_ring_size(size_t text_bytes);
void printk_init(struct quire *q, void *storage, size_t storage_bytes);

/* One line (no newline).  Never sleeps; lines are cut at 1,000 bytes. */
void printk(struct quire *q, int level, const char *fmt, ...) __printf(3, 4);

/*
 * The first record with a number of at least seq; false if there is none yet.
 * The text is copied into buf (cap bytes), rec->text points there.
 */
bool printk_read(struct quire *q, u64 seq, struct printk_record *rec, char *buf, size_t cap);

#define pr_err(q, ...)	   printk(q, KERN_ERR, __VA_ARGS__)
#define pr_warn(q, ...)	   printk(q, KERN_WARNING, __VA_ARGS__)
#define pr_info(q, ...)	   printk(q, KERN_INFO, __VA_ARGS__)

#endif
