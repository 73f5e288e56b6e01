/* SPDX-License-Identifier: MIT */
/*
 * pulse.c: the reader keeps of each live slot what it adds to its site, so that a slot that has changed is taken
 * out of the one sum and put into another. What has changed is marked, so that a pulse is a list of those sites.
 *
 * Nothing can be taken out of a minimum: the oldest block of a site is that of all that were seen. And sums of
 * fractions drift. So now and then all is summed up anew, from what is kept of the slots.
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
#include "profile/pulse-slots.h"

enum { PULSES_OF_SUMS = 60 };

struct pulse_reader {
	struct region_seen seen;
	struct pulse_slots live, maps;
	struct pulse_site *sites;
	uint32_t *marked; /* sites that have changed, each once */
	bool *is_marked;
	size_t n_sites, n_marked;
	unsigned n_pulses; /* since all was summed up */
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
	reader->live = reader->maps = (struct pulse_slots){};
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
	free(pulse->kept);
	*pulse = (struct pulse){};
}

/* ---- sums ---- */

static void mark(struct pulse_reader *reader, uint32_t site)
{
	if (site == 0 || site >= reader->n_sites || reader->is_marked[site])
		return;
	reader->is_marked[site] = true;
	reader->marked[reader->n_marked++] = site;
}

static bool is_used(const struct pulse_slot *slot)
{
	return slot->is_heap || slot->is_mapped || slot->site != 0;
}

/* sign: 1 or -1 */
static void count(struct pulse_reader *reader, const struct pulse_slot *slot, double sign)
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
}

static void add(struct pulse_reader *reader, const struct pulse_slot *slot)
{
	struct pulse_site *site = &reader->sites[slot->site];

	count(reader, slot, 1);
	if (slot->site == 0)
		return;
	if (site->oldest_ns == 0 || slot->time_ns < site->oldest_ns)
		site->oldest_ns = slot->time_ns;
	if (slot->time_ns > site->youngest_ns)
		site->youngest_ns = slot->time_ns;
}

static void take_out(struct pulse_reader *reader, const struct pulse_slot *slot)
{
	count(reader, slot, -1);
	/* 0.5: what is left of fractions is no block */
	if (slot->site != 0 && reader->sites[slot->site].blocks < 0.5)
		reader->sites[slot->site] = (struct pulse_site){};
}

static bool is_same(const struct pulse_slot *a, const struct pulse_slot *b)
{
	return a->size == b->size && a->site == b->site && a->interval == b->interval &&
	       a->time_ns == b->time_ns && a->is_heap == b->is_heap && a->is_mapped == b->is_mapped;
}

/* now: zeroed if there is nothing. */
static void change_slot(struct pulse_reader *reader, struct pulse_slots *slots, uint32_t index,
			const struct pulse_slot *now)
{
	struct pulse_slot *slot = &slots->slots[index];

	/* most of a group of slots stands still */
	if (index >= slots->n || is_same(slot, now))
		return;
	if (is_used(slot)) {
		take_out(reader, slot);
		mark(reader, slot->site);
	}
	*slot = *now;
	if (is_used(slot)) {
		add(reader, slot);
		mark(reader, slot->site);
	}
}

/* A site that is younger than the header that was read waits for the next pulse, as a slot without one. */
static uint32_t known_site(const struct pulse_reader *reader, uint32_t site)
{
	return site < reader->n_sites ? site : 0;
}

static void see_live(void *context, uint32_t index, const struct mt_live *live)
{
	struct pulse_reader *reader = context;
	struct pulse_slot now = {};

	if (live)
		now = (struct pulse_slot){
			.size = live->size,
			.site = known_site(reader, live->site),
			.interval = live->interval,
			.time_ns = live->time_ns,
			.is_heap = live->site != 0,
		};
	change_slot(reader, &reader->live, index, &now);
}

static void see_map(void *context, uint32_t index, const struct mt_map *map)
{
	struct pulse_reader *reader = context;
	struct pulse_slot now = {};

	if (map)
		now = (struct pulse_slot){
			.size = map->size,
			.site = known_site(reader, map->site),
			.time_ns = map->time_ns,
			.is_mapped = !(map->flags & (MT_MAP_FILE | MT_MAP_BACKING)),
		};
	change_slot(reader, &reader->maps, index, &now);
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

static int extend_slots(struct pulse_slots *slots, size_t n)
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

static void add_all(struct pulse_reader *reader, const struct pulse_slots *slots)
{
	for (size_t i = 0; i < slots->n; i++)
		if (is_used(&slots->slots[i]))
			add(reader, &slots->slots[i]);
}

static bool is_same_site(const struct pulse_site *a, const struct pulse_site *b)
{
	return a->bytes == b->bytes && a->blocks == b->blocks && a->oldest_ns == b->oldest_ns &&
	       a->youngest_ns == b->youngest_ns;
}

/* Without memory for it the old sums serve on. */
static void sum_up_anew(struct pulse_reader *reader)
{
	_cleanup_free_ struct pulse_site *before = reader->sites;
	struct pulse *sums = &reader->sums;

	reader->sites = calloc(reader->n_sites + 1, sizeof(*reader->sites));
	if (!reader->sites) {
		reader->sites = TAKE_PTR(before);
		return;
	}
	sums->heap_bytes = sums->heap_blocks = sums->heap_variance = sums->mapped_bytes = 0;
	add_all(reader, &reader->live);
	add_all(reader, &reader->maps);
	for (size_t i = 1; i < reader->n_sites; i++)
		if (!is_same_site(&before[i], &reader->sites[i]))
			mark(reader, (uint32_t)i);
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
	pulse_list_kept(&reader->live, &reader->maps, reader->n_sites, ret);
	return 0;
}

int pulse_take(struct pulse_reader *reader, struct region *region, const struct pulse *unused,
	       struct pulse *ret)
{
	static const struct region_visitor visitor = {begin, see_live, see_map};
	int r;

	for (size_t i = 0; unused && i < unused->n_changes; i++)
		mark(reader, unused->changes[i].site);
	r = region_visit_changed(region, &reader->seen, &visitor, reader);
	if (r >= 0 && ++reader->n_pulses >= PULSES_OF_SUMS) {
		sum_up_anew(reader);
		reader->n_pulses = 0;
	}
	if (r >= 0)
		r = list_changes(reader, ret);
	if (r < 0)
		begin_anew(reader);
	return r;
}
