/* SPDX-License-Identifier: MIT */
/*
 * Tasks: processes and threads as the memory manager knows them.
 *
 * A task is a slab object with a kernel stack from vmalloc; the threads of a
 * process share mm and signal.  The leader's pid is the tgid.  A task that has
 * exited stays on the list as a zombie until its parent reaps it.
 *
 * Lock: space->tasklist_lock for the list, the family and pids.
 */
#ifndef QUIRE_SPACE_SCHED_H
#define QUIRE_SPACE_SCHED_H

#include "space/mm.h"
#include "space/numa_balancing.h"

#define OOM_SCORE_ADJ_MIN (-1000)
#define OOM_SCORE_ADJ_MAX 1000
#define SIGBUS		  7
#define SIGKILL		  9
#define SIGSEGV		  11

enum task_state { TASK_RUNNING, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE, EXIT_ZOMBIE, EXIT_DEAD };

/* Linux's numbers; those of memory are looked at, the others only kept and shown. */
enum {
	RLIMIT_CPU,
	RLIMIT_FSIZE,
	RLIMIT_DATA,
	RLIMIT_STACK,
	RLIMIT_CORE,
	RLIMIT_RSS,
	RLIMIT_NPROC,
	RLIMIT_NOFILE,
	RLIMIT_MEMLOCK,
	RLIMIT_AS,
	RLIMIT_LOCKS,
	RLIMIT_SIGPENDING,
	RLIMIT_MSGQUEUE,
	RLIMIT_NICE,
	RLIMIT_RTPRIO,
	RLIMIT_RTTIME,
	RLIM_NLIMITS
};
#define RLIM_INFINITY ULONG_MAX
struct rlimit {
	u64 rlim_cur, rlim_max;
};

/* Shared by the threads of a process. */
struct signal_struct {
	unsigned int refs, nr_threads;
	short oom_score_adj, oom_score_adj_min;
	bool oom_flag_origin; /* swapoff(): the killer takes it first */
	bool group_exit;      /* SIGKILL or exit_group: all threads are to die */
	int exit_code;
	struct mm_struct *oom_mm;	/* set once it is an OOM victim */
	unsigned long min_flt, maj_flt; /* of threads that have exited */
	unsigned long cmin_flt, cmaj_flt;
	u64 utime, stime;   /* of threads that have exited */
	u64 cutime, cstime; /* of children that were collected */
	struct rlimit rlim[RLIM_NLIMITS];
};

/* space/mempolicy.c */
enum mpol_mode {
	MPOL_DEFAULT,
	MPOL_PREFERRED,
	MPOL_BIND,
	MPOL_INTERLEAVE,
	MPOL_LOCAL,
	MPOL_PREFERRED_MANY,
	MPOL_WEIGHTED_INTERLEAVE, /* 6.9; where quire_config says so */
};
/* How nodes follow a cpuset's: not at all, or by their numbers among them. */
#define MPOL_F_STATIC_NODES   (1u << 15)
#define MPOL_F_RELATIVE_NODES (1u << 14)

struct mempolicy {
	u8 mode;
	u16 flags;	     /* MPOL_F_* */
	u16 home;	     /* home node plus 1; 0: the nearest */
	unsigned int refcnt; /* of an area's */
	unsigned int preferred;
	unsigned int il_next, il_weight; /* a task's: whose turn it is, and how often still */
	nodemask_t nodes;
	nodemask_t user_nodes; /* what was asked for */
};

#define TASK_COMM_LEN	       16
#define TASK_RSS_EVENTS_THRESH 64

/* What a task has not yet told its address space. */
struct task_rss_stat {
	unsigned int events; /* faults since it last did */
	long count[NR_MM_COUNTERS];
};

struct task {
	struct list_head tasks;	       /* all leaders, oldest first */
	struct list_head thread_group; /* threads of the process, headed by the leader */
	struct list_head children, sibling;
	struct task *parent, *group_leader;
	struct rb_node pid_node;
	int pid, tgid;
	unsigned int usage;
	char comm[TASK_COMM_LEN];
	char *cmdline; /* the leader's: kmalloc'ed, NUL between arguments; NULL: kernel thread */
	unsigned int cmdline_len;
	unsigned int flags; /* PF_* */
	enum task_state state;
	const char *wchan;
	struct mm_struct *mm; /* NULL: kernel thread, or exited */
	struct task_rss_stat rss_stat;
	struct signal_struct *signal;
	void *sighand, *files, *fs, *cred, *pid_struct; /* real objects of their slabs */
	u64 stack;					/* kernel stack, vmalloc'ed */
	unsigned int uid, gid;
	int nice, rt_priority;
	unsigned long min_flt, maj_flt;
	u64 utime, stime; /* ns */
	u64 start_time;	  /* ns since boot */
	unsigned int cpu; /* where it last ran */
	int node;	  /* pinned to a node, or -1 */
	unsigned long nvcsw, nivcsw;
	bool tif_memdie; /* may use the reserves: an OOM victim */
	bool sigkill_pending;
	bool in_vfork; /* CLONE_VFORK, and it has neither executed a program nor ended */
	int exit_code;
	struct mem_cgroup *memcg; /* NULL: the root */
	struct mempolicy policy;
	struct task_numa *numa; /* NULL: balancing has not looked at it */
	struct psi_task psi;
	struct list_head oom_reaper_list;   /* on oom->reaper_list, with a reference */
	u64 oom_reaper_at;		    /* ns: not to be reaped before */
	struct quire_wait_queue *exit_wait; /* woken when it becomes a zombie; may be NULL */
	void *port_private;		    /* the fiber or thread */
};

struct hugetlbfs_floor;

/* SysV segments (syscall/shm.c). */
struct shm_floor {
	struct list_head segments;
	int next_id;
	unsigned int nr, nr_dest; /* and of those to go with their last area */
	void (*reap)(struct quire *q);
};

struct space_floor {
	struct list_head tasks;
	struct spinlock tasklist_lock;
	struct rb_root pids;
	int last_pid, pid_max;
	unsigned int nr_processes, nr_threads;
	unsigned long total_forks;
	struct list_head mms; /* every mm_struct, oldest first; tasklist_lock */
	u64 next_context_id;
	struct task *swapper;	       /* pid 0: parent of the first two, on no list */
	unsigned long exited_switches; /* context switches of tasks that are gone */
	struct task *init_task;	       /* pid 1 */
	struct task *kthreadd;	       /* pid 2 */
	struct kmem_cache *task_cachep, *mm_cachep, *vma_cachep, *anon_vma_cachep,
		*anon_vma_chain_cachep, *maple_node_cachep, *signal_cachep, *sighand_cachep,
		*files_cachep, *fs_cachep, *cred_cachep, *pid_cachep;
	struct page *zero_page;
	struct huge_floor *huge;	   /* transparent huge pages: huge_mm.h */
	struct hugetlbfs_floor *hugetlbfs; /* NULL: nobody has used it yet */
	struct numa_balancing numa;
	struct shm_floor shm;
	/* MADV_PAGEOUT: reclaims isolated pages and puts the rest back on their
	 * lists; empties the list.  NULL: nobody can. */
	unsigned long (*reclaim_pages)(struct quire *q, struct list_head *pages);
	/* With generations: an entry with its accessed bit set was met from its page; what is
	 * around it?  Under page_table_lock. */
	void (*lru_gen_look_around)(struct quire *q, struct page *page, struct vm_area_struct *vma,
				    u64 addr, pte_t *ptep);
	/* /proc/sys/vm */
	int overcommit_memory, overcommit_ratio;
	unsigned long overcommit_kbytes, admin_reserve_kbytes, user_reserve_kbytes;
	int max_map_count;
	unsigned long mmap_min_addr;
	int legacy_va_layout, unprivileged_userfaultfd;
	unsigned int max_threads;
	long vm_committed_as; /* pages */
};

/* A fault of task changed mm; told later if mm is its own (SPLIT_RSS_COUNTING). */
static inline void add_mm_counter_fast(struct task *task, struct mm_struct *mm, int member, long n)
{
	if (likely(task && task->mm == mm))
		task->rss_stat.count[member] += n;
	else
		add_mm_counter(mm, member, n);
}

/* task tells its address space what it has counted. */
void sync_mm_rss(struct task *task);
/* With what the tasks have not told yet: what the tables hold. */
unsigned long mm_counter_exact(struct quire *q, const struct mm_struct *mm, int member);

int space_init(struct quire *q);

#define CLONE_VM     0x00000100u
#define CLONE_FILES  0x00000400u
#define CLONE_VFORK  0x00004000u
#define CLONE_THREAD 0x00010000u

/*
 * Makes a child of parent (NULL: of init): with CLONE_THREAD a thread of the
 * same process, with CLONE_VM one that shares the address space, else a copy
 * of it with every private page shared copy-on-write; CLONE_VFORK: until it
 * executes a program the parent waits, which is the caller's to do.  Runs
 * nothing: the machine gives it a fiber.  ERR_PTR(-ENOMEM, -EAGAIN).  May sleep.
 */
struct task *copy_process(struct quire *q, struct task *parent, unsigned int clone_flags);
/* A kernel thread's task (no mm), child of kthreadd. */
struct task *create_kthread_task(struct quire *q, const char *name);
/* A new, empty address space with stack, program and heap areas; comm and
 * arguments (NUL-separated).  0 or -ENOMEM; the old space is left. */
int exec_mmap(struct quire *q, struct task *task, const char *comm, const char *cmdline,
	      unsigned int cmdline_len);
/* The same with a program: its text is text_bytes of exe, privately mapped. */
int exec_mmap_file(struct quire *q, struct task *task, const char *comm, const char *cmdline,
		   unsigned int cmdline_len, struct file *exe, u64 text_bytes);
/* The running or given task ends: memory and files go, it becomes a zombie
 * (or is reaped at once when its parent is init).  May sleep. */
void do_exit(struct quire *q, struct task *task, int code);
/* The parent collects a zombie: its task structure goes. */
void release_task(struct quire *q, struct task *task);
struct task *find_task_by_pid(struct quire *q, int pid);
void get_task(struct task *task);
void put_task(struct quire *q, struct task *task);
/* Marks every thread of the process killed and tells the port. */
void send_signal(struct quire *q, struct task *task, int sig);
/* One limit of a process; new NULL: it stays, old NULL: nobody asks.  -EINVAL (no
 * such limit, or soft above hard), -EPERM (a user may not raise the hard one). */
int do_prlimit(struct quire *q, struct task *task, unsigned int limit, const struct rlimit *new,
	       struct rlimit *old);
bool fatal_signal_pending(const struct task *task);
void set_task_comm(struct task *task, const char *comm);
/* A process writes another title over its arguments (setproctitle). -ENOMEM. */
int set_task_cmdline(struct quire *q, struct task *task, const char *cmdline,
		     unsigned int cmdline_len);
/* The NUMA policy of the task's later allocations; -EINVAL for an empty or
 * impossible set of nodes. */
int set_mempolicy(struct quire *q, struct task *task, const struct mempolicy *policy);
/* Moves a process into a control group (its later charges go there). */
int task_set_memcg(struct quire *q, struct task *task, struct mem_cgroup *memcg);

/*
 * For a machine that is built from a capture: a task gets another number (its
 * process too, if it leads one; then it must be alone), and a process another
 * parent.  -EEXIST, -EINVAL.
 */
int task_set_pid(struct quire *q, struct task *task, int pid);
void task_set_parent(struct quire *q, struct task *task, struct task *parent);

#define for_each_process(q, p) list_for_each_entry (p, &(q)->space->tasks, tasks)
#define for_each_thread(leader, t)                                     \
	for (struct task *t = (leader), *__first = NULL; t != __first; \
	     __first = (leader), t = list_next_entry(t, thread_group))

#endif
