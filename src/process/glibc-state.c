/* SPDX-License-Identifier: MIT */
/*
 * glibc-state.c: main_arena without a symbol.
 *
 * A bin of glibc is a list head of two words, and 127 of them stand in an array; the links of an empty
 * one point at itself (16 bytes before it, where its chunk would begin). Nothing else in a libc's data
 * looks like that, so the array is found by looking at each word of the writable data:
 *
 *	mutex flags [have_fastchunks] [fastbins: 10] top last_remainder │ bins: 127 × 2 │
 *	binmap: 16 bytes, next, next_free, [attached_threads], system_mem, max_system_mem
 *
 * What stands behind the bins is at the same distance in all versions. How far the struct reaches in
 * front of them differs (2.27 brought have_fastchunks, later versions have no fast bins), and follows
 * from the ring of arenas: next leads from one beginning to the next and in the end back. Whether
 * attached_threads is there (2.23) shows in the values, which are asked of all arenas.
 *
 * An allocator that was never called has zeros for bins and a next that points at the arena itself.
 */
#include "process/glibc-state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "process/glibc-bins.h"
#include "process/residency.h"

enum {
	BINS_SIZE = GLIBC_N_BINS * 16,
	/* from the first bin */
	NEXT = BINS_SIZE + 16,
	COUNTS = NEXT + 16, /* attached_threads or system_mem */
	/* backwards from the first bin */
	TOP = 16,
	FASTBINS = TOP + 8 * GLIBC_N_FASTBINS,
	MIN_OFFSET = 24, /* of the bins in the struct: mutex, flags, top, last_remainder */
	MAX_OFFSET = 256,
	SEARCH_TRIES = 6,
	MAX_ARENAS = 65536,
	MAX_DATA = 4 << 20,
};

uint64_t glibc_data_word(const struct glibc_data *data, size_t offset)
{
	uint64_t word;

	memcpy(&word, data->bytes + offset, sizeof(word));
	return word;
}

void glibc_states_deinit(struct glibc_states *states)
{
	free(states->data.bytes);
	free(states->states);
	*states = (struct glibc_states){0};
}

static void data_deinit(struct glibc_data *data)
{
	free(data->bytes);
	*data = (struct glibc_data){0};
}

int glibc_state_read(struct memory *memory, const struct glibc_layout *layout, uint64_t address,
		     struct glibc_state *ret)
{
	uint64_t words[(MAX_OFFSET + COUNTS) / 8 + 4];
	const uint64_t *bins = words + layout->bins / 8, *counts = bins + COUNTS / 8;
	uint32_t flags;
	int r;

	if (!IS_ALIGNED(address, 8) || layout->bins > MAX_OFFSET)
		return -EBADMSG;
	r = memory_read(memory, address, words, layout->bins + COUNTS + 24);
	if (r < 0)
		return r;
	*ret = (struct glibc_state){.address = address, .next = bins[NEXT / 8], .top = bins[-2]};
	if (layout->has_fastbins)
		memcpy(ret->fastbins, bins - FASTBINS / 8, sizeof(ret->fastbins));
	if (layout->counts_threads)
		ret->attached_threads = *counts++;
	ret->system = counts[0];
	ret->peak_system = counts[1];
	memcpy(&flags, (const char *)words + 4, sizeof(flags));
	ret->contiguous = !(flags & 2);
	return 0;
}

static int add_state(struct glibc_states *states, const struct glibc_state *state)
{
	if (GROW(states->states, states->n_states) < 0)
		return -ENOMEM;
	states->states[states->n_states++] = *state;
	return 0;
}

/* Follows the ring from the arena at base. 0 if it does not come back, or leads to no arena. */
static int read_ring(struct memory *memory, uint64_t base, struct glibc_states *states)
{
	uint64_t address = base;

	states->n_states = 0;
	do {
		struct glibc_state state;
		int r;

		if (states->n_states >= MAX_ARENAS ||
		    !glibc_bins_are_at(memory, address + states->layout.bins) ||
		    glibc_state_read(memory, &states->layout, address, &state) < 0)
			return 0;
		r = add_state(states, &state);
		if (r < 0)
			return r;
		address = state.next;
	} while (address != base);
	return 1;
}

/* Whether the counts of all arenas make sense in a layout. */
static bool counts_hold(const struct glibc_states *states)
{
	for (size_t i = 0; i < states->n_states; i++) {
		const struct glibc_state *state = &states->states[i];

		if (state->attached_threads > 4 << 20 || state->system > state->peak_system ||
		    state->peak_system >> 48)
			return false;
		if (i && (!state->system || !IS_ALIGNED(state->system, 4096)))
			return false;
	}
	return true;
}

static int read_with_offset(struct memory *memory, uint64_t bins, uint32_t offset,
			    struct glibc_states *states)
{
	for (int counts_threads = 1; counts_threads >= 0; counts_threads--) {
		int r;

		states->layout = (struct glibc_layout){
			.bins = offset,
			.has_fastbins = offset >= FASTBINS + 8,
			.counts_threads = counts_threads,
			.size = offset + COUNTS + 16 + 8 * (uint32_t)counts_threads,
		};
		r = read_ring(memory, bins - offset, states);
		if (r <= 0)
			return r;
		if (counts_hold(states))
			return 1;
	}
	return 0;
}

static int read_from_bins(struct memory *memory, uint64_t bins, struct glibc_states *states)
{
	static const uint32_t known[] = {112, 104, MIN_OFFSET};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		int r = read_with_offset(memory, bins, known[i], states);

		if (r)
			return r;
	}
	for (uint32_t offset = MIN_OFFSET; offset <= MAX_OFFSET; offset += 8) {
		int r = read_with_offset(memory, bins, offset, states);

		if (r)
			return r;
	}
	return 0;
}

/* Whether an arena that was never used stands at this offset: zeros, and then a ring of one. */
static bool is_unused(const struct glibc_data *data, size_t offset)
{
	static const uint8_t zeros[BINS_SIZE + 16];
	static const size_t distances[] = {112, 104, MIN_OFFSET};

	for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
		if (offset < distances[i] || data->size - offset < NEXT + 16)
			continue;
		if (glibc_data_word(data, offset + NEXT) == data->start + offset - distances[i] &&
		    memcmp(data->bytes + offset, zeros, sizeof(zeros)) == 0)
			return true;
	}
	return false;
}

/* GLIBC_ABSENT if nothing in the data looks like an arena. */
static int search(struct memory *memory, const struct glibc_data *data, struct glibc_states *states)
{
	bool unused = false;

	for (size_t offset = 0; offset + COUNTS + 24 <= data->size; offset += 8) {
		uint64_t address = data->start + offset;
		int r;

		unused |= is_unused(data, offset);
		if (!glibc_data_word(data, offset) ||
		    !glibc_bins_look_right(data->bytes + offset, address) ||
		    !glibc_bins_hold(memory, data->bytes + offset, address))
			continue;
		r = read_from_bins(memory, address, states);
		if (r)
			return r < 0 ? r : GLIBC_FOUND;
	}
	return unused ? GLIBC_UNUSED : GLIBC_ABSENT;
}

/* Copies [start, end); pages that are not resident read as zeros. */
static int copy_data(struct memory *memory, uint64_t start, uint64_t end, struct glibc_data *ret)
{
	_cleanup_(residency_deinit) struct residency map = {};
	_cleanup_(data_deinit) struct glibc_data data = {.start = start};
	int r;

	data.size = MIN(end - start, MAX_DATA);
	data.bytes = calloc(1, data.size ?: 1);
	if (!data.bytes)
		return -ENOMEM;
	r = residency_read(memory, start, start + data.size, &map);
	if (r < 0)
		return r;
	for (uint64_t at = start; at < start + data.size;) {
		uint64_t run = residency_run(&map, at, start + data.size - at);

		if (!run && residency_is_swapped(&map, at))
			run = MIN(MEMORY_PAGE_SIZE, start + data.size - at);
		if (run) {
			r = memory_read(memory, at, data.bytes + (at - start), run);
			if (r < 0 && r != -EFAULT)
				return r;
		}
		at += run ?: MEMORY_PAGE_SIZE;
	}
	*ret = (struct glibc_data){start, TAKE_PTR(data.bytes), data.size};
	return 0;
}

static bool is_libc(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return strncmp(name, "libc.so.6", 9) == 0 || strncmp(name, "libc-2.", 7) == 0;
}

/* Searches the writable mappings of the file that the nth mapping shows, and its zeroed data. */
static int search_mapping(struct memory *memory, const struct maps *maps, size_t nth,
			  struct glibc_states *states)
{
	const struct mapping *mapping = &maps->mappings[nth];
	uint64_t end = mapping->end;
	int r;

	while (++nth < maps->n_mappings && maps->mappings[nth].start == end &&
	       maps->mappings[nth].write && !*maps->mappings[nth].path)
		end = maps->mappings[nth].end;
	/* a running process may have been at work on it just then */
	for (int tries = 0; tries < SEARCH_TRIES; tries++) {
		data_deinit(&states->data);
		r = copy_data(memory, mapping->start, end, &states->data);
		if (r >= 0)
			r = search(memory, &states->data, states);
		if (r)
			return r;
	}
	return GLIBC_ABSENT;
}

/* libc itself, or the program: of a static one, or of one that has its libc's data copied. */
static int search_files(struct memory *memory, const struct maps *maps, bool libc,
			struct glibc_states *states)
{
	int found = GLIBC_ABSENT;

	for (size_t i = 0; i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		int r;

		if (!mapping->write || mapping->shared || *mapping->path != '/' ||
		    is_libc(mapping->path) != libc)
			continue;
		r = search_mapping(memory, maps, i, states);
		if (r < 0 || r == GLIBC_FOUND)
			return r;
		if (r == GLIBC_UNUSED)
			found = r;
		data_deinit(&states->data);
	}
	return found;
}

int glibc_states_read(struct memory *memory, const struct maps *maps, struct glibc_states *ret)
{
	_cleanup_(glibc_states_deinit) struct glibc_states states = {};
	bool has_libc = false;
	int r;

	for (size_t i = 0; i < maps->n_mappings; i++)
		has_libc |= *maps->mappings[i].path == '/' && is_libc(maps->mappings[i].path);
	r = search_files(memory, maps, has_libc, &states);
	if (r < 0)
		return r;
	if (r == GLIBC_ABSENT && has_libc)
		return -EBADMSG;
	if (r == GLIBC_FOUND) {
		*ret = states;
		states = (struct glibc_states){0};
	}
	return r;
}
