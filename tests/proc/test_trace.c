/* SPDX-License-Identifier: MIT */
/*
 * /sys/kernel/tracing: switches, what is recorded and how it reads; and the files
 * of the debugging of pages and of contiguous areas.
 */
#include "tests/proc/proc_test.h"
#include "page/debug.h"
#include "page/trace.h"
#include "reclaim/compaction.h"

#define T "/sys/kernel/tracing/"

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void run_kmem(struct testbox *t, void *arg)
{
	struct page *page, *many;
	char *text, line[200];

	(void)arg;
	assert_int_equal(put(t->q, T "buffer_size_kb", "64"), 2);
	assert_int_equal(put(t->q, T "events/kmem/mm_page_alloc/enable", "1\n"), 2);
	assert_int_equal(put(t->q, T "events/kmem/mm_page_free/enable", "1"), 1);
	assert_text(t->q, T "events/kmem/enable", "X\n");
	assert_text(t->q, T "events/kmem/mm_page_free/enable", "1\n");
	assert_text(t->q, T "set_event", "kmem:mm_page_free\nkmem:mm_page_alloc\n");
	assert_int_equal(put(t->q, T "trace", " "), 1);
	page = alloc_pages_node(t->q, 0, GFP_KERNEL | __GFP_COMP, 2);
	__free_pages(t->q, page, 2);
	assert_int_equal(put(t->q, T "tracing_on", "0"), 1);
	many = alloc_pages_node(t->q, 0, GFP_KERNEL, 0);
	__free_pages(t->q, many, 0);
	text = slurp(t->q, T "trace");
	assert_non_null(strstr(text, "# tracer: nop\n#\n# entries-in-buffer/entries-written: 2/2   "
				     "#P:2\n#\n"));
	snprintf(line, sizeof(line), "            test-%-7d [%03u] .....", t->task->pid,
		 smp_processor_id(t->q));
	assert_int_equal(count(text, line), 2);
	snprintf(line, sizeof(line),
		 ": mm_page_alloc: page=%016lx pfn=%#lx order=2 migratetype=0 "
		 "gfp_flags=GFP_KERNEL|__GFP_COMP\n",
		 (unsigned long)page_hash(t->q, page_to_pfn(t->q, page)),
		 (unsigned long)page_to_pfn(t->q, page));
	assert_int_equal(count(text, line), 1);
	snprintf(line, sizeof(line), ": mm_page_free: page=%016lx pfn=%#lx order=2\n",
		 (unsigned long)page_hash(t->q, page_to_pfn(t->q, page)),
		 (unsigned long)page_to_pfn(t->q, page));
	assert_int_equal(count(text, line), 1);
	free(text);
	/* All of a group, the locked ones too; a failed allocation is one as well. */
	assert_int_equal(put(t->q, T "events/kmem/enable", "1"), 1);
	assert_int_equal(put(t->q, T "tracing_on", "1"), 1);
	assert_int_equal(put(t->q, T "trace", " "), 1);
	for (unsigned int i = 0; i < 3; i++) {
		many = alloc_pages_node(t->q, 0, GFP_KERNEL | __GFP_RECLAIMABLE, 3);
		__free_pages(t->q, many, 3);
	}
	drain_all_pages(t->q, NULL);
	many = alloc_pages_node(t->q, 0, GFP_NOWAIT | __GFP_RECLAIMABLE | __GFP_NOWARN, 10);
	if (many)
		__free_pages(t->q, many, 10);
	assert_int_equal(put(t->q, T "events/enable", "0"), 1);
	text = slurp(t->q, T "trace");
	assert_true(count(text, "mm_page_alloc_zone_locked: page=") > 0);
	assert_true(count(text, "] d..3. ") > 0);
	assert_true(count(text, "percpu_refill=1\n") > 0);
	assert_true(count(text, "mm_page_pcpu_drain: page=") > 0);
	assert_true(count(text, "mm_page_alloc_extfrag: page=") > 0);
	assert_true(count(text, "alloc_migratetype=2 fallback_migratetype=1 fragmenting=0 "
				"change_ownership=1\n") > 0);
	free(text);
	/* Off again: nothing costs, nothing is recorded. */
	assert_int_equal(t->q->keys, 0);
}

static void test_kmem(__unused void **state)
{
	testbox_once(&(struct testbox_config){.cpus = 2, .node_mb = {128}}, run_kmem);
}

static void run_ring(struct testbox *t, void *arg)
{
	unsigned long entries, written;
	struct trace_record r;
	u64 last = 0;

	(void)arg;
	assert_text(t->q, T "buffer_size_kb", "7 (expanded: 1408)\n");
	assert_text(t->q, T "tracing_on", "1\n");
	assert_text(t->q, T "events/enable", "0\n");
	assert_int_equal(put(t->q, T "buffer_size_kb", "0"), -EINVAL);
	assert_int_equal(put(t->q, T "buffer_size_kb", "x"), -EINVAL);
	assert_int_equal(put(t->q, T "set_event", "kmem:nothing"), -EINVAL);
	assert_int_equal(put(t->q, T "set_event", "kmem:*"), 6);
	assert_text(t->q, T "events/kmem/enable", "1\n");
	assert_int_equal(put(t->q, T "set_event", "!kmem:*"), 7);
	assert_int_equal(put(t->q, T "trace_clock", "mono"), 4);
	assert_int_equal(put(t->q, T "trace_clock", "perf"), -EINVAL);
	assert_int_equal(put(t->q, T "buffer_size_kb", "8"), 1);
	assert_text(t->q, T "buffer_size_kb", "8\n");
	assert_int_equal(put(t->q, T "set_event", "mm_page_alloc"), 13);
	for (unsigned int i = 0; i < 1000; i++) {
		struct page *page = alloc_pages_node(t->q, 0, GFP_KERNEL, 0);

		__free_pages(t->q, page, 0);
	}
	assert_int_equal(put(t->q, T "tracing_on", "0"), 1);
	/* Of two pages a CPU the last records are there, in order. */
	trace_count(t->q, &entries, &written);
	assert_true(written >= 1000);
	assert_in_range(entries, 65, 2 * 2 * 64);
	trace_rewind(t->q);
	while (trace_read(t->q, &r)) {
		assert_true(r.time_ns >= last);
		last = r.time_ns;
		entries--;
	}
	assert_int_equal(entries, 0);
	assert_int_equal(put(t->q, T "events/enable", "0"), 1);
	assert_int_equal(put(t->q, T "tracing_on", "1"), 1);
	/* No memory for it: what there was stays, or nothing is on. */
	testbox_fail_alloc(t, 3);
	assert_int_equal(trace_resize(t->q, 64), -ENOMEM);
	testbox_fail_alloc(t, 0);
	assert_int_equal(trace_size_kb(t->q), 8);
}

static void test_ring(__unused void **state)
{
	testbox_once(&(struct testbox_config){.cpus = 2, .node_mb = {128}}, run_ring);
}

static void run_compaction(struct testbox *t, void *arg)
{
	char *text;

	(void)arg;
	assert_int_equal(put(t->q, T "events/compaction/enable", "1"), 1);
	assert_int_equal(put(t->q, "/proc/sys/vm/compact_memory", "1"), 1);
	assert_int_equal(put(t->q, T "events/compaction/enable", "0"), 1);
	text = slurp(t->q, T "trace");
	assert_true(count(text,
			  "mm_compaction_suitable: node=0 zone=DMA      order=-1 ret=continue\n"));
	assert_true(count(text, "mm_compaction_begin: zone_start=0x1000 migrate_pfn=0x1000 "
				"free_pfn="));
	assert_true(count(text, ", mode=sync\n"));
	assert_true(count(text, "mm_compaction_isolate_migratepages: range=(0x"));
	assert_true(count(text, "mm_compaction_finished: node=0 zone=DMA32    order=-1 ret="));
	assert_true(count(text, ", mode=sync status=complete\n"));
	free(text);
}

static void test_compaction(__unused void **state)
{
	testbox_once(&(struct testbox_config){.node_mb = {128}}, run_compaction);
}

/* ---- page_owner, areas ------------------------------------------------------ */

static void run_owner(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	char *text, line[200];
	u64 a;

	(void)arg;
	assert_int_equal(put(t->q, "/sys/kernel/debug/page_owner", "1"), 1);
	a = do_mmap(t->q, mm, 0, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	for (u64 at = a; at < a + MB; at += PAGE_SIZE)
		assert_int_equal(handle_user_fault(t->q, t->task, at, FAULT_FLAG_WRITE), 0);
	text = slurp(t->q, "/sys/kernel/debug/page_owner");
	snprintf(line, sizeof(line), "pid %d, tgid %d (test), ts ", t->task->pid, t->task->pid);
	assert_true(count(text, line) >= MB_PAGES);
	assert_true(count(text, "type Movable Block ") >= MB_PAGES);
	assert_true(count(text, "|swapbacked|node=0|zone=1|lastcpupid=0x1fffff)\n\n") >
		    MB_PAGES / 2);
	free(text);
	/* Moved with their owner. */
	assert_int_equal(put(t->q, "/proc/sys/vm/compact_memory", "1"), 1);
	text = slurp(t->q, "/sys/kernel/debug/page_owner");
	assert_true(count(text, line) >= MB_PAGES);
	free(text);
	assert_int_equal(put(t->q, "/sys/kernel/debug/page_owner", "0"), 1);
	assert_text(t->q, "/sys/kernel/debug/page_owner", "");
	assert_int_equal(put(t->q, "/sys/kernel/debug/page_poison", "1"), 1);
	assert_text(t->q, "/sys/kernel/debug/page_poison", "1\n");
	assert_int_equal(do_munmap(t->q, mm, a, MB), 0);
	assert_int_equal(put(t->q, "/sys/kernel/debug/page_poison", "0"), 1);
	assert_int_equal(put(t->q, "/sys/kernel/debug/debug_guardpage_minorder", "2"), 1);
	assert_text(t->q, "/sys/kernel/debug/debug_guardpage_minorder", "2\n");
	assert_int_equal(put(t->q, "/sys/kernel/debug/debug_guardpage_minorder", "9"), -EINVAL);
	assert_int_equal(put(t->q, "/sys/kernel/debug/debug_guardpage_minorder", "0"), 1);
	assert_int_equal(put(t->q, "/sys/kernel/debug/page_poison", "2"), -EINVAL);
	/* There are no areas: nothing is shown of them. */
	assert_int_equal(entry_at(t->q, "/sys/kernel/debug/cma").kind, PROC_NONE);
	assert_int_equal(entry_at(t->q, "/sys/kernel/mm/cma").kind, PROC_NONE);
	text = slurp(t->q, "/proc/meminfo");
	assert_null(strstr(text, "Cma"));
	free(text);
}

static void test_owner(__unused void **state)
{
	testbox_once(&(struct testbox_config){.node_mb = {128}}, run_owner);
}

static void tune_cma(struct quire_config *cfg)
{
	cfg->cma_bytes = 32 * MB;
}

#define AREA "/sys/kernel/debug/cma/cma-reserved/"

/* Full of a process's pages, which move out of the way and keep what they hold. */
static void run_cma(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a, len = 80 * MB;
	struct page *page, *pinned;
	struct cma *cma = &t->q->page->cma->areas[0];
	pte_t *ptep;
	char *text;

	(void)arg;
	assert_int_equal(file_field(t->q, "/proc/meminfo", "CmaTotal"), 32768);
	assert_text(t->q, AREA "count", "8192\n");
	assert_text(t->q, AREA "used", "0\n");
	assert_text(t->q, AREA "maxchunk", "8192\n");
	a = do_mmap(t->q, mm, 0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	for (u64 at = a; at < a + len; at += PAGE_SIZE) {
		assert_int_equal(handle_user_fault(t->q, t->task, at, FAULT_FLAG_WRITE), 0);
		ptep = pt_walk(t->q, mm->pgd_pfn, at, 1);
		hot_fill_page(t->q->hot, pte_pfn(*ptep), at | 1);
	}
	assert_true(file_field(t->q, "/proc/meminfo", "CmaFree") < 20000);
	page = cma_alloc(t->q, cma, 5000, 4, false);
	assert_non_null(page);
	assert_int_equal(page_to_pfn(t->q, page) % 16, 0);
	testbox_verify(t);
	for (u64 at = a; at < a + len; at += PAGE_SIZE) {
		unsigned long value = 0;

		ptep = pt_walk(t->q, mm->pgd_pfn, at, 1);
		assert_true(pte_present(*ptep));
		assert_false(pte_pfn(*ptep) >= page_to_pfn(t->q, page) &&
			     pte_pfn(*ptep) < page_to_pfn(t->q, page) + 5000);
		assert_true(hot_page_same_filled(t->q->hot, pte_pfn(*ptep), &value));
		assert_int_equal(value, (at | 1) & ((1UL << 56) - 1));
	}
	assert_null(cma_alloc(t->q, cma, 5000, 0, true));
	assert_int_equal(file_field(t->q, "/proc/vmstat", "cma_alloc_success"), 5000);
	assert_int_equal(file_field(t->q, "/proc/vmstat", "cma_alloc_fail"), 5000);
	assert_text(t->q, "/sys/kernel/mm/cma/reserved/alloc_pages_fail", "5000\n");
	assert_false(cma_release(t->q, cma, page, 9000));
	assert_true(cma_release(t->q, cma, page, 5000));
	drain_all_pages(t->q, NULL);
	testbox_verify(t);
	/* What is pinned is gone round. */
	pinned = pfn_to_page(t->q, cma->base_pfn + 1000);
	assert_true(take_free_range(t->q, cma->base_pfn + 1000, 1));
	page = cma_alloc(t->q, cma, 1024, 0, false);
	assert_non_null(page);
	assert_true(page_to_pfn(t->q, page) > cma->base_pfn + 1000 ||
		    page_to_pfn(t->q, page) + 1024 <= cma->base_pfn + 1000);
	assert_true(cma_release(t->q, cma, page, 1024));
	__free_pages(t->q, pinned, 0);
	/* Through the files. */
	assert_int_equal(put(t->q, AREA "alloc", "100"), 3);
	assert_text(t->q, AREA "used", "100\n");
	assert_int_equal(put(t->q, AREA "alloc", "100000"), -ENOMEM);
	assert_int_equal(put(t->q, AREA "free", "100"), 3);
	assert_text(t->q, AREA "used", "0\n");
	text = slurp(t->q, "/proc/pagetypeinfo");
	assert_non_null(strstr(text, "type          CMA "));
	free(text);
	text = slurp(t->q, "/proc/zoneinfo");
	assert_non_null(strstr(text, "        cma      8192\n"));
	free(text);
	assert_int_equal(do_munmap(t->q, mm, a, len), 0);
}

static void test_cma(__unused void **state)
{
	testbox_once(&(struct testbox_config){.node_mb = {128}, .tune = tune_cma}, run_cma);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kmem),	   cmocka_unit_test(test_ring),
		cmocka_unit_test(test_compaction), cmocka_unit_test(test_owner),
		cmocka_unit_test(test_cma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
