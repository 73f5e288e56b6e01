/* SPDX-License-Identifier: MIT */
/*
 * recall.c: the remembered stack.
 *
 * The state of a walk is three registers: stack pointer, frame pointer, pc. What comes next follows from
 * them, from the rule for the pc, and from at most two words of the stack: the return address and, where
 * a rule says that it was saved, the frame pointer. So if a new walk is in a state in which a former one
 * has been, and all words that the former one read from there on still hold what they held, the rest
 * of both is the same. Rules are the same in one epoch of the loader.
 *
 * Frames stand outermost first, so that the inner ones come and go at the end as on the stack itself:
 *
 *	frames[0]  _start | main | parse | ...  | read_line      | ... free ...  | new frames
 *	                                          frames[n - 1]                    from the end down
 *
 * The words that lead from each to the next one stand beside them in rows of their own, since comparing
 * them is most of the work:
 *
 *	words[i]   the return address of frames[i], which leads to frames[i - 1]
 *	given[]    the saved frame pointers that frames further out need
 *
 * A trace unwinds from the inside, puts what it finds at the end of the array, and looks in each state
 * whether it was here before. If so it compares the words further out. If one is different (a caller has
 * returned, and was called again from elsewhere) the frames up to it are copied as they are, and
 * unwinding goes on behind it. At the end the new frames are moved behind those that are still good.
 *
 * Each frame that is moved there gets an id that no other one had, and keeps it as long as all frames
 * further out stay what they are. So the way from where the program called to the first remembered frame
 * can be kept (recall-memo.h) when the frames on it have long gone: if its words hold and the frame with
 * its id is still there, what remains is to compare the words from that frame on, and the stack is known
 * without its frames having been looked at. A program that allocates in a few places in turn so
 * keeps their common callers here and one memo for each.
 *
 * The frame pointer is a general register in most code. A frame needs it only if its own rule does, or
 * it passes it on to one that does; where nobody needs it, it is not compared. That is known only
 * from the outside in, when new frames are moved to their place.
 *
 * All words that are read lie between the stack pointer and the end of the thread's stack. The
 * remembered ones do: they are compared only from a state on whose stack pointer is that of a live frame.
 *
 * Context: the thread that it belongs to, inside malloc, not in handlers that interrupted it here.
 * While frames are moved n is 0: a longjmp out of a handler leaves nothing half done that is believed.
 */
#include "agent/core/recall.h"

#include "agent/core/recall-chain.h"
#include "agent/core/recall-memo.h"
#include "agent/core/recall-walk.h"
#include "agent/core/stack-hash.h"
#include "agent/core/sys.h"
#include "agent/core/unwind-epoch.h"

enum {
	RECALL_FRAMES = 500, /* deepest stack, and room for new frames beside a remembered one */
	RECALL_PATIENCE = 6, /* log2 of how many traces are not tried after failures */
};

struct recall_frame {
	struct recall_step step; /* its fp holds no longer unless needs_fp */
	uint64_t hash;           /* of this frame and all further out */
	uint64_t id;
	uint16_t n_given; /* in given[], by this frame and all further out */
	bool needs_fp;
};
assert_size(struct recall_frame, 56);

/* A frame pointer that a frame saved and the next one further out needs. */
struct recall_given {
	struct recall_word word;
	uint64_t frame; /* its index */
};

struct recall {
	uintptr_t skip_start, skip_end;
	unsigned max;
	uint64_t epoch; /* rules were those of this one; 0: none */
	uintptr_t end;  /* of the stack that frames are of */
	uint64_t last_id;
	uint32_t n;
	uint32_t note;            /* of the stack that frames are */
	struct recall_memo *memo; /* was made for the last stack and has no note yet, or NULL */
	uint16_t failures, pause;
	struct recall_chains chains;
	struct recall_rule rules[1 << RECALL_RULE_BITS]; /* by key */
	struct recall_memos memos;
	struct recall_word words[RECALL_FRAMES];
	struct recall_given given[RECALL_FRAMES];
	struct recall_frame frames[RECALL_FRAMES];
};

static uint64_t recall_bytes;

struct recall *recall_new(uintptr_t skip_start, uintptr_t skip_end, unsigned max)
{
	struct recall *recall = sys_map_private(sizeof(struct recall));

	if (!recall)
		return NULL;
	__atomic_fetch_add(&recall_bytes, sizeof(struct recall), __ATOMIC_RELAXED);
	recall->skip_start = skip_start;
	recall->skip_end = skip_end;
	recall->max = max;
	return recall;
}

void recall_forget(struct recall *recall)
{
	recall->n = 0;
	recall->note = 0;
}

uint64_t recall_own_bytes(void)
{
	return __atomic_load_n(&recall_bytes, __ATOMIC_RELAXED);
}

/* Whether the walk is in the state that is remembered there. */
static _always_inline_ bool recall_is_here(const struct recall_walk *walk,
					   const struct recall_frame *frame)
{
	return frame->step.sp == walk->sp && MT_FRAME_PC(frame->step.frame) == walk->key &&
	       (!frame->needs_fp || frame->step.fp == walk->fp);
}

/* The first frame from i outward one of whose words has changed; 0, the outermost one, if none has. */
static _always_inline_ unsigned recall_compare(const struct recall *recall, unsigned i)
{
	const struct recall_word *word = &recall->words[i];
	unsigned n_given = recall->frames[i].n_given;

	while (word > recall->words && likely(recall_word_holds(word)))
		word--;
	i = (unsigned)(word - recall->words);
	for (; unlikely(n_given > 0); n_given--) {
		const struct recall_given *given = &recall->given[n_given - 1];

		if (given->frame <= i)
			break;
		if (unlikely(!recall_word_holds(&given->word)))
			return (unsigned)given->frame;
	}
	return i;
}

/* Takes over the frames from i to last, whose caller has changed, and goes on to it. */
static unsigned recall_take_over(struct recall_frame *frames, struct recall_walk *walk, unsigned i,
				 unsigned last, unsigned bottom)
{
	for (;; i--) {
		uint64_t cfa = frames[i - 1].step.sp;
		uint64_t saved = recall_saved_place(cfa, frames[i].step.saved);

		frames[--bottom].step = frames[i].step;
		frames[bottom].step.fp = walk->fp;
		if (frames[i].step.saved)
			walk->fp = recall_read(saved);
		walk->sp = cfa;
		walk->key = unwind_strip(recall_read(unwind_ra_place(cfa, saved)));
		if (i == last)
			return bottom;
	}
}

/*
 * Unwinds until the rest is known. Returns how many of the remembered frames are still good, or -1; the
 * new ones are from ret_bottom on.
 */
static int recall_unwind(struct recall *recall, struct recall_walk *walk, unsigned *ret_bottom)
{
	struct recall_frame *frames = recall->frames;
	unsigned bottom = RECALL_FRAMES, i = recall->n;

	for (;;) {
		while (i > 0 && frames[i - 1].step.sp < walk->sp)
			i--;
		if (i > 0 && recall_is_here(walk, &frames[i - 1])) {
			unsigned last = recall_compare(recall, i - 1);

			if (likely(last == 0))
				break;
			if (unlikely(bottom - recall->n < i - last))
				return -1;
			bottom = recall_take_over(frames, walk, i - 1, last, bottom);
			i = last;
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

/* Notes the words that lead from a frame to the one further out, which is there already. */
static void recall_note_words(struct recall *recall, unsigned i)
{
	struct recall_frame *frame = &recall->frames[i];
	const struct recall_frame *outer = &recall->frames[i - 1];
	uint64_t saved = recall_saved_place(outer->step.sp, frame->step.saved);
	uint64_t ra = unwind_ra_place(outer->step.sp, saved);

	recall->words[i] = (struct recall_word){ra, recall_read(ra)};
	frame->n_given = outer->n_given;
	if (outer->needs_fp && frame->step.saved) {
		recall->given[frame->n_given++] =
			(struct recall_given){.word = {saved, recall_read(saved)}, .frame = i};
	}
}

/* Moves the new frames behind the first n. */
static void recall_settle(struct recall *recall, unsigned n, unsigned bottom)
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
		if (n)
			recall_note_words(recall, n);
		needs_fp = frame->step.kind == RULE_FP || (needs_fp && !frame->step.saved);
		frame->needs_fp = needs_fp;
		frame->hash = hash = stack_hash_add(hash, frame->step.frame);
		frame->id = ++recall->last_id;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	recall->n = n;
}

/* Keeps the way from the innermost frame to the first n_joined ones. It is valid once it is noted. */
static void recall_make_memo(struct recall *recall, unsigned n_joined)
{
	const unsigned innermost = recall->n - 1;
	const struct recall_frame *frame = &recall->frames[innermost];
	const struct recall_frame *joined = &recall->frames[n_joined - 1];
	const unsigned n_words = recall->n - n_joined + frame->n_given - joined->n_given;
	struct recall_memo *memo;
	unsigned n = 0;

	if (innermost == 0 || n_words > RECALL_MEMO_WORDS)
		return;
	memo = recall_memo_take(&recall->memos, frame->step.sp, MT_FRAME_PC(frame->step.frame),
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

/* The note of the stack that the walk begins, if it is known without unwinding; 0 if not. */
static _always_inline_ uint32_t recall_find_note(const struct recall *recall,
						 const struct recall_walk *walk)
{
	const struct recall_memo *memo;
	unsigned n = recall->n;

	if (n > 0 && recall_is_here(walk, &recall->frames[n - 1]))
		return recall->note && recall_compare(recall, n - 1) == 0 ? recall->note : 0;
	memo = recall_memo_find(&recall->memos, walk);
	if (!memo || memo->n_joined > n || recall->frames[memo->n_joined - 1].id != memo->id)
		return 0;
	return recall_compare(recall, memo->n_joined - 1u) == 0 ? memo->note : 0;
}

static bool recall_fail(struct recall *recall)
{
	recall->n = recall->note = 0;
	recall->pause = (uint16_t)((1u << recall->failures) - 1);
	if (recall->failures < RECALL_PATIENCE)
		recall->failures++;
	return false;
}

/* What was kept is good only for the same rules and the same stack. */
static _noinline_ void recall_begin_anew(struct recall *recall, uint64_t epoch, uintptr_t end)
{
	if (recall->epoch != epoch) {
		recall->epoch = epoch;
		recall_chain_forget(&recall->chains);
		for (unsigned i = 0; i < ARRAY_SIZE(recall->rules); i++)
			recall->rules[i].frame = 0;
	}
	recall->end = end;
	recall_forget(recall);
}

/* The epoch is entered once; what was found out in it is then good as long as it is the same. */
static _always_inline_ void recall_enter(struct recall *recall, uintptr_t end)
{
	const bool is_same = modules_has_counters() && modules_epoch() == recall->epoch;
	const uint64_t epoch = likely(is_same) ? recall->epoch : unwind_enter_epoch();

	if (unlikely(recall->epoch != epoch || recall->end != end))
		recall_begin_anew(recall, epoch, end);
}

/* By unwinding as far as needed. */
static _noinline_ bool recall_find_stack(struct recall *recall, struct recall_walk *walk,
					 struct recall_stack *ret)
{
	const unsigned max = recall->max;
	unsigned bottom;
	int n = recall_unwind(recall, walk, &bottom);
	bool is_new;

	recall->memo = NULL;
	if (unlikely(n < 0))
		return recall_fail(recall);
	is_new = (unsigned)n != recall->n || bottom != RECALL_FRAMES;
	if (is_new)
		recall_settle(recall, (unsigned)n, bottom);
	recall->failures = 0;
	ret->is_truncated = recall->n > max;
	ret->n_frames = MIN(recall->n, max);
	ret->hash = recall->frames[recall->n - 1].hash;
	if (unlikely(ret->is_truncated))
		ret->hash =
			stack_hash_cut(ret->hash, recall->frames[recall->n - 1 - max].hash, max);
	else if (is_new && n > 0)
		recall_make_memo(recall, (unsigned)n);
	return true;
}

_noinline_ bool recall_trace(struct recall *recall, const struct unwind_stack *stack,
			     bool wants_note, struct recall_stack *ret)
{
	struct recall_walk walk;
	uint64_t pc;

	if (unlikely(recall->pause)) {
		recall->pause--;
		return false;
	}
	recall_enter(recall, stack->end);
	unwind_capture_short(&walk.sp, &walk.fp, &pc);
	walk.key = pc + 1;
	walk.end = stack->end;
	walk.epoch = recall->epoch;
	walk.skip_start = recall->skip_start;
	walk.skip_size = recall->skip_end - recall->skip_start;
	walk.rules = recall->rules;
	if (unlikely(!recall_chain_leave(&recall->chains, &walk)))
		return recall_fail(recall);
	ret->note = wants_note ? recall_find_note(recall, &walk) : 0;
	return likely(ret->note) || recall_find_stack(recall, &walk, ret);
}

void recall_copy(const struct recall *recall, uint64_t *ret_frames, unsigned n_frames)
{
	for (unsigned i = 0; i < n_frames; i++)
		ret_frames[i] = recall->frames[recall->n - 1 - i].step.frame;
}

void recall_set_note(struct recall *recall, uint32_t note)
{
	recall->note = note;
	if (recall->memo)
		recall->memo->note = note;
	recall->memo = NULL;
}
