/* SPDX-License-Identifier: MIT */
/*
 * To the moment before a kill, whose time nobody knows yet: a copy of the
 * machine, made by fork(2), is the scout.  It runs ahead and writes through a
 * pipe how far it came without a kill; the machine follows at the distance asked
 * for, on another processor of the host, and stands still where the kill is that
 * far ahead.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine/events.h"

#define STRIDE (10 * NS_SEC)

struct news {
	u64 ns;
	u64 kill; /* 1: there it is */
};

static u64 next_kill(struct machine *m, size_t seen)
{
	return m->log->nr_kills > seen ? m->log->kills[seen].ns : machine_now(m);
}

__attribute__((noreturn)) static void scout(struct machine *m, u64 until, int fd)
{
	size_t seen = m->log->nr_kills;
	struct news news = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	model_forked(m->model);
	while (machine_now(m) < until && !news.kill) {
		bool goes_on =
			machine_run_until(m, min(until, machine_now(m) + STRIDE), NULL, NULL);

		news.kill = !goes_on || m->log->nr_kills > seen;
		news.ns = news.kill ? next_kill(m, seen) : machine_now(m);
		if (write(fd, &news, sizeof(news)) != sizeof(news))
			_exit(1);
	}
	_exit(0);
}

static bool follow(struct machine *m, u64 back, u64 until, int fd, u64 *kill,
		   void (*progress)(struct machine *m, u64 ns, void *ctx), void *ctx)
{
	struct news news = {.ns = machine_now(m)};
	ssize_t n;

	*kill = until;
	while ((n = read(fd, &news, sizeof(news))) == sizeof(news)) {
		if (news.kill)
			*kill = news.ns;
		/* A stride may have ended beyond the kill: it is told its own time. */
		if (news.ns > back && news.ns - back > machine_now(m))
			machine_run_until(m, news.ns - back, progress, ctx);
		if (news.kill)
			return true;
	}
	if (n < 0 || news.ns < until)
		return false;
	machine_run_until(m, until, progress, ctx);
	return true;
}

bool machine_run_before_kill(struct machine *m, u64 back, u64 until, u64 *kill,
			     void (*progress)(struct machine *m, u64 ns, void *ctx), void *ctx)
{
	int fd[2], status;
	bool ok;
	pid_t pid;

	if (pipe(fd))
		return false;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(fd[0]);
		scout(m, until, fd[1]);
	}
	close(fd[1]);
	ok = pid > 0 && follow(m, back, until, fd[0], kill, progress, ctx);
	close(fd[0]);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	return ok;
}
