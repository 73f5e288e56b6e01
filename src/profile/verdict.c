/* SPDX-License-Identifier: MIT */
/*
 * One profile is one moment, so growth cannot be seen; but each live block carries its age, and ages tell
 * how a site came to hold what it holds. What a program sets up once is old, all of it. What it works
 * with is young. What it leaks is of every age, and nearly all of what it ever allocated there. That is
 * the evidence for a leak, and it has a cache that fills as its double: confidence stays below 1, and two
 * moments (memtrace diff) decide.
 *
 * Blocks that are outstanding when a process exits are no evidence by themselves: most programs leave
 * the kernel to clean up. They are counted and said, and the reader decides.
 */
#include "profile/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"

/* In what part of the process's life the blocks of a site must have come. */
static const double GATHERING_SPAN = 0.2;
static const uint64_t GATHERING_SAMPLES = 3;
/* A process younger than this has done little but start. */
static const double MIN_LIFETIME_S = 10;
/* Below these it is not worth a word. */
static const uint64_t RETENTION_MIN = 64 << 20;
static const double RETENTION_SHARE = 0.5; /* of what is resident */

static const char *const code_names[] = {
	[VERDICT_LEAK] = "leak",
	[VERDICT_RETENTION] = "retention",
	[VERDICT_FRAGMENTATION] = "fragmentation",
	[VERDICT_CACHE] = "cache",
	[VERDICT_NOT_MALLOC] = "not-malloc",
	[VERDICT_HEALTHY] = "healthy",
};

const char *verdict_code_name(enum verdict_code code)
{
	return code_names[code];
}

void verdict_deinit(struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->n_because; i++)
		free(verdict->because[i]);
	for (size_t i = 0; i < verdict->n_advice; i++)
		free(verdict->advice[i].action);
	*verdict = (struct verdict){};
}

_printf_(2, 3) static int say(struct verdict *verdict, const char *format, ...)
{
	va_list args;

	if (verdict->n_because >= VERDICT_MAX_LINES)
		return 0;
	va_start(args, format);
	int r = vasprintf(&verdict->because[verdict->n_because], format, args);
	va_end(args);
	if (r < 0)
		return -ENOMEM;
	verdict->n_because++;
	return 0;
}

_printf_(3, 4) static int advise(struct verdict *verdict, uint64_t expected_bytes,
				 const char *format, ...)
{
	struct verdict_advice *advice = &verdict->advice[verdict->n_advice];
	va_list args;

	if (verdict->n_advice >= VERDICT_MAX_LINES)
		return 0;
	va_start(args, format);
	int r = vasprintf(&advice->action, format, args);
	va_end(args);
	if (r < 0)
		return -ENOMEM;
	advice->expected_bytes = expected_bytes;
	verdict->n_advice++;
	return 0;
}

static double lifetime_s(const struct profile *profile)
{
	return MAX(profile->process.captured_at - profile->process.started_at, 0.0);
}

bool verdict_site_gathers(const struct profile *profile, const struct profile_site *site)
{
	if (!profile_site_is_counted(site) || (site->map_flags & (MT_MAP_FILE | MT_MAP_BRK)))
		return false;
	if (site->n_samples < GATHERING_SAMPLES || site->live_bytes < site->allocated_bytes / 2)
		return false;
	return site->oldest_age_s - site->youngest_age_s >= GATHERING_SPAN * lifetime_s(profile) &&
	       site->oldest_age_s > site->youngest_age_s;
}

struct evidence {
	uint64_t gathered_bytes;
	size_t n_gathering;
	size_t n_live_sites;
	const struct profile_site *worst; /* the heaviest that gathers; NULL if none does */
};

static struct evidence weigh(const struct profile *profile)
{
	struct evidence evidence = {};

	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		evidence.n_live_sites += site->live_bytes > 0 && site->kind == MT_SITE_MALLOC;
		if (!verdict_site_gathers(profile, site))
			continue;
		evidence.gathered_bytes += site->live_bytes;
		evidence.n_gathering++;
		if (!evidence.worst || site->live_bytes > evidence.worst->live_bytes)
			evidence.worst = site;
	}
	return evidence;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* The places to look at, heaviest first: sites are in that order. */
static int advise_sites(const struct profile *profile, struct verdict *verdict)
{
	int n = 0, r;

	for (size_t i = 0; i < profile->n_sites && n < 3; i++) {
		const struct profile_site *site = &profile->sites[i];
		_cleanup_(strbuf_deinit) struct strbuf name = {};

		if (!verdict_site_gathers(profile, site))
			continue;
		r = label_site(profile, site, &name);
		if (r < 0)
			return r;
		r = advise(verdict, site->live_bytes, "find out who should %s what %s %s",
			   site->kind == MT_SITE_MMAP ? "unmap" : "free", strbuf_text(&name),
			   site->kind == MT_SITE_MMAP ? "maps" : "allocates");
		if (r < 0)
			return r;
		n++;
	}
	return 0;
}

static int judge_leak(const struct profile *profile, const struct evidence *evidence,
		      struct verdict *verdict)
{
	const struct profile_site *worst = evidence->worst;
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], blocks[UNITS_MAX], freed[UNITS_MAX], young[UNITS_MAX],
		old[UNITS_MAX], life[UNITS_MAX];
	bool nothing_freed = worst->freed_bytes <= worst->allocated_bytes / 50;
	const char *ranges = worst->kind == MT_SITE_MMAP ? "mapping" : "block";
	int r;

	verdict->code = worst->kind == MT_SITE_MMAP ? VERDICT_NOT_MALLOC : VERDICT_LEAK;
	verdict->confidence = 0.5 + 0.2 * nothing_freed + 0.1 * (worst->n_samples >= 10) +
			      0.1 * (lifetime_s(profile) >= 600);
	r = label_site(profile, worst, &name);
	if (r < 0)
		return r;
	units_format_bytes(worst->live_bytes, bytes);
	units_format_count(worst->live_blocks, blocks);
	units_format_bytes(worst->freed_bytes, freed);
	r = say(verdict, "%s holds %s in %s %s%s; %s was freed", strbuf_text(&name), bytes, blocks,
		ranges, plural(worst->live_blocks), worst->freed_bytes ? freed : "nothing");
	if (r < 0)
		return r;
	units_format_duration(worst->youngest_age_s, young);
	units_format_duration(worst->oldest_age_s, old);
	units_format_duration(lifetime_s(profile), life);
	r = say(verdict, "they are %s to %s old, and the process %s %s", young, old,
		profile->process.state == PROFILE_RUNNING ? "has run for" : "ran for", life);
	if (r < 0)
		return r;
	if (evidence->n_gathering > 1) {
		units_format_bytes(evidence->gathered_bytes, bytes);
		r = say(verdict, "%zu places gather memory like this, %s together",
			evidence->n_gathering, bytes);
		if (r < 0)
			return r;
	}
	if (profile->process.state == PROFILE_RUNNING) {
		r = say(verdict, "a cache that is still filling looks the same at one moment");
		if (r < 0)
			return r;
	}
	return advise_sites(profile, verdict);
}

static int judge_ended(const struct profile *profile, const struct evidence *evidence,
		       struct verdict *verdict)
{
	const struct profile_heap *heap = &profile->heap;
	char bytes[UNITS_MAX], blocks[UNITS_MAX];

	if (heap->live_bytes == 0 && heap->allocated_blocks > 0) {
		verdict->code = VERDICT_HEALTHY;
		verdict->confidence = profile->agent.exact ? 1.0 : 0.8;
		return say(verdict, "every block that was allocated was freed");
	}
	units_format_bytes(heap->live_bytes, bytes);
	units_format_count(heap->live_blocks, blocks);
	return say(
		verdict,
		"%s in %s block%s from %zu place%s %s never freed; none of the places gathered memory all "
		"through the run",
		bytes, blocks, plural(heap->live_blocks), evidence->n_live_sites,
		plural(evidence->n_live_sites), heap->live_blocks == 1 ? "was" : "were");
}

static int judge_running(const struct profile *profile, const struct ledger *ledger,
			 struct verdict *verdict)
{
	char bytes[UNITS_MAX], rss[UNITS_MAX], life[UNITS_MAX];
	int r;

	if (ledger && ledger->lines[LEDGER_HEAP_FREE].resident >= RETENTION_MIN &&
	    (double)ledger->lines[LEDGER_HEAP_FREE].resident >=
		    RETENTION_SHARE * (double)ledger->rss) {
		uint64_t kept = ledger->lines[LEDGER_HEAP_FREE].resident;

		verdict->code = VERDICT_RETENTION;
		verdict->confidence = 0.5;
		units_format_bytes(kept, bytes);
		units_format_bytes(ledger->rss, rss);
		r = say(verdict, "%s of %s resident are in the heap but in no live block", bytes,
			rss);
		return r < 0 ? r
			     : advise(verdict, PROFILE_UNKNOWN,
				      "let the program call malloc_trim(0) and see what comes back");
	}
	units_format_duration(lifetime_s(profile), life);
	if (lifetime_s(profile) < MIN_LIFETIME_S)
		return say(verdict, "the process is %s old: too young to tell set-up from a leak",
			   life);
	verdict->code = VERDICT_HEALTHY;
	verdict->confidence = 0.5;
	return say(verdict, "no place gathered memory all through the %s that the process has run",
		   life);
}

int verdict_judge(const struct profile *profile, const struct ledger *ledger, struct verdict *ret)
{
	_cleanup_(verdict_deinit) struct verdict verdict = {};
	const struct evidence evidence = weigh(profile);
	int r;

	if (profile->agent.samples == 0 && profile->n_sites == 0)
		r = say(&verdict,
			"the agent saw no allocation: the program does not use the malloc that "
			"can be replaced, or it allocated nothing");
	else if (evidence.worst && (profile->process.state != PROFILE_RUNNING ||
				    lifetime_s(profile) >= MIN_LIFETIME_S))
		r = judge_leak(profile, &evidence, &verdict);
	else if (profile->process.state == PROFILE_RUNNING)
		r = judge_running(profile, ledger, &verdict);
	else
		r = judge_ended(profile, &evidence, &verdict);
	if (r < 0)
		return r;
	*ret = verdict;
	verdict = (struct verdict){};
	return 0;
}
