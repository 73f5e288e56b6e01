/* SPDX-License-Identifier: MIT */
/*
 * runtimes.c: which runtimes are in the process is known by the names of its images, since most of them
 * live in a library or a program of a fixed name. Only then their memory is looked for. Go has no library;
 * its heap begins at an address of its own.
 *
 * What is left at the end are anonymous mappings that nobody recognised. In a process without glibc that
 * is Go's, they are Go's; in a Java process, HotSpot's (metaspace, the collector's tables and the
 * compilers' memory are mapped one by one and carry no marks); where another allocator serves malloc, those
 * of a size that it would map are taken for its own: where the kernel has merged them with neighbours not
 * even their alignment is left to go by. What the program maps itself cannot be told from it.
 */
#include "process/runtimes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "process/linked.h"
#include "process/runtime-jvm.h"
#include "process/runtime-shapes.h"

static const uint64_t go_heap = 0xc000000000, go_heap_end = 0xd000000000;

enum runtime { JVM, V8, PYTHON, PHP, RUBY, LIBC, N_RUNTIMES };

/* ZGC's heap is shared memory, which it maps at several addresses at once: each counts as resident. */
static const char zgc_heap[] = "/memfd:java_heap";

/* Beginnings of the names of files without their folders. */
static const struct {
	const char *prefix;
	enum runtime runtime;
} images[] = {
	{"libjvm.so", JVM},  {"node", V8},           {"libnode", V8},   {"libv8", V8},
	{"chrome", V8},      {"chromium", V8},       {"electron", V8},  {"deno", V8},
	{"python3", PYTHON}, {"libpython3", PYTHON}, {"php", PHP},      {"libphp", PHP},
	{"mod_php", PHP},    {"ruby", RUBY},         {"libruby", RUBY}, {"libc.so", LIBC},
	{"libc-2", LIBC},    {"ld-musl", LIBC},
};

/* Allocators that replace libc's, and the least that they map. */
static const struct {
	const char *prefix, *name;
	uint64_t smallest;
} allocators[] = {
	{"libjemalloc", "jemalloc", 64 << 10},
	{"libtcmalloc", "tcmalloc", 64 << 10},
	{"libmimalloc", "mimalloc", 64 << 10},
};

static const struct {
	enum runtime runtime;
	int (*find)(const struct mapping *mapping, struct memory *memory, struct areas *areas);
} shapes[] = {
	{V8, runtime_shapes_v8},
	{PYTHON, runtime_shapes_python},
	{PHP, runtime_shapes_php},
	{RUBY, runtime_shapes_ruby},
};

static const char *base_name(const struct mapping *mapping)
{
	const char *slash = strrchr(mapping->path, '/');

	return mapping->path[0] == '/' ? slash + 1 : "";
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void find_runtimes(const struct maps *maps, bool *ret)
{
	for (size_t i = 0; i < maps->n_mappings; i++) {
		const char *name = base_name(&maps->mappings[i]);

		for (size_t k = 0; name[0] && k < ARRAY_SIZE(images); k++)
			if (maps->mappings[i].exec && begins_with(name, images[k].prefix))
				ret[images[k].runtime] = true;
	}
}

/* Index in allocators, or -1. */
static ssize_t find_allocator(const struct maps *maps)
{
	for (size_t i = 0; i < maps->n_mappings; i++)
		for (size_t k = 0; k < ARRAY_SIZE(allocators); k++)
			if (maps->mappings[i].exec &&
			    begins_with(base_name(&maps->mappings[i]), allocators[k].prefix))
				return (ssize_t)k;
	return -1;
}

const char *runtimes_allocator(const struct maps *maps)
{
	ssize_t found = find_allocator(maps);

	return found < 0 ? NULL : allocators[found].name;
}

/* The same of one that may be linked into the program. */
static int find_any_allocator(const struct space *space, ssize_t *ret)
{
	struct linked_allocator linked = {};
	int r = 0;

	*ret = find_allocator(space->maps);
	if (*ret < 0)
		r = linked_find(space, &linked);
	for (size_t i = 0; linked.name && i < ARRAY_SIZE(allocators); i++)
		if (strcmp(allocators[i].name, linked.name) == 0)
			*ret = (ssize_t)i;
	return r;
}

static bool is_anonymous(const struct mapping *mapping)
{
	return mapping->path[0] == '\0' && !mapping->shared;
}

static int add(struct areas *areas, const struct mapping *mapping, enum area_kind kind,
	       const char *label)
{
	struct area *area = areas_add(areas);

	if (!area)
		return -ENOMEM;
	area->start = mapping->start;
	area->end = mapping->end;
	area->kind = kind;
	snprintf(area->label, sizeof(area->label), "%s", label);
	return 0;
}

static int find_shapes(const struct space *space, const bool *has, struct areas *areas)
{
	for (size_t i = 0; i < space->maps->n_mappings; i++) {
		const struct mapping *mapping = &space->maps->mappings[i];

		if (!is_anonymous(mapping) || !mapping->read)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(shapes); k++) {
			int r = has[shapes[k].runtime]
					? shapes[k].find(mapping, space->memory, areas)
					: 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static bool has_go_heap(const struct maps *maps)
{
	const struct mapping *mapping = maps_find(maps, go_heap);

	return mapping && mapping->start == go_heap && is_anonymous(mapping);
}

/* One kind for what nobody else claims of a mapping. */
static int add_rest(const struct mapping *mapping, const bool *has, bool is_go, ssize_t allocator,
		    struct areas *areas)
{
	const bool in_go_heap = mapping->start >= go_heap && mapping->start < go_heap_end;

	if (is_go && (in_go_heap || !has[LIBC]) && !mapping->exec)
		return add(areas, mapping, AREA_GO, in_go_heap ? "heap" : "runtime");
	if (has[JVM] && !mapping->exec)
		return add(areas, mapping, AREA_JVM, "");
	if (allocator >= 0 && !mapping->exec &&
	    mapping->end - mapping->start >= allocators[allocator].smallest)
		return add(areas, mapping, AREA_HEAP, allocators[allocator].name);
	return 0;
}

int runtimes_find(const struct space *space, struct areas *areas)
{
	const struct maps *maps = space->maps;
	const bool is_go = has_go_heap(maps);
	bool has[N_RUNTIMES] = {};
	ssize_t allocator;
	int r = find_any_allocator(space, &allocator);

	find_runtimes(maps, has);
	if (r >= 0 && has[JVM])
		r = runtime_jvm_find(space, areas);
	if (r >= 0)
		r = find_shapes(space, has, areas);
	for (size_t i = 0; i < maps->n_mappings && r >= 0; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (has[JVM] && begins_with(mapping->path, zgc_heap)) {
			r = add(areas, mapping, AREA_JVM_HEAP, "");
			continue;
		}
		if (is_anonymous(mapping) ||
		    (allocator >= 0 && strcmp(mapping->path, "[heap]") == 0))
			r = add_rest(mapping, has, is_go, allocator, areas);
	}
	return r;
}
