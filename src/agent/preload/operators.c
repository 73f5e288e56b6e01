/* SPDX-License-Identifier: MIT */
/*
 * operators.c: see operators.h. Cold: memory has run out.
 *
 * The definition is searched in every module and not only in those of the global scope, since the C++
 * runtime may have come with a plugin. An exception passes through the frames here: the library has
 * unwind tables as every other, and nothing to clean up.
 */
#include "agent/preload/operators.h"

#include <stdlib.h>

#include "agent/preload/boot.h"
#include "agent/preload/linkmap.h"

/*
 * In system mode the next definition, as the program would have it. In fast mode that of a C++ runtime:
 * another allocator's own operator would allocate from there, and not every one can throw.
 */
static void *find(const char *name)
{
	void *address = linkmap_find_next(name, NULL), *better;
	const struct link_map *module;

	for (module = linkmap_first(); module && boot_mode == BOOT_FAST; module = module->l_next) {
		if (!linkmap_find(module, "__cxa_throw", NULL))
			continue;
		better = linkmap_find(module, name, NULL);
		if (better)
			return better;
	}
	/*
	 * Whoever called the operator was linked against a definition; without one there is nobody who
	 * could throw, and returning NULL would be used as a block.
	 */
	if (!address)
		abort();
	return address;
}

void *operators_new_failed(const char *name, size_t size)
{
	void *(*next)(size_t) = find(name);

	return next(size);
}

void *operators_new_failed_nothrow(const char *name, size_t size, const void *nothrow)
{
	void *(*next)(size_t, const void *) = find(name);

	return next(size, nothrow);
}

void *operators_new_failed_aligned(const char *name, size_t size, size_t align)
{
	void *(*next)(size_t, size_t) = find(name);

	return next(size, align);
}

void *operators_new_failed_aligned_nothrow(const char *name, size_t size, size_t align,
					   const void *nothrow)
{
	void *(*next)(size_t, size_t, const void *) = find(name);

	return next(size, align, nothrow);
}
