/* SPDX-License-Identifier: MIT */
/*
 * top-shot.c: see the header. Everything is a copy: nothing in a shot refers to the region, the process or
 * the symbolizer.
 */
#include "cli/top-shot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "cli/capture.h"
#include "cli/inspect.h"
#include "cli/top-source.h"

enum { N_EVENTS_KEPT = 500, N_NAMED_FIRST = 100 };

struct top_shot *top_shot_free(struct top_shot *shot)
{
	if (!shot)
		return NULL;
	if (shot->has_ledger)
		ledger_deinit(&shot->ledger);
	verdict_deinit(&shot->verdict);
	profile_free(shot->profile);
	free(shot->events);
	free(shot->held);
	free(shot);
	return NULL;
}

/* Whose the live blocks are: looking through all of them is nothing for the screen to wait for. */
static int sum_up_holders(struct top_shot *shot)
{
	const struct profile *profile = shot->profile;

	shot->held = calloc(profile->n_threads + 1, sizeof(*shot->held));
	if (!shot->held)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->thread < profile->n_threads && block->site != PROFILE_NO_SITE &&
		    profile_site_is_counted(&profile->sites[block->site]))
			estimate_add(&shot->held[block->thread], block->size, block->interval);
	}
	return 0;
}

struct top_shot *top_shot_new(struct profile *profile)
{
	struct top_shot *shot = calloc(1, sizeof(*shot));

	if (!shot) {
		profile_free(profile);
		return NULL;
	}
	shot->profile = profile;
	shot->time_s = clock_s(CLOCK_MONOTONIC);
	shot->has_ledger = ledger_build(profile, &shot->ledger) >= 0;
	if (sum_up_holders(shot) < 0 ||
	    verdict_judge(profile, shot->has_ledger ? &shot->ledger : NULL, profile->arenas,
			  &shot->verdict) < 0)
		return top_shot_free(shot);
	return shot;
}

/* The newest events as they are: profile->recorded_sites says which of its sites theirs are. */
static void keep_events(const struct region_snapshot *snapshot, struct top_shot *shot)
{
	size_t n = MIN((size_t)snapshot->n_events, (size_t)N_EVENTS_KEPT);

	shot->events = calloc(n ?: 1, sizeof(*shot->events));
	if (!shot->events)
		return;
	memcpy(shot->events, snapshot->events + snapshot->n_events - n, n * sizeof(*shot->events));
	shot->n_events = n;
	/* of marks the names, which are strings of the snapshot */
	for (size_t i = 0; i < n; i++)
		if (shot->events[i].type == MT_EVENT_MARK)
			shot->events[i].aux = (uintptr_t)string_pool_add(
				shot->profile->strings, snapshot->strings + shot->events[i].aux);
}

static int take_with_agent(const struct origin *origin, struct region *region,
			   struct symbolizer *symbolizer, struct top_shot **ret)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {};
	struct profile *profile;
	double began_s;
	int r = region_snapshot(region, 0, &snapshot);

	began_s = clock_s(CLOCK_MONOTONIC);
	if (r >= 0 && symbolizer && origin->java) {
		java_names_learn_frames(origin->java, snapshot.frames, snapshot.n_frames);
		(void)java_names_tell(origin->java, symbolizer);
	}
	if (r >= 0)
		r = capture_named(&snapshot, origin, true, symbolizer, &profile);
	if (r < 0)
		return r;
	*ret = top_shot_new(profile);
	if (!*ret)
		return -ENOMEM;
	/* its figures are those of the snapshot, however long the rest took */
	(*ret)->time_s = began_s;
	(*ret)->is_named = symbolizer && !symbolizer_was_late(symbolizer);
	keep_events(&snapshot, *ret);
	return 0;
}

int top_shot_take(struct origin *origin, struct region *region, struct symbolizer *symbolizer,
		  struct top_shot **ret)
{
	struct profile *profile;
	int r;

	origin_refresh(origin);
	if (region)
		return take_with_agent(origin, region, symbolizer, ret);
	r = inspect_plain(origin, &profile);
	if (r < 0)
		return r;
	*ret = top_shot_new(profile);
	if (!*ret)
		return -ENOMEM;
	(*ret)->is_named = true;
	return 0;
}

static void name_stack(const struct profile *profile, const struct profile_site *site,
		       struct symbolizer *symbolizer, const uint32_t *modules)
{
	const struct symbolizer_frame *frames;
	size_t n;

	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		(void)symbolizer_resolve(symbolizer,
					 location->module == PROFILE_NO_MODULE
						 ? SYMBOLIZER_NO_MODULE
						 : modules[location->module],
					 location->address - 1, &frames, &n);
	}
}

void top_shot_name_first(const struct top_shot *shot, struct symbolizer *symbolizer)
{
	const struct profile *profile = shot->profile;
	_cleanup_free_ uint32_t *modules = calloc(profile->n_modules + 1, sizeof(*modules));

	if (!modules)
		return;
	for (size_t i = 0; i < profile->n_modules; i++) {
		const struct profile_module *module = &profile->modules[i];
		const struct symbolizer_module told = {
			.path = module->path,
			.build_id = module->build_id,
			.build_id_size = module->build_id_size,
			.bias = module->bias,
		};

		if (symbolizer_add_module(symbolizer, &told, &modules[i]) < 0)
			return;
	}
	/* sites are ranked by what they hold */
	for (size_t i = 0; i < MIN(profile->n_sites, (size_t)N_NAMED_FIRST); i++)
		name_stack(profile, &profile->sites[i], symbolizer, modules);
}
