#!/bin/sh
# vmstat, vmstat -s, vmstat -m after the leak was killed.
. "$(dirname "$0")/lib"
need vmstat
need_fuse
inside --end 'vmstat >$dir/out; vmstat -s >$dir/s; vmstat -m >$dir/m
cat /proc/meminfo >$dir/meminfo; cat /proc/vmstat >$dir/vmstat; cat /proc/slabinfo >$dir/slabinfo'
set -- $(sed -n 3p "$dir/out")
same columns 17 $#
same swpd $(($(field "$dir/meminfo" SwapTotal) - $(field "$dir/meminfo" SwapFree))) "$3"
same free "$(field "$dir/meminfo" MemFree)" "$4"
[ "$3" -gt 0 ] || fail "nothing was swapped: $(sed -n 3p "$dir/out")"
same "total memory" "$(field "$dir/meminfo" MemTotal)" "$(awk '/total memory/ {print $1}' "$dir/s")"
same "pages swapped out" "$(field "$dir/vmstat" pswpout)" "$(awk '/pages swapped out/ {print $1}' "$dir/s")"
same "pages paged in" "$(field "$dir/vmstat" pgpgin)" "$(awk '/pages paged in|K paged in/ {print $1}' "$dir/s")"
awk 'NR == FNR {active[$1] = $2; total[$1] = $3; next}
$1 != "Cache" {n++; name = $1; if (active[name] != $2 || total[name] != $3) {print; bad = 1}}
END {exit bad || n < 50}' "$dir/slabinfo" "$dir/m" || fail "vmstat -m differs from slabinfo"
