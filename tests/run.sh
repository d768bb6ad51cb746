#!/bin/sh
# Runs test programs and scripts one after another, each within TEST_TIMEOUT
# seconds, shows the output of those that fail, and closes with one line of
# totals.  A cmocka program reports its own tests; a script passes with 0 and
# is skipped with 77 (it says why on its last line).
set -u
limit=${TEST_TIMEOUT:-300}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0 skipped=0
for t; do
	out=$dir/out
	timeout -k 5 "$limit" "$t" >"$out" 2>&1
	rc=$?
	p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$out" | awk '{n += $1} END {print n + 0}')
	f=$(sed -n 's/^\[  FAILED  \] [^:]*: \([0-9]*\) test.*/\1/p' "$out" | awk '{n += $1} END {print n + 0}')
	s=$(sed -n 's/^\[  SKIPPED \] [^:]*: \([0-9]*\) test.*/\1/p' "$out" | awk '{n += $1} END {print n + 0}')
	if [ "$rc" -eq 77 ]; then
		s=$((s + 1))
		echo "skip  $t: $(tail -n 1 "$out")"
	elif [ "$rc" -ne 0 ]; then
		[ "$f" -gt 0 ] || f=1
		echo "FAIL  $t (exit $rc)"
		sed 's/^/      /' "$out" | tail -n "${TEST_LINES:-60}"
	else
		[ "$p" -gt 0 ] || p=1
		echo "ok    $t ($p)"
		[ "$s" -eq 0 ] || sed -n 's/^\[  SKIPPED \] [a-z].*/      &/p' "$out"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
