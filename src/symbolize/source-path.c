/* SPDX-License-Identifier: MIT */
/*
 * source-path.c: "build" and "../src/a.c" to "src/a.c".
 *
 * Build systems call the compiler in a folder of their own, with paths that lead out of it again, and
 * debug information has both as they were. People know the file by the shortest path. That "name/.." is
 * nothing is not true where name is a symbolic link, but the folder may be gone, or on another machine,
 * and so nobody can tell.
 */
#include "symbolize/source-path.h"

#include <string.h>

void source_paths_deinit(struct source_paths *paths)
{
	map_deinit(&paths->paths);
}

/* Whether the part is ".." or so; length is without the slash. */
static bool part_is(const char *part, size_t length, const char *what)
{
	return length == strlen(what) && memcmp(part, what, length) == 0;
}

void source_path_shorten(char *path)
{
	bool is_absolute = path[0] == '/';
	size_t root = is_absolute ? 1 : 0, done = root;
	/* a slash may replace the zero there */
	const char *end = path + strlen(path);

	for (const char *part = path + root; part < end;) {
		const char *slash = memchr(part, '/', (size_t)(end - part));
		size_t length = (size_t)((slash ?: end) - part);
		size_t before = done > root ? done - 1 : root;

		/* where the last part that was kept begins */
		while (before > root && path[before - 1] != '/')
			before--;
		if (length == 0 || part_is(part, length, ".")) {
			/* nothing */
		} else if (part_is(part, length, "..") && done > root &&
			   !part_is(path + before, done - 1 - before, "..")) {
			done = before;
		} else if (!part_is(part, length, "..") || !is_absolute) {
			memmove(path + done, part, length);
			done += length;
			path[done++] = '/';
		}
		part += length + 1;
	}
	/* the slash behind the last part, or what is left of nothing */
	path[done > root ? done - 1 : done] = 0;
}

const char *source_paths_get(struct source_paths *paths, struct string_pool *pool, const char *dir,
			     const char *file)
{
	_cleanup_free_ char *path = NULL;
	const char *pooled = map_get_ptr(&paths->paths, (uintptr_t)file);
	size_t size = strlen(file) + 2;

	if (pooled)
		return pooled;
	if (file[0] == '/' || !dir)
		dir = "";
	size += strlen(dir);
	path = malloc(size);
	if (!path)
		return NULL;
	snprintf(path, size, "%s%s%s", dir, dir[0] ? "/" : "", file);
	source_path_shorten(path);
	pooled = string_pool_add(pool, path);
	if (!pooled || map_set(&paths->paths, (uintptr_t)file, (uintptr_t)pooled) < 0)
		return NULL;
	return pooled;
}
