/* SPDX-License-Identifier: MIT */
/*
 * attach-storm.c: programs that are hard to stop well. They check themselves all the time, print what is
 * wrong, and end with 0 on SIGTERM if nothing was.
 *
 *	attach-storm threads N      N threads that allocate, fill, check and free
 *	attach-storm calls          threads in system calls that a stop interrupts: none may return early
 *	attach-storm registers      a thread with known values in all vector registers
 *	attach-storm plugins FILE   always inside dlopen and dlclose, beside threads that allocate
 *	attach-storm plugin FILE    the same with no other thread
 *	attach-storm forks          always forking; children allocate
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKS = 32, WAIT_MS = 20 };

static volatile sig_atomic_t ending;

static void end(int signal)
{
	ending = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "attach-storm: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void allocate_and_check(unsigned seed)
{
	unsigned char *blocks[BLOCKS];

	for (int i = 0; i < BLOCKS; i++) {
		size_t size = 16 + (seed + (unsigned)i * 37) % 2000;

		errno = 4711;
		blocks[i] = i % 3 ? malloc(size) : calloc(1, size);
		if (!blocks[i])
			fail("malloc");
		memset(blocks[i], (int)(seed + (unsigned)i), 16);
	}
	for (int i = 0; i < BLOCKS; i++) {
		for (int k = 0; k < 16; k++)
			if (blocks[i][k] != (unsigned char)(seed + (unsigned)i))
				fail("a block has changed");
		free(blocks[i]);
		if (errno != 4711)
			fail("errno has changed");
	}
}

static void *allocate(void *number)
{
	for (unsigned seed = (unsigned)(uintptr_t)number; !ending; seed++) {
		allocate_and_check(seed);
		/* a hundred threads that never sleep would leave the tool no time */
		if (seed % 8 == 0)
			usleep(1000);
	}
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int wait_sleep(void)
{
	struct timespec time = {0, WAIT_MS * 1000000}, left = {0, 0};

	return nanosleep(&time, &left);
}

static int wait_poll(void)
{
	return poll(NULL, 0, WAIT_MS);
}

static int wait_ppoll(void)
{
	struct timespec time = {0, WAIT_MS * 1000000};
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM); /* the end, which is not this thread's to hear of */
	return ppoll(NULL, 0, &time, &mask);
}

static int wait_epoll(void)
{
	static int fd = -1;
	struct epoll_event event;

	if (fd < 0)
		fd = epoll_create1(0);
	return epoll_wait(fd, &event, 1, WAIT_MS);
}

static int wait_semaphore(void)
{
	static sem_t semaphore;
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += WAIT_MS * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return sem_timedwait(&semaphore, &time) < 0 && errno == ETIMEDOUT ? 0 : -1;
}

static int wait_signal(void)
{
	struct timespec time = {0, WAIT_MS * 1000000};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &time) < 0 && errno == EAGAIN ? 0 : -1;
}

static const struct {
	const char *name;
	int (*wait)(void);
} waits[] = {
	{"nanosleep", wait_sleep},
	{"poll", wait_poll},
	{"ppoll", wait_ppoll},
	{"epoll_wait", wait_epoll},
	{"sem_timedwait", wait_semaphore},
	{"sigtimedwait", wait_signal},
};
enum { WAITS = sizeof(waits) / sizeof(waits[0]) };

static void *wait_and_check(void *number)
{
	uintptr_t which = (uintptr_t)number;
	sigset_t mask, set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	while (!ending) {
		uint64_t begun = now_ms();
		void *block = malloc(100);

		if (waits[which].wait() != 0)
			fail(waits[which].name);
		if (now_ms() - begun < WAIT_MS - 1)
			fail("came back early");
		free(block);
		pthread_sigmask(SIG_SETMASK, NULL, &mask);
		if (!sigismember(&mask, SIGUSR1) || sigismember(&mask, SIGINT))
			fail("the signal mask has changed");
	}
	return NULL;
}

/* A loop that has all of its state in registers. */
static void check_registers(void)
{
	volatile double one = 1.0;
	double a = one, b = 2 * one, c = 3 * one, d = 4 * one, e = 5 * one, f = 6 * one;
	uint64_t i = 1, k = 2, l = 3, m = 4;

	for (unsigned n = 0; n < 2000000; n++) {
		double t = a;
		uint64_t u = i;

		a = b, b = c, c = d, d = e, e = f, f = t;
		i = k, k = l, l = m, m = u;
		__asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f));
		__asm__ volatile("" : "+r"(i), "+r"(k), "+r"(l), "+r"(m));
		if (i + k + l + m != 10 || a + b + c + d + e + f != 21.0)
			fail("registers have changed");
	}
}

static void open_plugin(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW);

	if (!handle)
		fail(dlerror());
	allocate_and_check(7);
	dlclose(handle);
}

static void fork_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		allocate_and_check(3);
		_exit(42);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
		fail("a child has died");
	allocate_and_check(9);
}

static void start(unsigned n, void *(*function)(void *))
{
	for (uintptr_t i = 0; i < n; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, function, (void *)i) != 0)
			fail("pthread_create");
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	signal(SIGTERM, end);
	if (strcmp(mode, "threads") == 0)
		start((unsigned)atoi(argv[2]), allocate);
	else if (strcmp(mode, "calls") == 0)
		start(WAITS, wait_and_check);
	else if (strcmp(mode, "plugin") != 0)
		start(2, allocate);
	puts("ready");
	fflush(stdout);
	while (!ending) {
		if (strcmp(mode, "registers") == 0)
			check_registers();
		else if (strncmp(mode, "plugin", 6) == 0)
			open_plugin(argv[2]);
		else if (strcmp(mode, "forks") == 0)
			fork_child();
		else
			usleep(1000);
	}
	return 0;
}
