/* SPDX-License-Identifier: MIT */
/*
 * One of each kind of mapping, 4 MB of each resident: a memfd, System V shared memory, shared memory by
 * name, shared anonymous memory, a mapped file, private anonymous memory, code made at run time, bss, and
 * stacks of threads: one that waits (with a name), one that has ended and is joined, one that is not.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "stage.h"

enum { SIZE = 4 << 20, DEEP = 1 << 20 };

static struct stage stage;
static char bss[SIZE];
static pthread_barrier_t begun;

static char *map(int fd, int prot, int flags)
{
	char *p = mmap(NULL, SIZE, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		abort();
	/* not zeros: those do not count in a core */
	memset(p, 0x5a, SIZE);
	return p;
}

static __attribute__((noinline)) void go_deep(void)
{
	volatile char deep[DEEP];

	for (size_t i = 0; i < sizeof(deep); i += 1024)
		deep[i] = 1;
}

static void *wait_forever(void *unused)
{
	pthread_setname_np(pthread_self(), "waits");
	go_deep();
	pthread_barrier_wait(&begun);
	for (;;)
		pause();
	return unused;
}

static void *end_at_once(void *unused)
{
	pthread_barrier_wait(&begun);
	return unused;
}

static int count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int n = 0;

	while (readdir(tasks))
		n++;
	closedir(tasks);
	return n - 2; /* "." and ".." */
}

static void start_threads(void)
{
	pthread_t waits, joined, ended;

	pthread_barrier_init(&begun, NULL, 4);
	if (pthread_create(&waits, NULL, wait_forever, NULL) ||
	    pthread_create(&joined, NULL, end_at_once, NULL) ||
	    pthread_create(&ended, NULL, end_at_once, NULL))
		abort();
	pthread_barrier_wait(&begun);
	pthread_join(joined, NULL);
	/* until the kernel is done with the other, which nobody joins */
	while (count_threads() > 2)
		usleep(1000);
}

/* argv[1]: a file of 4 MB to map */
int main(int argc, char **argv)
{
	char name[64];
	int fd, segment;

	memset(bss, 0x5a, sizeof(bss));
	fd = memfd_create("victims-memfd", 0);
	if (argc < 2 || ftruncate(fd, SIZE) < 0)
		abort();
	map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	segment = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	memset(shmat(segment, NULL, 0), 0x5a, SIZE);
	shmctl(segment, IPC_RMID, NULL);
	snprintf(name, sizeof(name), "/memtrace-victim-%d", (int)getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (ftruncate(fd, SIZE) < 0)
		abort();
	map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	shm_unlink(name);
	map(-1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
	map(open(argv[1], O_RDWR), PROT_READ | PROT_WRITE, MAP_SHARED);
	map(-1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	map(-1, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS);
	start_threads();
	stage_wait(&stage);
	_exit(0);
}
