#!/bin/sh
# cat /proc/buddyinfo: eleven orders a zone, which add up to MemFree; the same
# as in the tree that `quire run` writes at that instant.
. "$(dirname "$0")/lib"
need_fuse
inside '' 'cat /proc/buddyinfo >$dir/out; cat /proc/meminfo >$dir/meminfo'
awk 'NF != 15 || $1 != "Node" || $3 != "zone" {exit 1}' "$dir/out" || fail "$(cat "$dir/out")"
same "sum of all blocks" "$(field "$dir/meminfo" MemFree)" \
	"$(awk '{for (i = 0; i < 11; i++) kb += $(5 + i) * 4 * 2 ^ i} END {print kb}' "$dir/out")"
"$quire" run --quiet --until 0s --tree "$dir/tree" "$spec" || fail "quire run"
cmp "$dir/out" "$dir/tree/proc/buddyinfo" || fail "boot and run differ"
