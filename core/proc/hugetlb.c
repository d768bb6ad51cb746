/* SPDX-License-Identifier: MIT */
/*
 * The files of the pools of huge pages: /sys/kernel/mm/hugepages, those of each
 * node, and their older namesakes in /proc/sys/vm.
 *
 * A file is one number; which one, of which size, is in its line of the table
 * (enum hugetlb_file_kind).  Writing nr_hugepages resizes the pool: that may
 * take long, and succeeds even if memory was not to be had; who wants to know
 * reads it again.
 */
#include "page/hugetlb.h"
#include "proc/internal.h"

static struct hstate *hstate_of(struct quire *q, const struct proc_def *def)
{
	return &q->page->hugetlb->hstates[def->val & HUGETLB_2M ? 1 : 0];
}

int show_hugetlb(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		 struct text *t)
{
	const struct hstate *h = hstate_of(q, def);
	bool node = def->val & HUGETLB_NODE;
	unsigned long v = 0;

	switch (def->val & HUGETLB_KIND) {
	case HUGETLB_NR:
		v = node ? h->nr_huge_pages_node[e->arg] : h->nr_huge_pages;
		break;
	case HUGETLB_FREE:
		v = node ? h->free_huge_pages_node[e->arg] : h->free_huge_pages;
		break;
	case HUGETLB_RESV:
		v = h->resv_huge_pages;
		break;
	case HUGETLB_SURPLUS:
		v = node ? h->surplus_huge_pages_node[e->arg] : h->surplus_huge_pages;
		break;
	case HUGETLB_OVERCOMMIT:
		v = h->nr_overcommit_huge_pages;
		break;
	case HUGETLB_MAX:
		v = h->max_huge_pages;
		break;
	case HUGETLB_DEMOTE_SIZE:
		text_printf(t, "%lukB\n", (PAGE_SIZE << h->demote_order) >> 10);
		return 0;
	}
	put_dec(t, v, 0);
	text_putc(t, '\n');
	return 0;
}

/* The nodes that the writer's policy allows; NULL: all.  Linux:
 * init_nodemask_of_mempolicy(). */
static const nodemask_t *policy_nodes(struct quire *q, nodemask_t *mask)
{
	const struct task *task = current_task(q);

	if (!task)
		return NULL;
	switch (task->policy.mode) {
	case MPOL_BIND:
	case MPOL_INTERLEAVE:
	case MPOL_PREFERRED_MANY:
	case MPOL_WEIGHTED_INTERLEAVE:
		*mask = task->policy.nodes;
		return mask;
	case MPOL_PREFERRED:
		node_set(mask, task->policy.preferred);
		return mask;
	case MPOL_LOCAL:
		node_set(mask, numa_node_id(q));
		return mask;
	default:
		return NULL;
	}
}

s64 store_hugetlb(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		  const struct proc_input *in)
{
	struct hstate *h = hstate_of(q, def);
	const nodemask_t *nodes = NULL;
	nodemask_t mask = {{0}};
	long v;
	int err = proc_one_long(in, &v);

	if (!err && v < 0)
		err = -EINVAL;
	if (err)
		return err;
	if ((def->val & HUGETLB_KIND) == HUGETLB_OVERCOMMIT) {
		err = set_overcommit_huge_pages(q, h, (unsigned long)v);
	} else {
		if (def->val & HUGETLB_POLICY)
			nodes = policy_nodes(q, &mask);
		err = set_max_huge_pages(q, h, (unsigned long)v,
					 def->val & HUGETLB_NODE ? (int)e->arg : NUMA_NO_NODE,
					 nodes);
	}
	return err ? err : (s64)in->len;
}

/* A size, as memparse() takes it: with K, M or G behind it, and what follows is passed
 * over. */
static u64 parse_size(const char *word)
{
	size_t n = 0;
	unsigned int shift = 0;
	long v = 0;

	while (word[n] >= '0' && word[n] <= '9')
		n++;
	if (!n || parse_long(word, n, 10, &v))
		return 0;
	if (word[n] == 'k' || word[n] == 'K')
		shift = 10;
	else if (word[n] == 'm' || word[n] == 'M')
		shift = 20;
	else if (word[n] == 'g' || word[n] == 'G')
		shift = 30;
	return (u64)v << shift;
}

/* demote: so many pages become smaller ones; demote_size: which. */
static s64 store_demote(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			const struct proc_input *in)
{
	struct hstate *h = hstate_of(q, def);
	char word[32];
	long v;
	int err = proc_word(in, word, sizeof(word));

	if (!err && (def->val & HUGETLB_KIND) == HUGETLB_DEMOTE_SIZE) {
		err = set_demote_size(q, h, parse_size(word));
	} else if (!err) {
		err = proc_one_long(in, &v);
		if (!err && v < 0)
			err = -EINVAL;
		if (!err)
			err = demote_huge_pages(q, h, (unsigned long)v,
						def->val & HUGETLB_NODE ? (int)e->arg
									: NUMA_NO_NODE);
	}
	return err ? err : (s64)in->len;
}

/* ---- the tables ------------------------------------------------------------- */

#define HUGE_RO(name, what) DEF_VAL(name, 0444, show_hugetlb, NULL, what)
#define HUGE_RW(name, what) DEF_VAL(name, 0644, show_hugetlb, store_hugetlb, what)

/* Of a size whose pages can be cut. */
#define DEMOTE_FILES(node)                                                                 \
	DEF_VAL("demote", 0200, NULL, store_demote, HUGETLB_DEMOTE | HUGETLB_1G | (node)), \
		DEF_VAL("demote_size", 0644, show_hugetlb, store_demote,                   \
			HUGETLB_DEMOTE_SIZE | HUGETLB_1G | (node))

/* What pools of both sizes have. */
#define HUGE_FILES(size)                                                                 \
	HUGE_RO("free_hugepages", HUGETLB_FREE | (size)),                                \
		HUGE_RW("nr_hugepages", HUGETLB_NR | (size)),                            \
		HUGE_RW("nr_hugepages_mempolicy", HUGETLB_NR | (size) | HUGETLB_POLICY), \
		HUGE_RW("nr_overcommit_hugepages", HUGETLB_OVERCOMMIT | (size)),         \
		HUGE_RO("resv_hugepages", HUGETLB_RESV | (size)),                        \
		HUGE_RO("surplus_hugepages", HUGETLB_SURPLUS | (size))

static const struct proc_def huge_2m_defs[] = {
	HUGE_FILES(HUGETLB_2M),
};
PROC_DIR_TABLE(sysfs_huge_2m_dir, huge_2m_defs);

static const struct proc_def huge_1g_defs[] = {
	DEMOTE_FILES(0),
	HUGE_FILES(HUGETLB_1G),
};
PROC_DIR_TABLE(sysfs_huge_1g_dir, huge_1g_defs);

static const struct proc_def node_huge_2m_defs[] = {
	HUGE_RO("free_hugepages", HUGETLB_FREE | HUGETLB_2M | HUGETLB_NODE),
	HUGE_RW("nr_hugepages", HUGETLB_NR | HUGETLB_2M | HUGETLB_NODE),
	HUGE_RO("surplus_hugepages", HUGETLB_SURPLUS | HUGETLB_2M | HUGETLB_NODE),
};
PROC_DIR_TABLE(sysfs_node_huge_2m_dir, node_huge_2m_defs);

static const struct proc_def node_huge_1g_defs[] = {
	DEMOTE_FILES(HUGETLB_NODE),
	HUGE_RO("free_hugepages", HUGETLB_FREE | HUGETLB_1G | HUGETLB_NODE),
	HUGE_RW("nr_hugepages", HUGETLB_NR | HUGETLB_1G | HUGETLB_NODE),
	HUGE_RO("surplus_hugepages", HUGETLB_SURPLUS | HUGETLB_1G | HUGETLB_NODE),
};
PROC_DIR_TABLE(sysfs_node_huge_1g_dir, node_huge_1g_defs);
