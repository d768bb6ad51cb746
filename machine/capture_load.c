/* SPDX-License-Identifier: MIT */
/* A process of a capture grows: a thread of its own touches new pages. */
#include <stdlib.h>
#include <string.h>

#include "machine/capture_load.h"
#include "machine/internal.h"
#include "machine/units.h"
#include "port/model/content.h"
#include "port/model/keep.h"

#define WINDOW (1UL << 40) /* of address space: more than any machine has */

bool growth_parse(const char *text, char name[TASK_COMM_LEN], u64 *bytes_a_second)
{
	const char *equals = strrchr(text, '='), *rate = equals ? equals + 1 : text;
	size_t len = equals ? (size_t)(equals - text) : 0, digits = strlen(rate);
	char number[32];

	if (len >= TASK_COMM_LEN || digits < 3 || digits >= sizeof(number) ||
	    strcmp(rate + digits - 2, "/s"))
		return false;
	memcpy(name, text, len);
	name[len] = 0;
	memcpy(number, rate, digits - 2);
	number[digits - 2] = 0;
	return parse_size(number, bytes_a_second) && *bytes_a_second >= PAGE_SIZE;
}

struct growth {
	struct machine *m;
	struct task *thread;
	u64 rate; /* bytes a second */
};

static void grow(void *arg)
{
	struct growth *g = arg;
	struct machine *m = g->m;
	struct task *task = g->thread;
	struct touch t = {.stride = 1, .write = true, .kind = content_kind_of("heap"), .seed = 1};
	u64 began = model_now(m->model), done = 0;

	t.addr = do_mmap(m->q, task->mm, 0, WINDOW, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
	while (!IS_ERR_VALUE(t.addr) && !fatal_signal_pending(task) && done < WINDOW / 2) {
		u64 due = (model_now(m->model) - began) / 1000000 * g->rate / 1000;

		t.nr_pages = due > done ? (due - done) >> PAGE_SHIFT : 0;
		if (t.nr_pages && mmu_touch(m->model, task, &t) != t.nr_pages)
			break;
		t.addr += (u64)t.nr_pages << PAGE_SHIFT;
		done += (u64)t.nr_pages << PAGE_SHIFT;
		model_sleep(m->model, NS_SEC);
	}
	keep_free(g);
	do_exit(m->q, task, fatal_signal_pending(task) ? SIGKILL : 0);
}

static struct task *find_grower(struct quire *q, const char *name)
{
	struct task *p, *best = NULL;
	unsigned long most = 0;

	for_each_process(q, p)
	{
		unsigned long size;

		if (!p->mm || (*name && strcmp(p->comm, name)))
			continue;
		size = get_mm_rss(p->mm) + get_mm_counter(p->mm, MM_SWAPENTS) + 1;
		if (size <= most)
			continue;
		most = size;
		best = p;
	}
	return best;
}

bool growth_start(struct machine *m, char name[TASK_COMM_LEN], u64 bytes_a_second)
{
	struct task *leader = find_grower(m->q, name), *thread;
	struct growth *g;

	if (!leader)
		return false;
	memcpy(name, leader->comm, TASK_COMM_LEN);
	thread = copy_process(m->q, leader, CLONE_VM | CLONE_THREAD);
	g = IS_ERR_OR_NULL(thread) ? NULL : keep_calloc(1, sizeof(*g));
	if (!g)
		return false;
	*g = (struct growth){m, thread, bytes_a_second};
	return model_spawn(m->model, leader->comm, grow, g, thread, -1) != NULL;
}
