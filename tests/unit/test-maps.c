/* SPDX-License-Identifier: MIT */
/*
 * test-maps.c: maps and smaps, as the kernel writes them and as it does not.
 */
#include "process/maps.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "tests/unit/test.h"

static const char maps_text[] =
	"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/a b\n"
	"00651000-00652000 r--p 00051000 08:02 173521      /usr/bin/a b\n"
	"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]\n"
	"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
	"7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n"
	"7f1000000000-7f1000001000 rw-s 00001000 00:0b 99  /memfd:x y (deleted)\n"
	"7f1000002000-7f1000003000 r--p 00000000 fe:1f 7   /tmp/line\\012feed\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

static const char smaps_text[] = "00400000-00452000 r-xp 00000000 08:02 173521    /usr/bin/a\n"
				 "Size:                328 kB\n"
				 "KernelPageSize:        4 kB\n"
				 "MMUPageSize:           4 kB\n"
				 "Rss:                 300 kB\n"
				 "Pss:                 150 kB\n"
				 "Shared_Clean:          1 kB\n"
				 "Shared_Dirty:          2 kB\n"
				 "Private_Clean:         3 kB\n"
				 "Private_Dirty:         4 kB\n"
				 "Referenced:          300 kB\n"
				 "Anonymous:             5 kB\n"
				 "LazyFree:              0 kB\n"
				 "AnonHugePages:         6 kB\n"
				 "Swap:                  7 kB\n"
				 "SwapPss:               8 kB\n"
				 "Locked:                9 kB\n"
				 "THPeligible:           0\n"
				 "VmFlags: rd ex mr mw me sd \n"
				 "00500000-00501000 rw-p 00000000 00:00 0 \n"
				 "Rss:                   0 kB\n"
				 "SomethingNew:  in a form of its own\n";

static void maps_are_read_field_by_field(void **state)
{
	_cleanup_(maps_deinit) struct maps maps = {0};
	const struct mapping *m;

	assert_int_equal(maps_parse(maps_text, strlen(maps_text), &maps), 0);
	m = maps.mappings;
	assert_int_equal(maps.n_mappings, 8);
	assert_int_equal(m[0].start, 0x400000);
	assert_int_equal(m[0].end, 0x452000);
	assert_true(m[0].read && !m[0].write && m[0].exec && !m[0].shared);
	assert_int_equal(m[0].dev_major, 8);
	assert_int_equal(m[0].dev_minor, 2);
	assert_int_equal(m[0].inode, 173521);
	assert_string_equal(m[0].path, "/usr/bin/a b");
	assert_false(m[0].has_usage);
	assert_int_equal(m[1].offset, 0x51000);
	assert_string_equal(m[2].path, "[heap]");
	assert_string_equal(m[3].path, "");
	assert_true(!m[4].read && !m[4].write && !m[4].exec);
	assert_true(m[5].shared && m[5].deleted);
	assert_string_equal(m[5].path, "/memfd:x y");
	assert_int_equal(m[6].dev_minor, 0x1f);
	assert_string_equal(m[6].path, "/tmp/line\nfeed");
	assert_true(m[7].start == 0xffffffffff600000);
}

static void smaps_give_usage_in_bytes(void **state)
{
	_cleanup_(maps_deinit) struct maps maps = {0};
	const struct mapping *m;

	assert_int_equal(maps_parse(smaps_text, strlen(smaps_text), &maps), 0);
	m = maps.mappings;
	assert_int_equal(maps.n_mappings, 2);
	assert_true(m[0].has_usage);
	assert_int_equal(m[0].rss, 300 * 1024);
	assert_int_equal(m[0].pss, 150 * 1024);
	assert_int_equal(m[0].shared_clean, 1 * 1024);
	assert_int_equal(m[0].shared_dirty, 2 * 1024);
	assert_int_equal(m[0].private_clean, 3 * 1024);
	assert_int_equal(m[0].private_dirty, 4 * 1024);
	assert_int_equal(m[0].anonymous, 5 * 1024);
	assert_int_equal(m[0].anon_huge, 6 * 1024);
	assert_int_equal(m[0].swap, 7 * 1024);
	assert_int_equal(m[0].swap_pss, 8 * 1024);
	assert_int_equal(m[0].locked, 9 * 1024);
	assert_int_equal(m[0].kernel_page_size, 4 * 1024);
	assert_int_equal(m[1].rss, 0);
}

static void no_text_is_no_mappings(void **state)
{
	_cleanup_(maps_deinit) struct maps maps = {0};

	assert_int_equal(maps_parse("", 0, &maps), 0);
	assert_int_equal(maps.n_mappings, 0);
	assert_null(maps_find(&maps, 0));
}

static void what_no_kernel_writes_is_refused(void **state)
{
	static const char *const bad[] = {
		"\n",
		"x",
		"Rss: 5 kB\n",
		"00400000\n",
		"00400000-\n",
		"00400000-00400000 r-xp 00000000 08:02 1\n",
		"00400000-00300000 r-xp 00000000 08:02 1\n",
		"00400000-00500000 r-xq 00000000 08:02 1\n",
		"00400000-00500000 r-x 00000000 08:02 1\n",
		"00400000-00500000 r-xp 00000000 08:02\n",
		"00400000-00500000 r-xp 00000000 08:02 1x\n",
		"00400000-00500000 r-xp 00000000 08:02 \n",
		"00400000-00500000 r-xp 00000000 fffffffff:02 1\n",
		"00400000-11112222333344445 r-xp 00000000 08:02 1\n",
		"00400000-00500000 r-xp 00000000 08:02 1\nRss: 5\n",
		"00400000-00500000 r-xp 00000000 08:02 1\nRss: kB\n",
		"00400000-00500000 r-xp 00000000 08:02 1\nRss: 18446744073709551615 kB\n",
		"00400000-00500000 r-xp 00000000 08:02 1\nRss\n",
		"00400000-00500000 r-xp 00000000 08:02 1\n\n",
		"00400000-00500000 r-xp 00000000 08:02 1\n004ff000-00600000 r-xp 00000000 08:02 1\n",
	};
	struct maps maps;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(maps_parse(bad[i], strlen(bad[i]), &maps), -EBADMSG);
}

/* Text that is cut off anywhere is read or refused, and nothing behind it is touched. */
static void every_prefix_is_safe(void **state)
{
	size_t size;

	for (size = 0; size <= strlen(smaps_text); size++) {
		_cleanup_(maps_deinit) struct maps maps = {0};
		_cleanup_free_ char *text = malloc(size ? size : 1);
		int r;

		assert_non_null(text);
		memcpy(text, smaps_text, size);
		r = maps_parse(text, size, &maps);
		assert_true(r == 0 || r == -EBADMSG);
	}
}

static void an_address_is_found_in_its_mapping(void **state)
{
	_cleanup_(maps_deinit) struct maps maps = {0};

	assert_int_equal(maps_parse(maps_text, strlen(maps_text), &maps), 0);
	assert_ptr_equal(maps_find(&maps, 0x400000), &maps.mappings[0]);
	assert_ptr_equal(maps_find(&maps, 0x451fff), &maps.mappings[0]);
	assert_null(maps_find(&maps, 0x452000));
	assert_null(maps_find(&maps, 0));
	assert_ptr_equal(maps_find(&maps, 0x7f0000021000), &maps.mappings[4]);
	assert_ptr_equal(maps_find(&maps, 0xffffffffff600fff), &maps.mappings[7]);
	assert_null(maps_find(&maps, UINT64_MAX));
}

static void the_tests_own_maps_hold_its_data(void **state)
{
	_cleanup_(maps_deinit) struct maps maps = {0};
	const struct mapping *mapping;
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(page != MAP_FAILED);
	page[0] = 1;
	assert_int_equal(maps_read(getpid(), true, &maps), 0);
	mapping = maps_find(&maps, (uintptr_t)page);
	assert_non_null(mapping);
	assert_true(mapping->read && mapping->write && !mapping->exec);
	assert_true(mapping->has_usage);
	assert_true(mapping->rss >= 4096);
	munmap(page, 4096);
	assert_int_equal(maps_read(1 << 30, false, &maps), -ESRCH);
}

enum { PAGES = 400 };

static char *changing;
static bool is_over;

/* Cuts and joins mappings, so that one that was written grows over the next. */
static void *change(void *arg)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (unsigned i = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); i++)
		mprotect(changing + (i * 7 % PAGES) * page, page,
			 i / PAGES % 2 ? PROT_READ : PROT_NONE);
	return NULL;
}

static void mappings_that_change_are_read_again(void **state)
{
	pthread_t thread;

	changing = mmap(NULL, PAGES * (size_t)sysconf(_SC_PAGESIZE), PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(changing != MAP_FAILED);
	pthread_create(&thread, NULL, change, NULL);
	for (int i = 0; i < 500; i++) {
		struct maps maps;

		assert_int_equal(maps_read(getpid(), false, &maps), 0);
		maps_deinit(&maps);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	munmap(changing, PAGES * (size_t)sysconf(_SC_PAGESIZE));
}

static void what_is_formatted_reads_back_as_it_was(void **state)
{
	struct maps maps, again;
	_cleanup_free_ char *text = NULL, *twice = NULL;

	assert_int_equal(maps_parse(maps_text, strlen(maps_text), &maps), 0);
	maps.mappings[2].has_usage = true;
	maps.mappings[2].rss = maps.mappings[2].private_dirty = 8192;
	assert_int_equal(maps_format(&maps, &text), 0);
	assert_int_equal(maps_parse(text, strlen(text), &again), 0);
	assert_int_equal(again.n_mappings, maps.n_mappings);
	assert_int_equal(again.mappings[2].rss, 8192);
	assert_true(again.mappings[2].has_usage);
	for (size_t i = 0; i < maps.n_mappings; i++)
		assert_string_equal(again.mappings[i].path, maps.mappings[i].path);
	assert_true(again.mappings[5].deleted && again.mappings[5].shared);
	assert_int_equal(maps_format(&again, &twice), 0);
	assert_string_equal(text, twice);
	maps_deinit(&maps);
	maps_deinit(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_read_field_by_field),
		cmocka_unit_test(smaps_give_usage_in_bytes),
		cmocka_unit_test(no_text_is_no_mappings),
		cmocka_unit_test(what_no_kernel_writes_is_refused),
		cmocka_unit_test(every_prefix_is_safe),
		cmocka_unit_test(an_address_is_found_in_its_mapping),
		cmocka_unit_test(the_tests_own_maps_hold_its_data),
		cmocka_unit_test(mappings_that_change_are_read_again),
		cmocka_unit_test(what_is_formatted_reads_back_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
