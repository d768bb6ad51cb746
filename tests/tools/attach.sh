#!/bin/sh
# quire attach: a process on libquire-malloc.so, seen by the ordinary tools.
. "$(dirname "$0")/lib"
lib=${QUIRE_MALLOC:-$top/build/libquire-malloc.so}
[ -e "$lib" ] || fail "there is no $lib"
[ -e /dev/fuse ] || skip "there is no FUSE here"
unshare -m true 2>/dev/null || unshare -Um true 2>/dev/null || skip "no namespaces here"
cat >"$dir/live.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *volatile p[200000];
int main(void)
{
	for (int i = 0; i < 200000; i++)
		p[i] = malloc(300);
	puts("ready");
	fflush(stdout);
	getchar();
	for (int i = 0; i < 200000; i++)
		free(p[i]);
	puts("freed");
	fflush(stdout);
	getchar();
	return 0;
}
C
${CC:-gcc} -O1 -fno-builtin -w -o "$dir/live" "$dir/live.c"
mkfifo "$dir/in"
: >"$dir/out"
LD_PRELOAD=$lib "$dir/live" <"$dir/in" >"$dir/out" &
pid=$!
exec 4>"$dir/in"
wait_for() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q "$1" "$dir/out" && return
		sleep 0.2
	done
	fail "the program does not say $1"
}
attach() {
	timeout -k 5 30 "$quire" attach "$@"
}
active() {
	attach $pid -- awk '$1 == "malloc-320" {print $2}' /proc/slabinfo
}
wait_for ready
n=$(active)
[ "$n" -ge 200000 ] && [ "$n" -lt 201000 ] || fail "malloc-320 has $n objects"
attach $pid -- slabtop -o -s c >"$dir/slabtop" || fail "slabtop"
sed -n 8p "$dir/slabtop" | grep -q 'malloc-320' || fail "slabtop does not begin with malloc-320"
attach $pid -- cat /proc/buddyinfo >"$dir/buddy"
same "buddyinfo's columns" 15 "$(awk '{print NF}' "$dir/buddy")"
attach $pid -- free -k >"$dir/free" || fail "free"
[ "$(awk '/^Mem:/ {print $2}' "$dir/free")" -ge 62500 ] || fail "free: $(cat "$dir/free")"
# One command sees what changes.
attach $pid -- sh -c "awk '\$1 == \"malloc-320\" {print \$2}' /proc/slabinfo; echo >&4
	for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; grep -q freed $dir/out && break; done
	awk '\$1 == \"malloc-320\" {print \$2}' /proc/slabinfo" >"$dir/two"
[ "$(sed -n 1p "$dir/two")" -ge 200000 ] || fail "first look: $(cat "$dir/two")"
[ "$(sed -n 2p "$dir/two")" -lt 20000 ] || fail "second look: $(cat "$dir/two")"
# Nothing changed outside, and the rest of /proc is the system's.
same "uptime is there" 0 "$(attach $pid -- grep -q . /proc/uptime; echo $?)"
! grep -q malloc-320 /proc/slabinfo 2>/dev/null || fail "/proc/slabinfo is changed outside"
# Statuses and errors.
attach $pid -- sh -c 'exit 7'
same "the command's status" 7 $?
attach $pid -- /no/such/program 2>/dev/null
same "no such program" 127 $?
attach $$ -- true 2>"$dir/why"
same "another malloc" 1 $?
grep -q "does not run on libquire-malloc.so" "$dir/why" || fail "$(cat "$dir/why")"
attach 999999999 -- true 2>"$dir/why"
same "no such process" 1 $?
attach x 2>/dev/null
same "no PID" 2 $?
attach 2>/dev/null
same "no argument" 2 $?
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	setpriv --reuid=65534 --clear-groups timeout 10 "$quire" attach $pid -- true 2>"$dir/why"
	same "another user's process" 1 $?
fi
echo >&4
exec 4>&-
wait $pid
same "the program's own end" 0 $?
