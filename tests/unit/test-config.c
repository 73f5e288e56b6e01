/* SPDX-License-Identifier: MIT */
#include "agent/preload/config.h"

#include <errno.h>
#include <string.h>

#include "region/abi.h"
#include "tests/unit/test.h"

static int read_one(char *entry, struct config *ret)
{
	char *environment[] = {"HOME=/", entry, NULL};
	const char *bad = NULL;
	int r = config_read(environment, ret, &bad);

	assert_true((r < 0) == (bad != NULL));
	return r;
}

static void nothing_set_gives_the_defaults(void **state)
{
	struct config config;

	assert_int_equal(config_read(NULL, &config, &(const char *){NULL}), 0);
	assert_false(config.system);
	assert_true(config.follow);
	assert_false(config.debug);
	assert_int_equal(config.sampling, MT_SAMPLING_AUTO);
	assert_int_equal(config.max_memory, 64 << 20);
	assert_string_equal(config.socket, "");
}

static void every_variable_is_read(void **state)
{
	char *environment[] = {"MEMTRACE_ALLOCATOR=system",
			       "MEMTRACE_SAMPLE=524288",
			       "MEMTRACE_MAX_MEMORY=1000000",
			       "MEMTRACE_SOCKET=memtrace-1-ab",
			       "MEMTRACE_FOLLOW=0",
			       "MEMTRACE_DEBUG=1",
			       NULL};
	struct config config;

	assert_int_equal(config_read(environment, &config, &(const char *){NULL}), 0);
	assert_true(config.system);
	assert_int_equal(config.sampling, MT_SAMPLING_INTERVAL);
	assert_int_equal(config.interval, 524288);
	assert_int_equal(config.max_memory, 1000000);
	assert_string_equal(config.socket, "memtrace-1-ab");
	assert_int_equal(config.socket_length, strlen("memtrace-1-ab"));
	assert_false(config.follow);
	assert_true(config.debug);
}

static void sampling_for_somebody_who_looks_on_is_auto(void **state)
{
	struct config config;

	assert_int_equal(read_one("MEMTRACE_SAMPLE=watched", &config), 0);
	assert_int_equal(config.sampling, MT_SAMPLING_AUTO);
	assert_true(config.watched);
	assert_int_equal(read_one("MEMTRACE_SAMPLE=auto", &config), 0);
	assert_false(config.watched);
}

static void an_empty_value_is_an_absent_one(void **state)
{
	struct config config;

	assert_int_equal(read_one("MEMTRACE_SAMPLE=", &config), 0);
	assert_int_equal(config.sampling, MT_SAMPLING_AUTO);
	assert_int_equal(read_one("MEMTRACE_FOLLOW=", &config), 0);
	assert_true(config.follow);
}

static void names_that_only_begin_alike_are_others(void **state)
{
	struct config config;

	assert_int_equal(read_one("MEMTRACE_SAMPLER=nonsense", &config), 0);
	assert_int_equal(read_one("MEMTRACE_SAMPL=nonsense", &config), 0);
	assert_int_equal(read_one("MEMTRACE_SAMPLE", &config), 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static char *const entries[] = {
		"MEMTRACE_ALLOCATOR=quick",
		"MEMTRACE_SAMPLE=0",
		"MEMTRACE_SAMPLE=-1",
		"MEMTRACE_SAMPLE=512K",
		"MEMTRACE_SAMPLE=4294967296",
		"MEMTRACE_SAMPLE=99999999999999999999999",
		"MEMTRACE_MAX_MEMORY=many",
		"MEMTRACE_FOLLOW=yes",
		"MEMTRACE_DEBUG=2",
		/* one byte more than a socket's name may have */
		"MEMTRACE_SOCKET=01234567890123456789012345678901234567890123456789012345678901234567"
		"8901234567890123456789012345678901234567",
	};
	struct config config;
	size_t i;

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		assert_int_equal(read_one(entries[i], &config), -EINVAL);
}

static void debug_is_read_behind_a_bad_entry(void **state)
{
	char *environment[] = {"MEMTRACE_FOLLOW=maybe", "MEMTRACE_DEBUG=1", NULL};
	struct config config;
	const char *bad = NULL;

	assert_int_equal(config_read(environment, &config, &bad), -EINVAL);
	assert_string_equal(bad, "MEMTRACE_FOLLOW=maybe");
	assert_true(config.debug);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_set_gives_the_defaults),
		cmocka_unit_test(every_variable_is_read),
		cmocka_unit_test(sampling_for_somebody_who_looks_on_is_auto),
		cmocka_unit_test(an_empty_value_is_an_absent_one),
		cmocka_unit_test(names_that_only_begin_alike_are_others),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(debug_is_read_behind_a_bad_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
