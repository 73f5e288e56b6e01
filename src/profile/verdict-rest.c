/* SPDX-License-Identifier: MIT */
/*
 * No rule applies. That is health only where one can say so: a process that has run for a while and was
 * watched, or one that holds next to nothing. A heap full of live blocks that nobody watched may be a leak,
 * a cache or a working set, and the verdict says what would tell.
 */
#include <math.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/estimate.h"
#include "profile/gainer.h"
#include "profile/label.h"
#include "profile/verdict-rule.h"

static const double SHORT_LIFE_S = 10;
/* Whatever such a process does, its memory is no trouble yet. */
static const uint64_t SMALL_RSS = 16 << 20;
/* Addresses without memory that people take for memory. */
static const uint64_t MUCH_VSZ = 512 << 20;
static const double MUCH_VSZ_RATIO = 8;
static const uint64_t ARENA_RESERVATION = 64 << 20;
/* Of what is live: less growth is none. */
static const double STANDING_SHARE = 0.05;
/* A place that gathered: so many blocks, for this part of the time. */
static const uint64_t HOARD_BLOCKS = 100;
static const double HOARD_SHARE = 0.1;

int verdict_say_addresses(const struct evidence *evidence, struct verdict *verdict)
{
	char vsz[UNITS_MAX], rss[UNITS_MAX], arenas[UNITS_MAX];
	const size_t n = evidence->heap.n_thread_arenas;

	if (evidence->vsz == PROFILE_UNKNOWN || evidence->rss == PROFILE_UNKNOWN ||
	    evidence->vsz < MUCH_VSZ ||
	    (double)evidence->vsz < MUCH_VSZ_RATIO * (double)evidence->rss)
		return 0;
	units_format_bytes(evidence->vsz, vsz);
	units_format_bytes(evidence->rss, rss);
	units_format_bytes(n * ARENA_RESERVATION, arenas);
	if (n * ARENA_RESERVATION < evidence->vsz / 2)
		return verdict_say(verdict,
				   "%s of addresses are reserved and %s are resident: that is no "
				   "memory, and no leak",
				   vsz, rss);
	return verdict_say(verdict,
			   "%s of addresses are reserved, %s of them by %zu arenas of threads, and "
			   "%s are resident: that is no memory, and no leak",
			   vsz, arenas, n, rss);
}

/*
 * Whether live memory was watched long enough and stood still. The bounds of its growth are told from what grew;
 * what grew and has no sample is within the error of the whole.
 */
static bool stood_still(const struct evidence *evidence)
{
	const struct growth *growth = &evidence->live_growth;
	const double little = STANDING_SHARE * (double)evidence->live;

	return evidence->course_s >= SHORT_LIFE_S && !isnan(growth->per_s) &&
	       growth->high * evidence->course_s / 2 < little &&
	       evidence->profile->heap.live_stderr < little;
}

/* That nothing is found, and how to find it. */
static int say_unexplained(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_heap *heap = &evidence->profile->heap;
	char live[UNITS_MAX], error[UNITS_MAX], interval[UNITS_MAX], target[16];
	int r;

	/* none is left and not all were recorded: that is no certainty */
	if (heap->live_stderr <= STANDING_SHARE * (double)heap->live_bytes &&
	    (evidence->profile->agent.exact || heap->live_bytes > 0))
		return verdict_advise(verdict, PROFILE_UNKNOWN,
				      "see which owner grows: memtrace maps %s%s, and later again",
				      evidence->running ? verdict_target(evidence, target) : "PID",
				      evidence->running ? " now" : " while it runs");
	units_format_bytes(heap->live_bytes, live);
	units_format_bytes(estimate_round(heap->live_stderr), error);
	units_format_bytes(evidence->profile->agent.interval, interval);
	r = verdict_say(verdict, "samples were too few to find it: one in %s, and live are %s ± %s",
			interval, live, error);
	if (r < 0)
		return r;
	if (!evidence->running)
		return verdict_advise(verdict, PROFILE_UNKNOWN,
				      "look closer: record with --sample=64K");
	return verdict_advise(verdict, PROFILE_UNKNOWN,
			      "look closer: memtrace attach --sample=64K --duration=1m %s",
			      verdict_target(evidence, target));
}

int verdict_say_growing(const struct evidence *evidence, struct verdict *verdict)
{
	struct gainer gainer;
	char rate[UNITS_MAX], watched[UNITS_MAX];
	int r = gainer_find(evidence->profile, &gainer);

	if (r < 0)
		return r;
	units_format_bytes(estimate_round(evidence->rss_growth.per_s), rate);
	units_format_duration(evidence->course_s, watched);
	r = verdict_say(verdict,
			"RSS grew by %s each second in the later half of the %s that it was "
			"watched%s",
			rate, watched,
			gainer.site ? "" : ", and no place that was recorded gathers so much");
	if (r < 0)
		return r;
	return gainer.site ? verdict_say_gainer(evidence, &gainer, verdict)
			   : say_unexplained(evidence, verdict);
}

static int say_stood_still(const struct evidence *evidence, struct verdict *verdict)
{
	char watched[UNITS_MAX];

	if (!stood_still(evidence))
		return 0;
	return verdict_say(
		verdict, "live memory did not grow in the later half of the %s that it was watched",
		units_format_duration(evidence->course_s, watched));
}

static int judge_small(const struct evidence *evidence, struct verdict *verdict)
{
	char rss[UNITS_MAX];
	int r = verdict_say_addresses(evidence, verdict);

	verdict->code = VERDICT_HEALTHY;
	verdict->confidence = verdict->n_because > 0 ? 0.9 : 0.7;
	units_format_bytes(evidence->rss, rss);
	if (r < 0 || verdict->n_because > 0)
		return r;
	return verdict_say(verdict, "all that is resident are %s", rss);
}

/*
 * A place that holds much, of which it freed nothing, and that did not get it at once. It may be set-up, or a
 * leak whose work has paused: such a process is not called healthy.
 */
static bool is_hoarded(const struct evidence *evidence, const struct profile_site *site,
		       uint64_t least)
{
	return least > 0 ? site->live_bytes >= least
			 : evidence_is_material(evidence, site->live_bytes);
}

const struct profile_site *verdict_find_hoard(const struct evidence *evidence, uint64_t least)
{
	const struct profile *profile = evidence->profile;

	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		if (site->kind == MT_SITE_MALLOC && profile_site_is_counted(site) &&
		    is_hoarded(evidence, site, least) && site->live_blocks >= HOARD_BLOCKS &&
		    site->oldest_age_s >= 0 && evidence_freed_nothing(site) &&
		    site->oldest_age_s - site->youngest_age_s >= HOARD_SHARE * evidence->watched_s)
			return site;
	}
	return NULL;
}

int verdict_judge_hoard(const struct evidence *evidence, const struct profile_site *site,
			struct verdict *verdict)
{
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], blocks[UNITS_MAX], took[UNITS_MAX], since[UNITS_MAX];
	int r = label_site(evidence->profile, site, &name);

	if (r < 0)
		return r;
	units_format_bytes(site->live_bytes, bytes);
	units_format_count(site->live_blocks, blocks);
	units_format_duration(site->oldest_age_s - site->youngest_age_s, took);
	units_format_duration(site->youngest_age_s, since);
	r = verdict_say(verdict, "%s gathered %s in %s blocks over %s and freed nothing of it",
			strbuf_text(&name), bytes, blocks, took);
	if (r >= 0 && site->youngest_age_s >= HOARD_SHARE * evidence->watched_s)
		r = verdict_say(verdict,
				"nothing came in the last %s: it is set-up that is over, or a leak "
				"whose work has paused",
				since);
	else if (r >= 0)
		r = verdict_say(verdict,
				"it may be set-up that is not over, or a leak: a longer look "
				"tells");
	return r < 0 ? r
		     : verdict_advise(verdict, site->live_bytes,
				      "find out who should free what %s allocates, and look again "
				      "when the process is at work",
				      strbuf_text(&name));
}

static int judge_watched(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_site *hoard = verdict_find_hoard(evidence, 0);
	char life[UNITS_MAX];
	int r;

	units_format_duration(evidence->watched_s, life);
	if (hoard)
		return verdict_judge_hoard(evidence, hoard, verdict);
	if (evidence->watched_s < SHORT_LIFE_S)
		return verdict_say(verdict,
				   "it was watched for %s: too short to tell set-up from a leak",
				   life);
	/* RSS grows and no rule says by what: nobody is called healthy for that */
	if (evidence_rss_grew(evidence))
		return verdict_say_growing(evidence, verdict);
	verdict->code = VERDICT_HEALTHY;
	verdict->confidence = stood_still(evidence) ? 0.7 : 0.5;
	r = verdict_say(verdict,
			"no place gathered memory all through the %s that the process was watched",
			life);
	if (r >= 0)
		r = say_stood_still(evidence, verdict);
	return r < 0 ? r : verdict_say_addresses(evidence, verdict);
}

/* Nothing was recorded. Of an agent that came later that says nothing of what was there before. */
static int judge_silent(const struct evidence *evidence, struct verdict *verdict)
{
	char watched[UNITS_MAX], live[UNITS_MAX], rss[UNITS_MAX], target[16];
	int r;

	if (evidence->profile->agent.mode != MT_MODE_INJECTED)
		return verdict_say(
			verdict,
			"the agent saw no allocation: the program does not use the malloc that "
			"can be replaced, or it allocated nothing");
	units_format_duration(evidence->watched_s, watched);
	r = verdict_say(verdict,
			"in the %s that it was watched nothing was allocated, or too little to be "
			"sampled",
			watched);
	if (r >= 0 && evidence_rss_grew(evidence))
		return verdict_say_growing(evidence, verdict);
	if (r >= 0 && evidence->heap.known && evidence->rss != PROFILE_UNKNOWN)
		r = verdict_say(
			verdict,
			"%s of %s resident are blocks from before: who allocated them is not "
			"known",
			units_format_bytes(evidence->heap.in_use_resident, live),
			units_format_bytes(evidence->rss, rss));
	return r < 0 ? r
		     : verdict_advise(verdict, PROFILE_UNKNOWN,
				      "look again when it is at work, or see what the blocks are: "
				      "memtrace objects %s",
				      verdict_target(evidence, target));
}

int verdict_judge_rest(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile *profile = evidence->profile;

	if (evidence->has_agent && profile->agent.samples == 0 && profile->n_sites == 0)
		return judge_silent(evidence, verdict);
	if (evidence->has_agent && profile->n_blocks == 0 && profile->heap.live_blocks > 0)
		return verdict_say(verdict,
				   "of a moment in the past it is known who held how much, "
				   "but not for how long; the report of the whole session "
				   "judges");
	if (evidence->has_agent && !evidence->in_the_midst)
		return verdict_judge_ended(evidence, verdict);
	if (evidence->rss != PROFILE_UNKNOWN && evidence->rss < SMALL_RSS &&
	    (!evidence->has_agent || evidence->watched_s < SHORT_LIFE_S))
		return judge_small(evidence, verdict);
	return evidence->has_agent ? judge_watched(evidence, verdict)
				   : verdict_judge_unwatched(evidence, verdict);
}
