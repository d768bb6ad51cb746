#!/bin/sh
# systemd's readers of control groups take the model's for the kernel's.
. "$(dirname "$0")/lib"
need systemd-cgtop systemd-cgls
need_fuse
inside '' 'stat -f -c %T /proc /sys /sys/fs/cgroup; cd /sys/fs/cgroup; stat -f -c %T . web; stat -f -c %T / >/dev/null
cat web/memory.current web/memory.peak; cat web/cpu.stat web/io.stat' >"$dir/out" || exit 1
if ! sed -n 3p "$dir/out" | grep -q cgroup2fs; then
	skip "the system lets nobody answer for statfs(2)"
fi
same "kinds of file systems" "proc sysfs cgroup2fs cgroup2fs cgroup2fs" "$(head -n 5 "$dir/out" | tr '\n' ' ' | sed 's/ $//')"
grep -q '^usage_usec [1-9]' "$dir/out" || fail "no time in cpu.stat"
inside '--at 5m' 'systemd-cgtop -b -n 2 -d 100ms --raw; echo ====; systemd-cgls --no-pager; echo ====; cat /sys/fs/cgroup/web/memory.current
cat /sys/fs/cgroup/web/cgroup.procs' >"$dir/out"
# GROUP TASKS CPU MEMORY IN OUT
sed '/^====$/,$d' "$dir/out" | grep '^/web ' | tail -n 1 >"$dir/web"
set -- $(cat "$dir/web")
same "processes of /web" "$(sed '1,/^====$/d' "$dir/out" | sed '1,/^====$/d' | tail -n +2 | wc -l)" "$2"
same "memory of /web" "$(sed '1,/^====$/d' "$dir/out" | sed '1,/^====$/d' | head -n 1)" "$4"
sed '1,/^====$/d' "$dir/out" | grep -q 'nginx: worker process' || fail "systemd-cgls does not show /web's process"
