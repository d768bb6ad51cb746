#!/bin/sh
# ps aux: every process of the model with its size and owner, and the callers.
. "$(dirname "$0")/lib"
need ps
need_fuse
inside '' 'ps aux >$dir/out; for p in /proc/[0-9]*; do
[ -e $p/statm ] || continue
read -r comm <$p/comm; read -r vsz rss rest <$p/statm
echo ${p#/proc/} $((vsz * 4)) $((rss * 4)) $(stat -c %u $p); done >$dir/list
exec ps -eo pid,vsz,rss,euid,comm >$dir/eo'
"$quire" run --quiet --until 0s --tree "$dir/tree" "$spec" || fail "quire run"
n=0
for p in "$dir"/tree/proc/[0-9]*; do
	pid=${p##*/} n=$((n + 1))
	expected=$(awk -v p="$pid" '$1 == p' "$dir/list")
	same "process $pid" "$expected" "$(awk -v p="$pid" '$1 == p {print $1, $2, $3, $4}' "$dir/eo")"
	same "name of $pid" "$(cat "$p/comm")" "$(awk -v p="$pid" '$1 == p {print $5}' "$dir/eo")"
done
[ "$n" -ge 15 ] || fail "the model has $n processes only"
grep -q 'ps aux$' "$dir/out" || fail "ps does not see itself"
grep -q 'postgres: app app idle$' "$dir/out" || fail "no command lines"
same postgres 4 "$(grep -c '^106 .*postgres' "$dir/out")"
