/* SPDX-License-Identifier: MIT */
/*
 * json-value.c: names come from the process and are bytes; JSON has nothing but Unicode.
 */
#include "render/json-value.h"

#include <inttypes.h>
#include <math.h>

#include "base/strbuf.h"
#include "profile/profile.h"

json_t *json_value_number(uint64_t value)
{
	if (value == PROFILE_UNKNOWN)
		return json_null();
	return json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX));
}

json_t *json_value_real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_value_seconds(double value)
{
	return value >= 0 ? json_value_real(value) : json_null();
}

json_t *json_value_text(const char *value)
{
	_cleanup_(strbuf_deinit) struct strbuf clean = {};
	json_t *json;

	if (!value)
		return json_null();
	json = json_string(value);
	if (json)
		return json;
	/* not UTF-8, or no memory */
	for (; *value; value++)
		if (strbuf_adds(&clean, (unsigned char)*value < 0x80 ? (char[]){*value, '\0'}
								     : "\ufffd") < 0)
			return NULL;
	return json_string(strbuf_text(&clean));
}

json_t *json_value_hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}
