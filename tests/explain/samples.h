/* SPDX-License-Identifier: MIT */
/*
 * Reports as kernels of several ages print them, of machines that never were:
 * the format is Linux's, names and numbers are made up.
 */
#ifndef QUIRE_TESTS_EXPLAIN_SAMPLES_H
#define QUIRE_TESTS_EXPLAIN_SAMPLES_H

/* Red Hat 6: thousandths, no swap entries in the table, totals line by line. */
static const char sample_232[] =
	"Mar  3 03:10:11 db1 kernel: [777.100001] mysqld invoked oom-killer: gfp_mask=0x201da, "
	"order=0, oom_adj=0, oom_score_adj=0\n"
	"Mar  3 03:10:11 db1 kernel: [777.100002] Pid: 812, comm: mysqld Not tainted "
	"2.6.32-754.el6.x86_64 #1\n"
	"Mar  3 03:10:11 db1 kernel: [777.100003] Mem-Info:\n"
	"Mar  3 03:10:11 db1 kernel: [777.100004] active_anon:240000 inactive_anon:10000 "
	"isolated_anon:0\n"
	"Mar  3 03:10:11 db1 kernel: [777.100005]  active_file:10 inactive_file:20 "
	"isolated_file:0\n"
	"Mar  3 03:10:11 db1 kernel: [777.100006]  free:1500 slab_reclaimable:1000 "
	"slab_unreclaimable:2000\n"
	"Mar  3 03:10:11 db1 kernel: [777.100007]  mapped:30 shmem:40 pagetables:900 bounce:0\n"
	"Mar  3 03:10:11 db1 kernel: [777.100008] Node 0 DMA32 free:6000kB min:6500kB low:8000kB "
	"high:9700kB active_anon:960000kB inactive_anon:40000kB active_file:40kB "
	"inactive_file:80kB present:1048576kB all_unreclaimable? yes\n"
	"Mar  3 03:10:11 db1 kernel: [777.100009] lowmem_reserve[]: 0 0 0 0\n"
	"Mar  3 03:10:11 db1 kernel: [777.100010] Node 0 DMA32: 300*4kB 100*8kB 250*16kB 0*32kB "
	"0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 6000kB\n"
	"Mar  3 03:10:11 db1 kernel: [777.100011] 70 total pagecache pages\n"
	"Mar  3 03:10:11 db1 kernel: [777.100012] Free swap  = 0kB\n"
	"Mar  3 03:10:11 db1 kernel: [777.100013] Total swap = 0kB\n"
	"Mar  3 03:10:11 db1 kernel: [777.100014] 262144 pages RAM\n"
	"Mar  3 03:10:11 db1 kernel: [777.100015] 6144 pages reserved\n"
	"Mar  3 03:10:11 db1 kernel: [777.100016] [ pid ]   uid  tgid total_vm      rss cpu oom_adj "
	"oom_score_adj name\n"
	"Mar  3 03:10:11 db1 kernel: [777.100017] [  300]     0   300     2600       60   0     -17 "
	"        -1000 udevd\n"
	"Mar  3 03:10:11 db1 kernel: [777.100018] [  812]    27   812   400000   180000   1       0 "
	"            0 mysqld\n"
	"Mar  3 03:10:11 db1 kernel: [777.100019] [  900]    48   900    90000    60000   0       0 "
	"            0 httpd\n"
	"Mar  3 03:10:11 db1 kernel: [777.100020] Out of memory: Kill process 812 (mysqld) score 703 "
	"or sacrifice child\n"
	"Mar  3 03:10:11 db1 kernel: [777.100021] Killed process 812, UID 27, (mysqld) "
	"total-vm:1600000kB, anon-rss:719000kB, file-rss:1000kB\n";

/* A control group of 3.10, of which a thread is named. */
static const char sample_310[] =
	"[ 5000.000001] node x invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0\n"
	"[ 5000.000002] CPU: 1 PID: 701 Comm: node x Not tainted 3.10.0-1160.el7.x86_64 #1\n"
	"[ 5000.000003] Task in /system.slice/app.service killed as a result of limit of "
	"/system.slice/app.service\n"
	"[ 5000.000004] memory: usage 524288kB, limit 524288kB, failcnt 99\n"
	"[ 5000.000005] memory+swap: usage 524288kB, limit 9007199254740988kB, failcnt 0\n"
	"[ 5000.000006] kmem: usage 0kB, limit 9007199254740988kB, failcnt 0\n"
	"[ 5000.000007] Memory cgroup stats for /system.slice/app.service: cache:0KB rss:524288KB "
	"rss_huge:0KB mapped_file:0KB swap:0KB inactive_anon:0KB\n"
	"[ 5000.000008] [ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name\n"
	"[ 5000.000009] [  701]    80   701   300000    90000     250        0             0 node x\n"
	"[ 5000.000010] [  702]    80   702   300000    41000     250        0             0 node x\n"
	"[ 5000.000011] Memory cgroup out of memory: Kill process 733 (node x) score 688 or "
	"sacrifice child\n"
	"[ 5000.000012] Killed process 701 (node x) total-vm:1200000kB, anon-rss:350000kB, "
	"file-rss:10000kB\n";

/* 6.1: the largest is protected, the next dies; journald's short form. */
static const char sample_601[] =
	"Nov 23 03:03:03 h kernel: java invoked oom-killer: "
	"gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0\n"
	"Nov 23 03:03:03 h kernel: CPU: 0 PID: 52 Comm: java Not tainted 6.1.0-18-amd64 #1 Debian\n"
	"Nov 23 03:03:03 h kernel: Mem-Info:\n"
	"Nov 23 03:03:03 h kernel: active_anon:1000 inactive_anon:900000 isolated_anon:0\n"
	"                           active_file:100 inactive_file:200 isolated_file:0\n"
	"                           slab_reclaimable:3000 slab_unreclaimable:5000\n"
	"                           mapped:50 shmem:600 pagetables:2500\n"
	"                           free:9000 free_pcp:0 free_cma:0\n"
	"Nov 23 03:03:03 h kernel: Node 0 active_anon:4000kB inactive_anon:3600000kB "
	"active_file:400kB inactive_file:800kB all_unreclaimable? yes\n"
	"Nov 23 03:03:03 h kernel: Node 0 DMA free:14000kB boost:0kB min:250kB low:310kB high:370kB "
	"present:15992kB managed:15360kB free_cma:0kB\n"
	"Nov 23 03:03:03 h kernel: lowmem_reserve[]: 0 2800 3700 3700 3700\n"
	"Nov 23 03:03:03 h kernel: Node 0 DMA32 free:22000kB boost:0kB min:67000kB low:68000kB "
	"high:69000kB present:3129204kB managed:3063668kB free_cma:0kB\n"
	"Nov 23 03:03:03 h kernel: lowmem_reserve[]: 0 0 900 900 900\n"
	"Nov 23 03:03:03 h kernel: Node 0 DMA: 2*4kB (U) 1*8kB (U) = 16kB\n"
	"Nov 23 03:03:03 h kernel: Free swap  = 0kB\n"
	"Nov 23 03:03:03 h kernel: Total swap = 1048572kB\n"
	"Nov 23 03:03:03 h kernel: 1000000 pages RAM\n"
	"Nov 23 03:03:03 h kernel: 0 pages HighMem/MovableOnly\n"
	"Nov 23 03:03:03 h kernel: 30000 pages reserved\n"
	"Nov 23 03:03:03 h kernel: Tasks state (memory values in pages):\n"
	"Nov 23 03:03:03 h kernel: [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents "
	"oom_score_adj name\n"
	"Nov 23 03:03:03 h kernel: [     51]    70    51   900000   600000  5242880   100000        "
	"  -900 postgres\n"
	"Nov 23 03:03:03 h kernel: [     52]  1000    52   800000   290000  2621440    60000        "
	"     0 java\n"
	"Nov 23 03:03:03 h kernel: [     53]     0    53     4000      300    65536       10        "
	"     0 sshd: root [priv]\n"
	"Nov 23 03:03:03 h kernel: "
	"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
	"task_memcg=/user.slice,task=java,pid=52,uid=1000\n"
	"Nov 23 03:03:03 h kernel: Out of memory: Killed process 52 (java) total-vm:3200000kB, "
	"anon-rss:1159000kB, file-rss:1000kB, shmem-rss:0kB, UID:1000 pgtables:2560kB "
	"oom_score_adj:0\n"
	"Nov 23 03:03:04 h kernel: oom_reaper: reaped process 52 (java), now anon-rss:0kB\n";

/* No block of 16 pages, though a lot is free. */
static const char sample_failure[] =
	"[  100.5] kworker/0:1: page allocation failure: order:4, mode:0x40c40(GFP_NOFS|__GFP_COMP), "
	"nodemask=(null),cpuset=/,mems_allowed=0\n"
	"[  100.5] CPU: 0 PID: 7 Comm: kworker/0:1 Tainted: G         C        5.10.0-9-arm64 #1\n"
	"[  100.5] Mem-Info:\n"
	"[  100.5] active_anon:50000 inactive_anon:50000 isolated_anon:0\n"
	"                active_file:50000 inactive_file:50000 isolated_file:0\n"
	"                free:40000 free_pcp:0 free_cma:0\n"
	"[  100.5] Node 0 Normal free:160000kB min:8000kB low:10000kB high:12000kB "
	"present:1048576kB managed:1000000kB free_cma:0kB\n"
	"[  100.5] lowmem_reserve[]: 0 0 0\n"
	"[  100.5] Node 0 Normal: 30000*4kB (UME) 5000*8kB (UME) 0*16kB 0*32kB 0*64kB 0*128kB "
	"0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 160000kB\n"
	"[  100.5] Free swap  = 500000kB\n"
	"[  100.5] Total swap = 500000kB\n"
	"[  100.5] 262144 pages RAM\n"
	"[  100.5] 12144 pages reserved\n";

#endif
