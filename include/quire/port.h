/* SPDX-License-Identifier: MIT */
/*
 * The port: the only door of the core.
 *
 * The core reads no clock, starts no thread and touches no disk.  What it
 * needs of the world is here.  Slow things are this table of functions; hot
 * things (CPU number, locks, atomics, page content) are the header
 * <quire_hot.h> that each port provides and that is chosen at compile time.
 *
 * The smallest useful port (page and slab floors only) fills clock, wait,
 * wake, log and panic; functions that are NULL are those of floors that the
 * embedder does not use, as marked.
 */
#ifndef QUIRE_PORT_H
#define QUIRE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quire;

/*
 * An event count.  A sleeper reads .seq, tests its condition, and then calls
 * port->wait with the value it read; the port returns at once if .seq has
 * moved since, so no wake-up is lost.  Both fields belong to the core; the
 * port uses the structure's address as its key.
 */
struct quire_wait_queue {
	uint32_t seq;	  /* bumped by every wake-up */
	uint32_t waiters; /* how many are inside port->wait */
};

enum quire_bio_op { QUIRE_BIO_READ, QUIRE_BIO_WRITE };

#define QUIRE_BIO_MAX_PAGES 64

/*
 * One transfer between consecutive pages of a device and frames of memory.
 * The core fills it and hands it to port->submit; the port calls end_io once,
 * later or at once, from a context that may not sleep.  Until then the bio
 * and its frames belong to the device.
 */
struct quire_bio {
	void *link[2];	      /* free for whoever owns the bio */
	uint32_t dev;	      /* device number, as the embedder numbered them */
	uint16_t op;	      /* enum quire_bio_op */
	uint16_t nr_pages;    /* 1 .. QUIRE_BIO_MAX_PAGES */
	int32_t error;	      /* 0 or -EIO, set by the port before end_io */
	uint32_t flags;	      /* the core's */
	uint64_t page_offset; /* first page on the device, in 4 KiB units */
	void (*end_io)(struct quire *q, struct quire_bio *bio);
	void *private; /* the core's */
	uint64_t pfn[QUIRE_BIO_MAX_PAGES];
};

struct quire_port_ops {
	/* Nanoseconds since boot; never goes back.  Does not sleep. */
	uint64_t (*clock)(void *ctx);

	/*
	 * Sleep until wq->seq differs from seq, or timeout_ns have passed
	 * (UINT64_MAX: no limit).  Spurious returns are allowed.  The caller
	 * holds no spinlock.
	 */
	void (*wait)(void *ctx, struct quire_wait_queue *wq, uint32_t seq, uint64_t timeout_ns);

	/* Wake all who sleep on wq; wq->seq has been moved already.  wq NULL:
	 * wake every sleeper, once (quire_finish() stops the kernel threads). */
	void (*wake)(void *ctx, struct quire_wait_queue *wq);

	/* Let others run (Linux's cond_resched()).  May be NULL. */
	void (*yield)(void *ctx);

	/*
	 * Start a kernel thread: kswapd, the flushers, the OOM reaper.
	 * node < 0: anywhere.  The name is copied.  0, or a negative error.
	 * NULL: reclaim and writeback run only from their callers.
	 */
	int (*thread_start)(void *ctx, const char *name, void (*fn)(void *arg), void *arg,
			    int node);

	/* Block I/O; NULL: no disks, and no swap but in zswap. */
	void (*submit)(void *ctx, struct quire_bio *bio);

	/*
	 * Compress the content of frame pfn into dst (cap bytes) by one of the
	 * compressors: the length, or 0 if it does not fit or is to fail.
	 * decompress() puts it back into a frame, and must know by whom a form was
	 * made: 0 or a negative error.  Neither sleeps.  NULL: no zswap, no zram.
	 */
	size_t (*compress)(void *ctx, unsigned int compressor, uint64_t pfn, void *dst, size_t cap);
	int (*decompress)(void *ctx, const void *src, size_t len, uint64_t pfn);
	/*
	 * The number, for compress(), of a compressor of a name ("lzo", "lzo-rle",
	 * "lz4", "zstd"), or -ENOENT.  NULL: there is one, number 0, under any name.
	 */
	int (*find_compressor)(void *ctx, const char *name);
	/*
	 * How many leading bytes of the compressed form carry information: the
	 * core keeps only those.  0: all.  The model, whose frames hold a
	 * descriptor of 8 bytes, says 8.
	 */
	size_t compressed_bytes_kept;

	/*
	 * The frames [pfn, pfn + nr) will hold the kernel's own objects: their
	 * bytes will be used densely.  A port whose frames are a host's virtual
	 * memory may ask for large pages there.  May not sleep.  NULL: nothing.
	 */
	void (*frames_dense)(void *ctx, uint64_t pfn, uint64_t nr);

	/*
	 * The call chain that led here, innermost first, as numbers that symbol()
	 * can name: how many were written.  NULL: reports of the slab's debugging
	 * name callers only.
	 */
	unsigned int (*stack_save)(void *ctx, uintptr_t *entries, unsigned int nr);
	/* "kmalloc+0x12/0x80" into buf; NULL: code has no names. */
	void (*symbol)(void *ctx, uintptr_t entry, char *buf, size_t cap);

	/*
	 * Make the frames [pfn, pfn + nr) trap when they are touched through the
	 * physmap, or let them be used again: the guard pages of KFENCE.  The
	 * port's trap handler tells kfence_handle_page_fault().  False: it can't
	 * be done.  NULL: the same.
	 */
	bool (*guard_frames)(void *ctx, uint64_t pfn, uint64_t nr, bool guard);

	/* Forget translations of an address space in [start, end); mm NULL: the
	 * kernel's own (vmalloc), on all CPUs. */
	void (*tlb_flush)(void *ctx, void *mm, uint64_t start, uint64_t end);

	/* A task was sent a signal (SIGKILL by the OOM killer, SIGSEGV or
	 * SIGBUS by a fault): stop running it as soon as you can.  NULL: tasks
	 * can't be stopped (inside a process there are none), and an allocation
	 * for which nothing can be reclaimed fails. */
	void (*kill)(void *ctx, void *task, int sig);

	/*
	 * The running task (what kill() gets) is to run on a node from now on, as most of
	 * its memory is there (automatic NUMA balancing): 0, or an error if it is bound
	 * to another or there is no room.  May not sleep.  NULL: tasks stay where they run.
	 */
	int (*task_set_node)(void *ctx, void *task, unsigned int node);

	/* CPU time that a CPU spent since boot, in ns, for users and in the
	 * kernel; the rest was idle.  NULL: nobody knows. */
	void (*cpu_times)(void *ctx, unsigned int cpu, uint64_t *user, uint64_t *system);

	/* Tasks that run or wait for a CPU, and Linux's load averages over 1, 5
	 * and 15 minutes, x 2048.  NULL: nobody knows. */
	unsigned int (*load)(void *ctx, uint64_t avg[3]);

	/* A line of the kernel log, without newline, as it is written. */
	void (*log)(void *ctx, int level, uint64_t time_ns, const char *text, size_t len);

	/* A broken invariant: does not return. */
	void (*panic)(void *ctx, const char *message) __attribute__((noreturn));
};

#endif
