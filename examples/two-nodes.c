/* SPDX-License-Identifier: MIT */
/*
 * Pages from two nodes, with nothing but the host port: each node is bound to a
 * node of the machine where it has several, and two threads, one on a CPU of each
 * node, fill their own and then run over into the other's.
 *
 *	cc examples/two-nodes.c $(pkg-config --cflags --libs --static quire)
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <quire/host.h>
#include <quire/page.h>
#include <quire/proc.h>

#define NODE_BYTES (64UL << 20)
#define NR_PAGES   (NODE_BYTES / QUIRE_PAGE_SIZE)

struct worker {
	pthread_t thread;
	unsigned int node;
	unsigned long at_home, away, wrong;
	struct page *page[NR_PAGES];
};

static struct quire *q;

/* As many pages of its own node as there are, a few of any, and all back. */
static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned long n = 0;

	quire_host_set_cpu(q, w->node);
	while (n < NR_PAGES / 2) {
		struct page *page = quire_alloc_pages(q, 0, QUIRE_NODE_HERE,
						      QUIRE_ALLOC_THISNODE | QUIRE_ALLOC_NOWAIT);

		if (!page)
			break;
		memset(quire_page_address(q, page), (int)w->node + 1, QUIRE_PAGE_SIZE);
		w->at_home += quire_page_node(page) == w->node;
		w->page[n++] = page;
	}
	for (unsigned int i = 0; i < 100; i++) {
		struct page *page = quire_alloc_pages(q, 2, (int)!w->node, QUIRE_ALLOC_MOVABLE);

		if (!page)
			continue;
		w->away += quire_page_node(page) == !w->node;
		quire_free_pages(q, page, 2);
	}
	while (n--) {
		const unsigned char *bytes = quire_page_address(q, w->page[n]);

		w->wrong += bytes[0] != w->node + 1 || bytes[QUIRE_PAGE_SIZE - 1] != w->node + 1;
		quire_free_pages(q, w->page[n], 0);
	}
	return NULL;
}

static void report(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "broken: %s\n", line);
}

static void bind_nodes(void)
{
	unsigned int nodes = quire_host_machine_nodes();

	for (unsigned int node = 0; node < 2; node++) {
		unsigned int machine_node = node % nodes;
		int err = quire_host_bind_node(q, node, machine_node, 0);

		if (err)
			printf("node %u: memory from anywhere\n", node);
		else
			printf("node %u: memory of the machine's node %u\n", node, machine_node);
	}
}

int main(void)
{
	static struct worker workers[2];
	struct quire_config cfg = {.nr_nodes = 2};
	uint64_t before, broken;
	static char text[4096];
	int error;

	for (unsigned int node = 0; node < 2; node++) {
		cfg.node[node].size_bytes = 2 * NODE_BYTES;
		cfg.node[node].nr_cpus = 1;
	}
	q = quire_host_create(&cfg, 0, &error);
	if (!q) {
		fprintf(stderr, "no instance: error %d\n", error);
		return 1;
	}
	bind_nodes();
	quire_drain_pages(q);
	before = quire_nr_free_pages(q, -1);
	for (unsigned int node = 0; node < 2; node++) {
		workers[node].node = node;
		pthread_create(&workers[node].thread, NULL, work, &workers[node]);
	}
	for (unsigned int node = 0; node < 2; node++) {
		pthread_join(workers[node].thread, NULL);
		printf("node %u: %lu pages at home, %lu blocks from the other, %lu wrong\n", node,
		       workers[node].at_home, workers[node].away, workers[node].wrong);
	}
	if (quire_proc_read(q, "/proc/buddyinfo", text, sizeof(text)) > 0)
		fputs(text, stdout);
	quire_drain_pages(q);
	quire_host_quiesce(q);
	broken = quire_verify(q, report, NULL);
	printf("%lu broken; %lu pages free before, %lu after\n", (unsigned long)broken,
	       (unsigned long)before, (unsigned long)quire_nr_free_pages(q, -1));
	quire_host_destroy(q);
	return broken || workers[0].wrong || workers[1].wrong;
}
