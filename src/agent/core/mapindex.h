/* SPDX-License-Identifier: MIT */
/*
 * mapindex.h: what is mapped, as ranges that do not overlap, in private memory.
 *
 * A plain data structure for one user at a time: maps.c holds the lock and decides what calls mean.
 * Entries have numbers, which are those of the region's table; whoever uses the index is told of every
 * entry that changed, and of every piece that went.
 */
#ifndef AGENT_CORE_MAPINDEX_H
#define AGENT_CORE_MAPINDEX_H

#include <stdbool.h>
#include <stdint.h>

struct mapindex_range {
	uint64_t start; /* 0: the entry is free */
	uint64_t size;
	uint64_t time_ns;
	uint32_t site;
	uint32_t thread;
	uint32_t flags; /* enum mt_map_flags */
	uint32_t prot;
};

struct mapindex_hooks {
	/* Entry number changed; its start is 0 if it is free now. Never two entries overlap at a call. */
	void (*changed)(uint32_t number, const struct mapindex_range *range);
	/* bytes of range are gone, and n_blocks fewer (1 whole, 0 a part) or more (-1: it fell in two). */
	void (*removed)(const struct mapindex_range *range, uint64_t bytes, int n_blocks);
	/* A piece could not be kept for want of entries. */
	void (*lost)(const struct mapindex_range *range);
};

struct mapindex_node;

struct mapindex {
	struct mapindex_node *nodes; /* entry 0 is unused */
	uint32_t capacity;
	uint32_t n_used;     /* entries ever used, from 1 on */
	uint32_t root, free; /* numbers; 0 for none */
	const struct mapindex_hooks *hooks;
};

/* 0 or -errno. */
int mapindex_init(struct mapindex *index, uint32_t capacity, const struct mapindex_hooks *hooks);

/* Adds a range of which no part is there. False, and the hook lost was called, if there is no room. */
bool mapindex_insert(struct mapindex *index, const struct mapindex_range *range);

/* Takes out whatever is in [start, start + size). */
void mapindex_remove(struct mapindex *index, uint64_t start, uint64_t size);

/* What is in [start, start + size) moves to [to, to + size), where nothing is and which is apart. */
void mapindex_move(struct mapindex *index, uint64_t start, uint64_t size, uint64_t to);

/* The entry that holds addr, NULL if none does. */
const struct mapindex_range *mapindex_find(const struct mapindex *index, uint64_t addr);

/*
 * The entry that ends at end grows by size bytes; nothing is in [end, end + size). False if no entry
 * ends there.
 */
bool mapindex_extend(struct mapindex *index, uint64_t end, uint64_t size);

/*
 * In a forked child: the tree may have been copied in the middle of a change by another thread; the
 * entries are put into a new one. Entries that overlap others are dropped.
 */
void mapindex_rebuild(struct mapindex *index);

/* Calls function for each entry in use, in the order of numbers. */
void mapindex_for_each(const struct mapindex *index,
		       void (*function)(uint32_t number, struct mapindex_range *range));

/* Whether the order, the heap property and the counts hold: for tests. */
bool mapindex_is_valid(const struct mapindex *index);

uint64_t mapindex_own_bytes(const struct mapindex *index);

#endif
