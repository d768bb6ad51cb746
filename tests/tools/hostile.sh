#!/bin/bash
# Requests that nobody sensible makes: each is refused, the server lives, and
# the model is still consistent enough to be read from end to end.
. "$(dirname "$0")/lib"
need_fuse
cat >"$dir/try" <<'EOF'
say() { echo "accepted: $*"; }
long=$(printf 'x%.0s' {1..255}) longer=$(printf '9%.0s' {1..200})
for name in "$long" "$longer" 0 01 +1 -1 4194304 2147483648 18446744073709551617 1x ' 1' '%s' . ..; do
	case $name in . | ..) continue ;; esac
	[ -e "/proc/$name" ] && say "/proc/$name"
	[ -e "/proc/1/task/$name" ] && say "task/$name"
	[ -e "/sys/devices/system/node/node$name" ] && [ "$name" != 0 ] && say "node$name"
	[ -e "/proc/self/fd/$name" ] && [ "$name" != 0 ] && say "fd/$name"
done
head -c 4M /dev/zero | dd of=/proc/sys/vm/swappiness bs=4M 2>/dev/null && say "4 MB of zeros"
head -c 60000 /dev/urandom | dd of=/proc/sys/vm/swappiness bs=60000 2>/dev/null && say "noise"
head -c 60000 /dev/urandom | dd of=/proc/8/oom_score_adj bs=60000 2>/dev/null && say "noise as an adj"
head -c 5000 /dev/zero | dd of=/dev/kmsg bs=5000 2>/dev/null && say "a long record"
: >/proc/meminfo && say "a write of meminfo"
mkdir /proc/d && say mkdir
rm /proc/meminfo && say rm
mv /proc/meminfo /proc/x && say mv
ln -s / /proc/link && say ln
mknod /sys/n c 1 3 && say mknod
chmod 777 /proc/meminfo && say chmod
chown 1 /proc/meminfo && say chown
truncate -s 100 /proc/sys/vm/swappiness && [ "$(stat -c %s /proc/sys/vm/swappiness)" -ne 0 ] && say truncate
[ "$(cat /proc/sys/vm/swappiness)" = 60 ] || say "swappiness is $(cat /proc/sys/vm/swappiness)"
[ "$(dd if=/proc/meminfo bs=1 skip=9 count=6 2>/dev/null)" = "       " ] || dd if=/proc/meminfo bs=1 skip=0 count=8 2>/dev/null | grep -qx MemTotal || say "bytes one by one"
[ -z "$(dd if=/proc/meminfo bs=4096 skip=1000 2>/dev/null)" ] || say "a read behind the end"
# Many files open at once, and left so.
(ulimit -n 4096; i=10; while [ $i -lt 1000 ]; do eval "exec $i</proc/meminfo" || break; i=$((i + 1)); done; cat /proc/uptime >/dev/null) || say "many open files"
# Readers that wait and are ended.
for i in 1 2 3 4; do timeout 0.2 cat /dev/kmsg >/dev/null & done
wait
# All at once, from several; pagemap is 256 GB, as on Linux.
for i in 1 2 3 4; do (find /proc/[1-9] /proc/sys /sys -type f ! -name pagemap -exec cat {} + >/dev/null 2>&1; ls -lR /proc/self/ >/dev/null 2>&1) & done
wait
find /proc /sys -path /proc/.host -prune -o -type f -print 2>/dev/null | wc -l
EOF
boot -- bash "$dir/try" >"$dir/out" 2>"$dir/err" || fail "the server or the script ended: $? $(tail -n 2 "$dir/err")"
grep accepted "$dir/out" && fail "see above"
[ "$(tail -n 1 "$dir/out")" -gt 4000 ] || fail "only $(tail -n 1 "$dir/out") files are left"
