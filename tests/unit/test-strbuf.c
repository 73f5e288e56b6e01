/* SPDX-License-Identifier: MIT */
/*
 * test-strbuf.c: text that grows.
 */
#include "base/strbuf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

static void an_empty_buffer_is_empty_text(void **state)
{
	struct strbuf buffer = {0};

	assert_string_equal(strbuf_text(&buffer), "");
	strbuf_deinit(&buffer);
}

static void additions_follow_each_other(void **state)
{
	struct strbuf buffer = {0};

	assert_int_equal(strbuf_adds(&buffer, "a"), 0);
	assert_int_equal(strbuf_addc(&buffer, 'b'), 0);
	assert_int_equal(strbuf_addf(&buffer, "%d-%s", 12, "x"), 0);
	assert_int_equal(strbuf_add(&buffer, "yz!", 2), 0);
	assert_int_equal(strbuf_add_repeated(&buffer, '.', 3), 0);
	assert_string_equal(strbuf_text(&buffer), "ab12-xyz...");
	assert_int_equal(buffer.length, 11);
	strbuf_deinit(&buffer);
}

static void it_grows_over_any_size_of_step(void **state)
{
	struct strbuf buffer = {0};
	size_t i, expected = 0;

	for (i = 0; i < 300; i++) {
		assert_int_equal(strbuf_add_repeated(&buffer, 'x', i), 0);
		expected += i;
		assert_int_equal(buffer.length, expected);
		assert_int_equal(strlen(strbuf_text(&buffer)), expected);
		assert_true(buffer.length < buffer.capacity);
	}
	strbuf_deinit(&buffer);
}

static void stolen_text_is_the_callers(void **state)
{
	struct strbuf buffer = {0};
	char *text;

	strbuf_adds(&buffer, "mine");
	assert_int_equal(strbuf_steal(&buffer, &text), 0);
	assert_string_equal(text, "mine");
	free(text);
	assert_int_equal(strbuf_steal(&buffer, &text), 0);
	assert_string_equal(text, "");
	free(text);
	strbuf_deinit(&buffer);
}

static void an_error_stays_until_reset(void **state)
{
	struct strbuf buffer = {0};
	char *text;

	assert_int_equal(strbuf_adds(&buffer, "kept"), 0);
	assert_int_equal(strbuf_reserve(&buffer, SIZE_MAX - 2), -ENOMEM);
	assert_int_equal(strbuf_addc(&buffer, 'x'), -ENOMEM);
	assert_int_equal(strbuf_addf(&buffer, "x"), -ENOMEM);
	assert_int_equal(strbuf_steal(&buffer, &text), -ENOMEM);
	assert_string_equal(strbuf_text(&buffer), "kept");
	strbuf_reset(&buffer);
	assert_string_equal(strbuf_text(&buffer), "");
	assert_int_equal(strbuf_addc(&buffer, 'x'), 0);
	strbuf_deinit(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_is_empty_text),
		cmocka_unit_test(additions_follow_each_other),
		cmocka_unit_test(it_grows_over_any_size_of_step),
		cmocka_unit_test(stolen_text_is_the_callers),
		cmocka_unit_test(an_error_stays_until_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
