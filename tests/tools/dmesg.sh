#!/bin/sh
# dmesg | grep "Out of memory": the kills of the night, one line each, with the
# form of Linux; and /dev/kmsg itself.
. "$(dirname "$0")/lib"
need dmesg
need_fuse
"$quire" run --quiet --events "$dir/events" "$spec" || fail "quire run"
inside --end 'dmesg >$dir/all; dmesg | grep "Out of memory" >$dir/out; head -c 0 /dev/kmsg
dd if=/dev/kmsg of=$dir/raw bs=8192 count=2 iflag=nonblock 2>/dev/null
dd if=/dev/kmsg of=$dir/small bs=4 count=1 iflag=nonblock 2>$dir/err || :
dd if=/dev/kmsg of=$dir/rest bs=8192 iflag=nonblock 2>$dir/end || :
echo "<6>told by a test" >/dev/kmsg; dmesg | tail -n 1 >$dir/told'
kills=$(grep -c 'OOM killer takes' "$dir/events")
[ "$kills" -ge 1 ] || fail "nobody was killed"
same kills "$kills" "$(wc -l <"$dir/out")"
grep -Eq '^\[ +[0-9]+\.[0-9]{6}\] Out of memory: Killed process [0-9]+ \(leak\) total-vm:[0-9]+kB, anon-rss:[0-9]+kB, file-rss:[0-9]+kB, shmem-rss:[0-9]+kB, UID:1003 pgtables:[0-9]+kB oom_score_adj:0$' "$dir/out" ||
	fail "$(cat "$dir/out")"
grep -Eq '^[0-9]+,0,0,-;Linux version' "$dir/raw" || fail "raw: $(head -n 1 "$dir/raw")"
same "records of two reads" 2 "$(wc -l <"$dir/raw")"
grep -q 'Invalid argument' "$dir/err" || fail "a small buffer: $(cat "$dir/err")"
grep -q 'temporarily unavailable' "$dir/end" || fail "the end: $(cat "$dir/end")"
same "all records" "$(wc -l <"$dir/rest")" "$(wc -l <"$dir/all")"
grep -q 'told by a test$' "$dir/told" || fail "$(cat "$dir/told")"
