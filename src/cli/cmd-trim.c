/* SPDX-License-Identifier: MIT */
/*
 * cmd-trim.c: `memtrace trim PID`: what malloc_trim(0) would give back to the kernel, and with --yes does it:
 * a thread of the process is stopped outside of the allocator and makes the call. Whichever malloc the process
 * uses has its own malloc_trim, memtrace's too, so that this is the same with and without the agent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/inspect.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "process/foreign.h"
#include "process/procinfo.h"

struct values {
	bool yes, no_stop;
};

enum { TRIM_MS_MAX = 300000 };

static const struct option_spec options[] = {
	{"yes", 'y', NULL, offsetof(struct values, yes), &option_flag,
	 "do it, in the process, instead of only saying what it would give back"},
	{"no-stop", 0, NULL, offsetof(struct values, no_stop), &option_flag,
	 "never stop the process to read it, not even for a moment"},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

struct sums {
	uint64_t trimmable, free_resident, n_arenas;
	enum arenas_allocator allocator;
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
		ret->allocator = arena->allocator;
		ret->n_arenas++;
	}
	return ret->n_arenas > 0;
}

static void print_prediction(const struct profile *profile, const struct sums *sums)
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

/* Resident bytes and page faults at one moment. */
static int measure(pid_t pid, uint64_t *ret_rss, uint64_t *ret_faults)
{
	_cleanup_(procinfo_deinit) struct procinfo info = {};
	int r = procinfo_read(pid, &info);

	*ret_rss = info.rss;
	*ret_faults = info.minor_faults;
	return r;
}

static void print_done(uint64_t before, uint64_t after, uint64_t n_faults,
		       const struct inject_outcome *outcome)
{
	char texts[3][UNITS_MAX], faults[UNITS_MAX];

	printf("Done: %s resident before, %s after: %s %s.\n", units_format_bytes(before, texts[0]),
	       units_format_bytes(after, texts[1]),
	       units_format_bytes(after > before ? after - before : before - after, texts[2]),
	       after > before ? "more, for the process went on meanwhile" : "given back");
	printf("Thread %d was stopped for it for %.1f ms; %s page fault%s in the process meanwhile.\n",
	       (int)outcome->tid, (double)outcome->stopped_ns / 1e6,
	       units_format_count(n_faults, faults), n_faults == 1 ? "" : "s");
}

/* Each allocator's own way. -E2BIG never, for there is room for one call. */
static int prepare(enum arenas_allocator allocator, struct inject_calls *calls)
{
	const char *purge = "arena.4096.purge";
	struct inject_call *call;

	switch (allocator) {
	case ARENAS_JEMALLOC:
		call = foreign_call(calls, "mallctl", purge);
		break;
	case ARENAS_TCMALLOC:
		call = foreign_call(calls, "MallocExtension_ReleaseFreeMemory", NULL);
		break;
	case ARENAS_MIMALLOC:
		call = foreign_call(calls, "mi_collect", NULL);
		if (call)
			call->arguments[0] = true;
		break;
	default:
		call = foreign_call(calls, "malloc_trim", NULL);
		break;
	}
	calls->run_ms = TRIM_MS_MAX;
	return call ? 0 : -E2BIG;
}

static int trim(pid_t pid, enum arenas_allocator allocator)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ struct inject_calls *calls = calloc(1, sizeof(*calls));
	uint64_t before, after, faults_before, faults_after;
	struct inject_outcome outcome;
	int r = calls ? measure(pid, &before, &faults_before) : -ENOMEM;

	if (r >= 0)
		r = prepare(allocator, calls);
	if (r >= 0)
		r = inject_calls_make(pid, calls, &outcome, &error);
	if (r >= 0)
		r = measure(pid, &after, &faults_after);
	if (r < 0) {
		log_error("trim: %s; it can also call %s itself",
			  *strbuf_text(&error) ? strbuf_text(&error) : strerror(-r),
			  arenas_trim_name(allocator));
		return STATUS_FAILED;
	}
	print_done(before, after, faults_after - faults_before, &outcome);
	return verb_finish_output();
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
	(void)inspect_again(profile, !values->no_stop);
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
