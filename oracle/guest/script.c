/* SPDX-License-Identifier: MIT */
/*
 * The scenario: one command a line, loops of lines.  ../scenarios/README is
 * the description of the language.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "guest.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define MAX_LINES 4096
#define MAX_WORDS 40

static char *lines[MAX_LINES];
static int nr_lines;

/* ---- words ------------------------------------------------------------------ */

uint64_t size_of(const char *s)
{
	char *e;
	uint64_t v = strtoull(s, &e, 0);

	switch (*e) {
	case 'k':
	case 'K':
		return v << 10;
	case 'm':
	case 'M':
		return v << 20;
	case 'g':
	case 'G':
		return v << 30;
	case 'p':
	case 'P':
		return v * PAGE;
	}
	return v;
}

const char *option(char **word, int n, const char *key)
{
	size_t len = strlen(key);

	for (int i = 0; i < n; i++)
		if (!strncmp(word[i], key, len) && word[i][len] == '=')
			return word[i] + len + 1;
	return NULL;
}

bool has_word(char **word, int n, const char *w)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(word[i], w))
			return true;
	return false;
}

static uint64_t size_option(char **word, int n, const char *key, uint64_t otherwise)
{
	const char *v = option(word, n, key);

	return v ? size_of(v) : otherwise;
}

static void options(struct cmd *c, char **word, int n)
{
	const char *v = option(word, n, "seed");

	c->seed = v ? strtoull(v, NULL, 0) : 1;
	c->stride = size_option(word, n, "stride", PAGE);
	c->piece = size_option(word, n, "piece", c->stride);
	c->chunk = size_option(word, n, "chunk", 64 * 1024);
	c->fill = FILL_WORD;
	v = option(word, n, "fill");
	if (v && !strcmp(v, "zero")) {
		c->fill = FILL_ZERO;
	} else if (v && !strcmp(v, "same")) {
		c->fill = FILL_SAME;
	} else if (v && !strncmp(v, "rand:", 5)) {
		c->fill = FILL_RAND;
		c->pct = atoi(v + 5);
	}
	if (has_word(word, n, "random"))
		c->flags |= F_RANDOM;
}

static void bad(const char *text)
{
	outf("@@bad %d %s\n", line_now, text);
}

static void ok(int err)
{
	outf("@@ok %d ns=%llu err=%d\n", line_now, now(), err);
}

/* ---- commands to a worker --------------------------------------------------- */

static void born(struct proc *p)
{
	if (p)
		outf("@@ok %d ns=%llu pid=%d\n", line_now, now(), p->pid);
	else
		ok(-ENOMEM);
}

static int set_oom_score_adj(struct proc *p, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", p->pid);
	return put(path, value);
}

static void end_worker(struct proc *p, bool killed)
{
	struct cmd c = {.op = OP_EXIT};

	collect(p);
	if (!p->alive)
		return;
	if (killed)
		kill(p->pid, SIGTERM);
	else
		send(p->fd, &c, sizeof(c), MSG_NOSIGNAL);
	bury(p);
	ok(0);
}

static bool parse_mmap(struct cmd *c, struct proc *p, char **word, int n)
{
	static const struct {
		const char *word;
		int flag;
	} flags[] = {{"thp", F_THP},
		     {"nothp", F_NOTHP},
		     {"populate", F_POPULATE},
		     {"hugetlb", F_HUGETLB}};

	if (n < 5)
		return false;
	c->op = OP_MMAP;
	c->map = find_map(p, word[2], true);
	c->len = size_of(word[3]);
	if (!strcmp(word[4], "shared"))
		c->flags |= F_SHARED;
	if (!strncmp(word[4], "file:", 5)) {
		c->flags |= F_FILE | F_SHARED;
		snprintf(c->path, sizeof(c->path), "%s", word[4] + 5);
	}
	if (has_word(word, n, "private"))
		c->flags &= ~F_SHARED;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (has_word(word, n, flags[i].word))
			c->flags |= flags[i].flag;
	if (c->map < 0)
		return false;
	p->cursor[c->map] = 0;
	return true;
}

static bool parse_file(struct cmd *c, char **word, int n)
{
	static const char *const ops[] = {"create", "stat", "unlink"};
	const char *from = option(word, n, "from");

	snprintf(c->path, sizeof(c->path), "%s", word[2]);
	if (!strcmp(word[0], "unlink")) {
		c->op = OP_UNLINK;
		return true;
	}
	if (!strcmp(word[0], "fsync")) {
		c->op = OP_FSYNC;
		return true;
	}
	if (!strcmp(word[0], "files")) {
		if (n < 4)
			return false;
		c->op = OP_FILES;
		c->len = size_of(word[3]);
		c->off = from ? size_of(from) : 0;
		for (int i = 0; i < 3; i++)
			if (has_word(word, n, ops[i]))
				c->pct = i;
		return true;
	}
	c->op = !strcmp(word[0], "fread") ? OP_READ : OP_WRITE;
	if (n > 4) {
		c->off = size_of(word[3]);
		c->len = size_of(word[4]);
	}
	return true;
}

static int advice_of(const char *w)
{
	static const struct {
		const char *word;
		int advice;
	} table[] = {{"hugepage", MADV_HUGEPAGE},
		     {"nohugepage", MADV_NOHUGEPAGE},
		     {"cold", 20},
		     {"pageout", 21},
		     {"free", 8},
		     {"collapse", MADV_COLLAPSE},
		     {"mergeable", 12},
		     {"dontneed", 4}};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(w, table[i].word))
			return table[i].advice;
	return atoi(w);
}

static void range(struct cmd *c, char **word, int n, int at)
{
	if (n > at + 1) {
		c->off = size_of(word[at]);
		c->len = size_of(word[at + 1]);
	}
}

/* touch, free, mlock, munlock, madvise: on a mapping that there is. */
static bool parse_range(struct cmd *c, struct proc *p, char **word, int n)
{
	const char *k = word[0];

	c->map = n > 2 ? find_map(p, word[2], false) : -1;
	if (c->map < 0)
		return false;
	if (!strcmp(k, "touch") && n > 4) {
		c->op = OP_TOUCH;
		range(c, word, n, 3);
		if (!strcmp(word[3], "next")) {
			c->off = p->cursor[c->map];
			p->cursor[c->map] += c->len;
		}
		if (!has_word(word, n, "read"))
			c->flags |= F_WRITE;
		return true;
	}
	if (!strcmp(k, "free")) {
		c->op = n == 3 ? OP_UNMAP : OP_DONTNEED;
		if (n == 3)
			p->map[c->map][0] = 0;
		range(c, word, n, 3);
		if (!option(word, n, "stride"))
			c->stride = c->piece = c->len;
		return n == 3 || n > 4;
	}
	if (!strcmp(k, "mlock") || !strcmp(k, "munlock")) {
		c->op = *k == 'm' && k[1] == 'l' ? OP_MLOCK : OP_MUNLOCK;
		range(c, word, n, 3);
		return true;
	}
	if (!strcmp(k, "madvise") && n > 3) {
		c->op = OP_MADVISE;
		c->pct = advice_of(word[3]);
		range(c, word, n, 4);
		return true;
	}
	return false;
}

static bool is_file_command(const char *k)
{
	static const char *const names[] = {"fread", "fwrite", "fsync", "unlink", "files"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(k, names[i]))
			return true;
	return false;
}

static void worker_command(const char *text, char **word, int n, bool wait)
{
	struct proc *p = n > 1 ? find_proc(word[1]) : NULL;
	struct cmd c = {0};
	bool fine;

	if (!p) {
		bad(text);
		return;
	}
	if (!p->alive) {
		outf("@@ok %d ns=%llu proc=%s skipped\n", line_now, now(), p->name);
		return;
	}
	if (!strcmp(word[0], "kill") || !strcmp(word[0], "exit")) {
		end_worker(p, *word[0] == 'k');
		return;
	}
	if (!strcmp(word[0], "oom_score_adj") && n > 2) {
		ok(set_oom_score_adj(p, word[2]));
		return;
	}
	if (!strcmp(word[0], "fork") && n > 2) {
		born(crew_fork(p, word, n));
		return;
	}
	options(&c, word, n);
	if (!strcmp(word[0], "mmap"))
		fine = parse_mmap(&c, p, word, n);
	else if (is_file_command(word[0]))
		fine = n > 2 && parse_file(&c, word, n);
	else
		fine = parse_range(&c, p, word, n);
	if (fine)
		tell(p, &c, wait);
	else
		bad(text);
}

/* ---- lines ------------------------------------------------------------------ */

static void do_line(const char *text)
{
	static char copy[1024];
	char *word[MAX_WORDS + 1];
	bool wait = true;
	int n = 0, err;

	strncpy(copy, text, sizeof(copy) - 1);
	for (char *s = strtok(copy, " \t"); s && n < MAX_WORDS; s = strtok(NULL, " \t"))
		word[n++] = s;
	if (!n || word[0][0] == '#')
		return;
	outf("@@cmd %d ns=%llu %s\n", line_now, now(), text);
	if (!strcmp(word[0], "&")) {
		wait = false;
		memmove(word, word + 1, --n * sizeof(*word));
	}
	if (n > 1 && !strcmp(word[0], "spawn")) {
		born(crew_spawn(word, n));
		return;
	}
	err = n ? system_command(word, n) : NOT_MINE;
	if (err == NOT_MINE)
		worker_command(text, word, n, wait);
	else if (err != DONE)
		ok(err);
}

static char *skip_blanks(char *s)
{
	return s + strspn(s, " \t");
}

/* until dead>=N | until gone:NAME */
static bool met(const char *cond)
{
	struct proc *p;

	reap();
	if (!strncmp(cond, "dead>=", 6))
		return nr_dead >= atoi(cond + 6);
	if (strncmp(cond, "gone:", 5))
		return false;
	p = find_proc(cond + 5);
	return !p || !p->alive;
}

/* The line of the "end" that belongs to the repeat before from. */
static int find_end(int from, int to)
{
	int depth = 1, i;

	for (i = from; i < to; i++) {
		char *s = skip_blanks(lines[i]);

		if (!strncmp(s, "repeat ", 7))
			depth++;
		else if (!strncmp(s, "end", 3) && !--depth)
			break;
	}
	return i;
}

static void run_lines(int from, int to)
{
	for (int i = from; i < to; i++) {
		char *s = skip_blanks(lines[i]), *until;
		long rounds = 0, max;
		int end;

		line_now = i + 1;
		if (strncmp(s, "repeat ", 7)) {
			do_line(s);
			continue;
		}
		max = atol(s + 7);
		until = strstr(s, "until ");
		end = find_end(i + 1, to);
		for (; rounds < max && !(until && met(until + 6)); rounds++)
			run_lines(i + 1, end);
		outf("@@loop %d rounds=%ld ns=%llu\n", i + 1, rounds, now());
		i = end;
	}
}

void script_run(char *text)
{
	while (*text && nr_lines < MAX_LINES) {
		char *e = strchr(text, '\n');

		lines[nr_lines++] = text;
		if (!e)
			break;
		*e = 0;
		text = e + 1;
	}
	run_lines(0, nr_lines);
}
