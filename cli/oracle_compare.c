/* SPDX-License-Identifier: MIT */
/*
 * quire oracle compare, quire oracle fidelity: the model beside the kernel's
 * recorded runs.  Each scenario runs in a process of its own (`quire oracle
 * run`), so that one that breaks or hangs is one result less and nothing more.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "oracle/fidelity.h"
#include "oracle/shape.h"

static const char compare_help[] =
	"usage: quire oracle compare [OPTIONS] KERNEL-OUT MODEL-OUT\n"
	"       quire oracle compare [OPTIONS] NAME\n\n"
	"Holds what the model wrote against what the kernel wrote, with a verdict for each\n"
	"quantity: two files (plain or .gz), or a recorded scenario, which the model then runs.\n"
	"The status is 0 if everything agrees, 1 if something differs, 2 if the input is wrong.\n\n"
	"  --all           every quantity, not only what differs\n"
	"  --json          all of it as data\n"
	"  --kernel 6.1    which recorded kernel\n"
	"  --dir DIR       where scenarios/ and results/ are (oracle)\n\n"
	"Examples:\n"
	"  quire oracle compare c-swap\n"
	"  quire oracle compare --all oracle/results/b-oom/6.1/out.txt.gz my-out.txt\n";

static const char fidelity_help[] =
	"usage: quire oracle fidelity [OPTIONS] [NAME...]\n\n"
	"Runs the model on every recorded scenario (or those named) and writes how far it agrees\n"
	"with the kernel.\n\n"
	"  -o FILE         the document (standard output); FILE's full table goes beside it, as\n"
	"                  .tsv.gz, and FILE's -notes.md is taken into it\n"
	"  -j N            so many scenarios at a time (the processors)\n"
	"  --agrees LIST   checks that what is on the list still agrees\n"
	"  --update        adds to that list what is new\n"
	"  --timeout S     processor seconds for one scenario (300)\n"
	"  --kernel 6.1    which recorded kernel\n"
	"  --dir DIR       where scenarios/ and results/ are (oracle)\n\n"
	"The status is 0, or 1 if something on the list does not agree any more.\n\n"
	"Example:\n  quire oracle fidelity -o docs/fidelity.md\n";

struct options {
	const char *dir, *kernel, *out, *agrees;
	bool all, json, update;
	unsigned int jobs, timeout;
	char tmp[64]; /* a folder for what the model writes */
};

enum { OPT_ALL = 256, OPT_JSON, OPT_KERNEL, OPT_DIR, OPT_AGREES, OPT_UPDATE, OPT_TIMEOUT };

static const struct option long_options[] = {
	{"all", no_argument, NULL, OPT_ALL},
	{"json", no_argument, NULL, OPT_JSON},
	{"kernel", required_argument, NULL, OPT_KERNEL},
	{"dir", required_argument, NULL, OPT_DIR},
	{"agrees", required_argument, NULL, OPT_AGREES},
	{"update", no_argument, NULL, OPT_UPDATE},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static bool positive(const char *s, unsigned int *v)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	*v = (unsigned int)n;
	return end != s && !*end && n > 0 && n < 100000;
}

/* -1: go on; otherwise the exit status. */
static int parse(struct options *o, int argc, char **argv, const char *help)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int c;

	*o = (struct options){.dir = "oracle", .kernel = "6.1", .timeout = 300};
	o->jobs = cpus > 0 && cpus < 64 ? (unsigned int)cpus : 1;
	while ((c = getopt_long(argc, argv, "o:j:h", long_options, NULL)) != -1) {
		bool good = true;

		switch (c) {
		case 'o':
			o->out = optarg;
			break;
		case 'j':
			good = positive(optarg, &o->jobs);
			break;
		case OPT_ALL:
			o->all = true;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_KERNEL:
			o->kernel = optarg;
			break;
		case OPT_DIR:
			o->dir = optarg;
			break;
		case OPT_AGREES:
			o->agrees = optarg;
			break;
		case OPT_UPDATE:
			o->update = true;
			break;
		case OPT_TIMEOUT:
			good = positive(optarg, &o->timeout);
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fprintf(stderr, "`quire oracle %s --help` has the options.\n", argv[0]);
			return 2;
		}
		if (!good) {
			fprintf(stderr, "quire: \"%s\" is no positive number\n", optarg);
			return 2;
		}
	}
	return -1;
}

/* ---- running the model --------------------------------------------------------- */

static void in_tmp(const struct options *o, const char *name, const char *suffix, char *path,
		   size_t size)
{
	snprintf(path, size, "%.63s/%.96s%s", o->tmp, name, suffix);
}

static bool make_tmp(struct options *o)
{
	const char *dir = getenv("TMPDIR");

	snprintf(o->tmp, sizeof(o->tmp), "%.40s/quire-XXXXXX", dir && *dir ? dir : "/tmp");
	if (mkdtemp(o->tmp))
		return true;
	fprintf(stderr, "quire: %s: %s\n", o->tmp, strerror(errno));
	o->tmp[0] = 0;
	return false;
}

static void remove_tmp(const struct options *o, const char *name)
{
	static const char *const suffixes[] = {".txt", ".out", ".err"};
	char path[192];

	for (size_t i = 0; name && i < ARRAY_SIZE(suffixes); i++) {
		in_tmp(o, name, suffixes[i], path, sizeof(path));
		unlink(path);
	}
	if (!name)
		rmdir(o->tmp);
}

/* Starts the model on a scenario: 0 if it could not be, and why. */
static pid_t start_model(const struct options *o, const char *name, char *why, size_t size)
{
	char script[192], out[192], err[192];
	char *text = oracle_scenario_text(o->dir, name, o->kernel, why, size);
	FILE *f;
	pid_t pid;

	if (!text)
		return 0;
	in_tmp(o, name, ".txt", script, sizeof(script));
	in_tmp(o, name, ".out", out, sizeof(out));
	in_tmp(o, name, ".err", err, sizeof(err));
	f = fopen(script, "w");
	if (!f || fputs(text, f) < 0 || fclose(f)) {
		snprintf(why, size, "%.100s: %.50s", script, strerror(errno));
		free(text);
		return 0;
	}
	free(text);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* the alarm outlives exec: four times the processor's for a busy host */
		alarm(o->timeout * 4);
		if (freopen(err, "w", stderr) && freopen("/dev/null", "r", stdin) &&
		    freopen("/dev/null", "w", stdout))
			execl("/proc/self/exe", "quire", "oracle", "run", "--kernel", o->kernel,
			      "-o", out, script, (char *)NULL);
		_exit(127);
	}
	if (pid < 0) {
		snprintf(why, size, "fork: %s", strerror(errno));
		return 0;
	}
	return pid;
}

/* Why a run of the model is none, from its status and its last words. */
static void end_model(const struct options *o, const char *name, int status, char *why, size_t size)
{
	char path[192], line[200] = "", last[200] = "";
	FILE *f;

	*why = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	in_tmp(o, name, ".err", path, sizeof(path));
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (line[strspn(line, " \n")])
			memcpy(last, line, sizeof(last));
	if (f)
		fclose(f);
	last[strcspn(last, "\n")] = 0;
	/* the scenario's copy is nobody's business */
	if (strstr(last, name))
		memmove(last, strstr(last, name), strlen(strstr(last, name)) + 1);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(why, size, "no end within its time");
	else if (WIFSIGNALED(status))
		snprintf(why, size, "signal %d: %.120s", WTERMSIG(status), last);
	else
		snprintf(why, size, "status %d: %.120s", WEXITSTATUS(status), last);
}

/* Compares what the model wrote; what it did not get to is missing. */
static bool judge(const struct options *o, const char *name, struct oracle_case *c)
{
	struct oracle_result kernel, model;
	struct oracle_variance v;
	char path[512], why[128];
	bool good;

	snprintf(path, sizeof(path), "%.200s/results/%.96s/%.32s/out.txt.gz", o->dir, name,
		 o->kernel);
	if (!oracle_result_read(&kernel, path, why, sizeof(why))) {
		snprintf(c->failed, sizeof(c->failed), "%.80s: %.60s", path, why);
		return false;
	}
	in_tmp(o, name, ".out", path, sizeof(path));
	if (!oracle_result_read(&model, path, why, sizeof(why)))
		model = (struct oracle_result){.log = ""};
	snprintf(path, sizeof(path), "%.200s/results/variance.txt", o->dir);
	oracle_variance_read(&v, path, name, o->kernel);
	good = oracle_compare(&c->c, &kernel, &model, &v);
	oracle_variance_free(&v);
	oracle_result_free(&kernel);
	oracle_result_free(&model);
	return good;
}

/* ---- compare ------------------------------------------------------------------- */

static int show(const struct options *o, const char *name, const struct oracle_comparison *c)
{
	bool all_agree = true;

	for (int i = 0; i < ORACLE_MORE; i++)
		all_agree &= c->agreed[i] == c->judged[i];
	if (o->json)
		oracle_print_json(stdout, name, o->kernel, c);
	else
		oracle_print_table(stdout, c, o->all);
	return all_agree ? 0 : 1;
}

static int compare_files(const struct options *o, char **paths)
{
	struct oracle_result r[2] = {0};
	struct oracle_comparison c = {0};
	char why[128];
	int status = 2;

	for (int i = 0; i < 2; i++)
		if (!oracle_result_read(&r[i], paths[i], why, sizeof(why))) {
			fprintf(stderr, "quire: %s: %s\n", paths[i], why);
			goto out;
		}
	if (oracle_compare(&c, &r[0], &r[1], NULL))
		status = show(o, paths[1], &c);
	else
		fprintf(stderr, "quire: not enough memory\n");
out:
	oracle_comparison_free(&c);
	oracle_result_free(&r[0]);
	oracle_result_free(&r[1]);
	return status;
}

/* A name is a part of a path: no more than one. */
static bool good_name(const char *name)
{
	if (*name && *name != '.' && strlen(name) < 96 && !strchr(name, '/'))
		return true;
	fprintf(stderr, "quire: \"%s\" is no name of a scenario, such as c-swap\n", name);
	return false;
}

static int compare_name(struct options *o, const char *name)
{
	struct oracle_case c = {.failed = ""};
	char why[160];
	int status = 2;
	pid_t pid;

	if (!good_name(name) || !make_tmp(o))
		return 2;
	pid = start_model(o, name, why, sizeof(why));
	if (!pid) {
		fprintf(stderr, "quire: %s\n", why);
	} else {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		end_model(o, name, status, why, sizeof(why));
		if (*why)
			fprintf(stderr, "quire: the model did not run to the end: %s\n", why);
		status = 2;
		if (!judge(o, name, &c))
			fprintf(stderr, "quire: %s\n", c.failed);
		else
			status = show(o, name, &c.c);
		if (*why && !status)
			status = 1;
	}
	oracle_comparison_free(&c.c);
	remove_tmp(o, name);
	remove_tmp(o, NULL);
	return status;
}

int cmd_oracle_compare(int argc, char **argv)
{
	struct options o;
	int status = parse(&o, argc, argv, compare_help);

	if (status >= 0)
		return status;
	if (argc - optind == 2)
		return compare_files(&o, argv + optind);
	if (argc - optind == 1)
		return compare_name(&o, argv[optind]);
	fputs(compare_help, stderr);
	return 2;
}

/* ---- fidelity ------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct oracle_case *)a)->name, ((const struct oracle_case *)b)->name);
}

/* The recorded scenarios, or those named; NULL after a message. */
static struct oracle_case *find_cases(const struct options *o, char **names, int nr_names,
				      size_t *nr)
{
	struct oracle_case *cases = NULL;
	char path[512];
	struct dirent *e;
	struct stat st;
	DIR *d;

	*nr = 0;
	snprintf(path, sizeof(path), "%.200s/results", o->dir);
	d = opendir(path);
	if (!d) {
		fprintf(stderr, "quire: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	while ((e = readdir(d))) {
		struct oracle_case *bigger;
		bool wanted = !nr_names;

		for (int i = 0; i < nr_names; i++)
			wanted |= !strcmp(names[i], e->d_name);
		snprintf(path, sizeof(path), "%.200s/results/%.96s/%.32s/out.txt.gz", o->dir,
			 e->d_name, o->kernel);
		if (!wanted || e->d_name[0] == '.' || strlen(e->d_name) >= 96 || stat(path, &st))
			continue;
		bigger = realloc(cases, (*nr + 1) * sizeof(*cases));
		if (!bigger)
			break;
		cases = bigger;
		memset(&cases[*nr], 0, sizeof(*cases));
		snprintf(cases[(*nr)++].name, sizeof(cases->name), "%.95s", e->d_name);
	}
	closedir(d);
	if (*nr)
		qsort(cases, *nr, sizeof(*cases), by_name);
	else
		fprintf(stderr, "quire: %s/results has no such result of Linux %s\n", o->dir,
			o->kernel);
	return cases;
}

static void finish_case(const struct options *o, struct oracle_case *c, int status)
{
	char why[160];
	unsigned int judged = 0, agreed = 0;

	end_model(o, c->name, status, why, sizeof(why));
	if (judge(o, c->name, c))
		memcpy(c->failed, why, sizeof(c->failed));
	remove_tmp(o, c->name);
	for (int i = 0; i < ORACLE_MORE; i++) {
		judged += c->c.judged[i];
		agreed += c->c.agreed[i];
	}
	fprintf(stderr, "%-22s %4u of %4u  %s\n", c->name, agreed, judged, c->failed);
}

/* Runs all, o->jobs at a time. */
static void run_cases(const struct options *o, struct oracle_case *cases, size_t nr)
{
	pid_t *pids = calloc(nr, sizeof(*pids));
	size_t next = 0, running = 0;

	while (pids && (next < nr || running)) {
		int status;
		pid_t pid;

		if (next < nr && running < o->jobs) {
			struct oracle_case *c = &cases[next];

			pids[next] = start_model(o, c->name, c->failed, sizeof(c->failed));
			if (pids[next])
				running++;
			else
				fprintf(stderr, "%-22s %s\n", c->name, c->failed);
			next++;
			continue;
		}
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR)
			break;
		for (size_t i = 0; pid > 0 && i < next; i++)
			if (pids[i] == pid) {
				finish_case(o, &cases[i], status);
				pids[i] = 0;
				running--;
			}
	}
	free(pids);
}

/* PATH.md -> PATH + suffix */
static void beside(const char *path, const char *suffix, char *name, size_t size)
{
	size_t n = strlen(path);

	if (n > 3 && !strcmp(path + n - 3, ".md"))
		n -= 3;
	snprintf(name, size, "%.*s%s", (int)(n & 0xfff), path, suffix);
}

static int write_all(const struct options *o, const struct oracle_case *cases, size_t nr)
{
	char notes[512], table[512];
	const char *name;
	FILE *f;

	if (!o->out) {
		oracle_write_fidelity(stdout, o->kernel, cases, nr, NULL, "the .tsv.gz of -o FILE");
		return 0;
	}
	beside(o->out, "-notes.md", notes, sizeof(notes));
	beside(o->out, ".tsv.gz", table, sizeof(table));
	name = strrchr(table, '/') ? strrchr(table, '/') + 1 : table;
	f = fopen(o->out, "w");
	if (f)
		oracle_write_fidelity(f, o->kernel, cases, nr, notes, name);
	if (!f || ferror(f) || fclose(f) || !oracle_write_rows(table, cases, nr)) {
		fprintf(stderr, "quire: %s can't be written: %s\n", o->out, strerror(errno));
		return 2;
	}
	return 0;
}

int cmd_oracle_fidelity(int argc, char **argv)
{
	struct oracle_case *cases;
	struct options o;
	int status = parse(&o, argc, argv, fidelity_help);
	size_t nr;

	if (status >= 0)
		return status;
	cases = find_cases(&o, argv + optind, argc - optind, &nr);
	if (!cases || !make_tmp(&o)) {
		free(cases);
		return 2;
	}
	run_cases(&o, cases, nr);
	status = 0;
	/* a list to check is asked for instead of the document */
	if (o.out || !o.agrees)
		status = write_all(&o, cases, nr);
	if (o.agrees && oracle_check_agrees(o.agrees, cases, nr, o.update, stderr) && !status)
		status = 1;
	for (size_t i = 0; i < nr; i++)
		oracle_comparison_free(&cases[i].c);
	free(cases);
	remove_tmp(&o, NULL);
	return status;
}
