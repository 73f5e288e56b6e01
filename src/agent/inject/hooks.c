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

#include "agent/core/sys.h"
#include "agent/inject/hook-bodies.h"
#include "agent/inject/start.h"
#include "agent/inject/visit.h"

/* The original of a function in a variant, as a pointer of that type. */
#define ORIGINAL(variant, name, type) ((type)control.originals[variant][INJECT_##name])

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
