#!/bin/sh
# numastat and numastat -m: the nodes' counters and memory.
. "$(dirname "$0")/lib"
need numastat
need_fuse
inside --end 'numastat >$dir/out 2>/dev/null; numastat -m >$dir/m 2>/dev/null
for n in 0 1; do cat /sys/devices/system/node/node$n/numastat >$dir/stat$n
cat /sys/devices/system/node/node$n/meminfo >$dir/mem$n; done'
for item in numa_hit numa_miss numa_foreign interleave_hit local_node other_node; do
	same "$item" "$(field "$dir/stat0" $item) $(field "$dir/stat1" $item)" \
		"$(awk -v i=$item '$1 == i {print $2, $3}' "$dir/out")"
done
for item in MemTotal MemFree AnonPages Slab; do
	expected=$(cat "$dir/mem0" "$dir/mem1" | awk -v i="$item:" '$3 == i {s = s sprintf(" %.2f", $4 / 1024)} END {print substr(s, 2)}')
	same "$item" "$expected" "$(awk -v i=$item '$1 == i {print $2, $3}' "$dir/m")"
done
