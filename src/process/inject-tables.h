/* SPDX-License-Identifier: MIT */
/*
 * inject-tables.h: the symbols and relocations of one module of a running process.
 */
#ifndef PROCESS_INJECT_TABLES_H
#define PROCESS_INJECT_TABLES_H

#include "process/inject-modules.h"

/* Fills in the tables of module, whose bias is known. 0 or -errno; then it is still to be released. */
int inject_tables_read(struct memory *memory, uint64_t dynamic_at, struct inject_module *module);

#endif
