/* SPDX-License-Identifier: MIT */
/*
 * modules.h: which module holds a pc, now and then.
 *
 * The list is our own. A module enters it when a pc of its code is first looked up: by _dl_find_object
 * where glibc has it (2.35), by a walk over the loader's public list (r_debug) where it has not; neither
 * takes a lock. Each module that was ever seen keeps its index and its entry in the region's table, so
 * that a frame recorded once can be named after the module is gone; the same file at the same address
 * gets its old index back.
 *
 * Whoever keeps what it found out about a pc (the unwinder's rules) keeps the module's index with it and
 * asks modules_is_current, one load and one comparison, before it uses that again: after the loader's
 * counters have moved, each module is looked at anew when next it is met. The module's code is then on
 * the caller's stack, so that it cannot be unloaded meanwhile, and its headers may be read.
 */
#ifndef AGENT_CORE_MODULES_H
#define AGENT_CORE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* What the embedder found out about the loader; any member may be 0. */
struct modules_loader {
	const void *r_debug;          /* struct r_debug of the loader */
	const void *find_object;      /* _dl_find_object */
	const uint64_t *load_counter; /* both from modules_find_counters */
	const uint64_t *unload_counter;
	/* the image that this code is in, if the loader did not load it */
	uintptr_t self_start, self_end, self_eh_frame_hdr;
};

struct module {
	uintptr_t start, end;               /* mapped extent */
	uintptr_t eh_frame_hdr;             /* address of its PT_GNU_EH_FRAME, 0 if it has none */
	uintptr_t tables_start, tables_end; /* readable memory that holds it and .eh_frame */
	uint32_t index;                     /* in the region's table, 0 if there is no room */
};

/* Once, before any module is looked for. The struct is copied, what it points to has to stay. */
void modules_init(const struct modules_loader *loader);

/*
 * Finds the loader's counters in [start, start + size), the loader's own data (_rtld_global), given
 * dlpi_adds and dlpi_subs of dl_iterate_phdr. ret_adds is where adds is kept; subs is not kept anywhere,
 * but moves with the number of modules of the main namespace, which is what ret_subs points at. Returns
 * false, and leaves the outputs, unless exactly one place has adds with the loader's locks before it.
 * *ret_subs is NULL if only that number was not found.
 */
bool modules_find_counters(const void *start, size_t size, uint64_t adds, uint64_t subs,
			   const uint64_t **ret_adds, const uint64_t **ret_subs);

/*
 * True, once for each change, if modules were loaded or unloaded since; a few nanoseconds. unwind_trace
 * asks and refreshes.
 */
bool modules_changed(void);

/*
 * Notes which modules are gone, and without _dl_find_object, which are new. Any thread; for timely
 * events only, lookups do not depend on it.
 */
void modules_refresh(void);

/*
 * Tells the program's tables (annotate.h) where the recorder is, of all modules that are there. Those that
 * are loaded later are told when they are first looked up.
 */
void modules_read_annotations(void);

/* The module at pc, copied out; false if there is none. Lock free. */
bool modules_find(uintptr_t pc, struct module *ret);

/*
 * Copies the loader's entry (loader-list.h) of the library whose file has that name. Asks before it reads;
 * false if there is none, or the list is being changed.
 */
struct loader_map;
bool modules_find_library(const char *name, struct loader_map *ret);

/* The module with that index, as last found. */
bool modules_get(uint32_t index, struct module *ret);

/*
 * A number that is another one after each load and unload. Never 0. Without counters it is another one
 * at each call: then everything is looked at anew for each trace, which is slower, and as right.
 */
static inline uint64_t modules_epoch(void);
/* Whether the module with that index was found to be in its place in this epoch. */
static inline bool modules_is_current(uint32_t index, uint64_t epoch);
/* Looks whether it is, with a pc of it on the stack, and notes it. False if it is another one now. */
bool modules_check(uint32_t index, uintptr_t pc, uint64_t epoch);
/* Whether epochs compare equal as long as nothing is loaded. */
static inline bool modules_has_counters(void);

/* A forked child has a region of its own: write all entries to it anew. */
void modules_publish_all(void);

/* Bytes of private memory that the list holds. */
uint64_t modules_own_bytes(void);

/* private to the inline functions */
struct modules_state {
	const uint64_t *adds, *count;
	uint64_t *checked; /* by index: the epoch in which it was last found in its place */
	uint32_t capacity;
	uint64_t fallback_epoch;
};
extern _hidden_ struct modules_state modules_state;

static inline bool modules_has_counters(void)
{
	return modules_state.adds != NULL;
}

static inline uint64_t modules_epoch(void)
{
	if (unlikely(!modules_state.adds))
		return __atomic_add_fetch(&modules_state.fallback_epoch, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(modules_state.adds, __ATOMIC_ACQUIRE) << 24 ^
	       __atomic_load_n(modules_state.count, __ATOMIC_RELAXED);
}

static inline bool modules_is_current(uint32_t index, uint64_t epoch)
{
	return index < modules_state.capacity &&
	       __atomic_load_n(&modules_state.checked[index], __ATOMIC_RELAXED) == epoch;
}

#endif
