#!/bin/sh
# Runs test programs and scripts one after another, each within TEST_TIMEOUT
# seconds, shows the output of those that fail, and closes with one line of
# totals.  A cmocka program reports its own tests; a script passes with 0 and
# is skipped with 77 (it says why on its last line).
#
# The environment that could change an outcome is the same everywhere.  Leaks
# fail a test, and so does any report of a sanitizer.
set -u
limit=${TEST_TIMEOUT:-300}
unset QUIRE_LOG MAKEFLAGS MFLAGS MAKELEVEL
LC_ALL=C TZ=UTC0
ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0
UBSAN_OPTIONS=print_stacktrace=1
TSAN_OPTIONS=halt_on_error=0:exitcode=66:second_deadlock_stack=1
export LC_ALL TZ ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
# What quire_verify() reported as expected, for test-verify-covered.sh.
QUIRE_VERIFY_REPORTS=$dir/reports
export QUIRE_VERIFY_REPORTS
: >"$QUIRE_VERIFY_REPORTS"
# Real machines' /proc trees for tests/machine/test_capture.c, if they are here;
# without them those tests are skipped, and counted so.
trees=$(dirname "$0")/../../shared/oom-reports/D-proc
if [ -z "${QUIRE_TREES:-}" ] && [ -d "$trees" ]; then
	QUIRE_TREES=$(cd "$trees" && pwd)
	export QUIRE_TREES
fi
# Real OOM reports for tests/explain/, likewise.
reports=$(dirname "$0")/../../shared/oom-reports
if [ -z "${QUIRE_OOM_REPORTS:-}" ] && [ -f "$reports/index.tsv" ]; then
	QUIRE_OOM_REPORTS=$(cd "$reports" && pwd)
	export QUIRE_OOM_REPORTS
fi
count() { # lines of cmocka's totals that match $1
	sed -n "s/^\[  $1 *\] [^0-9]*\([0-9]*\) test.*/\1/p" "$out" | awk '{n += $1} END {print n + 0}'
}
passed=0 failed=0 skipped=0
for t; do
	out=$dir/out
	begin=$(date +%s)
	timeout -k 5 "$limit" "./${t#./}" >"$out" 2>&1 </dev/null
	rc=$?
	took=$(($(date +%s) - begin))
	p=$(count PASSED) f=$(count FAILED) s=$(count SKIPPED)
	if [ "$rc" -eq 77 ]; then
		s=$((s + 1))
		echo "skip  $t: $(tail -n 1 "$out")"
	elif [ "$rc" -ne 0 ]; then
		[ "$f" -gt 0 ] || f=1
		why="exit $rc"
		[ "$rc" -ne 124 ] && [ "$rc" -ne 137 ] || why="no end within $limit s"
		echo "FAIL  $t ($why)"
		# A test that fails leaves its machine behind: that leak says nothing.
		[ "$(count FAILED)" -eq 0 ] || sed -i '/ERROR: LeakSanitizer/,$d' "$out"
		tail -n "${TEST_LINES:-60}" "$out" | sed 's/^/      /'
	else
		[ $((p + s)) -gt 0 ] || p=1
		note=
		[ "$took" -lt 5 ] || note=", $took s"
		echo "ok    $t ($p$note)"
		[ "$s" -eq 0 ] || sed -n 's/^\[  SKIPPED \] [a-z].*/      &/p' "$out"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
