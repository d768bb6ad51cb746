#!/bin/sh
# Installs what packages.txt lists and this system lacks: says what and why,
# uses sudo only when not root, does nothing when all is there.
set -eu
list=$(dirname "$0")/../packages.txt
command -v dpkg-query >/dev/null || {
	echo "setup: this is no Debian system; see packages.txt for what Quire needs" >&2
	exit 0
}
missing=
while read -r name why; do
	case $name in '' | '#'*) continue ;; esac
	dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed && continue
	[ -n "$missing" ] || echo "Quire needs these Debian packages:"
	printf '  %-20s %s\n' "$name" "$why"
	missing="$missing $name"
done <"$list"
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" -eq 0 ] || {
	sudo=sudo
	echo "Installing them with sudo apt-get."
}
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
