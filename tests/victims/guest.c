/* SPDX-License-Identifier: MIT */
/*
 * guest: the things that programs do to their own process. Each case prints "ok" if everything was as it
 * should be; what goes wrong is a wrong word, a signal, or a hang. The test runs each with and without
 * the agent.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/confine.h"

extern char **environ;
static void *volatile sink;

#define CHECK(condition)                                                               \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "guest.c:%d: %s (%s)\n", __LINE__, #condition, \
				strerror(errno));                                      \
			_exit(1);                                                      \
		}                                                                      \
	} while (0)

static void leak(void)
{
	for (int i = 0; i < 100; i++)
		/* LEAK leak: 100 blocks, 100000 bytes */
		sink = malloc(1000);
}

static void *storm(void *stop)
{
	unsigned seed = 1;
	void *slots[64] = {NULL};

	while (!*(volatile int *)stop) {
		unsigned k = (unsigned)rand_r(&seed) % 64;

		free(slots[k]);
		slots[k] = malloc((unsigned)rand_r(&seed) % 3000);
	}
	for (int k = 0; k < 64; k++)
		free(slots[k]);
	return NULL;
}

static pthread_t storm_threads[4];
static volatile int storm_stop;

static void storm_begin(void)
{
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&storm_threads[i], NULL, storm, (void *)&storm_stop) == 0);
}

static void storm_end(void)
{
	storm_stop = 1;
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(storm_threads[i], NULL) == 0);
}

/* No descriptor of the agent's is open: a program might be surprised by it, or write into it. */
static int is_clean(void)
{
	DIR *directory = opendir("/proc/self/fd");
	char path[300], target[4096];
	int clean = 1;

	CHECK(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
		if (strstr(target, "memtrace-region") || strncmp(target, "socket:", 7) == 0)
			clean = 0;
	}
	closedir(directory);
	return clean;
}

/* A daemon closes every descriptor and opens its own at the same numbers. */
static void case_close_all(void)
{
	int out = dup(1), fd;
	char text[8] = "";

	CHECK(is_clean());
	CHECK(fcntl(out, F_DUPFD, 100) == 100);
	for (fd = 0; fd < 100; fd++)
		close(fd);
	for (fd = 0; fd < 20; fd++)
		CHECK(open("/tmp", O_TMPFILE | O_RDWR, 0600) == fd);
	leak();
	for (fd = 0; fd < 20; fd++)
		CHECK(write(fd, "mine", 4) == 4);
	if (fork() == 0) {
		leak();
		_exit(0);
	}
	wait(NULL);
	leak();
	for (fd = 0; fd < 20; fd++)
		CHECK(pread(fd, text, 8, 0) == 4 && memcmp(text, "mine", 4) == 0);
	dup2(100, 1);
}

static void case_daemon(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		if (fork() == 0) {
			leak();
			_exit(0);
		}
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void case_fork_storm(void)
{
	storm_begin();
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			for (int k = 0; k < 50; k++)
				free(malloc((size_t)k * 100));
			leak();
			_exit(3);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 3);
	}
	storm_end();
}

static void case_clone_storm(void)
{
	storm_begin();
	for (int i = 0; i < 100; i++) {
		pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
		int status;

		if (pid == 0)
			_exit(3); /* a raw clone beside running threads may not allocate, with any libc */
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 3);
	}
	storm_end();
}

static void case_vfork(void)
{
	static char name[] = "true";
	char *argv[] = {name, NULL};

	for (volatile int i = 0; i < 50; i++) {
		int status;
		pid_t pid = vfork();

		if (pid == 0) {
			execve(i % 2 ? "/bin/true" : "/nonexistent", argv, environ);
			_exit(4);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == (i % 2 ? 0 : 4));
		free(malloc(100));
	}
	leak();
}

static void case_spawn(void)
{
	static char name[] = "sh", option[] = "-c", script[] = "exit 5";
	char *argv[] = {name, option, script, NULL};

	for (int i = 0; i < 20; i++) {
		int status;
		pid_t pid;

		CHECK(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) == 0);
		CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
		CHECK(WEXITSTATUS(system("exit 6")) == 6);
	}
	leak();
}

static void *load_storm(void *directory)
{
	for (int i = 0; i < 150; i++) {
		char path[4096];
		void *handle;
		void *(*run)(void);

		snprintf(path, sizeof(path), "%s/libplugin-%c.so", (char *)directory, "ab"[i % 2]);
		handle = dlopen(path, RTLD_NOW);
		CHECK(handle);
		run = (void *(*)(void))dlsym(handle, "plugin_run");
		CHECK(run && run());
		CHECK(dlclose(handle) == 0);
	}
	return NULL;
}

static void case_dlopen_storm(char *directory)
{
	pthread_t threads[3];

	storm_begin();
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, load_storm, directory) == 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			leak();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	storm_end();
}

static void case_drop_privileges(void)
{
	if (getuid() == 0) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
	}
	leak();
	if (fork() == 0) {
		leak();
		_exit(0);
	}
	wait(NULL);
}

static void case_chroot(void)
{
	if (getuid() == 0) {
		char directory[] = "/tmp/memtrace-guest-XXXXXX";

		CHECK(mkdtemp(directory) && chroot(directory) == 0 && chdir("/") == 0);
	}
	leak();
	if (fork() == 0) {
		leak();
		_exit(0);
	}
	wait(NULL);
}

/* Only what an allocating, printing and forking program needs; anything else kills the process. */
static void case_seccomp(void)
{
	CHECK(confine_process(CONFINE_BY_PRCTL) == 0);
	leak();
	for (int i = 0; i < 1000; i++)
		free(malloc((size_t)i * 1000));
	if (fork() == 0) {
		leak();
		_exit(0);
	}
	wait(NULL);
}

/* The kernel gives no more: the program sees NULL and ENOMEM, and goes on. */
static void case_no_memory(void)
{
	struct rlimit limit = {512u << 20, 512u << 20};
	size_t total = 0;
	void *first = NULL;

	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (;;) {
		void **p = malloc(64 << 10);

		if (!p) {
			CHECK(errno == ENOMEM);
			break;
		}
		*p = first;
		first = p;
		total += 64 << 10;
	}
	CHECK(total > 300u << 20);
	errno = 0;
	CHECK(!malloc((size_t)1 << 40) && errno == ENOMEM);
	while (first) {
		void *next = *(void **)first;

		free(first);
		first = next;
	}
	leak();
}

static void on_alarm(int number)
{
	int kept = errno;

	free(malloc(50));
	errno = kept;
}

/* Signals that arrive at any instruction, handlers that allocate between the program's own calls. */
static void case_signals(void)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct timespec started, now;
	sigset_t set;
	unsigned long n = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &started);
	do {
		kill(getpid(), SIGUSR1);
		errno = 77;
		free(malloc(n % 5000));
		CHECK(errno == 77);
		clock_gettime(CLOCK_MONOTONIC, &now);
		n++;
	} while (now.tv_sec - started.tv_sec < 1);
	leak();
}

static void *ending(void *arg)
{
	free(malloc(100));
	return malloc(10);
}

static void case_thread_storm(void)
{
	for (int i = 0; i < 3000; i++) {
		pthread_t thread;
		void *result;

		CHECK(pthread_create(&thread, NULL, ending, NULL) == 0);
		CHECK(pthread_join(thread, &result) == 0);
		free(result);
	}
	leak();
}

static void case_close_range(void)
{
	int out = fcntl(1, F_DUPFD, 900);

	syscall(SYS_close_range, 0u, 899u, 0u);
	leak();
	for (int i = 0; i < 5; i++) {
		if (fork() == 0) {
			leak();
			_exit(0);
		}
		wait(NULL);
	}
	CHECK(open("/dev/null", O_RDWR) == 0);
	CHECK(dup2(out, 1) == 1 && dup2(out, 2) == 2);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{"close-all", case_close_all},
		{"close-range", case_close_range},
		{"daemon", case_daemon},
		{"fork-storm", case_fork_storm},
		{"clone-storm", case_clone_storm},
		{"vfork", case_vfork},
		{"spawn", case_spawn},
		{"drop-privileges", case_drop_privileges},
		{"chroot", case_chroot},
		{"seccomp", case_seccomp},
		{"no-memory", case_no_memory},
		{"signals", case_signals},
		{"thread-storm", case_thread_storm},
	};

	if (strcmp(name, "dlopen-storm") == 0 && argc > 2) {
		case_dlopen_storm(argv[2]);
		leak();
	} else {
		size_t i;

		for (i = 0;
		     i < sizeof(cases) / sizeof(cases[0]) && strcmp(cases[i].name, name) != 0; i++)
			;
		if (i == sizeof(cases) / sizeof(cases[0]))
			return 2;
		cases[i].run();
	}
	CHECK(write(1, "ok\n", 3) == 3);
	_exit(0);
}
