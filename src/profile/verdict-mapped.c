/* SPDX-License-Identifier: MIT */
/*
 * Memory that malloc knows nothing of: mappings of the program itself, stacks, shared memory. The ledger
 * has it by owner; who mapped it the agent knows, and without one how to find out is said instead.
 */
#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"
#include "profile/verdict-rule.h"

/* Of what is resident; less is a part of the picture and not the picture. */
static const double MAIN_SHARE = 0.4;

static uint64_t stake_owner(const struct evidence *evidence, enum ledger_owner owner)
{
	const uint64_t bytes = evidence_owned(evidence, owner);

	return evidence_is_material(evidence, bytes) &&
			       (double)bytes >= MAIN_SHARE * (double)evidence->rss
		       ? bytes
		       : 0;
}

static int begin(const struct evidence *evidence, enum ledger_owner owner, const char *what,
		 struct verdict *verdict)
{
	char bytes[UNITS_MAX], rss[UNITS_MAX];

	verdict->code = VERDICT_NOT_MALLOC;
	verdict->confidence = 0.9;
	return verdict_say(verdict, "%s of %s resident are %s, not malloc's",
			   units_format_bytes(evidence_owned(evidence, owner), bytes),
			   units_format_bytes(evidence->rss, rss), what);
}

static uint64_t stake_mapped(const struct evidence *evidence)
{
	return stake_owner(evidence, LEDGER_MAPPED);
}

static int name_mapper(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_site *site = evidence_heaviest(evidence, MT_SITE_MMAP);
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], freed[UNITS_MAX], count[UNITS_MAX];
	int r;

	if (!site)
		return verdict_say(verdict, "who mapped them was before the agent came");
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
	int r = begin(evidence, LEDGER_MAPPED, "mappings that the program made itself", verdict);

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
		"see which they are: memtrace maps %u; and who maps them: memtrace run "
		"at the next start",
		evidence->profile->process.pid);
}

const struct verdict_rule verdict_rule_mapped = {stake_mapped, judge_mapped,
						 "are mapped by the program itself"};

static uint64_t stake_stacks(const struct evidence *evidence)
{
	return stake_owner(evidence, LEDGER_STACKS);
}

static int judge_stacks(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t bytes = evidence_owned(evidence, LEDGER_STACKS);
	const uint64_t n = evidence->profile->process.n_threads;
	char each[UNITS_MAX], virtual[UNITS_MAX];
	int r = begin(evidence, LEDGER_STACKS, "stacks of threads", verdict);

	if (r >= 0 && n != PROFILE_UNKNOWN && n > 0)
		r = verdict_say(
			verdict,
			"%lu threads have %s of stack resident each, of %s of addresses in all: what "
			"a thread has once touched stays until it ends",
			n, units_format_bytes(bytes / n, each),
			units_format_bytes(evidence->ledger->lines[LEDGER_STACKS].virtual,
					   virtual));
	if (r < 0)
		return r;
	return verdict_advise(verdict, bytes / 2,
			      "use half as many threads, or keep large arrays off their stacks");
}

const struct verdict_rule verdict_rule_stacks = {stake_stacks, judge_stacks,
						 "are stacks of threads"};

static uint64_t stake_shared(const struct evidence *evidence)
{
	return stake_owner(evidence, LEDGER_SHARED);
}

static int judge_shared(const struct evidence *evidence, struct verdict *verdict)
{
	int r = begin(evidence, LEDGER_SHARED, "shared memory", verdict);

	if (r >= 0)
		r = verdict_say(verdict,
				"each process that maps it counts it as its own; it is there once");
	if (r < 0)
		return r;
	return verdict_advise(verdict, PROFILE_UNKNOWN, "see which it is: memtrace maps %u",
			      evidence->profile->process.pid);
}

const struct verdict_rule verdict_rule_shared = {stake_shared, judge_shared, "are shared memory"};
