/* SPDX-License-Identifier: MIT */
/*
 * test-units.c: sizes, counts and durations as people write them.
 */
#include "base/units.h"

#include <errno.h>
#include <math.h>

#include "base/macro.h"
#include "tests/unit/test.h"

static void assert_size_of(const char *text, uint64_t expected)
{
	uint64_t bytes = 42;

	assert_int_equal(units_parse_size(text, &bytes), 0);
	assert_true(bytes == expected);
}

static void sizes_are_binary(void **state)
{
	assert_size_of("0", 0);
	assert_size_of("4096", 4096);
	assert_size_of("1B", 1);
	assert_size_of("64K", 65536);
	assert_size_of("64k", 65536);
	assert_size_of("64KiB", 65536);
	assert_size_of("64 KB", 65536);
	assert_size_of("1.5M", 1572864);
	assert_size_of(".5K", 512);
	assert_size_of("2G", 2147483648);
	assert_size_of("3t", 3ull << 40);
	assert_size_of("1P", 1ull << 50);
	assert_size_of("15E", 15ull << 60);
	assert_size_of("18446744073709551615", UINT64_MAX);
	assert_size_of("0.0001K", 0);
	assert_size_of("1.0000000000000000000000000001K", 1024);
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const bad[] = {"",    " ",    "K",     "-1",   "+1",  "1.5", "1.5B",
					  "12Q", "1KK",  "1KiBs", "0x10", "1e3", ".",   ".K",
					  "1 2", "64K ", "nan",   "1,5M", "K1"};
	uint64_t bytes = 42;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(units_parse_size(bad[i], &bytes), -EINVAL);
	assert_int_equal(units_parse_size("18446744073709551616", &bytes), -ERANGE);
	assert_int_equal(units_parse_size("16E", &bytes), -ERANGE);
	assert_int_equal(units_parse_size("99999999999999999999999999K", &bytes), -ERANGE);
	assert_true(bytes == 42);
}

static void assert_duration_of(const char *text, uint64_t expected)
{
	uint64_t ns = 42;

	assert_int_equal(units_parse_duration(text, &ns), 0);
	assert_true(ns == expected);
}

static void durations_carry_their_unit(void **state)
{
	assert_duration_of("30s", 30000000000);
	assert_duration_of("30", 30000000000);
	assert_duration_of("0.25", 250000000);
	assert_duration_of("5m", 300000000000);
	assert_duration_of("5min", 300000000000);
	assert_duration_of("2h", 7200000000000);
	assert_duration_of("1d", 86400000000000);
	assert_duration_of("250ms", 250000000);
	assert_duration_of("3us", 3000);
	assert_duration_of("7ns", 7);
	assert_duration_of("1.5s", 1500000000);
	assert_duration_of("1h30m", 5400000000000);
}

static void what_is_no_duration_is_refused(void **state)
{
	static const char *const bad[] = {"", "s", "-1s", "5x", "1h30", "1h ", "5S", "1mm", "m5"};
	uint64_t ns = 42;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(units_parse_duration(bad[i], &ns), -EINVAL);
	assert_int_equal(units_parse_duration("999999d", &ns), -ERANGE);
	assert_int_equal(units_parse_duration("200000d200000d", &ns), -ERANGE);
	assert_true(ns == 42);
}

static void bytes_are_rounded_to_one_digit(void **state)
{
	char buffer[UNITS_MAX];

	assert_string_equal(units_format_bytes(0, buffer), "0 B");
	assert_string_equal(units_format_bytes(1023, buffer), "1023 B");
	assert_string_equal(units_format_bytes(1024, buffer), "1.0 KiB");
	assert_string_equal(units_format_bytes(1536 * 1024, buffer), "1.5 MiB");
	assert_string_equal(units_format_bytes(1024 * 1024 - 1, buffer), "1.0 MiB");
	assert_string_equal(units_format_bytes(1023 * 1024, buffer), "1023.0 KiB");
	assert_string_equal(units_format_bytes(1ull << 40, buffer), "1.0 TiB");
	assert_string_equal(units_format_bytes(UINT64_MAX, buffer), "16.0 EiB");
}

static void counts_are_grouped(void **state)
{
	char buffer[UNITS_MAX];

	assert_string_equal(units_format_count(0, buffer), "0");
	assert_string_equal(units_format_count(999, buffer), "999");
	assert_string_equal(units_format_count(1000, buffer), "1,000");
	assert_string_equal(units_format_count(1234567, buffer), "1,234,567");
	assert_string_equal(units_format_count(UINT64_MAX, buffer), "18,446,744,073,709,551,615");
}

static void durations_use_two_units_at_most(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{-1, "0 s"},      {0, "0 s"},        {NAN, "0 s"},       {0.000012, "12 µs"},
		{0.25, "250 ms"}, {0.9999, "1.0 s"}, {1.5, "1.5 s"},     {9.97, "10 s"},
		{59.4, "59 s"},   {59.6, "1m 0s"},   {330, "5m 30s"},    {3599.7, "1h 0m"},
		{7500, "2h 5m"},  {273600, "3d 4h"}, {86399.9, "1d 0h"}, {1e300, "1.16e+295 d"},
	};
	char buffer[UNITS_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(units_format_duration(cases[i].seconds, buffer), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_binary),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(durations_carry_their_unit),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(bytes_are_rounded_to_one_digit),
		cmocka_unit_test(counts_are_grouped),
		cmocka_unit_test(durations_use_two_units_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
