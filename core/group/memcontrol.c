/* SPDX-License-Identifier: MIT */
/*
 * The tree of control groups: making, removing, finding, walking, and sums
 * over it (Linux's memcontrol.c and the part of cgroup.c that it needs).
 *
 * A group's life: css_refs is 1 for being online, and 1 for each child, task,
 * charged page and swap slot.  Removal drops the first; the structure stays in
 * the tree, offline, until the last reference goes, and is then reaped by the
 * next who makes or removes a group: a page may be uncharged under any lock,
 * so nothing can be done there and then.  A reaped structure waits on a list
 * for the next group and is never given back, so a walker that slept with a
 * stale pointer still meets a group.
 *
 * Lock: floor->lock guards tree, ids and the spare list.
 */
#include "base/math.h"
#include "base/string.h"
#include "base/text.h"
#include "group/hugetlb_cgroup.h"
#include "group/lru_gen.h"
#include "group/objcg.h"

static void page_counter_init(struct page_counter *c, struct page_counter *parent)
{
	*c = (struct page_counter){
		.high = PAGE_COUNTER_MAX,
		.max = PAGE_COUNTER_MAX,
		.parent = parent,
	};
}

/* ---- ids: under floor->lock, but for the piece that is made before ---------- */

struct mem_cgroup *mem_cgroup_from_id(struct quire *q, unsigned int id)
{
	struct mem_cgroup **piece;

	if (!id || id > MEMCG_ID_MAX)
		return NULL;
	piece = q->group->ids[id / MEMCG_IDS_A_PIECE];
	return piece ? piece[id % MEMCG_IDS_A_PIECE] : NULL;
}

/* The lowest free id, or 0; *piece_wanted: it needs a piece that is not there. */
static unsigned int find_free_id(struct group_floor *g, bool *piece_wanted)
{
	*piece_wanted = false;
	for (unsigned int p = 0; p < MEMCG_ID_PIECES; p++) {
		if (!g->ids[p]) {
			*piece_wanted = true;
			return p * MEMCG_IDS_A_PIECE;
		}
		for (unsigned int i = 0; i < MEMCG_IDS_A_PIECE; i++)
			if ((p || i) && !g->ids[p][i])
				return p * MEMCG_IDS_A_PIECE + i;
	}
	return 0;
}

/* Enters memcg under a free id. 0, -ENOMEM or -ENOSPC. */
static int alloc_id(struct quire *q, struct mem_cgroup *memcg)
{
	struct group_floor *g = q->group;
	struct mem_cgroup **piece = NULL;
	unsigned int id;
	bool wanted;

	for (;;) {
		spin_lock(q, &g->lock);
		id = find_free_id(g, &wanted);
		if (wanted && piece) {
			g->ids[id / MEMCG_IDS_A_PIECE] = piece;
			piece = NULL;
			wanted = false;
			id += !id; /* 0 is no id */
		}
		if (!wanted && id) {
			g->ids[id / MEMCG_IDS_A_PIECE][id % MEMCG_IDS_A_PIECE] = memcg;
			memcg->id = id;
		}
		spin_unlock(q, &g->lock);
		if (!wanted)
			break;
		piece = kzalloc(q, MEMCG_IDS_A_PIECE * sizeof(*piece), GFP_KERNEL);
		if (!piece)
			return -ENOMEM;
	}
	kfree(q, piece);
	return id ? 0 : -ENOSPC;
}

static void free_id(struct group_floor *g, struct mem_cgroup *memcg)
{
	g->ids[memcg->id / MEMCG_IDS_A_PIECE][memcg->id % MEMCG_IDS_A_PIECE] = NULL;
}

/* ---- structures ------------------------------------------------------------- */

static void init_lruvec(struct lruvec *lruvec, struct pglist_data *pgdat, struct mem_cgroup *memcg)
{
	/* A former life's generations are as good. */
	*lruvec = (struct lruvec){.pgdat = pgdat, .memcg = memcg, .lrugen = lruvec->lrugen};
	for_each_lru (lru)
		INIT_LIST_HEAD(&lruvec->lists[lru]);
}

/* One that was never in the tree. */
static void free_memcg(struct quire *q, struct mem_cgroup *memcg)
{
	for_each_node (q, nid) {
		if (memcg->lruvec[nid])
			kfree(q, memcg->lruvec[nid]->lrugen);
		kfree(q, memcg->lruvec[nid]);
	}
	kfree(q, memcg);
}

/* A structure with its lruvecs, zeroed: a spare one or a new one. */
static struct mem_cgroup *alloc_memcg(struct quire *q)
{
	struct group_floor *g = q->group;
	size_t bytes = sizeof(struct mem_cgroup) + q->nr_nodes * sizeof(struct lruvec *);
	struct mem_cgroup *memcg = NULL;

	spin_lock(q, &g->lock);
	if (!list_empty(&g->spare)) {
		memcg = list_first_entry(&g->spare, struct mem_cgroup, sibling);
		list_del(&memcg->sibling);
	}
	spin_unlock(q, &g->lock);
	if (memcg) {
		kfree(q, memcg->cgwb);
		memset(memcg, 0, sizeof(*memcg));
		return memcg;
	}
	memcg = kzalloc(q, bytes, GFP_KERNEL_ACCOUNT);
	if (!memcg)
		return NULL;
	for_each_node (q, nid) {
		memcg->lruvec[nid] =
			kmalloc_node(q, sizeof(struct lruvec), GFP_KERNEL_ACCOUNT, (int)nid);
		if (!memcg->lruvec[nid]) {
			free_memcg(q, memcg);
			return NULL;
		}
		memcg->lruvec[nid]->lrugen = NULL;
	}
	return memcg;
}

/* For the next group: a walker may still hold a pointer from a former life. */
static void put_spare(struct quire *q, struct mem_cgroup *memcg)
{
	spin_lock(q, &q->group->lock);
	memcg->dead = true;
	list_add_tail(&memcg->sibling, &q->group->spare);
	spin_unlock(q, &q->group->lock);
}

static void init_memcg(struct quire *q, struct mem_cgroup *memcg, struct mem_cgroup *parent,
		       const char *name)
{
	memcg->name = name;
	memcg->parent = parent;
	memcg->css_refs = 1;
	INIT_LIST_HEAD(&memcg->children);
	INIT_LIST_HEAD(&memcg->sibling);
	INIT_LIST_HEAD(&memcg->objcgs);
	page_counter_init(&memcg->memory, parent ? &parent->memory : NULL);
	page_counter_init(&memcg->swap, parent ? &parent->swap : NULL);
	memcg->zswap_max = PAGE_COUNTER_MAX;
	psi_init(q, &memcg->psi);
	for_each_node (q, nid)
		init_lruvec(memcg->lruvec[nid], NODE_DATA(q, nid), memcg);
}

/* ---- the tree --------------------------------------------------------------- */

/* Under the lock. */
static struct mem_cgroup *find_child(struct mem_cgroup *parent, const char *name, size_t len)
{
	struct mem_cgroup *child;

	list_for_each_entry (child, &parent->children, sibling)
		if (!child->offline && !str_ncmp(child->name, name, len) && !child->name[len])
			return child;
	return NULL;
}

/* Under the lock: what a group counted stays counted in its parent. */
static void fold_into_parent(const struct quire *q, struct mem_cgroup *memcg)
{
	memcg->parent->utime += memcg->utime;
	memcg->parent->stime += memcg->stime;
	for (unsigned int i = 0; i < MEMCG_NR_STAT; i++)
		(void)HOT_ADD(&memcg->parent->vmstats[i], memcg->vmstats[i]);
	for (unsigned int nid = 0; nid < q->nr_nodes; nid++)
		for (unsigned int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
			(void)HOT_ADD(&memcg->parent->lruvec[nid]->stat[i],
				      memcg->lruvec[nid]->stat[i]);
	for (unsigned int i = 0; i < NR_VM_EVENT_ITEMS; i++)
		(void)HOT_ADD(&memcg->parent->vmevents[i], memcg->vmevents[i]);
}

/* Takes one offline group without references out of the tree, or NULL. */
static struct mem_cgroup *unlink_unreferenced(struct quire *q)
{
	struct group_floor *g = q->group;

	for (unsigned int id = 1; id <= MEMCG_ID_MAX; id++) {
		struct mem_cgroup *memcg;

		if (!g->ids[id / MEMCG_IDS_A_PIECE])
			break;
		memcg = mem_cgroup_from_id(q, id);
		if (!memcg || !memcg->offline || HOT_LOAD(&memcg->css_refs))
			continue;
		list_del_init(&memcg->sibling);
		fold_into_parent(q, memcg);
		free_id(g, memcg);
		memcg->dead = true;
		g->nr_groups--;
		(void)HOT_SUB(&g->nr_unreferenced, 1);
		return memcg;
	}
	return NULL;
}

/* Reaps what can be; a group that goes may free its parent. */
static void reap_groups(struct quire *q)
{
	struct group_floor *g = q->group;

	while (HOT_LOAD(&g->nr_unreferenced)) {
		struct mem_cgroup *memcg;
		const char *name = NULL;

		spin_lock(q, &g->lock);
		memcg = unlink_unreferenced(q);
		if (memcg) {
			name = memcg->name;
			memcg->name = "";
			list_add_tail(&memcg->sibling, &g->spare);
			mem_cgroup_put(q, memcg->parent);
		}
		spin_unlock(q, &g->lock);
		if (!memcg)
			break;
		kfree(q, name);
	}
}

struct mem_cgroup *mem_cgroup_create(struct quire *q, struct mem_cgroup *parent, const char *name)
{
	struct group_floor *g = q->group;
	size_t len = str_len(name);
	struct mem_cgroup *memcg;
	char *copy;
	int err = -ENOMEM;

	reap_groups(q);
	if (!parent)
		parent = g->root;
	if (!len || str_chr(name, '/') || parent->offline)
		return ERR_PTR(-EINVAL);
	copy = kmalloc(q, len + 1, GFP_KERNEL);
	memcg = alloc_memcg(q);
	if (!copy || !memcg)
		goto fail;
	memcpy(copy, name, len + 1);
	init_memcg(q, memcg, parent, copy);
	err = alloc_id(q, memcg);
	if (!err)
		err = objcg_online(q, memcg);
	if (!err)
		err = hugetlb_cgroup_online(q, memcg);
	if (err)
		goto fail;
	/* Last, so that nobody switches them on before the tree has the group.  Without
	 * memory for them its pages stay on the classic lists. */
	if (unlikely(q->keys & KEY_LRU_GEN_MMS))
		(void)lru_gen_init_memcg(q, memcg);
	spin_lock(q, &g->lock);
	if (parent->offline || find_child(parent, name, len)) {
		free_id(g, memcg);
		spin_unlock(q, &g->lock);
		err = parent->offline ? -EINVAL : -EEXIST;
		goto fail;
	}
	mem_cgroup_get(parent);
	list_add_tail(&memcg->sibling, &parent->children);
	g->nr_groups++;
	spin_unlock(q, &g->lock);
	return memcg;

fail:
	kfree(q, copy);
	if (memcg) {
		if (err == -ENOMEM && memcg->id) {
			spin_lock(q, &g->lock);
			free_id(g, memcg);
			spin_unlock(q, &g->lock);
		}
		hugetlb_cgroup_offline(q, memcg);
		kfree(q, memcg->objcg);
		put_spare(q, memcg);
	}
	return ERR_PTR(err);
}

int mem_cgroup_remove(struct quire *q, struct mem_cgroup *memcg)
{
	struct mem_cgroup *child;
	int err = 0;

	spin_lock(q, &q->group->lock);
	if (!memcg->parent || memcg->offline)
		err = -EINVAL;
	else if (memcg->nr_tasks)
		err = -EBUSY;
	list_for_each_entry (child, &memcg->children, sibling)
		if (!child->offline && !err)
			err = -EBUSY;
	if (!err)
		memcg->offline = true;
	spin_unlock(q, &q->group->lock);
	if (err)
		return err;
	objcg_offline(q, memcg);
	hugetlb_cgroup_offline(q, memcg);
	if (q->group->ops.reparent_list_lrus)
		q->group->ops.reparent_list_lrus(q, memcg);
	if (q->group->ops.reparent_writeback)
		q->group->ops.reparent_writeback(q, memcg);
	drain_all_stock(q, memcg);
	mem_cgroup_put(q, memcg);
	reap_groups(q);
	return 0;
}

struct mem_cgroup *mem_cgroup_find(struct quire *q, const char *path)
{
	struct mem_cgroup *memcg = q->group->root;

	spin_lock(q, &q->group->lock);
	while (memcg) {
		const char *end;

		while (*path == '/')
			path++;
		if (!*path)
			break;
		for (end = path; *end && *end != '/'; end++)
			;
		memcg = find_child(memcg, path, (size_t)(end - path));
		path = end;
	}
	spin_unlock(q, &q->group->lock);
	return memcg;
}

void mem_cgroup_path(struct quire *q, const struct mem_cgroup *memcg, struct text *t)
{
	if (!memcg || !memcg->parent) {
		text_puts(t, "/");
		return;
	}
	if (memcg->parent->parent)
		mem_cgroup_path(q, memcg->parent, t);
	text_puts(t, "/");
	text_puts(t, memcg->name);
}

struct mem_cgroup *mem_cgroup_iter(struct quire *q, struct mem_cgroup *root,
				   struct mem_cgroup *prev)
{
	struct mem_cgroup *next = NULL;

	if (!root)
		root = q->group->root;
	if (!prev)
		return root;
	spin_lock(q, &q->group->lock);
	if (!prev->dead && !list_empty(&prev->children)) {
		next = list_first_entry(&prev->children, struct mem_cgroup, sibling);
		prev = root;
	}
	/* Up, until there is a sibling to the right. */
	for (; prev != root && !prev->dead && prev->parent; prev = prev->parent) {
		if (!list_is_last(&prev->sibling, &prev->parent->children)) {
			next = list_next_entry(prev, sibling);
			break;
		}
	}
	spin_unlock(q, &q->group->lock);
	return next;
}

void mem_cgroup_attach_task(struct quire *q, struct mem_cgroup *memcg)
{
	if (!memcg)
		return;
	spin_lock(q, &q->group->lock);
	memcg->nr_tasks++;
	mem_cgroup_get(memcg);
	spin_unlock(q, &q->group->lock);
}

void mem_cgroup_detach_task(struct quire *q, struct mem_cgroup *memcg)
{
	if (!memcg)
		return;
	spin_lock(q, &q->group->lock);
	BUG_ON(q, !memcg->nr_tasks);
	memcg->nr_tasks--;
	mem_cgroup_put(q, memcg);
	spin_unlock(q, &q->group->lock);
}

/* ---- sums and protection ---------------------------------------------------- */

long memcg_node_state(struct quire *q, struct mem_cgroup *memcg, unsigned int nid,
		      enum node_stat_item item)
{
	long sum = 0;

	for (struct mem_cgroup *m = mem_cgroup_iter(q, memcg, NULL); m;
	     m = mem_cgroup_iter(q, memcg, m))
		sum += HOT_LOAD(&m->lruvec[nid]->stat[item]);
	return max(sum, 0L);
}

long memcg_page_state(struct quire *q, struct mem_cgroup *memcg, unsigned int item)
{
	long sum = 0;

	if (item < NR_VM_NODE_STAT_ITEMS) {
		for_each_node (q, nid)
			sum += memcg_node_state(q, memcg, nid, (enum node_stat_item)item);
		return sum;
	}

	for (struct mem_cgroup *m = mem_cgroup_iter(q, memcg, NULL); m;
	     m = mem_cgroup_iter(q, memcg, m))
		sum += HOT_LOAD(&m->vmstats[item]);
	return max(sum, 0L);
}

unsigned long memcg_vm_event(struct quire *q, struct mem_cgroup *memcg, enum vm_event_item item)
{
	unsigned long sum = 0;

	for (struct mem_cgroup *m = mem_cgroup_iter(q, memcg, NULL); m;
	     m = mem_cgroup_iter(q, memcg, m))
		sum += HOT_LOAD(&m->vmevents[item]);
	return sum;
}

/*
 * How much of a group is protected: no more than it claims and uses.  When the
 * siblings claim more than their parent has, each gets its part; what a parent
 * has that nobody claims goes to those who use more than they claim, in proportion
 * (memory_recursiveprot).
 */
static long effective_protection(const struct group_floor *g, long usage, long parent_usage,
				 long setting, long parent_effective, long siblings_protected)
{
	long wanted = min(usage, setting);

	if (siblings_protected > parent_effective)
		return (long)mul_u64_u64_div_u64((u64)wanted, (u64)parent_effective,
						 (u64)siblings_protected);
	if (g->recursive_prot && parent_effective > siblings_protected &&
	    parent_usage > siblings_protected && usage > wanted)
		return wanted +
		       (long)mul_u64_u64_div_u64((u64)(parent_effective - siblings_protected),
						 (u64)(usage - wanted),
						 (u64)(parent_usage - siblings_protected));
	return wanted;
}

void mem_cgroup_calculate_protection(struct quire *q, struct mem_cgroup *root,
				     struct mem_cgroup *memcg)
{
	struct mem_cgroup *parent, *child;
	long min_sum = 0, low_sum = 0, usage, parent_usage;

	if (!root)
		root = q->group->root;
	if (!memcg || memcg == root || !memcg->parent)
		return;
	usage = HOT_LOAD(&memcg->memory.usage);
	parent = memcg->parent;
	if (parent == root) {
		memcg->memory.emin = memcg->memory.min;
		memcg->memory.elow = memcg->memory.low;
		return;
	}
	spin_lock(q, &q->group->lock);
	list_for_each_entry (child, &parent->children, sibling) {
		min_sum += min(child->memory.usage, child->memory.min);
		low_sum += min(child->memory.usage, child->memory.low);
	}
	spin_unlock(q, &q->group->lock);
	parent_usage = HOT_LOAD(&parent->memory.usage);
	memcg->memory.emin = effective_protection(q->group, usage, parent_usage, memcg->memory.min,
						  parent->memory.emin, min_sum);
	memcg->memory.elow = effective_protection(q->group, usage, parent_usage, memcg->memory.low,
						  parent->memory.elow, low_sum);
}

int group_init(struct quire *q)
{
	struct group_floor *g = kzalloc(q, sizeof(*g), GFP_KERNEL);
	struct mem_cgroup *root;

	if (!g)
		return -ENOMEM;
	spin_lock_init(&g->lock, LOCK_GROUP_TREE);
	spin_lock_init(&g->objcg_lock, LOCK_OBJCG);
	g->recursive_prot = true;
	if (charge_init(q, g))
		return -ENOMEM;
	INIT_LIST_HEAD(&g->spare);
	hugetlb_cgroup_init(q, g);
	psi_init(q, &g->psi);
	/* The root's lists are the nodes' own. */
	root = kzalloc(q, sizeof(*root) + q->nr_nodes * sizeof(struct lruvec *), GFP_KERNEL);
	if (!root)
		return -ENOMEM;
	root->name = "";
	root->css_refs = 1;
	INIT_LIST_HEAD(&root->children);
	INIT_LIST_HEAD(&root->sibling);
	INIT_LIST_HEAD(&root->objcgs);
	page_counter_init(&root->memory, NULL);
	page_counter_init(&root->swap, NULL);
	root->zswap_max = PAGE_COUNTER_MAX;
	psi_init(q, &root->psi);
	for_each_node (q, nid)
		root->lruvec[nid] = &NODE_DATA(q, nid)->__lruvec;
	g->root = root;
	g->nr_groups = 1;
	q->group = g;
	return alloc_id(q, root);
}
