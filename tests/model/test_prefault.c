// SPDX-License-Identifier: MIT
/* The thread that touches the memory map ahead leaves the embedder's signals
 * alone: a `quire boot` once waited for ever for a SIGCHLD that it had taken. */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/testlib.h"

static void test_signals_stay_ours(void **state)
{
	/* Large enough for the thread to start. */
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {8192}, .nr_nodes = 1});
	struct timespec wait = {0, 50000000};
	sigset_t set, old;
	int fd, pid;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	assert_true(fd >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	/* Another thread that may take it has the time to. */
	nanosleep(&wait, NULL);
	assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals_stay_ours)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
