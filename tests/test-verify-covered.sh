#!/bin/sh
# Each invariant of core/verify/ has a test that breaks it on purpose and sees
# it reported.
#
# testbox_verify_reports() adds each line that a test expected to the file
# QUIRE_VERIFY_REPORTS, which run.sh makes for the tests it runs before this
# one; here each format of broken() in core/verify/ must match one of them.
set -eu
cd "$(dirname "$0")/.."
[ -s "${QUIRE_VERIFY_REPORTS:-/dev/null}" ] || {
	echo "no unit test ran before: make check runs them in order"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sort -u "$QUIRE_VERIFY_REPORTS" >"$dir/reports"
# The formats: the literal after "broken(v," and its like, with those that
# continue it.  What bad_entry() is told ends a line.
for f in core/verify/verify_*.c; do
	tr '\n\t' '  ' <"$f" | awk -v file="$f" '{
		while (match($0, /(broken\((w->)?v,|bad_entry\(w, addr,)/)) {
			format = substr($0, RSTART, 3) == "bad" ? "%s" : ""
			$0 = substr($0, RSTART + RLENGTH)
			if (!match($0, /^ *"/))
				continue
			while (match($0, /^ *"([^"\\]|\\.)*"/)) {
				part = substr($0, 1, RLENGTH)
				$0 = substr($0, RLENGTH + 1)
				sub(/^ *"/, "", part)
				sub(/"$/, "", part)
				format = format part
			}
			print file "\t" format
		}
	}'
done >"$dir/formats"
total=$(wc -l <"$dir/formats")
missing=0
tab=$(printf "\t")
while IFS="$tab" read -r file format; do
	regex=$(printf '%s' "$format" | sed -e 's/\\"/"/g' -e 's/[].*^$(){}+?|[\\]/\\&/g' \
		-e 's/%[#0-9]*l*[cdsux]/.*/g')
	grep -Eqx -- "$regex" "$dir/reports" || {
		echo "$file: no test breaks: $format"
		missing=$((missing + 1))
	}
done <"$dir/formats"
echo "$((total - missing)) of $total invariants are broken by a test and reported"
[ "$missing" -eq 0 ]
