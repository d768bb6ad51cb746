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
"$quire" who --adj nobody-has-this-name=5 2>/dev/null
[ $? -eq 2 ] || fail "a name that nobody has"
"$quire" who --max 1G 2>/dev/null
[ $? -eq 2 ] || fail "--max without --group"
