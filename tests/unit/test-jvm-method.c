/* SPDX-License-Identifier: MIT */
/* test-jvm-method.c: packed numbers of both sorts. */
#include "process/jvm-method.h"

#include "base/macro.h"
#include "tests/unit/test.h"

static uint32_t read_one(const uint8_t *bytes, size_t size, bool zeroless, size_t *ret_length)
{
	uint32_t value = UINT32_MAX;

	*ret_length = 0;
	assert_true(jvm_read_packed(bytes, size, zeroless, ret_length, &value));
	return value;
}

static void a_number_below_192_is_one_byte(void **state)
{
	size_t length;

	for (unsigned i = 0; i < 192; i++) {
		const uint8_t byte = (uint8_t)i;

		assert_int_equal(read_one(&byte, 1, false, &length), i);
		assert_int_equal(length, 1);
	}
	/* and one less where no byte is 0 */
	for (unsigned i = 0; i < 191; i++) {
		const uint8_t byte = (uint8_t)(i + 1);

		assert_int_equal(read_one(&byte, 1, true, &length), i);
		assert_int_equal(length, 1);
	}
}

static void each_further_byte_counts_64_times_as_much(void **state)
{
	static const uint8_t two[] = {192, 3}, five[] = {192, 193, 194, 195, 255};
	static const uint8_t zeroless[] = {193, 4};
	size_t length;

	assert_int_equal(read_one(two, sizeof(two), false, &length), 192 + 3 * 64);
	assert_int_equal(length, 2);
	/* the fifth is the last, whatever it is */
	assert_int_equal(read_one(five, sizeof(five), false, &length),
			 (uint32_t)(192 + 193 * 64 + 194 * 4096 + 195 * 262144 + 255u * 16777216));
	assert_int_equal(length, 5);
	/* 1 is subtracted from each */
	assert_int_equal(read_one(zeroless, sizeof(zeroless), true, &length), 192 + 3 * 64);
}

static void what_ends_too_early_is_none(void **state)
{
	static const uint8_t cut[] = {200, 200}, zero[] = {0};
	uint32_t value = 5;
	size_t at = 0;

	assert_false(jvm_read_packed(cut, sizeof(cut), false, &at, &value));
	at = 0;
	assert_false(jvm_read_packed(cut, 0, false, &at, &value));
	at = 0;
	assert_false(jvm_read_packed(zero, sizeof(zero), true, &at, &value));
	assert_int_equal(value, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_below_192_is_one_byte),
		cmocka_unit_test(each_further_byte_counts_64_times_as_much),
		cmocka_unit_test(what_ends_too_early_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
