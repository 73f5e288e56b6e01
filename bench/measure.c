/* SPDX-License-Identifier: MIT */
/*
 * measure.c: runs a program and writes what it took: CPU seconds and peak RSS, those of its children that
 * it waited for included.
 *
 * A program of its own because the kernel counts into a process's peak RSS what was resident before it
 * called exec: started by an interpreter, nothing would be smaller than the interpreter. This one is
 * static, and the smallest program there is under a dynamic loader is larger.
 *
 * usage: measure FILE CPU PRELOAD COMMAND...
 *
 * CPU is the number of the processor to run on, or -; PRELOAD goes to the end of LD_PRELOAD, or -.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	FILE *file;
	int status;
	pid_t pid;

	if (argc < 5) {
		(void)fputs("usage: measure FILE CPU PRELOAD COMMAND...\n", stderr);
		return 2;
	}
	pid = fork();
	if (pid == 0)
		_exit(start(argv));
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
		perror("measure");
		return 2;
	}
	file = fopen(argv[1], "w");
	if (!file || fprintf(file, "%f %ld\n", seconds(usage.ru_utime) + seconds(usage.ru_stime),
			     usage.ru_maxrss) < 0) {
		perror(argv[1]);
		return 2;
	}
	(void)fclose(file);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
