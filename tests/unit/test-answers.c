/* SPDX-License-Identifier: MIT */
/* test-answers.c: frames that share what is around them. */
#include "symbolize/answers.h"

#include "test.h"

static uint32_t add(struct answers *answers, const char *function, uint32_t line, uint32_t around)
{
	const struct symbolizer_frame frame = {
		.function = function, .line = line, .inlined = around != ANSWERS_NONE};
	uint32_t number;

	assert_int_equal(answers_add_frame(answers, &frame, around, &number), 0);
	assert_int_not_equal(number, ANSWERS_NONE);
	return number;
}

static void a_frame_comes_with_all_around_it(void **state)
{
	_cleanup_(answers_deinit) struct answers answers = {};
	const uint32_t step = add(&answers, "step", 1, ANSWERS_NONE);
	const uint32_t mix = add(&answers, "mix", 2, step), other = add(&answers, "mix", 3, step);
	const struct symbolizer_frame *frames;
	size_t n;

	answers_get(&answers, add(&answers, "add", 4, mix), 16, &frames, &n);
	assert_int_equal(n, 3);
	assert_string_equal(frames[0].function, "add");
	assert_true(frames[0].inlined);
	assert_int_equal(frames[1].line, 2);
	assert_string_equal(frames[2].function, "step");
	assert_false(frames[2].inlined);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(frames[i].offset, 16);

	answers_get(&answers, add(&answers, "add", 4, other), 0, &frames, &n);
	assert_int_equal(n, 3);
	assert_int_equal(frames[1].line, 3);
	answers_get(&answers, step, 0, &frames, &n);
	assert_int_equal(n, 1);
}

static void frames_that_are_told_are_one_answer(void **state)
{
	_cleanup_(answers_deinit) struct answers answers = {};
	const struct symbolizer_frame told[] = {
		{.function = "inner", .why = "told", .inlined = true},
		{.function = "outer", .linkage_name = "_outer", .file = "a.c", .line = 7},
	};
	const struct symbolizer_frame *frames;
	uint32_t number;
	size_t n;

	assert_int_equal(answers_add(&answers, told, 2, &number), 0);
	answers_get(&answers, number, 3, &frames, &n);
	assert_int_equal(n, 2);
	assert_string_equal(frames[0].function, "inner");
	assert_string_equal(frames[0].why, "told");
	assert_string_equal(frames[1].linkage_name, "_outer");
	assert_string_equal(frames[1].file, "a.c");
	assert_int_equal(frames[1].line, 7);
}

static void no_more_frames_are_given_than_there_is_room_for(void **state)
{
	_cleanup_(answers_deinit) struct answers answers = {};
	const struct symbolizer_frame *frames;
	uint32_t number = ANSWERS_NONE;
	size_t n;

	for (uint32_t i = 0; i < 2 * ANSWERS_MAX_FRAMES; i++)
		number = add(&answers, "deep", i, number);
	answers_get(&answers, number, 0, &frames, &n);
	assert_int_equal(n, ANSWERS_MAX_FRAMES);
	assert_int_equal(frames[0].line, 2 * ANSWERS_MAX_FRAMES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_comes_with_all_around_it),
		cmocka_unit_test(frames_that_are_told_are_one_answer),
		cmocka_unit_test(no_more_frames_are_given_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
