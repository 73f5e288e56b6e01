/* SPDX-License-Identifier: MIT */
/* test-jitname.c: names as node and python write them, and what only looks like one. */
#include "symbolize/jitname.h"

#include <string.h>

#include "base/macro.h"
#include "test.h"

static void assert_split(const char *name, const char *function, const char *file, uint32_t line)
{
	struct jitname split;

	jitname_split(name, &split);
	assert_int_equal(split.function_length, strlen(function));
	assert_memory_equal(split.function, function, strlen(function));
	assert_int_equal(split.line, line);
	if (!file) {
		assert_null(split.file);
		return;
	}
	assert_int_equal(split.file_length, strlen(file));
	assert_memory_equal(split.file, file, strlen(file));
}

static void scripts_have_file_and_line(void **state)
{
	assert_split("JS:*serve /srv/app.js:3:15", "serve", "/srv/app.js", 3);
	assert_split("JS:~serve /srv/app.js:3:15", "serve", "/srv/app.js", 3);
	assert_split("JS:serve /srv/app.js:3:15", "serve", "/srv/app.js", 3);
	assert_split("LazyCompile:^emit node:events:466:44", "emit", "node:events", 466);
	assert_split("JS:*get size /srv/my app/a b.js:30:1", "get size", "/srv/my app/a b.js", 30);
	assert_split("JS:*run file:///srv/app.mjs:1:2", "run", "file:///srv/app.mjs", 1);
	assert_split("JS:*async step page.js:7:1", "async step", "page.js", 7);
}

static void functions_may_have_no_name(void **state)
{
	assert_split("JS:* /srv/app.js:3:15", "", "/srv/app.js", 3);
	assert_split("Script:~ node:internal/main:1:1", "", "node:internal/main", 1);
}

static void python_tells_the_file(void **state)
{
	assert_split("py::Service.open:/srv/app.py", "Service.open", "/srv/app.py", 0);
	assert_split("py::<module>:<frozen importlib._bootstrap>", "<module>",
		     "<frozen importlib._bootstrap>", 0);
}

static void other_names_stay_as_they_are(void **state)
{
	static const char *const names[] = {
		"",
		"Builtin:DeoptimizationEntry_Eager",
		"BytecodeHandler:LdaZero",
		"void [System.Private.CoreLib] System.Foo::Bar(int32)[Tier0]",
		"Lcom/example/Main;::run",
		"JS:",
		"JS:*",
		"JS:* ",
		"JS:*serve",
		"JS:*serve /srv/app.js",
		"JS:*serve /srv/app.js:3",
		"JS:*serve :3:15",
		"JS:*serve /srv/app.js:3:",
		"JS:*serve /srv/app.js:x:15",
		"py::",
		"py:::/srv/app.py",
		"py::open",
		"py::open:",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_split(names[i], names[i], NULL, 0);
}

static void a_line_that_is_too_large_is_cut(void **state)
{
	assert_split("JS:*f /a.js:99999999999999999999:1", "f", "/a.js", INT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_have_file_and_line),
		cmocka_unit_test(functions_may_have_no_name),
		cmocka_unit_test(python_tells_the_file),
		cmocka_unit_test(other_names_stay_as_they_are),
		cmocka_unit_test(a_line_that_is_too_large_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
