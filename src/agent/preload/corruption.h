/* SPDX-License-Identifier: MIT */
/*
 * corruption.h: the end of a program whose heap was damaged.
 */
#ifndef AGENT_PRELOAD_CORRUPTION_H
#define AGENT_PRELOAD_CORRUPTION_H

#include "heap/heap.h"

/*
 * Writes one short message with the stack (module+offset, for addr2line) to stderr and aborts, as glibc
 * does. The one thing that the agent prints without being asked.
 */
void corruption_report(enum heap_error error, const void *block) __attribute__((noreturn));

#endif
