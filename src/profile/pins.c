/* SPDX-License-Identifier: MIT */
/*
 * pins.c: a pin is a range of memory in which all used blocks are in the way. So whatever the agent
 * recorded in that range is one of them, also where the reader of the allocator named only the first.
 */
#include "profile/pins.h"

/* Bytes of a block that has a mapping of its own beside what was asked for: its header, the last page. */
static const double SIZE_DOUBT = 2 * 4096;

static bool is_inside(const struct profile_block *block, const struct arena_pin *pin)
{
	if (block->site == PROFILE_NO_SITE)
		return false;
	if (pin->start < pin->end)
		return block->address >= pin->start && block->address < pin->end;
	return block->address >= pin->address && block->address - pin->address < pin->size;
}

/* Bytes that the blocks of one site have in the pin. */
static uint64_t bytes_of(const struct profile *profile, const struct arena_pin *pin, uint32_t site)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < profile->n_blocks; i++)
		if (profile->blocks[i].site == site && is_inside(&profile->blocks[i], pin))
			bytes += profile->blocks[i].size;
	return bytes;
}

static void describe(const struct profile *profile, const struct arena_pin *pin,
		     struct pin_owner *owner)
{
	owner->age_s = -1;
	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site != owner->site || !is_inside(block, pin))
			continue;
		owner->n_blocks++;
		if (block->age_s > owner->age_s) {
			owner->age_s = block->age_s;
			owner->address = block->address;
			owner->size = block->size;
		}
	}
}

bool pin_owner_find(const struct profile *profile, const struct arena_pin *pin,
		    struct pin_owner *ret)
{
	struct pin_owner owner = {.site = PROFILE_NO_SITE};
	uint64_t most = 0;
	unsigned n_tried = 0;

	for (size_t i = 0; i < profile->n_blocks && n_tried < 8; i++) {
		const struct profile_block *block = &profile->blocks[i];
		uint64_t bytes;

		if (block->site == owner.site || !is_inside(block, pin))
			continue;
		bytes = bytes_of(profile, pin, block->site);
		n_tried++;
		if (bytes > most) {
			most = bytes;
			owner.site = block->site;
		}
	}
	if (owner.site == PROFILE_NO_SITE)
		return false;
	describe(profile, pin, &owner);
	*ret = owner;
	return true;
}

const struct profile_site *pins_find_raiser(const struct profile *profile)
{
	double threshold;

	if (!profile->arenas || profile->arenas->mmap_threshold == ARENAS_UNKNOWN)
		return NULL;
	threshold = (double)profile->arenas->mmap_threshold;
	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];
		double mean = site->allocated_blocks ? (double)site->allocated_bytes /
							       (double)site->allocated_blocks
						     : 0;

		if (site->kind == MT_SITE_MALLOC && site->freed_blocks > 0 && mean <= threshold &&
		    mean >= threshold - SIZE_DOUBT)
			return site;
	}
	return NULL;
}
