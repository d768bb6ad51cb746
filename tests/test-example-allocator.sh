#!/bin/sh
# The example of an embedder needs nothing but the public headers and the
# archive; it runs without a failure and shows its state as Linux would.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
${CC:-cc} -std=gnu11 -O2 -Wall -Wextra -Werror -Iinclude examples/allocator.c \
	build/release/libquire.a -lpthread -o "$dir/allocator"
"$dir/allocator" >"$dir/out"
cat "$dir/out"
[ "$(grep -c '^Node [01], zone   Normal' "$dir/out")" -eq 2 ]
# A cache of 200 bytes an object, some of them in use at that moment.
awk '/^connection/ { seen = $2 > 0 && $3 >= $2 && $4 == 200 } END { exit !seen }' "$dir/out"
grep -q '^0 failed, 0 damaged, 0 broken; ' "$dir/out"
awk '/pages free before/ { same = $7 == $11 } END { exit !same }' "$dir/out"
