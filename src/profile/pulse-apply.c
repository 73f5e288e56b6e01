/* SPDX-License-Identifier: MIT */
/*
 * pulse-apply.c: pulses laid over a profile. A profile's site may be made of several of the region's, so what is
 * kept is what each of those had, and a profile's site gets the difference.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/estimate.h"
#include "profile/pulse.h"

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
		struct pulse_site *sites = reallocarray(state->sites, n, sizeof(*sites));

		if (!sites)
			return -ENOMEM;
		memset(sites + state->n_sites, 0, (n - state->n_sites) * sizeof(*sites));
		state->sites = sites;
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

uint32_t pulse_find_site(const struct profile *profile, uint64_t recorded)
{
	return recorded < profile->n_recorded_sites ? profile->recorded_sites[recorded]
						    : PROFILE_NO_SITE;
}

static struct profile_site *find_site(struct profile *profile, uint64_t recorded)
{
	const uint32_t site = pulse_find_site(profile, recorded);

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
