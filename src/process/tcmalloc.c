/* SPDX-License-Identifier: MIT */
/*
 * tcmalloc.c: gperftools' tcmalloc, by the C functions of its MallocExtension; tcmalloc-spans.c reads the same from
 * outside. Its own words, and ours:
 *
 *	page heap, free       whole spans, resident: what ReleaseFreeMemory gives back
 *	page heap, unmapped   free and returned
 *	central cache         free blocks in spans that blocks in use share
 *	transfer, thread      caches
 *	metadata              told only in the text for people
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "process/foreign.h"
#include "process/tcmalloc-sums.h"

enum { TEXT_MAX = 8 << 10 }; /* from 10,000 on it counts all spans */

enum question { HEAP, FREE, UNMAPPED, CENTRAL, TRANSFER, THREADS, N_QUESTIONS };

static const char *const questions[N_QUESTIONS] = {
	[HEAP] = "generic.heap_size",
	[FREE] = "tcmalloc.pageheap_free_bytes",
	[UNMAPPED] = "tcmalloc.pageheap_unmapped_bytes",
	[CENTRAL] = "tcmalloc.central_cache_free_bytes",
	[TRANSFER] = "tcmalloc.transfer_cache_free_bytes",
	[THREADS] = "tcmalloc.thread_cache_free_bytes",
};

int tcmalloc_ask(struct inject_calls *calls)
{
	struct inject_call *call;
	uint32_t at;

	for (size_t i = 0; i < N_QUESTIONS; i++) {
		call = foreign_call(calls, "MallocExtension_GetNumericProperty", questions[i]);
		at = foreign_room(calls, sizeof(uint64_t));
		if (!call || at == UINT32_MAX)
			return -E2BIG;
		foreign_point(calls, 1, at);
	}
	call = foreign_call(calls, "MallocExtension_GetStats", NULL);
	at = foreign_room(calls, TEXT_MAX);
	if (!call || at == UINT32_MAX)
		return -E2BIG;
	foreign_point(calls, 0, at);
	call->arguments[1] = TEXT_MAX;
	return 0;
}

/* "MALLOC: +      2752512 (    2.6 MiB) Bytes in malloc metadata" */
static uint64_t find_metadata(const char *text)
{
	const char *found = strstr(text, "Bytes in malloc metadata");

	while (found && found > text && found[-1] != '\n')
		found--;
	while (found && *found && (*found < '0' || *found > '9'))
		found++;
	return found ? strtoull(found, NULL, 10) : 0;
}

struct arena tcmalloc_arena(const struct tcmalloc_sums *sums)
{
	struct arena ret = foreign_arena(ARENAS_TCMALLOC, ARENA_MAIN);

	ret.cached = sums->transfer + sums->threads;
	ret.trimmable = sums->free;
	ret.free_resident = sums->free + sums->central + ret.cached;
	ret.free = MIN(ret.free_resident + sums->unmapped, sums->heap);
	ret.free_resident = MIN(ret.free_resident, ret.free);
	ret.in_use = ret.in_use_resident = sums->heap - ret.free;
	ret.metadata = ret.metadata_resident = sums->metadata;
	ret.system = sums->heap + ret.metadata;
	ret.resident = ret.in_use + ret.free_resident + ret.metadata;
	return ret;
}

int tcmalloc_understand(const struct inject_calls *calls, struct arenas *ret)
{
	uint64_t a[N_QUESTIONS];
	char text[TEXT_MAX + 1] = {};
	struct arena *arena;

	for (size_t i = 0; i < N_QUESTIONS; i++) {
		uint64_t at = calls->calls[i].arguments[1] - calls->data_at;

		if (!(calls->calls[i].result & 0xff) || at > sizeof(calls->data) - sizeof(a[i]))
			return -EBADMSG;
		memcpy(&a[i], calls->data + at, sizeof(a[i]));
	}
	memcpy(text, calls->data + (calls->data_size - TEXT_MAX), TEXT_MAX);
	arena = arenas_add(ret);
	if (!arena)
		return -ENOMEM;
	*arena = tcmalloc_arena(&(struct tcmalloc_sums){
		.heap = a[HEAP],
		.free = a[FREE],
		.unmapped = a[UNMAPPED],
		.central = a[CENTRAL],
		.transfer = a[TRANSFER],
		.threads = a[THREADS],
		.metadata = find_metadata(text),
	});
	return 0;
}
