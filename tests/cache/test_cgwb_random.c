/* SPDX-License-Identifier: MIT */
/*
 * Control groups' writeback under stress: tasks of several groups write, read, cut and sync
 * the same few files while they change groups, groups come and go and limits move.  In the end
 * all is consistent, and a sync leaves nothing dirty anywhere.
 *
 *	QUIRE_SEED=...		another seed; each is printed
 */
#include <stdio.h>

#include "tests/space/space_test.h"
#include "cache/internal.h"

#define NR_FILES   5
#define NR_GROUPS  3
#define NR_WRITERS 4
#define STEPS	   250

struct stress {
	struct testbox *t;
	struct file *files[NR_FILES];
	struct mem_cgroup *groups[NR_GROUPS];
	struct prng rng;
	unsigned int running, made;
};

struct writer {
	struct stress *s;
	struct task *task;
	struct prng rng;
};

static void one_step(struct writer *w)
{
	struct stress *s = w->s;
	struct quire *q = s->t->q;
	struct file *file = s->files[prng_below(&w->rng, NR_FILES)];
	u64 at = prng_below(&w->rng, 600) * PAGE_SIZE, len = prng_range(&w->rng, 1, 40) * PAGE_SIZE;
	u64 what = prng_below(&w->rng, 100);
	struct mem_cgroup *memcg;

	if (what < 60) {
		s64 n = generic_file_write(q, file, at, len);

		assert_true(n > 0 || n == -ENOMEM);
	} else if (what < 75) {
		(void)generic_file_read(q, file, at, len);
	} else if (what < 83) {
		assert_int_equal(vfs_fsync(q, file), 0);
	} else if (what < 93) {
		memcg = prng_below(&w->rng, 4) ? s->groups[prng_below(&w->rng, NR_GROUPS)] : NULL;
		if (!memcg || !memcg->offline)
			(void)task_set_memcg(q, w->task, memcg);
	} else if (what < 97) {
		truncate_setsize(q, file->f_inode, at);
	} else if (what < 99) {
		wakeup_flushers(q);
	} else {
		sync_filesystems(q);
	}
}

static void write_on(void *arg)
{
	struct writer *w = arg;

	for (int i = 0; i < STEPS; i++)
		one_step(w);
	w->s->running--;
}

/* A group goes if nobody is in it, and another one comes in its place; or its limit moves. */
static void change_group(struct stress *s)
{
	unsigned int i = (unsigned int)prng_below(&s->rng, NR_GROUPS);
	struct quire *q = s->t->q;
	char name[16];

	if (prng_below(&s->rng, 2)) {
		mem_cgroup_set_max(q, s->groups[i], (long)prng_range(&s->rng, 600, 3000));
		return;
	}
	if (mem_cgroup_remove(q, s->groups[i]))
		return;
	snprintf(name, sizeof(name), "g%u", s->made++);
	s->groups[i] = mem_cgroup_create(q, NULL, name);
	assert_false(IS_ERR(s->groups[i]));
}

static void stress(struct testbox *t, void *arg)
{
	struct stress *s = arg;
	struct writer w[NR_WRITERS];

	s->t = t;
	prng_seed(&s->rng, t->seed);
	for (int i = 0; i < NR_FILES; i++)
		s->files[i] = testbox_file(t, t->sb, 0);
	for (int i = 0; i < NR_GROUPS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "g%u", s->made++);
		s->groups[i] = mem_cgroup_create(t->q, NULL, name);
		assert_false(IS_ERR(s->groups[i]));
	}
	for (int i = 0; i < NR_WRITERS; i++) {
		w[i] = (struct writer){.s = s, .task = fork_task(t, t->task)};
		prng_seed(&w[i].rng, t->seed + 1 + (u64)i);
		s->running++;
		assert_non_null(model_spawn(t->m, "writer", write_on, &w[i], w[i].task, -1));
	}
	while (s->running) {
		sleep_ns(t->q, 20 * NSEC_PER_MSEC);
		change_group(s);
	}
	sync_filesystems(t->q);
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 0);
	assert_int_equal(global_node_page_state(t->q, NR_WRITEBACK), 0);
	for (struct mem_cgroup *memcg = mem_cgroup_iter(t->q, NULL, NULL); memcg;
	     memcg = mem_cgroup_iter(t->q, NULL, memcg))
		assert_int_equal(memcg_page_state(t->q, memcg, NR_FILE_DIRTY), 0);
	for (int i = 0; i < NR_FILES; i++)
		fput(t->q, s->files[i]);
}

static void test_stress(__unused void **state)
{
	u64 first = testbox_seed(1);

	for (u64 seed = first; seed < first + 6; seed++) {
		struct stress s = {.running = 0};
		struct testbox *t = testbox_new(&(struct testbox_config){
			.node_mb = {64}, .disk = true, .cpus = 2, .seed = seed});

		testbox_run(t, stress, &s);
		testbox_verify(t);
		testbox_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stress)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
