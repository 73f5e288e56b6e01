/* SPDX-License-Identifier: MIT */
/*
 * abi.h: every byte that crosses from a target process to the tool.
 *
 * A region is one sealed memfd a process. The agent in the process is its only writer, any number of
 * tools read it, and it can be read after the process is gone. It starts with struct mt_header, which
 * says where each table is, how large an entry is and how many fit; readers use those, never sizeof,
 * so that entries can grow at their end. docs/ABI.md is the prose version of this file.
 *
 * Rules of the format:
 *  - fixed-width types, native byte order (the magic tells), offsets and indices, never pointers;
 *  - one author per field; a field that several threads of the target write is written atomically;
 *  - counters are monotonic: two readings can be subtracted without a lock;
 *  - an entry becomes visible by one store with release order, named at each struct; until then, and
 *    forever if the process dies in between, readers pass it over;
 *  - zero means "not there" everywhere: the memory starts as zeros.
 *
 * Times are CLOCK_MONOTONIC nanoseconds; the header holds a pair of readings to translate them.
 *
 * Estimates. A block of Z bytes that was sampled at mean interval R stands for Z/p bytes and 1/p blocks
 * with p = 1 - exp(-Z/R), and adds Z²(1-p)/p² to the variance of the sum (Horvitz and Thompson 1952).
 * A block of no bytes is sampled as if it had one, and adds none.
 * R = 0 means that everything was recorded: p = 1, and figures are exact.
 */
#ifndef REGION_ABI_H
#define REGION_ABI_H

#include "base/macro.h"

/* "memtrace" read as a little-endian integer: a reader of the other byte order sees it reversed. */
#define MT_MAGIC        0x65636172746d656dULL
#define MT_VERSION      3u
#define MT_REGION_NAME  "memtrace-region" /* the memfd's name: "/memfd:memtrace-region" in maps */
#define MT_BUILD_ID_MAX 20
#define MT_THREAD_NAME  16
#define MT_PATH_MAX     1024
#define MT_CMDLINE_MAX  2048
#define MT_FRAMES_MAX   1024u /* of one stack; a deeper one is truncated at its outer end */
/* Block counts are fixed point with 16 fractional bits, because one sample stands for a fraction. */
#define MT_BLOCKS_ONE   65536ull

/* A frame is a pc in the low 48 bits and, above them, the index of the module that held it then. */
#define MT_FRAME_PC_MASK   0x0000ffffffffffffull
#define MT_FRAME_MODULE(f) ((uint32_t)((f) >> 48))
#define MT_FRAME_PC(f)     ((f)&MT_FRAME_PC_MASK)
#define MT_MODULE_NONE     0u /* JIT code and whatever no module claims; entry 0 of modules is unused */

/* A reader refuses a region with an incompatible bit that it does not know. */
#define MT_INCOMPATIBLE_KNOWN 0ull

enum mt_mode {
	MT_MODE_NONE,
	MT_MODE_PRELOAD,
	MT_MODE_INJECTED,
	MT_MODE_FAULTS, /* in no region: the tool looked at page faults from outside */
};

enum mt_allocator {
	MT_ALLOCATOR_UNKNOWN,
	MT_ALLOCATOR_FAST,
	MT_ALLOCATOR_GLIBC,
	MT_ALLOCATOR_JEMALLOC,
	MT_ALLOCATOR_TCMALLOC,
	MT_ALLOCATOR_MIMALLOC,
	MT_ALLOCATOR_OTHER,
};

/*
 * What tells allocators apart: a function of each one's own interface. The first that a module defines says
 * which one it is. X(the end of its name in enum mt_allocator, the function)
 */
#define MT_ALLOCATOR_MARKS(X)    \
	X(JEMALLOC, "mallctl")   \
	X(MIMALLOC, "mi_malloc") \
	X(TCMALLOC, "tc_malloc") \
	X(GLIBC, "__libc_malloc")

enum mt_sampling { MT_SAMPLING_AUTO, MT_SAMPLING_ALL, MT_SAMPLING_INTERVAL, MT_SAMPLING_OFF };

enum mt_state {
	MT_STATE_NEW, /* being laid out: nothing in it is valid yet */
	MT_STATE_RUNNING,
	MT_STATE_EXITED,   /* exit() ran to the end; _exit and signals leave it at running */
	MT_STATE_REPLACED, /* about to exec; goes back to running if that fails */
	MT_STATE_DETACHED, /* recording stopped for good, on request */
};

enum mt_header_flags {
	MT_HEADER_FORKED = 1 << 0,   /* made in a forked child: inherited blocks are flagged so */
	MT_HEADER_DEEPBIND = 1 << 1, /* plugins loaded with RTLD_DEEPBIND allocate unseen */
	MT_HEADER_INEXACT = 1 << 2,  /* at some time not everything was recorded */
	MT_HEADER_WIDENED = 1 << 3,  /* a full table widened the interval */
};

struct mt_table {
	uint64_t offset;     /* from the region's start, 64-byte aligned */
	uint32_t entry_size; /* bytes */
	uint32_t capacity;   /* entries */
};
assert_size(struct mt_table, 16);

struct mt_header {
	uint64_t magic; /* stored last with release order when the region is laid out */
	uint32_t version;
	uint32_t header_size;  /* bytes, at least sizeof(struct mt_header) of that version */
	uint64_t compatible;   /* feature bits that an older reader may ignore */
	uint64_t incompatible; /* feature bits that it may not */
	uint64_t region_size;  /* bytes of address space and of file size */
	uint64_t reserved0[3];

	/* 64 */
	struct mt_table stacks;  /* uint64_t frames, innermost first */
	struct mt_table sites;   /* struct mt_site; entry 0 is unused */
	struct mt_table live;    /* struct mt_live; entry 0 is unused */
	struct mt_table maps;    /* struct mt_map; entry 0 is unused */
	struct mt_table ring;    /* struct mt_event */
	struct mt_table modules; /* struct mt_module; entry 0 is unused */
	struct mt_table
		threads; /* struct mt_thread; entry 0 stands for "no room for this thread" */
	struct mt_table strings; /* char */

	/* 192: written once at creation */
	uint32_t pid;
	uint32_t ppid;
	uint32_t mode;      /* enum mt_mode */
	uint32_t allocator; /* enum mt_allocator */
	uint32_t sampling;  /* enum mt_sampling */
	uint32_t page_size;
	uint64_t max_memory;        /* bytes, the user's bound */
	uint64_t start_ns;          /* CLOCK_MONOTONIC when the region was made */
	uint64_t start_realtime_ns; /* CLOCK_REALTIME at the same moment */
	uint64_t
		heap_root; /* address in the target of the fast allocator's struct heap_root, or 0 */
	uint64_t own_mappings; /* address in the target of struct mt_range[MT_OWN_MAPPINGS], or 0 */

	/* 256: written now and then; one line of its own */
	uint32_t state;    /* enum mt_state */
	uint32_t flags;    /* enum mt_header_flags, bits are only ever set */
	uint64_t interval; /* bytes between samples for new samples; 0 records everything */
	uint64_t end_ns;   /* time of exit, exec or detach */
	uint32_t
		control_stop; /* the one field that a tool writes (process_vm_writev): 1 stops recording */
	uint32_t reserved2;
	uint64_t own_bytes; /* private memory that the agent holds beside the region */
	uint64_t own_ns;    /* estimate of the time spent in recording, all threads */
	uint64_t reserved3[2];

	/* 320: how far each table was ever used; entries at or above are untouched */
	uint64_t n_stacks;  /* frames */
	uint64_t n_strings; /* bytes */
	uint32_t n_sites;
	uint32_t n_live;
	uint32_t n_maps;
	uint32_t n_modules;
	uint32_t n_threads;
	uint32_t reserved4;
	uint64_t n_events; /* events ever put into the ring; the newest has sequence n_events - 1 */
	uint64_t reserved5[2];

	/* 384: counters */
	uint64_t samples; /* allocations recorded */
	uint64_t samples_freed;
	uint64_t lost_allocations; /* samples that found no room, or came where none can be taken */
	uint64_t lost_frees;       /* frees of blocks that were known to be sampled but not found */
	uint64_t lost_maps;
	uint64_t freed_unknown; /* frees of blocks from before the agent, where that can be known */
	uint64_t live_bytes;    /* estimate, malloc and not mmap */
	uint64_t peak_live_bytes;

	/* 448 */
	uint64_t truncated_stacks;
	uint64_t reserved6[7];

	/* 512 */
	char exe[MT_PATH_MAX];        /* zero terminated unless full */
	char cmdline[MT_CMDLINE_MAX]; /* arguments, each zero terminated, empty at the end */
	char comm[MT_THREAD_NAME];
	char reserved7[496];
};
assert_offset(struct mt_header, stacks, 64);
assert_offset(struct mt_header, pid, 192);
assert_offset(struct mt_header, state, 256);
assert_offset(struct mt_header, n_stacks, 320);
assert_offset(struct mt_header, samples, 384);
assert_offset(struct mt_header, truncated_stacks, 448);
assert_offset(struct mt_header, exe, 512);
assert_size(struct mt_header, 4096);

/*
 * The agent's private memory, beside the region: its tables, in the target. Unused entries have start or
 * size 0. What finds no room is not in it.
 */
#define MT_OWN_MAPPINGS 64u
struct mt_range {
	uint64_t start;
	uint64_t size; /* bytes */
};
assert_size(struct mt_range, 16);

enum mt_site_kind {
	MT_SITE_MALLOC = 1,
	MT_SITE_MMAP = 2,
	MT_SITE_PAGES = 3, /* in no region: touched pages for the first time */
};

enum mt_stack_flags {
	MT_STACK_TRUNCATED = 1 << 0, /* the outer end is missing */
	MT_STACK_SIGNAL = 1 << 1,    /* passes through a signal handler */
	MT_STACK_FP = 1 << 2,        /* some frame was followed by frame pointer, without tables */
	MT_STACK_BACKING =
		1 << 3,         /* made by an allocator for its own heap: the blocks are counted */
	MT_STACK_POOL = 1 << 4, /* blocks of a pool of the program's own (include/memtrace.h) */
	MT_STACK_GAP =
		1 << 5, /* Java frames are missing between the first one and its C++ caller */
};
_Static_assert((MT_STACK_TRUNCATED ^ MT_STACK_SIGNAL ^ MT_STACK_FP ^ MT_STACK_BACKING ^
		MT_STACK_POOL ^ MT_STACK_GAP) == (1 << 6) - 1,
	       "a bit each");

/*
 * One stack and kind. Visible once n_frames is not zero (stored with release order; a stack that could
 * not be taken has one frame, the caller). What is outstanding stands in the live slots, and what was freed
 * is the difference to what was allocated: counters of frees and of samples lag by what
 * threads did lately and have not added yet (agent/core/tally.c). At the end of a thread and of the
 * process they are exact. region_snapshot fills in what live blocks and frees show to have been allocated.
 *
 * The thread that found a site first owns it, and counts what it allocates there in two fields that nobody
 * else writes to, without locking the bus. region_snapshot adds them to the others.
 */
struct mt_site {
	uint64_t stack; /* index of the innermost frame in stacks */
	uint32_t n_frames;
	uint16_t kind;     /* enum mt_site_kind */
	uint16_t flags;    /* enum mt_stack_flags */
	uint64_t hash;     /* of kind and frames */
	uint64_t first_ns; /* when it was first seen */
	/* grow with allocations */
	uint64_t alloc_bytes;  /* weighted by the sampling */
	uint64_t alloc_blocks; /* weighted, in 1/MT_BLOCKS_ONE */
	uint64_t alloc_samples;
	uint64_t alloc_variance; /* bits of a double, bytes² */
	/* 64: grow with frees */
	uint64_t freed_bytes;
	uint64_t freed_blocks;
	uint64_t freed_samples;
	uint64_t freed_variance;
	/* part of allocated that a forked child found there when it began */
	uint64_t inherited_bytes;
	uint64_t inherited_blocks;
	uint32_t tag; /* offset in strings, zero terminated there; 0: none */
	/* part of what was allocated that is not in alloc_bytes and alloc_blocks: the owning thread's */
	uint32_t own_blocks; /* as they are; from 2^30 on they are moved there */
	uint64_t own_bytes;
};
assert_offset(struct mt_site, freed_bytes, 64);
assert_offset(struct mt_site, own_bytes, 120);
assert_size(struct mt_site, 128);

enum mt_live_flags {
	MT_LIVE_INHERITED = 1 << 0, /* was there when this process was forked */
};

/*
 * A sampled block that is not freed. Visible while addr is not zero: addr is stored last with release
 * order, and cleared before the block goes back to the allocator. Readers copy the entry twice and
 * keep it if both copies are equal.
 */
struct mt_live {
	uint64_t addr;
	uint64_t size;    /* bytes, as asked for */
	uint64_t time_ns; /* of the allocation */
	uint32_t site;
	uint32_t thread;   /* index in threads */
	uint32_t interval; /* bytes, in force when the sample was taken; 0 = everything */
	uint32_t flags;    /* enum mt_live_flags */
};
assert_size(struct mt_live, 40);

enum mt_map_flags {
	MT_MAP_ANON = 1 << 0,
	MT_MAP_FILE = 1 << 1,
	MT_MAP_SHARED = 1 << 2,
	MT_MAP_BRK = 1 << 3,     /* the program break's extent above its first value */
	MT_MAP_STACK = 1 << 4,   /* MAP_STACK or MAP_GROWSDOWN */
	MT_MAP_BACKING = 1 << 5, /* see MT_STACK_BACKING */
	MT_MAP_INHERITED = 1 << 6,
	MT_MAP_HUGETLB = 1 << 7,
};

/*
 * A range that was mapped and is not unmapped, or the part that is left of it. Ranges do not overlap.
 * A range that falls in two by a partial unmap counts as one more block of its site; what a range grows
 * by is allocated by its site, without a block.
 * Visible while start is not zero, as in struct mt_live.
 */
struct mt_map {
	uint64_t start;
	uint64_t size; /* bytes, whole pages */
	uint64_t time_ns;
	uint32_t site;
	uint32_t thread;
	uint32_t flags; /* enum mt_map_flags */
	uint32_t prot;  /* PROT_* as mapped */
};
assert_size(struct mt_map, 40);

enum mt_event_type {
	MT_EVENT_ALLOC = 1,    /* addr, size, site */
	MT_EVENT_FREE,         /* addr, size, site of the allocation */
	MT_EVENT_MAP,          /* addr, size, site, aux = enum mt_map_flags */
	MT_EVENT_UNMAP,        /* addr, size */
	MT_EVENT_REMAP,        /* addr (new), size (new), aux = old address */
	MT_EVENT_BRK,          /* addr (new break), size (old break) */
	MT_EVENT_MADVISE,      /* addr, size, aux = advice */
	MT_EVENT_THREAD_START, /* aux = tid */
	MT_EVENT_THREAD_NAME,  /* aux = tid; the name is in threads */
	MT_EVENT_THREAD_END,   /* aux = tid */
	MT_EVENT_MODULE_LOAD,  /* addr = start, size, aux = index in modules */
	MT_EVENT_MODULE_UNLOAD,
	MT_EVENT_INTERVAL, /* size = new interval */
	MT_EVENT_FORK,     /* reserved */
	MT_EVENT_MARK,     /* aux = name, offset in strings */
};

/*
 * Recent events, of which a thread that allocates quickly leaves some out (agent/core/recorder.c).
 * The writer of sequence s takes entry s % capacity, stores 0 into seq, fills the entry, then
 * stores s + 1 into seq with release order. A reader keeps an entry whose seq is s + 1 before and
 * after its copy.
 */
struct mt_event {
	uint64_t seq;
	uint64_t time_ns;
	uint64_t addr;
	uint64_t size;
	uint64_t aux;
	uint32_t site;
	uint16_t type;   /* enum mt_event_type */
	uint16_t thread; /* index in threads, 0 if it does not fit */
};
assert_size(struct mt_event, 48);

/* A module's life. Visible once end is not zero. Two plugins at one address are two entries. */
struct mt_module {
	uint64_t start; /* first mapped address */
	uint64_t end;   /* one past the last */
	uint64_t bias;  /* address in memory - address in the file's symbol table */
	uint64_t loaded_ns;
	uint64_t unloaded_ns; /* 0 while it is loaded; when it was seen to be gone */
	uint32_t path;        /* offset in strings, zero terminated there */
	uint32_t path_length;
	uint8_t build_id_size;
	uint8_t build_id[MT_BUILD_ID_MAX];
	uint8_t reserved[27];
};
assert_size(struct mt_module, 96);

/*
 * Part of what was allocated at a site that is not in its alloc_bytes and alloc_blocks: of blocks that were recorded
 * exactly, by a thread that does not own the site.
 */
struct mt_tally {
	uint32_t site;
	uint32_t blocks; /* as they are */
	uint64_t bytes;
};
assert_size(struct mt_tally, 16);

#define MT_TALLIES 32

/*
 * A thread that took a sample. Visible once tid is not zero. Entries of ended threads may be reused. The tallies hold
 * whatever tid is.
 */
struct mt_thread {
	uint32_t tid;
	uint32_t generation; /* grows when the entry is reused */
	uint64_t start_ns;   /* when it was first seen, not when it was created */
	uint64_t end_ns;     /* 0 while it lives */
	char name[MT_THREAD_NAME];
	uint64_t alloc_bytes; /* weighted, by this thread */
	uint64_t freed_bytes; /* weighted, freed by this thread, whoever allocated */
	uint64_t samples;
	struct mt_tally tallies[MT_TALLIES];
};
assert_offset(struct mt_thread, tallies, 64);
assert_size(struct mt_thread, 576);

#endif
