/* SPDX-License-Identifier: MIT */
#include "process/areas.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macro.h"
#include "process/areas-beside.h"
#include "test.h"

static void add(struct areas *areas, uint64_t start, uint64_t end, enum area_kind kind)
{
	struct area *area = areas_add(areas);

	assert_non_null(area);
	area->start = start;
	area->end = end;
	area->kind = kind;
}

static void an_area_that_was_added_first_keeps_all_of_it(void **state)
{
	static const struct area expected[] = {
		{.start = 0x1000, .end = 0x2000, .kind = AREA_JVM},
		{.start = 0x2000, .end = 0x4000, .kind = AREA_STACK},
		{.start = 0x4000, .end = 0x6000, .kind = AREA_JVM},
		{.start = 0x6000, .end = 0x7000, .kind = AREA_HEAP},
		{.start = 0x7000, .end = 0x9000, .kind = AREA_JVM},
		{.start = 0xa000, .end = 0xb000, .kind = AREA_V8},
	};
	struct areas areas = {};

	add(&areas, 0x6000, 0x7000, AREA_HEAP);
	add(&areas, 0x2000, 0x4000, AREA_STACK);
	add(&areas, 0xa000, 0xb000, AREA_V8);
	/* around the first two */
	add(&areas, 0x1000, 0x9000, AREA_JVM);
	/* nothing is left of these */
	add(&areas, 0x2000, 0x4000, AREA_GO);
	add(&areas, 0x2800, 0x8000, AREA_GO);
	assert_int_equal(areas_settle(&areas), 0);
	assert_int_equal(areas.n_areas, ARRAY_SIZE(expected));
	for (size_t i = 0; i < areas.n_areas; i++) {
		assert_int_equal(areas.areas[i].start, expected[i].start);
		assert_int_equal(areas.areas[i].end, expected[i].end);
		assert_int_equal(areas.areas[i].kind, expected[i].kind);
	}
	areas_deinit(&areas);
}

static void nothing_settles_to_nothing(void **state)
{
	struct areas areas = {};

	assert_int_equal(areas_settle(&areas), 0);
	assert_int_equal(areas.n_areas, 0);
	areas_deinit(&areas);
}

static void what_is_known_by_elimination_leaves_ranges_and_is_measured_again(void **state)
{
	static const uint8_t bytes[0x1000];
	/* of the first area, one page is there */
	const struct memory_piece piece = {0x4000, sizeof(bytes), bytes};
	struct memory *memory = memory_new_pieces(&piece, 1);
	struct arena_range ranges[] = {{.start = 0x2000, .end = 0x4000},
				       {.start = 0x9000, .end = 0xb000}};
	const struct arenas arenas = {.ranges = ranges, .n_ranges = ARRAY_SIZE(ranges)};
	struct areas areas = {};

	add(&areas, 0x1000, 0x6000, AREA_HEAP);
	areas.areas[0].resident = 0x3000;
	add(&areas, 0x8000, 0xa000, AREA_STACK);
	areas.areas[1].resident = 0x1000;
	assert_int_equal(areas_leave_ranges(&areas, &arenas, memory), 0);
	assert_int_equal(areas.n_areas, 3);
	assert_int_equal(areas.areas[0].end, 0x2000);
	assert_int_equal(areas.areas[0].resident, 0);
	assert_int_equal(areas.areas[1].start, 0x4000);
	assert_int_equal(areas.areas[1].resident, 0x1000);
	/* what was seen there stays */
	assert_int_equal(areas.areas[2].end, 0xa000);
	assert_int_equal(areas.areas[2].resident, 0x1000);
	areas_deinit(&areas);
	memory_free(memory);
}

static void resident_pages_are_counted_and_absent_ones_stay_absent(void **state)
{
	const size_t page = MEMORY_PAGE_SIZE, n = 5000;
	char *pages =
		mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct memory *memory = NULL;
	struct areas areas = {};

	assert_ptr_not_equal(pages, MAP_FAILED);
	madvise(pages, n * page, MADV_NOHUGEPAGE);
	pages[3 * page] = pages[4200 * page] = 1;
	add(&areas, (uintptr_t)pages, (uintptr_t)pages + n * page, AREA_HEAP);
	assert_int_equal(memory_open_pid(getpid(), &memory), 0);
	/* twice: looking does not make them present */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(areas_measure(&areas, memory), 0);
		assert_int_equal(areas.areas[0].resident, 2 * page);
	}
	memory_free(memory);
	areas_deinit(&areas);
	munmap(pages, n * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_area_that_was_added_first_keeps_all_of_it),
		cmocka_unit_test(nothing_settles_to_nothing),
		cmocka_unit_test(what_is_known_by_elimination_leaves_ranges_and_is_measured_again),
		cmocka_unit_test(resident_pages_are_counted_and_absent_ones_stay_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
