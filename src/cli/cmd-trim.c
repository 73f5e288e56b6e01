/* SPDX-License-Identifier: MIT */
/*
 * cmd-trim.c: `memtrace trim PID`: what malloc_trim(0) would give back to the kernel, and with --yes does it:
 * a thread of the process is stopped outside of the allocator and makes the call. Whichever malloc the process
 * uses has its own malloc_trim, memtrace's too, so that this is the same with and without the agent.
 */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/inspect.h"
#include "cli/target.h"
#include "cli/trim.h"
#include "cli/verb.h"

/* Less is not worth a line. */
static const uint64_t READ_IN_MIN = 128 << 10;

struct values {
	bool yes, no_stop;
};

static const struct option_spec options[] = {
	{"yes", 'y', NULL, offsetof(struct values, yes), &option_flag,
	 "do it, in the process, instead of only saying what it would give back"},
	{"no-stop", 0, NULL, offsetof(struct values, no_stop), &option_flag,
	 "never stop the process to read it, not even for a moment"},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

static void print_prediction(const struct profile *profile, const struct trim_sums *sums)
{
	char trimmable[UNITS_MAX], kept[UNITS_MAX], rss[UNITS_MAX];
	uint64_t rest = sums->free_resident - MIN(sums->trimmable, sums->free_resident);

	printf("%s in process %" PRIu32 " would give back %s", arenas_trim_name(sums->allocator),
	       profile->process.pid, units_format_bytes(sums->trimmable, trimmable));
	if (profile->process.rss != PROFILE_UNKNOWN)
		printf(" of %s resident", units_format_bytes(profile->process.rss, rss));
	printf(".\n%s of free memory would stay resident: pages that are shared with blocks in use, "
	       "%scaches.\n",
	       units_format_bytes(rest, kept),
	       sums->allocator == ARENAS_GLIBC ? "tops of arenas, " : "");
}

static void print_done(const struct trim_outcome *outcome, enum arenas_allocator allocator)
{
	const uint64_t before = outcome->rss_before, after = outcome->rss_after;
	char texts[3][UNITS_MAX], faults[UNITS_MAX];

	printf("Done: %s resident before, %s after: %s %s.\n", units_format_bytes(before, texts[0]),
	       units_format_bytes(after, texts[1]),
	       units_format_bytes(after > before ? after - before : before - after, texts[2]),
	       after > before ? "more, for the process went on meanwhile" : "given back");
	if (outcome->read_in >= READ_IN_MIN)
		printf("Beside that, %s of program and libraries became resident by being looked up in.\n",
		       units_format_bytes(outcome->read_in, texts[0]));
	printf("Thread %d was stopped for it for %.1f ms; %s page fault%s in the process meanwhile.\n",
	       (int)outcome->call.tid, (double)outcome->call.stopped_ns / 1e6,
	       units_format_count(outcome->n_faults, faults), outcome->n_faults == 1 ? "" : "s");
	if (allocator == ARENAS_MIMALLOC)
		printf("It gave back what that thread's heap kept. mimalloc has a heap for each thread, which "
		       "only the thread itself can empty: the others keep theirs until they call "
		       "mi_collect(true), or end.\n");
}

static int trim(pid_t pid, enum arenas_allocator allocator)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct trim_outcome outcome;

	if (trim_do(pid, allocator, &outcome, &error) < 0) {
		log_error("trim: %s; it can also call %s itself", strbuf_text(&error),
			  arenas_trim_name(allocator));
		return STATUS_FAILED;
	}
	print_done(&outcome, allocator);
	return verb_finish_output();
}

static int trim_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *name = NULL;
	struct trim_sums sums;
	pid_t pid;

	if (target_need_pid(operands[0], &pid, &error) < 0 ||
	    target_load(operands[0], false, &profile, &name, &error) < 0) {
		log_error("trim: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	(void)n_operands;
	(void)inspect_again(profile, !values->no_stop);
	if (!trim_sum_up(profile->arenas, &sums)) {
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
		return trim(pid, sums.allocator);
	return verb_finish_output();
}

const struct verb verb_trim = {
	.name = "trim",
	.operands = "[OPTION…] PID",
	.summary = "say what malloc_trim would give back, or do it",
	.description =
		"Says how much of the free memory that malloc keeps in a process would go back to the kernel\n"
		"with malloc_trim(0). Nothing is changed. With --yes it is done: one thread of the process is\n"
		"stopped, makes the call, and goes on where it was.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = 1,
	.main = trim_main,
};
