/* SPDX-License-Identifier: MIT */
/* Scenarios performed on the model: each command, deaths, determinism, and
 * what comes of nonsense. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "oracle/run.h"

#define VM "#vm mem=256M smp=1 swap=32M swap=16M data=1\n"

/* What a scenario writes; the caller's to free. */
static char *perform(const char *text)
{
	struct oracle_script *s = oracle_script_parse("t.txt", text, strlen(text), stderr);
	char *said = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&said, &len);

	if (!s)
		fail_msg("not a scenario: %s", text);
	assert_int_equal(oracle_run(s, "6.1", out, stderr), 0);
	fclose(out);
	oracle_script_free(s);
	/* Arguments of processes are apart by NUL. */
	for (size_t i = 0; i < len; i++)
		if (!said[i])
			said[i] = ' ';
	return said;
}

static unsigned int count(const char *text, const char *part)
{
	unsigned int n = 0;

	while ((text = strstr(text, part)) != NULL) {
		text += strlen(part);
		n++;
	}
	return n;
}

static void has(const char *out, const char *part)
{
	if (!strstr(out, part))
		fail_msg("there is no \"%s\" in:\n%.4000s", part, out);
}

/* Value of KEY=N in the @@proc line of a process in the snapshot. */
static long proc_value(const char *out, const char *snap, const char *proc, const char *key)
{
	char at[64];
	const char *p;

	snprintf(at, sizeof(at), "@@snap %s ", snap);
	p = strstr(out, at);
	assert_non_null(p);
	snprintf(at, sizeof(at), "@@proc %s ", proc);
	p = strstr(p, at);
	assert_non_null(p);
	snprintf(at, sizeof(at), " %s=", key);
	p = strstr(p, at);
	assert_non_null(p);
	return strtol(p + strlen(at), NULL, 10);
}

static void test_memory(void **state)
{
	char *out = perform(VM "settle\n"
			       "spawn A oom_score_adj=100\n"
			       "mmap A m 16M anon nothp\n"
			       "snap s lite\n"
			       "touch A m next 1M\n"
			       "touch A m next 1M read\n"
			       "touch A m 8M 4M random seed=3\n"
			       "snap t lite\n"
			       "fork A B oom_score_adj=5\n"
			       "touch B m 0 1M fill=same seed=9\n"
			       "free A m 0 1M stride=8K piece=4K\n"
			       "mlock A m 0 512K\n"
			       "snap v lite\n"
			       "munlock A m 0 512K\n"
			       "oom_score_adj A 200\n"
			       "snap u lite\n"
			       "free A m\n"
			       "touch A m 0 1M\n"
			       "exit B\n"
			       "touch B m 0 1M\n"
			       "kill A\n"
			       "spawn C\n"
			       "kill C\n");

	(void)state;
	has(out, "256\t256\t32\t0");
	/* A worker as the real one is: see oracle/image.c. */
	assert_int_equal(proc_value(out, "s", "A", "VmSize"), 1464 + 16384);
	assert_int_equal(proc_value(out, "s", "A", "smaps.Rss"), 896);
	assert_int_equal(proc_value(out, "s", "A", "RssShmem"), 268);
	assert_int_equal(proc_value(out, "s", "A", "VmPTE"), 28);
	assert_int_equal(proc_value(out, "s", "A", "oom_score_adj"), 100);
	assert_int_equal(proc_value(out, "s", "A", "minflt"), 10);
	has(out, "minflt=256 majflt=0 val=256");
	assert_int_equal(count(out, "minflt=256 majflt=0 val=256"), 2); /* zero pages too */
	has(out, " val=1024\n");					/* random places */
	assert_int_equal(proc_value(out, "u", "A", "oom_score_adj"), 200);
	assert_int_equal(proc_value(out, "u", "B", "oom_score_adj"), 5);
	assert_int_equal(proc_value(out, "v", "A", "VmLck"), 512);
	assert_int_equal(proc_value(out, "u", "A", "VmLck"), 0);
	/* The mapping's name went with it. */
	has(out, "@@bad ");
	has(out, "@@dead B pid=");
	has(out, "proc=B skipped");
	assert_int_equal(count(out, " sig=15 "), 2);
	has(out, "@@finish ns=");
	free(out);
}

static void test_files(void **state)
{
	char *out = perform(VM "mount ext4\n"
			       "mount tmpfs at=/t\n"
			       "spawn A\n"
			       "fread A /data/big 0 1M\n"
			       "fread A /data/small 63M 4M chunk=4K\n"
			       "fread A /data/none 0 1M\n"
			       "fwrite A /data/new 0 256K\n"
			       "fsync A /data/new\n"
			       "unlink A /data/new\n"
			       "unlink A /data/new\n"
			       "fwrite A /t/x 0 128K\n"
			       "fread A /t/x 64K 1M\n"
			       "mmap A f 4M file:/data/map\n"
			       "touch A f 0 4M\n"
			       "mmap A p 64K file:/data/map private\n"
			       "touch A p 0 64K\n"
			       "mmap A s 1M shared\n"
			       "touch A s 0 1M\n"
			       "files A /t/d 100\n"
			       "files A /t/d 150 stat from=0\n"
			       "files A /t/d 60 unlink from=50\n"
			       "files A /none/d 2\n"
			       "snap s lite\n"
			       "drop_caches\n"
			       "sync\n"
			       "compact\n");

	(void)state;
	has(out, "err=0 took="); /* the guest's form */
	has(out, " val=1048576\n");
	has(out, "proc=A err=-2 "); /* no such file */
	has(out, " val=262144\n");
	has(out, " val=131072\n");
	has(out, " val=65536\n"); /* to the end of /t/x */
	has(out, " val=1024\n");
	has(out, " val=100\n");
	has(out, " val=50\n");
	assert_int_equal(proc_value(out, "s", "A", "RssShmem") >= 1024, 1);
	has(out, "@@finish");
	free(out);
}

static void test_machine(void **state)
{
	char *out = perform(VM "swapon 32M\n"
			       "swapon 0 dev=swap1 prio=7\n"
			       "swapon 1M dev=swap7\n"
			       "delay swap0 1 2\n"
			       "delay nothing 1 2\n"
			       "sysctl vm.swappiness 10\n"
			       "sysctl vm/nothing 1\n"
			       "write /proc/sys/vm/lowmem_reserve_ratio 100 50 7 3 0\n"
			       "write /no/where 1\n"
			       "cat /proc/sys/vm/swappiness\n"
			       "cat /proc/nothing\n"
			       "cgcreate G\n"
			       "cgcreate G/H\n"
			       "cgcreate N/M\n"
			       "cgset G memory.max 8M\n"
			       "spawn A cg=G/H\n"
			       "cgmove A /\n"
			       "sleep 1000\n"
			       "& sleep 1\n"
			       "snap full\n"
			       "snap lite lite\n"
			       "vmstat v\n"
			       "capture c\n"
			       "pageflags p\n"
			       "trace 100 kmem:mm_page_alloc\n"
			       "tracedump\n"
			       "traceoff\n"
			       "dmesg\n"
			       "wait\n");

	(void)state;
	has(out, "device data /dev/pmem0\n");
	has(out, "device swap1 /dev/pmem2\n");
	has(out, "@@file /proc/sys/vm/swappiness\n10\n");
	has(out, "@@file /cg/G/memory.max\n8388608\n");
	has(out, "@@file /cg/G/H/memory.current\n");
	has(out, "@@file pageflags.p\n");
	has(out, "@@capture c ns=");
	has(out, "@@file /proc/1/status\n");
	assert_int_equal(count(out, "@@snap "), 3);
	assert_int_equal(count(out, "@@endsnap "), 3);
	assert_int_equal(count(out, "@@file /proc/cmdline\n"), 1);
	assert_int_equal(count(out, "@@file /proc/nothing"), 0);
	assert_int_equal(count(out, "err=-2\n") >= 4, 1);
	free(out);
}

/* Memory in swap comes back: anonymous, shared, of two processes. */
static void test_swapoff(void **state)
{
	char *out = perform("#vm mem=256M swap=96M swap=32M\n"
			    "swapon 96M\n"
			    "swapon 32M dev=swap1 prio=7\n"
			    "mount tmpfs at=/t\n"
			    "spawn A\n"
			    "fwrite A /t/f 0 40M\n"
			    "mmap A m 220M anon nothp\n"
			    "touch A m 0 200M fill=rand:40\n"
			    "fork A B\n"
			    "snap full lite\n"
			    "swapoff nothing\n"
			    "free A m 0 100M\n"
			    "free B m 0 100M\n"
			    "swapoff swap1\n"
			    "snap one lite\n"
			    "swapoff\n"
			    "snap none lite\n"
			    "swapoff\n"
			    "swapon 0 dev=swap1\n"
			    "touch B m 100M 100M\n"
			    "snap again lite\n");

	(void)state;
	assert_int_equal(count(out, "err=-22\n"), 2);
	assert_true(proc_value(out, "full", "A", "VmSwap") > 4000);
	assert_int_equal(proc_value(out, "none", "A", "VmSwap"), 0);
	assert_int_equal(proc_value(out, "none", "B", "VmSwap"), 0);
	assert_int_equal(proc_value(out, "none", "B", "RssAnon"), 102400 + 624);
	has(strstr(out, "@@snap none"), "SwapTotal:             0 kB");
	has(strstr(out, "@@snap again"), "SwapTotal:         32764 kB");
	free(out);
}

static const char deaths[] = "#vm mem=256M swap=32M\n"
			     "swapon 32M\n"
			     "spawn A\n"
			     "spawn B oom_score_adj=300\n"
			     "mmap A m 400M anon nothp\n"
			     "mmap B m 400M anon nothp\n"
			     "& touch B m 0 10M random seed=5 fill=rand:40\n"
			     "repeat 400 until dead>=1\n"
			     "  touch A m next 1M fill=rand:40\n"
			     "  touch B m next 1M fill=rand:40\n"
			     "end\n"
			     "snap one\n"
			     "repeat 400 until gone:A\n"
			     "  repeat 2\n"
			     "    touch A m next 1M fill=rand:40\n"
			     "  end\n"
			     "end\n"
			     "snap two\n";

static void test_deaths(void **state)
{
	char *out = perform(deaths), *again = perform(deaths);
	const char *b = strstr(out, "@@dead B "), *a = strstr(out, "@@dead A ");

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_true(b < a);
	assert_int_equal(count(out, "Out of memory: Killed process"), 2);
	has(out, "sig=9");
	has(out, "died\n");
	/* The same file, the same bytes. */
	assert_string_equal(out, again);
	free(out);
	free(again);
}

/* Whatever parses runs to its end. */
static void test_hostile(void **state)
{
	static const char *const lines[] = {
		"spawn A",
		"spawn B oom_score_adj=-1000",
		"spawn A membind=7",
		"spawn A cpu=9 cg=none",
		"mmap A m 1G anon",
		"mmap A m 3 shared",
		"mmap A n 1M file:/a/b/c",
		"mmap A m 0 anon",
		"mmap A h 4M anon hugetlb",
		"touch A m 0 40M",
		"touch A m 512G 1M",
		"touch A m next 1",
		"touch A m 1 5000 stride=1",
		"touch B m 0 64M random",
		"free A m",
		"free A m 1 5",
		"madvise A m collapse",
		"madvise A m 200 0 1",
		"mlock A m",
		"mlock B m 0 200G",
		"fread A / 0 1M",
		"fread A /proc/meminfo 0 1M",
		"fwrite A /x 0 10M",
		"fwrite A /x 100G 4K",
		"fsync A /",
		"unlink A /",
		"unlink A /driver",
		"files A / 3",
		"files A /d 3",
		"fork A B",
		"fork B C",
		"kill A",
		"exit B",
		"& touch A m 0 1M",
		"wait",
		"mount tmpfs at=/",
		"mount tmpfs size=1M",
		"mount ext4",
		"mount reiserfs",
		"swapon 0",
		"swapon 8K",
		"swapon 4096G",
		"swapoff",
		"swapoff swap1",
		"drop_caches 9",
		"compact",
		"delay swap0 0 0",
		"sysctl vm.min_free_kbytes 999999999",
		"sysctl kernel.pid_max 0",
		"write /proc/self/mem x",
		"write /sys 1",
		"cat /",
		"cat /proc",
		"cat /cg",
		"hugepages 99",
		"hugepages x size=9kB node=z",
		"cgcreate ..x",
		"cgcreate a/b/c",
		"cgcreate a",
		"cgset a memory.max 1",
		"cgset a cgroup.procs 0",
		"cgmove A a",
		"sleep 10",
		"snap x",
		"pageflags x",
		"capture x",
		"repeat 3 until gone:A",
		"end",
		"settle",
	};
	struct prng prng;
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	prng_seed(&prng, 7);
	for (int i = 0; i < 12; i++) {
		char text[8192] = "#vm mem=256M swap=32M swap=8M data=1\n";
		size_t len = strlen(text);
		struct oracle_script *s = NULL;

		for (int n = 0; n < 60; n++) {
			const char *line =
				n < 2 ? lines[n] : lines[prng_below(&prng, ARRAY_SIZE(lines))];
			size_t old = len;

			len += (size_t)sprintf(text + len, "%s\n", line);
			s = oracle_script_parse("t.txt", text, len, null);
			/* What the parser refuses goes; loops are left to be closed. */
			if (!s && strncmp(line, "repeat", 6))
				text[len = old] = 0;
			oracle_script_free(s);
		}
		s = oracle_script_parse("t.txt", text, len, null);
		/* A panic is an end too: 1. */
		if (s && oracle_run(s, "6.1", null, stderr))
			print_message("not to the end: scenario %d\n", i);
		oracle_script_free(s);
	}
	fclose(null);
}

/* Nobody may be killed: the machine panics, the program goes on. */
static void test_panic(void **state)
{
	static const char text[] = "#vm mem=256M\n"
				   "spawn A oom_score_adj=-1000\n"
				   "mmap A m 1G anon\n"
				   "touch A m 0 1G\n";
	struct oracle_script *s = oracle_script_parse("t.txt", text, strlen(text), stderr);
	char *said = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&said, &len), *null = fopen("/dev/null", "w");

	(void)state;
	assert_int_equal(oracle_run(s, "6.1", out, null), 1);
	fclose(out);
	fclose(null);
	has(said, "@@panic ns=");
	has(said, "no killable processes");
	assert_null(strstr(said, "@@finish"));
	free(said);
	oracle_script_free(s);
}

static void test_refusals(void **state)
{
	struct oracle_script *s = oracle_script_parse("t.txt", "snap a\n", 7, stderr);
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	assert_int_equal(oracle_run(s, "2.4", null, null), 1);
	oracle_script_free(s);
	s = oracle_script_parse("t.txt", "#vm mem=32M\n", 12, stderr);
	assert_int_equal(oracle_run(s, "6.1", null, null), 1);
	oracle_script_free(s);
	fclose(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),	cmocka_unit_test(test_files),
		cmocka_unit_test(test_machine), cmocka_unit_test(test_swapoff),
		cmocka_unit_test(test_deaths),	cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_panic),	cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
