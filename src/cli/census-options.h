/* SPDX-License-Identifier: MIT */
/*
 * census-options.h: what `objects` and `strings` share: options, opening the target, printing.
 */
#ifndef CLI_CENSUS_OPTIONS_H
#define CLI_CENSUS_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"
#include "process/space.h"
#include "profile/census.h"
#include "render/render.h"

struct census_values {
	int format, color;
	unsigned top;
	const char *exe, *grep;
	bool no_stop;
};

extern const struct option_spec census_options[];
/* Rows in text if nobody says how many. */
enum { CENSUS_TOP = 25 };

typedef int (*census_renderer)(const struct census *census, const struct render_options *options,
			       FILE *out);

/* How many rows are wanted. */
size_t census_count(const struct census_values *values);

/* Opens TARGET; on failure the line that says so was logged, and the result is an exit status. */
int census_open(const char *verb, const char *target, const struct census_values *values,
		struct space *ret);
/* Whose census it is. -ENOMEM. */
int census_describe(const struct space *space, struct census *census);
/* Draws by one of three renderers: text, JSON, CSV. Returns an exit status. */
int census_print(const char *verb, const struct census_values *values,
		 const census_renderer renderers[3], const struct census *census);

/*
 * --grep=REGEX: 0, or an exit status and the line was logged. regex is to be freed by the caller if
 * *ret_given.
 */
int census_compile(const char *verb, const struct census_values *values, regex_t *ret,
		   bool *ret_given);

#endif
