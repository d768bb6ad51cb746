/* SPDX-License-Identifier: MIT */
/*
 * Reads a scenario: lines to words, words to commands by one table.
 *
 * Each command's line of the table says which words it wants in which order
 * (a letter each, those after '?' may be left out), which key=value and which
 * flags may stand behind them.  All errors of a file are told, not the first
 * alone.
 *
 * Invariants of a script that was returned: every repeat knows its end, every
 * process that a command names was started in a line above, every string
 * points into the script's own text.
 */
#include "oracle/script_parse.h"
#include "base/hot.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * Places: p a process, P a new process, m a mapping, M a new mapping, s a
 * size, o a size or "next", n a number, i a number with a sign, a a path, w a
 * word, k what is mapped, A an advice, ... * the rest of the line.
 */
#define K(key)	(1u << KEY_##key)
#define F(flag) FLAG_##flag

static const struct command {
	const char *name;
	enum oracle_op op;
	const char *places;
	unsigned int keys, flags;
	const char *usage;
} commands[] = {
	{"spawn", OP_SPAWN, "P",
	 K(OOM_SCORE_ADJ) | K(CPU) | K(CG) | K(MEMBIND) | K(PREFER) | K(INTERLEAVE), 0,
	 "spawn P [oom_score_adj=N] [cpu=N] [cg=GROUP] [membind=NODE|prefer=NODE|interleave=MASK]"},
	{"fork", OP_FORK, "pQ", K(OOM_SCORE_ADJ), 0, "fork P Q [oom_score_adj=N]"},
	{"mmap", OP_MMAP, "pMsk", 0, F(PRIVATE) | F(THP) | F(NOTHP) | F(POPULATE) | F(HUGETLB),
	 "mmap P MAP BYTES anon|shared|file:PATH [private] [thp|nothp] [populate] [hugetlb]"},
	{"touch", OP_TOUCH, "pmos", K(STRIDE) | K(SEED) | K(FILL), F(READ) | F(WRITE) | F(RANDOM),
	 "touch P MAP OFFSET|next BYTES [read|write] [stride=BYTES] [random] [seed=N] [fill=...]"},
	{"free", OP_FREE, "pm?ss", K(STRIDE) | K(PIECE), 0,
	 "free P MAP [OFFSET BYTES [stride=BYTES piece=BYTES]]"},
	{"madvise", OP_MADVISE, "pmA?ss", 0, 0, "madvise P MAP ADVICE [OFFSET BYTES]"},
	{"mlock", OP_MLOCK, "pm?ss", 0, 0, "mlock P MAP [OFFSET BYTES]"},
	{"munlock", OP_MUNLOCK, "pm?ss", 0, 0, "munlock P MAP [OFFSET BYTES]"},
	{"fread", OP_FREAD, "pass", K(CHUNK) | K(SEED) | K(FILL), 0,
	 "fread P PATH OFFSET BYTES [chunk=BYTES]"},
	{"fwrite", OP_FWRITE, "pass", K(CHUNK) | K(SEED) | K(FILL), 0,
	 "fwrite P PATH OFFSET BYTES [chunk=BYTES] [fill=...] [seed=N]"},
	{"fsync", OP_FSYNC, "pa", 0, 0, "fsync P PATH"},
	{"unlink", OP_UNLINK, "pa", 0, 0, "unlink P PATH"},
	{"files", OP_FILES, "pal", K(FROM), F(CREATE) | F(STAT) | F(UNLINK),
	 "files P DIR N [create|stat|unlink] [from=M]"},
	{"oom_score_adj", OP_OOM_SCORE_ADJ, "pi", 0, 0, "oom_score_adj P N"},
	{"kill", OP_KILL, "p", 0, 0, "kill P"},
	{"exit", OP_EXIT, "p", 0, 0, "exit P"},
	{"device", OP_DEVICE, "wa", 0, 0, "device NAME PATH"},
	{"settle", OP_SETTLE, "", 0, 0, "settle"},
	{"mount", OP_MOUNT, "?w*", K(AT), 0, "mount ext4|tmpfs [OPTIONS] [at=DIR]"},
	{"swapon", OP_SWAPON, "s", K(DEV) | K(PRIO), 0, "swapon SIZE [dev=swap0] [prio=N]"},
	{"swapoff", OP_SWAPOFF, "?w", 0, 0, "swapoff [swap0]"},
	{"drop_caches", OP_DROP_CACHES, "?w", 0, 0, "drop_caches [N]"},
	{"compact", OP_COMPACT, "", 0, 0, "compact"},
	{"sync", OP_SYNC, "", 0, 0, "sync"},
	{"delay", OP_DELAY, "wrW", 0, 0, "delay swap0|data READ_MS WRITE_MS"},
	{"sysctl", OP_SYSCTL, "w*", 0, 0, "sysctl NAME VALUE.."},
	{"write", OP_WRITE, "a*", 0, 0, "write PATH VALUE.."},
	{"hugepages", OP_HUGEPAGES, "w", K(SIZE) | K(NODE), 0,
	 "hugepages N [size=2048kB|1048576kB] [node=N]"},
	{"cgcreate", OP_CGCREATE, "g", 0, 0, "cgcreate GROUP"},
	{"cgset", OP_CGSET, "gw*", 0, 0, "cgset GROUP FILE VALUE.."},
	{"cgmove", OP_CGMOVE, "pw", 0, 0, "cgmove P GROUP"},
	{"sleep", OP_SLEEP, "n", 0, 0, "sleep MS"},
	{"wait", OP_WAIT, "", 0, 0, "wait"},
	{"snap", OP_SNAP, "?w", 0, F(LITE), "snap LABEL [lite]"},
	{"vmstat", OP_VMSTAT, "?w", 0, 0, "vmstat LABEL"},
	{"cat", OP_CAT, "a", 0, 0, "cat PATH"},
	{"capture", OP_CAPTURE, "?w", 0, 0, "capture LABEL"},
	{"pageflags", OP_PAGEFLAGS, "?w", 0, 0, "pageflags LABEL"},
	{"trace", OP_TRACE, "w*", 0, 0, "trace KB GROUP:EVENT.."},
	{"tracedump", OP_TRACEDUMP, "", 0, 0, "tracedump"},
	{"traceoff", OP_TRACEOFF, "", 0, 0, "traceoff"},
	{"dmesg", OP_DMESG, "", 0, 0, "dmesg"},
	{"repeat", OP_REPEAT, "n*", 0, 0, "repeat N [until dead>=K | until gone:P]"},
	{"end", OP_END, "", 0, 0, "end"},
};

static const char *const key_names[NR_ORACLE_KEYS] = {
	[KEY_OOM_SCORE_ADJ] = "oom_score_adj",
	[KEY_CPU] = "cpu",
	[KEY_CG] = "cg",
	[KEY_MEMBIND] = "membind",
	[KEY_PREFER] = "prefer",
	[KEY_INTERLEAVE] = "interleave",
	[KEY_STRIDE] = "stride",
	[KEY_PIECE] = "piece",
	[KEY_SEED] = "seed",
	[KEY_FILL] = "fill",
	[KEY_CHUNK] = "chunk",
	[KEY_FROM] = "from",
	[KEY_DEV] = "dev",
	[KEY_PRIO] = "prio",
	[KEY_SIZE] = "size",
	[KEY_NODE] = "node",
	[KEY_AT] = "at",
};

static const struct {
	const char *name;
	unsigned int flag;
} flag_names[] = {
	{"private", FLAG_PRIVATE},   {"thp", FLAG_THP},		{"nothp", FLAG_NOTHP},
	{"populate", FLAG_POPULATE}, {"hugetlb", FLAG_HUGETLB}, {"read", FLAG_READ},
	{"write", FLAG_WRITE},	     {"random", FLAG_RANDOM},	{"lite", FLAG_LITE},
	{"create", FLAG_CREATE},     {"stat", FLAG_STAT},	{"unlink", FLAG_UNLINK},
};

void script_wrong(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	p->errors++;
	if (p->errors > 20)
		return;
	fprintf(p->err, "%s:%d: ", p->path, p->line);
	va_start(ap, fmt);
	vfprintf(p->err, fmt, ap);
	va_end(ap);
	fputc('\n', p->err);
}

/* ---- numbers ------------------------------------------------------------------- */

static bool plain_number(const char *s, u64 *out, const char **rest)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 0);
	*rest = end;
	return !errno;
}

bool oracle_size(const char *s, u64 *bytes)
{
	static const struct {
		char unit;
		u8 shift;
	} units[] = {{0, 0}, {'k', 10}, {'m', 20}, {'g', 30}, {'p', 12}, {'t', 40}};
	const char *rest;
	u64 v;

	if (!plain_number(s, &v, &rest) || (*rest && rest[1]))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if ((*rest | 0x20) != (units[i].unit | 0x20))
			continue;
		if (v > (1ULL << 56) >> units[i].shift)
			return false;
		*bytes = v << units[i].shift;
		return true;
	}
	return false;
}

bool script_number(struct parser *p, const char *what, const char *s, u64 max, u64 *out)
{
	const char *rest = "";
	u64 v = 0;

	if (plain_number(s, &v, &rest) && !*rest && v <= max) {
		*out = v;
		return true;
	}
	script_wrong(p, "%s \"%s\" is not right: a number from 0 to %llu would be", what, s,
		     (unsigned long long)max);
	return false;
}

static bool parse_signed(struct parser *p, const char *what, const char *s, s64 *out)
{
	u64 v;
	bool negative = *s == '-';

	if (!script_number(p, what, s + negative, 1000000, &v))
		return false;
	*out = negative ? -(s64)v : (s64)v;
	return true;
}

bool script_size(struct parser *p, const char *what, const char *s, u64 *out)
{
	if (oracle_size(s, out))
		return true;
	script_wrong(p,
		     "%s \"%s\" is not right: a size would be bytes or a number with K, M, G or P, "
		     "as 64M",
		     what, s);
	return false;
}

/* ---- a command's words ---------------------------------------------------------- */

static bool known_proc(const struct parser *p, const char *name)
{
	for (u32 i = 0; i < p->nr_procs; i++)
		if (!strcmp(p->procs[i], name))
			return true;
	return false;
}

static bool new_proc(struct parser *p, const char *name)
{
	if (strlen(name) > 31) {
		script_wrong(p, "the name \"%s\" is too long: at most 31 characters", name);
		return false;
	}
	p->procs[p->nr_procs++] = name; /* one a line at most */
	return true;
}

static bool parse_kind(struct parser *p, struct oracle_cmd *c, const char *w)
{
	if (strcmp(w, "anon") && strcmp(w, "shared") && strncmp(w, "file:", 5)) {
		script_wrong(p, "\"%s\" can't be mapped: anon, shared or file:PATH can", w);
		return false;
	}
	c->word = w;
	c->path = *w == 'f' ? w + 5 : NULL;
	return !c->path || (*c->path == '/' && strlen(c->path) < 96) ||
	       (script_wrong(p,
			     "the path \"%s\" is not right: it begins with / and is below 96 bytes",
			     c->path),
		false);
}

static bool parse_advice(struct parser *p, struct oracle_cmd *c, const char *w)
{
	static const struct {
		const char *name;
		int advice;
	} table[] = {
		{"dontneed", 4},    {"free", 8},  {"mergeable", 12}, {"hugepage", 14},
		{"nohugepage", 15}, {"cold", 20}, {"pageout", 21},   {"collapse", 25},
	};
	u64 v;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!strcmp(w, table[i].name)) {
			c->number = table[i].advice;
			return true;
		}
	}
	if (*w < '0' || *w > '9') {
		script_wrong(
			p,
			"there is no advice \"%s\": there are hugepage, nohugepage, cold, pageout, "
			"free, collapse, mergeable and dontneed",
			w);
		return false;
	}
	if (!script_number(p, "the advice", w, 200, &v))
		return false;
	c->number = (s64)v;
	return true;
}

static bool path_is_right(struct parser *p, const char *w)
{
	if (*w == '/' && strlen(w) < 96)
		return true;
	script_wrong(p, "the path \"%s\" is not right: it begins with / and is below 96 bytes", w);
	return false;
}

/* One word in its place; nth size of the command. */
static bool parse_place(struct parser *p, struct oracle_cmd *c, char place, const char *w,
			int *sizes)
{
	u64 v;

	switch (place) {
	case 'P':
		c->proc = w;
		return new_proc(p, w);
	case 'Q':
		c->other = w;
		return new_proc(p, w);
	case 'p':
		c->proc = w;
		if (known_proc(p, w))
			return true;
		script_wrong(p, "there is no process \"%s\" yet: spawn it in a line above", w);
		return false;
	case 'm':
	case 'M':
		c->map = w;
		if (strlen(w) < 16)
			return true;
		script_wrong(p, "the name \"%s\" is too long: at most 15 characters", w);
		return false;
	case 'o':
		c->next = !strcmp(w, "next");
		(*sizes)++;
		return c->next || script_size(p, "the offset", w, &c->off);
	case 's':
		/* The only size is a length; of two the first is where it begins. */
		if (c->op == OP_MMAP || c->op == OP_SWAPON || *sizes) {
			c->ranged = *sizes > 0;
			return script_size(p, "the length", w, &c->len);
		}
		(*sizes)++;
		return script_size(p, "the offset", w, &c->off);
	case 'l':
		return script_number(p, "the number of files", w, 1u << 24, &c->len);
	case 'n':
		if (!script_number(p, "the number", w, 1ull << 40, &v))
			return false;
		c->number = (s64)v;
		return true;
	case 'i':
		return parse_signed(p, "the number", w, &c->number);
	case 'r':
	case 'W':
		if (!script_number(p, "the delay", w, 1000000, &v))
			return false;
		*(place == 'r' ? &c->read_ms : &c->write_ms) = (int)v;
		return true;
	case 'a':
		c->path = w;
		return path_is_right(p, w);
	case 'k':
		return parse_kind(p, c, w);
	case 'A':
		return parse_advice(p, c, w);
	case 'g':
		c->cg = w;
		if (strlen(w) < 32 && *w != '/' && !strstr(w, ".."))
			return true;
		script_wrong(p, "the group \"%s\" is not right: a name as A or A/B, below 32 bytes",
			     w);
		return false;
	default:
		c->word = w;
		if (strlen(w) < 96)
			return true;
		script_wrong(p, "the word \"%.20s...\" is too long: at most 95 characters", w);
		return false;
	}
}

static bool parse_fill(struct parser *p, struct oracle_cmd *c, const char *v)
{
	u64 percent;

	if (!strcmp(v, "word"))
		c->fill = FILL_WORD;
	else if (!strcmp(v, "zero"))
		c->fill = FILL_ZERO;
	else if (!strcmp(v, "same"))
		c->fill = FILL_SAME;
	else if (!strncmp(v, "rand:", 5) &&
		 script_number(p, "the percentage", v + 5, 100, &percent)) {
		c->fill = FILL_RAND;
		c->percent = (unsigned int)percent;
	} else if (strncmp(v, "rand:", 5)) {
		script_wrong(p, "there is no fill=%s: there are word, zero, same and rand:PERCENT",
			     v);
		return false;
	} else {
		return false;
	}
	return true;
}

bool script_positive(struct parser *p, const char *what, u64 v)
{
	if (v)
		return true;
	script_wrong(p, "%s=0 is not right: it is at least 1", what);
	return false;
}

static bool parse_value(struct parser *p, struct oracle_cmd *c, enum oracle_key key, const char *v)
{
	const char *name = key_names[key];
	u64 n;

	switch (key) {
	case KEY_OOM_SCORE_ADJ:
		return parse_signed(p, name, v, &c->oom_score_adj);
	case KEY_PRIO:
		return parse_signed(p, name, v, &c->prio);
	case KEY_CPU:
		return script_number(p, name, v, QUIRE_MAX_CPUS - 1, &c->cpu);
	case KEY_MEMBIND:
	case KEY_PREFER:
		if (!script_number(p, name, v, QUIRE_MAX_NODES - 1, &n))
			return false;
		c->nodes = 1ULL << n;
		return true;
	case KEY_INTERLEAVE:
		return script_number(p, name, v, UINT64_MAX, &c->nodes);
	case KEY_STRIDE:
		return script_size(p, name, v, &c->stride) && script_positive(p, name, c->stride);
	case KEY_PIECE:
		return script_size(p, name, v, &c->piece);
	case KEY_CHUNK:
		return script_size(p, name, v, &c->chunk) && script_positive(p, name, c->chunk);
	case KEY_FROM:
		return script_size(p, name, v, &c->from);
	case KEY_SEED:
		return script_number(p, name, v, UINT64_MAX, &c->seed);
	case KEY_FILL:
		return parse_fill(p, c, v);
	case KEY_CG:
		c->cg = v;
		break;
	case KEY_DEV:
		c->dev = v;
		break;
	case KEY_SIZE:
		c->size = v;
		break;
	case KEY_NODE:
		c->node = v;
		break;
	case KEY_AT:
		c->at = v;
		return path_is_right(p, v);
	case NR_ORACLE_KEYS:
		break;
	}
	if (strlen(v) < 48)
		return true;
	script_wrong(p, "%s=%.20s... is too long: at most 47 characters", name, v);
	return false;
}

/* A key=value or a flag of the command: 1 yes, 0 it is neither, -1 wrong. */
static int parse_option(struct parser *p, const struct command *cmd, struct oracle_cmd *c,
			const char *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if ((cmd->flags & flag_names[i].flag) && !strcmp(w, flag_names[i].name)) {
			c->flags |= flag_names[i].flag;
			return 1;
		}
	}
	for (unsigned int key = 0; key < NR_ORACLE_KEYS; key++) {
		size_t len = strlen(key_names[key]);

		if (!(cmd->keys & 1u << key) || strncmp(w, key_names[key], len) || w[len] != '=')
			continue;
		c->has |= 1u << key;
		return parse_value(p, c, (enum oracle_key)key, w + len + 1) ? 1 : -1;
	}
	return 0;
}

static bool parse_words(struct parser *p, const struct command *cmd, struct oracle_cmd *c,
			char **word, u32 n)
{
	const char *place = cmd->places;
	bool optional = false;
	int sizes = 0;
	u32 i = 1;

	for (; i < n; i++) {
		int is = optional || !*place || *place == '?' || *place == '*'
				 ? parse_option(p, cmd, c, word[i])
				 : 0;

		if (is < 0)
			return false;
		if (is)
			continue;
		if (*place == '?') {
			optional = true;
			place++;
		}
		if (*place == '*') {
			*p->next_rest++ = word[i];
			if (!c->nr_rest++)
				c->rest = p->next_rest - 1;
			continue;
		}
		if (!*place) {
			script_wrong(p, "\"%s\" is a word too many: %s", word[i], cmd->usage);
			return false;
		}
		if (!parse_place(p, c, *place++, word[i], &sizes))
			return false;
	}
	if ((*place && *place != '?' && *place != '*' && !optional) ||
	    (sizes == 1 && *place == 's')) {
		script_wrong(p, "%s lacks something: %s", word[0], cmd->usage);
		return false;
	}
	return true;
}

/* ---- loops ---------------------------------------------------------------------- */

static bool parse_until(struct parser *p, struct oracle_cmd *c)
{
	const char *cond = c->nr_rest == 2 ? c->rest[1] : "";
	u64 v;

	if (!c->nr_rest)
		return true;
	if (!strcmp(c->rest[0], "until") && !strncmp(cond, "dead>=", 6)) {
		c->until = UNTIL_DEAD;
		if (!script_number(p, "the number of dead", cond + 6, ORACLE_MAX_PROCS, &v))
			return false;
		c->len = v;
		return true;
	}
	if (!strcmp(c->rest[0], "until") && !strncmp(cond, "gone:", 5)) {
		c->until = UNTIL_GONE;
		c->word = cond + 5;
		return true;
	}
	script_wrong(p, "what ends the loop is not right: until dead>=K or until gone:P would be");
	return false;
}

static bool loop_begins(struct parser *p, struct oracle_cmd *c)
{
	if (c->async) {
		script_wrong(p, "a loop can't go on beside the script: & stands before a command");
		return false;
	}
	if (p->depth == ORACLE_MAX_DEPTH) {
		script_wrong(p, "loops are nested too deep: at most %d", ORACLE_MAX_DEPTH);
		return false;
	}
	p->open[p->depth++] = p->s->nr_cmds;
	return parse_until(p, c);
}

static bool loop_ends(struct parser *p)
{
	if (!p->depth) {
		script_wrong(p, "this end ends nothing: a repeat belongs before it");
		return false;
	}
	p->s->cmd[p->open[--p->depth]].end = p->s->nr_cmds;
	return true;
}

/* ---- lines ------------------------------------------------------------------------ */

/* The words of a line, copied; a word that begins with # and what is behind it
 * are a comment. */
static u32 split(struct parser *p, const char *line, char **word)
{
	u32 n = 0;

	while (*(line += strspn(line, " \t\r"))) {
		size_t len = strcspn(line, " \t\r");

		if (*line == '#' && n)
			break;
		if (n == ORACLE_MAX_WORDS) {
			script_wrong(p, "the line has too many words: at most %d",
				     ORACLE_MAX_WORDS);
			return 0;
		}
		word[n++] = p->next_word;
		memcpy(p->next_word, line, len);
		p->next_word[len] = 0;
		p->next_word += len + 1;
		line += len;
	}
	return n;
}

static void defaults(struct oracle_cmd *c)
{
	if (!(c->has & K(SEED)))
		c->seed = 1;
	if (!(c->has & K(STRIDE)))
		c->stride = c->op == OP_FREE ? c->len : 4096;
	if (!(c->has & K(PIECE)) || (c->op == OP_FREE && !(c->has & K(STRIDE))))
		c->piece = c->stride;
	if (!(c->has & K(CHUNK)) || c->chunk > 64 * 1024)
		c->chunk = 64 * 1024;
}

static void parse_command(struct parser *p, const char *text, char **word, u32 n)
{
	struct oracle_cmd *c = &p->s->cmd[p->s->nr_cmds];
	const struct command *cmd = commands;

	*c = (struct oracle_cmd){.line = p->line, .text = text};
	if (!strcmp(word[0], "&")) {
		c->async = true;
		word++;
		n--;
	}
	if (!n) {
		script_wrong(p, "& stands alone: a command of a process would follow");
		return;
	}
	while (cmd < commands + ARRAY_SIZE(commands) && strcmp(cmd->name, word[0]))
		cmd++;
	if (cmd == commands + ARRAY_SIZE(commands)) {
		script_wrong(p, "there is no command \"%s\": oracle/scenarios/README lists them",
			     word[0]);
		return;
	}
	c->op = cmd->op;
	if (!parse_words(p, cmd, c, word, n))
		return;
	defaults(c);
	if ((c->op == OP_SYSCTL || c->op == OP_WRITE || c->op == OP_CGSET || c->op == OP_TRACE) &&
	    !c->nr_rest) {
		script_wrong(p, "%s lacks a value: %s", word[0], cmd->usage);
		return;
	}
	if (c->op == OP_REPEAT && !loop_begins(p, c))
		return;
	if (c->op == OP_END && !loop_ends(p))
		return;
	p->s->nr_cmds++;
}

static void parse_line(struct parser *p, const char *line)
{
	char *word[ORACLE_MAX_WORDS + 1] = {NULL};
	const char *text = line + strspn(line, " \t");
	u32 n;

	if (strlen(line) > ORACLE_MAX_LINE) {
		script_wrong(p, "the line is too long: at most %d bytes", ORACLE_MAX_LINE);
		return;
	}
	if (*text == '#' && strncmp(text, "#vm ", 4))
		return;
	n = split(p, text, word);
	if (!n)
		return;
	if (*text == '#')
		(void)parse_vm(p, word, n);
	else
		parse_command(p, text, word, n);
}

static bool allocate(struct oracle_script *s, const char *path, const char *text, size_t len)
{
	s->path = strdup(path);
	s->text = malloc(len + 1);
	/* A word is its bytes and a NUL, and words are apart by at least one. */
	s->words = malloc(len + 2);
	s->rest = malloc((len / 2 + 2) * sizeof(*s->rest));
	s->cmd = calloc(ORACLE_MAX_LINES, sizeof(*s->cmd));
	if (!s->path || !s->text || !s->words || !s->rest || !s->cmd)
		return false;
	memcpy(s->text, text, len);
	s->text[len] = 0;
	return true;
}

static void parse_lines(struct parser *p)
{
	char *line = p->s->text;

	while (line && *line) {
		char *end = strchr(line, '\n');

		if (++p->line > ORACLE_MAX_LINES) {
			script_wrong(p, "the file has too many lines: at most %d",
				     ORACLE_MAX_LINES);
			return;
		}
		if (end)
			*end = 0;
		parse_line(p, line);
		line = end ? end + 1 : NULL;
	}
	if (p->depth) {
		p->line = p->s->cmd[p->open[p->depth - 1]].line;
		script_wrong(p, "this repeat has no end: a line \"end\" would end it");
	}
}

struct oracle_script *oracle_script_parse(const char *path, const char *text, size_t len, FILE *err)
{
	struct oracle_script *s = calloc(1, sizeof(*s));
	struct parser *p = calloc(1, sizeof(*p));
	bool fine = false;

	if (s && p && len <= ORACLE_MAX_BYTES && !memchr(text, 0, len) &&
	    allocate(s, path, text, len)) {
		*p = (struct parser){.s = s,
				     .path = path,
				     .err = err,
				     .next_word = s->words,
				     .next_rest = s->rest};
		s->vm.mem = 512ULL << 20;
		s->vm.smp = 1;
		parse_lines(p);
		if (!p->errors)
			complete_vm(p);
		fine = !p->errors;
	} else if (len > ORACLE_MAX_BYTES) {
		fprintf(err, "%s:1: the file is too long: at most %d bytes\n", path,
			ORACLE_MAX_BYTES);
	} else if (memchr(text, 0, len)) {
		fprintf(err, "%s:1: this is no text: it has NUL bytes\n", path);
	}
	free(p);
	if (fine)
		return s;
	oracle_script_free(s);
	return NULL;
}

struct oracle_script *oracle_script_load(const char *path, FILE *err)
{
	struct oracle_script *s = NULL;
	char *text = malloc(ORACLE_MAX_BYTES + 2);
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f || !text) {
		fprintf(err, "%s: can't be read: %s\n", path, strerror(errno));
	} else {
		n = fread(text, 1, ORACLE_MAX_BYTES + 1, f);
		if (ferror(f))
			fprintf(err, "%s: can't be read: %s\n", path, strerror(errno));
		else
			s = oracle_script_parse(path, text, n, err);
	}
	if (f)
		fclose(f);
	free(text);
	return s;
}

void oracle_script_free(struct oracle_script *s)
{
	if (!s)
		return;
	free(s->path);
	free(s->text);
	free(s->words);
	free(s->rest);
	free(s->cmd);
	free(s);
}
