/* SPDX-License-Identifier: MIT */
/*
 * ledger-owner.h: whose a mapping is, by its name, its neighbours, and the blocks that the agent knows
 * to be in it. What is known of parts of it comes before that, see ledger-claims.h.
 */
#ifndef PROFILE_LEDGER_OWNER_H
#define PROFILE_LEDGER_OWNER_H

#include "base/map.h"
#include "profile/ledger.h"

struct ledger_known; /* a block that the agent knows, by address */

struct ledger_owners {
	const struct profile *profile;
	struct map images; /* files of which a part is executable */
	struct ledger_known *known;
	size_t n_known;
	bool has_arenas; /* the program's allocator was read: what is not in it is not malloc's */
};

/* profile and maps have to outlive it. 0 or -ENOMEM; it is to be deinitialised either way. */
int ledger_owners_init(struct ledger_owners *owners, const struct profile *profile,
		       const struct maps *maps);
void ledger_owners_deinit(struct ledger_owners *owners);

/* The owner of what no claim covers in the mapping. */
enum ledger_owner ledger_owners_find(const struct ledger_owners *owners,
				     const struct mapping *mapping);

#endif
