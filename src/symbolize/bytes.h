/* SPDX-License-Identifier: MIT */
/*
 * bytes.h: reads numbers and strings from a part of a file that may say anything. A read past the end
 * gives 0 and is remembered: whoever reads checks once at the end. Loops over what was read still have to
 * end by themselves: a reader that failed has nothing left.
 */
#ifndef SYMBOLIZE_BYTES_H
#define SYMBOLIZE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at, *end; /* at == end: nothing left */
	bool failed;
};

static inline size_t bytes_left(const struct bytes *bytes)
{
	return (size_t)(bytes->end - bytes->at);
}

static inline void bytes_fail(struct bytes *bytes)
{
	bytes->failed = true;
	bytes->at = bytes->end;
}

static inline void bytes_skip(struct bytes *bytes, uint64_t size)
{
	if (size > bytes_left(bytes))
		bytes_fail(bytes);
	else
		bytes->at += size;
}

/* size is at most 8; the file has the machine's byte order. */
static inline uint64_t bytes_number(struct bytes *bytes, size_t size)
{
	uint64_t number = 0;

	if (size > bytes_left(bytes)) {
		bytes_fail(bytes);
		return 0;
	}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(&number, bytes->at, size);
#else
	memcpy((uint8_t *)&number + sizeof(number) - size, bytes->at, size);
#endif
	bytes->at += size;
	return number;
}

static inline uint8_t bytes_u8(struct bytes *bytes)
{
	if (bytes->at == bytes->end) {
		bytes->failed = true;
		return 0;
	}
	return *bytes->at++;
}

/* DWARF's LEB128; bits above the 64th are dropped. */
static inline uint64_t bytes_uleb(struct bytes *bytes)
{
	uint64_t number = 0;

	for (unsigned int shift = 0;; shift += 7) {
		uint8_t byte = bytes_u8(bytes);

		if (shift < 64)
			number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return number;
	}
}

static inline int64_t bytes_sleb(struct bytes *bytes)
{
	uint64_t number = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = bytes_u8(bytes);
		if (shift < 64)
			number |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (shift < 64 && (byte & 0x40))
		number |= ~UINT64_C(0) << shift;
	return (int64_t)number;
}

/* Up to its zero; "" if there is none. Lives as long as the file. */
static inline const char *bytes_string(struct bytes *bytes)
{
	const uint8_t *text = bytes->at;
	const uint8_t *zero = text == bytes->end ? NULL : memchr(text, 0, bytes_left(bytes));

	if (!zero) {
		bytes_fail(bytes);
		return "";
	}
	bytes->at = zero + 1;
	return (const char *)text;
}

#endif
