#!/bin/sh
# free -h, and to the byte free -b: meminfo's numbers.
. "$(dirname "$0")/lib"
need free
need_fuse
inside '' 'free -b >$dir/bytes; free -h >$dir/human; cat /proc/meminfo >$dir/meminfo'
m=$dir/meminfo
set -- $(awk '/^Mem:/ {print $2, $4, $5, $7}' "$dir/bytes")
same total $(($(field "$m" MemTotal) * 1024)) "$1"
same free $(($(field "$m" MemFree) * 1024)) "$2"
same shared $(($(field "$m" Shmem) * 1024)) "$3"
same available $(($(field "$m" MemAvailable) * 1024)) "$4"
same swap $(($(field "$m" SwapTotal) * 1024)) "$(awk '/^Swap:/ {print $2}' "$dir/bytes")"
grep -Eq '^Mem: +9[0-9][0-9]Mi' "$dir/human" || fail "$(cat "$dir/human")"
