/* SPDX-License-Identifier: MIT */
/*
 * The page cache, shared memory, swap and the LRU lists of a captured machine.
 *
 * One disk holds all files and, behind them, the swap areas.  What is mapped by
 * processes lies in one file and one shmem file (capture_tasks.c gives each
 * process its window); the rest of the cache in files of 64 MiB that nobody
 * maps, from each node what the node has.  Names, sizes and contents of the
 * real files are not in the capture.
 *
 * Pages go on the inactive lists; as many as the capture says are then made
 * active, node by node.  Which ones those were, nobody can know.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/capture_build.h"
#include "port/model/keep.h"

#define FILE_PAGES  16384
#define DISK_BYTES  (1UL << 46)
#define BATCH	    256
#define SWAP_HEADER 1

/* ---- disks and swap --------------------------------------------------------- */

static bool swap_areas(struct build *b)
{
	u64 end = DISK_BYTES >> PAGE_SHIFT;
	bool done[MAX_SWAPFILES] = {false};

	/* Areas without a priority of their own get theirs in order: best first. */
	for (unsigned int n = 0; n < b->cm->nr_swaps; n++) {
		struct cap_swap *best = NULL;
		unsigned long pages;

		for (unsigned int i = 0; i < b->cm->nr_swaps; i++)
			if (!done[i] && (!best || b->cm->swaps[i].prio > best->prio))
				best = &b->cm->swaps[i];
		done[best - b->cm->swaps] = true;
		pages = (best->size_kb >> 2) + SWAP_HEADER;
		if (pages < 2)
			continue;
		end -= pages;
		if (swapon(b->q, b->bdi, end, pages, best->prio < 0 ? -1 : best->prio, best->name,
			   best->is_file))
			return false;
	}
	return true;
}

static struct file *make_file(struct build *b, unsigned long pages)
{
	struct inode *inode = new_inode(b->q, b->sb, (u64)pages << PAGE_SHIFT, false);
	struct file *file;

	if (IS_ERR_OR_NULL(inode))
		return NULL;
	file = alloc_file(b->q, inode, false);
	iput(b->q, inode);
	return IS_ERR(file) ? NULL : file;
}

bool build_disks(struct build *b)
{
	struct model_disk_config dc = {
		.name = "sda",
		.size_bytes = DISK_BYTES,
		.read_latency_ns = 90000,
		.write_latency_ns = 30000,
		.bandwidth = 2000UL << 20,
		.queue_depth = 64,
	};

	b->bdi = bdi_register(b->q, model_add_disk(b->m->model, &dc), "sda");
	b->sb = b->bdi ? sget(b->q, b->bdi, b->q->cache->ext4_inode_cachep) : NULL;
	if (!b->sb || !swap_areas(b))
		return false;
	b->rest = make_file(b, 1);
	return b->rest != NULL;
}

/* ---- pages of files --------------------------------------------------------- */

/* A page of a file, up to date, from the node that lacks most. */
static struct page *cache_page(struct build *b, struct address_space *mapping, unsigned long index)
{
	unsigned int nid = b->q->nr_nodes > 1 ? build_poorest_node(b, NR_FILE_PAGES)
					      : NODE_DATA(b->q, 0)->node_id;
	struct page *page = alloc_pages_node(b->q, nid, GFP_HIGHUSER_MOVABLE, 0);

	if (!page)
		return NULL;
	hot_clear_page(b->q->hot, page_to_pfn(b->q, page));
	SetPageUptodate(page);
	if (add_to_page_cache_lru(b->q, page, mapping, index, GFP_KERNEL)) {
		put_page(b->q, page);
		return NULL;
	}
	unlock_page(b->q, page);
	put_page(b->q, page);
	return page;
}

static unsigned long fill_file(struct build *b, struct address_space *mapping, unsigned long nr)
{
	unsigned long n = 0;

	while (n < nr && cache_page(b, mapping, n))
		n++;
	b->short_pages += nr - n;
	return n;
}

/* How much of shmem and of files processes map together, from what nr_mapped
 * says of both and the largest part that one process has. */
bool build_mapped_files(struct build *b)
{
	unsigned long sum_file = 0, sum_shm = 0, max_file = 0, max_shm = 0;
	unsigned long mapped = build_captured(b, NR_FILE_MAPPED),
		      shmem = build_captured(b, NR_SHMEM);
	unsigned long shm, file;
	bool major;

	for (unsigned int i = 0; i < b->cm->nr_processes; i++) {
		const struct cap_process *p = &b->cm->processes[i];

		sum_file += p->rss_file >> 2;
		sum_shm += p->rss_shmem >> 2;
		max_file = max(max_file, p->rss_file >> 2);
		max_shm = max(max_shm, p->rss_shmem >> 2);
	}
	shm = mapped > sum_file ? mapped - sum_file : 0;
	sum_shm = min(sum_shm, shmem);
	shm = max(min(shm, sum_shm), max_shm);
	file = mapped > shm ? mapped - shm : 0;
	file = max(min(file, sum_file), max_file);
	b->mapped.file = make_file(b, max(file, 1UL));
	if (!b->mapped.file)
		return false;
	b->mapped.nr = fill_file(b, &b->mapped.file->f_inode->i_data, file);
	/* All of shmem, and processes map the first part of it. */
	shmem = max(shmem, shm);
	b->shm.file = shmem_file_setup(b->q, "shm", (u64)max(shmem, 1UL) << PAGE_SHIFT);
	if (IS_ERR_OR_NULL(b->shm.file))
		return false;
	for (unsigned long i = 0; i < shmem; i++) {
		struct page *page =
			shmem_get_page(b->q, b->shm.file->f_inode, i, GFP_HIGHUSER_MOVABLE, &major);

		if (IS_ERR(page)) {
			b->short_pages += shmem - i;
			shm = min(shm, i);
			break;
		}
		put_page(b->q, page);
	}
	b->shm.nr = shm;
	return true;
}

void build_page_cache(struct build *b)
{
	struct quire *q = b->q;
	unsigned long want = build_captured(b, NR_FILE_PAGES), swapcache, have, nr, fixed;

	swapcache = build_captured(b, NR_SWAPCACHE);
	want -= min(want, swapcache);
	have = global_node_page_state(q, NR_FILE_PAGES);
	nr = want > have ? want - have : 0;
	/* Pages that nobody locked and that can't be evicted: of ramfs. */
	fixed = build_captured(b, NR_UNEVICTABLE);
	fixed -= min(fixed, global_zone_page_state(q, NR_MLOCK));
	b->cache = keep_calloc(nr / FILE_PAGES + 3, sizeof(struct inode *));
	while (nr && b->cache) {
		bool locked = fixed && !b->nr_cache;
		unsigned long n = min(nr, locked ? fixed : (unsigned long)FILE_PAGES);
		struct inode *inode = new_inode(q, b->sb, (u64)n << PAGE_SHIFT, false);

		if (IS_ERR_OR_NULL(inode))
			break;
		inode->i_data.unevictable = locked;
		b->cache[b->nr_cache++] = inode;
		if (fill_file(b, &inode->i_data, n) < n)
			break;
		nr -= n;
	}
}

/* ---- the lists -------------------------------------------------------------- */

/* Makes up to nr pages of a list active. */
static unsigned long activate(struct build *b, struct lruvec *lruvec, int lru, unsigned long nr)
{
	struct page *batch[BATCH], *page;
	unsigned long done = 0;

	while (done < nr) {
		unsigned int n = 0;

		list_for_each_entry (page, &lruvec->lists[lru], lru) {
			if (n == BATCH || done + n == nr)
				break;
			batch[n++] = page;
		}
		for (unsigned int i = 0; i < n; i++)
			activate_page(b->q, batch[i]);
		lru_add_drain(b->q);
		done += n;
		if (!n)
			break;
	}
	return done;
}

void build_lru(struct build *b)
{
	struct quire *q = b->q;

	lru_add_drain_all(q);
	for_each_node (q, nid) {
		struct pglist_data *pgdat = NODE_DATA(q, nid);

		for (int lru = LRU_INACTIVE_ANON; lru <= LRU_INACTIVE_FILE; lru += LRU_FILE) {
			long lack = build_node_lack(
				b, nid, (enum node_stat_item)(NR_INACTIVE_ANON + lru + LRU_ACTIVE));
			struct mem_cgroup *memcg = mem_cgroup_iter(q, NULL, NULL);

			for (; memcg && lack > 0; memcg = mem_cgroup_iter(q, NULL, memcg))
				lack -= (long)activate(
					b,
					mem_cgroup_lruvec(q, memcg->parent ? memcg : NULL, pgdat),
					lru, (unsigned long)lack);
		}
	}
	lru_add_drain_all(q);
}

/* Written to a moment ago, and not yet on the disk. */
void build_dirty(struct build *b)
{
	unsigned long nr = build_captured(b, NR_FILE_DIRTY) + build_captured(b, NR_WRITEBACK);

	for (unsigned int i = b->nr_cache; i-- > 0 && nr;) {
		struct address_space *mapping = &b->cache[i]->i_data;
		unsigned long pages = mapping->nrpages;

		for (unsigned long index = 0; index < pages && nr && !mapping->unevictable;
		     index++) {
			struct page *page = find_get_page(b->q, mapping, index);

			if (!page)
				continue;
			lock_page(b->q, page);
			if (set_page_dirty(b->q, page))
				nr--;
			unlock_page(b->q, page);
			put_page(b->q, page);
		}
	}
}

/* ---- swap ------------------------------------------------------------------- */

/* The pages are written: they leave memory. */
static void drop_written(struct build *b, struct page **pages, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct page *page = pages[i];

		wait_on_page_writeback(b->q, page);
		lock_page(b->q, page);
		if (PageSwapCache(page) && !PageDirty(page) && !PageWriteback(page) &&
		    !page_mapped(page))
			delete_from_swap_cache(b->q, page);
		unlock_page(b->q, page);
		put_page(b->q, page);
	}
}

/* Takes a locked page out of its tables and starts to write it. */
static bool write_out(struct build *b, struct page *page)
{
	if (!add_to_swap(b->q, page) || !try_to_unmap(b->q, page) || swap_writepage(b->q, page)) {
		unlock_page(b->q, page);
		return false;
	}
	return true;
}

void build_swap_out(struct build *b, struct task *task, u64 addr, unsigned long nr)
{
	struct page *batch[BATCH];
	unsigned int n = 0;

	lru_add_drain_all(b->q);
	for (unsigned long i = 0; i < nr; i++) {
		pte_t *ptep = pt_walk(b->q, task->mm->pgd_pfn, addr + (i << PAGE_SHIFT), 1);
		struct page *page;

		if (!ptep || !pte_present(*ptep) || pte_special(*ptep))
			continue;
		page = pfn_to_page(b->q, pte_pfn(*ptep));
		get_page(page);
		lock_page(b->q, page);
		if (write_out(b, page))
			batch[n++] = page;
		else
			put_page(b->q, page);
		if (n == BATCH) {
			drop_written(b, batch, n);
			n = 0;
		}
	}
	drop_written(b, batch, n);
}

/* Slots that no process accounts for: pages of shmem. */
void build_swapped_shmem(struct build *b)
{
	struct quire *q = b->q;
	unsigned long used = 0, have, nr;
	struct page *batch[BATCH];
	unsigned int n = 0;
	struct file *file;
	bool major;

	for (unsigned int i = 0; i < b->cm->nr_swaps; i++)
		used += b->cm->swaps[i].used_kb >> 2;
	have = q->swap->total_swap_pages - (unsigned long)max(q->swap->nr_swap_pages, 0L);
	nr = used > have ? used - have : 0;
	if (!nr)
		return;
	file = shmem_file_setup(q, "swapped", (u64)nr << PAGE_SHIFT);
	if (IS_ERR_OR_NULL(file))
		return;
	for (unsigned long i = 0; i < nr; i++) {
		struct page *page =
			shmem_get_page(q, file->f_inode, i, GFP_HIGHUSER_MOVABLE, &major);
		struct address_space *mapping;

		if (IS_ERR(page))
			break;
		lru_add_drain(q);
		lock_page(q, page);
		mapping = page->mapping;
		SetPageDirty(page);
		if (!mapping || mapping->a_ops->writepage(q, page)) {
			unlock_page(q, page);
			put_page(q, page);
			break;
		}
		batch[n++] = page;
		if (n == BATCH || i + 1 == nr) {
			drop_written(b, batch, n);
			n = 0;
		}
	}
	drop_written(b, batch, n);
}
