#!/bin/sh
# --no-fuse: the same tree, as files; programs print the same, writing fails.
. "$(dirname "$0")/lib"
need numactl free slabtop ps dmesg pidof
need_fuse
cat >"$dir/look" <<'EOF'
numactl --hardware; cat /proc/buddyinfo; head -n 20 /proc/slabinfo; slabtop -o; free -h; vmstat -s; vmstat -m
numastat 2>/dev/null; numastat -m 2>/dev/null; pidof postgres | tr ' ' '\n' | sort -n; cat /proc/$(pidof -s nginx)/oom_score
dmesg; sysctl vm.swappiness; ps -eo pid,ppid,vsz,rss,user,comm --sort pid | awk '$1 < 20000'
EOF
boot --end -- sh "$dir/look" >"$dir/with" 2>"$dir/err" || fail "with FUSE: $(cat "$dir/err")"
boot --end --no-fuse -- sh "$dir/look" >"$dir/without" 2>"$dir/err" || fail "without: $(cat "$dir/err")"
diff "$dir/with" "$dir/without" >"$dir/diff" || fail "$(head -n 20 "$dir/diff")"
[ "$(wc -l <"$dir/with")" -gt 200 ] || fail "nothing was printed"
boot --no-fuse -- sh -c 'echo 10 >/proc/sys/vm/swappiness' 2>/dev/null && fail "a write was swallowed"
boot --no-fuse -- sh -c 'echo piped | cat /dev/stdin; ps -eo comm | grep -qx ps' >"$dir/out" || fail "ps does not see itself"
same pipe piped "$(cat "$dir/out")"
boot --no-fuse --live -- true 2>"$dir/err"
same "live without FUSE" 2 $?
