/* SPDX-License-Identifier: MIT */
/*
 * One profile is one moment, so growth cannot be seen; but each live block carries its age, and ages tell
 * how a place came to hold what it holds. What a program sets up once is old, all of it. What it works
 * with is young, nearly all of it. What it forgets is of every age alike, up to now: it comes in at some
 * rate and stays. So a place gathers if its blocks spread evenly over the time since the oldest of them,
 * and that is a good part of the process's life. How much else the place allocated and freed says
 * little: a function may forget one block in seven.
 *
 * A cache that replaces its oldest entry has blocks of every age too, but only up to the time in which it
 * turns over, though the place was at work long before: what is older was freed, all of it. So a place is
 * bounded if it has freed at least what it holds, and its oldest block is much younger than the process, or
 * than the time since the agent was put into it: nothing that was allocated before has an age.
 * A leak that began late at a place that frees the most as well looks the same; two moments (memtrace
 * diff) decide, and the verdict says so.
 *
 * Where the process was watched (series.h) none of that has to be guessed. A place that certainly grew through
 * the later half of that time gathers, whatever its ages say; one that certainly did not, does not.
 */
#include "profile/ages.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/macro.h"
#include "profile/course.h"
#include "profile/estimate.h"

enum { QUARTERS = 4 };
/* The oldest block must be that old, or that part of the time that the process was watched. */
static const double GATHERING_AGE_S = 600, GATHERING_LIFE = 0.2;
/* Blocks in a quarter of the time, for it to count as one in which blocks came: of all. */
static const double QUARTER_MIN = 0.1;
/* More of them in the youngest quarter is work in progress. */
static const double YOUNGEST_MAX = 0.6;
/* A place must hold that much, in bytes or of all that is outstanding. */
static const uint64_t MATERIAL_BYTES = 64 << 10;
static const double MATERIAL_SHARE = 0.05;
/* The oldest block of a place that turns over: at most that part of the time that it was watched. */
static const double BOUNDED_LIFE = 0.75;
/* It has so many blocks that ages mean something. */
static const uint64_t BOUNDED_SAMPLES = 12;

/* Watched for less, or at fewer moments, it is ages that tell. */
static const double WATCHED_S = 5;
static const size_t WATCHED_MOMENTS = 16;
/* Of what a place holds, in the time that its growth was taken of: less is standing still. */
static const double GROWTH_SHARE = 0.02;

/* Of what was gained, for it to count as kept. */
static const double STILL_THERE = 0.5;

enum seen { SEEN_NOTHING, SEEN_GROWING, SEEN_STEADY };

/*
 * Blocks of a site by age: quarter 0 is from now to a quarter of the oldest block's age. Each sample counts
 * for as many blocks as it stands for: those of a wide interval are few, and came later than the many
 * that were recorded one by one at the start.
 */
struct ages {
	double n[QUARTERS];
};

static double weigh(const struct profile_block *block)
{
	struct estimate one = {};

	estimate_add(&one, block->size, block->interval);
	return one.blocks;
}

static struct ages *collect(const struct profile *profile)
{
	struct ages *ages = calloc(profile->n_sites + 1, sizeof(*ages));

	for (size_t i = 0; ages && i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site == PROFILE_NO_SITE)
			continue;
		double oldest = profile->sites[block->site].oldest_age_s;
		double quarter = oldest > 0 ? block->age_s / oldest * QUARTERS : 0;

		/* not what a damaged file might make of it */
		quarter = MIN(MAX(quarter, 0.0), QUARTERS - 1.0);
		ages[block->site].n[(int)quarter] += weigh(block);
	}
	return ages;
}

static bool is_material(const struct profile *profile, const struct profile_site *site)
{
	uint64_t outstanding = 0;

	if (profile_has_agent(profile))
		outstanding = profile->heap.live_bytes + profile->heap.mapped_bytes;

	return site->live_bytes >= MATERIAL_BYTES ||
	       (double)site->live_bytes >= MATERIAL_SHARE * (double)outstanding;
}

static bool is_even(const struct ages *ages)
{
	double n = 0;
	int n_quarters = 0;

	for (int i = 0; i < QUARTERS; i++)
		n += ages->n[i];
	for (int i = 0; i < QUARTERS; i++)
		n_quarters += ages->n[i] > 0 && ages->n[i] >= QUARTER_MIN * n;
	return ages->n[0] > 0 && ages->n[0] <= YOUNGEST_MAX * n && n_quarters >= QUARTERS - 1;
}

static bool is_bounded(const struct profile *profile, const struct profile_site *site)
{
	double since = profile_watched_s(profile) - site->youngest_age_s;

	return site->kind == MT_SITE_MALLOC && site->n_samples >= BOUNDED_SAMPLES &&
	       site->freed_bytes >= site->live_bytes &&
	       site->oldest_age_s - site->youngest_age_s <= BOUNDED_LIFE * since;
}

static enum seen watch(const struct profile *profile, const struct profile_site *site)
{
	const double span_s = course_span_s(profile), half_s = span_s / 2;
	const double least = GROWTH_SHARE * (double)site->live_bytes;

	if (span_s < WATCHED_S || profile->n_moments < WATCHED_MOMENTS || isnan(site->growth))
		return SEEN_NOTHING;
	if (site->growth_low > 0 && site->growth * half_s >= least)
		/* a program that frees everything before it ends has freed this, too */
		return (double)site->live_bytes >= STILL_THERE * site->growth * half_s
			       ? SEEN_GROWING
			       : SEEN_NOTHING;
	return site->growth_high * half_s < least ? SEEN_STEADY : SEEN_NOTHING;
}

static enum ages_kind judge(const struct profile *profile, const struct profile_site *site,
			    const struct ages *ages)
{
	if (!profile_site_is_counted(site) || (site->map_flags & (MT_MAP_FILE | MT_MAP_BRK)))
		return AGES_OTHER;
	if (site->live_bytes == 0 || !is_material(profile, site))
		return AGES_OTHER;
	const enum seen seen = watch(profile, site);

	if (seen == SEEN_GROWING)
		return AGES_GATHERING;
	if (is_bounded(profile, site))
		return AGES_BOUNDED;
	if (seen == SEEN_STEADY)
		return AGES_OTHER;
	if (site->oldest_age_s < MIN(GATHERING_AGE_S, GATHERING_LIFE * profile_watched_s(profile)))
		return AGES_OTHER;
	return is_even(ages) ? AGES_GATHERING : AGES_OTHER;
}

enum ages_kind *ages_judge(const struct profile *profile)
{
	_cleanup_free_ struct ages *ages = collect(profile);
	enum ages_kind *kinds = calloc(profile->n_sites + 1, sizeof(*kinds));

	for (size_t i = 0; ages && kinds && i < profile->n_sites; i++)
		kinds[i] = judge(profile, &profile->sites[i], &ages[i]);
	if (!ages) {
		free(kinds);
		return NULL;
	}
	return kinds;
}
