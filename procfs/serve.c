/* SPDX-License-Identifier: MIT */
/*
 * The server: answers FUSE's requests from the model, one after another, in
 * the process that holds it.
 *
 * The idea: one thread.  A request looks at the model between two of its
 * events, so an answer is of one instant and needs no lock; a live model moves
 * in slices of a few milliseconds between the requests.
 *
 * What a request costs is mostly two wake-ups, the server's and the caller's,
 * so what counts is how few requests there are.  (To ask on for a while before
 * going to sleep was measured: it takes the processor that the caller needs.)
 * The kernel may keep what it was told of names and attributes: for long when
 * the model stands still, for 0.1 s when it lives.  Names that are numbers may
 * begin to exist at any time, and are asked for each time.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "procfs/internal.h"

#define FROZEN_TIMEOUT 3600.0
#define LIVE_TIMEOUT   0.1
#define SLICE_NS       4000000	/* host time that a live model may take at once */
#define TICK_NS	       10000000 /* how often it moves */
#define MAX_LAG_NS     100000000
#define NS_PER_SEC     1000000000ULL

static struct procfs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* ---- places ----------------------------------------------------------------- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* Requests are small: a pipe would cost more than the copy. */
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				      FUSE_CAP_SPLICE_MOVE);
	conn->want |= conn->capable &
		      (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS);
	/* Always with attributes: whoever lists /proc asks for them next. */
	conn->want &= ~(unsigned int)FUSE_CAP_READDIRPLUS_AUTO;
	conn->max_write = MAX_WRITE_BYTES;
	conn->max_readahead = 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct procfs *fs = fs_of(req);
	struct place dir = place_of(fs, parent), p;
	struct fuse_entry_param e = {.generation = 1};

	if (dir.class == PLACE_NONE) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	p = place_lookup(fs, &dir, name);
	if (p.class == PLACE_NONE || place_stat(fs, &p, &e.attr)) {
		/* Inode 0 says no, and for how long. */
		memset(&e, 0, sizeof(e));
		if (dir.class != PLACE_GUEST && dir.class != PLACE_SPECIAL &&
		    !isdigit((unsigned char)name[0]) && name[0] != '.')
			e.entry_timeout = fs->timeout > 1 ? 1 : fs->timeout;
		if (e.entry_timeout > 0)
			fuse_reply_entry(req, &e);
		else
			fuse_reply_err(req, ENOENT);
		return;
	}
	e.ino = e.attr.st_ino;
	e.attr_timeout = e.entry_timeout = place_timeout(fs, &p);
	fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct procfs *fs = fs_of(req);
	struct place p = place_of(fs, ino);
	struct stat st;
	int err = place_stat(fs, &p, &st);

	(void)fi;
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &st, place_timeout(fs, &p));
}

/* Truncation is what open(O_TRUNC) and > ask for; nothing else can be set. */
static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	(void)attr;
	if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		fuse_reply_err(req, EPERM);
	else
		op_getattr(req, ino, fi);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct procfs *fs = fs_of(req);
	struct place p = place_of(fs, ino);
	char target[4096];
	struct text t;
	int err;

	text_init(&t, target, sizeof(target));
	err = place_readlink(fs, &p, fuse_req_ctx(req)->pid, &t);
	if (!err && t.overflow)
		err = -ENAMETOOLONG;
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_readlink(req, target);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {.f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namemax = 255};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

/* ---- directories ------------------------------------------------------------ */

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct procfs *fs = fs_of(req);
	struct place p = place_of(fs, ino);
	struct handle *h;
	int err;

	if (p.class == PLACE_NONE) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	h = handle_new(fs, &p);
	if (!h) {
		fuse_reply_err(req, ENFILE);
		return;
	}
	err = handle_list(fs, h);
	if (err) {
		handle_put(fs, h);
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)h;
	fuse_reply_open(req, fi);
}

/* One entry into what is left of the answer: its size, more than left if it
 * does not fit.  The first two are . and .. */
static size_t put_item(fuse_req_t req, struct handle *h, char *buf, size_t left, off_t at,
		       bool plus)
{
	struct fuse_entry_param e = {.generation = 1};
	const char *name = at == 0 ? "." : "..";

	if (at < 2) {
		e.attr.st_ino = place_ino(&h->place);
		e.attr.st_mode = S_IFDIR;
	} else {
		const struct dir_item *item = &h->items[at - 2];

		name = h->t.buf + item->name;
		e.attr = item->st;
		e.attr.st_ino = item->ino;
		if (item->known) {
			e.ino = item->ino;
			e.attr_timeout = e.entry_timeout = item->timeout;
		}
	}
	return plus ? fuse_add_direntry_plus(req, buf, left, name, &e, at + 1)
		    : fuse_add_direntry(req, buf, left, name, &e.attr, at + 1);
}

static void read_dir(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct procfs *fs = fs_of(req);
	struct handle *h = handle_of(fi);
	size_t used = 0;
	int err;

	/* rewinddir() sees what has changed. */
	if (off == 0 && h->fresh) {
		err = handle_list(fs, h);
		if (err) {
			fuse_reply_err(req, -err);
			return;
		}
	}
	h->fresh = true;
	if (size > fs->scratch_bytes)
		size = fs->scratch_bytes;
	for (off_t at = off; at >= 0 && (size_t)at < h->nr_items + 2; at++) {
		size_t n = put_item(req, h, fs->scratch + used, size - used, at, plus);

		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, fs->scratch, used);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)ino;
	read_dir(req, size, off, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)ino;
	read_dir(req, size, off, fi, true);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_put(fs_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

/* ---- files ------------------------------------------------------------------ */

static int open_place(struct procfs *fs, struct handle *h, int flags)
{
	const struct place *p = &h->place;
	bool reads = (flags & O_ACCMODE) != O_WRONLY, writes = (flags & O_ACCMODE) != O_RDONLY;
	bool edited;
	int err;

	if (place_is_kmsg(p)) {
		kmsg_open(fs, h);
		return 0;
	}
	if (p->class == PLACE_GUEST) {
		if (writes)
			return -EACCES;
		h->fd = guest_open(fs, &p->guest, &edited);
		if (h->fd < 0)
			return h->fd;
		err = edited ? handle_render(fs, h) : 0;
		h->fresh = edited && !err;
		return err;
	}
	if (p->class == PLACE_SPECIAL || p->entry.kind != PROC_FILE)
		return -EINVAL;
	/* Root may open anything; what nobody may write stays so. */
	if (writes && !(p->entry.mode & 0222))
		return -EACCES;
	if (!reads || proc_is_binary(p->entry))
		return 0;
	err = handle_render(fs, h);
	h->fresh = !err;
	/* Written only, by mode, but opened for both. */
	return err == -EINVAL && writes ? 0 : err;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct procfs *fs = fs_of(req);
	struct place p = place_of(fs, ino);
	struct handle *h;
	int err;

	if (p.class == PLACE_NONE) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	h = handle_new(fs, &p);
	err = h ? open_place(fs, h, fi->flags) : -ENFILE;
	if (err) {
		if (h)
			handle_put(fs, h);
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->direct_io = 1;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

static void read_real(fuse_req_t req, struct procfs *fs, struct handle *h, size_t size, off_t off)
{
	ssize_t n =
		pread(h->fd, fs->scratch, size < fs->scratch_bytes ? size : fs->scratch_bytes, off);

	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, fs->scratch, (size_t)n);
}

static void read_binary(fuse_req_t req, struct procfs *fs, struct handle *h, size_t size, off_t off)
{
	s64 n = off < 0 ? -EINVAL
			: proc_read_at(fs->q, h->place.entry, (u64)off, fs->scratch,
				       size < fs->scratch_bytes ? size : fs->scratch_bytes);

	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, fs->scratch, (size_t)n);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct procfs *fs = fs_of(req);
	struct handle *h = handle_of(fi);

	(void)ino;
	if (place_is_kmsg(&h->place)) {
		kmsg_read(fs, req, h, size, off, fi->flags & O_NONBLOCK);
		return;
	}
	if (h->fd >= 0 && !h->t.len) {
		read_real(req, fs, h, size, off);
		return;
	}
	if ((h->place.class == PLACE_MODEL || h->place.class == PLACE_PROCESS) &&
	    proc_is_binary(h->place.entry)) {
		read_binary(req, fs, h, size, off);
		return;
	}
	if (off == 0 && !h->fresh) {
		int err = handle_render(fs, h);

		if (err) {
			fuse_reply_err(req, -err);
			return;
		}
	}
	h->fresh = false;
	if (off < 0 || (size_t)off >= h->t.len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, h->t.buf + off,
			       size < h->t.len - (size_t)off ? size : h->t.len - (size_t)off);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct procfs *fs = fs_of(req);
	struct handle *h = handle_of(fi);
	s64 n;

	(void)ino;
	(void)off;
	if (place_is_kmsg(&h->place))
		n = kmsg_write(fs, buf, size);
	else
		n = file_write(fs, &h->place, fuse_req_ctx(req)->uid, buf, size);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_write(req, (size_t)n);
	/* What was written is read back. */
	h->fresh = false;
	kmsg_wake(fs);
}

/* SEEK_DATA, which dmesg asks of /dev/kmsg: the first record. */
static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	if (whence == SEEK_DATA)
		fuse_reply_lseek(req, off);
	else
		fuse_reply_err(req, ENXIO);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.lseek = op_lseek,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_release,
	.statfs = op_statfs,
};

/* ---- the loop --------------------------------------------------------------- */

static u64 host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

/* A live model: where it should be by now. */
struct life {
	u64 host, model; /* an instant, on both clocks */
	u64 next;	 /* host time of the next slice */
};

/* Moves the model towards now, for no longer than a slice.  What it could not
 * keep up with is let go: it is then slower than asked for. */
static void live(struct procfs *fs, struct life *l)
{
	u64 begin = host_ns(), now = machine_now(fs->m), length = machine_length(fs->m);
	u64 target = l->model + (u64)((double)(begin - l->host) * fs->speed);

	target = target < length ? target : length;
	while (now < target && host_ns() - begin < SLICE_NS) {
		u64 step = target - now < NS_PER_SEC ? target : now + NS_PER_SEC;

		if (!machine_run_until(fs->m, step, NULL, NULL)) {
			fs->speed = 0; /* it panicked and stands still */
			break;
		}
		now = machine_now(fs->m);
	}
	if (target > now && (double)(target - now) > fs->speed * MAX_LAG_NS) {
		l->host = host_ns();
		l->model = now;
	}
	l->next = host_ns() + TICK_NS;
	kmsg_wake(fs);
}

enum next { REQUEST, NOTHING, GONE };

/* One request, if there is one. */
static enum next serve_one(struct procfs *fs)
{
	int n = fuse_session_receive_buf(fs->session, &fs->buf);

	if (n > 0) {
		fuse_session_process_buf(fs->session, &fs->buf);
		return fuse_session_exited(fs->session) ? GONE : REQUEST;
	}
	return n == -EAGAIN || n == -EINTR ? NOTHING : GONE;
}

/* The command has ended, or a signal wants us to: its status, or -1. */
static int take_signal(struct procfs *fs, int signals)
{
	struct signalfd_siginfo si;
	int status;

	while (read(signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD && waitpid(fs->guests->pid, &status, WNOHANG) > 0) {
			fs->guests->pid = 0;
			return status;
		}
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGHUP)
			return (int)si.ssi_signo; /* as if it had killed the command */
	}
	return -1;
}

static void wait_for_work(struct procfs *fs, int signals, bool served, u64 next)
{
	struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
				{.fd = fs->guests->files, .events = POLLIN}};
	u64 now = host_ns();
	int timeout = -1;

	if (fs->speed > 0)
		timeout = next > now ? (int)((next - now) / 1000000) + 1 : 0;
	poll(fds, served ? 2 : 1, timeout);
}

int procfs_loop(struct procfs *fs)
{
	bool served = fs->session != NULL;
	struct life l = {host_ns(), machine_now(fs->m), 0};
	int status = -1, signals;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0)
		return -1;
	for (unsigned int turn = 0; status < 0; turn++) {
		enum next next = served ? serve_one(fs) : NOTHING;

		if (next == GONE)
			served = false;
		if (fs->speed > 0 && host_ns() >= l.next)
			live(fs, &l);
		if (next == REQUEST) {
			if (turn % 1024 == 0)
				status = take_signal(fs, signals);
			continue;
		}
		wait_for_work(fs, signals, served, l.next);
		status = take_signal(fs, signals);
	}
	close(signals);
	return status;
}

/* ---- set-up ----------------------------------------------------------------- */

/* The lines of a status that say which CPUs and nodes may be used: those of
 * the model's first process. */
static bool take_masks(struct procfs *fs)
{
	static const char *const labels[] = {
		"Cpus_allowed:", "Cpus_allowed_list:", "Mems_allowed:", "Mems_allowed_list:"};
	struct proc_entry e = proc_lookup(fs->q, proc_lookup(fs->q, proc_root(), "1"), "status");
	struct text t;
	bool ok = true;

	text_init(&t, NULL, 0);
	t.grow = text_grow;
	if (e.kind == PROC_FILE && !proc_read(fs->q, e, &t)) {
		for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
			const char *p = strstr(t.buf, labels[i]);

			if (p)
				fs->masks[i] = strndup(p, strcspn(p, "\n") + 1);
			ok = ok && (!p || fs->masks[i]);
		}
	}
	free(t.buf);
	return ok;
}

static bool start_session(struct procfs *fs)
{
	char *argv[] = {(char *)"quire", NULL}, place[32];
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	fs->session = fuse_session_new(&args, &ops, sizeof(ops), fs);
	fuse_opt_free_args(&args);
	if (!fs->session)
		return false;
	snprintf(place, sizeof(place), "/dev/fd/%d", fs->guests->files);
	return !fuse_session_mount(fs->session, place) &&
	       !fcntl(fs->guests->files, F_SETFL, fcntl(fs->guests->files, F_GETFL) | O_NONBLOCK);
}

bool procfs_init(struct procfs *fs, struct guests *g, struct machine *m)
{
	char path[64];
	ssize_t n;

	*fs = (struct procfs){.m = m,
			      .q = machine_quire(m),
			      .guests = g,
			      .real = g->real,
			      .own_pids = g->own_pids,
			      .mapped = g->mapped,
			      .speed = g->o.speed,
			      .timeout = g->o.speed > 0 ? LIVE_TIMEOUT : FROZEN_TIMEOUT,
			      .scratch_bytes = 1u << 20};
	INIT_LIST_HEAD(&fs->free_handles);
	INIT_LIST_HEAD(&fs->waiting);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", g->pid);
	n = readlink(path, fs->mnt_ns, sizeof(fs->mnt_ns) - 1);
	fs->mnt_ns[n > 0 ? n : 0] = '\0';
	fs->scratch = malloc(fs->scratch_bytes);
	return fs->scratch && take_masks(fs) && (!g->fuse || start_session(fs));
}

void procfs_fini(struct procfs *fs)
{
	struct handle *h, *next;

	if (fs->session) {
		fuse_session_unmount(fs->session);
		fuse_session_destroy(fs->session);
		/* Closed with it. */
		fs->guests->files = -1;
	}
	list_for_each_entry_safe (h, next, &fs->free_handles, list) {
		free(h->t.buf);
		free(h->items);
		free(h);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fs->masks); i++)
		free(fs->masks[i]);
	free(fs->buf.mem);
	free(fs->scratch);
}
