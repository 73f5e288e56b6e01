/* SPDX-License-Identifier: MIT */
/*
 * test-textscan.c: texts and words in bytes that come in pieces, and in the memory of this process, of which
 * only what is there is read.
 */
#include "process/textscan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

enum { PAGE = MEMORY_PAGE_SIZE, PAGES = 200, TABLE = 1 << 20 };

static uint64_t count_of(const struct textscan *scan, const char *text)
{
	_cleanup_free_ const struct tally_entry **rows = NULL;
	uint64_t count = 0;
	size_t n;

	assert_int_equal(tally_rank(&scan->tally, TALLY_BY_COUNT, SIZE_MAX, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i]->text, text))
			count += rows[i]->count;
	return count;
}

static void feed(struct textscan *scan, const void *bytes, size_t size)
{
	assert_int_equal(textscan_feed(scan, bytes, size), 0);
}

static void texts_end_where_something_else_stands(void **state)
{
	static const char bytes[] = "hello\0world!\n\tworld!\1\2abc\0      \0hello";
	struct textscan scan;

	textscan_init(&scan, false, 4, TABLE);
	feed(&scan, bytes, sizeof(bytes) - 1);
	assert_int_equal(count_of(&scan, "hello"), 1);
	assert_int_equal(textscan_break(&scan), 0);
	assert_int_equal(count_of(&scan, "hello"), 2);
	assert_int_equal(count_of(&scan, "world!"), 1);
	assert_int_equal(count_of(&scan, "\tworld!"), 1);
	/* too short, and nothing but blanks */
	assert_int_equal(scan.tally.n_added, 4);
	textscan_deinit(&scan);
}

static void characters_of_several_bytes_belong_to_texts(void **state)
{
	static const char bytes[] =
		"gr\303\274n \342\202\254 \360\237\220\247\0x\303(yz12\0\377abcd\200efgh";
	struct textscan scan;

	textscan_init(&scan, false, 4, TABLE);
	/* cut anywhere */
	for (size_t i = 0; i < sizeof(bytes); i++)
		feed(&scan, bytes + i, 1);
	assert_int_equal(count_of(&scan, "gr\303\274n \342\202\254 \360\237\220\247"), 1);
	assert_int_equal(count_of(&scan, "(yz12"), 1);
	assert_int_equal(count_of(&scan, "abcd"), 1);
	assert_int_equal(count_of(&scan, "efgh"), 1);
	textscan_deinit(&scan);
}

static void long_texts_differ_by_their_last_byte(void **state)
{
	char bytes[1001];
	struct textscan scan;

	memset(bytes, 'x', sizeof(bytes));
	bytes[1000] = '\0';
	textscan_init(&scan, false, 4, TABLE);
	feed(&scan, bytes, sizeof(bytes));
	feed(&scan, bytes, sizeof(bytes));
	bytes[999] = 'y';
	feed(&scan, bytes, sizeof(bytes));
	assert_int_equal(scan.tally.n_entries, 2);
	assert_int_equal(scan.tally.n_added, 3);
	assert_int_equal(scan.text_bytes, 3000);
	textscan_deinit(&scan);
}

static void words_are_counted_and_zeros_are_not(void **state)
{
	static const uint64_t words[] = {1, 0, 7, 0, 7, 0x1122334455667788};
	_cleanup_free_ const struct tally_entry **rows = NULL;
	struct textscan scan;
	size_t n;

	textscan_init(&scan, true, 6, TABLE);
	feed(&scan, words, sizeof(words));
	assert_int_equal(scan.tally.n_added, 4);
	assert_int_equal(tally_rank(&scan.tally, TALLY_BY_COUNT, 1, &rows, &n), 0);
	assert_int_equal(rows[0]->key, 7);
	assert_int_equal(rows[0]->count, 2);
	textscan_deinit(&scan);
}

static size_t count_resident(const char *bytes)
{
	unsigned char pages[PAGES];
	size_t n = 0;

	assert_int_equal(mincore((void *)bytes, PAGES * PAGE, pages), 0);
	for (size_t i = 0; i < PAGES; i++)
		n += pages[i] & 1;
	return n;
}

static void pages_that_are_absent_stay_absent(void **state)
{
	char *bytes = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	struct memory *memory;
	struct window window;
	struct textscan scan;
	uint64_t start = (uintptr_t)bytes;
	const void *some;
	size_t n;

	assert_true(bytes != MAP_FAILED);
	madvise(bytes, PAGES * PAGE, MADV_NOHUGEPAGE);
	strcpy(bytes + 3 * PAGE + 100, "alone");
	/* over the edge of two pages, and one that ends where nothing follows */
	strcpy(bytes + 151 * PAGE - 2, "joined");
	memcpy(bytes + 180 * PAGE - 4, "last", 4);
	assert_int_equal(count_resident(bytes), 4);
	assert_int_equal(memory_open_pid(getpid(), &memory), 0);
	assert_int_equal(window_init(&window, memory), 0);
	textscan_init(&scan, false, 4, TABLE);
	assert_int_equal(textscan_range(&scan, &window, start + 50, start + PAGES * PAGE), 0);
	assert_int_equal(count_of(&scan, "alone"), 1);
	assert_int_equal(count_of(&scan, "joined"), 1);
	assert_int_equal(count_of(&scan, "last"), 1);
	assert_int_equal(scan.scanned, 4 * PAGE);
	assert_int_equal(scan.absent, (PAGES - 4) * PAGE - 50);
	assert_int_equal(window_get_some(&window, start + 3 * PAGE + 4000, 200, &some, &n), 1);
	assert_int_equal(n, 96);
	assert_int_equal(window_get_some(&window, start + 4 * PAGE, 200, &some, &n), 0);
	assert_int_equal(window_get_some(&window, start + 3 * PAGE + 100, 5, &some, &n), 1);
	assert_int_equal(n, 5);
	assert_memory_equal(some, "alone", 5);
	assert_int_equal(count_resident(bytes), 4);
	textscan_deinit(&scan);
	window_deinit(&window);
	memory_free(memory);
	munmap(bytes, PAGES * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_end_where_something_else_stands),
		cmocka_unit_test(characters_of_several_bytes_belong_to_texts),
		cmocka_unit_test(long_texts_differ_by_their_last_byte),
		cmocka_unit_test(words_are_counted_and_zeros_are_not),
		cmocka_unit_test(pages_that_are_absent_stay_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
