/* SPDX-License-Identifier: MIT */
/*
 * anon_vma: how an anonymous page finds the areas that may map it.
 *
 * A page points at the anon_vma of the area that first mapped it.  An area is
 * chained (anon_vma_chain) to its own anon_vma and to those it inherited at
 * fork, so a page's anon_vma lists every area that can have an entry for it:
 * the one that made it and the descendants of that one.
 *
 *	parent's VMA --avc-- A <--- pages made before the fork
 *	               .----'
 *	child's VMA --avc (A), avc-- B <--- pages the child made since
 *
 * The reuse rule of Linux 6.1 keeps endless forks (parent exits, child forks)
 * from growing chains: a clone takes over an anon_vma that no area uses for new
 * pages and that has at most one child.
 *
 * Invariants: each area's chain has its anon_vma (if any); num_children counts
 * anon_vmas whose parent it is (a root is its own child); num_active_vmas
 * counts areas whose vma->anon_vma it is; refcount is 1 while areas are
 * chained, plus for a root 1 for each other anon_vma of its tree.
 *
 * Lock: the root's guards every chain list of its tree.  An area's own list
 * (same_vma) is guarded by mmap_lock, and for anon_vma_prepare by
 * page_table_lock.
 */
#include "space/internal.h"

_Static_assert(sizeof(struct anon_vma) <= SLAB_SIZE_anon_vma - sizeof(void *), "fits Linux's size");
_Static_assert(sizeof(struct anon_vma_chain) <= SLAB_SIZE_anon_vma_chain, "fits Linux's size");

static struct anon_vma *anon_vma_alloc(struct quire *q)
{
	struct anon_vma *av = kmem_cache_alloc(q, q->space->anon_vma_cachep, GFP_KERNEL);

	if (!av)
		return NULL;
	*av = (struct anon_vma){.root = av, .parent = av, .refcount = 1};
	INIT_LIST_HEAD(&av->chains);
	spin_lock_init(&av->lock, LOCK_ANON_VMA);
	return av;
}

static void put_anon_vma(struct quire *q, struct anon_vma *av)
{
	struct anon_vma *root = av->root;

	if (HOT_SUB(&av->refcount, 1))
		return;
	kmem_cache_free(q, q->space->anon_vma_cachep, av);
	if (root != av)
		put_anon_vma(q, root);
}

static struct anon_vma_chain *avc_alloc(struct quire *q)
{
	return kmem_cache_alloc(q, q->space->anon_vma_chain_cachep, GFP_KERNEL);
}

static void avc_free(struct quire *q, struct anon_vma_chain *avc)
{
	kmem_cache_free(q, q->space->anon_vma_chain_cachep, avc);
}

/* Under the root's lock. */
static void avc_link(struct vm_area_struct *vma, struct anon_vma_chain *avc, struct anon_vma *av)
{
	avc->vma = vma;
	avc->anon_vma = av;
	list_add(&avc->same_vma, &vma->anon_vma_chain);
	list_add_tail(&avc->same_anon_vma, &av->chains);
}

/* A neighbour's anon_vma will do if the two could be one area but for their
 * protection, and the neighbour was never forked. */
static struct anon_vma *reusable_anon_vma(const struct vm_area_struct *near,
					  const struct vm_area_struct *low,
					  const struct vm_area_struct *high)
{
	if (!near->anon_vma || low->vm_end != high->vm_start || low->vm_file != high->vm_file ||
	    ((low->vm_flags ^ high->vm_flags) & ~VM_ACCESS_FLAGS) ||
	    low->vm_pgoff + vma_pages(low) != high->vm_pgoff ||
	    !list_is_singular(&near->anon_vma_chain))
		return NULL;
	return near->anon_vma;
}

static struct anon_vma *find_mergeable_anon_vma(const struct vm_area_struct *vma)
{
	struct anon_vma *av = NULL;

	if (vma->vm_next)
		av = reusable_anon_vma(vma->vm_next, vma, vma->vm_next);
	if (!av && vma->vm_prev)
		av = reusable_anon_vma(vma->vm_prev, vma->vm_prev, vma);
	return av;
}

/* Gives an area an anon_vma before its first anonymous page.  -ENOMEM. */
int anon_vma_prepare(struct quire *q, struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc;
	struct anon_vma *av, *fresh = NULL;

	if (likely(vma->anon_vma))
		return 0;
	avc = avc_alloc(q);
	if (!avc)
		return -ENOMEM;
	av = find_mergeable_anon_vma(vma);
	if (!av) {
		av = fresh = anon_vma_alloc(q);
		if (!av) {
			avc_free(q, avc);
			return -ENOMEM;
		}
		av->num_children++; /* itself */
	}
	spin_lock(q, &av->root->lock);
	spin_lock(q, &vma->vm_mm->page_table_lock);
	if (likely(!vma->anon_vma)) { /* no other thread was quicker */
		vma->anon_vma = av;
		avc_link(vma, avc, av);
		av->num_active_vmas++;
		fresh = NULL;
		avc = NULL;
	}
	spin_unlock(q, &vma->vm_mm->page_table_lock);
	spin_unlock(q, &av->root->lock);
	if (fresh)
		put_anon_vma(q, fresh);
	if (avc)
		avc_free(q, avc);
	return 0;
}

/*
 * Chains dst to every anon_vma of src.  dst->anon_vma is src's when an area is
 * split, or NULL at fork; then the reuse rule may fill it.  -ENOMEM leaves dst
 * without chains.
 */
int anon_vma_clone(struct quire *q, struct vm_area_struct *dst, struct vm_area_struct *src)
{
	struct anon_vma_chain *pavc;
	struct anon_vma *own = dst->anon_vma;

	list_for_each_entry_reverse (pavc, &src->anon_vma_chain, same_vma) {
		struct anon_vma_chain *avc = avc_alloc(q);
		struct anon_vma *av = pavc->anon_vma;

		if (!avc) {
			/* unlink_anon_vmas() would uncount what was not yet
			 * counted. */
			dst->anon_vma = NULL;
			unlink_anon_vmas(q, dst);
			return -ENOMEM;
		}
		spin_lock(q, &av->root->lock);
		avc_link(dst, avc, av);
		spin_unlock(q, &av->root->lock);
		if (!own && src->anon_vma && av->num_children < 2 && av->num_active_vmas == 0)
			own = av;
		dst->anon_vma = NULL;
	}
	dst->anon_vma = own;
	if (own)
		own->num_active_vmas++;
	return 0;
}

/* The child's side of fork: all of the parent's chains, and an anon_vma of its
 * own for pages to come.  -ENOMEM leaves vma without chains. */
int anon_vma_fork(struct quire *q, struct vm_area_struct *vma, struct vm_area_struct *pvma)
{
	struct anon_vma_chain *avc;
	struct anon_vma *av;
	int err;

	vma->anon_vma = NULL;
	if (!pvma->anon_vma)
		return 0;
	err = anon_vma_clone(q, vma, pvma);
	if (err || vma->anon_vma)
		return err;
	av = anon_vma_alloc(q);
	avc = av ? avc_alloc(q) : NULL;
	if (!avc) {
		if (av)
			put_anon_vma(q, av);
		unlink_anon_vmas(q, vma);
		return -ENOMEM;
	}
	av->num_active_vmas++;
	av->root = pvma->anon_vma->root;
	av->parent = pvma->anon_vma;
	(void)HOT_ADD(&av->root->refcount, 1);
	vma->anon_vma = av;
	spin_lock(q, &av->root->lock);
	avc_link(vma, avc, av);
	av->parent->num_children++;
	spin_unlock(q, &av->root->lock);
	return 0;
}

/* The area leaves all its anon_vmas; those that are empty go. */
void unlink_anon_vmas(struct quire *q, struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc, *next;
	struct anon_vma *root;

	if (list_empty(&vma->anon_vma_chain))
		return;
	avc = list_first_entry(&vma->anon_vma_chain, struct anon_vma_chain, same_vma);
	root = avc->anon_vma->root;
	spin_lock(q, &root->lock);
	list_for_each_entry_safe (avc, next, &vma->anon_vma_chain, same_vma) {
		struct anon_vma *av = avc->anon_vma;

		list_del(&avc->same_anon_vma);
		if (list_empty(&av->chains)) {
			/* Freed below, without the lock it may contain. */
			av->parent->num_children--;
			continue;
		}
		list_del(&avc->same_vma);
		avc_free(q, avc);
	}
	if (vma->anon_vma)
		vma->anon_vma->num_active_vmas--;
	vma->anon_vma = NULL;
	spin_unlock(q, &root->lock);
	list_for_each_entry_safe (avc, next, &vma->anon_vma_chain, same_vma) {
		put_anon_vma(q, avc->anon_vma);
		list_del(&avc->same_vma);
		avc_free(q, avc);
	}
}
