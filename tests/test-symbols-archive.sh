#!/bin/sh
# The built archive exports only quire_*, with both compilers.
set -eu
cd "$(dirname "$0")/.."
for b in build build/clang; do
	sh tests/symbols.sh archive $b/release/libquire.a
done
