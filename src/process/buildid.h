/* SPDX-License-Identifier: MIT */
/*
 * buildid.h: the build ID in the notes of an ELF file: by it two files are one, wherever they lie.
 */
#ifndef PROCESS_BUILDID_H
#define PROCESS_BUILDID_H

#include <stddef.h>

/*
 * Looks through the contents of a note segment, which are not trusted, and copies the first build ID of at
 * most max bytes to ret. Returns how many bytes it has; 0: there is none.
 */
size_t buildid_find(const void *notes, size_t size, void *ret, size_t max);

#endif
