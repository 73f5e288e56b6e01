/* SPDX-License-Identifier: MIT */
/*
 * tidy.h: giving back what was cached and is not needed, on the way. There is no thread for it: each
 * thread comes by about once in TIDY_BYTES that it allocates, and now and then when it only frees.
 */
#ifndef HEAP_TIDY_H
#define HEAP_TIDY_H

#include <stdint.h>

struct threadcache;

#define TIDY_BYTES (1 << 20)

/* Looks at the clock and does what is due. The cache is entered, no lock is held. */
void tidy_visit(struct threadcache *cache);

#endif
