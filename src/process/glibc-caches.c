/* SPDX-License-Identifier: MIT */
/*
 * glibc-caches.c: lists of freed chunks that the walk over a heap cannot tell from used ones.
 *
 * A chunk in a fast bin or in a thread's cache keeps the mark of a used one in its successor, so that
 * its neighbours do not merge with it. Both kinds of lists are singly linked through the first word of
 * the block; a fast bin's links name chunks, a cache's name blocks. Since 2.32 a link is stored XORed
 * with its own address, shifted right by 12. Which form it is shows at the end of a list: 0 in the one,
 * the shifted address in the other. So each list is followed in both forms, and the one that comes to
 * an end through chunks of the right size is it.
 *
 *	tcache_perthread_struct: counts, one a list │ entries: first block of each list
 *	2.26: char, 64 lists   2.30: uint16, 64   2.42: uint16, 76, counted downwards; the last 12 lists
 *	have blocks of many sizes
 */
#include "process/glibc-caches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/search.h"

enum {
	N_LINES = 64,
	LINE_SIZE = 4096,
	N_SMALL_LISTS = 64,
	MAX_LISTS = 76,
	MAX_TABLE = MAX_LISTS * 10,
	MAX_CACHED = 65536, /* blocks in one list of a thread */
};

/* Pages that were read lately: neighbours in a list are often neighbours in memory. */
struct lines {
	struct memory *memory;
	uint64_t addresses[N_LINES]; /* 0: empty */
	uint8_t bytes[N_LINES][LINE_SIZE];
};

struct list {
	struct lines *lines;
	uint64_t first;
	uint64_t to_chunk; /* what to subtract from a link's target to get the chunk */
	uint64_t size;     /* of its chunks; 0: any */
	uint64_t max_links;
	uint64_t kind;
};

static const struct table_form {
	uint64_t chunk_size;
	size_t n_lists, count_size;
} table_forms[] = {{0x250, 64, 1}, {0x290, 64, 2}, {0x300, 76, 2}};

void glibc_caches_deinit(struct glibc_caches *caches)
{
	free(caches->entries);
	*caches = (struct glibc_caches){0};
}

int glibc_caches_add(struct glibc_caches *caches, uint64_t entry)
{
	if (GROW(caches->entries, caches->n_entries) < 0)
		return -ENOMEM;
	caches->entries[caches->n_entries++] = entry;
	return 0;
}

/* Whether the aligned word at address could be read. */
static bool read_word(struct lines *lines, uint64_t address, uint64_t *ret)
{
	uint64_t line = ALIGN_DOWN(address, LINE_SIZE);
	size_t i = line / LINE_SIZE % N_LINES;

	if (!line || !IS_ALIGNED(address, 8))
		return false;
	if (lines->addresses[i] != line) {
		lines->addresses[i] = 0;
		if (memory_read(lines->memory, line, lines->bytes[i], LINE_SIZE) < 0)
			return false;
		lines->addresses[i] = line;
	}
	memcpy(ret, lines->bytes[i] + (address - line), sizeof(*ret));
	return true;
}

/* Adds a list's chunks. Returns 1 if it came to its end, 0 if not: then what was added is taken away. */
static int follow(const struct list *list, bool mangled, struct glibc_caches *caches)
{
	size_t before = caches->n_entries;
	uint64_t at = list->first;
	int r;

	for (uint64_t n = 0; at; n++) {
		uint64_t chunk = at - list->to_chunk, place = chunk + 16, size, link;

		if (!IS_ALIGNED(chunk, GLIBC_ALIGNMENT) || chunk >> 56 || n >= list->max_links ||
		    !read_word(list->lines, chunk + 8, &size) ||
		    !read_word(list->lines, place, &link) || size & 2 ||
		    (list->size ? (size & ~UINT64_C(7)) != list->size : size < GLIBC_MIN_CHUNK)) {
			caches->n_entries = before;
			return 0;
		}
		r = glibc_caches_add(caches, chunk | list->kind);
		if (r < 0)
			return r;
		at = mangled ? link ^ place >> 12 : link;
	}
	return 1;
}

static int add_list(const struct list *list, struct glibc_caches *caches)
{
	int r = follow(list, true, caches);

	if (!r)
		r = follow(list, false, caches);
	if (!r)
		caches->n_damaged++;
	return r < 0 ? r : 0;
}

static struct lines *lines_new(struct memory *memory)
{
	struct lines *lines = calloc(1, sizeof(*lines));

	if (lines)
		lines->memory = memory;
	return lines;
}

int glibc_caches_add_fastbins(struct glibc_caches *caches, struct memory *memory,
			      const struct glibc_state *state)
{
	_cleanup_free_ struct lines *lines = lines_new(memory);
	int r;

	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < GLIBC_N_FASTBINS; i++) {
		struct list list = {
			.lines = lines,
			.first = state->fastbins[i],
			.size = GLIBC_MIN_CHUNK + i * GLIBC_ALIGNMENT,
			.max_links = state->system / GLIBC_MIN_CHUNK,
			.kind = GLIBC_CACHED_FAST,
		};

		r = add_list(&list, caches);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct table_form *find_form(uint64_t chunk_size)
{
	for (size_t i = 0; i < ARRAY_SIZE(table_forms); i++)
		if (table_forms[i].chunk_size == chunk_size)
			return &table_forms[i];
	return NULL;
}

bool glibc_caches_is_table_size(uint64_t size)
{
	return find_form(size) != NULL;
}

static uint64_t table_entry(const uint8_t *table, const struct table_form *form, size_t i)
{
	uint64_t entry;

	memcpy(&entry, table + form->n_lists * form->count_size + i * 8, sizeof(entry));
	return entry;
}

/* Whether counts and entries go together. A running process may be between two stores to one list. */
static bool table_holds(const uint8_t *table, const struct table_form *form)
{
	size_t n_wrong = 0;

	for (size_t i = 0; i < form->n_lists; i++) {
		uint64_t entry = table_entry(table, form, i);
		uint16_t count = 0;

		memcpy(&count, table + i * form->count_size, form->count_size);
		if (!IS_ALIGNED(entry, GLIBC_ALIGNMENT) || entry >> 56)
			return false;
		if (form->n_lists == N_SMALL_LISTS)
			n_wrong += !count != !entry;
	}
	return n_wrong <= 1;
}

int glibc_caches_add_table(struct glibc_caches *caches, struct memory *memory, uint64_t address)
{
	_cleanup_free_ struct lines *lines = NULL;
	const struct table_form *form;
	uint8_t table[MAX_TABLE];
	uint64_t size;
	int r;

	if (!address || !IS_ALIGNED(address, GLIBC_ALIGNMENT) ||
	    memory_read_present(memory, address - 8, &size, sizeof(size)) < 0)
		return 0;
	form = size & 2 ? NULL : find_form(size & ~UINT64_C(7));
	if (!form ||
	    memory_read_present(memory, address, table, form->n_lists * (form->count_size + 8)) <
		    0 ||
	    !table_holds(table, form))
		return 0;
	lines = lines_new(memory);
	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < form->n_lists; i++) {
		struct list list = {
			.lines = lines,
			.first = table_entry(table, form, i),
			.to_chunk = 16,
			.size = i < N_SMALL_LISTS ? GLIBC_MIN_CHUNK + i * GLIBC_ALIGNMENT : 0,
			.max_links = MAX_CACHED,
			.kind = GLIBC_CACHED_THREAD,
		};

		r = add_list(&list, caches);
		if (r < 0)
			return r;
	}
	r = glibc_caches_add(caches, (address - 16) | GLIBC_CACHED_TABLE);
	return r < 0 ? r : 1;
}

static int compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? -1 : one > other;
}

void glibc_caches_sort(struct glibc_caches *caches)
{
	if (caches->n_entries)
		qsort(caches->entries, caches->n_entries, sizeof(*caches->entries), compare);
}

size_t glibc_caches_find(const struct glibc_caches *caches, uint64_t address)
{
	return SEARCH(caches->n_entries, i, glibc_cached_address(caches->entries[i]) < address);
}
