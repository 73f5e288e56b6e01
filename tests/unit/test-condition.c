/* SPDX-License-Identifier: MIT */
/*
 * What `watch` waits for: parsed, asked, and explained.
 */
#include "cli/condition.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "test.h"

struct figures {
	double rss, live;
	const char *verdict;
};

static int get(void *data, const char *figure, struct condition_value *ret)
{
	const struct figures *figures = data;

	if (strcmp(figure, "rss") == 0)
		ret->number = figures->rss;
	else if (strcmp(figure, "live") == 0)
		ret->number = figures->live;
	else if (strcmp(figure, "verdict") == 0)
		ret->text = figures->verdict;
	else
		return -ENOENT;
	return 0;
}

/* Asks once, at second 0; the reason stays in why. */
static int ask(const char *text, const struct figures *figures, struct strbuf *why)
{
	_cleanup_(condition_deinit) struct condition condition;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	const struct condition_source source = {get, (void *)figures, 1000};

	assert_int_equal(condition_init(&condition, text, &error), 0);
	strbuf_reset(why);
	return condition_holds(&condition, &source, 0, 60, why);
}

static void figures_are_compared_with_sizes_and_shares(void **state)
{
	const struct figures figures = {.rss = 800, .live = 3 << 20, .verdict = "leak"};
	_cleanup_(strbuf_deinit) struct strbuf why = {};

	assert_int_equal(ask("rss > 70%", &figures, &why), 1);
	assert_string_equal(why.text, "rss is 800 (700 is the limit)");
	assert_int_equal(ask("rss>80%", &figures, &why), 0);
	assert_int_equal(ask("rss >= 80%", &figures, &why), 1);
	assert_int_equal(ask("live > 2M", &figures, &why), 1);
	assert_string_equal(why.text, "live is 3.0 MiB (2.0 MiB is the limit)");
	assert_int_equal(ask("live < 3M", &figures, &why), 0);
	assert_int_equal(ask("live <= 3M", &figures, &why), 1);
	assert_int_equal(ask("verdict = leak", &figures, &why), 1);
	assert_int_equal(ask("verdict = healthy", &figures, &why), 0);
}

static void and_binds_stronger_than_or(void **state)
{
	const struct figures figures = {.rss = 10, .live = 20};
	_cleanup_(strbuf_deinit) struct strbuf why = {};

	assert_int_equal(ask("rss > 5 or live > 50 and live > 60", &figures, &why), 1);
	assert_string_equal(why.text, "rss is 10 (5 is the limit)");
	assert_int_equal(ask("rss > 50 and live > 5 or live > 60", &figures, &why), 0);
	assert_int_equal(ask("rss > 5 and live > 5", &figures, &why), 1);
	assert_string_equal(why.text, "rss is 10 (5 is the limit), live is 20 (5 is the limit)");
}

static void what_is_not_known_holds_for_nothing(void **state)
{
	const struct figures figures = {.rss = NAN, .live = 1};
	_cleanup_(strbuf_deinit) struct strbuf why = {};

	assert_int_equal(ask("rss > 0", &figures, &why), 0);
	assert_int_equal(ask("rss < 1G", &figures, &why), 0);
	assert_int_equal(ask("verdict = leak", &figures, &why), 0);
	assert_int_equal(ask("size > 1", &figures, &why), -ENOENT);
	assert_string_equal(why.text, "size");
}

/* The last answer of one a second, while live grows by step. */
static int watch(const char *text, double step, int n)
{
	_cleanup_(condition_deinit) struct condition condition;
	_cleanup_(strbuf_deinit) struct strbuf error = {}, why = {};
	struct figures figures = {.live = 1e6};
	const struct condition_source source = {get, &figures, 0};
	int r = 0;

	assert_int_equal(condition_init(&condition, text, &error), 0);
	for (int i = 0; i < n; i++) {
		figures.live = 1e6 + step * i;
		strbuf_reset(&why);
		r = condition_holds(&condition, &source, i, 9, &why);
	}
	return r;
}

static void growth_is_a_slope_over_the_window(void **state)
{
	assert_int_equal(watch("growth(live) > 99/s", 100, 20), 1);
	assert_int_equal(watch("growth(live) > 101/s", 100, 20), 0);
	assert_int_equal(watch("growth(live) > 0", -1, 20), 0);
	/* two thirds of the window have to be seen */
	assert_int_equal(watch("growth(live) > 99/s", 100, 6), 0);
	assert_int_equal(watch("growth(live) > 99/s", 100, 7), 1);
}

static void nonsense_is_refused(void **state)
{
	static const char *const wrong[] = {"",          "rss",        "rss >",
					    "> 5",       "rss > leak", "rss 5",
					    "rss > 5 ,", "rss > 5 or", "rss > 5 and > 6"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_(strbuf_deinit) struct strbuf error = {};
		struct condition condition;

		assert_int_equal(condition_init(&condition, wrong[i], &error), -EINVAL);
		assert_non_null(strstr(strbuf_text(&error), "not understood"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_compared_with_sizes_and_shares),
		cmocka_unit_test(and_binds_stronger_than_or),
		cmocka_unit_test(what_is_not_known_holds_for_nothing),
		cmocka_unit_test(growth_is_a_slope_over_the_window),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
