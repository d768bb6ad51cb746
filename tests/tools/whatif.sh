#!/bin/sh
# quire whatif and quire sweep: futures that share a process are the futures of
# runs of their own, to the byte; what is wrong is said with its mend.
. "$(dirname "$0")/lib"
night=$top/tests/machine/night.yaml
wrong() {
	pattern=$1
	shift
	"$quire" "$@" >"$dir/out" 2>"$dir/err" && fail "quire $* went well"
	same "status of quire $*" 2 "$(
		"$quire" "$@" >/dev/null 2>&1
		echo $?
	)"
	grep -q -- "$pattern" "$dir/err" || fail "quire $*: $(cat "$dir/err")"
}
wrong 'did you mean "vm.swappiness"' whatif "$night" --set vm.swapiness=10
wrong 'did you mean "vm.swappiness"' whatif "$night" --set swappiness=10
wrong 'did you mean "ledgerd/oom_score_adj"' whatif "$night" --set ledgrd/oom_score_adj=10
wrong 'did you mean "/batch/memory.max"' whatif "$night" --set /bach/memory.max=1G
wrong 'did you mean "zswap.compressor"' whatif "$night" --set zswap.compresor=lz4
wrong 'does not take the value "lots"' whatif "$night" --set vm.swappiness=lots
wrong 'is not a size' whatif "$night" --set swap=lots
wrong 'write how many are left' whatif "$night" --set nodes=7
wrong 'is not a load' whatif "$night" --set load=much
wrong 'on, off or a mask' whatif "$night" --set lru_gen=maybe
wrong 'is not NAME=VALUE' whatif "$night" --set swap
wrong 'leave --at away' whatif "$night" --at 02:58 --set nodes=1
wrong 'needs a --set' whatif "$night"
wrong 'needs -o DIR' sweep "$night" --set vm.swappiness=1,2
wrong 'has an empty value' sweep "$night" -o "$dir/none" --set vm.swappiness=1,,2
wrong 'give each axis its own --set' sweep "$night" -o "$dir/none" --set 'vm.swappiness=1,2 swap=1G'
wrong 'holds no variant' sweep "$night" -o "$dir/none" --list /dev/null

# The first future is the night itself; a copy made at an instant goes on as it would have.
"$quire" run --quiet --record --events "$dir/events" --json "$dir/json" "$night" || fail run
"$quire" whatif --quiet --no-range -o "$dir/w" "$night" --set vm.swappiness=10 \
	--set ledgerd/oom_score_adj=-500 --set zswap.max_pool_percent=5 --set vm.oom_kill_allocating_task=1 \
	>"$dir/table" || fail whatif
"$quire" whatif --quiet -o "$dir/at" --at 02:58 "$night" --set vm.swappiness=0 >/dev/null ||
	fail "whatif --at"
for x in "$dir/w/0000" "$dir/at/0000"; do
	cmp "$dir/events" "$x.events" || fail "$x: another night"
	cmp "$dir/json" "$x.night.json" || fail "$x: another night"
done
cmp -s "$dir/events" "$dir/at/0001.events" && fail "a setting at an instant did nothing"
grep -q 'who is killed, when' "$dir/table" || fail "no table"
grep -q '^vm.swappiness=10$' "$dir/table" || fail "no sentence"

# The other policy of reclaim: from the start or at an instant; off is what the night had.
gen=kernel/mm/lru_gen/enabled
for set in on off; do
	sed "1i lru_gen: $set" "$spec" >"$dir/gen.yaml"
	"$quire" run --quiet --verify --tree "$dir/gen-$set" --events "$dir/gen-$set.events" "$dir/gen.yaml" ||
		fail "lru_gen: $set"
done
"$quire" run --quiet --events "$dir/classic.events" "$spec"
cmp "$dir/classic.events" "$dir/gen-off.events" || fail "lru_gen: off is another night"
cmp -s "$dir/classic.events" "$dir/gen-on.events" && fail "lru_gen: on is the same night"
same "the mask of a night with generations" 0x0007 "$(cat "$dir/gen-on/sys/$gen")"
same "... and without" 0x0000 "$(cat "$dir/gen-off/sys/$gen")"
grep -q '^memcg     1 /$' "$dir/gen-on/sys/kernel/debug/lru_gen" || fail "no generations"
"$quire" whatif --quiet --no-range -o "$dir/g" "$spec" --set lru_gen=on >/dev/null || fail "whatif lru_gen=on"
cmp "$dir/gen-on.events" "$dir/g/0001.events" || fail "lru_gen=on is another night than lru_gen: on"
"$quire" whatif --quiet --no-range -o "$dir/h" --at 01:02 "$spec" --set lru_gen=0x5 >/dev/null ||
	fail "whatif --at lru_gen"

# To the moment before the kill: it is not there yet, and comes when it was told to.
"$quire" boot --before-kill=5s "$spec" -- sh -c 'cat /proc/uptime; dmesg | grep -c "Out of memory"' >"$dir/before" 2>"$dir/err"
at=$("$quire" run --quiet --events /dev/stdout "$spec" | awk '/OOM killer takes/ {print $1; exit}')
if grep -q 'no namespaces' "$dir/err"; then
	echo "no namespaces: the moment before the kill was not tried"
else
	same "kills before the kill" 0 "$(tail -n 1 "$dir/before")"
	grep -q 'the next kill will be at 01:' "$dir/err" || [ -s "$dir/before" ] || fail "before-kill: $(cat "$dir/err")"
	awk -v at="$at" 'NR == 1 {exit !($1 > at - 6 && $1 < at + 60)}' "$dir/before" || fail "$at: $(cat "$dir/before")"
fi

# A capture: what grows is assumed, and said so.
"$quire" run --quiet --until 01:01 --tree "$dir/tree" "$spec" && "$quire" capture --root "$dir/tree" -o "$dir/c" 2>/dev/null || fail capture
"$quire" whatif --quiet "$dir/c" --set swap=1G 2>"$dir/err" && fail "swap added where there is no disk"
"$quire" whatif --quiet --for 5m "$dir/c" --set leak/oom_score_adj=-900 >"$dir/out" 2>"$dir/err" || fail "a capture: $(cat "$dir/err")"
grep -q 'To narrow them, measure: grep VmRSS' "$dir/out" || fail "no range: $(cat "$dir/out")"
"$quire" whatif --quiet --for 5m --grow leak=8M/s "$dir/c" --set leak/oom_score_adj=-900 >"$dir/out" || fail "a capture that grows"
grep -q 'postgres is killed first, at .* in place of leak' "$dir/out" || fail "a capture that grows: $(cat "$dir/out")"

# Variants that shared a process, and the same ones each in its own.
"$quire" sweep --quiet -o "$dir/shared" "$night" --set vm.swappiness=10,60 --set ledgerd/oom_score_adj=-900,0,500 \
	--set app/oom_score_adj=0,1000 >"$dir/table" || fail sweep
same "rows" 13 "$(wc -l <"$dir/table")"
i=0
for s in 10 60; do
	for l in -900 0 500; do
		for a in 0 1000; do
			n=$(printf %04d $i)
			i=$((i + 1))
			[ $((i % 4)) -eq 1 ] || continue
			echo "vm.swappiness=$s ledgerd/oom_score_adj=$l app/oom_score_adj=$a" >"$dir/list"
			"$quire" sweep --quiet -o "$dir/own$n" "$night" --list "$dir/list" >/dev/null || fail "sweep --list"
			cmp "$dir/shared/$n.json" "$dir/own$n/0000.json" || fail "$(cat "$dir/list"): another future when alone"
		done
	done
done

# What is there is not run again; jobs may be run by others and gathered.
touch -d yesterday "$dir"/shared/*.json
rm "$dir/shared/0003.json"
set -- "$night" --set vm.swappiness=10,60 --set ledgerd/oom_score_adj=-900,0,500 --set app/oom_score_adj=0,1000
"$quire" sweep --quiet -o "$dir/shared" "$@" >"$dir/again" || fail "sweep again"
cmp "$dir/table" "$dir/again" || fail "another table"
same "results made again" 1 "$(find "$dir/shared" -name '*.json' -mmin -60 | wc -l)"
"$quire" sweep -o "$dir/jobs" --list-jobs "$night" --set swap=96M,128M --set vm.swappiness=10,60 >"$dir/lines"
same "jobs" 2 "$(wc -l <"$dir/lines")"
"$quire" sweep -o "$dir/jobs" --gather "$night" --set swap=96M,128M --set vm.swappiness=10,60 >/dev/null 2>&1 &&
	fail "gathered what is not there"
if command -v parallel >/dev/null; then
	parallel --will-cite -j2 <"$dir/lines" || fail parallel
else
	sh -e "$dir/lines" || fail "the jobs"
fi
"$quire" sweep -o "$dir/jobs" --gather "$night" --set swap=96M,128M --set vm.swappiness=10,60 >"$dir/gathered" || fail gather
same "rows" 5 "$(wc -l <"$dir/gathered")"
"$quire" sweep -o "$dir/jobs" --slurm "$night" --set swap=96M,128M | grep -q '^#SBATCH --array=0-1$' || fail slurm
sh -n <<S || fail "the script for Slurm"
$("$quire" sweep -o "$dir/jobs" --slurm "$night" --set swap=96M,128M)
S
command -v python3 >/dev/null || exit 0
"$quire" whatif --quiet --json "$top/tests/tools/small.yaml" --set swap=1G --all >"$dir/json" || fail json
python3 - "$dir/json" <<'P' || fail "the JSON is wrong"
import json, sys
d = json.load(open(sys.argv[1]))
n = d["futures_of_one"]
assert n == 3 and len(d["futures"]) == 2 * n, d
assert d["futures"][n]["settings"] == ["swap=1G"], d["futures"][n]
assert d["futures"][n]["sentence"].startswith("helps"), d["futures"][n]["sentence"]
P

# What is begun is ended first: with one token, the futures of one setting of reclaim
# are all written before those of the next, so that few machines wait in memory.
"$quire" sweep --quiet --jobs 1 -o "$dir/deep" --set vm.swappiness=0,60,200 --set ledgerd/oom_score_adj=-900,0 "$night" \
	>/dev/null || fail "a deep sweep"
order=$(cd "$dir/deep" && ls -tr --time-style=full-iso ./*.json | sed 's/.*000\([0-9]\).*/\1/' | tr -d '\n')
echo "$order" | grep -Eq '^(01|10|23|32|45|54){3}$' || fail "the order of a deep sweep: $order"
