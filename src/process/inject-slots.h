/* SPDX-License-Identifier: MIT */
/*
 * inject-slots.h: the words of a process that lead to its allocator, and what they are to hold instead.
 */
#ifndef PROCESS_INJECT_SLOTS_H
#define PROCESS_INJECT_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/inject-modules.h"
#include "region/inject-abi.h"

struct inject_slots {
	/* for struct inject_control; 0 where a variant has no such function */
	uint64_t originals[INJECT_N_VARIANTS][INJECT_N_FUNCTIONS];
	struct inject_range backing[INJECT_N_VARIANTS];
	uint32_t allocator; /* enum mt_allocator, of the first variant */
	uint32_t n_variants;
	struct inject_patch *patches; /* by address */
	size_t n_patches;
	struct inject_group *groups;
	size_t n_groups;
};

/* Finds the originals, what belongs to them, and nothing else. -ENOENT if no module defines malloc. */
int inject_slots_originals(const struct inject_modules *modules, struct inject_slots *ret);

/*
 * Adds the patches: words that lead to originals of control get the hooks, and so do the symbols, for
 * modules that come later; or back: wherever a hook stands, the original is put.
 */
int inject_slots_collect(struct memory *memory, const struct maps *maps,
			 const struct inject_modules *modules, const struct inject_header *header,
			 const struct inject_control *control, bool back,
			 struct inject_slots *slots);

void inject_slots_deinit(struct inject_slots *slots);

#endif
