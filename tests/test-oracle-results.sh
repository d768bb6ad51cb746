#!/bin/sh
# SPDX-License-Identifier: MIT
# The recorded results: one for each scenario, whole, of the scenario as it is
# now, and small.  The guest program compiles without a warning.
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fails=0
fail() {
	echo "FAIL $*"
	fails=$((fails + 1))
}

runs=0
for scenario in oracle/scenarios/*.txt; do
	name=$(basename "$scenario" .txt)
	found=0
	for result in oracle/results/"$name"/*/ oracle/results/"$name"@*/*/; do
		[ -d "$result" ] || continue
		found=1
		runs=$((runs + 1))
		zcat "$result/out.txt.gz" > "$tmp/out" || fail "$result: cannot be unpacked"
		tail -c 200 "$tmp/out" | grep -aq '^@@finish' || fail "$result: it has no end"
		! grep -a '^@@bad' "$tmp/out" || fail "$result: the guest did not understand a line"
		grep -q '"finished": true' "$result/run.json" || fail "$result: not finished"
		! grep -q '"/' "$result/run.json" || fail "$result: run.json names a path"
		sum=$(sha256sum "$scenario" | cut -d' ' -f1)
		grep -q "\"text\": \"$sum\"" "$result/run.json" ||
			fail "$result: recorded from another text of the scenario"
	done
	# A scenario may wait for its recording, but not one of each floor's first.
	[ $found = 1 ] || case $name in
	*-2) echo "note $name is not recorded yet: oracle/record.sh $name" ;;
	*) fail "$scenario: no result; oracle/record.sh $name" ;;
	esac
done
for result in oracle/results/*/; do
	name=$(basename "$result")
	[ -f "oracle/scenarios/${name%%@*}.txt" ] || fail "$result: there is no such scenario"
done
kib=$(du -sk oracle/results | cut -f1)
[ "$kib" -le 14000 ] || fail "oracle/results has $kib KiB"

gcc -std=gnu11 -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror \
	-fsyntax-only oracle/guest/*.c || fail "the guest program has warnings"
for script in oracle/*.py oracle/guest/*.py; do
	! command -v python3 > /dev/null || python3 - "$script" <<'P' || fail "$script"
import sys
compile(open(sys.argv[1]).read(), sys.argv[1], "exec")
P
done

[ $fails = 0 ] || exit 1
echo "ok   $runs results of $(ls oracle/scenarios/*.txt | wc -l) scenarios"
