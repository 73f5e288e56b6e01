/* SPDX-License-Identifier: MIT */
/*
 * answers.c: frames once, answers as numbers of frames.
 *
 * The addresses of a profile share their outer frames: a helper that was inlined into a loop is the same
 * frame at each address of the loop. So 100,000 answers of four frames, 20 MB as they are handed out, take
 * a third.
 */
#include "symbolize/answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"

/* The number of an answer: where its items begin, and how many frames it has. */
enum { COUNT_BITS = 8 };
_Static_assert(ANSWERS_MAX_FRAMES < 1 << COUNT_BITS, "the count fits");

/* Frames whose hash is taken by another one look at this many hashes behind it. */
enum { MAX_PROBES = 4 };

void answers_deinit(struct answers *answers)
{
	free(answers->frames);
	free(answers->items);
	map_deinit(&answers->places);
	*answers = (struct answers){};
}

static uint64_t hash_frame(const struct symbolizer_frame *frame)
{
	const uint64_t words[] = {
		(uintptr_t)frame->function,
		(uintptr_t)frame->linkage_name,
		(uintptr_t)frame->file,
		(uintptr_t)frame->why,
		(uint64_t)frame->line << 1 | frame->inlined,
	};

	return map_hash_bytes(words, sizeof(words));
}

static bool is_same(const struct symbolizer_frame *a, const struct symbolizer_frame *b)
{
	return a->function == b->function && a->linkage_name == b->linkage_name &&
	       a->file == b->file && a->why == b->why && a->line == b->line &&
	       a->inlined == b->inlined;
}

/* The index of a frame like this one. */
static int intern(struct answers *answers, const struct symbolizer_frame *frame, uint32_t *ret)
{
	uint64_t hash = hash_frame(frame);
	int r = 0;

	for (int i = 0; i < MAX_PROBES && r == 0; i++) {
		uint64_t *place;

		r = map_add(&answers->places, hash + (uint64_t)i, answers->n_frames, &place);
		if (r < 0)
			return r;
		*ret = (uint32_t)*place;
		if (r == 0 && is_same(&answers->frames[*ret], frame))
			return 0;
	}
	if (GROW(answers->frames, answers->n_frames) < 0)
		return -ENOMEM;
	*ret = (uint32_t)answers->n_frames;
	answers->frames[answers->n_frames++] = *frame;
	return 0;
}

static int add_item(struct answers *answers, uint32_t item)
{
	if (GROW(answers->items, answers->n_items) < 0)
		return -ENOMEM;
	answers->items[answers->n_items++] = item;
	return 0;
}

int answers_add(struct answers *answers, const struct symbolizer_frame *frames, size_t n,
		uint64_t *ret_number)
{
	uint64_t start = answers->n_items;
	int r = add_item(answers, (uint32_t)MIN(frames[0].offset, (uint64_t)UINT32_MAX));

	for (size_t i = 0; i < n && r >= 0; i++) {
		uint32_t index;

		r = intern(answers, &frames[i], &index);
		if (r >= 0)
			r = add_item(answers, index);
	}
	if (r < 0)
		return r;
	*ret_number = start << COUNT_BITS | n;
	return 0;
}

void answers_get(struct answers *answers, uint64_t number,
		 const struct symbolizer_frame **ret_frames, size_t *ret_n)
{
	const uint32_t *items = &answers->items[number >> COUNT_BITS];
	size_t n = number & ((1 << COUNT_BITS) - 1);

	for (size_t i = 0; i < n; i++) {
		answers->last[i] = answers->frames[items[i + 1]];
		answers->last[i].offset = items[0];
	}
	*ret_frames = answers->last;
	*ret_n = n;
}
