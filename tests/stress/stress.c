/* SPDX-License-Identifier: MIT */
/*
 * stress.c: many threads that do everything an allocator offers, and look at every byte of it.
 *
 * Each block is filled with a sequence that follows from its address and its size, and is looked at
 * before it is reallocated or freed: two blocks that overlap, a block that was handed out twice, or one
 * that the allocator wrote into cannot both hold theirs. Threads own some blocks, and exchange others
 * through shared places, so that most are freed by a thread that did not allocate them. A thread lives
 * for some thousand steps; then another takes over what it holds. Now and then one gives memory back, or
 * forks: the child looks at what it has inherited, works on it, and ends.
 *
 * usage: stress [--seconds N] [--threads N] [--steps N] [--seed N]
 *
 * With --seconds it goes on for so long; without, each thread lives --steps steps in a few lives. What
 * each thread does follows from the seed, but not what they do to each other.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define MAX_THREADS 128u
#define N_OWN       400u
#define N_SHARED    512u
#define N_LIVES     4u
#define CHILD_STEPS 300u
#define CHILD_TIME  120u /* seconds, after which a child hangs */
#define LOOKED_AT   2048u

/* What a block begins with; the rest of it is filled. */
struct head {
	uint64_t size;
	uint64_t check; /* of the address and the size */
};

struct worker {
	uint64_t seed;
	uint64_t n_steps; /* of a life */
	unsigned n_lives; /* that are to come; without meaning if there is a deadline */
	bool is_child;
	struct head *own[N_OWN];
};

static _Atomic(struct head *) shared[N_SHARED];
static _Atomic uint64_t n_steps_done;
static time_t deadline;
static uint64_t first_seed = 1;

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

__attribute__((noreturn)) static void fail(const char *what, const void *block, size_t size)
{
	(void)fprintf(stderr, "stress: %s: block %p of %zu bytes, process %d, --seed %lu\n", what,
		      block, size, (int)getpid(), (unsigned long)first_seed);
	abort();
}

static uint64_t check_of(const void *block, uint64_t size)
{
	return ((uintptr_t)block * 0x9e3779b97f4a7c15ull) ^ (size * 0xc2b2ae3d27d4eb4full);
}

/* Runs over the bytes behind the head: all of a small block, the beginning and the end of a large one. */
static bool fill_or_look(struct head *block, bool fill)
{
	uint8_t *bytes = (uint8_t *)block;
	bool ok = true;

	for (size_t i = sizeof(*block); i < block->size; i++) {
		const uint8_t expected = (uint8_t)(block->check >> (i % 8 * 8)) ^ (uint8_t)i;

		if (i == LOOKED_AT && block->size > 2 * LOOKED_AT)
			i = block->size - LOOKED_AT - block->size % 8;
		if (fill)
			bytes[i] = expected;
		else
			ok &= bytes[i] == expected;
	}
	return ok;
}

static void look_at(struct head *block)
{
	if (block->check != check_of(block, block->size))
		fail("the head was written over", block, 0);
	if (!fill_or_look(block, false))
		fail("bytes were written over", block, block->size);
}

static size_t random_size(uint64_t *seed)
{
	const uint64_t r = random_next(seed), kind = r % 1024, rest = r >> 16;

	if (kind < 900)
		return sizeof(struct head) + rest % 500;
	if (kind < 1000)
		return sizeof(struct head) + rest % 8000;
	if (kind < 1020)
		return sizeof(struct head) + rest % 200000;
	return sizeof(struct head) + rest % (3ul << 20);
}

/* Writes a block that was just allocated. */
static struct head *claim(void *memory, size_t size, size_t align)
{
	struct head *block = memory;

	if (!block)
		fail("no memory", NULL, size);
	if ((uintptr_t)block % align)
		fail("not aligned", block, size);
	if (stress_api.usable_size(block) < size)
		fail("too small", block, size);
	block->size = size;
	block->check = check_of(block, size);
	(void)fill_or_look(block, true);
	return block;
}

static struct head *make(uint64_t *seed)
{
	const size_t size = random_size(seed);
	const uint64_t r = random_next(seed);
	uint8_t *zeroed;

	switch (r % 8) {
	case 0:
		zeroed = stress_api.allocate_zeroed(1, size);
		for (size_t i = 0; zeroed && i < size; i++)
			if (zeroed[i])
				fail("not zeroed", zeroed, size);
		return claim(zeroed, size, 16);
	case 1:
		return claim(stress_api.allocate_aligned(16ul << (r >> 8) % 10, size), size,
			     16ul << (r >> 8) % 10);
	default:
		return claim(stress_api.allocate(size), size, 16);
	}
}

static void unmake(struct head *block)
{
	if (!block)
		return;
	look_at(block);
	/* whoever holds it still is found out */
	block->check = 0;
	stress_api.release(block);
}

static struct head *remake(struct head *block, uint64_t *seed)
{
	const size_t old = block->size, size = random_size(seed);
	const uint64_t check = block->check;
	uint8_t first[64], *bytes;
	const size_t n = (old < size ? old : size) - sizeof(*block);

	look_at(block);
	memcpy(first, block + 1, n < sizeof(first) ? n : sizeof(first));
	block = stress_api.reallocate(block, size);
	bytes = (uint8_t *)block;
	if (!block)
		fail("no memory to grow", NULL, size);
	if (block->size != old || block->check != check ||
	    memcmp(bytes + sizeof(*block), first, n < sizeof(first) ? n : sizeof(first)) != 0)
		fail("realloc did not keep the content", block, size);
	return claim(block, size, 16);
}

static void live(struct worker *worker, uint64_t n_steps);

/* What was inherited is whole, but for what other threads were just about to write. */
static void fork_once(struct worker *worker)
{
	int status;
	pid_t pid = stress_api.fork();

	if (pid < 0)
		return;
	if (pid == 0) {
		(void)alarm(CHILD_TIME);
		/* the blocks in the shared places may be in the hands of threads that are not here */
		memset((void *)shared, 0, sizeof(shared));
		worker->is_child = true;
		live(worker, CHILD_STEPS);
		for (unsigned i = 0; i < N_OWN; i++)
			unmake(worker->own[i]);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		(void)fprintf(stderr, "stress: child %d ended with status %#x%s\n", (int)pid,
			      (unsigned)status, status == SIGALRM ? ": it hung" : "");
		abort();
	}
}

static void step(struct worker *worker)
{
	const uint64_t r = random_next(&worker->seed);
	struct head **own = &worker->own[(r >> 16) % N_OWN];

	if (r % 65536 == 0)
		stress_api.trim();
	else if (r % 16384 == 1 && !worker->is_child)
		fork_once(worker);
	else if (r % 4 == 0)
		unmake(atomic_exchange(&shared[(r >> 32) % N_SHARED], make(&worker->seed)));
	else if (r % 16 == 1 && *own)
		*own = remake(*own, &worker->seed);
	else if (*own && r % 16 < 12) {
		unmake(*own);
		*own = NULL;
	} else if (!*own)
		*own = make(&worker->seed);
	else
		look_at(*own);
}

static void live(struct worker *worker, uint64_t n_steps)
{
	for (uint64_t i = 0; i < n_steps; i++)
		step(worker);
	atomic_fetch_add(&n_steps_done, n_steps);
}

static bool goes_on(struct worker *worker)
{
	if (deadline)
		return time(NULL) < deadline;
	return worker->n_lives-- > 1;
}

static sem_t n_finished;

static void *work(void *arg);

static void start(struct worker *worker)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, worker) != 0)
		fail("no thread", NULL, 0);
	(void)pthread_detach(thread);
}

/* A thread; its successor begins before it has ended. */
static void *work(void *arg)
{
	struct worker *worker = arg;

	live(worker, worker->n_steps);
	if (goes_on(worker)) {
		start(worker);
		stress_api.thread_end();
		return NULL;
	}
	for (unsigned i = 0; i < N_OWN; i++)
		unmake(worker->own[i]);
	stress_api.thread_end();
	(void)sem_post(&n_finished);
	return NULL;
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
	for (int i = 1; i + 1 < argc; i += 2)
		if (strcmp(argv[i], name) == 0)
			return strtoull(argv[i + 1], NULL, 10);
	return otherwise;
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	const uint64_t seconds = option(argc, argv, "--seconds", 0);
	uint64_t n_threads = option(argc, argv, "--threads", 4);

	if (n_threads < 1 || n_threads > MAX_THREADS)
		n_threads = MAX_THREADS;
	first_seed = option(argc, argv, "--seed", seconds ? (uint64_t)time(NULL) : 1);
	deadline = seconds ? time(NULL) + (time_t)seconds : 0;
	for (uint64_t i = 0; i < n_threads; i++) {
		/* not 0, at which the sequence would stay */
		workers[i].seed = (first_seed + i + 1) * 0x9e3779b97f4a7c15ull;
		workers[i].n_steps = option(argc, argv, "--steps", 8000);
		workers[i].n_lives = N_LIVES;
		start(&workers[i]);
	}
	for (uint64_t i = 0; i < n_threads; i++)
		(void)sem_wait(&n_finished);
	for (unsigned i = 0; i < N_SHARED; i++)
		unmake(atomic_exchange(&shared[i], NULL));
	printf("stress: %lu steps, nothing found\n", (unsigned long)atomic_load(&n_steps_done));
	return 0;
}
