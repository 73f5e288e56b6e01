/* SPDX-License-Identifier: MIT */
/*
 * One profile is one moment, so growth cannot be seen; but each live block carries its age, and ages tell
 * how a place came to hold what it holds. What a program sets up once is old, all of it. What it works
 * with is young, nearly all of it. What it forgets is of every age alike, up to now: it comes in at some
 * rate and stays. So a place gathers if its blocks spread evenly over the time since the oldest of them,
 * and that is a good part of the process's life. How much else the place allocated and freed says
 * little: a function may forget one block in seven.
 *
 * A cache that still fills looks the same, and in a short run set-up does. Confidence stays below 1,
 * and two moments (memtrace diff) decide. Blocks that are outstanding at exit are no evidence by
 * themselves: most programs leave the kernel to clean up. They are counted and said.
 */
#include "profile/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"

enum { QUARTERS = 4 };
/* The oldest block must be that old, or that part of the process's life. */
static const double GATHERING_AGE_S = 600, GATHERING_LIFE = 0.2;
/* Blocks in a quarter of the time, for it to count as one in which blocks came: of all. */
static const double QUARTER_MIN = 0.1;
/* More of them in the youngest quarter is work in progress. */
static const double YOUNGEST_MAX = 0.6;
/* A place must hold that much, in bytes or of all that is outstanding. */
static const uint64_t MATERIAL_BYTES = 64 << 10;
static const double MATERIAL_SHARE = 0.05;
/* A process younger than this has done little but start. */
static const double SHORT_LIFE_S = 10;
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

/* Samples of a site by age: quarter 0 is from now to a quarter of the oldest block's age. */
struct ages {
	uint32_t n[QUARTERS];
};

static struct ages *collect_ages(const struct profile *profile)
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
		ages[block->site].n[(int)quarter]++;
	}
	return ages;
}

static bool is_material(const struct profile *profile, const struct profile_site *site)
{
	uint64_t outstanding = profile->heap.live_bytes + profile->heap.mapped_bytes;

	return site->live_bytes >= MATERIAL_BYTES ||
	       (double)site->live_bytes >= MATERIAL_SHARE * (double)outstanding;
}

static bool gathers(const struct profile *profile, const struct profile_site *site,
		    const struct ages *ages)
{
	double n = 0;
	int n_quarters = 0;

	if (!profile_site_is_counted(site) || (site->map_flags & (MT_MAP_FILE | MT_MAP_BRK)))
		return false;
	if (site->live_bytes == 0 || !is_material(profile, site))
		return false;
	if (site->oldest_age_s < MIN(GATHERING_AGE_S, GATHERING_LIFE * lifetime_s(profile)))
		return false;
	for (int i = 0; i < QUARTERS; i++)
		n += ages->n[i];
	for (int i = 0; i < QUARTERS; i++)
		n_quarters += ages->n[i] > 0 && ages->n[i] >= QUARTER_MIN * n;
	return ages->n[0] > 0 && ages->n[0] <= YOUNGEST_MAX * n && n_quarters >= QUARTERS - 1;
}

enum { MAX_SUSPECTS = 3 };

struct evidence {
	uint64_t gathered_bytes;
	size_t n_gathering;
	const struct profile_site *suspects[MAX_SUSPECTS]; /* that gather, heaviest first */
	size_t n_live_sites;
};

static int weigh(const struct profile *profile, struct evidence *ret)
{
	_cleanup_free_ struct ages *ages = collect_ages(profile);
	struct evidence evidence = {};

	if (!ages)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		evidence.n_live_sites += site->live_blocks > 0 && site->kind == MT_SITE_MALLOC;
		if (!gathers(profile, site, &ages[i]))
			continue;
		/* sites stand in the order of their weight */
		if (evidence.n_gathering < MAX_SUSPECTS)
			evidence.suspects[evidence.n_gathering] = site;
		evidence.gathered_bytes += site->live_bytes;
		evidence.n_gathering++;
	}
	*ret = evidence;
	return 0;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static int advise_sites(const struct profile *profile, const struct evidence *evidence,
			struct verdict *verdict)
{
	for (size_t i = 0; i < MIN(evidence->n_gathering, (size_t)MAX_SUSPECTS); i++) {
		const struct profile_site *site = evidence->suspects[i];
		bool is_mapping = site->kind == MT_SITE_MMAP;
		_cleanup_(strbuf_deinit) struct strbuf name = {};
		int r;

		r = label_site(profile, site, &name);
		if (r < 0)
			return r;
		r = advise(verdict, site->live_bytes, "find out who should %s what %s %s",
			   is_mapping ? "unmap" : "free", strbuf_text(&name),
			   is_mapping ? "maps" : "allocates");
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the same figures could mean instead. */
static int say_doubts(const struct profile *profile, struct verdict *verdict)
{
	if (lifetime_s(profile) < SHORT_LIFE_S)
		return say(verdict,
			   "in so short a run, what a program sets up once looks the same");
	if (profile->process.state == PROFILE_RUNNING)
		return say(verdict, "a cache that is still filling looks the same at one moment");
	return 0;
}

static int judge_leak(const struct profile *profile, const struct evidence *evidence,
		      struct verdict *verdict)
{
	const struct profile_site *worst = evidence->suspects[0];
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	char bytes[UNITS_MAX], blocks[UNITS_MAX], freed[UNITS_MAX], young[UNITS_MAX],
		old[UNITS_MAX], life[UNITS_MAX];
	bool nothing_freed = worst->freed_bytes <= worst->allocated_bytes / 50;
	const char *ranges = worst->kind == MT_SITE_MMAP ? "mapping" : "block";
	int r;

	verdict->code = worst->kind == MT_SITE_MMAP ? VERDICT_NOT_MALLOC : VERDICT_LEAK;
	verdict->confidence = 0.5 + 0.2 * nothing_freed + 0.1 * (worst->n_samples >= 10) +
			      0.1 * (lifetime_s(profile) >= 600) -
			      0.2 * (lifetime_s(profile) < SHORT_LIFE_S);
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
	r = say_doubts(profile, verdict);
	return r < 0 ? r : advise_sites(profile, evidence, verdict);
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
	if (lifetime_s(profile) < SHORT_LIFE_S)
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
	struct evidence evidence;
	int r;

	r = weigh(profile, &evidence);
	if (r < 0)
		return r;
	if (profile->agent.samples == 0 && profile->n_sites == 0)
		r = say(&verdict,
			"the agent saw no allocation: the program does not use the malloc that "
			"can be replaced, or it allocated nothing");
	else if (evidence.n_gathering > 0)
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
