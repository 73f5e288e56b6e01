/* SPDX-License-Identifier: MIT */
/*
 * flat-arenas.c: the arrays that each arena has, threads and pins, are laid end to end, in the order of
 * the arenas; their lengths stand with the arenas. What comes back from a file is checked before it is
 * laid out again.
 */
#include "profile/flat-arenas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"

static void *copy(const void *entries, size_t n, size_t size)
{
	void *bytes = calloc(n + 1, size);

	if (bytes && n)
		memcpy(bytes, entries, n * size);
	return bytes;
}

/* The lists of all arenas. */
static int join_lists(const struct arenas *arenas, struct flat_arenas *flat)
{
	size_t n_pins = 0, n_tids = 0;

	for (size_t i = 0; i < arenas->n_arenas; i++) {
		n_pins += arenas->arenas[i].n_pins;
		n_tids += arenas->arenas[i].n_tids;
	}
	flat->pins = calloc(n_pins + 1, sizeof(*flat->pins));
	flat->tids = calloc(n_tids + 1, sizeof(*flat->tids));
	if (!flat->pins || !flat->tids)
		return -ENOMEM;
	for (size_t i = 0; i < arenas->n_arenas; i++) {
		const struct arena *arena = &arenas->arenas[i];

		for (size_t j = 0; j < arena->n_pins; j++)
			flat->pins[flat->n_pins++] = arena->pins[j];
		for (size_t j = 0; j < arena->n_tids; j++)
			flat->tids[flat->n_tids++] = arena->tids[j];
	}
	return 0;
}

int flat_arenas_make(const struct arenas *arenas, struct flat_arenas *ret)
{
	struct flat_arenas flat = {};
	struct flat_arenas_head head = {};
	int r;

	if (!arenas) {
		*ret = flat;
		return 0;
	}
	head.mmap_threshold = arenas->mmap_threshold;
	head.trim_threshold = arenas->trim_threshold;
	head.n_mmaps = arenas->n_mmaps;
	head.fixed_thresholds = arenas->fixed_thresholds;
	head.refused = arenas->refused;
	flat.heads = copy(&head, 1, sizeof(head));
	flat.arenas = copy(arenas->arenas, arenas->n_arenas, sizeof(*flat.arenas));
	flat.ranges = copy(arenas->ranges, arenas->n_ranges, sizeof(*flat.ranges));
	flat.sizes = calloc(2 * ARENA_SIZES_CLASSES, sizeof(*flat.sizes));
	r = join_lists(arenas, &flat);
	if (r < 0 || !flat.heads || !flat.arenas || !flat.ranges || !flat.sizes) {
		flat_arenas_deinit(&flat, false);
		return -ENOMEM;
	}
	memcpy(flat.sizes, arenas->sizes.in_use, sizeof(arenas->sizes.in_use));
	memcpy(flat.sizes + ARENA_SIZES_CLASSES, arenas->sizes.holes, sizeof(arenas->sizes.holes));
	flat.n_heads = 1;
	flat.n_arenas = arenas->n_arenas;
	flat.n_ranges = arenas->n_ranges;
	flat.n_sizes = 2 * (size_t)ARENA_SIZES_CLASSES;
	*ret = flat;
	return 0;
}

void flat_arenas_deinit(struct flat_arenas *flat, bool owned)
{
	for (size_t i = 0; owned && i < flat->n_heads; i++)
		free(flat->heads[i].refused);
	free(flat->heads);
	free(flat->arenas);
	free(flat->ranges);
	free(flat->pins);
	free(flat->tids);
	free(flat->sizes);
	*flat = (struct flat_arenas){};
}

static bool flat_is_valid(const struct flat_arenas *flat)
{
	size_t n_pins = 0, n_tids = 0;

	if (flat->n_heads != 1 ||
	    (flat->n_sizes && flat->n_sizes != 2 * (size_t)ARENA_SIZES_CLASSES))
		return false;
	for (size_t i = 0; i < flat->n_arenas; i++) {
		const struct arena *arena = &flat->arenas[i];

		if ((unsigned)arena->allocator > ARENAS_MIMALLOC ||
		    (unsigned)arena->kind > ARENA_FAST || arena->n_pins > flat->n_pins - n_pins ||
		    arena->n_tids > flat->n_tids - n_tids)
			return false;
		n_pins += arena->n_pins;
		n_tids += arena->n_tids;
	}
	for (size_t i = 0; i < flat->n_ranges; i++)
		if (flat->ranges[i].start >= flat->ranges[i].end ||
		    flat->ranges[i].arena >= flat->n_arenas)
			return false;
	return n_pins == flat->n_pins && n_tids == flat->n_tids;
}

/* Gives each arena its lists. */
static int split_lists(const struct flat_arenas *flat, struct arenas *arenas)
{
	const struct arena_pin *pins = flat->pins;
	const uint32_t *tids = flat->tids;

	for (size_t i = 0; i < flat->n_arenas; i++) {
		struct arena *arena = arenas_add(arenas);

		if (!arena)
			return -ENOMEM;
		*arena = flat->arenas[i];
		arena->pins = copy(pins, arena->n_pins, sizeof(*pins));
		arena->tids = copy(tids, arena->n_tids, sizeof(*tids));
		if (!arena->pins || !arena->tids)
			return -ENOMEM;
		pins += arena->n_pins;
		tids += arena->n_tids;
	}
	return 0;
}

static int restore(const struct flat_arenas *flat, struct arenas *arenas)
{
	const struct flat_arenas_head *head = flat->heads;
	int r = split_lists(flat, arenas);

	for (size_t i = 0; r >= 0 && i < flat->n_ranges; i++) {
		struct arena_range *range = arenas_add_range(arenas);

		if (!range)
			return -ENOMEM;
		*range = flat->ranges[i];
	}
	arenas_sort(arenas);
	arenas->mmap_threshold = head->mmap_threshold;
	arenas->trim_threshold = head->trim_threshold;
	arenas->n_mmaps = head->n_mmaps;
	arenas->fixed_thresholds = head->fixed_thresholds;
	if (flat->n_sizes) {
		memcpy(arenas->sizes.in_use, flat->sizes, sizeof(arenas->sizes.in_use));
		memcpy(arenas->sizes.holes, flat->sizes + ARENA_SIZES_CLASSES,
		       sizeof(arenas->sizes.holes));
	}
	if (head->refused && *head->refused) {
		arenas->refused = strdup(head->refused);
		if (!arenas->refused)
			return -ENOMEM;
	}
	return r;
}

int flat_arenas_restore(const struct flat_arenas *flat, struct arenas **ret)
{
	_cleanup_(arenas_freep) struct arenas *arenas = NULL;
	int r;

	*ret = NULL;
	if (!flat->n_heads)
		return flat->n_arenas || flat->n_ranges ? -EBADMSG : 0;
	if (!flat_is_valid(flat))
		return -EBADMSG;
	arenas = calloc(1, sizeof(*arenas));
	if (!arenas)
		return -ENOMEM;
	r = restore(flat, arenas);
	if (r < 0)
		return r;
	/* nothing else makes arenas without an arena */
	arenas->unused = arenas->n_arenas == 0 && !arenas->refused;
	*ret = TAKE_PTR(arenas);
	return 0;
}
