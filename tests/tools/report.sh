#!/bin/sh
# quire report: the page opens without a network, draws all its sections in a
# browser, in light and dark, and says what is missing.
. "$(dirname "$0")/lib"
"$quire" run --quiet --record --json "$dir/night.json" "$top/tests/machine/night.yaml" || fail run
"$quire" report 2>"$dir/err" && fail "a report of nothing"
grep -q 'needs a RUN' "$dir/err" || fail "no RUN: $(cat "$dir/err")"
"$quire" report "$spec" -o "$dir/x.html" 2>"$dir/err" && fail "a report of a scenario"
grep -q 'make it with quire run --record --json' "$dir/err" || fail "a scenario: $(cat "$dir/err")"
[ ! -e "$dir/x.html" ] || fail "a page of a scenario"
QUIRE_REPORT=/no/such/dir "$quire" report "$dir/night.json" -o "$dir/x.html" 2>"$dir/err" && fail "a page without its script"
grep -q 'make report-assets' "$dir/err" || fail "no script: $(cat "$dir/err")"
[ ! -e "$dir/x.html" ] || fail "a page without its script"
if [ ! -e "$top/build/report/report.js" ]; then
	need npm
	make -s -C "$top" report-assets >"$dir/out" 2>&1 || skip "the page's script can't be built: $(tail -n 1 "$dir/out")"
fi
"$quire" report "$dir/night.json" -o "$dir/night.html" || fail report
grep -q '<title>small-night - quire</title>' "$dir/night.html" || fail "no title"
grep -qE '(src|href)="?https?:' "$dir/night.html" && fail "the page needs a network"
# A name in the run can't end the script that holds it.
sed 's/"name": "small-night"/"name": "<\/script><b>x"/' "$dir/night.json" >"$dir/hostile.json"
"$quire" report "$dir/hostile.json" -o "$dir/hostile.html" || fail "a hostile name"
same "scripts" 2 "$(grep -o '</script>' "$dir/hostile.html" | wc -l)"
need chromium
browse() {
	timeout 100 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$dir/browser" \
		--window-size=1280,4200 --virtual-time-budget=5000 "$@" "file://$dir/night.html" 2>"$dir/err"
}
browse --dump-dom >"$dir/dom" || skip "chromium does not run here: $(tail -n 1 "$dir/err")"
grep -q 'data-ready="yes"' "$dir/dom" || fail "the script failed: $(grep -i error "$dir/err" | head -n 3)"
for title in 'Who was killed' 'Memory over the night' 'Who holds it' Pressure 'Swap, zswap and faults' Nodes \
	'Physical memory' Slab 'What happened'; do
	grep -q "<h2>$title" "$dir/dom" || fail "no section: $title"
done
[ "$(grep -o '<canvas' "$dir/dom" | wc -l)" -ge 13 ] || fail "charts are missing"
grep -q 'ledgerd (' "$dir/dom" || fail "the kill is not on the page"
grep -q 'anonymous</td>' "$dir/dom" || fail "the map was not drawn"
# Another night beside it: in the charts of memory, pressure, swap, faults.
"$quire" whatif --quiet --no-range -o "$dir/w" "$top/tests/machine/night.yaml" --set vm.swappiness=10 >/dev/null ||
	fail whatif
"$quire" report "$dir/w/0000.night.json" "$dir/w/0001.night.json" -o "$dir/beside.html" || fail "report of two"
timeout 100 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$dir/browser" --window-size=1280,4200 \
	--virtual-time-budget=5000 --dump-dom "file://$dir/beside.html" >"$dir/dom2" 2>"$dir/err"
for label in 'free, ' 'some, ' 'swap, ' 'out to the device, ' 'major, ' 'anonymous, '; do
	grep -q ">$label[^<]*swappiness=10<" "$dir/dom2" || fail "the other night is not beside: $label"
done
# A picture in each theme: not blank, and not the same.
browse --screenshot="$dir/light.png" || fail "no picture"
browse --force-dark-mode --blink-settings=preferredColorScheme=0 --screenshot="$dir/dark.png" || fail "no dark picture"
for p in light dark; do
	[ "$(wc -c <"$dir/$p.png")" -gt 60000 ] || fail "the $p picture is nearly blank"
done
cmp -s "$dir/light.png" "$dir/dark.png" && fail "dark is light"
# Without colour: in each chart every line has a dash and every layer a hatch of its
# own, shown in the legend; kinds of memory are as far apart in lightness as they can be.
need python3
python3 - "$dir/night.html" "$dir/dom" "$dir/dom2" <<'P' || fail "without colour"
import re, sys
page, *doms = (open(f, encoding="utf-8").read() for f in sys.argv[1:])
hatches = set()
for dom in doms:
    legends = re.findall(r'<table class="u-legend.*?</table>', dom, re.S)
    assert len(legends) >= 9, len(legends)
    for legend in legends:
        rows = re.findall(r'<tr class="u-series.*?</tr>', legend, re.S)[1:]
        marks = [re.search(r'data-mark="([^"]+)"', row) for row in rows]
        assert rows and all(marks), legend
        marks = [m.group(1) for m in marks]
        assert len(set(marks)) == len(marks), marks
        for mark, row in zip(marks, rows):
            if mark[0].isalpha() and mark != "solid":
                hatches.add(mark)
                assert "data:image/png" in row, row
            else:
                dash = re.search(r'stroke-dasharray="([^"]*)"', row).group(1)
                assert (dash or "solid") == mark, row
assert len(hatches) == 6, hatches
kinds = "free cache slab tables kernel shared anon reserved".split()
themes = {}
for kind in kinds:
    values = re.findall(r"--%s: *#([0-9a-f]{6})" % kind, page)
    assert len(values) == 3 and values[1] == values[2], (kind, values)
    for theme, v in enumerate(values[:2]):
        r, g, b = (int(v[i:i + 2], 16) for i in (0, 2, 4))
        themes.setdefault(theme, []).append((0.2126 * r + 0.7152 * g + 0.0722 * b, kind))
for lumas in themes.values():
    lumas.sort()
    for (a, x), (b, y) in zip(lumas, lumas[1:]):
        assert b - a >= 20, (x, y, a, b)
P
exit 0
