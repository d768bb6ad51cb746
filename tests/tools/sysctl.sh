#!/bin/sh
# sysctl reads and writes; what was written is the model's from then on, and
# the host's is as it was.  docs/sysctl.md's table is true: names, defaults, ranges.
. "$(dirname "$0")/lib"
need sysctl
need_fuse
before=$(cat /proc/sys/vm/swappiness)
inside '' 'sysctl vm.swappiness; sysctl -w vm.swappiness=10; sysctl -n vm.swappiness; cat /proc/sys/vm/swappiness
sysctl -w vm.swappiness=900 2>/dev/null || echo refused; sysctl -n vm.swappiness' >"$dir/out"
same output "vm.swappiness = 60 vm.swappiness = 10 10 10 refused 10" "$(tr '\n' ' ' <"$dir/out" | sed 's/ $//')"
same "the host's swappiness" "$before" "$(cat /proc/sys/vm/swappiness)"

# The table, as NAME DEFAULT LEAST MOST a line.
sed -n 's/^| \([a-z_-]*\) | \([^|]*\) | \([^|]*\) | \([^|]*\) | .*/\1 \2 \3 \4/p' "$top/docs/sysctl.md" |
	grep -v '^name ' | sort >"$dir/table"
[ "$(wc -l <"$dir/table")" -eq 50 ] || fail "docs/sysctl.md has $(wc -l <"$dir/table") settings"
export table="$dir/table"
inside '' 'ls /proc/sys/vm | sort
echo ====
while read -r name default least most; do
	f=/proc/sys/vm/$name
	case $default in
	-|write-only|empty) ;;
	*) [ "$(cat $f)" = "$default" ] || echo "$name is $(cat $f), not $default" ;;
	esac
done <"$table"
# One of a pair that is written takes the other'"'"'s place: all defaults were looked at before.
while read -r name default least most; do
	f=/proc/sys/vm/$name
	old=$(cat $f 2>/dev/null) || old=
	case $least in
	-|any) ;;
	*) # dirty_bytes and such pass over negative numbers, as Linux does
		(echo $((least - 1)) >$f) 2>/dev/null && [ $least -gt 0 ] && echo "$name takes $((least - 1))"
		[ $least -eq 0 ] && [ -n "$old" ] && [ "$(cat $f)" != "$old" ] && echo "$name was changed by -1"
		(echo $least >$f) 2>/dev/null || echo "$name does not take $least" ;;
	esac
	case $most in
	-|any|2147483647) ;;
	*)
		(echo $((most + 1)) >$f) 2>/dev/null && echo "$name takes $((most + 1))"
		[ $name = page-cluster ] || [ $name = drop_caches ] || (echo $most >$f) 2>/dev/null || echo "$name does not take $most" ;;
	esac
	case $name in min_free_kbytes) echo $old >$f ;; esac
done <"$table"' >"$dir/out"
sed '/^====$/,$d' "$dir/out" >"$dir/names"
cut -d' ' -f1 "$dir/table" | diff - "$dir/names" >&3 || fail "docs/sysctl.md and /proc/sys/vm list other names"
faults=$(sed '1,/^====$/d' "$dir/out")
[ -z "$faults" ] || fail "$faults"
