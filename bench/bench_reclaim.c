/* SPDX-License-Identifier: MIT */
/*
 * What reclaim costs the host: clean pages of files scanned, taken off their
 * lists, out of their tree and freed, by the thousand million of a long night;
 * and what zswap adds to its compressor, on bytes of real programs.
 *
 * For zswap the model's port is changed for one whose compressor works on real
 * pages (files of the system, a database, a heap), and keeps all of the result.
 * The same pages through the compressor alone are measured in turns with it, so
 * that what else the host does hits both.
 */
#include "bench/bench.h"
#include "port/model/model.h"
#include "port/model/content.h"
#include "reclaim/internal.h"
#include "swap/internal.h"

#include <lz4.h>
#include <stdlib.h>

#define FILE_BYTES (8UL << 30)
#define ROUNDS	   5

static double median(double *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j && v[j] < v[j - 1]; j--) {
			double x = v[j];

			v[j] = v[j - 1];
			v[j - 1] = x;
		}
	return v[n / 2];
}

static struct model *boot(u64 bytes)
{
	struct quire_config *cfg = calloc(1, sizeof(*cfg));
	struct model *m;
	char err[256];

	if (!cfg)
		exit(1);
	cfg->nr_nodes = 1;
	cfg->pci_hole_start = 3UL << 30;
	cfg->seed = 1;
	cfg->node[0] = (struct quire_node_config){.size_bytes = bytes, .nr_cpus = 4};
	m = model_create(cfg, err, sizeof(err));
	free(cfg);
	if (!m) {
		fprintf(stderr, "bench_reclaim: %s\n", err);
		exit(1);
	}
	return m;
}

static struct backing_dev *add_nvme(struct model *m, const char *name, u64 size_bytes)
{
	struct model_disk_config disk = {.name = name,
					 .size_bytes = size_bytes,
					 .read_latency_ns = 80000,
					 .write_latency_ns = 20000,
					 .queue_depth = 64};

	return bdi_register(model_quire(m), model_add_disk(m, &disk), name);
}

/* ---- clean pages ------------------------------------------------------------- */

struct clean {
	struct model *m;
	double rate[ROUNDS]; /* pages a second */
};

static void reclaim_clean(void *arg)
{
	struct clean *c = arg;
	struct quire *q = model_quire(c->m);
	struct backing_dev *bdi = add_nvme(c->m, "nvme0n1", 64UL << 30);
	struct super_block *sb = sget(q, bdi, q->cache->ext4_inode_cachep);
	struct inode *inode = new_inode(q, sb, FILE_BYTES, false);
	struct file *file = alloc_file(q, inode, false);

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned long got = 0;
		double start;

		if (generic_file_read(q, file, 0, FILE_BYTES) != (s64)FILE_BYTES)
			exit(1);
		lru_add_drain(q);
		start = bench_now_ns();
		while (global_node_page_state(q, NR_INACTIVE_FILE) > SWAP_CLUSTER_MAX) {
			struct scan_control sc = {.nr_to_reclaim = 1024,
						  .gfp_mask = GFP_KERNEL,
						  .reclaim_idx = MAX_NR_ZONES - 1,
						  .priority = 6,
						  .may_writepage = true,
						  .may_unmap = true,
						  .may_swap = true};

			shrink_node(q, NODE_DATA(q, 0), &sc);
			if (!sc.nr_reclaimed)
				break;
			got += sc.nr_reclaimed;
		}
		c->rate[round] = (double)got / (bench_now_ns() - start) * 1e9;
		if (got < FILE_BYTES / PAGE_SIZE / 2)
			exit(1);
	}
	fput(q, file);
	iput(q, inode);
}

/* ---- zswap on real bytes ------------------------------------------------------- */

#define CORPUS_PAGES 4096u

struct corpus {
	struct model *m;
	struct quire_port_ops port;
	char *pages, *read_back, *packed;
	unsigned int at[CORPUS_PAGES + 1]; /* where each is in packed */
	struct page *page[CORPUS_PAGES];
	unsigned int nr;
	void *state;
	double alone[ROUNDS], store[ROUNDS], alone_back[ROUNDS], load[ROUNDS];
};

static struct corpus *running; /* a port's context is the model's */

static size_t real_compress(__attribute__((unused)) void *ctx,
			    __attribute__((unused)) unsigned int compressor, uint64_t pfn,
			    void *dst, size_t cap)
{
	struct corpus *c = running;
	u64 content = ((struct quire *)model_quire(c->m))->hot->content[pfn];
	size_t i = content & 0xffffff;
	int n = LZ4_compress_fast_extState(c->state, c->pages + i * PAGE_SIZE, dst, PAGE_SIZE,
					   (int)cap, 1);

	return n > 0 ? (size_t)n : 0;
}

static int real_decompress(__attribute__((unused)) void *ctx, const void *src, size_t len,
			   uint64_t pfn)
{
	struct corpus *c = running;
	u64 content = ((struct quire *)model_quire(c->m))->hot->content[pfn];
	size_t i = content & 0xffffff;
	int n = LZ4_decompress_safe(src, c->read_back + i * PAGE_SIZE, (int)len, PAGE_SIZE);

	return n == (int)PAGE_SIZE ? 0 : -EINVAL;
}

static void alone(struct corpus *c, unsigned int round)
{
	char out[2 * PAGE_SIZE];
	double start = bench_now_ns();

	for (unsigned int i = 0; i < c->nr; i++)
		(void)LZ4_compress_fast_extState(c->state, c->pages + i * PAGE_SIZE, out, PAGE_SIZE,
						 sizeof(out), 1);
	c->alone[round] = (bench_now_ns() - start) / c->nr;
	start = bench_now_ns();
	for (unsigned int i = 0; i < c->nr; i++)
		(void)LZ4_decompress_safe(c->packed + c->at[i], c->read_back + i * PAGE_SIZE,
					  (int)(c->at[i + 1] - c->at[i]), PAGE_SIZE);
	c->alone_back[round] = (bench_now_ns() - start) / c->nr;
}

static void through_zswap(struct corpus *c, struct quire *q, unsigned int round)
{
	double start = bench_now_ns();

	for (unsigned int i = 0; i < c->nr; i++)
		if (!zswap_store(q, c->page[i]))
			exit(1);
	c->store[round] = (bench_now_ns() - start) / c->nr;
	memset(c->read_back, 0, c->nr * PAGE_SIZE);
	start = bench_now_ns();
	for (unsigned int i = 0; i < c->nr; i++)
		if (zswap_load(q, c->page[i]))
			exit(1);
	c->load[round] = (bench_now_ns() - start) / c->nr;
	/* A slot that is written again has been freed meanwhile. */
	for (unsigned int i = 0; i < c->nr; i++) {
		swp_entry_t entry = {c->page[i]->private};

		zswap_invalidate(q, q->swap->info[swp_type(entry)], swp_offset(entry));
	}
	if (memcmp(c->read_back, c->pages, c->nr * PAGE_SIZE)) {
		fprintf(stderr, "bench_reclaim: what zswap gave back is not what it got\n");
		exit(1);
	}
}

static void zswap_rounds(void *arg)
{
	struct corpus *c = arg;
	struct quire *q = model_quire(c->m);
	struct backing_dev *bdi = add_nvme(c->m, "nvme1n1", 1UL << 30);

	zswap_params(q)->enabled = true;
	if (zswap_set_zpool(q, "zsmalloc") ||
	    swapon(q, bdi, 0, 1UL << 18, -1, "/dev/nvme1n1", false))
		exit(1);
	for (unsigned int i = 0; i < c->nr; i++) {
		struct page *page = alloc_pages(q, GFP_HIGHUSER_MOVABLE, 0);

		if (!page || !trylock_page(page))
			exit(1);
		SetPageSwapBacked(page);
		SetPageUptodate(page);
		q->hot->content[page_to_pfn(q, page)] = CONTENT(CONTENT_KIND_TEXT, i);
		if (!add_to_swap(q, page))
			exit(1);
		c->page[i] = page;
	}
	/* The first round makes pools, trees and the host's memory. */
	through_zswap(c, q, 0);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		alone(c, round);
		through_zswap(c, q, round);
	}
}

/* What compresses well enough for zswap; false: not enough of it. */
static int fill_corpus(struct corpus *c, const char *command)
{
	FILE *f = popen(command, "r");
	size_t got;

	c->nr = 0;
	while (f && c->nr < CORPUS_PAGES) {
		char *page = c->pages + c->nr * PAGE_SIZE;
		int n;

		got = fread(page, 1, PAGE_SIZE, f);
		if (got != PAGE_SIZE)
			break;
		n = LZ4_compress_fast_extState(c->state, page, c->packed + c->at[c->nr], PAGE_SIZE,
					       2 * PAGE_SIZE, 1);
		/* Pages of one word never reach the compressor, and what does not
		 * shrink is refused. */
		if (n < 32 || n > 3000)
			continue;
		c->at[c->nr + 1] = c->at[c->nr] + (unsigned int)n;
		c->nr++;
	}
	if (f)
		pclose(f);
	return c->nr >= 256;
}

static const struct {
	const char *name, *command;
} corpora[] = {
	{"files of the system", "cat /usr/bin/[a-m]* /usr/share/perl/5*/*.pm 2>/dev/null"},
	{"a database",
	 "f=$(mktemp) && sqlite3 $f 'create table t(a integer primary key, b text, c real, d int);"
	 "with recursive n(i) as (select 1 union all select i+1 from n where i<250000) insert into "
	 "t "
	 "select i, printf(\"user%d@example.org\", i*7919%1000003), i*0.37, random()%1000 from n;"
	 "create index x on t(b);' && cat $f; rm -f $f"},
	{"a heap", "python3 -c 'import sys,json,ast\n"
		   "keep=[json.loads(json.dumps({\"id\":i,\"name\":\"item%d\"%i,\"tags\":[i%7,"
		   "str(i%100)],\"x\":i*.5})) for i in range(60000)]\n"
		   "for l in open(\"/proc/self/maps\"):\n"
		   "  w=l.split()\n"
		   "  if w[1][:2]==\"rw\" and (len(w)<6 or w[5]==\"[heap]\"):\n"
		   "    a,b=[int(x,16) for x in w[0].split(\"-\")]\n"
		   "    f=open(\"/proc/self/mem\",\"rb\",0); f.seek(a); "
		   "sys.stdout.buffer.write(f.read(b-a))' 2>/dev/null"},
};

static void bench_corpus(struct corpus *c, const char *name)
{
	char text[96];
	double one, two;

	c->m = boot(2UL << 30);
	running = c;
	c->port = *model_quire(c->m)->port;
	c->port.compress = real_compress;
	c->port.decompress = real_decompress;
	c->port.compressed_bytes_kept = 0;
	model_quire(c->m)->port = &c->port;
	model_call(c->m, NULL, zswap_rounds, c);
	one = median(c->store, ROUNDS);
	two = median(c->alone, ROUNDS);
	snprintf(text, sizeof(text), "zswap store, %s", name);
	bench_report(text, one, "ns", "LZ4 alone", two, two * 1.15, 0);
	one = median(c->load, ROUNDS);
	two = median(c->alone_back, ROUNDS);
	snprintf(text, sizeof(text), "zswap load, %s", name);
	bench_report(text, one, "ns", "LZ4 alone", two, two * 1.15, 0);
	model_destroy(c->m);
}

int main(void)
{
	struct clean clean = {.m = boot(16UL << 30)};
	struct corpus *c = calloc(1, sizeof(*c));

	model_call(clean.m, NULL, reclaim_clean, &clean);
	bench_report("scan and reclaim of clean file pages", median(clean.rate, ROUNDS) / 1e6,
		     "M/s", NULL, 0, 5, 1);
	model_destroy(clean.m);
	if (!c)
		return 1;
	c->pages = malloc((CORPUS_PAGES + 1) * PAGE_SIZE);
	c->read_back = malloc(CORPUS_PAGES * PAGE_SIZE);
	c->packed = malloc((CORPUS_PAGES + 2) * PAGE_SIZE);
	c->state = malloc((size_t)LZ4_sizeofState());
	if (!c->pages || !c->read_back || !c->packed || !c->state)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(corpora); i++) {
		if (fill_corpus(c, corpora[i].command))
			bench_corpus(c, corpora[i].name);
		else
			fprintf(stderr, "bench_reclaim: no %s here\n", corpora[i].name);
	}
	free(c->pages);
	free(c->read_back);
	free(c->packed);
	free(c->state);
	free(c);
	return 0;
}
