/* SPDX-License-Identifier: MIT */
/*
 * Areas against a naive array of pages: random sequences of calls, of which one that
 * fails is shrunk to the shortest that still does, and all sequences of three calls on
 * a space of four pages.
 *
 * A page of the array knows whether it is mapped, its protection, whether it is locked
 * and what was written there last; after each call the space must say the same.
 */
#include "tests/space/space_test.h"

#include <stdio.h>

#define WINDOW	     64 /* pages */
#define WINDOW_START 0x10000000000UL
#define MAX_OPS	     400

enum kind { MMAP, NOREPLACE, MUNMAP, MPROTECT, MREMAP, MLOCK, MUNLOCK, DONTNEED, WRITE, NR_KINDS };

static const char *const kind_names[NR_KINDS] = {"mmap",     "mmap_noreplace", "munmap",
						 "mprotect", "mremap",	       "mlock",
						 "munlock",  "dontneed",       "write"};

struct op {
	enum kind kind;
	unsigned int first, n, to, new_n; /* pages; to, new_n: of mremap */
	int prot;
};

struct naive {
	bool mapped, locked, account;
	u8 prot;
	u64 content; /* the seed of what was written; 0: zeros */
};

struct world {
	struct testbox *t;
	struct mm_struct *mm;
	struct naive page[WINDOW];
	unsigned int window;
	u64 version;
	bool forgetful; /* a model that is wrong on purpose: for the shrinker */
};

static u64 at(unsigned int page)
{
	return WINDOW_START + ((u64)page << PAGE_SHIFT);
}

static bool all_mapped(const struct world *w, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		if (!w->page[i].mapped)
			return false;
	return true;
}

static bool any_mapped(const struct world *w, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		if (w->page[i].mapped)
			return true;
	return false;
}

/* ---- one call, and what it must do ------------------------------------------------ */

static bool op_mmap(struct world *w, const struct op *op, int flags)
{
	u64 len = (u64)op->n << PAGE_SHIFT;
	u64 got = do_mmap(w->t->q, w->mm, at(op->first), len, op->prot, ANON | flags, NULL, 0);

	if (flags == MAP_FIXED_NOREPLACE && any_mapped(w, op->first, op->n))
		return got == (u64)-EEXIST;
	for (unsigned int i = op->first; i < op->first + op->n; i++)
		w->page[i] = (struct naive){
			.mapped = true, .account = op->prot & PROT_WRITE, .prot = (u8)op->prot};
	return got == at(op->first);
}

static bool op_munmap(struct world *w, const struct op *op)
{
	int err = do_munmap(w->t->q, w->mm, at(op->first), (u64)op->n << PAGE_SHIFT);

	for (unsigned int i = op->first; i < op->first + op->n; i++)
		if (!w->forgetful || op->n != 3)
			w->page[i] = (struct naive){0};
	return !err;
}

static bool op_mprotect(struct world *w, const struct op *op)
{
	int err = do_mprotect(w->t->q, w->mm, at(op->first), (u64)op->n << PAGE_SHIFT, op->prot);

	/* A hole ends it; what lies below has changed. */
	for (unsigned int i = op->first; i < op->first + op->n; i++) {
		if (!w->page[i].mapped)
			return err == -ENOMEM;
		w->page[i].prot = (u8)op->prot;
		w->page[i].account |= (op->prot & PROT_WRITE) != 0;
	}
	return !err;
}

/* Only within one area; where areas end is theirs to say (-EFAULT, all stays). */
static bool op_mremap(struct world *w, const struct op *op)
{
	u64 old = (u64)op->n << PAGE_SHIFT, len = (u64)op->new_n << PAGE_SHIFT, got;
	bool overlap = op->first + op->n > op->to && op->to + op->new_n > op->first;
	struct naive moved[WINDOW] = {0};

	got = do_mremap(w->t->q, w->mm, at(op->first), old, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			at(op->to));
	if (overlap)
		return got == (u64)(w->page[op->first].mapped ? -EINVAL : -EFAULT);
	if (IS_ERR_VALUE(got))
		return got == (u64)-EFAULT;
	if (got != at(op->to) || !all_mapped(w, op->first, min(op->n, op->new_n)))
		return false;
	for (unsigned int i = 0; i < op->new_n; i++) {
		moved[i] = w->page[op->first + min(i, op->n - 1)];
		if (i >= op->n)
			moved[i].content = 0;
	}
	memset(w->page + op->first, 0, op->n * sizeof(w->page[0]));
	memcpy(w->page + op->to, moved, op->new_n * sizeof(w->page[0]));
	return true;
}

static bool op_mlock(struct world *w, const struct op *op, bool lock)
{
	int err = do_mlock(w->t->q, w->mm, at(op->first), (u64)op->n << PAGE_SHIFT, lock);

	bool reachable = true;

	for (unsigned int i = op->first; i < op->first + op->n; i++) {
		if (!w->page[i].mapped)
			return err == -ENOMEM;
		w->page[i].locked = lock;
		reachable &= w->page[i].prot != 0;
	}
	/* What nobody may touch is locked, but can't be brought in. */
	return err == (lock && !reachable ? -ENOMEM : 0);
}

static bool op_dontneed(struct world *w, const struct op *op)
{
	int err =
		do_madvise(w->t->q, w->mm, at(op->first), (u64)op->n << PAGE_SHIFT, MADV_DONTNEED);

	for (unsigned int i = op->first; i < op->first + op->n; i++) {
		if (w->page[i].locked) /* those before it are gone */
			return err == -EINVAL;
		w->page[i].content = 0;
	}
	return err == (all_mapped(w, op->first, op->n) ? 0 : -ENOMEM);
}

static bool op_write(struct world *w, const struct op *op)
{
	struct naive *p = &w->page[op->first];
	struct touch what = {.addr = at(op->first),
			     .nr_pages = 1,
			     .stride = 1,
			     .write = true,
			     .kind = CONTENT_SAME,
			     .seed = ++w->version};

	if (!p->mapped || !(p->prot & PROT_WRITE))
		return true;
	p->content = w->version;
	return mmu_touch(w->t->m, w->t->task, &what) == 1;
}

static bool apply(struct world *w, const struct op *op)
{
	switch (op->kind) {
	case MMAP:
		return op_mmap(w, op, MAP_FIXED);
	case NOREPLACE:
		return op_mmap(w, op, MAP_FIXED_NOREPLACE);
	case MUNMAP:
		return op_munmap(w, op);
	case MPROTECT:
		return op_mprotect(w, op);
	case MREMAP:
		return op_mremap(w, op);
	case MLOCK:
	case MUNLOCK:
		return op_mlock(w, op, op->kind == MLOCK);
	case DONTNEED:
		return op_dontneed(w, op);
	default:
		return op_write(w, op);
	}
}

/* ---- does the space say the same? -------------------------------------------------- */

static u8 prot_of(const struct vm_area_struct *vma)
{
	return (u8)((vma->vm_flags & VM_READ ? PROT_READ : 0) |
		    (vma->vm_flags & VM_WRITE ? PROT_WRITE : 0));
}

static bool content_agrees(struct world *w, unsigned int i)
{
	u64 content = 0,
	    wanted = w->page[i].content ? CONTENT(CONTENT_SAME, w->page[i].content) : 0;

	/* What is not there reads as zeros; without the right to read it is kept. */
	if (!mmu_peek(w->t->m, w->t->task, at(i), &content))
		return !w->page[i].content || !w->page[i].prot;
	return content == wanted;
}

/* exact: neighbours that are alike are one area. */
static bool agrees(struct world *w, bool exact)
{
	unsigned int areas = 0, expected = 0;

	for (unsigned int i = 0; i < w->window; i++) {
		const struct vm_area_struct *vma = find_vma(w->mm, at(i));
		const struct naive *p = &w->page[i], *below = i ? p - 1 : NULL;
		bool mapped = vma && vma->vm_start <= at(i);

		if (mapped != p->mapped)
			return false;
		if (!mapped)
			continue;
		if (prot_of(vma) != p->prot || !(vma->vm_flags & VM_LOCKED) == p->locked ||
		    !content_agrees(w, i))
			return false;
		areas += vma->vm_start == at(i);
		expected += !below || !below->mapped || below->prot != p->prot ||
			    below->account != p->account;
	}
	return !exact || areas == expected;
}

/* The first call after which they differ; -1: never. */
static int run_ops(struct world *w, const struct op *ops, unsigned int n, bool exact)
{
	(void)do_munmap(w->t->q, w->mm, at(0), (u64)w->window << PAGE_SHIFT);
	memset(w->page, 0, sizeof(w->page));
	for (unsigned int i = 0; i < n; i++)
		if (!apply(w, &ops[i]) || !agrees(w, exact))
			return (int)i;
	return -1;
}

/* ---- shrinking --------------------------------------------------------------------- */

/* Leaves calls out, and pages, as long as it still fails: the new length. */
static unsigned int shrink(struct world *w, struct op *ops, unsigned int n, bool exact)
{
	bool smaller = true;

	while (smaller) {
		int bad = run_ops(w, ops, n, exact);

		smaller = false;
		n = (unsigned int)bad + 1;
		for (unsigned int i = 0; i < n; i++) {
			struct op out = ops[i];

			memmove(ops + i, ops + i + 1, (n - i - 1) * sizeof(*ops));
			if (run_ops(w, ops, n - 1, exact) >= 0) {
				n--;
				smaller = true;
				break;
			}
			memmove(ops + i + 1, ops + i, (n - i - 1) * sizeof(*ops));
			ops[i] = out;
			/* Fewer pages, from either end. */
			for (unsigned int end = 0; out.n > 1 && end < 2 && !smaller; end++) {
				ops[i].n = out.n - 1;
				ops[i].first = out.first + end;
				smaller = run_ops(w, ops, n, exact) >= 0;
			}
			if (smaller)
				break;
			ops[i] = out;
		}
	}
	return n;
}

static void print_ops(const struct op *ops, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		printf("#   %s(first %u, pages %u, prot %d, to %u, pages %u)\n",
		       kind_names[ops[i].kind], ops[i].first, ops[i].n, ops[i].prot, ops[i].to,
		       ops[i].new_n);
}

static void make_ops(struct testbox *t, struct op *ops, unsigned int n)
{
	static const int prots[] = {PROT_READ, RW, RW, 0};

	for (unsigned int i = 0; i < n; i++) {
		struct op *op = &ops[i];

		op->kind = (enum kind)prng_below(&t->rng, NR_KINDS + 2);
		if (op->kind >= NR_KINDS) /* there is to be something */
			op->kind = op->kind == NR_KINDS ? MMAP : WRITE;
		op->first = (unsigned int)prng_below(&t->rng, WINDOW);
		op->n = 1 + (unsigned int)prng_below(&t->rng, min(WINDOW - op->first, 12u));
		op->new_n = 1 + (unsigned int)prng_below(&t->rng, 12);
		op->to = (unsigned int)prng_below(&t->rng, WINDOW - op->new_n + 1);
		op->prot = prots[prng_below(&t->rng, ARRAY_SIZE(prots))];
	}
}

static void run_random(struct testbox *t, void *arg)
{
	static struct op ops[MAX_OPS];
	struct world w = {.t = t, .mm = t->task->mm, .window = WINDOW};

	(void)arg;
	for (unsigned int round = 0; round < 40; round++) {
		make_ops(t, ops, MAX_OPS);
		if (run_ops(&w, ops, MAX_OPS, false) >= 0) {
			unsigned int n = shrink(&w, ops, MAX_OPS, false);

			printf("# areas and the array differ after:\n");
			print_ops(ops, n);
			fail();
		}
		testbox_verify(t);
	}
}

/* A model that forgets munmaps of three pages must be caught, and by two calls. */
static void run_shrinker(struct testbox *t, void *arg)
{
	static struct op ops[MAX_OPS];
	struct world w = {.t = t, .mm = t->task->mm, .window = WINDOW, .forgetful = true};

	(void)arg;
	make_ops(t, ops, MAX_OPS);
	assert_true(run_ops(&w, ops, MAX_OPS, false) >= 0);
	assert_int_equal(shrink(&w, ops, MAX_OPS, false), 2);
	assert_int_equal(ops[1].kind, MUNMAP);
	assert_int_equal(ops[0].n, 1);
}

/* ---- all sequences ------------------------------------------------------------------ */

#define SMALL 4

static unsigned int all_ops(struct op *ops)
{
	static const struct {
		enum kind kind;
		int prot;
	} what[] = {
		{MMAP, RW}, {MMAP, PROT_READ}, {MUNMAP, 0}, {MPROTECT, RW}, {MPROTECT, PROT_READ}};
	unsigned int nr = 0;

	for (unsigned int k = 0; k < ARRAY_SIZE(what); k++)
		for (unsigned int first = 0; first < SMALL; first++)
			for (unsigned int n = 1; first + n <= SMALL; n++)
				ops[nr++] = (struct op){what[k].kind, first, n, 0, 0, what[k].prot};
	return nr;
}

static void run_exhaustive(struct testbox *t, void *arg)
{
	static struct op all[64];
	struct world w = {.t = t, .mm = t->task->mm, .window = SMALL};
	unsigned int n = all_ops(all);
	struct op ops[3];

	(void)arg;
	for (unsigned int a = 0; a < n; a++) {
		for (unsigned int bc = 0; bc < n * n; bc++) {
			ops[0] = all[a];
			ops[1] = all[bc / n];
			ops[2] = all[bc % n];
			if (run_ops(&w, ops, 3, true) >= 0) {
				printf("# areas and the array differ after:\n");
				print_ops(ops, shrink(&w, ops, 3, true));
				fail();
			}
		}
		testbox_verify(t);
	}
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	testbox_once(&(struct testbox_config){0}, fn);
}

static void test_random(void **state)
{
	(void)state;
	run(run_random);
}

static void test_shrinker(void **state)
{
	(void)state;
	run(run_shrinker);
}

static void test_exhaustive(void **state)
{
	(void)state;
	run(run_exhaustive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_shrinker),
		cmocka_unit_test(test_exhaustive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
