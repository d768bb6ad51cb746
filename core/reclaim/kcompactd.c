/* SPDX-License-Identifier: MIT */
/*
 * kcompactd: a thread a node that compacts in the background (the second half
 * of Linux 6.1's compaction.c).
 *
 * kswapd wakes it when it has freed pages for a request of high order and goes
 * to sleep, or when free memory is plenty but in pieces.  Without being asked it
 * looks twice a second how fragmented the node is, for huge pages: above a mark
 * that vm.compaction_proactiveness sets (20: 90 of 100) it compacts until the
 * node is 10 points better; when that brought nothing it waits for 32 s.
 *
 * A request for zones below the highest is remembered with the order; the
 * lowest zone and the highest order win.
 */
#include "base/text.h"
#include "reclaim/compaction.h"
#include "reclaim/internal.h"
#include "page/trace.h"

#define HPAGE_FRAG_CHECK_INTERVAL (500 * NSEC_PER_MSEC)
#define NO_PROGRESS_SHIFT	  6

static int highest_populated_zone(const struct pglist_data *pgdat)
{
	int zid = MAX_NR_ZONES - 1;

	while (zid && !pgdat->node_zones[zid].present_pages)
		zid--;
	return zid;
}

static bool kcompactd_node_suitable(const struct quire *q, const struct pglist_data *pgdat)
{
	for (int zid = 0; zid <= pgdat->kcompactd_highest_zoneidx; zid++) {
		const struct zone *zone = &pgdat->node_zones[zid];

		if (zone->present_pages &&
		    compaction_suitable(q, zone, pgdat->kcompactd_max_order, 0,
					pgdat->kcompactd_highest_zoneidx) == COMPACT_CONTINUE)
			return true;
	}
	return false;
}

static void trace_wake(struct quire *q, enum trace_event event, const struct pglist_data *pgdat,
		       int order, int highest_zoneidx)
{
	if (unlikely(q->keys & TRACE_KEY(event)))
		trace_record(q, event, 0, pgdat->node_id, (u64)order, (u64)highest_zoneidx, 0);
}

void wakeup_kcompactd(struct quire *q, struct pglist_data *pgdat, int order, int highest_zoneidx)
{
	if (!order || !pgdat->has_kcompactd)
		return;
	if (HOT_LOAD(&pgdat->kcompactd_max_order) < order)
		HOT_STORE(&pgdat->kcompactd_max_order, order);
	if (HOT_LOAD(&pgdat->kcompactd_highest_zoneidx) > highest_zoneidx)
		HOT_STORE(&pgdat->kcompactd_highest_zoneidx, highest_zoneidx);
	if (!HOT_LOAD(&pgdat->kcompactd_asleep) || !kcompactd_node_suitable(q, pgdat))
		return;
	trace_wake(q, TRACE_MM_COMPACTION_WAKEUP_KCOMPACTD, pgdat, order, highest_zoneidx);
	wake_up(q, &pgdat->kcompactd_wait);
}

static void count_scanned(struct quire *q, const struct compact_control *cc)
{
	count_vm_events(q, KCOMPACTD_MIGRATE_SCANNED, cc->total_migrate_scanned);
	count_vm_events(q, KCOMPACTD_FREE_SCANNED, cc->total_free_scanned);
}

static void compact_for_request(struct quire *q, struct zone *zone, struct compact_control *cc)
{
	enum compact_result status;

	if (!zone->present_pages || compaction_deferred(q, zone, cc->order) ||
	    compaction_suitable(q, zone, cc->order, 0, (int)zone->zone_idx) != COMPACT_CONTINUE)
		return;
	cc->zone = zone;
	status = compact_zone(q, cc, NULL);
	if (status == COMPACT_SUCCESS) {
		compaction_defer_reset(q, zone, cc->order, false);
	} else if (status == COMPACT_PARTIAL_SKIPPED || status == COMPACT_COMPLETE) {
		/* Pages on CPUs' lists may be what was missing. */
		drain_all_pages(q, zone);
		defer_compaction(q, zone, cc->order);
	}
	count_scanned(q, cc);
}

static void kcompactd_do_work(struct quire *q, struct pglist_data *pgdat)
{
	struct compact_control cc = {
		.order = HOT_LOAD(&pgdat->kcompactd_max_order),
		.highest_zoneidx = HOT_LOAD(&pgdat->kcompactd_highest_zoneidx),
		.mode = MIGRATE_SYNC_LIGHT,
		.gfp_mask = GFP_KERNEL,
	};

	cc.search_order = cc.order;
	trace_wake(q, TRACE_MM_COMPACTION_KCOMPACTD_WAKE, pgdat, cc.order, cc.highest_zoneidx);
	count_vm_event(q, KCOMPACTD_WAKE);
	for (int zid = 0; zid <= cc.highest_zoneidx && !q->stopping; zid++)
		compact_for_request(q, &pgdat->node_zones[zid], &cc);
	/* Unless more was asked for meanwhile. */
	if (HOT_LOAD(&pgdat->kcompactd_max_order) <= cc.order)
		HOT_STORE(&pgdat->kcompactd_max_order, 0);
	if (HOT_LOAD(&pgdat->kcompactd_highest_zoneidx) >= cc.highest_zoneidx)
		HOT_STORE(&pgdat->kcompactd_highest_zoneidx, highest_populated_zone(pgdat));
}

static bool should_proactive_compact_node(const struct quire *q, const struct pglist_data *pgdat)
{
	if (!q->reclaim->compaction_proactiveness ||
	    (pgdat->has_kswapd && !HOT_LOAD(&pgdat->kswapd_asleep)))
		return false;
	return fragmentation_score_node(pgdat) > fragmentation_score_wmark(q, false);
}

static void proactive_compact_node(struct quire *q, struct pglist_data *pgdat)
{
	for_each_populated_zone_of_node(pgdat, zone)
	{
		struct compact_control cc = {
			.order = -1,
			.zone = zone,
			.mode = MIGRATE_SYNC_LIGHT,
			.ignore_skip_hint = true,
			.whole_zone = true,
			.gfp_mask = GFP_KERNEL,
			.proactive_compaction = true,
		};

		(void)compact_zone(q, &cc, NULL);
		count_scanned(q, &cc);
	}
}

/* How long to wait before the next look. */
static u64 proactive_work(struct quire *q, struct pglist_data *pgdat)
{
	u64 timeout = HPAGE_FRAG_CHECK_INTERVAL;

	if (should_proactive_compact_node(q, pgdat)) {
		unsigned int before = fragmentation_score_node(pgdat);

		proactive_compact_node(q, pgdat);
		if (fragmentation_score_node(pgdat) >= before)
			timeout <<= NO_PROGRESS_SHIFT;
	}
	pgdat->proactive_compact_trigger = false;
	return timeout;
}

static bool work_requested(const struct quire *q, const struct pglist_data *pgdat)
{
	return HOT_LOAD(&pgdat->kcompactd_max_order) > 0 || q->stopping ||
	       HOT_LOAD(&pgdat->proactive_compact_trigger);
}

static void kcompactd(struct quire *q, void *arg)
{
	struct pglist_data *pgdat = arg;
	u64 timeout = HPAGE_FRAG_CHECK_INTERVAL;

	while (!q->stopping) {
		bool requested;

		if (!q->reclaim->compaction_proactiveness)
			timeout = MAX_SCHEDULE_TIMEOUT;
		trace_wake(q, TRACE_MM_COMPACTION_KCOMPACTD_SLEEP, pgdat, 0, 0);
		HOT_STORE(&pgdat->kcompactd_asleep, true);
		requested = wait_event_timeout(q, &pgdat->kcompactd_wait, work_requested(q, pgdat),
					       timeout);
		HOT_STORE(&pgdat->kcompactd_asleep, false);
		if (q->stopping)
			break;
		if (requested && !pgdat->proactive_compact_trigger) {
			psi_stall_enter(q, PSI_MEM);
			kcompactd_do_work(q, pgdat);
			psi_stall_leave(q, PSI_MEM);
			timeout = HPAGE_FRAG_CHECK_INTERVAL;
		} else {
			timeout = proactive_work(q, pgdat);
		}
	}
	pgdat->has_kcompactd = false;
}

void compaction_proactiveness_changed(struct quire *q)
{
	for_each_node (q, nid) {
		struct pglist_data *pgdat = NODE_DATA(q, nid);

		if (!pgdat->has_kcompactd || pgdat->proactive_compact_trigger)
			continue;
		pgdat->proactive_compact_trigger = true;
		wake_up(q, &pgdat->kcompactd_wait);
	}
}

int kcompactd_run(struct quire *q, unsigned int nid)
{
	struct pglist_data *pgdat = NODE_DATA(q, nid);
	char name[20];
	struct text t;
	int err;

	pgdat->kcompactd_max_order = 0;
	pgdat->kcompactd_highest_zoneidx = highest_populated_zone(pgdat);
	/* Where there are no processes, nothing that is allocated can be moved. */
	if (!q->port->thread_start || !q->port->kill)
		return 0;
	text_init(&t, name, sizeof(name));
	text_printf(&t, "kcompactd%u", nid);
	pgdat->has_kcompactd = true;
	err = kthread_run(q, name, kcompactd, pgdat, (int)nid);
	if (err)
		pgdat->has_kcompactd = false;
	return err;
}
