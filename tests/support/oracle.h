/* SPDX-License-Identifier: MIT */
/*
 * oracle.h: what libunwind says about the calling thread's stack, in the form of our frames; and what an
 * embedder of the core finds out about the loader. Shared by the unit tests and by the library that
 * compares stacks in real programs.
 */
#ifndef TESTS_SUPPORT_ORACLE_H
#define TESTS_SUPPORT_ORACLE_H

#include <stdint.h>

#include "agent/core/modules.h"

/*
 * Writes the pcs of the caller's stack as they stand in our frames: return addresses, and pc + 1 where
 * a signal interrupted. The first is the place of the call. Returns their number.
 */
unsigned oracle_trace(uint64_t *ret_pcs, unsigned max);

void oracle_find_loader(struct modules_loader *ret);

#endif
