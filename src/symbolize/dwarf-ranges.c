/* SPDX-License-Identifier: MIT */
/*
 * dwarf-ranges.c: up to version 4 a list is pairs of addresses relative to a base, with one pair that sets the
 * base; since version 5 each item says its kind. libdw reads them too, but finds the list anew for each range.
 */
#include "symbolize/dwarf-ranges.h"

#include <dwarf.h>
#include <errno.h>

void dwarf_range_sections_init(struct dwarf_range_sections *sections, const struct elffile *file)
{
	sections->old_lists = elffile_bytes(file, ".debug_ranges", ".zdebug_ranges");
	sections->lists = elffile_bytes(file, ".debug_rnglists", ".zdebug_rnglists");
}

void dwarf_ranges_init(struct dwarf_ranges *ranges, const struct dwarf_range_sections *sections,
		       uint8_t version, uint8_t address_size, uint64_t base, uint64_t offset)
{
	*ranges = (struct dwarf_ranges){
		.from = version < 5 ? sections->old_lists : sections->lists,
		.is_old = version < 5,
		.address_size = address_size,
		.base = base,
	};
	bytes_skip(&ranges->from, offset);
}

static uint64_t read_address(struct dwarf_ranges *ranges)
{
	return bytes_number(&ranges->from, ranges->address_size <= 8 ? ranges->address_size : 8);
}

static int next_old(struct dwarf_ranges *ranges, uint64_t *ret_start, uint64_t *ret_end)
{
	const uint64_t no_start = ranges->address_size == 4 ? UINT32_MAX : UINT64_MAX;

	for (;;) {
		const uint64_t start = read_address(ranges), end = read_address(ranges);

		if (ranges->from.failed)
			return -EBADMSG;
		if (start == 0 && end == 0)
			return 0;
		if (start == no_start) {
			ranges->base = end;
			continue;
		}
		*ret_start = ranges->base + start;
		*ret_end = ranges->base + end;
		return 1;
	}
}

static int next_new(struct dwarf_ranges *ranges, uint64_t *ret_start, uint64_t *ret_end)
{
	struct bytes *from = &ranges->from;

	for (;;) {
		const uint8_t kind = bytes_u8(from);

		if (from->failed)
			return -EBADMSG;
		switch (kind) {
		case DW_RLE_end_of_list:
			return 0;
		case DW_RLE_base_address:
			ranges->base = read_address(ranges);
			continue;
		case DW_RLE_offset_pair:
			*ret_start = ranges->base + bytes_uleb(from);
			*ret_end = ranges->base + bytes_uleb(from);
			break;
		case DW_RLE_start_end:
			*ret_start = read_address(ranges);
			*ret_end = read_address(ranges);
			break;
		case DW_RLE_start_length:
			*ret_start = read_address(ranges);
			*ret_end = *ret_start + bytes_uleb(from);
			break;
		case DW_RLE_base_addressx:
		case DW_RLE_startx_endx:
		case DW_RLE_startx_length:
			return -ENOTSUP;
		default:
			return -EBADMSG;
		}
		return from->failed ? -EBADMSG : 1;
	}
}

int dwarf_ranges_next(struct dwarf_ranges *ranges, uint64_t *ret_start, uint64_t *ret_end)
{
	return ranges->is_old ? next_old(ranges, ret_start, ret_end)
			      : next_new(ranges, ret_start, ret_end);
}
