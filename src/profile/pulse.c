/* SPDX-License-Identifier: MIT */
/*
 * pulse.c: the reader keeps of each live slot what it adds to its site, so that a slot that has changed is taken
 * out of the one sum and put into another. What has changed is marked, so that a pulse is a list of those sites.
 *
 * Nothing can be taken out of a minimum: the oldest block of a site is that of all that were seen. And sums of
 * fractions drift. So the reader begins anew now and then.
 *
 * Everything from the region is a number that is checked where it is used as an index.
 */
#include "profile/pulse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/grow.h"
#include "profile/estimate.h"

enum { PULSES_UNTIL_ANEW = 60, TIME_SHIFT = 10 };

/* What a slot adds, and where to. */
struct slot {
	uint64_t size;
	uint32_t site; /* 0: to none */
	uint32_t interval;
	uint32_t time;  /* of a clock that runs around */
	bool is_heap;   /* of malloc */
	bool is_mapped; /* counts as mapped by the program */
};

struct slots {
	struct slot *slots;
	size_t n;
};

struct pulse_reader {
	struct region_seen seen;
	struct slots live, maps;
	struct pulse_site *sites;
	uint32_t *marked; /* sites that have changed, each once */
	bool *is_marked;
	size_t n_sites, n_marked;
	unsigned n_pulses; /* since it began */
	struct pulse sums; /* without changes */
};

struct pulse_reader *pulse_reader_new(void)
{
	return calloc(1, sizeof(struct pulse_reader));
}

static void forget(struct pulse_reader *reader)
{
	region_seen_deinit(&reader->seen);
	free(reader->live.slots);
	free(reader->maps.slots);
	reader->live = reader->maps = (struct slots){};
	reader->n_pulses = 0;
	reader->sums = (struct pulse){};
}

struct pulse_reader *pulse_reader_free(struct pulse_reader *reader)
{
	if (!reader)
		return NULL;
	forget(reader);
	free(reader->sites);
	free(reader->marked);
	free(reader->is_marked);
	free(reader);
	return NULL;
}

void pulse_deinit(struct pulse *pulse)
{
	free(pulse->changes);
	*pulse = (struct pulse){};
}

/* ---- sums ---- */

static void mark(struct pulse_reader *reader, uint32_t site)
{
	if (site >= reader->n_sites || reader->is_marked[site])
		return;
	reader->is_marked[site] = true;
	reader->marked[reader->n_marked++] = site;
}

/* sign: 1 or -1 */
static void count(struct pulse_reader *reader, const struct slot *slot, double sign)
{
	struct pulse_site *site = &reader->sites[slot->site];
	struct estimate one = {};

	estimate_add(&one, slot->size, slot->interval);
	if (slot->is_heap) {
		reader->sums.heap_bytes += sign * one.bytes;
		reader->sums.heap_blocks += sign * one.blocks;
		reader->sums.heap_variance += sign * one.variance;
	}
	if (slot->is_mapped)
		reader->sums.mapped_bytes += sign * one.bytes;
	if (slot->site == 0)
		return;
	site->bytes += sign * one.bytes;
	site->blocks += sign * one.blocks;
	mark(reader, slot->site);
}

static void add_time(struct pulse_site *site, uint64_t time_ns)
{
	if (site->oldest_ns == 0 || time_ns < site->oldest_ns)
		site->oldest_ns = time_ns;
	if (time_ns > site->youngest_ns)
		site->youngest_ns = time_ns;
}

static bool is_same(const struct slot *a, const struct slot *b)
{
	return a->size == b->size && a->site == b->site && a->interval == b->interval &&
	       a->time == b->time && a->is_heap == b->is_heap && a->is_mapped == b->is_mapped;
}

/* now: zeroed if there is nothing. */
static void change_slot(struct pulse_reader *reader, struct slots *slots, uint32_t index,
			const struct slot *now, uint64_t time_ns)
{
	struct slot *slot = &slots->slots[index];

	/* most of a group of slots stands still */
	if (index >= slots->n || is_same(slot, now))
		return;
	if (slot->is_heap || slot->is_mapped || slot->site != 0) {
		count(reader, slot, -1);
		/* 0.5: what is left of fractions is no block */
		if (slot->site != 0 && reader->sites[slot->site].blocks < 0.5)
			reader->sites[slot->site] = (struct pulse_site){};
	}
	*slot = *now;
	if (!slot->is_heap && !slot->is_mapped && slot->site == 0)
		return;
	count(reader, slot, 1);
	if (slot->site != 0)
		add_time(&reader->sites[slot->site], time_ns);
}

/* A site that is younger than the header that was read waits for the next pulse, as a slot without one. */
static uint32_t known_site(const struct pulse_reader *reader, uint32_t site)
{
	return site < reader->n_sites ? site : 0;
}

static void see_live(void *context, uint32_t index, const struct mt_live *live)
{
	struct pulse_reader *reader = context;
	struct slot now = {};

	if (live)
		now = (struct slot){
			.size = live->size,
			.site = known_site(reader, live->site),
			.interval = live->interval,
			.time = (uint32_t)(live->time_ns >> TIME_SHIFT),
			.is_heap = live->site != 0,
		};
	change_slot(reader, &reader->live, index, &now, live ? live->time_ns : 0);
}

static void see_map(void *context, uint32_t index, const struct mt_map *map)
{
	struct pulse_reader *reader = context;
	struct slot now = {};

	if (map)
		now = (struct slot){
			.size = map->size,
			.site = known_site(reader, map->site),
			.time = (uint32_t)(map->time_ns >> TIME_SHIFT),
			.is_mapped = !(map->flags & (MT_MAP_FILE | MT_MAP_BACKING)),
		};
	change_slot(reader, &reader->maps, index, &now, map ? map->time_ns : 0);
}

/* ---- room ---- */

/* An array of n, of which those from have on are new and zero. */
static int extend(void *array, size_t entry_size, size_t have, size_t n)
{
	char *grown = reallocarray(*(void **)array, n + 1, entry_size);

	if (!grown)
		return -ENOMEM;
	memset(grown + have * entry_size, 0, (n + 1 - have) * entry_size);
	*(void **)array = grown;
	return 0;
}

static int extend_slots(struct slots *slots, size_t n)
{
	if (n <= slots->n && slots->slots)
		return 0;
	n = MAX(n, slots->n);
	if (extend(&slots->slots, sizeof(*slots->slots), slots->n, n) < 0)
		return -ENOMEM;
	slots->n = n;
	return 0;
}

static int extend_sites(struct pulse_reader *reader, size_t n)
{
	if (n <= reader->n_sites && reader->sites)
		return 0;
	if (extend(&reader->sites, sizeof(*reader->sites), reader->n_sites, n) < 0 ||
	    extend(&reader->is_marked, sizeof(*reader->is_marked), reader->n_sites, n) < 0 ||
	    extend(&reader->marked, sizeof(*reader->marked), reader->n_sites, n) < 0)
		return -ENOMEM;
	reader->n_sites = n;
	return 0;
}

static int begin(void *context, const struct mt_header *header)
{
	struct pulse_reader *reader = context;
	const size_t n_sites = MIN(header->n_sites, header->sites.capacity);

	reader->sums.samples = header->samples;
	reader->sums.lost_allocations = header->lost_allocations;
	reader->sums.lost_frees = header->lost_frees;
	reader->sums.lost_maps = header->lost_maps;
	reader->sums.interval = header->interval;
	if (extend_sites(reader, n_sites) < 0 || extend_slots(&reader->live, header->n_live) < 0 ||
	    extend_slots(&reader->maps, header->n_maps) < 0)
		return -ENOMEM;
	return 0;
}

/* ---- pulses ---- */

/* Of all sites that had something: they may have nothing now. */
static void begin_anew(struct pulse_reader *reader)
{
	forget(reader);
	for (size_t i = 1; i < reader->n_sites; i++) {
		if (reader->sites[i].blocks > 0)
			mark(reader, (uint32_t)i);
		reader->sites[i] = (struct pulse_site){};
	}
}

static int list_changes(struct pulse_reader *reader, struct pulse *ret)
{
	*ret = reader->sums;
	ret->changes = calloc(reader->n_marked + 1, sizeof(*ret->changes));
	if (!ret->changes)
		return -ENOMEM;
	for (size_t i = 0; i < reader->n_marked; i++) {
		const uint32_t site = reader->marked[i];

		ret->changes[ret->n_changes++] = (struct pulse_change){site, reader->sites[site]};
		reader->is_marked[site] = false;
	}
	reader->n_marked = 0;
	ret->taken_ns = clock_ns(CLOCK_MONOTONIC);
	return 0;
}

int pulse_take(struct pulse_reader *reader, struct region *region, const struct pulse *unused,
	       struct pulse *ret)
{
	static const struct region_visitor visitor = {begin, see_live, see_map};
	int r;

	if (reader->n_pulses++ >= PULSES_UNTIL_ANEW)
		begin_anew(reader);
	for (size_t i = 0; unused && i < unused->n_changes; i++)
		mark(reader, unused->changes[i].site);
	r = region_visit_changed(region, &reader->seen, &visitor, reader);
	if (r >= 0)
		r = list_changes(reader, ret);
	if (r < 0)
		begin_anew(reader);
	return r;
}

/* ---- laid over a profile ---- */

void pulse_state_deinit(struct pulse_state *state)
{
	free(state->sites);
	*state = (struct pulse_state){};
}

int pulse_state_add(struct pulse_state *state, const struct pulse *pulse)
{
	size_t n = state->n_sites;

	for (size_t i = 0; i < pulse->n_changes; i++)
		n = MAX(n, (size_t)pulse->changes[i].site + 1);
	if (n > state->n_sites) {
		if (extend(&state->sites, sizeof(*state->sites), state->n_sites, n) < 0)
			return -ENOMEM;
		state->n_sites = n;
	}
	for (size_t i = 0; i < pulse->n_changes; i++)
		state->sites[pulse->changes[i].site] = pulse->changes[i].now;
	return 0;
}

static double age_s(const struct pulse *pulse, uint64_t time_ns)
{
	if (time_ns == 0)
		return -1;
	return time_ns < pulse->taken_ns ? (double)(pulse->taken_ns - time_ns) / 1e9 : 0;
}

/* The profile's site that a site of the region is part of; NULL if it has none. */
static struct profile_site *find_site(struct profile *profile, uint64_t recorded)
{
	const uint32_t site = recorded < profile->n_recorded_sites
				      ? profile->recorded_sites[recorded]
				      : PROFILE_NO_SITE;

	return site == PROFILE_NO_SITE ? NULL : &profile->sites[site];
}

/* Site has so much more live than before, by one of the sites that it is made of. */
static void add_to_site(struct profile_site *site, const struct pulse *pulse,
			const struct pulse_site *before, const struct pulse_site *now)
{
	site->live_bytes += estimate_round(now->bytes) - estimate_round(before->bytes);
	site->live_blocks += estimate_round(now->blocks) - estimate_round(before->blocks);
	site->allocated_bytes = MAX(site->allocated_bytes, site->live_bytes);
	site->allocated_blocks = MAX(site->allocated_blocks, site->live_blocks);
	site->freed_bytes = site->allocated_bytes - site->live_bytes;
	site->freed_blocks = site->allocated_blocks - site->live_blocks;
	if (now->oldest_ns != 0) {
		site->oldest_age_s = MAX(before->oldest_ns ? site->oldest_age_s : -1,
					 age_s(pulse, now->oldest_ns));
		site->youngest_age_s = age_s(pulse, now->youngest_ns);
	}
}

static void set_heap(const struct pulse *pulse, struct profile *profile)
{
	const struct estimate live = {.variance = MAX(pulse->heap_variance, 0.0)};
	struct profile_heap *heap = &profile->heap;

	heap->live_bytes = estimate_round(pulse->heap_bytes);
	heap->live_blocks = estimate_round(pulse->heap_blocks);
	heap->live_stderr = estimate_stderr(&live);
	heap->mapped_bytes = estimate_round(pulse->mapped_bytes);
	heap->allocated_bytes = MAX(heap->allocated_bytes, heap->live_bytes);
	heap->allocated_blocks = MAX(heap->allocated_blocks, heap->live_blocks);
	heap->freed_bytes = heap->allocated_bytes - heap->live_bytes;
	heap->freed_blocks = heap->allocated_blocks - heap->live_blocks;
	if (heap->peak_live_bytes != PROFILE_UNKNOWN)
		heap->peak_live_bytes = MAX(heap->peak_live_bytes, heap->live_bytes);
	profile->agent.samples = pulse->samples;
	profile->agent.lost_allocations = pulse->lost_allocations;
	profile->agent.lost_frees = pulse->lost_frees;
	profile->agent.lost_maps = pulse->lost_maps;
	profile->agent.interval = pulse->interval;
}

void pulse_apply_all(const struct pulse_state *state, const struct pulse *pulse,
		     struct profile *profile, double *ret_unknown)
{
	static const struct pulse_site nothing;

	*ret_unknown = 0;
	for (size_t i = 0; i < profile->n_sites; i++) {
		profile->sites[i].live_bytes = profile->sites[i].live_blocks = 0;
		profile->sites[i].oldest_age_s = profile->sites[i].youngest_age_s = -1;
	}
	for (size_t i = 0; i < state->n_sites; i++) {
		struct profile_site *site = find_site(profile, i);

		if (site)
			add_to_site(site, pulse, &nothing, &state->sites[i]);
		else
			*ret_unknown += state->sites[i].bytes;
	}
	set_heap(pulse, profile);
}

void pulse_apply(const struct pulse_state *state, const struct pulse *pulse,
		 struct profile *profile, double *unknown,
		 void (*touched)(void *context, uint32_t site), void *context)
{
	static const struct pulse_site nothing;

	for (size_t i = 0; i < pulse->n_changes; i++) {
		const struct pulse_change *change = &pulse->changes[i];
		const struct pulse_site *before =
			change->site < state->n_sites ? &state->sites[change->site] : &nothing;
		struct profile_site *site = find_site(profile, change->site);

		if (!site) {
			*unknown += change->now.bytes - before->bytes;
			continue;
		}
		add_to_site(site, pulse, before, &change->now);
		touched(context, (uint32_t)(site - profile->sites));
	}
	set_heap(pulse, profile);
}
