/* SPDX-License-Identifier: MIT */
/*
 * glibc-state.h: where glibc keeps its arenas, found without symbols, and what each arena's
 * struct malloc_state says: glibc 2.17 and newer, 64 bits.
 */
#ifndef PROCESS_GLIBC_STATE_H
#define PROCESS_GLIBC_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/maps.h"
#include "process/memory.h"

enum {
	GLIBC_N_BINS = 127, /* unsorted, small and large ones */
	GLIBC_N_FASTBINS = 10,
	GLIBC_MIN_CHUNK = 32,
	GLIBC_ALIGNMENT = 16,
};

/* Offsets in struct malloc_state. */
struct glibc_layout {
	uint32_t bins;       /* everything else stands at a fixed distance from them */
	bool has_fastbins;   /* in front of the bins */
	bool counts_threads; /* attached_threads: 2.23 and newer */
	uint32_t size;       /* of the whole */
};

/* One arena, as it was when it was read. */
struct glibc_state {
	uint64_t address, next;
	uint64_t top;
	uint64_t fastbins[GLIBC_N_FASTBINS]; /* first chunk of each list, 0 if empty */
	uint64_t attached_threads;           /* 0 where the layout has none */
	uint64_t system, peak_system;        /* bytes */
	bool contiguous; /* the main arena: memory comes from the program break alone */
};

/* A copy of a library's writable data. */
struct glibc_data {
	uint64_t start;
	uint8_t *bytes; /* owned */
	size_t size;
};

struct glibc_states {
	struct glibc_layout layout;
	struct glibc_data data;     /* the part in which the main arena was found */
	struct glibc_state *states; /* the main arena first, then as their ring has them; owned */
	size_t n_states;
};

enum glibc_found {
	GLIBC_ABSENT, /* no glibc is mapped, nor a program that could have one in itself */
	GLIBC_UNUSED, /* it is there, and its allocator has never been called */
	GLIBC_FOUND,
};

/*
 * Returns an enum glibc_found, or -errno: -EBADMSG if a libc is there whose arenas do not have a form
 * that is known. With GLIBC_FOUND the caller has to call glibc_states_deinit.
 */
int glibc_states_read(struct memory *memory, const struct maps *maps, struct glibc_states *ret);
void glibc_states_deinit(struct glibc_states *states);

/* Reads one arena again. */
int glibc_state_read(struct memory *memory, const struct glibc_layout *layout, uint64_t address,
		     struct glibc_state *ret);

/* A word of a copy; the caller has checked that it is in there. */
uint64_t glibc_data_word(const struct glibc_data *data, size_t offset);

#endif
