/* SPDX-License-Identifier: MIT */
/*
 * record-options.h: the options common to what records: `run` and `attach`.
 */
#ifndef CLI_RECORD_OPTIONS_H
#define CLI_RECORD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"

enum { RECORD_SAMPLE_MAX = 24 };

struct record_values {
	/* as MEMTRACE_SAMPLE takes it: "auto", "all" or bytes in decimal; empty if not given */
	char sample[RECORD_SAMPLE_MAX];
	uint64_t max_memory; /* bytes; 0 if not given */
	const char *output;
	uint64_t duration_ns; /* 0: no end */
	bool quiet, verbose;
};

extern const struct option_spec record_options[];

/* The smallest bound that the agent can do anything with. */
static const uint64_t RECORD_MIN_MEMORY = 1 << 20;

#endif
