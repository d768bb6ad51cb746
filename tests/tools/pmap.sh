#!/bin/sh
# pmap, pmap -x and numastat -p of one of the model's processes, and its pagemap.
. "$(dirname "$0")/lib"
need pmap
need numastat
need python3
need_fuse
inside --end 'for p in /proc/[0-9]*; do
[ -e $p/comm ] || continue
read -r comm <$p/comm; [ "$comm" = postgres ] && pid=${p#/proc/} && break; done
cat /proc/$pid/maps >$dir/maps; cat /proc/$pid/smaps >$dir/smaps; cat /proc/$pid/numa_maps >$dir/numa
pmap $pid >$dir/pmap; pmap -x $pid >$dir/pmapx; numastat -p $pid >$dir/np
end=$(sed -n "s/^[0-9a-f]*-\([0-9a-f]*\) .*\[stack\]$/\1/p" $dir/maps)
python3 -c "import os
f = os.open(\"/proc/$pid/pagemap\", os.O_RDONLY)
for at in (0x$end // 512 - 8, 8, 4):
    try: print(os.pread(f, 8 if at != 4 else 4, at)[::-1].hex())
    except OSError as e: print(e.strerror)" >$dir/pagemap
echo $pid >$dir/pid'
# A field of smaps, of all areas, in kB.
sum() { awk -v f="$1:" '$1 == f {s += $2} END {print s + 0}' "$dir/smaps"; }
[ -s "$dir/pid" ] || fail "no postgres"
same "pmap's areas" "$(wc -l <"$dir/maps")" "$(grep -c '^[0-9a-f]\{16\} ' "$dir/pmap")"
same "pmap's total" "total $(sum Size)K" "$(awk '$1 == "total" {print $1, $2}' "$dir/pmap")"
same "pmap -x's totals" "$(sum Size) $(sum Rss) $(($(sum Shared_Dirty) + $(sum Private_Dirty)))" \
	"$(awk '$1 == "total" {print $3, $4, $5}' "$dir/pmapx")"
for n in 0 1; do
	expected=$(awk -v n="N$n=" '{for (i = 1; i <= NF; i++) if (index($i, n) == 1) s += substr($i, length(n) + 1)}
		END {printf "%.2f", s * 4096 / 1048576}' "$dir/numa")
	same "numastat -p of node $n" "$expected" "$(awk -v c=$((n + 2)) '$1 == "Total" {print $c}' "$dir/np")"
done
# The stack's top page is there, mapped by this process alone, or in swap.
sed -n 1p "$dir/pagemap" | grep -q '^\(81\|40\)[0-9a-f]*[1-9a-f][0-9a-f]*$' || fail "the stack's entry: $(cat "$dir/pagemap")"
same "an address without a page, and no number's place" "0000000000000000 Invalid argument" \
	"$(sed 1d "$dir/pagemap" | tr '\n' ' ' | sed 's/ $//')"
