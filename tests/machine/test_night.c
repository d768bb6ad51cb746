/* SPDX-License-Identifier: MIT */
/*
 * A whole machine through a small night (night.yaml): what must happen happens,
 * in its order; the machine is consistent every ten seconds and at the end; and
 * the night is a function of the scenario and the seed: a second run writes the
 * same log and the same /proc and /sys, byte for byte, another seed does not.
 */
#define _GNU_SOURCE
#include "tests/lib/testlib.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/machine.h"

#define SCENARIO "tests/machine/night.yaml"
#define STEP_NS	 (10 * NSEC_PER_SEC)

static char top[64]; /* the temporary folder */

struct night {
	struct scenario *scenario;
	struct machine *m;
	char *log; /* the events as text */
	size_t log_len;
	char tree[80]; /* where /proc and /sys were written */
};

static void report(void *ctx, const char *line)
{
	struct machine *m = ctx;
	char clock[16];

	machine_clock_text(m, machine_now(m), clock);
	print_error("verify at %s: %s\n", clock, line);
}

/* Runs a night to its end; the machine stays. */
static void run_night(struct night *n, u64 seed, const char *name)
{
	FILE *f;

	n->scenario = scenario_load(SCENARIO, stderr);
	assert_non_null(n->scenario);
	if (seed)
		n->scenario->seed = seed;
	n->m = machine_boot(n->scenario, stderr);
	assert_non_null(n->m);
	for (u64 ns = 0; ns < machine_length(n->m); ns += STEP_NS) {
		assert_int_equal(quire_verify(machine_quire(n->m), report, n->m), 0);
		assert_true(machine_run_until(n->m, ns + STEP_NS, NULL, NULL));
	}
	assert_int_equal(quire_verify(machine_quire(n->m), report, n->m), 0);
	f = open_memstream(&n->log, &n->log_len);
	assert_non_null(f);
	machine_write_events(n->m, f);
	fclose(f);
	snprintf(n->tree, sizeof(n->tree), "%s/%s", top, name);
	assert_int_equal(machine_dump_tree(n->m, n->tree, stderr), 0);
	/* To look does not change what is seen: once more is the same. */
	assert_int_equal(quire_verify(machine_quire(n->m), report, n->m), 0);
}

static void end_night(struct night *n)
{
	machine_destroy(n->m);
	scenario_free(n->scenario);
	free(n->log);
}

/* ---- comparing trees -------------------------------------------------------- */

static char *read_entry(const char *path, const struct stat *st, size_t *len)
{
	size_t size = (size_t)st->st_size;
	char *buf = calloc(1, size + 1);
	ssize_t n;

	assert_non_null(buf);
	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, buf, size);
	} else {
		int fd = open(path, O_RDONLY);

		assert_true(fd >= 0);
		n = read(fd, buf, size);
		close(fd);
	}
	assert_true(n >= 0);
	*len = (size_t)n;
	return buf;
}

/* Shows where two files part. */
static void show_difference(const char *path, const char *a, size_t alen, const char *b,
			    size_t blen)
{
	size_t i = 0, line = 0;

	while (i < alen && i < blen && a[i] == b[i]) {
		i++;
		if (i < alen && a[i - 1] == '\n')
			line = i;
	}
	print_error("%s differs:\n\t%.*s\n\t%.*s\n", path, (int)strcspn(a + line, "\n"), a + line,
		    (int)strcspn(b + line, "\n"), b + line);
}

/* How many entries below a differ from those below b; *nr counts all. */
static unsigned int compare_trees(const char *a, const char *b, unsigned int *nr, bool show)
{
	struct dirent **names_a, **names_b;
	int na = scandir(a, &names_a, NULL, alphasort), nb = scandir(b, &names_b, NULL, alphasort);
	unsigned int differ = na != nb;

	assert_true(na >= 0 && nb >= 0);
	if (differ && show)
		print_error("%s has %d entries, %s %d\n", a, na, b, nb);
	for (int i = 0; i < na && na == nb; i++) {
		const char *name = names_a[i]->d_name;
		char pa[512], pb[512], *ta, *tb;
		struct stat sa, sb;
		size_t la, lb;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		(*nr)++;
		if (strcmp(name, names_b[i]->d_name)) {
			differ++;
			if (show)
				print_error("%s/%s and %s\n", a, name, names_b[i]->d_name);
			break;
		}
		snprintf(pa, sizeof(pa), "%s/%s", a, name);
		snprintf(pb, sizeof(pb), "%s/%s", b, name);
		assert_int_equal(lstat(pa, &sa), 0);
		assert_int_equal(lstat(pb, &sb), 0);
		assert_int_equal(sa.st_mode, sb.st_mode);
		if (S_ISDIR(sa.st_mode)) {
			differ += compare_trees(pa, pb, nr, show);
			continue;
		}
		ta = read_entry(pa, &sa, &la);
		tb = read_entry(pb, &sb, &lb);
		if (la != lb || memcmp(ta, tb, la)) {
			differ++;
			if (show)
				show_difference(pa, ta, la, tb, lb);
		}
		free(ta);
		free(tb);
	}
	while (na)
		free(names_a[--na]);
	while (nb)
		free(names_b[--nb]);
	free(names_a);
	free(names_b);
	return differ;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* 7500 small files a tree: in memory if the system has such a place. */
static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	if (!tmp)
		tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	assert_true(strlen(tmp) < 40);
	snprintf(top, sizeof(top), "%s/quire-night-XXXXXX", tmp);
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the tests -------------------------------------------------------------- */

static const struct event *first_event(const struct machine *m, enum event_kind kind)
{
	const struct event *events;
	size_t n = machine_events((struct machine *)m, &events);

	for (size_t i = 0; i < n; i++)
		if (events[i].kind == kind)
			return &events[i];
	return NULL;
}

/* In the order in which Linux would do it. */
static void check_story(struct night *n)
{
	static const struct {
		enum event_kind kind;
		const char *name;
	} order[] = {
		{EV_BOOT, "boot"},	   {EV_KSWAPD_WAKE, "kswapd wakes"},
		{EV_ZSWAP_FIRST, "zswap"}, {EV_SWAP_FIRST, "swap"},
		{EV_OOM_KILL, "OOM kill"},
	};
	u64 last = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const struct event *e = first_event(n->m, order[i].kind);

		if (!e || e->ns < last) {
			fail_msg("%s: %s\n%s", order[i].name, e ? "too early" : "missing", n->log);
			return;
		}
		last = e->ns;
	}
}

static unsigned long vm_events(struct quire *q, enum vm_event_item first, enum vm_event_item second)
{
	return global_vm_event(q, first) + global_vm_event(q, second);
}

static void check_counters(struct quire *q)
{
	struct task *p;

	/* Clean cache shrank, dirty pages were written, both ways of swap used. */
	assert_true(global_vm_event(q, PGSTEAL_KSWAPD) > 10000);
	assert_true(global_vm_event(q, PGSTEAL_FILE) > 5000);
	assert_true(global_vm_event(q, PGSTEAL_ANON) > 1000);
	assert_true(global_vm_event(q, ZSWPOUT) > 1000);
	assert_true(vm_events(q, PSWPOUT, PSWPIN) > 1000);
	assert_true(vm_events(q, PGPGIN, PGPGOUT) > 10000);
	assert_true(global_vm_event(q, PGFAULT) > 100000);
	assert_true(global_vm_event(q, PGMAJFAULT) > 0);
	assert_true(q->oom->nr_kills >= 1);
	/* The leak is gone, the database and the group's processes are not. */
	for_each_process(q, p) assert_string_not_equal(p->comm, "ledgerd");
}

static unsigned int count_processes(struct quire *q, const char *comm)
{
	unsigned int n = 0;
	struct task *p;

	for_each_process(q, p) n += !strcmp(p->comm, comm);
	return n;
}

static void test_same_night_twice(void **state)
{
	struct night a = {0}, b = {0}, c = {0};
	unsigned int nr = 0, other = 0;
	void *shift;

	(void)state;
	run_night(&a, 0, "a");
	check_story(&a);
	check_counters(machine_quire(a.m));
	assert_int_equal(count_processes(machine_quire(a.m), "postgres"), 5);
	assert_int_equal(count_processes(machine_quire(a.m), "nginx"), 1);
	/* The host's memory lies elsewhere the second time: the first machine is
	 * still there. */
	shift = malloc(54321);
	run_night(&b, 0, "b");
	free(shift);
	assert_string_equal(a.log, b.log);
	assert_int_equal(compare_trees(a.tree, b.tree, &nr, true), 0);
	assert_true(nr > 1000);
	end_night(&b);
	run_night(&c, a.scenario->seed + 1, "c");
	assert_string_not_equal(a.log, c.log);
	assert_true(compare_trees(a.tree, c.tree, &other, false) > 20);
	end_night(&c);
	end_night(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_night_twice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
