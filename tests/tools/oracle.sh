#!/bin/sh
# The model on recorded scenarios: what agreed with the kernel exactly
# (oracle/agrees.txt: derived numbers, victims in their order) still does; and
# the commands' own errors.  No QEMU is needed.
. "$(dirname "$0")/lib"
[ -d "$top/oracle/results" ] || skip "no recorded results in oracle/results"
cd "$top" || exit 1
expect() { # STATUS TEXT COMMAND...
	status=$1 text=$2
	shift 2
	"$@" >"$dir/out" 2>&1
	same "status of $*" "$status" $?
	grep -q -- "$text" "$dir/out" || fail "$* does not say \"$text\": $(cat "$dir/out")"
}

# What is on the list; TMPDIR holds the model's outputs for a moment.
TMPDIR=$dir timeout 280 "$quire" oracle fidelity --agrees oracle/agrees.txt >/dev/null 2>"$dir/err"
rc=$?
[ "$rc" -eq 0 ] || fail "oracle/agrees.txt: status $rc: $(grep -v ' of ' "$dir/err")"
[ "$(grep -c ' of ' "$dir/err")" -ge 30 ] || fail "fewer than thirty recorded scenarios"
grep -q . oracle/agrees.txt || fail "oracle/agrees.txt is empty"

# The kernel agrees with itself, and not with another machine's.
a=oracle/results/b-oom/6.1/out.txt.gz
b=oracle/results/c-swap/6.1/out.txt.gz
expect 0 "(100.0 %)" "$quire" oracle compare $a $a
expect 1 DIFFERS "$quire" oracle compare $a $b
expect 1 '"verdict": "DIFFERS"' "$quire" oracle compare --json $a $b
gzip -dc $a | sed 's/^\(pgfault\) 1\(.....\)$/\1 2\2/' >"$dir/doctored"
expect 1 pgfault "$quire" oracle compare $a "$dir/doctored"
# A list that asks for more than there is.
printf 'b-oom\tvictim 1\t-\nb-oom\twatermarks\tstart\n' >"$dir/list"
expect 0 b-oom "$quire" oracle fidelity --agrees "$dir/list" b-oom
# Every command of the language answers as the guest does.
answers() { grep -a '^@@ok\|^@@bad\|^@@loop' | sed 's/ ns=[0-9]*//; s/ pid=[0-9]*//; s/ took=.*//'; }
gzip -dc oracle/results/all-commands/6.1/out.txt.gz | answers >"$dir/kernel"
"$quire" oracle run oracle/scenarios/all-commands.txt | answers >"$dir/model"
cmp "$dir/kernel" "$dir/model" || fail "commands answer otherwise: $(diff "$dir/kernel" "$dir/model")"
# Wrong calls.
expect 2 "no name of a scenario" "$quire" oracle compare ../x
expect 2 "No such file" "$quire" oracle compare no-such-scenario
expect 2 "no output of a scenario" "$quire" oracle compare $a README.md
expect 2 usage "$quire" oracle compare
expect 2 "no such result" "$quire" oracle fidelity no-such-scenario
expect 2 "no positive number" "$quire" oracle fidelity -j none
expect 0 usage "$quire" oracle fidelity --help
# What operators ask: each change has the direction and the size that the kernel gives it.
expect 0 "6 of 6 signs agree, 6 sizes" "$quire" oracle questions swap-more zswap
expect 0 "43 of 43 signs agree, 43 sizes" "$quire" oracle questions
expect 2 "0 of 0 signs" "$quire" oracle questions no-such-question
# Two runs of the model are the same to the byte, whoever runs beside.
for i in 1 2; do
	mkdir "$dir/$i"
	"$quire" oracle fidelity -o "$dir/$i/f.md" c-swap i-memcg 2>/dev/null
done
cmp "$dir/1/f.md" "$dir/2/f.md" || fail "two documents differ"
cmp "$dir/1/f.tsv.gz" "$dir/2/f.tsv.gz" || fail "two tables differ"
