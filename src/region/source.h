/* SPDX-License-Identifier: MIT */
/*
 * source.h: where a region's bytes come from: a memfd, another process's memory, or a copy. Only
 * region.c uses it. Nothing here looks at what the bytes say.
 */
#ifndef REGION_SOURCE_H
#define REGION_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct source; /* opaque */

/* As region_read in region.h. */
typedef int (*source_read)(void *userdata, uint64_t address, void *buffer, size_t size);

/* As region_open_fd, _pid, _bytes and _reader, which describe the errors. */
int source_open_fd(int fd, struct source **ret);
int source_open_pid(pid_t pid, struct source **ret);
int source_open_bytes(const void *bytes, size_t size, struct source **ret);
int source_open_reader(source_read read, void *userdata, uint64_t address, uint64_t size,
		       struct source **ret);
struct source *source_free(struct source *source);
DEFINE_CLEANUP(struct source *, source_free)

/* Bytes from the region's start that can be asked for. */
uint64_t source_size(const struct source *source);
/* At most so many of them are not holes; an upper bound, however large the size claims to be. */
uint64_t source_filled(const struct source *source);
/* Where in the process the region is mapped; 0 if not known. */
uint64_t source_address(const struct source *source);
/* The process's own idea of its pid, to be compared with what the region says; 0 if not known. */
pid_t source_inner_pid(const struct source *source);

/* Whether there is anything to copy from when the process is gone. */
bool source_outlives(const struct source *source);

/*
 * Copies size bytes from offset, in 64-bit words that are not torn where the source allows that: aligned
 * ones of a mapping. Everything before the call is read before it, everything after it later.
 * -ENODATA beyond the end, -ESRCH if the process is gone.
 */
int source_copy(struct source *source, uint64_t offset, void *buffer, size_t size);

/*
 * The bytes themselves, which may change at any moment and are good for nothing but to see whether they have; NULL
 * if they have to be copied.
 */
const void *source_peek(const struct source *source, uint64_t offset, size_t size);

#endif
