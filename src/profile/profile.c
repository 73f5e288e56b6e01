/* SPDX-License-Identifier: MIT */
/*
 * The profile is a handful of flat arrays that point at one another by index: it can be written to a
 * file and read back without a pointer being touched, and whether it is sound can be asked of it in one
 * pass. Strings of frames are shared (there are few functions and many frames) and belong to the pool;
 * those that occur once have an owner each.
 *
 * Everything that reads a profile relies on profile_is_valid having held. build.c makes it so, and
 * payload.c asks.
 */
#include "profile/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

struct profile *profile_new(void)
{
	struct profile *profile = calloc(1, sizeof(*profile));

	if (!profile)
		return NULL;
	profile->strings = string_pool_new();
	if (!profile->strings) {
		free(profile);
		return NULL;
	}
	struct profile_process *process = &profile->process;
	process->exit_status = -1;
	process->n_threads = PROFILE_UNKNOWN;
	process->rss = process->pss = process->uss = process->swap = PROFILE_UNKNOWN;
	process->vsz = process->peak_rss = process->cgroup_limit = PROFILE_UNKNOWN;
	profile->agent.overhead_ratio = -1;
	profile->heap.peak_live_bytes = PROFILE_UNKNOWN;
	profile->heap.before_attach_bytes = PROFILE_UNKNOWN;
	return profile;
}

struct profile *profile_free(struct profile *profile)
{
	if (!profile)
		return NULL;
	free(profile->process.exe);
	free(profile->process.comm);
	for (char **argument = profile->process.cmdline; argument && *argument; argument++)
		free(*argument);
	free(profile->process.cmdline);
	for (size_t i = 0; i < profile->n_modules; i++)
		free(profile->modules[i].path);
	free(profile->modules);
	free(profile->frames);
	free(profile->locations);
	free(profile->location_refs);
	free(profile->sites);
	free(profile->blocks);
	free(profile->threads);
	free(profile->thread_refs);
	arenas_free(profile->arenas);
	free(profile->areas);
	free(profile->moments);
	free(profile->points);
	free(profile->marks);
	free(profile->java);
	free(profile->recorded_sites);
	free(profile->maps_text);
	string_pool_free(profile->strings);
	free(profile);
	return NULL;
}

/* [first, first + n) is within size, and the sum does not wrap: all three have 32 bits or come from it. */
static bool is_range(uint64_t first, uint64_t n, size_t size)
{
	return first + n <= size;
}

static bool site_is_valid(const struct profile *profile, const struct profile_site *site)
{
	return site->kind >= MT_SITE_MALLOC && site->kind <= MT_SITE_PAGES &&
	       is_range(site->first_location, site->n_locations, profile->n_location_refs) &&
	       is_range(site->first_thread, site->n_threads, profile->n_thread_refs) &&
	       isfinite(site->live_stderr) && site->live_stderr >= 0 &&
	       isfinite(site->oldest_age_s) && isfinite(site->youngest_age_s) &&
	       !isinf(site->growth) && !isinf(site->growth_low) && !isinf(site->growth_high);
}

static bool area_is_valid(const struct area *area)
{
	return area->start < area->end && area->guard <= area->end - area->start &&
	       area->resident <= area->end - area->start &&
	       memchr(area->label, '\0', sizeof(area->label));
}

static bool process_is_valid(const struct profile_process *process)
{
	return process->exe && process->comm && process->state <= PROFILE_CORE &&
	       isfinite(process->started_at) && isfinite(process->captured_at);
}

static bool indices_are_valid(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_locations; i++) {
		const struct profile_location *location = &profile->locations[i];

		if (location->n_frames == 0 ||
		    !is_range(location->first_frame, location->n_frames, profile->n_frames))
			return false;
		if (location->module != PROFILE_NO_MODULE && location->module >= profile->n_modules)
			return false;
	}
	for (size_t i = 0; i < profile->n_location_refs; i++)
		if (profile->location_refs[i] >= profile->n_locations)
			return false;
	for (size_t i = 0; i < profile->n_thread_refs; i++)
		if (profile->thread_refs[i] >= profile->n_threads)
			return false;
	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site != PROFILE_NO_SITE && block->site >= profile->n_sites)
			return false;
		if (block->thread >= profile->n_threads || !isfinite(block->age_s))
			return false;
	}
	return true;
}

/* Seconds since the epoch that somebody may have seen: with others, differences would be no numbers. */
static bool is_time(double at)
{
	return isfinite(at) && at >= 0 && at < 1e12;
}

static bool course_is_valid(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_moments; i++)
		if (!is_time(profile->moments[i].at) ||
		    (i > 0 && profile->moments[i].at < profile->moments[i - 1].at))
			return false;
	for (size_t i = 0; i < profile->n_marks; i++)
		if (!is_time(profile->marks[i].at) || !profile->marks[i].name)
			return false;
	for (size_t i = 0; i < profile->n_points; i++) {
		const struct profile_point *point = &profile->points[i];

		if (point->site >= profile->n_sites || point->moment >= profile->n_moments)
			return false;
		if (i > 0 && (point->site < point[-1].site ||
			      (point->site == point[-1].site && point->moment <= point[-1].moment)))
			return false;
	}
	return true;
}

static bool java_is_valid(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_java; i++)
		if (profile->java[i].kind >= PROFILE_JAVA_N_KINDS || !profile->java[i].name)
			return false;
	return true;
}

const char *profile_site_kind(const struct profile_site *site)
{
	switch (site->kind) {
	case MT_SITE_MMAP:
		return "mmap";
	case MT_SITE_PAGES:
		return "pages";
	default:
		return "malloc";
	}
}

void profile_forget_heap(struct profile *profile)
{
	struct profile_heap *heap = &profile->heap;

	heap->live_bytes = heap->live_blocks = PROFILE_UNKNOWN;
	heap->allocated_bytes = heap->allocated_blocks = PROFILE_UNKNOWN;
	heap->freed_bytes = heap->freed_blocks = PROFILE_UNKNOWN;
	heap->mapped_bytes = heap->inherited_bytes = PROFILE_UNKNOWN;
}

void profile_count_before_attach(struct profile *profile)
{
	/* what glibc's block takes beside what was asked for: its header and half of its alignment */
	enum { BLOCK_OVERHEAD = 16 };
	struct profile_heap *heap = &profile->heap;
	const uint64_t since = heap->live_bytes + BLOCK_OVERHEAD * heap->live_blocks;
	uint64_t in_use = 0;

	if (profile->agent.mode != MT_MODE_INJECTED || !profile->arenas ||
	    profile->arenas->n_arenas == 0)
		return;
	for (size_t i = 0; i < profile->arenas->n_arenas; i++)
		in_use += profile->arenas->arenas[i].in_use;
	heap->before_attach_bytes = in_use - MIN(since, in_use);
}

double profile_watched_s(const struct profile *profile)
{
	const struct profile_process *process = &profile->process;

	return MAX(process->captured_at - MAX(process->started_at, profile->agent.since), 0.0);
}

bool profile_is_valid(const struct profile *profile)
{
	if (!process_is_valid(&profile->process) || profile->n_threads == 0)
		return false;
	if (!isfinite(profile->agent.overhead_ratio) || !isfinite(profile->agent.since) ||
	    !isfinite(profile->heap.live_stderr))
		return false;
	for (size_t i = 0; i < profile->n_modules; i++) {
		const struct profile_module *module = &profile->modules[i];

		if (!module->path || module->build_id_size > sizeof(module->build_id))
			return false;
	}
	for (size_t i = 0; i < profile->n_threads; i++)
		if (!memchr(profile->threads[i].name, '\0', sizeof(profile->threads[i].name)))
			return false;
	for (size_t i = 0; i < profile->n_areas; i++)
		if (!area_is_valid(&profile->areas[i]))
			return false;
	for (size_t i = 0; i < profile->n_sites; i++)
		if (!site_is_valid(profile, &profile->sites[i]))
			return false;
	return indices_are_valid(profile) && course_is_valid(profile) && java_is_valid(profile);
}

bool profile_is_static(const struct profile *profile)
{
	static const char *const loaders[] = {"/ld-linux", "/ld-musl", "/ld-2.", "/libc.so"};

	if (!profile->maps_text)
		return false;
	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
		if (strstr(profile->maps_text, loaders[i]))
			return false;
	return true;
}
