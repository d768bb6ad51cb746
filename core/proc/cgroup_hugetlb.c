/* SPDX-License-Identifier: MIT */
/*
 * /sys/fs/cgroup: which controllers a group has and hands down, and the files of the
 * hugetlb controller (Linux's hugetlb_cgroup.c, version 2).
 *
 * Memory and cpuset are always handed down; hugetlb is by who writes "+hugetlb" to
 * cgroup.subtree_control, and then each child has seven files a pool.  A limit in bytes
 * is rounded down to whole huge pages.
 */
#include "group/hugetlb_cgroup.h"
#include "proc/internal.h"

static struct hstate *hstate_of(struct quire *q, const struct proc_def *def)
{
	return &q->page->hugetlb->hstates[def->val & HUGETLB_2M ? 1 : 0];
}

static void put_bytes(struct text *t, long frames)
{
	put_dec(t, (unsigned long)max(frames, 0L) << PAGE_SHIFT, 0);
	text_putc(t, '\n');
}

static void put_numa_stat(struct quire *q, struct text *t, const struct hugetlb_cgroup *cg,
			  const struct hstate *h)
{
	unsigned int i = hstate_index(q, h);

	text_printf(t, "total=%lu", (unsigned long)HOT_LOAD(&cg->usage[i].usage) << PAGE_SHIFT);
	for_each_node (q, nid)
		text_printf(t, " N%u=%lu", nid,
			    hugetlb_cgroup_node_pages(q, cg, h, nid) * huge_page_size(h));
	text_putc(t, '\n');
}

int show_cgroup_hugetlb(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			struct text *t)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	struct hugetlb_cgroup *cg = memcg ? memcg->hugetlb : NULL;
	const struct hstate *h = hstate_of(q, def);
	unsigned int i = hstate_index(q, h), what = def->val & HUGETLB_KIND;
	const struct page_counter *c;

	if (!cg)
		return -ENOENT;
	c = hugetlb_cgroup_counter(cg, i, what >= CG_HUGETLB_RSVD_CURRENT);
	switch ((enum cgroup_hugetlb_file)what) {
	case CG_HUGETLB_CURRENT:
	case CG_HUGETLB_RSVD_CURRENT:
		put_bytes(t, HOT_LOAD(&c->usage));
		break;
	case CG_HUGETLB_MAX:
	case CG_HUGETLB_RSVD_MAX:
		if (c->max == hugetlb_cgroup_no_limit(h))
			put_lit(t, "max\n");
		else
			put_bytes(t, c->max);
		break;
	case CG_HUGETLB_EVENTS:
		text_printf(t, "max %lu\n", cg->events[i]);
		break;
	case CG_HUGETLB_EVENTS_LOCAL:
		text_printf(t, "max %lu\n", cg->events_local[i]);
		break;
	case CG_HUGETLB_NUMA_STAT:
		put_numa_stat(q, t, cg, h);
		break;
	}
	return 0;
}

s64 store_cgroup_hugetlb(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			 const struct proc_input *in)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	long pages;
	int err = cgroup_parse_pages(in, &pages);

	if (!err && (!memcg || !memcg->hugetlb))
		err = -ENOENT;
	if (!err)
		err = hugetlb_cgroup_set_max(memcg->hugetlb, hstate_of(q, def),
					     (def->val & HUGETLB_KIND) == CG_HUGETLB_RSVD_MAX,
					     pages);
	return err ? err : (s64)in->len;
}

/* ---- controllers ------------------------------------------------------------- */

int show_cgroup_controllers(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			    struct text *t)
{
	const struct mem_cgroup *memcg = cgroup_of(q, e);

	if (!memcg)
		return -ENOENT;
	put_lit(t, "cpuset io memory");
	if (def->val ? memcg->hugetlb_subtree : !memcg->parent || memcg->hugetlb)
		put_lit(t, " hugetlb");
	text_putc(t, '\n');
	return 0;
}

/* One of "+memory", "-hugetlb".  Memory is always handed down; to take it away is
 * refused. */
static int change_controller(struct quire *q, struct mem_cgroup *memcg, const char *word)
{
	if (str_eq(word, "+memory") || str_eq(word, "+cpuset") || str_eq(word, "+io"))
		return 0;
	if (str_eq(word, "+hugetlb"))
		return hugetlb_cgroup_enable(q, memcg);
	if (str_eq(word, "-hugetlb"))
		return hugetlb_cgroup_disable(q, memcg);
	return -EINVAL;
}

s64 store_subtree_control(struct quire *q, const struct proc_entry *e,
			  __unused const struct proc_def *def, const struct proc_input *in)
{
	struct mem_cgroup *memcg = cgroup_of(q, e);
	char text[128], *word = text;
	int err = proc_word(in, text, sizeof(text));

	if (!memcg)
		return -ENOENT;
	while (!err && *word) {
		char *end = word;

		while (*end && *end != ' ')
			end++;
		if (*end)
			*end++ = '\0';
		if (*word)
			err = change_controller(q, memcg, word);
		word = end;
	}
	return err ? err : (s64)in->len;
}
