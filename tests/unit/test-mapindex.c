/* SPDX-License-Identifier: MIT */
/* test-mapindex.c: ranges against a model with one entry a page. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/mapindex.h"
#include "base/macro.h"

enum { N_PAGES = 200, N_ENTRIES = 400, N_STEPS = 20000, N_SITES = 1000 };

static const uint64_t base = 0x10000000, page = 4096;

static uint32_t model[N_PAGES]; /* site of what is mapped there, 0 for nothing */

/* What the hooks were told. */
static struct mapindex_range entries[N_ENTRIES];
static int64_t outstanding[N_SITES], blocks[N_SITES];
static unsigned n_lost;

static void on_changed(uint32_t number, const struct mapindex_range *range)
{
	assert_in_range(number, 1, N_ENTRIES - 1);
	entries[number] = *range;
	for (unsigned i = 0; i < N_ENTRIES; i++) {
		const struct mapindex_range *other = &entries[i];

		if (i == number || !other->start || !range->start)
			continue;
		assert_true(other->start + other->size <= range->start ||
			    range->start + range->size <= other->start);
	}
}

static void on_removed(const struct mapindex_range *range, uint64_t bytes, int n_blocks)
{
	outstanding[range->site] -= (int64_t)bytes;
	blocks[range->site] -= n_blocks;
}

static void on_lost(const struct mapindex_range *range)
{
	n_lost++;
}

static const struct mapindex_hooks hooks = {on_changed, on_removed, on_lost};

static void begin(struct mapindex *index, uint32_t capacity)
{
	memset(model, 0, sizeof(model));
	memset(entries, 0, sizeof(entries));
	memset(outstanding, 0, sizeof(outstanding));
	memset(blocks, 0, sizeof(blocks));
	n_lost = 0;
	assert_int_equal(mapindex_init(index, capacity, &hooks), 0);
}

static void insert(struct mapindex *index, unsigned at, unsigned n, uint32_t site)
{
	struct mapindex_range range = {.start = base + at * page, .size = n * page, .site = site};

	mapindex_remove(index, range.start, range.size);
	for (unsigned i = 0; i < n; i++)
		model[at + i] = 0;
	if (!mapindex_insert(index, &range))
		return;
	outstanding[site] += (int64_t)range.size;
	blocks[site]++;
	for (unsigned i = 0; i < n; i++)
		model[at + i] = site;
}

static void check_against_model(const struct mapindex *index)
{
	uint64_t bytes[N_SITES] = {0}, pieces[N_SITES] = {0};

	assert_true(mapindex_is_valid(index));
	for (unsigned i = 0; i < N_PAGES; i++) {
		const struct mapindex_range *range = mapindex_find(index, base + i * page + 5);

		assert_int_equal(range ? range->site : 0, model[i]);
		bytes[model[i]] += page;
	}
	for (unsigned i = 0; i < N_ENTRIES; i++)
		if (entries[i].start) {
			assert_memory_equal(mapindex_find(index, entries[i].start), &entries[i],
					    sizeof(entries[i]));
			pieces[entries[i].site]++;
		}
	for (unsigned i = 1; i < N_SITES; i++) {
		assert_int_equal(outstanding[i], bytes[i]);
		assert_int_equal(blocks[i], pieces[i]);
	}
}

static void move(struct mapindex *index, unsigned from, unsigned n, unsigned to)
{
	mapindex_remove(index, base + to * page, n * page);
	for (unsigned i = 0; i < n; i++)
		model[to + i] = 0;
	mapindex_move(index, base + from * page, n * page, base + to * page);
	for (unsigned i = 0; i < n; i++) {
		model[to + i] = model[from + i];
		model[from + i] = 0;
	}
}

static void extend(struct mapindex *index, unsigned end, unsigned n)
{
	const struct mapindex_range *range;
	uint32_t site;
	bool ends;

	mapindex_remove(index, base + end * page, n * page);
	for (unsigned i = 0; i < n; i++)
		model[end + i] = 0;
	range = mapindex_find(index, base + end * page - 1);
	site = range ? range->site : 0;
	ends = range && range->start + range->size == base + end * page;
	assert_int_equal(mapindex_extend(index, base + end * page, n * page), ends);
	if (!ends)
		return;
	outstanding[site] += n * (int64_t)page;
	for (unsigned i = 0; i < n; i++)
		model[end + i] = site;
}

static void step(struct mapindex *index, uint32_t site)
{
	unsigned n = 1 + (unsigned)rand() % 12, at = (unsigned)rand() % (N_PAGES - n);
	unsigned to = (unsigned)rand() % (N_PAGES - n);

	switch (rand() % 8) {
	case 0:
	case 1:
	case 2:
		insert(index, at, n, site);
		break;
	case 3:
	case 4:
		mapindex_remove(index, base + at * page, n * page);
		memset(model + at, 0, n * sizeof(model[0]));
		break;
	case 5:
		if (to >= at + n || at >= to + n)
			move(index, at, n, to);
		break;
	case 6:
		if (at > 0)
			extend(index, at, n);
		break;
	case 7:
		mapindex_rebuild(index);
		break;
	}
}

static void test_random_calls_agree_with_the_model(void **state)
{
	struct mapindex index;

	srand(7);
	begin(&index, N_ENTRIES);
	for (unsigned i = 0; i < N_STEPS; i++) {
		step(&index, 1 + i % (N_SITES - 1));
		if (i % 16 == 0)
			check_against_model(&index);
	}
	check_against_model(&index);
	assert_int_equal(n_lost, 0);
}

static void test_the_middle_of_a_range_can_go(void **state)
{
	struct mapindex index;

	begin(&index, N_ENTRIES);
	insert(&index, 10, 10, 5);
	mapindex_remove(&index, base + 14 * page, 2 * page);
	memset(model + 14, 0, 2 * sizeof(model[0]));
	check_against_model(&index);
	assert_int_equal(blocks[5], 2);
	assert_int_equal(mapindex_find(&index, base + 13 * page)->size, 4 * page);
	assert_int_equal(mapindex_find(&index, base + 16 * page)->size, 4 * page);
	assert_null(mapindex_find(&index, base + 14 * page));
	mapindex_remove(&index, 0, UINT64_MAX);
	assert_int_equal(outstanding[5], 0);
	assert_int_equal(blocks[5], 0);
}

static void test_what_finds_no_room_is_counted(void **state)
{
	struct mapindex index;

	begin(&index, 4);
	insert(&index, 0, 5, 1);
	insert(&index, 10, 5, 2);
	insert(&index, 20, 5, 3);
	insert(&index, 30, 5, 4);
	assert_int_equal(n_lost, 1);
	check_against_model(&index);
	/* falls in two, but there is room for one: the upper part is lost, and not outstanding */
	mapindex_remove(&index, base + 2 * page, page);
	memset(model + 2, 0, 3 * sizeof(model[0]));
	assert_int_equal(n_lost, 2);
	check_against_model(&index);
}

static void ignore(uint32_t number, const struct mapindex_range *range)
{
}

static void test_ranges_in_order_do_not_make_a_list(void **state)
{
	static const struct mapindex_hooks quiet = {ignore, on_removed, on_lost};
	struct mapindex index;

	/* quadratic, were the tree a list: this would take minutes */
	begin(&index, 200001);
	index.hooks = &quiet;
	for (uint64_t i = 0; i < 200000; i++)
		assert_true(mapindex_insert(
			&index, &(struct mapindex_range){
					.start = base + 2 * i * page, .size = page, .site = 1}));
	assert_true(mapindex_is_valid(&index));
	mapindex_remove(&index, base, 400000 * page);
	assert_true(mapindex_is_valid(&index));
	assert_int_equal(blocks[1], -200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_calls_agree_with_the_model),
		cmocka_unit_test(test_the_middle_of_a_range_can_go),
		cmocka_unit_test(test_what_finds_no_room_is_counted),
		cmocka_unit_test(test_ranges_in_order_do_not_make_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
