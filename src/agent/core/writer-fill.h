/* SPDX-License-Identifier: MIT */
/*
 * writer-fill.h: what writer.c, which makes regions, and writer-fill.c, which fills them, have in common.
 */
#ifndef AGENT_CORE_WRITER_FILL_H
#define AGENT_CORE_WRITER_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/writer.h"

enum {
	WRITER_STEP = 65536,     /* bytes, a multiple of every page size */
	WRITER_LIVE_MIRROR = 32, /* live.c */
};

extern _hidden_ const uint32_t writer_entry_size[WRITER_N_TABLES];

/*
 * A region that was just mapped: makes ready what is always there of each table. memory is what all tables
 * may take together, 0 for as much as the region before; n_strings bytes of strings are there. False
 * without memory.
 */
bool writer_begin(struct mt_header *header, int64_t memory, uint64_t n_strings);

/* Live entries come with an entry of the index by address. */
void writer_expect_index(void);

/* The header has them in a row, in the order of enum writer_table. */
static inline struct mt_table *writer_tables(struct mt_header *header)
{
	assert_offset(struct mt_header, strings,
		      offsetof(struct mt_header, stacks) +
			      WRITER_STRINGS * sizeof(struct mt_table));
	return &header->stacks;
}

#endif
