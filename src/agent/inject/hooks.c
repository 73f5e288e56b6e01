/* SPDX-License-Identifier: MIT */
/*
 * hooks.c: the functions whose addresses the tool puts into the program's slots.
 *
 * Each calls the original, whose address the tool left in control.originals. A process may have several
 * modules that define malloc (an allocator that is preloaded, and libc's behind it); a slot that led to
 * the second must go on leading there. So every hook exists once a variant, and the variant is the
 * module. The bodies are written once and take the variant as a constant.
 *
 * Frees. A recorded block is reported before it goes back to the allocator, because another thread may
 * be given the same address right afterwards. realloc the same; if it then fails, the block lives on
 * unrecorded.
 *
 * errno is the original's: nothing here and nothing in the core touches it.
 *
 * Context: any thread, inside the program's calls of malloc, signals possible; also after recording has
 * ended, for as long as the process lives: a slot's old value may be kept in a register for any time.
 */
#include "agent/inject/hooks.h"

#include <stdbool.h>

#include "agent/core/core.h"
#include "agent/core/sys.h"
#include "agent/inject/start.h"
#include "agent/inject/visit.h"

/* The original of a function in a variant, as a pointer of that type. */
#define ORIGINAL(variant, name, type) ((type)control.originals[variant][INJECT_##name])

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
static bool is_backing(uintptr_t caller)
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

#define CALLER ((uintptr_t)__builtin_return_address(0))

#define ALLOCATORS(v)                                                                              \
	static void *malloc_##v(size_t size)                                                       \
	{                                                                                          \
		return hook_allocate(ORIGINAL(v, malloc, allocate_fn *), size);                    \
	}                                                                                          \
	static void *valloc_##v(size_t size)                                                       \
	{                                                                                          \
		return hook_allocate(ORIGINAL(v, valloc, allocate_fn *), size);                    \
	}                                                                                          \
	static void *pvalloc_##v(size_t size)                                                      \
	{                                                                                          \
		return hook_allocate(ORIGINAL(v, pvalloc, allocate_fn *), size);                   \
	}                                                                                          \
	static void *calloc_##v(size_t n, size_t size)                                             \
	{                                                                                          \
		return hook_allocate_two(ORIGINAL(v, calloc, allocate_two_fn *), n, size,          \
					 n * size);                                                \
	}                                                                                          \
	static void *memalign_##v(size_t alignment, size_t size)                                   \
	{                                                                                          \
		return hook_allocate_two(ORIGINAL(v, memalign, allocate_two_fn *), alignment,      \
					 size, size);                                              \
	}                                                                                          \
	static void *aligned_alloc_##v(size_t alignment, size_t size)                              \
	{                                                                                          \
		return hook_allocate_two(ORIGINAL(v, aligned_alloc, allocate_two_fn *), alignment, \
					 size, size);                                              \
	}                                                                                          \
	static int posix_memalign_##v(void **ret, size_t alignment, size_t size)                   \
	{                                                                                          \
		return hook_allocate_place(ORIGINAL(v, posix_memalign, allocate_place_fn *), ret,  \
					   alignment, size);                                       \
	}                                                                                          \
	static void *realloc_##v(void *block, size_t size)                                         \
	{                                                                                          \
		return hook_resize(ORIGINAL(v, realloc, resize_fn *), block, size);                \
	}                                                                                          \
	static void *reallocarray_##v(void *block, size_t n, size_t size)                          \
	{                                                                                          \
		return hook_resize_array(ORIGINAL(v, reallocarray, resize_array_fn *), block, n,   \
					 size);                                                    \
	}

#define RELEASERS(v)                                                                   \
	static void free_##v(void *block)                                              \
	{                                                                              \
		release(block);                                                        \
		ORIGINAL(v, free, release_fn *)(block);                                \
	}                                                                              \
	static void cfree_##v(void *block)                                             \
	{                                                                              \
		release(block);                                                        \
		ORIGINAL(v, cfree, release_fn *)(block);                               \
	}                                                                              \
	static void free_sized_##v(void *block, size_t size)                           \
	{                                                                              \
		release(block);                                                        \
		ORIGINAL(v, free_sized, release_sized_fn *)(block, size);              \
	}                                                                              \
	static void free_aligned_sized_##v(void *block, size_t alignment, size_t size) \
	{                                                                              \
		release(block);                                                        \
		ORIGINAL(v, free_aligned_sized, release_aligned_fn *)                  \
		(block, alignment, size);                                              \
	}

#define MAPPERS(v)                                                                                 \
	static void *mmap_##v(void *start, size_t size, int prot, int flags, int fd,               \
			      int64_t offset)                                                      \
	{                                                                                          \
		return hook_map(ORIGINAL(v, mmap, map_fn *), start, size, prot, flags, fd, offset, \
				CALLER);                                                           \
	}                                                                                          \
	static void *mmap64_##v(void *start, size_t size, int prot, int flags, int fd,             \
				int64_t offset)                                                    \
	{                                                                                          \
		return hook_map(ORIGINAL(v, mmap64, map_fn *), start, size, prot, flags, fd,       \
				offset, CALLER);                                                   \
	}                                                                                          \
	static int munmap_##v(void *start, size_t size)                                            \
	{                                                                                          \
		return hook_unmap(ORIGINAL(v, munmap, unmap_fn *), start, size);                   \
	}                                                                                          \
	static void *mremap_##v(void *old, size_t old_size, size_t size, int flags, void *wanted)  \
	{                                                                                          \
		return hook_remap(ORIGINAL(v, mremap, remap_fn *), old, old_size, size, flags,     \
				  wanted, CALLER);                                                 \
	}                                                                                          \
	static int brk_##v(void *wanted)                                                           \
	{                                                                                          \
		return hook_break(ORIGINAL(v, brk, break_fn *),                                    \
				  ORIGINAL(v, sbrk, move_break_fn *), wanted, CALLER);             \
	}                                                                                          \
	static void *sbrk_##v(intptr_t delta)                                                      \
	{                                                                                          \
		return hook_move_break(ORIGINAL(v, sbrk, move_break_fn *), delta, CALLER);         \
	}                                                                                          \
	static int madvise_##v(void *start, size_t size, int advice)                               \
	{                                                                                          \
		return hook_advise(ORIGINAL(v, madvise, advise_fn *), start, size, advice);        \
	}

/* The operators of one variant; the lists take macros of one argument. */
#define NEW(v, name)                                                           \
	static void *name##_##v(size_t size, uintptr_t a, uintptr_t b)         \
	{                                                                      \
		return hook_new(ORIGINAL(v, malloc, allocate_fn *),            \
				ORIGINAL(v, name, operator_fn *), size, a, b); \
	}
#define ALIGNED_NEW(v, name)                                                           \
	static void *name##_##v(size_t size, uintptr_t a, uintptr_t b)                 \
	{                                                                              \
		return hook_aligned_new(ORIGINAL(v, memalign, allocate_two_fn *),      \
					ORIGINAL(v, name, operator_fn *), size, a, b); \
	}
#define DELETE(v, name)                                                            \
	static void name##_##v(void *block, uintptr_t a, uintptr_t b, uintptr_t c) \
	{                                                                          \
		release(block);                                                    \
		ORIGINAL(v, name, delete_fn *)(block, a, b, c);                    \
	}
#define NEW_0(name)         NEW(0, name)
#define NEW_1(name)         NEW(1, name)
#define NEW_2(name)         NEW(2, name)
#define ALIGNED_NEW_0(name) ALIGNED_NEW(0, name)
#define ALIGNED_NEW_1(name) ALIGNED_NEW(1, name)
#define ALIGNED_NEW_2(name) ALIGNED_NEW(2, name)
#define DELETE_0(name)      DELETE(0, name)
#define DELETE_1(name)      DELETE(1, name)
#define DELETE_2(name)      DELETE(2, name)

#define VARIANT(v)                           \
	ALLOCATORS(v)                        \
	RELEASERS(v)                         \
	MAPPERS(v)                           \
	INJECT_NEWS(NEW_##v)                 \
	INJECT_ALIGNED_NEWS(ALIGNED_NEW_##v) \
	INJECT_DELETES(DELETE_##v)

VARIANT(0)
VARIANT(1)
VARIANT(2)

#define ADDRESS_0(name) (uint64_t)(name##_0),
#define ADDRESS_1(name) (uint64_t)(name##_1),
#define ADDRESS_2(name) (uint64_t)(name##_2),

_export_ const struct inject_header inject_header = {
	.control = (uint64_t)&control,
	.threads = (uint64_t)visit_threads,
	.mappings = (uint64_t)sys_mappings,
	.start = (uint64_t)inject_start,
	.resume = (uint64_t)inject_resume,
	.hooks = {{INJECT_FUNCTIONS(ADDRESS_0)},
		  {INJECT_FUNCTIONS(ADDRESS_1)},
		  {INJECT_FUNCTIONS(ADDRESS_2)}},
};
