/* SPDX-License-Identifier: MIT */
/*
 * confine: a process behind a seccomp filter that kills it for anything that an allocating and forking
 * program does not need. It allocates, frees, starts threads, forks, and its children do the same.
 *
 * usage: confine prctl|syscall|child, by which function the filter is put in place; "child" does it in a
 * forked child that recorded nothing before.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

static const int allowed[] = {
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
	SYS_gettid,
	SYS_mprotect,
	SYS_set_robust_list,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_clock_gettime,
	SYS_rseq,
	SYS_getrandom,
	SYS_rt_sigaction,
};

static void confine(const char *how)
{
	struct sock_filter filter[2 + 2 * sizeof(allowed) / sizeof(allowed[0])];
	struct sock_fprog program = {.filter = filter};
	size_t i, n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   (unsigned)allowed[i], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	/* asking whether there are filters changes nothing */
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1 && errno == EFAULT);
	if (strcmp(how, "prctl") == 0)
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	else
		CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

/* Little enough for glibc to keep it: it reads a file in /proc before it shrinks a thread's heap. */
static void allocate(void)
{
	void *blocks[100];
	int i;

	for (i = 0; i < 100; i++)
		CHECK((blocks[i] = malloc((size_t)i * 15)));
	for (i = 0; i < 100; i++)
		free(blocks[i]);
}

static void *work(void *unused)
{
	allocate();
	return NULL;
}

static void work_confined(void)
{
	pthread_t thread;
	int i, status;

	allocate();
	for (i = 0; i < 20; i++) {
		CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	for (i = 0; i < 5; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			allocate();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

int main(int argc, char **argv)
{
	int status;

	CHECK(argc == 2);
	if (strcmp(argv[1], "child") == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			confine("prctl");
			work_confined();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		return 0;
	}
	confine(argv[1]);
	work_confined();
	_exit(0);
}
