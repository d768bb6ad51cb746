/* SPDX-License-Identifier: MIT */
/*
 * New tasks and copies of address spaces (Linux's fork.c).
 *
 * A copy takes every area.  Of the tables it takes what could not be had again
 * by faulting: areas with an anon_vma, whose private pages are write-protected
 * on both sides and shared until someone writes; file mappings without private
 * pages stay empty in the child, as in Linux.
 *
 * Failure leaves nothing behind: a half-made space is torn down by exit_mmap()
 * as any other, a half-made task by giving back what it has.
 *
 * Locks: the parent's mmap_lock for writing, then the child's; page_table_lock
 * of the child, then nested that of the parent.
 */
#include "base/string.h"
#include "space/files.h"
#include "space/hugetlb.h"
#include "space/userfault.h"
#include "vmalloc/vmalloc.h"

#define STACK_PAGES (THREAD_SIZE >> PAGE_SHIFT)

_Static_assert(sizeof(struct mm_struct) <= SLAB_SIZE_mm_struct, "fits Linux's size");
_Static_assert(sizeof(struct task) <= SLAB_SIZE_task_struct, "fits Linux's size");
_Static_assert(sizeof(struct signal_struct) <= SLAB_SIZE_signal_cache, "fits Linux's size");

/* ---- address spaces -------------------------------------------------------------- */

struct mm_struct *mm_alloc(struct quire *q)
{
	struct mm_struct *mm = kmem_cache_zalloc(q, q->space->mm_cachep, GFP_KERNEL);
	struct page *pgd;

	if (!mm)
		return NULL;
	pgd = pt_alloc_root(q, GFP_KERNEL, false);
	if (!pgd) {
		kmem_cache_free(q, q->space->mm_cachep, mm);
		return NULL;
	}
	mm->pgd_pfn = page_to_pfn(q, pgd);
	mm->mm_users = 1;
	mm->mm_count = 1;
	/* As without randomisation: below the stack's usual room of 128 MB. */
	mm->task_size = q->page->pt_levels == 5 ? TASK_SIZE_5_LEVELS : TASK_SIZE;
	mm->legacy_va = q->space->legacy_va_layout != 0;
	mm->mmap_base = STACK_TOP - (128UL << 20) - STACK_GUARD_GAP;
	init_rwsem(&mm->mmap_lock);
	spin_lock_init(&mm->page_table_lock, LOCK_PAGE_TABLE);
	spin_lock(q, &q->space->tasklist_lock);
	mm->context_id = q->space->next_context_id++;
	list_add_tail(&mm->mm_list, &q->space->mms);
	spin_unlock(q, &q->space->tasklist_lock);
	return mm;
}

void mmget(struct mm_struct *mm)
{
	(void)HOT_ADD(&mm->mm_users, 1);
}

void mmgrab(struct mm_struct *mm)
{
	(void)HOT_ADD(&mm->mm_count, 1);
}

void mmdrop(struct quire *q, struct mm_struct *mm)
{
	if (HOT_SUB(&mm->mm_count, 1))
		return;
	spin_lock(q, &q->space->tasklist_lock);
	list_del(&mm->mm_list);
	spin_unlock(q, &q->space->tasklist_lock);
	pt_free(q, pfn_to_page(q, mm->pgd_pfn));
	mem_cgroup_put(q, mm->memcg);
	kmem_cache_free(q, q->space->mm_cachep, mm);
}

void mmput(struct quire *q, struct mm_struct *mm)
{
	if (HOT_SUB(&mm->mm_users, 1))
		return;
	khugepaged_exit(q, mm);
	lru_gen_del_mm(q, &mm->lru_gen);
	exit_mmap(q, mm);
	mm_put_huge_zero_page(q, mm);
	mmdrop(q, mm);
}

struct pte_copy {
	struct vm_area_struct *dst, *src;
	pte_t clear; /* what a present entry of the child's lacks */
	long rss[NR_MM_COUNTERS];
};

/* One entry; -ENOMEM when a swap slot can't be counted once more. */
static int copy_pte(struct quire *q, struct pte_copy *c, pte_t *dst, pte_t *src)
{
	bool drop_wp = c->clear & _PAGE_UFFD_WP;
	pte_t pte = *src;
	struct page *page;

	if (unlikely(pte_is_migration(pte))) {
		c->rss[mm_counter(migration_entry_page(q, pte))]++;
		if (!(c->src->vm_flags & VM_SHARED)) {
			pte = make_readable_migration_pte(pte);
			set_pte(q, src, pte);
		}
		set_pte(q, dst, drop_wp ? pte_clear_uffd_wp(pte) : pte);
		return 0;
	}
	if (unlikely(!pte_present(pte))) {
		int err;

		if (pte_is_marker(pte)) {
			if (!drop_wp)
				set_pte(q, dst, pte);
			return 0;
		}
		err = swap_duplicate(q, pte_to_swp_entry(pte));
		if (err)
			return err;
		c->rss[MM_SWAPENTS]++;
		set_pte(q, dst, drop_wp ? pte_clear_uffd_wp(pte) : pte);
		return 0;
	}
	if (!(c->src->vm_flags & VM_SHARED) && pte_write(pte)) {
		pte &= ~_PAGE_RW;
		set_pte(q, src, pte);
	}
	if (c->src->vm_flags & VM_SHARED)
		pte &= ~_PAGE_DIRTY;
	if (!pte_special(pte)) {
		page = pfn_to_page(q, pte_pfn(pte));
		get_page(page);
		(void)HOT_ADD(&page->_mapcount, 1);
		c->rss[mm_counter(page)]++;
	}
	set_pte(q, dst, pte & ~c->clear);
	return 0;
}

/* One table's worth of entries. */
static int copy_pte_table(struct quire *q, struct pte_copy *c, pte_t *dst, pte_t *src,
			  unsigned int n)
{
	struct mm_struct *dmm = c->dst->vm_mm, *smm = c->src->vm_mm;
	int err = 0;

	spin_lock(q, &dmm->page_table_lock);
	spin_lock_nested(q, &smm->page_table_lock);
	for (unsigned int i = 0; i < n && !err; i++)
		if (!pte_none(src[i]))
			err = copy_pte(q, c, dst + i, src + i);
	for (int i = 0; i < NR_MM_COUNTERS; i++) {
		if (c->rss[i])
			add_mm_counter(dmm, i, c->rss[i]);
		c->rss[i] = 0;
	}
	spin_unlock(q, &smm->page_table_lock);
	spin_unlock(q, &dmm->page_table_lock);
	charge_ns(q, (u64)n * q->cost.fork_page);
	return err;
}

static int copy_page_range(struct quire *q, struct vm_area_struct *dst, struct vm_area_struct *src)
{
	struct pte_copy c = {.dst = dst, .src = src, .clear = _PAGE_ACCESSED};
	u64 addr = src->vm_start, end = src->vm_end;
	struct mm_struct *mm = dst->vm_mm;
	pte_t *from, *to;

	if (!src->anon_vma && !(src->vm_flags & VM_PFNMAP) && !(dst->vm_flags & VM_UFFD_WP))
		return 0;
	if (src->vm_flags & VM_WIPEONFORK)
		return 0;
	if (!(dst->vm_flags & VM_UFFD_WP))
		c.clear |= _PAGE_UFFD_WP;
	while ((from = next_pmd(q, src->vm_mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);
		bool huge = pmd_huge(HOT_LOAD(from));
		unsigned int made = 0;
		int err = -EAGAIN;

		/* Of a file: the child will find it there. */
		if (huge && src->vm_file) {
			addr = stop;
			continue;
		}
		to = pt_walk_alloc(q, mm->pgd_pfn, addr, huge ? 2 : 1, GFP_KERNEL, &made);
		mm->pgtables_bytes += (long)made * (long)PAGE_SIZE;
		if (!to)
			return -ENOMEM;
		if (huge)
			err = copy_huge_pmd(q, dst, src, to, from);
		else
			err = copy_pte_table(q, &c, to, pte_offset(q, *from, addr),
					     (unsigned int)((stop - addr) >> PAGE_SHIFT));
		if (err == -EAGAIN) /* cut meanwhile */
			continue;
		if (err)
			return err;
		addr = stop;
	}
	return 0;
}

static int dup_vma(struct quire *q, struct mm_struct *mm, struct vm_area_struct *src,
		   struct uffd_event **uffd)
{
	struct vm_area_struct *vma = vm_area_dup(q, src);

	if (!vma)
		return -ENOMEM;
	vma->vm_mm = mm;
	vma->vm_flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
	vma->anon_vma = NULL;
	if (dup_userfaultfd(q, vma, uffd)) {
		vm_area_free(q, vma);
		return -ENOMEM;
	}
	/* What the child shall find empty it need not find by. */
	if (!(src->vm_flags & VM_WIPEONFORK) && anon_vma_fork(q, vma, src))
		goto fail;
	if (is_vm_hugetlb_page(src) && hugetlb_vm_open(q, vma, src, true))
		goto fail;
	if (vma_tree_reserve(q, &mm->mm_mt, vma->vm_start, 0))
		goto fail_unlink;
	if ((src->vm_flags & VM_ACCOUNT) && vm_enough_memory(q, src->vm_mm, vma_pages(src)))
		goto fail_unlink;
	vma_link(q, mm, vma);
	vm_stat_account(mm, vma->vm_flags, (long)vma_pages(vma));
	return is_vm_hugetlb_page(src) ? copy_hugetlb_page_range(q, vma, src)
				       : copy_page_range(q, vma, src);
fail_unlink:
	vma_tree_release(q, &mm->mm_mt);
	unlink_anon_vmas(q, vma);
	if (is_vm_hugetlb_page(src))
		hugetlb_vm_close(q, vma);
fail:
	vm_area_free(q, vma);
	return -ENOMEM;
}

struct mm_struct *dup_mm(struct quire *q, struct mm_struct *old)
{
	struct mm_struct *mm = mm_alloc(q);
	struct uffd_event *uffd = NULL;
	int err = 0;

	if (!mm)
		return NULL;
	mem_cgroup_get(old->memcg);
	mm->memcg = old->memcg;
	mm->flags = old->flags & BIT(MMF_DISABLE_THP);
	if (old->flags & BIT(MMF_VM_HUGEPAGE))
		__khugepaged_enter(q, mm);
	down_write(q, &old->mmap_lock);
	down_write(q, &mm->mmap_lock);
	mm->mmap_base = old->mmap_base;
	mm->legacy_va = old->legacy_va;
	mm->start_code = old->start_code;
	mm->end_code = old->end_code;
	mm->start_data = old->start_data;
	mm->end_data = old->end_data;
	mm->start_brk = old->start_brk;
	mm->brk = old->brk;
	mm->start_stack = old->start_stack;
	mm->arg_start = old->arg_start;
	for (struct vm_area_struct *vma = find_vma(old, 0); vma && !err; vma = vma->vm_next)
		if (!(vma->vm_flags & VM_DONTCOPY))
			err = dup_vma(q, mm, vma, &uffd);
	flush_tlb(q, old, 0, old->task_size); /* entries lost their right to write */
	update_hiwater_rss(mm);
	update_hiwater_vm(mm);
	up_write(q, &mm->mmap_lock);
	up_write(q, &old->mmap_lock);
	userfaultfd_events_complete(q, uffd);
	if (err) {
		mmput(q, mm);
		return NULL;
	}
	if (unlikely(q->keys & KEY_LRU_GEN_MMS))
		lru_gen_add_mm(q, &mm->lru_gen, mm->memcg);
	return mm;
}

/* ---- kernel stacks --------------------------------------------------------------- */

static struct page *stack_page(struct quire *q, u64 stack, unsigned int i)
{
	return virt_to_page(q, vmalloc_page_address(q, stack + ((u64)i << PAGE_SHIFT)));
}

static void uncharge_stack(struct quire *q, u64 stack, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct page *page = stack_page(q, stack, i);

		mod_lruvec_page_state(q, page, NR_KERNEL_STACK_KB, -(long)(PAGE_SIZE >> 10));
		mem_cgroup_uncharge_kmem(q, page);
	}
}

static int alloc_task_stack(struct quire *q, struct task *task)
{
	u64 stack = vmalloc_node(q, THREAD_SIZE, GFP_KERNEL, task->node, "alloc_thread_stack");

	if (!stack)
		return -ENOMEM;
	for (unsigned int i = 0; i < STACK_PAGES; i++) {
		struct page *page = stack_page(q, stack, i);

		if (mem_cgroup_charge_kmem(q, page, task->memcg, GFP_KERNEL)) {
			uncharge_stack(q, stack, i);
			vfree(q, stack);
			return -ENOMEM;
		}
		mod_lruvec_page_state(q, page, NR_KERNEL_STACK_KB, PAGE_SIZE >> 10);
	}
	task->stack = stack;
	return 0;
}

void free_task_stack(struct quire *q, struct task *task)
{
	if (!task->stack)
		return;
	uncharge_stack(q, task->stack, STACK_PAGES);
	vfree(q, task->stack);
	task->stack = 0;
}

/* ---- tasks ----------------------------------------------------------------------- */

void put_shared(struct quire *q, struct kmem_cache *cachep, void **object)
{
	struct shared_object *obj = *object;

	*object = NULL;
	if (!obj || HOT_SUB(&obj->count, 1))
		return;
	if (cachep == q->space->files_cachep)
		files_close(q, obj, false);
	kmem_cache_free(q, cachep, obj);
}

/* The parent's object once more, or a new one. */
static void *share_or_alloc(struct quire *q, struct kmem_cache *cachep, void *parents, bool share)
{
	struct shared_object *obj = parents;

	if (share && obj) {
		(void)HOT_ADD(&obj->count, 1);
		return obj;
	}
	obj = kmem_cache_zalloc(q, cachep, GFP_KERNEL);
	if (obj)
		obj->count = 1;
	return obj;
}

static int copy_signal(struct quire *q, struct task *task, struct task *parent, bool thread)
{
	struct signal_struct *sig = parent->signal;

	if (thread) {
		(void)HOT_ADD(&sig->refs, 1);
		task->signal = sig;
		return 0;
	}
	task->signal = kmem_cache_zalloc(q, q->space->signal_cachep, GFP_KERNEL);
	if (!task->signal)
		return -ENOMEM;
	task->signal->refs = 1;
	task->signal->oom_score_adj = sig ? sig->oom_score_adj : 0;
	task->signal->oom_score_adj_min = sig ? sig->oom_score_adj_min : 0;
	if (sig)
		memcpy(task->signal->rlim, sig->rlim, sizeof(sig->rlim));
	return 0;
}

static int copy_cmdline(struct quire *q, struct task *task, struct task *parent, bool thread)
{
	struct task *leader = parent->group_leader;

	if (thread || !leader->cmdline)
		return 0;
	task->cmdline = kmalloc(q, leader->cmdline_len, GFP_KERNEL);
	if (!task->cmdline)
		return -ENOMEM;
	task->cmdline_len = leader->cmdline_len;
	memcpy(task->cmdline, leader->cmdline, leader->cmdline_len);
	return 0;
}

static int copy_mm(struct quire *q, struct task *task, struct task *parent, bool share)
{
	struct mm_struct *mm = parent->mm;

	if (!mm)
		return 0;
	if (share) {
		mmget(mm);
	} else {
		mm = dup_mm(q, mm);
		if (!mm)
			return -ENOMEM;
		mm->owner = task;
	}
	task->mm = mm;
	return 0;
}

/* What a task owns by itself, in part or whole: also after a failure. */
static void free_new_task(struct quire *q, struct task *task)
{
	struct space_floor *sp = q->space;

	if (task->mm)
		mmput(q, task->mm);
	free_task_stack(q, task);
	kfree(q, task->cmdline);
	put_shared(q, sp->files_cachep, &task->files);
	put_shared(q, sp->fs_cachep, &task->fs);
	put_shared(q, sp->sighand_cachep, &task->sighand);
	put_shared(q, sp->cred_cachep, &task->cred);
	if (task->pid_struct)
		kmem_cache_free(q, sp->pid_cachep, task->pid_struct);
	if (task->signal && --task->signal->refs == 0)
		kmem_cache_free(q, sp->signal_cachep, task->signal);
	mem_cgroup_detach_task(q, task->memcg);
	kmem_cache_free(q, sp->task_cachep, task);
}

/* Everything that can fail. */
static int copy_parts(struct quire *q, struct task *task, struct task *parent,
		      unsigned int clone_flags, bool kthread)
{
	struct space_floor *sp = q->space;
	bool thread = clone_flags & CLONE_THREAD;

	task->cred = share_or_alloc(q, sp->cred_cachep, parent->cred, thread);
	task->files = share_or_alloc(q, sp->files_cachep, parent->files,
				     thread || kthread || (clone_flags & CLONE_FILES));
	task->fs = share_or_alloc(q, sp->fs_cachep, parent->fs, thread || kthread);
	task->sighand = share_or_alloc(q, sp->sighand_cachep, parent->sighand, thread);
	task->pid_struct = kmem_cache_zalloc(q, sp->pid_cachep, GFP_KERNEL);
	if (!task->cred || !task->files || !task->fs || !task->sighand || !task->pid_struct)
		return -ENOMEM;
	if (parent->files && task->files != parent->files &&
	    files_copy(q, task->files, parent->files))
		return -ENOMEM;
	if (copy_signal(q, task, parent, thread) || alloc_task_stack(q, task) ||
	    copy_cmdline(q, task, parent, thread))
		return -ENOMEM;
	return kthread ? 0 : copy_mm(q, task, parent, clone_flags & (CLONE_VM | CLONE_THREAD));
}

/* Under tasklist_lock: the task becomes visible.  -EAGAIN without a pid. */
static int link_task(struct quire *q, struct task *task, struct task *parent, bool thread)
{
	struct space_floor *sp = q->space;
	struct task *leader = parent->group_leader;
	int pid = alloc_pid(q);

	if (pid < 0)
		return pid;
	task->pid = pid;
	task->tgid = thread ? leader->pid : pid;
	task->group_leader = thread ? leader : task;
	task->parent = thread ? leader->parent : leader;
	task->signal->nr_threads++;
	if (thread) {
		list_add_tail(&task->thread_group, &leader->thread_group);
		task->sigkill_pending = task->signal->group_exit;
	} else {
		list_add_tail(&task->tasks, &sp->tasks);
		list_add_tail(&task->sibling, &task->parent->children);
		sp->nr_processes++;
	}
	attach_pid(q, task);
	sp->nr_threads++;
	sp->total_forks++;
	return 0;
}

static void inherit(struct quire *q, struct task *task, const struct task *parent)
{
	memcpy(task->comm, parent->comm, sizeof(task->comm));
	task->flags = parent->flags & PF_KTHREAD;
	task->usage = 1;
	task->uid = parent->uid;
	task->gid = parent->gid;
	task->nice = parent->nice;
	task->rt_priority = parent->rt_priority;
	task->cpu = parent->cpu;
	task->node = parent->node;
	task->policy = parent->policy;
	task->memcg = parent->memcg;
	task->start_time = quire_clock(q);
	INIT_LIST_HEAD(&task->tasks);
	INIT_LIST_HEAD(&task->thread_group);
	INIT_LIST_HEAD(&task->children);
	INIT_LIST_HEAD(&task->sibling);
}

struct task *create_task(struct quire *q, struct task *parent, unsigned int clone_flags,
			 bool kthread)
{
	struct space_floor *sp = q->space;
	bool thread = clone_flags & CLONE_THREAD;
	struct task *task;
	int err;

	if (sp->nr_threads >= sp->max_threads || (thread && parent->signal->group_exit))
		return ERR_PTR(-EAGAIN);
	charge_ns(q, q->cost.fork_task);
	task = kmem_cache_alloc(q, sp->task_cachep, GFP_KERNEL);
	if (!task)
		return ERR_PTR(-ENOMEM);
	memset(task, 0, sizeof(*task));
	inherit(q, task, parent);
	task->in_vfork = clone_flags & CLONE_VFORK;
	mem_cgroup_attach_task(q, task->memcg);
	err = copy_parts(q, task, parent, clone_flags, kthread);
	if (!err) {
		spin_lock(q, &sp->tasklist_lock);
		err = link_task(q, task, parent, thread);
		spin_unlock(q, &sp->tasklist_lock);
	}
	if (err) {
		free_new_task(q, task);
		return ERR_PTR(err);
	}
	return task;
}

struct task *copy_process(struct quire *q, struct task *parent, unsigned int clone_flags)
{
	return create_task(q, parent ? parent : q->space->init_task, clone_flags, false);
}

struct task *create_kthread_task(struct quire *q, const char *name)
{
	struct task *task;

	if (!q->space || !q->space->kthreadd)
		return ERR_PTR(-EAGAIN);
	task = create_task(q, q->space->kthreadd, 0, true);
	if (!IS_ERR(task))
		set_task_comm(task, name);
	return task;
}
