#!/bin/sh
# cat /proc/slabinfo | head -20: version 2.1's header and sixteen fields a line.
. "$(dirname "$0")/lib"
need_fuse
inside '' 'cat /proc/slabinfo | head -20 >$dir/out; cat /proc/slabinfo >$dir/all'
same lines 20 "$(wc -l <"$dir/out")"
same version "slabinfo - version: 2.1" "$(head -n 1 "$dir/out")"
same header "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>" \
	"$(sed -n 2p "$dir/out")"
awk 'NR > 2 && (NF != 16 || $2 > $3 || $3 != $15 * $5) {print; bad = 1} END {exit bad}' "$dir/all" ||
	fail "these lines do not add up"
for cache in task_struct vm_area_struct dentry; do
	grep -q "^$cache " "$dir/all" || fail "there is no $cache"
done
