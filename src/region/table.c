/* SPDX-License-Identifier: MIT */
/*
 * table.c: the tables of a region, entry by entry.
 *
 * Entries whose slots are used again (blocks, mappings, events, threads) may change while they are
 * copied. Each is copied twice, and counts if both copies are equal. The writer clears the field that
 * makes an entry visible before it changes the others, and stores it last, so that two equal copies are
 * not half of one entry and half of another. Copying is done in chunks, twice, and only what differs is
 * copied again by itself.
 *
 * Counts and sizes come from the region, and a hostile one may claim anything. What is read is bounded by
 * how much memory the region really takes (source_filled), with some slack: writers take slots in
 * batches, so that a few are counted and were never touched.
 */
#include "region/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum {
	CHUNK = 64 * 1024,   /* bytes copied at once */
	ENTRY_MAX = 4096,    /* bytes of an entry of any future version */
	ATTEMPTS = 8,        /* copies of an entry that does not stand still */
	SLACK = 1024 * 1024, /* bytes of a table that may be counted as used and never touched */
	ALIGNMENT = 64,      /* of a table in the region */
	GROUP = 16,          /* entries that have one sum */
	AHEAD = 2048,        /* bytes: the processor's own look-ahead ends with each page */
};

/* The tables, and what this version knows of their entries. */
static const struct {
	size_t place; /* of struct mt_table in the header */
	uint32_t entry_size;
} known_tables[] = {
	{offsetof(struct mt_header, stacks), sizeof(uint64_t)},
	{offsetof(struct mt_header, sites), sizeof(struct mt_site)},
	{offsetof(struct mt_header, live), sizeof(struct mt_live)},
	{offsetof(struct mt_header, maps), sizeof(struct mt_map)},
	{offsetof(struct mt_header, ring), sizeof(struct mt_event)},
	{offsetof(struct mt_header, modules), sizeof(struct mt_module)},
	{offsetof(struct mt_header, threads), sizeof(struct mt_thread)},
	{offsetof(struct mt_header, strings), 1},
};

int tables_check(const struct mt_header *header)
{
	struct mt_table table;
	uint64_t size;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known_tables); i++) {
		memcpy(&table, (const char *)header + known_tables[i].place, sizeof(table));
		if (!table.capacity)
			continue;
		/* frames and strings have no room to grow in */
		if (table.entry_size < known_tables[i].entry_size || table.entry_size > ENTRY_MAX ||
		    (known_tables[i].entry_size <= sizeof(uint64_t) &&
		     table.entry_size != known_tables[i].entry_size))
			return -EPROTO;
		size = (uint64_t)table.entry_size * table.capacity;
		if (table.offset < header->header_size || !IS_ALIGNED(table.offset, ALIGNMENT) ||
		    table.offset > header->region_size || size > header->region_size - table.offset)
			return -EPROTO;
	}
	return 0;
}

uint64_t table_used(const struct source *source, const struct mt_table *table, uint64_t n)
{
	uint64_t size = source_size(source);
	uint64_t filled = source_filled(source);

	if (!table->capacity || table->offset >= size)
		return 0;
	size = MIN(size - table->offset, filled + SLACK);
	return MIN(MIN(n, table->capacity), size / table->entry_size);
}

/* Copies one entry until two copies in a row are equal. Returns whether they were. */
static int settle(struct source *source, uint64_t offset, char *bytes, size_t size)
{
	char again[ENTRY_MAX];
	int i, r;

	for (i = 0; i < ATTEMPTS; i++) {
		r = source_copy(source, offset, again, size);
		if (r < 0)
			return r;
		if (!memcmp(bytes, again, size))
			return 1;
		memcpy(bytes, again, size);
	}
	return 0;
}

int table_visit_range(struct source *source, const struct mt_table *table, uint64_t first,
		      uint64_t end, table_visitor visitor, void *context)
{
	_cleanup_free_ char *chunk = NULL;
	uint64_t size = table->entry_size, at_once, offset, i, n;
	char *entry, *again;
	int r, stable;

	/* the entries of an empty table may claim any size, 0 too */
	if (first >= end)
		return 0;
	at_once = MIN(CHUNK / size, end - first);
	chunk = malloc(2 * at_once * size);
	if (!chunk)
		return -ENOMEM;
	again = chunk + at_once * size;
	for (; first < end; first += n) {
		n = MIN(at_once, end - first);
		offset = table->offset + first * size;
		r = source_copy(source, offset, chunk, n * size);
		if (r < 0)
			return r;
		r = source_copy(source, offset, again, n * size);
		if (r < 0)
			return r;
		for (i = 0; i < n; i++) {
			entry = chunk + i * size;
			stable = 1;
			if (memcmp(entry, again + i * size, size) != 0)
				stable = settle(source, offset + i * size, entry, size);
			if (stable < 0)
				return stable;
			r = visitor(context, first + i, entry, stable);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int table_visit(struct source *source, const struct mt_table *table, uint64_t n,
		table_visitor visitor, void *context)
{
	return table_visit_range(source, table, 0, table_used(source, table, n), visitor, context);
}

/* ---- only what changed ---- */

size_t table_sums_of(uint64_t n)
{
	return (size_t)((n + GROUP - 1) / GROUP);
}

/* Of whole words, which entries are. Four sums side by side, so that none waits for the one before. */
static uint64_t sum_up(const char *bytes, size_t size)
{
	uint64_t sums[4] = {1, 2, 3, 4}, words[4];
	size_t i = 0;

	for (; i + sizeof(words) <= size; i += sizeof(words)) {
		__builtin_prefetch(bytes + i + AHEAD);
		memcpy(words, bytes + i, sizeof(words));
		for (unsigned k = 0; k < 4; k++)
			sums[k] = (sums[k] ^ words[k]) * 0x9e3779b97f4a7c15ull;
	}
	for (; i + sizeof(words[0]) <= size; i += sizeof(words[0])) {
		memcpy(words, bytes + i, sizeof(words[0]));
		sums[0] = (sums[0] ^ words[0]) * 0x9e3779b97f4a7c15ull;
	}
	for (unsigned k = 1; k < 4; k++)
		sums[0] = ((sums[0] ^ (sums[0] >> 29)) + sums[k]) * 0xbf58476d1ce4e5b9ull;
	return sums[0] | 1;
}

/* Of which table whom to tell. */
struct visit {
	struct source *source;
	const struct mt_table *table;
	table_visitor visitor;
	void *context;
};

/* n entries of a group, which go to bytes. Returns whether all of them stood still. */
static int visit_group(const struct visit *visit, uint64_t first, uint64_t n, char *bytes)
{
	const uint64_t size = visit->table->entry_size;
	const uint64_t offset = visit->table->offset + first * size;
	char again[GROUP * ENTRY_MAX];
	bool all = true;
	int r, stable;

	r = source_copy(visit->source, offset, bytes, n * size);
	if (r >= 0)
		r = source_copy(visit->source, offset, again, n * size);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < n; i++) {
		stable = 1;
		if (memcmp(bytes + i * size, again + i * size, size) != 0)
			stable = settle(visit->source, offset + i * size, bytes + i * size, size);
		if (stable < 0)
			return stable;
		all = all && stable;
		r = visit->visitor(visit->context, first + i, bytes + i * size, stable);
		if (r < 0)
			return r;
	}
	return all;
}

/* Entries first … end - 1, which are at bytes now. copy has room for a group. */
static int visit_chunk(const struct visit *visit, uint64_t first, uint64_t end, const char *bytes,
		       char *copy, uint64_t *sums)
{
	const uint64_t size = visit->table->entry_size;
	int r;

	for (uint64_t n; first < end; first += n, bytes += n * size) {
		uint64_t *kept = &sums[first / GROUP];

		n = MIN((uint64_t)GROUP, end - first);
		if (sum_up(bytes, n * size) == *kept)
			continue;
		r = visit_group(visit, first, n, copy);
		if (r < 0)
			return r;
		/* of what was told, which may be younger than what was summed up */
		*kept = r > 0 ? sum_up(copy, n * size) : 0;
	}
	return 0;
}

int table_visit_changed(struct source *source, const struct mt_table *table, uint64_t n,
			uint64_t *sums, table_visitor visitor, void *context)
{
	const struct visit visit = {source, table, visitor, context};
	const uint64_t size = table->entry_size;
	_cleanup_free_ char *copies = NULL;
	uint64_t at_once, end;
	int r;

	if (n == 0)
		return 0;
	at_once = MAX(CHUNK / size / GROUP, 1u) * GROUP;
	copies = malloc((at_once + GROUP) * size);
	if (!copies)
		return -ENOMEM;
	for (uint64_t first = 0; first < n; first = end) {
		const uint64_t offset = table->offset + first * size;
		const char *bytes;

		end = MIN(first + at_once, n);
		bytes = source_peek(source, offset, (end - first) * size);
		r = bytes ? 0 : source_copy(source, offset, copies, (end - first) * size);
		if (r >= 0)
			r = visit_chunk(&visit, first, end, bytes ?: copies,
					copies + at_once * size, sums);
		if (r < 0)
			return r;
	}
	return 0;
}
