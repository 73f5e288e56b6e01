/* SPDX-License-Identifier: MIT */
/*
 * No rule applies to a process that has come to its end. What it left for the kernel to clean up is no leak by
 * itself, and that it freed all in the end does not make it healthy if it grew until then: one that goes on would
 * have gone on growing. What has gathered over a good part of the time and then paused stays open.
 */
#include <math.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/gainer.h"
#include "profile/label.h"
#include "profile/verdict-rule.h"

/* In a shorter time a program does little but start. */
static const double SHORT_LIFE_S = 10;
/* Less that was mapped and not unmapped is not worth a word. */
static const uint64_t MUCH_MAPPED = 1 << 20;
/* So much of one place at the end is worth to be named, if it is that part of what was live at most. */
static const uint64_t MUCH_LEFT = 64 << 10;
static const double MUCH_LEFT_SHARE = 0.01;
/* Of what was live at most: less growth is none. */
static const double STANDING_SHARE = 0.05;
/* A peak that is higher than the one before by less is the same. */
static const uint64_t RISEN_BYTES = 1 << 20;
static const double RISEN_RATIO = 1.25;
/* Of the time: what comes behind that is how the program ends. */
static const double ENDING = 0.95;

/* What the program had mapped itself, and never unmapped: beside little of malloc's it is what counts. */
static int say_unmapped(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t mapped = evidence->profile->heap.mapped_bytes;
	_cleanup_(places_deinit) struct places places = {};
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], all[UNITS_MAX], count[UNITS_MAX];
	const struct profile_site *site;
	int r;

	if (mapped < MUCH_MAPPED || mapped < evidence->profile->heap.live_bytes)
		return 0;
	r = evidence_add_places(evidence, MT_SITE_MMAP, &places);
	if (r < 0 || places.n == 0)
		return r;
	site = places.heaviest[0];
	r = label_site(evidence->profile, site, &name);
	if (r < 0)
		return r;
	units_format_bytes(mapped, all);
	units_format_bytes(site->live_bytes, bytes);
	units_format_count(site->live_blocks, count);
	return verdict_say(
		verdict,
		"beside malloc %s were mapped and never unmapped: %s of them in %s mapping%s "
		"by %s",
		all, bytes, count, verdict_plural(site->live_blocks), strbuf_text(&name));
}

/* "it came within 2 s, the last of it 10 s before the end"; one block came at one time. */
static int add_times(struct strbuf *text, const struct profile_site *site)
{
	const double youngest_s = MAX(site->youngest_age_s, 0.0);
	char took[UNITS_MAX], since[UNITS_MAX];

	units_format_duration(youngest_s, since);
	if (site->live_blocks == 1)
		return strbuf_addf(text, "it was allocated %s before the end", since);
	units_format_duration(site->oldest_age_s - youngest_s, took);
	return strbuf_addf(text, "it came within %s, the last of it %s before the end", took,
			   since);
}

/* No rule knows what it is; but that is where one looks first. */
static int say_heaviest_left(const struct evidence *evidence, const struct places *places,
			     struct verdict *verdict)
{
	const struct profile_heap *heap = &evidence->profile->heap;
	const struct profile_site *site = places->heaviest[0];
	_cleanup_(strbuf_deinit) struct strbuf name = {}, times = {};
	char bytes[UNITS_MAX], blocks[UNITS_MAX];
	int r;

	if (!site || site->live_bytes < MUCH_LEFT || site->oldest_age_s < 0 ||
	    (heap->peak_live_bytes != PROFILE_UNKNOWN &&
	     (double)site->live_bytes < MUCH_LEFT_SHARE * (double)heap->peak_live_bytes))
		return 0;
	r = label_site(evidence->profile, site, &name);
	if (r >= 0)
		r = add_times(&times, site);
	if (r < 0)
		return r;
	units_format_bytes(site->live_bytes, bytes);
	units_format_count(site->live_blocks, blocks);
	return verdict_say(verdict, "the most of it, %s in %s block%s, is of %s: %s", bytes, blocks,
			   verdict_plural(site->live_blocks), strbuf_text(&name),
			   strbuf_text(&times));
}

int verdict_say_gainer(const struct evidence *evidence, const struct gainer *gainer,
		       struct verdict *verdict)
{
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char half_way[UNITS_MAX], highest[UNITS_MAX];
	int r = label_site(evidence->profile, gainer->site, &name);

	if (r < 0)
		return r;
	units_format_bytes(gainer->half_way, half_way);
	units_format_bytes(gainer->highest, highest);
	r = verdict_say(verdict, "%s grew: it held %s half way, and %s when most was resident",
			strbuf_text(&name), half_way, highest);
	if (r < 0)
		return r;
	if (evidence->running)
		return verdict_advise(
			verdict, PROFILE_UNKNOWN,
			"find out what bounds %s, and look again later: a cache stops "
			"to grow, a leak does not",
			strbuf_text(&name));
	r = verdict_advise(verdict, PROFILE_UNKNOWN,
			   "find out what bounds %s: a process that went on would grow on",
			   strbuf_text(&name));
	return r < 0 ? r
		     : verdict_advise(verdict, PROFILE_UNKNOWN,
				      "see who held how much when most was live: memtrace report "
				      "--at=peak SESSION");
}

/* What was live at most in the moments of [from, to). */
static uint64_t most_live(const struct profile *profile, double from, double to)
{
	uint64_t most = 0;

	for (size_t i = 0; i < profile->n_moments; i++) {
		const struct profile_moment *moment = &profile->moments[i];

		if (moment->at >= from && moment->at < to &&
		    moment->highest_live != PROFILE_UNKNOWN)
			most = MAX(most, moment->highest_live);
	}
	return most;
}

/*
 * Whether peaks became higher: one that comes and goes has the same in both halves, and what grows in
 * leaps shows in nothing else.
 */
static bool has_risen(const struct evidence *evidence, uint64_t *ret_first, uint64_t *ret_later)
{
	const struct profile *profile = evidence->profile;

	if (evidence->course_s < SHORT_LIFE_S)
		return false;
	const double from = profile->moments[0].at, middle = from + evidence->course_s / 2;

	*ret_first = most_live(profile, from, middle);
	*ret_later = most_live(profile, middle, from + ENDING * evidence->course_s);
	return *ret_later >= *ret_first + RISEN_BYTES &&
	       (double)*ret_later >= RISEN_RATIO * (double)*ret_first;
}

static int say_risen(const struct evidence *evidence, uint64_t first, uint64_t later,
		     struct verdict *verdict)
{
	struct gainer gainer;
	char before[UNITS_MAX], after[UNITS_MAX], watched[UNITS_MAX];
	int r = gainer_find(evidence->profile, &gainer);

	if (r < 0)
		return r;
	units_format_bytes(first, before);
	units_format_bytes(later, after);
	units_format_duration(evidence->course_s, watched);
	r = verdict_say(
		verdict,
		"up to %s were live in the later half of the %s that it was watched, and no more "
		"than %s in the first",
		after, watched, before);
	return r < 0 || !gainer.site ? r : verdict_say_gainer(evidence, &gainer, verdict);
}

/* Live memory, watched long enough; its error is told from what grew. */
static bool stood_still(const struct evidence *evidence)
{
	const struct growth *growth = &evidence->live_growth;
	const uint64_t peak = evidence->profile->heap.peak_live_bytes;

	return evidence->course_s >= SHORT_LIFE_S && peak != PROFILE_UNKNOWN &&
	       !isnan(growth->per_s) &&
	       growth->high * evidence->course_s / 2 < STANDING_SHARE * (double)peak;
}

/* It ran long enough, nothing that it left has gathered for a while, and nothing grew for certain. */
static int judge_standing(const struct evidence *evidence, struct verdict *verdict)
{
	uint64_t first, later;
	char watched[UNITS_MAX];

	if (has_risen(evidence, &first, &later))
		return say_risen(evidence, first, later, verdict);
	if (evidence->course_s < SHORT_LIFE_S || verdict->n_because > 1)
		return 0;
	verdict->code = VERDICT_HEALTHY;
	verdict->confidence = stood_still(evidence) ? 0.7 : 0.5;
	if (!stood_still(evidence))
		return 0;
	return verdict_say(
		verdict, "live memory did not grow in the later half of the %s that it was watched",
		units_format_duration(evidence->course_s, watched));
}

static int judge_freed(const struct evidence *evidence, struct verdict *verdict)
{
	uint64_t first, later;
	/* of samples alone nobody knows */
	int r = verdict_say(verdict, evidence->profile->agent.exact
					     ? "every block that was allocated was freed"
					     : "every block that was sampled was freed");

	if (r >= 0)
		r = say_unmapped(evidence, verdict);
	if (r < 0 || verdict->n_because > 1)
		return r;
	if (evidence_rss_grew(evidence))
		return verdict_say_growing(evidence, verdict);
	if (has_risen(evidence, &first, &later))
		return say_risen(evidence, first, later, verdict);
	verdict->code = VERDICT_HEALTHY;
	verdict->confidence = evidence->profile->agent.exact ? 1.0 : 0.8;
	return 0;
}

int verdict_judge_ended(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_heap *heap = &evidence->profile->heap;
	const struct profile_site *hoard = verdict_find_hoard(evidence, MUCH_LEFT);
	_cleanup_(places_deinit) struct places places = {};
	char bytes[UNITS_MAX], blocks[UNITS_MAX];
	int r;

	if (heap->live_bytes == 0 && heap->allocated_blocks > 0)
		return judge_freed(evidence, verdict);
	r = evidence_add_places(evidence, MT_SITE_MALLOC, &places);
	if (r < 0)
		return r;
	units_format_bytes(heap->live_bytes, bytes);
	units_format_count(heap->live_blocks, blocks);
	r = verdict_say(
		verdict,
		"%s in %s block%s from %zu place%s %s never freed; none of the places gathered memory all "
		"through the run",
		bytes, blocks, verdict_plural(heap->live_blocks), places.n,
		verdict_plural(places.n), heap->live_blocks == 1 ? "was" : "were");
	if (r >= 0)
		r = say_unmapped(evidence, verdict);
	if (r >= 0 && evidence_rss_grew(evidence))
		r = verdict_say_growing(evidence, verdict);
	else if (r >= 0 && hoard)
		return verdict_judge_hoard(evidence, hoard, verdict);
	else if (r >= 0)
		r = judge_standing(evidence, verdict);
	return r < 0 ? r : say_heaviest_left(evidence, &places, verdict);
}
