#!/bin/sh
# The whole night of examples/three-am.yaml: its time on this machine.
set -eu
build=$1
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$build/quire" run examples/three-am.yaml >"$out" 2>/dev/null
boot=$(sed -n 's/.*(booted in \([0-9.]*\) s, ran in \([0-9.]*\) s).*/\1/p' "$out")
ran=$(sed -n 's/.*(booted in \([0-9.]*\) s, ran in \([0-9.]*\) s).*/\2/p' "$out")
met() { awk -v v="$1" -v g="$2" 'BEGIN {print v < g ? "true" : "false"}'; }
printf '{"name": "three-am: boot and start 1000 processes", "value": %s, "unit": "s", "peer": null, "peer_value": null, "ratio": null, "goal": null, "met": null}\n' "$boot"
printf '{"name": "three-am: the whole night", "value": %s, "unit": "s", "peer": null, "peer_value": null, "ratio": null, "goal": "<30", "met": %s}\n' "$ran" "$(met "$ran" 30)"
