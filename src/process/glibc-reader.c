/* SPDX-License-Identifier: MIT */
/*
 * glibc-reader.c: the steps before the walk, each of which needs the one before: the ring of arenas, the
 * thresholds, the threads, and the freed chunks that look as if they were in use.
 */
#include "process/glibc-reader.h"

#include <stdlib.h>

#include "base/cleanup.h"

void glibc_reader_deinit(struct glibc_reader *reader)
{
	glibc_states_deinit(&reader->states);
	glibc_threads_deinit(&reader->threads);
	glibc_caches_deinit(&reader->caches);
}

static const struct glibc_params *params_of(const struct glibc_reader *reader)
{
	return reader->has_params ? &reader->params : NULL;
}

int glibc_reader_regions(const struct glibc_reader *reader, const struct glibc_state *state,
			 struct glibc_regions *ret)
{
	return glibc_regions_read(reader->target->memory, reader->target->maps, &reader->states,
				  state, params_of(reader), ret);
}

int glibc_reader_map(const struct glibc_reader *reader, const struct glibc_region *region,
		     struct residency *ret)
{
	return residency_read(reader->target->memory, region->start, region->end, ret);
}

int glibc_reader_walk(const struct glibc_reader *reader, const struct glibc_region *region,
		      const struct residency *map, glibc_visit visit, void *userdata)
{
	struct glibc_walk walk = {
		.memory = reader->target->memory,
		.map = map,
		.caches = &reader->caches,
		.pid = reader->target->pid,
		.pauses = reader->target->pauses,
	};

	return glibc_walk_region(&walk, region, visit, userdata);
}

struct table_search {
	struct glibc_caches *found;
	struct memory *memory;
};

static int look_for_table(const struct glibc_chunk *chunk, void *search_)
{
	struct table_search *search = search_;
	int r = 0;

	if (chunk->kind == GLIBC_IN_USE && glibc_caches_is_table_size(chunk->size))
		r = glibc_caches_add_table(search->found, search->memory, chunk->address + 16);
	return r < 0 ? r : 0;
}

/* Where the threads do not tell, tables of caches are known by what they look like. */
static int search_tables(struct glibc_reader *reader)
{
	struct glibc_caches found = {};
	struct table_search search = {&found, reader->target->memory};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < reader->states.n_states; i++) {
		_cleanup_(glibc_regions_deinit) struct glibc_regions regions = {};

		if (glibc_reader_regions(reader, &reader->states.states[i], &regions) < 0)
			continue;
		for (size_t j = 0; r >= 0 && j < regions.n_regions; j++) {
			_cleanup_(residency_deinit) struct residency map = {};

			r = glibc_reader_map(reader, &regions.regions[j], &map);
			if (r >= 0)
				r = glibc_reader_walk(reader, &regions.regions[j], &map,
						      look_for_table, &search);
		}
	}
	for (size_t i = 0; r >= 0 && i < found.n_entries; i++)
		r = glibc_caches_add(&reader->caches, found.entries[i]);
	glibc_caches_deinit(&found);
	return r;
}

static int read_caches(struct glibc_reader *reader)
{
	struct memory *memory = reader->target->memory;
	bool has_tables = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < reader->states.n_states; i++)
		r = glibc_caches_add_fastbins(&reader->caches, memory, &reader->states.states[i]);
	for (size_t i = 0; r >= 0 && i < reader->threads.n_threads; i++) {
		r = glibc_caches_add_table(&reader->caches, memory,
					   reader->threads.threads[i].cache);
		has_tables |= r > 0;
	}
	glibc_caches_sort(&reader->caches);
	if (r >= 0 && !has_tables) {
		r = search_tables(reader);
		glibc_caches_sort(&reader->caches);
	}
	return r < 0 ? r : 0;
}

int glibc_reader_init(struct glibc_reader *reader, const struct glibc_target *target)
{
	int r;

	*reader = (struct glibc_reader){.target = target};
	r = glibc_states_read(target->memory, target->maps, &reader->states);
	if (r != GLIBC_FOUND)
		return r;
	reader->has_params = glibc_params_find(&reader->states.data, target->maps,
					       &reader->states.states[0], &reader->params);
	r = glibc_threads_read(target->memory, target->maps, &reader->states, target->tids,
			       target->n_tids, &reader->threads);
	if (r >= 0)
		r = read_caches(reader);
	if (r < 0) {
		glibc_reader_deinit(reader);
		return r;
	}
	return GLIBC_FOUND;
}
