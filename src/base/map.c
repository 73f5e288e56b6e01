/* SPDX-License-Identifier: MIT */
/*
 * map.c: a hash map with 64-bit keys and values, and a pool of strings.
 *
 * The map is open addressing with linear probing in a table of a power of two, at most 3/4 full. A key of 0
 * is a free entry, so that an entry is 16 bytes and none is in two lines of the cache; the value of the key 0
 * stands behind the table.
 * Removal moves later entries of the same run back instead of leaving tombstones, so that a lookup
 * never walks over what is gone.
 *
 * The pool keeps its strings in chunks that are only freed with it, and finds them by a second table of
 * hash and pointer. A string longer than a chunk gets one of its own.
 */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { MAP_FIRST = 16, POOL_CHUNK = 64 * 1024 };

/* The finalizer of splitmix64: every bit of the key moves every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

uint64_t map_hash_bytes(const void *bytes, size_t size)
{
	const unsigned char *p = bytes;
	uint64_t hash = mix(size + 1), word;

	for (; size >= sizeof(word); p += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		hash = mix(hash ^ word) + 0x9e3779b97f4a7c15ull;
	}
	word = 0;
	if (size)
		memcpy(&word, p, size);
	return mix(hash ^ word);
}

void map_deinit(struct map *map)
{
	free(map->entries);
	*map = (struct map){0};
}

/* The entry of key, or the free one where it would go. The table has a free entry. */
static struct map_entry *probe(struct map_entry *entries, size_t capacity, uint64_t key)
{
	size_t i = mix(key) & (capacity - 1);

	if (!key)
		return &entries[capacity];
	while (entries[i].key && entries[i].key != key)
		i = (i + 1) & (capacity - 1);
	return &entries[i];
}

static bool is_used(const struct map *map, const struct map_entry *entry)
{
	return entry->key || (map->has_zero && entry == &map->entries[map->capacity]);
}

static int map_resize(struct map *map, size_t capacity)
{
	struct map_entry *entries = calloc(capacity + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	map_for_each (entry, map)
		*probe(entries, capacity, entry->key) = *entry;
	free(map->entries);
	map->entries = entries;
	map->capacity = capacity;
	return 0;
}

int map_reserve(struct map *map, size_t n)
{
	size_t needed, capacity = map->capacity ? map->capacity : MAP_FIRST;

	if (__builtin_add_overflow(map->n_entries, n, &needed) || needed > SIZE_MAX / 4)
		return -ENOMEM;
	while (needed > capacity / 4 * 3)
		capacity *= 2;
	return capacity == map->capacity ? 0 : map_resize(map, capacity);
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
	struct map_entry *entry;

	if (!map->capacity)
		return NULL;
	entry = probe(map->entries, map->capacity, key);
	return is_used(map, entry) ? &entry->value : NULL;
}

uint64_t map_get(const struct map *map, uint64_t key, uint64_t or_else)
{
	const uint64_t *place = map_find(map, key);

	return place ? *place : or_else;
}

void *map_get_ptr(const struct map *map, uint64_t key)
{
	return (void *)(uintptr_t)map_get(map, key, 0);
}

int map_add(struct map *map, uint64_t key, uint64_t value, uint64_t **ret_place)
{
	const size_t capacity = map->capacity;
	struct map_entry *entry = NULL;
	int r = 0;

	if (capacity > 0)
		entry = probe(map->entries, capacity, key);
	if (!entry || !is_used(map, entry)) {
		r = map_reserve(map, 1);
		if (r < 0)
			return r;
		if (!entry || map->capacity != capacity)
			entry = probe(map->entries, map->capacity, key);
		*entry = (struct map_entry){.key = key, .value = value};
		map->has_zero |= !key;
		map->n_entries++;
		r = 1;
	}
	if (ret_place)
		*ret_place = &entry->value;
	return r;
}

int map_set(struct map *map, uint64_t key, uint64_t value)
{
	uint64_t *place;
	int r;

	r = map_add(map, key, value, &place);
	if (r < 0)
		return r;
	*place = value;
	return 0;
}

/* Moves entries back over the one that is taken out. */
static void close_hole(struct map *map, size_t hole)
{
	const size_t mask = map->capacity - 1;

	for (size_t i = (hole + 1) & mask; map->entries[i].key; i = (i + 1) & mask) {
		size_t home = mix(map->entries[i].key) & mask;

		/* it may move back if its home is not between the hole and itself */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		map->entries[hole] = map->entries[i];
		hole = i;
	}
	map->entries[hole].key = 0;
}

bool map_remove(struct map *map, uint64_t key)
{
	struct map_entry *entry;

	if (!map->capacity)
		return false;
	entry = probe(map->entries, map->capacity, key);
	if (!is_used(map, entry))
		return false;
	if (key)
		close_hole(map, (size_t)(entry - map->entries));
	else
		map->has_zero = false;
	map->n_entries--;
	return true;
}

struct pool_chunk {
	struct pool_chunk *next;
	size_t size, used; /* of text */
	char text[];
};

struct pool_entry {
	uint64_t hash;
	const char *text; /* NULL: free */
};

struct string_pool {
	struct pool_chunk *chunks; /* the first is the one that is being filled */
	struct pool_entry *entries;
	size_t capacity, n_entries;
};

struct string_pool *string_pool_new(void)
{
	return calloc(1, sizeof(struct string_pool));
}

struct string_pool *string_pool_free(struct string_pool *pool)
{
	struct pool_chunk *chunk;

	if (!pool)
		return NULL;
	while ((chunk = pool->chunks)) {
		pool->chunks = chunk->next;
		free(chunk);
	}
	free(pool->entries);
	free(pool);
	return NULL;
}

static struct pool_entry *pool_probe(struct pool_entry *entries, size_t capacity, uint64_t hash,
				     const char *text, size_t length)
{
	size_t i = hash & (capacity - 1);

	for (; entries[i].text; i = (i + 1) & (capacity - 1))
		if (entries[i].hash == hash && !strncmp(entries[i].text, text, length) &&
		    !entries[i].text[length])
			break;
	return &entries[i];
}

static int pool_grow(struct string_pool *pool)
{
	size_t i, at, capacity = pool->capacity ? pool->capacity * 2 : MAP_FIRST;
	struct pool_entry *entries = calloc(capacity, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (i = 0; i < pool->capacity; i++) {
		if (!pool->entries[i].text)
			continue;
		at = pool->entries[i].hash & (capacity - 1);
		while (entries[at].text)
			at = (at + 1) & (capacity - 1);
		entries[at] = pool->entries[i];
	}
	free(pool->entries);
	pool->entries = entries;
	pool->capacity = capacity;
	return 0;
}

/* Copies text into a chunk. */
static const char *pool_store(struct string_pool *pool, const char *text, size_t length)
{
	struct pool_chunk *chunk = pool->chunks;
	size_t size;
	char *place;

	if (!chunk || chunk->size - chunk->used <= length) {
		size = MAX(length + 1, (size_t)POOL_CHUNK - sizeof(*chunk));
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		*chunk = (struct pool_chunk){.next = pool->chunks, .size = size};
		pool->chunks = chunk;
	}
	place = chunk->text + chunk->used;
	memcpy(place, text, length);
	place[length] = '\0';
	chunk->used += length + 1;
	return place;
}

const char *string_pool_add_n(struct string_pool *pool, const char *text, size_t length)
{
	struct pool_entry *entry;
	uint64_t hash;

	length = strnlen(text, length);
	hash = map_hash_bytes(text, length);
	if (pool->n_entries >= pool->capacity / 4 * 3 && pool_grow(pool) < 0)
		return NULL;
	entry = pool_probe(pool->entries, pool->capacity, hash, text, length);
	if (!entry->text) {
		entry->text = pool_store(pool, text, length);
		if (!entry->text)
			return NULL;
		entry->hash = hash;
		pool->n_entries++;
	}
	return entry->text;
}

const char *string_pool_add(struct string_pool *pool, const char *text)
{
	return string_pool_add_n(pool, text, strlen(text));
}

size_t string_pool_count(const struct string_pool *pool)
{
	return pool->n_entries;
}
