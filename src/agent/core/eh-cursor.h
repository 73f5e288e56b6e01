/* SPDX-License-Identifier: MIT */
/*
 * eh-cursor.h: bounded reading of exception tables. A read past the end gives 0 and sets bad, which
 * sticks, so that a parser may read a whole record and look once.
 */
#ifndef AGENT_CORE_EH_CURSOR_H
#define AGENT_CORE_EH_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

/* How pointers in the tables are stored: a format in the low half of the byte, a base in the high. */
enum {
	EH_PE_ABSPTR = 0x00,
	EH_PE_ULEB128 = 0x01,
	EH_PE_UDATA2 = 0x02,
	EH_PE_UDATA4 = 0x03,
	EH_PE_UDATA8 = 0x04,
	EH_PE_SLEB128 = 0x09,
	EH_PE_SDATA2 = 0x0a,
	EH_PE_SDATA4 = 0x0b,
	EH_PE_SDATA8 = 0x0c,
	EH_PE_FORMAT = 0x0f,
	EH_PE_PCREL = 0x10,
	EH_PE_DATAREL = 0x30, /* from .eh_frame_hdr */
	EH_PE_FUNCREL = 0x40, /* from the start of the function */
	EH_PE_ALIGNED = 0x50,
	EH_PE_BASE = 0x70,
	EH_PE_INDIRECT = 0x80,
	EH_PE_OMIT = 0xff,
};

struct eh_cursor {
	uintptr_t at, end;
	bool bad;
};

/* What pointers may be relative to, and the range that indirect ones may point into. */
struct eh_bases {
	uintptr_t data, function;
	uintptr_t start, end;
};

/* size is 1, 2, 4 or 8 */
static inline uint64_t eh_take(struct eh_cursor *c, unsigned size)
{
	uint64_t value = 0;

	if (unlikely(c->bad || !c->at || c->end - c->at < size)) {
		c->bad = true;
		return 0;
	}
	__builtin_memcpy(&value, (const void *)c->at, size);
	c->at += size;
	return value;
}

static inline uint8_t eh_take_u8(struct eh_cursor *c)
{
	if (unlikely(c->bad || c->at >= c->end)) {
		c->bad = true;
		return 0;
	}
	return *(const uint8_t *)c->at++;
}

static inline void eh_skip(struct eh_cursor *c, uint64_t size)
{
	if (unlikely(c->bad || c->end - c->at < size))
		c->bad = true;
	else
		c->at += size;
}

/* Numbers of DWARF's variable length, unsigned and signed; 0, and bad, if they have more than ten bytes. */
uint64_t eh_take_uleb(struct eh_cursor *c);
int64_t eh_take_sleb(struct eh_cursor *c);
uint64_t eh_take_pointer(struct eh_cursor *c, uint8_t encoding, const struct eh_bases *bases);

/* Bytes of a pointer with that encoding, 0 if they vary. */
unsigned eh_pointer_size(uint8_t encoding);

#endif
