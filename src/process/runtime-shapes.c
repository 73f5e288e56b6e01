/* SPDX-License-Identifier: MIT */
/*
 * runtime-shapes.c: runtimes cut their memory into aligned pieces with a header at the start of each, so
 * that they find it from an object's address. The same headers are found from outside: a piece is taken
 * for one only if several words of its header agree with each other and with its address.
 *
 *	V8      pages of 256 KiB and larger: size, …, start and end of the objects in the page
 *	Python  pools of 16 KiB (4 KiB before 3.10) in arenas: size class, and the limit that follows from it
 *	PHP     chunks of 2 MiB: the manager, which lies in such a chunk itself, next and previous chunk
 *	Ruby    pages of 64 KiB or 16 KiB: a descriptor, which points back into the page
 */
#include "process/runtime-shapes.h"

#include <errno.h>
#include <stdbool.h>

#include "base/macro.h"

enum {
	V8_ALIGN = 256 << 10,
	PHP_ALIGN = 2 << 20,
	PHP_HUGE_MAX = 10000,
	RUBY_LARGE = 64 << 10,
	RUBY_SMALL = 16 << 10,
};

/* Extends the area that ends at start, or adds one. */
static int claim(struct areas *areas, uint64_t start, uint64_t end, enum area_kind kind)
{
	struct area *last = areas->n_areas ? &areas->areas[areas->n_areas - 1] : NULL;

	if (last && last->kind == (uint32_t)kind && last->end == start) {
		last->end = end;
		return 0;
	}
	last = areas_add(areas);
	if (!last)
		return -ENOMEM;
	last->start = start;
	last->end = end;
	last->kind = kind;
	return 0;
}

/* size_, flags_, heap_, area_start_, area_end_ of BasicMemoryChunk, the same from V8 8 to 12. */
static uint64_t v8_page(struct memory *memory, uint64_t at, uint64_t end)
{
	uint64_t words[5];

	if (!areas_read(memory, at, words, sizeof(words)))
		return 0;
	if (words[0] < MEMORY_PAGE_SIZE || words[0] > (1ull << 40) || words[0] % 8 ||
	    words[3] <= at || words[3] >= at + V8_ALIGN || words[4] <= words[3] ||
	    words[4] > at + words[0])
		return 0;
	return MIN(ALIGN_UP(words[0], (uint64_t)MEMORY_PAGE_SIZE), end - at);
}

int runtime_shapes_v8(const struct mapping *mapping, struct memory *memory, struct areas *areas)
{
	uint64_t at = ALIGN_UP(mapping->start, (uint64_t)V8_ALIGN);

	while (at < mapping->end) {
		uint64_t size = v8_page(memory, at, mapping->end);
		int r = size ? claim(areas, at, at + size, AREA_V8) : 0;

		if (r < 0)
			return r;
		at = ALIGN_UP(at + MAX(size, 1ull), (uint64_t)V8_ALIGN);
	}
	return 0;
}

struct python_pool {
	uint32_t count, unused;
	uint64_t free, next, previous;
	uint32_t arena, size_class, next_offset, last_offset;
};

static bool is_python_pool(struct memory *memory, uint64_t at, uint32_t size)
{
	struct python_pool pool;

	if (!areas_read(memory, at, &pool, sizeof(pool)) || pool.size_class >= 64 ||
	    pool.last_offset != size - (pool.size_class + 1) * 16)
		return false;
	/* a free block of the pool, or none */
	return pool.count <= size / 16 && pool.next_offset <= size &&
	       (pool.free == 0 || (pool.free > at && pool.free < at + size));
}

static int python_pools(const struct mapping *mapping, struct memory *memory, uint32_t size,
			struct areas *areas)
{
	for (uint64_t at = ALIGN_UP(mapping->start, (uint64_t)size); at + size <= mapping->end;
	     at += size) {
		int r = is_python_pool(memory, at, size) ? claim(areas, at, at + size, AREA_PYTHON)
							 : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int runtime_shapes_python(const struct mapping *mapping, struct memory *memory, struct areas *areas)
{
	const size_t before = areas->n_areas;
	int r = python_pools(mapping, memory, 16 << 10, areas);

	if (r < 0 || areas->n_areas > before)
		return r;
	return python_pools(mapping, memory, 4 << 10, areas);
}

static bool is_php_chunk(struct memory *memory, uint64_t at, uint64_t *ret_manager)
{
	uint64_t words[3]; /* manager, next, previous */

	if (!areas_read(memory, at, words, sizeof(words)))
		return false;
	*ret_manager = words[0];
	return words[0] % PHP_ALIGN > 0 && words[0] % PHP_ALIGN < MEMORY_PAGE_SIZE && words[1] &&
	       words[1] % PHP_ALIGN == 0 && words[2] && words[2] % PHP_ALIGN == 0;
}

static bool is_php_huge(const uint64_t *entry)
{
	return entry[0] && entry[0] % PHP_ALIGN == 0 && entry[1] % MEMORY_PAGE_SIZE == 0 &&
	       entry[1] >= PHP_ALIGN - MEMORY_PAGE_SIZE && entry[1] < 1ull << 40 &&
	       entry[0] < 1ull << 47;
}

/* Blocks above 2 MiB are listed in the manager: address, size, next. Where the list's head stands varies. */
static int php_huge_blocks(struct memory *memory, uint64_t manager, struct areas *areas)
{
	uint64_t fields[64], entry[3], at = 0;

	if (!areas_read(memory, manager, fields, sizeof(fields)))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(fields) && !at; i++)
		if (fields[i] && fields[i] % 8 == 0 &&
		    areas_read(memory, fields[i], entry, sizeof(entry)) && is_php_huge(entry))
			at = fields[i];
	for (unsigned n = 0; n < PHP_HUGE_MAX && at; n++) {
		if (!areas_read(memory, at, entry, sizeof(entry)) || !is_php_huge(entry))
			break;
		if (claim(areas, entry[0], entry[0] + entry[1], AREA_PHP) < 0)
			return -ENOMEM;
		at = entry[2];
	}
	return 0;
}

int runtime_shapes_php(const struct mapping *mapping, struct memory *memory, struct areas *areas)
{
	for (uint64_t at = ALIGN_UP(mapping->start, (uint64_t)PHP_ALIGN);
	     at + PHP_ALIGN <= mapping->end; at += PHP_ALIGN) {
		uint64_t manager;
		int r;

		if (!is_php_chunk(memory, at, &manager))
			continue;
		r = claim(areas, at, at + PHP_ALIGN, AREA_PHP);
		/* the first chunk holds the manager */
		if (r >= 0 && manager - manager % PHP_ALIGN == at)
			r = php_huge_blocks(memory, manager, areas);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_ruby_page(struct memory *memory, uint64_t at, uint64_t size)
{
	uint64_t descriptor, fields[16];

	if (!areas_read(memory, at, &descriptor, sizeof(descriptor)) || !descriptor ||
	    descriptor % 8 || (descriptor >= at && descriptor < at + size) ||
	    !areas_read(memory, descriptor, fields, sizeof(fields)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i] > at && fields[i] <= at + 0x100)
			return true;
	return false;
}

int runtime_shapes_ruby(const struct mapping *mapping, struct memory *memory, struct areas *areas)
{
	uint64_t at = ALIGN_UP(mapping->start, (uint64_t)RUBY_SMALL);

	while (at + RUBY_SMALL <= mapping->end) {
		uint64_t size = RUBY_SMALL;
		int r = 0;

		if (at % RUBY_LARGE == 0 && at + RUBY_LARGE <= mapping->end &&
		    is_ruby_page(memory, at, RUBY_LARGE) &&
		    !is_ruby_page(memory, at + RUBY_SMALL, RUBY_SMALL))
			size = RUBY_LARGE;
		if (is_ruby_page(memory, at, size))
			r = claim(areas, at, at + size, AREA_RUBY);
		if (r < 0)
			return r;
		at += size;
	}
	return 0;
}
