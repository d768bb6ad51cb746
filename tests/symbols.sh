#!/bin/sh
# symbols.sh core OBJECT     what core/ needs from outside: nothing but the four
#                            memory functions that a compiler may call itself
# symbols.sh archive FILE    what the archive exports: only quire_*
set -u
case ${1:-} in
core)
	extra=$(nm -u "$2" | awk '{print $2}' | grep -vxE 'memcpy|memset|memmove|memcmp' || true)
	[ -z "$extra" ] || {
		echo "core/ needs symbols that are not the port's:"
		echo "$extra"
		exit 1
	}
	echo "core/ needs memcpy, memset, memmove, memcmp and the port's table; nothing else"
	# Writable data would be a global that two instances share.
	data=$(nm "$2" | awk '$2 ~ /^[dDbBC]$/ {print $3}' | grep -v '^\.' || true)
	[ -z "$data" ] || {
		echo "core/ has mutable globals:"
		echo "$data"
		exit 1
	}
	;;
archive)
	extra=$(nm -g --defined-only "$2" | awk 'NF == 3 {print $3}' | grep -v '^quire_' || true)
	[ -z "$extra" ] || {
		echo "$2 exports more than quire_*:"
		echo "$extra"
		exit 1
	}
	count=$(nm -g --defined-only "$2" | awk 'NF == 3' | wc -l)
	[ "$count" -gt 0 ] || {
		echo "$2 exports nothing"
		exit 1
	}
	echo "$2 exports $count symbols, all quire_*"
	;;
*)
	echo "usage: symbols.sh core|archive FILE" >&2
	exit 2
	;;
esac
