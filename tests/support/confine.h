/* SPDX-License-Identifier: MIT */
/*
 * confine.h: a filter of system calls as servers have it: what an allocating, printing, threading and
 * forking program needs is allowed, anything else kills the process. For the victims of tests.
 */
#ifndef TESTS_SUPPORT_CONFINE_H
#define TESTS_SUPPORT_CONFINE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum confine_way {
	CONFINE_BY_PRCTL,
	CONFINE_BY_SYSCALL, /* seccomp(2) */
};

/* Numbers that are in every filter. */
static const int confine_allowed[] = {
	SYS_read,
	SYS_write,
	SYS_exit,
	SYS_exit_group,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_futex,
	SYS_clone,
	SYS_clone3,
	SYS_wait4,
	SYS_getpid,
	SYS_gettid,
	SYS_mprotect,
	SYS_close,
	SYS_fstat,
	SYS_newfstatat,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_restart_syscall,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_getrandom,
};

enum { CONFINE_N_ALLOWED = sizeof(confine_allowed) / sizeof(confine_allowed[0]) };

/* 0, or -1 and errno. */
static inline int confine_process(enum confine_way way)
{
	struct sock_filter filter[2 + 2 * CONFINE_N_ALLOWED];
	struct sock_fprog program = {.filter = filter};
	size_t n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CONFINE_N_ALLOWED; i++) {
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   (unsigned)confine_allowed[i], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (way == CONFINE_BY_PRCTL)
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

#endif
