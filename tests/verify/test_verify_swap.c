/* SPDX-License-Identifier: MIT */
/*
 * Invariants of swap that swap/'s own tests do not break: entries that lead
 * nowhere, torn lists and trees, groups, and a chain of frames cut short.
 */
#include "tests/verify/break.h"

#include "swap/internal.h"
#include "tests/swap/swaptest.h"

/* Private memory of the running process with an entry for no area. */
static void run_entries(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 2);
	struct mm_struct *mm = t->task->mm;
	pte_t *ptep, old;

	(void)arg;
	touch(t, t->task, a, 2, 1);
	ptep = pte_of(t, t->task, a);
	old = *ptep;
	mm->rss_stat[MM_SWAPENTS]++;
	*ptep = swp_entry_to_pte(swp_entry(5, 7));
	testbox_verify_reports(t, "1 entries name no slot");
	*ptep = old;
	mm->rss_stat[MM_SWAPENTS]--;
}

static void areas(struct testbox *t, void *arg)
{
	struct swap_info_struct *si = t->q->swap->info[0];
	struct swap_cluster_info *ci = &si->cluster_info[2];

	(void)arg;
	BREAK_LIST(t, &si->free_clusters, "a list of clusters is not linked up");
	list_move(&ci->list, &si->nonfull_clusters);
	testbox_verify_reports(t, "with 0 used is on the nonfull list");
	list_move_tail(&ci->list, &si->free_clusters);
	BREAK(t, si->continuation.xa_marks, 1, "area 0: a tree is not well formed");
}

static void groups(struct testbox *t, void *arg)
{
	struct mem_cgroup *a = mem_cgroup_create(t->q, t->q->group->root, "a"), *b;

	(void)arg;
	assert_false(IS_ERR(a));
	b = mem_cgroup_create(t->q, a, "b");
	assert_false(IS_ERR(b));
	BREAK(t, b->swap.usage, 1, "its children have more than it");
	assert_int_equal(mem_cgroup_remove(t->q, b), 0);
	assert_int_equal(mem_cgroup_remove(t->q, a), 0);
}

/* Pages of zswap, and a class whose chains have more than one frame. */
static void zswap(struct testbox *t, void *arg)
{
	struct file *file = shmem_file_setup(t->q, "x", 4 * PAGE_SIZE);
	struct zswap_floor *z = t->q->swap->zswap;
	struct size_class *class = NULL;
	struct xa_node *root;
	struct zspage *zspage;
	unsigned long handle;

	(void)arg;
	assert_int_equal(zswap_set_zpool(t->q, "zsmalloc"), 0);
	assert_false(IS_ERR(file));
	for (unsigned long i = 0; i < 4; i++) {
		shmem_fill(t->q, file->f_inode, i, CONTENT(CONTENT_KIND_TEXT, i + 1));
		assert_true(shmem_evict(t->q, file->f_inode, i));
	}
	testbox_verify(t);
	BREAK_LIST(t, &z->lru, "the LRU list is not linked up");
	root = xa_to_node(t->q->swap->info[0]->zswap->entries.xa_head);
	BREAK(t, root->count, root->count + 1, "zswap: area 0: the tree is not well formed");
	for (unsigned int i = 0; i < ZS_SIZE_CLASSES && !class; i++)
		if (z->pool->size_class[i]->pages_per_zspage > 1 &&
		    !z->pool->size_class[i]->objs_allocated)
			class = z->pool->size_class[i];
	assert_non_null(class);
	handle = zs_malloc(t->q, z->pool, class->size - ZS_HANDLE_SIZE, GFP_KERNEL);
	assert_false(zs_is_err(handle));
	zspage = list_first_entry_or_null(&class->fullness_list[ZS_ALMOST_EMPTY], struct zspage,
					  list);
	if (!zspage)
		zspage = list_first_entry(&class->fullness_list[ZS_ALMOST_FULL], struct zspage,
					  list);
	{
		u64 next = zspage->first_page->private;

		zspage->first_page->private = 0;
		testbox_verify_reports(t, "a chain of 1 frames");
		zspage->first_page->private = next;
	}
	zs_free(t->q, z->pool, handle);
	testbox_verify(t);
	fput(t->q, file);
}

static void zbud(struct testbox *t, void *arg)
{
	struct file *file = shmem_file_setup(t->q, "x", 4 * PAGE_SIZE);
	struct zbud_header *zhdr;
	struct zbud_pool *pool;
	unsigned int i = 0;

	(void)arg;
	assert_int_equal(zswap_set_zpool(t->q, "zbud"), 0);
	assert_false(IS_ERR(file));
	shmem_fill(t->q, file->f_inode, 0, CONTENT(CONTENT_KIND_TEXT, 1));
	assert_true(shmem_evict(t->q, file->f_inode, 0));
	pool = t->q->swap->zswap->zbud;
	while (list_empty(&pool->unbuddied[i]))
		assert_true(++i < ARRAY_SIZE(pool->unbuddied));
	zhdr = list_first_entry(&pool->unbuddied[i], struct zbud_header, buddy);
	BREAK_LIST(t, &pool->unbuddied[i], "zbud: a list of frames is not linked up");
	if (zhdr->first_chunks)
		BREAK(t, zhdr->first_chunks, zhdr->first_chunks + 1, "chunks is on list");
	else
		BREAK(t, zhdr->last_chunks, zhdr->last_chunks + 1, "chunks is on list");
	fput(t->q, file);
}

static struct testbox *box(void)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.swap_mb = 16});

	zswap_params(t->q)->enabled = true;
	return t;
}

static void end(struct testbox *t)
{
	testbox_verify(t);
	testbox_free(t);
}

static void test_entries(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_entries, NULL);
	end(t);
}

static void test_areas(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_call(t, areas, NULL);
	testbox_call(t, groups, NULL);
	end(t);
}

static void test_zswap(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_call(t, zswap, NULL);
	end(t);
	t = box();
	testbox_call(t, zbud, NULL);
	end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_zswap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
