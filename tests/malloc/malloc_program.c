/* SPDX-License-Identifier: MIT */
/*
 * A program that is run on a malloc by LD_PRELOAD and looks whether it does what
 * malloc(3) promises:
 *
 *	api		each function, its errors, alignments and contents
 *	random		a long random sequence beside a shadow of what is live
 *	threads		objects handed from thread to thread, each with its pattern;
 *			threads that come and go
 *	forks N		N forks while other threads allocate: each child allocates,
 *			and must end within 10 s
 *	memory		what stays resident when three quarters were freed
 *	idle		what a thousand idle threads cost
 *
 * Exit status 0, or 1 after a line that says what was wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(cond)                                                                          \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #cond, errno); \
			_exit(1);                                                            \
		}                                                                            \
	} while (0)

/* So that the compiler does not know what malloc() does. */
static void *volatile sink;
static void *(*volatile do_malloc)(size_t) = malloc;

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static size_t random_size(uint64_t *seed)
{
	uint32_t r = next_random(seed);

	/* Mostly small, some of all sizes up to 8 MiB. */
	if (r % 16)
		return next_random(seed) % 512;
	if (r % 256)
		return next_random(seed) % 40000;
	return next_random(seed) % (r % 1024 ? 300000 : 8 << 20);
}

/* ---- api ---------------------------------------------------------------------- */

static void check_sizes(void)
{
	for (size_t size = 0; size < 70000; size += size < 2000 ? 1 : 997) {
		char *p = do_malloc(size), *z = calloc(1, size);

		CHECK(p && z);
		CHECK((uintptr_t)p % (size > 8 ? 16 : 8) == 0);
		CHECK(malloc_usable_size(p) >= size);
		memset(p, 0xa5, malloc_usable_size(p));
		for (size_t i = 0; i < size; i++)
			CHECK(!z[i]);
		memset(z, 0x5a, malloc_usable_size(z));
		for (size_t i = 0; i < size; i++)
			CHECK((unsigned char)p[i] == 0xa5);
		free(p);
		free(z);
	}
}

static void check_realloc(void)
{
	static const size_t sizes[] = {1,	8,	 100,	  1000,	    4096,   33000, 100000,
				       1 << 20, 5 << 20, 9 << 20, 20 << 20, 300000, 700,   24};
	char *p = realloc(NULL, 3);
	size_t filled = 3;

	memset(p, 'x', 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		p = realloc(p, sizes[i]);
		CHECK(p);
		for (size_t at = 0; at < filled && at < sizes[i]; at++)
			CHECK(p[at] == 'x');
		filled = sizes[i];
		memset(p, 'x', filled);
	}
	errno = 0;
	CHECK(!realloc(p, (size_t)PTRDIFF_MAX + 1) && errno == ENOMEM);
	CHECK(p[23] == 'x');
	CHECK(!realloc(p, 0));
	p = reallocarray(NULL, 10, 10);
	CHECK(p && malloc_usable_size(p) >= 100);
	errno = 0;
	CHECK(!reallocarray(p, SIZE_MAX / 2, 3) && errno == ENOMEM);
	free(p);
}

static void check_aligned(void)
{
	void *p = NULL;

	for (size_t align = 8; align <= 16 << 20; align *= 2) {
		for (size_t size = 1; size < 100000; size = size * 3 + 1) {
			CHECK(!posix_memalign(&p, align, size));
			CHECK((uintptr_t)p % align == 0 && malloc_usable_size(p) >= size);
			memset(p, 1, size);
			free(p);
			p = aligned_alloc(align, size);
			CHECK(p && (uintptr_t)p % align == 0);
			p = realloc(p, size * 2);
			CHECK(p && malloc_usable_size(p) >= size * 2);
			free(p);
		}
	}
	CHECK(posix_memalign(&p, 3, 10) == EINVAL && posix_memalign(&p, 4, 10) == EINVAL);
	CHECK(posix_memalign(&p, 64, (size_t)PTRDIFF_MAX + 1) == ENOMEM);
	errno = 0;
	CHECK(!aligned_alloc(48, 10) && errno == EINVAL);
	p = memalign(24, 10);
	CHECK(p && (uintptr_t)p % 32 == 0);
	free(p);
	p = valloc(10);
	CHECK(p && (uintptr_t)p % 4096 == 0);
	free(p);
	p = pvalloc(4097);
	CHECK(p && (uintptr_t)p % 4096 == 0 && malloc_usable_size(p) >= 8192);
	free(p);
}

static void check_info(void)
{
	struct mallinfo2 before = mallinfo2(), after;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	for (int i = 0; i < 1000; i++)
		CHECK(do_malloc(1000));
	sink = do_malloc(32 << 20);
	after = mallinfo2();
	CHECK(after.uordblks >= before.uordblks + 1000 * 1000);
	CHECK(after.hblks == before.hblks + 1 && after.hblkhd >= before.hblkhd + (32 << 20));
	CHECK(after.arena >= after.uordblks && after.arena == after.uordblks + after.fordblks);
	free(sink);
	CHECK(mallinfo2().hblks == before.hblks);
	f = open_memstream(&text, &len);
	CHECK(f && !malloc_info(0, f));
	fclose(f);
	CHECK(strstr(text, "<malloc version=") && strstr(text, "</malloc>"));
	CHECK(strstr(text, "name=\"malloc-1024\""));
	free(text);
	CHECK(malloc_info(1, stdout) == -1 && errno == EINVAL);
	CHECK(mallopt(M_TRIM_THRESHOLD, 4 << 20) == 1 && mallopt(12345, 1) == 0);
	malloc_trim(0);
	CHECK(mallinfo().hblks >= 0);
}

static void api(void)
{
	void *p;

	check_sizes();
	check_realloc();
	check_aligned();
	check_info();
	errno = 0;
	CHECK(!do_malloc((size_t)PTRDIFF_MAX + 1) && errno == ENOMEM);
	errno = 0;
	CHECK(!do_malloc(1UL << 50) && errno == ENOMEM);
	errno = 0;
	CHECK(!calloc(SIZE_MAX / 4, 8) && errno == ENOMEM);
	CHECK(!malloc_usable_size(NULL));
	p = do_malloc(10 << 20);
	errno = 77;
	free(p);
	free(NULL);
	CHECK(errno == 77);
}

/* ---- random ------------------------------------------------------------------- */

struct shadow {
	unsigned char *p;
	size_t size;
	unsigned char pattern;
};

static void check_shadow(const struct shadow *s, size_t size)
{
	for (size_t i = 0; i < size; i++)
		CHECK(s->p[i] == s->pattern);
}

static void random_calls(void)
{
	static struct shadow live[4000];
	uint64_t seed = 42;

	for (unsigned int step = 0; step < 400000; step++) {
		struct shadow *s = &live[next_random(&seed) % 4000];
		size_t size = random_size(&seed);

		if (s->p && next_random(&seed) % 4 == 0) {
			check_shadow(s, s->size);
			s->p = realloc(s->p, size + 1);
			CHECK(s->p);
			check_shadow(s, s->size < size + 1 ? s->size : size + 1);
			s->size = size + 1;
		} else if (s->p) {
			check_shadow(s, s->size);
			free(s->p);
			s->p = NULL;
			continue;
		} else if (next_random(&seed) % 8 == 0) {
			CHECK(!posix_memalign((void **)&s->p, 16u << next_random(&seed) % 10,
					      size));
			s->size = size;
		} else if (next_random(&seed) % 4 == 0) {
			s->p = calloc(size, 1);
			CHECK(s->p);
			s->pattern = 0;
			check_shadow(s, size);
			s->size = size;
		} else {
			s->p = do_malloc(size);
			s->size = size;
		}
		CHECK(s->p);
		s->pattern = (unsigned char)step;
		memset(s->p, s->pattern, s->size);
		if (step % 50000 == 0)
			malloc_trim(0);
	}
}

/* ---- threads ------------------------------------------------------------------ */

#define BOXES 2048

static uint32_t *boxes[BOXES]; /* [0]: words, the others all the same number */
static volatile int stop;

static void *churn(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	for (unsigned int i = 0; i < 30000 && !stop; i++) {
		uint32_t words = (uint32_t)(random_size(&seed) % 20000 / 4 + 2);
		uint32_t *p = next_random(&seed) % 3 ? do_malloc(words * 4) : NULL;

		for (uint32_t w = 0; p && w < words; w++)
			p[w] = w ? words * 31 : words;
		p = __atomic_exchange_n(&boxes[next_random(&seed) % BOXES], p, __ATOMIC_ACQ_REL);
		for (uint32_t w = 1; p && w < p[0]; w++)
			CHECK(p[w] == p[0] * 31);
		free(p);
	}
	return NULL;
}

static void *forever(void *arg)
{
	while (!stop)
		churn(arg);
	return NULL;
}

static void threads(void)
{
	for (uintptr_t round = 0; round < 20; round++) {
		pthread_t t[6];

		for (uintptr_t i = 0; i < 6; i++)
			CHECK(!pthread_create(&t[i], NULL, churn, (void *)(round * 6 + i + 1)));
		for (uintptr_t i = 0; i < 6; i++)
			CHECK(!pthread_join(t[i], NULL));
	}
}

/* ---- forks -------------------------------------------------------------------- */

static void child(void)
{
	alarm(10);
	for (size_t size = 8; size < 100000; size *= 2) {
		void *p[20];

		for (int i = 0; i < 20; i++)
			CHECK((p[i] = do_malloc(size)) != NULL);
		for (int i = 0; i < 20; i++)
			free(p[i]);
	}
	_exit(0);
}

static void forks(long nr)
{
	pthread_t t[3];

	for (uintptr_t i = 0; i < 3; i++)
		CHECK(!pthread_create(&t[i], NULL, forever, (void *)(i + 1)));
	for (long i = 0; i < nr; i++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (!pid)
			child();
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

/* ---- memory ------------------------------------------------------------------- */

static long resident_kb(void)
{
	char line[200];
	long kb = 0;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Rss: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* Prints bytes a byte when full, and resident over live after the frees. */
static void memory(void)
{
	enum { NR = 2000000, SIZE = 192, RUN = 1000 };
	static char *p[NR];
	long base, full, after, live = (long)NR * SIZE / 4 / 1024;

	memset(p, 1, sizeof(p));
	base = resident_kb();
	for (int i = 0; i < NR; i++) {
		p[i] = do_malloc(SIZE);
		memset(p[i], 1, SIZE);
	}
	full = resident_kb() - base;
	for (int i = 0; i < NR; i++)
		if (i / RUN % 4)
			free(p[i]);
	after = resident_kb() - base;
	for (int s = 0; s < 10 && after > live * 115 / 100; s++) {
		sleep(1);
		after = resident_kb() - base;
	}
	printf("%.4f %.4f\n", (double)full / ((double)NR * SIZE / 1024),
	       (double)after / (double)live);
}

static void *idle_thread(void *arg)
{
	free(do_malloc(100));
	free(do_malloc(1000));
	sink = do_malloc(64);
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg);
	return NULL;
}

/* Prints KB a thread. */
static void idle(void)
{
	enum { NR = 1000 };
	static pthread_t t[NR];
	pthread_barrier_t barrier;
	pthread_attr_t attr;
	long base = resident_kb();

	pthread_barrier_init(&barrier, NULL, NR + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (int i = 0; i < NR; i++)
		CHECK(!pthread_create(&t[i], &attr, idle_thread, &barrier));
	pthread_barrier_wait(&barrier);
	printf("%.2f\n", (double)(resident_kb() - base) / NR);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < NR; i++)
		pthread_join(t[i], NULL);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "api"))
		api();
	else if (!strcmp(what, "random"))
		random_calls();
	else if (!strcmp(what, "threads"))
		threads();
	else if (!strcmp(what, "forks"))
		forks(argc > 2 ? atol(argv[2]) : 1000);
	else if (!strcmp(what, "memory"))
		memory();
	else if (!strcmp(what, "idle"))
		idle();
	else
		return 2;
	return 0;
}
