/* SPDX-License-Identifier: MIT */
/*
 * What processes do: one function an action of the scenario.
 *
 * Each runs in the fiber of the thread whose turn it is and may sleep in any
 * allocation, fault or I/O.  Each stops early when the process is being killed
 * (fatal_signal_pending), so that a victim of the OOM killer dies soon.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/internal.h"
#include "machine/units.h"
#include "port/model/content.h"
#include "port/model/keep.h"

/* Programs use memory in runs, not in single pages. */
#define RUN_PAGES 16

/* A socket as the kernel has it: an inode of sockfs, a sock, a file, and the
 * buffers that are queued. */
struct socket {
	struct socket *next;
	void *inode, *sock, *skb, *data;
	struct file *file;
};

bool work_is_on(struct machine *m, const struct scn_work *w)
{
	u64 clock = (m->scenario->start.v + machine_now(m)) % NS_DAY;

	if (w->from.text && w->to.text && w->from.v > w->to.v)
		return clock >= w->from.v || clock < w->to.v;
	return (!w->from.text || clock >= w->from.v) && (!w->to.text || clock < w->to.v);
}

bool process_touch(struct process *p, struct region *r, unsigned long first, unsigned long nr,
		   bool write)
{
	struct touch t = {
		.addr = r->addr + (first << PAGE_SHIFT),
		.nr_pages = min(nr, r->nr_pages - first),
		.stride = 1,
		.write = write,
		.kind = r->content,
		.seed = prng_u64(&p->rng),
	};

	return mmu_touch(p->m->model, p->task, &t) == t.nr_pages;
}

static void do_touch(struct process *p, const struct scn_work *w)
{
	struct region *r = process_region(p, w->region);
	unsigned long runs = DIV_ROUND_UP(w->amount.v >> PAGE_SHIFT, RUN_PAGES);
	unsigned long hot = max_t(unsigned long, 1,
				  r->nr_pages / TEN_THOUSAND * w->hot.v +
					  r->nr_pages % TEN_THOUSAND * w->hot.v / TEN_THOUSAND);

	for (unsigned long i = 0; i < runs; i++) {
		bool to_hot = prng_below(&p->rng, TEN_THOUSAND) < w->hot_share.v;
		bool write = prng_below(&p->rng, TEN_THOUSAND) < w->writes.v;
		unsigned long n = to_hot ? hot : r->nr_pages;
		unsigned long first = ALIGN_DOWN(prng_below(&p->rng, n), RUN_PAGES);

		if (!process_touch(p, r, first, RUN_PAGES, write))
			return;
	}
}

static void do_grow(struct process *p, const struct scn_work *w)
{
	struct region *r = process_region(p, w->region);
	unsigned long n = min_t(unsigned long, w->amount.v >> PAGE_SHIFT, r->nr_pages - r->next);
	unsigned long first = r->next;

	r->next += n;
	if (n)
		process_touch(p, r, first, n, true);
}

static void do_free(struct process *p, const struct scn_work *w)
{
	struct region *r = process_region(p, w->region);
	unsigned long n = min_t(unsigned long, w->amount.v >> PAGE_SHIFT, r->nr_pages);
	unsigned long first = prng_below(&p->rng, r->nr_pages - n + 1);

	madvise_dontneed(p->m->q, p->task->mm, r->addr + (first << PAGE_SHIFT), n << PAGE_SHIFT);
}

/* Reads or writes `amount` bytes: on through the tree's files, or at random
 * places in them. */
static void do_io(struct process *p, const struct scn_work *w, struct work_state *state)
{
	struct fileset *fs = fileset_find(p->m, w->files);
	bool write = w->action == SCN_WRITE;
	u64 left = w->amount.v, size = fs->spec->size.v;

	while (left && !fatal_signal_pending(p->task)) {
		u64 n = min_t(u64, left, w->random ? 8UL << 10 : 1UL << 20);
		struct file *file;
		s64 done;

		if (w->random) {
			state->file = (u32)prng_below(&p->rng, fs->spec->count);
			state->pos =
				size > n ? ALIGN_DOWN(prng_below(&p->rng, size - n), PAGE_SIZE) : 0;
		}
		if (state->pos >= size) {
			state->pos = 0;
			state->file = (state->file + 1) % fs->spec->count;
		}
		n = min(n, size - state->pos);
		file = fileset_open(p->m, fs, state->file, write);
		if (!file)
			return;
		done = write ? generic_file_write(p->m->q, file, state->pos, n)
			     : generic_file_read(p->m->q, file, state->pos, n);
		fput(p->m->q, file);
		if (done <= 0)
			return;
		state->pos += (u64)done;
		left -= min_t(u64, left, (u64)done);
		cond_resched(p->m->q);
	}
}

static void do_walk(struct process *p, const struct scn_work *w, struct work_state *state)
{
	struct fileset *fs = fileset_find(p->m, w->files);

	for (u32 i = 0; i < w->count && !fatal_signal_pending(p->task); i++) {
		if (!fileset_walk(p->m, fs, state->file))
			return;
		state->file = (state->file + 1) % fs->spec->count;
	}
}

static struct kmem_cache *cache_called(struct process *p, const char *name)
{
	return find_kmem_cache(p->m->q, name);
}

static void socket_close(struct process *p, struct work_state *state)
{
	struct quire *q = p->m->q;
	struct socket *s = state->sockets;

	state->sockets = s->next;
	state->nr_sockets--;
	kfree(q, s->data);
	if (s->skb)
		kmem_cache_free(q, cache_called(p, "skbuff_head_cache"), s->skb);
	if (s->sock)
		kmem_cache_free(q, cache_called(p, "TCP"), s->sock);
	if (s->inode)
		kmem_cache_free(q, cache_called(p, "sock_inode_cache"), s->inode);
	if (s->file)
		kmem_cache_free(q, q->cache->filp_cachep, s->file);
	keep_free(s);
}

static bool socket_open(struct process *p, struct work_state *state)
{
	struct quire *q = p->m->q;
	struct socket *s = keep_calloc(1, sizeof(*s));

	if (!s)
		return false;
	s->next = state->sockets;
	state->sockets = s;
	state->nr_sockets++;
	s->inode = kmem_cache_alloc(q, cache_called(p, "sock_inode_cache"), GFP_KERNEL);
	s->sock = kmem_cache_alloc(q, cache_called(p, "TCP"), GFP_KERNEL);
	s->file = kmem_cache_alloc(q, q->cache->filp_cachep, GFP_KERNEL);
	s->skb = kmem_cache_alloc(q, cache_called(p, "skbuff_head_cache"), GFP_KERNEL);
	s->data = kmalloc(q, 640 + prng_below(&p->rng, 3) * 1024, GFP_KERNEL);
	if (s->inode && s->sock && s->file && s->skb && s->data)
		return true;
	socket_close(p, state);
	return false;
}

/* Keeps `count` sockets open; each turn one in eight is closed and opened anew. */
static void do_sockets(struct process *p, const struct scn_work *w, struct work_state *state)
{
	for (u32 i = 0; i < w->count / 8 && state->nr_sockets; i++)
		socket_close(p, state);
	while (state->nr_sockets < w->count && !fatal_signal_pending(p->task))
		if (!socket_open(p, state))
			return;
}

void work_close(struct process *p)
{
	for (u32 i = 0; i < p->spec->work_count; i++)
		while (p->work && p->work[i].sockets)
			socket_close(p, &p->work[i]);
}

void work_forget(struct process *p)
{
	for (u32 i = 0; p->work && i < p->spec->work_count; i++) {
		struct socket *s = p->work[i].sockets, *next;

		for (; s; s = next) {
			next = s->next;
			keep_free(s);
		}
	}
}

void work_run(struct process *p, const struct scn_work *w, struct work_state *state)
{
	switch (w->action) {
	case SCN_TOUCH:
		do_touch(p, w);
		break;
	case SCN_GROW:
		do_grow(p, w);
		break;
	case SCN_READ:
	case SCN_WRITE:
		do_io(p, w, state);
		break;
	case SCN_WALK:
		do_walk(p, w, state);
		break;
	case SCN_SOCKETS:
		do_sockets(p, w, state);
		break;
	case SCN_FORK:
		process_fork(p, w);
		break;
	case SCN_FREE:
		do_free(p, w);
		break;
	}
}
