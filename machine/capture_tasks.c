/* SPDX-License-Identifier: MIT */
/*
 * The processes of a captured machine: real tasks with the captured numbers,
 * parents and names, and address spaces whose pages are really mapped.
 *
 * Tasks come first, all with a small address space, so that a fork copies
 * little; then parents are set; then threads; then memory, process by process:
 *
 *	text		VmExe of a program's file
 *	stack		VmStk; its top page holds the arguments
 *	files		as many pages as RssFile of one file that all map; windows of
 *			it, laid so that together they cover what nr_mapped says
 *	shared		the same of a shmem file, RssShmem
 *	anonymous	RssAnon and VmSwap touched in VmData; what is swapped goes to
 *			real slots
 *	rest		up to VmSize: a file that is mapped and never read
 *
 * VmPTE says how many tables a process has, and so how scattered its memory is:
 * anonymous memory lies in as many pieces, 2 MiB apart, as are wanted.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/capture_build.h"
#include "port/model/content.h"

#define ANON_BASE	0x600000000000UL
#define READ_ONLY_BASE	0x5f8000000000UL
#define READ_ONLY_SLACK 16 /* pages that are not worth an area of their own */
#define STACK_PAGES	33 /* of a new program: 132 KiB */
#define DATA_PAGES	4
#define ANON_FLAGS	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define MAX_PIECES	30000
#define CHUNK		512
#define KB_PAGES(kb)	((kb) >> 2)
#define SHARED_BASE	0x610000000000UL

void build_act_as(struct build *b, struct task *task)
{
	current_context(b->q)->task = task ? task : b->q->space->init_task;
}

/* ---- tasks ------------------------------------------------------------------ */

static struct build_task *find_task(struct build *b, int pid)
{
	unsigned int lo = 0, hi = b->cm->nr_processes;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (b->tasks[mid].cap->pid < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->cm->nr_processes && b->tasks[lo].cap->pid == pid ? &b->tasks[lo] : NULL;
}

static bool is_thread_id(struct build *b, int pid)
{
	char name[16];
	int n = snprintf(name, sizeof(name), "%d\n", pid);

	for (unsigned int i = 0; i < b->cm->nr_processes; i++) {
		const struct capture_record *r = b->tasks[i].cap->tids;

		for (const char *p = r ? r->text : NULL; p && (p = strstr(p, name)); p += n)
			if (p == r->text || p[-1] == '\n')
				return true;
	}
	return false;
}

/* The model's own kernel threads make room: those with a captured namesake get
 * its number, the others numbers that nobody has. */
static void renumber_own(struct build *b)
{
	struct quire *q = b->q;
	int high = q->space->pid_max - 1, next = 2;
	struct task *p, *n;

	for (int pass = 0; pass < 2; pass++) {
		list_for_each_entry_safe (p, n, &q->space->tasks, tasks) {
			struct build_task *same = NULL;

			if (p == q->space->init_task)
				continue;
			if (!pass) {
				while (task_set_pid(q, p, high--) && high > 2)
					;
				continue;
			}
			for (unsigned int i = 0; i < b->cm->nr_processes && !same; i++)
				if (b->tasks[i].cap->kthread && !b->tasks[i].task &&
				    !strcmp(b->tasks[i].cap->comm, p->comm))
					same = &b->tasks[i];
			if (same && !task_set_pid(q, p, same->cap->pid)) {
				same->task = p;
				continue;
			}
			while (find_task(b, next) || is_thread_id(b, next) ||
			       task_set_pid(q, p, next))
				next++;
		}
	}
}

static bool make_program(struct build *b, struct build_task *t)
{
	const struct cap_process *cap = t->cap;
	const char *args = cap->cmdline_len ? cap->cmdline : cap->comm;
	unsigned int len =
		cap->cmdline_len ? cap->cmdline_len : (unsigned int)strlen(cap->comm) + 1;
	u64 text = (u64)max(KB_PAGES(cap->vm_exe), 1UL) << PAGE_SHIFT;

	return exec_mmap_file(b->q, t->task, cap->comm, args, len, b->rest, text) == 0;
}

/* cgroup v2: the group of the process, made with those above it. */
static struct mem_cgroup *group_of(struct build *b, const struct cap_process *cap)
{
	struct mem_cgroup *memcg = b->q->group->root;
	size_t at = 1;

	if (!cap->cgroup || cap->cgroup_len < 2 || cap->cgroup[0] != '/' || cap->cgroup_len > 400)
		return NULL;
	while (at < cap->cgroup_len && memcg) {
		char prefix[420], name[420];
		struct mem_cgroup *child;
		size_t n = 0;

		while (at + n < cap->cgroup_len && cap->cgroup[at + n] != '/')
			n++;
		if (!n) {
			at++;
			continue;
		}
		snprintf(prefix, sizeof(prefix), "%.*s", (int)(at + n), cap->cgroup);
		snprintf(name, sizeof(name), "%.*s", (int)n, cap->cgroup + at);
		child = mem_cgroup_find(b->q, prefix);
		if (!child)
			child = mem_cgroup_create(b->q, memcg, name);
		memcg = IS_ERR_OR_NULL(child) ? NULL : child;
		at += n + 1;
	}
	return memcg && memcg->parent ? memcg : NULL;
}

static bool make_task(struct build *b, struct build_task *t)
{
	const struct cap_process *cap = t->cap;
	struct quire *q = b->q;
	bool zombie = cap->state == 'Z';
	struct mem_cgroup *memcg;

	if (!t->task && cap->pid == 1)
		t->task = q->space->init_task;
	else if (!t->task && cap->kthread && !zombie)
		t->task = create_kthread_task(q, cap->comm);
	else if (!t->task)
		t->task = copy_process(q, q->space->init_task, 0);
	if (IS_ERR_OR_NULL(t->task)) {
		t->task = NULL;
		return false;
	}
	if (task_set_pid(q, t->task, cap->pid))
		return false;
	if (!cap->kthread && !make_program(b, t))
		return false;
	set_task_comm(t->task, cap->comm);
	t->task->uid = cap->uid;
	t->task->gid = cap->gid;
	t->task->signal->oom_score_adj = (short)cap->oom_score_adj;
	t->task->signal->oom_score_adj_min = (short)min(cap->oom_score_adj, 0);
	memcg = group_of(b, cap);
	if (memcg)
		task_set_memcg(q, t->task, memcg);
	return true;
}

/* Does the line of parents end?  A made-up one may be a ring. */
static bool descends(struct build *b, const struct cap_process *cap)
{
	for (unsigned int n = 0; n <= b->cm->nr_processes; n++) {
		struct build_task *parent = cap->ppid ? find_task(b, cap->ppid) : NULL;

		if (!parent)
			return true;
		cap = parent->cap;
	}
	return false;
}

static void set_parent(struct build *b, struct build_task *t)
{
	struct space_floor *sp = b->q->space;
	struct build_task *parent = find_task(b, t->cap->ppid);

	if (t->task == sp->init_task)
		return;
	if (!t->cap->ppid)
		task_set_parent(b->q, t->task, sp->swapper);
	else if (parent && parent->task && parent != t && descends(b, t->cap))
		task_set_parent(b->q, t->task, parent->task);
	else
		task_set_parent(b->q, t->task, sp->init_task);
}

static bool make_threads(struct build *b, struct build_task *t)
{
	const struct capture_record *r = t->cap->tids;
	const char *p = r ? r->text : NULL;

	for (unsigned int n = 1; n < t->cap->nr_threads; n++) {
		struct task *thread = copy_process(b->q, t->task, CLONE_VM | CLONE_THREAD);
		int tid = 0;

		if (IS_ERR_OR_NULL(thread))
			return false;
		while (p && *p) {
			tid = atoi(p);
			p = strchr(p, '\n');
			p += p != NULL;
			if (tid != t->cap->pid)
				break;
			tid = 0;
		}
		if (tid > 0)
			(void)task_set_pid(b->q, thread, tid);
	}
	return true;
}

bool build_tasks(struct build *b)
{
	struct space_floor *sp = b->q->space;
	unsigned int threads = 0;
	int pid_max = 32768;
	const struct capture_record *r = capture_find(b->file, "/proc/sys/kernel/pid_max");

	for (unsigned int i = 0; i < b->cm->nr_processes; i++) {
		pid_max = max(pid_max, b->tasks[i].cap->pid + 1024);
		threads += b->tasks[i].cap->nr_threads;
	}
	if (r)
		pid_max = max(pid_max, atoi(r->text));
	sp->pid_max = min(pid_max, CAPTURE_PID_MAX);
	sp->max_threads = max(sp->max_threads, threads + 1024);
	renumber_own(b);
	for (unsigned int i = 0; i < b->cm->nr_processes; i++)
		if (!make_task(b, &b->tasks[i]))
			return false;
	for (unsigned int i = 0; i < b->cm->nr_processes; i++)
		set_parent(b, &b->tasks[i]);
	for (unsigned int i = 0; i < b->cm->nr_processes; i++)
		if (!b->tasks[i].cap->kthread && !make_threads(b, &b->tasks[i]))
			return false;
	return true;
}

/* ---- touching --------------------------------------------------------------- */

/* Pages of an item are wanted from the node that lacks most of it. */
static void prefer_node(struct build *b, struct task *task, enum node_stat_item item)
{
	if (b->q->nr_nodes == 1)
		return;
	task->policy = (struct mempolicy){.mode = MPOL_PREFERRED,
					  .preferred = build_poorest_node(b, item)};
}

/* Touches nr pages; says how many there are now. */
static unsigned long touch(struct build *b, struct task *task, u64 addr, unsigned long nr,
			   bool write)
{
	unsigned long done = 0;

	while (done < nr) {
		struct touch t = {
			.addr = addr + (done << PAGE_SHIFT),
			.nr_pages = min(nr - done, (unsigned long)CHUNK),
			.stride = 1,
			.write = write,
			.kind = (unsigned int)content_kind_of("heap"),
			.seed = (u64)task->pid,
		};
		unsigned long n;

		prefer_node(b, task, NR_ANON_MAPPED);
		n = mmu_touch(b->m->model, task, &t);
		done += n;
		if (n < t.nr_pages) {
			b->short_pages += nr - done;
			break;
		}
	}
	task->policy = (struct mempolicy){0};
	return done;
}

/* Locks what was touched, up to what VmLck says. */
static void lock_touched(struct build *b, struct task *task, u64 addr, unsigned long nr,
			 unsigned long *lock)
{
	unsigned long n = min(nr, *lock);

	if (n && do_mlock(b->q, task->mm, addr, n << PAGE_SHIFT, true) == 0)
		*lock -= n;
}

/* A process that locked all it has (mlockall): what is touched stays. */
static void lock_area(struct mm_struct *mm, u64 start, u64 end)
{
	for_each_vma (mm, vma) {
		if (vma->vm_start < start || vma->vm_end > end || vma->vm_flags & VM_LOCKED)
			continue;
		vma->vm_flags |= VM_LOCKED;
		mm->locked_vm += (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
	}
}

static u64 map(struct build *b, struct task *task, u64 addr, unsigned long pages, int prot,
	       int flags, struct file *file, unsigned long pgoff)
{
	u64 len = (u64)pages << PAGE_SHIFT;

	addr = do_mmap(b->q, task->mm, addr, len, prot, flags | (addr ? MAP_FIXED : 0), file,
		       pgoff);
	if (b->lock_all && !IS_ERR_VALUE(addr))
		lock_area(task->mm, addr, addr + len);
	return addr;
}

/* Address space that nobody touches; in pieces where no hole is large enough
 * (sanitizers' shadows fill most of it). */
static void map_untouched(struct build *b, struct task *task, unsigned long pages, int prot,
			  int flags, struct file *file)
{
	unsigned long piece = pages;

	while (pages && piece) {
		unsigned long n = min(pages, piece);

		if (IS_ERR_VALUE(map(b, task, 0, n, prot, flags, file, 0)))
			piece = n / 2;
		else
			pages -= n;
	}
}

/* ---- files ------------------------------------------------------------------ */

/* The next window of nr pages on a file: new pages as long as there are some
 * that nobody maps, then the last ones. */
static unsigned long window(struct build_file *f, unsigned long nr)
{
	unsigned long start = min(f->used, f->nr - nr);

	f->used = max(f->used, start + nr);
	return start;
}

/* A part of a file that is wholly resident: a piece of the program's text (at
 * addr), a library, or data. */
static void map_resident(struct build *b, struct build_task *t, u64 addr, unsigned long nr,
			 int prot, struct build_file *f, unsigned long at, unsigned long *lock)
{
	bool lock_all = b->lock_all;

	if (!nr)
		return;
	/* Pages that a fault maps beside its own are locked afterwards. */
	b->lock_all = false;
	addr = map(b, t->task, addr, nr, prot, f == &b->shm && !addr ? MAP_SHARED : MAP_PRIVATE,
		   f->file, at);
	b->lock_all = lock_all;
	if (IS_ERR_VALUE(addr))
		return;
	touch(b, t->task, addr, nr, false);
	if (lock_all)
		(void)do_mlock(b->q, t->task->mm, addr, (u64)nr << PAGE_SHIFT, true);
	else
		lock_touched(b, t->task, addr, nr, lock);
}

/*
 * Files: libraries first, then data as far as VmSize has room beside all else;
 * what does not fit there lies in the program's text, shmem too (programs are
 * run from there).
 */
static void map_files(struct build *b, struct build_task *t, unsigned long *lock)
{
	const struct cap_process *cap = t->cap;
	struct mm_struct *mm = t->task->mm;
	unsigned long nr = min(KB_PAGES(cap->rss_file), b->mapped.nr), at = window(&b->mapped, nr);
	unsigned long shm = min(KB_PAGES(cap->rss_shmem), b->shm.nr), shm_at = window(&b->shm, shm);
	unsigned long lib = KB_PAGES(cap->vm_lib), exec = min(nr, lib), left = nr - exec + shm;
	unsigned long taken = mm->total_vm + lib, size = KB_PAGES(cap->vm_size), room, text;
	unsigned long text_file, text_shm;

	/* What anonymous memory will take, beside the data area there is. */
	taken += KB_PAGES(cap->vm_data) > DATA_PAGES ? KB_PAGES(cap->vm_data) - DATA_PAGES : 0;
	room = size > taken ? size - taken : 0;
	text = (mm->end_code - mm->start_code) >> PAGE_SHIFT;
	text = min(text, left > room ? left - room : 0);
	text_shm = min(text, shm);
	text_file = min(text - text_shm, nr - exec);
	map_resident(b, t, 0, exec, PROT_READ | PROT_EXEC, &b->mapped, at, lock);
	map_resident(b, t, mm->start_code, text_shm, PROT_READ | PROT_EXEC, &b->shm, shm_at, lock);
	map_resident(b, t, mm->start_code + (text_shm << PAGE_SHIFT), text_file,
		     PROT_READ | PROT_EXEC, &b->mapped, at + exec, lock);
	map_resident(b, t, 0, nr - exec - text_file, PROT_READ, &b->mapped, at + exec + text_file,
		     lock);
	map_resident(b, t, 0, shm - text_shm, PROT_READ, &b->shm, shm_at + text_shm, lock);
	if (lib > exec)
		map_untouched(b, t->task, lib - exec, PROT_READ | PROT_EXEC, MAP_PRIVATE, b->rest);
}

static void fit_stack(struct build *b, struct build_task *t)
{
	unsigned long pages = max(KB_PAGES(t->cap->vm_stk), 2UL);

	if (pages < STACK_PAGES)
		do_munmap(b->q, t->task->mm, STACK_TOP - ((u64)STACK_PAGES << PAGE_SHIFT),
			  (u64)(STACK_PAGES - pages) << PAGE_SHIFT);
	else if (pages > STACK_PAGES)
		map(b, t->task, 0, pages - STACK_PAGES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, NULL, 0);
}

/* ---- anonymous memory ------------------------------------------------------- */

struct anon {
	struct build *b;
	struct build_task *t;
	unsigned long resident, swapped; /* still to be touched */
	unsigned long lock;		 /* still to be locked */
};

/* nr pages that stay. */
static void touch_anon_resident(struct anon *a, u64 addr, unsigned long nr)
{
	touch(a->b, a->t->task, addr, nr, true);
	lock_touched(a->b, a->t->task, addr, nr, &a->lock);
	a->resident -= nr;
}

/* nr pages of the area from addr on: resident ones first. */
static void touch_anon(struct anon *a, u64 addr, unsigned long nr)
{
	unsigned long n = min(nr, a->resident);

	touch_anon_resident(a, addr, n);
	addr += (u64)n << PAGE_SHIFT;
	for (nr = min(nr - n, a->swapped); nr; nr -= n, a->swapped -= n) {
		n = min(nr, (unsigned long)CHUNK);
		if (touch(a->b, a->t->task, addr, n, true) < n)
			return;
		build_swap_out(a->b, a->t->task, addr, n);
		addr += (u64)n << PAGE_SHIFT;
	}
}

/* One area with at least one page in each of its first `tables` regions of 2
 * MiB, and the others from its start on. */
static void spread_dense(struct anon *a, unsigned long pages, unsigned long tables)
{
	u64 addr = map(a->b, a->t->task, ANON_BASE, pages, PROT_READ | PROT_WRITE, ANON_FLAGS, NULL,
		       0);
	unsigned long full = (a->resident + a->swapped) / PTRS_PER_TABLE;

	if (IS_ERR_VALUE(addr))
		return;
	/* The far regions have a page each, then the near ones all. */
	for (unsigned long i = tables; i-- > full + 1 && a->resident + a->swapped > 1;)
		if (i * PTRS_PER_TABLE < pages)
			touch_anon(a, addr + (i << PMD_SHIFT), 1);
	touch_anon(a, addr, min(a->resident + a->swapped, pages));
}

/* Pieces of some pages, each in a region of its own. */
static void spread_thin(struct anon *a, unsigned long pages, unsigned long pieces)
{
	unsigned long need = a->resident + a->swapped;

	for (unsigned long i = 0; i < pieces; i++) {
		unsigned long size = pages / pieces + (i < pages % pieces);
		unsigned long want = need / pieces + (i < need % pieces);
		u64 addr = map(a->b, a->t->task, ANON_BASE + (i << PMD_SHIFT), size,
			       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			       NULL, 0);

		if (IS_ERR_VALUE(addr))
			return;
		touch_anon(a, addr, min(want, size));
	}
}

static void map_anon(struct build *b, struct build_task *t, unsigned long *lock)
{
	const struct cap_process *cap = t->cap;
	struct mm_struct *mm = t->task->mm;
	unsigned long there = mm_counter_exact(b->q, mm, MM_ANONPAGES),
		      data = KB_PAGES(cap->vm_data);
	unsigned long rss = KB_PAGES(cap->rss_anon), have = (unsigned long)mm->pgtables_bytes >> 12;
	unsigned long want = cap->vm_pte / 4, tables, least;
	struct anon a = {b, t, rss > there ? rss - there : 0, KB_PAGES(cap->vm_swap), *lock};
	unsigned long need = a.resident + a.swapped;
	unsigned long size = max(need, data > DATA_PAGES ? data - DATA_PAGES : 0);

	/* VmData holds no more than what is touched: the program's data too. */
	if (data >= DATA_PAGES && size + DATA_PAGES > data && need) {
		unsigned long n = min(size + DATA_PAGES - data, (unsigned long)DATA_PAGES);

		n = min(n, a.resident);

		touch_anon_resident(&a, mm->start_data, n);
		need -= n;
		size -= n;
		have = (unsigned long)mm->pgtables_bytes >> 12;
	}
	/* More is touched than VmData has: relocated pages of libraries, that
	 * were written and are read-only since. */
	if (need > data + READ_ONLY_SLACK) {
		unsigned long n = min(need - data, a.resident);
		u64 addr = map(b, t->task, READ_ONLY_BASE, n, PROT_READ | PROT_WRITE, ANON_FLAGS,
			       NULL, 0);

		if (n && !IS_ERR_VALUE(addr)) {
			touch_anon_resident(&a, addr, n);
			(void)do_mprotect(b->q, mm, addr, (u64)n << PAGE_SHIFT, PROT_READ);
			need -= n;
			size -= n;
			have = (unsigned long)mm->pgtables_bytes >> 12;
		}
	}
	if (!size) {
		*lock = a.lock;
		return;
	}
	if (!need) {
		map_untouched(b, t->task, size, PROT_READ | PROT_WRITE, ANON_FLAGS, NULL);
		return;
	}
	/* Two tables lead there, and one more for each GiB. */
	tables = want > have + 2 ? want - have - 2 : 1;
	tables -= min(tables - 1, (tables - 1) / PTRS_PER_TABLE);
	least = DIV_ROUND_UP(need, PTRS_PER_TABLE);
	tables = clamp(tables, least, need);
	if (size >= tables * PTRS_PER_TABLE || tables == least) {
		unsigned long used = min(size, max(need, tables * PTRS_PER_TABLE));

		spread_dense(&a, used, tables);
		map_untouched(b, t->task, size - used, PROT_READ | PROT_WRITE, ANON_FLAGS, NULL);
	} else {
		spread_thin(&a, size, min(tables, (unsigned long)MAX_PIECES));
	}
	*lock = a.lock;
}

/* ---- all of a process ------------------------------------------------------- */

static void map_rest(struct build *b, struct build_task *t)
{
	struct mm_struct *mm = t->task->mm;
	unsigned long size = KB_PAGES(t->cap->vm_size);

	if (size > mm->total_vm)
		map_untouched(b, t->task, size - mm->total_vm, PROT_READ, MAP_PRIVATE, b->rest);
}

static void process_memory(struct build *b, struct build_task *t)
{
	struct mm_struct *mm = t->task->mm;
	unsigned long lock = KB_PAGES(t->cap->vm_lck);
	struct rlimit *limit = &t->task->signal->rlim[RLIMIT_MEMLOCK];

	/* What it has locked it was allowed to. */
	limit->rlim_cur = limit->rlim_max = max(limit->rlim_max, (u64)lock << PAGE_SHIFT);
	build_act_as(b, t->task);
	fit_stack(b, t);
	b->lock_all = t->cap->vm_lck > t->cap->vm_size / 10 * 9 && !t->cap->vm_swap;
	if (b->lock_all) {
		lock_area(mm, 0, TASK_SIZE);
		lock = 0;
	}
	map_files(b, t, &lock);
	map_anon(b, t, &lock);
	map_rest(b, t);
	b->lock_all = false;
	sync_mm_rss(t->task); /* what was captured is what it had told */
	mm->hiwater_rss = max(KB_PAGES(t->cap->vm_hwm), get_mm_rss(mm));
	mm->hiwater_vm = max(KB_PAGES(t->cap->vm_peak), mm->total_vm);
	build_act_as(b, NULL);
}

void build_task_memory(struct build *b)
{
	for (unsigned int i = 0; i < b->cm->nr_processes; i++)
		if (!b->tasks[i].cap->kthread && b->tasks[i].task->mm)
			process_memory(b, &b->tasks[i]);
}

/* ---- at the end ------------------------------------------------------------- */

#define TICK (NSEC_PER_SEC / 100)

void build_task_counters(struct build *b)
{
	struct quire *q = b->q;
	const struct capture_record *r = capture_find(b->file, "/proc/loadavg");
	const char *last = r ? strrchr(r->text, ' ') : NULL;
	unsigned long forks;

	for (unsigned int i = 0; i < b->cm->nr_processes; i++) {
		const struct cap_process *cap = b->tasks[i].cap;
		struct task *t = b->tasks[i].task;

		t->min_flt = cap->min_flt;
		t->maj_flt = cap->maj_flt;
		t->signal->cmin_flt = cap->cmin_flt;
		t->signal->cmaj_flt = cap->cmaj_flt;
		t->utime = cap->utime * TICK;
		t->stime = cap->stime * TICK;
		t->start_time = cap->starttime * TICK;
		t->nice = cap->nice;
		t->rt_priority = cap->rt_priority;
		t->cpu = min((unsigned int)cap->processor, q->nr_cpus - 1);
		t->nvcsw = cap->nvcsw;
		t->nivcsw = cap->nivcsw;
	}
	if (last)
		q->space->last_pid = clamp(atoi(last), 1, q->space->pid_max - 1);
	r = capture_find(b->file, "/proc/stat");
	last = r ? strstr(r->text, "\nprocesses ") : NULL;
	forks = last ? strtoul(last + 11, NULL, 10) : 0;
	if (forks)
		q->space->total_forks = forks;
}

/* R and D last until the task is woken; zombies are real. */
void build_task_states(struct build *b)
{
	for (unsigned int i = 0; i < b->cm->nr_processes; i++) {
		struct task *t = b->tasks[i].task;

		switch (b->tasks[i].cap->state) {
		case 'R':
			t->state = TASK_RUNNING;
			break;
		case 'D':
			t->state = TASK_UNINTERRUPTIBLE;
			break;
		default:
			if (t->state != EXIT_ZOMBIE)
				t->state = TASK_INTERRUPTIBLE;
		}
	}
}
