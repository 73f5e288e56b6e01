/* SPDX-License-Identifier: MIT */
/*
 * threads.c: finding stacks.
 *
 * The kernel names the main thread's stack and no other. libc's stacks are anonymous mappings with a
 * guard below, and at the upper end of each lies the thread's descriptor, which says how large the stack
 * is, where it begins, and whose it is (pthreads.h). So every mapping above an inaccessible one is
 * looked through for descriptors, resident pages only. This finds stacks that are not in use, too, and
 * those of threads that run at the moment.
 *
 *	guard          stack                    static TLS  struct pthread
 *	┌───┬──────────────────────────────────┬───────────┬──────────────┐
 *	└───┴──────────────────────────────────┴───────────┴──────────────┘
 *	│   └ mapping starts (or the one above merges with it)            │
 *	└ block                                                           └ block + size
 *
 * Threads of another libc and those that were made without one are found by their stack pointer, if
 * there is a guard below: memory without one may be a coroutine's, in the middle of a heap.
 */
#include "process/threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/macro.h"
#include "process/pthreads.h"

enum { SYSCALL_FILE_MAX = 512 };
/* Without a descriptor, no stack is larger; with one, descriptors are looked for no further up. */
static const uint64_t stack_max = 256ull << 20;
/* More inaccessible memory below is somebody's reservation. */
static const uint64_t guard_max = 1 << 20;

struct search {
	const struct space *space;
	const struct procinfo_thread *threads;
	size_t n_threads;
	bool *found; /* whose stack is known, as threads */
	struct areas *areas;
	struct pthreads descriptors;
};

static ssize_t thread_index(const struct search *search, pid_t tid)
{
	for (size_t i = 0; i < search->n_threads; i++)
		if (search->threads[i].tid == tid)
			return (ssize_t)i;
	return -1;
}

static int add_stack(struct search *search, uint64_t start, uint64_t end, uint64_t guard,
		     enum area_kind kind, ssize_t thread)
{
	struct area *area = areas_add(search->areas);

	if (!area)
		return -ENOMEM;
	area->start = start;
	area->end = end;
	area->guard = guard;
	area->kind = kind;
	if (thread < 0)
		return 0;
	area->tid = (uint32_t)search->threads[thread].tid;
	snprintf(area->label, sizeof(area->label), "%s", search->threads[thread].name);
	search->found[thread] = true;
	return 0;
}

static int add_main_stack(struct search *search)
{
	for (size_t i = 0; i < search->space->maps->n_mappings; i++) {
		const struct mapping *mapping = &search->space->maps->mappings[i];

		if (strcmp(mapping->path, "[stack]") == 0)
			return add_stack(search, mapping->start, mapping->end, 0, AREA_STACK,
					 thread_index(search, search->space->info->pid));
	}
	return 0;
}

static bool is_plain(const struct mapping *mapping)
{
	return mapping->path[0] == '\0' && !mapping->shared;
}

/* Bytes of inaccessible mapping right below the i-th; 0 if there is none. */
static uint64_t guard_below(const struct maps *maps, size_t i)
{
	const struct mapping *mapping = &maps->mappings[i], *below = mapping - 1;

	if (i == 0 || below->end != mapping->start || !is_plain(below) || below->read ||
	    below->write || below->exec)
		return 0;
	return below->end - below->start;
}

static int add_described(struct search *search)
{
	int r;

	pthreads_resolve(&search->descriptors, search->space->info->pid, search->space->memory);
	for (size_t i = 0; i < search->descriptors.n_pthreads; i++) {
		const struct pthread *one = &search->descriptors.pthreads[i];
		ssize_t thread = one->tid > 0 ? thread_index(search, one->tid) : -1;
		enum area_kind kind = one->tid > 0     ? AREA_STACK
				      : one->is_cached ? AREA_STACK_CACHED
						       : AREA_STACK_ENDED;

		r = add_stack(search, one->block, one->block + one->size, one->guard, kind, thread);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A heap of a thread's arena of glibc has forbidden addresses below it, too, and may be large. It begins at
 * a multiple of 64 MiB with the address of the arena, which stands 32 or 48 bytes from such a multiple.
 */
static bool is_arena_heap(struct search *search, const struct mapping *mapping)
{
	const uint64_t heap_size = 64 << 20;
	uint64_t arena;
	uint8_t page;

	if (!IS_ALIGNED(mapping->start, heap_size) ||
	    memory_pages(search->space->memory, mapping->start, 1, &page) < 0 ||
	    !(page & MEMORY_RESIDENT) ||
	    memory_read(search->space->memory, mapping->start, &arena, sizeof(arena)) < 0)
		return false;
	return arena % heap_size == 32 || arena % heap_size == 48;
}

static int find_described(struct search *search)
{
	for (size_t i = 0; i < search->space->maps->n_mappings; i++) {
		const struct mapping *mapping = &search->space->maps->mappings[i];
		int r;

		if (!is_plain(mapping) || !mapping->write ||
		    guard_below(search->space->maps, i) == 0 || is_arena_heap(search, mapping))
			continue;
		r = pthreads_scan(&search->descriptors, search->space->memory, mapping->start,
				  MIN(mapping->end, mapping->start + stack_max));
		if (r < 0)
			return r;
	}
	return add_described(search);
}

uint64_t threads_read_sp(pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	char *last;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	if (file_read(path, SYSCALL_FILE_MAX, &text, NULL) < 0)
		return 0;
	/* "NUMBER ARGUMENT… SP PC", "-1 SP PC", or "running" */
	last = strrchr(text, ' ');
	if (!last)
		return 0;
	*last = '\0';
	last = strrchr(text, ' ');
	return last ? strtoull(last, NULL, 16) : 0;
}

static bool is_claimed(const struct search *search, uint64_t address)
{
	for (size_t i = 0; i < search->areas->n_areas; i++)
		if (address >= search->areas->areas[i].start &&
		    address < search->areas->areas[i].end)
			return true;
	return false;
}

static int find_by_pointer(struct search *search, size_t thread)
{
	const uint64_t sp = threads_read_sp(search->space->info->pid, search->threads[thread].tid);
	const struct mapping *mapping = sp ? maps_find(search->space->maps, sp) : NULL;
	uint64_t guard;

	if (!mapping || !is_plain(mapping) || mapping->end - mapping->start > stack_max ||
	    is_claimed(search, sp))
		return 0;
	guard = guard_below(search->space->maps, (size_t)(mapping - search->space->maps->mappings));
	if (guard == 0)
		return 0;
	guard = MIN(guard, guard_max);
	return add_stack(search, mapping->start - guard, mapping->end, guard, AREA_STACK,
			 (ssize_t)thread);
}

int threads_find_stacks(const struct space *space, const struct procinfo_thread *threads,
			size_t n_threads, struct areas *areas)
{
	_cleanup_free_ bool *found = calloc(n_threads + 1, sizeof(*found));
	struct search search = {space, threads, n_threads, found, areas, {}};
	int r;

	if (!found)
		return -ENOMEM;
	r = add_main_stack(&search);
	if (r >= 0)
		r = find_described(&search);
	for (size_t i = 0; i < n_threads && r >= 0 && space->pid; i++)
		if (!found[i])
			r = find_by_pointer(&search, i);
	pthreads_deinit(&search.descriptors);
	return r;
}
