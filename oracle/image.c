/* SPDX-License-Identifier: MIT */
/*
 * The guest program in memory: process 1 with its program's segments, locked,
 * and what it and its workers touch by merely living.
 *
 * The numbers are the guest program's as gcc 12 links it (readelf -l) and as
 * /proc/PID/smaps of the real kernel shows it: a static program at fixed
 * addresses, run without randomisation, all of it resident by mlockall().  A
 * worker is a fork of process 1: it has the pages of the private areas that
 * were written, and faults the program's text in again by windows of 16.
 */
#include "oracle/image.h"

#include <string.h>

#define PROGRAM_PAGES 208 /* 850,696 bytes */
#define MMAP_BASE     0x7ffff7fff000UL
#define TEXT_START    0x401000UL
#define RODATA_START  0x49e000UL
#define RELRO_START   0x4c9000UL
#define DATA_START    0x4ce000UL
#define HEAP_START    0x4d1000UL /* what is behind the file's data, and malloc's */
#define HEAP_END      0x547000UL
#define VVAR_START    0x7ffff7ff9000UL
#define VDSO_START    0x7ffff7ffd000UL
/* The device that takes the results, 64 MiB; its tables are of process 1 alone. */
#define DEVICE_START 0x10100000UL
#define DEVICE_BYTES (64UL << 20)
#define STACK_HOT    (STACK_TOP - 0x2000UL)

/* Segments of the file: read-only, text, constants, relocated, data. */
static const struct segment {
	u64 start, pages;
	int prot;
	unsigned long pgoff;
} segments[] = {
	{0x400000, 1, PROT_READ, 0},
	{TEXT_START, 157, PROT_READ | PROT_EXEC, 1},
	{RODATA_START, 43, PROT_READ, 0x9e},
	{RELRO_START, 8, PROT_READ | PROT_WRITE, 0xc8},
};

/* Pages of the heap area. */
enum {
	DRIVER_HOT = 2, /* what process 1 writes between two forks: 8 pages */
	DRIVER_NR_HOT = 8,
	WORKER_MAPS = 3, /* of these: the table of mappings */
	WORKER_CALL = 12,
	WORKER_MAP = 13,
	WORKER_PATH = 14,
	WORKER_BUFFER = 32, /* 64 KiB to read into and write from */
};

static void touch(struct run *r, struct task *task, u64 addr, unsigned long pages, bool write)
{
	struct touch t = {.addr = addr,
			  .nr_pages = pages,
			  .stride = 1,
			  .write = write,
			  .kind = CONTENT_KIND_HEAP,
			  .seed = addr};

	(void)mmu_touch(r->m, task, &t);
}

static void touch_heap(struct run *r, struct task *task, unsigned long page, unsigned long nr)
{
	touch(r, task, HEAP_START + (page << PAGE_SHIFT), nr, true);
}

/* ---- process 1 ------------------------------------------------------------------ */

/* The file in the root file system, with all its pages. */
static struct file *program(struct run *r)
{
	struct file *file = files_open(r, "/driver", true, true);
	s64 n;

	if (IS_ERR(file))
		return NULL;
	n = generic_file_write(r->q, file, 0, PROGRAM_PAGES << PAGE_SHIFT);
	if (n == PROGRAM_PAGES << PAGE_SHIFT)
		return file;
	fput(r->q, file);
	return NULL;
}

/* The code page that the kernel gives each process: of a file that is no
 * one's, never to be reclaimed. */
static struct file *vdso(struct run *r)
{
	struct super_block *sb = r->q->cache->shm_sb;
	struct inode *inode = new_inode(r->q, sb, PAGE_SIZE, false);
	struct page *page;
	struct file *file;
	int err;

	if (IS_ERR(inode))
		return NULL;
	inode->i_data.unevictable = true;
	page = alloc_pages(r->q, GFP_KERNEL, 0);
	if (!page) {
		iput(r->q, inode);
		return NULL;
	}
	SetPageUptodate(page);
	err = add_to_page_cache_lru(r->q, page, &inode->i_data, 0, GFP_KERNEL);
	if (!err)
		unlock_page(r->q, page);
	put_page(r->q, page);
	file = err ? NULL : alloc_file(r->q, inode, false);
	iput(r->q, inode);
	return file;
}

static int map(struct run *r, struct mm_struct *mm, u64 addr, u64 pages, int prot,
	       struct file *file, unsigned long pgoff)
{
	u64 at = do_mmap(r->q, mm, addr, pages << PAGE_SHIFT, prot,
			 MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS), file, pgoff);

	return IS_ERR_VALUE(at) ? (int)at : 0;
}

static int map_segments(struct run *r, struct mm_struct *mm, struct file *exe, struct file *code)
{
	struct quire *q = r->q;
	int err = 0;

	/* The program that every task begins with goes. */
	err = do_munmap(q, mm, mm->start_code, mm->end_data - mm->start_code);
	mm->mmap_base = MMAP_BASE;
	for (size_t i = 0; i < ARRAY_SIZE(segments) && !err; i++)
		err = map(r, mm, segments[i].start, segments[i].pages, segments[i].prot, exe,
			  segments[i].pgoff);
	if (!err)
		err = map(r, mm, VVAR_START, 4, PROT_READ, NULL, 0);
	if (!err)
		err = map(r, mm, VDSO_START, 2, PROT_READ | PROT_EXEC, code, 0);
	if (err)
		return err;
	find_vma(mm, VVAR_START)->vm_flags |= VM_PFNMAP;
	mm->start_code = TEXT_START;
	mm->end_code = RODATA_START;
	mm->start_data = RELRO_START;
	mm->end_data = HEAP_START;
	mm->start_brk = mm->brk = HEAP_START;
	return do_brk(q, mm, HEAP_END) == HEAP_END ? 0 : -ENOMEM;
}

/* mlockall(MCL_CURRENT): what has pages of its own. */
static int lock_all(struct run *r, struct mm_struct *mm)
{
	static const struct {
		u64 start, end;
	} areas[] = {{0x400000, HEAP_END}, {STACK_TOP - (132UL << 10), STACK_TOP}};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(areas) && !err; i++)
		err = do_mlock(r->q, mm, areas[i].start, areas[i].end - areas[i].start, true);
	return err;
}

/* Its pages are no memory of the machine's, the tables that map them are: the
 * page of zeros stands for them. */
static int map_device(struct run *r, struct task *init)
{
	struct mm_struct *mm = init->mm;
	int err = map(r, mm, DEVICE_START, DEVICE_BYTES >> PAGE_SHIFT, PROT_READ, NULL, 0);

	if (err)
		return err;
	find_vma(mm, DEVICE_START)->vm_flags |= VM_NOHUGEPAGE | VM_DONTCOPY;
	touch(r, init, DEVICE_START, 1, false);
	for (u64 addr = ALIGN(DEVICE_START, PMD_SIZE); addr < DEVICE_START + DEVICE_BYTES;
	     addr += PMD_SIZE)
		touch(r, init, addr, 1, false);
	return 0;
}

int image_exec(struct run *r)
{
	static const char name[] = "/driver";
	struct task *init = r->q->space->init_task;
	struct file *exe = program(r), *code = vdso(r);
	struct mm_struct *mm;
	int err = -ENOMEM;

	if (exe && code)
		err = exec_mmap(r->q, init, "driver", name, sizeof(name));
	mm = init->mm;
	if (!err)
		err = map_segments(r, mm, exe, code);
	if (!err) {
		/* Of the relocated data the last two pages were written. */
		touch(r, init, DATA_START - 2 * PAGE_SIZE, 2, true);
		err = do_mprotect(r->q, mm, RELRO_START, DATA_START - RELRO_START, PROT_READ);
	}
	if (!err)
		err = lock_all(r, mm);
	if (!err)
		touch(r, init, VDSO_START, 1, false);
	if (!err)
		err = map_device(r, init);
	if (exe)
		fput(r->q, exe);
	if (code)
		fput(r->q, code);
	return err;
}

/* ---- what living costs ------------------------------------------------------------ */

void image_forked(struct run *r)
{
	struct task *init = r->q->space->init_task;

	touch(r, init, STACK_HOT, 1, true);
	touch_heap(r, init, DRIVER_HOT, DRIVER_NR_HOT);
}

void image_fork(struct worker *w)
{
	touch(w->run, w->task, STACK_HOT, 1, true);
	touch(w->run, w->task, DATA_START, 1, true);
}

static void text_window(struct run *r, struct task *task, unsigned int n)
{
	/* The first window begins before the text: it has one page less. */
	touch(r, task, n ? TEXT_START - PAGE_SIZE + ((u64)n << 16) : TEXT_START, 1, false);
}

void image_begin(struct worker *w)
{
	struct run *r = w->run;

	text_window(r, w->task, 1);
	text_window(r, w->task, 2);
	touch(r, w->task, STACK_HOT, 1, true);
	touch(r, w->task, DATA_START, 1, true);
	if (w->forked)
		return;
	/* "0" is written to the group's file. */
	touch(r, w->task, RODATA_START + (2UL << PAGE_SHIFT), 1, false);
	if (w->memcg) {
		worker_join(w);
		touch(r, w->task, RODATA_START, 1, false);
	}
	text_window(r, w->task, 3);
	touch_heap(r, w->task, WORKER_MAPS, 1);
	touch_heap(r, w->task, WORKER_CALL, 1);
}

void image_command(struct worker *w, const struct oracle_cmd *c)
{
	struct run *r = w->run;

	/* A forked worker comes here for the first time; and the clock is read. */
	text_window(r, w->task, 3);
	touch(r, w->task, VDSO_START, 1, false);
	switch (c->op) {
	case OP_MMAP:
		if (c->path) /* open, fstat, ftruncate */
			text_window(r, w->task, 6);
		break;
	case OP_FREAD:
	case OP_FWRITE:
		touch_heap(r, w->task, WORKER_BUFFER, DIV_ROUND_UP(c->chunk, PAGE_SIZE));
		break;
	case OP_FILES:
		touch_heap(r, w->task, WORKER_PATH, 1);
		text_window(r, w->task, 0);
		text_window(r, w->task, 4);
		text_window(r, w->task, 5);
		touch(r, w->task, RODATA_START + (18UL << PAGE_SHIFT), 1, false);
		break;
	default:
		break;
	}
}

void image_mapped(struct worker *w)
{
	touch_heap(w->run, w->task, WORKER_MAP, 1);
}
