/* SPDX-License-Identifier: MIT */
/*
 * print.h: the options common to what prints a profile, and the printing.
 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/options.h"
#include "profile/profile.h"
#include "render/render.h"

struct print_values {
	int format, color, by, sort; /* indices in the choices of print_options */
	unsigned top, depth;
	bool top_given;
	uint64_t min_bytes;
	const char *grep;
	double since_s, older_s;
	bool no_symbolize;
};

/* A verb lays these into its values; print_defaults is their beginning. */
extern const struct option_spec print_options[];
#define PRINT_DEFAULTS                       \
	{                                    \
		.since_s = -1, .older_s = -1 \
	}

/* Draws the profile on stdout as asked. Returns an exit status; what went wrong was said. */
int print_profile(const char *verb, struct profile *profile, const struct print_values *values);

/* The few lines at the end of run and attach, on stderr. */
void print_short(const struct profile *profile, const struct print_values *values,
		 const char *session);

#endif
