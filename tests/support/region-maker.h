/* SPDX-License-Identifier: MIT */
/*
 * region-maker.h: regions for tests and fuzz seeds, made without an agent.
 */
#ifndef TESTS_SUPPORT_REGION_MAKER_H
#define TESTS_SUPPORT_REGION_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include "region/abi.h"

struct region_maker {
	uint8_t *bytes; /* the region; the owner may write anything into it */
	size_t size;
	struct mt_header *header; /* at bytes */
};

/* An empty, valid region of a few kilobytes: room for 15 of each entry, 16 events, 256 bytes of strings. */
void region_maker_init(struct region_maker *maker);
/* The same with entries that are extra bytes longer than those of this version. */
void region_maker_init_grown(struct region_maker *maker, uint32_t extra);
void region_maker_deinit(struct region_maker *maker);

/* Each adds one entry with sensible fields and returns its index; the test aborts if there is no room. */
uint32_t region_maker_add_string(struct region_maker *maker, const char *text);
uint32_t region_maker_add_module(struct region_maker *maker, const char *path, uint64_t start,
				 uint64_t end);
uint32_t region_maker_add_thread(struct region_maker *maker, uint32_t tid, const char *name);
uint32_t region_maker_add_site(struct region_maker *maker, enum mt_site_kind kind,
			       const uint64_t *frames, uint32_t n_frames);
/* Counts in the site, too. */
uint32_t region_maker_add_live(struct region_maker *maker, uint64_t addr, uint64_t size,
			       uint32_t site, uint32_t thread);
uint32_t region_maker_add_map(struct region_maker *maker, uint64_t start, uint64_t size,
			      uint32_t site, uint32_t flags);
void region_maker_add_event(struct region_maker *maker, enum mt_event_type type, uint64_t addr,
			    uint64_t size, uint32_t site);

/* The entry in the region, for tests that damage it. */
void *region_maker_entry(const struct region_maker *maker, const struct mt_table *table,
			 uint32_t index);

/* Two modules, two threads, three sites with live blocks, one mapping, some events. */
void region_maker_fill(struct region_maker *maker);

/* A memfd with the region in it, with F_SEAL_* of seals. */
int region_maker_memfd(const struct region_maker *maker, int seals);

#endif
