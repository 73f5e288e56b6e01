/* SPDX-License-Identifier: MIT */
/*
 * procinfo.h: what /proc says of a process as a whole and of its threads.
 */
#ifndef PROCESS_PROCINFO_H
#define PROCESS_PROCINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procinfo_thread {
	pid_t tid;
	char name[16];
};

struct procinfo {
	pid_t pid, ppid;
	uid_t uid;
	char state; /* as in stat: R S D Z … */
	char comm[16];
	char *exe;            /* NULL if it cannot be read */
	char **cmdline;       /* NULL terminated; NULL if it cannot be read */
	uint64_t start_ticks; /* since boot: with the pid it names the process for good */
	double started_at;    /* seconds since the epoch */
	uint32_t n_threads;
	uint64_t minor_faults; /* page faults so far that needed no file */
	/* bytes; UINT64_MAX where the kernel does not say */
	uint64_t vsz, rss, pss, uss, swap, peak_rss, cgroup_limit;
	/* CPUs that it may run on, and thousandths of a CPU that its control groups allow it; 0: not known, no limit */
	uint32_t n_cpus, cpu_limit;
};

/* -ESRCH if there is no such process; -ENOSYS if /proc is not mounted. */
int procinfo_read(pid_t pid, struct procinfo *ret);
/*
 * The same without a walk of the page tables, during which the process cannot map or unmap anything: pss
 * and uss stay unknown, rss is the kernel's running sum.
 */
int procinfo_read_brief(pid_t pid, struct procinfo *ret);
void procinfo_deinit(struct procinfo *info);

/*
 * Whether the process is on its way out: killed, or rid of its memory already, which takes a while where
 * there is much of it, but not yet a zombie. What is recorded of it then is all that there will be.
 */
bool procinfo_is_ending(pid_t pid);

/* By id; those that end meanwhile are left out. The caller frees. -ESRCH if the process is gone, or -errno. */
int procinfo_read_threads(pid_t pid, struct procinfo_thread **ret, size_t *ret_n);

/* All process ids; the caller frees. */
int procinfo_list(pid_t **ret, size_t *ret_n);

#endif
