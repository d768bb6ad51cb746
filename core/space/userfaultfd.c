/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd: faults in an area are served by somebody else (Linux's userfaultfd.c).
 * Here: contexts, faults that wait, events, what is read.  Areas: userfaultfd_area.c;
 * pages that the holder brings: userfaultfd_fill.c.
 *
 * Who registers a range gets a message for each fault of a page that is not there, is
 * protected, or is only in the file so far; the task that faulted sleeps until the page
 * was put there or it is woken.  A context is what a descriptor leads to; its holder
 * reads messages and answers from any task.
 *
 * Two tasks that fault at one page are two messages.  A fault that can't wait (the
 * kernel's own, UFFD_FEATURE_SIGBUS) ends in SIGBUS.
 *
 * With events the holder also hears of fork, mremap, munmap and MADV_DONTNEED: who does
 * that waits until it was read, and meanwhile (mmap_changing) no page is filled, so the
 * holder can't put one where something else lies by now.
 *
 * Locks: the space's page_table_lock for the lists; mmap_lock for areas.
 *
 * Differs from Linux: pools of huge pages serve their own faults.
 */
#include "space/files.h"
#include "space/userfault.h"

void uffd_put_ctx(struct quire *q, struct userfaultfd_ctx *ctx)
{
	if (HOT_SUB(&ctx->refs, 1))
		return;
	mmdrop(q, ctx->mm);
	kfree(q, ctx);
}

struct userfaultfd_ctx *userfaultfd_new(struct quire *q, struct mm_struct *mm,
					unsigned int features)
{
	struct userfaultfd_ctx *ctx;

	if (features & ~UFFD_API_FEATURES & ~UFFD_FEATURE_INITIALIZED)
		return ERR_PTR(-EINVAL);
	ctx = kzalloc(q, sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return ERR_PTR(-ENOMEM);
	ctx->mm = mm;
	ctx->refs = 1;
	ctx->holders = 1;
	ctx->features = features;
	INIT_LIST_HEAD(&ctx->pending);
	INIT_LIST_HEAD(&ctx->taken);
	INIT_LIST_HEAD(&ctx->events);
	mmgrab(mm);
	return ctx;
}

void userfaultfd_get(struct userfaultfd_ctx *ctx)
{
	(void)HOT_ADD(&ctx->holders, 1);
}

void userfaultfd_release(struct quire *q, struct userfaultfd_ctx *ctx)
{
	if (HOT_SUB(&ctx->holders, 1))
		return;
	HOT_STORE(&ctx->released, true);
	uffd_forget_areas(q, ctx);
	wake_up(q, &ctx->faulters);
	wake_up(q, &ctx->changers);
	wake_up(q, &ctx->readers);
	uffd_put_ctx(q, ctx);
}

void userfaultfd_set_flags(struct userfaultfd_ctx *ctx, unsigned int flags)
{
	ctx->flags = flags;
}

unsigned int userfaultfd_flags(const struct userfaultfd_ctx *ctx)
{
	return ctx->flags;
}

int userfaultfd_api(struct userfaultfd_ctx *ctx, u64 features)
{
	if (features & ~(u64)UFFD_API_FEATURES)
		return -EINVAL;
	if (!HOT_CMPXCHG(&ctx->features, 0, (unsigned int)features | UFFD_FEATURE_INITIALIZED))
		return -EINVAL;
	return 0;
}

bool userfaultfd_initialized(const struct userfaultfd_ctx *ctx)
{
	return HOT_LOAD(&ctx->features) != 0;
}

/* ---- faults ------------------------------------------------------------------------ */

unsigned int handle_userfault(struct quire *q, struct vm_fault *vmf, unsigned long reason)
{
	struct userfaultfd_ctx *ctx = vmf->vma->uffd;
	struct userfault *uf = vmf->userfault;

	if (!ctx || ctx->released)
		return VM_FAULT_FALLBACK; /* its areas are about to be ours again */
	if (!uf || (ctx->features & UFFD_FEATURE_SIGBUS) ||
	    ((ctx->flags & UFFD_USER_MODE_ONLY) && !uf->user))
		return VM_FAULT_SIGBUS;
	if (!pte_lock_same(q, vmf))
		return 0;
	uf->ctx = ctx;
	uf->addr = vmf->addr;
	uf->flags = (vmf->write ? UFFD_PAGEFAULT_FLAG_WRITE : 0) |
		    (reason == VM_UFFD_WP ? UFFD_PAGEFAULT_FLAG_WP : 0) |
		    (reason == VM_UFFD_MINOR ? UFFD_PAGEFAULT_FLAG_MINOR : 0);
	uf->tid = vmf->task ? vmf->task->pid : 0;
	uf->done = false;
	(void)HOT_ADD(&ctx->refs, 1);
	list_add_tail(&uf->link, &ctx->pending);
	pte_unlock(q, vmf);
	return VM_FAULT_RETRY;
}

void userfault_wait(struct quire *q, struct task *task, struct userfault *uf)
{
	struct userfaultfd_ctx *ctx = uf->ctx;

	if (!ctx)
		return;
	wake_up(q, &ctx->readers);
	wait_event(q, &ctx->faulters,
		   HOT_LOAD(&uf->done) || ctx->released || fatal_signal_pending(task));
	spin_lock(q, &ctx->mm->page_table_lock);
	list_del(&uf->link);
	spin_unlock(q, &ctx->mm->page_table_lock);
	uffd_put_ctx(q, ctx);
	uf->ctx = NULL;
}

int userfaultfd_wake(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len)
{
	struct list_head *lists[] = {&ctx->pending, &ctx->taken};
	struct userfault *uf;

	if (uffd_check_range(ctx->mm, start, len))
		return -EINVAL;
	spin_lock(q, &ctx->mm->page_table_lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++)
		list_for_each_entry (uf, lists[i], link)
			if (uf->addr - start < len)
				HOT_STORE(&uf->done, true);
	spin_unlock(q, &ctx->mm->page_table_lock);
	wake_up(q, &ctx->faulters);
	return 0;
}

/* ---- events ------------------------------------------------------------------------ */

void uffd_event_prepare(struct uffd_event *event, struct userfaultfd_ctx *ctx, u8 what)
{
	*event = (struct uffd_event){.ctx = ctx, .msg = {.event = what}};
	INIT_LIST_HEAD(&event->link);
	(void)HOT_ADD(&ctx->refs, 1);
	(void)HOT_ADD(&ctx->mmap_changing, 1);
}

void uffd_event_wait(struct quire *q, struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;
	struct task *task = current_task(q);

	spin_lock(q, &ctx->mm->page_table_lock);
	list_add_tail(&event->link, &ctx->events);
	spin_unlock(q, &ctx->mm->page_table_lock);
	wake_up(q, &ctx->readers);
	wait_event(q, &ctx->changers,
		   HOT_LOAD(&event->done) || ctx->released || (task && fatal_signal_pending(task)));
	spin_lock(q, &ctx->mm->page_table_lock);
	list_del_init(&event->link);
	spin_unlock(q, &ctx->mm->page_table_lock);
	if (event->child) /* nobody took it: the child's areas are its own */
		userfaultfd_release(q, event->child);
	(void)HOT_SUB(&ctx->mmap_changing, 1);
	uffd_put_ctx(q, ctx);
}

void userfaultfd_events_complete(struct quire *q, struct uffd_event *events)
{
	while (unlikely(events)) {
		struct uffd_event *next = events->next;

		uffd_event_wait(q, events);
		kfree(q, events);
		events = next;
	}
}

static struct uffd_event *new_event(struct quire *q, struct userfaultfd_ctx *ctx, u8 what,
				    struct uffd_event **list)
{
	struct uffd_event *event = kmalloc(q, sizeof(*event), GFP_KERNEL);

	if (!event)
		return NULL;
	uffd_event_prepare(event, ctx, what);
	while (*list) /* in the order of their making */
		list = &(*list)->next;
	*list = event;
	return event;
}

int dup_userfaultfd(struct quire *q, struct vm_area_struct *vma, struct uffd_event **events)
{
	struct userfaultfd_ctx *old = vma->uffd, *child = NULL;
	struct uffd_event *event;

	if (!old)
		return 0;
	if (!(old->features & UFFD_FEATURE_EVENT_FORK) || old->released) {
		vma->uffd = NULL;
		vma->vm_flags &= ~(u32)VM_UFFD_FLAGS;
		return 0;
	}
	for (event = *events; event && !child; event = event->next)
		if (event->ctx == old)
			child = event->child;
	if (!child) {
		child = userfaultfd_new(q, vma->vm_mm, old->features);
		if (IS_ERR(child))
			goto fail;
		child->flags = old->flags;
		event = new_event(q, old, UFFD_EVENT_FORK, events);
		if (!event) {
			uffd_put_ctx(q, child);
			goto fail;
		}
		event->child = child;
	}
	vma->uffd = child;
	return 0;
fail:
	vma->uffd = NULL;
	vma->vm_flags &= ~(u32)VM_UFFD_FLAGS;
	return -ENOMEM;
}

int userfaultfd_unmap_prep(struct quire *q, struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	const struct userfaultfd_ctx *last = NULL;

	for (; vma && vma->vm_start < end; vma = vma->vm_next) {
		struct userfaultfd_ctx *ctx = vma->uffd;
		struct uffd_event *event;

		if (likely(!ctx) || !(ctx->features & UFFD_FEATURE_EVENT_UNMAP) || ctx == last)
			continue;
		event = new_event(q, ctx, UFFD_EVENT_UNMAP, &mm->uffd_unmaps);
		if (!event)
			return -ENOMEM;
		event->msg.arg.remove.start = start;
		event->msg.arg.remove.end = end;
		last = ctx;
	}
	return 0;
}

bool userfaultfd_remove(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end)
{
	struct userfaultfd_ctx *ctx = vma->uffd;
	struct mm_struct *mm = vma->vm_mm;
	struct uffd_event event;

	if (likely(!ctx) || !(ctx->features & UFFD_FEATURE_EVENT_REMOVE))
		return true;
	uffd_event_prepare(&event, ctx, UFFD_EVENT_REMOVE);
	event.msg.arg.remove.start = start;
	event.msg.arg.remove.end = end;
	up_read(q, &mm->mmap_lock);
	uffd_event_wait(q, &event);
	down_read(q, &mm->mmap_lock);
	return false;
}

/* ---- reading ----------------------------------------------------------------------- */

static void fault_message(const struct userfaultfd_ctx *ctx, const struct userfault *uf,
			  struct uffd_msg *msg)
{
	*msg = (struct uffd_msg){.event = UFFD_EVENT_PAGEFAULT};
	msg->arg.pagefault.flags = uf->flags;
	msg->arg.pagefault.address =
		ctx->features & UFFD_FEATURE_EXACT_ADDRESS ? uf->exact : uf->addr;
	if (ctx->features & UFFD_FEATURE_THREAD_ID)
		msg->arg.pagefault.ptid = (u32)uf->tid;
}

/* Under the lock: the oldest fault, or else event. */
static bool take_message(struct userfaultfd_ctx *ctx, struct uffd_msg *msg,
			 struct userfaultfd_ctx **child, bool *event)
{
	struct userfault *uf = list_first_entry_or_null(&ctx->pending, struct userfault, link);
	struct uffd_event *ev = list_first_entry_or_null(&ctx->events, struct uffd_event, link);

	*event = !uf;
	if (uf) {
		list_move_tail(&uf->link, &ctx->taken);
		fault_message(ctx, uf, msg);
		return true;
	}
	if (!ev)
		return false;
	list_del_init(&ev->link);
	*msg = ev->msg;
	if (child && ev->child) {
		*child = ev->child;
		ev->child = NULL;
	}
	HOT_STORE(&ev->done, true);
	return true;
}

bool userfaultfd_readable(struct quire *q, struct userfaultfd_ctx *ctx)
{
	bool any;

	spin_lock(q, &ctx->mm->page_table_lock);
	any = !list_empty(&ctx->pending) || !list_empty(&ctx->events);
	spin_unlock(q, &ctx->mm->page_table_lock);
	return any;
}

int userfaultfd_read(struct quire *q, struct userfaultfd_ctx *ctx, struct uffd_msg *msg, bool wait,
		     struct userfaultfd_ctx **child)
{
	struct task *task = current_task(q);
	bool found, event;

	if (child)
		*child = NULL;
	for (;;) {
		spin_lock(q, &ctx->mm->page_table_lock);
		found = take_message(ctx, msg, child, &event);
		spin_unlock(q, &ctx->mm->page_table_lock);
		if (found && event)
			wake_up(q, &ctx->changers);
		if (found)
			return 0;
		if (!wait)
			return -EAGAIN;
		if (task && fatal_signal_pending(task))
			return -EINTR;
		wait_event(q, &ctx->readers,
			   !list_empty(&ctx->pending) || !list_empty(&ctx->events) ||
				   (task && fatal_signal_pending(task)));
	}
}
