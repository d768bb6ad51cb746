#!/bin/sh
# Outside nothing changes, whichever way the command ends; its status is ours.
. "$(dirname "$0")/lib"
need_namespaces
mounts=$(cat /proc/self/mountinfo) meminfo=$(grep MemTotal /proc/meminfo) host=$(uname -n)
tree=$(ls /proc/sys /sys | cksum)
boot -- true 2>/dev/null
same true 0 $?
boot -- sh -c 'exit 7' 2>/dev/null
same "exit 7" 7 $?
boot -- sh -c 'kill -TERM $$' 2>/dev/null
same "killed by TERM" 143 $?
boot -- /no/such/program 2>/dev/null
same "no such program" 127 $?
boot -- /etc/passwd 2>/dev/null
same "no program" 126 $?
# TERM to the server ends the command, and all that it started.
"$quire" boot --quiet "$spec" -- sh -c 'sleep 987 & echo up >$dir/up; sleep 988' 2>/dev/null &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -e "$dir/up" ] && break
	sleep 0.2
done
kill -TERM $server
wait $server
same "the server's status" 143 $?
# Not even KILL leaves anyone behind.
rm -f "$dir/up"
"$quire" boot --quiet "$spec" -- sh -c 'sleep 986 & echo up >$dir/up; sleep 985' 2>/dev/null &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -e "$dir/up" ] && break
	sleep 0.2
done
kill -KILL $server
wait $server 2>/dev/null
sleep 0.5
left=$(grep -l '^sleep.98[5-8]' /proc/[0-9]*/cmdline 2>/dev/null | head -n 1)
same "left behind" "" "$left"
same mounts "$mounts" "$(cat /proc/self/mountinfo)"
same MemTotal "$meminfo" "$(grep MemTotal /proc/meminfo)"
same hostname "$host" "$(uname -n)"
same "the trees' names" "$tree" "$(ls /proc/sys /sys | cksum)"
