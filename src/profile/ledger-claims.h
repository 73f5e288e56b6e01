/* SPDX-License-Identifier: MIT */
/*
 * ledger-claims.h: what is known of ranges of addresses, whoever knows it (the readers of allocators,
 * the finders of areas), as one list in order of address in which nothing overlaps.
 */
#ifndef PROFILE_LEDGER_CLAIMS_H
#define PROFILE_LEDGER_CLAIMS_H

#include "profile/ledger.h"

enum { LEDGER_SHARES_MAX = 6 };

/* What of a claim's resident bytes is whose. */
struct ledger_share {
	enum ledger_owner owner;
	uint64_t resident;
};

struct ledger_claim {
	uint64_t start, end;
	uint64_t resident, swapped; /* the sum over shares */
	struct ledger_share shares[LEDGER_SHARES_MAX];
	unsigned n_shares; /* at least 1; the last takes what has no resident bytes */
	uint32_t tid;
	char label[AREA_LABEL_MAX];
};

/* Of the bytes in blocks that are in use, parts of 1; what is left is rounding. */
struct ledger_division {
	double asked;  /* by the program, as far as that is known */
	double before; /* in blocks from before the agent was there */
};

struct ledger_claims {
	struct ledger_claim *claims;
	size_t n_claims;
	bool has_arenas; /* the program's allocator was read, all of it */
	struct ledger_division division;
};

/* By address, none overlaps another. 0 or -ENOMEM. */
int ledger_claims_collect(const struct profile *profile, struct ledger_claims *ret);
void ledger_claims_deinit(struct ledger_claims *claims);

/* Index of the first claim that ends above address. */
size_t ledger_claims_find(const struct ledger_claims *claims, uint64_t address);

#endif
