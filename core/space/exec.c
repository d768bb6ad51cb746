/* SPDX-License-Identifier: MIT */
/*
 * exec: a task gets a new address space with a program in it (what is left of
 * Linux's exec.c and binfmt_elf.c when nothing is run).
 *
 *	text	r-xp	of the program's file, privately; without one, anonymous
 *	data	rw-p	4 pages
 *	[heap]		made by the first brk
 *	[stack]	rw-p	132 KiB, its top page holds the arguments
 *
 * Addresses are those of a position-independent program without
 * randomisation, so that runs are equal to the byte.
 */
#include "base/string.h"
#include "space/files.h"
#include "space/internal.h"

#define PROGRAM_START 0x555555554000UL
#define TEXT_DEFAULT  (16UL << PAGE_SHIFT)
#define DATA_BYTES    (4UL << PAGE_SHIFT)
#define STACK_INITIAL (132UL << 10)
#define MAX_ARG_BYTES (128UL << 10)
#define VM_MAY_ALL    (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

void set_task_comm(struct task *task, const char *comm)
{
	memset(task->comm, 0, sizeof(task->comm));
	str_lcpy(task->comm, comm, sizeof(task->comm));
}

static int make_stack(struct quire *q, struct mm_struct *mm)
{
	struct vm_area_struct *vma = vm_area_alloc(q, mm);

	if (!vma)
		return -ENOMEM;
	if (vma_tree_reserve(q, &mm->mm_mt, STACK_TOP - 1, 0)) {
		vm_area_free(q, vma);
		return -ENOMEM;
	}
	if (vm_enough_memory(q, mm, STACK_INITIAL >> PAGE_SHIFT)) {
		vm_area_free(q, vma);
		vma_tree_release(q, &mm->mm_mt);
		return -ENOMEM;
	}
	vma->vm_start = STACK_TOP - STACK_INITIAL;
	vma->vm_end = STACK_TOP;
	vma->vm_flags = VM_READ | VM_WRITE | VM_MAY_ALL | VM_GROWSDOWN | VM_ACCOUNT | VM_SOFTDIRTY;
	vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT;
	vma->name = "[stack]";
	vma_link(q, mm, vma);
	vm_stat_account(mm, vma->vm_flags, (long)vma_pages(vma));
	return 0;
}

/* The empty program: text, data, where the heap begins, stack. */
static int make_areas(struct quire *q, struct mm_struct *mm, struct file *exe, u64 text_bytes)
{
	u64 addr;
	int err;

	text_bytes = PAGE_ALIGN(text_bytes);
	addr = do_mmap(q, mm, PROGRAM_START, text_bytes, PROT_READ | PROT_EXEC,
		       MAP_PRIVATE | MAP_FIXED | (exe ? 0 : MAP_ANONYMOUS), exe, 0);
	if (IS_ERR_VALUE(addr))
		return -ENOMEM;
	mm->start_code = addr;
	mm->end_code = addr + text_bytes;
	addr = do_mmap(q, mm, mm->end_code, DATA_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL, 0);
	if (IS_ERR_VALUE(addr))
		return -ENOMEM;
	mm->start_data = addr;
	mm->end_data = addr + DATA_BYTES;
	mm->start_brk = mm->brk = mm->end_data;
	down_write(q, &mm->mmap_lock);
	err = make_stack(q, mm);
	up_write(q, &mm->mmap_lock);
	return err;
}

int exec_mmap_file(struct quire *q, struct task *task, const char *comm, const char *cmdline,
		   unsigned int cmdline_len, struct file *exe, u64 text_bytes)
{
	struct mm_struct *mm = mm_alloc(q), *old = task->mm;
	char *args = NULL;
	int err;

	if (!mm)
		return -ENOMEM;
	VM_BUG_ON(q, task->signal->nr_threads > 1);
	mem_cgroup_get(task->memcg);
	mm->memcg = task->memcg;
	if (cmdline_len)
		args = kmalloc(q, cmdline_len, GFP_KERNEL);
	err = (cmdline_len && !args) || cmdline_len > MAX_ARG_BYTES ? -ENOMEM : 0;
	if (!err)
		err = make_areas(q, mm, exe, text_bytes ? text_bytes : TEXT_DEFAULT);
	if (!err) {
		/* The arguments, and what every program touches at once. */
		u64 args_start = (STACK_TOP - 1 - cmdline_len) & PAGE_MASK;

		mm->start_stack = mm->arg_start = STACK_TOP - 1 - cmdline_len;
		(void)populate_range(q, mm, args_start, STACK_TOP);
		if (mm_counter_exact(q, mm, MM_ANONPAGES) < (STACK_TOP - args_start) >> PAGE_SHIFT)
			err = -ENOMEM;
	}
	if (err) {
		kfree(q, args);
		mmput(q, mm);
		return err;
	}
	if (args)
		memcpy(args, cmdline, cmdline_len);
	kfree(q, task->cmdline);
	task->cmdline = args;
	task->cmdline_len = cmdline_len;
	task->flags &= ~(unsigned int)PF_KTHREAD;
	set_task_comm(task, comm);
	mm->owner = task;
	if (task->files)
		files_close(q, task->files, true);
	sync_mm_rss(task);
	task_numa_free(q, task); /* another program, other memory */
	task->mm = mm;
	if (unlikely(q->keys & KEY_LRU_GEN_MMS))
		lru_gen_add_mm(q, &mm->lru_gen, mm->memcg);
	task->in_vfork = false;
	if (old)
		mmput(q, old);
	return 0;
}

int exec_mmap(struct quire *q, struct task *task, const char *comm, const char *cmdline,
	      unsigned int cmdline_len)
{
	return exec_mmap_file(q, task, comm, cmdline, cmdline_len, NULL, 0);
}

int set_task_cmdline(struct quire *q, struct task *task, const char *cmdline,
		     unsigned int cmdline_len)
{
	char *args = cmdline_len && cmdline_len <= MAX_ARG_BYTES
			     ? kmalloc(q, cmdline_len, GFP_KERNEL)
			     : NULL;

	if (!args)
		return -ENOMEM;
	memcpy(args, cmdline, cmdline_len);
	task = task->group_leader; /* all threads share one title */
	kfree(q, task->cmdline);
	task->cmdline = args;
	task->cmdline_len = cmdline_len;
	return 0;
}
