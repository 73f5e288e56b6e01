/* SPDX-License-Identifier: MIT */
/*
 * compare-report.h: what the runs of `compare` say together: medians with their spread, and which of the
 * differences are more than noise.
 */
#ifndef CLI_COMPARE_REPORT_H
#define CLI_COMPARE_REPORT_H

#include <stdio.h>

#include "base/strbuf.h"
#include "cli/compare-run.h"
#include "cli/compare-variant.h"

struct comparison {
	char *const *command;
	const struct variants *variants;
	size_t n_rounds;                  /* that are whole */
	const struct run_result *results; /* round by round, in each the variants in their order */
	uint64_t live_bytes; /* outstanding at the end; UINT64_MAX if it was not measured */
};

enum { COMPARE_MAX_ROUNDS = 1000 };

enum compare_figure {
	COMPARE_WALL,
	COMPARE_CPU,
	COMPARE_PEAK,
	COMPARE_END,
	COMPARE_RETAINED,
	COMPARE_N
};

/* Of one figure and variant: seconds or bytes; NAN if it is not known. */
struct compare_spread {
	double low, median, high; /* quartiles */
};

struct compare_spread compare_spread_get(const struct comparison *comparison, size_t variant,
					 enum compare_figure figure);

/*
 * How a variant differs from the first: the median over the rounds of its ratio, and whether that is beyond
 * the noise: the quartiles of the ratio lie on one side of 1, as do at least all rounds but one, of three at
 * the least, and the medians are at least 2 %, and 10 ms or 1 MiB, apart.
 */
double compare_ratio(const struct comparison *comparison, size_t variant,
		     enum compare_figure figure, bool *ret_beyond_noise);

/* A few sentences, each with a line feed: what to use, or that nothing is to be gained. 0 or -ENOMEM. */
int compare_recommend(const struct comparison *comparison, struct strbuf *text);

/* 0 or -errno of the stream. */
int compare_print_text(const struct comparison *comparison, FILE *out);
int compare_print_json(const struct comparison *comparison, FILE *out);

#endif
