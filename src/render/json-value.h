/* SPDX-License-Identifier: MIT */
/*
 * json-value.h: figures and words of a profile as JSON: what is not known is null. NULL only without memory.
 */
#ifndef RENDER_JSON_VALUE_H
#define RENDER_JSON_VALUE_H

#include <jansson.h>
#include <stdint.h>

/* PROFILE_UNKNOWN is null. */
json_t *json_value_number(uint64_t value);
/* What is not finite is null. */
json_t *json_value_real(double value);
/* The same, and what is negative too. */
json_t *json_value_seconds(double value);
/* NULL is null. What is not UTF-8 keeps its ASCII, and the rest becomes U+FFFD. */
json_t *json_value_text(const char *value);
/* "0x7f…" */
json_t *json_value_hex(uint64_t value);

#endif
