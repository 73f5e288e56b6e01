/* SPDX-License-Identifier: MIT */
/*
 * The evidence is gathered once; rules look at it, each for one thing that can be wrong, and each says how
 * many bytes it explains. What explains most is the verdict: a process that keeps 300 MB which it freed
 * and leaks 2 MB has to hear of the 300 first, and of the 2 in a line. What is only a part of another
 * rule's bytes is left to that one: a rule's stake is 0 where another explains the same better.
 *
 * No advice without a figure for what it gives in this process, and where nothing is to be gained the
 * verdict says that, since people would try the usual settings otherwise.
 */
#include "profile/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "profile/verdict-rule.h"

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

int verdict_say(struct verdict *verdict, const char *format, ...)
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

int verdict_advise(struct verdict *verdict, uint64_t expected_bytes, const char *format, ...)
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

const char *verdict_target(const struct evidence *evidence, char buffer[static 16])
{
	if (!evidence->running)
		return evidence->profile->process.state == PROFILE_CORE ? "CORE" : "SESSION";
	snprintf(buffer, 16, "%u", evidence->profile->process.pid);
	return buffer;
}

const char *verdict_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

const char *verdict_ran(const struct evidence *evidence)
{
	return evidence->running ? "has run for" : "ran for";
}

/* In the order of their precedence where stakes are equal. */
static const struct verdict_rule *const rules[] = {
	&verdict_rule_java,     &verdict_rule_leak,   &verdict_rule_retention, &verdict_rule_holes,
	&verdict_rule_pages,    &verdict_rule_cache,  &verdict_rule_rounding,  &verdict_rule_mapped,
	&verdict_rule_unjoined, &verdict_rule_stacks, &verdict_rule_runtime,   &verdict_rule_shared,
};

/* What else there is to say, behind what the first rule said. */
static int say_also(const struct evidence *evidence, const uint64_t *stakes, size_t winner,
		    struct verdict *verdict)
{
	char bytes[UNITS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		int r;

		if (i == winner || stakes[i] == 0 || !rules[i]->also ||
		    rules[i] == rules[winner]->covers)
			continue;
		r = verdict_say(verdict, "besides, %s %s", units_format_bytes(stakes[i], bytes),
				rules[i]->also);
		if (r < 0)
			return r;
	}
	return 0;
}

static int say_limit(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t limit = evidence->profile->process.cgroup_limit;
	char rss[UNITS_MAX], bytes[UNITS_MAX];

	if (limit == PROFILE_UNKNOWN || limit == 0 || evidence->rss == PROFILE_UNKNOWN ||
	    (double)evidence->rss < 0.7 * (double)limit)
		return 0;
	return verdict_say(
		verdict, "%s are resident, %.0f %% of the %s that its control group allows",
		units_format_bytes(evidence->rss, rss),
		100.0 * (double)evidence->rss / (double)limit, units_format_bytes(limit, bytes));
}

/* Memory that was never asked for can be resident as the rest of a huge page. */
static int say_huge(const struct evidence *evidence, struct verdict *verdict)
{
	static const enum ledger_owner heap[] = {LEDGER_HEAP_LIVE,     LEDGER_HEAP_BEFORE,
						 LEDGER_HEAP_ROUNDING, LEDGER_HEAP_FREE,
						 LEDGER_HEAP_METADATA, LEDGER_HEAP_OTHER};
	uint64_t huge = 0;
	char bytes[UNITS_MAX];

	for (size_t i = 0; evidence->ledger && i < ARRAY_SIZE(heap); i++)
		huge += evidence->ledger->lines[heap[i]].anon_huge;
	if (!evidence_is_material(evidence, huge))
		return 0;
	return verdict_say(
		verdict,
		"%s of malloc's memory are in huge pages of 2 MiB, which are resident as a "
		"whole for one block in them",
		units_format_bytes(huge, bytes));
}

static int judge(const struct evidence *evidence, struct verdict *verdict)
{
	uint64_t stakes[ARRAY_SIZE(rules)];
	size_t winner = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		stakes[i] = rules[i]->stake(evidence);
		if (stakes[i] > stakes[winner])
			winner = i;
	}
	if (stakes[winner] == 0) {
		r = verdict_judge_rest(evidence, verdict);
	} else {
		r = rules[winner]->judge(evidence, verdict);
		if (r >= 0)
			r = say_also(evidence, stakes, winner, verdict);
	}
	if (r >= 0)
		r = say_huge(evidence, verdict);
	return r < 0 ? r : say_limit(evidence, verdict);
}

int verdict_judge(const struct profile *profile, const struct ledger *ledger,
		  const struct arenas *arenas, struct verdict *ret)
{
	_cleanup_(verdict_deinit) struct verdict verdict = {};
	_cleanup_(evidence_deinit) struct evidence evidence = {};
	int r;

	r = evidence_gather(profile, ledger, arenas, &evidence);
	if (r >= 0)
		r = judge(&evidence, &verdict);
	if (r < 0)
		return r;
	*ret = verdict;
	verdict = (struct verdict){};
	return 0;
}
