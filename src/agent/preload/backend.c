/* SPDX-License-Identifier: MIT */
/*
 * backend.c: see backend.h.
 *
 * Context: any thread, inside malloc, signals possible. The countdown is thread-local and of the
 * initial-exec kind, a few words, since the library's static TLS may come out of the loader's small
 * reserve. A signal handler that allocates between the load and the store of the subtraction loses at
 * most its own bytes from the count.
 *
 * Frees. A recorded block is reported before it goes back to the allocator, because another thread may
 * be given the same address right afterwards. The same holds for realloc: if it then fails, the block
 * lives on unrecorded, and the core counted its end; that is an error of one block at a moment when
 * memory ran out.
 */
#include "agent/preload/backend.h"

#include <errno.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/preload/linkmap.h"
#include "agent/preload/threadend.h"
#include "base/macro.h"
#include "region/abi.h"

struct backend backend;

enum recording { RECORDING_NOT_YET, RECORDING_ON, RECORDING_OFF };
static enum recording recording;

static __thread __attribute__((tls_model("initial-exec"))) struct {
	int64_t countdown; /* bytes until the next call of observe; 0 in a new thread */
	bool begun;        /* the first distance was drawn */
} thread;

/* Where each function goes; offsets into struct backend. */
static const struct {
	const char *name;
	size_t offset;
	bool required;
} functions[] = {
	{"malloc", offsetof(struct backend, allocate), true},
	{"free", offsetof(struct backend, release), true},
	{"calloc", offsetof(struct backend, allocate_zeroed), true},
	{"realloc", offsetof(struct backend, resize), true},
	{"memalign", offsetof(struct backend, allocate_aligned), true},
	{"aligned_alloc", offsetof(struct backend, allocate_aligned_c11), true},
	{"posix_memalign", offsetof(struct backend, allocate_aligned_posix), true},
	{"valloc", offsetof(struct backend, allocate_page), true},
	{"pvalloc", offsetof(struct backend, allocate_pages), false},
	{"malloc_usable_size", offsetof(struct backend, usable_size), true},
	{"malloc_trim", offsetof(struct backend, trim), false},
	{"mallopt", offsetof(struct backend, set_option), false},
	{"mallinfo", offsetof(struct backend, info), false},
	{"mallinfo2", offsetof(struct backend, info2), false},
	{"malloc_info", offsetof(struct backend, print_info), false},
	{"malloc_stats", offsetof(struct backend, print_stats), false},
};

#define MARK(kind, function) {function, MT_ALLOCATOR_##kind},
static const struct {
	const char *name;
	uint32_t kind;
} marks[] = {MT_ALLOCATOR_MARKS(MARK)};

uint32_t backend_identify(const struct link_map *module)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(marks); i++)
		if (linkmap_find(module, marks[i].name, NULL))
			return marks[i].kind;
	return MT_ALLOCATOR_OTHER;
}

bool backend_find(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		void *address =
			linkmap_find_next(functions[i].name, i == 0 ? &backend.module : NULL);

		if (!address && functions[i].required)
			return false;
		memcpy((char *)&backend + functions[i].offset, &address, sizeof(address));
	}
	backend.kind = backend_identify(backend.module);
	return true;
}

void backend_set_recording(bool on)
{
	/* pairs with the acquire load in observe_slow */
	__atomic_store_n(&recording, on ? RECORDING_ON : RECORDING_OFF, __ATOMIC_RELEASE);
}

/* The countdown is used up. Also every new thread's first allocation. */
static _noinline_ void observe_slow(void *block, size_t size)
{
	int64_t next = INT64_MAX;
	int saved = errno;

	switch (__atomic_load_n(&recording, __ATOMIC_ACQUIRE)) {
	case RECORDING_NOT_YET:
		next = 0;
		break;
	case RECORDING_OFF:
		break;
	case RECORDING_ON:
		if (!thread.begun) {
			thread.begun = true;
			threadend_register();
			next = core_first_distance() - (int64_t)MAX(size, 1u);
			if (next >= 0)
				break;
		}
		(void)core_allocated(block, size, &next);
		break;
	}
	thread.countdown = next;
	errno = saved;
}

static _always_inline_ void *observe(void *block, size_t size)
{
	/* what was granted is below PTRDIFF_MAX, so that the difference does not overflow */
	if (likely(block) && unlikely((thread.countdown -= (int64_t)MAX(size, 1u)) < 0))
		observe_slow(block, size);
	return block;
}

void *backend_observe(void *block, size_t size)
{
	return observe(block, size);
}

void *backend_alloc(size_t size)
{
	return observe(backend.allocate(size), size);
}

void *backend_alloc_zeroed(size_t n, size_t size)
{
	return observe(backend.allocate_zeroed(n, size), n * size);
}

static _always_inline_ void forget(const void *block)
{
	if (unlikely(core_is_recorded(block)))
		core_freed_address(block);
}

void *backend_realloc(void *block, size_t size)
{
	if (block)
		forget(block);
	return observe(backend.resize(block, size), size);
}

void backend_free(void *block)
{
	if (!block)
		return;
	forget(block);
	backend.release(block);
}
