/* SPDX-License-Identifier: MIT */
/*
 * The profile's arrays in the order of the schema, then the strings, which are collected on the way:
 * each is there once, however many records name it.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "profile/flat-arenas.h"
#include "profile/payload.h"
#include "profile/schema.h"

struct writer {
	struct strbuf *buffer;
	struct string_pool *pool; /* each string once */
	struct map offsets;       /* pointer in pool: offset in strings */
	struct strbuf strings;
};

static void writer_deinit(struct writer *writer)
{
	string_pool_free(writer->pool);
	map_deinit(&writer->offsets);
	strbuf_deinit(&writer->strings);
}

static int write_u32(struct writer *writer, uint32_t value)
{
	value = htole32(value);
	return strbuf_add(writer->buffer, &value, sizeof(value));
}

static int write_string(struct writer *writer, const char *string)
{
	uint64_t *offset;
	int r;

	if (!string)
		return write_u32(writer, 0);
	string = string_pool_add(writer->pool, string);
	if (!string)
		return -ENOMEM;
	r = map_add(&writer->offsets, (uintptr_t)string, writer->strings.length, &offset);
	if (r < 0)
		return r;
	if (r > 0) {
		r = strbuf_add(&writer->strings, string, strlen(string) + 1);
		if (r < 0)
			return r;
		if (writer->strings.length > UINT32_MAX)
			return -E2BIG;
	}
	return write_u32(writer, (uint32_t)*offset);
}

static int write_field(struct writer *writer, const struct schema_field *field, const void *entry)
{
	const void *place = (const char *)entry + field->offset;
	uint32_t u32;
	uint64_t u64;

	switch (field->type) {
	case SCHEMA_U32:
		memcpy(&u32, place, sizeof(u32));
		return write_u32(writer, u32);
	case SCHEMA_U64:
		memcpy(&u64, place, sizeof(u64));
		u64 = htole64(u64);
		return strbuf_add(writer->buffer, &u64, sizeof(u64));
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
		return write_string(writer, *(const char *const *)place);
	default:
		return strbuf_add(writer->buffer, place, field->size);
	}
}

static int write_chunk_header(struct writer *writer, uint32_t tag, size_t n, size_t stride)
{
	const struct schema_chunk chunk = {
		.tag = htole32(tag),
		.n = htole32((uint32_t)n),
		.stride = htole32((uint32_t)stride),
	};

	if (n > UINT32_MAX)
		return -E2BIG;
	return strbuf_add(writer->buffer, &chunk, sizeof(chunk));
}

static int write_padding(struct writer *writer)
{
	return strbuf_add_repeated(writer->buffer, '\0', -writer->buffer->length & 7);
}

static int write_table(struct writer *writer, const struct schema_table *table, const void *entries,
		       size_t n)
{
	int r;

	r = write_chunk_header(writer, table->tag, n, schema_width(table->fields, table->n_fields));
	for (size_t i = 0; r >= 0 && i < n; i++)
		for (size_t f = 0; r >= 0 && f < table->n_fields; f++)
			r = write_field(writer, &table->fields[f],
					(const char *)entries + i * table->entry_size);
	return r < 0 ? r : write_padding(writer);
}

static int write_bytes(struct writer *writer, uint32_t tag, const char *bytes, size_t size)
{
	int r;

	r = write_chunk_header(writer, tag, size, 1);
	if (r >= 0)
		r = strbuf_add(writer->buffer, bytes, size);
	return r < 0 ? r : write_padding(writer);
}

/* base: of the places in the table. */
static int write_place(struct writer *writer, const struct schema_table *table, const void *base)
{
	const char *place = (const char *)base + table->place;

	if (table->n_place == 0)
		return write_table(writer, table, place, 1);
	return write_table(writer, table, *(void *const *)place,
			   *(const size_t *)((const char *)base + table->n_place));
}

static int write_arenas(struct writer *writer, const struct arenas *arenas)
{
	struct flat_arenas flat;
	int r = flat_arenas_make(arenas, &flat);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < schema_n_arena_tables; i++)
		r = write_place(writer, &schema_arena_tables[i], &flat);
	flat_arenas_deinit(&flat, false);
	return r;
}

int payload_write(const struct profile *profile, struct strbuf *buffer)
{
	_cleanup_(writer_deinit) struct writer writer = {
		.buffer = buffer,
		.pool = string_pool_new(),
	};
	int r;

	if (!writer.pool)
		return -ENOMEM;
	/* offset 0 is for NULL */
	r = strbuf_addc(&writer.strings, '\0');
	for (size_t i = 0; r >= 0 && i < schema_n_tables; i++)
		r = write_place(&writer, &schema_tables[i], profile);
	if (r >= 0 && profile->arenas)
		r = write_arenas(&writer, profile->arenas);
	if (r >= 0 && profile->process.cmdline) {
		size_t n = 0;

		while (profile->process.cmdline[n])
			n++;
		r = write_table(&writer, &schema_arguments, profile->process.cmdline, n);
	}
	if (r >= 0 && profile->maps_text)
		r = write_bytes(&writer, SCHEMA_TAG_MAPS, profile->maps_text,
				strlen(profile->maps_text));
	if (r >= 0)
		r = write_bytes(&writer, SCHEMA_TAG_STRINGS, writer.strings.text,
				writer.strings.length);
	return r;
}
