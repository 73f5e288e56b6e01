/* SPDX-License-Identifier: MIT */
/*
 * test-fast-arenas.c: a child fills a heap in a way that can be counted, and its parent reads it from
 * outside.
 */
#include "process/fast-arenas.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/heap.h"
#include "heap/published.h"
#include "process/fast-blocks.h"
#include "test.h"

#define SMALL       64u
#define N_SMALL     100000u
#define SPARSE      1024u  /* a class of its own */
#define ALONE       65536u /* a span for each */
#define N_ALONE     16u
#define ALONE_MAGIC 0x6d656d7472616365ull
#define LARGE       (1ul << 20)
#define N_LARGE     3u
#define HUGE        (256ul << 20)

struct child {
	pid_t pid;
	struct maps maps;
	struct memory *memory;
};

/* Half of the small blocks go, all but one in a hundred of the sparse ones; everything was touched. */
static void fill(int ready)
{
	static char *blocks[N_SMALL];
	uint64_t *alone[N_ALONE];

	for (unsigned i = 0; i < N_SMALL; i++)
		memset(blocks[i] = heap_alloc(SMALL), 1, SMALL);
	for (unsigned i = 0; i < N_SMALL; i += 2)
		heap_free(blocks[i]);
	for (unsigned i = 0; i < N_ALONE; i++)
		*(alone[i] = heap_alloc(ALONE)) = ALONE_MAGIC;
	for (unsigned i = 0; i < N_ALONE; i += 2)
		heap_free(alone[i]);
	for (unsigned i = 0; i < N_LARGE; i++)
		memset(heap_alloc(LARGE), 1, LARGE);
	for (unsigned i = 0; i < N_SMALL / 10; i++)
		memset(blocks[i] = heap_alloc(SPARSE), 1, SPARSE);
	for (unsigned i = 0; i < N_SMALL / 10; i++)
		if (i % 100)
			heap_free(blocks[i]);
	*(char *)heap_alloc(HUGE) = 1;
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static struct child start(void)
{
	struct child child = {};
	int ends[2];
	char byte;

	assert_int_equal(pipe(ends), 0);
	child.pid = fork();
	if (child.pid == 0) {
		alarm(180);
		fill(ends[1]);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	assert_int_equal(maps_read(child.pid, true, &child.maps), 0);
	assert_int_equal(memory_open_pid(child.pid, &child.memory), 0);
	return child;
}

static void end(struct child *child)
{
	memory_free(child->memory);
	maps_deinit(&child->maps);
	(void)kill(child->pid, SIGKILL);
	(void)waitpid(child->pid, NULL, 0);
}

/* The child is a fork: its root is where ours is. */
static struct arenas read_arenas(const struct child *child)
{
	struct arenas arenas = {};

	assert_int_equal(
		fast_arenas_read((uintptr_t)heap_root(), &child->maps, child->memory, &arenas), 0);
	return arenas;
}

static void assert_near(uint64_t a, uint64_t b, double tolerance)
{
	if ((double)a < (double)b * (1 - tolerance) || (double)a > (double)b * (1 + tolerance))
		fail_msg("%llu is not near %llu", (unsigned long long)a, (unsigned long long)b);
}

static void blocks_are_counted_as_the_heap_counts_them(void **state)
{
	struct child child = start();
	struct arenas arenas = read_arenas(&child);
	const struct arena *main = &arenas.arenas[0], *huge = &arenas.arenas[1];
	const uint64_t n_blocks = N_SMALL / 2 + N_SMALL / 1000 + N_ALONE / 2 + N_LARGE;
	const uint64_t in_use = SMALL * N_SMALL / 2 + ALONE * N_ALONE / 2 +
				(uint64_t)SPARSE * N_SMALL / 1000 + LARGE * N_LARGE;

	assert_null(arenas.refused);
	assert_int_equal(arenas.n_arenas, 2);
	/* cached blocks are spread over the spans, which rounds */
	assert_near(main->in_use_blocks, n_blocks, 0.01);
	assert_near(main->in_use, in_use, 0.01);
	assert_int_equal(main->system, main->in_use + main->free + main->metadata);
	assert_int_equal(main->resident,
			 main->in_use_resident + main->free_resident + main->metadata_resident);
	assert_int_equal(huge->in_use_blocks, 1);
	assert_int_equal(huge->in_use, HUGE);
	assert_true(huge->resident < HUGE / 2);
	assert_int_equal(huge->kind, ARENA_MMAPPED);
	arenas_deinit(&arenas);
	end(&child);
}

struct alone {
	struct memory *memory;
	unsigned n_in_use, n_free;
};

static int count_alone(const struct arenas_block *block, void *alone_)
{
	struct alone *alone = alone_;
	uint64_t word;

	if (block->size != ALONE)
		return 0;
	if (block->state != ARENAS_IN_USE) {
		alone->n_free++;
		return 0;
	}
	alone->n_in_use++;
	assert_int_equal(memory_read(alone->memory, block->address, &word, sizeof(word)), 0);
	assert_true(word == ALONE_MAGIC);
	return 0;
}

/* Wherever in its span, and whether the page heap has it again or a thread's list. */
static void a_block_that_is_alone_is_where_it_begins(void **state)
{
	struct child child = start();
	struct alone alone = {.memory = child.memory};

	assert_int_equal(fast_blocks_visit((uintptr_t)heap_root(), &child.maps, child.memory,
					   count_alone, &alone, NULL),
			 0);
	assert_int_equal(alone.n_in_use, N_ALONE / 2);
	assert_true(alone.n_free > 0);
	end(&child);
}

static bool is_in_a_range(const struct arenas *arenas, uint64_t address)
{
	for (size_t i = 0; i < arenas->n_ranges; i++)
		if (address >= arenas->ranges[i].start && address < arenas->ranges[i].end)
			return true;
	return false;
}

static void ranges_hold_what_smaps_says_and_do_not_overlap(void **state)
{
	struct child child = start();
	struct arenas arenas = read_arenas(&child);
	uint64_t end_of_last = 0, sum = 0, rss = 0;

	for (size_t i = 0; i < arenas.n_ranges; i++) {
		const struct arena_range *range = &arenas.ranges[i];

		assert_true(range->start >= end_of_last && range->end > range->start);
		end_of_last = range->end;
		sum += range->in_use_resident + range->free_resident + range->metadata_resident;
	}
	for (size_t i = 0; i < child.maps.n_mappings; i++) {
		const struct mapping *mapping = &child.maps.mappings[i];

		if (is_in_a_range(&arenas, mapping->start) ||
		    is_in_a_range(&arenas, mapping->end - 1))
			rss += mapping->rss;
	}
	assert_near(sum, rss, 0.001);
	arenas_deinit(&arenas);
	end(&child);
}

static void sparse_spans_are_a_pin(void **state)
{
	struct child child = start();
	struct arenas arenas = read_arenas(&child);
	const struct arena *main = &arenas.arenas[0];

	assert_true(main->n_pins > 0);
	assert_int_equal(main->pins[0].size, SPARSE);
	/* each of the hundred holds its span of some kilobytes */
	assert_near(main->pins[0].n_blocks, 100, 0.2);
	assert_true(main->pins[0].holds > 100 * 4096);
	assert_true(main->pins[0].holds <= main->free_resident);
	arenas_deinit(&arenas);
	end(&child);
}

static void another_version_and_another_address_are_refused(void **state)
{
	static struct heap_root root;
	struct memory *memory = NULL;
	struct arenas arenas = {};
	struct maps maps;

	assert_int_equal(maps_read(getpid(), false, &maps), 0);
	assert_int_equal(memory_open_pid(getpid(), &memory), 0);
	root = (struct heap_root){.magic = HEAP_MAGIC, .version = HEAP_VERSION + 1};
	assert_int_equal(fast_arenas_read((uintptr_t)&root, &maps, memory, &arenas), 0);
	assert_non_null(strstr(arenas.refused, "layout"));
	arenas_deinit(&arenas);
	root.version = HEAP_VERSION;
	assert_int_equal(fast_arenas_read((uintptr_t)&root, &maps, memory, &arenas), 0);
	assert_non_null(strstr(arenas.refused, "damaged"));
	arenas_deinit(&arenas);
	root.magic = 0;
	assert_int_equal(fast_arenas_read((uintptr_t)&root, &maps, memory, &arenas), 0);
	assert_non_null(arenas.refused);
	assert_int_equal(arenas.n_arenas, 0);
	arenas_deinit(&arenas);
	memory_free(memory);
	maps_deinit(&maps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_counted_as_the_heap_counts_them),
		cmocka_unit_test(ranges_hold_what_smaps_says_and_do_not_overlap),
		cmocka_unit_test(sparse_spans_are_a_pin),
		cmocka_unit_test(a_block_that_is_alone_is_where_it_begins),
		cmocka_unit_test(another_version_and_another_address_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
