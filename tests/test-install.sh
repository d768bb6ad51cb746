#!/bin/sh
# `make install' into a folder of its own: what is installed is enough for a program
# that knows of nothing but pkg-config, on both compilers' terms; and uninstall
# leaves nothing.
set -eu
cd "$(dirname "$0")/.."
command -v pkg-config >/dev/null || {
	echo "no pkg-config"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
make -s install-lib DESTDIR="$dir/root" PREFIX=/opt/quire >/dev/null
root=$dir/root/opt/quire
for f in include/quire/quire.h include/quire/page.h include/quire/host.h lib/libquire.a \
	lib/pkgconfig/quire.pc; do
	[ -f "$root/$f" ] || { echo "not installed: $f"; exit 1; }
done
grep -q '^prefix=/opt/quire$' "$root/lib/pkgconfig/quire.pc"
PKG_CONFIG_PATH=$root/lib/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$dir/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
pkg-config --exists quire
[ -n "$(pkg-config --modversion quire)" ]
# Each public header compiles alone, in the oldest C that it promises, and in C++.
for h in "$root"/include/quire/*.h; do
	name=quire/$(basename "$h")
	printf '#include <%s>\n' "$name" >"$dir/one.c"
	${CC:-cc} -std=c99 -Wall -Wextra -Werror $(pkg-config --cflags quire) -fsyntax-only "$dir/one.c"
done
# From a folder where the sources are out of reach.
cp examples/two-nodes.c "$dir/"
cd "$dir"
${CC:-cc} -std=gnu11 -O2 -Wall -Wextra -Werror two-nodes.c \
	$(pkg-config --cflags --libs --static quire) -o two-nodes
./two-nodes >out
cat out
[ "$(grep -c '^node [01]: memory ' out)" -eq 2 ]
[ "$(grep -c '^node [01]: 8192 pages at home, 100 blocks from the other, 0 wrong$' out)" -eq 2 ]
grep -q '^0 broken; ' out
awk '/pages free before/ { same = $3 == $7 } END { exit !same }' out
cd - >/dev/null
make -s uninstall DESTDIR="$dir/root" PREFIX=/opt/quire
[ -z "$(find "$root" -type f)" ] || { find "$root" -type f; exit 1; }
