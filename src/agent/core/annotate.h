/* SPDX-License-Identifier: MIT */
/*
 * annotate.h: what the program says about its memory through include/memtrace.h: blocks of its own pools,
 * tags of threads, moments.
 */
#ifndef AGENT_CORE_ANNOTATE_H
#define AGENT_CORE_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct thread;

/* The note's owner and type; and the table that it leads to, as include/memtrace.h has it. */
#define ANNOTATE_OWNER "memtrace"
enum { ANNOTATE_NOTE = 1 };

struct annotate_slots {
	uint32_t size; /* bytes, of the program's table: no more is filled */
	uint32_t reserved;
	void (*pool_alloc)(const void *block, size_t size);
	void (*pool_free)(const void *block);
	void (*pool_move)(const void *from, const void *to, size_t size);
	void (*backing_begin)(void);
	void (*backing_end)(void);
	void (*tag_push)(const char *name);
	void (*tag_pop)(void);
	void (*mark)(const char *name);
};

/* Fills a table of a module that is loaded; [slots, end) is mapped to be written. Again is fine. */
_hidden_ void annotate_fill(struct annotate_slots *slots, uintptr_t end); /* its address is taken */

/* What a thread's next block is recorded with: flags for recorder_site. */
unsigned annotate_flags(const struct thread *thread);

/*
 * Flags of a site have the number of its tag above the bits of enum mt_stack_flags. The string of that tag,
 * in the region's strings; 0 if it has none.
 */
enum { ANNOTATE_TAG_SHIFT = 16 };
uint32_t annotate_tag_string(unsigned flags);

#endif
