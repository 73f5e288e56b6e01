/* SPDX-License-Identifier: MIT */
/*
 * measure.c: runs a program and writes what it took: CPU seconds and peak RSS, those of its children that
 * it waited for included.
 *
 * A program of its own because the kernel counts into a process's peak RSS what was resident before it
 * called exec: started by an interpreter, nothing would be smaller than the interpreter. This one is
 * static, and the smallest program there is under a dynamic loader is larger.
 *
 * And because its peak is a sum of counters to which each processor adds what it counted by itself, 32 pages
 * at once (since Linux 6.2): of a program of 1.3 MiB up to a quarter is missing. So the program's end is traced, where
 * the kernel adds them up for /proc/PID/status. If the peak was earlier, or is a child's, it is the kernel's.
 *
 * usage: measure FILE CPU PRELOAD COMMAND...
 *
 * CPU is the number of the processor to run on, or -; PRELOAD goes to the end of LD_PRELOAD, or -.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Behind what is preloaded already: a profiler that started us has to come first. */
static void preload(const char *library)
{
	const char *first = getenv("LD_PRELOAD");
	char all[8192];

	(void)snprintf(all, sizeof(all), "%s%s%s", first ? first : "", first ? ":" : "", library);
	setenv("LD_PRELOAD", all, 1);
}

static int start(char **argv)
{
	if (strcmp(argv[2], "-") != 0) {
		cpu_set_t cpus;

		CPU_ZERO(&cpus);
		CPU_SET(strtoul(argv[2], NULL, 10), &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
			perror("measure: sched_setaffinity");
	}
	if (strcmp(argv[3], "-") != 0)
		preload(argv[3]);
	execvp(argv[4], argv + 4);
	perror(argv[4]);
	return 127;
}

/* KiB; 0 if it cannot be had. */
static long peak_of(pid_t pid)
{
	char path[64], line[256];
	long peak = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmHWM:", 6) == 0)
			peak = strtol(line + 6, NULL, 10);
	if (file)
		(void)fclose(file);
	return peak;
}

/* Waits for the end of a program that is traced, or was to be. */
static int wait_for(pid_t pid, int *ret_status, struct rusage *ret_usage, long *ret_peak)
{
	*ret_peak = 0;
	while (wait4(pid, ret_status, 0, ret_usage) == pid) {
		const int stop = *ret_status >> 8;
		long signal = 0;

		if (!WIFSTOPPED(*ret_status))
			return 0;
		if (stop == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
			*ret_peak = peak_of(pid);
		else if (stop >> 8 == 0)
			signal = stop;
		(void)ptrace(PTRACE_CONT, pid, NULL, signal);
	}
	return -1;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status, go[2];
	FILE *file;
	long peak;
	pid_t pid;

	if (argc < 5) {
		(void)fputs("usage: measure FILE CPU PRELOAD COMMAND...\n", stderr);
		return 2;
	}
	if (pipe(go) < 0 || (pid = fork()) < 0) {
		perror("measure");
		return 2;
	}
	if (pid == 0) {
		char byte;

		(void)close(go[1]);
		(void)!read(go[0], &byte, 1);
		(void)close(go[0]);
		_exit(start(argv));
	}
	(void)close(go[0]);
	(void)ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT);
	(void)close(go[1]);
	if (wait_for(pid, &status, &usage, &peak) < 0) {
		perror("measure");
		return 2;
	}
	file = fopen(argv[1], "w");
	if (!file || fprintf(file, "%f %ld\n", seconds(usage.ru_utime) + seconds(usage.ru_stime),
			     peak > usage.ru_maxrss ? peak : usage.ru_maxrss) < 0) {
		perror(argv[1]);
		return 2;
	}
	(void)fclose(file);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
