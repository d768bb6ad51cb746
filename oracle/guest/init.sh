#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# The first process of the guest: what the guest program needs, then it.
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sysfs /sys; $b mount -t devtmpfs dev /dev
$b mount -t debugfs debugfs /sys/kernel/debug; $b mount -t tracefs tracefs /sys/kernel/tracing
$b mount -t cgroup2 cgroup2 /cg && echo '+memory' > /cg/cgroup.subtree_control
for m in $($b cat /modules/list); do $b insmod /modules/$m.ko || echo "init: $m failed"; done
$b rm -rf /modules
case " $($b cat /proc/cmdline) " in *" oracle.shell "*) exec $b sh;; esac
exec /driver
