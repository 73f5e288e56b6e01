/* SPDX-License-Identifier: MIT */
/*
 * tcmalloc-tables.c: each by what it holds.
 *
 *	central cache  an array by size class: size class · two lists of spans · ... │ slots: used, allowed
 *	size map       classes by size │ blocks moved at once, as many as a slot has, by class │ sizes by class
 *	thread's       lists by class, each with its length and its size │ bytes · ... · next and previous thread's
 *
 * The central cache is known by the numbers of its classes, the sizes by rising from 0 to 256 KiB, a thread's cache by
 * having these sizes; and what metadata came to stands behind the place from which the next of it is cut, whose
 * distance to the end of its piece is in front of it.
 */
#include "process/tcmalloc-tables.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "process/statics.h"

enum {
	CLASSES_MIN = 40,
	SIZE_MAX_SMALL = 256 << 10,
	/* from the sizes, backwards */
	MOVED = 4 * TCMALLOC_CLASSES,
	MOVED_MAX = 1 << 16,
	/* of the central cache, from an entry's size class */
	CENTRAL_SIZE = 1216,
	CENTRAL_USED = 1144,
	SLOTS_MAX = 64,
	/* of a thread's cache */
	LIST_SIZE = 32,
	LIST_LENGTH = 8,
	LIST_BLOCK = 24,
	CACHE_BYTES = TCMALLOC_CLASSES * LIST_SIZE,
	CACHE_NEXT = CACHE_BYTES + 0x30,
	CACHES_MAX = 1 << 16,
	CACHE_OFF_MAX = 64 << 10, /* bytes */
	METADATA_PIECE = 8 << 20,
	LEAF_SIZE = 2 << 20,
};

/* Takes the table of sizes from there, if it is one. */
static int try_sizes(struct tcmalloc_tables *tables, uint64_t address)
{
	uint32_t sizes[TCMALLOC_CLASSES] = {}, n = 1;
	int r = tables->sizes_at ? -EBADMSG
				 : pagecache_follow(tables->cache, address, sizes, sizeof(sizes));

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	while (n < TCMALLOC_CLASSES && sizes[n] > sizes[n - 1] && IS_ALIGNED(sizes[n], 8))
		n++;
	if (sizes[0] != 0 || n < CLASSES_MIN || sizes[n - 1] != SIZE_MAX_SMALL)
		return 0;
	memcpy(tables->sizes, sizes, n * sizeof(*sizes));
	tables->n_classes = n;
	tables->sizes_at = address;
	return 0;
}

static int try_central(struct tcmalloc_tables *tables, uint64_t address)
{
	for (uint64_t i = 1; i < CLASSES_MIN; i++) {
		uint64_t words[5] = {}; /* size class, and the head of the first list */
		int r = pagecache_follow(tables->cache, address + (i - 1) * CENTRAL_SIZE, words,
					 sizeof(words));

		if (r < 0)
			return r == -EBADMSG ? 0 : r;
		if (words[0] != i || !words[3] || !words[4] || !IS_ALIGNED(words[3] | words[4], 8))
			return 0;
	}
	tables->central_at = address;
	return 0;
}

/* What is left of a piece, where the next of it is cut from, and all that was cut. */
static int try_metadata(struct tcmalloc_tables *tables, uint64_t address)
{
	uint64_t words[3] = {};
	int r = pagecache_follow(tables->cache, address - 8, words, sizeof(words));

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	if (words[0] && words[0] < METADATA_PIECE &&
	    IS_ALIGNED(words[0] + words[1], MEMORY_PAGE_SIZE) && words[2] >= LEAF_SIZE &&
	    !(words[2] >> 48))
		tables->metadata_at = address + 8;
	return 0;
}

static int try_word(uint64_t address, uint64_t word, void *tables_)
{
	struct tcmalloc_tables *tables = tables_;
	const uint32_t low = (uint32_t)word, high = (uint32_t)(word >> 32);
	int r = 0;

	/* the smallest size stands behind a 0 */
	if (low == 8 || low == 16)
		r = try_sizes(tables, address - 4);
	else if (low == 0 && (high == 8 || high == 16))
		r = try_sizes(tables, address);
	else if (word == 1 && !tables->central_at)
		r = try_central(tables, address);
	else if (!tables->metadata_at && IS_ALIGNED(word, 8) &&
		 statics_is_mapped(tables->maps, word))
		r = try_metadata(tables, address);
	return r;
}

/* Whether its lists have the sizes of the classes, and add up to what it says. */
static int check_cache(struct tcmalloc_tables *tables, uint64_t cache, uint64_t *ret_bytes)
{
	uint8_t lists[CACHE_BYTES];
	uint64_t sum = 0;
	uint64_t said = 0;
	uint32_t bytes = 0;
	int r = pagecache_follow(tables->cache, cache, lists, sizeof(lists));

	r = r ?: pagecache_follow(tables->cache, cache + CACHE_BYTES, &bytes, sizeof(bytes));
	for (size_t i = 1; r >= 0 && i < tables->n_classes; i++) {
		uint32_t length, size;

		memcpy(&length, lists + i * LIST_SIZE + LIST_LENGTH, sizeof(length));
		memcpy(&size, lists + i * LIST_SIZE + LIST_BLOCK, sizeof(size));
		if (size != tables->sizes[i])
			return -EBADMSG;
		sum += (uint64_t)length * size;
	}
	if (r < 0)
		return r;
	*ret_bytes = said = bytes;
	/* its thread may be at work on it */
	return MAX(sum, said) - MIN(sum, said) <= CACHE_OFF_MAX ? 0 : -EAGAIN;
}

/* 1 if the word leads to the cache of a thread. */
static int try_cache(uint64_t address, uint64_t word, void *tables_)
{
	struct tcmalloc_tables *tables = tables_;
	uint64_t bytes;
	uint32_t size = 0;
	int r;

	(void)address;
	if (!IS_ALIGNED(word, 64) || !statics_is_mapped(tables->maps, word))
		return 0;
	if (++tables->n_tried > CACHES_MAX)
		return -EBADMSG;
	r = pagecache_follow(tables->cache, word + LIST_SIZE + LIST_BLOCK, &size, sizeof(size));
	if (r == 0 && size != tables->sizes[1])
		return 0;
	r = r ?: check_cache(tables, word, &bytes);
	if (r == -EBADMSG)
		return 0;
	if (r < 0 && r != -EAGAIN)
		return r;
	tables->first_cache = word;
	return 1;
}

/* From any of the caches to the one that is first. */
static int go_to_first(struct tcmalloc_tables *tables)
{
	for (unsigned i = 0; i < CACHES_MAX; i++) {
		uint64_t previous = 0;
		int r = pagecache_follow(tables->cache, tables->first_cache + CACHE_NEXT + 8,
					 &previous, sizeof(previous));

		if (r < 0 || !previous)
			return r;
		tables->first_cache = previous;
	}
	return -EBADMSG;
}

int tcmalloc_tables_find(struct tcmalloc_tables *tables, const struct space *space,
			 struct pagecache *cache)
{
	int r;

	*tables = (struct tcmalloc_tables){.maps = space->maps, .cache = cache};
	r = statics_words(space, TCMALLOC_LIBRARY, try_word, tables);
	if (r == 0 && (!tables->sizes_at || !tables->central_at || !tables->metadata_at))
		r = -EBADMSG;
	r = r ?: statics_words(space, TCMALLOC_LIBRARY, try_cache, tables);
	return r == 0 ? -EBADMSG : MIN(r, 0);
}

static int add_threads(struct tcmalloc_tables *tables, struct tcmalloc_sums *sums)
{
	uint64_t at, next, bytes = 0;
	int r = go_to_first(tables);

	at = tables->first_cache;
	for (unsigned i = 0; r == 0 && at; i++) {
		r = i == CACHES_MAX ? -EBADMSG : check_cache(tables, at, &bytes);
		r = r ?: pagecache_follow(tables->cache, at + CACHE_NEXT, &next, sizeof(next));
		if (r == 0) {
			sums->threads += bytes;
			at = next;
		}
	}
	return r;
}

static int add_transfer(struct tcmalloc_tables *tables, struct tcmalloc_sums *sums)
{
	for (uint32_t i = 1; i < tables->n_classes; i++) {
		const uint64_t used_at =
			tables->central_at + (i - 1ull) * CENTRAL_SIZE + CENTRAL_USED;
		const uint64_t moved_at = tables->sizes_at - MOVED + 4ull * i;
		uint32_t used = 0, moved = 0;
		int r = pagecache_follow(tables->cache, used_at, &used, sizeof(used));

		r = r ?: pagecache_follow(tables->cache, moved_at, &moved, sizeof(moved));
		if (r < 0)
			return r;
		if (used > SLOTS_MAX || moved < 2 || moved > MOVED_MAX)
			return -EBADMSG;
		sums->transfer += (uint64_t)used * moved * tables->sizes[i];
	}
	return 0;
}

int tcmalloc_tables_sum(struct tcmalloc_tables *tables, struct tcmalloc_sums *sums)
{
	int r = pagecache_follow(tables->cache, tables->metadata_at, &sums->metadata,
				 sizeof(sums->metadata));

	r = r ?: add_transfer(tables, sums);
	return r ?: add_threads(tables, sums);
}
