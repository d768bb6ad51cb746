/* SPDX-License-Identifier: MIT */
/* The list of questions, measures of a run, and the verdict on a change. */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oracle/questions.h"

static const char run[] =
	"@@start ns=1\n"
	"@@cmd 1 ns=2 snap a\n@@snap a ns=2\n@@file /proc/vmstat\nnr_free_pages 500\npswpout 10\n"
	"@@endsnap ns=3\n"
	"@@cmd 2 ns=4 snap b\n@@snap b ns=4\n@@file /proc/vmstat\nnr_free_pages 300\npswpout 110\n"
	"@@proc P pid=7 VmRSS=40 oom_score_adj=-5\n"
	"@@endsnap ns=5\n"
	"@@loop 3 rounds=12 ns=6\n"
	"@@finish ns=9\n";

static void parse(struct oracle_result *r, const char *text)
{
	char *buffer = malloc(strlen(text) + 1), why[128] = "";

	assert_non_null(buffer);
	strcpy(buffer, text);
	if (!oracle_result_parse(r, buffer, strlen(text), why, sizeof(why)))
		fail_msg("%s", why);
}

static void test_measures(void **state)
{
	struct oracle_result r;

	(void)state;
	parse(&r, run);
	/* Events since the first snapshot; amounts as they are. */
	assert_int_equal(oracle_measure(&r, "pswpout@b").number, 100);
	assert_int_equal(oracle_measure(&r, "nr_free_pages@b").number, 300);
	assert_int_equal(oracle_measure(&r, "P.VmRSS@b").number, 40);
	assert_int_equal(oracle_measure(&r, "round:1").number, 12);
	assert_false(oracle_measure(&r, "round:2").has);
	assert_false(oracle_measure(&r, "pswpout@c").has);
	assert_false(oracle_measure(&r, "Q.VmRSS@b").has);
	assert_false(oracle_measure(&r, "nonsense@b").has);
	assert_string_equal(oracle_measure(&r, "victim:1").name, "nobody");
	oracle_result_free(&r);
}

static struct oracle_answer number(s64 v)
{
	return (struct oracle_answer){.has = true, .number = v};
}

static void check(s64 k0, s64 k1, s64 m0, s64 m1, const char *measure, bool sign, bool size)
{
	struct oracle_change c = {
		.kernel = {number(k0), number(k1)},
		.model = {number(m0), number(m1)},
	};

	oracle_judge_change(&c, measure);
	assert_int_equal(c.sign, sign);
	assert_int_equal(c.size, size);
}

static void test_verdicts(void **state)
{
	struct oracle_change c = {.kernel = {number(1), number(2)}, .model = {number(1)}};

	(void)state;
	check(1000, 2000, 1100, 2050, "pswpout@x", true, true);
	check(1000, 2000, 1000, 1700, "pswpout@x", true, false);
	check(1000, 2000, 1000, 500, "pswpout@x", false, false);
	check(1000, 1010, 1000, 1000, "pswpout@x", true, true); /* none, and none */
	check(1000, 1010, 1000, 2000, "pswpout@x", false, false);
	check(90, 100, 90, 97, "round:1", true, false);
	check(90, 91, 90, 90, "round:1", true, true);
	check(90, 80, 90, 100, "round:1", false, false);
	oracle_judge_change(&c, "round:1"); /* the model has no second number */
	assert_false(c.sign || c.size);
	c.kernel[0] = c.kernel[1] = (struct oracle_answer){.has = true, .name = "A"};
	c.model[0] = c.model[1] = c.kernel[0];
	oracle_judge_change(&c, "victim:1");
	assert_true(c.sign && c.size);
	strcpy(c.model[1].name, "B");
	oracle_judge_change(&c, "victim:1");
	assert_false(c.sign);
}

/* The kernel's own seeds do not agree on the sign: a change between theirs is the kernel's,
 * one beside is not. */
static void check_own(s64 m1, bool agrees)
{
	static const char text[] = "a 6.1 x pswpout 6000 5600 6300 9000 9100\n"
				   "a 6.1 x alone 6000 5600 6300 - -\n"
				   "b 6.1 x pswpout 5500 5500 5900 9050 9600\n";
	struct oracle_change c = {
		.kernel = {number(6000), number(5500)},
		.model = {number(5000), number(m1)},
	};
	char path[] = "/tmp/quire-variance-XXXXXX";
	struct oracle_variance a, b;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	oracle_variance_read(&a, path, "a", "6.1");
	oracle_variance_read(&b, path, "b", "6.1");
	unlink(path);
	oracle_own_changes(&c, "pswpout@x", &a, &b);
	/* 5500 - 6300 and 5900 - 5600; the threaded runs are of other machines. */
	assert_true(c.own.has);
	assert_int_equal(c.own.low, -800);
	assert_int_equal(c.own.high, 300);
	oracle_judge_change(&c, "pswpout@x");
	assert_int_equal(c.sign && c.size, agrees);
	assert_int_equal(c.by_own, agrees);
	/* One side has only the recorded run. */
	c.own = (struct oracle_span){0};
	oracle_own_changes(&c, "alone@x", &a, &b);
	assert_int_equal(c.own.low, 5500 - 6300);
	assert_int_equal(c.own.high, 5500 - 5600);
	/* All seeds go down: so must the model, whatever lies between them. */
	c.model[1] = number(4890);
	c.kernel[1] = number(5300);
	c.by_own = false;
	oracle_judge_change(&c, "alone@x");
	assert_false(c.by_own || c.size);
	c.own = (struct oracle_span){0};
	oracle_own_changes(&c, "other@x", &a, &b);
	assert_false(c.own.has);
	oracle_own_changes(&c, "round:1", &a, &b);
	assert_false(c.own.has);
	oracle_variance_free(&a);
	oracle_variance_free(&b);
}

static void test_own_changes(void **state)
{
	(void)state;
	check_own(5300, true);
	check_own(5301, false);
	check_own(4200, true);
	check_own(4199, false);
}

static int read_list(const char *text)
{
	char path[] = "/tmp/quire-questions-XXXXXX";
	struct oracle_question q[3];
	FILE *err = fopen("/dev/null", "w");
	int fd = mkstemp(path), n;

	assert_true(fd >= 0 && err);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	n = oracle_questions_read(path, q, 3, err);
	unlink(path);
	fclose(err);
	return n;
}

static void test_list(void **state)
{
	(void)state;
	assert_int_equal(read_list("# none\n\nq a b round:1 pswpout@x\n"), 1);
	assert_int_equal(read_list("q a b\n"), -1);
	assert_int_equal(read_list("q a ../b round:1\n"), -1);
	assert_int_equal(read_list("q a b round\n"), -1);
	assert_int_equal(read_list("q a b c@x\nq a b c@x\nq a b c@x\nq a b c@x\n"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_measures),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_own_changes),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
