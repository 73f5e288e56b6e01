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

/* Whose census it is. -ENOMEM. */
int census_describe(const struct space *space, struct census *census);
/* Draws by one of three renderers: text, JSON, CSV. Returns an exit status. */
int census_print(const char *verb, const struct census_values *values,
		 const census_renderer renderers[3], const struct census *census);

/* What a verb does with TARGET once it is open. grep is NULL without --grep. Returns an exit status. */
typedef int (*census_counter)(const void *values, const char *target, const struct space *space,
			      const regex_t *grep);
/*
 * The main of a verb whose values, of which census is a part, are handed to count. What cannot be
 * opened or understood is said here.
 */
int census_main(const char *verb, const char *target, const struct census_values *census,
		census_counter count, const void *values);

#endif
