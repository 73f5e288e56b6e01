/* SPDX-License-Identifier: MIT */
/*
 * Memory that a language's runtime, or the kernel's cache, manages beside malloc. Where a runtime's memory grows,
 * nobody has forgotten to unmap it: what fills it are objects that only the runtime knows, so its tools are named.
 */
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "profile/estimate.h"
#include "profile/java.h"
#include "profile/verdict-mapped.h"
#include "profile/verdict-rule.h"

/* Owners that manage their memory beside malloc, with what to look into them with. */
static const struct runtime {
	enum ledger_owner owner;
	const char *what, *advice; /* PID stands for the process */
	const char *more;          /* further advice, or NULL */
} runtimes[] = {
	{LEDGER_JVM_HEAP, "the Java heap",
	 "look into the Java heap (jcmd PID GC.class_histogram) or bound it with -Xmx"},
	{LEDGER_JVM_CODE, "code that the Java machine compiled",
	 "look at it (jcmd PID Compiler.codecache) or bound it with -XX:ReservedCodeCacheSize"},
	{LEDGER_JVM_CLASSES, "classes of the Java machine",
	 "look for class loaders that gather (jcmd PID VM.classloader_stats)"},
	{LEDGER_JVM, "the Java machine's own memory",
	 "start it with -XX:NativeMemoryTracking=summary and ask jcmd PID VM.native_memory"},
	{LEDGER_V8, "V8's heap", "take a heap snapshot, or bound it with --max-old-space-size"},
	{LEDGER_GO, "Go's heap", "use pprof of the program, or bound it with GOMEMLIMIT"},
	{LEDGER_PYTHON, "Python's arenas of small objects",
	 "count its objects by type (memtrace objects PID), or use tracemalloc in the program",
	 "to see which calls hold them: PYTHONMALLOC=malloc memtrace run PROGRAM, by which each object "
	 "is a block of malloc's"},
	{LEDGER_PHP, "PHP's heap", "bound it with memory_limit"},
	{LEDGER_RUBY, "Ruby's heap", "use ObjectSpace in the program"},
	{LEDGER_CODE, "code that was compiled as the program ran", "look at it: memtrace maps"},
	{LEDGER_FILES, "mapped files, which the kernel drops when it needs the room",
	 "see which they are: memtrace maps"},
};

static const struct runtime *largest_runtime(const struct evidence *evidence)
{
	const struct runtime *largest = &runtimes[0];

	for (size_t i = 1; i < ARRAY_SIZE(runtimes); i++)
		if (evidence_owned(evidence, runtimes[i].owner) >
		    evidence_owned(evidence, largest->owner))
			largest = &runtimes[i];
	return largest;
}

/* The one that has most of what is resident; else the one whose memory grows, however little it is yet. */
static const struct runtime *find_runtime(const struct evidence *evidence)
{
	const struct runtime *largest = largest_runtime(evidence);

	if (mapped_stake(evidence, evidence_owned(evidence, largest->owner)) ||
	    !evidence->managed.n)
		return largest;
	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++)
		if (runtimes[i].owner == evidence->manager)
			return &runtimes[i];
	return largest;
}

static uint64_t stake_runtime(const struct evidence *evidence)
{
	const uint64_t bytes = evidence_owned(evidence, find_runtime(evidence)->owner);

	return evidence->managed.n ? MAX(mapped_stake(evidence, bytes), evidence->managed.bytes)
				   : mapped_stake(evidence, bytes);
}

/* How fast its memory was seen to grow. */
static int say_managed(const struct evidence *evidence, struct verdict *verdict)
{
	const struct profile_site *site = evidence->managed.heaviest[0];
	char bytes[UNITS_MAX], watched[UNITS_MAX];

	if (isnan(site->growth)) {
		units_format_bytes(evidence->managed.bytes, bytes);
		return verdict_say(verdict, "%s of it came bit by bit, up to now", bytes);
	}
	units_format_bytes(estimate_round(site->growth), bytes);
	units_format_duration(evidence->course_s, watched);
	return verdict_say(verdict, "that grew by %s each second in the %s that it was watched",
			   bytes, watched);
}

/* An advice in which PID is the process's, where it has one. */
static int advise(const struct evidence *evidence, const char *advice, struct verdict *verdict)
{
	const char *place = evidence->running ? strstr(advice, "PID") : NULL;
	char target[16];

	if (!place)
		return verdict_advise(verdict, PROFILE_UNKNOWN, "%s", advice);
	return verdict_advise(verdict, PROFILE_UNKNOWN, "%.*s%s%s", (int)(place - advice), advice,
			      verdict_target(evidence, target), place + strlen("PID"));
}

static int judge_runtime(const struct evidence *evidence, struct verdict *verdict)
{
	const struct runtime *runtime = find_runtime(evidence);
	const uint64_t most = java_fact(evidence->profile, "MaxHeapSize", 0);
	int r = mapped_begin(evidence, evidence_owned(evidence, runtime->owner), runtime->what,
			     verdict);
	char bytes[UNITS_MAX];

	if (r >= 0 && evidence->managed.n && runtime->owner == evidence->manager)
		r = say_managed(evidence, verdict);
	if (r >= 0 && runtime->owner == LEDGER_JVM_HEAP && most)
		r = verdict_say(verdict, "it may have up to %s (-Xmx, or what the machine chose)",
				units_format_bytes(most, bytes));
	if (r >= 0 && runtime->owner == LEDGER_FILES)
		r = mapped_say_heaviest(evidence, LEDGER_FILES, verdict);
	else if (r >= 0)
		r = verdict_say(verdict, "whether it is too much, its own tools tell");
	if (r >= 0)
		r = advise(evidence, runtime->advice, verdict);
	return r < 0 || !runtime->more ? r : advise(evidence, runtime->more, verdict);
}

const struct verdict_rule verdict_rule_runtime = {stake_runtime, judge_runtime,
						  "are of the runtime, not of malloc"};
