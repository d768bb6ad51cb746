/* SPDX-License-Identifier: MIT */
/*
 * Lists a node and a group: see list_lru.h.
 *
 * A group's lists are made when its first object is, so that putting an object on them
 * can't fail.  They go with the group: what is on them moves to its parent's, which
 * were made together with them.
 *
 * Locks: the owner's, given to list_lru_prepare(); everything else is called under it.
 */
#include "cache/list_lru.h"
#include "cache/internal.h"

void list_lru_init(struct quire *q, struct list_lru *lru)
{
	for (size_t nid = 0; nid < QUIRE_MAX_NODES; nid++)
		INIT_LIST_HEAD(&lru->node[nid].list);
	xa_init(&lru->memcgs, &radix_tree_node_ops, q);
}

void list_lru_destroy(struct quire *q, struct list_lru *lru)
{
	unsigned long id;
	void *lists;

	xa_for_each_range(&lru->memcgs, id, lists, 0, ULONG_MAX) kfree(q, lists);
	xa_destroy(&lru->memcgs);
}

/* The lists of one group, unless it has them. */
static int prepare_group(struct quire *q, struct list_lru *lru, struct spinlock *lock,
			 struct mem_cgroup *memcg)
{
	struct list_lru_one *lists;
	void *old = NULL;

	if (xa_load(&lru->memcgs, memcg->id))
		return 0;
	lists = kzalloc(q, q->nr_nodes * sizeof(*lists), GFP_KERNEL);
	if (!lists)
		return -ENOMEM;
	for_each_node (q, nid)
		INIT_LIST_HEAD(&lists[nid].list);
	spin_lock(q, lock);
	/* Another may have been faster, or the group be gone. */
	if (!memcg->offline && !xa_load(&lru->memcgs, memcg->id)) {
		old = xa_store(&lru->memcgs, memcg->id, lists);
		if (!IS_ERR(old))
			lists = NULL;
	}
	spin_unlock(q, lock);
	kfree(q, lists);
	return IS_ERR(old) ? -ENOMEM : 0;
}

int list_lru_prepare(struct quire *q, struct list_lru *lru, struct spinlock *lock,
		     const void *object)
{
	struct mem_cgroup *memcg = mem_cgroup_from_slab_obj(q, object);
	int err = 0;

	for (; memcg && memcg->parent && !err; memcg = memcg->parent)
		err = prepare_group(q, lru, lock, memcg);
	return err;
}

struct list_lru_one *list_lru_of(const struct list_lru *lru, const struct mem_cgroup *memcg,
				 unsigned int nid)
{
	struct list_lru_one *lists;

	if (!memcg || !memcg->parent)
		return (struct list_lru_one *)&lru->node[nid];
	lists = xa_load(&lru->memcgs, memcg->id);
	return lists ? &lists[nid] : NULL;
}

static struct list_lru_one *list_of(struct quire *q, struct list_lru *lru, const void *object)
{
	struct list_lru_one *one = list_lru_of(lru, mem_cgroup_from_slab_obj(q, object),
					       page_to_nid(virt_to_page(q, object)));

	VM_BUG_ON(q, !one); /* not prepared */
	return one;
}

void list_lru_add(struct quire *q, struct list_lru *lru, struct list_head *item)
{
	struct list_lru_one *one = list_of(q, lru, item);

	list_add_tail(item, &one->list);
	one->nr_items++;
}

void list_lru_del(struct quire *q, struct list_lru *lru, struct list_head *item)
{
	list_del_init(item);
	list_of(q, lru, item)->nr_items--;
}

struct list_lru_one *list_lru_reparent(struct quire *q, struct list_lru *lru,
				       struct mem_cgroup *memcg)
{
	struct list_lru_one *lists = xa_erase(&lru->memcgs, memcg->id);

	for_each_node (q, nid) {
		struct list_lru_one *to = list_lru_of(lru, memcg->parent, nid);

		if (!lists)
			break;
		list_splice_tail(&lists[nid].list, &to->list);
		to->nr_items += lists[nid].nr_items;
		to->nr_deferred += lists[nid].nr_deferred;
	}
	return lists;
}
