#!/bin/bash
# quire explain reads what the machine itself prints when it runs out of memory,
# and agrees with it about the victim.
. "$(dirname "$0")/lib"
need python3
boot --end -- dmesg >"$dir/log" || fail "dmesg"
victim=$(sed -n 's/.*Killed process \([0-9]*\) (.*/\1/p' "$dir/log" | tail -1)
[ -n "$victim" ] || fail "nobody was killed"
"$quire" explain --last "$dir/log" >"$dir/text" || fail "explain"
grep -q "(pid $victim) was killed" "$dir/text" || fail "the text does not name the victim"
"$quire" explain --all --json "$dir/log" >"$dir/json" || fail "explain --json"
python3 - "$dir/json" "$victim" <<'P' || fail "the data"
import json, sys
reports = json.load(open(sys.argv[1]))
full = [r for r in reports if r["tasks"]]
assert full and all(r["agreement"].startswith("agree") for r in full), [r["agreement"] for r in full]
assert reports[-1]["victim"]["pid"] == int(sys.argv[2])
assert all(r["complete"] for r in full)
assert all(r["model"]["verdict"].startswith("agree") for r in full), [r["model"] for r in full]
P
# The last by default, from a pipe too; and how many there are.
"$quire" explain --json <"$dir/log" >"$dir/json" || fail "explain of a pipe"
python3 - "$dir/json" "$victim" <<'P' || fail "the last"
import json, sys
last, = json.load(open(sys.argv[1]))
assert last["victim"]["pid"] == int(sys.argv[2]) and last["reports"] >= 1
P
name=$(sed -n 's/.*Killed process [0-9]* (\(.*\)) total.*/\1/p' "$dir/log" | tail -1)
"$quire" explain --adj "$victim=-1000" "$dir/log" | grep -q "would have died" || fail "--adj"
"$quire" explain --adj "$name=7000" "$dir/log" 2>/dev/null
[ $? -eq 2 ] || fail "an oom_score_adj that there is not"
echo "nothing" | "$quire" explain 2>/dev/null
[ $? -eq 1 ] || fail "a log without a report"
"$quire" explain "$dir/none" 2>/dev/null
[ $? -eq 2 ] || fail "a file that is not there"
# What is no log: a directory, nothing, what must be made text first; gigabytes of
# nothing cost time only.
"$quire" explain "$dir" 2>"$dir/err"
[ $? -eq 2 ] && grep -q "Is a directory" "$dir/err" || fail "a directory: $(cat "$dir/err")"
"$quire" explain </dev/null 2>"$dir/err"
[ $? -eq 1 ] && grep -q "no report" "$dir/err" || fail "an empty file"
"$quire" explain --no-model "$dir/log" >"$dir/plain" || fail "explain --no-model"
gzip -c "$dir/log" >"$dir/log.gz"
"$quire" explain --no-model "$dir/log.gz" | cmp -s - "$dir/plain" || fail "a gzip file"
"$quire" explain --no-model <"$dir/log.gz" | cmp -s - "$dir/plain" || fail "gzip from a pipe"
head -c $(($(stat -c %s "$dir/log.gz") - 20)) "$dir/log.gz" >"$dir/cut.gz"
"$quire" explain --no-model "$dir/cut.gz" >/dev/null || fail "a gzip file that is cut off"
{ head -c $(($(stat -c %s "$dir/log.gz") - 8)) "$dir/log.gz"; echo its sums; } >"$dir/bad.gz"
"$quire" explain "$dir/bad.gz" 2>"$dir/err" >&2
[ $? -eq 2 ] && grep -q "damaged gzip data" "$dir/err" || fail "a damaged gzip file: $(cat "$dir/err")"
printf '\3757zXZ\0..' >"$dir/log.xz"
"$quire" explain "$dir/log.xz" 2>"$dir/err"
[ $? -eq 2 ] && grep -q "xz -dc" "$dir/err" || fail "an xz file: $(cat "$dir/err")"
(ulimit -v 500000; head -c 100M /dev/zero | "$quire" explain 2>/dev/null)
[ $? -eq 1 ] || fail "zeros"
