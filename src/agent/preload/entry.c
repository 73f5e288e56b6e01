/* SPDX-License-Identifier: MIT */
/*
 * entry.c: the functions that programs call instead of libc's: the allocation family of C and the
 * operators of C++. The only file that defines them.
 *
 * malloc, free, new and delete begin with the heap's fast paths, without asking for the mode: a thread
 * has no cache until the heap has served it, and then its lists are empty; a block that is not the
 * heap's is not in its range. So what the agent can do besides costs nothing where the heap is in use,
 * and is decided behind the one branch that leads to the slow half (slow.c): the first call of the process,
 * the program's own allocator, blocks that are recorded, or not ours.
 *
 * Errors are glibc's: NULL and ENOMEM where memory or arithmetic runs out, EINVAL for alignments, errno
 * kept by free. Alignments that are no power of two are rounded up as its memalign does.
 *
 * A failing operator new hands over to the next definition of itself, libstdc++'s or libc++'s: that one
 * calls our malloc, fails too, runs the new handler, and throws. So there is no C++ runtime in here.
 *
 * Compiled with -fno-builtin, so that the compiler does not take these functions for what they define.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "agent/preload/backend.h"
#include "agent/preload/boot.h"
#include "agent/preload/heapinfo.h"
#include "agent/preload/operators.h"
#include "agent/preload/slow.h"
#include "base/macro.h"
#include "heap/heap.h"
#include "heap/inline.h"
#include "heap/recorded.h"

enum {
	PAGE = 4096,
};

_export_ void *malloc(size_t size)
{
	void *block = heap_alloc_fast(size);

	return likely(block) ? block : slow_malloc(size);
}

_export_ void *calloc(size_t n, size_t size)
{
	void *block = NULL;
	size_t total;

	if (likely(!__builtin_mul_overflow(n, size, &total)))
		block = heap_alloc_zeroed_fast(total);
	return likely(block) ? block : slow_calloc(n, size);
}

static _always_inline_ void free_any(void *block)
{
	if (unlikely(!heap_free_fast(block)))
		slow_free(block);
}

_export_ void free(void *block)
{
	free_any(block);
}

/* Old programs have it; the C library keeps it for them under its old version. */
_export_ void cfree(void *block);
_export_ void cfree(void *block)
{
	free_any(block);
}

_export_ void free_sized(void *block, size_t size);
_export_ void free_sized(void *block, size_t size)
{
	free_any(block);
}

_export_ void free_aligned_sized(void *block, size_t align, size_t size);
_export_ void free_aligned_sized(void *block, size_t align, size_t size)
{
	free_any(block);
}

_export_ void *realloc(void *block, size_t size)
{
	if (likely(size) && likely(heap_realloc_fast(block, size)))
		return block;
	return likely(block) ? slow_realloc(block, size) : malloc(size);
}

_export_ void *reallocarray(void *block, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, total);
}

/* Rounds up to a power of two; 0 with EINVAL if there is none. */
static size_t round_alignment(size_t align)
{
	if (align <= 1)
		return 1;
	if (align > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return 0;
	}
	return (size_t)1 << (64 - __builtin_clzl(align - 1));
}

static void *heap_memalign(size_t align, size_t size)
{
	align = round_alignment(align);
	return align ? slow_aligned(align, size) : NULL;
}

_export_ void *memalign(size_t align, size_t size)
{
	if (boot_is_fast())
		return heap_memalign(align, size);
	return backend_observe(backend.allocate_aligned(align, size), size);
}

_export_ void *aligned_alloc(size_t align, size_t size)
{
	if (boot_is_fast())
		return heap_memalign(align, size);
	return backend_observe(backend.allocate_aligned_c11(align, size), size);
}

_export_ int posix_memalign(void **ret, size_t align, size_t size)
{
	int saved = errno, r;
	void *block;

	if (!boot_is_fast()) {
		r = backend.allocate_aligned_posix(ret, align, size);
		if (r == 0)
			(void)backend_observe(*ret, size);
		return r;
	}
	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	block = slow_aligned(align, size);
	if (!block) {
		errno = saved;
		return ENOMEM;
	}
	*ret = block;
	return 0;
}

_export_ void *valloc(size_t size)
{
	if (boot_is_fast())
		return slow_aligned(PAGE, size);
	return backend_observe(backend.allocate_page(size), size);
}

_export_ void *pvalloc(size_t size)
{
	size_t rounded;

	if (__builtin_add_overflow(size, PAGE - 1, &rounded)) {
		errno = ENOMEM;
		return NULL;
	}
	rounded = ALIGN_DOWN(rounded, (size_t)PAGE);
	if (boot_is_fast())
		return slow_aligned(PAGE, rounded);
	if (backend.allocate_pages)
		return backend_observe(backend.allocate_pages(size), rounded);
	return memalign(PAGE, rounded);
}

_export_ size_t malloc_usable_size(void *block)
{
	const unsigned class = heap_class_fast(block);
	size_t size;

	if (likely(class))
		return sizeclass_get(class)->size;
	size = recorded_size(block);
	if (likely(size))
		return size;
	if (!block)
		return 0;
	size = boot_is_fast() ? heap_usable_size_owned(block) : 0;
	return size ? size : backend.usable_size(block);
}

/* What the heap can say about itself, in the shapes that glibc defined; see heapinfo.c. */

_export_ struct mallinfo2 mallinfo2(void)
{
	if (!boot_is_fast() && backend.info2)
		return backend.info2();
	return heapinfo_get();
}

_export_ struct mallinfo mallinfo(void)
{
	struct mallinfo2 info;

	if (!boot_is_fast() && backend.info)
		return backend.info();
	info = heapinfo_get();
	return heapinfo_narrow(&info);
}

_export_ void malloc_stats(void)
{
	if (boot_is_fast())
		heapinfo_print_stats();
	else if (backend.print_stats)
		backend.print_stats();
}

_export_ int malloc_info(int options, FILE *stream)
{
	if (boot_is_fast())
		return heapinfo_print_xml(options, stream);
	return backend.print_info ? backend.print_info(options, stream) : EINVAL;
}

_export_ int malloc_trim(size_t pad)
{
	if (boot_is_fast())
		return heap_trim(pad);
	return backend.trim ? backend.trim(pad) : 0;
}

_export_ int mallopt(int option, int value)
{
	if (boot_is_fast())
		return heapinfo_set_option(option, value);
	return backend.set_option ? backend.set_option(option, value) : 1;
}

/*
 * C++. Each operator by its mangled name: the type of size_t is `m`, std::align_val_t and
 * std::nothrow_t are spelled out.
 */
#define OPERATOR_NEW(name)                                                            \
	void *name##_slow_for(size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc); \
	void *name##_slow_for(size_t size, uintptr_t sp, uintptr_t fp, uintptr_t pc)  \
	{                                                                             \
		void *block = slow_malloc_for(size, sp, fp, pc);                      \
                                                                                      \
		return likely(block) ? block : operators_new_failed(#name, size);     \
	}                                                                             \
                                                                                      \
	void *name##_slow(size_t size); /* slow-*.S */                                \
	_export_ void *name(size_t size);                                             \
	_export_ void *name(size_t size)                                              \
	{                                                                             \
		void *block = heap_alloc_fast(size);                                  \
                                                                                      \
		return likely(block) ? block : name##_slow(size);                     \
	}

#define OPERATOR_NEW_NOTHROW(name)                                                                 \
	_export_ void *name(size_t size, const void *nothrow);                                     \
	_export_ void *name(size_t size, const void *nothrow)                                      \
	{                                                                                          \
		void *block = malloc(size);                                                        \
                                                                                                   \
		return likely(block) ? block : operators_new_failed_nothrow(#name, size, nothrow); \
	}

#define OPERATOR_NEW_ALIGNED(name)                                                               \
	_export_ void *name(size_t size, size_t align);                                          \
	_export_ void *name(size_t size, size_t align)                                           \
	{                                                                                        \
		void *block = memalign(align, size);                                             \
                                                                                                 \
		return likely(block) ? block : operators_new_failed_aligned(#name, size, align); \
	}

#define OPERATOR_NEW_ALIGNED_NOTHROW(name)                                                \
	_export_ void *name(size_t size, size_t align, const void *nothrow);              \
	_export_ void *name(size_t size, size_t align, const void *nothrow)               \
	{                                                                                 \
		void *block = memalign(align, size);                                      \
                                                                                          \
		if (likely(block))                                                        \
			return block;                                                     \
		return operators_new_failed_aligned_nothrow(#name, size, align, nothrow); \
	}

/* The sized and aligned forms say nothing that the heap needs; arguments are left where they are. */
#define OPERATOR_DELETE(name)            \
	_export_ void name(void *block); \
	_export_ void name(void *block)  \
	{                                \
		free_any(block);         \
	}

/* clang-format off */
OPERATOR_NEW(_Znwm)
OPERATOR_NEW(_Znam)
OPERATOR_NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
OPERATOR_NEW_NOTHROW(_ZnamRKSt9nothrow_t)
OPERATOR_NEW_ALIGNED(_ZnwmSt11align_val_t)
OPERATOR_NEW_ALIGNED(_ZnamSt11align_val_t)
OPERATOR_NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
OPERATOR_NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)
OPERATOR_DELETE(_ZdlPv)
OPERATOR_DELETE(_ZdaPv)
OPERATOR_DELETE(_ZdlPvm)
OPERATOR_DELETE(_ZdaPvm)
OPERATOR_DELETE(_ZdlPvRKSt9nothrow_t)
OPERATOR_DELETE(_ZdaPvRKSt9nothrow_t)
OPERATOR_DELETE(_ZdlPvSt11align_val_t)
OPERATOR_DELETE(_ZdaPvSt11align_val_t)
OPERATOR_DELETE(_ZdlPvmSt11align_val_t)
OPERATOR_DELETE(_ZdaPvmSt11align_val_t)
OPERATOR_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)
OPERATOR_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)
/* clang-format on */
