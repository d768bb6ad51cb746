/* SPDX-License-Identifier: MIT */
/*
 * Contents of huge pages of pools are true: with real bytes, processes that map one file
 * of hugetlbfs shared and private, and memory of their own, write, read, fork, exit,
 * move, cut the file, punch holes, and are migrated, at random, each held against a
 * plain model: what the file has, and what each process has of its own.
 *
 *	QUIRE_LONG=1	a hundred times as many operations
 */
#include <stdlib.h>

#include "reclaim/numa.h"
#include "tests/space/hugetlb_test.h"

#define FILE_PAGES 5
#define OWN_PAGES  2
#define SLOTS	   4 /* pages of 4 KiB that are looked at, of each huge one */
#define FAMILY	   3
#define POOL	   48
#define STEPS	   (getenv("QUIRE_LONG") ? 60000u : 600u)

enum { SHARED_MAP, PRIVATE_MAP, OWN_MAP, NR_MAPS };

struct member {
	struct task *task; /* NULL: there is none */
	u64 map[NR_MAPS];
	bool copied[FILE_PAGES]; /* the private map has a page of its own */
	u64 private[FILE_PAGES][SLOTS], own[OWN_PAGES][SLOTS];
};

struct world {
	struct testbox *t;
	struct hugetlbfs_sb_info *sbi;
	struct file *file;
	u64 data[FILE_PAGES][SLOTS]; /* 0: zeros */
	unsigned long size;	     /* in huge pages */
	struct member member[FAMILY];
	unsigned int version, done[8];
};

static unsigned int below(struct world *w, unsigned int n)
{
	return (unsigned int)prng_below(&w->t->rng, n);
}

static u64 at(const struct member *m, unsigned int map, unsigned int hp, unsigned int slot)
{
	return m->map[map] + hp * HUGE + slot * 127 * PAGE_SIZE;
}

/* What the model says that a place has. */
static u64 *value(struct world *w, struct member *m, unsigned int map, unsigned int hp,
		  unsigned int slot)
{
	if (map == OWN_MAP)
		return &m->own[hp][slot];
	if (map == PRIVATE_MAP && m->copied[hp])
		return &m->private[hp][slot];
	return &w->data[hp][slot];
}

static unsigned long pages_of(const struct world *w, unsigned int map)
{
	return map == OWN_MAP ? OWN_PAGES : w->size;
}

static void write_one(struct world *w, struct member *m)
{
	unsigned int map = below(w, NR_MAPS), hp, slot = below(w, SLOTS);
	u64 seed = ++w->version;

	if (!pages_of(w, map))
		return;
	hp = below(w, (unsigned int)pages_of(w, map));
	if (map == PRIVATE_MAP && !m->copied[hp]) {
		memcpy(m->private[hp], w -> data[hp], sizeof(m->private[hp]));
		m->copied[hp] = true;
	}
	assert_true(touch_one(w->t, m->task, at(m, map, hp, slot), seed));
	*value(w, m, map, hp, slot) = CONTENT(CONTENT_SAME, seed);
	w->done[0]++;
}

static void read_all(struct world *w, struct member *m)
{
	for (unsigned int map = 0; map < NR_MAPS; map++)
		for (unsigned int hp = 0; hp < pages_of(w, map); hp++)
			for (unsigned int slot = 0; slot < SLOTS; slot++) {
				u64 addr = at(m, map, hp, slot);

				assert_true(touch_one(w->t, m->task, addr, 0));
				assert_int_equal(peek(w->t, m->task, addr),
						 *value(w, m, map, hp, slot));
			}
	w->done[1]++;
}

static u64 map_it(struct world *w, struct task *task, unsigned int map)
{
	u64 addr =
		do_mmap(w->t->q, task->mm, 0, (map == OWN_MAP ? OWN_PAGES : FILE_PAGES) * HUGE, RW,
			map == SHARED_MAP    ? MAP_SHARED | MAP_NORESERVE
			: map == PRIVATE_MAP ? MAP_PRIVATE
					     : HUGEMAP,
			map == OWN_MAP ? NULL : w->file, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

/* A mapping lets its file grow. */
static void note_size(struct world *w)
{
	w->size = w->file->f_inode->i_size / HUGE;
}

static void fork_one(struct world *w, struct member *m)
{
	for (unsigned int i = 0; i < FAMILY; i++) {
		struct member *child = &w->member[i];

		if (child->task)
			continue;
		*child = *m;
		child->task = fork_task(w->t, m->task);
		w->done[2]++;
		return;
	}
}

static void exit_one(struct world *w, struct member *m)
{
	if (m == &w->member[0])
		return;
	end_child(w->t, m->task);
	m->task = NULL;
	w->done[3]++;
}

static void cut_file(struct world *w)
{
	unsigned int from = below(w, FILE_PAGES + 1);
	bool hole = below(w, 2);
	unsigned int to = hole ? min(from + 1 + below(w, 2), (unsigned int)w->size) : FILE_PAGES;

	if (hole) {
		assert_int_equal(hugetlbfs_fallocate(w->t->q, w->file,
						     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
						     from * HUGE,
						     (to > from ? to - from : 1) * HUGE),
				 0);
	} else {
		assert_int_equal(hugetlbfs_truncate(w->t->q, w->file->f_inode, from * HUGE), 0);
		/* And back, with a page that is there. */
		assert_int_equal(hugetlbfs_truncate(w->t->q, w->file->f_inode, FILE_PAGES * HUGE),
				 0);
		if (from < FILE_PAGES)
			assert_int_equal(
				hugetlbfs_fallocate(w->t->q, w->file, 0, from * HUGE, HUGE), 0);
	}
	note_size(w);
	for (unsigned int hp = from; hp < to; hp++) {
		memset(w->data[hp], 0, sizeof(w->data[hp]));
		for (unsigned int i = 0; i < FAMILY; i++)
			w->member[i].copied[hp] = false;
	}
	w->done[4]++;
}

static void move_one(struct world *w, struct member *m)
{
	unsigned int map = below(w, NR_MAPS);
	u64 len = (map == OWN_MAP ? OWN_PAGES : FILE_PAGES) * HUGE;
	u64 to = 0x10000000000 + below(w, 1000) * 64 * HUGE + map * 16 * HUGE, got;

	if (to == m->map[map])
		return;
	got = do_mremap(w->t->q, m->task->mm, m->map[map], len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			to);
	assert_int_equal(got, to);
	m->map[map] = to;
	w->done[5]++;
}

static void drop_own(struct world *w, struct member *m)
{
	assert_int_equal(madvise_dontneed(w->t->q, m->task->mm, m->map[OWN_MAP], HUGE), 0);
	memset(m->own[0], 0, sizeof(m->own[0]));
	w->done[6]++;
}

static void migrate_one(struct world *w, struct member *m)
{
	nodemask_t from = {{0}}, to = {{0}};
	unsigned int nid = below(w, 2);

	node_set(&from, nid);
	node_set(&to, !nid);
	(void)do_migrate_pages(w->t->q, m->task->mm, &from, &to, MPOL_MF_MOVE_ALL);
	w->done[7]++;
}

static void step(struct world *w)
{
	struct member *m = &w->member[below(w, FAMILY)];

	if (!m->task)
		m = &w->member[0];
	switch (below(w, 16)) {
	case 0:
		fork_one(w, m);
		break;
	case 1:
		exit_one(w, m);
		break;
	case 2:
		cut_file(w);
		break;
	case 3:
		move_one(w, m);
		break;
	case 4:
		drop_own(w, m);
		break;
	case 5:
		migrate_one(w, m);
		break;
	case 6:
	case 7:
		read_all(w, m);
		break;
	default:
		write_one(w, m);
	}
}

static void random_fn(struct testbox *t, __unused void *arg)
{
	static struct world world;
	struct world *w = &world;

	*w = (struct world){.t = t};
	resize(t, POOL);
	assert_int_equal(pool(t)->nr_huge_pages, POOL);
	w->sbi = hugetlbfs_mount(t->q, "/huge", "size=96M,min_size=4M");
	assert_false(IS_ERR(w->sbi));
	w->file = hugetlbfs_open(t->q, w->sbi, "f", HUGETLBFS_O_CREAT, 0600);
	assert_false(IS_ERR(w->file));
	w->member[0].task = t->task;
	for (unsigned int map = 0; map < NR_MAPS; map++)
		w->member[0].map[map] = map_it(w, t->task, map);
	note_size(w);
	for (unsigned int i = 0, steps = STEPS; i < steps; i++) {
		step(w);
		if (!(i % 16))
			testbox_verify(t);
	}
	for (unsigned int i = 0; i < FAMILY; i++) {
		if (!w->member[i].task)
			continue;
		read_all(w, &w->member[i]);
		exit_one(w, &w->member[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(w->done); i++)
		assert_true(w->done[i] > 0);
	for (unsigned int map = 0; map < NR_MAPS; map++)
		assert_int_equal(do_munmap(t->q, t->task->mm, w->member[0].map[map],
					   (map == OWN_MAP ? OWN_PAGES : FILE_PAGES) * HUGE),
				 0);
	fput(t->q, w->file);
	assert_int_equal(hugetlbfs_umount(t->q, w->sbi), 0);
	counts(t, POOL, POOL, 0, 0);
}

static void real_bytes(struct quire_config *cfg)
{
	cfg->real_bytes = true;
}

static void test_random(__unused void **state)
{
	in_box(random_fn,
	       &(struct testbox_config){
		       .nr_nodes = 2, .node_mb = {96, 96}, .seed = 3, .tune = real_bytes});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
