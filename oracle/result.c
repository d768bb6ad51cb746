/* SPDX-License-Identifier: MIT */
/*
 * Reads an out.txt: lines that begin with "@@" are the writer's own, the others
 * are the text of the file named last.
 *
 *	@@cmd LINE ns=NS TEXT	@@ok LINE ns=NS KEY=VALUE...	@@bad LINE TEXT
 *	@@dead NAME pid=N sig=N ns=NS		@@loop LINE rounds=N ns=NS
 *	@@snap LABEL ns=NS ... @@endsnap	@@proc NAME KEY=VALUE...
 *	@@file PATH				@@finish
 *
 * One pass cuts the buffer into lines and files in place.  Invariants: every
 * pointer points into the buffer, which ends with NUL; what grows is bounded by
 * the number of lines.  What makes no sense is left out, a file that ends early
 * is a result that did not finish: a judge must not fall over its evidence.
 */
#include "oracle/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Where the reader is. */
struct reader {
	struct oracle_result *r;
	struct oracle_snap *snap; /* NULL: outside */
	struct oracle_file *file; /* whose text is being read, or NULL */
	char *text_end;		  /* behind its last line */
	unsigned int last_line;	  /* of the last command */
	unsigned long round;	  /* backward jumps since the last loop ended */
	unsigned int loop_deaths;
	/* the commands seen by line, and what was touched by process */
	const char **by_line;
	size_t nr_lines;
	struct {
		const char *name;
		u64 touched;
	} procs[ORACLE_KNOWN_PROC];
	size_t nr_procs;
	bool no_memory;
};

#define SCRIPT_LINES 65536 /* a script is at most 64 KiB */

/* One more element, zeroed; NULL when the host has no memory. */
static void *add(struct reader *rd, void *array, size_t *nr, size_t size)
{
	void **a = array;
	size_t n = *nr;

	if ((n & (n - 1)) == 0) {
		void *bigger = realloc(*a, (n ? 2 * n : 1) * size);

		if (!bigger) {
			rd->no_memory = true;
			return NULL;
		}
		*a = bigger;
	}
	memset((char *)*a + n * size, 0, size);
	(*nr)++;
	return (char *)*a + n * size;
}

/* The value of KEY= in a line of such words, "" if there is none. */
static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = line; (p = strstr(p, key)); p += n)
		if ((p == line || p[-1] == ' ') && p[n] == '=')
			return p + n + 1;
	return "";
}

static u64 number_of(const char *line, const char *key)
{
	const char *p = value_of(line, key);
	u64 v = 0;

	oracle_number(&p, &v);
	return v;
}

/* Cuts the first word off *line. */
static char *word(char **line)
{
	char *w = *line;
	size_t n = strcspn(w, " ");

	*line = w + n;
	if (w[n])
		w[n] = 0, (*line)++;
	return w;
}

static void end_file(struct reader *rd)
{
	if (rd->file && rd->text_end)
		*rd->text_end = 0;
	rd->file = NULL;
	rd->text_end = NULL;
}

static void read_file(struct reader *rd, char *path)
{
	struct oracle_file *f;

	f = rd->snap ? add(rd, &rd->snap->files, &rd->snap->nr_files, sizeof(*f))
		     : add(rd, &rd->r->files, &rd->r->nr_files, sizeof(*f));
	if (!f)
		return;
	f->path = path;
	f->text = "";
	rd->file = f;
}

static void read_snap(struct reader *rd, char *rest)
{
	struct oracle_result *r = rd->r;
	struct oracle_snap *s;

	rd->snap = NULL;
	if (r->nr_snaps == ORACLE_SNAPS_MAX)
		return;
	s = add(rd, &r->snaps, &r->nr_snaps, sizeof(*s));
	if (!s)
		return;
	s->label = word(&rest);
	s->ns = number_of(rest, "ns");
	s->nr_steps = r->nr_steps;
	rd->snap = s;
}

static u64 *touched_by(struct reader *rd, const char *name, bool make)
{
	for (size_t i = 0; i < rd->nr_procs; i++)
		if (!strcmp(rd->procs[i].name, name))
			return &rd->procs[i].touched;
	if (!make || rd->nr_procs == ARRAY_SIZE(rd->procs))
		return NULL;
	rd->procs[rd->nr_procs].name = name;
	rd->procs[rd->nr_procs].touched = 0;
	return &rd->procs[rd->nr_procs++].touched;
}

static void read_proc(struct reader *rd, char *rest)
{
	struct oracle_proc *p;
	u64 *touched;

	if (!rd->snap)
		return;
	p = add(rd, &rd->snap->procs, &rd->snap->nr_procs, sizeof(*p));
	if (!p)
		return;
	p->name = word(&rest);
	p->values = rest;
	touched = touched_by(rd, p->name, false);
	p->touched = touched ? *touched : 0;
}

static void read_cmd(struct reader *rd, char *rest)
{
	char *line_text = word(&rest);
	unsigned long line = strtoul(line_text, NULL, 10);
	struct oracle_step *c;

	word(&rest); /* ns= */
	if (line == 0 || line >= SCRIPT_LINES)
		return;
	c = add(rd, &rd->r->steps, &rd->r->nr_steps, sizeof(*c));
	if (!c)
		return;
	c->line = (unsigned int)line;
	c->text = rest;
	rd->by_line[line] = rest;
	if (line <= rd->last_line)
		rd->round++;
	rd->last_line = (unsigned int)line;
}

/* [& ]touch P MAP next ...: the process's name, and that it is one. */
static bool is_touch_next(const char *cmd, char *name)
{
	char map[64], where[16];

	cmd += strncmp(cmd, "& ", 2) ? 0 : 2;
	return sscanf(cmd, "touch %31s %63s %15s", name, map, where) == 3 && !strcmp(where, "next");
}

static void read_ok(struct reader *rd, char *rest)
{
	unsigned long line = strtoul(word(&rest), NULL, 10);
	const char *err = value_of(rest, "err"), *proc = value_of(rest, "proc");
	char name[ORACLE_NAME_MAX];
	size_t n = strcspn(proc, " ");
	u64 *touched;

	if (*err && *err != '0')
		rd->r->nr_failed++;
	if (line == 0 || line >= SCRIPT_LINES || !rd->by_line[line] ||
	    !is_touch_next(rd->by_line[line], name) || strlen(name) != n || strncmp(name, proc, n))
		return;
	/* the name as it stands in the buffer: cut it there */
	touched = touched_by(rd, name, false);
	if (!touched) {
		u64 v = number_of(rest, "val");

		((char *)proc)[n] = 0;
		touched = touched_by(rd, proc, true);
		if (touched)
			*touched = v;
	} else if (*touched < ORACLE_NUM_MAX) {
		*touched += number_of(rest, "val");
	}
}

static void read_dead(struct reader *rd, char *rest)
{
	struct oracle_death *d = add(rd, &rd->r->deaths, &rd->r->nr_deaths, sizeof(*d));

	if (!d)
		return;
	d->name = word(&rest);
	d->pid = (int)(number_of(rest, "pid") & INT_MAX);
	d->sig = (int)(number_of(rest, "sig") & INT_MAX);
	d->round = rd->round + 1;
	d->in_loop = rd->round > 0;
	rd->loop_deaths += d->sig == 9;
}

static void read_loop(struct reader *rd, char *rest)
{
	struct oracle_loop *l = add(rd, &rd->r->loops, &rd->r->nr_loops, sizeof(*l));

	if (!l)
		return;
	l->line = (unsigned int)(strtoul(word(&rest), NULL, 10) & INT_MAX);
	l->rounds = number_of(rest, "rounds");
	l->deaths = rd->loop_deaths;
	rd->loop_deaths = 0;
	rd->round = 0;
}

static void read_own_line(struct reader *rd, char *line)
{
	char *kind = word(&line);

	end_file(rd);
	if (!strcmp(kind, "@@file"))
		read_file(rd, line);
	else if (!strcmp(kind, "@@cmd"))
		read_cmd(rd, line);
	else if (!strcmp(kind, "@@ok"))
		read_ok(rd, line);
	else if (!strcmp(kind, "@@snap"))
		read_snap(rd, line);
	else if (!strcmp(kind, "@@endsnap"))
		rd->snap = NULL;
	else if (!strcmp(kind, "@@proc"))
		read_proc(rd, line);
	else if (!strcmp(kind, "@@dead"))
		read_dead(rd, line);
	else if (!strcmp(kind, "@@loop"))
		read_loop(rd, line);
	else if (!strcmp(kind, "@@bad"))
		rd->r->nr_bad++;
	else if (!strcmp(kind, "@@finish"))
		rd->r->finished = true;
}

static void read_lines(struct reader *rd, char *p, char *end)
{
	while (p < end && !rd->no_memory) {
		char *nl = memchr(p, '\n', (size_t)(end - p));
		char *stop = nl ? nl : end;

		if (stop - p > 2 && p[0] == '@' && p[1] == '@') {
			*stop = 0;
			read_own_line(rd, p);
		} else if (rd->file) {
			if (!rd->text_end)
				rd->file->text = p;
			rd->text_end = stop;
		}
		p = stop + 1;
	}
	end_file(rd);
}

/* Labels that a loop repeats are told apart by how often they came before. */
static void count_labels(struct oracle_result *r)
{
	for (size_t i = 0; i < r->nr_snaps; i++)
		for (size_t k = i; k-- > 0;)
			if (!strcmp(r->snaps[k].label, r->snaps[i].label)) {
				r->snaps[i].occurrence = r->snaps[k].occurrence + 1;
				break;
			}
}

bool oracle_result_parse(struct oracle_result *r, char *buffer, size_t size, char *why,
			 size_t why_size)
{
	struct reader *rd = calloc(1, sizeof(*rd));

	memset(r, 0, sizeof(*r));
	r->buffer = buffer;
	r->size = size;
	r->log = "";
	buffer[size] = 0;
	if (rd)
		rd->by_line = calloc(SCRIPT_LINES, sizeof(*rd->by_line));
	if (rd && rd->by_line) {
		rd->r = r;
		read_lines(rd, buffer, buffer + size);
	}
	if (!rd || !rd->by_line || rd->no_memory) {
		snprintf(why, why_size, "not enough memory");
		if (rd)
			free(rd->by_line);
		free(rd);
		oracle_result_free(r);
		return false;
	}
	free(rd->by_line);
	free(rd);
	count_labels(r);
	for (size_t i = 0; i < r->nr_files; i++)
		if (!strcmp(r->files[i].path, "dmesg"))
			r->log = r->files[i].text;
	if (r->nr_snaps || r->nr_steps)
		return true;
	snprintf(why, why_size, "this is no output of a scenario: it has no line \"@@snap\"");
	oracle_result_free(r);
	return false;
}

/* The whole of a file, unpacked if it is packed; one byte to spare. */
static char *read_all(const char *path, size_t *size, char *why, size_t why_size)
{
	gzFile f;
	char *buffer = NULL;
	size_t room = 0;
	int n = 0;

	*size = 0;
	errno = 0;
	f = gzopen(path, "rb");
	if (!f) {
		snprintf(why, why_size, "%s", errno ? strerror(errno) : "not enough memory");
		return NULL;
	}
	do {
		*size += (size_t)n;
		if (*size + 1 >= room) {
			char *bigger;

			room = room ? 2 * room : 1 << 20;
			bigger = room <= ORACLE_TEXT_MAX ? realloc(buffer, room) : NULL;
			if (!bigger) {
				snprintf(why, why_size, "larger than %lu MiB",
					 ORACLE_TEXT_MAX >> 20);
				goto fail;
			}
			buffer = bigger;
		}
		n = gzread(f, buffer + *size, (unsigned int)(room - *size - 1));
	} while (n > 0);
	/* a packed file that was cut off gives what it has */
	if (n < 0 && *size == 0) {
		int e;
		const char *text = gzerror(f, &e);

		snprintf(why, why_size, "%s", e == Z_ERRNO ? strerror(errno) : text);
		goto fail;
	}
	gzclose(f);
	return buffer;
fail:
	gzclose(f);
	free(buffer);
	return NULL;
}

bool oracle_result_read(struct oracle_result *r, const char *path, char *why, size_t why_size)
{
	size_t size;
	char *buffer = read_all(path, &size, why, why_size);

	memset(r, 0, sizeof(*r));
	return buffer && oracle_result_parse(r, buffer, size, why, why_size);
}

void oracle_result_free(struct oracle_result *r)
{
	for (size_t i = 0; i < r->nr_snaps; i++) {
		free(r->snaps[i].files);
		free(r->snaps[i].procs);
	}
	free(r->snaps);
	free(r->files);
	free(r->steps);
	free(r->deaths);
	free(r->loops);
	free(r->buffer);
	memset(r, 0, sizeof(*r));
}

const struct oracle_snap *oracle_snap_find(const struct oracle_result *r, const char *label,
					   unsigned int occurrence)
{
	for (size_t i = 0; i < r->nr_snaps; i++)
		if (r->snaps[i].occurrence == occurrence && !strcmp(r->snaps[i].label, label))
			return &r->snaps[i];
	return NULL;
}

const struct oracle_proc *oracle_proc_find(const struct oracle_snap *s, const char *name)
{
	for (size_t i = 0; i < s->nr_procs; i++)
		if (!strcmp(s->procs[i].name, name))
			return &s->procs[i];
	return NULL;
}

const char *oracle_file_text(const struct oracle_snap *s, const char *path)
{
	for (size_t i = 0; i < s->nr_files; i++)
		if (!strcmp(s->files[i].path, path))
			return s->files[i].text;
	return NULL;
}
