/* SPDX-License-Identifier: MIT */
#include "process/glibc-params.h"

#include <string.h>

#include "base/macro.h"
#include "tests/unit/test.h"

#define HEAP UINT64_C(0x55d34e902000)

static char heap_path[] = "[heap]";
static struct mapping heap = {
	.start = HEAP, .end = HEAP + (8 << 20), .read = true, .write = true, .path = heap_path};
static const struct maps maps = {&heap, 1};
static const struct glibc_state main_arena = {.top = HEAP + (4 << 20), .contiguous = true};

/* mp_ of 2.35 and newer in the midst of other data, at a third of it. */
struct params_35 {
	uint64_t before[16];
	uint64_t trim_threshold, top_pad, mmap_threshold, arena_test, arena_max;
	uint64_t thp_page_size, huge_page_size;
	uint32_t huge_flags, n_mmaps, n_mmaps_max, max_mmaps, no_dyn_threshold, pad;
	uint64_t mmapped, peak_mmapped, sbrk_base;
	uint64_t after[16];
};

static bool find(struct params_35 *params, struct glibc_params *ret)
{
	const struct glibc_data data = {0x7f0000000000, (uint8_t *)params, sizeof(*params)};

	return glibc_params_find(&data, &maps, &main_arena, ret) == 1;
}

/* With one mapping ever and a limit of arenas, its fields shifted by two words look like those of 2.23. */
static void one_mapping_and_a_limit_of_arenas_are_no_older_form(void **state)
{
	struct params_35 params = {
		.trim_threshold = 128 << 10,
		.top_pad = 128 << 10,
		.mmap_threshold = 128 << 10,
		.arena_test = 8,
		.arena_max = 4,
		.thp_page_size = 2 << 20,
		.n_mmaps = 1,
		.n_mmaps_max = 65536,
		.max_mmaps = 1,
		.mmapped = 0x1b2000,
		.peak_mmapped = 0x1b2000,
		.sbrk_base = HEAP,
	};
	struct glibc_params found;

	for (uint64_t page_size = 0; page_size <= 2 << 20; page_size += 2 << 20) {
		params.thp_page_size = page_size;
		assert_true(find(&params, &found));
		assert_int_equal(found.n_mmaps, 1);
		assert_int_equal(found.mmapped, 0x1b2000);
		assert_int_equal(found.mmap_threshold, 128 << 10);
		assert_int_equal(found.sbrk_base, HEAP);
	}
	(void)state;
}

/* Each block with a mapping of its own has a page at least. */
static void counts_without_the_pages_for_them_are_none(void **state)
{
	struct params_35 params = {
		.trim_threshold = 128 << 10,
		.mmap_threshold = 128 << 10,
		.n_mmaps = 3,
		.n_mmaps_max = 65536,
		.max_mmaps = 3,
		.mmapped = 3 * 4096,
		.peak_mmapped = 3 * 4096,
		.sbrk_base = HEAP,
	};
	struct glibc_params found;

	assert_true(find(&params, &found));
	params.mmapped = 2 * 4096;
	assert_false(find(&params, &found));
	params.n_mmaps = 1;
	assert_true(find(&params, &found));
	params.peak_mmapped = 2 * 4096;
	assert_false(find(&params, &found));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_mapping_and_a_limit_of_arenas_are_no_older_form),
		cmocka_unit_test(counts_without_the_pages_for_them_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
