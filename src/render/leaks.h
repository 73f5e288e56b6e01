/* SPDX-License-Identifier: MIT */
/*
 * leaks.h: leaks for machines that run tests: JUnit's XML, and the annotations of GitHub's workflows.
 */
#ifndef RENDER_LEAKS_H
#define RENDER_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "profile/profile.h"

struct leak_list {
	const struct profile *profile;
	const uint32_t *sites; /* that leak, heaviest first */
	size_t n_sites;
	uint64_t bytes, suppressed,
		allowed; /* of all of them; left out of them; not worth failing for */
	bool failed;     /* more than is allowed */
};

/*
 * One test suite: a failed case for each of the heaviest places if the list failed, else one case that passed.
 * 0 or -errno.
 */
int render_junit(const struct leak_list *leaks, FILE *out);

/*
 * A line for each of the heaviest places that have a source line: errors if the list failed, warnings if not.
 * Paths below root (NULL: none) are made relative to it. 0 or -errno.
 */
int render_github(const struct leak_list *leaks, const char *root, FILE *out);

#endif
