#!/bin/sh
# The core compiles without libc and needs nothing but the port, with both
# compilers; and the check sees what it is for.
set -eu
cd "$(dirname "$0")/.."
for b in build build/clang; do
	sh tests/symbols.sh core $b/freestanding/quire-core.o
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
try() {
	printf '%s\n' "$2" >"$dir/x.c"
	gcc -ffreestanding -fno-pic -fno-pie -c "$dir/x.c" -o "$dir/x.o"
	! sh tests/symbols.sh core "$dir/x.o" >"$dir/out" || {
		echo "$1 is not seen"
		exit 1
	}
	grep -q "$3" "$dir/out"
}
try "a call of libc" 'int puts(const char *); int f(void) { return puts("x"); }' puts
try "a mutable global" 'int counter = 1; int f(void) { return ++counter; }' counter
try "a static variable" 'int f(void) { static int n; return ++n; }' '^n'
