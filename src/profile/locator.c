/* SPDX-License-Identifier: MIT */
/*
 * Each distinct frame of the region is symbolised once. A frame is a return address, so what is looked
 * up is one byte before it, which is inside the call (the unwinder has arranged that this holds for
 * frames that a signal interrupted, too).
 *
 * One address may stand for several calls, when some were inlined, and the cut between allocation
 * functions and the program may fall between two of them. Such an address gets a second location that
 * shares the frames behind the cut. Where everything would be cut off, the outermost frame stays: an
 * allocation always has a place.
 */
#include "profile/locator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "profile/allocfunc.h"
#include "profile/label.h"

static const char agent_name[] = "libmemtrace-agent.so";
/* in the trimmed map: nothing is left of that frame */
static const uint32_t NOTHING_LEFT = UINT32_MAX;

static int add_module(struct locator *locator, const struct mt_module *from)
{
	struct profile *profile = locator->profile;
	int r = GROW(profile->modules, profile->n_modules);

	if (r < 0)
		return r;
	struct profile_module *module = &profile->modules[profile->n_modules];
	*module = (struct profile_module){
		.path = strdup(locator->snapshot->strings + from->path),
		.start = from->start,
		.end = from->end,
		.bias = from->bias,
		.build_id_size = from->build_id_size,
		.unloaded = from->unloaded_ns != 0,
	};
	if (!module->path)
		return -ENOMEM;
	memcpy(module->build_id, from->build_id, sizeof(module->build_id));
	profile->n_modules++;
	return 0;
}

static int tell_symbolizer(struct locator *locator, uint32_t index)
{
	const struct profile_module *module = &locator->profile->modules[index];
	const struct symbolizer_module told = {
		.path = module->path,
		.build_id = module->build_id,
		.build_id_size = module->build_id_size,
		.bias = module->bias,
	};

	locator->symbolizer_modules[index] = SYMBOLIZER_NO_MODULE;
	if (!locator->symbolizer)
		return 0;
	return symbolizer_add_module(locator->symbolizer, &told,
				     &locator->symbolizer_modules[index]);
}

int locator_init(struct locator *locator, struct profile *profile,
		 const struct region_snapshot *snapshot, struct symbolizer *symbolizer)
{
	*locator = (struct locator){
		.profile = profile,
		.snapshot = snapshot,
		.symbolizer = symbolizer,
		.modules = calloc(snapshot->n_modules + 1, sizeof(uint32_t)),
		.symbolizer_modules = calloc(snapshot->n_modules + 1, sizeof(uint32_t)),
	};
	if (!locator->modules || !locator->symbolizer_modules)
		goto no_memory;
	locator->modules[MT_MODULE_NONE] = PROFILE_NO_MODULE;
	for (uint32_t i = 1; i < snapshot->n_modules; i++) {
		locator->modules[i] = PROFILE_NO_MODULE;
		if (snapshot->modules[i].end == 0)
			continue;
		if (add_module(locator, &snapshot->modules[i]) < 0 ||
		    tell_symbolizer(locator, (uint32_t)profile->n_modules - 1) < 0)
			goto no_memory;
		locator->modules[i] = (uint32_t)profile->n_modules - 1;
	}
	return 0;
no_memory:
	locator_deinit(locator);
	return -ENOMEM;
}

void locator_deinit(struct locator *locator)
{
	free(locator->modules);
	free(locator->symbolizer_modules);
	map_deinit(&locator->locations);
	map_deinit(&locator->trimmed);
	*locator = (struct locator){};
}

/* A copy in the profile's pool; NULL stays NULL. */
static int keep(struct locator *locator, const char *string, const char **ret)
{
	const char *kept = NULL;

	if (string) {
		kept = string_pool_add(locator->profile->strings, string);
		if (!kept)
			return -ENOMEM;
	}
	*ret = kept;
	return 0;
}

static int add_frame(struct locator *locator, const struct symbolizer_frame *from)
{
	struct profile *profile = locator->profile;
	struct profile_frame frame = {
		.line = from->line,
		.offset = from->offset,
		.inlined = from->inlined,
	};

	if (keep(locator, from->function ? from->function : from->linkage_name, &frame.function) <
		    0 ||
	    keep(locator, from->file, &frame.file) < 0 ||
	    keep(locator, from->why, &frame.why) < 0 ||
	    GROW(profile->frames, profile->n_frames) < 0)
		return -ENOMEM;
	profile->frames[profile->n_frames++] = frame;
	return 0;
}

static int add_location(struct locator *locator, const struct profile_location *location,
			uint32_t *ret_index)
{
	struct profile *profile = locator->profile;

	if (GROW(profile->locations, profile->n_locations) < 0)
		return -ENOMEM;
	profile->locations[profile->n_locations] = *location;
	*ret_index = (uint32_t)profile->n_locations++;
	return 0;
}

/* How many of the inner calls of one address are allocation functions. */
static size_t count_allocation_functions(const struct profile_location *location,
					 const struct profile *profile,
					 const struct symbolizer_frame *frames, size_t n)
{
	size_t cut = 0;

	if (location->module != PROFILE_NO_MODULE &&
	    strcmp(label_base_name(profile->modules[location->module].path), agent_name) == 0)
		return n;
	while (cut < n && allocfunc_is(frames[cut].function, frames[cut].linkage_name))
		cut++;
	return cut;
}

/* Names a frame that is seen for the first time, and puts it into both maps. */
static int resolve(struct locator *locator, uint64_t frame)
{
	const struct symbolizer_frame unnamed = {.why = "not symbolized"};
	const struct symbolizer_frame *named = &unnamed;
	struct profile *profile = locator->profile;
	uint32_t index = MT_FRAME_MODULE(frame), full, trimmed;
	struct profile_location location = {.address = MT_FRAME_PC(frame)};
	size_t n = 1;
	int r;

	location.module =
		index < locator->snapshot->n_modules ? locator->modules[index] : PROFILE_NO_MODULE;
	if (locator->symbolizer) {
		r = symbolizer_resolve(locator->symbolizer,
				       location.module == PROFILE_NO_MODULE
					       ? SYMBOLIZER_NO_MODULE
					       : locator->symbolizer_modules[location.module],
				       location.address - 1, &named, &n);
		if (r < 0)
			return r;
	}
	if (profile->n_frames + n > UINT32_MAX || profile->n_locations + 2 > UINT32_MAX)
		return -E2BIG;
	location.first_frame = (uint32_t)profile->n_frames;
	location.n_frames = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		if (add_frame(locator, &named[i]) < 0)
			return -ENOMEM;
	if (add_location(locator, &location, &full) < 0)
		return -ENOMEM;

	size_t cut = count_allocation_functions(&location, profile, named, n);
	trimmed = cut == 0 ? full : NOTHING_LEFT;
	if (cut > 0 && cut < n) {
		location.first_frame += (uint32_t)cut;
		location.n_frames -= (uint32_t)cut;
		if (add_location(locator, &location, &trimmed) < 0)
			return -ENOMEM;
	}
	r = map_set(&locator->locations, frame, full);
	return r < 0 ? r : map_set(&locator->trimmed, frame, trimmed);
}

static uint64_t id_mix(uint64_t id, uint64_t value)
{
	/* the finaliser of splitmix64; it may not change, identities are kept in files */
	value += id + 0x9e3779b97f4a7c15ull;
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
	return value ^ (value >> 31);
}

static uint64_t id_mix_bytes(uint64_t id, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < size; i++)
		id = id_mix(id, p[i]);
	return id_mix(id, size);
}

/*
 * Code made at run time, by its names and lines: a Java method that was interpreted, then compiled, then
 * inlined into its caller is the same place each time.
 */
static uint64_t id_mix_made(uint64_t id, const struct profile *profile,
			    const struct profile_location *location)
{
	for (uint32_t i = 0; i < location->n_frames; i++) {
		const struct profile_frame *frame = &profile->frames[location->first_frame + i];

		if (!frame->function)
			return id_mix(id, location->address);
		id = id_mix_bytes(id, frame->function, strlen(frame->function));
		if (frame->line)
			id = id_mix(id, frame->line);
	}
	return id;
}

static uint64_t id_mix_location(uint64_t id, const struct profile *profile,
				const struct profile_location *location)
{
	if (location->module == PROFILE_NO_MODULE)
		return id_mix_made(id, profile, location);
	const struct profile_module *module = &profile->modules[location->module];
	const char *name = label_base_name(module->path);

	if (module->build_id_size > 0)
		id = id_mix_bytes(id, module->build_id, module->build_id_size);
	else
		id = id_mix_bytes(id, name, strlen(name));
	return id_mix(id, location->address - module->bias);
}

static int add_ref(struct locator *locator, uint32_t location)
{
	struct profile *profile = locator->profile;

	if (profile->n_location_refs >= UINT32_MAX ||
	    GROW(profile->location_refs, profile->n_location_refs) < 0)
		return -ENOMEM;
	profile->location_refs[profile->n_location_refs++] = location;
	return 0;
}

int locator_add_stack(struct locator *locator, const struct mt_site *site, uint32_t *ret_n,
		      uint64_t *ret_id)
{
	const uint64_t *frames = locator->snapshot->frames + site->stack;
	struct profile *profile = locator->profile;
	uint64_t id = id_mix(0, site->kind);
	uint32_t n = 0;
	int r;

	for (uint32_t i = 0; i < site->n_frames; i++) {
		if (!map_find(&locator->locations, frames[i])) {
			r = resolve(locator, frames[i]);
			if (r < 0)
				return r;
		}
		uint32_t location = (uint32_t)map_get(
			n == 0 ? &locator->trimmed : &locator->locations, frames[i], 0);

		if (location == NOTHING_LEFT) {
			if (i + 1 < site->n_frames)
				continue;
			location = (uint32_t)map_get(&locator->locations, frames[i], 0);
		}
		r = add_ref(locator, location);
		if (r < 0)
			return r;
		id = id_mix_location(id, profile, &profile->locations[location]);
		n++;
	}
	*ret_n = n;
	*ret_id = id;
	return 0;
}
