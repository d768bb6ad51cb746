/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd: who else may serve the faults of an area, and is told what becomes of it
 * (space/userfaultfd*.c).  Numbers and structures are Linux's, so that ioctl() hands
 * them through as they are.
 */
#ifndef QUIRE_SPACE_USERFAULTFD_H
#define QUIRE_SPACE_USERFAULTFD_H

#include "space/sched.h"

#define UFFD_API	    0xAAu
#define UFFD_USER_MODE_ONLY 1u

#define UFFD_FEATURE_PAGEFAULT_FLAG_WP	0x0001u
#define UFFD_FEATURE_EVENT_FORK		0x0002u
#define UFFD_FEATURE_EVENT_REMAP	0x0004u
#define UFFD_FEATURE_EVENT_REMOVE	0x0008u
#define UFFD_FEATURE_MISSING_SHMEM	0x0020u
#define UFFD_FEATURE_EVENT_UNMAP	0x0040u
#define UFFD_FEATURE_SIGBUS		0x0080u /* faults end in SIGBUS instead of waiting */
#define UFFD_FEATURE_THREAD_ID		0x0100u
#define UFFD_FEATURE_MINOR_SHMEM	0x0400u
#define UFFD_FEATURE_EXACT_ADDRESS	0x0800u
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM 0x1000u
/* Not MISSING_HUGETLBFS (0x10) and MINOR_HUGETLBFS (0x200): pools serve their own. */
#define UFFD_API_FEATURES                                                                      \
	(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | \
	 UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_EVENT_UNMAP |   \
	 UFFD_FEATURE_SIGBUS | UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_MINOR_SHMEM |             \
	 UFFD_FEATURE_EXACT_ADDRESS | UFFD_FEATURE_WP_HUGETLBFS_SHMEM)
#define UFFD_FEATURE_INITIALIZED 0x80000000u

#define UFFDIO_REGISTER_MODE_MISSING	  1u
#define UFFDIO_REGISTER_MODE_WP		  2u
#define UFFDIO_REGISTER_MODE_MINOR	  4u
#define UFFDIO_MODE_DONTWAKE		  1u /* of COPY, ZEROPAGE, CONTINUE */
#define UFFDIO_COPY_MODE_WP		  2u
#define UFFDIO_WRITEPROTECT_MODE_WP	  1u
#define UFFDIO_WRITEPROTECT_MODE_DONTWAKE 2u

#define UFFD_EVENT_PAGEFAULT 0x12
#define UFFD_EVENT_FORK	     0x13
#define UFFD_EVENT_REMAP     0x14
#define UFFD_EVENT_REMOVE    0x15
#define UFFD_EVENT_UNMAP     0x16

#define UFFD_PAGEFAULT_FLAG_WRITE 1u
#define UFFD_PAGEFAULT_FLAG_WP	  2u
#define UFFD_PAGEFAULT_FLAG_MINOR 4u

/* What read() gives. */
struct uffd_msg {
	u8 event, reserved1;
	u16 reserved2;
	u32 reserved3;
	union {
		struct {
			u64 flags, address;
			u32 ptid; /* UFFD_FEATURE_THREAD_ID */
		} pagefault;
		struct {
			u32 ufd;
		} fork;
		struct {
			u64 from, to, len;
		} remap;
		struct {
			u64 start, end;
		} remove; /* and UNMAP */
	} arg;
};
_Static_assert(sizeof(struct uffd_msg) == 32, "Linux's");

/*
 * A context for an address space.  features: as userfaultfd_api() gives them, 0: it is
 * still to be called.  ERR_PTR(-EINVAL) for features that are not there, -ENOMEM.
 * userfaultfd_release() drops a holder; the last ends it and wakes all who wait.
 */
struct userfaultfd_ctx *userfaultfd_new(struct quire *q, struct mm_struct *mm,
					unsigned int features);
void userfaultfd_get(struct userfaultfd_ctx *ctx); /* one holder more */
void userfaultfd_release(struct quire *q, struct userfaultfd_ctx *ctx);
/* O_NONBLOCK, UFFD_USER_MODE_ONLY. */
void userfaultfd_set_flags(struct userfaultfd_ctx *ctx, unsigned int flags);
unsigned int userfaultfd_flags(const struct userfaultfd_ctx *ctx);
/* The handshake: -EINVAL (no such features, or it was called before). */
int userfaultfd_api(struct userfaultfd_ctx *ctx, u64 features);
bool userfaultfd_initialized(const struct userfaultfd_ctx *ctx);

/*
 * Faults of a range are the holder's to serve: MISSING pages, writes to protected ones
 * (WP), first touches of pages that the file has already (MINOR).  -EINVAL: no such mode,
 * no area there, or of another kind (anonymous and shmem; MINOR: shmem); -EPERM: it could
 * never be written; -EBUSY: another context's; -ENOMEM.
 */
int userfaultfd_register(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len,
			 unsigned int mode);
int userfaultfd_unregister(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len);

/* Is there a message? */
bool userfaultfd_readable(struct quire *q, struct userfaultfd_ctx *ctx);
/*
 * The next message: faults first, then events.  *child: after FORK the context of the
 * child's areas, the reader's to hold; whoever passes NULL lets the child go unserved.
 * -EAGAIN (not to wait), -EINTR.  May sleep.
 */
int userfaultfd_read(struct quire *q, struct userfaultfd_ctx *ctx, struct uffd_msg *msg, bool wait,
		     struct userfaultfd_ctx **child);

/*
 * Pages for [dst, dst + len): copies of what the running task sees at src, zeros, or
 * (continue) what the file has there.  Bytes done, and who waits there is woken; or
 * -EEXIST (there is a page), -ENOENT (not an area of a context), -EAGAIN (the areas are
 * being changed: the event is still to be read), -EFAULT, -ENOMEM, -EINVAL.  May sleep.
 */
s64 userfaultfd_copy(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 src, u64 len,
		     unsigned int mode);
s64 userfaultfd_zeropage(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 len,
			 unsigned int mode);
s64 userfaultfd_continue(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 len,
			 unsigned int mode);
/* Writes to a range shall fault, or no longer.  0, -ENOENT, -EAGAIN, -EINVAL, -ENOMEM. */
int userfaultfd_writeprotect(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len,
			     unsigned int mode);
/* -EINVAL. */
int userfaultfd_wake(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len);

#endif
