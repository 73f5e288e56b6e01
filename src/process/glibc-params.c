/* SPDX-License-Identifier: MIT */
/*
 * glibc-params.c: mp_ without a symbol.
 *
 * The struct begins with trim_threshold, top_pad, mmap_threshold, arena_test, arena_max, in all versions.
 * Then 2.35 put two page sizes and flags; four ints follow (n_mmaps, n_mmaps_max, max_n_mmaps,
 * no_dyn_threshold), mmapped_mem, max_mmapped_mem, up to 2.23 max_total_mem, and sbrk_base. Each place in
 * libc's data is tried with each form. What must hold: the program break began at sbrk_base or no memory
 * came from it, no count is above its peak, mmapped memory is whole pages, one for each block at least, and
 * the mmap threshold is one that glibc could have. Of several candidates the one with a sbrk_base wins; two equal ones are no
 * answer.
 */
#include "process/glibc-params.h"

#include <string.h>

#include "base/macro.h"
#include "process/glibc-heaps.h"

struct form {
	size_t page_sizes; /* 0: none */
	size_t counts, mmapped, sbrk_base, size;
};

static const struct form forms[] = {
	{.page_sizes = 40, .counts = 60, .mmapped = 80, .sbrk_base = 96, .size = 104},
	{.counts = 40, .mmapped = 56, .sbrk_base = 72, .size = 80},
	{.counts = 40, .mmapped = 56, .sbrk_base = 80, .size = 88},
};

static uint32_t half_word(const struct glibc_data *data, size_t offset)
{
	uint32_t value;

	memcpy(&value, data->bytes + offset, sizeof(value));
	return value;
}

static void read_form(const struct glibc_data *data, size_t offset, const struct form *form,
		      struct glibc_params *params, uint32_t *n_mmaps_max)
{
	*params = (struct glibc_params){
		.trim_threshold = glibc_data_word(data, offset),
		.top_pad = glibc_data_word(data, offset + 8),
		.mmap_threshold = glibc_data_word(data, offset + 16),
		.n_mmaps = half_word(data, offset + form->counts),
		.max_mmaps = half_word(data, offset + form->counts + 8),
		.fixed = half_word(data, offset + form->counts + 12) == 1,
		.mmapped = glibc_data_word(data, offset + form->mmapped),
		.peak_mmapped = glibc_data_word(data, offset + form->mmapped + 8),
		.sbrk_base = glibc_data_word(data, offset + form->sbrk_base),
	};
	if (form->page_sizes) {
		params->thp_page_size = glibc_data_word(data, offset + form->page_sizes);
		params->huge_page_size = glibc_data_word(data, offset + form->page_sizes + 8);
	}
	*n_mmaps_max = half_word(data, offset + form->counts + 4);
}

static bool is_page_size(uint64_t size)
{
	return !size || (size >= 4096 && size <= UINT64_C(1) << 34 && !(size & (size - 1)));
}

/* Where sbrk_base may be. */
struct place {
	const struct maps *maps;
	uint64_t break_start, break_end;
	bool elsewhere; /* the break may have failed from the beginning, or a core does not tell where it is */
};

static bool is_base(const struct place *place, uint64_t base)
{
	const struct mapping *mapping;

	if (base >= place->break_start && base < place->break_end)
		return true;
	mapping = place->elsewhere ? maps_find(place->maps, base) : NULL;
	return mapping && mapping->write && !mapping->shared && *mapping->path != '/';
}

static bool params_hold(const struct glibc_params *params, uint32_t n_mmaps_max,
			const struct place *place)
{
	static const uint32_t sane = 1 << 30;

	if (params->sbrk_base && !is_base(place, params->sbrk_base))
		return false;
	if (params->n_mmaps > params->max_mmaps || params->max_mmaps > sane ||
	    params->mmapped > params->peak_mmapped || params->peak_mmapped >> 48 ||
	    !IS_ALIGNED(params->mmapped, 4096) || !IS_ALIGNED(params->peak_mmapped, 4096))
		return false;
	/* each of them has a page at least */
	if (params->n_mmaps > params->mmapped / 4096 ||
	    params->max_mmaps > params->peak_mmapped / 4096)
		return false;
	if (!params->n_mmaps != !params->mmapped || !params->max_mmaps != !params->peak_mmapped)
		return false;
	if (!is_page_size(params->thp_page_size) || !is_page_size(params->huge_page_size))
		return false;
	/* n_mmaps_max is 65536, unless somebody chose another number: then with fixed thresholds */
	if (n_mmaps_max != 65536 && (!params->fixed || n_mmaps_max > sane))
		return false;
	return params->fixed ||
	       (params->mmap_threshold >= 128 << 10 && params->mmap_threshold <= 64 << 20 &&
		params->trim_threshold >= 128 << 10);
}

static bool params_equal(const struct glibc_params *a, const struct glibc_params *b)
{
	return a->trim_threshold == b->trim_threshold && a->mmap_threshold == b->mmap_threshold &&
	       a->n_mmaps == b->n_mmaps && a->mmapped == b->mmapped &&
	       a->peak_mmapped == b->peak_mmapped && a->sbrk_base == b->sbrk_base &&
	       a->huge_page_size == b->huge_page_size && a->fixed == b->fixed;
}

int glibc_params_find(const struct glibc_data *data, const struct maps *maps,
		      const struct glibc_state *main, struct glibc_params *ret)
{
	struct place place = {.maps = maps, .elsewhere = !main->contiguous};
	unsigned n_found = 0;
	bool has_base = false;

	glibc_break_find(maps, main, &place.break_start, &place.break_end);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		for (size_t offset = 0; offset + forms[i].size <= data->size; offset += 8) {
			struct glibc_params params;
			uint32_t n_mmaps_max;

			read_form(data, offset, &forms[i], &params, &n_mmaps_max);
			if (half_word(data, offset + forms[i].counts + 12) > 1 ||
			    (!params.mmap_threshold && !(params.fixed && params.n_mmaps)) ||
			    has_base > (params.sbrk_base != 0) ||
			    !params_hold(&params, n_mmaps_max, &place))
				continue;
			if (!has_base && params.sbrk_base)
				n_found = 0;
			else if (n_found && params_equal(ret, &params))
				continue;
			has_base = params.sbrk_base != 0;
			*ret = params;
			n_found++;
		}
	}
	return n_found == 1;
}
