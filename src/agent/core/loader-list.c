/* SPDX-License-Identifier: MIT */
/*
 * loader-list.c: walking it without the loader's lock, which whoever called malloc may hold.
 *
 * Context: any thread, inside malloc, signal handlers, forked children.
 *
 * Another thread may take an entry out and free it at any moment. So the walk stops while the loader says
 * that it takes entries out, asks the kernel before it touches an entry, and goes on only to an entry that
 * says it comes after the one before, as debuggers do: freed memory that something else is in by now has no
 * such link, and a list that is being changed cannot lead in a circle. What is left is that an entry's page
 * goes between the kernel's answer and the read: loaders take entries from malloc, which keeps its pages
 * longer than that.
 */
#include "agent/core/loader-list.h"

#include "agent/core/sys.h"

enum { LIST_MAX = 1 << 16, LOADER_REMOVES = 2, PATH_MAX_LENGTH = 4096, LEAST_PAGE = 4096 };

/* An entry may have been freed: that is known, and the sanitizer need not say it. */
#define MAY_BE_FREED __attribute__((no_sanitize_address))

void loader_walk_begin(struct loader_walk *walk, const struct loader_debug *debug)
{
	*walk = (struct loader_walk){.debug = debug};
	if (debug && sys_is_readable((uintptr_t)debug, sizeof(*debug)))
		walk->next = __atomic_load_n(&debug->r_map, __ATOMIC_ACQUIRE);
}

/* Word by word: a call of memcpy would be the sanitizer's. */
MAY_BE_FREED static void copy_entry(const struct loader_map *from, struct loader_map *ret)
{
	const volatile struct loader_map *entry = from;

	ret->l_addr = entry->l_addr;
	ret->l_name = entry->l_name;
	ret->l_ld = entry->l_ld;
	ret->l_next = entry->l_next;
	ret->l_prev = entry->l_prev;
}

bool loader_walk_next(struct loader_walk *walk)
{
	const struct loader_map *before = walk->at;

	if (!walk->next || walk->n++ == LIST_MAX ||
	    __atomic_load_n(&walk->debug->r_state, __ATOMIC_ACQUIRE) == LOADER_REMOVES ||
	    !sys_is_readable((uintptr_t)walk->next, sizeof(*walk->next)))
		return false;
	walk->at = walk->next;
	copy_entry(walk->at, &walk->entry);
	if (walk->entry.l_prev != before)
		return false;
	walk->next = walk->entry.l_next;
	walk->is_whole = !walk->next;
	return true;
}

/* Whether path's last part is name; at most as many characters as are readable. */
MAY_BE_FREED static bool is_named(const char *path, const char *name)
{
	const char *last = path;

	for (unsigned i = 0; i < PATH_MAX_LENGTH; i++) {
		const uintptr_t at = (uintptr_t)&path[i];

		if ((i == 0 || IS_ALIGNED(at, (uintptr_t)LEAST_PAGE)) && !sys_is_readable(at, 1))
			return false;
		if (!path[i])
			break;
		if (path[i] == '/')
			last = &path[i + 1];
	}
	while (*last && *last == *name) {
		last++;
		name++;
	}
	return *last == *name;
}

bool loader_find_library(const struct loader_debug *debug, const char *name, struct loader_map *ret)
{
	struct loader_walk walk;

	for (loader_walk_begin(&walk, debug); loader_walk_next(&walk);)
		if (walk.entry.l_name && is_named(walk.entry.l_name, name)) {
			*ret = walk.entry;
			return true;
		}
	return false;
}
