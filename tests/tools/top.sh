#!/bin/sh
# top -b -n1: all tasks, and meminfo's numbers in MiB.
. "$(dirname "$0")/lib"
need top
need_fuse
inside '' 'ls /proc | awk "/^[0-9]+$/ && \$1 < 20000" | wc -l >$dir/n; top -b -n1 >$dir/out; cat /proc/meminfo >$dir/meminfo'
mib() { awk -v kb="$(field "$dir/meminfo" "$1")" 'BEGIN {printf "%.1f", kb / 1024}'; }
grep -q "MiB Mem : *$(mib MemTotal) total, *$(mib MemFree) free" "$dir/out" || fail "$(sed -n 4p "$dir/out")"
# The shell and top itself are there as well.
same tasks $(($(cat "$dir/n") + 2)) "$(awk '/^Tasks:/ {print $2}' "$dir/out")"
same postgres 4 "$(grep -c ' postgres$' "$dir/out")"
same rows "$(awk '/^Tasks:/ {print $2}' "$dir/out")" "$(awk 'rows && NF {n++} /^ *PID USER/ {rows = 1} END {print n}' "$dir/out")"
