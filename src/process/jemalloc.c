/* SPDX-License-Identifier: MIT */
/*
 * jemalloc.c: jemalloc 5, by mallctl(3); jemalloc-arenas.c reads the same from outside. Its own words, and ours:
 *
 *	active pages     in slabs with at least one block out, and of large blocks
 *	    allocated    blocks, of their classes' sizes: in use, and those that caches of threads have
 *	    the rest     free, in pages that blocks in use share
 *	    internal     of allocated pages, what it needs for itself
 *	dirty, muzzy     free whole pages, resident: what purging gives back
 *	retained         free and returned, kept as addresses
 *	base             metadata
 *
 * Arenas up to a number are asked for one by one, which costs less than asking first how many there are
 * and stopping the process again; those that are not there say so. With more, all of them are one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "process/foreign.h"
#include "process/jemalloc-sums.h"

enum { ARENAS_ASKED = 40, ALL_ARENAS = 4096, BINS_ASKED = 40 };

enum question { ACTIVE, DIRTY, MUZZY, RETAINED, BASE, INTERNAL, CACHED, SMALL, LARGE, N_QUESTIONS };

static const char *const questions[N_QUESTIONS] = {
	[ACTIVE] = "pactive",
	[DIRTY] = "pdirty",
	[MUZZY] = "pmuzzy",
	[RETAINED] = "retained",
	[BASE] = "base",
	[INTERNAL] = "internal",
	[CACHED] = "tcache_bytes",
	[SMALL] = "small.allocated",
	[LARGE] = "large.allocated",
};

/* In this order the calls are made: this one, two more, arenas and all of them together, bins. */
enum { CALL_EPOCH, CALL_PAGE, CALL_N_ARENAS, CALL_ARENAS };
enum { CALL_BINS = CALL_ARENAS + (ARENAS_ASKED + 1) * N_QUESTIONS };

/* mallctl(name, &value, &size, NULL, 0) */
static int add_read(struct inject_calls *calls, const char *name, size_t size)
{
	const uint64_t length = size;
	uint32_t value, at;

	if (!foreign_call(calls, "mallctl", name))
		return -E2BIG;
	value = foreign_room(calls, sizeof(uint64_t));
	at = foreign_room(calls, sizeof(uint64_t));
	if (value == UINT32_MAX || at == UINT32_MAX)
		return -E2BIG;
	memcpy(calls->data + at, &length, sizeof(length));
	foreign_point(calls, 1, value);
	foreign_point(calls, 2, at);
	return 0;
}

/* The figures are those of the last time that this was called. */
static int add_refresh(struct inject_calls *calls)
{
	const uint64_t one = 1;
	struct inject_call *call = foreign_call(calls, "mallctl", "epoch");
	uint32_t at = foreign_room(calls, sizeof(one));

	if (!call || at == UINT32_MAX)
		return -E2BIG;
	memcpy(calls->data + at, &one, sizeof(one));
	foreign_point(calls, 3, at);
	call->arguments[4] = sizeof(one);
	return 0;
}

static int add_arena(struct inject_calls *calls, unsigned arena)
{
	char name[64];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < N_QUESTIONS; i++) {
		snprintf(name, sizeof(name), "stats.arenas.%u.%s", arena, questions[i]);
		r = add_read(calls, name, sizeof(uint64_t));
	}
	return r;
}

static int add_bin(struct inject_calls *calls, unsigned bin)
{
	char name[64];
	int r;

	snprintf(name, sizeof(name), "arenas.bin.%u.size", bin);
	r = add_read(calls, name, sizeof(uint64_t));
	snprintf(name, sizeof(name), "stats.arenas.%u.bins.%u.curregs", ALL_ARENAS, bin);
	return r < 0 ? r : add_read(calls, name, sizeof(uint64_t));
}

int jemalloc_ask(struct inject_calls *calls)
{
	int r = add_refresh(calls);

	if (r >= 0)
		r = add_read(calls, "arenas.page", sizeof(uint64_t));
	if (r >= 0)
		r = add_read(calls, "arenas.narenas", sizeof(uint32_t));
	for (unsigned i = 0; r >= 0 && i <= ARENAS_ASKED; i++)
		r = add_arena(calls, i < ARENAS_ASKED ? i : ALL_ARENAS);
	for (unsigned i = 0; r >= 0 && i < BINS_ASKED; i++)
		r = add_bin(calls, i);
	return r;
}

static uint64_t data_word(const struct inject_calls *calls, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, calls->data + offset, sizeof(word));
	return word;
}

/* What the call has read; 0 and false if that is not there. */
static bool answer(const struct inject_calls *calls, size_t i, uint64_t *ret)
{
	const struct inject_call *call = &calls->calls[i];
	const uint64_t data_at = calls->data_at;

	*ret = 0;
	if ((uint32_t)call->result != 0 || call->arguments[1] < data_at ||
	    call->arguments[1] - data_at > sizeof(calls->data) - sizeof(uint64_t))
		return false;
	*ret = data_word(calls, (uint32_t)(call->arguments[1] - data_at));
	return true;
}

struct arena jemalloc_arena(uint32_t id, const struct jemalloc_sums *sums)
{
	const uint64_t allocated = MIN(sums->small + sums->large, sums->active);
	const uint64_t internal = MIN(sums->internal, sums->active - allocated);
	const uint64_t waste = sums->active - allocated - internal;
	struct arena ret = foreign_arena(ARENAS_JEMALLOC, ARENA_THREAD);

	ret.id = id;
	ret.metadata = sums->base + internal;
	ret.in_use = allocated - MIN(sums->cached, allocated);
	ret.cached = allocated - ret.in_use;
	ret.trimmable = sums->dirty + sums->muzzy;
	ret.free_resident = waste + ret.cached + ret.trimmable;
	ret.free = ret.free_resident + sums->retained;
	ret.system = ret.in_use + ret.free + ret.metadata;
	/* of large blocks that were never written to, and of metadata, some is not */
	ret.in_use_resident = ret.in_use;
	ret.metadata_resident = ret.metadata;
	ret.resident = ret.in_use + ret.free_resident + ret.metadata;
	return ret;
}

static bool read_arena(const struct inject_calls *calls, size_t first, uint64_t page,
		       struct jemalloc_sums *ret)
{
	uint64_t a[N_QUESTIONS];

	for (size_t i = 0; i < N_QUESTIONS; i++)
		if (!answer(calls, first + i, &a[i]))
			return false;
	*ret = (struct jemalloc_sums){
		.active = a[ACTIVE] * page,
		.dirty = a[DIRTY] * page,
		.muzzy = a[MUZZY] * page,
		.retained = a[RETAINED],
		.base = a[BASE],
		.internal = a[INTERNAL],
		.cached = a[CACHED],
		.small = a[SMALL],
		.large = a[LARGE],
	};
	return true;
}

static void read_bins(const struct inject_calls *calls, struct arena_sizes *sizes)
{
	for (size_t i = 0; i < BINS_ASKED; i++) {
		struct arena_sizes_count *count;
		uint64_t size, n;

		if (!answer(calls, CALL_BINS + 2 * i, &size) ||
		    !answer(calls, CALL_BINS + 2 * i + 1, &n))
			break;
		count = &sizes->in_use[arena_sizes_class(size)];
		count->blocks += n;
		count->bytes += n * size;
	}
}

int jemalloc_understand(const struct inject_calls *calls, struct arenas *ret)
{
	uint64_t page, n_arenas;
	struct jemalloc_sums sums;
	struct arena *arena;

	if (!answer(calls, CALL_PAGE, &page) || !answer(calls, CALL_N_ARENAS, &n_arenas))
		return -EBADMSG;
	for (unsigned i = 0; i < ARENAS_ASKED + 1; i++) {
		const bool is_all = i == ARENAS_ASKED;

		/* the one behind the last is all of them, too */
		if (is_all != (n_arenas > ARENAS_ASKED) || (!is_all && i >= n_arenas) ||
		    !read_arena(calls, CALL_ARENAS + i * N_QUESTIONS, page, &sums))
			continue;
		arena = arenas_add(ret);
		if (!arena)
			return -ENOMEM;
		*arena = jemalloc_arena(is_all ? 0 : i, &sums);
	}
	read_bins(calls, &ret->sizes);
	return ret->n_arenas ? 0 : -EBADMSG;
}
