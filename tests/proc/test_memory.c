/* SPDX-License-Identifier: MIT */
/*
 * meminfo, vmstat, zoneinfo, buddyinfo, pagetypeinfo, extfrag and slabinfo: the names
 * are those of the recorded kernel, the numbers those of the state, and the
 * files agree with each other.
 */
#include "tests/proc/proc_test.h"

static const char meminfo_names[] =
	"MemTotal MemFree MemAvailable Buffers Cached SwapCached Active Inactive Active(anon) "
	"Inactive(anon) Active(file) Inactive(file) Unevictable Mlocked SwapTotal SwapFree Zswap "
	"Zswapped Dirty Writeback AnonPages Mapped Shmem KReclaimable Slab SReclaimable SUnreclaim "
	"KernelStack PageTables SecPageTables NFS_Unstable Bounce WritebackTmp CommitLimit "
	"Committed_AS VmallocTotal VmallocUsed VmallocChunk Percpu HardwareCorrupted AnonHugePages "
	"ShmemHugePages ShmemPmdMapped FileHugePages FilePmdMapped HugePages_Total HugePages_Free "
	"HugePages_Rsvd HugePages_Surp Hugepagesize Hugetlb DirectMap4k DirectMap2M DirectMap1G";

static const char node_meminfo_names[] =
	"MemTotal MemFree MemUsed SwapCached Active Inactive Active(anon) Inactive(anon) "
	"Active(file) Inactive(file) Unevictable Mlocked Dirty Writeback FilePages Mapped "
	"AnonPages "
	"Shmem KernelStack PageTables SecPageTables NFS_Unstable Bounce WritebackTmp KReclaimable "
	"Slab SReclaimable SUnreclaim AnonHugePages ShmemHugePages ShmemPmdMapped FileHugePages "
	"FilePmdMapped HugePages_Total HugePages_Free HugePages_Surp";

static const char vmstat_names[] =
	"nr_free_pages nr_zone_inactive_anon nr_zone_active_anon nr_zone_inactive_file "
	"nr_zone_active_file nr_zone_unevictable nr_zone_write_pending nr_mlock nr_bounce "
	"nr_zspages nr_free_cma numa_hit numa_miss numa_foreign numa_interleave numa_local "
	"numa_other nr_inactive_anon nr_active_anon nr_inactive_file nr_active_file "
	"nr_unevictable nr_slab_reclaimable nr_slab_unreclaimable nr_isolated_anon "
	"nr_isolated_file workingset_nodes workingset_refault_anon workingset_refault_file "
	"workingset_activate_anon workingset_activate_file workingset_restore_anon "
	"workingset_restore_file workingset_nodereclaim nr_anon_pages nr_mapped nr_file_pages "
	"nr_dirty nr_writeback nr_writeback_temp nr_shmem nr_shmem_hugepages "
	"nr_shmem_pmdmapped nr_file_hugepages nr_file_pmdmapped nr_anon_transparent_hugepages "
	"nr_vmscan_write nr_vmscan_immediate_reclaim nr_dirtied nr_written "
	"nr_throttled_written nr_kernel_misc_reclaimable nr_foll_pin_acquired "
	"nr_foll_pin_released nr_kernel_stack nr_page_table_pages nr_sec_page_table_pages "
	"nr_swapcached pgpromote_success pgpromote_candidate nr_dirty_threshold "
	"nr_dirty_background_threshold pgpgin pgpgout pswpin pswpout pgalloc_dma pgalloc_dma32 "
	"pgalloc_normal pgalloc_movable pgalloc_device allocstall_dma allocstall_dma32 "
	"allocstall_normal allocstall_movable allocstall_device pgskip_dma pgskip_dma32 "
	"pgskip_normal pgskip_movable pgskip_device pgfree pgactivate pgdeactivate pglazyfree "
	"pgfault pgmajfault pglazyfreed pgrefill pgreuse pgsteal_kswapd pgsteal_direct "
	"pgdemote_kswapd pgdemote_direct pgscan_kswapd pgscan_direct pgscan_direct_throttle "
	"pgscan_anon pgscan_file pgsteal_anon pgsteal_file zone_reclaim_failed pginodesteal "
	"slabs_scanned kswapd_inodesteal kswapd_low_wmark_hit_quickly "
	"kswapd_high_wmark_hit_quickly pageoutrun pgrotated drop_pagecache drop_slab oom_kill "
	"numa_pte_updates numa_huge_pte_updates numa_hint_faults numa_hint_faults_local "
	"numa_pages_migrated pgmigrate_success pgmigrate_fail thp_migration_success "
	"thp_migration_fail thp_migration_split compact_migrate_scanned compact_free_scanned "
	"compact_isolated compact_stall compact_fail compact_success compact_daemon_wake "
	"compact_daemon_migrate_scanned compact_daemon_free_scanned htlb_buddy_alloc_success "
	"htlb_buddy_alloc_fail unevictable_pgs_culled unevictable_pgs_scanned "
	"unevictable_pgs_rescued unevictable_pgs_mlocked unevictable_pgs_munlocked "
	"unevictable_pgs_cleared unevictable_pgs_stranded thp_fault_alloc thp_fault_fallback "
	"thp_fault_fallback_charge thp_collapse_alloc thp_collapse_alloc_failed thp_file_alloc "
	"thp_file_fallback thp_file_fallback_charge thp_file_mapped thp_split_page "
	"thp_split_page_failed thp_deferred_split_page thp_split_pmd thp_scan_exceed_none_pte "
	"thp_scan_exceed_swap_pte thp_scan_exceed_share_pte thp_split_pud thp_zero_page_alloc "
	"thp_zero_page_alloc_failed thp_swpout thp_swpout_fallback balloon_inflate "
	"balloon_deflate balloon_migrate swap_ra swap_ra_hit ksm_swpin_copy cow_ksm zswpin "
	"zswpout direct_map_level2_splits direct_map_level3_splits nr_unstable";

static const struct testbox_config two_nodes = {
	.nr_nodes = 2, .node_mb = {256, 512}, .cpus = 2, .disk = true, .swap_mb = 64};

/* Some of everything: anonymous pages, cache, dirty pages, shared memory. */
static void use_memory(struct testbox *t)
{
	struct inode *inode = new_inode(t->q, t->sb, 8 * MB, false);
	struct touch touch = {
		.nr_pages = 4 * MB_PAGES, .stride = 1, .write = true, .kind = CONTENT_KIND_HEAP};
	struct file *file = alloc_file(t->q, inode, true);

	touch.addr = do_mmap(t->q, t->task->mm, 0, 4 * MB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	assert_int_equal(mmu_touch(t->m, t->task, &touch), 4 * MB_PAGES);
	touch.addr = do_mmap(t->q, t->task->mm, 0, 4 * MB, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	assert_int_equal(mmu_touch(t->m, t->task, &touch), 4 * MB_PAGES);
	assert_int_equal(generic_file_read(t->q, file, 0, 8 * MB), 8 * MB);
	assert_int_equal(generic_file_write(t->q, file, 0, 1 * MB), 1 * MB);
	fput(t->q, file);
	iput(t->q, inode);
}

static unsigned long kb(unsigned long pages)
{
	return pages * 4;
}

static void meminfo_inside(struct testbox *t, __unused void *arg)
{
	struct quire *q = t->q;
	char *text;

	use_memory(t);
	lru_add_drain_all(q);
	text = slurp(q, "/proc/meminfo");
	assert_names(text, meminfo_names);
	assert_int_equal(field(text, "MemTotal"), kb(q->node->totalram_pages));
	assert_int_equal(field(text, "MemFree"), kb(global_zone_page_state(q, NR_FREE_PAGES)));
	assert_int_equal(field(text, "MemAvailable"), kb((unsigned long)si_mem_available(q)));
	assert_int_equal(field(text, "AnonPages"), kb(global_node_page_state(q, NR_ANON_MAPPED)));
	assert_true(field(text, "AnonPages") >= 4096);
	assert_int_equal(field(text, "Shmem"), 4096);
	assert_true(field(text, "Cached") >= 8192 + 4096);
	assert_true(field(text, "Dirty") + field(text, "Writeback") >= 1024);
	assert_int_equal(field(text, "Active"),
			 field(text, "Active(anon)") + field(text, "Active(file)"));
	assert_int_equal(field(text, "Inactive"),
			 field(text, "Inactive(anon)") + field(text, "Inactive(file)"));
	assert_int_equal(field(text, "Slab"),
			 field(text, "SReclaimable") + field(text, "SUnreclaim"));
	assert_int_equal(field(text, "SwapTotal"), kb(q->swap->total_swap_pages));
	assert_int_equal(field(text, "CommitLimit"), kb(vm_commit_limit(q)));
	assert_int_equal(field(text, "VmallocTotal"), 34359738367UL);
	/* Each line is 28 characters wide, but those without a unit. */
	for (char *p = text; *p; p = strchr(p, '\n') + 1) {
		size_t len = strcspn(p, "\n");

		if (!strncmp(p, "HugePages_", 10))
			assert_true(p[len - 1] == '0' && len == 24);
		else if (strncmp(p, "VmallocTotal", 12))
			assert_true(len == 27 && !strncmp(p + len - 3, " kB", 3));
	}
	free(text);
}

static void node_meminfo_inside(struct testbox *t, __unused void *arg)
{
	static const char *const sums[] = {"MemTotal",	 "MemFree", "AnonPages", "Shmem",
					   "PageTables", "Slab",    "Mapped",	 "KernelStack"};
	unsigned long sum[ARRAY_SIZE(sums)] = {0};
	char *machine;

	use_memory(t);
	for (unsigned int nid = 0; nid < 2; nid++) {
		char path[64], prefix[16], *text, *lines, *out;
		size_t n;

		sprintf(path, "/sys/devices/system/node/node%u/meminfo", nid);
		n = (size_t)sprintf(prefix, "Node %u ", nid);
		text = slurp(t->q, path);
		lines = out = calloc(1, strlen(text) + 1);
		for (char *p = text; *p; p = strchr(p, '\n') + 1) {
			size_t len = strcspn(p, "\n") + 1;

			assert_memory_equal(p, prefix, n);
			memcpy(out, p + n, len - n);
			out += len - n;
		}
		assert_names(lines, node_meminfo_names);
		for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
			sum[i] += field(lines, sums[i]);
		assert_int_equal(field(lines, "MemUsed"),
				 field(lines, "MemTotal") - field(lines, "MemFree"));
		free(lines);
		free(text);
	}
	machine = slurp(t->q, "/proc/meminfo");
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		assert_int_equal(sum[i], field(machine, sums[i]));
	free(machine);
}

static void vmstat_inside(struct testbox *t, __unused void *arg)
{
	struct quire *q = t->q;
	char *text;

	use_memory(t);
	text = slurp(q, "/proc/vmstat");
	assert_names(text, vmstat_names);
	assert_int_equal(field(text, "nr_free_pages"), global_zone_page_state(q, NR_FREE_PAGES));
	assert_int_equal(field(text, "pgfault"), global_vm_event(q, PGFAULT));
	assert_true(field(text, "pgfault") >= 8 * MB_PAGES);
	assert_int_equal(field(text, "pgpgin"), global_vm_event(q, PGPGIN) / 2);
	assert_true(field(text, "pgpgin") >= 8192);
	assert_int_equal(field(text, "nr_shmem"), 4 * MB_PAGES);
	free(text);
}

/* zoneinfo, buddyinfo and pagetypeinfo tell the same story. */
static void zones_inside(struct testbox *t, __unused void *arg)
{
	char *buddy = slurp(t->q, "/proc/buddyinfo"), *types = slurp(t->q, "/proc/pagetypeinfo");
	char *zones = slurp(t->q, "/proc/zoneinfo");
	char *z = zones;
	unsigned int lines = 0, n;

	for (char *p = buddy; *p; p = strchr(p, '\n') + 1, lines++) {
		unsigned long blocks[11], sum[11] = {0}, free_pages = 0, shown;
		unsigned int nid;
		char name[16], key[64], *q;

		assert_int_equal(
			sscanf(p, "Node %u, zone %15s %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu",
			       &nid, name, &blocks[0], &blocks[1], &blocks[2], &blocks[3],
			       &blocks[4], &blocks[5], &blocks[6], &blocks[7], &blocks[8],
			       &blocks[9], &blocks[10]),
			13);
		assert_int_equal(strcspn(p, "\n"), 22 + 11 * 7);
		for (n = 0; n < 11; n++)
			free_pages += blocks[n] << n;
		snprintf(key, sizeof(key), "Node %u, zone %8s\n", nid, name);
		z = strstr(zones, key);
		assert_non_null(z);
		z = strstr(z, "pages free");
		assert_non_null(z);
		shown = strtoul(z + 10, NULL, 10);
		assert_int_equal(shown, free_pages);
		snprintf(key, sizeof(key), "Node %4u, zone %8s, type ", nid, name);
		for (q = strstr(types, key); q; q = strstr(q + 1, key)) {
			char *v = q + strlen(key) + 12;

			for (n = 0; n < 11; n++)
				sum[n] += strtoul(v, &v, 10);
		}
		assert_memory_equal(sum, blocks, sizeof(sum));
	}
	assert_true(lines >= 3);
	/* Five zones a node, populated or not. */
	for (n = 0, z = zones; (z = strstr(z, "Node ")); z++)
		n++;
	assert_int_equal(n, 10);
	free(buddy);
	free(types);
	free(zones);
}

/* One zone's line of a file with a number for each order: where they begin. */
static const char *zone_line(const char *text, unsigned int nid, const char *zone)
{
	char key[32];
	const char *line;

	snprintf(key, sizeof(key), "Node %u, zone %8s ", nid, zone);
	line = strstr(text, key);
	assert_non_null(line);
	return line + strlen(key);
}

struct extfrag_seen {
	unsigned int enough, pieces, want, partly; /* of lines and orders */
};

/* Both indices, worked out from what buddyinfo shows. */
static void check_extfrag(struct quire *q, struct extfrag_seen *seen)
{
	char *buddy = slurp(q, "/proc/buddyinfo");
	char *index = slurp(q, "/sys/kernel/debug/extfrag/extfrag_index");
	char *unusable = slurp(q, "/sys/kernel/debug/extfrag/unusable_index");

	for (const char *p = buddy; *p; p = strchr(p, '\n') + 1) {
		unsigned long blocks[11], pages = 0, total = 0, usable = 0;
		char zone[16], expect[2][200] = {"", ""}, *end;
		unsigned int nid, order;

		assert_int_equal(sscanf(p, "Node %u, zone %15s ", &nid, zone), 2);
		end = (char *)(uintptr_t)zone_line(buddy, nid, zone);
		for (order = 0; order < 11; order++) {
			blocks[order] = strtoul(end, &end, 10);
			pages += blocks[order] << order;
			total += blocks[order];
		}
		for (order = 11; order-- > 0;) {
			char was[2][200];
			long i = 0, u = 1000;

			usable += blocks[order] << order;
			if (usable)
				i = -1000;
			else if (total)
				i = 1000 - (long)((1000 + pages * 1000 / (1UL << order)) / total);
			if (pages)
				u = (long)((pages - usable) * 1000 / pages);
			seen->enough += i < 0;
			seen->pieces += i > 500;
			seen->want += i >= 0 && i <= 500;
			seen->partly += u > 0 && u < 1000;
			memcpy(was, expect, sizeof(was));
			snprintf(expect[0], sizeof(expect[0]), "%2ld.%03ld %.150s", i / 1000,
				 i < 0 ? 0 : i % 1000, was[0]);
			snprintf(expect[1], sizeof(expect[1]), "%ld.%03ld %.150s", u / 1000,
				 u % 1000, was[1]);
		}
		for (unsigned int f = 0; f < 2; f++) {
			const char *line = zone_line(f ? unusable : index, nid, zone);

			if (strncmp(line, expect[f], strcspn(line, "\n")) ||
			    strcspn(line, "\n") != strlen(expect[f]))
				fail_msg("node %u %s: expected %s, found %.100s", nid, zone,
					 expect[f], line);
		}
	}
	free(buddy);
	free(index);
	free(unusable);
}

static void extfrag_inside(struct testbox *t, __unused void *arg)
{
	struct extfrag_seen seen = {0};
	struct page *page, *kept = NULL;
	struct quire *q = t->q;
	unsigned long n = 0;

	check_extfrag(q, &seen);
	use_memory(t);
	check_extfrag(q, &seen);
	assert_true(seen.enough && !seen.pieces);
	/* All of node 0 but its reserve, in single pages; every second one comes back. */
	while ((page = alloc_pages_node(q, 0, GFP_NOWAIT | __GFP_THISNODE | __GFP_NOWARN, 0))) {
		page->private = (unsigned long)kept;
		kept = page;
	}
	drain_all_pages(q, NULL);
	check_extfrag(q, &seen);
	for (page = kept, kept = NULL; page; n++) {
		struct page *next = (struct page *)page->private;

		page->private = n % 2 ? 0 : (unsigned long)kept;
		if (n % 2)
			__free_pages(q, page, 0);
		else
			kept = page;
		page = next;
	}
	drain_all_pages(q, NULL);
	check_extfrag(q, &seen);
	assert_true(n > 1000 && seen.pieces && seen.partly);
	while (kept) {
		page = kept;
		kept = (struct page *)page->private;
		page->private = 0;
		__free_pages(q, page, 0);
	}
	check_extfrag(q, &seen);
}

static void slabinfo_inside(struct testbox *t, __unused void *arg)
{
	char *text = slurp(t->q, "/proc/slabinfo"), *p = strchr(text, '\n') + 1;
	unsigned long caches = 0;

	use_memory(t);
	assert_int_equal(strncmp(text, "slabinfo - version: 2.1\n", 24), 0);
	assert_int_equal(strncmp(p, "# name            <active_objs> <num_objs> <objsize> ", 53),
			 0);
	free(text);
	text = slurp(t->q, "/proc/slabinfo");
	for (p = strchr(strchr(text, '\n') + 1, '\n') + 1; *p; p = strchr(p, '\n') + 1) {
		unsigned long active, num, slabs, num_slabs;
		unsigned int size, per, pages;
		struct slabinfo info;
		char name[64];

		assert_int_equal(
			sscanf(p, "%63s %lu %lu %u %u %u : tunables 0 0 0 : slabdata %lu %lu 0",
			       name, &active, &num, &size, &per, &pages, &slabs, &num_slabs),
			8);
		get_slabinfo(t->q, find_kmem_cache(t->q, name), &info);
		assert_int_equal(size, info.objsize);
		assert_int_equal(per, info.objects_per_slab);
		assert_int_equal(pages, info.pages_per_slab);
		assert_int_equal(num_slabs, info.num_slabs);
		assert_true(active <= num);
		caches++;
	}
	assert_true(caches > 50);
	free(text);
}

static void test_in(void (*fn)(struct testbox *t, void *arg))
{
	testbox_once(&two_nodes, fn);
}

static void test_meminfo(__unused void **state)
{
	test_in(meminfo_inside);
}

static void test_node_meminfo(__unused void **state)
{
	test_in(node_meminfo_inside);
}

static void test_vmstat(__unused void **state)
{
	test_in(vmstat_inside);
}

static void test_zones(__unused void **state)
{
	test_in(zones_inside);
}

static void test_extfrag(__unused void **state)
{
	test_in(extfrag_inside);
}

static void test_slabinfo(__unused void **state)
{
	test_in(slabinfo_inside);
}

static void test_swaps_and_devices(__unused void **state)
{
	struct testbox *t = testbox_new(&two_nodes);
	char *text = slurp(t->q, "/proc/swaps"), name[64];
	unsigned long size, used;
	int prio;

	assert_int_equal(strncmp(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", 39),
			 0);
	assert_int_equal(sscanf(strchr(text, '\n') + 1, "%63s partition %lu %lu %d", name, &size,
				&used, &prio),
			 4);
	assert_int_equal(size, kb(t->q->swap->info[0]->pages));
	assert_int_equal(used, 0);
	free(text);
	assert_int_equal(file_field(t->q, "/proc/stat", "btime"), t->q->cfg.boot_time);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meminfo),	 cmocka_unit_test(test_node_meminfo),
		cmocka_unit_test(test_vmstat),	 cmocka_unit_test(test_zones),
		cmocka_unit_test(test_slabinfo), cmocka_unit_test(test_swaps_and_devices),
		cmocka_unit_test(test_extfrag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
