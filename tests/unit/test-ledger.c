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
	assert_int_equal(ledger.lines[LEDGER_HEAP_FREE].resident, (1564 << 10) - (1 << 20) - 1960);
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
	assert_int_equal(ledger.lines[LEDGER_HEAP_FREE].resident, 0);
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
		cmocka_unit_test(without_smaps_there_is_no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
