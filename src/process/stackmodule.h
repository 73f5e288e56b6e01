/* SPDX-License-Identifier: MIT */
/*
 * stackmodule.h: a program or library of a process, as stackwalk.c needs it. Only stackwalk.c uses it.
 */
#ifndef PROCESS_STACKMODULE_H
#define PROCESS_STACKMODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "process/imagereader.h"
#include "process/stackwalk.h"

/*
 * Reads where the file that is mapped from its beginning at start ends, its frame table and its build ID, as far
 * as it has them, into module, which is zeroed. false if it is no program or library.
 */
bool stackmodule_read(struct imagereader *reader, uint64_t start, struct stackwalk_module *module);

#endif
