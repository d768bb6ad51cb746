/* SPDX-License-Identifier: MIT */
/*
 * /sys/fs/cgroup: control groups, version 2, as far as memory goes.
 *
 * A directory is a group by its id (arg; 0 stands for the root), its files are
 * those of Linux 6.1's memory controller.  The root has no limits, as in Linux,
 * so it lacks their files; its statistics are the machine's.
 *
 * Writing a limit works as in Linux: "max" or bytes with a suffix, rounded down
 * to pages, and may reclaim or kill before it returns.
 */
#include "proc/internal.h"
#include "reclaim/numa.h"

struct mem_cgroup *cgroup_of(struct quire *q, const struct proc_entry *e)
{
	struct mem_cgroup *memcg;

	if (!e->arg)
		return q->group->root;
	memcg = mem_cgroup_from_id(q, e->arg);
	return memcg && !memcg->offline ? memcg : NULL;
}

static bool is_root(const struct mem_cgroup *memcg)
{
	return !memcg->parent;
}

/* ---- counters and limits ----------------------------------------------------- */

enum group_number {
	G_CURRENT,
	G_PEAK,
	G_MIN,
	G_LOW,
	G_HIGH,
	G_MAX,
	G_SWAP_CURRENT,
	G_SWAP_HIGH,
	G_SWAP_MAX,
	G_ZSWAP_MAX,
};

static long number_of(const struct mem_cgroup *memcg, enum group_number what)
{
	const struct page_counter *memory = &memcg->memory, *swap = &memcg->swap;

	switch (what) {
	case G_CURRENT:
		return HOT_LOAD(&memory->usage);
	case G_PEAK:
		return max(HOT_LOAD(&memory->watermark), HOT_LOAD(&memory->usage));
	case G_MIN:
		return memory->min;
	case G_LOW:
		return memory->low;
	case G_HIGH:
		return memory->high;
	case G_MAX:
		return memory->max;
	case G_SWAP_CURRENT:
		return HOT_LOAD(&swap->usage);
	case G_SWAP_HIGH:
		return swap->high;
	case G_SWAP_MAX:
		return swap->max;
	case G_ZSWAP_MAX:
		return HOT_LOAD(&memcg->zswap_max);
	}
	return 0;
}

static int show_group_number(struct quire *q, const struct proc_entry *e,
			     const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	long pages;

	if (!memcg)
		return -ENOENT;
	pages = number_of(memcg, def->val);
	if (pages >= PAGE_COUNTER_MAX)
		put_lit(t, "max");
	else
		put_dec(t, (unsigned long)max(pages, 0L) << PAGE_SHIFT, 0);
	text_putc(t, '\n');
	return 0;
}

/* Bytes, and not whole pages as the others. */
static int show_zswap_current(struct quire *q, const struct proc_entry *e,
			      __unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);

	if (!memcg)
		return -ENOENT;
	text_printf(t, "%lu\n", (unsigned long)max(memcg_page_state(q, memcg, MEMCG_ZSWAP_B), 0L));
	return 0;
}

/* "max", or bytes with one of K M G T P E; in pages.  -EINVAL. */
int cgroup_parse_pages(const struct proc_input *in, long *pages)
{
	static const char suffixes[] = "kmgtpe";
	unsigned long bytes, shift = 0;
	const char *suffix;
	char word[32];
	size_t len;

	if (proc_word(in, word, sizeof(word)))
		return -EINVAL;
	*pages = PAGE_COUNTER_MAX;
	if (str_eq(word, "max"))
		return 0;
	len = str_len(word);
	suffix = len ? str_chr(suffixes, word[len - 1] | 0x20) : NULL;
	if (suffix && *suffix) {
		shift = 10 * (unsigned long)(suffix - suffixes + 1);
		len--;
	}
	if (parse_ulong(word, len, 0, &bytes))
		return -EINVAL;
	if (bytes > ULONG_MAX >> shift)
		return 0;
	*pages = min((long)((bytes << shift) >> PAGE_SHIFT), PAGE_COUNTER_MAX);
	return 0;
}

static s64 store_group_number(struct quire *q, const struct proc_entry *e,
			      const struct proc_def *def, const struct proc_input *in)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	long pages;
	int err = cgroup_parse_pages(in, &pages);

	if (err || !memcg)
		return err ? err : -ENOENT;
	switch ((enum group_number)def->val) {
	case G_MIN:
		mem_cgroup_set_min(memcg, pages);
		break;
	case G_LOW:
		mem_cgroup_set_low(memcg, pages);
		break;
	case G_HIGH:
		mem_cgroup_set_high(q, memcg, pages);
		break;
	case G_MAX:
		mem_cgroup_set_max(q, memcg, pages);
		break;
	case G_SWAP_HIGH:
		HOT_STORE(&memcg->swap.high, pages);
		break;
	case G_SWAP_MAX:
		mem_cgroup_set_swap_max(memcg, pages);
		break;
	case G_ZSWAP_MAX:
		HOT_STORE(&memcg->zswap_max, pages);
		break;
	default:
		return -EINVAL;
	}
	return (s64)in->len;
}

static s64 store_reclaim(struct quire *q, const struct proc_entry *e,
			 __unused const struct proc_def *def, const struct proc_input *in)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	unsigned long done = 0;
	unsigned int retries = MAX_RECLAIM_RETRIES;
	long pages;
	int err = cgroup_parse_pages(in, &pages);

	if (err || !memcg)
		return err ? err : -ENOENT;
	while (done < (unsigned long)pages) {
		unsigned long n = 0;

		if (q->group->ops.try_to_free_mem_cgroup_pages)
			n = q->group->ops.try_to_free_mem_cgroup_pages(
				q, memcg, (unsigned long)pages - done, GFP_KERNEL);
		if (!n && !retries--)
			return -EAGAIN;
		done += n;
	}
	return (s64)in->len;
}

/* ---- memory.stat ------------------------------------------------------------- */

static int show_memory_stat(struct quire *q, const struct proc_entry *e,
			    __unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);

	if (!memcg)
		return -ENOENT;
	memory_stat_format(q, memcg, t);
	return 0;
}

static int show_numa_stat(struct quire *q, const struct proc_entry *e,
			  __unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);

	if (!memcg)
		return -ENOENT;
	memory_numa_stat_format(q, memcg, t);
	return 0;
}

/* ---- time and transfers -------------------------------------------------------- */

static int show_cpu_stat(struct quire *q, const struct proc_entry *e,
			 __unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	u64 user = 0, system = 0;

	if (!memcg)
		return -ENOENT;
	for (struct mem_cgroup *m = mem_cgroup_iter(q, memcg, NULL); m;
	     m = mem_cgroup_iter(q, memcg, m)) {
		user += m->utime;
		system += m->stime;
	}
	text_printf(t, "usage_usec %llu\nuser_usec %llu\nsystem_usec %llu\n",
		    (unsigned long long)((user + system) / NSEC_PER_USEC),
		    (unsigned long long)(user / NSEC_PER_USEC),
		    (unsigned long long)(system / NSEC_PER_USEC));
	return 0;
}

/* Of a device: the root's are all there are. */
static void put_io_stat(struct quire *q, struct text *t, const struct backing_dev *bdi,
			struct mem_cgroup *memcg)
{
	unsigned long ios[2] = {0, 0}, pages[2] = {0, 0};

	if (is_root(memcg)) {
		ios[0] = bdi->ios_read;
		ios[1] = bdi->ios_write;
		pages[0] = bdi->pages_read;
		pages[1] = bdi->pages_write;
	}
	for (struct mem_cgroup *m = is_root(memcg) ? NULL : mem_cgroup_iter(q, memcg, NULL); m;
	     m = mem_cgroup_iter(q, memcg, m)) {
		const struct bdi_writeback *wb = wb_find(bdi, m);

		if (!wb)
			continue;
		ios[0] += wb->ios_read;
		ios[1] += wb->ios_write;
		pages[0] += wb->pages_read;
		pages[1] += wb->pages_write;
	}
	if (!(ios[0] + ios[1]))
		return;
	put_devt(t, bdi);
	text_printf(t, " rbytes=%lu wbytes=%lu rios=%lu wios=%lu dbytes=0 dios=0\n",
		    pages[0] << PAGE_SHIFT, pages[1] << PAGE_SHIFT, ios[0], ios[1]);
}

static int show_io_stat(struct quire *q, const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	const struct backing_dev *bdi;

	if (!memcg)
		return -ENOENT;
	list_for_each_entry (bdi, &q->cache->bdis, list)
		put_io_stat(q, t, bdi, memcg);
	return 0;
}

/* ---- events, pressure --------------------------------------------------------- */

static int show_events(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		       struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	const unsigned long *events;

	if (!memcg)
		return -ENOENT;
	events = def->val == 1 ? memcg->events_local : memcg->events;
	if (def->val == 2) {
		text_printf(t, "high %lu\nmax %lu\nfail %lu\n", events[MEMCG_SWAP_HIGH],
			    events[MEMCG_SWAP_MAX], events[MEMCG_SWAP_FAIL]);
		return 0;
	}
	text_printf(t, "low %lu\nhigh %lu\nmax %lu\noom %lu\noom_kill %lu\noom_group_kill %lu\n",
		    events[MEMCG_LOW], events[MEMCG_HIGH], events[MEMCG_MAX], events[MEMCG_OOM],
		    events[MEMCG_OOM_KILL], events[MEMCG_OOM_GROUP_KILL]);
	return 0;
}

static int show_group_pressure(struct quire *q, const struct proc_entry *e,
			       const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);

	if (!memcg)
		return -ENOENT;
	put_psi(q, t, is_root(memcg) ? &q->group->psi : &memcg->psi, (enum psi_res)def->val);
	return 0;
}

static int show_oom_group(struct quire *q, const struct proc_entry *e,
			  __unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);

	if (!memcg)
		return -ENOENT;
	text_puts(t, memcg->oom_group ? "1\n" : "0\n");
	return 0;
}

static s64 store_oom_group(struct quire *q, const struct proc_entry *e,
			   __unused const struct proc_def *def, const struct proc_input *in)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	long v;
	int err = proc_one_long(in, &v);

	if (err || !memcg)
		return err ? err : -ENOENT;
	if (v != 0 && v != 1)
		return -EINVAL;
	memcg->oom_group = v != 0;
	return (s64)in->len;
}

/* ---- cgroup.* ---------------------------------------------------------------- */

/* def->val: 1 each thread, 0 each process. */
static int show_procs(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		      struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	struct task *p;

	if (!memcg)
		return -ENOENT;
	if (is_root(memcg))
		memcg = NULL; /* as its tasks have it */
	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		for_each_thread(p, thread)
		{
			if (thread->memcg != memcg || (!def->val && thread != p))
				continue;
			put_dec(t, (unsigned long)thread->pid, 0);
			text_putc(t, '\n');
		}
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return 0;
}

static s64 store_procs(struct quire *q, const struct proc_entry *e,
		       __unused const struct proc_def *def, const struct proc_input *in)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	struct proc_entry process = {0};
	struct task *task;
	long pid;
	int err = proc_one_long(in, &pid);

	if (err || pid < 0 || pid > INT_MAX)
		return -EINVAL;
	if (!memcg)
		return -ENOENT;
	process.pid = (int)pid;
	if (!pid && current_task(q))
		process.pid = current_task(q)->tgid; /* 0: the writer itself */
	task = proc_get_task(q, &process);
	if (!task)
		return -ESRCH;
	/* Kernel threads stay where they are, as in Linux. */
	err = task->flags & PF_KTHREAD ? -EINVAL
				       : task_set_memcg(q, task, is_root(memcg) ? NULL : memcg);
	put_task(q, task);
	return err ? err : (s64)in->len;
}

static bool has_tasks(struct quire *q, struct mem_cgroup *memcg)
{
	for (struct mem_cgroup *m = mem_cgroup_iter(q, memcg, NULL); m;
	     m = mem_cgroup_iter(q, memcg, m))
		if (HOT_LOAD(&m->nr_tasks))
			return true;
	return false;
}

static int show_cgroup_events(struct quire *q, const struct proc_entry *e,
			      __unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);

	if (!memcg)
		return -ENOENT;
	text_printf(t, "populated %d\nfrozen 0\n", has_tasks(q, memcg));
	return 0;
}

static int show_cgroup_stat(struct quire *q, const struct proc_entry *e,
			    __unused const struct proc_def *def, struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	unsigned int nr = 0, dying = 0;

	if (!memcg)
		return -ENOENT;
	for (struct mem_cgroup *m = mem_cgroup_iter(q, memcg, NULL); m;
	     m = mem_cgroup_iter(q, memcg, m)) {
		nr += m != memcg && !m->offline;
		dying += m->offline;
	}
	text_printf(t, "nr_descendants %u\nnr_dying_descendants %u\n", nr, dying);
	return 0;
}

/* ---- cpuset ------------------------------------------------------------------- */

static int show_mems(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		     struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	nodemask_t mems;

	if (!memcg)
		return -ENOENT;
	if (def->val)
		cpuset_effective_mems(q, memcg, &mems);
	else
		cpuset_mems(q, memcg, &mems);
	put_bit_list(t, mems.bits, q->nr_nodes);
	text_putc(t, '\n');
	return 0;
}

/* "0-1,3"; nothing: the parent's. */
static int parse_nodes(const struct quire *q, const char *p, nodemask_t *mems)
{
	*mems = (nodemask_t){{0}};
	while (*p) {
		unsigned long first = 0, last;
		const char *digits = p;

		for (; *p >= '0' && *p <= '9' && first < QUIRE_MAX_NODES; p++)
			first = first * 10 + (unsigned long)(*p - '0');
		if (p == digits)
			return -EINVAL;
		last = first;
		if (*p == '-') {
			digits = ++p;
			for (last = 0; *p >= '0' && *p <= '9' && last < QUIRE_MAX_NODES; p++)
				last = last * 10 + (unsigned long)(*p - '0');
			if (p == digits)
				return -EINVAL;
		}
		if (last < first || last >= q->nr_nodes || (*p && *p != ','))
			return -EINVAL;
		for (; first <= last; first++)
			node_set(mems, (unsigned int)first);
		p += *p == ',';
	}
	return 0;
}

static s64 store_mems(struct quire *q, const struct proc_entry *e,
		      __unused const struct proc_def *def, const struct proc_input *in)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	nodemask_t mems;
	char word[256];
	int err = proc_word(in, word, sizeof(word));

	if (!memcg)
		return -ENOENT;
	if (!err)
		err = parse_nodes(q, word, &mems);
	if (!err)
		err = cpuset_change_mems(q, memcg, &mems);
	return err ? err : (s64)in->len;
}

/* ---- the directory ------------------------------------------------------------ */

#define G_RO(name, what) DEF_VAL(name, 0444, show_group_number, NULL, what)
#define G_RW(name, what) DEF_VAL(name, 0644, show_group_number, store_group_number, what)

#define G_HUGETLB(size, bit)                                                                     \
	DEF_VAL("hugetlb." size ".current", 0444, show_cgroup_hugetlb, NULL,                     \
		CG_HUGETLB_CURRENT | (bit)),                                                     \
		DEF_VAL("hugetlb." size ".events", 0444, show_cgroup_hugetlb, NULL,              \
			CG_HUGETLB_EVENTS | (bit)),                                              \
		DEF_VAL("hugetlb." size ".events.local", 0444, show_cgroup_hugetlb, NULL,        \
			CG_HUGETLB_EVENTS_LOCAL | (bit)),                                        \
		DEF_VAL("hugetlb." size ".max", 0644, show_cgroup_hugetlb, store_cgroup_hugetlb, \
			CG_HUGETLB_MAX | (bit)),                                                 \
		DEF_VAL("hugetlb." size ".numa_stat", 0444, show_cgroup_hugetlb, NULL,           \
			CG_HUGETLB_NUMA_STAT | (bit)),                                           \
		DEF_VAL("hugetlb." size ".rsvd.current", 0444, show_cgroup_hugetlb, NULL,        \
			CG_HUGETLB_RSVD_CURRENT | (bit)),                                        \
		DEF_VAL("hugetlb." size ".rsvd.max", 0644, show_cgroup_hugetlb,                  \
			store_cgroup_hugetlb, CG_HUGETLB_RSVD_MAX | (bit))

static const struct proc_def cgroup_defs[] = {
	DEF_VAL("cgroup.controllers", 0444, show_cgroup_controllers, NULL, 0),
	DEF_FILE("cgroup.events", 0444, show_cgroup_events),
	DEF_VAL("cgroup.procs", 0644, show_procs, store_procs, 0),
	DEF_FILE("cgroup.stat", 0444, show_cgroup_stat),
	DEF_VAL("cgroup.subtree_control", 0644, show_cgroup_controllers, store_subtree_control, 1),
	DEF_VAL("cgroup.threads", 0444, show_procs, NULL, 1),
	DEF_TEXT("cgroup.type", 0444, "domain\n"),
	DEF_VAL("cpu.pressure", 0444, show_group_pressure, NULL, PSI_CPU),
	DEF_FILE("cpu.stat", 0444, show_cpu_stat),
	DEF_VAL("cpuset.mems", 0644, show_mems, store_mems, 0),
	DEF_VAL("cpuset.mems.effective", 0444, show_mems, NULL, 1),
	G_HUGETLB("1GB", HUGETLB_1G),
	G_HUGETLB("2MB", HUGETLB_2M),
	DEF_VAL("io.pressure", 0444, show_group_pressure, NULL, PSI_IO),
	DEF_FILE("io.stat", 0444, show_io_stat),
	G_RO("memory.current", G_CURRENT),
	DEF_VAL("memory.events", 0444, show_events, NULL, 0),
	DEF_VAL("memory.events.local", 0444, show_events, NULL, 1),
	G_RW("memory.high", G_HIGH),
	G_RW("memory.low", G_LOW),
	G_RW("memory.max", G_MAX),
	G_RW("memory.min", G_MIN),
	DEF_FILE("memory.numa_stat", 0444, show_numa_stat),
	DEF_RW("memory.oom.group", 0644, show_oom_group, store_oom_group),
	G_RO("memory.peak", G_PEAK),
	DEF_VAL("memory.pressure", 0444, show_group_pressure, NULL, PSI_MEM),
	DEF_RW("memory.reclaim", 0200, NULL, store_reclaim),
	DEF_FILE("memory.stat", 0444, show_memory_stat),
	G_RO("memory.swap.current", G_SWAP_CURRENT),
	DEF_VAL("memory.swap.events", 0444, show_events, NULL, 2),
	G_RW("memory.swap.high", G_SWAP_HIGH),
	G_RW("memory.swap.max", G_SWAP_MAX),
	DEF_FILE("memory.zswap.current", 0444, show_zswap_current),
	G_RW("memory.zswap.max", G_ZSWAP_MAX),
};

/* What the root has not: limits, events, a type; and what a group has only if its
 * parent hands the controller down. */
static bool group_has(struct quire *q, const struct proc_entry *dir, const struct proc_def *def)
{
	static const char *const of_root[] = {
		"cgroup.controllers",
		"cgroup.procs",
		"cgroup.stat",
		"cgroup.subtree_control",
		"cgroup.threads",
		"cpu.pressure",
		"cpu.stat",
		"io.stat",
		"cpuset.mems.effective",
		"io.pressure",
		"memory.numa_stat",
		"memory.pressure",
		"memory.reclaim",
		"memory.stat",
	};
	struct mem_cgroup *memcg = cgroup_of(q, dir);

	if (memcg && def->show == show_cgroup_hugetlb)
		return memcg->hugetlb != NULL;
	if (!memcg || !is_root(memcg))
		return memcg != NULL;
	for (size_t i = 0; i < ARRAY_SIZE(of_root); i++)
		if (str_eq(of_root[i], def->name))
			return true;
	return false;
}

static struct proc_entry group_lookup(struct quire *q, const struct proc_entry *dir,
				      const char *name)
{
	struct mem_cgroup *memcg = cgroup_of(q, dir), *child;

	if (!memcg)
		return (struct proc_entry){0};
	list_for_each_entry (child, &memcg->children, sibling)
		if (!child->offline && str_eq(child->name, name))
			return proc_entry_of(DIR_CGROUP, 0, child->id);
	return (struct proc_entry){0};
}

static void group_readdir(struct quire *q, const struct proc_entry *dir, struct proc_filler *f)
{
	struct mem_cgroup *memcg = cgroup_of(q, dir), *child;

	if (!memcg)
		return;
	list_for_each_entry (child, &memcg->children, sibling)
		if (!child->offline &&
		    !proc_fill(f, child->name, proc_entry_of(DIR_CGROUP, 0, child->id)))
			return;
}

const struct proc_dir cgroup_dir = {
	.defs = cgroup_defs,
	.nr_defs = ARRAY_SIZE(cgroup_defs),
	.visible = group_has,
	.lookup = group_lookup,
	.readdir = group_readdir,
};
