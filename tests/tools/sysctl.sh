#!/bin/sh
# sysctl reads and writes; what was written is the model's from then on, and
# the host's is as it was.
. "$(dirname "$0")/lib"
need sysctl
need_fuse
before=$(cat /proc/sys/vm/swappiness)
inside '' 'sysctl vm.swappiness; sysctl -w vm.swappiness=10; sysctl -n vm.swappiness; cat /proc/sys/vm/swappiness
sysctl -w vm.swappiness=900 2>/dev/null || echo refused; sysctl -n vm.swappiness
sysctl -a 2>/dev/null | grep -c "^vm\."' >"$dir/out"
same output "vm.swappiness = 60 vm.swappiness = 10 10 10 refused 10" "$(head -n 6 "$dir/out" | tr '\n' ' ' | sed 's/ $//')"
[ "$(sed -n 7p "$dir/out")" -ge 30 ] || fail "sysctl -a lists $(sed -n 7p "$dir/out")"
same "the host's swappiness" "$before" "$(cat /proc/sys/vm/swappiness)"
