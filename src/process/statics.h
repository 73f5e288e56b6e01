/* SPDX-License-Identifier: MIT */
/*
 * statics.h: the words in a library's or a program's own data that may lead to what it has allocated. Where
 * the names of its variables are gone, they are found by what their words lead to.
 */
#ifndef PROCESS_STATICS_H
#define PROCESS_STATICS_H

#include <stdbool.h>
#include <stdint.h>

#include "process/space.h"
#include "process/window.h"

/* Nonzero ends the visit and is returned. */
typedef int (*statics_visit)(uint64_t address, uint64_t word, void *userdata);

/*
 * Visits the words that are aligned, not zero, and resident: in the data of the files whose names begin with
 * library ("libjemalloc"), or, if there are none, of the program; and in the zeroed data behind it. -ENOMEM, -ESRCH.
 */
int statics_words(const struct space *space, const char *library, statics_visit visit,
		  void *userdata);

/* The same of [start, end). */
int statics_range(struct window *window, uint64_t start, uint64_t end, statics_visit visit,
		  void *userdata);

/* Whether address is in memory that the process has got for itself, by mmap or brk. */
bool statics_is_mapped(const struct maps *maps, uint64_t address);

#endif
