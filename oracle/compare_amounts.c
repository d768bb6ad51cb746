/* SPDX-License-Identifier: MIT */
/*
 * Amounts at each snapshot, within a tolerance of the kernel's number.
 *
 * Amounts (pages in use) are compared as they stand; counts of events from the
 * first snapshot on, since what happened before is the kernel's own boot.
 *
 * Below a floor a percentage says nothing, and a difference of no more than the
 * floor agrees.  The floors are the grain of the machinery that counts:
 *   free pages	      64	a CPU's list is filled and drained by its batch, 63
 *   other amounts    32	the kernel's own runs differ by 17 to 23 pages on an
 *				idle machine (nr_anon_pages, nr_mapped, nr_mlock)
 *   page tables       4	one a level of one process
 *   scanned, stolen, swapped, refaulted, activated
 *		      96	reclaim works in batches of SWAP_CLUSTER_MAX = 32; three
 *				of them, which is also below what the kernel's own
 *				seeds are compared by (100)
 *   faults	      32	what the program that takes snapshots causes itself
 *   kswapd's share	when less than 960 pages (ten times that) were reclaimed on
 *			either side, one wake-up decides it: not judged
 *   huge pages	       0	"exact or within 5 %"
 *
 * Resident and swapped pages of a process must be exact.  When a process died a
 * round earlier or later, the others have touched that much less or more: this
 * difference, known from the script, is taken off if it is within the 2 % that
 * rounds may differ.
 */
#include "oracle/compare.h"
#include "oracle/derive.h"

#include <stdlib.h>
#include <string.h>

#define SHARE_FLOOR 960

struct amount {
	const char *name;
	const char *keys[4]; /* their sum */
	bool since_first;
	unsigned int percent, floor;
	bool judged;
};

static const struct amount amounts[] = {
	{"free pages", {"nr_free_pages"}, false, 2, 64, true},
	{"anonymous pages", {"nr_anon_pages"}, false, 2, 32, true},
	{"file pages", {"nr_file_pages"}, false, 2, 32, true},
	{"page-table pages", {"nr_page_table_pages"}, false, 2, 4, true},
	{"pgfault", {"pgfault"}, true, 1, 32, true},
	{"pswpout", {"pswpout"}, true, 5, 96, true},
	{"pgsteal", {"pgsteal_kswapd", "pgsteal_direct", "pgsteal_khugepaged"}, true, 5, 96, true},
	{"pgscan", {"pgscan_kswapd", "pgscan_direct", "pgscan_khugepaged"}, true, 15, 96, true},
	{"refaults anon", {"workingset_refault_anon"}, true, 5, 96, true},
	{"refaults file", {"workingset_refault_file"}, true, 5, 96, true},
	{"activations file", {"workingset_activate_file"}, true, 5, 96, true},
	{"THP in use", {"nr_anon_transparent_hugepages"}, false, 5, 0, true},
	{"THP shmem", {"nr_shmem_hugepages"}, false, 5, 0, true},
	{"thp_fault_alloc", {"thp_fault_alloc"}, true, 5, 0, true},
	{"thp_fault_fallback", {"thp_fault_fallback"}, true, 5, 0, true},
	{"thp_collapse_alloc", {"thp_collapse_alloc"}, true, 5, 0, true},
	{"thp_split_page", {"thp_split_page"}, true, 5, 0, true},
	{"thp_split_pmd", {"thp_split_pmd"}, true, 5, 0, true},
	{"thp_zero_page_alloc", {"thp_zero_page_alloc"}, true, 5, 0, true},
	{"thp_swpout", {"thp_swpout"}, true, 5, 0, true},
	{"htlb_buddy_alloc_success", {"htlb_buddy_alloc_success"}, true, 5, 0, true},
	{"htlb_buddy_alloc_fail", {"htlb_buddy_alloc_fail"}, true, 5, 0, false},
	/* not judged, but it shows where a difference comes from */
	{"nr_inactive_anon", {"nr_inactive_anon"}, false, 2, 32, false},
	{"nr_active_anon", {"nr_active_anon"}, false, 2, 32, false},
	{"nr_inactive_file", {"nr_inactive_file"}, false, 2, 32, false},
	{"nr_active_file", {"nr_active_file"}, false, 2, 32, false},
	{"nr_unevictable", {"nr_unevictable"}, false, 2, 32, false},
	{"nr_mapped", {"nr_mapped"}, false, 2, 32, false},
	{"nr_shmem", {"nr_shmem"}, false, 2, 32, false},
	{"nr_slab_reclaimable", {"nr_slab_reclaimable"}, false, 2, 32, false},
	{"nr_slab_unreclaimable", {"nr_slab_unreclaimable"}, false, 2, 32, false},
	{"nr_kernel_stack", {"nr_kernel_stack"}, false, 2, 32, false},
	{"nr_swapcached", {"nr_swapcached"}, false, 2, 32, false},
	{"nr_dirty", {"nr_dirty"}, false, 2, 32, false},
	{"nr_writeback", {"nr_writeback"}, false, 2, 32, false},
	{"nr_zspages", {"nr_zspages"}, false, 2, 32, false},
	{"workingset_nodes", {"workingset_nodes"}, false, 2, 32, false},
	{"pgmajfault", {"pgmajfault"}, true, 1, 32, false},
	{"pswpin", {"pswpin"}, true, 5, 96, false},
	{"zswpout", {"zswpout"}, true, 5, 96, false},
	{"zswpin", {"zswpin"}, true, 5, 96, false},
	{"swap_ra", {"swap_ra"}, true, 5, 96, false},
	{"swap_ra_hit", {"swap_ra_hit"}, true, 5, 96, false},
	{"pgscan_kswapd", {"pgscan_kswapd"}, true, 15, 96, false},
	{"pgscan_direct", {"pgscan_direct"}, true, 15, 96, false},
	{"pgscan_anon", {"pgscan_anon"}, true, 15, 96, false},
	{"pgscan_file", {"pgscan_file"}, true, 15, 96, false},
	{"pgsteal_kswapd", {"pgsteal_kswapd"}, true, 5, 96, false},
	{"pgsteal_direct", {"pgsteal_direct"}, true, 5, 96, false},
	{"pgsteal_anon", {"pgsteal_anon"}, true, 5, 96, false},
	{"pgsteal_file", {"pgsteal_file"}, true, 5, 96, false},
	{"pgrefill", {"pgrefill"}, true, 5, 96, false},
	{"pgactivate", {"pgactivate"}, true, 5, 96, false},
	{"pgdeactivate", {"pgdeactivate"}, true, 5, 96, false},
	{"pgrotated", {"pgrotated"}, true, 5, 96, false},
	{"workingset_activate_anon", {"workingset_activate_anon"}, true, 5, 96, false},
	{"workingset_restore_file", {"workingset_restore_file"}, true, 5, 96, false},
	{"nr_dirtied", {"nr_dirtied"}, true, 5, 96, false},
	{"nr_written", {"nr_written"}, true, 5, 96, false},
	{"pgpgin", {"pgpgin"}, true, 5, 384, false},
	{"pgpgout", {"pgpgout"}, true, 5, 384, false},
	{"allocstall", {"allocstall_normal", "allocstall_movable"}, true, 15, 16, false},
	{"pageoutrun", {"pageoutrun"}, true, 15, 4, false},
	{"slabs_scanned", {"slabs_scanned"}, true, 15, 96, false},
	{"compact_stall", {"compact_stall"}, true, 15, 4, false},
	{"compact_success", {"compact_success"}, true, 15, 4, false},
	{"compact_migrate_scanned", {"compact_migrate_scanned"}, true, 15, 96, false},
	{"pgmigrate_success", {"pgmigrate_success"}, true, 15, 96, false},
	{"numa_hit", {"numa_hit"}, true, 2, 96, false},
	{"numa_miss", {"numa_miss"}, true, 2, 96, false},
};

/* The value at a snapshot, by the sum of what is there. */
static bool amount_at(const struct oracle_snap *s, const struct oracle_snap *first,
		      const struct amount *a, s64 *v)
{
	bool any = false;

	*v = 0;
	for (size_t i = 0; s && i < ARRAY_SIZE(a->keys) && a->keys[i]; i++) {
		u64 now, then = 0;

		if (!oracle_vmstat(s, a->keys[i], &now))
			continue;
		if (a->since_first && first)
			oracle_vmstat(first, a->keys[i], &then);
		*v += (s64)now - (s64)then;
		any = true;
	}
	return any;
}

static s64 distance(s64 a, s64 b)
{
	return a > b ? a - b : b - a;
}

/* The kernel's own span, where all its runs took this snapshot once. */
static bool own_range(struct compare *c, const char *counter, s64 *low, s64 *high)
{
	return !c->ks->occurrence && oracle_variance_find(c->v, c->ks->label, counter, low, high);
}

/* A row of two numbers; `raw` is the model's as it stands, model the one that is
 * judged.  The bar is the larger of percent and floor. */
static void compare_number(struct compare *c, const struct amount *a, const char *counter, s64 k,
			   bool has_model, s64 raw, s64 model, s64 scale)
{
	char kernel[32], text[32] = "", difference[24] = "", bar[40] = "";
	enum oracle_verdict verdict = ORACLE_MISSING;
	s64 room = distance(k, 0) * a->percent / 100, low, high;
	bool range = own_range(c, counter, &low, &high);
	struct oracle_row *row;

	snprintf(kernel, sizeof(kernel), "%lld", (long long)k);
	room = room > (s64)a->floor ? room : (s64)a->floor;
	if (a->percent)
		snprintf(bar, sizeof(bar), "%u %%", a->percent);
	if (has_model) {
		snprintf(text, sizeof(text), "%lld", (long long)raw);
		if (k && model != k)
			snprintf(difference, sizeof(difference), "%+.1f %%",
				 100.0 * (double)(model - k) / (double)distance(k, 0));
		else if (model != k)
			snprintf(difference, sizeof(difference), "%+lld", (long long)(model - k));
		if (!a->percent && model != k)
			snprintf(difference, sizeof(difference), "%+lld", (long long)(model - k));
		verdict = distance(model, k) <= room ? ORACLE_AGREES : ORACLE_DIFFERS;
		if (verdict == ORACLE_DIFFERS && range && raw * scale >= low && raw * scale <= high)
			verdict = ORACLE_AGREES_RANGE;
	}
	if (range && verdict != ORACLE_AGREES)
		snprintf(bar, sizeof(bar), "%u %% or %lld..%lld", a->percent,
			 (long long)(low / scale), (long long)(high / scale));
	row = compare_row(c, a->judged ? ORACLE_AMOUNTS : ORACLE_MORE, a->name, kernel, text,
			  difference, bar, a->judged ? verdict : ORACLE_NOT_JUDGED);
	if (row && has_model)
		row->off = (double)distance(model, k) / (double)(room ? room : 1);
}

static void compare_vmstat(struct compare *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
		const struct amount *a = &amounts[i];
		const char *counter = a->keys[1] ? a->name : a->keys[0];
		bool has;
		s64 k, m;

		if (!amount_at(c->ks, c->k0, a, &k))
			continue;
		has = amount_at(c->ms, c->m0, a, &m);
		if (k == 0 && (!has || m == 0))
			continue;
		/* what a first snapshot counts from itself is 0 */
		compare_number(c, a, counter, k, has, m, m, 1);
	}
}

/* ---- who reclaims ------------------------------------------------------------ */

static bool share(const struct oracle_snap *s, const struct oracle_snap *first, double *percent)
{
	static const struct amount kswapd = {"", {"pgsteal_kswapd"}, true, 0, 0, false};
	static const struct amount direct = {"", {"pgsteal_direct"}, true, 0, 0, false};
	s64 a, b;

	if (!amount_at(s, first, &kswapd, &a) || !amount_at(s, first, &direct, &b) ||
	    a + b < SHARE_FLOOR)
		return false;
	*percent = 100.0 * (double)a / (double)(a + b);
	return true;
}

static void compare_share(struct compare *c)
{
	enum oracle_verdict verdict;
	double k, m;
	char kernel[24], model[24], difference[24], bar[40] = "15 points";
	s64 kl, kh, dl, dh;
	struct oracle_row *row;

	if (!share(c->ks, c->k0, &k) || !share(c->ms, c->m0, &m))
		return;
	verdict = m - k <= 15 && k - m <= 15 ? ORACLE_AGREES : ORACLE_DIFFERS;
	if (own_range(c, "pgsteal_kswapd", &kl, &kh) && own_range(c, "pgsteal_direct", &dl, &dh) &&
	    kl >= 0 && dl >= 0 && kl + dh > 0 && kh + dl > 0) {
		double low = 100.0 * (double)kl / (double)(kl + dh);
		double high = 100.0 * (double)kh / (double)(kh + dl);

		if (verdict == ORACLE_DIFFERS) {
			snprintf(bar, sizeof(bar), "15 points or %.0f..%.0f", low, high);
			if (m >= low && m <= high)
				verdict = ORACLE_AGREES_RANGE;
		}
	}
	snprintf(kernel, sizeof(kernel), "%.1f %%", k);
	snprintf(model, sizeof(model), "%.1f %%", m);
	snprintf(difference, sizeof(difference), "%+.1f points", m - k);
	row = compare_row(c, ORACLE_AMOUNTS, "kswapd's share of pgsteal", kernel, model, difference,
			  bar, verdict);
	if (row)
		row->off = (m > k ? m - k : k - m) / 15;
}

/* ---- free pages wherever they are ------------------------------------------------ */

static bool free_everywhere(const struct oracle_snap *s, u64 *pages)
{
	struct oracle_zone *zones = calloc(ORACLE_ZONES_MAX, sizeof(*zones));
	size_t nr = zones && s ? oracle_zones(s, zones, ORACLE_ZONES_MAX) : 0;

	*pages = 0;
	for (size_t i = 0; i < nr; i++)
		*pages += zones[i].free + zones[i].pcp_count;
	free(zones);
	return nr > 0;
}

/* Not judged: after an exit, how many of the freed pages are on a CPU's list and
 * how many went on to the buddy lists swings by the list's whole length. */
static void compare_free(struct compare *c)
{
	static const struct amount a = {.name = "free and on CPUs' lists", .percent = 2};
	u64 k, m = 0;
	bool has;

	if (!free_everywhere(c->ks, &k))
		return;
	has = free_everywhere(c->ms, &m);
	compare_number(c, &a, a.name, (s64)k, has, (s64)m, (s64)m, 1);
}

/* ---- processes ---------------------------------------------------------------- */

static bool resident(const struct oracle_proc *p, s64 *pages)
{
	s64 rss, swap = 0;

	if (!p || !oracle_proc_value(p, "smaps.Rss", &rss))
		return false;
	oracle_proc_value(p, "smaps.Swap", &swap);
	*pages = (rss + swap) / 4;
	return true;
}

static void compare_procs(struct compare *c)
{
	for (size_t i = 0; i < c->ks->nr_procs; i++) {
		const struct oracle_proc *kp = &c->ks->procs[i];
		const struct oracle_proc *mp = c->ms ? oracle_proc_find(c->ms, kp->name) : NULL;
		char name[48], counter[48];
		struct amount a = {.name = name, .judged = true};
		s64 k, m = 0, model, touched, room;
		bool has;

		if (!resident(kp, &k))
			continue;
		snprintf(name, sizeof(name), "%.20s resident+swapped", kp->name);
		snprintf(counter, sizeof(counter), "%.20s.rss+swap", kp->name);
		has = resident(mp, &m);
		model = m;
		if (has) {
			touched = (s64)mp->touched - (s64)kp->touched;
			room = (s64)kp->touched / 50;
			if (touched >= -room && touched <= room)
				model -= touched;
		}
		compare_number(c, &a, counter, k, has, m, model, 4);
	}
}

/* ---- pools of huge pages ------------------------------------------------------- */

static void compare_pools(struct compare *c)
{
	static const char *const fields[] = {"nr_hugepages", "free_hugepages", "resv_hugepages",
					     "surplus_hugepages"};

	for (size_t i = 0; i < c->ks->nr_files; i++) {
		const char *path = c->ks->files[i].path, *size = strstr(path, "/hugepages-");
		const char *node = strstr(path, "/node/node"), *text;

		if (!size)
			continue;
		text = c->ms ? oracle_file_text(c->ms, path) : NULL;
		for (size_t f = 0; f < ARRAY_SIZE(fields); f++) {
			char name[48];
			struct amount a = {.name = name, .percent = 5, .judged = true};
			u64 k, m = 0;
			bool has;

			if (!oracle_field(c->ks->files[i].text, fields[f], &k))
				continue;
			has = text && oracle_field(text, fields[f], &m);
			if (!k && (!has || !m))
				continue;
			if (node)
				snprintf(name, sizeof(name), "%s %.*s node %.*s", fields[f],
					 (int)strcspn(size + 11, "/") & 15, size + 11,
					 (int)strcspn(node + 10, "/") & 7, node + 10);
			else
				snprintf(name, sizeof(name), "%s %.*s", fields[f],
					 (int)strcspn(size + 11, "/") & 15, size + 11);
			compare_number(c, &a, name, (s64)k, has, (s64)m, (s64)m, 1);
		}
	}
}

void compare_amounts(struct compare *c)
{
	compare_vmstat(c);
	compare_free(c);
	compare_share(c);
	compare_procs(c);
	compare_pools(c);
}
