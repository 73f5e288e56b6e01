/* SPDX-License-Identifier: MIT */
/*
 * pytypes.c: see the header.
 *
 * An object of CPython is { reference count, type *, … }; the collector's header of two words comes before
 * it in types that can be parts of cycles. A type is an object as well: { count, type *, size, name *, …},
 * its type is `type` or derives from it, and following the types of types ends, in a step or two, at
 * `type`, whose type is itself. That and a name made of letters that names are made of is the proof. These
 * fields have stood at the same places from Python 2.7 to 3.12; builds with Py_TRACE_REFS or without the
 * global lock have others, and there nothing is found.
 *
 * Small objects of Python do not come from malloc one by one but out of arenas of its own.
 */
#include "process/pytypes.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"

enum { TYPE_WORDS = 4, NAME_MAX_SIZE = 256, META_MAX = 4, GC_WORDS = 2 };
/* Objects that live forever have 2^30 or 2^32 - 1 of them since 3.12. */
static const uint64_t references_max = UINT32_MAX;

static bool is_interpreter(const char *path)
{
	const char *base = strrchr(path, '/');

	return base && (!strncmp(base, "/python2", 8) || !strncmp(base, "/python3", 8) ||
			!strncmp(base, "/libpython", 10));
}

int pytypes_init(struct pytypes *pytypes, const struct space *space, struct imagereader *reader)
{
	*pytypes = (struct pytypes){.space = space, .reader = reader};
	for (size_t i = 0; i < space->maps->n_mappings && !pytypes->is_python; i++)
		pytypes->is_python = is_interpreter(space->maps->mappings[i].path);
	pytypes->pool = string_pool_new();
	return pytypes->pool ? 0 : -ENOMEM;
}

void pytypes_deinit(struct pytypes *pytypes)
{
	map_deinit(&pytypes->types);
	string_pool_free(pytypes->pool);
	*pytypes = (struct pytypes){0};
}

static bool is_name(const char *name)
{
	const char *at = name;

	if (!isalpha((unsigned char)*at) && *at != '_')
		return false;
	for (; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("_.<>-", *at))
			return false;
	return true;
}

/* count, type, size, name */
static bool read_type(struct pytypes *pytypes, uint64_t address, uint64_t words[TYPE_WORDS])
{
	return address % sizeof(uint64_t) == 0 && address >= MEMORY_PAGE_SIZE &&
	       maps_find(pytypes->space->maps, address) &&
	       imagereader_read(pytypes->reader, address, words, TYPE_WORDS * sizeof(*words)) ==
		       0 &&
	       words[0] && words[0] <= references_max && words[1];
}

static bool read_name(struct pytypes *pytypes, uint64_t type, char name[NAME_MAX_SIZE])
{
	uint64_t words[TYPE_WORDS], meta[TYPE_WORDS], address = type;
	int i;

	if (!read_type(pytypes, type, words))
		return false;
	memcpy(meta, words, sizeof(meta));
	for (i = 0; i < META_MAX && meta[1] != address; i++) {
		address = meta[1];
		if (!read_type(pytypes, address, meta))
			return false;
	}
	if (i == META_MAX || imagereader_read_text(pytypes->reader, meta[3], name, 8) < 0 ||
	    strcmp(name, "type") != 0)
		return false;
	return imagereader_read_text(pytypes->reader, words[3], name, NAME_MAX_SIZE) == 0 &&
	       is_name(name);
}

static int find_type(struct pytypes *pytypes, uint64_t type, const char **ret)
{
	uint64_t *known = map_find(&pytypes->types, type);
	char name[NAME_MAX_SIZE];

	*ret = NULL;
	if (known) {
		*ret = (const char *)(uintptr_t)*known;
		return 0;
	}
	if (type % sizeof(uint64_t) || !maps_find(pytypes->space->maps, type))
		return 0;
	if (read_name(pytypes, type, name)) {
		*ret = string_pool_add(pytypes->pool, name);
		if (!*ret)
			return -ENOMEM;
	}
	return map_set(&pytypes->types, type, (uintptr_t)*ret);
}

int pytypes_find(struct pytypes *pytypes, const uint64_t *words, size_t n, const char **ret)
{
	int r = 0;

	*ret = NULL;
	if (!pytypes->is_python)
		return 0;
	if (n > 1 && words[0] && words[0] <= references_max)
		r = find_type(pytypes, words[1], ret);
	if (r == 0 && !*ret && n > GC_WORDS + 1 && words[GC_WORDS] &&
	    words[GC_WORDS] <= references_max)
		r = find_type(pytypes, words[GC_WORDS + 1], ret);
	return r;
}
