/* SPDX-License-Identifier: MIT */
/*
 * A line table made by hand: sequences out of order, one of a function that was thrown away, rows that
 * change nothing.
 */
#include "symbolize/dwarf-lines.h"

#include "test.h"

/* Version 4, lines from -5 in steps of 14, opcodes from 13. */
static const uint8_t table[] = {
	/* sizes are of what is here */
	0x7a, 0, 0, 0, 4, 0, 0x26, 0, 0, 0, 1, 1, 1, 0xfb, 14, 13,
	/* operands of standard opcodes */
	0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1,
	/* folders; files with the folder's number, time, size */
	's', 'r', 'c', 0, 0, 'a', '.', 'c', 0, 1, 0, 0, 'b', '.', 'h', 0, 0, 0, 0, 0,
	/* 0x2000: a.c:10; 0x2010: a.c:10 again; 0x2010: b.h:15; ends at 0x2020 */
	0, 9, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 3, 9, 1, 2, 16, 1, 4, 2, 3, 5, 1, 2, 16, 0, 1, 1,
	/* 0x1000: a.c:1 ends at 0x1008 */
	0, 9, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 1, 2, 8, 0, 1, 1,
	/* 0: thrown away */
	0, 9, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 0, 1, 1,
	/* 0x1008, where the other ends: a.c:1, ends at 0x1010 */
	0, 9, 2, 8, 0x10, 0, 0, 0, 0, 0, 0, 1, 2, 8, 0, 1, 1};

static struct dwarf_lines load(size_t size)
{
	const struct dwarf_line_sections sections = {.line = {table, table + size, false}};
	static const struct elffile all = {};
	struct dwarf_lines lines = {};

	assert_int_equal(dwarf_lines_load(&lines, &sections, 0, &all), 0);
	return lines;
}

static void expect(struct dwarf_lines *lines, uint64_t address, const char *file, uint32_t line)
{
	const struct dwarf_line_row *row = dwarf_lines_find(lines, address);

	if (!file) {
		assert_null(row);
		return;
	}
	assert_non_null(row);
	assert_int_equal(row->line, line);
	assert_string_equal(dwarf_lines_file(lines, row->file), file);
}

static void an_address_has_the_last_row_at_or_before_it(void **state)
{
	struct dwarf_lines lines = load(sizeof(table));

	expect(&lines, 0x2000, "src/a.c", 10);
	expect(&lines, 0x200f, "src/a.c", 10);
	expect(&lines, 0x2010, "b.h", 15);
	expect(&lines, 0x201f, "b.h", 15);
	dwarf_lines_deinit(&lines);
}

static void between_sequences_nothing_is_known(void **state)
{
	struct dwarf_lines lines = load(sizeof(table));

	expect(&lines, 0xfff, NULL, 0);
	expect(&lines, 0x1000, "src/a.c", 1);
	expect(&lines, 0x1008, "src/a.c", 1);
	expect(&lines, 0x1010, NULL, 0);
	expect(&lines, 0x2020, NULL, 0);
	expect(&lines, UINT64_MAX, NULL, 0);
	dwarf_lines_deinit(&lines);
}

static void what_was_thrown_away_is_not_there(void **state)
{
	struct dwarf_lines lines = load(sizeof(table));

	expect(&lines, 0, NULL, 0);
	expect(&lines, 3, NULL, 0);
	assert_int_equal(lines.base, 0x1000);
	dwarf_lines_deinit(&lines);
}

static void the_same_file_is_the_same_pointer(void **state)
{
	struct dwarf_lines lines = load(sizeof(table));

	assert_ptr_equal(dwarf_lines_file(&lines, 1), dwarf_lines_file(&lines, 1));
	assert_null(dwarf_lines_file(&lines, 0));
	assert_null(dwarf_lines_file(&lines, 3));
	dwarf_lines_deinit(&lines);
}

static void a_table_that_is_cut_gives_what_is_whole(void **state)
{
	for (size_t size = 0; size < sizeof(table); size++) {
		struct dwarf_lines lines = load(size);

		if (size < 0x4b)
			expect(&lines, 0x2000, NULL, 0);
		dwarf_lines_deinit(&lines);
	}
}

/* Rows at uneven distances, some of them far, so that wherever a search begins it is wrong sometimes. */
static void in_a_long_table_each_row_is_found(void **state)
{
	enum { N = 1000, HEAD = 0x30, ROW = 7, START = 0x1000 };
	static const uint8_t start[] = {0, 9, 2, 0, START >> 8, 0, 0, 0, 0, 0, 0},
			     end[] = {0, 1, 1};
	uint8_t text[HEAD + sizeof(start) + (size_t)N * ROW + sizeof(end)], *at = text;
	const struct dwarf_line_sections sections = {.line = {text, text + sizeof(text), false}};
	const uint32_t size = sizeof(text) - sizeof(uint32_t);
	static const struct elffile all = {};
	struct dwarf_lines lines = {};
	uint64_t addresses[N + 1] = {START};

	at = mempcpy(at, table, HEAD);
	memcpy(text, &size, sizeof(size));
	at = mempcpy(at, start, sizeof(start));
	for (size_t i = 0; i < N; i++) {
		const uint16_t step = (uint16_t)(i % 100 == 99 ? 60000 : 1 + i * 37 % 61);
		/* the next line, a row, and a fixed advance */
		const uint8_t row[ROW] = {3, 1, 1, 9, step & 0xff, (uint8_t)(step >> 8), 4};

		at = mempcpy(at, row, ROW - 1);
		*at++ = 6; /* a mark that changes nothing */
		addresses[i + 1] = addresses[i] + step;
	}
	memcpy(at, end, sizeof(end));
	assert_int_equal(dwarf_lines_load(&lines, &sections, 0, &all), 0);
	assert_int_equal(lines.n_rows, N + 1);
	for (uint32_t i = 0; i < N; i++) {
		expect(&lines, addresses[i], "src/a.c", i + 2);
		expect(&lines, addresses[i + 1] - 1, "src/a.c", i + 2);
	}
	expect(&lines, addresses[N], NULL, 0);
	dwarf_lines_deinit(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_the_last_row_at_or_before_it),
		cmocka_unit_test(between_sequences_nothing_is_known),
		cmocka_unit_test(what_was_thrown_away_is_not_there),
		cmocka_unit_test(the_same_file_is_the_same_pointer),
		cmocka_unit_test(a_table_that_is_cut_gives_what_is_whole),
		cmocka_unit_test(in_a_long_table_each_row_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
