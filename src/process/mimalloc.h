/* SPDX-License-Identifier: MIT */
/*
 * mimalloc.h: what mimalloc (2.0.3 to 2.1) holds, read from outside by the shape of its segments.
 */
#ifndef PROCESS_MIMALLOC_H
#define PROCESS_MIMALLOC_H

#include "process/arenas.h"
#include "process/maps.h"
#include "process/memory.h"

/* Adds one arena and its ranges. 0 if there is no segment; -EBADMSG if none has a form that is known. */
int mimalloc_read(struct memory *memory, const struct maps *maps, struct arenas *ret);

#endif
