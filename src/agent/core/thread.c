/* SPDX-License-Identifier: MIT */
/*
 * thread.c: per-thread state without thread-local storage.
 *
 * The core may not use TLS (the injected image has none, and a late-loaded library has little), so
 * the state is found by the thread pointer in a hash table of fixed size: open addressing, a window
 * of THREAD_WINDOW places, no deletion. A place, once it has a state, keeps it. Only a thread
 * itself looks for its own thread pointer, so two threads never insert the same key and a key, once
 * there, stays until its owner has ended.
 *
 * The table has two parts. A hash spreads threads evenly, and in a table for thousands each would have a page
 * of its own: 4 KiB, and an interrupt of all processors when the page, read before it is written, is exchanged.
 * So the first part is four pages; threads whose window there is full have another one in the second part.
 *
 * A thread that ends leaves its state behind as THREAD_ENDED. The next thread with the same thread
 * pointer (glibc reuses stacks) takes it over, or another one that finds no empty place in a window:
 * both by a compare-and-swap from ENDED to ACTIVE, so that there is one winner. A thread may allocate
 * after it said that it ends (destructors of others); if its state is still there it uses it and
 * leaves it as ended again.
 *
 * Threads that end without saying so keep their state until their thread pointer comes back.
 *
 * Depth. A handler that leaves by longjmp never reaches thread_leave. The stack pointer at each entry
 * is kept: when a new entry on the thread's own stack is further out than an older one, the older one's
 * frame is gone and its depth is taken back.
 *
 * Context: any thread, inside malloc, signal handlers. No locks. System calls (gettid, prctl) when a
 * thread is first seen and at its 1st, 2nd, 4th, ... sample.
 */
#include "agent/core/thread.h"

#include "agent/core/live.h"
#include "agent/core/recall.h"
#include "agent/core/sys.h"
#include "agent/core/thread-entry.h"
#include "agent/core/writer.h"

enum {
	THREAD_WINDOW = 32,
	THREAD_NESTED = 16, /* buffers for handlers, of the whole process */
};

struct thread_table thread_table;
static struct thread *thread_states;
static uint32_t thread_n_states, thread_max_states;
static uint32_t thread_n_others; /* places behind the first, a power of two */

static uint64_t thread_nested[THREAD_NESTED][THREAD_FRAMES];
static uint32_t thread_nested_used; /* bit i: thread_nested[i] is taken */

int thread_init(uint32_t max_threads, uintptr_t main_stack_end)
{
	uint32_t n_others = 64;

	if (thread_table.places)
		return 0;
	max_threads = MAX(max_threads, 16);
	while (n_others < max_threads * 2)
		n_others *= 2;
	thread_states = sys_map_private((size_t)max_threads * sizeof(struct thread));
	thread_table.places =
		sys_map_private((size_t)(THREAD_FIRST + n_others) * sizeof(struct thread_place));
	if (!thread_states || !thread_table.places)
		return -SYS_ENOMEM;
	thread_max_states = max_threads;
	thread_n_others = n_others;
	thread_stack_init(main_stack_end);
	thread_entry_init();
	return 0;
}

uint64_t thread_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

/* What a state needs before it can be found: a handler that comes then is a nested user of it. */
static void thread_prepare(struct thread *thread, uintptr_t tp)
{
	thread->number = (uint32_t)(thread - thread_states) + 1;
	thread->depth = 1;
	thread->stack = thread->other = (struct unwind_stack){0};
	thread->index = 0;
	thread->random = sys_clock_ns() ^ tp ^ (uintptr_t)thread * 0x9e3779b97f4a7c15ull;
	thread->random |= thread->random == 0;
	thread->armed = thread->ended = thread->mentioned = thread->maps_busy = false;
	thread->n_map_ops = 0;
	if (thread->recall)
		recall_forget(thread->recall);
	thread->interval = 0;
	thread->n_tags = thread->n_backing = 0;
	thread->pool_armed = false;
	thread->n_samples = thread->n_events = 0;
	thread->quick = thread->quick_given = 0;
	thread->tick_ns = 0;
	thread->next_name = 1;
	thread->tp = tp;
}

/* Makes it so that the state is found, and finishes it. */
static void thread_begin(struct thread *thread, struct thread_place *place)
{
	uint64_t now_ns = sys_clock_coarse_ns();

	thread->place = place;
	/* release pairs with the acquire in thread_for_each */
	__atomic_store_n(&thread->status, THREAD_ACTIVE, __ATOMIC_RELEASE);
	__atomic_store_n(&place->tp, thread->tp, __ATOMIC_RELAXED);

	thread->tid = sys_gettid();
	thread->random ^= (uint64_t)thread->tid << 32;
	thread->random |= thread->random == 0;
	for (int i = 0; i < 4; i++)
		thread_random(&thread->random);
	thread->index = thread_entry_take(thread->tid, now_ns);
	thread_entry_read_name(thread->index, thread->tid, false, now_ns);
	thread_entry_put_event(MT_EVENT_THREAD_START, thread->index, thread->tid, now_ns);
	thread->depth = 0;
}

/* The thread pointer is the same, the thread is another. */
static void thread_restart(struct thread *thread)
{
	thread_prepare(thread, thread->tp);
	thread_begin(thread, thread->place);
}

static bool thread_take_over(struct thread *thread)
{
	uint32_t ended = THREAD_ENDED;

	/* acquire pairs with the release in thread_end and thread_leave */
	return __atomic_compare_exchange_n(&thread->status, &ended, THREAD_ACTIVE, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static struct thread *thread_new_state(void)
{
	uint32_t n = __atomic_load_n(&thread_n_states, __ATOMIC_RELAXED);
	struct thread *state;

	do {
		if (n >= thread_max_states)
			return NULL;
	} while (!__atomic_compare_exchange_n(&thread_n_states, &n, n + 1, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	state = &thread_states[n];
	/* its second page, which is read next, is to be made by a write */
	*(struct recall *volatile *)&state->recall = NULL;
	return state;
}

/* One of the two windows of a hash: each place number from 0 on. */
typedef struct thread_place *(*thread_window)(uint32_t hash, unsigned i);

/*
 * Gives the calling thread a place of a window: an empty one, for which *state is made if it is not yet, or one that an
 * ended thread left. NULL if there is none.
 */
static struct thread *thread_settle(uintptr_t tp, thread_window window, struct thread **state)
{
	uint32_t hash = thread_hash(tp);

	for (unsigned i = 0; i < THREAD_WINDOW; i++) {
		struct thread_place *place = window(hash, i);
		struct thread *none = NULL;

		if (__atomic_load_n(&place->state, __ATOMIC_RELAXED))
			continue;
		if (!*state)
			*state = thread_new_state();
		if (!*state)
			break;
		thread_prepare(*state, tp);
		/* release pairs with the acquire below, by whoever takes it over one day */
		if (!__atomic_compare_exchange_n(&place->state, &none, *state, false,
						 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			continue;
		thread_begin(*state, place);
		return *state;
	}
	for (unsigned i = 0; i < THREAD_WINDOW; i++) {
		struct thread_place *place = window(hash, i);
		struct thread *left = __atomic_load_n(&place->state, __ATOMIC_ACQUIRE);

		if (!left || !thread_take_over(left))
			continue;
		thread_prepare(left, tp);
		thread_begin(left, place);
		return left;
	}
	return NULL;
}

/* A handler that comes before the place has its thread pointer registers once more; that is all. */
static _noinline_ struct thread *thread_register(uintptr_t tp)
{
	struct thread *made = NULL, *thread;

	thread = thread_settle(tp, thread_place_first, &made);
	if (likely(thread))
		return thread;
	__atomic_store_n(&thread_table.mask, thread_n_others - 1, __ATOMIC_RELAXED);
	return thread_settle(tp, thread_place_other, &made);
}

/* An entry of the region that another thread took since this one said that it ends is not its own. */
static void thread_revive(struct thread *thread)
{
	if (sys_gettid() != thread->tid)
		thread_restart(thread);
	else if (__atomic_load_n(&writer.threads[thread->index].tid, __ATOMIC_RELAXED) !=
		 (uint32_t)thread->tid)
		thread->index = 0;
}

/* The place in a window that has the thread pointer; NULL if there is none. */
static struct thread_place *thread_search(uintptr_t tp, thread_window window)
{
	uint32_t hash = thread_hash(tp);

	for (unsigned i = 0; i < THREAD_WINDOW; i++) {
		struct thread_place *place = window(hash, i);
		uintptr_t found = __atomic_load_n(&place->tp, __ATOMIC_RELAXED);

		if (found == tp)
			return place;
		/* one without a thread pointer may be somebody's who is just about to store it */
		if (found == 0 && !__atomic_load_n(&place->state, __ATOMIC_RELAXED))
			break;
	}
	return NULL;
}

/* The calling thread's state; NULL if it has none, and shall not or cannot get one. */
static struct thread *thread_find(uintptr_t tp, bool make)
{
	struct thread_place *place = thread_search(tp, thread_place_first);
	struct thread *thread;

	if (!place && __atomic_load_n(&thread_table.mask, __ATOMIC_RELAXED))
		place = thread_search(tp, thread_place_other);
	if (place) {
		thread = __atomic_load_n(&place->state, __ATOMIC_RELAXED);
		if (likely(__atomic_load_n(&thread->status, __ATOMIC_RELAXED) == THREAD_ACTIVE))
			return thread;
		if (thread_take_over(thread)) {
			thread_revive(thread);
			return thread;
		}
	}
	return make ? thread_register(tp) : NULL;
}

/* See the head of the file: entries whose frames are gone. */
static uint32_t thread_drop_abandoned(struct thread *thread, uintptr_t sp)
{
	const struct unwind_stack *stack = &thread->stack;

	while (thread->depth > 0 && sp >= stack->start && sp < stack->end) {
		uintptr_t older = thread->entry_sp[MIN(thread->depth, THREAD_DEPTH) - 1];

		if (older < stack->start || older >= stack->end || sp <= older)
			break;
		thread->depth--;
		thread->maps_busy = false;
	}
	return thread->depth;
}

bool thread_is_known(void)
{
	return thread_find(sys_thread_pointer(), false) != NULL;
}

_noinline_ struct thread *thread_enter_slow(uintptr_t tp, uintptr_t sp)
{
	struct thread *thread = thread_find(tp, true);
	uint32_t depth;

	if (unlikely(!thread))
		return NULL;
	depth = thread->depth;
	if (unlikely(depth > 0))
		depth = thread_drop_abandoned(thread, sp);
	if (unlikely(depth >= THREAD_DEPTH))
		return NULL;
	thread->entry_sp[depth] = sp;
	thread->depth = depth + 1;
	/* handlers from here on see the new depth */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return thread;
}

_noinline_ void thread_leave_ended(struct thread *thread)
{
	/* it allocates after it ended; release pairs with thread_take_over */
	__atomic_store_n(&thread->status, THREAD_ENDED, __ATOMIC_RELEASE);
}

uint64_t *thread_take_frames(struct thread *thread)
{
	uint32_t used;

	if (likely(thread->depth == 1))
		return thread->frames;
	used = __atomic_load_n(&thread_nested_used, __ATOMIC_RELAXED);
	for (;;) {
		uint32_t i = (uint32_t)__builtin_ctz(~used | 1u << 31);

		if (i >= THREAD_NESTED)
			return NULL;
		if (__atomic_compare_exchange_n(&thread_nested_used, &used, used | 1u << i, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return thread_nested[i];
	}
}

void thread_drop_frames(struct thread *thread, uint64_t *frames)
{
	if (frames != thread->frames)
		/* release pairs with the acquire in thread_take_frames */
		__atomic_fetch_and(&thread_nested_used,
				   ~(1u << (uint32_t)((frames - thread_nested[0]) / THREAD_FRAMES)),
				   __ATOMIC_RELEASE);
}

_noinline_ void thread_read_name(struct thread *thread, uint64_t now_ns)
{
	thread->next_name *= 2;
	thread_entry_read_name(thread->index, thread->tid, true, now_ns);
}

void thread_check_identity(struct thread *thread)
{
	if (thread->depth != 1 || sys_gettid() == thread->tid)
		return;
	thread_restart(thread);
	thread->depth = 1;
}

/* Whether nothing that was recorded has to do with it. Handlers count in the entry only. */
static bool thread_is_blank(const struct thread *thread)
{
	const struct mt_thread *entry = &writer.threads[thread->index];

	return thread->n_samples == 0 && thread->n_events == 0 && !thread->mentioned &&
	       __atomic_load_n(&entry->samples, __ATOMIC_RELAXED) == 0 &&
	       __atomic_load_n(&entry->freed_bytes, __ATOMIC_RELAXED) == 0;
}

void thread_end(struct thread *thread)
{
	uint64_t now_ns = sys_clock_coarse_ns();

	if (thread->depth != 1)
		return;
	thread_entry_read_name(thread->index, thread->tid, true, now_ns);
	live_return_slots(thread);
	thread->ended = true;
	thread_entry_end(thread->index, thread_is_blank(thread), now_ns);
	thread_entry_put_event(MT_EVENT_THREAD_END, thread->index, thread->tid, now_ns);
}

void thread_after_fork(struct thread *thread)
{
	uint64_t now_ns = sys_clock_coarse_ns();

	thread_nested_used = 0;
	for (uint32_t i = 0; i < thread_n_states; i++) {
		struct thread *other = &thread_states[i];

		other->n_slots = 0;
		other->n_map_ops = 0;
		other->maps_busy = false;
		other->n_pending = other->pending_samples = other->pending_freed = 0;
		other->pending_live = other->pending_variance = other->pending_peak = 0;
		other->pending_allocated = other->pending_own_ns = 0;
		other->n_events = 0;
		other->quick = other->quick_given = 0;
		memset(other->tallies, 0, sizeof(other->tallies));
		if (other != thread && other->status == THREAD_ACTIVE) {
			other->depth = 0;
			other->status = THREAD_ENDED;
		}
	}
	if (thread->recall)
		recall_forget(thread->recall);
	thread->tid = sys_gettid();
	thread->index = thread_entry_after_fork(thread->index, thread->tid, now_ns);
	thread_entry_read_name(thread->index, thread->tid, false, now_ns);
}

void thread_for_each(void (*function)(struct thread *thread))
{
	uint32_t n = MIN(__atomic_load_n(&thread_n_states, __ATOMIC_RELAXED), thread_max_states);

	for (uint32_t i = 0; i < n; i++)
		if (__atomic_load_n(&thread_states[i].status, __ATOMIC_ACQUIRE) != THREAD_NEW)
			function(&thread_states[i]);
}

uint64_t thread_own_bytes(void)
{
	uint64_t n = __atomic_load_n(&thread_n_states, __ATOMIC_RELAXED),
		 n_others = __atomic_load_n(&thread_table.mask, __ATOMIC_RELAXED);

	return n * sizeof(struct thread) + THREAD_FIRST * sizeof(struct thread_place) +
	       MIN(n * sys_page_size(), n_others * sizeof(struct thread_place));
}
