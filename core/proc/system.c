/* SPDX-License-Identifier: MIT */
/*
 * The machine as a whole: /proc/stat, uptime, loadavg, version, cpuinfo,
 * pressure.
 *
 * CPU time and load are the port's to tell (port->cpu_times, port->load): it
 * runs the tasks.  A port that does not tell has no idle time and no load.
 * Idle is what is left of the clock, so a CPU's parts always add up to uptime.
 * Nothing here interrupts: there are no interrupts to count.
 */
#include "proc/internal.h"

struct cpu_times proc_cpu_times(struct quire *q, int cpu)
{
	u64 now = quire_clock(q), user = 0, system = 0;
	struct cpu_times sum = {0};

	if (cpu < 0) {
		for (unsigned int i = 0; i < q->nr_cpus; i++) {
			struct cpu_times one = proc_cpu_times(q, (int)i);

			sum.user += one.user;
			sum.system += one.system;
			sum.idle += one.idle;
		}
		return sum;
	}
	if (q->port->cpu_times)
		q->port->cpu_times(q->port_ctx, (unsigned int)cpu, &user, &system);
	return (struct cpu_times){user, system, now > user + system ? now - user - system : 0};
}

static void put_cpu(struct text *t, const struct cpu_times *times)
{
	text_printf(t, " %lu 0 %lu %lu 0 0 0 0 0 0\n", times->user / NSEC_PER_TICK,
		    times->system / NSEC_PER_TICK, times->idle / NSEC_PER_TICK);
}

struct task_sums {
	unsigned long switches;
	unsigned int blocked;
};

static struct task_sums sum_tasks(struct quire *q)
{
	struct task_sums sums = {q->space->exited_switches, 0};
	struct task *p;

	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		for_each_thread(p, t)
		{
			sums.switches += t->nvcsw + t->nivcsw;
			sums.blocked += t->state == TASK_UNINTERRUPTIBLE;
		}
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return sums;
}

static unsigned int load_of(struct quire *q, u64 avg[3])
{
	memset(avg, 0, 3 * sizeof(avg[0]));
	return q->port->load ? q->port->load(q->port_ctx, avg) : 1;
}

static int show_stat(struct quire *q, __unused const struct proc_entry *e,
		     __unused const struct proc_def *def, struct text *t)
{
	struct cpu_times times = proc_cpu_times(q, -1);
	struct task_sums sums = sum_tasks(q);
	u64 avg[3];

	put_lit(t, "cpu ");
	put_cpu(t, &times);
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		times = proc_cpu_times(q, (int)cpu);
		text_printf(t, "cpu%u", cpu);
		put_cpu(t, &times);
	}
	text_printf(t,
		    "intr 0\n"
		    "ctxt %lu\n"
		    "btime %ld\n"
		    "processes %lu\n"
		    "procs_running %u\n"
		    "procs_blocked %u\n"
		    "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		    sums.switches, q->cfg.boot_time, q->space->total_forks,
		    max(load_of(q, avg), 1u), sums.blocked);
	return 0;
}

static int show_uptime(struct quire *q, __unused const struct proc_entry *e,
		       __unused const struct proc_def *def, struct text *t)
{
	u64 now = quire_clock(q), idle = proc_cpu_times(q, -1).idle;

	text_printf(t, "%lu.%02lu %lu.%02lu\n", now / NSEC_PER_SEC,
		    now % NSEC_PER_SEC / NSEC_PER_TICK, idle / NSEC_PER_SEC,
		    idle % NSEC_PER_SEC / NSEC_PER_TICK);
	return 0;
}

static int show_loadavg(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	u64 avg[3];
	unsigned int running = load_of(q, avg);

	for (unsigned int i = 0; i < 3; i++) {
		u64 rounded = avg[i] + 2048 / 200;

		text_printf(t, "%lu.%02lu ", rounded >> 11, ((rounded & 2047) * 100) >> 11);
	}
	text_printf(t, "%u/%u %d\n", max(running, 1u), q->space->nr_threads, q->space->last_pid);
	return 0;
}

static int show_version(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "Linux version %s (quire@%s) (gcc) #1 SMP PREEMPT_DYNAMIC\n", q->cfg.version,
		    q->cfg.hostname);
	return 0;
}

static int show_cpuinfo(struct quire *q, __unused const struct proc_entry *e,
			__unused const struct proc_def *def, struct text *t)
{
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct pglist_data *pgdat = NODE_DATA(q, cpu_to_node(q, cpu));

		text_printf(t,
			    "processor\t: %u\n"
			    "vendor_id\t: GenuineIntel\n"
			    "cpu family\t: 6\n"
			    "model\t\t: 85\n"
			    "model name\t: Quire Virtual CPU @ 2.50GHz\n"
			    "stepping\t: 4\n"
			    "microcode\t: 0x1\n"
			    "cpu MHz\t\t: 2500.000\n"
			    "cache size\t: 36608 KB\n"
			    "physical id\t: %u\n"
			    "siblings\t: %u\n"
			    "core id\t\t: %u\n"
			    "cpu cores\t: %u\n"
			    "apicid\t\t: %u\n"
			    "initial apicid\t: %u\n",
			    cpu, pgdat->node_id, pgdat->nr_cpus, cpu - pgdat->first_cpu,
			    pgdat->nr_cpus, cpu, cpu);
		put_lit(t,
			"fpu\t\t: yes\n"
			"fpu_exception\t: yes\n"
			"cpuid level\t: 13\n"
			"wp\t\t: yes\n"
			"flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca "
			"cmov pat pse36 clflush mmx fxsr sse sse2 ht syscall nx pdpe1gb rdtscp "
			"lm constant_tsc rep_good nopl cpuid pni ssse3 cx16 sse4_1 sse4_2 popcnt "
			"hypervisor lahf_lm\n"
			"bugs\t\t:\n"
			"bogomips\t: 5000.00\n"
			"clflush size\t: 64\n"
			"cache_alignment\t: 64\n"
			"address sizes\t: 46 bits physical, 48 bits virtual\n"
			"power management:\n\n");
	}
	return 0;
}

/* ---- pressure --------------------------------------------------------------- */

static int show_pressure(struct quire *q, __unused const struct proc_entry *e,
			 const struct proc_def *def, struct text *t)
{
	put_psi(q, t, &q->group->psi, (enum psi_res)def->val);
	return 0;
}

static const struct proc_def pressure_defs[] = {
	DEF_VAL("cpu", 0444, show_pressure, NULL, PSI_CPU),
	DEF_VAL("io", 0444, show_pressure, NULL, PSI_IO),
	DEF_VAL("memory", 0444, show_pressure, NULL, PSI_MEM),
};
PROC_DIR_TABLE(proc_pressure_dir, pressure_defs);

/* ---- net: what a machine without a network says ----------------------------- */

static const struct proc_def net_defs[] = {
	DEF_TEXT("dev", 0444,
		 "Inter-|   Receive                                                |  Transmit\n"
		 " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		 "packets "
		 "errs drop fifo colls carrier compressed\n"
		 "    lo:       0       0    0    0    0     0          0         0        0       "
		 "0    0    0    0     0       0          0\n"),
	DEF_TEXT("tcp", 0444,
		 "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
		 "uid  timeout inode                                                     \n"),
	DEF_TEXT("udp", 0444,
		 "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
		 "uid  timeout inode ref pointer drops             \n"),
	DEF_TEXT("unix", 0444, "Num       RefCount Protocol Flags    Type St Inode Path\n"),
};
PROC_DIR_TABLE(proc_net_dir, net_defs);

/* ---- /proc ------------------------------------------------------------------ */

/* The process called name, a thread too: it can be reached though not listed. */
static struct proc_entry root_lookup(struct quire *q, __unused const struct proc_entry *dir,
				     const char *name)
{
	long pid = proc_number_behind(name, "");
	struct proc_entry e;
	struct task *task;

	if (pid <= 0)
		return (struct proc_entry){0};
	e = proc_entry_of(DIR_PID, (int)pid, 0);
	task = proc_get_task(q, &e);
	if (!task)
		return (struct proc_entry){0};
	e.uid = task->uid;
	e.gid = task->gid;
	put_task(q, task);
	return e;
}

#define PID_BATCH 64

static void root_readdir(struct quire *q, const struct proc_entry *dir, struct proc_filler *f)
{
	int pids[PID_BATCH], from = 1;
	unsigned int n;

	do {
		n = proc_next_pids(q, from, 0, pids, PID_BATCH);
		for (unsigned int i = 0; i < n; i++) {
			char name[16];
			struct proc_entry e;

			(void)text_format(name, sizeof(name), "%d", pids[i]);
			e = root_lookup(q, dir, name);
			if (e.kind != PROC_NONE && !proc_fill(f, name, e))
				return;
			from = pids[i] + 1;
		}
	} while (n == PID_BATCH);
}

static const struct proc_def root_defs[] = {
	DEF_FILE("buddyinfo", 0444, show_buddyinfo),
	DEF_TEXT("cgroups", 0444,
		 "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\nmemory\t0\t1\t1\n"
		 "hugetlb\t0\t1\t1\n"),
	DEF_TEXT("cmdline", 0444, "BOOT_IMAGE=/boot/quire root=/dev/nvme0n1 ro quiet\n"),
	DEF_TEXT("consoles", 0444, "ttyS0                -W- (EC p  )    4:64\n"),
	DEF_FILE("cpuinfo", 0444, show_cpuinfo),
	DEF_TEXT("devices", 0444,
		 "Character devices:\n  1 mem\n  4 ttyS\n\n"
		 "Block devices:\n259 blkext\n"),
	DEF_FILE("diskstats", 0444, show_diskstats),
	DEF_TEXT("filesystems", 0444,
		 "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\tdevtmpfs\n"
		 "nodev\tdebugfs\nnodev\tsockfs\nnodev\tpipefs\nnodev\thugetlbfs\n\text4\n"),
	DEF_FILE("iomem", 0400, show_iomem),
	DEF_FILE("loadavg", 0444, show_loadavg),
	DEF_FILE("meminfo", 0444, show_meminfo),
	DEF_FILE("mounts", 0444, show_pid_mounts),
	DEF_DIR("net", DIR_NET),
	DEF_FILE("pagetypeinfo", 0400, show_pagetypeinfo),
	DEF_FILE("partitions", 0444, show_partitions),
	DEF_DIR("pressure", DIR_PRESSURE),
	DEF_RW("slabinfo", 0400, show_slabinfo, store_slabinfo),
	DEF_FILE("stat", 0444, show_stat),
	DEF_FILE("swaps", 0444, show_swaps),
	DEF_DIR("sys", DIR_SYSCTL),
	DEF_FILE("uptime", 0444, show_uptime),
	DEF_FILE("version", 0444, show_version),
	DEF_FILE("vmallocinfo", 0400, show_vmallocinfo),
	DEF_FILE("vmstat", 0444, show_vmstat),
	DEF_FILE("zoneinfo", 0444, show_zoneinfo),
};

const struct proc_dir proc_root_dir = {
	.defs = root_defs,
	.nr_defs = ARRAY_SIZE(root_defs),
	.lookup = root_lookup,
	.readdir = root_readdir,
};
