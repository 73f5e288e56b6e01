/* SPDX-License-Identifier: MIT */
#include "profile/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "sample-profile.h"
#include "test.h"

/* Adds a mapping of which rss_kb are resident. */
static void add(struct strbuf *smaps, uint64_t start, uint64_t size, const char *perms,
		const char *rest, unsigned rss_kb)
{
	strbuf_addf(smaps, "%08llx-%08llx %s %s\nSize: %llu kB\nRss: %u kB\nPss: %u kB\n",
		    (unsigned long long)start, (unsigned long long)(start + size), perms, rest,
		    (unsigned long long)size / 1024, rss_kb, rss_kb);
}

static struct ledger build(struct profile *profile, struct strbuf *smaps)
{
	struct ledger ledger;

	assert_int_equal(strbuf_steal(smaps, &profile->maps_text), 0);
	assert_int_equal(ledger_build(profile, &ledger), 0);
	profile_free(profile);
	return ledger;
}

static void every_mapping_has_an_owner_and_the_lines_add_up(void **state)
{
	/* blocks: 4 of 256 KiB from 0x10000000, 40 small ones at 0x20000000, a mapping at 0x7ffff0000000 */
	static const enum ledger_owner expected[] = {
		LEDGER_IMAGES,      LEDGER_IMAGES, LEDGER_HEAP_LIVE, LEDGER_HEAP_LIVE,
		LEDGER_UNEXPLAINED, LEDGER_FILES,  LEDGER_SHARED,    LEDGER_MEMTRACE,
		LEDGER_IMAGES,      LEDGER_MAPPED, LEDGER_STACKS,    LEDGER_KERNEL,
	};
	struct profile *profile = sample_profile();
	struct strbuf smaps = {};
	uint64_t sum = 0;

	profile->agent.own_bytes = 8 << 10;
	add(&smaps, 0x400000, 0x1000, "r-xp", "00000000 08:01 77 /bin/x", 4);
	add(&smaps, 0x401000, 0x1000, "rw-p", "00001000 08:01 77 /bin/x", 4);
	add(&smaps, 0x10000000, 0x200000, "rw-p", "00000000 00:00 0 ", 1500);
	add(&smaps, 0x20000000, 0x10000, "rw-p", "00000000 00:00 0 [heap]", 64);
	add(&smaps, 0x30000000, 0x10000, "rw-p", "00000000 00:00 0 ", 20);
	add(&smaps, 0x40000000, 0x10000, "r--p", "00000000 08:01 88 /usr/share/data", 8);
	add(&smaps, 0x50000000, 0x10000, "rw-s", "00000000 00:01 99 /dev/shm/x", 12);
	add(&smaps, 0x60000000, 0x10000, "rw-s",
	    "00000000 00:01 98 /memfd:memtrace-region (deleted)", 4);
	/* bss within the program's extent */
	add(&smaps, 0x555555560000, 0x1000, "rw-p", "00000000 00:00 0 ", 4);
	add(&smaps, 0x7ffff0000000, 0x10000, "rw-p", "00000000 00:00 0 ", 32);
	add(&smaps, 0x7ffffff00000, 0x21000, "rw-p", "00000000 00:00 0 [stack]", 16);
	add(&smaps, 0x7ffffffff000, 0x1000, "r-xp", "00000000 00:00 0 [vdso]", 4);
	struct ledger ledger = build(profile, &smaps);

	assert_int_equal(ledger.maps.n_mappings, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(ledger.mappings[i].owner, expected[i]);
	for (int i = 0; i < LEDGER_N_OWNERS; i++)
		sum += ledger.lines[i].resident;
	assert_int_equal(sum, ledger.rss);
	assert_int_equal(ledger.rss, 1672 << 10);
	/* 1,564 KiB of heap, of which live is what was asked for */
	assert_int_equal(ledger.lines[LEDGER_HEAP_LIVE].resident, (1 << 20) + 1960);
	assert_int_equal(ledger.lines[LEDGER_HEAP_OTHER].resident, (1564 << 10) - (1 << 20) - 1960);
	/* 4 KiB are the region; the other 4 are somewhere in what has no name */
	assert_int_equal(ledger.lines[LEDGER_MEMTRACE].resident, 8 << 10);
	assert_int_equal(ledger.lines[LEDGER_UNEXPLAINED].resident, 16 << 10);
	ledger_deinit(&ledger);
}

static void live_is_no_more_than_is_resident(void **state)
{
	struct strbuf smaps = {};

	add(&smaps, 0x10000000, 0x200000, "rw-p", "00000000 00:00 0 ", 100);
	struct ledger ledger = build(sample_profile(), &smaps);

	assert_int_equal(ledger.lines[LEDGER_HEAP_LIVE].resident, 100 << 10);
	assert_int_equal(ledger.lines[LEDGER_HEAP_OTHER].resident, 0);
	ledger_deinit(&ledger);
}

/* A profile without the agent; its areas and ranges are the test's to fill. */
static struct profile *plain_profile(size_t n_areas, size_t n_ranges)
{
	struct profile *profile = sample_profile();

	profile->agent.mode = MT_MODE_NONE;
	profile->n_blocks = 0;
	while (profile->n_modules > 0)
		free(profile->modules[--profile->n_modules].path);
	profile->areas = calloc(n_areas, sizeof(*profile->areas));
	profile->n_areas = n_areas;
	profile->arenas = calloc(1, sizeof(*profile->arenas));
	if (n_ranges > 0)
		assert_non_null(arenas_add(profile->arenas));
	for (size_t i = 0; i < n_ranges; i++)
		assert_non_null(arenas_add_range(profile->arenas));
	return profile;
}

/* All figures of all parts, mapping by mapping, against the mapping's own. */
static void assert_adds_up(const struct ledger *ledger)
{
	struct ledger_line lines = {};

	for (size_t i = 0; i < ledger->maps.n_mappings; i++) {
		const struct ledger_mapping *entry = &ledger->mappings[i];
		const struct mapping *mapping = entry->mapping;
		struct ledger_line sum = {};

		assert_true(entry->n_parts > 0);
		for (uint32_t k = 0; k < entry->n_parts; k++)
			ledger_line_add(&sum, &ledger->parts[entry->first_part + k].usage);
		assert_int_equal(sum.resident, mapping->rss);
		assert_int_equal(sum.virtual, mapping->end - mapping->start);
		assert_int_equal(sum.pss, mapping->pss);
		assert_int_equal(sum.uss, mapping->private_clean + mapping->private_dirty);
		assert_int_equal(sum.private_dirty, mapping->private_dirty);
		assert_int_equal(sum.swapped, mapping->swap);
		assert_int_equal(sum.anon_huge, mapping->anon_huge);
	}
	for (enum ledger_owner owner = 0; owner < LEDGER_N_OWNERS; owner++)
		ledger_line_add(&lines, &ledger->lines[owner]);
	assert_memory_equal(&lines, &ledger->total, sizeof(lines));
}

static void add_more(struct strbuf *smaps, unsigned clean, unsigned dirty, unsigned swap,
		     unsigned huge)
{
	strbuf_addf(smaps,
		    "Private_Clean: %u kB\nPrivate_Dirty: %u kB\nSwap: %u kB\n"
		    "AnonHugePages: %u kB\n",
		    clean, dirty, swap, huge);
}

static void parts_of_a_mapping_add_up_in_every_figure(void **state)
{
	struct profile *profile = plain_profile(3, 2);
	struct strbuf smaps = {};

	/* a stack in the middle of a mapping; one that begins in a guard of its own mapping */
	profile->areas[0] = (struct area){.start = 0x10002000,
					  .end = 0x10005000,
					  .resident = 0x2000,
					  .kind = AREA_STACK,
					  .tid = 7,
					  .label = "worker"};
	profile->areas[1] = (struct area){.start = 0x20000000,
					  .end = 0x20011000,
					  .guard = 0x1000,
					  .resident = 0x3000,
					  .kind = AREA_STACK_CACHED};
	/* claims more than is there */
	profile->areas[2] = (struct area){
		.start = 0x30001000, .end = 0x30009000, .resident = 0x8000, .kind = AREA_V8};
	/* an arena over the rest of the first mapping, odd figures, and one of a mapping of its own */
	profile->arenas->ranges[0] = (struct arena_range){.start = 0x10005000,
							  .end = 0x10100000,
							  .in_use_resident = 11111,
							  .free_resident = 33333,
							  .metadata_resident = 777};
	profile->arenas->ranges[1] = (struct arena_range){
		.start = 0x40000000, .end = 0x40010000, .in_use_resident = 1, .free_resident = 2};
	add(&smaps, 0x10000000, 0x100000, "rw-p", "00000000 00:00 0 ", 73);
	add_more(&smaps, 5, 67, 13, 0);
	add(&smaps, 0x20000000, 0x1000, "---p", "00000000 00:00 0 ", 0);
	add(&smaps, 0x20001000, 0x10000, "rw-p", "00000000 00:00 0 ", 12);
	add_more(&smaps, 0, 12, 0, 0);
	add(&smaps, 0x30000000, 0x10000, "rw-p", "00000000 00:00 0 ", 4);
	add_more(&smaps, 0, 3, 40, 0);
	add(&smaps, 0x40000000, 0x10000, "rw-p", "00000000 00:00 0 ", 61);
	add_more(&smaps, 0, 61, 0, 17);
	struct ledger ledger = build(profile, &smaps);

	assert_adds_up(&ledger);
	assert_int_equal(ledger.lines[LEDGER_STACKS].resident, 0x2000);
	assert_int_equal(ledger.lines[LEDGER_STACKS_FREE].resident, 12 << 10);
	assert_int_equal(ledger.lines[LEDGER_STACKS_FREE].virtual, 0x11000);
	assert_int_equal(ledger.lines[LEDGER_V8].resident, 4 << 10);
	/* a range over a whole mapping takes all of it, in its proportions */
	assert_int_equal(ledger.lines[LEDGER_HEAP_LIVE].resident, 11111 + (61 << 10) / 3);
	assert_int_equal(ledger.lines[LEDGER_HEAP_METADATA].resident, 777);
	/* what is beside malloc is the program's, if malloc could be read */
	assert_int_equal(ledger.lines[LEDGER_UNEXPLAINED].resident, 0);
	assert_int_equal(ledger.mappings[1].owner, LEDGER_STACKS_FREE);
	assert_string_equal(ledger.mappings[0].label, "main arena");
	ledger_deinit(&ledger);
}

/* A quarter of an arena is claimed by another range before it: its figures are those of all of it. */
static void a_range_of_which_another_has_a_part_counts_in_proportion(void **state)
{
	struct profile *profile = plain_profile(0, 2);
	struct strbuf smaps = {};

	profile->arenas->ranges[0] = (struct arena_range){
		.start = 0x10000000, .end = 0x10004000, .in_use_resident = 0x4000};
	profile->arenas->ranges[1] = (struct arena_range){.start = 0x10000000,
							  .end = 0x10010000,
							  .in_use_resident = 0x8000,
							  .free_resident = 0x4000,
							  .metadata_resident = 0x4000};
	add(&smaps, 0x10000000, 0x10000, "rw-p", "00000000 00:00 0 ", 64);
	struct ledger ledger = build(profile, &smaps);

	assert_adds_up(&ledger);
	assert_int_equal(ledger.lines[LEDGER_HEAP_LIVE].resident, 0x4000 + 0x6000);
	assert_int_equal(ledger.lines[LEDGER_HEAP_FREE].resident, 0x3000);
	assert_int_equal(ledger.lines[LEDGER_HEAP_METADATA].resident, 0x3000);
	ledger_deinit(&ledger);
}

static void without_arenas_anonymous_memory_is_unexplained(void **state)
{
	struct profile *profile = plain_profile(0, 0);
	struct strbuf smaps = {};

	add(&smaps, 0x10000000, 0x100000, "rw-p", "00000000 00:00 0 ", 100);
	add(&smaps, 0x20000000, 0x100000, "rwxp", "00000000 00:00 0 ", 8);
	add(&smaps, 0x30000000, 0x100000, "rw-p", "00000000 00:00 0 [heap]", 16);
	add(&smaps, 0x40000000, 0x100000, "rw-s", "00000000 00:01 5 /SYSV00000000 (deleted)", 24);
	struct ledger ledger = build(profile, &smaps);

	assert_adds_up(&ledger);
	assert_int_equal(ledger.lines[LEDGER_UNEXPLAINED].resident, 100 << 10);
	assert_int_equal(ledger.lines[LEDGER_CODE].resident, 8 << 10);
	assert_int_equal(ledger.lines[LEDGER_HEAP_OTHER].resident, 16 << 10);
	assert_int_equal(ledger.lines[LEDGER_SHARED].resident, 24 << 10);
	ledger_deinit(&ledger);
}

static void what_was_asked_for_is_told_from_rounding(void **state)
{
	struct profile *profile = plain_profile(0, 1);
	struct strbuf smaps = {};

	profile->agent.mode = MT_MODE_PRELOAD;
	profile->heap.live_bytes = 30000;
	profile->arenas->arenas[0].in_use = 40000;
	profile->arenas->ranges[0] = (struct arena_range){.start = 0x10000000,
							  .end = 0x10100000,
							  .in_use_resident = 20000,
							  .free_resident = 20960};
	add(&smaps, 0x10000000, 0x100000, "rw-p", "00000000 00:00 0 ", 40);
	struct ledger ledger = build(profile, &smaps);

	assert_adds_up(&ledger);
	assert_int_equal(ledger.lines[LEDGER_HEAP_LIVE].resident, 15000);
	assert_int_equal(ledger.lines[LEDGER_HEAP_ROUNDING].resident, 5000);
	assert_int_equal(ledger.lines[LEDGER_HEAP_FREE].resident, 20960);
	ledger_deinit(&ledger);
}

static void blocks_from_before_the_agent_are_neither_asked_for_nor_rounding(void **state)
{
	struct profile *profile = plain_profile(0, 1);
	struct strbuf smaps = {};

	profile->agent.mode = MT_MODE_INJECTED;
	profile->heap.live_bytes = 8000;
	profile->heap.live_blocks = 125;
	profile->arenas->arenas[0].in_use = 40000;
	profile->arenas->ranges[0] = (struct arena_range){.start = 0x10000000,
							  .end = 0x10100000,
							  .in_use_resident = 20000,
							  .free_resident = 20960};
	profile_count_before_attach(profile);
	assert_int_equal(profile->heap.before_attach_bytes, 30000);
	add(&smaps, 0x10000000, 0x100000, "rw-p", "00000000 00:00 0 ", 40);
	struct ledger ledger = build(profile, &smaps);

	assert_adds_up(&ledger);
	assert_int_equal(ledger.lines[LEDGER_HEAP_LIVE].resident, 4000);
	assert_int_equal(ledger.lines[LEDGER_HEAP_BEFORE].resident, 15000);
	assert_int_equal(ledger.lines[LEDGER_HEAP_ROUNDING].resident, 1000);
	ledger_deinit(&ledger);
}

static void mappings_from_before_the_agent_are_the_programs(void **state)
{
	struct profile *profile = plain_profile(0, 1);
	struct strbuf smaps = {};

	profile->agent.mode = MT_MODE_INJECTED;
	profile->agent.own_bytes = 10 << 10;
	profile->arenas->ranges[0] = (struct arena_range){
		.start = 0x10000000, .end = 0x10100000, .free_resident = 40 << 10};
	add(&smaps, 0x10000000, 0x100000, "rw-p", "00000000 00:00 0 ", 40);
	add(&smaps, 0x20000000, 0x100000, "rw-p", "00000000 00:00 0 ", 100);
	struct ledger ledger = build(profile, &smaps);

	assert_adds_up(&ledger);
	assert_int_equal(ledger.lines[LEDGER_MAPPED].resident, 90 << 10);
	assert_int_equal(ledger.lines[LEDGER_MEMTRACE].resident, 10 << 10);
	assert_int_equal(ledger.lines[LEDGER_UNEXPLAINED].resident, 0);
	ledger_deinit(&ledger);
	/* one that was there from the start knows of those that are not */
	profile = plain_profile(0, 1);
	smaps = (struct strbuf){};
	profile->agent.mode = MT_MODE_PRELOAD;
	profile->agent.own_bytes = 0;
	add(&smaps, 0x20000000, 0x100000, "rw-p", "00000000 00:00 0 ", 100);
	ledger = build(profile, &smaps);
	assert_int_equal(ledger.lines[LEDGER_UNEXPLAINED].resident, 100 << 10);
	ledger_deinit(&ledger);
}

static void without_smaps_there_is_no_ledger(void **state)
{
	struct profile *profile = sample_profile();
	struct ledger ledger;

	assert_int_equal(ledger_build(profile, &ledger), -ENODATA);
	profile->maps_text = strdup("00400000-00401000 r-xp 00000000 08:01 77 /bin/x\n");
	assert_int_equal(ledger_build(profile, &ledger), -ENODATA);
	free(profile->maps_text);
	profile->maps_text = strdup("nonsense\n");
	assert_int_equal(ledger_build(profile, &ledger), -EBADMSG);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mapping_has_an_owner_and_the_lines_add_up),
		cmocka_unit_test(live_is_no_more_than_is_resident),
		cmocka_unit_test(parts_of_a_mapping_add_up_in_every_figure),
		cmocka_unit_test(a_range_of_which_another_has_a_part_counts_in_proportion),
		cmocka_unit_test(without_arenas_anonymous_memory_is_unexplained),
		cmocka_unit_test(what_was_asked_for_is_told_from_rounding),
		cmocka_unit_test(blocks_from_before_the_agent_are_neither_asked_for_nor_rounding),
		cmocka_unit_test(mappings_from_before_the_agent_are_the_programs),
		cmocka_unit_test(without_smaps_there_is_no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
