/* SPDX-License-Identifier: MIT */
/*
 * eh-cursor.c: the variable length numbers and the encoded pointers of .eh_frame (LSB core, "DWARF
 * extensions").
 */
#include "agent/core/eh-cursor.h"

uint64_t eh_take_uleb(struct eh_cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte = eh_take_u8(c);

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->bad = true;
	return 0;
}

int64_t eh_take_sleb(struct eh_cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte = eh_take_u8(c);

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if ((byte & 0x40) && shift + 7 < 64)
			value |= ~0ull << (shift + 7);
		return (int64_t)value;
	}
	c->bad = true;
	return 0;
}

unsigned eh_pointer_size(uint8_t encoding)
{
	switch (encoding & EH_PE_FORMAT) {
	case EH_PE_UDATA2:
	case EH_PE_SDATA2:
		return 2;
	case EH_PE_UDATA4:
	case EH_PE_SDATA4:
		return 4;
	case EH_PE_ABSPTR:
	case EH_PE_UDATA8:
	case EH_PE_SDATA8:
		return 8;
	default:
		return 0;
	}
}

static uint64_t take_number(struct eh_cursor *c, uint8_t format)
{
	switch (format) {
	case EH_PE_ABSPTR:
	case EH_PE_UDATA8:
	case EH_PE_SDATA8:
		return eh_take(c, 8);
	case EH_PE_ULEB128:
		return eh_take_uleb(c);
	case EH_PE_SLEB128:
		return (uint64_t)eh_take_sleb(c);
	case EH_PE_UDATA2:
		return eh_take(c, 2);
	case EH_PE_SDATA2:
		return (uint64_t)(int64_t)(int16_t)eh_take(c, 2);
	case EH_PE_UDATA4:
		return eh_take(c, 4);
	case EH_PE_SDATA4:
		return (uint64_t)(int64_t)(int32_t)eh_take(c, 4);
	default:
		c->bad = true;
		return 0;
	}
}

uint64_t eh_take_pointer(struct eh_cursor *c, uint8_t encoding, const struct eh_bases *bases)
{
	uint64_t base = 0;

	switch (encoding & EH_PE_BASE) {
	case 0:
		break;
	case EH_PE_PCREL:
		base = c->at;
		break;
	case EH_PE_DATAREL:
		base = bases->data;
		break;
	case EH_PE_FUNCREL:
		base = bases->function;
		break;
	case EH_PE_ALIGNED:
		eh_skip(c, ALIGN_UP(c->at, (uintptr_t)8) - c->at);
		break;
	default:
		c->bad = true;
		return 0;
	}

	uint64_t value = take_number(c, encoding & EH_PE_FORMAT);

	if (c->bad || value == 0)
		return 0;
	value += base;
	if (encoding & EH_PE_INDIRECT) {
		struct eh_cursor there = {value, bases->end,
					  value < bases->start || value > bases->end};

		value = eh_take(&there, 8);
		c->bad |= there.bad;
	}
	return value;
}
