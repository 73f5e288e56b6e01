/* SPDX-License-Identifier: MIT */
#include "process/glibc-morecore.h"

#include <string.h>

#include "base/macro.h"
#include "tests/unit/test.h"

#define START UINT64_C(0x7e0000003000)

enum { PAGE = 4096, PIECE = 1 << 20, WORDS = (2 * PIECE + 16 * PAGE) / 8 };

static uint64_t words[WORDS];
static char path[] = "";
static struct mapping mapping = {
	.start = START, .end = START + sizeof(words), .read = true, .write = true, .path = path};
static struct maps maps = {&mapping, 1};

static void set(uint64_t at, uint64_t prev_size, uint64_t size)
{
	words[at / 8] = prev_size;
	words[at / 8 + 1] = size;
}

/* Used 4096, and what was the top up to the end: free, in front of two fences. */
static void write_piece(uint64_t at)
{
	uint64_t left = PIECE - 4096 - 32;

	set(at, 0, 4096 | 1);
	set(at + 4096, 0, left | 1);
	set(at + PIECE - 32, left, 16);
	set(at + PIECE - 16, 0, 16 | 1);
}

/* Used 2048, and the top. */
static void write_top_piece(uint64_t at)
{
	set(at, 0, 2048 | 1);
	set(at + 2048, 0, (PIECE - 2048) | 1);
}

static struct glibc_regions find(uint64_t top, uint64_t top_end, uint64_t wanted)
{
	struct memory_piece piece = {START, sizeof(words), words};
	struct glibc_morecore morecore = {
		.memory = memory_new_pieces(&piece, 1),
		.maps = &maps,
		.top = START + top,
		.top_end = START + top_end,
		.wanted = wanted,
	};
	struct glibc_regions regions = {};

	assert_non_null(morecore.memory);
	assert_int_equal(glibc_morecore_find(&morecore, &regions), 0);
	memory_free(morecore.memory);
	return regions;
}

static void assert_region(const struct glibc_region *region, uint64_t start, uint64_t end,
			  uint64_t top)
{
	assert_int_equal(region->start, START + start);
	assert_int_equal(region->first, START + start);
	assert_int_equal(region->end, START + end);
	assert_int_equal(region->top, top ? START + top : 0);
	assert_true(region->main);
}

static void pieces_are_told_from_what_lies_beside_them(void **state)
{
	const uint64_t old = PAGE + PIECE + 4 * PAGE;
	struct glibc_regions regions;

	memset(words, 0, sizeof(words));
	/* the newest lies lowest, behind something foreign, and a block with a mapping of its own follows */
	memset(words, 0xab, PAGE);
	write_top_piece(PAGE);
	set(PAGE + PIECE, 0, 4 * PAGE | 2);
	write_piece(old);
	set(old + PIECE, 0, PAGE | 1);
	regions = find(PAGE + 2048, PAGE + PIECE, UINT64_MAX);
	assert_int_equal(regions.n_regions, 2);
	assert_region(&regions.regions[0], PAGE, PAGE + PIECE, PAGE + 2048);
	assert_region(&regions.regions[1], old, old + PIECE, 0);
	glibc_regions_deinit(&regions);
	(void)state;
}

static void neighbours_are_one_region_up_to_the_top(void **state)
{
	struct glibc_regions regions;

	memset(words, 0, sizeof(words));
	write_piece(0);
	write_top_piece(PIECE);
	regions = find(PIECE + 2048, 2 * PIECE, UINT64_MAX);
	assert_int_equal(regions.n_regions, 1);
	assert_region(&regions.regions[0], 0, 2 * PIECE, PIECE + 2048);
	glibc_regions_deinit(&regions);
	(void)state;
}

/* As when a part of it was advised to have huge pages. */
static void a_piece_may_be_two_mappings(void **state)
{
	struct mapping halves[2] = {mapping, mapping};
	struct glibc_regions regions;

	memset(words, 0, sizeof(words));
	write_top_piece(0);
	halves[0].end = halves[1].start = START + PIECE / 2;
	maps = (struct maps){halves, 2};
	regions = find(2048, PIECE, UINT64_MAX);
	maps = (struct maps){&mapping, 1};
	assert_int_equal(regions.n_regions, 1);
	assert_region(&regions.regions[0], 0, PIECE, 2048);
	glibc_regions_deinit(&regions);
	(void)state;
}

static void nothing_is_looked_for_beyond_what_the_arena_has(void **state)
{
	struct glibc_regions regions;

	memset(words, 0, sizeof(words));
	write_top_piece(0);
	write_piece(PIECE);
	regions = find(2048, PIECE, PIECE);
	assert_int_equal(regions.n_regions, 1);
	glibc_regions_deinit(&regions);
	(void)state;
}

static void what_does_not_end_in_fences_is_none(void **state)
{
	struct glibc_regions regions;

	memset(words, 0, sizeof(words));
	write_piece(0);
	set(PIECE - 16, 0, 24);
	regions = find(UINT64_MAX / 2, UINT64_MAX / 2, UINT64_MAX);
	assert_int_equal(regions.n_regions, 0);
	glibc_regions_deinit(&regions);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_told_from_what_lies_beside_them),
		cmocka_unit_test(neighbours_are_one_region_up_to_the_top),
		cmocka_unit_test(a_piece_may_be_two_mappings),
		cmocka_unit_test(nothing_is_looked_for_beyond_what_the_arena_has),
		cmocka_unit_test(what_does_not_end_in_fences_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
