/* SPDX-License-Identifier: MIT */
/*
 * cmd-trim.c: `memtrace trim PID`: what malloc_trim(0) would give back to the kernel.
 *
 * Doing it takes code that runs in the process, and thus the agent; predicting it does not.
 */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/target.h"
#include "cli/verb.h"

struct values {
	bool yes;
};

static const struct option_spec options[] = {
	{"yes", 'y', NULL, offsetof(struct values, yes), &option_flag,
	 "do it, in the process, instead of only saying what it would give back"},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

struct sums {
	uint64_t trimmable, free_resident, n_arenas;
};

/* false: no arena is known, or for none is it known what it would give back. */
static bool sum_up(const struct arenas *arenas, struct sums *ret)
{
	*ret = (struct sums){};
	for (size_t i = 0; arenas && i < arenas->n_arenas; i++) {
		const struct arena *arena = &arenas->arenas[i];

		if (arena->trimmable == ARENAS_UNKNOWN || arena->kind == ARENA_MMAPPED)
			continue;
		ret->trimmable += arena->trimmable;
		if (arena->free_resident != ARENAS_UNKNOWN)
			ret->free_resident += arena->free_resident;
		ret->n_arenas++;
	}
	return ret->n_arenas > 0;
}

static void print_prediction(const struct profile *profile, const struct sums *sums)
{
	char trimmable[UNITS_MAX], kept[UNITS_MAX], rss[UNITS_MAX];
	uint64_t rest = sums->free_resident - MIN(sums->trimmable, sums->free_resident);

	printf("malloc_trim(0) in process %" PRIu32 " would give back %s", profile->process.pid,
	       units_format_bytes(sums->trimmable, trimmable));
	if (profile->process.rss != PROFILE_UNKNOWN)
		printf(" of %s resident", units_format_bytes(profile->process.rss, rss));
	printf(".\n%s of free memory would stay resident: pages that are shared with blocks in use, "
	       "caches of threads, and tops of arenas.\n",
	       units_format_bytes(rest, kept));
}

static int refuse_yes(pid_t pid)
{
	int has_agent = target_has_agent(pid);

	if (has_agent > 0)
		log_error(
			"trim: %d: the agent in it cannot be asked to trim; call malloc_trim(0) in "
			"the program",
			(int)pid);
	else
		log_error("trim: %d: trimming needs the agent in the process; start it with "
			  "\"memtrace run\", or call malloc_trim(0) in the program",
			  (int)pid);
	return STATUS_FAILED;
}

static int trim_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *name = NULL;
	struct sums sums;
	pid_t pid;

	if (target_need_pid(operands[0], &pid, &error) < 0 ||
	    target_load(operands[0], false, &profile, &name, &error) < 0) {
		log_error("trim: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	(void)n_operands;
	if (!sum_up(profile->arenas, &sums)) {
		log_error("trim: %d: %s; \"memtrace maps %d\" shows its memory by mapping",
			  (int)pid,
			  profile->arenas && profile->arenas->refused
				  ? profile->arenas->refused
				  : "has no allocator that memtrace can read, or has never used it",
			  (int)pid);
		return STATUS_FAILED;
	}
	print_prediction(profile, &sums);
	if (values->yes)
		return refuse_yes(pid);
	return verb_finish_output();
}

const struct verb verb_trim = {
	.name = "trim",
	.operands = "[OPTION…] PID",
	.summary = "say what malloc_trim would give back",
	.description =
		"Says how much of the free memory that malloc keeps in a process would go back to the kernel\n"
		"with malloc_trim(0). Nothing is stopped or changed. With --yes the agent in the process does\n"
		"it; without the agent it is refused.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = 1,
	.main = trim_main,
};
