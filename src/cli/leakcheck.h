/* SPDX-License-Identifier: MIT */
/*
 * leakcheck.h: the judgement of `run` on what is outstanding at a program's end, for tests and those that run
 * them.
 */
#ifndef CLI_LEAKCHECK_H
#define CLI_LEAKCHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/suppress.h"
#include "profile/profile.h"

struct leakcheck {
	bool fail;              /* more than allowed is STATUS_LEAK */
	uint64_t allowed;       /* bytes */
	const char *junit;      /* file; NULL: none */
	bool github;            /* annotations on stderr */
	bool quiet;             /* one line if all is well */
	const char *suppressed; /* name of the file of suppressions, for what is said of it; NULL */
};

/* Whether there is anything to judge for. */
bool leakcheck_is_wanted(const struct leakcheck *check);

/*
 * Says what is to be said and writes what is to be written. profile may be NULL: nothing was recorded.
 * Returns the exit status: STATUS_LEAK, STATUS_FAILED if a file could not be written, else status.
 */
int leakcheck_judge(const struct leakcheck *check, struct suppressions *suppressions,
		    const struct profile *profile, int status);

#endif
