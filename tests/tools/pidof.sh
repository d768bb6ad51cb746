#!/bin/sh
# pidof postgres: those whose name it is.
. "$(dirname "$0")/lib"
need pidof
need_fuse
inside '' 'pidof postgres >$dir/out; grep -lx postgres /proc/[0-9]*/comm >$dir/list; pidof -s nginx >$dir/one'
same pids "$(tr -dc '0-9\n' <"$dir/list" | sort -n | tr '\n' ' ')" "$(tr ' ' '\n' <"$dir/out" | sort -n | tr '\n' ' ')"
same number 4 "$(wc -w <"$dir/out")"
same "one nginx" 1 "$(wc -w <"$dir/one")"
