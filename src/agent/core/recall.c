/* SPDX-License-Identifier: MIT */
/*
 * recall.c: the remembered stack.
 *
 * The state of a walk is three registers: stack pointer, frame pointer, pc. What comes next follows from
 * them, from the rule for the pc, and from a few words: the return address and, where a rule says that it was
 * saved, the frame pointer; frames of Java have others. So if a new walk is in a state in which a former one
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
 *	given[]    the saved frame pointers that frames further out need, and other words of Java's
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
 * Frames of Java have other words that lead further out (recall-java.h). They stand among given[]. If one of
 * them is different, it is another frame that stands there, and is not copied.
 *
 * The frame pointer is a general register in most code. A frame needs it only if its own rule does, or
 * it passes it on to one that does; where nobody needs it, it is not compared. That is known only
 * from the outside in, when new frames are moved to their place.
 *
 * All words that are read lie between the stack pointer and the end of the thread's stack, or in the code of a Java
 * machine, which is never given back (hotspot.c). The remembered ones do: they are compared only from a state whose
 * stack pointer is that of a live frame.
 *
 * Context: the thread that it belongs to, inside malloc, not in handlers that interrupted it here.
 * While frames are moved n is 0: a longjmp out of a handler leaves nothing half done that is believed.
 */
#include "agent/core/recall.h"

#include "agent/core/recall-state.h"
#include "agent/core/stack-hash.h"
#include "agent/core/sys.h"
#include "agent/core/unwind-epoch.h"

/* log2 of how many traces are not tried after failures */
enum { RECALL_PATIENCE = 6 };

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

struct recall *recall_free(struct recall *recall)
{
	if (recall) {
		sys_unmap(recall, sizeof(*recall));
		__atomic_fetch_sub(&recall_bytes, sizeof(*recall), __ATOMIC_RELAXED);
	}
	return NULL;
}

void recall_forget(struct recall *recall)
{
	recall->n = 0;
	recall->note = 0;
}

_hot_ uint64_t recall_own_bytes(void)
{
	return __atomic_load_n(&recall_bytes, __ATOMIC_RELAXED);
}

/* The memo's note, if the frame that it leads to is still there. */
static _always_inline_ uint32_t recall_check_memo(const struct recall *recall,
						  const struct recall_memo *memo)
{
	if (unlikely(memo->n_joined > recall->n ||
		     recall->frames[memo->n_joined - 1].id != memo->id))
		return 0;
	return likely(recall_compare(recall, memo->n_joined - 1u) == 0) ? memo->note : 0;
}

/* The note of the stack that the walk begins, if it is known without unwinding; 0 if not. */
static _always_inline_ uint32_t recall_find_note(struct recall *recall,
						 const struct recall_walk *walk)
{
	const struct recall_memo *memo = recall_memo_guess(&recall->memos, walk);
	unsigned n = recall->n;

	if (likely(recall_memo_holds(memo, walk)))
		return recall_check_memo(recall, memo);
	if (n > 0 && recall_is_here(walk, &recall->frames[n - 1]))
		return recall->note && recall_compare(recall, n - 1) == 0 ? recall->note : 0;
	memo = recall_memo_find(&recall->memos, walk);
	return memo ? recall_check_memo(recall, memo) : 0;
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
static void recall_begin_anew(struct recall *recall, uint64_t epoch, uintptr_t end)
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
static _always_inline_ bool recall_is_entered(const struct recall *recall, uintptr_t end)
{
	return likely(modules_has_counters() && modules_epoch() == recall->epoch &&
		      recall->end == end);
}

static _noinline_ void recall_enter(struct recall *recall, uintptr_t end)
{
	const uint64_t epoch = unwind_enter_epoch();

	if (recall->epoch != epoch || recall->end != end)
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
	if (is_new && unlikely(!recall_settle(recall, (unsigned)n, bottom)))
		return recall_fail(recall);
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

static _always_inline_ struct recall_walk recall_begin_walk(struct recall *recall,
							    const struct unwind_stack *stack)
{
	return (struct recall_walk){
		.end = stack->end,
		.epoch = recall->epoch,
		.skip_start = recall->skip_start,
		.skip_size = recall->skip_end - recall->skip_start,
		.rules = recall->rules,
	};
}

/* Puts a walk at the frame that is given. False if it is none of the program's on that stack. */
static _always_inline_ bool recall_begin_at(struct recall_walk *walk,
					    const struct unwind_caller *caller)
{
	walk->sp = caller->sp;
	walk->fp = caller->fp;
	walk->key = unwind_strip(caller->pc);
	return likely(caller->pc && caller->sp < walk->end && !recall_walk_is_skipped(walk));
}

/* Begins here, and goes over our own frames. */
static _always_inline_ bool recall_leave(struct recall *recall, struct recall_walk *walk)
{
	uint64_t pc;

	unwind_capture_short(&walk->sp, &walk->fp, &pc);
	walk->key = pc + 1;
	return recall_chain_leave(&recall->chains, walk);
}

/* recall_note where the frame is not told: a function of its own, so that the walk of the other stays in registers. */
static _noinline_ uint32_t recall_note_from_here(struct recall *recall,
						 const struct unwind_stack *stack)
{
	struct recall_walk walk = recall_begin_walk(recall, stack);

	return recall_leave(recall, &walk) ? recall_find_note(recall, &walk) : 0;
}

_noinline_ uint32_t recall_note(struct recall *recall, const struct unwind_stack *stack,
				const struct unwind_caller *caller)
{
	struct recall_walk walk = recall_begin_walk(recall, stack);

	if (unlikely(recall->pause || !recall_is_entered(recall, stack->end)))
		return 0;
	if (unlikely(!recall_begin_at(&walk, caller)))
		return recall_note_from_here(recall, stack);
	return recall_find_note(recall, &walk);
}

_noinline_ bool recall_trace(struct recall *recall, const struct unwind_stack *stack,
			     const struct unwind_caller *caller, bool wants_note,
			     struct recall_stack *ret)
{
	struct recall_walk walk;

	if (unlikely(recall->pause)) {
		recall->pause--;
		return false;
	}
	if (unlikely(!recall_is_entered(recall, stack->end)))
		recall_enter(recall, stack->end);
	walk = recall_begin_walk(recall, stack);
	if (!(caller && recall_begin_at(&walk, caller)) && !recall_leave(recall, &walk))
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
