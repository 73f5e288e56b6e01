/* SPDX-License-Identifier: MIT */
/*
 * foreign.c: which of them is in the process, and the calls for those that are asked: names, answers and
 * lengths lie behind one another in the data of the calls, so that one stop is enough for all of them.
 */
#include "process/foreign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/strbuf.h"
#include "process/areas.h"
#include "process/jemalloc-sums.h"
#include "process/linked.h"
#include "process/mimalloc.h"
#include "process/runtimes.h"
#include "process/tcmalloc-sums.h"

static const struct {
	const char *name;
	int (*ask)(struct inject_calls *calls);
	int (*understand)(const struct inject_calls *calls, struct arenas *ret);
	int (*read)(const struct space *space, struct arenas *ret); /* without asking */
} asked[] = {
	{"jemalloc", jemalloc_ask, jemalloc_understand, jemalloc_read},
	{"tcmalloc", tcmalloc_ask, tcmalloc_understand, tcmalloc_read},
};

struct arena foreign_arena(enum arenas_allocator allocator, enum arena_kind kind)
{
	return (struct arena){
		.allocator = allocator,
		.kind = kind,
		.n_heaps = 1,
		.in_use_blocks = ARENAS_UNKNOWN,
		.free_blocks = ARENAS_UNKNOWN,
		.largest_free = ARENAS_UNKNOWN,
		.top = ARENAS_UNKNOWN,
		.peak_system = ARENAS_UNKNOWN,
	};
}

uint32_t foreign_room(struct inject_calls *calls, size_t size)
{
	size_t at = ALIGN_UP(calls->data_size, (size_t)8);

	if (at + size > sizeof(calls->data))
		return UINT32_MAX;
	memset(calls->data + at, 0, size);
	calls->data_size = at + size;
	return (uint32_t)at;
}

void foreign_point(struct inject_calls *calls, unsigned argument, uint32_t offset)
{
	const size_t i = calls->n_calls - 1;

	calls->calls[i].arguments[argument] = offset;
	calls->pointers[i] |= (uint8_t)(1 << argument);
}

struct inject_call *foreign_call(struct inject_calls *calls, const char *function, const char *text)
{
	uint32_t at = text ? foreign_room(calls, strlen(text) + 1) : 0;
	struct inject_call *call;

	if (calls->n_calls == INJECT_CALLS_MAX || at == UINT32_MAX)
		return NULL;
	calls->function[calls->n_calls] = function;
	call = &calls->calls[calls->n_calls++];
	*call = (struct inject_call){};
	if (text) {
		memcpy(calls->data + at, text, strlen(text) + 1);
		foreign_point(calls, 0, at);
	}
	return call;
}

static int refuse(struct arenas *arenas, const char *format, const char *name, const char *why)
{
	if (arenas->refused)
		return 0;
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): from this file */
	return asprintf(&arenas->refused, format, name, why) < 0 ? -ENOMEM : 0;
}

static void know(const struct linked_allocator *linked, struct inject_calls *calls)
{
	for (size_t i = 0; i < LINKED_FUNCTIONS && linked->functions[i].name; i++)
		calls->known[calls->n_known++] = (struct inject_known){
			linked->functions[i].name, linked->functions[i].address};
}

int foreign_know(const struct space *space, struct inject_calls *calls)
{
	struct linked_allocator linked;
	int r = runtimes_allocator(space->maps) ? 1 : linked_find(space, &linked);

	if (r == 0)
		know(&linked, calls);
	return MIN(r, 0);
}

/* What is taken from the arena's resident bytes: from metadata, and the same share of all others. */
static void shrink(struct arena *arena, double metadata, double others)
{
	arena->metadata_resident -= (uint64_t)((double)arena->metadata_resident * metadata);
	arena->in_use_resident -= (uint64_t)((double)arena->in_use_resident * others);
	arena->free_resident -= (uint64_t)((double)arena->free_resident * others);
	arena->trimmable -= (uint64_t)((double)arena->trimmable * others);
	arena->resident = arena->metadata_resident + arena->in_use_resident + arena->free_resident;
}

/* Resident bytes of all mappings that can be theirs. */
static int count_resident(const struct space *space, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < space->maps->n_mappings; i++) {
		const struct mapping *mapping = &space->maps->mappings[i];
		uint64_t resident;
		int r;

		if (!mapping->write || mapping->shared || *mapping->path == '/')
			continue;
		r = areas_count_pages(space->memory, mapping->start, mapping->end, &resident, NULL);
		if (r < 0)
			return r;
		*ret += resident;
	}
	return 0;
}

/*
 * What they count are pages that are handed out, whether somebody has written to them or not: tables of metadata that
 * are sparse, a large block's last page, which is there for chance to shift the block, buffers that were never full.
 * What is more than there can be is taken from metadata, of which a quarter stays, and then from all the rest in one
 * proportion.
 */
static void fit_to_resident(const struct space *space, size_t first, struct arenas *arenas)
{
	uint64_t claimed = 0, metadata = 0, there, excess, of_metadata;
	double by;

	for (size_t i = first; i < arenas->n_arenas; i++) {
		claimed += arenas->arenas[i].resident;
		metadata += arenas->arenas[i].metadata_resident;
	}
	if (count_resident(space, &there) < 0 || claimed <= there)
		return;
	excess = claimed - there;
	of_metadata = MIN(excess, metadata / 4 * 3);
	by = claimed > metadata ? (double)(excess - of_metadata) / (double)(claimed - metadata) : 0;
	for (size_t i = first; i < arenas->n_arenas; i++)
		shrink(&arenas->arenas[i], metadata ? (double)of_metadata / (double)metadata : 0,
		       MIN(by, 1.0));
}

static int ask(size_t which, const struct linked_allocator *linked, const struct space *space,
	       pid_t pid, struct arenas *ret)
{
	const size_t first = ret->n_arenas;
	_cleanup_free_ struct inject_calls *calls = calloc(1, sizeof(*calls));
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct inject_outcome outcome;
	int r;

	if (!calls)
		return -ENOMEM;
	know(linked, calls);
	r = asked[which].ask(calls);
	if (r >= 0)
		r = inject_calls_make(pid, calls, &outcome, &error);
	if (r < 0)
		return refuse(ret, "%s could not be asked for its figures: %s", asked[which].name,
			      *strbuf_text(&error) ? strbuf_text(&error) : strerror(-r));
	r = asked[which].understand(calls, ret);
	if (r == -EBADMSG)
		return refuse(ret, "%s answers in a way that is not known%s", asked[which].name,
			      "");
	if (r >= 0)
		fit_to_resident(space, first, ret);
	return r;
}

static int read_outside(size_t which, const struct space *space, struct arenas *ret)
{
	const size_t first = ret->n_arenas;
	int r = asked[which].read(space, ret);

	if (r >= 0)
		fit_to_resident(space, first, ret);
	return r;
}

/* Its own word first: that is of one moment. */
static int ask_or_read(size_t which, const struct linked_allocator *linked,
		       const struct space *space, pid_t pid, struct arenas *ret)
{
	const bool refused = ret->refused;
	int r = ask(which, linked, space, pid, ret);

	if (r < 0 || refused || !ret->refused)
		return r;
	r = read_outside(which, space, ret);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	free(TAKE_PTR(ret->refused));
	return 0;
}

static int read_or_refuse(size_t which, const struct space *space, struct arenas *ret)
{
	const char *format = "%s's structures have a form that is not known%s";
	int r = read_outside(which, space, ret);

	if (r >= 0 || r == -ENOMEM)
		return r;
	if (r == -EAGAIN)
		format = space->pid
				 ? "%s changed too much while it was read, and may not be asked%s"
				 : "%s was in the middle of a change%s";
	else if (space->pid)
		format = "%s's structures have a form that is not known, and it tells its figures "
			 "only to a thread of the process, which has to be stopped for it%s";
	return refuse(ret, format, asked[which].name, "");
}

int foreign_read(const struct space *space, pid_t may_stop, struct arenas *ret)
{
	const char *name = runtimes_allocator(space->maps);
	struct linked_allocator linked = {};
	int r = name ? 0 : linked_find(space, &linked);

	if (!name)
		name = linked.name;
	if (r < 0 || !name)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		if (strcmp(name, asked[i].name) == 0)
			return may_stop ? ask_or_read(i, &linked, space, may_stop, ret)
					: read_or_refuse(i, space, ret);
	r = mimalloc_read(space->memory, space->maps, ret);
	if (r == -EBADMSG)
		return refuse(ret, "%s has segments of a form that is not known%s", name, "");
	return r == -ENOMEM ? r : 0;
}
