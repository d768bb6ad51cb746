/* SPDX-License-Identifier: MIT */
/*
 * The harness of the tests that run on the model.
 *
 *	struct testbox *t = testbox_new(&(struct testbox_config){
 *		.nr_nodes = 1, .node_mb = {512}, .cpus = 2, .disk = true, .swap_mb = 64});
 *	testbox_run(t, fn, arg);	fn(t, arg) as a fresh process, in a fiber
 *	testbox_call(t, fn, arg);	the same as init
 *	testbox_verify(t);		quire_verify() finds nothing
 *	testbox_free(t);
 *
 * The seed is QUIRE_SEED of the environment, or the configuration's, or 1; it
 * is printed, and testbox_rng() follows from it.  With QUIRE_LOG set, the
 * kernel log goes to stderr.  Assertions of cmocka may be used inside a fiber:
 * a failing one ends the test on the fiber's stack, and the box is lost.
 */
#ifndef QUIRE_TESTLIB_H
#define QUIRE_TESTLIB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/prng.h"
#include "port/model/model.h"
#include "port/model/content.h"
#include "verify/verify.h"

struct testbox_config {
	unsigned int nr_nodes;	   /* 0: one */
	unsigned int node_mb[16];  /* memory of each; 0 for all: 256 MB each */
	unsigned int cpus;	   /* of each node; 0: 2 */
	unsigned int reserved_mb;  /* of each node, kept from the allocator */
	bool disk;		   /* an NVMe of 64 GB with a file system */
	unsigned int swap_mb;	   /* swap on a second NVMe */
	bool swap_pmem;		   /* which is persistent memory: transfers are over at once */
	bool swap_slots;	   /* with 64 slots at hand for each CPU */
	unsigned int charge_batch; /* of groups; 0: 1, so that tests can count pages */
	u64 seed;
	/* The slab, as of struct quire_config. */
	int slab;
	const char *slub_debug;
	bool slab_merge;
	unsigned int kfence_sample_ms;
	const char *kernel; /* "3.10": whose killer; NULL: 6.1 */
	void (*tune)(struct quire_config *cfg); /* the rest of the configuration; or NULL */
};

struct testbox {
	struct model *m;
	struct quire *q;
	struct quire_config cfg;
	u64 seed;
	struct prng rng;
	unsigned int dev, swap_dev; /* the model's numbers of the disks */
	struct backing_dev *bdi, *swap_bdi;
	struct super_block *sb;		       /* on the first disk */
	struct task *task;		       /* of the running testbox_run() */
	unsigned long allocs, fail_at, failed; /* see testbox_fail_alloc() */
};

struct testbox *testbox_new(const struct testbox_config *cfg);
/* Ends the instance and frees everything, sleeping fibers too. */
void testbox_free(struct testbox *t);

/* fn as a new process (program "test") that exits when it returns. */
void testbox_run(struct testbox *t, void (*fn)(struct testbox *t, void *arg), void *arg);
/* The same in a box of its own, which is verified and freed. */
void testbox_once(const struct testbox_config *cfg, void (*fn)(struct testbox *t, void *arg));
/* fn as init (pid 1), or as nobody before there are tasks. */
void testbox_call(struct testbox *t, void (*fn)(struct testbox *t, void *arg), void *arg);
/* Lets ns of virtual time pass. */
void testbox_pass(struct testbox *t, u64 ns);

/* Prints each broken invariant, and fails the test if there is one. */
void testbox_verify(struct testbox *t);
/* For states broken on purpose: quire_verify() must report a line that
 * contains `expected`; prints what it said if not. */
void testbox_verify_reports(struct testbox *t, const char *expected);

/* The n-th page allocation from now on fails, once (n = 1: the next); 0: none.
 * t->failed counts the failures. */
void testbox_fail_alloc(struct testbox *t, unsigned long n);
/* Every page allocation fails, until testbox_fail_alloc(t, 0). */
void testbox_fail_all_allocs(struct testbox *t);

/* The seed of this run: QUIRE_SEED, or else fallback.  Prints it. */
u64 testbox_seed(u64 fallback);

/* A file without a name, open for writing; its last fput() ends it once its inode's
 * i_nlink is 0. */
struct file *testbox_file(struct testbox *t, struct super_block *sb, u64 size_bytes);

/* Host milliseconds, for the tests that have a goal of time. */
double testbox_host_ms(void);

#endif
