/* SPDX-License-Identifier: MIT */
/* test-heap-hooks.c: countdowns, tags, and what the hooks are told by each function of the family. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "heap-shrinks.h"
#include "heap/heap.h"
#include "test.h"

#define N_NOTES 4096u

struct note {
	const void *block;
	size_t size;
	uint32_t tag;
	bool freed;
};

static struct note notes[N_NOTES];
static unsigned n_notes;
static unsigned n_freed;
static unsigned n_started;
static int64_t interval;
static int64_t first;

static uint32_t note_allocated(void *block, size_t size, int64_t *ret_next)
{
	assert_true(n_notes + 1 < N_NOTES);
	n_notes++;
	notes[n_notes] = (struct note){.block = block, .size = size, .tag = n_notes};
	*ret_next = interval;
	return n_notes;
}

static void note_freed(void *block, uint32_t tag)
{
	assert_true(tag > 0 && tag <= n_notes);
	assert_ptr_equal(notes[tag].block, block);
	assert_false(notes[tag].freed);
	notes[tag].freed = true;
	n_freed++;
}

static void note_started(void)
{
	__atomic_add_fetch(&n_started, 1, __ATOMIC_RELAXED);
}

static int64_t first_countdown(void)
{
	return first;
}

static const struct heap_hooks hooks = {
	.allocated = note_allocated,
	.freed = note_freed,
	.thread_started = note_started,
	.first_countdown = first_countdown,
};

static int begin(void **state)
{
	n_notes = n_freed = n_started = 0;
	interval = first = 0;
	heap_set_hooks(&hooks);
	return 0;
}

static int end(void **state)
{
	heap_set_hooks(NULL);
	return 0;
}

static void every_block_is_reported_at_countdown_zero(void **state)
{
	static const size_t sizes[] = {0, 1, 16, 333, 4000, 32768, 32769, 1ul << 20, 50ul << 20};
	void *blocks[ARRAY_SIZE(sizes)];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		blocks[i] = heap_alloc(sizes[i]);
		assert_int_equal(n_notes, i + 1);
		assert_ptr_equal(notes[i + 1].block, blocks[i]);
		assert_int_equal(notes[i + 1].size, sizes[i]);
		assert_true(heap_usable_size(blocks[i]) >= sizes[i]);
		assert_true(heap_owns(blocks[i]));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		heap_free(blocks[i]);
		assert_int_equal(n_freed, i + 1);
		assert_true(notes[i + 1].freed);
	}
}

static void tags_survive_any_order_of_frees(void **state)
{
	enum { N = 1000 };
	static void *blocks[N];

	for (unsigned i = 0; i < N; i++)
		blocks[i] = heap_alloc(1 + i % 100);
	assert_int_equal(n_notes, N);
	for (unsigned i = 0; i < N; i++)
		heap_free(blocks[i * 7 % N]);
	assert_int_equal(n_freed, N);
	/* the same places again, with new tags */
	for (unsigned i = 0; i < N; i++)
		blocks[i] = heap_alloc(1 + i % 100);
	for (unsigned i = 0; i < N; i++)
		heap_free(blocks[i]);
	assert_int_equal(n_freed, 2 * N);
}

static void freed_tagged_blocks_count_as_cached(void **state)
{
	struct heap_stats before, during, after;
	void *blocks[100];

	heap_free(heap_alloc(200));
	heap_get_stats(&before);
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = heap_alloc(200);
	heap_get_stats(&during);
	assert_true(during.in_use_bytes >= before.in_use_bytes + sizeof(blocks) / 8 * 200);
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		heap_free(blocks[i]);
	heap_get_stats(&after);
	assert_int_equal(after.in_use_bytes, before.in_use_bytes);
	heap_trim(0);
	heap_get_stats(&after);
	assert_int_equal(after.in_use_bytes, before.in_use_bytes);
}

static void free_blocks_with_tags_go_back_when_not_all_are_reported(void **state)
{
	struct heap_stats before, after;
	void *blocks[400];

	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = heap_alloc(300);
	for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++)
		heap_free(blocks[i]);
	heap_get_stats(&before);
	interval = 100000;
	heap_free(heap_alloc(300));
	heap_get_stats(&after);
	/* most of what was on the thread's list is whole spans, which any class can use now */
	assert_true(after.cached_bytes + 8000 < before.cached_bytes);
}

static void the_countdown_counts_requested_bytes(void **state)
{
	interval = 1000;
	first = 1000;
	heap_restart_countdowns();
	for (unsigned i = 0; i < 9; i++)
		heap_free(heap_alloc(100));
	assert_int_equal(n_notes, 0);
	heap_free(heap_alloc(99));
	assert_int_equal(n_notes, 0);
	heap_free(heap_alloc(1));
	assert_int_equal(n_notes, 1);
	assert_int_equal(notes[1].size, 1);
	/* size 0 counts as 1 */
	for (unsigned i = 0; i < 999; i++)
		heap_free(heap_alloc(0));
	assert_int_equal(n_notes, 1);
	heap_free(heap_alloc(0));
	assert_int_equal(n_notes, 2);
	/* one that goes far beyond */
	heap_free(heap_alloc(1 << 20));
	assert_int_equal(n_notes, 3);
	heap_free(heap_alloc_zeroed(10, 99));
	heap_free(heap_alloc_aligned(256, 9));
	assert_int_equal(n_notes, 3);
	heap_free(heap_alloc_aligned(256, 1));
	assert_int_equal(n_notes, 4);
}

static void blocks_without_a_tag_are_not_reported_when_freed(void **state)
{
	void *untagged, *tagged;

	first = INT64_MAX;
	heap_restart_countdowns();
	untagged = heap_alloc(100);
	assert_int_equal(n_notes, 0);
	first = 0;
	heap_restart_countdowns();
	tagged = heap_alloc(100);
	assert_int_equal(n_notes, 1);
	heap_free(untagged);
	assert_int_equal(n_freed, 0);
	heap_free(tagged);
	assert_int_equal(n_freed, 1);
}

static void realloc_is_an_end_and_a_beginning(void **state)
{
	static const size_t sizes[] = {100,   110,        5000,       100000, 120000,
				       90000, 40ul << 20, 80ul << 20, 20};
	char *block = heap_alloc(90);

	strcpy(block, "kept");
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		block = heap_realloc(block, sizes[i]);
		assert_int_equal(n_notes, i + 2);
		assert_int_equal(n_freed, i + 1);
		assert_true(notes[i + 1].freed);
		assert_ptr_equal(notes[i + 2].block, block);
		assert_int_equal(notes[i + 2].size, sizes[i]);
		assert_string_equal(block, "kept");
	}
	interval = INT64_MAX;
	block = heap_realloc(block, 21);
	block = heap_realloc(block, 22);
	assert_int_equal(n_notes, ARRAY_SIZE(sizes) + 2);
	assert_int_equal(n_freed, ARRAY_SIZE(sizes) + 2);
	heap_free(block);
	assert_int_equal(n_freed, ARRAY_SIZE(sizes) + 2);
}

/* Wherever in its first page the block begins, whose pages go with it. */
static void a_block_whose_pages_are_moved_is_reported_where_it_is(void **state)
{
	const size_t size = 3 << 20;

	for (unsigned i = 0; i < 16; i++) {
		char *block = heap_alloc(size), *behind = heap_alloc(size);

		strcpy(block, "kept");
		block = heap_realloc(block, 2 * size + i * 4096);
		assert_ptr_equal(notes[n_notes].block, block);
		assert_string_equal(block, "kept");
		heap_free(block);
		heap_free(behind);
	}
	assert_int_equal(n_freed, n_notes);
}

static void an_untagged_block_can_be_chosen_by_realloc(void **state)
{
	char *block;

	first = INT64_MAX;
	heap_restart_countdowns();
	block = heap_alloc(100);
	strcpy(block, "kept");
	first = 100;
	heap_restart_countdowns();
	block = heap_realloc(block, 99);
	assert_int_equal(n_notes, 0);
	block = heap_realloc(block, 98);
	assert_int_equal(n_notes, 1);
	assert_ptr_equal(notes[1].block, block);
	assert_string_equal(block, "kept");
	heap_free(block);
	assert_int_equal(n_freed, 1);
}

static void a_failed_realloc_reports_the_block_again(void **state)
{
	volatile size_t most = SIZE_MAX / 2;
	void *block = heap_alloc(100);

	assert_null(heap_realloc(block, most));
	assert_int_equal(n_notes, 2);
	assert_int_equal(n_freed, 1);
	heap_free(block);
	assert_int_equal(n_freed, 2);
}

static void *allocate_once(void *arg)
{
	heap_free(heap_alloc(10));
	heap_thread_end();
	return NULL;
}

static void a_new_thread_draws_its_first_countdown(void **state)
{
	pthread_t thread;

	first = INT64_MAX;
	heap_restart_countdowns();
	assert_int_equal(pthread_create(&thread, NULL, allocate_once, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(n_started, 1);
	assert_int_equal(n_notes, 0);
	first = 10;
	assert_int_equal(pthread_create(&thread, NULL, allocate_once, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(n_notes, 1);
}

static void without_hooks_nothing_is_reported(void **state)
{
	void *block = heap_alloc(10);

	assert_int_equal(n_notes, 1);
	heap_set_hooks(NULL);
	heap_free(block);
	for (unsigned i = 0; i < 100; i++)
		heap_free(heap_alloc(1 + i * 1000));
	assert_int_equal(n_notes, 1);
	assert_int_equal(n_freed, 0);
}

#define hooks_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

static uint32_t report_the_next_too(void *block, size_t size, int64_t *ret_next)
{
	*ret_next = 0;
	return 1;
}

static void freed_memory_is_given_back_where_all_is_reported(void **state)
{
	static const struct heap_hooks all = {.allocated = report_the_next_too};
	enum { N = 4000 };
	static void *blocks[N];

	heap_set_hooks(&all);
	for (unsigned i = 0; i < N; i++)
		blocks[i] = heap_alloc(i % 2 ? 20ul << 10 : 1000);
	for (unsigned i = 0; i < N; i++)
		heap_free(blocks[i]);
	assert_true(shrinks_to(8ul << 20));
	heap_set_hooks(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		hooks_test(every_block_is_reported_at_countdown_zero),
		hooks_test(tags_survive_any_order_of_frees),
		hooks_test(freed_tagged_blocks_count_as_cached),
		hooks_test(free_blocks_with_tags_go_back_when_not_all_are_reported),
		hooks_test(the_countdown_counts_requested_bytes),
		hooks_test(blocks_without_a_tag_are_not_reported_when_freed),
		hooks_test(realloc_is_an_end_and_a_beginning),
		hooks_test(a_block_whose_pages_are_moved_is_reported_where_it_is),
		hooks_test(an_untagged_block_can_be_chosen_by_realloc),
		hooks_test(a_failed_realloc_reports_the_block_again),
		hooks_test(a_new_thread_draws_its_first_countdown),
		hooks_test(without_hooks_nothing_is_reported),
		cmocka_unit_test(freed_memory_is_given_back_where_all_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
