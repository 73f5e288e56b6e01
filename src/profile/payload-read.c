/* SPDX-License-Identifier: MIT */
/*
 * The reader trusts nothing. Bounds are checked once a chunk; a record is never shorter than the fields
 * of version 1, so that what is allocated stays in proportion to what was read; strings that are copied
 * once for each record have a common budget, because many records may name the same long one. What
 * remains to be asked (indices, figures) profile_is_valid asks at the end.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "profile/flat-arenas.h"
#include "profile/payload.h"
#include "profile/schema.h"

struct reader {
	struct profile *profile;
	const char *strings; /* zero terminated at the end */
	size_t strings_size;
	struct flat_arenas arenas;
	size_t text_budget; /* bytes that may still be copied into owners */
	struct map
		names; /* offset in strings: pointer in the profile's pool; many records name the same */
};

static void reader_deinit(struct reader *reader)
{
	flat_arenas_deinit(&reader->arenas, true);
	map_deinit(&reader->names);
}

static uint32_t load_u32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

/* The chunk at *offset, its records checked to be there; moves on to the next. 0 at the end. */
static int next_chunk(const uint8_t *bytes, size_t size, size_t *offset, struct schema_chunk *ret,
		      const uint8_t **ret_records)
{
	size_t left = size - *offset;
	uint64_t length;

	if (left == 0)
		return 0;
	if (left < sizeof(struct schema_chunk))
		return -EBADMSG;
	ret->tag = load_u32(bytes + *offset);
	ret->n = load_u32(bytes + *offset + 4);
	ret->stride = load_u32(bytes + *offset + 8);
	left -= sizeof(struct schema_chunk);
	length = ALIGN_UP((uint64_t)ret->n * ret->stride, 8ull);
	if (length > left)
		return -EBADMSG;
	*ret_records = bytes + *offset + sizeof(struct schema_chunk);
	*offset += sizeof(struct schema_chunk) + length;
	return 1;
}

static int read_string(struct reader *reader, uint32_t offset, const char **ret)
{
	if (offset == 0) {
		*ret = NULL;
		return 0;
	}
	if (offset >= reader->strings_size)
		return -EBADMSG;
	*ret = reader->strings + offset;
	return 0;
}

static int read_text(struct reader *reader, uint32_t offset, char **ret)
{
	const char *string;
	int r;

	r = read_string(reader, offset, &string);
	if (r < 0)
		return r;
	if (!string)
		string = "";
	size_t size = strlen(string) + 1;
	if (size > reader->text_budget)
		return -EBADMSG;
	reader->text_budget -= size;
	*ret = strdup(string);
	return *ret ? 0 : -ENOMEM;
}

static int read_name(struct reader *reader, uint32_t offset, const char **ret)
{
	const char *string = map_get_ptr(&reader->names, offset);
	int r;

	if (!string) {
		r = read_string(reader, offset, &string);
		if (r < 0 || !string) {
			*ret = NULL;
			return r;
		}
		string = string_pool_add(reader->profile->strings, string);
		if (!string || map_set(&reader->names, offset, (uintptr_t)string) < 0)
			return -ENOMEM;
	}
	*ret = string;
	return 0;
}

static int read_field(struct reader *reader, const struct schema_field *field, const uint8_t *bytes,
		      void *entry)
{
	void *place = (char *)entry + field->offset;
	uint64_t u64;
	uint32_t u32;

	switch (field->type) {
	case SCHEMA_BOOL:
		*(bool *)place = bytes[0] != 0;
		return 0;
	case SCHEMA_U32:
		u32 = load_u32(bytes);
		memcpy(place, &u32, sizeof(u32));
		return 0;
	case SCHEMA_U64:
		memcpy(&u64, bytes, sizeof(u64));
		u64 = le64toh(u64);
		memcpy(place, &u64, sizeof(u64));
		return 0;
	case SCHEMA_TEXT:
		return read_text(reader, load_u32(bytes), place);
	case SCHEMA_NAME:
		return read_name(reader, load_u32(bytes), place);
	default:
		memcpy(place, bytes, field->size);
		return 0;
	}
}

static int read_records(struct reader *reader, const struct schema_table *table,
			const struct schema_chunk *chunk, const uint8_t *records, void *entries)
{
	for (size_t i = 0; i < chunk->n; i++) {
		size_t at = 0;

		for (size_t f = 0; f < table->n_fields; f++) {
			const struct schema_field *field = &table->fields[f];
			size_t width = schema_field_width(field);

			if (at + width > chunk->stride)
				break;
			int r = read_field(reader, field, records + i * chunk->stride + at,
					   (char *)entries + i * table->entry_size);
			if (r < 0)
				return r;
			at += width;
		}
	}
	return 0;
}

static int check_stride(const struct schema_table *table, const struct schema_chunk *chunk)
{
	return chunk->stride < schema_width(table->fields, table->n_required) ? -EBADMSG : 0;
}

/* An array with one zero entry behind it; it may stand there only once. */
static int read_array(struct reader *reader, const struct schema_table *table,
		      const struct schema_chunk *chunk, const uint8_t *records, void *ret_array,
		      size_t *ret_n)
{
	void **array = ret_array;

	if (*array || check_stride(table, chunk) < 0)
		return -EBADMSG;
	*array = calloc((size_t)chunk->n + 1, table->entry_size);
	if (!*array)
		return -ENOMEM;
	*ret_n = chunk->n;
	return read_records(reader, table, chunk, records, *array);
}

static int read_struct(struct reader *reader, const struct schema_table *table,
		       const struct schema_chunk *chunk, const uint8_t *records)
{
	struct profile_process *process = &reader->profile->process;

	if (chunk->n != 1 || check_stride(table, chunk) < 0)
		return -EBADMSG;
	/* the only one that owns something, so the only one that may not come twice */
	if (table->place == offsetof(struct profile, process) && process->exe)
		return -EBADMSG;
	return read_records(reader, table, chunk, records, (char *)reader->profile + table->place);
}

/* 1 if the chunk was one of the arenas'. */
static int read_arena_chunk(struct reader *reader, const struct schema_chunk *chunk,
			    const uint8_t *records)
{
	char *base = (char *)&reader->arenas;

	for (size_t i = 0; i < schema_n_arena_tables; i++) {
		const struct schema_table *table = &schema_arena_tables[i];
		int r;

		if (table->tag != chunk->tag)
			continue;
		r = read_array(reader, table, chunk, records, base + table->place,
			       (size_t *)(base + table->n_place));
		return r < 0 ? r : 1;
	}
	return 0;
}

static int read_chunk(struct reader *reader, const struct schema_chunk *chunk,
		      const uint8_t *records)
{
	struct profile *profile = reader->profile;
	size_t n_arguments;

	if (chunk->tag == schema_arguments.tag)
		return read_array(reader, &schema_arguments, chunk, records,
				  &profile->process.cmdline, &n_arguments);
	if (chunk->tag == SCHEMA_TAG_MAPS) {
		if (profile->maps_text || chunk->stride != 1)
			return -EBADMSG;
		profile->maps_text = strndup((const char *)records, chunk->n);
		return profile->maps_text ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < schema_n_tables; i++) {
		const struct schema_table *table = &schema_tables[i];

		if (table->tag != chunk->tag)
			continue;
		if (table->n_place == 0)
			return read_struct(reader, table, chunk, records);
		return read_array(reader, table, chunk, records, (char *)profile + table->place,
				  (size_t *)((char *)profile + table->n_place));
	}
	return MIN(read_arena_chunk(reader, chunk, records), 0);
}

static int find_strings(struct reader *reader, const uint8_t *bytes, size_t size)
{
	const uint8_t *records;
	struct schema_chunk chunk;
	size_t offset = 0;
	int r;

	while ((r = next_chunk(bytes, size, &offset, &chunk, &records)) > 0) {
		if (chunk.tag != SCHEMA_TAG_STRINGS)
			continue;
		if (reader->strings || chunk.stride != 1 || chunk.n == 0 ||
		    records[chunk.n - 1] != '\0')
			return -EBADMSG;
		reader->strings = (const char *)records;
		reader->strings_size = chunk.n;
	}
	return r;
}

int payload_read(const void *bytes, size_t size, struct profile **ret)
{
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	_cleanup_(reader_deinit) struct reader reader = {
		.profile = profile,
		.text_budget = size < (1ull << 40) ? size * 4 + (1 << 20) : 0,
	};
	const uint8_t *records;
	struct schema_chunk chunk;
	size_t offset = 0;
	int r;

	if (!profile)
		return -ENOMEM;
	r = find_strings(&reader, bytes, size);
	if (r < 0)
		return r;
	while ((r = next_chunk(bytes, size, &offset, &chunk, &records)) > 0) {
		r = read_chunk(&reader, &chunk, records);
		if (r < 0)
			return r;
	}
	if (r >= 0)
		r = flat_arenas_restore(&reader.arenas, &profile->arenas);
	if (r < 0)
		return r;
	if (!profile_is_valid(profile))
		return -EBADMSG;
	*ret = TAKE_PTR(profile);
	return 0;
}
