/* SPDX-License-Identifier: MIT */
/*
 * units.c: sizes, counts and durations as people write and read them.
 *
 * Numbers are parsed as a whole part and a fraction of at most 18 digits, in integers, so that nothing
 * is rounded before it is multiplied; digits behind the eighteenth are read and say nothing. Only plain
 * decimal digits and a point are understood, whatever the locale.
 */
#include "base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macro.h"

struct number {
	uint64_t whole;
	uint64_t fraction; /* of scale */
	uint64_t scale;    /* power of ten */
};

/* Reads digits with an optional fraction and leaves text behind them. */
static int parse_number(const char **text, struct number *ret)
{
	struct number number = {.scale = 1};
	const char *p = *text;
	bool digits = false;

	for (; *p >= '0' && *p <= '9'; p++, digits = true)
		if (__builtin_mul_overflow(number.whole, 10, &number.whole) ||
		    __builtin_add_overflow(number.whole, (uint64_t)(*p - '0'), &number.whole))
			return -ERANGE;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, digits = true) {
			if (number.scale == 1000000000000000000u)
				continue;
			number.scale *= 10;
			number.fraction = number.fraction * 10 + (uint64_t)(*p - '0');
		}
	}
	if (!digits)
		return -EINVAL;
	*text = p;
	*ret = number;
	return 0;
}

static int number_scale(const struct number *number, uint64_t unit, uint64_t *ret)
{
	unsigned __int128 product = (unsigned __int128)number->whole * unit +
				    (unsigned __int128)number->fraction * unit / number->scale;

	if (product > UINT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)product;
	return 0;
}

static const char size_letters[] = "KMGTPE";

/* Bytes in the unit that text names as a whole: "", "B", "K", "KB", "KiB"; 0 if it names none. */
static uint64_t size_unit(const char *text)
{
	const char *letter;

	if (!*text || !strcasecmp(text, "b"))
		return 1;
	letter = strchr(size_letters, *text >= 'a' ? *text - 'a' + 'A' : *text);
	if (!letter)
		return 0;
	if (text[1] && strcasecmp(text + 1, "b") != 0 && strcasecmp(text + 1, "ib") != 0)
		return 0;
	return 1ull << (10 * (letter - size_letters + 1));
}

int units_parse_size(const char *text, uint64_t *ret_bytes)
{
	struct number number;
	uint64_t unit;
	int r;

	r = parse_number(&text, &number);
	if (r < 0)
		return r;
	while (*text == ' ')
		text++;
	unit = size_unit(text);
	if (!unit || (unit == 1 && number.scale != 1))
		return -EINVAL;
	return number_scale(&number, unit, ret_bytes);
}

static const struct {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{"ns", 1},         {"us", 1000},       {"ms", 1000000},      {"min", 60000000000},
	{"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
};

int units_parse_duration(const char *text, uint64_t *ret_ns)
{
	uint64_t total = 0, part;
	struct number number;
	bool first = true;
	size_t i;
	int r;

	do {
		r = parse_number(&text, &number);
		if (r < 0)
			return r;
		for (i = 0; i < ARRAY_SIZE(duration_units); i++)
			if (!strncmp(text, duration_units[i].name, strlen(duration_units[i].name)))
				break;
		if (i < ARRAY_SIZE(duration_units)) {
			text += strlen(duration_units[i].name);
			r = number_scale(&number, duration_units[i].ns, &part);
		} else if (!*text && first) {
			r = number_scale(&number, 1000000000, &part);
		} else {
			return -EINVAL;
		}
		if (r < 0)
			return r;
		if (__builtin_add_overflow(total, part, &total))
			return -ERANGE;
		first = false;
	} while (*text);
	*ret_ns = total;
	return 0;
}

const char *units_format_bytes(uint64_t bytes, char buffer[UNITS_MAX])
{
	uint64_t tenths, unit = 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buffer, UNITS_MAX, "%u B", (unsigned)bytes);
		return buffer;
	}
	for (;; i++, unit <<= 10) {
		tenths = (uint64_t)(((unsigned __int128)bytes * 10 + unit / 2) / unit);
		if (tenths < 10240 || !size_letters[i + 1])
			break;
	}
	snprintf(buffer, UNITS_MAX, "%u.%u %ciB", (unsigned)(tenths / 10), (unsigned)(tenths % 10),
		 size_letters[i]);
	return buffer;
}

const char *units_format_count(uint64_t count, char buffer[UNITS_MAX])
{
	char digits[UNITS_MAX];
	size_t n, i, out = 0;

	n = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	for (i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			buffer[out++] = ',';
		buffer[out++] = digits[i];
	}
	buffer[out] = '\0';
	return buffer;
}

const char *units_format_duration(double seconds, char buffer[UNITS_MAX])
{
	uint64_t whole;

	if (!(seconds > 0))
		snprintf(buffer, UNITS_MAX, "0 s");
	else if (seconds < 0.9995e-3)
		snprintf(buffer, UNITS_MAX, "%.0f µs", seconds * 1e6);
	else if (seconds < 0.9995)
		snprintf(buffer, UNITS_MAX, "%.0f ms", seconds * 1e3);
	else if (seconds < 9.95)
		snprintf(buffer, UNITS_MAX, "%.1f s", seconds);
	else if (seconds < 59.5)
		snprintf(buffer, UNITS_MAX, "%.0f s", seconds);
	else if (seconds > 1e15)
		snprintf(buffer, UNITS_MAX, "%.3g d", seconds / 86400);
	else {
		whole = (uint64_t)(seconds + 0.5);
		if (whole < 3600)
			snprintf(buffer, UNITS_MAX, "%um %us", (unsigned)(whole / 60),
				 (unsigned)(whole % 60));
		else if (whole < 86400)
			snprintf(buffer, UNITS_MAX, "%uh %um", (unsigned)(whole / 3600),
				 (unsigned)(whole % 3600 / 60));
		else
			snprintf(buffer, UNITS_MAX, "%llud %uh",
				 (unsigned long long)(whole / 86400),
				 (unsigned)(whole % 86400 / 3600));
	}
	return buffer;
}
