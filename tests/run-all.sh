#!/bin/sh
# `make check`: builds every flavour with gcc and with clang and runs all tests.
# Everything is built first, so a warning anywhere stops it early.  The unit
# tests run as both compilers made them, the threaded ones also under tsan.
set -u
cd "$(dirname "$0")/.." || exit 2
jobs=$(nproc 2>/dev/null || echo 2)
begin=$(date +%s)
step() { printf '\n== %s  (%d s so far)\n' "$*" $(($(date +%s) - begin)); }
build() {
	step "build: $*"
	make --no-print-directory -s -j"$jobs" "$@" || {
		echo "The build failed: no test was run."
		exit 1
	}
}
list() { make --no-print-directory -s "$@"; }
for cc in gcc clang; do
	command -v $cc >/dev/null || {
		echo "make check: $cc is missing; packages.txt lists what the tests need"
		exit 1
	}
	build all CC=$cc
	build freestanding CC=$cc
	build check-bins CC=$cc
done
build bench-bins CC=gcc
step "tests"
# shellcheck disable=SC2046
sh tests/run.sh $(list list-tests CC=gcc) $(list list-tests CC=clang) $(list list-scripts)
rc=$?
[ -z "${QUIRE_CHECK_TIME:-}" ] || step "end"
exit $rc
