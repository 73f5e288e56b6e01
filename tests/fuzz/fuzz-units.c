/* SPDX-License-Identifier: MIT */
/*
 * fuzz-units.c: sizes and durations from a command line. What is read can be written and read again.
 */
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), buffer[UNITS_MAX];
	uint64_t value;

	if (!text)
		return 0;
	if (units_parse_size(text, &value) == 0) {
		units_format_bytes(value, buffer);
		units_format_count(value, buffer);
	}
	if (units_parse_duration(text, &value) == 0)
		units_format_duration((double)value / 1e9, buffer);
	free(text);
	return 0;
}
