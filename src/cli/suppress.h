/* SPDX-License-Identifier: MIT */
/*
 * suppress.h: leaks that are known and accepted, in the syntax of LeakSanitizer's suppression files:
 * lines "leak:PATTERN", "#" comments. A pattern matches a function, a source file or a module of any
 * frame; it may stand anywhere in the name unless it begins with ^ or ends with $, and * is anything.
 */
#ifndef CLI_SUPPRESS_H
#define CLI_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "profile/profile.h"

struct suppressions {
	char *text;      /* of the file, taken apart in place */
	char **patterns; /* into text */
	size_t n_patterns;
};

/* On failure error holds the line that says what, why and the way out. */
int suppressions_read(const char *path, struct suppressions *ret, struct strbuf *error);
/* text is taken over, also on failure. */
int suppressions_parse(char *text, struct suppressions *ret, struct strbuf *error);
void suppressions_deinit(struct suppressions *suppressions);

bool suppress_matches(const char *pattern, const char *name);

/* Outstanding bytes of the profile's heap, with and without what is suppressed. */
void suppressions_apply(const struct suppressions *suppressions, const struct profile *profile,
			uint64_t *ret_live, uint64_t *ret_suppressed);

#endif
