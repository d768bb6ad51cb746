#!/bin/sh
# slabtop -o: its rows are slabinfo's.
. "$(dirname "$0")/lib"
need slabtop
need_fuse
inside '' 'slabtop -o >$dir/out; cat /proc/slabinfo >$dir/slabinfo'
grep -q '^  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME' "$dir/out" || fail "no header"
awk 'NR == FNR {objs[$1] = $3; active[$1] = $2; next}
/^ *OBJS/ {rows = 1; next}
rows && NF {n++; if (objs[$8] != $1 || active[$8] != $2) {print; bad = 1}}
END {exit bad || n < 10}' "$dir/slabinfo" "$dir/out" || fail "rows differ from slabinfo"
