/* SPDX-License-Identifier: MIT */
#include "agent/preload/environment.h"

#include <string.h>

#include "tests/unit/test.h"

#define AGENT "/opt/memtrace/libmemtrace-agent.so"

/* The environment of one variable besides two others, stripped; NULL if the variable went. */
static const char *strip(const char *entry)
{
	static char bytes[512];
	char copy[256], *environment[] = {"A=1", copy, "B=2", NULL}, *entries[8];
	struct environment_size size;

	strcpy(copy, entry);
	environment_measure(environment, AGENT, &size);
	assert_int_equal(size.n_entries, 4);
	assert_true(size.n_bytes <= sizeof(bytes));
	environment_strip(environment, AGENT, entries, bytes);
	/* the original is as it was */
	assert_string_equal(copy, entry);
	assert_string_equal(entries[0], "A=1");
	if (!entries[2]) {
		assert_string_equal(entries[1], "B=2");
		return NULL;
	}
	assert_string_equal(entries[2], "B=2");
	assert_null(entries[3]);
	/* valid until the next call only where it was shortened */
	if (entries[1] != copy)
		return entries[1];
	strcpy(bytes, entries[1]);
	return bytes;
}

static void an_agent_alone_takes_its_variable_along(void **state)
{
	assert_null(strip("LD_PRELOAD=" AGENT));
	assert_null(strip("LD_PRELOAD=libmemtrace-agent.so"));
	assert_null(strip("LD_PRELOAD= /elsewhere/libmemtrace-agent.so:"));
	assert_null(strip("MEMTRACE_SOCKET=memtrace-1"));
	assert_null(strip("MEMTRACE_SAMPLE=all"));
}

static void other_libraries_stay_in_their_order(void **state)
{
	assert_string_equal(strip("LD_PRELOAD=a.so:" AGENT ":b.so"), "LD_PRELOAD=a.so:b.so");
	assert_string_equal(strip("LD_PRELOAD=" AGENT " a.so b.so"), "LD_PRELOAD=a.so:b.so");
	assert_string_equal(strip("LD_PRELOAD=a.so " AGENT), "LD_PRELOAD=a.so");
}

static void what_is_not_the_agents_is_left_alone(void **state)
{
	assert_string_equal(strip("LD_PRELOAD=a.so b.so"), "LD_PRELOAD=a.so b.so");
	assert_string_equal(strip("LD_PRELOAD="), "LD_PRELOAD=");
	assert_string_equal(strip("LD_PRELOAD=notlibmemtrace-agent.so"),
			    "LD_PRELOAD=notlibmemtrace-agent.so");
	assert_string_equal(strip("MEMTRACE_SOCKETS=1"), "MEMTRACE_SOCKETS=1");
	assert_string_equal(strip("XLD_PRELOAD=" AGENT), "XLD_PRELOAD=" AGENT);
}

static void an_environment_without_agent_is_known_as_such(void **state)
{
	char *environment[] = {"A=1", "LD_PRELOAD=a.so", NULL};
	struct environment_size size;

	environment_measure(environment, AGENT, &size);
	assert_false(size.has_agent);
	environment_measure(NULL, AGENT, &size);
	assert_false(size.has_agent);
	assert_int_equal(size.n_entries, 1);
}

static void it_can_be_done_in_place(void **state)
{
	char preload[] = "LD_PRELOAD=first.so:" AGENT " last.so", a[] = "A=1";
	char socket[] = "MEMTRACE_SOCKET=x";
	char *environment[] = {socket, preload, a, NULL};

	environment_strip(environment, AGENT, environment, NULL);
	assert_ptr_equal(environment[0], preload);
	assert_string_equal(preload, "LD_PRELOAD=first.so:last.so");
	assert_ptr_equal(environment[1], a);
	assert_null(environment[2]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_alone_takes_its_variable_along),
		cmocka_unit_test(other_libraries_stay_in_their_order),
		cmocka_unit_test(what_is_not_the_agents_is_left_alone),
		cmocka_unit_test(an_environment_without_agent_is_known_as_such),
		cmocka_unit_test(it_can_be_done_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
