/* SPDX-License-Identifier: MIT */
/*
 * Address spaces' invariants: areas are ordered and apart, their tree and gaps
 * are right; every entry lies in an area and maps a page that belongs there;
 * counters equal the entries; reverse maps find exactly these entries.
 *
 * That each frame's _mapcount is the number of its entries would need a table
 * of counts, and verifying may not allocate.  Instead two sums are compared
 * that are equal if and, but for a chance of 2^-128, only if it holds:
 *
 *	sum over entries of H(pfn)  =  sum over frames of mapcount * H(pfn)
 *
 * for two independent 64-bit hashes H.  One pass over all tables, one over the
 * memory map (free blocks are passed over).  When they differ, the range of
 * frames is halved until the frame is found.
 *
 * An entry of level 2 that maps a huge page whole enters the sums with a hash of
 * its own, and the page's compound_mapcount likewise; PG_double_map's part of
 * the map counts is taken off.
 *
 * That the reverse map finds an entry follows from two facts checked at each:
 * page->index leads back to its address, and its area is chained to the page's
 * anon_vma, or linked to its mapping.
 */
#include "verify/verify.h"
#include "space/hugetlb.h"

#define MAX_REPORTS 20 /* of one kind in one address space */

struct sums {
	u64 a, b;
};

static inline void add_hash(struct sums *s, u64 pfn, u64 times)
{
	u64 a = pfn, b = pfn ^ 0x5851f42d4c957f2dULL;

	s->a += prng_splitmix64(&a) * times;
	s->b += prng_splitmix64(&b) * times;
}

#define WHOLE (1UL << 62) /* in place of a frame number: the huge page there */

/* ---- areas ----------------------------------------------------------------------- */

struct totals {
	unsigned long account, file_vmas, listed_vmas;
	struct sums entries;
};

static void check_chains(struct verify *v, struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc;
	bool own = !vma->anon_vma, first = true;
	unsigned int active = 0;

	if (!list_validate(&vma->anon_vma_chain)) {
		broken(v, "space: mm %lu area 0x%lx: its chains are not a list", mm->context_id,
		       vma->vm_start);
		return;
	}
	list_for_each_entry (avc, &vma->anon_vma_chain, same_vma) {
		if (avc->vma != vma || avc->same_anon_vma.next->prev != &avc->same_anon_vma ||
		    list_empty(&avc->anon_vma->chains))
			broken(v, "space: mm %lu area 0x%lx: a chain does not lead back",
			       mm->context_id, vma->vm_start);
		own |= avc->anon_vma == vma->anon_vma;
	}
	if (!own) {
		broken(v, "space: mm %lu area 0x%lx is not chained to its anon_vma", mm->context_id,
		       vma->vm_start);
		return;
	}
	if (!vma->anon_vma)
		return;
	/* Whoever comes first of those that use it answers for its count. */
	list_for_each_entry (avc, &vma->anon_vma->chains, same_anon_vma) {
		if (avc->vma->anon_vma != vma->anon_vma)
			continue;
		if (!active++)
			first = avc->vma == vma;
	}
	if (first && active != vma->anon_vma->num_active_vmas)
		broken(v, "space: mm %lu area 0x%lx: anon_vma counts %u areas, %u use it",
		       mm->context_id, vma->vm_start, vma->anon_vma->num_active_vmas, active);
}

/* The first area of a mapping's list answers for all of it. */
static void check_i_mmap(struct verify *v, struct vm_area_struct *vma, struct totals *t)
{
	struct address_space *mapping = vma_mapping(vma);
	struct vm_area_struct *other;
	unsigned int shared = 0;

	t->file_vmas++;
	if (list_empty(&vma->shared_node) || mapping->i_mmap.next != &vma->shared_node)
		return;
	if (!list_validate(&mapping->i_mmap)) {
		broken(v, "space: the areas of inode %lu are not a list", mapping->host->i_ino);
		return;
	}
	list_for_each_entry (other, &mapping->i_mmap, shared_node) {
		t->listed_vmas++;
		shared +=
			(other->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
		if (vma_mapping(other) != mapping)
			broken(v, "space: area 0x%lx is on the list of another file",
			       other->vm_start);
	}
	if (shared != mapping->i_mmap_shared)
		broken(v, "space: inode %lu counts %u shared areas, has %u", mapping->host->i_ino,
		       mapping->i_mmap_shared, shared);
	if (mapping->host->i_promised)
		t->account += PAGE_ALIGN(mapping->host->i_size) >> PAGE_SHIFT;
}

static void check_vma(struct verify *v, struct mm_struct *mm, struct vm_area_struct *vma,
		      struct vm_area_struct *prev)
{
	u64 below = prev ? prev->vm_end : 0;

	if (vma->vm_start >= vma->vm_end || ((vma->vm_start | vma->vm_end) & ~PAGE_MASK))
		broken(v, "space: mm %lu area 0x%lx-0x%lx has impossible bounds", mm->context_id,
		       vma->vm_start, vma->vm_end);
	if (vma->vm_start < below)
		broken(v, "space: mm %lu area 0x%lx overlaps the one before it", mm->context_id,
		       vma->vm_start);
	if (vma->vm_prev != prev || (prev && prev->vm_next != vma))
		broken(v, "space: mm %lu area 0x%lx: neighbours differ from the tree",
		       mm->context_id, vma->vm_start);
	if (vma->vm_mm != mm)
		broken(v, "space: mm %lu area 0x%lx belongs to another space", mm->context_id,
		       vma->vm_start);
}

/* A walk through the tree, from left to right. */
struct area_walk {
	struct verify *v;
	struct mm_struct *mm;
	struct totals *t;
	struct mm_struct sum;
	struct vm_area_struct *prev;
	int n;
};

static void check_area(struct area_walk *w, struct vm_area_struct *vma)
{
	check_vma(w->v, w->mm, vma, w->prev);
	check_chains(w->v, w->mm, vma);
	if (vma->vm_file)
		check_i_mmap(w->v, vma, w->t);
	vm_stat_account(&w->sum, vma->vm_flags, (long)vma_pages(vma));
	if (vma->vm_flags & VM_ACCOUNT)
		w->t->account += vma_pages(vma);
	w->prev = vma;
	w->n++;
}

/* Of the levels below first; as deep as the tree is high. */
static bool check_node(struct area_walk *w, const struct vma_node *node, unsigned int level)
{
	bool root = node == w->mm->mm_mt.root;

	if (!node->nr || node->nr > VMA_NODE_SLOTS ||
	    node->nr < (root ? (level ? 2u : 1u) : VMA_NODE_MIN)) {
		broken(w->v, "space: mm %lu: the tree of areas has a node of %lu slots",
		       w->mm->context_id, node->nr);
		return false;
	}
	for (unsigned int i = 0; i < node->nr; i++) {
		u64 end, gap = 0;

		if (level) {
			const struct vma_node *below = node->slot[i];

			if (!check_node(w, below, level - 1))
				return false;
			end = below->end[below->nr - 1];
			for (unsigned int k = 0; k < below->nr; k++)
				gap = max(gap, below->gap[k]);
		} else {
			struct vm_area_struct *vma = node->slot[i];

			check_area(w, vma);
			end = vma->vm_end;
			gap = vma_own_gap(vma);
		}
		if (node->end[i] != end || node->gap[i] != gap)
			broken(w->v,
			       "space: mm %lu: the tree says end 0x%lx, gap 0x%lx of what has "
			       "0x%lx, 0x%lx",
			       w->mm->context_id, node->end[i], node->gap[i], end, gap);
	}
	for (unsigned int i = (unsigned int)node->nr; i < VMA_NODE_SLOTS; i++)
		if (node->end[i] != ~0UL)
			broken(w->v, "space: mm %lu: an empty slot of the tree of areas ends",
			       w->mm->context_id);
	return true;
}

static bool check_areas(struct verify *v, struct mm_struct *mm, struct totals *t)
{
	struct area_walk w = {.v = v, .mm = mm, .t = t};
	const struct mm_struct *sum = &w.sum;

	if (mm->mm_mt.spare || mm->mm_mt.nr_spare)
		broken(v, "space: mm %lu: nodes are put by for an insertion that is over",
		       mm->context_id);
	if (mm->mm_mt.root && !check_node(&w, mm->mm_mt.root, mm->mm_mt.height - 1))
		return false;
	if (w.prev && w.prev->vm_next)
		broken(v, "space: mm %lu: behind the last area there is another", mm->context_id);
	if (w.n != mm->map_count)
		broken(v, "space: mm %lu counts %d areas, has %d", mm->context_id, mm->map_count,
		       w.n);
	if (sum->total_vm != mm->total_vm || sum->data_vm != mm->data_vm ||
	    sum->exec_vm != mm->exec_vm || sum->stack_vm != mm->stack_vm ||
	    sum->locked_vm != mm->locked_vm)
		broken(v,
		       "space: mm %lu: total_vm %lu data %lu exec %lu stack %lu locked %lu, its "
		       "areas make %lu %lu %lu %lu %lu",
		       mm->context_id, mm->total_vm, mm->data_vm, mm->exec_vm, mm->stack_vm,
		       mm->locked_vm, sum->total_vm, sum->data_vm, sum->exec_vm, sum->stack_vm,
		       sum->locked_vm);
	return true;
}

/* ---- tables ---------------------------------------------------------------------- */

struct walk {
	struct verify *v;
	struct mm_struct *mm;
	struct vm_area_struct *vma; /* the first that ends above addr */
	long rss[NR_MM_COUNTERS];
	long tables, hugetlb;
	unsigned int reports;
	struct sums *entries;
};

static void bad_entry(struct walk *w, u64 addr, const char *what)
{
	if (w->reports++ < MAX_REPORTS)
		broken(w->v, "space: mm %lu: the entry for 0x%lx %s", w->mm->context_id, addr,
		       what);
}

static bool chained(const struct vm_area_struct *vma, const struct anon_vma *av)
{
	struct anon_vma_chain *avc;

	if (likely(vma->anon_vma == av))
		return true;
	list_for_each_entry (avc, &vma->anon_vma_chain, same_vma)
		if (avc->anon_vma == av)
			return true;
	return false;
}

static void check_present(struct walk *w, struct vm_area_struct *vma, u64 addr, pte_t pte)
{
	const struct quire *q = w->v->q;
	struct page *page, *head;

	if (pte_special(pte)) {
		if (pte_pfn(pte) != page_to_pfn(q, q->space->zero_page) || pte_write(pte))
			bad_entry(w, addr, "is special and not the zero page, read-only");
		return;
	}
	if (unlikely(pte_pfn(pte) >= q->max_pfn)) {
		bad_entry(w, addr, "maps a frame that does not exist");
		return;
	}
	page = pfn_to_page(q, pte_pfn(pte));
	add_hash(w->entries, pte_pfn(pte), 1);
	w->rss[mm_counter(page)]++;
	if (pte_write(pte) && !(vma->vm_flags & VM_WRITE))
		bad_entry(w, addr, "may be written, its area may not");
	head = compound_head(page);
	if (head->index + (unsigned long)(page - head) != linear_page_index(vma, addr))
		bad_entry(w, addr, "maps a page whose index leads elsewhere");
	if (PageAnon(head)) {
		if ((vma->vm_flags & VM_SHARED) || !chained(vma, page_anon_vma(head)))
			bad_entry(w, addr, "maps an anonymous page that can't find it");
	} else if (!vma->vm_file || head->mapping != vma_mapping(vma)) {
		bad_entry(w, addr, "maps a page of another file");
	}
	if (unlikely(page_ref_count(head) < 1 || page_has_type(page) || PageSlab(head)))
		bad_entry(w, addr, "maps a frame that is used for something else");
}

/* Only while somebody moves the page. */
static void check_migrating(struct walk *w, u64 addr, pte_t pte, long nr)
{
	const struct page *page = migration_entry_page(w->v->q, pte);

	if (page_to_pfn(w->v->q, page) >= w->v->q->max_pfn || !PageLocked(compound_head(page))) {
		bad_entry(w, addr, "waits for a page that nobody moves");
		return;
	}
	if (is_vm_hugetlb_page(w->vma))
		w->hugetlb += nr;
	else
		w->rss[mm_counter(page)] += nr;
}

/* An entry of level 2 that maps a transparent huge page. */
static void check_huge(struct walk *w, struct vm_area_struct *vma, u64 addr, pte_t pmd)
{
	const struct quire *q = w->v->q;
	struct page *page;

	if (!transhuge_vma_suitable(vma, addr)) {
		bad_entry(w, addr, "maps a huge page that its area can't hold");
		return;
	}
	if (pte_is_migration(pmd)) {
		check_migrating(w, addr, pmd, HPAGE_PMD_NR);
		return;
	}
	if (pte_pfn(pmd) + (u64)HPAGE_PMD_NR > q->max_pfn) {
		bad_entry(w, addr, "maps a frame that does not exist");
		return;
	}
	page = pfn_to_page(q, pte_pfn(pmd));
	if (pte_special(pmd)) {
		if (!is_huge_zero_page(q, page) || pte_write(pmd) ||
		    !(w->mm->flags & BIT(MMF_HUGE_ZERO_PAGE)))
			bad_entry(w, addr, "is special and not the huge zero page, read-only");
		return;
	}
	if (!PageTransHuge(page)) {
		bad_entry(w, addr, "maps a huge page that is none");
		return;
	}
	add_hash(w->entries, WHOLE | pte_pfn(pmd), 1);
	w->rss[mm_counter(page)] += HPAGE_PMD_NR;
	if (pte_write(pmd) && !(vma->vm_flags & VM_WRITE))
		bad_entry(w, addr, "may be written, its area may not");
	if (page->index != linear_page_index(vma, addr))
		bad_entry(w, addr, "maps a page whose index leads elsewhere");
	if (vma->vm_file && page->mapping != vma_mapping(vma))
		bad_entry(w, addr, "maps a page of another file");
	else if (!vma->vm_file && (!PageAnon(page) || !chained(vma, page_anon_vma(page))))
		bad_entry(w, addr, "maps an anonymous page that can't find it");
}

/* An entry that maps a page of a pool; level is its own. */
static void check_hugetlb(struct walk *w, struct vm_area_struct *vma, u64 addr, pte_t pte,
			  int level)
{
	const struct quire *q = w->v->q;
	const struct hstate *h;
	struct page *page;

	h = hstate_vma(vma);
	if (pte_is_migration(pte)) {
		check_migrating(w, addr, pte, (long)pages_per_huge_page(h));
		return;
	}
	if (hugetlb_level(h) != level || pte_pfn(pte) + pages_per_huge_page(h) > q->max_pfn) {
		bad_entry(w, addr, "maps a page of another size, or frames that do not exist");
		return;
	}
	page = pfn_to_page(q, pte_pfn(pte));
	if (!page_has_dtor(page, HUGETLB_PAGE_DTOR) || compound_order(page) != h->order) {
		bad_entry(w, addr, "maps a page that is of no pool");
		return;
	}
	add_hash(w->entries, WHOLE | pte_pfn(pte), 1);
	w->hugetlb += (long)pages_per_huge_page(h);
	if (pte_write(pte) && !(vma->vm_flags & VM_WRITE))
		bad_entry(w, addr, "may be written, its area may not");
	if (page->index != hugetlb_index(vma, addr))
		bad_entry(w, addr, "maps a page whose index leads elsewhere");
}

static bool find_area(struct walk *w, u64 addr)
{
	while (w->vma && w->vma->vm_end <= addr)
		w->vma = w->vma->vm_next;
	if (likely(w->vma && w->vma->vm_start <= addr))
		return true;
	bad_entry(w, addr, "lies in no area");
	return false;
}

/* The tables put by for the huge entries of a table of level 2: one for each. */
static void check_deposited(struct walk *w, const struct page *table, u64 addr, unsigned int huge)
{
	struct page *first = table->pmd_huge_pte, *t = first;
	unsigned int n = 0;

	while (t && n <= huge) {
		if (!PageTable(t) || t->private)
			bad_entry(w, addr, "has a table put by that is none, or not empty");
		n++;
		t = list_next_entry(t, lru);
		if (t == first)
			break;
	}
	if (n != huge)
		broken(w->v, "space: mm %lu: a table has %u huge entries, %u tables put by for it",
		       w->mm->context_id, huge, n);
	w->tables += n;
}

static void check_leaf(struct walk *w, u64 addr, pte_t pte)
{
	if (!find_area(w, addr))
		return;
	if (pte_present(pte))
		check_present(w, w->vma, addr, pte);
	else if (pte_is_migration(pte))
		check_migrating(w, addr, pte, 1);
	else if (pte_is_marker(pte)) {
		if (!w->vma->vm_file)
			bad_entry(w, addr, "is a marker in an area without a file");
	} else if (w->vma->vm_flags & VM_SHARED)
		bad_entry(w, addr, "is a swap entry in a shared area");
	else
		w->rss[MM_SWAPENTS]++;
}

static void check_table(struct walk *w, u64 table_pfn, int level, u64 addr)
{
	const struct quire *q = w->v->q;
	const struct page *table = pfn_to_page(q, table_pfn);
	const pte_t *entries = pt_entries(q, table_pfn);
	unsigned long used = 0;
	unsigned int huge = 0;

	if (!PageTable(table)) {
		bad_entry(w, addr, "leads to a table that is none");
		return;
	}
	w->tables++;
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++, addr += BIT(PT_SHIFT(level))) {
		if (pte_none(entries[i]))
			continue;
		used++;
		if (level == 1) {
			check_leaf(w, addr, entries[i]);
		} else if (unlikely(level <= 3 && pmd_huge(entries[i]))) {
			bool found = find_area(w, addr);

			if (found && is_vm_hugetlb_page(w->vma)) {
				check_hugetlb(w, w->vma, addr, entries[i], level);
				continue;
			}
			/* For a file's no table is put by. */
			huge += !found || !w->vma->vm_file;
			if (found)
				check_huge(w, w->vma, addr, entries[i]);
		} else {
			check_table(w, pte_pfn(entries[i]), level - 1, addr);
		}
	}
	if (level == 2)
		check_deposited(w, table, addr, huge);
	if (used != table->private)
		broken(w->v, "space: mm %lu: a table of level %d counts %lu entries, has %lu",
		       w->mm->context_id, level, table->private, used);
}

static void check_tables(struct verify *v, struct mm_struct *mm, struct sums *entries)
{
	static const char *const names[NR_MM_COUNTERS] = {"file", "anon", "swap", "shmem"};
	struct walk w = {.v = v, .mm = mm, .entries = entries};
	long untold[NR_MM_COUNTERS] = {0}; /* by the tasks */
	struct task *p;

	for_each_process(v->q, p)
	{
		for_each_thread(p, t) for (int i = 0; t->mm == mm && i < NR_MM_COUNTERS; i++)
			untold[i] += t->rss_stat.count[i];
	}
	w.vma = vma_tree_find(&mm->mm_mt, 0);
	check_table(&w, mm->pgd_pfn, v->q->page->pt_levels, 0);
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		if (w.rss[i] != mm->rss_stat[i] + untold[i])
			broken(v, "space: mm %lu counts %ld %s entries, has %ld", mm->context_id,
			       mm->rss_stat[i] + untold[i], names[i], w.rss[i]);
	if (w.hugetlb != mm->hugetlb_usage)
		broken(v, "space: mm %lu counts %ld frames of pools, maps %ld", mm->context_id,
		       mm->hugetlb_usage, w.hugetlb);
	/* The root counts for no one, as in Linux. */
	if ((w.tables - 1) * (long)PAGE_SIZE != mm->pgtables_bytes)
		broken(v, "space: mm %lu counts %ld bytes of tables, has %ld", mm->context_id,
		       mm->pgtables_bytes, (w.tables - 1) * (long)PAGE_SIZE);
}

/* ---- the memory map -------------------------------------------------------------- */

/* Frames that are mapped, a node: anonymous, of files; and in huge entries. */
enum { MAPPED_ANON, MAPPED_FILE, MAPPED_THP, MAPPED_SHMEM_THP, NR_MAPPED };

/* Entries of level 1 that map a frame, by its own count. */
static int small_mapcount(const struct page *page)
{
	const struct page *head = compound_head(page);

	if (HOT_LOAD(&head->_refcount) <= 0 || PageSlab(head) || page_has_type(page))
		return 0;
	if (likely(!PageHead(head)))
		return page->_mapcount + 1;
	if (!PageTransHuge(head))
		return 0;
	return page->_mapcount + 1 - (PageDoubleMap(head) ? 1 : 0);
}

/* Sums of mapcount * H over frames [first, last]; counts mapped ones a node. */
static void sum_mapcounts(const struct quire *q, u64 first, u64 last, struct sums *s,
			  u64 (*mapped)[NR_MAPPED])
{
	u64 pfn = first;

	while ((pfn = next_touched_pfn(q, pfn)) <= last) {
		const struct page *page = pfn_to_page(q, pfn);
		const struct page *head;
		int count, whole = 0;

		if (PageBuddy(page)) {
			pfn += 1UL << page->private;
			continue;
		}
		/* Descriptors that were never written read as zero. */
		count = small_mapcount(page);
		if (count)
			add_hash(s, pfn, (u64)(s64)count);
		head = compound_head(page);
		if (unlikely(page_has_dtor(head, HUGETLB_PAGE_DTOR))) {
			if (head == page && compound_mapcount(head))
				add_hash(s, WHOLE | pfn, (u64)(s64)compound_mapcount(head));
		} else if (unlikely(PageTransHuge(head))) {
			whole = compound_mapcount(head);
			if (whole && head == page)
				add_hash(s, WHOLE | pfn, (u64)(s64)whole);
		}
		if (mapped && (count || whole))
			mapped[page_to_nid(page)][PageAnon(page) ? MAPPED_ANON : MAPPED_FILE]++;
		if (mapped && whole)
			mapped[page_to_nid(page)][PageAnon(page) ? MAPPED_THP : MAPPED_SHMEM_THP]++;
		pfn++;
	}
}

/* The same sums by the entries, for the search only. */
static void sum_table(const struct quire *q, u64 table_pfn, int level, u64 first, u64 last,
		      struct sums *s)
{
	const pte_t *entries = pt_entries(q, table_pfn);

	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++) {
		if (pte_none(entries[i]))
			continue;
		if (level > 1 && pmd_huge(entries[i])) {
			if (pmd_leaf(entries[i]) && !pte_special(entries[i]) &&
			    pte_pfn(entries[i]) >= first && pte_pfn(entries[i]) <= last)
				add_hash(s, WHOLE | pte_pfn(entries[i]), 1);
		} else if (level > 1)
			sum_table(q, pte_pfn(entries[i]), level - 1, first, last, s);
		else if (pte_present(entries[i]) && !pte_special(entries[i]) &&
			 pte_pfn(entries[i]) >= first && pte_pfn(entries[i]) <= last)
			add_hash(s, pte_pfn(entries[i]), 1);
	}
}

static bool range_differs(const struct quire *q, u64 first, u64 last)
{
	struct sums by_map = {0}, by_entries = {0};
	struct mm_struct *mm;

	sum_mapcounts(q, first, last, &by_map, NULL);
	list_for_each_entry (mm, &q->space->mms, mm_list)
		sum_table(q, mm->pgd_pfn, q->page->pt_levels, first, last, &by_entries);
	return by_map.a != by_entries.a || by_map.b != by_entries.b;
}

static void report_frame(struct verify *v, u64 first, u64 last)
{
	while (first < last) {
		u64 mid = first + (last - first) / 2;

		if (range_differs(v->q, first, mid))
			last = mid;
		else
			first = mid + 1;
	}
	broken(v, "space: frame 0x%lx has a map count of %d, the tables disagree", first,
	       page_mapcount(pfn_to_page(v->q, first)));
}

static void check_mapcounts(struct verify *v, const struct sums *entries)
{
	u64 mapped[QUIRE_MAX_NODES][NR_MAPPED] = {0};
	struct sums s = {0};
	struct quire *q = v->q;

	sum_mapcounts(q, 0, q->max_pfn - 1, &s, mapped);
	if (s.a != entries->a || s.b != entries->b)
		report_frame(v, 0, q->max_pfn - 1);
	for_each_node (q, nid) {
		u64 anon = node_page_state(NODE_DATA(q, nid), NR_ANON_MAPPED);
		u64 file = node_page_state(NODE_DATA(q, nid), NR_FILE_MAPPED);

		u64 huge = node_page_state(NODE_DATA(q, nid), NR_ANON_THPS);

		if (anon != mapped[nid][MAPPED_ANON] || file != mapped[nid][MAPPED_FILE])
			broken(v,
			       "space: node %u counts %lu anonymous and %lu file frames mapped, "
			       "has %lu and %lu",
			       nid, anon, file, mapped[nid][MAPPED_ANON], mapped[nid][MAPPED_FILE]);
		u64 shmem = node_page_state(NODE_DATA(q, nid), NR_SHMEM_PMDMAPPED);

		if (huge != mapped[nid][MAPPED_THP])
			broken(v,
			       "space: node %u counts %lu frames mapped by huge entries, has %lu",
			       nid, huge, mapped[nid][MAPPED_THP]);
		if (shmem != mapped[nid][MAPPED_SHMEM_THP])
			broken(v,
			       "space: node %u counts %lu frames of shmem mapped by huge entries, "
			       "has %lu",
			       nid, shmem, mapped[nid][MAPPED_SHMEM_THP]);
	}
}

/* ---- huge pages ------------------------------------------------------------------ */

static void check_split_queue(struct verify *v, unsigned int nid)
{
	struct deferred_split *ds = &v->q->space->huge->split[nid];
	struct page *tail;
	unsigned long n = 0;

	if (!list_validate(&ds->queue)) {
		broken(v, "thp: the pages of node %u to be split are not a list", nid);
		return;
	}
	list_for_each_entry (tail, &ds->queue, deferred_list) {
		struct page *head = tail - 2;

		n++;
		if (!PageTransHuge(head) || compound_head(tail) != head || head->_refcount <= 0 ||
		    page_to_nid(head) != nid)
			broken(v, "thp: frame 0x%lx is to be split and is no huge page of node %u",
			       page_to_pfn(v->q, head), nid);
	}
	if (n != ds->len)
		broken(v, "thp: node %u counts %lu pages to be split, has %lu", nid, ds->len, n);
}

static void check_khugepaged(struct verify *v)
{
	struct khugepaged *k = &v->q->space->huge->khugepaged;
	struct khugepaged_mm_slot *slot;
	unsigned long slots = 0, known = 0;
	bool found = !k->mm_slot;
	struct mm_struct *mm;

	if (!list_validate(&k->mm_head)) {
		broken(v, "thp: khugepaged's spaces are not a list");
		return;
	}
	list_for_each_entry (slot, &k->mm_head, mm_node) {
		slots++;
		found |= slot == k->mm_slot;
		if (slot->mm->khugepaged_slot != slot || !(slot->mm->flags & BIT(MMF_VM_HUGEPAGE)))
			broken(v, "thp: khugepaged's slot of mm %lu is not that space's",
			       slot->mm->context_id);
	}
	list_for_each_entry (mm, &v->q->space->mms, mm_list)
		known += (mm->flags & BIT(MMF_VM_HUGEPAGE)) != 0;
	if (!found || known != slots)
		broken(v, "thp: khugepaged has %lu spaces, %lu say it knows them", slots, known);
}

static void check_thp(struct verify *v)
{
	const struct huge_floor *h = v->q->space->huge;
	struct mm_struct *mm;
	int refs = h->huge_zero_page ? 1 : 0;

	for_each_node (v->q, nid)
		check_split_queue(v, nid);
	check_khugepaged(v);
	list_for_each_entry (mm, &v->q->space->mms, mm_list)
		refs += mm->mm_users && (mm->flags & BIT(MMF_HUGE_ZERO_PAGE));
	if (refs != h->huge_zero_refcount)
		broken(v, "thp: the huge zero page counts %d users, has %d", h->huge_zero_refcount,
		       refs);
}

void verify_space(struct verify *v)
{
	struct space_floor *sp = v->q->space;
	struct totals t = {0};
	struct mm_struct *mm;

	if (!list_validate(&sp->mms)) {
		broken(v, "space: the list of address spaces is not a list");
		return;
	}
	list_for_each_entry (mm, &sp->mms, mm_list)
		if (check_areas(v, mm, &t))
			check_tables(v, mm, &t.entries);
	check_mapcounts(v, &t.entries);
	check_thp(v);
	if (t.file_vmas != t.listed_vmas)
		broken(v, "space: %lu areas map files, files list %lu", t.file_vmas, t.listed_vmas);
	if ((long)t.account != sp->vm_committed_as)
		broken(v, "space: %ld pages are promised, areas make %lu", sp->vm_committed_as,
		       t.account);
}
