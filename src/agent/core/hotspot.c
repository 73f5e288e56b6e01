/* SPDX-License-Identifier: MIT */
/*
 * hotspot.c: which piece of code a pc is in.
 *
 * HotSpot keeps code in up to three heaps. A heap is cut into segments, and a map has a byte for each:
 * 0xff where nothing is, else how many segments to go back, 0 at the beginning of a block. A block has a
 * header, then the code's own header (CodeBlob), which has the size of its frames.
 *
 *	segments   | 0 | 1 | 2 | 3 | 0 | 1 | ff |
 *	           block: header | CodeBlob | code
 *
 * Context: any thread, inside malloc, signal handlers. Heaps are made when the machine starts and never
 * given back, nor is memory within them; so once they are known to be readable they are read as they
 * are. A block may be replaced while it is looked at, but not one whose code is on the caller's stack. What a
 * stale or torn word gives is checked by whoever uses it: sizes are bounded here, and a walk believes
 * only return addresses that lead to code.
 *
 * Until the machine has made its stubs nothing is known. Who finds out does it alone; others that come
 * meanwhile go without.
 */
#include "agent/core/hotspot.h"

#include "agent/core/hotspot-layout.h"
#include "agent/core/modules.h"
#include "agent/core/sys.h"

enum {
	HEAPS_MAX = 4,
	FREE_SEGMENT = 0xff,
	HOPS_MAX = 1 << 16,
	FRAME_WORDS_MAX = 1 << 16,
};

struct heap {
	uintptr_t low, limit;
	const uintptr_t *high; /* grows */
	const uint8_t *segments;
	uint32_t log2;
};

_hidden_ struct hotspot_state hotspot_state;

static struct {
	struct sys_lock lock; /* only ever tried */
	uint64_t epoch;       /* in which there was no library */
	uint32_t n_looks;     /* where epochs do not compare */
	bool has_layout;
	struct hotspot_layout layout;
	unsigned n_heaps;
	struct heap heaps[HEAPS_MAX];
	uintptr_t interpreter_start, interpreter_size;
} machine;

__attribute__((no_sanitize_address)) static uint64_t read_word(uintptr_t at)
{
	return *(const volatile uint64_t *)at;
}

__attribute__((no_sanitize_address)) static uint32_t read_int(uintptr_t at)
{
	return *(const volatile uint32_t *)at;
}

/* The pointer at address, which leads to size readable bytes; 0 if it does not. */
static uintptr_t follow(uintptr_t address, size_t size)
{
	uintptr_t to;

	if (!address || address % 8 || !sys_is_readable(address, 8))
		return 0;
	to = read_word(address);
	return to && to % 8 == 0 && sys_is_readable(to, size) ? to : 0;
}

static bool read_heap(uintptr_t at, struct heap *ret)
{
	const uint64_t *items = machine.layout.items;
	const uintptr_t memory = at + items[HOTSPOT_HEAP_MEMORY];
	const uintptr_t segments = at + items[HOTSPOT_HEAP_SEGMENTS];

	if (!sys_is_readable(at, 512) || items[HOTSPOT_HEAP_LOG2] > 508)
		return false;
	ret->low = read_word(memory + items[HOTSPOT_SPACE_LOW]);
	ret->limit = read_word(memory + items[HOTSPOT_SPACE_LIMIT]);
	ret->high = (const uintptr_t *)(memory + items[HOTSPOT_SPACE_HIGH]);
	ret->segments = (const uint8_t *)read_word(segments + items[HOTSPOT_SPACE_LOW]);
	ret->log2 = read_int(at + items[HOTSPOT_HEAP_LOG2]);
	return ret->low && ret->limit > ret->low && ret->log2 >= 3 && ret->log2 < 20 &&
	       sys_is_readable(ret->low, 1) && sys_is_readable((uintptr_t)ret->segments, 1);
}

static bool read_heaps(void)
{
	const uint64_t *items = machine.layout.items;
	const uintptr_t array = follow(items[HOTSPOT_HEAPS], 16);
	const uint32_t n = array ? read_int(array + items[HOTSPOT_ARRAY_LENGTH]) : 0;
	const uintptr_t data = array ? follow(array + items[HOTSPOT_ARRAY_DATA], n * 8ull) : 0;

	if (!data || n == 0 || n > HEAPS_MAX)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!read_heap(read_word(data + 8ull * i), &machine.heaps[i]))
			return false;
	machine.n_heaps = n;
	return true;
}

/* False if the machine is not so far yet. */
static bool read_machine(void)
{
	const uint64_t *items = machine.layout.items;
	const uintptr_t queue = follow(items[HOTSPOT_INTERPRETER], 64);
	uintptr_t start = UINTPTR_MAX, end = 0;

	if (!queue || !sys_is_readable(items[HOTSPOT_ENTRY_STUB], 8) ||
	    !read_word(items[HOTSPOT_ENTRY_STUB]) || !read_heaps())
		return false;
	machine.interpreter_start = read_word(queue + items[HOTSPOT_QUEUE_BUFFER]);
	machine.interpreter_size = read_int(queue + items[HOTSPOT_QUEUE_LIMIT]);
	for (unsigned i = 0; i < machine.n_heaps; i++) {
		start = MIN(start, machine.heaps[i].low);
		end = MAX(end, machine.heaps[i].limit);
	}
	hotspot_state.entry = read_word(items[HOTSPOT_ENTRY_STUB]);
	hotspot_state.start = start;
	/* pairs with hotspot_has */
	__atomic_store_n(&hotspot_state.size, end - start, __ATOMIC_RELEASE);
	return true;
}

void hotspot_look(uint64_t epoch)
{
	uint32_t n;

	if (hotspot_state.size || __atomic_load_n(&machine.epoch, __ATOMIC_RELAXED) == epoch)
		return;
	if (!modules_has_counters()) {
		/* at the 1st, 2nd, 4th, 8th time */
		n = __atomic_add_fetch(&machine.n_looks, 1, __ATOMIC_RELAXED);
		if (n & (n - 1))
			return;
	}
	if (!sys_lock_try(&machine.lock))
		return;
	if (!machine.has_layout)
		machine.has_layout = hotspot_layout_read(&machine.layout);
	if (!machine.has_layout)
		__atomic_store_n(&machine.epoch, epoch, __ATOMIC_RELAXED);
	else if (!hotspot_state.size)
		(void)read_machine();
	sys_lock_drop(&machine.lock);
}

/* The beginning of the code's header; 0 if there is no code. */
__attribute__((no_sanitize_address)) static uintptr_t find_blob(const struct heap *heap,
								uintptr_t pc)
{
	const uint64_t *items = machine.layout.items;
	uint64_t segment = (pc - heap->low) >> heap->log2;
	uintptr_t block;

	for (unsigned i = 0; i < HOPS_MAX; i++) {
		const uint8_t back = *(const volatile uint8_t *)&heap->segments[segment];

		if (back == FREE_SEGMENT || back > segment)
			return 0;
		if (back == 0)
			break;
		segment -= back;
	}
	block = heap->low + (segment << heap->log2);
	if (!*(const volatile uint8_t *)(block + items[HOTSPOT_BLOCK_USED]))
		return 0;
	return block + items[HOTSPOT_BLOCK_SIZE];
}

struct hotspot_frame hotspot_find(uintptr_t pc)
{
	uintptr_t blob = 0, size;
	uint32_t words;

	if (pc + 1 == hotspot_state.entry)
		return (struct hotspot_frame){.kind = HOTSPOT_ENTRY};
	if (pc - machine.interpreter_start < machine.interpreter_size)
		return (struct hotspot_frame){.kind = HOTSPOT_INTERPRETED};
	for (unsigned i = 0; i < machine.n_heaps && !blob; i++)
		if (pc >= machine.heaps[i].low &&
		    pc < __atomic_load_n(machine.heaps[i].high, __ATOMIC_RELAXED))
			blob = find_blob(&machine.heaps[i], pc);
	if (!blob)
		return (struct hotspot_frame){.kind = HOTSPOT_UNKNOWN};
	size = blob + machine.layout.items[HOTSPOT_BLOB_FRAME_SIZE];
	words = read_int(size);
	/* at least the frame pointer and the return address */
	if (words < 2 || words > FRAME_WORDS_MAX)
		return (struct hotspot_frame){.kind = HOTSPOT_STUB, .fact = ALIGN_DOWN(size, 8)};
	return (struct hotspot_frame){
		.kind = HOTSPOT_COMPILED, .size = words * 8, .fact = ALIGN_DOWN(size, 8)};
}
