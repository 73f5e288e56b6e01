/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "render/render.h"
#include "sample-profile.h"
#include "test.h"

/* Draws and parses back. */
static const struct render_options plain = {.since_s = -1, .older_s = -1};

static json_t *report(struct profile *profile, const struct render_options *options)
{
	json_error_t error;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(render_json(profile, options, out), 0);
	fclose(out);
	profile_free(profile);
	json_t *json = json_loads(text, 0, &error);
	assert_non_null(json);
	free(text);
	return json;
}

/* "sites.0.stack.1.line" */
static json_t *at(json_t *json, const char *path)
{
	char *copy = strdup(path), *rest = copy;

	for (char *key = strsep(&rest, "."); key; key = strsep(&rest, ".")) {
		json = json_is_array(json) ? json_array_get(json, strtoul(key, NULL, 10))
					   : json_object_get(json, key);
		if (!json)
			fail_msg("%s is not there", path);
	}
	free(copy);
	return json;
}

static void assert_integer(json_t *json, const char *path, json_int_t expected)
{
	assert_true(json_is_integer(at(json, path)));
	assert_int_equal(json_integer_value(at(json, path)), expected);
}

static void assert_text(json_t *json, const char *path, const char *expected)
{
	assert_true(json_is_string(at(json, path)));
	assert_string_equal(json_string_value(at(json, path)), expected);
}

static void assert_null_at(json_t *json, const char *path)
{
	assert_true(json_is_null(at(json, path)));
}

static void every_member_of_the_schema_is_there(void **state)
{
	static const char *const paths[] = {
		"schema",
		"version",
		"process.pid",
		"process.ppid",
		"process.exe",
		"process.comm",
		"process.cmdline",
		"process.state",
		"process.exit_status",
		"process.signal",
		"process.started_at",
		"process.captured_at",
		"process.threads",
		"agent.mode",
		"agent.allocator",
		"agent.sampling.mode",
		"agent.sampling.interval_bytes",
		"agent.sampling.exact",
		"agent.sampling.samples",
		"agent.lost.allocations",
		"agent.lost.frees",
		"agent.own_bytes",
		"agent.own_cpu_s",
		"agent.overhead_ratio",
		"heap.live_bytes",
		"heap.live_bytes_stderr",
		"heap.live_blocks",
		"heap.allocated_bytes",
		"heap.allocated_blocks",
		"heap.freed_bytes",
		"heap.freed_blocks",
		"heap.peak_live_bytes",
		"heap.before_attach_bytes",
		"sites.0.id",
		"sites.0.kind",
		"sites.0.live_bytes",
		"sites.0.live_bytes_stderr",
		"sites.0.live_blocks",
		"sites.0.allocated_bytes",
		"sites.0.allocated_blocks",
		"sites.0.oldest_age_s",
		"sites.0.youngest_age_s",
		"sites.0.growth_bytes_per_s",
		"sites.0.threads.0.tid",
		"sites.0.threads.0.name",
		"sites.0.stack.0.function",
		"sites.0.stack.0.file",
		"sites.0.stack.0.line",
		"sites.0.stack.0.module",
		"sites.0.stack.0.build_id",
		"sites.0.stack.0.address",
		"sites.0.stack.0.inlined",
		"arenas",
		"memory",
		"mappings",
		"verdict.code",
		"verdict.confidence",
		"verdict.because",
		"verdict.advice.0.action",
		"verdict.advice.0.expected_bytes",
	};
	json_t *json = report(sample_profile(), &plain);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_non_null(at(json, paths[i]));
	json_decref(json);
}

static void the_course_is_there_with_growth_peaks_and_survival(void **state)
{
	json_t *json = report(sample_profile_watched(), &plain);

	assert_int_equal(json_array_size(at(json, "course.moments")), 25);
	assert_float_equal((float)json_real_value(at(json, "course.watched_s")), 12, 0.001F);
	assert_float_equal((float)json_real_value(at(json, "course.rss.growth_bytes_per_s")),
			   1048576, 1);
	assert_integer(json, "course.rss.peak_bytes", 13 << 20);
	assert_float_equal((float)json_real_value(at(json, "course.live.growth_bytes_per_s")),
			   80000, 1);
	assert_integer(json, "course.moments.0.rss_bytes", 1 << 20);
	assert_integer(json, "course.moments.0.retained_bytes", (1 << 19) - 100000);
	assert_int_equal(json_array_size(at(json, "course.survival")), 3);
	assert_integer(json, "course.survival.0.live_bytes", 262144);
	assert_float_equal((float)json_real_value(at(json, "sites.0.growth_bytes_per_s")), 80000,
			   1);
	assert_float_equal((float)json_real_value(at(json, "sites.0.growth_low_bytes_per_s")),
			   80000, 1);
	assert_null_at(json, "sites.1.growth_bytes_per_s");
	assert_null_at(json, "sites.1.growth_high_bytes_per_s");
	json_decref(json);
	json = report(sample_profile(), &plain);
	assert_null_at(json, "course");
	json_decref(json);
}

static void figures_are_integers_and_what_is_not_known_is_null(void **state)
{
	json_t *json = report(sample_profile(), &plain);

	assert_text(json, "schema", "memtrace/1");
	assert_integer(json, "process.pid", 4711);
	assert_text(json, "process.state", "exited");
	assert_integer(json, "process.exit_status", 0);
	assert_null_at(json, "process.signal");
	assert_null_at(json, "process.threads");
	assert_text(json, "process.cmdline.2", "with space");
	assert_text(json, "agent.allocator", "fast");
	assert_true(json_is_true(at(json, "agent.sampling.exact")));
	assert_null_at(json, "agent.overhead_ratio");
	assert_integer(json, "heap.live_bytes", 1050536);
	assert_integer(json, "heap.before_attach_bytes", 0);
	assert_int_equal(json_array_size(at(json, "sites")), 4);
	assert_integer(json, "sites.0.live_bytes", 1048576);
	assert_null_at(json, "sites.0.growth_bytes_per_s");
	assert_text(json, "sites.0.id", "1111111111111111");
	assert_text(json, "sites.1.kind", "mmap");
	assert_null_at(json, "sites.3.oldest_age_s");
	assert_null_at(json, "arenas");
	assert_null_at(json, "memory");
	assert_null_at(json, "mappings");
	assert_text(json, "verdict.code", "leak");
	json_decref(json);
}

static void stacks_run_from_the_inside_out(void **state)
{
	json_t *json = report(sample_profile(), &plain);

	assert_int_equal(json_array_size(at(json, "sites.0.stack")), 4);
	assert_text(json, "sites.0.stack.0.function", "make_node");
	assert_text(json, "sites.0.stack.0.file", "/srv/app/src/list.c");
	assert_integer(json, "sites.0.stack.0.line", 42);
	assert_true(json_is_true(at(json, "sites.0.stack.0.inlined")));
	assert_text(json, "sites.0.stack.0.module", "/srv/app/leaky");
	assert_text(json, "sites.0.stack.0.build_id", "abcdef");
	assert_text(json, "sites.0.stack.0.address", "0x555555555200");
	assert_text(json, "sites.0.stack.0.module_offset", "0x1200");
	assert_text(json, "sites.0.stack.1.function", "build_list");
	assert_true(json_is_false(at(json, "sites.0.stack.1.inlined")));
	assert_null_at(json, "sites.3.stack.0.function");
	assert_null_at(json, "sites.3.stack.0.build_id");
	assert_null_at(json, "sites.3.stack.1.module");
	json_decref(json);
}

static void filters_hold_for_sites_and_not_for_totals(void **state)
{
	const struct render_options options = {
		.since_s = -1, .older_s = -1, .top = 1, .depth = 2, .sort = RENDER_SORT_BLOCKS};
	json_t *json = report(sample_profile(), &options);

	assert_int_equal(json_array_size(at(json, "sites")), 1);
	assert_text(json, "sites.0.stack.0.function", "strdup");
	assert_int_equal(json_array_size(at(json, "sites.0.stack")), 2);
	assert_integer(json, "heap.live_bytes", 1050536);
	json_decref(json);
}

static void names_that_are_not_utf8_do_not_break_it(void **state)
{
	struct profile *profile = sample_profile();

	profile->frames[0].function = string_pool_add(profile->strings, "bad\xff"
									"name\n");
	json_t *json = report(profile, &plain);
	assert_text(json, "sites.0.stack.0.function", "bad\ufffdname\n");
	json_decref(json);
}

static const char smaps[] = "00400000-00402000 r-xp 00000000 08:01 77 /srv/app/leaky\n"
			    "Size:                  8 kB\n"
			    "Rss:                   8 kB\n"
			    "Pss:                   4 kB\n"
			    "Private_Clean:         8 kB\n"
			    "10000000-10100000 rw-p 00000000 00:00 0 \n"
			    "Size:               1024 kB\n"
			    "Rss:                1024 kB\n"
			    "Pss:                1024 kB\n"
			    "Private_Dirty:      1024 kB\n"
			    "Swap:                 12 kB\n"
			    "30000000-30004000 rw-p 00000000 00:00 0 \n"
			    "Size:                 16 kB\n"
			    "Rss:                  16 kB\n"
			    "Pss:                  16 kB\n"
			    "Private_Dirty:        16 kB\n";

static void the_ledger_adds_up_to_what_is_resident(void **state)
{
	struct profile *profile = sample_profile_estimated();
	json_int_t sum = 0;
	json_t *json, *line;
	size_t i;

	profile->agent.own_bytes = 4096;
	profile->maps_text = strdup(smaps);
	json = report(profile, &plain);
	assert_integer(json, "memory.rss_bytes", 1048 << 10);
	assert_integer(json, "memory.uss_bytes", 1048 << 10);
	assert_integer(json, "memory.swap_bytes", 12 << 10);
	json_array_foreach(at(json, "memory.ledger"), i, line)
	{
		sum += json_integer_value(json_object_get(line, "resident_bytes"));
	}
	assert_int_equal(sum, 1048 << 10);
	assert_text(json, "memory.ledger.0.owner", "heap.live");
	assert_integer(json, "memory.unexplained_bytes", 12 << 10);
	assert_text(json, "mappings.0.owner", "images");
	assert_text(json, "mappings.1.owner", "heap.live");
	assert_text(json, "mappings.1.start", "0x10000000");
	assert_null_at(json, "mappings.1.path");
	assert_text(json, "mappings.2.owner", "unexplained");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_of_the_schema_is_there),
		cmocka_unit_test(the_course_is_there_with_growth_peaks_and_survival),
		cmocka_unit_test(figures_are_integers_and_what_is_not_known_is_null),
		cmocka_unit_test(stacks_run_from_the_inside_out),
		cmocka_unit_test(filters_hold_for_sites_and_not_for_totals),
		cmocka_unit_test(names_that_are_not_utf8_do_not_break_it),
		cmocka_unit_test(the_ledger_adds_up_to_what_is_resident),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
