/* SPDX-License-Identifier: MIT */
/*
 * modules-counters.c: finding the loader's own count of loads.
 *
 * Context: once, when the agent starts.
 *
 * dl_iterate_phdr reports two counters, but takes a lock that a forked child may find held forever. Of
 * the two, glibc stores adds in _rtld_global, right behind its recursive locks (two of them up to 2.35,
 * three since), and computes subs from the number of modules in each namespace, where the main one
 * comes first. The locks are recognised by their kind, which is set when they are defined and never
 * changes:
 *
 *   _rtld_global      +8                          -80      -40     0
 *   first link_map    modules in namespace 0 ...  lock     lock    adds
 */
#include "agent/core/modules.h"

enum {
	LOCK_SIZE = 40,     /* pthread_mutex_t; 48 on aarch64 */
	LOCK_KIND = 16,     /* its __kind */
	LOCK_RECURSIVE = 1, /* PTHREAD_MUTEX_RECURSIVE_NP */
	COUNT_PLACE = 8,    /* of _ns_nloaded in the first struct link_namespaces */
};

static size_t lock_size(void)
{
#if defined(__aarch64__)
	return 48;
#else
	return LOCK_SIZE;
#endif
}

static bool is_lock(const uint8_t *at)
{
	int32_t kind;

	__builtin_memcpy(&kind, at + LOCK_KIND, sizeof(kind));
	return kind == LOCK_RECURSIVE;
}

bool modules_find_counters(const void *start, size_t size, uint64_t adds, uint64_t subs,
			   const uint64_t **ret_adds, const uint64_t **ret_subs)
{
	const uint8_t *bytes = start;
	const uint64_t *found = NULL, *count = (const uint64_t *)(bytes + COUNT_PLACE);
	size_t lock = lock_size();

	if (!start || !IS_ALIGNED((uintptr_t)start, 8u) || adds == 0)
		return false;
	for (size_t at = 2 * lock; at + 8 <= size; at += 8) {
		const uint64_t *word = (const uint64_t *)(bytes + at);

		if (*word != adds || !is_lock(bytes + at - lock) || !is_lock(bytes + at - 2 * lock))
			continue;
		if (found)
			return false;
		found = word;
	}
	if (!found)
		return false;
	*ret_adds = found;
	/* the number is 32 bits wide and followed by padding that stays 0 */
	*ret_subs = *count == adds - subs ? count : NULL;
	return true;
}
