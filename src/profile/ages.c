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
 * A program that waits for work, or for a processor, forgets nothing meanwhile, and gathers by its work rather
 * than by the clock. Where the course says how much had been allocated when, a place gathers as well if its
 * blocks spread evenly over that; set-up that is over has all of it at the beginning. Work has to have gone on
 * into the last quarter of the time: of one that only waits now nobody knows.
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

/* Of the most that it held, what a place that turns over always has. */
static const double SWING_SHARE = 1.0 / 3;

/* Watched for less, or at fewer moments, it is ages that tell. */
static const double WATCHED_S = 5;
static const size_t WATCHED_MOMENTS = 16;
/* Of what a place holds, in the time that its growth was taken of: less is standing still. */
static const double GROWTH_SHARE = 0.02;

/* Fewer moments say too little of when a process worked. */
static const size_t WORKED_MOMENTS = 8;

/* Of what was gained, for it to count as kept. */
static const double STILL_THERE = 0.5;

enum seen { SEEN_NOTHING, SEEN_GROWING, SEEN_STEADY };

/*
 * Blocks of a site by age: quarter 0 is from now to a quarter of the oldest block's age. Each sample counts
 * for as many blocks as it stands for: those of a wide interval are few, and came later than the many
 * that were recorded one by one at the start. by_work: the same, with what the process has allocated since
 * in the place of time.
 */
struct ages {
	double n[QUARTERS], by_work[QUARTERS];
	double work; /* work_since the oldest block; 0 if the process is not at work, and by_work is empty */
};

static double weigh(const struct profile_block *block)
{
	struct estimate one = {};

	estimate_add(&one, block->size, block->interval);
	return one.blocks;
}

/* Of all that was allocated while the process was watched: what came in the last age_s seconds; 0 to 1. */
static double work_since(const struct profile *profile, double age_s)
{
	const struct profile_moment *first = &profile->moments[0];
	const double all = (double)profile->moments[profile->n_moments - 1].allocated;
	const double done = all - (double)first->allocated;

	if (done <= 0)
		return 0;
	return (all - course_allocated(profile, profile->process.captured_at - age_s)) / done;
}

/* Whether it is known when the process worked, and it worked lately, too. */
static bool is_at_work(const struct profile *profile)
{
	return profile->n_moments >= WORKED_MOMENTS &&
	       work_since(profile, profile_watched_s(profile) / QUARTERS) >= QUARTER_MIN;
}

/* The quarter of a part of a whole, which may come from a damaged file. */
static int quarter_of(double part, double whole)
{
	const double quarter = whole > 0 ? part / whole * QUARTERS : 0;

	return (int)MIN(MAX(quarter, 0.0), QUARTERS - 1.0);
}

static struct ages *collect(const struct profile *profile)
{
	struct ages *ages = calloc(profile->n_sites + 1, sizeof(*ages));
	const bool at_work = is_at_work(profile);

	for (size_t i = 0; ages && at_work && i < profile->n_sites; i++)
		ages[i].work = work_since(profile, profile->sites[i].oldest_age_s);
	for (size_t i = 0; ages && i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site == PROFILE_NO_SITE)
			continue;
		struct ages *site = &ages[block->site];
		const double oldest = profile->sites[block->site].oldest_age_s;
		const double weight = weigh(block);

		site->n[quarter_of(block->age_s, oldest)] += weight;
		if (at_work)
			site->by_work[quarter_of(work_since(profile, block->age_s), site->work)] +=
				weight;
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

/* Whether what is there came evenly over so many quarters at least. */
static bool is_even(const double n[static QUARTERS], int least)
{
	double all = 0;
	int n_quarters = 0;

	for (int i = 0; i < QUARTERS; i++)
		all += n[i];
	for (int i = 0; i < QUARTERS; i++)
		n_quarters += n[i] > 0 && n[i] >= QUARTER_MIN * all;
	return n[0] > 0 && n[0] <= YOUNGEST_MAX * all && n_quarters >= least;
}

static bool is_gathering(const struct profile *profile, const struct profile_site *site,
			 const struct ages *ages)
{
	const double least_s = MIN(GATHERING_AGE_S, GATHERING_LIFE * profile_watched_s(profile));

	return (site->oldest_age_s >= least_s && is_even(ages->n, QUARTERS - 1)) ||
	       (ages->work >= GATHERING_LIFE && is_even(ages->by_work, QUARTERS));
}

static bool is_bounded(const struct profile *profile, const struct profile_site *site)
{
	double since = profile_watched_s(profile) - site->youngest_age_s;

	return site->kind == MT_SITE_MALLOC && site->n_samples >= BOUNDED_SAMPLES &&
	       site->freed_bytes >= site->live_bytes &&
	       site->oldest_age_s - site->youngest_age_s <= BOUNDED_LIFE * since;
}

/*
 * Whether what a place held went far down and up again, as far as it was watched, in the later half of that time: it
 * is work that comes and goes, and no store that stays as big as it is.
 */
static bool swings(const struct profile *profile, uint32_t site)
{
	const double span_s = course_span_s(profile);
	double least = INFINITY, most = 0;
	size_t n;
	const struct profile_point *points = course_points(profile, site, &n);

	for (size_t i = 0; span_s >= WATCHED_S && i < n; i++) {
		const double bytes = (double)points[i].live_bytes;
		const double until = i + 1 < n ? profile->moments[points[i + 1].moment].at
					       : profile->moments[profile->n_moments - 1].at;

		/* a point holds until the next one */
		if (until < profile->moments[0].at + span_s / 2)
			continue;
		least = fmin(least, bytes);
		most = fmax(most, bytes);
	}
	return least < SWING_SHARE * most;
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

static enum ages_kind judge(const struct profile *profile, uint32_t index, const struct ages *ages)
{
	const struct profile_site *site = &profile->sites[index];

	if (!profile_site_is_counted(site) || (site->map_flags & (MT_MAP_FILE | MT_MAP_BRK)))
		return AGES_OTHER;
	if (site->live_bytes == 0 || !is_material(profile, site))
		return AGES_OTHER;
	const enum seen seen = watch(profile, site);

	if (seen == SEEN_GROWING)
		return AGES_GATHERING;
	if (is_bounded(profile, site))
		return swings(profile, index) ? AGES_OTHER : AGES_BOUNDED;
	if (seen == SEEN_STEADY)
		return AGES_OTHER;
	return is_gathering(profile, site, ages) ? AGES_GATHERING : AGES_OTHER;
}

enum ages_kind *ages_judge(const struct profile *profile)
{
	_cleanup_free_ struct ages *ages = collect(profile);
	enum ages_kind *kinds = calloc(profile->n_sites + 1, sizeof(*kinds));

	for (uint32_t i = 0; ages && kinds && i < profile->n_sites; i++)
		kinds[i] = judge(profile, i, &ages[i]);
	if (!ages) {
		free(kinds);
		return NULL;
	}
	return kinds;
}
