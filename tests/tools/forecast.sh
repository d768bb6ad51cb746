#!/bin/bash
# A capture that was taken inside the real kernel 60 s before it ran out of memory:
# quire who names the one that was killed there.
. "$(dirname "$0")/lib"
need python3 gzip
for name in capture-oom capture-oom-2; do
	result=$top/oracle/results/$name/6.1/out.txt.gz
	[ -f "$result" ] || skip "$name is not recorded"
	label=$(gzip -dc "$result" | sed -n 's/^@@capture \([^ ]*\) .*/\1/p' | tail -1)
	python3 "$top/oracle/capture.py" "$result" "$label" "$dir/c" || fail "capture.py"
	"$quire" who --when --json "$dir/c" >"$dir/json" || fail "$name"
	victim=$(gzip -dc "$result" | sed -n 's/.*Out of memory: Killed process \([0-9]*\) .*/\1/p' | head -1)
	# The log's time of the kill, and the uptime of the capture.
	killed=$(gzip -dc "$result" | sed -n 's/^\[ *\([0-9.]*\)\] Out of memory: Killed process .*/\1/p' | head -1)
	at=$(gzip -dc "$result" | sed -n 's/^@@capture [^ ]* ns=\([0-9]*\).*/\1/p' | tail -1)
	python3 - "$dir/json" "$victim" "$killed" "$at" <<'P' || fail "$name: another victim, or another time"
import json, sys
f = json.load(open(sys.argv[1]))["forecast"]
assert f["assumed"] and f["victim"]["pid"] == int(sys.argv[2]), f["victim"]
left, end = float(sys.argv[3]) - int(sys.argv[4]) / 1e9, f["end"]
print(f"one snapshot: {end['seconds']:.1f} s ({end['low']:.1f} to {end['high']:.1f}); it was {left:.1f} s")
assert 50 < left < 70 and end["low"] < left < end["high"]
assert abs(end["seconds"] - left) < 0.2 * left, (end, left)
assert f["left_kb"] > 50000 and f["low_watermark"]["seconds"] <= f["end"]["seconds"]
P
done
