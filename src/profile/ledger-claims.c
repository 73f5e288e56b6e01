/* SPDX-License-Identifier: MIT */
/*
 * ledger-claims.c: areas in order, cut so that none overlap, the allocators' first: these are validated
 * structures, and what else is known of the same address is known by its looks.
 *
 * An allocator's range has three shares: blocks in use, free memory, metadata. Blocks are larger than
 * what was asked for; where the agent knows what was asked for, the share of blocks is divided in that
 * proportion, the same everywhere, because which of them are resident is not known block by block.
 *
 * What an allocator tells in sums, and not where it lies, has the areas that nobody else has; they are
 * divided like the sums. If these are less than what is resident there, something else is in it, too.
 */
#include "profile/ledger-claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scale.h"
#include "base/search.h"

/* In the kind of an area while they are put in order: from here on, an index of a range. */
enum { KIND_RANGE = AREA_N_KINDS };

static const enum ledger_owner area_owners[AREA_N_KINDS] = {
	[AREA_STACK] = LEDGER_STACKS,
	[AREA_STACK_ENDED] = LEDGER_STACKS_FREE,
	[AREA_STACK_CACHED] = LEDGER_STACKS_FREE,
	[AREA_HEAP] = LEDGER_HEAP_OTHER,
	[AREA_IMAGE] = LEDGER_IMAGES,
	[AREA_JVM_HEAP] = LEDGER_JVM_HEAP,
	[AREA_JVM_CODE] = LEDGER_JVM_CODE,
	[AREA_JVM_CLASSES] = LEDGER_JVM_CLASSES,
	[AREA_JVM] = LEDGER_JVM,
	[AREA_V8] = LEDGER_V8,
	[AREA_GO] = LEDGER_GO,
	[AREA_PYTHON] = LEDGER_PYTHON,
	[AREA_PHP] = LEDGER_PHP,
	[AREA_RUBY] = LEDGER_RUBY,
	[AREA_MEMTRACE] = LEDGER_MEMTRACE,
};

void ledger_claims_deinit(struct ledger_claims *claims)
{
	free(claims->claims);
	*claims = (struct ledger_claims){};
}

size_t ledger_claims_find(const struct ledger_claims *claims, uint64_t address)
{
	return SEARCH(claims->n_claims, i, claims->claims[i].end <= address);
}

static int add_area(struct areas *areas, const struct area *area)
{
	struct area *added = areas_add(areas);

	if (!added)
		return -ENOMEM;
	*added = *area;
	return 0;
}

static int list_areas(const struct profile *profile, struct areas *ret)
{
	const struct arenas *arenas = profile->arenas;

	for (size_t i = 0; arenas && i < arenas->n_ranges; i++) {
		const struct arena_range *range = &arenas->ranges[i];
		const struct area area = {
			.start = range->start,
			.end = range->end,
			.kind = (uint32_t)(KIND_RANGE + i),
		};

		if (add_area(ret, &area) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < profile->n_areas; i++)
		if (profile->areas[i].kind < AREA_N_KINDS && add_area(ret, &profile->areas[i]) < 0)
			return -ENOMEM;
	return areas_settle(ret);
}

static void add_share(struct ledger_claim *claim, enum ledger_owner owner, uint64_t resident)
{
	claim->shares[claim->n_shares++] = (struct ledger_share){owner, resident};
	claim->resident += resident;
}

static void add_in_use(struct ledger_claim *claim, uint64_t in_use,
		       const struct ledger_division *division)
{
	const uint64_t live = (uint64_t)((double)in_use * division->asked);
	const uint64_t before = MIN((uint64_t)((double)in_use * division->before), in_use - live);

	add_share(claim, LEDGER_HEAP_LIVE, live);
	add_share(claim, LEDGER_HEAP_BEFORE, before);
	add_share(claim, LEDGER_HEAP_ROUNDING, in_use - live - before);
}

static void name_arena(const struct arena *arena, struct ledger_claim *claim)
{
	static const char *const names[] = {
		[ARENA_MAIN] = "main arena",
		[ARENA_MMAPPED] = "blocks with a mapping of their own",
		[ARENA_FAST] = "memtrace's allocator",
	};
	char *at = claim->label;

	if (arena->allocator == ARENAS_JEMALLOC)
		snprintf(at, sizeof(claim->label), "jemalloc's arena %u", arena->id);
	else if (arena->allocator > ARENAS_FAST)
		snprintf(at, sizeof(claim->label), "%s", arenas_allocator_name(arena->allocator));
	else if (arena->kind == ARENA_THREAD)
		snprintf(at, sizeof(claim->label), "arena %u", arena->id);
	else
		snprintf(at, sizeof(claim->label), "%s", names[arena->kind]);
}

/* A piece of a range: all of it, but where another claim came first. */
static void claim_range(const struct arenas *arenas, const struct area *piece,
			const struct ledger_division *division, struct ledger_claim *claim)
{
	const struct arena_range *range = &arenas->ranges[piece->kind - KIND_RANGE];
	const uint64_t part = piece->end - piece->start, whole = range->end - range->start;

	add_in_use(claim, scale(range->in_use_resident, part, whole), division);
	add_share(claim, LEDGER_HEAP_METADATA, scale(range->metadata_resident, part, whole));
	add_share(claim, LEDGER_HEAP_FREE, scale(range->free_resident, part, whole));
	if (range->arena < arenas->n_arenas)
		name_arena(&arenas->arenas[range->arena], claim);
}

/* What allocators have resident beside their ranges; whole is that, or what their areas have, if that is more. */
struct told {
	uint64_t in_use, free, metadata, whole;
};

static bool is_told(const struct arena *arena)
{
	return arena->allocator == ARENAS_JEMALLOC || arena->allocator == ARENAS_TCMALLOC;
}

static void take_ranges(const struct arenas *arenas, struct told *told)
{
	for (size_t i = 0; i < arenas->n_ranges; i++) {
		const struct arena_range *range = &arenas->ranges[i];

		if (range->arena >= arenas->n_arenas || !is_told(&arenas->arenas[range->arena]))
			continue;
		told->in_use -= MIN(told->in_use, range->in_use_resident);
		told->free -= MIN(told->free, range->free_resident);
		told->metadata -= MIN(told->metadata, range->metadata_resident);
	}
}

static struct told find_told(const struct profile *profile, const struct areas *areas)
{
	const struct arenas *arenas = profile->arenas;
	struct told told = {};
	uint64_t resident = 0;

	for (size_t i = 0; arenas && i < arenas->n_arenas; i++) {
		const struct arena *arena = &arenas->arenas[i];

		if (!is_told(arena))
			continue;
		told.in_use += arena->in_use_resident;
		told.free += arena->free_resident;
		told.metadata += arena->metadata_resident;
	}
	if (arenas)
		take_ranges(arenas, &told);
	for (size_t i = 0; i < areas->n_areas; i++)
		resident += areas->areas[i].kind == AREA_HEAP ? areas->areas[i].resident : 0;
	told.whole = MAX(told.in_use + told.free + told.metadata, resident);
	return told;
}

static void claim_told(const struct area *area, const struct told *told,
		       const struct ledger_division *division, struct ledger_claim *claim)
{
	const uint64_t resident = area->resident;

	add_in_use(claim, scale(resident, told->in_use, told->whole), division);
	add_share(claim, LEDGER_HEAP_METADATA, scale(resident, told->metadata, told->whole));
	if (told->whole > told->in_use + told->free + told->metadata) {
		add_share(claim, LEDGER_HEAP_FREE, scale(resident, told->free, told->whole));
		add_share(claim, LEDGER_HEAP_OTHER, resident - claim->resident);
	} else {
		add_share(claim, LEDGER_HEAP_FREE, resident - claim->resident);
	}
	claim->swapped = area->swapped;
	snprintf(claim->label, sizeof(claim->label), "%.*s", AREA_LABEL_MAX - 1, area->label);
}

static void claim_area(const struct area *area, struct ledger_claim *claim)
{
	static const char *const gone[] = {
		[AREA_STACK_ENDED] = "ended, not joined",
		[AREA_STACK_CACHED] = "kept for the next thread",
	};

	add_share(claim, area_owners[area->kind], area->resident);
	claim->swapped = area->swapped;
	claim->tid = area->tid;
	snprintf(claim->label, sizeof(claim->label), "%.*s", AREA_LABEL_MAX - 1, area->label);
	if (area->kind == AREA_STACK_ENDED || area->kind == AREA_STACK_CACHED)
		snprintf(claim->label, sizeof(claim->label), "%s", gone[area->kind]);
}

/*
 * How the bytes of blocks that are in use divide: what was asked for since the agent is there, what was
 * there before it, and the rest, which is rounding. All is asked for where nobody knows, or where the
 * estimate's error is larger than the difference.
 */
static struct ledger_division divide(const struct profile *profile)
{
	const struct profile_heap *heap = &profile->heap;
	const uint64_t before =
		heap->before_attach_bytes == PROFILE_UNKNOWN ? 0 : heap->before_attach_bytes;
	uint64_t in_use = 0;

	for (size_t i = 0; profile->arenas && i < profile->arenas->n_arenas; i++)
		in_use += profile->arenas->arenas[i].in_use;
	if (!profile_has_agent(profile) || in_use == 0 || heap->live_bytes >= in_use ||
	    (double)(in_use - heap->live_bytes) <= 2 * heap->live_stderr)
		return (struct ledger_division){.asked = 1};
	return (struct ledger_division){
		.asked = (double)heap->live_bytes / (double)in_use,
		.before = (double)MIN(before, in_use - heap->live_bytes) / (double)in_use,
	};
}

int ledger_claims_collect(const struct profile *profile, struct ledger_claims *ret)
{
	struct ledger_claims claims = {};
	struct told told;
	_cleanup_(areas_deinit) struct areas areas = {};
	int r = list_areas(profile, &areas);

	if (r < 0)
		return r;
	claims.claims = calloc(areas.n_areas + 1, sizeof(*claims.claims));
	if (!claims.claims)
		return -ENOMEM;
	claims.division = divide(profile);
	told = find_told(profile, &areas);
	claims.has_arenas =
		profile->arenas && (profile->arenas->n_arenas > 0 || profile->arenas->unused);
	for (size_t i = 0; i < areas.n_areas; i++) {
		struct ledger_claim *claim = &claims.claims[claims.n_claims++];

		claim->start = areas.areas[i].start;
		claim->end = areas.areas[i].end;
		if (profile->arenas && areas.areas[i].kind >= KIND_RANGE)
			claim_range(profile->arenas, &areas.areas[i], &claims.division, claim);
		else if (areas.areas[i].kind == AREA_HEAP && told.in_use + told.metadata)
			claim_told(&areas.areas[i], &told, &claims.division, claim);
		else
			claim_area(&areas.areas[i], claim);
	}
	*ret = claims;
	return 0;
}
