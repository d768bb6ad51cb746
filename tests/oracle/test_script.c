/* SPDX-License-Identifier: MIT */
/* The parser of scenarios: what is right, what is wrong and how it is said. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "oracle/script.h"

static struct oracle_script *parse(const char *text)
{
	return oracle_script_parse("t.txt", text, strlen(text), stderr);
}

/* The text is refused with a message that has all that. */
static void refused(const char *text, const char *message)
{
	char *said = NULL;
	size_t len = 0;
	FILE *err = open_memstream(&said, &len);
	struct oracle_script *s = oracle_script_parse("t.txt", text, strlen(text), err);

	fclose(err);
	if (s || !strstr(said, message))
		fail_msg("\"%s\" gives \"%s\", not \"%s\"", text, s ? "a script" : said, message);
	free(said);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		u64 bytes;
	} good[] = {{"0", 0},	     {"4096", 4096},	 {"0x10", 16},	   {"64K", 65536},
		    {"1m", 1 << 20}, {"2G", 2ULL << 30}, {"3P", 3 * 4096}, {"1T", 1ULL << 40}};
	static const char *const bad[] = {
		"",   "K",  "-1", "+1", "1KB", "1 K", "1.5M", "99999999T", "18446744073709551616",
		"1X", " 1", "0x"};
	u64 v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(oracle_size(good[i].text, &v));
		assert_int_equal(v, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(oracle_size(bad[i], &v));
}

static void test_commands(void **state)
{
	struct oracle_script *s =
		parse("# a comment\n"
		      "#vm mem=1G smp=2 swap=64M swap=1M data=1 append=zswap.enabled=1\n"
		      "spawn A oom_score_adj=-5 cpu=1 membind=0\n"
		      "& mmap A m 700M anon nothp\r\n"
		      "\n"
		      "repeat 3 until dead>=2\n"
		      "  repeat 4 until gone:A # why\n"
		      "    touch A m next 1M fill=rand:40 seed=7\n"
		      "  end\n"
		      "end\n"
		      "free A m 0 64M stride=8K piece=4K\n"
		      "free A m\n"
		      "snap x lite");
	const struct oracle_cmd *c;

	(void)state;
	assert_non_null(s);
	assert_int_equal(s->vm.nr_nodes, 1);
	assert_int_equal(s->vm.node[0].bytes, 1 << 30);
	assert_int_equal(s->vm.node[0].nr_cpus, 2);
	assert_int_equal(s->vm.nr_swaps, 2);
	assert_true(s->vm.data);
	assert_string_equal(s->vm.append[0], "zswap.enabled=1");
	assert_int_equal(oracle_nr_devices(&s->vm), 3);
	assert_int_equal(s->nr_cmds, 10);
	c = s->cmd;
	assert_int_equal(c[0].line, 3);
	assert_int_equal(c[0].oom_score_adj, -5);
	assert_int_equal(c[0].nodes, 1);
	assert_true(c[1].async);
	assert_int_equal(c[1].flags, FLAG_NOTHP);
	assert_int_equal(c[2].until, UNTIL_DEAD);
	assert_int_equal(c[2].len, 2);
	assert_int_equal(c[2].end, 6);
	assert_int_equal(c[3].end, 5);
	assert_string_equal(c[3].word, "A");
	assert_true(c[4].next);
	assert_int_equal(c[4].len, 1 << 20);
	assert_int_equal(c[4].percent, 40);
	assert_int_equal(c[4].seed, 7);
	assert_int_equal(c[7].stride, 8192);
	assert_int_equal(c[7].piece, 4096);
	assert_true(c[7].ranged);
	assert_false(c[8].ranged);
	assert_int_equal(c[9].flags, FLAG_LITE);
	oracle_script_free(s);
}

static void test_nodes(void **state)
{
	struct oracle_script *s =
		parse("#vm smp=3 node=1:768M:- node=0:256M:0+2 dist=0,1,31 dist=1,0,31\nsnap x\n");

	(void)state;
	assert_non_null(s);
	assert_int_equal(s->vm.nr_nodes, 2);
	assert_int_equal(s->vm.node[0].bytes, 256 << 20);
	/* Processor 1 is in none: in the first. */
	assert_int_equal(s->vm.node[0].nr_cpus, 3);
	assert_int_equal(s->vm.node[1].nr_cpus, 0);
	assert_int_equal(s->vm.distance[0][1], 31);
	oracle_script_free(s);
}

static void test_errors(void **state)
{
	(void)state;
	refused("frobnicate\n", "t.txt:1: there is no command \"frobnicate\"");
	refused("snap a\ntouch A m 0 1M\n", "t.txt:2: there is no process \"A\" yet");
	refused("spawn A\ntouch A m 0\n", "t.txt:2: touch lacks something: touch P MAP");
	refused("spawn A\ntouch A m 0 1Q\n", "the length \"1Q\" is not right: a size");
	refused("spawn A\ntouch A m 0 1M fill=blue\n", "there is no fill=blue: there are");
	refused("spawn A\ntouch A m 0 1M fill=rand:101\n", "a number from 0 to 100");
	refused("spawn A\ntouch A m 0 1M stride=0\n", "stride=0 is not right");
	refused("spawn A\nmmap A m 1M paper\n", "\"paper\" can't be mapped");
	refused("spawn A\nmmap A m 1M file:x\n", "it begins with /");
	refused("spawn A\nmmap A m 1M anon sideways\n", "\"sideways\" is a word too many");
	refused("spawn A\nmadvise A m sleep\n", "there is no advice \"sleep\"");
	refused("spawn A\nfree A m 1M\n", "free lacks something");
	refused("repeat 3\nsnap a\n", "t.txt:1: this repeat has no end");
	refused("end\n", "this end ends nothing");
	refused("repeat 3 until tomorrow\nend\n", "until dead>=K or until gone:P");
	refused("& repeat 3\nend\n", "can't go on beside");
	refused("&\n", "& stands alone");
	refused("sysctl vm.swappiness\n", "sysctl lacks a value");
	refused("#vm color=red\n", "there is no key color=");
	refused("#vm mem\n", "KEY=VALUE");
	refused("#vm mem=7\n", "whole MiB from 32M");
	refused("#vm node=0:512M\n", "ID:SIZE:CPU+CPU");
	refused("#vm node=1:512M:0\n", "nodes are numbered from 0 on");
	refused("#vm node=0:512M:0 node=0:512M:-\n", "node 0 is there twice");
	refused("#vm node=0:512M:5\n", "processor 5 of node 0");
	refused("#vm dist=1,2\n", "A,B,D would be");
	refused("#vm disk=paper\n", "there is no disk=paper");
	/* All of them are told. */
	refused("end\nend\nend\n", "t.txt:3:");
}

static void test_bounds(void **state)
{
	char *text = malloc(ORACLE_MAX_BYTES + 2);
	size_t at = 0;

	(void)state;
	memset(text, '\n', ORACLE_MAX_BYTES + 1);
	text[ORACLE_MAX_BYTES + 1] = 0;
	refused(text, "too long");
	text[ORACLE_MAX_LINES + 5] = 0;
	refused(text, "too many lines");
	memset(text, 'x', 2000);
	text[2000] = 0;
	refused(text, "the line is too long");
	for (int i = 0; i < 60; i++)
		at += (size_t)sprintf(text + at, "x ");
	refused(text, "too many words");
	for (at = 0; at < 20 * 9;)
		at += (size_t)sprintf(text + at, "repeat 2\n");
	refused(text, "nested too deep");
	assert_null(oracle_script_parse("t.txt", "snap\0x", 6, stderr));
	free(text);
}

/* Bytes, and words of the language in any order: an answer, never a crash. */
static void test_hostile(void **state)
{
	static const char *const words[] = {
		"spawn",    "fork",	  "mmap",	 "touch",
		"free",	    "madvise",	  "mlock",	 "fread",
		"files",    "repeat",	  "end",	 "until",
		"dead>=1",  "gone:A",	  "&",		 "#",
		"#vm ",	    "mem=",	  "node=0:1M:0", "swap=1M",
		"A",	    "B",	  "m",		 "next",
		"1M",	    "-1",	  "0",		 "9999999999999999999",
		"anon",	    "file:/x",	  "fill=rand:3", "stride=0",
		"\n",	    "\n",	  "\n",		 "\t",
		"=",	    ":",	  "cgset",	 "write",
		"/proc",    "snap",	  "delay",	 "trace",
		"\xff\xfe", "dist=1,2,3", "kill",
	};
	FILE *null = fopen("/dev/null", "w");
	struct prng prng;

	(void)state;
	prng_seed(&prng, 42);
	for (int i = 0; i < 3000; i++) {
		char text[2048];
		size_t len = 0, n = prng_below(&prng, 60);

		if (i % 2) {
			for (len = prng_below(&prng, sizeof(text)); len > n; n++)
				text[n] = (char)prng_u64(&prng);
			for (size_t j = 0; j < len && j < n; j++)
				text[j] = (char)prng_range(&prng, 9, 127);
		} else {
			while (n--)
				len += (size_t)snprintf(
					text + len, sizeof(text) - len, "%s ",
					words[prng_below(&prng, ARRAY_SIZE(words))]);
		}
		oracle_script_free(oracle_script_parse("t.txt", text, len, null));
	}
	fclose(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),  cmocka_unit_test(test_commands),
		cmocka_unit_test(test_nodes),  cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
