#!/bin/bash
# SPDX-License-Identifier: MIT
# record.sh - boots every scenario on every kernel and keeps what they said in
# oracle/results.
#
#   oracle/record.sh [-j N] [-k KERNEL]... [NAME[@TAG]...]
#
# Without names: every scenario and every shape of shapes.txt.  Without -k: 6.1
# and 6.12, but scenarios *-classic, which switch the multi-generational LRU
# off, have no meaning on 6.1, and *-gen, which switch it on, none on 6.12.  A run that fails leaves its old result.
set -eu
cd "$(dirname "$0")"
jobs=$(nproc) kernels=
while getopts j:k: opt; do
	case $opt in
	j) jobs=$OPTARG ;;
	k) kernels="$kernels $OPTARG" ;;
	*) sed -n '3,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
kernels=${kernels:-6.1 6.12}

if [ $# -eq 0 ]; then
	set -- $(cd scenarios && ls *.txt | sed 's/\.txt$//') $(sed -n 's/^\([^# ]*@[^ ]*\) .*/\1/p' shapes.txt)
fi

# One line a run: NUMBER NAME[@TAG] KERNEL
list=$(
	for k in $kernels; do
		for s in "$@"; do
			case $k$s in 6.1[!2]*-classic | 6.12*-gen) continue ;; esac
			echo "$s $k"
		done
	done | nl -w1 -s' '
)
total=$(echo "$list" | wc -l)
echo "oracle: $total runs, $jobs at a time; a run takes 10 to 60 seconds"

one() { # NUMBER NAME[@TAG] KERNEL
	local name=${2%%@*} tag= shape=
	case $2 in
	*@*)
		tag=${2#*@}
		shape=$(sed -n "s/^$2  *//p" shapes.txt)
		[ -n "$shape" ] || { echo "oracle: shapes.txt has no $2"; return 1; }
		;;
	esac
	set -o pipefail
	# shellcheck disable=SC2086 # shape is several words
	python3 run.py run "scenarios/$name.txt" --kernel "$3" --record ${tag:+--tag "$tag"} $shape 2>&1 |
		sed -u "1s|^|[$1/$total] |"
}
export -f one
export total
echo "$list" | xargs -P "$jobs" -L 1 bash -c 'one "$@"' _
