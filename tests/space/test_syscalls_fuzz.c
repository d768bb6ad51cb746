/* SPDX-License-Identifier: MIT */
/*
 * Random memory system calls with random arguments, and with allocations that fail in
 * between: whatever they answer, the machine stays consistent and nothing leaks.  The
 * same calls under a fuzzer: make fuzz FUZZ=space.
 */
#include "tests/space/space_test.h"
#include "tests/lib/space_fuzz.h"

#define BYTES 3000

static u8 bytes[BYTES];

static void run_bytes(struct testbox *t, void *arg)
{
	for (unsigned int i = 0; i < BYTES; i++)
		bytes[i] = (u8)prng_u64(&t->rng);
	if (arg)
		testbox_fail_alloc(t, 1 + prng_below(&t->rng, 300));
	assert_true(space_fuzz(t->m, t->task, bytes, BYTES) > 100);
	testbox_fail_alloc(t, 0);
	testbox_verify(t);
}

static void test_calls(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.swap_mb = 64});
	unsigned long before = 0;
	long committed = 0;

	(void)state;
	for (unsigned int round = 0; round < 60; round++) {
		testbox_run(t, run_bytes, round % 2 ? t : NULL);
		testbox_verify(t);
		if (round == 20) { /* caches have grown to what they need */
			before = free_frames(t);
			committed = t->q->space->vm_committed_as;
		}
	}
	assert_int_equal(t->q->space->vm_committed_as, committed);
	/* Slabs and batches vary; what a process leaks would be more. */
	assert_true(free_frames(t) + 256 > before);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_calls)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
