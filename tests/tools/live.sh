#!/bin/sh
# --live=SPEED: the night goes on beside the command, which can watch it.
. "$(dirname "$0")/lib"
need dmesg vmstat
need_fuse
inside --live=60 'exec 9</proc/uptime; read -r a rest <&9; sleep 1; read -r b rest </proc/uptime; echo ${a%.*} ${b%.*}
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
dmesg | grep -q "Out of memory" && { echo killed; break; }; sleep 0.2; done
timeout 1 cat /dev/kmsg >$dir/kmsg || :; vmstat 1 2 | tail -n 1 | wc -w; read -r c rest </proc/uptime; echo ${c%.*}' >"$dir/out"
set -- $(cat "$dir/out")
[ $(($2 - $1)) -ge 40 ] && [ $(($2 - $1)) -le 90 ] || fail "a second was $(($2 - $1)) seconds"
same killed killed "$3"
same "columns of vmstat" 17 "$4"
grep -q 'Out of memory' "$dir/kmsg" || fail "a reader that waits got nothing"
