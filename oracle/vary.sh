#!/bin/bash
# SPDX-License-Identifier: MIT
# vary.sh - how far the kernel moves by itself: boots scenarios with other seeds
# and in threaded mode, then writes oracle/results/variance.txt: what it said of
# scenarios that have no such runs in build/oracle/vary stays.
#
#   oracle/vary.sh [-j N] [-k KERNEL] [-s "SEED..."] [-t "SEED..."] NAME...
#
# -s are seeds of runs in mode det (2 3), -t of threaded ones (1 2 3).
set -eu
cd "$(dirname "$0")"
B=${ORACLE_BUILD:-../build/oracle}
jobs=1 kernel=6.1 seeds="2 3" threads="1 2 3"
while getopts j:k:s:t: opt; do
	case $opt in
	j) jobs=$OPTARG ;;
	k) kernel=$OPTARG ;;
	s) seeds=$OPTARG ;;
	t) threads=$OPTARG ;;
	*) sed -n '3,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))

for name in "$@"; do
	run="run scenarios/$name.txt --kernel $kernel"
	for n in $seeds; do
		echo "$run --seed $n --out $B/vary/$name/$kernel/det$n"
	done
	# two processors, unless the scenario's nodes say which it has
	smp="--set smp=2"
	! grep -q '^#vm.* node=' "scenarios/$name.txt" || smp=
	for n in $threads; do
		echo "$run --mode mt $smp --seed $n --out $B/vary/$name/$kernel/mt$n"
	done
done | xargs -r -P "$jobs" -L 1 python3 run.py
mkdir -p "$B/vary"
python3 variance.py --keep results/variance.txt results "$B/vary" > results/variance.new
mv results/variance.new results/variance.txt
