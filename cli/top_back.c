/* SPDX-License-Identifier: MIT */
/*
 * quire top: back to where the machine was.
 *
 * A saved instant is a process that waits: fork(2) makes a copy, which goes on
 * with the terminal, and when the copy ends with the status BACK, the one that
 * waited goes on from its instant.  So they form a chain, the newest at its end.
 *
 * Besides those that `f` asks for, one is left every CHECKPOINT of the night.  A
 * step back to any instant wakes the newest that is not later, which runs on to
 * that instant: nothing in here changes the machine, so it is the same night to
 * the byte.  On the way it leaves one a little before the instant, so that the
 * next steps back are short.
 *
 * What is wanted, and what the screen shows, is in memory that all share.
 */
#define _GNU_SOURCE
#include <ncurses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/top.h"

/* Behind our own names of the same things. */
#include <sys/mman.h>

#define NS_SEC	   1000000000ULL
#define BACK	   42 /* exit status of a copy: its parent goes on */
#define CHECKPOINT (20 * 60 * NS_SEC)
#define MOST	   48U		  /* that wait */
#define NEAR	   (300 * NS_SEC) /* before an instant that was stepped back to */

struct top_wish {
	bool to_save; /* to the newest that `f` made, whenever that was */
	u64 at;
	enum top_page page;
	double speed;
};

bool top_back_init(struct top *t)
{
	t->wish = mmap(NULL, sizeof(*t->wish), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (t->wish == MAP_FAILED)
		t->wish = NULL;
	return t->wish != NULL;
}

__attribute__((noreturn)) static void wake_parent(const struct top *t)
{
	t->wish->page = t->page;
	t->wish->speed = t->speed;
	_exit(BACK);
}

/* In the one that waited.  True: this instant is where its next copy starts from;
 * false: it goes on itself, and is a saved instant no more. */
static bool woken(struct top *t, bool by_hand)
{
	const struct top_wish *w = t->wish;

	t->page = w->page;
	t->speed = w->speed;
	t->paused = true;
	t->goal = 0;
	clearok(stdscr, TRUE);
	if (w->to_save && by_hand) {
		snprintf(t->message, sizeof(t->message), "back at the saved instant");
		return false;
	}
	if (w->to_save || w->at < machine_now(t->m)) {
		if (t->waiting)
			_exit(BACK);
		snprintf(t->message, sizeof(t->message), "back at the first instant");
	} else {
		t->goal = w->at;
	}
	return true;
}

/* Returns in the copy; in the one that waited if it goes on itself. */
static void leave_copy(struct top *t, bool by_hand)
{
	int status;
	pid_t pid;

	do {
		refresh();
		pid = fork();
		if (pid < 0) {
			snprintf(t->message, sizeof(t->message), "the host can't copy the machine");
			return;
		}
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			model_forked(machine_model(t->m));
			t->waiting++;
			t->saved += by_hand;
			t->checkpoint = machine_now(t->m);
			return;
		}
		/* The copy has the terminal now; this machine stands still. */
		while (waitpid(pid, &status, 0) < 0)
			;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != BACK)
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	} while (woken(t, by_hand));
}

void top_save(struct top *t)
{
	unsigned int saved = t->saved;

	leave_copy(t, true);
	if (t->saved > saved)
		snprintf(t->message, sizeof(t->message), "saved; b comes back to this instant");
}

void top_checkpoint(struct top *t)
{
	if (t->wish && t->waiting < MOST &&
	    (!t->waiting || machine_now(t->m) >= t->checkpoint + CHECKPOINT))
		leave_copy(t, false);
}

void top_back(struct top *t)
{
	if (!t->saved) {
		snprintf(t->message, sizeof(t->message), "nothing was saved; f saves");
		return;
	}
	t->wish->to_save = true;
	wake_parent(t);
}

static void back_to(struct top *t, u64 at)
{
	if (!t->waiting) {
		snprintf(t->message, sizeof(t->message), "there is nothing before this");
		return;
	}
	t->wish->to_save = false;
	t->wish->at = at;
	wake_parent(t);
}

void top_back_by(struct top *t, u64 ns)
{
	u64 now = machine_now(t->m);

	back_to(t, now > ns ? now - ns : 0);
}

void top_back_to_kill(struct top *t)
{
	const struct event *events;
	size_t nr = machine_events(t->m, &events);
	u64 before = 10 * NS_SEC, now = machine_now(t->m);

	/* A second time: to the kill before that one. */
	while (nr-- > 0)
		if (events[nr].kind == EV_OOM_KILL && events[nr].ns + NS_SEC <= now + before &&
		    events[nr].ns <= now) {
			back_to(t, events[nr].ns > before ? events[nr].ns - before : 0);
			return;
		}
	snprintf(t->message, sizeof(t->message), "nobody was killed before this");
}

void top_go_on(struct top *t)
{
	u64 goal = t->goal;

	if (!goal)
		return;
	t->goal = 0;
	if (goal > machine_now(t->m) + NEAR && t->waiting < MOST) {
		machine_run_until(t->m, goal - NEAR, NULL, NULL);
		t->goal = goal;
		leave_copy(t, false);
		/* In the copy it is that instant still; woken, the one wanted then. */
		goal = t->goal;
		t->goal = 0;
	}
	if (goal)
		machine_run_until(t->m, goal, NULL, NULL);
	snprintf(t->message, sizeof(t->message), "back; . and > go on");
}

void top_write(struct top *t)
{
	char name[40], clock[16], *why = NULL;
	size_t len = 0;
	FILE *err = open_memstream(&why, &len);

	machine_clock_text(t->m, machine_now(t->m), clock);
	for (char *c = clock; *c; c++)
		if (*c == ':')
			*c = '-';
	snprintf(name, sizeof(name), "quire-%s.machine", clock);
	if (err && machine_save(t->m, name, err))
		snprintf(t->message, sizeof(t->message), "written: quire top %s", name);
	if (err)
		fclose(err);
	if (why && *why)
		snprintf(t->message, sizeof(t->message), "%.*s", (int)strcspn(why, "\n"), why);
	free(why);
}
