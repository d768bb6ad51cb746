#!/bin/sh
# libquire-malloc.so below programs: one of ours that knows what malloc(3)
# promises, and real ones, whose results are those under libc's malloc.
QUIRE=/bin/true # no model is needed
. "$(dirname "$0")/lib"
lib=${QUIRE_MALLOC:-$top/build/libquire-malloc.so}
[ -e "$lib" ] || fail "there is no $lib"
cc=${CC:-gcc}
$cc -O1 -g -fno-builtin -w -o "$dir/program" "$top/tests/malloc/malloc_program.c" -lpthread
on() {
	LD_PRELOAD=$lib timeout -k 5 120 "$@"
}
program() {
	on "$dir/program" "$@" 2>"$dir/why" || fail "malloc_program $*: $(cat "$dir/why")"
}
program api
program random
program threads
program forks 300
# Without restartable sequences everything goes the slow way.
(GLIBC_TUNABLES=glibc.pthread.rseq=0 && export GLIBC_TUNABLES && program api && program threads) || exit 1
# 384 MB of objects of 192 bytes; three quarters freed; a thousand idle threads.
if [ "$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)" -gt 1500 ]; then
	on "$dir/program" memory >"$dir/memory" || fail "memory"
	awk '$1 > 1.05 || $2 > 1.15 {exit 1}' "$dir/memory" || fail "bytes a byte, resident over live: $(cat "$dir/memory")"
fi
on "$dir/program" idle >"$dir/idle" || fail "idle threads"
awk '$1 > 15 {exit 1}' "$dir/idle" || fail "an idle thread costs $(cat "$dir/idle") KB"

# same_output NAME COMMAND...: the same under both.
same_output() {
	name=$1
	shift
	"$@" >"$dir/libc" 2>&1
	on "$@" >"$dir/quire" 2>&1
	cmp -s "$dir/libc" "$dir/quire" || fail "$name: $(diff "$dir/libc" "$dir/quire" | head -5)"
}
if command -v sqlite3 >/dev/null; then
	cat >"$dir/sql" <<-'SQL'
		create table t(a integer primary key, b text, c real);
		with recursive n(i) as (select 1 union all select i+1 from n where i<60000)
		insert into t select i, hex(i*7919%100003)||'-'||i, i*0.37 from n;
		create index tb on t(b);
		select count(*), sum(c), min(b), max(b) from t;
		select substr(b,1,2) k, count(*), avg(c) from t group by k order by k;
		delete from t where a%3=0; update t set b=b||'x' where a%5=0;
		select * from t order by b desc limit 500;
	SQL
	same_output sqlite3 sqlite3 :memory: ".read $dir/sql"
fi
if command -v python3 >/dev/null; then
	python=$(command -v /usr/bin/python3 || command -v python3)
	same_output python3 "$python" -c '
import json, re, hashlib, threading
def work(n, out):
    d = {str(i): ["x" * (i % 300), i, {"k": i}] for i in range(n)}
    out.append(hashlib.sha256(json.dumps(d, sort_keys=True).encode()).hexdigest())
out = []
ts = [threading.Thread(target=work, args=(20000 + i, out)) for i in range(4)]
[t.start() for t in ts]
[t.join() for t in ts]
print(sorted(out), len(re.findall("[a-z]+", "ab1cd2" * 50000)), sum(len(str(i)) for i in range(300000)))'
	on "$python" -m test.test_json >"$dir/tests" 2>&1 || grep -q "No module named" "$dir/tests" ||
		fail "python's own tests: $(tail -3 "$dir/tests")"
fi
if command -v git >/dev/null && git -C "$top" rev-parse HEAD >/dev/null 2>&1; then
	same_output git git -C "$top" log --stat -100
	on git clone -q "$top" "$dir/clone" && on git -C "$dir/clone" fsck >/dev/null 2>&1 || fail "git clone"
fi
if command -v gcc >/dev/null; then
	for m in libc quire; do
		preload=
		[ $m = quire ] && preload=$lib
		(cd "$top" && LD_PRELOAD=$preload gcc -O2 -w -Icore -Iinclude -I. -Iport/model -c core/page/buddy.c \
			-o "$dir/$m.o") || fail "gcc on $m"
	done
	cmp -s "$dir/libc.o" "$dir/quire.o" || fail "gcc's objects differ"
fi
if command -v redis-server >/dev/null; then
	on redis-server --port 0 --unixsocket "$dir/redis" --save '' --appendonly no >"$dir/redis.log" 2>&1 &
	server=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		redis-cli -s "$dir/redis" ping >/dev/null 2>&1 && break
		sleep 0.3
	done
	on redis-benchmark -s "$dir/redis" -n 5000 -r 1000 -q >"$dir/redis.out" 2>&1 || fail "redis-benchmark"
	redis-cli -s "$dir/redis" set key value >/dev/null
	same "redis get" value "$(redis-cli -s "$dir/redis" get key)"
	redis-cli -s "$dir/redis" shutdown nosave >/dev/null 2>&1
	wait $server || fail "redis-server ended with $?: $(tail -3 "$dir/redis.log")"
fi
