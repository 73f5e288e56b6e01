/* SPDX-License-Identifier: MIT */
/*
 * writer.h: the region from its writer's side: laying it out, and where its tables are.
 *
 * There is one region a process, mapped shared at an address that a forked child keeps: the child maps
 * a new memfd over it, so that pointers into the tables stay good. What the child must know of its
 * parent's blocks stands in private mirrors (recorder.c), which the kernel copies on write; the shared
 * pages have moved on by then.
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
};
extern _hidden_ struct writer writer;

/* Adds a string; returns its offset, 0 (the empty string) if there is no room. Any thread. */
uint32_t writer_add_string(const char *string, uint32_t length);

/* Puts an event into the ring; time and thread are filled in by the caller. */
void writer_put_event(const struct mt_event *event);

#endif
