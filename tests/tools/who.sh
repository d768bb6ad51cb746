#!/bin/bash
# quire who: its order is that of the machine's own oom_score, what-if moves it,
# and a capture says the same as the machine.
. "$(dirname "$0")/lib"
need python3
inside "" "$quire who --json >$dir/order
	$quire who --json --adj \$(pidof -s kubelet)=1000 >$dir/moved
	for p in \$(sed -n 's/.*\"pid\": \([0-9]*\),.*/\1/p' $dir/order); do
		[ \$p -ge 31000 ] || echo \$p \$(cat /proc/\$p/oom_score)
	done >$dir/scores
	$quire capture -o $dir/capture >/dev/null 2>&1 || true" >/dev/null
python3 - "$dir" <<'P' || fail "the order"
import json, sys
d = sys.argv[1]
order = json.load(open(d + "/order"))["order"]
moved = json.load(open(d + "/moved"))["order"]
scores = [int(l.split()[1]) for l in open(d + "/scores")]
# Programs that run in there stand in it too, and are gone when one looks.
own = [p for p in order if p["pid"] < 31000]
assert len(own) > 5 and len(scores) == len(own)
assert scores == sorted(scores, reverse=True), scores
assert moved[0]["name"] == "kubelet", moved[0]
assert all(p["oom_score_adj"] > -1000 for p in order)
P
[ -s "$dir/capture" ] && { "$quire" who "$dir/capture" >"$dir/text" || fail "a capture"; }
# Pictures one after another say when; what-ifs and the daemons' rules are told
# by name.
cat >"$dir/leak.yaml" <<-Y
	name: leak
	length: 10m
	nodes: [{memory: 1G, cpus: 2}]
	processes:
	  - {name: db, uid: 100, oom_score_adj: -900, rss: 300M}
	  - name: leak
	    uid: 1000
	    memory: [{name: m, size: 2G, kind: anon}]
	    work: [{do: grow, region: m, every: 1s, amount: 4M}]
Y
timeout 60 "$quire" who --at 2m --json --earlyoom --systemd-oomd=80,50 --kubelet=200M \
	--set db.oom_score_adj=0 --set vm.panic_on_oom=1 "$dir/leak.yaml" >"$dir/when" || fail "a scenario"
timeout 60 "$quire" run --quiet --events "$dir/events" "$dir/leak.yaml" || fail "run"
python3 - "$dir/when" "$dir/events" <<'P' || fail "when"
import json, sys
w = json.load(open(sys.argv[1]))
f = w["forecast"]
line = [l for l in open(sys.argv[2]) if "OOM killer takes" in l][0]
end = float(line.split()[0]) - 120
assert f["victim"]["name"] == "leak" and "takes leak" in line, line
assert abs(f["end"]["seconds"] - end) < 0.1 * end, (f["end"], end)
assert f["end"]["low"] <= f["end"]["seconds"] <= f["end"]["high"]
assert f["low_watermark"]["seconds"] < f["end"]["seconds"]
assert f["processes"][0]["name"] == "leak"
assert [d["name"] for d in w["daemons"]] == ["earlyoom", "systemd-oomd", "kubelet"]
change = w["what_if"]["changes"][0]
assert change["rank_after"] <= change["rank_before"], change
P
"$quire" capture --every 0.2 --count 2 -o "$dir/s" 2>/dev/null && {
	"$quire" who "$dir/s.1" "$dir/s.2" >"$dir/said" 2>&1
	grep -q "From 2 snapshots" "$dir/said" || fail "two captures: $(cat "$dir/said")"
	"$quire" who "$dir/s.2" "$dir/s.1" >/dev/null 2>&1 && fail "captures the wrong way round"
}
"$quire" who --watch=0.1 --count 3 --json | grep -q '"snapshots": 3' || fail "--watch"
for bad in "--set x" "--set nobody-here.oom_score_adj=5" "--earlyoom=5,x" "--kubelet=much" "--watch=0"; do
	# shellcheck disable=SC2086
	"$quire" who $bad >/dev/null 2>&1
	[ $? -eq 2 ] || fail "$bad"
done
"$quire" who --adj nobody-has-this-name=5 2>/dev/null
[ $? -eq 2 ] || fail "a name that nobody has"
"$quire" who --max 1G 2>/dev/null
[ $? -eq 2 ] || fail "--max without --group"
