/* SPDX-License-Identifier: MIT */
/*
 * series.c: moments are rows, oldest first, in tiers of rising density:
 *
 *	oldest                                                newest
 *	| tier 2: every fourth | tier 1: every second | tier 0: all |
 *
 * A row comes to the end of tier 0. Whenever a tier has two rows too many, its two oldest become one at the
 * end of the next tier: the second of them goes, unless it is one that has to stay. So the number of rows grows
 * with the logarithm of time, and a row's distance to its neighbours is in proportion to its age.
 *
 * Sites are followed in slots, the same in each row. A site that comes while all slots are taken gets that
 * of the lightest one if it is much heavier; rows from before then say nothing about it. Of a site that
 * was followed since it came to be, older rows say zero.
 */
#include "profile/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/map.h"
#include "profile/series-state.h"

/* A site takes the slot of another one if it holds that many times more. */
enum { SERIES_HEAVIER = 2 };

static const uint64_t MS = 1000000, S = 1000000000;

struct series *series_new(void)
{
	return calloc(1, sizeof(struct series));
}

struct series *series_free(struct series *series)
{
	if (!series)
		return NULL;
	for (size_t i = 0; i < series->n_rows; i++)
		free(series->rows[i].figures);
	for (size_t i = 0; i < series->n_marks; i++)
		free(series->marks[i].name);
	free(series->rows);
	map_deinit(&series->slot_of);
	free(series);
	return NULL;
}

size_t series_count(const struct series *series)
{
	return series->n_rows;
}

size_t series_size(const struct series *series)
{
	size_t size = sizeof(*series) + series->slot_of.capacity * sizeof(struct map_entry);

	for (size_t i = 0; i < series->n_rows; i++)
		size += sizeof(struct row) + series->rows[i].n_figures * sizeof(struct figures);
	return size;
}

uint64_t series_interval_ns(uint64_t elapsed_ns, uint64_t cost_ns)
{
	uint64_t interval = elapsed_ns < 2 * S ? 50 * MS : elapsed_ns < 10 * S ? 250 * MS : S;

	return MAX(interval, cost_ns * 100);
}

/* ---- sites ---- */

static struct figures figures_of(const struct series_site *site)
{
	return (struct figures){
		.live_bytes = site->live_bytes,
		.live_blocks = site->live_blocks,
		.allocated_bytes = site->allocated_bytes,
		.allocated_blocks = site->allocated_blocks,
	};
}

static uint32_t lightest_slot(const struct series *series, const struct series_sample *sample)
{
	uint32_t lightest = 0;
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < series->n_slots; i++) {
		const uint32_t site = series->slots[i].site;
		const uint64_t bytes = site < sample->n_sites ? sample->sites[site].live_bytes : 0;

		if (bytes < least) {
			least = bytes;
			lightest = i;
		}
	}
	return lightest;
}

static int take_slot(struct series *series, uint32_t slot, uint32_t site)
{
	int r = map_set(&series->slot_of, site, slot);

	if (r < 0)
		return r;
	if (slot < series->n_slots)
		map_remove(&series->slot_of, series->slots[slot].site);
	else
		series->n_slots++;
	series->slots[slot] = (struct slot){
		.site = site,
		.since = series->n_added + 1,
		.whole = site >= series->n_seen,
	};
	return 0;
}

/* New sites get slots as long as there are any; later only what outweighs one that has. */
static int follow_sites(struct series *series, const struct series_sample *sample)
{
	uint32_t lightest = 0;
	uint64_t least = 0;
	int r = 0;

	for (uint32_t i = 1; r >= 0 && i < sample->n_sites; i++) {
		const struct series_site *site = &sample->sites[i];

		if (!site->followed || map_find(&series->slot_of, i))
			continue;
		if (series->n_slots < SERIES_SITES) {
			r = take_slot(series, series->n_slots, i);
			continue;
		}
		/* least only grows: a site that is not above it need not be compared with all */
		if (site->live_bytes <= least * SERIES_HEAVIER)
			continue;
		lightest = lightest_slot(series, sample);
		least = sample->sites[series->slots[lightest].site].live_bytes;
		if (site->live_bytes > least * SERIES_HEAVIER)
			r = take_slot(series, lightest, i);
	}
	series->n_seen = MAX(series->n_seen, sample->n_sites);
	return r;
}

/* ---- moments ---- */

int series_mark(struct series *series, const char *name, double at)
{
	size_t i = 0;

	while (i < series->n_marks && strcmp(series->marks[i].name, name) != 0)
		i++;
	if (i == SERIES_MARKS)
		return 0;
	if (i == series->n_marks) {
		series->marks[i].name = strdup(name);
		if (!series->marks[i].name)
			return -ENOMEM;
		series->n_marks++;
	}
	series->marks[i].at = at;
	series->marks[i].row = series->n_added + 1;
	return 0;
}

static bool has_to_stay(const struct series *series, const struct row *row)
{
	for (size_t i = 0; i < series->n_marks; i++)
		if (series->marks[i].row == row->number)
			return true;
	return row->number == 1 || row->number == series->most_rss ||
	       row->number == series->most_live;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
	if (a == PROFILE_UNKNOWN || b == PROFILE_UNKNOWN)
		return a == PROFILE_UNKNOWN ? b : a;
	return MAX(a, b);
}

/* Two neighbours become one: which of them stands for both. */
static void join_rows(struct series *series, size_t first)
{
	struct row *a = &series->rows[first], *b = a + 1;
	struct row *goes = has_to_stay(series, b) ? a : b, *stays = goes == a ? b : a;

	stays->moment.highest_rss = higher(a->moment.highest_rss, b->moment.highest_rss);
	stays->moment.highest_live = higher(a->moment.highest_live, b->moment.highest_live);
	free(goes->figures);
	memmove(goes, goes + 1,
		(size_t)(series->rows + series->n_rows - (goes + 1)) * sizeof(*goes));
	series->n_rows--;
}

static void thin_out(struct series *series)
{
	size_t end = series->n_rows; /* of the tier */

	for (size_t tier = 0; tier + 1 < SERIES_TIERS; tier++) {
		const size_t first = end - series->n_in_tier[tier];

		if (series->n_in_tier[tier] < SERIES_PER_TIER + 2)
			break;
		series->n_in_tier[tier] -= 2;
		if (has_to_stay(series, &series->rows[first]) &&
		    has_to_stay(series, &series->rows[first + 1])) {
			series->n_in_tier[tier + 1] += 2;
			end = first + 2;
			continue;
		}
		join_rows(series, first);
		series->n_in_tier[tier + 1]++;
		end = first + 1;
	}
}

static struct profile_moment make_moment(const struct series_sample *sample)
{
	struct profile_moment moment = {.at = sample->at, .rss = sample->rss, .anon = sample->anon};

	for (uint32_t i = 1; i < sample->n_sites; i++) {
		if (!sample->sites[i].malloc)
			continue;
		moment.live += sample->sites[i].live_bytes;
		moment.allocated += sample->sites[i].allocated_bytes;
	}
	moment.highest_rss = moment.rss;
	moment.highest_live = moment.live;
	return moment;
}

static const struct row *find_row(const struct series *series, uint64_t number)
{
	for (size_t i = 0; i < series->n_rows; i++)
		if (series->rows[i].number == number)
			return &series->rows[i];
	return NULL;
}

static void note_peaks(struct series *series, const struct row *row)
{
	const struct row *rss = find_row(series, series->most_rss);
	const struct row *live = find_row(series, series->most_live);

	if (row->moment.rss != PROFILE_UNKNOWN && (!rss || row->moment.rss > rss->moment.rss))
		series->most_rss = row->number;
	if (!live || row->moment.live > live->moment.live)
		series->most_live = row->number;
}

int series_add(struct series *series, const struct series_sample *sample)
{
	_cleanup_free_ struct figures *figures = NULL;
	struct row *row;
	int r = follow_sites(series, sample);

	if (r >= 0)
		r = GROW(series->rows, series->n_rows);
	if (r < 0)
		return r;
	figures = calloc(series->n_slots + 1, sizeof(*figures));
	if (!figures)
		return -ENOMEM;
	for (uint32_t i = 0; i < series->n_slots; i++)
		if (series->slots[i].site < sample->n_sites)
			figures[i] = figures_of(&sample->sites[series->slots[i].site]);
	row = &series->rows[series->n_rows++];
	*row = (struct row){
		.moment = make_moment(sample),
		.number = ++series->n_added,
		.figures = TAKE_PTR(figures),
		.n_figures = series->n_slots,
	};
	/* time does not run backwards, whatever a region says */
	if (series->n_rows > 1)
		row->moment.at = MAX(row->moment.at, row[-1].moment.at);
	series->n_in_tier[0]++;
	note_peaks(series, row);
	thin_out(series);
	return 0;
}
