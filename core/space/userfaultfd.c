/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd: faults in an area are served by somebody else (Linux's userfaultfd.c,
 * as far as pages are missing).
 *
 * Who registers a range gets a message for each fault of a page that is not there;
 * the task that faulted sleeps until the page was put there (copy or zero page) or it
 * is woken.  A context is what a descriptor leads to in Linux; its holder reads
 * messages with userfaultfd_read() and answers from any task.
 *
 * Two tasks that fault at one page are two messages.  A fault that can't wait (the
 * kernel's own, UFFD_FEATURE_SIGBUS) ends in SIGBUS.  A child of fork() and what
 * mremap() moved are registered no more; closing the context ends all.
 *
 * Locks: the space's page_table_lock for the lists; mmap_lock for areas.
 *
 * Differs from Linux: private anonymous areas and missing pages only: no
 * write-protection, no minor faults, no events; areas are not made of huge pages.
 */
#include "space/userfaultfd.h"
#include "space/internal.h"

struct userfaultfd_ctx {
	struct mm_struct *mm;
	unsigned int refs; /* the holder's, areas', and faults' that wait */
	unsigned int features;
	bool released;
	struct list_head pending, taken; /* faults: not yet read, and read */
	struct quire_wait_queue readers, faulters;
};

static void put_ctx(struct quire *q, struct userfaultfd_ctx *ctx)
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

	if (features & ~UFFD_FEATURE_SIGBUS)
		return ERR_PTR(-EINVAL);
	ctx = kzalloc(q, sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return ERR_PTR(-ENOMEM);
	ctx->mm = mm;
	ctx->refs = 1;
	ctx->features = features;
	INIT_LIST_HEAD(&ctx->pending);
	INIT_LIST_HEAD(&ctx->taken);
	mmgrab(mm);
	return ctx;
}

/* ---- the fault --------------------------------------------------------------------- */

unsigned int handle_userfault(struct quire *q, struct vm_fault *vmf)
{
	struct userfaultfd_ctx *ctx = vmf->vma->uffd;
	struct userfault *uf = vmf->userfault;

	if (ctx->released)
		return VM_FAULT_FALLBACK; /* its areas are about to be ours again */
	if (!uf || (ctx->features & UFFD_FEATURE_SIGBUS))
		return VM_FAULT_SIGBUS;
	if (!pte_lock_same(q, vmf))
		return 0;
	*uf = (struct userfault){.ctx = ctx,
				 .addr = vmf->addr,
				 .write = vmf->write,
				 .tid = vmf->task ? vmf->task->pid : 0};
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
	put_ctx(q, ctx);
}

int userfaultfd_read(struct quire *q, struct userfaultfd_ctx *ctx, struct uffd_msg *msg, bool wait)
{
	struct task *task = current_task(q);
	struct userfault *uf;

	for (;;) {
		spin_lock(q, &ctx->mm->page_table_lock);
		uf = list_first_entry_or_null(&ctx->pending, struct userfault, link);
		if (uf) {
			list_move_tail(&uf->link, &ctx->taken);
			*msg = (struct uffd_msg){uf->addr, uf->write, uf->tid};
		}
		spin_unlock(q, &ctx->mm->page_table_lock);
		if (uf)
			return 0;
		if (!wait)
			return -EAGAIN;
		if (task && fatal_signal_pending(task))
			return -EINTR;
		wait_event(q, &ctx->readers,
			   !list_empty(&ctx->pending) || (task && fatal_signal_pending(task)));
	}
}

void userfaultfd_wake(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len)
{
	struct list_head *lists[] = {&ctx->pending, &ctx->taken};
	struct userfault *uf;

	spin_lock(q, &ctx->mm->page_table_lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++)
		list_for_each_entry (uf, lists[i], link)
			if (uf->addr - start < len)
				HOT_STORE(&uf->done, true);
	spin_unlock(q, &ctx->mm->page_table_lock);
	wake_up(q, &ctx->faulters);
}

/* ---- areas ------------------------------------------------------------------------- */

static int check_range(const struct mm_struct *mm, u64 start, u64 len)
{
	if (!IS_ALIGNED(start | len, PAGE_SIZE) || !len || start >= mm->task_size ||
	    len > mm->task_size - start)
		return -EINVAL;
	return 0;
}

/* Areas of the range take the context, or (NULL) lose theirs. */
static int set_ctx(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 end, bool on)
{
	struct mm_struct *mm = ctx->mm;
	struct vm_area_struct *vma = find_vma(mm, start);
	int err;

	if (!vma || vma->vm_start >= end)
		return on ? -EINVAL : 0;
	for (; on && vma && vma->vm_start < end; vma = vma->vm_next) {
		if (vma->vm_file || (vma->vm_flags & (VM_SHARED | VM_HUGETLB | VM_PFNMAP)))
			return -EINVAL;
		if (vma->uffd && vma->uffd != ctx)
			return -EBUSY;
	}
	vma = find_vma(mm, start);
	err = split_at_ends(q, mm, &vma, start, end, false);
	while (!err && vma && vma->vm_start < end) {
		if (on || vma->uffd == ctx) {
			vma->uffd = on ? ctx : NULL;
			vma->vm_flags =
				(vma->vm_flags & ~VM_UFFD_MISSING) | (on ? VM_UFFD_MISSING : 0);
		}
		vma = vma_merge_around(q, mm, vma)->vm_next;
	}
	return err;
}

int userfaultfd_register(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len,
			 unsigned int mode)
{
	int err = check_range(ctx->mm, start, len);

	if (err || mode != UFFDIO_REGISTER_MODE_MISSING)
		return -EINVAL;
	down_write(q, &ctx->mm->mmap_lock);
	err = set_ctx(q, ctx, start, start + len, true);
	up_write(q, &ctx->mm->mmap_lock);
	return err;
}

int userfaultfd_unregister(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len)
{
	int err = check_range(ctx->mm, start, len);

	if (err)
		return err;
	down_write(q, &ctx->mm->mmap_lock);
	err = set_ctx(q, ctx, start, start + len, false);
	up_write(q, &ctx->mm->mmap_lock);
	/* Who waits there finds out by himself. */
	userfaultfd_wake(q, ctx, start, len);
	return err;
}

void userfaultfd_release(struct quire *q, struct userfaultfd_ctx *ctx)
{
	struct mm_struct *mm = ctx->mm;

	HOT_STORE(&ctx->released, true);
	down_write(q, &mm->mmap_lock);
	for (struct vm_area_struct *vma = find_vma(mm, 0); vma; vma = vma->vm_next) {
		if (vma->uffd != ctx)
			continue;
		vma->uffd = NULL;
		vma->vm_flags &= ~VM_UFFD_MISSING;
		vma = vma_merge_around(q, mm, vma);
	}
	up_write(q, &mm->mmap_lock);
	wake_up(q, &ctx->faulters);
	put_ctx(q, ctx);
}

/* ---- answers ----------------------------------------------------------------------- */

/* One page of an area of the context; src NULL: the zero page. */
static int fill_page(struct quire *q, struct userfaultfd_ctx *ctx, u64 addr, struct page *src)
{
	struct vm_area_struct *vma = find_vma(ctx->mm, addr);
	struct vm_fault vmf = {.mm = ctx->mm, .vma = vma, .addr = addr, .write = true};
	struct page *page = NULL;
	unsigned int made = 0;

	if (!vma || vma->vm_start > addr || vma->uffd != ctx)
		return -ENOENT;
	if (anon_vma_prepare(q, vma))
		return -ENOMEM;
	vmf.ptep = pt_walk_alloc(q, ctx->mm->pgd_pfn, addr, 1, GFP_KERNEL, &made);
	(void)HOT_ADD(&ctx->mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
	if (!vmf.ptep)
		return -ENOMEM;
	if (src) {
		page = new_user_page(q, &vmf, 0);
		if (!page)
			return -ENOMEM;
		hot_copy_page(q->hot, page_to_pfn(q, page), page_to_pfn(q, src));
	}
	if (!pte_lock_same(q, &vmf)) { /* orig is 0: something is there */
		if (page)
			put_page(q, page);
		return -EEXIST;
	}
	if (page)
		map_new_anon(q, &vmf, page, write_prot(&vmf));
	else
		set_pte(q, vmf.ptep,
			mk_pte(page_to_pfn(q, q->space->zero_page),
			       vm_page_prot(vma) | _PAGE_SPECIAL));
	pte_unlock(q, &vmf);
	if (page)
		mlock_if_wanted(q, &vmf, page);
	return 0;
}

/* The page that the running task sees at addr, with a reference. */
static struct page *source_page(struct quire *q, u64 addr)
{
	struct task *task = current_task(q);
	struct page *page = NULL;
	const pte_t *ptep;

	if (!task || !task->mm)
		return NULL;
	for (int tries = 0; !page && tries < 2; tries++) {
		spin_lock(q, &task->mm->page_table_lock);
		ptep = pt_walk(q, task->mm->pgd_pfn, addr, 1);
		if (ptep && pte_present(*ptep) && (*ptep & _PAGE_PRESENT)) {
			page = pfn_to_page(q, pte_pfn(*ptep));
			get_page(page);
		}
		spin_unlock(q, &task->mm->page_table_lock);
		if (!page && !tries)
			(void)populate_exactly(q, task->mm, addr, addr + PAGE_SIZE, false);
	}
	return page;
}

static s64 fill_range(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 src, u64 len,
		      unsigned int mode, bool zero)
{
	int err = check_range(ctx->mm, dst, len);
	u64 done = 0;

	if (!err && (!IS_ALIGNED(src, PAGE_SIZE) || (mode & ~UFFDIO_MODE_DONTWAKE)))
		err = -EINVAL;
	for (; !err && done < len; done += err ? 0 : PAGE_SIZE) {
		struct page *page = zero ? NULL : source_page(q, src + done);

		if (!zero && !page) {
			err = -EFAULT;
			break;
		}
		down_read(q, &ctx->mm->mmap_lock);
		err = fill_page(q, ctx, dst + done, page);
		up_read(q, &ctx->mm->mmap_lock);
		if (page)
			put_page(q, page);
	}
	if (done && !(mode & UFFDIO_MODE_DONTWAKE))
		userfaultfd_wake(q, ctx, dst, done);
	return done ? (s64)done : err;
}

s64 userfaultfd_copy(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 src, u64 len,
		     unsigned int mode)
{
	return fill_range(q, ctx, dst, src, len, mode, false);
}

s64 userfaultfd_zeropage(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 len,
			 unsigned int mode)
{
	return fill_range(q, ctx, dst, 0, len, mode, true);
}
