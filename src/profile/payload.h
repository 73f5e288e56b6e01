/* SPDX-License-Identifier: MIT */
/*
 * payload.h: a profile as bytes: what a session file holds once it is decompressed.
 *
 * A payload is a row of chunks. A chunk is a header of four 32-bit numbers (tag, records, bytes a
 * record, 0), then the records, then zeros up to a multiple of 8. All numbers are little-endian; strings
 * are offsets in the chunk STRS, 0 for none. Readers pass over chunks that they do not know and the
 * ends of records that are longer than they know, so a newer memtrace may add both.
 */
#ifndef PROFILE_PAYLOAD_H
#define PROFILE_PAYLOAD_H

#include <stddef.h>

#include "base/strbuf.h"
#include "profile/profile.h"

/* Adds the payload to buffer. -ENOMEM; -E2BIG if something has more than 32 bits of records or text. */
int payload_write(const struct profile *profile, struct strbuf *buffer);

/*
 * -EBADMSG unless everything in it is sound: sizes, offsets, indices and figures. Memory taken is in
 * proportion to size.
 */
int payload_read(const void *bytes, size_t size, struct profile **ret);

#endif
