#!/bin/sh
# The command line: help, statuses, and errors that name the mend.
. "$(dirname "$0")/lib"
# wrong STATUS PATTERN ARGS...
wrong() {
	expected=$1 pattern=$2
	shift 2
	timeout 60 "$quire" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	same "status of quire $*" "$expected" $?
	grep -q -- "$pattern" "$dir/err" || fail "quire $*: $(cat "$dir/err")"
}
for c in run boot check; do
	"$quire" $c --help | grep -q '^Example' || fail "$c --help has no examples"
done
"$quire" help | grep -q '  boot ' || fail "help"
wrong 2 'there is no command "bot"' bot
wrong 2 'boot needs a SPEC' boot
wrong 2 'write -- before the command: -- free' boot "$spec" free
wrong 2 'as 02:58' boot --at yesterday "$spec" -- true
wrong 2 'give one of them' boot --at 1m --end "$spec" -- true
wrong 2 'write a number, as 60' boot --live=fast "$spec" -- true
wrong 2 'give --live or --no-fuse' boot --live --no-fuse "$spec" -- true
wrong 2 'not a number' boot --seed x "$spec" -- true
wrong 2 'cannot be opened' boot "$dir/none.yaml" -- true
wrong 2 'quire boot --help' boot --nonsense "$spec" -- true
printf 'name: x\nlength: 1h\nnodes:\n  - {memory: 32X, cpus: 1}\n' >"$dir/bad.yaml"
wrong 2 'bad.yaml:4: nodes\[0\].memory: "32X" is not a size' boot "$dir/bad.yaml" -- true
wrong 2 'nothing was run' run "$dir/bad.yaml"
wrong 1 "can't be written" run --quiet --json /no/such/dir/x "$spec"
"$quire" run --quiet --json "$dir/a.json" "$spec" && "$quire" run --quiet --json "$dir/b.json" "$spec" || fail "run --json"
cmp "$dir/a.json" "$dir/b.json" || fail "two nights of one seed differ"
grep -q '"comm": "leak"' "$dir/a.json" || fail "the kill is not in the JSON"
command -v python3 >/dev/null || exit 0
python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert len(d["samples"]) == 11 and len(d["kills"]) == 1' \
	"$dir/a.json" || fail "the JSON is wrong"
