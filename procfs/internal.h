/* SPDX-License-Identifier: MIT */
/*
 * Shapes shared by procfs/'s own files.
 *
 * A place is what an inode number says and nothing else: there is no table of
 * inodes, nothing to look up, to count or to forget.  The top three bits are
 * the class, the rest what the class needs.
 */
#ifndef QUIRE_PROCFS_INTERNAL_H
#define QUIRE_PROCFS_INTERNAL_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include "base/printk.h"
#include "procfs/procfs.h"
#include "machine/text_grow.h"

/* ---- places (place.c) ------------------------------------------------------- */

enum place_class {
	PLACE_SPECIAL, /* enum special */
	PLACE_MODEL,   /* of the model: pid, tid or cpu, and id */
	PLACE_PROCESS, /* of one of the model's processes */
	PLACE_GUEST,   /* of a process that runs in the namespace */
	PLACE_NONE,
};

/* FUSE's root holds proc, sys and kmsg; the others are in /proc. */
enum special {
	SPECIAL_TOP = 1,
	SPECIAL_KMSG,
	SPECIAL_SELF,
	SPECIAL_THREAD_SELF,
	SPECIAL_HOST, /* /proc/.host: where the guests' real /proc is mounted */
};

/* Which file of a guest: GUEST_FILE PID/name, GUEST_ITEM PID/name/number,
 * GUEST_THREAD PID/task/number/name.  Name 0 is the directory itself. */
enum guest_level { GUEST_FILE, GUEST_ITEM, GUEST_THREAD };
struct guest_place {
	int pid;
	u32 number; /* thread, file descriptor, index of a namespace */
	u8 level, name;
};

struct place {
	enum place_class class;
	enum special special;
	struct proc_entry entry; /* PLACE_MODEL, PLACE_PROCESS */
	struct guest_place guest;
};

struct procfs;

u64 place_ino(const struct place *p);
/* The place of a number; class PLACE_NONE if it has gone or never was. */
struct place place_of(struct procfs *fs, u64 ino);
struct place place_of_entry(struct proc_entry e);
/* The child called name, on behalf of the process pid. */
struct place place_lookup(struct procfs *fs, const struct place *dir, const char *name);
/* 0 or a negative error. */
int place_stat(struct procfs *fs, const struct place *p, struct stat *st);
/* How long the kernel may believe what it was told of a place, in seconds. */
double place_timeout(struct procfs *fs, const struct place *p);
/* Calls fn for each child; stops when it returns false. */
void place_readdir(struct procfs *fs, const struct place *dir,
		   bool (*fn)(void *ctx, const char *name, const struct place *p), void *ctx);
/* A link's target into t, for the caller pid: 0 or a negative error. */
int place_readlink(struct procfs *fs, const struct place *p, int caller, struct text *t);
static inline bool place_is_kmsg(const struct place *p)
{
	return p->class == PLACE_SPECIAL && p->special == SPECIAL_KMSG;
}

/* ---- guests (guest.c) ------------------------------------------------------- */

/* Whether a process runs in the namespace; pid by its name. */
struct place guest_lookup_pid(struct procfs *fs, const char *name);
struct place guest_lookup(struct procfs *fs, const struct guest_place *dir, const char *name);
void guest_readdir_pids(struct procfs *fs,
			bool (*fn)(void *ctx, const char *name, const struct place *p), void *ctx);
void guest_readdir(struct procfs *fs, const struct guest_place *dir,
		   bool (*fn)(void *ctx, const char *name, const struct place *p), void *ctx);
int guest_stat(struct procfs *fs, const struct guest_place *g, struct stat *st);
int guest_readlink(struct procfs *fs, const struct guest_place *g, struct text *t);
/* Leader of the thread that asks; 0 if it is nobody who can be seen. */
int guest_tgid(struct procfs *fs, int tid);
/* Opens the real file: a descriptor or a negative error.  *edited: its text
 * must go through guest_render() instead. */
int guest_open(struct procfs *fs, const struct guest_place *g, bool *edited);
int guest_render(struct procfs *fs, const struct guest_place *g, int fd, struct text *t);

/* ---- open files (file.c) ---------------------------------------------------- */

#define MAX_HANDLES	65536 /* open at once */
#define MAX_WRITE_BYTES 65536

struct dir_item {
	u64 ino;
	struct stat st;
	size_t name; /* offset in handle.t */
	double timeout;
	bool known; /* st is filled */
};

struct handle {
	struct list_head list; /* the free ones; or those that wait for the log */
	struct place place;
	struct text t; /* a file's text, a directory's names */
	bool fresh;    /* t was rendered at open and not read yet */
	int fd;	       /* a guest's real file, or -1 */
	struct dir_item *items;
	size_t nr_items, cap_items;
	/* kmsg.c */
	u64 seq;
	off_t pos;	  /* where the next read is expected */
	fuse_req_t waits; /* a reader that waits for the next record */
	size_t wants;
};

struct handle *handle_new(struct procfs *fs, const struct place *p);
void handle_put(struct procfs *fs, struct handle *h);
/* Renders the place's text anew: 0 or a negative error. */
int handle_render(struct procfs *fs, struct handle *h);
/* Fills items: 0 or a negative error. */
int handle_list(struct procfs *fs, struct handle *h);
/* As a write(2): the length or a negative error. */
s64 file_write(struct procfs *fs, const struct place *p, unsigned int uid, const char *buf,
	       size_t len);

/* ---- /dev/kmsg (kmsg.c) ----------------------------------------------------- */

#define KMSG_RECORD_MAX 8192

/* One record as text: its length. */
size_t kmsg_format(const struct printk_record *rec, char *buf, size_t cap);
void kmsg_open(struct procfs *fs, struct handle *h);
void kmsg_read(struct procfs *fs, fuse_req_t req, struct handle *h, size_t size, off_t off,
	       bool nonblock);
s64 kmsg_write(struct procfs *fs, const char *buf, size_t len);
/* Answers those who wait, as far as there are records. */
void kmsg_wake(struct procfs *fs);

/* ---- the server (serve.c) --------------------------------------------------- */

struct procfs {
	struct machine *m;
	struct quire *q;
	struct guests *guests;
	struct fuse_session *session;
	struct fuse_buf buf;
	int real;	 /* the guests' real /proc: a directory */
	bool own_pids;	 /* they have a PID namespace of their own */
	bool mapped;	 /* they have a user namespace: one user, who is root there */
	char mnt_ns[64]; /* of the guests, where they share our PIDs */
	double timeout;	 /* of what changes only with the model */
	double speed;
	char *masks[4]; /* the model's lines for a guest's status */
	struct list_head free_handles, waiting;
	unsigned int nr_handles, nr_free;
	char *scratch; /* one answer to a read */
	size_t scratch_bytes;
};

extern const struct fuse_lowlevel_ops procfs_ops;
/* Sets the parts of fs that do not depend on FUSE; false: no memory. */
bool procfs_init(struct procfs *fs, struct guests *g, struct machine *m);
void procfs_fini(struct procfs *fs);
/* Serves until the command ends; its status as waitpid() has it. */
int procfs_loop(struct procfs *fs);

/* ---- the namespaces (namespace.c) ------------------------------------------- */

/* PIDs of the namespace begin here: above those that a model's processes reach
 * in a night, and within pid_max, after which top makes its columns. */
#define FIRST_GUEST_PID 31000L

struct guests {
	struct procfs_options o;
	int pid;	/* the first process in there */
	int socket;	/* to it */
	int real;	/* its /proc */
	long first_pid; /* of the guests, about */
	int files;	/* FUSE's descriptor, or the folder to fill */
	bool own_pids, mapped, fuse;
	FILE *err;
};

/* Tells the first process to mount, and to go on once the tree is filled. */
bool guests_mount(struct guests *g, const char *hostname);
bool guests_filled(struct guests *g);

/* ---- without FUSE (tree.c) -------------------------------------------------- */

/* Fills the folder, for guests whose PIDs begin at first: 0 or -1 with a
 * message. */
int tree_fill(struct machine *m, int dirfd, long first, FILE *err);

#endif
