/* SPDX-License-Identifier: MIT */
/*
 * evidence.h: what the verdict's rules go by, drawn once from the profile, the ledger and the arenas. A
 * figure that is not known is PROFILE_UNKNOWN; sums of what is known are sums, and 0 where there is none.
 */
#ifndef PROFILE_EVIDENCE_H
#define PROFILE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/arenas.h"
#include "profile/growth.h"
#include "profile/ledger.h"
#include "profile/places.h"
#include "profile/profile.h"

/* All arenas together; bytes. */
struct evidence_heap {
	bool known; /* the arenas were read */
	uint64_t system, in_use, in_use_resident, free_resident, trimmable;
	/* of free_resident: ends of thread arenas, which glibc trims only by itself */
	uint64_t idle_tops;
	uint64_t cached; /* of free: caches of threads */
	/* sum of the arenas' own peaks; PROFILE_UNKNOWN if one is not known */
	uint64_t peak_system;
	uint64_t mapped_alone; /* of in_use: blocks that have a mapping of their own */
	size_t n_arenas, n_thread_arenas;
	size_t n_keeping;            /* arenas that keep something worth a word */
	const struct arena *most;    /* that keeps most free and resident memory; NULL */
	const struct arena_pin *pin; /* that holds most; NULL */
	uint64_t pinned;             /* what all pins hold together */
};

struct evidence {
	const struct profile *profile;
	const struct ledger *ledger; /* NULL: not known */
	const struct arenas *arenas; /* NULL: not known */
	bool has_agent;              /* stacks and ages of blocks are known */
	bool running;
	bool in_the_midst; /* of its life: it runs, or its core was taken; it did not come to an end */
	double life_s;     /* of the process */
	double watched_s;        /* the part of it that the agent saw; all of it without one */
	uint64_t rss, vsz, live; /* bytes; live: blocks of malloc, from the agent or the arenas */
	struct evidence_heap heap;
	/*
	 * agent: places whose blocks gather all through the run, or that can be why RSS grows; and places
	 * that turn over
	 */
	struct places gathering, bounded;
	/* the heaviest site of gathering that is there for the growth of RSS alone, or NULL */
	const struct profile_site *suspect;
	/* mappings that gather and are a runtime's, which manages them by itself; whose most of them are */
	struct places managed;
	enum ledger_owner manager;
	double course_s; /* for so long figures were taken over time (course.h); 0: not at all */
	struct growth live_growth, rss_growth;
	uint64_t live_pages; /* bytes of pages with live blocks; PROFILE_UNKNOWN */
};

/* ledger and arenas may be NULL. What it points to has to outlive the evidence. -ENOMEM, and nothing is kept. */
int evidence_gather(const struct profile *profile, const struct ledger *ledger,
		    const struct arenas *arenas, struct evidence *ret);

void evidence_deinit(struct evidence *evidence);

/* Whether so many bytes are worth a verdict in a process of that RSS. */
bool evidence_is_material(const struct evidence *evidence, uint64_t bytes);

/* Whether what is resident grew for certain, and by more than any program at work does. */
bool evidence_rss_grew(const struct evidence *evidence);

/* What an owner has resident; 0 if there is no ledger. */
uint64_t evidence_owned(const struct evidence *evidence, enum ledger_owner owner);

/* What malloc has resident by the ledger, of which live is a part where it is known; 0 without a ledger. */
uint64_t evidence_heap_resident(const struct evidence *evidence);

/* The sampled block whose first byte is within [address, address + size), or NULL. */
const struct profile_block *evidence_find_block(const struct evidence *evidence, uint64_t address,
						uint64_t size);

/* Whether a place freed nothing of what it allocated, or as good as nothing. */
bool evidence_freed_nothing(const struct profile_site *site);

/* The places of all sites of a kind (enum mt_site_kind) that are counted and hold something. -ENOMEM. */
int evidence_add_places(const struct evidence *evidence, uint32_t kind, struct places *places);

#endif
