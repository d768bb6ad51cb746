#!/bin/sh
# An hour of a thousand processes on 128 GB under steady pressure: how long it takes here.
set -eu
build=$1
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$build/quire" run bench/pressure.yaml >"$out" 2>/dev/null
ran=$(sed -n 's/.*(booted in \([0-9.]*\) s, ran in \([0-9.]*\) s).*/\2/p' "$out")
awk -v v="$ran" 'BEGIN {printf "{\"name\": \"pressure: an hour of 1,000 processes on 128 GB\", \"value\": %s, \"unit\": \"s\", \"peer\": null, \"peer_value\": null, \"ratio\": null, \"goal\": \"<60\", \"met\": %s}\n", v, v < 60 ? "true" : "false"}'
