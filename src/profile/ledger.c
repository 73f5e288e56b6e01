/* SPDX-License-Identifier: MIT */
/*
 * ledger.c: mappings cut into parts.
 *
 * smaps says how much of a mapping is resident and not where, and was read at another moment than what
 * the finders counted. So a claim gets what it counted, but never more than the mapping has left, and all
 * of it where the claim covers the whole mapping; what remains belongs to the mapping's own owner. The
 * other figures (pss, dirty, huge…) are divided like the resident bytes, with the rounding carried along,
 * so that every figure adds up.
 */
#include "profile/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/scale.h"
#include "profile/ledger-claims.h"
#include "profile/ledger-owner.h"

void ledger_line_add(struct ledger_line *sum, const struct ledger_line *line)
{
	sum->resident += line->resident;
	sum->swapped += line->swapped;
	sum->virtual += line->virtual;
	sum->pss += line->pss;
	sum->uss += line->uss;
	sum->private_dirty += line->private_dirty;
	sum->anon_huge += line->anon_huge;
}

uint64_t ledger_kept_bytes(const struct ledger *ledger)
{
	const struct ledger_line *lines = ledger->lines;
	uint64_t kept = lines[LEDGER_HEAP_FREE].resident + lines[LEDGER_HEAP_ROUNDING].resident +
			lines[LEDGER_HEAP_METADATA].resident;

	/* where live blocks are known, the rest of an allocator's memory is not in them */
	return lines[LEDGER_HEAP_LIVE].resident ? kept + lines[LEDGER_HEAP_OTHER].resident : kept;
}

struct builder {
	const struct profile *profile;
	struct ledger ledger;
	struct ledger_owners owners;
	struct ledger_claims claims;
};

static void builder_deinit(struct builder *builder)
{
	ledger_deinit(&builder->ledger);
	ledger_owners_deinit(&builder->owners);
	ledger_claims_deinit(&builder->claims);
}

static struct ledger_part *add_part(struct ledger *ledger, uint32_t mapping)
{
	if (GROW(ledger->parts, ledger->n_parts) < 0)
		return NULL;
	ledger->parts[ledger->n_parts] = (struct ledger_part){.mapping = mapping};
	return &ledger->parts[ledger->n_parts++];
}

/* The part of a claim that lies in a mapping with rss resident bytes, of which left are not divided. */
struct overlap {
	uint64_t start, end;
	bool is_whole; /* of the mapping */
};

static uint64_t overlap_resident(const struct ledger_claim *claim, const struct overlap *overlap,
				 uint64_t resident)
{
	const uint64_t size = claim->end - claim->start;

	/* a claim over several mappings: its bytes are taken to be spread evenly */
	return scale(resident, overlap->end - overlap->start, size);
}

/* Bytes of one share, when the overlap has resident bytes in all. */
static uint64_t share_resident(const struct ledger_claim *claim, unsigned i, uint64_t resident)
{
	if (claim->resident == 0)
		return i == claim->n_shares - 1 ? resident : 0;
	return scale(resident, claim->shares[i].resident, claim->resident);
}

static int add_claim(struct builder *builder, uint32_t mapping, const struct ledger_claim *claim,
		     const struct overlap *overlap, uint64_t *left)
{
	uint64_t resident = overlap->is_whole
				    ? *left
				    : MIN(*left, overlap_resident(claim, overlap, claim->resident));
	uint64_t size = overlap->end - overlap->start, rest = resident;

	*left -= resident;
	for (unsigned i = 0; i < claim->n_shares; i++) {
		const bool is_last = i == claim->n_shares - 1;
		const uint64_t bytes = is_last ? rest : share_resident(claim, i, resident);
		struct ledger_part *part;

		if (bytes == 0 && !is_last)
			continue;
		part = add_part(&builder->ledger, mapping);
		if (!part)
			return -ENOMEM;
		part->owner = claim->shares[i].owner;
		part->start = overlap->start;
		part->end = overlap->end;
		part->tid = claim->tid;
		memcpy(part->label, claim->label, sizeof(part->label));
		part->usage.resident = bytes;
		/* what is resident is mapped, and the last share has what is neither */
		part->usage.virtual = is_last ? size : MIN(size, bytes);
		size -= part->usage.virtual;
		rest -= bytes;
	}
	return 0;
}

static int add_rest(struct builder *builder, uint32_t index, enum ledger_owner owner, uint64_t size,
		    uint64_t resident)
{
	const struct mapping *mapping = &builder->ledger.maps.mappings[index];
	struct ledger_part *part = add_part(&builder->ledger, index);

	if (!part)
		return -ENOMEM;
	part->owner = owner;
	part->start = mapping->start;
	part->end = mapping->end;
	part->usage.resident = resident;
	part->usage.virtual = size;
	return 0;
}

/*
 * What no claim covers. Where the agent is, blocks lie among an allocator's memory that cannot be read,
 * and its own tables among what nobody explains: an empty part in front takes them, see settle.
 */
static int add_remainder(struct builder *builder, uint32_t index, uint64_t size, uint64_t left)
{
	const struct mapping *mapping = &builder->ledger.maps.mappings[index];
	const enum ledger_owner owner = ledger_owners_find(&builder->owners, mapping);
	int r = 0;

	if (owner == LEDGER_HEAP_OTHER && profile_has_agent(builder->profile))
		r = add_rest(builder, index, LEDGER_HEAP_LIVE, 0, 0);
	if ((owner == LEDGER_UNEXPLAINED || owner == LEDGER_MAPPED) &&
	    profile_has_agent(builder->profile))
		r = add_rest(builder, index, LEDGER_MEMTRACE, 0, 0);
	return r < 0 ? r : add_rest(builder, index, owner, size, left);
}

static uint64_t sum_of(const struct ledger *ledger, enum ledger_owner owner)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ledger->n_parts; i++)
		sum += ledger->parts[i].owner == owner ? ledger->parts[i].usage.resident : 0;
	return sum;
}

/* Gives bytes of parts of one owner to the parts of another that stand in front of them. */
static void settle(struct ledger *ledger, enum ledger_owner from, enum ledger_owner to,
		   uint64_t bytes)
{
	uint64_t whole = sum_of(ledger, from), left;

	for (left = bytes = MIN(bytes, whole); left > 0 && whole > 0;) {
		uint64_t before = left;

		for (size_t i = 1; i < ledger->n_parts && left > 0; i++) {
			struct ledger_part *part = &ledger->parts[i], *front = part - 1;
			uint64_t some;

			if (part->owner != from || front->owner != to ||
			    front->mapping != part->mapping)
				continue;
			/* evenly, and what the rounding leaves from the first that has it */
			some = MIN(left, left == before ? scale(bytes, part->usage.resident, whole)
							: part->usage.resident);
			some = MIN(some, part->usage.resident);
			front->usage.resident += some;
			front->usage.virtual += MIN(some, part->usage.virtual);
			part->usage.virtual -= MIN(some, part->usage.virtual);
			part->usage.resident -= some;
			left -= some;
		}
		if (left == before)
			break;
	}
}

static void settle_agent(struct builder *builder)
{
	const struct profile *profile = builder->profile;
	struct ledger *ledger = &builder->ledger;
	const uint64_t region = sum_of(ledger, LEDGER_MEMTRACE);

	if (!profile_has_agent(profile))
		return;
	if (!builder->claims.has_arenas)
		settle(ledger, LEDGER_HEAP_OTHER, LEDGER_HEAP_LIVE, profile->heap.live_bytes);
	if (profile->agent.own_bytes > region)
		settle(ledger, builder->owners.has_arenas ? LEDGER_MAPPED : LEDGER_UNEXPLAINED,
		       LEDGER_MEMTRACE, profile->agent.own_bytes - region);
}

/* value * part / whole, when done of the whole have had theirs: rounding never loses a byte. */
static uint64_t take(uint64_t value, uint64_t done, uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return 0;
	return (uint64_t)((__uint128_t)value * (done + part) / whole) -
	       (uint64_t)((__uint128_t)value * done / whole);
}

/* The other figures follow the resident bytes; where there are none, the address space. */
static void divide_usage(struct ledger *ledger, const struct ledger_mapping *entry)
{
	const struct mapping *mapping = entry->mapping;
	const uint64_t whole = mapping->rss ? mapping->rss : mapping->end - mapping->start;
	uint64_t done = 0;

	for (uint32_t i = 0; i < entry->n_parts; i++) {
		struct ledger_line *usage = &ledger->parts[entry->first_part + i].usage;
		const uint64_t part = mapping->rss ? usage->resident : usage->virtual;

		usage->pss = take(mapping->pss, done, part, whole);
		usage->uss =
			take(mapping->private_clean + mapping->private_dirty, done, part, whole);
		usage->private_dirty = take(mapping->private_dirty, done, part, whole);
		usage->anon_huge = take(mapping->anon_huge, done, part, whole);
		usage->swapped = take(mapping->swap, done, part, whole);
		done += part;
	}
}

/* Whose most of the mapping is. */
static void name_mapping(struct ledger *ledger, struct ledger_mapping *entry)
{
	const struct ledger_part *parts = &ledger->parts[entry->first_part], *most = parts;

	for (uint32_t i = 1; i < entry->n_parts; i++) {
		const struct ledger_line *one = &parts[i].usage, *best = &most->usage;

		if (one->resident > best->resident ||
		    (one->resident == best->resident && one->virtual > best->virtual))
			most = &parts[i];
	}
	entry->owner = most->owner;
	entry->label = most->label;
}

static int add_mapping(struct builder *builder, uint32_t index)
{
	struct ledger *ledger = &builder->ledger;
	struct ledger_mapping *entry = &ledger->mappings[index];
	const struct mapping *mapping = &ledger->maps.mappings[index];
	uint64_t left = mapping->rss, size = mapping->end - mapping->start;
	size_t i = ledger_claims_find(&builder->claims, mapping->start);
	int r = 0;

	entry->mapping = mapping;
	entry->first_part = (uint32_t)ledger->n_parts;
	for (; i < builder->claims.n_claims && r >= 0; i++) {
		const struct ledger_claim *claim = &builder->claims.claims[i];
		struct overlap overlap = {
			.start = MAX(claim->start, mapping->start),
			.end = MIN(claim->end, mapping->end),
		};

		if (overlap.start >= overlap.end)
			break;
		overlap.is_whole = overlap.end - overlap.start == mapping->end - mapping->start;
		size -= overlap.end - overlap.start;
		r = add_claim(builder, index, claim, &overlap, &left);
	}
	/* pages that were touched since they were counted */
	if (r >= 0 && size == 0 && left > 0)
		ledger->parts[ledger->n_parts - 1].usage.resident += left;
	else if (r >= 0 && size > 0)
		r = add_remainder(builder, index, size, left);
	if (r < 0)
		return r;
	entry->n_parts = (uint32_t)ledger->n_parts - entry->first_part;
	return 0;
}

static int divide(struct builder *builder)
{
	struct ledger *ledger = &builder->ledger;
	const size_t n = ledger->maps.n_mappings;

	ledger->mappings = calloc(n, sizeof(*ledger->mappings));
	if (!ledger->mappings)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = add_mapping(builder, (uint32_t)i);

		if (r < 0)
			return r;
	}
	settle_agent(builder);
	for (size_t i = 0; i < n; i++) {
		divide_usage(ledger, &ledger->mappings[i]);
		name_mapping(ledger, &ledger->mappings[i]);
	}
	return 0;
}

static void sum_up(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->n_parts; i++) {
		const struct ledger_part *part = &ledger->parts[i];

		ledger_line_add(&ledger->lines[part->owner], &part->usage);
		ledger_line_add(&ledger->total, &part->usage);
	}
	ledger->rss = ledger->total.resident;
	ledger->pss = ledger->total.pss;
	ledger->uss = ledger->total.uss;
	ledger->swap = ledger->total.swapped;
	ledger->vsz = ledger->total.virtual;
}

int ledger_build(const struct profile *profile, struct ledger *ret)
{
	_cleanup_(builder_deinit) struct builder builder = {.profile = profile};
	struct maps *maps = &builder.ledger.maps;
	int r;

	if (!profile->maps_text)
		return -ENODATA;
	r = maps_parse(profile->maps_text, strlen(profile->maps_text), maps);
	if (r < 0)
		return r;
	if (maps->n_mappings == 0 || !maps->mappings[0].has_usage)
		return -ENODATA;
	r = ledger_claims_collect(profile, &builder.claims);
	if (r < 0)
		return r;
	r = ledger_owners_init(&builder.owners, profile, maps);
	if (r < 0)
		return r;
	/* an agent that was there from the start saw what the program mapped: what else there is stays unexplained */
	builder.owners.has_arenas =
		builder.claims.has_arenas && profile->agent.mode != MT_MODE_PRELOAD;
	r = divide(&builder);
	if (r < 0)
		return r;
	sum_up(&builder.ledger);
	*ret = builder.ledger;
	builder.ledger = (struct ledger){};
	return 0;
}

void ledger_deinit(struct ledger *ledger)
{
	maps_deinit(&ledger->maps);
	free(ledger->mappings);
	free(ledger->parts);
	*ledger = (struct ledger){};
}
