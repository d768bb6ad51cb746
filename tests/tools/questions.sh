#!/bin/sh
# The questions that operators ask (docs/questions): each page's commands are run,
# and what they print is what the page shows, but for numbers, which follow the
# model.  `--update` writes the pages anew.
. "$(dirname "$0")/lib"
update=
[ "${1:-}" = --update ] && update=1
mkdir "$dir/bin" && ln -s "$quire" "$dir/bin/quire"
PATH=$dir/bin:$PATH
can_boot=1
boot -- true >/dev/null 2>&1 || can_boot=
shape() {
	sed -E 's/[0-9][0-9.,:]*( (ns|us|ms|s|B|KB|MB|GB|min))?/N/g; s/ +/ /g; s/-+/-/g; s/ +$//' "$1"
}
cd "$top" || exit 1
for page in docs/questions/*.md; do
	name=$(basename "$page" .md)
	[ -f "examples/$name.yaml" ] || fail "$page has no example"
	awk -v dir="$dir" '
		/^    \$ / {n++; print substr($0, 7) >(dir "/command" n); next}
		n && /^    / {print substr($0, 5) >(dir "/shown" n); next}
		END {print n + 0 >(dir "/count")}' "$page"
	[ "$(cat "$dir/count")" -gt 0 ] || fail "$page asks nothing"
	i=1
	while [ $i -le "$(cat "$dir/count")" ]; do
		touch "$dir/shown$i"
		if [ -z "$can_boot" ] && grep -q 'quire boot' "$dir/command$i"; then
			cp "$dir/shown$i" "$dir/told$i"
		else
			rm -rf /tmp/quire-how-much-swap
			timeout 100 sh -c "$(cat "$dir/command$i")" >"$dir/told$i" 2>"$dir/err" </dev/null ||
				[ -s "$dir/told$i" ] || fail "$page: $(cat "$dir/err")"
		fi
		shape "$dir/told$i" >"$dir/a"
		shape "$dir/shown$i" >"$dir/b"
		[ -n "$update" ] || diff "$dir/b" "$dir/a" >"$dir/diff" ||
			fail "$page shows another answer (tests/tools/questions.sh --update): $(cat "$dir/diff")"
		i=$((i + 1))
	done
	if [ -n "$update" ]; then
		awk -v dir="$dir" '
			/^    \$ / {print; n++; while ((getline l <(dir "/told" n)) > 0) {sub(/ +$/, "", l); print "    " l}; skip = 1; next}
			skip && /^    / {next}
			{skip = 0; print}' "$page" >"$dir/page" && cp "$dir/page" "$page"
	fi
	rm -f "$dir"/command* "$dir"/shown* "$dir"/told*
done
rm -rf /tmp/quire-how-much-swap
exit 0
