/* SPDX-License-Identifier: MIT */
/*
 * recall-java.c: see recall-java.h. The steps are those of unwind-hotspot.c; where that goes over something, the stack
 * is left to it.
 *
 * Context: as recall.c.
 */
#include "agent/core/recall-java.h"

#include "agent/core/unwind-walk.h"

/* fp and the return address are the last words below the CFA. */
enum { SAVED = -2 };

/* Where an interpreted frame has a word: offset is one of hotspot.h. */
static uint64_t place_of(uint64_t fp, int offset)
{
	return fp + (uint64_t)(int64_t)offset;
}

/* What an interpreted frame executes, as it is recorded; 0 if it does not look like one. */
static uint64_t executed(uint64_t fp)
{
	uint64_t place = recall_read(place_of(fp, HOTSPOT_BYTECODE));

	if (!place)
		place = recall_read(place_of(fp, HOTSPOT_METHOD));
	return place <= WALK_PC_MIN || place >= MT_FRAME_PC_MASK ? 0 : place + 1;
}

static bool begin_interpreted(const struct recall_walk *walk, struct recall_step *ret,
			      uint64_t *ret_sp)
{
	uint64_t sender;

	if (place_of(walk->fp, HOTSPOT_BYTECODE) < walk->sp)
		return false;
	sender = recall_read(place_of(walk->fp, HOTSPOT_SENDER_SP));
	ret->frame = executed(walk->fp);
	if (!ret->frame || sender < walk->fp + 16 || sender > walk->end)
		return false;
	*ret_sp = sender;
	return true;
}

_noinline_ bool recall_java_step(struct recall_walk *walk, struct recall_step *ret)
{
	const struct hotspot_frame frame = hotspot_find(walk->key - 1);
	const bool is_compiled = frame.kind == HOTSPOT_COMPILED;
	const uint64_t cfa = is_compiled ? walk->sp + frame.size : walk->fp + 16;
	uint64_t sp = cfa;

	if (frame.kind == HOTSPOT_UNKNOWN || cfa < walk->sp + 16 || cfa > walk->end || cfa % 8)
		return false;
	ret->frame = walk->key;
	ret->kind = is_compiled ? RECALL_COMPILED : RECALL_STUB;
	if (frame.kind == HOTSPOT_INTERPRETED) {
		ret->kind = RECALL_INTERPRETED;
		if (!begin_interpreted(walk, ret, &sp))
			return false;
	}
	ret->frame |= (uint64_t)MT_MODULE_NONE << 48;
	ret->saved = SAVED;
	walk->fp = recall_read(cfa - 16);
	walk->key = unwind_strip(recall_read(cfa - 8));
	walk->sp = sp;
	return true;
}

unsigned recall_java_words(const struct recall_step *step, struct recall_word *ret)
{
	uint64_t places[RECALL_JAVA_WORDS];
	unsigned n = 0;

	if (step->kind == RECALL_INTERPRETED) {
		places[n++] = place_of(step->fp, HOTSPOT_SENDER_SP);
		places[n++] = place_of(step->fp, HOTSPOT_BYTECODE);
		if (!recall_read(place_of(step->fp, HOTSPOT_BYTECODE)))
			places[n++] = place_of(step->fp, HOTSPOT_METHOD);
	} else {
		places[n] = hotspot_find(step->key - 1).fact;
		n += places[n] != 0;
	}
	for (unsigned i = 0; i < n; i++)
		ret[i] = (struct recall_word){places[i], recall_read(places[i])};
	return n;
}
