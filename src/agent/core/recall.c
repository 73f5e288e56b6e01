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
 * A trace unwinds from the inside, puts what it finds at the end of the array, and looks in each state
 * whether it was here before. If so it compares the words further out. If one is different (a caller has
 * returned, and was called again from elsewhere) the frames up to it are copied as they are, and
 * unwinding goes on behind it. At the end the new frames are moved behind those that are still good.
 *
 * The frame pointer is a general register in most code. A frame needs it only if its own rule does, or
 * it passes it on to one that does; where nobody needs it, it is not compared. That is known only
 * from the outside in, when new frames are moved to their place.
 *
 * Begin of a trace. The agent's own frames between the allocation function and here are the same
 * few chains each time, at other addresses. If all their rules count from the stack pointer, the places
 * of their return addresses are constants, and comparing those with what they were is enough: a chain
 * of six frames costs six comparisons wherever it is.
 *
 * All words that are read lie between the stack pointer and the end of the thread's stack. The
 * remembered ones do: they are compared only from a state on whose stack pointer is that of a live frame.
 *
 * Context: the thread that it belongs to, inside malloc, not in handlers that interrupted it here.
 * While frames are moved n is 0: a longjmp out of a handler leaves nothing half done that is believed.
 */
#include "agent/core/recall.h"

#include "agent/core/stack-hash.h"
#include "agent/core/sys.h"
#include "agent/core/unwind-cache.h"
#include "agent/core/unwind-epoch.h"
#include "agent/core/unwind-regs.h"
#include "region/abi.h"

enum {
	RECALL_FRAMES = 500, /* deepest stack, and room for new frames beside a remembered one */
	RECALL_CHAINS = 4,
	RECALL_CHAIN_MAX = 12,
	RECALL_PATIENCE = 6, /* log2 of how many traces are not tried after failures */
	RECALL_NOT_SAVED = UINT32_MAX,
	RECALL_RULE_BITS = 7,
};

struct recall_frame {
	uint64_t sp;
	uint64_t fp;    /* what it was then; holds no longer unless needs_fp */
	uint64_t frame; /* as recorded: pc and module */
	uint64_t hash;  /* of this frame and all further out */
	int16_t saved; /* where its function saved fp: words from the caller's sp, 0 if it did not */
	uint8_t kind;  /* enum rule_kind: SP, FP or END */
	bool needs_fp;
	bool gives_fp; /* it saved one that the next frame out needs */
};
assert_size(struct recall_frame, 40);

/* A rule of the present epoch, of kind SP, FP or END. */
struct recall_rule {
	uint64_t frame; /* key and module; 0 if there is none */
	int32_t cfa;
	int16_t saved;
	uint8_t kind;
};

/* Frames of the agent, from recall_trace outward, in bytes from the first stack pointer. */
struct recall_chain {
	uint32_t n;
	uint32_t size;  /* to the stack pointer of the program's frame */
	uint32_t saved; /* where the program's frame pointer is, or RECALL_NOT_SAVED */
	struct recall_link {
		uint32_t place; /* of the return address */
		uint64_t key;   /* what it was; not looked at in the last one */
	} links[RECALL_CHAIN_MAX];
};

struct recall {
	uint64_t epoch; /* rules were those of this one */
	uintptr_t end;  /* of the stack that frames are of */
	uint32_t n;
	uint32_t note;
	uint16_t failures, pause;
	uint32_t next_chain;
	struct recall_chain chains[RECALL_CHAINS];
	struct recall_rule rules[1 << RECALL_RULE_BITS]; /* by key */
	struct recall_frame frames[RECALL_FRAMES];
};

/* Where a trace is. */
struct recall_walk {
	uint64_t sp, fp, key;
	uintptr_t end;
	uintptr_t skip_start, skip_size;
	uint64_t epoch;
	struct recall_rule *rules;
};

static uint64_t recall_bytes;

struct recall *recall_new(void)
{
	struct recall *recall = sys_map_private(sizeof(struct recall));

	if (recall)
		__atomic_fetch_add(&recall_bytes, sizeof(struct recall), __ATOMIC_RELAXED);
	return recall;
}

void recall_forget(struct recall *recall)
{
	recall->n = 0;
	recall->note = 0;
}

uint32_t *recall_note(struct recall *recall)
{
	return &recall->note;
}

uint64_t recall_own_bytes(void)
{
	return __atomic_load_n(&recall_bytes, __ATOMIC_RELAXED);
}

__attribute__((no_sanitize_address)) static _always_inline_ uint64_t recall_read(uintptr_t place)
{
	return *(const volatile uint64_t *)place;
}

static _always_inline_ bool recall_is_skipped(const struct recall_walk *walk)
{
	return walk->key - 1 - walk->skip_start < walk->skip_size;
}

/* Fetches the rule for a key from the cache of all threads. False if it is none that is kept here. */
static _noinline_ bool recall_learn(uint64_t key, uint64_t epoch, struct recall_rule *ret)
{
	const struct cache *cache;
	struct rule rule;

	if (!unwind_learn(key, epoch))
		return false;
	/* acquire pairs with the release in unwind-cache.c */
	cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);
	if (!cache || !cache_find(cache, key, &rule) || !modules_is_current(rule.module, epoch))
		return false;
	if (rule.kind != RULE_SP && rule.kind != RULE_FP && rule.kind != RULE_END)
		return false;
	ret->frame = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ret->cfa = rule.cfa;
	ret->saved = rule.saved;
	ret->kind = rule.kind;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ret->frame = key | (uint64_t)rule.module << 48;
	return true;
}

/* Goes from a frame to its caller and notes it in ret. False if that takes more than a short rule. */
__attribute__((no_sanitize_address)) static _always_inline_ bool
recall_step(struct recall_walk *walk, struct recall_frame *ret)
{
	struct recall_rule *rule = &walk->rules[cache_hash(walk->key) >> (64 - RECALL_RULE_BITS)];
	uint64_t cfa, saved, ra;

	if (unlikely(MT_FRAME_PC(rule->frame) != walk->key || rule->frame == 0) &&
	    !recall_learn(walk->key, walk->epoch, rule))
		return false;
	ret->sp = walk->sp;
	ret->fp = walk->fp;
	ret->frame = rule->frame;
	ret->saved = rule->saved;
	ret->kind = rule->kind;
	if (rule->kind == RULE_END)
		return true;
	cfa = (rule->kind == RULE_SP ? walk->sp : walk->fp) + (uint64_t)(int64_t)rule->cfa;
	saved = cfa + (uint64_t)((int64_t)rule->saved * 8);
	ra = unwind_ra_place(cfa, saved);
	if (unlikely(ra < walk->sp || ra >= cfa || cfa > walk->end || saved < walk->sp ||
		     saved > cfa || (cfa & 7)))
		return false;
	if (rule->saved)
		walk->fp = recall_read(saved);
	walk->key = unwind_strip(recall_read(ra));
	walk->sp = cfa;
	return true;
}

/* Goes over the agent's frames, if they are those of the chain. */
__attribute__((no_sanitize_address)) static _always_inline_ bool
recall_follow_chain(struct recall_walk *walk, const struct recall_chain *chain)
{
	unsigned last = chain->n - 1;

	if (chain->n == 0 || walk->end - walk->sp < chain->size)
		return false;
	for (unsigned i = last; i > 0; i--)
		if (unwind_strip(recall_read(walk->sp + chain->links[i - 1].place)) !=
		    chain->links[i - 1].key)
			return false;
	walk->key = unwind_strip(recall_read(walk->sp + chain->links[last].place));
	if (chain->saved != RECALL_NOT_SAVED)
		walk->fp = recall_read(walk->sp + chain->saved);
	walk->sp += chain->size;
	return true;
}

/* Adds a frame of the agent that the walk has just gone over. */
static void recall_extend_chain(struct recall_chain *chain, const struct recall_frame *frame,
				const struct recall_walk *walk, uint64_t first_sp)
{
	uint64_t saved = walk->sp + (uint64_t)((int64_t)frame->saved * 8);
	struct recall_link *link = &chain->links[chain->n];

	chain->n++;
	link->place = (uint32_t)(unwind_ra_place(walk->sp, saved) - first_sp);
	link->key = walk->key;
	chain->size = (uint32_t)(walk->sp - first_sp);
	if (frame->saved)
		chain->saved = (uint32_t)(saved - first_sp);
}

/* Goes over the agent's frames one by one. What is in ret_chain is good if its n is not 0. */
static void recall_walk_chain(struct recall_walk *walk, struct recall_chain *ret_chain)
{
	struct recall_chain *chain = ret_chain;
	uint64_t first_sp = walk->sp;
	bool is_chain = true;

	chain->n = chain->size = 0;
	chain->saved = RECALL_NOT_SAVED;
	while (recall_is_skipped(walk)) {
		struct recall_frame frame;

		if (!recall_step(walk, &frame) || frame.kind == RULE_END)
			break;
		is_chain &= frame.kind == RULE_SP && chain->n < RECALL_CHAIN_MAX;
		if (is_chain)
			recall_extend_chain(chain, &frame, walk, first_sp);
	}
	if (!is_chain || recall_is_skipped(walk))
		chain->n = 0;
}

/* The same, and keeps them. False if they do not end. */
static _noinline_ bool recall_learn_chain(struct recall *recall, struct recall_walk *walk)
{
	struct recall_chain *place = &recall->chains[recall->next_chain++ % RECALL_CHAINS], chain;
	unsigned n;

	recall_walk_chain(walk, &chain);
	n = chain.n;
	chain.n = place->n = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*place = chain;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	place->n = n;
	return !recall_is_skipped(walk);
}

static _always_inline_ bool recall_leave_agent(struct recall *recall, struct recall_walk *walk)
{
	if (!recall_is_skipped(walk))
		return true;
	for (unsigned i = 0; i < RECALL_CHAINS; i++)
		if (recall_follow_chain(walk, &recall->chains[i]))
			return !recall_is_skipped(walk);
	return recall_learn_chain(recall, walk);
}

/* Whether the walk is in the state that is remembered there. */
static _always_inline_ bool recall_is_here(const struct recall_walk *walk,
					   const struct recall_frame *frame)
{
	return frame->sp == walk->sp && MT_FRAME_PC(frame->frame) == walk->key &&
	       (!frame->needs_fp || frame->fp == walk->fp);
}

/* The first frame from i outward one of whose words has changed; 0, the outermost one, if none has. */
__attribute__((no_sanitize_address)) static unsigned
recall_compare(const struct recall_frame *frames, unsigned i)
{
	for (; i > 0; i--) {
		const struct recall_frame *outer = &frames[i - 1];
		uint64_t saved = outer->sp + (uint64_t)((int64_t)frames[i].saved * 8);
		uint64_t ra = recall_read(unwind_ra_place(outer->sp, saved));

		if (unwind_strip(ra) != MT_FRAME_PC(outer->frame))
			break;
		if (unlikely(frames[i].gives_fp) && recall_read(saved) != outer->fp)
			break;
	}
	return i;
}

/* Takes over the frames from i to last, whose caller has changed, and goes on to it. */
__attribute__((no_sanitize_address)) static unsigned recall_take_over(struct recall_frame *frames,
								      struct recall_walk *walk,
								      unsigned i, unsigned last,
								      unsigned bottom)
{
	for (;; i--) {
		uint64_t cfa = frames[i - 1].sp;
		uint64_t saved = cfa + (uint64_t)((int64_t)frames[i].saved * 8);

		frames[--bottom] = frames[i];
		frames[bottom].fp = walk->fp;
		if (frames[i].saved)
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
		while (i > 0 && frames[i - 1].sp < walk->sp)
			i--;
		if (i > 0 && recall_is_here(walk, &frames[i - 1])) {
			unsigned last = recall_compare(frames, i - 1);

			if (likely(last == 0))
				break;
			if (unlikely(bottom - recall->n < i - last))
				return -1;
			bottom = recall_take_over(frames, walk, i - 1, last, bottom);
			i = last;
			continue;
		}
		if (unlikely(bottom == recall->n) || !recall_step(walk, &frames[bottom - 1]))
			return -1;
		bottom--;
		if (frames[bottom].kind == RULE_END) {
			i = 0;
			break;
		}
	}
	*ret_bottom = bottom;
	return (int)i;
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

		*frame = frames[bottom];
		frame->gives_fp = needs_fp && frame->saved;
		needs_fp = frame->kind == RULE_FP || (needs_fp && !frame->saved);
		frame->needs_fp = needs_fp;
		frame->hash = hash = stack_hash_add(hash, frame->frame);
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	recall->n = n;
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
static _always_inline_ void recall_enter(struct recall *recall, uint64_t epoch, uintptr_t end)
{
	if (unlikely(recall->epoch != epoch)) {
		recall->epoch = epoch;
		recall->n = recall->note = 0;
		for (unsigned i = 0; i < RECALL_CHAINS; i++)
			recall->chains[i].n = 0;
		for (unsigned i = 0; i < ARRAY_SIZE(recall->rules); i++)
			recall->rules[i].frame = 0;
	}
	if (unlikely(recall->end != end)) {
		recall->end = end;
		recall->n = recall->note = 0;
	}
}

_noinline_ bool recall_trace(struct recall *recall, const struct unwind_stack *stack,
			     uintptr_t skip_start, uintptr_t skip_end, unsigned max,
			     struct recall_stack *ret)
{
	struct unwind_regs regs;
	struct recall_walk walk;
	unsigned bottom;
	int n;

	if (unlikely(recall->pause)) {
		recall->pause--;
		return false;
	}
	walk.epoch = unwind_enter_epoch();
	recall_enter(recall, walk.epoch, stack->end);
	unwind_capture(&regs);
	/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): captured by assembly */
	walk.sp = regs.value[UNWIND_SP];
	walk.fp = regs.value[UNWIND_FP];
	walk.key = regs.value[UNWIND_PC] + 1;
	walk.end = stack->end;
	walk.skip_start = skip_start;
	walk.skip_size = skip_end - skip_start;
	walk.rules = recall->rules;
	if (unlikely(!recall_leave_agent(recall, &walk)))
		return recall_fail(recall);
	n = recall_unwind(recall, &walk, &bottom);
	if (unlikely(n < 0))
		return recall_fail(recall);
	ret->is_same = (unsigned)n == recall->n && bottom == RECALL_FRAMES;
	if (!ret->is_same)
		recall_settle(recall, (unsigned)n, bottom);
	recall->failures = 0;
	ret->is_truncated = recall->n > max;
	ret->n_frames = MIN(recall->n, max);
	ret->hash = recall->frames[recall->n - 1].hash;
	if (unlikely(ret->is_truncated))
		ret->hash =
			stack_hash_cut(ret->hash, recall->frames[recall->n - 1 - max].hash, max);
	return true;
}

void recall_copy(const struct recall *recall, uint64_t *ret_frames, unsigned n_frames)
{
	for (unsigned i = 0; i < n_frames; i++)
		ret_frames[i] = recall->frames[recall->n - 1 - i].frame;
}
