/* SPDX-License-Identifier: MIT */
/*
 * trim.c: see the header. Whichever malloc the process uses has its own way to be asked, memtrace's too, so that
 * this is the same with and without the agent.
 */
#include "cli/trim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "process/procinfo.h"

enum { TRIM_MS_MAX = 300000 };

bool trim_sum_up(const struct arenas *arenas, struct trim_sums *ret)
{
	*ret = (struct trim_sums){};
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

/* Resident bytes and page faults at one moment. */
static int measure(pid_t pid, uint64_t *ret_rss, uint64_t *ret_faults)
{
	_cleanup_(procinfo_deinit) struct procinfo info = {};
	int r = procinfo_read(pid, &info);

	*ret_rss = info.rss;
	*ret_faults = info.minor_faults;
	return r;
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

int trim_do(pid_t pid, enum arenas_allocator allocator, struct trim_outcome *ret,
	    struct strbuf *error)
{
	_cleanup_free_ struct inject_calls *calls = calloc(1, sizeof(*calls));
	uint64_t faults_before, faults_after;
	int r = calls ? measure(pid, &ret->rss_before, &faults_before) : -ENOMEM;

	if (r >= 0)
		r = prepare(allocator, calls);
	if (r >= 0)
		r = inject_calls_make(pid, calls, &ret->call, error);
	if (r >= 0)
		r = measure(pid, &ret->rss_after, &faults_after);
	if (r >= 0)
		ret->n_faults = faults_after - faults_before;
	else if (!*strbuf_text(error))
		strbuf_adds(error, strerror(-r));
	return r;
}
