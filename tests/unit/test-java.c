/* SPDX-License-Identifier: MIT */
/*
 * test-java.c: what a Java machine answers, also where it lies or breaks off; whose native memory is whose; and the
 * verdict on it.
 */
#include "profile/java.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "profile/java-answers.h"
#include "profile/verdict.h"
#include "sample-profile.h"
#include "test.h"

static const struct profile_java *get_row(const struct profile *profile,
					  enum profile_java_kind kind, const char *name)
{
	for (size_t i = 0; i < profile->n_java; i++)
		if (profile->java[i].kind == (uint32_t)kind &&
		    strcmp(profile->java[i].name, name) == 0)
			return &profile->java[i];
	fail_msg("no row \"%s\"", name);
	return NULL;
}

static void assert_row(const struct profile *profile, enum profile_java_kind kind, const char *name,
		       uint64_t first, uint64_t second)
{
	const struct profile_java *row = get_row(profile, kind, name);

	assert_int_equal(row->first, first);
	assert_int_equal(row->second, second);
}

static void threads_have_names_with_anything_in_them(void **state)
{
	static const char text[] =
		"Full thread dump OpenJDK 64-Bit Server VM:\n"
		"\"main\" #1 prio=5 os_prio=0 tid=0x00007f nid=0x622c runnable  [0x00]\n"
		"   java.lang.Thread.State: RUNNABLE\n"
		"\"say \"hi\" nid=9 now\" #22 [4722] daemon prio=5 tid=0x7f nid=4722 waiting\n"
		"\"\" #3 nid=3 x\n";
	_cleanup_(profile_freep) struct profile *profile = profile_new();

	assert_int_equal(java_read_threads(profile, text, NULL, 0), 0);
	assert_int_equal(profile->n_java, 3);
	assert_string_equal(java_thread_name(profile, 0x622c), "main");
	assert_string_equal(java_thread_name(profile, 4722), "say \"hi\" nid=9 now");
	assert_string_equal(java_thread_name(profile, 3), "");
	assert_null(java_thread_name(profile, 9));
	assert_null(java_thread_name(profile, 0));
}

static void threads_of_a_container_have_the_tool_s_ids(void **state)
{
	static const struct java_translation ids[] = {{7, 4711}, {8, 4712}};
	_cleanup_(profile_freep) struct profile *profile = profile_new();

	assert_int_equal(java_read_threads(profile, "\"a\" nid=0x8 x\n\"b\" nid=99 x", ids, 2), 0);
	assert_string_equal(java_thread_name(profile, 4712), "a");
	assert_string_equal(java_thread_name(profile, 99), "b");
	assert_null(java_thread_name(profile, 8));
}

static void lines_that_make_no_sense_make_no_rows(void **state)
{
	static const char *const threads[] = {
		"",
		"\"",
		"\"a",
		"\"a\"",
		"\"a\" nid=",
		"\"a\" nid=0",
		"\"a\" nid=-1",
		"\"a\" nid=99999999999999999999",
		"\"a\n\" nid=1",
		"a nid=1",
	};
	static const char *const classes[] = {
		"1: 2",
		"1: 2 3",
		"1: 2 3 java.util.zip.Inflate",
		"1: 2 3 java.util.zip.Inflaters",
		"1: -2 3 java.util.zip.Inflater",
		"x 2 3 java.util.zip.Inflater",
		"1: 99999999999999999999 3 java.util.zip.Inflater",
	};
	static const char *const tracking[] = {
		"Total: reserved=1KB",
		"Total: reserved=1KB, committed=",
		"Total: reserved=-1KB, committed=1KB",
		"Total: reserved=99999999999999999KB, committed=1KB",
		"- (reserved=1KB, committed=1KB)",
		"-(",
		"-",
		"- x (reserved=1KB\n, committed=1KB)",
		"(malloc=12KB #1)",
		"Details:\n(malloc=12KB #1)",
		"Details:\n(malloc=12KB type=GC\n#1)",
		"Details:\n[0x1] f()+0x1\n(malloc=x",
	};
	_cleanup_(profile_freep) struct profile *profile = profile_new();

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(java_read_threads(profile, threads[i], NULL, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		assert_int_equal(java_read_classes(profile, classes[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tracking); i++)
		assert_int_equal(java_read_tracking(profile, tracking[i]), 0);
	for (size_t i = 0; i < profile->n_java; i++)
		fail_msg("\"%s\" was taken", profile->java[i].name);
}

static void an_answer_without_end_makes_rows_that_have_one(void **state)
{
	static const char line[] = "\"t\" nid=1 x\n- c (reserved=1KB, committed=1KB)\n",
			  place[] = "[0x1] f()\n (malloc=1KB type=GC #1)\n";
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	_cleanup_(profile_freep) struct profile *profile = profile_new();

	for (unsigned i = 0; i < 40000; i++)
		strbuf_adds(&text, line);
	strbuf_adds(&text, "Details:\n");
	for (unsigned i = 0; i < 1000; i++)
		strbuf_adds(&text, place);
	assert_int_equal(java_read_threads(profile, strbuf_text(&text), NULL, 0), 0);
	assert_int_equal(profile->n_java, 32768);
	assert_int_equal(java_read_tracking(profile, strbuf_text(&text)), 0);
	assert_int_equal(profile->n_java, 32768 + 64 + 20);
}

static void objects_are_counted_once(void **state)
{
	static const char text[] =
		" num     #instances         #bytes  class name (module)\n"
		"-------------------------------------------------------\n"
		"   1:         16000         640000  java.util.zip.Inflater (java.base@17)\n"
		"   2:             9            999  [B (java.base@17)\n"
		"   3:            12            768  java.nio.DirectByteBuffer\n"
		"   4:             1             40  java.util.zip.Inflater (other)\n"
		"Total         16026         641520\n";
	_cleanup_(profile_freep) struct profile *profile = profile_new();

	assert_int_equal(java_read_classes(profile, text), 0);
	assert_int_equal(profile->n_java, 2);
	assert_row(profile, PROFILE_JAVA_CLASS, "java.util.zip.Inflater", 16000, 640000);
	assert_row(profile, PROFILE_JAVA_CLASS, "java.nio.DirectByteBuffer", 12, 768);
}

static void tracking_tells_categories_and_what_they_have_from_malloc(void **state)
{
	static const char text[] =
		"Native Memory Tracking:\n\n"
		"Total: reserved=1713607KB, committed=333415KB\n"
		"       malloc: 7151KB #8674\n\n"
		"-                 Java Heap (reserved=262144KB, committed=131072KB)\n"
		"                            (mmap: reserved=262144KB, committed=131072KB) \n \n"
		"-                    Thread (reserved=23614KB, committed=1294KB)\n"
		"                            (thread #23)\n"
		"                            (malloc=37KB #142) (peak=45KB #146) \n"
		"                            (arena=25KB #44) (peak=83KB #34)\n \n"
		"-                    Symbol (reserved=1144KB, committed=1144KB)\n"
		"                            (malloc=784KB #586) (at peak) \n"
		"Virtual memory map:\n"
		"[0x0f0000000 - 0x100000000] reserved 262144KB for Java Heap from\n"
		"    [0x00007f42] ReservedSpace::reserve(unsigned long)+0xac\n"
		"Details:\n\n"
		"[0x00007f42] G1ConcurrentMark::G1ConcurrentMark(G1CollectedHeap*)+0x5d9\n"
		"[0x00007f42] G1CollectedHeap::initialize()+0x692\n"
		"[0x00007f42] universe_init()+0xd5\n"
		"                             (malloc=2048KB type=GC #2) (at peak)\n\n"
		"[0x00007f42] StringTable::create_table()+0x181\n"
		"                             (malloc=512KB tag=Arena Chunk #1)\n\n"
		"[0x00007f42] SafepointMechanism::default_initialize()+0x3e\n"
		"                             (reserved=8KB, committed=8KB Type=Safepoint)\n";
	_cleanup_(profile_freep) struct profile *profile = profile_new();

	assert_int_equal(java_read_tracking(profile, text), 0);
	assert_row(profile, PROFILE_JAVA_NMT, "Total", 1713607ull << 10, 333415ull << 10);
	assert_row(profile, PROFILE_JAVA_NMT, "Java Heap", 256 << 20, 128 << 20);
	assert_row(profile, PROFILE_JAVA_NMT_MALLOC, "Thread", 62 << 10, 186);
	assert_row(profile, PROFILE_JAVA_NMT_MALLOC, "Symbol", 784 << 10, 586);
	assert_row(profile, PROFILE_JAVA_NMT_MALLOC, "Total", 846 << 10, 772);
	assert_row(profile, PROFILE_JAVA_NMT_PLACE,
		   "G1ConcurrentMark::G1ConcurrentMark, called by G1CollectedHeap::initialize (GC)",
		   2 << 20, 2);
	assert_row(profile, PROFILE_JAVA_NMT_PLACE, "StringTable::create_table (Arena Chunk)",
		   512 << 10, 1);
	/* four categories and the total of malloc, two that have some of it, two places */
	assert_int_equal(profile->n_java, 4 + 3 + 2);
}

static void a_detailed_answer_tells_what_is_mapped_where(void **state)
{
	static const char text[] =
		"[0xf0000000 - 0xf1000000] reserved 1KB for A Name That Is Longer Than Any Of Theirs from\n"
		"Virtual memory map:\n"
		"[0x00000000f0000000 - 0x0000000100000000] reserved and committed 262144KB for Java Heap from\n"
		"    [0x00007f42] ReservedSpace::reserve(unsigned long)+0xac\n"
		"\t[0x00000000f0000000 - 0x00000000f8000000] committed 131072KB from\n"
		"[0x7f0000001000 - 0x7f0000101000] reserved 1024KB for Thread Stack from\n"
		"[0x7f0000001000 - 0x7f0000001000] reserved 0KB for Empty from\n"
		"[0x1000 - 0xffffffffffffffff] reserved 4KB for Everything from\n"
		"[0x1000 - 0x2000] committed 4KB for Nothing from\n"
		"[0x1000 - 0x2000] reserved 4KB for \n"
		"[0x1000 - ";
	_cleanup_free_ struct java_range *ranges = NULL;
	size_t n;

	assert_int_equal(java_read_ranges(text, &ranges, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(ranges[1].name, "Java Heap");
	assert_int_equal(ranges[1].start, 0xf0000000);
	assert_int_equal(ranges[1].end, 0x100000000);
	assert_string_equal(ranges[2].name, "Thread");
}

static void a_collector_is_known_by_its_option(void **state)
{
	_cleanup_(profile_freep) struct profile *profile = profile_new();

	assert_false(java_is_machine(profile));
	assert_null(java_collector(profile));
	assert_int_equal(java_add(profile, PROFILE_JAVA_FACT, "UseG1GC", 0, 0), 0);
	assert_int_equal(java_add(profile, PROFILE_JAVA_FACT, "UseZGC", 1, 0), 0);
	assert_true(java_is_machine(profile));
	assert_string_equal(java_collector(profile), "ZGC");
	assert_int_equal(java_fact(profile, "UseG1GC", 7), 0);
	assert_int_equal(java_fact(profile, "UseEpsilonGC", 7), 7);
}

/* The sample's heaviest site: functions from the inside out in place of its own. */
static struct profile *make(const char *innermost, const char *native, const char *method,
			    uint64_t bytes, uint64_t blocks)
{
	struct profile *profile = sample_profile();
	struct profile_frame *frames = profile->frames;

	profile->process.captured_at = profile->process.started_at + 100;
	profile->n_sites = 1;
	frames[0] = (struct profile_frame){.function = innermost, .inlined = true};
	frames[1] = (struct profile_frame){.function = native};
	frames[2] = (struct profile_frame){.function = "java.util.zip.Inflater.<init>",
					   .file = "Inflater.java",
					   .line = 131,
					   .inlined = true};
	frames[3] = (struct profile_frame){.function = method, .file = "Service.java", .line = 12};
	profile->locations[1] = (struct profile_location){0x7fffe0001000, PROFILE_NO_MODULE, 2, 1};
	profile->locations[2] = (struct profile_location){0x7fffe0002000, PROFILE_NO_MODULE, 3, 1};
	profile->sites[0].live_bytes = profile->sites[0].allocated_bytes = bytes;
	profile->sites[0].live_blocks = profile->sites[0].allocated_blocks = blocks;
	profile->heap.live_bytes = profile->heap.allocated_bytes = bytes;
	profile->heap.live_blocks = blocks;
	for (size_t i = 0; i < 4; i++)
		profile->blocks[i].age_s = 20 + 20 * (double)i;
	profile->n_blocks = 4;
	assert_int_equal(java_add(profile, PROFILE_JAVA_FACT, "version", 17, 0), 0);
	assert_true(profile_is_valid(profile));
	return profile;
}

static struct profile *make_inflaters(void)
{
	return make("inflateInit2_", "Java_java_util_zip_Inflater_init", "Service.open", 100 << 20,
		    2600);
}

static void what_inflaters_hold_is_known_by_their_stacks(void **state)
{
	_cleanup_(profile_freep) struct profile *profile = make_inflaters();
	const struct profile_location *location;
	const struct profile_frame *frame;
	struct java_native natives[JAVA_NATIVES];

	java_find_natives(profile, natives);
	assert_int_equal(natives[JAVA_INFLATER].native_bytes, 100 << 20);
	assert_int_equal(natives[JAVA_INFLATER].n_native, 2600);
	assert_int_equal(natives[JAVA_INFLATER].n_objects, PROFILE_UNKNOWN);
	assert_ptr_equal(natives[JAVA_INFLATER].worst, &profile->sites[0]);
	assert_int_equal(natives[JAVA_DEFLATER].native_bytes, 0);
	assert_null(natives[JAVA_BUFFER].worst);
	assert_true(java_find_caller(profile, &profile->sites[0], &location, &frame));
	assert_string_equal(frame->function, "Service.open");
	assert_int_equal(java_add(profile, PROFILE_JAVA_CLASS, "java.util.zip.Inflater", 3000, 1),
			 0);
	java_find_natives(profile, natives);
	assert_int_equal(natives[JAVA_INFLATER].n_objects, 3000);
}

static void other_programs_that_inflate_are_no_java(void **state)
{
	_cleanup_(profile_freep) struct profile *profile = make_inflaters();
	struct java_native natives[JAVA_NATIVES];

	profile->n_java = 0;
	java_find_natives(profile, natives);
	assert_int_equal(natives[JAVA_INFLATER].native_bytes, 0);
}

static void the_machine_s_own_methods_asked_for_nothing(void **state)
{
	_cleanup_(profile_freep) struct profile *profile =
		make("inflateInit2_", "Java_java_util_zip_Inflater_init",
		     "java.util.jar.JarFile.open", 100 << 20, 2600);
	const struct profile_location *location;
	const struct profile_frame *frame;

	assert_false(java_find_caller(profile, &profile->sites[0], &location, &frame));
}

static bool has(char *const *texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(texts[i], text))
			return true;
	return false;
}

static void inflaters_that_nobody_ended_are_the_verdict(void **state)
{
	_cleanup_(profile_freep) struct profile *profile = make_inflaters();
	struct verdict verdict;

	assert_int_equal(java_add(profile, PROFILE_JAVA_CLASS, "java.util.zip.Inflater", 2600, 1),
			 0);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_LEAK);
	assert_true(has(verdict.because, verdict.n_because,
			"2,600 java.util.zip.Inflater hold 100.0 MiB"));
	assert_true(has(verdict.because, verdict.n_because, "Service.open (Service.java:12)"));
	verdict_deinit(&verdict);
}

static void objects_from_before_attaching_are_told_apart(void **state)
{
	_cleanup_(profile_freep) struct profile *profile = make_inflaters();
	struct verdict verdict;

	profile->agent.mode = MT_MODE_INJECTED;
	assert_int_equal(java_add(profile, PROFILE_JAVA_CLASS, "java.util.zip.Inflater", 9000, 1),
			 0);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_true(
		has(verdict.because, verdict.n_because,
		    "there are 9,000 java.util.zip.Inflater; what they allocated since memtrace "
		    "attached holds 100.0 MiB"));
	verdict_deinit(&verdict);
}

static void buffers_are_bounded_by_an_option(void **state)
{
	_cleanup_(profile_freep) struct profile *profile =
		make("Unsafe_AllocateMemory0", "java.nio.DirectByteBuffer.<init>", "Cache.fill",
		     100 << 20, 1600);
	struct verdict verdict;

	assert_int_equal(java_add(profile, PROFILE_JAVA_FACT, "MaxHeapSize", 512 << 20, 0), 0);
	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_int_equal(verdict.code, VERDICT_LEAK);
	assert_true(has(verdict.because, verdict.n_because,
			"java.nio.DirectByteBuffer hold 100.0 MiB"));
	assert_true(
		has(verdict.because, verdict.n_because,
		    "512.0 MiB (-XX:MaxDirectMemorySize, by default as much as the Java heap)"));
	verdict_deinit(&verdict);
}

/* No agent: n_objects are in the Java heap, n_blocks of a window's size in malloc's. */
static bool are_joined(uint64_t n_objects, uint64_t n_blocks)
{
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	const size_t class = arena_sizes_class((32 << 10) + 16);
	struct arena arena = {.allocator = ARENAS_GLIBC, .kind = ARENA_MAIN};
	struct arenas arenas = {.arenas = &arena, .n_arenas = 1};
	struct verdict verdict;
	bool joined;

	profile->process.state = PROFILE_RUNNING;
	profile->process.rss = 700 << 20;
	arena.system = arena.resident = arena.in_use = arena.in_use_resident = 600 << 20;
	arena.top = arena.peak_system = ARENAS_UNKNOWN;
	arenas.sizes.in_use[class] = (struct arena_sizes_count){n_blocks, n_blocks * 32784};
	assert_int_equal(
		java_add(profile, PROFILE_JAVA_CLASS, "java.util.zip.Inflater", n_objects, 1), 0);
	assert_int_equal(verdict_judge(profile, NULL, &arenas, &verdict), 0);
	joined = has(verdict.because, verdict.n_because, "of the size of the window");
	verdict_deinit(&verdict);
	return joined;
}

static void without_an_agent_windows_are_known_by_size_and_number(void **state)
{
	assert_true(are_joined(16000, 16000));
	assert_true(are_joined(16000, 12000));
	assert_false(are_joined(16000, 5000));
	assert_false(are_joined(16000, 90000));
	assert_false(are_joined(20, 20));
}

static void what_is_small_is_nobody_s_verdict(void **state)
{
	_cleanup_(profile_freep) struct profile *profile =
		make("inflateInit2_", "Java_java_util_zip_Inflater_init", "Service.open", 4096, 4);
	struct verdict verdict;

	assert_int_equal(verdict_judge(profile, NULL, NULL, &verdict), 0);
	assert_false(has(verdict.because, verdict.n_because, "Inflater"));
	verdict_deinit(&verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_have_names_with_anything_in_them),
		cmocka_unit_test(threads_of_a_container_have_the_tool_s_ids),
		cmocka_unit_test(lines_that_make_no_sense_make_no_rows),
		cmocka_unit_test(an_answer_without_end_makes_rows_that_have_one),
		cmocka_unit_test(objects_are_counted_once),
		cmocka_unit_test(tracking_tells_categories_and_what_they_have_from_malloc),
		cmocka_unit_test(a_detailed_answer_tells_what_is_mapped_where),
		cmocka_unit_test(a_collector_is_known_by_its_option),
		cmocka_unit_test(what_inflaters_hold_is_known_by_their_stacks),
		cmocka_unit_test(other_programs_that_inflate_are_no_java),
		cmocka_unit_test(the_machine_s_own_methods_asked_for_nothing),
		cmocka_unit_test(inflaters_that_nobody_ended_are_the_verdict),
		cmocka_unit_test(objects_from_before_attaching_are_told_apart),
		cmocka_unit_test(buffers_are_bounded_by_an_option),
		cmocka_unit_test(without_an_agent_windows_are_known_by_size_and_number),
		cmocka_unit_test(what_is_small_is_nobody_s_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
