/* SPDX-License-Identifier: MIT */
/*
 * fork-guard.c: the page that is wiped in a forked child (madvise(2), MADV_WIPEONFORK, Linux 4.14).
 *
 * pthread_atfork does not see a raw clone and getpid cannot be cached under vfork; this page is right in
 * every case. The lock in it needs no reset: it is wiped with the page.
 */
#include "agent/core/fork-guard.h"

struct fork_guard *fork_guard;

int fork_guard_init(void)
{
	struct fork_guard *guard;
	int r;

	if (fork_guard)
		return 0;
	guard = sys_map_private(sys_page_size());
	if (!guard)
		return -SYS_ENOMEM;
	r = sys_madvise(guard, sys_page_size(), SYS_MADV_WIPEONFORK);
	if (r < 0) {
		sys_unmap(guard, sys_page_size());
		return r;
	}
	fork_guard = guard;
	return 0;
}
