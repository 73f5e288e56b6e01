/* SPDX-License-Identifier: MIT */
/*
 * segments.h: the program headers of an ELF file, wherever its bytes come from.
 */
#ifndef PROCESS_SEGMENTS_H
#define PROCESS_SEGMENTS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* size bytes at offset of the file: true if they are all there. */
typedef bool (*segments_fetch)(void *from, uint64_t offset, void *buffer, size_t size);

/*
 * Reads the program headers into ret, which has room for max of them, and returns how many there are: 0 if this is no
 * 64-bit ELF file, or has more.
 */
size_t segments_read(segments_fetch fetch, void *from, Elf64_Phdr *ret, size_t max);

/* The pages from the first to the last one that is loaded, by the file's own addresses; false if there are none. */
bool segments_extent(const Elf64_Phdr *segments, size_t n, uint64_t *ret_start, uint64_t *ret_end);

#endif
