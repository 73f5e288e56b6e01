/* SPDX-License-Identifier: MIT */
/*
 * answers.h: the frames of all answers that were given. A frame knows the one that it was inlined into, and so
 * answers share what is around.
 */
#ifndef SYMBOLIZE_ANSWERS_H
#define SYMBOLIZE_ANSWERS_H

#include "symbolize/symbolizer.h"

enum { ANSWERS_MAX_FRAMES = 128 };

static const uint32_t ANSWERS_NONE = 0; /* the number of no frame */

struct answer_frame; /* in answers.c */

/* Zeroed is empty. */
struct answers {
	struct answer_frame *frames; /* by number, less one */
	size_t n_frames;
	struct symbolizer_frame last[ANSWERS_MAX_FRAMES]; /* what answers_get gave last */
};

void answers_deinit(struct answers *answers);

/*
 * Keeps a frame, whose strings have to outlive it and whose offset does not matter; around is the number of
 * what it was inlined into. Its number in *ret. 0 or -ENOMEM.
 */
int answers_add_frame(struct answers *answers, const struct symbolizer_frame *frame,
		      uint32_t around, uint32_t *ret);
/* All frames of an answer, innermost first, at least one; the number of that one in *ret. 0 or -ENOMEM. */
int answers_add(struct answers *answers, const struct symbolizer_frame *frames, size_t n,
		uint32_t *ret);
/*
 * A frame and all around it, each with that offset; no more than ANSWERS_MAX_FRAMES. They live until the next
 * answers_get.
 */
void answers_get(struct answers *answers, uint32_t number, uint64_t offset,
		 const struct symbolizer_frame **ret_frames, size_t *ret_n);

#endif
