/* SPDX-License-Identifier: MIT */
/*
 * tcmalloc-spans.c: gperftools' tcmalloc 2.10, read from outside. Its pages have 8 KiB, and each run of them of one use
 * is a span, found by a tree of two levels (pagetree.h) that is a part of the page heap:
 *
 *	page heap   ... │ root │ function │ sets of large free spans │ lists of free spans │ bytes: all, free, returned
 *	span        first page · pages · links · free blocks or link │ refs : 16 · size class : 8 · where : 2
 *
 * What a span of small blocks has not given out is the central cache's. Of the rest, some is in the slots of
 * the transfer caches and in the lists of threads:
 *
 *	central cache  an array by size class: size class · two lists of spans · ... │ slots: used, allowed
 *	size map       classes by size │ blocks moved at once, as many as a slot has, by class │ sizes by class
 *	thread's       lists by class, each with its length and its size │ bytes · ... · next and previous thread's
 *
 * All of these are found in the static data by what they hold: the central cache by the numbers of its classes, the
 * sizes by rising from 0 to 256 KiB, a thread's cache by having these sizes; and what metadata came to stands behind
 * the place from which the next of it is cut, whose distance to the end of its piece is in front of it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "process/pagetree.h"
#include "process/statics.h"
#include "process/tcmalloc-sums.h"

enum {
	PAGE_SHIFT = 13,
	N_CLASSES = 128, /* room for them */
	CLASSES_MIN = 40,
	SIZE_MAX_SMALL = 256 << 10,
	/* from the root */
	STATS = (8 << 17) + 8 + 2 * 48 + 128 * 96,
	/* from the sizes, backwards */
	MOVED = 4 * N_CLASSES,
	MOVED_MAX = 1 << 16,
	/* of the central cache, from an entry's size class */
	CENTRAL_SIZE = 1216,
	CENTRAL_USED = 1144,
	SLOTS_MAX = 64,
	/* of a thread's cache */
	LIST_SIZE = 32,
	LIST_LENGTH = 8,
	LIST_BLOCK = 24,
	CACHE_BYTES = N_CLASSES * LIST_SIZE,
	CACHE_NEXT = CACHE_BYTES + 0x30,
	CACHES_MAX = 1 << 16,
	METADATA_PIECE = 8 << 20,
	LEAF_SIZE = 2 << 20,
	TRIES = 3,
};

enum where { IN_USE, NORMAL, RETURNED };

struct reader {
	struct pagetree pages;
	struct tcmalloc_sums sums;
	uint32_t sizes[N_CLASSES];
	uint32_t n_classes;
	unsigned n_tried;
	/* addresses */
	uint64_t sizes_at, central_at, metadata_at, first_cache;
	/* of the span that was read last */
	uint64_t bytes;
	uint32_t refs, size_class;
	enum where where;
};

static int read_at(struct reader *reader, uint64_t address, void *buffer, size_t size)
{
	int r = pagecache_read(&reader->pages.cache, address, buffer, size);

	return r == -EFAULT ? -EBADMSG : r;
}

/* See pagetree.h. */
static int read_span(void *reader_, uint64_t entry, struct pagetree_range *ret)
{
	struct reader *reader = reader_;
	uint64_t words[6] = {};
	int r;

	if (!IS_ALIGNED(entry, 8))
		return -EBADMSG;
	r = read_at(reader, entry, words, sizeof(words));
	if (r < 0)
		return r;
	reader->bytes = words[1] << PAGE_SHIFT;
	reader->refs = words[5] & 0xffff;
	reader->size_class = words[5] >> 16 & 0xff;
	reader->where = (enum where)(words[5] >> 24 & 3);
	*ret = (struct pagetree_range){words[0] << PAGE_SHIFT, reader->bytes};
	if (words[0] >> (48 - PAGE_SHIFT) || !words[0] || words[1] >> (48 - PAGE_SHIFT) ||
	    !words[1] || reader->where > RETURNED || reader->size_class >= N_CLASSES)
		return -EBADMSG;
	/* the sizes are known after the first search */
	return (uint64_t)reader->refs * reader->sizes[reader->size_class] <= reader->bytes
		       ? 1
		       : -EBADMSG;
}

static int visit_span(void *reader_)
{
	struct reader *reader = reader_;
	struct tcmalloc_sums *sums = &reader->sums;

	sums->heap += reader->bytes;
	if (reader->where == NORMAL)
		sums->free += reader->bytes;
	else if (reader->where == RETURNED)
		sums->unmapped += reader->bytes;
	else if (reader->size_class)
		sums->central +=
			reader->bytes - (uint64_t)reader->refs * reader->sizes[reader->size_class];
	return 0;
}

static const struct pagetree_form form = {"libtcmalloc", PAGE_SHIFT, MEMORY_PAGE_SIZE, read_span,
					  visit_span};

/* Takes the table of sizes from there, if it is one. */
static int try_sizes(struct reader *reader, uint64_t address)
{
	uint32_t sizes[N_CLASSES] = {}, n = 1;
	int r = reader->sizes_at ? -EBADMSG : read_at(reader, address, sizes, sizeof(sizes));

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	while (n < N_CLASSES && sizes[n] > sizes[n - 1] && IS_ALIGNED(sizes[n], 8))
		n++;
	if (sizes[0] != 0 || n < CLASSES_MIN || sizes[n - 1] != SIZE_MAX_SMALL)
		return 0;
	memcpy(reader->sizes, sizes, n * sizeof(*sizes));
	reader->n_classes = n;
	reader->sizes_at = address;
	return 0;
}

static int try_central(struct reader *reader, uint64_t address)
{
	for (uint64_t i = 1; i < CLASSES_MIN; i++) {
		uint64_t words[5] = {}; /* size class, and the head of the first list */
		int r = read_at(reader, address + (i - 1) * CENTRAL_SIZE, words, sizeof(words));

		if (r < 0)
			return r == -EBADMSG ? 0 : r;
		if (words[0] != i || !words[3] || !words[4] || !IS_ALIGNED(words[3] | words[4], 8))
			return 0;
	}
	reader->central_at = address;
	return 0;
}

/* What is left of a piece, where the next of it is cut from, and all that was cut. */
static int try_metadata(struct reader *reader, uint64_t address)
{
	uint64_t words[3] = {};
	int r = read_at(reader, address - 8, words, sizeof(words));

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	if (words[0] && words[0] < METADATA_PIECE &&
	    IS_ALIGNED(words[0] + words[1], MEMORY_PAGE_SIZE) && words[2] >= LEAF_SIZE &&
	    !(words[2] >> 48))
		reader->metadata_at = address + 8;
	return 0;
}

static int try_word(uint64_t address, uint64_t word, void *reader_)
{
	struct reader *reader = reader_;
	const uint32_t low = (uint32_t)word, high = (uint32_t)(word >> 32);
	int r = 0;

	/* the smallest size stands behind a 0 */
	if (low == 8 || low == 16)
		r = try_sizes(reader, address - 4);
	else if (low == 0 && (high == 8 || high == 16))
		r = try_sizes(reader, address);
	else if (word == 1 && !reader->central_at)
		r = try_central(reader, address);
	else if (!reader->metadata_at && IS_ALIGNED(word, 8) &&
		 statics_is_mapped(reader->pages.space->maps, word))
		r = try_metadata(reader, address);
	return r;
}

/* Whether its lists have the sizes of the classes, and add up to what it says. */
static int check_cache(struct reader *reader, uint64_t cache, uint64_t *ret_bytes)
{
	uint8_t lists[CACHE_BYTES];
	uint64_t sum = 0;
	uint32_t said = 0;
	int r = read_at(reader, cache, lists, sizeof(lists));

	r = r ?: read_at(reader, cache + CACHE_BYTES, &said, sizeof(said));
	for (size_t i = 1; r >= 0 && i < reader->n_classes; i++) {
		uint32_t length, size;

		memcpy(&length, lists + i * LIST_SIZE + LIST_LENGTH, sizeof(length));
		memcpy(&size, lists + i * LIST_SIZE + LIST_BLOCK, sizeof(size));
		if (size != reader->sizes[i])
			return -EBADMSG;
		sum += (uint64_t)length * size;
	}
	if (r < 0)
		return r;
	*ret_bytes = said;
	return sum == said ? 0 : -EAGAIN;
}

/* 1 if the word leads to the cache of a thread. */
static int try_cache(uint64_t address, uint64_t word, void *reader_)
{
	struct reader *reader = reader_;
	uint64_t bytes;
	uint32_t size = 0;
	int r;

	(void)address;
	if (!IS_ALIGNED(word, 64) || !statics_is_mapped(reader->pages.space->maps, word))
		return 0;
	if (++reader->n_tried > CACHES_MAX)
		return -EBADMSG;
	r = read_at(reader, word + LIST_SIZE + LIST_BLOCK, &size, sizeof(size));
	if (r == 0 && size != reader->sizes[1])
		return 0;
	r = r ?: check_cache(reader, word, &bytes);
	if (r == -EBADMSG)
		return 0;
	if (r < 0 && r != -EAGAIN)
		return r;
	reader->first_cache = word;
	return 1;
}

/* From any of the caches to the one that is first. */
static int go_to_first(struct reader *reader)
{
	for (unsigned i = 0; i < CACHES_MAX; i++) {
		uint64_t previous = 0;
		int r = read_at(reader, reader->first_cache + CACHE_NEXT + 8, &previous,
				sizeof(previous));

		if (r < 0 || !previous)
			return r;
		reader->first_cache = previous;
	}
	return -EBADMSG;
}

static int find(struct reader *reader)
{
	const struct space *space = reader->pages.space;
	int r = pagetree_find(&reader->pages);

	r = r ?: statics_words(space, form.library, try_word, reader);
	if (r == 0 && (!reader->sizes_at || !reader->central_at || !reader->metadata_at))
		r = -EBADMSG;
	r = r ?: statics_words(space, form.library, try_cache, reader);
	return r == 0 ? -EBADMSG : MIN(r, 0);
}

static int add_threads(struct reader *reader)
{
	uint64_t at, next, bytes = 0;
	int r = go_to_first(reader);

	at = reader->first_cache;
	for (unsigned i = 0; r == 0 && at; i++) {
		r = i == CACHES_MAX ? -EBADMSG : check_cache(reader, at, &bytes);
		r = r ?: read_at(reader, at + CACHE_NEXT, &next, sizeof(next));
		if (r == 0) {
			reader->sums.threads += bytes;
			at = next;
		}
	}
	return r;
}

static int add_transfer(struct reader *reader)
{
	for (uint32_t i = 1; i < reader->n_classes; i++) {
		uint32_t used = 0, moved = 0;
		int r = read_at(reader,
				reader->central_at + (uint64_t)(i - 1) * CENTRAL_SIZE +
					CENTRAL_USED,
				&used, sizeof(used));

		r = r
			    ?: read_at(reader, reader->sizes_at - MOVED + 4ull * i, &moved,
				       sizeof(moved));
		if (r < 0)
			return r;
		if (used > SLOTS_MAX || moved < 2 || moved > MOVED_MAX)
			return -EBADMSG;
		reader->sums.transfer += (uint64_t)used * moved * reader->sizes[i];
	}
	return 0;
}

static bool is_settled(uint64_t counted, uint64_t said)
{
	const uint64_t by = counted > said ? counted - said : said - counted;

	return by <= MAX(said / 256, 32ull << PAGE_SHIFT);
}

static int read_once(struct reader *reader)
{
	struct tcmalloc_sums *sums = &reader->sums;
	uint64_t said[3] = {};
	int r;

	*sums = (struct tcmalloc_sums){};
	r = pagetree_walk(&reader->pages);
	r = r ?: read_at(reader, reader->pages.root + STATS, said, sizeof(said));
	r = r ?: read_at(reader, reader->metadata_at, &sums->metadata, sizeof(sums->metadata));
	r = r ?: add_transfer(reader);
	r = r ?: add_threads(reader);
	if (r < 0)
		return r;
	return is_settled(sums->heap, said[0]) && is_settled(sums->free, said[1]) &&
			       is_settled(sums->unmapped, said[2])
		       ? 0
		       : -EAGAIN;
}

int tcmalloc_read(const struct space *space, struct arenas *ret)
{
	_cleanup_free_ struct reader *reader = calloc(1, sizeof(*reader));
	struct arena *arena;
	int r;

	if (!reader)
		return -ENOMEM;
	r = pagetree_init(&reader->pages, &form, reader, space);
	if (r >= 0)
		r = find(reader);
	if (r >= 0)
		r = read_once(reader);
	for (int i = 1; r == -EAGAIN && i < TRIES; i++)
		r = read_once(reader);
	pagetree_deinit(&reader->pages);
	if (r < 0)
		return r;
	arena = arenas_add(ret);
	if (!arena)
		return -ENOMEM;
	*arena = tcmalloc_arena(&reader->sums);
	return 0;
}
