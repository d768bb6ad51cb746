#!/bin/bash
# A thousand processes: ps aux within 150 ms and top -b -n1 within 100 ms over
# the same programs on the host's /proc with as many.  The best of several, as
# others use this machine; twice that is still no failure, but is said.
. "$(dirname "$0")/lib"
need ps top
need_fuse
best() {
	local t0 t1 t low=999999 i
	for i in 1 2 3 4 5 6 7 8; do
		t0=$(date +%s%N)
		"$@" >/dev/null
		t1=$(date +%s%N)
		t=$(((t1 - t0) / 1000000))
		[ "$t" -lt "$low" ] && low=$t
	done
	echo "$low"
}
sed 's/^  - name: kubelet/  - name: crowd\n    count: 980\n    rss: 64K\n&/' "$spec" >"$dir/crowd.yaml"
crowd=$("$quire" boot --quiet "$dir/crowd.yaml" -- sh -c 'ls -d /proc/[0-9]* | wc -l')
[ "$crowd" -ge 995 ] || fail "the model has $crowd processes"
export -f best
there=$(ls -d /proc/[0-9]* | wc -l)
for ((i = there; i < crowd; i++)); do
	sleep 200 &
done
# shellcheck disable=SC2064
trap "kill $(jobs -p | tr '\n' ' ') 2>/dev/null; rm -rf $dir" EXIT
declare -A over=(["ps aux"]=999999 ["top -b -n1"]=999999)
for round in 1 2 3; do
	"$quire" boot --quiet "$dir/crowd.yaml" -- bash -c 'best ps aux; best top -b -n1' >"$dir/model" ||
		fail "boot"
	{ best ps aux; best top -b -n1; } >"$dir/host"
	late=0
	for i in 1 2; do
		name=$(sed -n ${i}p <<<$'ps aux\ntop -b -n1') goal=$((i == 1 ? 150 : 100))
		model=$(sed -n ${i}p "$dir/model") host=$(sed -n ${i}p "$dir/host")
		echo "$name: $model ms with $crowd processes, $host ms on the host; goal: $goal ms more"
		[ $((model - host)) -lt "${over[$name]}" ] && over[$name]=$((model - host))
		[ "${over[$name]}" -le $goal ] || late=1
	done
	[ $late -eq 0 ] && exit 0
done
for name in "${!over[@]}"; do
	goal=150
	[ "$name" = "ps aux" ] || goal=100
	[ "${over[$name]}" -le $((2 * goal)) ] || fail "$name takes ${over[$name]} ms more than on the host"
done
echo "later than the goal, on a machine that others use"
