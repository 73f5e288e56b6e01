/* SPDX-License-Identifier: MIT */
/*
 * area.c: where in the address space the heap lives.
 *
 * The test "is this pointer ours" has to be one comparison, so all pages lie in one range, and the
 * tables about them are arrays that are indexed by page number. Other allocators reserve such a range
 * with one great mapping. That counts against RLIMIT_AS (set before the start or by the program later)
 * and shows terabytes in ps. So the range is only planned: a place that is empty and that the kernel,
 * which places mappings from the top of the address space downwards, does not come near. Parts are
 * mapped as the heap grows, each exactly behind the one before, with MAP_FIXED_NOREPLACE: should a
 * foreign mapping be there after all, it is stepped over.
 *
 *   address space of T bytes (2^47 on x86-64)
 *   T/4 ............................ T/2 ................................ T
 *       ├ pages T/32 ┤ class_of ┤ span_of ┤ spans ┤ meta ┤     binaries    libraries, stacks
 *       ^ a random multiple of 1 GiB
 *
 * Where addresses cannot be chosen (emulators, and the thread sanitizer, which knows where an
 * application's memory may be), the range is reserved after all, smaller, at the kernel's choice.
 */
#include "heap/area.h"

#include <errno.h>

#include "heap/lock.h"
#include "heap/os.h"
#include "heap/published.h"
#include "heap/span.h"

#ifdef __SANITIZE_THREAD__
#define AREA_PLANNED false
#else
#define AREA_PLANNED true
#endif

#define AREA_TRIES       8
#define AREA_RESERVE_MAX (64ul << 30)
#define AREA_RESERVE_MIN (64ul << 20)
#define AREA_ALIGN       (1ul << 30)
#define AREA_HOLE_MIN    (2ul << 20)

struct area {
	uintptr_t start;
	size_t capacity;
	size_t used; /* bytes mapped (planned) or made usable (reserved) */
	size_t step; /* metadata grows by so much */
};

static struct area areas[AREA_N];
static bool reserved;
static bool ready;
static struct lock init_lock;

static size_t lay_out(uintptr_t start, size_t pages_size)
{
	const size_t n_pages = pages_size >> HEAP_PAGE_SHIFT;
	const size_t sizes[AREA_N] = {
		[AREA_PAGES] = pages_size,
		[AREA_CLASS_OF] = n_pages,
		[AREA_SPAN_OF] = n_pages * sizeof(uint32_t),
		[AREA_SPANS] = n_pages * sizeof(struct span),
		[AREA_META] = pages_size / 64,
	};
	static const size_t steps[AREA_N] = {
		[AREA_CLASS_OF] = 16 << 10,
		[AREA_SPAN_OF] = 64 << 10,
		[AREA_SPANS] = 64 << 10,
		[AREA_META] = 64 << 10,
	};
	uintptr_t at = start;

	for (unsigned i = 0; i < AREA_N; i++) {
		areas[i] = (struct area){
			.start = at,
			.capacity = ALIGN_DOWN(sizes[i], HEAP_PAGE),
			.step = steps[i],
		};
		at += ALIGN_UP(sizes[i], HEAP_PAGE);
	}
	/* offset 0 means failure, and span_of[-1] is never asked for */
	areas[AREA_PAGES].used = HEAP_PAGE;
	return at - start;
}

static int make_usable(uintptr_t start, size_t size)
{
	return reserved ? os_unprotect(start, size) : os_map_at(start, size);
}

static bool plan(void)
{
	const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const uintptr_t top = 1ul << (64 - __builtin_clzl(here));
	const size_t pages_size = top / 32;
	uintptr_t random = os_random();

	if (pages_size < AREA_ALIGN)
		return false;
	for (unsigned i = 0; i < AREA_TRIES; i++, random = random * 25214903917 + 11) {
		uintptr_t start = top / 4 + ALIGN_DOWN((random >> 8) % (top / 5), AREA_ALIGN);

		(void)lay_out(start, pages_size);
		if (area_grow(AREA_CLASS_OF, 1) && area_grow(AREA_SPAN_OF, 1) &&
		    area_grow(AREA_SPANS, 1) && area_grow(AREA_META, 1))
			return true;
		for (unsigned k = AREA_CLASS_OF; k < AREA_N; k++)
			if (areas[k].used)
				os_unmap((void *)areas[k].start, areas[k].used);
	}
	return false;
}

static bool reserve(void)
{
	reserved = true;
	for (size_t size = AREA_RESERVE_MAX; size >= AREA_RESERVE_MIN; size /= 2) {
		void *start = os_reserve(lay_out(0, size));

		if (!start)
			continue;
		(void)lay_out((uintptr_t)start, size);
		return true;
	}
	return false;
}

bool area_init(void)
{
	bool ok;

	/* pairs with the release below */
	if (likely(__atomic_load_n(&ready, __ATOMIC_ACQUIRE)))
		return true;
	lock_take(&init_lock);
	ok = ready;
	if (!ok) {
		ok = (AREA_PLANNED && plan()) || reserve();
		__atomic_store_n(&ready, ok, __ATOMIC_RELEASE);
	}
	lock_drop(&init_lock);
	return ok;
}

void *area_start(enum area_name name)
{
	return (void *)areas[name].start;
}

size_t area_capacity(enum area_name name)
{
	return areas[name].capacity;
}

bool area_grow(enum area_name name, size_t size)
{
	struct area *area = &areas[name];
	size_t target = MIN(ALIGN_UP(size, area->step), area->capacity);

	if (likely(size <= area->used))
		return true;
	if (size > area->capacity || make_usable(area->start + area->used, target - area->used) < 0)
		return false;
	__atomic_add_fetch(&heap_published.metadata_bytes, target - area->used, __ATOMIC_RELAXED);
	area->used = target;
	return true;
}

size_t area_extend_pages(size_t size)
{
	struct area *area = &areas[AREA_PAGES];

	for (size_t hole = AREA_HOLE_MIN;; hole *= 2) {
		const size_t offset = area->used;
		int r;

		if (size > area->capacity - offset)
			return 0;
		r = make_usable(area->start + offset, size);
		if (r == 0) {
			area->used += size;
			return offset;
		}
		if (r != -EEXIST || hole > area->capacity - offset)
			return 0;
		area->used = ALIGN_DOWN(offset + hole, HEAP_PAGE);
	}
}

void area_reset(void)
{
	/* a foreign mapping in the range of pages is stepped over anyway */
	for (unsigned i = 0; !reserved && i < AREA_N; i++)
		while (i != AREA_PAGES && areas[i].used &&
		       os_is_mapped(areas[i].start + areas[i].used))
			areas[i].used += areas[i].step;
}

struct lock *area_lock(void)
{
	return &init_lock;
}
