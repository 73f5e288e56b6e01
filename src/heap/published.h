/* SPDX-License-Identifier: MIT */
/*
 * published.h: the heap's data as a tool finds it in another process or in a core file.
 *
 * heap_root() gives the address of struct heap_root; everything else is reached from there. A reader
 * takes sizes and offsets from the root, never from its own compiler, copies before it looks, and
 * expects that what it copies is being changed meanwhile. All is private memory, so that a forked child
 * has its own.
 *
 *   root.base ┬ heap pages, root.used bytes of them so far
 *             └ page number = (address - base) >> page_shift
 *   root.class_of[page]  one byte: the size class of the blocks there, or 0 where there are no small
 *                        blocks or they carry tags
 *   root.span_of[page]   uint32_t: index in spans; valid if that span's pages contain the page
 *   root.spans[i]        struct span, i from 1 to n_spans - 1; SPAN_NONE entries are unused
 *
 * All pages below root.used belong to exactly one span, but for holes where foreign mappings were met,
 * which belong to none. Walking the table of spans therefore finds all of the heap: free runs of pages
 * (dirty: resident; clean: given back or never touched), spans of small blocks, large blocks, and huge
 * blocks outside [base, base + used).
 *
 * A small block is free if its bit in span.free is set, or if it lies on a list: of a thread cache
 * (threadcache.bins[class].head, linked through the first word of each block) or of a central list's
 * batches (central.batches; the batches are linked through the second word of their first block, blocks
 * within a batch through the first word); or if it stands in a thread's outbox of the class, or was picked by the
 * thread (bins[class].picks, picks_next[class]; those count as if they were on the list). All others are in use. For totals
 * no list has to be walked:
 *
 *   blocks in use of class c = central[c].n_blocks - central[c].n_free
 *       - central[c].n_batches * classes[c].batch - sum over caches threadcache_count(bins[c])
 *
 * For the class with tags, tagged is in the place of bins (capacity - room), and either is indexed by the class without.
 * Its spans may be shorter. The tag of a block that was in use before and is free is UINT32_MAX.
 */
#ifndef HEAP_PUBLISHED_H
#define HEAP_PUBLISHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"
#include "heap/lock.h"
#include "heap/sizeclass.h"

/* "memtheap" read as a little-endian integer. */
#define HEAP_MAGIC      0x70616568746d656dull
#define HEAP_VERSION    9u
#define HEAP_PAGE_SHIFT 12u
#define HEAP_PAGE       (1ul << HEAP_PAGE_SHIFT)

struct heap_root {
	uint64_t magic;
	uint32_t version;
	uint32_t root_size; /* bytes of this struct */
	uintptr_t base;     /* 0 while nothing was ever allocated */
	size_t used;        /* bytes from base that the heap has grown to; only grows */
	uintptr_t class_of; /* uint8_t [used >> page_shift] */
	uintptr_t span_of;  /* uint32_t [used >> page_shift] */
	uintptr_t spans;    /* struct span [n_spans] */
	uint32_t n_spans;   /* entries ever used, entry 0 included; only grows */
	uint32_t span_size; /* bytes of struct span */

	/* 64 */
	uintptr_t tags;     /* where struct span's tags count from, in units of 16 bytes */
	uintptr_t classes;  /* struct sizeclass [tagged + n_classes], unused ones are zero */
	uintptr_t centrals; /* struct central [tagged + n_classes] */
	uintptr_t
		caches; /* struct threadcache *, the newest; linked by next; none is ever taken out */
	uint32_t page_shift;
	uint32_t n_classes;
	uint32_t tagged;       /* class + tagged is the class of the same size with tags */
	uint32_t class_size;   /* bytes of struct sizeclass */
	uint32_t central_size; /* bytes of struct central */
	uint32_t cache_size;   /* bytes of struct threadcache */
	uint32_t bins_offset;  /* of bins in struct threadcache */
	uint32_t bin_size;     /* bytes of struct threadcache_bin */

	/* 128 */
	size_t capacity;       /* bytes that used may grow to */
	size_t metadata_bytes; /* mapped for all that is described here but the heap's pages */
	size_t n_huge;         /* blocks with a mapping of their own */
	size_t huge_bytes;
	uint32_t epoch;     /* grows when thread caches have to look up from their fast paths */
	uint32_t list_size; /* bytes of struct threadcache_list */
	uint64_t
		lost_blocks; /* in caches of threads that did not survive a fork; counted as in use */
};
assert_offset(struct heap_root, tags, 64);
assert_offset(struct heap_root, capacity, 128);
assert_size(struct heap_root, 176);

enum span_state {
	SPAN_NONE,  /* entry not in use */
	SPAN_CLEAN, /* free pages, given back to the kernel or never touched: they read as zeros */
	SPAN_DIRTY, /* free pages, resident */
	SPAN_BUSY,  /* free pages, resident: just freed, or on their way from dirty to clean */
	SPAN_SMALL, /* blocks of one size class */
	SPAN_LARGE, /* one block of whole pages */
	SPAN_HUGE,  /* one block, a mapping of its own outside the heap's range */
};

#define SPAN_BITMAP_WORDS 4u
/* The first block of a span begins shift times so many bytes into it: a cache line. */
#define SPAN_SHIFT        64u

/* A run of pages, or a huge block. One cache line. */
struct span {
	uint32_t next, prev; /* in the list that fits the state; 0 ends it */
	uint32_t page;       /* the first, counted from base */
	uint32_t n_pages;
	uint8_t state;   /* enum span_state */
	uint8_t class;   /* SPAN_SMALL: size class */
	uint16_t n_free; /* SPAN_SMALL: bits set in free */
	uint32_t tags;   /* SPAN_SMALL: where uint32_t tags[n_blocks] is, if the class has tags */
	union {
		uint32_t tag;   /* SPAN_LARGE, SPAN_HUGE: the block's tag */
		uint32_t owner; /* SPAN_SMALL: the heap's own, see partial_own */
	};
	uint8_t list; /* SPAN_SMALL: 0 on no list, else 1 + the list's number */
	uint8_t shift; /* SPAN_LARGE, SPAN_SMALL: see SPAN_SHIFT; not 0 only where there is one block */
	uint16_t n_trimmed; /* SPAN_SMALL: n_free when free pages within were given back, or 0 */
	union {
		uint64_t free[SPAN_BITMAP_WORDS]; /* SPAN_SMALL: a bit a block, set if it is free */
		struct {
			uint32_t older, newer; /* SPAN_DIRTY: in order of becoming free */
			uint64_t freed_ns;
		} idle;
		struct {
			uintptr_t start; /* SPAN_HUGE */
			size_t size;
		} huge;
	};
};
assert_size(struct span, 64);
assert_offset(struct span, free, 32);

/* Lists of spans with free blocks, the fullest first: those that are nearly empty are left to drain. */
#define CENTRAL_LISTS 4u

/* A size class's central list. */
struct central {
	struct lock lock;
	uint32_t n_batches;
	uintptr_t batches;               /* first block of the newest batch, 0 if there is none */
	uint32_t partial[CENTRAL_LISTS]; /* spans with a free bit, by how many are free */
	uint64_t n_blocks;               /* in all spans of the class */
	uint64_t n_free;                 /* of them with their bit set */
	uint32_t n_spans;
	uint32_t n_made; /* spans, since the last visit */
	uint64_t n_idle; /* blocks with their bit set all the time since the last visit */
} __attribute__((aligned(64)));
assert_size(struct central, 64);

/*
 * Free blocks of a class in a thread: capacity - room of them on the list or picked, end - top in the outbox. One
 * struct for all that the fast paths touch: from an address without an index, processors hand on what was just stored
 * at once.
 */
struct threadcache_bin {
	void *head;
	uint32_t room;
	uint16_t capacity;
	/* of the outbox: blocks[top] to blocks[end - 1] are in it; both are 0 if none is */
	uint8_t top, end;
	uint64_t
		picks; /* blocks taken from a span and not touched: for bit i the one i sizes behind start */
	uintptr_t start;
};
assert_size(struct threadcache_bin, 32);

/* How many blocks are in the outbox. */
static inline uint32_t threadcache_sent(const struct threadcache_bin *bin)
{
	return (uint32_t)(bin->end > bin->top ? bin->end - bin->top : 0);
}

/* How many are free in all. */
static inline uint32_t threadcache_count(const struct threadcache_bin *bin)
{
	return threadcache_sent(bin) + (bin->capacity > bin->room ? bin->capacity - bin->room : 0);
}

/* What the slow paths know of a class. */
struct threadcache_demand {
	uint8_t batch;      /* blocks that the last refill asked for */
	uint8_t spills : 7; /* outboxes filled since then */
	uint8_t floods : 1; /* there were very many between the two refills before */
};

/* Free blocks with tags of a class in a thread: capacity - room. */
struct threadcache_list {
	void *head;
	uint32_t room;
	uint16_t capacity;
	uint8_t batch; /* blocks that the last refill asked for */
	uint8_t reserved;
};
assert_size(struct threadcache_list, 16);

static inline uint32_t threadcache_list_count(const struct threadcache_list *list)
{
	return list->capacity > list->room ? list->capacity - list->room : 0;
}

/* Classes below have spans of more than 64 blocks. */
#define PICKS_WIDE 16u

#define OUTBOX_N 255u

/*
 * Free blocks of a class on their way from a thread to the central lists. They come in from the end, so that one
 * comparison tells that some may come in and that there is room: see bin.top. There is memory for limit of them, at most
 * OUTBOX_N.
 */
struct threadcache_outbox {
	uint64_t limit;
	void *blocks[];
};

struct threadcache {
	int64_t countdown; /* bytes until the slow path is taken, not below 0; others may store 0 */
	struct threadcache *next; /* the one made before */
	uintptr_t owner; /* its thread's pointer (FS base, TPIDR_EL0); 0: it waits for a thread */
	uint32_t epoch;  /* of root.epoch, when it last looked */
	uint32_t n_slow; /* visits of slow paths, for tidying up */
	uint64_t active[2];      /* bit c: class c was on a slow path since the last tidying */
	uint32_t trim_epoch;     /* of heap_trim, when it last looked */
	uint16_t busy;           /* inside a slow path: a signal handler that allocates sees it */
	uint16_t has_picks;      /* of any class */
	uint64_t capacity_bytes; /* of all bins: capacity times size */

	/* 64 */
	int64_t rest;     /* bytes that the countdown goes on with when it is used up */
	uint64_t tidy_ns; /* when the lists are to be emptied next */
	struct threadcache_list *tagged; /* [SIZECLASS_N], or NULL */
	struct threadcache *link; /* the heap's own: the next with the same hash, or that waits */
	uint32_t kept;            /* a large span that was just freed, SPAN_BUSY, or 0 */
	uint16_t n_kept;          /* how often one was taken again, for tidying up */
	bool all_reported;        /* the last report asked for the next block, whatever its size */
	size_t keep_max;          /* bytes: the largest that it keeps */
	uint64_t sampled_bytes;   /* of blocks with reports one behind the other, for tidying up */
	uint64_t reserved;

	/* 128 */
	struct threadcache_bin bins[SIZECLASS_N];
	struct threadcache_outbox *outboxes[SIZECLASS_N]; /* or NULL, where top and end are 0 */
	struct threadcache_demand demands[SIZECLASS_N];
	/* of the blocks behind those of the class's picks, 64 in each word */
	uint64_t picks_next[PICKS_WIDE][SPAN_BITMAP_WORDS - 1];
} __attribute__((aligned(64)));
assert_offset(struct threadcache, bins, 128);

extern struct heap_root heap_published _hidden_;

#endif
