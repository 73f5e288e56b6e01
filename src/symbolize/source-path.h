/* SPDX-License-Identifier: MIT */
/*
 * source-path.h: where a source file was when it was compiled.
 */
#ifndef SYMBOLIZE_SOURCE_PATH_H
#define SYMBOLIZE_SOURCE_PATH_H

#include "base/map.h"

/* Remembers what was asked. Zeroed is empty. */
struct source_paths {
	struct map paths; /* of files by their name's address, which must not be reused meanwhile */
};

void source_paths_deinit(struct source_paths *paths);

/*
 * The path of file, which is relative to dir if it is relative, from pool. dir may be NULL. A file always
 * comes with the same dir, and both live as long as paths. NULL: no memory.
 */
const char *source_paths_get(struct source_paths *paths, struct string_pool *pool, const char *dir,
			     const char *file);

/* Takes out of path, in place, what does not change where it leads: "//", "/./" and "name/../". */
void source_path_shorten(char *path);

#endif
