/* SPDX-License-Identifier: MIT */
/*
 * map.h: a hash map from 64-bit keys to 64-bit values (numbers, indices, pointers), and a pool that
 * owns each of many strings once.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct map_entry {
	uint64_t key;   /* 0: free */
	uint64_t value; /* a pointer through (uintptr_t) */
};

/* Zeroed is empty and holds no memory. Any key is fine, 0 too. */
struct map {
	struct map_entry *entries; /* open addressing; one more, behind capacity, for key 0 */
	size_t capacity;           /* power of two, or 0 */
	size_t n_entries;          /* used ones; at most 3/4 of capacity */
	bool has_zero;             /* whether key 0 is there */
};

void map_deinit(struct map *map);

/* The value's place, which lives until the next map_add or map_remove; NULL if key is not there. */
uint64_t *map_find(const struct map *map, uint64_t key);
/* As map_find, but an index or a pointer at once; default if key is not there. */
uint64_t map_get(const struct map *map, uint64_t key, uint64_t or_else);
void *map_get_ptr(const struct map *map, uint64_t key);

/*
 * Finds key, or adds it with value. Returns 1 if it is new, 0 if it was there, and then its value is as
 * it was; -ENOMEM. ret_place may be NULL.
 */
int map_add(struct map *map, uint64_t key, uint64_t value, uint64_t **ret_place);
/* Sets key to value, new or not: 0 or -ENOMEM. */
int map_set(struct map *map, uint64_t key, uint64_t value);
/* Returns whether it was there. */
bool map_remove(struct map *map, uint64_t key);

/* Room for n entries, so that adding them cannot fail. */
int map_reserve(struct map *map, size_t n);

/* Entries in no order; the map must not change meanwhile. */
#define map_for_each(entry, map)                                                                \
	for (struct map_entry * (entry) = (map)->entries;                                       \
	     (size_t)((entry) - (map)->entries) < (map)->capacity + (map)->has_zero; (entry)++) \
		if (!(entry)->key && (size_t)((entry) - (map)->entries) < (map)->capacity)      \
			continue;                                                               \
		else

/* A good mix of 64 bits, for whoever hashes something into a map. */
uint64_t map_hash_bytes(const void *bytes, size_t size);

/* Strings that live as long as the pool; equal strings are the same pointer. */
struct string_pool;

struct string_pool *string_pool_new(void); /* NULL: no memory */
struct string_pool *string_pool_free(struct string_pool *pool);
DEFINE_CLEANUP(struct string_pool *, string_pool_free)

/* NULL only if there is no memory; text may be in the pool already. */
const char *string_pool_add(struct string_pool *pool, const char *text);
/* The same of at most length bytes, up to the first zero. */
const char *string_pool_add_n(struct string_pool *pool, const char *text, size_t length);
size_t string_pool_count(const struct string_pool *pool);

#endif
