#!/bin/sh
# `make check`: builds every flavour with both compilers and runs all tests.
# Everything is built first, so a warning anywhere stops it early.
set -u
cd "$(dirname "$0")/.." || exit 2
jobs=$(nproc 2>/dev/null || echo 2)
step() { printf '\n== %s\n' "$*"; }
build() {
	step "build: $*"
	make --no-print-directory -s -j"$jobs" "$@" || exit 1
}
build all CC=gcc
build all CC=clang
build check-bins
build freestanding
step "tests"
# shellcheck disable=SC2046
exec sh tests/run.sh $(make --no-print-directory -s list-tests)
