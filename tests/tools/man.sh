#!/bin/sh
# The man pages are clean, and name each command, option and key that there is.
. "$(dirname "$0")/lib"
need mandoc
for page in quire.1 quire-scenario.5 libquire-malloc.7; do
	mandoc -Tlint -Wwarning "$top/man/$page" || fail "$page"
	mandoc -Tutf8 "$top/man/$page" | sed 's/.\x08//g' >"$dir/$page"
done
for c in run boot check capture; do
	for option in $("$quire" $c --help | grep -Eo '^  (-., )?--[a-z-]+' | grep -Eo -- '--[a-z-]+'); do
		grep -q -- "$option" "$dir/quire.1" || fail "quire(1) lacks $option of $c"
	done
done
for c in compare fidelity; do
	for option in $("$quire" oracle $c --help | grep -Eo -- '--[a-z-]+' | sort -u); do
		grep -q -- "$option" "$dir/quire.1" || fail "quire(1) lacks $option of oracle $c"
	done
done
for key in $(grep -Eo '(STRING|VALUE|NEEDED_VALUE|CYAML_FIELD_[A-Z_]+)\("[a-z_]+"' "$top/machine/scenario_schema.c" | sed 's/.*"\(.*\)"/\1/'); do
	grep -qw -- "$key" "$dir/quire-scenario.5" || fail "quire-scenario(5) lacks $key"
done
