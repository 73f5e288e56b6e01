/* SPDX-License-Identifier: MIT */
/*
 * test-launch.c: the environment that a program is started with, and how its start can fail.
 */
#include "cli/launch.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "tests/unit/test.h"

static const char *value_of(char *const *environment, const char *name)
{
	const char *found = NULL;
	size_t length = strlen(name);

	for (; *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') {
			assert_null(found);
			found = *environment + length + 1;
		}
	return found;
}

static const struct launch plain = {.path = "/bin/true",
				    .agent = "/a/agent.so",
				    .allocator = "fast",
				    .sample = "auto",
				    .socket = "name",
				    .follow = true};

static void the_rest_of_the_environment_is_kept_in_order(void **state)
{
	char *const before[] = {(char *)"A=1", (char *)"MEMTRACE_SAMPLE=all", (char *)"B",
				(char *)"MEMTRACE_DEBUG=1", NULL};
	char **after;

	assert_int_equal(launch_environment(&plain, before, &after), 0);
	assert_string_equal(after[0], "A=1");
	assert_string_equal(after[1], "B");
	assert_string_equal(after[2], "MEMTRACE_DEBUG=1");
	assert_string_equal(value_of(after, "LD_PRELOAD"), "/a/agent.so");
	assert_string_equal(value_of(after, "MEMTRACE_SOCKET"), "name");
	assert_string_equal(value_of(after, "MEMTRACE_SAMPLE"), "auto");
	assert_string_equal(value_of(after, "MEMTRACE_ALLOCATOR"), "fast");
	assert_string_equal(value_of(after, "MEMTRACE_FOLLOW"), "1");
	assert_null(value_of(after, "MEMTRACE_MAX_MEMORY"));
	launch_free_environment(after);
}

static void the_agent_comes_before_what_was_preloaded(void **state)
{
	char *const before[] = {(char *)"LD_PRELOAD=x.so y.so", (char *)"MEMTRACE_MAX_MEMORY=1",
				NULL};
	struct launch launch = plain;
	char **after;

	launch.library = "/b/jemalloc.so";
	launch.allocator = "system";
	launch.max_memory = 1 << 20;
	launch.follow = false;
	assert_int_equal(launch_environment(&launch, before, &after), 0);
	assert_string_equal(value_of(after, "LD_PRELOAD"), "/a/agent.so:/b/jemalloc.so:x.so y.so");
	assert_string_equal(value_of(after, "MEMTRACE_MAX_MEMORY"), "1048576");
	assert_string_equal(value_of(after, "MEMTRACE_FOLLOW"), "0");
	launch_free_environment(after);
}

static void a_failed_exec_is_told_by_its_errno(void **state)
{
	static const char *const argv[] = {"nothing", NULL};
	struct signals signals;
	struct launch launch = plain;
	pid_t pid = 0;

	assert_int_equal(signals_init_ending(&signals), 0);
	launch.signals = &signals;
	launch.argv = (char *const *)argv;
	launch.path = "/nowhere/nothing";
	assert_int_equal(launch_start(&launch, &pid), -ENOENT);
	launch.path = "/";
	assert_int_equal(launch_start(&launch, &pid), -EACCES);
	assert_int_equal(pid, 0);
	signals_deinit(&signals);
	/* nothing is left behind */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_of_the_environment_is_kept_in_order),
		cmocka_unit_test(the_agent_comes_before_what_was_preloaded),
		cmocka_unit_test(a_failed_exec_is_told_by_its_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
