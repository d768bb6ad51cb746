#!/bin/sh
# /proc/self is the caller: its files, links and descriptors, pipes too; its
# masks are the model's; strangers' places are not there.
. "$(dirname "$0")/lib"
need_fuse
inside '' 'readlink /proc/self >$dir/self; ls /proc/self >$dir/ls; cat /proc/self/status >$dir/status
cat /proc/self/stat >$dir/stat; cat /proc/thread-self/comm; readlink /proc/self/exe | sed "s/.*bin.//"
echo through a pipe | cat /dev/stdin; (echo to stdout >/dev/stdout) | cat; cd /proc/self/ && cat ../self/comm
test -e /proc/$$/ns/mnt && ls /proc/self/fd >$dir/fd; ls -d /proc/$$/task/* | wc -l
readlink /proc/$$/cwd | sed "s/[0-9]*$/N/"; mkdir /proc/x 2>/dev/null || echo no mkdir
cat /proc/self/nothing 2>/dev/null || echo nothing; ls /proc/99999999999999999999 2>/dev/null || echo no such
echo 5 2>/dev/null >/proc/self/oom_score_adj || echo not ours; head -c 6 /proc/$$/cmdline | tr "\0" " "; echo
echo "$(cat /proc/uptime)" | cut -d. -f1; awk "{print \$22}" /proc/self/stat' >"$dir/out" 2>"$dir/err"
same output "cat readlink through a pipe to stdout cat 1 /proc/N no mkdir nothing no such not ours sh -eu" \
	"$(head -n -2 "$dir/out" | tr '\n' ' ' | sed 's/ *$//')"
[ "$(cat "$dir/self")" -ge 20000 ] || fail "self is $(cat "$dir/self")"
same "fields of stat" 52 "$(wc -w <"$dir/stat")"
same cpus "0-7" "$(field "$dir/status" Cpus_allowed_list)"
same mems "0-1" "$(field "$dir/status" Mems_allowed_list)"
same "mask" ff "$(field "$dir/status" Cpus_allowed)"
for f in stat status statm cmdline comm exe fd mountinfo ns maps task cgroup; do
	grep -qx $f "$dir/ls" || fail "/proc/self/$f is not there"
done
