#!/bin/bash
# ps aux and top -b -n1 on the thousand processes of examples/three-am.yaml,
# beside the same programs on the host's own /proc with as many processes.
# The median of nine; the figure is what the model takes more, in ms.
set -eu
build=$1
command -v ps >/dev/null && [ -e /dev/fuse ] || exit 0
median() {
	local i t0
	for i in 1 2 3 4 5 6 7 8 9; do
		t0=$(date +%s%N)
		"$@" >/dev/null
		echo $((($(date +%s%N) - t0) / 10000))
	done | sort -n | sed -n 5p | awk '{printf "%.2f\n", $1 / 100}'
}
export -f median
model=$("$build/quire" boot --quiet examples/three-am.yaml -- \
	bash -c 'ls -d /proc/[0-9]* | wc -l; median ps aux; median top -b -n1')
crowd=$(sed -n 1p <<<"$model")
sleepers=()
for ((i = $(ls -d /proc/[0-9]* | wc -l); i < crowd; i++)); do
	sleep 120 &
	sleepers+=($!)
done
trap 'kill "${sleepers[@]}" 2>/dev/null' EXIT
host=$(median ps aux; median top -b -n1)
i=0
for name in "ps aux" "top -b -n1"; do
	i=$((i + 1))
	awk -v name="$name" -v m="$(sed -n $((i + 1))p <<<"$model")" -v h="$(sed -n ${i}p <<<"$host")" \
		-v n="$crowd" -v goal=$((i == 1 ? 150 : 100)) 'BEGIN {
		printf "{\"name\": \"%s with %d processes, over the host\", \"value\": %.1f, \"unit\": \"ms\", ", name, n, m - h
		printf "\"peer\": \"host /proc\", \"peer_value\": %.1f, \"ratio\": %.2f, ", h, m / h
		printf "\"goal\": %d, \"met\": %s}\n", goal, m - h <= goal ? "true" : "false"}'
done
