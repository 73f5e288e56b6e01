/* SPDX-License-Identifier: MIT */
/* central-spans.h: spans come from the page heap to a class's central list, and go back. For central.c. */
#ifndef HEAP_CENTRAL_SPANS_H
#define HEAP_CENTRAL_SPANS_H

#include <stdint.h>

#include "heap/published.h"

/* A span of which all blocks are free, on its list. NULL if there is no memory. The class's lock is held. */
struct span *central_new_span(struct central *central, unsigned class);

/* Gives those on a list of putback_retire back to the page heap; no lock is held, because the kernel may be called. */
void central_free_spans(uint32_t empties);

#endif
