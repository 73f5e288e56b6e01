/* SPDX-License-Identifier: MIT */
/*
 * verdict-rule.h: what a rule of the verdict is. Each explains some bytes: its stake. The rule that
 * explains most gives the verdict, the others that have something to say get a line in it.
 */
#ifndef PROFILE_VERDICT_RULE_H
#define PROFILE_VERDICT_RULE_H

#include "base/macro.h"
#include "profile/evidence.h"
#include "profile/gainer.h"
#include "profile/verdict.h"

struct verdict_rule {
	/* Bytes that the rule explains; 0 if it does not apply. */
	uint64_t (*stake)(const struct evidence *evidence);
	/* Writes code, confidence, because and advice; called only with a stake. 0 or -ENOMEM. */
	int (*judge)(const struct evidence *evidence, struct verdict *verdict);
	const char *also;                  /* "besides, 40.0 MiB " goes on with this */
	const struct verdict_rule *covers; /* whose bytes are among this one's; NULL */
};

extern const struct verdict_rule verdict_rule_leak, verdict_rule_cache, verdict_rule_retention,
	verdict_rule_holes, verdict_rule_pages, verdict_rule_rounding, verdict_rule_mapped,
	verdict_rule_stacks, verdict_rule_unjoined, verdict_rule_runtime, verdict_rule_shared,
	verdict_rule_java;

/* Where no rule applies: healthy, or why that cannot be said. */
int verdict_judge_rest(const struct evidence *evidence, struct verdict *verdict);
/* The same of a process that has come to its end. */
int verdict_judge_ended(const struct evidence *evidence, struct verdict *verdict);

/* The same where no agent is: only one moment is known. */
int verdict_judge_unwatched(const struct evidence *evidence, struct verdict *verdict);

/* That addresses are no memory, where there are many more than is resident. 0 or -ENOMEM. */
int verdict_say_addresses(const struct evidence *evidence, struct verdict *verdict);

/*
 * The heaviest place that gathered at least so many bytes (0: what is material) over a good part of the time
 * and freed nothing of it, or NULL; and what is said of it: set-up, or a leak whose work has paused.
 */
const struct profile_site *verdict_find_hoard(const struct evidence *evidence, uint64_t least);
int verdict_judge_hoard(const struct evidence *evidence, const struct profile_site *site,
			struct verdict *verdict);

/* A line of because, or of advice, as far as there is room. 0 or -ENOMEM. */
int verdict_say(struct verdict *verdict, const char *format, ...) _printf_(2, 3);
int verdict_advise(struct verdict *verdict, uint64_t expected_bytes, const char *format, ...)
	_printf_(3, 4);

/*
 * That what is resident grew (evidence_rss_grew), that no recorded place explains it, and how to
 * find out. 0 or -ENOMEM.
 */
int verdict_say_growing(const struct evidence *evidence, struct verdict *verdict);

/* That the place grew, from what to what, and what to do about it. 0 or -ENOMEM. */
int verdict_say_gainer(const struct evidence *evidence, const struct gainer *gainer,
		       struct verdict *verdict);

/* Of a Java machine that has the option: to trim now and then by itself. 0 or -ENOMEM. */
int verdict_java_advise_trim(const struct evidence *evidence, struct verdict *verdict);

/* Of a Java machine without stacks: whether its Inflaters account for the blocks in use. 0 or -ENOMEM. */
int verdict_java_say_windows(const struct evidence *evidence, struct verdict *verdict);

/* What the process is given as to a verb of memtrace: its PID, or a word for the file it left. */
const char *verdict_target(const struct evidence *evidence, char buffer[static 16]);

/* "s" or "". */
const char *verdict_plural(uint64_t n);
/* "has run for" or "ran for". */
const char *verdict_ran(const struct evidence *evidence);

#endif
