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
	python3 - "$dir/json" "$victim" <<'P' || fail "$name: another victim"
import json, sys
f = json.load(open(sys.argv[1]))["forecast"]
assert f["assumed"] and f["victim"]["pid"] == int(sys.argv[2]), f["victim"]
assert f["left_kb"] > 50000 and f["low_watermark"]["seconds"] <= f["end"]["seconds"]
P
done
