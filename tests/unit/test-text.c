/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "render/render.h"
#include "render/spark.h"
#include "render/text.h"
#include "render/words.h"
#include "sample-profile.h"
#include "test.h"

static const struct render_options plain = {
	.since_s = -1, .older_s = -1, .utf8 = true, .width = 100};

static const struct render_options ascii = {.since_s = -1, .older_s = -1, .width = 90};

typedef int (*renderer)(const struct profile *, const struct render_options *, FILE *);

static void assert_renders(renderer render, struct profile *profile,
			   const struct render_options *options, const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(render(profile, options, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
	profile_free(profile);
}

static void who_asks_for_places_of_a_process_without_agent_hears_why_there_are_none(void **state)
{
	struct render_options options = plain;
	struct profile *profile = profile_new();

	options.top_only = true;
	assert_renders(render_text, profile, &options,
		       "No places are known: there is no agent in the process. Start it with "
		       "\"memtrace run PROGRAM\", or use \"memtrace attach PID\".\n");
}

static void a_report_says_what_is_wrong_and_then_where(void **state)
{
	assert_renders(
		render_text, sample_profile(), &plain,
		"leaky (pid 4711), exited with status 0 after 12 s\n"
		"  ./leaky --mode 'with space'\n"
		"\n"
		"Verdict    leak, 70 % sure\n"
		"           make_node (src/list.c:42) holds 1.0 MiB in 4 blocks; nothing was freed\n"
		"           they are 250 ms to 12 s old, and the process ran for 12 s\n"
		"To do      find out who should free what make_node (src/list.c:42) allocates (gives back 1.0 MiB)\n"
		"\n"
		"Heap       live       1.0 MiB in 44 blocks, peak 1.0 MiB\n"
		"           allocated  1.0 MiB in 114 blocks\n"
		"           freed      6.8 KiB in 70 blocks\n"
		"           mapped     64.0 KiB beside malloc\n"
		"\n"
		"Course     not kept by the agent: sessions of \"memtrace run\" and \"memtrace attach\" have it\n"
		"\n"
		"Figures    exact: every allocation was recorded\n"
		"           memtrace itself holds 288.0 KiB\n"
		"\n"
		"Outstanding by site, 1.1 MiB in all\n"
		"\n"
		"  1.   1.0 MiB   94.0 %  4 blocks, 250 ms to 12 s old, threads leaky and worker\n"
		"       make_node   src/list.c:42\n"
		"       build_list  src/list.c:60\n"
		"       main        src/main.c:12\n"
		"\n"
		"  2.  64.0 KiB    5.9 %  1 mapping, 12 s old\n"
		"       map_cache  src/cache.c:9\n"
		"       main       src/main.c:12\n"
		"\n"
		"  3.   1.9 KiB    0.2 %  40 blocks, 11 s old, 2.9 KiB freed\n"
		"       strdup      libc.so.6\n"
		"       parse_line  src/config.c:88\n"
		"       main        src/main.c:12\n");
}

static void estimates_carry_their_errors_and_what_was_lost(void **state)
{
	struct profile *profile = sample_profile_estimated();

	profile->agent.truncated_stacks = 1;
	profile->agent.own_ns = 1140000000;
	profile->agent.samples = 1000000;
	profile->agent.overhead_ratio = 0.00126;
	profile->n_damaged = 2;
	assert_renders(
		render_text, profile, &plain,
		"leaky (pid 4711), running for 12 s, 2 threads\n"
		"  ./leaky --mode 'with space'\n"
		"\n"
		"Verdict    leak, 70 % sure\n"
		"           make_node (src/list.c:42) holds 1.0 MiB in 4 blocks; nothing was freed\n"
		"           they are 250 ms to 12 s old, and the process has run for 12 s\n"
		"           that is 86.9 KiB more each second, and goes on\n"
		"           a cache that is still filling looks the same at one moment\n"
		"To do      find out who should free what make_node (src/list.c:42) allocates (gives back 1.0 MiB)\n"
		"\n"
		"Heap       live       1.0 MiB ± 70.6 KiB in 44 blocks, peak 1.0 MiB\n"
		"           allocated  1.0 MiB in 114 blocks\n"
		"           freed      6.8 KiB in 70 blocks\n"
		"           mapped     64.0 KiB beside malloc\n"
		"\n"
		"Course     not kept by the agent: sessions of \"memtrace run\" and \"memtrace attach\" have it\n"
		"\n"
		"Figures    estimated from one sample in 64.0 KiB; ± is one standard error\n"
		"           a place that holds less than 192.0 KiB can be missing\n"
		"           lost: 3 samples, 2 damaged records\n"
		"           1 stack could not be followed to the outer end\n"
		"           memtrace itself holds 288.0 KiB and took 1.1 s of CPU time (0.13 %), 1.1 µs a sample\n"
		"\n"
		"Outstanding by site, 1.1 MiB in all\n"
		"\n"
		"  1.   1.0 MiB ± 70.6 KiB   94.1 %  4 blocks, 250 ms to 12 s old, threads leaky and worker\n"
		"       make_node   src/list.c:42\n"
		"       build_list  src/list.c:60\n"
		"       main        src/main.c:12\n"
		"\n"
		"  2.  64.0 KiB               5.8 %  1 mapping, 12 s old\n"
		"       map_cache  src/cache.c:9\n"
		"       main       src/main.c:12\n"
		"\n"
		"  3.   1.9 KiB               0.2 %  40 blocks, 11 s old, 2.9 KiB freed\n"
		"       strdup      libc.so.6\n"
		"       parse_line  src/config.c:88\n"
		"       main        src/main.c:12\n");
}

static void code_without_names_is_module_and_offset(void **state)
{
	struct render_options options = plain;
	regex_t regex;

	/* the offset is that of the call, which is what addr2line wants */
	options.top_only = true;
	options.sort = RENDER_SORT_ALLOCATED;
	assert_int_equal(regcomp(&regex, "plugin", REG_EXTENDED | REG_NOSUB), 0);
	options.grep = &regex;
	assert_renders(render_text, sample_profile(), &options,
		       "Outstanding by site, 1.1 MiB in all\n"
		       "\n"
		       "  1.  0 B    0.0 %  0 blocks, 3.9 KiB freed\n"
		       "       plugin.so+0x1233  no symbols, unloaded\n"
		       "       0x7fffe0000fff    no module\n"
		       "       main              src/main.c:12\n");
	regfree(&regex);
}

static void top_and_depth_say_what_they_leave_out(void **state)
{
	struct render_options options = plain;

	options.top_only = true;
	options.top = 1;
	options.depth = 1;
	options.utf8 = false;
	assert_renders(
		render_text, sample_profile(), &options,
		"Outstanding by site, 1.1 MiB in all\n"
		"\n"
		"  1.  1.0 MiB   94.0 %  4 blocks, 250 ms to 12 s old, threads leaky and worker\n"
		"       make_node  src/list.c:42\n"
		"       ... 2 more\n"
		"\n"
		"  and 65.9 KiB in 2 more places (--top=3 shows all)\n");
}

static void ages_select_blocks_and_not_sites(void **state)
{
	struct render_options options = plain;

	options.top_only = true;
	options.depth = 1;
	options.older_s = 7;
	options.since_s = 11.5;
	assert_renders(render_text, sample_profile(), &options,
		       "Outstanding by site, 257.9 KiB in all\n"
		       "\n"
		       "  1.  256.0 KiB   99.3 %  1 block, 9.0 s old, threads leaky and worker\n"
		       "       make_node  src/list.c:42\n"
		       "       … 2 more\n"
		       "\n"
		       "  2.    1.9 KiB    0.7 %  40 blocks, 11 s old, 2.9 KiB freed\n"
		       "       strdup  libc.so.6\n"
		       "       … 2 more\n");
}

static void nothing_outstanding_is_said(void **state)
{
	struct render_options options = plain;

	options.top_only = true;
	options.min_bytes = 1 << 30;
	assert_renders(render_text, sample_profile(), &options,
		       "Outstanding by site, 1.1 MiB in all\n"
		       "\n"
		       "  none\n");
}

static void groups_are_tables(void **state)
{
	struct render_options options = plain;

	options.top_only = true;
	options.by = RENDER_BY_FUNCTION;
	assert_renders(render_text, sample_profile_estimated(), &options,
		       "Outstanding by function, 1.1 MiB in all\n"
		       "\n"
		       "     bytes       error   share  blocks  places  function\n"
		       "   1.0 MiB  ± 70.6 KiB  94.1 %       4       1  make_node\n"
		       "  64.0 KiB               5.8 %       1       1  map_cache\n"
		       "   1.9 KiB               0.2 %      40       1  strdup\n");
	options.by = RENDER_BY_THREAD;
	assert_renders(render_text, sample_profile(), &options,
		       "Outstanding by thread, 1.1 MiB in all\n"
		       "\n"
		       "      bytes   share  blocks  thread\n"
		       "  577.9 KiB  53.0 %      43  leaky (4711)\n"
		       "  512.0 KiB  47.0 %       2  worker (4712), ended\n");
	options.by = RENDER_BY_SIZE;
	options.top = 2;
	assert_renders(render_text, sample_profile(), &options,
		       "Outstanding by size, 1.1 MiB in all\n"
		       "\n"
		       "     bytes  share  blocks  size\n"
		       "   1.9 KiB  0.2 %      40  up to 64 B\n"
		       "  64.0 KiB  5.9 %       1  up to 64.0 KiB\n"
		       "  and 1 more\n");
	options.by = RENDER_BY_AGE;
	options.top = 0;
	assert_renders(render_text, sample_profile(), &options,
		       "Outstanding by age, 1.1 MiB in all\n"
		       "\n"
		       "      bytes   share  blocks  age\n"
		       "  256.0 KiB  23.5 %       1  under 1 s\n"
		       "  512.0 KiB  47.0 %       2  1 s to 10 s\n"
		       "  321.9 KiB  29.5 %      42  10 s to 1 min\n");
}

static void a_block_of_a_pool_is_one_and_has_its_stack(void **state)
{
	struct render_options options = plain;
	struct profile *profile = sample_profile();

	options.top_only = true;
	options.top = 1;
	profile->sites[0].flags = MT_STACK_POOL;
	assert_renders(
		render_text, profile, &options,
		"Outstanding by site, 1.1 MiB in all\n"
		"\n"
		"  1.  1.0 MiB   94.0 %  4 blocks of a pool, 250 ms to 12 s old, threads leaky and worker\n"
		"       make_node   src/list.c:42\n"
		"       build_list  src/list.c:60\n"
		"       main        src/main.c:12\n"
		"\n"
		"  and 65.9 KiB in 2 more places (--top=3 shows all)\n");
}

static void a_java_stack_with_a_gap_says_so(void **state)
{
	struct render_options options = plain;
	struct profile *profile = sample_profile();

	options.top_only = true;
	options.top = 1;
	options.depth = 1;
	profile->sites[0].flags = MT_STACK_GAP;
	assert_renders(
		render_text, profile, &options,
		"Outstanding by site, 1.1 MiB in all\n"
		"\n"
		"  1.  1.0 MiB   94.0 %  4 blocks, 250 ms to 12 s old, threads leaky and worker\n"
		"       make_node  src/list.c:42\n"
		"       … 2 more\n"
		"       (Java frames are missing where Java is called: they could not be followed)\n"
		"\n"
		"  and 65.9 KiB in 2 more places (--top=3 shows all)\n");
}

static int render_short_with_file(const struct profile *profile,
				  const struct render_options *options, FILE *out)
{
	return render_short(profile, options, "memtrace.leaky.4711.memtrace", out);
}

static void the_end_of_a_run_is_a_few_lines(void **state)
{
	assert_renders(render_short_with_file, sample_profile(), &plain,
		       "memtrace: leaky (pid 4711), exited with status 0 after 12 s: leak\n"
		       "  1.1 MiB outstanding in 3 places:\n"
		       "     1.0 MiB  make_node (src/list.c:42), 4 blocks\n"
		       "    64.0 KiB  map_cache (src/cache.c:9), 1 mapping\n"
		       "     1.9 KiB  strdup for parse_line (src/config.c:88), 40 blocks\n"
		       "  all of it: memtrace report memtrace.leaky.4711.memtrace\n");
}

static void figures_with_errors_stand_below_each_other_at_the_end_of_a_run(void **state)
{
	assert_renders(
		render_short_with_file, sample_profile_estimated(), &plain,
		"memtrace: leaky (pid 4711), running for 12 s, 2 threads: leak\n"
		"  1.1 MiB ± 70.6 KiB outstanding in 3 places:\n"
		"     1.0 MiB ± 70.6 KiB  make_node (src/list.c:42), 4 blocks\n"
		"    64.0 KiB             map_cache (src/cache.c:9), 1 mapping\n"
		"     1.9 KiB             strdup for parse_line (src/config.c:88), 40 blocks\n"
		"  all of it: memtrace report memtrace.leaky.4711.memtrace\n");
}

static void sites_that_read_the_same_are_one_line_at_the_end_of_a_run(void **state)
{
	struct profile *profile = sample_profile();

	/* the same call, reached in another way */
	profile->sites[2].first_location = profile->sites[0].first_location;
	profile->sites[2].n_locations = 1;
	assert_renders(render_short_with_file, profile, &plain,
		       "memtrace: leaky (pid 4711), exited with status 0 after 12 s: leak\n"
		       "  1.1 MiB outstanding in 2 places:\n"
		       "     1.0 MiB  make_node (src/list.c:42), 44 blocks\n"
		       "    64.0 KiB  map_cache (src/cache.c:9), 1 mapping\n"
		       "  all of it: memtrace report memtrace.leaky.4711.memtrace\n");
}

static void csv_has_plain_numbers_and_quotes_where_needed(void **state)
{
	struct profile *profile = sample_profile();

	profile->n_sites = 1;
	profile->n_blocks = 4;
	profile->frames[1].function = string_pool_add(profile->strings, "f(\"a\", b)");
	assert_renders(
		render_csv, profile, &plain,
		"id,kind,live_bytes,live_bytes_stderr,live_blocks,allocated_bytes,allocated_blocks,"
		"freed_bytes,freed_blocks,oldest_age_s,youngest_age_s,function,file,line,module,"
		"stack,growth_bytes_per_s\n"
		"1111111111111111,malloc,1048576,0,4,1048576,4,0,0,12,0.25,make_node,"
		"/srv/app/src/list.c,42,/srv/app/leaky,"
		"\"make_node;f(\"\"a\"\", b);main;__libc_start_call_main\",\n");
}

static void a_course_is_a_sentence_and_a_line(void **state)
{
	struct profile *profile = sample_profile_watched();
	struct strbuf buffer = {};

	assert_int_equal(text_add_course(&buffer, profile, &ascii), 0);
	assert_string_equal(
		buffer.text,
		"Course     RSS grew by 1.0 MiB each second in the later half of 12 s; most was 13.0 MiB\n"
		"           after 12 s\n"
		"           _______..........-------::::::::=======++++++++++********###\n"
		"Survival   of what was allocated up to 1.0 s ago 25.0 % is live, 1.0 s to 10 s ago 5.6 "
		"%,\n           10 s to 12 s ago 0.1 %\n\n");
	strbuf_reset(&buffer);
	profile->n_moments = 0;
	assert_int_equal(text_add_course(&buffer, profile, &ascii), 0);
	assert_string_equal(
		buffer.text,
		"Course     not kept by the agent: sessions of \"memtrace run\" and \"memtrace attach\" have it\n\n");
	strbuf_reset(&buffer);
	profile->agent.mode = MT_MODE_NONE;
	assert_int_equal(text_add_course(&buffer, profile, &ascii), 0);
	assert_int_equal(buffer.length, 0);
	strbuf_deinit(&buffer);
	profile_free(profile);
}

static void a_spark_line_begins_at_zero_and_shows_gaps(void **state)
{
	const double times[] = {0, 1, 2, 3, 4, 5, 6, 7};
	const double values[] = {(double)NAN, 0, 10, 50, 100, 99, 0, 50};
	struct strbuf buffer = {};

	assert_int_equal(spark_add(&buffer, &ascii, times, values, 8, 8), 0);
	assert_string_equal(buffer.text, " __:##_:");
	strbuf_reset(&buffer);
	assert_int_equal(spark_add(&buffer, &ascii, times, values, 1, 8), 0);
	assert_int_equal(buffer.length, 0);
	strbuf_deinit(&buffer);
}

static void folded_runs_from_the_outside_in(void **state)
{
	assert_renders(render_folded, sample_profile(), &plain,
		       "__libc_start_call_main;main;build_list;make_node 1048576\n"
		       "__libc_start_call_main;main;map_cache 65536\n"
		       "__libc_start_call_main;main;parse_line;strdup 1960\n");
}

static void escape_sequences_do_not_reach_the_terminal(void **state)
{
	struct profile *profile = sample_profile();
	char *text = NULL;
	size_t size;

	profile->frames[0].function = string_pool_add(profile->strings, "\033]0;evil\007");
	profile->frames[0].file = string_pool_add(profile->strings, "\033[2J.c");
	strcpy(profile->process.comm, "\033[1m");
	strcpy(profile->process.cmdline[1], "\033[5m");
	memcpy(profile->threads[2].name, "\033[3m", 5);
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(render_text(profile, &plain, out), 0);
	assert_int_equal(render_short(profile, &plain, NULL, out), 0);
	fclose(out);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "?]0;evil?"));
	free(text);
	profile_free(profile);
}

static void colours_change_nothing_but_colours(void **state)
{
	struct render_options options = plain;
	char *with = NULL, *without = NULL, *to;
	struct profile *profile = sample_profile();
	size_t size;

	FILE *out = open_memstream(&without, &size);
	assert_int_equal(render_text(profile, &options, out), 0);
	fclose(out);
	options.colour = true;
	out = open_memstream(&with, &size);
	assert_int_equal(render_text(profile, &options, out), 0);
	fclose(out);
	assert_non_null(strstr(with, "\033[1;31mleak\033[0m"));
	to = with;
	for (char *from = with; *from; from++) {
		if (*from == '\033')
			from = strchr(from, 'm');
		else
			*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(with, without);
	free(with);
	free(without);
	profile_free(profile);
}

static void a_stream_that_fails_is_an_error(void **state)
{
	struct profile *profile = sample_profile();
	FILE *out = fopen("/dev/full", "w");

	assert_non_null(out);
	assert_true(render_text(profile, &plain, out) < 0);
	assert_true(render_csv(profile, &plain, out) < 0);
	fclose(out);
	profile_free(profile);
}

static void assert_name(const char *name, size_t columns, const char *expected)
{
	struct strbuf buffer = {};

	assert_int_equal(words_add_name(&buffer, &plain, name, columns), 0);
	assert_string_equal(strbuf_text(&buffer), expected);
	strbuf_deinit(&buffer);
}

static void long_names_lose_what_says_least_first(void **state)
{
	const char *name =
		"std::map<int, std::less<int> >::insert(std::pair<int const, int> const&)";

	assert_name(name, 100, name);
	assert_name(name, 60, "std::map<…>::insert(std::pair<…> const&)");
	assert_name(name, 30, "std::map<…>::insert(…)");
	assert_name(name, 15, "std::map<…>::i…");
	assert_name("outer()::inner(int, int, int)", 20, "outer()::inner(…)");
	assert_name("operator<< <char>(std::ostream&, char)", 30, "operator<< <…>(…)");
	assert_name("(anonymous namespace)::run(int, int, int)", 36,
		    "(anonymous namespace)::run(…)");
	assert_name("functor::operator()(some::type const&)", 30, "functor::operator()(…)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_says_what_is_wrong_and_then_where),
		cmocka_unit_test(
			who_asks_for_places_of_a_process_without_agent_hears_why_there_are_none),
		cmocka_unit_test(estimates_carry_their_errors_and_what_was_lost),
		cmocka_unit_test(code_without_names_is_module_and_offset),
		cmocka_unit_test(top_and_depth_say_what_they_leave_out),
		cmocka_unit_test(ages_select_blocks_and_not_sites),
		cmocka_unit_test(nothing_outstanding_is_said),
		cmocka_unit_test(groups_are_tables),
		cmocka_unit_test(a_block_of_a_pool_is_one_and_has_its_stack),
		cmocka_unit_test(a_java_stack_with_a_gap_says_so),
		cmocka_unit_test(the_end_of_a_run_is_a_few_lines),
		cmocka_unit_test(figures_with_errors_stand_below_each_other_at_the_end_of_a_run),
		cmocka_unit_test(sites_that_read_the_same_are_one_line_at_the_end_of_a_run),
		cmocka_unit_test(csv_has_plain_numbers_and_quotes_where_needed),
		cmocka_unit_test(a_course_is_a_sentence_and_a_line),
		cmocka_unit_test(a_spark_line_begins_at_zero_and_shows_gaps),
		cmocka_unit_test(folded_runs_from_the_outside_in),
		cmocka_unit_test(escape_sequences_do_not_reach_the_terminal),
		cmocka_unit_test(colours_change_nothing_but_colours),
		cmocka_unit_test(a_stream_that_fails_is_an_error),
		cmocka_unit_test(long_names_lose_what_says_least_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
