#!/bin/bash
# `kernel:` in a scenario chooses the killer: one night, three kernels, three ends;
# and explain, which counts by the log's own kernel, agrees with each.
. "$(dirname "$0")/lib"
need python3
need_namespaces
night() {
	cat >"$dir/night.yaml" <<-E
		name: kernels
		length: 60s
		kernel: "$1"
		nodes: [{memory: 512M, cpus: 2}]
		processes:
		  - {name: parent, uid: 1000, rss: 150M}
		  - {name: child, uid: 1000, parent: parent, rss: 60M}
		  - name: leak
		    uid: 1000
		    oom_score_adj: -300
		    memory: [{name: m, size: 600M, kind: anon}]
		    work: [{do: grow, region: m, every: 100ms, amount: 2M}]
	E
	timeout -k 5 60 "$quire" boot --end --quiet "$dir/night.yaml" -- \
		sh -c 'cat /proc/sys/kernel/osrelease; dmesg' >"$dir/log" || fail "$1: boot"
	same "$1: release" "$2" "$(head -n 1 "$dir/log")"
	same "$1: victims" "$3" "$(sed -n 's/.*Killed process [0-9]* (\([a-z]*\)).*/\1/p' "$dir/log" | xargs)"
	"$quire" explain --all --json "$dir/log" >"$dir/json" || fail "$1: explain"
	python3 - "$dir/json" <<'P' || fail "$1: explain does not agree"
import json, sys
for r in json.load(open(sys.argv[1])):
    assert r["agreement"] in ("agree", "agree-child"), (r["agreement"], r["agreement_why"])
P
}
night 6.1 6.1.0-quire "parent leak"
night 3.10 3.10.0-quire "child leak"
night 2.6.36 2.6.36-quire "child leak"
printf 'name: x\nlength: 1s\nkernel: "9.9"\nnodes: [{memory: 512M, cpus: 1}]\n' >"$dir/bad.yaml"
"$quire" check "$dir/bad.yaml" 2>"$dir/why" && fail "a kernel of the future"
grep -q ':3: kernel: "9.9" is not a kernel' "$dir/why" || fail "the message: $(cat "$dir/why")"
