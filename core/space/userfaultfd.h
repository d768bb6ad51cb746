/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd: who else may serve the faults of an area (space/userfaultfd.c).
 */
#ifndef QUIRE_SPACE_USERFAULTFD_H
#define QUIRE_SPACE_USERFAULTFD_H

#include "space/sched.h"

#define UFFD_FEATURE_SIGBUS	     0x80u /* faults end in SIGBUS instead of waiting */
#define UFFDIO_REGISTER_MODE_MISSING 1u
#define UFFDIO_MODE_DONTWAKE	     1u

/* A task wants a page. */
struct uffd_msg {
	u64 addr; /* of the page */
	bool write;
	int tid;
};

/* A context for an address space; the holder ends it with userfaultfd_release(), which
 * wakes all who wait.  ERR_PTR(-EINVAL) for features that are not there, -ENOMEM. */
struct userfaultfd_ctx *userfaultfd_new(struct quire *q, struct mm_struct *mm,
					unsigned int features);
void userfaultfd_release(struct quire *q, struct userfaultfd_ctx *ctx);
/* Missing pages of a range are the holder's to bring.  -EINVAL: another mode, no area
 * there, or not private and anonymous; -EBUSY: another context's; -ENOMEM. */
int userfaultfd_register(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len,
			 unsigned int mode);
int userfaultfd_unregister(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len);
/* The next message.  -EAGAIN (not to wait), -EINTR.  May sleep. */
int userfaultfd_read(struct quire *q, struct userfaultfd_ctx *ctx, struct uffd_msg *msg, bool wait);
/*
 * Pages for [dst, dst + len): copies of what the running task sees at src, or zeros.
 * Bytes done, and who waits there is woken; or -EEXIST (there is a page), -ENOENT (not
 * this context's), -EFAULT, -ENOMEM, -EINVAL.  May sleep.
 */
s64 userfaultfd_copy(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 src, u64 len,
		     unsigned int mode);
s64 userfaultfd_zeropage(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 len,
			 unsigned int mode);
void userfaultfd_wake(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len);

#endif
