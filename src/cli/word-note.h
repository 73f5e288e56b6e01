/* SPDX-License-Identifier: MIT */
/*
 * word-note.h: what a word in memory may be: the beginning of an object of some class, a pointer to
 * somewhere, letters.
 */
#ifndef CLI_WORD_NOTE_H
#define CLI_WORD_NOTE_H

#include <stdint.h>

#include "process/imagereader.h"
#include "process/rtti.h"
#include "process/space.h"

struct word_notes {
	const struct space *space;
	struct imagereader reader;
	struct rtti rtti;
};

/* space has to outlive the notes. 0 or -ENOMEM. */
int word_notes_init(struct word_notes *notes, const struct space *space);
void word_notes_deinit(struct word_notes *notes);

/* *ret is NULL if nothing can be said; the caller frees. 0 or -ENOMEM. */
int word_note(struct word_notes *notes, uint64_t word, char **ret);

#endif
