/* SPDX-License-Identifier: MIT */
/*
 * blockindex.h: from a block's address to its slot, for allocators that cannot store a tag.
 */
#ifndef AGENT_CORE_BLOCKINDEX_H
#define AGENT_CORE_BLOCKINDEX_H

#include <stdbool.h>
#include <stdint.h>

/* Room for about max_entries, at 18 to 48 bytes each once all are there. 0 or -errno. */
int blockindex_init(uint32_t max_entries);

/* False if there is no room. An address is added once, and again only after its removal. */
bool blockindex_add(uintptr_t addr, uint32_t slot);

/* Takes the address out and returns its slot; 0 if it is not there. */
uint32_t blockindex_remove(uintptr_t addr);

/* Whether the address is there: what every free asks. */
bool blockindex_has(uintptr_t addr);

uint64_t blockindex_own_bytes(void);

#endif
