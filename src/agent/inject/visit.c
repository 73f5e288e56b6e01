/* SPDX-License-Identifier: MIT */
/*
 * visit.c: the hooks' own state of each thread, without thread-local storage.
 *
 * A table of fixed size, open addressing, a window of VISIT_WINDOW places, no deletion. Only a thread
 * itself looks for its own thread pointer, so that no key is ever inserted twice. A thread that gets the
 * thread pointer of an ended one goes on with its countdown, which is right: what is left of an
 * exponential distance is distributed like a fresh one. That it is another thread is seen by the id that
 * libc keeps behind the thread pointer, at the next sample.
 *
 * A process that has had more thread pointers than there are places shares the last few: their counters
 * are then changed by atomic operations, and a countdown that loses a race loses the bytes of one
 * allocation.
 *
 * Nesting. An original function may call hooked ones (allocators call each other's functions through
 * their own slots): "calling" says so, and these calls pass. A signal handler that leaves a hook by
 * longjmp never comes to visit_leave. The stack pointer at the outermost entry is kept: when a later entry
 * is further out on the same stack, the older one's frame is gone.
 *
 * Context: any thread, inside malloc, signal handlers, children of every kind. No locks, no system calls
 * but the core's.
 */
#include "agent/inject/visit.h"

#include "agent/core/core.h"
#include "agent/core/sys.h"

enum {
	VISIT_WINDOW = 16,
	VISIT_SHARED = 64, /* the last places of the table */
	VISIT_OWNED = INJECT_N_THREADS - VISIT_SHARED,
	VISIT_FRAMES = 65536, /* bytes of stack that entries on one stack are at most apart */
};

struct inject_control control;
struct inject_thread visit_threads[INJECT_N_THREADS];

static _always_inline_ bool visit_is_shared(const struct inject_thread *thread)
{
	return thread >= visit_threads + VISIT_OWNED;
}

static uint32_t visit_hash(uintptr_t tp)
{
	return (uint32_t)(((tp >> 6) * 0x9e3779b97f4a7c15ull) >> 32);
}

static struct inject_thread *visit_share(uint32_t hash)
{
	return &visit_threads[VISIT_OWNED + hash % VISIT_SHARED];
}

struct inject_thread *visit_find(uintptr_t tp)
{
	uint32_t hash = visit_hash(tp), at = hash % VISIT_OWNED;

	for (unsigned i = 0; i < VISIT_WINDOW; i++, at = at + 1 == VISIT_OWNED ? 0 : at + 1) {
		struct inject_thread *thread = &visit_threads[at];
		uint64_t owner = __atomic_load_n(&thread->tp, __ATOMIC_RELAXED);

		if (likely(owner == tp))
			return thread;
		if (owner == 0 && __atomic_compare_exchange_n(&thread->tp, &owner, tp, false,
							      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return thread;
	}
	return visit_share(hash);
}

/* What libc says the thread's id is; 0 where that is not known. */
static int32_t visit_tid(const struct inject_thread *thread)
{
	uint32_t offset = control.request.tid_offset;

	return offset ? *(const volatile int32_t *)(sys_thread_pointer() + offset) : 0;
}

/* The thread's first visit in this recording. */
static _noinline_ void visit_begin(struct inject_thread *thread)
{
	thread->session = control.request.session;
	thread->tid = visit_tid(thread);
	thread->countdown = core_first_distance();
}

/* The frame that entered is gone if this one is further out on the same stack. */
static void visit_drop_abandoned(struct inject_thread *thread, uintptr_t sp)
{
	if (sp > thread->entry_sp && sp - thread->entry_sp < VISIT_FRAMES) {
		thread->inside = 0;
		thread->calling = 0;
	}
}

static void visit_add(struct inject_thread *thread, int32_t change)
{
	if (unlikely(visit_is_shared(thread)))
		__atomic_fetch_add(&thread->inside, (uint32_t)change, __ATOMIC_RELAXED);
	else
		thread->inside += (uint32_t)change;
}

struct inject_thread *visit_enter(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	struct inject_thread *thread;

	if (unlikely(!__atomic_load_n(&control.active, __ATOMIC_RELAXED)))
		return NULL;
	thread = visit_find(sys_thread_pointer());
	if (!visit_is_shared(thread)) {
		if (unlikely(thread->inside > 0))
			visit_drop_abandoned(thread, sp);
		if (unlikely(thread->calling > 0))
			return NULL;
		if (thread->inside == 0)
			thread->entry_sp = sp;
	}
	visit_add(thread, 1);
	/*
	 * The tool clears active, makes every processor pass a barrier (membarrier(2)), and then sums inside:
	 * so the compiler's order is enough here.
	 */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (unlikely(!__atomic_load_n(&control.active, __ATOMIC_ACQUIRE))) {
		visit_add(thread, -1);
		return NULL;
	}
	if (unlikely(thread->session != control.request.session))
		visit_begin(thread);
	return thread;
}

void visit_leave(struct inject_thread *thread)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	visit_add(thread, -1);
}

_noinline_ void visit_observe_slow(struct inject_thread *thread, void *block, size_t size)
{
	int64_t next;

	/* a countdown that has run out is a sample, whoever of the two used up most of it */
	if (unlikely(visit_tid(thread) != thread->tid) && !visit_is_shared(thread)) {
		thread->tid = visit_tid(thread);
		core_check_identity();
	}
	(void)core_allocated(block, size, &next);
	thread->countdown = next;
}
