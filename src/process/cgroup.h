/* SPDX-License-Identifier: MIT */
/*
 * cgroup.h: how much memory and CPU time the control groups of a process allow it, version 1 or 2.
 */
#ifndef PROCESS_CGROUP_H
#define PROCESS_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

/*
 * The smallest limit in bytes on the way from the process's group up to the root; UINT64_MAX if there is
 * none, or if it cannot be known. Includes the limit that memory.high sets, which throttles.
 */
uint64_t cgroup_memory_limit(pid_t pid);

/* CPU time for each second, in thousandths of a CPU: the smallest quota; UINT64_MAX in the same cases. */
uint64_t cgroup_cpu_limit(pid_t pid);

/*
 * The same from the text of /proc/PID/cgroup and of /proc/self/mountinfo, with files looked up below
 * root ("" for the system's own).
 */
uint64_t cgroup_memory_limit_from(const char *cgroup, const char *mountinfo, const char *root);
uint64_t cgroup_cpu_limit_from(const char *cgroup, const char *mountinfo, const char *root);

#endif
