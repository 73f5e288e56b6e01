/* SPDX-License-Identifier: MIT */
/*
 * glibc-params.h: the thresholds and counts of a process's malloc, its struct malloc_par, found without
 * a symbol.
 */
#ifndef PROCESS_GLIBC_PARAMS_H
#define PROCESS_GLIBC_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "process/glibc-state.h"

struct glibc_params {
	uint64_t trim_threshold, top_pad, mmap_threshold;
	uint64_t thp_page_size, huge_page_size; /* 0: not asked for, or a glibc before 2.35 */
	uint32_t n_mmaps, max_mmaps;            /* now, and the most there ever were */
	uint64_t mmapped, peak_mmapped;         /* bytes */
	bool fixed;                             /* the thresholds were set and do not adapt */
	uint64_t sbrk_base; /* where the main arena's memory begins; 0 if it never got any */
};

/* Returns 1 if found, 0 if nothing, or more than one thing, in data can be it. */
int glibc_params_find(const struct glibc_data *data, const struct maps *maps,
		      const struct glibc_state *main, struct glibc_params *ret);

#endif
