/* SPDX-License-Identifier: MIT */
/*
 * heap.h: the fast allocator as a library: thread caches, a central tier, a page heap.
 *
 * It knows neither libc's names nor the sampler. Whoever embeds it gives it struct heap_hooks and may
 * then have chosen allocations reported; without hooks it is a plain allocator. All functions may be
 * called by any thread at any time after the first load of the image (no initialisation call is
 * needed), and from inside a forked child if heap_before_fork and its partners surrounded the fork.
 *
 * Sampling. Each thread counts down the bytes it asks for. When the count is used up, the slow path
 * places that one block where blocks can carry a tag (a size class of its own kind, or a large span),
 * and calls hooks->allocated, which decides the tag and the next countdown. Freeing such a block calls
 * hooks->freed with its tag before the memory can be used again. Blocks that were not chosen cost one
 * subtraction on malloc and nothing on free: "tagged" is part of the size class that free reads anyway.
 * A tag of 0 means that there is nothing to report when the block is freed. A block of Z bytes is chosen
 * if the countdown is at most Z then (size 0 counts as 1), so a countdown is the number of the byte, from
 * 1, that is sampled: round a distance drawn from a continuous distribution up. Reallocation is an end
 * and a beginning: the tag's block is reported as freed, and the new size counts down, even where the
 * block stays in place.
 */
#ifndef HEAP_HEAP_H
#define HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

enum heap_error {
	HEAP_ERROR_DOUBLE_FREE, /* the block is free already */
	HEAP_ERROR_MISALIGNED,  /* inside a block, not at its start */
	HEAP_ERROR_CORRUPT,     /* a link or a header does not hold */
	HEAP_ERROR_FOREIGN,     /* not a block of this heap */
};

struct heap_hooks {
	/*
	 * size bytes were allocated at block because the thread's countdown was used up. Returns the tag
	 * and writes the bytes until the next call to ret_next (0: the very next allocation, INT64_MAX:
	 * never again). Called with no lock held and the heap consistent: the hook may allocate
	 * mappings, but not call the heap.
	 */
	uint32_t (*allocated)(void *block, size_t size, int64_t *ret_next);
	/* A block with a tag that is not 0 is about to be freed. Same conditions. */
	void (*freed)(void *block, uint32_t tag);
	/* Describes the damage and does not return. */
	void (*corruption)(enum heap_error error, const void *block) __attribute__((noreturn));
	/* A thread's cache was made: the place to arrange that heap_thread_end is called. */
	void (*thread_started)(void);
	/*
	 * Bytes until a thread's first report, and until the next one after heap_restart_countdowns.
	 * Without this hook it is 0: the next allocation is reported. May not call the heap.
	 */
	int64_t (*first_countdown)(void);
	/*
	 * Every block is reported, from the first to the last, not just those of a while. Then threads
	 * keep free blocks with tags as they keep others, and take them from different spans: it is faster where
	 * several are busy, and takes more memory.
	 */
	bool reports_all;
};

struct heap_stats {
	size_t mapped_bytes; /* address space reserved and used for spans, returned parts included */
	size_t resident_bytes; /* of it, at most: all but what was returned; metadata excluded */
	size_t in_use_bytes;   /* class-rounded bytes in blocks that are handed out */
	size_t cached_bytes;   /* free, in thread caches and the central tier */
	size_t free_bytes;     /* free spans that are resident */
	size_t returned_bytes; /* free spans that were given back to the kernel */
	size_t metadata_bytes;
	size_t n_mmapped; /* blocks with a mapping of their own */
	size_t mmapped_bytes;
};

/*
 * Sets the hooks, which have to stay where they are; NULL takes them away, and each hook may be NULL.
 * Takes effect for each thread at its next slow path, which heap_restart_countdowns brings about.
 */
void heap_set_hooks(const struct heap_hooks *hooks);

/*
 * Makes each thread's next allocation take the slow path, so that a changed interval is seen. A thread
 * that is allocating at that very moment may see it only after its cache has run empty once.
 */
void heap_restart_countdowns(void);

/*
 * The process is behind a seccomp filter: from now on only calls are made that every malloc makes, of mmap, munmap,
 * mremap, mprotect, madvise and futex. Before, mincore too.
 */
void heap_set_confined(void);

/*
 * The allocation family. Blocks are aligned to 16 bytes. NULL with errno set to ENOMEM if the memory
 * cannot be had. heap_free, heap_free_sized and the tests below keep errno. Size 0 gives a block of its
 * own, in heap_realloc too. Called from a signal handler that interrupted the heap in the same thread,
 * allocation fails and freeing is forgotten, but nothing is damaged. heap/inline.h has the fast paths for
 * embedders who want them in their own functions.
 */
void *heap_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *heap_alloc_zeroed(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2)));
/* align is a power of two; size need not be a multiple of it */
void *heap_alloc_aligned(size_t align, size_t size) __attribute__((malloc, alloc_size(2)));
void *heap_realloc(void *block, size_t size);
/* block is NULL or comes from this heap; anything else ends in hooks->corruption or is undefined */
void heap_free(void *block);
/* size is what was asked for; a debug build checks it, others may use it to save a look-up */
void heap_free_sized(void *block, size_t size);

/*
 * Whether block points into memory of this heap: the test that an embedder makes before heap_free when
 * pointers of other allocators can reach it. heap_free_owned and heap_realloc_owned (block is not
 * NULL) make both in one look-up: they return false and do nothing when block is not ours.
 */
bool heap_owns(const void *block);
bool heap_free_owned(void *block);
bool heap_realloc_owned(void *block, size_t size, void **ret);

/*
 * Bytes that may be used at block, at least what was asked for. 0 for NULL. heap_usable_size_owned is
 * heap_owns, too: 0 for a block that is not ours.
 */
size_t heap_usable_size(const void *block);
size_t heap_usable_size_owned(const void *block);

/*
 * Gives free memory back to the kernel, whole pages between blocks too, but for pad bytes of free spans.
 * What other threads have cached follows at their next slow paths. True if anything was given back.
 */
bool heap_trim(size_t pad);

void heap_get_stats(struct heap_stats *ret);

/* Address of the metadata that a tool reads from outside: see heap/published.h. Never NULL. */
const void *heap_root(void);

/* Around fork, in the order prepare; parent or child. A raw clone that skipped them may lose caches. */
void heap_before_fork(void);
void heap_after_fork_parent(void);
void heap_after_fork_child(void);

/* The calling thread is ending: its cache goes back to the central tier. It may still allocate. */
void heap_thread_end(void);

#endif
