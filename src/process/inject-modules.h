/* SPDX-License-Identifier: MIT */
/*
 * inject-modules.h: the modules of a running process as its loader has them, read from its memory: their
 * dynamic sections, symbols and relocations. Files are not looked at: a process in another mount
 * namespace, or one whose libraries were replaced on disk, is the same to it.
 */
#ifndef PROCESS_INJECT_MODULES_H
#define PROCESS_INJECT_MODULES_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/maps.h"
#include "process/memory.h"

struct inject_module {
	uint64_t bias;
	char *name;          /* the file's, without its folder; "" if it has none */
	uint64_t start, end; /* of its mappings that lie together */
	uint64_t symbols_at; /* address of the first symbol */
	Elf64_Sym *symbols;
	size_t n_symbols;
	char *strings; /* zero terminated */
	size_t strings_size;
	Elf64_Rela *relocations; /* of all tables */
	size_t n_relocations;
	bool is_loader;
};

struct inject_modules {
	struct inject_module *modules; /* the main program first */
	size_t n_modules;
	uint64_t r_debug;
	uint64_t vdso, main_stack_end, interpreter; /* addresses; 0 if they are not known */
	/* glibc's; 0 elsewhere */
	uint64_t loader_lock, adds_at, count_at, find_object;
	uint64_t adds, count; /* what they said */
};

/* What glibc's loader says of itself at one moment. */
struct inject_mark {
	uint64_t adds, count;
	bool is_locked; /* somebody loads or unloads, or is about to */
};

/*
 * -ENOEXEC: no dynamic loader; -EAGAIN: it is at work, or the process has just begun; -EBADMSG: what is
 * there does not fit.
 */
int inject_modules_read(pid_t pid, struct memory *memory, const struct maps *maps,
			struct inject_modules *ret);
/*
 * Where there are counters: whatever was read between a mark without lock and a moment at which the lock is
 * had and the counters are the same, is as it was read.
 */
int inject_modules_mark(struct memory *memory, const struct inject_modules *modules,
			struct inject_mark *ret);
void inject_modules_deinit(struct inject_modules *modules);

/* A symbol's name; "" if it has none. */
const char *inject_module_name_of(const struct inject_module *module, const Elf64_Sym *symbol);
/* The symbol if the module defines a function of that name; NULL if not. */
const Elf64_Sym *inject_module_find(const struct inject_module *module, const char *name);

#endif
