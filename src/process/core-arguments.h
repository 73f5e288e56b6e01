/* SPDX-License-Identifier: MIT */
/*
 * core-arguments.h: the arguments of a process that left a core. Only core.c uses it.
 */
#ifndef PROCESS_CORE_ARGUMENTS_H
#define PROCESS_CORE_ARGUMENTS_H

#include "process/core-image.h"
#include "process/core-notes.h"
#include "process/core.h"

/*
 * All of them, from the stack: 1 if they were found, 0 if not, -ENOMEM. ret is one piece, which the caller frees,
 * and ends with NULL.
 */
int core_arguments_read(struct core *core, const struct core_image *image,
			const struct core_notes *notes, char ***ret);

/*
 * What the notes kept of them: cut off, with a blank between any two. 0 or -ENOMEM; ret as above,
 * untouched without any.
 */
int core_arguments_cut(const struct core_notes *notes, char ***ret);

#endif
