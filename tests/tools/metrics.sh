#!/bin/sh
# What others read of a machine: a trace, OpenMetrics, and Prometheus's own node
# exporter run on the model's /proc and /sys.
. "$(dirname "$0")/lib"
"$quire" run --quiet --trace "$dir/trace" --metrics "$dir/metrics" --tree "$dir/tree" "$spec" || fail run
need python3
python3 - "$dir/trace" "$dir/metrics" <<'P' || fail "the trace or the metrics"
import json, re, sys
t = json.load(open(sys.argv[1]))["traceEvents"]
assert [e for e in t if e["ph"] == "i" and "OOM killer takes leak" in e["name"]], "no kill"
c = [e for e in t if e["ph"] == "C" and e["name"] == "memory, MB"]
assert len(c) == 11 and all(900 < sum(e["args"].values()) < 1024 for e in c), c
assert all("ts" in e and "pid" in e for e in t)
lines = open(sys.argv[2]).read().split("\n")
assert lines[-2] == "# EOF", lines[-2:]
types = dict(l.split()[2:4] for l in lines if l.startswith("# TYPE"))
for l in lines:
    if not l or l.startswith("#"):
        continue
    m = re.fullmatch(r'(quire_[a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+.e0-9]+', l)
    assert m, l
    name = m[1]
    base = re.sub(r"_(total|sum|count)$", "", name)
    assert (types.get(base) == "counter") == name.endswith("_total"), l
    assert base in types or name in types, l
assert "quire_oom_kills_total 1" in lines
P
need prometheus-node-exporter curl
port=$((20000 + $$ % 20000))
prometheus-node-exporter --path.procfs="$dir/tree/proc" --path.sysfs="$dir/tree/sys" \
	--web.listen-address="127.0.0.1:$port" --collector.disable-defaults --collector.meminfo \
	--collector.vmstat --collector.pressure --collector.meminfo_numa --collector.stat --collector.loadavg \
	--collector.buddyinfo 2>"$dir/log" &
exporter=$!
trap 'kill $exporter 2>/dev/null; rm -rf "$dir"' EXIT
i=0
until curl -s "http://127.0.0.1:$port/metrics" >"$dir/scrape"; do
	i=$((i + 1))
	[ $i -lt 50 ] || skip "the exporter does not run here: $(tail -n 1 "$dir/log")"
	sleep 0.2
done
# metric NAME: as a plain number.
metric() {
	awk -v name="$1" '$1 == name {printf "%.0f\n", $2; exit}' "$dir/scrape"
}
for f in MemTotal MemFree AnonPages Slab SwapFree PageTables; do
	same "$f" $(($(field "$dir/tree/proc/meminfo" $f) * 1024)) "$(metric node_memory_${f}_bytes)"
done
same oom_kill "$(field "$dir/tree/proc/vmstat" oom_kill)" "$(metric node_vmstat_oom_kill)"
same pgfault "$(field "$dir/tree/proc/vmstat" pgfault)" "$(metric node_vmstat_pgfault)"
grep -q '^node_pressure_memory_waiting_seconds_total ' "$dir/scrape" || fail "no pressure"
grep -q '^node_memory_numa_MemTotal{node="1"}' "$dir/scrape" || fail "no nodes"
grep -q '^node_buddyinfo_blocks{node="0",size="10",zone="DMA32"}' "$dir/scrape" || fail "no free blocks"
grep '^node_scrape_collector_success' "$dir/scrape" | grep -v ' 1$' && fail "a collector failed"
exit 0
