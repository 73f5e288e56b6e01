/* SPDX-License-Identifier: MIT */
/*
 * test-heap-limits.c: the heap at the end of memory, and what it does about damage. Each case is a child
 * of its own; how it ended is the result.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/heap.h"
#include "test.h"

#define LIMIT (512ul << 20)

static int run_child(void (*work)(size_t), size_t arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(180);
		work(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The current size of the address space does not count: a sanitizer's is without bounds. */
static void limit_memory(void)
{
	unsigned long pages;
	char line[64] = "";
	struct rlimit limit;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || !fgets(line, sizeof(line), file))
		_exit(2);
	(void)fclose(file);
	pages = strtoul(line, NULL, 10);
	limit.rlim_cur = limit.rlim_max = pages * 4096 + LIMIT;
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		_exit(3);
}

static void use_all_of_the_limit(size_t size)
{
	size_t total = 0;
	void *list = NULL;

	limit_memory();
	for (;;) {
		void **block = heap_alloc(size);

		if (!block)
			break;
		*block = list;
		list = block;
		total += size;
	}
	if (errno != ENOMEM)
		_exit(4);
	if (total < LIMIT / 100 * 85)
		_exit(5);
	/* and it can be used again, for blocks of another size */
	while (list) {
		void **block = list;

		list = *block;
		heap_free(block);
	}
	for (total = 0; total < LIMIT / 100 * 80; total += 2 * size + 100) {
		void **block = heap_alloc(2 * size + 100);

		if (!block)
			_exit(6);
		*block = list;
		list = block;
	}
}

static void most_of_a_limited_address_space_can_be_used(void **state)
{
	static const size_t sizes[] = {64, 1000, 20000, 100000, 1ul << 20, 20ul << 20};

#ifdef __SANITIZE_THREAD__
	skip(); /* addresses cannot be chosen there, see area.c */
#endif
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(run_child(use_all_of_the_limit, sizes[i]), 0);
}

static void free_twice(size_t size)
{
	void *other = heap_alloc(size);
	void *block = heap_alloc(size);

	heap_free(block);
	heap_free(block);
	heap_free(other);
	_exit(1);
}

static void free_twice_with_another_between(size_t size)
{
	void *other = heap_alloc(size);
	void *block = heap_alloc(size);

	heap_free(block);
	heap_free(other);
	heap_free(block);
	/* seen when the blocks leave the thread */
	heap_thread_end();
	(void)heap_trim(0);
	_exit(1);
}

static void free_inside(size_t size)
{
	char *block = heap_alloc(size);

	heap_free(block + 8);
	heap_thread_end();
	(void)heap_trim(0);
	_exit(1);
}

static void free_foreign(size_t size)
{
	void *block = malloc(size);

	heap_free(block);
	_exit(1);
}

static enum heap_error expected;
static const void *expected_block; /* NULL: any */

__attribute__((noreturn)) static void note_corruption(enum heap_error error, const void *block)
{
	const bool is_it = !expected_block || block == expected_block;

	_exit(error == expected && is_it ? 42 : 43);
}

static const struct heap_hooks hooks = {.corruption = note_corruption};

/* So many that the thread's list is full, and addresses are kept instead. */
static void free_twice_what_is_too_much(size_t size)
{
	static void *blocks[20000];

	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = heap_alloc(size);
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		heap_free(blocks[i]);
	heap_free(blocks[ARRAY_SIZE(blocks) - 10]);
	heap_thread_end();
	(void)heap_trim(0);
	_exit(1);
}

/* One of blocks that are freed in the order of memory was free before. That one is named. */
static void free_in_order(size_t size, bool up)
{
	enum { N = 20000, FIRST = 14400, TWICE = 14500, LAST = 14600 };
	static void *blocks[N];

	for (unsigned i = 0; i < N; i++)
		blocks[i] = heap_alloc(size);
	for (unsigned i = 0; i < N; i++)
		if (i < FIRST || i == TWICE || i > LAST)
			heap_free(blocks[i]);
	expected_block = blocks[TWICE];
	for (unsigned i = FIRST; i <= LAST; i++)
		heap_free(blocks[up ? i : FIRST + LAST - i]);
	heap_thread_end();
	(void)heap_trim(0);
	_exit(1);
}

static void free_upwards(size_t size)
{
	free_in_order(size, true);
}

static void free_downwards(size_t size)
{
	free_in_order(size, false);
}

static void expect(void (*work)(size_t), size_t size, enum heap_error error)
{
	int status;

	expected = error;
	heap_set_hooks(&hooks);
	status = run_child(work, size);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	heap_set_hooks(NULL);
	status = run_child(work, size);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void freeing_twice_is_seen(void **state)
{
	static const size_t sizes[] = {1, 100, 3000, 30000, 100000, 1ul << 20, 50ul << 20};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		expect(free_twice, sizes[i], HEAP_ERROR_DOUBLE_FREE);
		expect(free_twice_with_another_between, sizes[i], HEAP_ERROR_DOUBLE_FREE);
	}
	expect(free_twice_what_is_too_much, 64, HEAP_ERROR_DOUBLE_FREE);
	for (size_t size = 16; size <= 4096; size *= 4) {
		expect(free_upwards, size, HEAP_ERROR_DOUBLE_FREE);
		expect(free_downwards, size, HEAP_ERROR_DOUBLE_FREE);
	}
}

static uint32_t tag_everything(void *block, size_t size, int64_t *ret_next)
{
	*ret_next = 0;
	return 1 + (uint32_t)((uintptr_t)block % 1000 + size % 10);
}

static void forget_tag(void *block, uint32_t tag)
{
}

static const struct heap_hooks tagging_hooks = {
	.allocated = tag_everything,
	.freed = forget_tag,
	.corruption = note_corruption,
};

static void free_twice_with_many_between(size_t size)
{
	void *blocks[64];

	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = heap_alloc(size);
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		heap_free(blocks[i]);
	heap_free(blocks[7]);
	_exit(1);
}

static void freeing_a_tagged_block_twice_is_seen(void **state)
{
	int status;

	expected = HEAP_ERROR_DOUBLE_FREE;
	heap_set_hooks(&tagging_hooks);
	for (size_t size = 16; size <= 32768; size *= 8) {
		status = run_child(free_twice_with_many_between, size);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 42);
	}
	heap_set_hooks(NULL);
}

static void freeing_inside_a_block_is_seen(void **state)
{
	expect(free_inside, 100, HEAP_ERROR_MISALIGNED);
	expect(free_inside, 5000, HEAP_ERROR_MISALIGNED);
	expect(free_inside, 100000, HEAP_ERROR_MISALIGNED);
}

static void freeing_a_foreign_block_is_seen(void **state)
{
	expect(free_foreign, 100, HEAP_ERROR_FOREIGN);
}

static void lock_memory(size_t rounds)
{
	struct heap_stats stats;
	void *blocks[64];

	/* without the right to lock so much there is nothing to see */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		return;
	for (size_t i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(blocks); k++)
			blocks[k] = heap_alloc(256ul << 10);
		for (unsigned k = 0; k < ARRAY_SIZE(blocks); k++)
			heap_free(blocks[k]);
	}
	heap_get_stats(&stats);
	/* what was freed is still there, and is known to be */
	if (stats.in_use_bytes > 1 << 20 || stats.free_bytes < 8ul << 20)
		_exit(1);
}

static void locked_memory_is_kept(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	skip(); /* the sanitizer lets nothing be locked */
#endif
	assert_int_equal(run_child(lock_memory, 50), 0);
}

static void *interrupted_block;

static void allocate_in_handler(int signal)
{
	/* may fail if it interrupted the heap, but not hang, nor give what somebody else has */
	char *block = heap_alloc(100);

	if (block)
		memset(block, 0x77, 100);
	heap_free(block);
}

static void be_interrupted(size_t rounds)
{
	struct sigaction action = {.sa_handler = allocate_in_handler};

	if (sigaction(SIGUSR1, &action, NULL) < 0)
		_exit(2);
	for (size_t i = 0; i < rounds; i++) {
		interrupted_block = heap_alloc(i % 200 * 300);
		if (i % 16 == 0)
			(void)raise(SIGUSR1);
		heap_free(interrupted_block);
	}
}

static void a_signal_handler_may_allocate_between_calls(void **state)
{
	assert_int_equal(run_child(be_interrupted, 20000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(most_of_a_limited_address_space_can_be_used),
		cmocka_unit_test(freeing_twice_is_seen),
		cmocka_unit_test(freeing_a_tagged_block_twice_is_seen),
		cmocka_unit_test(freeing_inside_a_block_is_seen),
		cmocka_unit_test(freeing_a_foreign_block_is_seen),
		cmocka_unit_test(locked_memory_is_kept),
		cmocka_unit_test(a_signal_handler_may_allocate_between_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
