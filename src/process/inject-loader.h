/* SPDX-License-Identifier: MIT */
/*
 * inject-loader.h: what of glibc's loader the injected image uses: its lock, its counters, and the
 * function that finds a module by address.
 */
#ifndef PROCESS_INJECT_LOADER_H
#define PROCESS_INJECT_LOADER_H

#include "process/inject-modules.h"

/* Fills in the loader's part of modules; another loader leaves it at 0. 0 or -errno. */
int inject_loader_find(struct memory *memory, struct inject_modules *modules);

#endif
