/* SPDX-License-Identifier: MIT */
/*
 * glibc-threads.c: each thread's thread_arena and tcache.
 *
 * The thread pointer leads to the thread's descriptor, whose first and third word are that same pointer
 * and which has the thread's id at a fixed place. It stands at the end of a stack, or, for the first
 * thread, in a small mapping that the loader made; so the ends of the writable anonymous mappings are
 * searched for it. Descriptors are linked into lists, and one that was found leads to others.
 *
 * In front of the descriptor are the libraries' thread-local variables, at the same distance in every
 * thread. thread_arena is the word there that in every thread is the address of an arena or 0. If two
 * places are like that, nothing is claimed. tcache stands close to it.
 *
 * Nothing here is found on machines whose descriptors have another form; their threads stay unknown.
 */
#include "process/glibc-threads.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/map.h"
#include "process/glibc-caches.h"
#include "process/residency.h"

enum {
	SELF = 16,
	LINKS = 704, /* next, previous */
	TID = 720,
	STEP = 32,
	TAIL = 64 << 10,      /* of a mapping, that is searched */
	SMALL = 256 << 10,    /* a mapping that is searched whole */
	VARIABLES = 16 << 10, /* in front of the descriptor */
	NEIGHBOURHOOD = 256,  /* of thread_arena, in which tcache is searched */
};

struct finder {
	struct memory *memory;
	struct map tids;     /* that are searched: key tid */
	struct map pointers; /* that were found */
	struct glibc_threads *threads;
	size_t capacity;
};

static void finder_deinit(struct finder *finder)
{
	map_deinit(&finder->tids);
	map_deinit(&finder->pointers);
}

void glibc_threads_deinit(struct glibc_threads *threads)
{
	free(threads->threads);
	*threads = (struct glibc_threads){0};
}

/* Notes the thread whose descriptor is at address, if there is one. 1: it is new. */
static int try_descriptor(struct finder *finder, uint64_t address)
{
	uint64_t words[3];
	uint32_t tid;
	int r;

	if (!IS_ALIGNED(address, STEP) || map_find(&finder->pointers, address) ||
	    memory_read_present(finder->memory, address, words, sizeof(words)) < 0 ||
	    words[0] != address || words[SELF / 8] != address ||
	    memory_read_present(finder->memory, address + TID, &tid, sizeof(tid)) < 0 ||
	    !map_find(&finder->tids, tid) || finder->threads->n_threads == finder->capacity)
		return 0;
	r = map_add(&finder->pointers, address, tid, NULL);
	if (r < 0)
		return r;
	map_remove(&finder->tids, tid);
	finder->threads->threads[finder->threads->n_threads++] =
		(struct glibc_thread){.tid = tid, .pointer = address};
	return 1;
}

/* A descriptor begins with its own address. A page that is gone meanwhile holds none. */
static int search_page(struct finder *finder, uint64_t page)
{
	uint8_t buffer[MEMORY_PAGE_SIZE];
	uint64_t word;
	int r = 0;

	if (memory_read(finder->memory, page, buffer, sizeof(buffer)) < 0)
		return 0;
	for (size_t i = 0; r >= 0 && i < sizeof(buffer); i += STEP) {
		memcpy(&word, buffer + i, sizeof(word));
		if (word == page + i)
			r = try_descriptor(finder, word);
	}
	return r;
}

static int search_range(struct finder *finder, uint64_t start, uint64_t end)
{
	_cleanup_(residency_deinit) struct residency map = {};
	int r = residency_read(finder->memory, start, end, &map);

	for (uint64_t at = start; r >= 0 && at < end && finder->tids.n_entries;) {
		uint64_t run_end = at + residency_run(&map, at, end - at);

		if (run_end == at)
			at += MEMORY_PAGE_SIZE;
		for (; r >= 0 && at < run_end; at += MEMORY_PAGE_SIZE)
			r = search_page(finder, at);
	}
	return r < 0 ? r : 0;
}

static int search_maps(struct finder *finder, const struct maps *maps)
{
	for (size_t i = 0; i < maps->n_mappings && finder->tids.n_entries; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		uint64_t size = mapping->end - mapping->start;
		int r;

		if (!mapping->write || mapping->shared || *mapping->path == '/')
			continue;
		if (size > SMALL)
			r = search_range(finder, mapping->end - TAIL, mapping->end);
		else
			r = search_range(finder, mapping->start, mapping->end);
		/* a static program's first thread has its descriptor at the beginning of the break */
		if (r >= 0 && size > SMALL && strcmp(mapping->path, "[heap]") == 0)
			r = search_range(finder, mapping->start, mapping->start + TAIL);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Follows the links of those that were found. */
static int search_lists(struct finder *finder)
{
	for (size_t i = 0; i < finder->threads->n_threads; i++) {
		uint64_t links[2];

		if (memory_read(finder->memory, finder->threads->threads[i].pointer + LINKS, links,
				sizeof(links)) < 0)
			continue;
		for (size_t j = 0; j < 2; j++) {
			int r = try_descriptor(finder, links[j] - LINKS);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int find_pointers(struct memory *memory, const struct maps *maps, const uint32_t *tids,
			 size_t n_tids, struct glibc_threads *threads)
{
	_cleanup_(finder_deinit) struct finder finder = {
		.memory = memory, .threads = threads, .capacity = n_tids};
	int r = 0;

	for (size_t i = 0; i < n_tids && r >= 0; i++)
		r = map_add(&finder.tids, tids[i], 0, NULL);
	threads->threads = calloc(n_tids ?: 1, sizeof(*threads->threads));
	if (r < 0 || !threads->threads)
		return -ENOMEM;
	r = search_maps(&finder, maps);
	return r < 0 ? r : search_lists(&finder);
}

/* A thread's variables: the last size bytes in front of its pointer. */
struct variables {
	uint8_t *bytes; /* n_threads times size; owned */
	size_t size;
};

static void variables_deinit(struct variables *variables)
{
	free(variables->bytes);
}

static uint64_t variable(const struct variables *variables, size_t thread, size_t distance)
{
	uint64_t word;

	memcpy(&word, variables->bytes + (thread + 1) * variables->size - distance, sizeof(word));
	return word;
}

/* What is resident in front of each descriptor; the rest reads as zeros. */
static int read_variables(struct memory *memory, const struct glibc_threads *threads,
			  struct variables *ret)
{
	ret->size = VARIABLES;
	ret->bytes = calloc(threads->n_threads, ret->size);
	if (!ret->bytes)
		return -ENOMEM;
	for (size_t i = 0; i < threads->n_threads; i++) {
		_cleanup_(residency_deinit) struct residency map = {};
		uint64_t end = threads->threads[i].pointer, at = end - ret->size;
		uint8_t *bytes = ret->bytes + i * ret->size;
		int r = residency_read(memory, at, end, &map);

		if (r < 0)
			return r;
		while (at < end) {
			uint64_t run = residency_run(&map, at, ALIGN_DOWN(at, 4096) + 4096 - at);

			run = MIN(run, end - at);
			if (run &&
			    memory_read(memory, at, bytes + (at - (end - ret->size)), run) < 0)
				memset(bytes + (at - (end - ret->size)), 0, run);
			at = ALIGN_DOWN(at, 4096) + 4096;
		}
	}
	return 0;
}

/* How many threads have an arena at that distance; 0 if one has there what is none. */
static size_t count_arenas(const struct variables *variables, size_t n_threads,
			   const struct map *arenas, size_t distance)
{
	size_t n = 0;

	for (size_t i = 0; i < n_threads; i++) {
		uint64_t word = variable(variables, i, distance);

		if (word && !map_find(arenas, word))
			return 0;
		n += word != 0;
	}
	return n;
}

/* The distance of thread_arena from the thread pointer; 0 if there is none, or a doubt. */
static size_t find_arena_variable(const struct variables *variables, size_t n_threads,
				  const struct map *arenas)
{
	size_t found = 0, best = 0;

	for (size_t distance = 8; distance <= variables->size; distance += 8) {
		size_t n = count_arenas(variables, n_threads, arenas, distance);

		if (n && n == best)
			found = 0;
		if (n > best) {
			best = n;
			found = distance;
		}
	}
	return found;
}

/* tcache is the word close to thread_arena that in most threads leads to a cache's table. */
static int find_caches(struct memory *memory, const struct variables *variables,
		       struct glibc_threads *threads, size_t arena_distance)
{
	size_t low = arena_distance > NEIGHBOURHOOD ? arena_distance - NEIGHBOURHOOD : 8;
	size_t high = MIN(arena_distance + NEIGHBOURHOOD, variables->size), best = 0, found = 0;

	for (size_t distance = low; distance <= high; distance += 8) {
		_cleanup_(glibc_caches_deinit) struct glibc_caches caches = {};
		size_t n = 0;

		for (size_t i = 0; i < threads->n_threads && i < 16; i++) {
			int r = glibc_caches_add_table(&caches, memory,
						       variable(variables, i, distance));
			if (r < 0)
				return r;
			n += r;
		}
		if (n > best) {
			best = n;
			found = distance;
		}
	}
	for (size_t i = 0; found && i < threads->n_threads; i++)
		threads->threads[i].cache = variable(variables, i, found);
	return 0;
}

int glibc_threads_read(struct memory *memory, const struct maps *maps,
		       const struct glibc_states *states, const uint32_t *tids, size_t n_tids,
		       struct glibc_threads *ret)
{
	_cleanup_(glibc_threads_deinit) struct glibc_threads threads = {};
	_cleanup_(variables_deinit) struct variables variables = {};
	_cleanup_(map_deinit) struct map arenas = {};
	size_t distance;
	int r = find_pointers(memory, maps, tids, n_tids, &threads);

	for (size_t i = 0; r >= 0 && i < states->n_states; i++)
		r = map_add(&arenas, states->states[i].address, i, NULL);
	if (r >= 0 && threads.n_threads)
		r = read_variables(memory, &threads, &variables);
	if (r < 0)
		return r;
	distance =
		threads.n_threads ? find_arena_variable(&variables, threads.n_threads, &arenas) : 0;
	if (!distance) {
		*ret = (struct glibc_threads){0};
		return 0;
	}
	for (size_t i = 0; i < threads.n_threads; i++)
		threads.threads[i].arena = variable(&variables, i, distance);
	r = find_caches(memory, &variables, &threads, distance);
	if (r < 0)
		return r;
	*ret = threads;
	threads = (struct glibc_threads){0};
	return 0;
}
