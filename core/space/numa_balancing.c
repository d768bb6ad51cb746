/* SPDX-License-Identifier: MIT */
/*
 * Automatic NUMA balancing: memory follows the tasks that use it (the memory half
 * of Linux's NUMA balancing: kernel/sched/fair.c, memory.c, mempolicy.c).
 *
 * The idea: now and then a task that has used its CPU for a while takes away the
 * present bit of some of its entries, 256 MiB of them at most (they become those of
 * PROT_NONE, though the area allows access).  The next access faults, and tells on
 * which node the page is wanted.  It moves there, if the fault is the first, if the
 * same task faulted on it before, or if the fault before came from that node too:
 * a page that tasks of several nodes use stays where it is.  How often a task looks
 * depends on what its faults found: the less there is to gain, the seldomer.
 *
 * Invariants: a hint keeps frame, write, dirty and accessed bits; the page stays mapped
 * and counted.  Only areas that allow access have hints: there PROT_NONE means hint.
 *
 * Locks: mmap_lock, only tried, for the scan; page_table_lock the entries.
 *
 * Tasks that share pages are in a group, and tasks move to their memory: numa_group.c.
 *
 * Differs from Linux: off at boot.  Memory tiers (mode 2) are not known.
 */
#include "space/internal.h"
#include "space/mempolicy.h"

#define NUMA_PERIOD_SLOTS     10
#define NUMA_PERIOD_THRESHOLD 7
#define MAX_SCAN_WINDOW	      2560 /* MiB a second, at most */
#define VMAS_PER_PAGES	      8	   /* address space to walk for what is changed */

void numa_balancing_init(struct quire *q)
{
	struct numa_balancing *nb = &q->space->numa;

	nb->scan_delay_ms = 1000;
	nb->scan_period_min_ms = 1000;
	nb->scan_period_max_ms = 60000;
	nb->scan_size_mb = 256;
}

/* ---- how often -------------------------------------------------------------------- */

static unsigned int task_scan_min(struct quire *q, const struct task *task)
{
	const struct numa_balancing *nb = &q->space->numa;
	unsigned int size = max(nb->scan_size_mb, 1u),
		     floor = 1000 / (MAX_SCAN_WINDOW / min(size, 2560u));
	unsigned long windows = DIV_ROUND_UP(max(get_mm_rss(task->mm), 1UL),
					     (unsigned long)size << (20 - PAGE_SHIFT));

	return (unsigned int)max((unsigned long)floor, nb->scan_period_min_ms / windows);
}

static unsigned int task_scan_max(struct quire *q, const struct task *task)
{
	return max(task_scan_min(q, task), q->space->numa.scan_period_max_ms);
}

/* After a pass over the address space: more often if many faults came from afar. */
static void update_scan_period(struct quire *q, struct task *task, unsigned long shared,
			       unsigned long private)
{
	struct task_numa *tn = task->numa;
	unsigned long remote = tn->locality[LOCALITY_REMOTE], local = tn->locality[LOCALITY_LOCAL];
	int lr_ratio, ps_ratio, diff, slot;

	if (local + shared == 0 || tn->locality[LOCALITY_FAILED]) {
		tn->scan_period = min(q->space->numa.scan_period_max_ms, tn->scan_period << 1);
		task->mm->numa_next_scan = quire_clock(q) + (u64)tn->scan_period * NSEC_PER_MSEC;
		return;
	}
	slot = (int)DIV_ROUND_UP(tn->scan_period, NUMA_PERIOD_SLOTS);
	lr_ratio = (int)(local * NUMA_PERIOD_SLOTS / (local + remote));
	ps_ratio = (int)(private * NUMA_PERIOD_SLOTS / max(private + shared, 1UL));
	if (ps_ratio >= NUMA_PERIOD_THRESHOLD)
		diff = max(ps_ratio - NUMA_PERIOD_THRESHOLD, 1) * slot;
	else if (lr_ratio >= NUMA_PERIOD_THRESHOLD)
		diff = max(lr_ratio - NUMA_PERIOD_THRESHOLD, 1) * slot;
	else
		diff = -(NUMA_PERIOD_THRESHOLD - max(lr_ratio, ps_ratio)) * slot;
	tn->scan_period =
		(unsigned int)min(max((int)tn->scan_period + diff, (int)task_scan_min(q, task)),
				  (int)task_scan_max(q, task));
	memset(tn->locality, 0, sizeof(tn->locality));
}

/* How much of the time since the last placement the task ran, in 1/65536. */
static unsigned long run_weight(struct quire *q, struct task *task)
{
	struct task_numa *tn = task->numa;
	u64 now = quire_clock(q), ran = task->utime + task->stime;
	u64 period = now - (tn->placed_at ? tn->placed_at : task->start_time);
	u64 runtime = min(ran - tn->placed_ran, period);

	tn->placed_at = now;
	tn->placed_ran = ran;
	return (unsigned long)((runtime << 16) / (period + 1));
}

/* Adds to the task's faults, and with it to its group's. */
static void add_faults(struct task_numa *tn, enum numa_stat stat, unsigned int nid, int priv,
		       unsigned long n)
{
	/* What was counted before counts half. */
	unsigned long diff = n - tn->faults[stat][nid][priv] / 2; /* may wrap: sums do not */

	tn->faults[stat][nid][priv] += diff;
	if (stat == NUMA_MEM)
		tn->total_faults += diff;
	if (!tn->group)
		return;
	tn->group->faults[stat][nid][priv] += diff;
	if (stat == NUMA_MEM)
		tn->group->total_faults += diff;
}

/* Once a pass: the node that most of its faults, or of its group's, found pages on. */
static void task_numa_placement(struct quire *q, struct task *task)
{
	struct task_numa *tn = task->numa;
	unsigned long types[2] = {0, 0}, best = 0, weight, total = 0;

	if (tn->scan_seq == task->mm->numa_scan_seq)
		return;
	tn->scan_seq = task->mm->numa_scan_seq;
	weight = run_weight(q, task);
	for_each_node (q, nid)
		total += tn->buffer[NUMA_CPU][nid][0] + tn->buffer[NUMA_CPU][nid][1];
	spin_lock(q, &q->space->tasklist_lock);
	for_each_node (q, nid) {
		unsigned long sum = 0;

		for (int priv = 0; priv < 2; priv++) {
			types[priv] += tn->buffer[NUMA_MEM][nid][priv];
			add_faults(tn, NUMA_MEM, nid, priv, tn->buffer[NUMA_MEM][nid][priv]);
			/* By the CPU time it used there, not by how often it faulted. */
			add_faults(tn, NUMA_CPU, nid, priv,
				   weight * tn->buffer[NUMA_CPU][nid][priv] / (total + 1));
			sum += tn->group ? tn->group->faults[NUMA_MEM][nid][priv]
					 : tn->faults[NUMA_MEM][nid][priv];
		}
		if (sum > best) {
			best = sum;
			tn->preferred_nid = (int)nid;
		}
	}
	if (tn->group)
		numa_group_count_active_nodes(q, tn->group);
	spin_unlock(q, &q->space->tasklist_lock);
	memset(tn->buffer, 0, sizeof(tn->buffer));
	update_scan_period(q, task, types[0], types[1]);
}

/* ---- hints ------------------------------------------------------------------------- */

static bool pte_protnone(pte_t pte)
{
	return (pte & (_PAGE_PRESENT | _PAGE_PROTNONE)) == _PAGE_PROTNONE;
}

static void make_hint(struct quire *q, pte_t *ptep)
{
	set_pte(q, ptep, (*ptep & ~_PAGE_PRESENT) | _PAGE_PROTNONE);
}

/* Is there something to learn about the page of an entry?  node: where its only
 * thread runs, or -1. */
static bool wants_hint(struct quire *q, const struct vm_area_struct *vma, pte_t pte, int node)
{
	const struct page *page;

	if (pte_none(pte) || !pte_present(pte) || pte_protnone(pte) || pte_special(pte))
		return false;
	page = pfn_to_page(q, pte_pfn(pte));
	/* Shared since a fork: it is copied by who writes. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE &&
	    page_ref_count(compound_head(page)) != 1)
		return false;
	/* Does not move anyway. */
	if (!PageAnon(page) && page_is_file_lru(page) && PageDirty(page))
		return false;
	return node < 0 || page_to_nid(page) != (unsigned int)node;
}

unsigned long change_prot_numa(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end)
{
	struct mm_struct *mm = vma->vm_mm;
	int node = HOT_LOAD(&mm->mm_users) == 1 ? (int)numa_node_id(q) : -1;
	unsigned long n = 0, huge = 0;
	u64 addr = start;
	pte_t *pmdp;

	spin_lock(q, &mm->page_table_lock);
	while ((pmdp = next_pmd(q, mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);

		if (pmd_huge(*pmdp)) {
			if (pmd_leaf(*pmdp) && stop - addr == PMD_SIZE && !pte_special(*pmdp) &&
			    !pte_protnone(*pmdp)) {
				make_hint(q, pmdp);
				huge++;
			}
			addr = stop;
			continue;
		}
		for (pte_t *ptep = pte_offset(q, *pmdp, addr); addr < stop;
		     addr += PAGE_SIZE, ptep++)
			if (wants_hint(q, vma, *ptep, node)) {
				make_hint(q, ptep);
				n++;
			}
	}
	n += huge * (unsigned long)HPAGE_PMD_NR;
	if (n)
		flush_tlb(q, mm, start, end);
	spin_unlock(q, &mm->page_table_lock);
	count_vm_events(q, NUMA_PTE_UPDATES, n);
	count_vm_events(q, NUMA_HUGE_PTE_UPDATES, huge);
	charge_ns(q, n * q->cost.scan_pte);
	return n;
}

/* Areas whose pages lie where the task happened to run. */
static bool vma_is_balanced(const struct task *task, const struct vm_area_struct *vma)
{
	const struct mempolicy *pol = get_vma_policy(task, vma);

	if ((vma->vm_flags & (VM_HUGETLB | VM_PFNMAP)) || !(vma->vm_flags & VM_ACCESS_FLAGS))
		return false;
	/* Libraries and the like: many map them, from everywhere. */
	if (!vma->vm_file ? false : (vma->vm_flags & (VM_READ | VM_WRITE)) == VM_READ)
		return false;
	return !pol || pol->mode == MPOL_DEFAULT;
}

/* Hints for so many pages from where the last scan ended; mmap_lock is held. */
static void scan_space(struct quire *q, struct task *task)
{
	struct mm_struct *mm = task->mm;
	long pages = (long)q->space->numa.scan_size_mb << (20 - PAGE_SHIFT);
	long virtpages = pages * VMAS_PER_PAGES;
	u64 start = mm->numa_scan_offset;
	struct vm_area_struct *vma = find_vma(mm, start);

	if (!vma) {
		mm->numa_scan_seq++;
		start = 0;
		vma = find_vma(mm, 0);
	}
	for (; vma && pages > 0 && virtpages > 0; vma = vma->vm_next) {
		if (!vma_is_balanced(task, vma))
			continue;
		start = max(start, vma->vm_start);
		while (start < vma->vm_end && pages > 0 && virtpages > 0) {
			u64 end = min(ALIGN(start + ((u64)pages << PAGE_SHIFT), PMD_SIZE),
				      vma->vm_end);
			long nr = (long)((end - start) >> PAGE_SHIFT);

			if (change_prot_numa(q, vma, start, end))
				pages -= nr;
			virtpages -= nr;
			start = end;
			cond_resched(q);
		}
		if (start < vma->vm_end)
			break;
	}
	if (vma) {
		mm->numa_scan_offset = start;
	} else {
		mm->numa_scan_seq++;
		mm->numa_scan_offset = 0;
	}
}

static void task_numa_work(struct quire *q, struct task *task)
{
	struct mm_struct *mm = task->mm;
	struct task_numa *tn = task->numa;
	u64 now = quire_clock(q);

	if (!mm->numa_next_scan)
		mm->numa_next_scan = now + (u64)q->space->numa.scan_delay_ms * NSEC_PER_MSEC;
	if (now < mm->numa_next_scan)
		return;
	mm->numa_next_scan = now + (u64)tn->scan_period * NSEC_PER_MSEC;
	if (!down_read_trylock(q, &mm->mmap_lock))
		return;
	scan_space(q, task);
	up_read(q, &mm->mmap_lock);
}

/* Linux asks the run queue who runs on a CPU. */
static void seen_here(struct quire *q, const struct task *task)
{
	struct numa_balancing *nb = &q->space->numa;

	if (unlikely(!HOT_LOAD(&nb->last_pid))) {
		int *pids = kzalloc(q, q->nr_cpus * sizeof(*pids), GFP_KERNEL | __GFP_NOWARN);

		if (!HOT_CMPXCHG(&nb->last_pid, (int *)NULL, pids))
			kfree(q, pids); /* another was quicker, as we slept */
	}
	if (nb->last_pid)
		nb->last_pid[smp_processor_id(q)] = task->pid;
}

void task_numa_tick(struct quire *q, struct task *task)
{
	u64 ran = task->utime + task->stime;
	struct task_numa *tn = task->numa;
	u64 period;

	if (!q->space->numa.enabled || q->nr_nodes < 2 || !task->mm || (task->flags & PF_KTHREAD))
		return;
	period = (u64)(tn ? tn->scan_period : q->space->numa.scan_delay_ms) * NSEC_PER_MSEC;
	if (ran <= (tn ? tn->node_stamp : 0) + period)
		return;
	if (!tn) {
		tn = kzalloc(q, sizeof(*tn), GFP_KERNEL | __GFP_NOWARN);
		if (!tn)
			return; /* it looks another time */
		tn->preferred_nid = -1;
		tn->scan_period = task_scan_min(q, task);
		task->numa = tn;
	}
	tn->node_stamp += period;
	seen_here(q, task);
	task_numa_work(q, task);
}

/* ---- faults ------------------------------------------------------------------------ */

static unsigned int cpupid_now(struct quire *q, const struct task *task)
{
	return 1u | (((unsigned int)task->pid & (BIT(LAST_CPUPID_PID_BITS) - 1)) << 1) |
	       (smp_processor_id(q) << (1 + LAST_CPUPID_PID_BITS));
}

bool cpupid_match_pid(const struct task *task, unsigned int cpupid)
{
	return (cpupid >> 1 & (BIT(LAST_CPUPID_PID_BITS) - 1)) ==
	       ((unsigned int)task->pid & (BIT(LAST_CPUPID_PID_BITS) - 1));
}

static bool should_migrate(struct quire *q, const struct task *task, struct page *page,
			   unsigned int nid)
{
	const struct task_numa *tn = task->numa;
	unsigned int last = page_cpupid_last(page);

	page_set_cpupid(page, cpupid_now(q, task));
	if ((!tn || tn->preferred_nid < 0 || tn->scan_seq <= 4) &&
	    (!last || cpupid_match_pid(task, last)))
		return true;
	/* Twice from one node: then it is no chance. */
	if (last && cpu_to_node(q, last >> (1 + LAST_CPUPID_PID_BITS)) != nid)
		return false;
	if (!last || cpupid_match_pid(task, last) || !tn || !tn->group)
		return true;
	return numa_group_wants_page(tn->group, page_to_nid(page), nid);
}

/* The node that a page should be on; -1: it is well where it is. */
static int mpol_misplaced(struct quire *q, struct task *task, const struct vm_area_struct *vma,
			  struct page *page)
{
	const struct mempolicy *pol = get_vma_policy(task, vma);
	unsigned int nid = numa_node_id(q);

	if (!task || (pol && pol->mode != MPOL_DEFAULT))
		return -1;
	if (!should_migrate(q, task, page, nid) || nid == page_to_nid(page))
		return -1;
	return (int)nid;
}

/* What a fault on a hint told. */
struct numa_fault {
	unsigned int last;    /* cpupid of who used the page before; 0: nobody */
	unsigned int nid;     /* where it is now */
	unsigned int cpu_nid; /* where the task ran when it faulted */
	unsigned long pages;
	bool local, failed;    /* found here; was to move and did not */
	bool shared, no_group; /* by right; nobody writes it: a library */
};

static void task_numa_fault(struct quire *q, struct task *task, const struct numa_fault *f)
{
	struct task_numa *tn = task ? task->numa : NULL;
	bool priv = !f->last || (task && cpupid_match_pid(task, f->last)), local = f->local;
	u64 now = quire_clock(q);

	if (!tn || !task->mm)
		return;
	seen_here(q, task);
	if (!priv && !f->no_group)
		task_numa_group(q, task, f->last, f->shared);
	/* Between nodes that the group uses anyway there is nothing to gain. */
	if (!priv && !local && tn->group && tn->group->active_nodes > 1 &&
	    numa_is_active_node(tn->group, f->cpu_nid) && numa_is_active_node(tn->group, f->nid))
		local = true;
	if (now > tn->placement_retry) {
		tn->placement_retry =
			now + min(NSEC_PER_SEC, (u64)tn->scan_period * NSEC_PER_MSEC / 16);
		task_numa_placement(q, task);
		numa_migrate_preferred(q, task);
	}
	tn->buffer[NUMA_MEM][f->nid][priv] += f->pages;
	tn->buffer[NUMA_CPU][f->cpu_nid][priv] += f->pages;
	tn->locality[local ? LOCALITY_LOCAL : LOCALITY_REMOTE] += f->pages;
	if (f->failed)
		tn->locality[LOCALITY_FAILED] += f->pages;
}

/* Under the lock: the entry is what it was before it became a hint. */
static void restore_entry(struct quire *q, struct vm_fault *vmf)
{
	set_pte(q, vmf->ptep, (vmf->orig & ~_PAGE_PROTNONE) | _PAGE_PRESENT | _PAGE_ACCESSED);
	pte_unlock(q, vmf);
}

unsigned int do_numa_page(struct quire *q, struct vm_fault *vmf)
{
	const struct numa_balancing *nb = &q->space->numa;
	struct numa_fault f = {.pages = 1, .cpu_nid = numa_node_id(q)};
	struct page *page;
	int target;

	if (pmd_leaf(vmf->orig))
		f.pages = (unsigned long)HPAGE_PMD_NR;
	if (!pte_lock_same(q, vmf))
		return 0;
	page = pfn_to_page(q, pte_pfn(vmf->orig));
	/* Pages of huge ones that are mapped one by one do not move. */
	if (f.pages == 1 && PageCompound(page)) {
		restore_entry(q, vmf);
		return 0;
	}
	f.nid = page_to_nid(page);
	f.local = f.nid == f.cpu_nid;
	f.last = page_cpupid_last(page);
	f.no_group = !pte_write(vmf->orig);
	f.shared = (vmf->vma->vm_flags & VM_SHARED) && page_mapcount(page) > 1;
	count_vm_event(q, NUMA_HINT_FAULTS);
	if (f.local)
		count_vm_event(q, NUMA_HINT_FAULTS_LOCAL);
	target = mpol_misplaced(q, vmf->task, vmf->vma, page);
	if (target < 0 || !nb->migrate_misplaced_page) {
		restore_entry(q, vmf);
		task_numa_fault(q, vmf->task, &f);
		return 0;
	}
	get_page(page);
	pte_unlock(q, vmf);
	f.failed = !nb->migrate_misplaced_page(q, page, vmf->vma, (unsigned int)target);
	if (!f.failed)
		f.nid = (unsigned int)target;
	else if (pte_lock_same(q, vmf))
		restore_entry(q, vmf);
	task_numa_fault(q, vmf->task, &f);
	return 0;
}
