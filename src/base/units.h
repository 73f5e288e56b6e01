/* SPDX-License-Identifier: MIT */
/*
 * units.h: sizes, counts and durations as people write and read them.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Room for whatever is formatted here, zero included. */
enum { UNITS_MAX = 40 };

/*
 * "4096", "64K", "1.5M", "2G", also as "64KiB" or "64KB": all binary. A fraction needs a unit; what is
 * below a byte is cut off. -EINVAL: not a size; -ERANGE: more than 64 bits hold.
 */
int units_parse_size(const char *text, uint64_t *ret_bytes);

/* "30s", "5m", "2h", "1d", "250ms", "1.5s", "1h30m"; without a unit seconds. Errors as above. */
int units_parse_duration(const char *text, uint64_t *ret_ns);

/* "0 B", "1023 B", "1.0 KiB", "1.5 MiB": rounded to one digit behind the point. Returns buffer. */
const char *units_format_bytes(uint64_t bytes, char buffer[UNITS_MAX]);
/* "1,234,567". */
const char *units_format_count(uint64_t count, char buffer[UNITS_MAX]);
/* Two units at most: "250 ms", "1.5 s", "12 s", "5m 30s", "2h 5m", "3d 4h". seconds is not negative. */
const char *units_format_duration(double seconds, char buffer[UNITS_MAX]);

#endif
