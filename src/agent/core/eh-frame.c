/* SPDX-License-Identifier: MIT */
/*
 * eh-frame.c: finding the record of a function and reading it.
 *
 * Context: any thread, inside malloc, signal handlers, small stacks; nothing is stored.
 *
 *   .eh_frame_hdr            .eh_frame
 *   version, encodings       CIE: what many functions have in common, and their first instructions
 *   address of .eh_frame     FDE: pc range of one function, instructions → its CIE
 *   sorted: pc → FDE  ─────▶ FDE ...
 *
 * The header is searched by bisection, then the FDE and its CIE are parsed into struct eh_function,
 * which eh-program.c runs up to the pc. A header without a table sends us through .eh_frame from the
 * front; that is slow, but each pc asks once.
 */
#include "agent/core/eh-frame.h"

#include "agent/core/eh-cursor.h"
#include "agent/core/eh-program.h"

struct header {
	uintptr_t frames; /* .eh_frame, 0 if it does not say */
	uint64_t n;       /* entries of the table */
	uint8_t encoding; /* of the table */
	struct eh_cursor table;
};

static bool parse_header(uintptr_t start, uintptr_t end, uintptr_t hdr, struct header *ret)
{
	struct eh_cursor c = {hdr, end, hdr < start || hdr >= end};
	struct eh_bases bases = {hdr, 0, start, end};
	uint8_t version = eh_take_u8(&c), frames = eh_take_u8(&c);
	uint8_t count = eh_take_u8(&c), table = eh_take_u8(&c);

	if (c.bad || version != 1)
		return false;
	ret->frames = frames == EH_PE_OMIT ? 0 : eh_take_pointer(&c, frames, &bases);
	ret->n = 0;
	ret->encoding = table;
	if (count != EH_PE_OMIT && table != EH_PE_OMIT)
		ret->n = eh_take_pointer(&c, count, &bases);
	ret->table = c;
	return !c.bad;
}

uintptr_t eh_frame_address(uintptr_t hdr, uintptr_t end)
{
	struct header header;

	return parse_header(hdr, end, hdr, &header) ? header.frames : 0;
}

/* The address of the last FDE that begins at or before pc; 0 if there is none. */
static uintptr_t search_table(const struct eh_tables *tables, const struct header *header,
			      uintptr_t pc)
{
	unsigned size = eh_pointer_size(header->encoding);
	struct eh_bases bases = {tables->hdr, 0, tables->start, tables->end};
	uint64_t low = 0, high = header->n;

	if (size == 0 || header->n > (header->table.end - header->table.at) / (2ull * size))
		return 0;
	/* entries below low begin at or before pc, those from high on after it */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct eh_cursor c = header->table;

		c.at += middle * 2 * size;
		if (eh_take_pointer(&c, header->encoding, &bases) <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return 0;

	struct eh_cursor c = header->table;

	c.at += (low - 1) * 2 * size + size;
	return eh_take_pointer(&c, header->encoding, &bases);
}

/* Reads the length of a record. The cursor then ends with it; id_size is 4 or 8. False at the end. */
static bool enter_record(struct eh_cursor *c, unsigned *ret_id_size)
{
	uint64_t length = eh_take(c, 4);

	*ret_id_size = 4;
	if (length == 0xffffffff) {
		length = eh_take(c, 8);
		*ret_id_size = 8;
	}
	if (c->bad || length == 0 || length > c->end - c->at)
		return false;
	c->end = c->at + length;
	return true;
}

/* The letters after 'z' say which data follow; of an unknown one even the size is unknown. */
static bool parse_augmentation(struct eh_cursor *c, const char *letters,
			       const struct eh_bases *bases, struct eh_function *ret)
{
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			ret->encoding = eh_take_u8(c);
			break;
		case 'L':
			eh_take_u8(c);
			break;
		case 'P': {
			uint8_t encoding = eh_take_u8(c);

			eh_take_pointer(c, encoding & ~EH_PE_INDIRECT, bases);
			break;
		}
		case 'S':
			ret->is_signal = true;
			break;
		case 'B': /* aarch64: return addresses are signed with the other key */
		case 'G': /* aarch64: memory tags */
			break;
		default:
			return false;
		}
	}
	return !c->bad;
}

static bool parse_cie(const struct eh_tables *tables, uintptr_t address, struct eh_function *ret)
{
	struct eh_cursor c = {address, tables->end,
			      address < tables->start || address >= tables->end};
	struct eh_bases bases = {tables->hdr, 0, tables->start, tables->end};
	unsigned id_size;

	if (!enter_record(&c, &id_size) || eh_take(&c, id_size) != 0)
		return false;

	uint8_t version = eh_take_u8(&c);
	const char *letters = (const char *)c.at;

	while (eh_take_u8(&c))
		;
	if (c.bad || (version != 1 && version != 3 && version != 4))
		return false;
	if (version == 4 && eh_take(&c, 2) != 8)
		return false; /* addresses of another size than ours, or segments */

	ret->code_align = eh_take_uleb(&c);
	ret->data_align = eh_take_sleb(&c);
	uint64_t ra = version == 1 ? eh_take_u8(&c) : eh_take_uleb(&c);
	if (c.bad || ra >= UNWIND_N_REGS)
		return false;
	ret->ra = (uint8_t)ra;
	ret->encoding = EH_PE_ABSPTR;
	ret->is_signal = false;
	ret->has_size = letters[0] == 'z';
	if (letters[0] == 'z') {
		uint64_t size = eh_take_uleb(&c);
		struct eh_cursor data = c;

		eh_skip(&c, size);
		data.end = c.at;
		if (c.bad || !parse_augmentation(&data, letters + 1, &bases, ret))
			return false;
	} else if (letters[0]) {
		return false;
	}
	ret->initial = c;
	return !c.bad;
}

/* Reads the record at address. Returns 1 if it is a CIE, 0 for an FDE, or an error. */
static int parse_fde(const struct eh_tables *tables, uintptr_t address, struct eh_function *ret,
		     uintptr_t *ret_next)
{
	struct eh_cursor c = {address, tables->end,
			      address < tables->start || address >= tables->end};
	unsigned id_size;

	if (!enter_record(&c, &id_size))
		return EH_DAMAGED;
	*ret_next = c.end;

	uintptr_t field = c.at;
	uint64_t distance = eh_take(&c, id_size);

	if (c.bad)
		return EH_DAMAGED;
	if (distance == 0)
		return 1;
	if (distance > field - tables->start || !parse_cie(tables, field - distance, ret))
		return EH_DAMAGED;

	struct eh_bases bases = {tables->hdr, 0, tables->start, tables->end};

	ret->start = eh_take_pointer(&c, ret->encoding, &bases);
	ret->end = ret->start + eh_take_pointer(&c, ret->encoding & EH_PE_FORMAT, &bases);
	if (ret->has_size)
		eh_skip(&c, eh_take_uleb(&c));
	ret->program = c;
	return c.bad || ret->end < ret->start ? EH_DAMAGED : 0;
}

static int search_frames(const struct eh_tables *tables, uintptr_t at, uintptr_t pc,
			 struct eh_function *ret)
{
	while (at >= tables->start && at < tables->end) {
		uintptr_t next;
		int r = parse_fde(tables, at, ret, &next);

		if (r < 0)
			break; /* the terminator, a record of 0 bytes, ends here too */
		if (r == 0 && pc >= ret->start && pc < ret->end)
			return 0;
		at = next;
	}
	return EH_NO_ENTRY;
}

int eh_frame_find(const struct eh_tables *tables, uintptr_t pc, struct eh_row *ret)
{
	struct header header;
	struct eh_function function;
	int r;

	if (tables->end - tables->start > UINT32_MAX ||
	    !parse_header(tables->start, tables->end, tables->hdr, &header))
		return EH_DAMAGED;
	if (header.n > 0 && eh_pointer_size(header.encoding)) {
		uintptr_t address = search_table(tables, &header, pc), next;

		if (!address)
			return EH_NO_ENTRY;
		r = parse_fde(tables, address, &function, &next);
		if (r != 0)
			return EH_DAMAGED;
		if (pc < function.start || pc >= function.end)
			return EH_NO_ENTRY;
	} else {
		r = search_frames(tables, header.frames, pc, &function);
		if (r < 0)
			return r;
	}
	return eh_program_run(tables, &function, pc, ret);
}
