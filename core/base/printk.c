/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: see printk.h.
 *
 * A ring of bytes: each record is a header followed by its text, aligned to 8
 * bytes, never split: when a record does not fit before the end, the rest of
 * the ring is skipped (a header with len = SKIP).  head and tail are offsets
 * that only grow; modulo the size they are places.  Lines that come before
 * printk_init() go to the port only.
 *
 * Readers keep no state here: they ask for a number.  Where every 16th record
 * begins is kept in an index behind the data, so a record is found in at most
 * 16 steps, and reading the whole log is linear.
 */
#include <stdarg.h>

#include "base/printk.h"
#include "base/text.h"

#define PRINTK_LINE_MAX 1000
#define SKIP		0xffffffffu
#define INDEX_STEP	16

struct record_header {
	u64 seq;
	u64 time_ns;
	u32 level;
	u32 len;
};

struct printk_ring {
	struct spinlock lock;
	size_t size;	/* bytes of data, a multiple of 8 */
	u64 head, tail; /* oldest record; where the next one goes */
	u64 first_seq, next_seq;
	/* [nr_index]: the offset of record n * INDEX_STEP, at n modulo nr_index. */
	u64 *index;
	size_t nr_index;
	char data[];
};

size_t printk_ring_size(size_t text_bytes)
{
	return sizeof(struct printk_ring) + ALIGN(text_bytes, 8);
}

void printk_init(struct quire *q, void *storage, size_t storage_bytes)
{
	struct printk_ring *r = storage;

	memset(r, 0, sizeof(*r));
	spin_lock_init(&r->lock, LOCK_PRINTK);
	storage_bytes = ALIGN_DOWN(storage_bytes - sizeof(*r), 8);
	/* More than there can be records of the smallest size. */
	r->nr_index = storage_bytes / sizeof(struct record_header) / INDEX_STEP + 2;
	r->size = storage_bytes - r->nr_index * sizeof(*r->index);
	r->index = (u64 *)(void *)(r->data + r->size);
	q->printk = r;
}

static struct record_header *record_at(struct printk_ring *r, u64 offset)
{
	return (struct record_header *)(r->data + offset % r->size);
}

static size_t record_bytes(size_t len)
{
	return sizeof(struct record_header) + ALIGN(len, 8);
}

/* Moves *offset over a skipped end; false when there is no record there. */
static bool record_settle(struct printk_ring *r, u64 *offset)
{
	size_t room = r->size - *offset % r->size;

	if (*offset < r->tail &&
	    (room < sizeof(struct record_header) || record_at(r, *offset)->len == SKIP))
		*offset += room;
	return *offset < r->tail;
}

static void ring_put(struct printk_ring *r, int level, u64 time_ns, const char *text, size_t len)
{
	size_t need = record_bytes(len), room = r->size - r->tail % r->size;
	u64 start = room < need ? r->tail + room : r->tail;
	struct record_header *h;

	while (start + need > r->head + r->size) {
		if (!record_settle(r, &r->head))
			break;
		r->head += record_bytes(record_at(r, r->head)->len);
		r->first_seq++;
	}
	if (start != r->tail && room >= sizeof(*h))
		record_at(r, r->tail)->len = SKIP;
	if (r->first_seq == r->next_seq)
		r->head = start;
	h = record_at(r, start);
	if (r->next_seq % INDEX_STEP == 0)
		r->index[r->next_seq / INDEX_STEP % r->nr_index] = start;
	*h = (struct record_header){r->next_seq++, time_ns, (u32)level, (u32)len};
	memcpy(h + 1, text, len);
	r->tail = start + need;
}

static void vprintk(struct quire *q, int level, const char *fmt, va_list args)
{
	char line[PRINTK_LINE_MAX + 1];
	u64 now = quire_clock(q);
	struct text t;

	text_init(&t, line, sizeof(line));
	text_vprintf(&t, fmt, args);
	if (q->printk) {
		spin_lock(q, &q->printk->lock);
		ring_put(q->printk, level, now, line, t.len);
		spin_unlock(q, &q->printk->lock);
	}
	if (q->port->log)
		q->port->log(q->port_ctx, level, now, line, t.len);
}

void printk(struct quire *q, int level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(q, level, fmt, args);
	va_end(args);
}

/* Where to look for a record that is still there: at it, or a few before it. */
static u64 record_near(const struct printk_ring *r, u64 seq)
{
	u64 indexed = ALIGN_DOWN(seq, INDEX_STEP);

	return indexed > r->first_seq ? r->index[indexed / INDEX_STEP % r->nr_index] : r->head;
}

bool printk_read(struct quire *q, u64 seq, struct printk_record *rec, char *buf, size_t cap)
{
	struct printk_ring *r = q->printk;
	struct record_header *h;
	size_t n;
	u64 at;

	if (!r)
		return false;
	spin_lock(q, &r->lock);
	if (seq >= r->next_seq) {
		spin_unlock(q, &r->lock);
		return false;
	}
	at = record_near(r, max(seq, r->first_seq));
	(void)record_settle(r, &at);
	for (h = record_at(r, at); h->seq < seq; h = record_at(r, at)) {
		at += record_bytes(h->len);
		(void)record_settle(r, &at);
	}
	n = min_t(size_t, h->len, cap ? cap - 1 : 0);
	memcpy(buf, h + 1, n);
	if (cap)
		buf[n] = 0;
	*rec = (struct printk_record){h->seq, h->time_ns, h->level, (unsigned int)n, buf};
	spin_unlock(q, &r->lock);
	return true;
}

void quire_panic(struct quire *q, const char *fmt, ...)
{
	char line[256];
	struct text t;
	va_list args;

	text_init(&t, line, sizeof(line));
	va_start(args, fmt);
	text_vprintf(&t, fmt, args);
	va_end(args);
	/* Not through the ring: its lock may be what is broken. */
	q->port->panic(q->port_ctx, line);
}
