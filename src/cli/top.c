/* SPDX-License-Identifier: MIT */
/*
 * top.c: what all views share: the newest figures, their course, and the baseline.
 *
 * Figures come in two ways. A shot is everything, and takes the source a while; a pulse is only what changes
 * from moment to moment, and is laid over the last shot. A pulse that was taken after a shot stays in
 * force when the shot comes late.
 */
#include "cli/top.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "cli/top-list.h"

enum { SLOPE_POINTS = 16 };

void top_deinit(struct top *top)
{
	for (size_t i = 0; i < top->n_series; i++)
		top_series_deinit(&top->series[i]);
	free(top->series);
	map_deinit(&top->series_by_id);
	map_deinit(&top->expanded);
	top_clear_baseline(top);
	top_shot_free(top->shot);
	top_pulse_free(top->pulse);
	pulse_state_deinit(&top->state);
	free(top->sites);
	free(top->history);
	top_list_free(top->list);
	top_source_free(top->source);
	if (top->options.grep)
		regfree(&top->grep);
}

/* ---- history ---- */

static uint32_t index_of(const struct map *map, uint64_t id)
{
	return (uint32_t)map_get(map, id, TOP_NONE);
}

/*
 * The series of a site that is live for the first time. was_there: it may have been live before, without
 * being known; else it was nothing at the last look.
 */
static uint32_t begin_series(struct top *top, uint64_t id, bool was_there)
{
	const uint32_t index = (uint32_t)top->n_series;

	if (GROW(top->series, top->n_series) < 0 || map_set(&top->series_by_id, id, index) < 0)
		return TOP_NONE;
	top->series[top->n_series++] = (struct top_series){};
	if (!was_there && top->looks.n > 0)
		top_series_add(&top->series[index], top_looks_back(&top->looks, 0), 0);
	return index;
}

/* When the history is full, every other moment of it goes: it gets coarser with age. */
static void remember_moment(struct top *top, const struct top_moment *moment)
{
	if (top->n_history == TOP_HISTORY) {
		for (size_t i = 0; i < TOP_HISTORY / 2; i++)
			top->history[i] = top->history[2 * i];
		top->n_history = TOP_HISTORY / 2;
	}
	if (!top->history)
		top->history = calloc(TOP_HISTORY, sizeof(*top->history));
	if (top->history)
		top->history[top->n_history++] = *moment;
}

static void remember_site(struct top *top, size_t i, double time_s, bool was_there)
{
	const struct profile_site *site = &top->shot->profile->sites[i];
	struct top_site *beside = &top->sites[i];

	if (beside->series == TOP_NONE && site->live_bytes > 0 && profile_site_is_counted(site))
		beside->series = begin_series(top, site->id, was_there);
	if (beside->series != TOP_NONE)
		top_series_add(&top->series[beside->series], time_s, site->live_bytes);
}

static void remember(struct top *top, double time_s)
{
	const struct top_shot *shot = top->shot;
	const struct profile *profile = shot->profile;
	struct top_moment moment = {
		.time_s = time_s,
		.rss = profile->process.rss,
		.live = !profile_has_agent(profile) ? PROFILE_UNKNOWN : profile->heap.live_bytes,
		.kept = shot->has_ledger ? ledger_kept_bytes(&shot->ledger) : PROFILE_UNKNOWN,
	};

	remember_moment(top, &moment);
	top_looks_add(&top->looks, time_s);
	top->n_looks++;
}

static void remember_sites(struct top *top, double time_s, bool was_there)
{
	for (size_t i = 0; i < top->shot->profile->n_sites; i++) {
		top->sites[i].aged_s = time_s;
		remember_site(top, i, time_s, was_there);
	}
}

/* The course that a session has kept; it is over when the session was taken. */
static void recall(struct top *top)
{
	const struct top_shot *shot = top->shot;
	const struct profile *profile = shot->profile;
	const double offset_s = shot->time_s - profile->process.captured_at;

	for (size_t i = 0; i < profile->n_moments; i++) {
		const struct profile_moment *moment = &profile->moments[i];

		remember_moment(top, &(struct top_moment){moment->at + offset_s, moment->rss,
							  moment->live, PROFILE_UNKNOWN});
		top_looks_add(&top->looks, moment->at + offset_s);
	}
	for (size_t i = 0; i < profile->n_points; i++) {
		const struct profile_point *point = &profile->points[i];
		struct top_site *beside = &top->sites[point->site];

		if (beside->series == TOP_NONE)
			beside->series = begin_series(top, profile->sites[point->site].id, true);
		if (beside->series != TOP_NONE)
			top_series_add(&top->series[beside->series],
				       profile->moments[point->moment].at + offset_s,
				       point->live_bytes);
	}
}

/* What the present pulse says is kept at each site; sign: -1 takes it away again. */
static void add_kept(struct top *top, double sign)
{
	for (size_t i = 0; top->pulse && top->shot && i < top->pulse->sites.n_kept; i++) {
		const struct pulse_kept *kept = &top->pulse->sites.kept[i];
		const uint32_t site = pulse_find_site(top->shot->profile, kept->site);

		if (site != PROFILE_NO_SITE)
			top->sites[site].kept += sign * kept->per_s;
	}
}

/* ---- news ---- */

static void find_beside(struct top *top)
{
	const struct profile *profile = top->shot->profile;

	for (size_t i = 0; i < profile->n_sites; i++)
		top->sites[i] = (struct top_site){
			.series = index_of(&top->series_by_id, profile->sites[i].id),
			.was = index_of(&top->baseline.by_id, profile->sites[i].id),
		};
}

static void touch_site(void *top_, uint32_t site)
{
	struct top *top = top_;

	top->sites[site].aged_s = top->pulse->time_s;
	remember_site(top, site, top->pulse->time_s, true);
	top_list_touch(top, site);
}

/* What a pulse says of the process as a whole; the shot is of its moment now. */
static void set_moment(struct top *top)
{
	struct profile_process *process = &top->shot->profile->process;

	if (top->pulse->rss != PROFILE_UNKNOWN)
		process->rss = top->pulse->rss;
	process->captured_at += top->pulse->time_s - top->shot->time_s;
	top->shot->time_s = top->pulse->time_s;
}

/*
 * The shot's figures become those of the pulse. Changes can be laid only over what the pulse before has left: over
 * a new shot goes everything.
 */
static int apply_pulse(struct top *top)
{
	const struct pulse *pulse = &top->pulse->sites;
	struct profile *profile = top->shot->profile;
	const bool is_next = top->is_of_pulse;
	int r;

	set_moment(top);
	if (!top->pulse->has_sites)
		return 0;
	if (is_next)
		pulse_apply(&top->state, pulse, profile, &top->unknown, touch_site, top);
	r = pulse_state_add(&top->state, pulse);
	if (r < 0)
		return r;
	if (!is_next) {
		pulse_apply_all(&top->state, pulse, profile, &top->unknown);
		remember_sites(top, top->pulse->time_s, true);
		top_list_forget(top);
	}
	top->is_of_pulse = true;
	return 0;
}

static int accept_pulse(struct top *top, struct top_pulse *pulse)
{
	int r = 0;

	add_kept(top, -1);
	top_pulse_free(top->pulse);
	top->pulse = pulse;
	add_kept(top, 1);
	if (!top->shot || pulse->time_s <= top->shot->time_s)
		return pulse->has_sites ? pulse_state_add(&top->state, &pulse->sites) : 0;
	r = apply_pulse(top);
	remember(top, pulse->time_s);
	top_source_tell_unknown(top->source, top->unknown,
				(double)top->shot->profile->heap.live_bytes);
	return r;
}

static int accept_shot(struct top *top, struct top_shot *shot)
{
	struct profile *profile = shot->profile;
	/* the same stack may have another identity once it has names */
	const bool was_there = !top->shot || !top->shot->is_named || !shot->is_named;
	struct top_site *sites = calloc(profile->n_sites + 1, sizeof(*sites));
	const bool is_late = top->pulse && top->pulse->time_s > shot->time_s;

	if (!sites) {
		top_shot_free(shot);
		return -ENOMEM;
	}
	top_shot_free(top->shot);
	free(top->sites);
	top->shot = shot;
	top->sites = sites;
	top->n_shots++;
	find_beside(top);
	add_kept(top, 1);
	top->unknown = 0;
	top->is_of_pulse = false;
	if (shot->has_ledger)
		profile->process.rss = shot->ledger.rss;
	if (top_source_pid(top->source) == 0)
		recall(top);
	remember_sites(top, shot->time_s, was_there);
	if (is_late && apply_pulse(top) < 0)
		return -ENOMEM;
	/* the pulse was a look already, unless there was nothing to lay it over */
	if (!is_late || top->n_history == 0)
		remember(top, shot->time_s);
	return 0;
}

bool top_update(struct top *top)
{
	struct top_pulse *pulse;
	struct top_shot *shot;
	bool ended = false, news = false;

	top_source_take(top->source, &shot, &pulse, &ended);
	if (pulse)
		news = accept_pulse(top, pulse) >= 0;
	/* of a process that went away meanwhile there is only a part: the one before says more */
	if (shot && ended && top->shot && top->shot->has_ledger && !shot->has_ledger)
		shot = top_shot_free(shot);
	if (shot)
		news = accept_shot(top, shot) >= 0;
	if (ended && !top->ended) {
		top->ended = news = true;
		snprintf(top->message, sizeof(top->message),
			 "the process has ended; this is the last of it, and s saves it");
	}
	return news && top->shot;
}

/* ---- growth ---- */

const struct top_series *top_series_of(const struct top *top, const struct profile_site *site)
{
	const uint32_t index = top->sites[site - top->shot->profile->sites].series;

	return index == TOP_NONE ? NULL : &top->series[index];
}

struct top_growth top_growth(const struct top *top, const struct profile_site *site)
{
	const struct top_series *series = top_series_of(top, site);
	const bool is_known = top->pulse && top->pulse->sites.has_kept;
	const double kept = is_known ? top->sites[site - top->shot->profile->sites].kept : NAN;

	return series ? top_series_growth(series, &top->looks, kept)
		      : (struct top_growth){.slope = NAN};
}

struct top_growth top_total_growth(const struct top *top)
{
	struct top_point points[SLOPE_POINTS];
	const size_t held = MIN(top->n_history, (size_t)TOP_SERIES_POINTS);
	const size_t n = MIN(held, (size_t)SLOPE_POINTS);

	if (n < 2)
		return (struct top_growth){.slope = NAN};
	for (size_t i = 0; i < n; i++) {
		const struct top_moment *moment =
			&top->history[top->n_history - held + i * (held - 1) / (n - 1)];

		points[i].time_s = moment->time_s;
		points[i].value = moment->live != PROFILE_UNKNOWN ? moment->live : moment->rss;
	}
	return top_points_growth(points, (unsigned)n, NAN);
}

double top_age(const struct top *top, const struct profile_site *site)
{
	const struct top_site *beside = &top->sites[site - top->shot->profile->sites];

	return site->oldest_age_s < 0 ? -1
				      : site->oldest_age_s + top->shot->time_s - beside->aged_s;
}

const struct profile_site *top_find_site(const struct profile *profile, uint64_t id)
{
	for (size_t i = 0; i < profile->n_sites; i++)
		if (profile->sites[i].id == id)
			return &profile->sites[i];
	return NULL;
}

/* ---- baseline ---- */

int top_set_baseline(struct top *top)
{
	const struct profile *profile = top->shot->profile;
	struct top_baseline *baseline = &top->baseline;

	top_clear_baseline(top);
	baseline->sites = calloc(profile->n_sites + 1, sizeof(*baseline->sites));
	if (!baseline->sites || map_reserve(&baseline->by_id, profile->n_sites) < 0) {
		top_clear_baseline(top);
		return -ENOMEM;
	}
	for (size_t i = 0; i < profile->n_sites; i++) {
		baseline->sites[i].live_bytes = profile->sites[i].live_bytes;
		baseline->sites[i].live_blocks = profile->sites[i].live_blocks;
		(void)map_set(&baseline->by_id, profile->sites[i].id, i);
		top->sites[i].was = (uint32_t)i;
	}
	baseline->has_ledger = top->shot->has_ledger;
	for (unsigned i = 0; baseline->has_ledger && i < LEDGER_N_OWNERS; i++)
		baseline->resident[i] = top->shot->ledger.lines[i].resident;
	baseline->is_set = true;
	top->n_looks++;
	top_list_forget(top);
	return 0;
}

void top_clear_baseline(struct top *top)
{
	map_deinit(&top->baseline.by_id);
	free(top->baseline.sites);
	top->baseline = (struct top_baseline){};
	top->n_looks++;
	top_list_forget(top);
	for (size_t i = 0; top->shot && i < top->shot->profile->n_sites; i++)
		top->sites[i].was = TOP_NONE;
}

const struct top_was *top_find_was(const struct top *top, const struct profile_site *site)
{
	const uint32_t index = top->sites[site - top->shot->profile->sites].was;

	return index == TOP_NONE ? NULL : &top->baseline.sites[index];
}

const struct top_view *const top_views[TOP_N_VIEWS] = {
	&top_sites, &top_tree,    &top_ledger,   &top_arenas,
	&top_maps,  &top_threads, &top_timeline, &top_events,
};
