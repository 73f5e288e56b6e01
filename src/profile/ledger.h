/* SPDX-License-Identifier: MIT */
/*
 * ledger.h: where every resident byte is, and whose: the mappings of /proc/PID/smaps, divided into parts
 * that each have one owner, and the owners with their sums. Parts add up to their mapping, and lines to
 * the sums over smaps, to the byte and in every figure, by construction. What has no owner is the line
 * "unexplained".
 */
#ifndef PROFILE_LEDGER_H
#define PROFILE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "process/areas.h"
#include "process/maps.h"
#include "profile/profile.h"

enum ledger_owner {
	LEDGER_HEAP_LIVE,   /* what the program asked for; with rounding if that is not known */
	LEDGER_HEAP_BEFORE, /* blocks that were there before the agent, whose stacks nobody knows */
	LEDGER_HEAP_ROUNDING, /* what blocks are larger than what was asked for */
	LEDGER_HEAP_FREE,     /* free and resident */
	LEDGER_HEAP_METADATA,
	LEDGER_HEAP_OTHER, /* the allocator's, which cannot be told apart */
	LEDGER_MAPPED,     /* mapped by the program itself, outside malloc */
	LEDGER_JVM_HEAP,
	LEDGER_JVM_CODE,
	LEDGER_JVM_CLASSES,
	LEDGER_JVM,
	LEDGER_V8,
	LEDGER_GO,
	LEDGER_PYTHON,
	LEDGER_PHP,
	LEDGER_RUBY,
	LEDGER_CODE, /* anonymous and executable */
	LEDGER_STACKS,
	LEDGER_STACKS_FREE, /* of threads that have ended */
	LEDGER_IMAGES,
	LEDGER_FILES,
	LEDGER_SHARED,
	LEDGER_MEMTRACE,
	LEDGER_KERNEL,
	LEDGER_UNEXPLAINED,
	LEDGER_N_OWNERS,
};

/* Bytes. */
struct ledger_line {
	uint64_t resident, swapped, virtual;
	uint64_t pss, uss, private_dirty, anon_huge;
};

struct ledger_part {
	uint32_t mapping; /* index in mappings */
	enum ledger_owner owner;
	uint64_t start, end; /* where it lies; parts of an arena lie among one another */
	struct ledger_line usage;
	uint32_t tid;               /* stacks: whose, 0 if nobody's */
	char label[AREA_LABEL_MAX]; /* what it is in words, "" if the owner says it all */
};

struct ledger_mapping {
	const struct mapping *mapping; /* in maps */
	enum ledger_owner owner;       /* of most of what is resident, else of most of it */
	const char *label;             /* of that part */
	uint32_t first_part, n_parts;  /* in parts; at least one */
};

struct ledger {
	struct maps maps;
	struct ledger_mapping *mappings; /* by address, as many as in maps */
	struct ledger_part *parts;       /* by address */
	size_t n_parts;
	struct ledger_line lines[LEDGER_N_OWNERS];
	struct ledger_line total;
	uint64_t rss, pss, uss, swap, vsz; /* as in total */
};

/*
 * -ENODATA if the profile has no smaps: the process was gone. -EBADMSG if the text is not smaps. The
 * ledger refers to the profile no longer.
 */
int ledger_build(const struct profile *profile, struct ledger *ret);
void ledger_deinit(struct ledger *ledger);

/* Resident bytes that malloc holds beyond what the program has in live blocks, as far as is known. */
uint64_t ledger_kept_bytes(const struct ledger *ledger);

/* "heap.live" and so on, as the JSON has it; and for people. */
const char *ledger_owner_name(enum ledger_owner owner);
const char *ledger_owner_label(enum ledger_owner owner);

void ledger_line_add(struct ledger_line *sum, const struct ledger_line *line);

#endif
