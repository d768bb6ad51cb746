#!/bin/sh
# The Kubernetes layout (examples/kubernetes.yaml): guaranteed pods keep what they have, best
# effort goes first, a burstable one that leaks is slowed down.
. "$(dirname "$0")/lib"
need_fuse
timeout -k 5 100 "$quire" boot --quiet --end "$top/examples/kubernetes.yaml" -- sh -euc '
cd /sys/fs/cgroup/kubepods
for g in guaranteed-db burstable/web burstable/api besteffort; do
	echo $g $(cat $g/memory.current $g/memory.max) $(sed "s/.* //" $g/memory.events)
done' >"$dir/out" || fail "the machine did not run to its end"
# GROUP CURRENT MAX low high max oom oom_kill oom_group_kill
of() {
	awk -v g="$1" -v n="$2" '$1 == g {print $n}' "$dir/out"
}
same "kills of the guaranteed pod" 0 "$(of guaranteed-db 8)"
[ "$(of guaranteed-db 2)" -ge 1800000000 ] || fail "the guaranteed pod has $(of guaranteed-db 2) bytes left"
same "kills of web" 0 "$(of burstable/web 8)"
[ "$(of besteffort 8)" -ge 1 ] || fail "best effort was not killed"
same "its limit" max "$(of besteffort 3)"
[ "$(of burstable/api 5)" -ge 1 ] || fail "the leaking pod was not slowed down"
exit 0
