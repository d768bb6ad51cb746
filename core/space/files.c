/* SPDX-License-Identifier: MIT */
/*
 * Open files of processes (the part of Linux's file.c that memory needs).
 *
 * The table lies in the object of files_cache that tasks had all along; who opens more
 * than fit there gets a second one from kmalloc, twice as large each time.  Numbers are
 * given from below.  fork() copies the table, CLONE_FILES shares it; exec closes what is
 * to be closed then, and the last task to go closes the rest.
 *
 * Locks: none.  A table's tasks are the one that runs, or threads of one process that
 * the embedder keeps from opening at once.
 *
 * Differs from Linux: a number stands for the object itself; two numbers of dup() would
 * not share a position, and there is no dup().
 */
#include "base/string.h"
#include "space/files.h"
#include "space/internal.h"
#include "space/userfaultfd.h"

#define NR_INLINE 40
#define MAX_FDS	  4096

struct files_struct {
	struct shared_object shared; /* first: fork.c counts it */
	unsigned int nr_more;
	struct fd_slot *more; /* numbers NR_INLINE and above */
	struct fd_slot slots[NR_INLINE];
};

_Static_assert(sizeof(struct files_struct) <= SLAB_SIZE_files_cache, "fits Linux's size");

static struct fd_slot *slot_of(struct files_struct *files, unsigned int fd)
{
	if (fd < NR_INLINE)
		return &files->slots[fd];
	return fd - NR_INLINE < files->nr_more ? &files->more[fd - NR_INLINE] : NULL;
}

static int grow(struct quire *q, struct files_struct *files)
{
	unsigned int nr = files->nr_more ? files->nr_more * 2 : NR_INLINE;
	struct fd_slot *more;

	if (nr + NR_INLINE > MAX_FDS)
		return -EMFILE;
	more = kzalloc(q, nr * sizeof(*more), GFP_KERNEL_ACCOUNT);
	if (!more)
		return -ENOMEM;
	if (files->more)
		memcpy(more, files->more, files->nr_more * sizeof(*more));
	kfree(q, files->more);
	files->more = more;
	files->nr_more = nr;
	return 0;
}

int fd_install(struct quire *q, struct task *task, enum fd_kind kind, void *object,
	       unsigned int flags)
{
	struct files_struct *files = task->files;
	u64 limit = task->signal->rlim[RLIMIT_NOFILE].rlim_cur;

	for (unsigned int fd = 0; fd < limit; fd++) {
		struct fd_slot *slot = slot_of(files, fd);
		int err = slot ? 0 : grow(q, files);

		if (err)
			return err;
		slot = slot_of(files, fd);
		if (slot->kind != FD_NONE)
			continue;
		*slot = (struct fd_slot){.object = object,
					 .kind = (u8)kind,
					 .cloexec = flags & O_CLOEXEC,
					 .flags = flags & O_NONBLOCK};
		return (int)fd;
	}
	return -EMFILE;
}

struct fd_slot *fd_lookup(struct task *task, int fd, enum fd_kind kind)
{
	struct fd_slot *slot =
		fd < 0 || !task->files ? NULL : slot_of(task->files, (unsigned int)fd);

	if (!slot || slot->kind == FD_NONE || (kind != FD_NONE && slot->kind != kind))
		return NULL;
	return slot;
}

static void get_object(const struct fd_slot *slot)
{
	switch (slot->kind) {
	case FD_FILE:
		(void)HOT_ADD(&((struct file *)slot->object)->f_count, 1);
		break;
	case FD_USERFAULTFD:
		userfaultfd_get(slot->object);
		break;
	case FD_PIDFD:
		get_task(slot->object);
		break;
	default:
		break;
	}
}

static void close_slot(struct quire *q, struct fd_slot *slot)
{
	struct fd_slot old = *slot;

	*slot = (struct fd_slot){.kind = FD_NONE};
	switch (old.kind) {
	case FD_FILE:
		fput(q, old.object);
		break;
	case FD_USERFAULTFD:
		userfaultfd_release(q, old.object);
		break;
	case FD_PIDFD:
		put_task(q, old.object);
		break;
	default:
		break;
	}
}

int fd_close(struct quire *q, struct task *task, int fd)
{
	struct fd_slot *slot = fd_lookup(task, fd, FD_NONE);

	if (!slot)
		return -EBADF;
	close_slot(q, slot);
	return 0;
}

int files_copy(struct quire *q, void *to, const void *from)
{
	const struct files_struct *src = from;
	struct files_struct *dst = to;

	if (src->nr_more) {
		dst->more = kzalloc(q, src->nr_more * sizeof(*dst->more), GFP_KERNEL_ACCOUNT);
		if (!dst->more)
			return -ENOMEM;
		memcpy(dst->more, src->more, src->nr_more * sizeof(*dst->more));
		dst->nr_more = src->nr_more;
	}
	memcpy(dst->slots, src->slots, sizeof(dst->slots));
	for (unsigned int fd = 0; fd < NR_INLINE + dst->nr_more; fd++)
		get_object(slot_of(dst, fd));
	return 0;
}

/* exec: only those that are to be closed then. */
void files_close(struct quire *q, void *table, bool exec)
{
	struct files_struct *files = table;

	for (unsigned int fd = 0; fd < NR_INLINE + files->nr_more; fd++) {
		struct fd_slot *slot = slot_of(files, fd);

		if (slot->kind != FD_NONE && (!exec || slot->cloexec))
			close_slot(q, slot);
	}
	if (exec)
		return;
	kfree(q, files->more);
	files->more = NULL;
	files->nr_more = 0;
}
