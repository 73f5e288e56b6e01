/* SPDX-License-Identifier: MIT */
/*
 * space.h: a process seen from outside as one thing: memory, mappings, threads and what is known of it as
 * a whole; of a living process or of a core file, and whoever reads it need not know which.
 */
#ifndef PROCESS_SPACE_H
#define PROCESS_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/core.h"
#include "process/maps.h"
#include "process/memory.h"
#include "process/procinfo.h"

/* All of these live as long as the space. */
struct space {
	pid_t pid;         /* 0: it does not live */
	struct core *core; /* NULL: it lives */
	struct memory *memory;
	const struct maps *maps;
	const struct procinfo *info;
	uint32_t *tids;
	size_t n_tids;
	/* what maps and info point to, of a living process */
	struct maps own_maps;
	struct procinfo own_info;
};

/*
 * usage: the mappings' usage is filled, too, which walks the page tables of a living process and reads
 * all of a core. Errors as those of memory_open_pid and core_open. On failure ret is not written.
 */
int space_open_pid(pid_t pid, bool usage, struct space *ret);
int space_open_core(const char *path, const char *exe, bool usage, struct space *ret);
void space_deinit(struct space *space);

#endif
