/* SPDX-License-Identifier: MIT */
/*
 * What the files of userfaultfd share, and what fork, mremap and the others ask of it.
 */
#ifndef QUIRE_SPACE_USERFAULT_H
#define QUIRE_SPACE_USERFAULT_H

#include "space/internal.h"
#include "space/userfaultfd.h"

struct userfaultfd_ctx {
	struct mm_struct *mm;
	unsigned int refs;     /* the holders' one, faults' and events' that wait */
	unsigned int holders;  /* descriptors */
	unsigned int features; /* UFFD_FEATURE_*; 0: no handshake yet */
	unsigned int flags;
	int mmap_changing; /* events that nobody has read yet: pages are not to be filled */
	bool released;
	struct list_head pending, taken; /* faults: not yet read, and read */
	struct list_head events;	 /* not yet read */
	struct quire_wait_queue readers, faulters, changers;
};

/* Who changes areas waits until the holder has read of it: mostly on his stack. */
struct uffd_event {
	struct list_head link; /* in ctx->events; not linked once it was read */
	struct userfaultfd_ctx *ctx;
	struct uffd_msg msg;
	struct userfaultfd_ctx *child; /* FORK: goes to the reader */
	bool done;
	struct uffd_event *next; /* of what one call has to tell */
};

void uffd_put_ctx(struct quire *q, struct userfaultfd_ctx *ctx);
int uffd_check_range(const struct mm_struct *mm, u64 start, u64 len);
/* All areas of the context are ours again. */
void uffd_forget_areas(struct quire *q, struct userfaultfd_ctx *ctx);
/* Entries of a range of an area are protected, or no longer; mmap_lock is held.  -ENOMEM. */
int uffd_wp_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end, bool protect);

/* An event that is to be told; its wait ends the change. */
void uffd_event_prepare(struct uffd_event *event, struct userfaultfd_ctx *ctx, u8 what);
void uffd_event_wait(struct quire *q, struct uffd_event *event);

/* fork: the child's area keeps a context of its own or (no EVENT_FORK) none; what is
 * to be told is added to *events.  -ENOMEM. */
int dup_userfaultfd(struct quire *q, struct vm_area_struct *vma, struct uffd_event **events);
/* munmap: areas of the range go; mm->uffd_unmaps collects it.  -ENOMEM. */
int userfaultfd_unmap_prep(struct quire *q, struct mm_struct *mm, u64 start, u64 end);
/* Tells and frees; no lock is held. */
void userfaultfd_events_complete(struct quire *q, struct uffd_event *events);
/* madvise: pages of a range go.  True: nobody wants to know; else mmap_lock was dropped
 * and is held again, and the area may be another. */
bool userfaultfd_remove(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end);

#endif
