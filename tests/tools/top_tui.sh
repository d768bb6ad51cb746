#!/bin/sh
# quire top in a pseudo-terminal: its pages, steps, save and back, sizes.
. "$(dirname "$0")/lib"
"$quire" top "$spec" </dev/null 2>"$dir/err" && fail "top without a terminal"
grep -q 'needs a terminal' "$dir/err" || fail "no terminal: $(cat "$dir/err")"
python=/usr/bin/python3
[ -x $python ] || python=python3
need $python
$python -c 'import pyte' 2>/dev/null || skip "there is no python3-pyte here"
cd "$dir" || fail "no folder"
timeout 200 $python "$here/top_tui.py" "$quire" "$spec" || fail "the terminal view"
