/* SPDX-License-Identifier: MIT */
/*
 * Writes the memory of a machine to a file and maps it again (save.h).
 *
 * The file: a head; the table of regions is in the heap, which is the first
 * extent; a table of extents, each a run of pages and where they are in the
 * file; and the pages.  Pages of zeros are not written: between extents they
 * are not in the file, within one they are a hole in it.
 *
 * Which pages there are is known from /proc/self/pagemap, so a machine of 128 GB
 * that was hardly used is a small file and takes no time.  A machine that was
 * itself mapped from a file has pages that were never touched since: they are
 * found because what is mapped from it is remembered.
 *
 * Mapping takes as long as mmap(2) of each extent: beyond MAX_EXTENTS neighbours
 * are joined.  Every fiber's stack is one by itself.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "port/model/save.h"
#include "port/model/keep.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAVE_MAGIC   "quire machine 1\n"
#define PAGE	     4096UL
#define ID_BYTES     20
#define MAX_EXTENTS  16384UL
#define MAX_GAP	     (1UL << 20)
#define MOST_EXTENTS 60000UL /* vm.max_map_count is 65,530 */
#define PAGEMAP_STEP 65536UL /* pages of one read */
/* Bits of /proc/self/pagemap. */
#define PAGE_IS_THERE ((1UL << 63) | (1UL << 62))

struct head {
	char magic[16];
	unsigned char build[ID_BYTES];
	uint32_t pad;
	uint64_t root, bytes; /* of the file */
	uint64_t nr_extents;
	struct keep_heap heap; /* to find the regions before anything is mapped */
};

struct extent {
	uint64_t at, pages, offset;
};

struct extents {
	struct extent *v;
	size_t nr, cap;
	uint64_t gap; /* pages of zeros that don't end an extent */
	bool failed;
};

/* What this process has mapped from a file. */
static struct extents mapped;

/* ---- the build ------------------------------------------------------------------- */

static int find_build(struct dl_phdr_info *info, size_t size, void *data)
{
	unsigned char *id = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const char *p = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
		const char *end = p + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type != PT_NOTE)
			continue;
		while (p + sizeof(ElfW(Nhdr)) < end) {
			const ElfW(Nhdr) *n = (const void *)p;
			const char *desc = p + sizeof(*n) + ((n->n_namesz + 3) & ~3U);

			if (n->n_type == NT_GNU_BUILD_ID && n->n_descsz >= ID_BYTES) {
				memcpy(id, desc, ID_BYTES);
				/* Where the program lies is a part of what it is. */
				for (size_t k = 0; k < sizeof(info->dlpi_addr); k++)
					id[k] ^= (unsigned char)(info->dlpi_addr >> (8 * k));
				break;
			}
			p = desc + ((n->n_descsz + 3) & ~3U);
		}
	}
	return 1; /* the program itself comes first */
}

static bool build_id(unsigned char id[ID_BYTES])
{
	static const unsigned char none[ID_BYTES];

	memset(id, 0, ID_BYTES);
	dl_iterate_phdr(find_build, id);
	return memcmp(id, none, ID_BYTES) != 0;
}

/* ---- which pages ------------------------------------------------------------------ */

static bool is_zero(const char *page)
{
	const uint64_t *w = (const uint64_t *)page;

	for (size_t i = 0; i < PAGE / 8; i += 8)
		if (w[i] | w[i + 1] | w[i + 2] | w[i + 3] | w[i + 4] | w[i + 5] | w[i + 6] |
		    w[i + 7])
			return false;
	return true;
}

static void extents_add(struct extents *e, uint64_t at)
{
	struct extent *last = e->nr ? &e->v[e->nr - 1] : NULL;

	if (last && at <= last->at + (last->pages + e->gap) * PAGE) {
		last->pages = (at - last->at) / PAGE + 1;
		return;
	}
	if (e->nr == e->cap) {
		size_t cap = e->cap ? 2 * e->cap : 1024;
		struct extent *v = realloc(e->v, cap * sizeof(*v));

		if (!v) {
			e->failed = true;
			return;
		}
		e->v = v;
		e->cap = cap;
	}
	e->v[e->nr++] = (struct extent){.at = at, .pages = 1};
}

/* Joins neighbours until there are few enough. */
static void extents_join(struct extents *e)
{
	while (e->nr > MAX_EXTENTS && e->gap < MAX_GAP) {
		size_t to = 0;

		e->gap = e->gap ? 2 * e->gap : 1;
		for (size_t i = 1; i < e->nr; i++) {
			struct extent *a = &e->v[to], *b = &e->v[i];

			/* Never over the end of a region: that is not there to be mapped. */
			if (b->at - (a->at + a->pages * PAGE) <= e->gap * PAGE && !b->offset)
				a->pages = (b->at - a->at) / PAGE + b->pages;
			else
				e->v[++to] = *b;
		}
		e->nr = to + 1;
	}
}

/* The first extent of `mapped` that ends behind an address. */
static size_t mapped_from(uint64_t at)
{
	size_t low = 0, high = mapped.nr;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (mapped.v[mid].at + mapped.v[mid].pages * PAGE > at)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool find_pages(struct extents *e, int pagemap, const char *from, size_t bytes)
{
	uint64_t *bits = malloc(PAGEMAP_STEP * sizeof(*bits)), at = (uint64_t)from,
		 end = at + bytes;
	size_t m = mapped_from(at), first = e->nr;

	while (bits && at < end) {
		uint64_t n = (end - at) / PAGE < PAGEMAP_STEP ? (end - at) / PAGE : PAGEMAP_STEP;

		if (pread(pagemap, bits, n * sizeof(*bits), (off_t)(at / PAGE * sizeof(*bits))) !=
		    (ssize_t)(n * sizeof(*bits))) {
			free(bits);
			return false;
		}
		for (uint64_t i = 0; i < n; i++, at += PAGE) {
			while (m < mapped.nr && mapped.v[m].at + mapped.v[m].pages * PAGE <= at)
				m++;
			if (!(bits[i] & PAGE_IS_THERE) && (m == mapped.nr || at < mapped.v[m].at))
				continue;
			if (!is_zero((const char *)at))
				extents_add(e, at);
		}
	}
	/* The mark of a region's first extent: extents_join() stops there. */
	if (bits && e->nr > first)
		e->v[first].offset = 1;
	free(bits);
	return bits != NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct keep_region *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static bool find_extents(struct extents *e, struct keep_heap *h)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool ok = pagemap >= 0;

	/* In the order of addresses; the heap knows them in any. */
	qsort(h->region, h->nr_regions, sizeof(h->region[0]), by_address);
	ok = ok && find_pages(e, pagemap, (char *)KEEP_BASE,
			      ((uint64_t)h->next - KEEP_BASE + PAGE - 1) & ~(PAGE - 1));
	for (size_t i = 0; i < h->nr_regions && ok; i++) {
		const struct keep_region *r = &h->region[i];

		ok = find_pages(e, pagemap, r->at + r->guard, r->bytes - r->guard);
	}
	if (pagemap >= 0)
		close(pagemap);
	if (!ok || e->failed)
		return false;
	extents_join(e);
	return e->nr <= MOST_EXTENTS;
}

/* ---- writing ------------------------------------------------------------------------ */

static bool write_all(int fd, const void *buf, size_t bytes, uint64_t offset)
{
	const char *p = buf;

	while (bytes) {
		ssize_t n = pwrite(fd, p, bytes, (off_t)offset);

		if (n <= 0)
			return false;
		p += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

/* The pages of an extent that are not zero, in runs. */
static bool write_extent(int fd, const struct extent *e)
{
	const char *p = (const char *)e->at;

	for (uint64_t i = 0, run; i < e->pages; i += run) {
		bool zero = is_zero(p + i * PAGE);

		for (run = 1; i + run < e->pages; run++)
			if (is_zero(p + (i + run) * PAGE) != zero)
				break;
		if (!zero && !write_all(fd, p + i * PAGE, run * PAGE, e->offset + i * PAGE))
			return false;
	}
	return true;
}

static bool write_file(int fd, struct head *head, struct extents *e)
{
	uint64_t offset = sizeof(*head) + e->nr * sizeof(*e->v);

	offset = (offset + PAGE - 1) & ~(PAGE - 1);
	for (size_t i = 0; i < e->nr; i++) {
		e->v[i].offset = offset;
		offset += e->v[i].pages * PAGE;
	}
	head->nr_extents = e->nr;
	head->bytes = offset;
	if (ftruncate(fd, (off_t)offset) || !write_all(fd, head, sizeof(*head), 0) ||
	    !write_all(fd, e->v, e->nr * sizeof(*e->v), sizeof(*head)))
		return false;
	for (size_t i = 0; i < e->nr; i++)
		if (!write_extent(fd, &e->v[i]))
			return false;
	return true;
}

static const char *write_to(const char *temp, void *root, struct keep_heap *h)
{
	struct head head = {.magic = SAVE_MAGIC, .root = (uint64_t)root};
	struct extents e = {0};
	const char *why = NULL;
	int fd;

	if (!build_id(head.build))
		return "this program has no build id";
	if (!find_extents(&e, h)) {
		free(e.v);
		return "its memory can't be looked through";
	}
	head.heap = *h;
	fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || !write_file(fd, &head, &e))
		why = strerror(errno);
	if (fd >= 0 && close(fd) && !why)
		why = strerror(errno);
	free(e.v);
	return why;
}

bool save_write(const char *path, void *root, FILE *err)
{
	struct keep_heap *h = keep_heap();
	const char *why = NULL;
	char *temp = NULL;

#ifdef KEEP_ASAN
	why = "a program under the address sanitizer can't";
#endif
	if (!why && (!h || h->elsewhere))
		why = "the host refused the addresses that it needs";
	if (!why && asprintf(&temp, "%s.part", path) < 0)
		why = "no memory";
	if (!why) {
		why = write_to(temp, root, h);
		if (!why && rename(temp, path))
			why = strerror(errno);
		if (why)
			unlink(temp);
		free(temp);
	}
	if (why)
		fprintf(err, "quire: %s: the machine can't be saved: %s\n", path, why);
	return !why;
}

/* ---- mapping ------------------------------------------------------------------------ */

bool save_is(const char *path)
{
	char magic[sizeof(SAVE_MAGIC) - 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
		  !memcmp(magic, SAVE_MAGIC, sizeof(magic));

	if (fd >= 0)
		close(fd);
	return is;
}

static bool in_space(uint64_t at, uint64_t bytes)
{
	return !(at % PAGE) && at >= KEEP_BASE && at < KEEP_LIMIT && bytes <= KEEP_LIMIT - at;
}

static const char *check(int fd, const struct head *head, struct extents *e)
{
	unsigned char id[ID_BYTES];
	struct stat st;
	size_t bytes = head->nr_extents * sizeof(*e->v);

	if (!build_id(id) || memcmp(id, head->build, ID_BYTES))
		return "another build of quire wrote it; only the same one can read it";
	if (fstat(fd, &st) || (uint64_t)st.st_size != head->bytes)
		return "it is cut off";
	if (!head->nr_extents || head->nr_extents > MOST_EXTENTS || !(e->v = malloc(bytes)) ||
	    pread(fd, e->v, bytes, sizeof(*head)) != (ssize_t)bytes)
		return "its table of pages can't be read";
	e->nr = head->nr_extents;
	for (size_t i = 0; i < e->nr; i++) {
		const struct extent *x = &e->v[i];

		if (!x->pages || x->pages > KEEP_LIMIT / PAGE ||
		    !in_space(x->at, x->pages * PAGE) || x->offset % PAGE ||
		    x->offset > head->bytes || x->pages * PAGE > head->bytes - x->offset ||
		    (i && x->at < x[-1].at + x[-1].pages * PAGE))
			return "its table of pages is damaged";
	}
	return NULL;
}

static bool reserve(uint64_t at, uint64_t bytes)
{
	void *p = mmap((void *)at, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	return p == (void *)at;
}

static bool map_extents(int fd, const struct extents *e, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < e->nr; i++) {
		const struct extent *x = &e->v[i];

		if (x->at < from || x->at >= to)
			continue;
		if (mmap((void *)x->at, x->pages * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
			 (off_t)x->offset) == MAP_FAILED)
			return false;
	}
	return true;
}

/* The heap first: the table of regions is in there. */
static const char *map_all(int fd, const struct head *head, const struct extents *e)
{
	const struct keep_heap *h = (const struct keep_heap *)KEEP_BASE;

	if (!keep_leave())
		return "this process has a machine already";
	if (!reserve(KEEP_BASE, KEEP_HEAP) || !map_extents(fd, e, KEEP_BASE, KEEP_BASE + KEEP_HEAP))
		return "the host refused the addresses that it needs";
	keep_adopt();
	if (memcmp(h, &head->heap, sizeof(*h)) || h->nr_regions > KEEP_REGIONS)
		return "its heap is damaged";
	for (size_t i = 0; i < h->nr_regions; i++) {
		const struct keep_region *r = &h->region[i];

		if (!in_space((uint64_t)r->at, r->bytes) || !reserve((uint64_t)r->at, r->bytes))
			return "the host refused the addresses that it needs";
		(void)madvise(r->at, r->bytes, r->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		if (r->guard && mprotect(r->at, r->guard, PROT_NONE))
			return "the host can't protect its stacks";
	}
	if (!map_extents(fd, e, KEEP_BASE + KEEP_HEAP, KEEP_LIMIT))
		return "the host can't map its pages (see vm.max_map_count)";
	return NULL;
}

void *save_map(const char *path, FILE *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *why = NULL;
	struct extents e = {0};
	struct head head;

	if (fd < 0)
		why = strerror(errno);
	else if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
		 memcmp(head.magic, SAVE_MAGIC, sizeof(head.magic)))
		why = "not a saved machine";
	if (!why)
		why = check(fd, &head, &e);
	if (!why)
		why = map_all(fd, &head, &e);
	if (fd >= 0)
		close(fd);
	if (why) {
		free(e.v);
		fprintf(err, "quire: %s: the machine can't be restored: %s\n", path, why);
		return NULL;
	}
	mapped = e;
	return (void *)head.root;
}
