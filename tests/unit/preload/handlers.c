/* SPDX-License-Identifier: MIT */
/*
 * handlers: allocation in signal handlers, on alternate stacks of the least size that a program may ask
 * for, and in threads with the smallest stacks.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "check.h"

static volatile int n_handled;
static void *volatile kept[1000];

static void handle(int number)
{
	void *block;

	errno = 55;
	block = malloc(300);
	if (block && errno == 55) {
		kept[n_handled % 1000] = block;
		n_handled++;
	}
}

/* Fills a stack and says how much of it was used. */
static void paint(unsigned char *stack, size_t size)
{
	memset(stack, 0x5a, size);
}

static size_t used(const unsigned char *stack, size_t size)
{
	size_t i = 0;

	while (i < size && stack[i] == 0x5a)
		i++;
	return size - i;
}

static void check_alternate_stack(void)
{
	/* what the kernel needs for its frame, and one page for the handler */
	size_t size = getauxval(AT_MINSIGSTKSZ) + 4096;
	unsigned char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t alternate = {.ss_sp = memory, .ss_size = size};
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
	int i;

	CHECK(memory != MAP_FAILED);
	paint(memory, size);
	CHECK(sigaltstack(&alternate, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
	for (i = 0; i < 500; i++)
		CHECK(raise(SIGUSR1) == 0);
	CHECK(n_handled == 500);
	CHECK(used(memory, size) < size);
	for (i = 0; i < 500; i++)
		free(kept[i]);
}

static void *allocate(void *unused)
{
	void *blocks[20];
	int i;

	for (i = 0; i < 20; i++)
		CHECK((blocks[i] = malloc((size_t)i * i * i * 10)));
	for (i = 0; i < 20; i++)
		free(blocks[i]);
	return NULL;
}

static void check_small_stacks(void)
{
	pthread_attr_t attributes;
	int i;

	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
	for (i = 0; i < 50; i++) {
		pthread_t thread;

		CHECK(pthread_create(&thread, &attributes, allocate, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	pthread_attr_destroy(&attributes);
}

static void interrupt(int number)
{
	int kept_errno = errno;
	void *block = malloc(3000), *zeroed = calloc(1, 100000);

	CHECK(block && zeroed);
	free(block);
	free(zeroed);
	n_handled++;
	errno = kept_errno;
}

/* Handlers at any instruction of the family, also where the heap is in the middle of something. */
static void check_interruptions(void)
{
	struct itimerval every = {{0, 20}, {0, 20}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
	unsigned n;

	n_handled = 0;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
	for (n = 0; n < 3000000 && n_handled < 1000; n++) {
		kept[n % 100] = malloc(n * 7919 % 60000);
		CHECK(kept[n % 100]);
		free(kept[n % 100]);
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

int main(void)
{
	const char *allocator = getenv("MEMTRACE_ALLOCATOR");

	check_alternate_stack();
	check_small_stacks();
	/* glibc waits for itself there */
	if (allocator && strcmp(allocator, "fast") == 0)
		check_interruptions();
	return 0;
}
