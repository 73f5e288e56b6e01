/* SPDX-License-Identifier: MIT */
/*
 * recall-unwind.c: from a state that is not remembered to one that is.
 *
 * recall.c says how frames stand in their array, and what keeps an interrupted change from being believed.
 *
 * Context: as recall.c.
 */
#include "agent/core/recall-state.h"

#include "agent/core/stack-hash.h"

/* Words of a frame beside its return address, at most: the frame pointer, and those of Java. */
enum { GIVEN_MAX = 1 + RECALL_JAVA_WORDS };

/* Takes over the frames from i to last, and goes on to where that leads now. */
static unsigned recall_take_over(struct recall_frame *frames, struct recall_walk *walk, unsigned i,
				 unsigned last, unsigned bottom)
{
	for (;; i--) {
		uint64_t sp = frames[i - 1].step.sp, cfa, saved;

		frames[--bottom].step = frames[i].step;
		frames[bottom].step.fp = walk->fp;
		cfa = recall_java_cfa(&frames[bottom].step, sp);
		saved = recall_saved_place(cfa, frames[i].step.saved);
		if (frames[i].step.saved)
			walk->fp = recall_read(saved);
		walk->sp = sp;
		walk->key = unwind_strip(recall_read(unwind_ra_place(cfa, saved)));
		if (i == last)
			return bottom;
	}
}

int recall_unwind(struct recall *recall, struct recall_walk *walk, unsigned *ret_bottom)
{
	struct recall_frame *frames = recall->frames;
	unsigned bottom = RECALL_FRAMES, i = recall->n;

	for (;;) {
		while (i > 0 && frames[i - 1].step.sp < walk->sp)
			i--;
		if (i > 0 && recall_is_here(walk, &frames[i - 1])) {
			const unsigned last = recall_compare(recall, i - 1);
			bool is_java;

			if (likely(last == 0))
				break;
			if (unlikely(bottom - recall->n < i - last))
				return -1;
			/* another word of a frame of Java is another frame */
			is_java = recall_java_is(&frames[last].step);
			if (i - 1 >= last + is_java)
				bottom = recall_take_over(frames, walk, i - 1, last + is_java,
							  bottom);
			i = last;
			if (!is_java)
				continue;
		}
		if (unlikely(bottom == recall->n) ||
		    !recall_walk_step(walk, &frames[bottom - 1].step))
			return -1;
		bottom--;
		if (frames[bottom].step.kind == RULE_END) {
			i = 0;
			break;
		}
	}
	*ret_bottom = bottom;
	return (int)i;
}

static void recall_give(struct recall *recall, unsigned i, struct recall_word word)
{
	recall->given[recall->frames[i].n_given++] =
		(struct recall_given){.word = word, .frame = i};
}

/*
 * Notes the words that lead from a frame to the one further out, which is there already. False if there is no room, or if
 * they lead elsewhere: another thread may make a compiled frame of Java return to what takes it apart.
 */
static bool recall_note_words(struct recall *recall, unsigned i)
{
	struct recall_frame *frame = &recall->frames[i];
	const struct recall_frame *outer = &recall->frames[i - 1];
	uint64_t cfa = recall_java_cfa(&frame->step, outer->step.sp);
	uint64_t saved = recall_saved_place(cfa, frame->step.saved);
	uint64_t ra = unwind_ra_place(cfa, saved);

	if (unlikely(outer->n_given > RECALL_GIVEN - GIVEN_MAX))
		return false;
	recall->words[i] = (struct recall_word){ra, recall_read(ra)};
	if (unlikely(unwind_strip(recall->words[i].value) != outer->step.key))
		return false;
	frame->n_given = outer->n_given;
	if (outer->needs_fp && frame->step.saved)
		recall_give(recall, i, (struct recall_word){saved, recall_read(saved)});
	if (unlikely(recall_java_is(&frame->step))) {
		struct recall_word words[RECALL_JAVA_WORDS];
		const unsigned n = recall_java_words(&frame->step, words);

		for (unsigned k = 0; k < n; k++)
			recall_give(recall, i, words[k]);
	}
	return true;
}

bool recall_settle(struct recall *recall, unsigned n, unsigned bottom)
{
	struct recall_frame *frames = recall->frames;
	uint64_t hash = n ? frames[n - 1].hash : 0;
	bool needs_fp = n && frames[n - 1].needs_fp;

	recall->n = recall->note = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (; bottom < RECALL_FRAMES; bottom++, n++) {
		struct recall_frame *frame = &frames[n];

		frame->step = frames[bottom].step;
		frame->n_given = 0;
		if (unlikely(n && !recall_note_words(recall, n)))
			return false;
		needs_fp = frame->step.kind == RULE_FP || frame->step.kind == RECALL_STUB ||
			   frame->step.kind == RECALL_INTERPRETED ||
			   (needs_fp && !frame->step.saved);
		frame->needs_fp = needs_fp;
		frame->hash = hash = stack_hash_add(hash, frame->step.frame);
		frame->id = ++recall->last_id;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	recall->n = n;
	return true;
}

void recall_make_memo(struct recall *recall, unsigned n_joined)
{
	const unsigned innermost = recall->n - 1;
	const struct recall_frame *frame = &recall->frames[innermost];
	const struct recall_frame *joined = &recall->frames[n_joined - 1];
	const unsigned n_words = recall->n - n_joined + frame->n_given - joined->n_given;
	struct recall_memo *memo;
	unsigned n = 0;

	if (innermost == 0 || n_words > RECALL_MEMO_WORDS)
		return;
	memo = recall_memo_take(&recall->memos, frame->step.sp, frame->step.key,
				recall->words[innermost].value);
	for (unsigned i = innermost; i >= n_joined; i--)
		memo->words[n++] = recall->words[i];
	for (unsigned i = frame->n_given; i > joined->n_given; i--)
		memo->words[n++] = recall->given[i - 1].word;
	memo->n_words = (uint8_t)n;
	memo->n_joined = (uint16_t)n_joined;
	memo->id = joined->id;
	memo->needs_fp = frame->needs_fp;
	memo->fp = frame->step.fp;
	recall->memo = memo;
}
