/* SPDX-License-Identifier: MIT */
/*
 * slow.c: what malloc, calloc and free do when the heap's lists are not enough.
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

static _noinline_ void *slow_malloc_unrecorded(size_t size)
{
	void *block;

	if (!boot_is_fast())
		return backend_alloc(size);
	block = heap_alloc_slow(size);
	if (unlikely(!block) && slow_is_interrupted())
		return backend_alloc(size);
	return block;
}

void *slow_malloc_for(size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc)
{
	void *block = size > SIZECLASS_MAX ? place_take_kept(size) : slow_record(size, sp, fp, pc);

	return likely(block) ? block : slow_malloc_unrecorded(size);
}

static _noinline_ void *slow_calloc_unrecorded(size_t n, size_t size)
{
	void *block;

	if (!boot_is_fast())
		return backend_alloc_zeroed(n, size);
	block = heap_alloc_zeroed(n, size);
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
		return slow_calloc_unrecorded(n, size);
	bulk_zero(block, total);
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
