/* SPDX-License-Identifier: MIT */
/* What the allocator keeps, and what is not its own: arenas and ledgers made by hand, a case each. */
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "profile/verdict.h"
#include "sample-profile.h"
#include "test.h"

enum { MIB = 1 << 20 };

/* A process that is looked at from outside; arenas and ledger follow. */
struct subject {
	struct profile *profile;
	struct ledger ledger;
	struct arenas arenas;
	struct verdict verdict;
};

static void set_up(struct subject *subject, uint64_t rss)
{
	*subject = (struct subject){.profile = sample_profile()};
	subject->profile->process.state = PROFILE_RUNNING;
	subject->profile->agent.mode = MT_MODE_NONE;
	subject->profile->n_sites = subject->profile->n_blocks = 0;
	subject->profile->heap.live_bytes = 0;
	subject->ledger.rss = rss;
	subject->ledger.vsz = 2 * rss;
	subject->arenas.mmap_threshold = subject->arenas.trim_threshold = 128 << 10;
	subject->arenas.n_mmaps = 0;
}

/* The arena lives until the next one. */
static struct arena *add_arena(struct subject *subject, enum arena_kind kind, uint64_t in_use,
			       uint64_t kept, uint64_t trimmable)
{
	struct arena *arena = arenas_add(&subject->arenas);

	assert_non_null(arena);
	arena->allocator = ARENAS_GLIBC;
	arena->kind = kind;
	arena->id = (uint32_t)subject->arenas.n_arenas - 1;
	arena->system = arena->peak_system = in_use + kept;
	arena->in_use = arena->in_use_resident = in_use;
	arena->free = arena->free_resident = kept;
	arena->trimmable = trimmable;
	return arena;
}

static void add_sizes(struct subject *subject, bool in_use, unsigned n, uint64_t size)
{
	for (unsigned i = 0; i < n; i++)
		arena_sizes_add(&subject->arenas.sizes, in_use, size);
}

static void judge(struct subject *subject)
{
	assert_int_equal(verdict_judge(subject->profile, &subject->ledger, &subject->arenas,
				       &subject->verdict),
			 0);
	assert_true(subject->verdict.n_because > 0);
}

static void tear_down(struct subject *subject)
{
	verdict_deinit(&subject->verdict);
	arenas_deinit(&subject->arenas);
	profile_free(subject->profile);
}

static bool says(const struct subject *subject, const char *text)
{
	for (size_t i = 0; i < subject->verdict.n_because; i++)
		if (strstr(subject->verdict.because[i], text))
			return true;
	return false;
}

/* What the advice that has text in it promises; fails if there is none. */
static uint64_t promise(const struct subject *subject, const char *text)
{
	for (size_t i = 0; i < subject->verdict.n_advice; i++)
		if (strstr(subject->verdict.advice[i].action, text))
			return subject->verdict.advice[i].expected_bytes;
	fail_msg("no advice with \"%s\"", text);
	return 0;
}

static bool advises(const struct subject *subject, const char *text)
{
	for (size_t i = 0; i < subject->verdict.n_advice; i++)
		if (strstr(subject->verdict.advice[i].action, text))
			return true;
	return false;
}

static void add_pin(struct arena *arena, uint64_t address, uint64_t size, uint64_t holds)
{
	arena->pins = calloc(1, sizeof(*arena->pins));
	assert_non_null(arena->pins);
	arena->n_pins = 1;
	arena->pins[0] = (struct arena_pin){
		.address = address, .size = size, .n_blocks = 1, .bytes = size, .holds = holds};
}

static void a_pinned_top_is_retention_and_names_the_block(void **state)
{
	struct subject subject;

	set_up(&subject, 302 * MIB);
	add_pin(add_arena(&subject, ARENA_MAIN, 4096, 300 * MIB, 299 * MIB), 0x5000, 112,
		299 * MIB);
	add_sizes(&subject, false, 1, 300 * MIB);
	add_sizes(&subject, true, 1, 112);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_RETENTION);
	assert_true(says(&subject, "299.0 MiB of it lie below one block of 112 B at 0x5000"));
	assert_int_equal(promise(&subject, "malloc_trim"), 299 * MIB);
	assert_int_equal(promise(&subject, "allocate the block before the rest"), 299 * MIB);
	assert_false(advises(&subject, "ARENA_MAX"));
	assert_false(advises(&subject, "mmap_threshold"));
	tear_down(&subject);
}

static void what_trimming_leaves_is_told_apart(void **state)
{
	struct subject subject;
	struct arena *arena;

	set_up(&subject, 302 * MIB);
	arena = add_arena(&subject, ARENA_THREAD, 4096, 300 * MIB, 100 * MIB);
	arena->top = 150 * MIB;
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_RETENTION);
	assert_true(says(&subject, "100.0 MiB of it are whole pages that malloc_trim gives back"));
	assert_true(says(&subject, "150.0 MiB unused ends of arenas that it does not"));
	assert_true(says(&subject, "50.0 MiB parts of pages and caches of threads"));
	tear_down(&subject);
}

static void a_pin_that_was_sampled_has_its_place_and_age(void **state)
{
	struct subject subject;
	struct profile *profile;

	set_up(&subject, 302 * MIB);
	profile_free(subject.profile);
	profile = subject.profile = sample_profile();
	profile->process.state = PROFILE_RUNNING;
	profile->blocks[0].age_s = 7200;
	add_pin(add_arena(&subject, ARENA_MAIN, 4096, 300 * MIB, 299 * MIB),
		profile->blocks[0].address - 16, 112, 299 * MIB);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_RETENTION);
	assert_true(says(&subject, " from make_node"));
	assert_true(says(&subject, "2h 0m old"));
	tear_down(&subject);
}

static void a_raised_threshold_is_found_with_what_it_costs(void **state)
{
	struct subject subject;

	set_up(&subject, 300 * MIB);
	add_arena(&subject, ARENA_MAIN, MIB, 290 * MIB, 288 * MIB);
	subject.arenas.mmap_threshold = 2 * MIB + 4096;
	subject.arenas.trim_threshold = 2 * (2 * MIB + 4096);
	add_sizes(&subject, false, 150, 1900000);
	add_sizes(&subject, true, 150, 2000);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_RETENTION);
	assert_true(says(&subject, "raised glibc's mmap threshold"));
	assert_int_equal(promise(&subject, "mmap_threshold=131072"), 150ull * 1900000);
	tear_down(&subject);
	/* set by hand, it is what the program wants */
	set_up(&subject, 300 * MIB);
	add_arena(&subject, ARENA_MAIN, MIB, 290 * MIB, 288 * MIB);
	subject.arenas.mmap_threshold = 2 * MIB;
	subject.arenas.fixed_thresholds = true;
	add_sizes(&subject, false, 150, 1900000);
	judge(&subject);
	assert_false(advises(&subject, "mmap_threshold"));
	tear_down(&subject);
}

static void many_arenas_alone_do_not_get_the_usual_advice(void **state)
{
	struct subject subject;

	set_up(&subject, 400 * MIB);
	for (int i = 0; i < 16; i++)
		add_arena(&subject, i ? ARENA_THREAD : ARENA_MAIN, 4 * MIB, 16 * MIB, 15 * MIB);
	subject.profile->process.n_cpus = 64;
	subject.profile->process.cpu_limit = 1500;
	judge(&subject);
	assert_true(says(&subject, "allows it 1.5 CPUs, but glibc sees 64 and permits 512 arenas"));
	assert_int_equal(subject.verdict.code, VERDICT_RETENTION);
	assert_true(says(&subject, "spread over 16 of 16 arenas"));
	assert_true(says(&subject, "nothing shows that MALLOC_ARENA_MAX would help"));
	assert_false(advises(&subject, "ARENA_MAX"));
	assert_int_equal(promise(&subject, "malloc_trim"), 240 * MIB);
	tear_down(&subject);
}

static void arenas_max_is_advised_if_peaks_came_one_after_another(void **state)
{
	struct subject subject;

	set_up(&subject, 400 * MIB);
	subject.profile->agent.mode = MT_MODE_PRELOAD;
	subject.profile->heap.peak_live_bytes = 100 * MIB;
	for (int i = 0; i < 16; i++)
		add_arena(&subject, i ? ARENA_THREAD : ARENA_MAIN, MIB, 19 * MIB, 18 * MIB);
	judge(&subject);
	/* 320 MiB of peaks against 100 MiB and what blocks need beside */
	assert_int_equal(promise(&subject, "MALLOC_ARENA_MAX=1"), 205 * MIB);
	tear_down(&subject);
	/* and not if they came together */
	set_up(&subject, 400 * MIB);
	subject.profile->agent.mode = MT_MODE_PRELOAD;
	subject.profile->heap.peak_live_bytes = 300 * MIB;
	for (int i = 0; i < 16; i++)
		add_arena(&subject, i ? ARENA_THREAD : ARENA_MAIN, MIB, 19 * MIB, 18 * MIB);
	judge(&subject);
	assert_true(says(&subject, "MALLOC_ARENA_MAX would give nothing"));
	assert_false(advises(&subject, "ARENA_MAX"));
	tear_down(&subject);
}

static void holes_that_nothing_fits_are_fragmentation(void **state)
{
	struct subject subject;

	set_up(&subject, 390 * MIB);
	add_arena(&subject, ARENA_MAIN, 293 * MIB, 94 * MIB, 88 * MIB);
	add_sizes(&subject, true, 3000, 100 << 10);
	add_sizes(&subject, false, 1500, 64 << 10);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_FRAGMENTATION);
	assert_true(says(&subject, "1,500 holes"));
	assert_true(says(&subject, "64.0 KiB each"));
	assert_true(says(&subject, "of 100.0 KiB on average"));
	assert_int_equal(promise(&subject, "malloc_trim"), 88 * MIB);
	tear_down(&subject);
	/* the same holes wait for what fits */
	set_up(&subject, 390 * MIB);
	add_arena(&subject, ARENA_MAIN, 293 * MIB, 94 * MIB, 88 * MIB);
	add_sizes(&subject, true, 30000, 10 << 10);
	add_sizes(&subject, false, 1500, 64 << 10);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_RETENTION);
	tear_down(&subject);
}

static void shared_pages_are_fragmentation_and_no_setting_helps(void **state)
{
	struct subject subject;

	set_up(&subject, 217 * MIB);
	add_arena(&subject, ARENA_MAIN, 18 * MIB, 198 * MIB, MIB);
	add_sizes(&subject, true, 52000, 208);
	add_sizes(&subject, false, 52000, 3950);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_FRAGMENTATION);
	assert_true(says(&subject, "of each page in the heap 8 % are in use"));
	assert_true(says(&subject, "nothing is to be gained from malloc_trim (1.0 MiB)"));
	assert_false(advises(&subject, "malloc_trim"));
	tear_down(&subject);
}

static void rounding_needs_what_was_asked_for(void **state)
{
	struct subject subject;

	set_up(&subject, 160 * MIB);
	add_arena(&subject, ARENA_MMAPPED, 156 * MIB, 0, 0);
	subject.arenas.n_mmaps = 20000;
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_UNDECIDED);
	verdict_deinit(&subject.verdict);
	subject.profile->agent.mode = MT_MODE_PRELOAD;
	subject.profile->heap.live_bytes = 80 * MIB;
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_FRAGMENTATION);
	assert_true(says(&subject, "each of 20,000 blocks has a mapping of its own"));
	assert_int_equal(promise(&subject, "mmap threshold"), 76 * MIB);
	tear_down(&subject);
}

static void reserved_addresses_are_no_leak(void **state)
{
	struct subject subject;

	set_up(&subject, 3 * MIB);
	subject.ledger.vsz = 8500ull * MIB;
	for (int i = 0; i < 129; i++)
		add_arena(&subject, i ? ARENA_THREAD : ARENA_MAIN, 4096, 4096, 0);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_HEALTHY);
	assert_true(says(&subject, "8.0 GiB of them by 128 arenas of threads"));
	assert_int_equal(subject.verdict.n_advice, 0);
	tear_down(&subject);
}

static void what_malloc_does_not_know_is_named_by_its_owner(void **state)
{
	static const struct {
		enum ledger_owner owner;
		const char *text;
	} cases[] = {
		{LEDGER_MAPPED, "are mappings that the program made itself"},
		{LEDGER_STACKS, "are stacks of threads"},
		{LEDGER_SHARED, "are shared memory"},
		{LEDGER_JVM_HEAP, "are the Java heap"},
		{LEDGER_FILES, "are mapped files"},
	};
	struct subject subject;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_up(&subject, 110 * MIB);
		subject.ledger.lines[cases[i].owner].resident = 100 * MIB;
		add_arena(&subject, ARENA_MAIN, MIB, MIB, 0);
		judge(&subject);
		assert_int_equal(subject.verdict.code, VERDICT_NOT_MALLOC);
		assert_true(says(&subject, cases[i].text));
		tear_down(&subject);
	}
}

static void live_blocks_that_nobody_watched_are_undecided(void **state)
{
	struct subject subject;

	set_up(&subject, 210 * MIB);
	add_arena(&subject, ARENA_MAIN, 190 * MIB, 5 * MIB, 5 * MIB);
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_UNDECIDED);
	assert_true(says(&subject, "look the same at one moment"));
	assert_true(advises(&subject, "memtrace attach"));
	tear_down(&subject);
}

static void of_a_process_without_malloc_no_blocks_are_spoken_of(void **state)
{
	struct subject subject;

	set_up(&subject, 66 * MIB);
	subject.ledger.lines[LEDGER_MAPPED].resident = 26 * MIB;
	subject.ledger.lines[LEDGER_FILES].resident = 25 * MIB;
	subject.ledger.lines[LEDGER_SHARED].resident = 13 * MIB;
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_UNDECIDED);
	assert_true(says(&subject, "next to nothing of 66.0 MiB resident is malloc's"));
	assert_true(says(&subject, "the most, 26.0 MiB, is of one kind: mapped by the program"));
	assert_false(says(&subject, "a cache and a working set"));
	assert_true(advises(&subject, "memtrace maps"));
	assert_false(advises(&subject, "memtrace objects"));
	tear_down(&subject);
}

static void a_refused_allocator_is_said(void **state)
{
	struct subject subject;

	set_up(&subject, 210 * MIB);
	subject.arenas.refused = strdup("jemalloc is there and tells nothing");
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_UNDECIDED);
	assert_true(says(&subject, "jemalloc is there"));
	tear_down(&subject);
}

static void the_larger_part_gives_the_verdict_and_the_other_a_line(void **state)
{
	struct subject subject;

	set_up(&subject, 400 * MIB);
	add_arena(&subject, ARENA_MAIN, 10 * MIB, 100 * MIB, 99 * MIB);
	subject.ledger.lines[LEDGER_STACKS].resident = 250 * MIB;
	judge(&subject);
	assert_int_equal(subject.verdict.code, VERDICT_NOT_MALLOC);
	assert_true(says(&subject, "besides, 99.0 MiB were freed and are kept by the allocator"));
	tear_down(&subject);
}

static void huge_pages_of_the_heap_are_said(void **state)
{
	struct subject subject;

	set_up(&subject, 302 * MIB);
	add_arena(&subject, ARENA_MAIN, 4096, 300 * MIB, 299 * MIB);
	subject.ledger.lines[LEDGER_HEAP_FREE].anon_huge = 120 * MIB;
	judge(&subject);
	assert_true(says(&subject, "120.0 MiB of malloc's memory are in huge pages"));
	tear_down(&subject);
}

static void a_near_limit_is_said(void **state)
{
	struct subject subject;

	set_up(&subject, 302 * MIB);
	subject.profile->process.cgroup_limit = 320 * MIB;
	add_arena(&subject, ARENA_MAIN, 4096, 300 * MIB, 299 * MIB);
	judge(&subject);
	assert_true(says(&subject, "94 % of the 320.0 MiB that its control group allows"));
	tear_down(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pinned_top_is_retention_and_names_the_block),
		cmocka_unit_test(what_trimming_leaves_is_told_apart),
		cmocka_unit_test(a_pin_that_was_sampled_has_its_place_and_age),
		cmocka_unit_test(a_raised_threshold_is_found_with_what_it_costs),
		cmocka_unit_test(many_arenas_alone_do_not_get_the_usual_advice),
		cmocka_unit_test(arenas_max_is_advised_if_peaks_came_one_after_another),
		cmocka_unit_test(holes_that_nothing_fits_are_fragmentation),
		cmocka_unit_test(shared_pages_are_fragmentation_and_no_setting_helps),
		cmocka_unit_test(rounding_needs_what_was_asked_for),
		cmocka_unit_test(reserved_addresses_are_no_leak),
		cmocka_unit_test(what_malloc_does_not_know_is_named_by_its_owner),
		cmocka_unit_test(live_blocks_that_nobody_watched_are_undecided),
		cmocka_unit_test(of_a_process_without_malloc_no_blocks_are_spoken_of),
		cmocka_unit_test(a_refused_allocator_is_said),
		cmocka_unit_test(the_larger_part_gives_the_verdict_and_the_other_a_line),
		cmocka_unit_test(huge_pages_of_the_heap_are_said),
		cmocka_unit_test(a_near_limit_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
