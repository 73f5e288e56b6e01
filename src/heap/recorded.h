/* SPDX-License-Identifier: MIT */
/*
 * recorded.h: short ways for blocks that are reported to the hooks. Where all are, everything goes them.
 */
#ifndef HEAP_RECORDED_H
#define HEAP_RECORDED_H

#include <stdbool.h>
#include <stddef.h>

/* A block, reported. NULL if it is not its turn, or takes the long way. */
void *recorded_alloc(size_t size);

/* Reports and takes back a block of a class with tags. False if that takes the long way; nothing is done then. */
bool recorded_free(void *block, size_t offset);

/* Usable bytes of such a block; 0 if it is none. */
size_t recorded_size(size_t offset);

#endif
