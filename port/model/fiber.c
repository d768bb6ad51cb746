/* SPDX-License-Identifier: MIT */
/*
 * Fibers as the host sees them: a stack and a saved stack pointer.
 *
 * A switch saves the registers that the x86-64 ABI gives to the callee on the
 * old stack, changes stacks and takes them from the new one; floating-point
 * control words are the same for all.  Elsewhere swapcontext() does it.  Each
 * stack ends in a page without access, so an overflow faults instead of
 * writing on a neighbour; stacks of fibers that have ended are kept for the
 * next ones.
 *
 * Under the address sanitizer stacks are larger and each switch is announced.
 */
#include "port/model/internal.h"
#include "port/model/keep.h"

#include <sys/mman.h>

#ifdef KEEP_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES (512UL << 10)
#else
#define STACK_BYTES (64UL << 10)
#endif
#define GUARD_BYTES   4096UL
#define CACHED_STACKS 1024

static void *stack_alloc(struct stack_cache *cache)
{
	void *stack = cache->free;
	char *map;

	if (stack) {
		cache->free = *(void **)stack;
		cache->nr_free--;
		return stack;
	}
	map = keep_map(GUARD_BYTES + STACK_BYTES, GUARD_BYTES);
	if (!map)
		return NULL;
	if (mprotect(map, GUARD_BYTES, PROT_NONE)) {
		keep_unmap(map, GUARD_BYTES + STACK_BYTES);
		return NULL;
	}
	keep_mark(map, GUARD_BYTES, false);
	return map + GUARD_BYTES;
}

static void stack_free(struct stack_cache *cache, void *stack)
{
#ifdef KEEP_ASAN
	/* Frames that were never left would stay poisoned for the next user. */
	__asan_unpoison_memory_region(stack, STACK_BYTES);
#endif
	if (cache->nr_free < CACHED_STACKS) {
		*(void **)stack = cache->free;
		cache->free = stack;
		cache->nr_free++;
	} else {
		keep_unmap((char *)stack - GUARD_BYTES, GUARD_BYTES + STACK_BYTES);
	}
}

void stack_cache_drain(struct stack_cache *cache)
{
	while (cache->free) {
		void *stack = cache->free;

		cache->free = *(void **)stack;
		keep_unmap((char *)stack - GUARD_BYTES, GUARD_BYTES + STACK_BYTES);
	}
	cache->nr_free = 0;
}

void coro_free(struct stack_cache *cache, struct coro *c)
{
	if (c->stack)
		stack_free(cache, c->stack);
	c->stack = NULL;
}

#ifdef __x86_64__

/*
 * coro_swap(&from->sp, to->sp).  A new stack holds six register slots and the
 * address of coro_start, which calls rbx with r12 as its argument; the entry
 * function never returns.
 */
void coro_swap(void **save, void *load);
void coro_start(void);

__asm__(".text\n"
	".p2align 4\n"
	".globl coro_swap\n"
	".hidden coro_swap\n"
	".type coro_swap, @function\n"
	"coro_swap:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size coro_swap, .-coro_swap\n"
	".p2align 4\n"
	".globl coro_start\n"
	".hidden coro_start\n"
	".type coro_start, @function\n"
	"coro_start:\n"
	"	movq %r12, %rdi\n"
	"	xorl %ebp, %ebp\n"
	"	callq *%rbx\n"
	"	ud2\n"
	".size coro_start, .-coro_start\n");

bool coro_init(struct stack_cache *cache, struct coro *c, void (*entry)(void *), void *arg)
{
	char *stack = stack_alloc(cache);
	u64 *top;

	if (!stack)
		return false;
	*c = (struct coro){.stack = stack, .stack_bytes = STACK_BYTES};
	/* coro_start must see a stack aligned to 16 after its address is popped. */
	top = (u64 *)(stack + STACK_BYTES) - 2;
	*--top = (u64)coro_start;
	*--top = 0;	     /* rbp */
	*--top = (u64)entry; /* rbx */
	*--top = (u64)arg;   /* r12 */
	*--top = 0;
	*--top = 0;
	*--top = 0;
	c->sp = top;
	return true;
}

static void swap_stacks(struct coro *from, struct coro *to)
{
	coro_swap(&from->sp, to->sp);
}

#else

/* makecontext() passes ints: the pointers travel in halves. */
static void start_from_halves(unsigned int e1, unsigned int e0, unsigned int a1, unsigned int a0)
{
	void (*entry)(void *) = (void (*)(void *))(((u64)e1 << 32) | e0);

	entry((void *)(((u64)a1 << 32) | a0));
}

bool coro_init(struct stack_cache *cache, struct coro *c, void (*entry)(void *), void *arg)
{
	char *stack = stack_alloc(cache);
	u64 e = (u64)entry, a = (u64)arg;

	if (!stack)
		return false;
	*c = (struct coro){.stack = stack, .stack_bytes = STACK_BYTES};
	getcontext(&c->uc);
	c->uc.uc_stack.ss_sp = stack;
	c->uc.uc_stack.ss_size = STACK_BYTES;
	c->uc.uc_link = NULL;
	makecontext(&c->uc, (void (*)(void))start_from_halves, 4, (unsigned int)(e >> 32),
		    (unsigned int)e, (unsigned int)(a >> 32), (unsigned int)a);
	return true;
}

static void swap_stacks(struct coro *from, struct coro *to)
{
	swapcontext(&from->uc, &to->uc);
}

#endif

void coro_switch(struct coro *from, struct coro *to, bool ends)
{
#ifdef KEEP_ASAN
	const void *old_stack;
	size_t old_bytes;

	__sanitizer_start_switch_fiber(ends ? NULL : &from->fake_stack, to->stack, to->stack_bytes);
	swap_stacks(from, to);
	/* Back again: whoever switched to us may have moved to another host
	 * stack since (the scheduler does, when another function calls it). */
	__sanitizer_finish_switch_fiber(from->fake_stack, &old_stack, &old_bytes);
	to->stack = (void *)old_stack;
	to->stack_bytes = old_bytes;
#else
	(void)ends;
	swap_stacks(from, to);
#endif
}

void coro_entered(struct coro *came_from)
{
#ifdef KEEP_ASAN
	const void *stack;

	__sanitizer_finish_switch_fiber(NULL, &stack, &came_from->stack_bytes);
	came_from->stack = (void *)stack;
#else
	(void)came_from;
#endif
}
