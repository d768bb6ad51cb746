/* SPDX-License-Identifier: MIT */
/*
 * Contents are true: with real bytes each page tells whose it is, which one, and
 * how often it was written, and what is read must be what was written last.
 *
 * Families of processes write, read, fork, exit, unmap, protect and advise at random,
 * each held against a plain model: an array that says what every page has.
 * Meanwhile nodes are compacted, processes moved from node to node, pages balanced, huge pages
 * collapsed by khugepaged and split, and the machine is so small that most of it
 * lies in zswap or on the disk.  What a family shares is shmem with huge pages, into which
 * holes are punched.
 *
 *	QUIRE_LONG=1	millions of operations
 */
#include "thp_test.h"
#include "reclaim/compaction.h"
#include "reclaim/numa.h"

#include <stdlib.h>

#define NR_FAMILIES  3
#define FAMILY	     3 /* processes at once */
#define NR_AREAS     2
#define AREA_HUGE    3UL
#define AREA_PAGES   (AREA_HUGE * HPAGES)
#define SHARED_PAGES (2 * HPAGES)
#define VERSIONS     (1u << 18)
#define SWAP_MB	     256

struct process {
	struct task *task; /* NULL: there is none */
	unsigned int number;
	u64 now[NR_AREAS][AREA_PAGES];	 /* its descriptor */
	bool lazy[NR_AREAS][AREA_PAGES]; /* given up: that, or zeros */
};

struct family {
	struct testbox *t;
	struct prng rng;
	struct task *first;
	unsigned int number, steps, version;
	unsigned long pages; /* read or written */
	u64 area[NR_AREAS], shared;
	u64 shared_now[SHARED_PAGES];
	struct process process[FAMILY];
};

static struct family families[NR_FAMILIES]; /* too large for a stack */
static unsigned int numbers, left;

/* ---- loads and stores ------------------------------------------------------------ */

static u64 store(struct family *f, struct process *p, u64 addr, unsigned long n)
{
	struct touch what = {.addr = addr, .nr_pages = n, .stride = 1, .write = true};

	what.kind = CONTENT_KIND_PATTERN;
	f->version = (f->version + 1) % VERSIONS;
	what.seed = CONTENT_PATTERN_SEED(p->number % 1024, f->version);
	assert_int_equal(mmu_touch(f->t->m, p->task, &what), n);
	f->pages += n;
	return what.seed;
}

static u64 stored(u64 seed, u64 addr)
{
	return CONTENT(CONTENT_KIND_PATTERN,
		       seed | (addr >> PAGE_SHIFT & (BIT(CONTENT_PATTERN_PAGE_BITS) - 1)));
}

static u64 load(struct family *f, struct process *p, u64 addr)
{
	u64 seen = ~0UL;
	struct touch what = {.addr = addr, .nr_pages = 1, .seen = &seen};

	assert_int_equal(mmu_touch(f->t->m, p->task, &what), 1);
	f->pages++;
	return seen;
}

static void write_pages(struct family *f, struct process *p, unsigned int area, unsigned long first,
			unsigned long n)
{
	u64 addr = f->area[area] + (first << PAGE_SHIFT), seed = store(f, p, addr, n);

	for (unsigned long i = first; i < first + n; i++, addr += PAGE_SIZE) {
		p->now[area][i] = stored(seed, addr);
		p->lazy[area][i] = false;
	}
}

static void read_page(struct family *f, struct process *p, unsigned int area, unsigned long i)
{
	u64 seen = load(f, p, f->area[area] + (i << PAGE_SHIFT));

	if (p->lazy[area][i] && !seen) {
		p->now[area][i] = 0;
		p->lazy[area][i] = false;
	}
	assert_int_equal(seen, p->now[area][i]);
}

static void forget(struct process *p, unsigned int area, unsigned long first, unsigned long n)
{
	memset(&p->now[area][first], 0, n * sizeof(u64));
	memset(&p->lazy[area][first], 0, n * sizeof(bool));
}

/* ---- processes ------------------------------------------------------------------- */

static void make_child(struct family *f, const struct process *parent)
{
	for (int i = 1; i < FAMILY; i++) {
		struct process *p = &f->process[i];

		if (p->task)
			continue;
		*p = *parent;
		p->task = fork_task(f->t, parent->task);
		p->number = ++numbers;
		return;
	}
}

static void end_process(struct family *f, struct process *p)
{
	struct task *task = p->task;

	if (p == f->process)
		return;
	p->task = NULL;
	end_child(f->t, task);
}

/* ---- one step -------------------------------------------------------------------- */

static void advise(struct family *f, struct process *p, unsigned int area, unsigned long first,
		   unsigned long n)
{
	static const int advice[] = {MADV_COLD,	    MADV_PAGEOUT,	 MADV_COLLAPSE,
				     MADV_WILLNEED, MADV_POPULATE_WRITE, MADV_HUGEPAGE,
				     MADV_PAGEOUT,  MADV_NOHUGEPAGE,	 MADV_FREE};
	int what = advice[prng_below(&f->rng, ARRAY_SIZE(advice))];

	for (unsigned long i = first; what == MADV_FREE && i < first + n; i++)
		p->lazy[area][i] = p->now[area][i] != 0;
	(void)do_madvise(f->t->q, p->task->mm, f->area[area] + (first << PAGE_SHIFT),
			 n << PAGE_SHIFT, what);
}

static void map_again(struct family *f, struct process *p, unsigned int area, unsigned long first,
		      unsigned long n)
{
	u64 addr = f->area[area] + (first << PAGE_SHIFT);

	assert_int_equal(do_munmap(f->t->q, p->task->mm, addr, n << PAGE_SHIFT), 0);
	assert_int_equal(
		do_mmap(f->t->q, p->task->mm, addr, n << PAGE_SHIFT, RW, ANON | MAP_FIXED, NULL, 0),
		addr);
	forget(p, area, first, n);
}

static void protect(struct family *f, struct process *p, u64 addr, u64 len)
{
	assert_int_equal(do_mprotect(f->t->q, p->task->mm, addr, len, PROT_READ), 0);
	cond_resched(f->t->q);
	assert_int_equal(do_mprotect(f->t->q, p->task->mm, addr, len, RW), 0);
}

static void move_to_node(struct family *f, struct process *p)
{
	unsigned int to = (unsigned int)prng_below(&f->rng, 2);
	nodemask_t from_nodes = {{0}}, to_nodes = {{0}};

	node_set(&from_nodes, !to);
	node_set(&to_nodes, to);
	(void)do_migrate_pages(f->t->q, p->task->mm, &from_nodes, &to_nodes, MPOL_MF_MOVE_ALL);
}

/* Its pages are to tell where they are used, and may move there. */
static void make_hints(struct family *f, struct process *p, u64 addr, u64 len)
{
	struct mm_struct *mm = p->task->mm;
	struct vm_area_struct *vma;

	down_read(f->t->q, &mm->mmap_lock);
	vma = find_vma(mm, addr);
	(void)change_prot_numa(f->t->q, vma, addr, min(addr + len, vma->vm_end));
	up_read(f->t->q, &mm->mmap_lock);
}

/* Reclaimed, or a hole: a whole huge page at times, so that another may come. */
static void advise_shared(struct family *f, struct process *p)
{
	static const int advice[] = {MADV_PAGEOUT, MADV_COLD, MADV_REMOVE, MADV_DONTNEED};
	int what = advice[prng_below(&f->rng, ARRAY_SIZE(advice))];
	unsigned long first = prng_below(&f->rng, SHARED_PAGES), n = 1;
	bool whole = prng_below(&f->rng, 2);

	if (whole)
		first = ALIGN_DOWN(first, HPAGES);
	n = whole ? HPAGES : 1 + prng_below(&f->rng, min(SHARED_PAGES - first, 40UL));
	assert_int_equal(do_madvise(f->t->q, p->task->mm, f->shared + (first << PAGE_SHIFT),
				    n << PAGE_SHIFT, what),
			 0);
	if (what == MADV_REMOVE)
		memset(&f->shared_now[first], 0, n * sizeof(u64));
}

static void use_shared(struct family *f, struct process *p)
{
	unsigned long i = prng_below(&f->rng, SHARED_PAGES);
	u64 addr = f->shared + (i << PAGE_SHIFT);

	if (prng_below(&f->rng, 2))
		f->shared_now[i] = stored(store(f, p, addr, 1), addr);
	else
		assert_int_equal(load(f, p, addr), f->shared_now[i]);
}

static void one_step(struct family *f)
{
	struct process *p = &f->process[prng_below(&f->rng, FAMILY)];
	unsigned int area = (unsigned int)prng_below(&f->rng, NR_AREAS);
	unsigned long first = prng_below(&f->rng, AREA_PAGES), n;
	bool whole = prng_below(&f->rng, 3) == 0;
	u64 addr;

	if (!p->task)
		p = f->process;
	if (whole)
		first = ALIGN_DOWN(first, HPAGES);
	n = whole ? HPAGES : 1 + prng_below(&f->rng, min(AREA_PAGES - first, 200UL));
	addr = f->area[area] + (first << PAGE_SHIFT);
	switch (prng_below(&f->rng, 16)) {
	case 0 ... 3:
		write_pages(f, p, area, first, n);
		break;
	case 4:
		assert_int_equal(madvise_dontneed(f->t->q, p->task->mm, addr, n << PAGE_SHIFT), 0);
		forget(p, area, first, n);
		break;
	case 5 ... 7:
		advise(f, p, area, first, n);
		break;
	case 8:
		protect(f, p, addr, n << PAGE_SHIFT);
		break;
	case 9:
		make_child(f, p);
		break;
	case 10:
		if (prng_below(&f->rng, 2))
			end_process(f, p);
		break;
	case 11:
		map_again(f, p, area, first, n);
		break;
	case 12:
		if (prng_below(&f->rng, 4) == 0)
			move_to_node(f, p);
		else
			make_hints(f, p, addr, n << PAGE_SHIFT);
		break;
	case 13:
		if (prng_below(&f->rng, 3) == 0)
			advise_shared(f, p);
		for (int i = 0; i < 8; i++)
			use_shared(f, p);
		break;
	default:
		for (int i = 0; i < 20; i++)
			read_page(f, p, area, prng_below(&f->rng, AREA_PAGES));
	}
}

static void read_all(struct family *f, struct process *p)
{
	for (unsigned int area = 0; area < NR_AREAS; area++)
		for (unsigned long i = 0; i < AREA_PAGES; i++)
			read_page(f, p, area, i);
	for (unsigned long i = 0; i < SHARED_PAGES; i++)
		assert_int_equal(load(f, p, f->shared + (i << PAGE_SHIFT)), f->shared_now[i]);
}

static void family_main(void *arg)
{
	struct family *f = arg;
	struct quire *q = f->t->q;

	for (int i = 0; i < NR_AREAS; i++)
		f->area[i] = map_huge(f->t, f->first, AREA_HUGE);
	f->shared = do_mmap(q, f->first->mm, 0, SHARED_PAGES << PAGE_SHIFT, RW,
			    MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	assert_false(IS_ERR_VALUE(f->shared));
	f->process[0].task = f->first;
	f->process[0].number = ++numbers;
	for (unsigned int i = 0; i < f->steps; i++) {
		one_step(f);
		cond_resched(q);
		if (prng_below(&f->rng, 20) == 0)
			model_sleep(f->t->m, prng_below(&f->rng, 20 * NSEC_PER_MSEC));
	}
	for (int i = FAMILY - 1; i >= 0; i--) {
		if (!f->process[i].task)
			continue;
		read_all(f, &f->process[i]);
		end_process(f, &f->process[i]);
	}
	do_exit(q, f->first, 0);
	left--;
}

/* ---- meanwhile ------------------------------------------------------------------- */

static void disturb(void *arg)
{
	struct testbox *t = arg;

	while (left) {
		for_each_node (t->q, nid)
			compact_node(t->q, nid);
		zswap_params(t->q)->enabled = prng_below(&t->rng, 4) != 0;
		drain_all_pages(t->q, NULL);
		model_sleep(t->m, prng_range(&t->rng, NSEC_PER_MSEC, 30 * NSEC_PER_MSEC));
	}
}

static void start(struct testbox *t, void *arg)
{
	unsigned int steps = *(unsigned int *)arg;

	left = NR_FAMILIES;
	numbers = 0;
	for (unsigned int i = 0; i < NR_FAMILIES; i++) {
		struct family *f = &families[i];

		memset(f, 0, sizeof(*f));
		f->t = t;
		f->steps = steps;
		prng_seed(&f->rng, t->seed + i);
		f->first = copy_process(t->q, NULL, 0);
		assert_false(IS_ERR_OR_NULL(f->first));
		assert_int_equal(exec_mmap(t->q, f->first, "family", "family", 7), 0);
		assert_non_null(model_spawn(t->m, "family", family_main, f, f->first, -1));
	}
	assert_non_null(model_spawn(t->m, "disturb", disturb, t, NULL, -1));
}

static void real_bytes(struct quire_config *cfg)
{
	cfg->real_bytes = true;
}

/* All that was to happen did. */
static void assert_seen(struct testbox *t)
{
	static const enum vm_event_item items[] = {
		PGMIGRATE_SUCCESS, THP_FAULT_ALLOC, THP_COLLAPSE_ALLOC,
		THP_SPLIT_PAGE,	   THP_SPLIT_PMD,   PSWPIN,
		PSWPOUT,	   ZSWPIN,	    ZSWPOUT,
		PGREUSE,	   PGLAZYFREED,	    NUMA_PAGE_MIGRATE,
		THP_FILE_ALLOC,	   THP_FILE_MAPPED,
	};

	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		print_message("# %s %lu\n", vm_event_names[items[i]], event(t, items[i]));
		assert_true(event(t, items[i]) > 0);
	}
}

static void test_contents(__unused void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.nr_nodes = 2,
								 .node_mb = {48, 48},
								 .cpus = 2,
								 .swap_mb = SWAP_MB,
								 .swap_slots = true,
								 .seed = 6,
								 .tune = real_bytes});
	unsigned int steps = getenv("QUIRE_LONG") ? 60000 : 2000;
	struct khugepaged *k = &t->q->space->huge->khugepaged;
	unsigned long pages = 0;

	thp_on(t);
	t->q->cache->shmem_huge = t->q->cache->shm_sb->s_huge = SHMEM_HUGE_ALWAYS;
	k->scan_sleep_millisecs = 5;
	assert_int_equal(start_stop_khugepaged(t->q), 0);
	zswap_params(t->q)->enabled = true;
	t->q->space->numa.enabled = 1;
	testbox_call(t, start, &steps);
	while (left)
		testbox_pass(t, NSEC_PER_SEC);
	testbox_pass(t, NSEC_PER_SEC);
	for (unsigned int i = 0; i < NR_FAMILIES; i++)
		pages += families[i].pages;
	print_message("# %u operations, %lu pages read or written\n", NR_FAMILIES * steps, pages);
	assert_seen(t);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_contents)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
