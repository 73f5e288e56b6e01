/* SPDX-License-Identifier: MIT */
/*
 * trim.c: see the header. Whichever malloc the process uses has its own way to be asked, memtrace's too, so that
 * this is the same with and without the agent.
 */
#include "cli/trim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "process/procinfo.h"

enum { TRIM_MS_MAX = 300000, ROLLUP_MAX = 64 << 10 };

/* Of the arenas of one allocator. */
static struct trim_sums sum_up(const struct arenas *arenas, enum arenas_allocator allocator)
{
	struct trim_sums sums = {.allocator = allocator};

	for (size_t i = 0; i < arenas->n_arenas; i++) {
		const struct arena *arena = &arenas->arenas[i];

		if (arena->allocator != allocator || arena->trimmable == ARENAS_UNKNOWN ||
		    arena->kind == ARENA_MMAPPED)
			continue;
		sums.trimmable += arena->trimmable;
		if (arena->free_resident != ARENAS_UNKNOWN)
			sums.free_resident += arena->free_resident;
		sums.n_arenas++;
	}
	return sums;
}

bool trim_sum_up(const struct arenas *arenas, struct trim_sums *ret)
{
	*ret = (struct trim_sums){};
	for (int i = ARENAS_GLIBC; arenas && i <= ARENAS_MIMALLOC; i++) {
		const struct trim_sums sums = sum_up(arenas, (enum arenas_allocator)i);

		if (sums.n_arenas && (!ret->n_arenas || sums.trimmable > ret->trimmable))
			*ret = sums;
	}
	return ret->n_arenas > 0;
}

struct measure {
	uint64_t rss, anon, faults; /* bytes, and page faults so far */
};

/* Bytes without a file, counted page by page; all of them if that is not known. */
static uint64_t read_anon(pid_t pid, uint64_t or_else)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if (file_read(path, ROLLUP_MAX, &text, NULL) < 0)
		return or_else;
	line = strstr(text, "\nAnonymous:");
	return line ? strtoull(line + strlen("\nAnonymous:"), NULL, 10) << 10 : or_else;
}

static int measure(pid_t pid, struct measure *ret)
{
	_cleanup_(procinfo_deinit) struct procinfo info = {};
	int r = procinfo_read(pid, &info);

	*ret = (struct measure){info.rss, read_anon(pid, info.rss), info.minor_faults};
	return r;
}

static void compare(const struct measure *before, const struct measure *after,
		    struct trim_outcome *ret)
{
	const uint64_t files_before = before->rss - MIN(before->anon, before->rss);
	const uint64_t files_after = after->rss - MIN(after->anon, after->rss);

	ret->rss_before = before->rss;
	ret->rss_after = after->rss;
	ret->n_faults = after->faults - before->faults;
	ret->read_in = files_after - MIN(files_before, files_after);
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

/* Where the functions are if the allocator is linked into the program. */
static int know(pid_t pid, struct inject_calls *calls)
{
	_cleanup_(space_deinit) struct space space = {};
	int r = space_open_pid(pid, false, &space);

	return r < 0 ? r : foreign_know(&space, calls);
}

int trim_do(pid_t pid, enum arenas_allocator allocator, struct trim_outcome *ret,
	    struct strbuf *error)
{
	_cleanup_free_ struct inject_calls *calls = calloc(1, sizeof(*calls));
	struct measure before, after;
	int r = calls ? measure(pid, &before) : -ENOMEM;

	if (r >= 0)
		r = prepare(allocator, calls);
	if (r >= 0 && (allocator == ARENAS_JEMALLOC || allocator == ARENAS_TCMALLOC ||
		       allocator == ARENAS_MIMALLOC))
		r = know(pid, calls);
	if (r >= 0)
		r = inject_calls_make(pid, calls, &ret->call, error);
	if (r >= 0)
		r = measure(pid, &after);
	if (r >= 0)
		compare(&before, &after, ret);
	else if (!*strbuf_text(error))
		strbuf_adds(error, strerror(-r));
	return r;
}
