/* SPDX-License-Identifier: MIT */
/*
 * The model's MMU: how a process's loads and stores reach the page tables.
 *
 * A touch looks into the CPU's TLB, then walks the tables in the frames, as
 * the processor does: it sets the accessed bit, and the dirty bit for a store,
 * and faults when an entry is missing or forbids it.  The last table of 512
 * entries is remembered while touches go through one stretch of 2 MB and
 * nothing else has run.  Each touch charges the latency of the frame's node.
 *
 * The TLB is direct-mapped, a CPU's own, tagged with an ASID: a CPU has six, as
 * Linux uses them (TLB_NR_DYN_ASIDS), for the spaces that ran on it last; who comes
 * back to one finds its entries, and one that is given to another space is flushed.
 * A flush does not search: it stamps a slot of a table that is shared by all
 * CPUs, hashed by space and page, and an entry older than its slot's stamp is
 * dead.  Debug builds compare each hit with the tables, so a flush that the
 * core forgot stops the machine.  A flush costs its caller time, and more for each
 * other CPU that has the space loaded: that one is interrupted (a shootdown).
 *
 * A huge page of 2 MB takes one entry, tagged with its own number: what it gains is that
 * 512 entries reach 1 GB instead of 2 MB.  (Not so on the recordings' processor: QEMU
 * keeps pages of 4 KB.)
 *
 * A walk costs little while the tables are in the caches.  A line of a table whose frame
 * is another node's comes from there, as other memory does, once for the eight entries in it:
 * what a process gains by local memory it loses where its tables stayed behind.
 *
 * Differs from x86: only the entry that maps the page gets accessed bits; no walk
 * caches, and the table of the last level alone can be far away; a huge page of 1 GB
 * takes an entry for each 2 MB of it.
 */
#include "port/model/internal.h"
#include "port/model/keep.h"

#include <stdlib.h>
#include <sys/mman.h>

#define TLB_ENTRIES   512
#define NR_ASIDS      6
#define FLUSH_SLOTS   8192
#define SPACE_SLOTS   1024
#define FLUSH_FACTOR  0x9e5 /* spreads spaces over the slots */
#define FLUSH_CEILING 33    /* pages: above it Linux flushes the whole space */

#define TLB_HUGE	 BIT(63)
#define HUGE_SHIFT	 (PMD_SHIFT - PAGE_SHIFT)
#define HUGE_FLUSH_SLOTS 512

struct tlb_entry {
	u64 tag; /* page << 3 | ASID + 1; of a huge one | TLB_HUGE; 0: empty */
	pte_t pte;
	u64 stamp;
};

struct mmu {
	size_t bytes;
	u64 stamp;
	u64 flush[FLUSH_SLOTS];
	u64 space[SPACE_SLOTS];
	u64 flush_huge[HUGE_FLUSH_SLOTS];
	bool any_huge;	/* some TLB has, or had, an entry of a huge page */
	u8 *frame_node; /* node of each 1,024 frames */
	struct model_tlb_stats stats;
	struct cpu_tlb {
		u64 space[NR_ASIDS]; /* context_id of each; 0: none */
		u64 since[NR_ASIDS]; /* stamp: what is older was another's */
		unsigned int loaded, next;
		struct tlb_entry entry[TLB_ENTRIES];
	} cpu[];
};

/* The entry of a huge page of 2 MiB or 1 GiB, if one maps the address. */
struct huge_entry {
	pte_t *entry; /* or NULL */
	u64 mask;     /* its pages, less one */
};

/* Where a run of touches stands. */
struct cursor {
	struct model *m;
	struct quire *q;
	struct mmu *mmu;
	struct mm_struct *mm;
	pte_t *leaf;		/* the table that maps leaf_tag, or NULL */
	struct huge_entry huge; /* the entry that does, if it is one */
	u64 leaf_tag;		/* addr >> PMD_SHIFT */
	u64 space_stamp;
	struct tlb_entry *tlb;
	u64 tlb_hash, flush_hash; /* of the space */
	u64 need;		  /* bits of an entry that allows the access */
	u32 cost[2];		  /* local, remote */
	unsigned int node, asid;
	u64 line; /* of a table: the last one that a walk read */
};

#define FRAME_NODE_SHIFT 10

struct mmu *mmu_create(struct model *m)
{
	struct quire *q = m->q;
	size_t nr = (q->max_pfn >> FRAME_NODE_SHIFT) + 1;
	size_t tlbs = sizeof(struct mmu) + m->nr_cpus * sizeof(struct cpu_tlb);
	size_t bytes = ALIGN(tlbs + nr, 2UL << 20);
	/* Looked into at random with every touch: one TLB entry of the host. */
	struct mmu *mmu = model_reserve(bytes);

	if (!mmu)
		return NULL;
	(void)madvise(mmu, bytes, MADV_HUGEPAGE);
	keep_mark(mmu, 0, true);
	mmu->bytes = bytes;
	mmu->frame_node = (u8 *)mmu + tlbs;
	for_each_node (q, nid) {
		u64 start = NODE_DATA(q, nid)->node_start_pfn;
		u64 end = start + NODE_DATA(q, nid)->node_spanned_pages;

		for (u64 i = start >> FRAME_NODE_SHIFT; i << FRAME_NODE_SHIFT < end; i++)
			mmu->frame_node[i] = (u8)nid;
	}
	mmu->stamp = 1;
	return mmu;
}

void mmu_destroy(struct mmu *mmu)
{
	if (mmu)
		model_release(mmu, mmu->bytes);
}

static u64 tlb_tag(unsigned int asid, u64 vpn)
{
	return vpn << 3 | (asid + 1);
}

static unsigned int flush_slot(const struct mm_struct *mm, u64 vpn)
{
	return (unsigned int)(vpn + mm->context_id * FLUSH_FACTOR) % FLUSH_SLOTS;
}

static unsigned int huge_flush_slot(const struct mm_struct *mm, u64 vpn)
{
	return (unsigned int)((vpn >> HUGE_SHIFT) + mm->context_id * FLUSH_FACTOR) %
	       HUGE_FLUSH_SLOTS;
}

/* CPUs other than this one on which the space is the one that is loaded. */
static unsigned int cpus_that_run(const struct model *m, const struct mm_struct *mm)
{
	unsigned int here = m->hot.current->cpu, n = 0;

	if (mm->mm_users < 2) /* one task: wherever it was, it is here */
		return 0;
	for (unsigned int cpu = 0; cpu < m->nr_cpus; cpu++) {
		const struct cpu_tlb *t = &m->mmu->cpu[cpu];

		n += cpu != here && m->cpu[cpu].busy && t->space[t->loaded] == mm->context_id;
	}
	return n;
}

void mmu_flush(struct model *m, struct mm_struct *mm, u64 start, u64 end)
{
	struct mmu *mmu = m->mmu;
	unsigned int others;
	u64 stamp;

	if (!mmu || end <= start)
		return;
	stamp = ++mmu->stamp;
	others = cpus_that_run(m, mm);
	mmu->stats.flushes++;
	mmu->stats.shootdowns += others;
	mmu->stats.remote_flushes += others != 0;
	hot_charge(&m->hot, m->q->cost.flush + others * m->q->cost.shootdown);
	if (PAGE_ALIGN(end) - (start & PAGE_MASK) > FLUSH_CEILING * PAGE_SIZE) {
		mmu->space[mm->context_id % SPACE_SLOTS] = stamp;
		mmu->stats.full_flushes++;
		return;
	}
	mmu->stats.pages += (PAGE_ALIGN(end) - (start & PAGE_MASK)) >> PAGE_SHIFT;
	for (u64 vpn = start >> PAGE_SHIFT; vpn << PAGE_SHIFT < end; vpn++) {
		mmu->flush[flush_slot(mm, vpn)] = stamp;
		mmu->flush_huge[huge_flush_slot(mm, vpn)] = stamp;
	}
}

/* The frame that an entry maps for addr. */
static inline u64 mapped_pfn(pte_t pte, const struct huge_entry *huge, u64 addr)
{
	return pte_pfn(pte) + (unlikely(huge->entry != NULL) ? addr >> PAGE_SHIFT & huge->mask : 0);
}

/* The table of level 1 for addr, or NULL; *huge is the entry of a huge page. */
static pte_t *walk_to_leaf(const struct quire *q, const struct mm_struct *mm, u64 addr,
			   struct huge_entry *huge)
{
	u64 pfn = mm->pgd_pfn;
	pte_t *pmdp = pmd_offset(q, pfn, addr);

	if (likely(pmdp && pmd_table(*pmdp)))
		return pt_entries(q, pte_pfn(*pmdp));
	for (int level = q->page->pt_levels; level > 1; level--) {
		pte_t *ptep = pt_entries(q, pfn) + pt_index(addr, level);

		if (!(*ptep & _PAGE_PRESENT))
			return NULL;
		if (pmd_leaf(*ptep)) {
			*huge = (struct huge_entry){ptep, BIT(PT_SHIFT(level) - PAGE_SHIFT) - 1};
			return NULL;
		}
		pfn = pte_pfn(*ptep);
	}
	return pt_entries(q, pfn);
}

/* The ASID of a space on a CPU that turns to it.  Linux: choose_new_asid(). */
static unsigned int load_space(struct mmu *mmu, struct cpu_tlb *t, const struct mm_struct *mm)
{
	if (likely(t->space[t->loaded] == mm->context_id))
		return t->loaded;
	mmu->stats.switches++;
	for (unsigned int i = 0; i < NR_ASIDS; i++)
		if (t->space[i] == mm->context_id)
			return t->loaded = i;
	t->loaded = t->next;
	t->next = (t->next + 1) % NR_ASIDS;
	mmu->stats.asid_flushes += t->space[t->loaded] != 0;
	t->space[t->loaded] = mm->context_id;
	t->since[t->loaded] = ++mmu->stamp;
	return t->loaded;
}

/* After anything else may have run: another CPU, other tables, new flushes. */
static void cursor_reload(struct cursor *c)
{
	unsigned int cpu = c->m->hot.current->cpu;

	c->leaf = NULL;
	c->huge.entry = NULL;
	c->line = 0;
	c->asid = load_space(c->mmu, &c->mmu->cpu[cpu], c->mm);
	c->space_stamp = max(c->mmu->space[c->mm->context_id % SPACE_SLOTS],
			     c->mmu->cpu[cpu].since[c->asid]);
	c->tlb = c->mmu->cpu[cpu].entry;
	c->node = c->m->cpu[cpu].node;
	if (lru_gen_enabled(c->q))
		lru_gen_use_mm(&c->mm->lru_gen);
}

/* The processor sets accessed bits of tables, too; only those of level 2 are read. */
static __attribute__((noinline)) void touch_table(const struct cursor *c, u64 addr)
{
	pte_t *pmdp = pt_walk(c->q, c->mm->pgd_pfn, addr, 2);

	if (pmdp && pmd_table(*pmdp) && !pte_young(*pmdp))
		*pmdp |= _PAGE_ACCESSED;
}

static void charge_access(struct cursor *c, u64 pfn, u64 extra)
{
	u64 ns = c->cost[c->mmu->frame_node[pfn >> FRAME_NODE_SHIFT] != c->node] + extra;

	hot_charge(&c->m->hot, ns);
	c->m->user_ns += ns;
}

/* What a walk that ends at an entry costs: q->cost.walk, and for a line of a table from
 * another node what lies between remote and local memory. */
static u64 walk_cost(struct cursor *c, const pte_t *ptep)
{
	u64 line = (u64)(uintptr_t)ptep / 64, pfn;

	if (likely(c->q->nr_nodes == 1) || line == c->line)
		return c->q->cost.walk;
	c->line = line;
	pfn = page_to_pfn(c->q, virt_to_page(c->q, ptep));
	if (c->mmu->frame_node[pfn >> FRAME_NODE_SHIFT] == c->node || c->cost[1] < c->cost[0])
		return c->q->cost.walk;
	return c->q->cost.walk + c->cost[1] - c->cost[0];
}

#ifdef QUIRE_DEBUG
static void check_hit(struct cursor *c, u64 addr, pte_t cached)
{
	struct huge_entry huge = {NULL, 0};
	pte_t *leaf = walk_to_leaf(c->q, c->mm, addr, &huge);
	pte_t now = huge.entry ? *huge.entry : leaf ? leaf[pt_index(addr, 1)] : 0;

	/* A CPU may stand still between an entry and its flush, as on any machine: the
	 * frame is not free before. */
	if (c->q->explore)
		return;
	if (!(now & _PAGE_PRESENT) || mapped_pfn(now, &huge, addr) != pte_pfn(cached) ||
	    (pte_write(cached) && !pte_write(now)))
		quire_panic(c->q,
			    "stale TLB entry: space %lu page 0x%lx was changed without a flush",
			    (unsigned long)c->mm->context_id, (unsigned long)(addr >> PAGE_SHIFT));
}
#else
static void check_hit(struct cursor *c, u64 addr, pte_t cached)
{
	(void)c;
	(void)addr;
	(void)cached;
}
#endif

static u64 written_content(const struct touch *t, u64 vpn)
{
	if (t->kind <= CONTENT_SAME)
		return t->kind ? CONTENT(t->kind, t->seed) : 0;
	if (t->kind == CONTENT_KIND_PATTERN)
		return CONTENT(t->kind, t->seed | (vpn & (BIT(CONTENT_PATTERN_PAGE_BITS) - 1)));
	return CONTENT(t->kind, t->seed + vpn);
}

/* With real bytes: a store writes them all, and a load must find what was stored. */
static __attribute__((noinline)) void access_bytes(struct cursor *c, u64 pfn, u64 vpn, bool write)
{
	u64 content = c->m->hot.content[pfn];
	u8 *bytes = hot_page_bytes(&c->m->hot, pfn);

	if (write)
		content_fill(content, bytes);
	else if (!content_is(content, bytes))
		quire_panic(c->q, "space %lu page 0x%lx: its bytes are not those last written",
			    (unsigned long)c->mm->context_id, (unsigned long)vpn);
}

static struct tlb_entry *huge_slot(const struct cursor *c, u64 vpn)
{
	return &c->tlb[((vpn >> HUGE_SHIFT) ^ (c->mm->context_id * 67)) % TLB_ENTRIES];
}

/* Does an entry of a huge page allow the access?  Then *pfn is its frame. */
static bool hits_huge(struct cursor *c, u64 addr, u64 need, u64 *pfn)
{
	u64 vpn = addr >> PAGE_SHIFT;
	const struct tlb_entry *e = huge_slot(c, vpn);

	if (e->tag != (tlb_tag(c->asid, vpn >> HUGE_SHIFT) | TLB_HUGE) || (e->pte & need) != need ||
	    e->stamp < c->space_stamp || e->stamp < c->mmu->flush_huge[huge_flush_slot(c->mm, vpn)])
		return false;
	*pfn = pte_pfn(e->pte) + (vpn & (HPAGE_PMD_NR - 1));
	check_hit(c, addr, mk_pte(*pfn, e->pte & ~PTE_PFN_MASK));
	return true;
}

/* What was found by a walk is remembered. */
static inline void fill_tlb(struct cursor *c, struct tlb_entry *e, u64 vpn, u64 pfn, pte_t pte)
{
	u64 tag = tlb_tag(c->asid, vpn);

	if (unlikely(c->huge.entry != NULL) && !c->m->fair) {
		e = huge_slot(c, vpn);
		tag = tlb_tag(c->asid, vpn >> HUGE_SHIFT) | TLB_HUGE;
		pfn -= vpn & (HPAGE_PMD_NR - 1);
		c->mmu->any_huge = true;
	}
	*e = (struct tlb_entry){tag, mk_pte(pfn, pte & ~PTE_PFN_MASK), c->mmu->stamp};
}

/* The frame is known: what the access does to it. */
static inline void access_frame(struct cursor *c, u64 pfn, u64 vpn, const struct touch *t)
{
	if (t->write)
		c->m->hot.content[pfn] = written_content(t, vpn);
	if (unlikely(c->m->hot.bytes != NULL))
		access_bytes(c, pfn, vpn, t->write);
	if (unlikely(t->seen != NULL))
		*t->seen = c->m->hot.content[pfn];
}

static inline struct tlb_entry *tlb_slot(const struct cursor *c, u64 vpn)
{
	return &c->tlb[(vpn ^ c->tlb_hash) % TLB_ENTRIES];
}

/* Does the TLB know the page?  Then the access is done. */
static inline bool access_by_tlb(struct cursor *c, u64 addr, const struct touch *t)
{
	u64 vpn = addr >> PAGE_SHIFT, pfn;
	const struct tlb_entry *e = tlb_slot(c, vpn);

	if (e->tag == tlb_tag(c->asid, vpn) && (e->pte & c->need) == c->need &&
	    e->stamp >= c->space_stamp &&
	    e->stamp >= c->mmu->flush[(unsigned int)(vpn + c->flush_hash) % FLUSH_SLOTS]) {
		check_hit(c, addr, e->pte);
		pfn = pte_pfn(e->pte);
	} else if (likely(!c->mmu->any_huge) || !hits_huge(c, addr, c->need, &pfn)) {
		return false;
	}
	charge_access(c, pfn, 0);
	access_frame(c, pfn, vpn, t);
	return true;
}

/* By a walk through the tables; false: a fault is due. */
static inline bool access_by_walk(struct cursor *c, u64 addr, const struct touch *t)
{
	u64 vpn = addr >> PAGE_SHIFT, pfn;
	pte_t *ptep, pte;

	if (c->leaf_tag != addr >> PMD_SHIFT || (!c->leaf && !c->huge.entry)) {
		c->huge.entry = NULL;
		c->leaf = walk_to_leaf(c->q, c->mm, addr, &c->huge);
		c->leaf_tag = addr >> PMD_SHIFT;
		if (!c->leaf && !c->huge.entry)
			return false;
		if (lru_gen_enabled(c->q) && c->leaf)
			touch_table(c, addr);
	}
	ptep = c->leaf ? c->leaf + pt_index(addr, 1) : c->huge.entry;
	pte = *ptep;
	if (!(pte & _PAGE_PRESENT) || (t->write && !pte_write(pte)))
		return false;
	if ((pte & c->need) != c->need)
		*ptep = pte |= c->need;
	pfn = mapped_pfn(pte, &c->huge, addr);
	fill_tlb(c, tlb_slot(c, vpn), vpn, pfn, pte);
	charge_access(c, pfn, walk_cost(c, ptep));
	access_frame(c, pfn, vpn, t);
	return true;
}

/* One access; false: a fault is due. */
static inline bool access_page(struct cursor *c, u64 addr, const struct touch *t)
{
	return access_by_tlb(c, addr, t) || access_by_walk(c, addr, t);
}

/*
 * The fault, and again, until the page is there; false: the task dies.  If nobody else ran
 * meanwhile and nothing was flushed, TLB and CPU are what they were, no table went, and the
 * walk goes on from the one at hand.
 */
static bool access_slow(struct cursor *c, struct task *task, u64 addr, const struct touch *t)
{
	unsigned int flags = FAULT_FLAG_USER | (t->write ? FAULT_FLAG_WRITE : 0);
	u64 began = sched_peek(c->m);
	bool major = false, same;

	do {
		u64 nr_runs = c->m->nr_runs, stamp = c->mmu->stamp;
		unsigned int fault = handle_user_fault(c->q, task, addr, flags);

		if (fault & (VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV))
			return false;
		major |= (fault & VM_FAULT_MAJOR) != 0;
		if (fault & VM_FAULT_OOM) {
			/* Someone is being killed: leave it the time. */
			hot_charge(&c->m->hot, MODEL_QUANTUM_NS);
			sched_yield_cpu(c->m);
		}
		if (fatal_signal_pending(task) || task->mm != c->mm)
			return false;
		same = likely(nr_runs == c->m->nr_runs && stamp == c->mmu->stamp && !c->huge.entry);
		if (!same)
			cursor_reload(c);
	} while (!(same ? access_by_walk(c, addr, t) : access_page(c, addr, t)));
	latency_add(&c->m->latency[major ? LATENCY_MAJOR : LATENCY_MINOR],
		    sched_peek(c->m) - began);
	return true;
}

static inline bool touch_page(struct cursor *c, struct task *task, u64 addr, const struct touch *t)
{
	if (unlikely(!access_page(c, addr, t)) && !access_slow(c, task, addr, t))
		return false;
	if (unlikely(c->m->hot.charged_ns >= c->m->slice_ns)) {
		sched_yield_cpu(c->m);
		if (fatal_signal_pending(task) || task->mm != c->mm)
			return false;
		if (unlikely(c->q->space->numa.enabled))
			task_numa_tick(c->q, task);
		cursor_reload(c);
	}
	return true;
}

static bool cursor_init(struct cursor *c, struct model *m, struct task *task, const struct touch *t)
{
	if (!task->mm || fatal_signal_pending(task))
		return false;
	*c = (struct cursor){
		.m = m,
		.q = m->q,
		.mmu = m->mmu,
		.mm = task->mm,
		.tlb_hash = task->mm->context_id * 67,
		.flush_hash = task->mm->context_id * FLUSH_FACTOR,
		.need = _PAGE_PRESENT | _PAGE_ACCESSED | (t->write ? _PAGE_RW | _PAGE_DIRTY : 0),
		.cost = {m->q->cfg.local_ns + t->work_ns, m->q->cfg.remote_ns + t->work_ns},
	};
	cursor_reload(c);
	return true;
}

unsigned long mmu_touch(struct model *m, struct task *task, const struct touch *t)
{
	u64 addr = t->addr & PAGE_MASK, step = (t->stride ? t->stride : 1) << PAGE_SHIFT;
	unsigned long n = 0;
	struct cursor c;

	if (!cursor_init(&c, m, task, t))
		return 0;
	for (; n < t->nr_pages; n++, addr += step)
		if (!touch_page(&c, task, addr, t))
			break;
	return n;
}

unsigned long mmu_touch_random(struct model *m, struct task *task, const struct touch *t,
			       unsigned long n, struct prng *rng)
{
	unsigned long done = 0;
	struct cursor c;

	if (!t->nr_pages || !cursor_init(&c, m, task, t))
		return 0;
	for (; done < n; done++) {
		u64 page = prng_below(rng, t->nr_pages) * (t->stride ? t->stride : 1);

		if (!touch_page(&c, task, (t->addr & PAGE_MASK) + (page << PAGE_SHIFT), t))
			break;
	}
	return done;
}

const struct model_tlb_stats *model_tlb_stats(const struct model *m)
{
	return &m->mmu->stats;
}

bool mmu_peek(struct model *m, struct task *task, u64 addr, u64 *content)
{
	struct huge_entry huge = {NULL, 0};
	pte_t *leaf, pte;

	if (!task->mm)
		return false;
	leaf = walk_to_leaf(m->q, task->mm, addr, &huge);
	if (!leaf && !huge.entry)
		return false;
	pte = huge.entry ? *huge.entry : leaf[pt_index(addr, 1)];
	if (!(pte & _PAGE_PRESENT))
		return false;
	*content = m->hot.content[mapped_pfn(pte, &huge, addr)];
	return true;
}
