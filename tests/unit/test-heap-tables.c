/* SPDX-License-Identifier: MIT */
/*
 * test-heap-tables.c: the heap's tables from within: size classes and their arithmetic, the index of
 * free runs, and the page heap against a model of which pages are whose.
 */
#include <stdlib.h>
#include <string.h>

#include "heap/pageheap.h"
#include "heap/pagemap.h"
#include "heap/runs.h"
#include "heap/sizeclass.h"
#include "test.h"

static void each_size_gets_the_smallest_class_that_holds_it(void **state)
{
	assert_int_equal(sizeclass_of(0), 0);
	for (size_t size = 1; size <= SIZECLASS_MAX; size++) {
		unsigned class = sizeclass_of(size);

		assert_in_range(class, 1, SIZECLASS_N - 1);
		assert_true(sizeclass_table[class].size >= size);
		assert_true(sizeclass_table[class - 1].size < size);
	}
}

static void classes_are_whole(void **state)
{
	for (unsigned class = 1; class < SIZECLASS_N; class ++) {
		const struct sizeclass *sizeclass = &sizeclass_table[class];
		const size_t bytes = sizeclass->n_pages * HEAP_PAGE;

		assert_int_equal(sizeclass->size % 16, 0);
		assert_true(sizeclass->n_pages <= SIZECLASS_SPAN_MAX);
		assert_in_range(sizeclass->n_blocks,
				sizeclass->size <= SIZECLASS_SHARED_MAX ? 2 : 1,
				SIZECLASS_BLOCKS_MAX);
		assert_in_range(sizeclass->batch, 1, SIZECLASS_BLOCKS_MAX);
		/* little is lost at the end of a span, and above the size before */
		if (span_has_shift(sizeclass))
			assert_int_equal(bytes - sizeclass->size, HEAP_PAGE);
		else
			assert_true(bytes - (size_t)sizeclass->n_blocks * sizeclass->size <
				    bytes / 32);
		assert_true(class <= 16 ||
			    sizeclass->size <= sizeclass_table[class - 1].size * 5 / 4);
	}
}

static void classes_with_tags_have_the_same_sizes(void **state)
{
	for (unsigned class = 1; class < SIZECLASS_N; class ++) {
		const struct sizeclass *plain = sizeclass_get(class);
		const struct sizeclass *tagged = sizeclass_get(class + SIZECLASS_TAGGED);

		assert_int_equal(tagged->size, plain->size);
		assert_int_equal(tagged->reciprocal, plain->reciprocal);
		assert_int_equal(tagged->batch, plain->batch);
		assert_in_range(tagged->n_pages, 1, plain->n_pages);
		assert_int_equal(tagged->n_blocks, tagged->n_pages * HEAP_PAGE / tagged->size);
	}
}

static void division_by_multiplication_is_exact(void **state)
{
	for (unsigned class = 1; class < SIZECLASS_N; class ++)
		for (size_t i = 0; i < sizeclass_table[class].n_pages * HEAP_PAGE; i += 16)
			if (sizeclass_index(&sizeclass_table[class], i) !=
			    i / sizeclass_table[class].size)
				fail_msg("offset %zu of class %u", i, class);
}

static void what_is_left_of_a_division_is_seen(void **state)
{
	for (unsigned class = 1; class < SIZECLASS_N; class ++) {
		const struct sizeclass *sizeclass = sizeclass_get(class);
		const size_t end = (size_t)sizeclass->n_blocks * sizeclass->size;

		for (size_t i = 0; sizeclass->n_blocks > 1 && i < end; i++) {
			uint32_t index;
			const bool exact = sizeclass_divide(sizeclass, i, &index);

			if (exact != (i % sizeclass->size == 0) ||
			    (exact && index != i / sizeclass->size))
				fail_msg("offset %zu of class %u", i, class);
		}
	}
}

static void aligned_classes_are_aligned(void **state)
{
	for (size_t align = 16; align <= HEAP_PAGE; align *= 2)
		for (size_t size = 0; size <= SIZECLASS_MAX; size += 7) {
			unsigned class = sizeclass_of_aligned(align, size);

			/* blocks of the next one begin at any cache line */
			if (!class) {
				assert_true(align > SPAN_SHIFT);
				assert_true(span_has_shift(sizeclass_get(sizeclass_of(size))));
				continue;
			}
			assert_true(align <= SPAN_SHIFT || !span_has_shift(sizeclass_get(class)));
			assert_true(sizeclass_table[class].size >= size);
			assert_int_equal(sizeclass_table[class].size % align, 0);
		}
	assert_int_equal(sizeclass_of_aligned(16, SIZECLASS_MAX + 1), 0);
}

static void a_run_that_fits_is_found_if_there_is_one(void **state)
{
	static struct runs runs;
	enum { N = 300 };
	struct span *spans[N];

	assert_true(pagemap_init());
	srand(1);
	for (unsigned i = 0; i < N; i++) {
		spans[i] = span_new();
		assert_non_null(spans[i]);
		spans[i]->n_pages = 1u + (unsigned)rand() % (i % 2 ? 60 : 5000);
		runs_add(&runs, spans[i]);
	}
	for (unsigned left = N; left > 0; left--) {
		for (unsigned i = 0; i < 20; i++) {
			size_t n_pages = 1 + (size_t)rand() % 5000;
			struct span *found = runs_find(&runs, n_pages);
			size_t best = SIZE_MAX;

			for (unsigned k = 0; k < left; k++)
				if (spans[k]->n_pages >= n_pages)
					best = MIN(best, spans[k]->n_pages);
			/* its own bin is not searched to the end: then one that is not much longer */
			assert_true(found ? found->n_pages >= n_pages
					  : best == SIZE_MAX || best < n_pages + n_pages / 8 + 1);
			if (n_pages <= RUNS_EXACT && found)
				assert_int_equal(
					found->n_pages <= RUNS_EXACT ? found->n_pages : best, best);
		}
		runs_remove(&runs, spans[left - 1]);
		(void)span_free(spans[left - 1]);
	}
	assert_int_equal(runs.n_pages, 0);
	assert_null(runs_find(&runs, 1));
}

static void check_figures(size_t expected_used)
{
	struct pageheap_stats stats;

	pageheap_get_stats(&stats);
	assert_int_equal(stats.used, expected_used);
	assert_int_equal(stats.used + stats.dirty + stats.clean + 1,
			 heap_published.used >> HEAP_PAGE_SHIFT);
}

/* No two free neighbours of one kind, and every page in exactly one span. */
static void check_runs(void)
{
	const size_t n_pages = heap_published.used >> HEAP_PAGE_SHIFT;
	enum span_state before = SPAN_NONE;

	for (size_t page = 1; page < n_pages;) {
		const struct span *span = pagemap_span(page);

		assert_non_null(span);
		assert_int_equal(span->page, page);
		assert_ptr_equal(pagemap_span(page + span->n_pages - 1), span);
		if (span->state == SPAN_CLEAN || span->state == SPAN_DIRTY)
			assert_int_not_equal(span->state, before);
		before = span->state;
		page += span->n_pages;
	}
}

static struct span *alloc(size_t n_pages, size_t align, bool *ret_zero)
{
	const struct pageheap_request request = {
		.n_pages = n_pages,
		.align = align,
		.room = n_pages % 3 ? 0 : n_pages,
		.state = SPAN_LARGE,
	};

	return pageheap_alloc(&request, ret_zero);
}

static void pages_belong_to_one_run_at_a_time(void **state)
{
	enum { N = 200, STEPS = 20000 };
	static struct span *spans[N];
	size_t used = 0;

	srand(2);
	for (unsigned i = 0; i < STEPS; i++) {
		struct span **span = &spans[(unsigned)rand() % N];
		const size_t n_pages = 1 + (size_t)rand() % (rand() % 8 ? 20 : 400);

		if (!*span) {
			const size_t align = rand() % 4 ? 1 : 1ul << rand() % 8;

			*span = alloc(n_pages, align, NULL);
			assert_non_null(*span);
			assert_int_equal((*span)->n_pages, n_pages);
			assert_int_equal(span_start(*span) / HEAP_PAGE % align, 0);
			used += n_pages;
		} else if (rand() % 4 == 0) {
			used -= (*span)->n_pages;
			if (n_pages < (*span)->n_pages)
				pageheap_shrink(*span, n_pages);
			else
				(void)pageheap_grow(*span, n_pages);
			used += (*span)->n_pages;
		} else {
			used -= (*span)->n_pages;
			pageheap_free(*span);
			*span = NULL;
		}
		if (i % 1000 == 0)
			(void)pageheap_release((size_t)rand() % (1 << 20));
		check_figures(used);
		if (i % 100 == 0)
			check_runs();
	}
	for (unsigned i = 0; i < N; i++)
		if (spans[i])
			pageheap_free(spans[i]);
	(void)pageheap_release(0);
	check_runs();
	check_figures(0);
	/* all free pages lie side by side now */
	assert_int_equal(pagemap_span(1)->n_pages + 1, heap_published.used >> HEAP_PAGE_SHIFT);
}

static void pages_that_are_zero_are_known(void **state)
{
	struct span *span;
	bool zero = false;

	(void)pageheap_release(0);
	span = alloc(10, 1, &zero);
	assert_true(zero);
	memset((void *)span_start(span), 1, span_size(span));
	pageheap_free(span);
	span = alloc(10, 1, &zero);
	assert_false(zero);
	pageheap_free(span);
	assert_true(pageheap_release(0));
	span = alloc(10, 1, &zero);
	assert_true(zero);
	assert_int_equal(*(char *)span_start(span), 0);
	pageheap_free(span);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_size_gets_the_smallest_class_that_holds_it),
		cmocka_unit_test(classes_are_whole),
		cmocka_unit_test(classes_with_tags_have_the_same_sizes),
		cmocka_unit_test(division_by_multiplication_is_exact),
		cmocka_unit_test(what_is_left_of_a_division_is_seen),
		cmocka_unit_test(aligned_classes_are_aligned),
		cmocka_unit_test(a_run_that_fits_is_found_if_there_is_one),
		cmocka_unit_test(pages_belong_to_one_run_at_a_time),
		cmocka_unit_test(pages_that_are_zero_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
