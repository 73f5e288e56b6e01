/* SPDX-License-Identifier: MIT */
/*
 * Live memory: places that gather, and places that hold much but turn over. Only the agent knows places and
 * ages. Outstanding blocks at exit are no evidence by themselves: most programs leave the kernel to clean
 * up.
 */
#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/estimate.h"
#include "profile/label.h"
#include "profile/levelling.h"
#include "profile/remedy.h"
#include "profile/verdict-rule.h"

/* A process younger than this has done little but start. */
static const double SHORT_LIFE_S = 10;
static const double LONG_LIFE_S = 600;
/* Whoever should unmap it: that it is not malloc's is known. */
static const double NOT_MALLOCS = 0.8;
/* Nobody but who wrote the program knows what it needs. */
static const double MOST_SURE = 0.95;
/* Bytes a second; below, growth is said by the hour. */
static const double SLOW_GROWTH = 64 << 10;

static bool was_seen_growing(const struct profile_site *site)
{
	return !isnan(site->growth) && site->growth_low > 0;
}

/* Bytes a second: as it was seen; else blocks came evenly from the oldest one up to now. */
static double rate_of(const struct profile_site *site)
{
	if (was_seen_growing(site))
		return site->growth;
	return site->oldest_age_s > 0 ? (double)site->live_bytes / site->oldest_age_s : 0;
}

/* Whether what is resident grows, and at least half of that by places that gather. */
static bool is_what_grows(const struct evidence *evidence)
{
	const struct places *places = &evidence->gathering;
	double per_s = 0;

	for (size_t i = 0; i < MIN(places->n, (size_t)PLACES_HEAVIEST); i++)
		per_s += rate_of(places->heaviest[i]);
	return evidence_rss_grew(evidence) && per_s >= evidence->rss_growth.per_s / 2;
}

/* What grows is more trouble than what is large and stands still. */
static uint64_t stake_leak(const struct evidence *evidence)
{
	const uint64_t bytes = evidence->gathering.bytes;

	return is_what_grows(evidence) ? MAX(bytes, evidence->bounded.bytes) : bytes;
}

static int advise_site(const struct evidence *evidence, const struct profile_site *site,
		       struct verdict *verdict)
{
	const char *remedy = remedy_find(evidence->profile, site);
	const bool is_mapping = site->kind == MT_SITE_MMAP;
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	int r = label_site(evidence->profile, site, &name);

	if (r < 0)
		return r;
	if (remedy && !is_mapping)
		return verdict_advise(verdict, site->live_bytes,
				      "find out who should call %s for what %s allocates", remedy,
				      strbuf_text(&name));
	return verdict_advise(verdict, site->live_bytes, "find out who should %s what %s %s",
			      is_mapping ? "unmap" : "free", strbuf_text(&name),
			      is_mapping                    ? "maps"
			      : site->kind == MT_SITE_PAGES ? "fills"
							    : "allocates");
}

static int advise_sites(const struct evidence *evidence, struct verdict *verdict)
{
	const struct places *places = &evidence->gathering;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < MIN(places->n, (size_t)PLACES_HEAVIEST); i++)
		r = advise_site(evidence, places->heaviest[i], verdict);
	return r;
}

/* What the same figures could mean instead. */
static int say_doubts(const struct evidence *evidence, const struct profile_site *site,
		      const struct levelling *levelling, struct verdict *verdict)
{
	char third[UNITS_MAX], last[UNITS_MAX];

	if (evidence->watched_s < SHORT_LIFE_S)
		return verdict_say(verdict,
				   "in so short a run, what a program sets up once looks the same");
	if (was_seen_growing(site) && levelling->levels_off) {
		units_format_bytes(levelling->third, third);
		units_format_bytes(levelling->last, last);
		return verdict_say(
			verdict,
			"it gained %s in the third quarter of that time and %s in the last: it "
			"may be a cache that is nearly full, which a longer look tells",
			third, last);
	}
	if (was_seen_growing(site) && evidence->course_s < LONG_LIFE_S)
		return verdict_say(verdict, "a cache that is still filling grows as well: longer "
					    "watched, one stops and the other does not");
	if (evidence->running && !was_seen_growing(site))
		return verdict_say(verdict,
				   "a cache that is still filling looks the same at one moment");
	return 0;
}

/* The time that the ages are to be compared with: "the process has run for 3 h", "it was watched for 20 s". */
static void add_life(struct strbuf *text, const struct evidence *evidence)
{
	const bool all = evidence->watched_s >= 0.9 * evidence->life_s;
	char life[UNITS_MAX];

	units_format_duration(all ? evidence->life_s : evidence->watched_s, life);
	if (all)
		strbuf_addf(text, "the process %s %s", verdict_ran(evidence), life);
	else
		strbuf_addf(text, "it was watched for %s", life);
}

static int say_ages(const struct evidence *evidence, const struct profile_site *site,
		    struct verdict *verdict)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	char young[UNITS_MAX], old[UNITS_MAX];

	if (site->oldest_age_s < 0)
		return 0;
	units_format_duration(MAX(site->youngest_age_s, 0.0), young);
	units_format_duration(MAX(site->oldest_age_s, 0.0), old);
	strbuf_adds(&text, "they are ");
	if (strcmp(young, old) != 0)
		strbuf_addf(&text, "%s to ", young);
	strbuf_addf(&text, "%s old, and ", old);
	add_life(&text, evidence);
	return text.error < 0 ? text.error : verdict_say(verdict, "%s", strbuf_text(&text));
}

/* "1.5 MiB", and of which time: slow growth is said by the hour. */
static const char *rate(double per_s, bool slow, char buffer[static UNITS_MAX])
{
	return units_format_bytes(estimate_round(slow ? per_s * 3600 : per_s), buffer);
}

/* Its own growth, if that was seen; else that of RSS, which it explains, if that was; else what its ages say. */
static int say_growth(const struct evidence *evidence, const struct profile_site *site,
		      struct verdict *verdict)
{
	const double per_s = rate_of(site), rss_per_s = evidence->rss_growth.per_s;
	const bool slow = per_s < SLOW_GROWTH;
	char bytes[UNITS_MAX], low[UNITS_MAX], high[UNITS_MAX], watched[UNITS_MAX];

	rate(per_s, slow, bytes);
	units_format_duration(evidence->course_s, watched);
	if (was_seen_growing(site))
		return verdict_say(
			verdict, "in the %s that it was watched it grew by %s each %s (%s to %s)",
			watched, bytes, slow ? "hour" : "second", rate(site->growth_low, slow, low),
			rate(site->growth_high, slow, high));
	if (evidence_rss_grew(evidence) && per_s >= rss_per_s / 2)
		return verdict_say(
			verdict,
			"RSS grew by %s each second in the later half of the %s that it was "
			"watched: this place can be why",
			units_format_bytes(estimate_round(rss_per_s), bytes), watched);
	if (!evidence->running || per_s <= 0)
		return 0;
	return verdict_say(verdict, "that is %s more each %s, and goes on", bytes,
			   slow ? "hour" : "second");
}

static const char *site_unit(const struct profile_site *site)
{
	switch (site->kind) {
	case MT_SITE_MMAP:
		return "mapping";
	case MT_SITE_PAGES:
		return "page";
	default:
		return "block";
	}
}

static int say_holding(const struct evidence *evidence, const struct profile_site *site,
		       struct verdict *verdict)
{
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], blocks[UNITS_MAX], freed[UNITS_MAX];
	int r = label_site(evidence->profile, site, &name);

	if (r < 0)
		return r;
	units_format_bytes(site->live_bytes, bytes);
	units_format_count(site->live_blocks, blocks);
	units_format_bytes(site->freed_bytes, freed);
	return verdict_say(verdict, "%s holds %s in %s %s%s; %s was %s", strbuf_text(&name), bytes,
			   blocks, site_unit(site), verdict_plural(site->live_blocks),
			   site->freed_bytes ? freed : "nothing",
			   site->kind == MT_SITE_MMAP ? "unmapped" : "freed");
}

/* Whether the place is there for the growth of RSS alone; it has the number of its heaviest site. */
static bool is_suspect(const struct evidence *evidence, const struct profile_site *place)
{
	return evidence->suspect && place->id == evidence->suspect->id;
}

static int judge_leak(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_site *worst = evidence->gathering.heaviest[0];
	const bool nothing_freed = evidence_freed_nothing(worst);
	struct levelling levelling;
	char bytes[UNITS_MAX];
	int r = levelling_find(evidence->profile, worst, &levelling);

	if (r < 0)
		return r;
	verdict->code = worst->kind == MT_SITE_MMAP ? VERDICT_NOT_MALLOC : VERDICT_LEAK;
	verdict->confidence = 0.5 + 0.2 * nothing_freed + 0.1 * (worst->n_samples >= 10) +
			      0.1 * (evidence->watched_s >= LONG_LIFE_S) +
			      0.1 * was_seen_growing(worst) - 0.2 * (worst->kind == MT_SITE_PAGES) -
			      0.2 * (evidence->watched_s < SHORT_LIFE_S) -
			      0.2 * is_suspect(evidence, worst) - 0.4 * levelling.levels_off;
	if (worst->kind == MT_SITE_MMAP && evidence_is_material(evidence, worst->live_bytes))
		verdict->confidence = MAX(verdict->confidence, NOT_MALLOCS);
	verdict->confidence = MIN(verdict->confidence, MOST_SURE);
	r = say_holding(evidence, worst, verdict);
	if (r >= 0)
		r = say_ages(evidence, worst, verdict);
	if (r >= 0)
		r = say_growth(evidence, worst, verdict);
	if (r >= 0 && evidence->gathering.n > 1) {
		units_format_bytes(evidence->gathering.bytes, bytes);
		r = verdict_say(verdict, "%zu places gather memory like this, %s together",
				evidence->gathering.n, bytes);
	}
	if (r >= 0)
		r = say_doubts(evidence, worst, &levelling, verdict);
	return r < 0 ? r : advise_sites(evidence, verdict);
}

const struct verdict_rule verdict_rule_leak = {stake_leak, judge_leak,
					       "gather all through the run"};

static uint64_t stake_cache(const struct evidence *evidence)
{
	const uint64_t bytes = evidence->bounded.bytes;

	return evidence_is_material(evidence, bytes) ? bytes : 0;
}

/* Whether the place's course is known, and not only its blocks at one moment. */
static bool was_watched(const struct profile_site *site)
{
	return !isnan(site->growth);
}

static int judge_cache(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_site *place = evidence->bounded.heaviest[0];
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX];
	int r;

	verdict->code = VERDICT_CACHE;
	verdict->confidence = 0.6 + 0.1 * (evidence->watched_s >= SHORT_LIFE_S) +
			      0.1 * (evidence->watched_s >= LONG_LIFE_S);
	r = say_holding(evidence, place, verdict);
	if (r >= 0)
		r = say_ages(evidence, place, verdict);
	if (r >= 0)
		r = verdict_say(
			verdict, "whatever is older was freed: %s",
			was_watched(place)
				? "what comes in replaces what was there, and the place "
				  "stays as big as it is"
				: "what comes in replaces what was there, as in a cache; of "
				  "work that comes and goes one moment looks the same");
	if (r >= 0)
		r = label_site(evidence->profile, place, &name);
	if (r < 0)
		return r;
	units_format_bytes(place->live_bytes, bytes);
	r = verdict_advise(verdict, place->live_bytes / 2,
			   "if it is too much, bound what %s allocates to half of its %s",
			   strbuf_text(&name), bytes);
	if (r < 0 || !evidence_rss_grew(evidence))
		return r;
	/* what stands still is not what grows: a leak may be beside it that is too small for the samples */
	verdict->confidence = 0.5;
	return verdict_say_growing(evidence, verdict);
}

const struct verdict_rule verdict_rule_cache = {stake_cache, judge_cache,
						"are in places that turn over and do not grow"};
