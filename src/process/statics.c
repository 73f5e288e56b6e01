/* SPDX-License-Identifier: MIT */
/*
 * statics.c: a file's writable mappings, and what follows them without a gap and has no name.
 */
#include "process/statics.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"

/* Of programs with larger tables, the rest is left alone. */
enum { DATA_MAX = 64 << 20 };

static bool is_named(const char *path, const char *library)
{
	const char *slash = strrchr(path, '/');

	return slash && strncmp(slash + 1, library, strlen(library)) == 0;
}

static bool is_of(const struct space *space, const struct mapping *mapping, const char *library)
{
	const char *exe = space->info ? space->info->exe : NULL;

	return library ? is_named(mapping->path, library) : exe && strcmp(mapping->path, exe) == 0;
}

static bool is_data(const struct mapping *mapping)
{
	return mapping->write && !mapping->shared;
}

bool statics_is_mapped(const struct maps *maps, uint64_t address)
{
	const struct mapping *mapping = maps_find(maps, address);

	return mapping && is_data(mapping) &&
	       (!*mapping->path || strcmp(mapping->path, "[heap]") == 0);
}

int statics_range(struct window *window, uint64_t start, uint64_t end, statics_visit visit,
		  void *userdata)
{
	int r = 0;

	for (uint64_t at = start; r == 0 && at < end;) {
		const size_t want = MIN((size_t)(end - at), (size_t)WINDOW_MAX);
		const void *bytes;
		size_t size;

		r = window_get_some(window, at, want, &bytes, &size);
		if (r < 0)
			return r;
		r = 0;
		for (size_t i = 0; r == 0 && i + 8 <= size; i += 8) {
			uint64_t word;

			memcpy(&word, (const char *)bytes + i, sizeof(word));
			if (word)
				r = visit(at + i, word, userdata);
		}
		at += size;
		/* the page that is not there */
		if (size < want)
			at = ALIGN_DOWN(at, (uint64_t)MEMORY_PAGE_SIZE) + MEMORY_PAGE_SIZE;
	}
	return r;
}

static int visit_file(const struct space *space, struct window *window, const char *library,
		      statics_visit visit, void *userdata)
{
	const struct maps *maps = space->maps;
	bool follows = false;
	uint64_t end = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < maps->n_mappings; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		const bool is_own = *mapping->path && is_of(space, mapping, library);

		follows = is_own || (follows && mapping->start == end && !*mapping->path);
		end = mapping->end;
		if (follows && is_data(mapping))
			r = statics_range(window, mapping->start,
					  MIN(end, mapping->start + DATA_MAX), visit, userdata);
	}
	return r;
}

static bool has_file(const struct maps *maps, const char *library)
{
	for (size_t i = 0; i < maps->n_mappings; i++)
		if (is_named(maps->mappings[i].path, library))
			return true;
	return false;
}

int statics_words(const struct space *space, const char *library, statics_visit visit,
		  void *userdata)
{
	_cleanup_(window_deinit) struct window window = {};
	int r = window_init(&window, space->memory);

	if (r < 0)
		return r;
	return visit_file(space, &window, has_file(space->maps, library) ? library : NULL, visit,
			  userdata);
}
