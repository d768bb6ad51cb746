/* SPDX-License-Identifier: MIT */
/*
 * Lists of the CPU's own: tokens are pushed and popped by more threads than
 * there are CPUs, which move from CPU to CPU and are interrupted by signals,
 * while another thread stops slots and empties them.  No token is lost or seen
 * twice, and the counts agree.  All of it once more where a slot is a thread's:
 * the program runs itself again without rseq.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <quire/host.h>
#include "base/prng.h"
#include "base/quire.h"

#define NR_THREADS 4
#define NR_TOKENS  1000u
#define NR_STEPS   60000
#define CAP	   48
#define BATCH	   16

static struct quire *create(void)
{
	static struct quire_config cfg = {.nr_nodes = 1};
	struct quire *q;

	cfg.node[0].size_bytes = 64UL << 20;
	cfg.node[0].nr_cpus = 2;
	q = quire_host_create(&cfg, 0, NULL);
	assert_non_null(q);
	return q;
}

/* Where tokens go that found no room: who holds a token owns its byte. */
struct pool {
	struct quire *q;
	struct quire_hot *hot;
	uint32_t small;		      /* lists of numbers */
	struct quire_host_stack wide; /* of pointers */
	uint32_t held[NR_TOKENS];
	uint64_t plain[NR_TOKENS]; /* written by the holder, without care */
	pthread_mutex_t lock;
	uint32_t left[NR_TOKENS], nr_left;
	unsigned int stop;
	uint64_t popped, pushed, drained; /* of small */
};

static void put_left(struct pool *p, uint32_t token)
{
	pthread_mutex_lock(&p->lock);
	p->left[p->nr_left++] = token;
	pthread_mutex_unlock(&p->lock);
}

static bool take_left(struct pool *p, uint32_t *token)
{
	bool ok;

	pthread_mutex_lock(&p->lock);
	ok = p->nr_left != 0;
	if (ok)
		*token = p->left[--p->nr_left];
	pthread_mutex_unlock(&p->lock);
	return ok;
}

static void hold(struct pool *p, uint32_t token)
{
	if (token >= NR_TOKENS || __atomic_exchange_n(&p->held[token], 1, __ATOMIC_RELAXED)) {
		fprintf(stderr, "token %u is held twice\n", token);
		abort();
	}
	p->plain[token]++;
}

static void release(struct pool *p, uint32_t token)
{
	p->plain[token]++;
	__atomic_store_n(&p->held[token], 0, __ATOMIC_RELAXED);
}

struct worker {
	struct pool *p;
	unsigned int number;
	pthread_t thread;
	uint64_t popped, pushed, lost_room;
};

/* Most by the fast path alone, as the slab does; the rest many at a time. */
static bool pop_wide(struct worker *w, struct prng *rng, uint64_t *wide)
{
	struct pool *p = w->p;

	if (prng_below(rng, 4))
		return hot_stack_try_pop(&p->wide, wide) || hot_stack_pop(p->hot, &p->wide, wide);
	return hot_stack_pop_many(p->hot, &p->wide, wide, 1) != 0;
}

static bool push_wide(struct worker *w, struct prng *rng, uint64_t wide)
{
	struct pool *p = w->p;

	if (prng_below(rng, 4))
		return hot_stack_push(p->hot, &p->wide, wide);
	return hot_stack_push_many(p->hot, &p->wide, &wide, 1) != 0;
}

static void step_single(struct worker *w, struct prng *rng)
{
	struct pool *p = w->p;
	uint32_t token;
	uint64_t wide;

	if (prng_below(rng, 2)) {
		if (hot_percpu_pop32(p->hot, p->small, &token))
			w->popped++;
		else if (!take_left(p, &token))
			return;
	} else if (pop_wide(w, rng, &wide)) {
		token = (uint32_t)(wide ^ 0xabcd00000000UL);
	} else if (!take_left(p, &token)) {
		return;
	}
	hold(p, token);
	release(p, token);
	if (prng_below(rng, 2)) {
		if (hot_percpu_push32(p->hot, p->small, CAP, token))
			w->pushed++;
		else
			put_left(p, token);
	} else if (!push_wide(w, rng, token ^ 0xabcd00000000UL)) {
		put_left(p, token);
	}
}

static void step_many(struct worker *w, struct prng *rng)
{
	struct pool *p = w->p;
	uint32_t batch[BATCH], want = 1 + (uint32_t)prng_below(rng, BATCH);
	uint32_t n = hot_percpu_pop_many32(p->hot, p->small, batch, want, true), put;

	assert_true(n <= want);
	w->popped += n;
	for (uint32_t i = 0; i < n; i++) {
		hold(p, batch[i]);
		release(p, batch[i]);
	}
	put = hot_percpu_push_many32(p->hot, p->small, CAP, batch, n);
	w->pushed += put;
	while (put < n)
		put_left(p, batch[put++]);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct prng rng;

	prng_seed(&rng, w->number + 1);
	for (unsigned int i = 0; i < NR_STEPS; i++) {
		if (!prng_below(&rng, 500)) {
			cpu_set_t one;

			CPU_ZERO(&one);
			CPU_SET(prng_below(&rng, 2), &one);
			(void)sched_setaffinity(0, sizeof(one), &one);
		}
		if (prng_below(&rng, 8))
			step_single(w, &rng);
		else
			step_many(w, &rng);
	}
	return NULL;
}

/* Empties the lists of a stopped slot. */
static void drain(struct pool *p, uint32_t slot)
{
	char *region = hot_percpu_stop(p->hot, slot);
	struct percpu_list *small = percpu_list(region, p->small);
	struct percpu_list *wide;
	uint32_t nr;

	while (percpu_count(small->word)) {
		put_left(p, small->u32[percpu_count(small->word) - 1]);
		small->word--;
		p->drained++;
	}
	hot_percpu_resume(p->hot, slot);
	wide = hot_stack_stop(p->hot, &p->wide, slot, &nr);
	while (nr)
		put_left(p, (uint32_t)(wide->u64[--nr] ^ 0xabcd00000000UL));
	hot_stack_resume(p->hot, &p->wide, slot, 0);
}

static void *drain_all(void *arg)
{
	struct pool *p = arg;
	uint32_t slot = 0;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		drain(p, slot++ % min(hot_percpu_slots(p->hot), 8u));
		usleep(50);
	}
	return NULL;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void test_threads(void **state)
{
	struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
	struct worker w[NR_THREADS];
	static struct pool p;
	uint64_t popped = 0, pushed = 0, pops = 0, there = 0;
	pthread_t drainer;

	(void)state;
	p = (struct pool){.q = create()};
	p.hot = p.q->hot;
	p.small = hot_percpu_alloc(p.hot, PERCPU_LIST_BYTES(CAP, sizeof(uint32_t)));
	p.wide = hot_stack(p.hot, hot_percpu_alloc(p.hot, PERCPU_LIST_BYTES(CAP, sizeof(uint64_t))),
			   CAP);
	assert_true(p.small && p.wide.off && p.small != p.wide.off);
	pthread_mutex_init(&p.lock, NULL);
	for (uint32_t i = 0; i < NR_TOKENS; i++)
		p.left[p.nr_left++] = i;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(pthread_create(&drainer, NULL, drain_all, &p), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		w[i] = (struct worker){.p = &p, .number = i};
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		popped += w[i].popped;
		pushed += w[i].pushed;
	}
	__atomic_store_n(&p.stop, 1, __ATOMIC_RELAXED);
	pthread_join(drainer, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	for (uint32_t slot = 0; slot < hot_percpu_slots(p.hot); slot++) {
		uint64_t word = hot_percpu_word(p.hot, slot, p.small);

		pops += percpu_pops(word);
		there += percpu_count(word);
	}
	assert_int_equal(pops, popped);
	assert_int_equal(pops + there + p.drained, pushed);
	assert_true(popped > NR_STEPS / 10);
	for (uint32_t slot = 0; slot < hot_percpu_slots(p.hot); slot++)
		drain(&p, slot);
	assert_int_equal(p.nr_left, NR_TOKENS);
	for (uint32_t i = 0; i < NR_TOKENS; i++)
		hold(&p, p.left[i]);
	quire_host_destroy(p.q);
}

static void test_bounds(void **state)
{
	struct quire *q = create();
	struct quire_hot *hot = q->hot;
	uint32_t off = hot_percpu_alloc(hot, PERCPU_LIST_BYTES(4, sizeof(uint32_t))), v, many[9];
	cpu_set_t one;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_false(hot_percpu_pop32(hot, off, &v));
	for (uint32_t i = 0; i < 4; i++)
		assert_true(hot_percpu_push32(hot, off, 4, 100 + i));
	assert_false(hot_percpu_push32(hot, off, 4, 1));
	assert_true(hot_percpu_pop32(hot, off, &v));
	assert_int_equal(v, 103);
	assert_int_equal(hot_percpu_pop_many32(hot, off, many, 9, false), 3);
	assert_int_equal(many[0], 100);
	assert_int_equal(many[2], 102);
	assert_int_equal(hot_percpu_pop_many32(hot, off, many, 9, false), 0);
	assert_int_equal(hot_percpu_push_many32(hot, off, 4, many, 9), 4);
	assert_int_equal(hot_percpu_push_many32(hot, off, 4, many, 9), 0);
	assert_int_equal(hot_percpu_push_many32(hot, off, 4, many, 0), 0);
	assert_int_equal(hot_percpu_pop_many32(hot, off, many, 0, true), 0);
	assert_int_equal(hot_percpu_pop_many32(hot, off, many, 2, true), 2);
	/* No list. */
	assert_false(hot_percpu_pop32(hot, 0, &v));
	assert_false(hot_percpu_push32(hot, 0, 4, 1));
	assert_int_equal(hot_percpu_push_many32(hot, 0, 4, many, 2), 0);
	/* A stopped slot: all fail; then all goes on. */
	for (uint32_t slot = 0; slot < hot_percpu_slots(hot); slot++) {
		struct percpu_list *list = percpu_list(hot_percpu_stop(hot, slot), off);

		if (percpu_pops(list->word)) {
			assert_int_equal(percpu_pops(list->word), 3);
			assert_int_equal(percpu_count(list->word), 2);
			assert_false(hot_percpu_pop32(hot, off, &v));
			assert_false(hot_percpu_push32(hot, off, 4, 1));
			list->word -= 2;
		}
		hot_percpu_resume(hot, slot);
	}
	assert_false(hot_percpu_pop32(hot, off, &v));
	/* Given back and taken again: empty, at the same place. */
	assert_true(hot_percpu_push32(hot, off, 4, 1));
	hot_percpu_free(hot, off, PERCPU_LIST_BYTES(4, sizeof(uint32_t)));
	assert_int_equal(hot_percpu_alloc(hot, PERCPU_LIST_BYTES(4, sizeof(uint32_t))), off);
	assert_false(hot_percpu_pop32(hot, off, &v));
	assert_int_equal(hot_percpu_alloc(hot, PERCPU_REGION), 0);
	quire_host_destroy(q);
}

/* A stack of pointers: its ends, its gate, and while it is stopped. */
static void test_stack(void **state)
{
	struct quire *q = create();
	struct quire_hot *hot = q->hot;
	uint32_t off = hot_percpu_alloc(hot, PERCPU_LIST_BYTES(4, sizeof(uint64_t))), nr, found = 0;
	struct quire_host_stack s = hot_stack(hot, off, 4), none = {0};
	uint64_t v = 0, many[9];
	cpu_set_t one;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_false(hot_stack_pop(hot, &s, &v));
	for (uint64_t i = 0; i < 4; i++)
		assert_true(hot_stack_push(hot, &s, 100 + i));
	assert_false(hot_stack_push(hot, &s, 1));
	assert_int_equal(hot_stack_push_many(hot, &s, many, 1), 0);
	/* With the gate shut only the fast path finds nothing. */
	s.take = 0;
	assert_false(hot_stack_try_pop(&s, &v));
	assert_true(hot_stack_pop(hot, &s, &v));
	assert_int_equal(v, 103);
	s.take = s.room;
	assert_int_equal(hot_stack_try_pop(&s, &v), hot->percpu.rseq);
	if (hot->percpu.rseq)
		assert_true(hot_stack_try_push(&s, v));
	assert_int_equal(hot_stack_pop_many(hot, &s, many, 9), 3);
	assert_int_equal(many[0], 100);
	assert_int_equal(many[2], 102);
	assert_int_equal(hot_stack_pop_many(hot, &s, many, 9), 0);
	assert_int_equal(hot_stack_push_many(hot, &s, many, 9), 4);
	assert_int_equal(hot_stack_push_many(hot, &s, many, 0), 0);
	assert_int_equal(hot_stack_pop_many(hot, &s, many, 2), 2);
	for (uint32_t slot = 0; slot < hot_percpu_slots(hot); slot++) {
		uint32_t there = hot_stack_count(&s, slot);

		(void)hot_stack_stop(hot, &s, slot, &nr);
		assert_int_equal(nr, there);
		if (nr) {
			assert_int_equal(nr, 2);
			assert_false(hot_stack_pop(hot, &s, &v));
			assert_false(hot_stack_push(hot, &s, 1));
			assert_int_equal(hot_stack_pop_many(hot, &s, many, 1), 0);
			assert_int_equal(hot_stack_push_many(hot, &s, many, 1), 0);
		}
		found += nr;
		hot_stack_resume(hot, &s, slot, nr ? 1 : 0);
	}
	assert_int_equal(found, 2);
	assert_true(hot_stack_pop(hot, &s, &v));
	assert_false(hot_stack_pop(hot, &s, &v));
	assert_false(quire_host_stack_pop(&none, &none.room, &v));
	assert_false(quire_host_stack_push(&none, &none.room, 1));
	assert_false(quire_host_stack_owns(&none, q));
	quire_host_destroy(q);
}

/* A child has lists of its own, with what was on them. */
static void test_fork(void **state)
{
	struct quire *q = create();
	struct quire_hot *hot = q->hot;
	uint32_t off = hot_percpu_alloc(hot, PERCPU_LIST_BYTES(4, sizeof(uint32_t))), v = 0;
	int status = -1;
	pid_t child;

	(void)state;
	assert_true(hot_percpu_push32(hot, off, 4, 7));
	child = fork();
	if (!child) {
		for (uint32_t slot = 0; slot < hot_percpu_slots(hot); slot++) {
			(void)hot_percpu_stop(hot, slot);
			hot_percpu_resume(hot, slot);
		}
		_exit(hot_percpu_pop32(hot, off, &v) && v == 7 ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(hot_percpu_pop32(hot, off, &v));
	assert_int_equal(v, 7);
	quire_host_destroy(q);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_threads),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	(void)argc;
	if (failed || getenv("QUIRE_WITHOUT_RSEQ"))
		return failed;
	setenv("QUIRE_WITHOUT_RSEQ", "1", 1);
	setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	execv("/proc/self/exe", argv);
	return 1;
}
