/* SPDX-License-Identifier: MIT */
/*
 * ledger.h: where every resident byte is, and whose: the mappings of /proc/PID/smaps, each with an
 * owner, and the owners with their sums, which add up to the sum over smaps by construction. What has no
 * owner is the line "unexplained".
 */
#ifndef PROFILE_LEDGER_H
#define PROFILE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "process/maps.h"
#include "profile/profile.h"

enum ledger_owner {
	LEDGER_HEAP_LIVE,
	LEDGER_HEAP_FREE,
	LEDGER_MAPPED, /* mapped by the program itself, outside malloc */
	LEDGER_STACKS,
	LEDGER_IMAGES,
	LEDGER_FILES,
	LEDGER_SHARED,
	LEDGER_MEMTRACE,
	LEDGER_KERNEL,
	LEDGER_UNEXPLAINED,
	LEDGER_N_OWNERS,
};

struct ledger_line {
	uint64_t resident, swapped, virtual; /* bytes */
};

struct ledger_mapping {
	const struct mapping *mapping; /* in maps */
	enum ledger_owner owner;       /* of most of it; the heap is LEDGER_HEAP_LIVE */
};

struct ledger {
	struct maps maps;
	struct ledger_mapping *mappings; /* by address, as many as in maps */
	struct ledger_line lines[LEDGER_N_OWNERS];
	uint64_t rss, pss, uss, swap, vsz; /* sums over the mappings, bytes */
};

/*
 * -ENODATA if the profile has no smaps: the process was gone. -EBADMSG if the text is not smaps. The
 * ledger refers to the profile no longer.
 */
int ledger_build(const struct profile *profile, struct ledger *ret);
void ledger_deinit(struct ledger *ledger);

/* "heap.live" and so on, as in interface.md; and for people. */
const char *ledger_owner_name(enum ledger_owner owner);
const char *ledger_owner_label(enum ledger_owner owner);

#endif
