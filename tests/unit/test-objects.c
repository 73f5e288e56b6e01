/* SPDX-License-Identifier: MIT */
/*
 * test-objects.c: classes told from memory that was made up: tables, type_infos and names in a core file,
 * right ones and such that only look like it.
 */
#include "process/objects.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "tests/support/core-maker.h"
#include "tests/unit/test.h"

enum { PAGE = 4096, CONSTANTS = 2 * PAGE };
static const uint64_t image = 0x7f0000000000, heap = 0x555555600000;

/* Where in the constants what stands. */
enum {
	FAMILY_NAME = 0x10,
	FAMILY_INFO = 0x100, /* of __class_type_info */
	FAMILY_TABLE = 0x140,
	NAME = 0x200,
	INFO = 0x240,
	TABLE = 0x280,
	SECOND_TABLE = 0x2c0, /* of a part that does not come first */
	FALSE_INFO = 0x300,   /* whose class is no family */
	FALSE_TABLE = 0x340,
	LOCAL_NAME = 0x400,
	LOCAL_INFO = 0x440,
	LOCAL_TABLE = 0x480,
};

static void put(char *constants, unsigned place, uint64_t a, uint64_t b)
{
	memcpy(constants + place, (uint64_t[]){a, b}, 16);
}

static void make_constants(char constants[CONSTANTS])
{
	memset(constants, 0, CONSTANTS);
	strcpy(constants + FAMILY_NAME, "N10__cxxabiv117__class_type_infoE");
	put(constants, FAMILY_INFO, image + FAMILY_TABLE, image + FAMILY_NAME);
	put(constants, FAMILY_TABLE - 16, 0, image + FAMILY_INFO);
	strcpy(constants + NAME, "N5store7SessionE");
	put(constants, INFO, image + FAMILY_TABLE, image + NAME);
	put(constants, TABLE - 16, 0, image + INFO);
	put(constants, SECOND_TABLE - 16, (uint64_t)-16, image + INFO);
	put(constants, FALSE_INFO, image + TABLE, image + NAME);
	put(constants, FALSE_TABLE - 16, 0, image + FALSE_INFO);
	strcpy(constants + LOCAL_NAME, "*N12_GLOBAL__N_16HiddenE");
	put(constants, LOCAL_INFO, image + FAMILY_TABLE, image + LOCAL_NAME);
	put(constants, LOCAL_TABLE - 16, 0, image + LOCAL_INFO);
}

struct fixture {
	struct space space;
	struct objects objects;
};

/* words: the first page of the heap */
static void setup(struct fixture *fixture, const uint64_t *words, size_t n)
{
	const struct core_maker_file file = {image, image + CONSTANTS, 0, "/nowhere/libx.so"};
	char constants[CONSTANTS], page[PAGE] = {0};
	char path[] = "/proc/self/fd/          ";
	struct core_maker maker = {};
	int fd;

	make_constants(constants);
	memcpy(page, words, n * sizeof(*words));
	core_maker_add_process(&maker, 1, "x", "x");
	core_maker_add_thread(&maker, 1, 0, 0);
	core_maker_add_files(&maker, &file, 1);
	core_maker_add_segment(&maker, heap, 2 * PAGE, PF_R | PF_W, page, PAGE);
	core_maker_add_segment(&maker, image, CONSTANTS, PF_R, constants, CONSTANTS);
	fd = core_maker_finish(&maker);
	core_maker_deinit(&maker);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(space_open_core(path, NULL, false, &fixture->space), 0);
	close(fd);
	assert_int_equal(objects_init(&fixture->objects, &fixture->space), 0);
}

static void teardown(struct fixture *fixture)
{
	objects_deinit(&fixture->objects);
	space_deinit(&fixture->space);
}

static void add(struct fixture *fixture, unsigned word, uint64_t size,
		enum arenas_block_state state)
{
	const struct arenas_block block = {
		.address = heap + word * 8, .size = size, .state = state};

	assert_int_equal(objects_add(&block, &fixture->objects), 0);
}

static void objects_are_counted_by_class(void **state)
{
	const uint64_t words[] = {
		image + TABLE, 1, image + TABLE, 2, image + LOCAL_TABLE, 3, image + TABLE, 4,
	};
	struct fixture fixture;
	struct objects *objects = &fixture.objects;

	setup(&fixture, words, ARRAY_SIZE(words));
	add(&fixture, 0, 16, ARENAS_IN_USE);
	add(&fixture, 2, 24, ARENAS_IN_USE);
	add(&fixture, 4, 100, ARENAS_IN_USE);
	add(&fixture, 6, 16, ARENAS_FREE);
	objects_rank(objects, OBJECTS_BY_BLOCKS);
	assert_int_equal(objects->n_classes, 2);
	assert_string_equal(objects->classes[0].name, "N5store7SessionE");
	assert_int_equal(objects->classes[0].blocks, 2);
	assert_int_equal(objects->classes[0].bytes, 40);
	assert_int_equal(objects->classes[0].largest, 24);
	assert_string_equal(objects->classes[1].name, "N12_GLOBAL__N_16HiddenE");
	assert_int_equal(objects->known_blocks, 3);
	assert_int_equal(objects->in_use_bytes, 140);
	assert_int_equal(objects->free_bytes, 16);
	teardown(&fixture);
}

static void arrays_begin_with_their_number(void **state)
{
	const uint64_t words[] = {2, image + TABLE, image + TABLE, 0, 1000, image + TABLE};
	struct fixture fixture;

	setup(&fixture, words, ARRAY_SIZE(words));
	add(&fixture, 0, 24, ARENAS_IN_USE);
	/* more objects than there is room for */
	add(&fixture, 4, 16, ARENAS_IN_USE);
	assert_int_equal(fixture.objects.n_classes, 1);
	assert_int_equal(fixture.objects.classes[0].kind, OBJECTS_CXX_ARRAY);
	assert_int_equal(fixture.objects.classes[0].blocks, 1);
	teardown(&fixture);
}

static void what_only_looks_like_an_object_is_none(void **state)
{
	const uint64_t words[] = {
		image + FALSE_TABLE,
		image + SECOND_TABLE,
		image + TABLE + 4,
		image + INFO,
		image + CONSTANTS,
		image,
		heap,
		0,
		image + CONSTANTS - 8,
		UINT64_MAX,
		8,
		1,
	};
	struct fixture fixture;

	setup(&fixture, words, ARRAY_SIZE(words));
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		add(&fixture, i, 8, ARENAS_IN_USE);
	assert_int_equal(fixture.objects.n_classes, 0);
	assert_int_equal(fixture.objects.known_blocks, 0);
	assert_int_equal(fixture.objects.in_use_blocks, ARRAY_SIZE(words));
	teardown(&fixture);
}

static void blocks_that_are_not_there_are_counted_apart(void **state)
{
	struct fixture fixture;

	setup(&fixture, (uint64_t[]){image + TABLE}, 1);
	add(&fixture, 0, 8, ARENAS_IN_USE);
	add(&fixture, PAGE / 8, 100, ARENAS_IN_USE);
	add(&fixture, 1, 4, ARENAS_IN_USE);
	assert_int_equal(fixture.objects.known_blocks, 1);
	assert_int_equal(fixture.objects.absent_blocks, 1);
	assert_int_equal(fixture.objects.absent_bytes, 100);
	teardown(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_counted_by_class),
		cmocka_unit_test(arrays_begin_with_their_number),
		cmocka_unit_test(what_only_looks_like_an_object_is_none),
		cmocka_unit_test(blocks_that_are_not_there_are_counted_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
