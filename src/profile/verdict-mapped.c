/* SPDX-License-Identifier: MIT */
/*
 * Memory that malloc knows nothing of: mappings of the program itself, stacks, shared memory. The ledger
 * has it by owner; who mapped it the agent knows, and without one how to find out is said instead.
 */
#include "profile/verdict-mapped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"
#include "profile/verdict-rule.h"

/* Of what is resident; less is a part of the picture and not the picture. */
static const double MAIN_SHARE = 0.4;
/* A path has to hold this part of what its owner has to be worth a word. */
static const double PATH_SHARE = 0.2;

uint64_t mapped_stake(const struct evidence *evidence, uint64_t bytes)
{
	return evidence_is_material(evidence, bytes) &&
			       (double)bytes >= MAIN_SHARE * (double)evidence->rss
		       ? bytes
		       : 0;
}

int mapped_begin(const struct evidence *evidence, uint64_t owned, const char *what,
		 struct verdict *verdict)
{
	char bytes[UNITS_MAX], rss[UNITS_MAX];

	verdict->code = VERDICT_NOT_MALLOC;
	verdict->confidence = 0.9;
	return verdict_say(verdict, "%s of %s resident are %s, not malloc's",
			   units_format_bytes(owned, bytes), units_format_bytes(evidence->rss, rss),
			   what);
}

/* Where the agent saw most of it gather, the rule of leaks knows more of it. */
static uint64_t stake_mapped(const struct evidence *evidence)
{
	const struct places *gathering = &evidence->gathering;
	const uint64_t bytes = evidence_owned(evidence, LEDGER_MAPPED);

	if (gathering->n > 0 && gathering->heaviest[0]->kind == MT_SITE_MMAP &&
	    gathering->heaviest[0]->live_bytes >= bytes / 2)
		return 0;
	return mapped_stake(evidence, bytes);
}

static int name_mapper(const struct evidence *evidence, struct verdict *verdict)
{
	_cleanup_(places_deinit) struct places places = {};
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], freed[UNITS_MAX], count[UNITS_MAX];
	const struct profile_site *site;
	int r = evidence_add_places(evidence, MT_SITE_MMAP, &places);

	if (r < 0)
		return r;
	if (places.n == 0)
		return verdict_say(verdict, "who mapped them was before the agent came");
	site = places.heaviest[0];
	r = label_site(evidence->profile, site, &name);
	if (r < 0)
		return r;
	units_format_bytes(site->live_bytes, bytes);
	units_format_bytes(site->freed_bytes, freed);
	units_format_count(site->live_blocks, count);
	r = verdict_say(verdict, "%s holds %s in %s mapping%s; %s was unmapped again",
			strbuf_text(&name), bytes, count, verdict_plural(site->live_blocks),
			site->freed_bytes ? freed : "nothing");
	if (r < 0)
		return r;
	return verdict_advise(verdict, site->live_bytes, "find out who should unmap what %s maps",
			      strbuf_text(&name));
}

static int judge_mapped(const struct evidence *evidence, struct verdict *verdict)
{
	char target[16];
	int r = mapped_begin(evidence, evidence_owned(evidence, LEDGER_MAPPED),
			     "mappings that the program made itself", verdict);

	if (r >= 0)
		r = verdict_say(verdict,
				"nothing is to be gained from malloc's settings or from another "
				"allocator");
	if (r < 0)
		return r;
	if (evidence->has_agent)
		return name_mapper(evidence, verdict);
	return verdict_advise(
		verdict, PROFILE_UNKNOWN,
		"see which they are: memtrace maps %s; and who maps them: memtrace run at the next start",
		verdict_target(evidence, target));
}

const struct verdict_rule verdict_rule_mapped = {stake_mapped, judge_mapped,
						 "are mapped by the program itself"};

/* Threads that have ended and were never joined: each is forgotten, whatever its stack takes. */
struct unjoined {
	uint64_t n, resident, virtual;
};

enum { UNJOINED_MIN = 32 };

static struct unjoined find_unjoined(const struct evidence *evidence)
{
	const struct profile *profile = evidence->profile;
	struct unjoined found = {};

	for (size_t i = 0; i < profile->n_areas; i++) {
		const struct area *area = &profile->areas[i];

		if (area->kind != AREA_STACK_ENDED)
			continue;
		found.n++;
		found.resident += area->resident;
		found.virtual += area->end - area->start;
	}
	return found.n >= UNJOINED_MIN ? found : (struct unjoined){};
}

static uint64_t stake_unjoined(const struct evidence *evidence)
{
	return find_unjoined(evidence).resident;
}

static int judge_unjoined(const struct evidence *evidence, struct verdict *verdict)
{
	const struct unjoined found = find_unjoined(evidence);
	char count[UNITS_MAX], resident[UNITS_MAX], virtual[UNITS_MAX];
	int r;

	verdict->code = VERDICT_LEAK;
	verdict->confidence = 0.95;
	r = verdict_say(
		verdict,
		"%s threads have ended and were neither joined nor detached: each keeps its "
		"stack, %s resident and %s of addresses in all",
		units_format_count(found.n, count), units_format_bytes(found.resident, resident),
		units_format_bytes(found.virtual, virtual));
	if (r < 0)
		return r;
	return verdict_advise(verdict, found.resident,
			      "join them (pthread_join), or start them detached (pthread_detach)");
}

const struct verdict_rule verdict_rule_unjoined = {
	stake_unjoined, judge_unjoined,
	"are stacks of threads that have ended and were never joined"};

static uint64_t stacks_bytes(const struct evidence *evidence)
{
	const uint64_t bytes = evidence_owned(evidence, LEDGER_STACKS) +
			       evidence_owned(evidence, LEDGER_STACKS_FREE);

	return bytes - MIN(stake_unjoined(evidence), bytes);
}

static uint64_t stake_stacks(const struct evidence *evidence)
{
	return mapped_stake(evidence, stacks_bytes(evidence));
}

static int say_ended(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t all = evidence_owned(evidence, LEDGER_STACKS_FREE);
	const uint64_t bytes = all - MIN(stake_unjoined(evidence), all);
	char text[UNITS_MAX];

	if (!evidence_is_material(evidence, bytes))
		return 0;
	units_format_bytes(bytes, text);
	return verdict_say(
		verdict,
		"%s of it are of threads that have ended, which nobody joined or which libc "
		"keeps for the next thread",
		text);
}

static int judge_stacks(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t bytes = stacks_bytes(evidence);
	const uint64_t n = evidence->profile->process.n_threads;
	char each[UNITS_MAX], virtual[UNITS_MAX];
	int r = mapped_begin(evidence, stacks_bytes(evidence), "stacks of threads", verdict);

	if (r >= 0 && n != PROFILE_UNKNOWN && n > 0)
		r = verdict_say(
			verdict,
			"%lu threads have %s of stack resident each, of %s of addresses in all: what "
			"a thread has once touched stays until it ends",
			n, units_format_bytes(bytes / n, each),
			units_format_bytes(evidence->ledger->lines[LEDGER_STACKS].virtual,
					   virtual));
	if (r >= 0)
		r = say_ended(evidence, verdict);
	if (r < 0)
		return r;
	return verdict_advise(verdict, bytes / 2,
			      "use half as many threads, or keep large arrays off their stacks");
}

const struct verdict_rule verdict_rule_stacks = {stake_stacks, judge_stacks,
						 "are stacks of threads"};

static int compare_paths(const void *a, const void *b)
{
	const struct mapping *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

/* Of the mappings that an owner has, the path with most resident bytes. */
struct heaviest {
	const char *path;
	uint64_t bytes, n;
};

static int find_heaviest(const struct evidence *evidence, enum ledger_owner owner,
			 struct heaviest *ret)
{
	const struct ledger *ledger = evidence->ledger;
	_cleanup_free_ const struct mapping **sorted =
		calloc(ledger->maps.n_mappings + 1, sizeof(const struct mapping *));
	struct heaviest path = {};
	size_t n = 0;

	*ret = (struct heaviest){};
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < ledger->maps.n_mappings; i++)
		if (ledger->mappings[i].owner == owner && ledger->mappings[i].mapping->path[0])
			sorted[n++] = ledger->mappings[i].mapping;
	qsort((void *)sorted, n, sizeof(*sorted), compare_paths);
	for (size_t i = 0; i < n; i++) {
		if (!path.path || strcmp(path.path, sorted[i]->path) != 0)
			path = (struct heaviest){.path = sorted[i]->path};
		path.bytes += sorted[i]->rss;
		path.n++;
		if (path.bytes > ret->bytes)
			*ret = path;
	}
	return 0;
}

int mapped_say_heaviest(const struct evidence *evidence, enum ledger_owner owner,
			struct verdict *verdict)
{
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], count[UNITS_MAX];
	struct heaviest path;
	int r;

	if (!evidence->ledger)
		return 0;
	r = find_heaviest(evidence, owner, &path);
	if (r < 0 || (double)path.bytes < PATH_SHARE * (double)evidence_owned(evidence, owner))
		return r;
	label_add_clean(&name, path.path);
	units_format_bytes(path.bytes, bytes);
	units_format_count(path.n, count);
	return verdict_say(verdict, "%s of it are of %s, in %s mapping%s", bytes,
			   strbuf_text(&name), count, verdict_plural(path.n));
}

static uint64_t stake_shared(const struct evidence *evidence)
{
	return mapped_stake(evidence, evidence_owned(evidence, LEDGER_SHARED));
}

static int judge_shared(const struct evidence *evidence, struct verdict *verdict)
{
	char target[16];
	int r = mapped_begin(evidence, evidence_owned(evidence, LEDGER_SHARED), "shared memory",
			     verdict);

	if (r >= 0)
		r = mapped_say_heaviest(evidence, LEDGER_SHARED, verdict);
	if (r >= 0)
		r = verdict_say(verdict,
				"each process that maps it counts it as its own; it is there once");
	if (r < 0)
		return r;
	return verdict_advise(verdict, PROFILE_UNKNOWN, "see which it is: memtrace maps %s",
			      verdict_target(evidence, target));
}

const struct verdict_rule verdict_rule_shared = {stake_shared, judge_shared, "are shared memory"};
