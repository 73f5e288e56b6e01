/* SPDX-License-Identifier: MIT */
/*
 * schema.h: how a profile stands in a payload: for each array and struct a table of fields, each with
 * its place in memory and its form in the file. Writer and reader both follow it, so they cannot differ.
 */
#ifndef PROFILE_SCHEMA_H
#define PROFILE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

enum schema_type {
	SCHEMA_BOOL, /* 1 byte */
	SCHEMA_U8,
	SCHEMA_U32,   /* int and enum, too */
	SCHEMA_U64,   /* double, too */
	SCHEMA_BYTES, /* as they are */
	SCHEMA_TEXT,  /* char *, owned by the struct; NULL is read back as "" */
	SCHEMA_NAME,  /* const char *, owned by the profile's pool; may be NULL */
};

struct schema_field {
	uint16_t offset;
	uint8_t type;
	uint8_t size; /* in the struct */
};
struct schema_table {
	uint32_t tag;
	uint16_t n_fields;
	uint16_t n_required; /* fields that version 1 had */
	const struct schema_field *fields;
	size_t entry_size;
	size_t place;   /* in struct profile: of the struct, or of the pointer to the array */
	size_t n_place; /* of the count; 0 for a struct */
};
struct schema_chunk {
	uint32_t tag, n, stride, reserved;
};

/* Four letters as they stand in the file. */
#define SCHEMA_TAG(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SCHEMA_TAG_STRINGS SCHEMA_TAG('S', 'T', 'R', 'S') /* bytes: strings, each zero terminated */
#define SCHEMA_TAG_MAPS    SCHEMA_TAG('S', 'M', 'A', 'P') /* bytes: /proc/PID/smaps */

extern const struct schema_table schema_tables[];
extern const size_t schema_n_tables;
/* the same of a struct flat_arenas, to which their places refer */
extern const struct schema_table schema_arena_tables[];
extern const size_t schema_n_arena_tables;
/* process.cmdline: its end is a NULL instead of a count */
extern const struct schema_table schema_arguments;

/* Bytes in the file of one field, and of the first n fields of a record. */
size_t schema_field_width(const struct schema_field *field);
size_t schema_width(const struct schema_field *fields, size_t n);

#endif
