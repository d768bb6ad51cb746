/* SPDX-License-Identifier: MIT */
/*
 * What the log says of a kill: who asked, what memory looked like, who was
 * there, who goes (dump_header() and show_mem() of Linux 6.1).
 *
 * The lines are Linux's to the letter, since people and programs read them.
 * Left out are the call trace, registers and the hardware's name: there is no
 * processor whose stack could be shown (docs/differences.md).  What Linux
 * prints as one record of several lines is one record a line here, as it
 * looks in dmesg.
 *
 * Locks: zone->lock for the free areas, tasklist_lock for the table.  Nothing
 * here allocates: there is no memory.
 */
#include "base/printk.h"
#include "oom/internal.h"
#include "page/cma.h"
#include "page/hugetlb.h"
#include "space/mempolicy.h"

#define K(pages) ((unsigned long)(pages) << (PAGE_SHIFT - 10))

static bool show_mem_node_skip(const struct pglist_data *pgdat, const nodemask_t *nodemask,
			       int highest_zoneidx)
{
	if (nodemask && !node_isset(nodemask, pgdat->node_id))
		return true;
	for (int zid = 0; zid <= highest_zoneidx; zid++)
		if (pgdat->node_zones[zid].managed_pages)
			return false;
	return true;
}

static unsigned long zone_free_pcp(const struct quire *q, const struct zone *zone)
{
	unsigned long n = 0;

	if (zone->pageset)
		for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
			n += (unsigned long)zone->pageset[cpu].count;
	return n;
}

static unsigned long global_free_pcp(struct quire *q, const nodemask_t *nodemask, int idx)
{
	unsigned long n = 0;

	for_each_node (q, nid) {
		struct pglist_data *pgdat = NODE_DATA(q, nid);

		if (show_mem_node_skip(pgdat, nodemask, idx))
			continue;
		for_each_populated_zone_of_node(pgdat, zone) n += zone_free_pcp(q, zone);
	}
	return n;
}

static void show_global(struct quire *q, const nodemask_t *nodemask, int idx)
{
	unsigned long n[NR_VM_NODE_STAT_ITEMS];

	for (int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
		n[i] = global_node_page_state(q, (enum node_stat_item)i);
	pr_warn(q, "active_anon:%lu inactive_anon:%lu isolated_anon:%lu", n[NR_ACTIVE_ANON],
		n[NR_INACTIVE_ANON], n[NR_ISOLATED_ANON]);
	pr_warn(q, " active_file:%lu inactive_file:%lu isolated_file:%lu", n[NR_ACTIVE_FILE],
		n[NR_INACTIVE_FILE], n[NR_ISOLATED_FILE]);
	pr_warn(q, " unevictable:%lu dirty:%lu writeback:%lu", n[NR_UNEVICTABLE], n[NR_FILE_DIRTY],
		n[NR_WRITEBACK]);
	pr_warn(q, " slab_reclaimable:%lu slab_unreclaimable:%lu", n[NR_SLAB_RECLAIMABLE],
		n[NR_SLAB_UNRECLAIMABLE]);
	pr_warn(q, " mapped:%lu shmem:%lu pagetables:%lu", n[NR_FILE_MAPPED], n[NR_SHMEM],
		n[NR_PAGETABLE]);
	pr_warn(q, " sec_pagetables:%lu bounce:%lu", n[NR_SECONDARY_PAGETABLE],
		global_zone_page_state(q, NR_BOUNCE));
	pr_warn(q, " kernel_misc_reclaimable:%lu", n[NR_KERNEL_MISC_RECLAIMABLE]);
	pr_warn(q, " free:%lu free_pcp:%lu free_cma:%lu", global_zone_page_state(q, NR_FREE_PAGES),
		global_free_pcp(q, nodemask, idx), global_zone_page_state(q, NR_FREE_CMA_PAGES));
}

static void show_node(struct quire *q, const struct pglist_data *pgdat)
{
	pr_warn(q,
		"Node %u active_anon:%lukB inactive_anon:%lukB active_file:%lukB "
		"inactive_file:%lukB unevictable:%lukB isolated(anon):%lukB isolated(file):%lukB "
		"mapped:%lukB dirty:%lukB writeback:%lukB shmem:%lukB shmem_thp: %lukB "
		"shmem_pmdmapped: %lukB anon_thp: %lukB writeback_tmp:%lukB kernel_stack:%lukB "
		"pagetables:%lukB sec_pagetables:%lukB all_unreclaimable? %s",
		pgdat->node_id, K(node_page_state(pgdat, NR_ACTIVE_ANON)),
		K(node_page_state(pgdat, NR_INACTIVE_ANON)),
		K(node_page_state(pgdat, NR_ACTIVE_FILE)),
		K(node_page_state(pgdat, NR_INACTIVE_FILE)),
		K(node_page_state(pgdat, NR_UNEVICTABLE)),
		K(node_page_state(pgdat, NR_ISOLATED_ANON)),
		K(node_page_state(pgdat, NR_ISOLATED_FILE)),
		K(node_page_state(pgdat, NR_FILE_MAPPED)), K(node_page_state(pgdat, NR_FILE_DIRTY)),
		K(node_page_state(pgdat, NR_WRITEBACK)), K(node_page_state(pgdat, NR_SHMEM)),
		K(node_page_state(pgdat, NR_SHMEM_THPS)),
		K(node_page_state(pgdat, NR_SHMEM_PMDMAPPED)),
		K(node_page_state(pgdat, NR_ANON_THPS)),
		K(node_page_state(pgdat, NR_WRITEBACK_TEMP)),
		node_page_state(pgdat, NR_KERNEL_STACK_KB), K(node_page_state(pgdat, NR_PAGETABLE)),
		K(node_page_state(pgdat, NR_SECONDARY_PAGETABLE)),
		pgdat_all_unreclaimable(pgdat) ? "yes" : "no");
}

static void show_zone(struct quire *q, const struct zone *zone)
{
	unsigned long local =
		zone->pageset ? (unsigned long)zone->pageset[smp_processor_id(q)].count : 0;
	char buf[128];
	struct text t;

	pr_warn(q,
		"Node %u %s free:%lukB boost:%lukB min:%lukB low:%lukB high:%lukB "
		"reserved_highatomic:%luKB active_anon:%lukB inactive_anon:%lukB "
		"active_file:%lukB inactive_file:%lukB unevictable:%lukB writepending:%lukB "
		"present:%lukB managed:%lukB mlocked:%lukB bounce:%lukB free_pcp:%lukB "
		"local_pcp:%lukB free_cma:%lukB",
		zone->zone_pgdat->node_id, zone->name, K(zone_page_state(zone, NR_FREE_PAGES)),
		K(zone->watermark_boost), K(min_wmark_pages(zone)), K(low_wmark_pages(zone)),
		K(high_wmark_pages(zone)), K(zone->nr_reserved_highatomic),
		K(zone_page_state(zone, NR_ZONE_ACTIVE_ANON)),
		K(zone_page_state(zone, NR_ZONE_INACTIVE_ANON)),
		K(zone_page_state(zone, NR_ZONE_ACTIVE_FILE)),
		K(zone_page_state(zone, NR_ZONE_INACTIVE_FILE)),
		K(zone_page_state(zone, NR_ZONE_UNEVICTABLE)),
		K(zone_page_state(zone, NR_ZONE_WRITE_PENDING)), K(zone->present_pages),
		K(zone->managed_pages), K(zone_page_state(zone, NR_MLOCK)),
		K(zone_page_state(zone, NR_BOUNCE)), K(zone_free_pcp(q, zone)), K(local),
		K(zone_page_state(zone, NR_FREE_CMA_PAGES)));
	text_init(&t, buf, sizeof(buf));
	text_puts(&t, "lowmem_reserve[]:");
	for (int i = 0; i < MAX_NR_ZONES; i++)
		text_printf(&t, " %ld", zone->lowmem_reserve[i]);
	pr_warn(q, "%s", buf);
}

/* "3*4kB (UM)": the blocks of each order and the types among them. */
static void show_free_areas(struct quire *q, struct zone *zone)
{
	static const char letters[MIGRATE_TYPES + 1] = "UMEHCI";
	unsigned long nr[MAX_ORDER], total = 0;
	unsigned int types[MAX_ORDER];
	char buf[512];
	struct text t;

	spin_lock(q, &zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		const struct free_area *area = &zone->free_area[order];

		nr[order] = area->nr_free;
		total += nr[order] << order;
		types[order] = 0;
		for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
			if (!list_empty(&area->free_list[type]))
				types[order] |= 1u << type;
	}
	spin_unlock(q, &zone->lock);
	text_init(&t, buf, sizeof(buf));
	text_printf(&t, "Node %u %s: ", zone->zone_pgdat->node_id, zone->name);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		text_printf(&t, "%lu*%lukB ", nr[order], K(1UL) << order);
		if (!nr[order])
			continue;
		text_putc(&t, '(');
		for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
			if (types[order] & (1u << type))
				text_putc(&t, letters[type]);
		text_puts(&t, ") ");
	}
	text_printf(&t, "= %lukB", K(total));
	pr_warn(q, "%s", buf);
}

static void show_hugepages(struct quire *q, const nodemask_t *nodemask, int idx)
{
	for_each_node (q, nid) {
		if (show_mem_node_skip(NODE_DATA(q, nid), nodemask, idx))
			continue;
		for_each_hstate(q, h)
			pr_warn(q,
				"Node %u hugepages_total=%u hugepages_free=%u hugepages_surp=%u "
				"hugepages_size=%lukB",
				nid, h->nr_huge_pages_node[nid], h->free_huge_pages_node[nid],
				h->surplus_huge_pages_node[nid], huge_page_size(h) >> 10);
	}
}

static void show_totals(struct quire *q)
{
	unsigned long present = 0, managed = 0;

	pr_warn(q, "%lu total pagecache pages", global_node_page_state(q, NR_FILE_PAGES));
	pr_warn(q, "%lu pages in swap cache", global_node_page_state(q, NR_SWAPCACHE));
	pr_warn(q, "Free swap  = %lukB", K(q->swap ? q->swap->nr_swap_pages : 0));
	pr_warn(q, "Total swap = %lukB", K(q->swap ? q->swap->total_swap_pages : 0));
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			present += zone->present_pages;
			managed += zone->managed_pages;
		}
	}
	pr_warn(q, "%lu pages RAM", present);
	pr_warn(q, "0 pages HighMem/MovableOnly");
	pr_warn(q, "%lu pages reserved", present - managed);
	if (q->page->cma)
		pr_warn(q, "%lu pages cma reserved", totalcma_pages(q));
	pr_warn(q, "0 pages hwpoisoned");
}

void __show_mem(struct quire *q, const nodemask_t *nodemask, int idx)
{
	pr_warn(q, "Mem-Info:");
	show_global(q, nodemask, idx);
	for_each_node (q, nid) {
		if (!show_mem_node_skip(NODE_DATA(q, nid), nodemask, idx))
			show_node(q, NODE_DATA(q, nid));
	}
	for (int pass = 0; pass < 2; pass++) {
		for_each_node (q, nid) {
			struct pglist_data *pgdat = NODE_DATA(q, nid);

			if (show_mem_node_skip(pgdat, nodemask, idx))
				continue;
			for_each_populated_zone_of_node(pgdat, zone)
			{
				if ((int)zone->zone_idx > idx)
					continue;
				if (pass)
					show_free_areas(q, zone);
				else
					show_zone(q, zone);
			}
		}
	}
	show_hugepages(q, nodemask, idx);
	show_totals(q);
}

void show_mem(struct quire *q, const nodemask_t *nodemask)
{
	__show_mem(q, nodemask, MAX_NR_ZONES - 1);
}

/* ---- a group -------------------------------------------------------------------- */

static unsigned long limit_kb(long pages)
{
	return K(pages);
}

static void show_memcg(struct quire *q, struct mem_cgroup *memcg)
{
	char buf[2048];
	struct text t;
	char *line, *end;

	pr_info(q, "memory: usage %lukB, limit %lukB, failcnt %lu", K(memcg->memory.usage),
		limit_kb(memcg->memory.max), memcg->memory.failcnt);
	pr_info(q, "swap: usage %lukB, limit %lukB, failcnt %lu", K(memcg->swap.usage),
		limit_kb(memcg->swap.max), memcg->swap.failcnt);
	text_init(&t, buf, sizeof(buf));
	mem_cgroup_path(q, memcg, &t);
	pr_info(q, "Memory cgroup stats for %s:", buf);
	text_init(&t, buf, sizeof(buf));
	memory_stat_format(q, memcg, &t);
	for (line = buf; *line; line = end + 1) {
		for (end = line; *end && *end != '\n'; end++)
			;
		if (!*end)
			break;
		*end = '\0';
		pr_info(q, "%s", line);
	}
}

/* ---- the tasks, the verdict -------------------------------------------------------- */

static void dump_tasks(struct quire *q, const struct oom_control *oc)
{
	struct task *p;

	pr_info(q, "Tasks state (memory values in pages):");
	pr_info(q, "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj "
		   "name");
	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		struct task *t;

		if (oom_unkillable_task(q, p))
			continue;
		if (is_memcg_oom(oc) ? !mem_cgroup_is_descendant(q, p->memcg, oc->memcg)
				     : !oom_cpuset_eligible(q, p, oc))
			continue;
		t = find_task_mm(p);
		if (!t)
			continue;
		pr_info(q, "[%7d] %5u %5d %8lu %8lu %8ld %8lu         %5d %s", t->pid, t->uid,
			t->tgid, t->mm->total_vm, get_mm_rss(t->mm), t->mm->pgtables_bytes,
			get_mm_counter(t->mm, MM_SWAPENTS), t->signal->oom_score_adj, t->comm);
	}
	spin_unlock(q, &q->space->tasklist_lock);
}

/* The running task's cpuset, by its own name, and its nodes. */
static void put_cpuset(struct quire *q, struct text *t)
{
	const struct task *task = current_task(q);
	const struct mem_cgroup *memcg = task ? task->memcg : NULL;
	const char *name = "/";
	char path[256];
	nodemask_t mems;
	struct text p;

	while (memcg && !memcg->has_cpuset)
		memcg = memcg->parent;
	if (memcg && memcg->parent) {
		text_init(&p, path, sizeof(path));
		mem_cgroup_path(q, memcg, &p);
		name = path;
		for (const char *c = path; *c; c++)
			if (*c == '/')
				name = c + 1;
	}
	cpuset_mems_allowed(q, task, &mems);
	text_printf(t, ",cpuset=%s,mems_allowed=", name);
	nodemask_to_text(q, t, memcg ? &mems : NULL);
}

static void dump_oom_summary(struct quire *q, const struct oom_control *oc,
			     const struct task *victim)
{
	static const char *const names[] = {"CONSTRAINT_NONE", "CONSTRAINT_CPUSET",
					    "CONSTRAINT_MEMORY_POLICY", "CONSTRAINT_MEMCG"};
	char buf[900];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_printf(&t, "oom-kill:constraint=%s,nodemask=", names[oc->constraint]);
	if (oc->nodemask)
		nodemask_to_text(q, &t, oc->nodemask);
	else
		text_puts(&t, "(null)");
	put_cpuset(q, &t);
	if (is_memcg_oom(oc)) {
		text_puts(&t, ",oom_memcg=");
		mem_cgroup_path(q, oc->memcg, &t);
	} else {
		text_puts(&t, ",global_oom");
	}
	text_puts(&t, ",task_memcg=");
	mem_cgroup_path(q, victim->memcg, &t);
	text_printf(&t, ",task=%s,pid=%d,uid=%u", victim->comm, victim->pid, victim->uid);
	pr_info(q, "%s", buf);
}

void dump_header(struct quire *q, const struct oom_control *oc, struct task *victim)
{
	const struct task *task = current_task(q);
	const char *comm = task ? task->comm : "swapper/0";
	char flags[256];
	struct text t;

	text_init(&t, flags, sizeof(flags));
	gfp_to_text(&t, oc->gfp_mask);
	pr_warn(q, "%s invoked oom-killer: gfp_mask=%#x(%s), order=%d, oom_score_adj=%d", comm,
		oc->gfp_mask, flags, oc->order,
		task && task->signal ? task->signal->oom_score_adj : 0);
	pr_warn(q, "CPU: %u PID: %d Comm: %s Not tainted %s #1", smp_processor_id(q),
		task ? task->pid : 0, comm, q->cfg.version);
	if (is_memcg_oom(oc))
		show_memcg(q, oc->memcg);
	else
		__show_mem(q, oc->nodemask, (int)gfp_zone(oc->gfp_mask));
	if (q->oom->sysctl_oom_dump_tasks)
		dump_tasks(q, oc);
	if (victim)
		dump_oom_summary(q, oc, victim);
}
