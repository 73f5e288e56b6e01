/* SPDX-License-Identifier: MIT */
#include "base/progress.h"

#include <string.h>

#include "cli/progress-line.h"
#include "test.h"

static const char *last_what;
static uint64_t last_done, last_total;
static unsigned n_shown, n_hidden;

static void show(const char *what, uint64_t done, uint64_t total)
{
	last_what = what;
	last_done = done;
	last_total = total;
	n_shown++;
}

static void hide(void)
{
	n_hidden++;
}

static const struct progress_sink sink = {show, hide};

static int set_up(void **state)
{
	n_shown = n_hidden = 0;
	progress_set_sink(&sink);
	return 0;
}

static int tear_down(void **state)
{
	progress_set_sink(NULL);
	return 0;
}

static void steps_reach_the_sink(void **state)
{
	progress_begin("work", 10);
	progress_step(3);
	assert_string_equal(last_what, "work");
	assert_int_equal(last_done, 3);
	assert_int_equal(last_total, 10);
	progress_step(11);
	assert_int_equal(last_done, 10);
	n_hidden = 0;
	progress_end();
	assert_int_equal(n_hidden, 1);
	progress_step(4);
	assert_int_equal(n_shown, 2);
}

static void work_within_work_is_not_shown(void **state)
{
	progress_begin("outer", 2);
	progress_begin("inner", 100);
	progress_step(50);
	progress_end();
	assert_int_equal(n_shown, 0);
	progress_step(1);
	assert_string_equal(last_what, "outer");
	progress_end();
}

static void without_a_sink_nothing_happens(void **state)
{
	progress_set_sink(NULL);
	progress_begin("work", 10);
	progress_step(3);
	progress_end();
	assert_int_equal(n_shown, 0);
	/* an amount that is not known is not shown either */
	progress_set_sink(&sink);
	progress_begin("work", 0);
	progress_step(3);
	progress_end();
	assert_int_equal(n_shown, 0);
}

static void the_line_has_an_estimate_after_a_second(void **state)
{
	struct strbuf buffer = {};

	assert_int_equal(progress_line_format(&buffer, "naming addresses", 1200, 4800, 0.9), 0);
	assert_int_equal(buffer.length, 0);
	assert_int_equal(progress_line_format(&buffer, "naming addresses", 1200, 4800, 2), 0);
	assert_string_equal(buffer.text,
			    "memtrace: naming addresses: 1,200 of 4,800, about 6.0 s left");
	strbuf_reset(&buffer);
	assert_int_equal(progress_line_format(&buffer, "reading", 7, 7, 2), 0);
	assert_string_equal(buffer.text, "memtrace: reading: 7 of 7");
	strbuf_deinit(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(steps_reach_the_sink, set_up, tear_down),
		cmocka_unit_test_setup_teardown(work_within_work_is_not_shown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_sink_nothing_happens, set_up, tear_down),
		cmocka_unit_test(the_line_has_an_estimate_after_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
