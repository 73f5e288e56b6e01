/* SPDX-License-Identifier: MIT */
/*
 * pulse-slots.h: what the reader of pulses keeps of a region's live slots. Only pulse.c and pulse-kept.c use it.
 */
#ifndef PROFILE_PULSE_SLOTS_H
#define PROFILE_PULSE_SLOTS_H

#include "profile/pulse.h"

/* What a slot adds, and where to. */
struct pulse_slot {
	uint64_t size;
	uint64_t time_ns : 62;
	uint64_t is_heap : 1;   /* of malloc */
	uint64_t is_mapped : 1; /* counts as mapped by the program */
	uint32_t site;          /* 0: to none */
	uint32_t interval;
};

struct pulse_slots {
	struct pulse_slot *slots;
	size_t n;
};

/* Fills in what is kept at each site, if blocks are not too many and there is memory for it. */
void pulse_list_kept(const struct pulse_slots *live, const struct pulse_slots *maps, size_t n_sites,
		     struct pulse *ret);

#endif
