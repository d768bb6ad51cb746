#!/bin/sh
# A machine saved to a file is the machine: what goes on from it is the night to the
# byte, also from a save of a restored one, in whatif, sweep, boot and who.
. "$(dirname "$0")/lib"
night=$top/tests/machine/night.yaml
"$quire" run --quiet --events "$dir/events" --json "$dir/json" --save "$dir/at" --at 02:59 "$night" || fail run
# Saving changes nothing, and what is restored goes on as if it had not been away.
"$quire" run --quiet --events "$dir/plain" "$night" || fail plain
cmp "$dir/plain" "$dir/events" || fail "saving changes the night"
"$quire" run --quiet --verify --events "$dir/events2" --json "$dir/json2" "$dir/at" 2>"$dir/err" || fail "restore: $(cat "$dir/err")"
cmp "$dir/events" "$dir/events2" || fail "another night after restoring"
cmp "$dir/json" "$dir/json2" || fail "another night after restoring"
"$quire" run --quiet --until 2m30s --save "$dir/again" "$dir/at" || fail "save of a restored one"
"$quire" run --quiet --events "$dir/events3" "$dir/again" || fail "restore twice"
cmp "$dir/events" "$dir/events3" || fail "another night after two saves"

# Futures of it: the first is the night, others may differ.
"$quire" whatif --quiet -o "$dir/w" "$dir/at" --set ledgerd/oom_score_adj=-900 >"$dir/table" || fail whatif
cmp "$dir/events" "$dir/w/0000.events" || fail "whatif: another night"
cmp -s "$dir/events" "$dir/w/0001.events" && fail "whatif: the setting did nothing"
"$quire" sweep --quiet -o "$dir/s" --set vm.swappiness=0,200 "$dir/at" >"$dir/table" || fail sweep
grep -q 'vm.swappiness=200' "$dir/table" || fail "sweep's table"
"$quire" sweep --quiet -o "$dir/s2" --set nodes=1,2 "$dir/at" 2>"$dir/err" && fail "nodes of a machine that runs"
grep -q "can't be changed while the machine runs" "$dir/err" || fail "$(cat "$dir/err")"
"$quire" who "$dir/at" >"$dir/who" || fail who
grep -q ledgerd "$dir/who" || fail "who: $(cat "$dir/who")"
"$quire" boot --quiet --no-fuse "$dir/at" -- sh -c 'cut -d" " -f1 /proc/uptime' >"$dir/uptime" || fail boot
[ "$(cut -d. -f1 "$dir/uptime")" -gt 100 ] || fail "boot: up for $(cat "$dir/uptime") s"

# What can't be read is said.
head -c 1000000 "$dir/at" >"$dir/cut"
"$quire" run "$dir/cut" 2>"$dir/err" && fail "half a machine"
grep -q 'cut off' "$dir/err" || fail "$(cat "$dir/err")"
cp "$dir/at" "$dir/other"
printf '\1\2\3' | dd of="$dir/other" bs=1 seek=16 conv=notrunc 2>/dev/null
"$quire" run "$dir/other" 2>"$dir/err" && fail "another build's machine"
grep -q 'another build' "$dir/err" || fail "$(cat "$dir/err")"
"$quire" run --seed 4 "$dir/at" 2>"$dir/err" && fail "a seed"
grep -q 'has its seed' "$dir/err" || fail "$(cat "$dir/err")"
"$quire" run --save /nowhere/x --until 1m "$spec" >/dev/null 2>"$dir/err" && fail "saved to nowhere"
grep -q "can't be saved" "$dir/err" || fail "$(cat "$dir/err")"

# What a machine keeps must be of its own heap: malloc()'s has no fixed address.
for part in model sched disk mmu watch content; do
	echo "$top/port/model/$part.c"
done >"$dir/parts"
for part in machine disks events record process work scenario setting_scenario files capture_build capture_fill capture_load \
	capture_parse capture_parse_zones capture_plan capture_read capture_zones; do
	echo "$top/machine/$part.c"
done >>"$dir/parts"
xargs grep -nE '(^|[^_a-z>.])(malloc|calloc|realloc|strdup)\(' <"$dir/parts" && fail "memory that a saved machine would lose"
exit 0
