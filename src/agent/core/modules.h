/* SPDX-License-Identifier: MIT */
/*
 * modules.h: which module holds a pc, now and then.
 *
 * The list is our own, filled from the loader's public list (r_debug) and, where glibc has it (2.35),
 * _dl_find_object; neither takes a lock. It is looked at again when the loader's counters have moved or
 * a pc belongs to no module. Each module that was ever seen keeps its index and its entry in the
 * region's table, so that a frame recorded once can be named after the module is gone; the same file
 * at the same address gets its old index back.
 */
#ifndef AGENT_CORE_MODULES_H
#define AGENT_CORE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the embedder found out about the loader; any member may be 0. */
struct modules_loader {
	const void *r_debug;	       /* struct r_debug of the loader */
	const void *find_object;       /* _dl_find_object */
	const uint64_t *load_counter;  /* dlpi_adds where the loader keeps it; see modules_find_counters */
	const uint64_t *unload_counter;
};

struct module {
	uintptr_t start, end;	 /* mapped extent */
	uintptr_t eh_frame_hdr;	 /* address of its PT_GNU_EH_FRAME, 0 if it has none */
	uint32_t index;		 /* in the region's table */
};

void modules_init(const struct modules_loader *loader);

/*
 * Finds the loader's counters in [start, start + size), the loader's own data (_rtld_global), given
 * their values from dl_iterate_phdr. Returns false, and leaves the outputs, unless exactly one place
 * has them with the loader's locks before it.
 */
bool modules_find_counters(const void *start, size_t size, uint64_t adds, uint64_t subs,
			   const uint64_t **ret_adds, const uint64_t **ret_subs);

/* True, once for each change, if modules were loaded or unloaded since; a few nanoseconds. */
bool modules_changed(void);

/* Reads the loader's list again. Any thread; if another one is at it, returns at once. */
void modules_refresh(void);

/* The module at pc, copied out; false if there is none. Lock free. */
bool modules_find(uintptr_t pc, struct module *ret);

/* A forked child has a region of its own: write all entries to it anew. */
void modules_publish_all(void);

#endif
