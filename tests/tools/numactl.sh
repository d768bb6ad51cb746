#!/bin/sh
# numactl --hardware: nodes, CPUs, sizes and distances of the model.
. "$(dirname "$0")/lib"
need numactl
need_fuse
inside '' 'numactl --hardware >$dir/out
for n in 0 1; do cat /sys/devices/system/node/node$n/meminfo >$dir/mem$n
cat /sys/devices/system/node/node$n/distance >$dir/distance$n; done'
same available "available: 2 nodes (0-1)" "$(head -n 1 "$dir/out")"
same "cpus of node 1" "node 1 cpus: 4 5 6 7" "$(grep 'node 1 cpus' "$dir/out")"
for n in 0 1; do
	total=$(awk '/MemTotal/ {print $4}' "$dir/mem$n") free=$(awk '/MemFree/ {print $4}' "$dir/mem$n")
	same "size of node $n" "node $n size: $(div "$total" 1024) MB" "$(grep "node $n size" "$dir/out")"
	same "free of node $n" "node $n free: $(div "$free" 1024) MB" "$(grep "node $n free" "$dir/out")"
	# shellcheck disable=SC2046
	same "distances of node $n" "$(echo $(cat "$dir/distance$n"))" \
		"$(awk -v n="$n:" '$1 == n {print $2, $3}' "$dir/out")"
done
