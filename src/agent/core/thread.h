/* SPDX-License-Identifier: MIT */
/*
 * thread.h: what the recorder keeps for each thread, found by the thread pointer.
 *
 * Entering. Everything that records runs between thread_enter and thread_leave. A signal handler may
 * enter while the thread it interrupted is inside; depth says so. The fields marked "outermost" are used
 * at depth 1 only, so that an interrupted user of them is never overtaken; nested users go to the shared
 * structures directly.
 */
#ifndef AGENT_CORE_THREAD_H
#define AGENT_CORE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/maps.h"
#include "agent/core/sys.h"
#include "agent/core/unwind.h"
#include "region/abi.h"

enum {
	THREAD_FRAMES = 128,         /* longest stack that is recorded */
	THREAD_DEPTH = 4,            /* handlers within handlers that are served */
	THREAD_SLOTS = 32,           /* free slots of the live table kept at hand */
	THREAD_MAP_OPS = 8,          /* mapping calls of handlers that are put off */
	THREAD_TALLIES = MT_TALLIES, /* sites whose counts are gathered */
	THREAD_TAGS = 16,            /* tags within tags; the ones behind carry the last of them */
};

/* A site that was prepared and then not needed, because another thread was first. */
struct thread_spare_site {
	uint32_t site;
	uint32_t n_frames;
	uint64_t stack;
};

/* What is not yet added to a site's counters (tally.c). */
struct thread_tally {
	uint32_t site;
	bool is_own; /* the site is this thread's (sites.c) */
	uint32_t n_allocated, n_freed;
	uint64_t allocated, freed; /* bytes */
};

enum thread_status { THREAD_NEW, THREAD_ACTIVE, THREAD_ENDED };

struct recall;
struct thread_place;

struct thread {
	/* The owner's, fixed while it lives. */
	uintptr_t tp;
	struct thread_place *place;
	int tid;
	uint32_t number; /* of the state, from 1 on */
	uint32_t index;  /* in the region's threads; 0 if there was no room */

	uint32_t status; /* enum thread_status, atomic: ended states are taken over by others */
	uint32_t depth;  /* how many users are inside */
	uintptr_t entry_sp[THREAD_DEPTH];

	/* outermost: sampling */
	uint64_t random;
	uint32_t interval; /* that the distance in progress was drawn with */
	bool armed;        /* a distance was drawn */
	bool ended;        /* thread_end was called; what comes now are other destructors */
	bool mentioned;    /* its entry stands in a mapping, or an event of one, or a mark */
	bool maps_busy; /* holds the lock of the maps; handlers then put their calls into map_ops */
	uint8_t n_map_ops;

	/* outermost: what is not yet added to counters that are shared (tally.c) */
	uint32_t n_pending; /* events since the last flush */
	uint32_t pending_samples, pending_freed;
	int64_t pending_live;
	int64_t pending_peak; /* the highest of pending_live, 0 if it never was above */
	int64_t live_limit;   /* pending_live may be as far from 0 */
	int64_t pending_variance;
	uint64_t pending_allocated;
	uint64_t pending_own_ns;

	/* what the program says (annotate.c) */
	uint32_t n_tags;            /* may be more than there is room for */
	uint32_t n_backing;         /* not 0: what comes is memory behind a pool */
	uint16_t tags[THREAD_TAGS]; /* numbers */
	uint32_t pool_interval;     /* as interval and armed, and what is left of the distance */
	bool pool_armed;
	int64_t pool_left;

	/* outermost */
	uint64_t n_samples;
	uint64_t n_events;    /* samples and their frees */
	uint64_t next_name;   /* n_samples at which the name is read again */
	uint64_t cost_ns;     /* running mean of what an event costs */
	uint64_t tick_ns;     /* coarse time of the events that are put at present */
	uint32_t tick_left;   /* how many more may be put in that time */
	uint32_t quick;       /* events that may go the short way (recorder-quick.h) */
	uint32_t quick_given; /* quick, when it was set: the difference is not yet in n_events */
	uint32_t n_slots;
	uint32_t slots[THREAD_SLOTS];
	struct thread_spare_site spare;
	struct thread_tally tallies[THREAD_TALLIES];

	struct unwind_stack stack; /* outermost: the thread's own stack */
	struct unwind_stack other; /* outermost: for stacks of unknown extent */
	struct maps_op map_ops[THREAD_MAP_OPS];
	struct recall *recall;          /* outermost: the last stack; NULL until it pays */
	uint64_t frames[THREAD_FRAMES]; /* outermost: scratch */
};

/* There is address space for as many as the region has entries for, and a limit of that counts all of it. */
_Static_assert(sizeof(struct thread) <= 3072, "thousands of them fit below RLIMIT_AS");

/* main_stack_end is the upper end of the main thread's stack, 0 if it is not known. */
int thread_init(uint32_t max_threads, uintptr_t main_stack_end);

/*
 * The calling thread's state, made at its first call; depth is one more. NULL if there is no room or it
 * is nested too deep: nothing can be recorded then.
 */
static inline struct thread *thread_enter(void);
static inline void thread_leave(struct thread *thread);

/* Whether the calling thread has a state. */
bool thread_is_known(void);

/* Frames to write to: the thread's own at depth 1, a borrowed buffer in handlers; NULL if none is left. */
uint64_t *thread_take_frames(struct thread *thread);
void thread_drop_frames(struct thread *thread, uint64_t *frames);

/* What is known of the stack the caller runs on (thread-stack.c). scratch is for handlers. */
void thread_stack_init(uintptr_t main_stack_end);
struct unwind_stack *thread_stack_get(struct thread *thread, struct unwind_stack *scratch);
/* Whether the caller is where thread->stack is known to be readable. False at first, and in handlers. */
static inline bool thread_is_on_own_stack(const struct thread *thread);

/* Counts an allocation for the thread and reads its name at the 1st, 2nd, 4th, 8th... */
static inline void thread_count_sample(struct thread *thread, uint64_t now_ns);

/* If the thread that has this thread pointer is another one than before, starts it anew. */
void thread_check_identity(struct thread *thread);

/* The calling thread is ending. Inside enter and leave. */
void thread_end(struct thread *thread);

/* In a forked child, whose only thread is the caller's. */
void thread_after_fork(struct thread *thread);

/* Calls function for every state that is in use, its owner running or not. */
void thread_for_each(void (*function)(struct thread *thread));

uint64_t thread_own_bytes(void);

/* xorshift64*: never 0 */
uint64_t thread_random(uint64_t *state);

/* private to the inline functions */
struct thread_place {
	uintptr_t tp;         /* 0: empty; stored by compare-and-swap */
	struct thread *state; /* NULL while the owner is setting it up */
};

/* Places that are tried first: few pages, so that threads share them, and enough for hundreds to find theirs at once. */
#define THREAD_FIRST 1024u

struct thread_table {
	struct thread_place *places; /* THREAD_FIRST, and behind them the others */
	uint32_t mask;               /* of the others' numbers; 0 before there is need for one */
};
extern _hidden_ struct thread_table thread_table;

struct thread *thread_enter_slow(uintptr_t tp, uintptr_t sp);
void thread_leave_ended(struct thread *thread);
void thread_read_name(struct thread *thread, uint64_t now_ns);

static _always_inline_ uint32_t thread_hash(uintptr_t tp)
{
	return (uint32_t)(((tp >> 6) * 0x9e3779b97f4a7c15ull) >> 32);
}

/* Place number i of a hash: of the first places, of the others. */
static _always_inline_ struct thread_place *thread_place_first(uint32_t hash, unsigned i)
{
	return &thread_table.places[(hash + i) % THREAD_FIRST];
}

static _always_inline_ struct thread_place *thread_place_other(uint32_t hash, unsigned i)
{
	const uint32_t mask = __atomic_load_n(&thread_table.mask, __ATOMIC_RELAXED);

	return &thread_table.places[THREAD_FIRST + ((hash / THREAD_FIRST + i) & mask)];
}

static _always_inline_ struct thread *thread_enter(void)
{
	const uintptr_t tp = sys_thread_pointer(), sp = sys_stack_pointer();
	const uint32_t hash = thread_hash(tp);
	const struct thread_place *place = thread_place_first(hash, 0);
	struct thread *thread;

	if (unlikely(__atomic_load_n(&place->tp, __ATOMIC_RELAXED) != tp)) {
		place = thread_place_other(hash, 0);
		if (__atomic_load_n(&place->tp, __ATOMIC_RELAXED) != tp)
			return thread_enter_slow(tp, sp);
	}
	thread = __atomic_load_n(&place->state, __ATOMIC_RELAXED);
	if (unlikely(__atomic_load_n(&thread->status, __ATOMIC_RELAXED) != THREAD_ACTIVE ||
		     thread->depth > 0))
		return thread_enter_slow(tp, sp);
	thread->entry_sp[0] = sp;
	thread->depth = 1;
	/* handlers from here on see the new depth */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return thread;
}

static _always_inline_ void thread_leave(struct thread *thread)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread->depth--;
	if (unlikely(thread->ended) && thread->depth == 0)
		thread_leave_ended(thread);
}

static _always_inline_ bool thread_is_on_own_stack(const struct thread *thread)
{
	const uintptr_t sp = sys_stack_pointer();

	return thread->depth == 1 && sp >= thread->stack.start && sp < thread->stack.end;
}

static _always_inline_ void thread_count_sample(struct thread *thread, uint64_t now_ns)
{
	if (unlikely(++thread->n_samples >= thread->next_name))
		thread_read_name(thread, now_ns);
}

#endif
