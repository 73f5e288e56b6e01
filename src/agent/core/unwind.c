/* SPDX-License-Identifier: MIT */
/*
 * unwind.c: the walk from frame to frame.
 *
 * Context: any thread, inside malloc, signal handlers, coroutine and alternate stacks. All state is on
 * the caller's stack: 300 bytes, some 600 more when a pc is met for the first time.
 *
 * The walk runs in one of two gears. The fast one knows three registers: stack pointer, frame
 * pointer and pc, and takes a rule of 8 bytes from the cache for each frame. Rules that the cache cannot
 * hold are interpreted in place; most of them get by with the three registers too. When one asks for
 * another register, the walk begins again in the full gear, which interprets every frame with all
 * registers that calls preserve.
 *
 * Invariants:
 *  - the stack pointer grows with every frame. It may fall, a few times a walk, where tables (not mere
 *    frame pointers) lead from one stack to another: out of a signal handler or a coroutine;
 *  - no frame is written whose pc is neither in a module nor in readable memory;
 *  - a rule is used only if its module was found in its place since the loader last changed anything.
 */
#include "agent/core/unwind.h"

#include "agent/core/eh-frame.h"
#include "agent/core/hotspot.h"
#include "agent/core/modules.h"
#include "agent/core/sys.h"
#include "agent/core/unwind-cache.h"
#include "agent/core/unwind-epoch.h"
#include "agent/core/unwind-memory.h"
#include "agent/core/unwind-walk.h"
#include "region/abi.h"

/* What the fast gear keeps up from frame to frame. */
static const uint64_t fast_registers =
	UNWIND_BIT(UNWIND_SP) | UNWIND_BIT(UNWIND_FP) | UNWIND_BIT(UNWIND_PC);

/* The short form of a row, but for where it has the return address. */
static struct rule shorten_place(const struct eh_tables *tables, const struct eh_row *row)
{
	const struct rule complex = {.kind = RULE_COMPLEX};
	struct rule rule = {.cfa = row->cfa_value};
	int32_t saved = row->value[UNWIND_FP];

	if (row->kind[row->ra] == EH_UNDEFINED)
		return (struct rule){.kind = RULE_END};
	if (row->is_signal || row->kind[row->ra] != EH_OFFSET || row->kind[UNWIND_SP] != EH_SAME)
		return complex;
	if (row->cfa_is_expression) {
		int32_t place;

		if (row->kind[UNWIND_FP] != EH_EXPRESSION ||
		    !eh_is_fp_deref(tables, row->cfa_value, true, &rule.cfa) ||
		    !eh_is_fp_deref(tables, row->value[UNWIND_FP], false, &place) || place % 8 ||
		    place / 8 != (int16_t)(place / 8))
			return complex;
		rule.saved = (int16_t)(place / 8);
		rule.kind = RULE_DRAP;
		return rule;
	}
	if (row->cfa_register == UNWIND_SP)
		rule.kind = RULE_SP;
	else if (row->cfa_register == UNWIND_FP)
		rule.kind = RULE_FP;
	else
		return complex;
	if (row->kind[UNWIND_FP] == EH_SAME)
		return rule;
	if (row->kind[UNWIND_FP] != EH_OFFSET || saved == 0 || saved % 8 ||
	    saved / 8 != (int16_t)(saved / 8))
		return complex;
	rule.saved = (int16_t)(saved / 8);
	return rule;
}

/* The short form of a row. Complex, if the return address is not where short rules have it. */
static struct rule shorten(const struct eh_tables *tables, const struct eh_row *row)
{
	struct rule rule = shorten_place(tables, row);
	bool is_usual;

	if (rule.kind != RULE_SP && rule.kind != RULE_FP && rule.kind != RULE_DRAP)
		return rule;
	/* for DRAP saved is not relative to the CFA: 0 serves, since the architecture does not look */
	is_usual = unwind_is_usual_ra(row->value[row->ra],
				      rule.kind == RULE_DRAP ? 0 : rule.saved * 8);
	return is_usual ? rule : (struct rule){.kind = RULE_COMPLEX};
}

static bool is_code(uint64_t key)
{
	/* a return address may be the first one behind the code, a trampoline the first one in it */
	return key > WALK_PC_MIN && key <= MT_FRAME_PC_MASK &&
	       (sys_is_readable(key, 1) || sys_is_readable(key - 1, 1));
}

/*
 * Finds the rule and the module of a pc that the cache does not have. RULE_NONE: it is no pc.
 *
 * Nobody called the first function of a coroutine. Its return address was planted there by makecontext
 * or its like, and is the very start of a function: the pc before it is in none, which no call leaves.
 */
static _noinline_ struct rule resolve(struct walk *w)
{
	struct module module;
	struct eh_tables tables;
	struct eh_row row;
	struct rule rule = {.kind = RULE_NONE};
	bool is_found = modules_find(w->key - 1, &module);

	if (!is_found && !is_code(w->key))
		return rule;
	tables = (struct eh_tables){module.eh_frame_hdr, module.tables_start, module.tables_end};
	if (is_found && module.eh_frame_hdr && eh_frame_find(&tables, w->key - 1, &row) == 0)
		rule = shorten(&tables, &row);
	else if (is_found && module.eh_frame_hdr && eh_frame_find(&tables, w->key, &row) == 0)
		rule.kind = RULE_END;
	else if (sys_is_readable(w->key, UNWIND_SIGRETURN_SIZE) &&
		 unwind_is_sigreturn((const uint8_t *)w->key))
		rule.kind = RULE_SIGNAL;
	else if (!is_found && sys_is_readable(w->key, UNWIND_LEAVE_SIZE) &&
		 (rule.cfa = unwind_leaves((const uint8_t *)w->key)) > 0)
		rule.kind = RULE_SP;
	else
		rule.kind = RULE_FRAME_POINTER;
	if (!is_found)
		hotspot_look(w->epoch);
	rule.module = is_found ? (uint16_t)module.index : MT_MODULE_NONE;
	/* code that was made at run time may be replaced by other code, for which that would not hold */
	if (rule.module != MT_MODULE_NONE || (rule.kind != RULE_SP && modules_has_counters()))
		cache_put(w->key, &rule);
	return rule;
}

/* What .eh_frame says, in full. */
static _noinline_ enum outcome step_tables(struct walk *w, uint32_t index)
{
	struct module module;
	struct eh_tables tables;
	struct eh_row row;
	struct unwind_regs caller;
	uint64_t sp = w->regs.value[UNWIND_SP];
	int r;

	if (!modules_get(index, &module) && !modules_find(w->key - 1, &module))
		return WALK_TRUNCATED;
	tables = (struct eh_tables){module.eh_frame_hdr, module.tables_start, module.tables_end};
	r = eh_frame_find(&tables, w->key - 1, &row);
	if (r < 0)
		return WALK_TRUNCATED;
	w->regs.value[UNWIND_PC] = w->key;
	w->regs.valid |= UNWIND_BIT(UNWIND_PC);
	r = eh_row_apply(&tables, &row, &w->memory, &w->regs, &caller);
	if (r > 0)
		return WALK_END;
	if (r < 0)
		return r == EH_UNKNOWN && !w->is_full ? WALK_RESTART : WALK_TRUNCATED;
	w->regs = caller;
	/*
	 * A signal frame knows every register, but the next short rules will not keep the others up. The
	 * frame pointer is 0 if it is not known: below any stack.
	 */
	if (!w->is_full)
		w->regs.valid = fast_registers;
	return walk_enter_caller(w, sp, true, row.is_signal);
}

/*
 * A frame pointer of zero marks the outermost frame, as the ABI has it: so the kernel starts a program, and the
 * loader's first lines, from which libraries are set up, are without tables. Code that was made at run time
 * may have anything in that register.
 */
static enum outcome step_frame_pointer(struct walk *w, bool is_of_module)
{
	uint64_t sp = w->regs.value[UNWIND_SP], fp = w->regs.value[UNWIND_FP];

	if (is_of_module && fp == 0 && (w->regs.valid & UNWIND_BIT(UNWIND_FP)))
		return WALK_END;
	if (!(w->regs.valid & UNWIND_BIT(UNWIND_FP)) || fp < sp ||
	    !unwind_memory_read(&w->memory, fp, &w->regs.value[UNWIND_FP]) ||
	    !unwind_memory_read(&w->memory, fp + 8, &w->regs.value[UNWIND_PC]))
		return WALK_TRUNCATED;
	w->regs.value[UNWIND_SP] = fp + 16;
	w->regs.valid = fast_registers;
	w->flags |= MT_STACK_FP;
	return walk_enter_caller(w, sp, false, false);
}

static enum outcome step_signal(struct walk *w)
{
	uint64_t sp = w->regs.value[UNWIND_SP];

	for (unsigned i = 0; i < UNWIND_SIGFRAME_N; i++)
		if (!unwind_memory_read(&w->memory, sp + UNWIND_SIGFRAME_REGS + 8ull * i,
					&w->regs.value[unwind_sigframe_register(i)]))
			return WALK_TRUNCATED;
	w->regs.valid = w->is_full ? UNWIND_ALL : fast_registers;
	return walk_enter_caller(w, sp, true, true);
}

/* By a short rule, with every read checked and windows widened as needed. */
static enum outcome step_rule(struct walk *w, struct rule rule)
{
	uint64_t sp = w->regs.value[UNWIND_SP], fp = w->regs.value[UNWIND_FP], cfa;
	uint64_t saved;

	if (rule.kind != RULE_SP && !(w->regs.valid & UNWIND_BIT(UNWIND_FP)))
		return WALK_TRUNCATED;
	cfa = (rule.kind == RULE_SP ? sp : fp) + (uint64_t)(int64_t)rule.cfa;
	saved = cfa + (uint64_t)((int64_t)rule.saved * 8);
	if (rule.kind == RULE_DRAP) {
		if (!unwind_memory_read(&w->memory, cfa, &cfa))
			return WALK_TRUNCATED;
		saved = fp + (uint64_t)((int64_t)rule.saved * 8);
	}
	if ((rule.saved || rule.kind == RULE_DRAP) &&
	    !unwind_memory_read(&w->memory, saved, &w->regs.value[UNWIND_FP]))
		return WALK_TRUNCATED;
	if (!unwind_memory_read(&w->memory, unwind_ra_place(cfa, saved), &w->regs.value[UNWIND_PC]))
		return WALK_TRUNCATED;
	w->regs.value[UNWIND_SP] = cfa;
	w->regs.valid &= fast_registers;
	return walk_enter_caller(w, sp, true, false);
}

static _noinline_ enum outcome step(struct walk *w, struct rule rule)
{
	switch (rule.kind) {
	case RULE_END:
		return WALK_END;
	case RULE_FRAME_POINTER:
		return step_frame_pointer(w, rule.module != MT_MODULE_NONE);
	case RULE_SIGNAL:
		return step_signal(w);
	case RULE_COMPLEX:
		return step_tables(w, rule.module);
	default:
		return w->is_full && rule.module != MT_MODULE_NONE ? step_tables(w, rule.module)
								   : step_rule(w, rule);
	}
}

/*
 * Goes on by rules of kind SP and FP as long as they are in the cache, their module is in its place and
 * their words are in the window: nearly every frame of every trace. Stops before the first frame where
 * that is not so.
 */
__attribute__((no_sanitize_address)) static void run(struct walk *w, const struct cache *cache)
{
	uint64_t sp = w->regs.value[UNWIND_SP], fp = w->regs.value[UNWIND_FP], key = w->key;
	const uint64_t high = w->memory.high;
	uint32_t checked = MT_MODULE_NONE;
	unsigned n = w->n;
	struct rule rule;

	while (cache_find(cache, key, &rule) && (rule.kind == RULE_SP || rule.kind == RULE_FP)) {
		uint64_t cfa = (rule.kind == RULE_SP ? sp : fp) + (uint64_t)(int64_t)rule.cfa;
		uint64_t saved = cfa + (uint64_t)((int64_t)rule.saved * 8);
		uint64_t ra = unwind_ra_place(cfa, saved);

		if (unlikely(rule.module != checked)) {
			if (!modules_is_current(rule.module, w->epoch))
				break;
			checked = rule.module;
		}
		if (unlikely(ra < sp || ra >= cfa || cfa > high || saved < sp || saved > cfa ||
			     (cfa & 7)))
			break;
		if (unlikely(n == w->max))
			break;
		if (unlikely(n == 0 && key - 1 - w->skip_start < w->skip_size)) {
			if (++w->skipped == WALK_SKIPPED_MAX)
				break;
		} else {
			w->frames[n++] = key | (uint64_t)rule.module << 48;
		}
		if (rule.saved)
			fp = *(const volatile uint64_t *)saved;
		key = unwind_strip(*(const volatile uint64_t *)ra);
		sp = cfa;
	}
	w->regs.value[UNWIND_SP] = sp;
	w->regs.value[UNWIND_FP] = fp;
	w->key = key;
	w->n = n;
}

static bool is_in_place(const struct walk *w, const struct rule *rule)
{
	return rule->module == MT_MODULE_NONE || modules_is_current(rule->module, w->epoch) ||
	       modules_check(rule->module, w->key - 1, w->epoch);
}

bool unwind_learn(uint64_t key, uint64_t epoch)
{
	const struct cache *cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);
	struct walk w;
	struct rule rule;

	w.key = key;
	w.epoch = epoch;
	if (key == 0)
		return false;
	if (!cache || !cache_find(cache, key, &rule) || !is_in_place(&w, &rule))
		rule = resolve(&w);
	return rule.module != MT_MODULE_NONE;
}

static enum outcome walk(struct walk *w)
{
	for (;;) {
		const struct cache *cache = __atomic_load_n(&unwind_cache, __ATOMIC_ACQUIRE);
		enum outcome outcome;
		struct rule rule;

		if (cache && !w->is_full)
			run(w, cache);
		if (w->key == 0)
			return WALK_END;
		if (unlikely(hotspot_has(w->key - 1))) {
			outcome = walk_hotspot(w);
			if (outcome != WALK_ON)
				return outcome;
			continue;
		}
		if (!cache || !cache_find(cache, w->key, &rule) || !is_in_place(w, &rule))
			rule = resolve(w);
		if (rule.kind == RULE_NONE || !walk_put_frame(w, rule.module))
			return WALK_TRUNCATED;
		outcome = step(w, rule);
		if (outcome != WALK_ON)
			return outcome;
	}
}

static void begin(struct walk *w, struct unwind_stack *stack, bool is_full)
{
	unwind_memory_init(&w->memory, stack);
	w->key = w->regs.value[UNWIND_PC] + 1;
	w->regs.valid &= is_full ? UNWIND_ALL : fast_registers;
	w->n = w->skipped = w->switches = w->flags = 0;
	w->is_full = is_full;
}

/* Of the caller's registers the short rules' three are known. */
static bool begin_at(struct walk *w, const struct unwind_caller *caller)
{
	if (!caller || !caller->pc || caller->pc - 1 - w->skip_start < w->skip_size)
		return false;
	w->regs.value[UNWIND_SP] = caller->sp;
	w->regs.value[UNWIND_FP] = caller->fp;
	w->regs.value[UNWIND_PC] = unwind_strip(caller->pc) - 1;
	w->regs.valid = fast_registers;
	return true;
}

unsigned unwind_trace(struct unwind_stack *stack, const struct unwind_caller *caller,
		      uintptr_t skip_start, uintptr_t skip_end, uint64_t *ret_frames, unsigned max,
		      unsigned *flags)
{
	struct walk w;
	enum outcome outcome = WALK_RESTART;

	w.frames = ret_frames;
	w.max = max;
	w.skip_start = skip_start;
	w.skip_size = skip_end - skip_start;
	w.epoch = unwind_enter_epoch();
	for (unsigned is_full = 0; is_full < 2 && outcome == WALK_RESTART; is_full++) {
		if (is_full || !begin_at(&w, caller))
			unwind_capture(&w.regs);
		begin(&w, stack, is_full);
		if (unlikely(!unwind_memory_enter(&w.memory, w.regs.value[UNWIND_SP])))
			return 0;
		outcome = walk(&w);
	}
	unwind_memory_keep(&w.memory);
	if (outcome != WALK_END)
		w.flags |= MT_STACK_TRUNCATED;
	*flags |= w.flags;
	return w.n;
}

uint64_t unwind_own_bytes(void)
{
	return cache_own_bytes() + modules_own_bytes();
}
