#!/bin/sh
# Installs what packages.txt lists and this system lacks: says what and why,
# uses sudo only when not root, does nothing (and needs no network) when all is
# there.  Ends with 1 if something is missing still; the mend is printed.
set -u
list=${1:-$(dirname "$0")/../packages.txt}
command -v dpkg-query >/dev/null || {
	echo "setup: this is no Debian system; see packages.txt for what Quire needs" >&2
	exit 0
}
installed() {
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}
# Names of what is missing, after a line each to stdout if asked for.
missing=
find_missing() {
	missing=
	while read -r name why; do
		case $name in '' | '#'*) continue ;; esac
		installed "$name" && continue
		[ -n "$missing" ] || echo "$1"
		printf '  %-20s %s\n' "$name" "$why"
		missing="$missing $name"
	done <"$list"
}
find_missing "Quire needs these Debian packages:"
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null || {
		echo "setup: neither root nor sudo: have someone run: apt-get install$missing" >&2
		exit 1
	}
	echo "Installing them with sudo apt-get."
else
	echo "Installing them with apt-get."
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
{
	# Without the network, old lists or the cache may still do.
	$sudo apt-get update -qq || true
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
} >"$log" 2>&1
find_missing "setup: these could not be installed:" >&2
[ -n "$missing" ] || exit 0
{
	echo "What apt-get said:"
	tail -n 10 "$log" | sed 's/^/  /'
	echo "Mend that, or install them by hand: apt-get install$missing"
} >&2
exit 1
