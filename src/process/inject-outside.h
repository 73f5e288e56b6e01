/* SPDX-License-Identifier: MIT */
/*
 * inject-outside.h: whether a stopped thread can be made to call a function of the process's allocator:
 * it must not be inside of one already, with a lock held or a list half linked.
 */
#ifndef PROCESS_INJECT_OUTSIDE_H
#define PROCESS_INJECT_OUTSIDE_H

#include <stdbool.h>

#include "process/inject-remote.h"
#include "region/inject-abi.h"

/* Code in which a thread may be working for the allocator. */
struct outside {
	struct inject_range *modules; /* libc, the allocator, the agent, the loader */
	size_t n_modules;
	struct inject_range
		allocator; /* of these the one that has the allocator, if it is not libc; or 0 */
	uint64_t handler_return; /* where libc lets signal handlers return to; 0: not known */
};

/* A remote_suits. It errs on the side of no. */
bool outside_suits(struct remote *remote, const struct maps *maps, const void *outside);

/* Whether a thread in that system call is not in an allocator, if its caller is not. */
bool outside_is_idle_call(long number);

#endif
