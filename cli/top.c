/* SPDX-License-Identifier: MIT */
/*
 * quire top: a machine in the terminal, as it runs.
 *
 * Time passes as fast as asked for, in slices that leave the keys their turn.
 * top_back.c has the past: saved instants, and steps back.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/top.h"
#include "machine/capture.h"

#define NS_SEC	 1000000000ULL
#define SLICE_MS 80

static const char top_help[] =
	"usage: quire top [OPTIONS] SPEC\n\n"
	"Shows the machine of SPEC, a scenario, a capture or a saved one, in the terminal as it "
	"runs:\n"
	"processes in the order in which they would be killed, zones with their watermarks and\n"
	"free blocks, LRU lists, slab, pressure, and what happened.  h shows the keys.\n\n"
	"  --at TIME    run it to a time of the night (02:58, 3h) first\n"
	"  --speed N    simulated seconds a second (60)\n"
	"  --paused     stand still at first\n"
	"  --seed N     another seed than the file's\n\n"
	"Examples:\n"
	"  quire top examples/three-am.yaml\n"
	"  quire top --at 02:58 --speed 10 examples/three-am.yaml\n";

static u64 host_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* Lets simulated time pass up to `to`, as far as a slice of the host's allows. */
static void advance_to(struct top *t, u64 to)
{
	u64 began = host_ms();

	to = min(to, t->end);
	while (machine_now(t->m) < to && host_ms() - began < SLICE_MS)
		if (!machine_run_until(t->m, min(to, machine_now(t->m) + NS_SEC / 4), NULL, NULL)) {
			snprintf(t->message, sizeof(t->message),
				 "the machine panicked and stands still");
			t->paused = true;
			return;
		}
}

/* ---- keys ------------------------------------------------------------------------------------------- */

static void to_kill(struct top *t)
{
	u64 kill;
	char clock[16];

	snprintf(t->message, sizeof(t->message), "looking for the next kill ...");
	top_draw(t);
	if (!machine_run_before_kill(t->m, 10 * NS_SEC, t->end, &kill, NULL, NULL))
		snprintf(t->message, sizeof(t->message), "the host can't copy the machine");
	else if (kill == t->end)
		snprintf(t->message, sizeof(t->message), "nobody is killed any more");
	else {
		machine_clock_text(t->m, kill, clock);
		snprintf(t->message, sizeof(t->message), "the next kill is at %s", clock);
	}
	t->paused = true;
}

static void turn_to(struct top *t, enum top_page page)
{
	t->page = page;
	t->scroll = 0;
}

static void step(struct top *t, u64 ns)
{
	u64 to = machine_now(t->m) + ns;

	t->paused = true;
	while (machine_now(t->m) < min(to, t->end) && !*t->message)
		advance_to(t, to);
}

static void scroll_by(struct top *t, int n)
{
	t->scroll = (unsigned int)max((int)t->scroll + n, 0);
}

static void key(struct top *t, int c)
{
	static const struct {
		int key;
		enum top_page page;
	} pages[] = {{'p', TOP_PROCESSES}, {'z', TOP_ZONES}, {'s', TOP_SLAB},
		     {'l', TOP_LRU},	   {'e', TOP_LOG},   {'h', TOP_HELP}};

	*t->message = 0;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].key == c)
			turn_to(t, pages[i].page);
	if (c == ' ')
		t->paused = !t->paused;
	else if (c == '+')
		t->speed = min(t->speed * 2, 65536.0);
	else if (c == '-')
		t->speed = max(t->speed / 2, 1.0 / 64);
	else if (c == '.')
		step(t, NS_SEC);
	else if (c == '>')
		step(t, 60 * NS_SEC);
	else if (c == 'f')
		top_save(t);
	else if (c == 'b')
		top_back(t);
	else if (c == ',')
		top_back_by(t, NS_SEC);
	else if (c == '<')
		top_back_by(t, 60 * NS_SEC);
	else if (c == 'K')
		top_back_to_kill(t);
	else if (c == 'w')
		top_write(t);
	else if (c == 'k')
		to_kill(t);
	else if (c == 'q')
		t->quit = true;
	else if (c == KEY_DOWN || c == KEY_UP)
		scroll_by(t, c == KEY_DOWN ? 1 : -1);
	else if (c == KEY_NPAGE || c == KEY_PPAGE)
		scroll_by(t, c == KEY_NPAGE ? LINES - 8 : 8 - LINES);
}

static void loop(struct top *t)
{
	u64 was = host_ms();

	while (!t->quit) {
		u64 now;
		int c;

		top_checkpoint(t);
		top_go_on(t);
		top_draw(t);
		c = getch();
		now = host_ms();
		if (c != ERR)
			key(t, c);
		/* What passed while somebody else had the terminal does not count. */
		if (!t->paused && now - was < 2000)
			advance_to(t,
				   machine_now(t->m) + (u64)((double)(now - was) * 1e6 * t->speed));
		was = now;
	}
}

static int show(struct machine *m, struct top *t)
{
	t->m = m;
	if (!top_back_init(t)) {
		fputs("quire: no memory\n", stderr);
		return 1;
	}
	t->end = machine_length(m);
	if (!initscr()) {
		fputs("quire: top needs a terminal\n", stderr);
		return 1;
	}
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	timeout(100);
	if (has_colors() && !getenv("NO_COLOR")) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
	}
	loop(t);
	endwin();
	return 0;
}

/* The machine of a spec at its first instant, or that of the save. */
static struct machine *open_spec(const char *path, const unsigned long long *seed,
				 struct scenario **loaded)
{
	if (machine_is_saved(path))
		return machine_restore(path, stderr);
	if (capture_is(path))
		return machine_boot_capture(path, stderr);
	*loaded = scenario_load(path, stderr);
	if (*loaded && seed)
		(*loaded)->seed = *seed;
	return *loaded ? machine_boot(*loaded, stderr) : NULL;
}

static int top(const char *path, const char *at, const unsigned long long *seed, struct top *t)
{
	struct scenario *loaded = NULL;
	int tenth = 0, status = 2;
	struct machine *m;
	u64 ns = 0;

	if (!isatty(1) || !isatty(0)) {
		fputs("quire: top needs a terminal; quire run tells the story without one\n",
		      stderr);
		return 2;
	}
	m = open_spec(path, seed, &loaded);
	if (m && at && (!machine_scenario(m) || !scenario_instant(machine_scenario(m), at, &ns))) {
		fprintf(stderr,
			"quire: --at %s: neither a time of the night, as 02:58, nor a time after "
			"its start\n",
			at);
	} else if (m) {
		if (ns)
			machine_run_until(m, ns, cli_progress, &tenth);
		cli_progress_clear();
		status = show(m, t);
		/* A copy of a machine that waits is not taken down in order. */
		if (t->waiting || !loaded)
			_exit(status);
	}
	if (loaded)
		machine_destroy(m);
	scenario_free(loaded);
	return status;
}

int cmd_top(int argc, char **argv)
{
	static const struct option options[] = {
		{"at", required_argument, NULL, 'a'}, {"speed", required_argument, NULL, 'v'},
		{"paused", no_argument, NULL, 'p'},   {"seed", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},     {0}};
	struct top t = {.speed = 60};
	unsigned long long seed;
	const char *at = NULL;
	bool has_seed = false;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		end = "";
		if (c == 'h') {
			fputs(top_help, stdout);
			return 0;
		}
		if (c == 'a') {
			at = optarg;
		} else if (c == 'p') {
			t.paused = true;
		} else if (c == 's') {
			seed = strtoull(optarg, &end, 0);
			has_seed = true;
		} else if (c == 'v') {
			t.speed = strtod(optarg, &end);
			if (!(t.speed >= 1.0 / 64 && t.speed <= 65536))
				end = optarg;
		} else {
			end = "?";
		}
		if (*end) {
			fputs("quire: top: not a number, or no such option; `quire top --help` has "
			      "them\n",
			      stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs("quire: top needs one SPEC, as examples/three-am.yaml\n", stderr);
		return 2;
	}
	return top(argv[optind], at, has_seed ? &seed : NULL, &t);
}
