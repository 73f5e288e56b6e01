/* SPDX-License-Identifier: MIT */
/*
 * writer.h: the region from its writer's side: laying it out, and where its tables are.
 *
 * There is one region a process, mapped shared at an address that a forked child keeps: the child maps
 * a new memfd over it, so that pointers into the tables stay good. What the child must know of its
 * parent's blocks stands in private mirrors (live.c, mapindex.c), which the kernel copies on write; the
 * shared pages have moved on by then.
 */
#ifndef AGENT_CORE_WRITER_H
#define AGENT_CORE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "region/abi.h"

/* Hidden; all members are 0 until the region is there. The tables may be written through these. */
struct writer {
	struct mt_header *header;
	uint64_t *stacks;
	struct mt_site *sites;
	struct mt_live *live;
	struct mt_map *maps;
	struct mt_event *ring;
	struct mt_module *modules;
	struct mt_thread *threads;
	char *strings;
	/* capacities, as in the header, but out of reach of whoever writes there */
	uint32_t stacks_capacity, sites_capacity, live_capacity, maps_capacity;
	uint32_t ring_capacity, modules_capacity, threads_capacity, strings_capacity;
	uint64_t region_size;
};
extern _hidden_ struct writer writer;

/* The tables, in the order of the header. */
enum writer_table {
	WRITER_STACKS,
	WRITER_SITES,
	WRITER_LIVE,
	WRITER_MAPS,
	WRITER_RING,
	WRITER_MODULES,
	WRITER_THREADS,
	WRITER_STRINGS,
	WRITER_N_TABLES,
};

struct core_config;

/*
 * Makes and maps a region for this process; the caller hands the descriptor over and closes it. The
 * header has its tables and sizes, state MT_STATE_NEW and no magic. 0 or -errno.
 */
int writer_create(const struct core_config *config, int *ret_fd);

/*
 * In a forked child: makes a region of the same layout, with the parent's stacks, sites (without their
 * counters), modules, strings and threads, and maps it over the parent's. 0 or -errno, in which case
 * nothing may be written to the region any more: it is the parent's or gone.
 */
int writer_create_child(int *ret_fd);

/* Stores the magic: from now on the region is valid. */
void writer_publish(enum mt_state state);

/*
 * Makes sure that the first n_entries of the table can be written. False if that would take more memory
 * than all tables together may, or than the kernel has: the table is full.
 */
bool writer_make_ready(enum writer_table table, uint64_t n_entries);

/* Little memory is left: what is many should leave it to what is rare. */
bool writer_is_scarce(void);

/* Raises a high-water mark in the header; release order, after the entries below it were written. */
void writer_raise32(uint32_t *mark, uint32_t value);
void writer_raise64(uint64_t *mark, uint64_t value);

/* Adds a string; returns its offset, 0 (the empty string) if there is no room. Any thread. */
uint32_t writer_add_string(const char *string, uint32_t length);

/* Puts an event into the ring; time and thread are filled in by the caller. */
void writer_put_event(const struct mt_event *event);

/* Counts something that could not be recorded, and notes that figures are no longer exact. */
void writer_count_lost(uint64_t *counter);
void writer_set_flag(uint32_t flag);

#endif
