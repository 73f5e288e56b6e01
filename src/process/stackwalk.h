/* SPDX-License-Identifier: MIT */
/*
 * stackwalk.h: the calls on a stack of another process, of which there is a copy: by libunwind's remote
 * interface, with the tables of the process's own modules, and by frame pointers where code has none (Go).
 */
#ifndef PROCESS_STACKWALK_H
#define PROCESS_STACKWALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/faults.h"

struct stackwalk; /* opaque */

/* A program or library in the process. Modules that are loaded later are found when they are met. */
struct stackwalk_module {
	uint64_t start, end, bias;
	char *path;
	uint8_t build_id[20];
	uint8_t build_id_size; /* 0: it has none */
	/* its sorted table of frames: where it is, and what its entries are relative to; 0: it has none */
	uint64_t frames_table, frames_base;
	uint32_t n_frames;
	struct frametable_entry *own_table; /* made here, where the file has none */
};

/* -ENOMEM, or why the process's memory or mappings cannot be read. */
int stackwalk_new(pid_t pid, struct stackwalk **ret);
struct stackwalk *stackwalk_free(struct stackwalk *walk);

/*
 * Follows the sample's copy of a stack. Writes program counters to ret, the innermost first and exact, the others
 * return addresses; at most max. Returns how many, at least one. ret_truncated: the outer end could not be reached.
 */
size_t stackwalk_walk(struct stackwalk *walk, const struct faults_sample *sample, uint64_t *ret,
		      size_t max, bool *ret_truncated);

/* Whether address is of a file that is only read, or shared: no memory of the process itself. */
bool stackwalk_is_file(const struct stackwalk *walk, uint64_t address);

/* Index of the module that holds pc, or -1. */
int stackwalk_module_at(const struct stackwalk *walk, uint64_t pc);
/* Lives until the next walk; an index stays what it is. */
const struct stackwalk_module *stackwalk_modules(const struct stackwalk *walk, size_t *ret_n);

#endif
