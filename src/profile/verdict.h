/* SPDX-License-Identifier: MIT */
/*
 * verdict.h: what is wrong and what to do, from the evidence of one profile, with the numbers that
 * decided.
 */
#ifndef PROFILE_VERDICT_H
#define PROFILE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/arenas.h"
#include "profile/ledger.h"
#include "profile/profile.h"

enum verdict_code {
	VERDICT_UNDECIDED, /* the evidence is not enough; because says what there is */
	VERDICT_LEAK, /* blocks gather in some places, all through the run, and are not freed */
	VERDICT_RETENTION, /* the allocator keeps memory that the program freed */
	VERDICT_FRAGMENTATION,
	VERDICT_CACHE,
	VERDICT_NOT_MALLOC, /* the same as leak, of mappings without malloc */
	VERDICT_HEALTHY,
};

enum { VERDICT_MAX_LINES = 8 };

struct verdict_advice {
	char *action;
	uint64_t expected_bytes; /* what it would give back; PROFILE_UNKNOWN */
};

struct verdict {
	enum verdict_code code;
	double confidence; /* 0 to 1 */
	char *because[VERDICT_MAX_LINES];
	size_t n_because;
	struct verdict_advice advice[VERDICT_MAX_LINES];
	size_t n_advice;
};

/* ledger and arenas may be NULL. */
int verdict_judge(const struct profile *profile, const struct ledger *ledger,
		  const struct arenas *arenas, struct verdict *ret);
void verdict_deinit(struct verdict *verdict);

/* "leak" and so on, as the JSON has it; NULL for VERDICT_UNDECIDED. */
const char *verdict_code_name(enum verdict_code code);

#endif
