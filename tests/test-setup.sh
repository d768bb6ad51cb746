#!/bin/sh
# scripts/setup.sh with a dpkg-query, an apt-get and a sudo that only write down
# what they were asked for: nothing when all is there; what and why, then one
# installation, when something is missing; a mend when that fails.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/there"
cat >"$dir/bin/dpkg-query" <<EOF2
#!/bin/sh
for name; do :; done
[ -e "$dir/there/\$name" ] && echo installed
EOF2
cat >"$dir/bin/apt-get" <<EOF2
#!/bin/sh
echo "apt-get \$*" >>"$dir/calls"
[ ! -e "$dir/offline" ] || { echo "E: no network" >&2; exit 100; }
[ "\$1" = install ] || exit 0
for name; do case \$name in -* | install) ;; *) : >"$dir/there/\$name" ;; esac; done
EOF2
cat >"$dir/bin/sudo" <<EOF2
#!/bin/sh
echo "sudo" >>"$dir/calls"
exec "\$@"
EOF2
cat >"$dir/bin/id" <<EOF2
#!/bin/sh
cat "$dir/uid"
EOF2
chmod +x "$dir/bin/"*
printf '# a comment\n\nalpha   the first thing\nbeta    the second\n' >"$dir/list"
PATH=$dir/bin:$PATH
run() {
	: >"$dir/calls"
	rc=0
	sh scripts/setup.sh "$dir/list" >"$dir/out" 2>&1 || rc=$?
}
fail() {
	echo "$1; it said (exit $rc):"
	cat "$dir/out" "$dir/calls"
	exit 1
}
echo 1000 >"$dir/uid"
: >"$dir/there/alpha"
run
[ $rc -eq 0 ] || fail "the missing package was not installed"
grep -q 'beta  *the second' "$dir/out" || fail "what and why is not said"
! grep -q alpha "$dir/out" || fail "what is there is named"
grep -q sudo "$dir/calls" || fail "no sudo for an ordinary user"
[ -e "$dir/there/beta" ] || fail "beta is not there"
run
[ $rc -eq 0 ] && [ ! -s "$dir/out" ] && [ ! -s "$dir/calls" ] || fail "all is there: not silent"
rm "$dir/there/beta"
echo 0 >"$dir/uid"
run
! grep -q sudo "$dir/calls" || fail "root needs no sudo"
rm "$dir/there/beta"
: >"$dir/offline"
run
[ $rc -eq 1 ] || fail "a failed installation is not reported"
grep -q 'E: no network' "$dir/out" || fail "the reason is not shown"
grep -q 'by hand: apt-get install beta' "$dir/out" || fail "no mend"
# The real list: each line has a reason.
awk '!/^#/ && NF && NF < 3 {print; bad = 1} END {exit bad}' packages.txt
echo "setup says what it installs and why"
