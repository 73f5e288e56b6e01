/* SPDX-License-Identifier: MIT */
/*
 * jemalloc-arenas.c: jemalloc 5.3, read from outside. What its extents say (jemalloc-extents.h) is summed up by
 * arena; what they do not say stands in the arena's own structure:
 *
 *	arena   internal · caches of threads -> ring of (next, previous, bins) · active pages · number · base
 *	bins    for each size class: top of the stack of blocks · ... · low 16 bits of the empty stack's top
 *	base    number, number · ... · bytes allocated, resident, mapped
 *
 * The table of arenas is in the static data. An arena says its number, so that any word which leads to one says
 * where the table would have to begin; what most arenas agree on is the table. The structure's own count of active
 * pages has to be what the extents add up to: where it is not, the process has been at work, and all is read again.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"
#include "process/jemalloc-extents.h"
#include "process/jemalloc-sums.h"
#include "process/jemalloc-tally.h"
#include "process/statics.h"

enum {
	/* offsets in an arena */
	INTERNAL = 0x38,
	CACHES = 0x28a0,
	N_ACTIVE = 0x29a0,
	NUMBER = 0x13450,
	BASE = 0x13458,
	/* in a base */
	BASE_NUMBER = 0x10,
	BASE_BLOCKS = 0xa0,
	BASE_ALLOCATED = 0xf28,
	BLOCKS_MAX = 4096,
	/* of a cache's bin */
	BIN_SIZE = 24,
	BIN_EMPTY = 20,
	/* blocks of 8 MiB are the largest that a cache can be told to take */
	N_CACHED = 73,
	CACHES_MAX = 1 << 16,
	TRIES = 5,
	PLACES_TRIED = 1 << 16,
};

struct place {
	uint64_t table; /* where it would begin */
	unsigned votes;
};

struct reader {
	struct jemalloc_tree tree;
	struct place *places; /* owned */
	size_t n_places;
	unsigned n_tried;
	uint64_t table;
	struct jemalloc_tally tally;
};

static void reader_deinit(struct reader *reader)
{
	jemalloc_tree_close(&reader->tree);
	free(reader->places);
	jemalloc_tally_deinit(&reader->tally);
}

static int read_word(struct reader *reader, uint64_t address, uint64_t *ret)
{
	return pagecache_read(&reader->tree.pages.cache, address, ret, sizeof(*ret));
}

static int read_number(struct reader *reader, uint64_t address, uint32_t *ret)
{
	return pagecache_read(&reader->tree.pages.cache, address, ret, sizeof(*ret));
}

/* 0 and the base, if there is an arena. */
static int read_base(struct reader *reader, uint64_t arena, uint32_t number, uint64_t *ret_base,
		     uint64_t *ret_allocated)
{
	uint32_t said = 0, of_base = 0;
	uint64_t usage[3] = {};
	int r = read_number(reader, arena + NUMBER, &said);

	r = r ?: read_word(reader, arena + BASE, ret_base);
	r = r ?: read_number(reader, *ret_base + BASE_NUMBER, &of_base);
	r = r
		    ?: pagecache_read(&reader->tree.pages.cache, *ret_base + BASE_ALLOCATED, usage,
				      sizeof(usage));
	if (r < 0)
		return r;
	if (said != number || of_base != number || !usage[0] || usage[0] > usage[1] ||
	    usage[1] > usage[2] || !IS_ALIGNED(usage[2], (uint64_t)MEMORY_PAGE_SIZE))
		return -EBADMSG;
	*ret_allocated = usage[0];
	return 0;
}

static int vote(struct reader *reader, uint64_t table)
{
	for (size_t i = 0; i < reader->n_places; i++)
		if (reader->places[i].table == table) {
			reader->places[i].votes++;
			return 0;
		}
	if (GROW(reader->places, reader->n_places) < 0)
		return -ENOMEM;
	reader->places[reader->n_places++] = (struct place){table, 1};
	return 0;
}

static int try_word(uint64_t address, uint64_t word, void *reader_)
{
	struct reader *reader = reader_;
	uint64_t base, allocated;
	uint32_t number;
	int r;

	if (!IS_ALIGNED(word, 64) || !statics_is_mapped(reader->tree.pages.space->maps, word))
		return 0;
	if (++reader->n_tried > PLACES_TRIED)
		return -EBADMSG;
	r = read_number(reader, word + NUMBER, &number);
	if (r == 0 && number < JEMALLOC_ARENAS)
		r = read_base(reader, word, number, &base, &allocated);
	else
		r = r ?: -EBADMSG;
	if (r < 0)
		return r == -EFAULT || r == -EBADMSG ? 0 : r;
	return number * sizeof(word) > address ? 0 : vote(reader, address - number * sizeof(word));
}

static int find_table(struct reader *reader)
{
	unsigned most = 0;
	int r = statics_words(reader->tree.pages.space, "libjemalloc", try_word, reader);

	if (r < 0)
		return r;
	for (size_t i = 0; i < reader->n_places; i++)
		if (reader->places[i].votes > most) {
			most = reader->places[i].votes;
			reader->table = reader->places[i].table;
		}
	return most ? 0 : -EBADMSG;
}

/* A base's blocks: their size, and the next one, at the beginning of each. */
static int add_base(struct reader *reader, uint32_t number, uint64_t base)
{
	uint64_t at, block[2] = {};
	int r = read_word(reader, base + BASE_BLOCKS, &at);

	for (unsigned i = 0; r == 0 && at; i++) {
		r = i == BLOCKS_MAX
			    ? -EBADMSG
			    : pagecache_read(&reader->tree.pages.cache, at, block, sizeof(block));
		if (r == 0 &&
		    (!block[0] || block[0] >> 40 || !IS_ALIGNED(block[0] | at, MEMORY_PAGE_SIZE)))
			r = -EBADMSG;
		r = r ?: jemalloc_tally_base(&reader->tally, number, at, block[0]);
		at = block[1];
	}
	return r;
}

/* Bytes of the blocks in one cache: bins up to the first one that was never set up. */
static int add_cache(struct reader *reader, uint64_t bins, uint64_t *ret)
{
	for (uint32_t i = 0; i < N_CACHED; i++) {
		uint8_t bin[BIN_SIZE];
		uint64_t top;
		uint16_t empty;
		int r = pagecache_read(&reader->tree.pages.cache, bins + i * sizeof(bin), bin,
				       sizeof(bin));

		if (r < 0)
			return r;
		memcpy(&top, bin, sizeof(top));
		memcpy(&empty, bin + BIN_EMPTY, sizeof(empty));
		if (!top)
			break;
		if (!IS_ALIGNED(top, 8) || !IS_ALIGNED(empty, 8))
			return -EBADMSG;
		*ret += (uint16_t)(empty - (uint16_t)top) / 8 * jemalloc_size(i);
	}
	return 0;
}

static int add_caches(struct reader *reader, uint64_t arena, uint64_t *ret)
{
	uint64_t first, at, previous = 0, link[3]; /* next, previous, bins */
	int r = read_word(reader, arena + CACHES, &first);

	at = first;
	for (unsigned n = 0; r == 0 && at; n++) {
		r = n == CACHES_MAX
			    ? -EBADMSG
			    : pagecache_read(&reader->tree.pages.cache, at, link, sizeof(link));
		if (r == 0 && n && link[1] != previous)
			r = -EBADMSG;
		r = r ?: add_cache(reader, link[2], ret);
		previous = at;
		at = link[0] == first ? 0 : link[0];
	}
	return r;
}

/* 1: the arena's words are there; 0: no such arena. */
static int complete(struct reader *reader, uint32_t number)
{
	struct jemalloc_sums *sums = &reader->tally.arenas[number].sums;
	uint64_t arena, base, n_active = 0;
	int r = read_word(reader, reader->table + number * sizeof(arena), &arena);

	if ((r == -EFAULT || (r == 0 && !arena)) && !reader->tally.arenas[number].is_there)
		return 0;
	r = r ?: read_base(reader, arena, number, &base, &sums->base);
	r = r ?: add_base(reader, number, base);
	r = r ?: read_word(reader, arena + INTERNAL, &sums->internal);
	r = r ?: read_word(reader, arena + N_ACTIVE, &n_active);
	r = r ?: add_caches(reader, arena, &sums->cached);
	if (r < 0)
		return r == -EFAULT ? -EBADMSG : r;
	return runs_settled(sums->active, n_active * MEMORY_PAGE_SIZE) ? 1 : -EAGAIN;
}

static int read_once(struct reader *reader, bool *there)
{
	int r;

	jemalloc_tally_forget(&reader->tally);
	r = jemalloc_tree_walk(&reader->tree, jemalloc_tally_extent, &reader->tally);
	/* its extents are laid out in another way, too */
	if ((r >= 0 || r == -EAGAIN) && reader->tally.has_huge_pages)
		r = -EBADMSG;
	for (uint32_t i = 0; r >= 0 && i < JEMALLOC_ARENAS; i++) {
		r = complete(reader, i);
		there[i] = r > 0;
	}
	return r;
}

static int tell(const struct jemalloc_tally *tally, const bool *there, struct arenas *ret)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < JEMALLOC_ARENAS; i++)
		if (there[i])
			r = jemalloc_tally_tell(tally, i, ret);
	jemalloc_tally_tell_sizes(tally, ret);
	arenas_sort(ret);
	return r;
}

int jemalloc_read(const struct space *space, struct arenas *ret)
{
	_cleanup_(reader_deinit) struct reader reader = {};
	bool there[JEMALLOC_ARENAS] = {};
	int r = jemalloc_tree_open(space, &reader.tree);

	if (r < 0)
		return r;
	r = jemalloc_tally_init(&reader.tally, space->memory);
	r = r ?: find_table(&reader);
	for (int i = 0; r >= 0 && i < TRIES; i++) {
		r = read_once(&reader, there);
		if (r >= 0)
			return tell(&reader.tally, there, ret);
		if (r == -EAGAIN && i + 1 < TRIES)
			r = 0;
	}
	return r;
}
