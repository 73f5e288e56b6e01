/* SPDX-License-Identifier: MIT */
#include "sample-arenas.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct arena samples[] = {
	{
		.kind = ARENA_MAIN,
		.address = 0x7f0000001000,
		.n_heaps = 1,
		.system = 10 << 20,
		.peak_system = 12 << 20,
		.in_use = 3 << 20,
		.in_use_blocks = 3000,
		.free = 6 << 20,
		.free_blocks = 10,
		.cached = 64 << 10,
		.fast = 1 << 10,
		.largest_free = 5 << 20,
		.top = 128 << 10,
		.metadata = 1 << 20,
		.resident = 8 << 20,
		.in_use_resident = 3 << 20,
		.free_resident = 4 << 20,
		.metadata_resident = 1 << 20,
		.trimmable = 3 << 20,
	},
	{
		.kind = ARENA_THREAD,
		.id = 1,
		.address = 0x7f8000000030,
		.n_heaps = 2,
		.system = 40 << 20,
		.peak_system = 40 << 20,
		.in_use = 1 << 20,
		.in_use_blocks = 7,
		.free = 39 << 20,
		.free_blocks = 2,
		.resident = 40 << 20,
		.in_use_resident = 1 << 20,
		.free_resident = 39 << 20,
		.trimmable = 38 << 20,
		.unread = 512,
	},
	{
		.kind = ARENA_MMAPPED,
		.id = 2,
		.n_heaps = 2,
		.system = 2 << 20,
		.peak_system = 4 << 20,
		.in_use = 2 << 20,
		.in_use_blocks = 2,
		.resident = 2 << 20,
		.in_use_resident = 2 << 20,
	},
};

static void add_pin(struct arena *arena, const struct arena_pin *pin)
{
	arena->pins = calloc(1, sizeof(*pin));
	assert(arena->pins);
	*arena->pins = *pin;
	arena->n_pins = 1;
}

static void add_tids(struct arena *arena, uint32_t first, size_t n)
{
	arena->tids = calloc(n, sizeof(*arena->tids));
	assert(arena->tids);
	for (size_t i = 0; i < n; i++)
		arena->tids[arena->n_tids++] = first + (uint32_t)i;
}

struct arenas *sample_arenas(uint64_t pinned_block)
{
	const struct arena_pin main_pin = {.address = pinned_block,
					   .size = 100,
					   .n_blocks = 1,
					   .bytes = 112,
					   .holds = 2 << 20,
					   .start = pinned_block - 16,
					   .end = pinned_block + 100};
	const struct arena_pin thread_pin = {.address = 0x7f8000100010,
					     .size = 136,
					     .n_blocks = 3,
					     .bytes = 412,
					     .holds = 38 << 20,
					     .start = 0x7f8000100000,
					     .end = 0x7f8002000000};
	struct arenas *arenas = calloc(1, sizeof(*arenas));

	assert(arenas);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct arena *arena = arenas_add(arenas);
		struct arena_range *range = arenas_add_range(arenas);

		assert(arena && range);
		*arena = samples[i];
		*range = (struct arena_range){.start = 0x10000000 * (i + 1),
					      .end = 0x10000000 * (i + 1) + 0x1000,
					      .arena = (uint32_t)i,
					      .in_use_resident = 4096};
	}
	add_tids(&arenas->arenas[0], 4711, 1);
	add_tids(&arenas->arenas[1], 4712, 2);
	add_pin(&arenas->arenas[0], &main_pin);
	add_pin(&arenas->arenas[1], &thread_pin);
	arenas->mmap_threshold = 2 << 20;
	arenas->trim_threshold = 4 << 20;
	arenas->n_mmaps = 2;
	arena_sizes_add(&arenas->sizes, true, 100);
	arena_sizes_add(&arenas->sizes, false, 5000);
	arenas->refused = strdup("arena 3 was left out");
	return arenas;
}
