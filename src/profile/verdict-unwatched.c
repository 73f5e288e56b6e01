/* SPDX-License-Identifier: MIT */
/*
 * No rule applies to a process without an agent. What it holds may be a leak, a cache or a working set, and one
 * moment does not tell which; so the verdict says what would.
 */
#include "base/units.h"
#include "profile/verdict-rule.h"

/* Live blocks that are this part of RSS are what RSS is about. */
static const double MOSTLY = 0.5;
/* Of what is resident, to be next to nothing. */
static const double LITTLE = 0.05;
/* Of the bytes in use, in blocks of one size, to be worth a word. */
static const double ONE_SIZE_SHARE = 0.25;
static const uint64_t ONE_SIZE_BLOCKS = 10;

static int say_refused(const struct evidence *evidence, struct verdict *verdict)
{
	const char *refused = evidence->arenas ? evidence->arenas->refused : NULL;

	return refused ? verdict_say(verdict, "%s", refused) : 0;
}

/* What would tell. */
static int advise_look(const struct evidence *evidence, struct verdict *verdict)
{
	char buffer[16];
	const char *target = verdict_target(evidence, buffer);
	int r;

	r = verdict_advise(verdict, PROFILE_UNKNOWN,
			   "see what the blocks are: memtrace objects %s, memtrace strings %s",
			   target, target);
	if (r < 0)
		return r;
	if (profile_is_static(evidence->profile))
		return verdict_advise(verdict, PROFILE_UNKNOWN,
				      "see who allocates and does not free: link it dynamically, "
				      "and start it with memtrace run");
	if (!evidence->running)
		return verdict_advise(
			verdict, PROFILE_UNKNOWN,
			"see who allocates and does not free: memtrace run at the next "
			"start");
	return verdict_advise(
		verdict, PROFILE_UNKNOWN,
		"see who allocates and does not free: memtrace attach --duration 5m %s, "
		"or memtrace run at the next start",
		target);
}

/* Most leaks are of one size: the class that has most of the bytes, if it has a good part of them. */
static int say_sizes(const struct arena_sizes_count *counts, struct verdict *verdict)
{
	const uint64_t whole = arena_sizes_total(counts).bytes;
	char count[UNITS_MAX], size[UNITS_MAX];
	size_t most = 0;

	for (size_t i = 1; i < ARENA_SIZES_CLASSES; i++)
		if (counts[i].bytes > counts[most].bytes)
			most = i;
	if ((double)counts[most].bytes < ONE_SIZE_SHARE * (double)whole ||
	    counts[most].blocks < ONE_SIZE_BLOCKS)
		return 0;
	units_format_count(counts[most].blocks, count);
	units_format_bytes(counts[most].bytes / counts[most].blocks, size);
	return verdict_say(verdict, "%.0f %% of their bytes are in %s blocks of about %s each",
			   100.0 * (double)counts[most].bytes / (double)whole, count, size);
}

/* Whose the most of what is resident is. */
static enum ledger_owner find_most(const struct ledger *ledger)
{
	enum ledger_owner most = LEDGER_HEAP_LIVE;

	for (unsigned i = 0; i < LEDGER_N_OWNERS; i++)
		if (ledger->lines[i].resident > ledger->lines[most].resident)
			most = i;
	return most;
}

/* Next to nothing is malloc's: blocks are not what to look at. */
static int judge_without_malloc(const struct evidence *evidence, struct verdict *verdict)
{
	const enum ledger_owner most = find_most(evidence->ledger);
	char rss[UNITS_MAX], bytes[UNITS_MAX], target[16];
	int r;

	units_format_bytes(evidence->rss, rss);
	units_format_bytes(evidence_owned(evidence, most), bytes);
	r = verdict_say(
		verdict,
		"next to nothing of %s resident is malloc's; the most, %s, is of one kind: %s", rss,
		bytes, ledger_owner_label(most));
	if (r >= 0)
		r = verdict_say(verdict, "whether that grows does not show at one moment");
	return r < 0 ? r
		     : verdict_advise(
			       verdict, PROFILE_UNKNOWN,
			       "see what it is: memtrace maps %s, and later again; and who maps "
			       "it: memtrace %s",
			       verdict_target(evidence, target),
			       evidence->running ? "attach --duration 1m, with the same PID"
						 : "run at the next start");
}

static bool is_without_malloc(const struct evidence *evidence)
{
	return evidence->ledger && !evidence->heap.known &&
	       !(evidence->arenas && evidence->arenas->refused) &&
	       (double)evidence_heap_resident(evidence) < LITTLE * (double)evidence->rss;
}

int verdict_judge_unwatched(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t live = evidence->heap.in_use_resident;
	char bytes[UNITS_MAX], rss[UNITS_MAX];
	int r;

	if (is_without_malloc(evidence))
		return judge_without_malloc(evidence, verdict);
	units_format_bytes(evidence->rss, rss);
	if (evidence->heap.known && (double)live < MOSTLY * (double)evidence->rss) {
		verdict->code = VERDICT_HEALTHY;
		verdict->confidence = 0.5;
		r = verdict_say(verdict,
				"of %s resident no part stands out: %s are blocks in use, and "
				"little is kept that was freed",
				rss, units_format_bytes(live, bytes));
		return r < 0 ? r : verdict_say_addresses(evidence, verdict);
	}
	r = say_refused(evidence, verdict);
	if (r >= 0 && evidence->heap.known)
		r = verdict_say(
			verdict,
			"%s of %s resident are blocks that the program has and uses, or has "
			"forgotten",
			units_format_bytes(live, bytes), rss);
	if (r >= 0 && evidence->heap.known && evidence->arenas)
		r = say_sizes(evidence->arenas->sizes.in_use, verdict);
	if (r >= 0 && evidence->heap.known && evidence->arenas)
		r = verdict_java_say_windows(evidence, verdict);
	if (r >= 0)
		r = verdict_say(verdict, "a leak, a cache and a working set look the same at one "
					 "moment without stacks");
	return r < 0 ? r : advise_look(evidence, verdict);
}
