/* SPDX-License-Identifier: MIT */
/*
 * linkmap.h: symbols of loaded modules, read from the loader's public list without asking the loader.
 *
 * dlsym may allocate, takes the loader's lock and looks at its caller; the first malloc of a process can
 * come from inside the loader. These look-ups read memory that is mapped and nothing else, so that they
 * may be made anywhere, again and again, and by several threads at once.
 *
 * They see the modules of the program's own namespace in the order in which they were loaded, which for
 * those that were there at the start is the order in which symbols are searched.
 */
#ifndef AGENT_PRELOAD_LINKMAP_H
#define AGENT_PRELOAD_LINKMAP_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The loader's list; NULL members never occur in a process that runs. */
const struct link_map *linkmap_first(void);
/* This library, NULL if it is not in the list (it was linked into a program, as in a test). */
const struct link_map *linkmap_self(void);

/*
 * The definition of name in module, of its default version. With ret_entry, also where the module's
 * symbol table has it. NULL if the module does not define it.
 */
void *linkmap_find(const struct link_map *module, const char *name, const ElfW(Sym) * *ret_entry);

/* Calls function for each definition that module exports (of modules with a GNU hash table). */
void linkmap_for_each(const struct link_map *module,
		      void (*function)(const char *name, void *address, void *data), void *data);

/* The first definition after this library, and the module that has it (which may be left out). */
void *linkmap_find_next(const char *name, const struct link_map **ret_module);

/* The module that is the C library, NULL if there is none after this library. */
const struct link_map *linkmap_libc(void);

/* The last part of a module's path. */
const char *linkmap_name(const struct link_map *module);

#endif
