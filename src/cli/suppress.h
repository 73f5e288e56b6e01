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
	bool *used;         /* beside patterns: it matched something */
	bool without_known; /* what is known of libraries is not left out */
};

/* Functions of libraries that allocate once and for good, as patterns; NULL ends it. */
extern const char *const suppress_known[];
/* Libraries whose constructors do: the innermost module, of a stack that leads through the loader. */
struct suppress_constructor {
	const char *module; /* pattern; NULL ends it */
};
extern const struct suppress_constructor suppress_constructors[];

/* On failure error holds the line that says what, why and the way out. */
int suppressions_read(const char *path, struct suppressions *ret, struct strbuf *error);
/* text is taken over, also on failure. */
int suppressions_parse(char *text, struct suppressions *ret, struct strbuf *error);
void suppressions_deinit(struct suppressions *suppressions);

/* Anywhere in name, unless pattern begins with ^ or ends with $; * stands for anything. */
bool suppress_matches(const char *pattern, const char *name);

/*
 * Outstanding bytes of the profile's heap, with and without what is suppressed, and by site whether it is
 * (hidden has room for all of them; NULL: nobody asks). Patterns that match are marked as used.
 */
void suppressions_apply(struct suppressions *suppressions, const struct profile *profile,
			bool *hidden, uint64_t *ret_live, uint64_t *ret_suppressed);

#endif
