/* SPDX-License-Identifier: MIT */
/*
 * loader-list.h: the loader's public list of modules (r_debug of the System V ABI), read while it may be
 * changing.
 *
 *	for (loader_walk_begin(&walk, debug); loader_walk_next(&walk);)
 *		look at walk.entry;
 *	if (walk.is_whole) there was no other
 */
#ifndef AGENT_CORE_LOADER_LIST_H
#define AGENT_CORE_LOADER_LIST_H

#include <stdbool.h>
#include <stdint.h>

/* The public head of glibc's and musl's struct link_map. */
struct loader_map {
	uint64_t l_addr; /* load bias */
	const char *l_name;
	const void *l_ld; /* its dynamic section in memory */
	struct loader_map *l_next, *l_prev;
};

struct loader_debug {
	int r_version;
	struct loader_map *r_map;
	uint64_t r_brk;
	int r_state; /* 0 while the list is whole */
	uint64_t r_ldbase;
};

struct loader_walk {
	const struct loader_map *at; /* the loader's entry: not to be read, it may be gone */
	struct loader_map entry;     /* a copy of it */
	bool is_whole;               /* after the end: every entry was met */
	/* private */
	const struct loader_debug *debug;
	const struct loader_map *next;
	unsigned n;
};

/* debug may be NULL: then there is no entry, and the walk is not whole. */
void loader_walk_begin(struct loader_walk *walk, const struct loader_debug *debug);
/* False at the end, and where the list can't be followed: entries are being taken out, or not readable. */
bool loader_walk_next(struct loader_walk *walk);

/* Copies the entry of the library whose file has that name; false if it is not met. */
bool loader_find_library(const struct loader_debug *debug, const char *name,
			 struct loader_map *ret);

#endif
