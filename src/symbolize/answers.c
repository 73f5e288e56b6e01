/* SPDX-License-Identifier: MIT */
/*
 * answers.c: frames as trees that grow from their outer ends.
 *
 * The addresses of a profile share their outer frames: a helper that was inlined into a loop is in the same
 * frames at each address of the loop. So a frame is kept with the number of the one around it. Whoever adds one
 * and knows that what is around was added before needs not make that again, which for 100,000 addresses of
 * inlined code is more than half of all frames.
 *
 *	add ──┐                   of three addresses in two calls of add,
 *	add ──┴→ mix ──┐          which was inlined into mix, and that into step
 *	add ────→ mix ─┴→ step
 */
#include "symbolize/answers.h"

#include <stdlib.h>

#include "base/grow.h"

struct answer_frame {
	const char *function, *linkage_name, *file, *why;
	uint32_t line;
	uint32_t around : 31, inlined : 1;
};

void answers_deinit(struct answers *answers)
{
	free(answers->frames);
	*answers = (struct answers){};
}

int answers_add_frame(struct answers *answers, const struct symbolizer_frame *frame,
		      uint32_t around, uint32_t *ret)
{
	if (answers->n_frames >= INT32_MAX || GROW(answers->frames, answers->n_frames) < 0)
		return -ENOMEM;
	answers->frames[answers->n_frames++] = (struct answer_frame){
		.function = frame->function,
		.linkage_name = frame->linkage_name,
		.file = frame->file,
		.why = frame->why,
		.line = frame->line,
		.around = around,
		.inlined = frame->inlined,
	};
	*ret = (uint32_t)answers->n_frames;
	return 0;
}

int answers_add(struct answers *answers, const struct symbolizer_frame *frames, size_t n,
		uint32_t *ret)
{
	uint32_t number = ANSWERS_NONE;

	while (n-- > 0) {
		int r = answers_add_frame(answers, &frames[n], number, &number);

		if (r < 0)
			return r;
	}
	*ret = number;
	return 0;
}

void answers_get(struct answers *answers, uint32_t number, uint64_t offset,
		 const struct symbolizer_frame **ret_frames, size_t *ret_n)
{
	size_t n = 0;

	while (number != ANSWERS_NONE && n < ANSWERS_MAX_FRAMES) {
		const struct answer_frame *frame = &answers->frames[number - 1];

		answers->last[n++] = (struct symbolizer_frame){
			.function = frame->function,
			.linkage_name = frame->linkage_name,
			.file = frame->file,
			.why = frame->why,
			.offset = offset,
			.line = frame->line,
			.inlined = frame->inlined,
		};
		number = frame->around;
	}
	*ret_frames = answers->last;
	*ret_n = n;
}
