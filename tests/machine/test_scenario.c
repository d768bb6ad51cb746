/* SPDX-License-Identifier: MIT */
/*
 * Scenario files: what is right loads with the values it says, what is wrong
 * is reported fault by fault, with file, line and mend, to the letter; and the
 * parsers of sizes, times, parts and dates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine/scenario.h"
#include "machine/units.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define NS_SEC	     1000000000ULL

#define HEAD  "name: t\nlength: 1h\n"		      /* lines 1, 2 */
#define NODES "nodes:\n  - {memory: 512M, cpus: 2}\n" /* lines 3, 4 */
#define DISKS "disks:\n  - {name: d0, size: 1G}\n"    /* lines 5, 6 */
#define GOOD  HEAD NODES

static char path[] = "/tmp/quire-scenario-XXXXXX";

static void write_file(const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Loads text; *messages is what was said, with the path as FILE. */
static struct scenario *load(const char *text, char **messages)
{
	struct scenario *s;
	char *said = NULL, *out, *p, *found;
	size_t len;
	FILE *err = open_memstream(&said, &len);

	assert_non_null(err);
	write_file(text, strlen(text));
	s = scenario_load(path, err);
	fclose(err);
	out = calloc(1, len + 1);
	assert_non_null(out);
	for (p = said; (found = strstr(p, path)); p = found + strlen(path)) {
		strncat(out, p, (size_t)(found - p));
		strcat(out, "FILE");
	}
	strcat(out, p);
	free(said);
	*messages = out;
	return s;
}

/* Fails unless text gives just this one fault. */
static void one_fault(const char *text, const char *fault)
{
	char expected[1024], *said;
	struct scenario *s = load(text, &said);

	snprintf(expected, sizeof(expected),
		 "FILE:%s\nFILE: 1 fault; nothing was run. quire-scenario(5) describes the file.\n",
		 fault);
	assert_null(s);
	if (strcmp(said, expected))
		fail_msg("of\n%s\nexpected: %s\nsaid:     %s", text, expected, said);
	free(said);
}

#define PROCESS(rest) GOOD "processes:\n  - name: p\n" rest	 /* lines 5, 6; rest from 7 */
#define WORK(rest)    PROCESS("    work:\n      - {" rest "}\n") /* line 8 */
#define MEMORY(rest)  PROCESS("    memory:\n      - {" rest "}\n")

static const struct {
	const char *text, *fault;
} faults[] = {
	/* the schema */
	{"", "1: the file is empty; see quire-scenario(5)"},
	{"- a\n", "1: must be keys with values (key: value)"},
	{NODES "name: t\n", "1: \"length\" is missing; it must be given"},
	{GOOD "lenght: 1h\n", "5: there is no key \"lenght\" here; did you mean \"length\"?"},
	{GOOD "seed: 1\nseed: 2\n", "6: \"seed\" is given twice; keep one"},
	{GOOD "seed: -1\n",
	 "5: seed: \"-1\" is not a whole number from 0 on that fits; write one, as 16"},
	{GOOD "seed: many\n",
	 "5: seed: \"many\" is not a whole number from 0 on that fits; write one, as 16"},
	{GOOD "description: [a]\n", "5: description: must be a single value"},
	{HEAD "nodes: []\n", "3: nodes: needs at least 1 entries, has 0"},
	{HEAD "nodes: 4\n", "3: nodes: must be a list (lines that start with \"- \")"},
	{HEAD "nodes:\n  - 32G\n", "4: nodes[0]: must be keys with values (key: value)"},
	{HEAD "nodes:\n  - {cpus: 2}\n", "4: nodes[0]: \"memory\" is missing; it must be given"},
	{GOOD "zswap: {enabled: maybe}\n", "5: zswap.enabled: \"maybe\" is neither true nor false"},
	{GOOD "zswap: {max_pool_percent: 20}\n",
	 "5: zswap: \"enabled\" is missing; it must be given"},
	{PROCESS("    oom_score_adj: low\n"),
	 "7: processes[0].oom_score_adj: \"low\" is not a whole number that fits; write one, as "
	 "-500"},
	{MEMORY("name: m, size: 1M, kind: odd"),
	 "8: processes[0].memory[0].kind: \"odd\" is none of: anon, shared, file, stack, hugetlb"},
	{WORK("do: sing"),
	 "8: processes[0].work[0].do: \"sing\" is none of: touch, grow, read, write, walk, "
	 "sockets, fork, free"},
	/* values */
	{GOOD "kernel: 3\n",
	 "5: kernel: \"3\" is not a kernel from 2.6.32 to 6.x; write its number "
	 "in quotes, as \"3.10\""},
	{GOOD "kernel: 2.4.20\n", "5: kernel: \"2.4.20\" is not a kernel from 2.6.32 to 6.x; write "
				  "its number in quotes, as \"3.10\""},
	{GOOD "kernel: \"7.1\"\n",
	 "5: kernel: \"7.1\" is not a kernel from 2.6.32 to 6.x; write its "
	 "number in quotes, as \"3.10\""},
	{"name: t\nlength: 1x\n" NODES,
	 "2: length: \"1x\" is not a time; write a number with ns, us, ms, s, m or h, as 70ns or "
	 "8h"},
	{"name: t\nlength: 0s\n" NODES, "2: length: must be more than 0, at most 31d"},
	{"name: t\nlength: 32d\n" NODES, "2: length: must be more than 0, at most 31d"},
	{GOOD "start: \"25:00\"\n",
	 "5: start: \"25:00\" is not a time of day; write hours and minutes, as 02:58"},
	{GOOD "date: 2026-02-30\n", "5: date: \"2026-02-30\" is not a day; write it as 2026-03-14"},
	{HEAD "nodes:\n  - {memory: 32X, cpus: 1}\n",
	 "4: nodes[0].memory: \"32X\" is not a size; write a number with K, M, G or T, as 32G"},
	{HEAD "nodes:\n  - {memory: 513K, cpus: 1}\n  - {memory: 512M, cpus: 1}\n",
	 "4: nodes[0].memory: must be a multiple of 4M (the largest free block)"},
	{HEAD "nodes:\n  - {memory: 64M, cpus: 1, reserved: 64M}\n",
	 "4: nodes[0].memory: less than what is reserved of it"},
	{HEAD "nodes:\n  - {memory: 32M, cpus: 1}\n",
	 "4: nodes: the machine needs at least 64M of memory"},
	{HEAD "nodes:\n  - {memory: 64M, cpus: 0}\n",
	 "4: nodes: the machine needs 1 to 512 CPUs, has 0"},
	{HEAD "nodes:\n  - {memory: 20T, cpus: 1}\n",
	 "4: nodes[0].memory: more than 16T in one node"},
	{GOOD "remote_distance: 9\n", "5: remote_distance: must be between local_distance and 254"},
	{GOOD "pci_hole: 5G\n", "5: pci_hole: must lie below 4G"},
	/* how memory is laid out */
	{GOOD "kernelcore: lots\n",
	 "5: kernelcore: \"lots\" is neither a size nor whole per cents; "
	 "write 4G or 30%"},
	{GOOD "movablecore: 0.5%\n",
	 "5: movablecore: \"0.5%\" is neither a size nor whole per cents; write 4G or 30%"},
	{GOOD "movable_node: true\nkernelcore: 1G\n",
	 "5: movable_node: kernelcore and movablecore say otherwise"},
	{GOOD "page_table_levels: 3\n", "5: page_table_levels: must be 4 or 5"},
	{GOOD "movable_node: maybe\n", "5: movable_node: \"maybe\" is neither true nor false"},
	{GOOD "cma: 3M\n", "5: cma: must be a multiple of 2M"},
	{GOOD "debug_guardpage_minorder: 6\n", "5: debug_guardpage_minorder: must be 0 to 5"},
	{HEAD "nodes:\n  - {memory: 512M, cpus: 1, hotpluggable: true}\n",
	 "4: nodes[0].hotpluggable: means nothing without movable_node"},
	{HEAD "nodes:\n  - {memory: 512M, cpus: 1, hugepages_1g: 1}\n",
	 "4: nodes[0].hugepages_1g: the pools are larger than the node's memory"},
	{HEAD "nodes:\n  - {memory: 512M, cpus: 1, hugepages_2m: 257}\n",
	 "4: nodes[0].hugepages_2m: the pools are larger than the node's memory"},
	{HEAD "nodes:\n  - {memory: 512M, cpus: 1, cma: 1G}\n",
	 "4: nodes[0].cma: must be a multiple of 2M, at most the node's memory"},
	{HEAD "nodes:\n  - {memory: 512M, cpus: 1, start: 4M}\n",
	 "4: nodes[0].start: the first node begins at 0"},
	{HEAD "nodes:\n  - {memory: 512M, cpus: 1}\n  - {memory: 512M, cpus: 1, start: 1M}\n",
	 "5: nodes[1].start: must be a multiple of 4M"},
	{HEAD "nodes:\n  - {memory: 512M, cpus: 1, distances: \"10 21\"}\n",
	 "4: nodes[0].distances: \"10 21\" is not 1 distances of 10 to 254, the node's own the "
	 "least; write them as \"10 21\""},
	{GOOD "sysfs:\n  - {name: a}\n", "6: sysfs[0]: \"value\" is missing; it must be given"},
	{GOOD "slab: slib\n", "5: slab: \"slib\" is not available; write slub, slab or slob"},
	{GOOD "lru_gen: maybe\n",
	 "5: lru_gen: \"maybe\" is no such setting; write on, off or a mask up to 0x0007"},
	{GOOD "transparent_hugepage: sometimes\n",
	 "5: transparent_hugepage: \"sometimes\" is no such mode; write always, madvise or never"},
	/* names */
	{GOOD DISKS "  - {name: d0, size: 1G}\n", "7: disks[1].name: two disks are called \"d0\""},
	{GOOD "disks:\n  - {name: a/b, size: 1G}\n",
	 "6: disks[0].name: must be a plain name, as nvme0n1"},
	{GOOD "swap:\n  - {device: d1, size: 1G}\n",
	 "6: swap[0].device: no disk is called \"d1\"; name one of disks"},
	{GOOD "swap:\n  - {type: zram, size: 1G, algorithm: gzip}\n",
	 "6: swap[0].algorithm: \"gzip\" is not available; write lzo-rle, lzo, lz4 or zstd"},
	{GOOD DISKS "swap:\n  - {type: tape, device: d0, size: 1G}\n",
	 "8: swap[0].type: \"tape\" is no such type; write disk or zram"},
	{GOOD "swap:\n  - {size: 1G}\n", "6: swap[0].device: must be given; name one of disks"},
	{GOOD DISKS "swap:\n  - {type: zram, device: d0, size: 1G}\n",
	 "8: swap[0].device: a zram lies on no disk"},
	{GOOD DISKS "swap:\n  - {device: d0, size: 1G, algorithm: lzo}\n",
	 "8: swap[0].algorithm: a disk does not compress; algorithm and mem_limit are a zram's"},
	{GOOD DISKS "swap:\n  - {device: d0, size: 1G, priority: 40000}\n",
	 "8: swap[0].priority: must be -29 to 32767"},
	{GOOD "zswap: {enabled: true, compressor: gzip}\n",
	 "5: zswap.compressor: \"gzip\" is not available; write lzo, lzo-rle, lz4 or zstd"},
	{GOOD DISKS "files:\n  - {name: f, disk: d0, count: 0, size: 1M}\n",
	 "8: files[0].count: must be 1 to 10000000"},
	{GOOD "cgroups:\n  - {path: web}\n",
	 "6: cgroups[0].path: \"web\" must be a path from the root, as /kubepods/web"},
	/* processes */
	{PROCESS("    oom_score_adj: 1001\n"),
	 "6: processes[0]: oom_score_adj 1001 is outside -1000 to 1000"},
	{PROCESS("    parent: q\n"), "6: processes[0]: parent \"q\" is no process named before it"},
	{PROCESS("    node: \"4\"\n"), "6: processes[0]: node \"4\" is not one of 0 to 0"},
	{PROCESS("    cgroup: /web\n"),
	 "6: processes[0]: cgroup \"/web\" is not listed in cgroups"},
	{PROCESS("    numa: near\n"),
	 "6: processes[0]: numa \"near\" is none of: default, local, interleave, bind:NODES, "
	 "preferred:NODE, preferred-many:NODES, weighted:NODES"},
	{PROCESS("    numa: weighted:0\n"),
	 "6: processes[0]: numa \"weighted:0\" needs weighted_interleave: true"},
	{PROCESS("    count: 30001\n"), "6: processes[0]: count must be 1 to 30000"},
	{MEMORY("name: m, size: 1M, touched: 2M"),
	 "8: processes[0].memory[0]: touched is more than size"},
	{MEMORY("name: m, size: 1M, kind: shared"),
	 "8: processes[0].memory[0]: kind shared needs share: the name under which others find it"},
	{GOOD
	 "processes:\n  - name: a\n    memory:\n      - {name: m, size: 4M, noreserve: true}\n",
	 "8: processes[0].memory[0]: mount, pagesize and noreserve are of kind hugetlb"},
	{GOOD "processes:\n  - name: a\n    memory:\n"
	      "      - {name: m, size: 4M, kind: hugetlb, pagesize: 4M}\n",
	 "8: processes[0].memory[0]: pagesize must be 2M or 1G"},
	{GOOD "processes:\n  - name: a\n    memory:\n"
	      "      - {name: m, size: 4M, kind: hugetlb, mount: /h, share: f}\n",
	 "8: processes[0].memory[0]: mount \"/h\" is the path of none of the scenario's hugetlbfs"},
	{GOOD "hugetlbfs:\n  - {path: /h}\n  - {path: /h}\n",
	 "7: hugetlbfs[1].path: two are mounted at \"/h\""},
	{GOOD "hugetlbfs:\n  - {path: h}\n",
	 "6: hugetlbfs[0].path: \"h\" must be a path from the root, as /dev/hugepages"},
	{GOOD "hugetlbfs:\n  - {path: /h}\nprocesses:\n  - name: a\n    memory:\n"
	      "      - {name: m, size: 4M, kind: hugetlb, mount: /h}\n",
	 "10: processes[0].memory[0]: mount needs share: the file's name"},
	{MEMORY("name: m, size: 1M, kind: file"),
	 "8: processes[0].memory[0]: kind file needs files: the name of one of the scenario's "
	 "files"},
	{MEMORY("name: m, size: 1M, content: poetry"),
	 "8: processes[0].memory[0]: content \"poetry\" is none of: text, heap, code, random, "
	 "zero"},
	{WORK("do: touch, amount: 1M"),
	 "8: processes[0].work[0]: needs region: the name of one of its memories, or heap"},
	{WORK("do: grow, region: m, amount: 1M"),
	 "8: processes[0].work[0]: region \"m\" is none of the process's memories"},
	{WORK("do: touch, region: heap"),
	 "8: processes[0].work[0]: needs amount: how much each time, as 4M"},
	{WORK("do: read, amount: 1M"),
	 "8: processes[0].work[0]: needs files: the name of one of the scenario's files"},
	{WORK("do: sockets"), "8: processes[0].work[0]: needs count: how many"},
	{WORK("do: touch, region: heap, amount: 1M, every: 1us"),
	 "8: processes[0].work[0]: every must be at least 1ms"},
	{WORK("do: touch, region: heap, amount: 1M, hot: 101%"),
	 "8: processes[0].work[0].hot: \"101%\" is not a part; write per cent, as 30%"},
};

static void test_one_fault_one_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		one_fault(faults[i].text, faults[i].fault);
}

static void test_all_faults_at_once(void **state)
{
	char *said;
	struct scenario *s = load("name: t\nlength: soon\nstart: noon\n" NODES
				  "processes:\n  - {name: p, rss: big, numa: near}\n",
				  &said);

	(void)state;
	assert_null(s);
	assert_string_equal(
		said,
		"FILE:3: start: \"noon\" is not a time of day; write hours and minutes, as 02:58\n"
		"FILE:2: length: \"soon\" is not a time; write a number with ns, us, ms, s, m or "
		"h, "
		"as 70ns or 8h\n"
		"FILE:7: processes[0]: numa \"near\" is none of: default, local, interleave, "
		"bind:NODES, "
		"preferred:NODE, preferred-many:NODES, weighted:NODES\n"
		"FILE:7: processes[0].rss: \"big\" is not a size; write a number with K, M, G or "
		"T, "
		"as 32G\n"
		"FILE: 4 faults; nothing was run. quire-scenario(5) describes the file.\n");
	free(said);
}

/* Not YAML, or not what we read of it. */
static void test_what_is_no_document(void **state)
{
	static const char *const texts[] = {"name: [", "name: &a t\nlength: *a\n", "\tname: t\n",
					    "name: \"\xff\xfe\"\n", "%YAML 9.9\n---\nname: t\n"};
	char *said;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_null(load(texts[i], &said));
		if (strncmp(said, "FILE:", 5) || !strchr(said, '\n'))
			fail_msg("%s: said %s", texts[i], said);
		free(said);
	}
	assert_null(load("name: &a t\nlength: *a\n", &said));
	assert_string_equal(said, "FILE:2: aliases (*name) are not allowed; write the value out\n");
	free(said);
}

/* Any prefix of a good file, and any byte of it changed: a fault or a
 * scenario, never a crash. */
static void test_damaged_files(void **state)
{
	static const char good[] =
		GOOD DISKS "swap:\n  - {device: d0, size: 64M}\nzswap: {enabled: true}\n"
			   "processes:\n  - name: p\n    memory:\n      - {name: m, size: 1M}\n"
			   "    work:\n      - {do: touch, region: m, amount: 4K}\n";
	static const char bytes[] = {'\0', '\n', '\t', '{', ']', ':', '-', '*', '"', '\x80'};
	char text[sizeof(good)], *said;

	(void)state;
	for (size_t n = 0; n < sizeof(good); n++) {
		memcpy(text, good, sizeof(good));
		text[n] = '\0';
		scenario_free(load(text, &said));
		free(said);
		for (size_t i = 0; i < ARRAY_LEN(bytes) && n + 1 < sizeof(good); i += 3) {
			memcpy(text, good, sizeof(good));
			text[n] = bytes[(i + n) % ARRAY_LEN(bytes)];
			scenario_free(load(text, &said));
			free(said);
		}
	}
}

static void test_values_of_a_good_file(void **state)
{
	char *said;
	struct scenario *s = load("name: t\nlength: 1h30m\nstart: \"23:00\"\nseed: 9\n"
				  "nodes:\n  - {memory: 1G, cpus: 2, reserved: 16M}\n" DISKS
				  "zswap: {enabled: true}\n"
				  "processes:\n  - name: p\n    work:\n"
				  "      - {do: touch, region: heap, amount: 1.5M}\n",
				  &said);
	uint64_t ns;

	(void)state;
	if (!s)
		fail_msg("%s", said);
	assert_string_equal(said, "");
	free(said);
	assert_int_equal(s->length.v, 5400 * NS_SEC);
	assert_int_equal(s->seed, 9);
	assert_int_equal(s->nodes[0].memory.v, 1ULL << 30);
	assert_int_equal(s->nodes[0].reserved.v, 16ULL << 20);
	assert_int_equal(s->local_distance, 10);
	assert_int_equal(s->remote_distance, 21);
	assert_int_equal(s->disks[0].read_latency.v, 80000);
	assert_int_equal(s->zswap->max_pool_percent, 20);
	assert_string_equal(s->hostname, "quire");
	assert_int_equal(s->processes[0].count, 1);
	assert_int_equal(s->processes[0].work[0].amount.v, 3ULL << 19);
	assert_int_equal(s->processes[0].work[0].hot.v, 2000);
	/* instants: of the night, past midnight, and after its start */
	assert_true(scenario_instant(s, "23:10", &ns) && ns == 600 * NS_SEC);
	assert_true(scenario_instant(s, "00:15", &ns) && ns == 4500 * NS_SEC);
	assert_true(scenario_instant(s, "90s", &ns) && ns == 90 * NS_SEC);
	assert_false(scenario_instant(s, "22:59", &ns));
	assert_false(scenario_instant(s, "2h", &ns));
	assert_false(scenario_instant(s, "", &ns));
	scenario_free(s);
}

static void check_kernel(const char *line, const char *release)
{
	char text[256], *said;
	struct scenario *s;

	snprintf(text, sizeof(text), GOOD "%s", line);
	s = load(text, &said);
	assert_string_equal(said, "");
	assert_non_null(s);
	if (release)
		assert_string_equal(s->release, release);
	else
		assert_null(s->release);
	scenario_free(s);
	free(said);
}

static void test_kernels(void **state)
{
	(void)state;
	check_kernel("", NULL);
	check_kernel("kernel: \"3.10\"\n", "3.10.0-quire");
	check_kernel("kernel: \"2.6.32\"\n", "2.6.32-quire");
	check_kernel("kernel: 6.12\n", "6.12.0-quire");
}

static void test_sizes(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(parse_size("0", &v) && v == 0);
	assert_true(parse_size("4096", &v) && v == 4096);
	assert_true(parse_size("1K", &v) && v == 1024);
	assert_true(parse_size("1k", &v) && v == 1024);
	assert_true(parse_size("1.5M", &v) && v == 1572864);
	assert_true(parse_size("32G", &v) && v == 32ULL << 30);
	assert_true(parse_size("2T", &v) && v == 2ULL << 40);
	assert_true(parse_size("3GiB", &v) && v == 3ULL << 30);
	assert_true(parse_size("7B", &v) && v == 7);
	assert_false(parse_size("", &v));
	assert_false(parse_size("G", &v));
	assert_false(parse_size("-1G", &v));
	assert_false(parse_size("1.G", &v));
	assert_false(parse_size("1 G", &v));
	assert_false(parse_size("1GG", &v));
	assert_false(parse_size("1P", &v));
	assert_false(parse_size("18446744073709551616", &v));
	assert_false(parse_size("16777216T", &v));
	assert_true(parse_size("16777215T", &v) && v == 16777215ULL << 40);
}

static void test_durations(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(parse_duration("70ns", &v) && v == 70);
	assert_true(parse_duration("80us", &v) && v == 80000);
	assert_true(parse_duration("5ms", &v) && v == 5000000);
	assert_true(parse_duration("1.5s", &v) && v == 1500000000);
	assert_true(parse_duration("10m", &v) && v == 600 * NS_SEC);
	assert_true(parse_duration("10min", &v) && v == 600 * NS_SEC);
	assert_true(parse_duration("1h30m", &v) && v == 5400 * NS_SEC);
	assert_true(parse_duration("2d", &v) && v == 172800 * NS_SEC);
	assert_false(parse_duration("", &v));
	assert_false(parse_duration("10", &v));
	assert_false(parse_duration("s", &v));
	assert_false(parse_duration("1h30", &v));
	assert_false(parse_duration("1w", &v));
	assert_false(parse_duration("-1s", &v));
	assert_false(parse_duration("999999999999d", &v));
}

static void test_clocks_parts_dates(void **state)
{
	uint64_t v;
	int64_t s;

	(void)state;
	assert_true(parse_clock("02:58", &v) && v == 10680 * NS_SEC);
	assert_true(parse_clock("23:59:59", &v) && v == 86399 * NS_SEC);
	assert_false(parse_clock("24:00", &v));
	assert_false(parse_clock("2:58", &v));
	assert_false(parse_clock("02:60", &v));
	assert_false(parse_clock("02:58:", &v));
	assert_false(parse_clock("02:58pm", &v));
	assert_true(parse_part("30%", &v) && v == 3000);
	assert_true(parse_part("0.5%", &v) && v == 50);
	assert_true(parse_part("100%", &v) && v == 10000);
	assert_false(parse_part("100.1%", &v));
	assert_false(parse_part("30", &v));
	assert_false(parse_part("%", &v));
	assert_true(parse_date("1970-01-01", &s) && s == 0);
	assert_true(parse_date("2000-02-29", &s) && s == 951782400);
	assert_true(parse_date("2026-03-14", &s) && s == 1773446400);
	assert_false(parse_date("2026-02-29", &s));
	assert_false(parse_date("1969-12-31", &s));
	assert_false(parse_date("2026-3-14", &s));
	assert_false(parse_date("2026-00-10", &s));
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_fault_one_line),
		cmocka_unit_test(test_all_faults_at_once),
		cmocka_unit_test(test_what_is_no_document),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_values_of_a_good_file),
		cmocka_unit_test(test_kernels),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_clocks_parts_dates),
	};
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	return cmocka_run_group_tests(tests, NULL, remove_file);
}
