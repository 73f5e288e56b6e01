/* SPDX-License-Identifier: MIT */
/*
 * hooks.h: the embedder's hooks as the rest of the heap calls them. Never called with a lock held.
 */
#ifndef HEAP_HOOKS_H
#define HEAP_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/heap.h"

/* The hooks in force, or NULL. */
const struct heap_hooks *hooks_get(void);

/* Stops the program: by the hook if there is one, else by SIGABRT. */
void hooks_corruption(enum heap_error error, const void *block) __attribute__((noreturn));

/* Whether every block is reported, for good. May be called with a lock held. */
bool hooks_report_all(void);

/* Bytes until a thread's next report, when it begins or when countdowns were restarted. */
int64_t hooks_first_countdown(void);

#endif
