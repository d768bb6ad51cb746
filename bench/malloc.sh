#!/bin/bash
# bench/malloc.sh BUILD: caches of objects and libquire-malloc.so beside glibc's
# malloc, jemalloc, mimalloc and tcmalloc of the system (those that are there), in
# one run.  CPU time of all threads, peak resident memory; ROUNDS (5) alternate, the
# cache among them.  Of loads of one thread the least counts: other work, on the
# core's other half above all, only adds, by halves and for seconds at a time, so a
# median says who was unlucky.  Of threads', and of memory, the median: least of all
# time is spent where they happened never to meet.
set -eu
build=$1 rounds=${ROUNDS:-5}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
top=$(cd "$(dirname "$0")/.." && pwd)
loads=$dir/loads cache=$build/release/bench/malloc/cache quire=$(realpath "$build/libquire-malloc.so")
${CC:-gcc} -O2 -fno-builtin -I"$top" -o "$loads" "$top/bench/malloc/loads.c" -lpthread
${CC:-gcc} -O1 -fno-builtin -w -o "$dir/program" "$top/tests/malloc/malloc_program.c" -lpthread
mallocs="glibc:"
for lib in libjemalloc.so.2 libmimalloc.so.2 libmimalloc.so.2.0 libtcmalloc_minimal.so.4; do
	path=$(ldconfig -p | awk -v lib=$lib '$1 == lib {print $NF; exit}')
	name=${lib#lib}
	name=${name%%.so*}
	case " $mallocs " in *" ${name%_minimal}:"*) continue ;; esac
	[ -n "$path" ] && mallocs="$mallocs ${name%_minimal}:$path"
done

least() { sort -n | head -1; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
# measure LOAD...: $dir/NAME.ns and .kb, a number a round, for each malloc; and
# $dir/cache-WHAT for each load of the cache named in $beside.
beside=
measure() {
	rm -f "$dir"/*.ns "$dir"/*.kb "$dir"/cache-*
	for ((i = 0; i < rounds; i++)); do
		for m in $mallocs "quire:$quire"; do
			LD_PRELOAD=${m#*:} "$pin" ${pin_args} "$loads" "$@" >"$dir/out"
			awk '{print $1}' "$dir/out" >>"$dir/${m%%:*}.ns"
			awk '{print $2}' "$dir/out" >>"$dir/${m%%:*}.kb"
		done
		for what in $beside; do
			"$pin" ${pin_args} "$cache" "$what" "$2" >>"$dir/cache-$what"
		done
	done
}
pinned() { pin=taskset pin_args="-c 0" counts=least; }
free_run() { pin=env pin_args='' counts=median; }
value_of() { # NAME ns|kb
	if [ "$2" = ns ]; then $counts <"$dir/$1.ns"; else median <"$dir/$1.kb"; fi
}
# best ns|kb: the best of the others, and whose.
best() {
	for m in $mallocs; do
		echo "$(value_of "${m%%:*}" "$1") ${m%%:*}"
	done | sort -n | head -1
}
# report NAME VALUE UNIT BEST WHOSE GOAL (a ratio)
report() {
	awk -v name="$1" -v v="$2" -v unit="$3" -v b="$4" -v who="$5" -v goal="$6" 'BEGIN {
		r = b ? v / b : 0
		printf "{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"peer\": \"%s\", \"peer_value\": %.4g, ", name, v, unit, who, b
		printf "\"ratio\": %.3f, \"goal\": \"%s x\", \"met\": %s}\n", r, goal, r <= goal ? "true" : "false"}'
}
absolute() { # NAME VALUE UNIT GOAL
	awk -v name="$1" -v v="$2" -v unit="$3" -v goal="$4" 'BEGIN {
		printf "{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"peer\": null, \"peer_value\": null, \"ratio\": null, ", name, v, unit
		printf "\"goal\": %s, \"met\": %s}\n", goal, v <= goal ? "true" : "false"}'
}
of_cache() { $counts <"$dir/cache-$1"; }

pinned
for load in pair some many; do
	beside=$load
	[ $load != pair ] || beside="pair called bulk"
	measure $load 64
	set -- $(best ns)
	report "cache: $load of 64 B" "$(of_cache $load)" ns "$1" "$2" 0.7
	report "malloc: $load of 64 B" "$(value_of quire ns)" ns "$1" "$2" 1.0
	[ $load = pair ] || continue
	report "cache: pair of 64 B, not inline" "$(of_cache called)" ns "$1" "$2" 1.0
	absolute "cache: pair of 64 B, KFENCE on over off" "$("$pin" ${pin_args} "$cache" sampled 64)" x 1.01
	# Ten a second.
	absolute "cache: KFENCE's samples, share of a CPU" "$("$pin" ${pin_args} "$cache" sample 64 | awk '{print $1 * 10e-9}')" x 0.01
	absolute "cache: bulk of 16, 64 B, an object" "$(of_cache bulk)" ns 3
done
beside=random
measure random 192
set -- $(best ns)
report "cache: a million of 192 B freed at random" "$(of_cache random)" ns "$1" "$2" 0.7
report "malloc: a million of 192 B freed at random" "$(value_of quire ns)" ns "$1" "$2" 1.0
free_run
beside=remote
for bytes in 64 192 768; do
	measure remote $bytes
	set -- $(best ns)
	report "cache: $bytes B freed on another core" "$(of_cache remote)" ns "$1" "$2" 1.0
	report "malloc: $bytes B freed on another core" "$(value_of quire ns)" ns "$1" "$2" 1.0
done
beside=
absolute "cache: bytes a byte of 192 B, full" "$("$cache" full 192)" B 1.01
# The least of three: a time limit of ten seconds is in it.
for ((i = 0; i < 3; i++)); do
	LD_PRELOAD=$quire "$dir/program" memory >>"$dir/memory" || true
done
absolute "malloc: resident a byte, full" "$(awk '{print $1}' "$dir/memory" | least)" B 1.05
absolute "malloc: resident over live, 3/4 freed in runs" "$(awk '{print $2}' "$dir/memory" | least)" B 1.15
absolute "malloc: an idle thread of a thousand" "$(LD_PRELOAD=$quire "$dir/program" idle)" KB 15
: >"$dir/ratios"
for load in cfrac espresso larson xmalloc mstress alloc-test glibc-simple glibc-thread rptest scratch; do
	measure $load
	set -- $(best ns) $(best kb)
	ns=$(value_of quire ns) kb=$(value_of quire kb)
	report "malloc: $load" "$ns" ns "$1" "$2" 1.07
	report "malloc: $load, peak" "$kb" KB "$3" "$4" 1.26
	echo "quire $ns $1 $kb $3" >>"$dir/ratios"
	for m in $mallocs; do
		echo "${m%%:*} $(value_of "${m%%:*}" ns) $1 $(value_of "${m%%:*}" kb) $3" >>"$dir/ratios"
	done
done
awk '{t[$1] += log($2 / $3); k[$1] += log($4 / $5); n[$1]++} END {for (m in t) print m, exp(t[m] / n[m]), exp(k[m] / n[m])}' \
	"$dir/ratios" | sort >"$dir/means"
while read -r m t k; do
	goal_t=null goal_k=null
	[ $m = quire ] && goal_t=1.07 goal_k=1.26
	for x in "time $t $goal_t" "peak memory $k $goal_k"; do
		what=${x% * *}
		set -- ${x#"$what"}
		if [ $m = quire ]; then
			absolute "loads: geometric mean over the best, $what" "$1" x "$2"
		else
			echo "{\"name\": \"loads: $m's mean, $what\", \"value\": $1, \"unit\": \"x\", \"peer\": null, \"peer_value\": null, \"ratio\": null, \"goal\": null, \"met\": null}"
		fi
	done
done <"$dir/means"
