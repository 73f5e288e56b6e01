/* SPDX-License-Identifier: MIT */
/*
 * build-sites.c: which sites a profile has.
 *
 * Sites of the region are told apart by address. Where the same code was loaded at two addresses, or an
 * allocation function made two stacks of one, they are one site of the profile: identity decides.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/progress.h"
#include "profile/build-state.h"
#include "profile/label.h"

/*
 * A Java machine reserves gigabytes for its heap, its classes and its code, of which little is ever used. As
 * the mappings of malloc for its heap they are no place of the program; the ledger has what is resident.
 */
static bool is_machines_own(const struct profile *profile, const struct profile_site *site)
{
	static const char *const names[] = {"libjvm.so", "libj9", "libjimage.so"};
	const struct profile_location *location;

	if (site->kind != MT_SITE_MMAP || site->n_locations == 0)
		return false;
	location = profile_location_get(profile, site, 0);
	for (size_t i = 0; location->module != PROFILE_NO_MODULE && i < ARRAY_SIZE(names); i++)
		if (strncmp(label_base_name(profile->modules[location->module].path), names[i],
			    strlen(names[i])) == 0)
			return true;
	return false;
}

/* What tells sites with the same stack apart; without any of it the stack's own number. */
static uint64_t site_identity(uint64_t stack, const struct mt_site *from, const char *tag)
{
	const uint64_t words[] = {
		stack,
		from->flags & MT_STACK_POOL,
		from->kind == MT_SITE_MALLOC ? from->flags & MT_STACK_BACKING : 0,
		tag ? map_hash_bytes(tag, strlen(tag)) : 0,
	};

	if (!words[1] && !words[2] && !tag)
		return stack;
	return map_hash_bytes(words, sizeof(words));
}

static int find_tag(struct builder *builder, const struct mt_site *from, const char **ret)
{
	*ret = NULL;
	if (!from->tag)
		return 0;
	*ret = string_pool_add(builder->profile->strings, builder->snapshot->strings + from->tag);
	return *ret ? 0 : -ENOMEM;
}

static int add_site(struct builder *builder, const struct mt_site *from, uint32_t *ret_index)
{
	struct profile *profile = builder->profile;
	const size_t first = profile->n_location_refs;
	uint32_t n_locations;
	uint64_t id, *place;
	const char *tag;
	int r;

	r = locator_add_stack(&builder->locator, from, &n_locations, &id);
	if (r >= 0)
		r = find_tag(builder, from, &tag);
	if (r < 0)
		return r;
	id = site_identity(id, from, tag);
	r = map_add(&builder->by_id, id, profile->n_sites, &place);
	if (r < 0)
		return r;
	*ret_index = (uint32_t)*place;
	if (r == 0) {
		/* known from another address: the first stack serves for both */
		profile->n_location_refs = first;
		return 0;
	}
	if (GROW(profile->sites, profile->n_sites) < 0 || GROW(builder->sums, profile->n_sites) < 0)
		return -ENOMEM;
	builder->sums[profile->n_sites] = (struct sum){.oldest_s = -1, .youngest_s = -1};
	profile->sites[profile->n_sites++] = (struct profile_site){
		.id = id,
		.kind = from->kind,
		.tag = tag,
		.first_location = (uint32_t)first,
		.n_locations = n_locations,
		.growth = NAN,
	};
	return 0;
}

int build_sites(struct builder *builder)
{
	const struct region_snapshot *snapshot = builder->snapshot;
	uint32_t index;

	builder->sites = malloc((snapshot->n_sites + 1) * sizeof(*builder->sites));
	if (!builder->sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < snapshot->n_sites; i++) {
		const struct mt_site *from = &snapshot->sites[i];

		progress_step(i);
		builder->sites[i] = PROFILE_NO_SITE;
		if (from->n_frames == 0)
			continue;
		int r = add_site(builder, from, &index);
		if (r < 0)
			return r;
		builder->sites[i] = index;
		builder->profile->sites[index].flags |= from->flags;
		if (is_machines_own(builder->profile, &builder->profile->sites[index]))
			builder->profile->sites[index].flags |= MT_STACK_BACKING;
		builder->profile->sites[index].allocated_bytes += from->alloc_bytes;
		builder->sums[index].allocated_blocks += from->alloc_blocks;
	}
	return 0;
}
