#!/bin/sh
# Without privilege: a user namespace; with FUSE where the device lets us, and
# else as files.
. "$(dirname "$0")/lib"
need_namespaces
[ "$(id -u)" -eq 0 ] || skip "runs as a user anyway: the other tests were this one"
need setpriv unshare
chmod 755 "$dir"
cp "$quire" "$dir/quire" && cp "$spec" "$dir/small.yaml"
as_user="setpriv --reuid=1000 --regid=1000 --clear-groups"
cd / && $as_user unshare -U true 2>/dev/null || skip "users may not have user namespaces here"
$as_user timeout 60 "$dir/quire" boot --quiet --no-fuse "$dir/small.yaml" -- \
	sh -c 'id -u; cat /proc/sys/vm/swappiness; ps aux | grep -c "[p]ostgres"' >"$dir/out" 2>"$dir/err"
same "without FUSE" "0 60 4" "$(tr '\n' ' ' <"$dir/out" | sed 's/ $//')$(cat "$dir/err")"
mknod "$dir/fuse" c 10 229 2>/dev/null && chmod 666 "$dir/fuse" || skip "no device can be made here"
cat >"$dir/try" <<'EOF'
id -u; ps aux | grep -c '[p]ostgres'; sysctl -w vm.swappiness=3; echo -500 >/proc/$(pidof -s postgres)/oom_score_adj
cat /proc/$(pidof -s postgres)/oom_score_adj; dmesg | grep -c 'Linux version'; cat /proc/self/comm
EOF
unshare -m sh -c "mount --bind $dir/fuse /dev/fuse && exec $as_user timeout 60 $dir/quire boot --quiet $dir/small.yaml -- sh $dir/try" \
	>"$dir/out" 2>"$dir/err"
same "with FUSE" "0 4 vm.swappiness = 3 -500 1 cat" "$(tr '\n' ' ' <"$dir/out" | sed 's/ $//')$(cat "$dir/err")"
# Where part of /proc is covered, as in containers, there is no /proc of new
# PIDs: the guests have the host's.
for option in '' --no-fuse; do
	unshare -m sh -c "mount --bind $dir/fuse /dev/fuse && mount --bind /dev/null /proc/version &&
exec $as_user timeout 60 $dir/quire boot --quiet $option $dir/small.yaml -- sh -c '
ps -eo comm | grep -cx ps; ps aux | grep -c \"[n]ginx\"; cat /proc/self/comm; echo piped | cat /dev/stdin'" \
		>"$dir/out" 2>"$dir/err"
	same "covered $option" "1 1 cat piped" "$(tr '\n' ' ' <"$dir/out" | sed 's/ $//')$(cat "$dir/err")"
done
