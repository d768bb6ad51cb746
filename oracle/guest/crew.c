/* SPDX-License-Identifier: MIT */
/*
 * The workers as process 1 sees them.
 *
 * Each has a socket of its own.  A worker that dies while it works shows in the
 * end of its socket, one that dies idle is found by reap() at the next
 * snapshot, sleep or round of a loop: "@@dead" lines come in the order of
 * discovery, the log has the order of kills.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

struct proc procs[MAX_PROCS];
int nr_procs, nr_dead, line_now;

/* The last one of that name: a name may be given again. */
struct proc *find_proc(const char *name)
{
	for (int i = nr_procs - 1; i >= 0; i--)
		if (!strcmp(procs[i].name, name))
			return &procs[i];
	return NULL;
}

int find_map(struct proc *p, const char *name, bool create)
{
	for (int i = 0; i < MAX_MAPS; i++)
		if (!strcmp(p->map[i], name))
			return i;
	for (int i = 0; create && i < MAX_MAPS; i++) {
		if (!p->map[i][0]) {
			strncpy(p->map[i], name, sizeof(p->map[i]) - 1);
			return i;
		}
	}
	return -1;
}

void bury(struct proc *p)
{
	int st = 0, sig;

	waitpid(p->pid, &st, 0);
	close(p->fd);
	p->alive = 0;
	p->pending = 0;
	sig = WIFSIGNALED(st) ? WTERMSIG(st) : 0;
	if (sig == SIGKILL)
		nr_dead++;
	outf("@@dead %s pid=%d sig=%d ns=%llu\n", p->name, p->pid, sig, now());
}

void reap(void)
{
	siginfo_t si;

	for (int i = 0; i < nr_procs; i++) {
		si.si_pid = 0;
		if (procs[i].alive &&
		    !waitid(P_PID, procs[i].pid, &si, WEXITED | WNOHANG | WNOWAIT) && si.si_pid)
			bury(&procs[i]);
	}
}

void collect(struct proc *p)
{
	struct reply r;

	if (!p->pending)
		return;
	if (read(p->fd, &r, sizeof(r)) != (ssize_t)sizeof(r)) {
		outf("@@ok %d ns=%llu proc=%s died\n", p->line, now(), p->name);
		bury(p);
		return;
	}
	p->pending = 0;
	outf("@@ok %d ns=%llu proc=%s err=%d took=%llu minflt=%ld majflt=%ld val=%llu\n", p->line,
	     now(), p->name, r.err, (unsigned long long)r.ns, r.minflt, r.majflt,
	     (unsigned long long)r.val);
}

void tell(struct proc *p, struct cmd *c, bool wait)
{
	collect(p);
	if (!p->alive)
		return;
	p->line = line_now;
	if (send(p->fd, c, sizeof(*c), MSG_NOSIGNAL) != (ssize_t)sizeof(*c)) {
		bury(p);
		return;
	}
	p->pending = 1;
	if (wait)
		collect(p);
}

/* ---- beginning ---- */

static void set_mempolicy(int mode, unsigned long mask)
{
	syscall(SYS_set_mempolicy, mode, &mask, 64UL);
}

/* What the options of spawn mean, done by the new process for itself. */
static void become(char **word, int n)
{
	enum { PREFERRED = 1, BIND, INTERLEAVE };
	const char *v;

	v = option(word, n, "oom_score_adj");
	if (v)
		put("/proc/self/oom_score_adj", v);
	v = option(word, n, "cpu");
	if (v) {
		cpu_set_t s;

		CPU_ZERO(&s);
		CPU_SET(atoi(v), &s);
		sched_setaffinity(0, sizeof(s), &s);
	}
	v = option(word, n, "membind");
	if (v)
		set_mempolicy(BIND, 1UL << atoi(v));
	v = option(word, n, "prefer");
	if (v)
		set_mempolicy(PREFERRED, 1UL << atoi(v));
	v = option(word, n, "interleave");
	if (v)
		set_mempolicy(INTERLEAVE, strtoul(v, NULL, 0));
}

static struct proc *new_proc(const char *name, int sv[2])
{
	struct proc *p = &procs[nr_procs];

	if (nr_procs >= MAX_PROCS || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return NULL;
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

static struct proc *enlist(struct proc *p, pid_t pid, int sv[2])
{
	close(sv[1]);
	p->pid = pid;
	p->fd = sv[0];
	p->alive = 1;
	nr_procs++;
	return p;
}

static int open_group(char **word, int n)
{
	const char *v = option(word, n, "cg");
	char path[96];

	if (!v)
		return -1;
	snprintf(path, sizeof(path), "/cg/%s/cgroup.procs", v);
	return open(path, O_WRONLY | O_CLOEXEC);
}

struct proc *crew_spawn(char **word, int n)
{
	int sv[2], group;
	struct proc *p = new_proc(word[1], sv);
	pid_t pid;

	if (!p)
		return NULL;
	group = open_group(word, n);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < nr_procs; i++)
			if (procs[i].alive)
				close(procs[i].fd);
		close(sv[0]);
		prctl(PR_SET_NAME, word[1]);
		if (group >= 0 && write(group, "0", 1) < 0)
			_exit(9);
		become(word, n);
		worker_main(sv[1]);
	}
	if (group >= 0)
		close(group);
	return enlist(p, pid, sv);
}

/* Tells p to fork; the child's socket goes along.  It inherits p's mappings. */
struct proc *crew_fork(struct proc *p, char **word, int n)
{
	union {
		struct cmsghdr h;
		char b[CMSG_SPACE(sizeof(int))];
	} u;
	struct cmd c = {.op = OP_FORK};
	struct iovec io = {&c, sizeof(c)};
	struct msghdr m = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = u.b, .msg_controllen = sizeof(u.b)};
	struct proc *q;
	struct reply r;
	const char *adj;
	char path[64];
	int sv[2];

	collect(p);
	q = p->alive ? new_proc(word[2], sv) : NULL;
	if (!q)
		return NULL;
	snprintf(c.path, sizeof(c.path), "%s", word[2]);
	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.h), &sv[1], sizeof(int));
	if (sendmsg(p->fd, &m, MSG_NOSIGNAL) != (ssize_t)sizeof(c) ||
	    read(p->fd, &r, sizeof(r)) != (ssize_t)sizeof(r) || r.err) {
		close(sv[0]);
		close(sv[1]);
		return NULL;
	}
	memcpy(q->map, p->map, sizeof(q->map));
	memcpy(q->cursor, p->cursor, sizeof(q->cursor));
	adj = option(word, n, "oom_score_adj");
	if (adj) {
		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)r.val);
		put(path, adj);
	}
	return enlist(q, (pid_t)r.val, sv);
}
