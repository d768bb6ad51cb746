/* SPDX-License-Identifier: MIT */
/*
 * The report, line for line: every line that Linux 6.1 printed in the recorded
 * runs against every line that a machine here prints, by form (numbers and
 * names taken out) and by order.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>

#include "oracle/result.h"
#include "tests/oom/oom_box.h"

#define FORMS_MAX 256
#define FORM_MAX  1200
#define RESULTS	  "oracle/results"

/* Forms in the order of their first appearance in a report. */
struct forms {
	char form[FORMS_MAX][FORM_MAX];
	size_t nr;
};

/* Numbers become N, hexadecimal ones X, all zones one, types of blocks none. */
static void form_of(const char *line, size_t len, char *form)
{
	static const char *const zones[] = {" DMA32", " DMA", " Normal", " Movable"};
	size_t n = 0;

	for (size_t i = 0; i < len && n < FORM_MAX - 8;) {
		size_t z = 0;

		while (z < 4 && strncmp(line + i, zones[z], strlen(zones[z])))
			z++;
		if (z < 4 && len > 5 && !strncmp(line, "Node ", 5) && i < 8) {
			n += (size_t)sprintf(form + n, " ZONE");
			i += strlen(zones[z]);
		} else if (!strncmp(line, "Node ", 5) && line[i] == '(' && line[i - 1] == ' ' &&
			   strchr("UMEHCI", line[i + 1])) {
			i += strcspn(line + i, ")") + 2;
		} else if (line[i] == '0' && i + 1 < len && line[i + 1] == 'x') {
			form[n++] = 'X';
			for (i += 2; i < len && isxdigit((unsigned char)line[i]); i++)
				;
		} else if (isdigit((unsigned char)line[i])) {
			form[n++] = 'N';
			while (i < len && isdigit((unsigned char)line[i]))
				i++;
		} else if (line[i] == '-' && isdigit((unsigned char)line[i + 1])) {
			i++;
		} else {
			form[n++] = line[i++];
		}
	}
	form[n] = '\0';
}

/* What differs by what was asked for and who was there. */
static void take_names_out(char *form)
{
	static const struct {
		const char *key, *stop;
	} names[] = {{"(GFP", ")"},
		     {"stats for ", ""},
		     {"oom_memcg=", ","},
		     {"task_memcg=", ","},
		     {",task=", ","},
		     {"Comm: ", " "},
		     {"Killed process N (", ")"},
		     {"all_unreclaimable? ", ""},
		     {"nodemask=", ","}};
	char *p, *end;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		p = strstr(form, names[i].key);
		if (!p)
			continue;
		p += strlen(names[i].key);
		end = *names[i].stop ? strstr(p, names[i].stop) : p + strlen(p);
		if (end)
			memmove(p, end, strlen(end) + 1);
	}
	p = strstr(form, " invoked oom-killer");
	if (p)
		memmove(form, p, strlen(p) + 1);
	/* "Tainted: G E 6.1.0-56-amd64 #1 Debian ...": what is not ours. */
	p = strstr(form, "ainted");
	if (!strncmp(form, "CPU: ", 5) && p)
		*strstr(form, "Comm:") = '\0';
}

/* "[    116]     0   116   179566 ... A" */
static bool is_row(const char *line, size_t len)
{
	return len > 12 && line[0] == '[' && line[8] == ']' && isdigit((unsigned char)line[7]);
}

static void add_line(struct forms *f, const char *line, size_t len)
{
	char form[FORM_MAX];

	if (is_row(line, len)) {
		size_t at = len;

		/* The name is one word in these runs; the rest as wide as it was. */
		while (at && line[at - 1] != ' ')
			at--;
		snprintf(form, sizeof(form), "row of %zu columns", at);
	} else {
		form_of(line, len, form);
		take_names_out(form);
	}
	for (size_t i = 0; i < f->nr; i++)
		if (!strcmp(f->form[i], form))
			return;
	assert_true(f->nr < FORMS_MAX);
	strcpy(f->form[f->nr++], form);
}

/* The stack, the registers and the machine's name, which Quire has not. */
static bool of_the_processor(const char *line, size_t len, bool *inside)
{
	bool was = *inside;

	if (len > 14 && !strncmp(line, "Hardware name:", 14))
		return true;
	if (len >= 11 && !strncmp(line, "Call Trace:", 11))
		*inside = true;
	if (len >= 8 && !strncmp(line, " </TASK>", 8))
		*inside = false;
	return was || *inside;
}

/* From the invoker to the kill. */
static void take_report(struct forms *f, const char *p, const char *stop)
{
	bool processor = false;

	while (p < stop) {
		const char *end = memchr(p, '\n', (size_t)(stop - p)), *text = p, *nl;

		end = end ? end : stop;
		nl = memmem(text, (size_t)(end - text), "] ", 2);
		if (*text == '[' && nl && nl[-7] == '.')
			text = nl + 2;
		if (!of_the_processor(text, (size_t)(end - text), &processor)) {
			/* One record of several lines: each is a line. */
			while ((nl = memmem(text, (size_t)(end - text), "\\x0a", 4))) {
				add_line(f, text, (size_t)(nl - text));
				text = nl + 4;
			}
			if (text < end)
				add_line(f, text, (size_t)(end - text));
		}
		p = end + 1;
	}
}

/* The first report of a log that is of a group, or not; false: it has none. */
static bool find_report(struct forms *f, const char *log, bool group)
{
	for (const char *p = log; (p = strstr(p, " invoked oom-killer")); p++) {
		const char *begin = p, *stop = strstr(p, "Killed process "), *other;

		other = strstr(p + 1, " invoked oom-killer");
		if (!stop || (other && other < stop))
			continue;
		while (begin > log && begin[-1] != '\n')
			begin--;
		stop += strcspn(stop, "\n");
		if ((memmem(begin, (size_t)(stop - begin), "Memory cgroup stats", 19) != NULL) !=
		    group)
			continue;
		take_report(f, begin, stop);
		return true;
	}
	return false;
}

static void compare(const char *name, const struct forms *theirs, const struct forms *ours)
{
	for (size_t i = 0; i < theirs->nr || i < ours->nr; i++) {
		const char *a = i < theirs->nr ? theirs->form[i] : "(nothing)";
		const char *b = i < ours->nr ? ours->form[i] : "(nothing)";

		if (strcmp(a, b))
			fail_msg("%s, form %zu:\nLinux: \"%s\"\nQuire: \"%s\"", name, i, a, b);
	}
}

/* What a machine here prints, of its own or of a group. */
static struct forms *our_report(bool group)
{
	struct box *b = box_new(0);
	struct forms *f = calloc(1, sizeof(*f));
	struct mem_cgroup *memcg = NULL;
	struct proc p[] = {{.name = "A", .mb = group ? 20 : 90},
			   {.name = "C", .mb = 200, .adj = 300, .start_after = NSEC_PER_SEC}};

	assert_non_null(f);
	if (group) {
		testbox_call(b->t, make_group, &memcg);
		mem_cgroup_set_max(b->t->q, memcg, 64 * MB_PAGES);
		p[0].memcg = p[1].memcg = memcg;
	}
	start(b, &p[0]);
	start(b, &p[1]);
	testbox_pass(b->t, 5 * NSEC_PER_SEC);
	assert_true(find_report(f, b->log, group));
	finish(b, p, 2);
	box_free(b);
	return f;
}

static void check_reports(bool group)
{
	struct forms *ours = our_report(group);
	DIR *d = opendir(RESULTS);
	struct dirent *entry;
	unsigned int nr = 0;

	assert_non_null(d);
	while ((entry = readdir(d))) {
		struct forms *theirs = calloc(1, sizeof(*theirs));
		struct oracle_result r;
		char path[512], why[256];

		assert_non_null(theirs);
		snprintf(path, sizeof(path), RESULTS "/%.200s/6.1/out.txt.gz", entry->d_name);
		if (strstr(entry->d_name, "oom") && strncmp(entry->d_name, "oom-allocating", 14) &&
		    oracle_result_read(&r, path, why, sizeof(why))) {
			if (find_report(theirs, r.log, group)) {
				compare(entry->d_name, theirs, ours);
				nr++;
			}
			oracle_result_free(&r);
		}
		free(theirs);
	}
	closedir(d);
	print_message("# %u reports of Linux, %zu forms of lines\n", nr, ours->nr);
	assert_true(nr >= (group ? 2 : 8));
	free(ours);
}

static void test_machine(void **unused)
{
	(void)unused;
	check_reports(false);
}

static void test_group(void **unused)
{
	(void)unused;
	check_reports(true);
}

/* ---- a failed allocation ---------------------------------------------------------- */

/* The line of a log that holds `what`, and Mem-Info behind it up to the line of `last`. */
static void take_failure(struct forms *f, const char *log, const char *what, const char *last)
{
	const char *begin = strstr(log, what), *info, *stop;

	assert_non_null(begin);
	info = strstr(begin, "Mem-Info:");
	assert_non_null(info);
	stop = strstr(info, last);
	assert_non_null(stop);
	while (begin > log && begin[-1] != '\n')
		begin--;
	while (info > log && info[-1] != '\n')
		info--;
	take_report(f, begin, strchr(begin, '\n'));
	take_report(f, info, stop + strcspn(stop, "\n"));
}

/* The largest blocks until there is none. */
static void fail_to_allocate(struct testbox *t, void *arg)
{
	struct page *page, *next;
	LIST_HEAD(pages);

	(void)arg;
	while ((page = alloc_pages(t->q, GFP_NOWAIT | __GFP_COMP, MAX_ORDER - 1)))
		list_add(&page->lru, &pages);
	list_for_each_entry_safe (page, next, &pages, lru)
		__free_pages(t->q, page, MAX_ORDER - 1);
}

/*
 * Linux 6.1 was not seen to print one in the recorded runs; 6.12 was, once (a task
 * that is being killed, past all reserves).  The first line is that one's; the
 * rest is show_mem(), as the killer's reports of 6.1 have it.
 */
static void test_failure(void **unused)
{
	static const char last[] = "hwpoisoned";
	struct forms *theirs = calloc(1, sizeof(*theirs)), *ours = calloc(1, sizeof(*ours)),
		     *first = calloc(1, sizeof(*first));
	struct oracle_result r;
	char why[256], *name;
	struct box *b;

	(void)unused;
	assert_true(theirs && ours && first);
	if (!oracle_result_read(&r, RESULTS "/b-oom/6.12/out.txt.gz", why, sizeof(why)))
		fail_msg("%s", why);
	take_failure(first, r.log, "page allocation failure", last);
	oracle_result_free(&r);
	if (!oracle_result_read(&r, RESULTS "/b-oom/6.1/out.txt.gz", why, sizeof(why)))
		fail_msg("%s", why);
	take_failure(theirs, r.log, " invoked oom-killer", last);
	oracle_result_free(&r);
	/* The invoker's line is the killer's own; in its place that of the failure. */
	strcpy(theirs->form[0], first->form[0]);

	b = box_new(0);
	testbox_call(b->t, fail_to_allocate, NULL);
	take_failure(ours, b->log, "page allocation failure", last);
	/* Who asked is another, and not in a group of its own. */
	for (struct forms *f = theirs;; f = ours) {
		name = strstr(f->form[0], ": page allocation failure");
		assert_non_null(name);
		memmove(f->form[0], name, strlen(name) + 1);
		if (f == ours)
			break;
	}
	compare("page allocation failure", theirs, ours);
	print_message("# a failed allocation: %zu forms of lines\n", ours->nr);
	assert_true(ours->nr > 15);
	box_free(b);
	free(theirs);
	free(ours);
	free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
