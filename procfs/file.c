/* SPDX-License-Identifier: MIT */
/*
 * Open files: what a reader sees is the text of one instant.
 *
 * The idea: a file is rendered whole when it is opened, into a buffer that the
 * handle keeps; reads take slices of it.  Reading from the start again renders
 * anew, as Linux's seq files do: top keeps /proc/meminfo open and rewinds it.
 * A directory is listed whole when it is opened, too.  Handles and their
 * buffers are reused, so that a thousand processes cost no malloc.
 *
 * A write is one write(2): it goes to the model as a whole, in a fiber of its
 * own, because what it asks for may allocate, reclaim and sleep.  The offset
 * does not matter, as for most of Linux's files.
 *
 * Bounds: open handles, bytes of a text, bytes of a write.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs/internal.h"

#define KEEP_HANDLES	64
#define KEEP_TEXT_BYTES (256u << 10)

struct handle *handle_new(struct procfs *fs, const struct place *p)
{
	struct handle *h;

	if (!list_empty(&fs->free_handles)) {
		h = list_first_entry(&fs->free_handles, struct handle, list);
		list_del(&h->list);
		fs->nr_free--;
	} else {
		if (fs->nr_handles >= MAX_HANDLES)
			return NULL;
		h = calloc(1, sizeof(*h));
		if (!h)
			return NULL;
		text_init(&h->t, NULL, 0);
		h->t.grow = text_grow;
	}
	fs->nr_handles++;
	INIT_LIST_HEAD(&h->list);
	h->place = *p;
	h->t.len = 0;
	h->t.overflow = false;
	h->fresh = false;
	h->fd = -1;
	h->nr_items = 0;
	h->waits = NULL;
	return h;
}

void handle_put(struct procfs *fs, struct handle *h)
{
	if (h->fd >= 0)
		close(h->fd);
	if (h->waits)
		fuse_reply_err(h->waits, EINTR);
	list_del(&h->list);
	fs->nr_handles--;
	if (fs->nr_free < KEEP_HANDLES && h->t.cap <= KEEP_TEXT_BYTES) {
		list_add(&h->list, &fs->free_handles);
		fs->nr_free++;
		return;
	}
	free(h->t.buf);
	free(h->items);
	free(h);
}

int handle_render(struct procfs *fs, struct handle *h)
{
	h->t.len = 0;
	h->t.overflow = false;
	if (h->place.class == PLACE_GUEST)
		return guest_render(fs, &h->place.guest, h->fd, &h->t);
	return proc_read(fs->q, h->place.entry, &h->t);
}

struct lister {
	struct procfs *fs;
	struct handle *h;
	int err;
};

static bool list_item(void *ctx, const char *name, const struct place *p)
{
	struct lister *l = ctx;
	struct handle *h = l->h;
	struct dir_item *item;

	if (h->nr_items == h->cap_items) {
		size_t cap = h->cap_items ? 2 * h->cap_items : 64;

		item = realloc(h->items, cap * sizeof(*item));
		if (!item) {
			l->err = -ENOMEM;
			return false;
		}
		h->items = item;
		h->cap_items = cap;
	}
	item = &h->items[h->nr_items++];
	item->ino = place_ino(p);
	item->name = h->t.len;
	item->timeout = place_timeout(l->fs, p);
	item->known = !place_stat(l->fs, p, &item->st);
	text_put(&h->t, name, strlen(name) + 1);
	if (h->t.overflow)
		l->err = -ENOMEM;
	return !l->err;
}

int handle_list(struct procfs *fs, struct handle *h)
{
	struct lister l = {fs, h, 0};

	h->t.len = 0;
	h->nr_items = 0;
	place_readdir(fs, &h->place, list_item, &l);
	return l.err;
}

struct write_call {
	struct quire *q;
	struct proc_entry file;
	unsigned int uid;
	const char *buf;
	size_t len;
	s64 result;
};

static void write_in_fiber(void *arg)
{
	struct write_call *w = arg;

	w->result = proc_write_as(w->q, w->file, w->uid, w->buf, w->len);
}

s64 file_write(struct procfs *fs, const struct place *p, unsigned int uid, const char *buf,
	       size_t len)
{
	struct write_call w = {fs->q, p->entry, uid, buf, len, -EIO};

	if (p->class == PLACE_GUEST)
		return -EACCES;
	if (p->class == PLACE_NONE || p->class == PLACE_SPECIAL || p->entry.kind != PROC_FILE)
		return -EINVAL;
	if (len > MAX_WRITE_BYTES)
		return -EINVAL;
	/* A machine that panicked does nothing more. */
	if (!machine_run_until(fs->m, 0, NULL, NULL))
		return -EIO;
	model_call(machine_model(fs->m), NULL, write_in_fiber, &w);
	return w.result;
}
