/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd() and its requests: Linux's structures, in its order of checks.
 */
#include "syscall/syscall.h"
#include "space/userfaultfd.h"

#define UFFDIO_API	    0xc018aa3fu
#define UFFDIO_REGISTER	    0xc020aa00u
#define UFFDIO_UNREGISTER   0x8010aa01u
#define UFFDIO_WAKE	    0x8010aa02u
#define UFFDIO_COPY	    0xc028aa03u
#define UFFDIO_ZEROPAGE	    0xc020aa04u
#define UFFDIO_WRITEPROTECT 0xc018aa06u
#define UFFDIO_CONTINUE	    0xc020aa07u

#define NR_OF(cmd) ((u64)1 << ((cmd)&0xff))
#define API_IOCTLS (NR_OF(UFFDIO_REGISTER) | NR_OF(UFFDIO_UNREGISTER) | NR_OF(UFFDIO_API))

struct uffdio_api {
	u64 api, features, ioctls;
};
struct uffdio_range {
	u64 start, len;
};
struct uffdio_register {
	struct uffdio_range range;
	u64 mode, ioctls;
};
struct uffdio_copy {
	u64 dst, src, len, mode;
	s64 copy;
};
/* ZEROPAGE and CONTINUE. */
struct uffdio_fill {
	struct uffdio_range range;
	u64 mode;
	s64 done;
};
struct uffdio_writeprotect {
	struct uffdio_range range;
	u64 mode;
};

s64 sys_userfaultfd(struct syscall *c)
{
	unsigned int flags = (unsigned int)c->arg[0];
	struct userfaultfd_ctx *ctx;
	int fd;

	/* Others see no faults of the kernel's, which they could make last. */
	if (!(flags & UFFD_USER_MODE_ONLY) && !c->q->space->unprivileged_userfaultfd && !capable(c))
		return -EPERM;
	if (flags & ~(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY))
		return -EINVAL;
	ctx = userfaultfd_new(c->q, c->task->mm, 0);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	userfaultfd_set_flags(ctx, flags);
	fd = fd_install(c->q, c->task, FD_USERFAULTFD, ctx, flags);
	if (fd < 0)
		userfaultfd_release(c->q, ctx);
	return fd;
}

/* The descriptor of a child's context is the reader's. */
static int install_child(struct syscall *c, struct userfaultfd_ctx *child, struct uffd_msg *msg)
{
	int fd = fd_install(c->q, c->task, FD_USERFAULTFD, child, userfaultfd_flags(child));

	if (fd < 0)
		userfaultfd_release(c->q, child);
	else
		msg->arg.fork.ufd = (u32)fd;
	return fd < 0 ? fd : 0;
}

s64 uffd_read(struct syscall *c, struct fd_slot *slot, u64 buf, u64 bytes)
{
	struct userfaultfd_ctx *ctx = slot->object, *child;
	bool wait = !(slot->flags & O_NONBLOCK);
	struct uffd_msg msg;
	s64 got = 0;
	int err = 0;

	if (!userfaultfd_initialized(ctx))
		return -EINVAL;
	userfaultfd_get(ctx); /* somebody may close it as we sleep */
	while (!err) {
		if (bytes < sizeof(msg)) {
			err = -EINVAL;
			break;
		}
		err = userfaultfd_read(c->q, ctx, &msg, wait, &child);
		if (!err && child)
			err = install_child(c, child, &msg);
		if (!err)
			err = put_user(c, buf, &msg, sizeof(msg));
		if (err)
			break;
		got += sizeof(msg);
		buf += sizeof(msg);
		bytes -= sizeof(msg);
		wait = false; /* the first was worth waiting for */
	}
	userfaultfd_release(c->q, ctx);
	return got ? got : err;
}

/* ---- requests ------------------------------------------------------------------------ */

static s64 do_api(struct syscall *c, struct userfaultfd_ctx *ctx, u64 arg)
{
	struct uffdio_api api;
	u64 features;
	int err = -EINVAL;

	if (get_user(c, &api, arg, sizeof(api)))
		return -EFAULT;
	features = api.features;
	if (api.api == UFFD_API && !(features & ~(u64)UFFD_API_FEATURES))
		err = (features & UFFD_FEATURE_EVENT_FORK) && !capable(c) ? -EPERM : 0;
	if (!err) {
		api.features = UFFD_API_FEATURES;
		api.ioctls = API_IOCTLS;
		if (put_user(c, arg, &api, sizeof(api)))
			return -EFAULT;
		err = userfaultfd_api(ctx, features);
	}
	if (err) {
		api = (struct uffdio_api){0};
		if (put_user(c, arg, &api, sizeof(api)))
			return -EFAULT;
	}
	return err;
}

static s64 do_register(struct syscall *c, struct userfaultfd_ctx *ctx, u64 arg)
{
	struct uffdio_register r;
	int err;

	if (get_user(c, &r, arg, sizeof(r) - sizeof(r.ioctls)))
		return -EFAULT;
	if (!r.mode || r.mode > 7)
		return -EINVAL;
	err = userfaultfd_register(c->q, ctx, r.range.start, r.range.len, (unsigned int)r.mode);
	if (err)
		return err;
	r.ioctls = NR_OF(UFFDIO_WAKE) | NR_OF(UFFDIO_COPY) | NR_OF(UFFDIO_ZEROPAGE);
	if (r.mode & UFFDIO_REGISTER_MODE_WP)
		r.ioctls |= NR_OF(UFFDIO_WRITEPROTECT);
	if (r.mode & UFFDIO_REGISTER_MODE_MINOR)
		r.ioctls |= NR_OF(UFFDIO_CONTINUE);
	return put_user(c, arg + offsetof(struct uffdio_register, ioctls), &r.ioctls,
			sizeof(r.ioctls));
}

/* What came of filling: told in the structure, and whole or -EAGAIN. */
static s64 tell_filled(struct syscall *c, u64 at, s64 done, u64 len)
{
	if (put_user(c, at, &done, sizeof(done)))
		return -EFAULT;
	if (done < 0)
		return done;
	return (u64)done == len ? 0 : -EAGAIN;
}

static s64 do_copy(struct syscall *c, struct userfaultfd_ctx *ctx, u64 arg)
{
	struct uffdio_copy r;

	if (get_user(c, &r, arg, sizeof(r) - sizeof(r.copy)))
		return -EFAULT;
	if (r.mode > 3)
		return -EINVAL;
	r.copy = userfaultfd_copy(c->q, ctx, r.dst, r.src, r.len, (unsigned int)r.mode);
	return tell_filled(c, arg + offsetof(struct uffdio_copy, copy), r.copy, r.len);
}

static s64 do_fill(struct syscall *c, struct userfaultfd_ctx *ctx, u64 arg, bool zero)
{
	struct uffdio_fill r;
	unsigned int mode;

	if (get_user(c, &r, arg, sizeof(r) - sizeof(r.done)))
		return -EFAULT;
	if (r.mode > 1)
		return -EINVAL;
	mode = (unsigned int)r.mode;
	r.done = zero ? userfaultfd_zeropage(c->q, ctx, r.range.start, r.range.len, mode)
		      : userfaultfd_continue(c->q, ctx, r.range.start, r.range.len, mode);
	return tell_filled(c, arg + offsetof(struct uffdio_fill, done), r.done, r.range.len);
}

static s64 do_writeprotect(struct syscall *c, struct userfaultfd_ctx *ctx, u64 arg)
{
	struct uffdio_writeprotect r;

	if (get_user(c, &r, arg, sizeof(r)))
		return -EFAULT;
	if (r.mode > 3)
		return -EINVAL;
	return userfaultfd_writeprotect(c->q, ctx, r.range.start, r.range.len,
					(unsigned int)r.mode);
}

s64 uffd_ioctl(struct syscall *c, struct fd_slot *slot, unsigned int cmd, u64 arg)
{
	struct userfaultfd_ctx *ctx = slot->object;
	struct uffdio_range range;
	s64 ret = -EINVAL;

	if (cmd != UFFDIO_API && !userfaultfd_initialized(ctx))
		return -EINVAL;
	userfaultfd_get(ctx);
	switch (cmd) {
	case UFFDIO_API:
		ret = do_api(c, ctx, arg);
		break;
	case UFFDIO_REGISTER:
		ret = do_register(c, ctx, arg);
		break;
	case UFFDIO_UNREGISTER:
		ret = get_user(c, &range, arg, sizeof(range));
		if (!ret)
			ret = userfaultfd_unregister(c->q, ctx, range.start, range.len);
		break;
	case UFFDIO_WAKE:
		ret = get_user(c, &range, arg, sizeof(range));
		if (!ret)
			ret = userfaultfd_wake(c->q, ctx, range.start, range.len);
		break;
	case UFFDIO_COPY:
		ret = do_copy(c, ctx, arg);
		break;
	case UFFDIO_ZEROPAGE:
	case UFFDIO_CONTINUE:
		ret = do_fill(c, ctx, arg, cmd == UFFDIO_ZEROPAGE);
		break;
	case UFFDIO_WRITEPROTECT:
		ret = do_writeprotect(c, ctx, arg);
		break;
	default:
		break;
	}
	userfaultfd_release(c->q, ctx);
	return ret;
}
