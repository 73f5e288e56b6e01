/* SPDX-License-Identifier: MIT */
/*
 * record-options.c: see the header.
 */
#include "cli/record-options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

/* An interval is stored in 32 bits of each sample (abi.h, struct mt_live). */
static int parse_sample(const struct option_spec *spec, const char *text, void *place)
{
	char *buffer = place;
	uint64_t interval;
	int r;

	if (strcmp(text, "auto") == 0 || strcmp(text, "all") == 0) {
		strcpy(buffer, text);
		return 0;
	}
	r = units_parse_size(text, &interval);
	if (r < 0)
		return r;
	if (interval == 0 || interval > UINT32_MAX)
		return -ERANGE;
	snprintf(buffer, RECORD_SAMPLE_MAX, "%" PRIu64, interval);
	return 0;
}

static int parse_max_memory(const struct option_spec *spec, const char *text, void *place)
{
	uint64_t size;
	int r = units_parse_size(text, &size);

	if (r < 0)
		return r;
	if (size < RECORD_MIN_MEMORY)
		return -ERANGE;
	*(uint64_t *)place = size;
	return 0;
}

static const struct option_type type_sample = {
	true, "auto, all or a size from 1 to 4G, such as 512K", parse_sample};
static const struct option_type type_max_memory = {true, "a size from 1M on, such as 64M",
						   parse_max_memory};

#define AT(member) offsetof(struct record_values, member)

const struct option_spec record_options[] = {
	{"sample", 0, "auto|all|SIZE", AT(sample), &type_sample,
	 "all, one in SIZE bytes, or as much as 1 % of CPU time allows (auto)"},
	{"max-memory", 0, "SIZE", AT(max_memory), &type_max_memory,
	 "what recording may take of the program's memory (64M)"},
	{"output", 'o', "FILE", AT(output), &option_text,
	 "write the session to FILE (memtrace.COMM.PID.memtrace)"},
	{"duration", 0, "T", AT(duration_ns), &option_duration, "record no longer than T"},
	{"quiet", 'q', NULL, AT(quiet), &option_flag, "print errors only, no report"},
	{"verbose", 'v', NULL, AT(verbose), &option_flag, "say what happens meanwhile"},
	{NULL},
};
