#!/bin/sh
# oom_score follows oom_score_adj, which can be written and read back; what is
# no adj is refused as Linux refuses it.
. "$(dirname "$0")/lib"
need pidof
need_fuse
inside '' 'p=/proc/$(pidof -s postgres); cat $p/oom_score; echo -500 >$p/oom_score_adj
cat $p/oom_score_adj $p/oom_score; cat /proc/$(pidof kubelet)/oom_score_adj
echo 2000 2>$dir/err >$p/oom_score_adj || echo refused; cat $p/oom_score_adj
echo -1000 >$p/oom_score_adj; cat $p/oom_score' >"$dir/out" 2>"$dir/err"
set -- $(cat "$dir/out")
same "what was written" -500 "$2"
[ "$3" -lt "$1" ] || fail "the score was $1 and is $3"
same kubelet -999 "$4"
same "refused, unchanged" "refused -500" "$5 $6"
same "exempt" 0 "$7"
# The score is (badness in parts of 1,000 of all memory + 1,000) * 2 / 3.
[ $(($1 - $3)) -ge 332 ] && [ $(($1 - $3)) -le 335 ] || fail "500 parts are $(($1 - $3)) of the score"
