/* SPDX-License-Identifier: MIT */
/*
 * census.h: what was counted in the memory of a process: objects by class, or texts and words. Plain rows
 * that are ready to be drawn; whoever counts fills them.
 */
#ifndef PROFILE_CENSUS_H
#define PROFILE_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct census_row {
	char *name;           /* of the class, or the text; owned, never NULL */
	const char *language; /* of a class: "C++", "Python"; static */
	char *note;           /* of a word: what it is; owned, NULL if nothing is known */
	uint64_t count;       /* blocks, or occurrences: at least so many */
	uint64_t bytes;       /* of them all */
	uint64_t length;      /* of the largest block, or of the text */
};

struct census {
	uint32_t pid;
	char *comm, *exe; /* owned; exe NULL if unknown */
	bool is_core;
	char *where;             /* what was looked at, in words; owned */
	struct census_row *rows; /* in order; owned */
	size_t n_rows;
	uint64_t n_kinds; /* different classes, texts or words; rows may be fewer */
	/* what was looked at: blocks (0 if it was no blocks) and bytes */
	uint64_t blocks, bytes;
	uint64_t known_blocks, known_bytes;   /* of them, those that are in some row's kind */
	uint64_t absent_blocks, absent_bytes; /* not resident, so not looked at */
	uint64_t error; /* a count may be larger by so much; 0: all is exact */
	bool words;     /* texts: 64-bit words */
};

void census_deinit(struct census *census);
/* A row with a name, which is copied; NULL if there is no memory. */
struct census_row *census_add(struct census *census, const char *name);

#endif
