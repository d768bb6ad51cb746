/* SPDX-License-Identifier: MIT */
/*
 * Descriptors, and memory that has one: memfd_create, ftruncate, fallocate; swapon and
 * swapoff, whose devices the embedder knows.
 */
#include "syscall/syscall.h"
#include "base/string.h"
#include "swap/swap.h"

#define MAX_RW_COUNT  (0x7fffffffUL & PAGE_MASK)
#define MFD_NAME_MAX  249
#define SWAP_PATH_MAX 256

s64 sys_close(struct syscall *c)
{
	return fd_close(c->q, c->task, (int)c->arg[0]);
}

/* Of what has a descriptor only userfaultfd has bytes of its own; a file's are the
 * embedder's to read. */
s64 sys_read(struct syscall *c)
{
	struct fd_slot *slot = fd_lookup(c->task, (int)c->arg[0], FD_NONE);

	if (!slot)
		return -EBADF;
	if (slot->kind != FD_USERFAULTFD)
		return -EINVAL;
	return uffd_read(c, slot, c->arg[1], min(c->arg[2], MAX_RW_COUNT));
}

s64 sys_ioctl(struct syscall *c)
{
	struct fd_slot *slot = fd_lookup(c->task, (int)c->arg[0], FD_NONE);

	if (!slot)
		return -EBADF;
	return slot->kind == FD_USERFAULTFD
		       ? uffd_ioctl(c, slot, (unsigned int)c->arg[1], c->arg[2])
		       : -ENOTTY;
}

#define POLLIN	 0x0001
#define POLLERR	 0x0008
#define POLLNVAL 0x0020

struct pollfd {
	int fd;
	short events, revents;
};

static short poll_one(struct syscall *c, const struct pollfd *p)
{
	const struct fd_slot *slot = fd_lookup(c->task, p->fd, FD_NONE);
	short ready = 0;

	if (p->fd < 0)
		return 0;
	if (!slot)
		return POLLNVAL;
	switch (slot->kind) {
	case FD_USERFAULTFD:
		/* A read that blocks is no answer to poll(). */
		if (!userfaultfd_initialized(slot->object) || !(slot->flags & O_NONBLOCK))
			ready = POLLERR;
		else if (userfaultfd_readable(c->q, slot->object))
			ready = POLLIN;
		break;
	case FD_PIDFD:
		if (((const struct task *)slot->object)->state >= EXIT_ZOMBIE)
			ready = POLLIN;
		break;
	default:
		ready = POLLIN;
	}
	return (short)(ready & (p->events | POLLERR));
}

/* How many are ready now; who wants to wait reads, or polls again. */
s64 sys_poll(struct syscall *c)
{
	struct pollfd p;
	s64 ready = 0;

	if (c->arg[1] > c->task->signal->rlim[RLIMIT_NOFILE].rlim_cur)
		return -EINVAL;
	for (u64 i = 0; i < c->arg[1]; i++) {
		u64 at = c->arg[0] + i * sizeof(p);

		if (get_user(c, &p, at, sizeof(p)))
			return -EFAULT;
		p.revents = poll_one(c, &p);
		ready += p.revents != 0;
		if (put_user(c, at, &p, sizeof(p)))
			return -EFAULT;
	}
	return ready;
}

/* ---- memory with a descriptor -------------------------------------------------------- */

s64 sys_memfd_create(struct syscall *c)
{
	unsigned int flags = (unsigned int)c->arg[1];
	char name[MFD_NAME_MAX + 1];
	struct file *file;
	int fd;

	if (flags & ~MFD_KNOWN)
		return -EINVAL;
	fd = get_user_string(c, name, c->arg[0], sizeof(name));
	if (fd < 0)
		return fd == -EFAULT ? -EFAULT : -EINVAL;
	file = shmem_file_setup(c->q, name, 0);
	if (IS_ERR_OR_NULL(file))
		return -ENOMEM;
	file->writable = true;
	fd = fd_install(c->q, c->task, FD_FILE, file, flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		fput(c->q, file);
	return fd;
}

/* The file of a descriptor that may be written, and no directory. */
static struct inode *writable_inode(struct syscall *c, int fd, int *err)
{
	const struct fd_slot *slot = fd_lookup(c->task, fd, FD_NONE);
	const struct file *file = slot ? slot->object : NULL;

	*err = slot ? -EINVAL : -EBADF;
	if (!slot || slot->kind != FD_FILE || !file->writable)
		return NULL;
	return file->f_inode;
}

s64 sys_ftruncate(struct syscall *c)
{
	struct inode *inode;
	int err;

	if ((s64)c->arg[1] < 0)
		return -EINVAL;
	inode = writable_inode(c, (int)c->arg[0], &err);
	if (!inode)
		return err;
	truncate_setsize(c->q, inode, c->arg[1]);
	return 0;
}

s64 sys_fallocate(struct syscall *c)
{
	unsigned int mode = (unsigned int)c->arg[1];
	u64 offset = c->arg[2], len = c->arg[3];
	struct inode *inode;
	int err;

	if (!fd_lookup(c->task, (int)c->arg[0], FD_NONE))
		return -EBADF;
	if ((s64)offset < 0 || (s64)len <= 0)
		return -EINVAL;
	if (mode & ~FALLOC_KNOWN)
		return -EOPNOTSUPP;
	if (mode == FALLOC_FL_PUNCH_HOLE) /* not without KEEP_SIZE */
		return -EOPNOTSUPP;
	inode = writable_inode(c, (int)c->arg[0], &err);
	if (!inode)
		return err == -EINVAL ? -EBADF : err;
	if (offset + len > (u64)INT64_MAX)
		return -EFBIG;
	return shmem_fallocate(c->q, fd_lookup(c->task, (int)c->arg[0], FD_FILE)->object, (int)mode,
			       offset, len);
}

/* ---- swap ----------------------------------------------------------------------------- */

#define SWAP_FLAG_PREFER    0x8000u
#define SWAP_FLAG_PRIO_MASK 0x7fffu

s64 sys_swapon(struct syscall *c)
{
	struct quire_swap_device device = {0};
	unsigned int flags = (unsigned int)c->arg[1];
	struct backing_dev *bdi, *found = NULL;
	char path[SWAP_PATH_MAX];
	int err;

	if (flags & ~SWAP_FLAGS_VALID)
		return -EINVAL;
	if (!capable(c))
		return -EPERM;
	err = get_user_string(c, path, c->arg[0], sizeof(path));
	if (err < 0)
		return err;
	if (!c->ops->swap_device)
		return -ENOENT;
	err = c->ops->swap_device(c->ops->ctx, path, &device);
	if (err)
		return err;
	list_for_each_entry (bdi, &c->q->cache->bdis, list)
		if (bdi->dev == device.dev)
			found = bdi;
	if (!found)
		return -ENOTBLK;
	if (swap_is_on(c->q, path))
		return -EBUSY;
	return swapon(c->q, found, device.start_page, device.nr_pages,
		      flags & SWAP_FLAG_PREFER ? (int)(flags & SWAP_FLAG_PRIO_MASK) : -1, path,
		      false);
}

s64 sys_swapoff(struct syscall *c)
{
	char path[SWAP_PATH_MAX];
	int err;

	if (!capable(c))
		return -EPERM;
	err = get_user_string(c, path, c->arg[0], sizeof(path));
	return err < 0 ? err : swapoff(c->q, path);
}
