/* SPDX-License-Identifier: MIT */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "symbolize/dwarf-entry.h"
#include "symbolize/dwarf-ranges.h"
#include "symbolize/elffile.h"
#include "test.h"

/* This program's own debug information, which libdw reads too. */
struct subject {
	struct elffile *file;
	Dwarf *dwarf;
	struct dwarf_range_sections sections;
};

static void subject_open(struct subject *subject, const char *path)
{
	assert_int_equal(elffile_open(path, &subject->file), 0);
	subject->dwarf = dwarf_begin_elf(subject->file->elf, DWARF_C_READ, NULL);
	assert_non_null(subject->dwarf);
	dwarf_range_sections_init(&subject->sections, subject->file);
}

static void subject_close(struct subject *subject)
{
	dwarf_end(subject->dwarf);
	elffile_free(subject->file);
}

/* What both say of the code of an entry. Returns the number of ranges. */
static int compare_code(const struct subject *subject, const struct dwarf_shapes *shapes,
			uint64_t unit_base, Dwarf_Die *die, const struct dwarf_entry *entry)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;
	struct dwarf_ranges ranges;
	int n = 0;

	if (entry->code == DWARF_CODE_LIST)
		dwarf_ranges_init(&ranges, &subject->sections, shapes->version,
				  shapes->address_size, unit_base, entry->low);
	while ((offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0) {
		uint64_t low = entry->low, high = entry->high;

		if (entry->code == DWARF_CODE_LIST)
			assert_int_equal(dwarf_ranges_next(&ranges, &low, &high), 1);
		else
			assert_int_equal(entry->code, DWARF_CODE_RANGE);
		assert_int_equal(low, start);
		assert_int_equal(high, end);
		n++;
	}
	assert_int_equal(offset, 0);
	if (entry->code == DWARF_CODE_LIST)
		assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), 0);
	return n;
}

struct counts {
	size_t entries, ranges, inlined;
};

static uint32_t number_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? (uint32_t)value
									       : 0;
}

static void compare_inlined(const struct dwarf_shapes *shapes, Dwarf_Die *die)
{
	struct dwarf_inlined inlined;
	Dwarf_Attribute attribute;
	Dwarf_Die origin;

	assert_true(dwarf_entry_read_inlined(shapes, die->addr, &inlined));
	assert_non_null(
		dwarf_formref_die(dwarf_attr(die, DW_AT_abstract_origin, &attribute), &origin));
	assert_ptr_equal(inlined.origin, origin.addr);
	assert_int_equal(inlined.file, number_of(die, DW_AT_call_file));
	assert_int_equal(inlined.line, number_of(die, DW_AT_call_line));
}

/* Steps through the list at *at beside libdw, and leaves *at behind it. */
static void compare_list(const struct subject *subject, struct dwarf_shapes *shapes, uint64_t base,
			 Dwarf_Die *parent, const uint8_t **at, struct counts *counts)
{
	struct dwarf_entry entry;
	Dwarf_Die die;
	int more = dwarf_child(parent, &die);

	for (; more == 0; more = dwarf_siblingof(&die, &die)) {
		const uint8_t *behind;

		assert_int_equal(dwarf_entry_read(shapes, *at, &entry), 0);
		assert_ptr_equal(entry.start, die.addr);
		assert_int_equal(entry.tag, dwarf_tag(&die));
		assert_int_equal(entry.has_children, dwarf_haschildren(&die) > 0);
		counts->ranges += (size_t)compare_code(subject, shapes, base, &die, &entry);
		counts->entries++;
		if (entry.tag == DW_TAG_inlined_subroutine) {
			compare_inlined(shapes, &die);
			counts->inlined++;
		}
		assert_int_equal(dwarf_entry_skip(shapes, &entry, &behind), 0);
		*at = entry.behind;
		if (entry.has_children)
			compare_list(subject, shapes, base, &die, at, counts);
		assert_ptr_equal(behind, *at);
	}
	assert_int_equal(dwarf_entry_read(shapes, *at, &entry), 0);
	assert_int_equal(entry.tag, 0);
	*at = entry.behind;
}

static struct counts compare_all(const struct subject *subject)
{
	struct counts counts = {};
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	while (dwarf_get_units(subject->dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0) {
		struct dwarf_shapes shapes;
		struct dwarf_entry entry;
		const uint8_t *at;
		Dwarf_Addr base = 0;

		assert_int_equal(dwarf_shapes_init(&shapes, &die), 0);
		assert_int_equal(dwarf_entry_read(&shapes, die.addr, &entry), 0);
		assert_int_equal(entry.tag, dwarf_tag(&die));
		(void)dwarf_lowpc(&die, &base);
		at = entry.behind;
		compare_list(subject, &shapes, base, &die, &at, &counts);
		assert_ptr_equal(at, shapes.end);
		assert_int_equal(dwarf_entry_read(&shapes, at, &entry), -EBADMSG);
		dwarf_shapes_deinit(&shapes);
	}
	return counts;
}

static void entries_are_those_of_libdw(void **state)
{
	struct subject subject;
	struct counts counts;

	subject_open(&subject, "/proc/self/exe");
	counts = compare_all(&subject);
	subject_close(&subject);
	assert_true(counts.entries > 1000 && counts.ranges > 20 && counts.inlined > 0);
}

/* Steps through everything that can be reached, of a unit that may be anything. */
static void walk(struct dwarf_shapes *shapes, const uint8_t *at)
{
	struct dwarf_entry entry;
	size_t depth = 1;

	while (depth > 0 && dwarf_entry_read(shapes, at, &entry) == 0) {
		const uint8_t *behind;

		assert_true(entry.behind > at && entry.behind <= shapes->end);
		if (dwarf_entry_skip(shapes, &entry, &behind) == 0)
			assert_true(behind >= entry.behind && behind <= shapes->end);
		at = entry.behind;
		depth += entry.tag == 0 ? (size_t)-1 : entry.has_children;
	}
}

/* Damages some bytes behind the head of a unit, walks, and mends them. */
static void walk_damaged(struct dwarf_shapes *shapes, uint8_t *first, uint32_t seed)
{
	const size_t size = (size_t)(shapes->end - first);
	uint8_t *whole = malloc(size);

	assert_non_null(whole);
	memcpy(whole, first, size);
	for (size_t i = 0; i < 1 + size / 200; i++) {
		seed = seed * 1664525 + 1013904223;
		first[(seed >> 8) % size] = (uint8_t)(seed >> 3);
	}
	walk(shapes, first);
	memcpy(first, whole, size);
	free(whole);
}

/* The file is in memory of ours, so that it can be written to. */
static void damaged_entries_end_the_walk(void **state)
{
	struct subject subject;
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	char *image;
	size_t size;

	assert_int_equal(file_read("/proc/self/exe", 1 << 30, &image, &size), 0);
	assert_int_equal(elffile_open_image(image, size, "image", &subject.file), 0);
	subject.dwarf = dwarf_begin_elf(subject.file->elf, DWARF_C_READ, NULL);
	assert_non_null(subject.dwarf);
	while (dwarf_get_units(subject.dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0) {
		/* a compressed section is unpacked elsewhere */
		if ((char *)die.addr < image || (char *)die.addr >= image + size)
			continue;
		for (uint32_t round = 0; round < 20; round++) {
			struct dwarf_shapes shapes;

			assert_int_equal(dwarf_shapes_init(&shapes, &die), 0);
			walk_damaged(&shapes, die.addr, round);
			dwarf_shapes_deinit(&shapes);
		}
	}
	subject_close(&subject);
}

static struct dwarf_ranges ranges_of(const void *bytes, size_t size, uint8_t version)
{
	struct dwarf_range_sections sections = {};
	struct bytes *lists = version < 5 ? &sections.old_lists : &sections.lists;
	struct dwarf_ranges ranges;

	lists->at = bytes;
	lists->end = lists->at + size;
	dwarf_ranges_init(&ranges, &sections, version, 8, 0x1000, 0);
	return ranges;
}

static void assert_range(struct dwarf_ranges *ranges, uint64_t start, uint64_t end)
{
	uint64_t found_start, found_end;

	assert_int_equal(dwarf_ranges_next(ranges, &found_start, &found_end), 1);
	assert_int_equal(found_start, start);
	assert_int_equal(found_end, end);
}

static void lists_of_all_versions_are_read(void **state)
{
	static const uint64_t old[] = {0x10, 0x20, UINT64_MAX, 0x400000, 0, 8, 0, 0};
	static const uint8_t new[] = {DW_RLE_offset_pair,
				      0x10,
				      0x20,
				      DW_RLE_base_address,
				      0,
				      0,
				      0x40,
				      0,
				      0,
				      0,
				      0,
				      0,
				      DW_RLE_offset_pair,
				      0x81,
				      0x01,
				      0x82,
				      0x01,
				      DW_RLE_start_end,
				      1,
				      0,
				      0,
				      0,
				      0,
				      0,
				      0,
				      0,
				      2,
				      0,
				      0,
				      0,
				      0,
				      0,
				      0,
				      0,
				      DW_RLE_start_length,
				      0,
				      1,
				      0,
				      0,
				      0,
				      0,
				      0,
				      0,
				      5,
				      DW_RLE_end_of_list};
	struct dwarf_ranges ranges = ranges_of(old, sizeof(old), 4);
	uint64_t start, end;

	assert_range(&ranges, 0x1010, 0x1020);
	assert_range(&ranges, 0x400000, 0x400008);
	assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), 0);
	ranges = ranges_of(new, sizeof(new), 5);
	assert_range(&ranges, 0x1010, 0x1020);
	assert_range(&ranges, 0x400081, 0x400082);
	assert_range(&ranges, 1, 2);
	assert_range(&ranges, 0x100, 0x105);
	assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), 0);
}

static void lists_that_make_no_sense_are_errors(void **state)
{
	static const uint8_t cut[] = {DW_RLE_offset_pair, 0x10},
			     table[] = {DW_RLE_startx_length, 0, 1}, unknown[] = {77};
	struct dwarf_ranges ranges = ranges_of(cut, sizeof(cut), 5);
	uint64_t start, end;

	assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), -EBADMSG);
	ranges = ranges_of(table, sizeof(table), 5);
	assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), -ENOTSUP);
	ranges = ranges_of(unknown, sizeof(unknown), 5);
	assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), -EBADMSG);
	ranges = ranges_of(unknown, sizeof(unknown), 4);
	assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), -EBADMSG);
	ranges = ranges_of(NULL, 0, 5);
	assert_int_equal(dwarf_ranges_next(&ranges, &start, &end), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_those_of_libdw),
		cmocka_unit_test(damaged_entries_end_the_walk),
		cmocka_unit_test(lists_of_all_versions_are_read),
		cmocka_unit_test(lists_that_make_no_sense_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
