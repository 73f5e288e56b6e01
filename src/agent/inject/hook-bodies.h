/* SPDX-License-Identifier: MIT */
/*
 * hook-bodies.h: what a hook of each kind does; hooks.c gives them their names and their originals. Inlined
 * into every hook, so that the original is a constant place there.
 */
#ifndef AGENT_INJECT_HOOK_BODIES_H
#define AGENT_INJECT_HOOK_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/core.h"
#include "agent/inject/visit.h"
#include "base/macro.h"

typedef void *allocate_fn(size_t);
typedef void *allocate_two_fn(size_t, size_t);
typedef void release_fn(void *);
typedef void *resize_fn(void *, size_t);
typedef void *resize_array_fn(void *, size_t, size_t);
typedef int allocate_place_fn(void **, size_t, size_t);
typedef void release_sized_fn(void *, size_t);
typedef void release_aligned_fn(void *, size_t, size_t);
/* with whatever other arguments there are in registers */
typedef void *operator_fn(size_t, uintptr_t, uintptr_t);
typedef void delete_fn(void *, uintptr_t, uintptr_t, uintptr_t);
typedef void *map_fn(void *, size_t, int, int, int, int64_t);
typedef int unmap_fn(void *, size_t);
typedef void *remap_fn(void *, size_t, size_t, int, void *);
typedef int break_fn(void *);
typedef void *move_break_fn(intptr_t);
typedef int advise_fn(void *, size_t, int);

enum { HOOKS_PAGE = 4096, HOOKS_ENOMEM = 12 };
#define HOOKS_FAILED ((void *)-1)

static _always_inline_ void *hook_allocate(allocate_fn *original, size_t size)
{
	struct inject_thread *thread = visit_enter();
	void *block;

	if (unlikely(!thread))
		return original(size);
	visit_begin_call(thread);
	block = original(size);
	visit_end_call(thread);
	visit_observe(thread, block, size);
	visit_leave(thread);
	return block;
}

/* calloc, and functions that take an alignment and a size; amount is what is recorded. */
static _always_inline_ void *hook_allocate_two(allocate_two_fn *original, size_t a, size_t b,
					       size_t amount)
{
	struct inject_thread *thread = visit_enter();
	void *block;

	if (unlikely(!thread))
		return original(a, b);
	visit_begin_call(thread);
	block = original(a, b);
	visit_end_call(thread);
	visit_observe(thread, block, amount);
	visit_leave(thread);
	return block;
}

static _always_inline_ int hook_allocate_place(allocate_place_fn *original, void **ret,
					       size_t alignment, size_t size)
{
	struct inject_thread *thread = visit_enter();
	int r;

	if (unlikely(!thread))
		return original(ret, alignment, size);
	visit_begin_call(thread);
	r = original(ret, alignment, size);
	visit_end_call(thread);
	if (r == 0)
		visit_observe(thread, *ret, size);
	visit_leave(thread);
	return r;
}

static _always_inline_ void forget(const void *block)
{
	if (unlikely(core_is_recorded(block)))
		core_freed_address(block);
	else
		core_freed_unknown();
}

/* The part before a release. */
static _always_inline_ void release(const void *block)
{
	struct inject_thread *thread;

	if (!block)
		return;
	thread = visit_enter();
	if (unlikely(!thread))
		return;
	forget(block);
	visit_leave(thread);
}

static _always_inline_ void *hook_resize(resize_fn *original, void *block, size_t size)
{
	struct inject_thread *thread = visit_enter();
	void *result;

	if (unlikely(!thread))
		return original(block, size);
	if (block)
		forget(block);
	visit_begin_call(thread);
	result = original(block, size);
	visit_end_call(thread);
	visit_observe(thread, result, size);
	visit_leave(thread);
	return result;
}

static _always_inline_ void *hook_resize_array(resize_array_fn *original, void *block, size_t n,
					       size_t size)
{
	struct inject_thread *thread = visit_enter();
	void *result;

	if (unlikely(!thread))
		return original(block, n, size);
	if (block)
		forget(block);
	visit_begin_call(thread);
	result = original(block, n, size);
	visit_end_call(thread);
	/* what was granted did not overflow */
	visit_observe(thread, result, n * size);
	visit_leave(thread);
	return result;
}

/*
 * operator new. What an allocator's malloc gives its operator delete takes, so malloc is called: the
 * operator throws when there is no memory, and no exception finds its way through code that the loader does
 * not know. For that it is called last, by a jump.
 */
static _always_inline_ void *hook_new(allocate_fn *allocate, operator_fn *original, size_t size,
				      uintptr_t a, uintptr_t b)
{
	struct inject_thread *thread = allocate ? visit_enter() : NULL;
	void *block;

	if (unlikely(!thread))
		return original(size, a, b);
	visit_begin_call(thread);
	block = allocate(size);
	visit_end_call(thread);
	visit_observe(thread, block, size);
	visit_leave(thread);
	return likely(block) ? block : original(size, a, b);
}

static _always_inline_ void *hook_aligned_new(allocate_two_fn *allocate, operator_fn *original,
					      size_t size, uintptr_t alignment, uintptr_t b)
{
	struct inject_thread *thread = allocate ? visit_enter() : NULL;
	void *block;

	if (unlikely(!thread))
		return original(size, alignment, b);
	visit_begin_call(thread);
	block = allocate(alignment, size);
	visit_end_call(thread);
	visit_observe(thread, block, size);
	visit_leave(thread);
	return likely(block) ? block : original(size, alignment, b);
}

/* Whether the call came from an allocator's own code. */
static _always_inline_ bool is_backing(uintptr_t caller)
{
	for (unsigned i = 0; i < INJECT_N_VARIANTS; i++)
		if (caller - control.request.backing[i].start < control.request.backing[i].size)
			return true;
	return false;
}

/* NOLINTNEXTLINE(readability-function-size): mmap has six arguments */
static _always_inline_ void *hook_map(map_fn *original, void *start, size_t size, int prot,
				      int flags, int fd, int64_t offset, uintptr_t caller)
{
	void *result = original(start, size, prot, flags, fd, offset);
	struct inject_thread *thread;

	if (result == HOOKS_FAILED)
		return result;
	thread = visit_enter();
	if (thread) {
		core_mapped(result, size, prot, flags, fd, is_backing(caller));
		visit_leave(thread);
	}
	return result;
}

static _always_inline_ int hook_unmap(unmap_fn *original, void *start, size_t size)
{
	struct inject_thread *thread =
		size > 0 && IS_ALIGNED((uintptr_t)start, HOOKS_PAGE) ? visit_enter() : NULL;
	int r;

	if (thread)
		core_unmapping(start, size);
	r = original(start, size);
	if (thread) {
		if (r != 0)
			core_unmap_failed(start, size);
		visit_leave(thread);
	}
	return r;
}

/* NOLINTNEXTLINE(readability-function-size): mremap has five arguments */
static _always_inline_ void *hook_remap(remap_fn *original, void *old, size_t old_size, size_t size,
					int flags, void *wanted, uintptr_t caller)
{
	void *result = original(old, old_size, size, flags, wanted);
	struct inject_thread *thread;

	if (result == HOOKS_FAILED)
		return result;
	thread = visit_enter();
	if (thread) {
		core_remapped(old, old_size, result, size, flags, is_backing(caller));
		visit_leave(thread);
	}
	return result;
}

static _always_inline_ int hook_break(break_fn *original, move_break_fn *ask, void *wanted,
				      uintptr_t caller)
{
	void *old = ask ? ask(0) : NULL;
	int r = original(wanted);
	struct inject_thread *thread;

	if (r != 0 || !old || old == HOOKS_FAILED)
		return r;
	thread = visit_enter();
	if (thread) {
		core_break_moved((uintptr_t)old, (uintptr_t)wanted, is_backing(caller));
		visit_leave(thread);
	}
	return r;
}

static _always_inline_ void *hook_move_break(move_break_fn *original, intptr_t delta,
					     uintptr_t caller)
{
	void *old = original(delta);
	struct inject_thread *thread;

	if (old == HOOKS_FAILED || delta == 0)
		return old;
	thread = visit_enter();
	if (thread) {
		core_break_moved((uintptr_t)old, (uintptr_t)old + (uintptr_t)delta,
				 is_backing(caller));
		visit_leave(thread);
	}
	return old;
}

static _always_inline_ int hook_advise(advise_fn *original, void *start, size_t size, int advice)
{
	int r = original(start, size, advice);
	struct inject_thread *thread = r == 0 ? visit_enter() : NULL;

	if (thread) {
		core_advised(start, size, advice);
		visit_leave(thread);
	}
	return r;
}

#endif
