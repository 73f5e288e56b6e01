/* SPDX-License-Identifier: MIT */
/*
 * runtime-jvm.h: where HotSpot has its heap, its compiled code and its classes.
 */
#ifndef PROCESS_RUNTIME_JVM_H
#define PROCESS_RUNTIME_JVM_H

#include "process/areas.h"
#include "process/space.h"

/*
 * Adds areas for what HotSpot itself says: it exports a table of its own fields for its debugger. Nothing
 * is added where that cannot be read.
 */
int runtime_jvm_find(const struct space *space, struct areas *areas);

#endif
