/* SPDX-License-Identifier: MIT */
#include "process/runtime-shapes.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "test.h"

#define BASE 0x7f0000000000ull

/* A mapping of a process, made up: bytes that lie at BASE. */
struct made {
	uint8_t *bytes;
	struct mapping mapping;
	struct memory *memory;
	struct areas areas;
};

static struct made make(size_t size)
{
	struct made made = {.bytes = calloc(1, size)};
	const struct memory_piece piece = {BASE, size, made.bytes};

	assert_non_null(made.bytes);
	made.mapping = (struct mapping){.start = BASE, .end = BASE + size, .read = true};
	made.memory = memory_new_pieces(&piece, 1);
	assert_non_null(made.memory);
	return made;
}

static void drop(struct made *made)
{
	memory_free(made->memory);
	areas_deinit(&made->areas);
	free(made->bytes);
}

static void put(struct made *made, uint64_t offset, const void *bytes, size_t size)
{
	memcpy(made->bytes + offset, bytes, size);
}

static void put_words(struct made *made, uint64_t offset, uint64_t a, uint64_t b, uint64_t c,
		      uint64_t d, uint64_t e)
{
	const uint64_t words[] = {a, b, c, d, e};

	put(made, offset, words, sizeof(words));
}

static void assert_area(const struct made *made, size_t i, uint64_t start, uint64_t size)
{
	assert_true(i < made->areas.n_areas);
	assert_int_equal(made->areas.areas[i].start, BASE + start);
	assert_int_equal(made->areas.areas[i].end, BASE + start + size);
}

static void pages_of_v8_say_where_their_objects_are(void **state)
{
	const uint64_t page = 256 << 10;
	struct made made = make(6 * page);

	/* two that touch, one that is large, and one whose words do not agree */
	put_words(&made, 0, page, 1, 2, BASE + 0x100, BASE + page);
	put_words(&made, page, page, 1, 2, BASE + page + 0x100, BASE + 2 * page);
	put_words(&made, 3 * page, 2 * page, 1, 2, BASE + 3 * page + 0x100, BASE + 5 * page);
	put_words(&made, 5 * page, page, 1, 2, BASE, BASE + 6 * page);
	assert_int_equal(runtime_shapes_v8(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(made.areas.n_areas, 2);
	assert_area(&made, 0, 0, 2 * page);
	assert_area(&made, 1, 3 * page, 2 * page);
	drop(&made);
}

struct pool {
	uint32_t count, unused;
	uint64_t free, next, previous;
	uint32_t arena, size_class, next_offset, last_offset;
};

static void pools_of_python_have_the_limit_of_their_class(void **state)
{
	const uint32_t size = 16 << 10;
	struct made made = make(4 * size);
	struct pool pool = {.count = 3, .size_class = 4, .next_offset = 300};

	pool.last_offset = size - 5 * 16;
	put(&made, 0, &pool, sizeof(pool));
	put(&made, 2 * size, &pool, sizeof(pool));
	/* the limit of another class */
	pool.last_offset -= 16;
	put(&made, 3 * size, &pool, sizeof(pool));
	assert_int_equal(runtime_shapes_python(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(made.areas.n_areas, 2);
	assert_area(&made, 0, 0, size);
	assert_area(&made, 1, 2 * size, size);
	drop(&made);
}

static void pools_of_older_pythons_are_smaller(void **state)
{
	const uint32_t size = 4 << 10;
	struct made made = make(8 * size);
	struct pool pool = {.count = 3, .size_class = 4, .next_offset = 300};

	pool.last_offset = size - 5 * 16;
	put(&made, 3 * size, &pool, sizeof(pool));
	assert_int_equal(runtime_shapes_python(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(made.areas.n_areas, 1);
	assert_area(&made, 0, 3 * size, size);
	drop(&made);
}

static void chunks_of_php_and_its_large_blocks_are_found(void **state)
{
	const uint64_t chunk = 2 << 20;
	struct made made = make(2 * chunk);

	/* the manager lies in the first chunk; a list of two large blocks that ends in a circle */
	put_words(&made, 0, BASE + 0x40, BASE + chunk, BASE + chunk, 0, 0);
	put_words(&made, chunk, BASE + 0x40, BASE, BASE, 0, 0);
	put_words(&made, 0x40, 7, 9, BASE + 0x3000, 0, 0);
	put_words(&made, 0x3000, BASE + 8 * chunk, 2 * chunk, BASE + 0x4000, 0, 0);
	put_words(&made, 0x4000, BASE + 16 * chunk, chunk, BASE + 0x3000, 0, 0);
	assert_int_equal(runtime_shapes_php(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(areas_settle(&made.areas), 0);
	assert_int_equal(made.areas.n_areas, 4);
	assert_area(&made, 0, 0, chunk);
	assert_area(&made, 1, chunk, chunk);
	assert_area(&made, 2, 8 * chunk, 2 * chunk);
	assert_area(&made, 3, 16 * chunk, chunk);
	drop(&made);
}

static void pages_of_ruby_are_pointed_back_to(void **state)
{
	const uint64_t page = 64 << 10;
	struct made made = make(4 * page);

	put_words(&made, 0, BASE + 3 * page, 0, 0, 0, 0);
	put_words(&made, 3 * page, 0x1000200, 5, BASE + 0x28, 0, 0);
	/* nothing points back */
	put_words(&made, page, BASE + 3 * page, 0, 0, 0, 0);
	assert_int_equal(runtime_shapes_ruby(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(made.areas.n_areas, 1);
	assert_area(&made, 0, 0, page);
	drop(&made);
}

/* Whatever stands in memory, no finder fails or claims more than there may be. */
static void noise_is_survived(void **state)
{
	const size_t size = 4 << 20;
	struct made made = make(size);
	uint64_t random = 88172645463325252ull;

	for (size_t i = 0; i < size; i += 8) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		/* half of it are pointers into itself */
		put(&made, i, &(uint64_t){random % 2 ? random : BASE + random % size / 8 * 8}, 8);
	}
	assert_int_equal(runtime_shapes_v8(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(runtime_shapes_python(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(runtime_shapes_php(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(runtime_shapes_ruby(&made.mapping, made.memory, &made.areas), 0);
	assert_int_equal(areas_settle(&made.areas), 0);
	for (size_t i = 0; i < made.areas.n_areas; i++)
		assert_true(made.areas.areas[i].start < made.areas.areas[i].end);
	drop(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_v8_say_where_their_objects_are),
		cmocka_unit_test(pools_of_python_have_the_limit_of_their_class),
		cmocka_unit_test(pools_of_older_pythons_are_smaller),
		cmocka_unit_test(chunks_of_php_and_its_large_blocks_are_found),
		cmocka_unit_test(pages_of_ruby_are_pointed_back_to),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
