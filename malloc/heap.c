/* SPDX-License-Identifier: MIT */
/*
 * The heap: an instance's lower floors, the port beneath them, the gate around
 * them, and fork().
 *
 * The gate.  A thread that enters the core counts itself in one of a few counters
 * (by its CPU, so that threads seldom share a line) and then looks whether the
 * gate is closed; fork() closes it and then waits until all counters are zero.
 * Both are fully ordered, so one sees the other.  In the child nobody is inside.
 * The fast path needs no gate: a restartable sequence that fork() cuts off in
 * another thread has committed nothing.  What such a thread had taken and not
 * yet put elsewhere is lost to the child, no more.
 *
 * A signal handler may fork while its thread is inside; a thread counts how deep
 * it is and the fork waits for the others only.
 *
 * Contexts are thread-local storage, so threads come and go without a word.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/printk.h"
#include "malloc/internal.h"
#include "node/memblock.h"

#define FIRST_ADDRESS (4UL << 30)
#define NR_GATES      16u

struct heap heap;

const u32 heap_class_bytes[NR_CLASSES] = {
	8,    16,   32,	  48,	64,   80,    96,    112,   128,	  160,	 192,	224,   256,   320,
	384,  448,  512,  640,	768,  896,   1024,  1280,  1536,  1792,	 2048,	2560,  3072,  3584,
	4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384, 20480, 24576, 28672, 32768,
};
u8 heap_class_small[1024 / 8 + 1], heap_class_large[MAX_CLASS_BYTES / 256 + 1];

__thread struct quire_host_last quire_host_last;
__thread bool host_is_kernel_thread;
static __thread struct quire_context context;
static __thread bool booting;
static __thread unsigned int depth; /* how often this thread is inside */

static struct {
	u32 inside;
} __attribute__((aligned(64))) gates[NR_GATES];
static u32 gate_closed; /* a futex: 1 while a fork is under way */

/* ---- the port ---------------------------------------------------------------- */

void heap_die(const char *message)
{
	ssize_t ignored = write(2, "libquire-malloc: ", 17);

	ignored += write(2, message, strlen(message));
	ignored += write(2, "\n", 1);
	(void)ignored;
	abort();
}

static uint64_t port_clock(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void port_wait(void *ctx, struct quire_wait_queue *wq, uint32_t seq, uint64_t timeout_ns)
{
	(void)ctx;
	(void)wq;
	(void)seq;
	(void)timeout_ns;
	sched_yield();
}

static void port_wake(void *ctx, struct quire_wait_queue *wq)
{
	(void)ctx;
	(void)wq;
}

static void port_log(void *ctx, int level, uint64_t time_ns, const char *text, size_t len)
{
	(void)ctx;
	(void)level;
	(void)time_ns;
	(void)text;
	(void)len;
}

static __attribute__((noreturn)) void port_panic(void *ctx, const char *message)
{
	(void)ctx;
	heap_die(message);
}

static const struct quire_port_ops port_ops = {
	.clock = port_clock,
	.wait = port_wait,
	.wake = port_wake,
	.log = port_log,
	.panic = port_panic,
};

void quire_host_relax(void)
{
	sched_yield();
}

/* Nothing runs in a program that it did not start. */
int kthread_run(struct quire *q, const char *name, void (*fn)(struct quire *q, void *arg),
		void *arg, int node)
{
	(void)q;
	(void)name;
	(void)fn;
	(void)arg;
	(void)node;
	return -EAGAIN;
}

/* A thread's first step inside; and its first after a fork's child moved it. */
struct quire_context *quire_host_attach(struct quire_hot *hot)
{
	struct quire_context *c = &context;
	unsigned int cpu = 0;

	getcpu(&cpu, NULL);
	c->cpu = cpu % heap.q.nr_cpus;
	quire_host_last = (struct quire_host_last){hot->id, c, PERCPU_NO_SLOT};
	return c;
}

/* ---- the gate ---------------------------------------------------------------- */

static void futex(u32 *word, int op, u32 value)
{
	int saved = errno;

	syscall(SYS_futex, word, op, value, NULL, NULL, 0);
	errno = saved;
}

static u32 *gate(void)
{
	static __thread u32 *mine;
	static u32 next;

	if (!mine)
		mine = &gates[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % NR_GATES].inside;
	return mine;
}

void heap_enter(void)
{
	u32 *inside = gate();

	if (depth++)
		return;
	for (;;) {
		__atomic_add_fetch(inside, 1, __ATOMIC_SEQ_CST);
		if (likely(!__atomic_load_n(&gate_closed, __ATOMIC_SEQ_CST)))
			return;
		__atomic_sub_fetch(inside, 1, __ATOMIC_SEQ_CST);
		futex(&gate_closed, FUTEX_WAIT_PRIVATE, 1);
	}
}

void heap_leave(void)
{
	if (!--depth)
		__atomic_sub_fetch(gate(), 1, __ATOMIC_RELEASE);
}

static void before_fork(void)
{
	u32 open = 0;

	while (!__atomic_compare_exchange_n(&gate_closed, &open, 1, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST)) {
		futex(&gate_closed, FUTEX_WAIT_PRIVATE, 1);
		open = 0;
	}
	for (unsigned int i = 0; i < NR_GATES; i++) {
		u32 own = depth && gate() == &gates[i].inside;

		while (__atomic_load_n(&gates[i].inside, __ATOMIC_SEQ_CST) != own)
			sched_yield();
	}
}

static void after_fork(void)
{
	__atomic_store_n(&gate_closed, 0, __ATOMIC_SEQ_CST);
	futex(&gate_closed, FUTEX_WAKE_PRIVATE, INT_MAX);
}

/* ---- boot -------------------------------------------------------------------- */

static void *reserve(size_t bytes, size_t align)
{
	char *mem = mmap(NULL, bytes + align, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
	     *start;

	if (mem == MAP_FAILED)
		return NULL;
	start = (char *)ALIGN((u64)mem, align);
	if (start != mem)
		munmap(mem, (size_t)(start - mem));
	munmap(start + bytes, (size_t)(mem + align - start));
	return start;
}

/*
 * How a class cuts its slabs: the smallest with at least 32 objects (up to 32 KiB)
 * that wastes at most 1/64, if 128 KiB will do.  So those of middling sizes have
 * no more than 64, which one word tells apart, and fall empty soon.
 */
static struct quire_slab_layout layout(u32 size, char *name)
{
	struct quire_slab_layout best = {.name = name, .size_bytes = size};
	u64 least = UINT64_MAX;

	for (u32 pages = 1; pages <= 32; pages *= 2) {
		u64 bytes = pages * PAGE_SIZE, waste = bytes % size;

		if (size > bytes)
			continue;
		/* As a share of 1/4096; of equals the larger, until it is enough. */
		waste = waste * 4096 / bytes;
		if (waste <= least) {
			least = waste;
			best.pages = pages;
			best.objects = (u32)(bytes / size);
		}
		if (least <= 4096 / 64 && (best.objects >= 32 || pages >= 8))
			break;
	}
	return best;
}

static void make_layouts(void)
{
	static struct quire_slab_layout layouts[NR_CLASSES];
	static char names[NR_CLASSES][16];

	for (unsigned int i = 0; i < NR_CLASSES; i++) {
		char digits[8], *to = names[i];
		unsigned int n = 0;

		memcpy(to, "malloc-", 7);
		to += 7;
		for (u32 v = heap_class_bytes[i]; v; v /= 10)
			digits[n++] = (char)('0' + v % 10);
		while (n)
			*to++ = digits[--n];
		layouts[i] = layout(heap_class_bytes[i], names[i]);
	}
	heap.cfg.slabs = layouts;
	heap.cfg.nr_slabs = NR_CLASSES;
	for (unsigned int i = 0, c = 0; i <= 1024 / 8; i++) {
		c += i * 8 > heap_class_bytes[c];
		heap_class_small[i] = (u8)c;
	}
	for (unsigned int i = 0, c = 0; i <= MAX_CLASS_BYTES / 256; i++) {
		while (i * 256 > heap_class_bytes[c])
			c++;
		heap_class_large[i] = (u8)c;
	}
}

/* Address space for the memory and what describes it; smaller where the process
 * may not have so much. */
static int reserve_all(void)
{
	u64 ram = (u64)sysconf(_SC_PHYS_PAGES) << PAGE_SHIFT;
	u64 bytes = clamp(roundup_pow_of_two(2 * ram), 4UL << 30, 1UL << 40);
	struct quire_hot *hot = &heap.host.hot;

	for (; bytes >= 64UL << 20; bytes /= 2) {
		u64 frames = (FIRST_ADDRESS + bytes) >> PAGE_SHIFT;
		char *physmap = reserve(bytes, 4UL << 20);
		/* By frame: descriptor, slab, two bits; by 2 MiB: large pages. */
		size_t meta = frames * (sizeof(struct page) + 1) + frames / 4 + frames / 512;
		char *map = physmap ? reserve(meta, PAGE_SIZE) : NULL;

		if (!map) {
			if (physmap)
				munmap(physmap, bytes);
			continue;
		}
		heap.cfg.node[0].start_bytes = FIRST_ADDRESS;
		heap.cfg.node[0].size_bytes = bytes;
		heap.host.physmap_bytes = bytes;
		heap.host.vmemmap = map;
		hot->physmap = physmap - FIRST_ADDRESS;
		hot->slab_ids = (u8 *)map + frames * sizeof(struct page);
		hot->nr_frames = frames;
		heap.dirty = (u64 *)(hot->slab_ids + frames);
		heap.gone = heap.dirty + frames / 64;
		heap.huge = (u8 *)(heap.gone + frames / 64);
		return 0;
	}
	return -ENOMEM;
}

static int boot_floors(struct quire *q)
{
	size_t log_bytes = printk_ring_size(1 << 12);
	int err = node_init(q);
	void *log;

	if (err)
		return err;
	log = memblock_alloc(q, log_bytes, PAGE_SIZE, 0);
	if (!log)
		return -ENOMEM;
	printk_init(q, log, log_bytes);
	err = page_init_early(q);
	if (err)
		return err;
	memblock_free_all(q);
	return slab_init(q);
}

static int make_caches(struct quire *q)
{
	for (unsigned int i = 0; i < NR_CLASSES; i++) {
		u32 size = heap_class_bytes[i];
		struct kmem_cache *s = kmem_cache_create(q, heap.cfg.slabs[i].name, size,
							 size % 16 ? 8 : 16, SLAB_NO_MERGE, NULL);

		if (!s)
			return -ENOMEM;
		heap.caches[i] = s;
		if (!cache_has_sheaves(s))
			continue;
		heap.id_room[s->fast.id] = s->fast.room;
		heap.id_class[s->fast.id] = (u8)i;
		heap.class_id[i] = s->fast.id;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(heap.id_small); i++)
		heap.id_small[i] = heap.class_id[heap_class_small[i]];
	for (unsigned int i = 0; i < ARRAY_SIZE(heap.id_large); i++)
		heap.id_large[i] = heap.class_id[heap_class_large[i]];
	return 0;
}

static int boot(void)
{
	struct quire_config *cfg = &heap.cfg;
	struct quire *q = &heap.q;
	struct host *h = &heap.host;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int err;

	cfg->nr_nodes = 1;
	cfg->node[0].nr_cpus = (u32)clamp(cpus, 1L, (long)QUIRE_MAX_CPUS);
	cfg->port = &port_ops;
	cfg->port_ctx = &heap;
	cfg->hot = &h->hot;
	cfg->version = "libquire-malloc";
	make_layouts();
	err = reserve_all();
	if (err)
		return err;
	pthread_mutex_init(&h->lock, NULL);
	pthread_mutex_init(&h->percpu_lock, NULL);
	h->q = q;
	h->hot.id = UINT64_MAX;
	h->hot.frames_changed = trim_frames;
	err = host_percpu_init(h);
	if (err)
		return err;
	err = quire_memory_needed(cfg, &cfg->memory.max_pfn);
	if (err)
		return err;
	cfg->memory.physmap = h->hot.physmap;
	cfg->memory.vmemmap = h->vmemmap;
	*q = (struct quire){.hot = &h->hot,
			    .mem_map = h->vmemmap,
			    .physmap = h->hot.physmap,
			    .max_pfn = cfg->memory.max_pfn,
			    .port = &port_ops,
			    .port_ctx = &heap,
			    .nr_nodes = 1,
			    .nr_cpus = cfg->node[0].nr_cpus,
			    .cfg = *cfg};
	err = boot_floors(q);
	return err ? err : make_caches(q);
}

/* Threads may be in malloc() already: the offset, without which they take the slow
 * way, comes last. */
static void open_fast_path(void)
{
	struct quire_host_stack stacks = hot_stack(&heap.host.hot, heap.q.slab->sheaf_base, 0);
	int64_t rseq_offset = stacks.rseq_offset;

	stacks.rseq_offset = 0;
	heap.first_page = (u64)stacks.physmap >> PAGE_SHIFT;
	heap.ids_at = (u64)stacks.slab_ids - heap.first_page;
	heap.stacks = stacks;
	HOT_STORE(&heap.stacks.rseq_offset, rseq_offset);
}

bool heap_ready(void)
{
	int state = __atomic_load_n(&heap.state, __ATOMIC_ACQUIRE);

	if (likely(state == HEAP_READY))
		return true;
	if (state == HEAP_FAILED || booting)
		return false;
	state = HEAP_NONE;
	if (__atomic_compare_exchange_n(&heap.state, &state, HEAP_BOOTING, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		int saved = errno;

		booting = true;
		heap.trim_slack = 256; /* 1 MiB */
		state = boot() ? HEAP_FAILED : HEAP_READY;
		if (state == HEAP_READY) {
			heap.start = heap.host.hot.physmap + FIRST_ADDRESS;
			heap.bytes = heap.host.physmap_bytes;
			open_fast_path();
			heap_publish();
			pthread_atfork(before_fork, after_fork, after_fork);
		}
		booting = false;
		errno = saved;
		__atomic_store_n(&heap.state, state, __ATOMIC_RELEASE);
		return state == HEAP_READY;
	}
	while (__atomic_load_n(&heap.state, __ATOMIC_ACQUIRE) == HEAP_BOOTING)
		sched_yield();
	return __atomic_load_n(&heap.state, __ATOMIC_ACQUIRE) == HEAP_READY;
}
