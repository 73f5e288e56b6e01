/* SPDX-License-Identifier: MIT */
/*
 * slow.c: what the allocation functions do when the heap's lists are not enough.
 *
 * Where everything is recorded each call comes here. So the blocks that are reported come first, by the heap's
 * short ways and with calls of the core in place of hooks: two frames of ours are then on the stack, and
 * the recorder need not look at either. There are lists with tags only where there are hooks. The large
 * block that a thread keeps comes next, of which the same is true.
 *
 * Context: any thread, signals possible.
 */
#include "agent/preload/slow.h"

#include <errno.h>

#include "agent/core/core.h"
#include "agent/preload/backend.h"
#include "agent/preload/boot.h"
#include "heap/heap.h"
#include "heap/inline.h"
#include "heap/recorded.h"

/*
 * Who asked the heap for what it is about to give, for a report that it makes on the way; pc is 0 if that is not
 * known. A call puts back what was there before it, so that one in a signal handler leaves the interrupted one's.
 */
struct slow_caller {
	uintptr_t sp, fp, pc;
};
static _Thread_local struct slow_caller slow_caller;

uint32_t slow_allocated(void *block, size_t size, int64_t *ret_next)
{
	int64_t next;
	uint32_t tag = core_allocated_for(block, size, &next, slow_caller.sp, slow_caller.fp,
					  slow_caller.pc);

	*ret_next = slow_countdown(next);
	return tag;
}

void slow_freed(void *block, uint32_t tag)
{
	core_freed(block, tag);
}

/* A block whose report is due; NULL if it is not, or takes the long way. */
static _always_inline_ void *slow_record(size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc)
{
	struct recorded recorded;
	void *block = recorded_take(size, &recorded);
	int64_t next;
	uint32_t tag;

	if (unlikely(!block))
		return NULL;
	tag = core_allocated_for(block, size, &next, sp, fp, pc);
	recorded_keep(&recorded, tag, slow_countdown(next));
	return block;
}

/*
 * A handler has interrupted the heap in this thread, which therefore gives nothing. Programs that
 * allocate in handlers do it to say what went wrong with them; they get libc's, which nobody interrupted.
 */
static bool slow_is_interrupted(void)
{
	return threadcache_self->busy;
}

static _noinline_ void *slow_malloc_unrecorded(size_t size, struct slow_caller caller)
{
	const struct slow_caller saved = slow_caller;
	void *block;

	if (!boot_is_fast())
		return backend_alloc(size);
	slow_caller = caller;
	block = heap_alloc_slow(size);
	slow_caller = saved;
	if (unlikely(!block) && slow_is_interrupted())
		return backend_alloc(size);
	return block;
}

void *slow_malloc_for(size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc)
{
	void *block = size > SIZECLASS_MAX ? place_take_kept(size) : slow_record(size, sp, fp, pc);

	return likely(block) ? block
			     : slow_malloc_unrecorded(size, (struct slow_caller){sp, fp, pc});
}

static _noinline_ void *slow_calloc_unrecorded(size_t n, size_t size, struct slow_caller caller)
{
	const struct slow_caller saved = slow_caller;
	void *block;

	if (!boot_is_fast())
		return backend_alloc_zeroed(n, size);
	slow_caller = caller;
	block = heap_alloc_zeroed(n, size);
	slow_caller = saved;
	if (unlikely(!block) && slow_is_interrupted())
		return backend_alloc_zeroed(n, size);
	return block;
}

void *slow_calloc_for(size_t n, size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc)
{
	void *block = NULL;
	size_t total;

	/* larger ones are better off with fresh pages */
	if (likely(!__builtin_mul_overflow(n, size, &total) && total <= SIZECLASS_SHARED_MAX))
		block = slow_record(total, sp, fp, pc);
	if (unlikely(!block))
		return slow_calloc_unrecorded(n, size, (struct slow_caller){sp, fp, pc});
	bulk_zero(block, total);
	return block;
}

void *slow_realloc_for(void *block, size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc)
{
	const struct slow_caller saved = slow_caller;
	void *moved;
	bool is_ours;

	if (unlikely(!heap_class_fast(block)) && !boot_is_fast())
		return backend_realloc(block, size);
	if (unlikely(size == 0) && heap_owns(block)) {
		heap_free(block);
		return NULL;
	}
	slow_caller = (struct slow_caller){sp, fp, pc};
	is_ours = heap_realloc_owned_slow(block, size, &moved);
	slow_caller = saved;
	return likely(is_ours) ? moved : backend_realloc(block, size);
}

void *slow_aligned(size_t align, size_t size)
{
	const struct slow_caller saved = slow_caller;
	void *block;

	slow_caller.pc = 0;
	block = heap_alloc_aligned(align, size);
	slow_caller = saved;
	return block;
}

/* Not the heap's: libc's own free keeps errno only since glibc 2.33. */
static void slow_free_foreign(void *block)
{
	int saved = errno;

	backend_free(block);
	errno = saved;
}

static _noinline_ void slow_free_unrecorded(void *block)
{
	if (!boot_is_fast())
		backend_free(block);
	else if (unlikely(!heap_free_owned_slow(block)))
		slow_free_foreign(block);
}

void slow_free(void *block)
{
	struct recorded recorded;

	if (unlikely(!recorded_release(block, &recorded))) {
		if (!place_keep(block))
			slow_free_unrecorded(block);
		return;
	}
	core_freed(block, recorded.old);
	recorded_give(&recorded, block);
}
