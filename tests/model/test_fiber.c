/* SPDX-License-Identifier: MIT */
/*
 * Fibers, virtual CPUs and the clock: who runs when, and how long it takes.
 */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace {
	struct model *m;
	struct quire *q;
	char text[4096];
	size_t len;
	struct quire_wait_queue wq;
	int turn;
};

static void note(struct trace *t, const char *who)
{
	t->len += (size_t)snprintf(t->text + t->len, sizeof(t->text) - t->len, "%s@%lu ", who,
				   (unsigned long)(model_now(t->m) / 1000));
}

static struct task *init_task(struct testbox *b)
{
	return b->q->space ? b->q->space->init_task : NULL;
}

static struct testbox *box(unsigned int nodes, unsigned int cpus)
{
	return testbox_new(&(struct testbox_config){.nr_nodes = nodes, .cpus = cpus});
}

static void trace_init(struct trace *t, struct testbox *b)
{
	*t = (struct trace){.m = b->m, .q = b->q};
	/* Whatever boot started has settled. */
	testbox_pass(b, NSEC_PER_SEC - model_now(b->m) % NSEC_PER_SEC);
}

/* Ticks of a test start at a whole second: only what is below it is noted. */
static void expect_trace(struct trace *t, u64 start_us, const char *expected)
{
	char rebased[4096];
	size_t len = 0;
	char *save = NULL;

	rebased[0] = 0;
	for (char *p = strtok_r(t->text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		unsigned long us;
		char *at = strchr(p, '@');

		*at = 0;
		us = strtoul(at + 1, NULL, 10);
		len += (size_t)snprintf(rebased + len, sizeof(rebased) - len, "%s%s@%lu",
					len ? " " : "", p, us - (unsigned long)start_us);
	}
	assert_string_equal(rebased, expected);
}

static void sleeper(void *arg)
{
	struct trace *t = arg;

	note(t, "a");
	sleep_ns(t->q, 5000000);
	note(t, "b");
	charge_ns(t->q, 300000);
	note(t, "c");
	sleep_ns(t->q, 1000000);
	note(t, "d");
}

static void test_sleep_takes_its_time(void **state)
{
	struct testbox *b = box(1, 1);
	struct trace t;
	u64 start;

	(void)state;
	trace_init(&t, b);
	start = model_now(b->m);
	assert_non_null(model_spawn(b->m, "sleeper", sleeper, &t, init_task(b), -1));
	testbox_pass(b, 20000000);
	assert_int_equal(model_now(b->m), start + 20000000);
	expect_trace(&t, start / 1000, "a@0 b@5000 c@5300 d@6300");
	testbox_free(b);
}

static void waiter(void *arg)
{
	struct trace *t = arg;
	int me = t->turn++;
	char name[24];

	wait_event(t->q, &t->wq, t->turn > 100);
	snprintf(name, sizeof(name), "w%d", me);
	note(t, name);
}

static void waker(void *arg)
{
	struct trace *t = arg;

	sleep_ns(t->q, 1000000);
	charge_ns(t->q, 50000);
	t->turn = 200;
	wake_up(t->q, &t->wq);
	note(t, "woke");
}

static void test_wakes_in_order_of_arrival(void **state)
{
	struct testbox *b = box(1, 8);
	struct trace t;
	u64 start;

	(void)state;
	trace_init(&t, b);
	start = model_now(b->m);
	for (int i = 0; i < 4; i++)
		model_spawn(b->m, "waiter", waiter, &t, init_task(b), -1);
	model_spawn(b->m, "waker", waker, &t, init_task(b), -1);
	testbox_pass(b, 2000000);
	/* Woken at the instant at which the waker's work had come so far. */
	expect_trace(&t, start / 1000, "woke@1050 w0@1050 w1@1050 w2@1050 w3@1050");
	assert_int_equal(t.wq.waiters, 0);
	testbox_free(b);
}

static void timed_waiter(void *arg)
{
	struct trace *t = arg;
	bool ok = wait_event_timeout(t->q, &t->wq, t->turn == 200, 3000000);

	note(t, ok ? "woken" : "timeout");
}

static void test_timeout(void **state)
{
	struct testbox *b = box(1, 2);
	struct trace t;
	u64 start;

	(void)state;
	trace_init(&t, b);
	start = model_now(b->m);
	model_spawn(b->m, "timed", timed_waiter, &t, init_task(b), -1);
	testbox_pass(b, 5000000);
	model_spawn(b->m, "timed", timed_waiter, &t, init_task(b), -1);
	model_spawn(b->m, "waker", waker, &t, init_task(b), -1);
	testbox_pass(b, 5000000);
	expect_trace(&t, start / 1000, "timeout@3000 woke@6050 woken@6050");
	assert_int_equal(t.wq.waiters, 0);
	testbox_free(b);
}

static void worker(void *arg)
{
	struct trace *t = arg;
	char name[24];
	int me = t->turn++;

	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%c%d", 'A' + me, i);
		note(t, name);
		model_compute(t->m, 1000000);
	}
}

static void test_one_cpu_is_shared(void **state)
{
	struct testbox *b = box(1, 1);
	struct trace t;
	u64 start;

	(void)state;
	trace_init(&t, b);
	start = model_now(b->m);
	model_spawn(b->m, "A", worker, &t, init_task(b), -1);
	model_spawn(b->m, "B", worker, &t, init_task(b), -1);
	testbox_pass(b, 500000);
	assert_true(model_nr_running(b->m) >= 2);
	testbox_pass(b, 10000000);
	expect_trace(&t, start / 1000, "A0@0 B0@1000 A1@2000 B1@3000 A2@4000 B2@5000");
	assert_true(model_cpu_busy_ns(b->m, 0) >= 6000000);
	testbox_free(b);
}

static void test_two_cpus_work_at_once(void **state)
{
	struct testbox *b = box(2, 1);
	struct trace t;
	u64 start;

	(void)state;
	trace_init(&t, b);
	start = model_now(b->m);
	model_spawn(b->m, "A", worker, &t, init_task(b), -1);
	model_spawn(b->m, "B", worker, &t, init_task(b), -1);
	testbox_pass(b, 10000000);
	expect_trace(&t, start / 1000, "A0@0 B0@0 A1@1000 B1@1000 A2@2000 B2@2000");
	testbox_free(b);
}

static void pinned_worker(void *arg)
{
	struct trace *t = arg;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(cpu_to_node(t->q, smp_processor_id(t->q)), 1);
		model_compute(t->m, 2000000);
		sleep_ns(t->q, 1000);
	}
	t->turn++;
}

static void test_pinned_fibers_stay(void **state)
{
	struct testbox *b = box(2, 2);
	struct trace t;

	(void)state;
	trace_init(&t, b);
	for (int i = 0; i < 8; i++)
		model_spawn(b->m, "pinned", pinned_worker, &t, init_task(b), 1);
	testbox_pass(b, NSEC_PER_SEC);
	assert_int_equal(t.turn, 8);
	testbox_free(b);
}

static void yielder(void *arg)
{
	struct trace *t = arg;

	/* A loop that only yields must not stop the clock for good. */
	while (t->turn != 200)
		cond_resched(t->q);
	note(t, "seen");
}

static void test_yields_pass_time(void **state)
{
	struct testbox *b = box(1, 1);
	struct trace t;

	(void)state;
	trace_init(&t, b);
	model_spawn(b->m, "yielder", yielder, &t, init_task(b), -1);
	model_spawn(b->m, "waker", waker, &t, init_task(b), -1);
	testbox_pass(b, 10000000);
	assert_non_null(strstr(t.text, "seen"));
	testbox_free(b);
}

static void for_ever(void *arg)
{
	struct trace *t = arg;
	char deep[2000];

	memset(deep, 1, sizeof(deep));
	t->turn++;
	wait_event(t->q, &t->wq, deep[7] == 0);
}

static void test_destroy_with_sleepers(void **state)
{
	struct testbox *b = box(1, 2);
	struct trace t;

	(void)state;
	trace_init(&t, b);
	for (int i = 0; i < 200; i++)
		assert_non_null(model_spawn(b->m, "ever", for_ever, &t, init_task(b), -1));
	testbox_pass(b, 1000000);
	assert_int_equal(t.turn, 200);
	testbox_free(b);
}

static void ends_at_once(void *arg)
{
	++*(unsigned int *)arg;
}

static void test_many_short_fibers(void **state)
{
	struct testbox *b = box(1, 2);
	unsigned int ran = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < 100; j++)
			model_spawn(b->m, "short", ends_at_once, &ran, init_task(b), -1);
		testbox_pass(b, 1000);
	}
	assert_int_equal(ran, 2000);
	testbox_free(b);
}

static void busy_for_minutes(void *arg)
{
	struct trace *t = arg;

	model_compute(t->m, 120 * NSEC_PER_SEC);
}

static void test_load_average(void **state)
{
	struct testbox *b = box(1, 2);
	struct trace t;
	u64 load[3];

	(void)state;
	trace_init(&t, b);
	for (int i = 0; i < 3; i++)
		model_spawn(b->m, "busy", busy_for_minutes, &t, init_task(b), -1);
	testbox_pass(b, 60 * NSEC_PER_SEC);
	model_loadavg(b->m, load);
	/* 3 x (1 - 1/e) = 1.90 after one minute of three runnable tasks. */
	assert_in_range(load[0], 1.80 * 2048, 2.00 * 2048);
	assert_in_range(load[2], 0.10 * 2048, 0.30 * 2048);
	testbox_free(b);
}

/* ---- fair shares ------------------------------------------------------------- */

struct sharer {
	struct model *m;
	u64 work_until; /* 0: sleeps and works in turns */
	u64 worked, longest_wait;
};

static void share(void *arg)
{
	struct sharer *s = arg;

	for (;;) {
		u64 before = model_now(s->m), now;

		if (s->work_until && quire_clock(model_quire(s->m)) >= s->work_until)
			return;
		if (!s->work_until && before > 2 * NSEC_PER_SEC)
			return;
		if (!s->work_until) {
			u64 until = quire_clock(model_quire(s->m)) + 20 * NSEC_PER_MSEC;

			model_sleep(s->m, 20 * NSEC_PER_MSEC);
			now = quire_clock(model_quire(s->m));
			s->longest_wait = max(s->longest_wait, now - until);
		}
		model_compute(s->m, NSEC_PER_MSEC);
		s->worked += NSEC_PER_MSEC;
	}
}

/* Two who work share one CPU half and half; who sleeps most of the time gets it
 * when it wakes, within a tick.  And all takes 13 times as long. */
static void test_fair(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.cpus = 1});
	u64 start = model_now(t->m);
	struct sharer s[3] = {{.m = t->m, .work_until = start + NSEC_PER_SEC},
			      {.m = t->m, .work_until = start + NSEC_PER_SEC},
			      {.m = t->m}};

	(void)state;
	model_set_processor(t->m, 1300, 4 * NSEC_PER_MSEC);
	for (unsigned int i = 0; i < 3; i++)
		assert_non_null(model_spawn(t->m, "share", share, &s[i], NULL, -1));
	model_run_until(t->m, start + 3 * NSEC_PER_SEC);
	assert_in_range(s[0].worked + s[1].worked, 850 * NSEC_PER_MSEC, 1010 * NSEC_PER_MSEC);
	assert_in_range(s[0].worked * 100 / s[1].worked, 95, 105);
	assert_in_range(s[2].longest_wait, 0, 5 * NSEC_PER_MSEC);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sleep_takes_its_time),
		cmocka_unit_test(test_wakes_in_order_of_arrival),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_one_cpu_is_shared),
		cmocka_unit_test(test_two_cpus_work_at_once),
		cmocka_unit_test(test_pinned_fibers_stay),
		cmocka_unit_test(test_yields_pass_time),
		cmocka_unit_test(test_destroy_with_sleepers),
		cmocka_unit_test(test_many_short_fibers),
		cmocka_unit_test(test_load_average),
		cmocka_unit_test(test_fair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
