/* SPDX-License-Identifier: MIT */
/*
 * inject-abi.h: what the tool and the image that it lays out in a running process tell each other.
 *
 * The image is one piece of memory in the target:
 *
 *	ELF header, constants, code     readable and executable
 *	data                            the core's state, the hooks' state, struct inject_control
 *	stack                           of the start function, struct inject_patch list
 *
 * The tool fills in control.request and the list of patches while a thread is stopped, and lets that
 * thread run the start function, which leaves the answer in control.reply. Addresses are those of the
 * target. The first page of the image, which nobody writes to, says which image it is.
 */
#ifndef REGION_INJECT_ABI_H
#define REGION_INJECT_ABI_H

#include <stdint.h>

#include "base/macro.h"

/*
 * The operators of C++ by their symbols: with a size, with a size and an alignment, and those that release.
 * Only allocators that bring their own have them hooked; libstdc++'s call malloc.
 */
#define INJECT_NEWS(X)         \
	X(_Znwm)               \
	X(_Znam)               \
	X(_ZnwmRKSt9nothrow_t) \
	X(_ZnamRKSt9nothrow_t)
#define INJECT_ALIGNED_NEWS(X)                \
	X(_ZnwmSt11align_val_t)               \
	X(_ZnamSt11align_val_t)               \
	X(_ZnwmSt11align_val_tRKSt9nothrow_t) \
	X(_ZnamSt11align_val_tRKSt9nothrow_t)
#define INJECT_DELETES(X)                      \
	X(_ZdlPv)                              \
	X(_ZdaPv)                              \
	X(_ZdlPvm)                             \
	X(_ZdaPvm)                             \
	X(_ZdlPvRKSt9nothrow_t)                \
	X(_ZdaPvRKSt9nothrow_t)                \
	X(_ZdlPvSt11align_val_t)               \
	X(_ZdaPvSt11align_val_t)               \
	X(_ZdlPvmSt11align_val_t)              \
	X(_ZdaPvmSt11align_val_t)              \
	X(_ZdlPvSt11align_val_tRKSt9nothrow_t) \
	X(_ZdaPvSt11align_val_tRKSt9nothrow_t)

/*
 * The functions that are hooked, by name in the dynamic symbol table. The order is that of
 * enum inject_function.
 */
#define INJECT_FUNCTIONS(X)    \
	X(malloc)              \
	X(free)                \
	X(calloc)              \
	X(realloc)             \
	X(reallocarray)        \
	X(memalign)            \
	X(aligned_alloc)       \
	X(posix_memalign)      \
	X(valloc)              \
	X(pvalloc)             \
	X(cfree)               \
	X(free_sized)          \
	X(free_aligned_sized)  \
	X(mmap)                \
	X(mmap64)              \
	X(munmap)              \
	X(mremap)              \
	X(brk)                 \
	X(sbrk)                \
	X(madvise)             \
	INJECT_NEWS(X)         \
	INJECT_ALIGNED_NEWS(X) \
	INJECT_DELETES(X)

#define INJECT_FUNCTION_ENUM(name) INJECT_##name,
enum inject_function {
	INJECT_FUNCTIONS(INJECT_FUNCTION_ENUM) INJECT_N_FUNCTIONS,
	INJECT_FIRST_OPERATOR = INJECT__Znwm,
};

enum {
	INJECT_N_VARIANTS = 3, /* modules that define the functions and are told apart */
	INJECT_N_THREADS = 4096,
	INJECT_N_UNMAPS = 64,
};

enum inject_command {
	INJECT_START = 1 << 0, /* begin recording */
	INJECT_PATCH = 1 << 1, /* store the patches */
	INJECT_STOP = 1 << 2,  /* recording ends, after the patches */
	INJECT_CALL = 1 << 3,  /* make the calls, and nothing else */
	/*
	 * The loader's lock is taken, by a thread of the tool's own. Then the request is replaced by what is
	 * to be done with it.
	 */
	INJECT_HOLD = 1 << 4,
};

/* A word that is replaced if it holds what is expected. */
struct inject_patch {
	uint64_t address;
	uint64_t expected;
	uint64_t value;
};

/* Patches of neighbouring pages; prot is what the pages have now. */
struct inject_group {
	uint64_t start;
	uint64_t size; /* bytes, whole pages */
	uint32_t prot; /* as for mprotect */
	uint32_t n_patches;
};

/* A function of the process that is called for the tool, with whole numbers and addresses. */
struct inject_call {
	uint64_t function;
	uint64_t arguments[5];
	uint64_t result;
};

struct inject_range {
	uint64_t start;
	uint64_t size;
};

struct inject_request {
	uint32_t command; /* enum inject_command bits */
	uint32_t signal;  /* sent to the own thread at the end, 0 for none */
	uint32_t n_groups, n_patches, n_unmaps, n_calls;
	uint32_t
		tid_offset; /* from the thread pointer to where libc keeps the thread's id; 0: unknown */
	uint64_t groups, patches; /* their addresses; patches in the order of the groups */
	uint64_t calls;           /* address of struct inject_call[n_calls] */
	/* the loader's: what the tool saw of its counters, and its lock; 0 if there are none */
	uint64_t loader_lock, loader_adds, loader_count;
	uint64_t seen_adds, seen_count;
	/* for the core */
	uint64_t r_debug, find_object;
	uint64_t vdso, main_stack_end, max_memory, interval;
	uint32_t sampling, allocator;
	uint64_t eh_frame_hdr;
	uint64_t image_start, image_end, text_start, text_end;
	uint32_t confined;                              /* a filter of system calls is in force */
	uint32_t watched;                               /* somebody looks on */
	uint32_t session;                               /* another number each time */
	struct inject_range backing[INJECT_N_VARIANTS]; /* the allocators' modules */
	struct inject_range unmaps[INJECT_N_UNMAPS];    /* what is left of a recording before */
};

struct inject_reply {
	uint32_t finished; /* stored last, the request's session */
	int32_t result; /* 0 or -errno: -EBUSY loading is under way, -EAGAIN modules have changed */
	uint32_t n_patched;
	uint32_t n_changed; /* held something else than expected */
	uint32_t n_refused; /* in pages whose protection could not be changed */
	uint32_t held;      /* the request's session: the lock is held, or result says why not */
	uint64_t region;    /* its address, once recording has begun */
};

struct inject_control {
	uint32_t active;   /* hooks record */
	uint32_t running;  /* a thread is on the stack of the start function: its id, or 1 */
	uint32_t laid_out; /* all of the image is there */
	uint32_t reserved;
	struct inject_reply reply;
	struct inject_request request;
	uint64_t originals[INJECT_N_VARIANTS][INJECT_N_FUNCTIONS];
};

/* A thread's part of the hooks' state. Written by its owner. */
struct inject_thread {
	uint64_t tp; /* 0: nobody's */
	int64_t countdown;
	uint32_t session;
	int32_t tid;
	uint32_t inside;  /* hooks that use the core's state */
	uint32_t calling; /* original functions that run */
	uint64_t entry_sp;
	uint64_t reserved[3];
};
assert_size(struct inject_thread, 64);

/* Where things are in the image; exported as inject_header. Addresses after relocation. */
struct inject_header {
	uint64_t control, threads, mappings; /* struct inject_control, _thread[], _range[] */
	uint64_t start;                      /* the start function */
	uint64_t resume;                     /* makes the system call that ends a signal handler */
	uint64_t hooks[INJECT_N_VARIANTS][INJECT_N_FUNCTIONS];
};

#endif
