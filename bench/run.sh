#!/bin/sh
# bench/run.sh BUILD PROGRAM...: runs the benchmarks, prints a table and writes
# BUILD/bench.json: a list of cases, each with name, value, unit, the peer or
# floor it was measured beside in the same run with its value, the ratio, the
# goal and whether it was met (null where there is none); where the ratio has a goal
# of its own, ratio_goal and ratio_met.  What was missed is said at the end.
set -u
build=$1
shift
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
status=0
for program in "$@" "$(dirname "$0")/malloc.sh" "$(dirname "$0")/night.sh" \
	"$(dirname "$0")/pressure.sh" \
	"$(dirname "$0")/tools.sh" "$(dirname "$0")/who.sh"; do
	echo "  bench $program" >&2
	case $program in
	*.sh) bash "$program" "$build" ;;
	*) "$program" ;;
	esac >"$lines.one" || status=1
	grep '^{' "$lines.one" >>"$lines"
done
rm -f "$lines.one"
{
	echo '['
	sed '$!s/$/,/; s/^/  /' "$lines"
	echo ']'
} >"$build/bench.json"
# A text may hold commas, a number ends at one.
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p; t; s/.*\"$1\": *\([^,}]*\).*/\1/p"; }
row() { printf '%-52s %12s %-8s %-22s %12s %8s %10s %-5s %5s %s\n' "$@"; }
row case value unit beside value ratio goal met ratio met
while read -r line; do
	row \
		"$(echo "$line" | field name)" "$(echo "$line" | field value)" "$(echo "$line" | field unit)" \
		"$(echo "$line" | field peer)" "$(echo "$line" | field peer_value)" \
		"$(echo "$line" | field ratio)" "$(echo "$line" | field goal)" "$(echo "$line" | field met)" \
		"$(echo "$line" | field ratio_goal)" "$(echo "$line" | field ratio_met)"
done <"$lines"
echo "$(grep -c '"goal": *[0-9]' "$lines") goals, $(grep -c 'met": *false' "$lines") of them missed:"
grep 'met": *false' "$lines" | field name | sed 's/^/  /'
echo "written to $build/bench.json"
exit $status
