/* SPDX-License-Identifier: MIT */
/*
 * answers.h: what was answered, kept small: of frames that are the same in many answers there is one.
 */
#ifndef SYMBOLIZE_ANSWERS_H
#define SYMBOLIZE_ANSWERS_H

#include "base/map.h"
#include "symbolize/symbolizer.h"

enum { ANSWERS_MAX_FRAMES = 128 };

/* Zeroed is empty. */
struct answers {
	struct symbolizer_frame *frames; /* each once; without their offsets */
	size_t n_frames;
	struct map places; /* hashes of frames to their indices */
	uint32_t *items;   /* of each answer: the offset, then the indices of its frames */
	size_t n_items;
	struct symbolizer_frame last[ANSWERS_MAX_FRAMES]; /* what answers_get gave last */
};

void answers_deinit(struct answers *answers);

/*
 * Keeps n frames, at least one and at most ANSWERS_MAX_FRAMES, which have the same offset. ret_number is
 * for answers_get. Strings are kept as pointers. 0 or -ENOMEM.
 */
int answers_add(struct answers *answers, const struct symbolizer_frame *frames, size_t n,
		uint64_t *ret_number);
/* The frames live until the next answers_get. */
void answers_get(struct answers *answers, uint64_t number,
		 const struct symbolizer_frame **ret_frames, size_t *ret_n);

#endif
