/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID: each file of processes, threads, kernel threads and zombies
 * against the state; who may write what.
 */
#include "tests/proc/proc_test.h"

static const char status_names[] =
	"Name Umask State Tgid Ngid Pid PPid TracerPid Uid Gid FDSize Groups NStgid NSpid NSpgid "
	"NSsid VmPeak VmSize VmLck VmPin VmHWM VmRSS RssAnon RssFile RssShmem VmData VmStk VmExe "
	"VmLib VmPTE VmSwap HugetlbPages CoreDumping THP_enabled Threads SigQ SigPnd ShdPnd SigBlk "
	"SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters "
	"Speculation_Store_Bypass SpeculationIndirectBranch Cpus_allowed Cpus_allowed_list "
	"Mems_allowed Mems_allowed_list voluntary_ctxt_switches nonvoluntary_ctxt_switches";

static const char kernel_status_names[] =
	"Name Umask State Tgid Ngid Pid PPid TracerPid Uid Gid FDSize Groups NStgid NSpid NSpgid "
	"NSsid Threads SigQ SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb "
	"NoNewPrivs Seccomp Seccomp_filters Speculation_Store_Bypass SpeculationIndirectBranch "
	"Cpus_allowed Cpus_allowed_list Mems_allowed Mems_allowed_list voluntary_ctxt_switches "
	"nonvoluntary_ctxt_switches";

static const char rollup_names[] =
	"Rss Pss Pss_Dirty Pss_Anon Pss_File Pss_Shmem Shared_Clean Shared_Dirty Private_Clean "
	"Private_Dirty Referenced Anonymous LazyFree AnonHugePages ShmemPmdMapped FilePmdMapped "
	"Shared_Hugetlb Private_Hugetlb Swap SwapPss Locked";

static const struct testbox_config box = {
	.nr_nodes = 2, .node_mb = {256, 256}, .cpus = 2, .disk = true, .swap_mb = 64};

static char path_buf[64];

static const char *of(const struct task *task, const char *file)
{
	snprintf(path_buf, sizeof(path_buf), "/proc/%d/%s", task->pid, file);
	return path_buf;
}

/* Fields of a stat: [1] to [52]; the name apart. */
static void parse_stat(const char *text, char name[64], unsigned long f[54])
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')'), *p = close + 2;
	unsigned int n = 3;

	snprintf(name, 64, "%.*s", (int)(close - open - 1), open + 1);
	f[1] = strtoul(text, NULL, 10);
	while (*p && *p != '\n') {
		f[n] = n == 3 ? (unsigned long)*p : strtoul(p, NULL, 10);
		n++;
		p += strcspn(p, " \n");
		p += *p == ' ';
	}
	assert_int_equal(n, 53);
}

static u64 map_touched(struct testbox *t, unsigned long mb)
{
	struct touch touch = {
		.nr_pages = mb * MB_PAGES, .stride = 1, .write = true, .kind = CONTENT_KIND_HEAP};

	touch.addr = do_mmap(t->q, t->task->mm, 0, mb * MB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	assert_int_equal(mmu_touch(t->m, t->task, &touch), touch.nr_pages);
	return touch.addr;
}

static void process_inside(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct mm_struct *mm = task->mm;
	unsigned long f[54], rss;
	char name[64], *text;

	map_touched(t, 3);
	sync_mm_rss(task);
	rss = get_mm_rss(mm);
	text = slurp(t->q, of(task, "status"));
	assert_names(text, status_names);
	assert_int_equal(field(text, "Pid"), task->pid);
	assert_int_equal(field(text, "PPid"), task->parent->pid);
	assert_int_equal(field(text, "VmRSS"), rss * 4);
	assert_int_equal(field(text, "VmSize"), mm->total_vm * 4);
	assert_true(field(text, "RssAnon") >= 3072);
	assert_int_equal(field(text, "VmPTE"), mm->pgtables_bytes / 1024);
	assert_int_equal(field(text, "Threads"), 1);
	assert_non_null(strstr(text, "Cpus_allowed:\tf\n"));
	assert_non_null(strstr(text, "Cpus_allowed_list:\t0-3\n"));
	assert_non_null(strstr(text, ",00000000,00000003\nMems_allowed_list:\t0-1\n"));
	free(text);

	set_task_comm(task, "a ) (b");
	text = slurp(t->q, of(task, "stat"));
	parse_stat(text, name, f);
	assert_string_equal(name, "a ) (b");
	assert_int_equal(f[1], task->pid);
	assert_int_equal(f[3], 'R');
	assert_int_equal(f[4], task->parent->pid);
	assert_int_equal(f[10], task->min_flt);
	assert_int_equal(f[20], 1);
	assert_int_equal(f[23], mm->total_vm * 4096);
	assert_int_equal(f[24], rss);
	assert_int_equal(f[38], 17);
	free(text);

	text = slurp(t->q, of(task, "smaps_rollup"));
	assert_names(strchr(text, '\n') + 1, rollup_names);
	assert_int_equal(field(text, "Rss"), rss * 4);
	assert_true(field(text, "Pss") <= rss * 4);
	assert_int_equal(field(text, "Anonymous"), get_mm_counter(mm, MM_ANONPAGES) * 4);
	free(text);
}

/* After fork all private pages are shared: half of each in Pss. */
static void shared_inside(struct testbox *t, __unused void *arg)
{
	struct task *child;
	char *mine, *its, *maps, *smaps;
	unsigned long pss, rss, areas = 0, sum = 0;

	map_touched(t, 2);
	child = copy_process(t->q, t->task, 0);
	assert_false(IS_ERR(child));
	mine = slurp(t->q, of(t->task, "smaps_rollup"));
	its = slurp(t->q, of(child, "smaps_rollup"));
	rss = field(mine, "Rss");
	pss = field(mine, "Pss");
	assert_int_equal(field(its, "Pss_Anon"), field(mine, "Pss_Anon"));
	assert_true(pss <= rss / 2 + 4 && pss + 16 >= rss / 2);
	assert_true(field(mine, "Shared_Dirty") >= 2048);
	maps = slurp(t->q, of(child, "maps"));
	smaps = slurp(t->q, of(child, "smaps"));
	for (char *p = maps; *p; p = strchr(p, '\n') + 1)
		areas++;
	for (char *p = smaps; (p = strstr(p, "\nRss:")); p++)
		sum += strtoul(p + 5, NULL, 10);
	assert_int_equal(areas, child->mm->map_count);
	assert_int_equal(sum, field(its, "Rss"));
	assert_non_null(strstr(maps, "[stack]\n"));
	free(mine);
	free(its);
	free(maps);
	free(smaps);

	/* A zombie: it has a stat and a status, and no memory. */
	do_exit(t->q, child, 0);
	if (find_task_by_pid(t->q, child->pid)) {
		mine = slurp(t->q, of(child, "status"));
		assert_names(mine, kernel_status_names);
		assert_non_null(strstr(mine, "State:\tZ (zombie)\n"));
		assert_text(t->q, of(child, "statm"), "0 0 0 0 0 0 0\n");
		assert_text(t->q, of(child, "maps"), "");
		assert_text(t->q, of(child, "cmdline"), "");
		free(mine);
		release_task(t->q, child);
	}
}

static void swapped_inside(struct testbox *t, __unused void *arg)
{
	unsigned long swapped;
	char *text;

	map_touched(t, 4);
	lru_add_drain_all(t->q);
	for (int i = 0; i < 20 && !get_mm_counter(t->task->mm, MM_SWAPENTS); i++)
		(void)put(t->q, "/sys/fs/cgroup/memory.reclaim", "4M");
	swapped = get_mm_counter(t->task->mm, MM_SWAPENTS);
	text = slurp(t->q, of(t->task, "smaps_rollup"));
	assert_int_equal(field(text, "Swap"), swapped * 4);
	free(text);
	assert_int_equal(file_field(t->q, of(t->task, "status"), "VmSwap"), swapped * 4);
}

static void adj_inside(struct testbox *t, __unused void *arg)
{
	struct signal_struct *sig = t->task->signal;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", t->task->pid);
	t->task->uid = t->task->gid = 1000;
	assert_int_equal(put(t->q, path, "-500\n"), 5);
	assert_int_equal(sig->oom_score_adj, -500);
	assert_int_equal(sig->oom_score_adj_min, -500);
	assert_text(t->q, path, "-500\n");
	/* Its owner may raise it, and come back to what root allowed. */
	assert_int_equal(put_as(t->q, path, 1000, "300"), 3);
	assert_int_equal(put_as(t->q, path, 1000, "-500"), 4);
	assert_int_equal(put_as(t->q, path, 1000, "-501"), -EACCES);
	assert_int_equal(put_as(t->q, path, 1001, "500"), -EACCES);
	assert_int_equal(sig->oom_score_adj, -500);
	/* Root's word is the new floor. */
	assert_int_equal(put(t->q, path, "100"), 3);
	assert_int_equal(put_as(t->q, path, 1000, "99"), -EACCES);
	assert_int_equal(put(t->q, path, "1001"), -EINVAL);
	assert_int_equal(put(t->q, path, "-1001"), -EINVAL);
	assert_int_equal(put(t->q, path, "x"), -EINVAL);
	assert_int_equal(put(t->q, path, "1 2"), -EINVAL);
	assert_int_equal(put(t->q, path, "1000"), 4);
	assert_text(t->q, of(t->task, "oom_adj"), "15\n");
	assert_int_equal(put(t->q, path, "999"), 3);
	assert_text(t->q, of(t->task, "oom_adj"), "15\n");
	/* The old file knows no floor: only up, and what root writes makes none. */
	assert_int_equal(put(t->q, path, "-100"), 4);
	assert_int_equal(put(t->q, of(t->task, "oom_adj"), "5"), 1);
	assert_int_equal(sig->oom_score_adj, 5 * 1000 / 17);
	assert_int_equal(sig->oom_score_adj_min, -100);
	assert_int_equal(put_as(t->q, of(t->task, "oom_adj"), 1000, "4"), -EACCES);
	assert_int_equal(put_as(t->q, of(t->task, "oom_adj"), 1000, "6"), 1);
	assert_int_equal(put_as(t->q, of(t->task, "oom_adj"), 1001, "7"), -EACCES);
	assert_int_equal(put_as(t->q, path, 1000, "-100"), 4);
	assert_int_equal(put(t->q, of(t->task, "oom_adj"), "-17"), 3);
	assert_int_equal(sig->oom_score_adj, -1000);
	assert_text(t->q, of(t->task, "oom_score"), "0\n");
	assert_int_equal(put(t->q, of(t->task, "oom_adj"), "16"), -EINVAL);
	assert_int_equal(put(t->q, of(t->task, "comm"), "a name that is far too long\n"), 28);
	assert_text(t->q, of(t->task, "comm"), "a name that is \n");
	assert_int_equal(put_as(t->q, of(t->task, "comm"), 1001, "x"), -EACCES);
	assert_int_equal(put_as(t->q, of(t->task, "status"), 1000, "x"), -EACCES);
}

/* Before 2.6.38 there is no floor: who has no privilege can only raise. */
static void old_adj_inside(struct testbox *t, __unused void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", t->task->pid);
	t->task->uid = t->task->gid = 1000;
	assert_int_equal(put_as(t->q, path, 1000, "300"), 3);
	assert_int_equal(put_as(t->q, path, 1000, "0"), -EACCES);
	assert_int_equal(put(t->q, path, "0"), 1);
}

/* Two processes with one memory: since 4.8 what is written for one counts for
 * both, and so does the floor. */
static void shared_adj_inside(struct testbox *t, void *arg)
{
	struct task *other = copy_process(t->q, t->task, CLONE_VM);
	struct task *vforked = copy_process(t->q, t->task, CLONE_VM | CLONE_VFORK);
	bool shared = *(bool *)arg;
	char path[64];

	assert_false(IS_ERR_OR_NULL(other) || IS_ERR_OR_NULL(vforked));
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", t->task->pid);
	assert_int_equal(put(t->q, path, "-300"), 4);
	assert_int_equal(other->signal->oom_score_adj, shared ? -300 : 0);
	assert_int_equal(other->signal->oom_score_adj_min, shared ? -300 : 0);
	/* Who is about to execute something else has its own, and what it is given stays its. */
	assert_int_equal(vforked->signal->oom_score_adj, 0);
	assert_int_equal(put(t->q, of(vforked, "oom_score_adj"), "200"), 3);
	assert_int_equal(vforked->signal->oom_score_adj, 200);
	assert_int_equal(other->signal->oom_score_adj, shared ? -300 : 0);
	do_exit(t->q, vforked, 0);
	do_exit(t->q, other, 0);
}

static void test_adj_by_kernel(void **state)
{
	static const char *const kernels[] = {"2.6.37", "4.7", "4.8"};

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct testbox *t = testbox_new(&(struct testbox_config){.kernel = kernels[k]});
		bool shared = k == 2;

		if (k)
			testbox_run(t, shared_adj_inside, &shared);
		else
			testbox_run(t, old_adj_inside, NULL);
		testbox_verify(t);
		testbox_free(t);
	}
}

static bool count_pids(void *ctx, const char *name, struct proc_entry e)
{
	int *n = ctx;

	if (name[0] >= '0' && name[0] <= '9') {
		assert_true(atoi(name) > n[1]); /* in order */
		assert_int_equal(e.pid, atoi(name));
		n[1] = atoi(name);
		n[0]++;
	}
	return true;
}

static bool count_all(void *ctx, __unused const char *name, __unused struct proc_entry e)
{
	++*(int *)ctx;
	return true;
}

static void many_inside(struct testbox *t, __unused void *arg)
{
	struct task *child[200];
	int n[2] = {0, 0}, threads = 0;

	for (int i = 0; i < 200; i++) {
		child[i] = copy_process(t->q, t->task, i < 100 ? CLONE_VM | CLONE_THREAD : 0);
		assert_false(IS_ERR(child[i]));
	}
	proc_readdir(t->q, proc_root(), count_pids, n);
	assert_int_equal(n[0], t->q->space->nr_processes);
	proc_readdir(t->q, entry_at(t->q, of(t->task, "task")), count_all, &threads);
	assert_int_equal(threads, 101);
	assert_int_equal(file_field(t->q, of(t->task, "status"), "Threads"), 101);
	/* A thread can be reached by its number, though it is not listed. */
	assert_int_equal(file_field(t->q, of(child[0], "status"), "Tgid"), t->task->pid);
	for (int i = 0; i < 200; i++) {
		int pid = child[i]->pid;

		do_exit(t->q, child[i], 0);
		child[i] = find_task_by_pid(t->q, pid);
		if (child[i])
			release_task(t->q, child[i]);
	}
}

static void test_in(void (*fn)(struct testbox *t, void *arg))
{
	testbox_once(&box, fn);
}

#define TEST_IN(name)                                  \
	static void test_##name(__unused void **state) \
	{                                              \
		test_in(name##_inside);                \
	}
TEST_IN(process)
TEST_IN(shared)
TEST_IN(swapped)
TEST_IN(adj)
TEST_IN(many)

static void test_kernel_thread(__unused void **state)
{
	struct testbox *t = testbox_new(&box);
	struct task *kthreadd = t->q->space->kthreadd;
	struct proc_entry exe;
	struct text link;
	char buf[64], *text;

	assert_non_null(kthreadd);
	text = slurp(t->q, of(kthreadd, "status"));
	assert_names(text, kernel_status_names);
	free(text);
	assert_text(t->q, of(kthreadd, "statm"), "0 0 0 0 0 0 0\n");
	assert_text(t->q, of(kthreadd, "cmdline"), "");
	assert_text(t->q, of(kthreadd, "cgroup"), "0::/\n");
	exe = entry_at(t->q, of(kthreadd, "exe"));
	assert_int_equal(exe.kind, PROC_LINK);
	text_init(&link, buf, sizeof(buf));
	assert_int_equal(proc_read(t->q, exe, &link), -ENOENT);
	testbox_free(t);
}

static void test_gone(__unused void **state)
{
	struct testbox *t = testbox_new(&box);
	struct proc_entry e = entry_at(t->q, "/proc/1/status");
	struct text text;
	char buf[4096];

	e.pid = 9999;
	text_init(&text, buf, sizeof(buf));
	assert_int_equal(proc_read(t->q, e, &text), -ENOENT);
	e = entry_at(t->q, "/proc/1/oom_score_adj");
	e.pid = 9999;
	assert_int_equal(proc_write(t->q, e, "1", 1), -ESRCH);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),	      cmocka_unit_test(test_shared),
		cmocka_unit_test(test_swapped),	      cmocka_unit_test(test_adj),
		cmocka_unit_test(test_many),	      cmocka_unit_test(test_kernel_thread),
		cmocka_unit_test(test_adj_by_kernel), cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
